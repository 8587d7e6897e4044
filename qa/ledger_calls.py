"""The stored calls of a period one after the other, to be judged again: a page of rows at a time, however many there are.

Also how often an agent broke a rule earlier in the month, for rules that warn first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from qa import rows
from qa.clock import known_moment
from qa.database import Database
from qa.judgements import Judgements, Result
from qa.ledger_cards import Cards
from qa.rules.book import RuleBook
from qa.scoring import About
from qa.types import CheckResult, Outcome, Provenance

PAGE = 200
_CHOSEN = "s.id = coalesce(current.id, (select max(own.id) from scorecards own where own.call_id = c.call_id))"
_COLUMNS = f"""select c.call_id, c.file, c.started, c.agent_id, c.agent_name, c.customer_number,
  s.id as scorecard_id, s.snapshot, s.percent, s.coverage, s.rule_book, s.rule_book_version, s.demo, s.results_json,
  s.provenance_json, s.call_notes_json, current.id as current_id
  from calls c left join current_scorecards current using (call_id)
  join scorecards s on {_CHOSEN}"""
_COUNTS = "not exists (select 1 from withdrawn_calls w where w.call_id = c.call_id)"


@dataclass(frozen=True)
class StoredCall:
    """A call with the scorecard that stands (its newest where none does: ``standing`` False), in short.

    ``started`` is wall clock of UTC+8, None if unknown.  ``snapshot`` is what the scorecard was judged on (``qa.store.Store.load``),
    ``results`` are its results without findings.  ``about``: what it says of the call, None where that must be asked of the call.
    """

    call_id: str
    file: str
    started: str | None
    agent_id: str | None
    agent_name: str
    customer_number: str
    scorecard_id: int
    snapshot: bytes
    percent: float | None
    coverage: float
    rule_book: str
    rule_book_version: str
    demo: bool
    standing: bool
    results: tuple[Result, ...]
    about: About | None

    @property
    def day(self) -> date | None:
        return None if self.started is None else date.fromisoformat(self.started[:10])


_PLAIN = ("call_id", "file", "started", "agent_id", "scorecard_id", "snapshot", "percent", "coverage")


def stored_calls(db: Database, cards: Cards, since: str | date | None, until: str | date | None) -> Iterator[StoredCall]:
    """Calls of a period by start, then those whose start is not known (of no bounded period).  Scorecards may be added meanwhile."""
    low, high = rows.period(since, until)
    after, place = ("", "") if low is None else (low, ""), "(c.started, c.call_id) > (?, ?)"
    limit, bound = ("", ()) if high is None else (" and c.started < ?", (high,))
    while page := db.rows(f"{_COLUMNS} where {place}{limit} and {_COUNTS} order by c.started, c.call_id limit {PAGE}", *after, *bound):
        yield from (_stored(row, cards) for row in page)
        after = page[-1]["started"], page[-1]["call_id"]
    last = "" if low is None and high is None else None
    while last is not None:
        page = db.rows(f"{_COLUMNS} where c.started is null and c.call_id > ? and {_COUNTS} order by c.call_id limit {PAGE}", last)
        yield from (_stored(row, cards) for row in page)
        last = page[-1]["call_id"] if page else None


@dataclass(frozen=True)
class Listed:
    """A call in a list; ``stamp``: id and stamp of the rule book under which it stands (its newest scorecard, where none does)."""

    call_id: str
    agent_id: str
    stamp: tuple[str, str]


_LISTED = f"""select c.call_id, c.agent_id, s.rule_book, s.rule_book_version
  from json_each(?) own cross join calls c on c.agent_id = own.value left join current_scorecards current using (call_id)
  join scorecards s on {_CHOSEN} where c.started >= ? and c.started < ? and {_COUNTS} order by c.started, c.call_id"""


def listed(db: Database, agents: Collection[str], since: date, until: date) -> tuple[Listed, ...]:
    """The agents' calls of a period (both days included) by start, as :func:`stored_calls` gives them; it costs the same however many calls
    others have."""
    found = db.rows(_LISTED, rows.to_json(sorted(agents)), *rows.period(since, until))
    return tuple(Listed(r["call_id"], r["agent_id"], (r["rule_book"] or "", r["rule_book_version"] or "")) for r in found)


def stored_call(db: Database, cards: Cards, call_id: str, scorecard_id: int | None = None) -> StoredCall | None:
    """One call that counts, with the scorecard that is asked for or else as above; None where there is none of these ids."""
    columns = _COLUMNS if scorecard_id is None else _COLUMNS.replace(_CHOSEN, f"s.id = {int(scorecard_id)} and s.call_id = c.call_id")
    found = db.rows(f"{columns} where c.call_id = ? and {_COUNTS}", call_id)
    return _stored(found[0], cards) if found else None


def _stored(row: dict[str, Any], cards: Cards) -> StoredCall:
    plain = {name: row[name] for name in _PLAIN}
    texts = {name: row[name] or "" for name in ("agent_name", "customer_number", "rule_book", "rule_book_version")}
    standing = row["current_id"] is not None
    results = cards.judgements.unpack(row["results_json"])
    of = _about(row) if standing and row["call_notes_json"] is not None else None
    return StoredCall(**plain | texts | {"demo": bool(row["demo"])}, standing=standing, results=results, about=of)


def _about(row: dict[str, Any]) -> About:
    made = rows.from_json(row["provenance_json"], Provenance)
    notes = rows.from_json(row["call_notes_json"], tuple[str, ...])
    return About(
        call_id=row["call_id"],
        agent_id=row["agent_id"],
        started=known_moment(row["started"]),
        file_sha256=made.file_sha256,
        models=made.models,
        demo=made.demo,
        notes=notes,
    )


# ---------------------------------------------------------------- warnings first


class Earlier:
    """Breaches of an agent earlier in the calendar month, for the rules of a book that warn first (``Points.warn_first``).

    Asked for one call it reads the scorecards that stand.  Asked for calls in order of time, with :meth:`begin` before and :meth:`add`
    after each, it counts the new scorecards in place of the old ones, whether or not the book of the day warns.  Rules of two rule
    books are never one rule, whatever they are called.

    A recording is never its own earlier call: the calls ``without``, and those that wait to give way to the one asked for, are left out;
    a call that waits to count in another's stead is not counted beside that.  ``db``: the database that it reads.
    """

    def __init__(self, db: Database, judgements: Judgements, without: Collection[str] = ()) -> None:
        self.db, self._judgements, self._without = db, judgements, frozenset(without)
        self._yielding: dict[str, list[str]] = {}
        for row in db.rows(_YIELDING):
            self._yielding.setdefault(row["call_id"], []).append(row["yields"])
        self._counts: dict[tuple[str, str], _Counts] = {}

    def of(self, book: RuleBook, agent_id: str | None, started: str | None, call_id: str) -> Mapping[str, int]:
        """By rule id, breaches before the call at ``started`` (wall clock); empty where agent or time is not known."""
        warning = _warning(book)
        if not warning or not agent_id or started is None:
            return {}
        self.begin(agent_id, started, call_id)
        counts = self._less(self._counts[agent_id, started[:7]], agent_id, started, call_id)
        return {rule_id: counts.get((book.id, rule_id), (0, 0))[per_call] for rule_id, per_call in warning.items()}

    def begin(self, agent_id: str | None, started: str | None, call_id: str) -> None:
        """Have the agent's month up to this call, and count from here on what is added."""
        if not agent_id or started is None or (agent_id, started[:7]) in self._counts:
            return
        # time goes on: no other month is asked for again
        self._counts = {old: counts for old, counts in self._counts.items() if old[1] == started[:7]}
        counts = self._counts[agent_id, started[:7]] = {}
        for row in self._before(agent_id, started, call_id):
            if row["call_id"] not in self._without:
                _count(counts, row["rule_book"] or "", self._judgements.unpack(row["results_json"]))

    def _before(self, agent_id: str, started: str, call_id: str) -> list[dict[str, Any]]:
        sql = """select c.call_id, s.rule_book, s.results_json from calls c join current_scorecards s using (call_id)
          where c.agent_id = ? and c.started >= ? and (c.started, c.call_id) < (?, ?)"""
        return self.db.rows(sql, agent_id, started[:7], started, call_id)

    def _less(self, counts: _Counts, agent_id: str, started: str, call_id: str) -> _Counts:
        """Counts without the calls that wait to give way to this one."""
        yielding = self._yielding.get(call_id)
        if not yielding:
            return counts
        own: _Counts = {}
        for row in self._before(agent_id, started, call_id):
            if row["call_id"] in yielding and row["call_id"] not in self._without:
                _count(own, row["rule_book"] or "", self._judgements.unpack(row["results_json"]))
        taken = {key: own.get(key, (0, 0)) for key in counts}
        return {key: (max(0, found - taken[key][0]), max(0, calls - taken[key][1])) for key, (found, calls) in counts.items()}

    def add(
        self, agent_id: str | None, started: str | None, rule_book: str, results: Iterable[Result | CheckResult], call_id: str = ""
    ) -> None:
        """Count a call's results under a rule book (its id) for the calls after it."""
        counts = self._counts.get((agent_id or "", (started or "")[:7]))
        if counts is not None and call_id not in self._yielding:
            _count(counts, rule_book, results)


_YIELDING = """select e.value as call_id, w.call_id as yields from withdrawals w, json_each(w.instead) e
  where w.instead <> '[]' and w.proposed and not w.counts
  and w.id = (select max(id) from withdrawals own where own.call_id = w.call_id)
  and not exists (select 1 from standing_scorecards s where s.call_id = e.value)"""
"""Calls that nothing stands of yet, and those that wait to give way to them."""
_Counts = dict[tuple[str, str], tuple[int, int]]
"""By the ids of rule book and rule, findings and calls."""


def _count(counts: _Counts, rule_book: str, results: Iterable[Result | CheckResult]) -> None:
    for result in results:
        if result.outcome is Outcome.FAIL:
            found, calls = counts.get((rule_book, result.check_id), (0, 0))
            counts[rule_book, result.check_id] = (found + result.occurrences, calls + 1)


def warns_first(book: RuleBook) -> bool:
    """Whether any rule of the book warns before it costs something."""
    return bool(_warning(book))


def _warning(book: RuleBook) -> dict[str, int]:
    """Rules that warn first, and which of their counts they go by: 0 findings, 1 calls."""
    warning = ((rule.id, rule.points) for rule in book.rules if rule.points is not None and rule.points.warn_first)
    return {rule_id: int(points.per == "call") for rule_id, points in warning}
