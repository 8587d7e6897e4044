"""每通来电都有记录 · Every call has a ticket or note

What is asked
    Every answered call of ``directions`` that lasted at least ``min_talk_s`` has a ticket or note.

How it is measured
    A ticket belongs to a call by its call id; a ticket without one by the customer's number, if it was written between the beginning of
    the call and ``within_min`` minutes after its end.  One ticket may stand for several calls of the same customer.  A ticket of a
    number that may be the same (an area code is missing), or of the same number without a time, leaves its call to a person, by not
    counting the call at all; so does a call without a ticket whose ``within_min`` minutes run over midnight and beyond the last ticket
    known: the table may have been taken before.  A day on which no call has a ticket may not have been imported, and is inconclusive, as
    is the day on which the log was read.

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
from qa.logfacts import Moment, started, without
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
    seen = max(filter(None, (known_moment(ticket.at) for ticket in log.tickets)), default=None)
    by_id = {ticket.call_id for ticket in log.tickets if ticket.call_id}
    by_number: dict[str, list[Ticket]] = {}
    for ticket in log.tickets:
        if not ticket.call_id:
            by_number.setdefault(numbers.key(ticket.customer_number), []).append(ticket)

    def ask(call: LoggedCall) -> Truth:
        if call.call_id in by_id:
            return Truth.TRUE
        key = numbers.key(call.customer_number)
        found = max((_belongs(ticket, call, within_min) for ticket in by_number.get(key, ())), default=Truth.FALSE) if key else Truth.FALSE
        if not key and by_number:  # an anonymous caller's ticket has no number to find it by
            found = Truth.UNKNOWN
        return found if _reaches(seen, call, within_min) else max(found, Truth.UNKNOWN)

    return ask


def _reaches(seen: Moment | None, call: LoggedCall, within_min: int) -> bool:
    """Whether the tickets, the last of which was written at ``seen``, reach to the end of the time for noting a call.

    A table of a day counts as whole; what was noted after its midnight stands in the next one's.
    """
    begin, last = started(call), _latest(call, within_min)
    return begin is None or last is None or begin.date() == last.date() or (seen is not None and last <= seen)


def _latest(call: LoggedCall, within_min: int) -> Moment | None:
    """Until when a ticket of the call's number belongs to it; None where nobody knows when the call was."""
    over = known_moment(call.end) or started(call)
    return None if over is None else over + datetime.timedelta(minutes=within_min)


def _belongs(ticket: Ticket, call: LoggedCall, within_min: int) -> Truth:
    alike = numbers.same(ticket.customer_number, call.customer_number)
    written, begin, last = known_moment(ticket.at), started(call), _latest(call, within_min)
    if alike is Truth.FALSE or written is None or begin is None or last is None:
        return min(alike, Truth.UNKNOWN)
    return alike if begin.replace(second=0, microsecond=0) <= written <= last else Truth.FALSE


_ONE = "2025-03-03 09:00 呼入 13812345678 接通 等待=5 通话=60 编号=c1\n工单 2025-03-03 09:02 13812345678 通话编号=c1"
_OTHER = "2025-03-03 10:00 呼入 13912345678 接通 等待=5 通话=60"
_LATE = "2025-03-03 23:50 呼入 13912345678 接通 等待=5 通话=60"
EXAMPLES = (
    LogExample("one of two", f"{_ONE}\n{_OTHER}", Outcome.FAIL, (3,), (("missing", 1),)),
    LogExample("by the call id", _ONE, Outcome.PASS),
    LogExample("by the number", f"{_ONE}\n{_OTHER}\n工单 2025-03-03 10:20 +86-139-1234-5678", Outcome.PASS),
    LogExample("a note of the day before", f"{_ONE}\n{_OTHER}\n工单 2025-03-02 10:20 13912345678", Outcome.FAIL, (3,)),
    LogExample("the area code is missing", f"{_ONE}\n2025-03-03 10:00 呼入 02588886666 接通 通话=60\n工单 2025-03-03 10:20 88886666",
               Outcome.INCONCLUSIVE, (3,)),
    LogExample("noted after midnight", f"{_ONE}\n{_LATE}\n工单 2025-03-04 00:05 13912345678", Outcome.PASS),
    LogExample("not noted by the next morning", f"{_ONE}\n{_LATE}\n工单 2025-03-04 09:00 13712345678", Outcome.FAIL, (3,)),
    LogExample("the tickets end at midnight", f"{_ONE}\n{_LATE}", Outcome.INCONCLUSIVE, (3,)),
    LogExample("a ticket without a time", f"{_ONE}\n{_OTHER}\n工单 2025-03-03 ??:?? 13912345678", Outcome.INCONCLUSIVE, (3,)),
    LogExample("a ticket of the call without a time", f"{_OTHER} 编号=c1\n工单 2025-03-03 ??:?? 匿名 通话编号=c1", Outcome.PASS),
    LogExample("outgoing", "2025-03-03 10:00 呼出 13912345678 接通 通话=60\n工单 2025-03-03 10:20 13712345678", Outcome.NOT_APPLICABLE),
    LogExample("no tickets imported", _OTHER, Outcome.INCONCLUSIVE),
)  # fmt: skip
