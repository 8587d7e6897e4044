"""Regular expressions of rule books, searched within a time limit.

An expression that anybody may write can take longer than the call is worth: ``(一+)+二`` tries all ways to part a row of 一.  What one
expression may take in one call is limited; beyond that nobody knows what it would have found, which is a doubt and never a verdict.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Hashable, MutableMapping
from typing import Any

import regex

LIMIT_S = 1.0
"""Processor time (s) that one expression may take in one call: some thousand times what the expressions of the houses take."""
OVERRUN = f"句式的查找用时超过 {LIMIT_S:g} 秒，没有查完"

Place = tuple[int, int]


@functools.lru_cache(maxsize=2000)
def compiled(pattern: str) -> Any:
    """The expression, ready to be searched.  Raises ``regex.error`` for one that is none."""
    return regex.compile(pattern)


class Search:
    """What one expression, with all that belongs to it (exceptions, its sounds), finds in one call, until its time is up."""

    def __init__(self) -> None:
        self.left_s = LIMIT_S

    @property
    def overran(self) -> bool:
        """Whether something was not searched to its end."""
        return self.left_s <= 0

    def places(self, pattern: str, text: str) -> tuple[Place, ...] | None:
        """Where ``pattern`` stands in ``text``; None if the time is up, now or since an earlier search."""
        if self.overran:
            return None
        begin = time.process_time()
        try:
            found = tuple(match.span() for match in compiled(pattern).finditer(text, timeout=self.left_s))
        except TimeoutError:
            self.left_s = 0.0
            return None
        self.left_s -= time.process_time() - begin
        return found


def search_of(owner: Any, kept: MutableMapping[Hashable, Any]) -> Search:
    """The search of ``owner`` (an expression of a condition) in the call whose findings ``kept`` holds; the same one each time."""
    key = ("search", id(owner))
    if key not in kept:
        kept[key] = (Search(), owner)  # the owner too: an id must not be used again
    search: Search = kept[key][0]
    return search
