"""Calls that no longer count because the call records of their recording were corrected; nothing of them is changed or deleted.

A recording counts for the calls that its present records give.  When these are others than before (another call id, a transfer less, a
record where there was none), the calls that it was scored as until then are withdrawn: a row says so, with what for and when, and
another one says when a call counts again.  What lies in a closed month is only proposed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa import places, rows
from qa.database import Database
from qa.ledger import Ledger

BY = "qa"
"""Who made a decision that no person made."""


@dataclass(frozen=True)
class Withdrawal:
    """A decision on a call: ``counts`` from now on or not; ``proposed``: its month is closed, nothing changes by it.

    ``sha256`` is the recording's content, ``created`` ISO 8601 UTC.
    """

    id: int
    call_id: str
    sha256: str
    counts: bool
    proposed: bool
    by: str
    reason: str
    created: str

    def __str__(self) -> str:
        if self.proposed:
            return f"{self.reason}；所在月份已关账，{'仍不计' if self.counts else '仍计入'}，等待人工决定"
        return f"{'恢复计入' if self.counts else '已撤回，不计入任何统计'}：{self.reason}"


@dataclass(frozen=True)
class Moved:
    """A call whose counting changed, with the agent and the month (``2025-06``) that it counts for."""

    call_id: str
    agent_id: str | None
    month: str | None
    withdrawal: Withdrawal


class Withdrawals:
    """``store.withdrawals``."""

    def __init__(self, db: Database, ledger: Ledger) -> None:
        self._db, self._ledger = db, ledger

    def of(self, call_id: str) -> tuple[Withdrawal, ...]:
        """All decisions on a call, the earliest first."""
        return tuple(map(_read, self._db.rows("select * from withdrawals where call_id = ? order by id", call_id)))

    def standing(self, call_id: str) -> Withdrawal | None:
        """Why a call does not count; None where it does."""
        found = self._db.rows("select * from withdrawn_calls where call_id = ?", call_id)
        return _read(found[0]) if found else None

    def all(self, agent: str | None = None, since: str | None = None, until: str | None = None) -> tuple[Withdrawal, ...]:
        """The last decision on each call of a period (as ``Store.calls``) that does not count or is proposed not to, by call."""
        low, high = rows.period(since, until)
        sql = """select w.* from withdrawals w join calls c using (call_id)
          where w.id = (select max(id) from withdrawals own where own.call_id = w.call_id) and (w.proposed or not w.counts)
          and (? is null or c.agent_id = ?) and (? is null or c.started >= ?) and (? is null or c.started < ?) order by w.call_id"""
        return tuple(map(_read, self._db.rows(sql, agent, agent, low, low, high, high)))

    def settle(self, path: Path, sha256: str, call_ids: Sequence[str], with_records: bool) -> tuple[Moved, ...]:
        """The recording at ``path`` was scored as ``call_ids`` just now: these count, the others that it was scored as do not.

        Without a record nothing says which call it is: then a call that it was scored as by a record goes on to count, and the one
        without does not.
        """
        others = [row for row in self._of_recording(path, sha256) if row["call_id"] not in call_ids]
        recorded = [row["call_id"] for row in others if row["direction"] is not None and self.standing(row["call_id"]) is None]
        if with_records or not recorded:
            left, kept = ([row["call_id"] for row in others] if with_records else []), list(call_ids)
            reason = f"按现在的通话记录，该录音是通话 {'、'.join(call_ids)}"
        else:
            left, kept = list(call_ids), []
            reason = f"没有通话记录；该录音已按通话记录评为通话 {'、'.join(recorded)}"
        moved = [*(self._decide(one, sha256, False, reason) for one in left), *(self._decide(one, sha256, True, reason) for one in kept)]
        return tuple(one for one in moved if one is not None)

    def _of_recording(self, path: Path, sha256: str) -> list[dict[str, Any]]:
        found = self._db.rows("select call_id, file, direction from calls where sha256 = ? order by call_id", sha256)
        return [row for row in found if _one_file(places.place(row["file"]), path)]

    def _decide(self, call_id: str, sha256: str, counts: bool, reason: str) -> Moved | None:
        """Note that a call counts or not, where that is not so already; in a closed month only as a proposal."""
        before = self.of(call_id)
        same = counts == (self.standing(call_id) is None)
        if same and not (before and before[-1].proposed):
            return None
        (call,) = self._db.rows("select agent_id, started from calls where call_id = ?", call_id)
        proposed = not same and self._ledger.is_closed(call["started"])  # what it is already needs nobody: a proposal falls
        if proposed and before and (before[-1].counts, before[-1].proposed, before[-1].reason) == (counts, True, reason):
            return None
        row = {"call_id": call_id, "sha256": sha256, "counts": int(counts), "proposed": int(proposed), "made_by": BY, "reason": reason}
        with self._db.writing():
            self._db.insert("withdrawals", row | {"created": rows.now_utc()})
        return Moved(call_id, call["agent_id"], (call["started"] or "")[:7] or None, self.of(call_id)[-1])


def _one_file(old: Path, new: Path) -> bool:
    """Whether equal content at two places is one recording: at the same place, or moved.  A copy beside it may be another call's."""
    if old.absolute() == new.absolute():
        return True
    return old.name == new.name and (not old.exists() or new.absolute().parts[-len(old.parts) :] == old.parts)


def _read(row: dict[str, Any]) -> Withdrawal:
    plain = {name: row[name] for name in ("id", "call_id", "sha256", "reason", "created")}
    return Withdrawal(**plain, counts=bool(row["counts"]), proposed=bool(row["proposed"]), by=row["made_by"])
