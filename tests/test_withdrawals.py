"""Calls of a recording that its present call records no longer give: they stay, do not count, and say why."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from batch_here import Batch, batch, forked, recordings
from commands import Run
from stored_calls import call, record, save, scorecard

from qa.errors import NotFoundError
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


def test_a_copy_beside_it_is_another_call_s_and_a_moved_file_is_not(store: Store, tmp_path: Path) -> None:
    save(store)
    copy = tmp_path / "copy.wav"
    sha256 = also(store, "COPY", file=str(copy))
    assert store.withdrawals.settle(copy, sha256, ["COPY"], True) == ()
    assert counted(store) == ["C1", "COPY"]
    copy.touch()
    also(store, "MOVED", file=str(tmp_path / "C1.wav"))
    store.withdrawals.settle(tmp_path / "C1.wav", sha256, ["MOVED"], True)
    assert counted(store) == ["COPY", "MOVED"]


def test_equal_names_in_two_folders_that_are_both_there_stay_two_calls(store: Store, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "C1.wav").touch()
    sha256 = also(store, "A", file=str(tmp_path / "a" / "C1.wav"))
    also(store, "B", file=str(tmp_path / "b" / "C1.wav"))
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
