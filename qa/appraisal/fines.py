"""An agent's month in money, as far as a person answers for it.

A breach that no person has confirmed (by a verdict or a finished review: ``qa.review.reviews``) costs nothing yet (待确认), is no
repetition that makes another one dearer, and takes nobody's first warning.  Where all are confirmed the sums are those of
:mod:`qa.explain`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from qa.appraisal.light import KnownBooks, LightCall
from qa.clock import moment
from qa.review import reviews
from qa.rules import money
from qa.rules.book import RuleBook
from qa.rules.model import Severity
from qa.rules.money import Counted, Month, Occurrence
from qa.store import Store
from qa.types import Scorecard


@dataclass(frozen=True)
class Fines:
    """``all``: as if every breach were confirmed, for counting alone, never to be shown as money; ``due``: what is confirmed, provisional
    where anything waits.

    ``pending``: breaches (call, rule) on whose confirmation the money depends; ``unknown``: calls whose rule book is not to be had, so that
    nobody can say what they cost.
    """

    all: Month
    due: Month
    pending: tuple[Occurrence, ...]
    unknown: int = 0

    @property
    def waits(self) -> bool:
        """Whether the money of the month hangs on what nobody has confirmed, in it or in an earlier month, or nobody can count: no sum of
        it may be told."""
        return bool(self.pending or self.unknown or self.open)

    @property
    def open(self) -> bool:
        """Whether the confirmed sums are others than those of all breaches: by what waits in this month or in an earlier one."""
        return self.all.totals != self.due.totals


Judged = tuple[LightCall | Scorecard, datetime.datetime, RuleBook]
"""What stands of a call, when the call was (wall clock of UTC+8), and by which rule book it is counted."""


_NONE: Mapping[str, frozenset[str]] = MappingProxyType({})


def of_month(
    store: Store,
    calls: Sequence[LightCall],
    year: int,
    month: int,
    before: tuple[Counted, Counted],
    books: KnownBooks,
    confirmed: Mapping[str, frozenset[str]] = _NONE,
) -> Fines:
    """From the calls of one agent's month; ``before``: how often rules were charged in earlier months of the year, over all breaches and
    over the confirmed ones; ``confirmed``: as of :func:`of_judged`."""
    known = [(call, moment(call.started), book) for call in calls if (book := books.of(call)) is not None]
    return _marked(replace(of_judged(store, known, year, month, before, confirmed), unknown=len(calls) - len(known)))


def of_judged(
    store: Store,
    known: Iterable[Judged],
    year: int,
    month: int,
    before: tuple[Counted, Counted],
    confirmed: Mapping[str, frozenset[str]] = _NONE,
) -> Fines:
    """The same from whatever tells the results.  ``confirmed``: the rules whose breaches a person answers for, of calls that are looked at
    with another scorecard than the one that stands."""
    known = tuple(known)
    fined = {card.call_id for card, at, book in known if any(_fined(one) for one in money.occurrences(card, at, book))}
    if not fined:
        nothing = money.month((), year, month)
        return Fines(nothing, nothing, ())
    marks = money.in_force(mark for call_id in sorted(fined) for mark in store.marks(call_id))
    found = [one for card, at, book in known for one in money.occurrences(card, at, book, marks)]
    rules = {(one.book, one.rule.id) for one in found if _fined(one)}
    found = [one for one in found if (one.book, one.rule.id) in rules]  # also under versions that did not fine: they count for warnings
    asked = {one.call_id for one in found} - confirmed.keys()
    sure = {**reviews.confirmed_of(store, sorted(asked)), **confirmed}
    whole = money.month(found, year, month, before[0])
    due = money.month((one for one in found if one.rule.id in sure.get(one.call_id, ())), year, month, before[1])
    pending = tuple(_pending(whole, sure))
    if not pending and whole.totals != due.totals:  # by breaches that cost nothing themselves: they take a first warning, or count
        pending = tuple(_unconfirmed(found, _dearer(whole, due), sure))
    return _marked(Fines(whole, due, pending))


def _marked(made: Fines) -> Fines:
    """What is due says itself whether it is the sum: whoever shows it need not ask."""
    return replace(made, due=replace(made.due, provisional=made.waits))


def _fined(one: Occurrence) -> bool:
    return one.rule.fine is not None and one.rule.severity is not Severity.ADVISORY


def _dearer(whole: Month, due: Month) -> set[tuple[str, str]]:
    """Rules (rule book, rule) that would cost otherwise if every breach were confirmed."""
    costs: list[dict[tuple[str, str], list[object]]] = [{}, {}]
    for month, cost in zip((whole, due), costs, strict=True):
        for rule in month.rules:
            cost.setdefault((rule.charges[0].found[0].book, rule.rule.id), []).append(rule.payments)
    return {key for key in (*costs[0], *costs[1]) if costs[0].get(key) != costs[1].get(key)}


def _unconfirmed(found: Iterable[Occurrence], rules: set[tuple[str, str]], sure: dict[str, frozenset[str]]) -> Iterable[Occurrence]:
    seen = set()
    for one in found:
        key = one.call_id, one.rule.id
        if (one.book, one.rule.id) in rules and key not in seen and one.rule.id not in sure.get(one.call_id, ()):
            seen.add(key)
            yield one


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
