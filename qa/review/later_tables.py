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


def accounts_of_work(db: Database) -> None:
    """``user_id`` says whose account finished a review, corrected a text, set roles or gave a call to somebody, NULL where that was not
    kept or nobody was logged in.  Calls are given to accounts: ``assignments.assignee_id``, and ``assignee`` is the name as it was then.

    Who had a call by name has it by account where one reviewer alone is called so, in a row of its own: nothing is written over.  The
    others stay with a name that no account answers to, until they are given anew.
    """
    for table in ("reviews", "text_marks", "role_marks", "assignments"):
        db.execute(f"alter table {table} add column user_id integer")
    db.execute("alter table assignments add column assignee_id integer")
    db.execute(
        """insert into assignments (call_id, assignee, assignee_id, made_by, created)
        select a.call_id, a.assignee, u.id, '程序：按账号登记', strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')
        from assignments a join (select max(id) as id, coalesce(nullif(name, ''), login) as called from users where role = 'qa'
          group by called having count(*) = 1) u on u.called = a.assignee
        where a.id = (select max(own.id) from assignments own where own.call_id = a.call_id) order by a.id"""
    )
    db.execute("alter table review_worth add column assignee_id integer not null default 0")
    db.execute(
        """update review_worth set assignee_id = coalesce((select a.assignee_id from assignments a where a.call_id = review_worth.call_id
          order by a.id desc limit 1), 0) where assignee <> ''"""
    )
    db.execute("drop index idx_review_worth_state_assignee")
    columns = ["state", "assignee_id", DescIndex("worth"), DescIndex("started"), "call_id"]
    db.table("review_worth").create_index(columns, "idx_review_worth_state_assignee_id")
