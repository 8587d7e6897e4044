"""Sentences that the core makes in Chinese, said in English by patterns (``qa/web/english/core.toml``).

A pattern is a sentence with places: ``"第 {at:n} 秒坐席说了服务禁语“{phrase:d}”" = "…"``.  What stands in a place is

- ``{x:n}`` a number, ``{x:c}`` a moment (``1:02.5``);
- ``{x:d}`` data, kept as it is: words spoken, names; ``{x:q}`` in quotation marks, once or more often; ``{x:a}`` data of any kind: what
  somebody wrote, titles, lists of them;
- ``{x:t}`` said in English too, and without English for it the pattern does not fit; ``{x:w}`` a word that has English, small;
- ``{x}`` said in English where there is English for it, or for each of its parts between 、, and else kept.

Brackets and quotation marks are whole in a place; a place without a kind and data have no mark in them that joins sentences, unless
they stand in brackets or quotation marks.  Sentences and clauses joined by ``。``, ``；``, ``，`` or ``、`` are said one by one.  What no
pattern fits stays as it is, whole.
"""

from __future__ import annotations

import functools
import itertools
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
LONGEST = 4000
"""Characters of a text that is looked at; no sentence of the core is longer."""
DEEPEST, MOST_PARTS = 30, 400
"""So deep one part of a sentence may stand in another, and so many parts it may have."""
_HAN = re.compile(f"[{HAN}]")
_KINDS = {"n": r"[-−+<>]?\d[\d.,]*%?", "c": r"\d+:\d\d(?:\.\d+)?", "q": "(?:“[^“”]*”)+"}
_JOINTS = (("。", ". "), ("；", "; "), ("，", ", "), ("、", ", "))
_BEGINS = re.compile(r"(?:\A|(?<=\. ))[a-z]")
_OPENS, _CLOSES = "（“", "）”"


def chinese(text: str) -> bool:
    """Whether there is a Chinese character in it."""
    return _HAN.search(text) is not None


@dataclass(frozen=True)
class Place:
    """``open_``: it stands in no brackets and no quotation marks."""

    name: str
    kind: str
    open_: bool

    def whole(self, text: str) -> bool:
        """Whether every bracket and quotation mark in it is closed."""
        return _depths(text)[-1:] in ([], [0]) and min(_depths(text), default=0) >= 0

    def keeps(self, text: str) -> bool:
        """Whether the text may stand here as it is."""
        if self.kind in _KINDS:
            return True
        joints = {"": "。；，", "d": "。；，、"}.get(self.kind, "") if self.open_ else ""
        return self.whole(text) and not any(depth == 0 and one in joints for one, depth in zip(text, _depths(text), strict=True))


@dataclass(frozen=True)
class Pattern:
    """``said``: English, with places; ``literals``: what stands between the places, in order."""

    fits: re.Pattern[str]
    said: str
    literals: tuple[str, ...]
    places: tuple[Place, ...]
    begins_anyhow: bool

    @classmethod
    def of(cls, key: str, said: str) -> Pattern:
        """Raises ValueError for a place of no kind."""
        expression, literals, places, depth, held = "", [], [], 0, ""
        pieces = [*string.Formatter().parse(key), ("", None, None, None)]
        for (literal, name, kind, _), (following, after, its_kind, _) in itertools.pairwise(pieces):
            depth += _depths(literal)[-1] if literal else 0
            literals += [literal] if literal else []
            expression += re.escape(literal) + held
            if name is None:
                break
            if kind not in ("", *_KINDS, "d", "a", "t", "w"):
                raise ValueError(f"{key}: no kind {kind}")
            # A place ends for good where the literal behind it stands first: tried on and on, a long text would cost its square or cube.
            # Not so before the last literal, which stands at the end, and before a figure, which need not follow there.
            opened, held = ("(?>", ")") if following and after is not None and its_kind not in _KINDS else ("", "")
            expression += f"{opened}(?P<{name}>{_KINDS.get(kind or '', '.+?')})"
            places.append(Place(name, kind or "", depth == 0))
        begins_anyhow = key.startswith("{") and places[0].kind not in (*_KINDS, "w")
        return cls(re.compile(expression, re.DOTALL), said, tuple(literals), tuple(places), begins_anyhow)

    def order(self) -> tuple[bool, int]:
        """Those go first that know how a sentence begins, and of these the ones that say most of it."""
        return self.begins_anyhow, -sum(map(len, self.literals))

    def may_fit(self, text: str) -> bool:
        """Cheaply told: the literals stand in the text, in order."""
        at = 0
        for literal in self.literals:
            at = text.find(literal, at)
            if at < 0:
                return False
            at += len(literal)
        return True


class Sentences:
    """``patterns``: Chinese to English; ``words``: texts without places that have English anyway."""

    def __init__(self, patterns: Mapping[str, str], words: Mapping[str, str]) -> None:
        self.words = {**{key: said for key, said in patterns.items() if "{" not in key}, **words}
        made = [Pattern.of(key, said) for key, said in patterns.items() if "{" in key]
        self.patterns = sorted(made, key=Pattern.order)
        self._kept: Callable[[str], str | None] = functools.lru_cache(8192)(lambda text: _Attempt(self).say(text))

    def say(self, text: str) -> str | None:
        """The sentence in English, first letters of sentences large; None where no pattern fits, or it is longer than ``LONGEST``."""
        return self._kept(text) if len(text) <= LONGEST else None


class _TooMuch(Exception):  # noqa: N818  (never seen outside)
    """No sentence of the core is put together of so much."""


class _Attempt:
    """One sentence, its parts said once each; what people wrote into it cannot make it costly."""

    def __init__(self, of: Sentences) -> None:
        self._of = of
        self._known: dict[str, str | None] = {}
        self._deep = 0

    def say(self, text: str) -> str | None:
        try:
            found = self._said(text)
        except _TooMuch:
            return None
        return found and _BEGINS.sub(lambda first: first[0].upper(), found)

    def _said(self, text: str) -> str | None:
        if text not in self._known:
            if self._deep >= DEEPEST or len(self._known) >= MOST_PARTS:
                raise _TooMuch
            self._known[text] = None
            self._deep += 1
            self._known[text] = self._find(text)
            self._deep -= 1
        return self._known[text]

    def _find(self, text: str) -> str | None:
        if not chinese(text):
            return text
        if (word := self._of.words.get(text)) is not None:
            return word
        for pattern in filter(lambda one: one.may_fit(text), self._of.patterns):
            match = pattern.fits.fullmatch(text)
            said = self._filled(pattern, match) if match is not None else None
            if said is not None:
                return said
        return self._joined(text)

    def _filled(self, pattern: Pattern, match: re.Match[str]) -> str | None:
        values = {}
        for place in pattern.places:
            value = self._value(match[place.name], place)
            if value is None:
                return None
            values[place.name] = value
        return pattern.said.format(**values)

    def _value(self, text: str, place: Place) -> str | None:
        if place.kind == "w":
            word = self._of.words.get(text)
            return word and word[:1].lower() + word[1:]
        if place.kind in ("", "t") and place.whole(text):
            said = self._said(text)
            if said is not None or place.kind == "t":
                return said
        if not place.keeps(text):
            return None
        return text if place.kind else ", ".join(self._said(part) or part for part in _parts(text, "、"))

    def _joined(self, text: str) -> str | None:
        for joint, english in _JOINTS:
            parts = _parts(text, joint)
            if len(parts) > 1:
                said = [self._said(part) if part else "" for part in parts]
                return None if None in said else english.join(part or "" for part in said).strip()
        return None


def _depths(text: str) -> list[int]:
    """In how many brackets and quotation marks each character stands, one that closes them outside."""
    return list(itertools.accumulate((one in _OPENS) - (one in _CLOSES) for one in text))


def _parts(text: str, joint: str) -> list[str]:
    """The text between the joints that stand outside of brackets and quotation marks."""
    ends = [at for at, (one, depth) in enumerate(zip(text, _depths(text), strict=True)) if one == joint and depth <= 0]
    return [text[start:end] for start, end in zip([0, *(at + 1 for at in ends)], [*ends, len(text)], strict=True)]
