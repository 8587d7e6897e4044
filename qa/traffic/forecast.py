"""The number of calls of the days to come, with its error on days that were held back.

A structural time series of statsmodels (``UnobservedComponents``: Harvey 1989): the logarithm of a day's calls is a level that drifts,
plus what is usual for its kind of day.  Kinds are the weekdays; a public holiday counts as a Sunday with an effect of its own, a
make-up working day as the mean of Monday to Friday, and the first working day after a long break has an effect of its own, each of
these effects only where the history holds enough such days to learn it.  The Kalman filter takes days that are missing as they are:
nothing is filled in.

statsmodels (BSD, with pandas about 150 MB, 0.7 s to import) is an extra, ``qa[traffic]``, and imported only here.  statsforecast was
weighed: it brings statsmodels and half a dozen packages more for a gain that only many series at once would show.
"""

from __future__ import annotations

import datetime
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa.errors import TrafficError
from qa.rules import calendar
from qa.rules.expression import Truth
from qa.traffic.kinds import after_break

MIN_DAYS = 21
"""Days with known counts below which there is no forecast."""
HORIZON = 7
"""Days ahead of each forecast that is compared with what came."""
_HELD = ((70, 28), (42, 14), (MIN_DAYS + 7, 7))
"""With at least so many days of history so many are held back."""
_MIN_SEEN = 2
"""Times that a kind of day must have been seen before it has an effect of its own."""
CONFIDENCE = 0.8

Counts = dict[datetime.date, int | None]
"""Calls of each day; None: not known."""


@dataclass(frozen=True)
class Expected:
    """Calls expected on a day: ``calls`` (the median) and their range with 80 %; ``note`` (Chinese) says what is doubtful."""

    date: datetime.date
    calls: float
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True)
class Errors:
    """Errors over ``n`` held-back days: mean absolute, and in percent over the days that had calls; ``naive_*``: of the weekday before.

    ``days``: the held-back days with what came and what was forecast.
    """

    n: int
    mae: float
    mape: float | None
    naive_mae: float
    naive_mape: float | None
    days: tuple[tuple[datetime.date, int, float], ...] = ()


def available() -> bool:
    """Whether the library of the forecast is installed."""
    import importlib.util

    return importlib.util.find_spec("statsmodels") is not None


def forecast(history: Counts, days: Sequence[datetime.date]) -> tuple[Expected, ...]:
    """What to expect on ``days``, all later than ``history``.

    Errors: :class:`TrafficError` where the history is too short or the library is not installed.
    """
    known = {day: count for day, count in history.items() if count is not None}
    if len(known) < MIN_DAYS:
        raise TrafficError("话务预测", f"只有 {len(known)} 天的话单，预测至少要 {MIN_DAYS} 天", "请导入更早的话单（qa records import）")
    first, last = min(known), max(known)
    if days and min(days) <= last:
        raise ValueError("a forecast is for days after the history")
    if not days:
        return ()
    past = [first + datetime.timedelta(n) for n in range((last - first).days + 1)]
    ahead = [last + datetime.timedelta(n) for n in range(1, (max(days) - last).days + 1)]
    kinds = _Kinds([day for day in past if day in known])
    endog = np.array([math.log1p(known[day]) if day in known else math.nan for day in past])
    found = _fit(endog, kinds.matrix(past)).get_forecast(steps=len(ahead), exog=kinds.matrix(ahead))
    mean, edges = np.asarray(found.predicted_mean), np.asarray(found.conf_int(alpha=1 - CONFIDENCE))
    wanted = set(days)
    return tuple(
        Expected(day, _calls(mean[n]), _calls(edges[n][0]), _calls(edges[n][1]), kinds.note(day))
        for n, day in enumerate(ahead)
        if day in wanted
    )


def _calls(logarithm: float) -> float:
    return max(0.0, math.expm1(float(logarithm)))


def _fit(endog: np.ndarray[Any, Any], exog: np.ndarray[Any, Any]) -> Any:
    try:
        from statsmodels.tsa.statespace.structural import UnobservedComponents
    except ImportError as error:
        raise TrafficError("话务预测", "没有安装 statsmodels", "请运行 pip install 'qa-callcentre[traffic]'") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that stops early is still judged by its error on held-back days
        return UnobservedComponents(endog, level="local level", exog=exog).fit(disp=False)


class _Kinds:
    """What is usual for a day, as columns: those that ``seen`` days tell."""

    def __init__(self, seen: Sequence[datetime.date]) -> None:
        rows = np.array([_row(day) for day in seen])
        told = (np.abs(rows) > 0).sum(axis=0) >= _MIN_SEEN
        # without one weekday that all others are beside, level and kinds could not be told apart
        base = next((n for n in range(7) if told[n]), 0)
        self.columns = [n for n in range(rows.shape[1]) if told[n] and n != base]
        self.seen = told

    def matrix(self, days: Sequence[datetime.date]) -> np.ndarray[Any, Any]:
        return np.array([_row(day) for day in days])[:, self.columns]

    def note(self, day: datetime.date) -> str:
        if calendar.workday(day) is Truth.UNKNOWN:
            return "放假安排没有公布，按平常的星期算"
        row = _row(day)
        if row[_HOLIDAY] and not self.seen[_HOLIDAY]:
            return "历史中没有节假日，按星期日算"
        if row[_AFTER] and not self.seen[_AFTER]:
            return "历史中没有长假后的首日，按平常的星期算"
        return ""


_HOLIDAY, _AFTER = 7, 8


def _row(day: datetime.date) -> list[float]:
    """Shares of Monday to Sunday; public holiday; first working day after a break."""
    row = [0.0] * 9
    works, weekend = calendar.workday(day), day.isoweekday() > 5
    if works is Truth.FALSE and calendar.holidays(day):
        row[6] = row[_HOLIDAY] = 1.0
    elif works is Truth.TRUE and weekend:
        row[:5] = [0.2] * 5
    else:
        row[day.weekday()] = 1.0
    row[_AFTER] = 1.0 if after_break(day) else 0.0
    return row


def naive(history: Counts, day: datetime.date, origin: datetime.date) -> float | None:
    """The same weekday's calls, the last known one before ``origin``, at most eight weeks back."""
    for weeks in range(1, 9):
        before = day - datetime.timedelta(7 * weeks)
        count = history.get(before)
        if before < origin and count is not None:
            return float(count)
    return None


def errors(history: Counts) -> Errors | None:
    """Errors of forecasts ``HORIZON`` days ahead over the last days of ``history``, each made from what was known before.

    None where the history is too short to hold any days back.  Errors: as :func:`forecast`.
    """
    known = sorted(day for day, count in history.items() if count is not None)
    held = next((days for least, days in _HELD if len(known) >= least), 0)
    if not held:
        return None
    rows: list[tuple[datetime.date, int, float, float]] = []
    end = known[-1]
    for n in range(held // HORIZON, 0, -1):
        origin = end - datetime.timedelta(HORIZON * n - 1)
        before = {day: count for day, count in history.items() if day < origin}
        days = [origin + datetime.timedelta(k) for k in range(HORIZON)]
        for expected in forecast(before, days):
            actual, same = history.get(expected.date), naive(history, expected.date, origin)
            if actual is not None and same is not None:
                rows.append((expected.date, actual, expected.calls, same))
    return _errors(rows) if rows else None


def _errors(rows: Sequence[tuple[datetime.date, int, float, float]]) -> Errors:
    def percent(pairs: Sequence[tuple[int, float]]) -> float | None:
        shares = [abs(told - actual) / actual for actual, told in pairs if actual > 0]
        return 100 * sum(shares) / len(shares) if shares else None

    def absolute(pairs: Sequence[tuple[int, float]]) -> float:
        return sum(abs(told - actual) for actual, told in pairs) / len(pairs)

    ours, same = [(row[1], row[2]) for row in rows], [(row[1], row[3]) for row in rows]
    days = tuple((day, actual, expected) for day, actual, expected, _ in rows)
    return Errors(len(rows), absolute(ours), percent(ours), absolute(same), percent(same), days)
