"""Regular expressions as they are written in a rule book: whether they can find anything, and may take long to do so.

What is searched is text as read (``qa.text.normalise``): simplified characters, small letters, numbers in characters, no punctuation and
no spaces.  An expression with anything else in it would be valid and would never match.
"""

from __future__ import annotations

import functools
import importlib
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import regex

from qa.rules.bounded_regex import compiled
from qa.text import normalise
from qa.toml_document import WrongValueError, as_text

MAX_LENGTH = 2000
MAX_REPEAT = 1000
MAX_DEPTH = 30
"""Characters, repetitions and brackets within brackets: far more than a wording needs."""

_MANY = 10  # repetitions from which two of them, one in the other, can take long
_DIGITS = "零〇一幺二两三四五六七八九"
_WIDE = 100  # characters in a range from which not each is looked at
_parser: Any = importlib.import_module("re._parser")  # the parser that re itself compiles with, public (sre_parse) until Python 3.11
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")

_TOO_OFTEN = "的重复次数太大", f"一层套一层的重复，次数相乘至多 {MAX_REPEAT}"
_TOO_DEEP = "的括号层数太多", f"至多 {MAX_DEPTH} 层"

_Node = tuple[str, Any]


def as_regex(value: Any) -> str:
    """A regular expression that text as read can match.  Raises WrongValueError."""
    text = as_text(value)
    if len(text) > MAX_LENGTH:
        raise WrongValueError(f"有 {len(text)} 个字符，至多 {MAX_LENGTH} 个", "分成几个条件，用 or 连起来")
    parsed = _parsed(text)
    if parsed.state.flags & ~re.UNICODE.value or any(kind == "SUBPATTERN" and (inner[1] or inner[2]) for kind, inner in _nodes(parsed)):
        raise WrongValueError("里写了 (?i) 之类的标志", "删去：要查找的文字都是小写，没有空格，也不分行")
    wrong = dict.fromkeys(_never_read(parsed))
    if wrong:
        raise WrongValueError("里有转写文字中不会出现的写法，永远匹配不到", "；".join(wrong))
    if compiled(text).match("") is not None:
        raise WrongValueError("连空白也能匹配", "请写出至少要有的字")
    return text


@functools.lru_cache(maxsize=500)
def nested_repeats(pattern: str) -> bool:
    """Whether a valid expression repeats, many times, what may itself be repeated many times: ``(一+)+``."""
    return any(_often(kind, inner) and _repeats_inside(inner[2]) for kind, inner in _nodes(_parser.parse(pattern)))


def _parsed(text: str) -> Any:
    """The expression taken apart.  Its size is looked at before it is compiled: repetitions take memory."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of brackets in brackets, which no text as read holds
            parsed = _parser.parse(text)
            _check_size(parsed)
            re.compile(text)
            compiled(text)
            return parsed
    except (re.error, regex.error) as error:
        raise WrongValueError(f"不是可用的正则表达式：{error}", "请检查括号和方括号") from error
    except OverflowError as error:
        raise WrongValueError(*_TOO_OFTEN) from error
    except RecursionError as error:
        raise WrongValueError(*_TOO_DEEP) from error


def _check_size(parsed: Any) -> None:
    depth, times = _size(parsed)
    if depth > MAX_DEPTH:
        raise WrongValueError(*_TOO_DEEP)
    if times > MAX_REPEAT:
        raise WrongValueError(*_TOO_OFTEN)


def _size(items: Iterable[Any]) -> tuple[int, int]:
    """Brackets in brackets, and how often the innermost of them is repeated: limits of repetitions in repetitions multiply."""
    depth, times = 0, 1
    for kind, inner in items:
        below = [_size(part) for part in _below(str(kind), inner)]
        here = max((int(n) for n in inner[:2] if n is not _parser.MAXREPEAT), default=1) if str(kind) in _REPEATS else 1
        depth = max([depth, *(1 + d for d, _ in below)])
        times = max([times, *(max(1, here) * t for _, t in below)])
    return depth, times


# ---------------------------------------------------------------- walking


def _nodes(items: Iterable[Any]) -> Iterator[_Node]:
    """Every node, from the outside in; those of a set of characters are inside its node."""
    for kind, inner in items:
        yield str(kind), inner
        for below in _below(str(kind), inner):
            yield from _nodes(below)


def _below(kind: str, inner: Any) -> tuple[Any, ...]:
    """The sequences inside a node."""
    if kind == "BRANCH":
        return tuple(inner[1])
    if kind == "SUBPATTERN":
        return (inner[3],)
    if kind in _REPEATS:
        return (inner[2],)
    if kind in ("ASSERT", "ASSERT_NOT"):
        return (inner[1],)
    if kind == "ATOMIC_GROUP":
        return (inner,)
    return tuple(part for part in inner[1:] if part) if kind == "GROUPREF_EXISTS" else ()


def _often(kind: str, inner: Any) -> bool:
    """A repetition that can be made in many ways; a possessive one can be made in one."""
    return kind in ("MAX_REPEAT", "MIN_REPEAT") and int(inner[1]) >= _MANY and inner[0] != inner[1]


def _repeats_inside(items: Iterable[Any]) -> bool:
    for kind, inner in items:
        name = str(kind)
        if _often(name, inner):
            return True
        if name not in ("ATOMIC_GROUP", "POSSESSIVE_REPEAT") and any(_repeats_inside(below) for below in _below(name, inner)):
            return True
    return False


# ---------------------------------------------------------------- what text as read never holds


def _never_read(items: Iterable[Any]) -> Iterator[str]:
    """What to write instead of whatever text as read never holds (Chinese)."""
    run = ""
    for kind, inner in [*items, ("END", None)]:
        name = str(kind)
        if name == "LITERAL":
            run += chr(inner)
            continue
        yield from _otherwise(run)
        run = ""
        if name == "NOT_LITERAL":
            yield from _otherwise(chr(inner))
        elif name == "IN":
            for sort, member in inner:
                yield from _of_a_set(str(sort), member)
        for below in _below(name, inner):
            yield from _never_read(below)


def _otherwise(run: str) -> Iterator[str]:
    """A row of characters as it is read; a character that only some words keep (乾隆) is looked at in its row."""
    read = normalise(run)
    if read == run:
        return
    if read:
        yield f"“{run}”应写成“{read}”"
    else:
        yield f"删去“{run}”：文字里没有标点和空格"


def _of_a_set(sort: str, member: Any) -> Iterator[str]:
    if sort == "LITERAL":
        yield from _otherwise(chr(member))
    elif sort == "CATEGORY" and str(member) in ("CATEGORY_DIGIT", "CATEGORY_SPACE", "CATEGORY_NOT_WORD"):
        yield f"“\\d”应写成“[{_DIGITS}]”" if str(member) == "CATEGORY_DIGIT" else "删去“\\s”“\\W”之类：文字里没有标点和空格"
    elif sort == "RANGE" and member[1] - member[0] < _WIDE:
        there = [chr(code) for code in range(member[0], member[1] + 1)]
        if not any(normalise(character) == character for character in there):
            read = _DIGITS if all(character.isdecimal() for character in there) else normalise(f"{there[0]} {there[-1]}")
            between = read if read == _DIGITS else "-".join(read)
            yield f"“{there[0]}-{there[-1]}”应写成“{between}”" if between else f"删去“{there[0]}-{there[-1]}”：文字里没有标点和空格"
