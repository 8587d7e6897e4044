"""非工作时间转接 · Calls forwarded out of hours

What is asked
    Out of its hours (``open``) the house has its line forwarded: a call then reaches somebody all the same.

How it is measured
    Incoming calls on ``lines`` that began out of ``open``.  Forwarded or answered ones are as they should be.  One that rang out in the
    house, or whose caller gave up after at least ``min_wait_s``, without a forwarding in its record, is a breach.  Busy, failed and
    short ones tell nothing.

Not covered
    Whether the number that calls are forwarded to answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qa.log_examples import LogExample
from qa.logfacts import (
    DISPOSITIONS,
    choose,
    finding,
    lines_text,
    on_lines,
    row,
    rows_of,
    started,
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

TITLE = "非工作时间转接"
TITLE_EN = "Calls forwarded out of hours"


@dataclass(frozen=True)
class Params:
    """``open``: the house's hours; ``lines``: its numbers (none: all); ``min_wait_s``: who gives up sooner (seconds) tells nothing."""

    open: OpenHours = ALWAYS
    lines: tuple[str, ...] = ()
    min_wait_s: float = 15.0

    def __post_init__(self) -> None:
        if self.min_wait_s < 0:
            raise ValueError(f"min_wait_s 应不小于 0，现为 {self.min_wait_s:g}")


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    return f"{lines_text(params.lines)}{params.open.text()}之外的来电都已转接或接听"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a breach."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    if params.open.always:
        yield finding(Outcome.NOT_APPLICABLE, "规则书没有写 open，即全天工作，没有非工作时间")
        return
    chosen = choose(log, lambda call: _out_of(params.open, call), lambda call: on_lines(call, params.lines))
    told = [(call, _verdict(call, params)) for call in chosen.sure]
    for call, verdict in told:
        if verdict is Outcome.FAIL:
            yield finding(Outcome.FAIL, f"非工作时间来电没有转接：{DISPOSITIONS[call.disposition]}", (row(call),))
    open_questions = [call for call, verdict in told if verdict is Outcome.INCONCLUSIVE]
    if open_questions:
        message = f"{len(open_questions)} 通非工作时间的来电看不出是否转接"
        yield unknown(message, rows_of(open_questions), count=len(open_questions))
    yield from unsure_finding(chosen, "是否在工作时间内、是否打到这些线路")
    if not told and not chosen.unsure:
        yield finding(Outcome.NOT_APPLICABLE, "非工作时间没有来电")
    elif all(verdict is Outcome.PASS for _, verdict in told) and not chosen.unsure:
        yield finding(Outcome.PASS, f"非工作时间 {len(told)} 通来电都已转接或接听", calls=len(told))


def _out_of(hours: OpenHours, call: LoggedCall) -> Truth:
    at = started(call)
    return Truth.UNKNOWN if at is None else Truth(2 - hours.at(at))


def _verdict(call: LoggedCall, params: Params) -> Outcome:
    if call.forwarded_to or call.disposition in (Disposition.FORWARDED, Disposition.ANSWERED):
        return Outcome.PASS
    waited = waited_s(call)
    rang_out = call.disposition is Disposition.UNANSWERED
    gave_up = call.disposition is Disposition.ABANDONED and waited is not None and waited >= params.min_wait_s
    return Outcome.FAIL if rang_out or gave_up else Outcome.INCONCLUSIVE


_OPEN = (("open", OpenHours(When(day="workday", hours=((510, 720), (780, 1050))))),)
EXAMPLES = (
    LogExample("at night in the house", "2025-03-03 22:00 呼入 13812345678 未接 等待=30", Outcome.FAIL, (1,), params=_OPEN),
    LogExample("on a public holiday", "2025-05-01 09:00 呼入 13812345678 放弃 等待=40", Outcome.FAIL, (1,), params=_OPEN),
    LogExample("forwarded", "2025-03-03 22:00 呼入 13812345678 转出 到=13500001111", Outcome.PASS, params=_OPEN),
    LogExample("answered on the night shift", "2025-03-03 22:00 呼入 13812345678 接通 等待=5 通话=60", Outcome.PASS, params=_OPEN),
    LogExample("in hours", "2025-03-03 09:00 呼入 13812345678 未接 等待=30", Outcome.NOT_APPLICABLE, params=_OPEN),
    LogExample("a Sunday that is worked", "2025-01-26 09:00 呼入 13812345678 未接 等待=30", Outcome.NOT_APPLICABLE, params=_OPEN),
    LogExample("gave up at once", "2025-03-03 22:00 呼入 13812345678 放弃 等待=3", Outcome.INCONCLUSIVE, (1,), params=_OPEN),
    LogExample("no holidays announced", "2049-03-03 09:00 呼入 13812345678 未接 等待=30", Outcome.INCONCLUSIVE, (1,), params=_OPEN),
    LogExample("open day and night", "2025-03-03 22:00 呼入 13812345678 未接 等待=30", Outcome.NOT_APPLICABLE),
)
