"""Times of many spellings brought to the house's wall clock (UTC+8, ISO 8601 with milliseconds, no zone).

Seconds, milliseconds and microseconds since 1970 are told apart by their length and need no zone; a time with a zone brings its own; any
other needs the zone that the house has stated.  A time that a change to or from summer time makes doubtful or impossible is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from qa.clock import HOUSE_ZONE
from qa.errors import RecordError
from qa.switch.rows import RowError

EARLIEST, LATEST = datetime(1990, 1, 1), datetime(2100, 1, 1)
_EPOCH = re.compile(r"\d+(\.\d+)?")
_UNITS = {10: 1.0, 13: 1e3, 16: 1e6}
_NAIVE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6}))?)?")
NO_ZONE_CURE = "请加 --tz Asia/Shanghai（按交换机的实际时区），或在映射文件里写 time_zone"


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.  Errors: :class:`RecordError` for an unknown one."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise RecordError(name, "没有这个时区", "请写 IANA 名称，如 Asia/Shanghai") from error


def wall(text: str, of: ZoneInfo | None, pattern: str = "") -> str:
    """A time as wall clock of UTC+8.

    ``pattern``: as of ``strptime``, for spellings that are not year-month-day; ``of``: the zone of a time that has none.
    Errors: :class:`RowError` for what is no time or lies outside the years 1990-2099, :class:`RecordError` where the zone is needed.
    """
    text = text.strip()
    if pattern:
        return _house(_by_pattern(text, pattern), of)
    if _EPOCH.fullmatch(text):
        return from_epoch(text)
    found = _NAIVE.fullmatch(text)
    try:
        if found is None and len(text) <= len("2024-05-01"):
            raise ValueError("a day is no time")
        if found is None:
            return _house(datetime.fromisoformat(text), of)
        year, month, day, hour, minute, second, fraction = found.groups()
        microsecond = int((fraction or "").ljust(6, "0"))
        return _house(datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microsecond), of)
    except ValueError as error:
        raise RowError(f"{text!r} 不是有效的时刻", "时刻应如 2024-05-01 09:00:00；别的写法请在映射文件里写 time_format") from error


def _by_pattern(text: str, pattern: str) -> datetime:
    try:
        return datetime.strptime(text, pattern)
    except ValueError as error:
        raise RowError(f"{text!r} 与 time_format {pattern!r} 不符", "请核对该行或映射文件") from error


def from_epoch(text: str) -> str:
    """Seconds (10 digits), milliseconds (13) or microseconds (16) since 1970 as wall clock of UTC+8."""
    unit = _UNITS.get(len(text.partition(".")[0]))
    if unit is None:
        raise RowError(f"{text!r} 不是秒（10 位）、毫秒（13 位）或微秒（16 位）的时间戳")
    return _text(datetime(1970, 1, 1) + timedelta(seconds=float(text) / unit, hours=8))


def _house(at: datetime, of: ZoneInfo | None) -> str:
    if at.tzinfo is not None:
        return _text(at.astimezone(HOUSE_ZONE).replace(tzinfo=None))
    if of is None:
        raise RecordError(at.isoformat(" "), "时刻没有写时区", NO_ZONE_CURE)
    there = at.replace(tzinfo=of)
    if there.astimezone(UTC).astimezone(of).replace(tzinfo=None) != at:
        raise RowError(f"{at} 在 {of.key} 不存在（夏令时拨快）", "请让交换机按 UTC 或不带夏令时的时区写话单")
    if there.utcoffset() != there.replace(fold=1).utcoffset():
        raise RowError(f"{at} 在 {of.key} 有两种可能（夏令时拨慢）", "请让交换机按 UTC 或不带夏令时的时区写话单")
    return _text(there.astimezone(HOUSE_ZONE).replace(tzinfo=None))


def _text(at: datetime) -> str:
    if not EARLIEST <= at < LATEST:
        raise RowError(f"时刻 {at} 不合理", "请核对交换机的时钟")
    return at.isoformat(timespec="milliseconds")


def after(time: str, seconds: float) -> str:
    """A wall clock ``seconds`` later (negative: earlier)."""
    return (datetime.fromisoformat(time) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def between_s(early: str, late: str) -> float:
    """Seconds from one wall clock to another."""
    return (datetime.fromisoformat(late) - datetime.fromisoformat(early)).total_seconds()


def seconds(text: str) -> float | None:
    """A duration as seconds, ``12``, ``12.5``, ``0:12`` or ``00:00:12``; None for an empty one.

    Errors: :class:`RowError` for a negative one and for what is no duration.
    """
    text = text.strip().removesuffix("s").removesuffix("秒").strip()
    if not text:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?|(\d+:)?\d{1,2}:\d{2}", text):
        raise RowError(f"时长 {text!r} 不是非负的秒数或时:分:秒")
    parts = [float(part) for part in text.split(":")]
    return sum(part * float(60**place) for place, part in enumerate(reversed(parts)))
