"""Where recordings lie: files of this machine, or addresses of an object store (``s3://bucket/day``), read through fsspec.

A :class:`RemotePath` stands wherever the program takes a path to a recording.  Nothing is ever written to an address.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import stat
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PosixPath
from typing import Any, TypeVar, cast

from qa.errors import AudioError, BatchError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://.", re.IGNORECASE)
_CHANGED = ("mtime", "LastModified", "last_modified", "updated", "modified")
"""The time of change under the names that fsspec's file systems give it."""
_LOCAL = ("file", "local")
T = TypeVar("T")


def place(text: str) -> Path:
    """The path that a person wrote: an address where it begins with ``protocol://``, else a file or folder of this machine.

    Errors: :class:`AudioError` where nothing is installed that reads such an address.
    """
    if _ADDRESS.match(text) is None:
        return Path(text)
    try:
        _file_system(text.partition("://")[0].lower())
    except ImportError as error:
        raise AudioError(text, f"缺少读取这种地址的程序库（{error}）", "请安装 qa-callcentre[cluster]") from error
    except ValueError as error:
        raise AudioError(text, f"不认识这种地址（{error}）", "可用的如 s3://桶/文件夹、file:///文件夹，或本机路径") from error
    return RemotePath.of(text)


def present(texts: Sequence[str]) -> list[Path]:
    """The paths that a person wrote, all of them there.

    Errors: :class:`AudioError` where one is not, or where its store does not answer.
    """
    found, missing = [], []
    for text in texts:
        path = place(text)
        try:
            path.stat()
        except OSError as error:
            if isinstance(path, RemotePath) and not isinstance(error, FileNotFoundError):
                raise AudioError(text, f"读不到（{error.strerror}）", "请检查地址、权限、对象存储和网络") from error
            missing.append(text)
        found.append(path)
    if missing:
        raise AudioError("、".join(missing), "没有这个文件或文件夹", "请检查路径")
    return found


@functools.cache
def _file_system(protocol: str) -> Any:
    """Credentials and the store's own address come from where its library looks for them (``AWS_ENDPOINT_URL``, ``~/.config/fsspec``)."""
    import fsspec  # not needed for local files

    # what a listing said an hour ago is not what is there now: a folder may be watched for months
    return fsspec.filesystem(protocol, use_listings_cache=False)


def _asked(subject: str, question: Callable[[], T]) -> T:
    """An answer of the store; whatever its library raises comes as the OSError that a file would raise, with its number."""
    try:
        return question()
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), subject) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), subject) from error
    except Exception as error:
        number = getattr(error, "errno", None) or errno.EIO
        raise OSError(number, f"{type(error).__name__}: {error}", subject) from error


class RemotePath(PosixPath):
    """An address as a path: what the program asks of a recording's path (state, bytes, listing) is asked of the store.

    ``stat`` of what a listing gave answers from the listing until the bytes are read: a day's listing is one question, not one for each
    recording, and whoever reads sees whether what he read is what was listed.
    """

    _address: str | None = None
    _listed: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, address: str, listed: Mapping[str, Any] | None = None) -> RemotePath:
        """``listed``: what a listing said of it, as fsspec's ``info`` has it."""
        made = cls(address)
        made._address, made._listed = address, listed
        return made

    def __str__(self) -> str:
        if self._address is not None:
            return self._address
        protocol, *rest = self.parts
        return protocol + ("///" if protocol.rstrip(":").lower() in _LOCAL else "//") + "/".join(rest)

    def __fspath__(self) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return RemotePath.of, (str(self),)

    @property
    def _system(self) -> Any:
        return _file_system(self.parts[0].rstrip(":").lower())

    def absolute(self) -> RemotePath:
        return self

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Size (bytes), time of change and kind; inode and device are those of no file of this machine."""
        info = self._listed if self._listed is not None else _asked(str(self), lambda: self._system.info(str(self)))
        mode = stat.S_IFDIR if info.get("type") == "directory" else stat.S_IFREG
        changed = _changed_ns(info)
        fields = (mode, hash(str(self)), -1, 1, 0, 0, int(info.get("size") or 0), 0, changed // 10**9, 0)
        return os.stat_result(fields, {"st_mtime": changed / 1e9, "st_mtime_ns": changed})

    def exists(self) -> bool:
        return self._mode() != 0

    def is_dir(self) -> bool:
        return stat.S_ISDIR(self._mode())

    def is_file(self) -> bool:
        return stat.S_ISREG(self._mode())

    def _mode(self) -> int:
        """What kind it is; 0 where it is not there or the store does not answer."""
        try:
            return self.stat().st_mode
        except OSError:
            return 0

    def open(self, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
        """The bytes.  Errors: :class:`OSError`."""
        if mode != "rb":
            raise OSError(errno.EROFS, "addresses are only read", str(self))
        self._listed = None
        return _Reading(str(self), _asked(str(self), lambda: self._system.open(str(self), "rb")))

    def rglob(self, pattern: str) -> Generator[RemotePath, None, None]:
        """All files below; ``pattern`` is ``*``.  Errors: :class:`BatchError` where the store does not list them."""
        if pattern != "*":
            raise ValueError("addresses are listed whole")
        try:
            found = _asked(str(self), lambda: self._system.find(str(self), detail=True))
        except OSError as error:
            raise BatchError(str(self), f"列不出录音（{error.strerror}）", "请检查地址、权限、对象存储和网络") from error
        for name, info in found.items():
            yield RemotePath.of(self._system.unstrip_protocol(name), info)

    def fetch(self, target: str) -> None:
        """Copy the bytes to a file of this machine.  Errors: :class:`OSError`."""
        self._listed = None
        _asked(str(self), lambda: self._system.get_file(str(self), target))


class _Reading:
    """A stream of the store's; its errors are those of files."""

    def __init__(self, subject: str, stream: Any) -> None:
        self._subject, self._stream = subject, stream

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, *of: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._stream, name)
        return functools.partial(self._guarded, real) if callable(real) else real

    def _guarded(self, real: Callable[..., Any], *args: Any) -> Any:
        return _asked(self._subject, lambda: real(*args))


def _changed_ns(info: Mapping[str, Any]) -> int:
    """When it was changed, 0 where the store does not say."""
    at = next((info[name] for name in _CHANGED if info.get(name) is not None), None)
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    if isinstance(at, datetime):
        at = at.timestamp()
    return 0 if at is None else round(cast(float, at) * 1e9)


@contextmanager
def at_hand(recording: str) -> Iterator[Path]:
    """A recording as a file of this machine: itself, or a copy for as long as it is needed.

    Errors of the recording, raised within, name it as the caller did.

    Errors: :class:`AudioError` where the store does not give it; :class:`BatchError` where the temporary folder is full.
    """
    path = place(recording)
    if not isinstance(path, RemotePath):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="qa-", suffix=path.suffix) as copy:
        try:
            path.fetch(copy.name)
        except FileNotFoundError as error:
            raise AudioError(recording, "文件不存在", "请检查地址") from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise BatchError(tempfile.gettempdir(), "临时文件夹满了", "请清理，或用 TMPDIR 指定别的文件夹") from error
            raise AudioError(recording, f"读取失败（{error.strerror or error}）", "请检查对象存储和网络后重试") from error
        try:
            yield Path(copy.name)
        except AudioError as error:
            if error.subject != copy.name:
                raise
            raise type(error)(recording, error.cause, error.cure) from error
