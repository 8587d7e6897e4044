"""Scripts, styles and icons: all are read at the start, so that no name from a request ever reaches the file system."""

from __future__ import annotations

import functools
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from qa.web.addresses import address

PATH = "/static/{name}"
_SHARED = ("style.css", "player.js")
"""Of ``qa/templates``: the same in the reports and here."""
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    data: bytes
    media_type: str
    version: str


@functools.cache
def assets() -> Mapping[str, Asset]:
    """By name below ``qa/web/static``."""
    found = dict(_below(files("qa.web").joinpath("static"), ""))
    found |= {name: files("qa").joinpath("templates", name).read_bytes() for name in _SHARED}
    return {name: Asset(data, _type(name), hashlib.sha256(data).hexdigest()[:16]) for name, data in found.items()}


def _below(folder: Traversable, before: str) -> list[tuple[str, bytes]]:
    found = []
    for one in folder.iterdir():
        found += _below(one, f"{before}{one.name}/") if one.is_dir() else [(before + one.name, one.read_bytes())]
    return found


def _type(name: str) -> str:
    suffix = name[name.rfind(".") :] if "." in name else ""
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")


def asset(name: str) -> str:
    """The address of an asset, which changes with its content.  Errors: :class:`KeyError` for one that is not there."""
    return address(PATH, name=name, query={"v": assets()[name].version})
