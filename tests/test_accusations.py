"""Nobody is accused of words that may be somebody else's; what is certain stays certain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qa import accusations, any_voice, omission, roles, set_apart
from qa.check_examples import Scene, Sound
from qa.checks import banned_phrases, closing, greeting, phrase
from qa.lexicon import Phrase, WordList
from qa.role_settings import RoleSettings
from qa.rules.conditions import evaluate
from qa.rules.events import EVENTS
from qa.rules.expression import And, Expression, Name, Not
from qa.rules.model import Condition, Regex, Relation, Say, Who, Words
from qa.types import Call, Finding, Outcome, Role, RoleStretch, Span

FAIL, PASS, INCONCLUSIVE = Outcome.FAIL, Outcome.PASS, Outcome.INCONCLUSIVE
OPEN = "坐席 0.5-3.5 您好，华宁通信，为您服务。\n客户 4-6 我的网断了。\n"
BYE = "\n坐席 40-42 感谢您的来电，再见。"


def worst(findings: Any) -> Finding:
    order = [FAIL, INCONCLUSIVE, PASS, Outcome.NOT_APPLICABLE]
    found: Finding = min(findings, key=lambda f: order.index(f.outcome))
    return found


def banned(call: Call, *phrases: str) -> Finding:
    words = WordList("", tuple(map(Phrase, phrases or ("你烦不烦", "闭嘴"))))
    return worst(banned_phrases.run(call, banned_phrases.Params(words=words)))


def forbidden(call: Call, *conditions: Condition, forbid: Expression | None = None) -> Finding:
    return worst(phrase.run(call, phrase.Params(forbid=forbid or Name(conditions[0].id), conditions=conditions)))


def required(call: Call, require: Expression, *conditions: Condition) -> Finding:
    return worst(phrase.run(call, phrase.Params(require=require, conditions=conditions)))


INSULT = Words(WordList("", (Phrase("你烦不烦"), Phrase("闭嘴"))))
SOURCES = [INSULT, Regex("你烦不烦|闭嘴"), Say(("你烦不烦", "闭嘴"))]

# ---------------------------------------------------------------- the other channel


def leaking(agent: str, customer: str, customers: Sound | None = None) -> Call:
    return Scene(f"{OPEN}坐席 {agent}\n客户 {customer}{BYE}", customer=customers or Sound())()


QUIET = Sound(louder=((19.0, 24.0, -20.0, 1.0),))


@pytest.mark.parametrize(
    ("agent", "customer", "customers", "expected"),
    [
        ("20-22 还嫌我你烦不烦", "20-22 还嫌我你烦不烦", None, INCONCLUSIVE),
        ("20.4-22.4 还嫌我你烦不烦", "20-22 还嫌我你烦不烦", None, INCONCLUSIVE),  # late
        ("20-22 三步之对你烦不烦", "20-22 三不知道你凡步翻", None, INCONCLUSIVE),  # written otherwise
        ("20-21 闭嘴", "20-21 闭嘴", None, INCONCLUSIVE),
        ("20-22 还嫌我你烦不烦", "20-22 还嫌我你烦不烦", QUIET, FAIL),  # the agent's own leak into the customer's channel
        ("20-22 这事你烦不烦", "24-26 还嫌我你烦不烦", None, FAIL),
        ("20-22 这事你烦不烦", "20-22 我的网断了三天", None, FAIL),
        ("20-21 闭嘴", "20-21 笔记", None, FAIL),
        ("20-21 闭嘴", "18-19 闭嘴", None, FAIL),
    ],
)
def test_the_same_words_on_the_other_channel_may_be_a_leak(agent: str, customer: str, customers: Sound | None, expected: Outcome) -> None:
    call = leaking(agent, customer, customers)
    for found in (banned(call), *(forbidden(call, Condition("it", source)) for source in SOURCES)):
        assert found.outcome is expected and (accusations.LEAK in found.message) is (expected is INCONCLUSIVE)


def test_what_leaks_of_the_agents_words_is_no_occasion_that_the_customer_gave() -> None:
    complaint = Condition("complaint", Words(WordList("", (Phrase("我要投诉"),))), Who.CUSTOMER)
    sorry = Condition("sorry", Say(("对不起",)), relation=Relation("after", "complaint", within_turns=1))
    twice = leaking("20-23 您是说我要投诉你们对吗", "20-23 您是说我要投诉你们对吗")
    found = required(twice, Name("sorry"), sorry, complaint)
    assert found.outcome is INCONCLUSIVE and accusations.LEAK in found.message
    assert required(leaking("25-26 好的", "20-23 我要投诉你们"), Name("sorry"), sorry, complaint).outcome is FAIL


def test_what_anybody_says_is_said_whoever_it_leaked_from() -> None:
    call = leaking("20-22 还嫌我你烦不烦", "20-22 还嫌我你烦不烦")
    assert forbidden(call, Condition("it", INSULT, Who.ANYONE)).outcome is FAIL


# ---------------------------------------------------------------- a voice that may be two people's


def in_one_channel(call: Call, alone: bool) -> Call:
    made = tuple(replace(a, alone=alone) for a in call.roles.assignments)
    turns = replace(call.turns, method="engine/x@0", exclusive=call.turns.turns)
    return replace(call, turns=turns, roles=replace(call.roles, assignments=made))


@pytest.mark.parametrize(("alone", "expected"), [(False, INCONCLUSIVE), (True, FAIL)])
def test_a_voice_that_was_not_compared_accuses_nobody(alone: bool, expected: Outcome) -> None:
    call = in_one_channel(Scene(f"{OPEN}坐席 20-22 这事你烦不烦{BYE}")(), alone)
    for found in (banned(call), *(forbidden(call, Condition("it", source)) for source in SOURCES)):
        assert found.outcome is expected and ("单声道" in found.message) is (expected is INCONCLUSIVE)


# ---------------------------------------------------------------- what the program set apart


def apart(call: Call, role: Role, start_ms: int, end_ms: int, why: str = "转接提示：“正在转接”") -> Call:
    stretch = RoleStretch("ch0", Span(start_ms, end_ms), role, why)
    return set_apart.applied(replace(call, roles=replace(call.roles, stretches=(stretch,))))


@pytest.mark.parametrize("role", [Role.ANNOUNCEMENT, Role.UNKNOWN])
def test_an_insult_that_the_program_set_apart_is_left_to_a_person(role: Role) -> None:
    call = Scene(f"{OPEN}坐席 20-22 这事你烦不烦{BYE}")()
    assert banned(call).outcome is FAIL
    made = apart(call, role, 19_500, 22_500)
    for found in (banned(made), *(forbidden(made, Condition("it", source)) for source in SOURCES)):
        assert found.outcome is INCONCLUSIVE and ("也可能是坐席说的" if role is Role.ANNOUNCEMENT else "不知是不是坐席") in found.message
    assert banned(made).evidence[0].span == banned(call).evidence[0].span


def test_what_the_house_says_is_played_is_not_doubted() -> None:
    lines = OPEN + "坐席 20-22 你烦不烦请按一\n客户 25-26 好" + BYE
    played = roles.told(Scene(lines)(), RoleSettings(announcements=("你烦不烦请按一",)))
    assert [s.role for s in played.roles.stretches] == [Role.ANNOUNCEMENT]
    assert banned(played).outcome is PASS and forbidden(played, Condition("it", INSULT)).outcome is PASS


@pytest.mark.parametrize(("role", "expected"), [(Role.ANNOUNCEMENT, PASS), (Role.UNKNOWN, INCONCLUSIVE), (Role.THIRD_PARTY, PASS)])
def test_speech_of_nobody_knows_whom_is_no_pass(role: Role, expected: Outcome) -> None:
    for line in ("坐席 20-22 请您稍等", "坐席 20-22"):
        call = apart(Scene(f"{OPEN}{line}{BYE}")(), role, 19_500, 22_500)
        assert banned(call).outcome is expected
        assert {forbidden(call, Condition("it", source)).outcome for source in SOURCES} == {expected}
        assert forbidden(call, Condition("it", INSULT, Who.CUSTOMER)).outcome is PASS
    silent = apart(Scene(f"{OPEN}{BYE}")(), role, 19_500, 22_500)
    assert banned(silent).outcome is PASS


def test_a_forbidden_expression_is_looked_at_whole() -> None:
    call = apart(Scene(f"{OPEN}坐席 20-22 这事你烦不烦\n坐席 30-32 对不起，请您稍等{BYE}")(), Role.ANNOUNCEMENT, 19_500, 22_500)
    insult, sorry = Condition("it", INSULT), Condition("sorry", Say(("对不起",)))
    assert forbidden(call, insult, sorry, forbid=And((Name("it"), Not(Name("sorry"))))).outcome is PASS
    assert required(call, Not(Name("it")), insult).outcome is INCONCLUSIVE
    after = Condition("after", INSULT, relation=Relation("after", "sorry"))
    assert forbidden(call, after, sorry).outcome is PASS  # it was before


@pytest.mark.parametrize("kind", ["interruption", "cut_in", "overlap", "shout"])
def test_events_in_speech_of_nobody_knows_whom_may_be_the_agents(kind: str) -> None:
    call = Scene(f"{OPEN}坐席 20-22 请您稍等{BYE}")()
    assert EVENTS[kind].find(call, Role.AGENT).blind is None
    assert EVENTS[kind].find(apart(call, Role.UNKNOWN, 19_500, 22_500), Role.AGENT).blind is not None


def test_a_silence_of_the_agents_in_which_it_may_be_the_agent_who_speaks_is_unsure() -> None:
    call = Scene(f"{OPEN}坐席 20-22 请您稍等{BYE}")()
    for role, unsure in ((Role.UNKNOWN, True), (Role.ANNOUNCEMENT, False)):
        found = EVENTS["agent_silence"].find(apart(call, role, 19_500, 22_500), Role.AGENT).all
        (over,) = [one for one in found if one.span.overlap_ms(Span(20_000, 22_000))]
        assert (over.doubt is not None) is unsure and all(one.doubt is None for one in found if one is not over)


def test_a_shout_that_leaks_is_not_the_agents() -> None:
    lines = f"{OPEN}坐席 10-14 好的我来帮您看一下\n坐席 20-22 你们什么时候来\n客户 20-22 你们什么时候来{BYE}"
    loud = ((20.0, 22.0, 14.0, 1.4),)
    both = Scene(lines, agent=Sound(louder=loud), customer=Sound(louder=loud))()
    alone = Scene(lines.replace("客户 20-22 你们什么时候来", "客户 17-18 好的"), agent=Sound(louder=loud))()
    assert [h.doubt for h in EVENTS["shout"].find(both, Role.AGENT).all] == [accusations.LEAK]
    assert [h.doubt for h in EVENTS["shout"].find(alone, Role.AGENT).all] == [None]


# ---------------------------------------------------------------- omissions


def test_a_greeting_that_was_taken_for_an_announcement_is_not_missing() -> None:
    lines = "坐席 0.5-3.5 八零零三号话务员为您服务。\n坐席 4.5-6.5 您好，华宁通信。\n客户 7-9 我的网断了。" + BYE
    call = roles.told(Scene(lines, agent_id="8003")())
    assert [s.role for s in call.roles.stretches] == [Role.ANNOUNCEMENT]
    params = greeting.Params(patterns=("您好，华宁通信", "(话务员|坐席)为您服务"))
    assert worst(greeting.run(call, replace(params, patterns=("早上好",)))).outcome is FAIL
    found = worst(greeting.run(call, replace(params, patterns=("话务员为您服务",))))
    assert found.outcome is INCONCLUSIVE and any_voice.BY_MACHINE in found.message
    rule = Condition("it", Say(("话务员为您服务",), far=0.3))
    by_rule = required(call, Name("it"), rule)
    assert by_rule.outcome is INCONCLUSIVE and any_voice.BY_MACHINE in by_rule.message
    customers = replace(rule, who=Who.CUSTOMER)
    assert any_voice.BY_MACHINE not in evaluate(customers, call, {}, (), favour=True).why  # the agent's channel is not the customer's


@pytest.mark.parametrize(("unheard", "expected"), [("坐席 2-6", INCONCLUSIVE), ("坐席 20-24", FAIL)])
def test_a_greeting_may_lie_in_speech_that_was_not_transcribed(unheard: str, expected: Outcome) -> None:
    lines = f"坐席 0.5-1.5 您好，请讲。\n{unheard}\n客户 7-9 我的网断了。\n坐席 12-15 好的，我来帮您看一下。{BYE}"
    found = worst(greeting.run(Scene(lines)(), greeting.Params()))
    assert found.outcome is expected and ("没有转写出来" in found.message) is (expected is INCONCLUSIVE)


def test_in_one_channel_a_greeting_that_is_half_understood_is_not_missing() -> None:
    call = Scene("坐席 0.5-5 您好，花林东紧，工号八零零二，很高兴市民。\n客户 6-9 我的网断了。\n坐席 10-13 好的，我帮您看一下。" + BYE)()
    assert worst(greeting.run(call, greeting.Params())).outcome is FAIL
    found = worst(greeting.run(in_one_channel(call, alone=True), greeting.Params()))
    assert found.outcome is INCONCLUSIVE and omission.NEARLY in found.message


def test_a_closing_in_another_voice_was_perhaps_the_agents_chance() -> None:
    lines = "坐席 0.5-3.5 您好，华宁通信，为您服务。\n客户 4-6 我的网断了。\n坐席 7-9 好了。\n客户 9.5-12 {}。"
    said, silent = (Scene(lines.format(end), hangup_by="customer")() for end in ("感谢您的来电，再见", "那就这样吧"))
    assert worst(closing.run(said, closing.Params(turns=1))).outcome is Outcome.NOT_APPLICABLE  # two channels
    found = worst(closing.run(in_one_channel(said, alone=False), closing.Params()))
    assert found.outcome is INCONCLUSIVE and any_voice.BY_VOICE in found.message
    assert worst(closing.run(in_one_channel(silent, alone=False), closing.Params())).outcome is Outcome.NOT_APPLICABLE
