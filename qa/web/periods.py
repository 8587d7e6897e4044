"""The period of a filter: two days of a query, each with what is wrong with it, so that the form can stand again as it was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from qa.web.ask import plain_day
from qa.web.language import translated as _

if TYPE_CHECKING:
    from qa.web.ask import Fields

ENDS = ("since", "until")


@dataclass(frozen=True)
class Period:
    """Days, both included; None: open, or none that can be used.  ``typed``: what stands in each field; ``bad``: by field why it is none,
    in the language of the request."""

    since: date | None
    until: date | None
    typed: Mapping[str, str]
    bad: Mapping[str, str]

    @property
    def days(self) -> dict[str, str]:
        """Both as ``2025-06-01``, "" where there is none; nothing of a period that is wrong."""
        found = {"since": self.since, "until": self.until}
        return {name: day.isoformat() if day is not None and not self.bad else "" for name, day in found.items()}


def asked(query: Fields) -> Period:
    """What ``since`` and ``until`` of a query say."""
    typed = {name: query.text(name) for name in ENDS}
    days = {name: plain_day(text) for name, text in typed.items()}
    bad = {name: _("请写日期，如 2025-06-01") for name, text in typed.items() if text and days[name] is None}
    since, until = days["since"], days["until"]
    if since is not None and until is not None and until < since:
        bad["until"] = _("结束日期早于开始日期")
    return Period(since, until, typed, bad)
