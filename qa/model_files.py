"""SHA-256 of model files: recorded in ``SHA256SUMS`` beside them (the format of GNU sha256sum), compared, remembered."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from qa.errors import ModelError

FILE_PATTERNS = (
    *("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
    *(
        "config.yaml",
        "segmentation/pytorch_model.bin",
        "embedding/pytorch_model.bin",
        "plda/*.npz",
        "segmentation.onnx",
        "embedding.onnx",
    ),
)
"""Files of models: of faster-whisper (``faster_whisper.utils.download_model``), of a pipeline of pyannote.audio, its networks in ONNX."""

SUMS_FILE = "SHA256SUMS"
_SHA256, _GIT_SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
_SUMS_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


@dataclass(frozen=True)
class FileCheck:
    """One file (its path in the folder) against its recorded hash.

    ``state``: ``ok``, ``differs``, ``missing``, ``unrecorded`` (no hash to compare).
    """

    file: str
    state: str
    expected: str | None
    actual: str | None


def check_files(folder: Path, cached: bool) -> tuple[FileCheck, ...]:
    """Recorded files, then files without a record; empty if there is no record at all.  ``cached`` trusts size and time."""
    sums = folder / SUMS_FILE
    if not sums.is_file():
        return ()
    recorded = _read_sums(sums)
    checks = []
    for file, expected in sorted(recorded.items()):
        path = folder / file
        actual = (sha256_cached(path) if cached else _sha256(path)) if path.is_file() else None
        state = "missing" if actual is None else "ok" if actual == expected else "differs"
        checks.append(FileCheck(file, state, expected, actual))
    for path in model_files(folder):
        if path.relative_to(folder).as_posix() not in recorded:
            checks.append(FileCheck(path.relative_to(folder).as_posix(), "unrecorded", None, None))
    return tuple(checks)


def _read_sums(path: Path) -> dict[str, str]:
    recorded = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(str(path), f"读取失败({error})", "请重新下载或拷贝模型文件夹") from error
    for number, line in enumerate(lines, 1):
        match = _SUMS_LINE.fullmatch(line)
        if match is None or not _inside(match[2]):
            raise ModelError(f"{path}:{number}", "不是 sha256sum 的格式", "请重新下载或拷贝模型文件夹")
        recorded[match[2]] = match[1]
    return recorded


def _inside(name: str) -> bool:
    """Whether ``name`` is a path in the folder, written in the one way."""
    return all(part not in ("", ".", "..") for part in name.split("/"))


def write_hashes(folder: Path) -> Path:
    """Write ``SHA256SUMS`` over the model files in ``folder`` (``sha256sum -c SHA256SUMS`` reads it); returns its path."""
    files = _some_files(folder)
    return _write_atomically(folder / SUMS_FILE, "".join(f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files))


def recording(folder: Path) -> str:
    """The shell command, to be run in ``folder``, that records what :func:`write_hashes` does; for who has looked at the files himself."""
    names = (path.relative_to(folder).as_posix() for path in _some_files(folder))
    return f"sha256sum {shlex.join(names)} > {SUMS_FILE}"


def _some_files(folder: Path) -> list[Path]:
    if files := model_files(folder):
        return files
    raise ModelError(str(folder), "里面没有模型文件", "请给出 CTranslate2 格式的识别模型文件夹，或 pyannote 流程的文件夹")


def model_files(folder: Path) -> list[Path]:
    """The model files in ``folder``, sorted by path."""
    return sorted(path for pattern in FILE_PATTERNS for path in folder.glob(pattern) if path.is_file())


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(str(path), f"读取失败({error.strerror or error})", "请检查权限和磁盘") from error


def _git_sha1(path: Path) -> str:
    """The name of the file as a Git blob: SHA-1 over ``blob LENGTH NUL`` and the content."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _hash_cache_file() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "qa-callcentre" / "model-hashes.json"


@cache
def _sha256_at(path: str, size: int, mtime_ns: int) -> str:
    """Hash of a file that has not changed in size and time since; kept on the disk, as large weights take seconds."""
    key = f"{path}:{size}:{mtime_ns}"
    store = _hash_cache_file()
    known = _read_hash_cache(store)
    if _SHA256.fullmatch(known.get(key, "")):
        return known[key]
    digest = _sha256(Path(path))
    others = {k: v for k, v in known.items() if not k.startswith(path + ":")}
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        _write_atomically(store, json.dumps({**others, key: digest}, indent=1))
    except (OSError, ModelError):
        pass  # a cache that cannot be written only costs time
    return digest


def sha256_cached(path: Path) -> str:
    """SHA-256 of a file; read again only when its size or time has changed."""
    real = path.resolve()
    stat = real.stat()
    return _sha256_at(str(real), stat.st_size, stat.st_mtime_ns)


def _read_hash_cache(path: Path) -> Mapping[str, str]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in raw.items() if isinstance(v, str)} if isinstance(raw, dict) else {}


def _write_atomically(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ModelError(str(path), f"写不进去({error.strerror or error})", "请检查权限和磁盘空间") from error
    return path


def broken_downloads(folder: Path) -> list[Path]:
    """Files that do not match the hash under which the hub's cache files them.

    The cache names a blob by the hub's ETag: the SHA-256 of a large file, the Git blob SHA-1 of a small one.
    """
    broken = []
    for path in model_files(folder):
        etag = path.resolve().name
        if _SHA256.fullmatch(etag):
            good = _sha256(path) == etag
        elif _GIT_SHA1.fullmatch(etag):
            good = _git_sha1(path) == etag
        else:
            good = path.stat().st_size > 0  # a mirror without hashes: the length is all that the client can check
        if not good:
            broken.append(path)
    return broken
