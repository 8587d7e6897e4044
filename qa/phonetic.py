"""Search by sound in recognised speech: toneless syllables, a stated distance, and what speaks for a slip of the recogniser.

Distance of two syllables (0-1): initials and finals that differ cost 0.5 each, 0.2 each where Mandarin speakers and recognisers
commonly confuse them (n/l, z/zh, c/ch, s/sh, f/h, r/l; an/ang, en/eng, in/ing with their medials).  A syllable too many or too
few costs 1.  The distance of a phrase is the smallest sum (Sellers 1980, approximate substring matching) over the number
of its syllables.  Tones are not compared: the recogniser's homophones do not keep them.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pypinyin import Style, lazy_pinyin

from qa.text import log_likelihood, normalise, readings
from qa.types import Span, Word

CONFUSED_COST = 0.2
PART_COST = 0.5
GAP_COST = 1.0

_INITIALS = re.compile(r"^(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])")
CONFUSED_INITIALS = frozenset(frozenset(pair) for pair in (("n", "l"), ("z", "zh"), ("c", "ch"), ("s", "sh"), ("f", "h"), ("r", "l")))
CONFUSED_FINALS = frozenset(frozenset(pair) for pair in (("an", "ang"), ("en", "eng"), ("in", "ing"), ("ian", "iang"), ("uan", "uang")))
_SPELLINGS = {"n": "en", "ng": "en", "m": "mu", "hm": "heng", "hng": "heng"}  # 嗯 and its kin have no vowel


@dataclass(frozen=True)
class Spoken:
    """Recognised words taken apart into characters as read; all tuples have one entry a character.

    ``breaks`` are the places before which the recogniser wrote punctuation.
    """

    text: str
    syllables: tuple[str, ...]
    spans: tuple[Span, ...]
    probabilities: tuple[float, ...]
    breaks: frozenset[int]

    def span(self, start: int, end: int) -> Span:
        """Time of the characters ``start:end`` (at least one)."""
        return Span(self.spans[start].start_ms, max(s.end_ms for s in self.spans[start:end]))

    def probability(self, start: int, end: int) -> float:
        """Mean probability of the characters ``start:end``, 0 for none."""
        part = self.probabilities[start:end]
        return sum(part) / len(part) if part else 0.0


@dataclass(frozen=True)
class Match:
    """Where a phrase was found: characters ``start:end`` of a Spoken; ``distance`` per syllable; ``exact``: the same characters."""

    start: int
    end: int
    distance: float
    exact: bool


@functools.lru_cache(maxsize=50_000)  # people say the same short things again and again
def syllables(text: str) -> tuple[str, ...]:
    """Toneless pinyin of normalised text in context, one entry a character (v for ü; a letter stands for itself)."""
    read: list[str] = lazy_pinyin(text, errors=_apiece) if text else []
    if len(read) != len(text):
        read = [lazy_pinyin(character)[0] for character in text]
    return tuple(_SPELLINGS.get(s, s) for s in read)


def _apiece(other: str) -> Any:
    """One entry a character for what has no pinyin (pypinyin takes a list here, though its stub says text)."""
    return list(other)


@functools.lru_cache(maxsize=200_000)
def syllable_distance(a: str, b: str) -> float:
    """Distance of two toneless syllables, 0-1 (see the module)."""
    if a == b:
        return 0.0
    if not (is_syllable(a) and is_syllable(b)):
        return 1.0
    (initial_a, final_a), (initial_b, final_b) = parts(a), parts(b)
    return _cost(initial_a, initial_b, CONFUSED_INITIALS) + _cost(final_a, final_b, CONFUSED_FINALS)


def is_syllable(s: str) -> bool:
    """False for a letter or a digit that stands for itself."""
    return len(s) > 1 or s in ("a", "e", "o")


def parts(syllable: str) -> tuple[str, str]:
    """Initial ("" for none) and final."""
    match = _INITIALS.match(syllable)
    initial = match[0] if match else ""
    return initial, syllable[len(initial) :]


def _cost(a: str, b: str, confused: frozenset[frozenset[str]]) -> float:
    if a == b:
        return 0.0
    return CONFUSED_COST if frozenset((a, b)) in confused else PART_COST


def spoken(recognised: Iterable[Word]) -> Spoken:
    """Words of one stretch of speech as characters with times and probabilities.

    A word's time is shared evenly among its written characters without punctuation; what is read for a number is shared over the
    characters that the number is written with.
    """
    written, shares, chances = "", list[tuple[float, float]](), list[float]()
    for word in recognised:
        written += word.text
        shares += _shares(word)
        chances += [word.probability] * len(word.text)
    segments, spans, probabilities, breaks = list[str](), list[Span](), list[float](), {0}
    fresh = True
    for (start, end), group in itertools.groupby(readings(written), key=lambda r: (r.start, r.end)):
        characters = [r.character for r in group]
        if not characters[0].isalnum():
            fresh = True
            continue
        if fresh:
            breaks.add(len(spans))
            segments.append("")
        fresh = False
        segments[-1] += "".join(characters)
        first, last = shares[start][0], shares[end - 1][1]
        step = (last - first) / len(characters)
        spans += [Span(round(first + k * step), round(first + (k + 1) * step)) for k in range(len(characters))]
        probabilities += [min(chances[start:end])] * len(characters)
    read = tuple(s for segment in segments for s in syllables(segment))
    return Spoken("".join(segments), read, tuple(spans), tuple(probabilities), frozenset(breaks - {0}))


def _shares(word: Word) -> list[tuple[float, float]]:
    count = sum(c.isalnum() for c in word.text) or 1
    step, at = word.span.duration_ms / count, float(word.span.start_ms)
    out = []
    for character in word.text:
        width = step if character.isalnum() else 0.0
        out.append((at, at + width))
        at += width
    return out


@functools.lru_cache(maxsize=10_000)
def wanted_sounds(phrase: str) -> tuple[str, tuple[str, ...]]:
    """A phrase to look for: its characters as read and their syllables."""
    target = normalise(phrase)
    return target, syllables(target)


def find(phrase: str, heard: Spoken, max_distance: float) -> tuple[Match, ...]:
    """Places where ``phrase`` is heard within ``max_distance`` per syllable, in order, not overlapping (the nearest kept)."""
    target, wanted = wanted_sounds(phrase)
    if not target or not heard.text:
        return ()
    found = _exact(target, heard)
    found += _near(target, wanted, heard, max_distance)
    return _apart(found)


def _exact(target: str, heard: Spoken) -> list[Match]:
    out, at = [], heard.text.find(target)
    while at >= 0:
        out.append(Match(at, at + len(target), 0.0, True))
        at = heard.text.find(target, at + 1)
    return out


def _near(target: str, wanted: tuple[str, ...], heard: Spoken, max_distance: float) -> list[Match]:
    """Sellers' algorithm column by column; each cell carries the start of its best alignment."""
    limit = max_distance * len(wanted) + 1e-9
    if limit < GAP_COST:
        return _aligned(target, wanted, heard, limit)
    costs, starts = [k * GAP_COST for k in range(len(wanted) + 1)], [0] * (len(wanted) + 1)
    out = []
    for j, (character, sound) in enumerate(zip(heard.text, heard.syllables, strict=True)):
        old_costs, old_starts = costs, starts
        costs, starts = [0.0], [j + 1]
        for k, want in enumerate(wanted):
            cost, start = old_costs[k] + (0.0 if target[k] == character else syllable_distance(want, sound)), old_starts[k]
            if old_costs[k + 1] + GAP_COST < cost:  # of equals the first: a swap, then one too many, then one too few
                cost, start = old_costs[k + 1] + GAP_COST, old_starts[k + 1]
            if costs[k] + GAP_COST < cost:
                cost, start = costs[k] + GAP_COST, starts[k]
            costs.append(cost)
            starts.append(start)
        if costs[-1] <= limit and starts[-1] <= j:
            begin = starts[-1]
            out.append(Match(begin, j + 1, costs[-1] / len(wanted), heard.text[begin : j + 1] == target))
    return out


def _aligned(target: str, wanted: tuple[str, ...], heard: Spoken, limit: float) -> list[Match]:
    """The same where the limit allows no syllable too many or too few: every place compared syllable by syllable."""
    out = []
    for start in range(len(heard.syllables) - len(wanted) + 1):
        cost = 0.0
        for k, want in enumerate(wanted):
            if target[k] != heard.text[start + k]:
                cost += syllable_distance(want, heard.syllables[start + k])
                if cost > limit:
                    break
        else:
            end = start + len(wanted)
            out.append(Match(start, end, cost / len(wanted), heard.text[start:end] == target))
    return out


def _apart(found: list[Match]) -> tuple[Match, ...]:
    kept: list[Match] = []
    for match in sorted(found, key=lambda m: (m.distance, not m.exact, m.start)):
        if all(match.end <= other.start or other.end <= match.start for other in kept):
            kept.append(match)
    return tuple(sorted(kept, key=lambda m: m.start))


def gain(phrase: str, match: Match, heard: Spoken) -> float:
    """How much likelier the text becomes if ``phrase`` stands where ``match`` is: natural logarithm of the ratio.

    Word counts of jieba's dictionary, best segmentation before and after.  Around zero the heard text is as good Chinese as the
    phrase and should be believed; well above zero the recogniser wrote a homophone that makes no sense.
    """
    return log_likelihood(_replaced(phrase, match, heard)) - log_likelihood(heard.text)


def boundary_cost(phrase: str, match: Match, heard: Spoken) -> float:
    """What it costs to let ``phrase``, put in place of ``match``, begin and end a word: natural logarithm, 0 = nothing.

    Likelihood of the best segmentation over that of the best one with word boundaries at both ends: 滚 in 滚动公告 6.7 (the word
    is 滚动), 不知道 in 我可不知道 0.9 (可 + 不 is hardly worse than 可不).
    """
    middle = wanted_sounds(phrase)[0]
    parted = log_likelihood(heard.text[: match.start]) + log_likelihood(middle) + log_likelihood(heard.text[match.end :])
    return max(0.0, log_likelihood(_replaced(phrase, match, heard)) - parted)


def same_tones(phrase: str, match: Match, heard: Spoken) -> bool:
    """Whether the heard text has the phrase's tones too (pinyin with tone numbers, each text by itself)."""
    written = heard.text[match.start : match.end]
    return bool(lazy_pinyin(written, style=Style.TONE3) == lazy_pinyin(wanted_sounds(phrase)[0], style=Style.TONE3))


def _replaced(phrase: str, match: Match, heard: Spoken) -> str:
    return heard.text[: match.start] + wanted_sounds(phrase)[0] + heard.text[match.end :]
