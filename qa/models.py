"""Models: which there are, where they lie, how they are fetched and checked.

``models.toml`` names, of the recognition (``asr``) and of telling speakers apart (``diarization``), the production model and the bundled
demonstration model.  Models from a hub stay in the cache of
huggingface_hub; beside the files of every model lies ``SHA256SUMS`` (the format of GNU sha256sum).  Only ``pull`` uses
the network.  The demonstration model is never taken in place of another one.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qa.errors import ModelError
from qa.model_files import (
    FILE_PATTERNS,
    SUMS_FILE,
    FileCheck,
    broken_downloads,
    check_files,
    model_files,
    recording,
    sha256_cached,
    write_hashes,
)
from qa.paths import models_dir

ASR, DIARIZATION = "asr", "diarization"
_MARK = {ASR: "model.bin", DIARIZATION: "config.yaml"}  # a file without which a folder holds no such model
_OWN = {ASR: "--asr 文件夹", DIARIZATION: "--diarization pyannote:文件夹"}  # how a folder is chosen
_WEIGHTS = ("model.bin",)
PIPELINE_FILES = (
    *("config.yaml", "segmentation/pytorch_model.bin", "embedding/pytorch_model.bin"),
    *("plda/plda.npz", "plda/xvec_transform.npz"),
)
"""What pyannote.audio loads of a pipeline."""
_GATED = (
    "这个模型要登录才能下载：在 https://huggingface.co/{} 登录并同意使用条件，在 https://huggingface.co/settings/tokens 建一个只读 token，"
    "设环境变量 HF_TOKEN 后再运行 qa models pull"
)


@dataclass(frozen=True)
class LocatedModel:
    """A model that is ready to load.  ``fingerprint``: first 12 hexadecimal digits of the SHA-256 of what is loaded of it."""

    path: Path
    name: str
    demo: bool
    fingerprint: str


@dataclass(frozen=True)
class ModelStatus:
    """An entry of ``models.toml``.  ``path`` is None where the model is not here; ``size_bytes`` is what lies on the disk.

    ``kind``: ``asr`` or ``diarization``.  ``production``: recognises where no other model is asked for; ``demo``: recognises synthetic
    speech only.  ``gated``: the hub asks who fetches it.
    """

    name: str
    about: str
    repository: str | None
    production: bool
    demo: bool
    path: Path | None
    size_bytes: int
    kind: str = ASR
    gated: bool = False


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
    kind: str = ASR
    gated: bool = False


@dataclass(frozen=True)
class _Table:
    """``production`` and ``demo`` by kind."""

    production: dict[str, str]
    demo: dict[str, str]
    entries: dict[str, _Entry]

    def names(self, kind: str) -> str:
        return "、".join(entry.name for entry in self.entries.values() if entry.kind == kind)


__all__ = [
    "FileCheck",
    "LocatedModel",
    "ModelStatus",
    "VerifyReport",
    "bundled_diarization",
    "is_here",
    "list_models",
    "locate",
    "locate_diarization",
    "production_diarization",
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
            name: _Entry(
                *(name, str(e.get("about", "")), e.get("repository"), e.get("folder"), e.get("revision")),
                kind=str(e.get("kind", ASR)),
                gated=bool(e.get("gated", False)),
            )
            for name, e in raw["models"].items()
        }
        chosen = {ASR: raw, DIARIZATION: raw[DIARIZATION]}
        table = _Table({k: v["production"] for k, v in chosen.items()}, {k: v["demo"] for k, v in chosen.items()}, entries)
        for kind in chosen:
            if any(name not in entries or entries[name].kind != kind for name in (table.production[kind], table.demo[kind])):
                raise KeyError(f"production/demo 不在 {table.names(kind)} 之中")
            if entries[table.demo[kind]].folder is None:
                raise KeyError("演示模型要有 folder")
        if any((e.repository is None) == (e.folder is None) for e in entries.values()):
            raise KeyError("每个模型要有 repository 或 folder 之一")
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(str(path), f"模型清单读不了({error})", "请重新安装程序") from error
    return table


# ---------------------------------------------------------------- locate


def locate(choice: str | None) -> LocatedModel:
    """The recognition model that ``choice`` names: ``demo``, a name of ``models.toml``, or a local folder; None is the production model.

    Opens no socket.  Raises ModelError if the model is not here, is incomplete, or does not keep its recorded hashes.
    """
    return _located(choice, ASR, _WEIGHTS)


def locate_diarization(choice: str | None, files: Sequence[str], more: Sequence[str] = ()) -> LocatedModel:
    """The diarisation model that ``choice`` names: a name of ``models.toml`` or a local folder; None is the production model.

    ``files``: those that the engine loads, ``more`` those that it loads if they are there; the fingerprint is of all that are.  Otherwise
    as :func:`locate`.
    """
    found = _located(choice, DIARIZATION, files)
    there = tuple(name for name in more if name not in files and (found.path / name).is_file())
    return replace(found, fingerprint=_digest(found.path, (*files, *there))[:12])


def bundled_diarization() -> str:
    """Name of the diarisation model that comes with the program."""
    return _table().demo[DIARIZATION]


def production_diarization() -> str:
    """Name of the diarisation model for real calls."""
    return _table().production[DIARIZATION]


def is_here(name: str, files: Sequence[str]) -> bool:
    """Whether ``files`` of a model of ``models.toml`` are all on this machine.  Opens no socket."""
    folder = _folder_of(_entry(name))
    return folder is not None and all((folder / file).is_file() for file in files)


def _located(choice: str | None, kind: str, weights: Sequence[str]) -> LocatedModel:
    table = _table()
    name = table.production[kind] if choice is None else choice
    entry = table.entries.get(name)
    if entry is None:
        folder = _own_folder(name, table, kind)
        name = folder.resolve().name
    elif entry.kind != kind:
        use = "用来区分说话人" if entry.kind == DIARIZATION else "用来识别语音"
        raise ModelError(f"模型 {name}", f"是{use}的模型，不能用在这里", f"可用的模型名:{table.names(kind)}")
    else:
        folder = _folder_of(entry) or _missing(entry, table)
    _require_complete(folder, name, kind, weights)
    for check in check_files(folder, cached=True):
        if check.state in ("differs", "missing"):
            why = "内容与记录的 SHA-256 不符" if check.state == "differs" else "文件不见了"
            raise ModelError(f"模型 {name}", f"{folder / check.file} {why}", _repair(entry))
    digest = _digest(folder, weights)
    return LocatedModel(folder, name, _is_demo(folder, digest, table, kind, weights), digest[:12])


def _digest(folder: Path, weights: Sequence[str]) -> str:
    """SHA-256 of the one file of weights, or over those of several."""
    each = [sha256_cached(folder / name) for name in weights]
    return each[0] if len(each) == 1 else hashlib.sha256("\n".join(each).encode()).hexdigest()


def _own_folder(choice: str, table: _Table, kind: str = ASR) -> Path:
    folder = Path(choice).expanduser()
    if folder.is_dir():
        return folder
    what = "不是文件夹" if folder.exists() else "既不是已知的模型名,也不是存在的文件夹"
    of_kind = "CTranslate2 格式的模型文件夹" if kind == ASR else "pyannote 流程或 ONNX 模型的文件夹"
    raise ModelError(f"模型 {choice}", what, f"可用的模型名:{table.names(kind)};或给出 {of_kind}")


def _missing(entry: _Entry, table: _Table) -> Path:
    if entry.repository is None:
        raise ModelError(f"模型 {entry.name}", f"{models_dir() / str(entry.folder)} 不存在", "请重新安装程序")
    demo = table.demo[entry.kind]
    if entry.kind == DIARIZATION:
        cure = (
            f"联网的机器上运行 qa models pull {entry.name} 下载（{_GATED.format(entry.repository)}）；"
            f"或把模型文件夹拷到本机，用 {_OWN[DIARIZATION]} 指定。随程序附带的小模型用 --diarization pyannote:{demo}"
        )
    else:
        cure = (
            f"联网的机器上运行 qa models pull {entry.name} 下载;或把模型文件夹拷到本机,用 {_OWN[ASR]} 指定。"
            f"只想用合成语音试用,可以明确指定演示模型 --asr {demo}(它听不懂真人通话,结果会带 demo 标记)"
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


def _require_complete(folder: Path, name: str, kind: str, weights: Sequence[str]) -> None:
    """faster-whisper and pyannote.audio would look for a missing file on the hub, so all files must be here."""
    needed = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*") if kind == ASR else weights
    absent = [pattern for pattern in needed if not any(folder.glob(pattern))]
    if absent:
        cause = f"{folder} 里缺少 {'、'.join(absent)}"
        whole = "CTranslate2 格式的完整 Whisper 模型文件夹" if kind == ASR else "完整的说话人区分模型文件夹"
        raise ModelError(f"模型 {name}", cause, f"需要 {whole},请重新下载或拷贝")


def _is_demo(folder: Path, digest: str, table: _Table, kind: str, weights: Sequence[str]) -> bool:
    """Whether this is the demonstration model, under whatever name or copy it comes."""
    demo = models_dir() / str(table.entries[table.demo[kind]].folder)
    if demo.is_dir() and folder.resolve() == demo.resolve():
        return True
    return all((demo / name).is_file() for name in weights) and _digest(demo, weights) == digest


# ---------------------------------------------------------------- list, pull, verify


def list_models() -> tuple[ModelStatus, ...]:
    """All models of ``models.toml`` in its order, with what of them is here.  Opens no socket."""
    table = _table()
    statuses = []
    for entry in table.entries.values():
        folder = _folder_of(entry)
        size = sum(path.stat().st_size for path in model_files(folder)) if folder else 0
        here = folder if folder and (folder / _MARK[entry.kind]).is_file() else None
        use = (entry.name == table.production[ASR], entry.name == table.demo[ASR])
        statuses.append(ModelStatus(entry.name, entry.about, entry.repository, *use, here, size, entry.kind, entry.gated))
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
    _require_complete(folder, name, entry.kind, PIPELINE_FILES)
    write_hashes(folder)
    return next(status for status in list_models() if status.name == name)


def _entry(name: str) -> _Entry:
    entries = _table().entries
    if name not in entries:
        raise ModelError(f"模型 {name}", "模型清单里没有这个名字", f"可用的模型名:{'、'.join(entries)}")
    return entries[name]


def _fetch(entry: _Entry, endpoint: str | None, again: bool) -> Path:
    """Download through huggingface_hub; the stored token is sent for a gated model only, the others are public."""
    import huggingface_hub

    where = endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    repository, token = str(entry.repository), None if entry.gated else False
    try:
        commit = huggingface_hub.HfApi(endpoint=where, token=token).model_info(repository, revision=entry.revision).sha
        if entry.gated:  # of a gated model the hub tells anybody, and refuses its files only: asked for one before any bar is drawn
            one = huggingface_hub.hf_hub_url(repository, _MARK[entry.kind], revision=commit, endpoint=where)
            huggingface_hub.get_hf_file_metadata(one, token=token)
        found = huggingface_hub.snapshot_download(
            repository,
            revision=entry.revision,
            allow_patterns=list(FILE_PATTERNS),
            endpoint=where,
            token=token,
            force_download=again,
            cache_dir=_cache_dir(),
        )
    except Exception as error:  # the transport below the hub's client differs from release to release
        if entry.gated and _refused(error):
            raise ModelError(f"模型 {entry.name}", f"{where} 要先确认身份", _GATED.format(repository)) from error
        detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        cure = f"请检查网络;不能直连时用 --endpoint 指定镜像,或在别的机器上下载后拷贝文件夹,用 {_OWN[entry.kind]} 指定"
        raise ModelError(f"模型 {entry.name}", f"从 {where} 下载失败({detail})", cure) from error
    if Path(found).name != commit:  # the client falls back to an older copy where the download breaks off
        raise ModelError(f"模型 {entry.name}", f"从 {where} 下载中断,本机只有旧版本", "请重新运行 qa models pull " + entry.name)
    return Path(found)


def _refused(error: Exception) -> bool:
    """Whether the hub wants to know who asks (or pretends that there is nothing)."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status in (401, 403) or type(error).__name__ in ("GatedRepoError", "LocalTokenNotFoundError")


def verify(name: str) -> VerifyReport:
    """Every file of a model (a name of ``models.toml`` or a folder) against the hashes recorded in its ``SHA256SUMS``.

    Reads every byte.  Raises ModelError if the model is not here or has no record of hashes.
    """
    table = _table()
    entry = table.entries.get(name)
    folder = _own_folder(name, table) if entry is None else _folder_of(entry) or _missing(entry, table)
    if not (folder / SUMS_FILE).is_file():
        cure = _repair(entry) if entry else f"在这个文件夹里运行 {recording(folder)} 可以从现在起留下记录"
        raise ModelError(f"模型 {name}", f"{folder} 里没有 {SUMS_FILE},无从核对", cure)
    return VerifyReport(name, folder, check_files(folder, cached=False))
