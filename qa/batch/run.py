"""The one loop of ``qa score`` and ``qa batch``: hash ahead, have workers make what the store lacks, judge in order of time.

This process alone writes.  What a worker has made of a file is stored in one transaction before the file is judged in another: a kill
between any two of them costs at most the files that workers were at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qa.batch.job import Done, Engine, Job
from qa.batch.plan import Item, Seen, in_order, look
from qa.errors import BatchError, DatabaseError, ModelError, QaError, TakenError
from qa.pipeline import FileResult, Scorer, failed, unexpected
from qa.types import AudioInfo

POLL_S = 0.5
"""So often a run that waits for its workers looks whether it is to stop."""
HASHERS = 2

Check = Callable[[], None]
"""Called again and again; raises :class:`BatchError` when the run is to stop."""
Later = Callable[[Path, AudioInfo | None], QaError | None]
"""Asked of each file before it is judged (None: it could not be decoded): why it is to be left for later, None if it is not."""


@dataclass
class _Ready:
    """A file that nothing is missing of, or that cannot be scored (``result``)."""

    seen: Seen | None = None
    seconds: tuple[tuple[str, float], ...] = ()
    recognised: bool = False
    result: FileResult | None = None


class _Queues:
    """Lets items out in their order within each queue, however they become ready."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._waiting: dict[str, deque[Item]] = {}
        self._ready: dict[Item, _Ready] = {}
        for item in items:
            self._waiting.setdefault(item.queue, deque()).append(item)

    def ready(self, item: Item, state: _Ready) -> Iterator[tuple[Item, _Ready]]:
        """Note that ``item`` is ready; gives all whose turn it is now."""
        self._ready[item] = state
        queue = self._waiting[item.queue]
        while queue and queue[0] in self._ready:
            first = queue.popleft()
            yield first, self._ready.pop(first)


class Run:
    """Scores files through ``engine``; without one, here, one after the other.

    ``refused``: by content, files that are not to be tried and why.  ``check`` is called between files and while waiting.
    """

    def __init__(
        self,
        scorer: Scorer,
        engine: Engine | None,
        refused: Mapping[str, QaError] | None = None,
        check: Check = lambda: None,
        later: Later = lambda path, info: None,
    ) -> None:
        self.scorer, self.engine, self.check, self.later = scorer, engine, check, later
        self._refused = refused or {}
        self._todo: deque[Item] = deque()
        self._hashing: dict[Future[Seen], Item] = {}
        self._working: dict[Future[Done], tuple[Job, Seen]] = {}
        self._wanting: dict[str, list[Item]] = {}

    def results(self, paths: Sequence[Path]) -> Iterator[FileResult]:
        """Each file's result as it comes: of one agent in the order of the calls, else in no order.

        Errors: :class:`DatabaseError`, :class:`ModelError`, :class:`BatchError` where the run cannot go on; what was done is kept.
        """
        refused: list[tuple[Item, _Ready]] = []
        for item, ready, result in self._first(in_order(paths, self.scorer.table, self.scorer.store.log.settings())):
            if isinstance(result.error, TakenError):
                refused.append((item, ready))
            else:
                yield result
        # which call the other recordings are is known of all of them by now, in whatever order they came
        for item, ready in refused:
            self.check()
            yield self._judged(item, ready)

    def _first(self, items: Sequence[Item]) -> Iterator[tuple[Item, _Ready, FileResult]]:
        """Each file judged once, with what it was judged on."""
        if self.engine is None:
            for item in items:
                self.check()
                yield item, _Ready(), self._judged(item, _Ready())
            return
        queues = _Queues(items)
        with ThreadPoolExecutor(HASHERS) as pool:
            try:
                for item, ready in self._made(items, self.engine, pool):
                    for each, state in queues.ready(item, ready):
                        self.check()
                        yield each, state, self._judged(each, state)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    # ------------------------------------------------------------ the stages

    def _made(self, items: Sequence[Item], engine: Engine, pool: ThreadPoolExecutor) -> Iterator[tuple[Item, _Ready]]:
        """Items as all their stages are in the store, or something stands in the way."""
        for item in items:
            if item.wrong is None:
                self._todo.append(item)
            else:
                yield item, _Ready(result=failed(item.path, item.wrong))
        while self._todo or self._hashing or self._working:
            self.check()
            while self._todo and len(self._hashing) + sum(map(len, self._wanting.values())) < 2 * engine.workers + HASHERS:
                item = self._todo.popleft()
                self._hashing[pool.submit(look, item.path)] = item
            pending: list[Future[Any]] = [*self._hashing, *self._working]
            for future in wait(pending, POLL_S, FIRST_COMPLETED).done:
                if future in self._hashing:
                    yield from self._hashed(future, self._hashing.pop(future), engine)
                else:
                    yield from self._worked(future, *self._working.pop(future))

    def _hashed(self, future: Future[Seen], item: Item, engine: Engine) -> Iterator[tuple[Item, _Ready]]:
        try:
            seen = future.result()
            if seen.sha256 in self._refused:
                yield item, _Ready(result=failed(item.path, self._refused[seen.sha256], sha256=seen.sha256))
                return
            if seen.sha256 in self._wanting:  # the same recording twice: heard once
                self._wanting[seen.sha256].append(item)
                return
            job = self.scorer.job(item.path, seen)
        except DatabaseError:
            raise
        except QaError as error:
            yield item, _Ready(result=failed(item.path, error))
            return
        if job is None:
            yield item, _Ready(seen)
        else:
            self._wanting[seen.sha256] = [item]
            self._working[engine.submit(job)] = job, seen

    def _worked(self, future: Future[Done], job: Job, seen: Seen) -> Iterator[tuple[Item, _Ready]]:
        items = self._wanting.pop(job.sha256)
        try:
            done = future.result()
            self.scorer.keep(job, done)
        except (DatabaseError, ModelError, BatchError):
            raise
        except Exception as error:
            told = error if isinstance(error, QaError) else unexpected(items[0].path, error)
            for item in items:
                yield item, _Ready(result=failed(item.path, told, sha256=job.sha256))
            return
        yield items[0], _Ready(seen, done.seconds, "transcript" in job.wanted)
        # other files of this content find it in the store, unless another day has other names to listen for
        self._todo.extendleft(reversed(items[1:]))

    # ------------------------------------------------------------ the verdict

    def _judged(self, item: Item, ready: _Ready) -> FileResult:
        if self.engine is None:
            return self.scorer.score(item.path) if item.wrong is None else failed(item.path, item.wrong)
        info = self.scorer.info(ready.seen.sha256) if ready.seen is not None else None
        refused = ready.result is not None and ready.result.sha256 in self._refused
        later = None if refused or item.wrong is not None else self.later(item.path, info)
        if later is not None:
            return failed(item.path, later, sha256=ready.seen.sha256 if ready.seen is not None else None)
        if ready.result is not None:
            return ready.result
        result = self.scorer.score(item.path, ready.seen)
        took = result.seconds + sum(s for _, s in ready.seconds)
        parts = tuple(replace(part, reused=not ready.recognised) for part in result.parts)
        return replace(result, reused=not ready.recognised, seconds=took, stages=ready.seconds, parts=parts)
