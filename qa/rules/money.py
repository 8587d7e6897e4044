"""An agent's month in money: what each breach costs under the rules, line by line, in yuan.

1. The occurrences of a rule are taken in order of time (of a fine ``per = "call"``: the calls).
2. The first ``warn_first`` of each calendar month are warnings: they cost nothing and do not count as repetitions.
3. Each other one costs the fine's range, or its amount of the escalation table by its number within the calendar month, quarter
   or year; where a person marked the rule's breach in that call grave (情节严重), the multiples of the rule.
4. A rule's month is the sum, at most its ``cap``.
5. The agent pays that.  Others pay beside: a share of the agent's (capped) sum, or for each occurrence an amount of their own, which
   neither multiples nor the table change.  Where the rule names a share or an amount for ``agent``, the agent pays that instead.

Where the regulation gives a range a person decides within it, so every sum is a range.  Amounts are rounded half up to the fen where they
arise (each occurrence, each share) and then added, so that every sum is the sum of what is shown.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from types import MappingProxyType

from qa.rules.book import Rule, RuleBook
from qa.rules.model import Fine, Liability, Severity
from qa.types import Finding, Outcome, Scorecard

AGENT = "agent"
"""Role of the agent whose month it is, in ``liable``."""
_FEN = Decimal("0.01")
# Doubling has no end: 10,000 digits hold the amounts of the first 33,000 repetitions exactly.
_EXACT = Context(prec=10_000, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Mark:
    """A person's word that what a call breached of a rule is grave (情节严重), or, with ``grave`` False, that it is not after all.

    ``by`` and ``reason`` are never empty; ``created`` is ISO 8601 UTC.  Marks are only ever added: of one call and rule the last counts.
    """

    call_id: str
    rule_id: str
    by: str
    reason: str
    created: str
    grave: bool = True


Marks = Mapping[tuple[str, str], Mark]
"""The mark that counts, by the ids of call and rule."""


def in_force(marks: Iterable[Mark]) -> Marks:
    """Of marks in the order in which they were made those that count."""
    last = {(mark.call_id, mark.rule_id): mark for mark in marks}
    return {key: mark for key, mark in last.items() if mark.grave}


@dataclass(frozen=True)
class Occurrence:
    """One breach of one agent.  ``at``: wall clock (UTC+8); ``mark``: by which a person called it grave (情节严重)."""

    rule: Rule
    at: datetime.datetime
    call_id: str
    title: str
    clause: str
    finding: Finding
    mark: Mark | None = None


@dataclass(frozen=True)
class Yuan:
    """An amount, or a range within which a person decides."""

    low: Decimal
    high: Decimal

    def __add__(self, other: Yuan) -> Yuan:
        return Yuan(_EXACT.add(self.low, other.low), _EXACT.add(self.high, other.high))

    def times(self, low: Decimal, high: Decimal) -> Yuan:
        """Multiplied, rounded half up to the fen."""
        return Yuan(_fen(_EXACT.multiply(self.low, low)), _fen(_EXACT.multiply(self.high, high)))

    def at_most(self, cap: Decimal | None) -> Yuan:
        return self if cap is None else Yuan(min(self.low, _fen(cap)), min(self.high, _fen(cap)))


NOTHING = Yuan(Decimal("0.00"), Decimal("0.00"))


@dataclass(frozen=True)
class Charge:
    """What an occurrence costs (of a fine per call: what a call with its ``found`` occurrences costs).

    ``number``: which one it is within the fine's period, warnings left out; None for a warning.  ``base``: before ``multiple``, which
    is there only for a grave one whose rule has multiples.
    """

    found: tuple[Occurrence, ...]
    number: int | None
    base: Yuan
    multiple: tuple[Decimal, Decimal] | None
    cost: Yuan

    @property
    def mark(self) -> Mark | None:
        """By which a person called it grave."""
        return next((one.mark for one in self.found if one.mark is not None), None)

    @property
    def warning(self) -> bool:
        return self.number is None


@dataclass(frozen=True)
class Payment:
    """What a role pays for a rule's month: a ``share`` of the fine, an ``amount`` each time, or (both None) the fine itself."""

    role: str
    share: Decimal | None
    amount: Decimal | None
    cost: Yuan


@dataclass(frozen=True)
class RuleMonth:
    """A rule's month: ``whole`` is the sum of its charges, ``fine`` the same at most ``cap``."""

    rule: Rule
    charges: tuple[Charge, ...]
    whole: Yuan
    fine: Yuan
    payments: tuple[Payment, ...]

    @property
    def charged(self) -> int:
        """Occurrences that cost money."""
        return sum(not charge.warning for charge in self.charges)


@dataclass(frozen=True)
class Month:
    """An agent's month; ``totals`` by role, the agent first."""

    year: int
    month: int
    rules: tuple[RuleMonth, ...]
    totals: tuple[tuple[str, Yuan], ...]

    def total(self, role: str = AGENT) -> Yuan:
        return dict(self.totals).get(role, NOTHING)


def occurrences(card: Scorecard, at: datetime.datetime, book: RuleBook, marks: Marks = MappingProxyType({})) -> tuple[Occurrence, ...]:
    """Breaches in a call that the book puts a fine on; ``marks``: what persons called grave (:func:`in_force`).

    A mark holds for the breaches of its call and rule whichever scorecard stands; where the rule was not breached it does nothing.
    Call types, dates and variants were settled when the call was scored: only its FAILs are looked at.
    """
    found = []
    for result in card.results:
        rule = book.rule(result.check_id)
        if rule is None or not _fined(rule) or result.outcome is not Outcome.FAIL:
            continue
        breaches = (finding for finding in result.findings if finding.outcome is Outcome.FAIL)
        mark = marks.get((card.call_id, result.check_id))
        found += [Occurrence(rule, at, card.call_id, result.title, result.clause, breach, mark) for breach in breaches]
    return tuple(found)


def month(found: Iterable[Occurrence], year: int, month: int) -> Month:
    """The month of one agent out of their occurrences, in any order.

    ``found`` must reach back to the beginning of the longest period that a fine counts repetitions in (quarter, year); what
    lies outside of the month is counted and not charged.
    """
    by_rule: dict[str, list[Occurrence]] = {}
    for one in sorted(found, key=_order):
        if _fined(one.rule) and (one.at.year, one.at.month) <= (year, month):
            by_rule.setdefault(one.rule.id, []).append(one)
    rules = tuple(done for rows in by_rule.values() for done in _rule_months(rows, year, month))
    return Month(year, month, rules, _totals(rules))


def _order(one: Occurrence) -> tuple[object, ...]:
    """Total order by time, so that the order in which occurrences are given changes nothing."""
    spans = tuple((evidence.span.start_ms, evidence.span.end_ms) for evidence in one.finding.evidence)
    return one.at, one.call_id, one.rule.id, spans, one.finding.message, one.mark is not None


def _fined(rule: Rule) -> bool:
    return rule.fine is not None and rule.severity is not Severity.ADVISORY


def _rule_months(rows: list[Occurrence], year: int, month: int) -> Iterator[RuleMonth]:
    """One for each fine that was in force: a rule whose money changed in mid-month has two, each with its own cap and payers."""
    by_fine: dict[Fine, list[Charge]] = {}
    for charge in _charges(rows):
        first = charge.found[0]
        if (first.at.year, first.at.month) == (year, month) and first.rule.fine is not None:
            by_fine.setdefault(first.rule.fine, []).append(charge)
    for fine, charges in by_fine.items():
        whole = sum((charge.cost for charge in charges), NOTHING)
        capped = whole.at_most(fine.cap)
        times = sum(not charge.warning for charge in charges)
        yield RuleMonth(charges[0].found[0].rule, tuple(charges), whole, capped, tuple(_payments(fine, capped, times)))


def _charges(rows: list[Occurrence]) -> Iterator[Charge]:
    """The charges of one rule in order, over all months given."""
    warned: dict[tuple[int, int], int] = {}
    repeated: dict[tuple[str, int, int], int] = {}
    for found in _units(rows):
        rule, at = found[0].rule, found[0].at
        fine = rule.fine
        assert fine is not None  # _fined
        in_month = (at.year, at.month)
        if warned.get(in_month, 0) < (rule.points.warn_first if rule.points is not None else 0):
            warned[in_month] = warned.get(in_month, 0) + 1
            yield Charge(found, None, NOTHING, None, NOTHING)
            continue
        period = _period(fine.period, at)
        number = repeated[period] = repeated.get(period, 0) + 1
        multiple = fine.grave if any(one.mark is not None for one in found) else None
        base = _base(fine, number)
        yield Charge(found, number, base, multiple, base.times(*(multiple or (Decimal(1), Decimal(1)))))


def _units(rows: list[Occurrence]) -> Iterator[tuple[Occurrence, ...]]:
    """What is charged as one: an occurrence, or all of one call."""
    calls: dict[object, list[Occurrence]] = {}
    for index, one in enumerate(rows):
        once_a_call = one.rule.fine is not None and one.rule.fine.per == "call"
        calls.setdefault((one.at, one.call_id) if once_a_call else index, []).append(one)
    return (tuple(found) for found in calls.values())


def _period(kind: str, at: datetime.datetime) -> tuple[str, int, int]:
    """The calendar month, quarter or year that ``at`` lies in."""
    part = {"month": at.month, "quarter": (at.month - 1) // 3, "year": 0}[kind]
    return kind, at.year, part


def _base(fine: Fine, number: int) -> Yuan:
    """The ``number``-th time, from 1."""
    if not fine.escalation:
        return Yuan(_fen(fine.low), _fen(fine.high))
    beyond = max(0, number - len(fine.escalation))
    amount = fine.escalation[min(number, len(fine.escalation)) - 1]
    if fine.then == "double":
        amount = _EXACT.multiply(amount, Decimal(1 << beyond))
    return Yuan(_fen(amount), _fen(amount))


def _payments(fine: Fine, capped: Yuan, times: int) -> Iterator[Payment]:
    """The agent's first, then the others in the order of the rule."""
    others = [liable for liable in fine.liable if liable.role != AGENT]
    own = [liable for liable in fine.liable if liable.role == AGENT]
    if not own:
        yield Payment(AGENT, None, None, capped)
    for liable in (*own, *others):
        paid = _paid(liable, capped, times)
        yield Payment(liable.role, liable.share, liable.amount, paid.at_most(fine.cap) if liable.role == AGENT else paid)


def _paid(liable: Liability, capped: Yuan, times: int) -> Yuan:
    if liable.share is not None:
        return capped.times(liable.share, liable.share)
    amount = liable.amount or Decimal(0)
    return Yuan(amount, amount).times(Decimal(times), Decimal(times))


def _totals(rules: tuple[RuleMonth, ...]) -> tuple[tuple[str, Yuan], ...]:
    totals = {AGENT: NOTHING}
    for rule in rules:
        for payment in rule.payments:
            totals[payment.role] = totals.get(payment.role, NOTHING) + payment.cost
    return tuple(totals.items())


def _fen(amount: Decimal) -> Decimal:
    return amount.quantize(_FEN, context=_EXACT)
