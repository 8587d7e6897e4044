"""The newest day that has calls: where nothing is asked for, a page opens there instead of on an empty yesterday."""

from __future__ import annotations

from datetime import date, timedelta

from qa.store import Store


def day(store: Store, until: date, *, team: str = "", agent_id: str = "", published: bool = False) -> date | None:
    """The newest day up to ``until`` with calls that count (of a team, of an agent; ``published``: that their agents see); None: none.

    Calls without a time are on no day.
    """
    own = [(f"c.{column} = ?", value) for column, value in (("team", team), ("agent_id", agent_id)) if value]
    shown = (
        "exists (select 1 from publications p where p.call_id = c.call_id and p.scorecard_id is not null"
        " and p.id = (select max(o.id) from publications o where o.call_id = c.call_id))"
        if published
        else "exists (select 1 from current_scorecards s where s.call_id = c.call_id)"
    )
    where = " and ".join(["c.started < ?", shown, *(text for text, _value in own)])
    found = store.db.rows(
        f"select substr(c.started, 1, 10) as day from calls c where {where} order by c.started desc limit 1",
        (until + timedelta(days=1)).isoformat(),
        *(value for _text, value in own),
    )
    return date.fromisoformat(found[0]["day"]) if found else None
