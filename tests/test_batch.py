"""``qa batch``: a day scored once, what is poisonous set apart, exit status and report that a cron job can use."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from batch_days import CLIPS, clip, content, day, difference, old
from batch_here import Batch, batch, forked, limits, recordings
from commands import Run

from qa import models, pipeline, rulebook
from qa.batch import worker
from qa.batch.job import Done, Job
from qa.batch.lock import is_held, one_batch
from qa.batch.machine import Shape, shape
from qa.batch.pool import Limits, LocalPool
from qa.batch.run import Run as Loop
from qa.batch.work import work
from qa.errors import AudioError, BatchError, BusyError, ModelError, UnexpectedError
from qa.records import read_calls
from qa.store import Store

__all__ = ["batch", "forked", "recordings"]
WHOLE = len(CLIPS) + 1
POISON = f"{CLIPS[4]}.wav"


def scorecards(db: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(db) as connection:
        return connection.execute("select call_id, count(*) from scorecards group by call_id order by call_id").fetchall()


def poison(monkeypatch: pytest.MonkeyPatch, harm: Callable[[], object]) -> None:
    """One of the recordings does harm in whatever worker decodes it."""
    real = pipeline.decode.decode

    def decode(path: Path) -> Any:
        if path.name == POISON:
            harm()
        return real(path)

    monkeypatch.setattr("qa.decode.decode", decode)


# ---------------------------------------------------------------- a day


def test_a_day_is_scored_once_and_nothing_is_made_again(batch: Batch, recordings: Path, tmp_path: Path) -> None:
    first = batch("--json", "--report-json", "report.json")
    assert first.code == 1 and "text.wav：不是音频文件" in first.err and "（隔离）" in first.err
    assert {k: first.json[k] for k in ("files", "through", "scored", "reused", "quarantined", "skipped", "failed", "left")} == {
        "files": WHOLE + 1, "through": WHOLE + 1, "scored": WHOLE, "reused": 1, "quarantined": 1, "skipped": 0, "failed": 0, "left": 0,
    }  # fmt: skip
    assert [(Path(p["file"]).name, p["why"]) for p in first.json["without_record"]] == [("copy.wav", "通话记录里没有这个录音")]
    assert json.loads((tmp_path / "report.json").read_text("utf-8")) == first.json
    before = content(tmp_path / "t.db")
    second = batch("--json")
    assert second.code == 1
    assert (second.json["scored"], second.json["reused"], second.json["skipped"], second.json["stage_seconds"]) == (WHOLE, WHOLE, 1, {})
    assert difference(before, content(tmp_path / "t.db")) == []
    (recordings / "text.wav").unlink()
    assert batch().code == 0


def test_status_tells_runs_and_quarantine(batch: Batch, qa: Run) -> None:
    report = batch("--json").json
    told = qa("batch", "status", "--json", "--db", "t.db")
    assert told.code == 0 and told.json["running"] is False
    (run,) = told.json["runs"]
    assert (run["state"], run["report"]) == ("done", report)
    (kept,) = told.json["quarantine"]
    assert Path(kept["path"]).name == "text.wav" and kept["attempts"] == 1
    shown = qa("batch", "status", "--db", "t.db").out
    assert "没有批处理在运行" in shown and "text.wav：不是音频文件" in shown


def test_usage_errors_come_before_the_first_file(qa: Run, tmp_path: Path) -> None:
    for name in ("empty", "one"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "a.wav").touch()
    for arguments, words in (
        (("run", "nowhere"), "没有这个文件或文件夹"),
        (("run", "empty", "--asr", "demo"), "没有找到录音文件"),
        (("run", "one", "--asr", "demo", "--profile", "nohouse"), "nohouse"),
        (("watch", "nowhere"), "没有这个文件夹"),
        (("status",), "数据库不存在"),
        (("retry", "--asr", "demo"), "数据库不存在"),
    ):
        failed = qa("batch", *arguments, "--db", "u.db")
        assert failed.code == 2 and words in failed.err


def test_score_with_workers_is_score_without(
    qa: Run, forked: None, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("score", recordings, "--calls", recordings / "calls.csv", "--asr", "demo", "--json")
    many = qa(*arguments, "--db", "many.db")
    monkeypatch.setattr(pipeline, "SEVERAL", 100)
    monkeypatch.setattr(pipeline.asr, "Recogniser", lambda located: located.fingerprint)
    one = qa(*arguments, "--db", "one.db")
    assert many.code == one.code == 1
    plain = [[{k: v for k, v in row.items() if k != "seconds"} for row in ran.json] for ran in (many, one)]
    assert plain[0] == plain[1] and [Path(r["file"]).name for r in plain[0]] == sorted(p.name for p in recordings.glob("*.wav"))
    assert difference(content(tmp_path / "one.db"), content(tmp_path / "many.db")) == []


class Backwards:
    """An engine that is done with the last job first, as far as it was given any."""

    workers = 50

    def __init__(self) -> None:
        self.waiting: list[tuple[Job, Future[Done]]] = []

    def submit(self, job: Job) -> Future[Done]:
        self.waiting.append((job, Future()))
        return self.waiting[-1][1]

    def end_one(self) -> None:
        if self.waiting and len(self.waiting) == len(CLIPS) - self.ended:
            job, future = self.waiting.pop()
            self.ended += 1
            future.set_result(work(job))

    ended = 0

    def close(self) -> None:
        raise AssertionError


def test_calls_of_an_agent_are_judged_in_order_of_time_however_they_end(forked: None, tmp_path: Path) -> None:
    """Rules that warn first count the agent's calls before."""
    folder = day(tmp_path / "day", seconds=1.0, bad=False)
    engine, table = Backwards(), read_calls(folder / "calls.csv")
    with Store(tmp_path / "t.db") as store:
        scorer = pipeline.Scorer(store, rulebook.load("default"), table, "demo")
        files = sorted(folder.glob("*.wav"), reverse=True)
        results = list(Loop(scorer, engine, check=engine.end_one).results(files))
    starts = [result.call.record.start for result in results if result.call and result.call.record]
    assert len(starts) == len(CLIPS) and starts == sorted(starts)
    assert {result.call.record.agent_id for result in results if result.call and result.call.record} == {"1001"}


# ---------------------------------------------------------------- poison


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "崩溃 2 次（信号 9 SIGKILL，可能是内存不足，停在解码）"),
        (lambda: time.sleep(600), "处理超时（限 1 秒，停在解码）"),
        (lambda: 1 / 0, "程序内部错误 ZeroDivisionError"),
    ],
)
def test_poison_is_set_apart_and_taken_again_when_told(
    batch: Batch, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[], object], words: str
) -> None:
    (recordings / "text.wav").unlink()
    with monkeypatch.context() as ill:
        limits(ill, floor_s=1.0, factor=60.0)
        poison(ill, harm)
        first = batch("--json")
        assert first.code == 1 and (first.json["scored"], first.json["quarantined"]) == (WHOLE - 1, 1)
        assert [Path(p["file"]).name for p in first.json["problems"]] == [POISON] and words in first.json["problems"][0]["cause"]
        again = batch("--json")
        assert again.code == 1 and again.json["skipped"] == 1 and "（隔离）" not in again.err
        assert batch("--json", command=("retry", recordings / POISON)).json["quarantined"] == 1
        with Store(tmp_path / "t.db") as store:
            (kept,) = store.batches.quarantined()
        assert kept.attempts == 2 and words in kept.cause
    assert batch(command=("retry", recordings / "copy.wav")).code == 2
    healed = batch("--json", command=("retry",))
    assert healed.code == 0 and (healed.json["files"], healed.json["scored"]) == (1, 1)
    assert [count for _, count in scorecards(tmp_path / "t.db")] == [1] * WHOLE
    final = batch("--json")
    assert final.code == 0 and final.json["reused"] == WHOLE


def test_a_worker_that_takes_too_much_memory_is_replaced(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    def eat() -> None:
        held = []
        while len(held) < 300:  # 3 GiB at most
            held.append(os.urandom(1 << 16) * 160)
            time.sleep(0.002)

    poison(monkeypatch, eat)
    found = batch("--json", "--memory-limit", 1024)
    assert found.code == 1 and found.json["scored"] == WHOLE - 1
    assert any("占用内存超过限制（1024 MiB，停在解码）" in p["cause"] for p in found.json["problems"])


def test_python_s_own_want_of_memory_is_told_as_such(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, lambda: bytearray(1 << 60))
    found = batch("--json")
    assert any("占用内存超过限制" in p["cause"] for p in found.json["problems"]) and found.json["scored"] == WHOLE - 1


def test_a_model_that_does_not_load_is_no_recording_s_fault(batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: object, threads: int) -> None:
        raise ModelError("模型 demo", "加载失败", "")

    monkeypatch.setattr("qa.batch.work.recogniser", broken)
    monkeypatch.setattr("qa.asr.transcribe", lambda recogniser, *others: 1 / 0)
    found = batch("--json")
    assert found.code == 3 and found.json["stopped"]["cause"] == "加载失败"
    assert content(tmp_path / "t.db")["quarantine"].total() <= 1  # the text file, if its turn came


# ---------------------------------------------------------------- workers


def job(path: Path, **other: Any) -> Job:
    seen = pipeline.decode.file_sha256(path)
    return Job(str(path), seen, path.stat().st_size, ("info",), (), models.locate("demo"), pipeline.asr.AsrSettings(), (), **other)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(clip(CLIPS[0], 0.5))
    return path


def pool(count: int = 1) -> LocalPool:
    return LocalPool(Shape((1,) * count, 4 << 30), Limits(), start_method="fork")


def test_workers_that_never_start_end_the_batch(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "serve", lambda pipe, threads: os._exit(7))
    engine = pool()
    with pytest.raises(BatchError, match="退出码 7"):
        engine.submit(job(file)).result(60)
    engine.close()


def test_closing_gives_up_what_is_at_work_and_leaves_no_process(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.decode.decode", lambda path: time.sleep(600))
    engine = pool(2)
    futures = [engine.submit(job(file)) for _ in range(3)]
    while not any(one.task for one in engine._workers):
        time.sleep(0.01)
    numbers = [one.process.pid for one in engine._workers]
    engine.close()
    for future in futures:
        with pytest.raises(BatchError):
            future.result(60)
    assert numbers and not any(
        Path(f"/proc/{n}/statm").exists() and Path(f"/proc/{n}/statm").read_text().split()[1] != "0" for n in numbers
    )


def test_errors_of_a_worker_come_back_as_what_they_were(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OddError(Exception):
        def __init__(self, one: int, other: int) -> None:
            super().__init__("odd")

    def odd(path: Path) -> None:
        raise OddError(1, 2)  # cannot be unpickled

    text = tmp_path / "text.wav"
    text.write_text("不是录音")
    engine = pool()
    with pytest.raises(AudioError, match="不是音频文件"):
        engine.submit(job(text)).result(60)
    engine.close()
    monkeypatch.setattr("qa.decode.decode", odd)
    engine = pool()
    with pytest.raises(UnexpectedError, match="OddError: odd") as caught:
        engine.submit(job(file)).result(60)
    engine.close()
    assert "in odd" in str(caught.value.__cause__)


def test_limits_grow_with_the_recording() -> None:
    limits = Limits(120.0, 6.0)
    assert limits.seconds(0, None) == 120.0
    assert limits.seconds(30_000_000, None) == 150.0
    assert limits.seconds(0, 3_600_000) == 120.0 + 6 * 3600


def test_workers_share_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.locate("demo")
    monkeypatch.setattr("qa.batch.machine.cores", lambda: 8)
    monkeypatch.setattr("qa.batch.machine.free_memory", lambda: 64 << 30)
    assert shape(model).threads == (1,) * 8
    assert shape(model, workers=3).threads == (3, 3, 2)
    assert shape(model, workers=3).memory_bytes == (63 << 30) // 3
    assert shape(model, files=2).threads == (4, 4)
    assert shape(model, memory_bytes=1 << 30).memory_bytes == 1 << 30
    monkeypatch.setattr("qa.batch.machine.free_memory", lambda: 5 << 30)  # four gigabytes for workers of some 1.2
    assert shape(model).threads == (3, 3, 2)
    monkeypatch.setattr("qa.batch.machine.free_memory", lambda: 1 << 20)
    assert shape(model).threads == (8,)


SERVE = """
import json, os, sys
import qa.batch.worker as worker
class Pipe:
    def send(self, message): print(json.dumps([message, os.environ["OMP_WAIT_POLICY"], os.environ["OMP_NUM_THREADS"], early]))
    def recv(self): raise EOFError
early = sorted({"numpy", "scipy", "ctranslate2", "onnxruntime", "librosa"} & set(sys.modules))
worker.serve(Pipe(), 3)
assert {"numpy", "onnxruntime"} <= set(sys.modules)
"""


def test_a_worker_s_threads_are_set_before_the_libraries_load() -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    told = subprocess.run([sys.executable, "-c", SERVE], env=clean, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == [["ready"], "PASSIVE", "3", []]


# ---------------------------------------------------------------- one at a time, signals


def test_a_second_batch_says_who_is_there_and_readers_do_not_wait(batch: Batch, qa: Run, tmp_path: Path) -> None:
    assert batch().code == 1
    with one_batch(tmp_path / "t.db"):
        refused = batch()
        assert refused.code == 4 and f"另一个批处理正在使用这个数据库（进程 {os.getpid()}）" in refused.err
        assert qa("batch", "status", "--db", "t.db", "--json").json["running"] is True
        assert qa("agents", "--db", "t.db").code == 0
        with pytest.raises(BusyError), one_batch(tmp_path / "t.db"):
            pass
    assert not is_held(tmp_path / "t.db") and batch().code == 1


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_cleanly_and_the_next_run_goes_on(
    batch: Batch, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    whole = batch("--db", "whole.db")
    assert whole.code == 1
    real, calls = pipeline.Scorer.score, iter(range(100))

    def score(self: pipeline.Scorer, *args: Any) -> Any:
        result = real(self, *args)
        if next(calls) == 1:
            os.kill(os.getpid(), sent)
        return result

    with monkeypatch.context() as ill:
        ill.setattr(pipeline.Scorer, "score", score)
        stopped = batch("--json")
    assert stopped.code == 3 and f"收到停止信号 {sent.name}" in stopped.err
    assert stopped.json["state"] == "stopped" and 2 <= stopped.json["through"] < WHOLE
    assert batch().code == 1
    assert difference(content(tmp_path / "whole.db"), content(tmp_path / "t.db")) == []


def test_a_run_that_was_killed_is_shown_as_cut_off(qa: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "t.db") as store:
        store.batches.progress(store.batches.begin(), {"files": 9, "through": 4, "scored": 3, "seconds": 1.5})
    assert qa("batch", "status", "--db", "t.db", "--json").json["runs"][0]["state"] == "cut off"
    with one_batch(tmp_path / "t.db"):
        assert qa("batch", "status", "--db", "t.db", "--json").json["runs"][0]["state"] == "running"
        assert "正在运行" in qa("batch", "status", "--db", "t.db").out


def test_a_fine_file_of_another_content_is_not_refused_for_its_name(batch: Batch, recordings: Path) -> None:
    assert batch().code == 1
    shutil.copy(recordings / "copy.wav", recordings / "text.wav")
    old(recordings)
    mended = batch("--json")
    assert mended.code == 0 and mended.json["scored"] == WHOLE + 1
