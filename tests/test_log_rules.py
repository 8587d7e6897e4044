"""Rules over the call log: read from a rule book, run, shown; and the facts about logs and numbers that they rest on."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from rulebook_houses import TEMPO, line_of, only, problems, read, write

from qa import log_scoring, logchecks, numbers
from qa.log_examples import parse
from qa.logchecks import callback, connect_rate, effective_calls, hotline_silent, unanswered
from qa.logfacts import MAX_ROWS, sound
from qa.params import RESERVED
from qa.rulebook import load
from qa.rules.book import LogRule, RuleBook
from qa.rules.expression import Truth
from qa.rules.house_page import page
from qa.rules.model import When
from qa.rules.open_hours import OpenHours
from qa.rules.read_log_rules import RESERVED as LOG_RESERVED
from qa.traffic.capacity import TrafficParams
from qa.types import Finding, Outcome, Row

HEAD = '[profile]\nid = "house"\ntitle = "测试规则"\nversion = "3"\n'
HOTLINE = """
[holidays]
party = { title = "店庆", dates = ["2025-03-15"] }

[log_checks.answered]
kind = "unanswered"
title = "正常工作时间有人接听"
clause = "杜绝电话无人接听"
severity = "major"
open = { weekdays = [1, 2, 3, 4, 5], hours = ["08:30-12:00", "13:00-17:30"], closed = ["national", "party"] }
lines = ["400*"]
effective_from = 2025-03-01

[[log_checks.answered.examples]]
name = "无人接听"
script = \"\"\"
2025-03-03 09:00 呼入 13812345678 未接 等待=30 线路=4001234567
2025-03-03 12:30 呼入 13812345678 未接 等待=30 线路=4001234567
\"\"\"
outcome = "fail"
rows = [1]

[log_checks.hotline_outbound]
clause = "禁止在任何时间以任何理由外拨"
"""


def rule_of(book: RuleBook, rule_id: str) -> LogRule:
    (found,) = (rule for rule in book.log_rules if rule.id == rule_id)
    return found


# ---------------------------------------------------------------- reading


def test_a_log_rule_is_read_with_its_hours(tmp_path: Path) -> None:
    book = read(tmp_path / "house", HEAD + TEMPO + HOTLINE)
    rule = rule_of(book, "answered")
    assert (rule.kind, rule.title, rule.severity.value) == ("unanswered", "正常工作时间有人接听", "major")
    assert rule.effective_from == datetime.date(2025, 3, 1)
    assert rule.params.lines == ("400*",) and rule.params.min_wait_s == 15.0
    assert rule.params.open.when == When(weekdays=(1, 2, 3, 4, 5), hours=((510, 720), (780, 1050)))
    assert rule.params.open.closed == ("national", "party")
    assert rule_of(book, "hotline_outbound").title == "热线不得外拨"
    assert book.warnings == ()  # the party is used: it closes the house


@pytest.mark.parametrize("check_id", logchecks.registry())
def test_every_log_check_can_be_set_from_a_rule_book(check_id: str, tmp_path: Path) -> None:
    module = logchecks.registry()[check_id]
    assert not {f.name for f in dataclasses.fields(module.Params)} & {*RESERVED, *LOG_RESERVED}
    book = read(tmp_path / "house", f'{HEAD}{TEMPO}[log_checks.{check_id}]\nclause = "c"\n')
    (rule,) = book.log_rules
    assert rule.params == module.Params()
    assert module.in_words(rule.params)


@pytest.mark.parametrize(
    ("wrong", "at", "cause"),
    [
        ('[log_checks.staffed]\nclause = "c"\nmin_hour = 3\n', "min_hour", "未知的键 min_hour"),
        ('[log_checks.staffd]\nclause = "c"\n', "staffd", "没有话单检查 staffd"),
        ('[log_checks.a]\nkind = "greeting"\nclause = "c"\n', "kind", "没有话单检查 greeting"),
        ("[log_checks.staffed]\n", "staffed", "缺少必填的 clause"),
        ('[log_checks.staffed]\nclause = "c"\nweight = 3\n', "weight", "未知的键 weight"),
        ('[log_checks.staffed]\nclause = "c"\nmin_hours = 25\n', "min_hours", "min_hours 应在 0 与 24 之间"),
        ('[log_checks.staffed]\nclause = "c"\nopen = { direction = "in" }\n', "direction", "不能写 direction"),
        ('[log_checks.staffed]\nclause = "c"\nopen = { closed = ["chrismas"] }\n', "closed", "chrismas 不是已知的节假日"),
        ('[log_checks.staffed]\nclause = "c"\nopen = { hours = ["9-5"] }\n', "hours", "不是一段时间"),
        ("[traffic]\nslot_min = 7\n", "slot_min", "slot_min 应是能整除一天的分钟数"),
        ("[traffic]\nslots = 7\n", "slots", "未知的键 slots"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(tmp_path: Path, wrong: str, at: str, cause: str) -> None:
    text = HEAD + TEMPO + wrong
    line, told, _ = only(tmp_path / "house", text)
    assert line == line_of(text, at) and cause in told


def test_an_example_with_a_fault_is_told_at_its_line(tmp_path: Path) -> None:
    text = HEAD + TEMPO + HOTLINE.replace("rows = [1]\n", "").replace("09:00 呼入", "09:00 打入")
    found = problems(tmp_path / "house", text)
    assert {cause.split("，")[0] for _, cause, _ in found} >= {"[log_checks.answered.examples] 的结果是 fail"}
    assert any("第 1 行不认识" in cause for _, cause, _ in found)


def test_clauses_of_log_rules_count(tmp_path: Path) -> None:
    rules = HEAD + TEMPO + HOTLINE
    clauses = "语速适中。\n杜绝电话无人接听\n禁止在任何时间以任何理由外拨\n"
    assert len(read(tmp_path / "house", rules, clauses=clauses).clauses) == 3
    off = rules.replace("[log_checks.hotline_outbound]\n", "[log_checks.hotline_outbound]\nenabled = false\n")
    ((at, cause, _),) = problems(tmp_path / "off", off, clauses=clauses)
    assert at == "off/clauses.txt:3" and "禁止在任何时间以任何理由外拨" in cause


def test_a_house_that_extends_another_changes_one_key(tmp_path: Path) -> None:
    write(tmp_path / "base", HEAD + TEMPO + HOTLINE)
    own = '[profile]\nid = "own"\ntitle = "t"\nversion = "1"\nextends = "../base"\n[log_checks.answered]\nmin_wait_s = 30\n'
    rule = rule_of(read(tmp_path / "own", own), "answered")
    assert rule.params.min_wait_s == 30 and rule.params.lines == ("400*",) and rule.inherited is None
    assert rule_of(read(tmp_path / "own"), "hotline_outbound").inherited == "house"


def test_a_rule_out_of_the_books_dates_is_odd(tmp_path: Path) -> None:
    text = HEAD + "effective_until = 2024-12-31\n" + TEMPO + HOTLINE
    assert any("answered 的有效期与规则书的有效期没有一天相同" in warning for warning in read(tmp_path / "house", text).warnings)


def test_traffic_is_read_or_usual(tmp_path: Path) -> None:
    assert read(tmp_path / "a", HEAD + TEMPO).traffic == TrafficParams()
    made = read(
        tmp_path / "b", HEAD + TEMPO + '[traffic]\nslot_min = 30\ncalls_per_seat_hour = 12\nopen = { hours = ["08:00-18:00"] }\n'
    ).traffic
    assert (made.slot_min, made.calls_per_seat_hour, made.open.when.hours) == (30, 12.0, ((480, 1080),))


# ---------------------------------------------------------------- running


def test_rules_run_over_the_days_on_which_they_hold(tmp_path: Path) -> None:
    book = read(tmp_path / "house", HEAD + TEMPO + HOTLINE)
    script = (
        "2025-02-28 09:00 呼入 13812345678 未接 等待=30 线路=4001234567\n2025-03-03 09:00 呼入 13812345678 未接 等待=30 线路=4001234567"
    )
    answered, outbound = log_scoring.run(parse(script), book)
    assert answered.outcome is Outcome.FAIL and [row.source for f in answered.findings for row in f.rows] == ["例:2"]
    assert answered.occurrences == 1 and outbound.outcome is Outcome.PASS
    (before, _) = log_scoring.run(parse(script.split("\n")[0]), book)
    assert before.outcome is Outcome.NOT_APPLICABLE


def test_a_check_that_breaks_is_an_error_and_stops_no_other(tmp_path: Path) -> None:
    class Broken:
        TITLE = TITLE_EN = "x"
        Params: Any = connect_rate.Params
        EXAMPLES = ()

        def in_words(self, params: Any) -> str:
            return ""

        def run(self, log: Any, params: Any) -> Iterator[Finding]:
            raise KeyError("gone")

    book = read(tmp_path / "house", HEAD + TEMPO + HOTLINE)
    broken = dataclasses.replace(book.log_rules[0], module=Broken())
    log = parse("2025-03-03 09:00 呼出 13812345678 接通 线路=4001234567")
    first, second = log_scoring.run(log, dataclasses.replace(book, log_rules=(broken, book.log_rules[1])))
    assert first.outcome is Outcome.ERROR and "KeyError" in first.findings[0].message
    assert second.outcome is Outcome.FAIL


def test_a_fail_of_the_log_needs_rows() -> None:
    with pytest.raises(ValueError, match="evidence"):
        Finding(Outcome.FAIL, "x")
    assert Finding(Outcome.FAIL, "x", rows=(Row("a.csv:2", None, "一行"),)).rows


def test_rows_beyond_the_most_are_counted_and_said() -> None:
    calls = "\n".join(f"2025-03-{3 + n // 300:02d} {9 + n % 300 // 60:02d}:{n % 60:02d} 呼入 138{n:08d} 未接" for n in range(MAX_ROWS + 50))
    (found,) = connect_rate.run(parse(calls), connect_rate.Params(by=("period",)))
    assert found.outcome is Outcome.FAIL and len(found.rows) == MAX_ROWS and f"共 {MAX_ROWS + 50} 行" in found.message


# ---------------------------------------------------------------- time


def test_calls_whose_times_contradict_themselves_are_ruled_on_by_nobody() -> None:
    script = "2025-03-03 09:00 呼入 13812345678 未接 等待=30\n2025-03-04 09:00 呼入 13812345678 未接 等待=30"
    log = parse(script, as_of="2025-03-03T18:00:00")  # the second call lies in the future
    found = list(unanswered.run(sound(log), unanswered.Params()))
    assert [(f.outcome, [row.source for row in f.rows]) for f in found] == [
        (Outcome.FAIL, ["例:1"]),
        (Outcome.INCONCLUSIVE, ["例:2"]),
    ]
    backwards = dataclasses.replace(log.calls[0], end="2025-03-03T08:00:00.000")
    assert sound(dataclasses.replace(log, calls=(backwards,))).calls[0].start is None


def test_hours_know_holidays_and_make_up_days() -> None:
    office = OpenHours(When(day="workday", hours=((510, 1050),)))
    moment = datetime.datetime.fromisoformat
    assert office.at(moment("2025-01-26T09:00")) is Truth.TRUE  # a Sunday that is worked for the Spring Festival
    assert office.at(moment("2025-01-28T09:00")) is Truth.FALSE
    assert office.at(moment("2025-01-26T17:30")) is Truth.FALSE  # the end is exclusive
    assert office.at(moment("2049-03-03T09:00")) is Truth.UNKNOWN
    assert office.at(moment("2049-03-03T18:00")) is Truth.FALSE  # out of hours on any day
    night = OpenHours(When(hours=((1320, 360),)))
    assert [night.at(moment(f"2025-03-03T{clock}")).name for clock in ("23:00", "05:59", "06:00")] == ["TRUE", "TRUE", "FALSE"]
    assert night.minutes(datetime.date(2025, 3, 3)) == 480
    assert OpenHours(closed=("national",)).on(datetime.date(2025, 10, 1)) is Truth.FALSE


NIGHTS = When(weekdays=(1, 2, 3, 4, 5), hours=((1320, 360),))
"""From 22:00 to 06:00, Monday to Friday."""


@pytest.mark.parametrize(
    ("hours", "moment", "open_"),
    [
        (OpenHours(NIGHTS), "2024-05-10T23:00", Truth.TRUE),  # Friday
        (OpenHours(NIGHTS), "2024-05-11T02:00", Truth.TRUE),  # Friday's shift still
        (OpenHours(NIGHTS), "2024-05-11T06:00", Truth.FALSE),
        (OpenHours(NIGHTS), "2024-05-11T23:00", Truth.FALSE),
        (OpenHours(NIGHTS), "2024-05-12T02:00", Truth.FALSE),
        (OpenHours(NIGHTS), "2024-05-13T02:00", Truth.FALSE),  # Monday: nobody began on Sunday
        (OpenHours(NIGHTS), "2024-05-13T22:00", Truth.TRUE),
        (OpenHours(NIGHTS, closed=("national",)), "2024-10-01T02:00", Truth.TRUE),  # the shift of 30 September
        (OpenHours(NIGHTS, closed=("national",)), "2024-10-02T02:00", Truth.FALSE),
        (OpenHours(When(day="workday", hours=((1320, 360),))), "2049-03-03T02:00", Truth.UNKNOWN),
        (OpenHours(When(day="workday", hours=((1320, 360),))), "2049-03-03T12:00", Truth.FALSE),
        (OpenHours(When(weekdays=(1,), hours=((0, 360), (1320, 1440)))), "2024-05-13T02:00", Truth.TRUE),  # no stretch over midnight
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(hours: OpenHours, moment: str, open_: Truth) -> None:
    assert hours.at(datetime.datetime.fromisoformat(moment)) is open_


def test_the_stretches_of_a_day_are_those_in_which_it_is_open() -> None:
    """Minute by minute as :meth:`OpenHours.at` says, whatever shift they belong to."""
    sets = (
        NIGHTS,
        When(weekdays=(6, 7), hours=((1260, 120), (540, 720))),
        When(hours=((1320, 360),)),
        When(weekdays=(2,), hours=((600, 600),)),
    )
    for hours in map(OpenHours, sets):
        for n in range(8):
            day = datetime.datetime(2024, 5, 6) + datetime.timedelta(n)
            minutes = [day + datetime.timedelta(minutes=m) for m in range(1440)]
            within = {m for m in minutes for low, high in hours.stretches(day.date()) if low <= m < high}
            assert within == {m for m in minutes if hours.at(m) is Truth.TRUE}
    assert [OpenHours(NIGHTS).minutes(datetime.date(2024, 5, n)) for n in (11, 12, 13, 14)] == [360, 0, 120, 480]
    assert OpenHours(NIGHTS).text().endswith("22:00–06:00（跨夜的算在开始的那天）")


def test_a_quiet_noon_is_no_silence_but_a_dead_line_is() -> None:
    """The same two hours without a call: usual on one line of the log, unusual on the other."""
    rows = []
    for n in range(8):
        day = datetime.date(2025, 3, 3) + datetime.timedelta(n + 2 * (n // 5))
        for minute in range(0, 180, 10):
            if n < 7 or minute < 60:
                rows.append(f"{day} {9 + minute // 60:02d}:{minute % 60:02d} 呼入 13812345678 接通 线路=4001111111")
        rows += [f"{day} 09:05 呼入 13812345678 接通 线路=4002222222", f"{day} 12:01 呼入 13812345678 接通 线路=4002222222"]
    hours = OpenHours(When(day="workday", hours=((540, 720),)))
    found = list(hotline_silent.run(parse("\n".join(rows)), hotline_silent.Params(open=hours)))
    assert [f.outcome for f in found] == [Outcome.FAIL] and "4001111111" in found[0].message and "2025-03-12" in found[0].message


@pytest.mark.parametrize("newcomer", [False, True])
@pytest.mark.parametrize("made", [29, 30, 49, 50])
def test_effective_calls_at_their_limits(made: int, newcomer: bool) -> None:
    rows = [f"2025-03-03 {9 + n // 60:02d}:{n % 60:02d} 呼出 138{n:08d} 接通 通话=30 坐席=1001" for n in range(made)]
    rows += ["2025-03-03 17:00 呼出 13900000000 接通 通话=29 坐席=1001", f"名册 1001 张三{' 新人至=2025-03-03' if newcomer else ''}"]
    (found,) = effective_calls.run(parse("\n".join(rows)), effective_calls.Params())
    assert found.value("effective_calls") == made
    assert found.outcome is (Outcome.PASS if made >= (30 if newcomer else 50) else Outcome.FAIL)


@pytest.mark.parametrize(("opened", "moment"), [("2024-05-10T20:00", "2024-05-10T22:00"), ("2024-05-12T20:00", "2024-05-13T22:00")])
def test_a_complaint_waits_for_the_next_shift(opened: str, moment: str) -> None:
    due = datetime.datetime.fromisoformat(moment) + datetime.timedelta(hours=2)
    other = f"{due + datetime.timedelta(hours=1):%Y-%m-%d %H:%M} 呼出 13712345678 接通 通话=60"
    (found,) = callback.run(parse(f"投诉 {opened.replace('T', ' ')} 13812345678\n{other}"), callback.Params(open=OpenHours(NIGHTS)))
    assert found.outcome is Outcome.FAIL and f"到 {due:%Y-%m-%d %H:%M}" in found.message


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        ("13812345678", "+86 138-1234-5678", Truth.TRUE),
        ("13812345678", "0086 13812345678", Truth.TRUE),
        ("13812345678", "013812345678", Truth.TRUE),
        ("13812345678", "8613812345678", Truth.TRUE),
        ("02588886666", "+86 25 8888 6666", Truth.TRUE),
        ("4001234567", "+86 400 123 4567", Truth.TRUE),
        ("02588886666", "88886666", Truth.UNKNOWN),
        ("13812345678", "2345678", Truth.FALSE),
        ("13812345678", "13812345679", Truth.FALSE),
        ("+1 212 555 0123", "02125550123", Truth.FALSE),
        ("13812345678", "anonymous", Truth.UNKNOWN),
    ],
)
def test_whether_numbers_are_one_subscribers(a: str, b: str, alike: Truth) -> None:
    assert numbers.same(a, b) is alike and numbers.same(b, a) is alike
    if alike is Truth.TRUE:
        assert numbers.key(a) == numbers.key(b)


@pytest.mark.parametrize(
    ("number", "pattern"),
    [("168123", "168*"), ("0755168123", "168*"), ("912", "9xx"), ("9123", None), ("0012125550123", "00*"), ("13816800000", None)],
)
def test_patterns_of_numbers(number: str, pattern: str | None) -> None:
    assert numbers.fits(number, ("168*", "9xx", "00*")) == pattern


# ---------------------------------------------------------------- shown


def test_the_page_of_a_house_tells_its_log_rules(tmp_path: Path) -> None:
    text = page(read(tmp_path / "house", HEAD + TEMPO + HOTLINE)).replace("\\", "")
    assert "## 话单规则" in text and "**正常工作时间有人接听**<br>`answered`<br>重要" in text
    assert "星期一、二、三、四、五，08:30–12:00、13:00–17:30（国庆节、店庆除外）" in text
    assert "✗ 无人接听：不通过，依据第 1 行" in text


def test_commands_show_check_and_test_log_rules(qa: Run, tmp_path: Path) -> None:
    house = write(tmp_path / "house", HEAD + '[checks.speech_rate]\nclause = "语速适中。"\n' + HOTLINE)
    assert "hotline_outbound" in qa("rules", house).out
    assert [rule["id"] for rule in qa("rules", "show", house, "--json").json["log_checks"]] == ["answered", "hotline_outbound"]
    assert qa("rules", "check", house, "--json").json["log_checks"] == ["answered", "hotline_outbound"]
    assert "1 个例子，全部相符" in qa("rules", "test", house).out
    write(house, (house / "rules.toml").read_text("utf-8").replace("rows = [1]", "rows = [2]"))
    failing = qa("rules", "test", house)
    assert failing.code == 1 and "依据应为第 2 行，实为第 1 行" in failing.out
    (told,) = qa("rules", "test", house, "--json").json["failed"]
    assert told["due"]["rows"] == [2] and told["came"]["rows"] == [1] and told["rule"] == "answered"


def test_the_houses_log_rules_find_what_they_say() -> None:
    """A day of the 400 hotline with 17 of 20 calls answered is not above 85 %."""
    calls = [f"2025-03-03 09:{n:02d} 呼入 138{n:08d} {'接通' if n < 17 else '未接'} 线路=4001234567" for n in range(20)]
    results = {r.rule_id: r for r in log_scoring.run(parse("\n".join(calls)), load("national-400"))}
    assert results["connect_rate"].outcome is Outcome.FAIL and len(results["connect_rate"].findings[0].rows) == 3
    assert results["complaint_terms"].outcome is Outcome.INCONCLUSIVE  # no register was imported
