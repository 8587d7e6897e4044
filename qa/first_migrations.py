"""The first changes of the database schema (:mod:`qa.migrations` has the later ones), never edited.

What was judged is append only: triggers refuse to change or delete scorecards, their results and findings.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from qa.migration_sql import CURRENT, PACK, RESULTS, create_results
from qa.migration_sql import refuse_changes as _refuse_changes

APPLICATION_ID = 0x71615F63
"""``PRAGMA application_id`` (the letters "qa_c"): tells this program's databases from any other SQLite file."""

migrations = Migrations("qa")


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
    create_results(db)
    db.create_view(
        "current_scorecards",
        "select * from scorecards s where not exists (select 1 from scorecards later where later.call_id = s.call_id and later.id > s.id)",
    )
    _refuse_changes(db)


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


@migrations()
def m005_rules(db: Database) -> None:
    """Of each result the check kind that ran, the section of the score sheet and the severity; older ones keep what they were.

    Columns are added and no row is written: the results stay append only.
    """
    table = db.table("check_results")
    table.add_column("kind", str, not_null_default="")
    table.add_column("section", str)
    table.add_column("severity", str, not_null_default="minor")


@migrations()
def m006_ledger(db: Database) -> None:
    """Rule books by content, closed months, and adjustments; a scorecard of a closed month is only proposed until adjusted.

    ``rule_books`` holds each content once, ``rule_book_registrations`` when it became the newest of its house (a house may go back to an
    older content).  ``standing`` 0 is a proposal.  An adjustment makes a scorecard stand from the moment that ``position``, the call's
    newest scorecard, was there: scorecards that stand by themselves and come later take over again.
    """
    db.table("rule_books").create(
        {"hash": str, "id": str, "version": str, "title": str, "effective_from": str, "effective_until": str, "archive_json": str},
        pk="hash",
        not_null={"id", "version", "title"},
        strict=True,
    )
    db.table("rule_book_registrations").create(
        {"number": int, "hash": str, "registered": str},
        pk="number",
        foreign_keys=[("hash", "rule_books", "hash")],
        not_null={"hash", "registered"},
        strict=True,
    )
    db.table("closed_months").create(
        {"month": str, "closed": str, "closed_by": str, "note": str}, pk="month", not_null={"closed", "closed_by", "note"}, strict=True
    )
    db.table("scorecards").add_column("standing", int, not_null_default=1)
    db.table("adjustments").create(
        {"id": int, "call_id": str, "scorecard_id": int, "position": int, "before_id": int, "made_by": str, "reason": str, "created": str},
        pk="id",
        foreign_keys=[("call_id", "calls", "call_id"), ("scorecard_id", "scorecards", "id")],
        not_null={"call_id", "scorecard_id", "position", "made_by", "reason", "created"},
        strict=True,
    )
    db.table("adjustments").create_index(["call_id", "id"])
    db.execute("drop view current_scorecards")
    db.create_view("current_scorecards", CURRENT)
    _refuse_changes(db, ("rule_books", "rule_book_registrations", "closed_months", "adjustments"))


@migrations()
def m007_judgements(db: Database) -> None:
    """Results packed: each rule's words and each set of findings is kept once, a scorecard names them in ``results_json``.

    ``results_json`` is a list in the order of the score sheet: rule, judgement, outcome, occurrences, weight, points.  ``fingerprint`` says
    what judged (``qa.fingerprint``), so that what was found once need not be found again.  ``call_notes_json``: notes that come from
    the call and not from its results, NULL where they were not kept apart.  ``check_results`` shows the results of all scorecards.
    """
    texts = ("fingerprint", "check_id", "title", "clause", "kind", "severity")
    db.table("judged_rules").create(
        {"id": int, **dict.fromkeys(texts, str), "section": str, "digest": bytes}, pk="id", not_null={*texts, "digest"}, strict=True
    )
    db.table("judged_rules").create_index(["digest"], unique=True)
    db.table("judgements").create(
        {"id": int, "digest": bytes, "findings_json": str}, pk="id", not_null={"digest", "findings_json"}, strict=True
    )
    db.table("judgements").create_index(["digest"], unique=True)
    db.table("scorecards").add_column("results_json", str, not_null_default="[]")
    db.table("scorecards").add_column("call_notes_json", str)
    for verb in ("update", "delete"):
        db.execute(f"drop trigger scorecards_no_{verb}")
    for statement in PACK:
        db.execute(statement)
    for table in ("findings", "check_results"):
        db.table(table).drop()
    db.create_view("check_results", RESULTS)
    _refuse_changes(db, ("scorecards", "judged_rules", "judgements"))
