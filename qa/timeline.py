"""Stretches of a recording by time: which of them lie at a place is found without a look at all the others.

A call of three hours has thousands of utterances and tens of thousands of characters; what compares each with each takes minutes there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Generic, TypeVar

from qa.types import Span

T = TypeVar("T")


class Timeline(Generic[T]):
    """Things that have a time (``span_of``), in order of it; they may overlap each other."""

    def __init__(self, things: Iterable[T], span_of: Callable[[T], Span]) -> None:
        self._things = tuple(sorted(((span_of(thing), thing) for thing in things), key=lambda pair: pair[0]))
        self._starts = [span.start_ms for span, _ in self._things]
        self._latest = list(accumulate((span.end_ms for span, _ in self._things), max))

    def at(self, low_ms: int, high_ms: int) -> Iterator[T]:
        """What begins at ``high_ms`` or before and ends at ``low_ms`` or behind it, in order of time; what only touches is among it."""
        for span, thing in self._things[bisect_left(self._latest, low_ms) : bisect_right(self._starts, high_ms)]:
            if span.end_ms >= low_ms:
                yield thing


def timeline(spans: Iterable[Span]) -> Timeline[Span]:
    """Of bare stretches."""
    return Timeline(spans, lambda span: span)
