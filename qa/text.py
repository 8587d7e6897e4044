"""Text as it is spoken: simplified characters, digits as read aloud, countable characters, words and their likelihood.

Everything that compares or counts text goes through here, so that ``５Ｇ 網路 10086`` and ``5g网络幺零零八六`` are one thing.

Digits as read (rules in order of precedence):

* ``30%`` 百分之三十; ``¥12.5`` 十二点五元; ``8:30`` 八点三十; ``2025-01-02`` 二零二五年一月二日; ``1/2`` 二分之一; ``3-5`` 三到五;
* a decimal: whole part as a number, then 点 and digit by digit; ``1,200`` is one number;
* digit by digit (1 = 幺) what is a code: after 工号, 电话, 尾号, 拨打 and the like; with a leading zero; parts of a hyphenated
  telephone number; 110-122 and 123xx; four digits and more that are neither round nor followed by a unit;
  four digits before 年 digit by digit too (1 = 一);
* otherwise a number with 万 and 亿; 2 is 两 before a measure word, 千, 万 and 亿.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jieba
from opencc import OpenCC

DIGITS = "零一二三四五六七八九"
_UNITS = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")
_MEASURE = "个位名块元角分岁年月日号天周点小秒台件条次份张部遍户套笔种度万亿千百兆级层楼米斤吨倍折瓶袋箱片家只本支根辆公分集期段句步项单"
_ORDINAL = "年月日号楼级期"  # 二月, 二号, 二楼: 2 stays 二
_CODE_BEFORE = re.compile(
    r"(?:工号|号码|电话|手机|手机号|尾号|编号|单号|卡号|账号|帐号|户号|密码|验证码|热线|拨打|致电|分机|房间|序列号|身份证|按|代码|端口)"
    r"[是为:,， ]*$"
)
_CODE_AFTER = re.compile(r"^(?:号坐席|号客服|号话务|号为您)")
_SERVICE = re.compile(r"^(?:110|11[1-9]|12[0-2]|123\d\d)$")
_HALF_WIDTH = {wide: wide - 0xFEE0 for a, b in (("０", "９"), ("Ａ", "Ｚ"), ("ａ", "ｚ")) for wide in range(ord(a), ord(b) + 1)}
_SIGNS = str.maketrans("％：／－～￥．＄—–", "%:/-~¥.$--")  # as the rules know them; the text keeps its own
_LATIN = re.compile(r"[A-Za-z]+")
_VOWELS = re.compile(r"[aeiouy]+")


@dataclass(frozen=True)
class Reading:
    """One character as read and the stretch ``start:end`` of the source text that it comes from."""

    character: str
    start: int
    end: int


# ---------------------------------------------------------------- characters


@functools.cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


def simplify(text: str) -> str:
    """Simplified characters, half-width digits and letters, 妳 as 你; punctuation as it is; as long as ``text``."""
    plain = text.translate(_HALF_WIDTH)
    simple = str(_converter().convert(plain))
    if len(simple) != len(plain):
        simple = "".join((str(_converter().convert(c)) or c)[0] for c in plain)
    return simple.replace("妳", "你").replace("祢", "你")


def normalise(text: str) -> str:
    """The characters as read, simplified, lower case, without punctuation and spaces."""
    return "".join(r.character for r in readings(text) if r.character.isalnum())


def as_read(text: str) -> str:
    """Simplified text with its digits as they are read aloud; punctuation stays."""
    return "".join(r.character for r in readings(text))


def readings(text: str) -> tuple[Reading, ...]:
    """``as_read`` in lower case with the place in ``text`` that each character comes from (punctuation included)."""
    out: list[Reading] = []
    for start, end, spoken in _pieces(simplify(text)):
        if len(spoken) == end - start:
            out += [Reading(_lower(c), start + k, start + k + 1) for k, c in enumerate(spoken)]
        else:
            out += [Reading(_lower(c), start, end) for c in spoken]
    return tuple(out)


def _lower(character: str) -> str:
    """Lower case where that is one character too (İ has two)."""
    return low if len(low := character.lower()) == 1 else character


def countable(text: str) -> int:
    """Characters as read, without punctuation: the numerator of the speech rate.

    A Chinese character counts one, digits as read.  A Latin word counts its letters where it is spelt (capitals, at most two
    letters, or no vowel: VIP 3, g 1), else its syllables, estimated as groups of vowels without a final silent e (online 2).
    """
    simple = simplify(text)
    latin = sum(_latin_count(word) for word in _LATIN.findall(simple))
    spoken = "".join(piece for _, _, piece in _pieces(_LATIN.sub(" ", simple)))
    return latin + sum(character.isalnum() for character in spoken)


def _latin_count(word: str) -> int:
    low = word.lower()
    groups = _VOWELS.findall(low)
    if word.isupper() or len(word) <= 2 or not groups:
        return len(word)
    silent = low.endswith("e") and not low.endswith("le") and len(groups) > 1 and groups[-1] == "e"
    return len(groups) - int(silent)


# ---------------------------------------------------------------- numbers


def digits_as_read(digits: str, one: str = "幺") -> str:
    """Digit by digit; ``one`` is the reading of 1 (幺 in codes, 一 in years)."""
    return "".join(one if d == "1" else DIGITS[int(d)] for d in digits)


def number_as_read(digits: str, following: str = "") -> str:
    """A whole number of up to 16 digits as it is read (longer: digit by digit); ``following`` is the text after it."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > 16:
        return digits_as_read(digits, "一")
    if digits == "2" and following[:1] and following[0] in _MEASURE and following[0] not in _ORDINAL:
        return "两"
    if digits == "0":
        return "零"
    groups = [digits[max(0, end - 4) : end] for end in range(len(digits), 0, -4)]
    out = ""
    for power in range(len(groups) - 1, -1, -1):
        value = int(groups[power])
        if value == 0:
            if out and not out.endswith("零"):
                out += "零"
            continue
        if out and value < 1000 and not out.endswith("零"):
            out += "零"
        read = "两" if value == 2 and power else _below_ten_thousand(value)
        out += read + _GROUPS[power]
    out = out.rstrip("零")
    return out[1:] if out.startswith("一十") else out


def _below_ten_thousand(value: int) -> str:
    out, gap = "", False
    for power in range(3, -1, -1):
        digit = value // 10**power % 10
        if digit == 0:
            gap = bool(out)
            continue
        name = "两" if digit == 2 and power == 3 else DIGITS[digit]
        out += ("零" if gap else "") + name + _UNITS[power]
        gap = False
    return out


def _decimal(number: str, following: str = "") -> str:
    whole, _, part = number.replace(",", "").partition(".")
    return number_as_read(whole, following) + ("点" + digits_as_read(part, "一") if part else "")


def _clock(m: re.Match[str]) -> str:
    minutes = "" if m[2] == "00" else ("零" if m[2][0] == "0" else "") + number_as_read(m[2])
    return number_as_read(m[1], "点") + "点" + minutes


def _date(m: re.Match[str]) -> str:
    return f"{digits_as_read(m[1], '一')}年{number_as_read(m[2])}月{number_as_read(m[3])}日"


def _hyphens(m: re.Match[str]) -> str:
    parts = re.split(r"[-~]", m[0])
    if sum(map(len, parts)) >= 7:
        return "".join(digits_as_read(part) for part in parts)
    return "到".join(number_as_read(part) for part in parts)


def _integer(m: re.Match[str]) -> str:
    digits, before, after = m[0], m.string[: m.start()], m.string[m.end() :]
    if after.startswith("年") and len(digits) in (2, 4) and (len(digits) == 4 or digits[0] in "06789"):
        return digits_as_read(digits, "一")
    named = _CODE_BEFORE.search(before) or _CODE_AFTER.match(after) or _SERVICE.match(digits)
    code = bool(named) or (len(digits) > 1 and digits[0] == "0")
    unit = bool(after[:1]) and after[0] in _MEASURE
    # 12000 is a quantity, 13800138000 a telephone number: a round number has few digits before its zeros
    round_number = digits.endswith("00" if len(digits) == 4 else "000") and len(digits.rstrip("0")) <= 3
    if len(digits) > 1 and (code or (len(digits) >= 4 and not unit and not round_number)):
        return digits_as_read(digits)
    return number_as_read(digits, after)


_RULES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)", _date),
    (r"(\d{1,2}):([0-5]\d)(?!\d)", _clock),
    (r"(\d[\d,]*(?:\.\d+)?)%", lambda m: "百分之" + _decimal(m[1])),
    (r"[¥$](\d[\d,]*(?:\.\d+)?)", lambda m: _decimal(m[1], "元") + "元"),
    (r"\d+(?:[-~]\d+)+", _hyphens),
    (r"(\d+)/(\d+)", lambda m: f"{number_as_read(m[2])}分之{number_as_read(m[1])}"),
    (r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+", lambda m: _decimal(m[0])),
    (r"\d+", _integer),
)
_NUMBER = re.compile("|".join(f"(?P<r{i}>{re.sub(r'[(](?![?])', '(?:', rule)})" for i, (rule, _) in enumerate(_RULES)), re.ASCII)


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """Stretches of ``text`` with what is read for them; untouched characters one by one."""
    at = 0
    folded = text.translate(_SIGNS)
    for match in _NUMBER.finditer(folded):
        yield from ((i, i + 1, text[i]) for i in range(at, match.start()))
        index = int(str(match.lastgroup)[1:])
        pattern, read = _RULES[index]
        inner = re.compile(pattern, re.ASCII).match(folded, match.start())
        assert inner is not None  # the joined expression matched the same rule here
        yield match.start(), match.end(), read(inner)
        at = match.end()
    yield from ((i, i + 1, text[i]) for i in range(at, len(text)))


# ---------------------------------------------------------------- words


@functools.cache
def _tokenizer() -> jieba.Tokenizer:
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    return tokenizer


def words(text: str) -> tuple[str, ...]:
    """Words of normalised text by jieba's dictionary (its guessing of unknown words is off: a guess proves nothing)."""
    return tuple(_tokenizer().cut(text, HMM=False)) if text else ()


def log_likelihood(text: str) -> float:
    """Natural logarithm of the likelihood of normalised text: jieba's word counts, best segmentation (0 for no text)."""
    if not text:
        return 0.0
    tokenizer = _tokenizer()
    route: dict[int, tuple[float, int]] = {}
    tokenizer.calc(text, tokenizer.get_DAG(text), route)
    return float(route[0][0])
