"""Tables and lines of a file, one after the other however large it is; what is no text or no table is said with its line.

A quote that is never closed costs its own line and not the rest of the file.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from qa.errors import RecordError
from qa.switch.rows import Fault

CHUNK = 1 << 16
LONGEST_LINE = 1 << 20
MOST_LINES = 20
"""Lines that one row may run over (line breaks inside quotes)."""
_NOT_TEXT = ((b"\xff\xfe", "UTF-16 文本"), (b"\xfe\xff", "UTF-16 文本"), (b"\xd0\xcf\x11\xe0", "旧版 Excel 工作簿（.xls）"))
_WORKBOOK = b"PK\x03\x04"

Cells = list[str]
Line = tuple[int, Cells | Fault]


def opened(path: Path) -> BinaryIO:
    """The file, to be read in bytes.  Errors: :class:`RecordError`."""
    try:
        return path.open("rb")
    except OSError as error:
        raise RecordError(str(path), f"文件无法读取（{error.strerror}）", "请检查路径和读权限") from error


def is_workbook(path: Path) -> bool:
    with opened(path) as file:
        return file.read(4) == _WORKBOOK


def encoding_of(path: Path) -> str:
    """``utf-8-sig`` or ``gb18030``, whichever all of the file is.  Errors: :class:`RecordError` for neither."""
    with opened(path) as file:
        head = file.read(4)
        kind = next((name for magic, name in _NOT_TEXT if head.startswith(magic)), None)
        if kind is not None:
            raise RecordError(str(path), f"不是 UTF-8 或 GB18030 的文本：{kind}", "请另存为“CSV UTF-8（逗号分隔）”或 .xlsx")
        for name in ("utf-8-sig", "gb18030"):
            file.seek(0)
            decoder = codecs.getincrementaldecoder(name)()
            try:
                while chunk := file.read(CHUNK):
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
                return name
            except UnicodeDecodeError:
                continue
    raise RecordError(str(path), "文字编码既不是 UTF-8 也不是 GB18030", "请另存为“CSV UTF-8（逗号分隔）”")


def lines(path: Path) -> Iterator[tuple[int, str | Fault]]:
    """Lines with their numbers from 1, without their ends; a line too long or with binary zeros is a fault."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="\n") as file:
        number = 0
        while text := file.readline(LONGEST_LINE):
            number += 1
            whole = text.endswith("\n")
            if not whole and len(text) == LONGEST_LINE:
                while (more := file.readline(LONGEST_LINE)) and not more.endswith("\n"):
                    pass
                yield number, Fault(str(path), number, f"该行超过 {LONGEST_LINE} 个字符", "请检查文件是否损坏")
            elif "\0" in text:
                yield number, Fault(str(path), number, "该行含有二进制数据（NUL）", "交换机写话单时可能断电；请核对并改正该行")
            else:
                yield number, text.rstrip("\r\n")


def rows(path: Path, delimiter: str = ",") -> Iterator[Line]:
    """Rows of a CSV file or of the first sheet of a workbook with the number of their first line; empty rows are left out."""
    found = _workbook(path) if is_workbook(path) else _csv(path, delimiter)
    for line, cells in found:
        if isinstance(cells, Fault) or any(cell.strip() for cell in cells):
            yield line, cells


def _csv(path: Path, delimiter: str) -> Iterator[Line]:
    waiting: list[tuple[int, str]] = []
    for number, text in lines(path):
        if isinstance(text, Fault):
            yield from _given_up(path, waiting, delimiter)
            waiting = []
            yield number, text
            continue
        waiting.append((number, text))
        yield from _taken(path, waiting, delimiter)
    yield from _given_up(path, waiting, delimiter)


def _taken(path: Path, waiting: list[tuple[int, str]], delimiter: str) -> Iterator[Line]:
    """The row that the lines waiting make; nothing while a quote is open."""
    cells = _parsed(waiting, delimiter)
    if isinstance(cells, list):
        yield waiting[0][0], cells
        waiting.clear()
    elif cells != "open" or len(waiting) > MOST_LINES:
        first = waiting.pop(0)[0]
        yield first, Fault(str(path), first, "不是有效的 CSV（引号不成对）", "请检查该行的引号")
        again = waiting[:]
        waiting.clear()
        for line in again:  # the lines behind the bad one are read anew
            waiting.append(line)
            yield from _taken(path, waiting, delimiter)


def _given_up(path: Path, waiting: list[tuple[int, str]], delimiter: str) -> Iterator[Line]:
    """What is left when no more lines come: the first has the open quote, the others stand by themselves."""
    while waiting:
        first = waiting.pop(0)[0]
        yield first, Fault(str(path), first, "不是有效的 CSV（引号没有结束）", "请检查该行的引号")
        rest, waiting = waiting, []
        for line in rest:
            waiting.append(line)
            yield from _taken(path, waiting, delimiter)


def _parsed(waiting: list[tuple[int, str]], delimiter: str) -> Cells | str:
    """The cells, or ``open`` where a quote is not closed, or ``bad``."""
    try:
        found = list(csv.reader([f"{text}\n" for _, text in waiting], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "open" if "unexpected end of data" in str(error) else "bad"
    return found[0] if len(found) == 1 else "bad"


def _workbook(path: Path) -> Iterator[Line]:
    import openpyxl

    try:
        with opened(path) as file, contextlib.closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book:
            for number, cells in enumerate(book.worksheets[0].iter_rows(), 1):
                yield number, [_cell(cell.value, cell.number_format) for cell in cells]
    except RecordError:
        raise
    except Exception as error:  # whatever a broken archive makes its readers raise
        raise RecordError(str(path), f"Excel 工作簿无法读取（{type(error).__name__}: {error}）", "请用 Excel 重新另存为 .xlsx") from error


def _cell(value: object, shown: str) -> str:
    """A cell as it would stand in a CSV file: whole numbers without a point, days and times in ISO 8601 as the cell shows them."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", timespec="milliseconds") if "h" in shown.lower() else value.date().isoformat()
    return str(value)
