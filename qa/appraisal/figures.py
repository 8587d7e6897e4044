"""The month's figures of agents, kept in a table of their own and counted again where something changed: a page never counts a house.

Triggers note whose month changed (``qa.appraisal.tables``); :func:`ensure` counts those anew that are asked for.  ``published`` figures
are over the scorecards that agents see, the others over those that stand.  Of an agent who changed team within the month the calls in each
team are counted for themselves, too: its lead answers for these alone.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import fmean, variance
from typing import Any

import msgspec

from qa import rows
from qa.appraisal import charged, light, unseen
from qa.appraisal.charged import NO_FINES, token
from qa.appraisal.charged import KeptFines as KeptFines
from qa.appraisal.light import KnownBooks, LightCall
from qa.appraisal.unseen import Totals
from qa.intervals import Estimate, mean_percent, wilson
from qa.store import Store
from qa.types import Outcome

SHOWN_BUDGET_S = 0.02
"""So long a page counts figures anew; what is left then is said on the page and counted in the background (``qa serve``)."""
TRIES = 3
"""So often a month is counted that changes meanwhile, before it is counted while nobody else may write."""
AT_ONCE = 5
"""Agents' months (some 15 ms each) that the background counts before it rests."""
ROUNDS = 6
"""So often it is looked again what waits: what is counted may change a later month, and others may be writing."""
STANDING, SHOWN, PART = 0, 1, 2
"""``published`` of the rows of an agent's month: of all calls as they stand, as the agent sees them, and from ``PART`` on of the calls in
one team, where there are several."""


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


@dataclass(frozen=True)
class AgentMonth:
    """An agent's month (``2025-06``).  ``percent``: mean with its interval over ``percent.n`` scored of ``calls`` calls; ``coverage`` 0-1;
    ``unpublished``: calls whose standing scorecard the agent does not see; ``books``: rule books and versions that took part, ``demo``:
    calls of the demonstration model.  ``elsewhere``: calls of the month in other teams than ``team``, that of the last call: counted
    here, or, where the figures are of the calls in one team alone (``apart``), not."""

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
    elsewhere: int = 0
    apart: bool = False

    @cached_property
    def checks(self) -> tuple[CheckCount, ...]:
        """By check; read only where they are asked for: a house's table of a thousand agents does without."""
        return tuple(rows.from_json(self.checks_json, tuple[CheckCount, ...]))

    @property
    def due(self) -> Totals:
        """What a person has confirmed, by role, the agent first."""
        return charged.read(self.fines.due)

    @property
    def unseen_due(self) -> Totals:
        """What of it is for breaches that the agent does not see."""
        return charged.read(self.fines.unseen_due)

    @property
    def comparable(self) -> tuple[object, ...]:
        """Agents may be ranked beside each other only where this is one and the same."""
        return (*self.books, bool(self.demo), self.demo in (0, self.calls))


# ---------------------------------------------------------------- reading


def of_month(store: Store, month: str, team: str | None = None, *, published: bool = False) -> tuple[AgentMonth, ...]:
    """All agents of a month by number, or those of a team: as they stand all who had calls in it, with these alone (``apart``) where they
    had others; ``published`` those of their last call."""
    sql = "select * from month_figures where month = ? and published = ?" + (" and team = ?" if team is not None else "")
    found = store.db.rows(f"{sql} order by agent_id", month, SHOWN if published else STANDING, *([] if team is None else [team]))
    if published:
        return tuple(map(_agent_month, found))
    parts = parts_of_month(store, month)
    others = _others(parts)
    if team is None:
        return tuple(_agent_month(row, others.get((row["agent_id"], month, row["team"]), 0)) for row in found)
    moved = {one.agent_id for one in parts}
    own = [_agent_month(row) for row in found if row["agent_id"] not in moved] + [one for one in parts if one.team == team]
    return tuple(sorted(own, key=lambda one: one.agent_id))


def parts_of_month(store: Store, month: str) -> tuple[AgentMonth, ...]:
    """Of agents who changed team within the month the calls in each, by agent and team."""
    found = store.db.rows("select * from month_figures where month = ? and published >= ? order by agent_id, team", month, PART)
    return _parts(found)


def _parts(found: Sequence[dict[str, Any]]) -> tuple[AgentMonth, ...]:
    whole = Counter[tuple[str, str]]()
    for row in found:
        whole[row["agent_id"], row["month"]] += row["calls"]
    return tuple(_agent_month(row, whole[row["agent_id"], row["month"]] - row["calls"], apart=True) for row in found)


def _others(parts: Iterable[AgentMonth]) -> dict[tuple[str, str, str], int]:
    """How many calls an agent had in a month in other teams than this one."""
    return {(one.agent_id, one.month, one.team): one.elsewhere for one in parts}


def of_agent(store: Store, agent_id: str, months: Sequence[str], *, published: bool = False) -> tuple[AgentMonth, ...]:
    """An agent's months, those without calls left out."""
    marks = ", ".join("?" * len(months))
    sql = f"select * from month_figures where agent_id = ? and month in ({marks}) and published"
    found = store.db.rows(f"{sql} = ? order by month", agent_id, *months, SHOWN if published else STANDING)
    if published:
        return tuple(map(_agent_month, found))
    others = _others(_parts(store.db.rows(f"{sql} >= ? order by month, team", agent_id, *months, PART)))
    return tuple(_agent_month(row, others.get((agent_id, row["month"], row["team"]), 0)) for row in found)


def within_team(store: Store, agent_id: str, month: str, team: str) -> AgentMonth | None:
    """An agent's month of the calls in one team alone; None without any."""
    found = store.db.rows("select * from month_figures where agent_id = ? and month = ? and published >= ?", agent_id, month, PART)
    if found:
        return next((one for one in _parts(found) if one.team == team), None)
    return next((one for one in of_agent(store, agent_id, [month]) if one.team == team), None)


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
    """Month, team, calls, scored calls and mean of every agent's month, by month and team: of some months, of a team.  Who changed team
    stands in each with the calls in it."""
    marks = ", ".join("?" * len(months))
    own, params = ("", [*months]) if team is None else (" and f.team = ?", [*months, team])
    sql = f"select f.month, f.team, f.agent_id, f.calls, f.scored, f.mean from month_figures f where f.month in ({marks}){own}"
    part = "select 1 from month_figures p where p.agent_id = f.agent_id and p.month = f.month and p.published = ?"
    sql = f"{sql} and f.published = ? and not exists ({part}) union all {sql} and f.published >= ? order by 1, 2, 3"
    found = store.db.rows(sql, *params, STANDING, PART, *params, PART)
    return tuple((row["month"], row["team"], row["calls"], row["scored"], row["mean"]) for row in found)


def agents(store: Store, month: str) -> int:
    """How many agents have counted calls in the month."""
    return int(store.db.rows("select count(*) as n from month_figures where month = ? and published = 0", month)[0]["n"])


def teams(store: Store, month: str) -> tuple[str, ...]:
    """Teams that have calls in the month."""
    sql = "select distinct team from month_figures where month = ? and published <> ? and team <> '' order by team"
    return tuple(row["team"] for row in store.db.rows(sql, month, SHOWN))


def _agent_month(row: dict[str, Any], elsewhere: int = 0, apart: bool = False) -> AgentMonth:
    plain = {name: row[name] for name in ("agent_id", "month", "team", "agent_name", "calls", "unpublished", "demo", "coverage")}
    return AgentMonth(
        **plain,
        percent=Estimate(row["mean"], row["low"], row["high"], row["scored"]),
        variance=row["variance"] or 0.0,
        books=_books(row["books_json"]),
        checks_json=row["checks_json"],
        fines=rows.from_json(row["fines_json"], KeptFines),
        elsewhere=elsewhere,
        apart=apart,
    )


@lru_cache(maxsize=256)  # agents of one house have the same ones
def _books(text: str) -> tuple[str, ...]:
    found: tuple[str, ...] = rows.from_json(text, tuple[str, ...])
    return found


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
    now), of an agent; at most ``most`` (negative: all).  With them earlier months of the year, which their repetitions rest on."""
    asked: list[tuple[str, Sequence[str]]] = [("1", ())]
    if months is not None:
        asked.append((f"m.month in ({', '.join('?' * len(months))})", months))
    if team is not None:
        asked.append((_OF_TEAM, (team, min(months or [""]), f"{max(months or ['9999'])}-99", team)))
    where, params = " and ".join(sql for sql, _ in asked), [value for _, values in asked for value in values]
    if months is not None:
        own, of = ("", ()) if team is None else (" and f.team = ?", (team,))
        where, params = f"({where} or {_EARLIER.format(marks=', '.join('?' * len(months)))}{own}))", [*params, *months, *of]
    if agent_id is not None:
        where, params = f"{where} and m.agent_id = ?", [*params, agent_id]
    sql = f"select m.agent_id, m.month from month_stale m where {where} order by m.month, m.agent_id limit ?"
    return [(row["agent_id"], row["month"]) for row in store.db.rows(sql, *params, most)]


_OF_TEAM = """((m.agent_id, m.month) in (select c.agent_id, substr(c.started, 1, 7) from calls c
    where c.team = ? and c.started >= ? and c.started < ?)
  or ? in (select f.team from month_figures f where f.agent_id = m.agent_id and f.month = m.month))"""
_EARLIER = """exists (select 1 from month_figures f where f.agent_id = m.agent_id and f.month in ({marks}) and f.month > m.month
  and substr(f.month, 1, 4) = substr(m.month, 1, 4)"""


def ensure(
    store: Store,
    months: Sequence[str] | None = None,
    *,
    team: str | None = None,
    agent_id: str | None = None,
    budget_s: float | None = SHOWN_BUDGET_S,
) -> int:
    """Count anew what changed; returns how many agents' months are still to be counted after ``budget_s`` seconds (None: all is done;
    negative: nothing is counted)."""
    end = None if budget_s is None else time.monotonic() + budget_s
    for _round in range(ROUNDS):
        todo = waiting(store, months, team=team, agent_id=agent_id)
        for done, (agent, month) in enumerate(todo):
            if end is not None and time.monotonic() > end:
                return len(todo) - done
            count(store, agent, month)
        if not todo:
            return 0
    return len(waiting(store, months, team=team, agent_id=agent_id))


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
        before = token(store, agent_id, month)
        known = KnownBooks(store)
        standing = light.calls(store, agent_id, month, f"{month}-99", published=False)
        shown = light.calls(store, agent_id, month, f"{month}-99", published=True)
        money = charged.fines(store, agent_id, month, standing, known)
        kept = charged.kept(money, unseen.of(money.due, standing, shown, store))
        made = [
            _row(agent_id, month, of, calls, own, known)
            for calls, of, own in ((standing, STANDING, kept), (shown, SHOWN, NO_FINES))
            if calls
        ]
        teams = sorted({call.team for call in standing})
        for place, team in enumerate(teams if len(teams) > 1 else ()):
            calls = [call for call in standing if call.team == team]
            made.append(_row(agent_id, month, PART + place, calls, charged.of_part(money, calls, known), known))
    with store.db.writing():
        if token(store, agent_id, month) != before:
            return False
        if before is not None:  # else another one has counted it
            _write(store, agent_id, month, made, kept)
    return True


def _write(store: Store, agent_id: str, month: str, made: Sequence[dict[str, Any]], money: KeptFines) -> None:
    """Keep a month's figures; the later months of the year change with what was charged in it."""
    execute = store.db.sqlite.execute
    before = store.db.rows("select fines_json from month_figures where agent_id = ? and month = ? and published = 0", agent_id, month)
    execute("delete from month_figures where agent_id = ? and month = ?", (agent_id, month))
    for row in made:
        store.db.insert("month_figures", row)
    execute("delete from month_stale where agent_id = ? and month = ?", (agent_id, month))
    then = rows.from_json(before[0]["fines_json"], KeptFines) if before else NO_FINES
    if (then.counted, then.confirmed) == (money.counted, money.confirmed):
        return
    later = agent_id, month, f"{month[:4]}-99"
    execute("update month_stale set token = random() where agent_id = ? and month > ? and month < ?", later)
    execute(
        "insert or ignore into month_stale select agent_id, month, random() from month_figures"
        " where agent_id = ? and month > ? and month < ? and published = 0",
        later,
    )


# ---------------------------------------------------------------- counting


def _row(agent_id: str, month: str, published: int, calls: Sequence[LightCall], money: KeptFines, books: KnownBooks) -> dict[str, Any]:
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
        "fines_json": rows.to_json(money),
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
