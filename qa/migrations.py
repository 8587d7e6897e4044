"""The database schema, one decorated function a change (``sqlite_utils.Migrations``); applied ones are recorded in the
database and never edited.  A later change is a new function at the end.

What was judged is append only: triggers refuse to change or delete scorecards, their results and findings.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

APPLICATION_ID = 0x71615F63
"""``PRAGMA application_id`` (the letters "qa_c"): tells this program's databases from any other SQLite file."""

migrations = Migrations("qa")

APPEND_ONLY = ("scorecards", "check_results", "findings")


@migrations()
def m001_recordings(db: Database) -> None:
    """Recordings, stage results by content hash, and the blobs that both stage results and calls refer to."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.table("recordings").create(
        {
            "sha256": str,
            "container": str,
            "codec": str,
            "rate_hz": int,
            "channels": int,
            "duration_ms": int,
            "notes_json": str,
            "created": str,
        },
        pk="sha256",
        strict=True,
    )
    db.table("blobs").create({"digest": str, "payload": bytes}, pk="digest", not_null={"payload"}, strict=True)
    db.table("stage_results").create(
        {"file_sha256": str, "stage": str, "settings_hash": str, "schema_version": int, "digest": str, "created": str},
        pk=("file_sha256", "stage", "settings_hash"),
        foreign_keys=[("digest", "blobs", "digest")],
        strict=True,
    )


@migrations()
def m002_calls(db: Database) -> None:
    """Calls, with the switch's record; ``started`` is the first ring as UTC+8 wall clock, for periods."""
    text = ("call_id", "file", "sha256", "agent_id", "agent_name", "team", "direction", "customer_number", "line_number")
    times = ("start", "answer", "end", "started")
    db.table("calls").create(
        {
            **dict.fromkeys(text + times, str),
            "hangup_by": str,
            "agent_channel": int,
            "duration_ms": int,
            "created": str,
            "updated": str,
        },
        pk="call_id",
        foreign_keys=[("sha256", "recordings", "sha256")],
        not_null={"file", "sha256"},
        strict=True,
    )
    db.table("calls").create_index(["agent_id", "started"])
    db.table("calls").create_index(["sha256"])
    db.table("calls").create_index(["started"])


@migrations()
def m003_scorecards(db: Database) -> None:
    """Scorecards beside each other, never over each other; ``current_scorecards`` shows the newest of each call."""
    db.table("scorecards").create(
        {
            "id": int,
            "call_id": str,
            "agent_id": str,
            "percent": float,
            "coverage": float,
            "rule_book": str,
            "rule_book_version": str,
            "demo": int,
            "provenance_json": str,
            "notes_json": str,
            "snapshot": bytes,
            "digest": str,
            "created": str,
        },
        pk="id",
        foreign_keys=[("call_id", "calls", "call_id")],
        not_null={"call_id", "coverage", "demo", "provenance_json", "snapshot", "digest"},
        strict=True,
    )
    db.table("scorecards").create_index(["call_id", "id"])
    db.table("check_results").create(
        {
            "id": int,
            "scorecard_id": int,
            "position": int,
            "check_id": str,
            "title": str,
            "clause": str,
            "outcome": str,
            "weight": float,
            "points": float,
        },
        pk="id",
        foreign_keys=[("scorecard_id", "scorecards", "id")],
        strict=True,
    )
    db.table("check_results").create_index(["scorecard_id", "position"])
    db.table("findings").create(
        {
            "id": int,
            "check_result_id": int,
            "position": int,
            "outcome": str,
            "message": str,
            "evidence_json": str,
            "values_json": str,
        },
        pk="id",
        foreign_keys=[("check_result_id", "check_results", "id")],
        strict=True,
    )
    db.table("findings").create_index(["check_result_id", "position"])
    db.create_view(
        "current_scorecards",
        "select * from scorecards s where not exists"
        " (select 1 from scorecards later where later.call_id = s.call_id and later.id > s.id)",
    )
    _refuse_changes(db)


def _refuse_changes(db: Database) -> None:
    for table in APPEND_ONLY:
        for verb in ("update", "delete"):
            refuse = f"select raise(abort, '{table} is append only')"
            db.execute(f"create trigger {table}_no_{verb} before {verb} on {table} begin {refuse}; end")


@migrations()
def m004_utterances(db: Database) -> None:
    """What was said, and its full-text index: single characters apart, so that words of two characters are found."""
    db.table("utterances").create(
        {
            "id": int,
            "call_id": str,
            "position": int,
            "speaker": str,
            "role": str,
            "start_ms": int,
            "end_ms": int,
            "text": str,
        },
        pk="id",
        foreign_keys=[("call_id", "calls", "call_id")],
        strict=True,
    )
    db.table("utterances").create_index(["call_id", "position"])
    # the code points in hexadecimal: no tokenizer of any SQLite version knows all rare characters of names
    db.execute("create virtual table utterances_fts using fts5(characters, tokenize = 'ascii')")
