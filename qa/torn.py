"""A recording that was scored although it was cut short, and the whole one that comes later under the same call id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from qa import serial
from qa.database import Database
from qa.errors import StoreError
from qa.types import Acoustics, AudioInfo

EDGE_MS = 200
"""So much before the cut may differ: a codec's last block, a frame that is half there."""
LEAST_MS = 2000
"""So much must be the same, ..."""
ALIKE_DB = 0.1
VARIED_DB = 10.0
"""... and its level rise and fall by so much: silence is like any other silence."""
T = TypeVar("T")


def check_continues(db: Database, get_blob: Callable[[str], bytes | None], row: dict[str, Any], new: AudioInfo) -> None:
    """Whether ``new`` may take the place of the recording of a call (its row of ``calls``): that one had the same name and ends before its
    time, and what it has sounds from its beginning like ``new``, which is longer.

    Errors: :class:`StoreError` where this is not known to be so.
    """

    from qa import decode  # has the decoders with it, which who only reads the database does not need

    def stage(sha256: str, name: str, type_: type[T]) -> T | None:
        sql = "select digest from stage_results where file_sha256 = ? and stage = ? and schema_version = ? order by created desc limit 1"
        found = db.rows(sql, sha256, name, serial.SCHEMA_VERSION)
        payload = get_blob(found[0]["digest"]) if found else None
        return None if payload is None else serial.decode(payload, type_)

    old, now = stage(row["sha256"], "info", AudioInfo), stage(new.sha256, "info", AudioInfo)
    named_alike = Path(row["file"]).name == Path(new.path).name
    if named_alike and old is not None and now is not None and decode.looks_torn(old) and old.duration_ms < now.duration_ms:
        before, after = stage(row["sha256"], "acoustics", Acoustics), stage(new.sha256, "acoustics", Acoustics)
        if before is not None and after is not None and _begins_with(after, before):
            return
    cure = "如果是两通电话，请在通话记录中给每个录音不同的通话编号；如果是同一录音的两份拷贝，请只留完整的一份"
    raise StoreError(row["call_id"], f"该通话编号已属于另一个录音，与 {new.path} 内容不同", cure)


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
