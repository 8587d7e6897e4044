"""Calls out of CDR rows and queue events of Asterisk.

Which time is the ring.  A CDR row of Asterisk 12 and later begins with its channel and is "answered" when anything answered it, an IVR
and a queue included; so ``duration - billsec`` is how long an agent let it ring only where nothing answered before.  Known are:

* the ring time of a queue's ``CONNECT``;
* a row whose first party is the far half of a ``Local`` channel (``Local/8001@from-queue-…;2``), as FreePBX makes one for each agent
that a queue
  or a ring group rings: it begins when the telephone begins to ring, and nothing but the agent answers it;
* a row that dials an agent's telephone after an earlier row in which a machine answered (an IVR before a ring group), where the answer
  lies later than the row's beginning: Asterisk answers the row of a channel that was up before at once, so that a later answer is the
  agent's;
* any row, where the house states that no machine answers first (``machine_answers_first = false``).

Everything else has no ring and no answer of the agent: then nothing is said of how long the agent let it ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qa.switch import times
from qa.switch.rows import Row, RowError
from qa.types.log import Disposition, Leg, LoggedCall

PRECISION_MS = 1000
RUNG_MS = 1000
"""A telephone that did not answer and rang for less was busy or away: Asterisk writes it as not answered at once."""
SAME_S = 3.0
"""An agent's leg in the CDR and in ``queue_log`` begin within so many seconds (both write whole ones)."""
UNKNOWN_RING = "话单只有总等待时间，分不清自动语音、排队和坐席振铃，接听铃声数无法判定"
RANG_BEFORE = "该坐席的话机在这通电话里此前已振铃而未接，接听铃声数无法判定"
EXTENSIONS_CURE = "请在映射文件里用 extensions 写明内线号码的样子（不含中继的名字），再导入"
NO_PERSON = frozenset(
    ("voicemail", "voicemailmain", "background", "playback", "read", "record", "directory", "echo", "musiconhold", "ivr", "announcement")
)
"""Applications of the switch that answer by themselves: no agent did."""
SEVERAL = "先后有多名坐席接听，话单分不清各自的时段，不计到任何人"
_BY_WORD = {"BUSY": Disposition.BUSY, "FAILED": Disposition.FAILED, "CONGESTION": Disposition.FAILED}
_EXITS = ("EXITWITHTIMEOUT", "EXITWITHKEY", "EXITEMPTY", "AGENTDUMP")
_ENDS = {"COMPLETEAGENT": "agent", "COMPLETECALLER": "customer"}
_TRANSFERS = ("TRANSFER", "BLINDTRANSFER", "ATTENDEDTRANSFER")


@dataclass(frozen=True)
class _Part:
    """An agent's part with what is left open of it; ``passed_on``: what follows a transfer, taken by whom the queue does not know."""

    leg: Leg
    notes: tuple[str, ...] = ()
    hangup_by: str | None = None
    passed_on: bool = False


def build(rows: Sequence[Row]) -> LoggedCall:
    """The call of the rows of one linked id, at least one."""
    records = sorted((row for row in rows if row.kind == "asterisk"), key=lambda row: (row.values["start"], row.values["end"], row.key))
    events = sorted((row for row in rows if row.kind == "queue_log"), key=lambda row: (row.at or "", row.line, row.key))
    first = next((row for row in records if not row.values.get("from_half")), records[0] if records else events[0])
    way = _direction(first) if records else "in"
    parts = _passed_on(_queue_parts(events), records) or _record_parts(records, way)
    answered = _answered(records, way)
    unplaced = bool(parts) and not answered <= {part.leg.agent_id for part in parts}
    parts = [] if unplaced else parts
    end = max((row.values["end"] for row in records), default=_last(events, parts))
    parts = _ended(parts, end)
    told = first.values
    forwarded = _forwarded(records, events, way, parts)
    return LoggedCall(
        call_id=first.part,
        source=first.source,
        direction=way,
        disposition=_disposition(records, events, parts, forwarded, way),
        customer_number=_customer(first, events, way),
        line_number=_line(first, records, events, way),
        queue=next((e.values["queue"] for e in events if e.values.get("queue")), ""),
        start=min(filter(None, (told.get("start"), events[0].at if events else None))),
        greeted=_greeted(first, events, way, parts),
        ring=parts[0].leg.ring if parts and way != "out" else None,
        answer=parts[0].leg.answer if parts else None,
        end=end,
        agent_id=parts[0].leg.agent_id if parts else _only_agent(records, way, answered),
        legs=tuple(part.leg for part in parts),
        forwarded_to=forwarded,
        hangup_by=_hangup(parts, end),
        recording=next((row.recording for row in records if row.recording), ""),
        recorded_from=told.get("recorded_from") or None,
        precision_ms=PRECISION_MS,
        agent_channel=agent_channel(told.get("caller_channel"), way),
        notes=_notes(rows, records, parts, way, unplaced),
        queued_s=_queued_s(events) if way == "in" else None,
    )


def agent_channel(caller_channel: str | None, way: str) -> int | None:
    """The agent's channel where the house has stated that of the side that called."""
    if not caller_channel:
        return None
    return int(caller_channel) if way == "out" else 1 - int(caller_channel)


def _last(events: Sequence[Row], parts: Sequence[_Part]) -> str | None:
    """The end of the call by the queue alone, which does not see what becomes of a call that was passed on."""
    passed_on = bool(parts) and parts[-1].leg.end is None
    return None if passed_on else max((event.at for event in events if event.at), default=None)


def _direction(first: Row) -> str:
    """By the channels and the numbers: from an inner telephone to an outer number is out, from a trunk in.

    Errors: :class:`RowError` where channel and number contradict each other.
    """
    told = first.values
    doubtful = told.get("doubtful")
    if not told.get("from_ext") or (doubtful and (told.get("did") or told.get("from_half"))):
        return "in"  # the half of an agent's local channel brings the caller's number
    if doubtful:
        cause = f"主叫通道 {told['channel']} 像内线，主叫号码 {told.get('src', '')} 却是外线号码，分不清呼入还是呼出"
        raise RowError(cause, EXTENSIONS_CURE)
    if told.get("to_ext"):
        if told.get("dialled") == "outer":
            raise RowError(f"拨的是外线号码 {told['dst']}，接听的通道 {told['to_ext']} 却像内线，分不清内部还是呼出", EXTENSIONS_CURE)
        return "internal"
    return "out" if told.get("trunk") or told.get("dialled") == "outer" else "internal"


def _customer(first: Row, events: Sequence[Row], way: str) -> str:
    if first.kind == "asterisk":
        told = first.values.get("dst" if way in ("out", "internal") else "src", "")
        return told or next((e.values["caller"] for e in events if e.values.get("caller")), "")
    return next((e.values["caller"] for e in events if e.values.get("caller")), "")


# ---------------------------------------------------------------- agents' parts


def _queue_parts(events: Sequence[Row]) -> list[_Part]:
    """An agent's part for each ``CONNECT``."""
    parts: list[_Part] = []
    for place, event in enumerate(events):
        if event.values["event"] != "CONNECT" or event.at is None:
            continue
        agent = event.values.get("agent", "")
        rest = events[place + 1 :]
        closing = next((e for e in rest if e.values["event"] in (*_ENDS, *_TRANSFERS) and e.values.get("agent", "") == agent), None)
        before = any(
            e.values["event"] == "RINGNOANSWER" and e.values.get("agent") == agent and int(e.values.get("ring_ms", "0")) >= RUNG_MS
            for e in events[:place]
        )
        rang = event.values.get("ring_s")
        ring = times.after(event.at, -float(rang)) if rang is not None and not before else None
        notes = (RANG_BEFORE,) if before else () if rang is not None else (UNKNOWN_RING,)
        hung_up = _ENDS.get(closing.values["event"]) if closing is not None else None
        parts.append(_Part(Leg(agent, event.at, closing.at if closing is not None else None, ring), notes, hung_up))
        if closing is not None and closing.values["event"] in _TRANSFERS and closing.at:
            parts.append(_Part(Leg("", closing.at, None), (UNKNOWN_RING,), passed_on=True))
    return parts


def _record_parts(records: Sequence[Row], way: str) -> list[_Part]:
    """Agents' parts by the CDR alone."""
    parts: list[_Part] = []
    for row in records:
        told = row.values
        agent = told.get("from_agent" if way == "out" and not parts else "to_agent", "")
        if told["disposition"] != "ANSWERED" or "answer" not in told or not agent or told.get("lastapp") in ("queue", *NO_PERSON):
            continue
        if _inner(row):
            continue
        alone = told.get("from_half") == "2" or told.get("machine_first") == "0" or (way == "in" and _behind_machine(row, records))
        if way == "out" and not parts:
            parts.append(_Part(Leg(agent, told["answer"], told["end"])))
        elif parts and told["start"] >= (parts[-1].leg.end or told["start"]):
            parts.append(_Part(Leg(agent, told["answer"], told["end"]), (UNKNOWN_RING,)))  # taken over: how long it rang is not told
        elif alone and not any(part.leg.agent_id == agent for part in parts):
            before = any(_rang_out(other, agent) and other.values["start"] < told["start"] for other in records)
            ring = None if before or told.get("doubt") else told["start"]
            parts.append(_Part(Leg(agent, told["answer"], told["end"], ring), (RANG_BEFORE,) if before else ()))
    return parts


def _behind_machine(row: Row, records: Sequence[Row]) -> bool:
    """Whether a row tells how long an agent's telephone rang, though a machine had answered in an earlier row.

    A row whose channel was up when it began is answered at once, whoever let it ring for how long.
    """
    told = row.values
    if len(records) == 1 or told.get("lastapp") != "dial" or times.between_s(told["start"], told["answer"]) * 1000 < RUNG_MS:
        return False
    others = (other.values for other in records if other is not row)
    machines = (other for other in others if "answer" in other and not other.get("to_ext") and not other.get("trunk"))
    return any(other["end"] <= times.after(told["start"], PRECISION_MS / 1000) for other in machines)


def _rang_out(row: Row, agent: str) -> bool:
    """Whether an agent's telephone rang, long enough to be heard, and was not answered."""
    told = row.values
    rang_ms = 1000 * times.between_s(told["start"], told["end"])
    return told.get("to_agent") == agent and told["disposition"] == "NO ANSWER" and rang_ms >= RUNG_MS


def _passed_on(queued: Sequence[_Part], records: Sequence[Row]) -> list[_Part]:
    """The queue's parts; who took a call that was passed on is told by the CDR, or by the queue that it came to, else by nobody."""
    made: list[_Part] = []
    for place, part in enumerate(queued):
        if not part.passed_on:
            made.append(part)
            continue
        following = queued[place + 1].leg.answer if place + 1 < len(queued) else None
        since = times.after(part.leg.answer, -SAME_S)
        after = [row for row in records if since <= row.values["start"] < (following or "~") and not _inner(row)]
        taken = [row.values for row in after if _took(row, made[-1].leg.agent_id)]
        others = [_Part(Leg(told["to_agent"], told["answer"], told["end"]), (UNKNOWN_RING,)) for told in taken]
        made += others or ([part] if following is None else [])
    return made


def _inner(row: Row) -> bool:
    """Whether one inner telephone called another: an agent who asks a colleague, without the customer."""
    told = row.values
    return bool(told.get("from_ext") and told.get("to_ext")) and not told.get("from_half")


def _answered(records: Sequence[Row], way: str) -> set[str]:
    """Agents who may have spoken with the customer by the CDR; a colleague who was asked only where the one who asked left the call."""
    found = {row.values["to_agent"] for row in records if _took(row, "") and not _inner(row)}
    for row in (row for row in records if way != "internal" and _inner(row) and _took(row, "")):
        asking, until = row.values["from_agent"], row.values["end"]
        stayed = (other.values for other in records if not _inner(other) and other.values["end"] > until)
        if not any(asking in (told.get("from_agent"), told.get("to_agent")) for told in stayed):
            found.add(row.values["to_agent"])
    return found


def _took(row: Row, other_than: str) -> bool:
    """Whether an agent answered, another than the one who passed the call on."""
    told = row.values
    person = "answer" in told and told.get("lastapp") not in NO_PERSON
    return told["disposition"] == "ANSWERED" and person and told.get("to_agent", "") not in ("", other_than)


def _hangup(parts: Sequence[_Part], end: str | None) -> str | None:
    """Who hung up; an agent whose caller stayed on the line (passed to a survey) has not."""
    if not parts or (parts[-1].leg.end is not None and end is not None and end > times.after(parts[-1].leg.end, SAME_S)):
        return None
    return parts[-1].hangup_by


def _ended(parts: list[_Part], end: str | None) -> list[_Part]:
    """Every part with its end: that of the next one's beginning, or of the call, where it has none of its own."""
    made = []
    for place, part in enumerate(parts):
        following = parts[place + 1].leg.answer if place + 1 < len(parts) else end
        made.append(part if part.leg.end is not None else replace(part, leg=replace(part.leg, end=following)))
    return made


def _only_agent(records: Sequence[Row], way: str, answered: set[str]) -> str:
    """Who it was, where it is not told from when to when: the one who dialled or answered, else the one whose telephone alone rang."""
    agents = answered if way == "in" else set()
    own = [row.values for row in records if way != "in" or not _inner(row)]
    agents = (agents or {told.get("from_agent" if way == "out" else "to_agent", "") for told in own}) - {""}
    return next(iter(agents)) if len(agents) == 1 else ""


# ---------------------------------------------------------------- the call


def _greeted(first: Row, events: Sequence[Row], way: str, parts: Sequence[_Part]) -> str | None:
    """When a machine answered: the CDR's answer where it is not the agent's, else the entry into the queue."""
    if way == "out":
        return None
    entered = next((event.at for event in events if event.values["event"] == "ENTERQUEUE"), None)
    answer = first.values.get("answer") if first.kind == "asterisk" else None
    if answer is not None and (not parts or answer < times.after(parts[0].leg.answer, -SAME_S)):
        return min(filter(None, (answer, entered)))
    return entered


def _queued_s(events: Sequence[Row]) -> float | None:
    """Seconds in queues, one after the other, until the first agent answered or the caller left; None where a stay has no end."""
    total, entered = None, None
    for event in events:
        kind = event.values["event"]
        if kind == "ENTERQUEUE":
            entered = event.at
        elif kind in ("CONNECT", "ABANDON", *_EXITS):
            told = event.values.get("hold_s") or event.values.get("wait_s")
            if told is None and (entered is None or event.at is None):
                return None
            total = (total or 0.0) + (float(told) if told is not None else times.between_s(entered or "", event.at or ""))
            entered = None
            if kind == "CONNECT":
                break
    return total if entered is None else None


def _line(first: Row, records: Sequence[Row], events: Sequence[Row], way: str) -> str:
    """The house's own line: the number that was called, or that an outgoing call showed."""
    names = ("shown", "did") if way == "out" else ("did",)
    told = (row.values[name] for name in names for row in (*records, *events) if row.values.get(name))
    return next(told, first.values.get("src", "") if way == "out" else "")


def _forwarded(records: Sequence[Row], events: Sequence[Row], way: str, parts: Sequence[_Part]) -> str:
    if way != "in":
        return ""
    outer = (r.values.get("dst", "") for r in records if r.values.get("trunk") and r.values["disposition"] == "ANSWERED")
    moved = (e.values.get("to", "") for e in events if e.values["event"] in _TRANSFERS and not e.values.get("to_agent"))
    return next(filter(None, outer), "") or (next(filter(None, moved), "") if parts else "")


def _disposition(records: Sequence[Row], events: Sequence[Row], parts: Sequence[_Part], forwarded: str, way: str) -> Disposition:
    if parts:
        return Disposition.ANSWERED
    if forwarded:
        return Disposition.FORWARDED
    happened = {event.values["event"] for event in events}
    words = {row.values["disposition"] for row in records}
    with_agent = any(_took(row, "") for row in records)
    if "ABANDON" in happened and not with_agent:
        return Disposition.ABANDONED
    if happened & set(_EXITS) and not with_agent:
        return Disposition.UNANSWERED
    if "ANSWERED" in words:
        return Disposition.ANSWERED if with_agent or way != "in" else Disposition.ABANDONED
    return next((_BY_WORD[word] for word in ("BUSY", "FAILED", "CONGESTION") if word in words), Disposition.UNANSWERED)


def _notes(rows: Sequence[Row], records: Sequence[Row], parts: Sequence[_Part], way: str, unplaced: bool) -> tuple[str, ...]:
    found = [row.values["doubt"] for row in rows if row.values.get("doubt")]
    found += [SEVERAL] if unplaced else []
    found += [note for part in parts[:1] for note in part.notes]
    if way == "in" and not parts and any(_took(r, "") for r in records):
        found.append(UNKNOWN_RING)
    return tuple(dict.fromkeys(found))
