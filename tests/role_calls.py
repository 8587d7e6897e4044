"""Calls written as lines of speakers, for the tests of roles: ``a`` and ``c`` are labels of whoever the test says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from qa.check_examples import Scene
from qa.types import (
    Call,
    CallRecord,
    ChannelAcoustics,
    Edge,
    Roles,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    SpeechActivity,
    Transcript,
    Utterance,
    VoiceLikeness,
    Word,
)

PER_MS, PAUSE_MS, BEGIN_MS = 200, 700, 6000
ENGINE = "fake/engine@1"


def words(text: str, start_ms: int) -> tuple[Word, ...]:
    made: list[Word] = []
    for character in text:
        if character in "，。？！":
            made[-1] = replace(made[-1], text=made[-1].text + character)
        else:
            at = start_ms + PER_MS * len(made)
            made.append(Word(character, Span(at, at + PER_MS), 0.9))
    return tuple(made)


def spoken_call(lines: list[tuple[str, str]], method: str = ENGINE, record: CallRecord | None = None, edges: bool = False) -> Call:
    """``lines`` are (label, text); a label alone, with "" for text, is 4 s of sound without words.  ``edges``: second decodes of 15 s."""
    at, said, turns = BEGIN_MS, list[Utterance](), list[SpeakerTurn]()
    for label, text in lines:
        channel = int(label[-1]) if method == "channel" else 0
        heard = words(text, at)
        span = Span(at, heard[-1].span.end_ms if heard else at + 4000)
        turns.append(SpeakerTurn(label, channel, span))
        said += [Utterance(label, channel, span, heard)] if heard else []
        at = span.end_ms + PAUSE_MS
    channels = 2 if method == "channel" else 1
    base = Scene("坐席 0.5-1.0 喂", mono=channels == 1)()
    activity = tuple(tuple(t.span for t in turns if t.channel == channel) for channel in range(channels))
    ends = (("opening", Span(BEGIN_MS, BEGIN_MS + 15_000)), ("closing", Span(max(0, at - 15_000), at)))
    second = tuple(
        Edge(which, label, span, tuple(w for u in said if u.speaker == label for w in u.words if span.overlap_ms(w.span)))
        for which, span in ends
        for label in dict.fromkeys(u.speaker for u in said)
    )
    return replace(
        base,
        audio=replace(base.audio, duration_ms=at, channels=channels),
        activity=SpeechActivity(activity, "test"),
        turns=told_apart(turns) if method == ENGINE else SpeakerTurns(method, tuple(turns)),
        transcript=Transcript("demo@0", True, tuple(said), second if edges else ()),
        acoustics=replace(base.acoustics, channels=tuple(_longer(base, at) for _ in range(channels))),
        roles=Roles(()),
        record=record,
    )


def told_apart(turns: list[SpeakerTurn], persons: Mapping[int, str] | None = None, same: float = 0.5) -> SpeakerTurns:
    """Turns of an engine that compared them, one stretch each: 0.9 alike where one person speaks, else 0.1.

    ``persons``: by number of the turn who really speaks, where that is not whom its label names.
    """
    who = [(persons or {}).get(number, turn.speaker) for number, turn in enumerate(turns)]
    cosines = bytes(100 if a == b else 90 if who[a] == who[b] else 10 for a in range(len(turns)) for b in range(len(turns)))
    alike = VoiceLikeness(tuple(t.span for t in turns), tuple(range(len(turns))), cosines, same)
    return SpeakerTurns(ENGINE, tuple(turns), (), tuple(turns), alike=alike)


def _longer(base: Call, duration_ms: int) -> ChannelAcoustics:
    sound = base.acoustics.channels[0]
    frames = duration_ms // sound.frame_ms + 1
    return replace(sound, level_dbov=np.full(frames, -25.0, np.float32), pitch_hz=np.full(frames, 200.0, np.float32))


def record(channel: int | None = None, direction: str = "in", agent: str = "8003") -> CallRecord:
    return CallRecord("a.wav", "C1", agent, "林小雨", "一组", direction, "13812345678", "", None, None, None, None, channel)
