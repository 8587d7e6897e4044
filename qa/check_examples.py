"""Calls for the EXAMPLES of the checks, written as small scripts.

A script has a line for everything that is said, times in seconds from the start of the recording::

    坐席 0.5-4.0 您好，华宁通信，很高兴为您服务。
    客户 4.5-6.0 我想查一下话费。
    坐席 6.5-9.0 @0.3 听得不清楚的一句。

``@0.3`` is the recogniser's probability of the words (0.95 otherwise).  A line's characters share its time evenly.  Activity is
what the lines say; a line ``坐席 7.0-9.0`` without words is speech that nobody transcribed.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qa.types import (
    Acoustics,
    AudioInfo,
    Call,
    CallRecord,
    ChannelAcoustics,
    Edge,
    Outcome,
    Role,
    RoleAssignment,
    Roles,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    SpeechActivity,
    Tone,
    Transcript,
    Utterance,
    Word,
)

EDGE_MS = 15_000
MAX_S = 86_400
"""No call of an example is longer than a day (s)."""
FRAME_MS = 20
SWING_FRAMES = 50  # a second up and down
_START = "2025-03-04T09:01:00.000+08:00"
_SECONDS = r"(\d+(?:\.\d+)?)"
_LINE = re.compile(rf"(坐席|客户)\s+{_SECONDS}-{_SECONDS}(?:\s+@{_SECONDS})?(?:\s+(\S.*))?")
_SPEAKERS = {"坐席": "ch0", "客户": "ch1"}


@dataclass(frozen=True)
class Example:
    """A call and what a check must find in it.

    ``span_ms`` is the first evidence of the finding that decides the outcome (due for every FAIL); ``values`` are figures that the
    finding must carry.
    """

    name: str
    call: Callable[[], Call]
    outcome: Outcome
    span_ms: tuple[int, int] | None = None
    values: tuple[tuple[str, float | int | str | None], ...] = ()
    params: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.outcome is Outcome.FAIL and self.span_ms is None:
            raise ValueError("a FAIL of an example has its exact span")


@dataclass(frozen=True)
class Sound:
    """Sound of one channel: levels of speech and noise in dBov, louder stretches as (start s, end s, dB, pitch factor).

    ``pitch_range_st``: the pitch goes evenly up and down over so many semitones (0: it stays at 200 Hz).
    """

    level_dbov: float | None = -25.0
    noise_dbov: float = -65.0
    clipped_ratio: float = 0.0
    louder: tuple[tuple[float, float, float, float], ...] = ()
    pitch_range_st: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A script and what surrounds it; build the Call by ``Scene(…)()``.

    ``opening`` and ``closing``: script of the guard's second decode of the agent, None = hears the same (as that of the customer
    always does), "" = was not made.
    ``rings``: starts (s) of ringback bursts of 1 s on the agent's channel.  ``wait_s``: first ring to answer in the call record.
    ``record``: False for a recording without one.  ``hangup_by``: agent, customer, None.  ``mono``: nobody knows who speaks.
    ``talk_s``: answer to end in the call record, None = as long as the recording.  ``start``: first ring in the call record (ISO 8601),
    None = a working day of March 2025, 09:01.  ``line``: the line's number there.
    """

    script: str
    duration_s: float | None = None
    opening: str | None = None
    closing: str | None = None
    record: bool = True
    direction: str = "in"
    agent_id: str = "1024"
    wait_s: float | None = 6.0
    hangup_by: str | None = "agent"
    talk_s: float | None = None
    rings: tuple[float, ...] = ()
    mono: bool = False
    agent: Sound = field(default_factory=Sound)
    customer: Sound = field(default_factory=Sound)
    same_channels: bool = False
    start: str | None = None
    line: str = ""

    def __call__(self) -> Call:
        lines = parse(self.script)
        last = max((utterance.span.end_ms for utterance in lines), default=0)
        duration = round(self.duration_s * 1000) if self.duration_s is not None else last + 500
        info = AudioInfo("example.wav", "0" * 64, "wav", "pcm_s16le", 8000, 1 if self.mono else 2, duration)
        spans = {s: tuple(sorted(u.span for u in lines if u.speaker == s)) for s in ("ch0", "ch1")}
        said = tuple(sorted((u for u in lines if u.words), key=lambda u: u.span))
        turns = () if self.mono else tuple(SpeakerTurn(u.speaker, u.channel, u.span) for u in sorted(lines, key=lambda u: u.span))
        known = () if self.mono else (("ch0", Role.AGENT), ("ch1", Role.CUSTOMER))
        tones = tuple(Tone("ringback", 0, Span(round(s * 1000), round(s * 1000) + 1000), 450.0, -20.0) for s in self.rings)
        sounds = ((self.agent, spans["ch0"]), (self.customer, spans["ch1"]))[: info.channels]
        return Call(
            info,
            SpeechActivity((tuple(sorted(u.span for u in lines)),) if self.mono else (spans["ch0"], spans["ch1"]), "example"),
            SpeakerTurns("none" if self.mono else "channel", turns),
            Transcript("example", True, said, () if self.mono else self._edges(said, duration)),
            Acoustics(tuple(_channel(sound, where, duration) for sound, where in sounds), tones, self.same_channels),
            Roles(tuple(RoleAssignment(s, role, 1.0, "setting") for s, role in known)),
            self._record(duration) if self.record else None,
        )

    def _edges(self, said: tuple[Utterance, ...], duration: int) -> tuple[Edge, ...]:
        """Of the agent as asked for; those of the customer hear what the transcript has."""
        out = []
        for speaker, others in (("ch0", (self.opening, self.closing)), ("ch1", (None, None))):
            own = [u for u in said if u.speaker == speaker]
            for which, other in zip(("opening", "closing"), others, strict=True):
                if other == "" or not own:
                    continue
                first = own[0].span.start_ms
                opening = which == "opening"
                span = Span(first, min(duration, first + EDGE_MS)) if opening else Span(max(0, duration - EDGE_MS), duration)
                heard = own if other is None else parse(other)
                words = tuple(w for u in heard for w in u.words if span.start_ms <= w.span.start_ms < span.end_ms)
                out.append(Edge(which, speaker, span, words))
        return tuple(out)

    def _record(self, duration: int) -> CallRecord:
        wait = None if self.wait_s is None else round(self.wait_s * 1000)
        talk = duration if self.talk_s is None else round(self.talk_s * 1000)
        return CallRecord(
            file="example.wav",
            call_id="example",
            agent_id=self.agent_id,
            agent_name="",
            team="",
            direction=self.direction,
            customer_number="",
            line_number=self.line,
            start=None if wait is None else self._clock(0),
            answer=None if wait is None else self._clock(wait),
            end=None if wait is None else self._clock(wait + talk),
            hangup_by=self.hangup_by,
            agent_channel=None if self.mono else 0,
        )

    def _clock(self, ms: int) -> str:
        moment = datetime.datetime.fromisoformat(self.start or _START) + datetime.timedelta(milliseconds=ms)
        return moment.isoformat(timespec="milliseconds")


def parse(script: str) -> tuple[Utterance, ...]:
    """The utterances of a script in the order of its lines; one without words is speech that nobody transcribed.

    Raises ValueError, in Chinese, for a line that is none of a script.
    """
    out = []
    for line in filter(None, (line.strip() for line in script.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"“{line}”不是“坐席 0.5-4.0 说的话”的样子")
        speaker = _SPEAKERS[match[1]]
        if max(float(match[2]), float(match[3])) > MAX_S:
            raise ValueError(f"“{line}”的时间超过 {MAX_S} 秒（一天）")
        begin, end = (round(float(seconds) * 1000) for seconds in (match[2], match[3]))
        if begin >= end or float(match[4] or 0) > 1:
            raise ValueError(f"“{line}”的时间或把握（@）不可用")
        span = Span(begin, end)
        words = _words(match[5] or "", span, float(match[4] or 0.95))
        out.append(Utterance(speaker, int(speaker[2:]), span, words))
    return tuple(out)


def _words(text: str, span: Span, probability: float) -> tuple[Word, ...]:
    """A word a character, punctuation joined to the one before, as the recogniser writes them."""
    parts = re.findall(r"\w[^\w]*", text)
    step = span.duration_ms / max(1, len(parts))
    at = [span.start_ms + round(i * step) for i in range(len(parts) + 1)]
    return tuple(Word(part, Span(at[i], at[i + 1]), probability) for i, part in enumerate(parts))


def _channel(sound: Sound, speech: tuple[Span, ...], duration: int) -> ChannelAcoustics:
    frames = max(1, duration // FRAME_MS)
    level = np.full(frames, sound.noise_dbov, np.float32)
    pitch = np.zeros(frames, np.float32)
    for span in speech:
        part = slice(span.start_ms // FRAME_MS, span.end_ms // FRAME_MS)
        level[part] = -25.0 if sound.level_dbov is None else sound.level_dbov
        swing = np.abs(np.arange(frames)[part] % SWING_FRAMES * 2 / SWING_FRAMES - 1) - 0.5
        pitch[part] = 200.0 * 2 ** (swing * sound.pitch_range_st / 12)
    for start_s, end_s, louder_db, factor in sound.louder:
        part = slice(round(start_s * 1000) // FRAME_MS, round(end_s * 1000) // FRAME_MS)
        level[part] += np.float32(louder_db)
        pitch[part] *= np.float32(factor)
    total = sum(span.duration_ms for span in speech)
    known = sound.level_dbov if total else None
    return ChannelAcoustics(
        active_level_dbov=known,
        activity_factor=min(1.0, total / max(1, duration)),
        peak_dbov=min(0.0, float(level.max()) + 10.0),
        clipped_ratio=sound.clipped_ratio,
        noise_floor_dbov=sound.noise_dbov,
        snr_db=None if known is None else known - sound.noise_dbov,
        frame_ms=FRAME_MS,
        level_dbov=level,
        pitch_hz=pitch,
    )
