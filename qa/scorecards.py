"""An agent over a period: pass rates, mean score, trend, best and worst calls; and agents beside each other.

Every figure carries its sample size and a 95 % interval (:mod:`qa.intervals`); what lies inside the noise is not ranked.
Agents differ where Tukey and Kramer's test for all pairs says so (Kramer 1956, Biometrics 12, 307-310), so that the
chance of any false difference in the whole table is at most 5 %.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from statistics import fmean, median, variance

from qa.intervals import CONFIDENCE, MIN_SD, Estimate, least_squares_slope, mean_percent, wilson
from qa.store import CheckOutcome, ScoredCall
from qa.types import Outcome

MIN_RANKED = 5
"""Scored calls below which an agent has no rank."""
MIN_TREND_CALLS = 10
MIN_TREND_PERIODS = 3
DAILY_UP_TO = 14
"""Days up to which a trend is shown day by day, else week by week."""
LISTED = 3
"""Worst and best calls shown."""


@dataclass(frozen=True)
class CheckRate:
    """How often a check was passed: ``rate`` is 0-1 over the ``passed + failed`` calls that were ruled on."""

    check_id: str
    title: str
    rate: Estimate
    passed: int
    failed: int
    inconclusive: int
    errors: int
    not_applicable: int
    demo: bool


@dataclass(frozen=True)
class TrendPoint:
    """Mean percent of one period: ``label`` is ``2024-05-01``, or the ISO week ``2024-W18``; ``first_day`` its first day."""

    label: str
    first_day: str
    percent: Estimate
    demo: bool


@dataclass(frozen=True)
class Trend:
    """Mean percent by ``unit`` (``day`` or ``week``), and the slope in points a week with its 95 % interval.

    ``slope`` is None below ``MIN_TREND_CALLS`` scored calls or ``MIN_TREND_PERIODS`` periods.  ``direction`` is ``up`` or
    ``down`` only where the interval leaves out 0, else ``none``.
    """

    unit: str
    points: tuple[TrendPoint, ...]
    slope: Estimate | None
    direction: str


@dataclass(frozen=True)
class CallScore:
    """One call in a list of best or worst: ``failed`` are the titles of its failed checks."""

    call_id: str
    file: str
    started: str | None
    percent: float
    coverage: float
    failed: tuple[str, ...]
    demo: bool


@dataclass(frozen=True)
class AgentScorecard:
    """An agent over a period.

    ``percent`` (0-100) is over the scored calls (``percent.n``); the other ``calls`` had too little coverage for a score.
    ``coverage`` is the mean of all calls (0-1).  ``worst`` calls lie below the median, ``best`` above it, at most ``LISTED``
    each; calls tied at the cut are left out together, as none of them is worse (a tie for the first place shows its newest).
    ``rule_books`` and ``models`` are all that took part;
    ``notes`` (Chinese) say what limits the figures.
    """

    agent_id: str
    agent_name: str
    team: str
    since: str | None
    until: str | None
    calls: int
    percent: Estimate
    coverage: float | None
    checks: tuple[CheckRate, ...]
    trend: Trend
    worst: tuple[CallScore, ...]
    best: tuple[CallScore, ...]
    rule_books: tuple[str, ...]
    models: tuple[str, ...]
    demo: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class AgentStanding:
    """An agent in the overview.

    ``rank_from`` to ``rank_to`` are the places that the figures allow (1 = best): agents whose difference is inside the
    noise share them.  None where an agent cannot be ranked.
    """

    agent_id: str
    agent_name: str
    team: str
    calls: int
    percent: Estimate
    coverage: float | None
    rank_from: int | None
    rank_to: int | None
    demo: bool


@dataclass(frozen=True)
class Overview:
    """Agents by mean percent (without one last); ``separated``: at least two of them differ beyond the noise."""

    agents: tuple[AgentStanding, ...]
    separated: bool
    demo: bool
    notes: tuple[str, ...]


# ---------------------------------------------------------------- an agent


def agent_scorecard(
    calls: Iterable[ScoredCall], agent_id: str, since: str | None = None, until: str | None = None, unit: str | None = None
) -> AgentScorecard:
    """The scorecard of ``agent_id`` from the calls of a period (others' calls among them are left out).

    ``since`` and ``until`` are only shown: :meth:`qa.store.Store.calls` chooses.  ``unit`` of the trend is ``day``, ``week`` or
    None (by the length of the period).
    """
    own = sorted((c for c in calls if c.agent_id == agent_id), key=lambda c: (c.started or "", c.call_id))
    latest = own[-1] if own else None
    worst, best = _extremes(own)
    return AgentScorecard(
        agent_id=agent_id,
        agent_name=latest.agent_name if latest else "",
        team=latest.team if latest else "",
        since=since,
        until=until,
        calls=len(own),
        percent=mean_percent(_percents(own)),
        coverage=fmean(c.coverage for c in own) if own else None,
        checks=_check_rates(own),
        trend=trend(own, unit),
        worst=worst,
        best=best,
        rule_books=_rule_books(own),
        models=tuple(sorted({f"{name}: {model}" for c in own for name, model in c.provenance.models})),
        demo=any(c.demo for c in own),
        notes=_notes(own),
    )


def _percents(calls: Iterable[ScoredCall]) -> list[float]:
    return [c.percent for c in calls if c.percent is not None]


def _rule_books(calls: Iterable[ScoredCall]) -> tuple[str, ...]:
    return tuple(sorted({f"{c.provenance.rule_book} {c.provenance.rule_book_version}" for c in calls}))


def _notes(calls: Sequence[ScoredCall]) -> tuple[str, ...]:
    scored, demo = len(_percents(calls)), sum(c.demo for c in calls)
    undated = sum(c.started is None for c in calls)
    notes = []
    if demo:
        notes.append(f"demo：{demo} 通电话由演示模型识别，不能用于考核")
    if 0 < demo < len(calls):
        notes.append("演示模型与正式模型的结果混在一起，不宜比较")
    if len(_rule_books(calls)) > 1:
        notes.append("这段时间用了不同的评分规则或版本，分数不能直接比较；请用同一规则重新评分")
    if scored < len(calls):
        notes.append(f"{len(calls) - scored} 通电话覆盖率不足，没有分数")
    if undated:
        notes.append(f"{undated} 通电话没有开始时间，未计入趋势")
    return tuple(notes)


def _check_rates(calls: Iterable[ScoredCall]) -> tuple[CheckRate, ...]:
    """Per check, in the order in which the calls show them; titles as in the latest call."""
    outcomes: dict[str, Counter[Outcome]] = defaultdict(Counter)
    shown: dict[str, CheckOutcome] = {}
    demo: set[str] = set()
    for call in calls:
        for check in call.checks:
            outcomes[check.check_id][check.outcome] += 1
            shown[check.check_id] = check
            demo |= {check.check_id} if call.demo else set()
    return tuple(_check_rate(shown[check_id], count, check_id in demo) for check_id, count in outcomes.items())


def _check_rate(check: CheckOutcome, count: Counter[Outcome], demo: bool) -> CheckRate:
    passed, failed = count[Outcome.PASS], count[Outcome.FAIL]
    return CheckRate(
        check_id=check.check_id,
        title=check.title,
        rate=wilson(passed, passed + failed),
        passed=passed,
        failed=failed,
        inconclusive=count[Outcome.INCONCLUSIVE],
        errors=count[Outcome.ERROR],
        not_applicable=count[Outcome.NOT_APPLICABLE],
        demo=demo,
    )


def _extremes(calls: Iterable[ScoredCall]) -> tuple[tuple[CallScore, ...], tuple[CallScore, ...]]:
    """Worst and best calls, at most ``LISTED`` each; ``calls`` are sorted by start."""
    scored = [(c.percent, c) for c in calls if c.percent is not None][::-1]
    if not scored:
        return (), ()
    middle = median(percent for percent, _ in scored)
    low = sorted(((p, c) for p, c in scored if p < middle), key=lambda pc: pc[0])
    high = sorted(((p, c) for p, c in scored if p > middle), key=lambda pc: -pc[0])
    return _cut(low), _cut(high)


def _cut(ordered: list[tuple[float, ScoredCall]]) -> tuple[CallScore, ...]:
    chosen = ordered[:LISTED]
    if len(ordered) > LISTED:
        outside = ordered[LISTED][0]
        untied = [(p, c) for p, c in chosen if p != outside]
        chosen = untied or chosen
    return tuple(_call_score(percent, call) for percent, call in chosen)


def _call_score(percent: float, call: ScoredCall) -> CallScore:
    failed = tuple(check.title for check in call.checks if check.outcome is Outcome.FAIL)
    return CallScore(call.call_id, call.file, call.started, percent, call.coverage, failed, call.demo)


# ---------------------------------------------------------------- trend


def trend(calls: Iterable[ScoredCall], unit: str | None = None) -> Trend:
    """Mean percent by day or week, and the least-squares slope of the single calls over their dates, in points a week."""
    dated = [(date.fromisoformat(c.started[:10]), c.percent, c.demo) for c in calls if c.started and c.percent is not None]
    days = [day for day, _, _ in dated]
    if unit is None:
        unit = "day" if not days or (max(days) - min(days)).days < DAILY_UP_TO else "week"
    if unit not in _PERIODS:
        raise ValueError(f"unit is day or week, not {unit!r}")
    periods: dict[tuple[str, str], list[tuple[float, bool]]] = defaultdict(list)
    for day, percent, demo in dated:
        periods[_PERIODS[unit](day)].append((percent, demo))
    points = tuple(
        TrendPoint(label, first, mean_percent([percent for percent, _ in inside]), any(demo for _, demo in inside))
        for (first, label), inside in sorted(periods.items())
    )
    slope = None
    if len(dated) >= MIN_TREND_CALLS and len(points) >= MIN_TREND_PERIODS:
        slope = least_squares_slope([day.toordinal() / 7 for day in days], [percent for _, percent, _ in dated])
    direction = "none"
    if slope is not None and slope.low is not None and slope.high is not None and not slope.low <= 0 <= slope.high:
        direction = "up" if slope.low > 0 else "down"
    return Trend(unit, points, slope, direction)


def _day(day: date) -> tuple[str, str]:
    return day.isoformat(), day.isoformat()


def _week(day: date) -> tuple[str, str]:
    year, week, _ = day.isocalendar()
    return date.fromisocalendar(year, week, 1).isoformat(), f"{year}-W{week:02d}"


_PERIODS: dict[str, Callable[[date], tuple[str, str]]] = {"day": _day, "week": _week}


# ---------------------------------------------------------------- agents beside each other


def overview(calls: Iterable[ScoredCall]) -> Overview:
    """Agents beside each other, ranked only as far as the figures tell them apart.

    Nobody is ranked across rule books or versions, or across demonstration and production models, nor with fewer than
    ``MIN_RANKED`` scored calls; calls without an agent are counted in a note.
    """
    known = list(calls)
    by_agent: dict[str, list[ScoredCall]] = defaultdict(list)
    for call in sorted(known, key=lambda c: (c.started or "", c.call_id)):
        if call.agent_id:
            by_agent[call.agent_id].append(call)
    notes = list(_notes(known))
    without = sum(not call.agent_id for call in known)
    if without:
        notes.append(f"{without} 通电话不知道是哪位坐席")
    comparable = len({(c.provenance.rule_book, c.provenance.rule_book_version, c.demo) for c in known}) == 1
    scores = {agent: _percents(own) for agent, own in by_agent.items()}
    rankable = {agent: values for agent, values in scores.items() if len(values) >= MIN_RANKED}
    ranks = _ranks(rankable) if comparable and len(rankable) > 1 else {}
    if len(rankable) < len(scores):
        notes.append(f"有分数的电话不足 {MIN_RANKED} 通的坐席不排名")
    standings = [_standing(agent, own, ranks.get(agent)) for agent, own in by_agent.items()]
    standings.sort(key=lambda s: (s.percent.value is None, -(s.percent.value or 0.0), s.agent_id))
    separated = len(set(ranks.values())) > 1
    if ranks and not separated:
        notes.append("坐席之间的差别都在误差以内，不分名次")
        ranks = {}
        standings = [replace(s, rank_from=None, rank_to=None) for s in standings]
    return Overview(tuple(standings), separated, any(c.demo for c in known), tuple(notes))


def _standing(agent_id: str, calls: Sequence[ScoredCall], rank: tuple[int, int] | None) -> AgentStanding:
    return AgentStanding(
        agent_id=agent_id,
        agent_name=calls[-1].agent_name,
        team=calls[-1].team,
        calls=len(calls),
        percent=mean_percent(_percents(calls)),
        coverage=fmean(c.coverage for c in calls),
        rank_from=rank[0] if rank else None,
        rank_to=rank[1] if rank else None,
        demo=any(c.demo for c in calls),
    )


@cache
def _studentized_range(groups: int, degrees: int) -> float:
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(CONFIDENCE, groups, degrees))


def _ranks(scores: dict[str, list[float]]) -> dict[str, tuple[int, int]]:
    """Places that each agent may hold: behind all who are surely better, before all who are surely worse (Tukey-Kramer)."""
    total, groups = sum(map(len, scores.values())), len(scores)
    means = {agent: fmean(values) for agent, values in scores.items()}
    within = math.fsum(variance(values) * (len(values) - 1) for values in scores.values()) / (total - groups)
    spread = max(math.sqrt(within), MIN_SD)
    quantile = _studentized_range(groups, total - groups)

    def surely_better(a: str, b: str) -> bool:
        error = spread * math.sqrt((1 / len(scores[a]) + 1 / len(scores[b])) / 2)
        return means[a] - means[b] > quantile * error

    return {
        agent: (
            1 + sum(surely_better(other, agent) for other in scores),
            groups - sum(surely_better(agent, other) for other in scores),
        )
        for agent in scores
    }
