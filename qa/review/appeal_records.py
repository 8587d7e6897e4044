"""Appeals as they are kept, and those that are asked for."""

from __future__ import annotations

import datetime
import json
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from qa import rows
from qa.database import Database
from qa.errors import NotFoundError
from qa.ledger import PROPOSED, Ledger
from qa.review.appeal_states import ACCEPT_OUT, ACCEPT_OWNER, ENDS, WAITING, Lapse, State, Step, history, state, today
from qa.rules.appeal_terms import AppealTerms
from qa.withdrawals import BY, Withdrawals

WHOLE_CALL = ""
"""In the place of a rule: the appeal is about the call itself (not the agent's own, not a call at all)."""


@dataclass(frozen=True)
class Appeal:
    """``rule_id`` "" is the whole call.  ``scorecard_id``: the published one that it is against.  ``terms``: of the rule book of that day.
    ``created`` is ISO 8601 UTC."""

    id: int
    call_id: str
    rule_id: str
    scorecard_id: int
    agent_id: str
    reason: str
    text: str
    by: str
    created: str
    terms: AppealTerms
    steps: tuple[Step, ...]

    def state(self, day: datetime.date | None = None) -> State:
        """Where it stands on ``day`` (None: today)."""
        return state(self.created, self.steps, self.terms, day or today())

    def history(self, day: datetime.date | None = None) -> tuple[Step | Lapse, ...]:
        """What became of it until ``day`` (None: today): steps of persons, and where it went up by itself."""
        return history(self.created, self.steps, self.terms, day or today())


def get(db: Database, appeal_id: int) -> Appeal:
    """Errors: :class:`NotFoundError`."""
    found = _read(db, "where id = ?", appeal_id)
    if not found:
        raise NotFoundError(f"申诉 {appeal_id}", "没有这件申诉", "请核对编号")
    return found[0]


def of_agent(db: Database, agent_id: str) -> tuple[Appeal, ...]:
    """An agent's appeals, the newest first."""
    return _read(db, "where agent_id = ? order by id desc", agent_id)


def against(db: Database, call_id: str) -> tuple[Appeal, ...]:
    """The appeals about a call, the earliest first."""
    return _read(db, "where call_id = ? order by id", call_id)


def waiting(db: Database, level: str, team: str | None = None, day: datetime.date | None = None) -> tuple[tuple[Appeal, State], ...]:
    """Appeals that wait for an answer of ``level`` (of one team's agents), those due first."""
    own = [(one, now) for one, now in unsettled(db, team, day) if now.status == WAITING and now.level == level]
    return tuple(sorted(own, key=lambda pair: (pair[1].due or datetime.date.max, pair[0].id)))


def misattributed(db: Database, month: str | None = None) -> tuple[Appeal, ...]:
    """Accepted appeals that say a call is not the agent's, whose call (of a month "2025-06"; None: any) still counts for that agent: the
    call records have to be corrected, or the call to be withdrawn, and no person has refused that.  The earliest first."""
    sql = f"""where exists (select 1 from appeal_steps s where s.appeal_id = appeals.id and s.action = '{ACCEPT_OWNER}')
      and exists (select 1 from calls c where c.call_id = appeals.call_id and c.agent_id = appeals.agent_id
        and (?1 is null or (c.started >= ?1 and c.started < ?1 || '-99')))
      and not exists (select 1 from withdrawn_calls w where w.call_id = appeals.call_id) order by id"""
    return tuple(one for one in _read(db, sql, month) if not declined(db, one))


def declined(db: Database, known: Appeal) -> bool:
    """Whether an accepted appeal said that a call is not to count for the agent, and it does for good: of what was proposed of it since,
    that it be another agent's or nobody's, a person refused the last, and nothing of the kind waits."""
    since = max((step.created for step in known.steps if step.action in (ACCEPT_OUT, ACCEPT_OWNER)), default="")
    if not since or not _counts(db, known) or leaves(db, known):
        return False
    moved = """select a.created, a.made_by, stays.agent_id as agent_id from adjustments a join scorecards s on s.id = a.position
      join scorecards stays on stays.id = a.scorecard_id where a.call_id = ? and s.agent_id is not ? order by a.id desc limit 1"""
    found = db.rows(moved, known.call_id, known.agent_id)
    last = [(row["created"], row["agent_id"] == known.agent_id and row["made_by"] != BY) for row in found]
    last += [(one.created, one.refused) for one in _withdrawals(db).of(known.call_id)[-1:]]
    created, refused = max(last, default=("", False))
    return refused and created >= since


def leaves(db: Database, known: Appeal) -> bool:
    """Whether it waits for a person that the call, which counts for the agent, becomes another agent's, or counts for nobody."""
    if not _counts(db, known):
        return False
    moves = db.rows(f"select 1 {PROPOSED} and s.call_id = ? and s.agent_id is not ?", known.call_id, known.agent_id)
    return bool(moves) or _withdrawals(db).gives_way(known.call_id)


def _counts(db: Database, known: Appeal) -> bool:
    """Whether the call counts for the agent who appeals."""
    sql = """select 1 from calls c where c.call_id = ? and c.agent_id = ?
      and not exists (select 1 from withdrawn_calls w where w.call_id = c.call_id)"""
    return bool(db.rows(sql, known.call_id, known.agent_id))


def _withdrawals(db: Database) -> Withdrawals:
    return Withdrawals(db, Ledger(db))


def of_month(db: Database, month: str, agents: Iterable[str]) -> tuple[Appeal, ...]:
    """The appeals of some agents about calls of a month ("2025-06") that were filed since its first day."""
    called = "select 1 from calls c where c.call_id = appeals.call_id and c.started >= ?1 and c.started < ?1 || '-99'"
    of = "agent_id in (select value from json_each(?3))"
    return _read(db, f"where {of} and created >= ?2 and exists ({called}) order by id", month, _before(month), json.dumps([*agents]))


def _before(month: str) -> str:
    """An instant of the log before all instants of a month of the house: the log tells the time in UTC."""
    return (datetime.date.fromisoformat(f"{month}-01") - datetime.timedelta(days=1)).isoformat()


def unsettled(db: Database, team: str | None = None, day: datetime.date | None = None) -> tuple[tuple[Appeal, State], ...]:
    """Appeals that are open on ``day`` (None: today), of a team's agents (None: of all), the earliest first, and where they stand.

    What lapsed stays in the tables for good: it is not gone through again as long as nothing was written and the day is the same.
    """
    found = _open_on(db, day or today())
    if team is None:
        return found
    ids = ", ".join(str(one.id) for one, _ in found)
    own = {
        row["id"] for row in db.rows(f"select a.id from appeals a join calls c using (call_id) where a.id in ({ids}) and c.team = ?", team)
    }
    return tuple((one, now) for one, now in found if one.id in own)


_Open = tuple[tuple[Appeal, State], ...]
_remembered: weakref.WeakKeyDictionary[Database, tuple[object, _Open]] = weakref.WeakKeyDictionary()


def _open_on(db: Database, day: datetime.date) -> _Open:
    """Both tables are append only: their last rows tell whether something came."""
    (last,) = db.rows("select (select max(id) from appeals) as appeal, (select max(id) from appeal_steps) as step")
    key = day, last["appeal"], last["step"]
    known = _remembered.get(db)
    if known is not None and known[0] == key and not db.sqlite.conn.in_transaction:
        return known[1]
    ends = ", ".join(f"'{action}'" for action in (*ENDS, "withdraw"))
    over = f"""not exists (select 1 from appeal_steps s where s.appeal_id = appeals.id
      and (s.action in ({ends}) or (s.action in ('reject', 'accept_part') and s.level = 'final')))"""
    found = tuple((one, now) for one in _read(db, f"where {over} order by id") if (now := one.state(day)).open)
    if not db.sqlite.conn.in_transaction:  # what is rolled back was never there
        _remembered[db] = key, found
    return found


@lru_cache(maxsize=64)
def _terms(text: str) -> AppealTerms:
    terms: AppealTerms = rows.from_json(text, AppealTerms)
    return terms


def _read(db: Database, where: str, *params: Any) -> tuple[Appeal, ...]:
    found = db.rows(f"select * from appeals {where}", *params)
    steps: dict[int, list[Step]] = {}
    ids = ", ".join(str(int(row["id"])) for row in found)
    for r in db.rows(f"select * from appeal_steps where appeal_id in ({ids}) order by id"):
        one = Step(r["id"], r["level"], r["action"], r["text"], r["made_by"], r["created"], r["verdict_id"], r["user_id"])
        steps.setdefault(r["appeal_id"], []).append(one)
    plain = ("id", "call_id", "rule_id", "scorecard_id", "agent_id", "reason", "text", "created")
    return tuple(
        Appeal(
            **{name: r[name] for name in plain},
            by=r["made_by"],
            terms=_terms(r["terms_json"]),
            steps=tuple(steps.get(r["id"], ())),
        )
        for r in found
    )
