"""A batch: files in, every one scored, quarantined, left or told; a report at the end, whatever ended it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qa import decode
from qa.batch.job import Engine
from qa.batch.kept import Batches, Quarantined, path_text
from qa.batch.plan import SETTLE_S, Settling, is_fresh, no_record, reasons, torn_later
from qa.batch.report import Fate, Report, Tally, fate
from qa.batch.run import Later, Run
from qa.errors import AudioError, BatchError, ChangedError, ModelError, NotYetError, QaError, StoreError
from qa.ledger_calls import warns_first
from qa.pipeline import FileResult, Scorer, failed
from qa.rescore import day_of, recount

PROGRESS_S = 5.0
"""So often the database is told how far the run is."""
PATIENCE = 6
"""A fresh file is watched for so many times the settling time before it is left for the next run."""

Progress = Callable[[FileResult, Fate, Tally], None]
Missed = tuple[Path, QaError]
"""What may be or hold recordings and could not be taken, and why."""


class Stop:
    """A wish that the run end; :meth:`check` raises it between files."""

    def __init__(self) -> None:
        self.wanted: QaError | None = None

    def ask(self, cause: str) -> None:
        """End the run at the next look."""
        self.wanted = BatchError("批处理", cause, "已完成的都已保存；重新运行会接着做")

    def check(self) -> None:
        """Errors: :class:`BatchError` once somebody asked."""
        if self.wanted is not None:
            raise self.wanted


@dataclass
class Batch:
    """What runs have in common: the scorer with its store, the workers, the folders that the files came from.

    ``settle_s``: a file that changed a moment ago is only taken once it has been unchanged for so long.  ``retry``: files in quarantine are
    tried again.  ``later`` as of :class:`Run`.
    """

    scorer: Scorer
    engine: Engine
    folders: Sequence[Path] = ()
    stop: Stop = field(default_factory=Stop)
    settle_s: float = SETTLE_S
    retry: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    later: Later = torn_later

    def __post_init__(self) -> None:
        self._places = {folder: _place(folder) for folder in self.folders}
        self._warn: dict[tuple[str, str], bool] = {}

    def run(self, paths: Sequence[Path], progress: Progress = lambda result, fate, tally: None, missed: Sequence[Missed] = ()) -> Report:
        """Score all; never raises for what stops it, but says so in the report, which the database keeps too.

        ``missed``: what cannot even be tried; it counts as failed.
        """
        begun, store = time.monotonic(), self.scorer.store
        tally, months = Tally(len(paths) + len(missed)), set[tuple[str | None, str | None]]()
        stopped: QaError | None = None
        number: int | None = None
        try:
            sizes = {path: _size(path) for path in paths}
            tally.bytes_all = sum(sizes.values())
            number = store.batches.begin()
            told = begun
            for result, end in self._ended(paths, missed):
                tally.add(result, end, sizes.get(result.path, 0))
                months |= self._warned(result)
                progress(replace(result, call=None, parts=()), end, tally)
                if time.monotonic() - told >= PROGRESS_S:
                    told = time.monotonic()
                    store.batches.progress(number, tally.figures(told - begun))
        except (StoreError, ModelError, BatchError) as error:
            stopped = error
        stopped = self._recount(months) or stopped
        settings = self.settings | {"folders": [path_text(f) for f in self.folders]}
        report = Report(tally, time.monotonic() - begun, stopped, settings, self._without_record(tally))
        return report if number is None else self._kept(number, report)

    def _without_record(self, tally: Tally) -> tuple[dict[str, str], ...]:
        table = self.scorer.table
        told, otherwise = reasons(table) if tally.without_record else {}, no_record(table)
        return tuple({"file": path_text(p), "why": path_text(told.get(str(p), otherwise))} for p in tally.without_record)

    def _warned(self, result: FileResult) -> set[tuple[str | None, str | None]]:
        """Agents and months whose first warnings the scorecards of a file may move."""
        found: set[tuple[str | None, str | None]] = {(one.agent_id, one.month) for one in result.withdrawn}
        for part in result.all:
            day = day_of(part.call.record) if part.call is not None else None
            if part.scorecard is not None and day is not None:
                made = part.scorecard.provenance
                stamp = made.rule_book, made.rule_book_version
                if stamp not in self._warn:
                    book = self.scorer.store.ledger.known(*stamp)
                    self._warn[stamp] = book is not None and warns_first(book)
                found |= {(part.scorecard.agent_id, f"{day:%Y-%m}")} if self._warn[stamp] else set()
        return found

    def _recount(self, months: set[tuple[str | None, str | None]]) -> QaError | None:
        """First warnings in order of time, also of calls that were scored late; what kept the database from it, if anything did."""
        try:
            recount(self.scorer.store, months)
        except StoreError as error:
            return error
        return None

    def _kept(self, number: int, report: Report) -> Report:
        try:
            made = report.as_json()
            self.scorer.store.batches.end(number, made["state"], made)
        except StoreError as error:  # full, locked or gone: then the report is on the screen and in its file alone
            return report if report.stopped is not None else replace(report, stopped=error)
        return report

    # ------------------------------------------------------------ files

    def _ended(self, paths: Sequence[Path], missed: Sequence[Missed]) -> Iterator[tuple[FileResult, Fate]]:
        """What became of each file."""
        yield from ((failed(path, error), "failed") for path, error in missed)
        refused = {q.sha256: q.error for q in self.scorer.store.batches.quarantined()} if not self.retry else {}
        for some in self._settled(paths):
            if isinstance(some, FileResult):
                yield some, "left"
                continue
            for result in Run(self.scorer, self.engine, refused, self.stop.check, self.later).results(some):
                yield self._fate(result, refused)

    def _settled(self, paths: Sequence[Path]) -> Iterator[list[Path] | FileResult]:
        """Files in portions that are finished; those that are still being written at the end of patience, one by one."""
        fresh = [path for path in paths if is_fresh(path)] if self.settle_s > 0 else []
        young = set(fresh)
        watching = Settling(self.settle_s)
        watching.finished(fresh)
        yield [path for path in paths if path not in young]
        deadline = time.monotonic() + PATIENCE * self.settle_s
        while fresh:
            ready = [path for path in fresh if not path.exists()] + watching.finished(fresh)
            fresh = [path for path in fresh if path not in set(ready)]
            if ready:
                yield ready
                continue
            if time.monotonic() > deadline:
                break
            self.stop.check()
            time.sleep(min(0.2, self.settle_s))
        for path in fresh:
            yield failed(path, ChangedError.of(path))

    def _fate(self, result: FileResult, refused: dict[str, QaError]) -> tuple[FileResult, Fate]:
        store = self.scorer.store.batches
        if result.error is None:
            if result.sha256 is not None:
                store.resolve(result.sha256, result.path)
            return result, "scored"
        readable = self._readable(result)
        end = fate(result, result.sha256 in refused, readable)
        if end == "quarantined" and result.sha256 is not None:
            store.quarantine(result.sha256, result.path, result.error)
        elif end == "skipped" and result.sha256 is not None:
            store.met(result.sha256, result.path)
        return result, end

    def _readable(self, result: FileResult) -> bool:
        """Whether the content that failed can still be read; a share that vanished ends the batch."""
        if not isinstance(result.error, AudioError) or isinstance(result.error, NotYetError):
            return True
        self._check_folders(result.path)
        try:
            return decode.file_sha256(result.path) == result.sha256
        except (AudioError, OSError):
            self._check_folders(result.path)
            return False

    def _check_folders(self, path: Path) -> None:
        gone = [folder for folder, place in self._places.items() if _place(folder) != place]
        if not gone and self.folders and not path.exists() and not path.parent.exists():
            gone = [path.parent]
        if gone:
            raise BatchError(str(gone[0]), "录音文件夹不见了（共享断开或被移走）", "请恢复后重新运行，程序会接着做；没有读到的文件不算失败")


def to_retry(kept: Batches, wanted: Sequence[Path]) -> tuple[list[Path], list[QaError]]:
    """Which files in quarantine to try, of ``wanted`` where any are named; and what is said of those that are dropped: their file is gone,
    or holds other content, which is tried as the recording that it is now.

    Errors: :class:`AudioError` where a file that is wanted is not in quarantine; then none is dropped.
    """
    found = kept.quarantined()
    places = {one.place.absolute() for one in found}
    strangers = [path_text(path) for path in wanted if path.absolute() not in places]
    if strangers:
        raise AudioError("、".join(strangers), "不在隔离之中", "用 qa batch status 查看被隔离的文件")
    asked = {path.absolute() for path in wanted} or places
    files, said = dict[Path, None](), list[QaError]()
    for one in found:
        if one.place.absolute() not in asked:
            continue
        became, gone = _became(one)
        if became:
            kept.drop(one.sha256, one.place)
            said.append(AudioError(one.path, f"已不在隔离之中：{became}", ""))
        if not gone:
            files[one.place] = None
    return list(files), said


def _became(one: Quarantined) -> tuple[str, bool]:
    """What became of a file in quarantine ("": nothing, or it cannot be read just now), and whether it is gone."""
    try:
        same = decode.file_sha256(one.place) == one.sha256
    except (AudioError, OSError):
        try:
            one.place.stat()
        except FileNotFoundError:
            gone = one.place.parent.is_dir()  # a share that is not mounted takes its folders along
            return ("文件已删除或移走", True) if gone else ("", False)
        except OSError:
            pass
        return "", False
    return ("", False) if same else ("文件已换成别的内容，照常处理", False)


def _place(folder: Path) -> tuple[int, int] | None:
    """Which folder it is: another one is there once a share is no longer mounted."""
    try:
        stat = folder.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
