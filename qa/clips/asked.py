"""What is answered when a number or an address was asked for: an answer that was badly recognised is hidden whole.

Where the recogniser wrote nonsense there are no digits and no roads to be found in it, and they may be heard all the same.  An answer is
looked for in what others say next; where the speakers do not have a channel each, also behind the question in its own utterance, as the
recogniser writes question and answer in one there, and in what is taken for the same voice.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa.callfacts import mean_probability
from qa.clips import addresses, numerals
from qa.clips.heard import Character, Stream
from qa.types import Call, Span

_SURE = 0.8
_WITHIN_MS = 10_000
_ANSWERS = 3  # utterances of one answer that is given in pieces
_PART, _LONGER = 3, 2  # digits of a part that is repeated, and by how many characters a badly heard echo may be longer or shorter
_ECHO_MS, _OVER_MS = 2000, 500  # so long after it, or so far into it, an echo begins
_WHAT = "|".join((*numerals.ASKED, *addresses.ASKED))
_QUESTION = re.compile(
    f"(?:请|麻烦|[您你](?!好|服务)|报|说|提供|告诉|念|核对).{{0,10}}(?:{_WHAT})|(?:{_WHAT}).{{0,8}}(?:多少|哪|什么|报|说|吗)"
)


@dataclass(frozen=True)
class _Said:
    """One utterance: its characters ``start:end`` in the stream ``stream``; ``sure``: mean probability of its words."""

    stream: int
    start: int
    end: int
    span: Span
    speaker: str
    sure: float
    characters: Sequence[Character]

    @property
    def text(self) -> str:
        return "".join(c.text for c in self.characters)

    def breaths(self) -> Iterator[tuple[int, int]]:
        """First and last (exclusive) of the characters between two pauses."""
        edges = [k for k, c in enumerate(self.characters) if c.pause and k]
        return itertools.pairwise((0, *edges, len(self.characters)))

    def place(self, start: int, end: int) -> tuple[int, int, int]:
        return self.stream, self.start + start, self.start + end


def said(call: Call, heard: Sequence[Stream]) -> tuple[tuple[int, int, int], ...]:
    """All that is to be hidden of what is shown: stream, first and last character (exclusive)."""
    ordered = _utterances(call, heard)
    return tuple(sorted({*_answers(ordered, call.turns.method == "channel"), *_echoes(ordered)}))


def ends(call: Call, heard: Sequence[Stream]) -> tuple[int, ...]:
    """When (ms) such questions end, in order."""
    asked = ((u, _asked_until(u)) for u in _utterances(call, heard))
    return tuple(sorted(u.characters[end - 1].span.end_ms for u, end in asked if end is not None))


def _utterances(call: Call, heard: Sequence[Stream]) -> list[_Said]:
    """In order of time."""
    found = []
    for index, stream in enumerate(heard):
        at = 0
        for shown, group in itertools.groupby(stream.characters, key=lambda c: None if c.place is None else c.place[0]):
            own, begin = tuple(group), at
            at += len(own)
            if shown is not None:
                sure = mean_probability(call.transcript.utterances[shown].words)
                found.append(_Said(index, begin, at, stream.span(begin, at), stream.speaker, sure, own))
    return sorted(found, key=lambda u: u.span)


def _answers(ordered: Sequence[_Said], apart: bool) -> Iterator[tuple[int, int, int]]:
    """What answers a question and was not surely recognised; ``apart``: each speaker has a channel."""
    starts = [utterance.span.start_ms for utterance in ordered]
    for place, asked in enumerate(ordered):
        end = _asked_until(asked)
        if end is None:
            continue
        latest = asked.characters[end - 1].span.end_ms + _WITHIN_MS
        own = [] if apart else [(a, b) for a, b in asked.breaths() if a >= end and asked.characters[a].span.start_ms <= latest]
        yield from (asked.place(a, b) for a, b in own if _doubtful(asked.characters[a:b]))
        begin = asked.span.end_ms - _OVER_MS
        left = _ANSWERS
        for u in ordered[max(place + 1, bisect_left(starts, begin)) : bisect_right(starts, begin + _WITHIN_MS)]:
            other = u.speaker != asked.speaker or u.speaker == "mono"
            left -= other
            if left < 0:
                break
            if other or not apart:
                yield from _doubtful_parts(u)


def _asked_until(utterance: _Said) -> int | None:
    """Where the breath of the first such question ends."""
    found = _QUESTION.search(utterance.text)
    return None if found is None else next(b for _, b in utterance.breaths() if b >= found.end())


def _doubtful_parts(utterance: _Said) -> Iterator[tuple[int, int, int]]:
    """The whole utterance, or those of its breaths that were not surely recognised."""
    if utterance.sure < _SURE:
        yield utterance.place(0, len(utterance.characters))
    yield from (utterance.place(a, b) for a, b in utterance.breaths() if _doubtful(utterance.characters[a:b]))


def _echoes(ordered: Sequence[_Said]) -> Iterator[tuple[int, int, int]]:
    """What repeats a part of a number and was not surely recognised: begun soon after somebody else said nothing but digits, and about as
    long."""
    for first, echo in itertools.pairwise(ordered):
        long, again = len(first.characters), len(echo.characters)
        soon = 0 <= echo.span.start_ms - first.span.end_ms + _OVER_MS <= _OVER_MS + _ECHO_MS
        alike = long >= _PART and numerals.DIGITS.issuperset(first.text) and abs(long - again) <= _LONGER
        if soon and alike and echo.speaker != first.speaker and echo.sure < _SURE:
            yield echo.place(0, again)


def _doubtful(characters: Sequence[Character]) -> bool:
    return sum(c.probability for c in characters) < _SURE * len(characters)
