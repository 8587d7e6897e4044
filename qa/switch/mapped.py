"""Calls out of any table, by a mapping file: a row a call, or a row for each agent of a call."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from qa.switch import numbers, tables, times
from qa.switch.mapping import Columns
from qa.switch.rows import Fault, Row, RowError, Settings, at_line, sound_file
from qa.types.log import Disposition

TIMES = ("start", "greeted", "ring", "answer", "end")
SHAPE = tables.Shape(
    {
        "call_id": ("call_id", "通话编号", "流水号", "呼叫编号"),
        "recording": ("recording", "file", "录音文件", "录音"),
        "agent_id": ("agent_id", "坐席工号", "工号"),
        "direction": ("direction", "呼叫方向", "方向"),
        "customer_number": ("customer_number", "客户号码"),
        "line_number": ("line_number", "热线号码"),
        "caller": ("caller", "主叫号码", "主叫"),
        "callee": ("callee", "被叫号码", "被叫"),
        "queue": ("queue", "技能组", "队列"),
        "start": ("start", "开始时间", "呼入时间"),
        "greeted": ("greeted", "进入队列时间"),
        "ring": ("ring", "振铃时间", "振铃开始时间"),
        "answer": ("answer", "应答时间", "接听时间"),
        "end": ("end", "挂机时间", "结束时间"),
        "ring_s": ("ring_s", "振铃时长"),
        "talk_s": ("talk_s", "通话时长"),
        "queued_s": ("queued_s", "排队时长"),
        "hangup_by": ("hangup_by", "挂机方"),
        "disposition": ("disposition", "呼叫结果", "通话结果"),
        "forwarded_to": ("forwarded_to", "转接号码"),
        "agent_channel": ("agent_channel", "坐席声道"),
    },
    (("call_id", "recording"), ("start", "ring", "answer")),
)
DIRECTIONS = {"in": "in", "out": "out", "internal": "internal", "呼入": "in", "呼出": "out", "内部": "internal", "外呼": "out"}
UNCLEAR = "分不清呼入还是呼出"
UNCLEAR_CURE = "请在映射文件里写 direction 列，或用 extensions 写明内线号码的样子"
HANGUPS = {"agent": "agent", "customer": "customer", "坐席": "agent", "客户": "customer", "": ""}
DISPOSITIONS = {
    **{d.value: d.value for d in Disposition},
    "": "",
    "已接": "answered",
    "接通": "answered",
    "放弃": "abandoned",
    "未接": "unanswered",
    "转接": "forwarded",
    "忙": "busy",
    "失败": "failed",
}


def read(path: Path, settings: Settings, columns: Columns) -> Iterator[Row | Fault]:
    """Rows of calls.  Errors: :class:`qa.errors.RecordError` for missing columns, and where the zone is needed and not stated."""
    for found in tables.cells(path, SHAPE, columns):
        if isinstance(found, Fault):
            yield found
            continue
        line, cells = found
        try:
            with at_line(path, line):
                row = _row(line, cells, settings, columns)
        except RowError as error:
            yield Fault(str(path), line, f"{error.cause}；该行未采用", error.cure)
            continue
        yield row
        if "direction" not in row.values:  # kept all the same: no table of calls is whole without it
            yield Fault(str(path), line, f"{UNCLEAR}；这通电话未采用", UNCLEAR_CURE)


def chosen(cells: Mapping[str, str], name: str, choices: Mapping[str, str]) -> str:
    """One of the known values of a column.  Errors: :class:`RowError`."""
    value = cells.get(name, "").strip()
    if value.lower() not in choices:
        raise RowError(f"{name} 的 {value!r} 不认识", f'请在映射文件的 [values.{name}] 里写："{value}" = "{next(iter(choices))}" 等')
    return choices[value.lower()]


def _row(line: int, cells: Mapping[str, str], settings: Settings, columns: Columns) -> Row:
    values = {name: times.wall(cells[name], settings.zone, columns.time_format) for name in TIMES if cells.get(name)}
    ring_s, talk_s = times.seconds(cells.get("ring_s", "")), times.seconds(cells.get("talk_s", ""))
    if "answer" in values and ring_s is not None:
        values.setdefault("ring", times.after(values["answer"], -ring_s))
    if "answer" in values and talk_s is not None:
        values.setdefault("end", times.after(values["answer"], talk_s))
    told = [(name, values[name]) for name in TIMES if name in values]
    for (early, a), (late, b) in itertools.pairwise(told):
        if a > b and (early, late) != ("greeted", "ring"):
            raise RowError(f"{late} 早于 {early}")
    if not told:
        raise RowError("没有任何时刻")
    caller, callee = numbers.plain(cells.get("caller", "")), numbers.plain(cells.get("callee", ""))
    values["direction"] = chosen(cells, "direction", DIRECTIONS) if cells.get("direction") else direction(caller, callee, settings)
    values |= _numbers(cells, values["direction"], caller, callee)
    queued_s = times.seconds(cells.get("queued_s", ""))
    values["queued_s"] = "" if queued_s is None else f"{queued_s:g}"
    agent = cells.get("agent_id", "")
    values["agent_id"] = settings.agent(agent)
    values["hangup_by"] = chosen(cells, "hangup_by", HANGUPS)
    values["disposition"] = chosen(cells, "disposition", DISPOSITIONS)
    values |= {"queue": cells.get("queue", ""), "forwarded_to": numbers.plain(cells.get("forwarded_to", "")), **settings.stated}
    if "agent_channel" in cells:  # the program's own calls.csv, whose start is the first ring
        values["own_channel"] = chosen(cells, "agent_channel", {"0": "0", "1": "1", "": ""})
        values.setdefault("machine_first", "0")
    values["precision"] = "1000" if not any("." in cells.get(name, "") for name in TIMES) else "1"
    recording, folder = sound_file(cells.get("recording", ""))
    values |= folder
    call_id = cells.get("call_id", "") or PurePosixPath(recording).stem
    if not call_id:
        raise RowError("没有通话编号，也没有录音文件名")
    values["told"] = next((cells[name] for name in ("start", "ring", "answer") if cells.get(name)), "")
    kept = {name: value for name, value in values.items() if value}
    key = f"{call_id}|{kept.get('answer', '')}" if columns.legs else call_id
    return Row("mapped", key, line, kept, call_id, call_id, at=told[0][1], recording=recording)


def direction(caller: str, callee: str, settings: Settings) -> str:
    """In, out or internal, by which of the two numbers is the house's own; "" where neither tells."""
    if callee and settings.inner(callee):
        return "internal" if caller and settings.inner(caller) else "in"
    if caller and settings.inner(caller):
        return "out"
    return ""


def another(row: Row, known: Row) -> str:
    """What tells that a row is of another call than ``known``, the row of its id that counts; "" where it may correct it.

    The time is compared as it stands in the two tables, so that a row read again in another zone corrects itself.
    """
    told, first = row.values, known.values
    numbers_ = told.get("customer_number", ""), first.get("customer_number", "")
    if all(numbers_) and numbers_[0] != numbers_[1]:
        return f"客户号码 {numbers_[0]}，该处为 {numbers_[1]}"
    begins = told.get("told", ""), first.get("told", "")
    if row.key == known.key and all(begins) and begins[0] != begins[1]:
        return f"开始时间 {begins[0]}，该处为 {begins[1]}"
    return ""


def _numbers(cells: Mapping[str, str], way: str, caller: str, callee: str) -> dict[str, str]:
    """Customer's and house's number: as told, else of caller and callee that of the other side."""
    customer, own = (callee, caller) if way == "out" else (caller, callee)
    told = numbers.plain(cells.get("customer_number", "")), numbers.plain(cells.get("line_number", ""))
    if not way:
        return {"customer_number": told[0], "line_number": told[1], "caller": caller, "called": callee}
    return {"customer_number": told[0] or customer, "line_number": told[1] or own}
