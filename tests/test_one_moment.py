"""What is taken away is of one moment: table and arithmetic agree, and nothing is taken where figures are still to be counted."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from stored_houses import call, house, save
from web_house import House, call_id

from qa.appraisal import figures, month_table, workbook
from qa.review import verdicts
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome

MONTH, DAY = "2025-05", date(2025, 7, 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "qa.db")
    save(made, house(tmp_path / "house", worth="deduction = 5\nfine = { amount = 50 }"), call("A", rings=5))
    verdicts.confirm(made, "A", "pickup", Terms("甲"))
    figures.ensure(made, budget_s=None)
    return made


def overturn(path: Path) -> None:
    """As another program does it."""
    with Store(path) as other:
        verdicts.overturn(other, "A", "pickup", Outcome.PASS, Terms("乙", "听错了"))


def test_the_workbook_says_one_thing_whatever_is_written_meanwhile(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = month_table.arithmetic

    def later(*arguments: Any) -> Any:
        overturn(store.path)
        return real(*arguments)

    monkeypatch.setattr(month_table, "arithmetic", later)
    data, table = workbook.made(store, MONTH, None, DAY)
    book = openpyxl.load_workbook(io.BytesIO(data))
    head, line = book["绩效表"].values
    row = dict(zip(head, line, strict=True))
    how = [str(cells[-1]) for cells in book["算法"].values]
    assert (row["平均分"], row["罚款（元，最高）"]) == (95, 50)
    assert any("(95) ÷ 1 = 95.00" in text for text in how) and any("50.00 元" in text for text in how)
    monkeypatch.undo()
    assert workbook.made(store, MONTH, None, DAY) == (b"", month_table.table(store, MONTH, None, DAY, budget_s=-1.0))  # to be counted
    figures.ensure(store, budget_s=None)
    assert workbook.made(store, MONTH, None, DAY)[1].rows[0].of.percent.value == 100 and table.rows[0].of.percent.value == 95


def test_nothing_is_taken_away_that_changed_since_it_was_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look whether all is counted and the table itself others may write."""
    real = figures.ensure

    def counted(store: Store, *arguments: Any, budget_s: float | None = 0.2, **more: Any) -> int:
        left = real(store, *arguments, budget_s=budget_s, **more)
        if budget_s is not None and budget_s > 1:
            with Store(house.store.path) as other, other.db.writing():
                other.db.sqlite.execute("update calls set agent_name = ? where call_id = ?", (str(left), call_id("8001", 0)))
        return left

    monkeypatch.setattr(figures, "ensure", counted)
    browser = house.client("hr")
    for kind in ("xlsx", "csv", "print"):
        answer = browser.get(f"/appraisal/{kind}?month=2025-06")
        assert answer.status_code == 503 and "还有 1 位坐席的数字正在重算" in answer.text, kind
