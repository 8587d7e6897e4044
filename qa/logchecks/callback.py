"""投诉按时回电 · Complaints are called back in time

What is asked
    Within ``within_h`` hours of a complaint the customer is called.

How it is measured
    A complaint of the register counts from the end of its call (``call_id``), else from when it was opened.  An answered outgoing call
    to the same customer's number within the time is the callback; so is an answer that the register itself dates within it.  A call
    that the customer did not take was at least tried: a person decides.  Nothing is ruled where the complaint has no time or no number,
    where a number may be the same (an area code is missing), where the log holds no outgoing calls at all, or where it does not reach
    to the end of the time.  A complaint that arrives out of ``open`` counts from the next opening.

Not covered
    Complaints that nobody registered; what was said in the callback.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from qa import numbers
from qa.clock import known_moment
from qa.log_examples import LogExample
from qa.logfacts import Moment, Numbers, clock, complaint_row, finding, row, seen_until, started, unknown, without
from qa.rules.expression import Truth
from qa.rules.model import When
from qa.rules.open_hours import ALWAYS, OpenHours
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Complaint, Disposition, LoggedCall

TITLE = "投诉按时回电"
TITLE_EN = "Complaints are called back in time"
_LONGEST_SEARCH = 30
"""Days in which an opening must come."""


@dataclass(frozen=True)
class Params:
    """``within_h`` hours, above 0; ``open``: the hours in which the time begins to run (none: always)."""

    within_h: float = 2.0
    open: OpenHours = ALWAYS

    def __post_init__(self) -> None:
        if self.within_h <= 0:
            raise ValueError(f"within_h 应大于 0，现为 {self.within_h:g}")


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    since = "" if params.open.always else f"（{params.open.text()}之外的，从下次上班起算）"
    return f"投诉后 {params.within_h:g} 小时内给客户回电{since}"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a complaint."""
    if (missing := without(log, "complaints", "calls")) is not None:
        yield missing
        return
    outgoing = [call for call in log.calls if call.direction == "out"]
    book = _Calls(Numbers(outgoing), {call.call_id: call for call in log.calls}, bool(outgoing), seen_until(log))
    mine = [one for one in log.complaints if _of_the_period(one, log)]
    yield from (_judge(one, book, params) for one in mine)
    if not mine:
        yield finding(Outcome.NOT_APPLICABLE, "没有投诉")


@dataclass(frozen=True)
class _Calls:
    outgoing: Numbers
    by_id: dict[str, LoggedCall]
    any_outgoing: bool
    seen: Moment | None


def _of_the_period(complaint: Complaint, log: CallLog) -> bool:
    opened = known_moment(complaint.opened)
    return opened is None or log.since <= opened.date() <= log.until


def _judge(complaint: Complaint, calls: _Calls, params: Params) -> Finding:
    evidence = complaint_row(complaint)
    call = calls.by_id.get(complaint.call_id) if complaint.call_id else None
    since = known_moment(call.end) if call is not None and call.end else known_moment(complaint.opened)
    if since is None:
        return unknown("投诉没有受理时刻，无法判定", (evidence,))
    begin = _opening(since, params.open)
    if begin is None:
        return unknown("不知何时上班，无法判定", (evidence,))
    deadline = begin + datetime.timedelta(hours=params.within_h)
    answered = known_moment(complaint.answered)
    if answered is not None and since <= answered <= deadline:
        return finding(Outcome.PASS, f"登记于 {clock(answered)} 答复，期限 {clock(deadline)}", (evidence,))
    number = complaint.customer_number or (call.customer_number if call is not None else "")
    if not numbers.plain(number):
        return unknown("投诉没有客户号码，无法查找回电", (evidence,))
    found = [(other, alike) for other, alike in calls.outgoing.with_number(number) if _between(since, other, deadline)]
    return _verdict(complaint, found, calls, deadline, params)


def _verdict(complaint: Complaint, found: list[tuple[LoggedCall, Truth]], calls: _Calls, deadline: Moment, params: Params) -> Finding:
    evidence = complaint_row(complaint)
    sure = [call for call, alike in found if alike is Truth.TRUE]
    kept = [call for call in sure if call.disposition is Disposition.ANSWERED and started(call) is not None]
    if kept:
        at = started(kept[0])
        return finding(Outcome.PASS, f"{clock(at) if at else ''} 已回电，期限 {clock(deadline)}", (evidence, row(kept[0])))
    if found:
        why = "打过但客户没有接" if any(call.disposition is not Disposition.ANSWERED for call in sure) else "有回电，但号码或时刻不能确定"
        return unknown(f"期限 {clock(deadline)} 之内{why}，需人工复核", (evidence, *(row(call) for call, _ in found)))
    if not calls.any_outgoing:
        return unknown("话单里没有任何呼出，无法判定是否回电", (evidence,))
    if calls.seen is None or calls.seen < deadline:
        return unknown(f"话单没有到期限 {clock(deadline)}，无法判定", (evidence,))
    return finding(Outcome.FAIL, f"{params.within_h:g} 小时之内（到 {clock(deadline)}）没有回电", (evidence,), within_h=params.within_h)


def _between(since: Moment, call: LoggedCall, deadline: Moment) -> bool:
    at = started(call)
    return at is None or since <= at <= deadline


def _opening(since: Moment, hours: OpenHours) -> Moment | None:
    """When the time begins to run: at once within ``hours``, else at the next opening; None where nobody knows."""
    now = hours.at(since)
    if now is not Truth.FALSE:
        return since if now is Truth.TRUE else None
    for n in range(_LONGEST_SEARCH):
        day = since.date() + datetime.timedelta(n)
        if hours.on(day) is Truth.UNKNOWN:
            return None
        later = [begin for begin, _ in hours.stretches(day) if begin >= since]
        if later:
            return later[0]
    return None


_OPENED = "投诉 2025-03-03 09:10 13812345678 类别=一般"
_LATER = "2025-03-03 15:00 呼出 13712345678 接通 通话=60"
EXAMPLES = (
    LogExample("nobody called", f"{_OPENED}\n{_LATER}", Outcome.FAIL, (1,), (("within_h", 2.0),)),
    LogExample("called too late", f"{_OPENED}\n2025-03-03 11:11 呼出 13812345678 接通 通话=60\n{_LATER}", Outcome.FAIL, (1,)),
    LogExample("called in time", f"{_OPENED}\n2025-03-03 11:10 呼出 +8613812345678 接通 通话=60", Outcome.PASS, (1, 2)),
    LogExample("answered by the register", "投诉 2025-03-03 09:10 13812345678 答复=2025-03-03T10:00\n" + _LATER, Outcome.PASS, (1,)),
    LogExample(
        "from the end of the call",
        "2025-03-03 09:00 呼入 13812345678 接通 通话=1200 编号=c1\n投诉 2025-03-03 09:05 13812345678 通话编号=c1\n"
        "2025-03-03 11:15 呼出 13812345678 接通 通话=60",
        Outcome.PASS,
        (2, 3),
    ),
    LogExample(
        "out of hours, from the next opening",
        "投诉 2025-03-01 20:00 13812345678\n2025-03-03 10:00 呼出 13812345678 接通 通话=60",
        Outcome.PASS,
        params=(("open", OpenHours(When(weekdays=(1, 2, 3, 4, 5), hours=((510, 1050),)))),),
    ),
    LogExample(
        "the customer did not take it", f"{_OPENED}\n2025-03-03 10:00 呼出 13812345678 未接\n{_LATER}", Outcome.INCONCLUSIVE, (1, 2)
    ),
    LogExample("no number", f"投诉 2025-03-03 09:10 匿名\n{_LATER}", Outcome.INCONCLUSIVE, (1,)),
    LogExample("no outgoing calls in the log", f"{_OPENED}\n2025-03-03 15:00 呼入 13712345678 接通", Outcome.INCONCLUSIVE, (1,)),
    LogExample("the log ends before", f"{_OPENED}\n2025-03-03 10:00 呼出 13712345678 接通", Outcome.INCONCLUSIVE, (1,)),
    LogExample("no register", _LATER, Outcome.INCONCLUSIVE),
    LogExample("no complaints", _LATER, Outcome.NOT_APPLICABLE, sources=("calls", "complaints")),
)
