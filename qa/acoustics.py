"""Level, activity, clipping, noise, pitch and signalling tones of a recording.

Every figure is of one channel and, where it describes speech, of the speech of that channel without its signalling tones.
Pitch comes from librosa's YIN and not from pYIN.  On moving telephone-band voices of known pitch YIN, with the voicing and the
repair of octaves below, is nearer (median error 5 cents against 17) and has 1-2 % gross errors where pYIN has none; pYIN takes
some 2 s of CPU time for a minute of speech, YIN hundredths of a second, and every call is measured.
``benchmarks/levels.py`` compares them.

Speech is measured in its place, with everything else set to zero, and not cut out and joined: P.56 counts a hangover after
speech, so joining the pieces would raise the level and the activity above what the standard gives for the clean channel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import librosa
import numpy as np
import numpy.typing as npt

from qa import blocks
from qa.blocks import Wave
from qa.channels import measure as measure_channels
from qa.levels import FLOOR_DBOV, ActiveLevel, SpeechVoltmeter
from qa.tones import BAND_RATE_HZ, telephone_band, tones_of
from qa.types import (
    Acoustics,
    Audio,
    ChannelAcoustics,
    Float32Array,
    Int16Array,
    Span,
    SpeakerSound,
    SpeakerTurns,
    SpeechActivity,
    Tone,
)

FRAME_MS = 100
PITCH_MIN_HZ, PITCH_MAX_HZ = 60.0, 500.0

_TONE_GUARD_MS = 40  # around a tone: its switching on and off is not speech either
_SPEECH_GUARD_MS = 200  # around speech: its onset and its decay are not noise
_MIN_NOISE_FRAMES = 5
_CLIP_RUN = 3  # samples in a row at the rail
_CLIP_MIN_RAIL = 2048  # -24 dB: nothing clips below that
_CLIP_PILE = 0.3  # share of the samples just below the rail that must lie at it in runs; clean speech has next to none
_PITCH_WINDOW = 512  # samples at 8 kHz: 64 ms, four periods of the lowest pitch
_PITCH_PER_FRAME = 3
_PITCH_FRAME = FRAME_MS * BAND_RATE_HZ // 1000
_VOICED = 0.6  # normalised autocorrelation at the period

_BoolArray = npt.NDArray[np.bool_]
_FloatArray = npt.NDArray[np.float64]


def measure(audio: Audio, activity: SpeechActivity) -> Acoustics:
    """All measures of ``audio``; ``activity`` says where each of its channels speaks.

    Raises ValueError if the two do not have the same channels.  Levels are dBov, not below -100.  Where a channel does not
    speak its active level and its SNR are None, its activity and its clipping 0.  The noise floor is the median level of the
    100 ms frames in which nobody speaks and no tone sounds.  Tones are listed for each channel that carries them, so a
    ringback tone in both channels stands there twice.  What is true of the channels themselves is found by ``qa.channels``.
    """
    if len(activity.channels) != audio.info.channels:
        raise ValueError("the speech activity is not of this recording")
    rate = audio.info.rate_hz
    signals = [_without_offset(audio, index) for index in range(audio.info.channels)]
    bands = [x if rate == BAND_RATE_HZ else x.through(lambda y: telephone_band(y, rate), BAND_RATE_HZ) for x in signals]
    tones = [tones_of(band, index) for index, band in enumerate(bands)]
    speech = [_without_tones(spans, own) for spans, own in zip(activity.channels, tones, strict=True)]
    tracks = [_level_track(x) for x in signals]
    channels = tuple(
        _channel(audio, i, signals[i], bands[i], tracks[i], speech[i], _busy_frames(len(tracks[i]), i, speech, tones))
        for i in range(audio.info.channels)
    )
    everything = tuple(sorted(itertools.chain.from_iterable(tones), key=lambda t: (t.span, t.channel)))
    facts = measure_channels(audio, signals, tracks, activity, everything)
    return Acoustics(channels, everything, any(f.kind == "same" for f in facts), facts)


def _without_offset(audio: Audio, index: int) -> Wave:
    """A channel without its direct current, which nobody hears and which would count as level and as noise.

    The offset is the median sample, where silence rests; the mean is thrown off by the chance of a loud passage and would put
    a level into digital silence.  Where the two differ there is no offset to speak of.
    """
    wave = blocks.channel(audio, index)
    if wave.length == 0:
        return wave
    each, total, taken = wave.length // 200_000 + 1, 0, []
    for start, end in wave.blocks():
        pcm = audio.samples(index, start, end)
        total += int(pcm.sum(dtype=np.int64))
        taken.append(pcm[-start % each :: each].copy())
    middle, mean = float(np.median(np.concatenate(taken))), total / wave.length
    if middle == 0.0 or abs(mean - middle) > 0.5 * abs(middle):
        return wave
    return blocks.channel(audio, index, middle / 32768.0)


def of_speakers(audio: Audio, turns: SpeakerTurns, tones: Sequence[Tone]) -> tuple[SpeakerSound, ...]:
    """What the speakers of a diarised recording sound like, each where nobody else speaks and no tone sounds (channel 0)."""
    signal, own = _without_offset(audio, 0), tuple(tone for tone in tones if tone.channel == 0)
    out = []
    for speaker in turns.speakers:
        active, peak, clipped = _figures(audio, 0, signal, _without_tones(turns.alone(speaker), own), whole=False)
        level = None if active.level_dbov is None else round(active.level_dbov, 2)
        out.append(SpeakerSound(speaker, level, round(active.activity_factor, 4), peak, clipped))
    return tuple(out)


def _channel(
    audio: Audio,
    index: int,
    signal: Wave,
    band: Wave,
    track: Float32Array,
    speech: tuple[Span, ...],
    busy: tuple[_BoolArray, _BoolArray],
) -> ChannelAcoustics:
    """The measures of one channel; ``busy`` marks the frames where this channel, and where any, has speech or a tone."""
    active, peak_dbov, clipped = _figures(audio, index, signal, speech, whole=True)
    noise = _noise_floor(track, *busy)
    return ChannelAcoustics(
        active_level_dbov=None if active.level_dbov is None else round(active.level_dbov, 2),
        activity_factor=round(active.activity_factor, 4),
        peak_dbov=peak_dbov,
        clipped_ratio=clipped,
        noise_floor_dbov=round(noise, 2),
        snr_db=None if active.level_dbov is None else round(active.level_dbov - noise, 2),
        frame_ms=FRAME_MS,
        level_dbov=track,
        pitch_hz=_pitch_track(band, speech, len(track)),
    )


def _figures(audio: Audio, index: int, signal: Wave, speech: tuple[Span, ...], whole: bool) -> tuple[ActiveLevel, float, float]:
    """Active level of ``speech``, the largest sample (dBov; of the ``whole`` channel or of the speech), share of clipped samples."""
    meter, peak, amplitudes = SpeechVoltmeter(signal.rate_hz), 0, np.zeros(1 << 16, dtype=np.int64)
    for start, end in signal.blocks():
        mask = _sample_mask(speech, signal.rate_hz, start, end)
        meter.add(np.where(mask, signal.read(start, end), np.float32(0.0)))
        pcm = audio.samples(index, start, end)
        heard = pcm if whole else pcm[mask]
        peak = max(peak, int(heard.max(initial=0)), -int(heard.min(initial=0)))
        amplitudes += np.bincount(pcm[mask].view(np.uint16), minlength=1 << 16)

    def spoken() -> Iterator[Int16Array]:
        for start, end in signal.blocks():
            yield audio.samples(index, start, end)[_sample_mask(speech, signal.rate_hz, start, end)]

    peak_dbov = round(20.0 * float(np.log10(peak / 32768.0)), 2) if peak else FLOOR_DBOV
    return meter.level(), peak_dbov, _clipped_ratio(np.roll(amplitudes, 1 << 15), spoken)


# ---------------------------------------------------------------- stretches


def _without_tones(spans: tuple[Span, ...], tones: tuple[Tone, ...]) -> tuple[Span, ...]:
    """The spans with the tones and a guard around them cut out."""
    left = list(spans)
    for tone in tones:
        start, end = max(0, tone.span.start_ms - _TONE_GUARD_MS), tone.span.end_ms + _TONE_GUARD_MS
        before = [Span(s.start_ms, min(s.end_ms, start)) for s in left if s.start_ms < start]
        after = [Span(max(s.start_ms, end), s.end_ms) for s in left if s.end_ms > end]
        left = sorted(before + after)
    return tuple(left)


def _sample_mask(spans: tuple[Span, ...], rate_hz: int, start: int, end: int) -> _BoolArray:
    """Which of the samples ``start`` to ``end`` the spans hold."""
    mask = np.zeros(end - start, dtype=np.bool_)
    for span in spans:
        mask[max(0, span.start_ms * rate_hz // 1000 - start) : max(0, span.end_ms * rate_hz // 1000 - start)] = True
    return mask


def _frame_mask(spans: list[Span], frames: int, guard_ms: int) -> _BoolArray:
    """Frames that a span, widened by the guard, touches."""
    mask = np.zeros(frames, dtype=np.bool_)
    for span in spans:
        mask[max(0, span.start_ms - guard_ms) // FRAME_MS : -(-(span.end_ms + guard_ms) // FRAME_MS)] = True
    return mask


def _busy_frames(frames: int, index: int, speech: list[tuple[Span, ...]], tones: list[tuple[Tone, ...]]) -> tuple[_BoolArray, _BoolArray]:
    """Frames with speech or a tone in channel ``index``, and in any channel."""
    each = [
        _frame_mask(list(spans), frames, _SPEECH_GUARD_MS) | _frame_mask([t.span for t in own], frames, _TONE_GUARD_MS)
        for spans, own in zip(speech, tones, strict=True)
    ]
    return each[index], np.logical_or.reduce(each)


# ---------------------------------------------------------------- levels


def _level_track(signal: Wave) -> Float32Array:
    """The level of each 100 ms frame; blocks begin with a frame."""
    parts = [_frame_levels(signal.read(start, end), signal.rate_hz) for start, end in signal.blocks()]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _frame_levels(x: Float32Array, rate_hz: int) -> Float32Array:
    """RMS of each 100 ms frame in dBov, the last one over what there is of it."""
    edges = np.arange(0, len(x) * 1000 // FRAME_MS, rate_hz, dtype=np.int64) * FRAME_MS // 1000
    edges = edges[edges < len(x)]
    if len(edges) == 0:
        return np.zeros(0, dtype=np.float32)
    power = np.add.reduceat(np.square(x, dtype=np.float64), edges) / np.diff(np.append(edges, len(x)))
    return np.asarray(10.0 * np.log10(np.maximum(power, 10.0 ** (FLOOR_DBOV / 10.0))), dtype=np.float32)


def _noise_floor(track: Float32Array, own: _BoolArray, anybody: _BoolArray) -> float:
    """Median level of the frames in which nobody speaks; where there are too few, those in which this channel does not (they
    may hold crosstalk); where there are none, the quietest tenth.  Digital silence counts only where there is nothing else."""
    if len(track) == 0:
        return FLOOR_DBOV
    for busy in (anybody, own):
        quiet = track[~busy]
        sounding = quiet[quiet > FLOOR_DBOV]
        if len(sounding) >= _MIN_NOISE_FRAMES:
            return float(np.median(sounding))
        if len(quiet) >= _MIN_NOISE_FRAMES:
            return FLOOR_DBOV
    return float(np.percentile(track, 5))


def _clipped_ratio(amplitudes: npt.NDArray[np.int64], spoken: Callable[[], Iterable[Int16Array]]) -> float:
    """Share of the speech's samples that lie in runs of three or more at the rail.

    ``amplitudes`` counts the samples of each value from -32,768 on; ``spoken`` gives them in order, in pieces.

    The rail is this channel's own, upper and lower apart: a recording clipped before A-law coding, or turned down after
    clipping, sits below full scale.  Clipped samples pile up at the rail; the loudest samples of clean speech do not.
    """
    clipped, total = 0, int(amplitudes.sum())
    for sign, counts in ((1, amplitudes[1 << 15 :]), (-1, amplitudes[(1 << 15) :: -1])):  # of 0, 1, 2 ... on this side
        rail = int(np.flatnonzero(counts).max(initial=0))
        if rail < _CLIP_MIN_RAIL:
            continue
        half = rail // 2
        step = rail - half - int(np.flatnonzero(counts[half : rail - 1]).max(initial=0))
        pile = int(counts[max(half, rail - max(rail // 20, 5 * step // 2)) : rail - 1].sum())
        runs = _long_runs(x >= rail - 1 if sign > 0 else x <= 1 - rail for x in spoken())
        if len(runs) >= 2 and sum(runs) >= _CLIP_PILE * pile:
            clipped += sum(runs)
    return round(clipped / total, 6) if total else 0.0


def _long_runs(pieces: Iterable[_BoolArray]) -> list[int]:
    """Lengths of the runs of three or more, which may go on from a piece to the next one."""
    found: list[int] = []
    begun = 0  # of a run that reaches the end of the piece before
    for piece in pieces:
        edges = np.flatnonzero(np.diff(np.concatenate(([False], piece, [False])).astype(np.int8)))
        lengths = edges[1::2] - edges[0::2]
        if begun and len(piece) and piece[0]:
            lengths[0] += begun
        elif begun and len(piece):
            found.append(begun)
        begun = (int(lengths[-1]) if piece[-1] else 0) if len(piece) else begun
        found += (lengths[:-1] if begun and len(piece) else lengths).tolist()
    return [n for n in (*found, begun) if n >= _CLIP_RUN]


# ---------------------------------------------------------------- pitch


def _pitch_track(band: Wave, speech: tuple[Span, ...], frames: int) -> Float32Array:
    """Pitch of each 100 ms frame in Hz (60-500), 0 where the frame is not speech or not voiced."""
    track = np.zeros(frames, dtype=np.float32)
    wanted = np.flatnonzero(_frame_mask(list(speech), frames, 0))
    if len(wanted) == 0 or band.length < _PITCH_WINDOW:
        return track
    for start, end in band.blocks():
        here = wanted[(wanted * _PITCH_FRAME >= start) & ((wanted * _PITCH_FRAME < end) | (end == band.length))]
        if len(here):
            before = max(0, start - _PITCH_WINDOW)
            x = band.read(before, end + _PITCH_WINDOW)
            from_ms, to_ms = before * 1000 // BAND_RATE_HZ, (end + _PITCH_WINDOW) * 1000 // BAND_RATE_HZ
            near = [s for s in speech if s.end_ms >= from_ms and s.start_ms <= to_ms]
            track[here] = _frame_pitches(x, before, here, near)
    return _without_octave_errors(track)


def _frame_pitches(x: Float32Array, first: int, wanted: npt.NDArray[np.int64], speech: list[Span]) -> Float32Array:
    """Pitch of the frames ``wanted``, 0 where one is not voiced; ``x`` holds the band from the sample ``first`` on.

    Three windows a frame; a frame is voiced if at least two of them are, and has the median of their pitches.
    """
    offsets = (2 * np.arange(_PITCH_PER_FRAME) + 1) * _PITCH_FRAME // (2 * _PITCH_PER_FRAME) - _PITCH_WINDOW // 2
    starts = np.clip((wanted[:, None] * _PITCH_FRAME + offsets).ravel() - first, 0, len(x) - _PITCH_WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(x, _PITCH_WINDOW)[starts]
    pitch = librosa.yin(
        np.ascontiguousarray(windows),
        fmin=PITCH_MIN_HZ,
        fmax=PITCH_MAX_HZ,
        sr=BAND_RATE_HZ,
        frame_length=_PITCH_WINDOW,
        hop_length=_PITCH_WINDOW,
        center=False,
    )[:, 0]
    centres = (starts + first + _PITCH_WINDOW // 2) * 1000 // BAND_RATE_HZ
    inside = np.logical_or.reduce([(centres >= s.start_ms) & (centres < s.end_ms) for s in speech])
    pitch[~(_periodic(windows, pitch) & inside)] = np.nan
    by_frame = pitch.reshape(len(wanted), _PITCH_PER_FRAME)
    voiced = np.count_nonzero(np.isfinite(by_frame), axis=1) >= 2
    found = np.zeros(len(wanted), dtype=np.float32)
    found[voiced] = _median(by_frame[voiced])
    return found


def _periodic(windows: Float32Array, pitch: _FloatArray) -> _BoolArray:
    """Whether each window repeats itself one period later: normalised autocorrelation at the period."""
    voiced = np.zeros(len(windows), dtype=np.bool_)
    lags = np.clip(np.rint(BAND_RATE_HZ / pitch), 1, _PITCH_WINDOW // 2).astype(np.int64)
    for lag in np.unique(lags):
        rows = lags == lag
        a, b = windows[rows, :-lag], windows[rows, lag:]
        energy = np.sqrt(np.einsum("ij,ij->i", a, a) * np.einsum("ij,ij->i", b, b))
        voiced[rows] = np.einsum("ij,ij->i", a, b) > _VOICED * np.maximum(energy, 1e-9)
    return voiced


def _without_octave_errors(track: Float32Array, reach: int = 10) -> Float32Array:
    """Values an octave off the median of the second on either side are put back, others far off it become unvoiced."""
    pitch = np.where(track > 0, track.astype(np.float64), np.nan)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(pitch, reach, constant_values=np.nan), 2 * reach + 1)
    known = np.count_nonzero(np.isfinite(around), axis=1) >= 4
    octaves = np.where(known, np.log2(pitch / _median(around)), 0.0)
    whole = np.rint(octaves)
    moved = pitch * 2.0**-whole
    far = np.abs(octaves) > 0.7
    close = (np.abs(octaves - whole) <= 0.3) & (moved >= PITCH_MIN_HZ) & (moved <= PITCH_MAX_HZ)
    repaired = np.where(far, np.where(close, moved, 0.0), pitch)
    return np.nan_to_num(repaired, nan=0.0).astype(np.float32)


def _median(rows: _FloatArray) -> _FloatArray:
    """Median of what is not NaN in each row, NaN where there is nothing; numpy's own takes a call for each row."""
    counts = np.count_nonzero(np.isfinite(rows), axis=1)
    ranked = np.sort(rows, axis=1)  # NaN last
    at = np.arange(len(rows))
    low, high = np.maximum(counts - 1, 0) // 2, np.minimum(counts // 2, rows.shape[1] - 1)
    return np.asarray((ranked[at, low] + ranked[at, high]) / 2.0)
