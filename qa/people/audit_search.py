"""Looking things up in the audit log: by person, action, object and day, page by page, as quick in a million rows as in a hundred.

Rows come in the order of their time, the newest first; of one time in the order of their number.  Every question is answered from an index
that ends with the time (``qa.people.tables.index_log``), and a page is found by its neighbour, never by counting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from qa.clock import HOUSE_ZONE
from qa.database import Database
from qa.people.audit import Entry, _entry


@dataclass(frozen=True)
class Wanted:
    """'' and None for what does not matter.  ``by``: a login, or the name given to a command; ``kinds``: of objects, any where empty (then
    ``object_id`` is '' too); ``since`` and ``until``: days on the house's calendar, both included."""

    by: str = ""
    action: str = ""
    kinds: tuple[str, ...] = ()
    object_id: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Found:
    """A page, the newest row first; ``newer`` and ``older``: whether there are more on that side."""

    entries: tuple[Entry, ...]
    newer: bool
    older: bool


def search(db: Database, wanted: Wanted, limit: int, *, before: int | None = None, after: int | None = None) -> Found:
    """At most ``limit`` rows: those next older than the row ``before``, or next newer than the row ``after``, or the newest."""
    older = before is not None or after is None
    edge = _edge(db, before if before is not None else after)
    where, params = _conditions(wanted, edge, older)
    order = "at desc, id desc" if older else "at, id"
    sql = f"select * from audit_log where {' and '.join(where) or '1'} order by {order} limit ?"
    found = [_entry(row) for row in db.rows(sql, *params, limit + 1)]
    more, shown = len(found) > limit, found[:limit]
    if older:
        return Found(tuple(shown), newer=before is not None and bool(shown), older=more)
    return Found(tuple(reversed(shown)), newer=more, older=bool(shown))


def _edge(db: Database, number: int | None) -> tuple[str, int] | None:
    """Where a page begins; a row that there is not stands before all others, so that nothing is older than it."""
    if number is None:
        return None
    found = db.rows("select at, id from audit_log where id = ?", number)
    return (found[0]["at"], number) if found else ("", 0)


def _conditions(wanted: Wanted, edge: tuple[str, int] | None, older: bool) -> tuple[list[str], list[object]]:
    """SQL and its parameters.  A column after a ``+`` is not looked up in an index: an object has few rows, a person may have all of them;
    and of two bounds on one side the index takes one, so that only the closer is given."""
    known = "+" if wanted.object_id else ""
    since = _begin(wanted.since) if wanted.since is not None else ""
    until = _begin(wanted.until + timedelta(days=1)) if wanted.until is not None else ""
    parts: list[tuple[str, Sequence[object]]] = []
    if wanted.by:
        parts.append((f"{known}by = ?", [wanted.by]))
    if wanted.action:
        parts.append((f"{known}action = ?", [wanted.action]))
    if wanted.object_id:
        marks = ", ".join("?" * len(wanted.kinds))
        parts.append((f"object_kind in ({marks}) and object_id = ?", [*wanted.kinds, wanted.object_id]))
    if edge is not None:
        closer = (until and older and edge[0] >= until) or (since and not older and edge[0] < since)
        if not closer:
            parts.append((f"({known}at, id) {'<' if older else '>'} (?, ?)", edge))
            since, until = (since, "") if older else ("", until)
    if since:
        parts.append((f"{known}at >= ?", [since]))
    if until:
        parts.append((f"{known}at < ?", [until]))
    return [sql for sql, _values in parts], [value for _sql, values in parts for value in values]


def _begin(day: date) -> str:
    """The first moment of a day, as times stand in the log."""
    return datetime.combine(day, time(), HOUSE_ZONE).astimezone(UTC).isoformat(timespec="milliseconds")


def first_at(db: Database) -> str:
    """When the log begins (ISO 8601 UTC), '' without rows."""
    found = db.rows("select at from audit_log order by id limit 1")
    return str(found[0]["at"]) if found else ""


def newest(db: Database, kind: str, action: str, object_id: str | None = None) -> Entry | None:
    """The newest row of an action on objects of few rows (backups, checks of the log)."""
    sql, params = "select * from audit_log where action = ? and object_kind = ?", [action, kind]
    if object_id is not None:
        sql, params = f"{sql} and object_id = ?", [*params, object_id]
    found = db.rows(f"{sql} order by at desc, id desc limit 1", *params)
    return _entry(found[0]) if found else None
