"""Keeps the search index up to date in the background, beside the web app and whatever else writes to the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from qa.clips import index
from qa.errors import QaError
from qa.store import Store

EVERY_S = 20.0
_AT_ONCE = 200


class Keeper(threading.Thread):
    """``start()`` and, at the end, ``stop()``; a store that is busy or broken is tried again later (``trouble`` is told of it)."""

    def __init__(self, db: Path, trouble: Callable[[QaError], None] = lambda error: None, every_s: float = EVERY_S) -> None:
        super().__init__(name="search-index", daemon=True)
        self._db, self._trouble, self._every_s = db, trouble, every_s
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            try:
                with Store(self._db, create=False) as store:
                    self._keep(store)
            except QaError as error:
                self._trouble(error)
            self._end.wait(self._every_s)

    def _keep(self, store: Store) -> None:
        """All that waits; an index that was made under older rules of what is hidden is made anew."""
        if index.outdated(store):
            index.rebuild(store)
        while not self._end.is_set() and index.refresh(store, _AT_ONCE):
            pass

    def stop(self) -> None:
        """End after the batch at hand, and wait for it."""
        self._end.set()
        self.join()
