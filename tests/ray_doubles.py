"""Actors whose workers transcribe by a double and meet with accidents, by the names of the recordings; for the tests of the cluster."""

from __future__ import annotations

import os
import signal
import time
import types
from multiprocessing import connection
from pathlib import Path
from typing import Any

import batch_moments

import qa.batch.pool
import qa.batch.ray_shell
from qa.batch import worker
from qa.batch.pool import Limits
from qa.batch.ray_shell import Shell
from qa.errors import AudioError

LOG = "QA_TEST_RAY_LOG"
"""The file that names each recording as a worker begins it."""
SLEEP = "QA_TEST_RAY_SLEEP_S"
HOLD = "hold.txt"
"""A file beside the log: names the recording that the first worker to begin it never ends."""


def serve(pipe: connection.Connection, threads: int) -> None:
    """A worker process with accidents."""
    batch_moments.without_recogniser()
    batch_moments.patch("qa.decode:decode", _with_accidents)
    worker.serve(pipe, threads)


def _with_accidents(real: Any) -> Any:
    def decode(path: Path) -> Any:
        with Path(os.environ[LOG]).open("a+") as log:
            log.seek(0)
            first = path.name not in log.read().split()
            log.write(f"{path.name}\n")
        hold = Path(os.environ[LOG]).with_name(HOLD)
        if first and hold.exists() and hold.read_text() == path.name:
            time.sleep(600)
        time.sleep(float(os.environ[SLEEP]))
        if path.name.startswith("crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if path.name.startswith("actor"):
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        if path.name.startswith("hang"):
            time.sleep(600)
        if path.name.startswith("unread"):
            raise AudioError(str(path), "文件不存在", "请检查路径")
        return real(path)

    return decode


class DoubleShell(Shell):
    """A shell whose worker is :func:`serve`."""

    def __init__(self, threads: int, limits: Limits, gpu: bool) -> None:
        qa.batch.pool.worker = types.SimpleNamespace(serve=serve)  # type: ignore[attr-defined]
        qa.batch.ray_shell._readable = lambda job: not Path(job.path).name.startswith("unread")
        super().__init__(threads, limits, gpu)
