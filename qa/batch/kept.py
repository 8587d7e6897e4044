"""What the database keeps of batches: each run with its report, and the recordings in quarantine.  Imports nothing heavy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from qa import rows
from qa.database import Database
from qa.errors import PoisonError, QaError


@dataclass(frozen=True)
class Quarantined:
    """A recording, by content, that is not tried again until a person says so; ``path`` is where it was last seen.

    ``kind`` is the name of the error's class, ``attempts`` how many runs it failed in, ``first`` and ``last`` when (ISO 8601 UTC).
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

    # ------------------------------------------------------------ quarantine

    def quarantine(self, sha256: str, path: str, error: QaError) -> None:
        """Put a recording into quarantine, or count another attempt."""
        now = rows.now_utc()
        row = {"sha256": sha256, "path": path, "kind": type(error).__name__, "cause": error.cause, "cure": error.cure}
        row |= {"first": now, "last": now}
        names = ("path", "kind", "cause", "cure", "last")
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        conflict = f"on conflict (sha256) do update set {changes}, resolved = null, attempts = attempts + 1"
        with self._db.writing():
            self._db.insert("quarantine", row | {"attempts": 1}, suffix=conflict)

    def resolve(self, sha256: str) -> None:
        """Take a recording that could be scored out of quarantine."""
        if self._db.rows("select 1 from quarantine where sha256 = ? and resolved is null", sha256):
            with self._db.writing():
                self._db.sqlite.execute("update quarantine set resolved = ? where sha256 = ?", (rows.now_utc(), sha256))

    def quarantined(self) -> tuple[Quarantined, ...]:
        """All recordings in quarantine, by path."""
        columns = "sha256, path, kind, cause, cure, attempts, first, last"
        return tuple(
            Quarantined(**r) for r in self._db.rows(f"select {columns} from quarantine where resolved is null order by path, sha256")
        )


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else dict(json.loads(text))
