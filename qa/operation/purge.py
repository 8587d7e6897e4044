"""``qa purge``: what is past its period is deleted, with proof; scorecards, points and the audit log stay whole.

Every object is deleted in a transaction together with its row of proof (``purged``: by which rule, how much, the hash of what was there).
At the end the bytes themselves are wiped: the full-text indexes are joined, the file is rewritten without its free pages and the
write-ahead log is emptied.  The sums go to the audit log, whose chain so guards the proof.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from qa import rows
from qa.clock import HOUSE_ZONE
from qa.errors import StoreError
from qa.operation import purge_kinds, remarks, shared_findings
from qa.operation.holds import held
from qa.operation.purge_kinds import KIND
from qa.operation.purge_objects import Gone, Old, hold
from qa.operation.retention import KINDS, Retention
from qa.people import audit
from qa.store import Store

AT_ONCE = 100
"""Objects a transaction: whoever else writes waits no longer."""
PAUSE_S = 0.1
"""Between two of these: SQLite has no queue, and whoever waits looks again every 0.1 s at the latest."""
JOIN_PAGES = 500
"""Pages of a full-text index that are joined in one transaction."""
WIPE_TRIES, WIPE_WAIT_S = 20, 0.5
_INDEXES = {"transcripts": "utterances_fts", "search": "search_words"}


@dataclass(frozen=True)
class Sum:
    """Of one kind: past its period are ``objects`` before ``cutoff`` (ISO 8601 day); deleted were ``count`` rows or files of ``bytes``."""

    kind: str
    cutoff: str
    objects: int
    count: int = 0
    bytes: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Purged:
    """A run: ``number`` 0 for a trial.  ``digest``: SHA-256 over its proofs.  ``wiped``: the bytes are gone from file and log."""

    number: int
    sums: tuple[Sum, ...]
    held: int
    digest: str = ""
    wiped: bool = False


@dataclass
class _Run:
    store: Store
    number: int
    sums: list[Sum] = field(default_factory=list)


def plan(store: Store, retention: Retention, now: datetime.datetime) -> Purged:
    """What a purge would look at now; nothing is changed."""
    kept = held(store, retention, now)
    hold(store, kept)
    cutoffs = _cutoffs(retention, now)
    return Purged(0, tuple(Sum(kind, day, sum(1 for _ in KIND[kind].old(store, day))) for kind, day in cutoffs.items()), len(kept))


def run(store: Store, retention: Retention, by: str, now: datetime.datetime, rewrite: bool = True) -> Purged:
    """Delete what is past its period, prove it, wipe its bytes (``rewrite`` as of :func:`wipe`).

    Errors: :class:`StoreError` where the name is missing or the database cannot be written.
    """
    if not by.strip():
        raise StoreError("清理", "没有写由谁清理", "请加 --by 姓名")
    kept = held(store, retention, now)
    hold(store, kept)
    store.db.sqlite.execute("PRAGMA secure_delete = on")
    cutoffs = _cutoffs(retention, now)
    with store.db.writing():
        row = {"started": rows.now_utc(), "made_by": by.strip(), "rules_json": rows.to_json({"days": retention.days, "held": sorted(kept)})}
        going = _Run(store, store.db.insert("purges", row))
    for kind, cutoff in cutoffs.items():
        going.sums.append(_purge(going, kind, cutoff))
    wiped = wipe(store, [table for kind, table in _INDEXES.items() if any(s.kind == kind and s.count for s in going.sums)], rewrite)
    return _end(going, by.strip(), len(kept), wiped)


def _cutoffs(retention: Retention, now: datetime.datetime) -> dict[str, str]:
    today = now.astimezone(HOUSE_ZONE).date()
    return {kind: day for kind in KINDS if (day := retention.cutoff(kind, today)) is not None}


def _purge(going: _Run, kind: str, cutoff: str) -> Sum:
    store = going.store
    if kind in ("transcripts", "caches"):
        purge_kinds.note_needs(store)
    if kind == "quotes":
        shared_findings.note(store, cutoff)
    if kind == "remarks":
        shared_findings.note(store, cutoff, remarks.RULED)
    objects, count, size = 0, 0, 0
    problems: dict[str, int] = {}
    for some in _batches(KIND[kind].old(store, cutoff)):
        with store.db.writing(), _open(store, going.number):
            for one in some:
                gone = KIND[kind].delete(store, one)
                objects, count, size = objects + 1, count + gone.count, size + gone.bytes
                if gone.problem:
                    problems[gone.problem] = problems.get(gone.problem, 0) + 1
                else:
                    store.db.insert("purged", _proof(going.number, kind, cutoff, one, gone))
    return Sum(kind, cutoff, objects, count, size, tuple(f"{cause}（{times} 个）" for cause, times in problems.items()))


def _batches(found: Iterable[Old]) -> Iterator[list[Old]]:
    batch: list[Old] = []
    for one in found:
        batch.append(one)
        if len(batch) == AT_ONCE:
            yield batch
            time.sleep(PAUSE_S)
            batch = []
    if batch:
        yield batch


@contextmanager
def _open(store: Store, number: int) -> Iterator[None]:
    """Inside this transaction the triggers let words be blanked (``qa.operation.tables``)."""
    store.db.insert("purging", {"id": 1, "purge_id": number})
    yield
    store.db.sqlite.execute("delete from purging")


def _proof(number: int, kind: str, cutoff: str, one: Old, gone: Gone) -> dict[str, object]:
    row = {"purge_id": number, "kind": kind, "object_kind": one.object_kind, "object_id": one.object_id, "scorecard_id": one.scorecard_id}
    return row | {"cutoff": cutoff, "count": gone.count, "bytes": gone.bytes, "digest": gone.digest, "created": rows.now_utc()}


def _end(going: _Run, by: str, kept: int, wiped: bool) -> Purged:
    store, digest = going.store, proof_digest(going.store, going.number)
    sums = {s.kind: {"objects": s.objects, "count": s.count, "bytes": s.bytes, "cutoff": s.cutoff} for s in going.sums}
    with store.db.writing():
        row = {"purge_id": going.number, "ended": rows.now_utc(), "sums_json": rows.to_json(sums), "digest": digest}
        store.db.insert("purge_ends", row | {"wiped_json": rows.to_json({"wiped": wiped})})
        details = {kind: f"{of['count']}/{of['objects']}" for kind, of in sums.items()}
        audit.record(store.db, by, "purge", "purge", str(going.number), details | {"digest": digest, "wiped": wiped})
    return Purged(going.number, tuple(going.sums), kept, digest, wiped)


# ---------------------------------------------------------------- proof


def proof_digest(store: Store, number: int) -> str:
    """SHA-256 over the proofs of a run, in their order; it stands in the audit log, whose chain nobody can change unseen."""
    found = hashlib.sha256()
    columns = "kind, object_kind, object_id, scorecard_id, cutoff, count, bytes, digest, created"
    for row in store.db.sqlite.query(f"select {columns} from purged where purge_id = ? order by id", (number,)):
        found.update(json.dumps(list(row.values()), ensure_ascii=False).encode() + b"\n")
    return found.hexdigest()


def check(store: Store, number: int) -> bool:
    """Whether the proofs of a run are those that the audit log was told of."""
    told = {dict(e.details).get("digest") for e in audit.entries(store.db, kind="purge", object_id=str(number)) if e.action == "purge"}
    return told == {proof_digest(store, number)}


def _join(store: Store, table: str) -> None:
    """A full-text index made one piece, in steps between which others write: joined at once, a million calls take minutes."""
    pages = -JOIN_PAGES  # the first step chooses all there is, the others go on with it
    while True:
        with store.db.writing():
            before = store.db.sqlite.conn.total_changes
            store.db.sqlite.execute(f"insert into {table} ({table}, rank) values ('merge', ?)", (pages,))
            moved = store.db.sqlite.conn.total_changes - before
        if moved < 2 and pages > 0:  # https://sqlite.org/fts5.html#the_merge_command
            return
        pages = JOIN_PAGES
        time.sleep(PAUSE_S)


def wipe(store: Store, indexes: Iterable[str], rewrite: bool = True) -> bool:
    """Make deleted bytes unreadable in the database's files: join full-text indexes (a deletion there only hides), rewrite the file, empty
    the log.  False where somebody who reads an old state kept the log from being emptied.

    Nobody can write while the file is rewritten.  Without ``rewrite`` it keeps its size; what this purge deleted is overwritten with
    zeros in any case (``secure_delete``), what other programs deleted earlier may not be.
    """
    for table in indexes:
        _join(store, table)
    for attempt in range(WIPE_TRIES):
        try:
            if rewrite:
                store.db.sqlite.execute("VACUUM")
            busy, _, _ = store.db.sqlite.execute("PRAGMA wal_checkpoint(truncate)").fetchone()
        except Exception as error:  # another program is writing: its turn first
            if "locked" not in str(error) and "busy" not in str(error):
                raise
            busy = 1
        if not busy:
            return True
        if attempt + 1 < WIPE_TRIES:
            time.sleep(WIPE_WAIT_S)
    return False
