"""Tables of reviews, publications, appeals and drafts of rules; made by a migration (:mod:`qa.migrations`) and never edited."""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.db import DescIndex

APPEND_ONLY = (
    *("verdicts", "text_marks", "reviews", "publications", "assignments"),
    *("sampling_plans", "sampled_calls", "appeals", "appeal_steps", "rule_drafts"),
)
"""Triggers refuse to change or delete a row of these."""

REASONS = ("appealed", "critical", "money", "inconclusive", "sampled", "unscored", "near", "control")
"""Each has an index of its own over the calls that have it (``qa.review.queue.WORTH``)."""

_CALL = ("call_id", "calls", "call_id")
_SIGNED = ("made_by", "reason", "created")


def create(db: Database) -> None:
    """``review_worth`` alone can be made again from the rest at any time (``qa.review.queue``); all others are only added to."""
    _decisions(db)
    _publications(db)
    _appeals(db)
    _work(db)
    drafts = ("book_id", "base_hash", "archive_json", "what", "made_by", "created")
    db.table("rule_drafts").create(
        {"id": int, "draft": int, **dict.fromkeys(drafts, str), "adopted_hash": str}, pk="id", not_null={"draft", *drafts}, strict=True
    )
    db.table("rule_drafts").create_index(["draft", "id"])


def has_reason(reason: str) -> str:
    """Whether a row of ``review_worth`` has one of ``REASONS``: written the same in index and query, or the index is not used."""
    return f"instr(reasons_json, '\"{reason}\"')"


def _decisions(db: Database) -> None:
    """``verdicts``: of a call and rule the last one counts; ``outcome`` NULL takes the earlier ones back.  ``scorecard_id``: the scorecard
    that it was given on, ``machine`` what the program had found there.  ``text_marks``: ``undoes`` takes an earlier one back.
    """
    texts = ("call_id", "rule_id", "file_sha256", "action", "findings_json", "machine", *_SIGNED)
    db.table("verdicts").create(
        {"id": int, **dict.fromkeys(texts, str), "outcome": str, "scorecard_id": int, "appeal_id": int},
        pk="id",
        foreign_keys=[_CALL, ("scorecard_id", "scorecards", "id")],
        not_null={*texts, "scorecard_id"},
        strict=True,
    )
    db.table("verdicts").create_index(["call_id"])
    db.table("verdicts").create_index(["rule_id"])
    db.table("verdicts").create_index(["created"])
    texts = ("call_id", "file_sha256", "speaker", "text", "before_json", "edges_json", *_SIGNED)
    numbers = ("channel", "start_ms", "end_ms")
    db.table("text_marks").create(
        {"id": int, **dict.fromkeys(texts, str), **dict.fromkeys(numbers, int), "undoes": int},
        pk="id",
        foreign_keys=[_CALL],
        not_null={*texts, *numbers},
        strict=True,
    )
    db.table("text_marks").create_index(["call_id"])


def _publications(db: Database) -> None:
    """``reviews``: a person has looked through a scorecard.  ``publications``: the last of a call is what its agent sees; a
    ``scorecard_id`` of NULL hides the call again."""
    texts = ("call_id", "made_by", "comment", "created")
    db.table("reviews").create(
        {"id": int, **dict.fromkeys(texts, str), "scorecard_id": int},
        pk="id",
        foreign_keys=[_CALL, ("scorecard_id", "scorecards", "id")],
        not_null={*texts, "scorecard_id"},
        strict=True,
    )
    db.table("reviews").create_index(["call_id"])
    db.table("reviews").create_index(["created"])
    texts = ("call_id", "made_by", "note", "created")
    db.table("publications").create(
        {"id": int, **dict.fromkeys(texts, str), "scorecard_id": int}, pk="id", foreign_keys=[_CALL], not_null={*texts}, strict=True
    )
    db.table("publications").create_index(["call_id"])
    _unpublished(db)


def _unpublished(db: Database) -> None:
    """``unpublished``: calls whose standing scorecard their agents do not see; triggers keep it, whichever program wrote."""
    db.execute("create table unpublished (call_id text primary key, team text not null, started text) strict, without rowid")
    db.execute("create index idx_unpublished_started on unpublished (started)")
    db.execute("create index idx_unpublished_team_started on unpublished (team, started)")
    waits = """insert into unpublished select c.call_id, coalesce(c.team, ''), c.started from calls c
      cross join current_scorecards s on s.call_id = c.call_id where {of} c.agent_id <> '' and s.id is not
      (select p.scorecard_id from publications p where p.call_id = c.call_id order by p.id desc limit 1)"""
    again = f"delete from unpublished where call_id = new.call_id; {waits.format(of='c.call_id = new.call_id and')};"
    for table in ("scorecards", "adjustments", "withdrawals", "publications"):
        db.execute(f"create trigger {table}_unpublished after insert on {table} begin {again} end")
    db.execute(f"create trigger calls_unpublished after update of agent_id, team, started on calls begin {again} end")
    db.execute(waits.format(of=""))


def _appeals(db: Database) -> None:
    """``appeals``: what an agent says against a rule's result on a published scorecard; ``terms_json`` are the rule book's windows of that
    day.  ``appeal_steps``: what became of it, step by step."""
    texts = ("call_id", "rule_id", "agent_id", "reason", "text", "terms_json", "made_by", "created")
    db.table("appeals").create(
        {"id": int, **dict.fromkeys(texts, str), "scorecard_id": int},
        pk="id",
        foreign_keys=[_CALL, ("scorecard_id", "scorecards", "id")],
        not_null={*texts, "scorecard_id"},
        strict=True,
    )
    db.table("appeals").create_index(["call_id"])
    db.table("appeals").create_index(["agent_id"])
    steps = ("level", "action", "text", "made_by", "created")
    db.table("appeal_steps").create(
        {"id": int, "appeal_id": int, **dict.fromkeys(steps, str), "verdict_id": int},
        pk="id",
        foreign_keys=[("appeal_id", "appeals", "id")],
        not_null={"appeal_id", *steps},
        strict=True,
    )
    db.table("appeal_steps").create_index(["appeal_id"])


def _work(db: Database) -> None:
    """Who looks at what: ``review_worth`` has a row a call, ``state`` is ``open`` or ``done``."""
    texts = ("call_id", "assignee", "made_by", "created")
    db.table("assignments").create({"id": int, **dict.fromkeys(texts, str)}, pk="id", foreign_keys=[_CALL], not_null={*texts}, strict=True)
    db.table("assignments").create_index(["call_id"])
    texts = ("day", "seed", "made_by", "created")
    db.table("sampling_plans").create(
        {"id": int, **dict.fromkeys(texts, str), "per_agent": int}, pk="id", not_null={*texts, "per_agent"}, strict=True
    )
    db.table("sampling_plans").create_index(["day"])
    db.table("sampled_calls").create(
        {"plan_id": int, "call_id": str, "agent_id": str},
        pk=("plan_id", "call_id"),
        foreign_keys=[_CALL, ("plan_id", "sampling_plans", "id")],
        not_null={"agent_id"},
        strict=True,
    )
    db.table("sampled_calls").create_index(["call_id"])
    words = ("call_id", "state", "reasons_json", "agent_id", "team", "started", "assignee")
    numbers = ("scorecard_id", "worth", "control", "sampled")
    db.table("review_worth").create(
        {**dict.fromkeys(words, str), **dict.fromkeys(numbers, int)}, pk="call_id", not_null={*words, *numbers}, strict=True
    )
    worth = (DescIndex("worth"), "call_id")  # the order of the queue, so that a page is read and not sorted
    for own in ((), ("team",), ("agent_id",), ("assignee",)):
        db.table("review_worth").create_index(["state", *own, *worth], f"idx_review_worth_{'_'.join(('state', *own))}")
    for reason in REASONS:
        name = f"idx_review_worth_{reason}"
        db.execute(f"create index {name} on review_worth (state, worth desc, call_id) where {has_reason(reason)}")
    db.table("review_worth").create_index(["state", "started"])
    db.table("review_read").create({"id": int, "scorecard_id": int}, pk="id", strict=True)
