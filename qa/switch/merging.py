"""A table of calls that is not kept, laid over what was imported of the same calls.

What ``--calls`` names may tell less of a call than its imported rows do: half of its legs, no queue, a poorer set of columns.  So its rows
count as if they were imported last, for this run alone; and where a call would then be explained less than by its imported rows, these
count as they are, and that is listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from qa import whereabouts
from qa.switch import building, registers
from qa.switch.building import Built
from qa.switch.kept import LogRows
from qa.switch.rows import Fault, Row, Settings, over
from qa.types.log import LoggedCall, Person

_LATER = 1 << 40
"""What the numbers of a table's own imports come after: every import into the database."""
_CURE = "要按这份话单，请先撤回已导入的那几行（qa records withdraw）"


class Laid:
    """Rows in memory, asked as those of a database (:class:`qa.switch.matching.Rows`)."""

    def __init__(self, rows: Iterable[Row], people: Sequence[Row], settings: Settings, faults: tuple[Fault, ...]) -> None:
        self._rows, self._people, self._settings, self._faults = list(rows), people, settings, faults
        self._by_id: dict[str, list[Row]] = defaultdict(list)
        self._by_recording: dict[str, list[Row]] = defaultdict(list)
        for row in self._rows:
            for name in {row.part, row.ref, row.other} - {""}:
                self._by_id[name].append(row)
            if row.recording and not row.withdrawn:
                self._by_recording[whereabouts.nfc(row.recording)].append(row)

    def version(self) -> object:
        """Always the same: the rows do not change."""
        return 0

    def linked(self, names: Iterable[str]) -> list[Row]:
        """All rows of the calls that these ids belong to, directly or through each other."""
        found: dict[tuple[str, str], Row] = {}
        waiting = list(names)
        asked = set(waiting)
        while waiting:
            for row in self._by_id.get(waiting.pop(), ()):
                found[row.kind, row.key] = row
                more = {row.part, row.ref, row.other} - asked
                waiting += more
                asked |= more
        return list(found.values())

    def named(self, recordings: Iterable[str]) -> list[Row]:
        """Rows that name one of these sound files."""
        return [row for name in sorted({whereabouts.nfc(one) for one in recordings}) for row in self._by_recording.get(name, ())]

    def near(self, low: str, high: str, number: str) -> list[Row]:
        """Rows of the calls that have a row from ``low`` to before ``high`` in which this number (or its end) stands."""
        fitting = (row for row in self._rows if low <= (row.at or "") < high and any(number in value for value in row.values.values()))
        return self.linked(name for row in fitting for name in (row.part, row.ref, row.other) if name)

    def of_kind(self, kind: str) -> Iterator[Row]:
        """The people whom the rows may name, or the rows of a kind."""
        return iter(self._people if kind == "roster" else [row for row in self._rows if row.kind == kind and not row.withdrawn])

    def settings(self) -> Settings:
        return self._settings

    def faults(self) -> tuple[Fault, ...]:
        return self._faults


def over_imported(own: LogRows, kept: LogRows) -> Laid:
    """The rows of a table, which ``own`` has, over what ``kept`` has of the same calls: rows, roster and what the house has stated."""
    mine = own.whole("", "~")
    theirs = kept.linked({name for row in mine for name in (row.part, row.ref, row.other)})
    people = list(kept.of_kind("roster")) or list(own.of_kind("roster"))
    roster = [registers.person(row) for row in people]
    faults = list(own.faults())
    rows: list[Row] = []
    imported = {(row.kind, row.key): row for row in theirs}
    # rows of two formats that tell the same id tell the same call
    for group in building.gathered([*theirs, *(_later(row) for row in mine)], across=True):
        old = [row for row in group if row is imported.get((row.kind, row.key))]
        new = [row for row in group if row is not imported.get((row.kind, row.key))]
        if not old or not new:
            rows += new
            continue
        counting, less = _richer(old, new, roster)
        rows += counting
        faults += less
    return Laid(rows, people, over(kept.settings(), own.settings()), tuple(faults))


def _later(row: Row) -> Row:
    return replace(row, came=(_LATER + row.came[0], row.came[1]))


def _richer(old: Sequence[Row], new: Sequence[Row], roster: Collection[Person]) -> tuple[list[Row], list[Fault]]:
    """The rows that count of calls that both tell of: the imported ones corrected by the new, or as they are, with what would be lost."""
    known = {(row.kind, row.key): row for row in old}
    families = {building.family(row) for row in new}
    corrected = {(row.kind, row.key): row for row in old if building.family(row) in families}
    corrected |= {(row.kind, row.key): _over(row, known.get((row.kind, row.key))) for row in new}
    before, after = building.build(old, roster)[0], building.build(corrected.values(), roster)[0]
    lost = [(one, what) for one in before if (what := _lost(one, after))]
    if not lost:
        return list(corrected.values()), []
    at = new[0]
    cause = "这份话单对通话 {} 说明的比已导入的少（{}），仍按已导入的话单"
    return list(old), [Fault(at.file, at.line, cause.format(one.call.call_id, what), _CURE) for one, what in lost]


def _over(row: Row, known: Row | None) -> Row:
    """A row in the stead of the imported one: it came when that came, and has its recording where it tells none itself."""
    if known is None:
        return row
    if row.recording or not known.recording:
        return replace(row, came=known.came)
    folder = {"folder": known.values["folder"]} if "folder" in known.values else {}
    return replace(row, came=known.came, recording=known.recording, values={**row.values, **folder})


def _lost(one: Built, after: Sequence[Built]) -> str:
    """What is explained of a call now and would not be any more; "" for nothing."""
    fates = [_less(one.call, other.call) for other in after if other.ids & one.ids]
    return min(fates, key=len, default="整通电话")


def _less(call: LoggedCall, other: LoggedCall) -> str:
    """What ``call`` tells and ``other``, which is to be the same call, does not; one that tells of more agents tells more."""
    parts = [sum(bool(leg.agent_id) for leg in one.legs) for one in (call, other)]
    if parts[1] > parts[0]:
        return ""
    told = {
        "坐席时段": parts[1] < parts[0],
        "坐席": bool(call.agent_id) and not other.agent_id,
        "方向": bool(call.direction) and not other.direction,
        "客户号码": bool(call.customer_number) and not other.customer_number,
        "振铃": call.ring is not None and other.ring is None,
        "应答": call.answer is not None and other.answer is None,
        "结束": call.end is not None and other.end is None,
        "挂机方": call.hangup_by is not None and other.hangup_by is None,
        "声道": call.agent_channel is not None and other.agent_channel is None,
    }
    return "、".join(name for name, less in told.items() if less)
