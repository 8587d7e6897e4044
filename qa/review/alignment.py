"""New text laid over old words: what did not change keeps its time, the rest shares the time between."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa.types import Span, Word

_TOKEN = re.compile(r"(?:[A-Za-z]+(?:['’.-][A-Za-z]+)*|\d|[^\W\d_])[^\w]*|[^\w]+|_")
"""A character, a digit or a Latin word, with the punctuation and spaces behind it."""
CERTAIN = 1.0
LEAST_MS = 40
"""A word for which no time is left takes so much of the one before it."""


@dataclass(frozen=True)
class _Piece:
    """A token of the old text: ``word`` is the place of its word, ``span`` its share of that."""

    token: str
    word: int
    span: Span


def tokens(text: str) -> list[str]:
    """``"您好，我是Tom。"`` -> ``["您", "好，", "我", "是", "Tom。"]``."""
    return _TOKEN.findall(text)


def aligned(old: Sequence[Word], text: str, span: Span) -> list[Word]:
    """``text`` as words within ``span``, all of them certain; ``old`` are the words that stood there, in order of time."""
    pieces, new = _pieces(old), tokens(text)
    matcher = difflib.SequenceMatcher(None, [_bare(p.token) for p in pieces], [_bare(t) for t in new], autojunk=False)
    at = {m.b + k: pieces[m.a + k] for m in matcher.get_matching_blocks() for k in range(m.size)}
    made: list[Word] = []
    for known, group in itertools.groupby(range(len(new)), key=lambda place: place in at):
        places = list(group)
        if known:
            made += _kept(places, new, at, old, pieces)
            continue
        before, after = at.get(places[0] - 1), at.get(places[-1] + 1)
        bounds = before.span.end_ms if before else span.start_ms, after.span.start_ms if after else span.end_ms
        made += _spread([new[p] for p in places], *bounds, floor_ms=before.span.start_ms if before else span.start_ms)
    return made


def _kept(
    places: Sequence[int], new: Sequence[str], at: dict[int, _Piece], old: Sequence[Word], pieces: Sequence[_Piece]
) -> Iterator[Word]:
    """Unchanged tokens; those of one whole old word stay one word."""
    for word, group in itertools.groupby(places, key=lambda place: at[place].word):
        own = list(group)
        if len(own) == sum(p.word == word for p in pieces):
            yield Word("".join(new[p] for p in own), old[word].span, CERTAIN)
        else:
            yield from (Word(new[p], at[p].span, CERTAIN) for p in own)


def _pieces(old: Sequence[Word]) -> list[_Piece]:
    made = []
    for place, word in enumerate(old):
        own = tokens(word.text)
        made += [_Piece(w.text, place, w.span) for w in _spread(own, word.span.start_ms, word.span.end_ms)]
    return made


def _spread(texts: Sequence[str], start_ms: int, end_ms: int, floor_ms: int | None = None) -> list[Word]:
    """Words evenly over a time; where there is too little they take some of what comes before, back to ``floor_ms``."""
    if floor_ms is not None:
        start_ms = min(start_ms, max(floor_ms, end_ms - LEAST_MS * len(texts)))
    step = max(0, end_ms - start_ms) / max(1, len(texts))
    starts = [round(start_ms + k * step) for k in range(len(texts) + 1)]
    return [Word(text, Span(a, max(a + 1, b)), CERTAIN) for text, a, b in zip(texts, starts, starts[1:], strict=False)]


def _bare(token: str) -> str:
    return re.sub(r"[\W_]+", "", token).lower() or token
