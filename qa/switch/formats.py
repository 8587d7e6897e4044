"""The formats by their names, and which of them a file is: by its header or its shape, never by a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qa.errors import RecordError
from qa.switch import asterisk, files, freeswitch, mapped, mapping, queue_log, registers, yeastar
from qa.switch.mapping import Columns, HouseMapping
from qa.switch.rows import REGISTERS, Fault, Row, Settings, over

LOOKED_FOR = {
    "asterisk": "Asterisk/FreePBX 话单：表头有 src、dst、channel、disposition…，或没有表头的 Master.csv（16–21 列）",
    "queue_log": "Asterisk 的 queue_log：时刻|通话编号|队列|坐席|事件|…",
    "freeswitch": "FreeSWITCH 的 CSV 话单：表头有 caller_id_number、uuid…，或模板 example 的 15 列",
    "freeswitch-json": "FreeSWITCH 的 JSON 话单：有 variables",
    "yeastar": "Yeastar 话单：表头有 Time、Call From、Call To、Status、Talk Duration",
    "mapped": "通话表：表头有 通话编号（call_id）和时间，或用 --mapping 写明",
    "roster": "花名册：表头有 工号 和 姓名 或 班组",
    "complaints": "投诉登记：表头有 投诉单号 和 投诉时间",
    "surveys": "满意度结果：表头有 满意度 和 通话编号、客户号码 或 工号",
    "tickets": "工单：表头有 工单号 和 创建时间 或 通话编号",
}
"""Formats by name, and by what each is known."""
FORMATS = tuple(LOOKED_FOR)
KNOWN_COLUMNS = {"calls": tuple(mapped.SHAPE.aliases)} | {kind: tuple(registers.SHAPES[kind].aliases) for kind in REGISTERS}
SEEN = 5
"""First rows that may tell the format (the first may be broken)."""


@dataclass(frozen=True)
class Reading:
    """How a file is to be read."""

    format: str
    settings: Settings
    columns: Columns

    @property
    def kind(self) -> str:
        """The kind of its rows."""
        return "freeswitch" if self.format == "freeswitch-json" else self.format


def read_mapping(path: Path) -> HouseMapping:
    """Read a mapping file.  Errors: :class:`RecordError`, also for the name of a format that there is not."""
    made = mapping.read(path, KNOWN_COLUMNS)
    if made.format:
        named(made.format, str(path))
    return made


def named(name: str, where: str = "--format") -> str:
    """The format of this name.  Errors: :class:`RecordError`."""
    if name not in FORMATS:
        raise RecordError(where, f"没有格式 {name!r}", f"可用的有：{'、'.join(FORMATS)}")
    return name


def reading(path: Path, wanted: str = "", of: HouseMapping | None = None, settings: Settings | None = None) -> Reading:
    """How to read a file: by the format ``wanted``, by that of the mapping, else by what the file shows.

    Errors: :class:`RecordError` for an unreadable file and one of no known format, with what was looked for.
    """
    stated = over(of.settings if of is not None else Settings(), settings or Settings())
    columns = of.columns if of is not None else Columns()
    format_ = named(wanted) if wanted else of.format if of is not None else ""
    if not format_ and of is not None and (columns.names or columns.kind != "calls"):
        format_ = "mapped" if columns.kind == "calls" else columns.kind
    return Reading(format_ or recognised(path), stated, columns)


def recognised(path: Path) -> str:
    """The one format that a file shows.  Errors: :class:`RecordError` for none, and for more than one."""
    fitting = list(_fitting(path))
    if len(fitting) == 1:
        return fitting[0]
    looked = "\n".join(f"  {name}：{sign}" for name, sign in LOOKED_FOR.items())
    empty = not fitting and next(files.rows(path), None) is None
    cause = f"可能是 {'、'.join(fitting)}，分不清" if fitting else "文件是空的" if empty else "认不出格式"
    raise RecordError(str(path), cause, f"请用 --format 或 --mapping 写明。认识的格式：\n{looked}")


def _fitting(path: Path) -> Iterator[str]:
    if not files.is_workbook(path):
        if freeswitch.is_json(path):
            yield "freeswitch-json"
            return
        if any(isinstance(text, str) and queue_log.shaped(text) for _, text in _first(files.lines(path))):
            yield "queue_log"
            return
    rows = [cells for _, cells in _first(files.rows(path)) if isinstance(cells, list)]
    if not rows:
        return
    header = [cell.strip().lower() for cell in rows[0]]
    if asterisk.headed(header) or any(asterisk.shaped(cells) for cells in rows):
        yield "asterisk"
    elif freeswitch.headed(header) or any(freeswitch.shaped(cells) for cells in rows):
        yield "freeswitch"
    elif yeastar.headed(header):
        yield "yeastar"
    else:
        fits = [kind for kind in REGISTERS if registers.SHAPES[kind].headed(header)]
        calls = mapped.SHAPE.headed(header)
        # a table of calls names the agents, too, and a register may name calls; no roster does
        yield from (kind for kind in fits if not (calls and kind == "roster"))
        if calls and set(fits) <= {"roster"}:
            yield "mapped"


def _first(found: Iterator[tuple[int, object]]) -> Iterator[tuple[int, object]]:
    for place, one in enumerate(found):
        if place >= SEEN:
            return
        yield one


def rows(path: Path, how: Reading) -> Iterator[Row | Fault]:
    """The rows of a file, one after the other.  Errors: :class:`RecordError` where the file as a whole cannot be read so."""
    if how.format in REGISTERS:
        yield from registers.read(how.format, path, how.settings, how.columns)
    elif how.format == "mapped":
        yield from mapped.read(path, how.settings, how.columns)
    else:
        readers = {
            "asterisk": asterisk.read,
            "queue_log": queue_log.read,
            "freeswitch": freeswitch.read,
            "freeswitch-json": freeswitch.read_json,
            "yeastar": yeastar.read,
        }
        yield from readers[how.format](path, how.settings)
