"""The database schema, one decorated function a change (``sqlite_utils.Migrations``); applied ones are recorded in the
database and never edited.  A later change is a new function at the end.

What was judged is append only: triggers refuse to change or delete scorecards, their results and findings.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from qa import role_tables
from qa.appraisal import tables as appraisal_tables
from qa.clips import tables as clip_tables
from qa.migration_sql import CURRENT, PACK, RESULTS, create_results
from qa.operation import tables as operation_tables
from qa.people import tables as people_tables
from qa.review import later_tables as later_review_tables
from qa.review import tables as review_tables

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
    create_results(db)
    db.create_view(
        "current_scorecards",
        "select * from scorecards s where not exists (select 1 from scorecards later where later.call_id = s.call_id and later.id > s.id)",
    )
    _refuse_changes(db)


def _refuse_changes(db: Database, tables: tuple[str, ...] = APPEND_ONLY) -> None:
    for table in tables:
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


@migrations()
def m008_grave_marks(db: Database) -> None:
    """What persons called grave (情节严重) in a call, by rule, or (``grave`` 0) took back; the last row of call and rule counts."""
    texts = ("call_id", "rule_id", "made_by", "reason", "created")
    db.table("grave_marks").create(
        {"id": int, **dict.fromkeys(texts, str), "grave": int},
        pk="id",
        foreign_keys=[("call_id", "calls", "call_id")],
        not_null={*texts, "grave"},
        strict=True,
    )
    db.table("grave_marks").create_index(["call_id"])
    _refuse_changes(db, ("grave_marks",))


@migrations()
def m009_call_log(db: Database) -> None:
    """Rows of call records and registers, each content once; the newest of a kind and key counts (``qa.switch.kept``).

    ``part``, ``ref`` and ``other`` are ids of the call that a row belongs to, ``at`` is its earliest time as UTC+8 wall clock.
    """
    counts = dict.fromkeys(("rows", "fresh", "faults", "finished"), int)
    texts = dict.fromkeys(("file", "sha256", "format", "settings_json", "created"), str)
    db.table("log_imports").create({"id": int, **texts, **counts}, pk="id", not_null={*texts, *counts}, strict=True)
    db.table("log_imports").create_index(["sha256"])
    texts = dict.fromkeys(("kind", "key", "digest", "part", "ref", "other", "recording", "values_json", "file"), str)
    db.table("log_rows").create(
        {"id": int, **texts, "at": str, "line": int, "import_id": int},
        pk="id",
        foreign_keys=[("import_id", "log_imports", "id")],
        not_null={*texts, "line", "import_id"},
        strict=True,
    )
    db.table("log_rows").create_index(["kind", "key", "digest"], unique=True)
    for column in ("part", "ref", "other", "recording", "at"):
        db.table("log_rows").create_index([column])
    texts = dict.fromkeys(("file", "cause", "cure"), str)
    db.table("log_faults").create(
        {"id": int, "import_id": int, **texts, "line": int},
        pk="id",
        foreign_keys=[("import_id", "log_imports", "id")],
        not_null={"import_id", *texts, "line"},
        strict=True,
    )
    db.table("log_faults").create_index(["import_id"])
    _refuse_changes(db, ("log_rows",))


@migrations()
def m010_batches(db: Database) -> None:
    """Runs of the batch with their reports, and recordings (by content) that are not tried again until a person says so.

    ``batch_runs.state``: running (or cut off: nobody holds the lock), done, stopped.  ``quarantine.resolved``: when it could be scored.
    """
    texts = ("started", "ended", "state", "progress_json", "report_json")
    db.table("batch_runs").create({"id": int, **dict.fromkeys(texts, str)}, pk="id", not_null={"started", "state"}, strict=True)
    reasons = ("path", "kind", "cause", "cure", "first", "last", "resolved")
    db.table("quarantine").create(
        {"sha256": str, **dict.fromkeys(reasons, str), "attempts": int},
        pk="sha256",
        not_null={"path", "kind", "cause", "cure", "first", "last", "attempts"},
        strict=True,
    )


@migrations()
def m012_closed_sheets(db: Database) -> None:
    """What is kept of each agent's month at its closing (``qa.ledger_sheets``), and again after each adjustment; the last one holds.

    A row without an agent says that the month was closed with its sheets: months that older programs closed have none.
    """
    texts = dict.fromkeys(("month", "agent_id", "made_by", "why", "created", "sheet_json"), str)
    db.table("closed_sheets").create({"id": int, **texts}, pk="id", not_null={*texts}, strict=True)
    db.table("closed_sheets").create_index(["agent_id", "month"])
    db.table("closed_sheets").create_index(["month"])
    _refuse_changes(db, ("closed_sheets",))


@migrations()
def m013_withdrawals(db: Database) -> None:
    """Calls that do not count any more though their scorecards stay (``qa.withdrawals``), and each file of a content in quarantine.

    The last row of a call that is not ``proposed`` says whether it counts; a proposed one waits for a person, in a closed month.
    ``standing_scorecards`` are those that stand whether or not their call counts, ``current_scorecards`` those that count.
    """
    texts = ("call_id", "sha256", "made_by", "reason", "created")
    db.table("withdrawals").create(
        {"id": int, **dict.fromkeys(texts, str), "counts": int, "proposed": int},
        pk="id",
        foreign_keys=[("call_id", "calls", "call_id")],
        not_null={*texts, "counts", "proposed"},
        strict=True,
    )
    db.table("withdrawals").create_index(["call_id"])
    _refuse_changes(db, ("withdrawals",))
    latest = "select max(own.id) from withdrawals own where own.call_id = w.call_id and not own.proposed"
    db.create_view("withdrawn_calls", f"select w.* from withdrawals w where not w.counts and w.id = ({latest})")
    db.execute("drop view current_scorecards")
    db.create_view("standing_scorecards", CURRENT)
    db.create_view("current_scorecards", f"{CURRENT} and not exists (select 1 from withdrawn_calls w where w.call_id = s.call_id)")
    places = ("sha256", "path", "first", "last")
    db.table("quarantine_places").create(
        {**dict.fromkeys(places, str), "attempts": int}, pk=("sha256", "path"), not_null={*places, "attempts"}, strict=True
    )
    db.execute(
        """insert into quarantine_places (sha256, path, first, last, attempts)
        select sha256, path, first, last, attempts from quarantine where resolved is null"""
    )


@migrations()
def m014_one_decision(db: Database) -> None:
    """``withdrawals.instead``: the calls (JSON list) on the other side of a decision that waits; both sides name each other."""
    db.table("withdrawals").add_column("instead", str, not_null_default="[]")
    db.execute("create index idx_withdrawals_waiting on withdrawals (call_id) where instead <> '[]'")
    db.table("calls").create_index(["file"])


@migrations()
def m016_roles(db: Database) -> None:
    """Roles that persons set (``qa.role_marks``), the last of a call counts; voices of agents who agreed to it (``qa.voiceprints``)."""
    role_tables.create(db)
    _refuse_changes(db, ("role_marks", "voiceprint_events"))


@migrations()
def m017_proposals(db: Database) -> None:
    """Proposals are few among the scorecards, and asked for often."""
    db.execute("create index idx_scorecards_proposed on scorecards (call_id, id) where standing = 0")


@migrations()
def m017_people(db: Database) -> None:
    """Accounts, sessions, and the log of what people did (``qa.people``)."""
    people_tables.create(db)
    _refuse_changes(db, ("audit_log",))


@migrations()
def m018_reviews(db: Database) -> None:
    """Verdicts, corrected texts, reviews, publications, appeals and drafts of rules (``qa.review``)."""
    review_tables.create(db)
    _refuse_changes(db, review_tables.APPEND_ONLY)


@migrations()
def m019_clips(db: Database) -> None:
    """The search over all calls, clips with their redacted sound, and playlists (``qa.clips``)."""
    clip_tables.create(db)


@migrations()
def m020_appraisal(db: Database) -> None:
    """The month's figures of agents, acknowledgements, and sign-offs of months (``qa.appraisal``)."""
    appraisal_tables.create(db)
    _refuse_changes(db, appraisal_tables.APPEND_ONLY)


@migrations()
def m021_operation(db: Database) -> None:
    """What was purged by which rule (``qa.operation``), and the way past the append-only triggers that a purge may take."""
    operation_tables.create(db)
    _refuse_changes(db, operation_tables.APPEND_ONLY)


migrations(name="m022_role_marks_of_recordings")(role_tables.recordings_of_marks)
migrations(name="m023_review_accounts")(later_review_tables.accounts_and_order)


@migrations()
def m024_audit_search(db: Database) -> None:
    """Ways into the audit log by time, person and action."""
    people_tables.index_log(db)


migrations(name="m025_payloads_named")(operation_tables.index_payloads)
migrations(name="m026_last_ids")(clip_tables.last_ids)
migrations(name="m027_teams_apart")(appraisal_tables.teams_apart)
migrations(name="m028_second_factors")(people_tables.second_factors)
migrations(name="m029_accounts_of_work")(later_review_tables.accounts_of_work)
