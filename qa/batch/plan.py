"""Which files are taken, in which order, and whether somebody is still writing them.

Ages are measured by watching a file on the monotonic clock: a wall clock that was set back changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa import decode
from qa.batch.kept import path_text
from qa.clock import known_moment
from qa.errors import AudioError, ChangedError, NotYetError, QaError, RecordError
from qa.records import Records
from qa.switch import names
from qa.switch.rows import Settings
from qa.types import AudioInfo, CallRecord

FRESH_S = 60.0
"""A file whose time of change is at least so long ago by the wall clock is taken at once; any other is watched first."""
SETTLE_S = 5.0
TORN_PATIENCE_S = 600.0
"""A file that ends before its time is taken as it is once it has been unchanged for so long."""


@dataclass(frozen=True)
class Seen:
    """What a file was when its content was hashed: bytes, time of change in ns, SHA-256."""

    size: int
    mtime_ns: int
    sha256: str

    def still(self, path: Path) -> bool:
        """Whether the file is unchanged; one that was moved away since was read whole, and counts as unchanged."""
        try:
            now = path.stat()
        except OSError:
            return True
        return (now.st_size, now.st_mtime_ns) == (self.size, self.mtime_ns)


def check_name(path: Path) -> None:
    """Errors: :class:`AudioError` for a path with bytes that are not UTF-8, which no database and no report can hold."""
    if path_text(path) != str(path):
        raise AudioError(path_text(path), "文件名或文件夹名不是 UTF-8 编码（可能是 GBK），无法登记", "请改名（如用 convmv）后重新运行")


def look(path: Path) -> Seen:
    """Hash a file that nobody writes to meanwhile.  Errors: :class:`AudioError`, :class:`ChangedError`."""
    check_name(path)
    try:
        before = path.stat()
    except OSError:
        before = None
    sha256 = decode.file_sha256(path)  # says what is wrong with a file that is not there
    seen = Seen(before.st_size, before.st_mtime_ns, sha256) if before is not None else None
    if seen is None or not seen.still(path):
        raise ChangedError.of(path)
    return seen


@dataclass(frozen=True, eq=False)
class Item:
    """A file of the run with its call record; what shares a ``queue`` is judged in order of time.  ``wrong``: why it is not to be read."""

    path: Path
    record: CallRecord | None
    wrong: QaError | None = None

    @property
    def queue(self) -> str:
        """Rules that warn first count an agent's earlier calls; a file without an agent has nobody to wait for."""
        return f"agent {self.record.agent_id}" if self.record is not None and self.record.agent_id else f"file {self.path}"


def in_order(paths: Sequence[Path], table: Records | None, settings: Settings) -> list[Item]:
    """Items by the start of their calls, those whose start is not known last; equal ones as given.  ``settings``: what the house states."""
    records = {path: table.for_file(path) if table is not None else None for path in paths}
    wrong = _misnamed([path for path in paths if records[path] is None], table, settings)
    items = [Item(path, records[path], wrong.get(path)) for path in paths]

    def start(item: Item) -> tuple[bool, str]:
        at = known_moment(item.record.moment) if item.record is not None else None
        return at is None, "" if at is None else at.isoformat(timespec="milliseconds")

    return sorted(items, key=start)


def reasons(table: Records | None) -> dict[str, str]:
    """Why recordings have no record, by path, of those that were asked for and as far as the table tells."""
    return {problem.file: problem.message for problem in table.problems if not problem.line} if table is not None else {}


def no_record(table: Records | None) -> str:
    """The reason where a table tells none."""
    return "没有给通话记录" if table is None else "通话记录里没有这个录音"


def _misnamed(paths: Iterable[Path], table: Records | None, settings: Settings) -> dict[Path, RecordError]:
    """Recordings whose names do not fit the pattern that the house states, where the table found nothing for this very reason."""
    told, found = reasons(table) if settings.file_pattern else {}, {}
    for path in paths if told else ():
        try:
            names.read(path, settings)
        except RecordError as error:
            if told.get(str(path), "").startswith(error.cause):
                found[path] = error
    return found


# ---------------------------------------------------------------- files that are still being written


def torn_later(path: Path, info: AudioInfo | None) -> QaError | None:
    """Why a recording is left for the next run: it ends before its time, and changed less than ``TORN_PATIENCE_S`` ago."""
    if info is None or not decode.looks_torn(info) or not is_fresh(path, within_s=TORN_PATIENCE_S):
        return None
    return NotYetError(str(path), "文件还不完整，可能还在录音或拷贝", f"有变化，或 {TORN_PATIENCE_S:.0f} 秒没有变化后，再运行会处理")


def is_fresh(path: Path, now_s: float | None = None, within_s: float = FRESH_S) -> bool:
    """Whether the file may still be growing: changed less than ``within_s`` ago by the wall clock, or in its future."""
    try:
        age = (time.time() if now_s is None else now_s) - path.stat().st_mtime
    except OSError:
        return False  # what is wrong with it is said when it is read
    return age < within_s


class Settling:
    """Watches files until they are finished: size and time of change the same for ``settle_s``, and open for writing nowhere."""

    def __init__(self, settle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._settle_s, self._clock = settle_s, clock
        self._since: dict[Path, tuple[tuple[int, int], float]] = {}

    def finished(self, paths: Iterable[Path]) -> list[Path]:
        """Those of ``paths`` that are finished by now; ask again later for the others."""
        now, still = self._clock(), []
        for path in paths:
            try:
                stat = path.stat()
            except OSError:
                self._since.pop(path, None)
                continue
            state = (stat.st_size, stat.st_mtime_ns)
            if path not in self._since or self._since[path][0] != state:
                self._since[path] = state, now
            if now - self._since[path][1] >= self._settle_s:
                still.append(path)
        return [path for path, is_open in zip(still, open_for_writing(still), strict=True) if not is_open]

    def unchanged_s(self, path: Path) -> float:
        """How long a file has been seen unchanged."""
        return self._clock() - self._since[path][1] if path in self._since else 0.0


def open_for_writing(paths: Sequence[Path]) -> list[bool]:
    """Whether a process of this machine has each file open for writing, as far as ``/proc`` tells this user."""
    wanted: dict[tuple[int, int], list[int]] = {}
    for place, path in enumerate(paths):
        try:
            stat = path.stat()
        except OSError:
            continue
        wanted.setdefault((stat.st_dev, stat.st_ino), []).append(place)
    found = [False] * len(paths)
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        try:
            handles = list((process / "fd").iterdir())
        except OSError:
            continue  # another user's, or gone
        for handle in handles:
            for place in _written_by(handle, wanted):
                found[place] = True
    return found


def _written_by(handle: Path, wanted: dict[tuple[int, int], list[int]]) -> list[int]:
    try:
        stat = handle.stat()
        places = wanted.get((stat.st_dev, stat.st_ino), [])
        if not places:
            return []
        lines = dict(line.split(":", 1) for line in (handle.parents[1] / "fdinfo" / handle.name).read_text().splitlines() if ":" in line)
        return places if int(lines["flags"], 8) & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR) else []
    except (OSError, KeyError, ValueError):
        return []
