"""接通率 · Share of calls that were answered

What is asked
    At least ``min_rate`` of the incoming calls are answered by a person: over the whole period (``period``), on every day (``day``), in
    every hour of the day (``hour``), as ``by`` says.

How it is measured
    Answered and forwarded calls ÷ incoming calls on ``lines`` within ``open``.  Calls that failed for the switch do not count, nor
    callers who gave up within ``short_s``.  Every share stands with its number of calls and Wilson's 95 % interval.  With fewer than
    ``min_calls`` nothing is ruled.  The whole period is what the clause names: its share decides.  A day or an hour stands for how the
    house usually does: it fails only where its whole interval lies below the limit, and is inconclusive where the limit lies inside.
    Calls that may or may not count (no start, no line, a short wait that nobody knows, a caller who perhaps never left
    the IVR) are tried both ways; where that matters nothing is ruled.  A day that was not over when the log was read is inconclusive.

Not covered
    Calls that never reached the switch.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from qa.intervals import wilson
from qa.log_examples import LogExample
from qa.logfacts import (
    Moment,
    Values,
    choose,
    finding,
    gave_up_within,
    in_hours,
    in_machine,
    lines_text,
    on_lines,
    rows_of,
    started,
    unknown,
    whole,
    without,
)
from qa.rules.expression import Truth
from qa.rules.open_hours import ALWAYS, OpenHours
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall

TITLE = "接通率"
TITLE_EN = "Share of calls answered"
K = TypeVar("K", datetime.date, int)

SCOPES = ("period", "day", "hour")
_CONNECTED = (Disposition.ANSWERED, Disposition.FORWARDED)


@dataclass(frozen=True)
class Params:
    """``min_rate`` 0–1, itself allowed unless ``above``; ``min_calls``: fewer are not ruled on; ``short_s``: who gives up sooner (seconds)
    is left out."""

    min_rate: float = 0.85
    above: bool = False
    by: tuple[str, ...] = SCOPES
    min_calls: int = 20
    short_s: float = 0.0
    lines: tuple[str, ...] = ()
    open: OpenHours = ALWAYS

    def __post_init__(self) -> None:
        if not 0 < self.min_rate <= 1:
            raise ValueError(f"min_rate 应大于 0 且不超过 1，现为 {self.min_rate:g}")
        if self.min_calls < 1:
            raise ValueError(f"min_calls 应不小于 1，现为 {self.min_calls}")
        if self.short_s < 0:
            raise ValueError(f"short_s 应不小于 0，现为 {self.short_s:g}")
        if unknown_scope := [scope for scope in self.by if scope not in SCOPES]:
            raise ValueError(f"by 里的 {unknown_scope[0]} 不认识，只能是 period、day、hour")


@dataclass(frozen=True)
class _Group:
    """Calls counted together: ``sure`` count, ``unsure`` may count."""

    scope: str
    title: str
    sure: tuple[LoggedCall, ...]
    unsure: tuple[LoggedCall, ...] = ()
    over: bool = True

    @property
    def answered(self) -> int:
        return sum(map(connected, self.sure))


def connected(call: LoggedCall) -> bool:
    """Whether a caller got what he called for: somebody answered, here or where the call was forwarded to."""
    return call.disposition in _CONNECTED


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    scopes = {"period": "全期", "day": "每天", "hour": "每个钟点"}
    limit = f"{'高于' if params.above else '不低于'} {100 * params.min_rate:g}%"
    short = f"；{params.short_s:g} 秒内放弃的不计" if params.short_s else ""
    counted = f"{lines_text(params.lines)}{params.open.text()}的来电，{'、'.join(scopes[name] for name in params.by)}的接通率{limit}"
    return f"{counted}；不到 {params.min_calls} 通的不作判定{short}"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding for the period, each day and each hour of the day."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    groups = [group for group in _groups(log, params) if group.scope in params.by]
    yield from (_rule(group, params) for group in groups if group.sure or group.unsure)
    if not any(group.sure or group.unsure for group in groups):
        yield finding(Outcome.NOT_APPLICABLE, "没有来电")


def _groups(log: CallLog, params: Params) -> Iterator[_Group]:
    chosen = choose(log, in_hours(params.open), lambda call: on_lines(call, params.lines))
    sure, unsure = [], []
    for call in chosen.sure:
        counts = counted(call, params.short_s)
        if counts is None:
            unsure.append(call)
        elif counts:
            sure.append(call)
    unsure += [call for call in chosen.unsure if counted(call, params.short_s) is not False]
    over = whole(log, log.until)
    yield _Group("period", f"{log.since} 至 {log.until}", tuple(sure), tuple(unsure), over)
    # a call without a start may belong to any day and hour
    timeless = tuple(call for call in unsure if started(call) is None)
    for day, (mine, doubtful) in _grouped(sure, unsure, lambda at: at.date()):
        yield _Group("day", str(day), mine, (*doubtful, *timeless), whole(log, day))
    for hour, (mine, doubtful) in _grouped(sure, unsure, lambda at: at.hour):
        yield _Group("hour", f"{hour:02d}:00–{hour + 1:02d}:00 时段", mine, (*doubtful, *timeless), over)


def _grouped(
    sure: Iterable[LoggedCall], unsure: Iterable[LoggedCall], key: Callable[[Moment], K]
) -> list[tuple[K, tuple[tuple[LoggedCall, ...], tuple[LoggedCall, ...]]]]:
    """Calls of each day or hour that has sure ones, in order: those that count, and those that may."""
    groups: dict[K, tuple[list[LoggedCall], list[LoggedCall]]] = {}
    for which, calls in enumerate((sure, unsure)):
        for call in calls:
            if (at := started(call)) is not None:
                groups.setdefault(key(at), ([], []))[which].append(call)
    return [(name, (tuple(groups[name][0]), tuple(groups[name][1]))) for name in sorted(groups) if groups[name][0]]


def counted(call: LoggedCall, short_s: float = 0.0) -> bool | None:
    """Whether an incoming call counts in a connect rate; None where nobody knows how long its caller waited for a person, or whether at
    all.  ``short_s``: who gives up sooner (seconds) does not count.
    """
    if call.disposition is Disposition.FAILED:
        return False
    sooner = gave_up_within(call, short_s) if call.disposition is Disposition.ABANDONED and short_s else Truth.FALSE
    if sooner is Truth.TRUE:
        return False
    return None if sooner is Truth.UNKNOWN or in_machine(call) else True


def _rule(group: _Group, params: Params) -> Finding:
    n, answered = len(group.sure), group.answered
    rate = wilson(answered, n)
    limit = f"{'高于' if params.above else '不低于'} {100 * params.min_rate:g}%"
    values: Values = {"rate_percent": None if rate.value is None else round(100 * rate.value, 2), "calls": n, "answered": answered}
    if rate.value is None or rate.low is None or rate.high is None:
        return unknown(f"{group.title}：只有 {len(group.unsure)} 通不能确定是否计入的来电", rows_of(group.unsure), values=values)
    shown = (
        f"{group.title}：接通率 {100 * rate.value:.1f}%（{answered}/{n}，95% 区间 {100 * rate.low:.1f}–{100 * rate.high:.1f}%），应{limit}"
    )
    if not group.over:
        return unknown(f"{shown}；读取话单时还没有结束，不作判定", values=values)
    if n < params.min_calls:
        return unknown(f"{shown}；来电不到 {params.min_calls} 通，太少，不作判定", values=values)
    met = _met(answered, n, params)
    if any(_met(answered + extra, n + len(group.unsure), params) is not met for extra in (0, len(group.unsure))):
        message = f"{shown}；另有 {len(group.unsure)} 通不能确定是否计入，会影响结果，不作判定"
        return unknown(message, rows_of(group.unsure), values=values)
    if met:
        return finding(Outcome.PASS, shown, values=values)
    if group.scope != "period" and rate.high >= params.min_rate:
        return unknown(f"{shown}；差距在波动范围之内，不作判定", values=values)
    return finding(Outcome.FAIL, shown, rows_of(call for call in group.sure if not connected(call)), values=values)


def _met(answered: int, n: int, params: Params) -> bool:
    # whole numbers of calls: 17 of 20 is 85 % exactly, whatever a float makes of 0.85
    least = round(params.min_rate * 1_000_000) * n
    return answered * 1_000_000 > least if params.above else answered * 1_000_000 >= least


def _day(answered: int, missed: int, day: str = "2025-03-03") -> str:
    rows = [f"{day} {9 + n // 60:02d}:{n % 60:02d} 呼入 138{n:08d} 接通 等待=5 通话=60" for n in range(answered)]
    rows += [f"{day} {9 + n // 60:02d}:{n % 60:02d} 呼入 139{n:08d} 未接 等待=30" for n in range(missed)]
    return "\n".join(rows)


EXAMPLES = (
    LogExample("17 of 20 is 85 %", _day(17, 3), Outcome.PASS, values=(("rate_percent", 85.0), ("calls", 20))),
    LogExample("85 % is not above 85 %", _day(17, 3), Outcome.FAIL, (18, 19, 20), params=(("above", True), ("by", ("period",)))),
    LogExample("half", _day(20, 20), Outcome.FAIL, tuple(range(21, 41)), (("rate_percent", 50.0),)),
    LogExample("a little below on one day", _day(16, 4), Outcome.INCONCLUSIVE, params=(("by", ("day",)),)),
    LogExample("too few", _day(1, 4), Outcome.INCONCLUSIVE, values=(("calls", 5),)),
    LogExample("the day was not over", _day(20, 20), Outcome.INCONCLUSIVE, as_of="2025-03-03T11:00:00"),
    LogExample("one without a time decides", f"{_day(17, 3)}\n2025-03-03 ??:?? 呼入 13712345678 未接", Outcome.INCONCLUSIVE, (21,)),
    LogExample("one in the machine decides", f"{_day(17, 3)}\n2025-03-03 09:00 呼入 13712345678 放弃 自动语音=40",
               Outcome.INCONCLUSIVE, (21,)),
    LogExample("one behind the machine", f"{_day(17, 3)}\n2025-03-03 09:00 呼入 13712345678 放弃 自动语音=40 等待=20", Outcome.FAIL,
               (18, 19, 20, 21), params=(("by", ("period",)),)),
    LogExample(
        "faulty lines do not count", f"{_day(20, 0)}\n2025-03-03 09:00 呼入 13712345678 失败", Outcome.PASS, values=(("calls", 20),)
    ),
    LogExample("outgoing", "2025-03-03 09:00 呼出 13712345678 未接", Outcome.NOT_APPLICABLE),
)  # fmt: skip
