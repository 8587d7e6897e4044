"""每通电话都有评分 · Every call has a scorecard

What is asked
    Every answered call of ``directions`` that lasted at least ``min_talk_s`` has a scorecard in the database.

How it is measured
    By call id; a day on which calls lack one is a breach with these calls as its rows.  A day on which no call has one may not have been
    processed yet, and is inconclusive, as is the day on which the log was read.

Not covered
    Whether the scorecard has a total.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qa.log_examples import LogExample
from qa.logcomplete import CompleteParams, due, missing_by_day
from qa.logfacts import without
from qa.types import Finding, Outcome
from qa.types.log import CallLog

TITLE = "每通电话都有评分"
TITLE_EN = "Every call has a scorecard"


@dataclass(frozen=True)
class Params(CompleteParams):
    """``directions`` out of ``in``, ``out``, ``internal``; ``min_talk_s`` in seconds, 0: every answered call."""


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    return f"{params.text()}都有评分"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a day that lacks some."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    yield from missing_by_day(log, *due(log, params), lambda call: call.call_id in log.scored, "评分")


_ONE = "2025-03-03 09:00 呼入 13812345678 接通 等待=5 通话=60 录音=a.wav 评分=有"
EXAMPLES = (
    LogExample(
        "one of two", f"{_ONE}\n2025-03-03 10:00 呼入 13912345678 接通 等待=5 通话=60 录音=b.wav", Outcome.FAIL, (2,), (("missing", 1),)
    ),
    LogExample("all", _ONE, Outcome.PASS),
    LogExample("nobody answered", "2025-03-03 10:00 呼入 13912345678 放弃 等待=5", Outcome.NOT_APPLICABLE),
    LogExample("none of the day", "2025-03-03 10:00 呼入 13912345678 接通 等待=5 通话=60", Outcome.INCONCLUSIVE, (1,)),
    LogExample("time not known", f"{_ONE}\n2025-03-03 ??:?? 呼入 13912345678 接通 等待=5 通话=60", Outcome.INCONCLUSIVE, (2,)),
)
