"""A TOML file read for people who edit it by hand: every problem is collected and points to ``file:line``.

The grammar is ``tomllib``'s; this module adds the lines, the types that a key must have, and what the writer probably meant.
Messages are Chinese.
"""

from __future__ import annotations

import datetime
import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from qa.errors import RuleBookError, RuleBookErrors
from qa.toml_lines import Key, TomlLines, scan

T = TypeVar("T")

_FULL_WIDTH = re.compile("[“”‘’＝，：【】［］。、＃]")
_HUGE = re.compile(r"[\d_]{1000,}|\d[eE][+-]?\d{9,}")
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')
_SYNTAX = (
    ("Unclosed array", "列表没有写完，缺少 ]"),
    ("Cannot overwrite", "同一个键写了两次"),
    ("Cannot declare", "同一个表写了两次"),
    ("Duplicate inline table key", "同一个键写了两次"),
    ("Unterminated string", "文本没有写完，缺少结尾的引号"),
    ("Expected '\"'", "文本没有写完，缺少结尾的引号"),
    ("Illegal character", "这里不允许换行或控制字符，可能缺少引号"),
    ("Invalid value", "等号后面的值无法识别"),
    ("Invalid date", "日期或时间不存在"),
    ("Invalid statement", "这一行不是“键 = 值”"),
    ("Invalid initial character for a key part", "键名只能用英文字母、数字、下划线和连字符"),
    ("Expected '='", "键名后面缺少等号"),
    ("Expected ']", "表名缺少结尾的 ]"),
    ("Expected newline", "一行只能写一个“键 = 值”"),
    ("Unescaped", "文本里的反斜杠要写成 \\\\"),
)


class WrongValueError(Exception):
    """A value is not what its key asks for; ``inside`` is the path below the key, for an element of a list."""

    def __init__(self, cause: str, cure: str = "", inside: Key = ()) -> None:
        self.cause, self.cure, self.inside = cause, cure, inside
        super().__init__(cause)


class TomlDocument:
    """``data`` of the file (numbers with a point as ``Decimal``, exactly as written) and the problems found so far."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self.problems: list[RuleBookError] = []
        text = _utf8(path, content)
        self.lines = scan(text)
        try:
            self.data: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise _syntax_error(path, text, self.lines, str(error)) from error
        except (ValueError, ArithmeticError) as error:  # a number that Python refuses to read
            found = _HUGE.search(text)
            line = text.count("\n", 0, found.start()) + 1 if found else 1
            raise RuleBookError(f"{path}:{line}", "数值太大", "请检查位数和指数") from error
        except RecursionError as error:
            raise RuleBookError(f"{path}:1", "括号嵌套太深", "规则书不需要嵌套的列表") from error

    def problem(self, key: Key, cause: str, cure: str = "") -> None:
        """Note a problem at the line of ``key``."""
        self.problems.append(RuleBookError(self.where(key), cause, cure))

    def where(self, key: Key) -> str:
        """``file:line`` of ``key``, or of the nearest table around it."""
        return f"{self.path}:{self.lines.line(key)}"

    def place(self, key: Key) -> tuple[TomlDocument, Key]:
        """The file that ``key`` stands in, and its key there."""
        return self, key

    def section(self, *key: str | int) -> Section | None:
        """The table at ``key``; None, with a problem noted, if something else stands there or nothing."""
        value: Any = self.data
        for part in key:
            if isinstance(part, str) and part not in value:
                self.problem((), f"缺少 [{dotted(key)}]", "请补上这个表")
                return None
            value = value[part]
        if not isinstance(value, dict):
            self.problem(key, f"{dotted(key)} 应为一个表，实为{kind(value)}", f"写成 [{dotted(key)}] 一行，下面逐行写“键 = 值”")
            return None
        return Section(self, key, value)

    def finish(self) -> None:
        """Raise what was found: one RuleBookError, or RuleBookErrors with all of them in order of line, each once."""
        self.problems[:] = {str(problem): problem for problem in self.problems}.values()
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            in_order = sorted(self.problems, key=self._order)
            raise RuleBookErrors(str(self.path), tuple(in_order))

    def _order(self, problem: RuleBookError) -> tuple[bool, str, int]:
        """This file first, then others, each in order of line."""
        file, _, line = problem.subject.rpartition(":")
        return file != str(self.path), file, int(line) if line.isdigit() else 0


class Section:
    """One table of a document, read key by key; what is wrong is noted in the document and read as None."""

    def __init__(self, document: TomlDocument, at: Key, table: Mapping[str, Any]) -> None:
        self.document, self.at, self.table = document, at, table
        self.name = dotted(at)
        self._known: list[str] = []

    def required(self, name: str, convert: Callable[[Any], T]) -> T | None:
        """Value of ``name``; a missing key is a problem of the table."""
        if name not in self.table:
            self._known.append(name)
            self.document.problem(self.at, f"[{self.name}] 缺少必填的 {name}")
            return None
        return self.optional(name, convert, None)

    def optional(self, name: str, convert: Callable[[Any], T], default: T | None) -> T | None:
        """Value of ``name``, or ``default`` where the key is absent."""
        self._known.append(name)
        if name not in self.table:
            return default
        try:
            return convert(self.table[name])
        except WrongValueError as wrong:
            self.document.problem((*self.at, name, *wrong.inside), f"{name} {wrong.cause}", wrong.cure)
            return None

    def allow(self, *names: str) -> None:
        """Keys that are read by somebody else."""
        self._known.extend(names)

    def table_at(self, name: str) -> Section | None:
        """The table under ``name``; None where the key is absent, or with a problem noted if something else stands there."""
        self._known.append(name)
        return self.document.section(*self.at, name) if name in self.table else None

    def tables_at(self, name: str) -> tuple[Section, ...]:
        """The tables of the array ``[[name]]``, in order; what is not a table is noted as a problem and left out."""
        self._known.append(name)
        rows = self.table.get(name, [])
        if not isinstance(rows, list):
            at = dotted((*self.at, name))
            self.document.problem((*self.at, name), f"{at} 应为表的列表，实为{kind(rows)}", f"写成 [[{at}]]")
            return ()
        found = (self.document.section(*self.at, name, index) for index in range(len(rows)))
        return tuple(section for section in found if section is not None)

    def close(self, elsewhere: Mapping[str, str] | None = None) -> None:
        """Note every key that was not asked for; ``elsewhere`` names the table of keys that belong to another."""
        for name in self.table:
            if name not in self._known:
                place = (elsewhere or {}).get(name)
                cure = f"{name} 应写在 [{place}] 里" if place else nearest(name, self._known)
                self.document.problem((*self.at, name), f"未知的键 {name}", cure)


def nearest(word: str, known: Iterable[str]) -> str:
    """What the writer of ``word`` probably meant, else all that would have been known."""
    names = list(dict.fromkeys(known))
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"是否想写 {close[0]}？"
    return f"可用的有：{'、'.join(names)}" if names else "这里不需要任何键"


def dotted(key: Iterable[str | int]) -> str:
    """``("checks", "greeting")`` as it is written in a file: ``checks.greeting``."""
    return ".".join(str(part) for part in key if isinstance(part, str))


def kind(value: object) -> str:
    """Name of a TOML value's type, in Chinese."""
    if isinstance(value, bool):
        return "真假值"
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (str, "文本"),
        (int, "整数"),
        (Decimal, "小数"),
        (list, "列表"),
        (dict, "表"),
        ((datetime.date, datetime.time), "日期或时间"),
    )
    return next((name for types, name in names if isinstance(value, types)), type(value).__name__)


def as_text(value: Any) -> str:
    """Text with at least one visible character."""
    if not isinstance(value, str):
        raise WrongValueError(f"应为文本，实为{kind(value)}", '请加上英文半角引号："…"')
    if not value.strip():
        raise WrongValueError("不能是空文本", "请写上内容，或删去这一行")
    return value


def as_texts(value: Any) -> tuple[str, ...]:
    """A list of at least one text."""
    if not isinstance(value, list):
        raise WrongValueError(f"应为文本列表，实为{kind(value)}", '写成 ["…", "…"]，只有一项也要方括号')
    if not value:
        raise WrongValueError("不能是空列表", "请写上内容，或删去这一行")
    texts: list[str] = []
    for index, item in enumerate(value):
        try:
            texts.append(as_text(item))
        except WrongValueError as wrong:
            raise WrongValueError(f"的第 {index + 1} 项{wrong.cause}", wrong.cure, (index,)) from wrong
        if item in texts[:-1]:
            raise WrongValueError(f"的第 {index + 1} 项与前面重复：{item}", "删去其中一项", (index,))
    return tuple(texts)


def as_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongValueError(f"应为 true 或 false，实为{kind(value)}", "不加引号，写 true 或 false")
    return value


def as_whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongValueError(f"应为整数，实为{kind(value)}", "不加引号，不带小数点")
    return value


def as_number(value: Any) -> Decimal:
    """A finite number, exactly as written."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise WrongValueError(f"应为数字，实为{kind(value)}", "不加引号")
    number = Decimal(value)
    if not number.is_finite():
        raise WrongValueError("应为有限的数", "不能写 inf 或 nan")
    return number


def as_date(value: Any) -> datetime.date:
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise WrongValueError(f"应为日期，实为{kind(value)}", "写成 2024-01-31，不加引号")
    return value


def _utf8(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RuleBookError(f"{path}:{line}", "文件不是 UTF-8 编码", "请在编辑器里另存为 UTF-8（不是 GBK/ANSI）") from error


def _syntax_error(path: Path, text: str, lines: TomlLines, message: str) -> RuleBookError:
    """The syntax error at its line, with both lines of a key that stands twice and the start of an unfinished value."""
    if lines.twice:
        key, first, again = lines.twice[0]
        return RuleBookError(f"{path}:{again}", f"{dotted(key)} 写了两次", f"第 {first} 行已经写过，请删去其中一处")
    found = re.search(r"at line (\d+)", message)
    rows = text.replace("\r\n", "\n").split("\n")
    line = int(found.group(1)) if found else len(rows)
    cause = next((chinese for english, chinese in _SYNTAX if message.startswith(english)), "不是合法的 TOML")
    if _FULL_WIDTH.search(_QUOTED.sub("", rows[line - 1])):
        cure = "引号、等号、逗号和方括号要用英文半角"
    elif lines.open_key is not None and (started := lines.line(lines.open_key)) < line:
        cure = f"第 {started} 行开始的 {dotted(lines.open_key)} 可能没有写完"
    else:
        cure = f"TOML 的说明：{message}"
    return RuleBookError(f"{path}:{line}", f"格式错误，{cause}", cure)
