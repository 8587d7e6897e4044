"""What a rule of the language demands is missing from a recording of one channel only if no voice said it where it was due."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qa import any_voice
from qa.check_examples import Scene
from qa.checks import phrase, script
from qa.rules.expression import Name
from qa.rules.model import Condition, Regex, Relation, Say, Where, Who
from qa.rules.steps import DIGITS, Step
from qa.types import Call, Finding, Outcome, Role

FAIL, PASS, INCONCLUSIVE = Outcome.FAIL, Outcome.PASS, Outcome.INCONCLUSIVE

TALK = """
坐席 0.5-3.5 您好，华宁通信。
客户 4.0-6.0 我要投诉你们。
坐席 6.5-9.5 {}
客户 9.6-12.0 {}
坐席 12.5-15.0 这边帮您登记一下。
客户 16.0-18.0 好的没别的了。
坐席 30.0-33.0 登记号是十二号，
客户 40.0-43.0 {}
坐席 44.0-47.0 感谢您的来电，再见。
"""
NOTHING = TALK.format("我看一下单子。", "那你们快一点。", "好的知道了。")


def by_voice(scene: Scene) -> Call:
    """The call with its two sides as if an engine had told them apart."""
    call = scene()
    return replace(call, turns=replace(call.turns, method="engine/x@0", exclusive=call.turns.turns))


def required(call: Call, *conditions: Condition) -> Finding:
    (found,) = phrase.run(call, phrase.Params(require=Name(conditions[0].id), conditions=conditions))
    return found


COMPLAINT = Condition("complaint", Say(("要投诉",), far=0.3), Who.CUSTOMER)
APOLOGY = Condition("apology", Say(("(很|非常)抱歉",), far=0.3), relation=Relation("after", "complaint", within_turns=1))


@pytest.mark.parametrize(
    "agent, customer, late, expected",
    [
        ("我看一下单子。", "那你们快一点。", "好的知道了。", FAIL),
        ("我看一下单子。", "非常抱歉，那你们快一点。", "好的知道了。", INCONCLUSIVE),  # put down to the other voice
        ("我看一下单子非常", "抱歉，那你们快一点。", "好的知道了。", INCONCLUSIVE),  # cut at a change of voice
        ("我看一下单子。", "那你们快一点。", "非常抱歉打扰你们了。", FAIL),  # by the customer, long after it was due
        ("非常抱歉。", "那你们快一点。", "好的知道了。", PASS),
    ],
)
def test_missing_only_where_no_voice_said_it_where_it_was_due(agent: str, customer: str, late: str, expected: Outcome) -> None:
    scene = Scene(TALK.format(agent, customer, late))
    found = required(by_voice(scene), APOLOGY, COMPLAINT)
    assert found.outcome is expected and (any_voice.BY_VOICE in found.message) is (expected is INCONCLUSIVE)
    assert expected is PASS or required(scene(), APOLOGY, COMPLAINT).outcome is FAIL  # two channels: the agent did not say it


THANKS = Condition("it", Say(("感谢您的支持",), far=0.3))


def test_what_the_second_decode_of_any_voice_has_may_be_the_agents() -> None:
    call = by_voice(Scene(NOTHING))
    assert required(call, THANKS).outcome is FAIL
    other = by_voice(Scene(NOTHING.replace("好的知道了", "感谢您的支持"))).transcript.edges
    edges = tuple(theirs if mine.speaker == "ch1" else mine for mine, theirs in zip(call.transcript.edges, other, strict=True))
    found = required(replace(call, transcript=replace(call.transcript, edges=edges)), THANKS)
    assert found.outcome is INCONCLUSIVE and any_voice.BY_VOICE in found.message


def test_without_a_second_decode_or_sure_roles_nothing_is_missing() -> None:
    call = by_voice(Scene(NOTHING))
    once = replace(call, transcript=replace(call.transcript, edges=()))
    unsure = tuple(replace(a, role=Role.UNKNOWN, confidence=0.5) for a in call.roles.assignments)
    nobody = replace(call, roles=replace(call.roles, assignments=unsure, doubt="说话人角色不确定"))
    assert [required(c, THANKS).outcome for c in (call, once, nobody)] == [FAIL, INCONCLUSIVE, INCONCLUSIVE]


def test_speech_that_nobody_transcribed_may_have_been_it_whoevers_it_is_taken_for() -> None:
    lost = NOTHING.replace("好的知道了。", "").replace("好的没别的了。", "")
    found = required(by_voice(Scene(lost)), THANKS)
    assert found.outcome is INCONCLUSIVE and "没有转写" in found.message
    assert required(Scene(lost)(), THANKS).outcome is FAIL  # the customer's channel


def test_an_expression_over_a_change_of_voice() -> None:
    regex = Condition("it", Regex("单子.{0,2}尽快"))
    assert required(by_voice(Scene(TALK.format("我看一下单子", "尽快吧。", "好的。"))), regex).outcome is INCONCLUSIVE
    assert required(by_voice(Scene(TALK.format("我看一下单子", "快一点。", "好的。"))), regex).outcome is FAIL


def test_the_last_turn_may_be_the_one_before() -> None:
    """A word of the customer's that was taken for the agent's makes a last turn of its own."""
    text = NOTHING + "客户 47.2-47.6 好\n坐席 47.8-48.2 嗯\n"
    bye = Condition("it", Say(("再见",), far=0.3), where=Where(last_turns=1))
    assert required(Scene(text)(), bye).outcome is FAIL
    assert required(by_voice(Scene(text)), bye).outcome is INCONCLUSIVE


# ---------------------------------------------------------------- scripts


STEPS = (
    Step("address", "问地址", Say(("(您|你)的地址",), far=0.3)),
    Step("name", "问姓名", Say(("(您|你)贵姓",), far=0.3)),
    Step("phone", "问电话", Say(("联系电话",), far=0.3), answer=DIGITS, read_back=True),
)
SCRIPT = """
坐席 0.5-3.5 您好，请问您的地址。
客户 4.0-6.0 {}
坐席 7.0-9.0 请问您贵姓。
客户 9.5-10.5 姓王。
坐席 11.0-13.5 请留一下联系电话。
客户 14.0-19.0 幺三八零零幺二三四五六{}
坐席 20.0-24.0 {}
客户 30.0-32.0 好的没有别的了。
坐席 33.0-36.0 好的，维修人员会尽快上门。
"""
NUMBER = "幺三八零零幺二三四五六"


def went(text: str, mono: bool = True, **more: Any) -> list[Finding]:
    scene = Scene(text)
    return list(script.run(by_voice(scene) if mono else scene(), script.Params(steps=STEPS, **more)))


@pytest.mark.parametrize(
    "place, customer, expected",
    [("请问您贵姓。", "和平路。", PASS), ("好的稍等。", "和平路。", FAIL), ("好的稍等。", "和平路请问您贵姓", INCONCLUSIVE)],
)
def test_a_step_that_another_voice_went_through_is_not_missing(place: str, customer: str, expected: Outcome) -> None:
    text = SCRIPT.format(customer, "。", f"您的电话是{NUMBER}。").replace("请问您贵姓。", place)
    (found,) = went(text)
    assert found.outcome is expected and (any_voice.BY_VOICE in found.message) is (expected is INCONCLUSIVE)
    assert [f.outcome for f in went(text, mono=False)] == [PASS if expected is PASS else FAIL]


@pytest.mark.parametrize(
    "again, agent, expected",
    [
        ("。", f"您的电话是{NUMBER}。", PASS),
        ("。", "好的记下来了。", FAIL),
        (f"您的电话是{NUMBER}对吧", "好的记下来了。", INCONCLUSIVE),
        ("尾号三四五六对吧", "好的记下来了。", INCONCLUSIVE),
    ],
)
def test_an_answer_that_another_voice_repeated_may_have_been_repeated_by_the_agent(again: str, agent: str, expected: Outcome) -> None:
    outcomes = [f.outcome for f in went(SCRIPT.format("和平路。", again, agent))]
    assert outcomes == [expected]


def test_a_step_out_of_its_order_is_so_unless_another_voice_went_through_it_in_order() -> None:
    late = (
        SCRIPT.format("和平路。", "。", f"您的电话是{NUMBER}。").replace("请问您贵姓", "好的稍等").replace("好的，维修", "请问您贵姓，维修")
    )
    assert [(f.outcome, "顺序不对" in f.message) for f in went(late)] == [(FAIL, True)]
    assert [f.outcome for f in went(late.replace("姓王。", "您贵姓王。"))] == [INCONCLUSIVE]


def test_a_script_is_too_long_unless_another_voice_made_it_shorter() -> None:
    text = SCRIPT.format("和平路。", "。", f"您的电话是{NUMBER}。")
    assert [f.outcome for f in went(text, within_s=4.0)] == [FAIL]
    assert [f.outcome for f in went(text.replace("和平路。", "您的地址，和平路"), within_s=4.0)] == [INCONCLUSIVE]


def test_all_that_was_heard_is_one_voice_and_only_in_one_channel() -> None:
    heard = by_voice(Scene(NOTHING))
    found = any_voice.together(heard)
    assert found is not None and {e.speaker for e in found.edges} == {any_voice.ANYBODY}
    assert sum(len(e.words) for e in found.edges) == sum(len(e.words) for e in heard.transcript.edges)
    assert "".join(u.text for u in found.utterances) == "".join(u.text for u in heard.transcript.utterances)
    assert any_voice.together(Scene(NOTHING)()) is None
