"""每通电话都有录音 · Every call has a recording

What is asked
    Every answered call of ``directions`` that lasted at least ``min_talk_s`` has a recording in the database.

How it is measured
    By call id; a day on which calls lack one is a breach with these calls as its rows.  A day on which no call has one may not have been
    processed yet, and is inconclusive, as is the day on which the log was read.

Not covered
    Whether the recording holds the whole call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qa.log_examples import LogExample
from qa.logcomplete import CompleteParams, due, missing_by_day
from qa.logfacts import without
from qa.types import Finding, Outcome
from qa.types.log import CallLog

TITLE = "每通电话都有录音"
TITLE_EN = "Every call has a recording"


@dataclass(frozen=True)
class Params(CompleteParams):
    """``directions`` out of ``in``, ``out``, ``internal``; ``min_talk_s`` in seconds, 0: every answered call."""


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    return f"{params.text()}都有录音"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a day that lacks some."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    yield from missing_by_day(log, *due(log, params), lambda call: call.call_id in log.recorded, "录音")


_ONE = "2025-03-03 09:00 呼入 13812345678 接通 等待=5 通话=60 录音=a.wav"
EXAMPLES = (
    LogExample(
        "one of two", f"{_ONE}\n2025-03-03 10:00 呼入 13912345678 接通 等待=5 通话=60", Outcome.FAIL, (2,), (("missing", 1), ("calls", 2))
    ),
    LogExample("all", _ONE, Outcome.PASS, values=(("calls", 1),)),
    LogExample("nobody answered", "2025-03-03 10:00 呼入 13912345678 放弃 等待=5", Outcome.NOT_APPLICABLE),
    LogExample("none of the day", "2025-03-03 10:00 呼入 13912345678 接通 等待=5 通话=60", Outcome.INCONCLUSIVE, (1,)),
    LogExample(
        "the day was not over",
        f"{_ONE}\n2025-03-03 10:00 呼入 13912345678 接通 等待=5 通话=60",
        Outcome.INCONCLUSIVE,
        (2,),
        as_of="2025-03-03T12:00:00",
    ),
    LogExample(
        "too short to need one", f"{_ONE}\n2025-03-03 10:00 呼出 13912345678 接通 通话=2", Outcome.PASS, params=(("min_talk_s", 3.0),)
    ),
)
