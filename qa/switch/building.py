"""Rows gathered to calls: which rows belong together by their ids, and which ids stand for two calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from qa.switch import from_asterisk, from_others, times
from qa.switch.rows import Fault, Row, RowError
from qa.types.log import LoggedCall

GAP_S = 6 * 3600.0
"""Rows of one id that lie further apart are two calls: a switch that starts anew, or whose clock is set back, gives an id again."""

_BUILDERS: dict[str, Callable[[Sequence[Row]], LoggedCall]] = {
    "asterisk": from_asterisk.build,
    "queue_log": from_asterisk.build,
    "freeswitch": from_others.freeswitch,
    "yeastar": from_others.yeastar,
    "mapped": from_others.mapped,
}


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


def build(rows: Iterable[Row]) -> tuple[list[Built], list[Fault]]:
    """The calls of these rows by start, and what of them cannot be put together or is left open."""
    made: list[Built] = []
    faults: list[Fault] = []
    for group in gathered(rows):
        apart = list(_apart(group))
        for number, some in enumerate(apart):
            try:
                call = _BUILDERS[some[0].kind](some)
            except RowError as error:  # left open as a whole: a call the wrong way round would be put down to somebody
                faults.append(Fault(some[0].file, some[0].line, f"通话 {some[0].part}：{error.cause}；这通电话未采用", error.cure))
                continue
            if number:  # the earliest keeps the id
                call = replace(call, call_id=f"{call.call_id}@{(some[0].at or '').replace('-', '').replace(':', '')[:15]}")
                cause = f"编号 {some[0].part} 也用于另一通电话（{apart[0][0].source}）；按时刻分成两通，后一通记为 {call.call_id}"
                faults.append(Fault(some[0].file, some[0].line, cause, "交换机重启或时钟回调会造成重复编号，请核对"))
            made.append(Built(call, tuple(some)))
    made.sort(key=lambda built: (built.call.start is None, built.call.start or "", built.call.call_id))
    return made, faults


def gathered(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows that share an id, directly or through others."""
    all_rows = list(rows)
    parent = list(range(len(all_rows)))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    seen: dict[tuple[str, str], int] = {}
    for at, row in enumerate(all_rows):
        family = "asterisk" if row.kind == "queue_log" else row.kind
        for name in filter(None, (row.part, row.ref, row.other)):
            parent[root(at)] = root(seen.setdefault((family, name), at))
    groups: dict[int, list[Row]] = defaultdict(list)
    for at, row in enumerate(all_rows):
        groups[root(at)].append(row)
    yield from groups.values()


def _apart(group: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows of one call each: those that follow each other, and of one channel where one id stands for several."""
    current: list[Row] = []
    until = ""
    for row in sorted(group, key=lambda row: row.at or ""):
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
    groups = sorted(by.values(), key=lambda some: some[0].at or "")
    groups[0] += loose
    yield from groups
