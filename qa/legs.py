"""An agent's part of a call that several agents took, cut out by time.

Times stay those of the recording.  What is measured over a whole channel is measured anew as far as the frames allow: the active speech
level is the whole channel's moved by as much as the frames of the part differ from those of the whole; the peak and the share of clipped
samples cannot be told apart and stay the channel's, which a note says where anything was clipped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from qa import roles
from qa.part_levels import frames, level_moved
from qa.records import Part
from qa.role_settings import RoleSettings
from qa.types import Call, ChannelAcoustics, Span, SpeechActivity, Transcript, Utterance, Word

CLIPPED_NOTE = "录音按坐席分段评分；削波和峰值按整段录音计，未分坐席"


def parts(call: Call, found: Sequence[Part], settings: RoleSettings = RoleSettings()) -> tuple[Call, ...]:  # noqa: B008 - frozen
    """The call once for each part, with its record and the roles that this gives; the call itself where nothing is cut."""
    if len(found) == 1 and found[0].window is None and found[0].record == call.record:
        return (call,)
    made, heard = [], call.as_heard
    for one in found:
        cut = heard if one.window is None else part(heard, one.window.start_ms, one.window.end_ms)
        made.append(roles.told(replace(cut, record=one.record), settings))
    return tuple(made)


def part(call: Call, from_ms: int, to_ms: int) -> Call:
    """What of the call lies between ``from_ms`` and ``to_ms`` of the recording.

    The opening edge belongs to a part that begins with the recording, the closing edge to one that ends with it: in between nothing was
    heard a second time, so that no omission is proven there.  A word belongs where its middle lies.
    """
    window, whole_ms = Span(from_ms, min(to_ms, call.audio.duration_ms)), call.audio.duration_ms
    edges = {"opening": from_ms == 0, "closing": window.end_ms == whole_ms}
    active, leaks = (tuple(_cut(spans, window) for spans in each) for each in (call.activity.channels, call.activity.leaks))
    heard = SpeechActivity(active, call.activity.method, leaks)
    turns, exclusive = (
        tuple(replace(t, span=s) for t in found for s in _cut([t.span], window)) for found in (call.turns.turns, call.turns.exclusive)
    )
    transcript = Transcript(
        call.transcript.model,
        call.transcript.demo,
        _said(call.transcript.utterances, window),
        tuple(edge for edge in call.transcript.edges if edges[edge.which]),
        _said(call.transcript.dropped, window),
    )
    measured = tuple(
        _sound(sound, whole, cut, window)
        for sound, whole, cut in itertools.zip_longest(call.acoustics.channels, call.activity.channels, heard.channels, fillvalue=())
        if isinstance(sound, ChannelAcoustics)
    )
    tones = tuple(replace(t, span=s) for t in call.acoustics.tones for s in _cut([t.span], window))
    clipped = any(sound.clipped_ratio > 0 for sound in measured)
    notes = (*call.audio.notes, CLIPPED_NOTE) if clipped and CLIPPED_NOTE not in call.audio.notes else call.audio.notes
    return replace(
        call,
        audio=replace(call.audio, duration_ms=window.end_ms, from_ms=window.start_ms, whole_ms=whole_ms, notes=notes),
        activity=heard,
        turns=replace(call.turns, turns=turns, exclusive=exclusive, sounds=()),  # the speakers' figures are those of the whole
        transcript=transcript,
        acoustics=replace(call.acoustics, channels=measured, tones=tones),
    )


def _cut(spans: Iterable[Span], window: Span) -> tuple[Span, ...]:
    inside = ((max(s.start_ms, window.start_ms), min(s.end_ms, window.end_ms)) for s in spans)
    return tuple(Span(a, b) for a, b in inside if a < b)


def _said(utterances: Iterable[Utterance], window: Span) -> tuple[Utterance, ...]:
    made = []
    for one in utterances:
        words = tuple(word for word in one.words if _middle(word) in range(window.start_ms, window.end_ms))
        if len(words) == len(one.words):
            made.append(one)
        elif words:
            made.append(replace(one, words=words, span=Span(words[0].span.start_ms, max(word.span.end_ms for word in words))))
    return tuple(one for one in made if one.words)


def _middle(word: Word) -> int:
    return (word.span.start_ms + word.span.end_ms) // 2


def _sound(sound: ChannelAcoustics, whole: Sequence[Span], cut: Sequence[Span], window: Span) -> ChannelAcoustics:
    """A channel's measures of the part: tracks keep their length and are silent outside of it."""
    inside = frames(sound, [window])
    level, pitch = sound.level_dbov.copy(), sound.pitch_hz.copy()
    level[~inside] = min(float(sound.noise_floor_dbov), float(level.min(initial=0.0)))
    pitch[~inside] = 0.0
    spoken_ms, window_ms = sum(s.duration_ms for s in cut), max(1, window.duration_ms)
    part = level_moved(sound, whole, cut)
    return replace(part, activity_factor=min(1.0, spoken_ms / window_ms), level_dbov=level, pitch_hz=pitch)
