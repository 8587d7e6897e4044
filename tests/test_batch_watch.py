"""``qa batch watch``: a file is taken once it is finished, once, and the program ends when it is told to."""

from __future__ import annotations

import csv
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import make_audio as make
import pytest
from batch_days import CLIPS, clip, old
from batch_here import Batch, batch, forked, recordings
from commands import Ran

from qa import decode
from qa.batch.lock import one_batch
from qa.batch.watch import Watch
from qa.store import Store

__all__ = ["batch", "forked", "recordings"]
WHOLE = len(CLIPS) + 1


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """What each round of the watch counted."""
    seen: list[dict[str, int]] = []
    real = Watch._round

    def one(self: Watch, *args: Any) -> Any:
        report = real(self, *args)
        if report is not None:
            seen.append({fate: n for fate, n in report.tally.counts.items() if n and fate not in ("reused", "proposed", "scorecards")})
        return report

    monkeypatch.setattr(Watch, "_round", one)
    return seen


@pytest.fixture
def watch(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Watch folders; before each look, ``look(n)`` is called, and the program is told to stop when that says so."""

    def run(folder: Path, look: Callable[[int], bool], *more: object, sent: int = signal.SIGTERM) -> Ran:
        numbers = iter(range(10_000))
        real = Watch._sleep

        def sleep(self: Watch) -> None:
            if look(next(numbers)):
                os.kill(os.getpid(), sent)
            real(self)

        monkeypatch.setattr(Watch, "_sleep", sleep)
        return batch("--settle", 0.2, "--every", 0.1, *more, command=("watch", folder))

    return run


def stored(db: Path) -> dict[str, int]:
    with Store(db) as store:
        return {Path(call.file).name: call.duration_ms for call in store.calls()}


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_finished_files_are_scored_once_each_and_a_signal_ends_it(
    watch: Callable[..., Ran], rounds: list[dict[str, int]], recordings: Path, tmp_path: Path, sent: int
) -> None:
    (recordings / "text.wav").unlink()
    (recordings / "copy.wav").unlink()
    late = recordings / f"{CLIPS[0]}.wav"
    whole = late.read_bytes()
    late.unlink()
    handle = [None]

    def look(number: int) -> bool:
        scored = sum(r.get("scored", 0) for r in rounds)
        if scored == len(CLIPS) - 1 and handle[0] is None:
            handle[0] = late.open("wb")  # type: ignore[call-overload]
            handle[0].write(whole[:5000])
            handle[0].flush()
            look.opened = number  # type: ignore[attr-defined]
        elif handle[0] is not None and number == look.opened + 8 and not handle[0].closed:  # type: ignore[attr-defined]
            assert scored == len(CLIPS) - 1  # held open for as long as eight looks, and not taken
            handle[0].write(whole[5000:])
            handle[0].close()
        return scored == len(CLIPS)

    ended = watch(recordings, look, sent=sent)
    assert ended.code == 0 and "已停止" in ended.err
    assert stored(tmp_path / "t.db") == {f"{name}.wav": 1500 for name in CLIPS}
    assert sum(r.get("scored", 0) for r in rounds) == len(CLIPS)


def test_a_file_waits_for_its_call_record(
    watch: Callable[..., Ran], rounds: list[dict[str, int]], recordings: Path, tmp_path: Path
) -> None:
    (recordings / "text.wav").unlink()
    table = recordings / "calls.csv"
    rows = list(csv.DictReader(table.open(encoding="utf-8")))

    def look(number: int) -> bool:
        if rounds and rounds[0] and not look.given:  # type: ignore[attr-defined]
            look.given = True  # type: ignore[attr-defined]
            with table.open("a", newline="", encoding="utf-8") as target:
                csv.DictWriter(target, list(rows[0])).writerow(rows[0] | {"file": "copy.wav", "call_id": "late", "agent_id": "1002"})
        return sum(r.get("scored", 0) for r in rounds) == WHOLE

    look.given = False  # type: ignore[attr-defined]
    ended = watch(recordings, look)
    assert ended.code == 0 and "还没有这个录音的通话记录" in ended.err
    assert rounds[0] == {"scored": WHOLE - 1, "left": 1} and rounds[-1] == {"scored": 1}
    with Store(tmp_path / "t.db") as store:
        assert "late" in {call.call_id for call in store.calls()} and len(store.calls()) == WHOLE


def test_new_records_score_again_what_they_tell_otherwise(
    watch: Callable[..., Ran], rounds: list[dict[str, int]], recordings: Path, tmp_path: Path
) -> None:
    for name in ("text.wav", "copy.wav"):
        (recordings / name).unlink()
    table = recordings / "calls.csv"
    whole = table.read_text("utf-8")
    (first,) = [line for line in whole.splitlines() if line.startswith(CLIPS[0])]
    call_id = first.split(",")[1]

    def look(number: int) -> bool:
        scored = sum(one.get("scored", 0) for one in rounds)
        if scored == len(CLIPS):
            table.write_text(whole.replace(call_id, "ANOTHER"), "utf-8")
        return scored > len(CLIPS) or number > 600

    ended = watch(recordings, look)
    assert ended.code == 0 and sum(one.get("scored", 0) for one in rounds) == len(CLIPS) + 1, ended.err
    with Store(tmp_path / "t.db") as store:
        assert "ANOTHER" in {call.call_id for call in store.calls()} and len(store.calls()) == len(CLIPS)


def test_a_torn_file_waits_for_its_end_and_is_then_taken_as_it_is(
    watch: Callable[..., Ran], rounds: list[dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    whole = clip(CLIPS[0], 1.0)
    for name, data in (("torn.wav", whole[:-4000]), ("broken.wav", whole[:30]), ("good.wav", whole)):
        (folder / name).write_bytes(data)
    old(folder)
    (tmp_path / "day" / "calls.csv").unlink()
    now = [0.0]
    monkeypatch.setattr("qa.cli_batch._records", lambda calls, store: None)
    monkeypatch.setattr("qa.batch.watch.TORN_PATIENCE_S", 600.0)
    first: list[dict[str, int]] = []

    def look(number: int) -> bool:
        now[0] += 1.0 if not rounds else 0.0
        if len(rounds) == 1 and not first:
            first.append(dict(rounds[0]))
            now[0] += 601.0
        return len(rounds) >= 2

    real = Watch.__init__

    def init(self: Watch, *args: Any) -> None:
        real(self, *args, clock=lambda: now[0])

    monkeypatch.setattr(Watch, "__init__", init)
    monkeypatch.setattr(Watch, "go", _without_sleep(Watch.go))
    ended = watch(folder, look)
    assert first == [{"scored": 1, "left": 2}] and rounds[1] == {"scored": 1, "quarantined": 1}
    assert ended.code == 1 and ended.err.count("文件还不完整") == 2


def _without_sleep(go: Any) -> Any:
    """A clock of our own does not go on by itself."""

    def run(self: Watch, *args: Any) -> Any:
        self.every_s = 0.0
        return go(self, *args)

    return run


def test_a_watch_waits_while_another_batch_runs(
    watch: Callable[..., Ran], rounds: list[dict[str, int]], recordings: Path, tmp_path: Path
) -> None:
    (recordings / "text.wav").unlink()
    (recordings / "copy.wav").unlink()
    other = one_batch(tmp_path / "t.db")
    other.__enter__()
    let_go = threading.Event()

    def look(number: int) -> bool:
        if number == 5:
            assert not rounds
            other.__exit__(None, None, None)
            let_go.set()
        return bool(rounds)

    ended = watch(recordings, look)
    assert ended.code == 0 and let_go.is_set() and ended.err.count("另一个批处理正在使用这个数据库") == 1
    assert rounds == [{"scored": len(CLIPS)}]


@pytest.mark.parametrize(
    ("data", "torn"),
    [
        (make.pcm16_wav(make.tone(1.0)), False),
        (make.pcm16_wav(make.tone(1.0))[:-4000], True),
        (make.pcm16_wav(make.tone(1.0), data_size=0), True),
        (make.encoded("ogg", "libopus", make.tone(3.0), 8000), False),
        (make.encoded("ogg", "libopus", make.tone(3.0), 8000)[:-300], True),
        (make.encoded("flac", "flac", make.tone(3.0), 8000)[:-9000], True),
    ],
)
def test_what_looks_torn(tmp_path: Path, data: bytes, torn: bool) -> None:
    assert decode.looks_torn(decode.decode(make.write(tmp_path, data)).info) is torn
