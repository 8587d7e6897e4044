"""The switch's call records: ``calls.csv``, read strictly; what is wrong is listed with its line, never guessed.

A bad row is left out and listed, the rest goes on.  Rows that contradict each other (one file or one call id with two
meanings) are all left out: a call put down to the wrong agent costs that agent money.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Protocol

from qa.claims import Claims, is_empty, same
from qa.clock import HOUSE_ZONE
from qa.errors import RecordError
from qa.rules.expression import Truth
from qa.types import CallRecord, Span
from qa.whereabouts import days, in_folder

COLUMNS = tuple(f.name for f in fields(CallRecord) if f.default is MISSING)
NEEDED = ("file", "call_id", "direction")
"""Columns without which no row can be read."""
TIMES = ("start", "answer", "end")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}\.\d{3}(Z|[+-]\d{2}:\d{2})?")
_CHOICES = {"direction": ("in", "out"), "hangup_by": ("agent", "customer", ""), "agent_channel": ("0", "1", "")}
_NOT_TEXT = ((b"PK\x03\x04", "这是 Excel 工作簿"), (b"\xd0\xcf\x11\xe0", "这是 Excel 工作簿"), (b"\xff\xfe", "这是 UTF-16 文本"))
_CURE = "请另存为“CSV UTF-8（逗号分隔）”"


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line of the table (1 = the header), or with a recording (0)."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


@dataclass(frozen=True)
class Part:
    """An agent's part of a recording: the record, None where none is known, and the time that is theirs (None: all of it)."""

    record: CallRecord | None
    window: Span | None = None


class Records(Protocol):
    """Call records by recording."""

    @property
    def problems(self) -> tuple[Problem, ...]: ...
    def for_file(self, path: Path) -> CallRecord | None: ...
    def parts_of(self, path: Path, duration_ms: int) -> tuple[Part, ...]: ...


CONTESTED = (
    "通话 {call_id} 也有录音 {others}，内容不同；两个录音不能同属一通电话，都不采用。"
    "请移走不是这通电话的那个，或在话单里写明录音的文件夹和文件名"
)


def expect(table: Records | None, paths: Iterable[Path], unusable: Callable[[Path], bool] | None = None) -> None:
    """Show the records all recordings of a run before the first is asked for: of two that claim one call neither gets it.

    Equal contents count as one.  ``unusable``: recordings that claim nothing beside others (broken ones); where it is not told, the empty.
    """
    look = getattr(table, "expect", None)
    if look is None:
        return
    if unusable is None:
        look(paths)
    else:
        look(paths, unusable)


def call_of(table: Records, path: Path) -> str | None:
    """The id of the call of a recording that may be no part of the run, without its claiming that call; None where none is certain."""
    look = getattr(table, "call_of", None)
    if look is not None:
        found: str | None = look(path)
        return found
    record = table.for_file(path)
    return None if record is None else record.call_id


def is_strong(table: Records, path: Path) -> bool:
    """Whether nothing about a recording's name makes it doubtful that it is the call's that the records give it, as where they tell another
    file of nearly this name."""
    look = getattr(table, "is_strong", None)
    return look is None or bool(look(path))


def told(table: Records | None, path: Path) -> object:
    """All that the records tell of a recording, to be compared; None where they have none for it."""
    look = getattr(table, "told", None)
    return look(path) if look is not None else table.for_file(path) if table is not None else None


class CallTable:
    """The good rows of a table, and the problems of the others by line, then those of the recordings that were expected."""

    def __init__(self, path: str, records: tuple[CallRecord, ...], problems: tuple[Problem, ...]) -> None:
        self.path, self.records, self._faults = path, records, problems
        self._claims = Claims()
        self._open: dict[str, Problem] = {}
        self._by_place = {_place(record.file): record for record in records}
        self._by_name: dict[str, list[CallRecord]] = defaultdict(list)
        for record in records:
            self._by_name[PurePosixPath(_place(record.file)).name].append(record)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallTable) and self._told == other._told

    def __hash__(self) -> int:
        return hash(self._told)

    @property
    def _told(self) -> tuple[object, ...]:
        return self.path, self.records, self._faults

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self._faults, *self._open.values())

    def expect(self, paths: Iterable[Path], unusable: Callable[[Path], bool] = is_empty) -> None:
        """Look at all recordings of a run: of two contents that claim one row neither gets it.  ``unusable`` ones claim nothing."""
        seen = list(paths)
        rows = {path: self._row(path) for path in seen}
        for path, row in rows.items():
            if row is not None and not unusable(path):
                self._claims.add(row.call_id, path)
        for path, row in rows.items():
            self._open.pop(str(path), None)
            message = self._elsewhere(path) if row is None else self._contested(path, row)
            if message:
                self._open[str(path)] = Problem(str(path), 0, message)

    def for_file(self, path: Path) -> CallRecord | None:
        """The record of a recording: by its path relative to the table's folder, else by its name where nothing speaks against it.

        Against it speak another folder than the row tells, a folder or a name of another day than the call's, another recording at the
        very place that the row tells, and a second row or recording that fits as well.
        """
        row = self._row(path)
        return None if row is not None and self._claims.rivals(row.call_id, path) else row

    def call_of(self, path: Path) -> str | None:
        """The id of the call whose row fits a recording, which claims nothing by being asked for."""
        row = self._row(path)
        return None if row is None else row.call_id

    def _row(self, path: Path) -> CallRecord | None:
        folder, whole = Path(self.path).absolute().parent, path.absolute()
        places = [_place(str(whole))]
        if whole.is_relative_to(folder):
            places.insert(0, _place(whole.relative_to(folder).as_posix()))
        for place in places:
            if place in self._by_place:
                return self._by_place[place]
        named = [(self._here(record, whole), record) for record in self._by_name.get(PurePosixPath(places[0]).name, ())]
        for wanted in (Truth.TRUE, Truth.UNKNOWN):
            found = [record for here, record in named if here is wanted]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def _here(self, record: CallRecord, path: Path) -> Truth:
        """Whether a recording of the name that a row tells may be the row's, though it lies elsewhere."""
        at_place = Path(self.path).absolute().parent / _place(record.file)
        if at_place.is_file() and not same(at_place, path):
            return Truth.FALSE
        there = in_folder(path, PurePosixPath(_place(record.file)).parent.as_posix())
        own, told = days(path), _days(record)
        return Truth.FALSE if there is Truth.UNKNOWN and own and told and own.isdisjoint(told) else there

    def _elsewhere(self, path: Path) -> str:
        """Why a recording has none of the rows that tell its name; "" where there are none."""
        named = self._by_name.get(PurePosixPath(_place(path.name)).name, [])
        told = "、".join(f"{record.file}（{record.call_id}）" for record in named[:5])
        return f"表里同名的录音不在这个文件夹、不是这一天，或不止一行：{told}。请在 file 列写明录音的文件夹" if named else ""

    def _contested(self, path: Path, row: CallRecord) -> str:
        others = "、".join(map(str, self._claims.rivals(row.call_id, path)))
        return CONTESTED.format(call_id=row.call_id, others=others) if others else ""

    def parts_of(self, path: Path, duration_ms: int) -> tuple[Part, ...]:
        """One part, the whole recording: the table has one row a recording."""
        return (Part(self.for_file(path)),)


def _days(record: CallRecord) -> set[date]:
    """The days of a call: as they are written, and in the house's time."""
    told = [datetime.fromisoformat(text) for text in (record.start, record.answer, record.end) if text]
    return {at.date() for at in told} | {at.astimezone(HOUSE_ZONE).date() for at in told if at.tzinfo is not None}


def _place(file: str) -> str:
    """A file name in one spelling: forward slashes, composed characters, no ``./``."""
    return PurePosixPath(unicodedata.normalize("NFC", file).replace("\\", "/")).as_posix()


def read_calls(path: Path | str) -> CallTable:
    """Read ``calls.csv`` (columns: :data:`COLUMNS`; UTF-8 with or without BOM, or GB18030).

    Times are ISO 8601 with milliseconds, with or without a zone; ``start <= answer <= end``.
    Errors: :class:`RecordError` if the table as a whole cannot be read.
    """
    path = Path(path)
    lines = _lines(path)
    header_line, header = next(lines, (1, []))
    names = [name.strip() for name in header]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise RecordError(f"{path}:{header_line}", f"缺少列 {'、'.join(missing)}", f"第一行应为列名：{', '.join(COLUMNS)}")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise RecordError(f"{path}:{header_line}", f"列名重复：{'、'.join(repeated)}", "请删除多余的列")
    problems = [Problem(str(path), header_line, message) for message in _header_problems(names)]
    good: list[tuple[int, CallRecord]] = []
    for line, row in lines:
        if not any(cell.strip() for cell in row):
            continue
        found, record = _record(names, row)
        problems += [Problem(str(path), line, message) for message in found]
        if record is not None:
            good.append((line, record))
    kept, contradictions = _without_contradictions(good)
    problems += [Problem(str(path), line, message) for line, message in contradictions]
    return CallTable(str(path), tuple(kept), tuple(sorted(problems, key=lambda p: p.line)))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError(str(path), f"通话记录表无法读取（{error.strerror}）", "请检查路径和读权限") from error
    if not data.strip():
        raise RecordError(str(path), "通话记录表是空的", f"第一行应为列名：{', '.join(COLUMNS)}")
    cause = next((cause for magic, cause in _NOT_TEXT if data.startswith(magic)), "含有二进制数据" if b"\0" in data else "")
    if cause:
        raise RecordError(str(path), f"不是 CSV 文本：{cause}", _CURE)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise RecordError(str(path), "文字编码既不是 UTF-8 也不是 GB18030", _CURE)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their first line (a quoted cell may hold line breaks)."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise RecordError(f"{path}:{line}", f"不是有效的 CSV（{error}）", "请检查该行的引号是否成对") from error


def _header_problems(names: list[str]) -> Iterator[str]:
    for name in names:
        if name not in COLUMNS:
            yield f"未知的列 {name!r}，已忽略"
    for name in COLUMNS:
        if name not in names:
            yield f"缺少列 {name}，按空值处理"


def _record(names: list[str], row: list[str]) -> tuple[list[str], CallRecord | None]:
    """A row's problems, and its record if there are none."""
    if len(row) != len(names):
        return [f"有 {len(row)} 个值，列名有 {len(names)} 个；该行未采用"], None
    cells = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(names, row, strict=True)}
    problems = [f"{name} 为空；该行未采用" for name in ("file", "call_id") if not cells[name]]
    for name, allowed in _CHOICES.items():
        if cells[name] not in allowed:
            choices = "、".join(choice or "空" for choice in allowed)
            problems.append(f"{name} 应为 {choices}，不是 {cells[name]!r}；该行未采用")
    problems += _time_problems({name: cells[name] for name in TIMES if cells[name]})
    if problems:
        return problems, None
    times = {name: cells[name].replace(" ", "T") or None for name in TIMES}
    texts = {name: cells[name] for name in COLUMNS if name not in (*TIMES, "hangup_by", "agent_channel")}
    channel = int(cells["agent_channel"]) if cells["agent_channel"] else None
    return [], CallRecord(**texts, **times, hangup_by=cells["hangup_by"] or None, agent_channel=channel)  # type: ignore[arg-type]


def _time_problems(times: dict[str, str]) -> list[str]:
    problems, moments = [], []
    for name, text in times.items():
        try:
            if not _TIME.fullmatch(text):
                raise ValueError
            moments.append((name, datetime.fromisoformat(text)))
        except ValueError:
            problems.append(f"{name} 应为带毫秒的 ISO 8601 时间（如 2024-05-01T09:00:00.000），不是 {text!r}；该行未采用")
    if len({moment.tzinfo is None for _, moment in moments}) > 1:
        return [*problems, f"{'、'.join(name for name, _ in moments)} 有的带时区、有的不带；该行未采用"]
    for (early, a), (late, b) in pairwise(moments):
        if a > b:
            problems.append(f"{late} 早于 {early}；该行未采用")
    return problems


def _without_contradictions(rows: list[tuple[int, CallRecord]]) -> tuple[list[CallRecord], list[tuple[int, str]]]:
    """Rows that stand alone; a repeated equal row counts once, rows that disagree on a file or a call id not at all."""
    problems: list[tuple[int, str]] = []
    first: dict[CallRecord, int] = {}
    for line, record in rows:
        if record in first:
            problems.append((line, f"与第 {first[record]} 行重复，只采用一次"))
        first.setdefault(record, line)
    lines: dict[tuple[str, str], list[int]] = defaultdict(list)
    for record, line in first.items():
        lines["file", _place(record.file)].append(line)
        lines["call_id", record.call_id].append(line)
    bad = set()
    for (name, value), where in lines.items():
        for line in where if len(where) > 1 else ():
            others = "、".join(str(other) for other in where if other != line)
            problems.append((line, f"{name} {value!r} 与第 {others} 行相同而内容不同；这些行都未采用"))
            bad.add(line)
    return [record for record, line in first.items() if line not in bad], problems
