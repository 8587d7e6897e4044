"""Who is who by what is said: sure only on several pieces of evidence, unsure rather than wrong, and never against the record unseen."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from role_calls import ENGINE, record, spoken_call

from qa import callfacts, role_evidence, roles, scoring
from qa.check_examples import Scene
from qa.checks import closing
from qa.role_settings import ROLES_SURE, RoleSettings
from qa.types import Outcome, Role, SpeakerTurn, SpeakerTurns

AGENT, CUSTOMER = "spk0", "spk1"
USUAL = [
    ("A", "您好，华宁通信，工号八零零三，很高兴为您服务。"),
    ("C", "我家宽带连不上了，你们怎么回事？"),
    ("A", "给您登记好了，请您稍等师傅的电话。"),
    ("C", "行。"),
    ("A", "感谢您的来电，再见。"),
]


def labelled(lines: list[tuple[str, str]], **labels: str) -> list[tuple[str, str]]:
    return [(labels[who], text) for who, text in lines]


@pytest.mark.parametrize("labels", [{"A": "spk0", "C": "spk1"}, {"A": "spk1", "C": "spk0"}])
def test_two_voices_of_a_mono_call(labels: dict[str, str]) -> None:
    found = roles.told(spoken_call(labelled(USUAL, **labels), record=record()))
    assert (found.speaker(Role.AGENT), found.speaker(Role.CUSTOMER)) == (labels["A"], labels["C"])
    by_label = {a.speaker: a for a in found.roles.assignments}
    assert by_label[labels["A"]].confidence >= ROLES_SURE and by_label[labels["A"]].source == "content"
    assert any("工号" in reason for reason in by_label[labels["A"]].reasons)
    assert any("我家" in reason for reason in by_label[labels["C"]].reasons)


def test_the_sum_of_the_weights_is_the_confidence_and_what_speaks_against_counts_twice() -> None:
    found = roles.told(spoken_call([("spk0", "请问您贵姓。"), ("spk1", "嗯嗯嗯嗯嗯")]))
    alone = found.roles.assignments[0].confidence
    assert alone == pytest.approx(1 / (1 + 2.718281828 ** -(1.5 + 1.5)), abs=1e-3)  # asks, courtesy
    against = roles.told(spoken_call([("spk0", "请问您贵姓。"), ("spk1", "请问您贵姓。")]))
    assert against.speaker(Role.AGENT) is None and against.roles.assignments[0].confidence < 0.5


def test_no_piece_alone_is_enough_in_any_house() -> None:
    strongest = max(abs(piece.weight) for piece in role_evidence.PIECES)
    assert roles._sigmoid(strongest) < ROLES_SURE <= roles._sigmoid(2 * strongest)


@pytest.mark.parametrize("said", [
    [("spk0", "喂，讲吧。"), ("spk1", "喂。"), ("spk0", "行，知道了。")],
    [("spk0", "您好，华宁通信，很高兴为您服务，哈哈，你们彩铃里就是这么讲的。"), ("spk1", "您要咨询哪一项业务？感谢您的来电，再见。")],
    [("spk0", "我要投诉。"), ("spk1", "我也要投诉你们。")],
    [("spk0", "您好，很高兴为您服务。我家漏水了，帮我查查。感谢您的来电。"), ("spk1", "嗯，好。")],
])  # fmt: skip
def test_in_doubt_nobody_is_anybody_and_a_person_is_asked(said: list[tuple[str, str]]) -> None:
    call = roles.told(spoken_call(said, record=record()))
    assert {a.role for a in call.roles.assignments} == {Role.UNKNOWN}
    assert "qa roles set" in call.roles.doubt and call.roles.doubt in scoring.about(call).notes
    assert call.roles.doubt in (callfacts.unknown(call, Role.AGENT) or "")
    finding = next(closing.run(call, closing.Params()))
    assert finding.outcome is Outcome.INCONCLUSIVE


def test_how_sure_is_sure_and_further_phrases_are_the_houses() -> None:
    said = [("spk0", "请问您贵姓。"), ("spk1", "嗯嗯嗯嗯嗯")]
    assert roles.told(spoken_call(said), RoleSettings(sure=0.97)).speaker(Role.AGENT) is None
    assert roles.told(spoken_call(said), RoleSettings(sure=0.9)).speaker(Role.AGENT) == "spk0"
    own = RoleSettings(agent_phrases=("蓝火焰竭诚",), customer_phrases=("送一罐气",))
    said = [("spk0", "喂，蓝火焰竭诚。"), ("spk1", "送一罐气。")]
    assert roles.told(spoken_call(said)).speaker(Role.AGENT) is None
    assert roles.told(spoken_call(said), own).speaker(Role.AGENT) == "spk0"


def test_the_number_is_the_agents_only_from_the_first_mouth() -> None:
    said = [("spk0", "您好，工号八零零三。"), ("spk1", "八零零三是吧，我记住了。")]
    found = roles.told(spoken_call(said, record=record()))
    told = {a.speaker: " ".join(a.reasons) for a in found.roles.assignments}
    assert "坐席工号" in told["spk0"] and "坐席工号" not in told["spk1"]


def test_who_answers_speaks_first_and_that_depends_on_the_direction() -> None:
    said = [("spk0", "喂。"), ("spk1", "喂喂喂喂喂喂喂喂。")]
    for direction, weight in (("in", "+1.0"), ("out", "-0.5")):
        call = roles.told(spoken_call(said, record=record(direction=direction)))
        assert [weight in " ".join(a.reasons) for a in call.roles.assignments] == [True, False]
    assert not any(a.reasons for a in roles.told(spoken_call(said)).roles.assignments)


def test_a_voice_is_one_more_piece_and_never_enough() -> None:
    said = [("spk0", "喂。"), ("spk1", "喂喂喂。")]
    assert roles.told(spoken_call(said), voices={"spk0": 9.0, "spk1": -9.0}).speaker(Role.AGENT) is None
    more = [("spk0", "请您讲。"), ("spk1", "喂喂喂。")]
    assert roles.told(spoken_call(more)).speaker(Role.AGENT) is None
    assert roles.told(spoken_call(more), voices={"spk0": 9.0}).speaker(Role.AGENT) == "spk0"
    assert roles.told(spoken_call(more), voices={"spk0": -9.0}).speaker(Role.AGENT) is None


# ---------------------------------------------------------------- a third voice


def test_a_colleague_who_takes_over_is_neither() -> None:
    said = [
        *labelled(USUAL[:2], A="spk0", C="spk1"),
        ("spk0", "我把电话转过去，您别挂。"),
        ("spk2", "正在转接，前面还有一位客户排队。"),
        ("spk3", "政企组小贺，您要多少兆？"),
        ("spk1", "两百兆的那种。"),
        ("spk3", "我下午带合同过去。"),
    ]
    call = roles.told(spoken_call(said, record=record(), edges=True))
    who = {role: call.speaker(role) for role in Role if role not in (Role.UNKNOWN, Role.MIXED)}
    assert who == {Role.AGENT: "spk0", Role.CUSTOMER: "spk1", Role.ANNOUNCEMENT: "announcement", Role.THIRD_PARTY: "spk3"}
    (begins,) = [u.span.start_ms for u in call.transcript.utterances if u.text.startswith("政企组")]
    assert call.roles.handed_over_ms == begins
    finding = next(closing.run(call, closing.Params()))
    assert finding.outcome is Outcome.INCONCLUSIVE and "转给了别人" in finding.message


@pytest.mark.parametrize("method", ["channel", ENGINE])
def test_who_takes_over_on_the_agents_side_is_set_apart(method: str) -> None:
    a, c = ("ch0", "ch1") if method == "channel" else ("spk0", "spk1")
    said = [
        *labelled(USUAL[:2], A=a, C=c),
        (a, "我帮您转接专家，请稍等。"),
        (a, "正在转接，请等待。"),
        (a, "您好，专家组小贺。"),
        (c, "你好。"),
        (a, "爱找谁找谁去。"),
    ]
    call = roles.told(spoken_call(said, method, record(0)))
    assert [u.speaker for u in call.transcript.utterances] == [a, c, a, "announcement", "third", c, "third"]
    assert "爱找谁" not in "".join(u.text for u in call.utterances(Role.AGENT))


def test_an_agent_who_comes_back_is_the_agent() -> None:
    said = [
        *labelled(USUAL[:2], A="ch0", C="ch1"),
        ("ch0", "我帮您转接专家，请稍等。"),
        ("ch0", "正在转接，请等待。"),
        ("ch0", "让您久等了，那边占线。"),
    ]
    call = roles.told(spoken_call(said, "channel", record(0)))
    assert call.roles.handed_over_ms is None and "占线" in call.utterances(Role.AGENT)[-1].text


def test_a_third_voice_without_any_sign_of_who_leaves_all_unsure() -> None:
    said = [*labelled(USUAL, A="spk0", C="spk1"), ("spk2", "天气预报说明天下大雨。")]
    call = roles.told(spoken_call(said, record=record()))
    assert call.speaker(Role.AGENT) is None and "spk2" in call.roles.doubt
    said[-1] = ("spk2", "嗯。")
    assert roles.told(spoken_call(said, record=record())).speaker(Role.AGENT) == "spk0"


# ---------------------------------------------------------------- stereo


@pytest.mark.parametrize("channel", [0, 1])
def test_a_record_that_is_contradicted_strongly_is_doubted_and_not_overruled(channel: int) -> None:
    lines = labelled(USUAL, A=f"ch{channel}", C=f"ch{1 - channel}")
    right, wrong = (roles.told(spoken_call(lines, "channel", record(one))) for one in (channel, 1 - channel))
    assert right.speaker(Role.AGENT) == f"ch{channel}" and not right.roles.doubt
    assert {(a.confidence, a.source) for a in right.roles.assignments} == {(1.0, "record")}
    assert wrong.speaker(Role.AGENT) is None and "疑似声道与话单所写的相反" in wrong.roles.doubt
    found = roles.contradiction(wrong.turns, wrong.transcript, wrong.record)
    assert found is not None and found.confidence >= roles.CONTRADICTED and found.reasons
    assert roles.contradiction(right.turns, right.transcript, right.record) is None


def test_words_of_one_side_alone_contradict_no_record() -> None:
    said = [("ch1", "您好，工号八零零三，很高兴为您服务，请您讲。感谢您的来电。"), ("ch0", "嗯。")]
    assert roles.told(spoken_call(said, "channel", record(0))).speaker(Role.AGENT) == "ch0"


def test_the_houses_channel_counts_where_the_record_is_silent() -> None:
    house = RoleSettings(agent_channel=2)
    said = [("ch0", "喂。"), ("ch1", "喂。")]
    call = roles.told(spoken_call(said, "channel", record()), house)
    assert call.speaker(Role.AGENT) == "ch1" and {a.source for a in call.roles.assignments} == {"setting"}
    assert roles.told(spoken_call(said, "channel", record(0)), house).speaker(Role.AGENT) == "ch0"
    swapped = roles.told(spoken_call(labelled(USUAL, A="ch0", C="ch1"), "channel"), house)
    assert swapped.speaker(Role.AGENT) is None and "规则书" in swapped.roles.doubt


def test_roles_are_told_again_from_the_call_alone_and_come_out_the_same() -> None:
    call = roles.told(spoken_call(labelled(USUAL, A="spk0", C="spk1"), record=record()))
    assert roles.told(call) == call
    assert roles.told(replace(call.as_heard, roles=Scene("坐席 0.5-1 喂")().roles)) == call


def test_the_order_of_labels_says_nothing() -> None:
    lines = labelled(USUAL, A="spk0", C="spk1")
    call = spoken_call(lines, record=record())
    for order in itertools.permutations(("spk0", "spk1")):
        turns = tuple(sorted(call.turns.turns, key=lambda t: (order.index(t.speaker), t.span)))
        found = roles.assign(SpeakerTurns(ENGINE, tuple(SpeakerTurn(t.speaker, 0, t.span) for t in turns)), call.transcript, call.record)
        assert found.speaker(Role.AGENT) == "spk0"
