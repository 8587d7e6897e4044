"""CDR of FreeSWITCH: ``mod_json_cdr`` (a file a leg, or a line a leg) and ``mod_cdr_csv`` (whatever its template says).

Variables: https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Dialplan/Variables-WIP/Switch-core-variables_7766279/ ; an
epoch of 0 is a thing that never happened.  The direction of a leg is seen from the switch: the first leg is always ``inbound``, whoever
called.  Templates of the table: https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_cdr_csv_6587322/ .
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from qa.switch import files, numbers, times
from qa.switch.rows import Fault, Row, RowError, Settings, at_line, sound_file

TEMPLATE = (
    "caller_id_name", "caller_id_number", "destination_number", "context", "start_stamp", "answer_stamp", "end_stamp", "duration",
    "billsec", "hangup_cause", "uuid", "bleg_uuid", "accountcode", "read_codec", "write_codec",
)  # fmt: skip
"""The columns of the template ``example``, which a new installation writes."""
TIMES = ("start", "progress", "progress_media", "answer", "bridge", "end")
LARGEST = 64 << 20
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_FIRST_LEG = ("originating_leg_uuid", "originator")
_OTHER = ("bleg_uuid", "bridge_uuid", "signal_bond", "last_bridge_to")
_BRIDGES = ("bleg_uuid", "bridge_uuid", "bridge_epoch", "bridge_uepoch", "bridge_stamp")
"""Variables that tell whether a leg was ever bridged with another, also where they are empty."""
_ENDPOINT = re.compile(r"(?:user|sofia/[^/,|]+(?:/[^/@,|]+)?)/([^/@%,|;]+)")
"""Whom ``bridge`` called: ``user/1002@domain``, ``sofia/internal/1002@10.0.0.1:5060``, ``sofia/gateway/name/13800138000``."""
_RECORDINGS = ("record_name", "recording_file", "record_filename", "cc_record_filename", "record_path")
_CALL_DIRECTIONS = {"inbound": "in", "outbound": "out", "local": "internal"}


def headed(names: Sequence[str]) -> bool:
    """Whether these are the column names of such a table: the variables' own names."""
    return {"caller_id_number", "destination_number", "uuid", "hangup_cause"} <= set(names) and bool(
        {"start_stamp", "start_epoch"} & set(names)
    )


def shaped(cells: Sequence[str]) -> bool:
    """Whether a row without a header is one of the template ``example``."""
    if len(cells) != len(TEMPLATE) or not _UUID.fullmatch(cells[10]):
        return False
    return bool(_STAMP.fullmatch(cells[4]) and _STAMP.fullmatch(cells[6]) and (not cells[5] or _STAMP.fullmatch(cells[5])))


def is_json(path: Path) -> bool:
    with files.opened(path) as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b"[")


# ---------------------------------------------------------------- tables


def read(path: Path, settings: Settings) -> Iterator[Row | Fault]:
    """Legs of a table.  Errors: :class:`RecordError` where the zone is needed and not stated."""
    names: Sequence[str] = TEMPLATE
    for line, cells in files.rows(path):
        if isinstance(cells, Fault):
            yield cells
            continue
        lowered = [cell.strip().lower() for cell in cells]
        if headed(lowered):
            names = lowered
            continue
        if len(cells) != len(names):
            yield Fault(str(path), line, f"有 {len(cells)} 列，应为 {len(names)} 列；该行未采用", "请核对 cdr_csv.conf.xml 的模板")
            continue
        yield _leg_or_fault(path, line, dict(zip(names, (cell.strip() for cell in cells), strict=True)), settings)


# ---------------------------------------------------------------- JSON


def read_json(path: Path, settings: Settings) -> Iterator[Row | Fault]:
    """Legs of a file of ``mod_json_cdr``: one object, a list of them, or one a line."""
    for line, found in _objects(path):
        if isinstance(found, Fault):
            yield found
            continue
        told = found.get("variables")
        if not isinstance(told, dict):
            yield Fault(str(path), line, "没有 variables；该行未采用", "请核对是否为 mod_json_cdr 的文件")
            continue
        variables = {str(name): unquote(str(value)) for name, value in told.items() if isinstance(value, str | int | float)}
        yield _leg_or_fault(path, line, _profile(found) | variables, settings)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    if path.stat().st_size <= LARGEST:
        whole = _parsed(path, 1, path.read_bytes().decode("utf-8-sig", "replace"))
        if not isinstance(whole, Fault):
            for one in whole if isinstance(whole, list) else [whole]:
                yield 1, one if isinstance(one, dict) else Fault(str(path), 1, "不是一份话单对象；未采用", "请核对文件内容")
            return
    for line, text in files.lines(path):
        if isinstance(text, Fault):
            yield line, text
        elif text.strip():
            found = _parsed(path, line, text)
            yield line, found if isinstance(found, dict | Fault) else Fault(str(path), line, "不是一份话单对象；未采用", "请核对文件内容")


def _parsed(path: Path, line: int, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return Fault(str(path), line, f"不是有效的 JSON（{error}）；未采用", "文件可能没有写完，请核对")


def _profile(leg: Mapping[str, Any]) -> dict[str, str]:
    """Numbers of the first caller profile, for legs whose variables have none."""
    flow = leg.get("callflow")
    flows = flow if isinstance(flow, list) else [flow]
    profile: Mapping[str, Any] = next(
        (f["caller_profile"] for f in flows if isinstance(f, dict) and isinstance(f.get("caller_profile"), dict)), {}
    )
    wanted = ("caller_id_number", "destination_number", "callee_id_number", "uuid", "context")
    return {name: unquote(profile[name]) for name in wanted if isinstance(profile.get(name), str)}


# ---------------------------------------------------------------- a leg


def _leg_or_fault(path: Path, line: int, told: Mapping[str, str], settings: Settings) -> Row | Fault:
    try:
        with at_line(path, line):
            return _leg(told, line, settings)
    except RowError as error:
        return Fault(str(path), line, f"{error.cause}；该行未采用", error.cure)


def _leg(told: Mapping[str, str], line: int, settings: Settings) -> Row:
    uuid = told.get("uuid", "")
    if not uuid:
        raise RowError("没有 uuid")
    values, fine = _times(told, settings)
    if "start" not in values:
        raise RowError("没有开始时刻（start_epoch 或 start_stamp）")
    _check_order(values)
    caller, called = numbers.plain(told.get("caller_id_number", "")), numbers.plain(told.get("destination_number", ""))
    second = told.get("direction") == "outbound" or any(told.get(name) for name in _FIRST_LEG)
    agent = told.get("cc_agent", "").partition("@")[0] or (called if settings.inner(called) else "")
    values |= {
        "leg": "b" if second else "a",
        "precision": "1" if fine else "1000",
        "caller": caller,
        "caller_agent": settings.agent(caller) if settings.inner(caller) else "",
        "called": called,
        "called_agent": settings.agent(agent) if agent else "",
        "agent_told": "1" if told.get("cc_agent") else "",
        "queued_s": _queued_s(told),
        "call_direction": _CALL_DIRECTIONS.get(told.get("call_direction", ""), ""),
        "gateway": told.get("sip_gateway_name", ""),
        "queue": told.get("cc_queue", "").partition("@")[0],
        "bridge_told": "1" if told.get("last_app") or any(name in told for name in _BRIDGES) else "",
        "originated": "1" if told.get("direction") == "outbound" and not _made_by(told, uuid) else "",
        **_bridged(told, settings),
        "cause": told.get("hangup_cause", ""),
        "sip": told.get("sip_hangup_disposition", ""),
        **settings.stated,
    }
    first = next((told[name] for name in ("call_uuid", *_FIRST_LEG) if told.get(name)), uuid)
    other = next((told[name] for name in _OTHER if _UUID.fullmatch(told.get(name, ""))), "")
    recording, folder = sound_file(next((told[name] for name in _RECORDINGS if PurePosixPath(told.get(name, "")).suffix), ""))
    kept = {name: value for name, value in (values | folder).items() if value}
    return Row("freeswitch", uuid, line, kept, first if second else uuid, uuid, other, kept["start"], recording)


def _queued_s(told: Mapping[str, str]) -> str:
    """Seconds in a queue of ``mod_callcenter`` until the agent was there or the caller was not, "" where they are not told."""
    joined, answered, canceled = (told.get(f"cc_queue_{name}_epoch", "") for name in ("joined", "answered", "canceled"))
    left = next((text for text in (answered, canceled) if text.strip("0")), "")
    if not (joined.isdigit() and left.isdigit() and joined.strip("0")):
        return ""
    return str(int(left) - int(joined)) if int(left) >= int(joined) else ""


def _made_by(told: Mapping[str, str], uuid: str) -> str:
    """The leg that made this one; "" where the switch itself did (click to dial)."""
    return next((told[name] for name in (*_FIRST_LEG, "call_uuid") if told.get(name) and told[name] != uuid), "")


def _bridged(told: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """Whom a first leg was bridged with, by its own variables: ``bridged`` the one agent, ``bridge_open`` where it is not certain."""
    channel = set(_endpoints(told.get("bridge_channel", "")))
    dialled = {number for number in [numbers.plain(told.get("dialed_user", ""))] if number}
    called = set(_endpoints(told.get("last_arg", ""))) if told.get("last_app") == "bridge" else set()
    sets = [some for some in (channel, dialled, called) if some]
    if not sets:
        return {"bridge_open": "1"} if told.get("last_app") == "bridge" or told.get("bridge_channel") else {}
    common = set.intersection(*sets)
    number = common.pop() if len(common) == 1 and (channel or len(called) < 2) else ""
    return {"bridged": settings.agent(number)} if settings.inner(number) else {"bridge_open": "1"}


def _endpoints(text: str) -> list[str]:
    return [number for number in (numbers.plain(name) for name in _ENDPOINT.findall(text)) if number]


def _times(told: Mapping[str, str], settings: Settings) -> tuple[dict[str, str], bool]:
    """The times that happened, and whether they are finer than a second."""
    made, fine = {}, True
    for name in TIMES:
        for ending in ("uepoch", "epoch", "stamp"):
            text = told.get(f"{name}_{ending}", "").strip()
            if text and not re.fullmatch(r"0+(\.0+)?", text):
                made[name] = times.wall(text, settings.zone)
                fine = fine and ending == "uepoch"
                break
    return made, fine


def _check_order(values: Mapping[str, str]) -> None:
    start, end = values["start"], values.get("end")
    if end is not None and end < start:
        raise RowError("结束早于开始（时钟被往回调）")
    wrong = [name for name in TIMES[1:-1] if name in values and not start <= values[name] <= (end or values[name])]
    if wrong:
        raise RowError(f"{'、'.join(wrong)} 不在开始和结束之间（时钟被调整）")
