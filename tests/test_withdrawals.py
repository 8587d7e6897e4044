"""Calls of a recording that its present call records no longer give: they stay, do not count, and say why."""

from __future__ import annotations

import csv
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from batch_here import Batch, batch, forked, recordings
from commands import Run
from rude_houses import FINE, put, rude_call, rude_house
from stored_calls import call, record, save, scorecard

from qa.errors import NotFoundError, StoreError
from qa.ledger_closing import accept_withdrawal, close_month
from qa.store import Store

__all__ = ["batch", "forked", "recordings"]


def also(store: Store, call_id: str, agent_id: str | None = "8002", sha_of: str = "C1", file: str = "/calls/C1.wav") -> str:
    """The recording of C1 scored as another call."""
    one = call(sha_of, with_record=agent_id is not None)
    one = replace(one, audio=replace(one.audio, path=file), record=record(call_id, agent_id) if agent_id else None)
    store.save_call(one, scorecard(one, call_id))
    return one.audio.sha256


def counted(store: Store) -> list[str]:
    return sorted(row.call_id for row in store.calls())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "t.db")


PATH = Path("/calls/C1.wav")


def test_a_corrected_call_id_leaves_one_call(store: Store) -> None:
    save(store)
    sha256 = also(store, "NEW")
    (moved,) = store.withdrawals.settle(PATH, sha256, ["NEW"], True)
    assert (moved.call_id, moved.agent_id, moved.month, moved.withdrawal.counts) == ("C1", "8001", "2024-05", False)
    assert counted(store) == ["NEW"] and [a.agent_id for a in store.agents()] == ["8002"]
    assert [hit.call_id for hit in store.search("投诉")] == ["NEW"]
    assert [one.call_id for one in store.stored_calls()] == ["NEW"] == [one.call_id for one in store.stored_calls("2024-05-01")]
    with pytest.raises(NotFoundError, match="该录音是通话 NEW"):
        store.scorecard("C1")
    assert len(store.history("C1")) == 1
    assert store.withdrawals.settle(PATH, sha256, ["NEW"], True) == ()
    assert {one.call_id: one.withdrawal.counts for one in store.withdrawals.settle(PATH, sha256, ["C1"], True)} == {
        "NEW": False,
        "C1": True,
    }
    assert counted(store) == ["C1"]
    save(store)
    assert len(store.history("C1")) == 1, "what stands of a call that was withdrawn is not stored twice"


def lying(path: Path) -> Path:
    """The recording of C1 at a place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"C1")
    return path


def test_a_copy_beside_it_is_another_call_s_and_a_moved_file_is_not(store: Store, tmp_path: Path) -> None:
    also(store, "C1", "8001", file=str(lying(tmp_path / "old" / "C1.wav")))
    copy = lying(tmp_path / "copy.wav")
    sha256 = also(store, "COPY", file=str(copy))
    assert store.withdrawals.settle(copy, sha256, ["COPY"], True) == ()
    assert counted(store) == ["C1", "COPY"]
    (tmp_path / "old" / "C1.wav").rename(tmp_path / "C1.wav")
    also(store, "MOVED", "8001", file=str(tmp_path / "C1.wav"))
    store.withdrawals.settle(tmp_path / "C1.wav", sha256, ["MOVED"], True)
    assert counted(store) == ["COPY", "MOVED"]


def test_equal_names_in_two_folders_that_are_both_there_stay_two_calls(store: Store, tmp_path: Path) -> None:
    for name in "ab":
        lying(tmp_path / name / "C1.wav")
    sha256 = also(store, "A", file=str(tmp_path / "a" / "C1.wav"))
    also(store, "B", "8003", file=str(tmp_path / "b" / "C1.wav"))
    assert store.withdrawals.settle(tmp_path / "b" / "C1.wav", sha256, ["B"], True) == ()
    assert counted(store) == ["A", "B"]


def test_the_card_without_a_record_counts_only_until_there_is_one(store: Store) -> None:
    sha256 = also(store, "C1@ab", None)
    assert store.withdrawals.settle(PATH, sha256, ["C1@ab"], False) == () and counted(store) == ["C1@ab"]
    save(store)
    store.withdrawals.settle(PATH, sha256, ["C1"], True)
    assert counted(store) == ["C1"]
    also(store, "C1@ab", None)
    assert store.withdrawals.settle(PATH, sha256, ["C1@ab"], False) == () and counted(store) == ["C1"]


def test_a_run_without_records_takes_nothing_from_the_one_with_them(store: Store) -> None:
    save(store)
    sha256 = also(store, "C1@ab", None)
    (moved,) = store.withdrawals.settle(PATH, sha256, ["C1@ab"], False)
    assert moved.call_id == "C1@ab" and counted(store) == ["C1"]


def test_a_closed_month_is_only_proposed_to(store: Store) -> None:
    save(store)
    with store.db.writing():
        store.db.insert("closed_months", {"month": "2024-05", "closed": "2024-06-01", "closed_by": "王", "note": ""})
    sha256 = also(store, "NEW")
    moved = {one.call_id: one.withdrawal for one in store.withdrawals.settle(PATH, sha256, ["NEW"], True)}
    assert moved["C1"].proposed and "已关账" in str(moved["C1"]) and "C1" in counted(store)
    assert store.withdrawals.settle(PATH, sha256, ["NEW"], True) == ()
    assert [one.call_id for one in store.withdrawals.all()] == ["C1"]
    store.withdrawals.settle(PATH, sha256, ["C1"], True)
    assert "C1" not in [one.call_id for one in store.withdrawals.all()]


def closed(store: Store, month: str = "2024-05") -> None:
    with store.db.writing():
        store.db.insert("closed_months", {"month": month, "closed": f"{month}-31", "closed_by": "王", "note": ""})


def test_a_proposal_of_a_closed_month_is_accepted_by_a_person(store: Store) -> None:
    save(store)
    sha256 = also(store, "NEW")
    closed(store)
    with pytest.raises(StoreError, match="C1: 没有待批准的撤回"):
        accept_withdrawal(store, "C1", "李四", "话单更正")
    store.withdrawals.settle(PATH, sha256, ["NEW"], True)
    assert [one.call_id for one in store.withdrawals.waiting("2024-05")] == ["C1"] and counted(store) == ["C1", "NEW"]
    assert store.withdrawals.waiting_months() == {"2024-05": 1}
    for by, reason in (("", "话单更正"), ("李四", " ")):
        with pytest.raises(StoreError, match="没有写"):
            accept_withdrawal(store, "C1", by, reason)
    made = accept_withdrawal(store, "C1", " 李四", "话单更正 ")
    assert (made.by, made.counts, made.proposed) == ("李四", False, False)
    assert str(made).startswith("已撤回，不计入任何统计：话单更正；按现在的通话记录，该录音是通话 NEW") and str(made).endswith(
        "（李四 决定）"
    )
    assert counted(store) == ["NEW"] and store.withdrawals.waiting("2024-05") == () and store.withdrawals.pending("C1") is None
    assert store.withdrawals.waiting_months() == {}
    assert store.withdrawals.settle(PATH, sha256, ["NEW"], True) == (), "what was accepted is not proposed again"
    (back,) = [one for one in store.withdrawals.settle(PATH, sha256, ["C1", "NEW"], True) if one.call_id == "C1"]
    assert back.withdrawal.proposed and back.withdrawal.counts
    accept_withdrawal(store, "C1", "李四", "还是它")
    assert counted(store) == ["C1", "NEW"]


def test_an_accepted_withdrawal_is_kept_beside_what_was_closed(store: Store, tmp_path: Path) -> None:
    book = rude_house(tmp_path / "v1", FINE)
    put(store, book, rude_call("A", "06-05"))
    put(store, book, rude_call("B", "06-06"))
    close_month(store, "2025-06", "张三")
    sha256 = store.call("A").audio.sha256
    place = Path(store.call("A").audio.path)
    store.withdrawals.settle(place, sha256, ["OTHER"], True)
    assert len(store.ledger.sheets("8001", "2025-06")) == 1
    withdrawn, adjusted = store.adjust_month("2025-06", "李四", "录音不是这通电话的")
    assert ([one.call_id for one in withdrawn], adjusted) == (["A"], ())
    first, now = store.ledger.sheets("8001", "2025-06")
    assert (first.why, now.why, now.by) == ("关账", "撤回 A：录音不是这通电话的", "李四")
    assert first.totals[0][1].low == 2 * now.totals[0][1].low > 0
    with pytest.raises(StoreError, match="该月没有待批准的评分或撤回"):
        store.adjust_month("2025-06", "李四", "再来")


def test_what_waits_is_listed_and_accepted_by_command(qa: Run, store: Store) -> None:
    save(store)
    sha256 = also(store, "NEW")
    closed(store)
    store.withdrawals.settle(PATH, sha256, ["NEW"], True)
    store.close()
    (month,) = qa("months", "list", "--db", "t.db", "--json").json
    assert (month["withdrawals"], month["proposals"]) == (1, 0)
    done = qa("adjust", "--month", "2024-05", "--by", "李四", "--reason", "话单更正", "--db", "t.db")
    assert done.code == 0 and "C1 已撤回，不计入任何统计：话单更正" in done.out and "李四 决定" in done.out
    assert qa("agents", "--db", "t.db", "--json").json["agents"][0]["agent_id"] == "8002"
    again = qa("adjust", "C1", "--by", "李四", "--reason", "话单更正", "--db", "t.db")
    assert again.code == 2


@pytest.mark.parametrize("kind", ["json", "csv", "xlsx"])
def test_withdrawn_calls_are_exported_where_asked_with_the_reason(qa: Run, store: Store, tmp_path: Path, kind: str) -> None:
    save(store)
    store.withdrawals.settle(PATH, also(store, "NEW"), ["NEW"], True)
    store.close()
    assert qa("export", f"plain.{kind}", "--db", "t.db", "--json").json["calls"] == 1
    told = qa("export", f"whole.{kind}", "--withdrawn", "--db", "t.db", "--json").json
    assert (told["calls"], told["withdrawn"]) == (1, 1)
    plain, whole = (_exported(tmp_path / f"{name}.{kind}", kind) for name in ("plain", "whole"))
    assert [row[0] for row in plain] == ["NEW"] and [row[0] for row in whole] == ["NEW", "C1"]
    assert all("撤回原因" not in row[1] and "withdrawn" not in row[1] for row in plain)
    key = "withdrawn" if kind == "json" else "撤回原因"
    assert not whole[0][1][key] and "该录音是通话 NEW" in str(whole[1][1][key])
    assert qa("export", f"mine.{kind}", "--agent", "8001", "--withdrawn", "--db", "t.db", "--json").json["withdrawn"] == 1


def _exported(path: Path, kind: str) -> list[tuple[str, dict[str, object]]]:
    """Call ids with what stands beside them."""
    if kind == "json":
        return [(call["call_id"], call) for call in json.loads(path.read_text("utf-8"))["calls"]]
    if kind == "csv":
        rows: list[list[object]] = [list(row) for row in csv.reader(path.read_text("utf-8-sig").splitlines())]
    else:
        rows = [list(row) for row in openpyxl.load_workbook(path)["通话"].iter_rows(values_only=True)]
    made = [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]]
    return [(str(row["通话编号"]), row) for row in made]


def test_withdrawals_are_append_only(store: Store) -> None:
    save(store)
    store.withdrawals.settle(PATH, also(store, "NEW"), ["NEW"], True)
    for sql in ("delete from withdrawals", "update withdrawals set counts = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            store.db.sqlite.execute(sql)


def test_records_corrected_between_two_runs(batch: Batch, qa: Run, recordings: Path) -> None:
    (recordings / "text.wav").unlink()
    (recordings / "copy.wav").unlink()
    table = recordings / "calls.csv"
    whole = table.read_text("utf-8")
    assert batch().code == 0
    (row,) = [line for line in whole.splitlines() if line.startswith("02_clean_bill")]
    call_id = row.split(",")[1]
    table.write_text(whole.replace(call_id, "NEWID"), "utf-8")
    found = batch("--json")
    assert [one["call_id"] for one in found.json["withdrawn"]] == [call_id] and "NEWID" in found.json["withdrawn"][0]["what"]
    (agent,) = qa("agents", "--db", "t.db", "--json").json["agents"]
    assert agent["calls"] == 6
    assert any("已撤回" in note and call_id in note for note in qa("agents", "--db", "t.db", "--json").json["notes"])
    assert "已撤回" in qa("export", "out.json", "--db", "t.db").out
    shown = qa("show", call_id, "--db", "t.db")
    assert shown.code == 2 and "该录音是通话 NEWID" in shown.err
    table.write_text(whole, "utf-8")
    assert "恢复计入" in batch().out
    assert "恢复计入" in qa("show", call_id, "--db", "t.db").out
    assert qa("batch", "run", recordings, "--asr", "demo", "--workers", 1, "--db", "t.db").code == 0
    assert qa("agents", "--db", "t.db", "--json").json["agents"][0]["calls"] == 6
    assert qa("export", "o.json", "--db", "t.db", "--json").json["calls"] == 6
