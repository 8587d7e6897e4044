"""How often an agent's rules were charged, over all breaches and over those that a person answers for: where later months go on from.

Of a closed month the repetitions are those that were kept at its closing, less what it still has that nobody has confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import msgspec

from qa import explain, rows
from qa.appraisal import fines as money_of
from qa.appraisal import light
from qa.appraisal.fines import Fines
from qa.appraisal.light import KnownBooks, LightCall
from qa.appraisal.unseen import Totals, Unseen
from qa.clock import moment
from qa.explain import MonthSum
from qa.rules.book import RuleBook
from qa.rules.money import Counted, Yuan, month_text
from qa.store import Store

Charged = tuple[Counted, Counted]
"""How often rules were charged: over all breaches, and over the confirmed ones."""


class KeptFines(msgspec.Struct, frozen=True):
    """Money of the month: ``due`` by role (low, high), ``pending`` breaches without confirmation, ``unknown`` calls that cannot be counted;
    how often each rule was charged (rule book, rule, month, times), over all breaches and over the confirmed ones.  ``open``: all breaches
    together cost otherwise than the confirmed ones.  ``unseen``: the call of each fine that the agent does not see, ``unseen_due`` what
    these come to by role (:mod:`qa.appraisal.unseen`)."""

    due: list[tuple[str, str, str]]
    pending: int
    unknown: int
    counted: list[tuple[str, str, str, int]]
    confirmed: list[tuple[str, str, str, int]]
    open: bool = False
    unseen: list[str] = []
    unseen_due: list[tuple[str, str, str]] = []

    @property
    def waits(self) -> bool:
        """As of :class:`qa.appraisal.fines.Fines`."""
        return bool(self.pending or self.unknown or self.open)


NO_FINES = KeptFines([], 0, 0, [], [])
NOTHING_UNSEEN = Unseen()


def kept(money: Fines, hidden: Unseen = NOTHING_UNSEEN) -> KeptFines:
    """The money as it lies in the database; ``hidden``: what of it the agent does not see."""
    return KeptFines(
        due=_written(money.due.totals),
        pending=len(money.pending),
        unknown=money.unknown,
        counted=_listed(money.all.counted),
        confirmed=_listed(money.due.counted),
        open=money.open,
        unseen=list(hidden.calls),
        unseen_due=_written(hidden.due),
    )


def _written(totals: Totals) -> list[tuple[str, str, str]]:
    return [(role, str(yuan.low), str(yuan.high)) for role, yuan in totals]


def of_part(money: Fines, calls: Sequence[LightCall], books: KnownBooks) -> KeptFines:
    """Of some of the month's calls alone: what waits in them.  The sums are the whole month's: they are no part's."""
    own = {call.call_id for call in calls}
    return KeptFines([], sum(one.call_id in own for one in money.pending), sum(books.of(call) is None for call in calls), [], [])


def read(totals: Iterable[tuple[str, str, str]]) -> Totals:
    """Money by role as it lies in the database."""
    return tuple((role, Yuan(Decimal(low), Decimal(high))) for role, low, high in totals)


def token(store: Store, agent_id: str, month: str) -> int | None:
    """Another one after each change; None: the figures are kept as they are."""
    found = store.db.rows("select token from month_stale where agent_id = ? and month = ?", agent_id, month)
    return int(found[0]["token"]) if found else None


def fines(
    store: Store,
    agent_id: str,
    month: str,
    calls: Sequence[LightCall],
    books: KnownBooks,
    known: dict[str, Charged] | None = None,
    confirmed: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> Fines:
    """The money of the month; within one view of the database (``reading``) where others may write.  ``known``: of earlier months that were
    counted for this; ``confirmed``: as of :func:`qa.appraisal.fines.of_judged`."""
    of = (book for call in calls if (book := books.of(call)) is not None)
    before = _before(store, agent_id, month, of, books, {} if known is None else known)
    return money_of.of_month(store, calls, *explain.parse_month(month), before, books, confirmed)


def of_sheet(store: Store, sheet: MonthSum, books: KnownBooks) -> Fines:
    """The same of a month that is explained, with the seconds that each charge rests on."""
    before = _before(store, sheet.agent_id, month_text(sheet.year, sheet.month), (one.book for one in sheet.calls), books, {})
    judged = [(one.card, moment(one.row.started), one.book) for one in sheet.calls if one.row.started is not None]
    return money_of.of_judged(store, judged, sheet.year, sheet.month, before)


def _before(store: Store, agent_id: str, month: str, of: Iterable[RuleBook], books: KnownBooks, known: dict[str, Charged]) -> Charged:
    """How often rules were charged before a month in whose calls the rule books ``of`` were used."""
    year, number = explain.parse_month(month)
    sheets = store.ledger.sheets(agent_id, month)
    if sheets:  # closed: what was known of earlier months then, whatever was corrected there since
        before = sheets[-1].before
        sure = dict(before)
        for earlier in sorted({of for _, _, of in before}):
            counted, confirmed = _counted(store, agent_id, earlier, books, known)
            sure |= _less({key: times for key, times in before.items() if key[2] == earlier}, counted, confirmed)
        return before, sure
    first = explain.first_day(explain.days_of(year, number)[0], of)
    sums: tuple[dict[tuple[str, str, str], int], dict[tuple[str, str, str], int]] = ({}, {})
    for earlier in (f"{year}-{n:02d}" for n in range(first.month, number)):
        for whole, counted in zip(sums, _counted(store, agent_id, earlier, books, known), strict=True):
            whole |= counted
    return sums


def _counted(store: Store, agent_id: str, month: str, books: KnownBooks, known: dict[str, Charged]) -> Charged:
    """How often rules were charged in an earlier month: as kept at its closing, else as they are now."""
    if month not in known:
        if token(store, agent_id, month) is not None:
            calls = light.calls(store, agent_id, month, f"{month}-99", published=False)
            now = kept(fines(store, agent_id, month, calls, books, known))
        else:
            sql = "select fines_json from month_figures where agent_id = ? and month = ? and published = 0"
            found = store.db.rows(sql, agent_id, month)
            now = rows.from_json(found[0]["fines_json"], KeptFines) if found else NO_FINES
        counted, confirmed = _read(now.counted), _read(now.confirmed)
        sheets = store.ledger.sheets(agent_id, month)
        known[month] = (sheets[-1].counted, _less(sheets[-1].counted, counted, confirmed)) if sheets else (counted, confirmed)
    return known[month]


def _less(counted: Counted, all_: Counted, confirmed: Counted) -> dict[tuple[str, str, str], int]:
    """``counted`` as it was kept, less what of it there is now (``all_``) and nobody has confirmed.

    What is no longer there was corrected since, which is a person's word as well.
    """
    return {key: max(0, times - max(0, all_.get(key, 0) - confirmed.get(key, 0))) for key, times in counted.items()}


def _read(counted: Iterable[tuple[str, str, str, int]]) -> Mapping[tuple[str, str, str], int]:
    return {(book, rule, month): times for book, rule, month, times in counted}


def _listed(counted: Counted) -> list[tuple[str, str, str, int]]:
    return [(*key, times) for key, times in sorted(counted.items()) if times]
