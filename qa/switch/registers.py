"""Roster, complaint register, satisfaction results and ticket notes: tables (CSV or workbook) with the usual Chinese names, or a
mapping.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from qa.switch import numbers, tables, times
from qa.switch.mapping import Columns
from qa.switch.rows import Fault, Row, RowError, Settings, at_line
from qa.types.log import Complaint, Person, Survey, Ticket

Shape = tables.Shape
_CUSTOMER = ("customer_number", "phone", "来电号码", "联系电话", "客户号码")
_AGENT = ("agent_id", "坐席工号", "受理工号", "工号")
_CALL = ("call_id", "通话编号", "流水号")
SHAPES: dict[str, Shape] = {
    "roster": Shape(
        {
            "agent_id": ("agent_id", "坐席工号", "工号"),
            "name": ("name", "姓名"),
            "team": ("team", "所属班组", "班组"),
            "role": ("role", "岗位", "角色"),
            "since": ("since", "入组日期"),
            "until": ("until", "离组日期"),
            "newcomer_until": ("newcomer_until", "新人期至"),
            "numbers": ("numbers", "手机", "本人号码", "个人电话"),
        },
        (("agent_id",), ("name", "team")),
    ),
    "complaints": Shape(
        {
            "complaint_id": ("complaint_id", "投诉单号", "投诉编号"),
            "customer_number": _CUSTOMER,
            "opened": ("opened", "投诉时间", "受理时间"),
            "kind": ("kind", "投诉类型", "投诉级别", "投诉分类"),
            "answered": ("answered", "回复时间", "答复时间"),
            "closed": ("closed", "结案时间", "办结时间"),
            "agent_id": _AGENT,
            "call_id": _CALL,
        },
        (("complaint_id",), ("opened",)),
    ),
    "surveys": Shape(
        {
            "score": ("score", "满意度", "评分"),
            "at": ("at", "评价时间"),
            "customer_number": _CUSTOMER,
            "agent_id": _AGENT,
            "call_id": _CALL,
            "comment": ("comment", "意见", "评价内容"),
        },
        (("score",), ("call_id", "customer_number", "agent_id")),
    ),
    "tickets": Shape(
        {
            "ticket_id": ("ticket_id", "工单编号", "工单号"),
            "at": ("at", "创建时间", "登记时间"),
            "customer_number": _CUSTOMER,
            "agent_id": _AGENT,
            "call_id": _CALL,
            "note": ("note", "工单内容", "内容", "备注"),
        },
        (("ticket_id",), ("at", "call_id")),
    ),
}
_KINDS = {"": "", "simple": "simple", "general": "general", "complex": "complex", "简单": "simple", "一般": "general", "复杂": "complex",
          "简单投诉": "simple", "一般投诉": "general", "复杂投诉": "complex"}  # fmt: skip
_ROLES = {
    "坐席": "agent",
    "座席": "agent",
    "话务员": "agent",
    "客服": "agent",
    "班长": "leader",
    "组长": "leader",
    "班组长": "leader",
    "主管": "supervisor",
}
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00:00(?:\.0+)?)?")


def read(kind: str, path: Path, settings: Settings, columns: Columns) -> Iterator[Row | Fault]:
    """Rows of a register.  Errors: :class:`qa.errors.RecordError` for missing columns, and where the zone is needed and not stated."""
    for found in tables.cells(path, SHAPES[kind], columns):
        if isinstance(found, Fault):
            yield found
            continue
        line, cells = found
        try:
            with at_line(path, line):
                row = _ROWS[kind](line, cells, settings, columns)
        except RowError as error:
            yield Fault(str(path), line, f"{error.cause}；该行未采用", error.cure)
        else:
            yield row


def date(text: str) -> str:
    """A day as ISO 8601; "" for an empty one.  Errors: :class:`RowError`."""
    found = _DATE.fullmatch(text.strip())
    if not text.strip():
        return ""
    try:
        if found is None:
            raise ValueError
        return datetime.date(*(int(part) for part in found.groups())).isoformat()
    except ValueError as error:
        raise RowError(f"{text!r} 不是日期", "请写成 2024-05-01") from error


def _time(cells: Mapping[str, str], name: str, settings: Settings, columns: Columns) -> str:
    return times.wall(cells[name], settings.zone, columns.time_format) if cells.get(name) else ""


def _needed(cells: Mapping[str, str], name: str) -> str:
    if not cells.get(name):
        raise RowError(f"{name} 为空")
    return cells[name]


def _row(kind: str, key: str, line: int, at: str, values: Mapping[str, str]) -> Row:
    return Row(kind, key, line, {name: value for name, value in values.items() if value}, at=at or None)


def _roster(line: int, cells: Mapping[str, str], settings: Settings, columns: Columns) -> Row:
    agent = settings.agent(_needed(cells, "agent_id"))
    values = {name: cells.get(name, "") for name in ("name", "team")} | {"agent_id": agent}
    values |= {name: date(cells.get(name, "")) for name in ("since", "until", "newcomer_until")}
    if values["since"] and values["until"] and values["until"] < values["since"]:
        raise RowError("离组日期早于入组日期")
    values["role"] = _ROLES.get(cells.get("role", ""), cells.get("role", "") or "agent")
    values["numbers"] = " ".join(filter(None, (numbers.plain(one) for one in re.split(r"[、，,;；]", cells.get("numbers", "")))))
    return _row("roster", f"{agent}|{values['since']}", line, "", values)


def _complaint(line: int, cells: Mapping[str, str], settings: Settings, columns: Columns) -> Row:
    values = {"complaint_id": _needed(cells, "complaint_id"), **_whose(cells, settings)}
    values |= {name: _time(cells, name, settings, columns) for name in ("opened", "answered", "closed")}
    if cells.get("kind", "") not in _KINDS:
        raise RowError(f"投诉类型 {cells['kind']!r} 不认识", "应为 简单、一般、复杂；其它写法请在映射文件的 [values.kind] 里写明")
    values["kind"] = _KINDS[cells.get("kind", "")]
    late = [name for name in ("answered", "closed") if values[name] and values["opened"] and values[name] < values["opened"]]
    if late:
        raise RowError(f"{late[0]} 早于 opened")
    return _row("complaints", values["complaint_id"], line, values["opened"], values)


def _survey(line: int, cells: Mapping[str, str], settings: Settings, columns: Columns) -> Row:
    values = {**_whose(cells, settings), "at": _time(cells, "at", settings, columns), "comment": cells.get("comment", "")}
    score = cells.get("score", "")
    if score and not re.fullmatch(r"-?\d+(\.\d+)?", score):
        raise RowError(f"评分 {score!r} 不是数字", "文字的评价请在映射文件的 [values.score] 里写明对应的分数")
    values["score"] = score
    key = values["call_id"] or f"{values['at']}|{values['customer_number']}|{values['agent_id']}"
    if not key.strip("|"):
        raise RowError("通话编号、时间、客户号码都为空")
    return _row("surveys", key, line, values["at"], values)


def _ticket(line: int, cells: Mapping[str, str], settings: Settings, columns: Columns) -> Row:
    values = {"ticket_id": _needed(cells, "ticket_id"), **_whose(cells, settings)}
    values |= {"at": _time(cells, "at", settings, columns), "note": cells.get("note", "")}
    return _row("tickets", values["ticket_id"], line, values["at"], values)


def _whose(cells: Mapping[str, str], settings: Settings) -> dict[str, str]:
    made = {"customer_number": numbers.plain(cells.get("customer_number", "")), "call_id": cells.get("call_id", "")}
    return made | {"agent_id": settings.agent(cells.get("agent_id", ""))}


_ROWS: dict[str, Callable[[int, Mapping[str, str], Settings, Columns], Row]] = {
    "roster": _roster,
    "complaints": _complaint,
    "surveys": _survey,
    "tickets": _ticket,
}


# ---------------------------------------------------------------- values of the log


def _day(text: str | None) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None


def person(row: Row) -> Person:
    told = row.values
    days = {name: _day(told.get(name)) for name in ("since", "until", "newcomer_until")}
    own = tuple(told.get("numbers", "").split())
    return Person(told["agent_id"], told.get("name", ""), told.get("team", ""), told["role"], row.source, **days, numbers=own)


def complaint(row: Row) -> Complaint:
    told = row.values
    texts = {name: told.get(name, "") for name in ("kind", "agent_id", "call_id")}
    return Complaint(
        told["complaint_id"],
        row.source,
        told.get("customer_number", ""),
        told.get("opened"),
        answered=told.get("answered"),
        closed=told.get("closed"),
        **texts,
    )


def survey(row: Row) -> Survey:
    told = row.values
    texts = {name: told.get(name, "") for name in ("customer_number", "agent_id", "call_id", "comment")}
    return Survey(row.source, told.get("at"), score=float(told["score"]) if "score" in told else None, **texts)


def ticket(row: Row) -> Ticket:
    told = row.values
    texts = {name: told.get(name, "") for name in ("customer_number", "agent_id", "call_id", "note")}
    return Ticket(told["ticket_id"], row.source, told.get("at"), **texts)
