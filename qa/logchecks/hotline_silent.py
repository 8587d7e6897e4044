"""热线长时间没有来电 · The hotline is silent for unusually long

What is asked
    When a line has had no call for long, somebody dials it to see whether it is alive.

How it is measured
    For each of ``lines`` and each day, stretches of at least ``minutes`` within ``open`` in which no call came in.  How many calls are
    usual in that stretch is the mean of the other days of the same kind (working day or day of rest) in the log, at least ``min_days``
    of them.  Calls come by chance (Poisson): a stretch in which ``usual`` calls are expected stays empty with probability exp(−usual).
    It is an alert where that is below ``chance``, so that quiet hours are never one.  A test call ends the stretch like any call.  A
    day without a single call on any line may simply not have been imported, and a stretch that was not over when the log was read may
    still end: both are inconclusive, as is one in which a call of unknown line or time may lie.

Not covered
    Why the line was silent.  The severity of the rule says whether an alert counts against anybody.
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from qa import numbers
from qa.log_examples import LogExample
from qa.logfacts import Values, clock, days, finding, lines_text, on_lines, row, rows_of, seen_until, started, unknown, without
from qa.rules.expression import Truth
from qa.rules.model import When
from qa.rules.open_hours import ALWAYS, OpenHours, usual_day
from qa.types import Finding, Outcome, Row
from qa.types.log import CallLog, LoggedCall

TITLE = "热线长时间没有来电"
TITLE_EN = "The hotline is silent for unusually long"

Stretch = tuple[datetime.datetime, datetime.datetime]


@dataclass(frozen=True)
class Params:
    """``minutes`` of silence at least; ``chance`` (0–1) below which it is unusual; ``min_days`` of the same kind to compare with."""

    minutes: int = 30
    chance: float = 0.001
    min_days: int = 5
    lines: tuple[str, ...] = ()
    open: OpenHours = ALWAYS

    def __post_init__(self) -> None:
        if self.minutes < 1:
            raise ValueError(f"minutes 应不小于 1，现为 {self.minutes}")
        if not 0 < self.chance < 1:
            raise ValueError(f"chance 应在 0 与 1 之间，现为 {self.chance:g}")
        if self.min_days < 2:
            raise ValueError(f"min_days 应不小于 2，现为 {self.min_days}")


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    rare = f"而按平常的来电量，这样的机会不到 {params.chance:g}"
    return f"{lines_text(params.lines)}{params.open.text()}，连续 {params.minutes} 分钟没有来电，{rare}，即提示拨测"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding for each unusual silence; one of PASS where there is none."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    by_line: dict[str, list[LoggedCall]] = defaultdict(list)
    incoming = [call for call in log.calls if call.direction == "in" and on_lines(call, params.lines) is not Truth.FALSE]
    lines = {line for call in incoming if (line := numbers.plain(call.line_number))} or {""}
    doubtful: list[LoggedCall] = []
    for call in incoming:
        line = numbers.plain(call.line_number)
        if line in lines and started(call) is not None and on_lines(call, params.lines) is Truth.TRUE:
            by_line[line].append(call)
        else:
            doubtful.append(call)
    if not by_line:
        yield unknown("这些线路没有一通来电，不知是线路不通还是没有导入")
        return
    alive = {at.date() for call in log.calls if (at := started(call)) is not None}
    found = [each for line, calls in sorted(by_line.items()) for each in _Line(line, calls, doubtful, alive, log, params).findings()]
    yield from found
    if not found:
        yield finding(Outcome.PASS, f"{len(by_line)} 条线路没有异常的无来电时段", lines=len(by_line))


class _Line:
    """One line of the house over the period."""

    def __init__(
        self, line: str, calls: list[LoggedCall], doubtful: list[LoggedCall], alive: set[datetime.date], log: CallLog, params: Params
    ) -> None:
        self.doubtful = [(started(call), call) for call in doubtful if numbers.plain(call.line_number) in ("", line)]
        self.title = f"线路 {line}" if line else "热线"
        self.log, self.params, self.alive = log, params, alive
        self.calls: dict[datetime.date, list[tuple[datetime.datetime, LoggedCall]]] = defaultdict(list)
        for call in calls:
            at = started(call)
            assert at is not None
            self.calls[at.date()].append((at, call))
        self.seen = seen_until(log)

    def findings(self) -> Iterator[Finding]:
        for day in days(self.log):
            hours = self.params.open.stretches(day)
            if self.params.open.on(day) is Truth.UNKNOWN:
                yield unknown(f"{self.title}，{day}：放假安排没有公布，不知是否工作")
            if not hours:
                continue
            if day not in self.alive:
                yield unknown(f"{self.title}，{day}：整天没有任何话单，不知是没有来电还是没有导入")
                continue
            for begin, end in hours:
                yield from self._silences(day, begin, end)

    def _silences(self, day: datetime.date, begin: datetime.datetime, end: datetime.datetime) -> Iterator[Finding]:
        edges = [(begin, None), *((at, call) for at, call in sorted(self.calls[day], key=lambda c: c[0]) if begin <= at < end), (end, None)]
        for (low, before), (high, after) in itertools.pairwise(edges):
            if (high - low).total_seconds() < 60 * self.params.minutes:
                continue
            usual = self._usual(day, (low, high))
            found = self._judge(low, high, usual, before, after)
            if found is not None:
                yield found

    def _usual(self, day: datetime.date, gap: Stretch) -> tuple[float, int]:
        """Mean number of calls in the same stretch of other days of the kind, and how many days these are."""
        kind = usual_day(day)
        others = [other for other in days(self.log) if other != day and other in self.alive and usual_day(other) == kind]
        low, high = gap[0] - datetime.datetime.combine(day, datetime.time()), gap[1] - datetime.datetime.combine(day, datetime.time())
        counts = [
            sum(low <= at - datetime.datetime.combine(other, datetime.time()) < high for at, _ in self.calls[other]) for other in others
        ]
        return (sum(counts) / len(counts) if counts else 0.0), len(counts)

    def _judge(
        self,
        low: datetime.datetime,
        high: datetime.datetime,
        usual: tuple[float, int],
        before: LoggedCall | None,
        after: LoggedCall | None,
    ) -> Finding | None:
        expected, compared = usual
        minutes = round((high - low).total_seconds() / 60)
        shown = f"{self.title}，{clock(low)} 至 {high:%H:%M} 共 {minutes} 分钟没有来电"
        if compared < self.params.min_days:
            return unknown(f"{shown}；可比的日子只有 {compared} 天，不知是否异常", minutes=minutes, compared_days=compared)
        if math.exp(-expected) >= self.params.chance:
            return None
        shown = f"{shown}，平常这段时间有 {expected:.1f} 通，应拨测"
        values: Values = {"minutes": minutes, "usual_calls": round(expected, 2), "compared_days": compared}
        perhaps = [call for at, call in self.doubtful if at is None or low <= at < high]
        if perhaps:
            return unknown(f"{shown}；另有 {len(perhaps)} 通来电的线路或时刻不明，可能就在其中", rows_of(perhaps), values)
        if self.seen is None or self.seen < high:
            return unknown(f"{shown}；话单到 {clock(self.seen) if self.seen else '此'} 为止，还没有结束", values=values)
        rows = tuple(row(call) for call in (before, after) if call is not None)
        return finding(Outcome.FAIL, shown, rows or (Row("话单", low.isoformat(), f"{self.title}没有来电"),), values)


def _days(silent: bool, rate: int = 4, count: int = 7) -> str:
    """Working days from 3 March 2025 on with a call every ``60 / rate`` minutes from 9 to 12, the last one silent from 10 to 12."""
    rows = []
    for n in range(count):
        day = datetime.date(2025, 3, 3) + datetime.timedelta(n + 2 * (n // 5))
        for minute in range(0, 180, 60 // rate):
            if not (silent and n == count - 1 and minute >= 60):
                rows.append(
                    f"{day} {9 + minute // 60:02d}:{minute % 60:02d} 呼入 138{n:02d}{minute:06d} 接通 等待=5 通话=30 线路=4001234567"
                )
        rows.append(f"{day} 13:00 呼出 13912345678 接通 通话=30 线路=02588886666")
    return "\n".join(rows)


_UNPLACED = "\n2025-03-11 11:00 呼入 13912345678 接通"
_OPEN = (("open", OpenHours(When(day="workday", hours=((540, 720),)))),)
EXAMPLES = (
    LogExample("two hours on a busy morning", _days(True), Outcome.FAIL, (82,), (("usual_calls", 9.0), ("compared_days", 6)), _OPEN),
    LogExample("a call of unknown line in it", _days(True) + _UNPLACED, Outcome.INCONCLUSIVE, (84,), params=_OPEN),
    LogExample("calls as ever", _days(False), Outcome.PASS, params=_OPEN),
    LogExample("quiet hours are no alert", _days(True, rate=1), Outcome.PASS, params=_OPEN),
    LogExample("too few days to compare", _days(True, count=3), Outcome.INCONCLUSIVE, params=_OPEN),
    LogExample(
        "a day that was not imported", f"{_days(False)}\n2025-03-13 09:00 呼出 13912345678 接通", Outcome.INCONCLUSIVE,
        params=(*_OPEN, ("lines", ("4001234567",))),
    ),
    LogExample("the line is not in the log", "2025-03-03 09:00 呼入 13812345678 接通 线路=02588886666", Outcome.INCONCLUSIVE,
               params=(("lines", ("400*",)),)),
)  # fmt: skip
