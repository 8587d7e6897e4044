"""Hours at which a house answers its calls, as a rule book writes them: ``open = { weekdays = [1, 2, 3, 4, 5], hours = ["08:30-12:00"] }``.

The keys of ``when`` that speak of the clock and the calendar: ``hours``, ``weekdays``, ``day``, ``dates``, ``holidays``.  Three-valued:
a day of a year whose holidays nobody announced yet is UNKNOWN where that matters.
"""

from __future__ import annotations

import datetime
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

    @property
    def _any_day(self) -> bool:
        """Whether the hours are the same on all days."""
        return not self.closed and self.when == When(hours=self.when.hours)

    @property
    def _spans(self) -> tuple[_Span, ...]:
        """Minutes of the day on which the hours begin."""
        return tuple((low, high if low < high else DAY_MINUTES) for low, high in self.when.hours) or ((0, DAY_MINUTES),)

    @property
    def _tails(self) -> tuple[_Span, ...]:
        """Minutes of the day after, of stretches over midnight."""
        return tuple((0, high) for low, high in self.when.hours if 0 < high <= low)

    def on(self, day: datetime.date) -> Truth:
        """Whether the house opens at all on ``day``, whatever the hour: of a stretch over midnight the day on which it begins."""
        parts = [Truth.TRUE]
        if self.when.weekdays:
            parts.append(Truth.TRUE if day.isoweekday() in self.when.weekdays else Truth.FALSE)
        if self.when.dates:
            parts.append(Truth.TRUE if any(first <= day <= last for first, last in self.when.dates) else Truth.FALSE)
        if self.when.day is not None:
            works = calendar.workday(day)
            parts.append(works if self.when.day == "workday" else Truth(2 - works))
        if self.when.holidays:
            parts.append(calendar.on_holiday(day, self.when.holidays, self.own))
        if self.closed:
            parts.append(Truth(2 - calendar.on_holiday(day, self.closed, self.own)))
        return min(parts)

    def at(self, moment: datetime.datetime) -> Truth:
        """Whether the house is open at ``moment``.  A stretch over midnight belongs to the day on which it begins, as a night shift does:
        Friday's 22:00–06:00 ends on Saturday morning.
        """
        minute = 60 * moment.hour + moment.minute
        today, yesterday = moment.date(), moment.date() - _DAY
        begun = self.on(today) if _within(minute, self._spans) else Truth.FALSE
        return max(begun, self.on(yesterday) if _within(minute, self._tails) else Truth.FALSE)

    def text(self) -> str:
        """``星期一至五 08:30–12:00（国庆节除外）`` in Chinese; ``全天`` where the house never closes."""
        parts = []
        if self.when.weekdays:
            parts.append("星期" + "、".join("一二三四五六日"[day - 1] for day in self.when.weekdays))
        if self.when.day is not None:
            parts.append("工作日" if self.when.day == "workday" else "休息日")
        parts += ["、".join(calendar.title(name, self.own) for name in self.when.holidays)] if self.when.holidays else []
        parts += ["、".join(f"{first} 至 {last}" for first, last in self.when.dates)] if self.when.dates else []
        spans = [f"{low // 60:02d}:{low % 60:02d}–{high // 60:02d}:{high % 60:02d}" for low, high in self.when.hours]
        parts += ["、".join(spans) + ("（跨夜的算在开始的那天）" if self._tails and not self._any_day else "")] if spans else []
        closed = "、".join(calendar.title(name, self.own) for name in self.closed)
        return ("，".join(parts) or "全天") + (f"（{closed}除外）" if closed else "")

    def stretches(self, day: datetime.date) -> tuple[tuple[datetime.datetime, datetime.datetime], ...]:
        """The hours of ``day`` as moments, in order, end exclusive, with those of the evening before that reach into it; none where the
        house is closed or nobody knows.
        """
        midnight = datetime.datetime.combine(day, datetime.time())
        spans = [*self._spans] if self.on(day) is Truth.TRUE else []
        spans += self._tails if self._tails and self.on(day - _DAY) is Truth.TRUE else []
        return tuple(
            (midnight + datetime.timedelta(minutes=low), midnight + datetime.timedelta(minutes=high)) for low, high in sorted(spans)
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
