"""Scorecards read and reckoned before a transaction that needs many of them, so that others wait less for the write lock.

A scorecard and what it was judged by never change.  So nothing that is kept here can grow old: inside of the transaction it is asked anew
which scorecard stands for which call, and only what was not met before is read and reckoned there.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from qa import rows
from qa.rows import ScoredCall
from qa.rules import points
from qa.rules.book import RuleBook
from qa.types import Scorecard

if TYPE_CHECKING:
    from qa.store import Store

Days = tuple[datetime.date, datetime.date]
_STANDING = """select s.id as standing_id, c.* from calls c cross join current_scorecards s on s.call_id = c.call_id
  where c.agent_id = ? and c.started >= ? and c.started < ? order by c.started, c.call_id"""


class Ahead:
    """What was read of one database so far.  For one thread, and for one transaction after the reading: where it is undone, ids that were
    given in it may be given again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._scored: dict[tuple[object, ...], tuple[ScoredCall, Scorecard]] = {}
        self._tallies: dict[tuple[object, ...], points.Tally] = {}

    def of(self, store: Store) -> bool:
        """Whether it is of this very store."""
        return store is self._store

    def scored(self, agent_id: str, days: Days) -> Iterator[tuple[ScoredCall, Scorecard]]:
        """As :meth:`qa.store.Store.scored` of an agent and a period."""
        for row in self._store.db.rows(_STANDING, agent_id, *rows.period(*days)):
            key = tuple(row.values())  # the scorecard and all that is known of the call
            if key not in self._scored:
                self._scored[key] = self._read(row["call_id"])
            yield self._scored[key]

    def _read(self, call_id: str) -> tuple[ScoredCall, Scorecard]:
        (found,) = self._store.calls(call_id=call_id)
        return found, self._store.scorecard(call_id)

    def tally(self, row_id: int, card: Scorecard, book: RuleBook, before: Mapping[str, int]) -> points.Tally:
        """As :func:`qa.rules.points.tally` of the scorecard ``row_id``."""
        key = row_id, book.content_hash, tuple(sorted(before.items()))
        if key not in self._tallies:
            self._tallies[key] = points.tally(card.results, book, before)
        return self._tallies[key]


_now: ContextVar[Ahead | None] = ContextVar("ahead", default=None)


@contextmanager
def using(ahead: Ahead) -> Iterator[None]:
    """Inside, what ``ahead`` has is taken from it, and what it lacks is added."""
    token = _now.set(ahead)
    try:
        yield
    finally:
        _now.reset(token)


def scored(store: Store, agent_id: str, days: Days) -> Iterator[tuple[ScoredCall, Scorecard]]:
    """An agent's calls of a period with their scorecards that stand, by start."""
    ahead = _now.get()
    yield from ahead.scored(agent_id, days) if ahead is not None and ahead.of(store) else store.scored(agent_id, *days)


def tally(store: Store, row_id: int, card: Scorecard, book: RuleBook, before: Mapping[str, int]) -> points.Tally:
    """The sum of the stored scorecard ``row_id``."""
    ahead = _now.get()
    return ahead.tally(row_id, card, book, before) if ahead is not None and ahead.of(store) else points.tally(card.results, book, before)
