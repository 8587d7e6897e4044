"""What is kept of a closed month: its money and repetitions change only by a recorded correction, and adjustments by order of time."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from rude_houses import FINE, WARNS, put, rude_call, rude_house

from qa import explain, ledger_closing
from qa.books import Books
from qa.errors import StoreError
from qa.explain import MonthSum
from qa.ledger_cards import fined_alike
from qa.ledger_closing import close_month
from qa.rescore import judge, rescore
from qa.review import reviews
from qa.store import Store

QUARTER = 'fine = { escalation = [20, 50, 100], then = "double", period = "quarter" }'


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def _month(store: Store, month: int, agent: str = "8001") -> MonthSum:
    return explain.month(store, agent, 2025, month, Books(store), store.marks())


def _due(store: Store, month: int, agent: str = "8001") -> float:
    return float(_month(store, month, agent).fines.total().low)


# ---------------------------------------------------------------- a quarter


@pytest.fixture
def quarter(store: Store, tmp_path: Path) -> Store:
    """Two breaches in April, one in June, counted over the quarter; both months are closed."""
    book = rude_house(tmp_path / "v1", QUARTER)
    put(store, book, rude_call("A", "04-10", times=2))
    put(store, book, rude_call("B", "06-05"))
    return store


def test_a_month_waits_for_the_earlier_ones_of_its_period(quarter: Store) -> None:
    with pytest.raises(StoreError, match=r"2025-06: 规则书 house 的罚款按季度累进，同一季度的 2025-04 还没有关账.*qa months close 2025-04"):
        close_month(quarter, "2025-06", "张三")
    assert quarter.ledger.closed_months() == ()
    close_month(quarter, "2025-04", "张三")
    close_month(quarter, "2025-06", "张三")
    close_month(quarter, "2025-07", "张三")


def test_what_is_corrected_in_an_earlier_month_leaves_a_closed_one_alone_and_counts_for_open_ones(quarter: Store, tmp_path: Path) -> None:
    close_month(quarter, "2025-04", "张三")
    close_month(quarter, "2025-06", "张三")
    assert (_due(quarter, 4), _due(quarter, 6)) == (70, 100)
    new = rude_house(tmp_path / "v2", QUARTER, words='"别的话"', version='"2"', effective_until="2025-05-31")
    put(quarter, new, rude_call("A", "04-10", times=2))
    assert (_due(quarter, 4), _due(quarter, 6)) == (70, 100)  # only proposed
    quarter.adjust("A", "李四", "听错了")
    assert (_due(quarter, 4), _due(quarter, 6)) == (0, 100)
    first, now = quarter.ledger.sheets("8001", "2025-04")
    assert (first.why, float(first.totals[0][1].low), now.why, now.by) == ("关账", 70, "调整 A：听错了", "李四")
    assert float(now.totals[0][1].low) == 0
    april, june = _month(quarter, 4).notes, _month(quarter, 6).notes
    assert april[1].startswith("关账后的更正（李四，") and april[1].endswith("调整 A：听错了）：本人 70.00 元 → 本人 0.00 元")
    assert june[0].endswith("以关账时记下的为准：本人 100.00 元")
    assert june[1] == "2025-04 的违规次数在本月关账后更正过；本月仍按关账时的次数累进"


def test_an_open_month_goes_on_from_what_closed_ones_kept(store: Store, tmp_path: Path) -> None:
    book = rude_house(tmp_path / "v1", QUARTER)
    put(store, book, rude_call("A", "04-10"))
    put(store, book, rude_call("B", "05-10"))
    close_month(store, "2025-04", "张三")
    assert (_due(store, 4), _due(store, 5)) == (20, 50)
    put(store, rude_house(tmp_path / "v2", QUARTER, words='"别的话"', version='"2"', effective_until="2025-04-30"), rude_call("A", "04-10"))
    assert _due(store, 5) == 50
    store.adjust("A", "李四", "听错了")
    assert _due(store, 5) == 20


def test_a_late_recording_of_somebody_new_is_charged_once_it_is_adjusted(quarter: Store, tmp_path: Path) -> None:
    close_month(quarter, "2025-04", "张三")
    assert put(quarter, rude_house(tmp_path / "v1", QUARTER), rude_call("N", "04-20", agent="8002")).proposed
    assert quarter.ledger.sheets("8002", "2025-04") == ()
    quarter.adjust("N", "李四", "录音补传")
    (sheet,) = quarter.ledger.sheets("8002", "2025-04")
    assert float(sheet.totals[0][1].low) == 20 and _due(quarter, 4) == 70


def test_a_mark_in_a_closed_month_is_kept_as_a_correction(store: Store, tmp_path: Path) -> None:
    put(store, rude_house(tmp_path / "v1", "fine = { amount = 50, grave = [2, 5] }"), rude_call("A", "04-10"))
    close_month(store, "2025-04", "张三")
    store.mark_grave("A", "rude", "李四", "当众辱骂", closed_month=True)
    kept = store.ledger.sheets("8001", "2025-04")
    assert [(float(one.totals[0][1].low), float(one.totals[0][1].high)) for one in kept] == [(50, 50), (100, 250)]
    assert kept[1].why == "认定 A 的规则 rude 情节严重：当众辱骂"


def test_sheets_cannot_be_changed_by_any_program(quarter: Store) -> None:
    close_month(quarter, "2025-04", "张三")
    for statement in ("update closed_sheets set month = ''", "delete from closed_sheets"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            quarter.db.sqlite.execute(statement)


def test_a_month_that_cannot_be_worked_out_is_not_closed(store: Store, tmp_path: Path) -> None:
    of = rude_call("A", "04-10")
    store.record(of, judge(of, rude_house(tmp_path / "never", FINE), store.earlier()))  # its rule book was never registered
    with pytest.raises(StoreError, match=r"坐席 8001 的罚款和次数算不出来.*qa rescore --profile"):
        close_month(store, "2025-04", "张三")


def test_the_command_shows_what_was_kept(qa: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        put(store, rude_house(tmp_path / "house", FINE), rude_call("A", "04-10"))
    refused = qa("months", "close", "2025-04", "--by", "张三")
    assert refused.code == 2 and "有 1 处罚款还没有人确认" in refused.err
    with Store(tmp_path / "qa.db") as store:
        reviews.finish(store, "A", "质检")
    assert qa("months", "close", "2025-04", "--by", "张三").code == 0
    found = qa("explain", "8001", "2025-04", "--json").json
    assert [(one["by"], one["why"], one["totals"]["agent"]["low"]) for one in found["kept"]] == [("张三", "关账", "50.00")]
    assert found["calls"][0]["rules"][0]["found"] == ["第 11.2 秒说了“滚蛋”"]
    for arguments in (("A",), ("8001", "2025-04")):
        assert "查到：第 11.2 秒说了“滚蛋”" in qa("explain", *arguments).out


# ---------------------------------------------------------------- several proposals


@pytest.fixture
def several(store: Store, tmp_path: Path) -> Store:
    """滚蛋, 笨蛋, 笨蛋 in June, the first a warning; when the month is closed the first word is none any more: two calls are proposed."""
    book = rude_house(tmp_path / "v1", WARNS, words='"滚蛋", "笨蛋"')
    for call_id, day, word in (("A", "06-05", "滚蛋"), ("B", "06-10", "笨蛋"), ("C", "06-12", "笨蛋")):
        put(store, book, rude_call(call_id, day, word=word))
    close_month(store, "2025-06", "张三")
    found = rescore(store, rude_house(tmp_path / "v2", WARNS, words='"笨蛋"', version='"2"'))
    assert [(move.call_id, move.before, move.after) for move in found.moved] == [("A", 100.0, 100.0), ("B", 90.0, 100.0)]
    return store


def _percents(store: Store) -> dict[str, Any]:
    return {row.call_id: row.percent for row in store.calls()}


def test_a_proposal_that_rests_on_another_one_waits_for_it(several: Store) -> None:
    told = r"B 的评分 5: .*会得 90，而这份评分是 100。请按通话时间先调整 A，或一次调整全月：qa adjust --month 2025-06"
    with pytest.raises(StoreError, match=told):
        several.adjust("B", "李四", "新规则")
    assert _percents(several) == {"A": 100, "B": 90, "C": 90} and several.adjustments("B") == ()
    several.adjust("A", "李四", "新规则")
    several.adjust("B", "李四", "新规则")
    assert _percents(several) == {"A": 100, "B": 100, "C": 90}
    assert [one.stale for one in _month(several, 6).calls] == [False] * 3


def test_a_closed_months_mean_is_that_of_its_scorecards_while_corrections_are_under_way(several: Store) -> None:
    several.adjust("A", "李四", "新规则")
    sheet = _month(several, 6)
    assert [one.stale for one in sheet.calls] == [False, True, False]
    assert float(sheet.mean or 0) == 93.33  # 100, 90, 90: B has not been adjusted


def test_a_month_is_adjusted_at_once_in_order_of_time(qa: Run, several: Store) -> None:
    assert "应写一通电话，或用 --month" in qa("adjust", "--by", "李四", "--reason", "x").err
    made = qa("adjust", "--month", "2025-06", "--by", "李四", "--reason", "新规则", "--json").json
    assert [(one["adjustment"]["call_id"], one["percent_after"]) for one in made] == [("A", 100), ("B", 100)]
    assert "没有待批准的评分" in qa("adjust", "--month", "2025-06", "--by", "李四", "--reason", "x").err
    assert [one.why for one in several.ledger.sheets("8001", "2025-06")] == ["关账", "调整 A：新规则", "调整 B：新规则"]


def test_what_cannot_be_adjusted_whole_is_not_adjusted_at_all(several: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_closing, "corrected", lambda *_: (_ for _ in ()).throw(StoreError("x", "y", "")))
    with pytest.raises(StoreError):
        several.adjust_month("2025-06", "李四", "新规则")
    assert several.adjustments("A") == ()


# ---------------------------------------------------------------- what is proposed at all


@pytest.mark.parametrize(
    ("worth", "words"),
    [("fine = { amount = 80 }", '"滚蛋", "笨蛋"'), (FINE, '"笨蛋"'), (FINE + "\nwarn_first = 1", '"滚蛋", "笨蛋"')],
    ids=["costs more", "broken less often", "warned first"],
)
def test_what_a_call_costs_is_proposed_where_its_verdicts_are_the_same(store: Store, tmp_path: Path, worth: str, words: str) -> None:
    put(store, rude_house(tmp_path / "v1", FINE, words='"滚蛋", "笨蛋"'), rude_call("A", "06-05", then="笨蛋"))
    assert store.scorecard("A").results[0].occurrences == 2
    close_month(store, "2025-06", "张三")
    found = rescore(store, rude_house(tmp_path / "v2", worth, words=words, version='"2"'))
    assert (found.proposed, [move.proposed for move in found.moved]) == (1, [True])


def test_nothing_is_proposed_where_no_figure_moves(store: Store, tmp_path: Path) -> None:
    """The rule that was kept weighs more, an advisory one is added: the percent is 100 as before."""
    put(store, rude_house(tmp_path / "v1", "weight = 10"), rude_call("A", "06-05", times=0))
    close_month(store, "2025-06", "张三")
    extra = 'weight = 30\n[checks.hint]\nkind = "phrase"\ntitle = "提示"\nclause = "提示。"\nseverity = "advisory"\nrequire = ["祝您愉快"]'
    found = rescore(store, rude_house(tmp_path / "v2", extra, version='"2"'))
    assert (found.proposed, found.changed, found.unchanged, found.moved, len(store.history("A"))) == (0, 0, 1, (), 1)


def test_a_proposal_is_made_once_whatever_it_is_filed_under(store: Store, tmp_path: Path) -> None:
    """As an older program left it: what judged is not known, so that its row is not equal to any new one."""
    put(store, rude_house(tmp_path / "v1", WARNS), rude_call("A", "06-05", times=2))
    close_month(store, "2025-06", "张三")
    new = rude_house(tmp_path / "v2", WARNS.replace("10", "20"), version='"2"')
    assert rescore(store, new).proposed == 1
    db = store.db.sqlite
    for table in ("scorecards", "judged_rules"):
        db.execute(f"drop trigger {table}_no_update")
    db.execute("update judged_rules set fingerprint = ''")
    db.execute("update scorecards set digest = 'old ' || id")
    db.commit()
    with Store(store.path) as again:
        assert rescore(again, new).proposed == 1 and len(again.history("A")) == 2


def test_money_of_a_version_that_nobody_has_is_not_taken_for_the_same(store: Store, tmp_path: Path) -> None:
    fined, free = rude_house(tmp_path / "a", FINE), rude_house(tmp_path / "b", "deduction = 5")
    put(store, fined, rude_call("A", "06-05"))
    (result,) = next(store.stored_calls()).results
    assert [fined_alike(None, book, [result]) for book in (fined, free, None)] == [False, True, True]
    assert fined_alike(fined, fined, [result]) and not fined_alike(fined, rude_house(tmp_path / "c", FINE.replace("50", "80")), [result])
    assert not fined_alike(fined, rude_house(tmp_path / "d", FINE, house_id="other"), [result])
