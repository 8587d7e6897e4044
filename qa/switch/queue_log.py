"""``queue_log`` of Asterisk: one event a line, ``time|callid|queue|agent|event|data…``.

Events and their data: https://docs.asterisk.org/Operation/Logging/Queue-Logs/ .  ``CONNECT`` has the hold time, the agent's channel and
how long the agent's telephone rang (whole seconds), ``RINGNOANSWER`` the same in milliseconds.  Times are seconds since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from qa.switch import files, numbers, times
from qa.switch.asterisk import extension
from qa.switch.rows import Fault, Row, RowError, Settings

DATA = {
    "ENTERQUEUE": ("url", "caller", "position"),
    "CONNECT": ("hold_s", "bridged", "ring_s"),
    "COMPLETEAGENT": ("hold_s", "talk_s", "position"),
    "COMPLETECALLER": ("hold_s", "talk_s", "position"),
    "ABANDON": ("position", "first_position", "wait_s"),
    "EXITWITHTIMEOUT": ("position", "first_position", "wait_s"),
    "EXITWITHKEY": ("key", "position", "first_position", "wait_s"),
    "EXITEMPTY": ("position", "first_position", "wait_s"),
    "RINGNOANSWER": ("ring_ms",),
    "RINGCANCELED": ("ring_ms",),
    "AGENTDUMP": (),
    "SYSCOMPAT": (),
    "TRANSFER": ("to", "context", "hold_s", "talk_s", "position"),
    "BLINDTRANSFER": ("to", "context", "hold_s", "talk_s", "position"),
    "ATTENDEDTRANSFER": ("method", "to", "hold_s", "talk_s", "position"),
    "DID": ("did",),
}
"""The events of a call; others (members, pauses, reloads) are not about calls."""
_EVENT = re.compile(r"\d{9,11}(\.\d+)?\|[^|]*\|[^|]*\|[^|]*\|[A-Z]+(\|.*)?")


def shaped(line: str) -> bool:
    """Whether a line is one of ``queue_log``."""
    return bool(_EVENT.fullmatch(line.strip()))


def read(path: Path, settings: Settings) -> Iterator[Row | Fault]:
    """Events of calls."""
    for number, text in files.lines(path):
        if isinstance(text, Fault):
            yield text
        elif text.strip():
            try:
                row = _row(text.strip(), number, settings)
            except RowError as error:
                yield Fault(str(path), number, f"{error.cause}；该行未采用", error.cure)
                continue
            if row is not None:
                yield row


def _row(text: str, number: int, settings: Settings) -> Row | None:
    fields = text.split("|")
    if not shaped(text):
        raise RowError("不是 queue_log 的一行（时刻|通话编号|队列|坐席|事件|…）", "请检查该行是否写了一半")
    at, call_id, queue, agent, event, *data = fields
    if event not in DATA or call_id in ("NONE", "REALTIME", "MANAGER", ""):
        return None
    values = {name: value.strip() for name, value in zip(DATA[event], data, strict=False) if value.strip()}
    for name in ("hold_s", "talk_s", "ring_s", "wait_s", "ring_ms"):
        if name in values and not values[name].isdigit():
            raise RowError(f"{event} 的 {name} 应为非负整数，不是 {values[name]!r}")
    if "caller" in values:
        values["caller"] = numbers.plain(values["caller"])
    for name in ("did", "to"):  # what an attended transfer names is no number but a bridge
        if name in values:
            values[name] = numbers.plain(values[name])
    values |= {"event": event, "queue": "" if queue == "NONE" else queue, "agent": _agent(agent, settings), **settings.stated}
    if event in ("TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER") and settings.inner(values.get("to", "")):
        values["to_agent"] = settings.agent(values["to"])
    kept = {name: value for name, value in values.items() if value}
    return Row("queue_log", text, number, kept, call_id, kept.get("bridged", ""), at=times.from_epoch(at))


def _agent(name: str, settings: Settings) -> str:
    """The agent's number: what the house states of the member's name or of its extension, else the extension, else the name."""
    if name in ("NONE", ""):
        return ""
    if name in settings.agents:
        return settings.agents[name]
    number, _ = extension(name)
    return settings.agent(number or name)
