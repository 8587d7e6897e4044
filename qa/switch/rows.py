"""What all readers have in common: a row as read, a fault with its line, and what the house states about its switch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from qa.errors import RecordError

CALL_KINDS = ("asterisk", "queue_log", "freeswitch", "yeastar", "mapped")
"""Kinds of rows that calls are made of."""
EXTENSIONS = r"(?!(?:11[0249]|12[02]|12\d{3}|100\d{2}|9[56]\d{3,4})$)\d{2,6}"
"""What an inner number looks like where the house does not say: two to six digits that are no public service (110, 12345, 10086, 95588)."""
REGISTERS = ("roster", "complaints", "surveys", "tickets")


@dataclass(frozen=True)
class Fault:
    """A row that cannot be used, or only in part: where it stands (``line`` from 1), why, and what to do."""

    file: str
    line: int
    cause: str
    cure: str

    @property
    def message(self) -> str:
        return f"{self.cause}。{self.cure}" if self.cure else self.cause

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class RowError(Exception):
    """A row says something that cannot be so; the reader adds the place."""

    def __init__(self, cause: str, cure: str = "请核对该行，改正后再导入") -> None:
        self.cause, self.cure = cause, cure
        super().__init__(cause)


@contextlib.contextmanager
def at_line(path: Path, line: int) -> Iterator[None]:
    """What stops the whole file, with the line at which it showed."""
    try:
        yield
    except RecordError as error:
        raise RecordError(f"{path}:{line}", f"{error.subject} {error.cause}", error.cure) from error


@dataclass(frozen=True)
class Row:
    """A row of a source in the house's time and in one spelling.

    ``key`` names what it is about: a later row of the same ``kind`` and ``key`` corrects it.  ``part`` names the call that it belongs
    to, ``ref`` and ``other`` further ids of that call.  ``at`` is its earliest time (wall clock of UTC+8), None where it has none.
    ``recording`` is the name of the sound file as told.  ``values`` is the rest, as the reader of the kind writes it.
    ``file`` and ``line`` say where it stands.

    ``came``: the number of the import that first brought what it is about, and the time that it told then; (0, "") outside of a database.
    ``withdrawn``: why a person took it out, "" where it counts.
    """

    kind: str
    key: str
    line: int
    values: Mapping[str, str]
    part: str = ""
    ref: str = ""
    other: str = ""
    at: str | None = None
    recording: str = ""
    file: str = ""
    came: tuple[int, str] = (0, "")
    withdrawn: str = ""

    @property
    def source(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def content(self) -> str:
        """All that the row says, equal for equal rows whatever file they stand in."""
        told = [self.part, self.ref, self.other, self.at, self.recording, dict(sorted(self.values.items()))]
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content.encode("utf-8", "surrogatepass")).hexdigest()


def sound_file(told: str) -> tuple[str, dict[str, str]]:
    """The name of a sound file, and what is told of its folder (as a value of the row), if anything."""
    folder, _, name = told.strip().replace("\\", "/").rpartition("/")
    return name, {"folder": folder} if folder.strip("./") else {}


@dataclass(frozen=True)
class Settings:
    """What the house states of its switch, since no record tells it.

    ``zone``: of times that are written without one.  ``recorded_from``: ``ring`` or ``answer``, where the recorder starts, "" unknown.
    ``machine_first``: whether an IVR or a queue answers before the agent, None unknown.  ``caller_channel``: the channel (0 or 1) of the
    side that called, in stereo recordings.  ``extensions``: what an inner number looks like.  ``agents``: inner number or name in the
    switch to agent number. ``outside_prefix``: dialled before an outer number.  ``file_pattern``: a regular expression for the names of
    recordings, "" for none.
    """

    zone: ZoneInfo | None = None
    recorded_from: str = ""
    machine_first: bool | None = None
    caller_channel: int | None = None
    extensions: str = EXTENSIONS
    agents: Mapping[str, str] = field(default_factory=dict)
    outside_prefix: str = ""
    file_pattern: str = ""

    def inner(self, number: str) -> bool:
        """Whether a number is one of the house's own extensions."""
        return bool(re.fullmatch(self.extensions, number))

    def agent(self, name: str) -> str:
        """The agent's number of an extension or of a name in the switch; itself where nothing is stated."""
        return self.agents.get(name, name)

    @property
    def stated(self) -> dict[str, str]:
        """What every row of a call carries with it."""
        told = {"recorded_from": self.recorded_from}
        told["machine_first"] = "" if self.machine_first is None else str(int(self.machine_first))
        told["caller_channel"] = "" if self.caller_channel is None else str(self.caller_channel)
        return {name: value for name, value in told.items() if value}


def over(stated: Settings, by: Settings) -> Settings:
    """``stated`` with what ``by`` says more: the command line goes before the mapping file, a later import before an earlier one."""
    default = Settings()
    told = {f.name: getattr(by, f.name) for f in fields(Settings) if getattr(by, f.name) != getattr(default, f.name)}
    return replace(stated, **told)
