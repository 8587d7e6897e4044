"""Imported rows in the database: each once, corrections beside what they correct, faults with their lines; the log of a period."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from stored_calls import save
from switch_samples import CHINA, SAMPLES, cdr, put, written

from qa.errors import RecordError
from qa.store import Store
from qa.switch import importing, kept, log
from qa.switch.rows import Settings

MAY_1, MAY_2 = date(2024, 5, 1), date(2024, 5, 2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


def rows(store: Store) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in store._db.rows("select id, kind, key, values_json, file, line from log_rows order by id")]


def test_the_same_rows_again_change_nothing(store: Store, tmp_path: Path) -> None:
    first = put(store, SAMPLES / "Master.csv")
    before = rows(store)
    assert (first.rows, first.fresh, first.known) == (7, 7, False)
    again = put(store, SAMPLES / "Master.csv")
    assert (again.fresh, again.known) == (0, True) and rows(store) == before
    copied = written(tmp_path, "copy.csv", (SAMPLES / "Master.csv").read_text("utf-8") + cdr(uniqueid="1714539999.1"))
    longer = put(store, copied)
    assert (longer.rows, longer.fresh) == (8, 1) and rows(store)[:7] == before


def test_a_corrected_row_counts_and_the_older_one_stays(store: Store, tmp_path: Path) -> None:
    header = "通话编号,工号,方向,开始时间,应答时间,挂机时间,客户号码\n"
    row = "C1,{},呼入,2024-05-01 09:00:00,2024-05-01 09:00:05,2024-05-01 09:01:00,13800138000\n"
    wrong, right = (written(tmp_path, f"{agent}.csv", header + row.format(agent)) for agent in ("8001", "8002"))
    put(store, wrong)
    put(store, right)
    assert [call.agent_id for call in log.load(store, MAY_1, MAY_1).calls] == ["8002"]
    assert len(rows(store)) == 2
    put(store, wrong, settings=replace(CHINA, outside_prefix="9"))  # known rows do not come back, whatever file they stand in
    assert [call.agent_id for call in log.load(store, MAY_1, MAY_1).calls] == ["8002"]


def test_a_row_cannot_be_changed_in_the_database(store: Store) -> None:
    put(store, SAMPLES / "Master.csv")
    for sql in ("update log_rows set part = ''", "delete from log_rows"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            store._db.sqlite.execute(sql)


def test_an_import_that_was_broken_off_is_finished_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "BATCH", 2)
    real = store.log.put
    calls = iter(range(2))

    def breaks(*arguments: object) -> int:
        next(calls)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store.log, "put", breaks)
    with pytest.raises(StopIteration):
        put(store, SAMPLES / "Master.csv")
    assert len(rows(store)) == 4 and store.log.imports() == ()
    monkeypatch.setattr(store.log, "put", real)
    rest = put(store, SAMPLES / "Master.csv")
    assert (rest.rows, rest.fresh) == (7, 3) and len(store.log.imports()) == 1


def test_faults_are_those_of_the_latest_import_of_a_file(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, "Master.csv", cdr() + cdr(duration=-1) + "half,a,row\n")
    found = put(store, path, format_="asterisk")
    assert (found.rows, found.wrong) == (1, 2)
    assert [(fault.line, fault.file) for fault in store.log.faults()] == [(2, str(path)), (3, str(path))]
    written(tmp_path, "Master.csv", cdr() + cdr(uniqueid="1714525200.9"))
    put(store, path)
    assert store.log.faults() == ()


def test_more_faults_than_are_listed_are_counted(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LISTED", 3)
    found = put(store, written(tmp_path, "Master.csv", "x,y\n" * 10), format_="asterisk")
    assert (found.wrong, len(found.faults), len(store.log.faults())) == (10, 3, 3)


def test_a_time_without_a_zone_stops_the_file_before_anything_is_kept(store: Store) -> None:
    with pytest.raises(RecordError, match="--tz"):
        put(store, SAMPLES / "Master.csv", settings=Settings())
    assert rows(store) == [] and store.log.imports() == ()


# ---------------------------------------------------------------- the log of a period


def test_calls_belong_to_the_day_on_which_they_begin(store: Store) -> None:
    put(store, SAMPLES / "Master.csv")
    put(store, SAMPLES / "queue_log")
    found = log.load(store, MAY_1, MAY_1)
    assert len(found.calls) == 9 and found.calls[-1].end == "2024-05-02T00:00:20.000"
    assert [call.start for call in found.calls] == sorted(call.start or "" for call in found.calls)
    assert log.load(store, MAY_2, MAY_2).calls == ()
    assert found.sources == {"calls"} and found.as_of is not None
    assert log.load(store, date(2024, 6, 1), date(2024, 6, 30)).sources == frozenset()


def test_cdr_and_queue_log_may_come_in_either_order(store: Store, tmp_path: Path) -> None:
    with Store(tmp_path / "other.db") as other:
        for name in ("Master.csv", "queue_log"):
            put(store, SAMPLES / name)
        for name in ("queue_log", "Master.csv"):
            put(other, SAMPLES / name)
        assert log.load(store, MAY_1, MAY_1).calls == log.load(other, MAY_1, MAY_1).calls


def test_registers_of_the_period(store: Store, tmp_path: Path) -> None:
    put(store, SAMPLES / "roster.csv")
    assert put(store, SAMPLES / "complaints.csv").wrong == 1
    put(store, written(tmp_path, "s.csv", "通话编号,满意度,评价时间,意见\nC1,5,2024-05-01 09:05:00,好\nC2,,2024-05-01 09:06:00,\n"))
    put(store, written(tmp_path, "t.csv", "工单号,创建时间,通话编号,内容\nW1,2024-05-01 09:05:00,C1,已记录\n"))
    found = log.load(store, MAY_1, MAY_1)
    assert [(p.agent_id, p.team, p.role, p.since, p.until) for p in found.roster] == [
        ("8001", "一组", "agent", date(2024, 1, 1), date(2024, 4, 30)),
        ("8001", "二组", "leader", MAY_1, None),
        ("8002", "一组", "agent", date(2024, 3, 1), None),
    ]
    assert found.roster[0].numbers == ("13900000001",) and found.roster[0].source == f"{SAMPLES / 'roster.csv'}:2"
    assert [(c.complaint_id, c.kind, c.customer_number) for c in found.complaints] == [
        ("T1", "general", "13800138000"),
        ("T2", "", "13900139000"),
    ]
    assert [(s.call_id, s.score, s.comment) for s in found.surveys] == [("C1", 5.0, "好"), ("C2", None, "")]
    assert [(t.ticket_id, t.note, t.call_id) for t in found.tickets] == [("W1", "已记录", "C1")]
    assert found.sources == {"roster", "complaints", "surveys", "tickets"}


def test_a_complaint_counts_until_it_is_closed(store: Store, tmp_path: Path) -> None:
    text = "投诉单号,投诉时间,结案时间\nA,2024-04-01 09:00:00,2024-04-30 09:00:00\nB,2024-04-01 09:00:00,\nC,2024-05-02 00:00:00,\n"
    put(store, written(tmp_path, "c.csv", text))
    assert [c.complaint_id for c in log.load(store, MAY_1, MAY_1).complaints] == ["B"]


@pytest.mark.parametrize(
    "line",
    ["8001,李敏,2024-05-01,2024-04-01", "8001,李敏,五月,", ",李敏,,", "8001,李敏,2024-02-30,"],
)
def test_a_wrong_line_of_the_roster_is_left_out(store: Store, tmp_path: Path, line: str) -> None:
    found = put(store, written(tmp_path, "r.csv", f"工号,姓名,入组日期,离组日期\n{line}\n8002,王强,,\n"))
    assert (found.rows, found.wrong, found.faults[0].line) == (1, 1, 2)


def test_which_calls_have_a_recording_and_a_scorecard(store: Store) -> None:
    save(store, "C1")
    save(store, "C2#2")
    assert log.load(store, MAY_1, MAY_1).recorded == log.load(store, MAY_1, MAY_1).scored == {"C1", "C2"}
