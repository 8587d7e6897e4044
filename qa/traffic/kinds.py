"""Kinds of days that calls come alike on."""

from __future__ import annotations

import datetime

from qa.rules import calendar
from qa.rules.expression import Truth

WEEKDAYS = "一二三四五六日"


def after_break(day: datetime.date) -> bool:
    """Whether ``day`` is the first working day after a public holiday's break of three days or more."""
    if calendar.workday(day) is not Truth.TRUE:
        return False
    before = [day - datetime.timedelta(n) for n in range(1, 4)]
    rests = all(calendar.workday(other) is Truth.FALSE for other in before)
    return rests and any(calendar.holidays(other) for other in before)


def day_title(day: datetime.date) -> str:
    """``星期三``, ``星期六（调休上班）``, ``星期四（国庆节）``."""
    weekday = f"星期{WEEKDAYS[day.weekday()]}"
    if calendar.workday(day) is Truth.TRUE and day.isoweekday() > 5:
        return f"{weekday}（调休上班）"
    found = calendar.holidays(day)
    if found and calendar.workday(day) is Truth.FALSE:
        return f"{weekday}（{'、'.join(calendar.title(name) for name in sorted(found))}）"
    return weekday
