"""An agent's month in money, as far as a person answers for it.

A breach that no person has confirmed (by a verdict or a finished review: ``qa.review.reviews``) costs nothing yet (待确认), is no
repetition that makes another one dearer, and takes nobody's first warning.  Where all are confirmed the sums are those of
:mod:`qa.explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qa.appraisal.light import KnownBooks, LightCall
from qa.clock import moment
from qa.review import reviews
from qa.rules import money
from qa.rules.model import Severity
from qa.rules.money import Counted, Month, Occurrence
from qa.store import Store


@dataclass(frozen=True)
class Fines:
    """``all``: as if every breach were confirmed, for counting alone, never to be shown as money; ``due``: what is confirmed.

    ``pending``: breaches (call, rule) that would cost something and that nobody has confirmed; ``unknown``: calls whose rule book is not to
    be had, so that nobody can say what they cost.
    """

    all: Month
    due: Month
    pending: tuple[Occurrence, ...]
    unknown: int = 0


def of_month(store: Store, calls: Sequence[LightCall], year: int, month: int, before: tuple[Counted, Counted], books: KnownBooks) -> Fines:
    """From the calls of one agent's month; ``before``: how often rules were charged in earlier months of the year, over all breaches and
    over the confirmed ones."""
    known = [(call, book) for call in calls if (book := books.of(call)) is not None]
    fined = {call.call_id for call, book in known if any(_fined(one) for one in money.occurrences(call, moment(call.started), book))}
    if not fined:
        nothing = money.month((), year, month)
        return Fines(nothing, nothing, (), len(calls) - len(known))
    marks = money.in_force(mark for call_id in sorted(fined) for mark in store.marks(call_id))
    found = [one for call, book in known for one in money.occurrences(call, moment(call.started), book, marks)]
    rules = {(one.book, one.rule.id) for one in found if _fined(one)}
    found = [one for one in found if (one.book, one.rule.id) in rules]  # also under versions that did not fine: they count for warnings
    sure = reviews.confirmed_of(store, sorted({one.call_id for one in found}))
    whole = money.month(found, year, month, before[0])
    due = money.month((one for one in found if one.rule.id in sure.get(one.call_id, ())), year, month, before[1])
    return Fines(whole, due, tuple(_pending(whole, sure)), len(calls) - len(known))


def _fined(one: Occurrence) -> bool:
    return one.rule.fine is not None and one.rule.severity is not Severity.ADVISORY


def _pending(whole: Month, sure: dict[str, frozenset[str]]) -> Iterable[Occurrence]:
    seen = set()
    for rule in whole.rules:
        if not any(payment.cost.high for payment in rule.payments):
            continue
        for charge in rule.charges:
            one = charge.found[0]
            key = one.call_id, one.rule.id
            if key not in seen and one.rule.id not in sure.get(one.call_id, ()):
                seen.add(key)
                yield one
