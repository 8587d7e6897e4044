"""Measures behind the truth: speech rate, active speech level, rings.  Written from the standards, apart from the program.

Nothing here imports ``qa``: the truth must not share an error with what it judges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

PAUSE_S = 0.5  # a longer pause is not speech time
RING_PERIOD_S = 5.0  # 1 s on, 4 s off

# ITU-T P.56 (12/2011), method B, clause 4 and table 1.
_TIME_CONSTANT_S, _HANGOVER_S, _MARGIN_DB = 0.03, 0.2, 15.9
_BITS = 16


def rate_cpm(syllables_s: Sequence[tuple[float, float]]) -> float | None:
    """Characters a minute: syllables (one a character as read) by the time from first to last of each stretch.

    ``syllables_s`` are (start, end) in seconds, sorted; a stretch goes on over gaps of up to ``PAUSE_S``.  None without any.
    """
    if not syllables_s:
        return None
    speech, start, end = 0.0, *syllables_s[0]
    for a, b in syllables_s[1:]:
        if a - end > PAUSE_S:
            speech, start = speech + end - start, a
        end = max(end, b)
    return 60.0 * len(syllables_s) / (speech + end - start)


def active_level_dbov(x: npt.NDArray[np.float64], rate_hz: int) -> tuple[float | None, float]:
    """Active speech level (dB relative to an RMS of full scale) and activity factor (0-1) of ``x`` in -1..1.

    ITU-T P.56 method B: the rectified signal through two exponential averagers (30 ms), counted at thresholds a factor of
    two apart with a hangover of 200 ms; the level is where it lies 15.9 dB above its own threshold, found by interpolation.
    (None, 0) for silence.
    """
    total = float(np.sum(x**2))
    if total <= 0.0:
        return None, 0.0
    g = math.exp(-1.0 / (rate_hz * _TIME_CONSTANT_S))
    envelope = lfilter([1 - g], [1, -g], lfilter([1 - g], [1, -g], np.abs(x)))
    hangover = math.ceil(_HANGOVER_S * rate_hz)
    index = np.arange(len(x))
    points: list[tuple[float, float]] = []  # (level over the active samples, threshold), dB
    for j in range(_BITS):
        threshold = 2.0 ** (j - _BITS + 1)
        last = np.maximum.accumulate(np.where(envelope >= threshold, index, -hangover - 1))
        active = int(np.count_nonzero(index - last <= hangover))
        if not active:
            break
        points.append((10 * math.log10(total / active), 20 * math.log10(threshold)))
    for (level0, c0), (level1, c1) in pairwise(points):
        above, below = level0 - c0 - _MARGIN_DB, level1 - c1 - _MARGIN_DB
        if above >= 0 >= below:
            level = level0 + (level1 - level0) * (above / (above - below) if above > below else 0.0)
            return level, min(1.0, total / len(x) / 10 ** (level / 10))
    return None, 0.0


def rings_begun(seconds: float) -> int:
    """Rings that have begun ``seconds`` after the first: one at 0, 5, 10 ... s."""
    return math.floor(seconds / RING_PERIOD_S) + 1


def rms_dbov(x: npt.NDArray[np.float64]) -> float:
    """RMS level in dBov; raises ValueError for silence."""
    if not np.any(x):
        raise ValueError("silence has no level")
    return 10 * math.log10(float(np.mean(x**2)))
