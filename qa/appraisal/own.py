"""What an agent sees of a week or a month: published scorecards alone, beside the own past and the middle of the team."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from qa.appraisal import figures, light
from qa.appraisal.figures import CheckCount
from qa.appraisal.light import KnownBooks, LightCall
from qa.appraisal.periods import DAY, MONTH, Period, month_of, months_before
from qa.intervals import Estimate, mean_percent
from qa.report_text import LONG_EVIDENCE_MS
from qa.scorecards import MIN_RANKED
from qa.store import Store
from qa.types import CheckResult, Evidence, Outcome

PAST_MONTHS = 3
"""The own past: so many months before the one that is looked at."""
MIN_TEAM = 4
"""Agents, the own one among them, below whom a median would tell what a colleague has."""
TREND_MONTHS, TREND_WEEKS = 12, 8
CLIPS = 3
CLIP_MOST_MS = 15_000
_LOOKED_AT = 12


@dataclass(frozen=True)
class Rate:
    """A check's pass rate (0-1): now, in the own past, and the median of the team's agents (None: too few to be told).

    ``change``: ``up`` or ``down`` where the intervals of now and of the past lie apart, else "".
    """

    check_id: str
    title: str
    now: Estimate
    past: Estimate
    team: float | None
    change: str


@dataclass(frozen=True)
class Clip:
    """Seconds of an own call worth hearing: times in ms, ``text`` as said there."""

    call: LightCall
    result: CheckResult
    evidence: Evidence

    @property
    def end_ms(self) -> int:
        return min(self.evidence.span.end_ms, self.evidence.span.start_ms + CLIP_MOST_MS)


@dataclass(frozen=True)
class Own:
    """An agent's period: published calls, ``percent`` over those with a score; ``costs``: what was not passed, the dearest first."""

    period: Period
    calls: tuple[LightCall, ...]
    percent: Estimate
    past: Estimate
    coverage: float | None
    rates: tuple[Rate, ...]
    costs: tuple[CheckCount, ...]
    books: tuple[str, ...]
    demo: bool


def overview(store: Store, agent_id: str, period: Period) -> Own:
    """The agent's period.  Figures of other months and of the team must have been counted (``qa.appraisal.figures.ensure``)."""
    known = KnownBooks(store)
    calls = light.calls(store, agent_id, period.since.isoformat(), (period.until + DAY).isoformat(), published=True)
    checks = figures.checks(calls, known)
    month = month_of(period.since)
    past = figures.of_agent(store, agent_id, months_before(month, PAST_MONTHS), published=True)
    team = _team(store, calls, month)
    before = {one.check_id: one for one in figures.summed(past)}
    return Own(
        period=period,
        calls=tuple(reversed(calls)),
        percent=mean_percent([call.percent for call in calls if call.percent is not None]),
        past=_pooled(past),
        coverage=fmean(call.coverage for call in calls) if calls else None,
        rates=tuple(_rate(one, before.get(one.check_id), team) for one in checks),
        costs=tuple(sorted((one for one in checks if one.failed), key=lambda one: (-one.lost, -one.failed, one.check_id))),
        books=tuple(sorted({f"{call.rule_book} {call.rule_book_version}" for call in calls})),
        demo=any(call.demo for call in calls),
    )


def _team(store: Store, calls: Sequence[LightCall], month: str) -> tuple[figures.AgentMonth, ...]:
    team = calls[-1].team if calls else ""
    return figures.of_month(store, month, team, published=True) if team else ()


def _pooled(past: Sequence[figures.AgentMonth]) -> Estimate:
    """The mean over all calls of several months; without an interval: it is there to be compared with, not to be judged by."""
    scored = [(one.percent.value, one.percent.n) for one in past if one.percent.value is not None]
    n = sum(times for _, times in scored)
    return Estimate(sum(value * times for value, times in scored) / n if n else None, None, None, n)


def _rate(now: CheckCount, past: CheckCount | None, team: Sequence[figures.AgentMonth]) -> Rate:
    own = figures.share(now.passed, now.passed + now.failed)
    then = figures.share(past.passed, past.passed + past.failed) if past is not None else figures.share(0, 0)
    change = ""
    if own.low is not None and own.high is not None and then.low is not None and then.high is not None:
        change = "up" if own.low > then.high else "down" if own.high < then.low else ""
    return Rate(now.check_id, now.title, own, then, team_median(now.check_id, team), change)


def team_median(check_id: str, team: Sequence[figures.AgentMonth]) -> float | None:
    """The middle of the agents' pass rates (0-1), of those with enough calls; None where they are fewer than ``MIN_TEAM``."""
    counts = [check for one in team for check in one.checks if check.check_id == check_id]
    rates = [check.passed / (check.passed + check.failed) for check in counts if check.passed + check.failed >= MIN_RANKED]
    return median(rates) if len(rates) >= MIN_TEAM else None


# ---------------------------------------------------------------- trend


def trend(store: Store, agent_id: str, period: Period) -> tuple[tuple[str, Estimate], ...]:
    """The published mean of the weeks or months up to this one, the earliest first; those without calls are left out."""
    if period.kind == MONTH:
        month = month_of(period.since)
        found = figures.of_agent(store, agent_id, (*months_before(month, TREND_MONTHS - 1), month), published=True)
        return tuple((one.month, one.percent) for one in found)
    weeks = [period]
    while len(weeks) < TREND_WEEKS:
        weeks.insert(0, weeks[0].before)
    percents: dict[datetime.date, list[float]] = {}
    for started, percent in _percents(store, agent_id, weeks[0].since, period.until + DAY):
        percents.setdefault(Period.of(period.kind, datetime.date.fromisoformat(started[:10])).since, []).append(percent)
    return tuple((week.label, mean_percent(percents[week.since])) for week in weeks if week.since in percents)


def _percents(store: Store, agent_id: str, since: datetime.date, before: datetime.date) -> Iterator[tuple[str, float]]:
    sql = light.PUBLISHED.replace(light.COLUMNS, "c.started, s.percent")
    for row in store.db.rows(sql, agent_id, since.isoformat(), before.isoformat()):
        if row["percent"] is not None:
            yield row["started"], row["percent"]


# ---------------------------------------------------------------- clips


def clips(store: Store, own: Own) -> tuple[Clip, ...]:
    """Up to ``CLIPS`` stretches of own calls: of what cost most first, of each check the newest; then what went well, to be repeated."""
    found: list[Clip] = []
    for outcome, checks in ((Outcome.FAIL, own.costs), (Outcome.PASS, _passed(own))):
        for check in checks:
            clip = _newest(store, own.calls, check.check_id, outcome)
            if clip is not None and all((one.call.call_id, one.evidence.span) != (clip.call.call_id, clip.evidence.span) for one in found):
                found.append(clip)
            if len(found) == CLIPS:
                return tuple(found)
    return tuple(found)


def _passed(own: Own) -> tuple[CheckCount, ...]:
    return tuple(CheckCount(rate.check_id, rate.title) for rate in sorted(own.rates, key=lambda rate: rate.now.value or 0.0))


def _newest(store: Store, calls: Sequence[LightCall], check_id: str, outcome: Outcome) -> Clip | None:
    looked_at = 0
    for call in calls:
        if not any(result.check_id == check_id and result.outcome is outcome for result in call.results):
            continue
        looked_at += 1
        result = next(one for one in light.whole(store, call.call_id, call.scorecard_id) if one.check_id == check_id)
        for finding in result.findings:
            for evidence in finding.evidence:
                short = evidence.span.duration_ms <= LONG_EVIDENCE_MS
                if finding.outcome is outcome and (outcome is Outcome.FAIL or (short and evidence.text)):
                    return Clip(call, result, evidence)
        if looked_at >= _LOOKED_AT:
            break
    return None
