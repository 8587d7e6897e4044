"""The day's plan (抽检计划): so many calls of each agent, drawn by chance that can be checked again.

Drawn once and kept: recordings that come late change no plan.  A plan of a day drawn again adds what is missing for agents who have fewer,
be it that a drawn call was withdrawn.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qa import rows
from qa.database import Database
from qa.errors import ConflictError, StoreError
from qa.review import queue
from qa.review.chance import share
from qa.store import Store

MOST = 50
AT_ONCE = 20


@dataclass(frozen=True)
class AgentPlan:
    """Of an agent on a day: ``calls`` there are, ``drawn`` and of these ``done`` are reviewed."""

    agent_id: str
    agent_name: str
    team: str
    calls: int
    drawn: tuple[str, ...]
    done: int


def draw(store: Store, day: datetime.date, per_agent: int, by: str, seed: str = "") -> int:
    """Draw up to ``per_agent`` calls of each agent on ``day``; how many are new.  ``seed`` "": the day itself.

    Errors: :class:`StoreError` for a number out of range or a missing name.
    """
    new = drawing(store, day, per_agent, by, seed)()
    into_queue(store, new)
    return len(new)


def drawing(store: Store, day: datetime.date, per_agent: int, by: str, seed: str = "") -> Callable[[], tuple[str, ...]]:
    """The same in steps: the calls are chosen here, while others may write; what is returned only writes them down, and gives those
    that are new, for :func:`into_queue`.

    Errors: as :func:`draw`; :class:`ConflictError` where somebody has drawn for the day meanwhile.
    """
    if not 1 <= per_agent <= MOST or not by.strip():
        raise StoreError(f"{day} 的抽检计划", f"每位坐席应抽 1–{MOST} 通，并写明由谁抽", "请改正")
    seed = seed or day.isoformat()
    before, chosen = _drawn(store.db, day), list[tuple[str, str]]()
    for plan in plans(store.db, day):
        order = sorted(_calls(store.db, day, plan.agent_id), key=lambda call_id: share(seed, call_id))
        more = [one for one in order if one not in plan.drawn][: max(0, per_agent - len(plan.drawn))]
        chosen += [(call_id, plan.agent_id) for call_id in more]

    def kept() -> tuple[str, ...]:
        with store.db.writing():
            if _drawn(store.db, day) != before:
                raise ConflictError(f"{day} 的抽检计划", "刚刚有别人为这一天抽过", "请看过新的计划，再决定要不要抽")
            row = {"day": day.isoformat(), "seed": seed, "per_agent": per_agent, "made_by": by.strip(), "created": rows.now_utc()}
            plan_id = store.db.insert("sampling_plans", row)
            for call_id, agent_id in chosen:
                store.db.insert("sampled_calls", {"plan_id": plan_id, "call_id": call_id, "agent_id": agent_id})
        return tuple(call_id for call_id, _ in chosen)

    return kept


def into_queue(store: Store, calls: Sequence[str]) -> None:
    """Show in the queue that calls were drawn, a few at a time: others may write in between."""
    for first in range(0, len(calls), AT_ONCE):
        queue.update(store, *calls[first : first + AT_ONCE])


def _drawn(db: Database, day: datetime.date) -> object:
    return db.rows("select max(id) as last from sampling_plans where day = ?", day.isoformat())


def plans(db: Database, day: datetime.date) -> tuple[AgentPlan, ...]:
    """Every agent with calls on ``day``, by team and number."""
    since, until = day.isoformat(), (day + datetime.timedelta(days=1)).isoformat()
    sql = """select c.agent_id, max(coalesce(c.agent_name, '')) as agent_name, max(coalesce(c.team, '')) as team, count(*) as calls
      from calls c join current_scorecards s using (call_id) where c.started >= ? and c.started < ? and c.agent_id <> ''
      group by c.agent_id"""
    found = db.rows(sql, since, until)
    drawn: dict[str, list[tuple[str, bool]]] = {}
    sql = """select x.call_id, x.agent_id, exists (select 1 from reviews r where r.call_id = x.call_id) as done
      from sampled_calls x join sampling_plans p on p.id = x.plan_id
      where p.day = ? and not exists (select 1 from withdrawn_calls w where w.call_id = x.call_id) order by x.rowid"""
    for row in db.rows(sql, day.isoformat()):
        drawn.setdefault(row["agent_id"], []).append((row["call_id"], bool(row["done"])))
    made = []
    for row in found:
        own = drawn.get(row["agent_id"], [])
        made.append(AgentPlan(**row, drawn=tuple(call_id for call_id, _ in own), done=sum(done for _, done in own)))
    return tuple(sorted(made, key=lambda one: (one.team, one.agent_id)))


def _calls(db: Database, day: datetime.date, agent_id: str) -> list[str]:
    since, until = day.isoformat(), (day + datetime.timedelta(days=1)).isoformat()
    sql = (
        "select c.call_id from calls c join current_scorecards s using (call_id) where c.agent_id = ? and c.started >= ? and c.started < ?"
    )
    return [row["call_id"] for row in db.rows(sql, agent_id, since, until)]
