"""The house's clock: China Standard Time.  A time with a zone is brought to it; a time without is taken as it stands."""

from __future__ import annotations

import functools
from datetime import date, datetime, timedelta, timezone

HOUSE_ZONE = timezone(timedelta(hours=8))


@functools.lru_cache(maxsize=64)  # every rule of a book asks for the same start
def moment(time: str) -> datetime:
    """An ISO 8601 time as wall clock of UTC+8, without a zone.

    Errors: :class:`ValueError` for text that is no time, :class:`OverflowError` for one outside the years 1-9999.
    """
    read = datetime.fromisoformat(time)
    return read if read.tzinfo is None else read.astimezone(HOUSE_ZONE).replace(tzinfo=None)


def known_moment(time: str | None) -> datetime | None:
    """The same of a call record's time; None where it is empty or no time at all."""
    if not time:
        return None
    try:
        return moment(time)
    except (ValueError, OverflowError):
        return None


def wall_clock(time: str | None) -> str | None:
    """An ISO 8601 time as wall clock of UTC+8, ``YYYY-MM-DDTHH:MM:SS.mmm``; None for None.

    Errors: :class:`ValueError` for text that is no time.
    """
    return None if time is None else moment(time).isoformat(timespec="milliseconds")


def house_day(stored: str) -> date:
    """The day of the house on which something was written down; ``stored``: ISO 8601 UTC, as :func:`qa.rows.now_utc` gives it.

    Nobody cuts a day out of the text: from midnight to eight in the morning that would be the day before.
    Errors: as :func:`moment`.
    """
    return moment(stored).date()


def house_minute(stored: str) -> str:
    """The same with the time, to the minute: ``2025-06-30 09:05``."""
    return f"{moment(stored):%Y-%m-%d %H:%M}"
