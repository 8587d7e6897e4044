"""Work that is kept up beside the web app, in a process of its own: the search index, the months' figures.

What is to be done is noted in the database by whoever changes it; it is done piece by piece with a rest after each, so that pages and other
programs that write get their turn.  A process of its own, as threads of one interpreter wait for each other: a page that reads a hundred
rows gives way a hundred times to a thread that computes, some milliseconds each.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from qa.errors import QaError, UnexpectedError
from qa.store import Store

EVERY_S = 5.0
"""So long a keeper waits after trouble; so often it looks in any case."""
LOOK_S = 0.25
"""So often it asks whether somebody wrote to the database."""
REST_S = 0.1
"""Between two pieces: SQLite has no queue, who comes in between two transactions is served."""
STOP_S = 30.0
"""So long a process may take to end before it is killed; every piece is a transaction, nothing is lost."""
NICE = 5
"""Pages come first where the processors are few."""
Piece = Callable[[Store], bool]
"""Does a piece of what waits (well below a second); whether more may wait."""
Trouble = Callable[[str, QaError], None]
"""Is told which keeper met with what."""


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
                    while not self._end.is_set():
                        self._work(store)
            except QaError as error:
                self._trouble(error)
            self._end.wait(self._every_s)

    def _work(self, store: Store) -> None:
        """All that waits, then rest until somebody else writes to the database."""
        seen = store.db.changes()
        while not self._end.is_set() and self._piece(store):
            self._end.wait(min(REST_S, self._every_s))
        rested = 0.0
        while rested < self._every_s and store.db.changes() == seen and not self._end.wait(min(LOOK_S, self._every_s)):
            rested += LOOK_S

    def stop(self) -> None:
        """End after the piece at hand, and wait for it."""
        self._end.set()
        self.join()


class Kept(threading.Thread):
    """Keepers of one database in a process of their own, which is started anew where it ends by itself; ``start()`` and ``stop()``.

    ``pieces``, ``prepare`` (called first there) and ``trouble`` are sent there: functions of a module.
    """

    def __init__(
        self, db: Path, pieces: Mapping[str, Piece], prepare: Callable[[], None], trouble: Trouble, every_s: float = EVERY_S
    ) -> None:
        super().__init__(name="kept", daemon=True)
        self._db, self._pieces, self._prepare, self._trouble, self._every_s = db, dict(pieces), prepare, trouble, every_s
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            self._once()
            self._end.wait(self._every_s)

    def _once(self) -> None:
        """A process, until it or this object ends."""
        context = multiprocessing.get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        given = (theirs, self._db, self._pieces, self._prepare, self._trouble, self._every_s)
        process = context.Process(target=_keep, args=given, name="qa keepers", daemon=True)
        try:
            process.start()
        except OSError as error:
            self._trouble("background", UnexpectedError("后台进程", f"无法启动（{error}）", "请检查内存；程序会再试"))
            return
        finally:
            theirs.close()
        while process.is_alive() and not self._end.is_set():
            self._end.wait(LOOK_S)
        if not self._end.is_set():
            self._trouble("background", UnexpectedError("后台进程", f"意外结束（退出码 {process.exitcode}）", "程序会再启动；请检查内存"))
        ours.close()  # it sees the end of the pipe
        process.join(STOP_S)
        process.kill()
        process.join()
        process.close()

    def stop(self) -> None:
        """End after the pieces at hand, and wait for it."""
        self._end.set()
        self.join()


def _keep(pipe: Connection, db: Path, pieces: Mapping[str, Piece], prepare: Callable[[], None], trouble: Trouble, every_s: float) -> None:
    """The process: it ends with whoever started it, however that ended, and not by signals that mean that one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICE)
    prepare()
    keepers = [Keeper(name, db, piece, _told(name, trouble), every_s) for name, piece in pieces.items()]
    for one in keepers:
        one.start()
    try:
        pipe.recv()
    except (EOFError, OSError):
        for one in keepers:
            one.stop()


def _told(name: str, trouble: Trouble) -> Callable[[QaError], Any]:
    return lambda error: trouble(name, error)
