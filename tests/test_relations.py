"""Conditions that lean on others, on events and on measures; expressions; what is searched once."""

from __future__ import annotations

from typing import Any

import pytest
from condition_calls import COMPLAINT, FALSE, TALK, TRUE, UNKNOWN, WAIT, found, say, spans

from qa.check_examples import Scene, Sound
from qa.phonetic import find
from qa.rules import hearing as hearing_module
from qa.rules.conditions import Found, Situation, evidence, outside, subjects
from qa.rules.expression import Truth, parse
from qa.rules.hearing import hearing
from qa.rules.model import Condition, Event, Limit, Relation, Who
from qa.soundindex import SoundIndex
from qa.types import Span

# ---------------------------------------------------------------- relations


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
