"""Databases as earlier versions of the program left them: what a migration made is undone, and the migration forgotten."""

from __future__ import annotations

import sqlite_utils

from qa.migrations import migrations
from qa.operation.tables import REMARKS


def forget(db: sqlite_utils.Database, migration: str) -> None:
    """``migration``: how its name ends."""
    (name,) = [one.name for one in migrations.applied(db) if one.name.endswith(migration)]
    db.table("_sqlite_migrations").delete_where("name = ?", [name])


def undo_remarks(db: sqlite_utils.Database) -> None:
    """The tables as they were before what persons wrote could be purged."""
    for table, columns in REMARKS.items():
        for column in columns:
            db.execute(f"drop index idx_{table}_{column}_written")
    for table in {*REMARKS, "scorecards", "closed_sheets"} - {"clips", "playlist_items"}:
        db.execute(f"drop trigger {table}_no_update")
        db.execute(f"create trigger {table}_no_update before update on {table} begin select raise(abort, '{table} is append only'); end")
    forget(db, "_remarks")


def undo_accounts_of_work(db: sqlite_utils.Database) -> None:
    """The tables as they were before calls were given to accounts."""
    undo_remarks(db)
    db.execute("drop index idx_review_worth_state_assignee_id")
    db.execute("create index idx_review_worth_state_assignee on review_worth (state, assignee, worth desc, started desc, call_id)")
    for table in ("reviews", "text_marks", "role_marks", "assignments"):
        db.execute(f"alter table {table} drop column user_id")
    for table in ("assignments", "review_worth"):
        db.execute(f"alter table {table} drop column assignee_id")
    forget(db, "accounts_of_work")
