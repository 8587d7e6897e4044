"""The kinds that rule books are written with, beyond their own examples: every occurrence, every excuse, every answer."""

from __future__ import annotations

from typing import Any

import pytest

from qa.check_examples import Scene, Sound
from qa.checks import measure, phrase, script
from qa.lexicon import Phrase, WordList
from qa.rules.expression import parse
from qa.rules.model import Condition, Event, Excuse, Limit, Relation, Say, Where, Who, Words
from qa.scoring import combine
from qa.types import Finding, Outcome, Role

PASS, FAIL, NA, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE


def words(name: str, *texts: str, who: Who = Who.AGENT, **more: Any) -> Condition:
    return Condition(name, Words(WordList("x", tuple(Phrase(t) for t in texts))), who, **more)


def say(name: str, *texts: str, who: Who = Who.AGENT, **more: Any) -> Condition:
    return Condition(name, Say(texts, far=0.3), who, **more)


def judged(scene: Scene | str, *conditions: Condition, **texts: Any) -> list[Finding]:
    excuses = texts.pop("excuses", ())
    expressions = {name: parse(text) for name, text in texts.items()}
    params = phrase.Params(conditions=conditions, excuses=excuses, **expressions)
    return list(phrase.run((Scene(scene) if isinstance(scene, str) else scene)(), params))


def outcomes(findings: list[Finding]) -> list[Outcome]:
    return [finding.outcome for finding in findings]


def spans(findings: list[Finding]) -> list[tuple[int, int]]:
    return [(f.evidence[0].span.start_ms, f.evidence[0].span.end_ms) for f in findings]


COMPLAINT = words("complaint", "要投诉", who=Who.CUSTOMER)
APOLOGY = say("apology", "非常抱歉", "对不起", relation=Relation("after", "complaint", within_turns=1))
TWO = """
坐席 1-2 您好，请讲。
客户 3-4 我要投诉。
坐席 5-6 非常抱歉。
客户 7-8 我就要投诉。
坐席 9-10 好的，登记了。
客户 11-12 嗯。
坐席 13-14 感谢您的来电，再见。
"""


# ---------------------------------------------------------------- phrase, required


def test_one_finding_for_each_occasion() -> None:
    found = judged(TWO, COMPLAINT, APOLOGY, require="apology")
    assert outcomes(found) == [PASS, FAIL] and spans(found) == [(5000, 6000), (8000, 11000)]
    assert found[1].value("missing") == "“非常抱歉”、“对不起”"
    assert [e.role for e in found[1].evidence] == [Role.AGENT, Role.CUSTOMER] and found[1].evidence[1].text == "要投诉"
    assert "第 7.5 秒“要投诉”" in found[1].message or "第 7.4 秒“要投诉”" in found[1].message


def test_trigger_is_looked_at_on_each_occasion() -> None:
    urgent = say("urgent", "我就", who=Who.CUSTOMER, relation=Relation("around", "complaint", within_s=1.0))
    found = judged(TWO, COMPLAINT, APOLOGY, urgent, require="apology", trigger="complaint and urgent")
    assert outcomes(found) == [NA, FAIL]


def test_any_and_first_are_one_finding_for_the_call() -> None:
    for which in ("any", "first"):
        apology = say("apology", "非常抱歉", relation=Relation("after", "complaint", within_turns=1, which=which))
        assert outcomes(judged(TWO, COMPLAINT, apology, require="apology", trigger="complaint")) == [PASS]


def test_all_of_several_things() -> None:
    one = say("one", "非常抱歉", relation=Relation("after", "complaint", within_turns=1))
    two = say("two", "登记了", relation=Relation("after", "complaint", within_turns=1))
    found = judged(TWO, COMPLAINT, one, two, require="one and two")
    assert outcomes(found) == [FAIL, FAIL]
    assert [f.value("missing") for f in found] == ["“登记了”", "“非常抱歉”"]
    assert outcomes(judged(TWO, COMPLAINT, one, two, require="one or two")) == [PASS, PASS]


def test_something_required_to_be_absent() -> None:
    refusal = words("refusal", "办不了")
    script_ = "坐席 1-3 您好，请讲。\n客户 4-5 喂。\n坐席 6-8 {0}。\n客户 9-10 哦。"
    assert outcomes(judged(script_.format("好的马上办"), refusal, require="not refusal")) == [PASS]
    found = judged(script_.format("这个办不了"), refusal, require="not refusal")
    assert outcomes(found) == [FAIL] and spans(found) == [(6800, 8000)]


def test_required_measure() -> None:
    lively = Condition("lively", Limit("pitch_range_st", low=3.0))
    found = judged("坐席 1-5 您好，华宁通信，很高兴为您服务。", lively, require="lively")
    assert outcomes(found) == [FAIL] and "音高变化为 0" in found[0].message and spans(found) == [(1000, 5000)]


def test_unknown_trigger_is_inconclusive_and_shows_the_doubt() -> None:
    bad = TWO.replace("我要投诉", "@0.4 我要投诉").replace("我就要投诉", "知道了")
    found = judged(bad, COMPLAINT, say("bye", "再见"), require="bye", trigger="complaint")
    assert outcomes(found) == [INCONCLUSIVE]
    assert found[0].evidence[0].role is Role.CUSTOMER and found[0].evidence[0].text == "要投诉"


# ---------------------------------------------------------------- phrase, forbidden


def test_every_place_is_an_occurrence() -> None:
    found = judged("坐席 0-8 这事不归我管，那是你自己的事，有完没完", words("bad", "不归我管", "有完没完"), forbid="bad")
    assert outcomes(found) == [FAIL, FAIL] and [f.value("wanted") for f in found] == ["不归我管", "有完没完"]


def test_either_of_two_forbidden_things() -> None:
    script_ = "坐席 1-3 这个不归我管。\n客户 4-5 什么？\n坐席 18-20 有完没完。"
    silence = Condition("silence", Event("silence", 8.0))
    found = judged(script_, words("bad", "不归我管", "有完没完"), silence, forbid="bad or silence")
    assert sorted(spans(found)) == [(1667, 3000), (5000, 18000), (18000, 20000)]


def test_exception_holds_for_its_own_place_alone() -> None:
    silence = Condition("silence", Event("silence", 5.0))
    asked = say("asked", "请您稍等", relation=Relation("before", "silence", within_s=3.0))
    twice = "坐席 1-3 您好，请您稍等。\n坐席 12-14 查到了，是三十元。\n客户 15-16 好的。\n坐席 26-28 还有别的吗？"
    found = judged(twice, silence, asked, forbid="silence and not asked")
    assert outcomes(found) == [FAIL] and spans(found) == [(16000, 26000)]
    again = twice.replace("客户 15-16 好的", "坐席 15-16 请您稍等")
    assert outcomes(judged(again, silence, asked, forbid="silence and not asked")) == [PASS]


def test_related_places_count_though_not_every_occasion_has_one() -> None:
    """A retort after one of two complaints is a retort."""
    retort = words("retort", "登记了", relation=Relation("after", "complaint", within_turns=1))
    found = judged(TWO, COMPLAINT, retort, forbid="retort")
    assert outcomes(found) == [FAIL] and spans(found) == [(9400, 10000)]


def test_so_many_times_is_one_occurrence() -> None:
    three = "坐席 1-3 这是规定，规定。\n客户 4-5 哦。\n坐席 6-8 就是规定。\n客户 9-10 哦。"
    for least, expected in ((3, [FAIL]), (4, [PASS])):
        found = judged(three, words("rules", "规定", times=(least, None)), forbid="rules")
        assert outcomes(found) == expected
    assert len(judged(three, words("rules", "规定", times=(3, None)), forbid="rules")[0].evidence) == 3


def test_forbidden_absence() -> None:
    found = judged("坐席 1-3 您好，请讲。\n客户 4-5 喂。", say("company", "华宁通信"), forbid="not company")
    assert outcomes(found) == [FAIL] and spans(found) == [(1000, 5500)]
    assert outcomes(judged("坐席 1-3 华宁通信。\n客户 4-5 喂。", say("company", "华宁通信"), forbid="not company")) == [PASS]


def test_too_few_may_be_forbidden_or_required_not_to_be() -> None:
    few = say("few", "谢谢", times=(0, 1))
    silent, polite = "坐席 1-3 您好，请讲。\n客户 4-5 喂。", "坐席 1-3 谢谢您，谢谢。\n客户 4-5 喂。"
    for text in ({"forbid": "few"}, {"require": "not few"}):
        assert outcomes(judged(silent, few, **text)) == [FAIL]
        assert outcomes(judged(polite, few, **text)) == [PASS]


def test_who_hung_up_is_shown_by_the_last_second() -> None:
    hangup, bye = Condition("hangup", Event("hangup_agent")), say("bye", "再见", where=Where(last_turns=1))
    found = judged("坐席 1-3 您好。\n客户 4-5 喂。\n坐席 6-7 好的。", hangup, bye, forbid="hangup and not bye")
    assert outcomes(found) == [FAIL] and spans(found) == [(6500, 7500)]
    unknown = Scene("坐席 1-3 您好。\n客户 4-5 喂。\n坐席 6-7 好的。", hangup_by=None)
    assert outcomes(judged(unknown, hangup, bye, forbid="hangup and not bye")) == [INCONCLUSIVE]


def test_nothing_found_is_no_pass_where_much_was_not_heard() -> None:
    bad = words("bad", "不归我管")
    assert outcomes(judged("坐席 1-3 您好，请讲。\n客户 4-5 喂。\n坐席 6-16", bad, forbid="bad")) == [INCONCLUSIVE]
    assert outcomes(judged("坐席 1-3 您好，请讲。\n客户 4-5 喂。", bad, forbid="bad")) == [PASS]


def test_suspicion_is_left_to_a_person() -> None:
    found = judged("坐席 1-3 @0.4 这事不归我管。\n客户 4-5 喂。", words("bad", "不归我管"), forbid="bad")
    assert outcomes(found) == [INCONCLUSIVE] and "疑似" in found[0].message and spans(found) == [(1667, 3000)]


# ---------------------------------------------------------------- excuses

NOISE = Condition("noise", Limit("snr_db", high=15.0))


@pytest.mark.parametrize(
    ("snr", "outcome", "expected"),
    [
        (12.0, "not_applicable", NA),
        (12.0, "pass", PASS),
        (12.0, "inconclusive", INCONCLUSIVE),
        (15.5, "pass", INCONCLUSIVE),
        (30.0, "pass", FAIL),
    ],
)
def test_excuse(snr: float, outcome: str, expected: Outcome) -> None:
    noisy = Scene("坐席 1-3 这事不归我管。\n客户 4-5 喂。", agent=Sound(-30.0, noise_dbov=-30.0 - snr))
    excuses = (Excuse(parse("noise"), outcome, "线路不良"),)
    (found,) = judged(noisy, words("bad", "不归我管"), NOISE, forbid="bad", excuses=excuses)
    assert found.outcome is expected and ("线路不良" in found.message) == (expected is not FAIL)


def test_first_excuse_that_holds_counts() -> None:
    yes, no = Condition("yes", Limit("snr_db", low=1.0)), Condition("no", Limit("snr_db", low=99.0))
    excuses = tuple(Excuse(parse(name), out, name) for name, out in (("no", "pass"), ("yes", "not_applicable"), ("yes", "pass")))
    (found,) = judged("坐席 1-3 这事不归我管。\n客户 4-5 喂。", words("bad", "不归我管"), yes, no, forbid="bad", excuses=excuses)
    assert found.outcome is NA


def test_pass_needs_no_excuse() -> None:
    excuses = (Excuse(parse("noise"), "not_applicable", "线路不良"),)
    noisy = Scene("坐席 1-3 您好，请讲。\n客户 4-5 喂。", agent=Sound(-30.0, noise_dbov=-42.0))
    assert outcomes(judged(noisy, words("bad", "不归我管"), NOISE, forbid="bad", excuses=excuses)) == [PASS]


# ---------------------------------------------------------------- what the kinds take


@pytest.mark.parametrize(
    ("module", "params", "named"),
    [
        (phrase, {"require": parse("a"), "forbid": parse("a"), "conditions": (NOISE,)}, "其中一个"),
        (phrase, {"require": parse("other"), "conditions": (NOISE,)}, "other"),
        (phrase, {"conditions": (NOISE,)}, "其中一个"),
        (phrase, {"require": parse("apology"), "conditions": (APOLOGY,)}, "complaint"),
        (phrase, {"trigger": parse("noise")}, "noise"),
        (measure, {"measure": "loudness"}, "loudness"),
        (measure, {"measure": "rate_cpm"}, "至少写一个"),
        (measure, {"low": 3.0, "high": 2.0}, "low ≤ high"),
        (measure, {"tolerance": -1.0}, "tolerance"),
        (script, {"steps": ()}, "必须"),
        (script, {"steps": (script.Step("a", "A", Say(("x",)), optional=True),)}, "必须"),
        (script, {"steps": (script.Step("a", "A", Say(("x",))),) * 2}, "相同"),
        (script, {"within_s": 0.0}, "within_s"),
        (script, {"within_turns": 0}, "within_turns"),
    ],
)
def test_parameters_that_make_no_sense(module: Any, params: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        module.Params(**params)


# ---------------------------------------------------------------- script


def step(name: str, *texts: str, **more: Any) -> script.Step:
    return script.Step(name, name, Say(texts, far=0.3), **more)


ASK = step("phone", "联系电话", answer=script.DIGITS, read_back=True)
NAME = step("name", "您贵姓", answer=script.TEXT)
BYE = step("bye", "尽快联系您")


def ran(text: str | Scene, *steps: script.Step, **more: Any) -> list[Finding]:
    scene = Scene(text) if isinstance(text, str) else text
    return list(script.run(scene(), script.Params(steps=steps, **more)))


ASKED = """
坐席 1-3 请问您贵姓？
客户 4-5 姓王。
坐席 6-8 请留一下联系电话。
客户 9-10 一三八，
坐席 10.2-10.8 一三八，
客户 11-12 零零一二，
坐席 12.2-12.8 零零一二，
客户 13-14 三四五六。
坐席 14.2-15.2 三四五六，对吗？
客户 15.5-16 对。
坐席 17-19 好的，师傅会尽快联系您。
"""


def test_number_repeated_in_groups() -> None:
    (found,) = ran(ASKED, NAME, ASK, BYE)
    assert found.outcome is PASS and found.message.startswith("3 个步骤")
    assert (found.value("answer_name"), found.value("answer_phone")) == ("王", "13800123456")


def test_each_fault_is_a_finding_and_carries_the_answers() -> None:
    script_ = ASKED.replace("坐席 10.2-10.8 一三八，\n", "").replace("坐席 12.2-12.8 零零一二，\n", "").replace("三四五六，对吗", "好的")
    found = ran(script_.replace("师傅会尽快联系您", "再见"), NAME, ASK, BYE)
    assert outcomes(found) == [FAIL, FAIL]
    assert found[0].value("missing") == "bye" and "没有跟读“phone”" in found[1].message
    assert all(f.value("answer_phone") == "13800123456" for f in found)


def test_optional_step() -> None:
    again = step("again", "还有其他问题", optional=True)
    assert outcomes(ran(ASKED, NAME, again, ASK, BYE)) == [PASS]
    with_it = ASKED.replace("师傅会尽快联系您", "请问还有其他问题吗？师傅会尽快联系您")
    (found,) = ran(with_it, NAME, ASK, again, BYE)
    assert found.outcome is PASS and found.message.startswith("4 个步骤")


def test_order_matters() -> None:
    found = ran(ASKED, ASK, NAME, BYE)
    assert outcomes(found) == [FAIL] and "顺序不对" in found[0].message


def test_missing_step_is_due_between_its_neighbours() -> None:
    (found,) = ran(ASKED, NAME, step("address", "您的地址"), ASK, BYE)
    assert found.outcome is FAIL and spans([found]) == [(3000, 7000)]


@pytest.mark.parametrize(
    ("scene", "outcome"),
    [
        (Scene(ASKED, closing=""), INCONCLUSIVE),
        (Scene(ASKED + "坐席 20-60"), INCONCLUSIVE),
        (Scene(ASKED.replace("坐席 17-19", "坐席 17-19 @0.1")), INCONCLUSIVE),
        (Scene(ASKED), FAIL),
    ],
)
def test_missing_step_must_be_certain(scene: Scene, outcome: Outcome) -> None:
    found = ran(scene, NAME, ASK, step("thanks", "感谢您的支持"))
    assert combine(outcomes(found)) is outcome


def test_customer_who_hangs_up_ends_the_script() -> None:
    cut = "坐席 1-3 请问您贵姓？\n客户 4-5 姓王，不说了。"
    for by, expected in (("customer", NA), (None, INCONCLUSIVE), ("agent", FAIL)):
        found = ran(Scene(cut, hangup_by=by), NAME, BYE)
        assert outcomes(found) == [expected], by


def test_number_that_was_not_given_need_not_be_repeated() -> None:
    silent = "坐席 1-3 请留一下联系电话。\n坐席 8-10 好的，师傅会尽快联系您。\n客户 10.5-11 嗯。"
    (found,) = ran(silent, ASK, BYE)
    assert found.outcome is PASS and found.value("answer_phone") is None


def test_answer_badly_heard_accuses_nobody() -> None:
    mute = "坐席 1-3 请留一下联系电话。\n客户 4-8 {0}一三八零零一二三四五六。\n坐席 8.5-10 好的，师傅会尽快联系您。\n客户 11-12 嗯。"
    assert outcomes(ran(mute.format("@0.6 "), ASK, BYE)) == [INCONCLUSIVE]
    assert outcomes(ran(mute.format(""), ASK, BYE)) == [FAIL]


def test_main_words_are_enough_for_free_text() -> None:
    asks = step("problem", "什么问题", answer=script.TEXT, read_back=True)
    script_ = "坐席 1-3 请问您有什么问题？\n客户 4-6 宽带连不上网络。\n坐席 7-9 {0}\n坐席 10-12 师傅会尽快联系您。"
    assert outcomes(ran(script_.format("宽带没有网络，对吗？"), asks, BYE)) == [PASS]
    assert outcomes(ran(script_.format("好的，记下了。"), asks, BYE)) == [FAIL]


@pytest.mark.parametrize(
    ("within_s", "within_turns", "expected"), [(10.0, None, FAIL), (20.0, None, PASS), (None, 5, FAIL), (None, 12, PASS)]
)
def test_from_first_to_last(within_s: float | None, within_turns: int | None, expected: Outcome) -> None:
    found = ran(ASKED, NAME, ASK, BYE, within_s=within_s, within_turns=within_turns)
    assert outcomes(found) == [expected]


def test_steps_of_the_customer() -> None:
    agrees = step("agrees", "姓王", who=Who.CUSTOMER)
    assert outcomes(ran(ASKED, NAME, agrees, BYE)) == [PASS]
    assert outcomes(ran(ASKED, NAME, step("agrees", "姓王"), BYE)) == [FAIL]


# ---------------------------------------------------------------- measure


def test_measure_shows_where_it_was_taken_and_its_limits() -> None:
    scene = Scene("坐席 1-5 您好，华宁通信，很高兴为您服务。\n坐席 17-19 还在吗？")
    (found,) = measure.run(scene(), measure.Params(measure="longest_silence_s", high=10.0))
    assert found.outcome is FAIL and spans([found]) == [(5000, 17000)]
    assert dict(found.values) == {"longest_silence_s": 12.0, "low": None, "high": 10.0, "error": 0.2}
    assert found.message == "最长静音 12.0 秒（规定不超过 10 秒）"


def test_measure_of_the_customer() -> None:
    scene = Scene("坐席 1-5 您好，华宁通信，很高兴为您服务。\n客户 6-9 我想查一下话费。", customer=Sound(-10.0))
    loud = {"measure": "level_dbov", "high": -15.0}
    assert [f.outcome for f in measure.run(scene(), measure.Params(**loud))] == [PASS]
    (found,) = measure.run(scene(), measure.Params(**loud, who=Who.CUSTOMER))
    assert found.outcome is FAIL and found.evidence[0].role is Role.CUSTOMER
