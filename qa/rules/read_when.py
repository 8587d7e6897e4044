"""``when = { … }``: read, compared with another, and told apart from one that can never hold."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace

from qa.rules import calendar
from qa.rules.expression import Truth
from qa.rules.model import NOT, Holiday, When
from qa.rules.read_values import Days, as_choice, as_days, as_hours, as_known, as_lines, as_list_of, as_weekday
from qa.toml_document import Section

_DAY_MINUTES = 24 * 60
_LONGEST_SEARCH = 800
"""Days: a longer stretch of dates holds every weekday and every holiday of the year."""


@dataclass(frozen=True)
class Known:
    """Names that a ``when`` may use."""

    call_types: tuple[str, ...] = ()
    holidays: tuple[str, ...] = tuple(calendar.TITLES)


def read_when(section: Section, known: Known) -> When:
    """The When of a table; what is wrong is noted in its document and left open."""
    when = When(
        direction=section.optional("direction", as_choice("in", "out"), None),
        hours=section.optional("hours", as_list_of(as_hours), ()) or (),
        weekdays=section.optional("weekdays", as_list_of(as_weekday), ()) or (),
        day=section.optional("day", as_choice("workday", "restday"), None),
        dates=section.optional("dates", as_list_of(as_days), ()) or (),
        holidays=section.optional("holidays", as_known(known.holidays, "已知的节假日"), ()) or (),
        lines=section.optional("lines", as_lines, ()) or (),
        call_types=section.optional("call_types", as_known(known.call_types, "[call_types] 里的通话类型", NOT), ()) or (),
    )
    section.close()
    return when


# ---------------------------------------------------------------- comparing


def both(a: When, b: When) -> When | None:
    """The When that holds where both hold; None where they cannot hold together."""
    if None not in (a.direction, b.direction) and a.direction != b.direction:
        return None
    if None not in (a.day, b.day) and a.day != b.day:
        return None
    if any(when.of_types and set(when.of_types) <= {*a.not_of_types, *b.not_of_types} for when in (a, b)):
        return None
    hours = _minutes(a.hours) & _minutes(b.hours)
    weekdays = tuple(sorted(set(a.weekdays) & set(b.weekdays))) if a.weekdays and b.weekdays else a.weekdays or b.weekdays
    dates = _common_days(a.dates, b.dates) if a.dates and b.dates else a.dates or b.dates
    lines = _common_lines(a.lines, b.lines) if a.lines and b.lines else a.lines or b.lines
    if not hours or any(x and y and not z for x, y, z in (
        (a.weekdays, b.weekdays, weekdays), (a.dates, b.dates, dates), (a.lines, b.lines, lines),
    )):  # fmt: skip
        return None
    return replace(
        a,
        direction=a.direction or b.direction,
        day=a.day or b.day,
        hours=_stretches(hours),
        weekdays=weekdays,
        dates=dates,
        lines=lines,
        # a day may lie in two holidays and a call be of two types, so that neither list rules the other out: the longer is kept
        holidays=_narrower(a.holidays, b.holidays),
        call_types=(*_narrower(a.of_types, b.of_types), *(NOT + kind for kind in dict.fromkeys((*a.not_of_types, *b.not_of_types)))),
    )


def covers(wide: When, narrow: When) -> bool:
    """Whether ``wide`` holds wherever ``narrow`` does."""
    return (
        wide.direction in (None, narrow.direction)
        and wide.day in (None, narrow.day)
        and _minutes(wide.hours) >= _minutes(narrow.hours)
        and _within(narrow.weekdays, wide.weekdays)
        and _within(narrow.holidays, wide.holidays)
        and _within(narrow.of_types, wide.of_types)
        and set(wide.not_of_types) <= set(narrow.not_of_types)
        and (not wide.dates or (bool(narrow.dates) and all(_inside(days, wide.dates) for days in narrow.dates)))
        and (not wide.lines or (bool(narrow.lines) and all(any(_line_in(n, w) for w in wide.lines) for n in narrow.lines)))
    )


def never(when: When, own: Iterable[Holiday]) -> str | None:
    """Why no day can satisfy ``when`` (Chinese), or None; ``own`` are the rule book's holidays."""
    if not when.dates or not (when.weekdays or when.day or when.holidays):
        return None
    if sum((last - first).days + 1 for first, last in when.dates) > _LONGEST_SEARCH:
        return None
    days = (first + datetime.timedelta(n) for first, last in when.dates for n in range((last - first).days + 1))
    if any(_day_holds(day, when, tuple(own)) for day in days):
        return None
    return "这些日期里没有一天符合其余条件"


def _day_holds(day: datetime.date, when: When, own: tuple[Holiday, ...]) -> bool:
    """Whether ``day`` satisfies ``when`` or may do so."""
    if when.weekdays and day.isoweekday() not in when.weekdays:
        return False
    if when.day is not None and calendar.workday(day) is (Truth.FALSE if when.day == "workday" else Truth.TRUE):
        return False
    return not when.holidays or calendar.on_holiday(day, when.holidays, own) is not Truth.FALSE


def _minutes(hours: tuple[tuple[int, int], ...]) -> frozenset[int]:
    if not hours:
        return frozenset(range(_DAY_MINUTES))
    out: set[int] = set()
    for begin, end in hours:
        out |= set(range(begin, end)) if begin < end else {*range(begin, _DAY_MINUTES), *range(end)}
    return frozenset(out)


def _stretches(minutes: frozenset[int]) -> tuple[tuple[int, int], ...]:
    """The minutes as stretches; () for the whole day."""
    if len(minutes) == _DAY_MINUTES:
        return ()
    begins = sorted(m for m in minutes if m - 1 not in minutes)
    ends = sorted(m + 1 for m in minutes if m + 1 not in minutes)
    return tuple(zip(begins, ends, strict=True))


def _common_days(a: tuple[Days, ...], b: tuple[Days, ...]) -> tuple[Days, ...]:
    pairs = ((max(first, start), min(last, end)) for first, last in a for start, end in b)
    return tuple((first, last) for first, last in pairs if first <= last)


def _inside(days: Days, wide: tuple[Days, ...]) -> bool:
    """Whether every day of a stretch lies in one of others, which may join."""
    first, last = days
    for start, end in sorted(wide):
        if start <= first <= end:
            if last <= end:
                return True
            first = end + datetime.timedelta(1)
    return False


def _common_lines(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(x if _line_in(x, y) else y for x in a for y in b if _line_in(x, y) or _line_in(y, x)))


def _line_in(narrow: str, wide: str) -> bool:
    return narrow.startswith(wide[:-1]) if wide.endswith("*") else narrow == wide


def _within(narrow: Iterable[object], wide: Iterable[object]) -> bool:
    given, allowed = set(narrow), set(wide)
    return not allowed or (bool(given) and given <= allowed)


def _narrower(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    if not a or not b:
        return a or b
    return tuple(name for name in a if name in b) or a
