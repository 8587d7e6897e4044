"""A regular expression over what is said, to be read by somebody who knows no regular expressions.

It is shown as wordings are: ``（甲/乙）`` one of several, ``〔丙〕`` may be left out, ``…`` anything between.  What cannot be told so
(look-around, anchors, other classes) is not shown at all: a sign that means something else to the reader would be worse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ALTERNATIVES = 4
"""So many of several alternatives inside a wording are shown, and so many wordings and phrases of a list."""
UNTOLD = "规则书所写句式"
_DIGITS = frozenset("0123456789零〇幺一二两三四五六七八九")
_ANY, _DIGIT = "…", "数字"
_COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}")
_SPECIAL = frozenset("\\^$*+?{}|])")


def quoted(texts: Sequence[str], unit: str) -> str:
    """``“a”“b”等 9 种句式``: the first few, and how many there are."""
    shown = "".join(f"“{text}”" for text in texts[:ALTERNATIVES])
    return shown if len(texts) <= ALTERNATIVES else f"{shown}等 {len(texts)} {unit}"


def regex_text(*patterns: str) -> str:
    """Expressions as quoted wordings, any of which will do; ``UNTOLD`` where one of them cannot be told."""
    try:
        return quoted([text for pattern in patterns for text in _whole(pattern)], "种句式")
    except _UntoldError:
        return UNTOLD


class _UntoldError(Exception):
    """The expression has something that no wording has."""


def _whole(pattern: str) -> list[str]:
    texts, at = _alternatives(pattern, 0)
    if at != len(pattern):
        raise _UntoldError
    return texts


def _alternatives(pattern: str, at: int) -> tuple[list[str], int]:
    """Alternatives from ``at`` to the closing bracket or the end, and where they end."""
    texts = [""]
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            texts.append("")
            at += 1
            continue
        parts, at = _atom(pattern, at)
        text, at = _repeated(parts, pattern, at)
        if not (text == _ANY and texts[-1].endswith(_ANY)):
            texts[-1] += text
    if not all(texts):
        raise _UntoldError
    return texts, at


def _atom(pattern: str, at: int) -> tuple[list[str], int]:
    """What stands at ``at``: one text or several alternatives."""
    sign = pattern[at]
    if sign == ".":
        return [_ANY], at + 1
    if sign == "(":
        begin = at + 3 if pattern.startswith("(?:", at) else at + 1
        if pattern.startswith("?", begin):
            raise _UntoldError
        texts, end = _alternatives(pattern, begin)
        return texts, end + 1
    if sign == "[":
        end = pattern.index("]", at)
        members = pattern[at + 1 : end]
        if set(members) <= _DIGITS:
            return [_DIGIT], end + 1
        if set(members) & {"^", "-", "\\", "["}:
            raise _UntoldError
        return list(members), end + 1
    if sign in _SPECIAL:
        raise _UntoldError
    return [sign], at + 1


def _repeated(parts: list[str], pattern: str, at: int) -> tuple[str, int]:
    """The atom with what follows it: may be left out, so many times."""
    sign, count = pattern[at : at + 1], _COUNT.match(pattern, at)
    if count is not None:
        return _counted(parts, *count.groups()), count.end()
    if parts == [_ANY] and sign in ("*", "+"):
        return _ANY, at + 1
    if sign == "?":
        return (_ANY if parts == [_ANY] else f"〔{_joined(parts)}〕"), at + 1
    return (parts[0] if len(parts) == 1 else f"（{_joined(parts)}）"), at


def _counted(parts: list[str], least: str, comma: str, most: str) -> str:
    if parts == [_ANY]:
        return _ANY
    if parts == [_DIGIT]:
        return f"{least} 位{_DIGIT}" if not comma else f"{least} 至 {most} 位{_DIGIT}" if most else f"{least} 位以上{_DIGIT}"
    raise _UntoldError


def _joined(parts: list[str]) -> str:
    return "/".join([*parts[:ALTERNATIVES], *(["…"] if len(parts) > ALTERNATIVES else [])])
