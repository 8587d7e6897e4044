"""The work beside the web app: done soon after somebody wrote, by a process that is replaced and leaves nothing behind."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clip_calls import kept, spoken

from qa.background import Keeper, Kept, Pause
from qa.clips import index
from qa.clips.keeper import keep
from qa.errors import QaError
from qa.store import Store
from qa.web import journal


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


@pytest.fixture
def background(store: Store) -> Iterator[Kept]:
    one = Kept(store.path, {"search": keep}, journal.configure, journal.refused, every_s=0.05)
    one.start()
    yield one
    one.stop()


def until(true: Callable[[], bool]) -> None:
    while not true():
        threading.Event().wait(0.02)


def call(store: Store, call_id: str) -> None:
    kept(store, spoken("A:您好", "C:我要投诉", call_id=call_id))


def processes() -> list[int]:
    return [p.pid for p in multiprocessing.active_children() if p.name == "qa keepers" and p.pid is not None]


def test_what_is_written_is_indexed_by_another_process(store: Store, background: Kept) -> None:
    for name in ("C1", "C2"):
        call(store, name)
        until(lambda: index.waiting(store) == 0)
    background.stop()
    assert processes() == [] and not background.is_alive()
    assert [row["call_id"] for row in store.db.rows("select call_id from search_calls order by call_id")] == ["C1", "C2"]


def test_a_process_that_was_killed_is_replaced_and_signals_for_the_server_do_not_end_it(store: Store, background: Kept) -> None:
    until(lambda: processes() != [])
    (first,) = processes()
    call(store, "C1")
    until(lambda: index.waiting(store) == 0)  # it is through with its start
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(first, number)
    call(store, "C2")
    until(lambda: index.waiting(store) == 0)
    assert processes() == [first]
    os.kill(first, signal.SIGKILL)
    call(store, "C3")
    until(lambda: index.waiting(store) == 0)
    assert first not in processes()


def test_it_ends_with_a_server_that_was_killed(store: Store) -> None:
    code = f"""
import multiprocessing, os, signal, time
from pathlib import Path
from qa.background import Kept
from qa.clips.keeper import keep
from qa.web import journal
if __name__ == "__main__":
    Kept(Path({str(store.path)!r}), {{"search": keep}}, journal.configure, journal.refused, 0.05).start()
    while not multiprocessing.active_children():
        time.sleep(0.02)
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(600)
"""
    script = store.path.with_name("server.py")
    script.write_text(code)
    server = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    child = int(server.stdout.readline())
    call(store, "C1")
    until(lambda: index.waiting(store) == 0)
    server.kill()
    server.wait()
    until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0])


def test_a_keeper_looks_again_as_soon_as_somebody_wrote(store: Store) -> None:
    """Not only when its time of rest is over."""
    told: list[QaError] = []
    one = Keeper("search", store.path, keep, told.append, every_s=3600.0)
    one.start()
    for name in ("C1", "C2"):
        call(store, name)
        until(lambda: index.waiting(store) == 0)
    one.stop()
    assert told == []


def test_a_database_in_the_place_of_the_first_is_told_and_served(tmp_path: Path) -> None:
    """As after a restore: what was open is another file's."""
    path, told = tmp_path / "qa.db", list[QaError]()
    with Store(path) as first:
        call(first, "C1")
        one = Keeper("search", path, keep, told.append, every_s=0.05)
        one.start()
        until(lambda: index.waiting(first) == 0)
    for name in ("qa.db", "qa.db-wal", "qa.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with Store(path) as second:
        call(second, "C2")
        until(lambda: index.waiting(second) == 0)
        one.stop()
        assert [row["call_id"] for row in second.db.rows("select call_id from search_calls")] == ["C2"]
    assert told


# ---------------------------------------------------------------- trouble

WORDS = "我的电话是一三八零零零零幺二三四"


def broken(store: Store) -> bool:
    """A piece with a bug, until somebody mends it."""
    if not store.path.with_name("mended").exists():
        raise RuntimeError(WORDS)
    return keep(store)


def deadly(store: Store) -> bool:
    """A piece that takes the whole process with it, until somebody mends it."""
    if not store.path.with_name("mended").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return keep(store)


def idle(store: Store) -> bool:
    return False


@pytest.mark.parametrize(("piece", "name", "kind"), [(broken, "search", "RuntimeError"), (deadly, "background", "UnexpectedError")])
def test_what_fails_is_told_without_its_words_and_begun_again(
    store: Store, piece: Callable[[Store], bool], name: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    journal.configure()
    kept_up = Kept(store.path, {"search": piece, "other": idle}, journal.configure, journal.met, every_s=0.05)
    assert kept_up.states() == {"search": True, "other": True}
    call(store, "C1")
    kept_up.start()
    until(lambda: not kept_up.states()["search"])
    if piece is broken:  # the others go on beside it
        assert kept_up.states()["other"]
    assert index.waiting(store) == 1
    store.path.with_name("mended").touch()
    until(lambda: all(kept_up.states().values()) and index.waiting(store) == 0)
    kept_up.stop()
    told = capfd.readouterr().err
    events = [json.loads(line) for line in told.splitlines()]
    assert {(event["route"], event["kind"]) for event in events} == {(name, kind)} and WORDS not in told


def test_pauses_grow_to_their_end_and_begin_anew_when_it_works_again() -> None:
    pause = Pause(5.0, 30.0)
    assert [pause.after_trouble() for _ in range(5)] == [5.0, 10.0, 20.0, 30.0, 30.0]
    pause.over()
    assert pause.after_trouble() == 5.0


def test_a_keeper_waits_longer_after_each_trouble(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its own waits those after a trouble: 1, 2, 4 ms and so on, and 1 again after a piece that was done."""
    done: list[int] = []
    waited: list[float] = []

    def sometimes(of: Store) -> bool:
        done.append(len(done))
        if done[-1] == 3:
            return False
        raise ValueError("a bug")

    one = Keeper("search", store.path, sometimes, every_s=0.001)
    real = one._pause.after_trouble

    def noted() -> float:
        waited.append(real())
        return waited[-1]

    monkeypatch.setattr(one._pause, "after_trouble", noted)
    one.start()
    until(lambda: len(waited) >= 5)
    one.stop()
    assert waited[:5] == [0.001, 0.002, 0.004, 0.001, 0.002]
