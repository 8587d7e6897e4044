"""``qa records withdraw``: records imported wrongly are taken out and put back; no scorecard goes with them unasked."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from commands import Run
from stored_calls import save
from switch_samples import CHINA, SAMPLES, cdr, put, written

from qa.store import Store
from qa.switch import choose, log
from qa.switch.joins import RecordTable

ID = "1714525200.100"
TZ = ("--tz", "Asia/Shanghai")
DAY = date(2024, 5, 1)
NAMED = Path(f"external-8001-13800138000-20240501-090000-{ID}.wav")
WHY = ("--reason", "导错了文件", "--by", "王强")


def listed(qa: Run, *more: str) -> list[str]:
    return [call["call_id"] for call in qa("records", "list", "--since", "2024-04-30", "--until", "2024-05-04", "--json", *more).json]


@pytest.fixture
def imported(qa: Run, tmp_path: Path) -> Path:
    path = written(tmp_path, "Master.csv", cdr() + cdr(uniqueid="1714525200.7", src="13900139000"))
    assert qa("records", "import", path, *TZ).code == 0
    return path


def test_a_withdrawn_call_is_joined_and_counted_no_more_and_its_scorecard_stays(qa: Run, imported: Path) -> None:
    with Store("qa.db") as store:
        save(store, ID)
        assert RecordTable(store).for_file(NAMED) is not None
    done = qa("records", "withdraw", ID, *WHY)
    assert done.code == 0 and "撤回 1 行，1 通电话" in done.out
    assert f"! {ID}（坐席 8001，2024-05）：评分卡由撤回的话单做出，仍计入统计" in done.out and "--scorecards" in done.out
    assert listed(qa) == ["1714525200.7"] and listed(qa, "--withdrawn") == [ID]
    assert "导错了文件" in qa("records", "list", "--withdrawn", "--since", "2024-05-01").out
    with Store("qa.db") as store:
        table = RecordTable(store)
        assert table.for_file(NAMED) is None and "话单已撤回：导错了文件" in table.problems[-1].message
        assert [call.call_id for call in log.load(store, DAY, DAY).calls] == ["1714525200.7"]
        assert [call.call_id for call in store.calls()] == [ID] and store.withdrawals.all() == ()


def test_scorecards_go_only_when_asked_and_come_back(qa: Run, imported: Path) -> None:
    with Store("qa.db") as store:
        save(store, ID)
        save(store, f"{ID}#2")
    told = qa("records", "withdraw", ID, *WHY, "--scorecards", "--json").json
    assert [one["call_id"] for one in told["scorecards"]] == [ID, f"{ID}#2"] and all(not one["counts"] for one in told["decided"])
    with Store("qa.db") as store:
        assert store.calls() == () or list(store.calls()) == []
        (decision, _) = store.withdrawals.all()
        assert (decision.by, decision.reason) == ("王强", "导错了文件")
    qa("records", "withdraw", ID, "--reason", "原来是对的", "--restore", "--scorecards")
    with Store("qa.db") as store:
        assert sorted(call.call_id for call in store.calls()) == [ID, f"{ID}#2"]
    assert sorted(listed(qa)) == [ID, "1714525200.7"]


def test_a_closed_month_is_only_proposed_to(qa: Run, imported: Path) -> None:
    with Store("qa.db") as store:
        save(store, ID)
        with store.db.writing():
            store.db.insert("closed_months", {"month": "2024-05", "closed": "2024-06-01", "closed_by": "王", "note": ""})
    (told,) = qa("records", "withdraw", ID, *WHY, "--scorecards", "--json").json["decided"]
    assert told["proposed"] and not told["counts"]
    with Store("qa.db") as store:
        assert [call.call_id for call in store.calls()] == [ID]


def test_a_whole_file_and_importing_it_again(qa: Run, imported: Path) -> None:
    assert "撤回 2 行，2 通电话" in qa("records", "withdraw", "--source", imported.name, *WHY).out
    assert listed(qa) == []
    with Store("qa.db") as store:
        assert choose.imported(store) is None and log.load(store, DAY, DAY).sources == frozenset()
    again = qa("records", "import", imported, *TZ)
    assert again.code == 0 and "其中 2 行先前已撤回，仍不采用" in again.out and listed(qa) == []
    copy = written(imported.parent, "copy.csv", imported.read_text("utf-8"))
    assert qa("records", "import", copy, *TZ, "--json").json["files"][0]["withdrawn"] == 2 and listed(qa) == []
    back = qa("records", "import", imported, *TZ, "--restore")
    assert "其中 2 行已恢复采用" in back.out and len(listed(qa)) == 2 and listed(qa, "--withdrawn") == []


def test_a_wrong_zone_withdrawn_and_read_in_the_right_one(qa: Run, tmp_path: Path) -> None:
    path = written(tmp_path, "Master.csv", cdr())
    qa("records", "import", path, "--tz", "UTC")
    qa("records", "withdraw", "--source", path, *WHY)
    qa("records", "import", path, *TZ)
    (call,) = qa("records", "list", "--since", "2024-05-01", "--until", "2024-05-01", "--json").json
    assert call["start"] == "2024-05-01T09:00:00.000" and listed(qa, "--withdrawn") == []


def test_withdrawing_a_wrong_correction_lets_the_row_before_it_count(qa: Run, tmp_path: Path) -> None:
    head = "通话编号,工号,方向,开始时间,应答时间,挂机时间,客户号码\n"
    row = "C1,{},呼入,2024-05-01 09:00:00,2024-05-01 09:00:05,2024-05-01 09:01:00,13800138000\n"
    right, wrong = (written(tmp_path, f"{agent}.csv", head + row.format(agent)) for agent in ("8001", "8002"))
    for path in (right, wrong):
        qa("records", "import", path, *TZ)
    told = qa("records", "withdraw", "--source", wrong, *WHY, "--json").json
    (call,) = qa("records", "list", "--since", "2024-05-01", "--json").json
    assert (told["rows"], told["calls"], call["agent_id"]) == (1, ["C1"], "8001")
    qa("records", "withdraw", "C1", *WHY)
    assert listed(qa) == [], "the call as a whole: no older row comes back"


def test_rows_that_an_older_program_kept_twice(qa: Run, imported: Path) -> None:
    """Older keys held the converted time, so that the same rows stand twice; the file out and in again leaves each once."""
    with Store("qa.db") as store:
        store._db.sqlite.execute(
            """insert into log_rows (kind, key, digest, part, ref, other, at, recording, values_json, file, line, import_id)
            select kind, 'old|' || key, digest, part, ref, other, at, recording, values_json, file, line, import_id from log_rows"""
        )
        store._db.sqlite.conn.commit()
    assert qa("records", "withdraw", "--source", imported, *WHY, "--json").json["rows"] == 4
    qa("records", "import", imported, *TZ, "--restore")
    with Store("qa.db") as store:
        assert len(list(store.log.between(("asterisk",), "2024", "2025"))) == 2
    assert sorted(listed(qa)) == [ID, "1714525200.7"], "and they are called as before"


def test_what_was_withdrawn_keeps_its_id_from_the_other_call(qa: Run, tmp_path: Path) -> None:
    later = cdr(
        start="2024-05-03 09:00:00", answer="2024-05-03 09:00:05", end="2024-05-03 09:01:00", duration=60, billsec=55, src="13900139000"
    )
    qa("records", "import", written(tmp_path, "a.csv", cdr()), *TZ)
    qa("records", "import", written(tmp_path, "b.csv", later), *TZ)
    named = f"{ID}@20240503T090000"
    assert listed(qa) == [ID, named]
    qa("records", "withdraw", ID, *WHY)
    assert listed(qa) == [named] and listed(qa, "--withdrawn") == [ID]
    assert qa("records", "problems", "--json").json == []


def test_a_register_can_be_withdrawn(qa: Run, tmp_path: Path) -> None:
    qa("records", "import", SAMPLES / "roster.csv")
    assert qa("records", "withdraw", "--source", "roster.csv", *WHY, "--json").json["rows"] == 3
    with Store("qa.db") as store:
        assert log.load(store, DAY, DAY).roster == ()


def test_what_a_withdrawn_import_stated_and_lacked_goes_with_it(qa: Run, tmp_path: Path) -> None:
    with Store("qa.db") as store:
        put(store, written(tmp_path, "a.csv", cdr()), replace(CHINA, outside_prefix="9"))
        put(
            store,
            written(tmp_path, "b.csv", cdr(uniqueid="1714525200.9") + "half\n"),
            replace(CHINA, zone=ZoneInfo("UTC"), outside_prefix="0"),
        )
    assert qa("records", "withdraw", "--source", "b.csv", *WHY).code == 0
    with Store("qa.db") as store:
        assert (store.log.settings(), store.log.faults()) == (replace(CHINA, outside_prefix="9"), ())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (WHY, "没有写撤回什么"),
        ((ID, "--source", "Master.csv", *WHY), "不能一起写"),
        ((ID,), "没有写理由"),
        (("none", *WHY), "没有这通电话"),
        (("--source", "none.csv", *WHY), "没有从这个文件导入过"),
        ((ID, *WHY, "--restore"), "已撤回的话单里没有这通电话"),
    ],
)
def test_wrong_usage(qa: Run, imported: Path, arguments: tuple[str, ...], says: str) -> None:
    failed = qa("records", "withdraw", *arguments)
    assert failed.code == 2 and says in failed.err and len(listed(qa)) == 2


def test_decisions_are_append_only(qa: Run, imported: Path) -> None:
    qa("records", "withdraw", ID, *WHY)
    with Store("qa.db") as store:
        for sql in ("update log_withdrawals set withdrawn = 0", "delete from log_withdrawals"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                store.db.sqlite.execute(sql)
