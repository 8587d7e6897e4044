"""Days of the call log in short: what the tables need, so that months of calls need not lie in memory at once."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from qa.clock import known_moment
from qa.logchecks.connect_rate import connected, counted
from qa.logfacts import days, sound, started, unclear_direction, whole
from qa.types.log import CallLog, Disposition, LoggedCall

DAY_MINUTES = 24 * 60
_AT_ONCE = 7
"""Days whose calls lie in memory at once."""


@dataclass(frozen=True)
class Slot:
    """Calls that came in a slot of the day, those that were answered, and the agents who took calls in it.

    ``asked`` is what the answered ones are a share of, ``unsure`` what may belong to it (``qa.logchecks.connect_rate.counted``): callers
    of whom nobody knows that they ever left the IVR.
    """

    calls: int
    answered: int
    agents: frozenset[str]
    asked: int = 0
    unsure: int = 0


@dataclass(frozen=True)
class AgentDay:
    """An agent's answered incoming and outgoing calls of a day, and seconds of talk in both (what has no end is not in it)."""

    answered: int
    outgoing: int
    talk_s: float


@dataclass(frozen=True)
class Day:
    """A day: ``slots`` by number from midnight, ``agents`` by number.  ``calls`` came in; ``rows``: calls of any direction in the log.
    ``asked`` and ``unsure`` as of :class:`Slot`; ``unclear``: calls of which nobody knows whether they came in or went out.

    ``talks`` and ``talk_s``: answered incoming calls whose length is known, and their seconds together.
    ``over``: the day had ended when the log was read.
    """

    date: datetime.date
    calls: int
    answered: int
    rows: int
    slots: dict[int, Slot]
    agents: dict[str, AgentDay]
    talks: int = 0
    talk_s: float = 0.0
    over: bool = True
    asked: int = 0
    unsure: int = 0
    unclear: int = 0


def summarise(log: CallLog, slot_min: int) -> tuple[Day, ...]:
    """The days of the log in order; a call without a start is in none."""
    by_day: dict[datetime.date, list[LoggedCall]] = defaultdict(list)
    for call in sound(log).calls:
        if (at := started(call)) is not None:
            by_day[at.date()].append(call)
    return tuple(_day(day, by_day.get(day, []), slot_min, whole(log, day)) for day in days(log))


def summaries(
    load: Callable[[datetime.date, datetime.date], CallLog], since: datetime.date, until: datetime.date, slot_min: int
) -> tuple[Day, ...]:
    """The days ``since`` to ``until``, both inclusive, read week by week with ``load(first, last)``."""
    found: list[Day] = []
    while since <= until:
        last = min(until, since + datetime.timedelta(_AT_ONCE - 1))
        found += summarise(load(since, last), slot_min)
        since = last + datetime.timedelta(1)
    return tuple(found)


def _day(date: datetime.date, calls: list[LoggedCall], slot_min: int, over: bool) -> Day:
    incoming = [call for call in calls if call.direction == "in"]
    lengths = [length for call in incoming for length in _talks(call).values() if length is not None]
    return Day(
        date=date,
        calls=len(incoming),
        answered=sum(map(connected, incoming)),
        rows=len(calls),
        slots=_slots(calls, incoming, slot_min),
        agents=_agents(calls),
        talks=len(lengths),
        talk_s=sum(lengths),
        over=over,
        asked=sum(counted(call) is True for call in incoming),
        unsure=sum(counted(call) is None for call in incoming),
        unclear=len(unclear_direction(calls)),
    )


def _slot(call: LoggedCall, slot_min: int) -> int:
    at = started(call)
    assert at is not None
    return (60 * at.hour + at.minute) // slot_min


def _slots(calls: Iterable[LoggedCall], incoming: list[LoggedCall], slot_min: int) -> dict[int, Slot]:
    total = Counter(_slot(call, slot_min) for call in incoming)
    answered = Counter(_slot(call, slot_min) for call in incoming if connected(call))
    asked = {truth: Counter(_slot(call, slot_min) for call in incoming if counted(call) is truth) for truth in (True, None)}
    agents: dict[int, set[str]] = defaultdict(set)
    for call in calls:
        for agent in _talks(call):
            agents[_slot(call, slot_min)].add(agent)
    return {
        slot: Slot(total[slot], answered[slot], frozenset(agents[slot]), asked[True][slot], asked[None][slot])
        for slot in sorted({*total, *agents})
    }


def _talks(call: LoggedCall) -> dict[str, float | None]:
    """Seconds of each agent's talk; None where its end is not known."""
    if call.disposition is not Disposition.ANSWERED:
        return {}
    parts = [(leg.agent_id, leg.answer, leg.end) for leg in call.legs] or [(call.agent_id, call.answer or "", call.end)]
    found: dict[str, float | None] = {}
    for agent, answer, end in parts:
        begin, last = known_moment(answer), known_moment(end)
        known = begin is not None and last is not None and last >= begin
        length = (last - begin).total_seconds() if known and begin is not None and last is not None else None
        found[agent] = length if agent not in found else None if length is None else (found[agent] or 0.0) + length
    return {agent: length for agent, length in found.items() if agent}


def _agents(calls: Iterable[LoggedCall]) -> dict[str, AgentDay]:
    found: dict[str, AgentDay] = {}
    for call in calls:
        for agent, length in _talks(call).items():
            old = found.get(agent, AgentDay(0, 0, 0.0))
            taken, made = (1, 0) if call.direction == "in" else (0, 1) if call.direction == "out" else (0, 0)
            found[agent] = AgentDay(old.answered + taken, old.outgoing + made, old.talk_s + (length or 0.0))
    return dict(sorted(found.items()))


def slot_name(slot: int, slot_min: int) -> str:
    """``09:00–09:30``."""
    begin, end = slot * slot_min, (slot + 1) * slot_min
    return f"{begin // 60:02d}:{begin % 60:02d}–{end // 60:02d}:{end % 60:02d}"
