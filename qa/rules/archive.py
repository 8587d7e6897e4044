"""The texts that a rule book was read from, kept so that it can be read again when its folder has long changed."""

from __future__ import annotations

import os.path
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MIRROR = ".absolute"
"""In the folder of the program's rule books of an unpacked archive: what lay where absolute paths point to, path by path."""


@dataclass(frozen=True)
class Archive:
    """Files by name, relative to a folder around them all, so that they find each other as they did on the disk.

    ``rules`` is the name of the book's own ``rules.toml``, ``lexicons`` that of the folder of the program's rule books; ``files`` holds
    names and texts in order of name.  Where a book extends another by an absolute path, everything lies a second time under ``MIRROR`` in
    ``lexicons``, so that such a path leads to the text of its day and not to what is on the disk now (:func:`mirrored`).
    """

    rules: str
    lexicons: str
    files: tuple[tuple[str, str], ...]


def pack(rules: Path, lexicons: Path, contents: Iterable[tuple[Path, bytes]]) -> Archive:
    """An archive of files with their contents (UTF-8), ``rules`` among them."""
    texts = {os.path.abspath(path): content.decode("utf-8") for path, content in contents}  # noqa: PTH100  (links stay as they are)
    common, own = os.path.abspath(lexicons), os.path.abspath(rules)  # noqa: PTH100
    root = os.path.commonpath([common, *(os.path.dirname(path) for path in texts)])  # noqa: PTH120
    named = {os.path.relpath(path, root): text for path, text in texts.items()}
    if any(_leads_out(path, text) for path, text in texts.items()):
        mirror = Path(common) / MIRROR
        outside = {Path(path): text for path, text in texts.items() if not Path(path).is_relative_to(mirror)}
        named |= {os.path.relpath(mirrored(path, Path(common)), root): text for path, text in outside.items()}
    return Archive(os.path.relpath(own, root), os.path.relpath(common, root), tuple(sorted(named.items())))


def mirrored(path: Path, lexicons: Path) -> Path:
    """Where an unpacked archive has the file or folder at the absolute ``path``; ``lexicons`` is its folder of the program's rule books."""
    return lexicons / MIRROR / path.relative_to(path.anchor)


def _leads_out(path: str, text: str) -> bool:
    """Whether a rule book extends another by an absolute path."""
    if not path.endswith(".toml"):
        return False
    profile = tomllib.loads(text.removeprefix("\ufeff")).get("profile")
    extends = profile.get("extends") if isinstance(profile, dict) else None
    return isinstance(extends, str) and Path(extends).is_absolute()


def unpack(archive: Archive, folder: Path) -> tuple[Path, Path]:
    """Write the files under ``folder``; returns the book's ``rules.toml`` and the folder of the program's rule books there."""
    for name, text in archive.files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    lexicons = folder / archive.lexicons
    lexicons.mkdir(parents=True, exist_ok=True)
    return folder / archive.rules, lexicons
