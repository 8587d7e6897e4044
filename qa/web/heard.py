"""Which sound a person has just been listening to, so that the many requests of one listening are logged once."""

from __future__ import annotations

import threading
from collections.abc import Hashable

AGAIN_S = 300.0
"""Requests within so many seconds of the first are one act of listening."""
_MOST = 10_000


class Heard:
    """Of one run of the app; several threads may ask at once."""

    def __init__(self) -> None:
        self._since: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def anew(self, what: Hashable, now: float) -> bool:
        """Whether this is a new act of listening (person and object), seconds since 1970."""
        with self._lock:
            return now - self._since.get(what, -AGAIN_S) >= AGAIN_S

    def mark(self, what: Hashable, now: float) -> None:
        """It has been logged: what follows soon is the same act."""
        with self._lock:
            if len(self._since) >= _MOST:
                self._since = {key: at for key, at in self._since.items() if now - at < AGAIN_S}
            self._since[what] = now
