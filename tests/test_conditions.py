"""Conditions over small calls: what hits, what is true, what is not known, and in whose favour."""

from __future__ import annotations

from typing import Any

import pytest
from condition_calls import COMPLAINT, FALSE, TALK, TRUE, UNKNOWN, found, say, spans

from qa.check_examples import Scene, Sound
from qa.lexicon import Phrase, WordList
from qa.rules import sources
from qa.rules.expression import Truth
from qa.rules.hearing import hearing
from qa.rules.model import Condition, Regex, Relation, Where, Who, Words
from qa.types import Role, Span

# ---------------------------------------------------------------- wordings


def test_said_in_those_words() -> None:
    result = found(say("华宁通信"), TALK)
    assert result.truth is TRUE and spans(result) == [(1500, 3500)]
    (hit,) = result.hits
    assert (hit.text, hit.wanted, hit.role, hit.exact, hit.doubt, hit.against) == ("华宁通信", "华宁通信", Role.AGENT, True, None, None)
    assert hit.probability == pytest.approx(0.95)


def test_the_other_one_said_it() -> None:
    assert found(say("要投诉"), TALK).truth is FALSE
    assert found(say("要投诉", who=Who.CUSTOMER), TALK).truth is TRUE
    (hit,) = found(say("要投诉", who=Who.ANYONE), TALK).hits
    assert hit.role is Role.CUSTOMER


@pytest.mark.parametrize(
    ("heard", "favour", "against"),
    [
        ("请您稍等一下", TRUE, TRUE),
        ("情您烧等一下", TRUE, TRUE),  # the very sounds of four syllables
        ("请宁早等一下", TRUE, UNKNOWN),  # near enough to be believed, too far to accuse
        ("请那早等一下", UNKNOWN, FALSE),  # a near miss is a doubt of an omission and accuses nobody
        ("马上帮您办好", FALSE, FALSE),
    ],
)
def test_what_sounds_like_it(heard: str, favour: Truth, against: Truth) -> None:
    condition = say("请您稍等", far=0.45)
    call = Scene(f"坐席 1-3 {heard}。")()
    assert found(condition, call, favour=True).truth is favour
    assert found(condition, call, favour=False).truth is against


def test_short_homophones_accuse_only_where_they_make_no_sense() -> None:
    sensible, senseless = "坐席 1-3 我们有公示栏。", "坐席 1-3 我要头素你们。"
    assert found(say("公式"), sensible).truth is TRUE
    assert found(say("公式"), sensible, favour=False).truth is UNKNOWN
    assert found(say("投诉"), senseless, favour=False).truth is TRUE


def test_one_syllable_is_found_by_text_alone() -> None:
    assert found(say("嗯"), TALK, favour=True).truth is FALSE
    assert found(say("嗯", who=Who.CUSTOMER), TALK).truth is TRUE
    assert found(say("事"), "坐席 1-3 是这样的。").truth is FALSE


def test_parts_come_in_order_with_anything_between_them_for_a_while() -> None:
    condition = say("感谢您的等待，再见")
    assert spans(found(condition, TALK)) == [(20000, 27500)]
    assert found(say("再见，感谢您的等待"), TALK).truth is FALSE
    far_apart = "坐席 1-3 感谢您的等待。\n客户 4-14 好的。\n坐席 14.5-16 再见。"
    assert found(condition, far_apart).truth is FALSE
    assert sources.REACH_MS == 10_000


def test_every_place_is_a_hit_and_each_place_is_one() -> None:
    result = found(say("感谢您", "感谢您的(来电|等待)"), TALK)
    assert [hit.text for hit in result.hits] == ["感谢您的等待", "感谢您的来电"]


def test_at_least_so_many_different_wordings() -> None:
    three = ("您好", "非常抱歉", "不客气")
    assert found(say(*three, at_least=2), TALK).truth is TRUE
    assert found(say(*three, at_least=3), TALK).truth is FALSE
    assert found(say(*three, at_least=3, permitted=("再见",)), TALK).truth is TRUE
    assert found(say("感谢您的", "不客气", at_least=2), TALK).truth is FALSE  # the same one twice


@pytest.mark.parametrize(
    ("times", "truth"), [((1, None), TRUE), ((2, None), TRUE), ((3, None), FALSE), ((0, 2), TRUE), ((0, 1), FALSE), ((1, 3), TRUE)]
)
def test_how_often(times: tuple[int, int | None], truth: Truth) -> None:
    assert found(say("感谢您", times=times), TALK).truth is truth


def test_slots() -> None:
    greeting = say("{company}，工号{agent_number}")
    call = Scene("坐席 0.5-3.5 您好，华宁通信，工号幺零二四。")()
    assert found(greeting, call, slots=(("company", ("华宁通信", "华宁")),)).truth is TRUE
    other = Scene("坐席 0.5-3.5 您好，华宁通信，工号五七八九。")()
    assert found(greeting, other, slots=(("company", ("华宁通信",)),)).truth is FALSE


@pytest.mark.parametrize(("said", "truth"), [("李先生您好", TRUE), ("欧阳女士您好", TRUE), ("女士您好", TRUE), ("您好", FALSE)])
def test_customers_title(said: str, truth: Truth) -> None:
    assert found(say("({customer_title}您好|您好{customer_title})"), f"坐席 0.5-2.5 {said}。\n客户 3-4 嗯。").truth is truth


def test_no_more_than_a_surname_stands_before_the_title() -> None:
    wording = say("(是{customer_title}吗|是{customer_title}吧)")
    assert found(wording, "坐席 0.5-2.5 请问您是王先生吗？").truth is TRUE
    assert found(wording, "坐席 0.5-2.5 请问您是那位姓王的先生吗？").truth is FALSE


@pytest.mark.parametrize(("hour", "truth"), [(8, TRUE), (15, FALSE), (21, FALSE)])
def test_greeting_of_the_hour(hour: int, truth: Truth) -> None:
    scene = Scene("坐席 0.5-2.5 早上好，华宁通信。", start=f"2025-03-04T{hour:02d}:30:00+08:00")
    assert found(say("{hour_greeting}"), scene).truth is truth
    assert found(say("{hour_greeting}"), Scene("坐席 0.5-2.5 早上好。", record=False)).truth is TRUE


# ---------------------------------------------------------------- lists and regular expressions


def test_lists_are_as_strict_as_the_check_of_banned_phrases() -> None:
    words = Words(WordList("x", (Phrase("不知道", ("知不知道",)), Phrase("不归我管"))))
    condition = Condition("bad", words)
    assert spans(found(condition, "坐席 1-3 这个我不知道。")) == [(2000, 3000)]
    assert found(condition, "坐席 1-3 您知不知道账号？").truth is FALSE
    assert found(condition, "坐席 1-3 @0.3 这个我不知道。", favour=False).truth is UNKNOWN
    both = found(condition, "坐席 1-3 这个我不知道。\n客户 4-5 啊？\n坐席 6-8 这事不归我管。")
    assert [hit.wanted for hit in both.hits] == ["不知道", "不归我管"]


def test_regular_expression_over_what_is_read() -> None:
    number = Condition("number", Regex("[零幺二三四五六七八九]{5,}", unless=("工号[零幺二三四五六七八九]+",)))
    assert found(number, "坐席 1-4 您的户号是53027，对吗？").hits[0].text == "五三零二七"
    assert found(number, "坐席 1-4 我的工号是 10248。").truth is TRUE  # 是 stands between
    assert found(number, "坐席 1-4 我的工号10248。").truth is FALSE


def test_regular_expression_stays_within_a_turn() -> None:
    both = Condition("both", Regex("等.*谢"))
    assert found(both, "坐席 1-3 请您稍等，谢谢。").truth is TRUE
    assert found(both, "坐席 1-3 请您稍等。\n客户 4-5 好。\n坐席 6-7 谢谢。").truth is FALSE


def test_badly_heard_match_is_a_doubt_against_somebody() -> None:
    condition = Condition("r", Regex("不归我管"))
    assert found(condition, "坐席 1-3 @0.4 这事不归我管。", favour=True).truth is TRUE
    assert found(condition, "坐席 1-3 @0.4 这事不归我管。", favour=False).truth is UNKNOWN


# ---------------------------------------------------------------- where


@pytest.mark.parametrize(
    ("where", "truth"),
    [
        (Where(first_turns=1), FALSE),
        (Where(first_turns=2), TRUE),
        (Where(first_s=5.0), FALSE),
        (Where(first_s=6.5), TRUE),
        (Where(last_turns=2), FALSE),
        (Where(last_turns=3), TRUE),
        (Where(last_s=20.0), FALSE),
        (Where(last_s=21.5), TRUE),
        (Where(first_turns=2, last_s=21.5), TRUE),
        (Where(first_turns=9), TRUE),
        (Where(last_turns=9), TRUE),
    ],
)
def test_where(where: Where, truth: Truth) -> None:
    assert found(say("非常抱歉", where=where), TALK).truth is truth


def test_turns_are_those_of_the_speaker() -> None:
    assert hearing(Scene(TALK)()).window(Who.AGENT, Where(first_turns=1)) == Span(0, 6500)
    assert hearing(Scene(TALK)()).window(Who.CUSTOMER, Where(last_turns=1)) == Span(23500, 28000)
    assert hearing(Scene(TALK)()).window(Who.ANYONE, Where(first_turns=1)) == Span(0, 4000)


# ---------------------------------------------------------------- what was not said


def test_absence_is_believed_where_all_was_heard_well() -> None:
    result = found(say("不客气"), TALK)
    assert (result.truth, result.hits, result.blind) == (FALSE, (), "")


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        (Scene(TALK.replace("坐席 20.0-23.0 ", "坐席 20.0-23.0 @0.1 ")), "听不清"),
        (Scene("坐席 1-3 @0.4 您好，请讲。\n客户 4-5 嗯。"), "识别把握低"),
        (Scene(TALK + "坐席 40-50"), "没有转写"),
        (Scene(TALK, talk_s=60.0), "短"),
        (Scene(TALK, mono=True), "分不清"),
        (Scene(TALK, agent=Sound(-40.0, noise_dbov=-44.0)), "噪声"),
        (Scene(TALK, same_channels=True), "同一信号"),
        (Scene("客户 4-6 喂？"), "没有转写"),
    ],
)
def test_absence_is_not_believed(scene: Scene, why: str) -> None:
    for favour in (True, False):
        result = found(say("不客气"), scene, favour=favour)
        assert result.truth is UNKNOWN and why in result.why, result.why


@pytest.mark.parametrize("missing", [{"opening": ""}, {"closing": ""}])
def test_an_omission_needs_the_second_decodes_of_the_ends_that_it_reaches(missing: dict[str, Any]) -> None:
    scene = Scene(TALK, **missing)
    assert found(say("不客气"), scene).truth is UNKNOWN and "第二次识别" in found(say("不客气"), scene).why
    assert found(say("不客气"), scene, favour=False).truth is FALSE  # nobody is accused by it
    apology = say("不客气", relation=Relation("after", "complaint", within_turns=1))
    assert found(apology, scene, COMPLAINT).truth is FALSE  # the middle of the call


def test_middle_of_a_call_needs_words_heard_better() -> None:
    """There only one decode heard it."""
    middle = "坐席 30-36 @{0} 那么我现在帮您查一下这个月的账单\n客户 36.5-37 嗯。\n坐席 60-63 感谢您的来电，再见。"
    complaint = Condition("c", Words(WordList("x", (Phrase("要投诉"),))), Who.CUSTOMER)
    apology = say("非常抱歉", relation=Relation("after", "c", within_s=20.0))
    script = "坐席 0.5-3.5 您好，华宁通信。\n客户 20.0-22.0 我要投诉你们。\n" + middle
    assert found(apology, script.format(0.6), complaint).truth is UNKNOWN
    assert found(apology, script.format(0.8), complaint).truth is FALSE


def test_second_decode_may_have_it() -> None:
    scene = Scene("坐席 0.5-2.5 您好，请讲。\n客户 3-5 喂？", opening="坐席 0.5-2.5 您好，华宁通信。")
    result = found(say("华宁通信"), scene)
    assert result.truth is TRUE and spans(result) == [(1167, 2500)]
    assert found(say("华宁通信"), scene, favour=False).truth is UNKNOWN


def test_second_decode_may_gainsay() -> None:
    scene = Scene("坐席 1-3 这事不归我管。\n客户 4-6 什么？", opening="坐席 1-3 这事我帮您管。")
    assert found(say("不归我管"), scene, favour=True).truth is TRUE
    assert found(say("不归我管"), scene, favour=False).truth is UNKNOWN
    assert found(Condition("r", Regex("不归我管")), scene, favour=False).truth is UNKNOWN


def test_nobody_knows_the_announcement() -> None:
    result = found(say("欢迎致电", who=Who.ANNOUNCEMENT), TALK)
    assert result.truth is UNKNOWN and "播报" in result.why


def test_anyone_is_heard_in_mono_too() -> None:
    assert found(say("要投诉", who=Who.ANYONE), Scene(TALK, mono=True)).truth is TRUE
    assert found(say("不客气", who=Who.ANYONE), Scene(TALK, mono=True)).truth is UNKNOWN
