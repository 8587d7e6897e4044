"""What the customer tells before it is asked: no step is held against the agent that need not be gone through."""

from __future__ import annotations

import pytest
from test_generic_checks import FAIL, INCONCLUSIVE, PASS

from qa.check_examples import Scene
from qa.checks import script
from qa.rules.model import Say
from qa.rules.steps import Step
from qa.types import Finding

ADDRESS = Step("address", "问地址", Say(("您的[具体]地址", "您家住哪"), far=0.3), answer="text")
NAME = Step("name", "问姓名", Say(("您贵姓", "怎么称呼您"), far=0.3), answer="text")
PHONE = Step("phone", "问电话", Say(("联系电话", "手机号"), far=0.3), answer="digits", read_back=True)
METER = Step("meter", "问表号", Say(("表上的号码",), far=0.3), answer="digits")
FAULT = Step("fault", "问故障", Say(("什么故障",), far=0.3), answer="text")
PAID = Step("paid", "问服务", Say(("服务怎么样",), far=0.3), answer=("满意", "不满意"))
SOLVED = Step("solved", "问解决", Say(("问题解决了吗",), far=0.3), answer=("是", "否"))

TALK = """
坐席 0.5-3 您好，请讲。
客户 4-12 {told}
坐席 13-18 {reply}
客户 19-19.5 对。
坐席 20-22 您贵姓？
客户 23-24 {name}
坐席 25-27 好的，马上安排，再见。
"""


def run(told: str, *steps: Step, reply: str = "好的，知道了。", name: str = "姓王。") -> list[Finding]:
    return list(script.run(Scene(TALK.format(told=told, reply=reply, name=name))(), script.Params(steps=steps)))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (ADDRESS, "我家暖气不热，我住幸福小区三号楼。"),
        (ADDRESS, "人民路八号没有暖气。"),
        (PHONE, "我的号是一三八零零一二三四五六，你们来看看。"),
        (FAULT, "有个故障，灶打不着火。"),
        (PAID, "师傅来过了，我很不满意。"),
        (SOLVED, "上次的问题还没有解决。"),
    ],
)
def test_what_was_told_already_is_left_to_a_person(step: Step, told: str) -> None:
    (found,) = run(told, step, NAME)
    assert found.outcome is INCONCLUSIVE and f"没有问“{step.title}”，但客户在第 " in found.message
    assert found.evidence[0].role.value == "customer" and found.value("missing") == step.title


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (ADDRESS, "我家暖气不热，冷得很。"),
        (ADDRESS, "我叫王小明，灶坏了。"),  # a name is no address
        (PHONE, "我家三号楼，五零一不热。"),
        (FAULT, "您好，我想报修。"),
        (PAID, "对，是的。"),
        (SOLVED, "对，是的。"),
    ],
)
def test_what_was_not_told_is_missing(step: Step, told: str) -> None:
    (found,) = run(told, step, NAME)
    assert found.outcome is FAIL and found.value("missing") == step.title


def test_an_answer_to_another_question_answers_no_second_one() -> None:
    (found,) = run("灶坏了。", NAME, PHONE, name="我姓王。")
    assert found.outcome is FAIL and found.value("missing") == "问电话"
    meter = "坐席 0.5-3 请报表上的号码。\n客户 4-8 七七八八九九六六。\n坐席 9-11 好的，再见。\n客户 11.5-12 嗯。\n坐席 12.5-13 再见。"
    (found,) = script.run(Scene(meter)(), script.Params(steps=(METER, PHONE)))
    assert found.outcome is FAIL and found.value("missing") == "问电话"


def test_a_number_that_the_agent_repeated_is_done() -> None:
    told, again = "我家灶坏了，电话一三八零零一二三四五六。", "您的电话一三八零零一二三四五六，对吗？"
    (found,) = run(told, PHONE, NAME, reply=again)
    assert found.outcome is PASS and found.value("answer_phone") == "13800123456"
    (in_part,) = run(told, PHONE, NAME, reply="尾号三四五六，对吗？")
    assert in_part.outcome is INCONCLUSIVE
    assert {f.outcome for f in run(told, METER, PHONE, NAME, reply=again)} == {INCONCLUSIVE}  # one number, two questions


def test_a_question_asked_out_of_its_order_is_out_of_its_order() -> None:
    text = (
        TALK.format(told="我住幸福小区三号楼。", reply="好的。", name="姓王。")
        + "坐席 28-30 您的具体地址？\n客户 31-33 三号楼。\n坐席 34-35 好。"
    )
    (found,) = script.run(Scene(text)(), script.Params(steps=(ADDRESS, NAME)))
    assert found.outcome is FAIL and "顺序不对" in found.message
