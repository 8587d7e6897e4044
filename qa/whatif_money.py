"""Money before and after, where rules are tried on stored calls: each agent's months under both, added up as they pass by."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from qa import explain
from qa.books import Books
from qa.clock import moment
from qa.judgements import Result
from qa.rescore import Judged
from qa.rules import money
from qa.rules.book import RuleBook
from qa.rules.money import NOTHING, Occurrence, Yuan
from qa.store import Store


@dataclass(frozen=True)
class Paid:
    """What an agent pays (yuan; ranges within which a person decides) before and after; ``moved``: calls whose breaches cost otherwise."""

    before: Yuan = NOTHING
    after: Yuan = NOTHING
    moved: int = 0


@dataclass
class _Side:
    """One agent under one of the rule books: the breaches of the month that is passing, and how often each rule was charged before."""

    found: list[Occurrence] = field(default_factory=list)
    counted: dict[tuple[str, str, str], int] = field(default_factory=dict)
    paid: Yuan = NOTHING

    def close(self, year: int, month: int) -> dict[str, Yuan]:
        """End the month; what each call costs in it, before caps."""
        sheet = money.month(self.found, year, month, self.counted)
        self.found, self.counted, self.paid = [], {**self.counted, **sheet.counted}, self.paid + sheet.total()
        costs: dict[str, Yuan] = {}
        for charge in (charge for rule in sheet.rules for charge in rule.charges):
            call_id = charge.found[0].call_id
            costs[call_id] = costs.get(call_id, NOTHING) + charge.cost
        return costs


@dataclass
class _Agent:
    month: tuple[int, int]
    old: _Side = field(default_factory=_Side)
    new: _Side = field(default_factory=_Side)
    moved: int = 0

    def close(self) -> None:
        before, after = self.old.close(*self.month), self.new.close(*self.month)
        self.moved += sum(before.get(call_id, NOTHING) != after.get(call_id, NOTHING) for call_id in before.keys() | after.keys())


class Fines:
    """Takes calls in order of time.  Calls before the period stand as they are on both sides: warnings and repetitions go on from them."""

    def __init__(self, store: Store, since: str | None) -> None:
        self._store, self._since = store, since
        self._books, self._grave = Books(store), money.in_force(store.marks())
        self._agents: dict[str, _Agent] = {}
        self.unpriced = 0

    def add(self, judged: Judged) -> None:
        """A call; without an agent or a time it belongs to no month."""
        stored, card, book = judged.stored, judged.card, judged.book
        if card is None or book is None or not stored.agent_id or stored.started is None:
            return
        old = self._store.ledger.known(stored.rule_book, stored.rule_book_version)
        if old is None:
            self.unpriced += 1
            return
        at = moment(stored.started)
        agent = self._agent(stored.agent_id, stored.started, at, (old, book))
        if stored.standing:
            before = _Results(stored.call_id, stored.results)
            agent.old.found += money.occurrences(before, at, old, self._grave)
        agent.new.found += money.occurrences(card, at, book, self._grave)

    def _agent(self, agent_id: str, started: str, at: datetime.datetime, books: tuple[RuleBook, ...]) -> _Agent:
        """The agent, in the month of a call that is the next one."""
        agent = self._agents.get(agent_id)
        if agent is None:
            agent = self._agents[agent_id] = _Agent((at.year, at.month))
            if self._since is not None:
                self._stood(agent, agent_id, started, at, books)
        elif agent.month != (at.year, at.month):
            agent.close()
            agent.month = at.year, at.month
        return agent

    def _stood(self, agent: _Agent, agent_id: str, started: str, at: datetime.datetime, books: tuple[RuleBook, ...]) -> None:
        """What was before the first call of an agent: earlier months of the fines' periods, and the month until then."""
        first = at.date().replace(day=1)
        begun = explain.first_day(first, books)
        counted = explain.charged(self._store, agent_id, begun, first, self._books, self._grave)
        found = [
            one
            for row, card in self._store.scored(agent_id, first, started)
            for one in money.occurrences(card, moment(row.started or started), self._books.of(card.provenance), self._grave)
        ]
        for side in (agent.old, agent.new):
            side.found, side.counted = list(found), dict(counted)

    def done(self) -> dict[str, Paid]:
        """By agent, once every call has been added."""
        for agent in self._agents.values():
            agent.close()
        return {agent_id: Paid(agent.old.paid, agent.new.paid, agent.moved) for agent_id, agent in self._agents.items()}


@dataclass(frozen=True)
class _Results:
    """What stands of a call, as money asks of a scorecard."""

    call_id: str
    results: tuple[Result, ...]
