"""Where decoded samples grow: in memory, or, where there are many, in a temporary file that has no name and ends with its reader."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from qa.errors import BatchError
from qa.types import Int16Array

MEMORY_BYTES = 32 << 20
"""So much stays in memory: 17 minutes of a telephone call in stereo."""
_BUFFER_BYTES = 1 << 20


class Spool:
    """Bytes of 16-bit samples, appended and at last read as an array.

    Errors of all methods: :class:`BatchError` where the temporary folder takes no more; that is no recording's fault.
    """

    def __init__(self, path: Path) -> None:
        """``path`` of the recording, for messages."""
        self._path = path
        self._held = bytearray()
        self._file: IO[bytes] | None = None

    def add(self, data: bytes | memoryview) -> None:
        if self._file is None and len(self._held) + len(data) <= MEMORY_BYTES:
            self._held += data
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="qa-", buffering=_BUFFER_BYTES)  # noqa: SIM115  (closed by close)
                self._file.write(self._held)
                self._held = bytearray()
            self._file.write(data)
        except OSError as error:
            raise self._full(error) from error

    def cut(self, size: int) -> None:
        """Leave the first ``size`` bytes."""
        if self._file is None:
            del self._held[size:]
            return
        try:
            self._file.truncate(size)  # flushes first
        except OSError as error:
            raise self._full(error) from error

    def array(self) -> tuple[Int16Array, mmap.mmap | None]:
        """All samples in a row, and the mapping that they lie in where they are in a file."""
        if self._file is None:
            return np.frombuffer(self._held, dtype=np.int16), None
        try:
            self._file.flush()
            mapping = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise self._full(error) from error
        return np.frombuffer(mapping, dtype=np.int16), mapping

    def close(self) -> None:
        """Let go of the file; a mapping of it stays."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                raise self._full(error) from error

    def _full(self, error: OSError) -> BatchError:
        cause = f"解码后的声音写不进临时文件夹 {tempfile.gettempdir()}({error.strerror or error})"
        return BatchError(str(self._path), cause, "请腾出空间,或用环境变量 TMPDIR 指定有空间的文件夹后重试")
