"""Rows that were imported wrongly (another house's file, a wrong zone, rows kept twice) taken out by a person, and put back.

Nothing is deleted: a row of ``log_withdrawals`` says of a row of ``log_rows`` that it does not count any more, or does again, who said so
and why; the last one holds.  A row that comes again with the same content is the same row and stays out; one of other content (corrected,
read in another zone) is another and counts.  Where the newest row of a key is out, the one before it counts again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlite_utils

from qa import rows as stored
from qa.database import Database
from qa.migrations import migrations


@migrations()
def m015_log_withdrawals(db: sqlite_utils.Database) -> None:
    """Decisions of persons that imported rows do not count (``withdrawn`` 1) or do again (0); of one row the last holds."""
    texts = ("made_by", "reason", "created")
    db.table("log_withdrawals").create(
        {"id": int, "row_id": int, "withdrawn": int, **dict.fromkeys(texts, str)},
        pk="id",
        foreign_keys=[("row_id", "log_rows", "id")],
        not_null={"row_id", "withdrawn", *texts},
        strict=True,
    )
    db.table("log_withdrawals").create_index(["row_id", "id"])
    for verb in ("update", "delete"):
        refuse = "select raise(abort, 'log_withdrawals is append only')"
        db.execute(f"create trigger log_withdrawals_no_{verb} before {verb} on log_withdrawals begin {refuse}; end")


_LAST = "(select {what} from log_withdrawals w where w.row_id = {row}.id order by w.id desc limit 1)"
REASON = _LAST.format(what="case when w.withdrawn then w.reason end", row="r")
"""Why the row ``r`` of a question is out; NULL where it counts."""


def counts(row: str) -> str:
    """The condition that a row of ``log_rows``, by its name in the question, is not withdrawn."""
    return f"({_LAST.format(what='w.withdrawn', row=row)} is not 1)"


WHOLLY_OUT = f"""(exists (select 1 from log_rows g where g.import_id = i.id and not {counts("g")})
  and not exists (select 1 from log_rows g where g.import_id = i.id and {counts("g")}))"""
"""The condition that an import ``i`` has no row left that counts, of those that it brought."""


@dataclass(frozen=True)
class Decision:
    """What a person said of rows: ``created`` is ISO 8601 UTC."""

    withdrawn: bool
    by: str
    reason: str
    created: str


class WithdrawnRows:
    """``store.log.withdrawn``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def any(self) -> bool:
        """Whether a row was ever withdrawn."""
        return bool(self._db.rows("select 1 from log_withdrawals limit 1"))

    def decide(self, row_ids: Iterable[int], withdrawn: bool, by: str, reason: str) -> int:
        """Note that rows do not count, or do again; how many of them that changes."""
        now = stored.now_utc()
        with self._db.writing():
            return self.note(row_ids, withdrawn, Decision(withdrawn, by, reason, now))

    def note(self, row_ids: Iterable[int], withdrawn: bool, told: Decision) -> int:
        """As :meth:`decide`, inside of a transaction."""
        sql = f"""insert into log_withdrawals (row_id, withdrawn, made_by, reason, created)
          select r.id, ?, ?, ?, ? from log_rows r where r.id = ? and {counts("r")} = ?"""
        conn = self._db.sqlite.conn
        before = conn.total_changes
        rows = [(int(withdrawn), told.by, told.reason, told.created, row_id, int(withdrawn)) for row_id in row_ids]
        conn.executemany(sql, rows)
        return conn.total_changes - before

    def of_source(self, file: str) -> list[int]:
        """Ids of all rows that were read from this file, counting or not."""
        return [row["id"] for row in self._db.rows("select id from log_rows where file = ? order by id", file)]

    def of_keys(self, keys: Iterable[tuple[str, str]]) -> list[int]:
        """Ids of all rows of these kinds and keys, the corrected ones as well."""
        sql = "select id from log_rows where kind = ? and key = ? order by id"
        return [row["id"] for kind, key in keys for row in self._db.rows(sql, kind, key)]

    def sources(self) -> list[str]:
        """Every file of which there are rows."""
        return [row["file"] for row in self._db.rows("select distinct file from log_rows order by file")]

    def of_row(self, kind: str, key: str) -> tuple[Decision, ...]:
        """What was decided on the rows of a kind and key, the earliest first."""
        sql = """select w.withdrawn, w.made_by, w.reason, w.created from log_withdrawals w join log_rows r on r.id = w.row_id
          where r.kind = ? and r.key = ? order by w.id"""
        found = self._db.rows(sql, kind, key)
        return tuple(Decision(bool(row["withdrawn"]), row["made_by"], row["reason"], row["created"]) for row in found)
