"""Which call records a command uses: those that the user names, else those that were imported."""

from __future__ import annotations

import tempfile
from pathlib import Path

from qa.errors import RecordError
from qa.records import NEEDED, Records, read_calls
from qa.store import Store
from qa.switch import formats, importing, times
from qa.switch.joins import RecordTable
from qa.switch.rows import Settings

CALLS_CSV = "calls"
"""The name of the program's own table, ``calls.csv``, among the formats."""
OWN_SIGN = f"calls.csv，表头有 {'、'.join(NEEDED)} …"


def split(named: str) -> tuple[Path, str]:
    """``FILE`` or ``FILE:FORMAT`` as path and format ("" for none); a file whose own name ends so is taken as it is.

    Errors: :class:`qa.errors.RecordError` for a format that there is not.
    """
    path, colon, format_ = named.rpartition(":")
    if not colon or Path(named).exists() or "/" in format_ or "\\" in format_:
        return Path(named), ""
    return Path(path), format_ if format_ == CALLS_CSV else formats.named(format_, "--calls")


def imported(store: Store) -> Records | None:
    """The records that were imported into the store; None where there are none."""
    return RecordTable(store) if store.log.any_calls() else None


def named(calls: str, zone: str = "") -> Records:
    """The records that ``--calls FILE[:FORMAT]`` names; ``zone``: of times that are written without one.

    Errors: :class:`qa.errors.RecordError` for a file that is of no known format, or that cannot be read.
    """
    path, format_ = split(calls)
    if format_ == CALLS_CSV or (not format_ and is_own(path)):
        return read_calls(path)
    settings = Settings(zone=times.zone(zone) if zone else None)
    try:
        how = formats.reading(path, format_, None, settings)
    except RecordError as error:
        raise RecordError(error.subject, error.cause, f"{error.cure}\n  {CALLS_CSV}：{OWN_SIGN}") from error
    return _Passing(path, how)


def is_own(path: Path) -> bool:
    """Whether a file is the program's own table, by its header; also where it cannot be read, whose error is the clearer one."""
    try:
        with path.open("rb") as file:
            head = file.readline(1 << 16)
    except OSError:
        return True
    names = {name.strip().strip('"') for name in head.decode("utf-8-sig", "replace").strip().split(",")}
    return {"file", "direction"} <= names or not head.strip()


class _Passing(RecordTable):
    """Records of a file that is not kept: its rows lie in a database of their own, which goes with this value."""

    def __init__(self, path: Path, how: formats.Reading) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="qa-")
        self._own = Store(Path(self._folder.name) / "calls.db")
        importing.import_file(self._own, path, how)
        super().__init__(self._own)
