"""What a customer answers to a question, and whether the agent repeats it: digits, free text, or one of several choices."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from qa.phonetic import Spoken, find, spoken, wanted_sounds
from qa.text import normalise
from qa.text import words as words_in
from qa.types import Word

NEAR = 0.2
"""A choice or a main word counts as said up to this distance in sound per syllable (0-1)."""
SAME_DIGITS = 0.75
"""Read-back digits that agree with the customer's to this share (0-1), but not wholly, may be a slip of the recogniser."""

ADDRESSED = 0.3
"""Share (0-1) of an answer that counts as said where only the surname was."""

_DIGIT = {c: str(n) for n, c in enumerate("零一二三四五六七八九")} | {"〇": "0", "幺": "1", "两": "2"}
_NUMBER = re.compile("[零〇一幺二两三四五六七八九十百]+")
_IDIOM = re.compile("[一两](?=[下个般样起直定些边会点])")  # 一下, 一个: no answer
_CODE = re.compile("[零〇一幺二两三四五六七八九]{2,}")
_NOT = re.compile("[不没未别]")
_DONT_KNOW = re.compile("不(知道|清楚|晓得|记得)")
_SURNAME_FIRST = re.compile(r"^.{0,4}姓(.{1,2}?)我?[叫是]?(?=\1.)")  # 我姓刘，刘芳
_LEAD = re.compile("^(?:喂|嗯|啊|哦|那个|就是|我的|我们|我|这边|名字|地址|电话|号码|姓名|叫|姓|是|在|住)+")
_TAIL = re.compile("(?:啊|呀|吧|呢|嘛|的|了|谢谢|对)+$")
_EMPTY_WORDS = frozenset(
    (
        *("就是", "这个", "那个", "我们", "你们", "他们", "一下", "没有", "可以", "什么", "怎么", "现在", "已经", "因为"),
        *("所以", "还是", "但是", "然后", "您好", "你好", "谢谢", "好的", "知道", "一个", "这样", "那样", "不是", "真的"),
        *("觉得", "应该", "可能", "时候", "今天", "昨天", "自己", "东西", "您看", "麻烦"),
    )
)
_YES = ("是", "是的", "对", "对的", "嗯", "好", "好的", "行", "可以", "有", "解决了", "满意", "方便")
_NO = ("否", "不是", "不", "没有", "没", "没解决", "不方便", "不行")


def digits(words: Sequence[Word]) -> str | None:
    """The digits that were said, ``13800001234`` for a code, ``9`` or ``10`` for a single number; None without any.

    Runs of two digits and more are one code, in whatever groups it was said; a lone 一 beside them (一下) is none of it.
    """
    text = spoken(words).text
    codes = [run for run in _NUMBER.findall(text) if _CODE.fullmatch(run)]
    if codes:
        return "".join(_DIGIT[c] for run in codes for c in run)
    plain_text = _IDIOM.sub("×", text)
    number = next((value for run in _NUMBER.findall(plain_text) if (value := _value(run)) is not None), None)
    return None if number is None else str(number)


def _value(run: str) -> int | None:
    """A number below 1,000 as it is read: 九十五, 十, 一百零八; None for what is none."""
    total, digit = 0, None
    for character in run:
        if character in _DIGIT:
            if digit is not None and digit != 0:
                return None
            digit = int(_DIGIT[character])
        else:
            total += (1 if digit is None else digit) * (10 if character == "十" else 100)
            digit = None
    return total + (digit or 0)


def choice(words: Sequence[Word], choices: Sequence[str]) -> str | None:
    """The choice that was said, None for none or for several.

    A longer choice hides a shorter one inside it (不满意, 满意), and a negation before a choice takes it back (不是, 是).  Where no choice
    is said, a plain yes (对, 嗯, 好的) is the choice that says yes, a plain no the one that says no.
    """
    heard = spoken(words)
    found: dict[str, list[tuple[int, int]]] = {}
    for text in sorted(choices, key=lambda c: -len(normalise(c))):
        limit = NEAR if len(wanted_sounds(text)[0]) > 2 else 0.0
        taken = [place for places in found.values() for place in places]
        for match in find(text, heard, limit):
            hidden = any(a <= match.start and match.end <= b for a, b in taken)
            negated = bool(_NOT.fullmatch(heard.text[max(0, match.start - 1) : match.start]))
            if not hidden and not negated and (match.exact or len(wanted_sounds(text)[0]) > 1):
                found.setdefault(text, []).append((match.start, match.end))
    if len(found) == 1:
        return next(iter(found))
    return None if found else _plainly(heard.text, choices)


def _plainly(text: str, choices: Sequence[str]) -> str | None:
    if _DONT_KNOW.search(text):
        return None
    for said, meant in ((_NOT.search(text) is not None, _NO), (any(text.startswith(yes) for yes in _YES), _YES)):
        fitting = [c for c in choices if normalise(c) in meant]
        if said:
            return fitting[0] if len(fitting) == 1 else None
    return None


def plain(words: Sequence[Word]) -> str | None:
    """The answer as text, without what leads to it (我叫, 地址是; a surname before the whole name) and what trails; None without any."""
    text = _SURNAME_FIRST.sub("", normalise("".join(word.text for word in words)))
    return _TAIL.sub("", _LEAD.sub("", text)) or _TAIL.sub("", text) or text or None


def main_words(text: str) -> tuple[str, ...]:
    """What of an answer is worth repeating: its words of two characters and more, without those that say nothing; else all of it."""
    words = tuple(dict.fromkeys(w for w in words_in(normalise(text)) if len(w) > 1 and w not in _EMPTY_WORDS))
    return words or ((normalise(text),) if normalise(text) else ())


def repeats_digits(answer: str, words: Sequence[Word]) -> float:
    """How much of the customer's digits the agent said (0-1): 1 if one holds the other, whichever repeats itself."""
    said = digits(words) or ""
    if len(answer) < 3 and not said:
        return 0.0
    short, long = sorted((answer, said), key=len)
    if short and short in long and 2 * len(short) >= len(answer):
        return 1.0
    return difflib.SequenceMatcher(None, answer, said, autojunk=False).ratio()


def repeats_words(answer: str, words: Sequence[Word]) -> float:
    """How much of the main words of an answer the agent said, by sound (0-1); of a longer word a part of it counts for as much.

    Who is addressed by the surname (刘女士) was heard in part.
    """
    wanted, heard = main_words(answer), spoken(words)
    share = sum(_said_of(word, heard) for word in wanted) / len(wanted) if wanted else 0.0
    return share or (ADDRESSED if _addressed(normalise(answer), heard.text) else 0.0)


def _said_of(word: str, heard: Spoken) -> float:
    """Share of a word's characters that were said in runs of two and more; a single one proves nothing of a longer word."""
    if find(word, heard, NEAR):
        return 1.0
    said: set[int] = set()
    for at in range(len(word) - 1):
        if len(wanted_sounds(word[at : at + 2])[0]) == 2 and find(word[at : at + 2], heard, NEAR):
            said |= {at, at + 1}
    return len(said) / len(word)


def _addressed(name: str, heard: str) -> bool:
    """Whether somebody of that name is called by the surname, of one character or two."""
    return any(re.search(f"{re.escape(name[:length])}(?:先生|女士|小姐|师傅|老师)", heard) for length in (1, 2) if len(name) >= length)
