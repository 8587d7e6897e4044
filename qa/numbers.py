"""Telephone numbers as switches write them: in one spelling, whether two are one subscriber's, whether one fits a pattern.

Only what is certain is taken as the same; a local number beside one with an area code may be the same, and is left to a person.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from qa.rules.expression import Truth

_LOCAL = (7, 8)
"""Digits of a Chinese fixed number without its area code."""
_AREA = re.compile(r"0(?:10|2\d|[3-9]\d{2})")


@functools.lru_cache(maxsize=65536)
def plain(number: str) -> str:
    """Digits of ``number`` (``*`` and ``#`` too) without separators, the country code 86 and the 0 dialled before a mobile number.

    "" for what holds no digit (``anonymous``).  Numbers of other countries keep their ``00``.
    """
    text = unicodedata.normalize("NFKC", number)
    international = text.strip().startswith("+")
    digits = "".join(c for c in text if c in "0123456789*#")
    if not any(c.isdigit() for c in digits):
        return ""
    if international:
        digits = "00" + digits
    if digits.startswith("0086"):
        digits = _national(digits[4:])
    elif digits.startswith("86") and len(digits) == 13 and digits[2] == "1":
        digits = digits[2:]
    return digits[1:] if re.fullmatch(r"01[3-9]\d{9}", digits) else digits


def _national(digits: str) -> str:
    """A number after the country code, dialled from inside: fixed numbers get their 0 back, mobile and service numbers have none."""
    fixed = _AREA.match("0" + digits) and 9 <= len(digits) <= 11 and not re.fullmatch(r"1[3-9]\d{9}|[48]00\d{7}", digits)
    return "0" + digits if fixed else digits


def same(a: str, b: str) -> Truth:
    """Whether two numbers are one subscriber's; UNKNOWN where one is missing, or one lacks its area code."""
    one, other = plain(a), plain(b)
    if not one or not other:
        return Truth.UNKNOWN
    if one == other:
        return Truth.TRUE
    short, long = sorted((one, other), key=len)
    local = len(short) in _LOCAL and short[0] in "2345678"
    if local and _AREA.match(long) and any(long == area + short for area in (long[:3], long[:4])):
        return Truth.UNKNOWN
    return Truth.FALSE


def key(number: str) -> str:
    """What two numbers have in common wherever :func:`same` is not FALSE: for finding candidates; "" where nothing is known."""
    return plain(number)[-7:]


def fits(number: str, patterns: tuple[str, ...], exit_codes: tuple[str, ...] = ()) -> str | None:
    """The pattern that ``number`` fits, else None.

    A pattern is digits, ``x`` for any one digit, and ``*`` at the end for any ending.  The number is tried as it is, without an area code,
    and without each of ``exit_codes``, the digits that a switch needs for an outside line.
    """
    digits = plain(number)
    if not digits:
        return None
    tried = [digits, *(plain(digits[len(code) :]) for code in exit_codes if digits.startswith(code) and len(digits) > len(code))]
    tried += [rest for one in tried if (found := _AREA.match(one)) and (rest := one[found.end() :])]
    return next((pattern for pattern in patterns if any(_regex(pattern).fullmatch(one) for one in tried)), None)


@functools.lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    body = "".join(r"\d" if c in "xX" else re.escape(c) for c in pattern.removesuffix("*") if c.isdigit() or c in "xX#*")
    return re.compile(body + (r"[\d*#]*" if pattern.endswith("*") else ""))
