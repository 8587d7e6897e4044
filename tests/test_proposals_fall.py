"""What is proposed and found no more waits for nobody; what a person refused is not proposed again; one transaction within another."""

from __future__ import annotations

from pathlib import Path

import pytest
from corrected_days import Days, days, put, row
from rude_houses import FINE, rude_call, rude_house
from rude_houses import put as put_call

from qa import ledger_closing
from qa.cli_withdraw import _decide, _of_calls
from qa.decode import file_sha256
from qa.errors import StoreError
from qa.ledger_closing import close_month, decide, decide_month
from qa.rescore import rescore
from qa.store import Store

__all__ = ["days"]


@pytest.fixture
def closed(tmp_path: Path) -> Store:
    """A call of a closed month, with another result proposed."""
    store = Store(tmp_path / "r.db")
    put_call(store, rude_house(tmp_path / "v1", "deduction = 5"), rude_call("A", "06-05"))
    close_month(store, "2025-06", "张三")
    assert rescore(store, rude_house(tmp_path / "v2", "deduction = 9", version='"2"')).proposed == 1
    return store


def test_a_proposal_that_is_found_no_more_falls_and_may_come_again(closed: Store, tmp_path: Path) -> None:
    stands = closed.scorecard("A").percent
    assert rescore(closed, rude_house(tmp_path / "v3", "deduction = 5", version='"3"')).proposed == 0
    assert closed.pending("A") is None and [month.proposals for month in closed.ledger.closed_months()] == [0]
    with pytest.raises(StoreError, match="没有待批准的评分"):
        decide_month(closed, "2025-06", "李四", "月末一并批准")
    with pytest.raises(StoreError, match="没有待批准的评分"):
        closed.adjust("A", "李四", "批准")
    assert closed.scorecard("A").percent == stands
    again = rude_house(tmp_path / "v4", "deduction = 9", version='"4"')
    assert rescore(closed, again).proposed == 1 and rescore(closed, again).proposed == 1
    assert [month.proposals for month in closed.ledger.closed_months()] == [1] and len(closed.history("A")) == 3


def test_a_person_refuses_a_proposal_by_what_stands(closed: Store, tmp_path: Path) -> None:
    first = closed.history("A")[0].id
    made = closed.adjust("A", "李四", "新规则不适用", first)
    assert (made.before, made.after) == (first, first) and closed.pending("A") is None
    assert rescore(closed, rude_house(tmp_path / "v5", "deduction = 9", version='"2"')).proposed == 0
    assert [month.proposals for month in closed.ledger.closed_months()] == [0]


def test_half_of_a_decision_cannot_be_refused(days: Days) -> None:
    for name in "ab":
        put(days.here / "d" / f"{name}.wav", name.encode())
    days.run([row("a.wav", "C1"), row("b.wav", "C2", "8002")])
    days.close()
    days.run([row("a.wav", "C2", "8002"), row("b.wav", "C1")])
    with pytest.raises(StoreError, match="C1: 它的评分与 C2 是一个决定"):
        decide(days.store, ["C1"], "李四", "不对", days.store.history("C1")[0].id)
    assert days.counted() == {"C1": "a", "C2": "b"} and days.store.adjustments("C1") == ()


def test_a_withdrawal_while_a_month_is_being_closed_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, real = Store(tmp_path / "r.db"), ledger_closing._sheets
    put_call(store, rude_house(tmp_path / "v1", FINE), rude_call("A", "06-05"))

    def slow(*of: object) -> list[object]:
        found = list(real(*of))  # type: ignore[arg-type]
        with Store(tmp_path / "r.db") as other:
            other.withdrawals.by_person(["A"], False, "乙", "导错")
        return found

    monkeypatch.setattr(ledger_closing, "_sheets", slow)
    with pytest.raises(StoreError, match="关账时有别的程序写入"):
        close_month(store, "2025-06", "王")
    assert store.ledger.closed_months() == ()


# ---------------------------------------------------------------- qa records withdraw --scorecards


def test_a_person_frees_the_id_of_a_recording_that_is_not_the_calls(days: Days) -> None:
    wrong = put(days.here / "d" / "a.wav", b"a")
    days.run([row("a.wav", "C1")])
    wrong.unlink()
    put(days.here / "d" / "b.wav", b"b")
    (found,) = days.run([row("b.wav", "C1")])
    assert found.error is not None and "qa records withdraw C1 --scorecards" in found.error.cure
    done = _decide(days.store, _of_calls(days.store, ["C1"], False, True), "王", "录错了", False, True)
    assert [one.call_id for one in done.moved] == ["C1"] and days.counted() == {}
    days.run([row("b.wav", "C1")])
    assert days.counted() == {"C1": "b"}


def test_nothing_is_put_back_that_the_records_took_or_that_counts_elsewhere(days: Days) -> None:
    put(days.here / "d" / "a.wav", b"a")
    days.run([row("a.wav", "C1")])
    days.run([row("a.wav", "C2", "8002")])
    back = _decide(days.store, _of_calls(days.store, ["C1"], True, True), "王", "还是它", True, True)
    assert back.moved == () and [one for one, _ in back.left] == ["C1"] and days.counted() == {"C2": "a"}
    days.store.withdrawals.by_person(["C2"], False, "王", "不是")
    days.store.withdrawals.by_person(["C1"], True, "王", "是它")
    back = _decide(days.store, _of_calls(days.store, ["C2"], True, True), "王", "也是", True, True)
    assert "现在计为通话 C1" in dict(back.left)["C2"] and days.counted() == {"C1": "a"}


# ---------------------------------------------------------------- quarantine


def test_a_recording_in_quarantine_claims_no_call_until_its_file_is_another(days: Days) -> None:
    bad = put(days.here / "x" / "0001.wav", b"broken")
    put(days.here / "2025-05-01" / "0001.wav", b"good")
    days.store.batches.quarantine(file_sha256(bad), bad, StoreError("x", "坏", "换"))
    days.run([row("0001.wav", "C1")], "2025-05-01", "x")
    assert days.counted()["C1"] == "good"
    put(bad, b"mended")
    assert not days.store.batches.unusable()(bad)


def test_a_transaction_within_another_is_kept_with_it_or_undone_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "t.db") as store:
        row_ = {"started": "2025", "state": "running"}
        with store.db.writing():
            store.db.insert("batch_runs", row_)
            with pytest.raises(ZeroDivisionError), store.db.writing():
                store.db.insert("batch_runs", row_)
                raise ZeroDivisionError
            with store.db.writing():
                store.db.insert("batch_runs", row_)
        with pytest.raises(ZeroDivisionError), store.db.writing():
            with store.db.writing():
                store.db.insert("batch_runs", row_)
            raise ZeroDivisionError
        assert len(store.db.rows("select id from batch_runs")) == 2
