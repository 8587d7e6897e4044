"""每通来电都有记录 · Every call has a ticket or note

What is asked
    Every answered call of ``directions`` that lasted at least ``min_talk_s`` has a ticket or note.

How it is measured
    A ticket belongs to a call by its call id; a ticket without one by the customer's number, if it was written between the beginning of
    the call and ``within_min`` minutes after its end.  One ticket may stand for several calls of the same customer.  A ticket of a
    number that may be the same (an area code is missing) leaves its call to a person, by not counting the call at all.  A day on which
    no call has a ticket may not have been imported, and is inconclusive, as is the day on which the log was read.

Not covered
    What the note says.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qa import numbers
from qa.clock import known_moment
from qa.log_examples import LogExample
from qa.logcomplete import CompleteParams, due, missing_by_day
from qa.logfacts import started, without
from qa.rules.expression import Truth
from qa.types import Finding, Outcome
from qa.types.log import CallLog, LoggedCall, Ticket

TITLE = "每通来电都有记录"
TITLE_EN = "Every call has a ticket or note"


@dataclass(frozen=True)
class Params(CompleteParams):
    """As for ``recorded``; ``within_min`` minutes after the call in which a ticket without a call id belongs to it."""

    directions: tuple[str, ...] = ("in",)
    within_min: int = 60

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.within_min < 0:
            raise ValueError(f"within_min 应不小于 0，现为 {self.within_min}")


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    return f"{params.text()}都有工单（按通话编号，或按客户号码、通话后 {params.within_min} 分钟之内）"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a day that lacks some."""
    if (missing := without(log, "calls", "tickets")) is not None:
        yield missing
        return
    noted = _noted(log, params.within_min)
    sure, unsure = due(log, params)
    doubtful = [call for call in sure if noted(call) is Truth.UNKNOWN]
    sure = [call for call in sure if noted(call) is not Truth.UNKNOWN]
    yield from missing_by_day(log, sure, [*unsure, *doubtful], lambda call: noted(call) is Truth.TRUE, "工单")


def _noted(log: CallLog, within_min: int) -> Callable[[LoggedCall], Truth]:
    by_id = {ticket.call_id for ticket in log.tickets if ticket.call_id}
    by_number: dict[str, list[Ticket]] = {}
    for ticket in log.tickets:
        if not ticket.call_id:
            by_number.setdefault(numbers.key(ticket.customer_number), []).append(ticket)

    def ask(call: LoggedCall) -> Truth:
        if call.call_id in by_id:
            return Truth.TRUE
        key = numbers.key(call.customer_number)
        if not key:
            return Truth.UNKNOWN if by_number else Truth.FALSE  # an anonymous caller's ticket has no number to find it by
        return max((_belongs(ticket, call, within_min) for ticket in by_number.get(key, ())), default=Truth.FALSE)

    return ask


def _belongs(ticket: Ticket, call: LoggedCall, within_min: int) -> Truth:
    alike = numbers.same(ticket.customer_number, call.customer_number)
    written, begin, end = known_moment(ticket.at), started(call), known_moment(call.end)
    if alike is Truth.FALSE or written is None or begin is None:
        return min(alike, Truth.UNKNOWN)
    last = (end or begin) + datetime.timedelta(minutes=within_min)
    return alike if begin.replace(second=0, microsecond=0) <= written <= last else Truth.FALSE


_ONE = "2025-03-03 09:00 呼入 13812345678 接通 等待=5 通话=60 编号=c1\n工单 2025-03-03 09:02 13812345678 通话编号=c1"
_OTHER = "2025-03-03 10:00 呼入 13912345678 接通 等待=5 通话=60"
EXAMPLES = (
    LogExample("one of two", f"{_ONE}\n{_OTHER}", Outcome.FAIL, (3,), (("missing", 1),)),
    LogExample("by the call id", _ONE, Outcome.PASS),
    LogExample("by the number", f"{_ONE}\n{_OTHER}\n工单 2025-03-03 10:20 +86-139-1234-5678", Outcome.PASS),
    LogExample("a note of the day before", f"{_ONE}\n{_OTHER}\n工单 2025-03-02 10:20 13912345678", Outcome.FAIL, (3,)),
    LogExample("the area code is missing", f"{_ONE}\n2025-03-03 10:00 呼入 02588886666 接通 通话=60\n工单 2025-03-03 10:20 88886666",
               Outcome.INCONCLUSIVE, (3,)),
    LogExample("outgoing", "2025-03-03 10:00 呼出 13912345678 接通 通话=60\n工单 2025-03-03 10:20 13712345678", Outcome.NOT_APPLICABLE),
    LogExample("no tickets imported", _OTHER, Outcome.INCONCLUSIVE),
)  # fmt: skip
