"""Active speech level: theory, an independent count sample by sample, and the figures of the ITU-T software tool library."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from qa.levels import active_speech_level, rms_dbov
from qa.types import Float32Array

SHARED = Path(__file__).parents[1].parent / "shared" / "realspeech"
Floats = npt.NDArray[np.float64]

MARGIN_DB = 15.9


def as_recorded(x: Floats) -> Float32Array:
    """Through 16-bit samples, as a recording would come."""
    pcm = np.round(np.clip(x, -1.0, 1.0) * 32767.0).astype(np.int16)
    return (pcm / np.float32(32768.0)).astype(np.float32)


def sine(rate: int, seconds: float, hz: float, level_dbov: float) -> Floats:
    amplitude = math.sqrt(2.0) * 10.0 ** (level_dbov / 20.0)
    return amplitude * np.sin(2.0 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


def gated_noise(seed: int, rate: int, level_dbov: float, on_s: float, off_s: float, times: int) -> Floats:
    period = round(rate * (on_s + off_s))
    gate = np.arange(period * times) % period < round(rate * on_s)
    return np.random.default_rng(seed).standard_normal(period * times) * gate * 10.0 ** (level_dbov / 20.0)


def babble(seed: int, rate: int, level_dbov: float, seconds: int) -> Floats:
    """Noise with the envelope of syllables and pauses."""
    t = np.arange(rate * seconds) / rate
    envelope = np.maximum(0.0, np.sin(2.0 * np.pi * 2.1 * t)) * (np.sin(2.0 * np.pi * 0.13 * t) > -0.3)
    return np.random.default_rng(seed).standard_normal(len(t)) * envelope * 10.0 ** (level_dbov / 20.0)


def reference(x: Float32Array, rate: int) -> tuple[float | None, float]:
    """ITU-T P.56 method B as G.191 writes it (process 1, process 2, halving of the interval), one sample after another.

    Written from the description of the algorithm in G.191, module sv56; nothing here is shared with the package.  The interval
    is halved until it is 1e-9 dB near and not 0.5, so that the closed form can be held to it.
    """
    smoothing, hangover = math.exp(-1.0 / (rate * 0.03)), math.floor(0.2 * rate + 0.5)
    thresholds = [2.0 ** (j - 15) for j in range(15)]
    active, hang = [0] * 15, [hangover] * 15
    energy = first = envelope = 0.0
    for sample in x.astype(np.float64).tolist():
        energy += sample * sample
        first = smoothing * first + (1.0 - smoothing) * abs(sample)
        envelope = smoothing * envelope + (1.0 - smoothing) * first
        for j, threshold in enumerate(thresholds):
            if envelope >= threshold:
                active[j] += 1
                hang[j] = 0
            elif hang[j] < hangover:
                active[j] += 1
                hang[j] += 1
    points = [(10.0 * math.log10(energy / count), 20.0 * math.log10(c)) for count, c in zip(active, thresholds, strict=True) if count]
    if not points or points[0][0] - points[0][1] < MARGIN_DB:
        return None, 0.0
    upper = next((i for i, (level, threshold) in enumerate(points) if level - threshold <= MARGIN_DB), None)
    if upper is None:
        return None, 0.0
    low, high = points[upper - 1], points[upper]
    while True:
        level, threshold = (low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0
        if abs(level - threshold - MARGIN_DB) < 1e-9:
            return level, energy / len(x) / 10.0 ** (level / 10.0)
        if level - threshold > MARGIN_DB:
            low = level, threshold
        else:
            high = level, threshold


@pytest.mark.parametrize("level", [-3.0103, -10.0, -26.0, -40.0, -60.0])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_steady_sine_has_its_own_level(level: float, rate: int) -> None:
    x = sine(rate, 10.0, 997.0, level).astype(np.float32)
    assert rms_dbov(x) == pytest.approx(level, abs=0.01)
    measured = active_speech_level(x, rate)
    assert measured.level_dbov == pytest.approx(level, abs=0.05)
    assert measured.activity_factor > 0.99


def test_a_full_scale_square_wave_is_0_dbov() -> None:
    square = np.tile(np.repeat(np.array([1.0, -1.0], dtype=np.float32), 8), 8000)
    assert rms_dbov(square) == pytest.approx(0.0, abs=1e-6)
    assert active_speech_level(square, 8000).level_dbov == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("level", [-15.0, -26.0, -45.0])
@pytest.mark.parametrize(("on_s", "off_s"), [(10.0, 10.0), (6.0, 18.0)])
def test_gated_noise_has_the_level_of_its_bursts_less_the_hangover(rate: int, level: float, on_s: float, off_s: float) -> None:
    """The standard counts 0.2 s of hangover, and the fall of the envelope to the threshold (about 0.1 s), as active."""
    x = gated_noise(11, rate, level, on_s, off_s, 4).astype(np.float32)
    measured = active_speech_level(x, rate)
    assert measured.level_dbov == pytest.approx(level, abs=0.3)
    assert measured.level_dbov == pytest.approx(level - 10.0 * math.log10((on_s + 0.3) / on_s), abs=0.06)
    assert measured.activity_factor == pytest.approx((on_s + 0.3) / (on_s + off_s), abs=0.01)


def test_pauses_shorter_than_the_hangover_are_active() -> None:
    x = gated_noise(5, 8000, -20.0, 0.2, 0.18, 60).astype(np.float32)
    assert active_speech_level(x, 8000).activity_factor > 0.98


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_counting_agrees_with_the_sample_by_sample_procedure(seed: int, rate: int) -> None:
    x = as_recorded(babble(seed, rate, -12.0 - 13.0 * seed, 4))
    measured, (level, activity) = active_speech_level(x, rate), reference(x, rate)
    assert level is not None
    assert measured.level_dbov == pytest.approx(level, abs=1e-6)
    assert measured.activity_factor == pytest.approx(activity, abs=1e-7)


def test_a_click_that_outweighs_all_speech_leaves_nothing_to_measure() -> None:
    """No threshold is as near to the mean power as the margin: G.191 calls that silence as well."""
    x = as_recorded(babble(3, 8000, -51.0, 4))
    assert active_speech_level(x, 8000).level_dbov == pytest.approx(reference(x, 8000)[0], abs=1e-6)
    x[8000:8003] = (-1.0, 0.9, -1.0)
    assert reference(x, 8000)[0] is None
    assert active_speech_level(x, 8000).level_dbov is None


def test_the_blocks_that_a_long_recording_is_cut_into_leave_no_trace() -> None:
    x = as_recorded(np.concatenate([babble(9, 8000, -20.0, 10), np.zeros(200_000), babble(10, 8000, -30.0, 5)]))
    level, activity = reference(x, 8000)
    assert active_speech_level(x, 8000).level_dbov == pytest.approx(level, abs=1e-6)
    assert active_speech_level(x, 8000).activity_factor == pytest.approx(activity, abs=1e-7)


# What the functions of ITU-T G.191 (Software Tool Library, src/sv56/sv-p56.c, v2.3; published at github.com/openitu/STL) print for
# the same 16-bit samples: RMS level, active level, activity in percent.  Their interpolation stops 0.5 dB from the margin, which
# is worth some hundredths of a dB in the result.
G191 = {
    "sine": (8000, sine(8000, 10.0, 1000.0, -23.0103), (-23.010, -23.000, 99.759)),
    "gated 8 kHz": (8000, gated_noise(1, 8000, -26.0, 2.0, 2.0, 5), (-28.979, -26.514, 56.691)),
    "gated 16 kHz": (16000, gated_noise(2, 16000, -30.0, 1.0, 3.0, 5), (-36.001, -31.013, 31.707)),
    "babble 8 kHz": (8000, babble(3, 8000, -20.0, 20), (-27.919, -26.209, 67.454)),
    "babble 16 kHz": (16000, babble(4, 16000, -35.0, 20), (-42.880, -41.093, 66.265)),
    "quiet babble": (8000, babble(5, 8000, -50.0, 20), (-57.943, -56.232, 67.441)),
}


@pytest.mark.parametrize("name", G191)
def test_g191_figures_of_made_signals(name: str) -> None:
    rate, signal, (rms, level, activity) = G191[name]
    x = as_recorded(signal)
    measured = active_speech_level(x, rate)
    assert rms_dbov(x) == pytest.approx(rms, abs=0.001)
    assert measured.level_dbov == pytest.approx(level, abs=0.05)
    assert 100.0 * measured.activity_factor == pytest.approx(activity, abs=0.7)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real recordings are not here")
@pytest.mark.parametrize(
    ("file", "rms", "level", "activity"),
    [
        ("tencent_8k_19s.wav", -22.443, -21.128, 73.879),
        ("tencent_8k_3s.wav", -34.943, -30.485, 35.821),
        ("funasr_vad_example_70s.wav", -29.084, -27.963, 77.239),
        ("pyannote_sample.wav", -33.388, -32.161, 75.383),
        ("ami_dev00.wav", -41.109, -39.762, 73.338),
        ("aishell_BAC009S0724W0121.wav", -31.188, -30.104, 77.914),
    ],
)
def test_g191_figures_of_real_speech(file: str, rms: float, level: float, activity: float) -> None:
    x, rate = soundfile.read(SHARED / file, dtype="float32")
    measured = active_speech_level(x, rate)
    assert rms_dbov(x) == pytest.approx(rms, abs=0.002)
    assert measured.level_dbov == pytest.approx(level, abs=0.05)
    assert 100.0 * measured.activity_factor == pytest.approx(activity, abs=0.7)


def test_level_activity_and_rms_fit_together_as_in_the_published_log() -> None:
    """G.191's log of its own test file: RMS -25.478, active -25.023, activity 90.044 %: the difference is the activity."""
    assert -25.023 + 10.0 * math.log10(0.90044) == pytest.approx(-25.478, abs=0.001)
    x = babble(21, 8000, -25.0, 10).astype(np.float32)
    measured = active_speech_level(x, 8000)
    assert measured.level_dbov is not None
    assert measured.level_dbov + 10.0 * math.log10(measured.activity_factor) == pytest.approx(rms_dbov(x), abs=1e-6)


def test_six_decibels_more_read_as_six_decibels_more() -> None:
    """Between powers of two the thresholds do not move with the signal, which may cost a little; at a factor of 2 nothing."""
    x = babble(8, 8000, -30.0, 10).astype(np.float32)
    base = active_speech_level(x, 8000).level_dbov
    assert base is not None
    assert active_speech_level(2.0 * x, 8000).level_dbov == pytest.approx(base + 6.0206, abs=1e-3)
    for gain_db in (1.0, 2.5, 4.0):
        louder = (x * np.float32(10.0 ** (gain_db / 20.0))).astype(np.float32)
        assert active_speech_level(louder, 8000).level_dbov == pytest.approx(base + gain_db, abs=0.1)


@pytest.mark.parametrize("x", [np.zeros(0), np.zeros(80_000), np.full(80_000, 1.0 / 32768.0), gated_noise(1, 8000, -95.0, 1, 1, 4)])
def test_no_speech_no_level(x: Floats) -> None:
    measured = active_speech_level(x.astype(np.float32), 8000)
    assert measured.level_dbov is None
    assert measured.activity_factor == 0.0


def test_rms_of_silence_is_the_floor() -> None:
    assert rms_dbov(np.zeros(100, dtype=np.float32)) == -100.0
    assert rms_dbov(np.zeros(0, dtype=np.float32)) == -100.0
    assert rms_dbov(np.full(100, 1e-7, dtype=np.float32)) == -100.0


def test_two_channels_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="one channel"):
        active_speech_level(np.zeros((100, 2), dtype=np.float32), 8000)
    with pytest.raises(ValueError, match="positive rate"):
        active_speech_level(np.zeros(100, dtype=np.float32), 0)
