"""Corrected words stay with whoever said them when the voices of a recording are told apart anew, or with nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from role_calls import record, spoken_call
from stored_houses import call, house, save

from qa import legs, role_marks, roles
from qa.errors import NotFoundError
from qa.report_text import clock
from qa.rescore import judge, rescore
from qa.review import text_marks
from qa.review.verdicts import Terms
from qa.role_settings import RoleSettings
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Call, Outcome, Role, Span, SpeakerTurn, SpeakerTurns
from qa.web.pages import review_view

BY = Terms("甲", "听了")
LINES = (
    ("spk1", "您好，华宁通信，工号一零二四，请问有什么可以帮您？"),
    ("spk0", "我想查一下我的话费。"),
    ("spk1", "好的，请您稍等，我帮您查询一下。"),
    ("spk0", "知道了。"),
    ("spk1", "请问还有什么可以帮您？感谢您的来电，再见。"),
    ("spk0", "嗯。"),
)
SPOKEN = "你们这帮骗子"
HOUSE = RoleSettings()


@pytest.fixture
def book(tmp_path: Path) -> RuleBook:
    words = '[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "不说。"\nweight = 10\nforbid = [{ say = "骗子" }]\n'
    return house(tmp_path / "h", more='[checks.closing]\nclause = "道别。"\nweight = 10\n' + words)


def made(names: Mapping[str, str], method: str = "") -> Call:
    """The call with its two voices under these labels; ``method``: of another division of the same sound."""
    of = spoken_call(
        [(names[who], text) for who, text in LINES], record=replace(record(), call_id="C1", start="2025-05-10T10:00:00.000"), edges=True
    )
    if method == "none":
        turns = tuple(SpeakerTurn("mono", 0, t.span) for t in of.turns.turns)
        said = tuple(replace(u, speaker="mono") for u in of.transcript.utterances)
        edges = tuple(replace(e, speaker="mono") for e in of.transcript.edges)
        of = replace(of, turns=SpeakerTurns("none", turns), transcript=replace(of.transcript, utterances=said, edges=edges))
    return roles.told(replace(of, audio=replace(of.audio, path="/nowhere/C1.wav")))


SAME = {"spk0": "spk0", "spk1": "spk1"}
SWAPPED = {"spk0": "spk1", "spk1": "spk0"}


@pytest.fixture
def store(tmp_path: Path, book: RuleBook) -> Store:
    """The customer (spk0) is corrected to say something that the agent may not."""
    kept = Store(tmp_path / "qa.db")
    save(kept, book, made(SAME))
    text_marks.correct(kept, "C1", "spk0", line(made(SAME), "知道了。"), SPOKEN, BY)
    return kept


def line(of: Call, text: str) -> Span:
    return next(u.span for u in of.as_heard.transcript.utterances if u.text == text)


def again(store: Store, of: Call) -> Call:
    """As a recording is scored again: corrected text, then roles."""
    return role_marks.standing(store, text_marks.standing(store, of, "C1"), HOUSE)


def who_said(of: Call, text: str = SPOKEN) -> list[str]:
    return [u.speaker for u in of.as_heard.transcript.utterances if text in u.text]


def divided_otherwise() -> Call:
    """Voices that are neither of the two: each speaks in the middle of a line of both."""
    of = made(SAME)
    cut = [t.span.start_ms + t.span.duration_ms // 2 for t in of.turns.turns]
    halves = [
        SpeakerTurn(label, 0, span)
        for t, middle in zip(of.turns.turns, cut, strict=True)
        for label, span in (("spk0", Span(t.span.start_ms, middle)), ("spk1", Span(middle, t.span.end_ms)))
    ]
    return replace(of, turns=replace(of.turns, turns=tuple(halves), exclusive=(), alike=None))


# ---------------------------------------------------------------- whose words they are


@pytest.mark.parametrize("names", [SAME, SWAPPED, {"spk0": "spk7", "spk1": "spk3"}])
def test_the_words_stay_with_their_voice_whatever_it_is_called(store: Store, book: RuleBook, names: Mapping[str, str]) -> None:
    now = again(store, made(names))
    assert who_said(now) == [names["spk0"]] and who_said(now, "知道了") == [] and not now.roles.doubt
    assert now.roles.role_of(names["spk0"]) is Role.CUSTOMER
    assert [e for e in now.as_heard.transcript.edges if e.speaker == names["spk1"] and SPOKEN in "".join(w.text for w in e.words)] == []
    store.record(now, judge(now, book, store.earlier()))
    assert store.scorecard("C1").result("words").outcome is not Outcome.FAIL  # type: ignore[union-attr]
    text_marks.undo(store, "C1", 1, BY)
    assert who_said(store.call("C1")) == [] and who_said(store.call("C1"), "知道了") == [names["spk0"]]


def test_where_nobody_can_tell_whose_they_are_they_are_nobody_s_and_the_call_is_unsure(store: Store, book: RuleBook) -> None:
    now = again(store, divided_otherwise())
    assert who_said(now) == [] and who_said(now, "知道了") == ["spk0"]
    at = clock(line(made(SAME), "知道了。").start_ms)
    assert f"人工更正的文字（{at}）" in now.roles.doubt and {a.role for a in now.roles.assignments} == {Role.UNKNOWN}
    store.record(now, judge(now, book, store.earlier()))
    card = store.scorecard("C1")
    assert {card.result(one).outcome for one in ("closing", "words")} == {Outcome.INCONCLUSIVE}  # type: ignore[union-attr]
    assert any("分不清是谁说的" in note for note in card.notes)
    later = house(store.path.parent / "h", more='[checks.closing]\nclause = "道别。"\nweight = 9\n', version='"2"')
    assert rescore(store, later).failed == 0
    assert store.scorecard("C1").result("closing").outcome is Outcome.INCONCLUSIVE  # type: ignore[union-attr]


def test_roles_set_by_a_person_do_not_hide_that_and_taken_back_all_is_told_anew(store: Store, book: RuleBook) -> None:
    now = again(store, divided_otherwise())
    store.record(now, judge(now, book, store.earlier()))
    role_marks.set_roles(store, "C1", {"spk0": Role.CUSTOMER, "spk1": Role.AGENT}, "甲", "听了")
    assert "分不清是谁说的" in store.call("C1").roles.doubt and store.call("C1").roles.speaker(Role.AGENT) is None
    assert "分不清是谁说的" in again(store, divided_otherwise()).roles.doubt
    (mark,) = text_marks.lost(store, store.call("C1"), "C1")
    assert [one.lost for one in review_view.corrections(store, "C1", "")] == [True]
    text_marks.undo(store, "C1", mark.id, BY)
    after = store.call("C1")
    assert not after.roles.doubt and after.roles.role_of("spk1") is Role.AGENT and who_said(after, "知道了") == ["spk0"]
    text_marks.correct(store, "C1", "spk0", line(divided_otherwise(), "知道了。"), SPOKEN, BY)
    assert who_said(store.call("C1")) == ["spk0"] and not store.call("C1").roles.doubt
    assert [one.lost for one in review_view.corrections(store, "C1", "")] == [False] * 3


def test_a_stretch_in_which_another_voice_speaks_now_is_not_clear(tmp_path: Path, book: RuleBook) -> None:
    store, of, span = Store(tmp_path / "b.db"), made(SWAPPED), line(made(SWAPPED), "嗯。")
    save(store, book, made(SAME))
    text_marks.correct(store, "C1", "spk0", span, SPOKEN, BY)
    assert text_marks.lost(store, of, "C1") == ()
    turns = tuple(replace(t, speaker="spk0") if t.span == span else t for t in of.turns.turns)
    moved = replace(of, turns=replace(of.turns, turns=turns, exclusive=(), alike=None))
    assert text_marks.lost(store, moved, "C1") != ()


def test_a_correction_of_an_older_scorecard_that_stands_again_is_of_its_voices(tmp_path: Path, book: RuleBook) -> None:
    store = Store(tmp_path / "c.db")
    save(store, book, made(SAME))
    save(store, book, made(SWAPPED))
    store.adjust("C1", "王", "原来的区分对", 1)
    text_marks.correct(store, "C1", "spk0", line(made(SAME), "知道了。"), SPOKEN, BY)
    assert who_said(again(store, made(SWAPPED))) == ["spk1"] and who_said(again(store, made(SAME))) == ["spk0"]


def test_what_was_corrected_before_voices_were_told_apart_is_whoever_s_alone_speaks_there(tmp_path: Path, book: RuleBook) -> None:
    store, mono = Store(tmp_path / "mono.db"), made(SAME, "none")
    save(store, book, mono)
    text_marks.correct(store, "C1", "mono", line(mono, "知道了。"), SPOKEN, BY)
    assert who_said(again(store, made(SWAPPED))) == ["spk1"] and who_said(again(store, mono)) == ["mono"]
    assert text_marks.lost(store, divided_otherwise(), "C1") != ()


def test_what_was_corrected_is_no_voice_s_where_none_are_told_apart_any_more(store: Store) -> None:
    assert who_said(again(store, made(SAME, "none"))) == ["mono"]


def test_two_corrections_of_two_divisions_each_stay_where_they_belong(store: Store, book: RuleBook) -> None:
    now = again(store, made(SWAPPED))
    store.record(now, judge(now, book, store.earlier()))
    text_marks.correct(store, "C1", "spk1", line(now, "嗯。"), "嗯，好。", BY)
    last = again(store, made(SAME))
    assert (who_said(last), who_said(last, "好。")) == (["spk0"], ["spk0"])
    with pytest.raises(NotFoundError, match="没有这条更正"):
        text_marks.undo(store, "C1", 9, BY)


def test_a_correction_is_none_of_another_part_of_the_recording(tmp_path: Path, book: RuleBook) -> None:
    store, whole = Store(tmp_path / "parts.db"), call("A", rings=2)
    save(store, book, legs.part(whole, 0, 7000))
    text_marks.correct(store, "A", "ch0", Span(500, 4500), "您好，华宁通信。", BY)
    other = legs.part(whole, 7000, 13_000)
    assert text_marks.standing(store, other, "A") == other
    assert text_marks.standing(store, whole, "A").transcript.of("ch0")[0].text == "您好，华宁通信。"
