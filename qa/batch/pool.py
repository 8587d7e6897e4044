"""Workers on this machine: processes that are watched from outside, killed and replaced where they take too long or too much.

Each worker has a pipe of its own, so that it may be killed at any moment without harm to the others.  Memory is watched by the pages that a
worker holds, ten times a second; a limit of the address space (``RLIMIT_AS``) would count what the libraries only reserve.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any

from qa.batch import worker
from qa.batch.job import Done, Job, Promises
from qa.batch.machine import Shape, resident_bytes, thread_environment
from qa.errors import BatchError, PoisonError, QaError, UnexpectedError

WATCH_S = 0.1
START_S = 120.0
"""A worker that has not begun after so long will not."""
MODEL_S = 900.0
"""For loading the model, on top of a file's own time."""
READ_BYTES_PER_S = 1e6
"""The slowest storage that a file is waited for."""
ATTEMPTS = 2
"""A worker may die of something else than its file: so often a file is given to one before it is called poisonous."""
_STAGES = {
    "info": "解码",
    "activity": "语音检测",
    "acoustics": "声学测量",
    "speakers": "区分说话人",
    "model": "加载模型",
    "transcript": "转写",
}
_CURE = "其余文件不受影响；请听录音确认，批处理隔离的文件可用 qa batch retry 重试"


@dataclass(frozen=True)
class Limits:
    """How long a file may take: ``floor_s`` + ``factor`` × its duration (before that is known, the time to read it at
    ``READ_BYTES_PER_S``); ``memory_bytes`` that its worker may hold."""

    floor_s: float = 120.0
    factor: float = 6.0
    memory_bytes: int = 4 << 30

    def seconds(self, size: int, duration_ms: int | None) -> float:
        reading = size / READ_BYTES_PER_S
        return self.floor_s + (reading if duration_ms is None else reading + self.factor * duration_ms / 1000)


@dataclass(eq=False)
class _Task:
    job: Job
    future: Future[Done]
    attempts: int = 0


@dataclass(eq=False)
class _Worker:
    process: Any
    pipe: connection.Connection
    threads: int
    started: bool = False
    task: _Task | None = None
    since: float = field(default_factory=time.monotonic)
    stage: str = "info"
    duration_ms: int | None = None
    loading_s: float = 0.0

    def begin(self, task: _Task) -> None:
        self.task, self.since, self.stage, self.duration_ms, self.loading_s = task, time.monotonic(), "info", None, 0.0
        task.attempts += 1

    def told(self, stage: str, duration_ms: int | None) -> None:
        self.stage = stage
        self.duration_ms = duration_ms if duration_ms is not None else self.duration_ms
        self.loading_s = MODEL_S if stage == "model" else self.loading_s


class LocalPool:
    """An :class:`Engine` of processes on this machine.  ``start_method`` as of :mod:`multiprocessing`."""

    def __init__(self, shape: Shape, limits: Limits, start_method: str = "spawn") -> None:
        self.shape, self.limits = shape, limits
        self._context: Any = multiprocessing.get_context(start_method)
        self._lock = threading.Lock()
        self._queue: deque[_Task] = deque()
        self._workers: list[_Worker] = []
        self._starts_failed = 0
        self._promises = Promises()
        self._closing = False
        self._bell, self._ring = multiprocessing.Pipe(False)
        self._thread: threading.Thread | None = None

    @property
    def workers(self) -> int:
        return self.shape.workers

    def submit(self, job: Job) -> Future[Done]:
        """Take a job; workers are started as they are needed."""
        task = _Task(job, self._promises.give())
        with self._lock:
            self._queue.append(task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._manage, name="qa workers", daemon=True)
                self._thread.start()
        self._ring.send(None)
        return task.future

    def close(self) -> None:
        """Kill all workers; what they were at is given up."""
        self._closing = True
        if self._thread is not None:
            self._ring.send(None)
            self._thread.join()

    # ------------------------------------------------------------ the manager's thread

    def _manage(self) -> None:
        cause: Exception = BatchError("工作进程", "已停止", "请重新运行，程序会接着做")
        try:
            while not self._closing:
                self._hand_out()
                self._listen()
                self._watch()
        except Exception as bug:  # whoever waits for a future must not wait for ever
            cause = bug
        finally:
            self._closing = True
            self._promises.end(cause)
            for one in list(self._workers):
                self._kill(one)

    def _hand_out(self) -> None:
        """Jobs to idle workers; more workers where there are more jobs."""
        with self._lock:
            waiting = len(self._queue)
        coming = sum(not w.started for w in self._workers)
        idle = [w for w in self._workers if w.started and w.task is None]
        while waiting > len(idle) + coming and len(self._workers) < self.shape.workers:
            self._start()
            coming += 1
        for one in idle:
            with self._lock:
                task = self._queue.popleft() if self._queue else None
            if task is None:
                return
            one.begin(task)
            try:
                one.pipe.send(task.job)
            except OSError:
                self._died(one)

    def _start(self) -> None:
        free = list(self.shape.threads)
        for other in self._workers:
            free.remove(other.threads)
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=worker.serve, args=(theirs, free[0]), name="qa worker", daemon=True)
        with _environment(thread_environment(free[0])):  # before the worker imports the program that it was started by
            process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours, free[0]))

    def _listen(self) -> None:
        busy = any(w.task is not None or not w.started for w in self._workers)
        pipes = {w.pipe: w for w in self._workers}
        for ready in connection.wait([self._bell, *pipes], WATCH_S if busy else None):
            if ready is self._bell:
                self._bell.recv()
                continue
            one = pipes[ready]  # type: ignore[index]
            try:
                self._heard(one, one.pipe.recv())
            except (EOFError, OSError):
                self._died(one)

    def _heard(self, one: _Worker, message: tuple[Any, ...]) -> None:
        what, *rest = message
        if what == "ready":
            one.started, self._starts_failed = True, 0
        elif what == "stage":
            one.told(*rest)
        elif one.task is not None:
            task, one.task = one.task, None
            if what == "done":
                task.future.set_result(rest[0])
            elif what == "memory":
                task.future.set_exception(self._too_much(task.job, one))
                self._replace(one)
            else:
                task.future.set_exception(_error(task.job, *rest))

    def _watch(self) -> None:
        """Kill what takes too long or too much."""
        now = time.monotonic()
        for one in list(self._workers):
            task, took = one.task, now - one.since
            if task is None:
                if not one.started and took > START_S:
                    self._died(one)
                continue
            limit = self.limits.seconds(task.job.size, one.duration_ms) + one.loading_s
            error = None
            if took > limit:
                cause = f"处理超时（限 {limit:.0f} 秒，停在{_STAGES.get(one.stage, one.stage)}）"
                error = PoisonError(task.job.path, cause, _CURE)
            elif resident_bytes(one.process.pid) > self.limits.memory_bytes:
                error = self._too_much(task.job, one)
            if error is not None:
                one.task = None
                self._replace(one)
                task.future.set_exception(error)

    def _too_much(self, job: Job, one: _Worker) -> PoisonError:
        size = f"{self.limits.memory_bytes / (1 << 20):.0f} MiB"
        return PoisonError(job.path, f"占用内存超过限制（{size}，停在{_STAGES.get(one.stage, one.stage)}）", _CURE)

    # ------------------------------------------------------------ the end of a worker

    def _died(self, one: _Worker) -> None:
        """A worker ended by itself, or somebody else ended it: its file gets another one, and after that is called poisonous."""
        task, one.task = one.task, None
        one.process.join(1)  # its pipe ends a little before it does; the exit code tells why
        self._replace(one)
        code = one.process.exitcode
        if not one.started:
            self._starts_failed += 1
            if self._starts_failed >= ATTEMPTS + self.shape.workers:
                raise BatchError("工作进程", f"无法启动（{_end(code)}）", "请用 --workers 1 重试，或检查安装和内存")
        if task is None:
            return
        if task.attempts < ATTEMPTS:
            with self._lock:
                self._queue.appendleft(task)
        else:
            cause = f"处理时工作进程崩溃 {task.attempts} 次（{_end(code)}，停在{_STAGES.get(one.stage, one.stage)}）"
            task.future.set_exception(PoisonError(task.job.path, cause, _CURE))

    def _replace(self, one: _Worker) -> None:
        self._kill(one)
        self._workers.remove(one)

    def _kill(self, one: _Worker) -> None:
        one.process.kill()
        one.process.join(5)  # one that hangs in the kernel, in storage that does not answer, is left to it
        one.pipe.close()


def _end(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else ""
        return f"信号 {-code} {name}".strip() + ("，可能是内存不足" if -code == signal.SIGKILL else "")
    return f"退出码 {code}"


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables for a process that is started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class WorkerTraceback(Exception):  # noqa: N818  (no error of its own: what a worker's error came from)
    """Where in the worker a bug lies, as text."""


def _error(job: Job, error: Exception, trace: str) -> QaError:
    """An error of a worker, with its traceback there."""
    if isinstance(error, QaError):
        told = error
    else:
        cause = f"程序内部错误 {type(error).__name__}: {error}"
        told = UnexpectedError(job.path, cause, "其余文件不受影响；请用 qa --debug 重跑该文件并反馈")
    told.__cause__ = WorkerTraceback(f"\n{trace}")
    return told
