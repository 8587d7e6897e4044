"""Whose voices a setting speaks of: the recording that it was made on, no voice of two persons, no mono that was not divided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from commands import Run
from role_calls import ENGINE, record, spoken_call, told_apart
from stored_houses import house
from test_voiceprints import MARK, SECONDS, Model

from qa import role_marks, roles, voiceprints
from qa.errors import NotFoundError, StoreError
from qa.rescore import judge
from qa.role_settings import RoleSettings
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Call, Role, Roles, Span, SpeakerTurn, SpeakerTurns
from qa.voice_doubt import another_voice

HOUSE = RoleSettings()
STEREO = {"ch0": Role.AGENT, "ch1": Role.CUSTOMER}
LINES = [("ch0", "您好，华宁通信，很高兴为您服务。"), ("ch1", "我想查话费。"), ("ch0", "感谢您的来电，再见。")]
OTHERS = [
    ("ch1", "喂，你们家怎么这么吵，等了半天也没有人接听电话，真是的。"),
    ("ch0", "对不起。"),
    ("ch1", "我要投诉你们。"),
    ("ch0", "嗯。"),
]


def stereo(lines: list[tuple[str, str]] = LINES, sha256: str = "a" * 64) -> Call:
    call = spoken_call(lines, "channel", replace(record(), start="2025-05-10T10:00:00.000"))
    return roles.told(replace(call, audio=replace(call.audio, path="/nowhere/C1.wav", sha256=sha256)))


def moved(call: Call, ms: int, names: dict[str, str] | None = None) -> Call:
    """Other turns of the same talk: by a program that finds them ``ms`` later, the labels as of ``names``."""
    found = (replace(t, speaker=(names or {}).get(t.speaker, t.speaker), span=Span(t.span.start_ms + ms, t.span.end_ms + ms))
             for t in call.as_heard.turns.turns)  # fmt: skip
    turns = tuple(replace(t, channel=int(t.speaker[-1])) for t in found)
    return roles.told(replace(call.as_heard, turns=SpeakerTurns("channel", turns), roles=Roles(())))


def applied(call: Call, mark: role_marks.RoleMark, then: Call) -> Call:
    return role_marks.applied(call, mark, HOUSE, lambda digest: then.as_heard.turns if digest == mark.turns_digest else None)


# ---------------------------------------------------------------- another recording under the same id


@pytest.mark.parametrize("older", [False, True])
def test_a_setting_says_nothing_of_another_recording(older: bool) -> None:
    """Marks of older programs do not know their recording: the turns tell."""
    then = stereo()
    mark = role_marks.new(then, "C1", STEREO, "张三", "听过了", True)
    mark = replace(mark, sha256="") if older else mark
    now = applied(stereo(OTHERS, "b" * 64), mark, then)
    assert now.speaker(Role.AGENT) is None and "张三" in now.roles.doubt and "--withdraw" in now.roles.doubt
    assert ("另一段录音" in now.roles.doubt) is not older
    assert applied(then, mark, then).speaker(Role.AGENT) == "ch0"


def test_of_its_own_recording_it_holds_whatever_the_program_hears_now() -> None:
    then = stereo()
    mark = role_marks.new(then, "C1", STEREO, "张三", "听过了", True)
    assert mark.sha256 == "a" * 64
    for now in (moved(then, 5000), moved(then, 100)):
        assert applied(now, mark, then).speaker(Role.AGENT) == "ch0"
    assert applied(moved(then, 5000), replace(mark, sha256=""), then).speaker(Role.AGENT) is None


def test_a_copy_of_the_talk_keeps_it_and_with_its_channels_swapped_too() -> None:
    then = stereo()
    mark = role_marks.new(then, "C1", STEREO, "张三", "听过了", True)
    for names, agent in ((None, "ch0"), ({"ch0": "ch1", "ch1": "ch0"}, "ch1")):
        copy = moved(then, 50, names)
        copy = replace(copy, audio=replace(copy.audio, sha256="b" * 64))
        assert applied(copy, mark, then).speaker(Role.AGENT) == agent


@pytest.fixture
def book(tmp_path: Path) -> RuleBook:
    return house(tmp_path / "house", more='[checks.closing]\nclause = "道别。"\nweight = 10\n')


@pytest.fixture
def store(tmp_path: Path, book: RuleBook) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as made:
        made.ledger.register(book)
        yield made


def recorded(store: Store, book: RuleBook, call: Call) -> None:
    call = roles.told(replace(call.as_heard, audio=replace(call.audio, path="/nowhere/C1.wav"), roles=Roles((), voices=call.roles.voices)))
    store.record(call, judge(call, book, store.earlier()))


def test_what_it_was_made_on_is_stored_with_it(store: Store, book: RuleBook) -> None:
    recorded(store, book, stereo())
    role_marks.set_roles(store, "C1", STEREO, "张三", "听过了", alone=True)
    (mark,) = role_marks.marks(store.db, "C1")
    assert (mark.sha256, mark.alone) == ("a" * 64, True)
    other = role_marks.standing(store, stereo(OTHERS, "b" * 64), HOUSE)
    assert other.speaker(Role.AGENT) is None and "另一段录音" in other.roles.doubt
    assert role_marks.standing(store, stereo(), HOUSE).speaker(Role.AGENT) == "ch0"


# ---------------------------------------------------------------- one voice


ONE = [("spk0", "您好，很高兴为您服务。"), ("spk0", "我家宽带断了，你们怎么回事。"), ("spk0", "感谢您的来电，再见。")]


def test_one_voice_of_a_mono_call_is_nobodys_and_the_advice_does_not_say_otherwise() -> None:
    call = roles.told(spoken_call(ONE, record=record()))
    assert "只分出一个声音" in call.roles.doubt and "--alone" in call.roles.doubt
    for role in (Role.AGENT, Role.CUSTOMER):
        with pytest.raises(StoreError, match=r"不止一个人.*mixed.*--alone"):
            role_marks.new(call, "C1", {"spk0": role}, "张三", "听过了", True)
    alone = applied(call, role_marks.new(call, "C1", {"spk0": Role.AGENT}, "张三", "听过了", True, alone=True), call)
    assert alone.speaker(Role.AGENT) == "spk0" and another_voice(alone, "spk0", alone.turns.turns[1].span) is None


def test_a_voice_of_two_persons_is_nobodys_and_stays_beside_the_others() -> None:
    call = roles.told(spoken_call([*ONE, ("spk1", "嗯，好的好的。")], record=record()))
    given = {"spk0": Role.MIXED, "spk1": Role.CUSTOMER}
    made = applied(call, role_marks.new(call, "C1", given, "张三", "听过了", False), call)
    assert made.speaker(Role.AGENT) is None and made.speaker(Role.CUSTOMER) == "spk1"
    assert {u.speaker for u in made.transcript.utterances} == {"unsure", "spk1"}
    assert made.roles.role_of("unsure") is Role.UNKNOWN and any("不止一个人" in one.why for one in made.roles.stretches)


def test_what_a_person_sets_is_still_known_by_its_words() -> None:
    """Two voices of which the agent's holds a sentence of the customer's: who is who is the person's word, that sentence is not held."""
    lines = [*ONE, ("spk1", "嗯，好的好的。")]
    call = spoken_call(lines, record=record())
    call = replace(call, turns=told_apart(list(call.turns.turns), {1: "spk1"}))
    made = applied(call, role_marks.new(call, "C1", {"spk0": Role.AGENT, "spk1": Role.CUSTOMER}, "张三", "听过了", True), call)
    doubted = [another_voice(made, "spk0", turn.span) is not None for turn in made.turns.turns[:3]]
    assert made.speaker(Role.AGENT) == "spk0" and doubted == [False, True, False]


def test_mono_that_was_not_divided_wants_to_be_scored_again() -> None:
    call = spoken_call([("mono", "您好。")], "none", record())
    with pytest.raises(NotFoundError) as caught:
        role_marks.new(call, "C1", {"spk0": Role.AGENT}, "张三", "听过了", True)
    assert "再运行一次 qa score" in caught.value.cure


def test_the_command_takes_a_voice_of_several(qa: Run, store: Store, book: RuleBook) -> None:
    call = spoken_call(ONE, record=replace(record(), start="2025-05-10T10:00:00.000"))
    recorded(store, book, call)
    store.close()
    ran = qa("roles", "set", "C1", "spk0=agent", "--by", "张三", "--reason", "听过了")
    assert ran.code == 2 and "--alone" in ran.err
    assert qa("roles", "set", "C1", "spk0=mixed", "--by", "张三", "--reason", "听过了").code == 0
    assert qa("roles", "set", "C1", "spk0=agent", "--alone", "--by", "张三", "--reason", "听过了").code == 0
    assert "声音里没有别人" in qa("roles", "show", "C1").out


# ---------------------------------------------------------------- what an enrolled voice told


SAID = [("spk0", "请您讲。"), ("spk1", "喂喂喂。")]


def test_what_the_voices_told_stays_with_the_call_for_the_agent_whose_voice_it_is() -> None:
    call = roles.told(spoken_call(SAID, record=record()), voices={"spk0": 9.0})
    assert call.speaker(Role.AGENT) == "spk0"
    again = roles.told(call)
    assert again.speaker(Role.AGENT) == "spk0" and again == call
    other = roles.told(replace(call, record=record(agent="8004")))
    assert other.speaker(Role.AGENT) is None


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_setting_that_is_taken_back_leaves_the_call_as_it_was_told_unless_the_voice_was_forgotten(
    store: Store, book: RuleBook, forgotten: bool
) -> None:
    voiceprints.enrol(store.db, "8003", Model(MARK, ENGINE), SECONDS, "张三", "同意")
    recorded(store, book, roles.told(spoken_call(SAID, record=replace(record(), start="2025-05-10T10:00:00.000")), voices={"spk0": 9.0}))
    assert store.call("C1").speaker(Role.AGENT) == "spk0"
    role_marks.set_roles(store, "C1", {"spk0": Role.CUSTOMER, "spk1": Role.AGENT}, "张三", "反了")
    if forgotten:
        voiceprints.forget(store.db, "8003", "李四")
    role_marks.set_roles(store, "C1", {}, "张三", "没有反")
    assert store.call("C1").speaker(Role.AGENT) == (None if forgotten else "spk0")


def test_turns_without_any_time_are_no_voice_of_before() -> None:
    then, now = stereo(), replace(stereo(), audio=replace(stereo().audio, sha256="c" * 64))
    mark = role_marks.new(then, "C1", STEREO, "张三", "听过了", True)
    one_sided = SpeakerTurns("channel", (SpeakerTurn("ch0", 0, Span(0, 1000)),))
    made = applied(replace(now.as_heard, turns=one_sided), mark, then)
    assert made.speaker(Role.AGENT) is None and "另一段录音" in made.roles.doubt
