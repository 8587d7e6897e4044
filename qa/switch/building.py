"""Rows gathered to calls: which rows belong together by their ids, and which ids stand for two calls.

A switch that starts anew, or whose clock is set back, gives an id again.  Then the call whose rows came into the database first keeps the
id, for ever; any other has the id and its own time (``1714525200.100@20240503T090000``, the time that its first import told).  So no
import that comes later, whatever its calls' times, moves an id or a scorecard from one call to another.  Of two calls in one import the
earlier counts as the first.  Rows that were withdrawn make no call, but what they stood for keeps its id.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from qa.switch import from_asterisk, from_others, times
from qa.switch.rows import EXTENSIONS, Fault, Row, RowError
from qa.types.log import Disposition, LoggedCall, Person

GAP_S = 6 * 3600.0
"""Rows of one id that lie further apart are two calls."""

_NUMBERS = ("src", "dst", "caller", "called", "from", "to", "customer_number")
"""Values of rows that are numbers of the two sides."""
_Builders = dict[str, Callable[[Sequence[Row]], LoggedCall]]


@dataclass(frozen=True)
class Built:
    """A call and the rows that it was made of."""

    call: LoggedCall
    rows: tuple[Row, ...]

    @property
    def ids(self) -> frozenset[str]:
        """Every id under which the call is known."""
        return frozenset(name for row in self.rows for name in (row.part, row.ref, row.other) if name)

    @property
    def told_ids(self) -> bool:
        """Whether the switch gave the call an id."""
        return any(row.ref or row.kind == "queue_log" for row in self.rows)


@dataclass(frozen=True)
class LeftOpen(Fault):
    """A call that nobody can say whether it came in or went out: it is nobody's, and counts in no table."""

    built: Built


def build(rows: Iterable[Row], roster: Collection[Person] = ()) -> tuple[list[Built], list[Fault]]:
    """The calls of these rows by start, and what of them cannot be put together (:class:`LeftOpen`) or was given two calls.

    ``rows`` are all that the ids of these calls have (:meth:`qa.switch.kept.LogRows.whole`), or the names of calls that share one may not
    be theirs.  ``roster``: the people whom a number that was only dialled may mean.
    """
    makers: _Builders = {
        "asterisk": from_asterisk.build,
        "queue_log": from_asterisk.build,
        "freeswitch": functools.partial(from_others.freeswitch, roster=roster),
        "yeastar": from_others.yeastar,
        "mapped": from_others.mapped,
    }
    made: list[Built] = []
    faults: list[Fault] = []
    for group in gathered(rows):
        for found in _named(group, makers):
            if isinstance(found, Fault):
                faults.append(found)
            else:
                made.append(found)
    made.sort(key=lambda built: (built.call.start is None, built.call.start or "", built.call.call_id))
    return made, faults


def open_calls(faults: Iterable[Fault]) -> list[Built]:
    """The calls of unclear direction among what could not be put together."""
    return [fault.built for fault in faults if isinstance(fault, LeftOpen)]


def _named(group: Sequence[Row], makers: _Builders) -> Iterator[Built | Fault]:
    """The calls of rows that share ids, each under a name of its own."""
    taken: dict[str, Row] = {}
    for piece in sorted(_apart(group), key=_came):
        # rows that were taken out hold nothing together
        some_count = [row for row in piece if not row.withdrawn]
        counting = list(gathered(some_count)) if len(some_count) > 1 else [some_count] * len(some_count)
        for some in counting or [piece]:
            found = _made(sorted(some, key=_when), makers)
            told = (found.built if isinstance(found, LeftOpen) else found).call.call_id
            call_id = _free(told, _came(piece)[1], taken)
            if counting and call_id != told and not (first := taken[told]).withdrawn:
                cause = f"编号 {told} 也用于另一通电话（{first.source}）；按时刻分成两通，这一通记为 {call_id}"
                yield Fault(some[0].file, some[0].line, cause, "交换机重启或时钟回调会造成重复编号，请核对")
            taken[call_id] = some[0]
            if counting:
                yield _under(found, call_id)


def _made(some: list[Row], makers: _Builders) -> Built | LeftOpen:
    try:
        return Built(makers[some[0].kind](some), tuple(some))
    except RowError as error:  # left open as a whole: a call the wrong way round would be put down to somebody
        cause = f"通话 {some[0].part}：{error.cause}；这通电话未采用"
        return LeftOpen(some[0].file, some[0].line, cause, error.cure, Built(_nobodys(some, error.cause), tuple(some)))


def _nobodys(some: Sequence[Row], why: str) -> LoggedCall:
    """A call of unclear direction, with what is known whichever way it went."""
    sides = {number for row in some for name in _NUMBERS if (number := row.values.get(name, "")) and not re.fullmatch(EXTENSIONS, number)}
    answered = any("answer" in row.values for row in some)
    return LoggedCall(
        call_id=some[0].part,
        source=some[0].source,
        direction="",
        disposition=Disposition.ANSWERED if answered else Disposition.UNANSWERED,
        customer_number=sides.pop() if len(sides) == 1 else "",
        start=min((row.at for row in some if row.at), default=None),
        end=max((row.values["end"] for row in some if "end" in row.values), default=None),
        recording=next((row.recording for row in some if row.recording), ""),
        notes=(why,),
    )


def _under(found: Built | LeftOpen, call_id: str) -> Built | LeftOpen:
    if (found.built if isinstance(found, LeftOpen) else found).call.call_id == call_id:
        return found
    if isinstance(found, LeftOpen):
        return replace(found, built=replace(found.built, call=replace(found.built.call, call_id=call_id)))
    return replace(found, call=replace(found.call, call_id=call_id))


def _free(call_id: str, at: str, taken: Collection[str]) -> str:
    """The id itself where no call has it, else with the call's own time, else also with a number."""
    if call_id not in taken:
        return call_id
    name = f"{call_id}@{at.replace('-', '').replace(':', '')[:15]}"
    return next(free for free in (name, *(f"{name}.{number}" for number in range(2, len(taken) + 3))) if free not in taken)


def _came(piece: Sequence[Row]) -> tuple[int, str, str]:
    """When a call came into the database: the import, the time that it told then, and what tells two such apart."""
    return min((row.came[0], row.came[1] or row.at or "", row.key) for row in piece)


def _when(row: Row) -> tuple[str, str]:
    return row.at or "", row.key


def family(row: Row) -> str:
    """What rows are of one switch's records, and so may be of one call."""
    return "asterisk" if row.kind == "queue_log" else row.kind


def gathered(rows: Iterable[Row], across: bool = False) -> Iterator[list[Row]]:
    """Rows that share an id, directly or through others; ``across``: also those of different switches' records."""
    all_rows = list(rows)
    parent = list(range(len(all_rows)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    seen: dict[tuple[str, str], int] = {}
    for at, row in enumerate(all_rows):
        of = "" if across else family(row)
        for name in filter(None, (row.part, row.ref, row.other)):
            parent[root(at)] = root(seen.setdefault((of, name), at))
    groups: dict[int, list[Row]] = defaultdict(list)
    for at, row in enumerate(all_rows):
        groups[root(at)].append(row)
    yield from groups.values()


def _apart(group: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows of one call each: those that follow each other, and of one channel where one id stands for several."""
    if len(group) == 1:
        yield list(group)
        return
    current: list[Row] = []
    until = ""
    for row in sorted(group, key=_when):
        begins = row.at or ""
        if current and (begins > times.after(until, GAP_S)):
            yield from _by_party(current)
            current, until = [], ""
        current.append(row)
        until = max(until, row.values.get("end") or begins)
    yield from _by_party(current)


def _by_party(rows: list[Row]) -> Iterator[list[Row]]:
    """Rows of the switch's one channel; two channels of different callers under one unique id are two calls."""
    parties: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        if row.kind == "asterisk" and row.ref:
            parties[row.ref].add((row.values.get("channel", ""), row.values.get("src", "")))
    twice = {ref for ref, found in parties.items() if len({c for c, _ in found}) > 1 and len({s for _, s in found}) > 1}
    if not twice:
        yield rows
        return
    by: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by[row.values.get("channel", "") if row.ref in twice else ""].append(row)
    loose = by.pop("", [])
    groups = sorted(by.values(), key=lambda some: min(map(_when, some)))
    groups[0] += loose
    yield from groups
