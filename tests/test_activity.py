"""Speech activity on signals whose speech is known: synthetic speech with its marks, silence, tones, noise, two channels."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from qa import activity
from qa.activity import ActivitySettings, detect
from qa.activity_weights import WEIGHTS
from qa.types import Audio, AudioInfo, Span

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[1].parent / "shared" / "realspeech"
Signal = npt.NDArray[np.float64]
RATE_HZ = 8000
PAUSE_MS = 350  # the fixture has pauses of 274 and 426 ms, and a grid of 30 ms may move both edges


def audio(*channels: Signal, rate_hz: int = RATE_HZ) -> Audio:
    pcm = np.stack([np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16) for x in channels], axis=1)
    return Audio(AudioInfo("x.wav", "0" * 64, "wav", "pcm_s16le", rate_hz, len(channels), len(pcm) * 1000 // rate_hz), pcm)


@pytest.fixture(scope="module")
def speech() -> Signal:
    """Telephone speech at -26 dBov with pauses (made by benchmarks/activity.py --fixture)."""
    return np.asarray(soundfile.read(DATA / "activity_speech.flac")[0])


@pytest.fixture(scope="module")
def truth() -> tuple[Span, ...]:
    """Stretches of speech by the synthesiser's marks, joined over pauses that the grid might lose."""
    out: list[Span] = []
    for start, end in json.loads((DATA / "activity_speech.json").read_text("utf-8"))["speech_ms"]:
        if out and start - out[-1].end_ms <= PAUSE_MS:
            out[-1] = Span(out[-1].start_ms, end)
        else:
            out.append(Span(start, end))
    return tuple(out)


def joined(spans: tuple[Span, ...], gap_ms: int = PAUSE_MS) -> list[Span]:
    out: list[Span] = []
    for s in spans:
        if out and s.start_ms - out[-1].end_ms <= gap_ms:
            out[-1] = Span(out[-1].start_ms, s.end_ms)
        else:
            out.append(s)
    return out


def assert_edges(found: tuple[Span, ...], truth: tuple[Span, ...], within_ms: int = 60) -> None:
    stretches = joined(found)
    assert len(stretches) == len(truth), (stretches, truth)
    for f, t in zip(stretches, truth, strict=True):
        assert abs(f.start_ms - t.start_ms) <= within_ms and abs(f.end_ms - t.end_ms) <= within_ms, (f, t)


def total_ms(spans: tuple[Span, ...]) -> int:
    return sum(s.duration_ms for s in joined(spans, 500))


def test_edges_pauses_and_speech_time_match_the_marks(speech: Signal, truth: tuple[Span, ...]) -> None:
    assert any(b.start_ms - a.end_ms < 700 for a, b in itertools.pairwise(truth)), "a short pause is among them"
    (found,) = detect(audio(speech)).channels
    assert_edges(found, truth)
    assert total_ms(found) == pytest.approx(total_ms(truth), rel=0.03)


def test_spans_lie_on_the_grid_sorted_and_inside(speech: Signal) -> None:
    (found,) = detect(audio(speech)).channels
    assert all(s.start_ms % 30 == 0 and s.end_ms % 30 == 0 and s.duration_ms >= 30 for s in found)
    assert all(a.end_ms < b.start_ms for a, b in itertools.pairwise(found))
    assert found[-1].end_ms <= len(speech) * 1000 / RATE_HZ + 30


@pytest.mark.parametrize("level_dbov", [-45, -10])
def test_quiet_and_loud_speech(speech: Signal, truth: tuple[Span, ...], level_dbov: int) -> None:
    (found,) = detect(audio(speech * 10 ** ((level_dbov + 26) / 20))).channels
    assert_edges(found, truth, 90)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_any_sample_rate(speech: Signal, truth: tuple[Span, ...], rate_hz: int) -> None:
    (found,) = detect(audio(np.asarray(soxr.resample(speech, RATE_HZ, rate_hz)), rate_hz=rate_hz)).channels
    assert_edges(found, truth)


@pytest.mark.parametrize(("snr_db", "share"), [(20, 0.03), (10, 0.06)])
def test_speech_in_white_noise(speech: Signal, truth: tuple[Span, ...], snr_db: int, share: float) -> None:
    noise = np.random.default_rng(0).standard_normal(len(speech)) * 10 ** ((-26 - snr_db) / 20)
    (found,) = detect(audio(speech + noise)).channels
    assert total_ms(found) == pytest.approx(total_ms(truth), rel=share)


def tones() -> dict[str, Signal]:
    n = RATE_HZ * 10
    t = np.arange(n) / RATE_HZ
    rng = np.random.default_rng(1)
    chords = np.sum([np.sin(2 * np.pi * f * h * t) / h for f in (220, 277, 330) for h in (1, 2, 3)], axis=0)
    hum = np.sum([np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 12)], axis=0)
    return {
        "digital silence": np.zeros(n),
        "ringback": 0.14 * np.sin(2 * np.pi * 450 * t) * (t % 5 < 1),
        "busy": 0.3 * np.sin(2 * np.pi * 450 * t) * (t % 0.7 < 0.35),
        "white -30 dBov": 0.0316 * rng.standard_normal(n),
        "white -60 dBov": 0.001 * rng.standard_normal(n),
        "hum": 0.02 * hum,
        "music": 0.05 * chords * np.exp(-4 * (t % 0.4)),
        "dc": np.full(n, 0.1),
    }


@pytest.mark.parametrize("name", list(tones()))
def test_no_speech_where_there_is_none(name: str) -> None:
    assert detect(audio(tones()[name])).channels == ((),)


def test_ringback_before_speech_is_not_part_of_it(speech: Signal, truth: tuple[Span, ...]) -> None:
    t = np.arange(RATE_HZ * 6) / RATE_HZ
    ringback = 0.14 * np.sin(2 * np.pi * 450 * t) * (t % 5 < 1)
    (found,) = detect(audio(np.concatenate([ringback, speech]))).channels
    assert_edges(found, tuple(Span(s.start_ms + 6000, s.end_ms + 6000) for s in truth), 90)


def test_channels_are_apart(speech: Signal, truth: tuple[Span, ...]) -> None:
    first = np.concatenate([speech, np.zeros_like(speech)])
    second = np.concatenate([np.zeros_like(speech), speech])
    found = detect(audio(first, second)).channels
    shift = len(speech) * 1000 // RATE_HZ
    assert_edges(found[0], truth)
    assert_edges(found[1], tuple(Span(s.start_ms + shift, s.end_ms + shift) for s in truth), 90)


@pytest.mark.parametrize("other_speaks", [True, False])
def test_crosstalk_is_not_speech_of_the_channel(speech: Signal, truth: tuple[Span, ...], other_speaks: bool) -> None:
    """The leak, 25 dB below and 5 ms late, is heard by the detectors, so it is the comparison of the channels that drops it."""
    first = np.concatenate([speech, np.zeros_like(speech)])
    leak = np.roll(first, 40) * 10 ** (-25 / 20)
    own = np.concatenate([np.zeros_like(speech), speech]) if other_speaks else np.zeros_like(leak)
    found = detect(audio(first, leak + own)).channels
    assert_edges(found[0], truth)
    shift = len(speech) * 1000 // RATE_HZ
    assert_edges(found[1], tuple(Span(s.start_ms + shift, s.end_ms + shift) for s in truth) if other_speaks else (), 90)
    assert detect(audio(leak)).channels[0] != ()


def test_quiet_speaker_under_a_loud_one_is_kept(speech: Signal, truth: tuple[Span, ...]) -> None:
    """Two different signals 22 dB apart at the same time: no crosstalk."""
    quiet = speech[::-1] * 10 ** (-22 / 20)
    found = detect(audio(speech, quiet)).channels[1]
    assert sum(s.duration_ms for s in found) > 0.8 * sum(s.duration_ms for s in truth)


def test_same_mix_twice_gives_the_same_spans_twice(speech: Signal) -> None:
    both = detect(audio(speech, speech)).channels
    assert both[0] == both[1] == detect(audio(speech)).channels[0]


@pytest.mark.parametrize("samples", [0, 1, 79, 80, 239])
def test_very_short_files_hold_no_speech(samples: int) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(samples)
    assert detect(audio(noise, noise)).channels == ((), ())


def test_detection_repeats_exactly(speech: Signal) -> None:
    assert detect(audio(speech)) == detect(audio(speech))


def test_real_caller() -> None:
    """Reference 770-5,980 ms, which another detector gave with its padding; the sound itself runs from 1,050 to 5,850 ms."""
    path = SHARED / "funasr_regression_sample.wav"
    if not path.exists():
        pytest.skip("shared recordings are not here")
    x, rate_hz = soundfile.read(path)
    (found,) = detect(audio(x, rate_hz=rate_hz)).channels
    assert 770 <= found[0].start_ms <= 1100 and 5800 <= found[-1].end_ms <= 5980


# ---------------------------------------------------------------- the parts


def brute_force(odds: list[float], cost: float) -> float:
    def value(path: tuple[int, ...]) -> float:
        return sum(o for o, p in zip(odds, path, strict=True) if p) - cost * sum(a != b for a, b in itertools.pairwise(path))

    return max(value(path) for path in itertools.product((0, 1), repeat=len(odds)))


@pytest.mark.parametrize("seed", range(5))
def test_viterbi_finds_the_best_of_all_paths(seed: int) -> None:
    odds = np.random.default_rng(seed).normal(0, 3, 11)
    path = activity.viterbi(odds, 2.0)
    value = float(odds[path].sum()) - 2.0 * np.count_nonzero(np.diff(path.astype(int)))
    assert value == pytest.approx(brute_force(odds.tolist(), 2.0))


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("0000", ()),
        ("1111111", ((0, 60),)),
        ("0110000", ((0, 30),)),
        ("0100000", ((0, 30),)),
        ("0010000", ()),
        ("111000111", ((0, 30), (60, 90))),
        ("111110111", ((0, 90),)),
    ],
)
def test_spans_go_to_the_nearest_grid_point(mask: str, expected: tuple[tuple[int, int], ...]) -> None:
    frames = np.array([c == "1" for c in mask])
    assert activity.spans(frames, 30) == tuple(Span(a, b) for a, b in expected)


def test_every_detector_has_a_say() -> None:
    for group in activity.GROUPS:
        assert any(w != 0 for name, w in WEIGHTS.items() if name.startswith(group))


def test_features_are_the_weighted_ones(speech: Signal) -> None:
    wave = np.asarray(soxr.resample(speech, RATE_HZ, activity.RATE_HZ), np.float32)
    table = activity.features(activity.gather(wave))
    assert set(table) == set(WEIGHTS)
    assert {len(column) for column in table.values()} == {len(wave) // 160}


def test_noise_floor_and_speech_level(speech: Signal) -> None:
    """White noise of -50 dBov has -50 + 10 lg(1 + 0.9^2) dB after the pre-emphasis 1 - 0.9/z."""
    wave = np.asarray(soxr.resample(speech, RATE_HZ, activity.RATE_HZ))
    wave = wave + 10 ** (-50 / 20) * np.random.default_rng(2).standard_normal(len(wave))
    floor, _, level = activity.levels(activity.gather(wave.astype(np.float32)))
    assert float(np.median(floor)) == pytest.approx(-50 + 10 * np.log10(1.81), abs=0.3)
    assert float(np.median(level - floor)) > 10


@pytest.mark.parametrize(
    "settings", [{"switch_cost": -1.0}, {"grid_ms": 0}, {"leak_db": 0.0}, {"leak_correlation": 1.5}, {"echo_db": -1.0}, {"echo_rest": 1.0}]
)
def test_settings_out_of_range(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        ActivitySettings(**settings)  # type: ignore[arg-type]
