"""CDR of Yeastar's systems as downloaded: a table with column names, in English or Chinese, of several model generations.

Columns: https://help.yeastar.com/en/p-series-cloud-edition/administrator-guide/call-detail-record-cdr-overview.html (P series: a row a
leg, with its ring time) and https://help.yeastar.com/zh-cn/s1000-developer/api/api_cdr.html (S series and older: a row a call,
``agentringtime`` for queues).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from qa.switch import files, numbers, times
from qa.switch.rows import Fault, Row, RowError, Settings, at_line, sound_file

ALIASES = {
    "id": ("id", "call id", "callid", "call_id", "cdrid", "uniqueid", "通话id", "编号"),
    "time": ("time", "timestart", "time_start", "start time", "时间", "开始时间", "呼叫时间"),
    "from": ("call from", "callfrom", "call_from", "caller", "主叫", "主叫号码", "呼叫方"),
    "to": ("call to", "callto", "call_to", "callee", "被叫", "被叫号码", "接听方"),
    "duration": ("call duration", "call duration(s)", "callduraction", "callduration", "call_duration", "呼叫时长", "通话时长"),
    "ring": ("ring duration", "ring duration(s)", "ring_duration", "响铃时长", "振铃时长"),
    "agent_ring": ("agentringtime", "agent_ring_time"),
    "talk": ("talk duration", "talk duration(s)", "talkduraction", "talkduration", "talk_duration", "接听时长", "对话时长"),
    "status": ("status", "状态", "通话状态"),
    "type": ("communication type", "call type", "type", "通讯类型", "通话类型", "呼叫类型"),
    "did": ("did", "did/ddi", "did number", "didnumber", "did_number"),
    "from_trunk": ("source trunk", "srctrunkname", "src_trunk_name", "源中继"),
    "to_trunk": ("destination trunk", "desttrunkname", "dsttrcunkname", "dst_trunk_name", "目的中继"),
    "recording": ("recording file", "recording", "recordfile", "录音文件", "录音"),
    "hung_up": ("disconnected by", "挂断方"),
}
"""Our name, and theirs in lower case."""
NEEDED = ("time", "from", "to", "status", "talk")
_STATUS = {
    "answered": "ANSWERED", "answerd": "ANSWERED", "已接": "ANSWERED", "已接听": "ANSWERED", "no answer": "NO ANSWER", "未接": "NO ANSWER",
    "未接听": "NO ANSWER", "busy": "BUSY", "忙": "BUSY", "忙线": "BUSY", "failed": "FAILED", "失败": "FAILED", "voicemail": "NO ANSWER",
    "语音留言": "NO ANSWER", "语音信箱": "NO ANSWER", "abandoned": "ABANDONED", "已放弃": "ABANDONED",
}  # fmt: skip
TYPES = {"inbound": "in", "outbound": "out", "internal": "internal", "呼入": "in", "呼出": "out", "内部": "internal"}
_MACHINE = re.compile(r"\b(ivr|queue|ring ?group|voicemail|conference|parking)\b|队列|自动|语音|铃组|会议", re.IGNORECASE)


def columns(names: Sequence[str]) -> dict[str, int]:
    """Which of our columns stands where."""
    places = {name.strip().lower(): place for place, name in reversed(list(enumerate(names)))}
    found = {ours: next((places[name] for name in theirs if name in places), -1) for ours, theirs in ALIASES.items()}
    return {ours: place for ours, place in found.items() if place >= 0}


def headed(names: Sequence[str]) -> bool:
    return set(NEEDED) <= set(columns(names))


def read(path: Path, settings: Settings) -> Iterator[Row | Fault]:
    """Legs of a table.  Errors: :class:`qa.errors.RecordError` where the zone is needed and not stated."""
    places: dict[str, int] = {}
    width = 0
    for line, cells in files.rows(path):
        if isinstance(cells, Fault):
            yield cells
        elif not places:
            places, width = columns(cells), len(cells)
        elif len(cells) != width:
            yield Fault(str(path), line, f"有 {len(cells)} 列，应为 {width} 列；该行未采用", "请检查该行")
        else:
            try:
                with at_line(path, line):
                    row = _row({name: cells[place].strip() for name, place in places.items()}, line, settings)
            except RowError as error:
                yield Fault(str(path), line, f"{error.cause}；该行未采用", error.cure)
            else:
                yield row


def _row(told: Mapping[str, str], line: int, settings: Settings) -> Row:
    start = times.wall(told["time"], settings.zone)
    status = _STATUS.get(told["status"].lower())
    if status is None:
        raise RowError(f"状态 {told['status']!r} 不认识", f"认识的有：{'、'.join(_STATUS)}；其它写法请用映射文件")
    talk, duration, ring = (times.seconds(told.get(name, "")) for name in ("talk", "duration", "ring"))
    agent_ring = times.seconds(told.get("agent_ring", ""))
    if duration is not None and (talk or 0) > duration:
        raise RowError(f"通话时长 {talk:g} 秒超过呼叫时长 {duration:g} 秒")
    if duration is None:
        duration = (ring or 0) + (talk or 0) if ring is not None else None
    kind = told.get("type", "").strip()
    values = {"start": start, "status": status, "direction": TYPES.get(kind.lower(), ""), **settings.stated}
    values["type_unknown"] = kind if kind and not values["direction"] else ""
    if duration is not None:
        values["end"] = times.after(start, duration)
        if status == "ANSWERED" and talk is not None:
            values["answer"] = times.after(values["end"], -talk)
    if "answer" in values and ring is not None:
        values["ring"] = times.after(values["answer"], -ring)
    elif "answer" in values and agent_ring:
        values["ring"] = times.after(values["answer"], -agent_ring)
    for name in ("from", "to"):
        number = numbers.plain(told[name])
        values[name] = number
        values[f"{name}_agent"] = settings.agent(number) if settings.inner(number) and not _MACHINE.search(told[name]) else ""
    values["machine"] = "1" if _MACHINE.search(told["to"]) else ""
    values |= {"to_name": told["to"], "did": numbers.plain(told.get("did", "")), "hung_up": told.get("hung_up", "")}
    call_id = told.get("id", "")
    part = call_id or f"{told['time']}|{values['from']}"
    recording, folder = sound_file(told.get("recording", ""))
    kept = {name: value for name, value in (values | folder).items() if value}
    key = f"{call_id}|{told['time']}|{values['from']}|{told['to']}"  # the time as it stands there: read in another zone it is the same row
    return Row("yeastar", key, line, kept, part, call_id, at=start, recording=recording)
