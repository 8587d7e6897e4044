"""Hours at which a house answers its calls, as a rule book writes them: ``open = { weekdays = [1, 2, 3, 4, 5], hours = ["08:30-12:00"] }``.

The keys of ``when`` that speak of the clock and the calendar: ``hours``, ``weekdays``, ``day``, ``dates``, ``holidays``.  Three-valued:
a day of a year whose holidays nobody announced yet is UNKNOWN where that matters.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from qa.rules import calendar
from qa.rules.expression import Truth
from qa.rules.model import Holiday, When

DAY_MINUTES = 24 * 60
OF_THE_CLOCK = ("hours", "weekdays", "day", "dates", "holidays")

_ANY_TIME = When()
_DAY = datetime.timedelta(days=1)
_Span = tuple[int, int]
"""Minutes of a day, from inclusive to exclusive."""


def spans(hours: tuple[_Span, ...]) -> tuple[_Span, ...]:
    """Minutes of the day on which the hours begin; all of it where there are none."""
    return tuple((low, high if low < high else DAY_MINUTES) for low, high in hours) or ((0, DAY_MINUTES),)


def tails(hours: tuple[_Span, ...]) -> tuple[_Span, ...]:
    """Minutes of the day after, of hours over midnight."""
    return tuple((0, high) for low, high in hours if 0 < high <= low)


def begun_on(hours: tuple[_Span, ...], moment: datetime.datetime) -> tuple[datetime.date, ...]:
    """The days whose hours hold ``moment``, at most two.

    Hours over midnight belong to the day on which they begin, as a night shift does: Saturday 01:00 lies in Friday's 18:00–02:00.
    """
    minute, today = 60 * moment.hour + moment.minute, moment.date()
    begun = (today,) if _within(minute, spans(hours)) else ()
    return (*begun, today - _DAY) if _within(minute, tails(hours)) and today > datetime.date.min else begun


def of_the_day(when: When, day: datetime.date, own: tuple[Holiday, ...]) -> Iterator[tuple[str, Truth]]:
    """The keys of ``when`` that speak of a day (not of the clock), each with whether it holds for ``day``; ``own``: the rule book's
    holidays."""
    if when.weekdays:
        yield "weekdays", Truth.TRUE if day.isoweekday() in when.weekdays else Truth.FALSE
    if when.dates:
        yield "dates", Truth.TRUE if any(first <= day <= last for first, last in when.dates) else Truth.FALSE
    if when.day is not None:
        works = calendar.workday(day)
        yield "day", works if when.day == "workday" else Truth(2 - works)
    if when.holidays:
        yield "holidays", calendar.on_holiday(day, when.holidays, own)


def hours_text(when: When, dated: bool = False) -> str:
    """``22:00–06:00（跨夜的算在开始的那天）`` in Chinese, the latter where that matters (``dated``: it does); "" for any hour."""
    shown = "、".join(f"{low // 60:02d}:{low % 60:02d}–{high // 60:02d}:{high % 60:02d}" for low, high in when.hours)
    dated = dated or bool(when.weekdays or when.day or when.dates or when.holidays)
    return f"{shown}（跨夜的算在开始的那天）" if dated and tails(when.hours) else shown


@dataclass(frozen=True)
class OpenHours:
    """``when`` says when the house is open (no key: always); ``closed``: holidays on which it is not; ``own``: the rule book's holidays."""

    when: When = _ANY_TIME
    own: tuple[Holiday, ...] = ()
    closed: tuple[str, ...] = ()

    @property
    def always(self) -> bool:
        return self.when == _ANY_TIME and not self.closed

    @property
    def named(self) -> tuple[str, ...]:
        """Ids of the holidays that the hours speak of."""
        return (*self.when.holidays, *self.closed)

    def on(self, day: datetime.date) -> Truth:
        """Whether the house opens at all on ``day``, whatever the hour: of a stretch over midnight the day on which it begins."""
        parts = [Truth.TRUE, *(truth for _, truth in of_the_day(self.when, day, self.own))]
        if self.closed:
            parts.append(Truth(2 - calendar.on_holiday(day, self.closed, self.own)))
        return min(parts)

    def at(self, moment: datetime.datetime) -> Truth:
        """Whether the house is open at ``moment``, in hours that began on a day on which it opens (:func:`begun_on`)."""
        return max((self.on(day) for day in begun_on(self.when.hours, moment)), default=Truth.FALSE)

    def text(self) -> str:
        """``星期一至五 08:30–12:00（国庆节除外）`` in Chinese; ``全天`` where the house never closes."""
        parts = []
        if self.when.weekdays:
            parts.append("星期" + "、".join("一二三四五六日"[day - 1] for day in self.when.weekdays))
        if self.when.day is not None:
            parts.append("工作日" if self.when.day == "workday" else "休息日")
        parts += ["、".join(calendar.title(name, self.own) for name in self.when.holidays)] if self.when.holidays else []
        parts += ["、".join(f"{first} 至 {last}" for first, last in self.when.dates)] if self.when.dates else []
        parts += [hours_text(self.when, bool(self.closed))] if self.when.hours else []
        closed = "、".join(calendar.title(name, self.own) for name in self.closed)
        return ("，".join(parts) or "全天") + (f"（{closed}除外）" if closed else "")

    def stretches(self, day: datetime.date) -> tuple[tuple[datetime.datetime, datetime.datetime], ...]:
        """The hours of ``day`` as moments, in order, end exclusive, with those of the evening before that reach into it; none where the
        house is closed or nobody knows.
        """
        midnight = datetime.datetime.combine(day, datetime.time())
        hours, over = self.when.hours, tails(self.when.hours)
        found = [*spans(hours)] if self.on(day) is Truth.TRUE else []
        found += over if over and self.on(day - _DAY) is Truth.TRUE else []
        return tuple(
            (midnight + datetime.timedelta(minutes=low), midnight + datetime.timedelta(minutes=high)) for low, high in sorted(found)
        )

    def minutes(self, day: datetime.date) -> int:
        """Minutes that the house is open on ``day``."""
        return sum(round((end - begin).total_seconds() / 60) for begin, end in self.stretches(day))


ALWAYS = OpenHours()


def _within(minute: int, spans: tuple[_Span, ...]) -> bool:
    return any(low <= minute < high for low, high in spans)


def usual_day(day: datetime.date) -> str:
    """The kind of day that call volumes are compared within: ``workday``, ``restday``; the weekday where no holidays are announced."""
    works = calendar.workday(day)
    return str(day.isoweekday()) if works is Truth.UNKNOWN else "workday" if works is Truth.TRUE else "restday"
