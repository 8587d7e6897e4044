"""What the search index holds: pairs of neighbouring characters and of neighbouring syllables, and marks.

Pairs, because a single character is in every second call and a word of two characters would have to be put together from two long lists;
a pair is the word itself.  Syllables that speakers and recognisers confuse (n/l, z/zh, an/ang) are one, as in ``qa.soundindex``.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence

from qa.phonetic import CONFUSED_FINALS, CONFUSED_INITIALS, is_syllable, parts, syllables
from qa.text import simplify

APART = "0"
"""Stands between stretches of speech: no phrase goes over it."""
_RUN = re.compile(r"[^\W_]+")


def segments(text: str) -> list[str]:
    """The letters and digits of a text, apart where something is masked: full width, case, spaces, punctuation make no difference."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLE)
    return ["".join(_RUN.findall(part)) for part in plain.split("×")]


class _Simple(dict[int, str]):
    """Simplified characters one by one, each looked up once: a whole text through the converter takes 20 times as long."""

    def __missing__(self, code: int) -> str:
        made = self[code] = chr(code) if code < 0x3000 else simplify(chr(code))
        return made


_SIMPLE = _Simple()


def of_text(texts: Iterable[str]) -> str:
    """Tokens of what somebody said, an utterance after the other."""
    return f" {APART} ".join(" ".join(_pairs(part)) for text in texts for part in segments(text) if part)


def of_sound(texts: Iterable[str]) -> str:
    """The same of the syllables."""
    return f" {APART} ".join(" ".join(_sound_pairs(part)) for text in texts for part in segments(text) if part)


def apart(words: str) -> tuple[str, ...]:
    """The words that spaces part, each once; punctuation parts nothing."""
    return tuple(dict.fromkeys(filter(None, ("".join(segments(word)) for word in words.split()))))


def text_phrase(words: str) -> str:
    """What is asked of the index for what is said in one; "" for less than two characters, which stand in half of all calls."""
    wanted = "".join(segments(words))
    return f'"{" ".join(_pairs(wanted))}"' if len(wanted) > 1 else ""


def sound_phrase(words: str) -> str:
    """The same by sound; "" for less than two syllables, which sound like half of all that is said."""
    wanted = "".join(segments(words))
    return f'"{" ".join(_sound_pairs(wanted))}"' if len(wanted) > 1 else ""


def says(text: str, words: str, by_sound: bool) -> bool:
    """Whether a text holds the words."""
    wanted = "".join(segments(words))
    if not by_sound:
        return any(wanted in part for part in segments(text))
    sounds = _sounds(wanted)
    return any(sounds == own[k : k + len(sounds)] for part in segments(text) for own in [_sounds(part)] for k in range(len(own)))


def mark(kind: str, *values: object) -> str:
    """A token for something that is true of a call."""
    digest = hashlib.blake2s("\x1f".join(map(str, (kind, *values))).encode(), digest_size=6).hexdigest()
    return f"m{digest}"


def _code(character: str) -> str:
    return f"{ord(character):05x}"


def _pairs(run: str) -> list[str]:
    return [a + b for a, b in itertools.pairwise(map(_code, run))]


def _sound_pairs(run: str) -> list[str]:
    return [f"s{a}9{b}" for a, b in itertools.pairwise(_sounds(run))]


@functools.lru_cache(maxsize=50_000)
def _sounds(run: str) -> tuple[str, ...]:
    return tuple(_folded(s) for s in syllables(run))


@functools.lru_cache(maxsize=10_000)
def _folded(syllable: str) -> str:
    """A syllable with one name for all sounds that are confused; what is none as its code points."""
    if not is_syllable(syllable) or not syllable.isascii():
        return "".join(_code(c) for c in syllable)
    initial, final = parts(syllable)
    return _class(initial, _INITIALS) + _class(final, _FINALS)


def _class(sound: str, names: Sequence[tuple[str, str]]) -> str:
    return dict(names).get(sound, sound)


def _classes(confused: frozenset[frozenset[str]]) -> tuple[tuple[str, str], ...]:
    """Sounds that may be confused, directly or over a third, share the name of one of them."""
    names: dict[str, str] = {}
    for pair in sorted(map(sorted, confused)):
        old = {names.get(sound, sound) for sound in pair}
        new = min(old)
        names.update(dict.fromkeys(pair, new))
        names.update({sound: new for sound, name in names.items() if name in old})
    return tuple(names.items())


_INITIALS, _FINALS = _classes(CONFUSED_INITIALS), _classes(CONFUSED_FINALS)
