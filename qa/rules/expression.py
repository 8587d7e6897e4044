"""Expressions over names: ``greeting and (offer or not hold)``, also in Chinese: ``问候 且 (愿意 或 非 等待)``.

Truth is three-valued (Kleene): a condition that could not be measured is UNKNOWN, and an expression is UNKNOWN only where that matters.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace


class Truth(enum.IntEnum):
    """Ordered so that *and* is the least, *or* the greatest, *not* the mirror image."""

    FALSE = 0
    UNKNOWN = 1
    TRUE = 2


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Not:
    inner: Expression


@dataclass(frozen=True)
class And:
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Or:
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Titled(And):
    """What a condition made of conditions stands for: one part, under the name that the rule book gives it, with a title ("": none)."""

    name: str = ""
    title: str = ""


Expression = Name | Not | And | Or

_SHOWN = 20
MAX_DEPTH = 30
MAX_NAMES = 200
"""Brackets and ``not`` inside each other, and names, of one expression as it is written: far more than anybody can read."""

_TOKEN = re.compile(r"\s*(\(|\)|（|）|[^\s()（）]+)")
_WORDS = {"and": "and", "且": "and", "or": "or", "或": "or", "not": "not", "非": "not", "（": "(", "）": ")"}


def parse(text: str) -> Expression:
    """``not`` binds tighter than ``and``, ``and`` tighter than ``or``.  Raises ValueError (Chinese) with what is wrong and where."""
    tokens = [_WORDS.get(t.lower(), t) for t in _TOKEN.findall(text)]
    if _deepest(tokens) > MAX_DEPTH:
        raise ValueError(f"条件“{text[:_SHOWN]}……”的括号或 not 套得太深，至多 {MAX_DEPTH} 层")
    if len(tokens) > MAX_NAMES * 3:
        raise ValueError(f"条件“{text[:_SHOWN]}……”太长，至多约 {MAX_NAMES} 个条件名")
    found, rest = _any(tokens, text)
    if rest:
        raise ValueError(f"条件“{text}”在“{rest[0]}”处多出内容")
    return found


def _deepest(tokens: list[str]) -> int:
    """Most brackets that are open at a time, each ``not`` before a bracket or a name counted as one more."""
    deepest, open_brackets, row = 0, list[int](), 0
    for token in tokens:
        if token == "not":
            row += 1
        elif token == "(":
            open_brackets.append(row + 1)
            row = 0
        deepest = max(deepest, sum(open_brackets) + row)
        if token == ")":
            del open_brackets[-1:]
        if token not in ("not", "("):
            row = 0
    return deepest


def _any(tokens: list[str], text: str) -> tuple[Expression, list[str]]:
    return _joined(tokens, text, "or", Or, _all)


def _all(tokens: list[str], text: str) -> tuple[Expression, list[str]]:
    return _joined(tokens, text, "and", And, _one)


def _joined(
    tokens: list[str],
    text: str,
    word: str,
    kind: type[And] | type[Or],
    part: Callable[[list[str], str], tuple[Expression, list[str]]],
) -> tuple[Expression, list[str]]:
    first, rest = part(tokens, text)
    parts = [first]
    while rest and rest[0] == word:
        following, rest = part(rest[1:], text)
        parts.append(following)
    return (parts[0] if len(parts) == 1 else kind(tuple(parts))), rest


def _one(tokens: list[str], text: str) -> tuple[Expression, list[str]]:
    if not tokens or tokens[0] in ("and", "or", ")"):
        raise ValueError(f"条件“{text}”在" + (f"“{tokens[0]}”处" if tokens else "末尾") + "缺少条件名")
    head, rest = tokens[0], tokens[1:]
    if head == "not":
        inner, rest = _one(rest, text)
        return Not(inner), rest
    if head == "(":
        inner, rest = _any(rest, text)
        if not rest or rest[0] != ")":
            raise ValueError(f"条件“{text}”的括号不配对")
        return inner, rest[1:]
    return Name(head), rest


def names(expression: Expression) -> Iterator[str]:
    """Names in the expression, in order, each time they occur."""
    if isinstance(expression, Name):
        yield expression.name
    elif isinstance(expression, Not):
        yield from names(expression.inner)
    else:
        for part in expression.parts:
            yield from names(part)


def expand(expression: Expression, meaning: Callable[[str], Expression]) -> Expression:
    """The expression with ``meaning`` of each name in its place."""
    if isinstance(expression, Name):
        return meaning(expression.name)
    if isinstance(expression, Not):
        return Not(expand(expression.inner, meaning))
    return dataclasses.replace(expression, parts=tuple(expand(part, meaning) for part in expression.parts))


def truth(expression: Expression, of: Callable[[str], Truth]) -> Truth:
    """Value of the expression where ``of`` gives the value of each name."""
    if isinstance(expression, Name):
        return of(expression.name)
    if isinstance(expression, Not):
        return Truth(2 - truth(expression.inner, of))
    values = (truth(part, of) for part in expression.parts)
    return min(values) if isinstance(expression, And) else max(values)


# ---------------------------------------------------------------- what an expression is about


def directed(expression: Expression, favour: bool) -> list[tuple[str, bool]]:
    """Names in an expression, each with its direction; ``not`` turns it round."""
    if isinstance(expression, Name):
        return [(expression.name, favour)]
    if isinstance(expression, Not):
        return directed(expression.inner, not favour)
    return [item for part in expression.parts for item in directed(part, favour)]


def subjects(expression: Expression) -> tuple[str, ...]:
    """The conditions whose hits are the occurrences of an expression: of an *and* those of its first part that has any, none
    behind a *not*."""
    if isinstance(expression, Name):
        return (expression.name,)
    if isinstance(expression, Not):
        return ()
    found = [inner for part in expression.parts if (inner := subjects(part))]
    if isinstance(expression, Or):
        return tuple(dict.fromkeys(name for inner in found for name in inner))
    return found[0] if found else ()


def only(expression: Expression, name: str) -> Expression:
    """The branches of an expression that have ``name``, one of its subjects, among theirs: what is looked at for its places."""
    if isinstance(expression, Or):
        return _either([only(part, name) for part in expression.parts if name in subjects(part)])
    if isinstance(expression, And):
        return _first_replaced(expression, lambda part: only(part, name))
    return expression


def placeless(expression: Expression) -> Expression | None:
    """The branches that have no subjects: what they are about is that something is *not* there.  None if there are none."""
    if not subjects(expression):
        return expression
    if isinstance(expression, Or):
        found = [inner for part in expression.parts if (inner := placeless(part)) is not None]
        return _either(found) if found else None
    if isinstance(expression, And):
        first = next(part for part in expression.parts if subjects(part))
        inner = placeless(first)
        return None if inner is None else _first_replaced(expression, lambda _: inner)
    return None


def _either(parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _first_replaced(expression: And, change: Callable[[Expression], Expression]) -> And:
    """With the part changed that the subjects come from."""
    at = next(number for number, part in enumerate(expression.parts) if subjects(part))
    return replace(expression, parts=(*expression.parts[:at], change(expression.parts[at]), *expression.parts[at + 1 :]))
