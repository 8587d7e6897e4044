"""How a rule's points are written beside its outcome, as those who answer for the score write them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from books import ADVISORY, FAIL, PASS, book, points, result, rule
from report_samples import call, scorecard, write_wav

from qa.report_view import view
from qa.rules.explain_text import points_text
from qa.rules.model import Points
from qa.rules.points import worth
from qa.types import Outcome


@pytest.mark.parametrize(
    ("worth_of", "outcome", "found", "text"),
    [
        (points(weight=10), PASS, 1, "得 10 分（满分 10 分）"),
        (points(weight=10), FAIL, 1, "得 0 分（满分 10 分）"),
        (points(deduction=2), PASS, 1, "不扣分"),
        (points(deduction=2, per="occurrence"), FAIL, 3, "扣 6 分"),
        (points(deduction="0.5"), FAIL, 1, "扣 0.5 分"),
        (points(bonus=5, per="occurrence"), PASS, 2, "加 10 分"),
        (points(bonus=5), FAIL, 1, "不加分"),
    ],
)
def test_a_call_says_what_a_rule_earned_cost_or_added(worth_of: Points, outcome: Outcome, found: int, text: str, tmp_path: Path) -> None:
    mode = "percent" if worth_of.weight is not None else "deduction"
    of = book(rule("a", worth_of), mode=mode)
    counted = worth(of.rules[0], mode, outcome, found)
    assert points_text(counted.counts, counted.worth, counted.kept) == text
    (shown,) = _shown(tmp_path, result(of.rules[0], outcome, found), counted, of)
    assert shown == text


def test_without_the_rule_book_a_sum_below_nothing_is_still_a_deduction(tmp_path: Path) -> None:
    of = book(rule("a", points(deduction=2, per="occurrence")), mode="deduction")
    counted = worth(of.rules[0], "deduction", FAIL, 3)
    assert _shown(tmp_path, result(of.rules[0], FAIL, 3), counted, None) == ("扣 6 分",)


def test_what_is_not_counted_says_so(tmp_path: Path) -> None:
    of = book(rule("a", points(weight=2), severity=ADVISORY))
    counted = worth(of.rules[0], "percent", PASS, 1)
    assert points_text(counted.counts, counted.worth, counted.kept) == "不计"
    for known in (of, None):
        assert _shown(tmp_path, result(of.rules[0], PASS), counted, known) == ("不计分",)
    assert points_text("deduction", Decimal(2), None) == "不计"


def _shown(folder: Path, made: Any, counted: Any, of: Any) -> tuple[str, ...]:
    """The points of a call whose only result is ``made``, as the report and the terminal show them."""
    write_wav(folder / "C.wav")
    one = call(folder / "C.wav", "C")
    kept = replace(made, weight=float(counted.worth), points=float(counted.kept))
    return tuple(check.points for check in view(one, replace(scorecard(one, 100.0), results=(kept,)), of).checks)
