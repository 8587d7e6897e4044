"""Stretches of a call that are somebody else's than their channel or voice says, given labels of their own.

A pure step: what was heard stays beside it (``Call.before``) and is what is stored, so that other roles need nothing but the call itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from qa.callfacts import gaps
from qa.part_levels import level_moved
from qa.types import (
    Acoustics,
    AsHeard,
    Call,
    ChannelAcoustics,
    Edge,
    Role,
    RoleAssignment,
    RoleStretch,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    Transcript,
    Utterance,
    Word,
)

LABELS = {Role.ANNOUNCEMENT: "announcement", Role.THIRD_PARTY: "third", Role.UNKNOWN: "unsure"}
"""What the speaker of a stretch is called."""
SAME_SHARE = 0.1
"""A speaker of a mono recording who loses more than this share of his time has no figures of his own any more."""


def applied(call: Call) -> Call:
    """The call (as it was heard) with the stretches of its roles set apart; their labels are in the roles as well."""
    heard = call.as_heard
    stretches = heard.roles.stretches
    if not stretches:
        return heard
    made = {LABELS[one.role]: one.role for one in stretches}
    known = {a.speaker for a in heard.roles.assignments}
    named = (RoleAssignment(label, role, 1.0, "content") for label, role in made.items() if label not in known)
    return replace(
        heard,
        turns=_turns(heard.turns, stretches),
        transcript=_transcript(heard.transcript, stretches),
        acoustics=_acoustics(heard, stretches),
        roles=replace(heard.roles, assignments=(*heard.roles.assignments, *named)),
        before=AsHeard(heard.turns, heard.transcript, heard.acoustics),
    )


def _of(speaker: str, stretches: Iterable[RoleStretch]) -> list[RoleStretch]:
    return [one for one in stretches if one.speaker == speaker]


# ---------------------------------------------------------------- turns


def _turns(turns: SpeakerTurns, stretches: Sequence[RoleStretch]) -> SpeakerTurns:
    sounds = []
    for sound in turns.sounds:
        whole = sum(span.duration_ms for span in turns.of(sound.speaker))
        lost = sum(span.overlap_ms(one.span) for span in turns.of(sound.speaker) for one in _of(sound.speaker, stretches))
        sounds += [sound] if lost <= SAME_SHARE * whole else []
    return replace(turns, turns=_divided(turns.turns, stretches), exclusive=_divided(turns.exclusive, stretches), sounds=tuple(sounds))


def _divided(turns: Iterable[SpeakerTurn], stretches: Sequence[RoleStretch]) -> tuple[SpeakerTurn, ...]:
    out = []
    for turn in turns:
        own = [one for one in _of(turn.speaker, stretches) if one.span.overlap_ms(turn.span)]
        out += [replace(turn, span=span) for span in gaps([one.span for one in own], turn.span)]
        for one in own:
            inside = Span(max(one.span.start_ms, turn.span.start_ms), min(one.span.end_ms, turn.span.end_ms))
            out.append(SpeakerTurn(LABELS[one.role], turn.channel, inside))
    return tuple(sorted(out, key=lambda t: (t.span, t.channel, t.speaker)))


# ---------------------------------------------------------------- words


def _transcript(transcript: Transcript, stretches: Sequence[RoleStretch]) -> Transcript:
    said = _said(transcript.utterances, stretches)
    edges = [one for edge in transcript.edges for one in _edges(edge, _of(edge.speaker, stretches))]
    return replace(
        transcript,
        utterances=said,
        edges=tuple(edge for edge in edges if _at_its_end(edge, said)),
        dropped=_said(transcript.dropped, stretches),
    )


def whose(speaker: str, word: Word, stretches: Iterable[RoleStretch]) -> str:
    """The label of a word of ``speaker``: it belongs where its middle lies."""
    middle = (word.span.start_ms + word.span.end_ms) // 2
    inside = (one for one in stretches if one.speaker == speaker and one.span.start_ms <= middle < one.span.end_ms)
    return next((LABELS[one.role] for one in inside), speaker)


def _said(utterances: Iterable[Utterance], stretches: Sequence[RoleStretch]) -> tuple[Utterance, ...]:
    out = []
    for one in utterances:
        parts = [(label, tuple(words)) for label, words in itertools.groupby(one.words, key=lambda w: whose(one.speaker, w, stretches))]
        if len(parts) <= 1:
            out += [replace(one, speaker=parts[0][0] if parts else one.speaker)]
            continue
        for label, words in parts:
            span = Span(words[0].span.start_ms, max(word.span.end_ms for word in words))
            out.append(replace(one, speaker=label, words=words, span=span))
    return tuple(sorted(out, key=lambda u: (u.span, u.channel)))


def _edges(edge: Edge, own: Sequence[RoleStretch]) -> list[Edge]:
    """A second decode for each stretch in it and for what is left before, between and behind them."""
    inside = [one for one in own if one.span.overlap_ms(edge.span)]
    if not inside:
        return [edge]
    parts = [(edge.speaker, span) for span in gaps([one.span for one in inside], edge.span)]
    parts += [
        (LABELS[one.role], Span(max(one.span.start_ms, edge.span.start_ms), min(one.span.end_ms, edge.span.end_ms))) for one in inside
    ]
    made = []
    for speaker, span in parts:
        words = tuple(w for w in edge.words if span.start_ms <= (w.span.start_ms + w.span.end_ms) // 2 < span.end_ms)
        made.append(Edge(edge.which, speaker, span, words))
    return made


def _at_its_end(edge: Edge, said: Sequence[Utterance]) -> bool:
    """Whether a second decode covers its speaker's first (last) words: one that lies elsewhere proves nothing about them."""
    own = [u.span for u in said if u.speaker == edge.speaker]
    if not own:
        return True
    if edge.which == "opening":
        return edge.span.start_ms <= min(s.start_ms for s in own) < edge.span.end_ms
    return edge.span.start_ms < max(s.end_ms for s in own) <= edge.span.end_ms


# ---------------------------------------------------------------- sound


def _acoustics(call: Call, stretches: Sequence[RoleStretch]) -> Acoustics:
    """Of a stereo call the levels of what is left on each channel."""
    if call.turns.method != "channel":
        return call.acoustics
    channels = list[ChannelAcoustics]()
    for index, sound in enumerate(call.acoustics.channels):
        own = sorted(one.span for one in _of(f"ch{index}", stretches))
        spans = call.activity.channels[index]
        left = [part for span in spans for part in gaps(own, span)]
        channels.append(level_moved(sound, spans, left) if own else sound)
    return replace(call.acoustics, channels=tuple(channels))
