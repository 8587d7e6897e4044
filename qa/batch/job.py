"""What goes to a worker and what comes back, and who takes it there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from qa.asr import AsrSettings
from qa.diarization import LocatedDiarizer
from qa.models import LocatedModel

Tell = Callable[[str, int | None], None]
"""Called as a worker begins a stage, with the recording's duration in ms as soon as that is known."""


@dataclass(frozen=True)
class Job:
    """A recording whose stages ``wanted`` are not in the store.

    ``sha256`` and ``size`` (bytes) are those of the content that is meant; ``known`` holds the stored results of the other stages, as the
    store keeps them (:mod:`qa.serial`).  ``diarizer`` tells the speakers of one channel apart, None: nobody does.
    """

    path: str
    sha256: str
    size: int
    wanted: tuple[str, ...]
    known: tuple[tuple[str, bytes], ...]
    model: LocatedModel
    settings: AsrSettings
    hotwords: tuple[str, ...]
    diarizer: LocatedDiarizer | None = None


@dataclass(frozen=True)
class Done:
    """The results of the stages that were wanted, as the store keeps them; ``seconds`` that each took, loading the model apart."""

    made: tuple[tuple[str, bytes], ...]
    seconds: tuple[tuple[str, float], ...]


class Promises:
    """The futures that an engine has given out: with the engine's end all of them end, also one whose job it has lost sight of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Future[Done]] = set()
        self._over: Exception | None = None

    @property
    def over(self) -> Exception | None:
        """Why the engine has ended; None: it has not."""
        return self._over

    def give(self) -> Future[Done]:
        """A new future; it has failed already where the engine has ended."""
        future: Future[Done] = Future()
        future.add_done_callback(self._settled)
        with self._lock:
            over = self._over
            if over is None:
                self._open.add(future)
        if over is not None:
            future.set_exception(over)
        return future

    def end(self, error: Exception) -> None:
        """Let all that are open fail with ``error``, and all that are still to be given; the first end counts."""
        with self._lock:
            over = self._over = self._over or error
            left, self._open = self._open, set()
        for future in left:
            if not future.done():
                future.set_exception(over)

    def _settled(self, future: Future[Done]) -> None:
        with self._lock:
            self._open.discard(future)


class Engine(Protocol):
    """Runs jobs.

    A future ends with a :class:`Done`, with the error of the recording (``AudioError``, ``ChangedError``, ``PoisonError``,
    ``UnexpectedError``), or with one that has nothing to do with it (``ModelError``, ``BatchError``): then the batch stops.
    """

    @property
    def workers(self) -> int:
        """How many jobs run at once."""
        ...

    def submit(self, job: Job) -> Future[Done]:
        """Take a job; returns at once."""
        ...

    def close(self) -> None:
        """Stop all workers now; what they were at is given up."""
        ...
