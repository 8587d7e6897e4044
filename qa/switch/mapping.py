"""The mapping file (TOML): what a house states of its switch, and how the columns of its own tables are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa.errors import RecordError, RuleBookError
from qa.switch import times
from qa.switch.rows import REGISTERS, Settings
from qa.toml_document import Section, TomlDocument, WrongValueError, as_flag, as_text, as_whole, kind

KINDS = ("calls", *REGISTERS)
NAMED_GROUPS = ("file", "call_id", "agent_id", "customer_number", "direction", "date", "time", "queue")
"""Groups that the pattern of file names may have."""

Column = str | int
"""A column of theirs: its name, or its number from 1."""


@dataclass(frozen=True)
class Columns:
    """How a table of the house is read: ``names`` ours to theirs, ``values`` of a column theirs to ours.

    ``kind``: what the table is of.  ``header``: whether its first row has the names.  ``legs``: whether a call has a row for each agent.
    """

    kind: str = "calls"
    delimiter: str = ","
    header: bool = True
    legs: bool = False
    time_format: str = ""
    names: Mapping[str, Column] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class HouseMapping:
    """``format``: name of a switch's format, "" where the file says none."""

    format: str
    settings: Settings
    columns: Columns


def read(path: Path, known: Mapping[str, tuple[str, ...]]) -> HouseMapping:
    """Read a mapping file; ``known`` are the columns of ours that each kind of table may have.

    Errors: :class:`RecordError` at ``file:line``, all problems in one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(str(path), f"映射文件无法读取（{error.strerror}）", "请检查路径和读权限") from error
    try:
        document = TomlDocument(path, content)
        made = _mapping(Section(document, (), document.data), known)
        document.finish()
    except RuleBookError as error:
        raise RecordError(error.subject, error.cause, error.cure) from error
    return made


def _mapping(top: Section, known: Mapping[str, tuple[str, ...]]) -> HouseMapping:
    of = top.optional("kind", _one_of(*KINDS), "calls") or "calls"
    settings = Settings(
        zone=top.optional("time_zone", _zone, None),
        recorded_from=top.optional("recorded_from", _one_of("ring", "answer"), "") or "",
        machine_first=top.optional("machine_answers_first", as_flag, None),
        caller_channel=top.optional("caller_channel", _channel, None),
        extensions=top.optional("extensions", _regex, Settings.extensions) or Settings.extensions,
        agents=top.optional("agents", _texts, {}) or {},
        outside_prefix=top.optional("outside_prefix", as_text, "") or "",
        file_pattern=top.optional("file_pattern", _pattern, "") or "",
    )
    columns = Columns(
        kind=of,
        delimiter=top.optional("delimiter", _delimiter, ",") or ",",
        header=top.optional("header", as_flag, True) is not False,
        legs=bool(top.optional("row_per_agent", as_flag, False)),
        time_format=top.optional("time_format", as_text, "") or "",
        names=_columns(top, of, known),
        values=top.optional("values", _values, {}) or {},
    )
    made = HouseMapping(top.optional("format", as_text, "") or "", settings, columns)
    top.close()
    return made


def _columns(top: Section, of: str, known: Mapping[str, tuple[str, ...]]) -> dict[str, Column]:
    section = top.table_at("columns")
    if section is None:
        return {}
    found = {name: section.optional(name, _column, None) for name in known[of]}
    section.close()
    return {name: column for name, column in found.items() if column is not None}


def _one_of(*choices: str) -> Any:
    def convert(value: Any) -> str:
        if value not in choices:
            raise WrongValueError(f"应为 {'、'.join(choices)}，不是 {value!r}")
        return str(value)

    return convert


def _zone(value: Any) -> Any:
    try:
        return times.zone(as_text(value))
    except RecordError as error:
        raise WrongValueError(error.cause, error.cure) from error


def _channel(value: Any) -> int:
    if as_whole(value) not in (0, 1):
        raise WrongValueError("应为 0（左声道）或 1（右声道）")
    return int(value)


def _regex(value: Any) -> str:
    try:
        re.compile(as_text(value))
    except re.error as error:
        raise WrongValueError(f"不是正则表达式（{error}）", "在单引号里写，如 '\\d{4}'") from error
    return str(value)


def _pattern(value: Any) -> str:
    groups = set(re.compile(_regex(value)).groupindex)
    if unknown := groups - set(NAMED_GROUPS):
        raise WrongValueError(f"有未知的组名 {'、'.join(sorted(unknown))}", f"可用的有 {'、'.join(NAMED_GROUPS)}")
    if not groups:
        raise WrongValueError("没有命名的组", "写成 (?P<call_id>…)")
    return str(value)


def _delimiter(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n':
        raise WrongValueError('应为一个字符，如 "," 或 "\\t"')
    return value


def _column(value: Any) -> Column:
    if isinstance(value, str) and value.strip():
        return value.strip()
    if as_whole(value) < 1:
        raise WrongValueError("列号从 1 起")
    return int(value)


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str | int) and not isinstance(v, bool) for v in value.values()):
        raise WrongValueError(f"应为“名 = 值”的表，实为{kind(value)}")
    return {str(name): str(v) for name, v in value.items()}


def _values(value: Any) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict):
        raise WrongValueError(f"应为表，实为{kind(value)}", "写成 [values.direction] 一行，下面逐行写“他们的写法 = 我们的值”")
    return {str(name): _texts(table) for name, table in value.items()}
