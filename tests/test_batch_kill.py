"""Killed at any moment and run again, a batch ends as if nothing had happened: one result a call, nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from batch_days import CLIPS, content, day, difference
from batch_moments import MOMENTS, STAGES, moments

HERE = Path(__file__).parent
KILLED = -9
Start = Callable[[Path, Path, "str | None"], int]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start ``qa batch run`` on a folder and a database, to be killed at a moment; gives its exit status."""
    folder = tmp_path_factory.mktemp("server")
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    sample = day(folder / "warm", CLIPS[:1]) / f"{CLIPS[0]}.wav"
    command = [sys.executable, str(HERE / "batch_fork.py"), str(sample)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder) as server:
        assert server.stdin is not None and server.stdout is not None
        assert server.stdout.readline() == "ready\n"

        def ask(recordings: Path, db: Path, moment: str | None) -> int:
            arguments = ["batch", "run", str(recordings), "--calls", str(recordings / "calls.csv"), "--db", str(db), "--asr", "demo"]
            asked = {"arguments": [*arguments, "--workers", "2"], "moment": moment, "log": str(db.with_suffix(".log"))}
            print(json.dumps(asked), file=server.stdin, flush=True)
            return int(server.stdout.readline())

        yield ask
        server.stdin.close()


def test_fifty_kills_change_nothing(start: Start, tmp_path: Path) -> None:
    recordings = day(tmp_path / "day")
    assert start(recordings, tmp_path / "whole.db", None) == 1  # one file is no recording
    whole = content(tmp_path / "whole.db")
    assert len(whole["scorecards"]) == len(CLIPS) + 1 and len(whole["quarantine"]) == 1
    assert max(whole["scorecards"].values()) == 1

    number, killed = 0, []
    for moment in moments(20240501, 50):
        ended = start(recordings, tmp_path / f"{number}.db", moment)
        if ended != KILLED:  # the batch was over before: that is checked, and the moment comes in a new one
            assert ended == 1, (tmp_path / f"{number}.log").read_text()
            assert difference(whole, content(tmp_path / f"{number}.db")) == []
            number += 1
            ended = start(recordings, tmp_path / f"{number}.db", moment)
            assert ended == KILLED, (moment, (tmp_path / f"{number}.log").read_text())
        killed.append(moment)
    assert start(recordings, tmp_path / f"{number}.db", None) == 1
    assert difference(whole, content(tmp_path / f"{number}.db")) == []
    names = {" ".join(moment.split()[1:-1]) for moment in killed}
    assert len(killed) == 50 and names == set(MOMENTS) and set(STAGES) < names


@pytest.mark.slow
def test_killed_with_the_real_recogniser_it_hears_the_same(tmp_path: Path) -> None:
    """The program as installed: workers that are started anew, the bundled model."""
    recordings = day(tmp_path / "day", CLIPS[:2], bad=False)

    def run(db: str, moment: str | None) -> int:
        command = [sys.executable, str(HERE / "batch_program.py"), "batch", "run", str(recordings), "--db", str(tmp_path / db)]
        command += ["--calls", str(recordings / "calls.csv"), "--asr", "demo", "--workers", "1"]
        environment = {**os.environ} | ({"QA_TEST_MOMENT": moment} if moment is not None else {})
        return subprocess.run(command, env=environment, cwd=tmp_path, start_new_session=True, capture_output=True, check=False).returncode

    assert run("whole.db", None) == 0
    assert run("killed.db", "after transcript 2") == KILLED
    assert run("killed.db", "after in a transaction 7") == KILLED
    assert run("killed.db", None) == 0
    assert difference(content(tmp_path / "whole.db"), content(tmp_path / "killed.db")) == []
