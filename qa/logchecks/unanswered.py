"""工作时间内有人接听 · Calls answered in business hours

What is asked
    No call that reaches the house in its hours (``open``) goes unanswered.

How it is measured
    Incoming calls on ``lines`` that began within ``open``.  Unanswered are those that rang out, and those whose caller gave up after
    waiting at least ``min_wait_s``; who gave up sooner, or after a time that nobody knows, is not held against the house.  The time that
    a caller spends with a machine (IVR) before anything rings or a queue begins is no waiting: who hung up in it is left to a
    person.  Each is a breach of its own.  Busy and failed calls are the switch's, and are left to a person.  Forwarded calls are answered
    elsewhere.

Not covered
    Who should have answered: the log names an agent only where one did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qa.log_examples import LogExample
from qa.logfacts import (
    DISPOSITIONS,
    choose,
    finding,
    gave_up_within,
    in_hours,
    lines_text,
    on_lines,
    row,
    rows_of,
    unknown,
    unsure_finding,
    waited_s,
    without,
)
from qa.rules.expression import Truth
from qa.rules.model import When
from qa.rules.open_hours import ALWAYS, OpenHours
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall

TITLE = "工作时间内有人接听"
TITLE_EN = "Calls answered in business hours"


@dataclass(frozen=True)
class Params:
    """``min_wait_s``: who gives up sooner (seconds) does not count; ``open``: the house's hours; ``lines``: its numbers (none: all)."""

    open: OpenHours = ALWAYS
    lines: tuple[str, ...] = ()
    min_wait_s: float = 15.0

    def __post_init__(self) -> None:
        if self.min_wait_s < 0:
            raise ValueError(f"min_wait_s 应不小于 0，现为 {self.min_wait_s:g}")


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    return f"{lines_text(params.lines)}{params.open.text()}的来电都有人接听；等待不到 {params.min_wait_s:g} 秒就放弃的不算"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a breach."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    chosen = choose(log, in_hours(params.open), lambda call: on_lines(call, params.lines))
    open_questions, missed = [], 0
    for call in chosen.sure:
        verdict = _verdict(call, params)
        if verdict is Outcome.FAIL:
            missed += 1
            waited = waited_s(call)
            long = "" if waited is None else f"，响了 {waited:.0f} 秒"
            message = f"工作时间内来电{DISPOSITIONS[call.disposition]}{long}"
            yield finding(Outcome.FAIL, message, (row(call),), wait_s=waited)
        elif verdict is Outcome.INCONCLUSIVE:
            open_questions.append(call)
    if open_questions:
        message = f"{len(open_questions)} 通来电忙、故障、没有走出自动语音或等待多久不明，需人工复核"
        yield unknown(message, rows_of(open_questions), count=len(open_questions))
    yield from unsure_finding(chosen, "是否在工作时间内、是否打到这些线路")
    if not missed and not open_questions and not chosen.unsure:
        none = not chosen.sure
        message = "工作时间内没有来电" if none else f"工作时间内 {len(chosen.sure)} 通来电都有人接听"
        yield finding(Outcome.NOT_APPLICABLE if none else Outcome.PASS, message, calls=len(chosen.sure))


_BY_WAIT = {Truth.TRUE: Outcome.PASS, Truth.UNKNOWN: Outcome.INCONCLUSIVE, Truth.FALSE: Outcome.FAIL}


def _verdict(call: LoggedCall, params: Params) -> Outcome:
    if call.disposition is Disposition.UNANSWERED:
        return Outcome.FAIL
    if call.disposition is Disposition.ABANDONED:
        return _BY_WAIT[gave_up_within(call, params.min_wait_s)]
    return Outcome.INCONCLUSIVE if call.disposition in (Disposition.BUSY, Disposition.FAILED) else Outcome.PASS


_OPEN = (("open", OpenHours(When(weekdays=(1, 2, 3, 4, 5), hours=((510, 720), (780, 1050))))),)
EXAMPLES = (
    LogExample("rang out at nine", "2025-03-03 09:00 呼入 13812345678 未接 等待=30", Outcome.FAIL, (1,), (("wait_s", 30.0),), _OPEN),
    LogExample("gave up after 20 s", "2025-03-03 09:00 呼入 13812345678 放弃 等待=20", Outcome.FAIL, (1,), params=_OPEN),
    LogExample("gave up after 4 s", "2025-03-03 09:00 呼入 13812345678 放弃 等待=4", Outcome.PASS, params=_OPEN),
    LogExample("answered", "2025-03-03 09:00 呼入 13812345678 接通 等待=4 通话=60", Outcome.PASS, params=_OPEN),
    LogExample("at noon", "2025-03-03 12:00 呼入 13812345678 未接 等待=30", Outcome.NOT_APPLICABLE, params=_OPEN),
    LogExample("on Sunday", "2025-03-02 09:00 呼入 13812345678 未接 等待=30", Outcome.NOT_APPLICABLE, params=_OPEN),
    LogExample("time not known", "2025-03-03 ??:?? 呼入 13812345678 未接", Outcome.INCONCLUSIVE, (1,), params=_OPEN),
    LogExample("gave up, nobody knows when", "2025-03-03 09:00 呼入 13812345678 放弃", Outcome.INCONCLUSIVE, (1,), params=_OPEN),
    LogExample("hung up in the machine", "2025-03-03 09:00 呼入 13812345678 放弃 自动语音=40", Outcome.INCONCLUSIVE, (1,), params=_OPEN),
    LogExample("at once in the machine", "2025-03-03 09:00 呼入 13812345678 放弃 自动语音=4", Outcome.PASS, params=_OPEN),
    LogExample("rang behind the machine", "2025-03-03 09:00 呼入 13812345678 放弃 自动语音=40 等待=20", Outcome.FAIL, (1,),
               (("wait_s", 20.0),), _OPEN),
    LogExample("briefly behind the machine", "2025-03-03 09:00 呼入 13812345678 放弃 自动语音=40 等待=4", Outcome.PASS, params=_OPEN),
    LogExample("the line was faulty", "2025-03-03 09:00 呼入 13812345678 失败", Outcome.INCONCLUSIVE, (1,), params=_OPEN),
)  # fmt: skip
