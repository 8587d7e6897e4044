"""Calls whose words were deleted on purpose are told apart from calls whose data were lost."""

from __future__ import annotations

from qa import serial
from qa.clock import house_day
from qa.database import Database
from qa.errors import StoreError
from qa.ledger_cards import Snapshot

STILL_VALID = "评分和扣分仍然有效；文字不能再看，也不能再重新评分"
_JUDGED_ON = """select s.snapshot,
  (select min(own.id) from scorecards own where own.call_id = s.call_id and own.snapshot = s.snapshot) as first
  from scorecards s where s.call_id = ? and s.id = ?"""


def deleted(db: Database, call_id: str, scorecard_id: int | None = None) -> str:
    """Since when (Chinese) the words are gone that a scorecard of a call (None: its newest) was judged on; "" where they were not deleted.

    They are gone also where another call with the very same words keeps them.  A call that was heard anew since has its words again, and
    those of an older scorecard if they are the very same; one that was only counted anew (a verdict, first warnings) has not.
    """
    purges = "select scorecard_id, created from purged where kind = 'transcripts' and object_id = ? order by id desc limit 1"
    for last in db.rows(purges, call_id):
        (card,) = db.rows("select coalesce(max(id), 0) as newest from scorecards where call_id = ?", call_id)
        if last["scorecard_id"] >= card["newest"] or _lost_by(db, last["scorecard_id"], call_id, scorecard_id or card["newest"]):
            day = house_day(last["created"])
            return f"这通电话的文字已于 {day} 按保存期限删除"
    return ""


def refuse_deleted(db: Database, call_id: str) -> None:
    """Errors: :class:`StoreError` where the words of the call, as it was scored last, are :func:`deleted`."""
    gone = deleted(db, call_id)
    if gone:
        raise StoreError(call_id, gone, STILL_VALID)


def _lost_by(db: Database, purged: int, call_id: str, scorecard_id: int) -> bool:
    """Whether a scorecard rests on what there was when the scorecards up to ``purged`` were purged, and that is not there again."""
    for card in db.rows(_JUDGED_ON, call_id, scorecard_id):
        parts = {digest for _, digest in serial.decode(card["snapshot"], Snapshot).parts}
        marks = ", ".join("?" * len(parts))
        (there,) = db.rows(f"select count(*) as n from blobs where digest in ({marks})", *parts)
        return bool(card["first"] <= purged and there["n"] < len(parts))
    return False
