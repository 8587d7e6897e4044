"""Stretches of a call that are somebody else's than their channel or voice says, given labels of their own.

A stretch in the role of the agent or the customer is that one's, who was taken for two voices: it gets the label that has the role.

A pure step: what was heard stays beside it (``Call.before``) and is what is stored, so that other roles need nothing but the call itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from qa.callfacts import bridged, gaps
from qa.part_levels import clipped_at_most, level_moved, noise_moved, sound_moved, sounds_joined
from qa.types import (
    Acoustics,
    AsHeard,
    Call,
    ChannelAcoustics,
    Edge,
    Role,
    RoleAssignment,
    Span,
    SpeakerSound,
    SpeakerTurn,
    SpeakerTurns,
    Transcript,
    Utterance,
    Word,
)

LABELS = {Role.ANNOUNCEMENT: "announcement", Role.THIRD_PARTY: "third", Role.UNKNOWN: "unsure"}
"""What the speaker of a stretch is called, who has no label yet."""


@dataclass(frozen=True)
class _Piece:
    """A stretch of ``speaker`` that goes to ``label``."""

    speaker: str
    span: Span
    label: str


def applied(call: Call) -> Call:
    """The call (as it was heard) with the stretches of its roles set apart; their labels are in the roles as well."""
    heard = call.as_heard
    stretches = heard.roles.stretches
    if not stretches:
        return heard
    pieces = [_Piece(one.speaker, one.span, LABELS.get(one.role) or heard.speaker(one.role) or one.speaker) for one in stretches]
    made = {LABELS[one.role]: one.role for one in stretches if one.role in LABELS}
    known = {a.speaker for a in heard.roles.assignments}
    named = (RoleAssignment(label, role, 1.0, "content") for label, role in made.items() if label not in known)
    return replace(
        heard,
        turns=_turns(heard, pieces),
        transcript=_transcript(heard.transcript, pieces),
        acoustics=_acoustics(heard, pieces),
        roles=replace(heard.roles, assignments=(*heard.roles.assignments, *named)),
        before=AsHeard(heard.turns, heard.transcript, heard.acoustics),
    )


def _of(speaker: str, pieces: Iterable[_Piece]) -> list[_Piece]:
    return [one for one in pieces if one.speaker == speaker]


# ---------------------------------------------------------------- turns


def _turns(call: Call, pieces: Sequence[_Piece]) -> SpeakerTurns:
    whole = call.turns
    left = replace(whole, turns=_divided(whole.turns, pieces), exclusive=_divided(whole.exclusive, pieces), sounds=())
    sounds: dict[str, list[SpeakerSound]] = {}
    for sound in whole.sounds:
        own, before = _of(sound.speaker, pieces), whole.alone(sound.speaker)
        for label in dict.fromkeys((sound.speaker, *(one.label for one in own if one.label not in LABELS.values()))):
            after = _kept(sound.speaker, label, before, own)
            moved = sound_moved(replace(sound, speaker=label), call.acoustics.channels[0], before, after) if own else sound
            sounds.setdefault(label, []).extend([moved] if after else [])
    return replace(left, turns=_joined(left.turns, pieces), sounds=tuple(sounds_joined(found) for found in sounds.values() if found))


def _kept(speaker: str, label: str, spans: Iterable[Span], own: Sequence[_Piece]) -> list[Span]:
    """What of the ``spans`` of a speaker goes to ``label``."""
    if label == speaker:
        return [part for span in spans for part in gaps([one.span for one in own], span)]
    inside = [(span, one.span) for span in spans for one in own if one.label == label and span.overlap_ms(one.span)]
    return [Span(max(a.start_ms, b.start_ms), min(a.end_ms, b.end_ms)) for a, b in inside]


def _joined(turns: tuple[SpeakerTurn, ...], pieces: Sequence[_Piece]) -> tuple[SpeakerTurn, ...]:
    """Turns of one who was taken for two: where both spoke he spoke once."""
    out = turns
    for label in {one.label for one in pieces} - set(LABELS.values()):
        own = [turn for turn in out if turn.speaker == label]
        joined = [SpeakerTurn(label, 0, span) for span in bridged((turn.span for turn in own), 0)]
        out = tuple(sorted([*(turn for turn in out if turn.speaker != label), *joined], key=lambda t: (t.span, t.channel, t.speaker)))
    return out


def _divided(turns: Iterable[SpeakerTurn], pieces: Sequence[_Piece]) -> tuple[SpeakerTurn, ...]:
    out = []
    for turn in turns:
        own = [one for one in _of(turn.speaker, pieces) if one.span.overlap_ms(turn.span)]
        out += [replace(turn, span=span) for span in gaps([one.span for one in own], turn.span)]
        for one in own:
            inside = Span(max(one.span.start_ms, turn.span.start_ms), min(one.span.end_ms, turn.span.end_ms))
            out.append(SpeakerTurn(one.label, turn.channel, inside))
    return tuple(sorted(out, key=lambda t: (t.span, t.channel, t.speaker)))


# ---------------------------------------------------------------- words


def _transcript(transcript: Transcript, pieces: Sequence[_Piece]) -> Transcript:
    said = _said(transcript.utterances, pieces)
    edges = _united(one for edge in transcript.edges for one in _edges(edge, _of(edge.speaker, pieces)))
    return replace(
        transcript,
        utterances=said,
        edges=tuple(edge for edge in edges if _at_its_end(edge, said)),
        dropped=_said(transcript.dropped, pieces),
    )


def _whose(speaker: str, word: Word, pieces: Iterable[_Piece]) -> str:
    """The label of a word of ``speaker``: it belongs where its middle lies."""
    middle = (word.span.start_ms + word.span.end_ms) // 2
    inside = (one for one in pieces if one.speaker == speaker and one.span.start_ms <= middle < one.span.end_ms)
    return next((one.label for one in inside), speaker)


def _said(utterances: Iterable[Utterance], pieces: Sequence[_Piece]) -> tuple[Utterance, ...]:
    out = []
    for one in utterances:
        parts = [(label, tuple(words)) for label, words in itertools.groupby(one.words, key=lambda w: _whose(one.speaker, w, pieces))]
        if len(parts) <= 1:
            out += [replace(one, speaker=parts[0][0] if parts else one.speaker)]
            continue
        for label, words in parts:
            span = Span(words[0].span.start_ms, max(word.span.end_ms for word in words))
            out.append(replace(one, speaker=label, words=words, span=span))
    return tuple(sorted(out, key=lambda u: (u.span, u.channel)))


def _edges(edge: Edge, own: Sequence[_Piece]) -> list[Edge]:
    """A second decode for each stretch in it and for what is left before, between and behind them."""
    inside = [one for one in own if one.span.overlap_ms(edge.span)]
    if not inside:
        return [edge]
    parts = [(edge.speaker, span) for span in gaps([one.span for one in inside], edge.span)]
    parts += [(one.label, Span(max(one.span.start_ms, edge.span.start_ms), min(one.span.end_ms, edge.span.end_ms))) for one in inside]
    made = []
    for speaker, span in parts:
        words = tuple(w for w in edge.words if span.start_ms <= (w.span.start_ms + w.span.end_ms) // 2 < span.end_ms)
        made.append(Edge(edge.which, speaker, span, words))
    return made


def _united(edges: Iterable[Edge]) -> list[Edge]:
    """Second decodes with one for each speaker and place, also of one who was taken for two."""
    words: dict[tuple[str, str, Span], list[Word]] = {}
    for edge in edges:
        words.setdefault((edge.which, edge.speaker, edge.span), []).extend(edge.words)
    return [Edge(which, who, span, tuple(sorted(found, key=lambda w: w.span))) for (which, who, span), found in words.items()]


def _at_its_end(edge: Edge, said: Sequence[Utterance]) -> bool:
    """Whether a second decode covers its speaker's first (last) words: one that lies elsewhere proves nothing about them."""
    own = [u.span for u in said if u.speaker == edge.speaker]
    if not own:
        return True
    if edge.which == "opening":
        return edge.span.start_ms <= min(s.start_ms for s in own) < edge.span.end_ms
    return edge.span.start_ms < max(s.end_ms for s in own) <= edge.span.end_ms


# ---------------------------------------------------------------- sound


def _acoustics(call: Call, pieces: Sequence[_Piece]) -> Acoustics:
    """Of a stereo call the levels of what is left on each channel; of any the noise without what a machine plays."""
    channels = list[ChannelAcoustics]()
    for index, sound in enumerate(call.acoustics.channels):
        stereo, spans = call.turns.method == "channel", call.activity.channels[index]
        here = sorted(one.span for one in pieces if not stereo or one.speaker == f"ch{index}")
        left = [part for span in spans for part in gaps(here, span)]
        moved = clipped_at_most(level_moved(sound, spans, left), spans, left) if stereo and here else sound
        played = [span for one in pieces if one.span in here for span in _behind(one, spans, call.audio.duration_ms)]
        channels.append(noise_moved(moved, _busy(call, played)) if played else moved)
    return replace(call.acoustics, channels=tuple(channels))


def _behind(piece: _Piece, speech: Sequence[Span], end_ms: int) -> list[Span]:
    """From the end of an announcement to the next speech: music may be played there, which is no noise of the line."""
    if piece.label != LABELS[Role.ANNOUNCEMENT]:
        return []
    begins = min((span.start_ms for span in speech if span.end_ms > piece.span.end_ms), default=end_ms)
    return [Span(piece.span.start_ms, max(piece.span.end_ms, begins))]


def _busy(call: Call, played: Sequence[Span]) -> list[Span]:
    speech = (span for spans in call.activity.channels for span in spans)
    return [*speech, *(tone.span for tone in call.acoustics.tones), *played]
