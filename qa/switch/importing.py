"""A file into the database: its rows each once, its faults with their lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qa.errors import RecordError
from qa.store import Store
from qa.switch import files, formats, kept, mapped
from qa.switch.rows import Fault, Row
from qa.switch.withdrawn import Decision

LISTED = 1000
"""Faults that are kept of one file; more are only counted."""


@dataclass(frozen=True)
class Imported:
    """What became of a file: ``rows`` read, ``fresh`` of them not known before, ``faults`` (at most ``LISTED``) of ``wrong`` rows left out.

    ``known``: the same content was imported before, and nothing was done.  ``withdrawn``: rows that a person had taken out; they stay out
    unless they were to be restored.
    """

    file: str
    format: str
    rows: int
    fresh: int
    wrong: int
    faults: tuple[Fault, ...]
    known: bool = False
    withdrawn: int = 0


def collect(paths: list[Path]) -> list[Path]:
    """Files among ``paths``; a folder stands for the JSON files in it (FreeSWITCH writes one a leg).  Errors: :class:`RecordError`."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*.json") if p.is_file() and not p.name.startswith("."))
            if not inside:
                raise RecordError(str(path), "文件夹里没有 .json 话单", "请给出文件名")
            found += inside
        else:
            found.append(path)
    return found


def import_file(
    store: Store, path: Path, how: formats.Reading, progress: Callable[[int], None] | None = None, restore: Decision | None = None
) -> Imported:
    """Import one file; ``progress`` gets the number of rows so far.  ``restore``: who lets its withdrawn rows count again, and why.

    Errors: :class:`RecordError` where the file as a whole cannot be read, :class:`qa.errors.StoreError` of the database.
    """
    settings = kept.settings_json(how.settings) + repr(how.columns if how.columns.names or how.columns.values else "")
    stated = kept.settings_json(how.settings)
    sha256 = _sha256(path)
    content = hashlib.sha256(f"{sha256}|{settings}".encode()).hexdigest()
    if store.log.done(content, how.format, stated):
        return Imported(str(path), how.format, 0, 0, 0, (), known=True)
    return _Importing(store, path, how, progress, restore).run(content, stated)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with files.opened(path) as file:
        while chunk := file.read(files.CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class _Importing:
    """A file on its way into the database, a batch after the other."""

    def __init__(
        self, store: Store, path: Path, how: formats.Reading, progress: Callable[[int], None] | None, restore: Decision | None
    ) -> None:
        self._store, self._path, self._how, self._progress, self._restore = store, path, how, progress, restore
        self._number = self._total = self._fresh = self._out = 0
        self._rows: list[Row] = []
        self._faults: list[Fault] = []
        self._waiting: dict[str, Row] = {}

    def run(self, content: str, stated: str) -> Imported:
        wrong = 0
        listed: list[Fault] = []
        for read in formats.rows(self._path, self._how):
            found = self._checked(read)
            if isinstance(found, Fault):
                wrong += 1
                if wrong <= LISTED:
                    self._faults.append(found)
                    listed.append(found)
                continue
            self._total += 1
            self._rows.append(found)
            self._waiting[found.part] = found
            if len(self._rows) == kept.BATCH:
                self._write(content, stated)
        self._write(content, stated)
        self._store.log.finish(self._number, self._total, self._fresh, wrong)
        return Imported(str(self._path), self._how.format, self._total, self._fresh, wrong, tuple(listed), withdrawn=self._out)

    def _checked(self, read: Row | Fault) -> Row | Fault:
        if isinstance(read, Row) and read.kind == "mapped":
            return _of_another(self._store, self._waiting, read, str(self._path)) or read
        return read

    def _write(self, content: str, stated: str) -> None:
        if not self._number:
            self._number = self._store.log.begin(str(self._path), content, self._how.format, stated)
        fresh, out = self._store.log.put(self._number, self._rows, self._faults, str(self._path), self._restore)
        self._fresh, self._out = self._fresh + fresh, self._out + out
        self._rows, self._faults = [], []
        self._waiting.clear()
        if self._progress is not None:
            self._progress(self._total)


def _of_another(store: Store, waiting: Mapping[str, Row], row: Row, file: str) -> Fault | None:
    """A fault where the row's id belongs to another call already: to take it as a correction would lose that call."""
    earlier = [waiting[row.part]] if row.part in waiting else store.log.of_part(row.kind, row.part)
    for known in earlier:
        if other := mapped.another(row, known):
            where = known.source if known.file else f"{file}:{known.line}"
            cause = f"通话编号 {row.part} 已属于另一通电话（{where}）：{other}；该行未采用"
            return Fault(file, row.line, cause, "一通电话一个编号；请改正编号，或让映射文件的 call_id 取全局唯一的一列")
    return None
