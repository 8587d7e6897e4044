"""Announcements are nobody's words, whoever's channel they are on; what an agent says in nearly the same words stays the agent's."""

from __future__ import annotations

import pytest
from role_calls import ENGINE, record, spoken_call

from qa import announcements, roles
from qa.callfacts import activity, channel_activity
from qa.checks import greeting
from qa.role_settings import RoleSettings
from qa.types import Call, Outcome, Role

GREETING = ("ch0", "您好，华宁通信，工号八零零三，很高兴为您服务。")
ASKS = ("ch1", "我家宽带连不上了。")
ENDS = ("ch0", "感谢您的来电，再见。")


def stereo(*lines: tuple[str, str], house: RoleSettings | None = None) -> Call:
    return roles.told(spoken_call(list(lines), "channel", record(0), edges=True), house or RoleSettings())


def machine(call: Call) -> str:
    return "".join(u.text for u in call.utterances(Role.ANNOUNCEMENT))


@pytest.mark.parametrize(("before", "after"), [
    ("为了改进工作，这通来电全程录音。八零零三号话务员接听。", ""),
    ("这通来电路音，八零零三号接听。", ""),
    ("八零零三号话务员为您服务。", ""),
    ("您的来电对我们很重要，前面还有三位客户排队。", ""),
    ("", "请您打分，觉得好按一，觉得不好按二。"),
    ("", "请您打分觉得好案一觉得不好案二"),
    ("", "感谢您的评价。"),
])  # fmt: skip
def test_what_a_machine_says_is_set_apart(before: str, after: str) -> None:
    lines = [*([("ch0", before)] if before else []), GREETING, ASKS, ENDS, *([("ch0", after)] if after else [])]
    call = stereo(*lines)
    assert machine(call) == before + after
    assert "".join(u.text for u in call.utterances(Role.AGENT)) == GREETING[1] + ENDS[1]


@pytest.mark.parametrize("says", [
    ["您好，工号八零零三为您服务。"],
    ["您好，客服代表八零零三为您服务。", "请您讲。"],
    ["您好，华宁通信，本次通话全程录音，请讲。"],
    ["您好，华宁通信。", "我们的通话会录音。"],
    ["您好。", "我帮您转接，正在转接。"],
    ["您好。", "请您为我们的服务打分，一到十分。"],
    ["您好。", "稍后请您按一评价。"],
    ["您好。", "您按一下那个红的键。"],
    ["您好。", "遥控器上按一，再按二。", "然后您看灯亮不亮。"],
])  # fmt: skip
def test_what_an_agent_says_stays_the_agents(says: list[str]) -> None:
    call = stereo(*(("ch0", text) for text in says[:1]), ASKS, *(("ch0", text) for text in says[1:]))
    assert machine(call) == "" and call.before is None
    assert "".join(u.text for u in call.utterances(Role.AGENT)) == "".join(says)


@pytest.mark.parametrize(("before", "after"), [
    (["华宁通信八零零三号话务员为您服务。", "您好，请问有什么可以帮您？"], ""),
    (["您好华宁通信您的来电将被录音", "请问有什么可以帮您？"], ""),
    (["您好您的来电将被录音", "请问有什么可以帮您？"], ""),
    (["您好华宁通信八零零三坐席正在为您接听", "请讲。"], ""),
    (["您好华宁通信很高兴为您服务，本次通话将被录音", "请讲。"], ""),
    ([], "感谢您的来电再见谢谢您的评价"),
    ([], "感谢您的参与再见"),
    ([], "满意请按一感谢您的来电再见"),
    ([], "对方正在通话你烦不烦"),
])  # fmt: skip
def test_a_clause_that_goes_on_in_other_words_stays_the_agents(before: list[str], after: str) -> None:
    """Some recognisers write no punctuation: the pattern of an announcement is then a part of the agent's own sentence."""
    lines = [*(("ch0", text) for text in before or [GREETING[1]]), ASKS, ("ch0", "好的。"), ASKS, *([("ch0", after)] if after else [])]
    call = stereo(*lines)
    assert machine(call) == "" and call.before is None


def test_the_houses_wording_with_more_beside_it_stays_the_agents() -> None:
    house = RoleSettings(announcements=("欢迎致电蓝火焰，安全用气人人有责",))
    said = ("ch0", "安全用汽人人有责你们烦不烦啊")
    assert machine(stereo(GREETING, ASKS, said, ENDS, house=house)) == ""
    played = stereo(GREETING, ASKS, ("ch0", "安全用汽人人有责。"), ("ch0", "正在转接。"), ENDS, house=house)
    assert [announcements.by_house(one) for one in played.roles.stretches] == [True, False]


def test_an_announcement_without_a_pause_before_the_agents_words_is_left_with_the_agent() -> None:
    call = stereo(("ch0", "这通来电录音。您好，请讲。"), ASKS)
    assert machine(call) == ""


def test_a_played_number_is_no_greeting_of_the_agents() -> None:
    played = ("ch0", "华宁通信，八零零三号话务员接听。")
    params = greeting.Params(patterns=("华宁通信",))
    bare = stereo(played, ("ch0", "喂，讲吧。"), ASKS)
    assert machine(bare) == ""  # it begins with words that may be the agent's own: the house must say what it plays
    whole = stereo(played, ("ch0", "喂，讲吧。"), ASKS, house=RoleSettings(announcements=("华宁通信，八零零三号话务员接听",)))
    assert machine(whole) == played[1]
    (found,) = greeting.run(whole, params)
    assert found.outcome is not Outcome.PASS


def test_the_houses_wording_is_found_by_sound_anywhere() -> None:
    house = RoleSettings(announcements=("欢迎致电蓝火焰，安全用气人人有责",))
    call = stereo(GREETING, ASKS, ("ch0", "安全用汽人人有责。"), ENDS, house=house)
    assert machine(call) == "安全用汽人人有责。"


@pytest.mark.parametrize("labels", ["spk0", "spk2"])
def test_in_one_channel_an_announcement_is_a_voice_of_its_own_or_lies_in_the_agents(labels: str) -> None:
    lines = [(labels, "这通来电录音，八零零三号接听。"), ("spk0", GREETING[1]), ("spk1", ASKS[1]), ("spk0", ENDS[1]),
             (labels, "请您打分，觉得好按一，觉得不好按二。")]  # fmt: skip
    call = roles.told(spoken_call(lines, ENGINE, record()))
    assert (call.speaker(Role.AGENT), call.speaker(Role.CUSTOMER)) == ("spk0", "spk1")
    assert machine(call) == lines[0][1] + lines[-1][1]
    assert {t.speaker for t in call.turns.turns} == {"announcement", "spk0", "spk1"} == {t.speaker for t in call.turns.exclusive}


def test_sound_without_words_beside_a_hold_announcement_is_music() -> None:
    hold, music = ("ch0", "通话保持当中，话务员马上回来。"), ("ch0", "")
    call = stereo(GREETING, ASKS, hold, music, ("ch0", "久等了。"), ENDS)
    assert [s.why for s in call.roles.stretches if "音乐" in s.why]
    silent = next(t.span for t in call.as_heard.turns.turns if t.span.duration_ms == 4000)
    assert all(span.overlap_ms(silent) == 0 for span in activity(call, Role.AGENT))
    without = stereo(GREETING, ASKS, music, ENDS)
    assert without.roles.stretches == ()


def test_the_agents_activity_levels_and_second_decodes_are_without_the_announcement() -> None:
    lines = (("ch0", "这通来电录音，八零零三号接听。"), GREETING, ASKS)
    call, heard = stereo(*lines), stereo(*lines).as_heard
    played = call.turns.of("announcement")
    assert all(a.overlap_ms(b) == 0 for a in played for b in activity(call, Role.AGENT))
    assert sum(s.duration_ms for s in activity(call, Role.ANNOUNCEMENT)) > 0
    assert channel_activity(call, 0) == heard.activity.channels[0]
    (edge,) = call.edges(Role.AGENT, "opening")
    assert not any("接听" in w.text or "听" in w.text for w in edge.words) and edge.words
    assert [e.speaker for e in call.transcript.edges if e.which == "opening" and e.words] == ["ch0", "announcement", "ch1"]


def test_of_many_clauses_each_is_looked_at_once() -> None:
    lines = [("ch0" if k % 2 else "ch1", "好的，嗯，对，是。") for k in range(400)]
    assert announcements.stretches(spoken_call(lines, "channel")) == ()
