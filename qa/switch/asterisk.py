"""CDR of Asterisk and FreePBX: ``Master.csv`` without a header in the order of ``cdr_csv``, or any table with its column names.

``outbound_cnum`` and ``outbound_cnam`` of FreePBX are the number (and its name) that an outgoing call showed: the house's line.

Column order: https://docs.asterisk.org/Configuration/Reporting/Call-Detail-Records-CDR/ and ``cdr/cdr_csv.c`` (16 columns, then by
option the unique id, the user field, and since Asterisk 1.8 ``newcdrcolumns``: peer account, linked id, sequence).  Times are the
switch's local time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from qa.switch import files, numbers, times
from qa.switch.rows import Fault, Row, RowError, Settings, at_line, sound_file

BASE = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end", "duration",
    "billsec", "disposition", "amaflags",
)  # fmt: skip
TAILS = {
    16: (),
    17: ("uniqueid",),
    18: ("uniqueid", "userfield"),
    19: ("peeraccount", "linkedid", "sequence"),
    20: ("uniqueid", "peeraccount", "linkedid", "sequence"),
    21: ("uniqueid", "userfield", "peeraccount", "linkedid", "sequence"),
}
"""What follows the first 16 columns, by the number of columns."""
NAMES = {"calldate": "start", "accountcode": "accountcode", "recordingfile": "recordingfile", "did": "did", "cnum": "cnum"}
DISPOSITIONS = ("ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION")
SHORTEST = 3
"""Digits of the shortest number of a telephone; what is shorter, or no number, is a code of the switch."""
JUMP_S = 2.0
"""The times of a row and its duration differ by less, or the clock was set during the call."""
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_CHANNEL = re.compile(r"(?:(Local)|[A-Za-z0-9]+)/([^@;/\s]+?)(?:@[^;]*)?(?:-[0-9a-fA-F]{4,})?(?:;([12]))?")
_ID = re.compile(r"(?:[\w.-]+-)?\d{9,11}\.\d+")
"""A unique id: the second in which the channel was made and a number, behind the system's name; anything else joins nothing."""
_SOUND = re.compile(r"\.(wav|wav49|gsm|mp3|ogg|opus|ulaw|alaw|sln|m4a)$", re.IGNORECASE)


def headed(names: Sequence[str]) -> bool:
    """Whether these are the column names of such a table."""
    known = {NAMES.get(name, name) for name in names}
    return {"src", "dst", "channel", "disposition", "billsec", "start"} <= known


def shaped(cells: Sequence[str]) -> bool:
    """Whether a row without a header is one of ``cdr_csv``: the number of columns, times and disposition at their places."""
    if len(cells) not in TAILS or cells[14].strip().upper() not in DISPOSITIONS:
        return False
    return bool(_STAMP.fullmatch(cells[9]) and _STAMP.fullmatch(cells[11]) and (not cells[10] or _STAMP.fullmatch(cells[10])))


def read(path: Path, settings: Settings) -> Iterator[Row | Fault]:
    """Rows of a CDR table.  Errors: :class:`qa.errors.RecordError` where the zone is needed and not stated."""
    names: list[str] | None = None
    for line, cells in files.rows(path):
        if isinstance(cells, Fault):
            yield cells
            continue
        lowered = [cell.strip().lower() for cell in cells]
        if headed(lowered):
            names = [NAMES.get(name, name) for name in lowered]
            continue
        columns = names or [*BASE, *TAILS.get(len(cells), ())]
        if len(cells) != len(columns) or (names is None and len(cells) not in TAILS):
            wanted = str(len(columns)) if names else "、".join(map(str, TAILS))
            yield Fault(str(path), line, f"有 {len(cells)} 列，应为 {wanted} 列；该行未采用", "请检查该行是否写了一半（磁盘满、断电）")
            continue
        try:
            with at_line(path, line):
                row = _row(dict(zip(columns, (cell.strip() for cell in cells), strict=True)), line, settings)
        except RowError as error:
            yield Fault(str(path), line, f"{error.cause}；该行未采用", error.cure)
        else:
            yield row


def _row(cells: dict[str, str], line: int, settings: Settings) -> Row:
    told = {name: times.wall(cells[name], settings.zone) for name in ("start", "answer", "end") if _given(cells.get(name, ""))}
    start = told.get("start")
    if start is None:
        raise RowError("没有开始时刻（start）")
    duration = times.seconds(cells.get("duration", ""))
    told.setdefault("end", times.after(start, duration or 0.0))
    billed = times.seconds(cells.get("billsec", ""))
    disposition = cells.get("disposition", "").upper()
    if disposition not in DISPOSITIONS:
        raise RowError(f"disposition {disposition!r} 不是 {'、'.join(DISPOSITIONS)}")
    if "answer" not in told and disposition == "ANSWERED" and billed is not None:
        told["answer"] = times.after(told["end"], -billed)  # the table of a database has no column for it
    _check_order(told)
    values = {**told, **settings.stated, **_parties(cells, settings), "disposition": disposition}
    if duration is not None and abs(times.between_s(start, told["end"]) - duration) > JUMP_S:
        values["doubt"] = "话单的时长与起止时刻不符（通话中时钟被调整），时刻不可靠"
    unique, linked = (cells.get(name, "") if _ID.fullmatch(cells.get(name, "")) else "" for name in ("uniqueid", "linkedid"))
    sequence = cells.get("sequence", "")
    # by the time as it stands there: the same row read again in another zone is the same row, corrected
    where = f"{cells['start']}|{cells['channel']}"
    parties = f"{cells['src']}|{cells['dst']}"  # all that tells two rows apart where there is no id
    part = linked or unique or f"{where}|{parties}"
    key = "|".join((unique, linked, sequence, where, cells.get("dstchannel", ""), *(() if unique else (parties,))))
    recording = next((c for c in (cells.get("recordingfile", ""), cells.get("userfield", "")) if _SOUND.search(c)), "")
    recording, folder = sound_file(recording)
    values = {name: value for name, value in (values | folder).items() if value}
    return Row("asterisk", key, line, values, part, unique, at=start, recording=recording)


def _given(text: str) -> bool:
    return bool(text) and not text.startswith("0000-00-00")


def _check_order(told: dict[str, str]) -> None:
    if told["end"] < told["start"]:
        raise RowError("结束早于开始（时钟被往回调）")
    if "answer" in told and not told["start"] <= told["answer"] <= told["end"]:
        raise RowError("应答时刻不在开始和结束之间（时钟被调整）")


def _parties(cells: dict[str, str], settings: Settings) -> dict[str, str]:
    """Who spoke with whom: numbers, and the extensions behind the channels where they are inner ones."""
    made = {"src": numbers.plain(cells["src"] or cells.get("cnum", "")), "did": numbers.plain(cells.get("did", ""))}
    dialled = numbers.plain(cells["dst"].removeprefix(settings.outside_prefix) if settings.outside_prefix else cells["dst"])
    made["shown"] = next(filter(None, (numbers.plain(cells.get(name, "")) for name in ("outbound_cnum", "outbound_cnam"))), "")
    made |= {"dst": dialled, "lastapp": cells.get("lastapp", "").lower(), "channel": cells["channel"]}
    for name, column in (("from", "channel"), ("to", "dstchannel")):
        number, half = extension(cells.get(column, ""))
        made[f"{name}_ext"] = number if settings.inner(number) else ""
        made[f"{name}_agent"] = settings.agent(number) if settings.inner(number) else ""
        made[f"{name}_half"] = half
    made["trunk"] = "1" if cells.get("dstchannel") and not made["to_ext"] else ""
    made["dialled"] = "" if not dialled.isdigit() or len(dialled) < SHORTEST else "inner" if settings.inner(dialled) else "outer"
    callers = {made["src"], numbers.plain(cells.get("cnum", ""))} - {""}
    # a trunk whose name is as short as an extension shows by the caller that it brings
    made["doubtful"] = "1" if made["from_ext"] and callers and not any(settings.inner(number) for number in callers) else ""
    return made


def extension(channel: str) -> tuple[str, str]:
    """Number or peer of a channel (``PJSIP/8001-0000002a``: 8001) and, of a ``Local`` channel, its half (1 or 2)."""
    found = _CHANNEL.fullmatch(channel.strip())
    return (found.group(2), found.group(3) or ("1" if found.group(1) else "")) if found else ("", "")
