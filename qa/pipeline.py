"""From recordings to scorecards: the stages from the store where they are known, then the rules of the call's day.

Everything up to the transcript depends on the file, the models and the stage settings only; a second run over the same
files does no decoding and no recognition, and a changed rule book re-scores without touching audio.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qa import asr, decode, diarization, legs, models, registrations, role_marks, roles, scoring, voice_engine, voiceprints, wordspeakers
from qa.batch.found import search
from qa.batch.job import Done, Engine, Job
from qa.batch.plan import Seen, check_name
from qa.clock import wall_clock
from qa.errors import ChangedError, DatabaseError, QaError, UnexpectedError
from qa.ledger_cards import judged_record
from qa.places import place
from qa.reassigned import Reassigned
from qa.records import Records, call_of, is_strong
from qa.rescore import day_of, judge
from qa.review import text_marks
from qa.role_settings import RoleSettings
from qa.rules.book import RuleBook
from qa.same_recording import lies_at
from qa.stages import STAGES, Making, keys
from qa.store import Store
from qa.types import Audio, AudioInfo, Call, CallRecord, Roles, Scorecard, SpeakerTurns, SpeechActivity, Transcript
from qa.withdrawals import Moved

SEVERAL = 4
"""From so many files on several processes work on them: one takes a second or two to start."""


@dataclass(frozen=True)
class FileResult:
    """What became of one file: a call with its scorecard, or an error.

    ``reused``: no recognition was needed.  ``proposed``: the call's month is closed, and the scorecard stands only once it is adjusted.
    ``sha256`` of its content, where that could be read.  ``stages``: seconds that each stage took.
    ``parts``: where several agents took the call one after another, the results of those after the first.
    ``withdrawn``: calls that count no more, or again, now that the recording is what it is by its present records, and calls that these
    give another agent or another recording.
    """

    path: Path
    call_id: str | None
    scorecard: Scorecard | None
    call: Call | None
    error: QaError | None
    reused: bool
    seconds: float
    proposed: bool = False
    sha256: str | None = None
    stages: tuple[tuple[str, float], ...] = ()
    parts: tuple[FileResult, ...] = ()
    withdrawn: tuple[Moved | Reassigned, ...] = ()

    @property
    def all(self) -> tuple[FileResult, ...]:
        """This result and those of the other agents' parts of the recording."""
        return (self, *self.parts)


def collect(paths: Iterable[Path]) -> list[Path]:
    """The recordings that :func:`qa.batch.found.search` finds, without what it says of the others."""
    return list(search(paths).files)


class Stages:
    """Stage results of one file, each computed once: from the store, or by running the stage and storing its result."""

    def __init__(
        self,
        path: Path,
        store: Store,
        recogniser: Callable[[], asr.Recogniser],
        identity: str,
        hotwords: Sequence[str],
        settings: asr.AsrSettings,
        sha256: str | None = None,
        diarizer: tuple[str, Callable[[], diarization.Diarizer]] | None = None,
        house: RoleSettings | None = None,
    ) -> None:
        self.path, self.store, self.sha256 = path, store, sha256 or decode.file_sha256(path)
        self._recogniser, self._hotwords, self._settings = recogniser, tuple(hotwords), settings
        self._diarizer, self._house = diarizer, house or RoleSettings()
        self._keys = keys(identity, settings, hotwords, diarizer[0] if diarizer else "")
        self.recognised = False

    def _find(self, stage: str) -> object | None:
        return self.store.get_stage(self.sha256, stage, self._keys[stage], STAGES[stage])

    def _keep(self, stage: str, value: object) -> None:
        self.store.put_stage(self.sha256, stage, self._keys[stage], value)

    def call(self, record: CallRecord | None) -> Call:
        """The call as the checks see it."""
        diarizer = self._diarizer[1] if self._diarizer else None
        making = Making(self.path, self.sha256, self._find, self._keep, self._transcribe, diarizer=diarizer)
        info, heard, measured, turns, transcript = (making.value(stage) for stage in STAGES)
        info, transcript = replace(info, path=str(self.path)), wordspeakers.assigned(transcript, turns)
        call = Call(info, heard, turns, transcript, measured, Roles(()), record)
        return roles.told(call, self._house, self._voices(call, making))

    def _voices(self, call: Call, making: Making) -> dict[str, float]:
        """How the voices of a mono call compare with that of its agent, where that is enrolled; nothing of it is kept."""
        agent_id = call.record.agent_id if call.record is not None else ""
        if self._diarizer is None or not call.turns.diarized or not voiceprints.is_enrolled(self.store.db, agent_id, self._diarizer[0]):
            return {}
        embedder = voice_engine.EngineEmbedder(self._diarizer[1]())
        return voiceprints.ratios(self.store.db, agent_id, embedder.identity, voice_engine.voices(embedder, making.audio(), call.turns))

    def _transcribe(self, audio: Audio, heard: SpeechActivity, turns: SpeakerTurns) -> Transcript:
        self.recognised = True
        return asr.transcribe(self._recogniser(), audio, heard, turns, self._hotwords, self._settings)


class Scorer:
    """Scores files; what others have made of them (:meth:`job`, :meth:`keep`) is taken from the store, the rest is made here with one
    recogniser, loaded when the first transcript has to be made.

    ``book`` is registered as the newest version of its house, and each call is scored by the version in force on its day; not so with
    ``by_day=False``, for trials of ``book`` itself.
    """

    def __init__(self, store: Store, book: RuleBook, table: Records | None = None, asr_choice: str | None = None,
                 settings: asr.AsrSettings | None = None, by_day: bool = True,
                 diarization_choice: str = diarization.AUTO) -> None:  # fmt: skip
        book.check_scores()
        self.store, self.book, self.table, self.by_day = store, book, table, by_day
        self.located = models.locate(asr_choice)
        self.settings = settings or asr.AsrSettings()
        self.diarizer_at = diarization.locate(diarization_choice, self.located.demo)
        self._loaded: asr.Recogniser | None = None
        self._diarizer: diarization.Diarizer | None = None
        self._told: dict[str, set[str]] = {}
        self._told_by: Records | None = None
        if by_day:
            registrations.register(store, book)
        else:
            store.ledger.keep(book)

    def recogniser(self) -> asr.Recogniser:
        if self._loaded is None:
            self._loaded = asr.Recogniser(self.located)
        return self._loaded

    def diarizer(self) -> diarization.Diarizer:
        """The engine that tells the speakers of one channel apart; there must be one."""
        assert self.diarizer_at is not None
        if self._diarizer is None:
            self._diarizer = diarization.load(self.diarizer_at)
        return self._diarizer

    def keys(self, hotwords: Sequence[str]) -> dict[str, str]:
        """Under which key each stage's result of a recording is stored."""
        return keys(self.identity, self.settings, hotwords, self.diarizer_at.identity if self.diarizer_at else "")

    @property
    def identity(self) -> str:
        """Of the recogniser: name and weights."""
        return f"{self.located.name}@{self.located.fingerprint}"

    def record_of(self, path: Path) -> CallRecord | None:
        """The switch's record of a recording."""
        return self.table.for_file(path) if self.table is not None else None

    def _book_of(self, record: CallRecord | None, path: Path) -> RuleBook:
        if not self.by_day:
            return self.book
        book = self.store.ledger.in_force(self.book, day_of(record), str(path))
        book.check_scores()
        return book

    # ------------------------------------------------------------ the stages, elsewhere

    def job(self, path: Path, seen: Seen) -> Job | None:
        """What is still to be made of a file before it can be judged; None where the store has everything.

        Errors: :class:`QaError` where the rule book of the day cannot be read.
        """
        hotwords = self._book_of(self.record_of(path), path).names
        known, wanted = [], []
        for stage, key in self.keys(hotwords).items():
            payload = self.store.stage_payload(seen.sha256, stage, key)
            if payload is None:
                wanted.append(stage)
            else:
                known.append((stage, payload))
        if not wanted:
            return None
        models_ = self.located, self.settings, tuple(hotwords), self.diarizer_at
        return Job(str(path), seen.sha256, seen.size, tuple(wanted), tuple(known), *models_)

    def info(self, sha256: str) -> AudioInfo | None:
        """What is known of a recording without listening to it, where it was decoded."""
        key = self.keys(())["info"]
        return self.store.get_stage(sha256, "info", key, AudioInfo)

    def keep(self, job: Job, done: Done) -> None:
        """Store what a worker has made, all of it or nothing."""
        by_stage = self.keys(job.hotwords)
        self.store.put_payloads(job.sha256, [(stage, by_stage[stage], payload) for stage, payload in done.made])

    # ------------------------------------------------------------ the verdict, here

    def score(self, path: Path, seen: Seen | None = None) -> FileResult:
        """Score one file; an error of the file is in the result, never raised.  ``seen``: what the file was when its stages were made;
        one that is no longer that is left alone.

        Errors: :class:`DatabaseError` where nothing can be kept any more.
        """
        begun = time.monotonic()
        sha256 = seen.sha256 if seen is not None else None
        try:
            check_name(path)
            record = self.record_of(path)
            book = self._book_of(record, path)
            engine = (self.diarizer_at.identity, self.diarizer) if self.diarizer_at else None
            heard_by = self.recogniser, self.identity, book.names, self.settings
            stages = Stages(path, self.store, *heard_by, sha256=sha256, diarizer=engine, house=book.roles)
            call = stages.call(record)
            if seen is not None and not seen.still(path):
                raise ChangedError.of(path)
            self.store.check_in_place()
            parts = self._parts(path, call, book.roles)
            ids = [scoring.call_id(one) for one in parts]
            self._note(call.audio.sha256, record)
            with self.store.db.writing():  # all of it or nothing: the recording counts once whenever this is cut off
                known = self.store.withdrawals.known(path, call.audio.sha256, self._keeps).same
                own = [row["call_id"] for row in known if row["call_id"] not in ids]
                out = [note for one in parts if (note := self._taken_out(one)) is not None]
                results = [self._judged(path, one, book, begun, stages.recognised, own) for one in parts]
                with_records, stay = any(one.record is not None for one in parts), [one.call_id for one in out]
                moved = self.store.withdrawals.settle(path, call.audio.sha256, ids, with_records, self._keeps, stay)
        except DatabaseError:
            raise
        except QaError as error:
            return failed(path, error, time.monotonic() - begun, sha256)
        except Exception as bug:
            return failed(path, unexpected(path, bug), time.monotonic() - begun, sha256)
        others = tuple(replace(one, seconds=0.0, withdrawn=()) for one in results[1:])
        told = tuple(note for one in results for note in one.withdrawn)
        return replace(results[0], seconds=results[-1].seconds, parts=others, withdrawn=(*told, *out, *moved))

    def _parts(self, path: Path, call: Call, house: RoleSettings) -> tuple[Call, ...]:
        """The call once for each agent who took it, with the text that persons corrected and the roles that they set."""
        found = (call,) if self.table is None else legs.parts(call, self.table.parts_of(path, call.audio.duration_ms), house)
        corrected = (text_marks.standing(self.store, one, scoring.call_id(one)) for one in found)
        return tuple(role_marks.standing(self.store, one, house) for one in corrected)

    def _judged(self, path: Path, call: Call, book: RuleBook, begun: float, recognised: bool, own: Sequence[str]) -> FileResult:
        """``own``: calls that the recording was scored as before, which are no earlier calls of its."""
        card = judge(call, book, self.store.earlier(own))
        before = self.store.withdrawals.whose(card.call_id)
        saved = self.store.record(call, card, released=functools.partial(self._released, path))
        month = (wall_clock(call.record.moment) or "")[:7] if call.record is not None else ""
        changed = before.moved_to(card.agent_id, month or None, call.audio, saved.proposed) if before is not None else None
        moved = changed if saved.new else None
        took, notes = time.monotonic() - begun, (moved,) if moved is not None else ()
        return FileResult(path, card.call_id, card, call, None, not recognised, took, saved.proposed, call.audio.sha256, withdrawn=notes)

    # ------------------------------------------------------------ what the present records tell of stored calls

    def _note(self, sha256: str, record: CallRecord | None) -> None:
        """Remember for the run which call a content is by the present records, wherever it lay before."""
        if self._told_by is not self.table:
            self._told, self._told_by = {}, self.table
        if record is not None:
            self._told.setdefault(sha256, set()).add(_whole(record.call_id))

    def _keeps(self, row: dict[str, Any]) -> bool:
        """Whether the present records give the file of a stored call that very call, under the name that it had then."""
        return self.table is not None and call_of(self.table, place(row["file"])) == _whole(row["call_id"])

    def _taken_out(self, call: Call) -> Reassigned | None:
        """What is told of a call that a person took out, where it is the same recording with the same record still; None where none did."""
        call_id = scoring.call_id(call)
        decided = self.store.withdrawals.taken_out(call_id, call.audio.sha256)
        if decided is None or call.record is None or judged_record(self.store.db, call_id) != call.record:
            return None
        whose = self.store.withdrawals.whose(call_id)
        cure = f"录音和通话记录都没有变，照旧不计；要恢复请用 qa records withdraw {_whole(call_id)} --restore --scorecards"
        return Reassigned(call_id, whose.agent_id if whose else None, whose.month if whose else None, f"{decided}；{cure}")

    def _released(self, path: Path, row: dict[str, Any]) -> bool:
        """Whether the id of a stored call is free for the recording at ``path``: the present records give the recording that it had
        another call, or they name this one as the call's while that one only had nearly that name.

        What lies at the old place now may be another recording, of which the records tell nothing of that one; then it is free only
        where that content itself was met in this run.
        """
        if self.table is None:
            return False
        old, call_id = place(row["file"]), _whole(row["call_id"])
        by_place = call_of(self.table, old)
        if by_place == call_id and not is_strong(self.table, old) and is_strong(self.table, path):
            return True
        told = set(self._told.get(row["sha256"], ()))
        if not told and by_place is not None and lies_at(old, row["sha256"]):
            told = {by_place}
        return bool(told) and call_id not in told


def _whole(call_id: str) -> str:
    """The id of the whole call, of which this is an agent's part."""
    return call_id.partition("#")[0]


def failed(path: Path, error: QaError, seconds: float = 0.0, sha256: str | None = None) -> FileResult:
    """The result of a file that could not be scored."""
    return FileResult(path, None, None, None, error, False, seconds, sha256=sha256)


def unexpected(path: Path, bug: Exception) -> UnexpectedError:
    """A bug as the error of the file that it was met at."""
    cause = f"程序内部错误 {type(bug).__name__}: {bug}"
    error = UnexpectedError(str(path), cause, "其余文件不受影响；请用 qa --debug 重跑该文件并反馈")
    error.__cause__ = bug
    return error


def score_files(
    paths: Sequence[Path],
    *,
    store: Store,
    book: RuleBook,
    table: Records | None = None,
    asr: str | None = None,
    progress: Callable[[FileResult], None] | None = None,
    by_day: bool = True,
    diarization: str = "auto",
) -> list[FileResult]:
    """Score ``paths``, by several processes where there are several; one bad file never stops the others.

    Results come in the order of ``paths``; ``progress`` is called after each file, as it is done.  ``by_day`` as of Scorer; ``diarization``
    as of :func:`qa.diarization.locate`.
    """
    from qa.batch.run import Run
    from qa.batch.start import local_engine

    scorer = Scorer(store, book, table, asr, by_day=by_day, diarization_choice=diarization)
    engine: Engine | None = local_engine(scorer.located, files=len(paths), diarizer=scorer.diarizer_at) if len(paths) >= SEVERAL else None
    results = []
    try:
        for result in Run(scorer, engine).results(paths):
            results.append(result)
            if progress is not None:
                progress(result)
    finally:
        if engine is not None:
            engine.close()
    place = {path: k for k, path in enumerate(paths)}
    return sorted(results, key=lambda result: place[result.path])
