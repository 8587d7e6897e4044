"""The imported log: the calls and registers of a period (:func:`load`), and the records of recordings (:func:`records`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar

from qa import numbers
from qa.clock import wall_clock
from qa.errors import RecordError
from qa.rules.expression import Truth
from qa.store import Store
from qa.switch import building, registers
from qa.switch.building import Built
from qa.switch.joins import RecordTable
from qa.switch.rows import CALL_KINDS, REGISTERS, Fault, Row
from qa.types.log import CallLog, Complaint, LoggedCall, Person, Survey, Ticket

__all__ = ["by_id", "calls", "load", "of_ids", "records", "roster", "withdrawn"]

_Line = TypeVar("_Line", Complaint, Survey, Ticket)
_LONGEST = timedelta(days=1)
"""A call that begins on one day has its last row at most so much later."""


def records(store: Store) -> RecordTable:
    """The imported records, to be joined with recordings."""
    return RecordTable(store)


def calls(store: Store, since: date, until: date) -> tuple[tuple[LoggedCall, ...], tuple[Fault, ...]]:
    """Calls that began on the days ``since`` to ``until`` (both inclusive) by start, and what their rows leave open.

    Those of unclear direction are among the calls (``direction`` "") and among what is left open.
    """
    built, faults = _built(store, since, until)
    return tuple(one.call for one in built), tuple(faults)


def withdrawn(store: Store, since: date, until: date) -> tuple[tuple[LoggedCall, str], ...]:
    """Calls of these days whose records were taken out, as far as they were, each with the reason."""
    built, _ = _built(store, since, until, out=True)
    reasons = {(row.kind, row.key): row.withdrawn for row in _rows(store, since, until)}
    return tuple((one.call, next(filter(None, (reasons[row.kind, row.key] for row in one.rows)), "")) for one in built)


def of_ids(store: Store, ids: Iterable[str], out: bool = False) -> list[Built]:
    """The calls that these ids of the switch belong to, those of unclear direction among them; ``out``: what was withdrawn of them."""
    rows = store.log.linked(ids)
    if out:
        rows = _turned(rows)
    built, faults = building.build(rows, roster(store))
    return [*built, *building.open_calls(faults)]


def by_id(store: Store, call_id: str, out: bool = False) -> Built:
    """The call of this id: our own, else any of the switch's.  ``out``: as withdrawn.

    Errors: :class:`RecordError` for none, and for an id that stands for several.
    """
    found = of_ids(store, {call_id, call_id.partition("@")[0]}, out)
    fitting = [one for one in found if one.call.call_id == call_id] or [one for one in found if call_id in one.ids]
    if len(fitting) == 1:
        return fitting[0]
    several = "、".join(one.call.call_id for one in fitting)
    cause = f"这个编号属于几通电话：{several}" if fitting else f"{'已撤回' if out else '导入'}的话单里没有这通电话"
    raise RecordError(call_id, cause, f"请用 qa records list{' --withdrawn' if out else ''} 查看通话编号")


def _turned(rows: Iterable[Row]) -> list[Row]:
    """Rows of which those count that do not, and the other way round."""
    return [replace(row, withdrawn="" if row.withdrawn else "counts") for row in rows]


def roster(store: Store) -> list[Person]:
    """Every line of the roster."""
    return [registers.person(row) for row in store.log.of_kind("roster")]


def _rows(store: Store, since: date, until: date) -> list[Row]:
    low, high = (since - _LONGEST).isoformat(), (until + _LONGEST + timedelta(days=1)).isoformat()
    return store.log.whole(low, high)


def _built(store: Store, since: date, until: date, out: bool = False) -> tuple[list[Built], list[Fault]]:
    """The calls of these days, those of unclear direction among them, and what is left open; ``out``: of withdrawn rows, by their names."""
    everything, faults = _put_together(store, since, until, out)
    return _began(everything, since, until), faults


def _put_together(store: Store, since: date, until: date, out: bool = False) -> tuple[list[Built], list[Fault]]:
    """As :func:`_built`, with the calls of days before and after that the same rows tell of."""
    rows = _rows(store, since, until)
    built, faults = building.build(_turned(rows) if out else rows, roster(store))
    everything = [*built, *building.open_calls(faults)]
    return sorted(everything, key=lambda one: (one.call.start is None, one.call.start or "", one.call.call_id)), faults


def _began(built: Iterable[Built], since: date, until: date) -> list[Built]:
    first, last = since.isoformat(), (until + timedelta(days=1)).isoformat()
    return [one for one in built if first <= (one.call.start or one.call.answer or "") < last]


def load(store: Store, since: date, until: date) -> CallLog:
    """All that was imported of the days ``since`` to ``until``, both inclusive.

    A table counts as imported for the period where its rows reach into it: a register whose last line lies before it may lack what came
    since.  Tickets are also those written later (a call is noted after it, perhaps on the next day), without a time, and of these calls
    by their ids, whenever they were written.  A register, a recording or a scorecard that names a call by another of its ids (of another
    leg or channel, of the queue) has the id of the call here.
    """
    low, high = since.isoformat(), (until + timedelta(days=1)).isoformat()
    everything, _ = _put_together(store, since, until)
    found, names = tuple(one.call for one in _began(everything, since, until)), _Names(everything)
    recorded, scored = (frozenset(map(names.judged, ids)) for ids in store.log.judged())
    tickets = tuple(_tickets(store, names, {call.call_id for call in found}, low))
    complaints = tuple(names.named(registers.complaint(row)) for row in store.log.of_kind("complaints"))
    imported = [one.created for one in store.log.imports() if one.format not in REGISTERS]
    return CallLog(
        since=since,
        until=until,
        calls=found,
        roster=tuple(roster(store)),
        complaints=tuple(c for c in complaints if c.opened is None or (c.opened < high and (c.opened >= low or (c.closed or high) >= low))),
        surveys=tuple(names.named(registers.survey(row)) for row in store.log.between(("surveys",), low, high)),
        tickets=tickets,
        recorded=recorded,
        scored=scored,
        sources=_sources(store, low, high) | ({"tickets"} if _by_call(tickets, found) else set()),
        as_of=wall_clock(imported[-1]) if imported else None,
    )


class _Names:
    """Calls by every id under which they are known."""

    def __init__(self, built: Iterable[Built]) -> None:
        self._found: dict[str, list[LoggedCall]] = defaultdict(list)
        self._own = set()
        for one in built:
            self._own.add(one.call.call_id)
            for name in one.ids | {one.call.call_id}:
                self._found[name].append(one.call)

    def judged(self, call_id: str) -> str:
        """The id of the call that a recording or a scorecard names, which is our own name before any of the switch's."""
        return call_id if call_id in self._own else self._only(call_id, self._found.get(call_id, []))

    def named(self, row: _Line) -> _Line:
        """The line of a register with the id of the call that it names.

        Of several calls that the switch gave one id the one of the line's number, else the one that had begun by its time; where neither
        tells, the line keeps what it names.
        """
        found = self._found.get(row.call_id.partition("#")[0], [])
        if len(found) > 1:
            found = [call for call in found if numbers.same(call.customer_number, row.customer_number) is Truth.TRUE] or found
            at = row.opened if isinstance(row, Complaint) else row.at
            found = [call for call in found if at is None or call.start is None or call.start <= at] if len(found) > 1 else found
        return replace(row, call_id=self._only(row.call_id, found))

    @staticmethod
    def _only(call_id: str, found: Sequence[LoggedCall]) -> str:
        return found[0].call_id if len(found) == 1 else call_id


def _tickets(store: Store, names: _Names, ids: Collection[str], low: str) -> Iterator[Ticket]:
    """Tickets that may belong to the calls of these ids, the first of which began at ``low`` or later."""
    for row in store.log.of_kind("tickets"):
        ticket = names.named(registers.ticket(row))
        if row.at is None or row.at >= low or ticket.call_id in ids:
            yield ticket


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
