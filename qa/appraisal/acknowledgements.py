"""Agents take note of published scorecards; other figures that are published later are to be taken note of anew.  Append only."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qa import rows
from qa.appraisal.periods import DAY
from qa.clock import house_day
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.review import appeal_windows, publications
from qa.rules.appeal_terms import MOST_DAYS, AppealTerms
from qa.store import Store

NOTED_DAYS = 92
"""So long the start page asks to take note of what was published; longer where there is longer to appeal."""
_LONGEST = 2 * MOST_DAYS + 45
"""No time to appeal is longer, be it of working days."""


@dataclass(frozen=True)
class Acknowledgement:
    """``created`` is ISO 8601 UTC."""

    id: int
    call_id: str
    scorecard_id: int
    agent_id: str
    by: str
    created: str

    @property
    def day(self) -> datetime.date:
        """The day of the house."""
        return house_day(self.created)


def of_call(db: Database, call_id: str) -> tuple[Acknowledgement, ...]:
    """All of a call, the earliest first."""
    found = db.rows("select * from acknowledgements where call_id = ? order by id", call_id)
    return tuple(Acknowledgement(r["id"], call_id, r["scorecard_id"], r["agent_id"], r["made_by"], r["created"]) for r in found)


def of_published(db: Database, call_id: str, agent_id: str) -> Acknowledgement | None:
    """That of what the agent sees now, be it a scorecard with the same figures; None where the agent has not taken note of them."""
    newest = publications.newest(db, call_id)
    if newest is None:
        return None
    own = [one for one in of_call(db, call_id) if one.agent_id == agent_id]
    return next((one for one in reversed(own) if not publications.unseen(db, one.scorecard_id, newest)), None)


def acknowledge(store: Store, call_id: str, agent_id: str, by: str, scorecard_id: int) -> Acknowledgement:
    """The agent has taken note of what is published of the own call; doing it twice changes nothing.

    ``scorecard_id``: what the agent had before the eyes.
    Errors: :class:`NotFoundError` where the call is not this agent's or nothing is published of it; :class:`StoreError` where something
    else is published by now, or the name is missing.
    """
    if not by.strip():
        raise StoreError(call_id, "没有写姓名", "请写明姓名")
    with store.db.writing():
        found = store.db.rows("select agent_id from calls where call_id = ?", call_id)
        newest = publications.newest(store.db, call_id)
        if not found or not agent_id or found[0]["agent_id"] != agent_id or newest is None:
            raise NotFoundError(call_id, "没有这通电话", "请核对通话编号")
        if newest != scorecard_id:
            raise StoreError(call_id, "这通电话刚刚公布了新的评分", "请看过新的评分再确认")
        if of_published(store.db, call_id, agent_id) is None:
            row = {"call_id": call_id, "scorecard_id": newest, "agent_id": agent_id, "made_by": by.strip(), "created": rows.now_utc()}
            store.db.insert("acknowledgements", row)
    made = of_published(store.db, call_id, agent_id)
    assert made is not None
    return made


def missing(db: Database, agent_id: str, since: str) -> tuple[str, ...]:
    """The agent's published calls since a day of whose figures, as they are published now, no note has been taken, the newest first."""
    return tuple(row["call_id"] for row in _missing(db, "c.started >= ?", "c.started desc, c.call_id", agent_id, since))


def news(store: Store, agent_id: str, day: datetime.date) -> tuple[str, ...]:
    """Of all such calls those that were published (as they are now) in the ``NOTED_DAYS`` before ``day``, whenever the call was, or may
    still be appealed against; what was published last comes first."""
    since, oldest = day - NOTED_DAYS * DAY, day - _LONGEST * DAY
    terms: dict[tuple[str, str], AppealTerms] = {}
    found = []
    for row in _missing(store.db, "p.created >= ?", "p.id desc", agent_id, oldest.isoformat()):
        published, stamp = house_day(row["created"]), (row["rule_book"], row["rule_book_version"])
        if published < since and stamp not in terms:
            terms[stamp] = appeal_windows.terms_at(store, row["id"])
        if published >= since or day <= terms[stamp].after(published, terms[stamp].window_days):
            found.append(row["call_id"])
    return tuple(found)


def _missing(db: Database, where: str, order: str, agent_id: str, since: str) -> Iterator[dict[str, Any]]:
    sql = f"""select c.call_id, p.created, s.id, s.rule_book, s.rule_book_version,
        exists (select 1 from acknowledgements a where a.call_id = c.call_id and a.agent_id = c.agent_id) as noted from calls c
      cross join publications p on p.id = (select max(own.id) from publications own where own.call_id = c.call_id)
      cross join scorecards s on s.id = p.scorecard_id
      where c.agent_id = ? and {where} and coalesce(s.agent_id, '') = c.agent_id
      and not exists (select 1 from acknowledgements a
        where a.call_id = c.call_id and a.scorecard_id = p.scorecard_id and a.agent_id = c.agent_id)
      and not exists (select 1 from withdrawn_calls w where w.call_id = c.call_id) order by {order}"""
    found = db.rows(sql, agent_id, since)
    return (row for row in found if not (row["noted"] and of_published(db, row["call_id"], agent_id)))
