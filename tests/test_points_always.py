"""What must hold for the points of every book, and how the arithmetic is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from books import ADVISORY, FAIL, NA, OPEN, PASS, book, points, result, rule, section
from hypothesis import given, settings
from hypothesis import strategies as st
from point_sums import SECTIONS, Row, deducting, total, weighed

from qa.rules.book import RuleBook
from qa.rules.explain_text import CALL_HEADERS, call_rows, call_sums
from qa.rules.points import Tally, tally
from qa.types import Outcome

# ---------------------------------------------------------------- what holds for every book

WORTHS = st.one_of(
    st.none(),
    st.builds(lambda w, v: points(weight=w, veto=v), st.integers(1, 30), st.sampled_from([None, None, "section", "call"])),
    st.builds(lambda d, n: points(deduction=d, per="occurrence", warn_first=n), st.integers(1, 60), st.integers(0, 2)),
    st.builds(lambda b: points(bonus=b), st.integers(1, 50)),
)
BOOKS = st.lists(
    st.tuples(WORTHS, st.sampled_from(list(Outcome)), st.integers(1, 4), st.sampled_from(["x", "y", None]), st.booleans()), max_size=7
)


def _any_book(rows: list[Any], mode: str, weight: int | None) -> tuple[RuleBook, list[Any]]:
    rules = [
        rule(f"r{i}", worth, section=where, **({"severity": ADVISORY} if advisory else {}))
        for i, (worth, _, _, where, advisory) in enumerate(rows)
    ]
    of = book(*rules, mode=mode, sections=(section("x", weight), section("y")), min_coverage="0.3")
    return of, [result(r, row[1], row[2]) for r, row in zip(rules, rows, strict=True)]


@settings(max_examples=400, derandomize=True, deadline=None)
@given(BOOKS, st.sampled_from(["percent", "deduction", "none"]), st.sampled_from([None, 60]), st.randoms(use_true_random=False))
def test_every_total_lies_within_its_limits_and_the_order_of_rules_is_nothing(rows: list[Any], mode: str, weight: Any, random: Any) -> None:
    of, results = _any_book(rows, mode, weight)
    found = tally(results, of)
    assert found.percent is None or 0 <= found.percent <= 100
    assert 0 <= found.coverage <= 1
    assert (found.percent is None) == bool(found.unscored)
    random.shuffle(results)
    again = tally(results, of)
    assert (again.percent, again.coverage, sorted(again.vetoed)) == (found.percent, found.coverage, sorted(found.vetoed))
    assert len(call_rows(found)) == len(results) and all(len(cells) == len(CALL_HEADERS) for cells in call_rows(found))
    assert call_sums(found)[-1].startswith("总分")


@settings(max_examples=300, derandomize=True, deadline=None)
@given(BOOKS, st.sampled_from(["percent", "deduction"]), st.data())
def test_one_breach_more_never_raises_the_total(rows: list[Any], mode: str, data: st.DataObject) -> None:
    of, results = _any_book(rows, mode, None)
    chosen = [i for i, r in enumerate(results) if r.outcome is PASS]
    if not chosen:
        return
    at = data.draw(st.sampled_from(chosen))
    worse = [*results[:at], result(of.rules[at], FAIL, 4), *results[at + 1 :]]
    before, after = tally(results, of).percent, tally(worse, of).percent
    assert (before is None) == (after is None) or "nothing" in (tally(results, of).unscored, tally(worse, of).unscored)
    assert before is None or after is None or after <= before


# ---------------------------------------------------------------- the arithmetic shown


def test_the_sum_of_a_call_is_shown_so_that_it_can_be_done_again() -> None:
    rows: Sequence[Row] = (
        (weighed("a", 20, section="service"), PASS),
        (weighed("b", 10, section="service"), FAIL),
        (weighed("c", 5, section="voice"), PASS),
        (weighed("d", 15, section="voice"), OPEN),
        (weighed("e", 3, section="voice"), NA),
        (rule("f", points(bonus=2)), PASS),
    )
    found = total(*rows, sections=SECTIONS)
    assert [cells[:1] + cells[3:6] for cells in call_rows(found)] == [
        ("部分service", "通过", "0:01.0–0:01.1", "得 20 分（满分 20 分）"),
        ("部分service", "不通过", "0:01.0–0:01.1", "得 0 分（满分 10 分）"),
        ("部分voice", "通过", "0:01.0–0:01.1", "得 5 分（满分 5 分）"),
        ("部分voice", "无法判定", "0:01.0–0:01.1", "不计"),
        ("部分voice", "不适用", "0:01.0–0:01.1", "不计"),
        ("", "通过", "0:01.0–0:01.1", "加 2 分"),
    ]
    assert call_sums(found) == (
        "部分service：得 20，满分 20 + 10 = 30，在总分中的权重 60",
        "部分voice：得 5，满分 5，在总分中的权重 40",
        "覆盖率：(60 × 30 ÷ 30 + 40 × 5 ÷ 20) ÷ (60 + 40)，即 70%；规则书要求不低于 60%",
        "加分：2 分",
        "总分 = 100 × (60 × 20 ÷ 30 + 40 × 5 ÷ 5) ÷ (60 + 40) + 2 = 82.00（四舍五入到 2 位小数）",
    )


def test_deductions_are_shown_occurrence_by_occurrence() -> None:
    noise = deducting("noise", 2, per="occurrence", warn_first=1, most=6)
    found = total((noise, FAIL, 6), (deducting("chat", "0.5"), FAIL, 2), mode="deduction")
    (first, second) = call_rows(found)
    assert first[4].split("、")[0] == "0:01.0–0:01.1" and len(first[4].split("、")) == 6
    assert first[5:] == ("扣 6 分", "6 次中先警告 1 次，不扣分；每次扣 2 分 × 5 次 = 10 分，最多扣 6 分")
    assert second[5:] == ("扣 0.5 分", "每次扣 0.5 分 × 1 次 = 0.5 分")
    assert call_sums(found)[0] == "各条：扣 6 + 0.5 = 6.5 分"
    assert call_sums(found)[-1] == "总分 = 100 × (100 − 6.5) ÷ 100 = 93.50（四舍五入到 2 位小数）"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            total((deducting("a", 110), FAIL), mode="deduction"),
            "总分 = 100 × (100 − 110) ÷ 100 = 0.00（四舍五入到 2 位小数，低于 0 按 0 计）",
        ),
        (
            total((weighed("a", 5), PASS), (rule("p", points(bonus=3)), PASS)),
            "总分 = 100 × 5 ÷ 5 + 3 = 100.00（四舍五入到 2 位小数，超过 100 按 100 计）",
        ),
        (total((weighed("a", 5), PASS), (rule("v", points(veto="call")), FAIL)), "总分 = 0.00"),
        (total((weighed("a", 5), OPEN)), "总分：覆盖率不足，不给总分（不是 0 分）"),
        (total((weighed("a", 5), NA)), "总分：没有一项可判定，不给总分（不是 0 分）"),
        (total((rule("a"), FAIL), mode="none"), "总分：规则书不计分，只列出违规与罚款"),
    ],
)
def test_the_last_line_says_the_total_or_why_there_is_none(found: Tally, text: str) -> None:
    assert call_sums(found)[-1] == text


def test_why_a_rule_was_not_counted_is_said_with_it() -> None:
    rows = call_rows(total((weighed("a", 5), NA), (weighed("b", 5, severity=ADVISORY), FAIL), (rule("v", points(veto="call")), FAIL)))
    assert [cells[-1] for cells in rows] == [
        "不适用，不计入：结果 not_applicable",
        "提示项，只显示，不计分",
        "本条不计分；一票否决，整通电话记 0",
    ]
