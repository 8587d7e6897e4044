"""What a run did, counted as it goes: the summary, the report as JSON, and the exit status."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from qa.batch.kept import path_text
from qa.errors import AudioError, NotYetError, PoisonError, QaError, UnexpectedError
from qa.pipeline import FileResult

EXIT_DONE, EXIT_SOME_FAILED, EXIT_STOPPED, EXIT_BUSY = 0, 1, 3, 4
Fate = Literal["scored", "quarantined", "skipped", "left", "failed"]
OF_THE_FILE = (AudioError, PoisonError, UnexpectedError)
"""Errors that come again whenever this content is read: the recording goes into quarantine."""
STAMP = 2


@dataclass
class Tally:
    """Counts of a run.

    ``scored`` files (``reused`` of these needed no recognition) have ``scorecards``, one for each agent who took the call; ``proposed`` of
    these lie in a closed month.  ``quarantined`` in this run and ``skipped`` since an earlier one; ``left``: still being written;
    ``failed`` for another reason.  ``withdrawn``: calls that count no more, or again, by corrected records.  ``audio_ms`` of the scored
    files, ``heard_ms`` of those that were recognised now.  ``bytes_done`` of all files that are through.
    """

    files: int
    bytes_all: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    bytes_done: int = 0
    audio_ms: int = 0
    heard_ms: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    problems: list[dict[str, Any]] = field(default_factory=list)
    without_record: list[Path] = field(default_factory=list)
    withdrawn: list[dict[str, str]] = field(default_factory=list)
    rule_books: Counter[str] = field(default_factory=Counter)
    demo: bool = False

    def add(self, result: FileResult, fate: Fate, size: int) -> None:
        """Count a file that is through."""
        self.counts[fate] += 1
        self.bytes_done += size
        for stage, seconds in result.stages:
            self.stages[stage] += seconds  # type: ignore[assignment]
        if result.error is not None:
            error = {"cause": path_text(result.error.cause), "cure": result.error.cure, "kind": type(result.error).__name__}
            self.problems.append({"file": path_text(result.path), "sha256": result.sha256, "fate": fate, **error})
        self.counts["withdrawn"] += len(result.withdrawn)
        self.withdrawn += [{"call_id": one.call_id, "what": str(one.withdrawal)} for one in result.withdrawn]
        if result.scorecard is not None and result.call is not None:
            self._scored(result, result.call.audio.duration_ms, result.call.record is None)

    def _scored(self, result: FileResult, duration_ms: int, no_record: bool) -> None:
        self.counts["reused"] += result.reused
        self.audio_ms += duration_ms
        self.heard_ms += 0 if result.reused else duration_ms
        for part in result.all:
            assert part.scorecard is not None
            made = part.scorecard.provenance
            self.counts["scorecards"] += 1
            self.counts["proposed"] += part.proposed
            self.rule_books[f"{made.rule_book} {made.rule_book_version}"] += 1
            self.demo = self.demo or made.demo
        if no_record:
            self.without_record.append(result.path)

    @property
    def through(self) -> int:
        return sum(self.counts[fate] for fate in ("scored", "quarantined", "skipped", "left", "failed"))

    @property
    def unscored(self) -> int:
        return self.through - self.counts["scored"]

    def figures(self, seconds: float) -> dict[str, Any]:
        """Counts and rates after ``seconds``."""
        hours = self.heard_ms / 3_600_000
        names = ("scored", "scorecards", "reused", "proposed", "quarantined", "skipped", "left", "failed")
        figures: dict[str, Any] = {"files": self.files, "through": self.through} | {name: self.counts[name] for name in names}
        figures |= {"bytes": self.bytes_all, "bytes_through": self.bytes_done, "seconds": round(seconds, 3)}
        figures |= {"audio_hours": round(self.audio_ms / 3_600_000, 4), "audio_hours_recognised": round(hours, 4)}
        figures["audio_hours_per_hour"] = round(3600 * hours / seconds, 1) if seconds > 0 else 0.0
        return figures


def fate(result: FileResult, refused: bool, readable: bool) -> Fate:
    """What is to become of a file: ``refused`` it is in quarantine already; ``readable``: its content can still be read, so that an
    error is the content's and not the storage's."""
    error: QaError | None = result.error
    if error is None:
        return "scored"
    if refused:
        return "skipped"
    if isinstance(error, NotYetError):
        return "left"
    return "quarantined" if isinstance(error, OF_THE_FILE) and result.sha256 is not None and readable else "failed"


@dataclass(frozen=True)
class Report:
    """A run that is over: ``stopped`` says why it did not come to its end, None if it did; ``without_record`` which scored files no
    call record could be joined with, and why."""

    tally: Tally
    seconds: float
    stopped: QaError | None
    settings: dict[str, Any]
    without_record: tuple[dict[str, str], ...] = ()

    @property
    def exit_code(self) -> int:
        """As the command documents it, for cron."""
        if self.stopped is not None:
            return EXIT_STOPPED
        return EXIT_SOME_FAILED if self.tally.unscored else EXIT_DONE

    def as_json(self) -> dict[str, Any]:
        """The run report."""
        said = None
        if self.stopped is not None:
            said = {"subject": path_text(self.stopped.subject), "cause": path_text(self.stopped.cause), "cure": self.stopped.cure}
        return {
            "format": STAMP,
            "state": "done" if self.stopped is None else "stopped",
            "exit_code": self.exit_code,
            "stopped": said,
            **self.settings,
            **self.tally.figures(self.seconds),
            "rule_books": dict(self.tally.rule_books),
            "stage_seconds": {stage: round(s, 3) for stage, s in self.tally.stages.items()},
            "demo": self.tally.demo,
            "problems": self.tally.problems,
            "without_record": list(self.without_record),
            "withdrawn": self.tally.withdrawn,
        }
