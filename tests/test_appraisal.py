"""The month's figures: kept up with whatever changes, the same as counted directly; money only as confirmed; places; files; closing."""

from __future__ import annotations

import csv
import io
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from stored_houses import call, house, save

from qa import explain, ledger_closing
from qa.appraisal import closing, figures, files, month_table
from qa.appraisal.month_table import ALIKE, APART, FEW, UNLIKE
from qa.books import Books
from qa.errors import StoreError
from qa.intervals import mean_percent
from qa.review import appeals, publications, reviews, verdicts
from qa.review.verdicts import Terms
from qa.rules.money import Yuan
from qa.scorecards import overview
from qa.store import Store
from qa.types import Outcome

MONTH = "2025-05"
BY = Terms("李质检", "听错了")


def at(day: int, month: int = 5) -> str:
    return f"2025-{month:02d}-{day:02d}T10:00:00.000"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two agents, six calls each; 8001 breaks the pickup rule twice, 8002 never."""
    made, book = Store(tmp_path / "qa.db"), house(tmp_path / "house", worth="deduction = 5")
    for agent in ("8001", "8002"):
        for n in range(6):
            save(made, book, call(f"{agent}-{n}", at(10 + n), agent, rings=5 if agent == "8001" and n < 2 else 2))
    return made


@pytest.fixture
def fined(tmp_path: Path) -> Store:
    """The same of one agent, with a fine that grows within the quarter: one breach in April, two in May."""
    made = Store(tmp_path / "fined.db")
    fine = 'deduction = 5\nfine = { escalation = [50, 100, 200], period = "quarter" }'
    book = house(tmp_path / "fined", worth=fine)
    save(made, book, call("A", at(20, 4), rings=5))
    for n in range(6):
        save(made, book, call(f"M{n}", at(10 + n), rings=5 if n < 2 else 2))
    return made


def one(store: Store, agent: str = "8001", month: str = MONTH) -> figures.AgentMonth:
    figures.ensure(store, [month], budget_s=None)
    return figures.of_agent(store, agent, [month])[0]


def rows(store: Store, month: str = MONTH, team: str | None = None) -> dict[str, month_table.Row]:
    return {row.of.agent_id: row for row in month_table.table(store, month, team, budget_s=None).rows}


# ---------------------------------------------------------------- kept up


def direct(store: Store, agent: str) -> Any:
    """As counted from all calls of the store."""
    calls = [c for c in store.calls(agent) if (c.started or "").startswith(MONTH)]
    percents = [c.percent for c in calls if c.percent is not None]
    counts = {
        check.check_id: [
            sum(x.check_id == check.check_id and x.outcome is o for c in calls for x in c.checks) for o in (Outcome.PASS, Outcome.FAIL)
        ]
        for c in calls
        for check in c.checks
    }
    return len(calls), mean_percent(percents), counts


def kept(store: Store, agent: str) -> Any:
    found = one(store, agent)
    return found.calls, found.percent, {check.check_id: [check.passed, check.failed] for check in found.checks}


def test_figures_are_those_of_all_calls(store: Store) -> None:
    for agent in ("8001", "8002"):
        calls, percent, counts = kept(store, agent)
        expected = direct(store, agent)
        assert (calls, counts) == (expected[0], expected[2])
        assert [percent.value, percent.low, percent.high] == pytest.approx([expected[1].value, expected[1].low, expected[1].high])


def changed(store: Store, tmp_path: Path, what: str) -> None:
    book = house(tmp_path / "house", worth="deduction = 5")
    if what == "call":
        save(store, book, call("8001-9", at(20), "8001", rings=5))
    elif what == "verdict":
        verdicts.overturn(store, "8001-0", "pickup", Outcome.PASS, BY)
    elif what == "withdrawal":
        row = {"call_id": "8001-0", "sha256": "x", "made_by": "me", "reason": "r", "created": "2025", "counts": 0, "proposed": 0}
        with store.db.writing():
            store.db.insert("withdrawals", row)
    elif what == "agent":
        with store.db.writing():
            store.db.sqlite.execute("update calls set agent_id = '8002' where call_id = '8001-0'")
    elif what == "plain sqlite3":
        with sqlite3.connect(store.path) as conn:
            conn.execute("update calls set started = '2025-06-01T10:00:00.000' where call_id = '8001-0'")


@pytest.mark.parametrize("what", ["call", "verdict", "withdrawal", "agent", "plain sqlite3"])
def test_whatever_changes_is_counted_anew(store: Store, tmp_path: Path, what: str) -> None:
    before = kept(store, "8001")
    changed(store, tmp_path, what)
    assert figures.waiting(store, [MONTH], agent_id="8001") == [("8001", MONTH)]
    assert kept(store, "8001") != before
    for agent in ("8001", "8002"):
        assert kept(store, agent)[0] == direct(store, agent)[0] and kept(store, agent)[2] == direct(store, agent)[2]


def test_an_agent_whose_last_call_goes_has_no_month(store: Store, tmp_path: Path) -> None:
    one(store)
    with store.db.writing():
        store.db.sqlite.execute("update calls set agent_id = '8002' where agent_id = '8001'")
    figures.ensure(store, budget_s=None)
    assert figures.of_agent(store, "8001", [MONTH]) == () and one(store, "8002").calls == 12


def test_published_figures_follow_the_publication(store: Store) -> None:
    figures.ensure(store, budget_s=None)
    assert figures.of_agent(store, "8001", [MONTH], published=True) == () and one(store).unpublished == 6
    publications.publish(store, ["8001-0", "8001-5"], "王质检")
    assert one(store).unpublished == 4 and figures.of_agent(store, "8001", [MONTH], published=True)[0].calls == 2
    publications.retract(store, ["8001-0"], "王质检", "发错了")
    figures.ensure(store, budget_s=None)
    assert figures.of_agent(store, "8001", [MONTH], published=True)[0].calls == 1


def test_a_page_that_has_no_time_left_says_how_much_is_to_do(store: Store) -> None:
    assert figures.ensure(store, [MONTH], budget_s=-1.0) == 2 and figures.of_month(store, MONTH) == ()
    assert month_table.table(store, MONTH, budget_s=-1.0).behind == 2
    assert figures.ensure(store, [MONTH], budget_s=60.0) == 0 and len(figures.of_month(store, MONTH)) == 2


def test_what_is_counted_for_a_team_is_that_teams(store: Store) -> None:
    with store.db.writing():
        store.db.sqlite.execute("update calls set team = case agent_id when '8001' then '甲' else '乙' end")
    assert figures.ensure(store, [MONTH], team="甲", budget_s=None) == 0
    assert [o.agent_id for o in figures.of_month(store, MONTH, "甲")] == ["8001"] and figures.of_month(store, MONTH, "乙") == ()
    assert set(rows(store, team="乙")) == {"8002"}


# ---------------------------------------------------------------- places


def test_rows_say_why_there_is_no_place(store: Store, tmp_path: Path) -> None:
    assert {row.state for row in rows(store).values()} == {ALIKE}
    save(store, house(tmp_path / "house", worth="deduction = 5"), call("few", at(20), "8009", rings=2))
    assert rows(store)["8009"].state == FEW and rows(store)["8009"].places is None
    assert not overview(store.calls()).separated
    other = house(tmp_path / "other", worth="deduction = 7", version='"2"')
    save(store, other, call("8001-9", at(21), "8001", rings=2))
    assert rows(store)["8001"].state == rows(store)["8002"].state == UNLIKE


def test_agents_that_differ_are_ranked(tmp_path: Path) -> None:
    made, book = Store(tmp_path / "qa.db"), house(tmp_path / "house", worth="deduction = 30")
    for agent in ("8001", "8002"):
        for n in range(8):
            save(made, book, call(f"{agent}-{n}", at(10 + n), agent, rings=5 if agent == "8001" else 2))
    found = rows(made)
    assert found["8002"].places == (1, 1) and found["8001"].places == (2, 2) and found["8001"].state == APART
    assert [row.of.agent_id for row in month_table.table(made, MONTH, budget_s=None).rows] == ["8002", "8001"]


# ---------------------------------------------------------------- money


def test_no_money_before_a_person_has_confirmed(fined: Store) -> None:
    row = rows(fined)["8001"]
    assert (row.pending, row.due, row.money()) == (2, None, None)
    how = month_table.arithmetic(fined, "8001", MONTH)
    assert len(how.waits) == 2 and how.fines == ()
    assert not any("50" in text or "100" in text for text in how.sums)


def confirm_all(store: Store) -> None:
    for call_id in ("A", "M0"):
        verdicts.confirm(store, call_id, "pickup", Terms("李质检"))
    reviews.finish(store, "M1", "李质检")


def test_confirmed_money_is_that_of_explain(fined: Store) -> None:
    confirm_all(fined)
    row, expected = rows(fined)["8001"], explain.month(fined, "8001", 2025, 5, Books(fined))
    assert row.pending == 0 and row.due == expected.fines.totals
    assert row.money() == Yuan(Decimal("300.00"), Decimal("300.00"))  # the second and third of the quarter
    how = month_table.arithmetic(fined, "8001", MONTH)
    assert [cells[5] for cells in how.fines] == ["100.00", "200.00"] and "300.00 元" in how.sums[-1]
    assert str(expected.mean) in how.score


def test_what_is_not_confirmed_makes_nothing_else_dearer(fined: Store) -> None:
    verdicts.confirm(fined, "M1", "pickup", Terms("李质检"))
    how = month_table.arithmetic(fined, "8001", MONTH)
    assert [cells[5] for cells in how.fines] == ["50.00"] and len(how.waits) == 1  # neither April's nor M0's counts before it
    assert rows(fined)["8001"].due is None
    verdicts.confirm(fined, "A", "pickup", Terms("李质检"))  # of another month: this one's money is counted again
    assert [cells[5] for cells in month_table.arithmetic(fined, "8001", MONTH).fines] == ["100.00"]
    verdicts.overturn(fined, "M0", "pickup", Outcome.PASS, BY)
    assert rows(fined)["8001"].money() == Yuan(Decimal("100.00"), Decimal("100.00"))


def test_a_rule_book_that_is_gone_leaves_the_money_open(fined: Store) -> None:
    with fined.db.writing():
        fined.db.sqlite.execute("drop trigger rule_books_no_update")
        fined.db.sqlite.execute("update rule_books set archive_json = null")
    again = Store(fined.path)
    row = rows(again)["8001"]
    assert row.of.fines.unknown == 6 and row.due is None and "规则书不全" in str(files.cells(MONTH, row))


# ---------------------------------------------------------------- files

EVIL = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "＝1")


@pytest.fixture
def hostile(tmp_path: Path) -> Store:
    made, book = Store(tmp_path / "evil.db"), house(tmp_path / "evil", worth="deduction = 5")
    for n, text in enumerate(EVIL):
        of = call(f"{text}-{n}", at(10 + n), f"{text}{n}", rings=5)
        assert of.record is not None
        save(made, book, replace(of, record=replace(of.record, agent_name=text, team=text)))
    return made


def sheets_of(store: Store) -> tuple[files.Filed, ...]:
    table = month_table.table(store, MONTH, budget_s=None)
    return files.to_sheets(table, [(row, month_table.arithmetic(store, row.of.agent_id, MONTH)) for row in table.rows])


def test_no_cell_of_the_workbook_is_a_formula(hostile: Store) -> None:
    book = openpyxl.load_workbook(io.BytesIO(files.xlsx_bytes(sheets_of(hostile))))
    names = {row[2].value for row in book["绩效表"].iter_rows(min_row=2)}
    assert {text.strip("\r\t") for text in EVIL} <= {str(name).strip("\r\t") for name in names}
    risky = 0
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f" and cell.hyperlink is None, cell
                if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@", "\t", "\r")):
                    risky += 1
                    assert cell.quotePrefix  # also after somebody edits it
    assert risky >= 3 * 7


def test_wrapped_text_has_rows_as_high_as_it_needs() -> None:
    """Some office programs take the height as it stands in the file: without one they showed the first line alone."""
    long = "本月平均 = (85 + 65 + 45) ÷ 3 = 65.00（有总分的 3 通，共 3 通）；95% 区间 15.3–100.0（学生 t 分布）"
    rows = ((long, 1), ("短", 2), ("一\n二\n三", 3), ("长" * 20_000, 4))
    sheet = openpyxl.load_workbook(io.BytesIO(files.xlsx_bytes((files.Filed("x", ("说明", "数"), rows),))))["x"]
    heights = [sheet.row_dimensions[index].height for index in range(2, 6)]
    assert heights[0] == 2 * 15 or heights[0] == 3 * 15
    assert heights[1] in (None, 15) and heights[2] == 45 and 400 < heights[3] <= 409


def test_no_field_of_the_csv_is_a_formula(hostile: Store) -> None:
    data = files.csv_bytes(month_table.table(hostile, MONTH, budget_s=None))
    assert data.startswith(b"\xef\xbb\xbf") and b"\r\n" in data
    found = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert tuple(found[0]) == files.HEADERS and len(found) == 1 + len(EVIL)
    sheet = openpyxl.Workbook().active
    for row in found:
        sheet.append([text.lstrip("\t\r") for text in row])
        assert not any(text.startswith(("=", "+", "@", "\t", "\r", "\n")) for text in row)
    for row in sheet.iter_rows():
        assert all(cell.data_type != "f" for cell in row)


def test_the_table_in_the_files_is_the_table(fined: Store) -> None:
    confirm_all(fined)
    table = month_table.table(fined, MONTH, budget_s=None)
    book = openpyxl.load_workbook(io.BytesIO(files.xlsx_bytes(sheets_of(fined))))
    head, line = [tuple(cell.value for cell in row) for row in book["绩效表"].iter_rows()]
    told = dict(zip(head, line, strict=True))
    row = table.rows[0]
    assert told["工号"] == "8001" and told["通话数"] == 6 and told["罚款（元，最低）"] == 300
    assert told["平均分"] == pytest.approx(row.of.percent.value) and told["95% 区间下限"] == pytest.approx(row.of.percent.low)
    how = [str(cell.value) for cells in book["算法"].iter_rows() for cell in cells if cell.value]
    assert any("本月平均 = " in text for text in how) and any("按 50、100、200" in text for text in how)
    assert any("95%" in str(cells[0].value) for cells in book["说明"].iter_rows())


def test_what_waits_stands_in_the_files_without_money(fined: Store) -> None:
    told = dict(zip(files.HEADERS, files.cells(MONTH, rows(fined)["8001"]), strict=True))
    assert (
        told["罚款（元，最低）"] is None
        and told["罚款（元，最高）"] is None
        and told["待确认（处）"] == 2
        and "待确认" in str(told["罚款说明"])
    )


# ---------------------------------------------------------------- signing and closing


def closed(store: Store, **other: Any) -> Any:
    return closing.close(store, MONTH, **{"by": "人事小张", "note": "", "confirmed": MONTH, "accepted": True, **other})


def test_a_month_is_not_closed_over_fines_that_nobody_confirmed(fined: Store) -> None:
    ledger_closing.close_month(fined, "2025-04", "人事小张")
    with pytest.raises(StoreError, match="有 2 处罚款还没有人确认"):
        closed(fined)
    assert not fined.ledger.is_closed(MONTH)
    for call_id in ("M0", "M1"):
        verdicts.confirm(fined, call_id, "pickup", Terms("李质检"))
    with pytest.raises(StoreError, match="有影响它的违规还没有人确认）：8001"):
        closed(fined)  # April was closed in another way: its breach makes May's dearer, and nobody has confirmed it
    assert not fined.ledger.is_closed(MONTH)
    reviews.finish(fined, "A", "李质检")
    made = closed(fined, note="五月")
    assert (made.month, made.by, made.note) == (MONTH, "人事小张", "五月")
    row = rows(fined)["8001"]
    assert row.due == fined.ledger.sheets("8001", MONTH)[-1].totals == (("agent", Yuan(Decimal("300.00"), Decimal("300.00"))),)
    assert any("本月已关账（人事小张" in text for text in month_table.arithmetic(fined, "8001", MONTH).kept)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"confirmed": "2025-06"}, "没有确认"), ({"by": " "}, "由谁签字"), ({"accepted": False}, "没有公布"), ({"note": "x" * 501}, "太长")],
)
def test_closing_wants_to_be_meant(store: Store, change: dict[str, Any], says: str) -> None:
    with pytest.raises(StoreError, match=says):
        closed(store, **change)
    assert not store.ledger.is_closed(MONTH)


def test_a_signature_is_of_figures_and_says_when_they_change(store: Store) -> None:
    table = month_table.table(store, MONTH, budget_s=None)
    team = table.rows[0].of.team
    shown = closing.digest(table, team)
    closing.sign(store, MONTH, team, "王班长", "核对过", shown)
    assert [(one.by, one.holds) for one in closing.signoffs(store, MONTH, table)] == [("王班长", True)]
    verdicts.overturn(store, "8001-0", "pickup", Outcome.PASS, BY)
    table = month_table.table(store, MONTH, budget_s=None)
    assert [one.holds for one in closing.signoffs(store, MONTH, table)] == [False]
    with pytest.raises(StoreError, match="数字刚刚有变"):
        closing.sign(store, MONTH, team, "王班长", "", shown)
    for change in ("update month_signoffs set made_by = 'x'", "delete from month_signoffs"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            store.db.sqlite.execute(change)
        store.db.sqlite.conn.rollback()


def test_later_changes_are_adjustments(store: Store) -> None:
    closed(store)
    before = rows(store)["8001"].of.percent.value
    given = verdicts.overturn(store, "8001-0", "pickup", Outcome.PASS, replace(BY, closed_month=True))
    assert given.saved.proposed and rows(store)["8001"].of.percent.value == before
    (waiting,) = closing.proposals(store, MONTH)
    assert (waiting.call_id, waiting.before, waiting.after) == ("8001-0", given.before, given.after)
    with pytest.raises(StoreError, match="没有待批准"):
        closing.adjust(store, MONTH, ["8001-1"], "人事小张", "申诉成立")
    with pytest.raises(StoreError, match="没有写调整的理由"):
        closing.adjust(store, MONTH, ["8001-0"], "人事小张", " ")
    assert closing.adjust(store, MONTH, ["8001-0"], "人事小张", "申诉成立") == 1
    assert closing.proposals(store, MONTH) == () and rows(store)["8001"].of.percent.value != before
    (made,) = closing.changes(store, MONTH)
    assert (made.call, made.before, made.after, made.by, made.reason) == ("8001-0", given.before, given.after, "人事小张", "申诉成立")
    assert any("关账后的更正" in text for text in month_table.arithmetic(store, "8001", MONTH).kept)


def test_appeals_are_counted_in_the_month_of_their_call(store: Store) -> None:
    publications.publish(store, ["8001-0", "8001-1"], "王质检")
    for call_id in ("8001-0", "8001-1"):
        appeals.file(store, call_id, "pickup", "8001", "文字与录音不符", "三声", "李敏")
    appeals.answer(store, 1, "lead", "support", "是", "王班长")
    appeals.accept(store, 1, "qa", "是三声", Terms("李质检"), appeals.Decision(Outcome.PASS))
    assert rows(store)["8001"].appeals == month_table.Appeals(open=1, accepted=1)
    assert rows(store)["8002"].appeals == month_table.Appeals()
