"""Public holidays and working days against the announcements of the State Council, and what nobody announced yet."""

from __future__ import annotations

import datetime

import pytest
from books import day
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.rules import calendar
from qa.rules.expression import Truth
from qa.rules.model import Holiday

YES, NO, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN

# 国务院办公厅关于2025年部分节假日安排的通知 (国办发明电〔2024〕12号)
BREAKS_2025 = {
    "new_year": ("2025-01-01", "2025-01-01"),
    "spring_festival": ("2025-01-28", "2025-02-04"),
    "qingming": ("2025-04-04", "2025-04-06"),
    "labour": ("2025-05-01", "2025-05-05"),
    "dragon_boat": ("2025-05-31", "2025-06-02"),
    "mid_autumn": ("2025-10-06", "2025-10-06"),
    "national": ("2025-10-01", "2025-10-08"),
}
MADE_UP_2025 = {day(text) for text in ("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11")}


def days_of(year: int) -> list[datetime.date]:
    first = datetime.date(year, 1, 1)
    return [first + datetime.timedelta(i) for i in range(365)]


def test_every_day_of_2025_is_as_announced() -> None:
    for today in days_of(2025):
        for name, (first, last) in BREAKS_2025.items():
            inside = day(first) <= today <= day(last)
            if name == "national":
                inside = inside and today != day("2025-10-06")  # the calendar calls that day by its festival
            assert calendar.on_holiday(today, [name]) is (YES if inside else NO), (today, name)


def test_every_working_day_of_2025_is_as_announced() -> None:
    for today in days_of(2025):
        rest = any(day(first) <= today <= day(last) for first, last in BREAKS_2025.values())
        works = today in MADE_UP_2025 or (today.isoweekday() <= 5 and not rest)
        assert calendar.workday(today) is (YES if works else NO), today


def test_a_festival_within_another_break_is_both_where_they_fall_on_one_day() -> None:
    assert calendar.holidays(day("2020-10-01")) == {"national", "mid_autumn"}
    assert calendar.on_holiday(day("2012-06-23"), ["dragon_boat"]) is YES


def test_a_day_of_rest_that_is_none_of_the_holidays() -> None:
    """3 September 2015, the parade: nobody works, and no greeting of a holiday is due."""
    assert calendar.workday(day("2015-09-03")) is NO
    assert calendar.holidays(day("2015-09-03")) == frozenset()


def test_years_without_data_are_unknown() -> None:
    first, last = calendar.known()
    assert first == day("2004-01-01") and last.year >= 2026
    for today in (first - datetime.timedelta(1), last + datetime.timedelta(1), day("1999-10-01"), day("2099-01-04")):
        assert calendar.workday(today) is UNKNOWN
        assert calendar.holidays(today) is None
        assert calendar.on_holiday(today, list(calendar.TITLES)) is UNKNOWN
    for today in (first, last):
        assert calendar.workday(today) is not UNKNOWN and calendar.holidays(today) is not None


def test_the_last_days_of_the_last_year_wait_for_the_next_announcement() -> None:
    """In 2018 Saturday the 29 December was worked for the break of 2019: so it may be again."""
    assert calendar.workday(day("2018-12-29")) is YES
    _, last = calendar.known()
    assert calendar.workday(last.replace(day=29)) is UNKNOWN


SPRING = Holiday("spring_festival", "春节（我司）", ((day("2025-01-25"), day("2025-02-12")),))
FOUNDING = Holiday("founding", "司庆", ((day("2030-06-01"), day("2030-06-02")), (day("2031-06-01"), day("2031-06-01"))))


@pytest.mark.parametrize(
    ("text", "ids", "expected"),
    [
        ("2025-01-25", ["spring_festival"], YES),
        ("2025-02-12", ["spring_festival"], YES),
        ("2025-02-13", ["spring_festival"], NO),
        ("2025-10-01", ["national"], YES),  # the others stay the calendar's
        ("2024-02-10", ["spring_festival"], YES),  # and so do the years that the book says nothing of
        ("2099-02-10", ["spring_festival"], UNKNOWN),
        ("2030-06-02", ["founding"], YES),
        ("2030-06-03", ["founding"], NO),
        ("2099-06-01", ["founding"], NO),
        ("2099-06-01", ["founding", "labour"], UNKNOWN),
        ("2030-06-01", ["labour", "founding"], YES),
        ("2025-01-25", [], NO),
    ],
)
def test_the_books_own_holidays_replace_those_of_the_same_id(text: str, ids: list[str], expected: Truth) -> None:
    assert calendar.on_holiday(day(text), ids, (SPRING, FOUNDING)) is expected


def test_a_break_over_new_years_eve_belongs_to_the_year_in_which_it_ends() -> None:
    own = (Holiday("new_year", "元旦", ((day("2025-12-30"), day("2026-01-02")),)),)
    found = {text: calendar.on_holiday(day(text), ["new_year"], own) for text in ("2025-01-01", "2025-12-30", "2026-01-02", "2026-01-03")}
    assert found == {"2025-01-01": YES, "2025-12-30": YES, "2026-01-02": YES, "2026-01-03": NO}


def test_titles_are_the_books_before_the_calendars() -> None:
    assert calendar.title("spring_festival", (SPRING,)) == "春节（我司）"
    assert calendar.title("spring_festival") == "春节"


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.dates(datetime.date(1990, 1, 1), datetime.date(2060, 12, 31)), st.lists(st.sampled_from(list(calendar.TITLES)), max_size=4))
def test_several_holidays_hold_as_the_truest_of_them(today: datetime.date, ids: list[str]) -> None:
    assert calendar.on_holiday(today, ids) is max((calendar.on_holiday(today, [name]) for name in ids), default=NO)
