"""Tables laid over tables: a rule book over the one that it extends, a variant over its rule; each value keeps its place.

Tables are merged key by key.  What stands to the right of an equals sign (a text, a list, ``{ … }``) replaces the value beneath it
whole, and so does an array of tables.  A problem in a merged table is reported where the faulty value stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from qa.toml_document import TomlDocument
from qa.toml_lines import Key

Dropped = Callable[[Key, Mapping[str, Any], Mapping[str, Any]], Set[str]]
"""Keys of the lower table (third) that the upper one (second) displaces without naming them; first: their place."""

Places = dict[Key, tuple[TomlDocument, Key]]
"""Where a table or a value stands: file and key there.  What is not listed stands beside what is around it."""


class Layered(TomlDocument):
    """``data`` laid together from several files; ``problems`` are those of the uppermost file, ``own``."""

    def __init__(self, own: TomlDocument, data: dict[str, Any], places: Places) -> None:
        self.own, self.data, self.places = own, data, places
        self.path, self.lines, self.problems = own.path, own.lines, own.problems

    def where(self, key: Key) -> str:
        document, at = self.place(key)
        return document.where(at)

    def place(self, key: Key) -> tuple[TomlDocument, Key]:
        """The file that ``key`` stands in, and its key there."""
        length = next(n for n in range(len(key), -1, -1) if key[:n] in self.places)
        document, at = self.places[key[:length]]
        return document, (*at, *key[length:])

    def inherited(self, key: Key) -> bool:
        """Whether ``key`` stands in a file that ``own`` extends."""
        return self.place(key)[0] is not self.own

    def is_value(self, key: Key) -> bool:
        """Whether the table at ``key`` is written as a value, ``{ … }``."""
        document, at = self.place(key)
        return at in document.lines.inline

    def with_table(self, key: Key, upper: Key, dropped: Dropped) -> Layered:
        """The same document with the table at ``upper`` laid over the one at ``key``."""
        places = {at: place for at, place in self.places.items() if at[: len(key)] != key}
        table = _merge(_Source(self, upper), _Source(self, key), key, places, dropped)
        return Layered(self.own, _replaced(self.data, key, table), places)


def single(document: TomlDocument, data: dict[str, Any] | None = None, moved: Mapping[Key, Key] | None = None) -> Layered:
    """One file; ``moved`` maps keys of ``data`` to the keys where the file has them."""
    places: Places = {(): (document, ())}
    places.update({key: (document, at) for key, at in (moved or {}).items()})
    return Layered(document, document.data if data is None else data, places)


def overlay(upper: Layered, lower: Layered, dropped: Dropped) -> Layered:
    """``upper`` over ``lower``: keys of ``lower`` first, in their order, then what ``upper`` adds."""
    places: Places = {}
    data = _merge(_Source(upper, ()), _Source(lower, ()), (), places, dropped)
    return Layered(upper.own, data, places)


class _Source:
    """A table of a document, somewhere in it."""

    def __init__(self, document: Layered, at: Key) -> None:
        self.document, self.at = document, at
        self.table: Mapping[str, Any] = document.data
        for part in at:
            self.table = self.table[part]  # type: ignore[index]  # the position in an array of tables

    def under(self, name: str) -> _Source:
        return _Source(self.document, (*self.at, name))

    def copy_places(self, at: Key, places: Places) -> None:
        """Note, for ``at`` and all below it, where they stand."""
        places[at] = self.document.place(self.at)
        for key, place in self.document.places.items():
            if key[: len(self.at)] == self.at:
                places[(*at, *key[len(self.at) :])] = place


def _merge(upper: _Source, lower: _Source, at: Key, places: Places, dropped: Dropped) -> dict[str, Any]:
    places[at] = upper.document.place(upper.at)
    gone = dropped(at, upper.table, lower.table)
    merged: dict[str, Any] = {}
    for name in [*(name for name in lower.table if name not in gone or name in upper.table), *upper.table]:
        if name in merged:
            continue
        both = name in upper.table and name in lower.table and name not in gone
        tables = both and isinstance(upper.table[name], dict) and isinstance(lower.table[name], dict)
        if tables and not upper.document.is_value((*upper.at, name)):
            merged[name] = _merge(upper.under(name), lower.under(name), (*at, name), places, dropped)
        else:
            source = upper if name in upper.table else lower
            merged[name] = source.table[name]
            source.under(name).copy_places((*at, name), places)
    return merged


def _replaced(data: dict[str, Any], key: Key, value: dict[str, Any]) -> dict[str, Any]:
    """``data`` with another table at ``key`` (of names only)."""
    if not key:
        return value
    head = str(key[0])
    return {**data, head: _replaced(data[head], key[1:], value)}
