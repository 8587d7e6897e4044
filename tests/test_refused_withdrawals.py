# ruff: noqa: F811
"""What is proposed in a closed month may be refused, be it that a call counts no more: with a reason, for good, and HR is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Run
from corrected_days import Days, days, put, row
from test_closed_corrections import MAY, closed, plain  # noqa: F401
from test_one_decision import CORRECTIONS, RIGHT, SWAPPED, WRONG, counted, decisions, fined, scored, store, table, told  # noqa: F401
from web_house import House, house, house_made  # noqa: F401

from qa import ledger_closing
from qa.appraisal import closing
from qa.errors import StoreError
from qa.ledger_closing import close_month, decide
from qa.people import audit
from qa.review import reviews
from qa.rules.book import RuleBook
from qa.store import Store

__all__ = ["days"]


def waits(store: Store) -> int:
    """What is listed for a decision, of whatever closed month."""
    months = store.ledger.closed_months()
    listed = sum(len(closing.proposals(store, one.month)) for one in months)
    assert (listed == 0) == (closing.waiting(store) == ())
    return listed


@pytest.mark.parametrize(("was", "now", "shut"), CORRECTIONS)
@pytest.mark.parametrize("asked", ["C5", "C7"])
def test_a_corrected_id_that_is_refused_leaves_all_as_it_was_and_is_not_proposed_again(
    store: Store, fined: RuleBook, was: str, now: str, shut: str, asked: str
) -> None:
    scored(store, fined, told("a", "C5", was))
    for month in ("2025-05", "2025-06") if shut == "both" else (shut,):
        close_month(store, month, "主管")
    scored(store, fined, told("a", "C7", now))
    sheets = len(store.ledger.sheets("8001", f"2025-{was[:2]}"))
    withdrawn, _ = ledger_closing.refuse(store, [asked], "主管", "编号没有错")
    left = {one.call_id: one for one in withdrawn}
    assert set(left) == {"C5", "C7"} and left["C5"].counts and not left["C7"].counts
    assert str(left["C5"]).startswith("仍计入：编号没有错；不批准：") and str(left["C5"]).endswith("（主管 决定）")
    assert str(left["C7"]).startswith("仍不计入任何统计：编号没有错；不批准：")
    assert counted(store) == ["C5"] and waits(store) == 0 and len(store.ledger.sheets("8001", f"2025-{was[:2]}")) == sheets
    before = decisions(store)
    for _ in range(2):  # the records still say so
        scored(store, fined, told("a", "C7", now))
        assert counted(store) == ["C5"] and waits(store) == 0 and decisions(store) == before
    for one in "C5", "C7":
        with pytest.raises(StoreError, match=r"没有待批准|没有可维持"):
            ledger_closing.refuse(store, [one], "主管", "再来")
    month = "2025-05" if shut == "2025-06" else "2025-06"
    if shut != "both":
        reviews.finish(store, "C5", "质检")
        close_month(store, month, "主管")  # nothing of it waits


def test_what_was_decided_before_the_closing_is_no_adjustment_after_it(store: Store, fined: RuleBook) -> None:
    scored(store, fined, told("a", "C5", "05-01"))
    scored(store, fined, told("b", "C6", "05-02"))
    store.withdrawals.by_person(["C5"], False, "主管", "测试")
    close_month(store, "2025-05", "主管")
    assert closing.changes(store, "2025-05") == ()
    store.withdrawals.by_person(["C6"], False, "主管", "测试")
    ledger_closing.refuse(store, ["C6"], "主管", "不是测试")
    assert [one.call for one in closing.changes(store, "2025-05")] == ["C6"]


@pytest.mark.parametrize("wrong", [WRONG, SWAPPED])
def test_swapped_rows_are_refused_together(store: Store, fined: RuleBook, wrong: dict[str, str]) -> None:
    for recording in "ab":
        scored(store, fined, told(recording, wrong[recording], "05-01"), table(wrong))
    close_month(store, "2025-05", "主管")
    for recording in "ab":
        scored(store, fined, told(recording, RIGHT[recording], "05-01"), table(RIGHT))
    before = {row.call_id: Path(row.file).stem for row in store.calls()}
    ledger_closing.refuse(store, ["C2"], "主管", "没有写反")
    assert {row.call_id: Path(row.file).stem for row in store.calls()} == before and waits(store) == 0
    for recording in "ab":
        scored(store, fined, told(recording, RIGHT[recording], "05-01"), table(RIGHT))
    assert counted(store) == sorted(before) and waits(store) == 0


def test_what_other_records_say_later_is_proposed(store: Store, fined: RuleBook) -> None:
    scored(store, fined, told("a", "C5", "05-01"))
    close_month(store, "2025-05", "主管")
    scored(store, fined, told("a", "C7", "05-01"))
    ledger_closing.refuse(store, ["C7"], "主管", "不对")
    scored(store, fined, told("a", "C8", "05-01"))
    assert counted(store) == ["C5"] and waits(store) == 2
    decide(store, ["C8"], "主管", "是它")
    assert counted(store) == ["C8"] and waits(store) == 0


def test_half_of_a_decision_is_still_not_refused_by_a_scorecard(days: Days) -> None:
    for name in "ab":
        put(days.here / "d" / f"{name}.wav", name.encode())
    days.run([row("a.wav", "C1"), row("b.wav", "C2", "8002")])
    days.close()
    days.run([row("a.wav", "C2", "8002"), row("b.wav", "C1")])
    _, made = ledger_closing.refuse(days.store, ["C1"], "李四", "不对")
    assert {one.call_id for one in made} == {"C1", "C2"} and all(one.before == one.after for one in made)
    days.run([row("a.wav", "C2", "8002"), row("b.wav", "C1")])
    assert days.counted() == {"C1": "a", "C2": "b"} and waits(days.store) == 0


def test_a_person_may_propose_it_again(house: House, closed: House) -> None:
    closed.store.withdrawals.by_person(["8001-2"], False, "质检主管", "重复的录音")
    closing.refuse(closed.store, MAY, ["8001-2"], "人事小张", "不重复")
    assert waits(closed.store) == 0
    closed.store.withdrawals.by_person(["8001-2"], False, "质检主管", "重复的录音")
    assert waits(closed.store) == 1


def test_neither_without_a_reason_nor_where_nothing_waits(closed: House) -> None:
    closed.store.withdrawals.by_person(["8001-2"], False, "质检主管", "重复的录音")
    for by, why in (("", "不重复"), ("人事小张", " ")):
        with pytest.raises(StoreError, match="没有写"):
            ledger_closing.refuse(closed.store, ["8001-2"], by, why)
    with pytest.raises(StoreError, match="没有待批准的评分或撤回"):
        ledger_closing.refuse(closed.store, ["8001-2", "8001-1"], "人事小张", "不重复")
    assert waits(closed.store) == 1


# ---------------------------------------------------------------- where it is done


def test_hr_refuses_a_withdrawal_on_the_page_and_reads_it_there(closed: House) -> None:
    browser, at = closed.client("hr"), f"/months?month={MAY}"
    assert closing.changes(closed.store, MAY) == ()
    closed.store.withdrawals.by_person(["8001-2"], False, "质检主管", "重复的录音")
    form = {"month": MAY, "call": "8001-2", "action": "refuse"}
    assert browser.post("/months/adjust", form | {"reason": ""}).status_code == 400
    done = browser.post("/months/adjust", form | {"reason": "两通不是同一录音"})
    assert done.status_code == 303
    page = plain(browser.get(done.headers["location"]).text)
    assert "已驳回 1 份更正，评分和计不计入都照旧" in page and "没有待批准的更正" in page
    assert "人事小张 仍计入：两通不是同一录音；不批准：重复的录音（人事小张 决定）" in page.split("关账后的调整")[-1]
    assert closed.store.withdrawals.standing("8001-2") is None and "待批准" not in plain(browser.get("/").text)
    newest = audit.entries(closed.store.db, kind="call", object_id="8001-2", limit=1)[0]
    assert (newest.by, newest.action, dict(newest.details)["refused"]) == ("hr", "month.adjust", "True")
    assert browser.post("/months/adjust", form | {"reason": "再来"}).status_code == 400
    closed.store.withdrawals.by_person(["8001-1"], False, "质检主管", "测试通话")
    browser.post("/months/adjust", form | {"call": "8001-1", "reason": "是测试", "action": "approve"})
    assert "已撤回，不计入任何统计：是测试；测试通话（人事小张 决定）" in plain(browser.get(at).text)


def test_the_command_refuses_and_logs_each_call(qa: Run, store: Store, fined: RuleBook) -> None:
    scored(store, fined, told("a", "C5", "05-01"))
    close_month(store, "2025-05", "主管")
    scored(store, fined, told("a", "C7", "05-01"))
    by = ("--by", "主管", "--reason", "编号没有错", "--db", "t.db")
    for wrong in (("C7", "--refuse", "--scorecard", "1"), ("--month", "2025-05", "--refuse")):
        refused = qa("adjust", *wrong, *by)
        assert refused.code == 2 and "--refuse 只用于一通电话" in refused.err
    done = qa("adjust", "C7", "--refuse", *by)
    assert done.code == 0 and "一并驳回：C5" in done.out and "C5 仍计入：编号没有错；不批准：" in done.out
    assert counted(store) == ["C5"] and waits(store) == 0
    logged = [(one.object_id, dict(one.details)["refused"]) for one in audit.entries(store.db, kind="call") if one.action == "month.adjust"]
    assert sorted(logged) == [("C5", "True"), ("C7", "True")]
    again = qa("adjust", "C7", "--refuse", *by)
    assert again.code == 2 and "没有待批准的评分或撤回" in again.err


def test_the_command_refuses_a_scorecard(qa: Run, store: Store, fined: RuleBook, tmp_path: Path) -> None:
    scored(store, fined, told("a", "C5", "05-01"))
    close_month(store, "2025-05", "主管")
    moved = told("a", "C5", "05-01", agent="8002")
    scored(store, fined, moved)
    assert waits(store) == 1
    done = qa("adjust", "C5", "--refuse", "--by", "主管", "--reason", "坐席没有错", "--db", "t.db", "--json").json
    assert done["adjustment"]["before"] == done["adjustment"]["after"] and waits(store) == 0
    scored(store, fined, moved)
    assert waits(store) == 0
