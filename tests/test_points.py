"""Points against sums done by hand and against exact fractions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from books import ADVISORY, ERROR, FAIL, NA, OPEN, PASS, book, points, result, rule, section
from hypothesis import example, given, settings
from hypothesis import strategies as st
from point_sums import SECTIONS, Row, deducting, total, weighed

from qa.errors import RuleBookError
from qa.rules.points import half_up, month, tally
from qa.types import Outcome

# ---------------------------------------------------------------- percent


def _half_up(value: Fraction) -> Fraction:
    """To hundredths, ties up: an independent construction with whole numbers."""
    return Fraction((200 * value.numerator + value.denominator) // (2 * value.denominator), 100)


ROWS = st.lists(st.tuples(st.sampled_from(list(Outcome)), st.decimals("0.000001", 1_000_000, places=6)), max_size=8)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(ROWS)
@example([(PASS, Decimal(1)), (FAIL, Decimal(7)), (PASS, Decimal(7)), (FAIL, Decimal(1))])
def test_percent_and_coverage_are_the_exact_fractions(rows: list[tuple[Outcome, Decimal]]) -> None:
    weight = {o: sum((Fraction(w) for outcome, w in rows if outcome is o), Fraction(0)) for o in Outcome}
    ruled, applied = weight[PASS] + weight[FAIL], sum(weight.values()) - weight[NA]
    found = total(*((weighed(f"r{i}", w), outcome) for i, (outcome, w) in enumerate(rows)), min_coverage=0)
    assert (None if found.percent is None else Fraction(found.percent)) == (_half_up(100 * weight[PASS] / ruled) if ruled else None)
    assert abs(Fraction(found.coverage) - (ruled / applied if applied else 1)) < Fraction(1, 10**40)


@pytest.mark.parametrize(
    ("passed", "failed", "expected"),
    [
        ("1", "2", "33.33"),
        ("2", "1", "66.67"),
        ("1", "15", "6.25"),
        ("0.1", "0.2", "33.33"),
        ("1", "7", "12.50"),
        ("3", "29", "9.38"),  # 9.375 and 3.125 are ties: rounding to even would give 9.38 and 3.12
        ("1", "31", "3.13"),
    ],
)
def test_rounding_is_half_up_once(passed: str, failed: str, expected: str) -> None:
    assert str(total((weighed("a", passed), PASS), (weighed("b", failed), FAIL)).percent) == expected


@pytest.mark.parametrize(("decimals", "expected"), [(0, "67"), (1, "66.7"), (4, "66.6667")])
def test_the_book_says_to_how_many_places(decimals: int, expected: str) -> None:
    assert str(total((weighed("a", 2), PASS), (weighed("b", 1), FAIL), decimals=decimals).percent) == expected


def test_half_up_is_up_at_every_tie() -> None:
    assert [half_up(Fraction(n, 2000), 2) for n in range(9, 12)] == [Decimal("0.00"), Decimal("0.01"), Decimal("0.01")]


def test_what_was_not_ruled_on_neither_earns_nor_costs() -> None:
    ruled = ((weighed("a", 3), PASS), (weighed("b", 1), FAIL))
    for outcome in (NA, OPEN, ERROR):
        assert total(*ruled, (weighed("c", 50), outcome), min_coverage=0).percent == 75
    assert total(*ruled, (weighed("c", 50), NA)).coverage == 1
    assert total(*ruled, (weighed("c", 3), OPEN), (weighed("d", 1), ERROR)).coverage == Decimal("0.5")


@pytest.mark.parametrize(
    ("rows", "coverage", "unscored"),
    [
        ([], "1", "nothing"),
        ([(weighed("a", 5), NA)], "1", "nothing"),
        ([(weighed("a", 5), OPEN)], "0", "coverage"),
        ([(weighed("a", 6), PASS), (weighed("b", 4), OPEN)], "0.6", ""),
        ([(weighed("a", 6), PASS), (weighed("b", "4.000001"), OPEN)], None, "coverage"),
    ],
)
def test_where_there_is_no_score_it_says_why(rows: list[Row], coverage: str | None, unscored: str) -> None:
    found = total(*rows)
    assert coverage is None or found.coverage == Decimal(coverage)
    assert (found.unscored, found.percent is None) == (unscored, bool(unscored))


def test_thirds_reach_a_least_coverage_of_two_thirds_only_if_it_is_not_rounded_up() -> None:
    rows = ((weighed("a", 2), PASS), (weighed("b", 1), OPEN))
    assert total(*rows, min_coverage="0.6666666").percent == 100
    assert total(*rows, min_coverage="0.6666667").percent is None


def test_rules_without_points_and_advisory_rules_are_never_counted() -> None:
    quiet = (rule("c"), FAIL), (weighed("d", 50, severity=ADVISORY), FAIL), (weighed("e", 50, severity=ADVISORY), OPEN)
    found = total((weighed("a", 3), PASS), (weighed("b", 1), FAIL), *quiet)
    assert (found.percent, found.coverage) == (75, 1)
    veto = rule("v", points(weight=5, veto="call"), severity=ADVISORY)
    assert total((weighed("a", 3), PASS), (veto, FAIL)).percent == 100


# ---------------------------------------------------------------- sections


def test_sections_by_hand() -> None:
    """Service 20 of 30: 60 x 20/30 = 40.  Voice 5 of 20, one rule does not apply: 40 x 5/20 = 10.  Together 50 of 100."""
    rows: Sequence[Row] = (
        (weighed("a", 20, section="service"), PASS),
        (weighed("b", 10, section="service"), FAIL),
        (weighed("c", 5, section="voice"), PASS),
        (weighed("d", 15, section="voice"), FAIL),
        (weighed("e", 70, section="voice"), NA),
    )
    found = total(*rows, sections=SECTIONS)
    assert (found.percent, found.coverage) == (50, 1)
    assert [(part.points, part.ruled, part.weight) for part in found.parts] == [(20, 30, 60), (5, 20, 40)]


def test_a_section_whose_rules_all_do_not_apply_leaves_the_denominator() -> None:
    """Service alone counts: 20/30, not 40 of 100."""
    rows: Sequence[Row] = (
        (weighed("a", 20, section="service"), PASS),
        (weighed("b", 10, section="service"), FAIL),
        (weighed("c", 5, section="voice"), NA),
    )
    found = total(*rows, sections=SECTIONS)
    assert (found.percent, found.coverage) == (Decimal("66.67"), 1)


def test_a_section_that_could_not_be_ruled_on_leaves_the_denominator_and_lowers_coverage() -> None:
    """Coverage by hand: (60 x 30/30 + 40 x 0/5) / 100 = 60 %."""
    rows: Sequence[Row] = (
        (weighed("a", 20, section="service"), PASS),
        (weighed("b", 10, section="service"), FAIL),
        (weighed("c", 5, section="voice"), OPEN),
    )
    found = total(*rows, sections=SECTIONS)
    assert (found.percent, found.coverage) == (Decimal("66.67"), Decimal("0.6"))
    assert total(*rows, sections=SECTIONS, min_coverage="0.61").percent is None


def test_sections_are_rounded_only_in_the_whole() -> None:
    """50 x 1/3 + 50 x 5/12 = 37.5 of 100: thirds rounded in between would miss the tie at no decimals."""
    rows: Sequence[Row] = (
        (weighed("a", 1, section="x"), PASS),
        (weighed("b", 2, section="x"), FAIL),
        (weighed("c", 5, section="y"), PASS),
        (weighed("d", 7, section="y"), FAIL),
    )
    assert str(total(*rows, sections=(section("x", 50), section("y", 50)), decimals=0).percent) == "38"


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Outcome)), st.integers(1, 30), st.sampled_from(["x", "y", None])), max_size=8))
def test_headings_without_weights_change_nothing(rows: list[tuple[Outcome, int, str | None]]) -> None:
    flat = total(*((weighed(f"r{i}", w), outcome) for i, (outcome, w, _) in enumerate(rows)))
    headed = total(
        *((weighed(f"r{i}", w, section=s), outcome) for i, (outcome, w, s) in enumerate(rows)), sections=(section("x"), section("y"))
    )
    assert (headed.percent, headed.coverage, headed.unscored) == (flat.percent, flat.coverage, flat.unscored)


# ---------------------------------------------------------------- deductions: the house floor-points (2, 1, 3, 10 points off 100)


def test_points_off_a_base_by_hand() -> None:
    """2 x 3 occurrences, 10 once, 3 not breached: 100 - 6 - 10 = 84."""
    rows: Sequence[Row] = (
        (deducting("private_call", 3), PASS),
        (deducting("noise", 2, per="occurrence"), FAIL, 3),
        (deducting("quarrel", 10), FAIL, 4),
    )
    found = total(*rows, mode="deduction")
    assert (found.percent, found.coverage) == (84, 1)
    assert [line.worth.points for line in found.lines] == [0, -6, -10]


def test_a_warning_comes_first() -> None:
    """“经警告无效每次扣2分”: of three occurrences the first is the warning, the others cost 2 each."""
    noise = deducting("noise", 2, per="occurrence", warn_first=1)
    assert total((noise, FAIL, 1), mode="deduction").percent == 100
    found = total((noise, FAIL, 3), mode="deduction")
    assert (found.percent, found.lines[0].worth.warned) == (96, 1)
    assert total((noise, FAIL, 3), mode="deduction", earlier={"noise": 1}).percent == 94
    assert total((noise, FAIL, 3), mode="deduction", earlier={"noise": 5}).percent == 94


def test_warnings_run_through_a_month() -> None:
    """Two warnings a month: calls with 1, 2 and 1 occurrences cost 0, 2 and 2."""
    noise = deducting("noise", 2, per="occurrence", warn_first=2)
    calls = [[result(noise, FAIL, 1)], [result(noise, FAIL, 2)], [result(noise, PASS)], [result(noise, FAIL, 1)]]
    assert [t.percent for t in month(calls, book(noise, mode="deduction"))] == [100, 98, 100, 98]


def test_a_rule_per_call_counts_a_call_once_and_warns_of_it_once() -> None:
    once = deducting("once", 10, warn_first=1)
    calls = [[result(once, FAIL, 3)], [result(once, FAIL, 2)]]
    assert [t.percent for t in month(calls, book(once, mode="deduction"))] == [100, 90]


def test_a_rule_costs_at_most_its_most() -> None:
    found = total((deducting("noise", 2, per="occurrence", most=5), FAIL, 4), mode="deduction")
    assert (found.percent, found.lines[0].worth.capped) == (95, True)
    assert not total((deducting("noise", 2, per="occurrence", most=8), FAIL, 4), mode="deduction").lines[0].worth.capped


def test_another_base() -> None:
    """12 points: 12 - 2 = 10 of 12 are 83.33 %."""
    assert total((deducting("a", 2), FAIL), mode="deduction", base=12).percent == Decimal("83.33")


def test_a_section_of_a_deduction_book_loses_no_more_than_its_points() -> None:
    """Voice has 10 points (扣完为止): 8 + 8 off are 10; service loses 5: 100 - 10 - 5 = 85."""
    rows: Sequence[Row] = (
        (deducting("a", 8, "voice"), FAIL),
        (deducting("b", 8, "voice"), FAIL),
        (deducting("c", 5, "service"), FAIL),
    )
    assert total(*rows, mode="deduction", sections=(section("service", 90), section("voice", 10))).percent == 85
    assert total(*rows, mode="deduction", sections=(section("service"), section("voice"))).percent == 79


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Outcome)),
            st.decimals("0.01", 200, places=2),
            st.integers(1, 5),
            st.sampled_from(["call", "occurrence"]),
            st.one_of(st.none(), st.decimals("200", 300, places=2)),
            st.integers(0, 2),
        ),
        max_size=6,
    ),
    st.decimals("0.01", 1000, places=2),
    st.randoms(use_true_random=False),
)
def test_deductions_add_up_never_go_below_zero_and_have_no_order(rows: list[Any], base: Decimal, random: Any) -> None:
    made: list[Row] = [
        (deducting(f"r{i}", each, per=per, most=most, warn_first=warn), o, n) for i, (o, each, n, per, most, warn) in enumerate(rows)
    ]
    lost = Fraction(0)
    for outcome, each, n, per, most, warn in rows:
        times = max(0, (n if per == "occurrence" else 1) - warn) if outcome is FAIL else 0
        lost += min(Fraction(each) * times, Fraction(most)) if most else Fraction(each) * times
    found = total(*made, mode="deduction", base=base, min_coverage=0)
    assert -sum(Fraction(line.worth.points or 0) for line in found.lines) == lost
    ruled = any(outcome in (PASS, FAIL) for outcome, *_ in rows)
    expected = _half_up(100 * max(Fraction(base) - lost, Fraction(0)) / Fraction(base)) if ruled else None
    assert (None if found.percent is None else Fraction(found.percent)) == expected
    random.shuffle(made)
    again = total(*made, mode="deduction", base=base, min_coverage=0)
    assert (again.percent, again.coverage) == (found.percent, found.coverage)


# ---------------------------------------------------------------- bonus and veto


def test_a_bonus_makes_good_what_was_lost_and_no_more() -> None:
    """Deduction: 100 - 10 + 4 = 94; with 15 it stays at 100.  Percent: 100 x 3/4 + 4 = 79; 100 + 4 stays 100."""
    praise, thanks = rule("praise", points(bonus=4)), rule("thanks", points(bonus=5, per="occurrence"))
    lost = (deducting("a", 10), FAIL)
    assert total(lost, (praise, PASS), mode="deduction").percent == 94
    assert total(lost, (thanks, PASS, 3), mode="deduction").percent == 100
    assert total((weighed("a", 3), PASS), (weighed("b", 1), FAIL), (praise, PASS)).percent == 79
    assert total((weighed("a", 3), PASS), (praise, PASS)).percent == 100


def test_a_bonus_is_added_before_the_sum_is_held_at_zero() -> None:
    """100 - 110 + 15 = 5, whatever the order."""
    found = total((deducting("a", 110), FAIL), (rule("p", points(bonus=15)), PASS), mode="deduction")
    assert found.percent == 5


def test_a_bonus_is_never_owed() -> None:
    praise = rule("praise", points(bonus=4))
    for outcome in (FAIL, NA, OPEN, ERROR):
        found = total((deducting("a", 10), FAIL), (praise, outcome), mode="deduction")
        assert (found.percent, found.coverage) == (90, 1)
    assert total((praise, PASS)).unscored == "nothing"


def test_a_bonus_has_its_most() -> None:
    thanks = rule("thanks", points(bonus=2, per="occurrence", most=5))
    assert total((deducting("a", 10), FAIL), (thanks, PASS, 4), mode="deduction").percent == 95


def test_a_veto_of_the_call_sets_it_to_zero() -> None:
    abuse = rule("abuse", points(veto="call"))
    found = total((weighed("a", 9), PASS), (abuse, FAIL), (rule("p", points(bonus=4)), PASS))
    assert (found.percent, found.vetoed) == (0, ("规则abuse",))
    assert total((weighed("a", 9), PASS), (abuse, PASS)).percent == 100
    assert total((deducting("a", 3), FAIL), (abuse, FAIL), mode="deduction").percent == 0


def test_a_veto_that_could_not_be_ruled_on_vetoes_nothing_and_is_named() -> None:
    abuse = rule("abuse", points(veto="call"))
    for outcome in (OPEN, ERROR):
        found = total((weighed("a", 9), PASS), (abuse, outcome))
        assert (found.percent, found.vetoed, found.open_vetoes) == (100, (), ("规则abuse",))
    assert total((weighed("a", 9), PASS), (abuse, NA)).open_vetoes == ()


def test_a_warned_veto_is_a_warning() -> None:
    abuse = rule("abuse", points(deduction=5, veto="call", warn_first=1))
    assert total((abuse, FAIL), mode="deduction").percent == 100
    assert total((abuse, FAIL), mode="deduction", earlier={"abuse": 1}).percent == 0


def test_a_bonus_that_vetoes_warns_first_and_its_passes_use_up_no_warning() -> None:
    """Kept twice (+4 each), breached three times: the first of the month is a warning, the others veto."""
    kind = rule("kind", points(bonus=4, veto="call", warn_first=1))
    calls = [[result(deducting("a", 10), FAIL), result(kind, outcome)] for outcome in (PASS, PASS, FAIL, FAIL, FAIL)]
    tallies = month(calls, book(deducting("a", 10), kind, mode="deduction"))
    assert [t.percent for t in tallies] == [94, 94, 90, 0, 0]
    kinds = [t.lines[1].worth for t in tallies]
    assert [(w.points, w.met, w.occurrences, w.warned) for w in kinds] == [
        (4, 1, 0, 0),
        (4, 1, 0, 0),
        (0, 0, 1, 1),
        (0, 0, 1, 0),
        (0, 0, 1, 0),
    ]


def test_a_veto_of_a_section_takes_all_of_it() -> None:
    """Percent: voice 40 x 30/30 earns 40 of 100.  Deduction: service (60) is gone and voice loses 3: 100 - 60 - 3 = 37."""
    percent: Sequence[Row] = (
        (weighed("a", 20, section="service"), PASS),
        (rule("b", points(weight=10, veto="section"), section="service"), FAIL),
        (weighed("c", 30, section="voice"), PASS),
    )
    assert total(*percent, sections=SECTIONS).percent == 40
    deduction: Sequence[Row] = (
        (deducting("a", 2, "service"), FAIL),
        (rule("b", points(veto="section"), section="service"), FAIL),
        (deducting("c", 3, "voice"), FAIL),
    )
    assert total(*deduction, mode="deduction", sections=SECTIONS).percent == 37
    # without points of its own the section is worth its rules: 2 (and 3 of voice): 95
    assert total(*deduction, mode="deduction", sections=(section("service"), section("voice"))).percent == 95


def test_a_vetoed_section_without_points_of_its_own_loses_every_rule_of_it() -> None:
    """2 (kept) and 1 (breached, veto) are gone, 3 of the other section are not: 100 - 3 = 97."""
    rows: Sequence[Row] = (
        (deducting("a", 2, "service"), PASS),
        (rule("b", points(deduction=1, veto="section"), section="service"), FAIL),
        (deducting("c", 3, "voice"), PASS),
    )
    assert total(*rows, mode="deduction", sections=(section("service"), section("voice"))).percent == 97


def test_a_veto_alone_is_a_ruling() -> None:
    rows: Sequence[Row] = ((rule("a", points(veto="section"), section="service"), FAIL), (weighed("b", 5, section="service"), NA))
    assert total(*rows, sections=SECTIONS).percent == 0


def test_coverage_of_a_deduction_book_goes_by_its_deductions_alone() -> None:
    """Ruled 2 of 2 and 3 of 6: 5 of 8, whatever the sections have."""
    rows: Sequence[Row] = (
        (deducting("a", 2, "service"), PASS),
        (deducting("b", 3, "voice"), PASS),
        (deducting("c", 3, "voice"), OPEN),
    )
    assert total(*rows, mode="deduction", sections=SECTIONS).coverage == Decimal("0.625")


def test_a_weight_that_was_only_warned_of_is_kept() -> None:
    warned = rule("a", points(weight=3, warn_first=1))
    assert total((warned, FAIL), (weighed("b", 1), FAIL)).percent == 75
    assert total((warned, FAIL), (weighed("b", 1), PASS), earlier={"a": 1}).percent == 25


def test_a_veto_does_not_make_a_score_where_too_little_was_measured() -> None:
    found = total((weighed("a", 9), OPEN), (rule("abuse", points(veto="call")), FAIL))
    assert (found.percent, found.unscored) == (None, "coverage")


def test_a_book_of_money_alone_gives_no_points_and_counts_rules_for_coverage() -> None:
    rows: Sequence[Row] = ((rule("a"), PASS), (rule("b"), FAIL), (rule("c"), OPEN), (rule("d"), NA), (rule("e", severity=ADVISORY), OPEN))
    found = total(*rows, mode="none")
    assert (found.percent, found.unscored) == (None, "mode")
    assert abs(found.coverage - Decimal(2) / 3) < Decimal("1e-20")


def test_results_of_another_book_are_refused() -> None:
    with pytest.raises(RuleBookError) as caught:
        tally([result(weighed("gone", 1), PASS)], book(weighed("a", 1)))
    assert "gone" in caught.value.cause and caught.value.cure
