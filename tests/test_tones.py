"""Signalling tones: cadences as the standard gives them, worn by noise, codecs and cuts, and what only looks like them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from qa.tones import find_tones, telephone_band
from qa.types import Float32Array, Tone

SHARED = Path(__file__).parents[1].parent / "shared" / "realspeech"
Floats = npt.NDArray[np.float64]
CHINESE = ("ringback", "busy", "congestion")

RINGBACK, BUSY, CONGESTION = (1.0, 4.0), (0.35, 0.35), (0.7, 0.7)


def gates(spans_s: list[tuple[float, float]], seconds: float, rate: int) -> Floats:
    gate = np.zeros(round(seconds * rate))
    for start, end in spans_s:
        gate[round(start * rate) : round(end * rate)] = 1.0
    return gate


def keyed(spans_s: list[tuple[float, float]], seconds: float, rate: int = 8000, hz: float = 450.0, dbov: float = -20.0) -> Floats:
    """A sine of level ``dbov`` that sounds in the given seconds."""
    gate = gates(spans_s, seconds, rate)
    return np.sqrt(2.0) * 10.0 ** (dbov / 20.0) * gate * np.sin(2.0 * np.pi * hz * np.arange(len(gate)) / rate)


def cadence(pattern: tuple[float, float], count: int, lead_s: float = 0.5) -> list[tuple[float, float]]:
    on, off = pattern
    return [(lead_s + k * (on + off), lead_s + k * (on + off) + on) for k in range(count)]


def noise(length: int, dbov: float, seed: int = 7) -> Floats:
    return np.random.default_rng(seed).standard_normal(length) * 10.0 ** (dbov / 20.0)


def syllables(seconds: float, rate: int = 8000, dbov: float = -25.0, hz: float = 180.0) -> Floats:
    """A voice of sorts: harmonics under a formant, pitch and level moving with the syllables."""
    t = np.arange(round(seconds * rate)) / rate
    pitch = hz * (1.0 + 0.15 * np.sin(2.0 * np.pi * 1.3 * t))
    phase = 2.0 * np.pi * np.cumsum(pitch) / rate
    weights = [np.exp(-(((k * hz - 600.0) / 500.0) ** 2)) + 0.05 for k in range(1, 15)]
    voice = sum(w * np.sin((k + 1) * phase) for k, w in enumerate(weights)) * np.abs(np.sin(2.0 * np.pi * 2.2 * t))
    return np.asarray(voice * 10.0 ** (dbov / 20.0) / np.std(voice))


def coded(x: Floats, subtype: str) -> Float32Array:
    """Through a telephone codec and back."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(x, -1.0, 1.0), 8000, format="WAV", subtype=subtype)
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0])


def found(x: Floats | Float32Array, rate: int = 8000) -> tuple[Tone, ...]:
    return find_tones(x.astype(np.float32), rate, 0)


def kinds(x: Floats | Float32Array, rate: int = 8000) -> list[str]:
    return [tone.kind for tone in found(x, rate)]


def assert_at(tones: tuple[Tone, ...], spans_s: list[tuple[float, float]], within_ms: int = 15) -> None:
    assert len(tones) == len(spans_s)
    for tone, (start, end) in zip(tones, spans_s, strict=True):
        assert tone.span.start_ms == pytest.approx(1000 * start, abs=within_ms)
        assert tone.span.end_ms == pytest.approx(1000 * end, abs=within_ms)


# ---------------------------------------------------------------- what must be found


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 48000])
@pytest.mark.parametrize(("kind", "pattern", "count"), [("ringback", RINGBACK, 3), ("busy", BUSY, 5), ("congestion", CONGESTION, 4)])
@pytest.mark.parametrize(("hz", "dbov"), [(450.0, -10.0), (427.0, -30.0), (473.0, -45.0)])
def test_cadences(rate: int, kind: str, pattern: tuple[float, float], count: int, hz: float, dbov: float) -> None:
    """At every rate, at both ends of the frequency range, down to -45 dBov with the noise 10 dB below."""
    spans = cadence(pattern, count)
    x = keyed(spans, spans[-1][1] + 3.0, rate, hz, dbov)
    tones = found(x + noise(len(x), dbov - 10.0), rate)
    assert [t.kind for t in tones] == [kind] * count
    assert_at(tones, spans)
    for tone in tones:
        assert tone.frequency_hz == pytest.approx(hz, abs=1.0)
        assert tone.level_dbov == pytest.approx(dbov, abs=0.5)


@pytest.mark.parametrize("subtype", ["ALAW", "ULAW"])
@pytest.mark.parametrize("dbov", [-8.0, -45.0])
def test_through_telephone_codecs(subtype: str, dbov: float) -> None:
    spans = cadence(RINGBACK, 2)
    tones = found(coded(keyed(spans, 10.0, dbov=dbov), subtype))
    assert [t.kind for t in tones] == ["ringback"] * 2
    assert_at(tones, spans)


@pytest.mark.parametrize("stretch", [0.9, 1.1])
def test_durations_may_be_off_by_the_tolerance_of_the_standard(stretch: float) -> None:
    for kind, (on, off) in (("ringback", RINGBACK), ("busy", BUSY), ("congestion", CONGESTION)):
        spans = cadence((on * stretch, off * stretch), 3)
        assert kinds(keyed(spans, 17.0)) == [kind] * 3


@pytest.mark.parametrize("first_s", [0.12, 0.5, 0.95])
@pytest.mark.parametrize("last_s", [0.12, 0.5, 0.95])
def test_rings_cut_by_the_start_and_by_the_answer_count(first_s: float, last_s: float) -> None:
    spans = [(0.0, first_s), (first_s + 4.0, first_s + 5.0), (first_s + 9.0, first_s + 9.0 + last_s)]
    x = keyed(spans, spans[-1][1] + 8.0)
    voice = syllables(7.5)
    x[-len(voice) :] += voice
    tones = found(x)
    assert [t.kind for t in tones] == ["ringback"] * 3
    assert_at(tones, spans, within_ms=25)


def test_two_rings_both_cut() -> None:
    assert kinds(keyed([(0.0, 0.4), (4.4, 4.7)], 9.0)) == ["ringback", "ringback"]


@pytest.mark.parametrize("start_s", [0.0, 0.7, 3.9])
@pytest.mark.parametrize("on_s", [0.2, 0.6, 1.0])
def test_a_single_ring_before_the_voice(start_s: float, on_s: float) -> None:
    x = keyed([(start_s, start_s + on_s)], start_s + on_s + 6.0)
    voice = syllables(5.9)
    x[-len(voice) :] += voice
    assert [t.kind for t in found(x) if t.span.start_ms < 1000 * (start_s + on_s)] == ["ringback"]


@pytest.mark.parametrize("seed", range(24))
def test_the_number_of_rings_begun_is_exact(seed: int) -> None:
    """Any number, level and noise; the answer in the middle of a ring or of a pause; the voice in the same channel."""
    rng = np.random.default_rng(seed)
    count, lead, dbov = int(rng.integers(1, 7)), rng.uniform(0.0, 4.0), rng.uniform(-45.0, -8.0)
    spans = cadence(RINGBACK, count, lead)
    spans[-1] = (spans[-1][0], spans[-1][0] + float(rng.choice([1.0, rng.uniform(0.2, 1.0)])))
    answer = spans[-1][1] + rng.uniform(0.1, 3.0)
    x = keyed(spans, answer + 6.0, dbov=dbov, hz=rng.uniform(440.0, 460.0))
    voice = syllables(5.8, hz=rng.uniform(100.0, 260.0))
    x[-len(voice) :] += voice
    x += noise(len(x), max(dbov - rng.uniform(10.0, 40.0), -75.0), seed)
    assert kinds(coded(x, "ALAW") if seed % 2 else x) == ["ringback"] * count


def test_busy_at_the_end_of_a_call_and_cut_by_it() -> None:
    spans = cadence(BUSY, 4, 6.0)
    x = keyed(spans, spans[-1][0] + 0.2)
    voice = syllables(5.0)
    x[: len(voice)] += voice
    assert kinds(x) == ["busy"] * 4


def test_a_crackle_on_top_of_a_ring_does_not_make_two_of_it() -> None:
    x = keyed(cadence(RINGBACK, 2), 9.0)
    x[8000:8400] += noise(400, -14.0)
    assert kinds(x) == ["ringback"] * 2


def test_the_channel_is_written_into_the_tone() -> None:
    x = keyed(cadence(RINGBACK, 1), 4.0).astype(np.float32)
    assert [t.channel for t in find_tones(x, 8000, 1)] == [1]


# ---------------------------------------------------------------- 450 Hz of another cadence


@pytest.mark.parametrize(
    "spans",
    [
        [(0.0, 6.0)],  # dial tone
        cadence((0.4, 4.0), 3),  # call waiting
        cadence((0.4, 0.4), 6),
        cadence((1.0, 2.0), 4),  # ringback of other countries
        cadence((2.0, 4.0), 2),
        [(k * 1.4 + a, k * 1.4 + b) for k in range(4) for a, b in ((0, 0.1), (0.2, 0.3), (0.4, 0.5), (0.6, 1.0))],  # no such number
    ],
)
def test_another_cadence_is_another_tone(spans: list[tuple[float, float]]) -> None:
    measured = kinds(keyed(spans, spans[-1][1] + 2.0))
    assert measured
    assert set(measured) == {"other"}


def test_a_lone_beep_followed_by_nothing_is_not_a_ring() -> None:
    assert "ringback" not in kinds(keyed([(0.5, 0.8)], 6.0))


# ---------------------------------------------------------------- what must not be found


@pytest.mark.parametrize("hz", [400.0, 415.0, 485.0, 500.0, 1000.0])
def test_other_frequencies(hz: float) -> None:
    assert kinds(keyed(cadence(RINGBACK, 3), 15.0, hz=hz)) == []


@pytest.mark.parametrize(("pair", "pattern"), [((440.0, 480.0), (2.0, 4.0)), ((440.0, 480.0), RINGBACK), ((480.0, 620.0), (0.5, 0.5))])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_north_american_tones(pair: tuple[float, float], pattern: tuple[float, float], rate: int) -> None:
    spans = cadence(pattern, 3)
    assert kinds(keyed(spans, 20.0, rate, pair[0]) + keyed(spans, 20.0, rate, pair[1]), rate) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real recordings are not here")
@pytest.mark.parametrize("file", ["baresip_ringback_rec.wav", "baresip_busy_synth.wav", "baresip_callwaiting.wav"])
def test_recorded_north_american_tones(file: str) -> None:
    x, rate = soundfile.read(SHARED / file, dtype="float32")
    assert not set(kinds(x, rate)) & set(CHINESE)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real recordings are not here")
def test_real_speech_holds_no_tone() -> None:
    files = [f for f in sorted(SHARED.glob("*.*")) if f.suffix in (".wav", ".flac", ".mp3", ".opus") and "baresip" not in f.name]
    assert len(files) > 15
    for file in files:
        x, rate = soundfile.read(file, dtype="float32", always_2d=True)
        for pitch in (1.0, 1.5, 2.0):  # played faster: voices whose pitch comes near 450 Hz
            assert kinds(x[:, 0], round(rate * pitch)) == [], file.name


RING_TIME = gates(cadence(RINGBACK, 3), 16.0, 8000)
T = np.arange(len(RING_TIME)) / 8000.0


@pytest.mark.parametrize(
    "harmonics", [(1.0, 0.2, 0.18, 0.05), (1.0, 0.3, 0.1), (1.0, 1.2, 0.5), (0.6, 1.0, 0.4, 0.3)], ids=["u", "i", "a", "o"]
)
def test_sung_vowels_at_450_hz_even_in_the_cadence(harmonics: tuple[float, ...]) -> None:
    vowel = sum(a * np.sin(2.0 * np.pi * 450.0 * (k + 1) * T) for k, a in enumerate(harmonics))
    assert kinds(0.1 * np.asarray(vowel) * RING_TIME) == []


@pytest.mark.parametrize(("depth_hz", "rate_hz"), [(4.0, 5.5), (8.0, 5.0), (15.0, 2.0)])
def test_hum_with_the_waver_of_a_voice(depth_hz: float, rate_hz: float) -> None:
    phase = 2.0 * np.pi * np.cumsum(450.0 + depth_hz * np.sin(2.0 * np.pi * rate_hz * T)) / 8000.0
    assert kinds(0.1 * np.sin(phase) * RING_TIME) == []


def test_hum_that_swells() -> None:
    swell = 0.3 + 0.7 * np.sin(np.pi * ((T - 0.5) % 5.0)) ** 2
    assert kinds(0.1 * np.sin(2.0 * np.pi * 450.0 * T) * RING_TIME * swell) == []


@pytest.mark.parametrize("decay", [1.0, 3.0, 10.0])
def test_plucked_notes(decay: float) -> None:
    assert kinds(0.3 * np.sin(2.0 * np.pi * 450.0 * T) * RING_TIME * np.exp(-decay * ((T - 0.5) % 5.0))) == []


@pytest.mark.parametrize("on_s", [1.0, 0.9, 0.7, 0.35])
@pytest.mark.parametrize("note_s", [1.0, 0.7, 0.4])
def test_a_tune_with_notes_at_450_hz(on_s: float, note_s: float) -> None:
    """Pure tones, the hardest case: each note ``note_s`` long, sounding for ``on_s`` of that share."""
    tune = [392.0, 450.0, 440.0, 523.25, 450.0, 329.63, 450.0, 587.33] * 3
    parts = [keyed([(0.0, note_s * on_s)], note_s, hz=hz) for hz in tune]
    assert not set(kinds(np.concatenate(parts))) & {"ringback"}
    if on_s == 1.0:
        assert kinds(np.concatenate(parts)) == []


def test_mains_hum_does_not_hide_a_ring() -> None:
    spans = cadence(RINGBACK, 2)
    x = keyed(spans, 10.0, dbov=-40.0)
    assert kinds(x + keyed([(0.0, 10.0)], 10.0, hz=50.0, dbov=-35.0)) == ["ringback"] * 2


@pytest.mark.parametrize("x", [np.zeros(0), np.zeros(100), np.zeros(80_000), noise(80_000, -20.0), np.ones(80_000)])
def test_silence_noise_and_next_to_nothing(x: Floats) -> None:
    assert found(x) == ()


def test_the_telephone_band_keeps_time_and_level() -> None:
    x = keyed([(0.0, 2.0)], 2.0, 48000, 450.0, -20.0).astype(np.float32)
    band = telephone_band(x, 48000)
    assert len(band) == 16000
    assert np.sqrt(np.mean(np.square(band[800:-800]))) == pytest.approx(0.1, rel=0.01)
