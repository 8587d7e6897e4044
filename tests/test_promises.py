"""The futures of an engine: whatever becomes of a job, nobody waits for it for ever."""

from __future__ import annotations

import pytest

from qa.batch.job import Done, Promises
from qa.batch.machine import Shape
from qa.batch.pool import Limits, LocalPool
from qa.errors import BatchError

OVER = BatchError("工作进程", "已停止", "请重新运行")


def test_all_that_is_open_ends_with_the_engine() -> None:
    promises = Promises()
    kept, lost = promises.give(), promises.give()
    kept.set_result(Done((), ()))
    promises.end(OVER)
    promises.end(BatchError("工作进程", "又一次", "请重新运行"))
    assert kept.result(timeout=0) == Done((), ())
    assert lost.exception(timeout=0) is OVER and promises.over is OVER


def test_what_is_given_after_the_end_has_failed() -> None:
    promises = Promises()
    promises.end(OVER)
    assert promises.give().exception(timeout=0) is OVER


def test_a_pool_that_broke_leaves_no_job_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one whose worker it took it from just before, and none that it is given later."""

    def broken(self: LocalPool) -> None:
        with self._lock:
            self._queue.popleft()
        raise BatchError("工作进程", "坏了", "请反馈")

    monkeypatch.setattr(LocalPool, "_hand_out", broken)
    pool = LocalPool(Shape((1,), 1 << 30), Limits())
    job: object = object()
    for _ in range(2):
        assert isinstance(pool.submit(job).exception(timeout=30), BatchError)  # type: ignore[arg-type]
    pool.close()
