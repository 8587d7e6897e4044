"""What the database keeps of batches: each run with its report, and the recordings in quarantine.  Imports nothing heavy."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa import places, rows
from qa.claims import is_empty, sha256_of
from qa.database import Database
from qa.errors import PoisonError, QaError

_ESCAPED = re.compile(r"\\(udc[89a-f][0-9a-f])")


def path_text(path: Path | str) -> str:
    """A path as text that any database, file or screen takes: bytes that are not UTF-8 as ``\\udcb2`` (see :func:`path_of`)."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def path_of(text: str) -> Path:
    """The path that :func:`path_text` wrote."""
    return places.place(_ESCAPED.sub(lambda found: chr(int(found[1][1:], 16)), text))


@dataclass(frozen=True)
class Quarantined:
    """A file whose content is not tried again until a person says so; ``path`` (as :func:`path_text`) is where it lies.

    ``kind`` is the name of the error's class, ``attempts`` how often this file failed, ``first`` and ``last`` when (ISO 8601 UTC).
    """

    sha256: str
    path: str
    kind: str
    cause: str
    cure: str
    attempts: int
    first: str
    last: str

    @property
    def error(self) -> QaError:
        return PoisonError(self.path, f"已隔离：{self.cause}", "要重试请用 qa batch retry")

    @property
    def place(self) -> Path:
        """Where the file lies."""
        return path_of(self.path)


@dataclass(frozen=True)
class KeptRun:
    """A run: ``state`` is running (or cut off, where no batch holds the lock), done or stopped; stamps are ISO 8601 UTC."""

    id: int
    started: str
    ended: str | None
    state: str
    progress: dict[str, Any] | None
    report: dict[str, Any] | None


class Batches:
    """``store.batches``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # ------------------------------------------------------------ runs

    def begin(self) -> int:
        """A new run; its id."""
        with self._db.writing():
            return self._db.insert("batch_runs", {"started": rows.now_utc(), "state": "running"})

    def progress(self, run: int, figures: dict[str, Any]) -> None:
        """How far a run is."""
        with self._db.writing():
            self._db.sqlite.execute("update batch_runs set progress_json = ? where id = ?", (_json(figures), run))

    def end(self, run: int, state: str, report: dict[str, Any]) -> None:
        """A run is over: ``state`` done or stopped."""
        with self._db.writing():
            sql = "update batch_runs set state = ?, ended = ?, report_json = ? where id = ?"
            self._db.sqlite.execute(sql, (state, rows.now_utc(), _json(report), run))

    def runs(self, limit: int = 10) -> tuple[KeptRun, ...]:
        """The latest runs, the newest first."""
        found = self._db.rows("select * from batch_runs order by id desc limit ?", limit)
        return tuple(
            KeptRun(r["id"], r["started"], r["ended"], r["state"], _read(r["progress_json"]), _read(r["report_json"])) for r in found
        )

    def others_wrote(self) -> int:
        """A number that changes when another program has written to the database."""
        (row,) = self._db.rows("pragma data_version")
        return int(row["data_version"])

    # ------------------------------------------------------------ quarantine

    def quarantine(self, sha256: str, path: Path, error: QaError) -> None:
        """Put a file's content into quarantine, or count another attempt; what lay at its place before lies there no more."""
        now = rows.now_utc()
        told = {"kind": type(error).__name__, "cause": path_text(error.cause), "cure": error.cure, "last": now}
        conflict = "on conflict (sha256) do update set {}, resolved = null, attempts = attempts + 1"
        with self._db.writing():
            row = {"sha256": sha256, "path": _place(path), "first": now, "attempts": 1} | told
            self._db.insert("quarantine", row, suffix=conflict.format(_taken_over("path", *told)))
            conflict = "on conflict (sha256, path) do update set {}, attempts = attempts + 1"
            row = {"sha256": sha256, "path": _place(path), "first": now, "attempts": 1, "last": now}
            self._db.insert("quarantine_places", row, suffix=conflict.format(_taken_over("last")))
            self._leave(self._others(sha256, path), path)

    def met(self, sha256: str, path: Path) -> None:
        """A file whose content is in quarantine already was left out: it is listed, and tried when that is."""
        place = _place(path)
        if not self._db.rows("select 1 from quarantine_places where sha256 = ? and path = ?", sha256, place):
            now = rows.now_utc()
            with self._db.writing():
                self._db.insert("quarantine_places", {"sha256": sha256, "path": place, "first": now, "last": now, "attempts": 0})
                self._leave(self._others(sha256, path), path)

    def resolve(self, sha256: str, path: Path) -> None:
        """The recording at ``path`` could be scored: its content is out of quarantine, and so is that which lay there before."""
        open_ = self._db.rows("select 1 from quarantine where sha256 = ? and resolved is null", sha256)
        others = self._others(sha256, path)
        if not open_ and not others:
            return
        with self._db.writing():
            if open_:
                self._db.sqlite.execute("update quarantine set resolved = ? where sha256 = ?", (rows.now_utc(), sha256))
                self._db.sqlite.execute("delete from quarantine_places where sha256 = ?", (sha256,))
            self._leave(others, path)

    def drop(self, sha256: str, path: Path) -> None:
        """This content lies at ``path`` no more; where it lies nowhere, it is out of quarantine."""
        with self._db.writing():
            self._leave([sha256], path)

    def _others(self, sha256: str, path: Path) -> list[str]:
        """Other contents that were set apart when they lay at ``path``."""
        sql = "select sha256 from quarantine_places where path = ? and sha256 != ?"
        return [row["sha256"] for row in self._db.rows(sql, _place(path), sha256)]

    def _leave(self, contents: Iterable[str], path: Path) -> None:
        """Contents lie at ``path`` no more; inside a transaction."""
        for sha256 in contents:
            self._db.sqlite.execute("delete from quarantine_places where sha256 = ? and path = ?", (sha256, _place(path)))
            sql = """update quarantine set resolved = ? where sha256 = ? and resolved is null
              and not exists (select 1 from quarantine_places p where p.sha256 = quarantine.sha256)"""
            self._db.sqlite.execute(sql, (rows.now_utc(), sha256))

    def unusable(self) -> Callable[[Path], bool]:
        """What tells of a file whether it can claim no call beside others: it is empty, or the content that it has is in quarantine."""
        contents: dict[str, set[str]] = {}
        for one in self.quarantined():
            contents.setdefault(one.path, set()).add(one.sha256)

        def broken(path: Path) -> bool:
            return is_empty(path) or (_place(path) in contents and sha256_of(path) in contents[_place(path)])

        return broken

    def quarantined(self) -> tuple[Quarantined, ...]:
        """All files in quarantine, by path; of a content whose files were moved those that are there."""
        found = [
            Quarantined(**r)
            for r in self._db.rows(
                """select q.sha256, p.path, q.kind, q.cause, q.cure, p.attempts, p.first, p.last
                from quarantine q join quarantine_places p using (sha256) where q.resolved is null order by p.path, q.sha256"""
            )
        ]
        several = {sha256 for sha256, count in Counter(one.sha256 for one in found).items() if count > 1}
        there = {one.path for one in found if one.sha256 in several and one.place.exists()}
        anywhere = {one.sha256 for one in found if one.path in there}
        return tuple(one for one in found if one.sha256 not in anywhere or one.path in there)


def _place(path: Path) -> str:
    """Where a file lies, whatever folder a later command is started in."""
    return path_text(path.absolute())


def _taken_over(*names: str) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in names)


def _json(value: dict[str, Any]) -> str:
    return path_text(json.dumps(value, ensure_ascii=False))


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else dict(json.loads(text))
