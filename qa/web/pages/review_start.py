"""What waits for reviewers and team leads: their part of the start page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa.review import appeals, publications, queue
from qa.review.appeal_states import FINAL, LEAD, QA
from qa.web.language import translated as _

if TYPE_CHECKING:
    from qa.web.ask import Ask

MOST = 200


def _many(n: int) -> str:
    return f"{MOST}+" if n >= MOST else str(n)


def reviewers(ask: Ask) -> dict[str, object] | None:
    """For QA: the queue, what is assigned, appeals, and what is not published."""
    db, mine = ask.store.db, ask.user.name or ask.user.login
    answers = sum(len(appeals.waiting(db, level, None, ask.today)) for level in (QA, FINAL))
    links = [
        ("/review", _("待复核"), _many(queue.count(db, queue.Filter(), MOST))),
        ("/appeals", _("待答复的申诉"), str(answers)),
        ("/publish", _("待公布"), _many(len(publications.waiting(db, limit=MOST)))),
    ]
    own = queue.count(db, queue.Filter(assignee=mine), MOST)
    return {"links": [*links, *([(f"/review?assignee={mine}", _("分派给我的"), _many(own))] if own else [])]}


def leads(ask: Ask) -> dict[str, object] | None:
    """For team leads: appeals of the team."""
    return {"links": [("/team/appeals", _("待答复的申诉"), str(len(appeals.waiting(ask.store.db, LEAD, ask.user.team, ask.today))))]}
