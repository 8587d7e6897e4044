"""What the name of a recording says: FreePBX's own pattern, or one of the house's.

FreePBX names a recording ``<why>-<whom>-<who>-<YYYYmmdd>-<HHMMSS>-<unique id>`` in folders of year, month and day, the time being the
switch's local time.  A name that does not fit says nothing: no time and no number is made up for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from qa import whereabouts
from qa.errors import RecordError
from qa.switch import numbers, times
from qa.switch.rows import RowError, Settings

FREEPBX = re.compile(
    r"(?P<why>out|in|internal|external|q|rg|force|exten|group|ond|conf)-(?P<whom>[^-]*)-(?P<who>[^-]*)-(?P<date>\d{8})-(?P<time>\d{6})"
    r"-(?P<call_id>(?:[\w.-]+-)?\d{9,11}\.\d+)"
)
"""The id with the system's name before it, where the switch has one."""
_FOLDERS = re.compile(r".*/(20\d{2})/(\d{2})/(\d{2})/[^/]*")
_DIRECTIONS = {"in": "in", "out": "out", "internal": "internal", "呼入": "in", "呼出": "out", "i": "in", "o": "out", "内部": "internal"}


@dataclass(frozen=True)
class Named:
    """What a name tells; "" or None where it does not.  ``at``: wall clock of UTC+8."""

    call_id: str = ""
    file: str = ""
    agent_id: str = ""
    customer_number: str = ""
    direction: str = ""
    queue: str = ""
    at: str | None = None


def read(path: Path, settings: Settings) -> Named:
    """What the name of a recording tells, by the house's pattern where it has one, else by FreePBX's.

    Errors: :class:`RecordError` for a name that does not fit the pattern, or whose time cannot be.
    """
    if settings.file_pattern:
        return _by_pattern(path, settings)
    found = FREEPBX.fullmatch(whereabouts.plain_stem(path.name)) or FREEPBX.fullmatch(path.stem)
    if found is None:
        raise RecordError(str(path), "文件名不是 FreePBX 的写法（如 q-6000-13800138000-20240501-090000-1714525200.12.wav）", _CURE)
    folders = _FOLDERS.fullmatch(path.as_posix())
    if folders is not None and "".join(folders.groups()) != found["date"]:
        raise RecordError(str(path), f"文件名的日期 {found['date']} 与文件夹 {'/'.join(folders.groups())} 不符", "请核对文件是否放错")
    whom, who = numbers.plain(found["whom"]), numbers.plain(found["who"])
    told = {"call_id": found["call_id"], "at": _at(path, found["date"], found["time"], settings.zone)}
    return Named(**told | _parties(found["why"], whom, who, settings))


_CURE = "请核对文件，或在映射文件里用 file_pattern 写明文件名的规则"


def _parties(why: str, whom: str, who: str, settings: Settings) -> dict[str, str]:
    """Roles of the two numbers: the called one stands first."""
    dialled = numbers.plain(whom.removeprefix(settings.outside_prefix)) if settings.outside_prefix else whom
    if why == "out":
        return {"direction": "out", "customer_number": dialled, "agent_id": settings.agent(who) if settings.inner(who) else ""}
    if why in ("q", "rg", "group"):
        return {"direction": "in", "customer_number": who, "queue": whom}
    inner = {name: settings.inner(number) for name, number in (("whom", whom), ("who", who))}
    if inner["whom"] and inner["who"]:
        return {"direction": "internal"}
    if inner["whom"]:
        return {"direction": "in", "customer_number": who, "agent_id": settings.agent(whom)}
    if inner["who"]:
        # a forced recording and one on demand put the caller second too
        return {"direction": "out", "customer_number": dialled, "agent_id": settings.agent(who)}
    return {"direction": "in" if why in ("in", "external") else "", "customer_number": who if why in ("in", "external") else ""}


def _by_pattern(path: Path, settings: Settings) -> Named:
    found = re.search(settings.file_pattern, path.as_posix())
    if found is None:
        raise RecordError(str(path), f"文件名与规则 {settings.file_pattern!r} 不符", "请核对文件名，或改正映射文件里的 file_pattern")
    told: Mapping[str, str] = {name: value or "" for name, value in found.groupdict().items()}
    texts = {name: told.get(name, "") for name in ("call_id", "file", "queue")}
    texts["agent_id"] = settings.agent(told.get("agent_id", ""))
    texts["customer_number"] = numbers.plain(told.get("customer_number", ""))
    way = told.get("direction", "").lower()
    if way and way not in _DIRECTIONS:
        raise RecordError(str(path), f"文件名里的方向 {way!r} 不认识", f"认识的有：{'、'.join(_DIRECTIONS)}")
    at = _at(path, told["date"], told["time"], settings.zone) if told.get("date") and told.get("time") else None
    return Named(**texts, direction=_DIRECTIONS.get(way, ""), at=at)


def _at(path: Path, date: str, time: str, zone: ZoneInfo | None) -> str:
    digits = re.sub(r"\D", "", date), re.sub(r"\D", "", time).ljust(6, "0")
    try:
        return times.wall(datetime.strptime("".join(digits)[:14], "%Y%m%d%H%M%S").isoformat(), zone)
    except (ValueError, RowError) as error:
        raise RecordError(str(path), f"文件名里的时刻 {date} {time} 不存在", _CURE) from error
