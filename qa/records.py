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
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Protocol

from qa.errors import RecordError
from qa.types import CallRecord, Span

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


def expect(table: Records | None, paths: Iterable[Path]) -> None:
    """Show the records all recordings of a run before the first is asked for: of two that claim one call neither gets it."""
    look = getattr(table, "expect", None)
    if look is not None:
        look(paths)


@dataclass(frozen=True)
class CallTable:
    """The good rows of a table and the problems of the others, by line."""

    path: str
    records: tuple[CallRecord, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def _by_place(self) -> dict[str, CallRecord]:
        return {_place(record.file): record for record in self.records}

    @cached_property
    def _by_name(self) -> dict[str, list[CallRecord]]:
        names: dict[str, list[CallRecord]] = defaultdict(list)
        for record in self.records:
            names[PurePosixPath(_place(record.file)).name].append(record)
        return names

    def for_file(self, path: Path) -> CallRecord | None:
        """The record of a recording: by its path relative to the table's folder, else by its name if only one row has it."""
        folder, whole = Path(self.path).absolute().parent, path.absolute()
        places = [_place(str(whole))]
        if whole.is_relative_to(folder):
            places.insert(0, _place(whole.relative_to(folder).as_posix()))
        for place in places:
            if place in self._by_place:
                return self._by_place[place]
        named = self._by_name.get(PurePosixPath(places[0]).name, [])
        return named[0] if len(named) == 1 else None

    def parts_of(self, path: Path, duration_ms: int) -> tuple[Part, ...]:
        """One part, the whole recording: the table has one row a recording."""
        return (Part(self.for_file(path)),)


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
