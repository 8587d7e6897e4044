"""Workers on the machines of a Ray cluster: an :class:`~qa.batch.job.Engine` whose workers are actors (:mod:`qa.batch.ray_shell`).

Ray starts the actors where there is room; this process gives each one job at a time and alone stores what comes back.  An actor is lost
with its machine, or by itself: the machine's end is no fault of the recording, so that it costs the recording less than a crash does.  Ray
tells of a crash at once, of a machine that vanished only after its health checks (some fifteen seconds): a job whose actor no longer
answers is in doubt until the one or the other is known.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from qa.batch.job import Done, Job, Promises
from qa.batch.machine import Shape
from qa.batch.pool import ATTEMPTS, Limits, WorkerTraceback
from qa.batch.ray_cluster import SHELL_BYTES, RayOptions, join, leave, nodes, options, room
from qa.batch.ray_shell import Machine, Shell, Told
from qa.errors import BatchError, ModelError, PoisonError, QaError, UnexpectedError
from qa.places import place

TICK_S = 0.5
FILL_S = 10.0
"""So often it is looked whether the cluster has grown."""
WAIT_S = 600.0
"""So long a batch waits for the first actor: other jobs may hold the cluster, or it is still being started."""
TELL_S = 3.0
"""After an actor's end its machine's end may be known so much later."""
DOUBT_S = 120.0
"""So long an actor may be silent before it is given up."""
LOSSES = 4
"""So often a recording may lose its machine before it is called poisonous: it may be the one that brings machines down."""
_CURE = "其余文件不受影响；请听录音确认，批处理隔离的文件可用 qa batch retry 重试"


@dataclass(eq=False)
class _Task:
    job: Job
    future: Future[Done]
    crashes: int = 0
    losses: int = 0
    unread: int = 0


@dataclass(eq=False)
class _Actor:
    """``machine`` is None until it has started; in doubt while ``deadline`` is set: given up then, unless it
    answers before; asked again at ``ask_at``."""

    handle: Any
    machine: Machine | None = None
    task: _Task | None = None
    deadline: float | None = None
    ask_at: float | None = None


@dataclass(eq=False)
class _State:
    """What the manager's thread alone touches."""

    actors: list[_Actor] = field(default_factory=list)
    waiting: deque[_Task] = field(default_factory=deque)
    starts_failed: int = 0
    looked: float = float("-inf")
    alone_since: float | None = None


class RayEngine:
    """Workers on a cluster.  Errors: :class:`BatchError` where there is no cluster, or none with room for one worker."""

    def __init__(self, how: RayOptions, limits: Limits, need_bytes: int, own_limit: bool) -> None:
        """``need_bytes`` that a worker takes with its model; ``own_limit``: ``limits.memory_bytes`` was asked for, else it is the share of
        each worker of its machine's memory."""
        self.how, self.limits, self._need = how, limits, need_bytes + SHELL_BYTES
        self._ray, self._joined = join(how.address)
        space = room(self._ray, how, self._need)
        if not space.actors:
            self._leave()
            wanted = f"{how.cpus} 个处理器" + (f"、{how.gpus:g} 块显卡" if how.gpus else "") + f"、{self._need >> 20} MiB 内存"
            raise BatchError("Ray 集群", f"没有一台机器放得下一个工作进程（{wanted}）", "请减小 --ray-cpus、--ray-gpus，或检查 ray status")
        if not own_limit and space.memory_bytes is not None:
            self.limits = replace(limits, memory_bytes=space.memory_bytes)
        self.shape = Shape((how.cpus,) * (how.workers or space.actors), self.limits.memory_bytes)
        self._state, self._events = _State(), queue.SimpleQueue[tuple[Any, ...]]()
        self._promises = Promises()
        self._thread = threading.Thread(target=self._manage, name="qa cluster", daemon=True)
        self._thread.start()

    @property
    def workers(self) -> int:
        return self.shape.workers

    def submit(self, job: Job) -> Future[Done]:
        """Take a job; the recording is asked for by the same path or address on every machine."""
        task = _Task(replace(job, path=str(place(job.path).absolute())), self._promises.give())
        self._events.put(("task", task))
        return task.future

    def close(self) -> None:
        """End all actors; what they were at is given up."""
        self._events.put(("close",))
        self._thread.join()
        self._leave()

    def _leave(self) -> None:
        if self._joined:
            leave(self._ray)

    # ------------------------------------------------------------ the manager's thread

    def _manage(self) -> None:
        over: QaError = BatchError("工作进程", "已停止", "请重新运行，程序会接着做")
        state = self._state
        try:
            while self._step():
                pass
        except (BatchError, ModelError) as error:
            over = error
        except Exception as bug:  # the cluster itself is gone, or this program is wrong: neither is a recording's fault
            over = BatchError("Ray 集群", f"与集群的连接断了（{type(bug).__name__}: {bug}）", "请检查集群，再重新运行；程序会接着做")
            over.__cause__ = bug
        finally:
            self._promises.end(over)
            for actor in state.actors:
                self._end(actor)

    def _step(self) -> bool:
        """One event, and what follows of it; False at the end."""
        self._fill()
        self._hand_out()
        try:
            kind, *what = self._events.get(timeout=TICK_S)
        except queue.Empty:
            self._settle_doubts()
            return True
        if kind == "close":
            return False
        if kind == "task":
            self._state.waiting.append(what[0])
        else:
            self._came(kind, *what)
        self._settle_doubts()
        return True

    def _call(self, actor: _Actor, kind: str, answer: Any) -> None:
        """Let the answer of a call come as an event."""
        answer.future().add_done_callback(lambda future: self._events.put((kind, actor, future)))

    # ------------------------------------------------------------ actors

    def _fill(self) -> None:
        """Start actors where there is room for more; a job waits for ever for none."""
        state, now = self._state, time.monotonic()
        if now - state.looked < FILL_S:
            return
        state.looked = now
        space = room(self._ray, self.how, self._need)  # also where nobody needs to know: it raises where the cluster has ended
        wanted = self.how.workers or space.actors
        while len(state.actors) < wanted:
            handle = self._actor_class().remote(self.how.cpus, self.limits, self.how.gpus > 0)
            actor = _Actor(handle)
            state.actors.append(actor)
            self._call(actor, "ready", handle.ready.remote(self._program()))
        self.shape = replace(self.shape, threads=(self.how.cpus,) * max(1, len(state.actors)))
        if any(a.machine is not None for a in state.actors):
            state.alone_since = None
        else:
            state.alone_since = state.alone_since or now
            if now - state.alone_since > WAIT_S:
                cause = f"{WAIT_S / 60:.0f} 分钟里没有一台机器能开始工作"
                raise BatchError("Ray 集群", cause, "请用 ray status 查看：资源可能被别的任务占着，或机器没有启动")

    def _actor_class(self) -> Any:
        taken = options(self.how.cpus, self.how.gpus, self._need)
        return self._ray.remote(**taken)(Shell)

    def _program(self) -> str:
        from qa import fingerprint

        return fingerprint.program()

    def _hand_out(self) -> None:
        state = self._state
        for actor in state.actors:
            if not state.waiting:
                return
            if actor.machine is not None and actor.task is None and actor.deadline is None:
                actor.task = state.waiting.popleft()
                self._call(actor, "work", actor.handle.work.remote(actor.task.job))

    def _end(self, actor: _Actor) -> None:
        try:
            self._ray.kill(actor.handle)
        except Exception:  # with the connection the actors end anyway
            return

    # ------------------------------------------------------------ what comes back

    def _came(self, kind: str, actor: _Actor, answer: Future[Any]) -> None:
        if actor not in self._state.actors:
            return  # given up before
        error = answer.exception()
        if error is not None:
            self._silent(actor, error)
        elif kind == "ready":
            actor.machine, self._state.starts_failed = answer.result(), 0
        elif kind == "work":
            self._told(actor, answer.result())
        else:  # it answers, so that the job before is over and its result lost
            actor.deadline = actor.ask_at = None
            task, actor.task = actor.task, None
            if task is not None:
                self._lost(task, actor)

    def _told(self, actor: _Actor, told: Told) -> None:
        task, actor.task = actor.task, None
        assert task is not None and actor.machine is not None
        if told.what == "done" and told.done is not None:
            task.future.set_result(told.done)
            return
        error = told.error or UnexpectedError(task.job.path, "工作进程没有说明结果", "请反馈")
        error.__cause__ = WorkerTraceback(f"\n{told.trace}") if told.trace else None
        if told.what == "stop":
            raise error
        task.unread += told.what == "unread"
        if told.what == "unread" and task.unread < ATTEMPTS:
            self._state.waiting.appendleft(task)
        elif told.what == "unread" and _readable(task.job):
            cause = f"机器 {actor.machine.name} 读不到这个录音（{error.cause}），发起批处理的机器读得到"
            raise BatchError(error.subject, cause, "录音文件夹要以同一路径挂载到每台机器上（或用对象存储的地址），再重新运行")
        else:
            task.future.set_exception(error)

    def _silent(self, actor: _Actor, error: BaseException) -> None:
        """A call failed: the actor has ended, or does not answer, or has a bug."""
        from ray import exceptions

        if isinstance(error, exceptions.RayTaskError):
            if isinstance(error.cause, QaError):
                raise error.cause
            raise BatchError("工作进程", f"程序内部错误 {error}", "请反馈")
        if isinstance(error, exceptions.ActorDiedError) and error.actor_init_failed:
            raise BatchError("工作进程", f"无法启动（{error}）", "请检查每台机器上的安装")
        now = time.monotonic()
        if isinstance(error, exceptions.ActorDiedError):
            actor.deadline, actor.ask_at = now + TELL_S, None
        else:
            actor.deadline, actor.ask_at = actor.deadline or now + DOUBT_S, now + TICK_S

    def _settle_doubts(self) -> None:
        """Give up actors whose machine is known to have ended, or that were silent for too long."""
        doubtful = [a for a in self._state.actors if a.deadline is not None]
        if not doubtful:
            return
        alive = {node["NodeID"] for node in nodes(self._ray) if node["Alive"]}
        for actor in doubtful:
            if actor.ask_at is not None and time.monotonic() > actor.ask_at:
                actor.ask_at = None
                self._call(actor, "ping", actor.handle.ping.remote())
            gone = actor.machine is not None and actor.machine.node not in alive
            if gone or (actor.deadline is not None and time.monotonic() > actor.deadline):
                self._give_up(actor, gone)

    def _give_up(self, actor: _Actor, machine_gone: bool) -> None:
        state = self._state
        state.actors.remove(actor)
        state.looked = float("-inf")  # another one may have room
        self._end(actor)
        task, actor.task = actor.task, None
        if actor.machine is None:
            state.starts_failed += 1
            if state.starts_failed >= ATTEMPTS + self.workers:
                raise BatchError("工作进程", "在集群上无法启动", "请检查每台机器上的安装和内存（ray logs）")
        if task is None:
            return
        if machine_gone:
            self._lost(task, actor)
            return
        task.crashes += 1
        if task.crashes < ATTEMPTS:
            state.waiting.appendleft(task)
        else:
            task.future.set_exception(PoisonError(task.job.path, f"处理时集群的工作进程崩溃 {task.crashes} 次{_where(actor)}", _CURE))

    def _lost(self, task: _Task, actor: _Actor) -> None:
        task.losses += 1
        if task.losses < LOSSES:
            self._state.waiting.appendleft(task)
        else:
            task.future.set_exception(PoisonError(task.job.path, f"处理时所在的机器 {task.losses} 次失联{_where(actor)}", _CURE))


def _where(actor: _Actor) -> str:
    return f"（机器 {actor.machine.name}）" if actor.machine is not None else ""


def _readable(job: Job) -> bool:
    """Whether this machine reads the content that is meant."""
    from qa import decode

    try:
        return decode.file_sha256(place(job.path)) == job.sha256
    except (QaError, OSError):
        return False
