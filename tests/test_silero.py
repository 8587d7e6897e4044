"""Silero laid out for many signals hears what the ONNX file of faster-whisper hears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faster_whisper.vad import get_vad_model

from qa import activity, blocks, decode, silero

SAMPLES = Path(__file__).resolve().parents[1] / "recordings_sample"


def channel(name: str, number: int = 0) -> np.ndarray:
    audio = decode.decode(SAMPLES / name)
    wave = blocks.channel(audio, number)
    return activity._resampled(wave.read(0, wave.length), audio.info.rate_hz)


def reference(x: np.ndarray) -> np.ndarray:
    padded = np.zeros((len(x) // silero.WINDOW + 2) * silero.WINDOW, np.float32)
    padded[: len(x)] = x
    return np.asarray(get_vad_model()(padded)).reshape(-1)


@pytest.fixture(scope="module")
def speech() -> list[np.ndarray]:
    return [channel(p.name, i) for p in sorted(SAMPLES.glob("*.wav"))[:4] for i in (0, 1)]


def test_the_same_probabilities_as_the_file_of_faster_whisper(speech: list[np.ndarray]) -> None:
    heard = silero.probabilities(speech)
    assert max(p.max() for p in heard) > 0.9 and min(p.min() for p in heard) < 0.1
    for x, p in zip(speech, heard, strict=True):
        np.testing.assert_allclose(p, reference(x), atol=1e-3)


def test_a_signal_is_heard_alike_alone_among_others_and_as_a_view(speech: list[np.ndarray]) -> None:
    x = speech[0]
    (alone,) = silero.probabilities([x])
    among = silero.probabilities([speech[1], x[::-1][::-1], x[: silero.WINDOW * 3]])
    np.testing.assert_allclose(among[1], alone, atol=1e-5)
    np.testing.assert_allclose(among[2][:3], alone[:3], atol=1e-5)


def test_backwards_is_a_view_too(speech: list[np.ndarray]) -> None:
    x = speech[0]
    (backward,) = silero.probabilities([x[::-1]])
    np.testing.assert_allclose(backward, reference(np.ascontiguousarray(x[::-1])), atol=1e-3)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 511, 512, 513, 64 * 512 - 1, 64 * 512, 64 * 512 + 1])
def test_every_length_has_the_windows_of_the_reference(length: int) -> None:
    x = np.random.default_rng(length).standard_normal(length).astype(np.float32) * np.float32(0.1)
    (p,) = silero.probabilities([x])
    np.testing.assert_allclose(p, reference(x), atol=1e-3)


def test_no_signals() -> None:
    assert silero.probabilities([]) == []
