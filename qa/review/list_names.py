"""The word lists of a draft: by the names that its rules call them, where each is found, and which rules they are for.

Told from the texts alone, so that it is known also where a draft is faulty.
"""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from qa.rules.archive import MIRROR, Archive

_RULES = "rules.toml"


def places(archive: Archive) -> dict[str, str]:
    """By the name that rules call a list its place in the archive: the house's own folder goes first, then those that it extends, then that
    of all houses (:class:`qa.params.WordLists`)."""
    texts = dict(archive.files)
    folders = (*(str(PurePosixPath(one).parent) for one in _extended(archive)), archive.lexicons)
    found = {}
    for name in uses(archive, {}):
        at = (posixpath.normpath(posixpath.join(folder, name)) for folder in folders)
        if place := next((one for one in at if one in texts), ""):
            found[name] = place
    return found


def uses(archive: Archive, titles: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """By the name of a list what names it: rules, by their ``titles`` where known (else as the text has it), and shared conditions."""
    found: dict[str, dict[str, None]] = {}
    for place in _extended(archive):
        document = _document(dict(archive.files)[place])
        for table in ("checks", "conditions"):
            for key, value in _tables(document.get(table)):
                for name in _lists(value):
                    found.setdefault(name, {})[titles.get(key, str(value.get("title", key)))] = None
    return {name: tuple(told) for name, told in found.items()}


def _extended(archive: Archive) -> tuple[str, ...]:
    """The book's own ``rules.toml`` and those that it extends, nearest first."""
    texts, chain = dict(archive.files), [archive.rules]
    while True:
        profile = _document(texts[chain[-1]]).get("profile")
        extends = profile.get("extends") if isinstance(profile, dict) else None
        if not isinstance(extends, str):
            return tuple(chain)
        own, common = posixpath.dirname(chain[-1]), archive.lexicons
        of_program = (posixpath.join(common, extends),) if "/" not in extends else ()
        folders = (*of_program, posixpath.join(common, MIRROR, extends.lstrip("/")), posixpath.join(own, extends))
        at = [posixpath.normpath(one if one.endswith(".toml") else posixpath.join(one, _RULES)) for one in folders]
        parent = next((one for one in at if one in texts and one not in chain), None)
        if parent is None:
            return tuple(chain)
        chain.append(parent)


@lru_cache(maxsize=64)  # a page asks for the same few texts many times; who gets the table only reads it
def _document(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return {}


def _tables(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield from ((key, table) for key, table in value.items() if isinstance(table, dict))


def _lists(value: Any) -> Iterator[str]:
    """All names of files in a table, however deep."""
    if isinstance(value, str):
        yield from [value] if value.endswith(".txt") else []
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _lists(inner)
