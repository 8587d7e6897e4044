"""A closed month never changes but by an adjustment: what stands, what is proposed, and what is shown of a call."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import sqlite_utils
import stored_calls
from stored_houses import SCRIPT, call, house, save

from qa.errors import NotFoundError, StoreError
from qa.ledger_cards import filed
from qa.migrations import migrations
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import CallRecord


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


@pytest.fixture
def strict(tmp_path: Path) -> RuleBook:
    return house(tmp_path / "strict")


@pytest.fixture
def mild(tmp_path: Path) -> RuleBook:
    return house(tmp_path / "mild", rings=5)


def _shown(store: Store, call_id: str = "C1") -> tuple[float | None, str]:
    row = next(row for row in store.calls() if row.call_id == call_id)
    return row.percent, row.provenance.rule_book_version


def test_a_new_result_of_a_closed_month_is_a_proposal(store: Store, strict: RuleBook, mild: RuleBook) -> None:
    first = save(store, strict, call("C1"))
    store.ledger.close_month("2025-05", "张三")
    proposed = save(store, mild, call("C1"))
    assert (first.proposed, proposed.proposed, proposed.new) == (False, True, True)
    assert _shown(store) == (50.0, strict.stamp)
    assert store.scorecard("C1").percent == 50.0
    assert [(kept.id, kept.scorecard.percent, kept.standing) for kept in store.history("C1")] == [
        (first.id, 50.0, True),
        (proposed.id, 100.0, False),
    ]
    assert [month.proposals for month in store.ledger.closed_months()] == [1]
    assert save(store, mild, call("C1")) == replace(proposed, new=False)
    assert save(store, strict, call("C1")) == replace(first, new=False)
    assert len(store.history("C1")) == 2


def test_the_same_result_under_a_new_version_proposes_nothing(store: Store, strict: RuleBook, tmp_path: Path) -> None:
    first = save(store, strict, call("C1"))
    store.ledger.close_month("2025-05", "张三")
    assert save(store, house(tmp_path / "new", version='"2"'), call("C1")) == replace(first, new=False)
    assert len(store.history("C1")) == 1


def test_what_is_shown_of_a_call_waits_for_the_adjustment_too(store: Store, strict: RuleBook) -> None:
    save(store, strict, call("C1"))
    store.ledger.close_month("2025-05", "张三")
    corrected = call("C1", agent="8002", says=SCRIPT.replace("话费", "流量"))
    assert save(store, strict, corrected).proposed  # the same points, but another agent's
    assert store.calls()[0].agent_id == "8001" and store.call("C1").record == call("C1").record
    assert len(store.search("话费")) == 2 and store.search("流量") == ()
    store.adjust("C1", "张三", "坐席登记错了")
    assert store.calls()[0].agent_id == "8002" and store.call("C1") == corrected
    assert store.search("话费") == () and len(store.search("流量")) == 2
    assert [month.proposals for month in store.ledger.closed_months()] == [0]


def test_an_adjustment_is_on_record_and_may_be_undone_by_another(store: Store, strict: RuleBook, mild: RuleBook) -> None:
    first = save(store, strict, call("C1"))
    store.ledger.close_month("2025-05", "张三")
    proposed = save(store, mild, call("C1"))
    made = store.adjust("C1", " 李四", "铃声记错 ")
    assert (made.call_id, made.before, made.after, made.by, made.reason) == ("C1", first.id, proposed.id, "李四", "铃声记错")
    assert _shown(store) == (100.0, mild.stamp)
    back = store.adjust("C1", "王五", "撤回", first.id)
    assert (back.before, back.after) == (proposed.id, first.id)
    assert _shown(store) == (50.0, strict.stamp)
    assert store.adjustments("C1") == (made, back) and store.adjustments("C2") == ()


def test_adjustments_that_make_no_sense_are_refused(store: Store, strict: RuleBook, mild: RuleBook) -> None:
    first = save(store, strict, call("C1"))
    other = save(store, strict, call("C2"))
    with pytest.raises(StoreError, match="C1: 没有待批准的评分"):
        store.adjust("C1", "李四", "理由")
    with pytest.raises(StoreError, match="已经有效"):
        store.adjust("C1", "李四", "理由", first.id)
    store.ledger.close_month("2025-05", "张三")
    save(store, mild, call("C1"))
    with pytest.raises(NotFoundError, match=rf"评分 {other.id}: 不是通话 C1 的评分.*{first.id}"):
        store.adjust("C1", "李四", "理由", other.id)
    with pytest.raises(NotFoundError, match="没有这通电话"):
        store.adjust("C9", "李四", "理由")
    for by, reason in (("", "理由"), ("李四", "  ")):
        with pytest.raises(StoreError, match="没有写"):
            store.adjust("C1", by, reason)
    assert store._db.rows("select * from adjustments") == []
    store.adjust("C1", "李四", "理由")
    with pytest.raises(StoreError, match="已经有效"):
        store.adjust("C1", "李四", "理由")


def test_a_call_that_comes_after_the_closing_is_in_no_figure_until_adjusted(store: Store, strict: RuleBook) -> None:
    store.ledger.close_month("2025-05", "张三")
    assert save(store, strict, call("C1")).proposed
    assert store.calls() == () and store.agents() == () and store.search("话费") == ()
    for ask in (store.call, store.scorecard):
        with pytest.raises(NotFoundError, match=r"还没有批准。.*qa adjust"):
            ask("C1")
    assert [kept.standing for kept in store.history("C1")] == [False]
    made = store.adjust("C1", "李四", "迟到的录音")
    assert made.before is None
    assert _shown(store) == (50.0, strict.stamp) and len(store.search("话费")) == 2


@pytest.mark.parametrize(("before", "after"), [("2025-04-30", "2025-05-01"), ("2025-05-31", "2025-06-01")])
def test_no_corrected_time_moves_a_call_into_or_out_of_a_closed_month(store: Store, strict: RuleBook, before: str, after: str) -> None:
    save(store, strict, call("C1", f"{before}T10:00:00.000"))
    store.ledger.close_month("2025-05", "张三")
    assert save(store, strict, call("C1", f"{after}T10:00:00.000")).proposed
    assert (store.calls()[0].started or "")[:10] == before


def test_an_open_month_goes_on_as_ever(store: Store, strict: RuleBook, mild: RuleBook) -> None:
    store.ledger.close_month("2025-05", "张三")
    assert not save(store, strict, call("C1", "2025-06-01T00:00:00.000")).proposed
    assert not save(store, mild, call("C1", "2025-06-01T00:00:00.000")).proposed
    assert not save(store, strict, call("C2", None)).proposed
    assert _shown(store) == (100.0, mild.stamp)


@pytest.mark.parametrize("seed", range(8))
def test_what_stands_is_what_came_last_whatever_came_before(store: Store, seed: int) -> None:
    """Standing scorecards, proposals and adjustments in any order, against the plainest account of them."""
    chance = random.Random(seed)
    of = stored_calls.call()
    expected: int | None = None
    ids: list[int] = []
    for number in range(12):
        event = chance.choice(("standing", "proposal", "adjustment"))
        if event == "adjustment" and any(one != expected for one in ids):
            chosen = chance.choice([one for one in ids if one != expected])
            expected = store.adjust("C1", "张三", "x", chosen).after
        elif event != "adjustment":
            card = stored_calls.scorecard(of, "C1", float(number))
            store.record(of, card) if not ids else None
            with store._db.writing():
                snapshot = store._db.rows("select snapshot from scorecards limit 1")[0]["snapshot"]
                ids.append(store._cards.append(filed(replace(card, percent=50.5 + number), ()), snapshot, event == "proposal").id)
            first = store._db.rows("select min(id) as id from scorecards")[0]["id"]
            ids = [first, *ids] if first not in ids else ids
            expected = ids[-1] if event == "standing" else expected or first
    found = store._db.rows("select id from current_scorecards")
    assert [row["id"] for row in found] == ([expected] if expected else [])


def test_a_database_of_before_the_ledger_keeps_its_scorecards(tmp_path: Path) -> None:
    with Store(tmp_path / "new.db") as store:
        of = stored_calls.call()
        for percent in (50.0, 75.0):
            store.save_call(of, stored_calls.scorecard(of, percent=percent))
        rows = stored_calls.older_rows(store, "recordings", "blobs", "calls", "scorecards")
    old = sqlite_utils.Database(tmp_path / "old.db")
    migrations.apply(old, stop_before="m006_ledger")
    for table, found in rows.items():
        columns = old.table(table).columns_dict
        old.table(table).insert_all([{name: value for name, value in row.items() if name in columns} for row in found])
    assert "standing" not in old.table("scorecards").columns_dict
    old.close()
    with Store(tmp_path / "old.db") as store:
        assert store.scorecard("C1").percent == 75.0 and store.call("C1") == of
        assert [(kept.scorecard.percent, kept.standing) for kept in store.history("C1")] == [(50.0, True), (75.0, True)]
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            store._db.sqlite.execute("update scorecards set standing = 0")


def test_the_record_of_the_snapshot_is_what_counts_as_the_same(store: Store, strict: RuleBook) -> None:
    """A corrected hang-up changes no point here, but it is another record and a person decides."""
    of = call("C1")
    save(store, strict, of)
    store.ledger.close_month("2025-05", "张三")
    assert isinstance(of.record, CallRecord)
    assert save(store, strict, replace(of, record=replace(of.record, hangup_by=None))).proposed
