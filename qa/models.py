"""Speech models: which there are, where they lie, how they are fetched and checked.

``models.toml`` names the production model and the bundled demonstration model.  Models from a hub stay in the cache of
huggingface_hub; beside the files of every model lies ``SHA256SUMS`` (the format of GNU sha256sum).  Only ``pull`` uses
the network.  The demonstration model is never taken in place of another one.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from qa.errors import ModelError
from qa.model_files import (
    FILE_PATTERNS,
    SUMS_FILE,
    FileCheck,
    broken_downloads,
    check_files,
    model_files,
    sha256_cached,
    write_hashes,
)
from qa.paths import models_dir


@dataclass(frozen=True)
class LocatedModel:
    """A model that is ready to load.  ``fingerprint``: first 12 hexadecimal digits of the SHA-256 of ``model.bin``."""

    path: Path
    name: str
    demo: bool
    fingerprint: str


@dataclass(frozen=True)
class ModelStatus:
    """An entry of ``models.toml``.  ``path`` is None where the model is not here; ``size_bytes`` is what lies on the disk."""

    name: str
    about: str
    repository: str | None
    production: bool
    demo: bool
    path: Path | None
    size_bytes: int


@dataclass(frozen=True)
class VerifyReport:
    """``ok`` if every file of the model has a recorded hash and keeps it."""

    name: str
    path: Path
    files: tuple[FileCheck, ...]

    @property
    def ok(self) -> bool:
        return bool(self.files) and all(f.state == "ok" for f in self.files)


@dataclass(frozen=True)
class _Entry:
    name: str
    about: str
    repository: str | None
    folder: str | None
    revision: str | None


@dataclass(frozen=True)
class _Table:
    production: str
    demo: str
    entries: dict[str, _Entry]


__all__ = [
    "FileCheck",
    "LocatedModel",
    "ModelStatus",
    "VerifyReport",
    "list_models",
    "locate",
    "pull",
    "verify",
    "write_hashes",
]


# ---------------------------------------------------------------- the table


def _table() -> _Table:
    path = models_dir() / "models.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        entries = {
            name: _Entry(name, str(e.get("about", "")), e.get("repository"), e.get("folder"), e.get("revision"))
            for name, e in raw["models"].items()
        }
        table = _Table(raw["production"], raw["demo"], entries)
        if table.production not in entries or table.demo not in entries:
            raise KeyError(f"production/demo 不在 {', '.join(entries)} 之中")
        if entries[table.demo].folder is None:
            raise KeyError("演示模型要有 folder")
        if any((e.repository is None) == (e.folder is None) for e in entries.values()):
            raise KeyError("每个模型要有 repository 或 folder 之一")
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(str(path), f"模型清单读不了({error})", "请重新安装程序") from error
    return table


# ---------------------------------------------------------------- locate


def locate(choice: str | None) -> LocatedModel:
    """The model that ``choice`` names: ``demo``, a name of ``models.toml``, or a local folder; None is the production model.

    Opens no socket.  Raises ModelError if the model is not here, is incomplete, or does not keep its recorded hashes.
    """
    table = _table()
    name = table.production if choice is None else choice
    entry = table.entries.get(name)
    if entry is None:
        folder = _own_folder(name, table)
        name = folder.resolve().name
    else:
        folder = _folder_of(entry) or _missing(entry, table)
    _require_complete(folder, name)
    for check in check_files(folder, cached=True):
        if check.state in ("differs", "missing"):
            why = "内容与记录的 SHA-256 不符" if check.state == "differs" else "文件不见了"
            raise ModelError(f"模型 {name}", f"{folder / check.file} {why}", _repair(entry))
    digest = sha256_cached(folder / "model.bin")
    return LocatedModel(folder, name, _is_demo(folder, digest, table), digest[:12])


def _own_folder(choice: str, table: _Table) -> Path:
    folder = Path(choice).expanduser()
    if folder.is_dir():
        return folder
    what = "不是文件夹" if folder.exists() else "既不是已知的模型名,也不是存在的文件夹"
    raise ModelError(f"模型 {choice}", what, f"可用的模型名:{'、'.join(table.entries)};或给出 CTranslate2 格式的模型文件夹")


def _missing(entry: _Entry, table: _Table) -> Path:
    if entry.repository is None:
        raise ModelError(f"模型 {entry.name}", f"{models_dir() / str(entry.folder)} 不存在", "请重新安装程序")
    cure = (
        f"联网的机器上运行 qa models pull {entry.name} 下载;或把模型文件夹拷到本机,用 --asr 文件夹 指定。"
        f"只想用合成语音试用,可以明确指定演示模型 --asr {table.demo}(它听不懂真人通话,结果会带 demo 标记)"
    )
    raise ModelError(f"模型 {entry.name}", "还没有下载到本机", cure)


def _repair(entry: _Entry | None) -> str:
    if entry is None:
        return f"请重新拷贝模型文件夹;若是有意更换,请删除其中的 {SUMS_FILE}"
    return "请重新安装程序" if entry.repository is None else f"请重新运行 qa models pull {entry.name}"


def _folder_of(entry: _Entry) -> Path | None:
    """Where the model lies, None if it is not here; never looks anywhere but on the disk."""
    if entry.folder is not None:
        bundled = models_dir() / entry.folder
        return bundled if bundled.is_dir() else None
    import huggingface_hub  # slow to import, and not needed for the bundled model

    try:
        found = huggingface_hub.snapshot_download(
            str(entry.repository),
            revision=entry.revision,
            allow_patterns=list(FILE_PATTERNS),
            local_files_only=True,
            cache_dir=_cache_dir(),
        )
    except FileNotFoundError:  # LocalEntryNotFoundError: nothing, or a part only
        return None
    return Path(found)


def _cache_dir() -> str | None:
    """The hub's cache as the environment says now (huggingface_hub reads it at import only); None: the hub's default."""
    for key, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if os.environ.get(key):
            return str(Path(os.environ[key], below).expanduser())
    return None


def _require_complete(folder: Path, name: str) -> None:
    """faster-whisper would look for a missing tokenizer on the hub, so all files must be here."""
    needed = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*")
    absent = [pattern for pattern in needed if not any(folder.glob(pattern))]
    if absent:
        cause = f"{folder} 里缺少 {'、'.join(absent)}"
        raise ModelError(f"模型 {name}", cause, "需要 CTranslate2 格式的完整 Whisper 模型文件夹,请重新下载或拷贝")


def _is_demo(folder: Path, digest: str, table: _Table) -> bool:
    """Whether this is the demonstration model, under whatever name or copy it comes."""
    demo = models_dir() / str(table.entries[table.demo].folder)
    if demo.is_dir() and folder.resolve() == demo.resolve():
        return True
    weights = demo / "model.bin"
    return weights.is_file() and sha256_cached(weights) == digest


# ---------------------------------------------------------------- list, pull, verify


def list_models() -> tuple[ModelStatus, ...]:
    """All models of ``models.toml`` in its order, with what of them is here.  Opens no socket."""
    table = _table()
    statuses = []
    for entry in table.entries.values():
        folder = _folder_of(entry)
        size = sum(path.stat().st_size for path in model_files(folder)) if folder else 0
        here = folder if folder and (folder / "model.bin").is_file() else None
        kind = (entry.name == table.production, entry.name == table.demo)
        statuses.append(ModelStatus(entry.name, entry.about, entry.repository, *kind, here, size))
    return tuple(statuses)


def pull(name: str, endpoint: str | None = None) -> ModelStatus:
    """Fetch a model of ``models.toml`` from its hub, check it against the hub's hashes, and record SHA-256 of every file.

    ``endpoint`` is the address of a hub or a mirror (default: the variable HF_ENDPOINT, else huggingface.co).  A file that
    came broken is fetched once more.  Raises ModelError.
    """
    entry = _entry(name)
    if entry.repository is None:
        raise ModelError(f"模型 {name}", "随程序附带,不需要下载", "")
    folder = _fetch(entry, endpoint, again=False)
    if broken_downloads(folder):
        folder = _fetch(entry, endpoint, again=True)
        broken = broken_downloads(folder)
        if broken:
            for path in broken:
                path.resolve().unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            names = "、".join(path.name for path in broken)
            raise ModelError(f"模型 {name}", f"下载的 {names} 与服务器公布的校验值不符", "请重新下载,或换一个镜像(--endpoint)")
    _require_complete(folder, name)
    write_hashes(folder)
    return next(status for status in list_models() if status.name == name)


def _entry(name: str) -> _Entry:
    entries = _table().entries
    if name not in entries:
        raise ModelError(f"模型 {name}", "模型清单里没有这个名字", f"可用的模型名:{'、'.join(entries)}")
    return entries[name]


def _fetch(entry: _Entry, endpoint: str | None, again: bool) -> Path:
    """Download through huggingface_hub; no stored token is sent, the models are public."""
    import huggingface_hub

    where = endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    repository = str(entry.repository)
    try:
        commit = huggingface_hub.HfApi(endpoint=where, token=False).model_info(repository, revision=entry.revision).sha
        found = huggingface_hub.snapshot_download(
            repository,
            revision=entry.revision,
            allow_patterns=list(FILE_PATTERNS),
            endpoint=where,
            token=False,
            force_download=again,
            cache_dir=_cache_dir(),
        )
    except Exception as error:  # the transport below the hub's client differs from release to release
        detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        cure = "请检查网络;不能直连时用 --endpoint 指定镜像,或在别的机器上下载后拷贝文件夹,用 --asr 文件夹 指定"
        raise ModelError(f"模型 {entry.name}", f"从 {where} 下载失败({detail})", cure) from error
    if Path(found).name != commit:  # the client falls back to an older copy where the download breaks off
        raise ModelError(f"模型 {entry.name}", f"从 {where} 下载中断,本机只有旧版本", "请重新运行 qa models pull " + entry.name)
    return Path(found)


def verify(name: str) -> VerifyReport:
    """Every file of a model (a name of ``models.toml`` or a folder) against the hashes recorded in its ``SHA256SUMS``.

    Reads every byte.  Raises ModelError if the model is not here or has no record of hashes.
    """
    table = _table()
    entry = table.entries.get(name)
    folder = _own_folder(name, table) if entry is None else _folder_of(entry) or _missing(entry, table)
    if not (folder / SUMS_FILE).is_file():
        cure = _repair(entry) if entry else f"在这个文件夹里运行 sha256sum * > {SUMS_FILE} 可以从现在起留下记录"
        raise ModelError(f"模型 {name}", f"{folder} 里没有 {SUMS_FILE},无从核对", cure)
    return VerifyReport(name, folder, check_files(folder, cached=False))
