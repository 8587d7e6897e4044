"""Signalling tones of the Chinese telephone network: ringback, busy, congestion.

One frequency, 450 Hz +-25 Hz with little distortion, told apart by cadence: ringback 1 s on 4 s off, busy 0.35/0.35 s,
congestion 0.7/0.7 s, each duration within +-10 % (GB/T 3380-1982, "Ringing current and signal tones for automatic telephone
networks"; the same figures stand for China in ITU-T E.180 Supplement 2 and in Asterisk's indications.conf, section [cn]).

A burst counts as a tone when nearly all the power of the telephone band lies in one line (spectral purity), when its level
and its frequency hold still, when it has no harmonics to speak of and when it comes out of something quieter.  Speech, music
and hum fail one of these; tones of two frequencies (North America: 440 + 480 Hz) fail the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr
from scipy.signal import butter, sosfilt, sosfiltfilt

from qa import blocks
from qa.blocks import Wave
from qa.types import Float32Array, Span, Tone

BAND_RATE_HZ = 8000  # everything is measured in the telephone band
CENTRE_HZ = 450.0
TOLERANCE_HZ = 25.0
RINGBACK_ON_MS, RINGBACK_OFF_MS = 1000, 4000
BUSY_MS, CONGESTION_MS = 350, 700

_STEP_MS = 5  # one baseband value
_WINDOW = 16  # baseband values under one Hann window: 80 ms resolves tones 40 Hz apart
_GRID_HZ = np.arange(395.0, 505.1, 5.0)
_FREQUENCY_SLACK_HZ = 3.0  # error of measurement at 10 dB SNR
_MIN_PURITY = 0.6  # of a frame; 10 dB of white noise leaves 0.91
_MIN_LEVEL_DBOV = -58.0
_MIN_BURST_MS = 60
_EDGE_MS = 40  # a burst this near to an end of the recording is cut by it
_SLACK = 0.15  # of a duration: 10 % by the standard, the rest is error of measurement
_FIRST_RING_BY_MS = 5000  # a ring that nothing else vouches for begins within one period of the start

_VOICE_BY_MS = 8000  # in a channel of its own the caller may let the agent speak first

_NOTCH_HZ = 80.0  # taken out around a tone; narrower, its edges ring for longer
_FADE_MS, _SETTLING_MS, _NOTCH_S = 20, 100, 30  # beyond a tone's ends; of the filter; filtered at once

_FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Tracks:
    """Per 5 ms: power of the strongest line near 450 Hz, its frequency, and the power of the whole band (linear)."""

    line: _FloatArray
    frequency_hz: _FloatArray
    total: _FloatArray


@dataclass(frozen=True)
class _Burst:
    start_ms: int
    end_ms: int
    frequency_hz: float
    level_dbov: float
    purity: float
    level_spread_db: float
    frequency_spread_hz: float
    cut_start: bool
    cut_end: bool
    voice_follows: bool

    @property
    def on_ms(self) -> int:
        return self.end_ms - self.start_ms


def telephone_band(x: Float32Array, rate_hz: int) -> Float32Array:
    """``x`` (one channel at ``rate_hz``) at 8,000 Hz, the rate that tones and pitch are measured at."""
    if rate_hz == BAND_RATE_HZ or len(x) == 0:
        return x
    return np.asarray(soxr.resample(x, rate_hz, BAND_RATE_HZ, quality="MQ"), dtype=np.float32)


def find_tones(x: Float32Array, rate_hz: int, channel: int) -> tuple[Tone, ...]:
    """The bursts of 450 Hz tone in one channel, sorted by time.

    ``x`` holds samples in -1..1 at ``rate_hz``; ``channel`` is written into the result.  A burst is ``ringback``, ``busy`` or
    ``congestion`` by its cadence, ``other`` when it is a steady 450 Hz tone of another cadence (dial tone, call waiting).
    A ring that the start of the recording or the answer cut short is a ringback burst of its own.  ``level_dbov`` is the RMS
    level of the tone.  Tones down to -55 dBov and 10 dB above noise of the same band are found.
    """
    return tones_of(Wave.of(telephone_band(x, rate_hz), BAND_RATE_HZ), channel)


def tones_of(wave: Wave, channel: int) -> tuple[Tone, ...]:
    """:func:`find_tones` in a telephone band (8,000 Hz) that is read block by block."""
    if wave.length < BAND_RATE_HZ * _MIN_BURST_MS // 1000:
        return ()
    band = wave.through(_high_passed, BAND_RATE_HZ)  # mains hum and DC are not part of the question
    tracks = _tracks(band)
    bursts = [b for b in (_burst(band, tracks, *run) for run in _runs(tracks)) if b is not None]
    kinds = _kinds(bursts)
    return tuple(
        Tone(kind, channel, Span(b.start_ms, b.end_ms), round(b.frequency_hz, 2), round(b.level_dbov, 2))
        for b, kind in zip(bursts, kinds, strict=True)
        if kind
    )


def without_tones(x: Float32Array, rate_hz: int) -> Float32Array:
    """``x`` (one channel, samples in -1..1 at ``rate_hz``, 1,000 or more) without the line of each tone that :func:`find_tones` finds.

    Only a band of 80 Hz around the tone goes, and only while the tone sounds: noise and voices under it stay.  Where there is no tone,
    ``x`` itself is returned.
    """
    found = find_tones(x, rate_hz, 0)
    out = x.copy() if found else x
    margin = rate_hz * _SETTLING_MS // 1000
    for tone in found:
        edges = tone.frequency_hz - _NOTCH_HZ / 2, tone.frequency_hz + _NOTCH_HZ / 2
        notch = butter(2, edges, "bandstop", fs=rate_hz, output="sos")
        first, last = ((ms * rate_hz) // 1000 for ms in (tone.span.start_ms - _FADE_MS, tone.span.end_ms + _FADE_MS))
        for start in range(max(0, first), min(last, len(x)), _NOTCH_S * rate_hz):  # in pieces: what is filtered takes eight bytes a sample
            end, before = min(start + _NOTCH_S * rate_hz, last, len(x)), min(start, margin)
            out[start:end] = sosfiltfilt(notch, x[start - before : end + margin])[before : before + end - start]
    return out


_HIGH_PASS = butter(4, 200.0, "highpass", fs=BAND_RATE_HZ, output="sos")
_STEP = BAND_RATE_HZ * _STEP_MS // 1000
_CYCLE = 160  # samples in which 450 Hz makes nine whole turns


def _high_passed(x: Float32Array) -> Float32Array:
    return np.asarray(sosfilt(_HIGH_PASS, x), dtype=np.float32)


def _tracks(band: Wave) -> _Tracks:
    """Hann-weighted short-time spectrum around 450 Hz, one column a 5 ms step, frames centred on the step's start."""
    half = _WINDOW // 2 * _STEP
    steps = band.length // _STEP + 1
    out = _Tracks(*(np.empty(steps) for _ in range(3)))
    for start, end in band.blocks():
        first, last = start // _STEP, steps if end == band.length else end // _STEP
        x = band.read(max(0, start - half), min(band.length, end + half))
        padded = np.zeros(-(-(end - start + 2 * half) // _CYCLE) * _CYCLE, dtype=np.float32)
        at = half - min(half, start)
        padded[at : at + len(x)] = x
        found = _tracks_of(padded, last - first)
        for whole, part in ((out.line, found.line), (out.frequency_hz, found.frequency_hz), (out.total, found.total)):
            whole[first:last] = part
    return out


def _tracks_of(padded: Float32Array, steps: int) -> _Tracks:
    """The tracks of the first ``steps`` steps of samples that begin half a window before the first one, at a whole cycle."""
    turn = np.exp(-2j * np.pi * CENTRE_HZ * np.arange(_CYCLE) / BAND_RATE_HZ).astype(np.complex64)
    baseband = (padded.reshape(-1, _CYCLE) * turn).reshape(-1, _STEP).mean(axis=1)
    power = np.square(padded).reshape(-1, _STEP).mean(axis=1)
    window = np.hanning(_WINDOW + 2)[1:-1]
    offsets = _GRID_HZ - CENTRE_HZ
    droop = np.sinc(offsets * _STEP_MS / 1000.0)  # of the mean over 5 ms
    times = (np.arange(_WINDOW) - (_WINDOW - 1) / 2) * _STEP_MS / 1000.0
    kernel = window[:, None] * np.exp(-2j * np.pi * times[:, None] * offsets) / window.sum() / droop
    frames = np.lib.stride_tricks.sliding_window_view(baseband, _WINDOW)[:steps]
    spectrum = 2.0 * np.abs(frames @ kernel.astype(np.complex64)) ** 2
    total = np.lib.stride_tricks.sliding_window_view(power, _WINDOW)[:steps] @ (window / window.sum())
    return _Tracks(*_peak(spectrum.astype(np.float64)), total.astype(np.float64) + 1e-12)


def _peak(spectrum: _FloatArray) -> tuple[_FloatArray, _FloatArray]:
    """Power and frequency of the strongest line, between the grid's points by a parabola through the logarithms."""
    rows = np.arange(len(spectrum))
    best = np.clip(spectrum.argmax(axis=1), 1, spectrum.shape[1] - 2)
    log = np.log(np.maximum(spectrum, 1e-20))
    left, mid, right = log[rows, best - 1], log[rows, best], log[rows, best + 1]
    bend = np.minimum(left - 2.0 * mid + right, -1e-9)
    shift = np.clip(0.5 * (left - right) / bend, -1.0, 1.0)
    return np.exp(mid - 0.25 * (left - right) * shift), _GRID_HZ[best] + shift * (_GRID_HZ[1] - _GRID_HZ[0])


def _runs(tracks: _Tracks) -> list[tuple[int, int]]:
    """Stretches of steps in which one line near 450 Hz holds nearly all the power; short disturbances are bridged."""
    within = np.abs(tracks.frequency_hz - CENTRE_HZ) <= TOLERANCE_HZ + _FREQUENCY_SLACK_HZ
    loud = tracks.line > 10.0 ** (_MIN_LEVEL_DBOV / 10.0)
    pure = within & loud & (tracks.line > _MIN_PURITY * tracks.total)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], pure, [False])).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for start, end in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and _bridges(tracks, runs[-1], (start, end)):
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs


def _bridges(tracks: _Tracks, one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether the tone goes on between two runs: a click or a word on top of it, not a pause."""
    if (two[0] - one[1]) * _STEP_MS > 300:
        return False
    level = min(float(np.median(tracks.line[a:b])) for a, b in (one, two))
    return bool(np.all(tracks.line[one[1] : two[0]] > 0.5 * level))


def _burst(band: Wave, tracks: _Tracks, start: int, end: int) -> _Burst | None:
    """The burst around a run of pure steps, or None if it is not steady, has harmonics or does not come out of quiet."""
    level = float(np.median(tracks.line[start:end]))
    start_at, end_at = (_half_amplitude(tracks.line, edge, level, step) for edge, step in ((start, -1), (end - 1, 1)))
    length_ms = band.length * 1000 // BAND_RATE_HZ
    start_ms, end_ms = max(0, round(start_at * _STEP_MS)), min(length_ms, round(end_at * _STEP_MS))
    if end_ms - start_ms < _MIN_BURST_MS:
        return None
    margin = _WINDOW // 2 if end_ms - start_ms > 3 * _WINDOW * _STEP_MS // 2 else _WINDOW // 4
    first, last = round(start_at) + margin, max(round(end_at) - margin, round(start_at) + margin + 1)
    inner = slice(first, last)
    level_db = 10.0 * np.log10(np.maximum(tracks.line[inner], 1e-12))
    frequencies = tracks.frequency_hz[inner]
    burst = _Burst(
        start_ms,
        end_ms,
        float(np.median(frequencies)),
        float(np.median(level_db)),
        float(np.median(tracks.line[inner] / tracks.total[inner])),
        _spread(level_db),
        _spread(frequencies),
        start_ms <= _EDGE_MS,
        end_ms >= length_ms - _EDGE_MS,
        _voice_follows(tracks, end_ms, float(np.median(level_db))),
    )
    steady = burst.level_spread_db <= 1.5 and burst.frequency_spread_hz <= 2.0 and burst.purity >= 0.7
    return burst if steady and _out_of_quiet(tracks, burst) and _no_harmonics(band, burst) else None


def _half_amplitude(line: _FloatArray, edge: int, level: float, step: int) -> float:
    """Where the amplitude crosses half of the burst's, going outwards: there the gate sits under the window's centre."""
    half = 0.25 * level
    at = edge
    while line[at] < half and 0 <= at - step < len(line):
        at -= step
    while 0 <= at + step < len(line) and line[at + step] >= half and abs(at + step - edge) <= _WINDOW:
        at += step
    if not 0 <= at + step < len(line):
        return float(at)
    here, there = np.sqrt(line[at]), np.sqrt(line[at + step])
    share = float(np.clip((here - np.sqrt(half)) / max(here - there, 1e-12), 0.0, 1.0))
    return at + step * share


def _spread(values: _FloatArray) -> float:
    """Half the distance of the 10th and the 90th percentile, about 1.3 standard deviations; clicks do not count."""
    low, high = np.percentile(values, (10, 90))
    return float(high - low) / 2.0


def _out_of_quiet(tracks: _Tracks, burst: _Burst) -> bool:
    """What sounds just before the burst is at least 5 dB below it, or the recording starts with the burst."""
    end = (burst.start_ms - _WINDOW * _STEP_MS // 2) // _STEP_MS
    before = tracks.total[max(0, end - 3) : max(0, end)]  # frames that end where the burst starts; a pause may be 100 ms short
    return len(before) < 3 or 10.0 * float(np.log10(before.mean())) < burst.level_dbov - 5.0


def _voice_follows(tracks: _Tracks, end_ms: int, level_dbov: float) -> bool:
    """Whether somebody speaks in the channel soon after the burst: the answer cut the ring."""
    after = tracks.total[(end_ms + 60) // _STEP_MS : (end_ms + _VOICE_BY_MS) // _STEP_MS]
    if len(after) < 40:
        return False
    floor = 10.0 * float(np.log10(np.percentile(after, 10)))
    alive = 10.0 * np.log10(after) > max(level_dbov - 30.0, floor + 10.0, -60.0)
    return bool(np.count_nonzero(alive) * _STEP_MS >= 300)


def _no_harmonics(band: Wave, burst: _Burst) -> bool:
    """Lines at two to five times the frequency hold under 3 % of the tone's power (the standard allows 10 % distortion in
    amplitude, 1 % in power; the rest is left to codecs and noise)."""
    trim = min(20, burst.on_ms // 6)
    first = (burst.start_ms + trim) * 8
    samples = band.read(first, min((burst.end_ms - trim) * 8, first + blocks.BLOCK_S * BAND_RATE_HZ))
    if len(samples) < 8 * 40:
        return True
    weighted = samples * np.hanning(len(samples))
    turn = np.exp(-2j * np.pi * burst.frequency_hz / BAND_RATE_HZ * np.arange(len(samples)))
    power, phasor = [], np.ones(len(samples), dtype=np.complex128)
    for _ in range(5):
        phasor = phasor * turn
        power.append(abs(complex(np.dot(weighted, phasor))) ** 2)
    return sum(power[1:]) < 0.03 * power[0]


# ---------------------------------------------------------------- cadence


def _near(value: int, nominal: int, slack: float = _SLACK) -> bool:
    return abs(value - nominal) <= slack * nominal


def _kinds(bursts: list[_Burst]) -> list[str]:
    """The kind of each burst, "" for one that is too short and too alone to be called a tone."""
    kinds = [""] * len(bursts)
    for nominal, kind in ((BUSY_MS, "busy"), (CONGESTION_MS, "congestion")):
        for i in range(len(bursts) - 1):
            if _even_pair(bursts[i], bursts[i + 1], nominal):
                kinds[i] = kinds[i + 1] = kind
    _ringback_pairs(bursts, kinds)
    for i, burst in enumerate(bursts):
        if not kinds[i]:
            kinds[i] = _alone(burst, _nearest_gap_ms(bursts, i))
    return kinds


def _even_pair(one: _Burst, two: _Burst, nominal: int) -> bool:
    """Two bursts of an even cadence; a burst that an end of the recording cut may be shorter."""

    def fits(burst: _Burst, cut: bool) -> bool:
        return _near(burst.on_ms, nominal, 0.2) or (cut and burst.on_ms < nominal)

    whole = not one.cut_start or not two.cut_end
    period = two.start_ms - one.start_ms if not one.cut_start else two.end_ms - one.end_ms
    return (
        whole
        and _near(two.start_ms - one.end_ms, nominal, 0.2)
        and _near(period, 2 * nominal, 0.12 if not two.cut_end or not one.cut_start else 0.2)
        and fits(one, one.cut_start)
        and fits(two, two.cut_end)
    )


def _ringback_pairs(bursts: list[_Burst], kinds: list[str]) -> None:
    """Rings a pause of 4 s apart.  Only the first may be cut by the start, only the last by the answer."""
    for i in range(len(bursts) - 1):
        one, two = bursts[i], bursts[i + 1]
        if kinds[i] not in ("", "ringback") or kinds[i + 1] or not _near(two.start_ms - one.end_ms, RINGBACK_OFF_MS):
            continue
        longest = RINGBACK_ON_MS * (1 + _SLACK)
        first_fits = _near(one.on_ms, RINGBACK_ON_MS) or (one.cut_start and one.on_ms <= longest)
        last = i + 2 == len(bursts) or not _near(bursts[i + 2].start_ms - two.end_ms, RINGBACK_OFF_MS)
        second_fits = _near(two.on_ms, RINGBACK_ON_MS) or (last and two.on_ms <= longest)
        if first_fits and second_fits:
            kinds[i] = kinds[i + 1] = "ringback"


def _nearest_gap_ms(bursts: list[_Burst], i: int) -> int:
    """Pause to the nearest other burst; very long where there is none."""
    before = bursts[i].start_ms - bursts[i - 1].end_ms if i else 1 << 30
    after = bursts[i + 1].start_ms - bursts[i].end_ms if i + 1 < len(bursts) else 1 << 30
    return min(before, after)


def _alone(burst: _Burst, gap_ms: int) -> str:
    """The kind of a burst without a partner.

    A whole second of tone with no other burst within a ring's pause is a ring.  A shorter one is a ring cut by the answer if it
    stands where the first ring would, and, below 450 ms (as long as a beep), if the channel comes alive after it.
    """
    alone = gap_ms > RINGBACK_OFF_MS * (1 - _SLACK)
    if alone and _near(burst.on_ms, RINGBACK_ON_MS):
        return "ringback"
    very_steady = burst.level_spread_db <= 1.0 and burst.frequency_spread_hz <= 1.0 and burst.purity >= 0.8
    if not very_steady:
        return "other" if burst.on_ms >= RINGBACK_ON_MS else ""
    first = burst.start_ms <= _FIRST_RING_BY_MS and 100 <= burst.on_ms <= RINGBACK_ON_MS
    if alone and first and (burst.on_ms >= 450 or (burst.voice_follows and gap_ms > _VOICE_BY_MS)):
        return "ringback"
    return "other" if burst.on_ms >= 250 else ""
