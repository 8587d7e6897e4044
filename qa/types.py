"""Values that pass between the stages.

Frozen, checked on construction, built of tuples; this module imports nothing else of the project.  Time is whole
milliseconds from the start of the recording.  Levels are dBov: a full-scale square wave is 0, a full-scale sine -3.01
(ITU-T G.100.1).  Rates are characters a minute (``_cpm``).
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Int16Array = npt.NDArray[np.int16]
Float32Array = npt.NDArray[np.float32]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view: stage results are shared and must not change."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of the recording, ``start_ms`` inclusive to ``end_ms`` exclusive."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        _require(isinstance(self.start_ms, int) and isinstance(self.end_ms, int), "a span is in whole milliseconds")
        _require(0 <= self.start_ms <= self.end_ms, f"span {self.start_ms}-{self.end_ms} ms runs backwards")

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms

    def overlap_ms(self, other: Span) -> int:
        """Milliseconds that both spans cover."""
        return max(0, min(self.end_ms, other.end_ms) - max(self.start_ms, other.start_ms))


# ---------------------------------------------------------------- audio


@dataclass(frozen=True)
class AudioInfo:
    """What is known of a recording without listening to it.

    ``notes`` are discrepancies found while decoding (Chinese, e.g. a header that lies about its length).
    """

    path: str
    sha256: str
    container: str
    codec: str
    rate_hz: int
    channels: int
    duration_ms: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(len(self.sha256) == 64, "sha256 is 64 hexadecimal digits")
        _require(self.channels in (1, 2), "a call has one or two channels")
        _require(self.duration_ms >= 0, "duration is not negative")


@dataclass(frozen=True)
class Audio:
    """Decoded samples: ``pcm`` is int16 (samples, channels) at the native rate, read-only."""

    info: AudioInfo
    pcm: Int16Array

    def __post_init__(self) -> None:
        _require(self.pcm.ndim == 2 and self.pcm.shape[1] == self.info.channels, "pcm is (samples, channels)")
        object.__setattr__(self, "pcm", _frozen(self.pcm))

    def channel(self, index: int) -> Float32Array:
        """One channel as float32 in -1..1 at the native rate."""
        return (self.pcm[:, index].astype(np.float32) / np.float32(32768.0)).astype(np.float32)


# ---------------------------------------------------------------- speech activity and speakers


@dataclass(frozen=True)
class SpeechActivity:
    """Stretches of speech, one sorted tuple a channel, on a grid of 30 ms; ``method`` names the detector."""

    channels: tuple[tuple[Span, ...], ...]
    method: str

    def __post_init__(self) -> None:
        for spans in self.channels:
            _require(all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(spans)), "spans are sorted and apart")


@dataclass(frozen=True)
class SpeakerTurn:
    """``speaker`` is a label inside the recording ("ch0", "ch1", later "SPEAKER_00"), not yet a role."""

    speaker: str
    channel: int
    span: Span


@dataclass(frozen=True)
class SpeakerTurns:
    """Who speaks when.  ``method``: ``channel`` (stereo: channel = speaker), ``pyannote`` or ``none`` (mono, unknown)."""

    method: str
    turns: tuple[SpeakerTurn, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self.method in ("channel", "pyannote", "none"), f"unknown method {self.method}")

    def of(self, speaker: str) -> tuple[Span, ...]:
        return tuple(t.span for t in self.turns if t.speaker == speaker)


# ---------------------------------------------------------------- transcription


@dataclass(frozen=True)
class Word:
    """A word or character with its time and the recogniser's probability (0-1)."""

    text: str
    span: Span
    probability: float

    def __post_init__(self) -> None:
        _require(0.0 <= self.probability <= 1.0, "a probability is 0-1")


@dataclass(frozen=True)
class Utterance:
    """What one speaker says without a long pause.  ``text`` joins the words; ``speaker`` as in SpeakerTurn."""

    speaker: str
    channel: int
    span: Span
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return "".join(w.text for w in self.words)


@dataclass(frozen=True)
class Edge:
    """The second, independent decode of the opening or closing seconds of a speaker (omission guard).

    ``which`` is ``opening`` or ``closing``; decoded without speech activity detection and unbatched.
    """

    which: str
    speaker: str
    span: Span
    words: tuple[Word, ...]

    def __post_init__(self) -> None:
        _require(self.which in ("opening", "closing"), f"unknown edge {self.which}")

    @property
    def text(self) -> str:
        return "".join(w.text for w in self.words)


@dataclass(frozen=True)
class Transcript:
    """Utterances sorted by start; ``model`` identifies the recogniser (name and weights hash); ``demo`` marks the bundled one.

    ``dropped`` are utterances that the guard against invented text took out (kept for the reader).
    """

    model: str
    demo: bool
    utterances: tuple[Utterance, ...]
    edges: tuple[Edge, ...] = ()
    dropped: tuple[Utterance, ...] = ()

    def of(self, speaker: str) -> tuple[Utterance, ...]:
        return tuple(u for u in self.utterances if u.speaker == speaker)


# ---------------------------------------------------------------- acoustics


@dataclass(frozen=True)
class Tone:
    """One burst of a signalling tone.  ``kind``: ``ringback`` (450 Hz 1 s on / 4 s off), ``busy``, ``congestion``, ``other``."""

    kind: str
    channel: int
    span: Span
    frequency_hz: float
    level_dbov: float


@dataclass(frozen=True)
class ChannelAcoustics:
    """Measures of one channel, over the speech of that channel where a name says active.

    ``active_level_dbov`` is the active speech level of ITU-T P.56 (None where there is no speech), ``activity_factor`` its
    activity (0-1), ``peak_dbov`` the largest sample, ``clipped_ratio`` the share of speech samples in runs at the rail,
    ``noise_floor_dbov`` the level between speech, ``snr_db`` their distance.  ``level_dbov`` (frames of ``frame_ms``, RMS) and
    ``pitch_hz`` (same frames, 0 = unvoiced) are read-only float32 tracks.
    """

    active_level_dbov: float | None
    activity_factor: float
    peak_dbov: float
    clipped_ratio: float
    noise_floor_dbov: float
    snr_db: float | None
    frame_ms: int
    level_dbov: Float32Array = field(compare=False)
    pitch_hz: Float32Array = field(compare=False)

    def __post_init__(self) -> None:
        _require(len(self.level_dbov) == len(self.pitch_hz), "tracks share their frames")
        object.__setattr__(self, "level_dbov", _frozen(self.level_dbov))
        object.__setattr__(self, "pitch_hz", _frozen(self.pitch_hz))


@dataclass(frozen=True)
class Acoustics:
    """Measures of every channel and the signalling tones of the recording, sorted by time.

    ``same_channels``: both channels hold one signal (a fake stereo file).
    """

    channels: tuple[ChannelAcoustics, ...]
    tones: tuple[Tone, ...]
    same_channels: bool = False


# ---------------------------------------------------------------- roles, records, the call


class Role(enum.StrEnum):
    AGENT = "agent"
    CUSTOMER = "customer"
    ANNOUNCEMENT = "announcement"
    THIRD_PARTY = "third_party"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RoleAssignment:
    """Role of a speaker label with a confidence (0-1) and its source (``record``, ``setting``, ``content``, ``person``)."""

    speaker: str
    role: Role
    confidence: float
    source: str


@dataclass(frozen=True)
class Roles:
    assignments: tuple[RoleAssignment, ...]

    def speaker(self, role: Role) -> str | None:
        """The one speaker in ``role``, or None if there is none or more than one."""
        found = [a.speaker for a in self.assignments if a.role is role]
        return found[0] if len(found) == 1 else None

    def role_of(self, speaker: str) -> Role:
        return next((a.role for a in self.assignments if a.speaker == speaker), Role.UNKNOWN)


@dataclass(frozen=True)
class CallRecord:
    """The switch's record of a call.  Times are ISO 8601 with milliseconds, None where the field is empty.

    ``start`` is the first ring.  ``hangup_by``: agent, customer or None.  ``agent_channel``: 0, 1 or None.
    """

    file: str
    call_id: str
    agent_id: str
    agent_name: str
    team: str
    direction: str
    customer_number: str
    line_number: str
    start: str | None
    answer: str | None
    end: str | None
    hangup_by: str | None
    agent_channel: int | None

    def __post_init__(self) -> None:
        _require(self.direction in ("in", "out"), f"direction is in or out, not {self.direction!r}")
        _require(self.hangup_by in ("agent", "customer", None), f"hangup_by is agent, customer or empty, not {self.hangup_by!r}")
        _require(self.agent_channel in (0, 1, None), f"agent_channel is 0, 1 or empty, not {self.agent_channel!r}")


@dataclass(frozen=True)
class Call:
    """All that a check may look at."""

    audio: AudioInfo
    activity: SpeechActivity
    turns: SpeakerTurns
    transcript: Transcript
    acoustics: Acoustics
    roles: Roles
    record: CallRecord | None = None

    def speaker(self, role: Role) -> str | None:
        return self.roles.speaker(role)

    def utterances(self, role: Role) -> tuple[Utterance, ...]:
        """Utterances of the one speaker in ``role``; empty if the role is not known."""
        speaker = self.speaker(role)
        return () if speaker is None else self.transcript.of(speaker)

    def edges(self, role: Role, which: str) -> tuple[Edge, ...]:
        speaker = self.speaker(role)
        return tuple(e for e in self.transcript.edges if e.which == which and e.speaker == speaker)

    def channel_of(self, role: Role) -> int | None:
        """Channel of the one speaker in ``role`` in a stereo call, else None."""
        speaker = self.speaker(role)
        if speaker is None or self.turns.method != "channel":
            return None
        return int(speaker.removeprefix("ch"))

    def channel_acoustics(self, role: Role) -> ChannelAcoustics | None:
        channel = self.channel_of(role)
        return None if channel is None else self.acoustics.channels[channel]


# ---------------------------------------------------------------- findings and scorecards


class Outcome(enum.StrEnum):
    """Only PASS and FAIL earn or lose points; NOT_APPLICABLE leaves the denominator; the others lower coverage."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True)
class Evidence:
    """Seconds of the recording that a finding rests on, and the words said there (or what was due there)."""

    span: Span
    role: Role
    text: str = ""


@dataclass(frozen=True)
class Finding:
    """A fact that a check found: no points.  ``values`` are measured figures by name, units in the name.

    A FAIL without evidence cannot be constructed.
    """

    outcome: Outcome
    message: str
    evidence: tuple[Evidence, ...] = ()
    values: tuple[tuple[str, float | int | str | None], ...] = ()

    def __post_init__(self) -> None:
        _require(self.outcome is not Outcome.FAIL or bool(self.evidence), "a FAIL needs evidence")
        _require(bool(self.message), "a finding says what was found")

    def value(self, name: str) -> float | int | str | None:
        return dict(self.values).get(name)


@dataclass(frozen=True)
class CheckResult:
    """A check's findings under a rule book: ``points`` of ``weight``, None unless PASS or FAIL."""

    check_id: str
    title: str
    clause: str
    outcome: Outcome
    weight: float
    points: float | None
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        ruled = self.outcome in (Outcome.PASS, Outcome.FAIL)
        _require(ruled == (self.points is not None), "points are for PASS and FAIL alone")


@dataclass(frozen=True)
class Provenance:
    """What a scorecard was made from and with; ``demo`` is true if the bundled demonstration model was used."""

    file_sha256: str
    models: tuple[tuple[str, str], ...]
    rule_book: str
    rule_book_version: str
    program_version: str
    demo: bool


@dataclass(frozen=True)
class Scorecard:
    """Results of one call: ``percent`` is None below ``min_coverage`` or where nothing was ruled."""

    call_id: str
    agent_id: str | None
    percent: float | None
    coverage: float
    results: tuple[CheckResult, ...]
    provenance: Provenance
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self.percent is None or 0.0 <= self.percent <= 100.0, "percent is 0-100 or None")
        _require(0.0 <= self.coverage <= 1.0, "coverage is 0-1")

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)

    def result(self, check_id: str) -> CheckResult | None:
        return next((r for r in self.results if r.check_id == check_id), None)
