"""A recording through an engine, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qa.asr import resampled
from qa.blocks import Wave
from qa.diarization.likeness import compared
from qa.diarization.linking import Likeness, linked
from qa.diarization.protocol import RATE_HZ, BlockEngine, Diarization, Voice
from qa.diarization.settling import LEVEL_MS, settled
from qa.types import Float32Array, Span

OVERLAP_S = 20
"""That two blocks share: at either side of the seam in its middle a whole window of the segmentation."""


class Blockwise:
    """A :class:`~qa.diarization.protocol.Diarizer` made of an engine for single blocks.

    ``demo``: the model is the bundled one, which knows the band of the telephone only.
    """

    def __init__(self, engine: BlockEngine, identity: str, likeness: Likeness, demo: bool) -> None:
        self.engine, self.identity, self.likeness, self.demo = engine, identity, likeness, demo

    def diarize(self, wave: Wave, speech: Sequence[Span]) -> Diarization:
        """As of the protocol; nothing is heard of a recording without speech."""
        if not speech:
            return Diarization((), ())
        rate = wave.rate_hz
        whole = wave.through(lambda x: resampled(x, rate, self.demo), RATE_HZ)
        bounds = whole.blocks(OVERLAP_S) if not whole.one_block else whole.blocks()
        heard: list[tuple[Voice, ...]] = []
        levels: list[Float32Array] = []
        for (start, end), following in zip(bounds, [*bounds[1:], None], strict=True):
            x = whole.read(start, end)
            block = Span(start * 1000 // RATE_HZ, end * 1000 // RATE_HZ)
            inside = [Span(s.start_ms - block.start_ms, s.end_ms - block.start_ms) for s in _cut(speech, 0, block)]
            heard.append(self.engine.voices(x, inside) if inside else ())
            levels.append(_levels(x if following is None else x[: following[0] - start]))
        numbers = linked(heard, self.likeness, self.engine.surely_apart)
        spans: dict[int, list[Span]] = {}
        foremost: dict[int, list[Span]] = {}
        for (base_ms, window), voices, names in zip(_windows(bounds), heard, numbers, strict=True):
            for voice, number in zip(voices, names, strict=True):
                if number is not None:
                    spans.setdefault(number, []).extend(_cut(voice.spans, base_ms, window))
                    foremost.setdefault(number, []).extend(_cut(voice.foremost, base_ms, window))
        found = settled(spans, speech, np.concatenate(levels), foremost)
        return replace(found, alike=compared(found.exclusive, whole, self.engine.print_of, self.likeness.same))


def _windows(bounds: Sequence[tuple[int, int]]) -> list[tuple[int, Span]]:
    """Where each block begins (ms), and what of the recording is taken from it: from seam to seam."""
    seams = [0, *((start + OVERLAP_S * RATE_HZ // 2) * 1000 // RATE_HZ for start, _ in bounds[1:]), bounds[-1][1] * 1000 // RATE_HZ + 1000]
    return [(start * 1000 // RATE_HZ, Span(seams[k], max(seams[k], seams[k + 1]))) for k, (start, _) in enumerate(bounds)]


def _cut(spans: Sequence[Span], base_ms: int, window: Span) -> list[Span]:
    inside = ((max(s.start_ms + base_ms, window.start_ms), min(s.end_ms + base_ms, window.end_ms)) for s in spans)
    return [Span(a, b) for a, b in inside if a < b]


def _levels(x: Float32Array) -> Float32Array:
    """The level of each ``LEVEL_MS``, dBov, not below -100."""
    size = LEVEL_MS * RATE_HZ // 1000
    power = np.square(np.pad(x, (0, -len(x) % size)).reshape(-1, size), dtype=np.float64).mean(axis=1)
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-10)), dtype=np.float32)
