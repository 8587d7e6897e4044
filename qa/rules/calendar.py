"""Chinese public holidays and working days, as the State Council announces them year by year.

The days come from ``chinesecalendar`` (2004 on; no dependencies; a new release each November when the next year is announced).  It
gives every day of a break its holiday, knows make-up working days (调休上班), and refuses the years that it does not know.
(``holidays`` agrees on every working day from 2006 on, but goes on with estimates where no announcement exists yet.)  What is
not announced is unknown here, never guessed.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable

import chinese_calendar

from qa.rules.expression import Truth
from qa.rules.model import Holiday

TITLES = {
    "new_year": "元旦",
    "spring_festival": "春节",
    "qingming": "清明节",
    "labour": "劳动节",
    "dragon_boat": "端午节",
    "mid_autumn": "中秋节",
    "national": "国庆节",
}
"""Ids of the public holidays that a rule book may name, with their Chinese titles."""

_NAMES = {
    chinese_calendar.Holiday.new_years_day.value: "new_year",
    chinese_calendar.Holiday.spring_festival.value: "spring_festival",
    chinese_calendar.Holiday.tomb_sweeping_day.value: "qingming",
    chinese_calendar.Holiday.labour_day.value: "labour",
    chinese_calendar.Holiday.dragon_boat_festival.value: "dragon_boat",
    chinese_calendar.Holiday.mid_autumn_festival.value: "mid_autumn",
    chinese_calendar.Holiday.national_day.value: "national",
}
# The library has one name a day.  Lunar 5-5 of 2012 fell behind its break, lunar 8-15 of 2020 on National Day.
_BESIDES = {datetime.date(2012, 6, 23): "dragon_boat", datetime.date(2020, 10, 1): "mid_autumn"}
_FIRST = datetime.date(min(chinese_calendar.holidays).year, 1, 1)
# New Year's break has begun or been worked for as early as 29 December (2007, 2018): the last days wait for the next announcement.
_LAST = datetime.date(max(chinese_calendar.holidays).year, 12, 28)


def known() -> tuple[datetime.date, datetime.date]:
    """First and last day of which the calendar can tell, both inclusive."""
    return _FIRST, _LAST


@functools.lru_cache(maxsize=1024)
def holidays(day: datetime.date) -> frozenset[str] | None:
    """Ids (``TITLES``) of the holidays whose break takes in ``day``, whole weekends included; None if it is not known."""
    if not _FIRST <= day <= _LAST:
        return None
    ids = (_NAMES.get(chinese_calendar.holidays.get(day, "")), _BESIDES.get(day))
    return frozenset(name for name in ids if name)


def workday(day: datetime.date) -> Truth:
    """Whether China works on ``day``: Monday to Friday outside of holidays, and make-up working days at weekends."""
    if not _FIRST <= day <= _LAST:
        return Truth.UNKNOWN
    works = day in chinese_calendar.workdays or (day.isoweekday() <= 5 and day not in chinese_calendar.holidays)
    return Truth.TRUE if works else Truth.FALSE


def on_holiday(day: datetime.date, ids: Iterable[str], own: Iterable[Holiday] = ()) -> Truth:
    """Whether ``day`` lies in one of the holidays ``ids``; UNKNOWN where only days that nobody announced yet could tell.

    ``own``: the rule book's holidays.  One with a new id is known for all time.  One with an id of the calendar replaces it in every
    year in which it has a day: the notice for 2025 says nothing of 2024.
    """
    theirs = {holiday.id: holiday.dates for holiday in own}
    return max((_in_one(day, name, theirs.get(name)) for name in ids), default=Truth.FALSE)


def title(holiday_id: str, own: Iterable[Holiday] = ()) -> str:
    """Chinese title of a holiday, the rule book's own before the calendar's."""
    return next((h.title for h in own if h.id == holiday_id), TITLES.get(holiday_id, holiday_id))


def _in_one(day: datetime.date, name: str, dates: tuple[tuple[datetime.date, datetime.date], ...] | None) -> Truth:
    if any(first <= day <= last for first, last in dates or ()):
        return Truth.TRUE
    # a break over New Year's Eve belongs to the year in which it ends
    if dates is not None and (name not in TITLES or any(last.year == day.year for _, last in dates)):
        return Truth.FALSE
    found = holidays(day)
    if found is None:
        return Truth.UNKNOWN
    return Truth.TRUE if name in found else Truth.FALSE
