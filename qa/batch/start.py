"""The workers for a run: on this machine, or on a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from qa.batch.machine import need_bytes, shape
from qa.batch.pool import Limits, LocalPool
from qa.diarization import LocatedDiarizer
from qa.models import LocatedModel

if TYPE_CHECKING:
    from qa.batch.ray_cluster import RayOptions
    from qa.batch.ray_engine import RayEngine

EngineName = Literal["local", "ray"]


@dataclass(frozen=True)
class Choice:
    """What a person asked for: ``workers``, ``memory_bytes`` and ``timeout_factor`` by default as the machines are; ``ray`` where the
    workers are to be on a cluster."""

    workers: int | None = None
    timeout_factor: float | None = None
    memory_bytes: int | None = None
    ray: RayOptions | None = None


def engine(model: LocatedModel, choice: Choice, diarizer: LocatedDiarizer | None = None) -> LocalPool | RayEngine:
    """The workers that were asked for.  Errors: :class:`BatchError` where there is no such cluster."""
    if choice.ray is None:
        factor, memory = choice.timeout_factor, choice.memory_bytes
        return local_engine(model, workers=choice.workers, timeout_factor=factor, memory_bytes=memory, diarizer=diarizer)
    from qa.batch.ray_engine import RayEngine

    need = need_bytes(model, diarizer)
    limits = _limits(choice.timeout_factor, choice.memory_bytes or need)
    how = replace(choice.ray, workers=choice.workers)
    return RayEngine(how, limits, need, own_limit=choice.memory_bytes is not None)


def local_engine(
    model: LocatedModel,
    *,
    files: int | None = None,
    workers: int | None = None,
    timeout_factor: float | None = None,
    memory_bytes: int | None = None,
    diarizer: LocatedDiarizer | None = None,
) -> LocalPool:
    """Workers by cores and free memory unless told otherwise (:mod:`qa.batch.machine`); none starts before there is a job."""
    chosen = shape(model, workers, memory_bytes, files, diarizer)
    return LocalPool(chosen, _limits(timeout_factor, chosen.memory_bytes))


def _limits(timeout_factor: float | None, memory_bytes: int) -> Limits:
    limits = Limits(memory_bytes=memory_bytes)
    return limits if timeout_factor is None else replace(limits, factor=timeout_factor)
