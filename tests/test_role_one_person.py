"""One person of a recording of one channel who was taken for two voices; and how sure anything about roles may be called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from commands import Run
from role_calls import ENGINE, record, spoken_call
from stored_houses import house

from qa import overlap, role_marks, roles
from qa.callfacts import agent_turns
from qa.checks import closing
from qa.errors import StoreError
from qa.rescore import judge
from qa.role_settings import RoleSettings, confidence_text
from qa.store import Store
from qa.types import Call, Outcome, Role, Roles, Span, SpeakerTurn, SpeakerTurns

HOUSE = RoleSettings()
LINES = [
    ("spk0", "喂，讲。"),
    ("spk1", "喂，我这边听着有点问题。"),
    ("spk0", "知道了。"),
    ("spk2", "您再等一等。"),
    ("spk1", "好的。"),
    ("spk2", "感谢您的"),
    ("spk0", "来电，再见。"),
]
GIVEN = {"spk0": Role.AGENT, "spk1": Role.CUSTOMER, "spk2": Role.AGENT}


def call_of(lines: list[tuple[str, str]]) -> Call:
    made = spoken_call(lines, record=replace(record(), start="2025-05-10T10:00:00.000", hangup_by="agent"), edges=True)
    end_ms = made.audio.duration_ms
    edges = tuple(replace(e, span=Span(e.span.start_ms, min(end_ms, e.span.end_ms))) for e in made.transcript.edges)
    transcript = replace(made.transcript, edges=edges)
    return roles.told(replace(made, transcript=transcript, audio=replace(made.audio, path="/nowhere/C1.wav")))


def one_person(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("spk0" if who == "spk2" else who, text) for who, text in lines]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    book = house(tmp_path / "house", more='[checks.closing]\nclause = "道别。"\nweight = 10\n')
    with Store(tmp_path / "qa.db") as made:
        made.ledger.register(book)
        call = call_of(LINES)
        assert call.speaker(Role.AGENT) is None
        made.record(call, judge(call, book, made.earlier()))
        yield made


def test_two_voices_are_one_agent_and_the_call_is_judged_at_once(store: Store) -> None:
    role_marks.set_roles(store, "C1", GIVEN, "张三", "是同一个人")
    assert store.scorecard("C1").result("closing").outcome is Outcome.PASS  # type: ignore[union-attr]
    call, plain = store.call("C1"), call_of(one_person(LINES))
    assert (call.speaker(Role.AGENT), call.speaker(Role.CUSTOMER)) == ("spk0", "spk1") and not call.roles.doubt
    assert [[u.text for u in turn] for turn in agent_turns(call)] == [
        ["喂，讲。"],
        ["知道了。", "您再等一等。"],
        ["感谢您的", "来电，再见。"],
    ]
    assert call.turns.of("spk0") == plain.turns.of("spk0") and call.turns.of("spk2") == ()
    assert [(e.which, e.span, e.text) for e in call.transcript.edges if e.speaker == "spk0"] == [
        (e.which, e.span, e.text) for e in plain.transcript.edges if e.speaker == "spk0"
    ]
    assert {t.speaker for t in call.as_heard.turns.turns} == {"spk0", "spk1", "spk2"}
    role_marks.set_roles(store, "C1", {}, "李四", "不是")
    assert {t.speaker for t in store.call("C1").turns.turns} == {"spk0", "spk1", "spk2"}


def test_one_who_breaks_off_and_goes_on_interrupts_nobody() -> None:
    """The second voice of the agent over the first is neither double talk nor an interruption; over the customer it is the agent's."""
    spans = (("spk0", 1000, 4000), ("spk2", 3000, 6000), ("spk1", 7000, 11000), ("spk2", 10000, 14000))
    base = call_of(LINES)
    turns = tuple(SpeakerTurn(who, 0, Span(a, b)) for who, a, b in spans)
    call = replace(base.as_heard, turns=SpeakerTurns(ENGINE, turns, (), ()), roles=Roles(()))
    mark = role_marks.new(call, "C1", GIVEN, "张三", "是同一个人", True)
    made = role_marks.applied(call, mark, HOUSE, lambda digest: None)
    assert made.turns.of("spk0") == (Span(1000, 6000), Span(10000, 14000))
    assert overlap.double_talk(made) == (Span(10000, 11000),)
    assert [e.span for e in overlap.entries(made, Role.AGENT)] == [Span(10000, 11000)]


@pytest.mark.parametrize(
    "lines, given, method",
    [
        ([("ch0", "您好。"), ("ch1", "喂。")], {"ch0": Role.AGENT, "ch1": Role.AGENT}, "channel"),
        (LINES, dict.fromkeys(("spk0", "spk1", "spk2"), Role.CUSTOMER), ENGINE),
    ],
)
def test_two_channels_or_all_voices_are_not_one_person(lines: list[tuple[str, str]], given: dict[str, Role], method: str) -> None:
    with pytest.raises(StoreError, match="不止一个"):
        role_marks.new(spoken_call(lines, method), "C1", given, "张三", "r", True)


def divided(call: Call, names: dict[str, str]) -> Call:
    heard = call.as_heard
    turns = tuple(SpeakerTurn(names[t.speaker], 0, t.span) for t in heard.turns.turns)
    said = tuple(replace(u, speaker=names[u.speaker]) for u in heard.transcript.utterances)
    transcript = replace(heard.transcript, utterances=said, edges=())
    return roles.told(replace(heard, turns=SpeakerTurns("other@2", turns, (), turns), transcript=transcript, roles=Roles(())))


def test_another_engine_that_hears_one_voice_agrees(store: Store) -> None:
    role_marks.set_roles(store, "C1", GIVEN, "张三", "是同一个人")
    whole = role_marks.standing(store, divided(call_of(LINES), {"spk0": "spk1", "spk2": "spk1", "spk1": "spk0"}), HOUSE)
    assert (whole.speaker(Role.AGENT), whole.speaker(Role.CUSTOMER)) == ("spk1", "spk0") and not whole.roles.doubt
    parted = role_marks.standing(store, divided(call_of(LINES), {"spk0": "spk2", "spk2": "spk0", "spk1": "spk1"}), HOUSE)
    assert not parted.roles.doubt and sum(len(t) for t in agent_turns(parted)) == 5
    mixed = role_marks.standing(store, divided(call_of(LINES), {"spk0": "spk0", "spk2": "spk1", "spk1": "spk1"}), HOUSE)
    assert mixed.roles.doubt and mixed.speaker(Role.AGENT) is None


def test_an_announcement_and_a_hand_over_are_cut_out_of_both_voices() -> None:
    lines = [
        ("spk2", "这通来电录音，八零零三号接听。"),
        ("spk0", "您好。"),
        ("spk1", "我家漏水了。"),
        ("spk2", "我帮您转接专家，请稍等。"),
        ("spk2", "正在转接，请等待。"),
        ("spk0", "您好，专家组小贺。"),
        ("spk1", "你好。"),
        ("spk2", "爱找谁找谁去。"),
    ]
    call = spoken_call(lines, record=record(), edges=True)
    made = role_marks.applied(call, role_marks.new(call, "C1", GIVEN, "张三", "是同一个人", True), HOUSE, lambda digest: None)
    who = [u.speaker for u in made.transcript.utterances]
    assert who == ["announcement", "spk2", "spk1", "spk2", "announcement", "third", "spk1", "third"]
    begins = next(u.span.start_ms for u in made.transcript.utterances if u.speaker == "third")
    assert made.roles.handed_over_ms == begins
    assert next(closing.run(made, closing.Params())).outcome is Outcome.INCONCLUSIVE


def test_set_by_the_command_and_shown(store: Store, qa: Run) -> None:
    ran = qa("roles", "set", "C1", "spk0=agent", "spk1=customer", "spk2=agent", "--by", "张三", "--reason", "同一个人")
    assert ran.code == 0 and "spk2=agent" in ran.out
    shown = qa("roles", "show", "C1").out
    assert "与 spk0 是同一个人" in shown and ">99%" in shown and "100%" not in shown


# ---------------------------------------------------------------- how sure


@pytest.mark.parametrize(
    "confidence, text",
    [(1.0, ">99%"), (0.9999, ">99%"), (0.9901, ">99%"), (0.99, "99%"), (0.949, "94%"), (0.5, "50%"), (0.0, "0%")],
)
def test_nothing_is_called_certain_nor_more_than_it_is(confidence: float, text: str) -> None:
    assert confidence_text(confidence) == text
    assert confidence_text(confidence, 1) == {">99%": ">99%", "99%": "99.0%", "94%": "94.9%", "50%": "50.0%", "0%": "0.0%"}[text]


def test_no_evidence_makes_a_role_certain() -> None:
    said = [
        ("spk0", "您好，华宁通信，工号八零零三，很高兴为您服务。"),
        ("spk1", "我家宽带坏了，我要投诉你们，你们怎么回事。"),
        ("spk0", "非常抱歉，我帮您登记，请您报一下具体地址。"),
        ("spk1", "我家在和平路，你快一点。"),
        ("spk0", "感谢您的来电，祝您生活愉快，再见。"),
    ]
    found = roles.told(spoken_call(said, record=record()))
    assert [a.confidence for a in found.roles.assignments] == [0.999, 0.999]


def test_a_voice_that_is_first_heard_after_a_transfer_may_be_a_third_persons() -> None:
    """Two voices, and one of them never spoke before the call was put through: the customer's words lie in the other."""
    said = [
        ("spk0", "您好，华宁通信，工号八零零三，很高兴为您服务。"),
        ("spk0", "公司要拉一条专线，找谁谈。"),
        ("spk0", "我帮您转接专家，请稍等。"),
        ("spk1", "我家要一条的，你快一点。"),
        ("spk1", "我要投诉你们，你什么态度。"),
    ]
    found = roles.told(spoken_call(said, record=record()))
    assert found.speaker(Role.AGENT) is None and "转接或邀请第三方之后" in found.roles.doubt
    before = roles.told(spoken_call([said[0], ("spk1", "我要报修。"), *said[1:]], record=record()))
    assert before.speaker(Role.AGENT) == "spk0" and not before.roles.doubt
