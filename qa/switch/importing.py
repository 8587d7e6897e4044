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

LISTED = 1000
"""Faults that are kept of one file; more are only counted."""


@dataclass(frozen=True)
class Imported:
    """What became of a file: ``rows`` read, ``fresh`` of them not known before, ``faults`` (at most ``LISTED``) of ``wrong`` rows left out.

    ``known``: the same content was imported before, and nothing was done.
    """

    file: str
    format: str
    rows: int
    fresh: int
    wrong: int
    faults: tuple[Fault, ...]
    known: bool = False


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


def import_file(store: Store, path: Path, how: formats.Reading, progress: Callable[[int], None] | None = None) -> Imported:
    """Import one file; ``progress`` gets the number of rows so far.

    Errors: :class:`RecordError` where the file as a whole cannot be read, :class:`qa.errors.StoreError` of the database.
    """
    settings = kept.settings_json(how.settings) + repr(how.columns if how.columns.names or how.columns.values else "")
    stated = kept.settings_json(how.settings)
    sha256 = _sha256(path)
    content = hashlib.sha256(f"{sha256}|{settings}".encode()).hexdigest()
    if store.log.done(content, how.format, stated):
        return Imported(str(path), how.format, 0, 0, 0, (), known=True)
    return _import(store, path, how, content, stated, progress)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with files.opened(path) as file:
        while chunk := file.read(files.CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _import(store: Store, path: Path, how: formats.Reading, content: str, stated: str, progress: Callable[[int], None] | None) -> Imported:
    number: int | None = None
    total = fresh = wrong = 0
    rows: list[Row] = []
    faults: list[Fault] = []
    listed: list[Fault] = []
    waiting: dict[str, Row] = {}

    def write() -> None:
        nonlocal number, fresh, rows, faults
        if number is None:
            number = store.log.begin(str(path), content, how.format, stated)
        fresh += store.log.put(number, rows, faults, str(path))
        rows, faults = [], []
        waiting.clear()
        if progress is not None:
            progress(total)

    for read in formats.rows(path, how):
        found = _of_another(store, waiting, read, str(path)) or read if isinstance(read, Row) and read.kind == "mapped" else read
        if isinstance(found, Fault):
            wrong += 1
            if wrong <= LISTED:
                faults.append(found)
                listed.append(found)
            continue
        total += 1
        rows.append(found)
        waiting[found.part] = found
        if len(rows) == kept.BATCH:
            write()
    write()
    assert number is not None
    store.log.finish(number, total, fresh, wrong)
    return Imported(str(path), how.format, total, fresh, wrong, tuple(listed))


def _of_another(store: Store, waiting: Mapping[str, Row], row: Row, file: str) -> Fault | None:
    """A fault where the row's id belongs to another call already: to take it as a correction would lose that call."""
    earlier = [waiting[row.part]] if row.part in waiting else store.log.of_part(row.kind, row.part)
    for known in earlier:
        if other := mapped.another(row, known):
            where = known.source if known.file else f"{file}:{known.line}"
            cause = f"通话编号 {row.part} 已属于另一通电话（{where}）：{other}；该行未采用"
            return Fault(file, row.line, cause, "一通电话一个编号；请改正编号，或让映射文件的 call_id 取全局唯一的一列")
    return None
