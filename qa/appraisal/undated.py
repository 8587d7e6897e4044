"""Scored calls of which nobody knows when they were: they belong to no month, and stand in no table, no sum and no fine.

A table that leaves them out says so, wherever a reader could take it for complete.
"""

from __future__ import annotations

import time
from pathlib import Path

from qa.database import Database

MOST = 1000
"""Of more it is only told that they are more: a store whose call records were never imported may have a million, and a page waits for
this."""
SLOW_S, KEPT_S = 0.02, 60.0
"""A page asks again only after a minute where counting took longer than this: where the records came later, very many calls may lie there
that count no more under their old ids."""
_CURE = "请导入话单（qa records import）后再评一次（qa score）"


def count(db: Database, *, team: str | None = None, agent_id: str | None = None) -> int:
    """How many scored calls of the house, of a team or of an agent have no start; ``MOST`` + 1 stands for more than ``MOST``."""
    own = [(column, value) for column, value in (("team", team), ("agent_id", agent_id)) if value is not None]
    where = "".join(f" and c.{column} = ?" for column, _ in own)
    sql = f"""select count(*) as n from (select 1 from calls c where c.started is null{where}
      and not exists (select 1 from withdrawn_calls w where w.call_id = c.call_id)
      and exists (select 1 from current_scorecards s where s.call_id = c.call_id) limit {MOST + 1})"""
    return int(db.rows(sql, *(value for _, value in own))[0]["n"])


_kept: dict[tuple[Path, str | None, str | None], tuple[float, int]] = {}


def shown(db: Database, *, team: str | None = None, agent_id: str | None = None) -> int:
    """As :func:`count`, for a page: where that takes long, the number of up to a minute ago."""
    key = db.path, team, agent_id
    found = _kept.get(key)
    begun = time.monotonic()
    if found is not None and begun - found[0] < KEPT_S:
        return found[1]
    number = count(db, team=team, agent_id=agent_id)
    if (now := time.monotonic()) - begun > SLOW_S:
        _kept[key] = now, number
    else:
        _kept.pop(key, None)
    return number


def told(number: int) -> str:
    """That so many calls (:func:`count`) are in no month, and what to do (Chinese); '' where there are none."""
    return f"另有{_many(number)} 通有评分的通话没有开始时间，不属于任何月份，不在这些数字里，也不计罚款；{_CURE}" if number else ""


def told_of_all(number: int) -> str:
    """The same beside figures over all times, in which they are; '' where there are none."""
    return f"其中{_many(number)} 通有评分的通话没有开始时间：计入这里的平均，但不属于任何月份，也不计罚款；{_CURE}" if number else ""


def notes(db: Database, agent_id: str | None, bounded: bool) -> tuple[str, ...]:
    """What figures of a period say of these calls; ``bounded``: the period has a beginning or an end, so that they are not in it."""
    number = count(db, agent_id=agent_id)
    text = told(number) if bounded else told_of_all(number)
    return (text,) if text else ()


def _many(number: int) -> str:
    return f"超过 {MOST}" if number > MOST else f" {number}"
