"""A call and short hands for the tests of conditions."""

from __future__ import annotations

from typing import Any

from qa.check_examples import Scene
from qa.rules.conditions import Found, evaluate
from qa.rules.expression import Truth
from qa.rules.model import Condition, Say, Who
from qa.types import Call

TRUE, FALSE, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN

TALK = """
坐席 0.5-3.5 您好，华宁通信。
客户 4.0-6.0 我要投诉你们。
坐席 6.5-9.5 非常抱歉，请您稍等。
客户 10.0-11.0 好的。
坐席 20.0-23.0 感谢您的等待，
客户 23.5-24.0 嗯。
坐席 24.5-27.5 感谢您的来电，再见。
"""


def say(*wordings: str, id: str = "it", **more: Any) -> Condition:
    own = {name: more.pop(name) for name in ("at_least", "permitted", "near", "far") if name in more}
    return Condition(id, Say(wordings, **{"far": 0.3, **own}), **more)


def found(condition: Condition, call: Call | Scene | str, *others: Condition, favour: bool = True, slots: Any = ()) -> Found:
    scene = Scene(call) if isinstance(call, str) else call
    return evaluate(condition, scene if isinstance(scene, Call) else scene(), {c.id: c for c in others}, slots, favour)


def spans(result: Found) -> list[tuple[int, int]]:
    return [(hit.span.start_ms, hit.span.end_ms) for hit in result.hits]


COMPLAINT = say("要投诉", id="complaint", who=Who.CUSTOMER)
WAIT = say("请您稍等", id="wait")
