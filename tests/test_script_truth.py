"""Verdicts of greetings and scripts that must not be wrong: late and repeated wordings, what nobody heard, limits, answers in the midst."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_generic_checks import BYE, FAIL, INCONCLUSIVE, PASS, outcomes, ran, step

from qa.check_examples import Scene
from qa.checks import greeting, script
from qa.rules.model import Who
from qa.types import Finding, Outcome, Word

# ---------------------------------------------------------------- greeting


WHOLE = "您好，华宁通信，很高兴为您服务。"
LATE = "坐席 0.5-1.5 喂，请讲。\n坐席 11.5-14 " + WHOLE + "\n客户 15-16 我想查话费。"


def greeted(text: str, opening: str | None = None) -> Finding:
    (found,) = greeting.run(Scene(text, opening=opening)(), greeting.Params())
    return found


def test_the_decode_that_has_the_greeting_in_time_counts() -> None:
    found = greeted(LATE, "坐席 0.5-3.5 " + WHOLE + "\n坐席 11.5-14 " + WHOLE)
    assert found.outcome is PASS and found.value("decode") == 1 and found.evidence[0].span.start_ms == 500


def test_a_greeting_said_again_later_does_not_hide_the_one_in_time() -> None:
    both = "坐席 0.5-3.5 {0}，华林通信，很高兴为您服务。\n坐席 11.5-14 " + WHOLE
    for first in ("您好", "宁好"):
        found = greeted(both.format(first))
        assert found.outcome is PASS and found.evidence[0].span.start_ms < 3000, first


def test_a_greeting_that_may_be_one_is_left_open_whatever_comes_later() -> None:
    alike = "坐席 0.5-3.5 您好，华东通信，很高兴为您服务。\n坐席 12.5-14.8 " + WHOLE
    assert greeted(alike.replace("您好，华东", "宁好，华东")).outcome is INCONCLUSIVE


def test_a_late_greeting_is_late_in_both_decodes() -> None:
    found = greeted(LATE)
    assert found.outcome is FAIL and "到第 11.5 秒才说" in found.message
    without_the_first_word = greeted(LATE, "坐席 11.5-14 " + WHOLE)
    assert without_the_first_word.outcome is FAIL


def test_a_late_greeting_in_the_midst_of_one_long_word() -> None:
    call = Scene(LATE.replace("11.5-14 您好", "11.5-14 喂您好"))()
    first, late, *others = call.transcript.utterances
    whole = Word(late.text, late.span, 0.95)
    said = tuple(replace(u, words=(whole,)) if u == late else u for u in call.transcript.utterances)
    edges = tuple(replace(e, words=(*first.words, whole)) if e.speaker == late.speaker else e for e in call.transcript.edges)
    (found,) = greeting.run(replace(call, transcript=replace(call.transcript, utterances=said, edges=edges)), greeting.Params())
    assert others and found.outcome is FAIL and "秒才说" in found.message


def test_late_is_told_only_of_what_begins_late() -> None:
    third_turn = f"坐席 0.5-1 喂。\n客户 1.5-2 喂。\n坐席 2.5-3 在吗。\n客户 3.5-4 在。\n坐席 5-8 {WHOLE}\n客户 9-10 好。"
    found = greeted(third_turn)
    assert found.outcome is FAIL and "秒才说" not in found.message


@pytest.mark.parametrize(("start", "expected"), [(10.3, PASS), (10.6, INCONCLUSIVE), (10.9, FAIL)])
def test_a_greeting_late_by_less_than_the_error(start: float, expected: Outcome) -> None:
    assert greeted(f"坐席 0.5-1.5 喂，请讲。\n坐席 {start}-13.5 {WHOLE}\n客户 15-16 嗯。").outcome is expected


# ---------------------------------------------------------------- order


NAME, ADDRESS = step("name", "您贵姓"), step("address", "您的地址")
TURNED = """
坐席 1-3 请问您的地址？
客户 4-5 和平路。
坐席 6-8 请问您贵姓？
客户 9-10 姓王。
{0}
坐席 14-17 好的，师傅会尽快联系您。
客户 18-19 嗯。
"""


@pytest.mark.parametrize(
    ("middle", "expected"),
    [
        ("坐席 11-12 好的。", FAIL),
        ("坐席 11-13", INCONCLUSIVE),
        ("坐席 11-13 @0.3 您的地板对吗好的好的。", INCONCLUSIVE),
    ],
)
def test_out_of_order_only_where_everything_between_was_heard(middle: str, expected: Outcome) -> None:
    (found,) = ran(TURNED.format(middle), NAME, ADDRESS, BYE)
    assert found.outcome is expected
    assert ("顺序不对" in found.message) is (expected is FAIL)


def test_out_of_order_only_where_the_step_before_it_was_not_missed() -> None:
    unheard = "坐席 0.2-0.6\n坐席 0.7-2.9\n"
    (found,) = ran(unheard + TURNED.format("坐席 11-12 好的。").replace("坐席 1-3", "坐席 3-3.9"), NAME, ADDRESS, BYE)
    assert found.outcome is INCONCLUSIVE


def test_one_place_does_not_stand_for_two_steps() -> None:
    thanks, again = step("thanks", "谢谢"), step("again", "(谢谢|多谢)")
    once = "坐席 1-3 请问您贵姓？\n客户 4-5 姓王。\n坐席 6-6.4 谢谢。\n客户 8-9 嗯。\n坐席 10-11 再会。"
    (found,) = ran(once, NAME, thanks, again)
    assert found.outcome is FAIL and found.value("missing") is not None and "顺序" not in found.message
    assert outcomes(ran(once.replace("再会", "谢谢"), NAME, thanks, again)) == [PASS]


def test_a_step_said_by_the_other_side_is_missing() -> None:
    swapped = "坐席 1-2 喂您好。\n客户 3-5 请问您贵姓？\n坐席 6-8 我姓李。\n客户 9-10 哦。\n坐席 11-14 好的，师傅会尽快联系您。"
    (found,) = ran(swapped, NAME, BYE)
    assert found.outcome is FAIL and found.value("missing") == "name"
    assert outcomes(ran(swapped, step("name", "您贵姓", who=Who.CUSTOMER), BYE)) == [PASS]


def test_repeated_steps_and_optional_ones_between_are_no_fault() -> None:
    again = TURNED.format("坐席 11-13 请问您贵姓，您的地址是和平路？")
    thanks, praise = step("thanks", "谢谢您", optional=True), step("praise", "感谢您", optional=True)
    assert outcomes(ran(again, ADDRESS, thanks, NAME, praise, BYE)) == [PASS]
    assert outcomes(ran(again.replace("请问您贵姓？", "谢谢您，请问您贵姓？"), ADDRESS, thanks, NAME, praise, BYE)) == [PASS]


# ---------------------------------------------------------------- how long


LAST = "坐席 45-48 好的，师傅会尽快联系您。\n客户 49-50 嗯。"


def test_the_quickest_way_through_counts() -> None:
    mentioned = "坐席 1-3 一会儿请问您贵姓。\n客户 4-5 嗯。\n坐席 40-42 请问您贵姓？\n客户 43-44 姓王。\n" + LAST
    assert outcomes(ran(mentioned, NAME, BYE, within_s=10.0)) == [PASS]
    assert outcomes(ran(mentioned, NAME, BYE, within_turns=2)) == [PASS]
    assert outcomes(ran(mentioned, NAME, BYE, within_s=2.0)) == [FAIL]


def test_what_may_be_left_out_does_not_make_it_long() -> None:
    early = (
        "坐席 1-3 谢谢您。\n客户 4-5 嗯。\n坐席 40-42 请问您贵姓？\n客户 43-44 姓王。\n坐席 45-48 好的，师傅会尽快联系您。\n客户 49-50 嗯。"
    )
    thanks = step("thanks", "谢谢您", optional=True)
    assert outcomes(ran(early, thanks, NAME, BYE, within_s=10.0)) == [PASS]
    assert outcomes(ran(early, step("thanks", "谢谢您"), NAME, BYE, within_s=10.0)) == [FAIL]


LONG = "坐席 1-3 请问您贵姓。\n客户 4-5 姓王。\n{0}坐席 {1}-{2} 师傅会尽快联系您。\n客户 49-50 嗯。"


@pytest.mark.parametrize(
    ("middle", "start", "expected"),
    [
        ("", 22.5, PASS),
        ("", 23.1, INCONCLUSIVE),
        ("", 23.6, FAIL),
        ("坐席 15-17 请问宁回姓。\n", 30, INCONCLUSIVE),
        ("坐席 15-17\n", 30, INCONCLUSIVE),
        ("坐席 15-17 稍等。\n", 30, FAIL),
    ],
)
def test_too_long_only_beyond_the_error_and_with_steps_that_are_certain(middle: str, start: float, expected: Outcome) -> None:
    promise = step("promise", "师傅会尽快")
    assert outcomes(ran(LONG.format(middle, start, start + 3), NAME, promise, within_s=20.0)) == [expected]


def test_turns_that_only_a_backchannel_makes_are_not_held_against_anybody() -> None:
    hums = (
        "坐席 1-3 请问您贵姓。\n客户 4-5 姓王。\n坐席 6-8 我来登记一下。\n客户 8.5-9 嗯。\n坐席 10-13 师傅会尽快联系您。\n客户 14-15 再见。"
    )
    for most, said, expected in ((4, "嗯", PASS), (3, "嗯", INCONCLUSIVE), (3, "等等我还有件事", FAIL), (1, "嗯", FAIL)):
        assert outcomes(ran(hums.replace("嗯。", said + "。"), NAME, BYE, within_turns=most)) == [expected], (most, said)


# ---------------------------------------------------------------- answers in the midst


PLEASED = step("pleased", "态度(怎么样|满意吗)", answer=("满意", "一般", "不满意"))
SOLVED = step("solved", "问题解决了吗", answer=("是", "否"))
WHERE = step("where", "您的地址", answer=script.TEXT)
END = "\n坐席 30-32 师傅会尽快联系您。\n客户 33-34 嗯。"


@pytest.mark.parametrize(
    ("asks", "text", "value"),
    [
        (PLEASED, "坐席 1-3 师傅态度怎么样？\n客户 4-5 啊？什么？\n坐席 6-8 师傅态度满意吗？\n客户 9-10 满意。", "满意"),
        (PLEASED, "坐席 1-3 师傅态度怎么样？\n客户 4-5 还可以吧。\n坐席 6-8 那是满意还是一般？\n客户 9-10 一般。", "一般"),
        (PLEASED, "坐席 1-3 师傅态度怎么样？\n客户 4-5 还可以吧。\n坐席 6-8 好的，祝您生活愉快。\n客户 9-10 好，挺满意。", None),
        (SOLVED, "坐席 1-3 问题解决了吗？\n客户 4-5 我说不好。\n坐席 6-8 好的，我登记一下。\n客户 9-10 好的。", None),
        (SOLVED, "坐席 1-3 问题解决了吗？\n客户 4-5 那个，\n坐席 5.2-5.6 嗯。\n客户 6-7 没解决。", "否"),
        (SOLVED, "坐席 1-6 问题解决了吗？就是昨天报修的那个暖气。\n客户 3.5-3.9 嗯。\n客户 7-8 还没解决呢。", "否"),
        (WHERE, "坐席 1-3 您的地址是哪里？\n客户 4-5 什么？\n坐席 6-8 您的地址。\n客户 9-10 和平路八号。", "和平路八号"),
        (WHERE, "坐席 1-3 您的地址是哪里？\n客户 4-5 等一下。\n坐席 6-8 不着急，慢慢来。\n客户 9-10 和平路八号。", "和平路八号"),
        (WHERE, "坐席 1-3 您的地址是哪里？\n客户 4-6 和平路，\n坐席 6.2-6.6 嗯。\n客户 7-8 八号。", "和平路八号"),
    ],
)
def test_the_reply_that_answers(asks: script.Step, text: str, value: str | None) -> None:
    (found,) = ran(text + END, asks, BYE)
    assert found.outcome is PASS and found.value(f"answer_{asks.id}") == value


PHONE = step("phone", "联系电话", answer=script.DIGITS, read_back=True)
NUMBER = "坐席 1-3 请留一下联系电话。\n客户 4-8 一三八零零一二三四五六。\n坐席 9-12 {0}\n客户 13-14 嗯。" + END


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("一三八零零一二三四五六，对吗？", PASS),
        ("尾号三四五六，对吗？", INCONCLUSIVE),
        ("零零一二三四五六，对吗？", INCONCLUSIVE),
        ("三天之内给您回复。", FAIL),
        ("好的，记下了。", FAIL),
    ],
)
def test_a_number_repeated_in_part_is_left_open(said: str, expected: Outcome) -> None:
    assert outcomes(ran(NUMBER.format(said), PHONE, BYE)) == [expected]


def test_two_questions_in_one_breath_are_answered_together() -> None:
    both = "坐席 1-5 请留一下联系电话，师傅会尽快联系您。\n客户 6-10 一三八零零一二三四五六。\n坐席 11-14 {0}\n客户 15-16 嗯。"
    for said, expected in (("好的，记下了，再见。", FAIL), ("一三八零零一二三四五六，再见。", PASS)):
        (found,) = ran(both.format(said), PHONE, BYE)
        assert (found.outcome, found.value("answer_phone")) == (expected, "13800123456")


def test_a_step_that_nobody_heard_well_does_not_end_the_time_to_repeat() -> None:
    doubtful = NUMBER.replace("坐席 30-32 师傅会尽快联系您。", "坐席 21-25 一三八零零一二三四五六，对吗？\n客户 26-27 嗯。")
    found = ran(doubtful.format("师傅会请怪联系您。"), PHONE, BYE)
    assert outcomes(found) == [INCONCLUSIVE, INCONCLUSIVE]


def test_who_may_not_have_been_asked_need_not_be_repeated() -> None:
    unclear = NUMBER.replace("联系电话", "连起天话").format("好的，记下了。")
    assert set(outcomes(ran(unclear, PHONE, BYE))) == {INCONCLUSIVE}
