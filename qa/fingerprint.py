"""What a rule's findings on a call depend on beside the call: two rules with one fingerprint find the same.

A fingerprint covers the rule's parameters with their conditions and every phrase of their lists, when it holds, whatever of the book
``when`` asks for, and the program itself: each of its source files and the versions of the libraries that it names.  What a rule is worth
does not count: points, fines, section and severity change no finding.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import qa
from qa import checks
from qa.lexicon import WordList
from qa.rules.book import Rule, RuleBook
from qa.rules.model import When

LENGTH = 16
"""Hexadecimal digits: enough for the handful of rules that a database ever sees."""
_BOOKS_KEPT = 16
_kept: dict[int, tuple[RuleBook, tuple[str | None, ...]]] = {}
_LIBRARY = re.compile(r"[A-Za-z0-9._-]+")


def of_book(book: RuleBook) -> tuple[str | None, ...]:
    """The fingerprint of each rule of ``book``, in its order.

    None for a rule whose check is not one of the program's, or whose parameters hold something without a stable text: what it finds is
    not taken from the store.
    """
    known = _kept.get(id(book))
    if known is None or known[0] is not book:
        while len(_kept) >= _BOOKS_KEPT:
            _kept.pop(next(iter(_kept)))
        known = _kept[id(book)] = (book, tuple(_of_rule(rule, book) for rule in book.rules))
    return known[1]


def _of_rule(rule: Rule, book: RuleBook) -> str | None:
    if not getattr(rule.module, "__name__", "").startswith(f"{checks.__name__}."):
        return None  # its code is not the program's
    whens = [rule.when, *(variant.when for variant in rule.variants)]
    said = [rule.id, rule.kind, rule.title, rule.clause, rule.params, rule.effective_from, rule.effective_until]
    try:
        parts = [*said, *whens, *((v.title, v.clause, v.params) for v in rule.variants), tuple(_asked(whens, book))]
        text = json.dumps([_plain(part) for part in parts], ensure_ascii=False, sort_keys=True)
    except TypeError:
        return None
    return hashlib.sha256(f"{program()}\n{text}".encode()).hexdigest()[:LENGTH]


def _asked(whens: list[When], book: RuleBook) -> Iterator[Any]:
    """What the book holds beside the rule, as far as a ``when`` asks for it."""
    if any(when.day is not None or when.holidays for when in whens):
        yield book.holidays
    if any(when.call_types for when in whens):
        yield book.call_types, book.conditions, book.slots


def _plain(value: Any) -> Any:
    """``value`` as JSON knows it, types named.  Raises TypeError for what is neither a plain value nor made of such."""
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return [type(value).__name__, value.name]
    if isinstance(value, Decimal | datetime.date | datetime.time):
        return [type(value).__name__, str(value)]
    if isinstance(value, WordList):  # where a list was read from changes nothing
        return ["WordList", [_plain(phrase) for phrase in value.phrases]]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}]
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return ["set", sorted((_plain(item) for item in value), key=repr)]
    raise TypeError(f"{type(value).__name__} has no stable text")


@functools.cache
def program() -> str:
    """A hash of the program's own files and of the versions of its libraries: another program may judge otherwise."""
    digest = hashlib.sha256()
    root = Path(qa.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    digest.update("\n".join(_libraries()).encode())
    return digest.hexdigest()


def _libraries() -> Iterator[str]:
    for required in sorted(importlib.metadata.requires("qa-callcentre") or ()):
        name = _LIBRARY.match(required)
        if name is not None and "extra ==" not in required:
            yield f"{name[0]} {importlib.metadata.version(name[0])}"
