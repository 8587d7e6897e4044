"""One batch at a time on a database.  The kernel releases the lock when its holder ends, however that comes; readers never wait."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from qa.errors import BusyError, DatabaseError

ASKING_S = 1.0
"""So long a lock is asked for: whoever only looks (:func:`is_held`) has it for a moment."""


def lock_path(db: Path) -> Path:
    """The lock file beside a database, the same one however the way to the database is spelled."""
    whole = db.resolve()
    return whole.with_name(whole.name + ".batch-lock")


@contextmanager
def one_batch(db: Path) -> Iterator[None]:
    """Hold the lock of a database (``flock``; over NFS the server's).

    Errors: :class:`BusyError` where another process holds it; :class:`DatabaseError` where the folder cannot be written.
    """
    path = lock_path(db)
    try:
        handle = path.open("a+")
    except OSError as error:
        cause = f"锁文件无法打开（{error.strerror}）"
        raise DatabaseError(str(path), cause, "请检查数据库所在文件夹是否存在、是否有写权限") from error
    with handle:
        deadline = time.monotonic() + ASKING_S
        while not _taken(handle):
            if time.monotonic() > deadline:
                cause = f"另一个批处理正在使用这个数据库{_holder(handle)}"
                raise BusyError(str(db), cause, "请等它结束，或用 qa batch status 查看进度")
            time.sleep(0.05)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # also where a forked process has the file open still


def is_held(db: Path) -> bool:
    """Whether a batch runs on a database now; asking does not disturb it."""
    path = lock_path(db)
    try:
        with path.open() as handle:
            return not _taken(handle)
    except OSError:
        return False


def _taken(handle: TextIO) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(handle: TextIO) -> str:
    handle.seek(0)
    number = handle.read().strip()
    return f"（进程 {number}）" if number.isdigit() else ""
