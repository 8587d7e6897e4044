"""An agent's month in money: what each breach costs under the rules, line by line, in yuan.

1. The occurrences of a rule of one rule book are taken in order of time (of a fine ``per = "call"``: the calls).
2. The first ``warn_first`` of each calendar month are warnings, counted as for points (:func:`qa.rules.points.breaches`), with all
   breaches of the month before them, also those under a version that did not warn or fine: they cost nothing and do not count as
   repetitions.
3. Each other one costs the fine's range, or its amount of the escalation table by its number within the calendar month, quarter
   or year; where a person marked the rule's breach in that call grave (情节严重), the multiples of the rule.
4. A rule's month is the sum, at most its ``cap``, once: where the fine changed in mid-month, what came under the older one costs at
   most the older cap, and the whole month at most that of its last breach.
5. The agent pays that.  Others pay beside: a share of the agent's (capped) sum, or for each occurrence an amount of their own, which
   neither multiples nor the table change.  Where the rule names a share or an amount for ``agent``, the agent pays that instead.

Where the regulation gives a range a person decides within it, so every sum is a range.  Amounts are rounded half up to the fen where they
arise (each occurrence, each share) and then added, so that every sum is the sum of what is shown.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from types import MappingProxyType
from typing import Protocol

from qa.rules import points
from qa.rules.book import Rule, RuleBook
from qa.rules.model import Fine, Liability, Severity
from qa.types import Finding, Outcome

AGENT = "agent"
"""Role of the agent whose month it is, in ``liable``."""
ROLE_TITLES = {AGENT: "本人", "leader": "直接领导"}
"""Roles of joint liability that the program knows; any other is called as the rule book calls it."""
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
Counted = Mapping[tuple[str, str, str], int]
"""How often a rule was charged in a month, by the ids of rule book and rule and the month (``2025-04``)."""
_NONE: Mapping[tuple[str, str], Mark] = MappingProxyType({})
_NOTHING_BEFORE: Counted = MappingProxyType({})


def in_force(marks: Iterable[Mark]) -> Marks:
    """Of marks in the order in which they were made those that count."""
    last = {(mark.call_id, mark.rule_id): mark for mark in marks}
    return {key: mark for key, mark in last.items() if mark.grave}


@dataclass(frozen=True)
class Occurrence:
    """One breach of one agent.  ``at``: wall clock (UTC+8); ``mark``: by which a person called it grave (情节严重); ``book``: id of the
    rule book.  ``finding`` is None where only amounts are asked for."""

    rule: Rule
    at: datetime.datetime
    call_id: str
    title: str
    clause: str
    finding: Finding | None
    mark: Mark | None = None
    book: str = ""


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
        return self if cap is None else self.within(Yuan(_fen(cap), _fen(cap)))

    def within(self, limit: Yuan) -> Yuan:
        """At most ``limit``, each end its own."""
        return Yuan(min(self.low, limit.low), min(self.high, limit.high))


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
    """A rule's month under one fine: ``whole`` is the sum of its charges, ``fine`` what of it is to be paid.

    Where the fine changed in mid-month there is one for each: ``cap`` is that of the whole month, and ``before`` what the fines earlier
    in the month have taken of it.
    """

    rule: Rule
    charges: tuple[Charge, ...]
    whole: Yuan
    fine: Yuan
    payments: tuple[Payment, ...]
    cap: Decimal | None = None
    before: Yuan = NOTHING

    @property
    def charged(self) -> int:
        """Occurrences that cost money."""
        return sum(not charge.warning for charge in self.charges)


@dataclass(frozen=True)
class Month:
    """An agent's month; ``totals`` by role, the agent first.

    ``provisional``: it is of some breaches alone while others wait for a person's word.  ``totals`` are no sum then: each of those others
    may cost, and move the count (第 1 次) of what stands behind it.
    """

    year: int
    month: int
    rules: tuple[RuleMonth, ...]
    totals: tuple[tuple[str, Yuan], ...]
    provisional: bool = False

    def total(self, role: str = AGENT) -> Yuan:
        return dict(self.totals).get(role, NOTHING)

    @property
    def counted(self) -> Counted:
        """How often each rule was charged in this month: where the repetitions of later months go on from."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for rule in self.rules:
            counts[rule.charges[0].found[0].book, rule.rule.id, month_text(self.year, self.month)] += rule.charged
        return counts


class _Result(points.Ruled, Protocol):
    """A rule's result on a call, with its findings or (packed) only their number."""

    @property
    def check_id(self) -> str: ...
    @property
    def occurrences(self) -> int: ...


class _Card(Protocol):
    """A call's scorecard, as far as money asks."""

    @property
    def call_id(self) -> str: ...
    @property
    def results(self) -> Sequence[_Result]: ...


def month_text(year: int, month: int) -> str:
    """``2025-04``."""
    return f"{year}-{month:02d}"


def occurrences(card: _Card, at: datetime.datetime, book: RuleBook, marks: Marks = _NONE) -> tuple[Occurrence, ...]:
    """All breaches in a call, also of rules without a fine, which may count for the warnings of a later version; ``marks``: what persons
    called grave (:func:`in_force`).

    A mark holds for the breaches of its call and rule whichever scorecard stands; where the rule was not breached it does nothing.
    Call types, dates and variants were settled when the call was scored: only its FAILs are looked at.
    """
    found = []
    for result in card.results:
        rule = book.rule(result.check_id) if result.outcome is Outcome.FAIL else None
        if rule is None:
            continue
        known: list[Finding | None] = [finding for finding in result.findings if finding.outcome is Outcome.FAIL]
        mark = marks.get((card.call_id, result.check_id))
        found += [
            Occurrence(rule, at, card.call_id, result.title, result.clause, breach, mark, book.id)
            for breach in (known or [None] * result.occurrences)
        ]
    return tuple(found)


def month(found: Iterable[Occurrence], year: int, month: int, before: Counted = _NOTHING_BEFORE) -> Month:
    """The month of one agent out of their occurrences, in any order.

    Repetitions within a quarter or a year need what was before: either ``found`` reaches back to the beginning of the longest period
    that a fine counts in (what lies outside of the month is counted and not charged), or ``before`` says how often each rule was
    charged in the months that ``found`` has nothing of.
    """
    by_rule: dict[tuple[str, str], list[Occurrence]] = {}
    for one in sorted(found, key=_order):
        if (one.at.year, one.at.month) <= (year, month):
            by_rule.setdefault((one.book, one.rule.id), []).append(one)
    known: dict[tuple[str, str], Counter[str]] = {}
    for (book, rule, text), times in before.items():
        known.setdefault((book, rule), Counter())[text] += times
    rules = tuple(done for key, rows in by_rule.items() for done in _rule_months(rows, year, month, known.get(key, Counter())))
    return Month(year, month, rules, _totals(rules))


def _order(one: Occurrence) -> tuple[object, ...]:
    """Total order by time, so that the order in which occurrences are given changes nothing."""
    evidence, message = (one.finding.evidence, one.finding.message) if one.finding is not None else ((), "")
    spans = tuple((found.span.start_ms, found.span.end_ms) for found in evidence)
    return one.at, one.call_id, one.book, one.rule.id, spans, message, one.mark is not None


def _fined(rule: Rule) -> bool:
    return rule.fine is not None and rule.severity is not Severity.ADVISORY


def _rule_months(rows: list[Occurrence], year: int, month: int, before: Counter[str]) -> Iterator[RuleMonth]:
    """One for each fine that was in force: a rule whose money changed in mid-month has two, each with its own payers, and one cap."""
    by_fine: dict[Fine, list[Charge]] = {}
    cap: Decimal | None = None
    for charge in _charges(rows, before):
        first = charge.found[0]
        if (first.at.year, first.at.month) == (year, month) and first.rule.fine is not None:
            by_fine.setdefault(first.rule.fine, []).append(charge)
            cap = first.rule.fine.cap
    used = NOTHING
    for fine, charges in by_fine.items():
        whole = sum((charge.cost for charge in charges), NOTHING)
        limit = _limit(fine.cap, cap, used)
        capped = whole if limit is None else whole.within(limit)
        times = sum(not charge.warning for charge in charges)
        payments = tuple(_payments(fine, capped, times, limit))
        yield RuleMonth(charges[0].found[0].rule, tuple(charges), whole, capped, payments, cap, used)
        used += capped


def _limit(own: Decimal | None, of_month: Decimal | None, used: Yuan) -> Yuan | None:
    """The most that one fine of a month may come to: its own cap, and what others have left of the month's."""
    limits = [] if own is None else [Yuan(_fen(own), _fen(own))]
    if of_month is not None:
        left = (max(_fen(of_month) - taken, Decimal("0.00")) for taken in (used.low, used.high))
        limits.append(Yuan(*left))
    return limits[0].within(limits[-1]) if limits else None


def _charges(rows: list[Occurrence], before: Counter[str]) -> Iterator[Charge]:
    """The charges of one rule in order, over all months given; breaches without a fine are counted for warnings alone."""
    seen: dict[str, tuple[int, int]] = {}
    charged = Counter(before)
    for found in _calls(rows):
        rule, at = found[0].rule, found[0].at
        text = month_text(at.year, at.month)
        findings, calls = seen.get(text, (0, 0))
        seen[text] = findings + len(found), calls + 1
        if not _fined(rule) or rule.fine is None:
            continue
        warned = _warned(rule, len(found), findings, calls)
        for unit, warning in _units(found, rule.fine, warned):
            if warning:
                yield Charge(unit, None, NOTHING, None, NOTHING)
                continue
            charged[text] += 1
            number = sum(times for known, times in charged.items() if _in_period(rule.fine.period, known, at))
            multiple = rule.fine.grave if any(one.mark is not None for one in unit) else None
            base = _base(rule.fine, number)
            yield Charge(unit, number, base, multiple, base.times(*(multiple or (Decimal(1), Decimal(1)))))


def _warned(rule: Rule, found: int, findings: int, calls: int) -> int:
    """How many of a call's ``found`` breaches are first warnings after ``findings`` in ``calls`` earlier in the month."""
    if rule.points is None:
        return 0
    _, warned = points.breaches(rule.points, found, calls if rule.points.per == "call" else findings)
    return found if warned and rule.points.per == "call" else warned


def _calls(rows: list[Occurrence]) -> Iterator[tuple[Occurrence, ...]]:
    """A call's breaches together."""
    calls: dict[tuple[datetime.datetime, str], list[Occurrence]] = {}
    for one in rows:
        calls.setdefault((one.at, one.call_id), []).append(one)
    return (tuple(found) for found in calls.values())


def _units(found: tuple[Occurrence, ...], fine: Fine, warned: int) -> Iterator[tuple[tuple[Occurrence, ...], bool]]:
    """What of a call is charged as one (an occurrence, or all of them), and whether it is a warning."""
    if fine.per == "call":
        yield found, warned == len(found)
    else:
        yield from (((one,), place < warned) for place, one in enumerate(found))


def _in_period(kind: str, month: str, at: datetime.datetime) -> bool:
    """Whether ``month`` (``2025-04``) lies in the calendar month, quarter or year of ``at``."""
    year, number = int(month[:4]), int(month[5:])
    parts = {"month": (number, at.month), "quarter": ((number - 1) // 3, (at.month - 1) // 3), "year": (0, 0)}
    return year == at.year and parts[kind][0] == parts[kind][1]


def _base(fine: Fine, number: int) -> Yuan:
    """The ``number``-th time, from 1."""
    if not fine.escalation:
        return Yuan(_fen(fine.low), _fen(fine.high))
    beyond = max(0, number - len(fine.escalation))
    amount = fine.escalation[min(number, len(fine.escalation)) - 1]
    if fine.then == "double":
        amount = _EXACT.multiply(amount, Decimal(1 << beyond))
    return Yuan(_fen(amount), _fen(amount))


def _payments(fine: Fine, capped: Yuan, times: int, limit: Yuan | None) -> Iterator[Payment]:
    """The agent's first, then the others in the order of the rule; the agent's own is at most ``limit``."""
    others = [liable for liable in fine.liable if liable.role != AGENT]
    own = [liable for liable in fine.liable if liable.role == AGENT]
    if not own:
        yield Payment(AGENT, None, None, capped)
    for liable in (*own, *others):
        paid = _paid(liable, capped, times)
        yield Payment(liable.role, liable.share, liable.amount, paid.within(limit) if liable.role == AGENT and limit is not None else paid)


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
