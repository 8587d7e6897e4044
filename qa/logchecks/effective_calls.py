"""每日有效通话数 · Effective calls of an agent a day

What is asked
    Every agent makes at least ``min_calls`` effective calls on each day worked, a newcomer ``newcomer_calls``.

How it is measured
    Effective is an answered call of ``directions`` whose agent talked for at least ``min_talk_s`` seconds; a call with several agents
    counts for each by its own part.  Counted are the days of ``open`` on which the agent has calls: who has none may have been off.
    Who is a newcomer says the roster (``newcomer_until``, inclusive).  A part of unknown length may be effective: where that matters
    nothing is ruled, nor for an agent whom the roster does not name on that day (unless the higher number is reached), nor on a day
    that was not over.

Not covered
    Half days, meetings and other work; what was achieved.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from qa.clock import known_moment
from qa.log_examples import LogExample
from qa.logfacts import DIRECTIONS, Values, finding, row, rows_of, started, unknown, whole, without
from qa.rules.expression import Truth
from qa.rules.model import When
from qa.rules.open_hours import ALWAYS, OpenHours
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall, Person

TITLE = "每日有效通话数"
TITLE_EN = "Effective calls of an agent a day"


@dataclass(frozen=True)
class Params:
    """``min_talk_s`` in seconds; ``directions`` out of ``in``, ``out``; ``roles`` of the roster that the rule is about (none: all)."""

    min_calls: int = 50
    newcomer_calls: int = 30
    min_talk_s: float = 30.0
    directions: tuple[str, ...] = ("out",)
    roles: tuple[str, ...] = ("agent",)
    open: OpenHours = ALWAYS

    def __post_init__(self) -> None:
        if not 0 < self.newcomer_calls <= self.min_calls:
            raise ValueError(f"newcomer_calls 应大于 0 且不超过 min_calls，现为 {self.newcomer_calls}、{self.min_calls}")
        if self.min_talk_s < 0:
            raise ValueError(f"min_talk_s 应不小于 0，现为 {self.min_talk_s:g}")
        if wrong := [name for name in self.directions if name not in ("in", "out")]:
            raise ValueError(f"directions 里的 {wrong[0]} 不认识，只能是 in、out")


@dataclass
class _Day:
    """An agent's calls of a day: ``sure`` are effective, ``perhaps`` may be, ``short`` are not."""

    sure: list[LoggedCall] = field(default_factory=list)
    perhaps: list[LoggedCall] = field(default_factory=list)
    short: list[LoggedCall] = field(default_factory=list)


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    kinds = "、".join(DIRECTIONS[name] for name in params.directions)
    days = "有通话的每一天" if params.open.always else f"{params.open.text()}有通话的每一天"
    effective = f"{kinds}接通，通话满 {params.min_talk_s:g} 秒"
    return f"{days}，每位坐席至少 {params.min_calls} 个有效通话（新人 {params.newcomer_calls} 个）；有效：{effective}"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding for each agent and day."""
    if (missing := without(log, "calls", "roster")) is not None:
        yield missing
        return
    days, timeless = _count(log, params)
    found = [_judge(agent, day, mine, params, log) for (agent, day), mine in sorted(days.items())]
    told = [each for each in found if each is not None]
    yield from told
    if timeless:
        yield unknown(f"{len(timeless)} 通电话没有时刻或坐席，不知算在谁的哪一天", rows_of(timeless), count=len(timeless))
    if not told and not timeless:
        yield finding(Outcome.NOT_APPLICABLE, "没有坐席的通话")


def _count(log: CallLog, params: Params) -> tuple[dict[tuple[str, datetime.date], _Day], list[LoggedCall]]:
    days: dict[tuple[str, datetime.date], _Day] = defaultdict(_Day)
    timeless = []
    for call in log.calls:
        at = started(call)
        parts = [(leg.agent_id, _part_s(leg.answer, leg.end)) for leg in call.legs if leg.agent_id]
        parts = parts or ([(call.agent_id, _part_s(call.answer, call.end))] if call.agent_id else [])
        effective = call.disposition is Disposition.ANSWERED and call.direction in params.directions
        if effective and (at is None or not parts):
            timeless.append(call)
        if at is None:
            continue
        for agent, talked in parts:
            day = days[agent, at.date()]
            if effective:
                kind = day.perhaps if talked is None else day.sure if talked >= params.min_talk_s else day.short
                kind.append(call)
            else:
                day.short.append(call)
    return days, timeless


def _part_s(answer: str | None, end: str | None) -> float | None:
    begin, last = known_moment(answer), known_moment(end)
    return None if begin is None or last is None or last < begin else (last - begin).total_seconds()


def _on_roster(agent: str, day: datetime.date, log: CallLog) -> Person | None:
    mine = (person for person in log.roster if person.agent_id == agent)
    return next((p for p in mine if (p.since is None or p.since <= day) and (p.until is None or day <= p.until)), None)


def _judge(agent: str, day: datetime.date, mine: _Day, params: Params, log: CallLog) -> Finding | None:
    works = params.open.on(day)
    person = _on_roster(agent, day, log)
    if works is Truth.FALSE or (person is not None and params.roles and person.role not in params.roles):
        return None
    least, most = len(mine.sure), len(mine.sure) + len(mine.perhaps)
    values: Values = {"agent_id": agent, "day": str(day), "effective_calls": least, "perhaps": len(mine.perhaps)}
    newcomer = person is not None and person.newcomer_until is not None and day <= person.newcomer_until
    limit = params.newcomer_calls if newcomer else params.min_calls
    name = f"坐席 {agent}" + (f" {person.name}" if person is not None else "")
    shown = f"{name}，{day}：有效通话 {least} 个，应有 {limit} 个" + ("（新人）" if newcomer else "")
    kinds = (("有效", mine.sure), ("时长不明", mine.perhaps), ("无效", mine.short))
    rows = [row(call, kind) for kind, calls in kinds for call in calls]
    if least >= params.min_calls or (person is not None and least >= limit):
        return finding(Outcome.PASS, shown, values=values)
    if works is Truth.UNKNOWN:
        return unknown(f"{shown}；放假安排没有公布，不知是否工作日", values=values)
    if not whole(log, day):
        return unknown(f"{shown}；读取话单时这一天还没有结束", values=values)
    if person is None:
        return unknown(f"{shown}；名册上当天没有这个工号，不知是否新人", values=values)
    if most >= limit:
        return unknown(f"{shown}；另有 {len(mine.perhaps)} 个时长不明，会影响结果", rows, values=values)
    return finding(Outcome.FAIL, shown, rows, values=values)


def _calls(count: int, talk: int = 60, agent: str = "1001", first: int = 0) -> str:
    return "\n".join(
        f"2025-03-03 {9 + n // 60:02d}:{n % 60:02d} 呼出 138{n:08d} 接通 通话={talk} 坐席={agent}" for n in range(first, first + count)
    )


_OLD = "名册 1001 张三"
_UNTOLD = "2025-03-03 11:00 呼出 13912345678 接通 坐席=1001"
_NEW = "名册 1001 张三 新人至=2025-03-15"
EXAMPLES = (
    LogExample("fifty", f"{_calls(50)}\n{_OLD}", Outcome.PASS, values=(("effective_calls", 50),)),
    LogExample("forty-nine", f"{_calls(49)}\n{_OLD}", Outcome.FAIL, tuple(range(1, 50)), (("effective_calls", 49),)),
    LogExample("one too short", f"{_calls(49)}\n{_calls(1, 10, first=49)}\n{_OLD}", Outcome.FAIL, tuple(range(1, 51))),
    LogExample("a newcomer's thirty", f"{_calls(30)}\n{_NEW}", Outcome.PASS),
    LogExample("no longer a newcomer", f"{_calls(30)}\n名册 1001 张三 新人至=2025-03-02", Outcome.FAIL, tuple(range(1, 31))),
    LogExample("not on the roster", f"{_calls(30)}\n名册 1002 李四", Outcome.INCONCLUSIVE),
    LogExample("one of unknown length decides", f"{_calls(49)}\n{_UNTOLD}\n{_OLD}", Outcome.INCONCLUSIVE,
               tuple(range(1, 51))),
    LogExample("the day was not over", f"{_calls(30)}\n{_OLD}", Outcome.INCONCLUSIVE, as_of="2025-03-03T12:00:00"),
    LogExample("on Sunday", "2025-03-02 09:00 呼出 13912345678 接通 通话=60 坐席=1001\n" + _OLD, Outcome.NOT_APPLICABLE,
               params=(("open", OpenHours(When(day="workday"))),)),
    LogExample("no roster", _calls(60), Outcome.INCONCLUSIVE),
)  # fmt: skip
