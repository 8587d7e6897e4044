"""What persons wrote: the way past the triggers that a purge may take, the indexes by which it finds them, and older databases."""

from __future__ import annotations

import re
import sqlite3

import pytest
from older_databases import undo_remarks
from test_purge import LATER, OLD
from test_purge_remarks import ONLY_OLD, PLACES, left, rows, write
from web_house import House

from qa.operation import purge, remarks
from qa.operation.tables import DELETED, REMARKS, written
from qa.review import reviews
from qa.store import Store


@pytest.fixture
def told(house: House) -> None:
    """Persons have written all that they can about a call."""
    write(house, OLD)


TEXTS = [(table, column) for table, columns in REMARKS.items() for column in columns]


@pytest.mark.parametrize(("table", "column"), [one for one in TEXTS if one[0] not in ("clips", "playlist_items")])
def test_outside_a_purge_no_text_can_be_blanked_and_inside_only_that(house: House, told: None, table: str, column: str) -> None:
    change = house.store.db.sqlite.execute
    with pytest.raises(sqlite3.Error, match="append only"):
        change(f"update {table} set {column} = ?", (DELETED,))
    with house.store.db.writing():
        house.store.db.insert("purges", {"id": 1, "started": "", "made_by": "", "rules_json": ""})
        house.store.db.insert("purging", {"id": 1, "purge_id": 1})
        for text in ("", "别的理由", f"别的{DELETED}", None):
            with pytest.raises(sqlite3.Error, match=r"append only|NOT NULL"):
                change(f"update {table} set {column} = ? where {written(column)}", (text,))
        with pytest.raises(sqlite3.Error, match="append only"):
            change(f"update {table} set {column} = ?, created = 'x' where {written(column)}", (DELETED,))
        assert change(f"update {table} set {column} = ? where {written(column)}", (DELETED,)).rowcount > 0
        change("delete from purging")


def test_a_text_that_nobody_wrote_cannot_be_said_to_be_deleted(house: House) -> None:
    reviews.finish(house.store, OLD, "质检小王")
    with house.store.db.writing():
        house.store.db.insert("purges", {"id": 1, "started": "", "made_by": "", "rules_json": ""})
        house.store.db.insert("purging", {"id": 1, "purge_id": 1})
        with pytest.raises(sqlite3.Error, match="append only"):
            house.store.db.sqlite.execute("update reviews set comment = ?", (DELETED,))
        house.store.db.sqlite.execute("delete from purging")


def test_a_purge_changes_no_account_that_a_decision_was_given_by(house: House, told: None) -> None:
    """Columns that came after the first way past the triggers are guarded as well."""
    with house.store.db.writing():
        house.store.db.insert("purges", {"id": 1, "started": "", "made_by": "", "rules_json": ""})
        house.store.db.insert("purging", {"id": 1, "purge_id": 1})
        for table in ("verdicts", "text_marks", "role_marks", "reviews", "appeal_steps"):
            with pytest.raises(sqlite3.Error, match="append only"):
                house.store.db.sqlite.execute(f"update {table} set user_id = 99")
        house.store.db.sqlite.execute("delete from purging")


# ---------------------------------------------------------------- speed, and older databases


def test_what_is_past_its_period_is_found_by_indexes(house: House, told: None) -> None:
    asked: list[str] = []
    purge.plan(house.store, ONLY_OLD, LATER)
    connection = house.store.db.sqlite.conn
    connection.set_trace_callback(asked.append)
    list(remarks.old(house.store, "2026-01-01"))
    connection.set_trace_callback(None)
    asked = [sql for sql in asked if sql.startswith("select")]
    plans = [row["detail"] for sql in asked for row in house.store.db.rows(f"explain query plan {sql}")]
    used = {table for table, column in TEXTS for plan in plans if f"idx_{table}_{column}_written" in plan}
    assert len(asked) == 2 and used == set(REMARKS)
    assert [plan for plan in plans if re.match(r"SCAN (?!\w+ USING (COVERING )?INDEX|f\b|CONSTANT|\()", plan)] == []


def test_an_older_database_is_opened_and_purged(house: House, told: None) -> None:
    with house.store.db.writing():
        undo_remarks(house.store.db.sqlite)
    before = rows(house)
    with Store(house.db) as opened:
        assert rows(house) == before and left(house, OLD) == set(PLACES)
        assert purge.run(opened, ONLY_OLD, "管理员", LATER).sums[0].objects == 2
    assert left(house, OLD) == set() and rows(house) == before
