"""``qa batch watch``: files of a folder are scored as soon as they are finished, until somebody stops it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from qa import decode
from qa.batch.batch import Batch, Progress
from qa.batch.found import search
from qa.batch.kept import path_text
from qa.batch.lock import one_batch
from qa.batch.plan import TORN_PATIENCE_S, Settling, no_record, reasons
from qa.batch.report import EXIT_DONE, EXIT_SOME_FAILED, EXIT_STOPPED, Fate, Report, Tally
from qa.errors import BatchError, BusyError, NotYetError, QaError, RecordError, TakenError
from qa.pipeline import FileResult
from qa.records import Records, expect, told
from qa.types import AudioInfo

_State = tuple[int, int]
LISTED = 20


@dataclass
class Watch:
    """Watches ``folders``, looking every ``every_s`` seconds; the lock is held only while files are scored.

    ``settle_s``: a file is finished that has been unchanged for so long and that nobody has open for writing; then it must decode whole,
    or it is left until it changes or ``torn_patience_s`` are over.  ``read_table`` gives the call records: asked again when another program
    has written to the database, or where ``table_path`` names their file when that has changed, and when a file is gone or set apart, which
    claims its call no longer.  Where there are records, a file waits for its own; two that claim one call both wait, until a person has
    decided.  A file of which new records tell other things than it was scored with is scored again.
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
    _left: dict[Path, tuple[_State, str]] = field(default_factory=dict)
    _known: dict[Path, _State | None] = field(default_factory=dict)
    _why: dict[str, str] = field(default_factory=dict)
    _told: dict[Path, object] = field(default_factory=dict)
    _apart: frozenset[tuple[str, str]] = frozenset()
    _missed: set[str] = field(default_factory=set)
    _table_state: object = None
    _said: str = ""

    def __post_init__(self) -> None:
        self._settling = Settling(self.settle_s, self.clock)
        self.batch = replace(self.batch, later=self._later, settle_s=0.0)
        self._table_state = self._records_state()

    def go(self, progress: Progress, ended: Callable[[Report], None]) -> int:
        """Until a stop is asked for; the exit status.  ``ended`` is called after each round that had files."""
        code = EXIT_DONE
        while self.batch.stop.wanted is None:
            files = self._finished()
            report = self._round(files, progress) if files else None
            if report is not None:
                ended(report)
                if report.stopped is not None and self.batch.stop.wanted is None:
                    return EXIT_STOPPED
                failures = report.tally.unscored - report.tally.counts["left"]
                code = EXIT_SOME_FAILED if failures else code
            self._sleep()
        return EXIT_SOME_FAILED if self._missed or self._waiting() else code

    def _waiting(self) -> bool:
        """Say which files still wait for their call records; whether one of them is refused its own because another claims it too."""
        waiting = [path for path, (state, why) in self._left.items() if why and state == _state(path)]
        if not waiting:
            return False
        names = "、".join(path_text(path.name) for path in waiting[:LISTED]) + (" 等" if len(waiting) > LISTED else "")
        self.say(NotYetError(names, f"{len(waiting)} 个录音还没有可用的通话记录，没有评分", "通话记录更正后再运行 qa batch watch 或 run"))
        try:
            alone = self.read_table()  # that has not been shown the others
        except RecordError:
            return False
        return alone is not None and any(alone.for_file(path) is not None for path in waiting)

    def _sleep(self) -> None:
        until = self.clock() + self.every_s
        while self.clock() < until and self.batch.stop.wanted is None:
            time.sleep(min(0.2, self.every_s))

    def _round(self, files: list[Path], progress: Progress) -> Report | None:
        def through(result: FileResult, fate: Fate, tally: Tally) -> None:
            state = _state(result.path)
            self._left.pop(result.path, None)
            if state is not None and (fate == "left" or isinstance(result.error, RecordError)):
                self._left[result.path] = state, self._no_record(result.path)
            elif state is not None:
                self._through[result.path] = state
                # whose call id another recording has is asked again with the next records
                self._told[result.path] = None if isinstance(result.error, TakenError) else told(self.batch.scorer.table, result.path)
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
            found = search(f for f in self.folders if f.is_dir())
        except BatchError as error:  # an object store that does not answer just now
            self._tell(error)
            return []
        for _, missed in found.missed:
            if str(missed) not in self._missed:
                self._missed.add(str(missed))
                self.say(missed)
        known = {path: _state(path) for path in found.files}
        self._read_records(known)
        new = [path for path, state in known.items() if self._through.get(path) != state]
        return [path for path in self._settling.finished(new) if not self._waits(path)]

    def _waits(self, path: Path) -> bool:
        """Whether a file that was left is to be left on: nothing about it is new."""
        state, why = self._left.get(path, (None, ""))
        if state is None or state != _state(path):
            return False
        if why:
            return self._no_record(path) == why
        return self._settling.unchanged_s(path) < self.torn_patience_s

    def _later(self, path: Path, info: AudioInfo | None) -> QaError | None:
        if why := self._no_record(path):
            return NotYetError(str(path), f"还没有这个录音的通话记录：{why}", "通话记录更新后会自动评分")
        if (info is None or decode.looks_torn(info)) and self._settling.unchanged_s(path) < self.torn_patience_s:
            return NotYetError(
                str(path), "文件还不完整，可能还在录音或拷贝", f"有变化，或 {self.torn_patience_s:.0f} 秒没有变化后，会自动再试"
            )
        return None

    def _no_record(self, path: Path) -> str:
        """Why a file has no call record; "" where it has one, or where there are none at all."""
        table = self.batch.scorer.table
        return self._why.get(str(path), no_record(table)) if table is not None and table.for_file(path) is None else ""

    def _read_records(self, known: dict[Path, _State | None]) -> None:
        """The call records as they are now, shown all files at once: of two that claim one call neither gets it, in whatever round."""
        state, kept = self._records_state(), self.batch.scorer.store.batches
        apart = frozenset((one.path, one.sha256) for one in kept.quarantined())
        waiting = {path: was for path, (was, why) in self._left.items() if why}
        gone = self._known.keys() - known.keys() or any(known.get(path) != was for path, was in waiting.items()) or apart != self._apart
        again = state is not None and bool(state != self._table_state or gone)
        if again:
            try:
                self.batch.scorer.table = self.read_table()
            except RecordError as error:  # the older one goes on to count
                self._tell(error)
        elif known == self._known:
            return
        self._table_state, self._known, self._apart = state or self._table_state, known, apart
        expect(self.batch.scorer.table, sorted(known), kept.unusable())
        self._why = reasons(self.batch.scorer.table)
        if again:
            self._take_again(known)

    def _take_again(self, known: Iterable[Path]) -> None:
        """Have files scored again of which the records tell other things now.  Where they tell nothing, they may be those of other days:
        then what a file was scored with holds."""
        for path in [one for one in known if one in self._through]:
            now = told(self.batch.scorer.table, path)
            if now is not None and now != self._told.get(path):
                self._through.pop(path)

    def _records_state(self) -> object:
        """What changes with the call records; None where their file is not there just now."""
        return self.batch.scorer.store.batches.others_wrote() if self.table_path is None else _state(self.table_path)


def _state(path: Path) -> _State | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
