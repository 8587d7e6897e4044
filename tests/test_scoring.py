"""From a call and a rule book to a scorecard: what applies, what it is worth, and that no check can crash a call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from books import ADVISORY, ERROR, FAIL, NA, OPEN, PASS, RECORD, Check, book, call, check, day, finding, points, rule

from qa import __version__
from qa.rules.book import CallType, RuleBook, Variant
from qa.rules.expression import parse
from qa.rules.model import Severity, When
from qa.scoring import call_id, combine, score
from qa.types import Call, Finding, Outcome


def house(*rows: tuple[Any, str], **changes: Any) -> RuleBook:
    """A percent book of rules c0, c1 … with their weights."""
    return book(*(rule(f"c{i}", points(weight=w), module, clause=f"条款{i}") for i, (module, w) in enumerate(rows)), **changes)


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
    result = score(call(), house((check(*outcomes), "4"))).results[0]
    assert result.outcome is expected
    assert result.points == {PASS: 4.0, FAIL: 0.0}.get(expected)


def test_a_scorecard_carries_every_result_in_the_order_of_the_book() -> None:
    card = score(call(), house((check(PASS), "20"), (check(FAIL), "15"), (check(NA), "65")))
    assert [(r.check_id, r.title, r.clause, r.outcome, r.weight, r.points) for r in card] == [
        ("c0", "规则c0", "条款0", PASS, 20.0, 20.0),
        ("c1", "规则c1", "条款1", FAIL, 15.0, 0.0),
        ("c2", "规则c2", "条款2", NA, 65.0, None),
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
    card = score(call(), house((Check(run), "2"), (check(PASS), "3")))
    broken, sound = card.results
    assert (broken.outcome, broken.points, sound.outcome) == (ERROR, None, PASS)
    assert len(broken.findings) == kept + 1
    assert text in broken.findings[-1].message
    assert (card.percent, card.coverage) == (100.0, 0.6)
    assert "1 项检查程序出错，请报告管理员：规则c0" in card.notes


def test_the_default_house_rules_on_nothing_in_a_silent_call_and_breaks_nothing() -> None:
    from qa.rulebook import load

    card = score(call(), load("default"))
    assert len(card.results) == 6
    assert {r.outcome for r in card} <= {OPEN, NA}
    assert card.percent is None


def test_a_person_who_stops_the_program_stops_it() -> None:
    def stop(call: Call, params: Any) -> Iterator[Finding]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        score(call(), house((Check(stop), "1")))


# ------------------------------------------------------------------ what applies to a call


def _parrot(call: Call, params: Any) -> Iterator[Finding]:
    yield Finding(PASS, f"参数 {params}")


MORNING = When(hours=((480, 720),))


def test_a_rule_that_does_not_apply_is_not_run_and_says_why() -> None:
    never = rule("a", points(weight=5), Check(_raises), when=When(direction="out"))
    gone = rule("b", points(weight=5), Check(_raises), effective_until=day("2023-12-31"))
    card = score(call(), book(never, gone, rule("c", points(weight=1))))
    assert [(r.outcome, [f.message for f in r.findings]) for r in card][:2] == [
        (NA, ["通话为呼入，本条只用于呼出"]),
        (NA, ["本条施行至 2023-12-31 止，通话日期为 2024-03-05"]),
    ]
    assert (card.percent, card.coverage) == (100.0, 1.0)


def test_a_rule_of_which_nobody_knows_whether_it_applies_is_not_ruled_on() -> None:
    card = score(call(None), book(rule("a", points(weight=4), Check(_raises), when=MORNING), rule("b", points(weight=6))))
    assert (card.results[0].outcome, card.results[0].findings[0].message) == (OPEN, "没有话单，不知开始时刻")
    assert (card.percent, card.coverage) == (100.0, 0.6)


@pytest.mark.parametrize(("start", "asked"), [("2024-03-05T09:00:00", "早"), ("2024-03-05T15:00:00", "常")])
def test_the_variant_asks_with_its_own_parameters_title_and_clause(start: str, asked: str) -> None:
    early = Variant(MORNING, "早", "早上问候", "早上应说早上好。")
    greeting = rule("a", points(weight=1), Check(_parrot), variants=(early,), params="常", title="常上问候", clause="常上应说常上好。")
    found = score(call(replace(RECORD, start=start)), book(greeting)).results[0]
    assert (found.title, found.clause, found.findings[0].message) == (f"{asked}上问候", f"{asked}上应说{asked}上好。", f"参数 {asked}")
    assert found.check_id == "a"


def test_a_kind_of_call_that_cannot_be_looked_for_is_an_error_of_that_rule_alone() -> None:
    """The expression names a condition that the book does not have: a fault of the program, not a verdict."""
    broken = rule("a", points(weight=2), when=When(call_types=("complaint",)))
    card = score(call(), book(broken, rule("b", points(weight=8)), call_types=(CallType("complaint", "投诉", parse("nowhere")),)))
    assert [r.outcome for r in card] == [ERROR, PASS]
    assert card.percent == 100.0


def test_a_result_says_what_ran_where_it_counts_and_how_grave_it_is() -> None:
    card = score(call(), book(rule("a", module=check(FAIL, PASS, FAIL), kind="phrase", section="voice", severity=Severity.CRITICAL)))
    found = card.results[0]
    assert (found.kind, found.section, found.severity, found.occurrences) == ("phrase", "voice", "critical", 2)


# ------------------------------------------------------------------ what it is worth (the sums themselves: test_points.py)


@pytest.mark.parametrize(
    ("worth", "outcomes", "mode", "weight", "kept", "percent"),
    [
        (points(weight=4), (FAIL,), "percent", 4.0, 0.0, 0.0),
        (points(deduction=4), (PASS,), "deduction", 4.0, 4.0, 100.0),
        (points(deduction=4), (FAIL, FAIL), "deduction", 4.0, 0.0, 96.0),
        (points(deduction=4, per="occurrence"), (FAIL, FAIL), "deduction", 4.0, -4.0, 92.0),
        (points(deduction=4, per="occurrence", warn_first=1), (FAIL, FAIL), "deduction", 4.0, 0.0, 96.0),
        (points(deduction=4), (OPEN,), "deduction", 4.0, None, None),
        (points(deduction=4, veto="call"), (FAIL,), "deduction", 4.0, 0.0, 0.0),
        (None, (FAIL,), "none", 0.0, 0.0, None),
    ],
)
def test_results_and_total_show_the_points(
    worth: Any, outcomes: tuple[Outcome, ...], mode: str, weight: float, kept: float | None, percent: float | None
) -> None:
    card = score(call(), book(rule("a", worth, check(*outcomes)), mode=mode))
    assert (card.results[0].weight, card.results[0].points, card.percent) == (weight, kept, percent)


def test_a_bonus_stands_beside_its_worth() -> None:
    card = score(call(), book(rule("a", points(bonus=5)), rule("b", points(deduction=10), check(FAIL)), mode="deduction"))
    assert [(r.weight, r.points) for r in card] == [(5.0, 5.0), (10.0, 0.0)]
    assert card.percent == 95.0


def test_advisory_rules_are_shown_and_never_counted() -> None:
    card = score(call(), book(rule("a", points(weight=9), check(FAIL), severity=ADVISORY), rule("b", points(weight=1))))
    assert [(r.outcome, r.weight, r.points) for r in card] == [(FAIL, 0.0, 0.0), (PASS, 1.0, 1.0)]
    assert (card.percent, card.coverage) == (100.0, 1.0)


def test_what_the_agent_did_earlier_in_the_month_ends_the_warnings() -> None:
    rules = book(rule("a", points(deduction=2, per="occurrence", warn_first=1), check(FAIL)), mode="deduction")
    first, second = score(call(), rules), score(call(), rules, {"a": 1})
    assert (first.percent, first.results[0].points) == (100.0, 2.0)
    assert (second.percent, second.results[0].points) == (98.0, 0.0)
    assert "首次只警告：规则a" in first.notes and second.notes == ("两个声道相同",)


@pytest.mark.parametrize(("outcome", "note"), [(FAIL, "一票否决：规则v"), (OPEN, "一票否决项无法判定，总分以复核为准：规则v")])
def test_a_veto_is_noted(outcome: Outcome, note: str) -> None:
    assert note in score(call(), book(rule("v", points(veto="call"), check(outcome)), rule("b", points(weight=1)))).notes


def test_a_book_without_points_gives_no_total_and_says_nothing_of_it() -> None:
    card = score(call(), book(rule("a"), mode="none"))
    assert (card.percent, card.coverage, card.notes) == (None, 1.0, ("两个声道相同",))


# ------------------------------------------------------------------ coverage, notes, provenance


@pytest.mark.parametrize(("unheard", "points"), [("4", 100.0), ("4.000001", None)])
def test_below_the_least_coverage_there_is_no_score(unheard: str, points: float | None) -> None:
    card = score(call(), house((check(PASS), "6"), (check(OPEN), unheard)))
    assert card.percent == points
    assert ("可判定的部分只占 59.9%，低于规则书要求的 60%，不给总分" in card.notes) == (points is None)
    assert "1 项无法判定，请人工复核：规则c1" in card.notes


def test_thirds_reach_a_least_coverage_of_two_thirds_only_if_it_is_not_rounded_up() -> None:
    rows = ((check(PASS), "2"), (check(OPEN), "1"))
    assert score(call(), house(*rows, min_coverage="0.6666666")).percent == 100.0
    assert score(call(), house(*rows, min_coverage="0.6666667")).percent is None


def test_a_call_to_which_nothing_applies_has_full_coverage_and_no_score() -> None:
    card = score(call(), house((check(NA), "1")))
    assert (card.percent, card.coverage) == (None, 1.0)
    assert card.notes == ("两个声道相同", "没有一项适用于此通话，不给总分")


def test_provenance_names_file_models_rules_and_program() -> None:
    card = score(call(demo=True, notes=("文件头的长度不实",)), house((check(PASS), "1")))
    origin = card.provenance
    assert (origin.file_sha256, origin.demo, origin.program_version) == ("0123abcd" * 8, True, __version__)
    assert (origin.rule_book, origin.rule_book_version) == ("house", "7+0123456789ab")
    assert dict(origin.models) == {"asr": "tiny@ff00", "activity": "webrtcvad", "speakers": "channel"}
    assert card.notes == ("文件头的长度不实", "两个声道相同", "演示：文字由内置演示模型识别，结果不得用于考核")


@pytest.mark.parametrize(
    ("dates", "note"),
    [
        ({"effective_from": day("2024-03-05"), "effective_until": day("2024-03-05")}, None),
        ({"effective_from": day("2024-03-06")}, "通话日期 2024-03-05 早于规则书的生效日期 2024-03-06"),
        ({"effective_until": day("2024-03-04")}, "通话日期 2024-03-05 晚于规则书的失效日期 2024-03-04"),
    ],
)
def test_a_call_on_a_day_on_which_the_book_is_not_in_force_says_so(dates: dict[str, Any], note: str | None) -> None:
    late = replace(RECORD, start="2024-03-04T22:00:00+00:00")  # the 5th in China
    for record in (RECORD, late):
        notes = score(call(record), house((check(PASS), "1"), **dates)).notes
        assert notes == (("两个声道相同",) if note is None else ("两个声道相同", note))
    unknown = score(call(replace(RECORD, start="坏")), house((check(PASS), "1"), **dates))
    assert (unknown.percent, unknown.notes) == (100.0, ("两个声道相同",))


def test_the_number_of_a_call_comes_from_its_record_or_from_its_file_and_content() -> None:
    assert (call_id(call()), score(call(), house((check(PASS), "1"))).agent_id) == ("C-1", "8001")
    assert call_id(call(record=None)) == "a@0123abcd"
    assert score(call(record=None), house((check(PASS), "1"))).agent_id is None
    assert score(call(record=replace(RECORD, agent_id="")), house((check(PASS), "1"))).agent_id is None


def test_scoring_twice_gives_the_same_scorecard() -> None:
    rules = house((check(PASS, OPEN), "1.5"), (check(FAIL), "0.1"), (Check(_raises), "2"))
    assert score(call(), rules) == score(call(), rules)
