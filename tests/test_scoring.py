"""From findings to points: the arithmetic against exact fractions, and that no check can crash a call."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qa import __version__
from qa.rulebook import CheckSetup, RuleBook, load
from qa.scoring import call_id, combine, coverage, percent, score
from qa.types import (
    Acoustics,
    AudioInfo,
    Call,
    CallRecord,
    ChannelAcoustics,
    Evidence,
    Finding,
    Outcome,
    Role,
    Roles,
    Span,
    SpeakerTurns,
    SpeechActivity,
    Transcript,
)

PASS, FAIL, NA, OPEN, ERROR = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE, Outcome.ERROR
RECORD = CallRecord(
    "a.wav", "C-1", "8001", "王", "一组", "in", "138", "400", "2024-03-05T09:00:00.000", None, None, None, 0
)  # fmt: skip


@dataclass(frozen=True)
class NoParams:
    pass


@dataclass(frozen=True)
class Check:
    """A check whose run is given: real code of the scorer, no recording needed."""

    run: Callable[[Call, Any], Iterator[Any]]
    TITLE: str = "检查"
    TITLE_EN: str = "Check"
    Params: type[Any] = NoParams
    EXAMPLES: tuple[Any, ...] = ()


def finding(outcome: Outcome) -> Finding:
    return Finding(outcome, f"结果 {outcome}", (Evidence(Span(100, 200), Role.AGENT, "话"),))


def check(*outcomes: Outcome, title: str = "检查") -> Any:
    return Check(lambda call, params: iter([finding(outcome) for outcome in outcomes]), title)


def book(*rows: tuple[Any, str], min_coverage: str = "0.6", **changes: Any) -> RuleBook:
    setups = tuple(CheckSetup(f"c{i}", module, NoParams(), f"条款{i}", Decimal(w)) for i, (module, w) in enumerate(rows))
    return replace(RuleBook("house", "规则", "", "7", "0123456789ab", Decimal(min_coverage), setups), **changes)


def call(record: CallRecord | None = RECORD, demo: bool = False, notes: tuple[str, ...] = ()) -> Call:
    track = np.zeros(1, np.float32)
    channel = ChannelAcoustics(None, 0.0, -90.0, 0.0, -90.0, None, 10, track, track)
    info = AudioInfo("/x/day1/a.wav", "0123abcd" * 8, "wav", "pcm_s16le", 8000, 2, 1000, notes)
    return Call(
        info,
        SpeechActivity(((), ()), "webrtcvad"),
        SpeakerTurns("channel", (), ("两个声道相同",)),
        Transcript("tiny@ff00", demo, ()),
        Acoustics((channel, channel), ()),
        Roles(()),
        record,
    )


# ------------------------------------------------------------------ the arithmetic


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
    expected = _half_up(100 * weight[PASS] / ruled) if ruled else None
    found = percent(rows)
    assert (None if found is None else Fraction(found)) == expected
    share = coverage(rows)
    assert abs(Fraction(share) - (ruled / applied if applied else 1)) < Fraction(1, 10**40)
    assert 0 <= share <= 1


@settings(max_examples=200, derandomize=True, deadline=None)
@given(ROWS, st.decimals("0.01", 1000, places=2))
def test_deductions_come_off_the_base_and_never_below_zero(rows: list[tuple[Outcome, Decimal]], base: Decimal) -> None:
    lost = sum((Fraction(w) for outcome, w in rows if outcome is FAIL), Fraction(0))
    expected = _half_up(100 * max(Fraction(base) - lost, Fraction(0)) / Fraction(base))
    found = percent(rows, base)
    assert found == (None if not any(o in (PASS, FAIL) for o, _ in rows) else Decimal(expected.numerator) / expected.denominator)


@pytest.mark.parametrize(
    ("passed", "failed", "expected"),
    [
        ("1", "2", "33.33"),
        ("2", "1", "66.67"),
        ("1", "15", "6.25"),
        ("1", "799", "0.13"),
        ("0.1", "0.2", "33.33"),
        ("1", "7", "12.50"),
    ],
)
def test_rounding_is_half_up_to_two_decimals(passed: str, failed: str, expected: str) -> None:
    assert percent([(PASS, Decimal(passed)), (FAIL, Decimal(failed))]) == Decimal(expected)


def test_a_tie_goes_up_and_not_to_the_even_digit() -> None:
    """100 x 3/32 = 9.375 and 100 x 1/32 = 3.125: bankers' rounding would give 9.38 and 3.12."""
    assert percent([(PASS, Decimal(3)), (FAIL, Decimal(29))]) == Decimal("9.38")
    assert percent([(PASS, Decimal(1)), (FAIL, Decimal(31))]) == Decimal("3.13")


def test_what_was_not_ruled_on_neither_earns_nor_costs() -> None:
    ruled = [(PASS, Decimal(3)), (FAIL, Decimal(1))]
    for outcome in (NA, OPEN, ERROR):
        assert percent([*ruled, (outcome, Decimal(50))]) == Decimal(75)
    assert coverage([*ruled, (NA, Decimal(50))]) == 1
    assert coverage([*ruled, (OPEN, Decimal(3)), (ERROR, Decimal(1))]) == Decimal("0.5")


def test_where_nothing_applied_nothing_was_missed() -> None:
    assert coverage([]) == 1
    assert coverage([(NA, Decimal(5))]) == 1
    assert percent([(NA, Decimal(5))]) is None


# ------------------------------------------------------------------ several findings of one check


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((), ERROR),
        ((NA,), NA),
        ((NA, NA), NA),
        ((NA, PASS), PASS),
        ((PASS, PASS), PASS),
        ((PASS, OPEN, NA), OPEN),
        ((OPEN, FAIL, PASS), FAIL),
        ((FAIL, OPEN, ERROR), ERROR),
    ],
)
def test_the_gravest_finding_decides(outcomes: tuple[Outcome, ...], expected: Outcome) -> None:
    assert combine(outcomes) is expected
    result = score(call(), book((check(*outcomes), "4"))).results[0]
    assert result.outcome is expected
    assert result.points == {PASS: 4.0, FAIL: 0.0}.get(expected)


def test_a_scorecard_carries_every_result_in_the_order_of_the_book() -> None:
    card = score(call(), book((check(PASS, title="甲"), "20"), (check(FAIL, title="乙"), "15"), (check(NA, title="丙"), "65")))
    assert [(r.check_id, r.title, r.clause, r.outcome, r.weight, r.points) for r in card] == [
        ("c0", "甲", "条款0", PASS, 20.0, 20.0),
        ("c1", "乙", "条款1", FAIL, 15.0, 0.0),
        ("c2", "丙", "条款2", NA, 65.0, None),
    ]
    assert (card.percent, card.coverage) == (57.14, 1.0)
    assert card.results[1].findings == (finding(FAIL),)


# ------------------------------------------------------------------ a check that breaks


def _raises(call: Call, params: Any) -> Iterator[Finding]:
    yield finding(FAIL)
    raise ZeroDivisionError("没有字")


def _returns_none(call: Call, params: Any) -> Any:
    return None


def _yields_nonsense(call: Call, params: Any) -> Iterator[Any]:
    yield "fail"


def _recurses(call: Call, params: Any) -> Iterator[Finding]:
    yield from _recurses(call, params)


@pytest.mark.parametrize(
    ("run", "kept", "text"),
    [
        (_raises, 1, "ZeroDivisionError: 没有字（test_scoring.py:"),
        (_returns_none, 0, "TypeError: 'NoneType'"),
        (_yields_nonsense, 0, "TypeError: run() yielded str"),
        (_recurses, 0, "RecursionError"),
        (lambda call, params: iter(()), 0, "ValueError: run() yielded no finding"),
    ],
)
def test_a_broken_check_is_an_error_and_the_rest_goes_on(run: Any, kept: int, text: str) -> None:
    card = score(call(), book((Check(run, "坏"), "2"), (check(PASS), "3")))
    broken, sound = card.results
    assert (broken.outcome, broken.points, sound.outcome) == (ERROR, None, PASS)
    assert len(broken.findings) == kept + 1
    assert text in broken.findings[-1].message
    assert (card.percent, card.coverage) == (100.0, 0.6)
    assert "1 项检查程序出错，请报告管理员：坏" in card.notes


def test_the_default_house_rules_on_nothing_in_a_silent_call_and_breaks_nothing() -> None:
    card = score(call(), load("default"))
    assert len(card.results) == 6
    assert {r.outcome for r in card} <= {OPEN, NA}
    assert card.percent is None


def test_a_person_who_stops_the_program_stops_it() -> None:
    def stop(call: Call, params: Any) -> Iterator[Finding]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        score(call(), book((Check(stop), "1")))


# ------------------------------------------------------------------ coverage, notes, provenance


@pytest.mark.parametrize(("unheard", "points"), [("4", 100.0), ("4.000001", None)])
def test_below_the_least_coverage_there_is_no_score(unheard: str, points: float | None) -> None:
    card = score(call(), book((check(PASS), "6"), (check(OPEN, title="语速"), unheard)))
    assert card.percent == points
    assert ("可判定的部分只占 59.9%，低于规则书要求的 60%，不给总分" in card.notes) == (points is None)
    assert "1 项未能判定，请人工复核：语速" in card.notes


def test_thirds_reach_a_least_coverage_of_two_thirds_only_if_it_is_not_rounded_up() -> None:
    rows = ((check(PASS), "2"), (check(OPEN), "1"))
    assert score(call(), book(*rows, min_coverage="0.6666666")).percent == 100.0
    assert score(call(), book(*rows, min_coverage="0.6666667")).percent is None


def test_a_call_to_which_nothing_applies_has_full_coverage_and_no_score() -> None:
    card = score(call(), book((check(NA), "1")))
    assert (card.percent, card.coverage) == (None, 1.0)
    assert card.notes == ("两个声道相同", "没有一项适用于此通话，不给总分")


def test_provenance_names_file_models_rules_and_program() -> None:
    card = score(call(demo=True, notes=("文件头的长度不实",)), book((check(PASS), "1")))
    origin = card.provenance
    assert (origin.file_sha256, origin.demo, origin.program_version) == ("0123abcd" * 8, True, __version__)
    assert (origin.rule_book, origin.rule_book_version) == ("house", "7+0123456789ab")
    assert dict(origin.models) == {"asr": "tiny@ff00", "activity": "webrtcvad", "speakers": "channel"}
    assert card.notes == ("文件头的长度不实", "两个声道相同", "演示：文字由内置演示模型识别，结果不得用于考核")


def test_a_call_before_the_rules_took_effect_says_so() -> None:
    for day, due in ((datetime.date(2024, 3, 5), False), (datetime.date(2024, 3, 6), True)):
        notes = score(call(), book((check(PASS), "1"), effective_from=day)).notes
        assert ("通话日期 2024-03-05 早于规则书的生效日期 2024-03-06" in notes) == due


def test_the_number_of_a_call_comes_from_its_record_or_from_its_file_and_content() -> None:
    assert (call_id(call()), score(call(), book((check(PASS), "1"))).agent_id) == ("C-1", "8001")
    assert call_id(call(record=None)) == "a@0123abcd"
    assert score(call(record=None), book((check(PASS), "1"))).agent_id is None
    assert score(call(record=replace(RECORD, agent_id="")), book((check(PASS), "1"))).agent_id is None


def test_scoring_twice_gives_the_same_scorecard() -> None:
    rules = book((check(PASS, OPEN), "1.5"), (check(FAIL), "0.1"), (Check(_raises), "2"))
    assert score(call(), rules) == score(call(), rules)
