"""Seats of each slot: by the house's seat plan, or, where none was given, by the agents who took calls in the slot.

A plan is a table (CSV or xlsx) with the columns ``日期``, ``时段``, ``坐席数`` (``date``, ``slot``, ``seats``).  A date is a day
(``2025-03-03``), a weekday (``星期一``), ``工作日``, ``休息日`` or ``每天``; of several that fit a day, the first of this order counts.
A slot is ``09:00-17:30``.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qa.errors import TrafficError
from qa.rules.open_hours import usual_day
from qa.rules.read_values import as_hours
from qa.switch import files
from qa.switch.rows import Fault
from qa.toml_document import WrongValueError
from qa.traffic.days import DAY_MINUTES, Day
from qa.traffic.kinds import WEEKDAYS

COLUMNS = {"date": ("date", "日期"), "slot": ("slot", "时段"), "seats": ("seats", "坐席数")}
_MOST_SEATS = 10_000
_KINDS = {"工作日": "workday", "休息日": "restday", "每天": "every"}
_USUAL_DAYS = 28
"""Days that tell how many agents a slot usually has."""

Minutes = tuple[int, int, int]
"""First minute of the day, last (exclusive), seats."""


@dataclass(frozen=True)
class SeatPlan:
    """Stretches with their seats, by what they are for: an ISO day, ``1``–``7``, ``workday``, ``restday``, ``every``."""

    file: str
    stretches: dict[str, tuple[Minutes, ...]]

    def seats(self, day: datetime.date, slot: int, slot_min: int) -> int | None:
        """Least number of seats at any minute of a slot: what can be relied on; None on a day that the plan does not speak of."""
        for name in (day.isoformat(), str(day.isoweekday()), usual_day(day), "every"):
            if name in self.stretches:
                minutes = range(slot * slot_min, (slot + 1) * slot_min)
                rows = self.stretches[name]
                return min(sum(seats for low, high, seats in rows if low <= minute < high) for minute in minutes)
        return None


def read_plan(path: Path) -> SeatPlan:
    """The plan in a file.

    Errors: :class:`TrafficError` at ``file:line`` for the first row that is no row of a plan; RecordError for a file that cannot be read.
    """
    found: dict[str, list[Minutes]] = defaultdict(list)
    places: dict[str, int] | None = None
    for line, cells in files.rows(path):
        if isinstance(cells, Fault):
            raise TrafficError(f"{path}:{line}", cells.cause, cells.cure)
        told = [cell.strip() for cell in cells]
        if not any(told):
            continue
        if places is None:
            places = _places(path, line, told)
            continue
        day, slot, seats = (told[places[name]] if places[name] < len(told) else "" for name in COLUMNS)
        found[_day(path, line, day)] += _stretches(path, line, slot, seats)
    if not found:
        raise TrafficError(str(path), "排班表里没有一行坐席数", "表头写 日期,时段,坐席数，下面一行一个时段")
    return SeatPlan(path.name, {name: tuple(rows) for name, rows in found.items()})


def _places(path: Path, line: int, names: Sequence[str]) -> dict[str, int]:
    places = {ours: next((names.index(n) for n in theirs if n in names), -1) for ours, theirs in COLUMNS.items()}
    missing = [theirs[-1] for ours, theirs in COLUMNS.items() if places[ours] < 0]
    if missing:
        raise TrafficError(f"{path}:{line}", f"排班表缺少{'、'.join(missing)}一列", "表头写 日期,时段,坐席数")
    return places


def _day(path: Path, line: int, text: str) -> str:
    if text in _KINDS:
        return _KINDS[text]
    if found := re.fullmatch(rf"(?:星期|周)([{WEEKDAYS}天])", text):
        return "7" if found[1] == "天" else str(WEEKDAYS.index(found[1]) + 1)
    try:
        return datetime.date.fromisoformat(text[:10].replace("/", "-")).isoformat()
    except ValueError as error:
        cure = "写成 2025-03-03、星期一、工作日、休息日或每天"
        raise TrafficError(f"{path}:{line}", f"日期为 {text!r}，认不出来", cure) from error


def _stretches(path: Path, line: int, slot: str, seats: str) -> list[Minutes]:
    try:
        low, high = as_hours(slot)
    except WrongValueError as wrong:
        raise TrafficError(f"{path}:{line}", f"时段{wrong.cause}", wrong.cure) from wrong
    if not re.fullmatch(r"\d+(\.0+)?", seats) or int(float(seats)) > _MOST_SEATS:
        raise TrafficError(f"{path}:{line}", f"坐席数为 {seats!r}，应为 0 到 {_MOST_SEATS} 的整数", "")
    count = int(float(seats))
    return [(low, high, count)] if low < high else [(low, DAY_MINUTES, count), *([(0, high, count)] if high else [])]


@dataclass(frozen=True)
class Seats:
    """Seats of any day and slot: of the past as they were, of the future as planned or as usual."""

    days: tuple[Day, ...]
    slot_min: int
    plan: SeatPlan | None = None

    @property
    def words(self) -> str:
        """Where the numbers come from (Chinese)."""
        if self.plan is not None:
            return f"坐席数按排班表 {self.plan.file}"
        return "没有排班表：坐席数是该时段内接打过电话的坐席人数，闲着的坐席数不到，可能偏少"

    def was(self, day: Day, slot: int) -> int | None:
        """Seats of a past day; None where nobody knows."""
        if self.plan is not None:
            return self.plan.seats(day.date, slot, self.slot_min)
        if not day.rows:
            return None
        return len(day.slots[slot].agents) if slot in day.slots else 0

    def usual(self, date: datetime.date, slot: int) -> int | None:
        """Seats of a day to come: planned, else the mean of the latest days of its kind, rounded down; None where there are none."""
        if self.plan is not None:
            return self.plan.seats(date, slot, self.slot_min)
        alike = alike_days(self.days, date)
        return sum(len(day.slots[slot].agents) for day in alike if slot in day.slots) // len(alike) if alike else None


def alike_days(days: Sequence[Day], date: datetime.date) -> tuple[Day, ...]:
    """The latest days with calls of the same kind as ``date``, from the last four weeks of ``days``."""
    return tuple(day for day in days[-_USUAL_DAYS:] if day.rows and usual_day(day.date) == usual_day(date))
