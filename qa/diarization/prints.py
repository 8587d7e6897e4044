"""Voice prints by sherpa-onnx, and a look at its models before it loads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa.diarization.protocol import RATE_HZ
from qa.errors import ModelError
from qa.types import Float32Array

SHORTEST_MS = 300
_KEYS = ("framework", "language", "sample_rate", "output_dim", "normalize_samples", "feature_normalize_type")


def library() -> Any:
    """``sherpa_onnx``.  Errors: :class:`ModelError` where it is not installed."""
    try:
        import sherpa_onnx
    except ImportError as error:
        raise ModelError("说话人区分引擎 sherpa", f"没有安装 sherpa-onnx（{error}）", "请运行 pip install sherpa-onnx") from error
    return sherpa_onnx


class Prints:
    """A loaded model of voice prints.  Errors: :class:`ModelError` where it cannot be loaded."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        found = library()
        require_metadata(model, _KEYS)
        try:
            self._extractor = found.SpeakerEmbeddingExtractor(found.SpeakerEmbeddingExtractorConfig(model=str(model), num_threads=threads))
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"模型 {model}", f"sherpa-onnx 加载失败（{error}）", "请用 qa models verify 检查") from error

    def of(self, samples: Float32Array) -> npt.NDArray[np.float32] | None:
        """The unit vector of the one voice in ``samples`` (:data:`RATE_HZ`), None where there are too few to tell."""
        if len(samples) < SHORTEST_MS * RATE_HZ // 1000:
            return None
        stream = self._extractor.create_stream()
        stream.accept_waveform(RATE_HZ, np.ascontiguousarray(samples, dtype=np.float32))
        stream.input_finished()
        return unit(self._extractor.compute(stream))


def unit(vector: Any) -> npt.NDArray[np.float32] | None:
    """``vector`` at length 1, None for one that has no direction."""
    found = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(found))
    return found / np.float32(length) if np.isfinite(length) and length > 0 else None


def require_metadata(model: Path, keys: Sequence[str]) -> None:
    """sherpa-onnx ends the process where a model lacks what it reads of it: so it is looked at before.  Errors: :class:`ModelError`."""
    import onnxruntime

    try:
        found = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_modelmeta().custom_metadata_map
    except Exception as error:  # onnxruntime's own errors have no common base
        raise ModelError(f"模型 {model}", f"不是可用的 ONNX 模型（{error}）", "请用 qa models verify 检查") from error
    if absent := [key for key in keys if key not in found]:
        raise ModelError(f"模型 {model}", f"缺少 sherpa-onnx 要读的说明 {'、'.join(absent)}", "请用为 sherpa-onnx 导出的模型")
