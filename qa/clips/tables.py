"""Tables of search, clips and playlists; made by a migration (:mod:`qa.migrations`) and never edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils import Database

if TYPE_CHECKING:
    from qa import database

APPEND_ONLY = ("clip_decisions",)
_STALE = {
    "scorecards": ("insert",),
    "calls": ("insert", "update"),
    "withdrawals": ("insert",),
    "adjustments": ("insert",),
}
"""What changes a call for the search: a trigger on each notes the call, whichever program wrote it."""


def create(db: Database) -> None:
    """Search over all calls (``qa.clips.index``), clips with their sound and decisions, playlists."""
    _create_search(db)
    _create_clips(db)
    _create_playlists(db)


def _create_search(db: Database) -> None:
    """``search_calls``: a row a call, numbered in order of time; ``search_words``: its words, sounds and marks, without their content."""
    texts = ("call_id", "agent_id", "team", "direction", "started")
    figures = ("percent", "coverage", "rate_cpm", "level_dbov", "silence_s")
    db.table("search_calls").create(
        {
            "number": int,
            **dict.fromkeys(texts, str),
            "scorecard_id": int,
            "duration_ms": int,
            "demo": int,
            **dict.fromkeys(figures, float),
            "version": int,
            "marks": str,
            "lines": bytes,
        },
        pk="number",
        not_null={"call_id", "scorecard_id", "duration_ms", "demo", "version", "marks", "lines"},
        strict=True,
    )
    db.table("search_calls").create_index(["call_id"], unique=True)
    db.table("search_calls").create_index(["team", "number"])
    db.table("calls").create_index(["agent_name"])
    db.execute(
        "create virtual table search_words using fts5(agent, customer, other, agent_sound, customer_sound, other_sound, marks,"
        " content = '', columnsize = 0, tokenize = 'ascii')"
    )
    db.execute("create table search_stale (call_id text primary key, changes int not null) strict, without rowid")
    for table, verbs in _STALE.items():
        for verb in verbs:
            db.execute(
                f"create trigger {table}_{verb}_search after {verb} on {table}"
                # not "or ignore": the conflict clause of the statement that fires a trigger (an upsert) overrides its own
                " begin update search_stale set changes = changes + 1 where call_id = new.call_id;"
                " insert into search_stale (call_id, changes) select new.call_id, 1"
                " where not exists (select 1 from search_stale where call_id = new.call_id); end"
            )
    db.execute("insert or ignore into search_stale (call_id, changes) select call_id, 1 from calls")


def index_versions(db: Database) -> None:
    """The way to what was made under other rules of what is hidden, the newest first, and to how much of it there is."""
    db.table("search_calls").create_index(["version"])


def _create_clips(db: Database) -> None:
    """A clip is its place in a call; each version of it holds what was hidden, its captions and its sound (by digest)."""
    texts = ("call_id", "title", "example", "check_id", "note", "made_by", "created")
    db.table("clips").create(
        {"id": int, **dict.fromkeys(texts, str)},
        pk="id",
        foreign_keys=[("call_id", "calls", "call_id")],
        not_null={*texts},
        strict=True,
    )
    db.table("clips").create_index(["call_id"])
    db.table("clip_sounds").create({"digest": str, "sound": bytes}, pk="digest", not_null={"sound"}, strict=True)
    of_version = ("file_sha256", "sound", "captions_json", "beeps_json", "made_by", "created")
    db.table("clip_versions").create(
        {"id": int, "clip_id": int, "start_ms": int, "end_ms": int, "rules": int, "demo": int, **dict.fromkeys(of_version, str)},
        pk="id",
        foreign_keys=[("clip_id", "clips", "id"), ("sound", "clip_sounds", "digest")],
        not_null={"clip_id", "start_ms", "end_ms", "rules", "demo", *of_version},
        strict=True,
    )
    db.table("clip_versions").create_index(["clip_id", "id"])
    of_decision = ("sound", "decision", "made_by", "reason", "created")
    db.table("clip_decisions").create(
        {"id": int, "clip_id": int, "version_id": int, **dict.fromkeys(of_decision, str)},
        pk="id",
        not_null={"clip_id", "version_id", *of_decision},
        strict=True,
    )
    db.table("clip_decisions").create_index(["clip_id", "id"])
    for table in APPEND_ONLY:
        for verb in ("update", "delete"):
            db.execute(
                f"create trigger {table}_no_{verb} before {verb} on {table} begin select raise(abort, '{table} is append only'); end"
            )
    db.execute(
        "create trigger clip_versions_no_update before update on clip_versions"
        " begin select raise(abort, 'clip_versions is append only'); end"
    )


def _create_playlists(db: Database) -> None:
    texts = ("title", "note", "made_by", "created", "updated", "origin")
    db.table("playlists").create({"id": int, **dict.fromkeys(texts, str)}, pk="id", not_null={*texts}, strict=True)
    db.table("playlists").create_index(["origin"])
    db.table("playlist_items").create(
        {"id": int, "playlist_id": int, "clip_id": int, "position": int, "note": str},
        pk="id",
        foreign_keys=[("playlist_id", "playlists", "id"), ("clip_id", "clips", "id")],
        not_null={"playlist_id", "clip_id", "position", "note"},
        strict=True,
    )
    db.table("playlist_items").create_index(["playlist_id", "position"])
    db.table("playlist_items").create_index(["clip_id"])


# ---------------------------------------------------------------- ids that are never given again

_USED = {
    "clips": """select max(id) as id from clips union all select max(clip_id) from clip_decisions
      union all select max(cast(object_id as integer)) from {log} union all select max(cast(object_id as integer)) from {purged}""",
    "clip_versions": "select max(id) as id from clip_versions union all select max(version_id) from clip_decisions",
    "playlists": "select max(id) as id from playlists union all select max(cast(object_id as integer)) from {log}",
    "playlist_items": "select max(id) as id from playlist_items",
}
"""What names a row by its id, also one that was deleted since: decisions, the audit log, proofs of purges."""
_KINDS = {"clips": "clip", "playlists": "playlist"}


def last_ids(db: Database) -> None:
    """``last_ids``: of each table whose rows may be deleted the highest id that a row ever had, kept by a trigger.

    SQLite gives the id of a deleted last row again; what the log and the decisions say of that row would then be said of another.
    """
    db.execute("create table last_ids (name text primary key, id int not null) strict, without rowid")
    for table, used in _USED.items():
        named = f"where object_kind = '{_KINDS.get(table)}' and object_id not glob '*[^0-9]*' and length(object_id) < 16"
        told = used.format(log=f"audit_log {named}", purged=f"purged {named}")
        db.execute(f"insert into last_ids select '{table}', coalesce(max(id), 0) from ({told})")
        db.execute(
            f"create trigger {table}_last_id after insert on {table}"
            f" begin update last_ids set id = max(id, new.id) where name = '{table}'; end"
        )


def next_id(db: database.Database, table: str) -> int:
    """An id that no row of the table ever had, inside the transaction in which it is used."""
    (row,) = db.rows("select id + 1 as id from last_ids where name = ?", table)
    return int(row["id"])
