"""``qa purge`` on a large store: nobody who writes waits for it long, because no step inside a transaction looks through a whole table."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import test_purge_remarks
from commands import Run
from web_house import House, call_id

from qa.clips import cutting, index
from qa.clips.cutting import Wish
from qa.operation import purge
from qa.operation.retention import KINDS, Retention
from qa.review import text_marks, verdicts
from qa.review.verdicts import Terms
from qa.rows import index_characters
from qa.types import Span

LATER = datetime.now(UTC) + timedelta(days=400)
ALL = Retention({kind: 365 for kind in KINDS if kind != "audio"})


def fill(house: House) -> None:
    """Something of every kind."""
    index.refresh(house.store)
    call = call_id("8001", 2)
    of = house.store.call(call)
    house.store.put_stage(of.audio.sha256, "transcript", "k", of.transcript)
    house.store.put_stage("f" * 64, "transcript", "k", Span(66, 99))
    verdicts.confirm(house.store, call, "banned_phrases", Terms("质检小王", "听过了"))
    cutting.cut(house.store, call, Wish(Span(7500, 10000), title="例子"), "培训")
    said = house.store.call(call).transcript.utterances[0]
    text_marks.correct(house.store, call, said.speaker, said.span, "您好，华宁通信公司，很高兴为您服务。", Terms("质检小王", "听错了"))
    test_purge_remarks.write(house, call_id("8003", 2))


def run_traced(house: House) -> list[list[str]]:
    """What a purge executes, transaction by transaction."""
    found: list[list[str]] = []
    going: list[str] | None = None

    def seen(sql: str) -> None:
        nonlocal going
        word = sql.split(None, 1)[0].lower()
        if word == "begin":
            going = []
        elif word in ("commit", "rollback"):
            if going:
                found.append(going)
            going = None
        elif going is not None and not sql.startswith("--"):
            going.append(sql)

    connection = house.store.db.sqlite.conn
    connection.set_trace_callback(seen)
    done = purge.run(house.store, ALL, "管理员", LATER)
    connection.set_trace_callback(None)
    assert all(one.objects for one in done.sums)
    return found


BY_ROWID = "VIRTUAL TABLE INDEX 0:="


def test_no_step_of_a_transaction_looks_through_a_table(house: House) -> None:
    fill(house)
    looked, through = 0, set()
    for sql in {sql for transaction in run_traced(house) for sql in transaction}:
        if not sql.lower().startswith(("select", "delete", "update", "insert")) or "_needs select" in sql or "purging" in sql:
            continue  # a table of this connection is filled from a reading; a table that never has more than one row
        looked += 1
        for row in house.store.db.rows(f"explain query plan {sql}"):
            newest = sql.endswith("order by id desc limit 1")  # the first row from the end
            if re.match(r"SCAN (?!CONSTANT)", row["detail"]) and BY_ROWID not in row["detail"] and not newest:
                through.add((row["detail"], " ".join(sql.split())[:120]))
    assert looked > 60 and through == set()


def test_what_names_something_that_is_deleted_is_indexed(house: House) -> None:
    """SQLite looks for rows that still name it at every deletion."""
    fill(house)
    emptied = {m[1] for transaction in run_traced(house) for sql in transaction if (m := re.match(r"delete from (\w+)", sql))}
    assert {"blobs", "utterances", "clips", "clip_sounds", "stage_results"} <= emptied
    rows, missing = house.store.db.rows, set()
    for table in (row["name"] for row in rows("select name from sqlite_master where type = 'table' and sql not like 'create virtual%'")):
        firsts = {rows(f"pragma index_info('{one['name']}')")[0]["name"] for one in rows(f"pragma index_list('{table}')")}
        missing |= {
            (table, key["from"])
            for key in rows(f"pragma foreign_key_list('{table}')")
            if key["table"] in emptied and key["from"] not in firsts
        }
    assert missing == set()


def test_transactions_are_small_whatever_there_is_to_delete(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "AT_ONCE", 3)
    monkeypatch.setattr(purge, "JOIN_PAGES", 1)
    monkeypatch.setattr(purge, "PAUSE_S", 0.0)
    fill(house)
    found = run_traced(house)
    assert max(sum(bool(re.match(r"insert +into purged\b", sql)) for sql in transaction) for transaction in found) == 3
    joins = [sql for transaction in found for sql in transaction if "'merge'" in sql]
    assert len(joins) >= 4 and all(len([sql for sql in transaction if "'merge'" in sql]) <= 1 for transaction in found)
    assert not any("optimize" in sql for transaction in found for sql in transaction)


@pytest.mark.parametrize("pages", [1, 500])
def test_words_are_gone_from_the_index_however_it_is_joined(house: House, pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Joined in steps, without rewriting the file: words of what was deleted are in no byte of it, words of other calls are found."""
    monkeypatch.setattr(purge, "JOIN_PAGES", pages)
    monkeypatch.setattr(purge, "PAUSE_S", 0.0)
    fill(house)
    kept = [call_id("8003", 1)]
    said = [word for text in ("这个不归我管", "你这是什么态度") for word in (text.encode(), index_characters(text).encode())]
    files = lambda: b"".join(path.read_bytes() for path in house.folder.glob("qa.db*") if "audit" not in path.name)  # noqa: E731
    assert all(word in files() for word in said)
    size = house.db.stat().st_size
    done = purge.run(house.store, Retention(ALL.days, tuple(kept)), "管理员", LATER, rewrite=False)
    assert done.wiped and not any(word in files() for word in said) and house.db.stat().st_size >= size
    assert {hit.call_id for hit in house.store.search("投诉")} == set(kept)
    house.store.db.sqlite.execute("insert into utterances_fts (utterances_fts) values ('integrity-check')")


def test_the_file_shrinks_unless_it_is_told_not_to(house: House, qa: Run) -> None:
    fill(house)
    settings = house.folder / "r.toml"
    settings.write_text("[retention]\ntranscripts_days = 1\n", "utf-8")
    house.store.db.sqlite.execute("PRAGMA wal_checkpoint(truncate)")
    size = house.db.stat().st_size
    told = qa("purge", "--retention", settings, "--by", "me", "--no-rewrite", "--db", house.db)
    assert told.code == 0 and house.db.stat().st_size >= size
    assert qa("purge", "--retention", settings, "--by", "me", "--db", house.db).code == 0 and house.db.stat().st_size < size
