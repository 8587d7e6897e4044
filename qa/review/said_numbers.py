"""Where a text says a number: in digits or in Chinese numerals, alone, as per cent, in another unit of the same kind (90 秒, 一分半钟).

Made to find what a text still says after a limit was changed, for a person to look at.  So it finds rather too much: a number that is
meant of something else is found as well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

from qa.review import parameters

_HAN = "零〇一二两三四五六七八九十百千万亿"
_DIGITS = "零一二三四五六七八九"
_TOKEN = re.compile(
    f"(?P<percent>百分之)?(?:(?P<digits>(?<![0-9.A-Za-z])(?:0|[1-9][0-9]*)(?:,[0-9]{{3}})*(?:\\.[0-9]+)?(?![0-9]))"
    f"|(?P<han>[{_HAN}]+(?:点[{_DIGITS}〇]+)?|半))"
    "(?P<sign>[ ]?%|成)?"
)
_COUNTED = "声轮秒分字个次句遍条项处倍步天日小毫种通位名元岁年月周刻点级"
"""One Chinese numeral by itself is a number before these; else it may be a part of a word (三方, 一下)."""
_SECONDS, _MINUTES, _HOURS = "秒", "分", "小时"
_AND_A_HALF = re.compile("(?:分|秒|个?小时|个)半")
_SPELT = str.maketrans({"两": "二", "〇": "零"})
_PLACES = ((10**8, "亿"), (10**4, "万"))
_SMALL = ((1000, "千"), (100, "百"), (10, "十"))


def said(text: str, value: float, unit: tuple[str, str]) -> tuple[str, ...]:
    """What in ``text`` says ``value`` (of a limit with this ``unit``, :mod:`qa.review.parameters`), as it is written there (full width
    made half), each once.  Of a negative number its size is looked for: a text may say 低于 35 dB for −35."""
    found: dict[str, None] = {}
    for at, percent, after in _numbers(unicodedata.normalize("NFKC", text)):
        if any(_is(at, percent, after, amount, wanted) for amount, wanted in _ways(abs(Decimal(str(value))), unit)):
            found[at["whole"]] = None
    return tuple(found)


def _numbers(text: str) -> Iterator[tuple[dict[str, str], Decimal, str]]:
    """The numbers of a text: how each is written, what one of it is (1, or 0.01 of per cent), what follows it."""
    for match in _TOKEN.finditer(text):
        sign = (match["sign"] or "").strip()
        after = text[match.end() :] if sign != "成" else ""
        if match["han"] and len(match["han"]) == 1 and not (match["percent"] or sign) and after[:1] not in _COUNTED:
            continue
        one = Decimal("0.01") if match["percent"] or sign == "%" else Decimal("0.1") if sign == "成" else Decimal(1)
        yield {"whole": match[0].strip(), "digits": match["digits"] or "", "han": match["han"] or ""}, one, after


def _ways(value: Decimal, unit: tuple[str, str]) -> Iterator[tuple[Decimal, str]]:
    """The ways to say a value: an amount, and with what it begins that follows it ("" for anything)."""
    yield value, ""
    seconds = value if unit == parameters.S else value / 1000 if unit == parameters.MS else None
    if seconds is not None:
        yield from ((seconds, _SECONDS), (seconds / 60, _MINUTES), (seconds / 3600, _HOURS))


def _is(written: dict[str, str], one: Decimal, after: str, amount: Decimal, wanted: str) -> bool:
    if not after.lstrip().removeprefix("个").startswith(wanted):
        return False
    if one != 1 and wanted:
        return False
    amount = amount / one - (Decimal("0.5") if _AND_A_HALF.match(after) else 0)
    if written["digits"]:
        return Decimal(written["digits"].replace(",", "")) == amount
    return amount >= 0 and written["han"].translate(_SPELT) in _spelt(amount)


def _spelt(amount: Decimal) -> frozenset[str]:
    """How a number is written in Chinese numerals: 一百四十, 一百四, 一四零; 两 is 二, 〇 is 零."""
    plain = f"{amount.normalize():f}"
    whole, _, part = plain.partition(".")
    point = "点" + "".join(_DIGITS[int(c)] for c in part) if part else ""
    read = _read(int(whole)) if int(whole) < 10**12 else ""
    forms = {read, "".join(_DIGITS[int(c)] for c in whole)}
    if not part and (short := re.fullmatch(r"(.+[百千万].)[十百千]", read)):
        forms.add(short[1])
    forms |= {form.removeprefix("一") for form in forms if form.startswith("一十")}
    if amount == Decimal("0.5"):
        return frozenset({"零点五", "半"})
    return frozenset(form + point for form in forms if form)


def _read(number: int) -> str:
    if number < 10:
        return _DIGITS[number]
    for size, name in (*_PLACES, *_SMALL):
        if number >= size:
            head, rest = divmod(number, size)
            gap = "零" if rest and rest < size // 10 else ""
            return _read(head) + name + (gap + _read(rest) if rest else "")
    raise AssertionError(number)
