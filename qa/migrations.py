"""The database schema, one decorated function a change (``sqlite_utils.Migrations``); applied ones are recorded in the
database and never edited.  A later change is a new function at the end; the first ones are in :mod:`qa.first_migrations`.
"""

from __future__ import annotations

from sqlite_utils import Database

from qa import role_tables
from qa.appraisal import tables as appraisal_tables
from qa.clips import tables as clip_tables
from qa.first_migrations import APPLICATION_ID as APPLICATION_ID
from qa.first_migrations import migrations as migrations
from qa.migration_sql import CURRENT
from qa.migration_sql import refuse_changes as _refuse_changes
from qa.operation import tables as operation_tables
from qa.people import tables as people_tables
from qa.review import later_tables as later_review_tables
from qa.review import tables as review_tables


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
migrations(name="m030_search_versions")(clip_tables.index_versions)
migrations(name="m031_remarks")(operation_tables.open_remarks)
migrations(name="m032_unseen_fines")(appraisal_tables.unseen_fines)
