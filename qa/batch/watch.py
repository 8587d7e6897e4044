"""``qa batch watch``: files of a folder are scored as soon as they are finished, until somebody stops it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from qa import decode
from qa.batch.batch import Batch, Progress
from qa.batch.lock import one_batch
from qa.batch.plan import TORN_PATIENCE_S, Settling
from qa.batch.report import EXIT_DONE, EXIT_SOME_FAILED, EXIT_STOPPED, Fate, Report, Tally
from qa.errors import BatchError, BusyError, NotYetError, QaError, RecordError
from qa.pipeline import FileResult, collect
from qa.records import Records
from qa.types import AudioInfo

_State = tuple[int, int]


@dataclass
class Watch:
    """Watches ``folders``, looking every ``every_s`` seconds; the lock is held only while files are scored.

    ``settle_s``: a file is finished that has been unchanged for so long and that nobody has open for writing; then it must decode whole,
    or it is left until it changes or ``torn_patience_s`` are over.  ``read_table`` gives the call records: asked again before each
    round, and where ``table_path`` names their file only when that has changed.  Where there are records, a file waits for its own.
    ``say`` gets what a person should know.
    """

    batch: Batch
    db: Path
    folders: Sequence[Path]
    settle_s: float
    every_s: float
    say: Callable[[QaError], None]
    table_path: Path | None = None
    read_table: Callable[[], Records | None] = lambda: None
    torn_patience_s: float = TORN_PATIENCE_S
    clock: Callable[[], float] = time.monotonic
    _through: dict[Path, _State] = field(default_factory=dict)
    _left: dict[Path, tuple[_State, bool]] = field(default_factory=dict)
    _table_state: _State | None = None
    _said: str = ""

    def __post_init__(self) -> None:
        self._settling = Settling(self.settle_s, self.clock)
        self.batch = replace(self.batch, later=self._later, settle_s=0.0)
        if self.table_path is not None:
            self._table_state = _state(self.table_path)

    def go(self, progress: Progress, ended: Callable[[Report], None]) -> int:
        """Until a stop is asked for; the exit status.  ``ended`` is called after each round that had files."""
        code = EXIT_DONE
        while self.batch.stop.wanted is None:
            self._read_records()
            files = self._finished()
            report = self._round(files, progress) if files else None
            if report is not None:
                ended(report)
                if report.stopped is not None and self.batch.stop.wanted is None:
                    return EXIT_STOPPED
                failures = report.tally.unscored - report.tally.counts["left"]
                code = EXIT_SOME_FAILED if failures else code
            self._sleep()
        return code

    def _sleep(self) -> None:
        until = self.clock() + self.every_s
        while self.clock() < until and self.batch.stop.wanted is None:
            time.sleep(min(0.2, self.every_s))

    def _round(self, files: list[Path], progress: Progress) -> Report | None:
        def through(result: FileResult, fate: Fate, tally: Tally) -> None:
            state = _state(result.path)
            if state is not None and fate == "left":
                waits_for_record = result.error is not None and "通话记录" in result.error.cause
                self._left[result.path] = state, waits_for_record
            elif state is not None:
                self._through[result.path] = state
            progress(result, fate, tally)

        try:
            with one_batch(self.db):
                return self.batch.run(files, through)
        except BusyError as error:
            self._tell(error)
            return None

    def _tell(self, error: QaError) -> None:
        """Say a thing once, not every few seconds."""
        if str(error) != self._said:
            self._said = str(error)
            self.say(error)

    # ------------------------------------------------------------ which files

    def _finished(self) -> list[Path]:
        """Files that are finished and have not been through as they are now."""
        if not all(folder.is_dir() for folder in self.folders):
            gone = next(folder for folder in self.folders if not folder.is_dir())
            self._tell(BatchError(str(gone), "录音文件夹不见了（共享断开或被移走）", "恢复后会自动接着做"))
        try:
            found = collect(f for f in self.folders if f.is_dir())
        except BatchError as error:  # an object store that does not answer just now
            self._tell(error)
            return []
        new = [path for path in found if self._through.get(path) != _state(path)]
        return [path for path in self._settling.finished(new) if not self._waits(path)]

    def _waits(self, path: Path) -> bool:
        """Whether a file that was left is to be left on: nothing about it is new."""
        state, for_record = self._left.get(path, (None, False))
        if state is None or state != _state(path):
            return False
        if for_record:
            return self.batch.scorer.record_of(path) is None
        return self._settling.unchanged_s(path) < self.torn_patience_s

    def _later(self, path: Path, info: AudioInfo | None) -> QaError | None:
        if self.batch.scorer.table is not None and self.batch.scorer.record_of(path) is None:
            return NotYetError(str(path), "还没有这个录音的通话记录", "通话记录表更新后会自动评分")
        if (info is None or decode.looks_torn(info)) and self._settling.unchanged_s(path) < self.torn_patience_s:
            return NotYetError(
                str(path), "文件还不完整，可能还在录音或拷贝", f"有变化，或 {self.torn_patience_s:.0f} 秒没有变化后，会自动再试"
            )
        return None

    def _read_records(self) -> None:
        if self.table_path is not None:
            state = _state(self.table_path)
            if state in (self._table_state, None):
                return
            self._table_state = state
        try:
            self.batch.scorer.table = self.read_table()
        except RecordError as error:  # the older one goes on to count
            self._tell(error)


def _state(path: Path) -> _State | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
