"""Tables of the month's figures, acknowledgements and sign-offs; made by a migration (:mod:`qa.migrations`) and never edited."""

from __future__ import annotations

from sqlite_utils import Database

APPEND_ONLY = ("acknowledgements", "month_signoffs")
"""Triggers refuse to change or delete a row of these."""

_CONCERNED = (
    *("scorecards", "adjustments", "withdrawals", "publications"),
    *("verdicts", "reviews", "grave_marks"),
)
"""Whatever is written here about a call changes the figures of its agent's month."""


def create(db: Database) -> None:
    """``month_figures`` can be made again from the rest at any time; ``month_stale`` says of which agents and months it has to be."""
    _signed(db)
    _figures(db)
    _stale(db)
    db.table("calls").create_index(["team", "started"])


def _signed(db: Database) -> None:
    """``acknowledgements``: an agent has taken note of a published scorecard.  ``month_signoffs``: somebody has checked a team's table of a
    month; ``digest`` is of the figures as they were then."""
    texts = ("call_id", "agent_id", "made_by", "created")
    db.table("acknowledgements").create(
        {"id": int, **dict.fromkeys(texts, str), "scorecard_id": int},
        pk="id",
        foreign_keys=[("call_id", "calls", "call_id"), ("scorecard_id", "scorecards", "id")],
        not_null={*texts, "scorecard_id"},
        strict=True,
    )
    db.table("acknowledgements").create_index(["call_id"])
    signed = ("month", "team", "digest", "made_by", "note", "created")
    db.table("month_signoffs").create({"id": int, **dict.fromkeys(signed, str)}, pk="id", not_null={*signed}, strict=True)
    db.table("month_signoffs").create_index(["month", "team"])


def _figures(db: Database) -> None:
    """A row for an agent's month over the scorecards that stand (``published`` 0) and one over those that the agent sees (1)."""
    texts = ("agent_id", "month", "team", "agent_name", "books_json", "checks_json", "fines_json")
    numbers = ("published", "calls", "scored", "demo", "unpublished")
    figures = ("mean", "low", "high", "variance", "coverage")
    db.table("month_figures").create(
        {**dict.fromkeys(texts, str), **dict.fromkeys(numbers, int), **dict.fromkeys(figures, float)},
        pk=("agent_id", "month", "published"),
        not_null={*texts, *numbers},
        strict=True,
    )
    db.table("month_figures").create_index(["month", "published", "team"])


def _stale(db: Database) -> None:
    """A trigger on each table notes whose month has to be counted again, whichever program wrote there."""
    db.execute(
        "create table month_stale (agent_id text not null, month text not null, primary key (agent_id, month)) strict, without rowid"
    )
    db.execute("create index idx_month_stale_month on month_stale (month)")
    noted = "and not exists (select 1 from month_stale m where m.agent_id = {agent} and m.month = substr({started}, 1, 7))"
    of_call = f"""insert into month_stale select c.agent_id, substr(c.started, 1, 7) from calls c where c.call_id = new.call_id
      and c.agent_id <> '' and c.started is not null {noted.format(agent="c.agent_id", started="c.started")}"""
    for table in _CONCERNED:
        db.execute(f"create trigger {table}_month after insert on {table} begin {of_call}; end")
    of_row = """insert into month_stale select {row}.agent_id, substr({row}.started, 1, 7)
      where {row}.agent_id <> '' and {row}.started is not null {noted}"""
    new, old = (of_row.format(row=row, noted=noted.format(agent=f"{row}.agent_id", started=f"{row}.started")) for row in ("new", "old"))
    db.execute(f"create trigger calls_month after insert on calls begin {new}; end")
    db.execute(f"create trigger calls_moved_month after update of agent_id, agent_name, team, started on calls begin {old}; {new}; end")
    db.execute(
        "insert into month_stale select distinct agent_id, substr(started, 1, 7) from calls where agent_id <> '' and started is not null"
    )
