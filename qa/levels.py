"""Active speech level by ITU-T P.56 method B, and plain RMS level, in dBov.

0 dBov is the RMS of a full-scale square wave, so a full-scale sine reads -3.01 (ITU-T G.100.1).  The procedure is that of
ITU-T P.56 (12/2011) clause 7 with the parameters and the fifteen thresholds of the speech voltmeter of ITU-T G.191
(Software Tool Library, module sv56): an envelope is compared with thresholds 6.02 dB apart, the time above each one is
counted with a hangover, and the active level is the one that lies the margin above its own threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from qa.types import Float32Array

TIME_CONSTANT_S = 0.03  # of each of the two stages of the envelope
HANGOVER_S = 0.2
MARGIN_DB = 15.9
THRESHOLDS = 15  # amplitudes 2**-15 ... 2**-1: one quantising step of 16 bits up to half of full scale
FLOOR_DBOV = -100.0  # what rms_dbov says of digital silence

_BLOCK = 1 << 16  # samples filtered at a time: bounds the memory that an hour takes


@dataclass(frozen=True)
class ActiveLevel:
    """Active speech level in dBov (None where there is no speech) and the share of the time that is active (0-1)."""

    level_dbov: float | None
    activity_factor: float


def rms_dbov(x: Float32Array) -> float:
    """RMS level of ``x`` (samples in -1..1) in dBov, not below -100; an empty array reads -100."""
    if len(x) == 0:
        return FLOOR_DBOV
    power = float(np.mean(np.square(x, dtype=np.float64)))
    return max(FLOOR_DBOV, 10.0 * float(np.log10(power))) if power > 0.0 else FLOOR_DBOV


def active_speech_level(x: Float32Array, rate_hz: int) -> ActiveLevel:
    """Active speech level of one channel by ITU-T P.56 method B.

    ``x`` is one-dimensional, samples in -1..1, at ``rate_hz``; no filter is applied.  The level is None where nothing lies
    the margin above the lowest threshold (about -74 dBov), as with digital silence, or where a few clicks hold nearly all the
    power, so that no threshold is within the margin.  Raises ValueError for another shape or
    a rate that is not positive.

    The level between two thresholds is interpolated on a straight line in decibels.  G.191 comes to the same by halving the
    interval until it is 0.5 dB near; the closed form here is that procedure's limit, so that a louder copy of a signal does
    not read differently by the tolerance.
    """
    if x.ndim != 1 or rate_hz <= 0:
        raise ValueError("active_speech_level takes one channel and a positive rate")
    meter = SpeechVoltmeter(rate_hz)
    meter.add(x)
    return meter.level()


class SpeechVoltmeter:
    """The procedure of :func:`active_speech_level` on a channel that comes in pieces; how it is divided leaves no trace."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._state = np.zeros(2)  # of the envelope's filter
        self._energy, self._samples = 0.0, 0
        self._hangover = int(np.floor(HANGOVER_S * rate_hz + 0.5))
        self._counts = [0] * THRESHOLDS  # samples active at each threshold
        self._since = [self._hangover] * THRESHOLDS  # samples since the last one that reached it, the hangover at most

    def add(self, x: Float32Array) -> None:
        """The next samples, in -1..1."""
        if len(x) == 0:
            return
        self._energy += float(np.sum(np.square(x, dtype=np.float64)))
        self._samples += len(x)
        self._count(self._steps(x))

    def level(self) -> ActiveLevel:
        """Of all that was added."""
        level = _interpolated(self._energy, self._counts)
        if level is None:
            return ActiveLevel(None, 0.0)
        activity = self._energy / self._samples / 10.0 ** (level / 10.0)
        return ActiveLevel(level, min(1.0, activity))

    def _steps(self, x: Float32Array) -> npt.NDArray[np.int8]:
        """For each sample how many thresholds the envelope reaches (0-15)."""
        g = float(np.exp(-1.0 / (TIME_CONSTANT_S * self._rate_hz)))
        b, a = [(1.0 - g) ** 2], [1.0, -2.0 * g, g * g]  # two equal one-pole stages in one filter
        steps = np.empty(len(x), dtype=np.int8)
        for start in range(0, len(x), _BLOCK):
            block = np.abs(x[start : start + _BLOCK].astype(np.float64))
            envelope, self._state = lfilter(b, a, block, zi=self._state)
            if np.max(np.abs(self._state)) < 1e-30:
                self._state = np.zeros(2)  # after long digital silence: numbers too small to be normal are slow
            # thresholds are powers of two, so the binary exponent says exactly which of them are reached
            exponent = np.frexp(np.maximum(envelope, 0.0, out=envelope))[1]
            exponent[envelope == 0.0] = -THRESHOLDS
            steps[start : start + _BLOCK] = np.clip(exponent + THRESHOLDS, 0, THRESHOLDS)
        return steps

    def _count(self, steps: npt.NDArray[np.int8]) -> None:
        """Count the samples that reach each threshold and up to the hangover after each of them."""
        top = int(steps.max())
        for row in range(THRESHOLDS):
            if row >= top:
                self._hang(row, len(steps))
                continue
            above = steps > row
            edges = np.flatnonzero(above[1:] != above[:-1]) + 1
            bounds = np.concatenate(([0], edges, [len(steps)]))
            lengths = np.diff(bounds)  # of the stretches above and below, in turn
            below = lengths[1::2] if above[0] else lengths[0::2]
            if not above[0]:  # the hangover of the piece before goes on
                self._hang(row, int(below[0]))
                below = below[1:]
            self._counts[row] += int(np.count_nonzero(above)) + int(np.minimum(below, self._hangover).sum())
            self._since[row] = 0 if above[-1] else min(self._hangover, int(lengths[-1]))

    def _hang(self, row: int, samples: int) -> None:
        """Count the samples below a threshold that its hangover still covers."""
        covered = min(samples, self._hangover - self._since[row])
        self._counts[row] += covered
        self._since[row] += covered


def _interpolated(energy: float, counts: list[int]) -> float | None:
    """The level whose distance to its threshold is the margin, or None."""
    below: tuple[float, float] | None = None
    for index, count in enumerate(counts):
        if count == 0:
            return None
        level = 10.0 * float(np.log10(max(energy / count, 1e-20)))
        distance = level - 20.0 * float(np.log10(2.0)) * (index - THRESHOLDS)
        if distance <= MARGIN_DB:
            if below is None:
                return level if distance == MARGIN_DB else None  # under the lowest threshold: silence
            level_below, distance_below = below
            share = (distance_below - MARGIN_DB) / (distance_below - distance)
            return level_below + share * (level - level_below)
        below = (level, distance)
    return None
