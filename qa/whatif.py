"""What would change if a rule book were adopted: whose score moves and by how much, which verdicts flip, how each limited measure lies.

The stored calls are judged by the proposed rules, whatever days they are in force on; nothing is written.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from qa.bench import Card
from qa.distribution import Asked, Distribution, Line, distribution, limits
from qa.errors import QaError, UnexpectedError
from qa.rescore import LISTED, Judged, judge_again
from qa.rules.book import RuleBook
from qa.rules.measures import MEASURES
from qa.rules.money import NOTHING, Yuan
from qa.store import Store
from qa.types import Outcome, Role
from qa.whatif_money import Fines, Paid

MOVED_KEPT = 1000
FLIPS_KEPT = 10_000


@dataclass(frozen=True)
class AgentMove:
    """An agent's mean percent before and after over the ``n`` calls that have a score both times; None without such calls.

    ``moved``: of all the agent's calls those whose score differs; ``gained`` and ``lost``: calls that have a score only after or before.
    ``fines``: what the agent pays for the months of these calls.
    """

    agent_id: str
    agent_name: str
    n: int
    before: float | None
    after: float | None
    moved: int
    gained: int
    lost: int
    fines: Paid = field(default_factory=Paid)


@dataclass(frozen=True)
class CallMove:
    """A call whose score would differ; None: no score."""

    call_id: str
    customer_number: str = field(repr=False)
    agent_id: str | None
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Flip:
    """A verdict that would differ, of a rule that both rule books have."""

    call_id: str
    customer_number: str = field(repr=False)
    rule_id: str
    title: str
    before: Outcome
    after: Outcome


@dataclass(frozen=True)
class Turn:
    """How often a rule's verdict would go from one to another; None: the rule is not in that rule book."""

    rule_id: str
    title: str
    before: Outcome | None
    after: Outcome | None
    calls: int


@dataclass(frozen=True)
class WhatIf:
    """What the proposed rules would change in the stored calls of a period.

    ``calls`` were judged, of which ``moved`` have another score; ``before`` and ``after`` are means over the ``n`` calls that have a score
    both times.  ``moves`` are the largest (at most ``MOVED_KEPT``), ``flips`` the first of ``flipped`` (at most ``FLIPS_KEPT``);
    ``turns`` count all verdicts that differ, also those of rules that only one of the books has.  ``stood_under``: calls by rule book
    and version until now.  ``fines``: what all agents pay together; ``unpriced`` calls are not in it, as the database does not have
    the rule book that says what they cost.
    """

    rule_book: str
    version: str
    title: str
    since: str | None
    until: str | None
    calls: int
    failed: int
    n: int
    before: float | None
    after: float | None
    moved: int
    moves: tuple[CallMove, ...]
    agents: tuple[AgentMove, ...]
    flipped: int
    flips: tuple[Flip, ...]
    turns: tuple[Turn, ...]
    distributions: tuple[Distribution, ...]
    stood_under: tuple[tuple[str, int], ...]
    demo: bool
    errors: tuple[QaError, ...] = field(default=(), repr=False)
    fines: Paid = field(default_factory=Paid)
    unpriced: int = 0


def what_if(
    store: Store, book: RuleBook, since: str | None = None, until: str | None = None, measure: str | None = None, limit: float | None = None
) -> WhatIf:
    """Judge the stored calls of a period by ``book`` and compare; writes nothing.

    ``measure`` (a name of ``qa.rules.measures``) asks for its distribution too, beside those that the rules limit; ``limit`` is a proposed
    limit of it, in its unit.
    Errors: :class:`StoreError` for a wrong period, :class:`NotFoundError` for an unknown measure.
    """
    asked = limits(book, measure, limit)
    comparing, values, fines = _Comparing(), _Values(asked), Fines(store, since)
    for judged in judge_again(store, lambda stored: book, since, until):
        comparing.add(judged)
        comparing.note(values.add(judged))
        fines.add(judged)
    paid = fines.done()
    return WhatIf(
        rule_book=book.id,
        version=book.stamp,
        title=book.title,
        since=since,
        until=until,
        calls=comparing.calls,
        failed=comparing.failed,
        n=comparing.whole.n,
        before=comparing.whole.mean(0),
        after=comparing.whole.mean(1),
        moved=comparing.whole.moved,
        moves=comparing.moves(),
        agents=comparing.agents(paid),
        flipped=comparing.flipped,
        flips=tuple(comparing.flips),
        turns=comparing.turns(book),
        distributions=tuple(values.distributions()),
        stood_under=tuple(sorted(comparing.stood_under.items())),
        demo=comparing.demo,
        errors=tuple(comparing.errors),
        fines=Paid(
            _sum(one.before for one in paid.values()), _sum(one.after for one in paid.values()), sum(p.moved for p in paid.values())
        ),
        unpriced=fines.unpriced,
    )


def _sum(amounts: Iterable[Yuan]) -> Yuan:
    return sum(amounts, NOTHING)


class _Sums:
    """Scores of some calls before and after."""

    def __init__(self) -> None:
        self.name, self.n, self.moved, self.gained, self.lost = "", 0, 0, 0, 0
        self._sums = [0.0, 0.0]

    def add(self, before: float | None, after: float | None) -> None:
        self.moved += before != after
        self.gained += before is None and after is not None
        self.lost += before is not None and after is None
        if before is not None and after is not None:
            self.n += 1
            self._sums = [self._sums[0] + before, self._sums[1] + after]

    def mean(self, which: int) -> float | None:
        return self._sums[which] / self.n if self.n else None


class _Comparing:
    def __init__(self) -> None:
        self.calls = self.failed = self.flipped = 0
        self.demo = False
        self.whole = _Sums()
        self.flips: list[Flip] = []
        self.errors: list[QaError] = []
        self.stood_under: Counter[str] = Counter()
        self._agents: dict[str, _Sums] = {}
        self._turns: Counter[tuple[str, Outcome | None, Outcome | None]] = Counter()
        self._titles: dict[str, str] = {}
        self._moves: list[tuple[float, int, CallMove]] = []

    def add(self, judged: Judged) -> None:
        stored, card = judged.stored, judged.card
        if card is None:
            self.failed += 1
            self.note([judged.error] if judged.error is not None else [])
            return
        self.calls += 1
        self.demo |= stored.demo
        before = stored.percent if stored.standing else None
        self.whole.add(before, card.percent)
        if stored.agent_id:
            own = self._agents.setdefault(stored.agent_id, _Sums())
            own.name = stored.agent_name or own.name
            own.add(before, card.percent)
        if before != card.percent:
            move = CallMove(stored.call_id, stored.customer_number, stored.agent_id, before, card.percent)
            # what gains or loses its score moves most; of equals the earliest are kept
            far = abs(card.percent - before) if before is not None and card.percent is not None else 101.0
            (heapq.heappush if len(self._moves) < MOVED_KEPT else heapq.heappushpop)(self._moves, (far, -self.calls, move))
        if stored.standing:
            self.stood_under[f"{stored.rule_book} {stored.rule_book_version}"] += 1
            self._compare(judged, card)

    def note(self, errors: list[QaError]) -> None:
        self.errors += errors[: LISTED - len(self.errors)]

    def _compare(self, judged: Judged, card: Card) -> None:
        stored = judged.stored
        old = {one.check_id: one for one in stored.results}
        new = {one.check_id: one for one in card.results}
        for rule_id in {**new, **old}:
            before, after = old.get(rule_id), new.get(rule_id)
            turn = (before.outcome if before else None, after.outcome if after else None)
            if turn[0] is turn[1]:
                continue
            self._turns[rule_id, turn[0], turn[1]] += 1
            title = self._titles.setdefault(rule_id, after.title if after else before.title if before else rule_id)
            if turn[0] is not None and turn[1] is not None:
                self.flipped += 1
                if len(self.flips) < FLIPS_KEPT:
                    self.flips.append(Flip(stored.call_id, stored.customer_number, rule_id, title, turn[0], turn[1]))

    def moves(self) -> tuple[CallMove, ...]:
        """The largest first."""
        return tuple(move for _, _, move in sorted(self._moves, key=lambda item: (-item[0], -item[1])))

    def agents(self, paid: Mapping[str, Paid]) -> tuple[AgentMove, ...]:
        rows = (
            AgentMove(agent_id, own.name, own.n, own.mean(0), own.mean(1), own.moved, own.gained, own.lost, paid.get(agent_id, Paid()))
            for agent_id, own in sorted(self._agents.items())
        )
        return tuple(sorted(rows, key=_drop))

    def turns(self, book: RuleBook) -> tuple[Turn, ...]:
        """In the order of the proposed book, then of what it no longer has; the most frequent first."""
        order = {rule.id: place for place, rule in enumerate(book.rules)}
        keyed = sorted(self._turns.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0][0], -item[1]))
        return tuple(Turn(rule_id, self._titles[rule_id], before, after, calls) for (rule_id, before, after), calls in keyed)


def _drop(agent: AgentMove) -> float:
    """Who would lose most comes first."""
    return 0.0 if agent.before is None or agent.after is None else agent.after - agent.before


class _Values:
    """Readings of the measures that are asked for: eight bytes a call and measure."""

    def __init__(self, asked: Iterable[Asked]) -> None:
        self._asked = [(one, array("d")) for one in asked]
        self._missing: Counter[tuple[str, Role]] = Counter()

    def add(self, judged: Judged) -> list[QaError]:
        errors: list[QaError] = []
        for asked, values in self._asked if judged.card is not None else ():
            try:
                value = MEASURES[asked.measure].read(judged.load(), asked.role).value
            except QaError as error:
                value = None
                errors += [error] if error not in errors else []
            except Exception as bug:  # as with a broken check: told, and the other calls go on
                value = None
                cause = f"指标 {asked.measure} 出错：{type(bug).__name__}: {bug}"
                errors.append(UnexpectedError(judged.stored.call_id, cause, "其余通话不受影响；请报告管理员"))
            if value is None:
                self._missing[asked.measure, asked.role] += 1
            else:
                values.append(value)
        return errors

    def distributions(self) -> Iterator[Distribution]:
        for asked, values in self._asked:
            yield distribution(asked, values, self._missing[asked.measure, asked.role])


__all__ = ["AgentMove", "CallMove", "Distribution", "Flip", "Line", "Turn", "WhatIf", "what_if"]
