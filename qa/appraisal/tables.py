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
    """A row for an agent's month over the scorecards that stand (``published`` 0) and one over those that the agent sees (1); where
    the calls were in several teams one for each of these (2 and more, :data:`qa.appraisal.figures.PART`)."""
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
    """A trigger on each table notes whose month has to be counted again, whichever program wrote there.

    ``token`` is another one after every change: whoever counts tells by it whether something changed while it counted.
    """
    db.execute(
        "create table month_stale (agent_id text not null, month text not null, token int not null, primary key (agent_id, month))"
        " strict, without rowid"
    )
    db.execute("create index idx_month_stale_month on month_stale (month)")
    # not an upsert: the conflict clause of the statement that fires a trigger overrides its own
    noted = """update month_stale set token = random() where agent_id = {agent} and month = substr({started}, 1, 7);
      insert into month_stale select {agent}, substr({started}, 1, 7), random() where {agent} <> '' and {started} is not null
      and not exists (select 1 from month_stale m where m.agent_id = {agent} and m.month = substr({started}, 1, 7))"""
    mine = "(select {column} from calls where call_id = new.call_id)"
    of_call = noted.format(agent=mine.format(column="agent_id"), started=mine.format(column="started"))
    for table in _CONCERNED:
        db.execute(f"create trigger {table}_month after insert on {table} begin {of_call}; end")
    new, old = (noted.format(agent=f"{row}.agent_id", started=f"{row}.started") for row in ("new", "old"))
    db.execute(f"create trigger calls_month after insert on calls begin {new}; end")
    db.execute(f"create trigger calls_moved_month after update of agent_id, agent_name, team, started on calls begin {old}; {new}; end")
    _later(db)
    db.execute(
        "insert into month_stale select agent_id, substr(started, 1, 7) as month, random() from calls"
        " where agent_id <> '' and started is not null group by 1, 2"
    )


def _later(db: Database) -> None:
    """What is kept of a closed month is what the agent's later months of the year go on from; a rule book that comes to be known may tell
    what calls cost of which nobody could say it."""
    of_year = "f.agent_id = new.agent_id and substr(f.month, 1, 4) = substr(new.month, 1, 4)"
    for table, of in (("closed_sheets", of_year), ("rule_books", "json_extract(f.fines_json, '$.unknown') > 0")):
        db.execute(f"""create trigger {table}_month after insert on {table} begin
          update month_stale set token = random()
            where exists (select 1 from month_figures f where f.agent_id = month_stale.agent_id and f.month = month_stale.month and {of});
          insert into month_stale select distinct f.agent_id, f.month, random() from month_figures f where {of} and f.published = 0
            and not exists (select 1 from month_stale m where m.agent_id = f.agent_id and m.month = f.month); end""")


def unseen_fines(db: Database) -> None:
    """Figures say how much of the fines agents do not see: months with calls that are not published are counted again."""
    db.execute(
        "insert into month_stale select f.agent_id, f.month, random() from month_figures f where f.published = 0 and f.unpublished > 0"
        " and not exists (select 1 from month_stale m where m.agent_id = f.agent_id and m.month = f.month)"
    )


def teams_apart(db: Database) -> None:
    """Who worked in several teams within a month has figures of each of them, too: such months are counted again."""
    db.execute(
        "insert into month_stale select agent_id, substr(started, 1, 7) as month, random() from calls"
        " where agent_id <> '' and started is not null and not exists"
        " (select 1 from month_stale m where m.agent_id = calls.agent_id and m.month = substr(calls.started, 1, 7))"
        " group by 1, 2 having count(distinct team) > 1"
    )
