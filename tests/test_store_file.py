"""The database as a file: made, opened, brought up to date, shared, refused."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlite_utils
from stored_calls import older_rows, save

from qa.errors import StoreError
from qa.migrations import migrations
from qa.store import Store
from qa.types import SpeechActivity


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "质检 #1?.db"


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


def test_new_indexes_are_weighed_where_the_others_are(path: Path) -> None:
    """Of a weighed and an unweighed index SQLite takes the latter: the queue of a million calls was read from end to end."""
    db = sqlite_utils.Database(path)
    migrations.apply(db, stop_before="m029_accounts_of_work")
    row = {"state": "open", "reasons_json": "[]", "agent_id": "8001", "team": "一组", "started": "", "assignee": ""}
    numbers = {"scorecard_id": 1, "worth": 1, "control": 0, "sampled": 0}
    db.table("review_worth").insert_all({"call_id": f"C{n}"} | row | numbers for n in range(100))
    db.execute("analyze")
    db.close()
    with Store(path) as store:
        weighed = {r["idx"] for r in store.db.rows("select idx from sqlite_stat1 where tbl = 'review_worth'")}
        (how,) = store.db.rows("explain query plan select min(team) from review_worth where state = 'open'")
    assert "idx_review_worth_state_assignee_id" in weighed and "idx_review_worth_state_team" in how["detail"]


def test_results_of_an_older_schema_are_read_as_they_were(path: Path, tmp_path: Path) -> None:
    """A database of before rules had kinds, sections and severities, with one scored call in it."""
    with Store(tmp_path / "new.db") as store:
        _, card = save(store)
        rows = older_rows(store, "recordings", "calls", "scorecards")
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
            store._db.sqlite.execute("update judged_rules set severity = 'critical'")


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


def test_a_writer_takes_its_turn_soon_after_it_came(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it has waited: SQLite's own waiting looks seldom after a while, so that every page beside a decision took 0.1 s."""
    waited: list[float] = []
    with Store(path) as one, Store(path) as two:

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 200:
                one._db.sqlite.execute("commit")

        monkeypatch.setattr("qa.database.time.sleep", sleep)
        one._db.sqlite.execute("begin immediate")
        save(two)
        assert len(waited) == 200 and max(waited) <= 0.005
        assert two._db.sqlite.execute("PRAGMA busy_timeout").fetchone()[0] == 10_000  # for what else SQLite waits for


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
