"""A plausible call log made by a seeded generator: weeks of calls with the shape of weekdays, hours and Chinese holidays.

For tests and for the benchmark of the forecast.  The shape is what call centres commonly see: two peaks a day, Monday the busiest,
weekends at half, breaks at a third, the first working day after a break well above a Monday; a slow trend, days that are busier than their
kind for no reason (``noise``), and calls of a slot by chance (Poisson).
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qa.rules import calendar
from qa.rules.expression import Truth
from qa.traffic.kinds import after_break
from qa.types.log import CallLog, Disposition, Leg, LoggedCall, Person

WEEKDAYS = (1.2, 1.05, 1.0, 0.98, 1.0, 0.6, 0.5)
"""Calls of Monday to Sunday beside an ordinary Wednesday."""
HOURS = (0, 0, 0, 0, 0, 0, 0, 0.3, 2.0, 3.2, 3.0, 2.2, 1.2, 1.8, 2.6, 2.6, 2.2, 1.2, 0.6, 0.4, 0.2, 0, 0, 0)
HOLIDAY = 0.35
AFTER_BREAK = 1.35
MAKE_UP = 0.95


@dataclass(frozen=True)
class Scene:
    """``calls`` on an ordinary Wednesday; ``yearly`` growth (0.1: 10 % a year); ``noise``: standard deviation of a day's logarithm."""

    calls: float = 200.0
    agents: int = 6
    yearly: float = 0.1
    noise: float = 0.06
    answered: float = 0.92
    outgoing: float = 0.15
    line: str = "4001234567"


def level(day: datetime.date) -> float:
    """Calls of ``day`` beside an ordinary Wednesday, by its weekday and the holiday calendar."""
    rest, weekend = calendar.workday(day) is Truth.FALSE, day.isoweekday() > 5
    if rest and calendar.holidays(day):
        return HOLIDAY
    if not rest and weekend and calendar.workday(day) is Truth.TRUE:
        return MAKE_UP
    return AFTER_BREAK * WEEKDAYS[0] if after_break(day) else WEEKDAYS[day.weekday()]


def counts(since: datetime.date, until: datetime.date, seed: int, scene: Scene | None = None) -> tuple[int, ...]:
    """Incoming calls of each day from ``since`` to ``until``, both inclusive."""
    scene, random = scene or Scene(), np.random.default_rng(seed)
    days = [since + datetime.timedelta(n) for n in range((until - since).days + 1)]
    trend = [math.exp(scene.yearly * n / 365) for n in range(len(days))]
    means = [scene.calls * level(day) * grown * math.exp(random.normal(0, scene.noise)) for day, grown in zip(days, trend, strict=True)]
    return tuple(int(random.poisson(mean)) for mean in means)


def generate(since: datetime.date, until: datetime.date, seed: int, scene: Scene | None = None) -> CallLog:
    """A whole log of the days ``since`` to ``until``, both inclusive; the same for the same seed."""
    scene, random = scene or Scene(), np.random.default_rng(seed + 1)
    calls: list[LoggedCall] = []
    for offset, count in enumerate(counts(since, until, seed, scene)):
        calls += _day(since + datetime.timedelta(offset), count, scene, random)
    agents = tuple(f"{1001 + n}" for n in range(scene.agents))
    return CallLog(
        since=since,
        until=until,
        calls=tuple(sorted(calls, key=lambda call: call.start or "")),
        roster=tuple(Person(agent, f"坐席{agent[-2:]}", "一班", "agent", f"roster.csv:{n}") for n, agent in enumerate(agents, start=2)),
        recorded=frozenset(call.call_id for call in calls if call.recording),
        scored=frozenset(call.call_id for call in calls if call.recording),
        sources=frozenset(("calls", "roster")),
    )


def _day(day: datetime.date, count: int, scene: Scene, random: np.random.Generator) -> Iterator[LoggedCall]:
    shares = np.array(HOURS) / sum(HOURS)
    midnight = datetime.datetime.combine(day, datetime.time())
    on_duty = max(2, round(scene.agents * min(1.0, level(day))))
    for n, hour in enumerate(sorted(random.choice(24, size=count, p=shares).tolist())):
        start = midnight + datetime.timedelta(hours=hour, seconds=int(random.integers(3600)))
        agent = f"{1001 + int(random.integers(on_duty))}"
        yield _call(f"{day:%Y%m%d}-{n:05d}", start, agent, scene, random)
        if random.random() < scene.outgoing:
            yield _call(f"{day:%Y%m%d}-{n:05d}o", start + datetime.timedelta(minutes=20), agent, scene, random, "out")


def _call(
    call_id: str, start: datetime.datetime, agent: str, scene: Scene, random: np.random.Generator, direction: str = "in"
) -> LoggedCall:
    wait, talk = float(random.gamma(2.0, 4.0)), float(random.lognormal(4.9, 0.7))
    answered = random.random() < scene.answered
    answer = start + datetime.timedelta(seconds=wait)
    end = answer + datetime.timedelta(seconds=talk if answered else 20.0)
    told = [moment.isoformat(timespec="milliseconds") for moment in (start, answer, end)]
    return LoggedCall(
        call_id=call_id,
        source=f"cdr.csv:{call_id}",
        direction=direction,
        disposition=Disposition.ANSWERED if answered else Disposition.ABANDONED,
        customer_number=f"138{int(random.integers(100_000_000)):08d}",
        line_number=scene.line if direction == "in" else "02588886666",
        start=told[0],
        ring=told[0],
        answer=told[1] if answered else None,
        end=told[2],
        agent_id=agent if answered else "",
        legs=(Leg(agent, told[1], told[2]),) if answered else (),
        recording=f"{call_id}.wav" if answered else "",
    )
