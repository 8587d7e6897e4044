"""Who looks at which call; of a call the last assignment counts, an empty name releases it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qa import rows
from qa.database import Database
from qa.store import Store


@dataclass(frozen=True)
class Assignment:
    """``assignee`` "" is nobody.  ``created`` is ISO 8601 UTC."""

    call_id: str
    assignee: str
    by: str
    created: str


def of_call(db: Database, call_id: str) -> Assignment | None:
    """The one that counts; None where there never was one."""
    found = db.rows("select * from assignments where call_id = ? order by id desc limit 1", call_id)
    return Assignment(call_id, found[0]["assignee"], found[0]["made_by"], found[0]["created"]) if found else None


def assign(store: Store, call_ids: Iterable[str], assignee: str, by: str) -> int:
    """Give calls to somebody ("": to nobody); how many had somebody else."""
    moved = 0
    with store.db.writing():
        for call_id in dict.fromkeys(call_ids):
            known = of_call(store.db, call_id)
            if (known.assignee if known is not None else "") == assignee.strip():
                continue
            row = {"call_id": call_id, "assignee": assignee.strip(), "made_by": by, "created": rows.now_utc()}
            store.db.insert("assignments", row)
            store.db.sqlite.execute("update review_worth set assignee = ? where call_id = ?", (assignee.strip(), call_id))
            moved += 1
    return moved
