"""The records of recordings: each one's call, and the agents' parts of it; what is not certain is listed and left open.

Of two recordings with different contents that claim one call neither has it (:mod:`qa.claims`); how a call is found:
:mod:`qa.switch.matching`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from qa.claims import Claims, is_empty
from qa.records import CONTESTED, Part, Problem
from qa.store import Store
from qa.switch import registers, times
from qa.switch.matching import Match, Matcher, Rows
from qa.switch.rows import Fault
from qa.types import CallRecord, Span
from qa.types.log import Disposition, Leg, LoggedCall, Person

CLOCKS_MS = 3000
"""How far the length of a recording may lie from what the records say before its parts cannot be told apart."""
NOBODY = "话单上没有坐席接听这通电话，录音不计到任何人"
WEAKER = "通话 {call_id} 的话单写的录音是 {told}，另有内容不同的录音 {others}；这一个不采用。请核对它是不是同一通电话的"
SEVERAL_AGENTS = "录音里先后有 {agents} 等多名坐席，录音时长与话单对不上，无法按时间分开，不计到任何人"


@dataclass(frozen=True)
class Joined:
    """What was found for a recording: its call, or why there is none."""

    call: LoggedCall | None
    why: str = ""


class RecordTable:
    """The imported records by recording (as :class:`qa.records.CallTable`); what could not be joined is added to ``problems``."""

    def __init__(self, store: Store, rows: Rows | None = None) -> None:
        """``rows``: to be used instead of those of the store."""
        self._store = store
        found = rows if rows is not None else store.log
        self._people = [registers.person(row) for row in found.of_kind("roster")]  # whom a dialled number may mean, and their names
        self._matcher = Matcher(found, found.settings(), self._people)
        self._found: dict[str, LoggedCall] = {}
        self._claims = Claims()
        self._unusable: Callable[[Path], bool] = is_empty
        self._faults = tuple(_problem(fault) for fault in found.faults())
        self._open: dict[str, Problem] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with the imported files, and with the recordings asked for so far."""
        return (*self._faults, *self._open.values())

    def for_file(self, path: Path) -> CallRecord | None:
        """The record of a recording as a whole; None where none is certain."""
        call = self.join(path).call
        return None if call is None else self._record(path, call, call.legs[0] if call.legs else None, call.call_id)

    def call_of(self, path: Path) -> str | None:
        """The id of the call that fits a recording, which claims nothing by being asked for."""
        built = self._matcher.match(path).built
        return None if built is None else built.call.call_id

    def is_strong(self, path: Path) -> bool:
        """Whether a record tells this very file, or at least no other of nearly its name."""
        return self._matcher.match(path).strong

    def told(self, path: Path) -> object:
        """The call of a recording with its legs, and its record; None where none is certain."""
        call = self.join(path).call
        return None if call is None else (call, self.for_file(path))

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
        match = self._matcher.match(path)
        self._open.pop(place, None)
        if match.built is None:
            self._add(path, match.why)
            return Joined(None, match.why)
        call = match.built.call
        usable = not self._unusable(path)
        if usable:
            self._claims.add(call.call_id, path, match.strong)
            self._give_up(call.call_id)
        if others := self._claims.rivals(call.call_id, path):
            return self._contested(path, call, others, usable, match)
        if usable:
            self._found[place] = call
        if call.direction == "internal":
            self._add(path, f"通话 {call.call_id} 是内部通话，不评分到坐席")
        elif not _spoken(call):
            self._add(path, f"通话 {call.call_id}：{NOBODY}")
        return Joined(call)

    def expect(self, paths: Iterable[Path], unusable: Callable[[Path], bool] = is_empty) -> None:
        """Look at all recordings of a run before the first is asked for, so that of two that claim one call neither gets it.

        Without it only the second and later ones are refused; the first has its record by then.  ``unusable`` ones claim nothing.
        """
        self._unusable = unusable
        for path in paths:
            self.join(path)

    def _give_up(self, call_id: str) -> None:
        """Take a call from the recordings that have rivals now."""
        for path in self._claims.all(call_id):
            if others := self._claims.rivals(call_id, path):
                self._found.pop(str(path.absolute()), None)
                self._add(path, CONTESTED.format(call_id=call_id, others="、".join(map(str, others))))

    def _contested(self, path: Path, call: LoggedCall, others: tuple[Path, ...], usable: bool, match: Match) -> Joined:
        """Why a recording does not have a call that others claim."""
        shown = "、".join(map(str, others))
        if not usable:
            self._add(path, f"录音是空的或不可用；通话 {call.call_id} 已有录音 {shown}")
        elif not match.strong:
            told = "、".join(sorted({row.recording for row in match.built.rows if row.recording})) if match.built is not None else ""
            self._add(path, WEAKER.format(call_id=call.call_id, told=told, others=shown))
        else:
            self._add(path, CONTESTED.format(call_id=call.call_id, others=shown))
        return Joined(None, self._open[str(path.absolute())].message)

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


def _problem(fault: Fault) -> Problem:
    return Problem(fault.file, fault.line, fault.message)
