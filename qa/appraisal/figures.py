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

SHOWN_BUDGET_S = 0.2
"""So long a page counts figures anew; what is left then is said on the page and counted in the background (``qa serve``)."""
TRIES = 3
"""So often a month is counted that changes meanwhile, before it is counted while nobody else may write."""
AT_ONCE = 5
"""Agents' months (some 15 ms each) that the background counts before it rests."""


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
    how often each rule was charged (rule book, rule, month, times), over all breaches and over the confirmed ones.  ``open``: all breaches
    together cost otherwise than the confirmed ones."""

    due: list[tuple[str, str, str]]
    pending: int
    unknown: int
    counted: list[tuple[str, str, str, int]]
    confirmed: list[tuple[str, str, str, int]]
    open: bool = False


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


def within_team(store: Store, agent_id: str, month: str, team: str) -> AgentMonth | None:
    """An agent's month of the calls in one team alone, counted at once; None without any."""
    known = KnownBooks(store)
    with store.db.reading():
        calls = [one for one in light.calls(store, agent_id, month, f"{month}-99", published=False) if one.team == team]
        return _agent_month(_row(agent_id, month, 0, calls, fines(store, agent_id, month, calls, known), known)) if calls else None


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
    store: Store,
    months: Sequence[str] | None = None,
    *,
    team: str | None = None,
    agent_id: str | None = None,
    most: int = -1,
) -> list[tuple[str, str]]:
    """Agents and months that have to be counted again, the earliest month first: of some months, of a team (as kept and as the calls say
    now), of an agent; at most ``most`` (negative: all)."""
    asked: list[tuple[str, Sequence[str]]] = [("1", ())]
    asked += [(f"month in ({', '.join('?' * len(months))})", months)] if months is not None else []
    asked += [("agent_id = ?", (agent_id,))] if agent_id is not None else []
    asked += [(_OF_TEAM, (team, team))] if team is not None else []
    where, params = " and ".join(sql for sql, _ in asked), (value for _, values in asked for value in values)
    sql = f"select agent_id, month from month_stale m where {where} order by month, agent_id limit ?"
    return [(row["agent_id"], row["month"]) for row in store.db.rows(sql, *params, most)]


_OF_TEAM = """(? = (select coalesce(c.team, '') from calls c where c.agent_id = m.agent_id and c.started >= m.month
    and c.started < m.month || '-99' order by c.started desc, c.call_id desc limit 1)
  or ? in (select f.team from month_figures f where f.agent_id = m.agent_id and f.month = m.month))"""


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


def keep(store: Store) -> bool:
    """Count a few agents' months of what waits; whether more may wait.  For the background (:mod:`qa.background`)."""
    todo = waiting(store, most=AT_ONCE)
    for agent, month in todo:
        count(store, agent, month)
    return len(todo) == AT_ONCE


def count(store: Store, agent_id: str, month: str) -> None:
    """Count an agent's month anew where it changed, and before it the earlier months of the year that its repetitions rest on.

    Whoever writes meanwhile is not kept waiting: it is counted on one view of the database, and written down only if nothing changed since.
    """
    sql = "select month from month_stale where agent_id = ? and month >= ? and month <= ? order by month"
    for row in store.db.rows(sql, agent_id, month[:4], month):
        if not any(_count(store, agent_id, row["month"]) for _try in range(TRIES)):
            with store.db.writing():
                _count(store, agent_id, row["month"])


def _count(store: Store, agent_id: str, month: str) -> bool:
    """False: something changed meanwhile, nothing was written."""
    with store.db.reading():
        token = _token(store, agent_id, month)
        known = KnownBooks(store)
        standing = light.calls(store, agent_id, month, f"{month}-99", published=False)
        shown = light.calls(store, agent_id, month, f"{month}-99", published=True)
        money = fines(store, agent_id, month, standing, known)
        made = [
            _row(agent_id, month, published, calls, own, known)
            for calls, published, own in ((standing, 0, money), (shown, 1, None))
            if calls
        ]
    with store.db.writing():
        if _token(store, agent_id, month) != token:
            return False
        if token is not None:  # else another one has counted it
            _write(store, agent_id, month, made, _kept(money))
    return True


def _token(store: Store, agent_id: str, month: str) -> int | None:
    """Another one after each change; None: the figures are kept as they are."""
    found = store.db.rows("select token from month_stale where agent_id = ? and month = ?", agent_id, month)
    return int(found[0]["token"]) if found else None


def _write(store: Store, agent_id: str, month: str, made: Sequence[dict[str, Any]], money: KeptFines) -> None:
    """Keep a month's figures; the later months of the year change with what was charged in it."""
    execute = store.db.sqlite.execute
    before = store.db.rows("select fines_json from month_figures where agent_id = ? and month = ? and published = 0", agent_id, month)
    execute("delete from month_figures where agent_id = ? and month = ?", (agent_id, month))
    for row in made:
        store.db.insert("month_figures", row)
    execute("delete from month_stale where agent_id = ? and month = ?", (agent_id, month))
    then = rows.from_json(before[0]["fines_json"], KeptFines) if before else _kept(None)
    if (then.counted, then.confirmed) == (money.counted, money.confirmed):
        return
    later = agent_id, month, f"{month[:4]}-99"
    execute("update month_stale set token = random() where agent_id = ? and month > ? and month < ?", later)
    execute(
        "insert or ignore into month_stale select agent_id, month, random() from month_figures"
        " where agent_id = ? and month > ? and month < ? and published = 0",
        later,
    )


Charged = tuple[Counted, Counted]
"""How often rules were charged: over all breaches, and over the confirmed ones."""


def fines(
    store: Store, agent_id: str, month: str, calls: Sequence[LightCall], books: KnownBooks, known: dict[str, Charged] | None = None
) -> Fines:
    """The money of the month; within one view of the database (``reading``) where others may write.  ``known``: of earlier months that were
    counted for this."""
    known = {} if known is None else known
    year, number = explain.parse_month(month)
    sheets = store.ledger.sheets(agent_id, month)
    if sheets:  # closed: what was known of earlier months then, whatever was corrected there since
        return money_of.of_month(store, calls, year, number, (sheets[-1].before, sheets[-1].before), books)
    first = explain.first_day(explain.days_of(year, number)[0], (book for call in calls if (book := books.of(call)) is not None))
    before: tuple[dict[tuple[str, str, str], int], dict[tuple[str, str, str], int]] = ({}, {})
    for earlier in (f"{year}-{n:02d}" for n in range(first.month, number)):
        if earlier not in known:
            known[earlier] = _counted(store, agent_id, earlier, books, known)
        for sums, counted in zip(before, known[earlier], strict=True):
            sums |= counted
    return money_of.of_month(store, calls, year, number, before, books)


def _counted(store: Store, agent_id: str, month: str, books: KnownBooks, known: dict[str, Charged]) -> Charged:
    """How often rules were charged in an earlier month: as kept at its closing, else as they are now."""
    sheets = store.ledger.sheets(agent_id, month)
    if sheets:
        return sheets[-1].counted, sheets[-1].counted
    if _token(store, agent_id, month) is not None:
        calls = light.calls(store, agent_id, month, f"{month}-99", published=False)
        made = _kept(fines(store, agent_id, month, calls, books, known))
    else:
        kept = of_agent(store, agent_id, [month])
        made = kept[0].fines if kept else _kept(None)
    return _read(made.counted), _read(made.confirmed)


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
    return KeptFines(due, len(money.pending), money.unknown, _listed(money.all.counted), _listed(money.due.counted), money.open)


def _listed(counted: Counted) -> list[tuple[str, str, str, int]]:
    return [(*key, times) for key, times in sorted(counted.items()) if times]
