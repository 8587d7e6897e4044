"""Which recordings claim one call: of two with different contents neither has it; one content, however often it lies there, is one claim.

A second name of one file (a link), a copy in another folder and a moved file are the same recording.  A file that is empty claims
nothing.  Contents are compared only among those that claim the same: by the file itself, by size, then by SHA-256.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path


def is_empty(path: Path) -> bool:
    """Whether a file is there and has nothing in it."""
    found = _stat(path)
    return found is not None and found.st_size == 0


def same(one: Path, other: Path) -> bool:
    """Whether two files have one content; False where one cannot be read."""
    return _Content(one, _stat(one)).has(other)


@dataclass
class _Content:
    """Files of one content: ``first`` stands for them, ``found`` is what it was when it claimed (None: it was not there)."""

    first: Path
    found: os.stat_result | None
    paths: dict[str, Path] = field(default_factory=dict)
    strong: bool = False
    _digest: str | None = None

    def has(self, path: Path) -> bool:
        if _place(path) in self.paths:
            return True
        there = _stat(path)
        if self.found is None or there is None or self.found.st_size != there.st_size:
            return False
        if (self.found.st_dev, self.found.st_ino) == (there.st_dev, there.st_ino):
            return True
        self._digest = self._digest or sha256_of(self.first)
        return self._digest is not None and self._digest == sha256_of(path)

    def is_gone(self) -> bool:
        """Whether every file of it that was there is there no more."""
        return self.found is not None and not any(path.exists() for path in self.paths.values())


class Claims:
    """Claims of recordings by what they claim."""

    def __init__(self) -> None:
        self._of: dict[str, list[_Content]] = defaultdict(list)

    def add(self, key: str, path: Path, strong: bool = True) -> None:
        """Note that a recording claims ``key``; a claim that is not ``strong`` does not count against a strong one."""
        contents = [content for content in self._of[key] if not content.is_gone()]
        mine = next((content for content in contents if content.has(path)), None)
        if mine is None:
            mine = _Content(path, _stat(path))
            contents.append(mine)
        mine.paths[_place(path)] = path
        mine.strong = mine.strong or strong
        self._of[key] = contents

    def all(self, key: str) -> tuple[Path, ...]:
        """Every recording that claims ``key``."""
        return tuple(path for content in self._of.get(key, ()) for path in content.paths.values())

    def rivals(self, key: str, path: Path) -> tuple[Path, ...]:
        """Recordings of other contents because of which this one does not have ``key``."""
        contents = self._of.get(key, [])
        mine = next((content for content in contents if _place(path) in content.paths), None)
        others = [content for content in contents if content is not mine and not content.is_gone()]
        against = [content for content in others if content.strong or mine is None or not mine.strong]
        return tuple(path for content in against for path in content.paths.values())


def _place(path: Path) -> str:
    return str(path.absolute())


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def sha256_of(path: Path) -> str | None:
    """The content of a file; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
