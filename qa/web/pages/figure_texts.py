"""Figures in words for the appraisal pages: never without their sample size, and with their interval where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from qa.intervals import Estimate
from qa.report_text import percent_text
from qa.web.language import translated as _


def estimate_text(percent: Estimate) -> str:
    """``n = 12，95% 区间 71–89``, of a mean in percent."""
    if percent.low is None or percent.high is None:
        return f"n = {percent.n}"
    return _("n = {n}，95% 区间 {low}–{high}", n=percent.n, low=f"{percent.low:.1f}", high=f"{percent.high:.1f}")


def rate_text(rate: Estimate) -> tuple[str, str]:
    """A share (0-1) and, beside it, its interval and sample size."""
    if rate.value is None or rate.low is None or rate.high is None:
        return "—", f"n = {rate.n}"
    return f"{100 * rate.value:.0f}%", f"{100 * rate.low:.0f}–{100 * rate.high:.0f} · n = {rate.n}"


def trend_data(points: Sequence[tuple[str, Estimate]]) -> dict[str, object]:
    """What ``appraisal.js`` draws, and the rows of the table beside the chart."""
    known = [(label, one) for label, one in points if one.value is not None]
    return {
        "labels": [label for label, _one in known],
        "mean": [round(one.value or 0.0, 2) for _label, one in known],
        "low": [None if one.low is None else round(one.low, 2) for _label, one in known],
        "high": [None if one.high is None else round(one.high, 2) for _label, one in known],
        "rows": [(label, percent_text(one.value), _interval(one), one.n) for label, one in known],
    }


def _interval(one: Estimate) -> str:
    return "" if one.low is None or one.high is None else f"{one.low:.1f}–{one.high:.1f}"
