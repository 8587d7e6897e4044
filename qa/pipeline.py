"""The stages in order, from the store where their results are known.

Everything up to the transcript depends on the file, the models and the stage settings only; a second run over the same
files does no decoding and no recognition, and a changed rule book re-scores without touching audio.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from qa import acoustics, activity, asr, decode, models, roles, speakers
from qa.errors import QaError, UnexpectedError
from qa.records import CallTable
from qa.rescore import day_of, judge
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Acoustics, Audio, AudioInfo, Call, CallRecord, Scorecard, SpeakerTurns, SpeechActivity, Transcript

T = TypeVar("T")
# Raised when a stage's code changes its results, so that stored ones are made again.
STAGE_VERSIONS = {"info": "1", "activity": "1", "acoustics": "1", "speakers": "1", "transcript": "1"}


@dataclass(frozen=True)
class FileResult:
    """What became of one file: a call with its scorecard, or an error.

    ``reused``: no recognition was needed.  ``proposed``: the call's month is closed, and the scorecard stands only once it is adjusted.
    """

    path: Path
    call_id: str | None
    scorecard: Scorecard | None
    call: Call | None
    error: QaError | None
    reused: bool
    seconds: float
    proposed: bool = False


def collect(paths: Iterable[Path]) -> list[Path]:
    """Recordings among ``paths``; folders are searched through, hidden files left out; a file given by name is always taken."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in sorted(path.rglob("*")) if p.suffix.lower() in decode.SUFFIXES)
            found += [p for p in inside if (p.is_file() or p.is_symlink()) and not p.name.startswith(".")]
        else:
            found.append(path)
    return list(dict.fromkeys(found))


class Stages:
    """Stage results of one file, each computed once: from the store, or by running the stage and storing its result."""

    def __init__(self, path: Path, store: Store, recogniser: Callable[[], asr.Recogniser], identity: str,
                 hotwords: Sequence[str], settings: asr.AsrSettings) -> None:
        self.path, self.store, self.sha256 = path, store, decode.file_sha256(path)
        self._recogniser, self._identity, self._hotwords, self._settings = recogniser, identity, tuple(hotwords), settings
        self._audio: Audio | None = None
        self.recognised = False

    def audio(self) -> Audio:
        if self._audio is None:
            self._audio = decode.decode(self.path)
        return self._audio

    def _stage(self, name: str, kind: type[T], settings: str, compute: Callable[[], T]) -> T:
        key = hashlib.sha256(f"{STAGE_VERSIONS[name]}|{settings}".encode()).hexdigest()[:16]
        known = self.store.get_stage(self.sha256, name, key, kind)
        if known is not None:
            return known
        value = compute()
        self.store.put_stage(self.sha256, name, key, value)
        return value

    def call(self, record: CallRecord | None) -> Call:
        """The call as the checks see it."""
        info = replace(self._stage("info", AudioInfo, "", lambda: self.audio().info), path=str(self.path))
        heard = self._stage("activity", SpeechActivity, repr(activity.ActivitySettings()), lambda: activity.detect(self.audio()))
        measured = self._stage("acoustics", Acoustics, "", lambda: acoustics.measure(self.audio(), heard))
        turns = self._stage("speakers", SpeakerTurns, "",
                            lambda: speakers.speakers(self.audio(), heard, measured.same_channels))
        key = asr.settings_key(self._identity, self._settings, self._hotwords)
        transcript = self._stage("transcript", Transcript, key, lambda: self._transcribe(heard, turns))
        return Call(info, heard, turns, transcript, measured, roles.assign(turns, transcript, record), record)

    def _transcribe(self, heard: SpeechActivity, turns: SpeakerTurns) -> Transcript:
        self.recognised = True
        return asr.transcribe(self._recogniser(), self.audio(), heard, turns, self._hotwords, self._settings)


class Scorer:
    """Scores files one after another with one recogniser, loaded when the first transcript has to be made.

    ``book`` is registered as the newest version of its house, and each call is scored by the version in force on its day; not so with
    ``by_day=False``, for trials of ``book`` itself.
    """

    def __init__(self, store: Store, book: RuleBook, table: CallTable | None = None, asr_choice: str | None = None,
                 settings: asr.AsrSettings | None = None, by_day: bool = True) -> None:
        self.store, self.book, self.table, self.by_day = store, book, table, by_day
        self.located = models.locate(asr_choice)
        self.settings = settings or asr.AsrSettings()
        self._loaded: asr.Recogniser | None = None
        if by_day:
            store.ledger.register(book)
        else:
            store.ledger.keep(book)

    def recogniser(self) -> asr.Recogniser:
        if self._loaded is None:
            self._loaded = asr.Recogniser(self.located)
        return self._loaded

    def score(self, path: Path) -> FileResult:
        """Score one file; an error of the file is in the result, never raised."""
        begun = time.monotonic()
        try:
            record = self.table.for_file(path) if self.table is not None else None
            identity = f"{self.located.name}@{self.located.fingerprint}"
            book = self.store.ledger.in_force(self.book, day_of(record)) if self.by_day else self.book
            stages = Stages(path, self.store, self.recogniser, identity, book.names, self.settings)
            call = stages.call(record)
            card = judge(call, book, self.store.earlier())
            saved = self.store.record(call, card)
        except QaError as error:
            return FileResult(path, None, None, None, error, False, time.monotonic() - begun)
        except Exception as bug:
            unexpected = UnexpectedError(str(path), f"程序内部错误 {type(bug).__name__}: {bug}",
                                         "其余文件不受影响；请用 qa --debug 重跑该文件并反馈")
            unexpected.__cause__ = bug
            return FileResult(path, None, None, None, unexpected, False, time.monotonic() - begun)
        took = time.monotonic() - begun
        return FileResult(path, card.call_id, card, call, None, not stages.recognised, took, saved.proposed)


def score_files(paths: Sequence[Path], *, store: Store, book: RuleBook, table: CallTable | None = None, asr: str | None = None,
                progress: Callable[[FileResult], None] | None = None, by_day: bool = True) -> list[FileResult]:
    """Score ``paths`` in order; one bad file never stops the others.  ``progress`` is called after each; ``by_day`` as of Scorer."""
    scorer = Scorer(store, book, table, asr, by_day=by_day)
    results = []
    for path in paths:
        results.append(scorer.score(path))
        if progress is not None:
            progress(results[-1])
    return results
