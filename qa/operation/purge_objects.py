"""What the kinds of data that a purge deletes have in common: an object past its period, and what became of it.

``old`` lists objects past their period that still hold something; a held call (:func:`hold`) is never among them.  An object of several
calls (a recording, a set of findings) goes when all of its calls may.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from qa.store import Store


@dataclass(frozen=True)
class Gone:
    """What was deleted of an object: rows (or files), bytes, the SHA-256 of what was there.  ``problem`` (Chinese): why nothing was."""

    count: int
    bytes: int = 0
    digest: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Old:
    """An object past its period.  ``scorecard_id``: the newest scorecard of the call then, so that newer data are seen again."""

    object_kind: str
    object_id: str
    scorecard_id: int = 0


@dataclass(frozen=True)
class Kind:
    """``old(store, cutoff)``: what is past the first day that is kept; ``delete(store, one)`` deletes one object of these."""

    old: Callable[[Store, str], Iterator[Old]]
    delete: Callable[[Store, Old], Gone]


def hold(store: Store, calls: Iterable[str]) -> None:
    """Which calls are left alone: in a table of this connection alone, that all questions of the kinds look into."""
    execute = store.db.sqlite.execute
    execute("create temp table if not exists _held (call_id text primary key)")
    execute("delete from _held")
    store.db.sqlite.conn.executemany("insert or ignore into _held values (?)", ((call_id,) for call_id in calls))
    store.db.sqlite.conn.commit()


AGE = "coalesce(c.started, c.created)"
NEWEST = "coalesce((select max(s.id) from scorecards s where s.call_id = c.call_id), 0)"
FREE = "not exists (select 1 from temp._held h where h.call_id = c.call_id)"
DONE = "exists (select 1 from purged p where p.kind = '{kind}' and p.object_id = {id} and p.scorecard_id >= {card})"
"""SQL of a call ``c``: its time, its newest scorecard, whether it is not held; whether an object was deleted already."""


def each(store: Store, sql: str, cutoff: str) -> Iterator[dict[str, Any]]:
    """All rows at once: what is deleted meanwhile must not change the question."""
    yield from [dict(row) for row in store.db.sqlite.query(sql, {"cutoff": cutoff})]


def digest_of(parts: Iterable[object]) -> str:
    """SHA-256 over what was deleted, part by part."""
    return hashlib.sha256(msgspec.msgpack.encode(list(parts))).hexdigest()
