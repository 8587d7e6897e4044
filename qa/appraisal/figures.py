"""The month's figures of agents, kept in a table of their own and counted again where something changed: a page never counts a house.

Triggers note whose month changed (``qa.appraisal.tables``); :func:`ensure` counts those anew that are asked for.  ``published`` figures
are over the scorecards that agents see, the others over those that stand.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from statistics import fmean, variance
from typing import Any

import msgspec

from qa import explain, rows
from qa.appraisal import fines as money_of
from qa.appraisal import light
from qa.appraisal.fines import Fines
from qa.appraisal.light import KnownBooks, LightCall
from qa.intervals import Estimate, mean_percent, wilson
from qa.rules.money import Counted, Yuan
from qa.store import Store
from qa.types import Outcome

SHOWN_BUDGET_S = 1.5
"""So long a page counts figures anew; what is left then is said on the page and counted by the next one."""


class CheckCount(msgspec.Struct, frozen=True):
    """How often a check had which outcome in the month, and the points (0 or more) that it cost."""

    check_id: str
    title: str
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    errors: int = 0
    not_applicable: int = 0
    lost: float = 0.0

    def __add__(self, other: CheckCount) -> CheckCount:
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__[2:]}
        return CheckCount(self.check_id, self.title, **sums)


class KeptFines(msgspec.Struct, frozen=True):
    """Money of the month: ``due`` by role (low, high), ``pending`` breaches without confirmation, ``unknown`` calls that cannot be counted;
    how often each rule was charged (rule book, rule, month, times), over all breaches and over the confirmed ones."""

    due: list[tuple[str, str, str]]
    pending: int
    unknown: int
    counted: list[tuple[str, str, str, int]]
    confirmed: list[tuple[str, str, str, int]]


@dataclass(frozen=True)
class AgentMonth:
    """An agent's month (``2025-06``).  ``percent``: mean with its interval over ``percent.n`` scored of ``calls`` calls; ``coverage`` 0-1;
    ``unpublished``: calls whose standing scorecard the agent does not see; ``books``: rule books and versions that took part, ``demo``:
    calls of the demonstration model."""

    agent_id: str
    month: str
    team: str
    agent_name: str
    calls: int
    unpublished: int
    demo: int
    percent: Estimate
    variance: float
    coverage: float | None
    books: tuple[str, ...]
    checks_json: str
    fines: KeptFines

    @cached_property
    def checks(self) -> tuple[CheckCount, ...]:
        """By check; read only where they are asked for: a house's table of a thousand agents does without."""
        return tuple(rows.from_json(self.checks_json, tuple[CheckCount, ...]))

    @property
    def due(self) -> tuple[tuple[str, Yuan], ...]:
        """What a person has confirmed, by role, the agent first."""
        return tuple((role, Yuan(Decimal(low), Decimal(high))) for role, low, high in self.fines.due)

    @property
    def comparable(self) -> tuple[object, ...]:
        """Agents may be ranked beside each other only where this is one and the same."""
        return (*self.books, bool(self.demo), self.demo in (0, self.calls))


# ---------------------------------------------------------------- reading


def of_month(store: Store, month: str, team: str | None = None, *, published: bool = False) -> tuple[AgentMonth, ...]:
    """All agents of a month, or those of a team (of their last call in it), by number."""
    sql = "select * from month_figures where month = ? and published = ?" + (" and team = ?" if team is not None else "")
    found = store.db.rows(f"{sql} order by agent_id", month, int(published), *([] if team is None else [team]))
    return tuple(map(_agent_month, found))


def of_agent(store: Store, agent_id: str, months: Sequence[str], *, published: bool = False) -> tuple[AgentMonth, ...]:
    """An agent's months, those without calls left out."""
    marks = ", ".join("?" * len(months))
    sql = f"select * from month_figures where agent_id = ? and published = ? and month in ({marks}) order by month"
    return tuple(map(_agent_month, store.db.rows(sql, agent_id, int(published), *months)))


def months(store: Store, team: str | None = None) -> tuple[str, ...]:
    """Months of which there are calls, the newest first."""
    where, params = ("", ()) if team is None else (" where team = ?", (team,))
    found = {row["month"] for row in store.db.rows(f"select distinct month from month_figures{where}", *params)}
    waiting = {row["month"] for row in store.db.rows("select distinct month from month_stale")}
    return tuple(sorted(found | waiting, reverse=True))


@lru_cache(maxsize=10_000)
def share(passed: int, ruled: int) -> Estimate:
    """A pass rate (0-1) with Wilson's interval; remembered, as a page has many of the same."""
    return wilson(passed, ruled)


def means(store: Store, months: Sequence[str], team: str | None = None) -> tuple[tuple[str, str, int, int, float | None], ...]:
    """Month, team, calls, scored calls and mean of every agent's month, by month and team: of some months, of a team."""
    marks = ", ".join("?" * len(months))
    sql = f"select month, team, calls, scored, mean from month_figures where published = 0 and month in ({marks})"
    own = ("", ()) if team is None else (" and team = ?", (team,))
    found = store.db.rows(f"{sql}{own[0]} order by month, team, agent_id", *months, *own[1])
    return tuple((row["month"], row["team"], row["calls"], row["scored"], row["mean"]) for row in found)


def agents(store: Store, month: str) -> int:
    """How many agents have counted calls in the month."""
    return int(store.db.rows("select count(*) as n from month_figures where month = ? and published = 0", month)[0]["n"])


def teams(store: Store, month: str) -> tuple[str, ...]:
    """Teams that have calls in the month."""
    found = store.db.rows("select distinct team from month_figures where month = ? and published = 0 and team <> '' order by team", month)
    return tuple(row["team"] for row in found)


def _agent_month(row: dict[str, Any]) -> AgentMonth:
    plain = {name: row[name] for name in ("agent_id", "month", "team", "agent_name", "calls", "unpublished", "demo", "coverage")}
    return AgentMonth(
        **plain,
        percent=Estimate(row["mean"], row["low"], row["high"], row["scored"]),
        variance=row["variance"] or 0.0,
        books=rows.from_json(row["books_json"], tuple[str, ...]),
        checks_json=row["checks_json"],
        fines=rows.from_json(row["fines_json"], KeptFines),
    )


def summed(found: Iterable[AgentMonth]) -> tuple[CheckCount, ...]:
    """Checks of several months or agents together, in the order in which they come."""
    sums: dict[str, CheckCount] = {}
    for one in found:
        for check in one.checks:
            sums[check.check_id] = check + sums[check.check_id] if check.check_id in sums else check
    return tuple(sums.values())


# ---------------------------------------------------------------- keeping up


def waiting(
    store: Store, months: Sequence[str] | None = None, *, team: str | None = None, agent_id: str | None = None
) -> list[tuple[str, str]]:
    """Agents and months that have to be counted again, the earliest month first: of some months, of a team, of an agent."""
    marks = "" if months is None else f" and month in ({', '.join('?' * len(months))})"
    whose, own = ("", ()) if agent_id is None else (" and agent_id = ?", (agent_id,))
    sql = f"select agent_id, month from month_stale where 1{marks}{whose} order by month, agent_id"
    found = [(row["agent_id"], row["month"]) for row in store.db.rows(sql, *(months or ()), *own)]
    return found if team is None else [(agent, month) for agent, month in found if team in _teams(store, agent, month)]


def _teams(store: Store, agent_id: str, month: str) -> tuple[str, ...]:
    """The teams of the agent's month, as kept and as the calls say now."""
    now = store.db.rows(
        "select team from calls where agent_id = ? and started >= ? and started < ? order by started desc, call_id desc limit 1",
        *(agent_id, month, f"{month}-99"),
    )
    then = store.db.rows("select team from month_figures where agent_id = ? and month = ?", agent_id, month)
    return tuple(row["team"] or "" for row in (*now, *then))


def ensure(
    store: Store,
    months: Sequence[str] | None = None,
    *,
    team: str | None = None,
    agent_id: str | None = None,
    budget_s: float | None = SHOWN_BUDGET_S,
) -> int:
    """Count anew what changed; returns how many agents' months are still to be counted after ``budget_s`` seconds (None: all is done)."""
    end = None if budget_s is None else time.monotonic() + budget_s
    todo = waiting(store, months, team=team, agent_id=agent_id)
    for done, (agent, month) in enumerate(todo):
        if end is not None and time.monotonic() > end:
            return len(todo) - done
        count(store, agent, month)
    return 0


def count(store: Store, agent_id: str, month: str) -> None:
    """Count an agent's month anew, and the earlier months of the year that its repetitions rest on, where those changed."""
    with store.db.writing():
        _count(store, agent_id, month)


def _count(store: Store, agent_id: str, month: str) -> None:
    known, execute = KnownBooks(store), store.db.sqlite.execute
    standing = light.calls(store, agent_id, month, f"{month}-99", published=False)
    shown = light.calls(store, agent_id, month, f"{month}-99", published=True)
    money = fines(store, agent_id, month, standing, known)
    before = store.db.rows("select fines_json from month_figures where agent_id = ? and month = ? and published = 0", agent_id, month)
    execute("delete from month_figures where agent_id = ? and month = ?", (agent_id, month))
    for calls, published, own in ((standing, 0, money), (shown, 1, None)):
        if calls:
            store.db.insert("month_figures", _row(agent_id, month, published, calls, own, known))
    execute("delete from month_stale where agent_id = ? and month = ?", (agent_id, month))
    then = rows.from_json(before[0]["fines_json"], KeptFines) if before else _kept(None)
    if (then.counted, then.confirmed) != (_kept(money).counted, _kept(money).confirmed):
        execute(
            "insert or ignore into month_stale select distinct agent_id, month from month_figures"
            " where agent_id = ? and month > ? and month < ?",
            (agent_id, month, f"{month[:4]}-99"),
        )


def fines(store: Store, agent_id: str, month: str, calls: Sequence[LightCall], books: KnownBooks) -> Fines:
    """The money of the month; inside a transaction where earlier months of the year may have to be counted too."""
    year, number = explain.parse_month(month)
    first = explain.first_day(explain.days_of(year, number)[0], (book for call in calls if (book := books.of(call)) is not None))
    before: tuple[dict[tuple[str, str, str], int], dict[tuple[str, str, str], int]] = ({}, {})
    for earlier in (f"{year}-{n:02d}" for n in range(first.month, number)):
        for sums, counted in zip(before, _counted(store, agent_id, earlier), strict=True):
            sums |= counted
    return money_of.of_month(store, calls, year, number, before, books)


def _counted(store: Store, agent_id: str, month: str) -> tuple[Counted, Counted]:
    """How often rules were charged in an earlier month: as kept at its closing, else as counted now."""
    sheets = store.ledger.sheets(agent_id, month)
    if sheets:
        return sheets[-1].counted, sheets[-1].counted
    if store.db.rows("select 1 from month_stale where agent_id = ? and month = ?", agent_id, month):
        _count(store, agent_id, month)
    kept = of_agent(store, agent_id, [month])
    if not kept:
        return {}, {}
    return _read(kept[0].fines.counted), _read(kept[0].fines.confirmed)


def _read(counted: Iterable[tuple[str, str, str, int]]) -> dict[tuple[str, str, str], int]:
    return {(book, rule, month): times for book, rule, month, times in counted}


# ---------------------------------------------------------------- counting


def _row(agent_id: str, month: str, published: int, calls: Sequence[LightCall], money: Fines | None, books: KnownBooks) -> dict[str, Any]:
    percents = [call.percent for call in calls if call.percent is not None]
    mean = mean_percent(percents)
    return {
        "agent_id": agent_id,
        "month": month,
        "published": published,
        "team": calls[-1].team,
        "agent_name": next((call.agent_name for call in reversed(calls) if call.agent_name), ""),
        "calls": len(calls),
        "scored": mean.n,
        "demo": sum(call.demo for call in calls),
        "unpublished": sum(not call.shown for call in calls),
        "mean": mean.value,
        "low": mean.low,
        "high": mean.high,
        "variance": variance(percents) if len(percents) > 1 else None,
        "coverage": fmean(call.coverage for call in calls),
        "books_json": rows.to_json(sorted({f"{call.rule_book} {call.rule_book_version}" for call in calls})),
        "checks_json": rows.to_json(checks(calls, books)),
        "fines_json": rows.to_json(_kept(money)),
    }


def checks(calls: Iterable[LightCall], books: KnownBooks) -> tuple[CheckCount, ...]:
    """Outcomes by check, in the order in which the calls show them; titles as in the last of them."""
    outcomes: dict[str, Counter[Outcome]] = defaultdict(Counter)
    titles: dict[str, str] = {}
    points: Counter[str] = Counter()
    for call in calls:
        book = books.of(call)
        for result in call.results:
            outcomes[result.check_id][result.outcome] += 1
            titles[result.check_id] = result.title
            points[result.check_id] += light.lost(result, book)  # type: ignore[assignment]
    return tuple(
        CheckCount(
            check_id=check_id,
            title=titles[check_id],
            passed=found[Outcome.PASS],
            failed=found[Outcome.FAIL],
            inconclusive=found[Outcome.INCONCLUSIVE],
            errors=found[Outcome.ERROR],
            not_applicable=found[Outcome.NOT_APPLICABLE],
            lost=float(points[check_id]),
        )
        for check_id, found in outcomes.items()
    )


def _kept(money: Fines | None) -> KeptFines:
    if money is None:
        return KeptFines([], 0, 0, [], [])
    due = [(role, str(yuan.low), str(yuan.high)) for role, yuan in money.due.totals]
    return KeptFines(due, len(money.pending), money.unknown, _listed(money.all.counted), _listed(money.due.counted))


def _listed(counted: Counted) -> list[tuple[str, str, str, int]]:
    return [(*key, times) for key, times in sorted(counted.items()) if times]
