"""Trouble on the way of a batch: the disk, the database, the share, files that are still written, the clock.  Nothing is lost by it."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from batch_days import CLIPS, clip, content, difference, old
from batch_here import Batch, batch, forked, recordings
from commands import Run

from qa import pipeline, rows
from qa.batch import plan
from qa.database import Database
from qa.store import Store

__all__ = ["batch", "forked", "recordings"]
WHOLE = len(CLIPS) + 1


@pytest.fixture
def after_two(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Store], object]], None]:
    """Let something happen once, after the second call is judged."""

    def arrange(happening: Callable[[Store], object]) -> None:
        real, calls = pipeline.Scorer.score, iter(range(1000))

        def score(self: pipeline.Scorer, *args: Any) -> Any:
            result = real(self, *args)
            if next(calls) == 1:
                happening(self.store)
            return result

        monkeypatch.setattr(pipeline.Scorer, "score", score)

    return arrange


@pytest.fixture
def completes(batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The trouble is over: the next run ends as one that met none."""

    def check() -> None:
        monkeypatch.undo()  # of the fixture's own, the working folder and the double of the recogniser too
        with monkeypatch.context() as again:
            again.chdir(tmp_path)
            for name, value in DOUBLES.items():
                again.setattr(name, value)
            assert batch().code == 1
            assert batch("--db", "whole.db").code == 1
        assert difference(content(tmp_path / "whole.db"), content(tmp_path / "t.db")) == []

    return check


DOUBLES: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _remember(forked: None) -> None:
    import qa.asr
    import qa.batch.start
    import qa.batch.work

    DOUBLES.update({
        "qa.batch.start.LocalPool": qa.batch.start.LocalPool,
        "qa.asr.transcribe": qa.asr.transcribe,
        "qa.batch.work.recogniser": qa.batch.work.recogniser,
    })  # fmt: skip


# ---------------------------------------------------------------- the database


def test_a_full_database_stops_the_run(batch: Batch, completes: Callable[[], None], after_two: Any) -> None:
    after_two(lambda store: store._db.sqlite.execute("PRAGMA max_page_count = 1"))
    stopped = batch("--json")
    assert stopped.code == 3 and "磁盘空间不足" in stopped.err
    assert 2 <= stopped.json["through"] <= WHOLE and stopped.json["failed"] == 0
    completes()


def test_a_full_disk_stops_the_program(recordings: Path, tmp_path: Path) -> None:
    """The program as installed, which may write no file larger than 400 kB."""
    program = Path(__file__).parent / "batch_program.py"
    command = [sys.executable, str(program), "batch", "run", str(recordings), "--db", "t.db", "--asr", "demo", "--workers", "1"]

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    environment = os.environ | {"QA_TEST_DOUBLE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, preexec_fn=small, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "空间" in done.stderr and "Traceback" not in done.stderr
    with Store(tmp_path / "t.db") as store:
        assert len(store.calls()) < WHOLE


def test_a_database_that_became_read_only_stops_the_run(batch: Batch, completes: Callable[[], None], after_two: Any) -> None:
    after_two(lambda store: store._db.sqlite.execute("PRAGMA query_only = on"))
    stopped = batch("--json")
    assert stopped.code == 3 and "数据库是只读的" in stopped.err and stopped.json["failed"] == 0
    completes()


def test_a_read_only_database_is_told_before_the_first_file(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    assert batch().code == 1
    real = Database._prepare

    def prepare(self: Database, busy_timeout_s: float) -> None:
        real(self, busy_timeout_s)
        self.sqlite.execute("PRAGMA query_only = on")

    monkeypatch.setattr(Database, "_prepare", prepare)
    refused = batch()
    assert refused.code == 3 and "数据库是只读的" in refused.err and refused.out == ""


def test_a_database_that_disappears_stops_the_run(batch: Batch, after_two: Any, tmp_path: Path) -> None:
    after_two(lambda store: store.path.unlink())
    stopped = batch("--json")
    assert stopped.code == 3 and "数据库文件被删除" in stopped.err
    # the file that is no recording may come first
    assert stopped.json["scored"] == 2
    assert stopped.json["through"] - stopped.json["failed"] - stopped.json["quarantined"] == 2


def test_a_locked_database_is_waited_for(batch: Batch, completes: Callable[[], None], after_two: Any, tmp_path: Path) -> None:
    let_go = threading.Event()
    ready = threading.Event()

    def hold() -> None:
        with sqlite3.connect(tmp_path / "t.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            ready.set()
            let_go.wait(60)
            other.execute("ROLLBACK")

    holder = threading.Thread(target=hold)

    def begin(store: Store) -> None:
        holder.start()
        ready.wait(60)
        threading.Timer(0.5, let_go.set).start()

    after_two(begin)
    assert batch().code == 1
    holder.join()
    completes()


def test_a_database_that_stays_locked_stops_the_run(
    batch: Batch, completes: Callable[[], None], after_two: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.cli_batch.BUSY_TIMEOUT_S", 0.2)
    other = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    after_two(lambda store: other.execute("BEGIN IMMEDIATE"))
    stopped = batch()
    assert stopped.code == 3 and "数据库正被另一个程序占用" in stopped.err
    at_once = batch()
    assert at_once.code == 3 and "数据库正被另一个程序占用" in at_once.err
    other.close()
    completes()


# ---------------------------------------------------------------- the recordings


@pytest.mark.parametrize("what", ["removed", "another"])
def test_a_share_that_vanishes_stops_the_run_and_fails_no_file(
    batch: Batch, completes: Callable[[], None], after_two: Any, recordings: Path, what: str
) -> None:
    kept = recordings.with_name("elsewhere")

    def vanish(store: Store) -> None:
        recordings.rename(kept)
        if what == "another":  # as the empty folder under a mount
            recordings.mkdir()

    after_two(vanish)
    stopped = batch("--json", command=("run", recordings, "--workers", 1))
    assert stopped.code in (2, 3)
    assert stopped.code == 3 and "录音文件夹不见了" in stopped.err
    assert stopped.json["failed"] == 0 and stopped.json["quarantined"] <= 1
    if what == "another":
        recordings.rmdir()
    kept.rename(recordings)
    completes()


def test_a_file_that_is_moved_away_is_one_failure(batch: Batch, recordings: Path) -> None:
    (recordings / "gone.wav").symlink_to(recordings / "nowhere.wav")
    found = batch("--json")
    assert found.code == 1 and found.json["failed"] == 1 and found.json["scored"] == WHOLE
    assert [p["cause"] for p in found.json["problems"] if p["fate"] == "failed"] == ["文件不存在"]


def test_a_file_that_grows_while_it_is_read_is_left_and_later_scored_whole(
    batch: Batch, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grows, real = recordings / f"{CLIPS[1]}.wav", pipeline.decode.decode
    whole = grows.read_bytes()
    grows.write_bytes(whole[:-8000])

    def decode(path: Path) -> Any:
        if path == grows:
            path.write_bytes(whole)
        return real(path)

    with monkeypatch.context() as growing:
        growing.setattr("qa.decode.decode", decode)
        monkeypatch.setattr(plan, "SETTLE_S", 0.0)
        found = batch("--json")
    assert found.code == 1 and (found.json["left"], found.json["scored"]) == (1, WHOLE - 1)
    assert [p["cause"] for p in found.json["problems"] if p["fate"] == "left"] == ["文件在读取过程中有变化，可能还在录音或拷贝"]
    assert batch("--json").json["scored"] == WHOLE
    with Store(tmp_path / "t.db") as store:
        (call,) = [call for call in store.calls() if call.file.endswith(grows.name)]
    assert call.duration_ms == 1500


def test_a_file_that_changes_after_it_was_heard_is_not_scored(batch: Batch, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its content was whole when it was read, but it is not that file any more."""
    grows, real = recordings / f"{CLIPS[1]}.wav", pipeline.judge

    def judge(call: Any, book: Any, earlier: Any) -> Any:
        if not done:
            done.append(grows.write_bytes(grows.read_bytes() + bytes(8000)))
        return real(call, book, earlier)

    done: list[int] = []
    monkeypatch.setattr(pipeline, "judge", judge)
    found = batch("--json")
    left = {Path(p["file"]).name for p in found.json["problems"] if p["fate"] == "left"}
    assert found.code == 1 and left == {grows.name}


def test_a_fresh_file_is_watched_until_it_settles(batch: Batch, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is being written to all the time, one is held open, one is just new."""
    monkeypatch.setattr(plan, "SETTLE_S", 0.3)
    growing, held, fresh = (recordings / f"{name}.wav" for name in ("growing", "held", "fresh"))
    for path in (growing, held, fresh):
        path.write_bytes(clip(CLIPS[2], 1.0, start_s=3.0))
    enough = threading.Event()

    def write() -> None:
        while not enough.wait(0.05):
            with growing.open("ab") as target:
                target.write(bytes(160))

    writer = threading.Thread(target=write)
    writer.start()
    with held.open("ab"):
        found = batch("--json")
    enough.set()
    writer.join()
    left = {Path(p["file"]).name for p in found.json["problems"] if p["fate"] == "left"}
    assert left == {"growing.wav", "held.wav"} and found.json["scored"] == WHOLE + 1
    settled = batch("--json")
    assert settled.json["left"] == 0 and settled.json["scored"] == WHOLE + 3


# ---------------------------------------------------------------- the clock


def test_a_clock_that_is_set_back_changes_nothing(
    batch: Batch, qa: Run, completes: Callable[[], None], after_two: Any, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "SETTLE_S", 0.2)
    real, shift = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + shift[0])
    monkeypatch.setattr(rows, "now_utc", lambda: time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00", time.gmtime(time.time())))
    tomorrow = real() + 86_400
    os.utime(recordings / f"{CLIPS[0]}.wav", (tomorrow, tomorrow))

    def set_back(store: Store) -> None:
        shift[0] = -400 * 86_400.0

    after_two(set_back)
    first = batch("--json")
    assert first.code == 1 and (first.json["scored"], first.json["left"]) == (WHOLE, 0) and first.json["seconds"] >= 0
    assert batch("--json").json["reused"] == WHOLE
    runs = qa("batch", "status", "--json", "--db", "t.db").json["runs"]
    assert [run["id"] for run in runs] == [2, 1] and runs[0]["started"] < runs[1]["started"]
    shift[0] = 0.0
    old(recordings)
    completes()


def test_files_are_fresh_by_the_wall_clock_and_settle_by_the_monotonic_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"x")
    os.utime(path, (1000.0, 1000.0))
    assert [plan.is_fresh(path, now) for now in (1059.0, 1061.0, 10.0)] == [True, False, True]
    now = [0.0]
    settling = plan.Settling(5.0, lambda: now[0])
    assert settling.finished([path]) == []
    now[0] = 4.9
    assert settling.finished([path]) == []
    path.write_bytes(b"xy")
    now[0] = 6.0
    assert settling.finished([path]) == []
    now[0] = 11.0
    assert settling.finished([path]) == [path] and settling.unchanged_s(path) == 5.0
    with path.open("ab"):
        assert settling.finished([path]) == []
    with path.open("rb"):
        assert settling.finished([path]) == [path]
    shutil.move(path, tmp_path / "b.wav")
    assert settling.finished([path]) == [] and settling.unchanged_s(path) == 0.0
