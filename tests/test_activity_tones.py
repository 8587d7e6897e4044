"""Speech behind a ringback tone in a noisy line: the tone must not deafen the detectors to who answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from qa import activity, decode, tones
from qa.truth import read_truth
from qa.types import Audio, AudioInfo, Role, Span

SAMPLES = Path(__file__).resolve().parents[1] / "recordings_sample"
FILE = "04_greeting_incomplete.wav"  # three rings at -20 dBov, then a quiet voice
Signal = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
RATE_HZ = 8000


def pink(samples: int, seed: int) -> Signal:
    """Noise of RMS 1 in the telephone band whose power falls by 3 dB an octave."""
    hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    shape = np.where((hz > 300) & (hz < 3400), 1 / np.sqrt(np.maximum(hz, 1.0)), 0.0)
    x = np.fft.irfft(np.fft.rfft(np.random.default_rng(seed).standard_normal(samples)) * shape, samples)
    return np.asarray(x / np.sqrt(np.mean(x**2)))


def frames(spans: list[Span], count: int) -> Mask:
    out = np.zeros(count, bool)
    for s in spans:
        out[s.start_ms // 10 : s.end_ms // 10] = True
    return out


def lost(mono: bool, snr_db: int, seed: int) -> float:
    """Share of the speech in the agent's channel or in the mono mix that was not found; the noise lies so far below the agent's speech."""
    audio = decode.decode(SAMPLES / FILE)
    (truth,) = (t for t in read_truth(SAMPLES / "truth.jsonl") if t.file == FILE)
    agent = [c for t in truth.turns if t.role is Role.AGENT for c in t.characters]
    spoken = agent + [c for t in truth.turns if t.role is not Role.AGENT for c in t.characters] if mono else agent
    first, second = (audio.channel(i).astype(np.float64) for i in (0, 1))
    count = len(first) // 80
    level = np.sqrt(np.mean(first[: count * 80][np.repeat(frames(agent, count), 80)] ** 2))
    x = (first + second if mono else first) + level * 10 ** (-snr_db / 20) * pink(len(first), seed)
    pcm = np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)[:, None]
    info = AudioInfo("x.wav", "0" * 64, "wav", "pcm_s16le", RATE_HZ, 1, audio.info.duration_ms)
    found = frames(list(activity.detect(Audio(info, pcm)).channels[0]), count)
    true = frames(spoken, count)
    return float(np.mean(~found[true]))


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize(("mono", "snr_db", "at_most"), [(True, 20, 0.03), (False, 10, 0.09), (True, 10, 0.09)])
def test_who_answers_a_ring_in_a_noisy_line_is_heard(mono: bool, snr_db: int, at_most: float, seed: int) -> None:
    assert lost(mono, snr_db, seed) <= at_most


def ringing(rate_hz: int) -> tuple[Signal, Mask]:
    """Two rings at -20 dBov in noise at -60 dBov; where they sound."""
    t = np.arange(7 * rate_hz) / rate_hz
    sounds = (t >= 0.5) & ((t - 0.5) % 5 < 1)
    noise = 1e-3 * np.random.default_rng(1).standard_normal(len(t))
    return 0.1 * np.sqrt(2) * np.sin(2 * np.pi * 450 * t) * sounds + noise, np.asarray(sounds)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_tones_go_and_the_rest_stays(rate_hz: int) -> None:
    x, sounds = ringing(rate_hz)
    out = tones.without_tones(x.astype(np.float32), rate_hz)
    middle = np.convolve(sounds, np.ones(rate_hz // 5), "same") >= rate_hz // 5 - 1  # 0.1 s from the ends of a ring
    assert np.count_nonzero(middle) > rate_hz
    assert 10 * np.log10(np.mean(out[middle] ** 2)) < -57
    far = np.convolve(sounds, np.ones(rate_hz // 10), "same") < 0.5  # 0.05 s from a ring
    np.testing.assert_array_equal(out[far], x[far].astype(np.float32))
    assert tones.find_tones(out, rate_hz, 0) == ()


def test_a_voice_over_a_ring_stays() -> None:
    x, _ = ringing(16000)
    voice = 0.02 * np.sin(2 * np.pi * 800 * np.arange(len(x)) / 16000)
    out = tones.without_tones((x + voice).astype(np.float32), 16000)
    assert tones.find_tones((x + voice).astype(np.float32), 16000, 0)
    inside = slice(16000 * 7 // 10, 16000 * 13 // 10)
    assert float(np.sqrt(np.mean((out - voice)[inside] ** 2))) < 0.003


def test_without_a_tone_nothing_is_touched() -> None:
    x = (0.01 * np.random.default_rng(2).standard_normal(32000)).astype(np.float32)
    assert tones.without_tones(x, 16000) is x
    assert len(tones.without_tones(x[:0], 16000)) == 0


def test_a_long_tone_is_taken_out_piece_by_piece() -> None:
    t = np.arange(70 * 8000) / 8000
    x = (0.1 * np.sin(2 * np.pi * 450 * t) + 1e-4 * np.random.default_rng(3).standard_normal(len(t))).astype(np.float32)
    out = tones.without_tones(x, 8000)
    assert float(np.max(np.abs(out[8000:-8000]))) < 0.005


def test_speech_that_is_heard_only_backwards_is_no_noise() -> None:
    """Noise at -50 dB, in its midst 1.5 s of speech at -30 dB to which Silero is deaf as long as it does not hear it backwards."""
    count, speech = 800, slice(400, 550)
    energy = -50 + np.random.default_rng(0).normal(0, 0.5, count)
    energy[speech] = -30
    silero = np.full((3, count), 0.05)
    silero[2, speech] = 0.6
    evidence = activity.Evidence(silero, np.zeros((3, count), bool), energy)
    floor, spread, _ = activity.levels(evidence)
    assert float(np.max(np.abs(floor + 50))) < 1 and float(np.max(spread)) < 2
