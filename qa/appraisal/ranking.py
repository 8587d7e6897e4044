"""Places of agents beside each other, from sample size, mean and variance alone: only as far as the figures tell them apart.

The same test as :func:`qa.scorecards.overview` (Tukey and Kramer), for tables that do not load single calls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from qa.intervals import CONFIDENCE, MIN_SD
from qa.scorecards import MIN_RANKED

_MOST_DEGREES = 1000


@dataclass(frozen=True)
class Sample:
    """``n`` scored calls, their mean and their variance (of percents; 0 for one call)."""

    n: int
    mean: float
    variance: float


def places(samples: Mapping[str, Sample]) -> dict[str, tuple[int, int]]:
    """The places (1 is best) that each agent of at least ``MIN_RANKED`` calls may hold: behind all who are surely better, before all who
    are surely worse.  Empty where no two of them differ beyond the noise."""
    ranked = {agent: one for agent, one in samples.items() if one.n >= MIN_RANKED}
    groups, total = len(ranked), sum(one.n for one in ranked.values())
    if groups < 2:
        return {}
    within = math.fsum(one.variance * (one.n - 1) for one in ranked.values()) / (total - groups)
    limit = _quantile(groups, _fewer(total - groups)) * max(math.sqrt(within), MIN_SD)

    number, mean = np.array([one.n for one in ranked.values()], float), np.array([one.mean for one in ranked.values()])
    found = {}
    for agent, one in ranked.items():  # a row at a time: a house of many agents needs no table of all pairs
        noise = limit * np.sqrt((1 / one.n + 1 / number) / 2)
        found[agent] = (1 + int(np.sum(mean - one.mean > noise)), groups - int(np.sum(one.mean - mean > noise)))
    return found if len(set(found.values())) > 1 else {}


def _fewer(degrees: int) -> int:
    """Degrees of freedom in two figures, from 100 on in one, never more than there are: the limit is a little wider (by at most one
    and a half in a hundred), and is worked out once for many teams."""
    digits = len(str(degrees))
    step = int(10 ** max(0, digits - (1 if digits > 2 else 2)))
    return min(_MOST_DEGREES, degrees // step * step)


@cache
def _quantile(groups: int, degrees: int) -> float:
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(CONFIDENCE, groups, degrees))
