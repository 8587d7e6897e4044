"""Pinyin of training texts: what to speak, and the initial, final and tone of each character."""

from __future__ import annotations

import re
from functools import cache

import jieba
from pypinyin import Style, lazy_pinyin

INITIALS = ("", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "r", "z", "c", "s", "y", "w")
FINALS = (
    "a",
    "ai",
    "an",
    "ang",
    "ao",
    "e",
    "ei",
    "en",
    "eng",
    "er",
    "i",
    "ia",
    "ian",
    "iang",
    "iao",
    "ie",
    "in",
    "ing",
    "iong",
    "iu",
    "o",
    "ong",
    "ou",
    "u",
    "ua",
    "uai",
    "uan",
    "uang",
    "ue",
    "ui",
    "un",
    "uo",
    "v",
    "ve",
    "m",
    "n",
    "ng",
)
SILENCE = 0  # class of a frame without speech in each of the three tables; real classes follow


def syllables(text: str) -> tuple[list[str], list[int]]:
    """Pinyin with tone 1-5 of each hanzi of ``text`` (tone sandhi applied) and the index of its character."""
    out: list[str] = []
    index: list[int] = []
    position = 0
    for run in re.findall(r"[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+", text):
        if "\u4e00" <= run[0] <= "\u9fff":
            cut = jieba.lcut(run)
            read = lazy_pinyin(cut, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False, tone_sandhi=True)
            if len(read) != len(run):
                raise ValueError(f"pinyin of {run!r} has {len(read)} syllables")
            out += [_plain(s) for s in read]
            index += range(position, position + len(run))
        position += len(run)
    return out, index


def _plain(syllable: str) -> str:
    syllable = syllable.replace("ü", "v").replace("ê", "e")
    return {"n2": "en5", "n4": "en5", "n3": "en5", "ng2": "en5", "m2": "en5", "m4": "en5", "hm5": "heng1"}.get(syllable, syllable)


def spoken_form(text: str) -> tuple[list[str], list[str], list[int]]:
    """Tokens for espeak (syllables and punctuation), the syllables alone, and the character index of each."""
    read, index = syllables(text)
    at = dict(zip(index, read, strict=True))
    mark = {"，": ",", "。": ".", "？": "?", "！": "!"}
    tokens = [at[i] if i in at else mark[c] for i, c in enumerate(text) if i in at or c in mark]
    return tokens, read, index


@cache
def classes(syllable: str) -> tuple[int, int, int]:
    """(initial, final, tone) class of a syllable; 0 is silence."""
    base, tone = syllable[:-1], int(syllable[-1])
    initial = next((i for i in sorted(INITIALS, key=len, reverse=True) if i and base.startswith(i)), "")
    final = base[len(initial) :]
    if final not in FINALS:
        initial, final = "", base
    return INITIALS.index(initial) + 1, FINALS.index(final) + 1, tone


def toneless(text: str) -> list[str]:
    """Toneless syllables of the hanzi of ``text``: homophones that no listener could tell apart become equal."""
    return [s[:-1] for s in syllables(text)[0]]
