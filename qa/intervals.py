"""Estimates with their sample size and 95 % interval.

Shares have Wilson's score interval (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212), means and slopes Student's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, variance

CONFIDENCE = 0.95
MIN_SD = 1.0
"""Percentage points: scores that happen to be all alike are not taken for free of noise."""


@dataclass(frozen=True)
class Estimate:
    """A mean or a share of ``n`` cases with its 95 % interval; None where ``n`` does not carry it."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@lru_cache(maxsize=4096)  # a page asks for the same small figures again and again
def wilson(successes: int, n: int) -> Estimate:
    """Share of successes with Wilson's 95 % score interval, 0-1; all None for ``n`` = 0."""
    if n == 0:
        return Estimate(None, None, None, 0)
    from scipy.stats import binomtest  # slow to import, and most commands need none of it

    interval = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high), n)


@lru_cache(maxsize=4096)
def _t_quantile(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, degrees))


def mean_percent(percents: Sequence[float]) -> Estimate:
    """Mean of percents (0-100) with Student's 95 % interval, kept inside 0-100; no interval below two values.

    The spread is taken to be at least ``MIN_SD``.
    """
    n = len(percents)
    if n < 2:
        return Estimate(percents[0] if n else None, None, None, n)
    mean = fmean(percents)
    half = _t_quantile(n - 1) * max(math.sqrt(variance(percents)), MIN_SD) / math.sqrt(n)
    return Estimate(mean, max(0.0, mean - half), min(100.0, mean + half), n)


def least_squares_slope(weeks: Sequence[float], percents: Sequence[float]) -> Estimate:
    """Least-squares slope with Student's 95 % interval; the residual spread is taken to be at least ``MIN_SD``."""
    from scipy.stats import linregress

    n, fit = len(weeks), linregress(weeks, percents)
    about = variance(weeks) * (n - 1)
    half = _t_quantile(n - 2) * max(float(fit.stderr), MIN_SD / math.sqrt(about))
    return Estimate(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half, n)
