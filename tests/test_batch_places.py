"""Names that are not UTF-8, files of equal content, folders told otherwise, and recordings that were cut short when they were scored."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from batch_days import clip, old
from batch_here import Batch, batch, forked, recordings
from commands import Run

from qa.batch.kept import path_of, path_text
from qa.batch.lock import is_held, lock_path, one_batch
from qa.errors import BusyError
from qa.store import Store

__all__ = ["batch", "forked", "recordings"]
GBK = os.fsdecode(b"!\xb2\xe2.wav")


def test_a_path_that_is_not_utf_8_comes_back_from_its_text() -> None:
    for name in (GBK, "测.wav", "a\\b.wav"):
        text = path_text(name)
        assert text.encode("utf-8") and path_of(text) == Path(name)


@pytest.mark.parametrize("whole", [True, False])
def test_a_name_that_is_not_utf_8_fails_alone(batch: Batch, qa: Run, recordings: Path, tmp_path: Path, whole: bool) -> None:
    (recordings / "text.wav").unlink()
    (recordings / GBK).write_bytes(clip("02_clean_bill", 1.5) if whole else b"\x01\x02" * 900)
    old(recordings)
    for _ in range(2):
        found = batch("--json", "--report-json", "report.json")
        assert (found.code, found.json["failed"], found.json["scored"]) == (1, 1, found.json["files"] - 1)
        assert "不是 UTF-8" in found.json["problems"][0]["cause"] and "udcb2" in found.json["problems"][0]["file"]
        assert (tmp_path / "report.json").read_text("utf-8")
    assert qa("batch", "status", "--json", "--db", "t.db").json["runs"][0]["state"] == "done"
    one = qa("score", recordings / GBK, "--asr", "demo", "--db", "t.db", "--json")
    assert one.code == 1 and "不是 UTF-8" in one.err + one.out


def test_the_database_keeps_what_it_is_told_of_any_path(tmp_path: Path) -> None:
    from qa.errors import AudioError

    with Store(tmp_path / "t.db") as store:
        number = store.batches.begin()
        store.batches.end(number, "done", {"file": GBK})
        store.batches.quarantine("a" * 64, tmp_path / GBK, AudioError(GBK, f"坏了 {GBK}", ""))
        (kept,) = store.batches.quarantined()
        assert kept.place == tmp_path / GBK and kept.path.encode("utf-8")


def test_equal_contents_in_quarantine_are_files_of_their_own(batch: Batch, recordings: Path, tmp_path: Path) -> None:
    (recordings / "text.wav").unlink()
    empty = [recordings / f"empty{k}.wav" for k in range(5)]
    for path in empty:
        path.touch()
    old(recordings)
    assert batch("--json").json["quarantined"] == 5
    with Store(tmp_path / "t.db") as store:
        kept = store.batches.quarantined()
    assert [(Path(one.path), one.attempts) for one in kept] == [(path, 1) for path in empty]
    assert batch("--json").json["skipped"] == 5
    assert batch("--json", command=("retry", empty[1])).json["files"] == 1
    assert batch("--json", command=("retry",)).json["files"] == 5
    with Store(tmp_path / "t.db") as store:
        assert [one.attempts for one in store.batches.quarantined()] == [2, 3, 2, 2, 2]
    for path in empty[1:]:
        path.unlink()
    empty[0].rename(recordings / "moved.wav")
    old(recordings)
    assert batch("--json").json["skipped"] == 1
    with Store(tmp_path / "t.db") as store:
        assert [Path(one.path).name for one in store.batches.quarantined()] == ["moved.wav"]


def test_quarantine_is_found_from_any_folder(batch: Batch, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert batch(command=("run", recordings.name)).code == 1
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = batch("--json", "--db", tmp_path / "t.db", command=("retry",))
    assert (found.code, found.json["quarantined"]) == (1, 1)


def test_one_lock_however_the_database_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "l.db").touch()
    (tmp_path / "link.db").symlink_to("l.db")
    assert lock_path(tmp_path / "link.db") == lock_path(tmp_path / "l.db")
    with one_batch(tmp_path / "l.db"):
        assert is_held(tmp_path / "link.db")
        with pytest.raises(BusyError), one_batch(tmp_path / "link.db"):
            pass


# ---------------------------------------------------------------- cut short


@pytest.fixture
def torn(recordings: Path) -> Path:
    """A recording of which only the first part has come."""
    path = recordings / "02_clean_bill.wav"
    whole = clip("02_clean_bill", 6.0)
    for other in recordings.glob("*.wav"):
        other.unlink()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    old(recordings)
    return path


def test_the_whole_recording_takes_the_place_of_the_one_cut_short(batch: Batch, torn: Path, tmp_path: Path) -> None:
    assert batch().code == 0
    torn.write_bytes(clip("02_clean_bill", 6.0))
    old(torn.parent)
    found = batch("--json")
    assert (found.code, found.json["failed"], found.json["scored"]) == (0, 0, 1)
    with Store(tmp_path / "t.db") as store:
        (row,) = store.calls()
        assert (row.duration_ms, len(store.history(row.call_id))) == (6000, 2)


def test_another_recording_does_not(batch: Batch, torn: Path, tmp_path: Path) -> None:
    assert batch().code == 0
    torn.write_bytes(clip("03_no_greeting", 6.0))
    old(torn.parent)
    found = batch("--json")
    assert (found.code, found.json["failed"]) == (1, 1) and "已属于另一个录音" in found.json["problems"][0]["cause"]
    with Store(tmp_path / "t.db") as store:
        (row,) = store.calls()
        assert row.duration_ms < 6000


def test_nor_does_a_longer_one_where_nothing_was_cut(batch: Batch, torn: Path) -> None:
    torn.write_bytes(clip("02_clean_bill", 3.0))
    old(torn.parent)
    assert batch().code == 0
    torn.write_bytes(clip("02_clean_bill", 6.0))
    old(torn.parent)
    assert batch().code == 1


def test_a_recording_that_is_still_coming_is_left(batch: Batch, torn: Path) -> None:
    recent = time.time() - 180
    os.utime(torn, (recent, recent))
    found = batch("--json")
    assert (found.code, found.json["left"]) == (1, 1)
    old(torn.parent)
    assert batch("--json").json["scored"] == 1
