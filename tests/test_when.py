"""When a rule holds: every key against calls by hand, three-valued, and which variant is chosen."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from books import RECORD, book, call, day, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.check_examples import Scene
from qa.rules.book import CallType, Rule, Variant
from qa.rules.conditions import Found, Situation
from qa.rules.expression import Truth, parse
from qa.rules.model import Condition, Holiday, Regex, When, Who
from qa.rules.open_hours import OpenHours
from qa.rules.when import choose, holds, in_effect, started, why_not
from qa.types import Span

YES, NO, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
EMPTY = book()


def at(start: str | None, **changes: Any) -> Any:
    return call(replace(RECORD, start=start, **changes))


MORNING = ((8 * 60 + 30, 12 * 60),)
NIGHT = ((22 * 60, 6 * 60),)


@pytest.mark.parametrize(
    ("when", "start", "expected"),
    [
        (When(), "2024-03-05T09:00:00", YES),
        (When(direction="in"), "2024-03-05T09:00:00", YES),
        (When(direction="out"), "2024-03-05T09:00:00", NO),
        (When(hours=MORNING), "2024-03-05T08:29:59.999", NO),
        (When(hours=MORNING), "2024-03-05T08:30:00", YES),
        (When(hours=MORNING), "2024-03-05T11:59:59.999", YES),
        (When(hours=MORNING), "2024-03-05T12:00:00", NO),
        (When(hours=NIGHT), "2024-03-05T22:00:00", YES),
        (When(hours=NIGHT), "2024-03-05T05:59:00", YES),
        (When(hours=NIGHT), "2024-03-05T06:00:00", NO),
        (When(hours=(*MORNING, (13 * 60, 17 * 60 + 30))), "2024-03-05T17:29:00", YES),
        (When(hours=((0, 1440),)), "2024-03-05T23:59:59", YES),
        (When(weekdays=(2,)), "2024-03-05T09:00:00", YES),  # a Tuesday
        (When(weekdays=(1, 3, 4, 5, 6, 7)), "2024-03-05T09:00:00", NO),
        (When(day="workday"), "2024-02-04T09:00:00", YES),  # a Sunday, worked for the Spring Festival
        (When(day="restday"), "2024-02-12T09:00:00", YES),  # a Monday of it
        (When(day="workday"), "2024-02-12T09:00:00", NO),
        (When(day="workday"), "2099-02-12T09:00:00", UNKNOWN),
        (When(dates=((day("2024-03-05"), day("2024-03-05")),)), "2024-03-05T23:59:59", YES),
        (When(dates=((day("2024-03-06"), day("2024-03-07")),)), "2024-03-05T23:59:59", NO),
        (When(holidays=("spring_festival",)), "2024-02-17T09:00:00", YES),
        (When(holidays=("spring_festival",)), "2024-02-18T09:00:00", NO),
        (When(holidays=("spring_festival",)), "2099-02-18T09:00:00", UNKNOWN),
        (When(lines=("4001234567",)), "2024-03-05T09:00:00", YES),
        (When(lines=("800", "400*")), "2024-03-05T09:00:00", YES),
        (When(lines=("400",)), "2024-03-05T09:00:00", NO),
        (When(hours=MORNING, weekdays=(2,), direction="in"), "2024-03-05T09:00:00", YES),
        (When(hours=MORNING, weekdays=(3,), direction="in"), "2024-03-05T09:00:00", NO),
        (When(hours=MORNING), None, UNKNOWN),
        (When(weekdays=(2,)), "上午九点", UNKNOWN),
        (When(dates=((day("2024-03-05"), day("2024-03-05")),)), "", UNKNOWN),
        (When(hours=MORNING, direction="in"), None, UNKNOWN),
        (When(hours=MORNING, direction="out"), None, NO),  # the hour cannot save it
        (When(direction="in", lines=("4001234567",)), None, YES),
    ],
)
def test_keys(when: When, start: str | None, expected: Truth) -> None:
    assert holds(when, at(start), EMPTY) is expected


FRIDAY_NIGHT = When(weekdays=(5,), hours=((18 * 60, 2 * 60),))


@pytest.mark.parametrize(
    ("when", "start", "expected"),
    [
        (FRIDAY_NIGHT, "2024-03-08T17:59:00", NO),
        (FRIDAY_NIGHT, "2024-03-08T18:00:00", YES),
        (FRIDAY_NIGHT, "2024-03-09T01:59:00", YES),  # Saturday, in what began on Friday
        (FRIDAY_NIGHT, "2024-03-09T02:00:00", NO),
        (FRIDAY_NIGHT, "2024-03-08T01:00:00", NO),  # Friday, in what began on Thursday
        (FRIDAY_NIGHT, "2024-03-09T18:00:00", NO),
        (When(dates=((day("2024-03-08"), day("2024-03-08")),), hours=NIGHT), "2024-03-09T05:59:00", YES),
        (When(dates=((day("2024-03-08"), day("2024-03-08")),), hours=NIGHT), "2024-03-08T05:59:00", NO),
        (When(day="workday", hours=NIGHT), "2024-02-10T05:59:00", YES),  # the first day of the Spring Festival, after a day of work
        (When(holidays=("spring_festival",), hours=NIGHT), "2024-02-18T05:59:00", YES),
        (When(holidays=("spring_festival",), hours=NIGHT), "2024-02-10T05:59:00", NO),
        (When(weekdays=(5,), hours=((22 * 60, 6 * 60), (0, 8 * 60))), "2024-03-08T05:00:00", YES),  # in Friday's own hours
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(when: When, start: str, expected: Truth) -> None:
    """As the ``open`` hours of the call log."""
    assert holds(when, at(start), EMPTY) is expected
    told = why_not(rule("a", when=when), at(start), EMPTY)
    assert bool(told) is (expected is NO)
    assert OpenHours(when).at(datetime.datetime.fromisoformat(start)) is expected


def test_why_a_call_after_midnight_is_none_of_the_evening_before() -> None:
    told = why_not(rule("a", when=FRIDAY_NIGHT), at("2024-03-08T01:00:00"), EMPTY)
    assert told == "通话始于 2024-03-08 01:00，属于前一天的时段；2024-03-07 是星期四，本条只用于星期五"


@pytest.mark.parametrize(
    "when",
    [
        When(direction="in"),
        When(hours=MORNING),
        When(weekdays=(1,)),
        When(day="workday"),
        When(holidays=("labour",)),
        When(lines=("400*",)),
    ],
)
def test_without_a_call_record_nothing_is_known(when: When) -> None:
    assert holds(when, call(None), EMPTY) is UNKNOWN
    assert why_not(rule("a", when=when), call(None), EMPTY).startswith("没有话单")
    assert holds(When(), call(None), EMPTY) is YES


def test_a_record_without_a_line_does_not_tell_the_line() -> None:
    of = at("2024-03-05T09:00:00", line_number=" ")
    assert holds(When(lines=("400*",)), of, EMPTY) is UNKNOWN
    assert holds(When(lines=("400*",), weekdays=(3,)), of, EMPTY) is NO  # on no line is it a Wednesday


def test_the_clock_is_the_houses() -> None:
    """23:30 UTC of 4 March is 07:30 of 5 March in China; a time without a zone is taken as it stands."""
    assert holds(When(hours=((450, 451),), dates=((day("2024-03-05"), day("2024-03-05")),)), at("2024-03-04T23:30:00Z"), EMPTY) is YES
    assert holds(When(hours=((23 * 60 + 30, 1440),)), at("2024-03-04T23:30:00+08:00"), EMPTY) is YES
    assert str(started(at("2024-03-04T23:30:00"))) == "2024-03-04 23:30:00"
    assert started(at("9999-12-31T23:00:00-08:00")) is None


def test_the_books_own_holidays_count() -> None:
    house = book(holidays=(Holiday("founding", "司庆", ((day("2024-03-05"), day("2024-03-05")),)),))
    assert holds(When(holidays=("founding",)), at("2024-03-05T09:00:00"), house) is YES
    why = why_not(rule("a", when=When(holidays=("founding", "labour"))), at("2024-03-06T09:00:00"), house)
    assert why == "2024-03-06 不在司庆、劳动节期间"


@pytest.mark.parametrize(
    ("start", "expected", "why"),
    [
        ("2024-02-29T23:59:59", NO, "本条自 2024-03-01 起施行，通话日期为 2024-02-29"),
        ("2024-03-01T00:00:00", YES, ""),
        ("2024-12-31T23:59:59", YES, ""),
        ("2025-01-01T00:00:00", NO, "本条施行至 2024-12-31 止，通话日期为 2025-01-01"),
        (None, UNKNOWN, "话单没有可用的开始时刻，不知通话日期，不知本条当日是否有效"),
    ],
)
def test_effective_dates_are_inclusive(start: str | None, expected: Truth, why: str) -> None:
    dated = rule("a", effective_from=day("2024-03-01"), effective_until=day("2024-12-31"))
    assert in_effect(dated, at(start)).truth is expected
    assert choose(dated, at(start), EMPTY) == (dated, expected)
    assert why_not(dated, at(start), EMPTY) == why


# ---------------------------------------------------------------- kinds of calls


COMPLAINS, REPORTS = (Condition(name, Regex(text), who=Who.CUSTOMER) for name, text in (("complains", "投诉"), ("reports", "报修")))
HOUSE = book(
    conditions=(COMPLAINS, REPORTS),
    call_types=(CallType("complaint", "投诉", parse("complains")), CallType("fault", "报修", parse("reports and not complains"))),
)


@pytest.mark.parametrize(
    ("complains", "reports", "wanted", "expected"),
    [
        (YES, NO, ("complaint",), YES),
        (NO, YES, ("complaint",), NO),
        (UNKNOWN, YES, ("complaint",), UNKNOWN),
        (UNKNOWN, NO, ("fault",), NO),
        (UNKNOWN, YES, ("fault",), UNKNOWN),
        (UNKNOWN, YES, ("complaint", "fault"), UNKNOWN),
        (YES, UNKNOWN, ("complaint", "fault"), YES),
    ],
)
def test_kinds_of_calls_are_expressions_over_the_books_conditions(
    monkeypatch: pytest.MonkeyPatch, complains: Truth, reports: Truth, wanted: tuple[str, ...], expected: Truth
) -> None:
    values = {"complains": Found(complains, (), Span(0, 0), "听不清"), "reports": Found(reports, (), Span(0, 0), "听不清")}
    monkeypatch.setattr(Situation, "named", lambda here, name, favour: values[name])
    asked = rule("a", when=When(call_types=wanted))
    assert choose(asked, call(), HOUSE) == (asked, expected)
    assert why_not(asked, call(), HOUSE).endswith({YES: "", NO: "电话", UNKNOWN: "电话：听不清"}[expected])


def test_what_the_customer_says_makes_the_kind_of_call() -> None:
    def said(text: str) -> Any:
        return Scene(f"坐席 0.5-4 您好，很高兴为您服务。\n客户 4.5-9 {text}\n坐席 9.5-12 好的，请您稍等。")()

    kinds = {text: [holds(When(call_types=(kind,)), said(text), HOUSE) for kind in ("complaint", "fault")] for text in
             ("我要投诉你们的态度。", "你好，我要报修热水器。", "我要报修，还要投诉。")}  # fmt: skip
    assert list(kinds.values()) == [[YES, NO], [NO, YES], [YES, NO]]


# ---------------------------------------------------------------- variants


def _with_variants(*whens: When, **changes: Any) -> Rule:
    variants = tuple(Variant(when, f"参数{i}", f"题{i}", f"句{i}") for i, when in enumerate(whens))
    return rule("a", variants=variants, **changes)


SPRING, NATIONAL, EVENING = When(holidays=("spring_festival",)), When(holidays=("national",)), When(hours=((1080, 1440),))


@pytest.mark.parametrize(
    ("start", "chosen"),
    [
        ("2024-02-12T09:00:00", "参数0"),
        ("2024-10-02T09:00:00", "参数1"),
        ("2024-10-02T19:00:00", "参数1"),  # the first that holds
        ("2024-03-05T19:00:00", "参数2"),
    ],
)
def test_the_first_variant_that_holds_is_chosen(start: str, chosen: str) -> None:
    found, truth = choose(_with_variants(SPRING, NATIONAL, EVENING), at(start), EMPTY)
    assert (found.params, truth) == (chosen, YES)


def test_where_no_variant_holds_the_rules_own_parameters_count() -> None:
    asked = _with_variants(SPRING, NATIONAL, EVENING)
    assert choose(asked, at("2024-03-05T09:00:00"), EMPTY) == (asked, YES)


def test_a_variant_that_nobody_knows_of_leaves_the_demand_unknown() -> None:
    asked = _with_variants(SPRING, EVENING)
    assert choose(asked, call(None), EMPTY)[1] is UNKNOWN
    assert why_not(asked, call(None), EMPTY) == "不知应按哪一种要求：没有话单，不知开始时刻"
    assert choose(_with_variants(EVENING, SPRING), at("2099-02-12T19:00:00"), EMPTY)[1] is YES  # decided before it matters
    assert choose(_with_variants(SPRING, EVENING), at("2099-02-12T19:00:00"), EMPTY)[1] is UNKNOWN


def test_the_rules_own_when_goes_before_its_variants() -> None:
    asked = _with_variants(EVENING, when=When(direction="out"))
    assert choose(asked, at("2024-03-05T19:00:00"), EMPTY) == (asked, NO)
    assert why_not(asked, at("2024-03-05T19:00:00"), EMPTY) == "通话为呼入，本条只用于呼出"


KEYS = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["in", "out"]),
        "hours": st.just(MORNING),
        "weekdays": st.just((2, 3)),
        "day": st.sampled_from(["workday", "restday"]),
        "holidays": st.just(("labour",)),
        "lines": st.just(("400*",)),
    },
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(KEYS, st.sampled_from(["2024-03-05T09:00:00", "2024-05-01T13:00:00", "2099-01-01T09:00:00", None]), st.booleans())
def test_several_keys_hold_as_the_falsest_of_them(keys: dict[str, Any], start: str | None, recorded: bool) -> None:
    of = at(start) if recorded else call(None)
    alone = [holds(When(**{name: value}), of, EMPTY) for name, value in keys.items()]
    assert holds(When(**keys), of, EMPTY) is min(alone, default=YES)
