"""Measured from the sound: samples, speech activity, speakers, levels, pitch and tones."""

from __future__ import annotations

import itertools
import mmap
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from qa.types.span import Span, frozen, require

Int16Array = npt.NDArray[np.int16]
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AudioInfo:
    """What is known of a recording without listening to it.

    ``notes`` are discrepancies found while decoding (Chinese, e.g. a header that lies about its length).  Of an agent's part of a recording
    (``qa.legs``) ``from_ms`` is where it begins, ``duration_ms`` where it ends and ``whole_ms`` the length of all of it.
    """

    path: str
    sha256: str
    container: str
    codec: str
    rate_hz: int
    channels: int
    duration_ms: int
    notes: tuple[str, ...] = ()
    from_ms: int = 0
    whole_ms: int | None = None

    def __post_init__(self) -> None:
        require(len(self.sha256) == 64, "sha256 is 64 hexadecimal digits")
        require(self.channels in (1, 2), "a call has one or two channels")
        require(0 <= self.from_ms <= self.duration_ms, "duration is not negative, and a part begins before its end")


@dataclass(frozen=True)
class Audio:
    """Decoded samples: ``pcm`` is int16 (samples, channels) at the native rate, read-only.

    Of a long recording ``pcm`` lies in ``mapping``, a file; :meth:`samples` and :meth:`channel` give its pages back behind them, so that
    who reads a block at a time holds a block.
    """

    info: AudioInfo
    pcm: Int16Array
    mapping: mmap.mmap | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        require(self.pcm.ndim == 2 and self.pcm.shape[1] == self.info.channels, "pcm is (samples, channels)")
        object.__setattr__(self, "pcm", frozen(self.pcm))

    def samples(self, index: int, start: int = 0, end: int | None = None) -> Int16Array:
        """A copy of the samples ``start`` to ``end`` (None: the last) of one channel."""
        found = self.pcm[start:end, index].copy()
        if self.mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapping.madvise(mmap.MADV_DONTNEED)
        return found

    def channel(self, index: int, start: int = 0, end: int | None = None) -> Float32Array:
        """The samples ``start`` to ``end`` (None: the last) of one channel as float32 in -1..1 at the native rate."""
        return np.asarray(self.samples(index, start, end) / np.float32(32768.0), dtype=np.float32)


@dataclass(frozen=True)
class SpeechActivity:
    """Stretches of speech, one sorted tuple a channel, on a grid of 30 ms; ``method`` names the detector.

    ``leaks``: where a channel holds the other side's voice and nothing of its own (also one sorted tuple a channel); empty where none does.
    """

    channels: tuple[tuple[Span, ...], ...]
    method: str
    leaks: tuple[tuple[Span, ...], ...] = ()

    def __post_init__(self) -> None:
        require(len(self.leaks) in (0, len(self.channels)), "leaks are those of every channel")
        for spans in (*self.channels, *self.leaks):
            require(all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(spans)), "spans are sorted and apart")


@dataclass(frozen=True)
class SpeakerTurn:
    """``speaker`` is a label inside the recording ("ch0", "ch1" of a stereo file, "spk0", "spk1" of a diarised mono one), not a role."""

    speaker: str
    channel: int
    span: Span


@dataclass(frozen=True)
class SpeakerSound:
    """What a speaker of a mono recording sounds like, over the time in which nobody else speaks (``SpeakerTurns.alone``).

    The figures are those of :class:`ChannelAcoustics`; the level is None where there is too little speech to have one.
    """

    speaker: str
    active_level_dbov: float | None
    activity_factor: float
    peak_dbov: float
    clipped_ratio: float


@dataclass(frozen=True)
class VoiceLikeness:
    """How alike the stretches of a diarised mono recording sound, without any print of a voice.

    ``spans`` (sorted, apart, each inside one exclusive turn) were compared with those of them whose numbers are ``anchors``: ``cosines``
    holds a row of hundredths (signed bytes) for each span, one for each anchor.  ``same``: voices at least so alike (-1 to 1) are one
    person's, as the model says.
    """

    spans: tuple[Span, ...]
    anchors: tuple[int, ...]
    cosines: bytes
    same: float

    def __post_init__(self) -> None:
        require(len(self.cosines) == len(self.spans) * len(self.anchors), "each span is compared with each anchor")
        require(all(0 <= number < len(self.spans) for number in self.anchors), "anchors are numbers of spans")

    @property
    def table(self) -> Float32Array:
        """The cosines, a row for each span."""
        found = np.frombuffer(self.cosines, np.int8).reshape(len(self.spans), len(self.anchors))
        return np.asarray(found / np.float32(100), dtype=np.float32)


@dataclass(frozen=True)
class SpeakerTurns:
    """Who speaks when, sorted by start; turns of different speakers may overlap.

    ``method``: ``channel`` (stereo: channel = speaker), ``none`` (mono, nobody told the speakers apart: one label ``mono``), or the
    identity of the diarisation engine (``qa.diarization``).  ``exclusive`` (diarised mono only): the same without overlaps, each moment
    given to the one speaker who is heard best; words go by it.  ``notes`` (Chinese) are for the reader.  ``sounds``: the speakers' own
    figures, as nobody of them has a channel.  ``demo``: told by the bundled model, which knows synthetic voices only.
    """

    method: str
    turns: tuple[SpeakerTurn, ...]
    notes: tuple[str, ...] = ()
    exclusive: tuple[SpeakerTurn, ...] = ()
    sounds: tuple[SpeakerSound, ...] = ()
    demo: bool = False
    alike: VoiceLikeness | None = None

    def __post_init__(self) -> None:
        require(bool(self.method), "turns name the method that found them")
        require(
            all(a.span.end_ms <= b.span.start_ms for a, b in itertools.pairwise(self.exclusive)), "exclusive turns are sorted and apart"
        )
        require(not self.exclusive or self.diarized, "only a diarised mono recording has exclusive turns")

    @property
    def diarized(self) -> bool:
        """Whether the speakers of a mono recording were told apart by their voices."""
        return self.method not in ("channel", "none")

    @property
    def speakers(self) -> tuple[str, ...]:
        """The labels, in the order in which they first speak."""
        return tuple(dict.fromkeys(t.speaker for t in self.turns))

    def of(self, speaker: str) -> tuple[Span, ...]:
        return tuple(t.span for t in self.turns if t.speaker == speaker)

    def alone(self, speaker: str) -> tuple[Span, ...]:
        """The speaker's turns without the time in which another one speaks too."""
        left = list(self.of(speaker))
        for other in (t.span for t in self.turns if t.speaker != speaker):
            if any(s.overlap_ms(other) for s in left):
                cut = [(s.start_ms, min(s.end_ms, other.start_ms)) for s in left] + [
                    (max(s.start_ms, other.end_ms), s.end_ms) for s in left
                ]
                left = sorted({Span(a, b) for a, b in cut if a < b})
        return tuple(left)

    def sound(self, speaker: str) -> SpeakerSound | None:
        return next((sound for sound in self.sounds if sound.speaker == speaker), None)


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
        require(len(self.level_dbov) == len(self.pitch_hz), "tracks share their frames")
        object.__setattr__(self, "level_dbov", frozen(self.level_dbov))
        object.__setattr__(self, "pitch_hz", frozen(self.pitch_hz))


CHANNEL_FACTS = ("same", "swapped", "dead", "leak", "gaps", "repeats", "short")


@dataclass(frozen=True)
class ChannelFact:
    """Something that is true, or by its ``confidence`` (0-1) likely, of ``channel`` (None: of the recording), with its figure.

    By ``kind``: ``same`` both channels hold one signal (correlation 0-1), ``swapped`` the sides are not on the channels that the record or
    the setting says (confidence of what is said, 0-1), ``dead`` a channel without any signal (level in dBov), ``leak`` the other side is
    heard in the channel (its level there over its own, dB), ``gaps`` digital silence filled in (s), ``repeats`` packets played twice
    (count), ``short`` missing against the call record (s).  ``details`` are further figures by name.
    """

    kind: str
    channel: int | None
    figure: float
    confidence: float
    details: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        require(self.kind in CHANNEL_FACTS, f"unknown fact {self.kind}")
        require(0.0 <= self.confidence <= 1.0, "a confidence is 0-1")

    def detail(self, name: str) -> float | None:
        return dict(self.details).get(name)


@dataclass(frozen=True)
class Acoustics:
    """Measures of every channel and the signalling tones of the recording, sorted by time.

    ``same_channels``: both channels hold one signal (a fake stereo file).  ``facts``: what the sound says of the channels
    (``qa.channels``).
    """

    channels: tuple[ChannelAcoustics, ...]
    tones: tuple[Tone, ...]
    same_channels: bool = False
    facts: tuple[ChannelFact, ...] = ()

    def fact(self, kind: str, channel: int | None = None) -> ChannelFact | None:
        """The fact of that kind of ``channel`` (None: of any), None if it is none."""
        return next((f for f in self.facts if f.kind == kind and channel in (None, f.channel)), None)
