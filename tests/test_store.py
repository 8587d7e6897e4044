"""The database: what goes in comes out, nothing judged is ever changed, and every trouble has one clear error."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import sqlite_utils
import stored_calls
from stored_calls import AGENT_SAYS, call, scorecard

from qa.errors import NotFoundError, StoreError
from qa.migrations import migrations
from qa.store import Store
from qa.types import Call, Outcome, Role, Scorecard, Span, SpeechActivity, Transcript


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "质检 #1?.db"


def save(store: Store, call_id: str = "C1", agent_id: str = "8001", start: str | None = "2024-05-01T09:00:00.000",
         percent: float | None = 50.0, **other: str) -> tuple[Call, Scorecard]:  # fmt: skip
    one = call(call_id, agent_id, start, **other)
    card = scorecard(one, call_id, percent)
    store.save_call(one, card)
    return one, card


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


@pytest.mark.parametrize("table", ["scorecards", "check_results", "findings"])
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
        for table in ("calls", "recordings", "blobs", "scorecards", "check_results", "utterances", "utterances_fts"):
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


# ---------------------------------------------------------------- the file


def test_the_file_is_in_wal_mode_with_foreign_keys_on(path: Path) -> None:
    with Store(path) as store:
        db = store._db.sqlite
        assert db.journal_mode == "wal"
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            db.execute("insert into utterances (call_id) values ('nobody')")


def test_opening_again_changes_nothing(path: Path) -> None:
    with Store(path) as store:
        save(store)
        schema, applied = store._db.sqlite.schema, migrations.applied(store._db.sqlite)
    with Store(path) as store:
        assert (store._db.sqlite.schema, migrations.applied(store._db.sqlite)) == (schema, applied)
        assert store.scorecard("C1").percent == 50.0


def test_an_older_schema_is_brought_up_to_date(path: Path) -> None:
    db = sqlite_utils.Database(path)
    migrations.apply(db, stop_before="m004_utterances")
    db.close()
    with Store(path) as store:
        save(store)
        assert len(store.search("投诉")) == 1


def test_results_of_an_older_schema_are_read_as_they_were(path: Path, tmp_path: Path) -> None:
    """A database of before rules had kinds, sections and severities, with one scored call in it."""
    with Store(tmp_path / "new.db") as store:
        _, card = save(store)
        tables = ("recordings", "calls", "scorecards", "check_results", "findings")
        rows = {table: store._db.rows(f"select * from {table}") for table in tables}
    old = sqlite_utils.Database(path)
    migrations.apply(old, stop_before="m005_rules")
    for table, found in rows.items():
        columns = old.table(table).columns_dict
        old.table(table).insert_all([{name: value for name, value in row.items() if name in columns} for row in found])
    assert "severity" not in old.table("check_results").columns_dict
    old.close()
    with Store(path) as store:
        assert store.scorecard("C1") == card
        assert {(r.kind, r.section, r.severity) for r in card} == {("", None, "minor")}
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            store._db.sqlite.execute("update check_results set severity = 'critical'")


def test_kind_section_and_severity_of_a_result_come_back(path: Path) -> None:
    with Store(path) as store:
        call, card = save(store)
        first, second = card.results
        told = (replace(first, kind="phrase", section="voice", severity="critical"), replace(second, severity="advisory"))
        other = replace(card, results=told)
        store.save_call(call, other)
        assert store.scorecard("C1") == other
        assert [stored.scorecard for stored in store.history("C1")] == [card, other]


def _refusal(path: Path, **how: object) -> str:
    with pytest.raises(StoreError) as caught:
        Store(path, **how)  # type: ignore[arg-type]
    assert caught.value.subject == str(path) and caught.value.cure
    return caught.value.cause


def test_a_newer_schema_is_refused(path: Path) -> None:
    with Store(path) as store:
        row = {"migration_set": "qa", "name": "m999_of_tomorrow", "applied_at": "2099-01-01"}
        store._db.sqlite.table("_sqlite_migrations").insert(row)
    assert _refusal(path) == "数据库由更新版本的程序建立（m999_of_tomorrow）"


def test_other_files_are_refused_and_left_alone(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"RIFF" * 200)
    assert _refusal(path) == "该文件不是 SQLite 数据库"
    assert path.read_bytes() == b"RIFF" * 200
    other = tmp_path / "other.db"
    raw = sqlite3.connect(other)
    raw.execute("create table contacts (id)")
    raw.close()
    before = other.read_bytes()
    assert _refusal(other) == "这是别的程序的数据库"
    assert other.read_bytes() == before


def test_places_that_cannot_hold_a_database_are_refused(path: Path, tmp_path: Path) -> None:
    assert _refusal(path, create=False) == "数据库不存在" and not path.exists()
    assert _refusal(tmp_path / "no" / "such.db") == "数据库文件无法打开"
    assert _refusal(tmp_path) == "数据库文件无法打开"


def test_a_torn_file_is_refused(path: Path) -> None:
    with Store(path) as store:
        save(store)
    data = bytearray(path.read_bytes())
    data[100:4096] = bytes(3996)  # the schema's page
    path.write_bytes(data)
    assert _refusal(path) == "数据库文件已损坏"


def test_a_database_that_may_only_be_read_is_read(path: Path) -> None:
    with Store(path) as store:
        _, card = save(store)
        # a lost write permission as SQLite reports it, also where the tests run as the superuser
        store._db.sqlite.execute("PRAGMA query_only = on")
        assert store.scorecard("C1") == card
        with pytest.raises(StoreError, match="只读"):
            store.put_stage("a" * 64, "activity", "s", SpeechActivity((), "webrtcvad"))


def test_a_writer_that_never_ends_is_a_clear_error(path: Path) -> None:
    with Store(path) as one, Store(path, busy_timeout_s=0.05) as two:
        with one._db.writing(), pytest.raises(StoreError, match="正被另一个程序占用"):
            save(two)
        save(two)
        assert one.scorecard("C1").percent == 50.0


def test_programs_that_make_one_database_at_the_same_moment_wait_for_each_other(tmp_path: Path) -> None:
    """Without waiting for the change to WAL about one in fifteen of these collides."""
    errors: list[Exception] = []

    def make(path: Path, ready: threading.Barrier) -> None:
        ready.wait()
        try:
            with Store(path):
                pass
        except Exception as error:
            errors.append(error)

    for number in range(30):
        ready = threading.Barrier(4)
        makers = [threading.Thread(target=make, args=(tmp_path / f"{number}.db", ready)) for _ in range(4)]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
    assert errors == []


def test_two_writers_take_turns(path: Path) -> None:
    errors: list[Exception] = []

    def fill(agent: str) -> None:
        try:
            with Store(path) as store:
                for number in range(10):
                    save(store, f"{agent}-{number}", agent)
        except Exception as error:
            errors.append(error)

    writers = [threading.Thread(target=fill, args=(agent,)) for agent in ("8001", "8002")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    with Store(path) as store:
        assert [(agent.agent_id, agent.calls) for agent in store.agents()] == [("8001", 10), ("8002", 10)]
