"""Recordings for benchmarks of speed: stereo telephone calls of ``recordings_sample`` one behind the other, each file in another order.

What is said on each channel is known, as the samples' truth tells it.
"""

from __future__ import annotations

import random
import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from qa import decode
from qa.evaluate import hanzi
from qa.records import read_calls
from qa.truth import read_truth
from qa.types import Audio, Role

SAMPLES = Path(__file__).resolve().parents[1] / "recordings_sample"
RATE_HZ = 8000
GAP_S = 0.5


@dataclass(frozen=True)
class Piece:
    """A sample with the hanzi said on its two channels."""

    audio: Audio
    said: tuple[str, str]


@cache
def pieces() -> tuple[Piece, ...]:
    """Stereo samples at 8 kHz of which truth tells the words."""
    table, found = read_calls(SAMPLES / "calls.csv"), []
    for truth in read_truth(SAMPLES / "truth.jsonl"):
        record = table.for_file(SAMPLES / truth.file)
        if not truth.turns or record is None or record.agent_channel is None:
            continue
        audio = decode.decode(SAMPLES / truth.file)
        if (audio.info.channels, audio.info.rate_hz) == (2, RATE_HZ):
            roles = [Role.AGENT, Role.CUSTOMER] if record.agent_channel == 0 else [Role.CUSTOMER, Role.AGENT]
            texts = [hanzi("，".join(t.text for t in truth.turns if t.role is role)) for role in roles]
            found.append(Piece(audio, (texts[0], texts[1])))
    return tuple(found)


def make(path: Path, seconds: float, seed: int) -> tuple[str, str]:
    """Write a 16-bit WAV of at least ``seconds`` (whole samples) with a little noise; returns the hanzi said on its channels."""
    chance, noise = random.Random(seed), np.random.default_rng(seed)
    written, said = 0, ["", ""]
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        while written < seconds * RATE_HZ:
            piece = chance.choice(pieces())
            gap = np.zeros((round(GAP_S * RATE_HZ), 2), np.int16)
            pcm = np.concatenate([piece.audio.pcm, gap])
            pcm = pcm + noise.integers(-1, 2, pcm.shape).astype(np.int16) * (np.abs(pcm) < 32_000)
            out.writeframesraw(np.ascontiguousarray(pcm, np.int16).tobytes())
            written += len(pcm)
            said = [said[channel] + piece.said[channel] for channel in (0, 1)]
    return said[0], said[1]
