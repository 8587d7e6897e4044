"""Who is heard when in a made call: turns with their characters, double talk, sounds, and what the channels are like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from mixing import Placed
from script import CallPlan

ROLES = {"A": "agent", "C": "customer", "N": "announcement", "T": "third_party"}
_BACKCHANNEL = re.compile("[嗯好对是哦啊行，。！]+")  # says that one listens, and takes nobody's turn


def heard_turns(plan: CallPlan, placed: Sequence[Placed], lag_s: float) -> dict[str, Any]:
    """``turns``, ``interruptions``, ``sounds`` and ``channels`` of a line of truth.jsonl; a side that was not recorded says nothing."""
    turns = [p for p in placed if p.spoken.line.role in ROLES and p.spoken.line.role not in plan.dead]
    found: dict[str, Any] = {"turns": [_turn(p, lag_s) for p in turns], "interruptions": list(_interruptions(turns, lag_s))}
    found["sounds"] = [{"what": "music", **_span(p, lag_s)} for p in placed if p.spoken.line.role == "M"]
    return found if plan.mono else found | {"channels": _channels(plan)}


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _span(p: Placed, lag_s: float) -> dict[str, int]:
    return {"start_ms": _ms(p.marks_s[0][0] + lag_s), "end_ms": _ms(p.marks_s[-1][1] + lag_s)}


def _turn(p: Placed, lag_s: float) -> dict[str, Any]:
    marks = [[_ms(a + lag_s), _ms(b + lag_s)] for a, b in p.marks_s]
    return {"role": ROLES[p.spoken.line.role], **_span(p, lag_s), "text": p.spoken.line.text, "characters_ms": marks}


def _interruptions(placed: Sequence[Placed], lag_s: float) -> Iterator[dict[str, Any]]:
    """Where somebody begins while another one speaks, until the first of the two has ended."""
    for before in placed:
        for after in placed:
            (start, end), (own, own_end) = ((p.marks_s[0][0], p.marks_s[-1][1]) for p in (before, after))
            if before.spoken.line.role != after.spoken.line.role and start < own < end:
                backchannel = bool(_BACKCHANNEL.fullmatch(after.spoken.line.text))
                yield {
                    "by": ROLES[after.spoken.line.role],
                    "into": ROLES[before.spoken.line.role],
                    "start_ms": _ms(own + lag_s),
                    "end_ms": _ms(min(end, own_end) + lag_s),
                    "backchannel": backchannel,
                }


def _channels(plan: CallPlan) -> list[dict[str, Any]]:
    """What is wrong with the channels of a stereo file; empty: nothing."""
    facts: list[dict[str, Any]] = [{"fact": "same"}] * plan.same + [{"fact": "swapped"}] * plan.swapped
    if plan.dead:
        facts.append({"fact": "dead", "channel": plan.agent_channel if plan.dead == "A" else 1 - plan.agent_channel})
    if plan.leak_db is not None:
        facts += [{"fact": "leak", "channel": c, "db": plan.leak_db} for c in (0, 1)]
    return facts
