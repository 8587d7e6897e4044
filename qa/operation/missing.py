"""Calls whose words were deleted on purpose are told apart from calls whose data were lost."""

from __future__ import annotations

from qa.database import Database
from qa.errors import StoreError

_DELETED = """select created from purged where kind = 'transcripts' and object_id = ?1
  and scorecard_id >= (select coalesce(max(id), 0) from scorecards where call_id = ?1) order by id desc limit 1"""


def refuse_deleted(db: Database, call_id: str) -> None:
    """Errors: :class:`StoreError` where the words of the call were deleted, also where another call with the very same words keeps them; a
    call that was scored anew since has its words again."""
    for row in db.rows(_DELETED, call_id):
        cause = f"这通电话的文字已于 {row['created'][:10]} 按保存期限删除"
        raise StoreError(call_id, cause, "评分和扣分仍然有效；文字不能再看，也不能再重新评分")
