"""Where an appeal stands: worked out from its steps and the day, never kept.

agent → team lead → QA → last instance.  What is not answered in time goes up by itself; the last instance answers late rather than never.
A refusal is the end unless the agent goes on in time; the last instance's word is the end.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from qa.clock import HOUSE_ZONE
from qa.rules.appeal_terms import AppealTerms

LEAD, QA, FINAL = "lead", "qa", "final"
LEVELS = {LEAD: "班组长", QA: "质检", FINAL: "终审"}
ACTIONS = {"support": "支持并转质检", "reject": "不支持", "accept": "申诉成立", "escalate": "继续申诉", "withdraw": "撤回申诉"}
WAITING, REFUSED, ACCEPTED, CLOSED, WITHDRAWN = "waiting", "refused", "accepted", "closed", "withdrawn"
STATUS = {WAITING: "待答复", REFUSED: "未获支持，可继续申诉", ACCEPTED: "成立", CLOSED: "不成立", WITHDRAWN: "已撤回"}


@dataclass(frozen=True)
class Step:
    """What somebody did with an appeal; ``created`` is ISO 8601 UTC, ``verdict_id`` the verdict of an accepted one."""

    id: int
    level: str
    action: str
    text: str
    by: str
    created: str
    verdict_id: int | None = None


@dataclass(frozen=True)
class State:
    """``level``: who has it, or had it last.  ``due``: last day for the answer (``waiting``) or for going on (``refused``), both included.
    ``overdue``: only of the last instance; the others lose what they do not answer."""

    level: str
    status: str
    due: datetime.date | None = None
    overdue: bool = False

    @property
    def open(self) -> bool:
        return self.status in (WAITING, REFUSED)

    def __str__(self) -> str:
        if self.status == WAITING:
            late = "，已过期限" if self.overdue else ""
            return f"待{LEVELS[self.level]}答复（{self.due} 前{late}）"
        return STATUS[self.status] + (f"（{self.due} 前）" if self.status == REFUSED else "")


def house_day(created: str) -> datetime.date:
    """The day of the house on which something was written."""
    return datetime.datetime.fromisoformat(created).astimezone(HOUSE_ZONE).date()


def today() -> datetime.date:
    """The day of the house."""
    return datetime.datetime.now(HOUSE_ZONE).date()


def state(created: str, steps: tuple[Step, ...], terms: AppealTerms, day: datetime.date) -> State:
    """Of an appeal of ``created`` on ``day``."""
    now = _waiting(LEAD, house_day(created), terms)
    for step in steps:
        at = house_day(step.created)
        now = _moved(_by(now, at, terms), step.action, at, terms)
    return _by(now, day, terms)


def _waiting(level: str, day: datetime.date, terms: AppealTerms) -> State:
    days = {LEAD: terms.lead_days, QA: terms.qa_days, FINAL: terms.final_days}[level]
    return State(level, WAITING, terms.after(day, days))


def _by(now: State, day: datetime.date, terms: AppealTerms) -> State:
    """What became of it by itself until ``day``."""
    while now.due is not None and day > now.due:
        if now.status == REFUSED:
            return State(now.level, CLOSED)
        if now.level == FINAL:
            return replace(now, overdue=True)
        now = _waiting(_above(now.level), now.due, terms)
    return now


def _moved(now: State, action: str, day: datetime.date, terms: AppealTerms) -> State:
    if action in ("support", "escalate"):
        return _waiting(_above(now.level), day, terms)
    if action == "reject":
        return State(now.level, CLOSED) if now.level == FINAL else State(now.level, REFUSED, terms.after(day, terms.escalate_days))
    return State(now.level, ACCEPTED if action == "accept" else WITHDRAWN)


def _above(level: str) -> str:
    order = tuple(LEVELS)
    return order[min(len(order) - 1, order.index(level) + 1)]
