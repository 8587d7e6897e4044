"""Seats of the traffic tables: plans, Erlang C; and that the page about the traffic tables is true."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from pathlib import Path

import pytest

from qa import logchecks
from qa.errors import TrafficError
from qa.log_examples import parse
from qa.log_scoring import run_examples
from qa.rulebook import load
from qa.traffic import capacity
from qa.traffic.capacity import TrafficParams
from qa.traffic.days import summarise
from qa.traffic.seats import Seats, read_plan
from qa.types.log import CallLog

DAY = datetime.date


# ---------------------------------------------------------------- capacity


def erlang_c(seats: int, erlangs: float) -> float:
    """The formula as it is printed, in whole sums."""
    last = erlangs**seats / math.factorial(seats) * seats / (seats - erlangs)
    return last / (sum(erlangs**n / math.factorial(n) for n in range(seats)) + last)


@pytest.mark.parametrize(("seats", "erlangs"), [(1, 0.5), (2, 1.0), (10, 8.0), (14, 10.0), (55, 50.0)])
def test_erlang_c_is_the_printed_formula(seats: int, erlangs: float) -> None:
    assert capacity.wait_probability(seats, erlangs) == pytest.approx(erlang_c(seats, erlangs), rel=1e-9)


def test_erlang_c_at_its_ends() -> None:
    assert capacity.wait_probability(2, 1.0) == pytest.approx(1 / 3)  # Erlang's own example
    assert capacity.wait_probability(5, 5.0) == 1.0 and capacity.wait_probability(5, 0.0) == 0.0
    assert capacity.wait_probability(2000, 1900.0) < 1.0  # no overflow


def test_bearable_is_the_last_number_that_keeps_the_promise() -> None:
    params = TrafficParams(occupancy=1.0)
    most = capacity.bearable(10, 180.0, params)
    assert most is not None

    def level(calls: float) -> float:
        return capacity.answered_within(10, calls * 180 / 3600, params.answer_s, 180.0)

    assert level(most) >= params.service_level > level(most + 1)
    assert capacity.bearable(10, None, params) is None
    assert capacity.bearable(0, 180.0, params) == 0.0
    assert capacity.bearable(10, None, TrafficParams(slot_min=30, calls_per_seat_hour=12)) == 60.0


# ---------------------------------------------------------------- seats


def _plan(folder: Path, text: str) -> Path:
    path = folder / "plan.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_nearest_line_of_a_plan_counts(tmp_path: Path) -> None:
    text = "日期,时段,坐席数\n2025-03-03,09:00-12:00,9\n星期一,09:00-18:00,6\n工作日,09:00-18:00,5\n每天,00:00-24:00,1\n"
    plan = read_plan(_plan(tmp_path, text))
    monday = [plan.seats(DAY(2025, 3, 3), slot, 60) for slot in (8, 9, 11, 12)]
    assert monday == [0, 9, 9, 0]  # the day's own lines alone
    assert plan.seats(DAY(2025, 3, 10), 9, 60) == 6 and plan.seats(DAY(2025, 3, 11), 9, 60) == 5
    assert plan.seats(DAY(2025, 3, 9), 9, 60) == 1
    assert plan.seats(DAY(2025, 3, 10), 17, 60) == 6 and plan.seats(DAY(2025, 3, 10), 18, 60) == 0


def test_a_slot_has_its_least_minute(tmp_path: Path) -> None:
    plan = read_plan(_plan(tmp_path, "日期,时段,坐席数\n每天,09:30-18:00,5\n每天,09:00-12:00,2\n每天,22:00-06:00,1\n"))
    assert [plan.seats(DAY(2025, 3, 3), slot, 60) for slot in (9, 10, 23, 3, 7)] == [2, 7, 1, 1, 0]


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("日期,时段\n", 1, "缺少坐席数一列"),
        ("日期,时段,坐席数\n下周一,09:00-18:00,5\n", 2, "认不出来"),
        ("日期,时段,坐席数\n每天,9点到18点,5\n", 2, "不是一段时间"),
        ("日期,时段,坐席数\n每天,09:00-18:00,五\n", 2, "应为 0 到 10000 的整数"),
        ("日期,时段,坐席数\n每天,09:00-18:00,-1\n", 2, "应为 0 到 10000 的整数"),
    ],
)
def test_a_faulty_plan_is_told_at_its_line(tmp_path: Path, text: str, line: int, cause: str) -> None:
    with pytest.raises(TrafficError) as caught:
        read_plan(_plan(tmp_path, text))
    assert caught.value.subject.endswith(f":{line}") and cause in caught.value.cause


def test_seats_without_a_plan_are_the_agents_who_took_calls_and_it_is_said() -> None:
    script = "2025-03-03 09:10 呼入 13800000001 接通 通话=60 坐席=1001\n2025-03-03 09:20 呼出 13800000002 接通 通话=60 坐席=1002"
    (day,) = summarise(parse(script + "\n2025-03-03 09:30 呼入 13800000003 放弃"), 60)
    seats = Seats((day,), 60)
    assert (seats.was(day, 9), seats.was(day, 10)) == (2, 0)
    assert "没有排班表" in seats.words
    (empty,) = summarise(CallLog(DAY(2025, 3, 4), DAY(2025, 3, 4), ()), 60)
    assert seats.was(empty, 9) is None  # nobody knows


# ---------------------------------------------------------------- the page about it

PAGE = (Path(__file__).parents[1] / "docs" / "traffic.md").read_text(encoding="utf-8")
HEAD = '[profile]\nid = "h"\ntitle = "t"\nversion = "1"\n[checks.speech_rate]\nclause = "c"\n'


@pytest.mark.parametrize("check_id", logchecks.registry())
def test_every_parameter_is_explained_with_its_default(check_id: str) -> None:
    section = PAGE.partition(f"### `{check_id}`")[2].partition("\n### ")[0]
    explained = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    params = vars(logchecks.registry()[check_id].Params())
    assert set(explained) == set(params)
    figures = {name: value for name, value in params.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    assert {name: float(explained[name]) for name in figures} == figures


def test_every_key_of_traffic_is_explained() -> None:
    section = PAGE.partition("`[traffic]` of the rule book")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {field.name for field in dataclasses.fields(TrafficParams)}


@pytest.mark.parametrize("snippet", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL), ids=lambda s: s.split("\n")[0])
def test_every_example_of_the_page_is_valid_and_comes_true(snippet: str, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(HEAD + snippet, encoding="utf-8")
    book = load(tmp_path)
    assert {f"[log_checks.{rule.id}]" for rule in book.log_rules} == set(re.findall(r"^\[log_checks\.\w+\]", snippet, re.MULTILINE))
    assert [ran.failing for ran in run_examples(book) if ran.failing] == []


def test_the_plan_of_the_page_is_read(tmp_path: Path) -> None:
    text = re.search(r"```\n(日期,.*?)```", PAGE, re.DOTALL)
    assert text is not None
    plan = read_plan(_plan(tmp_path, text[1]))
    assert [plan.seats(DAY(2025, 3, n), 9, 60) for n in (2, 3, 4, 10)] == [2, 12, 8, 10]
