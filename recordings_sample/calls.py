"""One planned call made into a recording, its row of calls.csv and its line of truth.jsonl."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context
from typing import Any

import numpy as np
from mixing import RATE_HZ, Float, Placed, decode, encode, lag_s, lay_out, mix
from script import BANNED, CHECKS, CallPlan
from speaking import Speaker, Voice, music
from truth_measures import active_level_dbov, rate_cpm, rings_begun
from truth_turns import heard_turns

COLUMNS = (
    "file",
    "call_id",
    "agent_id",
    "agent_name",
    "team",
    "direction",
    "customer_number",
    "line_number",
    "start",
    "answer",
    "end",
    "hangup_by",
    "agent_channel",
)
LIMITS = {"speech_rate": (140.0, 200.0), "volume": (-35.0, -15.0), "pickup": (1.0, 3.0)}
"""Of the default rule book: characters a minute, dBov, rings."""
_GREETING_WITHIN_S, _CLOSING_WITHIN_S = 10.0, 15.0
# How near to its limit a planted measure may come: a truth that a hair could turn is none.
_RATE_ROOM, _LEVEL_ROOM = 0.8, 0.8

Truth = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """``data`` is the recording, ``row`` its record in the order of COLUMNS, ``truth`` its line of truth.jsonl."""

    file: str
    data: bytes
    row: tuple[str, ...]
    truth: Truth


def make(plan: CallPlan) -> Made:
    """The call of ``plan`` in a process of its own.

    The C library keeps a state from one text to the next and has been seen to crash: a fresh process makes each call
    repeatable, and a crash, or a measure that
    came out too near to a limit, costs one attempt with other chances.  Raises RuntimeError after four.
    """
    # forked from a server that has no threads: a child of this process could inherit a lock that nobody will open
    context = get_context("forkserver")
    context.set_forkserver_preload(["warm"])
    failure: Exception | None = None
    for attempt in range(4):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                return pool.submit(_make, plan, attempt).result()
            except (BrokenProcessPool, ValueError) as error:
                failure = error
    raise RuntimeError(f"{plan.file} cannot be made in four attempts") from failure


def _make(plan: CallPlan, attempt: int) -> Made:
    from espeak import Espeak

    rng = random.Random(f"{plan.seed}/{plan.file}/{attempt}")
    espeak = Espeak()
    agent_lines = [x for x in plan.lines if x.role == "A"]
    customer_lines = [x for x in plan.lines if x.role == "C"]
    agent = Speaker(espeak, Voice(plan.agent.voice, 42 + attempt, 55), f"{plan.seed}/{attempt}")
    customer = Speaker(espeak, Voice(plan.customer_voice, rng.randint(35, 60), rng.randint(40, 70)), f"{plan.seed}/{attempt}")
    others = {"N": (Voice(plan.announcer_voice, 55, 35), 170.0), "T": (Voice(plan.third_voice, 45 + attempt, 55), 185.0)}
    said = {
        "A": iter(agent.at_rate(agent_lines, plan.rate_cpm)) if agent_lines else iter(()),
        "C": iter(customer.at_rate(customer_lines, rng.uniform(175, 225))) if customer_lines else iter(()),
    }
    for role, (voice, rate) in others.items():
        if lines := [x for x in plan.lines if x.role == role]:
            said[role] = iter(Speaker(espeak, voice, f"{plan.seed}/{attempt}").at_rate(lines, rate))
    said["M"] = (music(line) for line in plan.lines if line.role == "M")
    answer_s = plan.ring_s if plan.ring_heard else 0.0
    placed, length_s = lay_out([next(said[x.role]) for x in plan.lines], answer_s, plan, rng)
    state, tuned = rng.getstate(), plan
    for _ in range(1 if attempt == 0 else 3):
        rng.setstate(state)
        signal, alone = mix(placed, length_s, answer_s, tuned, rng)
        data = encode(signal, plan.codec)
        heard = decode(data)
        lag = lag_s(signal, heard) if plan.codec in ("mp3", "opus") else 0.0
        level = active_level_dbov(_agent(plan, heard, alone)[round((answer_s + lag) * RATE_HZ) :], RATE_HZ)[0]
        if level is not None:  # a lossy codec takes some of a quiet signal away: a later attempt makes up for it
            tuned = replace(tuned, level_dbov=tuned.level_dbov + plan.level_dbov - level)
    return Made(plan.file, data, _row(plan, length_s), _truth(plan, placed, answer_s, length_s, lag, level))


def _agent(plan: CallPlan, heard: Float, alone: Float) -> Float:
    """The agent's speech over the line's noise: the channel that was recorded, if nobody else is heard on it."""
    side = {x.role for x in plan.lines} & {"N", "M", *("T" if plan.third_side == "A" else "")}
    if plan.dead == "A":
        return np.zeros(1)
    return alone if plan.mono or plan.same or side or plan.leak_db is not None else heard[:, plan.agent_channel]


def _row(plan: CallPlan, length_s: float) -> tuple[str, ...]:
    """The switch's record: ``end`` is the end of the recording, which begins at the first ring or at the answer."""
    answer = plan.start + timedelta(milliseconds=round(plan.ring_s * 1000))
    end = (
        answer
        + timedelta(milliseconds=round(length_s * 1000))
        - timedelta(milliseconds=round(plan.ring_s * 1000) if plan.ring_heard else 0)
    )
    stamp = [t.isoformat(timespec="milliseconds") for t in (plan.start, answer, end)] if plan.times_recorded else ["", "", ""]
    channel = 1 - plan.agent_channel if plan.swapped else plan.agent_channel
    return (
        plan.file,
        plan.call_id,
        plan.agent.number,
        plan.agent.name,
        plan.agent.team,
        plan.direction,
        plan.customer_number,
        plan.line_number,
        *stamp,
        plan.hangup_by,
        str(channel) if plan.channel_recorded else "",
    )


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _truth(plan: CallPlan, placed: Sequence[Placed], answer_s: float, length_s: float, lag: float, level: float | None) -> Truth:
    syllables = [(a + lag, b + lag) for p in placed if p.spoken.line.role == "A" for a, b in p.marks_s]
    rate = None if plan.unheard or plan.dead == "A" else rate_cpm(syllables)
    level = None if plan.unheard or not syllables else level
    rings = rings_begun(plan.ring_s) if plan.direction == "in" and (plan.times_recorded or plan.ring_heard) else None
    heard = heard_turns(plan, placed, lag)
    truth = {
        "file": plan.file,
        "verdicts": _verdicts(plan, bool(syllables), rate, level, rings),
        **heard,
        "measures": {
            "rate_cpm": None if rate is None else round(rate, 1),
            "level_dbov": None if level is None else round(level, 2),
            "rings": rings,
        },
    }
    faults = _faults(plan, truth, placed, answer_s + lag, length_s, lag)
    return truth | {"faults": faults, "near": sorted(plan.near)}


def _within(value: float, window: tuple[float, float], room: float, what: str) -> str:
    if min(abs(value - limit) for limit in window) < room:
        raise ValueError(f"{what} {value:.2f} lies too near to a limit of {window}")
    return "pass" if window[0] <= value <= window[1] else "fail"


def _limits(plan: CallPlan) -> dict[str, tuple[float, float]]:
    return LIMITS if plan.judged is None else {rule: (low, high) for rule, low, high in plan.judged.limits}


def _verdicts(plan: CallPlan, agent_spoke: bool, rate: float | None, level: float | None, rings: int | None) -> dict[str, str]:
    limits = _limits(plan)
    verdicts = dict.fromkeys(CHECKS if plan.judged is None else limits, "inconclusive")
    if "pickup" in limits and plan.direction == "out":
        verdicts["pickup"] = "not_applicable"
    elif "pickup" in limits and rings is not None:
        verdicts["pickup"] = "pass" if rings <= limits["pickup"][1] else "fail"
    # Without the agent in the recording, or without words that anybody could make out, nothing else can be told.
    if plan.unheard or not agent_spoke or rate is None or level is None:
        return verdicts
    lines = [x for x in plan.lines if x.role == "A"]
    if plan.judged is None:
        verdicts["greeting"] = "pass" if plan.greeting == "proper" else "fail"
        verdicts["closing"] = {"proper": "pass", "missing": "fail", "cut_off": "not_applicable", "handed_over": ""}[plan.closing]
        verdicts["banned_phrases"] = "fail" if any(x.banned for x in lines) else "pass"
    if "speech_rate" in limits:
        verdicts["speech_rate"] = _within(rate, limits["speech_rate"], _RATE_ROOM, f"{plan.file}: rate")
    if "volume" in limits:
        volume = _within(level, limits["volume"], _LEVEL_ROOM, f"{plan.file}: level")
        verdicts["volume"] = "fail" if plan.clip or any(x.shout for x in lines) else volume
    known = verdicts | dict(plan.judged.verdicts if plan.judged else ())
    return {check: verdict for check, verdict in known.items() if verdict}


def _faults(plan: CallPlan, truth: Truth, placed: Sequence[Placed], answer_s: float, length_s: float, lag: float) -> list[Truth]:
    """What is wrong and when; an omission is timed by the seconds in which the words were due."""
    failed = [c for c, v in truth["verdicts"].items() if v == "fail"]
    agent = [p for p in placed if p.spoken.line.role == "A"]
    found: list[Truth] = []

    def add(check: str, start_s: float, end_s: float, what: str) -> None:
        if check in failed:
            found.append({"check": check, "start_ms": _ms(start_s), "end_ms": _ms(min(end_s, length_s)), "what": what})

    first = agent[0].marks_s[0][0] + lag if agent else answer_s
    last = agent[-1].marks_s[-1][1] + lag if agent else length_s
    if plan.judged is None:
        add("greeting", answer_s, answer_s + _GREETING_WITHIN_S, {"missing": "未报问候语"}.get(plan.greeting, "问候语不完整"))
        add("closing", max(answer_s, length_s - _CLOSING_WITHIN_S), length_s, "未说结束语")
    rate = truth["measures"]["rate_cpm"]
    if rate is not None and "speech_rate" in _limits(plan):
        add("speech_rate", first, last, "语速过快" if rate > _limits(plan)["speech_rate"][1] else "语速过慢")
    _volume_faults(plan, truth, agent, (first, last, lag), add)
    for p in placed:
        for rule, begin, end in p.spoken.line.marked:
            if rule == BANNED and p.spoken.line.role != "A":
                continue  # what the customer says is no fault; what another rule is about may be the customer's words
            hit = [m for m, c in zip(p.marks_s, p.spoken.chars, strict=True) if begin <= c < end]
            add(rule, hit[0][0] + lag, hit[-1][1] + lag, p.spoken.line.text[begin:end])
    for rule, begin, end, what in plan.judged.omitted if plan.judged else ():
        from_s = placed[begin - 1].marks_s[0][0] + lag if begin else answer_s
        add(rule, from_s, placed[end - 1].marks_s[-1][1] + lag if end else length_s, what)
    add("pickup", 0.0, answer_s, f"响铃{truth['measures']['rings']}声才接")
    return found


def _volume_faults(plan: CallPlan, truth: Truth, agent: Sequence[Placed], span: tuple[float, float, float], add: Any) -> None:
    level = truth["measures"]["level_dbov"]
    first, last, lag = span
    quietest, loudest = _limits(plan).get("volume", (-1e9, 1e9))
    if level is not None and level < quietest:
        add("volume", first, last, "音量过小")
    if level is not None and level > loudest:
        add("volume", first, last, "音量过大")
    if plan.clip:
        add("volume", first, last, "削波失真")
    for p in agent:
        if p.spoken.line.shout:
            add("volume", p.marks_s[0][0] + lag, p.marks_s[-1][1] + lag, "高声喊叫")
