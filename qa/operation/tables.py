"""Tables of purges, and the one lawful way past the append-only triggers; made by a migration (:mod:`qa.migrations`), never edited."""

from __future__ import annotations

from sqlite_utils import Database

APPEND_ONLY = ("purges", "purged", "purge_ends")
"""Triggers refuse to change or delete a row of these: they are the proof of what was deleted."""
BLANKED: dict[str, tuple[str, ...]] = {
    "judgements": ("digest", "findings_json"),
    "verdicts": ("findings_json",),
    "text_marks": ("text", "before_json", "edges_json"),
}
"""Of append-only tables the columns that hold words of a call: a purge may blank these, and nothing else."""


def create(db: Database) -> None:
    """``purges``: a run, by whom, under which periods.  ``purged``: what was deleted of an object, how many rows, bytes, and the SHA-256 of
    what was there.  ``purge_ends``: the sums of a run and whether the bytes are gone; a run without one was cut off.

    ``purging`` has its row only inside the transaction of a purge.
    """
    texts = ("started", "made_by", "rules_json")
    db.table("purges").create({"id": int, **dict.fromkeys(texts, str)}, pk="id", not_null={*texts}, strict=True)
    told = ("kind", "object_kind", "object_id", "cutoff", "digest", "created")
    numbers = ("purge_id", "scorecard_id", "count", "bytes")
    db.table("purged").create(
        {"id": int, **dict.fromkeys(told, str), **dict.fromkeys(numbers, int)},
        pk="id",
        foreign_keys=[("purge_id", "purges", "id")],
        not_null={*told, *numbers},
        strict=True,
    )
    db.table("purged").create_index(["kind", "object_id", "scorecard_id"])
    db.table("purged").create_index(["purge_id"])
    ends = ("ended", "sums_json", "digest", "wiped_json")
    db.table("purge_ends").create(
        {"purge_id": int, **dict.fromkeys(ends, str)},
        pk="purge_id",
        foreign_keys=[("purge_id", "purges", "id")],
        not_null={*ends},
        strict=True,
    )
    db.execute("create table purging (id integer primary key check (id = 1), purge_id integer not null references purges (id)) strict")
    for table in BLANKED:
        _open(db, table)


def _open(db: Database, table: str) -> None:
    """An update is refused unless a purge is under way and all columns but those of ``BLANKED`` stay what they are."""
    kept = [column.name for column in db.table(table).columns if column.name not in BLANKED[table]]
    new, old = (", ".join(f'{row}."{name}"' for name in kept) for row in ("new", "old"))
    changed = f"({new}) is not ({old})" if len(kept) > 1 else f"{new} is not {old}"
    db.execute(f"drop trigger {table}_no_update")
    db.execute(
        f"create trigger {table}_no_update before update on {table} when not exists (select 1 from purging) or {changed}"
        f" begin select raise(abort, '{table} is append only'); end"
    )


def index_payloads(db: Database) -> None:
    """What names a payload or a sound: asked whenever one is deleted, by the purge and by SQLite for its foreign keys."""
    db.table("stage_results").create_index(["digest"])
    db.table("clip_versions").create_index(["sound"])
