"""The heads that are noted beside the key: a database put back to an earlier state is told, however often that happens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qa.people import audit
from qa.store import Store


def write(db: Path, rows: int) -> str:
    """So many rows more; returns the head after them."""
    with Store(db) as store:
        for n in range(rows):
            audit.record(store.db, "wang", "call.view", "call", f"C-{n}")
        return audit.head(store.db)


def problems(db: Path, noted: str = "") -> tuple[str, ...]:
    with Store(db) as store:
        return audit.verify(store.db, noted).problems


def noted(db: Path) -> list[str]:
    with Store(db) as store:
        return audit.note_path(store.db).read_text("ascii").splitlines()


@pytest.fixture
def db(tmp_path: Path) -> Path:
    write(tmp_path / "qa.db", 3)
    return tmp_path / "qa.db"


def lost(db: Path, rows: int) -> str:
    """Rows are written and taken away again by putting the database back (a power cut, a thief); returns the head that was noted."""
    kept = shutil.copy(db, db.with_name("kept"))
    head = write(db, rows)
    shutil.copy(kept, db)
    return head


def test_rows_lost_after_a_power_cut_are_told_apart_from_it(db: Path) -> None:
    first = lost(db, 1)
    after_the_cut = problems(db)
    assert len(after_the_cut) == 1 and "第 4 行" in after_the_cut[0]
    good = write(db, 5)
    assert noted(db) == [first, good] and problems(db) == after_the_cut  # what does not fit stays, nothing is told twice
    second = lost(db, 5)
    told = problems(db)
    assert len(told) == 2 and told[0] == after_the_cut[0] and "第 13 行" in told[1]
    last = write(db, 1)
    assert noted(db) == [first, second, last] and problems(db) == told


def test_the_same_number_lost_twice_is_two_losses(db: Path) -> None:
    heads = [lost(db, 2)]
    write(db, 1)
    heads.append(lost(db, 1))
    assert [head.split(":")[0] for head in heads] == ["5", "5"]
    told = problems(db)
    assert len(told) == len(set(told)) == 2 and all("第 5 行" in one for one in told)


def test_a_log_that_goes_on_has_one_head(db: Path) -> None:
    head = write(db, 4)
    assert noted(db) == [head] and problems(db) == ()


def test_whoever_comes_late_takes_no_newer_head_back(db: Path) -> None:
    first = lost(db, 1)
    newest = write(db, 3)
    with Store(db) as store:
        (row,) = store.db.rows("select id, mac from audit_log where id = 5")
        audit._note(store.db, row["id"], row["mac"])  # of another program, whose commit came earlier
    assert noted(db) == [first, newest]


def test_lines_that_are_no_heads_are_nothing(db: Path) -> None:
    with Store(db) as store:
        audit.note_path(store.db).write_text("\nnothing\n:\nx:y\n9:")
    assert len(problems(db)) == 1  # a ninth row without a seal was never there
    with Store(db) as store:
        audit.note_path(store.db).write_bytes(b"\xff\n")
    head = write(db, 1)
    assert noted(db) == [head] and problems(db) == ()


def test_what_is_committed_outlives_a_power_cut(db: Path) -> None:
    """2 is "full": with the write-ahead log every commit is on the disk before it is answered."""
    with Store(db) as store:
        assert store.db.rows("PRAGMA synchronous") == [{"synchronous": 2}]
        assert store.db.rows("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
