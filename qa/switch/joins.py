"""The call of a recording: by unique id, then by file name, then by time and numbers; what is not certain is listed and left open.

A recording and a call are joined by time and numbers where the time in the file's name lies within the call, ``TOLERANCE_S`` more at
both ends, and the customer's number is the same; not where both tell an id and it is another.  A call found by its id or by a file name
is not taken where the recording's own name tells another time or number, or lies in the folder of another day.  Where several calls fit,
or two recordings claim one call, neither is taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from qa import numbers
from qa.errors import RecordError
from qa.records import Part, Problem
from qa.rules.expression import Truth
from qa.store import Store
from qa.switch import building, names, registers, times
from qa.switch.building import Built
from qa.switch.rows import CALL_KINDS, Fault, Row
from qa.types import CallRecord, Span
from qa.types.log import Disposition, Leg, LoggedCall, Person

TOLERANCE_S = 5.0
LONGEST_H = 12
"""A recording whose name has its time lies within a call that began at most so long before."""
_UNIQUE = re.compile(r"(?:[\w.-]+-)?\d{10}\.\d+")
_DAY = re.compile(r"(?<!\d)(20\d{2})[-_/.]?(\d{2})[-_/.]?(\d{2})(?!\d)")
CLOCKS_MS = 3000
"""How far the length of a recording may lie from what the records say before its parts cannot be told apart."""
NOBODY = "话单上没有坐席接听这通电话，录音不计到任何人"
SEVERAL_AGENTS = "录音里先后有 {agents} 等多名坐席，录音时长与话单对不上，无法按时间分开，不计到任何人"


@dataclass(frozen=True)
class Joined:
    """What was found for a recording: its call, or why there is none."""

    call: LoggedCall | None
    why: str = ""


class RecordTable:
    """The imported records by recording (as :class:`qa.records.CallTable`); what could not be joined is added to ``problems``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings = store.log.settings()
        self._people = [registers.person(row) for row in store.log.of_kind("roster")]
        self._found: dict[str, LoggedCall] = {}
        self._claims: dict[str, dict[str, Path]] = {}
        self._faults = tuple(_problem(fault) for fault in store.log.faults())
        self._open: dict[str, Problem] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with the imported files, and with the recordings asked for so far."""
        return (*self._faults, *self._open.values())

    def for_file(self, path: Path) -> CallRecord | None:
        """The record of a recording as a whole; None where none is certain."""
        call = self.join(path).call
        return None if call is None else self._record(path, call, call.legs[0] if call.legs else None, call.call_id)

    def parts_of(self, path: Path, duration_ms: int) -> tuple[Part, ...]:
        """The record of each agent in a recording of this length, with the time of it that is theirs.

        One part without a window for a recording with one agent or none.  Several agents who cannot be told apart by time are one part that
        belongs to nobody, with a note.
        """
        call = self.join(path).call
        if call is None or call.direction == "internal":
            return (Part(None),)
        if len(call.legs) < 2:
            return (Part(self.for_file(path)),)
        windows = _windows(call, duration_ms)
        if windows is None:
            note = SEVERAL_AGENTS.format(agents="、".join(leg.agent_id or "不明坐席" for leg in call.legs))
            self._add(path, note)
            nobody = self._record(path, call, Leg("", call.legs[0].answer, call.end), call.call_id, (*call.notes, note))
            return (Part(nobody),)
        made = []
        for number, (leg, window) in enumerate(zip(call.legs, windows, strict=True), 1):
            call_id = call.call_id if number == 1 else f"{call.call_id}#{number}"
            made.append(Part(self._record(path, call, leg, call_id, last=number == len(call.legs)), window))
        return tuple(made)

    # ------------------------------------------------------------ the call of a recording

    def join(self, path: Path) -> Joined:
        """The call of a recording.  What was found stays; what was not may be there when it is asked for again."""
        place = str(path.absolute())
        if place in self._found:
            return Joined(self._found[place])
        found = self._join(path)
        if found.call is not None:
            claims = self._claims.setdefault(found.call.call_id, {})
            claims[place] = path
            if len(claims) > 1:
                return self._contested(found.call.call_id, place)
        self._open.pop(place, None)
        if found.call is None:
            self._add(path, found.why)
            return found
        self._found[place] = found.call
        if found.call.direction == "internal":
            self._add(path, f"通话 {found.call.call_id} 是内部通话，不评分到坐席")
        elif not _spoken(found.call):
            self._add(path, f"通话 {found.call.call_id}：{NOBODY}")
        return found

    def expect(self, paths: Iterable[Path]) -> None:
        """Look at all recordings of a run before the first is asked for, so that of two that claim one call neither gets it.

        Without it only the second and later ones are refused; the first has its record by then.
        """
        for path in paths:
            self.join(path)

    def _contested(self, call_id: str, place: str) -> Joined:
        """Several recordings claim a call: none of them has it from now on."""
        claims = self._claims[call_id]
        for one, path in claims.items():
            self._found.pop(one, None)
            others = "、".join(other for other in claims if other != one)
            self._add(path, f"通话 {call_id} 也有录音 {others}；两个录音不能同属一通电话，都不采用")
        return Joined(None, self._open[place].message)

    def _join(self, path: Path) -> Joined:
        try:
            named = names.read(path, self._settings)
            wrong = ""
        except RecordError as error:
            if self._settings.file_pattern:
                return Joined(None, f"{error.cause}。{error.cure}")
            named, wrong = names.Named(), error.cause
        if named.call_id:
            built, faults = building.build(self._store.log.linked([named.call_id]))
            found = [one for one in built if named.call_id in one.ids]
            if found:
                return _agreeing(found, named, f"通话编号 {named.call_id}")
            if faults:
                return Joined(None, faults[0].message)
        rows = [row for name in {_nfc(path.name), _nfc(Path(named.file).name)} - {""} for row in self._store.log.named(name)]
        if rows:
            return self._by_file(path, named, rows)
        if named.at is not None and named.customer_number:
            found = [one for one in _fitting(self._around(named.at), named) if not (named.call_id and one.told_ids)]
            if found:
                return _only(found, f"时刻 {named.at.replace('T', ' ')} 和号码")
        return Joined(None, f"没有与它相符的话单{f'（{wrong}）' if wrong else ''}")

    def _by_file(self, path: Path, named: names.Named, rows: list[Row]) -> Joined:
        """The call whose record tells this file; one that tells it in another folder is of another recording."""
        there = [row for row in rows if _same_folder(path, row.values.get("folder", ""))]
        if not there:
            told = "、".join(f"{row.values.get('folder')}/{row.recording}（{row.source}）" for row in rows[:5])
            return Joined(None, f"话单上同名的录音在别的文件夹：{told}")
        keys = {(row.kind, row.key) for row in there}
        built, faults = building.build(self._store.log.linked(name for row in there for name in (row.part, row.ref, row.other)))
        found = [one for one in built if any((row.kind, row.key) in keys for row in one.rows)]
        if not found and faults:
            return Joined(None, faults[0].message)
        return _agreeing(found, named, f"录音文件名 {path.name}")

    def _around(self, at: str) -> list[Built]:
        low, high = times.after(at, -LONGEST_H * 3600), times.after(at, LONGEST_H * 3600)
        return building.build(self._store.log.between(CALL_KINDS, low, high))[0]

    def _add(self, path: Path, message: str) -> None:
        self._open[str(path.absolute())] = Problem(str(path), 0, message)

    # ------------------------------------------------------------ its record

    def _record(
        self, path: Path, call: LoggedCall, leg: Leg | None, call_id: str, notes: tuple[str, ...] | None = None, last: bool = True
    ) -> CallRecord | None:
        if call.direction == "internal":
            return None
        agent = leg.agent_id if leg is not None else call.agent_id if _spoken(call) else ""
        person = self._person(agent, call.start or (leg.answer if leg is not None else None))
        return CallRecord(
            file=path.name,
            call_id=call_id,
            agent_id=agent,
            agent_name=person.name if person else "",
            team=person.team if person else "",
            direction=call.direction,
            customer_number=call.customer_number,
            line_number=call.line_number,
            start=call.start if call.direction == "out" else leg.ring if leg is not None else call.ring,
            answer=leg.answer if leg is not None else call.answer,
            end=(leg.end if leg is not None else None) or call.end,
            hangup_by=call.hangup_by if last else None,
            agent_channel=call.agent_channel,
            precision_ms=call.precision_ms,
            recorded_from=call.recorded_from,
            notes=(*call.notes, *(() if _spoken(call) else (NOBODY,))) if notes is None else notes,
        )

    def _person(self, agent_id: str, at: str | None) -> Person | None:
        """The one line of the roster for an agent on a day; None where there is none, or more than one."""
        day = date.fromisoformat(at[:10]) if at else None
        found = [p for p in self._people if p.agent_id == agent_id and (day is None or _serves(p, day))]
        return found[0] if agent_id and len(found) == 1 else None


def _spoken(call: LoggedCall) -> bool:
    """Whether an agent spoke; a telephone that only rang makes the recording (of a voice box, an announcement) nobody's."""
    return bool(call.legs) or call.disposition is Disposition.ANSWERED


def _serves(person: Person, day: date) -> bool:
    return (person.since or day) <= day <= (person.until or day)


def _only(found: list[Built], by: str) -> Joined:
    if len(found) == 1:
        return Joined(found[0].call)
    several = "、".join(f"{one.call.call_id}（{one.call.source}）" for one in found[:5])
    return Joined(None, f"按{by}有 {len(found)} 通电话相符，分不清是哪一通：{several}" if found else f"按{by}找到的通话时刻都不符")


def _agreeing(found: list[Built], named: names.Named, by: str) -> Joined:
    """Of calls found by an id or a file name the one that the recording's own name does not contradict."""
    timely = [one for one in found if named.at is None or _begun_within(one, named.at)]
    if timely and all(_other_customer(one.call, named) for one in timely):
        call = timely[0].call
        return Joined(None, f"按{by}找到的通话客户号码是 {call.customer_number}，文件名里是 {named.customer_number}（{call.source}）")
    return _only([one for one in timely if not _other_customer(one.call, named)], by)


def _begun_within(one: Built, at: str) -> bool:
    """Whether a recording began in the time of a call; a queue's events alone do not tell what came before the queue, but the id does."""
    if _covers(one.call, at):
        return True
    made = [times.from_epoch(name.rpartition("-")[2].partition(".")[0]) for name in one.ids if _UNIQUE.fullmatch(name)]
    last = one.call.end or one.call.answer or one.call.start
    return bool(made) and all(row.kind == "queue_log" for row in one.rows) and times.after(min(made), -TOLERANCE_S) <= at <= (last or at)


def _other_customer(call: LoggedCall, named: names.Named) -> bool:
    return bool(named.customer_number) and numbers.same(call.customer_number, named.customer_number) is Truth.FALSE


def _same_folder(path: Path, told: str) -> bool:
    """Whether a recording may be the one that a record tells in this folder.

    A folder of the switch itself (``/var/spool/…``) may have been copied to anywhere, but not to that of another day; one that is
    told relatively is the end of the path.
    """
    told = _nfc(told)
    own = _nfc(path.absolute().parent.as_posix())
    if not told or f"{own}/".endswith(f"/{told.strip('/')}/"):
        return True
    days = [_DAY.search(folder) for folder in (told, own)]
    if told.startswith("/") or re.match(r"[A-Za-z]:", told):
        return None in days or len({day.groups() for day in days if day is not None}) == 1
    return False


def _covers(call: LoggedCall, at: str) -> bool:
    first = call.start or call.greeted or call.ring or call.answer
    return first is not None and times.after(first, -TOLERANCE_S) <= at <= times.after(call.end or first, TOLERANCE_S)


def _fitting(found: list[Built], named: names.Named) -> list[Built]:
    """Calls that a recording may be of by its time and numbers."""
    assert named.at is not None
    return [
        one
        for one in found
        if _covers(one.call, named.at)
        and numbers.same(one.call.customer_number, named.customer_number) is Truth.TRUE
        and named.direction in ("", one.call.direction)
        and (not named.agent_id or not one.call.agent_id or named.agent_id in {one.call.agent_id, *(leg.agent_id for leg in one.call.legs)})
    ]


def _windows(call: LoggedCall, duration_ms: int) -> tuple[Span, ...] | None:
    """Each agent's time in the recording; None where records and recording do not agree on its length.

    A recorder stops when the call ends, so times are counted back from there.
    """
    if call.end is None:
        return None
    begins = {"answer": call.legs[0].answer, "ring": call.ring}.get(call.recorded_from or "")
    talk_ms = round(1000 * times.between_s(call.legs[0].answer, call.end))
    expected_ms = round(1000 * times.between_s(begins, call.end)) if begins is not None else None
    slack_ms = CLOCKS_MS + call.precision_ms
    if duration_ms < talk_ms - slack_ms or (expected_ms is not None and abs(duration_ms - expected_ms) > slack_ms):
        return None
    starts = [0, *(duration_ms - round(1000 * times.between_s(leg.answer, call.end)) for leg in call.legs[1:])]
    left = [leg.end for leg in call.legs[:-1]]
    own = [duration_ms - round(1000 * times.between_s(end, call.end)) if end is not None else None for end in left]
    ends = [*(begin if end is None else min(end, begin) for end, begin in zip(own, starts[1:], strict=True)), duration_ms]
    if any(not 0 <= a < b <= duration_ms for a, b in zip(starts, ends, strict=True)):
        return None
    return tuple(Span(a, b) for a, b in zip(starts, ends, strict=True))


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _problem(fault: Fault) -> Problem:
    return Problem(fault.file, fault.line, fault.message)
