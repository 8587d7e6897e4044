"""Who has which call open on the review screen right now, told by the audit log: nothing is kept for it, and it ends by itself.

Nobody is locked out: what somebody looks at is passed over by whoever goes on to the next call, and may be opened all the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from qa.database import Database
from qa.people.accounts import UserRole

LEASE = timedelta(minutes=20)
"""Who did nothing on a call's screen for so long has left it."""
SCREEN = "review"
"""``screen`` of a view that opens the review screen."""
_OPENS, _HEARS, _FINISHES, _LEAVES = "call.view", "call.listen", "review.finish", "logout"
_DECIDES = tuple(f"review.{act}" for act in ("confirm", "uphold", "overturn", "add", "drop", "withdraw", "roles", "text"))
_ACTIONS = (_OPENS, _HEARS, _FINISHES, _LEAVES, *_DECIDES)
_ACTS = 40
"""So many of each person's last acts tell: what is open now is among them."""
_DONE = f"""select l.user_id, l.action, l.object_id, l.details_json, l.at, coalesce(nullif(u.name, ''), u.login) as called
  from users u cross join audit_log l where u.role = ? and u.id <> ?
  and l.id in (select id from audit_log own where own.user_id = u.id order by own.id desc limit {_ACTS})
  and l.at >= ? and l.action in ({", ".join("?" * len(_ACTIONS))}) order by l.id"""


@dataclass(frozen=True)
class Look:
    """``name`` has the call open, ``at`` (ISO 8601 UTC) is when something was last done there."""

    call_id: str
    name: str
    at: str


def others(db: Database, user_id: int, now: datetime | None = None) -> dict[str, Look]:
    """By call, who but the account ``user_id`` has it open, or was led to it as the next one; of several whoever did something last."""
    since = ((now or datetime.now(UTC)) - LEASE).isoformat(timespec="milliseconds")
    found: dict[tuple[int, str], Look] = {}
    for row in db.rows(_DONE, UserRole.QA.value, user_id, since, *_ACTIONS):
        who, call_id, told = row["user_id"], row["object_id"], json.loads(row["details_json"])
        if row["action"] == _LEAVES:
            found = {key: look for key, look in found.items() if key[0] != who}
            continue
        known = found.pop((who, call_id), None)
        if row["action"] == _FINISHES:
            call_id = told.get("next", "")
        elif known is None and (row["action"] == _HEARS or (row["action"] == _OPENS and told.get("screen") != SCREEN)):
            continue
        if call_id:
            found[who, call_id] = Look(call_id, row["called"], row["at"])
    return {call_id: look for (_who, call_id), look in found.items()}
