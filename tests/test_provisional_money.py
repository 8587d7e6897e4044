"""What is confirmed of a month while more of it waits is no sum: a breach that is confirmed later changes the count of those behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from commands import Run
from stored_houses import call, house, save

from qa.appraisal import files, month_table
from qa.review import reviews
from qa.rules.explain_text import month_sums
from qa.rules.money import Month
from qa.store import Store
from qa.web.language import speaking, translated

FINE = 'deduction = 5\nfine = { escalation = [50, 100, 200], period = "quarter" }'
WARNED = "deduction = 5\nfine = { amount = 50 }\nwarn_first = 1"
SO_FAR = "2025 年 5 月已确认部分（非合计）：本人 50.00 元（四舍五入到分）"
NONE_YET = "2025 年 5 月：暂无已确认的罚款"


def filled(path: Path, worth: str = FINE, earlier: bool = False) -> Path:
    """Two breaches in May of agent 8001, M1 and M2; ``earlier``: one in April, too, of the same quarter."""
    with Store(path / "qa.db") as made:
        book = house(path / "house", worth=worth)
        for name, day in (*([("A", "04-20")] if earlier else []), ("M1", "05-10"), ("M2", "05-11")):
            save(made, book, call(name, f"2025-{day}T10:00:00.000", rings=5))
    return path / "qa.db"


def confirm(db: Path, *calls: str) -> None:
    with Store(db) as store:
        for name in calls:
            reviews.finish(store, name, "李质检")


def arithmetic(db: Path) -> month_table.Arithmetic:
    with Store(db) as store:
        return month_table.arithmetic(store, "8001", "2025-05")


def sheet_rows(db: Path) -> list[tuple[str, str]]:
    """What a line of the sheet 算法 is called, and what it says."""
    with Store(db) as store:
        (row,) = month_table.table(store, "2025-05", budget_s=None).rows
        how = month_table.arithmetic(store, "8001", "2025-05")
        return [(str(cells[2]), str(cells[-1])) for cells in files.how_rows(row, how)]


def test_the_second_breach_alone_confirmed_is_no_sum_yet(qa: Run, tmp_path: Path) -> None:
    db = filled(tmp_path)
    confirm(db, "M2")
    told, found = qa("explain", "8001", "2025-05").out, qa("explain", "8001", "2025-05", "--json").json
    assert SO_FAR in told and "合计：" not in told and "第 1 次" in told
    assert found["fines_waiting"] and found["fine_sums"] is None and found["fine_sums_so_far"][-1] == SO_FAR
    assert arithmetic(db).sums[-1] == SO_FAR
    assert ("已确认的罚款", SO_FAR) in sheet_rows(db) and not any(name == "罚款合计" for name, _ in sheet_rows(db))
    confirm(db, "M1")  # now the confirmed one is the second
    told, found = qa("explain", "8001", "2025-05").out, qa("explain", "8001", "2025-05", "--json").json
    whole = "2025 年 5 月合计：本人 150.00 元（四舍五入到分）"
    assert whole in told and "非合计" not in told
    assert not found["fines_waiting"] and found["fine_sums"][-1] == whole and found["fine_sums_so_far"] is None
    assert arithmetic(db).sums[-1] == whole and ("罚款合计", whole) in sheet_rows(db)


def test_where_nothing_is_confirmed_it_does_not_say_that_there_is_no_fine(qa: Run, tmp_path: Path) -> None:
    db = filled(tmp_path)
    told, found = qa("explain", "8001", "2025-05").out, qa("explain", "8001", "2025-05", "--json").json
    assert NONE_YET in told and "没有罚款" not in told
    assert (found["fine_sums"], found["fine_sums_so_far"]) == (None, [NONE_YET]) and arithmetic(db).sums == (NONE_YET,)
    assert "2025 年 6 月：没有罚款" in qa("explain", "8001", "2025-06").out  # a month in which nothing waits


def test_a_first_warning_that_is_confirmed_is_not_the_whole_month(qa: Run, tmp_path: Path) -> None:
    db = filled(tmp_path, WARNED)
    confirm(db, "M1")
    told = qa("explain", "8001", "2025-05").out
    assert "三声铃响内接听：已确认的只有警告，不罚款" in told and "接听：只有警告" not in told
    assert "2025 年 5 月已确认部分（非合计）：本人 0.00 元" in told


def test_what_waits_in_an_earlier_month_bears_on_the_sum_too(qa: Run, tmp_path: Path) -> None:
    db = filled(tmp_path, earlier=True)
    confirm(db, "M1", "M2")
    told = qa("explain", "8001", "2025-05").out
    assert month_table.BEFORE_IT in told and "已确认部分（非合计）：本人 150.00 元" in told and "月合计" not in told
    assert [text for text in arithmetic(db).sums if "月合计" in text] == [] and arithmetic(db).sums[-1] == month_table.BEFORE_IT
    assert not any(name == "罚款合计" for name, _ in sheet_rows(db))


@pytest.mark.parametrize("text", [SO_FAR, NONE_YET, "不说粗话：已确认的只有警告，不罚款", f"{SO_FAR[:-1]}。范围内的金额由人工决定）"])
def test_it_is_said_in_english_too(text: str) -> None:
    with speaking("en"):
        said = translated(text)
    assert said != text and "确认" not in said and "合计" not in said


def test_the_month_itself_knows() -> None:
    empty = Month(2025, 5, (), ())
    assert month_sums(empty) == ("2025 年 5 月：没有罚款",)
    assert month_sums(replace(empty, provisional=True)) == (NONE_YET,)
