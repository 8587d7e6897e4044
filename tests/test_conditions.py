"""Conditions over small calls: what hits, what is true, what is not known, and in whose favour."""

from __future__ import annotations

from typing import Any

import pytest

from qa.check_examples import Scene, Sound
from qa.lexicon import Phrase, WordList
from qa.phonetic import find
from qa.rules import hearing as hearing_module
from qa.rules import sources
from qa.rules.conditions import Found, Situation, evaluate, evidence, outside, subjects
from qa.rules.expression import Truth, parse
from qa.rules.hearing import hearing
from qa.rules.model import Condition, Event, Limit, Regex, Relation, Say, Where, Who, Words
from qa.soundindex import SoundIndex
from qa.types import Call, Role, Span

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


# ---------------------------------------------------------------- relations

COMPLAINT = say("要投诉", id="complaint", who=Who.CUSTOMER)
WAIT = say("请您稍等", id="wait")


def related(wording: str, order: str, other: Condition, **more: Any) -> Found:
    return found(say(wording, relation=Relation(order, other.id, **more)), TALK, other)


@pytest.mark.parametrize(
    ("wording", "order", "more", "truth"),
    [
        ("非常抱歉", "after", {}, TRUE),
        ("非常抱歉", "before", {}, FALSE),
        ("非常抱歉", "around", {}, TRUE),
        ("您好", "before", {}, TRUE),
        ("您好", "after", {}, FALSE),
        ("非常抱歉", "after", {"within_s": 2.0}, TRUE),
        ("感谢您的等待", "after", {"within_s": 10.0}, FALSE),
        ("感谢您的等待", "after", {"within_s": 15.0}, TRUE),
        ("非常抱歉", "after", {"within_turns": 1}, TRUE),
        ("感谢您的等待", "after", {"within_turns": 1}, FALSE),
        ("感谢您的等待", "after", {"within_turns": 3}, TRUE),
        ("您好", "before", {"within_turns": 1}, TRUE),
        ("您好", "before", {"within_s": 0.1}, FALSE),
        ("您好", "around", {"within_s": 4.0}, TRUE),
        ("再见", "around", {"within_s": 4.0}, FALSE),
    ],
)
def test_relation(wording: str, order: str, more: dict[str, Any], truth: Truth) -> None:
    assert related(wording, order, COMPLAINT, **more).truth is truth


def test_due_is_where_it_should_have_stood() -> None:
    assert related("不客气", "after", COMPLAINT, within_s=5.0).due == Span(5333, 10333)
    assert related("不客气", "before", COMPLAINT, within_turns=1).due == Span(500, 4333)
    assert related("不客气", "after", COMPLAINT, within_turns=1).due == Span(5333, 10000)


TWO = "坐席 1-2 您好。\n客户 3-4 我要投诉。\n坐席 5-6 非常抱歉。\n客户 7-8 我就要投诉。\n坐席 9-10 好的，知道了。\n客户 11-12 嗯。"


@pytest.mark.parametrize(("which", "truth"), [("each", FALSE), ("any", TRUE), ("first", TRUE)])
def test_each_any_first(which: str, truth: Truth) -> None:
    apology = say("非常抱歉", relation=Relation("after", "complaint", within_turns=1, which=which))
    assert found(apology, TWO, COMPLAINT).truth is truth


def test_each_is_asked_of_what_favours_the_agent() -> None:
    """A call in which one hold follows one of two requests is a call with a hold."""
    apology = say("非常抱歉", relation=Relation("after", "complaint", within_turns=1))
    assert found(apology, TWO, COMPLAINT, favour=False).truth is TRUE
    assert spans(found(apology, TWO, COMPLAINT, favour=False)) == [(5000, 6000)]


def test_words_of_one_turn_are_one_occasion() -> None:
    twice = say("投诉", id="complaint", who=Who.CUSTOMER)
    apology = say("非常抱歉", relation=Relation("after", "complaint", within_s=3.0))
    script = "坐席 1-2 您好。\n客户 3-8 我要投诉，我真的要投诉。\n坐席 8.5-9.5 非常抱歉。"
    assert len(found(twice, script).hits) == 2
    assert found(apology, script, twice).truth is TRUE


def test_nothing_to_be_near_to() -> None:
    after = Relation("after", "complaint")
    calm = "坐席 1-3 您好，非常抱歉。\n客户 4-5 没事。"
    assert found(say("非常抱歉", relation=after), calm, COMPLAINT).truth is FALSE
    unheard = "坐席 1-3 您好，非常抱歉。\n客户 4-5 没事。\n客户 6-16"
    assert found(say("非常抱歉", relation=after), unheard, COMPLAINT).truth is UNKNOWN


def test_doubtful_occasion_fails_nobody() -> None:
    apology = say("非常抱歉", relation=Relation("after", "complaint"))
    script = "坐席 1-2 您好。\n客户 3-4 @0.4 我要投诉。\n坐席 5-6 好的，知道了。"
    assert found(apology, script, COMPLAINT).truth is UNKNOWN
    assert found(apology, script.replace("@0.4 ", ""), COMPLAINT).truth is FALSE


def test_speaking_a_little_early_is_still_after() -> None:
    script = "客户 3-5 我要投诉。\n坐席 {0}-7 非常抱歉。"
    apology = say("非常抱歉", relation=Relation("after", "complaint"))
    assert found(apology, script.format(4.6), COMPLAINT).truth is TRUE
    assert found(apology, script.format(4.3), COMPLAINT).truth is FALSE


def test_nothing_is_near_itself() -> None:
    thanks = say("感谢您的", id="thanks", relation=None)
    again = say("感谢您的", relation=Relation("around", "thanks", within_s=5.0))
    assert found(again, "坐席 1-3 感谢您的来电。", thanks).truth is FALSE
    assert found(again, "坐席 1-3 感谢您的来电。\n客户 4-5 嗯。\n坐席 5.5-7 感谢您的来电。", thanks).truth is TRUE


def test_chains_of_relations() -> None:
    hold = Condition("hold", Event("silence", 5.0), relation=Relation("after", "wait", within_s=5.0))
    thanks = say("感谢您的等待", relation=Relation("after", "hold", within_s=2.0))
    assert found(thanks, TALK, hold, WAIT).truth is TRUE
    late = say("再见", relation=Relation("after", "hold", within_s=2.0))
    assert found(late, TALK, hold, WAIT).truth is FALSE


# ---------------------------------------------------------------- events and measures as conditions


def test_silences_by_their_length() -> None:
    assert spans(found(Condition("s", Event("silence", 5.0)), TALK)) == [(11000, 20000)]
    assert found(Condition("s", Event("silence", 9.5)), TALK).truth is FALSE
    assert found(Condition("s", Event("silence", 9.1)), TALK).truth is UNKNOWN
    assert found(Condition("s", Event("silence", 5.0, 8.0)), TALK).truth is FALSE


def test_moment_is_shown_with_the_second_before_it() -> None:
    (hit,) = found(Condition("h", Event("hangup_agent")), TALK).hits
    assert hit.span == Span(28000, 28000)
    assert evidence(hit, Scene(TALK)()).span == Span(27000, 28000)


@pytest.mark.parametrize(
    ("level", "favour", "against"),
    [(-20.0, TRUE, TRUE), (-15.2, TRUE, UNKNOWN), (-15.0, TRUE, UNKNOWN), (-14.8, UNKNOWN, FALSE), (-14.0, FALSE, FALSE)],
)
def test_limit_within_its_error(level: float, favour: Truth, against: Truth) -> None:
    limit = Condition("m", Limit("level_dbov", high=-15.0))
    call = Scene(TALK, agent=Sound(level))()
    assert found(limit, call, favour=True).truth is favour
    assert found(limit, call, favour=False).truth is against


def test_a_houses_tolerance_widens_the_error() -> None:
    call = Scene(TALK, agent=Sound(-13.0))()
    assert found(Condition("m", Limit("level_dbov", high=-15.0)), call).truth is FALSE
    assert found(Condition("m", Limit("level_dbov", high=-15.0, tolerance=3.0)), call).truth is UNKNOWN


def test_outside() -> None:
    assert outside(5.0, Limit("x", 1.0, 4.0)) == 1.0
    assert outside(0.5, Limit("x", 1.0, 4.0)) == 0.5
    assert outside(2.0, Limit("x", 1.0, 4.0)) == -1.0
    assert outside(9.0, Limit("x", low=1.0)) == -8.0


# ---------------------------------------------------------------- expressions


def situation(script: str, *known: Condition) -> Situation:
    return Situation(Scene(script)(), {c.id: c for c in known}, ())


def test_expression_with_the_unknown() -> None:
    known = (say("您好", id="yes"), say("不客气", id="no"), say("请您稍候", id="maybe", near=0.0, far=0.45))
    here = situation(TALK, *known)
    values = {"yes and maybe": UNKNOWN, "no and maybe": FALSE, "yes or maybe": TRUE, "no or maybe": UNKNOWN, "not maybe": TRUE}
    for text, truth in values.items():
        assert here.value(parse(text), favour=True) is truth, text
    assert "相近" in here.why(parse("yes and maybe"), favour=True)


def test_not_turns_the_direction_round() -> None:
    """What sounds near enough is believed where it excuses, not where it accuses."""
    asked = say("请您稍等", id="asked")
    here = situation("坐席 1-3 请宁早等一下。", asked)
    assert here.value(parse("asked"), favour=True) is TRUE and here.value(parse("asked"), favour=False) is UNKNOWN
    assert here.value(parse("not asked"), favour=False) is FALSE and here.value(parse("not asked"), favour=True) is UNKNOWN


def test_bound_condition_stands_for_one_hit() -> None:
    apology = say("非常抱歉", id="apology", relation=Relation("after", "complaint", within_turns=1))
    here = situation(TWO, COMPLAINT, apology)
    one, two = here.named("complaint", False).hits
    assert here.value(parse("apology"), favour=True) is FALSE
    assert here.bind("complaint", one).value(parse("apology"), favour=True) is TRUE
    assert here.bind("complaint", two).value(parse("apology"), favour=True) is FALSE
    assert here.value(parse("apology"), favour=True) is FALSE  # what was bound left no trace


@pytest.mark.parametrize(
    ("text", "names"),
    [("a", ("a",)), ("not a", ()), ("a and not b", ("a",)), ("not b and a", ("a",)), ("a or b and c", ("a", "b")), ("a and b", ("a",))],
)
def test_subjects(text: str, names: tuple[str, ...]) -> None:
    assert subjects(parse(text)) == names


# ---------------------------------------------------------------- searched once


def test_each_wording_is_searched_once_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[tuple[SoundIndex, str, float]] = []
    plain = SoundIndex._stretches
    monkeypatch.setattr(SoundIndex, "_stretches", lambda self, w, d: searched.append((self, w, d)) or plain(self, w, d))
    call = Scene(TALK)()
    for number in range(5):
        assert found(say("感谢您的", id=f"c{number}"), call, favour=False).truth is TRUE
        assert found(say("不客气", id=f"d{number}"), call, favour=True).truth is FALSE
    assert {w for _, w, _ in searched} == {"感谢您的", "不客气"}
    assert len(searched) == len(set(searched))


def test_hearing_of_the_last_call_alone_is_kept() -> None:
    first, second = Scene(TALK)(), Scene(TALK)()
    kept = hearing(first)
    assert hearing(first) is kept and hearing(second) is not kept
    assert hearing_module._last is not None and hearing_module._last.call is second


def test_same_condition_in_two_calls() -> None:
    condition = say("华宁通信")
    assert found(condition, TALK).truth is TRUE
    assert found(condition, "坐席 1-3 您好，请讲。").truth is FALSE
    assert found(condition, TALK).truth is TRUE


def test_slots_of_two_houses_on_one_call() -> None:
    call, condition = Scene(TALK)(), say("{company}")
    assert found(condition, call, slots=(("company", ("华宁通信",)),)).truth is TRUE
    assert found(condition, call, slots=(("company", ("蓝火焰屯液配送",)),)).truth is FALSE


def test_all_decodes_are_searched_as_one_and_kept_apart() -> None:
    voice = hearing(Scene(TALK)()).voices(Who.AGENT)[0]
    for decode in voice.decodes:
        assert decode.search("感谢您的", 0.2) == find("感谢您的", decode.heard, 0.2)
    assert [d.which for d in voice.decodes] == ["", "opening", "closing"]
