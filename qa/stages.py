"""The stages of one recording up to its transcript: what each needs, and in which order they come.

They depend on the file, the models and the stage settings only.  Where results come from and where they go is the caller's:
the store (:mod:`qa.pipeline`) or a worker's job (:mod:`qa.batch.work`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from qa import acoustics, activity, asr, decode, speakers
from qa.diarization import Diarizer
from qa.errors import ChangedError
from qa.types import Acoustics, Audio, AudioInfo, SpeakerTurns, SpeechActivity, Transcript

# Raised when a stage's code changes its results, so that stored ones are made again.
STAGE_VERSIONS = {"info": "1", "activity": "3", "acoustics": "3", "speakers": "4", "transcript": "4"}
STAGES: dict[str, Any] = {
    "info": AudioInfo,
    "activity": SpeechActivity,
    "acoustics": Acoustics,
    "speakers": SpeakerTurns,
    "transcript": Transcript,
}
"""Stages in order, and what each makes."""


def keys(identity: str, settings: asr.AsrSettings, hotwords: Sequence[str], diarizer: str = "") -> dict[str, str]:
    """Under which key each stage's result is stored; ``identity`` of the recogniser (name and weights), ``diarizer`` that of the engine
    that tells the speakers of one channel apart, "" for none."""
    details = dict.fromkeys(STAGES, "")
    details["activity"] = repr(activity.ActivitySettings())
    details["speakers"] = diarizer
    details["transcript"] = asr.settings_key(identity, settings, hotwords)
    return {name: hashlib.sha256(f"{STAGE_VERSIONS[name]}|{detail}".encode()).hexdigest()[:16] for name, detail in details.items()}


class Making:
    """Each stage's result: from ``find``, or made and handed to ``keep``.

    ``sha256`` is the content that is meant: samples of another one are refused with a :class:`ChangedError`.  ``begin`` is called before a
    stage is made.  ``diarizer`` gives the loaded engine that tells the speakers of one channel apart; None: nobody does.
    """

    def __init__(
        self,
        path: Path,
        sha256: str,
        find: Callable[[str], object | None],
        keep: Callable[[str, Any], None],
        transcribe: Callable[[Audio, SpeechActivity, SpeakerTurns], Transcript],
        begin: Callable[[str], None] = lambda stage: None,
        diarizer: Callable[[], Diarizer] | None = None,
    ) -> None:
        self.path, self.sha256 = path, sha256
        self._find, self._keep, self._transcribe, self._begin = find, keep, transcribe, begin
        self._diarizer = diarizer
        self._audio: Audio | None = None
        self._values: dict[str, Any] = {}
        self._make: dict[str, Callable[[], Any]] = {
            "info": lambda: replace(self.audio().info, path=""),  # of the content, wherever it lies
            "activity": lambda: activity.detect(self.audio()),
            "acoustics": lambda: acoustics.measure(self.audio(), self.value("activity")),
            "speakers": self._speakers,
            # of a mono call whoever speaks when: other turns need no new recognition
            "transcript": lambda: self._transcribe(self.audio(), self.value("activity"), self._by_channel()),
        }

    def _by_channel(self) -> SpeakerTurns:
        return speakers.by_channel(self.value("info"), self.value("activity"), self.value("acoustics").same_channels)

    def _speakers(self) -> SpeakerTurns:
        heard, measured = self.value("activity"), self.value("acoustics")
        return speakers.diarized(self._by_channel(), self.audio, heard, measured, self._diarizer)

    @property
    def duration_ms(self) -> int | None:
        """Of the recording, once it is known."""
        info = self._values.get("info")
        return self._audio.info.duration_ms if self._audio is not None else info.duration_ms if info is not None else None

    def audio(self) -> Audio:
        """The samples, decoded once."""
        if self._audio is None:
            found = decode.decode(self.path)
            if found.info.sha256 != self.sha256:
                raise ChangedError.of(self.path)
            self._audio = found
        return self._audio

    def value(self, stage: str) -> Any:
        """A stage's result; the results that it needs come first."""
        if stage not in self._values:
            found = self._find(stage)
            if found is None:
                self._begin(stage)
                found = self._make[stage]()
                self._keep(stage, found)
            self._values[stage] = found
        return cast(Any, self._values[stage])
