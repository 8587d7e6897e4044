"""The workers for a run on this machine."""

from __future__ import annotations

from dataclasses import replace

from qa.batch.machine import shape
from qa.batch.pool import Limits, LocalPool
from qa.models import LocatedModel


def local_engine(
    model: LocatedModel,
    *,
    files: int | None = None,
    workers: int | None = None,
    timeout_factor: float | None = None,
    memory_bytes: int | None = None,
) -> LocalPool:
    """Workers by cores and free memory unless told otherwise (:mod:`qa.batch.machine`); none starts before there is a job."""
    chosen = shape(model, workers, memory_bytes, files)
    limits = Limits(memory_bytes=chosen.memory_bytes)
    return LocalPool(chosen, limits if timeout_factor is None else replace(limits, factor=timeout_factor))
