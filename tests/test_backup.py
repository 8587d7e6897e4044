"""``qa backup`` while the database is written, ``qa restore`` and what it refuses."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import Run
from web_house import House, call_id

from qa.errors import StoreError
from qa.operation import backup as backups
from qa.people import audit, sessions
from qa.store import Store

NOW = datetime(2026, 1, 31, 2, 3, 4, tzinfo=UTC)


def contents(db: Path) -> dict[str, str]:
    """A hash of every table's rows, but for those that a restore changes."""
    with Store(db, create=False) as store:
        names = [
            r["name"]
            for r in store.db.rows(
                "select name from sqlite_master where type = 'table' and sql not like 'create virtual%' and name not like 'sqlite_%'"
            )
        ]
        own = {"audit_log", "audit_anchor", "sessions", "login_attempts"}
        rows = {name: store.db.rows(f'select * from "{name}"') for name in names if name not in own}
        return {name: hashlib.sha256(repr(found).encode()).hexdigest() for name, found in rows.items()}


def test_a_backup_comes_back_as_it_was(house: House, tmp_path: Path) -> None:
    audit.record(house.store.db, "a", "b", "c", "d")
    house.client("qa")
    before, head = contents(house.db), audit.head(house.store.db)
    made = backups.backup(house.db, tmp_path / "backups", "王管理", NOW)
    assert made.folder == tmp_path / "backups" / "qa-20260131T020304Z" and made.calls == 12 and made.audit_head == head
    assert {p.name: p.stat().st_mode & 0o777 for p in made.folder.iterdir()} == dict.fromkeys(
        ("qa.db", "qa.db.audit-key", "manifest.json"), 0o600
    )
    with house.store.db.writing():
        house.store.db.sqlite.execute("delete from utterances")
    back = tmp_path / "new" / "house.db"
    backups.restore(made.folder, back, "管理员")
    assert contents(back) == before
    with Store(back, create=False) as store:
        assert audit.verify(store.db, head).problems == ()
        assert next((e.by, e.action) for e in audit.entries(store.db)) == ("管理员", "restore")
        assert not store.db.rows("select 1 from sessions")  # nobody is logged in by an old backup
        assert store.call(call_id("8001", 0)) == house.store.call(call_id("8001", 0))


def test_a_backup_while_others_write_is_one_moment(house: House, tmp_path: Path) -> None:
    """Each transaction writes two rows: no backup has one of them alone."""
    stop = threading.Event()
    written = []

    def write() -> None:
        with Store(house.db) as store:
            while not stop.is_set():
                with store.db.writing():
                    for kind in ("one", "two"):
                        audit.record(store.db, "writer", kind, "pair", str(len(written)))
                written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(written) < 5:
            stop.wait(0.005)
        made = [backups.backup(house.db, tmp_path, "王管理", NOW) for _ in range(3)]
    finally:
        stop.set()
        writer.join()
    assert len({one.folder for one in made}) == 3
    for one in made:
        with Store(one.folder / "qa.db", create=False) as store:
            pairs = [(e.object_id, e.action) for e in audit.entries(store.db, limit=10**6, kind="pair")]
        assert len(pairs) >= 10 and len(pairs) % 2 == 0
        assert {n for n, action in pairs if action == "one"} == {n for n, action in pairs if action == "two"}


def test_only_the_newest_are_kept(house: House, tmp_path: Path) -> None:
    other = tmp_path / "qa-notes"
    other.mkdir()
    for hour in range(4):
        backups.backup(house.db, tmp_path, "王管理", NOW + timedelta(hours=hour), keep=2)
    assert sorted(p.name for p in tmp_path.glob("qa-*") if p != other) == ["qa-20260131T040304Z", "qa-20260131T050304Z"]
    assert other.exists()


def test_a_changed_backup_is_refused(house: House, tmp_path: Path) -> None:
    made = backups.backup(house.db, tmp_path, "王管理", NOW)
    data = bytearray((made.folder / "qa.db").read_bytes())
    data[-100] ^= 1
    (made.folder / "qa.db").write_bytes(data)
    with pytest.raises(StoreError, match="与清单不符"):
        backups.restore(made.folder, tmp_path / "new.db", "管理员")
    assert not list(tmp_path.glob("new.db*"))


@pytest.mark.parametrize("damage", ["no manifest", "no json", "other keys", "foreign file", "no database"])
def test_what_is_no_backup_is_refused(house: House, tmp_path: Path, damage: str) -> None:
    made = backups.backup(house.db, tmp_path, "王管理", NOW)
    manifest = made.folder / "manifest.json"
    told = json.loads(manifest.read_text("utf-8"))
    if damage == "no manifest":
        manifest.unlink()
    elif damage == "no json":
        manifest.write_text("{")
    elif damage == "other keys":
        manifest.write_text(json.dumps(told | {"more": 1}))
    elif damage == "foreign file":
        manifest.write_text(json.dumps(told | {"files": told["files"] | {"../../etc/passwd": "0"}}))
    else:
        manifest.write_text(json.dumps(told | {"files": {}}))
    with pytest.raises(StoreError):
        backups.read(made.folder)


def test_a_log_that_is_not_whole_makes_no_backup(house: House, tmp_path: Path) -> None:
    for n in range(3):
        audit.record(house.store.db, "a", "b", "c", str(n))
    with house.store.db.writing():
        house.store.db.sqlite.execute("drop trigger audit_log_no_update")
        house.store.db.sqlite.execute("update audit_log set by = 'x' where id = 2")
    with pytest.raises(StoreError, match="审计日志不可信"):
        backups.backup(house.db, tmp_path / "backups", "王管理", NOW)
    assert not list((tmp_path / "backups").iterdir())


def test_nothing_is_overwritten(house: House, tmp_path: Path) -> None:
    made = backups.backup(house.db, tmp_path, "王管理", NOW)
    target = tmp_path / "live.db"
    backups.restore(made.folder, target, "管理员")
    with pytest.raises(StoreError, match="这里已有数据库"):
        backups.restore(made.folder, target, "管理员")
    with Store(target) as store:
        sessions.begin(store.db, house.users["qa"], 0.0)
        with pytest.raises(StoreError, match="占用"):
            backups.restore(made.folder, target, "管理员", replace=True)
    backups.restore(made.folder, target, "管理员", replace=True)
    (aside,) = [p for p in tmp_path.glob("live.db.before-*") if p.name.endswith("Z")]
    assert aside.with_name(aside.name + ".audit-key").exists()
    with Store(aside, create=False) as store:
        assert len(store.calls()) == 12 and store.db.rows("select 1 from sessions")
    assert sorted(p.name for p in tmp_path.glob("live.db.restoring*")) == []


def test_the_commands(qa: Run, house: House, tmp_path: Path) -> None:
    made = qa("backup", "--db", house.db, "--to", tmp_path / "b", "--json")
    assert made.code == 0 and made.json["calls"] == 12
    folder = made.json["folder"]
    assert "备份完好" in qa("restore", folder, "--check").out
    told = qa("restore", folder, "--db", tmp_path / "x.db", "--by", "王管理")
    assert told.code == 0 and "qa purge" in told.out
    assert qa("restore", folder, "--db", tmp_path / "x.db").code == 2
    assert qa("backup", "--db", tmp_path / "none.db", "--to", tmp_path / "b").code == 2
    assert qa("restore", tmp_path, "--check").code == 2


# ---------------------------------------------------------------- proof that it can be restored


def test_a_trial_restore_is_written_into_the_log_of_the_database_and_leaves_nothing(house: House, tmp_path: Path) -> None:
    made = backups.backup(house.db, tmp_path / "backups", "王管理", NOW)
    before = sorted(house.folder.iterdir())
    told = backups.newest(house.store)
    assert told is not None and (told.name, told.by, told.folder, told.proved) == (made.folder.name, "王管理", str(made.folder), "")
    backups.rehearse(made.folder, house.db, "李管理")
    told = backups.newest(house.store)
    assert told is not None and told.proved and sorted(house.folder.iterdir()) == before
    assert [(e.by, e.action, e.object_id) for e in audit.entries(house.store.db, limit=2)] == [
        ("李管理", "backup.check", made.folder.name),
        ("王管理", "backup", made.folder.name),
    ]
    assert audit.verify(house.store.db).problems == ()


def test_a_damaged_backup_is_not_proved(house: House, tmp_path: Path) -> None:
    made = backups.backup(house.db, tmp_path / "backups", "王管理", NOW)
    with (made.folder / backups.DATABASE).open("r+b") as file:
        file.seek(5000)
        file.write(b"damaged")
    with pytest.raises(StoreError, match="与清单不符"):
        backups.rehearse(made.folder, house.db, "李管理")
    told = backups.newest(house.store)
    assert told is not None and told.proved == ""


def test_another_backup_of_the_same_name_proves_nothing(house: House, tmp_path: Path) -> None:
    """Of another database, made in the same second."""
    made = backups.backup(house.db, tmp_path / "backups", "王管理", NOW)
    audit.record(house.store.db, "x", "y", "z", "1")
    other = backups.backup(house.db, tmp_path / "others", "王管理", NOW)
    assert made.folder.name == other.folder.name
    backups.rehearse(made.folder, house.db, "李管理")
    told = backups.newest(house.store)
    assert told is not None and told.folder == str(other.folder) and told.proved == ""


def test_nobody_backs_up_without_a_name(house: House, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="由谁备份"):
        backups.backup(house.db, tmp_path / "backups", " ", NOW)
    assert not (tmp_path / "backups").exists()
