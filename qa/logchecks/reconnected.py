"""中断后重新接通 · Calls taken up again after a break

What is asked
    When a call breaks off, the house takes it up again; the customer does not have to.

How it is measured
    An answered call that nobody is known to have ended by hanging up (``hangup_by`` not told), or that the agent's side ended within
    ``short_s`` seconds of talk, and an answered call with the same number within ``within_min`` minutes of its end.  Where the house
    called, it is as it should be.  Where the customer called, the call may have broken off or the customer may have thought of
    something: a person must listen, whose rows stand here.  What the customer ended by hanging up was no break.

Not covered
    Breaks after which nobody called.  The apology and the reason are checked in the recording of the second call.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from qa.clock import known_moment
from qa.log_examples import LogExample
from qa.logfacts import Moment, Numbers, finding, row, started, talk_s, unknown, without
from qa.rules.expression import Truth
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall

TITLE = "中断后重新接通"
TITLE_EN = "Calls taken up again after a break"


@dataclass(frozen=True)
class Params:
    """``within_min`` minutes, above 0; ``short_s`` seconds: talk that the agent's side ended sooner may have been a break."""

    within_min: float = 5.0
    short_s: float = 20.0

    def __post_init__(self) -> None:
        if self.within_min <= 0:
            raise ValueError(f"within_min 应大于 0，现为 {self.within_min:g}")
        if self.short_s < 0:
            raise ValueError(f"short_s 应不小于 0，现为 {self.short_s:g}")


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    return f"通话中断后 {params.within_min:g} 分钟内与同一号码重新接通的，由坐席打回；客户重拨的交人工复核"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding for each pair of calls."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    answered = [call for call in log.calls if call.disposition is Disposition.ANSWERED and call.direction in ("in", "out")]
    by_number = Numbers(answered)
    broken = [call for call in answered if _may_have_broken(call, params)]
    found = [each for call in broken if (each := _again(call, by_number, params)) is not None]
    yield from found
    if not found:
        yield finding(Outcome.NOT_APPLICABLE, f"没有中断后 {params.within_min:g} 分钟内重新接通的电话", calls=len(broken))


def _may_have_broken(call: LoggedCall, params: Params) -> bool:
    if call.hangup_by == "customer" or known_moment(call.end) is None:
        return False
    talked = talk_s(call)
    return call.hangup_by is None or (talked is not None and talked < params.short_s)


def _again(call: LoggedCall, by_number: Numbers, params: Params) -> Finding | None:
    end = known_moment(call.end)
    assert end is not None
    last = end + datetime.timedelta(minutes=params.within_min)
    later: list[tuple[Moment, LoggedCall]] = []
    for other, alike in by_number.with_number(call.customer_number):
        at = started(other)
        if alike is Truth.TRUE and at is not None and end <= at <= last and other is not call:
            later.append((at, other))
    if not later:
        return None
    at, second = min(later, key=lambda each: each[0])
    rows, after = (row(call), row(second)), (at - end).total_seconds()
    if second.direction == "out":
        return finding(Outcome.PASS, f"中断后 {after:.0f} 秒由坐席打回", rows, after_s=after)
    return unknown(f"挂断后 {after:.0f} 秒客户又打来，可能是中断后由客户重拨，需人工复核", rows, after_s=after)


_FIRST = "2025-03-03 09:00 呼入 13812345678 接通 等待=5 通话=60 坐席=1001"
EXAMPLES = (
    LogExample(
        "the agent called back", f"{_FIRST}\n2025-03-03 09:02 呼出 13812345678 接通 通话=60", Outcome.PASS, (1, 2), (("after_s", 55.0),)
    ),
    LogExample("the customer had to", f"{_FIRST}\n2025-03-03 09:03 呼入 13812345678 接通 等待=5 通话=60", Outcome.INCONCLUSIVE, (1, 2)),
    LogExample("the customer had hung up", f"{_FIRST} 挂机=客户\n2025-03-03 09:03 呼入 13812345678 接通 通话=60", Outcome.NOT_APPLICABLE),
    LogExample("an hour later", f"{_FIRST}\n2025-03-03 10:03 呼入 13812345678 接通 通话=60", Outcome.NOT_APPLICABLE),
    LogExample("somebody else", f"{_FIRST}\n2025-03-03 09:03 呼入 13912345678 接通 通话=60", Outcome.NOT_APPLICABLE),
    LogExample("no calls imported", "工单 2025-03-03 09:02 13812345678", Outcome.INCONCLUSIVE, sources=("tickets",)),
)
