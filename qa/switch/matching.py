"""The call of a recording: by unique id, then by file name, then by time and numbers; what is not certain is left open, with the reason.

A recording and a call are joined by time and numbers where the time in the file's name lies within the call, ``TOLERANCE_S`` more at
both ends, and the customer's number is the same; not where both tell an id and it is another.  A call found by its id or by a file name
is not taken where the recording's own name tells another time or number, or where it lies in the folder of another day.  Where several
calls fit, none is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from qa import numbers, whereabouts
from qa.clock import HOUSE_ZONE
from qa.errors import RecordError
from qa.rules.expression import Truth
from qa.switch import building, names, times
from qa.switch.building import Built
from qa.switch.names import Named
from qa.switch.rows import Fault, Row, Settings
from qa.types.log import LoggedCall, Person

TOLERANCE_S = 5.0
LONGEST_H = 12
"""A recording whose name has its time lies within a call that began at most so long before."""
_UNIQUE = re.compile(r"(?:[\w.-]+-)?(\d{10}\.\d+)")
_ITSELF = re.compile(rf"{_UNIQUE.pattern}|[0-9a-fA-F]{{8}}(-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}")
"""An id that no other day gives again."""
NOTHING = "没有与它相符的话单"
NOTHING_CURE = "请导入那一天的话单（qa records import），已导入的请核对话单里的录音文件名和通话编号"
CLOCK_CURE = "请核对录音机和交换机的时钟，以及导入话单时的 --tz"
SEVERAL_CURE = "请在话单里写明录音文件名，或撤回多余的话单（qa records withdraw 编号）"
NUMBER_CURE = "请核对录音文件名；打外线先拨的数字请在映射文件里用 outside_prefix 写明"
FOLDER_CURE = "请核对录音放在哪个文件夹，或在话单里写明录音的文件夹"


class Rows(Protocol):
    """Rows of calls to look a recording up in (``store.log``, or a table that is not kept)."""

    def version(self) -> object: ...
    def linked(self, names: Iterable[str]) -> list[Row]: ...
    def named(self, recordings: Iterable[str]) -> list[Row]: ...
    def near(self, low: str, high: str, number: str) -> list[Row]: ...
    def of_kind(self, kind: str) -> Iterator[Row]: ...
    def settings(self) -> Settings: ...
    def faults(self) -> tuple[Fault, ...]: ...


@dataclass(frozen=True)
class Match:
    """The call that fits a recording, or why there is none; not ``strong`` where the record tells another file of nearly this name."""

    built: Built | None
    why: str = ""
    strong: bool = True


class Matcher:
    """Looks recordings up in rows; what it found holds until the rows change."""

    def __init__(self, rows: Rows, settings: Settings, people: Sequence[Person]) -> None:
        self._rows, self._settings, self._people = rows, settings, people
        self._version: object = None
        self._known: dict[Path, Match] = {}

    def match(self, path: Path) -> Match:
        version = self._rows.version()
        if version != self._version:
            self._known, self._version = {}, version
        if path not in self._known:
            self._known[path] = self._match(path)
        return self._known[path]

    def _match(self, path: Path) -> Match:
        try:
            named, wrong = names.read(path, self._settings), None
        except RecordError as error:
            if self._settings.file_pattern:
                return Match(None, f"{error.cause}。{error.cure}")
            named, wrong = Named(), error
        found = self._by_id(path, named, named.call_id) if named.call_id else None
        found = found or self._by_name(path, named)
        if found is None and not self._settings.file_pattern and not named.call_id:
            found = self._by_id(path, named, whereabouts.plain_stem(path.name))
        if found is None and named.at is not None and named.customer_number:
            fitting = [one for one in _fitting(self._around(named), named) if not (named.call_id and one.told_ids)]
            found = self._only(fitting, f"时刻 {_shown(named.at)} 和号码") if fitting else None
        if found is not None:
            return found
        return Match(
            None, f"{NOTHING}（{wrong.cause}）。{NOTHING_CURE}；{wrong.cure}" if wrong is not None else f"{NOTHING}。{NOTHING_CURE}"
        )

    # ------------------------------------------------------------ by what

    def _by_id(self, path: Path, named: Named, call_id: str) -> Match | None:
        known = self._rows.linked([call_id])
        built, faults = building.build(known, self._people)
        found = [one for one in built if call_id in one.ids]
        if found:
            return self._agreeing(found, path, named, f"通话编号 {call_id}", by_itself=_ITSELF.fullmatch(call_id) is not None)
        if faults:
            return Match(None, faults[0].message)
        if known and all(row.withdrawn for row in known):
            return Match(None, f"通话编号 {call_id} 的话单已撤回：{known[0].withdrawn}")
        unique = _UNIQUE.fullmatch(call_id)
        if unique is None or unique[1] == call_id:
            return None
        # a record may leave out the system's name, which another switch's id has instead: only the number makes it certain
        built, _ = building.build(self._rows.linked([unique[1]]), self._people)
        found = [one for one in built if unique[1] in one.ids and _customer(one.call, named) is Truth.TRUE]
        return self._agreeing(found, path, named, f"通话编号 {unique[1]}") if found else None

    def _by_name(self, path: Path, named: Named) -> Match | None:
        """The call whose record tells this file; one that tells it in another folder, or is of another day, is of another recording."""
        told = {whereabouts.nfc(name) for name in (path.name, Path(named.file).name) if name}
        rows = self._rows.named(told) or self._rows.named(name for one in sorted(told) for name in whereabouts.alike(one))
        if not rows:
            return None
        lies = {(row.kind, row.key): whereabouts.in_folder(path, row.values.get("folder", "")) for row in rows}
        there = [row for row in rows if lies[row.kind, row.key] is not Truth.FALSE]
        if not there:
            where = "、".join(f"{row.values.get('folder')}/{row.recording}（{row.source}）" for row in rows[:5])
            return Match(None, f"话单上同名的录音在别的文件夹：{where}。{FOLDER_CURE}")
        built, faults = building.build(self._rows.linked(name for row in there for name in (row.part, row.ref, row.other)), self._people)
        keys = {(row.kind, row.key) for row in there}
        mine = [(one, {lies[row.kind, row.key] for row in one.rows if (row.kind, row.key) in keys}) for one in built]
        found = [one for one, how in mine if Truth.TRUE in how or (how and (named.at is not None or self._on_day(one.call, path)))]
        if not found and (several := [one for one, how in mine if how]):
            return Match(None, f"话单上同名的录音是另一天的：{self._shown(several)}，录音属于 {_dates(path)}。{FOLDER_CURE}")
        if not found and faults:
            return Match(None, faults[0].message)
        return self._agreeing(found, path, named, f"录音文件名 {path.name}", by_itself=True) if found else None

    def _around(self, named: Named) -> list[Built]:
        """Calls near the time that a recording's name tells in which its number stands."""
        at, number = named.at or "", numbers.key(named.customer_number)
        low, high = times.after(at, -LONGEST_H * 3600), times.after(at, LONGEST_H * 3600)
        return building.build(self._rows.near(low, high, number), self._people)[0]

    # ------------------------------------------------------------ which of them

    def _agreeing(self, found: list[Built], path: Path, named: Named, by: str, by_itself: bool = False) -> Match:
        """Of calls found by an id or a file name the one that the recording's own name does not contradict.

        ``by_itself``: what it was found by is certain enough without the day of its folder, if it is one call's only.
        """
        if named.at is not None:
            timely = [one for one in found if _begun_within(one, named.at)]
        elif by_itself and len(found) == 1:
            timely = found
        else:
            timely = [one for one in found if self._on_day(one.call, path)]
        if not timely:
            own = _shown(named.at) if named.at is not None else _dates(path)
            return Match(None, f"按{by}找到的通话时刻都不符：录音是 {own}，话单是 {self._shown(found)}。{CLOCK_CURE}")
        if all(_customer(one.call, named) is Truth.FALSE for one in timely):
            call = timely[0].call
            cause = f"按{by}找到的通话客户号码是 {call.customer_number}，文件名里是 {named.customer_number}（{call.source}）"
            return Match(None, f"{cause}。{NUMBER_CURE}")
        match = self._only([one for one in timely if _customer(one.call, named) is not Truth.FALSE], by)
        return Match(match.built, match.why, match.built is None or _told_itself(match.built, path))

    def _only(self, found: list[Built], by: str) -> Match:
        if len(found) == 1:
            return Match(found[0])
        return Match(None, f"按{by}有 {len(found)} 通电话相符，分不清是哪一通：{self._shown(found)}。{SEVERAL_CURE}")

    def _on_day(self, call: LoggedCall, path: Path) -> bool:
        """Whether a recording may be of one of the days of a call, by its folder or name; True where either tells no day."""
        own, first = whereabouts.days(path), call.start or call.greeted or call.ring or call.answer
        if not own or first is None:
            return True
        ends = times.after(first, -TOLERANCE_S), times.after(call.end or first, TOLERANCE_S)
        zones = {HOUSE_ZONE, self._settings.zone or HOUSE_ZONE}  # a folder is named by the clock of the switch
        return not own.isdisjoint(_day(end, zone) for end in ends for zone in zones)

    @staticmethod
    def _shown(found: Sequence[Built]) -> str:
        calls = [one.call for one in found[:5]]
        return "、".join(f"{call.call_id}（{_shown(call.start or call.answer or '') or '时刻不明'}，{call.source}）" for call in calls)


def _day(wall: str, zone: ZoneInfo | object) -> date:
    return datetime.fromisoformat(wall).replace(tzinfo=HOUSE_ZONE).astimezone(zone).date()  # type: ignore[arg-type]


def _dates(path: Path) -> str:
    return "、".join(day.isoformat() for day in sorted(whereabouts.days(path)))


def _shown(wall: str) -> str:
    return wall.partition(".")[0].replace("T", " ")


def _told_itself(built: Built, path: Path) -> bool:
    """Whether a record of the call tells this very file, or at least no other that differs by its suffix or the mark of a copy."""
    told = {whereabouts.nfc(row.recording) for row in built.rows if row.recording}
    return whereabouts.nfc(path.name) in told or whereabouts.plain_stem(path.name) not in {whereabouts.plain_stem(name) for name in told}


def _begun_within(one: Built, at: str) -> bool:
    """Whether a recording began in the time of a call; a queue's events alone do not tell what came before the queue, but the id does."""
    if _covers(one.call, at):
        return True
    made = [times.from_epoch(found[1].partition(".")[0]) for found in map(_UNIQUE.fullmatch, one.ids) if found is not None]
    last = one.call.end or one.call.answer or one.call.start
    return bool(made) and all(row.kind == "queue_log" for row in one.rows) and times.after(min(made), -TOLERANCE_S) <= at <= (last or at)


def _customer(call: LoggedCall, named: Named) -> Truth:
    """Whether the number in the recording's name is the call's customer's."""
    return numbers.same(call.customer_number, named.customer_number) if named.customer_number else Truth.UNKNOWN


def _covers(call: LoggedCall, at: str) -> bool:
    first = call.start or call.greeted or call.ring or call.answer
    return first is not None and times.after(first, -TOLERANCE_S) <= at <= times.after(call.end or first, TOLERANCE_S)


def _fitting(found: list[Built], named: Named) -> list[Built]:
    """Calls that a recording may be of by its time and numbers."""
    assert named.at is not None
    return [
        one
        for one in found
        if _covers(one.call, named.at)
        and _customer(one.call, named) is Truth.TRUE
        and named.direction in ("", one.call.direction)
        and (not named.agent_id or not one.call.agent_id or named.agent_id in {one.call.agent_id, *(leg.agent_id for leg in one.call.legs)})
    ]
