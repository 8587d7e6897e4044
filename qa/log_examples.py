"""Small call logs for the examples of log checks, in the checks' own files and beside the rules of a rule book.

A line a row; what is not told stays unknown::

    2025-03-03 09:00 呼入 13812345678 接通 等待=8 通话=60 坐席=1001 线路=4001234567 录音=a.wav 编号=c1
    2025-03-03 09:05 呼入 13912345678 放弃 等待=30 线路=4001234567
    2025-03-03 22:00 呼入 13712345678 转出 到=13500001111
    2025-03-03 09:40 呼入 13612345678 放弃 自动语音=40
    2025-03-03 09:30 呼出 13812345678 接通 通话=45 坐席=1001 挂机=客户
    投诉 2025-03-03 09:02 13812345678 类别=一般 答复=2025-03-04T10:00 编号=t1 通话编号=c1
    工单 2025-03-03 09:02 13812345678 通话编号=c1 坐席=1001
    名册 1001 张三 新人至=2025-03-15 号码=13500001111

Results: 接通 answered, 放弃 abandoned, 未接 unanswered, 转出 forwarded, 忙 busy, 失败 failed.  ``等待`` seconds of ringing, ``通话``
seconds of talk, ``自动语音`` seconds with a machine that answered before anything rang.  A time ``??:??`` is unknown.
``source`` of a row is ``例:LINE``.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qa.types import Outcome
from qa.types.log import CallLog, Complaint, Disposition, Leg, LoggedCall, Person, Ticket

RESULTS = {
    "接通": Disposition.ANSWERED,
    "放弃": Disposition.ABANDONED,
    "未接": Disposition.UNANSWERED,
    "转出": Disposition.FORWARDED,
    "忙": Disposition.BUSY,
    "失败": Disposition.FAILED,
}
DIRECTIONS = {"呼入": "in", "呼出": "out", "内部": "internal"}
KINDS = {"简单": "simple", "一般": "general", "复杂": "complex"}
_HANGUP = {"坐席": "agent", "客户": "customer"}
_AT = r"(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?|\?\?:\?\?)"
_CALL = re.compile(rf"{_AT} ({'|'.join(DIRECTIONS)}) (\S+) ({'|'.join(RESULTS)})((?: \S+=\S+)*)")
_COMPLAINT = re.compile(rf"投诉 {_AT} (\S+)((?: \S+=\S+)*)")
_TICKET = re.compile(rf"工单 {_AT} (\S+)((?: \S+=\S+)*)")
_PERSON = re.compile(r"名册 (\S+) (\S+)((?: \S+=\S+)*)")
_MORE = {
    "call": ("自动语音", "等待", "通话", "坐席", "线路", "到", "挂机", "录音", "编号", "评分"),
    "complaint": ("类别", "答复", "编号", "通话编号"),
    "ticket": ("通话编号", "坐席"),
    "person": ("新人至", "自", "至", "号码"),
}


@dataclass(frozen=True)
class LogExample:
    """A small log and what a check must find in it.

    ``rows``: lines of the script that the first finding of that outcome must rest on (due for every FAIL); ``sources``: tables that
    count as imported (None: calls, and those that have a row).  ``until``: last day of the log, None: the last that the rows tell.
    """

    name: str
    script: str
    outcome: Outcome
    rows: tuple[int, ...] = ()
    values: tuple[tuple[str, Any], ...] = ()
    params: tuple[tuple[str, Any], ...] = ()
    sources: tuple[str, ...] | None = None
    until: str | None = None
    as_of: str | None = None

    def log(self) -> CallLog:
        return parse(self.script, self.sources, self.until, self.as_of)


@dataclass(frozen=True)
class _Line:
    """One line of a script: what it is, its regular expression's groups, and its further values."""

    number: int
    kind: str
    groups: tuple[str, ...]
    more: dict[str, str]

    @property
    def source(self) -> str:
        return f"例:{self.number}"

    def at(self) -> datetime.datetime | None:
        day, clock = self.groups[:2]
        return None if "?" in clock else datetime.datetime.fromisoformat(f"{day}T{clock}")


def parse(script: str, sources: tuple[str, ...] | None = None, until: str | None = None, as_of: str | None = None) -> CallLog:
    """The log of a script.  Raises ValueError (Chinese) for a line that is none of the known rows."""
    lines = [_line(number, text.strip()) for number, text in enumerate(script.strip().split("\n"), start=1) if text.strip()]
    by_kind: dict[str, list[_Line]] = {kind: [line for line in lines if line.kind == kind] for kind in _MORE}
    days = [line.groups[0] for line in lines if line.kind != "person"] + ([until] if until else [])
    if not days:
        raise ValueError("至少要有一行有日期的记录")
    calls = sorted((_call(line) for line in by_kind["call"]), key=lambda call: (call.start is None, call.start or ""))
    tables = {"roster": by_kind["person"], "complaints": by_kind["complaint"], "tickets": by_kind["ticket"]}
    answered = [line for line in by_kind["call"] if line.more.get("录音")]
    return CallLog(
        since=datetime.date.fromisoformat(min(days)),
        until=datetime.date.fromisoformat(max(days)),
        calls=tuple(calls),
        roster=tuple(_person(line) for line in by_kind["person"]),
        complaints=tuple(_complaint(line) for line in by_kind["complaint"]),
        tickets=tuple(_ticket(line) for line in by_kind["ticket"]),
        recorded=frozenset(_id(line) for line in answered),
        scored=frozenset(_id(line) for line in by_kind["call"] if line.more.get("评分") == "有"),
        sources=frozenset(sources if sources is not None else ("calls", *(name for name, rows in tables.items() if rows))),
        as_of=as_of,
    )


def _line(number: int, text: str) -> _Line:
    patterns = {"complaint": _COMPLAINT, "ticket": _TICKET, "person": _PERSON, "call": _CALL}
    for kind, pattern in patterns.items():
        if found := pattern.fullmatch(" ".join(text.split())):
            more = dict(part.split("=", 1) for part in found.groups()[-1].split())
            if unknown := [name for name in more if name not in _MORE[kind]]:
                raise ValueError(f"第 {number} 行的 {unknown[0]} 不认识；可用的有：{'、'.join(_MORE[kind])}")
            return _Line(number, kind, found.groups()[:-1], more)
    raise ValueError(f"第 {number} 行不认识：{text}")


def _id(line: _Line) -> str:
    return line.more.get("编号", f"第{line.number}行")


def _iso(moment: datetime.datetime | None, seconds: float = 0.0) -> str | None:
    return None if moment is None else (moment + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def _call(line: _Line) -> LoggedCall:
    more, start = line.more, line.at()
    disposition = RESULTS[line.groups[4]]
    machine = float(more.get("自动语音", "0"))
    waits = "等待" in more
    passed = machine + float(more.get("等待", "0"))
    answered = disposition is Disposition.ANSWERED
    answer = _iso(start, passed) if answered else None
    if "通话" in more:
        end = _iso(start, passed + float(more["通话"]))
    else:
        end = None if answered or not (waits or machine) else _iso(start, passed)
    agent = more.get("坐席", "")
    return LoggedCall(
        call_id=_id(line),
        source=line.source,
        direction=DIRECTIONS[line.groups[2]],
        disposition=disposition,
        customer_number="" if line.groups[3] == "匿名" else line.groups[3],
        line_number=more.get("线路", ""),
        start=_iso(start),
        greeted=_iso(start) if machine else None,
        ring=_iso(start, machine) if waits else None,
        answer=answer,
        end=end,
        agent_id=agent,
        legs=(Leg(agent, answer, end),) if agent and answer else (),
        forwarded_to=more.get("到", ""),
        hangup_by=_HANGUP.get(more.get("挂机", "")),
        recording=more.get("录音", ""),
    )


def _complaint(line: _Line) -> Complaint:
    more = line.more
    number = "" if line.groups[2] == "匿名" else line.groups[2]
    kind = KINDS.get(more.get("类别", ""), "")
    return Complaint(_id(line), line.source, number, _iso(line.at()), kind, more.get("答复"), call_id=more.get("通话编号", ""))


def _ticket(line: _Line) -> Ticket:
    more = line.more
    return Ticket(_id(line), line.source, _iso(line.at()), line.groups[2], more.get("坐席", ""), more.get("通话编号", ""), "已记")


def _person(line: _Line) -> Person:
    day: Callable[[str], datetime.date | None] = lambda name: (  # noqa: E731
        datetime.date.fromisoformat(line.more[name]) if name in line.more else None
    )
    numbers = tuple(filter(None, line.more.get("号码", "").split("、")))
    agent, name = line.groups[:2]
    return Person(agent, name, "", "agent", line.source, day("自"), day("至"), day("新人至"), numbers)
