"""Calls out of the rows of FreeSWITCH, of Yeastar, and of tables that a mapping file explains."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date

from qa.switch import times
from qa.switch.from_asterisk import RANG_BEFORE, SEVERAL, UNKNOWN_RING, agent_channel
from qa.switch.mapped import UNCLEAR, UNCLEAR_CURE
from qa.switch.rows import Row, RowError
from qa.switch.yeastar import TYPES
from qa.types.log import Disposition, Leg, LoggedCall, Person

SECOND_MS = 1000
AT_ONCE_S = 1.0
"""A first leg answered by so little before it was bridged was answered by the second leg; by more, by a machine."""
UNKNOWN_AGENT = (
    "话单没有写明由谁接听（缺 last_app、bridge_channel、dialed_user 等列或第二段话单），"
    "只有所拨的号码 {number}，花名册当天没有这个工号，不计到任何人"
)
_CAUSES = {
    "USER_BUSY": Disposition.BUSY,
    "NO_ANSWER": Disposition.UNANSWERED,
    "NO_USER_RESPONSE": Disposition.UNANSWERED,
    "ALLOTTED_TIMEOUT": Disposition.UNANSWERED,
    "ORIGINATOR_CANCEL": Disposition.ABANDONED,
}


# ---------------------------------------------------------------- FreeSWITCH


def freeswitch(rows: Sequence[Row], roster: Collection[Person] = ()) -> LoggedCall:
    """The call of the legs that are bridged with each other.

    Errors: :class:`RowError` where nobody can say whether it came in or went out.

    The ring is the second leg's ``progress`` (180), else its ``progress_media`` (183); with the first leg alone its ``progress``, where
    nothing answered before the bridge.
    """
    ordered = sorted(rows, key=lambda row: row.at or "")
    a = next((row for row in ordered if row.values["leg"] == "a"), ordered[0])
    seconds = [row for row in ordered if row is not a]
    if all(row.values["leg"] == "b" for row in ordered) and a.values.get("originated"):
        return _originated(ordered)
    told, way, alone = a.values, _freeswitch_way(a, seconds), _alone(a, roster)
    missed = {b.values.get("called_agent", "") for b in seconds if "answer" not in b.values and _ring_of(b) is not None}
    legs, again = _first_rings(_out_legs(a, seconds) if way == "out" else _in_legs(a, seconds, alone), missed)
    outer = next((b.values.get("called", "") for b in seconds if "answer" in b.values and not b.values.get("called_agent")), "")
    forwarded = outer if way == "in" and not legs else ""
    greeted = told.get("answer") if way == "in" else None
    reached = legs[0].answer if legs else told.get("bridge")
    if reached is not None and greeted is not None and greeted >= times.after(reached, -AT_ONCE_S):
        greeted = None
    unknown = way == "in" and (not legs or legs[0].ring is None) and "answer" in told and not forwarded
    notes = again or ((UNKNOWN_RING,) if unknown else ())
    if way != "out" and not seconds and not legs and not alone and _dialled(a):
        notes = (*notes, UNKNOWN_AGENT.format(number=told.get("called", "")))
    return LoggedCall(
        call_id=a.ref,
        source=a.source,
        direction=way,
        disposition=_freeswitch_disposition(a, legs, forwarded, way),
        customer_number=told.get("called" if way in ("out", "internal") else "caller", ""),
        line_number=told.get("caller" if way == "out" else "called", "")
        if not told.get("caller_agent" if way == "out" else "called_agent")
        else "",
        queue=next((row.values["queue"] for row in ordered if row.values.get("queue")), ""),
        start=told["start"],
        greeted=greeted,
        ring=legs[0].ring if legs and way != "out" else None,
        answer=legs[0].answer if legs else None,
        end=max((row.values["end"] for row in ordered if "end" in row.values), default=None),
        agent_id=legs[0].agent_id if legs else told.get("caller_agent", "") if way == "out" else _freeswitch_rung(a, seconds, alone),
        legs=legs,
        forwarded_to=forwarded,
        hangup_by=_freeswitch_hangup(a, seconds, way),
        recording=next((row.recording for row in ordered if row.recording), ""),
        recorded_from=told.get("recorded_from") or None,
        precision_ms=max(int(row.values["precision"]) for row in ordered),
        agent_channel=agent_channel(told.get("caller_channel"), way),
        notes=notes,
        queued_s=_queued_s(ordered) if way == "in" else None,
    )


def _ring_of(b: Row) -> str | None:
    """When a second leg's telephone began to ring."""
    return b.values.get("progress") or b.values.get("progress_media")


def _first_rings(legs: tuple[Leg, ...], missed: set[str]) -> tuple[tuple[Leg, ...], tuple[str, ...]]:
    """The agents' parts without the ring of those whose telephone had rung in the call before and was not answered, with a note."""
    made = tuple(replace(leg, ring=None) if leg.agent_id in missed else leg for leg in legs)
    return made, (RANG_BEFORE,) if legs and legs[0].agent_id in missed else ()


def _freeswitch_way(a: Row, seconds: Sequence[Row]) -> str:
    told = a.values
    if told.get("call_direction"):
        return told["call_direction"]
    if not told.get("caller_agent"):
        if told["leg"] == "b" and not told.get("called_agent"):
            raise RowError("第一段话单不在，双方都不是内线，分不清呼入还是呼出", "请把这通电话各段的话单都导入")
        return "in"
    outside = told.get("gateway") or any(b.values.get("gateway") for b in seconds)
    return "internal" if told.get("called_agent") and not outside else "out"


def _in_legs(a: Row, seconds: Sequence[Row], agent: str) -> tuple[Leg, ...]:
    """The agents' parts; ``agent``: whom the first leg alone was passed to."""
    legs = tuple(
        Leg(b.values["called_agent"], b.values["answer"], b.values.get("end"), _ring_of(b))
        for b in seconds
        if "answer" in b.values and b.values.get("called_agent")
    )
    told = a.values
    if legs or seconds or not agent:
        return legs
    if "bridge" in told:
        alone = told.get("answer") is None or told["answer"] >= times.after(told["bridge"], -AT_ONCE_S)
        alone = alone and told.get("called_agent") == agent  # else it may be another's telephone that rang
        return (Leg(agent, told["bridge"], told.get("end"), told.get("progress") if alone else None),)
    if "answer" in told and told.get("machine_first") == "0" and not told.get("bridge_told"):
        return (Leg(agent, told["answer"], told.get("end"), told.get("progress") or told["start"]),)
    return ()


def _alone(a: Row, roster: Collection[Person]) -> str:
    """Whom a first leg without a second one was passed to, by its variables.

    Where it has none of them, a number that was dialled is an agent's only if the house says so: in its mapping of extensions, or
    because somebody of that number is on the roster that day.  It may be a ring group's or an IVR's as well.
    """
    told = a.values
    if told.get("bridged") or not _dialled(a):
        return told.get("bridged", "")
    agent, day = told["called_agent"], date.fromisoformat(told["start"][:10])
    stated = told.get("agent_told") or agent != told.get("called")
    named = any(one.agent_id == agent and (one.since or day) <= day <= (one.until or day) for one in roster)
    return agent if stated or named else ""


def _dialled(a: Row) -> bool:
    """Whether of whom a first leg was passed to nothing is told but the number that was dialled."""
    return bool(a.values.get("called_agent")) and not a.values.get("bridged") and not a.values.get("bridge_open")


def _queued_s(legs: Sequence[Row]) -> float | None:
    """Seconds in the queue, as the first leg that was in one tells."""
    return next((float(row.values["queued_s"]) for row in legs if row.values.get("queued_s")), None)


def _freeswitch_rung(a: Row, seconds: Sequence[Row], alone: str) -> str:
    """Whose telephone it was, where it is not told from when to when somebody spoke: the one agent who can be meant."""
    spoke = {b.values.get("called_agent", "") for b in seconds if "answer" in b.values} - {""}
    rung = spoke or {b.values.get("called_agent", "") for b in seconds} - {""}
    if not rung and not seconds:
        rung = {a.values.get("bridged", "") if a.other else alone} - {""}
    return next(iter(rung)) if len(rung) == 1 else ""


def _originated(ordered: Sequence[Row]) -> LoggedCall:
    """A call that the switch made to both sides (click to dial, a dialler): outgoing, from when both had answered.

    Errors: :class:`RowError` unless one side is an agent and the other an outer number.
    """
    agents = [row for row in ordered if row.values.get("called_agent") and not row.values.get("gateway")]
    outer = [row for row in ordered if row not in agents]
    if len({row.values["called_agent"] for row in agents}) != 1 or len({row.values.get("called", "") for row in outer}) != 1:
        raise RowError("由交换机发起的呼叫，看不出哪一段是坐席、哪一段是客户", "请把这通电话各段的话单都导入")
    first, agent, customer = ordered[0].values, agents[-1].values, outer[-1].values
    answers = [next((row.values["answer"] for row in some if "answer" in row.values), None) for some in (agents, outer)]
    end = max((row.values["end"] for row in ordered if "end" in row.values), default=None)
    answer = max(answers) if None not in answers else None  # type: ignore[type-var]
    legs = (Leg(agent["called_agent"], answer, end),) if answer else ()
    ends = {side for side, told in (("agent", agent), ("customer", customer)) if told.get("sip") == "recv_bye" and "answer" in told}
    cause = _CAUSES.get(customer.get("cause", ""), Disposition.FAILED)
    return LoggedCall(
        call_id=ordered[0].ref,
        source=ordered[0].source,
        direction="out",
        disposition=Disposition.ANSWERED if legs else Disposition.UNANSWERED if cause is Disposition.ABANDONED else cause,
        customer_number=customer.get("called", ""),
        line_number="" if customer.get("caller_agent") else customer.get("caller", ""),
        queue=next((row.values["queue"] for row in ordered if row.values.get("queue")), ""),
        start=first["start"],
        answer=answer,
        end=end,
        agent_id=agent["called_agent"],
        legs=legs,
        hangup_by=ends.pop() if len(ends) == 1 else None,
        recording=next((row.recording for row in ordered if row.recording), ""),
        recorded_from=first.get("recorded_from") or None,
        precision_ms=max(int(row.values["precision"]) for row in ordered),
    )


def _out_legs(a: Row, seconds: Sequence[Row]) -> tuple[Leg, ...]:
    """The agent who dialled, from when the customer answered."""
    agent = a.values.get("caller_agent", "")
    answers = [b.values["answer"] for b in seconds if "answer" in b.values]
    answer = min(answers, default=a.values.get("bridge") or (a.values.get("answer") if not seconds else None))
    return (Leg(agent, answer, a.values.get("end")),) if agent and answer else ()


def _freeswitch_disposition(a: Row, legs: Sequence[Leg], forwarded: str, way: str) -> Disposition:
    if legs:
        return Disposition.ANSWERED
    if forwarded:
        return Disposition.FORWARDED
    if "bridge" in a.values or a.other:
        return Disposition.ANSWERED  # by whom is not told
    if "answer" in a.values:
        machine = way == "in" and a.values.get("bridge_told")
        return Disposition.ABANDONED if machine else Disposition.ANSWERED
    found = _CAUSES.get(a.values.get("cause", ""), Disposition.FAILED)
    return Disposition.UNANSWERED if found is Disposition.ABANDONED and way == "out" else found


def _freeswitch_hangup(a: Row, seconds: Sequence[Row], way: str) -> str | None:
    """Who sent the BYE: the first leg's own, or that of the leg that was bridged with it last; None where they contradict or are silent."""
    caller, called = ("agent", "customer") if way == "out" else ("customer", "agent")
    bridged = [b for b in seconds if "answer" in b.values]
    ends = {caller} if a.values.get("sip") == "recv_bye" else set()
    if bridged and bridged[-1].values.get("sip") == "recv_bye":
        ends.add(called)
    return ends.pop() if len(ends) == 1 else None


# ---------------------------------------------------------------- Yeastar


def yeastar(rows: Sequence[Row]) -> LoggedCall:
    """The call of the rows of one id.  The ring is known where a row tells how long the agent's telephone rang."""
    ordered = sorted(rows, key=lambda row: row.at or "")
    first, told = ordered[0], ordered[0].values
    way = _yeastar_way(ordered)
    missed = {row.values.get("to_agent", "") for row in ordered if row.values["status"] == "NO ANSWER"}
    spoken = tuple(_yeastar_leg(row, way, len(ordered)) for row in ordered if _yeastar_spoken(row, way))
    legs, again = _first_rings(spoken, missed if way == "in" else set())
    answered = _yeastar_agents(row for row in ordered if row.values["status"] == "ANSWERED")
    unplaced = way == "in" and len(answered) > 1 and not answered <= {leg.agent_id for leg in legs}
    if unplaced:
        legs, again = (), (SEVERAL,)
    rung = answered or _yeastar_agents(ordered)
    machine = next((row for row in ordered if row.values.get("machine") and "answer" in row.values), None)
    words = {row.values["status"] for row in ordered}
    with_agent = any(row.values["status"] == "ANSWERED" and not row.values.get("machine") for row in ordered)
    outer = next((row.values.get("to", "") for row in ordered[1:] if "answer" in row.values and not row.values.get("to_agent")), "")
    forwarded = outer if way == "in" and not legs and machine is None else ""
    number = told.get("to" if way in ("out", "internal") else "from", "")
    return LoggedCall(
        call_id=first.part,
        source=first.source,
        direction=way,
        disposition=_yeastar_disposition(words, with_agent, forwarded),
        customer_number=number,
        line_number=told.get("did", ""),
        queue=next((row.values["to_name"] for row in ordered if row.values.get("machine")), ""),
        start=told["start"],
        greeted=_yeastar_greeted(machine or (None if legs else first), way),
        ring=legs[0].ring if legs and way != "out" else None,
        answer=legs[0].answer if legs else None,
        end=max((row.values["end"] for row in ordered if "end" in row.values), default=None),
        agent_id=legs[0].agent_id if legs else told.get("from_agent", "") if way == "out" else next(iter(rung)) if len(rung) == 1 else "",
        legs=legs,
        forwarded_to=forwarded,
        hangup_by=_yeastar_hangup(ordered[-1]),
        recording=next((row.recording for row in ordered if row.recording), ""),
        recorded_from=told.get("recorded_from") or None,
        precision_ms=SECOND_MS,
        agent_channel=agent_channel(told.get("caller_channel"), way),
        notes=again or ((UNKNOWN_RING,) if way == "in" and with_agent and not legs else ()),
    )


def _yeastar_way(ordered: Sequence[Row]) -> str:
    """The call's direction as told, else by which side of its first row is the house's own.  Errors: :class:`RowError` for neither."""
    unknown = next((row.values["type_unknown"] for row in ordered if row.values.get("type_unknown")), "")
    if unknown:
        raise RowError(f"通讯类型 {unknown!r} 不认识，分不清方向", f"认识的有：{'、'.join(TYPES)}；其它写法请用映射文件")
    told = ordered[0].values
    if told.get("direction"):
        return told["direction"]
    inner = told.get("to_agent") or told.get("machine")
    if told.get("from_agent"):
        return "internal" if inner else "out"
    if inner or told.get("did"):
        return "in"
    raise RowError("没有通讯类型，双方都不是内线，分不清呼入还是呼出", "请导出时带上通讯类型一列，或在映射文件里写明 extensions")


def _yeastar_agents(rows: Iterable[Row]) -> set[str]:
    return {row.values.get("to_agent", "") for row in rows if not row.values.get("machine")} - {""}


def _yeastar_spoken(row: Row, way: str) -> bool:
    """Whether an agent spoke; models that tell no ring time count an IVR's answer as well, so that their answer is not the agent's."""
    agent = row.values.get("from_agent" if way == "out" else "to_agent")
    sure = way != "in" or row.values.get("ring") or row.values.get("machine_first") == "0"
    return "answer" in row.values and bool(agent) and not row.values.get("machine") and bool(sure)


def _yeastar_leg(row: Row, way: str, rows: int) -> Leg:
    told = row.values
    agent = told["from_agent" if way == "out" else "to_agent"]
    alone = told["start"] if told.get("machine_first") == "0" and rows == 1 else None
    return Leg(agent, told["answer"], told.get("end"), None if way == "out" else told.get("ring") or alone)


def _yeastar_greeted(row: Row | None, way: str) -> str | None:
    return row.values.get("answer") if row is not None and way == "in" else None


def _yeastar_disposition(words: set[str], with_agent: bool, forwarded: str) -> Disposition:
    if forwarded:
        return Disposition.FORWARDED
    if with_agent:
        return Disposition.ANSWERED
    known = (
        ("ABANDONED", Disposition.ABANDONED),
        ("ANSWERED", Disposition.ABANDONED),
        ("BUSY", Disposition.BUSY),
        ("FAILED", Disposition.FAILED),
    )
    return next((made for word, made in known if word in words), Disposition.UNANSWERED)


def _yeastar_hangup(last: Row) -> str | None:
    """``Call Party (Internal Extension)`` or ``Call Party (External Number)``."""
    told = last.values.get("hung_up", "").lower()
    if "internal" in told or "内部" in told or "分机" in told:
        return "agent"
    return "customer" if "external" in told or "外部" in told or "外线" in told else None


# ---------------------------------------------------------------- by a mapping


def mapped(rows: Sequence[Row]) -> LoggedCall:
    """The call of the rows of one call id: one row, or one an agent.  Errors: :class:`RowError` where it tells no direction."""
    ordered = sorted(rows, key=lambda row: row.at or "")
    first, told = ordered[0], ordered[0].values
    way = told.get("direction", "")
    if not way:
        raise RowError(UNCLEAR, UNCLEAR_CURE)
    spoken = [row for row in ordered if "answer" in row.values and row.values.get("agent_id")]
    answer = next((row.values["answer"] for row in ordered if "answer" in row.values), None)
    stated = next((row.values["disposition"] for row in reversed(ordered) if row.values.get("disposition")), None)
    alone = told.get("machine_first") == "0" and "greeted" not in told
    rings = {id(first): told.get("ring") or (told.get("start") if alone else None)}
    rings |= {id(row): row.values.get("ring") for row in ordered[1:]}
    ring = None if way == "out" else rings[id(first)]
    legs = tuple(
        Leg(row.values["agent_id"], row.values["answer"], row.values.get("end"), None if way == "out" else rings[id(row)]) for row in spoken
    )
    own = told.get("own_channel")
    return LoggedCall(
        call_id=first.part,
        source=first.source,
        direction=way,
        disposition=Disposition(stated) if stated else Disposition.ANSWERED if answer else Disposition.UNANSWERED,
        customer_number=told.get("customer_number", ""),
        line_number=told.get("line_number", ""),
        queue=told.get("queue", ""),
        start=told.get("start") or first.at,
        greeted=told.get("greeted"),
        ring=ring,
        answer=answer,
        end=max((row.values["end"] for row in ordered if "end" in row.values), default=None),
        agent_id=told.get("agent_id", ""),
        legs=legs,
        forwarded_to=told.get("forwarded_to", ""),
        hangup_by=ordered[-1].values.get("hangup_by"),
        recording=next((row.recording for row in ordered if row.recording), ""),
        recorded_from=told.get("recorded_from") or None,
        precision_ms=max(int(row.values["precision"]) for row in ordered),
        agent_channel=int(own) if own else agent_channel(told.get("caller_channel"), way),
        notes=(UNKNOWN_RING,) if way == "in" and answer and ring is None else (),
        queued_s=next((float(row.values["queued_s"]) for row in ordered if row.values.get("queued_s")), None),
    )
