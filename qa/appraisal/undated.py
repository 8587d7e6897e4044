"""Scored calls that stand in nobody's month, and so in no table, no sum and no fine: nobody knows when they were, or whose they are.

A table that leaves them out says so, wherever a reader could take it for complete.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from qa.database import Database

MOST = 1000
"""Of more it is only told that they are more: a store whose call records were never imported may have a million, and a page waits for
this."""
SLOW_S, KEPT_S = 0.02, 60.0
"""A page asks again only after a minute where counting took longer than this: where the records came later, very many calls may lie there
that count no more under their old ids."""
_CURE = "请导入话单（qa records import）后再评一次（qa score）"
_NOBODYS = "请导入写有坐席工号的话单（qa records import）后再评一次（qa score）"


def count(db: Database, *, team: str | None = None, agent_id: str | None = None) -> int:
    """How many scored calls of the house, of a team or of an agent have no start; ``MOST`` + 1 stands for more than ``MOST``."""
    return _count(db, "c.started is null", team=team, agent_id=agent_id)


def unassigned(db: Database, month: str, *, team: str | None = None) -> int:
    """How many scored calls of a month (``2025-06``), of the house or of a team, are nobody's: no agent is known.  As of :func:`count`."""
    return _count(db, "(c.agent_id is null or c.agent_id = '') and c.started >= ? and c.started < ?", month, f"{month}-99", team=team)


def _count(db: Database, which: str, *params: str, **own: str | None) -> int:
    more = {column: value for column, value in own.items() if value is not None}
    where = which + "".join(f" and c.{column} = ?" for column in more)
    sql = f"""select count(*) as n from (select 1 from calls c where {where}
      and not exists (select 1 from withdrawn_calls w where w.call_id = c.call_id)
      and exists (select 1 from current_scorecards s where s.call_id = c.call_id) limit {MOST + 1})"""
    return int(db.rows(sql, *params, *more.values())[0]["n"])


_kept: dict[tuple[Path, str | None, str | None, str | None], tuple[float, int]] = {}


def shown(db: Database, *, team: str | None = None, agent_id: str | None = None) -> int:
    """As :func:`count`, for a page: where that takes long, the number of up to a minute ago."""
    return _shown((db.path, None, team, agent_id), lambda: count(db, team=team, agent_id=agent_id))


def unassigned_shown(db: Database, month: str, *, team: str | None = None) -> int:
    """As :func:`unassigned`, for a page."""
    return _shown((db.path, month, team, None), lambda: unassigned(db, month, team=team))


def _shown(key: tuple[Path, str | None, str | None, str | None], counted: Callable[[], int]) -> int:
    found = _kept.get(key)
    begun = time.monotonic()
    if found is not None and begun - found[0] < KEPT_S:
        return found[1]
    number = counted()
    if (now := time.monotonic()) - begun > SLOW_S:
        _kept[key] = now, number
    else:
        _kept.pop(key, None)
    return number


def left_out(undated: int, unassigned: int = 0) -> tuple[str, ...]:
    """What a table of a month says of so many calls without a start and without an agent (Chinese); nothing where there are none."""
    return tuple(filter(None, (told(undated), told_unassigned(unassigned))))


def beside(db: Database, month: str, *, team: str | None = None) -> tuple[str, ...]:
    """:func:`left_out` of the house or of a team, for a page."""
    return left_out(shown(db, team=team), unassigned_shown(db, month, team=team))


def told(number: int) -> str:
    """That so many calls (:func:`count`) are in no month, and what to do (Chinese); '' where there are none."""
    return f"另有{_many(number)} 通有评分的通话没有开始时间，不属于任何月份，不在这些数字里，也不计罚款；{_CURE}" if number else ""


def told_unassigned(number: int) -> str:
    """The same of calls of the month of which no agent is known (:func:`unassigned`)."""
    return f"本月另有{_many(number)} 通有评分的通话不知道是哪位坐席，不在任何人的数字里，也不计罚款；{_NOBODYS}" if number else ""


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
