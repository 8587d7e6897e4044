"""Weeks and months as people ask for them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

DAY = datetime.timedelta(days=1)
WEEK, MONTH = "week", "month"


@dataclass(frozen=True)
class Period:
    """``kind`` is ``week`` (Monday to Sunday) or ``month``; ``since`` and ``until`` are its first and last day."""

    kind: str
    since: datetime.date
    until: datetime.date

    @classmethod
    def of(cls, kind: str, day: datetime.date) -> Period:
        """The week or month that ``day`` lies in."""
        if kind == WEEK:
            first = day - day.weekday() * DAY
            return cls(kind, first, first + 6 * DAY)
        first = day.replace(day=1)
        return cls(kind, first, (first + 31 * DAY).replace(day=1) - DAY)

    @property
    def before(self) -> Period:
        return Period.of(self.kind, self.since - DAY)

    @property
    def after(self) -> Period:
        return Period.of(self.kind, self.until + DAY)

    @property
    def label(self) -> str:
        """``2025-06``, or ``2025-W24``."""
        year, week, _ = self.since.isocalendar()
        return month_of(self.since) if self.kind == MONTH else f"{year}-W{week:02d}"


def month_of(day: datetime.date) -> str:
    """``2025-06``."""
    return f"{day:%Y-%m}"


def months_before(month: str, number: int) -> tuple[str, ...]:
    """So many months before ``month`` (``2025-06``), the earliest first."""
    found = []
    day = datetime.date.fromisoformat(f"{month}-01")
    for _ in range(number):
        day = (day - DAY).replace(day=1)
        found.append(month_of(day))
    return tuple(reversed(found))
