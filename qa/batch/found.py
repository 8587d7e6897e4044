"""The recordings in folders: each once, whatever links lead to it; what cannot be taken is told, never passed over in silence."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from qa import decode
from qa.batch.kept import path_text
from qa.errors import AudioError, QaError
from qa.places import RemotePath

_SLIN = (".sln", *(f".sln{rate}" for rate in (8, 12, 16, 24, 32, 44, 48, 96, 192)), ".raw")
UNDECODED: frozenset[str] = frozenset(
    {
        *(*_SLIN, ".pcm", ".ulaw", ".ulw", ".ul", ".mu", ".alaw", ".alw", ".al", ".vox"),
        *(".g722", ".g723", ".g723sf", ".g726-16", ".g726-24", ".g726-32", ".g726-40", ".g729", ".ilbc", ".siren7", ".siren14", ".spx"),
    }
)
"""Suffixes (lower case, with the dot) of sound files that switches write and nothing here decodes: most have no header."""


@dataclass(frozen=True)
class Found:
    """``files``: recordings, in order of their paths within each folder.  ``missed``: what may be or hold recordings and cannot be taken,
    each with its error.  ``empty``: folders that were named and hold neither."""

    files: tuple[Path, ...]
    missed: tuple[tuple[Path, QaError], ...] = ()
    empty: tuple[Path, ...] = ()


def search(paths: Iterable[Path]) -> Found:
    """Recordings among ``paths``; folders are searched through, hidden files left out; a file given by name is always taken.

    A link to a folder is followed, but no folder is searched twice, so that a link back leads nowhere: its recordings lie at the path
    without a link where one was met.  Errors: :class:`BatchError` where a store does not list an address.
    """
    files: list[Path] = []
    empty: list[Path] = []
    walk = _Walk()
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        fresh = walk.through(path)
        files += sorted(fresh.files)
        if fresh.first and not fresh.files and not fresh.missed:
            empty.append(path)
    return Found(tuple(dict.fromkeys(files)), tuple(walk.missed), tuple(empty))


@dataclass
class _Fresh:
    """What one of the paths gave: recordings, what was missed, and whether the folder was not searched before."""

    files: list[Path]
    missed: int
    first: bool


class _Walk:
    """Folders by their real paths, so that each is searched once."""

    def __init__(self) -> None:
        self.missed: list[tuple[Path, QaError]] = []
        self._files: list[Path] = []
        self._been: set[str] = set()

    def through(self, top: Path) -> _Fresh:
        self._files, before = [], len(self.missed)
        first = isinstance(top, RemotePath) or os.path.realpath(top) not in self._been
        if isinstance(top, RemotePath):
            paths = list(top.rglob("*"))
            heard = {path.with_suffix("") for path in paths if path.suffix.lower() in decode.SUFFIXES}
            for path in paths:
                self._look(path, path.with_suffix("") in heard)
        else:
            waiting = deque([top])  # links wait until all that lies in the folders themselves was met
            while waiting:
                waiting += self._tree(waiting.popleft())
        return _Fresh(self._files, len(self.missed) - before, first)

    def _tree(self, top: Path) -> list[Path]:
        """Search a folder, without the links to folders in it, which are given back."""
        links: list[Path] = []
        for name, folders, names in os.walk(top, onerror=self._unreadable):
            here = Path(name)
            if (real := os.path.realpath(here)) in self._been:
                folders.clear()
                continue
            self._been.add(real)
            folders.sort()
            links += [here / one for one in folders if (here / one).is_symlink()]
            heard = {Path(one).stem for one in names if Path(one).suffix.lower() in decode.SUFFIXES}
            for one in names:
                self._look(here / one, Path(one).stem in heard)
        return links

    def _look(self, path: Path, doubled: bool) -> None:
        """``doubled``: a recording of the same name lies beside it, of which a file that cannot be decoded is the switch's own copy."""
        suffix = path.suffix.lower()
        if path.name.startswith("."):
            return
        if suffix in UNDECODED:
            if doubled:
                return
            cause = f"不能解码 {suffix} 格式，没有评分"
            self._miss(path, cause, "请转成 WAV 再放进来（如 Asterisk 的 file convert），或让交换机直接录成 WAV")
        elif suffix in decode.SUFFIXES:
            if _is_file(path):
                self._files.append(path)
            else:
                self._miss(path, "不是普通文件（管道或设备），没有评分", "请核对是谁放在这里的")
        elif (not suffix or suffix[1:].isdigit()) and _is_broken(path):  # as the folder of a day is called
            self._miss(path, "链接指向的地方不存在，那里的录音没有评分", "请恢复它指向的文件夹（如重新挂载共享），或删除链接")

    def _unreadable(self, error: OSError) -> None:
        cure = "请给它读和进入的权限（共享断开则先恢复），再运行一次"
        self._miss(Path(os.fsdecode(error.filename)), f"文件夹读不了（{error.strerror}），里面的录音都没有评分", cure)

    def _miss(self, path: Path, cause: str, cure: str) -> None:
        self.missed.append((path, AudioError(path_text(path), cause, cure)))


def _is_broken(path: Path) -> bool:
    try:
        return path.is_symlink() and not path.exists()
    except OSError:
        return True


def _is_file(path: Path) -> bool:
    """Whether it is a file, or says what is wrong as soon as it is read: opening a pipe would wait for its writer."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
