"""Fines against months recomputed by hand under the houses' own regulations, and what must hold for every month."""

from __future__ import annotations

import datetime
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from books import ADVISORY, FAIL, OPEN, PASS, book, finding, money, points, result, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.rules.book import Rule
from qa.rules.explain_text import MONTH_HEADERS, month_rows, month_sums
from qa.rules.model import Fine, Liability
from qa.rules.money import Mark, Month, Occurrence, Yuan, in_force, month, occurrences
from qa.types import Provenance, Scorecard

MADE = Provenance("0" * 64, (), "house", "7", "0.1.0", False)


def yuan(low: str | int, high: str | int | None = None) -> Yuan:
    return Yuan(Decimal(low), Decimal(low if high is None else high))


def fined(fine: Fine | None, rule_id: str = "a", **changes: Any) -> Rule:
    return rule(rule_id, fine=fine, **changes)


def on(of: Rule, *times: str, grave: bool = False) -> list[Occurrence]:
    """Breaches at ``MM-DD`` or ``MM-DD HH:MM`` of 2025, each in a call of its own."""
    moments = [datetime.datetime.fromisoformat(f"2025-{time}") for time in times]
    calls = [(at, f"C-{at:%m%d%H%M}") for at in moments]
    return [Occurrence(of, at, call, of.title, of.clause, finding(FAIL, 1000), mark(call, of.id) if grave else None) for at, call in calls]


def mark(call_id: str, rule_id: str, grave: bool = True) -> Mark:
    return Mark(call_id, rule_id, "张三", "当众辱骂", "2025-03-07T02:00:00.000+00:00", grave)


def march(*found: Occurrence) -> Month:
    return month(found, 2025, 3)


def share(role: str, percent: str) -> Liability:
    return Liability(role, share=Decimal(percent))


def amount(role: str, each: int) -> Liability:
    return Liability(role, amount=Decimal(each))


# ---------------------------------------------------------------- the houses


def test_zhongyi_gas_fines_a_range_for_each_breach() -> None:
    """“给予50--500元的处罚”: twice is 100-1,000 yuan, and a person decides within it."""
    sheet = march(*on(fined(money(50, 500)), "03-03 10:00", "03-20 11:00"))
    assert [charge.cost for charge in sheet.rules[0].charges] == [yuan(50, 500), yuan(50, 500)]
    assert sheet.totals == (("agent", yuan(100, 1000)),)


MINGLIANG = {
    name: fined(money(each, grave=(Decimal(2), Decimal(5)), liable=(share("leader", "0.8"),)), name)
    for name, each in (("manners", 20), ("use", 30), ("cost", 50))
}


def test_mingliang_manners_use_and_cost_with_the_leader() -> None:
    """20 + 20 + 30 + 50 = 120 yuan; the leader 80 %: 32 + 24 + 40 = 96."""
    found = [*on(MINGLIANG["manners"], "03-03", "03-04"), *on(MINGLIANG["use"], "03-05"), *on(MINGLIANG["cost"], "03-06")]
    assert march(*found).totals == (("agent", yuan(120)), ("leader", yuan(96)))


def test_mingliang_grave_cases_are_two_to_five_times() -> None:
    """20 once and 20 x 2-5 = 40-100: 60-120 yuan; the leader 48-96."""
    found = [*on(MINGLIANG["manners"], "03-03"), *on(MINGLIANG["manners"], "03-04", grave=True)]
    sheet = march(*found)
    assert [charge.cost for charge in sheet.rules[0].charges] == [yuan(20), yuan(40, 100)]
    assert sheet.totals == (("agent", yuan(60, 120)), ("leader", yuan(48, 96)))


def test_mingliang_as_printed_without_the_dash() -> None:
    """“25 倍” as it stands in the source, should the house mean it: 30 x 25 = 750."""
    literal = fined(money(30, grave=(Decimal(25), Decimal(25))))
    assert march(*on(literal, "03-03", grave=True)).total() == yuan(750)


def test_operators_a_fines_by_the_rule() -> None:
    """Insults 50, not answering 20 twice, an emergency call badly registered 100, a complaint 200: 390 yuan."""
    rules = {name: fined(money(each), name) for name, each in (("insult", 50), ("missed", 20), ("emergency", 100), ("complaint", 200))}
    found = [*on(rules["insult"], "03-01"), *on(rules["missed"], "03-02", "03-03"), *on(rules["emergency"], "03-04")]
    assert march(*found, *on(rules["complaint"], "03-05")).totals == (("agent", yuan(390)),)


TABLE = (Decimal(20), Decimal(50), Decimal(100))
LATE = fined(money(20, 100, escalation=TABLE, then="double"))


def test_operators_a_lateness_20_50_100_then_doubling() -> None:
    """Six times in a month: 20 + 50 + 100 + 200 + 400 + 800 = 1,570."""
    sheet = march(*on(LATE, *(f"03-{d:02d}" for d in range(1, 7))))
    assert [charge.cost.low for charge in sheet.rules[0].charges] == [20, 50, 100, 200, 400, 800]
    assert sheet.total() == yuan(1570)


def test_a_table_that_stays_at_its_last_amount() -> None:
    stays = fined(money(20, 100, escalation=TABLE))
    assert march(*on(stays, *(f"03-{d:02d}" for d in range(1, 6)))).total() == yuan(20 + 50 + 3 * 100)


def test_a_hundred_repetitions_are_exact() -> None:
    """20 + 50 + 100 x (1 + 2 + 4 + … + 2^97) = 70 + 100 x (2^98 - 1)."""
    found = [one for d in range(1, 21) for one in on(LATE, *(f"03-{d:02d} 1{m}:00" for m in range(5)))]
    assert march(*found).total() == yuan(70 + 100 * (2**98 - 1))


@pytest.mark.parametrize(
    ("period", "expected"),
    [("month", [20, 50]), ("quarter", [100, 200]), ("year", [100, 200])],
)
def test_repetitions_count_within_their_period(period: str, expected: list[int]) -> None:
    """Two in January and February, two in March: of the month the first two, of quarter and year the third and fourth."""
    late = fined(money(20, 100, escalation=TABLE, then="double", period=period))
    sheet = march(*on(late, "01-10", "02-10", "03-10", "03-11"))
    assert [charge.cost.low for charge in sheet.rules[0].charges] == expected
    assert sheet.total() == yuan(sum(expected))


def test_a_quarter_ends_and_a_year_goes_on() -> None:
    by = {
        period: month(on(fined(money(20, 100, escalation=TABLE, period=period)), "03-31", "04-01"), 2025, 4)
        for period in ("quarter", "year")
    }
    assert {period: sheet.total() for period, sheet in by.items()} == {"quarter": yuan(20), "year": yuan(50)}


def test_hotline_962168_leader_50_agent_20() -> None:
    """“当日班长50元,话务员20元”: twice is 100 and 40, whatever the fine itself says."""
    together = fined(money(50, liable=(amount("leader", 50), amount("agent", 20))))
    assert march(*on(together, "03-03", "03-04")).totals == (("agent", yuan(40)), ("leader", yuan(100)))


def test_floor_points_warns_first_each_month() -> None:
    """One warning a month: January 1 + 2, March 1 + 1; the warnings are no repetitions either."""
    warned = fined(money(20, 100, escalation=TABLE, period="year"), worth=points(warn_first=1))
    sheet = march(*on(warned, "01-02", "01-03", "01-04", "03-05", "03-06"))
    assert [(charge.warning, charge.number, charge.cost.low) for charge in sheet.rules[0].charges] == [(True, None, 0), (False, 3, 100)]
    assert (sheet.rules[0].charged, sheet.total()) == (1, yuan(100))


# ---------------------------------------------------------------- caps, calls, rounding, versions


def test_a_month_costs_at_most_the_cap_and_shares_follow_it() -> None:
    """“within 50 元 of the month's appraisal”: 3 x 20 = 60, capped 50; the leader half of that."""
    capped = fined(money(20, cap=Decimal(50), liable=(share("leader", "0.5"),)))
    sheet = march(*on(capped, "03-03", "03-04", "03-05"))
    assert (sheet.rules[0].whole, sheet.rules[0].fine) == (yuan(60), yuan(50))
    assert sheet.totals == (("agent", yuan(50)), ("leader", yuan(25)))


def test_a_cap_cuts_a_range_at_both_ends() -> None:
    assert march(*on(fined(money(50, 500, cap=Decimal(300))), "03-03")).total() == yuan(50, 300)


def test_a_fine_per_call_charges_a_call_once() -> None:
    for per, cost in (("call", 50), ("occurrence", 150)):
        of = fined(money(50, per=per))
        one = on(of, "03-03")[0]
        found = [replace(one, finding=finding(FAIL, start)) for start in (1000, 2000, 3000)]
        assert march(*found).total() == yuan(cost)


def test_a_call_is_grave_if_any_of_its_breaches_is() -> None:
    of = fined(money(50, per="call", grave=(Decimal(3), Decimal(3))))
    (mild,), (grave,) = on(of, "03-03"), on(of, "03-03", grave=True)
    assert march(mild, replace(grave, finding=finding(FAIL, 5000))).total() == yuan(150)


def test_shares_are_rounded_half_up_to_the_fen() -> None:
    """0.5 x 33.33 = 16.665 -> 16.67; and 1.5 x 0.01 = 0.015 -> 0.02 where it arises, twice: 0.04."""
    assert march(*on(fined(money("33.33", liable=(share("leader", "0.5"),))), "03-03")).total("leader") == yuan("16.67")
    grave = fined(money("0.01", grave=(Decimal("1.5"), Decimal("1.5"))))
    assert march(*on(grave, "03-03", "03-04", grave=True)).total() == yuan("0.04")


def test_other_months_and_other_years_are_counted_and_not_charged() -> None:
    found = on(fined(money(50)), "02-28 23:59", "03-01 00:00", "03-31 23:59", "04-01 00:00")
    assert march(*found).total() == yuan(100)
    assert month(found, 2024, 3).totals == (("agent", yuan(0)),)
    assert month(found, 2026, 3).totals == (("agent", yuan(0)),)


def test_a_fine_that_changed_in_mid_month_is_summed_apart() -> None:
    """20 each with a cap of 30 until the 15th, then 100: 30 + 100; the third is still the third of the month."""
    old = fined(money(20, cap=Decimal(30)))
    new = fined(money(20, 100, escalation=(Decimal(10), Decimal(20), Decimal(100))))
    sheet = march(*on(old, "03-03", "03-04"), *on(new, "03-20"))
    assert [rule.fine for rule in sheet.rules] == [yuan(30), yuan(100)]
    assert sheet.total() == yuan(130)


def test_advisory_rules_and_rules_without_a_fine_cost_nothing() -> None:
    assert march(*on(fined(money(50), severity=ADVISORY), "03-03"), *on(fined(None, "b"), "03-03")).rules == ()


def test_grave_without_multiples_changes_nothing_and_says_so() -> None:
    sheet = march(*on(fined(money(50)), "03-03", grave=True))
    assert sheet.total() == yuan(50)
    assert month_rows(sheet)[0][-1].endswith("情节严重（张三 2025-03-07 认定：当众辱骂），但规则没有写加倍")


def test_occurrences_come_out_of_a_scorecard() -> None:
    """Only FAILs, one for each finding that failed; one of a rule without a fine costs nothing, but counts for warnings."""
    a, b, c = fined(money(50), "a"), fined(None, "b"), fined(money(20), "c")
    card = Scorecard("C-1", "8001", None, 1.0, (result(a, FAIL, 2), result(b, FAIL), result(c, OPEN)), MADE)
    mixed = replace(card.results[0], findings=(*card.results[0].findings, finding(OPEN), finding(PASS)))
    card = replace(card, results=(mixed, *card.results[1:]))
    at = datetime.datetime(2025, 3, 3, 9)
    found = occurrences(card, at, book(a, b, c, mode="none"), in_force([mark("C-1", "c"), mark("C-2", "a")]))
    starts = [one.finding.evidence[0].span.start_ms for one in found if one.finding is not None]
    assert [(one.rule.id, one.call_id, one.at, start, one.mark) for one, start in zip(found, starts, strict=True)] == [
        ("a", "C-1", at, 1000, None),
        ("a", "C-1", at, 2000, None),
        ("b", "C-1", at, 1000, None),
    ]
    assert {one.book for one in found} == {"house"} and [rule.rule.id for rule in march(*found).rules] == ["a"]


def test_a_mark_is_for_one_rule_of_one_call_and_can_be_taken_back() -> None:
    """Two rules at 30 yuan and 2-5 times in each of two calls; a in C-1 is grave, b in C-2 was and is no more: 60-150 + 3 x 30."""
    a, b = (fined(money(30, grave=(Decimal(2), Decimal(5))), name) for name in "ab")
    cards = [Scorecard(call, "8001", None, 1.0, (result(a, FAIL), result(b, FAIL)), MADE) for call in ("C-1", "C-2")]
    marks = in_force([mark("C-2", "b"), mark("C-1", "a"), mark("C-2", "b", grave=False)])
    at = datetime.datetime(2025, 3, 3, 9)
    found = [one for card in cards for one in occurrences(card, at, book(a, b, mode="none"), marks)]
    assert [(one.call_id, one.rule.id) for one in found if one.mark is not None] == [("C-1", "a")]
    assert march(*found).total() == yuan(150, 240)
    again = in_force([mark("C-2", "b", grave=False), mark("C-2", "b")])
    assert list(again) == [("C-2", "b")]


def test_a_grave_breach_that_is_a_warning_costs_nothing_and_says_so() -> None:
    warned = fined(money(30, grave=(Decimal(2), Decimal(5))), worth=points(warn_first=1))
    sheet = march(*on(warned, "03-03", "03-04", grave=True))
    assert sheet.total() == yuan(60, 150)
    assert month_rows(sheet)[0][-1] == "先警告，不罚款；情节严重（张三 2025-03-07 认定：当众辱骂），仍在先警告的次数之内"


# ---------------------------------------------------------------- what holds for every month

YUAN = st.decimals("0.01", 500, places=2)
FINES = st.builds(
    lambda low, more, per, cap, grave, table, then, period, liable: Fine(
        low, low + more, per, cap, grave, tuple(table), then, period, tuple(liable)
    ),
    YUAN,
    st.sampled_from([Decimal(0), Decimal("100.5")]),
    st.sampled_from(["call", "occurrence"]),
    st.one_of(st.none(), st.decimals("500", 2000, places=2)),
    st.one_of(st.none(), st.just((Decimal(2), Decimal(5)))),
    st.lists(YUAN, max_size=3),
    st.sampled_from(["same", "double"]),
    st.sampled_from(["month", "quarter", "year"]),
    st.lists(st.sampled_from([share("leader", "0.333"), amount("manager", 7)]), unique_by=lambda x: x.role, max_size=2),
)
TIMES = st.datetimes(datetime.datetime(2025, 1, 1), datetime.datetime(2025, 4, 30)).map(lambda t: t.replace(microsecond=0))


@st.composite
def found_in_year(draw: st.DrawFn) -> list[Occurrence]:
    fines = draw(st.lists(FINES, min_size=1, max_size=3))
    rules = [fined(fine, f"r{i}", worth=points(warn_first=draw(st.integers(0, 2)))) for i, fine in enumerate(fines)]
    rows = draw(st.lists(st.tuples(st.sampled_from(rules), TIMES, st.integers(0, 9), st.booleans()), max_size=12))
    return [
        Occurrence(of, at, f"C-{at}", of.title, of.clause, finding(FAIL, 1000 * start), mark(f"C-{at}", of.id) if grave else None)
        for of, at, start, grave in rows
    ]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(found_in_year(), st.randoms(use_true_random=False))
def test_a_month_is_the_same_in_any_order_and_its_lines_add_up(found: list[Occurrence], random: Any) -> None:
    sheet = march(*found)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert march(*shuffled).totals == sheet.totals
    paid: dict[str, Decimal] = {"agent": Decimal(0)}
    for one in sheet.rules:
        fine = one.rule.fine
        assert fine is not None
        assert one.whole.low == sum(charge.cost.low for charge in one.charges)
        assert one.whole.high == sum(charge.cost.high for charge in one.charges)
        assert 0 <= one.fine.low <= one.fine.high and (fine.cap is None or one.fine.high <= fine.cap)
        for payment in one.payments:
            assert 0 <= payment.cost.low <= payment.cost.high
            assert payment.cost.high == round(payment.cost.high, 2)
            paid[payment.role] = paid.get(payment.role, Decimal(0)) + payment.cost.high
    assert paid == {role: total.high for role, total in sheet.totals}
    assert all(len(cells) == len(MONTH_HEADERS) for cells in month_rows(sheet))
    assert len(month_rows(sheet)) == sum(len(one.charges) for one in sheet.rules)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(found_in_year(), st.data())
def test_what_happens_later_changes_no_charge_before_it(found: list[Occurrence], data: st.DataObject) -> None:
    """Unless it belongs to the same call, of which a fine per call is charged once."""
    if not found:
        return
    later = replace(data.draw(st.sampled_from(found)), at=datetime.datetime(2025, 3, 31, 23, 59, 59), call_id="last")
    known = {(c.found[0].rule.id, c.found[0].at, c.found): c.cost for r in march(*found).rules for c in r.charges}
    then = {(c.found[0].rule.id, c.found[0].at, c.found): c.cost for r in march(*found, later).rules for c in r.charges}
    assert known.items() <= then.items()


# ---------------------------------------------------------------- the arithmetic shown


def test_the_month_is_shown_so_that_it_can_be_done_again() -> None:
    late = replace(LATE, points=points(warn_first=1), title="迟到", clause="迟到罚款")
    sheet = march(*on(late, "03-03 09:05", "03-04 09:10", "03-05 09:00"), *on(MINGLIANG["use"], "03-06 15:00", grave=True))
    by_table = "按 20、50、100，之后每次加倍 罚"
    seconds = "0:01.0–0:01.1"
    assert month_rows(sheet) == (
        ("2025-03-03 09:05", "C-03030905", "迟到", "迟到罚款", seconds, "0.00", "先警告，不罚款"),
        ("2025-03-04 09:10", "C-03040910", "迟到", "迟到罚款", seconds, "20.00", f"本月第 1 次，{by_table} 20.00 元"),
        ("2025-03-05 09:00", "C-03050900", "迟到", "迟到罚款", seconds, "50.00", f"本月第 2 次，{by_table} 50.00 元"),
        (
            *("2025-03-06 15:00", "C-03061500", "规则use", "条款use", seconds, "60.00–150.00"),
            "第 1 次，每次 30.00 元，情节严重（张三 2025-03-07 认定：当众辱骂），2–5 倍 = 60.00–150.00 元",
        ),
    )
    assert month_sums(sheet) == (
        "迟到：20.00 + 50.00 = 70.00 元",
        "规则use：60.00–150.00 元",
        "　直接领导：(60.00–150.00) 元 × 80% = 48.00–120.00 元",
        "2025 年 3 月合计：本人 130.00–220.00 元；直接领导 48.00–120.00 元（四舍五入到分。范围内的金额由人工决定）",
    )


def test_caps_warnings_and_amounts_of_their_own_are_shown() -> None:
    capped = fined(money(20, cap=Decimal(30), liable=(amount("班长", 50), amount("agent", 20))))
    warned = fined(money(20), "b", worth=points(warn_first=3))
    sheet = march(*on(capped, "03-03", "03-04"), *on(warned, "03-05"))
    assert month_sums(sheet) == (
        "规则a：20.00 + 20.00 = 40.00 元，一人一月封顶，计 30.00 元",
        "　本人：每次 20 元 × 2 次，一人一月封顶 = 30.00 元",
        "　班长：每次 50 元 × 2 次 = 100.00 元",
        "规则b：只有警告，不罚款",
        "2025 年 3 月合计：本人 30.00 元；班长 100.00 元（四舍五入到分）",
    )


def test_a_month_without_breaches_says_so() -> None:
    assert month_sums(march()) == ("2025 年 3 月：没有罚款",)


def test_a_mobile_number_in_a_call_id_is_masked() -> None:
    one = replace(on(fined(money(50)), "03-03")[0], call_id="20250303-13812345678-8001")
    assert month_rows(march(one))[0][1] == "20250303-138****5678-8001"
