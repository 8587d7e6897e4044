"""sherpa-onnx's offline speaker diarisation: a pyannote segmentation model and a voice print model in ONNX, no torch.

It is asked for more voices than there are (complete linkage: one odd second would else be a speaker of its own, or pull two persons
together), and the linking joins them by prints over many seconds each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qa.diarization.linking import Likeness
from qa.diarization.prints import Prints, library, require_metadata
from qa.diarization.protocol import RATE_HZ, Voice
from qa.diarization.settling import merged, without
from qa.errors import ModelError
from qa.types import Float32Array, Span

FILES = ("segmentation.onnx", "embedding.onnx")
STEP = 0.25
"""Of the windows of the segmentation, as a share of their length."""
PRINT_MS = 20_000
"""A print is made of at most so much of a voice, its longest stretches first."""
_KEYS = (
    *("num_speakers", "powerset_max_classes", "num_classes", "sample_rate", "window_size"),
    *("receptive_field_size", "receptive_field_shift"),
)
_SHORTEST_PRINT_MS = 400
_BIT_OF_PRINT_MS = 200  # shorter stretches tell more of the neighbours than of the voice


class SherpaEngine:
    """A loaded pair of models.  Errors: :class:`ModelError` where they cannot be loaded."""

    surely_apart = False

    def __init__(self, folder: Path, threads: int = 1, likeness: Likeness | None = None) -> None:
        found = library()
        segmentation, embedding = (folder / name for name in FILES)
        require_metadata(segmentation, _KEYS)
        self._prints = Prints(embedding, threads)
        config = found.OfflineSpeakerDiarizationConfig(
            segmentation=found.OfflineSpeakerSegmentationModelConfig(
                pyannote=found.OfflineSpeakerSegmentationPyannoteModelConfig(model=str(segmentation), window_shift_ratio=STEP),
                num_threads=threads,
            ),
            embedding=found.SpeakerEmbeddingExtractorConfig(model=str(embedding), num_threads=threads),
            clustering=found.FastClusteringConfig(num_clusters=-1, threshold=1.0 - (likeness or Likeness()).window),
            min_duration_on=0.0,
            min_duration_off=0.0,
        )
        try:
            self._diarization = found.OfflineSpeakerDiarization(config)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"模型 {folder}", f"sherpa-onnx 加载失败（{error}）", "请用 qa models verify 检查") from error

    def voices(self, x: Float32Array, speech: Sequence[Span]) -> tuple[Voice, ...]:
        """As of the protocol."""
        if len(x) == 0:
            return ()
        found: dict[int, list[Span]] = {}
        for one in self._diarization.process(np.ascontiguousarray(x, dtype=np.float32)).sort_by_start_time():
            start = max(0, round(one.start * 1000))
            found.setdefault(int(one.speaker), []).append(Span(start, max(start, round(one.end * 1000))))
        spans = {who: tuple(merged(own)) for who, own in found.items()}
        return tuple(self._voice(x, who, spans) for who in sorted(spans))

    def print_of(self, x: Float32Array) -> npt.NDArray[np.float32] | None:
        """As of the protocol."""
        return self._prints.of(x)

    def _voice(self, x: Float32Array, who: int, spans: dict[int, tuple[Span, ...]]) -> Voice:
        alone = without(spans[who], merged(s for other, own in spans.items() if other != who for s in own))
        return Voice(spans[who], alone, self._print(x, alone or spans[who]))

    def _print(self, x: Float32Array, spans: Sequence[Span]) -> npt.NDArray[np.float32] | None:
        """The unit vector of the voice in ``spans``, None where they hold too little."""
        chosen, left = list[Span](), PRINT_MS
        for span in sorted(spans, key=lambda s: (-s.duration_ms, s.start_ms)):
            if left <= 0 or span.duration_ms < _BIT_OF_PRINT_MS:
                break
            chosen.append(Span(span.start_ms, min(span.end_ms, span.start_ms + left)))
            left -= chosen[-1].duration_ms
        if PRINT_MS - left < _SHORTEST_PRINT_MS:
            return None
        samples = np.concatenate([x[s.start_ms * RATE_HZ // 1000 : s.end_ms * RATE_HZ // 1000] for s in sorted(chosen)])
        return self._prints.of(samples)
