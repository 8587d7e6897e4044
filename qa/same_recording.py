"""Which stored calls are of the recording that was just scored: the same file however its place is spelled, moved, renamed or completed.

Equal content alone is not enough: two calls may have one content (silence, a copy that another call was given), and one place may have
had another recording yesterday.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa import places
from qa.database import Database
from qa.rules.expression import Truth

Row = dict[str, Any]
"""Of ``calls``."""
Continues = Callable[[Row, str, Path], bool]
"""Whether a content (SHA-256) at a place is the recording of a row, which was cut short, with what was missing."""
Keeps = Callable[[Row], bool]
"""Whether the present records give the file of a row, under its own name, the call that the row is."""


@dataclass(frozen=True)
class Known:
    """Rows of calls: ``same`` were scored from this recording, ``elsewhere`` have its content at another place that is still there.

    ``gone``: their content lay at another place and does so no more, and nothing in it tells whether it is this recording.
    """

    same: tuple[Row, ...]
    elsewhere: tuple[Row, ...]
    gone: tuple[Row, ...] = ()


def known(db: Database, continues: Continues, path: Path, sha256: str, keeps: Keeps = lambda row: False) -> Known:
    """What is stored of the recording at ``path``, whose content has the hash ``sha256``.

    Another name of the file (a link) for which the records give another call is a copy ``elsewhere``.
    """
    same, elsewhere, gone = list[Row](), list[Row](), list[Row]()
    for row in db.rows("select * from calls where sha256 = ? order by call_id", sha256):
        one = _one_file(db, row, path, sha256, keeps)
        (same if one is Truth.TRUE else elsewhere if one is Truth.FALSE else gone).append(row)
    return Known((*same, *_cut_short(db, continues, path, sha256)), tuple(elsewhere), tuple(gone))


def _one_file(db: Database, row: Row, path: Path, sha256: str, keeps: Keeps) -> Truth:
    """Whether equal content at two places is one recording: at the same place, or moved.  A copy beside it may be another call's."""
    old = places.place(row["file"])
    if place(old) == place(path):
        # by another name it is a copy where the records tell a call for either name
        return Truth.FALSE if old.absolute() != path.absolute() and keeps(row) else Truth.TRUE
    if old.name == path.name and path.absolute().parts[-len(old.parts) :] == old.parts:
        return Truth.TRUE  # told from within another folder
    if lies_at(old, sha256) is not False or not path.exists():
        return Truth.FALSE  # where the recording itself is gone too, a share went away: that tells of no move
    # silence is like any other silence: under another name only words tell a recording
    moved = old.name == path.name or bool(db.rows("select 1 from utterances where call_id = ? limit 1", row["call_id"]))
    return Truth.TRUE if moved else Truth.UNKNOWN


def place(path: Path) -> Path:
    """One spelling of a place: absolute, without ``..`` and links.  An address of an object store as it is."""
    return path.absolute() if isinstance(path, places.RemotePath) else path.resolve()


def lies_at(path: Path, sha256: str) -> bool | None:
    """Whether a content lies at a place; None where something lies there of which that is not known."""
    from qa import decode  # has the decoders with it, which who only reads the database does not need
    from qa.errors import AudioError

    if not path.exists():
        return False
    if isinstance(path, places.RemotePath):
        return None
    try:
        return decode.file_sha256(path) == sha256
    except AudioError:
        return None


def _cut_short(db: Database, continues: Continues, path: Path, sha256: str) -> list[Row]:
    """Rows of what lay at this place when it was cut short, also under the name that a file without a record has."""
    spelled = {str(path), str(path.absolute()), str(place(path))}
    if not isinstance(path, places.RemotePath):
        spelled.add(os.path.relpath(place(path)))
    marks = ", ".join("?" * len(spelled))
    found = db.rows(f"select * from calls where file in ({marks}) and sha256 <> ?", *spelled, sha256)
    found += db.rows("select * from calls where call_id > ? and call_id < ? and sha256 <> ?", f"{path.stem}@", f"{path.stem}A", sha256)
    rows = {row["call_id"]: row for row in found}
    return [row for _, row in sorted(rows.items()) if continues(row, sha256, path)]
