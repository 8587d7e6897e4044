"""Verdicts that the first houses' calls showed to be wrong: names read back, branches of an *or*, pauses inside a turn, silent calls."""

from __future__ import annotations

import pytest
from test_answers import words as spelt
from test_generic_checks import FAIL, INCONCLUSIVE, NA, PASS, judged, outcomes, ran, say, spans, step, words

from qa.check_examples import Scene
from qa.checks import measure, script
from qa.rules import answers
from qa.rules.expression import parse
from qa.rules.model import Condition, Event, Excuse, Limit, Relation, Who

# ---------------------------------------------------------------- answers repeated


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("我姓刘，刘芳。", "刘芳"),
        ("免贵姓刘，叫刘芳。", "刘芳"),
        ("姓欧阳，欧阳小芳。", "欧阳小芳"),
        ("我姓刘。", "刘"),
        ("我姓刘，住和平路。", "刘住和平路"),
    ],
)
def test_surname_before_the_whole_name(said: str, value: str) -> None:
    assert answers.plain(spelt(said)) == value


@pytest.mark.parametrize(
    ("said", "repeated", "least", "most"),
    [
        ("刘刘芳", "刘芳女士，对吗？", 0.5, 1.0),
        ("王晓芳", "王女士，记下了。", 0.1, 0.49),
        ("刘芳", "刘女士，记下了。", 0.1, 0.49),
        ("王晓芳", "好的，记下了。", 0.0, 0.0),
        ("王晓芳", "女士，记下了。", 0.0, 0.0),
    ],
)
def test_part_of_a_name_repeated(said: str, repeated: str, least: float, most: float) -> None:
    assert least <= answers.repeats_words(said, spelt(repeated)) <= most


def test_a_name_of_which_a_part_is_repeated_is_no_fault() -> None:
    asks = step("name", "您贵姓", answer=script.TEXT, read_back=True)
    call = "坐席 1-3 请问您贵姓？\n客户 4-6 {0}\n坐席 7-9 {1}\n客户 10-11 嗯。\n坐席 12-14 再见。"
    assert outcomes(ran(call.format("我姓刘，刘芳。", "刘芳女士，好的。"), asks)) == [PASS]
    assert outcomes(ran(call.format("我叫刘晓芳。", "刘女士，好的。"), asks)) == [INCONCLUSIVE]
    assert outcomes(ran(call.format("我叫刘晓芳。", "好的。"), asks)) == [FAIL]


# ---------------------------------------------------------------- what is told


CALL = "坐席 1-3 您好，请讲。\n客户 4-5 喂。\n坐席 6-8 好的，登记了。\n客户 9-10 哦。\n坐席 11-12 再见。"


def test_only_the_branches_that_fail_are_told() -> None:
    greeted, asked, gone, thanked = say("greeted", "您好"), say("asked", "您的地址"), say("gone", "登记了"), say("thanked", "感谢您的来电")
    (found,) = judged(CALL, greeted, asked, gone, thanked, require="(greeted or asked) and thanked")
    assert found.outcome is FAIL and found.value("missing") == "“感谢您的来电”" and "您的地址" not in found.message
    (found,) = judged(CALL, greeted, asked, gone, thanked, require="not (gone and (asked or greeted)) and greeted")
    assert found.outcome is FAIL and "您的地址" not in found.message and "登记了" in found.message


def test_only_the_branches_that_are_open_are_told() -> None:
    greeted, closed = say("greeted", "您好"), say("closed", "祝您愉快", where=words("x", "x").where)
    bad = Condition("bad", Limit("pitch_range_st", low=90.0))
    mono = Scene("坐席 1-2 您好。", closing="")
    (found,) = judged(mono, greeted, closed, bad, require="(greeted or bad) and closed")
    assert found.outcome is INCONCLUSIVE and "说话不足" not in found.message


# ---------------------------------------------------------------- occasions


ASKS = say("asks", "请稍等", "我看一下")
PAUSE = Condition("pause", Event("silence", 3.0), relation=Relation("after", "asks", within_s=2.0, which="any"))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("坐席 1-3 您好，请稍等。\n坐席 23-24 我看一下，查到了。\n坐席 24.2-25 再见。", [FAIL]),
        ("坐席 1-3 您好，请稍等。\n坐席 7-8 我看一下，查到了。\n坐席 8.2-9 再见。", [FAIL]),
        ("坐席 1-3 请稍等，我看一下。\n坐席 3.3-5 查到了。", [PASS]),
    ],
)
def test_an_occasion_does_not_reach_over_a_pause(call: str, expected: list[object]) -> None:
    assert outcomes(judged(call, ASKS, PAUSE, forbid="pause")) == expected


def test_words_far_apart_in_one_turn_are_two_occasions() -> None:
    complaint = words("complaint", "要投诉", who=Who.CUSTOMER)
    apology = say("apology", "非常抱歉", relation=Relation("after", "complaint", within_s=60.0))
    came = "你们的师傅昨天来了一趟什么都没修就走了"
    talk = f"坐席 1-2 您好。\n客户 3-4 我要投诉。\n客户 4.1-{{0}} {came}\n客户 {{0}}-{{1}} 我要投诉。\n坐席 40-42 非常抱歉。"
    assert len(judged(talk.format(6, 7), complaint, apology, require="apology")) == 1
    assert spans(judged(talk.format(12, 13), complaint, apology, require="apology")) == [(40000, 42000)] * 2


def test_no_occasion_where_the_trigger_is_false_for_the_whole_call() -> None:
    puzzled = words("puzzled", "没听懂", who=Who.CUSTOMER)
    sorry = say("sorry", "对不起", relation=Relation("after", "puzzled", within_turns=1))
    mute = Condition("mute", Limit("talk_share_percent", high=4.0), who=Who.CUSTOMER)
    silent = "坐席 1-3 您好，请讲。\n坐席 6-9 您好，您的电话已接通，请讲话。"
    assert outcomes(judged(silent, puzzled, sorry, mute, require="sorry", trigger="puzzled and not mute")) == [NA]
    assert outcomes(judged(silent, puzzled, sorry, mute, require="sorry", trigger="puzzled")) == [INCONCLUSIVE]


# ---------------------------------------------------------------- excuses


SAME = Condition("same", Limit("duration_s", high=60.0))


@pytest.mark.parametrize(("outcome", "expected"), [("not_applicable", NA), ("pass", PASS), ("inconclusive", INCONCLUSIVE)])
def test_an_excuse_reaches_what_is_left_open(outcome: str, expected: object) -> None:
    asks = step("phone", "联系电话", answer=script.DIGITS, read_back=True)
    talk = "坐席 1-3 请留一下联系电话。\n客户 4-6 就打这个号码。\n坐席 7-8 好的。\n客户 9-10 嗯。\n坐席 11-12 再见。"
    excuse = Excuse(parse("same"), outcome, "用来电号码")
    assert outcomes(ran(talk, asks)) == [INCONCLUSIVE]
    (found,) = ran(talk, asks, excuses=(excuse,), conditions=(SAME,))
    assert found.outcome is expected and "用来电号码" in found.message
    asked = judged("坐席 1-3 @0.4 这事不归我管。\n客户 4-5 喂。", words("bad", "不归我管"), SAME, forbid="bad", excuses=(excuse,))
    assert outcomes(asked) == [expected]


def test_an_excuse_that_nobody_knows_of_leaves_open_what_is_open() -> None:
    excuse = Excuse(parse("waited"), "pass", "等了很久")
    waited = Condition("waited", Limit("pitch_range_st", low=1.0), who=Who.CUSTOMER)
    params = measure.Params(measure="pitch_range_st", low=3.0, excuses=(excuse,), conditions=(waited,))
    (found,) = measure.run(Scene("坐席 0.5-1.5 喂？")(), params)
    assert found.outcome is INCONCLUSIVE and "等了很久" not in found.message
