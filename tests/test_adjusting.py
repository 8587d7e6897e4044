"""Corrections of a closed month approved: what takes long is read before the write lock, and nothing stands that was not seen."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from rude_houses import FINE, WARNS, put, rude_call, rude_house

from qa import explain, read_ahead
from qa.appraisal import closing
from qa.books import Books
from qa.errors import ConflictError
from qa.ledger_closing import close_month
from qa.read_ahead import Ahead
from qa.review import verdicts
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """June is closed: four calls of 8001, one of 8002; it is proposed that 8001's first call broke nothing."""
    made = Store(tmp_path / "qa.db")
    book = rude_house(tmp_path / "house", WARNS + FINE)
    for n in range(4):
        put(made, book, rude_call(f"A{n}", f"06-{10 + n}"))
    put(made, book, rude_call("B0", "06-10", agent="8002"))
    close_month(made, "2025-06", "财务")
    propose(made, "A0", Outcome.PASS)
    return made


def propose(store: Store, call_id: str, outcome: Outcome) -> None:
    verdicts.overturn(store, call_id, "rude", outcome, Terms("质检", "听错", closed_month=True))


def month(store: Store, agent_id: str) -> explain.MonthSum:
    return explain.month(store, agent_id, 2025, 6, Books(store), store.marks())


def test_months_are_read_before_others_have_to_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, bool]] = []
    plain = Ahead._read

    def noted(self: Ahead, call_id: str) -> Any:
        read.append((call_id, store.db.sqlite.conn.in_transaction))
        return plain(self, call_id)

    monkeypatch.setattr(Ahead, "_read", noted)
    decide = closing.adjusting(store, "2025-06", ["A0"], "人事", "听过")
    with sqlite3.connect(store.path, timeout=0.1) as other:  # nobody waits while that is done
        other.execute("begin immediate")
        other.execute("rollback")
    assert sorted(read) == [(f"A{n}", False) for n in range(4)]
    read.clear()
    assert decide() == 1
    assert {call_id for call_id, _ in read} <= {"A0"}
    assert next((row.call_id, row.percent) for row in store.calls("8001")) == ("A0", 100)


def test_what_was_read_ahead_is_what_stands(store: Store) -> None:
    """Whatever is decided in between: the sums are those of somebody who read nothing before."""
    ahead = Ahead(store)
    with read_ahead.using(ahead):
        before = month(store, "8001")
    assert before == month(store, "8001")
    closing.adjust(store, "2025-06", ["A0"], "人事", "听过")
    propose(store, "A2", Outcome.PASS)
    with read_ahead.using(ahead):
        after = month(store, "8001")
    assert after == month(store, "8001") and after != before


def test_another_proposal_than_the_one_seen_is_not_approved(store: Store) -> None:
    decide = closing.adjusting(store, "2025-06", ["A0"], "人事", "听过")
    propose(store, "A0", Outcome.NOT_APPLICABLE)
    with pytest.raises(ConflictError, match="又变了"):
        decide()
    assert store.pending("A0") is not None and store.adjustments("A0") == ()


def test_an_agents_closed_month_costs_no_look_at_other_agents(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    plain = store.stored_call

    def noted(call_id: str, *more: int) -> object:
        looked.append(call_id)
        return plain(call_id, *more)

    monkeypatch.setattr(store, "stored_call", noted)

    def every(*_period: object) -> object:
        raise AssertionError("all calls of the house were asked for")

    monkeypatch.setattr(store, "stored_calls", every)
    assert month(store, "8001").proposed == () and looked == ["A0"]
    assert [row.call_id for row in explain.waiting(store, "2025-06")] == ["A0"]
    looked.clear()
    assert month(store, "8002").proposed == () and looked == []
