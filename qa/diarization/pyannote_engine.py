"""pyannote.audio's own ``SpeakerDiarization`` pipeline, from a folder; nothing is looked up on a hub and nothing is reported to anybody.

What a fresh install needs for that is in :func:`library`.  Weights are pickles, which can run any program: the folder's files are compared
with their recorded hashes before one is opened.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
import types
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa.diarization.linking import MOST_SPEAKERS
from qa.diarization.prints import SHORTEST_MS, unit
from qa.diarization.protocol import RATE_HZ, Voice
from qa.diarization.settling import merged, without
from qa.errors import ModelError
from qa.model_files import check_files, recording
from qa.models import PIPELINE_FILES
from qa.types import Float32Array, Span

FILES = PIPELINE_FILES
_LOCK = threading.RLock()
_CHUNK_ROWS = 9  # a multiple of the local speakers: the rows of a chunk go through the network together


@cache
def library() -> Any:
    """``pyannote.audio`` with telemetry off.  Errors: :class:`ModelError` where it cannot be imported."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"  # asked again at every call, so set and not only defaulted
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a page of text about decoders that are not used: samples are given, never a file
            _import_torchaudio()
            return importlib.import_module("pyannote.audio")
    except (ImportError, OSError, RuntimeError) as error:
        cure = "请运行 pip install 'qa-callcentre[diarization]'，或改用 --diarization sherpa"
        raise ModelError("说话人区分引擎 pyannote", f"pyannote.audio 不能用（{error}）", cure) from error


@contextmanager
def without_hub() -> Iterator[None]:
    """Inside, huggingface_hub refuses every request; afterwards it is as before, for who fetches a model in the same process."""
    hub: Any = importlib.import_module("huggingface_hub.constants")
    with _LOCK:  # two loads that overlap would restore each other's state
        before, hub.HF_HUB_OFFLINE = hub.HF_HUB_OFFLINE, True  # not the variable: that is read at import, which may be past
        try:
            yield
        finally:
            hub.HF_HUB_OFFLINE = before


def _import_torchaudio() -> None:
    """torchaudio, whose wheels hold an extension linked against CUDA: where that cannot be loaded, without it, as nothing here uses it."""
    try:
        importlib.import_module("torchaudio")
    except (OSError, ImportError, RuntimeError):
        if importlib.util.find_spec("torchaudio") is None:
            raise
        for name in [n for n in sys.modules if n == "torchaudio" or n.startswith("torchaudio.")]:
            del sys.modules[name]
        stub: Any = types.ModuleType("torchaudio._extension")
        stub._IS_TORCHAUDIO_EXT_AVAILABLE = stub._IS_ALIGN_AVAILABLE = stub._IS_RIR_AVAILABLE = False
        stub.fail_if_no_align = stub.fail_if_no_rir = lambda function: function
        sys.modules["torchaudio._extension"] = stub
        importlib.import_module("torchaudio")


def verified(folder: Path) -> None:
    """Errors: :class:`ModelError` unless each file of the pipeline lies in ``folder`` and keeps the hash that is recorded for it."""
    states = {check.file: check.state for check in check_files(folder, cached=False)}
    for name in FILES:
        state = states.get(name, "unrecorded" if (folder / name).is_file() else "missing")
        if state == "ok":
            continue
        if state == "unrecorded":
            cure = f"权重是 pickle，可以执行任意代码：确认来源可靠后，在文件夹里运行 {recording(folder)}"
            raise ModelError(f"模型 {folder}", f"{name} 没有记录 SHA-256，不予加载", cure)
        cause = f"{name} 不见了" if state == "missing" else f"{name} 与记录的 SHA-256 不符，不予加载"
        raise ModelError(f"模型 {folder}", cause, "请重新下载（qa models pull）或重新拷贝")


class PyannoteEngine:
    """A loaded pipeline.  Errors: :class:`ModelError`."""

    surely_apart = True

    def __init__(self, folder: Path, threads: int = 1) -> None:
        verified(folder)
        audio = library()
        self._torch = importlib.import_module("torch")
        self._torch.set_num_threads(threads)
        try:
            with without_hub(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._pipeline = audio.Pipeline.from_pretrained(str(folder))
        except Exception as error:  # whatever a configuration or a checkpoint makes of it
            raise ModelError(f"模型 {folder}", f"pyannote 加载失败（{error}）", "请用 qa models verify 检查") from error
        if self._pipeline is None:
            raise ModelError(f"模型 {folder}", "pyannote 没有读出流程", "请用 qa models verify 检查")
        self._pipeline.embedding_batch_size = self._pipeline.segmentation_batch_size = _CHUNK_ROWS

    def voices(self, x: Float32Array, speech: Sequence[Span]) -> tuple[Voice, ...]:
        """As of the protocol; ``foremost`` is the pipeline's own exclusive diarisation."""
        if len(x) < RATE_HZ // 10:
            return ()
        samples = self._torch.from_numpy(np.array(x, dtype=np.float32))[None]
        with warnings.catch_warnings(), self._torch.inference_mode():
            warnings.simplefilter("ignore")
            found = self._pipeline({"waveform": samples, "sample_rate": RATE_HZ}, min_speakers=1, max_speakers=MOST_SPEAKERS)
        spans, foremost = _spans(found.speaker_diarization), _spans(found.exclusive_speaker_diarization)
        vectors = found.speaker_embeddings if found.speaker_embeddings is not None else ()
        prints = dict(zip(map(str, found.speaker_diarization.labels()), vectors, strict=False))
        out = []
        for who in sorted(spans):
            others = merged(s for other, own in spans.items() if other != who for s in own)
            made = unit(prints[who]) if who in prints else None
            out.append(Voice(spans[who], without(spans[who], others), made, foremost.get(who, ())))
        return tuple(out)

    def print_of(self, x: Float32Array) -> npt.NDArray[np.float32] | None:
        """As of the protocol."""
        if len(x) < SHORTEST_MS * RATE_HZ // 1000:
            return None
        samples = self._torch.from_numpy(np.array(x, dtype=np.float32))[None, None]
        with warnings.catch_warnings(), self._torch.inference_mode():
            warnings.simplefilter("ignore")
            found = self._pipeline._embedding(samples)  # the pipeline has no other way to its model of voices
        return unit(np.asarray(found)[0])


def _spans(annotation: Any) -> dict[str, tuple[Span, ...]]:
    found: dict[str, list[Span]] = {}
    for segment, _, who in annotation.itertracks(yield_label=True):
        start = max(0, round(segment.start * 1000))
        found.setdefault(str(who), []).append(Span(start, max(start, round(segment.end * 1000))))
    return {who: tuple(merged(own)) for who, own in found.items()}
