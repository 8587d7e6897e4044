"""The number in what a switch shows of a caller."""

from __future__ import annotations

import re
import unicodedata

from qa import numbers

_ANGLED = re.compile(r"<\s*([^<>]*?)\s*>")
_NUMBER = re.compile(r"\+?[\d*#]+")
_BETWEEN = re.compile(r"[\s().\-\u2010-\u2015/]")


def plain(text: str) -> str:
    """The number in the spelling of :func:`qa.numbers.plain`; "" for an anonymous caller and for what is no number.

    ``"Li 2" <+86 138-0013-8000>`` and ``sip:013800138000@10.0.0.1`` are both ``13800138000``.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    angled = _ANGLED.search(text)
    text = angled.group(1) if angled else text
    kept = _BETWEEN.sub("", text.removeprefix("tel:").removeprefix("sip:").partition("@")[0])
    return numbers.plain(kept) if _NUMBER.fullmatch(kept) else ""
