"""Where an appeal stands: worked out from its steps and the day, never kept.

agent → team lead → QA → last instance.  What is not answered in time goes up by itself; the last instance answers late rather than never.
A refusal is the end unless the agent goes on in time; the last instance's word is the end.  Who accepts a part refuses the rest: with that
the agent may go on as after any refusal.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from qa.clock import HOUSE_ZONE, house_day
from qa.rules.appeal_terms import AppealTerms

LEAD, QA, FINAL = "lead", "qa", "final"
LEVELS = {LEAD: "班组长", QA: "质检", FINAL: "终审"}
AGENT = "坐席"
"""Whose step it is where it is none of the levels': the agent's own."""
ACCEPT, ACCEPT_PART = "accept", "accept_part"
ACCEPT_OUT, ACCEPT_OWNER = "accept_out", "accept_owner"
"""Of an appeal about the whole call: the call is in no appraisal any more; it is another agent's, which call records have yet to say."""
ENDS = (ACCEPT, ACCEPT_OUT, ACCEPT_OWNER)
"""What accepts the whole of an appeal."""
OF_THE_AGENT = ("escalate", "withdraw")
ACTIONS = {
    "support": "支持并转质检",
    "reject": "驳回（维持原判）",
    ACCEPT: "申诉成立",
    ACCEPT_PART: "部分成立",
    ACCEPT_OUT: "申诉成立：本通不计入考核",
    ACCEPT_OWNER: "申诉成立：通话归属待更正",
    "escalate": "继续申诉",
    "withdraw": "撤回申诉",
}
"""What is done with an appeal, in the words of buttons, lists and notices: one word for one act, whoever does it."""
WAITING, REFUSED, ACCEPTED, CLOSED, WITHDRAWN = "waiting", "refused", "accepted", "closed", "withdrawn"
STATUS = {
    (WAITING, ""): "待答复",
    (REFUSED, LEAD): "班组长驳回，可继续申诉",
    (REFUSED, QA): "质检驳回，可继续申诉",
    (ACCEPTED, ""): "申诉成立",
    (CLOSED, LEAD): "班组长驳回，维持原判",
    (CLOSED, QA): "质检驳回，维持原判",
    (CLOSED, FINAL): "终审驳回，维持原判",
    (WITHDRAWN, ""): "已撤回",
    (REFUSED, ACCEPT_PART): "部分成立，其余驳回，可继续申诉",
    (ACCEPTED, ACCEPT_PART): "部分成立",
    (ACCEPTED, ACCEPT_OUT): "申诉成立：本通不计入考核",
    (ACCEPTED, ACCEPT_OWNER): "申诉成立：更正通话归属",
}
"""What a status is called; of a refusal by whom, where a part was accepted, and what follows for the whole call."""


@dataclass(frozen=True)
class Step:
    """What somebody did with an appeal; ``created`` is ISO 8601 UTC, ``verdict_id`` the verdict of an accepted one.

    ``user_id``: the account of whoever did it, None where that is not known.
    """

    id: int
    level: str
    action: str
    text: str
    by: str
    created: str
    verdict_id: int | None = None
    user_id: int | None = None

    @property
    def side(self) -> str:
        """Who took it: the agent, or which of the levels (Chinese)."""
        return AGENT if self.action in OF_THE_AGENT else LEVELS[self.level]


@dataclass(frozen=True)
class Lapse:
    """A level did not answer until ``due``, its last day: the appeal went up to ``upward`` by itself."""

    level: str
    due: datetime.date
    upward: str


@dataclass(frozen=True)
class State:
    """``level``: who has it, or had it last.  ``due``: last day for the answer (``waiting``) or for going on (``refused``), both included.
    ``overdue``: only of the last instance; the others lose what they do not answer.  ``part``: a part of it was accepted, the rest was not;
    it ends as ``accepted`` then, whatever became of the rest.  ``follows``: what an accepted one makes of the whole call (``ACCEPT_OUT`` or
    ``ACCEPT_OWNER``), "" where nothing."""

    level: str
    status: str
    due: datetime.date | None = None
    overdue: bool = False
    part: bool = False
    follows: str = ""

    @property
    def open(self) -> bool:
        return self.status in (WAITING, REFUSED)

    @property
    def title(self) -> str:
        """What the status is called (a text of ``STATUS``)."""
        of = self.follows or (ACCEPT_PART if self.part else self.level)
        return STATUS.get((self.status, of)) or STATUS[self.status, ""]

    def __str__(self) -> str:
        if self.status == WAITING:
            late = "，已过期限" if self.overdue else ""
            return f"待{LEVELS[self.level]}答复（{self.due} 前{late}）"
        return self.title + (f"（{self.due} 前）" if self.status == REFUSED else "")


def today() -> datetime.date:
    """The day of the house."""
    return datetime.datetime.now(HOUSE_ZONE).date()


def state(created: str, steps: tuple[Step, ...], terms: AppealTerms, day: datetime.date) -> State:
    """Of an appeal of ``created`` on ``day``."""
    now = _gone_through(created, steps, terms, day)[0]
    return _parted(now) if any(step.action == ACCEPT_PART for step in steps) else now


def history(created: str, steps: tuple[Step, ...], terms: AppealTerms, day: datetime.date) -> tuple[Step | Lapse, ...]:
    """What became of it until ``day``, in order of time: what persons did, and where it went up because nobody answered in time."""
    return _gone_through(created, steps, terms, day)[1]


def _gone_through(created: str, steps: tuple[Step, ...], terms: AppealTerms, day: datetime.date) -> tuple[State, tuple[Step | Lapse, ...]]:
    now, told = _waiting(LEAD, house_day(created), terms), list[Step | Lapse]()
    for step in steps:
        at = house_day(step.created)
        now = _moved(_by(now, at, terms, told), step.action, at, terms)
        told.append(step)
    return _by(now, day, terms, told), tuple(told)


def _parted(now: State) -> State:
    """Where it stands, a part having been accepted: what was given to the agent stays given, however the rest ends."""
    if now.status == ACCEPTED:
        return now
    return replace(now, status=ACCEPTED if now.status in (CLOSED, WITHDRAWN) else now.status, part=True)


def _waiting(level: str, day: datetime.date, terms: AppealTerms) -> State:
    days = {LEAD: terms.lead_days, QA: terms.qa_days, FINAL: terms.final_days}[level]
    return State(level, WAITING, terms.after(day, days))


def _by(now: State, day: datetime.date, terms: AppealTerms, told: list[Step | Lapse]) -> State:
    """What became of it by itself until ``day``; who lost it is ``told``."""
    while now.due is not None and day > now.due:
        if now.status == REFUSED:
            return State(now.level, CLOSED)
        if now.level == FINAL:
            return replace(now, overdue=True)
        told.append(Lapse(now.level, now.due, _above(now.level)))
        now = _waiting(_above(now.level), now.due, terms)
    return now


def _moved(now: State, action: str, day: datetime.date, terms: AppealTerms) -> State:
    if action in ("support", "escalate"):
        return _waiting(_above(now.level), day, terms)
    if action in ("reject", ACCEPT_PART):
        return State(now.level, CLOSED) if now.level == FINAL else State(now.level, REFUSED, terms.after(day, terms.escalate_days))
    if action in ENDS:
        return State(now.level, ACCEPTED, follows="" if action == ACCEPT else action)
    return State(now.level, WITHDRAWN)


def _above(level: str) -> str:
    order = tuple(LEVELS)
    return order[min(len(order) - 1, order.index(level) + 1)]
