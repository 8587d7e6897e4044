"""Agents over a period: figures against published values and independent constructions, and no ranks on noise."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import tukey_hsd

from qa.intervals import Estimate, least_squares_slope, mean_percent, wilson
from qa.scorecards import MIN_RANKED, MIN_TREND_CALLS, agent_scorecard, overview, trend
from qa.store import CheckOutcome, ScoredCall
from qa.types import Outcome, Provenance

MONDAY = date(2024, 4, 29)


def scored(call_id: str, percent: float | None, day: int | None = 0, agent: str | None = "8001", demo: bool = False,
           version: str = "1", outcomes: tuple[Outcome, ...] = (), coverage: float = 1.0) -> ScoredCall:  # fmt: skip
    started = None if day is None else f"{MONDAY + timedelta(days=day)}T09:00:00.000"
    ruled = {Outcome.PASS: 10.0, Outcome.FAIL: 0.0}
    checks = tuple(CheckOutcome(f"k{i}", f"检查{i}", o, 10.0, ruled.get(o)) for i, o in enumerate(outcomes))
    made = Provenance("0" * 64, (("asr", "m1"),), "default", version, "0.1.0", demo)
    return ScoredCall(call_id, f"{call_id}.wav", agent, "李敏", "一组", "in", "", started, started, 60_000, 1, percent, coverage,
                      made, "2024-06-01T00:00:00.000+00:00", checks)  # fmt: skip


def calls(percents: list[float], agent: str = "8001", day_step: int = 1) -> list[ScoredCall]:
    return [scored(f"{agent}-{i:03}", percent, i * day_step, agent) for i, percent in enumerate(percents)]


# ---------------------------------------------------------------- intervals


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_has_the_published_values(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert (found.n, found.value) == (n, successes / n)
    assert (round(found.low or 0.0, 4), round(found.high or 0.0, 4)) == (low, high)


def test_no_case_gives_no_rate() -> None:
    assert wilson(0, 0) == Estimate(None, None, None, 0)


def test_students_interval_has_the_value_of_the_table() -> None:
    found = mean_percent([50.0, 60.0, 70.0])  # sd 10, t(0.975; 2) = 4.302653
    assert found.value == 60.0 and found.n == 3
    assert found.low == pytest.approx(60 - 4.302653 * 10 / math.sqrt(3), abs=1e-4)
    assert found.high == pytest.approx(60 + 4.302653 * 10 / math.sqrt(3), abs=1e-4)


def test_a_mean_stays_in_range_and_is_never_free_of_noise() -> None:
    wide = mean_percent([0.0, 100.0])
    assert (wide.low, wide.high) == (0.0, 100.0)
    alike = mean_percent([90.0, 90.0])  # t(0.975; 1) = 12.7062 on the least spread of 1
    assert alike.low == pytest.approx(90 - 12.7062 / math.sqrt(2), abs=1e-3)
    assert mean_percent([80.0]) == Estimate(80.0, None, None, 1)
    assert mean_percent([]) == Estimate(None, None, None, 0)


def test_the_slope_of_a_worked_example() -> None:
    # x 1..5, y 2 4 5 4 5: slope 0.6, residual sum 2.4, standard error sqrt(0.8 / 10), t(0.975; 3) = 3.182446
    found = least_squares_slope([1, 2, 3, 4, 5], [20.0, 40.0, 50.0, 40.0, 50.0])
    assert found.value == pytest.approx(6.0) and found.n == 5
    assert found.low == pytest.approx(6.0 - 3.182446 * 10 * math.sqrt(0.08), abs=1e-4)


# ---------------------------------------------------------------- an agent


def test_checks_are_counted_over_what_was_ruled_on() -> None:
    rows = [
        scored("a", 50.0, outcomes=(Outcome.PASS, Outcome.FAIL)),
        scored("b", 50.0, outcomes=(Outcome.PASS, Outcome.NOT_APPLICABLE), demo=True),
        scored("c", None, outcomes=(Outcome.INCONCLUSIVE,), coverage=0.2),
        scored("d", 0.0, outcomes=(Outcome.FAIL, Outcome.ERROR)),
        scored("x", 0.0, outcomes=(Outcome.FAIL, Outcome.FAIL), agent="8002"),
    ]
    card = agent_scorecard(rows, "8001", "2024-05-01", "2024-05-31")
    first, second = card.checks
    assert (first.check_id, first.title) == ("k0", "检查0")
    assert (first.passed, first.failed, first.inconclusive, first.errors, first.not_applicable) == (2, 1, 1, 0, 0)
    assert first.rate == wilson(2, 3)
    assert (second.passed, second.failed, second.inconclusive, second.errors, second.not_applicable) == (0, 1, 0, 1, 1)
    assert second.rate == wilson(0, 1)
    assert (card.calls, card.percent.n, card.percent.value) == (4, 3, pytest.approx(100 / 3))
    assert card.coverage == pytest.approx(0.8)
    assert (card.agent_name, card.since, card.until, card.rule_books, card.models) == (
        "李敏", "2024-05-01", "2024-05-31", ("default 1",), ("asr: m1",),
    )  # fmt: skip
    assert "1 通电话覆盖率不足，没有分数" in card.notes


def test_the_demo_mark_stays_on_all_that_it_touched() -> None:
    rows = [scored("a", 50.0, 0, outcomes=(Outcome.PASS,)), scored("b", 40.0, 1, outcomes=(Outcome.PASS,), demo=True)]
    card = agent_scorecard(rows, "8001", unit="day")
    assert card.demo and card.checks[0].demo
    assert [point.demo for point in card.trend.points] == [False, True]
    assert [call.demo for call in (*card.best, *card.worst)] == [False, True]
    assert card.notes[0] == "demo：1 通电话由演示模型识别，不能用于考核"
    assert card.notes[1] == "演示模型与正式模型的结果混在一起，不宜比较"
    clean = agent_scorecard(rows[:1], "8001")
    assert not clean.demo and not clean.checks[0].demo and clean.notes == ()


def test_an_agent_without_calls_has_no_figures() -> None:
    card = agent_scorecard([], "8009")
    assert (card.calls, card.percent, card.coverage, card.checks) == (0, Estimate(None, None, None, 0), None, ())
    assert (card.worst, card.best, card.trend.points, card.trend.slope) == ((), (), (), None)


@pytest.mark.parametrize(
    ("percents", "worst", "best"),
    [
        ([10, 20, 30, 40, 50, 60, 70], [10, 20, 30], [70, 60, 50]),
        ([80, 80, 80, 80], [], []),
        ([70], [], []),
        ([70, 90], [70], [90]),
        ([10, 20, 30, 30, 30, 90, 90, 90, 90], [10, 20], [90, 90, 90]),  # the median is 30; who of the 90s leads is open
        ([10, 50, 50, 60, 60, 60, 70, 80, 80, 90, 100], [10, 50, 50], [100, 90]),  # two calls share the third place
    ],
)
def test_worst_and_best_calls_do_not_cut_through_a_tie(percents: list[float], worst: list[float], best: list[float]) -> None:
    card = agent_scorecard(calls(percents), "8001")
    assert [call.percent for call in card.worst] == worst
    assert [call.percent for call in card.best] == best


def test_a_tie_for_the_first_place_shows_its_newest_calls() -> None:
    card = agent_scorecard(calls([90, 90, 90, 90, 10, 10, 10, 20, 20]), "8001")
    assert [call.call_id for call in card.best] == ["8001-003", "8001-002", "8001-001"]


def test_a_listed_call_names_its_failed_checks() -> None:
    rows = [scored("a", 0.0, outcomes=(Outcome.FAIL, Outcome.PASS, Outcome.FAIL)), scored("b", 100.0, outcomes=(Outcome.PASS,) * 3)]
    assert agent_scorecard(rows, "8001").worst[0].failed == ("检查0", "检查2")


# ---------------------------------------------------------------- trend


def test_a_rise_is_told_in_points_a_week() -> None:
    found = trend(calls([40 + 2 * i for i in range(14)]))
    assert (found.unit, len(found.points), found.direction) == ("day", 14, "up")
    assert found.slope is not None and found.slope.value == pytest.approx(14.0)
    assert found.points[0].label == "2024-04-29" and found.points[-1].label == "2024-05-12"


def test_a_fall_over_weeks_by_iso_week() -> None:
    found = trend(calls([90 - i for i in range(15)], day_step=3))
    assert (found.unit, found.direction) == ("week", "down")
    assert [(p.label, p.first_day, p.percent.n) for p in found.points[:2]] == [
        ("2024-W18", "2024-04-29", 3),
        ("2024-W19", "2024-05-06", 2),
    ]
    assert found.points[0].percent.value == 89.0
    new_year = trend([scored("a", 50.0, (date(2024, 12, 30) - MONDAY).days)], "week")
    assert (new_year.points[0].label, new_year.points[0].first_day) == ("2025-W01", "2024-12-30")


def test_too_few_calls_or_days_have_no_slope() -> None:
    assert trend(calls([50.0 + i for i in range(MIN_TREND_CALLS - 1)])).slope is None
    two_days = [scored(f"{i}", 50.0 + i, i % 2) for i in range(20)]
    assert (trend(two_days).slope, trend(two_days).direction) == (None, "none")
    three_days = [scored(f"{i}", 50.0 + i, i % 3) for i in range(MIN_TREND_CALLS)]
    assert trend(three_days).slope is not None


def test_noise_is_no_trend() -> None:
    rng = np.random.default_rng(3)
    directions = [trend(calls(list(rng.uniform(40, 100, 20)))).direction for _ in range(200)]
    assert directions.count("none") >= 182  # 95 % of 200, less 2.6 standard errors


def test_calls_without_a_time_or_a_score_are_in_no_trend() -> None:
    rows = [scored("a", 50.0, None), scored("b", None, 1), scored("c", 70.0, 2)]
    assert [(p.label, p.percent.value) for p in trend(rows).points] == [("2024-05-01", 70.0)]
    assert "1 通电话没有开始时间，未计入趋势" in agent_scorecard(rows, "8001").notes


# ---------------------------------------------------------------- agents beside each other


def _steady(agent: str, mean: float, n: int = 12) -> list[ScoredCall]:
    return calls([mean + (4 if i % 2 else -4) for i in range(n)], agent)


def test_agents_beyond_the_noise_are_ranked_and_those_within_share_places() -> None:
    found = overview([*_steady("1", 70), *_steady("2", 90), *_steady("3", 71), *_steady("4", 50)])
    assert [(a.agent_id, a.rank_from, a.rank_to) for a in found.agents] == [("2", 1, 1), ("3", 2, 3), ("1", 2, 3), ("4", 4, 4)]
    assert found.separated and not found.demo and found.notes == ()


def test_ranks_are_those_of_tukeys_test() -> None:
    rng = np.random.default_rng(11)
    groups = {str(i): rng.normal(60 + 4 * i, 9, 6 + 3 * i).clip(0, 100) for i in range(5)}
    found = overview([call for agent, values in groups.items() for call in calls([float(v) for v in values], agent)])
    pvalues = tukey_hsd(*groups.values()).pvalue
    means = [values.mean() for values in groups.values()]
    better = [[pvalues[i][j] < 0.05 and means[i] > means[j] for j in range(5)] for i in range(5)]
    for agent in found.agents:
        i = int(agent.agent_id)
        assert agent.rank_from == 1 + sum(better[j][i] for j in range(5))
        assert agent.rank_to == 5 - sum(better[i])
    assert 1 < len({a.rank_from for a in found.agents}) < 5  # some pairs differ and some do not


def test_equal_agents_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(5)
    tables = [[call for a in range(6) for call in calls(list(rng.normal(75, 8, 10)), str(a))] for _ in range(60)]
    assert sum(overview(table).separated for table in tables) <= 7  # 5 % of 60 is 3


def test_agents_inside_the_noise_have_no_rank_at_all() -> None:
    found = overview([*_steady("1", 70), *_steady("2", 71)])
    assert [(a.agent_id, a.rank_from, a.rank_to) for a in found.agents] == [("2", None, None), ("1", None, None)]
    assert not found.separated and "坐席之间的差别都在误差以内，不分名次" in found.notes


@pytest.mark.parametrize("other", [{"version": "2"}, {"demo": True}])
def test_what_was_scored_differently_is_not_ranked(other: dict[str, object]) -> None:
    strange = scored("s", 90.0, agent="2", **other)  # type: ignore[arg-type]
    found = overview([*_steady("1", 50), *_steady("2", 90), strange])
    assert {a.rank_from for a in found.agents} == {None} and not found.separated
    assert any("不能直接比较" in note or "不宜比较" in note for note in found.notes)


def test_few_calls_are_not_ranked_and_agents_without_score_come_last() -> None:
    few = calls([100.0] * (MIN_RANKED - 1), "3")
    unscored = [scored("u", None, agent="0"), scored("n", 50.0, agent=None)]
    found = overview([*_steady("1", 50), *_steady("2", 90), *few, *unscored])
    assert [(a.agent_id, a.rank_from) for a in found.agents] == [("3", None), ("2", 1), ("1", 2), ("0", None)]
    assert {"1 通电话不知道是哪位坐席", f"有分数的电话不足 {MIN_RANKED} 通的坐席不排名"} <= set(found.notes)


def test_an_empty_overview() -> None:
    assert overview([]).agents == () and not overview([]).separated
