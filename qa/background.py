"""Work that is kept up beside the web app, in a process of its own: the search index, the months' figures.

What is to be done is noted in the database by whoever changes it; it is done piece by piece with a rest after each, so that pages and other
programs that write get their turn.  A process of its own, as threads of one interpreter wait for each other: a page that reads a hundred
rows gives way a hundred times to a thread that computes, some milliseconds each.

Whatever ends a keeper's work or the process, a bug as well, is told and tried again after a pause that grows; meanwhile
:meth:`Kept.states` says that it is down.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from qa.errors import UnexpectedError
from qa.store import Store

EVERY_S = 5.0
"""So long a keeper waits after trouble; so often it looks in any case."""
LONGEST_S = 300.0
"""Each pause after trouble is twice the one before, up to this; what worked again begins anew."""
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
Trouble = Callable[[str, Exception], None]
"""Is told which keeper met with what: a :class:`qa.errors.QaError`, or a bug, whose message may hold what a customer said."""
States = dict[str, bool]
"""By name of a keeper: whether its last piece was done."""
BACKGROUND = "background"
"""What the process as a whole is called in troubles and states."""


class Pause:
    """How long to wait after each trouble (s)."""

    def __init__(self, first_s: float, longest_s: float = LONGEST_S) -> None:
        self._first_s, self._longest_s, self._next_s = first_s, longest_s, first_s

    def after_trouble(self) -> float:
        """The next pause."""
        now, self._next_s = self._next_s, min(2 * self._next_s, max(self._first_s, self._longest_s))
        return now

    def over(self) -> None:
        """It works again."""
        self._next_s = self._first_s


class Keeper(threading.Thread):
    """``start()`` and, at the end, ``stop()``; a store that is busy or broken is tried again later, and so is a piece with a bug.

    ``trouble`` is told of each, ``state`` whenever it begins (True) or ceases to work.
    """

    def __init__(
        self,
        name: str,
        db: Path,
        piece: Piece,
        trouble: Callable[[Exception], None] = lambda error: None,
        every_s: float = EVERY_S,
        state: Callable[[bool], None] = lambda works: None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._db, self._piece, self._trouble, self._every_s, self._state = db, piece, trouble, every_s, state
        self._end, self._pause, self._works = threading.Event(), Pause(every_s), False

    def run(self) -> None:
        while not self._end.is_set():
            try:
                with Store(self._db, create=False) as store:
                    while not self._end.is_set():
                        self._work(store)
            except Exception as error:
                self._works = False
                self._state(False)
                self._trouble(error)
                self._end.wait(self._pause.after_trouble())

    def _work(self, store: Store) -> None:
        """All that waits, then rest until somebody else writes to the database."""
        seen = store.db.changes()
        while not self._end.is_set() and self._done(store):
            self._end.wait(min(REST_S, self._every_s))
        rested = 0.0
        while rested < self._every_s and store.db.changes() == seen and not self._end.wait(min(LOOK_S, self._every_s)):
            rested += LOOK_S

    def _done(self, store: Store) -> bool:
        """A piece; whether more may wait."""
        more = self._piece(store)
        if not self._works:
            self._works = True
            self._pause.over()
            self._state(True)
        return more

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
        self._end, self._pause = threading.Event(), Pause(every_s)
        self._states: States = dict.fromkeys(pieces, True)

    def states(self) -> States:
        """Which of them work: all when this begins, none once the process has ended by itself, until each is heard of again."""
        return dict(self._states)

    def run(self) -> None:
        while not self._end.is_set():
            self._once()
            if not self._end.is_set():
                self._states = dict.fromkeys(self._pieces, False)
                self._end.wait(self._pause.after_trouble())

    def _once(self) -> None:
        """A process, until it or this object ends."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        given = (theirs, self._db, self._pieces, self._prepare, self._trouble, self._every_s)
        process = context.Process(target=_keep, args=given, name="qa keepers", daemon=True)
        try:
            process.start()
        except OSError as error:
            ours.close()
            self._trouble(BACKGROUND, UnexpectedError("后台进程", f"无法启动（{error}）", "请检查内存；程序会再试"))
            return
        finally:
            theirs.close()
        while process.is_alive() and not self._end.is_set():
            self._listen(ours)
        if not self._end.is_set():
            self._trouble(BACKGROUND, UnexpectedError("后台进程", f"意外结束（退出码 {process.exitcode}）", "程序会再启动；请检查内存"))
        ours.close()  # it sees the end of the pipe
        process.join(STOP_S)
        process.kill()
        process.join()
        process.close()

    def _listen(self, pipe: Connection) -> None:
        """For a while: which keepers work."""
        try:
            while pipe.poll():
                name, works = pipe.recv()
                self._states = self._states | {name: works}
                if all(self._states.values()):
                    self._pause.over()
        except (EOFError, OSError):
            pass  # the process is about to end
        self._end.wait(LOOK_S)

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
    one_by_one = threading.Lock()

    def tell(name: str, works: bool) -> None:
        with one_by_one, contextlib.suppress(OSError):  # nobody listens any more: this process is about to end
            pipe.send((name, works))

    keepers = [
        Keeper(name, db, piece, functools.partial(trouble, name), every_s, functools.partial(tell, name)) for name, piece in pieces.items()
    ]
    for one in keepers:
        one.start()
    try:
        pipe.recv()
    except (EOFError, OSError):
        for one in keepers:
            one.stop()
