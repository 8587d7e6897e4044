"""What waits for reviewers and team leads: their part of the start page."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from qa.appraisal import closing
from qa.review import appeals, publications, queue
from qa.review.appeal_states import FINAL, LEAD, QA
from qa.web import newest
from qa.web.addresses import address
from qa.web.language import translated as _

if TYPE_CHECKING:
    from qa.web.ask import Ask

MOST = 200
SHOWN = 3
AT_ONCE = 200
"""Scorecards that the start page takes in, as the queue itself does."""


def _many(n: int) -> str:
    return f"{MOST}+" if n >= MOST else str(n)


def reviewers(ask: Ask) -> dict[str, object] | None:
    """For QA: the queue, what is assigned, appeals, and what is not published."""
    db, mine = ask.store.db, str(ask.user.id)
    queue.refresh(ask.store, AT_ONCE)
    answers = sum(len(appeals.waiting(db, level, None, ask.today)) for level in (QA, FINAL))
    links = [
        ("/review", _("待复核"), _many(queue.count(db, queue.Filter(), MOST))),
        ("/appeals", _("待答复的申诉"), str(answers)),
        ("/publish", _("待公布"), _many(len(publications.waiting(db, limit=MOST)))),
    ]
    if owed := len(appeals.misattributed(db)):
        links.append(("/appeals#owed", _("通话归属待更正"), str(owed)))
    own = queue.count(db, queue.Filter(assignee=mine), MOST)
    return {"links": [*links, *([(address("/review", query={"assignee": mine}), _("分派给我的"), _many(own))] if own else [])]}


def leads(ask: Ask) -> dict[str, object] | None:
    """For team leads: appeals of the team, months to sign, and the brief of the newest day."""
    team, links = (
        ask.user.team,
        [("/team/appeals", _("待答复的申诉"), str(len(appeals.waiting(ask.store.db, LEAD, ask.user.team, ask.today))))],
    )
    for month in _unsigned(ask, team)[:SHOWN]:
        links.append((address("/teams/{team}", team=team, query={"month": month}), _("待签字的月份"), month))
    if team and (day := newest.day(ask.store, ask.today - datetime.timedelta(days=1), team=team)) is not None:
        links.append((address("/briefing/{team}", team=team, query={"day": day.isoformat()}), _("班前会"), day.isoformat()))
    return {"links": links}


def _unsigned(ask: Ask, team: str) -> list[str]:
    """Months of the team that are over, neither closed nor signed, the newest first."""
    if not team:
        return []
    signed = {row["month"] for row in ask.store.db.rows("select distinct month from month_signoffs where team = ?", team)}
    done = signed | {one.month for one in closing.closed(ask.store)}
    known = ask.store.db.rows("select distinct month from month_figures where team = ? order by month desc", team)
    return [row["month"] for row in known if row["month"] < f"{ask.today:%Y-%m}" and row["month"] not in done]
