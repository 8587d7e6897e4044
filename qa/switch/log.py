"""The imported log: the calls and registers of a period (:func:`load`), and the records of recordings (:func:`records`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from qa.clock import wall_clock
from qa.store import Store
from qa.switch import building, registers
from qa.switch.joins import RecordTable
from qa.switch.rows import CALL_KINDS, REGISTERS, Fault
from qa.types.log import CallLog, LoggedCall, Ticket

__all__ = ["calls", "load", "records"]

_LONGEST = timedelta(days=1)
"""A call that begins on one day has its last row at most so much later."""


def records(store: Store) -> RecordTable:
    """The imported records, to be joined with recordings."""
    return RecordTable(store)


def calls(store: Store, since: date, until: date) -> tuple[tuple[LoggedCall, ...], tuple[Fault, ...]]:
    """Calls that began on the days ``since`` to ``until`` (both inclusive) by start, and what their rows leave open."""
    low, high = (since - _LONGEST).isoformat(), (until + _LONGEST + timedelta(days=1)).isoformat()
    built, faults = building.build(store.log.between(CALL_KINDS, low, high))
    first, last = since.isoformat(), (until + timedelta(days=1)).isoformat()
    found = tuple(one.call for one in built if first <= (one.call.start or one.call.answer or "") < last)
    return found, tuple(faults)


def load(store: Store, since: date, until: date) -> CallLog:
    """All that was imported of the days ``since`` to ``until``, both inclusive.

    A table counts as imported for the period where its rows reach into it: a register whose last line lies before it may lack what came
    since.  Tickets are also those written later (a call is noted after it, perhaps on the next day), without a time, and of these calls
    by their ids, whenever they were written.
    """
    low, high = since.isoformat(), (until + timedelta(days=1)).isoformat()
    found, _ = calls(store, since, until)
    recorded, scored = store.log.judged()
    tickets = tuple(_tickets(store, found, low))
    complaints = tuple(registers.complaint(row) for row in store.log.of_kind("complaints"))
    imported = [one.created for one in store.log.imports() if one.format not in REGISTERS]
    return CallLog(
        since=since,
        until=until,
        calls=found,
        roster=tuple(registers.person(row) for row in store.log.of_kind("roster")),
        complaints=tuple(c for c in complaints if c.opened is None or (c.opened < high and (c.opened >= low or (c.closed or high) >= low))),
        surveys=tuple(registers.survey(row) for row in store.log.between(("surveys",), low, high)),
        tickets=tickets,
        recorded=recorded,
        scored=scored,
        sources=_sources(store, low, high) | ({"tickets"} if _by_call(tickets, found) else set()),
        as_of=wall_clock(imported[-1]) if imported else None,
    )


def _tickets(store: Store, found: Sequence[LoggedCall], low: str) -> Iterator[Ticket]:
    """Tickets that may belong to these calls, the first of which began at ``low`` or later."""
    ids = {call.call_id for call in found}
    for row in store.log.of_kind("tickets"):
        if row.at is None or row.at >= low or row.values.get("call_id") in ids:
            yield registers.ticket(row)


def _by_call(tickets: Sequence[Ticket], found: Sequence[LoggedCall]) -> bool:
    """Whether a ticket names one of these calls by its id: then the table reaches into their days, even if it tells no times."""
    return not {call.call_id for call in found}.isdisjoint(ticket.call_id for ticket in tickets)


def _sources(store: Store, low: str, high: str) -> frozenset[str]:
    found = {"roster"} if next(iter(store.log.of_kind("roster")), None) is not None else set()
    for name, kinds in (("calls", CALL_KINDS), *((register, (register,)) for register in REGISTERS if register != "roster")):
        first, last = store.log.span(kinds)
        if first is not None and last is not None and first < high and last >= low:
            found.add(name)
    return frozenset(found)
