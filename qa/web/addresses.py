"""Addresses of pages: a pattern of ``qa/web/routes.py`` with its parameters filled in.

A parameter may hold anything (call ids come from switches): what is not plain stands as ``~`` and hexadecimal UTF-8, so that no
slash or percent sign of an id ever takes part in routing.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from starlette.convertors import Convertor, register_url_convertor

_PLAIN = re.compile(rb"[A-Za-z0-9_.-]")
_ENCODED = re.compile(r"(?:[A-Za-z0-9_.-]|~[0-9a-f]{2})+")


def encoded(value: str) -> str:
    """A parameter as it stands in an address; Errors: :class:`ValueError` for ''."""
    if not value:
        raise ValueError("an address needs a value")
    only_dots = not value.strip(".")  # "." and ".." lead elsewhere
    raw = value.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if _PLAIN.match(bytes([b])) and not only_dots else f"~{b:02x}" for b in raw)


def decoded(text: str) -> str:
    """The parameter that ``text`` stands for."""
    raw = re.sub(r"~([0-9a-f]{2})|(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], text).encode("latin-1")
    return raw.decode("utf-8", "surrogateescape")


class _Key(Convertor[str]):
    regex = _ENCODED.pattern

    def convert(self, value: str) -> str:
        return decoded(value)

    def to_string(self, value: str) -> str:
        return encoded(value)


register_url_convertor("key", _Key())


def pattern(path: str) -> str:
    """``/calls/{call_id}`` as Starlette is to read it."""
    return re.sub(r"{(\w+)}", r"{\1:key}", path)


def address(path: str, /, query: dict[str, Any] | None = None, **params: object) -> str:
    """``address("/calls/{call_id}", call_id="C-1", query={"at": 1200})``; a query value of None or '' is left out."""
    used = set(re.findall(r"{(\w+)}", path))
    if used != set(params):
        raise ValueError(f"{path} wants {sorted(used)}, not {sorted(params)}")
    filled = re.sub(r"{(\w+)}", lambda m: encoded(str(params[m[1]])), path)
    asked = urlencode({k: v for k, v in (query or {}).items() if v not in (None, "")}, doseq=True)
    return f"{filled}?{asked}" if asked else filled
