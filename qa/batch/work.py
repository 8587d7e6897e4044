"""A worker's one function: a recording in, its stage results out; it knows no database, and the same input gives the same output."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

from qa import asr, diarization, serial
from qa.batch.job import Done, Job, Tell
from qa.batch.machine import own_threads
from qa.diarization import Diarizer, LocatedDiarizer
from qa.errors import ModelError
from qa.models import LocatedModel
from qa.places import at_hand
from qa.stages import STAGES, Making
from qa.types import Audio, SpeakerTurns, SpeechActivity, Transcript


@functools.lru_cache(maxsize=1)
def recogniser(model: LocatedModel, threads: int) -> asr.Recogniser:
    """The process's recogniser: loaded once.  Errors: :class:`ModelError`, which is no recording's fault."""
    try:
        return asr.Recogniser(model, threads)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(f"模型 {model.name}", f"加载失败（{error}）", "请用 qa models verify 检查，或检查显存和内存") from error


@functools.lru_cache(maxsize=1)
def diarizer(located: LocatedDiarizer) -> Diarizer:
    """The process's engine for the speakers of one channel: loaded once.  Errors: :class:`ModelError`."""
    return diarization.load(located)


class _Clock:
    """Seconds of each stage: from where it begins to where the next one does."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._at: tuple[str, float] | None = None

    def now_at(self, stage: str | None) -> None:
        if self._at is not None:
            name, since = self._at
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - since
        self._at = None if stage is None else (stage, time.perf_counter())


def work(job: Job, tell: Tell = lambda stage, duration_ms: None) -> Done:
    """Make the stages that a job wants; a recording at an address is copied to this machine for as long as that takes.

    Errors: those of :func:`qa.places.at_hand` and :func:`qa.decode.decode`, :class:`ChangedError` where the file's content is not the one
    that is meant, and :class:`ModelError`; anything else is a bug.
    """
    with at_hand(job.path) as path:
        return _work(job, path, tell)


def _work(job: Job, path: Path, tell: Tell) -> Done:
    known, made, clock = dict(job.known), [], _Clock()

    def find(stage: str) -> Any:
        return serial.decode(known[stage], STAGES[stage]) if stage in known else None

    def keep(stage: str, value: object) -> None:
        made.append((stage, serial.encode(value)))

    def begin(stage: str) -> None:
        clock.now_at(stage)
        tell(stage, making.duration_ms)

    def transcribe(audio: Audio, heard: SpeechActivity, turns: SpeakerTurns) -> Transcript:
        begin("model")
        model = recogniser(job.model, own_threads())
        begin("transcript")
        return asr.transcribe(model, audio, heard, turns, job.hotwords, job.settings)

    def engine() -> Diarizer:
        assert job.diarizer is not None
        begin("model")
        loaded = diarizer(job.diarizer)
        begin("speakers")
        return loaded

    making = Making(path, job.sha256, find, keep, transcribe, begin, engine if job.diarizer is not None else None)
    for stage in job.wanted:
        making.value(stage)
    clock.now_at(None)
    return Done(tuple(made), tuple((stage, s) for stage, s in clock.seconds.items() if stage != "model"))
