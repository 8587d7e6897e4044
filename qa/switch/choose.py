"""Which call records a command uses: those that the user names, else those that were imported."""

from __future__ import annotations

import tempfile
from pathlib import Path

from qa.errors import RecordError
from qa.records import NEEDED, Records, read_calls
from qa.store import Store
from qa.switch import formats, importing, kept, merging, times
from qa.switch.joins import RecordTable
from qa.switch.rows import Settings, over

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


def check(calls: str) -> None:
    """Whether ``--calls FILE[:FORMAT]`` names a file that can be read as call records, before anything else is done.

    Errors: :class:`qa.errors.RecordError` for a file that is of no known format, or that cannot be read.
    """
    path, format_ = split(calls)
    if _own(path, format_):
        read_calls(path)
    else:
        _reading(path, format_, Settings())


def named(calls: str, zone: str = "", house: Store | None = None) -> Records:
    """The records that ``--calls FILE[:FORMAT]`` names; ``zone``: of times that are written without one.

    What was stated when records were imported into ``house`` (whose extensions are which agents, the time zone, names of recordings, ...)
    holds here too, where ``zone`` does not say otherwise, and so does its roster.

    Errors: :class:`qa.errors.RecordError` for a file that is of no known format, or that cannot be read.
    """
    path, format_ = split(calls)
    if _own(path, format_):
        return read_calls(path)
    stated = house.log.settings() if house is not None else Settings()
    settings = over(stated, Settings(zone=times.zone(zone) if zone else None))
    return _Passing(path, _reading(path, format_, settings), house)


def _own(path: Path, format_: str) -> bool:
    return format_ == CALLS_CSV or (not format_ and is_own(path))


def _reading(path: Path, format_: str, settings: Settings) -> formats.Reading:
    try:
        return formats.reading(path, format_, None, settings)
    except RecordError as error:
        raise RecordError(error.subject, error.cause, f"{error.cure}\n  {CALLS_CSV}：{OWN_SIGN}") from error


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

    def __init__(self, path: Path, how: formats.Reading, house: Store | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="qa-")
        self._own = Store(Path(self._folder.name) / "calls.db")
        if house is not None:
            number = self._own.log.begin("", "", "roster", kept.settings_json(Settings()))
            self._own.log.put(number, list(house.log.of_kind("roster")), [], "")
        importing.import_file(self._own, path, how)
        super().__init__(self._own, merging.over_imported(self._own.log, house.log) if house is not None else None)
