"""An agent's calls of a period with their results in short, without findings: what the figures are counted from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from qa.books import Books
from qa.database import Database
from qa.errors import RuleBookError, StoreError
from qa.judgements import Judgements, Result, shared
from qa.rules.book import RuleBook
from qa.rules.points import worth
from qa.store import Store
from qa.types import CheckResult, Outcome, Provenance

COLUMNS = """c.call_id, c.customer_number, c.agent_name, c.team, c.started, s.id as scorecard_id, s.percent, s.coverage, s.demo,
  s.rule_book, s.rule_book_version, s.results_json"""
_OWN = "c.agent_id = ? and c.started >= ? and c.started < ?"
STANDING = f"""select {COLUMNS},
  coalesce(s.agent_id, '') = coalesce(c.agent_id, '')
  and (select p.scorecard_id from publications p where p.call_id = c.call_id order by p.id desc limit 1) = s.id as shown
  from calls c cross join current_scorecards s using (call_id) where {_OWN} order by c.started, c.call_id"""
PUBLISHED = f"""select {COLUMNS}, 1 as shown from calls c
  cross join publications p on p.id = (select max(own.id) from publications own where own.call_id = c.call_id)
  cross join scorecards s on s.id = p.scorecard_id
  where {_OWN} and coalesce(s.agent_id, '') = c.agent_id
  and not exists (select 1 from withdrawn_calls w where w.call_id = c.call_id) order by c.started, c.call_id"""


@dataclass(frozen=True)
class LightCall:
    """``percent`` 0-100 or None, ``coverage`` 0-1, ``started`` wall clock of UTC+8; ``shown``: the agent sees this very scorecard."""

    call_id: str
    customer_number: str
    agent_name: str
    team: str
    started: str
    scorecard_id: int
    percent: float | None
    coverage: float
    demo: bool
    rule_book: str
    rule_book_version: str
    results: tuple[Result, ...]
    shown: bool


def judgements(db: Database) -> Judgements:
    """As of :func:`qa.judgements.shared`."""
    return shared(db)


def calls(store: Store, agent_id: str, since: str, before: str, published: bool) -> tuple[LightCall, ...]:
    """The agent's calls from ``since`` until before ``before`` (dates or months, ISO 8601), by start: with the scorecards that stand, or
    with those that the agent sees."""
    found = store.db.rows(PUBLISHED if published else STANDING, agent_id, since, before)
    unpack = judgements(store.db).unpack
    return tuple(_call(row, unpack(row["results_json"])) for row in found)


def of_scorecard(store: Store, call_id: str, scorecard_id: int) -> LightCall | None:
    """A call with one of its scorecards, whether that stands or not; None where there is none of these ids, or the call has no start."""
    sql = f"""select {COLUMNS}, 0 as shown from calls c cross join scorecards s on s.call_id = c.call_id
      where c.call_id = ? and s.id = ? and c.started is not null"""
    found = store.db.rows(sql, call_id, scorecard_id)
    return _call(found[0], judgements(store.db).unpack(found[0]["results_json"])) if found else None


def _call(row: dict[str, Any], results: tuple[Result, ...]) -> LightCall:
    texts = {name: row[name] or "" for name in ("customer_number", "agent_name", "team", "rule_book", "rule_book_version")}
    plain = {name: row[name] for name in ("call_id", "started", "scorecard_id", "percent", "coverage")}
    return LightCall(**plain | texts, demo=bool(row["demo"]), results=results, shown=bool(row["shown"]))


def results(store: Store, call_id: str, scorecard_id: int) -> tuple[Result, ...]:
    """The results of a scorecard without their findings; nothing where there is none of these ids."""
    found = store.db.rows("select results_json from scorecards where id = ? and call_id = ?", scorecard_id, call_id)
    return judgements(store.db).unpack(found[0]["results_json"]) if found else ()


def whole(store: Store, call_id: str, scorecard_id: int) -> tuple[CheckResult, ...]:
    """The results of a scorecard with their findings; nothing where there is none of these ids."""
    found = store.db.rows("select results_json from scorecards where id = ? and call_id = ?", scorecard_id, call_id)
    return judgements(store.db).whole(found[0]["results_json"]) if found else ()


def with_evidence(store: Store, calls: Iterable[LightCall], books: KnownBooks) -> tuple[LightCall, ...]:
    """The calls with the findings of what they may be fined for, so that each fine tells its seconds."""
    every = tuple(calls)
    filled = judgements(store.db).filled_each([(call.results, _fined(call, books.of(call))) for call in every])
    return tuple(replace(call, results=tuple(results)) for call, results in zip(every, filled, strict=True))


def _fined(call: LightCall, book: RuleBook | None) -> frozenset[str]:
    """The rules that the call broke and that have a fine."""
    broken = [one.check_id for one in call.results if one.outcome is Outcome.FAIL] if book is not None else []
    return frozenset(one for one in broken if book is not None and (rule := book.rule(one)) is not None and rule.fine is not None)


class KnownBooks:
    """The rule books of calls; None for one that is not to be had any more.  ``books``: other ones than the database knows."""

    def __init__(self, store: Store, books: Books | None = None) -> None:
        self._books = Books(store) if books is None else books
        self._known: dict[tuple[str, str], RuleBook | None] = {}

    def of(self, call: LightCall) -> RuleBook | None:
        key = call.rule_book, call.rule_book_version
        if key not in self._known:
            try:
                self._known[key] = self._books.of(Provenance("", (), *key, "", call.demo))
            except (RuleBookError, StoreError):
                self._known[key] = None
        return self._known[key]


def lost(result: Result | CheckResult, book: RuleBook | None) -> float:
    """Points that a result cost (0 or more): what a FAIL took off; a bonus that was not earned costs nothing."""
    if result.outcome is not Outcome.FAIL or result.points is None:
        return 0.0
    rule = book.rule(result.check_id) if book is not None else None
    if rule is not None and book is not None and worth(rule, book.scoring.mode, result.outcome, result.occurrences).counts == "bonus":
        return 0.0
    return max(0.0, result.weight - result.points)


def deductions(results: Iterator[CheckResult] | tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """Of results those that an agent may have something against: what was not passed."""
    return tuple(result for result in results if result.outcome is Outcome.FAIL)
