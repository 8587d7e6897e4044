"""What a command brings about in other calls is kept with the decision or not at all: no crash in between leaves figures that are off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commands import Run
from rude_houses import WARNS, put, rude_call, rude_house

from qa.errors import StoreError
from qa.ledger_closing import close_month
from qa.review import publications, recounting, reviews
from qa.store import Store

KEPT = ("role_marks", "scorecards", "adjustments", "withdrawals", "publications", "audit_log", "closed_sheets")
SET = ("roles", "set", "A", "ch0=customer", "ch1=agent", "--by", "张三", "--reason", "声道接反了")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A and B of one agent's month: A took the first warning, so that B cost points."""
    made = Store(tmp_path / "qa.db")
    book = rude_house(tmp_path / "house", WARNS)
    for call_id, day in (("A", "06-05"), ("B", "06-10")):
        put(made, book, rude_call(call_id, day))
    assert [row.percent for row in made.calls()] == [100, 90]
    return made


def kept(store: Store) -> list[list[dict[str, Any]]]:
    return [store.db.rows(f"select * from {table}") for table in KEPT]


def broken(*_args: object) -> object:
    raise StoreError("qa.db", "断电", "")


def test_roles_that_are_set_move_the_first_warning_in_the_same_breath(store: Store, qa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    publications.publish(store, ["B"], "质检")
    before = kept(store)
    with monkeypatch.context() as patched:
        patched.setattr(recounting, "recount", broken)
        assert qa(*SET).code == 2
    assert kept(store) == before
    done = qa(*SET)
    assert done.code == 0 and "另有 1 通的得分因此改变" in done.out, done.err
    assert {row.call_id: row.percent for row in store.calls()}["B"] == 100
    shown = publications.shown(store, "B")
    assert shown is not None and shown[1].percent == 100  # what was published of it follows


def test_an_adjustment_moves_the_first_warning_in_the_same_breath(store: Store, qa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for call_id in ("A", "B"):
        reviews.finish(store, call_id, "质检")
    close_month(store, "2025-06", "财务")
    assert qa(*SET, "--closed-month").code == 0
    before = kept(store)
    adjusted = ("adjust", "A", "--by", "王五", "--reason", "声道接反了")
    with monkeypatch.context() as patched:
        patched.setattr(recounting, "recount", broken)
        assert qa(*adjusted).code == 2
    assert kept(store) == before
    assert qa(*adjusted).code == 0 and store.pending("A") is None and store.pending("B") is not None
