"""The audit log: what plain sqlite3 does to it is found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Run

from qa.errors import StoreError
from qa.people import audit
from qa.store import Store

DROP = "drop trigger audit_log_no_update; drop trigger audit_log_no_delete;"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        for n in range(1, 6):
            audit.record(opened.db, "wang", "call.view", "call", f"C-{n}", {"second": n})
        yield opened


def plain(store: Store, script: str) -> None:
    """As somebody does it who has the database and no program of ours."""
    with sqlite3.connect(store.path) as other:
        other.executescript(script)
    other.close()


def test_rows_are_kept_as_they_were_given(store: Store) -> None:
    newest = audit.entries(store.db, limit=2)
    assert [e.object_id for e in newest] == ["C-5", "C-4"]
    assert (newest[0].by, newest[0].action, newest[0].object_kind, newest[0].details) == ("wang", "call.view", "call", (("second", "5"),))
    assert [e.id for e in audit.entries(store.db, before=3)] == [2, 1]
    assert [e.id for e in audit.entries(store.db, kind="call", object_id="C-3")] == [3]
    found = audit.verify(store.db)
    assert found.count == 5 and found.problems == () and found.head == audit.head(store.db)


def test_a_refused_change_after_the_first_row_leaves_the_key(tmp_path: Path) -> None:
    with Store(tmp_path / "new.db") as opened:
        audit.record(opened.db, "wang", "call.view", "call", "C-1", {})
        with pytest.raises(ValueError, match="refused"), opened.db.writing():
            raise ValueError("refused")
        audit.record(opened.db, "wang", "call.view", "call", "C-2", {})
        assert audit.verify(opened.db).problems == ()


def test_an_empty_log_holds(tmp_path: Path) -> None:
    with Store(tmp_path / "new.db") as empty:
        assert audit.verify(empty.db) == audit.Verified(0, "0:", ())


@pytest.mark.parametrize("verb", ["update audit_log set by = 'x'", "delete from audit_log"])
def test_the_database_itself_refuses_changes(store: Store, verb: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        plain(store, verb)


COLUMNS = ("user_id", "at", "by", "action", "object_kind", "object_id", "details_json", "previous", "mac")


@pytest.mark.parametrize("column", COLUMNS)
def test_any_changed_column_is_found(store: Store, column: str) -> None:
    plain(store, f"{DROP} update audit_log set {column} = 7 where id = 3")
    assert any("第 3 行" in problem for problem in audit.verify(store.db).problems)


_COPY = (
    "insert into audit_log select {}, user_id, at, by, action, object_kind, object_id, details_json, {}, mac from audit_log where id = {};"
)
DAMAGE = {
    "a row taken out of the middle": "delete from audit_log where id = 3",
    "the first row taken away": "delete from audit_log where id = 1",
    "the last row taken away": "delete from audit_log where id = 5",
    "all rows taken away": "delete from audit_log",
    "rows and anchor taken away": "delete from audit_log where id > 2; delete from audit_anchor",
    "everything taken away": "delete from audit_log; delete from audit_anchor",
    "the last row taken away and the anchor put back": """delete from audit_log where id = 5;
        update audit_anchor set count = 4, head = (select mac from audit_log where id = 4)""",
    "a row put in at the end": _COPY.format(6, "mac", 5),
    "a row put in at the end, and the anchor moved": _COPY.format(6, "mac", 5)
    + "update audit_anchor set count = 6, head = (select mac from audit_log where id = 6)",
    "a row put in before the first": _COPY.format(0, "''", 1),
    "two rows exchanged": """update audit_log set id = 99 where id = 2; update audit_log set id = 2 where id = 3;
        update audit_log set id = 3 where id = 99""",
    "the anchor changed": "update audit_anchor set count = 4",
}


def damaged(store: Store, how: str) -> None:
    columns = [row["name"] for row in store.db.rows("pragma table_info(audit_log)")]
    wanted = ["id", "user_id", "at", "by", "action", "object_kind", "object_id", "details_json", "previous", "mac"]
    assert sorted(columns) == sorted(wanted)
    plain(store, DROP + DAMAGE[how].replace("into audit_log select", f"into audit_log ({', '.join(wanted)}) select"))


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_found(store: Store, how: str) -> None:
    damaged(store, how)
    assert audit.verify(store.db).problems


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_still_found_after_the_program_has_gone_on_writing(store: Store, how: str) -> None:
    damaged(store, how)
    for n in range(3):
        audit.record(store.db, "wang", "call.view", "call", f"D-{n}")
    assert audit.verify(store.db).problems


def test_a_row_sealed_with_another_key_is_found(store: Store, tmp_path: Path) -> None:
    """Whoever knows how the chain is made, but has not the key, cannot add to it."""
    key = audit.key_path(store.db)
    kept = key.read_text()
    key.write_text("00" * 32)
    audit.record(store.db, "evil", "call.view", "call", "X")
    key.write_text(kept)
    assert audit.verify(store.db).problems


def test_a_log_put_back_whole_is_found_by_a_head_noted_elsewhere(store: Store, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    plain(store, f"vacuum into '{old}'")
    audit.record(store.db, "wang", "export", "month", "2025-06")
    noted = audit.head(store.db)
    assert audit.verify(store.db, noted).problems == ()
    (tmp_path / "old.db.audit-key").write_text(audit.key_path(store.db).read_text())
    with Store(old) as back:
        assert audit.verify(back.db).problems == ()  # it cannot know
        assert any("记下的第 6 行" in problem for problem in audit.verify(back.db, noted).problems)
    with pytest.raises(StoreError, match="不是日志头"):
        audit.verify(store.db, "what")


def test_the_key_is_the_owners_alone_and_its_loss_is_told(store: Store) -> None:
    key = audit.key_path(store.db)
    assert key.stat().st_mode & 0o777 == 0o600
    kept = key.read_text()
    key.unlink()
    for attempt in (lambda: audit.verify(store.db), lambda: audit.record(store.db, "wang", "x", "y", "z")):
        with pytest.raises(StoreError, match="密钥文件不见了"):
            attempt()
    key.write_text(kept[:10])
    with pytest.raises(StoreError, match="不完整"):
        audit.verify(store.db)


def test_a_row_stands_or_falls_with_what_it_tells_of(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.db.writing():
        audit.record(store.db, "wang", "user.role", "user", "1")
        raise ZeroDivisionError
    assert audit.verify(store.db).count == 5 and audit.verify(store.db).problems == ()


def test_a_first_row_that_was_undone_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "new.db") as new:
        with pytest.raises(ZeroDivisionError), new.db.writing():
            audit.record(new.db, "wang", "user.role", "user", "1")
            raise ZeroDivisionError
        assert not audit.key_path(new.db).exists() and audit.verify(new.db).problems == ()
        audit.record(new.db, "wang", "user.role", "user", "1")
        audit.record(new.db, "wang", "user.role", "user", "2")
        with pytest.raises(ZeroDivisionError), new.db.writing():
            raise ZeroDivisionError
        assert audit.verify(new.db).count == 2 and audit.verify(new.db).problems == ()


def test_two_programs_write_one_chain(store: Store) -> None:
    with Store(store.path) as other:
        for n in range(10):
            audit.record((store, other)[n % 2].db, "wang", "call.view", "call", f"E-{n}")
    assert audit.verify(store.db).count == 15 and audit.verify(store.db).problems == ()


def test_the_command(qa: Run, store: Store) -> None:
    good = qa("audit", "verify", "--db", store.path)
    assert good.code == 0 and "5 行，完好" in good.out
    noted = json.loads(qa("audit", "verify", "--db", store.path, "--json").out)["head"]
    assert qa("audit", "verify", "--db", store.path, "--noted", noted).code == 0
    damaged(store, "the last row taken away")
    bad = qa("audit", "verify", "--db", store.path)
    assert bad.code == 1 and "不可信" in bad.out and "末尾" in bad.out
    assert json.loads(qa("audit", "verify", "--db", store.path, "--json").out)["problems"]


# ---------------------------------------------------------------- what a review found


def test_a_row_with_the_lowest_number_there_is_is_found(store: Store) -> None:
    row = f"({-(2**63)}, '2025', 'qa', 'call.view', 'call', 'X', '{{}}', '', '')"
    names = "id, at, by, action, object_kind, object_id, details_json, previous, mac"
    plain(store, f"insert into audit_log ({names}) values {row};")
    assert any("添加进去" in problem for problem in audit.verify(store.db).problems)


@pytest.mark.parametrize("script", [f"{DROP} update audit_log set mac = 'é' where id = 3", "update audit_anchor set mac = 'é'"])
def test_a_seal_of_any_text_is_told_and_not_stumbled_over(store: Store, script: str) -> None:
    plain(store, script)
    assert audit.verify(store.db).problems
    audit.record(store.db, "wang", "call.view", "call", "C-6")
    assert audit.verify(store.db).problems


def put_back(store: Store) -> None:
    """Rows 4 and 5 are taken away, and the anchor of before them put back."""
    seal = audit._key(store.db)
    mac = store.db.rows("select mac from audit_log where id = 3")[0]["mac"]
    anchor = audit._mac(seal, ["anchor", 3, mac])  # as it was kept from then
    plain(store, f"{DROP} delete from audit_log where id > 3; update audit_anchor set count = 3, head = '{mac}', mac = '{anchor}'")


def test_an_old_anchor_put_back_is_told_for_ever(store: Store) -> None:
    put_back(store)
    assert any("较早的样子" in problem for problem in audit.verify(store.db).problems)
    for n in range(4):  # beyond the number that is noted
        audit.record(store.db, "wang", "call.view", "call", f"D-{n}")
    assert any("较早的样子" in problem for problem in audit.verify(store.db).problems)


def test_the_note_is_of_what_was_committed(store: Store) -> None:
    with pytest.raises(ValueError, match="undone"), store.db.writing():
        audit.record(store.db, "wang", "call.view", "call", "X")
        raise ValueError("undone")
    with store.db.writing(), pytest.raises(ValueError, match="undone"), store.db.writing():
        audit.record(store.db, "wang", "call.view", "call", "X")
        raise ValueError("undone")
    assert audit.verify(store.db).problems == ()
    assert audit.note_path(store.db).read_text().strip() == audit.head(store.db)
    assert audit.note_path(store.db).stat().st_mode & 0o777 == 0o600


def test_rows_before_a_part_that_was_undone_are_noted(store: Store) -> None:
    with store.db.writing():
        audit.record(store.db, "wang", "call.view", "call", "X")
        with pytest.raises(ValueError, match="undone"), store.db.writing():
            audit.record(store.db, "wang", "call.view", "call", "Y")
            raise ValueError("undone")
    assert audit.note_path(store.db).read_text().strip() == audit.head(store.db) and audit.head(store.db).startswith("6:")


TRIGGERS = "select name from sqlite_master where type = 'trigger' and sql like '%append only%' order by name"


def test_every_protection_that_is_taken_away_or_weakened_is_told(store: Store) -> None:
    names = [row["name"] for row in store.db.rows(TRIGGERS)]
    assert {"audit_log_no_update", "audit_log_no_delete", "scorecards_no_update", "appeals_no_delete"} <= {*names}
    for name in names:
        made = store.db.rows("select sql, tbl_name from sqlite_master where name = ?", name)[0]
        plain(store, f"drop trigger {name};")
        found = audit.verify(store.db)
        assert found.problems == () and len(found.unguarded) == 1 and name in found.unguarded[0], name
        plain(store, f"{made['sql']};")
        assert audit.verify(store.db).told == (), name
    weak = "create trigger audit_log_no_delete before delete on audit_log when 0"
    weak += " begin select raise(abort, 'audit_log is append only'); end;"
    plain(store, f"drop trigger audit_log_no_delete; {weak}")
    assert "audit_log_no_delete" in audit.verify(store.db).unguarded[0]


def test_the_command_calls_no_log_whole_whose_rows_may_be_changed(qa: Run, store: Store) -> None:
    plain(store, DROP)
    bad = qa("audit", "verify", "--db", store.path)
    assert bad.code == 1 and "完好" not in bad.out and "audit_log_no_update" in bad.out and "audit_log_no_delete" in bad.out


def test_a_noted_head_may_be_as_short_as_messages_show_it(qa: Run, store: Store) -> None:
    mac = store.db.rows("select mac from audit_log where id = 3")[0]["mac"]
    for length in (8, 20, 64):
        assert audit.verify(store.db, f"3:{mac[:length]}").problems == ()
    other = "0" if mac[7] != "0" else "1"
    for wrong in (f"3:{mac[:7]}{other}", f"2:{mac[:8]}", f"9:{mac[:8]}"):
        assert len(audit.verify(store.db, wrong).problems) == 1
    for none in (f"3:{mac[:7]}", "3:", "3", f":{mac}", f"²:{mac}"):
        with pytest.raises(StoreError, match="不是日志头"):
            audit.verify(store.db, none)
    assert qa("audit", "verify", "--db", store.path, "--noted", f"3:{mac[:8]}").code == 0
    assert audit.verify(store.db, "0:").problems == ()  # noted of a log without rows: every log has grown out of it
