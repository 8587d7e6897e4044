"""Changes of the tables of reviews since they were made (:mod:`qa.review.tables`); made by migrations and never edited."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.db import DescIndex

from qa.review.tables import REASONS, has_reason


def accounts_and_order(db: Database) -> None:
    """``user_id`` says whose account gave a verdict or an answer, NULL where that was not kept or nobody was logged in: names are shared,
    and change.  The queue is read in its order, which is the newest call first among those of equal worth."""
    for table in ("verdicts", "appeal_steps"):
        db.execute(f"alter table {table} add column user_id integer")
    for own in ((), ("team",), ("agent_id",), ("assignee",)):
        name = f"idx_review_worth_{'_'.join(('state', *own))}"
        db.execute(f"drop index {name}")
        db.table("review_worth").create_index(["state", *own, DescIndex("worth"), DescIndex("started"), "call_id"], name)
    for reason in REASONS:
        name = f"idx_review_worth_{reason}"
        db.execute(f"drop index {name}")
        db.execute(f"create index {name} on review_worth (state, worth desc, started desc, call_id) where {has_reason(reason)}")
