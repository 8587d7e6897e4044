"""A check's parameters from its table in a rule book.

The fields of a check's ``Params`` say what the table may hold: ``str``, ``int``, ``float``, ``bool``, ``tuple[str, ...]``,
``WordList`` (in the table a list of file names) and ``OpenHours`` (a table of its own).  A field ``slots`` is not a key of the table: it
receives ``[slots]``.

A ``Params`` with a class method ``read(section, context)`` reads its table itself (tables inside it, expressions, conditions): it
allows the keys in ``context.hidden``, notes every problem in the section's document, and gives None if it noted any.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import typing
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from qa.errors import LexiconError, RuleBookError
from qa.lexicon import Phrase, WordList, check_phrase, each_fault, joined, load_word_list
from qa.rules import calendar
from qa.rules.expression import Titled
from qa.rules.model import Condition, Holiday
from qa.rules.open_hours import OF_THE_CLOCK, OpenHours
from qa.rules.read_values import as_known
from qa.rules.read_when import Known as KnownNames
from qa.rules.read_when import read_when
from qa.toml_document import Section, WrongValueError, as_flag, as_number, as_text, as_texts, as_whole, dotted, nearest
from qa.toml_lines import Key

T = TypeVar("T")

Slots = tuple[tuple[str, tuple[str, ...]], ...]
"""Texts by name, in the order of the rule book: ``(("company", ("华宁通信",)),)``."""

Known = Condition | Titled
"""What a name in an expression may stand for: a condition, or what a condition made of conditions is made of."""

RESERVED = (
    *("kind", "title", "clause", "severity", "not_covers", "effective_from", "effective_until", "when", "section", "enabled"),
    *("weight", "deduction", "bonus", "per", "most", "warn_first", "veto", "fine", "variants", "examples"),
)
"""Keys of ``[checks.<id>]`` that belong to the rule book and not to the check."""


def as_float(value: Any) -> float:
    """A number that a float can hold.  Raises WrongValueError."""
    number = float(as_number(value))
    if not math.isfinite(number):
        raise WrongValueError("的数值太大", "请检查指数")
    return number


_CONVERT: dict[Any, Callable[[Any], Any]] = {
    str: as_text,
    int: as_whole,
    float: as_float,
    bool: as_flag,
    tuple[str, ...]: as_texts,
}


class WordLists:
    """Finds word lists in the given folders, the first that has one: the house's, those it extends, that of all houses.

    ``used`` are the files that were asked for (links resolved), ``found`` the same as they were found.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self.used: set[Path] = set()
        self.found: set[Path] = set()

    def load(self, value: Any) -> WordList:
        """The word lists of a list of file names and of phrases (``{ say = "…", unless = ["…"] }``), joined in that order.

        Raises WrongValueError for what is no list of these; WordListsError with everything that is wrong with the names and phrases and
        in the files.
        """
        items = value if isinstance(value, list) and any(isinstance(item, dict) for item in value) else as_texts(value)
        lists: list[WordList] = []
        wrong: list[WrongValueError] = []
        faulty: list[LexiconError] = []
        for index, item in enumerate(items):
            try:
                lists.append(self._item(item, index))
            except WrongValueError as error:
                wrong.append(error)
            except LexiconError as error:
                faulty += each_fault(error)
        if wrong or faulty:
            raise WordListsError(tuple(wrong), tuple(faulty))
        return joined(lists)

    def _item(self, item: Any, index: int) -> WordList:
        if not isinstance(item, dict):
            (name,) = _within((index,), as_texts, [item])
            return load_word_list(self._find(name, index))
        return WordList("", (_within((index,), as_phrase, item),))

    def _find(self, name: str, index: int) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\\" in name:
            raise WrongValueError(f"的第 {index + 1} 项 {name} 不在词表文件夹里", "只写词表文件夹里的文件名，不写 .. 或绝对路径", (index,))
        for folder in self._folders:
            if (folder / pure).is_file():
                target = (folder / pure).resolve()
                if not any(target.is_relative_to(allowed.resolve()) for allowed in self._folders):
                    cause = f"的第 {index + 1} 项 {name} 是一个链接，所指的文件不在词表文件夹里"
                    raise WrongValueError(cause, "请把文件本身放进规则书的文件夹", (index,))
                self.used.add(target)
                self.found.add(folder / pure)
                return folder / pure
        there = sorted(
            {str(file.relative_to(folder)) for folder in self._folders for pattern in ("*.txt", "*/*.txt") for file in folder.glob(pattern)}
        )
        raise WrongValueError(
            f"的第 {index + 1} 项词表文件 {name} 不存在", nearest(name, there) if there else "请把文件放进规则书的文件夹", (index,)
        )


class WordListsError(Exception):
    """What is wrong with the word lists at one key: ``wrong`` items of it, and ``faulty`` lines of the files that it names."""

    def __init__(self, wrong: tuple[WrongValueError, ...], faulty: tuple[LexiconError, ...]) -> None:
        self.wrong, self.faulty = wrong, faulty
        super().__init__(*(wrong or faulty))


def read_word_lists(section: Section, name: str, context: Context) -> WordList | None:
    """The word lists at the key ``name``, which must be there; None with every problem noted, those of the files at their own lines."""
    try:
        return section.required(name, context.words.load)
    except WordListsError as error:
        for wrong in error.wrong:
            section.optional(name, functools.partial(_refused, wrong), None)
        section.document.problems += [RuleBookError(fault.subject, fault.cause, fault.cure) for fault in error.faulty]
        return None


def _refused(wrong: WrongValueError, _: Any) -> None:
    raise wrong


def as_phrase(value: Any) -> Phrase:
    """A phrase written in the rule book: ``{ say = "要投诉", unless = ["不是要投诉"] }``.  Raises WrongValueError."""
    for key in value:
        if key not in _PHRASE:
            raise WrongValueError(f"有未知的键 {key}", nearest(key, _PHRASE), (key,))
    if "say" not in value:
        raise WrongValueError("缺少必填的 say", '写成 { say = "…", unless = ["…"] }')
    text = unicodedata.normalize("NFKC", _within(("say",), as_text, value["say"]))
    exceptions = _within(("unless",), as_texts, value["unless"]) if "unless" in value else ()
    exceptions = tuple(unicodedata.normalize("NFKC", exception) for exception in exceptions)
    try:
        check_phrase(text, exceptions, "")
    except LexiconError as error:
        raise WrongValueError(f"不可用：{error.cause}", error.cure) from error
    return Phrase(text, exceptions)


_PHRASE = ("say", "unless")


def _within(inside: Key, convert: Callable[[Any], T], value: Any) -> T:
    """``convert(value)``; what is wrong with it is told of the place ``inside`` the value of the key."""
    try:
        return convert(value)
    except WrongValueError as wrong:
        where = f"的第 {inside[0] + 1} 项" if isinstance(inside[0], int) else f"的 {inside[0]} "
        raise WrongValueError(where + wrong.cause, wrong.cure, (*inside, *wrong.inside)) from wrong


@dataclasses.dataclass(frozen=True)
class Context:
    """What a table of a rule book may refer to: texts and word lists by name, and the conditions that several rules share.

    ``hidden``: keys of the table that belong to the rule book, for a ``Params.read`` to allow.  ``holidays``: the rule book's own.
    """

    slots: Slots
    words: WordLists
    conditions: Mapping[str, Known] = dataclasses.field(default_factory=dict)
    hidden: tuple[str, ...] = RESERVED
    holidays: tuple[Holiday, ...] = ()


def build(section: Section, cls: type[Any], context: Context) -> Any:
    """``cls`` read from ``section`` (by its own ``read``, else field by field), or None with the problems noted in its document.

    Raises TypeError if ``cls`` has a field that a rule book cannot fill: a fault of the program.
    """
    before = len(section.document.problems)
    if (read := getattr(cls, "read", None)) is not None:
        params = read(section, context)
        return None if len(section.document.problems) > before else params
    values = _values(section, cls, context)
    section.allow(*context.hidden)
    section.close(elsewhere={"slots": "slots"})
    if len(section.document.problems) > before:
        return None
    try:
        return cls(**values)
    except ValueError as error:
        at = (*section.at, *_blamed(section, str(error)))
        section.document.problem(at, f"{dotted(at)} 的值不可用：{error}", "请按 docs/rule-book.md 修改")
        return None


def _values(section: Section, cls: type[Any], context: Context) -> dict[str, Any]:
    """What the table says of the fields of ``cls``, by name."""
    values: dict[str, Any] = {}
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name == "slots":
            values["slots"] = context.slots
            continue
        if hints[field.name] is OpenHours:
            values |= _hours(section, field.name, context)
            continue
        if hints[field.name] is WordList and (field.name in section.table or _needed(field)):
            values[field.name] = read_word_lists(section, field.name, context)
            continue
        convert = as_texts if hints[field.name] is WordList else _CONVERT.get(hints[field.name])
        if convert is None or field.name in RESERVED:
            raise TypeError(f"{cls.__module__}.Params.{field.name} cannot be set from a rule book")
        if field.name in section.table or _needed(field):
            values[field.name] = section.required(field.name, convert)
        else:
            section.optional(field.name, convert, None)
    return values


def _hours(section: Section, name: str, context: Context) -> dict[str, OpenHours]:
    """Hours of business at the key ``name``: the keys of ``when`` that speak of clock and calendar, and ``closed`` holidays."""
    table = section.table_at(name)
    if table is None:
        return {}
    known = (*calendar.TITLES, *(holiday.id for holiday in context.holidays))
    closed = table.optional("closed", as_known(known, "已知的节假日"), None) or ()
    when = read_when(table, KnownNames(holidays=known))
    for key in ("direction", "lines", "call_types"):
        if key in table.table:
            section.document.problem((*table.at, key), f"{table.name} 不能写 {key}", f"可用的有：{'、'.join((*OF_THE_CLOCK, 'closed'))}")
    return {name: OpenHours(when, context.holidays, closed)}


def _blamed(section: Section, message: str) -> Key:
    """The key that ``message`` is about: the one with a text that it quotes, else one that it names, else the table itself.

    Of several the first that stands in the table itself: not one that it inherits and contradicts.
    """
    for name, value in section.table.items():
        if name not in RESERVED:
            for index, item in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(item, str) and len(item) > 1 and item in message:
                    return (name, index) if isinstance(value, list) else (name,)
    named = [name for name in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", message) if name in section.table]
    file, table = section.document.place(section.at)
    own = [name for name in named if section.document.place((*section.at, name)) == (file, (*table, name))]
    return tuple((own or named)[:1])


def _needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
