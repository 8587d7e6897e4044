"""Thousands of wordings searched by sound in one stretch of speech: the result of ``qa.phonetic.find``, without its cost.

A match within ``limit`` (distance summed over the syllables) can differ from the wording in at most ``2 * limit`` initials and finals,
as every one that is not merely confused costs 0.5, and its syllables can drift by at most ``limit`` places, as every syllable too
many or too few costs 1.  So for each initial and each final the places where it is heard are kept as the bits of one integer; shifting
the integers of a wording's sounds over each other and counting, for all places at once, how many fail leaves the few places where
a match may begin, and only around these is the distance really computed.  Before that, a wording of which too many syllables are nowhere
in the text is put aside.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from qa.lexicon import Phrase, WordList
from qa.phonetic import (
    CONFUSED_FINALS,
    CONFUSED_INITIALS,
    PART_COST,
    Match,
    Spoken,
    find,
    is_syllable,
    parts,
    syllables,
    wanted_sounds,
)

_PAD = 64  # a match may begin before the text: its first syllables are lost
_EPSILON = 1e-9


def _classes(confused: frozenset[frozenset[str]]) -> dict[str, str]:
    """Sounds that may be confused, directly or over a third, share the name of one of them."""
    names: dict[str, str] = {}
    for pair in confused:
        old = {names.get(sound, sound) for sound in pair}
        new = min(old)
        names.update(dict.fromkeys(pair, new))
        names.update({sound: new for sound, name in names.items() if name in old})
    return names


_INITIAL_CLASS, _FINAL_CLASS = _classes(CONFUSED_INITIALS), _classes(CONFUSED_FINALS)


@functools.lru_cache(maxsize=10_000)
def _sounds(syllable: str) -> tuple[str, str]:
    """Class of the initial and of the final; what is no syllable (a letter) is itself in both places."""
    if not is_syllable(syllable):
        return f"={syllable}", f"={syllable}"
    initial, final = parts(syllable)
    return f"{_INITIAL_CLASS.get(initial, initial)}-", f"-{_FINAL_CLASS.get(final, final)}"


@functools.lru_cache(maxsize=50_000)
def _keys(wording: str) -> tuple[tuple[str, str, int], ...]:
    """What must be heard, two entries a syllable: class of a sound, the character (the same character costs nothing), its place."""
    target, wanted = wanted_sounds(wording)
    return tuple((sound, target[k], k) for k, syllable in enumerate(wanted) for sound in _sounds(syllable))


@functools.lru_cache(maxsize=20_000)
def _alone(character: str) -> tuple[str, str]:
    """Sounds of a character that stands alone."""
    return _sounds(syllables(character)[0])


@functools.lru_cache(maxsize=50_000)
def _needed(wording: str) -> frozenset[tuple[str, str]]:
    """Syllables of a wording; not of characters that it reads otherwise than alone (行 in 银行): the same character may be heard with
    any of its readings."""
    target, wanted = wanted_sounds(wording)
    return frozenset(_sounds(w) for c, w in zip(target, wanted, strict=True) if _alone(c) == _sounds(w))


class SoundIndex:
    """The places of every sound of ``heard``; matches are kept, so that each wording is searched once."""

    def __init__(self, heard: Spoken) -> None:
        self.heard = heard
        self._all = (1 << (len(heard.text) + 2 * _PAD)) - 1
        self._places: dict[str, int] = {}
        self._masks: dict[tuple[str, str, int], int] = {}
        self._kept: dict[tuple[str, float], tuple[tuple[int, int], ...]] = {}
        self._found: dict[tuple[str, float], tuple[Match, ...]] = {}
        self._likely: dict[tuple[int, Callable[[Phrase], float]], tuple[WordList, tuple[Phrase, ...]]] = {}
        self._there: set[tuple[str, str]] = set()
        for place, (character, syllable) in enumerate(zip(heard.text, heard.syllables, strict=True), start=_PAD):
            bit, sounds = 1 << place, _sounds(syllable)
            self._there |= {sounds, _alone(character)}
            for key in (character, *sounds):
                self._places[key] = self._places.get(key, 0) | bit

    def find(self, wording: str, max_distance: float) -> tuple[Match, ...]:
        """As ``qa.phonetic.find``: places where the wording is heard within ``max_distance`` (0-1) per syllable, in order, apart."""
        key = (wording, max_distance)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._search(wording, max_distance)
        return found

    def stretches(self, wording: str, max_distance: float) -> tuple[tuple[int, int], ...]:
        """Character ranges outside of which the wording cannot be, in order, apart: quick, and mostly none."""
        key = (wording, max_distance)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = self._stretches(wording, max_distance)
        return kept

    def likely(self, words: WordList, distance: Callable[[Phrase], float]) -> tuple[Phrase, ...]:
        """The phrases of a list that may be somewhere in the text, each looked for within its ``distance``; found once a list."""
        key = (id(words), distance)
        kept = self._likely.get(key)
        if kept is None:
            phrases = tuple(phrase for phrase in words.phrases if self.stretches(phrase.text, distance(phrase)))
            kept = self._likely[key] = (words, phrases)  # the list too: its id must not be used again
        return kept[1]

    def _stretches(self, wording: str, max_distance: float) -> tuple[tuple[int, int], ...]:
        length = len(wanted_sounds(wording)[0])
        if not length or not self.heard.text:
            return ()
        limit = max_distance * length + _EPSILON
        drift = int(limit)
        if length + drift >= _PAD or limit >= length:
            return ((0, len(self.heard.text)),)
        if len(_needed(wording) - self._there) > int(limit / PART_COST):
            return ()  # more of its syllables are nowhere in the text than may fail
        starts = self._starts(wording, limit, drift)
        return tuple(_stretches(starts, length + drift, drift, len(self.heard.text))) if starts else ()

    def _search(self, wording: str, max_distance: float) -> tuple[Match, ...]:
        out: list[Match] = []
        heard = self.heard
        for start, end in self.stretches(wording, max_distance):
            part = Spoken(heard.text[start:end], heard.syllables[start:end], (), (), frozenset())
            out += (Match(m.start + start, m.end + start, m.distance, m.exact) for m in find(wording, part, max_distance))
        return tuple(out)

    def _starts(self, wording: str, limit: float, drift: int) -> int:
        """Bits of the places where all but ``limit / 0.5`` sounds of the wording are heard in their place or up to ``drift`` later."""
        fails = int(limit / PART_COST)
        if fails == 0:
            only = self._all
            for key in _keys(wording):
                only &= self._mask(key, drift)
                if not only:
                    return 0
            return only
        at_most = [self._all] * (fails + 1)  # at_most[k]: bits where no more than k sounds have failed so far
        for key in _keys(wording):
            mask = self._mask(key, drift)
            for count in range(fails, 0, -1):
                at_most[count] = (at_most[count] & mask) | at_most[count - 1]
            at_most[0] &= mask
            if not at_most[fails]:
                return 0
        return at_most[fails]

    def _mask(self, key: tuple[str, str, int], drift: int) -> int:
        """Places such that the sound is heard ``key[2]`` to ``key[2] + drift`` characters later."""
        sound, character, offset = key
        kept = (sound, character, drift)
        mask = self._masks.get(kept)
        if mask is None:
            places = self._places.get(sound, 0) | self._places.get(character, 0)
            mask = places
            for step in range(1, drift + 1):
                mask |= places >> step
            self._masks[kept] = mask
        return mask >> offset


def _stretches(starts: int, length: int, drift: int, total: int) -> Iterator[tuple[int, int]]:
    """Stretches of text that hold every match that begins at a bit of ``starts``, in order, apart."""
    begin = end = -1
    while starts:
        lowest = starts & -starts
        place = lowest.bit_length() - 1 - _PAD
        starts ^= lowest
        low, high = max(0, place - drift), min(total, place + length)
        if low >= high:
            continue
        if low > end:
            if end > begin:
                yield begin, end
            begin = low
        end = max(end, high)
    if end > begin:
        yield begin, end
