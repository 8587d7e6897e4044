"""Rows of sources in the database: appended, each once; the newest of a key that was not withdrawn counts, the others stay.

A file is kept in batches, each its own transaction, so that other programs need not wait; an import that was broken off is done again
and finds its first rows there.
"""

from __future__ import annotations

import functools
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qa import rows as stored
from qa.database import Database
from qa.switch import times, withdrawn
from qa.switch.rows import CALL_KINDS, Fault, Row, Settings, over
from qa.switch.withdrawn import Decision, WithdrawnRows

BATCH = 2000
_NEWEST = f"""not exists (select 1 from log_rows o where o.kind = r.kind and o.key = r.key and o.id != r.id
  and ({withdrawn.counts("o")}, o.id) > ({withdrawn.counts("r")}, r.id))"""
"""Of the rows of a key the newest that counts, else the newest."""
_CURRENT = f"{withdrawn.counts('r')} and {_NEWEST}"
_ROWS = f"""select r.*, {withdrawn.REASON} as withdrawn, e.import_id as came_import, e.at as came_at from log_rows r
  join log_rows e on e.id = (select min(f.id) from log_rows f where f.kind = r.kind and f.key = r.key)"""
_COLUMNS = ("kind", "key", "digest", "part", "ref", "other", "at", "recording", "values_json", "file", "line", "import_id")
_INSERT = f"insert or ignore into log_rows ({', '.join(_COLUMNS)}) values ({', '.join('?' * len(_COLUMNS))})"
_MOST = 400
"""Values in one question to the database."""


@dataclass(frozen=True)
class Import:
    """A file that was imported: ``rows`` it had, ``fresh`` that were not known before, ``faults`` listed; ``created`` is ISO 8601 UTC."""

    id: int
    file: str
    sha256: str
    format: str
    created: str
    rows: int
    fresh: int
    faults: int


class LogRows:
    """The rows in one database (``store.log``)."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.withdrawn = WithdrawnRows(db)

    # ------------------------------------------------------------ writing

    def done(self, sha256: str, format_: str, settings: str) -> bool:
        """Whether a file of this content was imported whole, in the same way, nothing else of its rows came later, and none is out."""
        if self.withdrawn.any():
            return False
        sql = """select 1 from log_imports i where sha256 = ? and format = ? and settings_json = ? and finished and not exists
          (select 1 from log_imports later where later.format = i.format and later.settings_json != i.settings_json and later.id > i.id)"""
        return bool(self._db.rows(sql, sha256, format_, settings))

    def begin(self, file: str, sha256: str, format_: str, settings: str) -> int:
        row: dict[str, Any] = {"file": file, "sha256": sha256, "format": format_, "settings_json": settings, "created": stored.now_utc()}
        with self._db.writing():
            return self._db.insert("log_imports", row | {"rows": 0, "fresh": 0, "faults": 0, "finished": 0})

    def put(
        self, import_id: int, found: Sequence[Row], faults: Sequence[Fault], file: str, restore: Decision | None = None
    ) -> tuple[int, int]:
        """Keep rows and faults; how many of the rows were not known, and how many are known and withdrawn, which they stay.

        With ``restore`` those count again by this decision.

        A row that was corrected stays so when its older content comes again, unless it was "corrected" only by being read in another zone
        than now: then what is read now counts.
        """
        conn = self._db.sqlite.conn
        with self._db.writing():
            before = conn.total_changes
            zone = self._zone(import_id)
            conn.executemany(_INSERT, [_tuple(row, import_id, file) for row in found])
            again = [(row, current) for row in found if (current := self._other_zone(row, import_id, zone)) is not None]
            conn.executemany(_INSERT, [_tuple(row, import_id, file, f"{row.digest}#{current}") for row, current in again])
            fresh = conn.total_changes - before
            told = [(import_id, fault.file, fault.line, fault.cause, fault.cure) for fault in faults]
            conn.executemany("insert into log_faults (import_id, file, line, cause, cure) values (?, ?, ?, ?, ?)", told)
            out = self._out(found)
            if restore is not None:
                self.withdrawn.note(out, False, restore)
        return fresh, len(out)

    def _out(self, found: Sequence[Row]) -> list[int]:
        """Ids of the rows that say just what these say and are withdrawn, where no other of their key counts."""
        if not self.withdrawn.any():
            return []
        sql = f"""select r.id, r.digest from log_rows r where r.kind = ? and r.key = ? and not {withdrawn.counts("r")} and {_NEWEST}"""
        out = ((row, known) for row in found for known in self._db.rows(sql, row.kind, row.key))
        return [known["id"] for row, known in out if known["digest"].partition("#")[0] == row.digest]

    def _other_zone(self, row: Row, import_id: int, zone: str | None) -> int | None:
        """The row that counts in this one's stead, where it says other things and was read in another zone."""
        sql = f"""select r.id, r.digest, i.settings_json from log_rows r join log_imports i on i.id = r.import_id
          where r.kind = ? and r.key = ? and r.import_id != ? and {_CURRENT}"""
        for current in self._db.rows(sql, row.kind, row.key, import_id):
            if current["digest"].partition("#")[0] != row.digest and json.loads(current["settings_json"])["zone"] != zone:
                return int(current["id"])
        return None

    def _zone(self, import_id: int) -> Any:
        (found,) = self._db.rows("select settings_json from log_imports where id = ?", import_id)
        return json.loads(found["settings_json"])["zone"]

    def finish(self, import_id: int, rows: int, fresh: int, faults: int) -> None:
        sql = "update log_imports set rows = ?, fresh = ?, faults = ?, finished = 1 where id = ?"
        with self._db.writing():
            self._db.sqlite.execute(sql, (rows, fresh, faults, import_id))

    # ------------------------------------------------------------ reading

    def imports(self) -> tuple[Import, ...]:
        """All imports, the earliest first."""
        sql = "select id, file, sha256, format, created, rows, fresh, faults from log_imports where finished order by id"
        return tuple(Import(**row) for row in self._db.rows(sql))

    def faults(self) -> tuple[Fault, ...]:
        """What was wrong with each file when it was imported last."""
        sql = f"""select f.file, f.line, f.cause, f.cure from log_faults f join log_imports i on i.id = f.import_id
          where not exists (select 1 from log_imports later where later.file = i.file and later.format = i.format and later.id > i.id
            and later.finished) {self._not_out()} order by f.file, f.line, f.id"""
        return tuple(Fault(**row) for row in self._db.rows(sql))

    def any_calls(self) -> bool:
        """Whether there are rows of calls that count at all."""
        marks = ", ".join("?" * len(CALL_KINDS))
        sql = f"select 1 from log_rows r where r.kind in ({marks}) and {withdrawn.counts('r')} limit 1"
        return bool(self._db.rows(sql, *CALL_KINDS))

    def _not_out(self) -> str:
        """A condition on imports ``i``: what a file states and lacks goes with its rows."""
        return f"and not {withdrawn.WHOLLY_OUT}" if self.withdrawn.any() else ""

    def whole(self, low: str, high: str) -> list[Row]:
        """Rows of calls with their time from ``low`` ("": ever) to before ``high``, and all others, whenever, that share an id with them.

        Rows that were withdrawn are among them, with the reason.
        """
        marks = ", ".join("?" * len(CALL_KINDS))
        sql = f"{_ROWS} where r.at >= ? and r.at < ? and r.kind in ({marks}) and {_NEWEST} order by r.id"
        found = [_row(row) for row in self._db.rows(sql, low, high, *CALL_KINDS)]
        names = {name for row in found for name in (row.part, row.ref, row.other) if name and low}
        far = {name for row in self._far(sorted(names), low, high) for name in (row.part, row.ref, row.other) if name}
        here = {(row.kind, row.key) for row in found}
        return found + [row for row in self.linked(far) if (row.kind, row.key) not in here]

    def _far(self, names: Sequence[str], low: str, high: str) -> Iterator[Row]:
        """Rows of these ids with another time."""
        for start in range(0, len(names), _MOST):
            some = names[start : start + _MOST]
            marks = ", ".join("?" * len(some))
            for column in ("part", "ref", "other"):
                sql = f"{_ROWS} where r.{column} in ({marks}) and not (+r.at >= ? and +r.at < ?) and {_NEWEST}"
                yield from (_row(row) for row in self._db.rows(sql, *some, low, high))

    def between(self, kinds: Sequence[str], low: str, high: str) -> Iterator[Row]:
        """Rows that count, of these kinds, with their time from ``low`` to before ``high`` (wall clock)."""
        marks = ", ".join("?" * len(kinds))
        sql = f"{_ROWS} where r.at >= ? and r.at < ? and r.kind in ({marks}) and {_CURRENT} order by r.id"
        return (_row(row) for row in self._db.rows(sql, low, high, *kinds))

    def of_kind(self, kind: str) -> Iterator[Row]:
        """All rows of a kind that count."""
        return (_row(row) for row in self._db.rows(f"{_ROWS} where r.kind = ? and {_CURRENT} order by r.id", kind))

    def of_source(self, file: str) -> list[Row]:
        """The rows of calls that were read from this file, withdrawn ones with the reason."""
        marks = ", ".join("?" * len(CALL_KINDS))
        sql = f"{_ROWS} where r.file = ? and r.kind in ({marks}) and {_NEWEST} order by r.id"
        return [_row(row) for row in self._db.rows(sql, file, *CALL_KINDS)]

    def named(self, recordings: Iterable[str]) -> list[Row]:
        """Rows that name one of these sound files."""
        names = sorted({_nfc(name) for name in recordings})
        marks = ", ".join("?" * len(names))
        return [_row(row) for row in self._db.rows(f"{_ROWS} where r.recording in ({marks}) and {_CURRENT} order by r.id", *names)]

    def near(self, low: str, high: str, number: str) -> list[Row]:
        """Rows of the calls that have a row from ``low`` to before ``high`` in which this number (or its end) stands."""
        marks = ", ".join("?" * len(CALL_KINDS))
        sql = f"""select r.part, r.ref, r.other from log_rows r where r.at >= ? and r.at < ? and r.kind in ({marks})
          and instr(r.values_json, ?)"""
        found = self._db.rows(sql, low, high, *CALL_KINDS, number)
        return self.linked(name for row in found for name in row.values())

    def version(self) -> tuple[int, int]:
        """Another one whenever a row was added, or taken out or put back."""
        last = "select coalesce((select max(id) from log_rows), 0) as row, coalesce((select max(id) from log_withdrawals), 0) as told"
        (found,) = self._db.rows(last)
        return found["row"], found["told"]

    def of_part(self, kind: str, part: str) -> list[Row]:
        """Rows of a kind that count and belong to this call."""
        sql = f"{_ROWS} where r.part = ? and r.kind = ? and {_CURRENT} order by r.id"
        return [_row(row) for row in self._db.rows(sql, part, kind)]

    def linked(self, names: Iterable[str]) -> list[Row]:
        """All rows of the calls that these ids belong to, directly or through each other; withdrawn ones with the reason."""
        found: dict[tuple[str, str], Row] = {}
        asked: set[str] = set()
        waiting = {name for name in names if name}
        while waiting:
            some = sorted(waiting)[:_MOST]
            waiting.difference_update(some)
            asked |= set(some)
            for row in self._by_names(some):
                found[row.kind, row.key] = row
                waiting |= {name for name in (row.part, row.ref, row.other) if name and name not in asked}
        return list(found.values())

    def _by_names(self, names: Sequence[str]) -> Iterator[Row]:
        marks = ", ".join("?" * len(names))
        for column in ("part", "ref", "other"):
            sql = f"{_ROWS} where r.{column} in ({marks}) and {_NEWEST}"
            yield from (_row(row) for row in self._db.rows(sql, *names))

    def span(self, kinds: Sequence[str], out: bool = False) -> tuple[str | None, str | None]:
        """The first and the last time of rows of these kinds that count (``out``: that do not); None where there are none with a time."""
        marks = ", ".join("?" * len(kinds))
        which = f"r.at is not null and r.kind in ({marks}) and {withdrawn.counts('r')} = {int(not out)}"
        found = [self._db.rows(f"select r.at from log_rows r where {which} order by r.at {way} limit 1", *kinds) for way in ("asc", "desc")]
        low, high = (rows[0]["at"] if rows else None for rows in found)
        return low, high

    def settings(self) -> Settings:
        """What the house has stated at its imports of calls; of each thing what it stated last, so that silence takes nothing back."""
        marks = ", ".join("?" * (len(CALL_KINDS) + 1))
        sql = f"""select i.settings_json from log_imports i where i.format in ({marks}) {self._not_out()}
          group by i.settings_json order by max(i.id)"""
        told = [settings_of(row["settings_json"]) for row in self._db.rows(sql, *CALL_KINDS, "freeswitch-json")]
        return functools.reduce(over, told, Settings())

    def judged(self) -> tuple[frozenset[str], frozenset[str]]:
        """Ids of calls that have a recording, and a scorecard, in the database; of a call of several agents that of the whole.

        Calls that were withdrawn have neither: their recording is another call's.
        """
        counts = "where call_id not in (select call_id from withdrawn_calls)"
        recorded = {row["call_id"].partition("#")[0] for row in self._db.rows(f"select call_id from calls {counts}")}
        scored = {row["call_id"].partition("#")[0] for row in self._db.rows(f"select distinct call_id from scorecards {counts}")}
        return frozenset(recorded), frozenset(scored)


def settings_json(settings: Settings) -> str:
    """Settings as text, equal for equal ones."""
    told = {name: value for name, value in vars(settings).items() if name != "zone"} | {
        "zone": settings.zone.key if settings.zone else None
    }
    return json.dumps(told | {"agents": dict(settings.agents)}, ensure_ascii=False, sort_keys=True)


def settings_of(text: str) -> Settings:
    told = json.loads(text)
    return Settings(**told | {"zone": times.zone(told["zone"]) if told["zone"] else None})


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _tuple(row: Row, import_id: int, file: str, digest: str = "") -> tuple[Any, ...]:
    values = json.dumps(dict(sorted(row.values.items())), ensure_ascii=False)
    told = (row.part, row.ref, row.other, row.at, _nfc(row.recording), values, file, row.line, import_id)
    return (row.kind, row.key, digest or row.digest, *told)


def _row(row: dict[str, Any]) -> Row:
    plain = {name: row[name] for name in ("kind", "key", "line", "part", "ref", "other", "at", "recording", "file")}
    came = row["came_import"], row["came_at"] or ""
    return Row(**plain, values=json.loads(row["values_json"]), came=came, withdrawn=row["withdrawn"] or "")
