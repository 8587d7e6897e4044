"""Both engines over the bundled models: pyannote.audio's pipeline, and sherpa-onnx's offline diarisation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nets
import sherpa_onnx
import torch
import yaml
from pyannote.audio import Pipeline
from pyannote.audio.pipelines.clustering import Clustering
from pyannote.core import Annotation
from scored import Call, annotation

from qa.diarization.linking import MOST_SPEAKERS

Engine = Callable[[Call], Annotation]
_BOUNDS = {"min_speakers": 1, "max_speakers": MOST_SPEAKERS}  # as the program asks: a threshold is the best one under the same bounds only


def _file(call: Call) -> dict[str, Any]:
    return {"waveform": torch.from_numpy(call.audio)[None], "sample_rate": nets.SAMPLE_RATE_HZ, "uri": call.name}


def pyannote(folder: Path, speakers: int | None = None) -> Engine:
    """pyannote's pipeline as `config.yaml` says; ``speakers`` if their number is known."""
    pipeline = Pipeline.from_pretrained(folder)
    known = {"num_speakers": speakers} if speakers else _BOUNDS
    return lambda call: pipeline(_file(call), **known).speaker_diarization


def sherpa(folder: Path, step: float | None = None, threshold: float | None = None, speakers: int | None = None) -> Engine:
    """sherpa-onnx; ``step`` and ``threshold`` from `config.yaml` unless given."""
    said = yaml.safe_load((folder / "config.yaml").read_text("utf-8")).get("sherpa_onnx", {})
    segmentation = sherpa_onnx.OfflineSpeakerSegmentationPyannoteModelConfig(
        model=str(folder / "segmentation.onnx"), window_shift_ratio=step or said["window_shift_ratio"]
    )
    config = sherpa_onnx.OfflineSpeakerDiarizationConfig(
        segmentation=sherpa_onnx.OfflineSpeakerSegmentationModelConfig(pyannote=segmentation, num_threads=1),
        embedding=sherpa_onnx.SpeakerEmbeddingExtractorConfig(model=str(folder / "embedding.onnx"), num_threads=1),
        clustering=sherpa_onnx.FastClusteringConfig(num_clusters=speakers or -1, threshold=threshold or said["threshold"]),
        min_duration_on=said.get("min_duration_on", 0.0),
        min_duration_off=said.get("min_duration_off", 0.0),
    )
    engine = sherpa_onnx.OfflineSpeakerDiarization(config)

    def run(call: Call) -> Annotation:
        turns = engine.process(call.audio).sort_by_start_time()
        return annotation(((t.start, t.end, str(t.speaker)) for t in turns), call.name)

    return run


class Kept:
    """pyannote's pipeline with the networks' answers kept, to try one clustering after the other."""

    def __init__(self, folder: Path) -> None:
        self._pipeline = Pipeline.from_pretrained(folder)
        self._segments, self._embeddings = self._pipeline.get_segmentations, self._pipeline.get_embeddings
        self._seen: dict[str, tuple[Any, Any]] = {}
        self._pipeline.get_segmentations = lambda file, hook=None: self._seen[file["uri"]][0]
        self._pipeline.get_embeddings = lambda file, *_args, **_more: self._seen[file["uri"]][1].copy()

    def diarise(self, call: Call, clustering: str, parameters: dict[str, Any]) -> Annotation:
        file = _file(call)
        if call.name not in self._seen:
            segments = self._segments(file)
            self._seen[call.name] = segments, self._embeddings(file, segments, exclude_overlap=True)
        kind = Clustering[clustering].value
        plda = (self._pipeline._plda,) if clustering == "VBxClustering" else ()
        self._pipeline.klustering, self._pipeline.clustering = clustering, kind(*plda, metric="cosine")
        self._pipeline.instantiate({"segmentation": {"min_duration_off": 0.0}, "clustering": parameters})
        with contextlib.suppress(ValueError):
            return self._pipeline(file, **_BOUNDS).speaker_diarization
        return Annotation(uri=call.name)
