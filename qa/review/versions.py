"""What a person had before the eyes: whoever decides on something older than what is there is told, and nothing is lost."""

from __future__ import annotations

from typing import Any

from qa.clock import house_minute
from qa.database import Database
from qa.errors import ConflictError

_TABLES = {"verdicts": "判定", "text_marks": "文字", "role_marks": "角色", "adjustments": "调整"}
"""What persons decide of a call, each with who and when."""


def version(db: Database, call_id: str) -> str:
    """Stands for all scorecards and decisions of a call: another one once there is anything new."""
    numbers = [f"(select coalesce(max(id), 0) from {table} where call_id = ?1)" for table in ("scorecards", *_TABLES)]
    (row,) = db.rows("select " + " || '.' || ".join(numbers) + " as version", call_id)
    return str(row["version"])


def check(db: Database, call_id: str, on: str | None) -> None:
    """Errors: :class:`ConflictError` where anything was decided of the call, or it was scored, since ``on``; None: nothing is asked."""
    if on is None or on == version(db, call_id):
        return
    known = dict(zip(("scorecards", *_TABLES), on.split("."), strict=False))
    told = [text for table, name in _TABLES.items() if (text := _newer(db, table, name, call_id, known.get(table, "")))]
    cause = f"您打开之后，{'；'.join(told)}" if told else "您打开之后，这通电话重新评过分"
    raise ConflictError(call_id, cause, "您的决定没有保存；请先看新的结果，再决定")


def since(db: Database, call_id: str, moment: str) -> bool:
    """Whether the call was scored, or anything was decided of it, after a moment (ISO 8601 UTC)."""
    later = " or ".join(f"exists (select 1 from {table} where call_id = ?1 and created > ?2)" for table in ("scorecards", *_TABLES))
    (row,) = db.rows(f"select {later} as later", call_id, moment)
    return bool(row["later"])


def _newer(db: Database, table: str, name: str, call_id: str, known: str) -> str:
    sql = f"select made_by, created from {table} where call_id = ? and id > ? order by id desc limit 1"
    found: list[dict[str, Any]] = db.rows(sql, call_id, int(known) if known.isdigit() else 0)
    return f"{found[0]['made_by']} 改了{name}（{house_minute(found[0]['created'])}）" if found else ""
