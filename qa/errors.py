"""The one tree of errors.  Each message names the thing, the cause and the cure."""

from __future__ import annotations

from typing import Any


class QaError(Exception):
    """Root of all errors that the program raises on purpose.

    ``subject`` is the file, call or key; ``cause`` says what is wrong; ``cure`` says what to do.
    """

    def __init__(self, subject: str, cause: str, cure: str) -> None:
        self.subject, self.cause, self.cure = subject, cause, cure
        super().__init__(f"{subject}: {cause}。{cure}" if cure else f"{subject}: {cause}")

    def __reduce__(self) -> tuple[Any, ...]:
        """An error of a worker process comes back as what it was."""
        return type(self), (self.subject, self.cause, self.cure)


class AudioError(QaError):
    """A recording cannot be decoded."""


class EmptyAudioError(AudioError):
    """The file holds no audio samples."""


class NotAudioError(AudioError):
    """The file is not audio at all (text, image, encrypted bytes)."""


class NoAudioTrackError(AudioError):
    """A container without an audio track, or a video."""


class UnsupportedRateError(AudioError):
    """The sample rate is outside 4,000-192,000 Hz."""


class NotYetError(AudioError):
    """A recording that is not ready to be scored: it is left for later."""


class ChangedError(NotYetError):
    """A recording that is still being written, or was exchanged, while it was read: never scored half."""

    @classmethod
    def of(cls, path: object) -> ChangedError:
        """Of a file that is not what it was when it was looked at first."""
        return cls(str(path), "文件在读取过程中有变化，可能还在录音或拷贝", "写完之后再运行一次，程序会接着做")


class PoisonError(QaError):
    """A recording that takes too long or too much memory, or breaks the worker that reads it."""


class RecordError(QaError):
    """A call record table cannot be read."""


class RuleBookError(QaError):
    """A rule book is wrong; ``subject`` is ``file:line``."""


class RuleBookErrors(RuleBookError):  # noqa: N818  (a plural of RuleBookError)
    """Several things are wrong in one rule book; ``problems`` holds an error for each, in order of line."""

    def __init__(self, subject: str, problems: tuple[RuleBookError, ...]) -> None:
        self.problems = problems
        super().__init__(subject, f"共 {len(problems)} 处错误", "".join(f"\n{problem}" for problem in problems))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.subject, self.problems)


class LexiconError(QaError):
    """A word list is missing or wrong; ``subject`` is ``file:line``."""


class ModelError(QaError):
    """A speech model is missing, broken or not the one that was recorded."""


class StoreError(QaError):
    """The database cannot be opened, migrated, read or written."""


class TakenError(StoreError):
    """A call id belongs to another recording."""


class DatabaseError(StoreError):
    """The database itself fails, whatever is asked of it: full, locked, read only, damaged or gone."""


class ConflictError(StoreError):
    """Somebody else has decided on the same thing meanwhile: nothing was written, and nothing of theirs is lost."""


class TruthError(QaError):
    """A truth file for ``qa evaluate`` is wrong."""


class NotFoundError(QaError):
    """A call or an agent is not in the database."""


class TrafficError(QaError):
    """The traffic tables or the forecast cannot be made."""


class UnexpectedError(QaError):
    """A bug met while one file was worked on: the file is reported, the others go on; ``__cause__`` holds the bug."""


class BatchError(QaError):
    """The batch cannot go on, whatever the recording: a share that vanished, workers that do not start, a signal."""


class BusyError(BatchError):
    """Another batch runs on this database."""
