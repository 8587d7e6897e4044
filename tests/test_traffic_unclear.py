"""Calls that a connect rate may or may not count, and calls whose direction nobody knows: told, and ruled on only where it is the same."""

from __future__ import annotations

import dataclasses
import datetime
import io
from pathlib import Path

import openpyxl
import pytest
from report_pages import Page

from qa import cli_traffic, log_scoring
from qa.intervals import wilson
from qa.log_examples import parse
from qa.log_scoring import LogResult
from qa.rulebook import load
from qa.rules.book import RuleBook
from qa.traffic import tables
from qa.traffic.capacity import TrafficParams
from qa.traffic.days import summarise
from qa.traffic.page import page
from qa.traffic.shown import sheets
from qa.traffic.workbook import workbook
from qa.types import Outcome
from qa.types.log import CallLog

ANSWERED = "2025-03-03 09:{:02d} 呼入 1380000{:04d} 接通 等待=5 通话=60 坐席=1001 线路=4001234567"
LOST = "2025-03-03 10:{:02d} 呼入 1390000{:04d} 未接 等待=30 线路=4001234567"
HEAD = '[profile]\nid = "house"\ntitle = "测试规则"\nversion = "1"\n'


def day(answered: int, lost: int, *more: str) -> str:
    return "\n".join([ANSWERED.format(n, n) for n in range(answered)] + [LOST.format(n, n) for n in range(lost)] + list(more))


def unclear(script: str, *numbers: str) -> CallLog:
    """The log of the script, in which nobody knows the direction of the calls with these numbers."""
    log = parse(script, sources=("calls", "complaints"))
    told = (dataclasses.replace(c, direction="") if c.customer_number in numbers else c for c in log.calls)
    return dataclasses.replace(log, calls=tuple(told))


def book(tmp_path: Path, rules: str) -> RuleBook:
    (tmp_path / "rules.toml").write_text(HEAD + rules, "utf-8")
    return load(tmp_path)


# ---------------------------------------------------------------- who never left the IVR


def test_who_hung_up_in_the_machine_is_not_lost() -> None:
    script = day(
        8,
        1,
        "2025-03-03 10:30 呼入 13700000001 放弃 自动语音=40",
        "2025-03-03 10:31 呼入 13700000002 放弃 自动语音=40 等待=20",
        "2025-03-03 10:32 呼入 13700000003 失败",
    )
    days = summarise(parse(script), 60)
    (told,) = days
    assert (told.calls, told.asked, told.unsure, told.answered) == (12, 10, 1, 8)
    (row,) = tables.build(days, datetime.date(2025, 3, 3), TrafficParams()).period
    assert row.rate.value == 0.8 and row.rate.high == wilson(8, 10).high
    assert row.rate.low == wilson(8, 11).low, "as if all of them had been lost"
    slot = told.slots[10]
    assert (slot.calls, slot.asked, slot.unsure, slot.answered) == (4, 2, 1, 0)


def test_the_tables_say_what_is_not_counted() -> None:
    script = day(8, 1, "2025-03-03 10:30 呼入 13700000001 放弃 自动语音=40")
    made = tables.build(summarise(parse(script), 60), datetime.date(2025, 3, 3), TrafficParams())
    by_id = {sheet.id: sheet for sheet in sheets(made)}
    for name in ("rate-days", "rate-slots"):
        assert any("听自动语音时挂机" in note for note in by_id[name].notes)
        assert by_id[name].columns[-1] == "未出自动语音"
    assert by_id["rate-days"].rows[0][2:6] == (10, 9, 8, 88.9) and by_id["rate-days"].rows[0][-1] == 1


# ---------------------------------------------------------------- direction not clear


def test_calls_of_unclear_direction_are_told_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = unclear(day(3, 0), "13800000001", "13800000002")
    house = book(tmp_path, '[log_checks.answered]\nkind = "unanswered"\nclause = "有人接听"\n')
    made = tables.build(summarise(log, 60), datetime.date(2025, 3, 3), TrafficParams())
    assert (made.unclear, made.period[0].calls) == (2, 1)
    results = log_scoring.run(log, house)
    text = "另有 2 通电话分不清呼入还是呼出，没有计入"
    cli_traffic._show(made, results, house)
    assert text in capsys.readouterr().out
    assert cli_traffic._json(made, results, house)["findings"][0]["unclear"] == 2
    assert text in Page(page(made, results, house)).text
    written = openpyxl.load_workbook(io.BytesIO(workbook(made, results)))
    assert all(text in {c.value for row in written[name].iter_rows() for c in row} for name in ("话单检查", "每日接通率", "各时段接通率"))


def ruled(tmp_path: Path, rule: str, log: CallLog) -> LogResult:
    (result,) = log_scoring.run(log, book(tmp_path, rule))
    return result


ANSWERS = '[log_checks.answered]\nkind = "unanswered"\nclause = "有人接听"\n'
RATE = '[log_checks.rate]\nkind = "connect_rate"\nclause = "接通率"\nby = ["period"]\n'
BACK = '[log_checks.back]\nkind = "callback"\nclause = "回电"\n'
COMPLAINT = "投诉 2025-03-03 09:10 13812345678 类别=一般"
LATER = "2025-03-03 15:00 呼出 13712345678 接通 通话=60"


def test_a_call_that_may_be_a_breach_is_left_to_a_person(tmp_path: Path) -> None:
    missed = unclear(day(2, 1), "13900000000")
    result = ruled(tmp_path, ANSWERS, missed)
    assert result.outcome is Outcome.INCONCLUSIVE and result.unclear == 1
    (told,) = result.findings
    assert "分不清呼入还是呼出" in told.message and [row.source for row in told.rows] == ["例:3"]
    both = ruled(tmp_path, ANSWERS, unclear(day(2, 2), "13900000000"))
    assert [f.outcome for f in both.findings] == [Outcome.FAIL, Outcome.INCONCLUSIVE], "one breach is sure, another may be"


def test_a_call_that_changes_nothing_leaves_the_verdict(tmp_path: Path) -> None:
    result = ruled(tmp_path, ANSWERS, unclear(day(3, 0), "13800000001"))
    assert (result.outcome, result.unclear) == (Outcome.PASS, 1)
    rate = ruled(tmp_path, RATE, unclear(day(30, 1), "13900000000"))
    assert rate.outcome is Outcome.PASS, "at least 30 of 31 were answered, whichever way it went"
    assert ruled(tmp_path, RATE, unclear(day(17, 4), "13900000000")).outcome is Outcome.INCONCLUSIVE, "17 of 20 or of 21"


def test_what_a_person_may_have_done_is_no_fault(tmp_path: Path) -> None:
    called = "2025-03-03 10:00 呼出 13812345678 接通 通话=60"
    script = "\n".join((COMPLAINT, called, LATER))
    assert ruled(tmp_path, BACK, unclear("\n".join((COMPLAINT, LATER)))).outcome is Outcome.FAIL
    result = ruled(tmp_path, BACK, unclear(script, "13812345678"))
    assert result.outcome is Outcome.INCONCLUSIVE and all(f.outcome is Outcome.INCONCLUSIVE for f in result.findings)
    assert ruled(tmp_path, BACK, unclear(script, "13712345678")).outcome is Outcome.PASS
