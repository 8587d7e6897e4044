"""The traffic tables: days in short, the forecast and its error, the five tables, workbook, page and command."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from commands import Run
from report_pages import Page

from qa.errors import TrafficError
from qa.log_examples import parse
from qa.log_scoring import LogResult
from qa.logfacts import finding
from qa.rulebook import load
from qa.rules.model import When
from qa.rules.open_hours import OpenHours
from qa.traffic import forecast, generator, tables
from qa.traffic.capacity import TrafficParams
from qa.traffic.days import Day, slot_name, summaries, summarise
from qa.traffic.page import page
from qa.traffic.shown import cell_text, finding_rows, sheets
from qa.traffic.workbook import workbook
from qa.types import Outcome, Row
from qa.types.log import CallLog

DAY = datetime.date
MARCH = (DAY(2024, 12, 1), DAY(2025, 3, 20))


@pytest.fixture(scope="module")
def log() -> CallLog:
    return generator.generate(*MARCH, seed=5, scene=generator.Scene(calls=60))


@pytest.fixture(scope="module")
def days(log: CallLog) -> tuple[Day, ...]:
    return summarise(log, 60)


@pytest.fixture(scope="module")
def traffic(days: tuple[Day, ...]) -> tables.Traffic:
    return tables.build(days, DAY(2025, 3, 1), TrafficParams(), {"1001": "张三"})


def history(since: DAY, until: DAY, seed: int) -> dict[DAY, int | None]:
    counts = generator.counts(since, until, seed)
    return {since + datetime.timedelta(n): count for n, count in enumerate(counts)}


# ---------------------------------------------------------------- days


def test_a_day_in_short() -> None:
    rows = (
        "2025-03-03 09:10 呼入 13800000001 接通 等待=10 通话=60 坐席=1001",
        "2025-03-03 09:50 呼入 13800000002 转出 到=13500001111",
        "2025-03-03 10:00 呼入 13800000003 放弃 等待=20",
        "2025-03-03 10:10 呼出 13800000004 接通 通话=30 坐席=1001",
        "2025-03-03 10:20 呼入 13800000005 接通 坐席=1002",
        "2025-03-03 ??:?? 呼入 13800000006 接通 坐席=1002",
    )
    (day,) = summarise(parse("\n".join(rows)), 60)
    assert (day.calls, day.answered, day.rows, day.talks, day.talk_s) == (4, 3, 5, 1, 60.0)
    assert {slot: (s.calls, s.answered, sorted(s.agents)) for slot, s in day.slots.items()} == {
        9: (2, 2, ["1001"]),
        10: (2, 1, ["1001", "1002"]),
    }
    assert (day.agents["1001"].answered, day.agents["1001"].outgoing, day.agents["1001"].talk_s) == (1, 1, 90.0)
    assert slot_name(19, 30) == "09:30–10:00"


def test_days_read_week_by_week_are_the_same(log: CallLog, days: tuple[Day, ...]) -> None:
    def part(low: DAY, high: DAY) -> CallLog:
        return CallLog(low, high, tuple(c for c in log.calls if low.isoformat() <= (c.start or "")[:10] <= high.isoformat()))

    assert summaries(part, *MARCH, 60) == days


def test_a_day_that_was_not_imported_or_not_over_is_no_zero() -> None:
    quiet = [f"2025-03-{day:02d} 09:00 呼入 13800000001 接通 通话=60" for day in (3, 4, 5, 10, 12, 17, 18, 19)]
    made = parse("\n".join(quiet), as_of="2025-03-19T12:00:00")
    counted = tables.counts(summarise(made, 60))
    assert counted[DAY(2025, 3, 11)] is None  # the other Tuesdays have calls
    assert counted[DAY(2025, 3, 9)] == 0  # no Sunday has any
    assert counted[DAY(2025, 3, 19)] is None and counted[DAY(2025, 3, 18)] == 1


# ---------------------------------------------------------------- forecast


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_forecast_is_better_than_last_weeks_day(seed: int) -> None:
    found = forecast.errors(history(DAY(2024, 9, 1), DAY(2025, 3, 31), seed))
    assert found is not None and found.n == 28
    assert found.mape is not None and found.naive_mape is not None
    assert found.mae < found.naive_mae and found.mape < found.naive_mape
    assert found.mape < 12


def test_the_forecast_knows_holidays_make_up_days_and_the_day_after() -> None:
    past = history(DAY(2024, 4, 1), DAY(2025, 3, 31), 4)
    days = [DAY(2025, 3, 31) + datetime.timedelta(n) for n in range(1, 38)]
    found = {one.date: one for one in forecast.forecast(past, days)}
    usual = found[DAY(2025, 4, 23)].calls
    assert found[DAY(2025, 5, 1)].calls < 0.55 * usual  # Labour Day, a Thursday
    assert found[DAY(2025, 4, 27)].calls > 0.8 * usual  # a Sunday that is worked
    assert found[DAY(2025, 5, 6)].calls > 1.3 * usual  # the first day back
    assert all(one.low < one.calls < one.high for one in found.values())
    assert {one.note for one in found.values()} == {""}


def test_what_the_history_cannot_tell_is_said() -> None:
    short = history(DAY(2025, 2, 10), DAY(2025, 3, 31), 4)  # without a holiday
    (feast,) = forecast.forecast(short, [DAY(2025, 4, 4)])
    assert "历史中没有节假日" in feast.note
    later = {DAY(2049, 3, 1) + datetime.timedelta(n): 100 + n % 7 for n in range(40)}
    (unknown,) = forecast.forecast(later, [DAY(2049, 4, 12)])
    assert "放假安排没有公布" in unknown.note


def test_the_forecast_takes_missing_days_and_closed_sundays() -> None:
    past = history(DAY(2024, 12, 1), DAY(2025, 3, 30), 6)
    holed = {day: None if day.day in (11, 12) else 0 if day.isoweekday() == 7 else count for day, count in past.items()}
    ahead = [DAY(2025, 3, 31) + datetime.timedelta(n) for n in range(14)]
    whole, found = forecast.forecast(past, ahead), forecast.forecast(holed, ahead)
    assert found[13].calls < 5 < whole[13].calls  # an ordinary Sunday
    assert found[1].calls == pytest.approx(whole[1].calls, rel=0.1)


def test_too_short_a_history_is_no_forecast() -> None:
    past = history(DAY(2025, 3, 1), DAY(2025, 3, 20), 1)
    with pytest.raises(TrafficError, match="只有 20 天"):
        forecast.forecast(past, [DAY(2025, 3, 21)])
    assert forecast.errors(past) is None


def test_without_the_library_the_tables_stand_and_say_what_to_install(days: tuple[Day, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("statsmodels")] + ["statsmodels"]:
        monkeypatch.setitem(sys.modules, name, None)
    made = tables.build(days, DAY(2025, 3, 1), TrafficParams())
    assert made.loads == () and made.errors is None and made.seats
    assert any("qa-callcentre[traffic]" in note for note in made.notes)
    assert all(row.expected is None for row in made.days_against)


def test_the_naive_forecast_looks_at_nothing_after_its_origin() -> None:
    past: dict[DAY, int | None] = {DAY(2025, 3, 3): 10, DAY(2025, 3, 10): None, DAY(2025, 3, 17): 30}
    assert forecast.naive(past, DAY(2025, 3, 24), DAY(2025, 3, 20)) == 30
    assert forecast.naive(past, DAY(2025, 3, 24), DAY(2025, 3, 17)) == 10
    assert forecast.naive(past, DAY(2025, 3, 25), DAY(2025, 3, 20)) is None


# ---------------------------------------------------------------- tables


def test_the_five_tables_add_up(traffic: tables.Traffic, log: CallLog) -> None:
    february = [c for c in log.calls if (c.start or "").startswith("2025-02") and c.direction == "in"]
    assert sum(row.calls or 0 for row in traffic.month) == len(february)
    answered = sum(row.answered or 0 for row in traffic.month)
    assert sum(person.answered for person in traffic.persons) == answered == sum(bool(c.answer) for c in february)
    assert [row.date for row in traffic.seats] == [DAY(2025, 3, n) for n in range(1, 21)]
    assert traffic.loads[0].date == DAY(2025, 3, 21) and len(traffic.loads) == 14
    assert len(traffic.days_against) == 28 and all(row.expected for row in traffic.days_against)
    expected = sum(row.expected or 0.0 for row in traffic.days_against)
    shares = sum(row.expected or 0.0 for row in traffic.persons_against)
    assert shares == pytest.approx(expected * 0.92, rel=0.05)  # the share of calls that anybody answered
    assert traffic.persons[0].name == "张三"


def test_last_months_forecast_saw_nothing_of_last_month(days: tuple[Day, ...], traffic: tables.Traffic) -> None:
    changed = tuple(dataclasses.replace(day, calls=10 * day.calls) if day.date >= DAY(2025, 2, 1) else day for day in days)
    again = tables.build(changed, DAY(2025, 3, 1), TrafficParams())
    assert [row.expected for row in again.days_against] == [row.expected for row in traffic.days_against]


def test_full_slots_are_named(days: tuple[Day, ...]) -> None:
    tight = tables.build(days, DAY(2025, 3, 1), TrafficParams(calls_per_seat_hour=0.5))
    row = tight.loads[0]
    assert row.load_percent is not None and row.load_percent > 100
    assert any(name.startswith("09:00–10:00 预计") for name in row.full)


def test_hours_of_the_rule_book_choose_the_slots(days: tuple[Day, ...]) -> None:
    params = TrafficParams(slot_min=60, open=OpenHours(When(hours=((540, 720),))))
    assert tables.build(days, DAY(2025, 3, 1), params).slots == ("09:00–10:00", "10:00–11:00", "11:00–12:00")


def test_every_forecast_stands_with_its_error_and_the_naive_one(traffic: tables.Traffic) -> None:
    with_forecast = [sheet for sheet in sheets(traffic) if sheet.id in ("loads", "against", "persons-against")]
    assert all(any("MAPE" in note and "照抄上周同一天" in note for note in sheet.notes) for sheet in with_forecast)
    assert cell_text(None) == "—" and cell_text(3.0) == "3"


# ---------------------------------------------------------------- workbook and page


def _results(message: str = "=1+1") -> list[LogResult]:
    rows = (Row("cdr.csv:2", "2025-03-03T09:00:00.000", '呼入，13812345678，=HYPERLINK("http://x")'),)
    return [LogResult("r", "unanswered", "@有人接听", "=条款", "major", Outcome.FAIL, (finding(Outcome.FAIL, message, rows),))]


def test_the_workbook_has_every_table_and_no_formula(traffic: tables.Traffic) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(traffic, _results())))
    assert book.sheetnames[0] == "话单检查" and len(book.sheetnames) == 1 + len(sheets(traffic))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert [cell.value for cell in cells if cell.data_type == "f"] == []
    texts = {cell.value for cell in cells if isinstance(cell.value, str)}
    assert {"=1+1", "=条款", "@有人接听"} <= texts and not any("13812345678" in text for text in texts)
    charts = {sheet.title: len(sheet._charts) for sheet in book}
    assert charts["一 坐席数"] == charts["二 预测与承受"] == charts["四 实际与预测"] == 1


def test_the_page_is_whole_and_escapes_what_it_shows(traffic: tables.Traffic) -> None:
    html = page(traffic, _results("<script>alert(1)</script>"), load("default"), datetime.datetime(2025, 3, 21, 9))
    read = Page(html)
    assert "<script>alert" not in html and "13812345678" not in html and "138****5678" in read.text
    assert not [a for tag in ("a", "img", "link") for a in read.all(tag) if str(a.get("href") or a.get("src") or "").startswith("http")]
    assert all(sheet.title in read.text for sheet in sheets(traffic))
    assert html.count('<svg viewBox="0 0 720 236"') == 3


def test_a_period_without_last_month_or_forecast_has_a_page() -> None:
    made = tables.build(summarise(parse("2025-03-03 09:00 呼入 13812345678 接通 通话=60 坐席=1001"), 60), DAY(2025, 3, 3), TrafficParams())
    assert made.loads == () and made.month == () and "没有预测" in "".join(made.notes)
    assert "没有上月的话单" in page(made, [], load("default"))
    assert workbook(made, [])


def test_findings_are_masked_and_the_gravest_first() -> None:
    found = (finding(Outcome.PASS, "好"), finding(Outcome.INCONCLUSIVE, "不知 13812345678"))
    result = LogResult("r", "unanswered", "有人接听", "条款", "major", Outcome.INCONCLUSIVE, found)
    rows = list(finding_rows([result]))
    assert [row[2:4] for row in rows] == [("无法判定", "不知 138****5678"), ("通过", "好")]


# ---------------------------------------------------------------- generator and command


def test_the_generator_repeats_itself_and_has_the_shape_of_a_year() -> None:
    assert generator.counts(*MARCH, seed=1) == generator.counts(*MARCH, seed=1) != generator.counts(*MARCH, seed=2)
    year = history(DAY(2024, 1, 1), DAY(2024, 12, 31), 3)
    mean: Callable[[int], float] = lambda weekday: float(  # noqa: E731
        np.mean([count for day, count in year.items() if day.isoweekday() == weekday and count is not None])
    )
    assert mean(7) < 0.75 * mean(3) and mean(1) > mean(3)


@pytest.fixture
def imported(qa: Run, tmp_path: Path, log: CallLog) -> Run:
    with (tmp_path / "cdr.csv").open("w", newline="", encoding="utf-8") as file:
        columns = ("call_id", "agent_id", "direction", "customer_number", "line_number", "start", "ring", "answer", "end", "disposition")
        writer = csv.writer(file)
        writer.writerow(columns)
        for call in log.calls:
            if (call.start or "") >= "2025-01-15":
                writer.writerow([getattr(call, name) or "" for name in columns])
    (tmp_path / "m.toml").write_text('kind = "calls"\ntime_zone = "Asia/Shanghai"\n', encoding="utf-8")
    assert qa("records", "import", "cdr.csv", "--mapping", "m.toml").code == 0
    return qa


def test_the_command_prints_findings_and_tables_and_writes_both_files(imported: Run, tmp_path: Path) -> None:
    ran = imported("traffic", "--profile", "national-400", "--xlsx", "t.xlsx", "--html", "t.html")
    assert ran.code == 0, ran.err
    for title in ("表一", "表二", "表三", "表四", "表五"):
        assert title in ran.out
    assert "热线平均接通率" in ran.out and "MAPE" in ran.out
    assert (tmp_path / "t.xlsx").read_bytes()[:2] == b"PK" and "表五" in (tmp_path / "t.html").read_text("utf-8")
    told = imported("traffic", "--profile", "national-400", "--since", "2025-03-10", "--until", "2025-03-16", "--json").json
    assert told["traffic"]["since"] == "2025-03-10" and told["traffic"]["until"] == "2025-03-16"
    outcomes = {result["rule_id"]: result["outcome"] for result in told["findings"]}
    assert outcomes["connect_rate"] == "pass" and outcomes["callback"] == "inconclusive"


def test_the_command_says_what_is_missing(qa: Run, tmp_path: Path) -> None:
    assert qa("score", "nothing").code == 2
    assert qa("records", "list").code in (0, 2)
    empty = qa("traffic")
    assert empty.code == 2 and ("没有话单" in empty.err or "数据库" in empty.err)


def test_wrong_days_are_told(imported: Run) -> None:
    assert "不是日期" in imported("traffic", "--since", "yesterday").err
    assert "晚于" in imported("traffic", "--since", "2025-04-01", "--until", "2025-03-01").err
