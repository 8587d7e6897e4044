"""Which recording a call has: its own, the whole one that comes after it was scored cut short, or another one's where the id is free."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from qa import serial
from qa.database import Database
from qa.errors import TakenError
from qa.types import Acoustics, AudioInfo

EDGE_MS = 200
"""So much before the cut may differ: a codec's last block, a frame that is half there."""
LEAST_MS = 2000
"""So much must be the same, ..."""
ALIKE_DB = 0.1
VARIED_DB = 10.0
"""... and its level rise and fall by so much: silence is like any other silence."""
T = TypeVar("T")


def holder(
    db: Database, get_blob: Callable[[str], bytes | None], call_id: str, new: AudioInfo, free: Callable[[dict[str, Any]], bool]
) -> tuple[dict[str, Any] | None, bool]:
    """The row of a call, if there is one, and whether ``new`` is another recording than its own, as it may be where the call is ``free``.

    Errors: as :func:`check_continues` where it is not.
    """
    found = db.rows("select call_id, file, sha256, started from calls where call_id = ?", call_id)
    if not found or found[0]["sha256"] == new.sha256:
        return (found[0] if found else None), False
    another = free(found[0])
    if not another:
        check_continues(db, get_blob, found[0], new)
    return found[0], another


def check_continues(db: Database, get_blob: Callable[[str], bytes | None], row: dict[str, Any], new: AudioInfo) -> None:
    """Whether ``new`` may take the place of the recording of a call (its row of ``calls``): see :func:`continues`.

    Errors: :class:`TakenError` where this is not known to be so.
    """
    if not continues(db, get_blob, row, new.sha256, Path(new.path)):
        cure = (
            "如果是两通电话，请在通话记录中给每个录音不同的通话编号；如果是同一录音的两份拷贝，请只留完整的一份；"
            f"如果以前评的那个录音不是这通电话的，请先撤回它：qa records withdraw {row['call_id']} --scorecards --reason 理由"
        )
        raise TakenError(row["call_id"], f"该通话编号已属于另一个录音，与 {new.path} 内容不同", cure)


def continues(db: Database, get_blob: Callable[[str], bytes | None], row: dict[str, Any], sha256: str, path: Path) -> bool:
    """Whether the content ``sha256`` at ``path`` is known to be the recording of a row of ``calls`` with what was missing: that one had the
    same name and ends before its time, and what it has sounds from its beginning like the new one, which is longer.
    """
    from qa import decode  # has the decoders with it, which who only reads the database does not need

    def stage(of: str, name: str, type_: type[T]) -> T | None:
        sql = "select digest from stage_results where file_sha256 = ? and stage = ? and schema_version = ? order by created desc limit 1"
        found = db.rows(sql, of, name, serial.SCHEMA_VERSION)
        payload = get_blob(found[0]["digest"]) if found else None
        return None if payload is None else serial.decode(payload, type_)

    if Path(row["file"]).name != path.name:
        return False
    old = stage(row["sha256"], "info", AudioInfo)
    if old is None or not decode.looks_torn(old):
        return False
    now = stage(sha256, "info", AudioInfo)
    if now is None or old.duration_ms >= now.duration_ms:
        return False
    before, after = stage(row["sha256"], "acoustics", Acoustics), stage(sha256, "acoustics", Acoustics)
    return before is not None and after is not None and _begins_with(after, before)


def _begins_with(whole: Acoustics, torn: Acoustics) -> bool:
    if len(whole.channels) != len(torn.channels):
        return False
    varied = False
    for one, other in zip(whole.channels, torn.channels, strict=True):
        frames = len(other.level_dbov) - EDGE_MS // other.frame_ms
        if one.frame_ms != other.frame_ms or frames < LEAST_MS // other.frame_ms or len(one.level_dbov) < frames:
            return False
        same, level = one.level_dbov[:frames], other.level_dbov[:frames]
        if float(np.abs(same - level).max()) > ALIKE_DB:
            return False
        varied = varied or float(np.ptp(level)) > VARIED_DB
    return varied
