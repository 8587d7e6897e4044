"""Stored calls judged by several processes, where there is much to judge; results come in the order of the calls.

What the store has is taken over in this process, which also counts and writes.  Only calls with rules that must be judged anew go to the
workers, and workers are only started once that has taken some time here: most runs are over before a process has started.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from qa.bench import Bench
from qa.errors import QaError
from qa.judgements import Result
from qa.ledger import read_archive
from qa.ledger_calls import StoredCall
from qa.rules.archive import Archive
from qa.rules.book import RuleBook
from qa.scoring import About
from qa.store import Store
from qa.types import Call

CHUNK = 50
"""Calls that go to a worker at once."""
PATIENCE_S = 3.0
"""So long this process judges by itself before it asks for help: a worker takes about a second to start."""
_AHEAD = 3

_Found = Future[list[list[Result] | QaError]]


@dataclass
class Case:
    """A stored call before its rule book: ``results`` has a gap (None) for each rule that must be judged; ``error``: why none can be."""

    stored: StoredCall
    load: Callable[[], Call]
    bench: Bench | None
    results: list[Result | None] = field(default_factory=list)
    about: About | None = None
    error: QaError | None = None

    @property
    def gaps(self) -> list[int]:
        return [place for place, result in enumerate(self.results) if result is None] if self.error is None else []

    def close(self, found: Sequence[Result] | QaError) -> None:
        """Fill the gaps."""
        if isinstance(found, QaError):
            self.error = found
            return
        for place, result in zip(self.gaps, found, strict=True):
            self.results[place] = result


class Jury:
    """``with Jury(store) as jury``: at most ``workers`` processes (None: one a core), none on a single core."""

    def __init__(self, store: Store, workers: int | None = None) -> None:
        self._store = store
        self._workers = len(os.sched_getaffinity(0)) if workers is None else workers
        self._pool: ProcessPoolExecutor | None = None
        self._spent_s = 0.0

    def __enter__(self) -> Jury:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def closed(self, cases: Iterable[Case]) -> Iterator[Case]:
        """The cases, without gaps or with an error."""
        waiting: deque[tuple[list[Case], _Found | None]] = deque()
        every = iter(cases)
        while chunk := list(islice(every, CHUNK)):
            waiting.append((chunk, self._begin(chunk)))
            while waiting and (waiting[0][1] is None or len(waiting) > _AHEAD * self._workers):
                yield from self._ended(*waiting.popleft())
        while waiting:
            yield from self._ended(*waiting.popleft())

    def _begin(self, chunk: list[Case]) -> _Found | None:
        """Hand the chunk to a worker, or judge it here."""
        open_cases = [case for case in chunk if case.gaps]
        if self._workers > 1 and self._spent_s > PATIENCE_S and open_cases and all(map(_portable, open_cases)):
            if self._pool is None:
                self._pool = processes(self._workers)
            books = {case.bench.book.content_hash: _sent(case.bench.book) for case in open_cases if case.bench is not None}
            tasks = [_Task.of(case.stored, case.bench.book.content_hash, case.gaps) for case in open_cases if case.bench is not None]
            return self._pool.submit(_work, self._store.path.absolute(), books, tasks)
        begun = time.perf_counter()
        _judge_here(open_cases)
        self._spent_s += time.perf_counter() - begun
        return None

    def _ended(self, chunk: list[Case], future: _Found | None) -> list[Case]:
        open_cases = [case for case in chunk if case.gaps]
        try:
            for case, found in zip(open_cases, future.result() if future is not None else (), strict=True):
                case.close(found)
        except BrokenExecutor:  # a worker was killed, say for want of memory: slower, but nothing is lost
            self._workers = 1
            _judge_here(open_cases)
        return chunk


def _judge_here(cases: Iterable[Case]) -> None:
    for case in cases:
        assert case.bench is not None
        case.close(_judged(case.bench, case.load, case.gaps))


def _judged(bench: Bench, load: Callable[[], Call], gaps: Sequence[int]) -> list[Result] | QaError:
    try:
        return bench.judged(load(), gaps)
    except QaError as error:
        return error


# ---------------------------------------------------------------- workers


_Book = tuple[str, Archive]


def _portable(case: Case) -> bool:
    """Whether another process comes to the same rules: it reads them from their texts, and knows the program's own checks."""
    return case.bench is not None and case.bench.book.archive is not None and None not in case.bench.prints


def _sent(book: RuleBook) -> _Book:
    assert book.archive is not None
    return f"{book.id} {book.stamp}", book.archive


def processes(workers: int) -> ProcessPoolExecutor:
    """Workers that end with this process, also where that is killed."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """In a worker: end it when the process that started it is gone, however it ended; the pool's own queues never say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for, args=(parent.sentinel,), daemon=True).start()


def _wait_for(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@functools.cache
def _opened(path: Path) -> Store:
    return Store(path, create=False)


_benches: dict[str, Bench] = {}


class _Task(NamedTuple):
    """What a worker needs of a stored call (``qa.store.Kept``), and what it has to judge."""

    call_id: str
    snapshot: bytes
    file: str
    content_hash: str
    gaps: list[int]

    @classmethod
    def of(cls, stored: StoredCall, content_hash: str, gaps: list[int]) -> _Task:
        return cls(stored.call_id, stored.snapshot, stored.file, content_hash, gaps)


def _work(path: Path, books: dict[str, _Book], tasks: Sequence[_Task]) -> list[list[Result] | QaError]:
    """In a worker: the gaps of some calls."""
    store, found = _opened(path), []
    for task in tasks:
        if task.content_hash not in _benches:
            name, archive = books[task.content_hash]
            _benches[task.content_hash] = Bench(read_archive(archive, task.content_hash, name))
        found.append(_judged(_benches[task.content_hash], functools.partial(store.load, task), task.gaps))
    return found
