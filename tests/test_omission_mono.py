"""Words that were said, but are put down to the wrong voice of one channel, are not an omission."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qa import any_voice, rulebook, scoring
from qa.check_examples import Scene
from qa.types import Call, Outcome

GREETING = """
坐席 0.6-4.0 您好，华宁通信，工号一零二四，很高兴为
客户 4.1-8.0 {}我们家的箱子坏了
坐席 9.0-14.0 请问是哪个小区几号楼
客户 15.0-18.0 梧桐苑五号楼
坐席 19.0-24.0 已经登记好了，今天下班前有人去装上
客户 24.5-25.5 好的
坐席 26.0-30.0 {}
"""
CLOSING = "感谢您的来电，祝您生活愉快，再见"


def outcomes(call: Call) -> dict[str, tuple[Outcome, str]]:
    card = scoring.score(call, rulebook.load("default"))
    return {r.check_id: (r.outcome, " ".join(f.message for f in r.findings)) for r in card}


def by_voice(scene: Scene) -> Call:
    """The call with its two sides as if an engine had told them apart."""
    call = scene()
    return replace(call, turns=replace(call.turns, method="engine/x@0", exclusive=call.turns.turns))


@pytest.mark.parametrize("said, expected", [("您服务。", Outcome.INCONCLUSIVE), ("", Outcome.FAIL)])
def test_a_greeting_cut_at_a_change_of_voice_is_not_missing(said: str, expected: Outcome) -> None:
    scene = Scene(GREETING.format(said, CLOSING))
    assert outcomes(scene())["greeting"][0] is Outcome.FAIL  # two channels: the agent did not say it
    found, message = outcomes(by_voice(scene))["greeting"]
    assert found is expected and (any_voice.BY_VOICE in message) is (said != "")


def test_a_closing_put_down_to_the_other_voice_is_not_missing() -> None:
    scene = Scene(GREETING.format("", "请稍等") + f"客户 30.2-33.0 {CLOSING}\n")
    assert outcomes(scene())["closing"][0] is Outcome.FAIL
    found, message = outcomes(by_voice(scene))["closing"]
    assert found is Outcome.INCONCLUSIVE and any_voice.BY_VOICE in message
