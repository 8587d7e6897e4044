"""Until when and for which reasons an agent may appeal (申诉), and until when an answer is due: ``[appeals]`` of a rule book."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import lru_cache

from qa.rules import calendar
from qa.rules.expression import Truth

MOST_DAYS = 365
MOST_REASONS = 20
_DAYS = ("window_days", "lead_days", "qa_days", "final_days", "escalate_days")


@dataclass(frozen=True)
class AppealTerms:
    """``[appeals]``.

    Days, counted from the day after: ``window_days`` from the publication to the appeal; ``lead_days``, ``qa_days`` and ``final_days`` for
    the answers of the team lead, of QA and of the last instance; ``escalate_days`` to go on after a refusal.  ``workdays``: only working
    days count (where the calendar does not know a day yet, Monday to Friday).  ``reasons``: of which the agent chooses one.
    """

    window_days: int = 7
    lead_days: int = 3
    qa_days: int = 5
    final_days: int = 5
    escalate_days: int = 3
    workdays: bool = True
    reasons: tuple[str, ...] = ("文字与录音不符", "说话人认错了", "规则不适用于这通电话", "客户或系统的原因", "对条文的理解不同", "其他")

    def __post_init__(self) -> None:
        for name in _DAYS:
            if not 1 <= getattr(self, name) <= MOST_DAYS:
                raise ValueError(f"{name} 应在 1 与 {MOST_DAYS} 之间，现为 {getattr(self, name)}")
        if len(self.reasons) > MOST_REASONS or any(not 2 <= len(reason.strip()) <= 40 for reason in self.reasons):
            raise ValueError(f"reasons 最多 {MOST_REASONS} 条，每条 2–40 个字")

    def after(self, day: datetime.date, days: int) -> datetime.date:
        """The last day of a time of ``days`` that begins on the day after ``day``."""
        if not self.workdays:
            return day + datetime.timedelta(days=days)
        return _after(day, days)


@lru_cache(maxsize=4096)
def _after(day: datetime.date, days: int) -> datetime.date:
    while days:
        day += datetime.timedelta(days=1)
        days -= _works(day)
    return day


def _works(day: datetime.date) -> bool:
    known = calendar.workday(day)
    return day.isoweekday() <= 5 if known is Truth.UNKNOWN else known is Truth.TRUE
