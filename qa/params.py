"""A check's parameters from its table in a rule book.

The fields of a check's ``Params`` say what the table may hold: ``str``, ``int``, ``float``, ``bool``, ``tuple[str, ...]`` and
``WordList`` (in the table a list of file names).  A field ``slots`` is not a key of the table: it receives ``[slots]``.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from qa.errors import LexiconError, RuleBookError
from qa.lexicon import WordList, load_word_lists
from qa.toml_document import Section, WrongValueError, as_flag, as_number, as_text, as_texts, as_whole, dotted, nearest
from qa.toml_lines import Key

Slots = tuple[tuple[str, tuple[str, ...]], ...]
"""Texts by name, in the order of the rule book: ``(("company", ("华宁通信",)),)``."""

RESERVED = ("clause", "weight", "deduction", "enabled")
"""Keys of ``[checks.<id>]`` that belong to the rule book and not to the check."""


def _as_float(value: Any) -> float:
    number = float(as_number(value))
    if not math.isfinite(number):
        raise WrongValueError("的数值太大", "请检查指数")
    return number


_CONVERT: dict[Any, Callable[[Any], Any]] = {
    str: as_text,
    int: as_whole,
    float: _as_float,
    bool: as_flag,
    tuple[str, ...]: as_texts,
}


class WordLists:
    """Finds word lists in the house's folder, then in the folder of all houses."""

    def __init__(self, house: Path, common: Path) -> None:
        self._folders = (house, common)

    def load(self, value: Any) -> WordList:
        """The word lists of a list of file names, joined in that order.

        Raises WrongValueError for a name that is not a file, LexiconError for a file with a fault in it.
        """
        return load_word_lists([self._find(name, index) for index, name in enumerate(as_texts(value))])

    def _find(self, name: str, index: int) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\\" in name:
            raise WrongValueError(f"的第 {index + 1} 项 {name} 不在词表文件夹里", "只写词表文件夹里的文件名，不写 .. 或绝对路径", (index,))
        for folder in self._folders:
            if (folder / pure).is_file():
                return folder / pure
        there = sorted(
            {str(file.relative_to(folder)) for folder in self._folders for pattern in ("*.txt", "*/*.txt") for file in folder.glob(pattern)}
        )
        raise WrongValueError(
            f"的第 {index + 1} 项词表文件 {name} 不存在", nearest(name, there) if there else "请把文件放进规则书的文件夹", (index,)
        )


def build(section: Section, cls: type[Any], slots: Slots, words: WordLists) -> Any:
    """``cls`` filled from ``section``, or None with the problems noted in the section's document.

    Raises TypeError if ``cls`` has a field that a rule book cannot fill: a fault of the program.
    """
    document = section.document
    before = len(document.problems)
    values: dict[str, Any] = {}
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name == "slots":
            values["slots"] = slots
            continue
        convert = words.load if hints[field.name] is WordList else _CONVERT.get(hints[field.name])
        if convert is None or field.name in RESERVED:
            raise TypeError(f"{cls.__module__}.Params.{field.name} cannot be set from a rule book")
        try:
            if field.name in section.table or _needed(field):
                values[field.name] = section.required(field.name, convert)
            else:
                section.optional(field.name, convert, None)
        except LexiconError as error:
            document.problems.append(RuleBookError(error.subject, error.cause, error.cure))
    if len(document.problems) > before:
        return None
    try:
        return cls(**values)
    except ValueError as error:
        at = (*section.at, *_blamed(section.table, str(error)))
        document.problem(at, f"{dotted(at)} 的值不可用：{error}", "请按 docs/rule-book.md 修改")
        return None


def _blamed(table: Mapping[str, Any], message: str) -> Key:
    """The key that ``message`` is about: the one with a text that it quotes, else the one that it names, else the table itself."""
    for name, value in table.items():
        if name not in RESERVED:
            for index, item in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(item, str) and len(item) > 1 and item in message:
                    return (name, index) if isinstance(value, list) else (name,)
    return next(((name,) for name in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", message) if name in table), ())


def _needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
