"""The database: what goes in comes out, nothing judged is ever changed, and every trouble has one clear error."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import stored_calls
from stored_calls import AGENT_SAYS, call, save, scorecard

from qa.errors import NotFoundError, StoreError
from qa.store import Store
from qa.types import Outcome, Role, Span, SpeechActivity, Transcript


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "质检 #1?.db"


# ---------------------------------------------------------------- stage results


def test_a_stage_result_is_found_by_file_stage_and_settings_alone(path: Path) -> None:
    heard = SpeechActivity(((Span(0, 30),),), "webrtcvad")
    with Store(path) as store:
        store.put_stage("a" * 64, "activity", "s1", heard)
    with Store(path) as store:
        assert store.get_stage("a" * 64, "activity", "s1", SpeechActivity) == heard
        for key in (("b" * 64, "activity", "s1"), ("a" * 64, "turns", "s1"), ("a" * 64, "activity", "s2")):
            assert store.get_stage(*key, SpeechActivity) is None
        with pytest.raises(StoreError, match="不是 Transcript"):
            store.get_stage("a" * 64, "activity", "s1", Transcript)


def test_a_stage_result_can_be_replaced(path: Path) -> None:
    with Store(path) as store:
        for end in (30, 60):
            store.put_stage("a" * 64, "activity", "s", SpeechActivity(((Span(0, end),),), "webrtcvad"))
        found = store.get_stage("a" * 64, "activity", "s", SpeechActivity)
    assert found is not None and found.channels[0][0] == Span(0, 60)


def test_a_damaged_or_older_stage_result_is_made_again(path: Path) -> None:
    heard = SpeechActivity(((Span(0, 30),),), "webrtcvad")
    with Store(path) as store:
        store.put_stage("a" * 64, "activity", "s", heard)
    raw = sqlite3.connect(path)
    with raw:
        raw.execute("update blobs set payload = substr(payload, 1, 9)")
    with Store(path) as store:
        assert store.get_stage("a" * 64, "activity", "s", SpeechActivity) is None
        store.put_stage("a" * 64, "activity", "s", heard)
        assert store.get_stage("a" * 64, "activity", "s", SpeechActivity) == heard
    with raw:
        raw.execute("update stage_results set schema_version = 0")
    raw.close()
    with Store(path) as store:
        assert store.get_stage("a" * 64, "activity", "s", SpeechActivity) is None


def test_equal_payloads_lie_in_the_file_once(path: Path) -> None:
    with Store(path) as store:
        one, _ = save(store)
        before = len(store._db.rows("select * from blobs"))
        for name in ("activity", "turns", "transcript", "acoustics"):
            store.put_stage(one.audio.sha256, name, "s", getattr(one, name))
        assert (before, len(store._db.rows("select * from blobs"))) == (4, 4)


# ---------------------------------------------------------------- calls and scorecards


def test_a_call_and_its_scorecard_come_back_whole(path: Path) -> None:
    with Store(path) as store:
        one, card = save(store)
    with Store(path, create=False) as store:
        assert store.call("C1") == one
        assert store.call("C1").acoustics.channels[1].pitch_hz.tolist() == one.acoustics.channels[1].pitch_hz.tolist()
        assert store.scorecard("C1") == card


def test_a_call_without_a_record_comes_back_whole(path: Path) -> None:
    one = call("C2", with_record=False)
    card = scorecard(one, "C2", None, *Outcome, coverage=0.25)
    with Store(path) as store:
        store.save_call(one, card)
        assert store.call("C2") == one and store.scorecard("C2") == card
        (row,) = store.calls()
        assert (row.agent_id, row.start, row.started, row.percent, row.demo) == (None, None, None, None, True)
        assert [c.outcome for c in row.checks] == list(Outcome)
        assert store.agents() == ()


def test_scoring_again_without_change_adds_nothing(path: Path) -> None:
    with Store(path) as store:
        one, card = save(store)
        first = store.history("C1")[0].id
        moved = replace(one, audio=replace(one.audio, path="/elsewhere/C1.wav"))
        assert store.save_call(moved, card) == first
        assert len(store.history("C1")) == 1
        assert store.call("C1").audio.path == "/elsewhere/C1.wav"


def test_a_new_rule_book_stands_beside_the_old_one(path: Path) -> None:
    one = call()
    old, new = (scorecard(one, "C1", percent, version=version) for percent, version in ((50.0, "1"), (75.0, "2")))
    with Store(path) as store:
        ids = [store.save_call(one, card) for card in (old, new, old)]
        history = store.history("C1")
        assert [h.id for h in history] == ids == sorted(set(ids))
        assert [h.scorecard for h in history] == [old, new, old]
        assert store.scorecard("C1") == old
        assert [(row.percent, row.scorecard_id) for row in store.calls()] == [(50.0, ids[2])]


def test_a_new_transcript_replaces_what_is_searched_but_not_what_was_judged(path: Path) -> None:
    with Store(path) as store:
        save(store)
        save(store, says="早上好，这里是客服。")
        assert len(store.history("C1")) == 2
        assert store.search("很高兴") == ()
        assert [hit.text for hit in store.search("客服")] == ["早上好，这里是客服。"]


@pytest.mark.parametrize("table", ["scorecards", "judged_rules", "judgements"])
@pytest.mark.parametrize("statement", ["update {} set id = id + 100", "delete from {}"])
def test_what_was_judged_cannot_be_changed_by_any_program(path: Path, table: str, statement: str) -> None:
    with Store(path) as store:
        save(store)
    raw = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        raw.execute(statement.format(table))
    raw.close()


def test_another_recording_under_a_known_call_id_is_refused_unless_meant(path: Path) -> None:
    other = call()
    other = replace(other, audio=replace(other.audio, sha256="f" * 64, path="/calls/other.wav"))
    with Store(path) as store:
        save(store)
        with pytest.raises(StoreError, match=r"C1: 该通话编号已属于另一个录音.*other\.wav"):
            store.save_call(other, scorecard(other))
        assert store.call("C1").audio.sha256 != "f" * 64 and len(store.history("C1")) == 1
        store.save_call(other, scorecard(other), new_recording=True)
        assert store.call("C1").audio.sha256 == "f" * 64 and len(store.history("C1")) == 2


def test_a_scorecard_of_another_file_is_refused(path: Path) -> None:
    with Store(path) as store, pytest.raises(StoreError, match="不是同一个文件"):
        store.save_call(call("C1"), scorecard(call("C2"), "C1"))


def test_an_unknown_call_is_not_found(path: Path) -> None:
    with Store(path) as store:
        for ask in (store.call, store.scorecard, store.history):
            with pytest.raises(NotFoundError, match="没有这通电话"):
                ask("nobody")


def test_a_file_name_that_is_no_text_is_one_clear_error(path: Path) -> None:
    one = call()
    one = replace(one, audio=replace(one.audio, path="/calls/\udcc4\udce3.wav"))  # GBK bytes in a UTF-8 file system
    with Store(path) as store, pytest.raises(StoreError, match="文件名和文字是否为合法的 UTF-8"):
        store.save_call(one, scorecard(one))


def test_a_failed_save_leaves_nothing_behind(path: Path) -> None:
    one = call()
    broken = scorecard(one)
    object.__setattr__(broken.results[1], "title", b"\x00")  # the strict column refuses it when the first rows are in
    with Store(path) as store:
        with pytest.raises(StoreError):
            store.save_call(one, broken)
        for table in ("calls", "recordings", "blobs", "scorecards", "judged_rules", "judgements", "utterances", "utterances_fts"):
            assert store._db.rows(f"select count(*) as n from {table}") == [{"n": 0}]
        save(store)


# ---------------------------------------------------------------- lists


def test_calls_are_chosen_by_agent_and_period(path: Path) -> None:
    starts = {
        "A": "2024-04-30T23:59:59.999",
        "B": "2024-05-01T00:00:00.000",
        "C": "2024-05-31T23:59:59.999",
        "D": "2024-06-01T00:00:00.000",
        "E": "2024-05-31T16:30:00.000Z",  # half past midnight of 1 June in China
        "F": "2024-05-02T08:00:00.000+08:00",
        "G": None,
    }
    with Store(path) as store:
        for call_id, start in starts.items():
            save(store, call_id, "8002" if call_id == "F" else "8001", start)

        def ids(**limits: str | date | None) -> str:
            return "".join(row.call_id for row in store.calls(**limits))

        assert ids() == "ABFCDEG"
        assert ids(since="2024-05-01", until="2024-05-31") == "BFC"
        assert ids(since=date(2024, 5, 1), until=date(2024, 5, 31), agent="8001") == "BC"
        assert ids(since="2024-06-01") == "DE"
        assert ids(until="2024-04-30") == "A"
        assert ids(since="2024-05-01T00:00:00.001", until="2024-05-31T23:59:59.999") == "F"
        assert ids(agent="nobody") == ""
        with pytest.raises(StoreError, match="不是有效的日期"):
            store.calls(since="五月一日")


def test_agents_have_the_name_and_team_of_their_latest_call(path: Path) -> None:
    with Store(path) as store:
        save(store, "C3", start="2024-05-03T09:00:00.000", agent_name="李敏敏", team="二组")
        save(store, "C1")
        save(store, "C2", start=None, agent_name="旧名")
        save(store, "X1", "8000", agent_name="王强")
        king, li = store.agents()
    assert (king.agent_id, king.agent_name, king.calls) == ("8000", "王强", 1)
    assert (li.agent_id, li.agent_name, li.team, li.calls) == ("8001", "李敏敏", "二组", 3)
    assert (li.first, li.last, li.demo) == ("2024-05-01T09:00:00.000", "2024-05-03T09:00:00.000", True)


def test_scored_calls_carry_their_whole_scorecards(path: Path) -> None:
    with Store(path) as store:
        cards = [save(store, call_id)[1] for call_id in ("C1", "C2")]
        assert [card for _, card in store.scored()] == cards
        assert [row for row, _ in store.scored()] == list(store.calls())


# ---------------------------------------------------------------- search


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("投诉", 1),
        ("诉", 1),
        ("我要投诉", 1),
        ("诉投", 0),
        ("您好很高兴", 1),  # over the comma
        ("５６７８", 1),
        ("3812 3456", 1),
        ("138123456789", 0),
        ("𬬭", 1),
        ("VIP", 1),
        ("ｖｉｐ", 1),
        ("vi p客户", 1),
        ("", 0),
        ("，。", 0),
        ('"投诉" OR *', 0),
    ],
)
def test_words_are_found_down_to_one_character(path: Path, sought: str, found: int) -> None:
    with Store(path) as store:
        save(store, says=AGENT_SAYS + "𬬭先生是VIP客户")
        hits = store.search(sought)
    assert len(hits) == found


def test_a_hit_says_where_and_who(path: Path) -> None:
    with Store(path) as store:
        save(store, "C1")
        save(store, "C2", "8002", "2024-05-02T09:00:00.000")
        first, second = store.search("投诉")
        assert (first.call_id, second.call_id) == ("C2", "C1")
        assert (first.role, first.speaker, first.span.start_ms, first.demo) == (Role.CUSTOMER, "ch1", 2400, True)
        assert first.text == stored_calls.CUSTOMER_SAYS
        assert [hit.call_id for hit in store.search("投诉", agent="8001")] == ["C1"]
        assert len(store.search("投诉", limit=1)) == 1
