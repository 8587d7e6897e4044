"""What an actor of a Ray cluster is: the shell of one worker process, watched as the worker processes of this machine are.

The limits of time and memory, and the blame for a worker that dies, are those of :class:`~qa.batch.pool.LocalPool`: a recording that breaks
its worker never takes the actor with it, and an actor that ends tells of its machine.  Imports nothing of Ray by itself.
"""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass, replace
from typing import Literal

from qa.batch.job import Done, Job
from qa.batch.machine import Shape
from qa.batch.pool import Limits, LocalPool
from qa.diarization import LocatedDiarizer
from qa.errors import AudioError, BatchError, ModelError, NotYetError, QaError
from qa.models import LocatedModel


@dataclass(frozen=True)
class Machine:
    """Where an actor runs: Ray's id of the node, and its name."""

    node: str
    name: str


@dataclass(frozen=True)
class Told:
    """What became of a job: ``done``; ``error`` of the recording; ``unread``: this machine cannot read the recording, others may;
    ``stop``: an error that has nothing to do with the recording.  ``trace``: where in the worker a bug lies."""

    what: Literal["done", "error", "unread", "stop"]
    done: Done | None = None
    error: QaError | None = None
    trace: str = ""


class Shell:
    """One worker with ``threads`` threads and, where ``gpu`` is set, the graphics card that Ray gave it."""

    def __init__(self, threads: int, limits: Limits, gpu: bool) -> None:
        if not gpu:  # else every worker of the machine would take the first card
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        # a worker process is started with the program of its parent, here Ray's own, which it has no need of
        vars(sys.modules["__main__"]).pop("__file__", None)
        self._pool = LocalPool(Shape((threads,), limits.memory_bytes), limits)
        self._models: dict[str, LocatedModel] = {}

    def ready(self, program: str) -> Machine:
        """Where it runs.

        Errors: :class:`BatchError` where this machine has another version of the program or of its libraries than ``program``
        (:func:`qa.fingerprint.program`): it would hear something else.
        """
        from qa import fingerprint

        if fingerprint.program() != program:
            cause = "程序或程序库的版本与发起批处理的机器不同"
            raise BatchError(f"机器 {socket.gethostname()}", cause, "请在所有机器上安装同一版本（同一个镜像）")
        import ray

        return Machine(ray.get_runtime_context().get_node_id(), socket.gethostname())

    def ping(self) -> None:
        """Answers once the job before it is over."""

    def work(self, job: Job) -> Told:
        """Work a job off; nothing is raised for what can be foreseen."""
        try:
            return Told("done", self._pool.submit(self._job(job)).result())
        except (ModelError, BatchError) as error:
            return Told("stop", error=type(error)(f"{error.subject}（机器 {socket.gethostname()}）", error.cause, error.cure))
        except QaError as error:
            unread = isinstance(error, AudioError) and not isinstance(error, NotYetError) and not _readable(job)
            return Told("unread" if unread else "error", error=error, trace=str(error.__cause__ or ""))

    def _job(self, job: Job) -> Job:
        """The job with the models of this machine."""
        model, diarizer = self._here(job.model), job.diarizer
        if diarizer is not None:
            diarizer = replace(diarizer, model=self._here(diarizer.model, diarizer))
        return replace(job, model=model, diarizer=diarizer)

    def _here(self, model: LocatedModel, of: LocatedDiarizer | None = None) -> LocatedModel:
        """The model on this machine: at the same path or under the same name, and in any case the same weights."""
        if model.fingerprint not in self._models:
            from qa import diarization, models

            for choice in (str(model.path), model.name):
                try:
                    if of is None:
                        found = models.locate(choice)
                    elif (engine := diarization.locate(f"{of.engine}:{choice}")) is not None:
                        found = engine.model
                except ModelError:
                    continue
                if found.fingerprint == model.fingerprint:
                    self._models[model.fingerprint] = replace(model, path=found.path)
                    break
            else:
                cause = f"不在这台机器上（{model.path}），或内容不同"
                raise ModelError(
                    f"模型 {model.name}", cause, "请放进镜像，或放在每台机器同一路径的共享文件夹里，用 --asr 或 --diarization 指定"
                )
        return self._models[model.fingerprint]


def _readable(job: Job) -> bool:
    """Whether this machine can read the content that is meant; if not, its error says nothing about the recording."""
    from qa import decode, places

    try:
        return decode.file_sha256(places.place(job.path)) == job.sha256
    except (QaError, OSError):
        return False
