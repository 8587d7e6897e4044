"""``when = { … }``: read, compared with another, and told apart from one that can never hold."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from qa.rules import calendar
from qa.rules.expression import Truth
from qa.rules.model import NOT, Holiday, When
from qa.rules.open_hours import DAY_MINUTES, OF_THE_CLOCK, of_the_day
from qa.rules.read_values import Days, as_choice, as_days, as_hours, as_known, as_lines, as_list_of, as_weekday
from qa.toml_document import Section

_WHOLE_DAY = frozenset(range(DAY_MINUTES))
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


def both(a: When, b: When) -> tuple[When, ...]:
    """Whens one of which holds wherever ``a`` and ``b`` both do, and nowhere else; none where they cannot hold together.

    Where hours over midnight meet another day's, what ``day`` and ``holidays`` ask of the evening before is left out: a When then holds
    more often.
    """
    if None not in (a.direction, b.direction) and a.direction != b.direction:
        return ()
    if any(when.of_types and set(when.of_types) <= {*a.not_of_types, *b.not_of_types} for when in (a, b)):
        return ()
    lines = _common_lines(a.lines, b.lines) if a.lines and b.lines else a.lines or b.lines
    if a.lines and b.lines and not lines:
        return ()
    whole = replace(
        a,
        direction=a.direction or b.direction,
        lines=lines,
        # a day may lie in two holidays and a call be of two types, so that neither list rules the other out: the longer is kept
        call_types=(*_narrower(a.of_types, b.of_types), *(NOT + kind for kind in dict.fromkeys((*a.not_of_types, *b.not_of_types)))),
    )
    whenever = [one for one, other in ((b, a), (a, b)) if not any(getattr(other, name) for name in OF_THE_CLOCK)]
    times = whenever[:1] or (_same_day(a, b), _day_after(a, b), _day_after(b, a))
    return tuple(replace(whole, **{name: getattr(time, name) for name in OF_THE_CLOCK}) for time in times if time is not None)


def _same_day(a: When, b: When) -> When | None:
    """Clock and calendar of both, in hours that begin on the same day."""
    if None not in (a.day, b.day) and a.day != b.day:
        return None
    minutes = _minutes(a) & _minutes(b)
    days = _common_dates(a, b)
    if not minutes or days is None:
        return None
    return replace(days, hours=_stretches(minutes), day=a.day or b.day, holidays=_narrower(a.holidays, b.holidays))


def _day_after(early: When, late: When) -> When | None:
    """The same in hours of ``early`` that began the evening before."""
    minutes = {minute - DAY_MINUTES for minute in _minutes(early)} & _minutes(late)
    next_day = When(
        weekdays=tuple(sorted(day % 7 + 1 for day in early.weekdays)),
        dates=tuple((_later(first), _later(last)) for first, last in early.dates),
    )
    days = _common_dates(next_day, late)
    if not minutes or days is None:
        return None
    return replace(days, hours=_stretches(frozenset(minutes)), day=late.day, holidays=late.holidays)


def _later(day: datetime.date) -> datetime.date:
    return day if day == datetime.date.max else day + datetime.timedelta(1)


def _common_dates(a: When, b: When) -> When | None:
    weekdays = tuple(sorted(set(a.weekdays) & set(b.weekdays))) if a.weekdays and b.weekdays else a.weekdays or b.weekdays
    dates = _common_days(a.dates, b.dates) if a.dates and b.dates else a.dates or b.dates
    nothing = (a.weekdays and b.weekdays and not weekdays) or (a.dates and b.dates and not dates)
    return None if nothing else When(weekdays=weekdays, dates=dates)


def covers(wide: When, narrow: When) -> bool:
    """Whether ``wide`` holds wherever ``narrow`` does; not said of all that do, where hours over midnight and days are named."""
    return (
        wide.direction in (None, narrow.direction)
        and wide.day in (None, narrow.day)
        and _minutes(wide) >= (_minutes(narrow) if _of_days(wide) else frozenset(minute % DAY_MINUTES for minute in _minutes(narrow)))
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


def never_any(whens: Iterable[When], own: Iterable[Holiday]) -> str | None:
    """The same of several Whens, one at least: why none of them can hold, or None."""
    reasons = [never(when, own) for when in whens]
    return None if None in reasons else reasons[0]


def _day_holds(day: datetime.date, when: When, own: tuple[Holiday, ...]) -> bool:
    """Whether ``day`` satisfies ``when`` or may do so."""
    return all(truth is not Truth.FALSE for _, truth in of_the_day(when, day, own))


def _of_days(when: When) -> bool:
    """Whether ``when`` names days, so that it matters on which of them its hours begin."""
    return bool(when.weekdays or when.day or when.dates or when.holidays)


def _minutes(when: When) -> frozenset[int]:
    """Minutes of its hours from midnight of the day on which they begin: up to two days of them."""
    if not when.hours:
        return frozenset(range(DAY_MINUTES))
    out: set[int] = set()
    for begin, end in when.hours:
        out |= set(range(begin, end if begin < end else DAY_MINUTES + end))
    return frozenset(out) if _of_days(when) else frozenset(minute % DAY_MINUTES for minute in out)


def _stretches(minutes: AbstractSet[int]) -> tuple[tuple[int, int], ...]:
    """The minutes as stretches, each of which begins on the first day; () for the whole of it."""
    if minutes == _WHOLE_DAY:
        return ()
    begins = sorted(m for m in minutes if m - 1 not in minutes)
    ends = sorted(m + 1 for m in minutes if m + 1 not in minutes)
    found: list[tuple[int, int]] = []
    for begin, end in zip(begins, ends, strict=True):
        if end - begin >= DAY_MINUTES < end:  # longer than a day: no two times of the clock say that
            found += [(begin, DAY_MINUTES), (DAY_MINUTES - 1, end - DAY_MINUTES)]
        else:
            found.append((begin, end if end <= DAY_MINUTES else end - DAY_MINUTES))
    return tuple(found)


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
