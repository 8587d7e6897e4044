"""A store for each thread: a store is one thread's, and every handler runs in one of a few threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from qa.store import Store

T = TypeVar("T")
BUSY_S = 5.0


class Stores:
    """Worker threads, each with its own open store on one database."""

    def __init__(self, db: Path, workers: int) -> None:
        self.db, self._workers = db, workers
        self._pool = ThreadPoolExecutor(workers, "web")
        self._own = threading.local()

    def _store(self) -> Store:
        known: Store | None = getattr(self._own, "store", None)
        if known is None:
            known = self._own.store = Store(self.db, create=False, busy_timeout_s=BUSY_S)
        return known

    async def run(self, work: Callable[[Store], T]) -> T:
        """Do ``work`` in one of the threads with its store."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(self._store()))

    def close(self) -> None:
        """Wait for what runs, then close every store in the thread that opened it."""
        together = threading.Barrier(self._workers)

        def end() -> None:
            together.wait()
            known: Store | None = getattr(self._own, "store", None)
            if known is not None:
                known.close()

        for one in [self._pool.submit(end) for _ in range(self._workers)]:
            one.result()
        self._pool.shutdown()
