"""What is true of the channels of a stereo recording, measured from the sound: one signal twice, leaks and echoes, dead channels, silence
that a recorder filled in.

Where the limits come from: all measured on the stereo calls of ``recordings_sample`` and ``recordings_houses`` (74 directions) and on what
``tests/test_channels.py`` makes of them:

* leak: the mean of the whitened cross-correlation of up to :data:`_WINDOWS` seconds in which only the other side is loud.  Its peak over
  the spread of the rest is at most 4.7 where the channels are apart (6.3 in files whose codec couples them, and does leak) and at least
  13 for a leak of -30 dB through a room or of -40 dB through GSM, 250 ms late; :data:`_SHARP` lies between.
* same: stretches of 0.2 s of a mono mix and its copy correlate by 0.80 or more in nine cases of ten and by 0.38 in the worst (GSM, AMR,
  MP3, G.726, ADPCM, Opus), with a gain steady within 3 dB; of two people with mutual crosstalk of -3 dB the gain moves by 6 dB, and where
  the second of them says a single word of 0.3 s over a leak of -6 dB, its worst stretch correlates by 0.03.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal

from qa import blocks
from qa.blocks import Wave
from qa.types import Audio, ChannelFact, Float32Array, Int16Array, Span, SpeechActivity, Tone

_BoolArray = npt.NDArray[np.bool_]
_FloatArray = npt.NDArray[np.float64]

_EARLY_S, _LATE_S = 0.05, 0.35  # a leak may come so much before and behind what leaks (300 ms of echo, and the other way of a recorder)
_WINDOW_S = 1.0
_WINDOWS = 60
_LEAST_WINDOWS = 3
_LEAST_SPEECH = 0.6  # of a window
_LOUDER = 2.0  # power of what leaks over that of the channel that it leaks into
_BAND_HZ = (200.0, 7000.0)
_HEARD = 3e-5  # of the strongest bin: what lies below carries no signal
_SHARP = 10.0
_TAPS_S = (0.008, 0.064)  # of an echo path before and behind its peak

FRAME_MS = 100  # of the level tracks
_SAME_FRAMES = 2
_SAME_MAX_LAG = 3  # samples around the delay
_SAME_MAX_GAIN_DB = 10.0
_SAME_MAX_SPREAD_DB = 4.0
_SAME_MIN_CORRELATION = 0.7  # that nine stretches of ten reach
_SAME_WORST_CORRELATION = 0.2  # below that in a single stretch: a word of a second person
_SILENT_DBOV = -70.0
_LATE_FRAMES, _COARSE_SPREAD_DB = 4, 8.0

_DEAD_SPEECH_MS = 300  # a click may be taken for so much speech
_OTHER_SPEECH_MS = 3000
_NO_SIGNAL_DBOV = -85.0  # below half a step of 16 bits
_IDLE_DBOV, _IDLE_SPREAD_DB = -50.0, 3.0
_IDLE_CONFIDENCE = 0.6  # somebody who says nothing in a steady noise looks the same

_GAP_MS = 20  # a packet
_LEAST_GAPS_MS = 500
_NOISY_DBOV = -65.0  # of a quieter line the codec itself makes runs of equal samples
_REPEATS_MS = (10, 20, 30)
_LEAST_REPEATS = 3
_STRIDE = 16


@dataclass(frozen=True)
class LeakPath:
    """How one channel gets into the other: ``level_db`` (of the leak over its source), ``delay_ms``, ``sharpness`` (the peak of the
    correlation over the spread of the rest), and the path itself: ``taps`` from the sample ``first`` (may be negative) on."""

    level_db: float
    delay_ms: float
    sharpness: float
    first: int
    taps: Float32Array

    def of(self, source: Wave, start: int, end: int) -> Float32Array:
        """What of ``source`` the samples ``start`` to ``end`` of the other channel hold."""
        begin = start - self.first - len(self.taps) + 1
        x = np.zeros(end - self.first - begin, np.float32)
        heard = source.read(max(0, begin), max(0, end - self.first))
        at = max(0, -begin)
        x[at : at + len(heard)] = heard
        return np.asarray(scipy.signal.oaconvolve(x, self.taps, mode="valid")[: end - start], dtype=np.float32)


def leak_path(own: Wave, other: Wave, speech: Sequence[Span]) -> LeakPath | None:
    """The way of ``other``, which speaks in ``speech``, into ``own``, None where there is none or too little to tell by."""
    rate = own.rate_hz
    before, window, after = round(_EARLY_S * rate), round(_WINDOW_S * rate), round(_LATE_S * rate)
    size = scipy.fft.next_fast_len(2 * window + before + after, real=True)
    sources, heard = [], []
    for at in _windows(speech, min(own.length, other.length) * 1000 // rate):
        start = at * rate // 1000
        if start < before:
            continue
        x, y = other.read(start, start + window), own.read(start - before, start + window + after)
        loud, quiet = _power(x), _power(y[before : before + window])
        if len(y) == before + window + after and 0.0 < quiet * _LOUDER <= loud:
            sources.append(scipy.fft.rfft(x, size))
            heard.append(scipy.fft.rfft(y, size))
    if len(sources) < _LEAST_WINDOWS:
        return None
    source, cross = np.stack(sources), np.stack(heard)
    cross *= source.conj()
    power = np.mean(np.abs(source) ** 2, axis=0)
    hz = np.arange(len(power)) * rate / size
    band = (hz >= _BAND_HZ[0]) & (hz <= min(_BAND_HZ[1], 0.45 * rate))
    band &= power > _HEARD * power.max(initial=0.0, where=band)
    return _path(cross, power, band, before, after, rate) if band.any() else None


def _path(
    cross: npt.NDArray[np.complex64], power: Float32Array, band: _BoolArray, before: int, after: int, rate_hz: int
) -> LeakPath | None:
    size = 2 * (len(band) - 1)
    white = np.mean(np.where(band, cross / np.maximum(np.abs(cross), 1e-20), 0), axis=0)
    found = np.abs(scipy.fft.irfft(white, size)[: before + after])
    peak = int(found.argmax())
    first, last = max(0, peak - round(_TAPS_S[0] * rate_hz)), min(before + after, peak + round(_TAPS_S[1] * rate_hz))
    rest = np.delete(found, slice(first, last))
    sharpness = float(found[peak] / max(float(np.median(rest)) / 0.6745, 1e-20))
    if sharpness < _SHARP:
        return None
    way = np.where(band, np.mean(cross, axis=0) / np.maximum(power, 1e-20), 0)
    taps = scipy.fft.irfft(way, size)[first:last].astype(np.float32)
    through = np.abs(scipy.fft.rfft(taps, size)) ** 2
    level_db = 10.0 * float(np.log10(max(float(np.sum((through * power)[band])) / float(np.sum(power[band])), 1e-12)))
    return LeakPath(round(level_db, 1), round((peak - before) * 1000 / rate_hz, 1), round(sharpness, 1), first - before, taps)


def _windows(speech: Sequence[Span], total_ms: int) -> list[int]:
    """Where (ms) a window begins that is mostly speech; of many some, evenly spread."""
    length = round(_WINDOW_S * 1000)
    spoken = np.zeros(total_ms // length + 1)
    for span in speech:
        for second in range(span.start_ms // length, min(-(-span.end_ms // length), len(spoken))):
            spoken[second] += span.overlap_ms(Span(second * length, (second + 1) * length))
    found = np.flatnonzero(spoken >= _LEAST_SPEECH * length)
    if len(found) > _WINDOWS:
        found = found[np.linspace(0, len(found) - 1, _WINDOWS).astype(np.int64)]
    return [int(second) * length for second in found]


def _power(x: Float32Array) -> float:
    return float(np.dot(x, x))


# ---------------------------------------------------------------- all facts


def measure(
    audio: Audio, signals: Sequence[Wave], tracks: Sequence[Float32Array], activity: SpeechActivity, tones: Sequence[Tone]
) -> tuple[ChannelFact, ...]:
    """The facts of a recording.

    ``signals``: the channels without their direct current, ``tracks``: their levels in dBov by frames of 100 ms.  Of a mono recording only
    what a recorder filled in is looked for.
    """
    busy = [_frames([t.span for t in tones if t.channel == i], len(tracks[i])) for i in range(len(signals))]
    facts = [fact for i in range(len(signals)) for fact in _filled_in(audio, i, tracks[i], busy[i])]
    if len(signals) == 2:
        same = same_signal(signals[0], signals[1], tracks, busy[0] | busy[1])
        if same is not None:
            return (same, *facts)
        facts += [fact for i in (0, 1) if (fact := _dead(i, tracks[i], busy[i], activity)) is not None]
        facts += [fact for i in (0, 1) if (fact := _leaking(i, signals, activity)) is not None]
    return tuple(facts)


def _frames(spans: Sequence[Span], count: int, guard_ms: int = 40) -> _BoolArray:
    mask = np.zeros(count, np.bool_)
    for span in spans:
        mask[max(0, span.start_ms - guard_ms) // FRAME_MS : -(-(span.end_ms + guard_ms) // FRAME_MS)] = True
    return mask


def _leaking(index: int, signals: Sequence[Wave], activity: SpeechActivity) -> ChannelFact | None:
    path = leak_path(signals[index], signals[1 - index], activity.channels[1 - index])
    if path is None:
        return None
    confidence = round(min(0.99, 1.0 - 0.5 * _SHARP / path.sharpness), 2)
    return ChannelFact("leak", index, path.level_db, confidence, (("delay_ms", path.delay_ms), ("sharpness", path.sharpness)))


def _dead(index: int, track: Float32Array, tones: _BoolArray, activity: SpeechActivity) -> ChannelFact | None:
    """A channel without speech and without a signal while the other side speaks: nothing at all, or a noise that never changes."""
    own, other = (sum(s.duration_ms for s in activity.channels[i]) for i in (index, 1 - index))
    free = track[~tones]
    if own > _DEAD_SPEECH_MS or other < _OTHER_SPEECH_MS or len(free) == 0:
        return None
    low, high = (float(v) for v in np.percentile(free, (5, 98)))
    details = (("spread_db", round(high - low, 1)),)
    if high <= _NO_SIGNAL_DBOV:
        return ChannelFact("dead", index, round(high, 1), 1.0, details)
    if high <= _IDLE_DBOV and high - low <= _IDLE_SPREAD_DB:
        return ChannelFact("dead", index, round(high, 1), _IDLE_CONFIDENCE, details)
    return None


# ---------------------------------------------------------------- one signal twice


def same_signal(a: Wave, b: Wave, tracks: Sequence[Float32Array], tones: _BoolArray) -> ChannelFact | None:
    """That both channels hold one signal, up to a steady gain, its sign, a delay up to 0.3 s and codec noise.

    Compared in stretches of 0.2 s where either channel is within 25 dB of its loud passages, neither is switched off and no tone sounds
    (``tones``: its frames).  Crosstalk fails: which channel is the louder changes with who speaks, or the gain is that of a leak and not of
    a copy, or somebody says a word that is not in the other channel.  The figure is the correlation (0-1) that nine stretches of ten reach.
    """
    frames = len(tracks[0])
    loudest = np.maximum(tracks[0], tracks[1])
    if frames == 0 or float(loudest.max()) <= _SILENT_DBOV or tones.all():
        return None
    chosen = ~tones & (loudest > float(np.percentile(loudest[~tones], 95)) - 25.0) & (np.minimum(tracks[0], tracks[1]) > _NO_SIGNAL_DBOV)
    if not _steady(tracks, chosen):
        return None
    count = frames // _SAME_FRAMES
    rows = np.flatnonzero(chosen[: count * _SAME_FRAMES].reshape(count, _SAME_FRAMES).all(axis=1))
    delay = _delay(a, b, rows)
    size = _SAME_FRAMES * FRAME_MS * a.rate_hz // 1000
    begin, end = rows * size + delay - _SAME_MAX_LAG, (rows + 1) * size + delay + _SAME_MAX_LAG
    rows = rows[(begin >= 0) & (end <= b.length) & ((rows + 1) * size <= a.length)]
    if len(rows) == 0:
        return None
    correlation, gain_db, lag = _best_lag(a, b, rows, size, delay)
    worst, low = float(correlation.min()), float(np.percentile(correlation, 10))
    quietest, middle, highest = np.percentile(gain_db, (10, 50, 90))
    alike = worst >= _SAME_WORST_CORRELATION and low >= _SAME_MIN_CORRELATION
    if not alike or abs(middle) > _SAME_MAX_GAIN_DB or highest - quietest > _SAME_MAX_SPREAD_DB:
        return None
    details = (("gain_db", round(float(middle), 1)), ("delay_ms", round(lag * 1000 / a.rate_hz, 1)))
    return ChannelFact("same", None, round(low, 3), round(min(1.0, 0.5 + 2.0 * (low - _SAME_MIN_CORRELATION)), 2), details)


def _steady(tracks: Sequence[Float32Array], chosen: _BoolArray) -> bool:
    """Whether the levels could be those of a copy, whatever its delay: most calls are told apart by that, and it costs next to nothing."""
    at = np.flatnonzero(chosen)
    for lag in range(-_LATE_FRAMES, _LATE_FRAMES + 1):
        there = at[(at + lag >= 0) & (at + lag < len(chosen))]
        gain_db = tracks[1][there + lag] - tracks[0][there]
        if len(there) and float(np.percentile(np.abs(gain_db - np.median(gain_db)), 75)) <= _COARSE_SPREAD_DB:
            return True
    return False


def _delay(a: Wave, b: Wave, rows: npt.NDArray[np.int64]) -> int:
    """By how many samples ``b`` lags behind ``a``, from stretches of 0.2 s: the peak of the mean of their whitened correlations."""
    reach, length = round(_LATE_S * a.rate_hz), _SAME_FRAMES * FRAME_MS * a.rate_hz // 1000
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), _WINDOWS // 2)).astype(np.int64)] if len(rows) else rows
    size = scipy.fft.next_fast_len(2 * (length + reach), real=True)
    total = np.zeros(size // 2 + 1, np.complex128)
    for at in (int(row) * length for row in some):
        before = min(at, reach)
        x, y = a.read(at, at + length), b.read(at - before, at + length + reach)
        cross = scipy.fft.rfft(y, size) * scipy.fft.rfft(x, size).conj()
        cross *= np.exp(-2j * np.pi * np.arange(len(cross)) * (reach - before) / size)  # lag 0 lies at ``reach``
        strong = np.abs(cross)
        total += np.where(strong > 1e-3 * strong.max(initial=0.0), cross / np.maximum(strong, 1e-20), 0)
    return int(np.abs(scipy.fft.irfft(total, size)[: 2 * reach]).argmax()) - reach


def _best_lag(a: Wave, b: Wave, rows: npt.NDArray[np.int64], size: int, delay: int) -> tuple[_FloatArray, _FloatArray, int]:
    block = rows * _SAME_FRAMES * FRAME_MS // (1000 * blocks.BLOCK_S)
    parts = [_alike(a, b, rows[block == k], size, delay) for k in np.unique(block)]
    found = [np.concatenate(lag, axis=1) for lag in zip(*parts, strict=True)]
    best = max(range(len(found)), key=lambda k: float(found[k][0].mean()))
    return found[best][0], found[best][1], delay + best - _SAME_MAX_LAG


def _alike(a: Wave, b: Wave, rows: npt.NDArray[np.int64], size: int, delay: int) -> list[_FloatArray]:
    """For each lag, how the stretches ``rows`` of ``size`` samples correlate (0-1) and how much louder they are in ``b`` (dB)."""
    first, last = int(rows[0]) * size, (int(rows[-1]) + 1) * size
    x, y = a.read(first, last), b.read(first + delay - _SAME_MAX_LAG, last + delay + _SAME_MAX_LAG)
    here = np.stack([x[at : at + size] for at in rows * size - first])
    found = []
    for lag in range(2 * _SAME_MAX_LAG + 1):
        there = np.stack([y[at + lag : at + lag + size] for at in rows * size - first])
        power = np.einsum("ij,ij->i", here, here), np.einsum("ij,ij->i", there, there)
        correlation = np.abs(np.einsum("ij,ij->i", here, there)) / np.sqrt(np.maximum(power[0] * power[1], 1e-12))
        found.append(np.stack([correlation, 10.0 * np.log10(np.maximum(power[1], 1e-9) / np.maximum(power[0], 1e-9))]).astype(np.float64))
    return found


# ---------------------------------------------------------------- filled in by a recorder


def _filled_in(audio: Audio, index: int, track: Float32Array, tones: _BoolArray) -> list[ChannelFact]:
    """Digital silence and repeated packets in a line that is never that quiet of itself (what a recorder writes for lost packets and for
    pauses that were not sent).  The figures are seconds and a count."""
    heard = track[~tones & (track > _NO_SIGNAL_DBOV)]
    if len(heard) == 0 or float(np.percentile(heard, 20)) < _NOISY_DBOV:
        return []
    rate, gaps, repeats, longest = audio.info.rate_hz, 0, 0, 0
    for start, end in blocks.channel(audio, index).blocks():
        pcm = audio.samples(index, start, end)
        runs = [b - a + 1 for a, b in _stretches(pcm[1:] == pcm[:-1], _GAP_MS * rate // 1000 - 1)]
        gaps, longest = gaps + sum(runs), max(longest, *runs, 0)
        quiet = np.repeat(tones, FRAME_MS * rate // 1000)[start:end]
        repeats += max(_repeats(pcm, quiet, ms * rate // 1000) for ms in _REPEATS_MS)  # 10 ms played thrice is 20 ms played once as well
    facts = []
    if gaps * 1000 >= _LEAST_GAPS_MS * rate:
        facts.append(ChannelFact("gaps", index, round(gaps / rate, 2), 0.5, (("longest_s", round(longest / rate, 2)),)))
    if repeats >= _LEAST_REPEATS:
        facts.append(ChannelFact("repeats", index, float(repeats), 0.5))
    return facts


def _repeats(pcm: Int16Array, leave_out: _BoolArray, length: int) -> int:
    """How often ``length`` samples are exactly those before them, and not all alike."""
    count = 0
    coarse = pcm[length::_STRIDE] == pcm[:-length:_STRIDE]  # every 16th sample tells where to look
    for first, last in _stretches(coarse, length // _STRIDE - 1):
        start, end = max(0, (first - 1) * _STRIDE), (last + 1) * _STRIDE
        for one, two in _stretches(pcm[start + length : end + length] == pcm[start : min(end, len(pcm) - length)], length):
            part = slice(start + one, start + two + length)
            if not leave_out[part].any() and np.count_nonzero(np.diff(pcm[part])) > length // 8:
                count += (two - one) // length
    return count


def _stretches(mask: _BoolArray, least: int) -> list[tuple[int, int]]:
    """First and one past the last index of each run of at least ``least`` (and one) True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).view(np.int8)))
    first, last = edges[0::2], edges[1::2]
    long = last - first >= least
    return list(zip(first[long].tolist(), last[long].tolist(), strict=True))
