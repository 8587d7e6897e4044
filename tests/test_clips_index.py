"""The search index after the rules of what is hidden changed: what was made under others is shown nowhere, and is made anew in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import web_house
from clip_calls import kept, spoken
from stored_calls import scorecard
from web_house import House, call_id

from qa.clips import briefing, index, search
from qa.clips.keeper import keep
from qa.clips.redaction import Redaction
from qa.clips.search import Question
from qa.errors import StoreError
from qa.operation import purge
from qa.operation.retention import Retention
from qa.store import Store
from qa.types import Outcome

NUMBER = "幺三八零零零零幺二三四"
NAMES = tuple(f"C{k}" for k in range(1, 6))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Five calls, of the first to the fifth of May, indexed by a program that hid nothing."""
    with Store(tmp_path / "qa.db") as opened:
        for k, name in enumerate(NAMES, 1):
            said = spoken("A:您好", f"C:我要投诉我的电话是{NUMBER}", call_id=name, start=f"2024-05-{k:02d}T09:00:00.000")
            kept(opened, said, 40.0, Outcome.FAIL)
        with pytest.MonkeyPatch.context() as older:
            older.setattr(index, "VERSION", index.VERSION - 1)
            older.setattr(index, "redact", lambda *_: Redaction((), ()))
            index.refresh(opened)
            assert found(opened, words="零零零零") == sorted(NAMES, reverse=True)
        yield opened


def found(store: Store, **asked: Any) -> list[str]:
    return [hit.call_id for hit in search.search(store, Question(**asked)).hits]


def test_nothing_of_other_rules_is_found_quoted_or_counted(store: Store) -> None:
    """Neither by an older nor by a newer program's rules."""
    for version in (index.VERSION - 1, index.VERSION + 1):
        with store.db.writing():
            store.db.sqlite.execute("update search_calls set version = ?", (version,))
        for asked in ({"words": "投诉"}, {"words": "头速", "by_sound": True}, {"check": "k0"}, {"example": "bad"}, {"since": "2024-05-01"}):
            assert found(store, **asked) == [] and search.count(store, Question(**asked)) == 0, asked
        assert index.outdated(store) == 5 and index.waiting(store) == 0
    with pytest.MonkeyPatch.context() as hasty:  # whoever looks further down than the newest outdated call
        hasty.setattr(index, "floor", lambda _: 0)
        assert found(store, words="投诉") == [] and search.count(store, Question(check="k0")) == 0
    assert search.teams(store) == ("一组",)


def test_words_of_a_call_are_hidden_by_the_present_rules_even_before_it_is_indexed_anew(store: Store) -> None:
    lines = search.said(store, "C3")
    assert [line.text for line in lines][1].startswith("我要投诉") and not any("零" in line.text for line in lines)
    index.renew(store)
    assert search.said(store, "C3") == lines and search.said(store, "C9") == ()


def test_the_newest_are_made_anew_first_and_a_later_start_goes_on(store: Store) -> None:
    assert index.renew(store, limit=2) == 2
    assert found(store, words="投诉") == ["C5", "C4"] and found(store, words="零零零零") == []
    told = index.unfinished(store)
    assert (told.waiting, told.outdated, told.since) == (0, 3, datetime(2024, 5, 3, 9)) and told
    with Store(store.path) as later:
        assert index.renew(later, limit=1) == 1 and found(later, words="投诉") == ["C5", "C4", "C3"]
        assert index.renew(later) == 2 and index.renew(later) == 0
        assert found(later, words="投诉") == ["C5", "C4", "C3", "C2", "C1"]
        assert not index.unfinished(later) and index.floor(later) == 0
        # no trace of what the older rules had left is in the index of words
        assert later.db.rows("select rowid from search_words where search_words match 'customer : ' || ?", "零零") == []


def test_a_transaction_holds_a_batch_at_most(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 2)
    told: list[str] = []
    store.db.sqlite.conn.set_trace_callback(told.append)
    index.renew(store)
    store.db.sqlite.conn.set_trace_callback(None)
    steps = [sql.split()[0] for sql in told if " ".join(sql.split()).startswith(("begin immediate", "insert into search_calls", "commit"))]
    assert steps == ["begin", "insert", "insert", "commit"] * 2 + ["begin", "insert", "commit"]


def test_what_changes_and_what_is_outdated_are_both_brought_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 2)
    for name in NAMES[:4]:
        call = store.call(name)
        store.save_call(call, scorecard(call, name, 90.0, Outcome.PASS))
    assert index.waiting(store) == 4
    assert keep(store) and (index.waiting(store), found(store, words="投诉")[:1]) == (3, ["C5"])
    while keep(store):
        assert found(store, words="零零零零") == []
    assert index.waiting(store) == index.outdated(store) == 0 and found(store, check="k0", outcome="pass") == ["C4", "C3", "C2", "C1"]


def test_an_older_call_that_changed_is_found_once_all_newer_ones_are_there(store: Store) -> None:
    call = store.call("C2")
    store.save_call(call, scorecard(call, "C2", 95.0, Outcome.PASS))
    index.refresh(store)
    assert index.outdated(store) == 4 and found(store, words="投诉") == []
    index.renew(store, limit=3)
    assert found(store, words="投诉") == ["C5", "C4", "C3", "C2"]


def test_what_is_purged_meanwhile_does_not_come_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = index.entry

    def purged_meanwhile(*asked: Any) -> Any:
        before = made(*asked)
        purge.run(store, Retention({"search": 1}), "me", datetime.fromisoformat("2026-01-01T00:00:00+08:00"), rewrite=False)
        return before

    monkeypatch.setattr(index, "entry", purged_meanwhile)
    index.renew(store)
    assert not store.db.rows("select 1 from search_calls") and index.floor(store) == 0


@pytest.mark.parametrize("bring_on", [index.refresh, index.renew])
def test_words_that_are_deleted_while_a_call_is_indexed_do_not_come_back(
    store: Store, monkeypatch: pytest.MonkeyPatch, bring_on: Callable[[Store, int], int]
) -> None:
    made, runs = index.entry, [0]
    if bring_on is index.refresh:
        with store.db.writing():
            for row in store.db.rows("select call_id from calls"):
                index.changed(store, row["call_id"])

    def purged_meanwhile(*asked: Any) -> Any:
        before = made(*asked)
        if not runs[0]:
            purge.run(store, Retention({"transcripts": 1}), "me", datetime.fromisoformat("2026-01-01T00:00:00+08:00"), rewrite=False)
        runs[0] += 1
        return before

    monkeypatch.setattr(index, "entry", purged_meanwhile)
    bring_on(store, len(NAMES))
    assert runs[0] == len(NAMES) and found(store, words="投诉") == []
    index.refresh(store)
    kept = [row["lines"] for row in store.db.rows("select lines from search_calls")]
    assert runs[0] == 2 * len(NAMES) and kept == [index.packed(())] * len(NAMES)


def test_a_bug_on_one_call_keeps_no_other_from_being_indexed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = index.redact

    def broken(call: Any, *more: Any) -> Any:
        if call.record.call_id == "C5":
            raise IndexError("a bug")
        return real(call, *more)

    monkeypatch.setattr(index, "redact", broken)
    with pytest.raises(IndexError, match="a bug"):
        keep(store)
    assert index.floor(store) == 0 and found(store, words="投诉") == ["C4", "C3", "C2", "C1"] and found(store)[0] == "C5"
    index.changed(store, "C5")
    with pytest.raises(IndexError, match="a bug"):
        index.refresh(store)
    assert not index.waiting(store) and not keep(store)


def test_queries_look_no_further_down_than_what_is_made_anew(store: Store) -> None:
    """Whatever lies below: the full-text index is read down to the newest outdated call, and that one is found by a step."""
    index.renew(store, limit=2)
    told: list[str] = []
    store.db.sqlite.conn.set_trace_callback(told.append)
    search.search(store, Question(words="投诉"))
    store.db.sqlite.conn.set_trace_callback(None)
    (asked,) = [sql for sql in told if "search_words match" in sql]
    assert f"w.rowid > {index.first_number('2024-05-03T09:00:00')}" in asked
    plans = "\n".join(
        row["detail"] for sql in told if sql.startswith(("select", "with")) for row in store.db.rows(f"explain query plan {sql}")
    )
    assert "SCAN search_calls" not in plans.replace("SCAN search_calls USING COVERING INDEX", "") and "SCAN c" not in plans
    assert "SEARCH search_calls USING INTEGER PRIMARY KEY" in plans and "idx_search_calls_version (version=?)" in plans


# ---------------------------------------------------------------- what people are told


def test_a_brief_says_that_its_day_is_not_indexed_anew_yet(store: Store) -> None:
    day = date(2024, 5, 3)
    of = briefing.brief(store, "一组", day)
    assert of.calls == 1  # points and results are as they were: no rule of what is hidden touches them
    assert {one.why for one in briefing.missing(store, of, None) if one.example == "bad"} == {briefing.UNINDEXED}
    with pytest.raises(StoreError, match="还没有重新编入检索"):
        briefing.make_playlist(store, "一组", day, "老师")
    index.renew(store, limit=3)
    assert {one.why for one in briefing.missing(store, of, None) if one.example == "bad"} == {briefing.UNPREPARED}


def test_the_search_page_says_what_is_not_made_anew_yet(house: House) -> None:
    index.refresh(house.store)
    with house.store.db.writing():
        house.store.db.sqlite.execute("update search_calls set version = 0")
    trainer = house.client("trainer")
    page = trainer.get("/search?words=宽带").text
    assert "还有 12 通以前的电话要重做" in page and "已编好的里面有 0 通" in page and "请稍后再查" in page
    assert "没有找到" not in page and "我的宽带" not in page
    trainer.post("/language", {"lang": "en"})
    assert "12 earlier calls are still to be done" in trainer.get("/search?words=宽带").text
    trainer.post("/language", {"lang": "zh"})
    index.renew(house.store)
    page = trainer.get("/search?words=宽带").text
    assert "要重做" not in page and "我的宽带" in page and "共 4 通" in page


def test_a_clip_can_be_cut_while_its_call_is_not_made_anew(house: House) -> None:
    """Words and sound of it are hidden by the present rules."""
    index.refresh(house.store)
    (row,) = house.store.db.rows("select scorecard_id as id from search_calls where call_id = ?", call_id("8001", 1))
    before = house.client("trainer").get(f"/search/{row['id']}/cut?start=11500&end=16000").text
    with house.store.db.writing():
        house.store.db.sqlite.execute("update search_calls set version = 0, lines = ?", (index.packed(()),))
    after = house.client("trainer").get(f"/search/{row['id']}/cut?start=11500&end=16000").text
    assert "我的电话××××" in before and "我的电话××××" in after and web_house.NUMBER not in after
