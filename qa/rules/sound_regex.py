"""A regular expression read by sound: where the recogniser may have written other characters for what the expression looks for.

Every character of the expression stands for all syllables that sound near its own, every other sign for itself.  Lengths are read
generously too, as recognisers swallow syllables.  What matches so is no proof of anything; where nothing does, nothing like it was heard.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pypinyin import Style, pinyin

from qa.phonetic import Spoken, syllable_distance, syllables

FAR = 0.4
"""Distance (0-1, ``qa.phonetic``) up to which a syllable may be the one that is looked for: initial and final are the same or commonly
confused.  (With one of them any other, ten digits would sound like nearly everything.)"""
LOST_SHARE = 5
"""One of so many syllables may be swallowed, or heard twice."""

_UNREADABLE = re.compile(r"\(\?(?!:|=|<=)")
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|\(\?(?::|=|<=)|.", re.DOTALL)
_FIRST, _LAST = 0x4E00, 0x9FFF  # codes are hanzi, so that \w and \b see words where there are some
_WITHOUT = re.compile(r"\(\?<?!(?:\\.|\[(?:\\.|[^\]\\])*\]|[^()\\\[])*\)")
_SPELLINGS = 8


@dataclass(frozen=True)
class Alike:
    """What to search, a character for each character heard, and with what: a regular expression."""

    pattern: str
    text: str


def readable(pattern: str) -> bool:
    """Whether an expression can be read by sound: not one that says what must not follow or come before."""
    return _UNREADABLE.search(pattern) is None


def sound_alike(pattern: str, heard: Spoken) -> Alike | None:
    """``pattern`` (a valid regular expression) by the sounds of ``heard``; None if it cannot be read so."""
    if not readable(pattern):
        return None
    codes = {sound: chr(_FIRST + number) for number, sound in enumerate(dict.fromkeys(heard.syllables))}
    written: dict[str, set[str]] = {}
    for character, sound in zip(heard.text, heard.syllables, strict=True):
        written.setdefault(character, set()).add(sound)
    read = "".join(_read(token, codes, written) for token in _TOKEN.findall(pattern))
    return Alike(read, "".join(codes[sound] for sound in heard.syllables))


def respelt(pattern: str, heard: Spoken) -> Iterator[str]:
    """What was heard with characters of ``pattern`` (a valid regular expression) in place of those that sound the very same, for each
    way to choose between them (at most ``_SPELLINGS``); none where nothing is to be exchanged.

    What an expression says must not follow or come before is not put there: it would excuse what is looked for.
    """
    tokens = (token for token in _TOKEN.findall(_WITHOUT.sub("", pattern)) if not token.startswith(("\\", "[^")))
    wanted = dict.fromkeys(character for token in tokens for character in token if _FIRST <= ord(character) <= _LAST)
    by_sound: dict[str, list[str]] = {}
    for character in wanted:
        for sound in _sounds(character):
            by_sound.setdefault(sound, []).append(character)
    places = [n for n, (c, sound) in enumerate(zip(heard.text, heard.syllables, strict=True)) if c not in wanted and sound in by_sound]
    sounds = list(dict.fromkeys(heard.syllables[place] for place in places))
    choices = itertools.product(*(by_sound[sound] for sound in sounds))
    for choice in itertools.islice(choices, _SPELLINGS) if places else ():
        written, chosen = list(heard.text), dict(zip(sounds, choice, strict=True))
        for place in places:
            written[place] = chosen[heard.syllables[place]]
        yield "".join(written)


def _read(token: str, codes: Mapping[str, str], written: Mapping[str, set[str]]) -> str:
    if token[0] == "[":
        return _class(token, codes, written)
    if token[0] == "{" and len(token) > 1:
        return _shorter(token)
    return _among(_near(token, codes, written)) if token.isalnum() else token


def _class(token: str, codes: Mapping[str, str], written: Mapping[str, set[str]]) -> str:
    """A set of characters; of a range, and of what is not in a set, any sound may be."""
    inner = token[1:-1]
    if inner.startswith("^") or "\\" in inner or re.search("[^-]-[^-]", inner):
        return "."
    return _among("".join(_near(character, codes, written) for character in inner if character.isalnum()))


def _near(character: str, codes: Mapping[str, str], written: Mapping[str, set[str]]) -> str:
    same = written.get(character, set())
    wanted = _sounds(character)
    return "".join(code for sound, code in codes.items() if sound in same or any(syllable_distance(w, sound) <= FAR for w in wanted))


@functools.lru_cache(maxsize=10_000)
def _sounds(character: str) -> tuple[str, ...]:
    """All readings of a character: which one is meant, its neighbours in an expression do not tell."""
    (readings,) = pinyin(character, style=Style.NORMAL, heteronym=True)
    return tuple(dict.fromkeys((*syllables(character), *readings)))


def _among(codes: str) -> str:
    return f"[{codes}]" if codes else "(?!)"


def _shorter(token: str) -> str:
    least, comma, most = token[1:-1].partition(",")
    low, high = int(least or 0), most if comma else least
    high = str(int(high) + int(high) // LOST_SHARE) if high else ""
    return f"{{{low - low // LOST_SHARE},{high}}}"
