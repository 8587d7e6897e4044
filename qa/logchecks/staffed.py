"""各时段有人接听 · Somebody answers in every hour of service

What is asked
    In each hour of ``open`` in which customers call, a person of the house answers; and on each day of ``open`` there are ``min_hours``
    of service.

How it is measured
    Hours of the clock in which at least ``min_calls`` incoming calls on ``lines`` waited at least ``min_wait_s`` or were answered:
    where none of them was answered, the hour is a breach.  With fewer calls nothing can be said of an hour.  Service of a day runs from
    its first to its last answered call; it is at least that long, so that a shorter one is inconclusive: nobody may have called before
    or after.

Not covered
    Who is on duty; hours in which nobody called.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from qa.log_examples import LogExample
from qa.logfacts import (
    Values,
    choose,
    finding,
    in_hours,
    lines_text,
    on_lines,
    rows_of,
    started,
    unknown,
    unsure_finding,
    waited_s,
    whole,
    without,
)
from qa.rules.model import When
from qa.rules.open_hours import ALWAYS, OpenHours
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall

TITLE = "各时段有人接听"
TITLE_EN = "Somebody answers in every hour of service"


@dataclass(frozen=True)
class Params:
    """``min_hours`` of service a day, 0: not asked; ``min_wait_s`` seconds; ``min_calls`` of an hour that say something."""

    min_hours: float = 0.0
    min_calls: int = 3
    min_wait_s: float = 15.0
    lines: tuple[str, ...] = ()
    open: OpenHours = ALWAYS

    def __post_init__(self) -> None:
        if not 0 <= self.min_hours <= 24:
            raise ValueError(f"min_hours 应在 0 与 24 之间，现为 {self.min_hours:g}")
        if self.min_calls < 1:
            raise ValueError(f"min_calls 应不小于 1，现为 {self.min_calls}")
        if self.min_wait_s < 0:
            raise ValueError(f"min_wait_s 应不小于 0，现为 {self.min_wait_s:g}")


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    served = f"；每天服务至少 {params.min_hours:g} 小时" if params.min_hours else ""
    return f"{lines_text(params.lines)}{params.open.text()}，每个有 {params.min_calls} 通以上来电的钟点，都有人接听{served}"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding for each hour without an answer, for each day whose service is not long enough; else one."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    chosen = choose(log, in_hours(params.open), lambda call: on_lines(call, params.lines))
    hours: dict[tuple[datetime.date, int], list[LoggedCall]] = defaultdict(list)
    for call in chosen.sure:
        at = started(call)
        if at is not None and _tells(call, params):
            hours[at.date(), at.hour].append(call)
    found = [each for key, calls in sorted(hours.items()) if (each := _hour(*key, calls, params)) is not None]
    yield from found
    short = list(_service(chosen.sure, params, log)) if params.min_hours else []
    yield from short
    yield from unsure_finding(chosen, "是否在服务时间内、是否打到这些线路")
    if not found and not short and not chosen.unsure:
        none = not hours
        message = "服务时间内没有来电" if none else f"有来电的 {len(hours)} 个钟点都有人接听"
        yield finding(Outcome.NOT_APPLICABLE if none else Outcome.PASS, message, hours=len(hours))


def _tells(call: LoggedCall, params: Params) -> bool:
    if call.disposition is Disposition.ABANDONED:
        waited = waited_s(call)
        return waited is not None and waited >= params.min_wait_s
    return call.disposition in (Disposition.ANSWERED, Disposition.UNANSWERED)


def _hour(day: datetime.date, hour: int, calls: list[LoggedCall], params: Params) -> Finding | None:
    if any(call.disposition is Disposition.ANSWERED for call in calls):
        return None
    shown = f"{day} {hour:02d}:00–{hour + 1:02d}:00：{len(calls)} 通来电没有一通有人接听"
    values: Values = {"day": str(day), "hour": hour, "calls": len(calls)}
    if len(calls) < params.min_calls:
        return unknown(f"{shown}；来电太少，不知是否有人值班", rows_of(calls), values=values)
    return finding(Outcome.FAIL, shown, rows_of(calls), values=values)


def _service(calls: tuple[LoggedCall, ...], params: Params, log: CallLog) -> Iterator[Finding]:
    ends: dict[datetime.date, list[datetime.datetime]] = defaultdict(list)
    for call in calls:
        at = started(call)
        if at is not None and call.disposition is Disposition.ANSWERED:
            ends[at.date()].append(at)
    for day, times in sorted(ends.items()):
        hours = (max(times) - min(times)).total_seconds() / 3600
        if hours < params.min_hours:
            why = "不知其余时间有没有人值班" if whole(log, day) else "这一天还没有结束"
            message = f"{day}：第一通与最后一通接通的来电相隔 {hours:.1f} 小时，应服务 {params.min_hours:g} 小时；{why}"
            yield unknown(message, day=str(day), hours=round(hours, 2))


_MISSED = "\n".join(f"2025-03-03 02:{n:02d} 呼入 138{n:08d} 未接 等待=30" for n in range(3))
EXAMPLES = (
    LogExample("nobody at two in the morning", _MISSED, Outcome.FAIL, (1, 2, 3), (("hour", 2),)),
    LogExample("one of three answered", _MISSED + "\n2025-03-03 02:30 呼入 13912345678 接通 等待=5 通话=60", Outcome.PASS),
    LogExample("one call at two in the morning", "2025-03-03 02:00 呼入 13812345678 未接 等待=30", Outcome.INCONCLUSIVE, (1,)),
    LogExample("closed at two", _MISSED, Outcome.NOT_APPLICABLE, params=(("open", OpenHours(When(hours=((540, 1020),)))),)),
    LogExample(
        "seven hours of service",
        "2025-03-03 09:00 呼入 13812345678 接通 通话=60\n2025-03-03 16:30 呼入 13912345678 接通 通话=60",
        Outcome.PASS,
        params=(("min_hours", 7.0),),
    ),
    LogExample("four hours are seen", "2025-03-03 09:00 呼入 13812345678 接通 通话=60\n2025-03-03 13:00 呼入 13912345678 接通 通话=60",
               Outcome.INCONCLUSIVE, params=(("min_hours", 7.0),)),
    LogExample("time not known", "2025-03-03 ??:?? 呼入 13812345678 未接", Outcome.INCONCLUSIVE, (1,)),
)  # fmt: skip
