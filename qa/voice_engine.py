"""Prints of voices by the model that the diarisation engine brings: of an agent who enrols, and of the speakers of a mono call."""

from __future__ import annotations

from typing import Any

import numpy as np

from qa import blocks
from qa.asr import resampled
from qa.diarization.protocol import RATE_HZ, Diarizer
from qa.errors import ModelError
from qa.types import Audio, Float32Array, Span, SpeakerTurns
from qa.voiceprints import Vector

OTHERS_SHARE = 0.15
"""Of the speech in which a second voice is heard: with more it is no recording of one voice."""
MOST_MS = 20_000
"""A speaker's print is made of at most so much speech, the longest stretches first."""
LEAST_MS = 3000


class EngineEmbedder:
    """A :class:`qa.voiceprints.Embedder` of a loaded engine; errors: :class:`ModelError` for one that makes no prints."""

    def __init__(self, diarizer: Diarizer) -> None:
        self.identity, self._diarizer = diarizer.identity, diarizer
        self._engine: Any = getattr(diarizer, "engine", None)
        if self._engine is None or not hasattr(self._engine, "voices"):
            raise ModelError(f"说话人区分引擎 {diarizer.identity}", "不能提取声纹", "请换一个引擎，如 --diarization sherpa")

    def speakers(self, audio: Audio, channel: int, spans: tuple[Span, ...]) -> int:
        """How many voices the engine hears in the speech (``spans``) of a channel, all of it."""
        found = self._diarizer.diarize(blocks.channel(audio, channel), spans)
        return len({turn.speaker for turn in found.turns})

    def embed(self, samples: Float32Array) -> Vector | None:
        """As of the protocol; None also where more than one voice is heard."""
        voices = self._engine.voices(samples, [Span(0, len(samples) * 1000 // RATE_HZ)])
        with_print = sorted((voice for voice in voices if voice.print is not None), key=lambda voice: -voice.weight_ms)
        others = sum(voice.weight_ms for voice in with_print[1:])
        if not with_print or others > OTHERS_SHARE * (others + with_print[0].weight_ms):
            return None
        return np.asarray(with_print[0].print, np.float32)


def voices(embedder: EngineEmbedder, audio: Audio, turns: SpeakerTurns) -> dict[str, Vector]:
    """The print of each speaker of a recording of one channel; without those who say too little alone."""
    found = {}
    for speaker in turns.speakers:
        samples = speech(audio, 0, turns.alone(speaker))
        vector = embedder.embed(samples) if len(samples) >= LEAST_MS * RATE_HZ // 1000 else None
        if vector is not None:
            found[speaker] = vector
    return found


def speech(audio: Audio, channel: int, spans: tuple[Span, ...], most_ms: int = MOST_MS) -> Float32Array:
    """Up to ``most_ms`` of the speech in ``spans`` of a channel at 16 kHz, the longest stretches, in order of time."""
    rate = audio.info.rate_hz
    wave = blocks.channel(audio, channel).through(lambda x: resampled(x, rate, False), RATE_HZ)
    chosen, left = list[Span](), most_ms
    for span in sorted(spans, key=lambda s: (-s.duration_ms, s.start_ms)):
        if left > 0:
            chosen.append(Span(span.start_ms, min(span.end_ms, span.start_ms + left)))
            left -= chosen[-1].duration_ms
    parts = [wave.read(s.start_ms * RATE_HZ // 1000, s.end_ms * RATE_HZ // 1000) for s in sorted(chosen)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
