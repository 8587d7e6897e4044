"""The five traffic tables (五表): seats, forecast against seats, last month's calls, these against their forecast, in all and by person.

This month is that of the last day of the period, last month the one before.  What is not known is None and stands as a dash: never 0.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qa.errors import TrafficError
from qa.intervals import Estimate, wilson
from qa.traffic import capacity, forecast
from qa.traffic.capacity import TrafficParams
from qa.traffic.days import Day, Slot, slot_name
from qa.traffic.forecast import Errors, Expected
from qa.traffic.kinds import day_title
from qa.traffic.seats import SeatPlan, Seats, alike_days

AHEAD = 14
"""Days forecast at least; else to the end of the month."""
_SHARE_DAYS = 28
"""Days before the month that tell each person's share of the calls."""


@dataclass(frozen=True)
class SeatRow:
    """Seats of a day by slot, None where not known, and their mean over the slots that are known."""

    date: datetime.date
    title: str
    seats: tuple[int | None, ...]
    mean: float | None


@dataclass(frozen=True)
class LoadRow:
    """A day to come: calls expected (with the 80 % range), calls that the seats can bear, and the slots that will be too full."""

    date: datetime.date
    title: str
    expected: float
    low: float
    high: float
    bearable: float | None
    load_percent: float | None
    full: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class DayRow:
    """A day's incoming calls, answered ones, and their share (:func:`connect_rate`); ``asked`` and ``unsure`` as of a :class:`Slot`."""

    date: datetime.date
    title: str
    calls: int | None
    answered: int | None
    rate: Estimate
    asked: int | None = None
    unsure: int | None = None


@dataclass(frozen=True)
class SlotRow:
    """The same of a slot of the day, over the whole period."""

    name: str
    calls: int
    answered: int
    rate: Estimate
    asked: int
    unsure: int


@dataclass(frozen=True)
class PersonRow:
    """A person's month: answered incoming calls, outgoing ones, hours of talk, days with calls."""

    agent_id: str
    name: str
    answered: int
    outgoing: int
    talk_h: float
    days: int


@dataclass(frozen=True)
class Against:
    """Actual against forecast, of a day or a person; None where one of them is not known."""

    label: str
    title: str
    actual: int | None
    expected: float | None

    @property
    def difference(self) -> float | None:
        return None if self.actual is None or self.expected is None else self.actual - self.expected

    @property
    def percent(self) -> float | None:
        """Difference in percent of the forecast."""
        return None if self.difference is None or not self.expected else 100 * self.difference / self.expected


@dataclass(frozen=True)
class Traffic:
    """All figures of the period.  ``notes`` (Chinese) say what the figures rest on and what is missing.

    ``unclear``: calls of the period, and of last month, of which nobody knows whether they came in or went out: they are in no figure.
    """

    since: datetime.date
    until: datetime.date
    last_month: str
    slots: tuple[str, ...]
    seats: tuple[SeatRow, ...]
    seat_means: tuple[float | None, ...]
    loads: tuple[LoadRow, ...]
    month: tuple[DayRow, ...]
    persons: tuple[PersonRow, ...]
    days_against: tuple[Against, ...]
    persons_against: tuple[Against, ...]
    hours: tuple[SlotRow, ...]
    period: tuple[DayRow, ...]
    errors: Errors | None
    history: tuple[tuple[datetime.date, int | None], ...]
    notes: tuple[str, ...] = ()
    how_seats: str = ""
    how_load: str = ""
    how_forecast: str = ""
    unclear: int = 0
    unclear_last_month: int = 0


def build(
    days: Sequence[Day],
    since: datetime.date,
    params: TrafficParams,
    names: Mapping[str, str] | None = None,
    plan: SeatPlan | None = None,
) -> Traffic:
    """The tables over ``days`` (in order, without gaps; the period from ``since`` to the last of them, the rest is history).

    ``names``: persons by their number.  Without a forecast (too little history, library not installed) the tables say so.
    """
    until = days[-1].date
    first = until.replace(day=1)
    seats = Seats(tuple(days), params.slot_min, plan)
    shown = _shown_slots(days, since, params, seats)
    month = [day for day in days if first <= day.date]
    last_first = (first - datetime.timedelta(1)).replace(day=1)
    last_month = [day for day in days if last_first <= day.date < first]
    seat_rows = tuple(_seat_row(day, shown, seats) for day in month)
    history = counts(days)
    notes: list[str] = []
    expected, errors = _expected(history, until, notes)
    handle = _handle_s(last_month or days, params)
    before = {day: count for day, count in history.items() if day < last_first}
    past, why = _forecast_of([day.date for day in last_month], before)
    notes += [f"上月没有预测可比：{why}"] if why else []
    return Traffic(
        since=since,
        until=until,
        last_month=f"{last_first:%Y-%m}",
        slots=tuple(slot_name(slot, params.slot_min) for slot in shown),
        seats=seat_rows,
        seat_means=tuple(_mean([row.seats[n] for row in seat_rows]) for n in range(len(shown))),
        loads=tuple(_load(one, shown, seats, handle, params) for one in expected),
        month=tuple(_day_row(day, history) for day in last_month),
        persons=_persons(last_month, names or {}),
        days_against=tuple(
            Against(str(day.date), day_title(day.date), history[day.date], past[day.date].calls if day.date in past else None)
            for day in last_month
        ),
        persons_against=_persons_against(days, last_month, past, names or {}),
        hours=_hours(days, since, params.slot_min),
        period=tuple(_day_row(day, history) for day in days if since <= day.date),
        errors=errors,
        history=tuple(history.items()),
        notes=tuple(notes),
        how_seats=seats.words,
        how_load=params.words(None if handle is None else handle),
        how_forecast=_how(errors, expected),
        unclear=sum(day.unclear for day in days if since <= day.date),
        unclear_last_month=sum(day.unclear for day in last_month),
    )


def counts(days: Sequence[Day]) -> dict[datetime.date, int | None]:
    """Incoming calls of each day; None where a day was not over, or without a single row and so most likely not imported.

    A day without rows counts as closed (0) where most days of its weekday have no rows either.
    """
    open_days: dict[int, list[bool]] = defaultdict(list)
    for day in days:
        open_days[day.date.weekday()].append(bool(day.rows))
    usually = {weekday: 2 * sum(known) >= len(known) for weekday, known in open_days.items()}
    return {day.date: day.calls if day.over and (day.rows or not usually[day.date.weekday()]) else None for day in days}


def _shown_slots(days: Sequence[Day], since: datetime.date, params: TrafficParams, seats: Seats) -> list[int]:
    """Slots that lie in the open hours; without these, those that ever had a call or a seat."""
    if not params.open.always:
        stretches = [span for day in days for span in params.open.stretches(day.date)]
        minutes = {60 * at.hour + at.minute for low, high in stretches for at in _steps(low, high, params.slot_min)}
        if minutes:
            return sorted({minute // params.slot_min for minute in minutes})
    used = {slot for day in days for slot, told in day.slots.items() if told.calls or told.agents}
    planned = {
        slot
        for slot in range(1440 // params.slot_min)
        if seats.plan is not None and any(seats.was(day, slot) for day in days if since <= day.date)
    }
    return sorted(used | planned)


def _steps(low: datetime.datetime, high: datetime.datetime, minutes: int) -> list[datetime.datetime]:
    count = int((high - low).total_seconds() // 60)
    return [low + datetime.timedelta(minutes=n) for n in range(0, count, min(minutes, 5))]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _seat_row(day: Day, shown: Sequence[int], seats: Seats) -> SeatRow:
    told = tuple(seats.was(day, slot) for slot in shown)
    return SeatRow(day.date, day_title(day.date), told, _mean(told))


def _day_row(day: Day, history: Mapping[datetime.date, int | None]) -> DayRow:
    calls = history[day.date]
    if calls is None:
        return DayRow(day.date, day_title(day.date), None, None, connect_rate(0, 0, 0))
    rate = connect_rate(day.answered, day.asked, day.unsure)
    return DayRow(day.date, day_title(day.date), calls, day.answered, rate, day.asked, day.unsure)


def connect_rate(answered: int, asked: int, unsure: int) -> Estimate:
    """Share of the calls that count (``asked``) that were answered, with Wilson's interval (0–1).

    ``unsure`` calls, none of which was answered, may count: the interval reaches down to where it lies if all of them do.
    """
    rate = wilson(answered, asked)
    return replace(rate, low=wilson(answered, asked + unsure).low) if unsure and rate.low is not None else rate


def _hours(days: Sequence[Day], since: datetime.date, slot_min: int) -> tuple[SlotRow, ...]:
    """By slot, over the period."""
    found: dict[int, list[Slot]] = defaultdict(list)
    for day in days:
        for slot, told in day.slots.items():
            if since <= day.date:
                found[slot].append(told)
    rows = []
    for slot, all_ in sorted(found.items()):
        calls, answered, asked, unsure = (sum(getattr(one, name) for one in all_) for name in ("calls", "answered", "asked", "unsure"))
        rows.append(SlotRow(slot_name(slot, slot_min), calls, answered, connect_rate(answered, asked, unsure), asked, unsure))
    return tuple(rows)


# ---------------------------------------------------------------- forecasts


def _expected(
    history: Mapping[datetime.date, int | None], until: datetime.date, notes: list[str]
) -> tuple[tuple[Expected, ...], Errors | None]:
    """The days to come and the error on held-back days; why there are none is noted."""
    month_end = (until.replace(day=28) + datetime.timedelta(4)).replace(day=1) - datetime.timedelta(1)
    last = max(month_end, until + datetime.timedelta(AHEAD))
    ahead = [until + datetime.timedelta(n) for n in range(1, (last - until).days + 1)]
    found, why = _forecast_of(ahead, dict(history))
    if why:
        notes.append(f"没有预测：{why}")
        return (), None
    errors = forecast.errors(dict(history))
    if errors is None:
        notes.append("历史太短，留不出检验的日子，预测的误差不明，不宜据以排班")
    return tuple(found.values()), errors


def _forecast_of(days: Sequence[datetime.date], history: forecast.Counts) -> tuple[dict[datetime.date, Expected], str]:
    """The forecast by day, or why there is none (Chinese)."""
    if not days:
        return {}, "没有话单"
    try:
        return {one.date: one for one in forecast.forecast(history, days)}, ""
    except TrafficError as error:
        return {}, f"{error.cause}。{error.cure}"


def _how(errors: Errors | None, expected: Sequence[Expected]) -> str:
    """The error on held-back days beside the naive forecast's, to stand beside every forecast."""
    if not expected:
        return ""
    if errors is None:
        return "误差不明：历史太短，留不出检验的日子"

    def shown(mape: float | None, mae: float) -> str:
        return f"{'' if mape is None else f'MAPE {mape:.1f}%，'}MAE {mae:.1f} 通"

    better = errors.mae < errors.naive_mae
    return (
        f"留出最近 {errors.n} 天检验（提前 1–{forecast.HORIZON} 天预测）：{shown(errors.mape, errors.mae)}；"
        f"照抄上周同一天：{shown(errors.naive_mape, errors.naive_mae)}" + ("" if better else "。预测不比照抄上周好，不宜据以排班")
    )


def _handle_s(days: Sequence[Day], params: TrafficParams) -> float | None:
    """Seconds that an answered incoming call keeps its seat."""
    talks = sum(day.talks for day in days)
    return sum(day.talk_s for day in days) / talks + params.wrap_s if talks else None


def _load(one: Expected, shown: Sequence[int], seats: Seats, handle: float | None, params: TrafficParams) -> LoadRow:
    borne: list[float | None] = []
    full = []
    shares = _shares(seats.days, one.date)
    for slot in shown:
        count = seats.usual(one.date, slot)
        most = None if count is None else capacity.bearable(count, handle, params)
        borne.append(most)
        due = one.calls * shares.get(slot, 0.0)
        if most is not None and due > most:
            full.append(f"{slot_name(slot, params.slot_min)} 预计 {due:.0f} 通，能承受 {most:.0f} 通")
    total = sum(value for value in borne if value is not None) if borne and all(value is not None for value in borne) else None
    percent = 100 * one.calls / total if total else None
    return LoadRow(one.date, day_title(one.date), one.calls, one.low, one.high, total, percent, tuple(full), one.note)


def _shares(days: Sequence[Day], date: datetime.date) -> dict[int, float]:
    """Share of a day's calls that falls into each slot, by the latest days of its kind."""
    totals: dict[int, int] = defaultdict(int)
    for day in alike_days(days, date):
        for slot, told in day.slots.items():
            totals[slot] += told.calls
    whole = sum(totals.values())
    return {slot: count / whole for slot, count in totals.items()} if whole else {}


# ---------------------------------------------------------------- persons


def _persons(days: Sequence[Day], names: Mapping[str, str]) -> tuple[PersonRow, ...]:
    found = []
    for agent in sorted({agent for day in days for agent in day.agents}):
        mine = [day.agents[agent] for day in days if agent in day.agents]
        answered, outgoing = sum(one.answered for one in mine), sum(one.outgoing for one in mine)
        found.append(PersonRow(agent, names.get(agent, ""), answered, outgoing, sum(one.talk_s for one in mine) / 3600, len(mine)))
    return tuple(found)


def _persons_against(
    days: Sequence[Day], month: Sequence[Day], past: Mapping[datetime.date, Expected], names: Mapping[str, str]
) -> tuple[Against, ...]:
    """Each person's answered calls against the forecast times the share of the calls that the person answered in the weeks before."""
    if not month:
        return ()
    before = [day for day in days if day.date < month[0].date][-_SHARE_DAYS:]
    calls = sum(day.calls for day in before)
    total = sum(one.calls for one in past.values()) if past else None
    rows = []
    for person in _persons(month, names):
        mine = sum(day.agents[person.agent_id].answered for day in before if person.agent_id in day.agents)
        known = total is not None and calls > 0 and mine > 0
        expected = total * mine / calls if known and total is not None else None
        rows.append(Against(person.agent_id, person.name, person.answered, expected))
    return tuple(rows)
