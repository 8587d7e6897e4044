"""Numbers as people say them: digit by digit, 一百二, 三块五, 八分半; and whether somebody repeats them.

What is said openly (两三分, 三十多块) is no number.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from qa.phonetic import Spoken, spoken
from qa.types import Word

SAME_DIGITS = 0.75
"""Read-back digits that agree with the customer's to this share (0-1), but not wholly, may be a slip of the recogniser."""
SOME_DIGITS = 4
"""So many digits in a row (of a short number half of it) are no chance: who says them repeated a part."""

HIDDEN = "×"
"""Stands for what is masked, character by character."""


def hide(pattern: re.Pattern[str], text: str) -> str:
    """The text with what matches masked, as long as before."""
    return pattern.sub(lambda m: HIDDEN * len(m[0]), text)


def parted(heard: Spoken) -> str:
    """The text with a comma wherever the recogniser wrote punctuation."""
    return "".join("，" + c if at in heard.breaks else c for at, c in enumerate(heard.text))


_D = "零〇一幺二两三四五六七八九"
_N = _D + "十百千万亿"
_DIGIT = {c: str(n) for n, c in enumerate("零一二三四五六七八九")} | {"〇": "0", "幺": "1", "两": "2"}
_UNIT = {"十": 10, "百": 100, "千": 1000}
_LONG = 5  # digits from which groups said apart are one code
_MANY = (("亿", 10**8), ("万", 10**4))
_CODE = re.compile(f"[{_D}]{{2,}}")
_YEAR = re.compile(f"(?:[{_D}]{{4}}|[{_D}]{{2}})年")
_IDIOM = re.compile(
    f"一[下般样起直定些边会共旦向切再]|一点(?![{_D}])|一个(?![{_D}])|两下|[万统唯之专]一|千万(?=[别不要记])|第[{_N}]+|满分[{_N}]+分"
    f"|(?:周|星期|礼拜)[一二三四五六]|十分(?=[满感好不方认热耐专周负到优谢])|一百个(?=满意|放心)|[{_N}]+分?到[{_N}]+分(?=.*[{_N}])"
)
_FILLER = "(?:[，嗯啊呃额哦哎]|那个|然后)"
_REPEATED = re.compile(f"([两二三四五六七八])个([{_D}])(?![{_N}分块元度个天年月号点次])")
_CORRECTED = re.compile(f"[{_D}].*(?:(?<!对)不对|(?<!是)不是|错了|说错).*[{_D}]")
_ASKED_UNITS = "颗?星|分(?!钟)|块钱?|元|毛|角|度|立方|方|吨"
_SAID = re.compile(
    f"(?P<whole>[{_N}]+)(?:点(?P<part>[{_D}]+)(?![{_N}]))?(?P<open>点(?!，)[{_N}半]|[多几]|来(?=[块元分个度吨方天]))?"
    f"(?P<unit>{_ASKED_UNITS})?(?P<half>半)?(?:(?<=[块元])(?P<tenth>[{_D}])[毛角]?(?:(?P<hundredth>[{_D}])分?)?(?![{_N}]))?(?P<more>多)?"
)
_COUNTED = frozenset("次个遍天年月号楼层单室栋户口人位岁点小分秒家条")
_OF_THINGS = f"{_ASKED_UNITS}|[{''.join(sorted(_COUNTED))}]"
_MOBILE = re.compile(r"1[3-9]\d{9}")
_SMALL = re.compile(f"(?<=[块元])(?:零(?=[{_D}][毛角])|(?=[{_D}]分))")  # 十块零五毛, 十块五分: places of a fraction, not digits


@dataclass(frozen=True)
class _Said:
    """A number that was said; ``value`` None: an open one (两三分).  ``asked``: of a unit that is asked for; ``counted``: of things."""

    value: str | None
    asked: bool
    counted: bool


def digits(words: Sequence[Word]) -> str | None:
    """The digits that were said, ``13800001234`` for a code, ``9``, ``120`` or ``3.5`` for a single number; None without any.

    Runs of two digits and more are one code, in whatever groups it was said; a lone 一 beside them (一下) is none of it.  None too for
    a range (两三分, 三十多), for different numbers, and for a code that was corrected on the way.
    """
    text = hide(_IDIOM, _SMALL.sub(lambda m: "" if m[0] else "零", parted(spoken(words))))
    text = undated if re.search(f"[{_N}]", undated := hide(_YEAR, text)) else text
    codes = list(_codes(text))
    if codes:
        return None if _CORRECTED.search(text) else _whole(codes)
    said = list(_numbers(text))
    said = [s for s in said if s.asked] or [s for s in said if not s.counted] or said
    values = {s.value for s in said}
    return values.pop() if len(values) == 1 else None


def _whole(codes: Sequence[str]) -> str | None:
    """The code that was said in pieces, or twice; beside a mobile number nothing else (a room) is part of it, two of them are none."""
    mobiles = {code for code in codes if _MOBILE.fullmatch(code)}
    if mobiles:
        return mobiles.pop() if len(mobiles) == 1 else None
    code = "".join(codes)
    half = code[: len(code) // 2]
    return half if len(half) >= 7 and half * 2 == code else code


def _codes(text: str) -> Iterator[str]:
    """Numbers said digit by digit, each in one piece; what stands between their groups (commas, 嗯) does not part them."""
    text = _REPEATED.sub(lambda m: m[2] * int(_DIGIT[m[1]]), text)
    for chain in re.finditer(f"(?<![块元])[{_N}]+(?:{_FILLER}+[{_N}]+)*(?:点[{_D}]+(?![{_N}]))?", text):
        whole, _, part = chain[0].partition("点")
        groups = re.findall(f"[{_N}]+", whole)
        if len(groups[-1]) == 1 and re.match(_OF_THINGS, text[chain.end() :]):
            groups.pop()  # 三号楼 behind a number is none of it
        values = [_spelt(group) if _CODE.fullmatch(group) else str(_value(group)) for group in groups]
        coded = [value for value, group in zip(values, groups, strict=True) if _CODE.fullmatch(group)]
        together = "".join(values)
        if coded and len(together) >= _LONG and together.isdecimal():
            coded = [together]
        elif coded and _is_range(coded[-1], text[chain.end() :]):
            coded = coded[:-1]
        if coded:
            yield "".join(coded) + (f".{_spelt(part)}" if part else "")


def _spelt(run: str) -> str:
    return "".join(_DIGIT[c] for c in run)


def _is_range(value: str, after: str) -> bool:
    """两三(分), 七八(块): two digits that follow each other, or that stand before a unit."""
    if len(value) != 2 or value[0] == "0":
        return False
    return int(value[1]) - int(value[0]) == 1 or re.match(_OF_THINGS, after) is not None


def _numbers(text: str) -> Iterator[_Said]:
    for m in _SAID.finditer(text):
        after, unit = text[m.end() :], m["unit"] or ""
        value = _value(m["whole"])
        ranged = re.search(f"(?:[{_N}]分?到|[几之]|不到|不足|将近|超过)$", text[: m.start()]) or re.match(f"到[{_N}]", after)
        open_ = value is None or m["open"] or m["more"] or ranged
        yield _Said(None if open_ else _decimal(value or 0, m), bool(unit), not unit and after[:1] in _COUNTED)


def _decimal(whole: int, m: re.Match[str]) -> str:
    """The number with its fractions, without useless zeros."""
    value = Decimal(f"{whole}.{_spelt(m['part'] or '')}0") + (Decimal("0.5") if m["half"] else 0)
    value += Decimal(f"0.{_spelt(m['tenth'] or '零')}{_spelt(m['hundredth'] or '零')}")
    value = value / 10 if m["unit"] in ("毛", "角") else value
    return f"{value.normalize():f}"


def _value(run: str) -> int | None:
    """A whole number as it is read, 一千零五十, or as people say it: 一百二 is 120, 三万五 35,000; None for what is none (五六十)."""
    for mark, size in _MANY:
        high, found, low = run.rpartition(mark)
        if found:
            head, tail = _value(high) if high else None, _value(low) if low else 0
            if head is None or tail is None:
                return None
            return head * size + tail * (size // 10 if len(low) == 1 else 1)
    return int(_DIGIT[run]) if run in _DIGIT else _below_ten_thousand(run)


def _below_ten_thousand(run: str) -> int | None:
    total, last, digit, after_zero = 0, 10_000, None, False
    for character in run:
        if character in _UNIT:
            unit = _UNIT[character]
            if unit >= last or (digit is None and unit > 10):
                return None
            total, last, digit, after_zero = total + (digit or 1) * unit, unit, None, False
        elif digit is not None:
            return None
        elif character in "零〇":
            after_zero = True
        else:
            digit = int(_DIGIT[character])
    return total + (digit or 0) * (last // 10 if 100 <= last <= 1000 and not after_zero else 1)


# ---------------------------------------------------------------- digits repeated


def repeats_digits(answer: str, words: Sequence[Word]) -> float:
    """How much of the customer's digits the agent said (0-1): 1 only for all of them, in one number or said digit by digit."""
    code, values = _all_said(words)
    if answer in values or (len(answer) >= 3 and answer in code):
        return 1.0
    return max((_ratio(answer, said) for said in {code, *values} if len(answer) >= 3 and said), default=0.0)


def _ratio(answer: str, said: str) -> float:
    return min(0.99, difflib.SequenceMatcher(None, answer, said, autojunk=False).ratio())


def repeats_some_digits(answer: str, words: Sequence[Word]) -> bool:
    """Whether the agent said a part of the customer's digits (尾号三四五六): ``SOME_DIGITS`` of them in a row, of a short number half."""
    needed = max(2, min(SOME_DIGITS, (len(answer) + 1) // 2))
    code, values = _all_said(words)
    matchers = (difflib.SequenceMatcher(None, answer, said, autojunk=False) for said in {code, *values})
    return any(m.find_longest_match().size >= needed for m in matchers)


def _all_said(words: Sequence[Word]) -> tuple[str, frozenset[str]]:
    """All codes in one, and every number by itself."""
    text = hide(_IDIOM, _SMALL.sub(lambda m: "" if m[0] else "零", parted(spoken(words))))
    codes = list(_codes(text))
    return "".join(codes), frozenset(codes) | {s.value for s in _numbers(text) if s.value is not None}
