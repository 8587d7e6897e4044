"""Work that is kept up beside the web app, in threads of their own: the search index, the months' figures.

What is to be done is noted in the database by whoever changes it; a thread does it piece by piece and rests after each, so that pages and
other programs that write get their turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from qa.errors import QaError
from qa.store import Store

EVERY_S = 5.0
"""So long a thread waits before it looks again whether there is something to do."""
REST_S = 0.1
"""Between two pieces: SQLite has no queue, who comes in between two transactions is served."""
Piece = Callable[[Store], bool]
"""Does a piece of what waits (well below a second); whether more may wait."""


class Keeper(threading.Thread):
    """``start()`` and, at the end, ``stop()``; a store that is busy or broken is tried again later (``trouble`` is told of it)."""

    def __init__(
        self, name: str, db: Path, piece: Piece, trouble: Callable[[QaError], None] = lambda error: None, every_s: float = EVERY_S
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._db, self._piece, self._trouble, self._every_s = db, piece, trouble, every_s
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            try:
                with Store(self._db, create=False) as store:
                    while not self._end.is_set() and self._piece(store):
                        self._end.wait(min(REST_S, self._every_s))
            except QaError as error:
                self._trouble(error)
            self._end.wait(self._every_s)

    def stop(self) -> None:
        """End after the piece at hand, and wait for it."""
        self._end.set()
        self.join()
