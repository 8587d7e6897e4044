"""A number of a clip, a version, a playlist or its item is given once: what is said of a deleted one is never said of another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from web_house import House, call_id

from qa.clips import cutting, playlists, release, tables
from qa.clips.cutting import Clip, Wish
from qa.operation import purge
from qa.operation.retention import Retention
from qa.people import audit
from qa.store import Store
from qa.types import Span

ONE, OTHER = (call_id("8001", 2), Span(7500, 10_000)), (call_id("8001", 1), Span(6500, 11_000))


def cut(store: Store, of: tuple[str, Span] = ONE) -> Clip:
    return cutting.cut(store, of[0], Wish(of[1], title="例子"), "培训老师")


def test_a_deleted_clips_number_is_not_given_again(house: House) -> None:
    store = house.store
    first = cut(store)
    release.decide(store, first.id, first.version.id, release.REFUSED, "质检小王", "听得到号码", heard=True)
    cutting.delete(store, first.id)
    second = cut(store, OTHER)
    assert second.id > first.id and second.version.id > first.version.id
    assert release.decisions(store, second.id) == () and release.state(store, second) == release.WAITING
    assert [clip.id for clip in release.queue(store)] == [second.id]


def test_nor_after_a_purge(house: House) -> None:
    first = cut(house.store)
    purge.run(house.store, Retention({"clips": 1}), "管理员", datetime.now(UTC) + timedelta(days=9))
    second = cut(house.store, OTHER)
    assert second.id > first.id and second.version.id > first.version.id


def test_nor_are_those_of_playlists_and_their_items(house: House) -> None:
    store = house.store
    clip = cut(store)
    first = playlists.create(store, "一", "培训老师")
    playlists.add(store, first, clip.id)
    (item,) = playlists.items(store, first)
    playlists.delete(store, first)
    second = playlists.create(store, "二", "培训老师")
    playlists.add(store, second, clip.id)
    assert second > first and playlists.items(store, second)[0].id > item.id


def test_a_cut_that_is_undone_gives_no_number_away(house: House) -> None:
    def refused(clip: Clip) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cutting.cut(house.store, ONE[0], Wish(ONE[1]), "培训老师", refused)
    assert cut(house.store).id == 1


def older(house: House) -> None:
    """As an older program left the database."""
    with house.store.db.writing():
        for table in ("clips", "clip_versions", "playlists", "playlist_items"):
            house.store.db.sqlite.execute(f"drop trigger {table}_last_id")
        house.store.db.sqlite.execute("drop table last_ids")
        house.store.db.sqlite.execute("delete from _sqlite_migrations where name = 'm026_last_ids'")


@pytest.mark.parametrize("named", ["decision", "log", "proof"])
def test_an_older_database_keeps_its_clips_and_gives_no_number_that_anything_names(house: House, named: str) -> None:
    store = house.store
    kept, gone = cut(store), cut(store, OTHER)
    before = store.db.rows("select * from clips where id = ?", kept.id), store.db.rows("select * from clip_versions order by id")[:1]
    if named == "decision":
        release.decide(store, gone.id, gone.version.id, release.RELEASED, "质检小王", heard=True)
    if named == "log":
        audit.record(store.db, "trainer", release.CUT, "clip", str(gone.id))
    if named == "proof":
        purge.run(store, Retention({"clips": 1}, (ONE[0],)), "管理员", datetime.now(UTC) + timedelta(days=9))
    else:
        cutting.delete(store, gone.id)
    audit.record(store.db, "admin", "x", "clip", "no number")
    audit.record(store.db, "admin", "x", "call", "70")
    older(house)
    with Store(house.db) as opened:
        assert (opened.db.rows("select * from clips"), opened.db.rows("select * from clip_versions")) == before
        assert cut(opened, OTHER).id == gone.id + 1


def test_where_a_number_was_given_twice_a_decision_is_about_its_own_sound(house: House) -> None:
    store = house.store
    one = cut(store)
    with store.db.writing():  # of the clip that had the number before
        row = {"clip_id": one.id, "version_id": one.version.id, "sound": "0" * 64, "decision": release.RELEASED}
        store.db.insert("clip_decisions", row | {"made_by": "质检小王", "reason": "", "created": "2025-06-15T00:00:00+00:00"})
    assert release.state(store, one) == release.WAITING and [clip.id for clip in release.queue(store)] == [one.id]
    assert release.waiting(store) == 1


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    said: list[str] = []
    connection: sqlite3.Connection = store.db.sqlite.conn
    connection.set_trace_callback(said.append)
    try:
        yield said
    finally:
        connection.set_trace_callback(None)


def test_what_waits_and_its_states_are_asked_once_however_many_there_are(house: House) -> None:
    store = house.store
    numbers = []
    for _round in range(2):
        clips = [cut(store, of) for of in (ONE, OTHER)]
        with counted(store) as said:
            waiting = release.queue(store)
            assert release.states(store, waiting)[clips[-1].id] == release.WAITING
        numbers.append(len(said))
    assert numbers[0] == numbers[1] and len(waiting) == release.waiting(store) == 4
    assert len(release.queue(store, 3)) == 3


def test_the_last_decision_counts(house: House) -> None:
    store = house.store
    one, other = cut(store), cut(store, OTHER)
    for decision, reason in ((release.RELEASED, ""), (release.WITHDRAWN, "客户要求")):
        release.decide(store, one.id, one.version.id, decision, "质检小王", reason, heard=True)
    assert release.states(store, (one, other)) == {one.id: release.WITHDRAWN, other.id: release.WAITING}
    assert [clip.id for clip in release.queue(store)] == [other.id] and release.waiting(store) == 1
    release.decide(store, other.id, other.version.id, release.REFUSED, "质检小王", "有姓名", heard=True)
    assert release.queue(store) == () and release.waiting(store) == 0


def test_who_releases_says_whether_they_have_listened(house: House) -> None:
    one = cut(house.store)
    with pytest.raises(TypeError):
        release.decide(house.store, one.id, one.version.id, release.RELEASED, "质检小王")  # type: ignore[call-arg]
    assert release.state(house.store, one) == release.WAITING


def test_the_tables_whose_numbers_are_kept(house: House) -> None:
    """Every table of clips whose rows are deleted and whose id is a number by itself."""
    kept = {row["name"] for row in house.store.db.rows("select name from last_ids")}
    own = {row["name"] for row in house.store.db.rows("select name from sqlite_master where type = 'table'")}
    numbered = {n for n in own if n.startswith(("clip", "playlist")) and house.store.db.sqlite.table(n).pks == ["id"]}
    assert numbered - set(tables.APPEND_ONLY) == kept
