"""What a phrase rule may and may not conclude: nobody is accused of a doubt, nothing that was missed is called absent."""

from __future__ import annotations

from typing import Any

import pytest
from test_generic_checks import APOLOGY, COMPLAINT, FAIL, INCONCLUSIVE, NA, PASS, judged, outcomes, say, spans, words

from qa.check_examples import Scene, Sound
from qa.rules.conditions import only, placeless, subjects
from qa.rules.expression import parse
from qa.rules.model import Condition, Event, Excuse, Limit, Regex, Relation, Say, Where, Who
from qa.rules.sound_regex import readable

TALK = "坐席 1-3 您好，请讲。\n客户 4-6 {0}\n坐席 7-9 {1}\n客户 10-12 {2}\n坐席 13-15 {3}\n客户 16-17 知道了。\n坐席 18-19 再见。"


def talk(*lines: str) -> str:
    said = [*lines, "好的，我知道。", "这就查一下。", "嗯，行吧。", "已经登记了。"][: len(lines)] if lines else []
    default = ["我想问一下。", "这就查一下。", "嗯，行吧。", "已经登记了。"]
    return TALK.format(*said, *default[len(said) :])


# ---------------------------------------------------------------- occasions of what does not hold


def complained(least: int, **more: Any) -> Condition:
    return words("complaint", "要投诉", who=Who.CUSTOMER, times=(least, None), **more)


@pytest.mark.parametrize(
    ("first", "second", "least", "expected"),
    [
        ("我要投诉。", "嗯。", 2, [NA]),
        ("我要投诉。", "我要投诉。", 2, [FAIL, FAIL]),
        ("我要投诉。", "@0.4 我要投诉。", 2, [INCONCLUSIVE, INCONCLUSIVE]),
        ("我要投诉。", "我要投诉。", 3, [NA]),
    ],
)
def test_a_condition_that_does_not_hold_gives_no_occasion(first: str, second: str, least: int, expected: list[Any]) -> None:
    assert outcomes(judged(talk(first, "查一下。", second), complained(least), APOLOGY, require="apology")) == expected


def test_several_wordings_that_are_due_give_no_occasion_by_one_of_them() -> None:
    both = Condition("complaint", Say(("要投诉", "找你们领导"), at_least=2, far=0.3), Who.CUSTOMER)
    assert outcomes(judged(talk("我要投诉。"), both, APOLOGY, require="apology")) == [NA]
    assert set(outcomes(judged(talk("我要投诉，找你们领导。"), both, APOLOGY, require="apology"))) == {FAIL}


def test_what_stands_near_a_condition_that_does_not_hold_stands_near_nothing() -> None:
    retort = words("retort", "登记了", relation=Relation("after", "complaint", which="any"))
    assert outcomes(judged(talk("我要投诉。"), complained(2), retort, forbid="retort")) == [PASS]
    assert outcomes(judged(talk("我要投诉。", "查一下。", "我要投诉。"), complained(2), retort, forbid="retort")) == [FAIL]
    doubtful = judged(talk("我要投诉。", "查一下。", "@0.4 我要投诉。"), complained(2), retort, forbid="retort")
    assert outcomes(doubtful) == [INCONCLUSIVE]


def test_what_follows_a_doubtful_occasion_accuses_nobody() -> None:
    retort = words("retort", "登记了", relation=Relation("after", "complaint", which="any"))
    assert outcomes(judged(talk("我要投诉。"), COMPLAINT, retort, forbid="retort")) == [FAIL]
    assert outcomes(judged(talk("@0.4 我要投诉。"), COMPLAINT, retort, forbid="retort")) == [INCONCLUSIVE]
    assert outcomes(judged(talk("@0.4 我要投诉。", "查一下。", "我要投诉。"), COMPLAINT, retort, forbid="retort")) == [FAIL]


def test_whatever_is_lacking_on_a_doubtful_occasion_is_no_fault() -> None:
    thanks = say("thanks", "感谢您的来电")
    both = {"require": "apology and thanks"}
    assert outcomes(judged(talk("我要投诉。", "非常抱歉。"), COMPLAINT, APOLOGY, thanks, **both)) == [FAIL]
    assert outcomes(judged(talk("@0.4 我要投诉。", "非常抱歉。"), COMPLAINT, APOLOGY, thanks, **both)) == [INCONCLUSIVE]


def test_the_first_is_not_known_where_the_first_is_doubtful() -> None:
    sorry = say("sorry", "非常抱歉", relation=Relation("after", "complaint", within_turns=1, which="first"))
    asked = {"require": "sorry", "trigger": "complaint"}
    assert outcomes(judged(talk("@0.4 我要投诉。", "非常抱歉。", "我要投诉。"), COMPLAINT, sorry, **asked)) == [INCONCLUSIVE]
    assert outcomes(judged(talk("@0.4 我要投诉。", "非常抱歉。", "我要投诉。", "非常抱歉。"), COMPLAINT, sorry, **asked)) == [PASS]
    assert outcomes(judged(talk("我要投诉。", "非常抱歉。", "我要投诉。"), COMPLAINT, sorry, **asked)) == [PASS]
    retort = words("retort", "登记了", relation=Relation("after", "complaint", within_turns=1, which="first"))
    assert outcomes(judged(talk("@0.4 我要投诉。", "查一下。", "我要投诉。"), COMPLAINT, retort, forbid="retort")) == [INCONCLUSIVE]


def test_occasions_that_may_have_been_missed_are_left_open() -> None:
    heard = talk("我要投诉。", "非常抱歉。")
    assert outcomes(judged(heard, COMPLAINT, APOLOGY, require="apology")) == [PASS]
    lost = f"{heard}\n客户 20-40"
    assert outcomes(judged(lost, COMPLAINT, APOLOGY, require="apology")) == [PASS, INCONCLUSIVE]
    never = Condition("never", Event("silence", 60.0))
    assert outcomes(judged(lost, COMPLAINT, APOLOGY, never, require="apology", trigger="never")) == [NA]


def test_a_retort_to_a_complaint_that_may_have_been_missed_is_left_open() -> None:
    retort = words("retort", "登记了", relation=Relation("after", "complaint", within_turns=1))
    once = "客户 1-2 我要投诉。\n坐席 3-4 非常抱歉。\n客户 5-6 哦。\n坐席 7-8 {0}。\n客户 9-10 嗯。{1}"
    assert outcomes(judged(once.format("登记了", ""), COMPLAINT, retort, forbid="retort")) == [PASS]
    assert outcomes(judged(once.format("登记了", "\n客户 11-30"), COMPLAINT, retort, forbid="retort")) == [INCONCLUSIVE]
    assert outcomes(judged(once.format("知道了", "\n客户 11-30"), COMPLAINT, retort, forbid="retort")) == [PASS]


# ---------------------------------------------------------------- branches of an or

SILENCE = Condition("silence", Event("silence", 8.0))
ASKED = say("asked", "请[您]稍等", relation=Relation("before", "silence", within_s=5.0))
RULES = words("rules", "公司规定")


def test_a_place_is_judged_by_the_branches_that_are_about_it() -> None:
    announced = "坐席 1-3 好的，请您稍等。\n坐席 15-17 查到了。\n客户 18-19 哦。\n坐席 20-22 这是公司规定。"
    either = {"forbid": "(silence and not asked) or rules"}
    found = judged(announced, SILENCE, ASKED, RULES, **either)
    assert outcomes(found) == [FAIL] and found[0].value("wanted") == "公司规定"
    assert len(judged(announced.replace("请您稍等", "我看看"), SILENCE, ASKED, RULES, **either)) == 2


def test_a_doubtful_place_is_no_fault_by_what_is_certain_elsewhere() -> None:
    habit = words("habit", "那个", times=(2, None))
    found = judged(
        talk("喂。", "@0.4 这个我不知道。", "哦。", "那个，那个单子登记了。"), words("bad", "不知道"), habit, forbid="bad or habit"
    )
    assert outcomes(found) == [INCONCLUSIVE, FAIL]
    assert (found[0].value("wanted"), found[1].value("wanted")) == ("不知道", "那个")


def test_an_absence_is_a_branch_of_its_own() -> None:
    company, bad = say("company", "华宁通信"), say("bad", "不归我们管")
    either = {"forbid": "bad or not company"}
    assert outcomes(judged(talk("喂。", "布贵我们干。"), bad, company, **either)) == [INCONCLUSIVE, FAIL]
    assert outcomes(judged(talk("喂。", "不归我们管，我是华宁通信。"), bad, company, **either)) == [FAIL]
    assert outcomes(judged(talk("喂。", "我是华宁通信。"), bad, company, **either)) == [PASS]
    lost = judged(talk("喂。", "我是华宁通信。") + "\n坐席 20-40", bad, company, **either)
    assert outcomes(lost) == [INCONCLUSIVE]


def test_the_same_words_are_one_occurrence() -> None:
    bad, threat = words("bad", "投诉也没用"), words("threat", "去投诉也没用")
    found = judged(talk("喂。", "你去投诉也没用。"), bad, threat, forbid="bad or threat")
    assert outcomes(found) == [FAIL]
    excuse = Excuse(parse("joking"), "not_applicable", "玩笑")
    joking = say("joking", "开玩笑", relation=Relation("around", "threat", within_s=3.0))
    found = judged(talk("喂。", "开玩笑，你去投诉也没用。"), bad, threat, joking, forbid="bad or threat", excuses=(excuse,))
    assert outcomes(found) == [NA]


def test_what_is_excused_does_not_hide_what_may_have_been_missed() -> None:
    excuse = Excuse(parse("asked"), "not_applicable", "说过请稍等")
    script = "坐席 1-3 请您稍等。\n坐席 15-17 查到了。\n客户 18-19 哦。\n坐席 20-21 再见。"
    assert outcomes(judged(script, SILENCE, ASKED, forbid="silence", excuses=(excuse,))) == [NA]
    cut = judged(Scene(script, talk_s=60.0), SILENCE, ASKED, forbid="silence", excuses=(excuse,))
    assert outcomes(cut) == [NA, INCONCLUSIVE]


@pytest.mark.parametrize(
    ("text", "name", "kept", "rest"),
    [
        ("a", "a", "a", None),
        ("a or b", "b", "b", None),
        ("(a and not c) or b", "a", "a and not c", None),
        ("(a or b) and not c", "b", "b and not c", None),
        ("(a or not b) and c", "a", "a and c", "not b and c"),
        ("a or not b or not c", "a", "a", "not b or not c"),
        ("(a and b) or (a and c) or d", "a", "(a and b) or (a and c)", None),
    ],
)
def test_branches_of_an_expression(text: str, name: str, kept: str, rest: str | None) -> None:
    assert name in subjects(parse(text))
    assert only(parse(text), name) == parse(kept)
    assert placeless(parse(text)) == (None if rest is None else parse(rest))


# ---------------------------------------------------------------- anyone


INSULT = words("insult", "神经病", who=Who.ANYONE)
ANYONE_THANKS = say("thanks", "谢谢", who=Who.ANYONE)


@pytest.mark.parametrize(
    "scene",
    [
        Scene(talk() + "\n客户 20-40"),
        Scene("坐席 1-3 您好，请讲。\n坐席 5-7 喂，您好，再见。"),
        Scene("坐席 1-3 您好，请讲。\n客户 4-20\n坐席 21-22 再见。"),
        Scene(talk(), customer=Sound(-40.0, noise_dbov=-42.0)),
        Scene("坐席 1-3 您好，请讲。\n坐席 4-20", mono=True),
    ],
)
def test_anyone_includes_whom_nobody_understood(scene: Scene) -> None:
    assert outcomes(judged(scene, INSULT, forbid="insult")) == [INCONCLUSIVE]
    assert outcomes(judged(scene, ANYONE_THANKS, require="thanks")) == [INCONCLUSIVE]


def test_anyone_is_known_where_everybody_was_understood() -> None:
    assert outcomes(judged(talk(), INSULT, forbid="insult")) == [PASS]
    assert outcomes(judged(talk(), ANYONE_THANKS, require="thanks")) == [FAIL]
    assert outcomes(judged(talk("谢谢。") + "\n客户 20-40", ANYONE_THANKS, require="thanks")) == [PASS]


def test_words_in_noise_are_held_against_nobody_by_way_of_anyone() -> None:
    noisy = Scene(talk("神经病。"), customer=Sound(-40.0, noise_dbov=-42.0))
    assert outcomes(judged(noisy, INSULT, forbid="insult")) == [INCONCLUSIVE]
    assert outcomes(judged(talk("神经病。"), INSULT, forbid="insult")) == [FAIL]


# ---------------------------------------------------------------- regular expressions


def regex(pattern: str, **more: Any) -> Condition:
    return Condition("it", Regex(pattern), **more)


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("明天|后天", "明天给您回电。", PASS),
        ("明天|后天", "名添给您回电。", INCONCLUSIVE),  # the same sounds in other characters
        ("明天|后天", "林天给您回电。", FAIL),
        ("[一二三四五六七八九十]+(个)?小时", "散个晓时给您回电。", INCONCLUSIVE),
        ("[一二三四五六七八九十]+(个)?小时", "过一会儿给您回电。", FAIL),
        ("处理.{0,4}结果", "储理的节果。", INCONCLUSIVE),
        ("处理.{0,4}结果", "已经派人过去了。", FAIL),
        ("[^好]{20,}", "已经派人过去了。", FAIL),
        ("工单(?!没)", "已经派人过去了。", INCONCLUSIVE),  # cannot be read by sound
    ],
)
def test_an_expression_is_lacking_only_where_nothing_sounds_like_it(pattern: str, line: str, expected: Any) -> None:
    assert outcomes(judged(talk("喂。", line), regex(pattern), require="it")) == [expected]


@pytest.mark.parametrize(("length", "expected"), [(22, PASS), (18, INCONCLUSIVE), (10, FAIL)])
def test_length_is_lacking_only_where_it_is_missed_by_more_than_recognisers_swallow(length: int, expected: Any) -> None:
    told = Condition("it", Regex(".{20,}"), Who.CUSTOMER)
    assert outcomes(judged(talk(("昨天师傅来了没修好就走了" * 3)[:length] + "。"), told, require="it")) == [expected]


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("名单", "名单在这里。", FAIL),
        ("名单", "明单在这里。", INCONCLUSIVE),  # the very sounds, in characters that make no sense
        ("名单", "林单在这里。", PASS),  # not the very sounds
        ("公事|办公", "这是公式。", PASS),  # the very sounds, in words of their own
        ("死", "你是谁。", PASS),  # too many words sound like one syllable
        ("(骗|糊弄)人", "你这是片人。", INCONCLUSIVE),
        ("给我.{0,5}滚", "你给我马上棍。", INCONCLUSIVE),
        ("滚蛋(?!吧)", "你棍蛋。", INCONCLUSIVE),  # cannot be read by sound as a whole
        ("滚蛋(?!吧)", "你棍蛋八次。", INCONCLUSIVE),  # what must not follow is read by text alone
        ("[^的]?名单", "明单在这里。", INCONCLUSIVE),
    ],
)
def test_what_is_forbidden_is_suspected_where_its_very_sounds_were_written_otherwise(pattern: str, line: str, expected: Any) -> None:
    """As a word list with these words would be."""
    found = judged(talk("喂。", line), regex(pattern), forbid="it")
    assert outcomes(found) == [expected]
    assert ("疑似" in found[0].message) is (expected is INCONCLUSIVE)


def test_homophones_of_an_exception_are_the_exception() -> None:
    unless = Condition("it", Regex("不知道", ("您知不知道",)))
    assert outcomes(judged(talk("喂。", "您知不之道。"), unless, forbid="it")) == [PASS]
    assert outcomes(judged(talk("喂。", "我不之道。"), unless, forbid="it")) == [INCONCLUSIVE]


def test_a_trigger_of_the_same_sounds_is_left_to_a_person() -> None:
    asked = Condition("asked", Regex("名单"), who=Who.CUSTOMER)
    promised = regex("登记")
    for line, expected in (("名单", PASS), ("明单", INCONCLUSIVE), ("订单", NA)):
        script = f"坐席 1-3 您好，请讲。\n客户 4-6 {line}呢？\n坐席 7-9 登记了。\n客户 10-11 哦。\n坐席 12-13 再见。"
        assert outcomes(judged(script, asked, promised, require="it", trigger="asked")) == [expected]


def test_what_sounds_like_an_expression_favours_nobody_for_certain() -> None:
    script = "坐席 1-3 好的，{0}。\n坐席 15-17 查到了。\n客户 18-19 哦。\n坐席 20-21 再见。"
    asked = Condition("asked", Regex("稍等"), relation=Relation("before", "silence", within_s=5.0))
    for line, expected in (("请您稍等", PASS), ("请您烧等", INCONCLUSIVE), ("我看看", FAIL)):
        assert outcomes(judged(script.format(line), SILENCE, asked, forbid="silence and not asked")) == [expected]


def test_what_can_be_read_by_sound() -> None:
    assert all(readable(p) for p in ("a|b", "(?:a)b", "[^a]", r"\w{2,}", "(?<=a)b(?=c)"))
    assert not any(readable(p) for p in ("a(?!b)", "(?<!a)b", "(?P<x>a)"))


# ---------------------------------------------------------------- so many times


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("这是规定。", "上面要求的。", [FAIL]),
        ("这是规定。", "@0.4 上面要求的。", [INCONCLUSIVE]),
        ("这是规定。", "登记了。", [PASS]),
        ("这是规定。", "这是规定。", [PASS]),  # the same one twice
    ],
)
def test_so_many_different_wordings_are_one_occurrence(first: str, second: str, expected: list[Any]) -> None:
    both = Condition("both", Say(("这是规定", "上面要求的"), at_least=2, far=0.3))
    assert outcomes(judged(talk("喂。", first, "哦。", second), both, forbid="both")) == expected


def test_places_that_count_together_are_shown_as_far_as_they_are_certain() -> None:
    three = judged(talk("喂。", "规定，规定。", "哦。", "@0.4 规定。"), words("r", "规定", times=(2, None)), forbid="r")
    assert outcomes(three) == [FAIL] and len(three[0].evidence) == 2


def test_at_most_so_many_is_no_fault_while_there_may_be_more() -> None:
    """What is there too seldom or too often is judged in the direction in which it accuses."""
    seldom = Condition("seldom", Say(("请您稍等",), far=0.45), times=(0, 1))
    assert outcomes(judged(talk("喂。", "请您稍等。"), seldom, forbid="seldom")) == [FAIL]
    assert outcomes(judged(talk("喂。", "请您稍等。", "哦。", "请那早等。"), seldom, forbid="seldom")) == [INCONCLUSIVE]
    assert outcomes(judged(talk("喂。", "请您稍等。", "哦。", "请您稍等。"), seldom, forbid="seldom")) == [PASS]
    assert outcomes(judged(Scene(talk("喂。", "请您稍等。"), closing=""), seldom, forbid="seldom")) == [INCONCLUSIVE]


def test_too_many_are_certain_before_they_are_a_fault() -> None:
    seldom = say("seldom", "请您稍等", times=(0, 1))
    script = "坐席 1-3 请您稍等。\n客户 4-5 哦。\n坐席 6-8 {0}\n客户 9-10 嗯。"
    for line, expected in (("请您稍等。", FAIL), ("请宁早等。", INCONCLUSIVE), ("好的。", PASS)):
        assert outcomes(judged(script.format(line), seldom, require="seldom")) == [expected]


def test_a_range_is_a_fault_of_the_call() -> None:
    two = words("two", "规定", times=(1, 2))
    assert outcomes(judged(talk("喂。", "规定，规定。"), two, forbid="two")) == [FAIL]
    assert outcomes(judged(talk("喂。", "规定，规定。", "哦。", "@0.4 规定。"), two, forbid="two")) == [INCONCLUSIVE]


# ---------------------------------------------------------------- limits of time


@pytest.mark.parametrize(
    ("begin", "require", "forbid"), [(4.0, PASS, FAIL), (4.9, PASS, INCONCLUSIVE), (5.1, INCONCLUSIVE, INCONCLUSIVE), (5.5, FAIL, PASS)]
)
def test_so_near_to_a_limit_as_times_are_known(begin: float, require: Any, forbid: Any) -> None:
    early = say("early", "非常抱歉", where=Where(first_s=4.0))
    script = f"坐席 1-3 您好，请讲。\n坐席 {begin}-7 非常抱歉。\n客户 8-9 嗯。"
    assert outcomes(judged(script, early, require="early")) == [require]
    assert outcomes(judged(script, early, forbid="early")) == [forbid]
    related = say("early", "非常抱歉", relation=Relation("after", "start", within_s=5.0))
    start = Condition("start", Event("start"))
    assert outcomes(judged(script, related, start, require="early")) == [require]
    assert outcomes(judged(script, related, start, forbid="early")) == [forbid]


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_last_turns_of_a_call_that_has_fewer(turns: int) -> None:
    bye = say("bye", "再见", where=Where(last_turns=turns))
    assert outcomes(judged("坐席 1-3 您好，再见。\n客户 4-5 嗯。", bye, require="bye")) == [PASS]
    assert outcomes(judged("坐席 1-3 您好，请讲。\n客户 4-5 嗯。", bye, require="bye")) == [FAIL]


def test_an_absence_that_is_forbidden_is_none_where_there_was_no_chance() -> None:
    bye = say("bye", "再见", where=Where(last_turns=1))
    for by, expected in (("customer", NA), (None, INCONCLUSIVE), ("agent", FAIL)):
        cut = Scene("坐席 1-3 您好，请讲。\n客户 4-6 不说了。", hangup_by=by)
        assert outcomes(judged(cut, bye, forbid="not bye")) == outcomes(judged(cut, bye, require="bye")) == [expected]


# ---------------------------------------------------------------- excuses


def test_an_excuse_that_certainly_holds_comes_before_one_that_nobody_knows() -> None:
    waited, short = (
        Condition("waited", Limit("pitch_range_st", low=1.0), who=Who.CUSTOMER),
        Condition("short", Limit("duration_s", high=60.0)),
    )
    open_one, certain = Excuse(parse("waited"), "pass", "等了很久"), Excuse(parse("short"), "not_applicable", "通话很短")
    script, bad = "坐席 1-3 这事不归我管。\n客户 4-5 喂。", words("bad", "不归我管")
    for excuses in ((open_one, certain), (certain, open_one)):
        assert outcomes(judged(script, bad, waited, short, forbid="bad", excuses=excuses)) == [NA]
    assert outcomes(judged(script, bad, waited, short, forbid="bad", excuses=(open_one,))) == [INCONCLUSIVE]


def test_negations_upon_negations() -> None:
    thanks = say("thanks", "感谢您的来电")
    polite, rude = talk("喂。", "感谢您的来电。"), talk("喂。")
    for text in ("not (not thanks)", "not (not (thanks and thanks))"):
        assert outcomes(judged(polite, thanks, require=text)) == [PASS] and outcomes(judged(rude, thanks, require=text)) == [FAIL]
    assert spans(judged(rude, thanks, forbid="not (not (not thanks))"))
    assert outcomes(judged(polite, thanks, forbid="not (not (not thanks))")) == [PASS]
