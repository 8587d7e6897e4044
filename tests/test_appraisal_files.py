"""The arithmetic in the workbook: amounts that a program can sum, the seconds of each fine, and pages that can be read on paper."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from rude_houses import put, rude_call, rude_house

from qa.appraisal import month_table, workbook
from qa.review import reviews
from qa.rules.explain_text import evidence_text
from qa.store import Store

MAY = "2025-05"
LOW, HIGH = "金额（元，最低）", "金额（元，最高）"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three breaches in two calls of 8001, 50 to 500 yuan each, and one of 8002."""
    made = Store(tmp_path / "qa.db")
    book = rude_house(tmp_path / "house", 'deduction = 5\nper = "occurrence"\nfine = { low = 50, high = 500 }')
    for call_id, day, times, agent in (("A", "05-10", 2, "8001"), ("B", "05-11", 1, "8001"), ("C", "05-12", 1, "8002")):
        put(made, book, rude_call(call_id, day, times, agent=agent))
        reviews.finish(made, call_id, "质检")
    return made


def book(store: Store) -> Any:
    month_table.table(store, MAY, budget_s=None)
    return openpyxl.load_workbook(io.BytesIO(workbook.made(store, MAY, None, None)[0]))


def lines(store: Store) -> list[dict[str, Any]]:
    header, *rows = book(store)["算法"].iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_amounts_of_fines_are_numbers_that_add_up(store: Store) -> None:
    fines = [line for line in lines(store) if line["项目"] == "罚款"]
    assert [(line["工号"], line["通话"], line[LOW], line[HIGH]) for line in fines] == [
        ("8001", "A", 50, 500),
        ("8001", "A", 50, 500),
        ("8001", "B", 50, 500),
        ("8002", "C", 50, 500),
    ]
    assert all(isinstance(line[name], int | float) for line in fines for name in (LOW, HIGH))
    rows = {row.of.agent_id: row for row in month_table.table(store, MAY, budget_s=None).rows}
    for column, end in ((LOW, "low"), (HIGH, "high")):
        every = sum(line[column] or 0 for line in lines(store))  # as SUM does: no other line has a number there
        assert every == sum(float(getattr(row.money(), end)) for row in rows.values())


def test_each_fine_tells_its_own_seconds(store: Store) -> None:
    found = {line["证据"] for line in lines(store) if line["项目"] == "罚款" and line["通话"] == "A"}
    (result,) = (one for one in store.scorecard("A").results if one.check_id == "rude")
    assert len(result.findings) == 2 and found == {evidence_text([finding]) for finding in result.findings} and "" not in found


def test_sheets_are_made_for_paper(store: Store) -> None:
    made = book(store)
    for name, pages in (("绩效表", 2), ("算法", 1), ("说明", 1)):
        setup = made[name].page_setup
        assert setup.orientation == "landscape" and int(setup.paperSize) == 9, name
        assert (int(setup.fitToWidth or 1), int(setup.fitToHeight)) == (pages, 0), name  # by default one
        assert made[name].print_title_rows == "$1:$1", name
    assert made["绩效表"].print_title_cols == "$A:$C"
    widths = [made["绩效表"].column_dimensions[letter].width for letter in "ABC"]
    assert all(width and width > 4 for width in widths)
