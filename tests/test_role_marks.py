"""Roles that a person sets: once, kept with name and reason, judged again from what is stored, and never against another division."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from commands import Run
from role_calls import ENGINE, record, spoken_call
from stored_houses import house

from qa import role_marks, roles
from qa.errors import NotFoundError, StoreError
from qa.rescore import judge
from qa.role_settings import RoleSettings
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Call, Role, Roles, Span, SpeakerTurn, SpeakerTurns

HOUSE = RoleSettings()
RULES = '[checks.closing]\nclause = "道别。"\nweight = 10\n'
LINES = [
    ("spk0", "喂，讲。"),
    ("spk1", "喂，我这边听着有点问题。"),
    ("spk0", "知道了。"),
    ("spk1", "感谢您的来电，再见。"),
    ("spk0", "嗯。"),
]
GIVEN = {"spk0": Role.CUSTOMER, "spk1": Role.AGENT}


def unsure_call(**other: object) -> Call:
    call = spoken_call(LINES, record=replace(record(), start="2025-05-10T10:00:00.000"), edges=True)
    return roles.told(replace(call, audio=replace(call.audio, path="/nowhere/C1.wav")))


@pytest.fixture
def book(tmp_path: Path) -> RuleBook:
    return house(tmp_path / "house", more=RULES)


@pytest.fixture
def store(tmp_path: Path, book: RuleBook) -> Store:
    made = Store(tmp_path / "qa.db")
    made.ledger.register(book)
    call = unsure_call()
    assert call.speaker(Role.AGENT) is None
    made.record(call, judge(call, book, made.earlier()))
    return made


def closing(store: Store) -> str:
    result = store.scorecard("C1").result("closing")
    return result.outcome.value if result else ""


def test_set_once_the_call_is_judged_again_without_its_recording(store: Store) -> None:
    assert closing(store) == "inconclusive"
    done = role_marks.set_roles(store, "C1", GIVEN, " 张三 ", " 听过了 ")
    assert closing(store) == "pass" and (done.saved.new, done.saved.proposed, done.month) == (True, False, None)
    call = store.call("C1")
    assert call.speaker(Role.AGENT) == "spk1" and not call.roles.doubt
    assert {(a.source, a.confidence) for a in call.roles.assignments} == {("person", 1.0)}
    assert "张三" in call.roles.assignments[0].reasons[0] and done.mark.by == "张三"
    assert store.db.rows("select role from utterances where speaker = 'spk1' limit 1")[0]["role"] == "agent"


def test_all_settings_stay_and_the_last_counts(store: Store) -> None:
    role_marks.set_roles(store, "C1", GIVEN, "张三", "听过了")
    role_marks.set_roles(store, "C1", {"spk0": Role.AGENT, "spk1": Role.CUSTOMER}, "李四", "反了")
    assert store.call("C1").speaker(Role.AGENT) == "spk0"
    role_marks.set_roles(store, "C1", {}, "王五", "都不对")
    assert store.call("C1").speaker(Role.AGENT) is None and closing(store) == "inconclusive"
    assert [(m.by, len(m.roles)) for m in role_marks.marks(store.db, "C1")] == [("张三", 2), ("李四", 2), ("王五", 0)]
    assert len(store.history("C1")) >= 3
    for sql in ("update role_marks set made_by = 'x'", "delete from role_marks"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            store.db.sqlite.execute(sql)


def test_scored_again_from_its_recording_the_setting_holds(store: Store) -> None:
    role_marks.set_roles(store, "C1", GIVEN, "张三", "听过了")
    again = role_marks.standing(store, unsure_call(), HOUSE)
    assert again == store.call("C1") or replace(again, audio=store.call("C1").audio) == store.call("C1")
    other = replace(unsure_call(), record=replace(record(), call_id="C2"))
    assert role_marks.standing(store, other, HOUSE) is other


@pytest.mark.parametrize(
    ("given", "by", "reason", "kind", "told"),
    [
        (GIVEN, " ", "r", StoreError, "--by"),
        (GIVEN, "a", "", StoreError, "--reason"),
        ({"spk7": Role.AGENT}, "a", "r", NotFoundError, "spk0、spk1"),
        ({"spk0": Role.UNKNOWN}, "a", "r", StoreError, "不能设为"),
        ({"spk0": Role.AGENT, "spk1": Role.AGENT}, "a", "r", StoreError, "不止一个"),
        ({}, "a", "r", StoreError, "无可撤回"),
    ],
)
def test_what_cannot_be_set(store: Store, given: dict[str, Role], by: str, reason: str, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        role_marks.set_roles(store, "C1", given, by, reason)
    assert role_marks.marks(store.db, "C1") == () and len(store.history("C1")) == 1


def test_a_closed_month_wants_consent_and_gets_a_proposal(store: Store) -> None:
    store.ledger.close_month("2025-05", "财务")
    with pytest.raises(StoreError, match=r"已关账的 2025-05.*--closed-month"):
        role_marks.set_roles(store, "C1", GIVEN, "张三", "听过了")
    done = role_marks.set_roles(store, "C1", GIVEN, "张三", "听过了", closed_month=True)
    assert done.saved.proposed and done.month == "2025-05" and closing(store) == "inconclusive"
    store.adjust("C1", "李四", "同意")
    assert closing(store) == "pass" and store.call("C1").speaker(Role.AGENT) == "spk1"


# ---------------------------------------------------------------- divided anew


def divided(call: Call, names: dict[str, str], shift_ms: int = 0) -> Call:
    turns = tuple(
        SpeakerTurn(names[t.speaker], 0, Span(t.span.start_ms + shift_ms, t.span.end_ms + shift_ms)) for t in call.as_heard.turns.turns
    )
    said = tuple(replace(u, speaker=names[u.speaker]) for u in call.as_heard.transcript.utterances)
    transcript = replace(call.as_heard.transcript, utterances=said, edges=())
    return roles.told(replace(call.as_heard, turns=SpeakerTurns("other@2", turns, (), turns), transcript=transcript, roles=Roles(())))


def test_under_another_engine_a_voice_is_the_one_that_speaks_at_the_same_time(store: Store) -> None:
    role_marks.set_roles(store, "C1", GIVEN, "张三", "听过了")
    flipped = role_marks.standing(store, divided(unsure_call(), {"spk0": "spk1", "spk1": "spk0"}, 50), HOUSE)
    assert flipped.speaker(Role.AGENT) == "spk0" and not flipped.roles.doubt


def test_where_the_voices_are_others_the_setting_no_longer_holds_and_the_roles_are_unsure(store: Store) -> None:
    role_marks.set_roles(store, "C1", GIVEN, "张三", "听过了")
    moved = role_marks.standing(store, divided(unsure_call(), {"spk0": "spk0", "spk1": "spk1"}, 2500), HOUSE)
    assert moved.speaker(Role.AGENT) is None and "张三" in moved.roles.doubt and "重新" in moved.roles.doubt


def test_a_voice_set_as_announcement_or_third_party_is_that_throughout(tmp_path: Path, store: Store) -> None:
    call = spoken_call([*LINES, ("spk2", "明天天气晴。"), ("spk3", "哎呀呀呀呀呀。")])
    given = {**GIVEN, "spk2": Role.ANNOUNCEMENT, "spk3": Role.THIRD_PARTY}
    mark = role_marks.new(call, "C1", given, "张三", "听过了", True)
    made = role_marks.applied(call, mark, HOUSE, lambda digest: None)
    assert {role: made.speaker(role) for role in role_marks.SETTABLE if role is not Role.MIXED} == {
        Role.AGENT: "spk1", Role.CUSTOMER: "spk0", Role.ANNOUNCEMENT: "announcement", Role.THIRD_PARTY: "third",
    }  # fmt: skip


def test_a_person_may_leave_announcements_with_their_speaker() -> None:
    call = spoken_call([("ch0", "这通来电录音，八零零三号接听。"), ("ch0", "您好。"), ("ch1", "喂。")], "channel")
    given = {"ch0": Role.AGENT, "ch1": Role.CUSTOMER}
    for apart in (True, False):
        made = role_marks.applied(call, role_marks.new(call, "C1", given, "张三", "听过了", apart), HOUSE, lambda digest: None)
        assert (made.speaker(Role.ANNOUNCEMENT) is not None) is apart and made.speaker(Role.AGENT) == "ch0"


def test_what_was_heard_is_stored_and_what_was_set_apart_comes_back(tmp_path: Path, book: RuleBook) -> None:
    lines = [("spk2", "这通来电录音，八零零三号接听。"), ("spk0", "您好，工号八零零三，很高兴为您服务。"), ("spk1", "我家漏水了。")]
    call = roles.told(replace(spoken_call(lines, ENGINE, record()), audio=replace(unsure_call().audio, path="/nowhere/C1.wav")))
    with Store(tmp_path / "other.db") as store:
        store.ledger.register(book)
        store.record(call, judge(call, book, store.earlier()))
        back = store.call("C1")
    assert back == call and back.as_heard.turns == call.as_heard.turns and back.before is not None
    assert {t.speaker for t in back.as_heard.turns.turns} == {"spk0", "spk1", "spk2"}


# ---------------------------------------------------------------- the commands


@pytest.fixture
def qa(qa: Run, store: Store) -> Run:
    store.close()
    return qa


def test_shown_with_reasons_set_and_shown_again(qa: Run) -> None:
    shown = qa("roles", "show", "C1", "--json").json
    assert shown["doubt"] and [s["role"] for s in shown["speakers"]] == ["unknown", "unknown"] and shown["speakers"][0]["said"]
    ran = qa("roles", "set", "C1", "spk0=customer", "spk1=agent", "--by", "张三", "--reason", "客户 13812345678 自称")
    assert ran.code == 0 and "spk1=agent" in ran.out and "13812345678" not in ran.out
    ran = qa("roles", "show", "C1")
    assert "人工" in ran.out and "由 张三 设定角色" in ran.out and "13812345678" not in ran.out
    assert "由 张三 设定角色" in qa("show", "C1").out


@pytest.mark.parametrize(
    "given", [("spk0=boss",), ("spk0",), ("=agent",), ("spk0=agent", "spk0=customer"), (), ("spk0=agent", "--withdraw")]
)
def test_other_text_is_refused_in_one_line(qa: Run, given: tuple[str, ...]) -> None:
    ran = qa("roles", "set", "C1", *given, "--by", "张三", "--reason", "听过了")
    assert ran.code == 2 and ran.out == ""
