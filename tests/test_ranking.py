"""Places in a table of agents: only where the differences lie outside the noise."""

from __future__ import annotations

import random
from statistics import fmean, variance

from qa.appraisal.ranking import Sample, places
from qa.scorecards import _ranks


def test_places_are_those_of_the_other_table() -> None:
    """The same test from moments as from all values (:func:`qa.scorecards.overview`)."""
    random.seed(5)
    for _ in range(20):
        scores = {str(a): [random.gauss(60 + 8 * a, 6) for _ in range(random.randint(5, 30))] for a in range(random.randint(2, 5))}
        found = places({agent: Sample(len(v), fmean(v), variance(v)) for agent, v in scores.items()})
        expected = _ranks(scores)
        assert found == (expected if len(set(expected.values())) > 1 else {})


def test_few_calls_have_no_place_and_differences_in_the_noise_none() -> None:
    assert places({"a": Sample(4, 99.0, 1.0), "b": Sample(50, 50.0, 1.0)}) == {}
    assert places({"a": Sample(50, 70.0, 400.0), "b": Sample(50, 71.0, 400.0)}) == {}
    assert places({"a": Sample(50, 90.0, 1.0), "b": Sample(50, 50.0, 1.0), "few": Sample(4, 10.0, 1.0)}) == {"a": (1, 1), "b": (2, 2)}
