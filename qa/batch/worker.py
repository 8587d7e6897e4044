"""What runs in a worker process.  Imports nothing heavy by itself: the threads of numeric libraries are set before these are loaded."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from multiprocessing import connection

from qa.batch.machine import thread_environment


def serve(pipe: connection.Connection, threads: int) -> None:
    """Work jobs from ``pipe`` off until it ends.

    Messages: ``ready``; ``stage`` with its name and the duration in ms or None; ``done`` with a Done; ``memory``; ``error`` with the error
    and its traceback as text.
    """
    # ^C and a service manager's signal reach the whole group: the parent decides, and ends its workers itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.environ.update(thread_environment(threads))
    # a worker has no children: named semaphores that a library makes as it is imported (tqdm) would outlive one that is killed
    multiprocessing.set_start_method("fork", force=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from qa.batch.work import work

    pipe.send(("ready",))
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            message: tuple[object, ...] = ("done", work(job, lambda stage, duration_ms: pipe.send(("stage", stage, duration_ms))))
        except MemoryError:
            message = ("memory",)
        except Exception as error:
            message = ("error", _portable(error), traceback.format_exc())
        pipe.send(message)


def _portable(error: Exception) -> Exception:
    """The error, or one that says the same where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
