"""Acoustics of made recordings whose levels, noise, clipping, pitch and tones are known by construction."""

from __future__ import annotations

import io
import itertools
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from scipy.signal import butter, lfilter, sosfilt

from qa.acoustics import measure
from qa.types import Acoustics, Audio, AudioInfo, Span, SpeechActivity

SHARED = Path(__file__).parents[1].parent / "shared" / "realspeech"
Floats = npt.NDArray[np.float64]
Spans = list[tuple[int, int]]

TALK_A: Spans = [(1_500, 4_500), (9_000, 12_000), (16_500, 19_500)]
TALK_B: Spans = [(5_100, 8_400), (12_600, 16_200)]
LENGTH_S = 21.0


def recording(*channels: Floats, rate: int = 8000) -> Audio:
    pcm = np.stack([np.round(np.clip(x, -1.0, 32767.0 / 32768.0) * 32768.0) for x in channels], axis=1).astype(np.int16)
    info = AudioInfo("call.wav", "0" * 64, "wav", "pcm_s16le", rate, pcm.shape[1], len(pcm) * 1000 // rate)
    return Audio(info, pcm)


def speaking(*channels: Spans) -> SpeechActivity:
    return SpeechActivity(tuple(tuple(Span(a, b) for a, b in spans) for spans in channels), "made")


def noise(seed: int, seconds: float, dbov: float, rate: int = 8000) -> Floats:
    return np.random.default_rng(seed).standard_normal(round(seconds * rate)) * 10.0 ** (dbov / 20.0)


def only(x: Floats, spans: Spans, rate: int = 8000) -> Floats:
    gate = np.zeros(len(x))
    for a, b in spans:
        gate[a * rate // 1000 : b * rate // 1000] = 1.0
    return x * gate


def talk(seed: int, spans: Spans, dbov: float, rate: int = 8000, seconds: float = LENGTH_S) -> Floats:
    """Noise of level ``dbov`` in the given milliseconds: its active level is known to the hangover."""
    return only(noise(seed, seconds, dbov, rate), spans, rate)


def ringing(spans: Spans, dbov: float = -12.0, seconds: float = LENGTH_S, rate: int = 8000) -> Floats:
    t = np.arange(round(seconds * rate)) / rate
    return only(math.sqrt(2.0) * 10.0 ** (dbov / 20.0) * np.sin(2.0 * np.pi * 450.0 * t), spans, rate)


def through(x: Floats, subtype: str, rate: int = 8000) -> Floats:
    file = io.BytesIO()
    soundfile.write(file, np.clip(x, -1.0, 0.9999), rate, format="WAV", subtype=subtype)
    file.seek(0)
    return np.asarray(soundfile.read(file)[0])


def voice(pitch_hz: Floats, dbov: float = -25.0, rate: int = 8000) -> Floats:
    """Pulses through three formants, cut to the telephone band: below 300 Hz there is no fundamental left."""
    pulses = np.diff(np.floor(np.cumsum(pitch_hz) / rate), prepend=0.0)
    x = lfilter([1.0], [1.0, -0.95], pulses)
    for hz, width in ((550.0, 80.0), (1400.0, 110.0), (2500.0, 160.0)):
        radius = math.exp(-math.pi * width / rate)
        x = lfilter([1.0], [1.0, -2.0 * radius * math.cos(2.0 * math.pi * hz / rate), radius**2], x)
    x = sosfilt(butter(4, (300.0, 3400.0), "bandpass", fs=rate, output="sos"), x)
    return np.asarray(x * 10.0 ** (dbov / 20.0) / np.std(x))


def conversation(dbov_a: float = -22.0, dbov_b: float = -30.0, leak_db: float | None = None) -> tuple[Floats, Floats]:
    """Two people in turn, each with own line noise; ``leak_db`` is the crosstalk in both directions."""
    a, b = talk(1, TALK_A, dbov_a), talk(2, TALK_B, dbov_b)
    leak = 0.0 if leak_db is None else 10.0 ** (leak_db / 20.0)
    here = a + leak * np.roll(b, 3) + noise(3, LENGTH_S, -60.0)
    there = b + leak * np.roll(a, 3) + noise(4, LENGTH_S, -55.0)
    return here, there


# ---------------------------------------------------------------- levels and noise


def test_levels_of_a_conversation() -> None:
    """Active level: the burst's own less what 0.3 s of hangover after every 3 s costs.  Noise, SNR, activity, peak as made."""
    here, there = conversation()
    result = measure(recording(here, there), speaking(TALK_A, TALK_B))
    for channel, signal, level, floor, talked_ms, bursts in (
        (result.channels[0], here, -22.0, -60.0, 9_000, 3),
        (result.channels[1], there, -30.0, -55.0, 6_900, 2),
    ):
        active_ms = talked_ms + 300 * bursts
        assert channel.active_level_dbov == pytest.approx(level - 10.0 * math.log10(active_ms / talked_ms), abs=0.1)
        assert channel.activity_factor == pytest.approx(active_ms / (1000.0 * LENGTH_S), abs=0.01)
        assert channel.noise_floor_dbov == pytest.approx(floor, abs=0.2)
        assert channel.snr_db == pytest.approx(channel.active_level_dbov - channel.noise_floor_dbov, abs=0.011)
        assert channel.peak_dbov == pytest.approx(20.0 * math.log10(np.abs(signal).max()), abs=0.01)
    assert result.same_channels is False
    assert result.tones == ()


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("level", [-12.0, -26.0, -38.0])
def test_level_error_stays_below_0_3_db(rate: int, level: float) -> None:
    spans = [(1_020, 10_020), (12_000, 21_000)]
    x = talk(5, spans, level, rate, 22.0) + noise(6, 22.0, level - 30.0, rate)
    channel = measure(recording(x, rate=rate), speaking(spans)).channels[0]
    assert channel.active_level_dbov == pytest.approx(level, abs=0.3)
    assert channel.noise_floor_dbov == pytest.approx(level - 30.0, abs=0.3)


def test_ringback_is_no_speech() -> None:
    """A ring 20 dB above the voice changes nothing, even where the detector of speech took it for speech."""
    rings = [(500, 1_500), (5_500, 6_500)]
    later = [(a + 10_000, b + 10_000) for a, b in ((0, 4_000), (5_000, 9_000))]
    quiet = talk(1, later, -32.0) + noise(2, LENGTH_S, -60.0)
    plain = measure(recording(quiet), speaking(later)).channels[0]
    result = measure(recording(quiet + ringing(rings)), speaking([*rings, *later]))
    rung = result.channels[0]
    assert [(t.kind, t.channel) for t in result.tones] == [("ringback", 0)] * 2
    assert rung.active_level_dbov == pytest.approx(plain.active_level_dbov, abs=0.02)
    assert rung.activity_factor == pytest.approx(plain.activity_factor, abs=0.002)
    assert rung.noise_floor_dbov == pytest.approx(plain.noise_floor_dbov, abs=0.1)
    assert np.count_nonzero(rung.pitch_hz[:100]) == 0


def test_only_rings_are_no_speech_at_all() -> None:
    rings = [(500, 1_500), (5_500, 6_500)]
    channel = measure(recording(ringing(rings)), speaking(rings)).channels[0]
    assert channel.active_level_dbov is None
    assert channel.snr_db is None
    assert channel.activity_factor == 0.0
    assert channel.clipped_ratio == 0.0


def test_crosstalk_is_not_the_noise_floor() -> None:
    here, there = conversation(leak_db=-20.0)
    result = measure(recording(here, there), speaking(TALK_A, TALK_B))
    assert result.channels[0].noise_floor_dbov == pytest.approx(-60.0, abs=0.3)
    assert result.channels[1].noise_floor_dbov == pytest.approx(-55.0, abs=0.3)


def test_a_door_slam_does_not_move_the_noise_floor() -> None:
    here, _ = conversation()
    here[4_700 * 8 : 4_900 * 8] += noise(9, 0.2, -15.0)
    assert measure(recording(here), speaking(TALK_A)).channels[0].noise_floor_dbov == pytest.approx(-60.0, abs=0.3)


def test_padding_of_zeros_is_not_the_noise_floor() -> None:
    here, _ = conversation()
    padded = np.concatenate([np.zeros(80_000), here])
    spans = [(a + 10_000, b + 10_000) for a, b in TALK_A]
    assert measure(recording(padded), speaking(spans)).channels[0].noise_floor_dbov == pytest.approx(-60.0, abs=0.3)


def test_a_direct_current_offset_is_not_a_level() -> None:
    here, _ = conversation()
    plain = measure(recording(here), speaking(TALK_A)).channels[0]
    shifted = measure(recording(here + 0.02), speaking(TALK_A)).channels[0]
    assert 20.0 * math.log10(0.02) > plain.noise_floor_dbov + 20.0
    assert shifted.active_level_dbov == pytest.approx(plain.active_level_dbov, abs=0.01)
    assert shifted.noise_floor_dbov == pytest.approx(plain.noise_floor_dbov, abs=0.05)


@pytest.mark.parametrize("rate", [8000, 11025, 48000])
def test_level_track(rate: int) -> None:
    """Steps of known level, one a frame and the last frame half as long; silence reads -100."""
    steps = [-10.0, -20.0, -35.0, None, -50.0]
    edges = [k * rate // 10 for k in range(len(steps))] + [len(steps) * rate // 10 - rate // 20]
    x = np.zeros(edges[-1])
    for level, (a, b) in zip(steps, itertools.pairwise(edges), strict=True):
        if level is not None:
            x[a:b] = np.where(np.arange(b - a) % 2 == 0, 1.0, -1.0) * 10.0 ** (level / 20.0)
    channel = measure(recording(x, rate=rate), speaking([])).channels[0]
    assert channel.frame_ms == 100
    assert channel.level_dbov.dtype == np.float32
    assert [-100.0 if level is None else level for level in steps] == pytest.approx(channel.level_dbov.tolist(), abs=0.2)
    assert not channel.level_dbov.flags.writeable


def test_a_full_scale_square_wave_reads_0_in_the_track() -> None:
    square = np.tile([1.0, 1.0, -1.0, -1.0], 4_000)
    assert measure(recording(square), speaking([])).channels[0].level_dbov == pytest.approx(0.0, abs=0.001)


def test_a_silent_and_an_empty_channel() -> None:
    for length in (0, 40, 80_000):
        result = measure(recording(np.zeros(length), np.zeros(length)), speaking([], []))
        for channel in result.channels:
            assert channel.active_level_dbov is None
            assert channel.peak_dbov == -100.0
            assert channel.noise_floor_dbov == -100.0
            assert len(channel.level_dbov) == len(channel.pitch_hz) == math.ceil(length / 800)
        assert result.same_channels is False


def test_speech_activity_of_another_recording_is_refused() -> None:
    with pytest.raises(ValueError, match="not of this recording"):
        measure(recording(np.zeros(800)), speaking([], []))


# ---------------------------------------------------------------- clipping


def runs_at(x: npt.NDArray[np.int16], rails: tuple[int, int]) -> int:
    """Samples in runs of three or more at either rail, counted one by one."""
    return sum(n for value, run in itertools.groupby(x.tolist()) if value in rails and (n := len(list(run))) >= 3)


@pytest.mark.parametrize("rail", [1.0, 0.45])
@pytest.mark.parametrize("codec", [None, "ALAW", "ULAW"])
@pytest.mark.parametrize("drive", [2.5, 4.0])
def test_clipping_at_the_channels_own_rail(rail: float, codec: str | None, drive: float) -> None:
    """Turned up, clipped at a rail, then coded: the rail is what the codec makes of it.  The other channel is clean."""
    seconds, spans = 8.0, [(0, 8_000)]
    smooth = sosfilt(butter(2, (300.0, 900.0), "bandpass", fs=8000, output="sos"), noise(1, seconds, 0.0))
    smooth *= np.abs(np.sin(np.arange(len(smooth)) / 1500.0))
    clipped = np.clip(drive * smooth, -1.0, 1.0) * rail * 0.999
    clean = 0.9 * smooth / np.abs(smooth).max()
    if codec:
        clipped, clean = through(clipped, codec), through(clean, codec)
    audio = recording(clipped, clean)
    result = measure(audio, speaking(spans, spans))
    pcm = audio.pcm[:, 0]
    expected = runs_at(pcm, (int(pcm.max()), int(pcm.min()))) / len(pcm)
    assert expected > 0.005
    assert result.channels[0].clipped_ratio == pytest.approx(expected, rel=0.02)
    assert result.channels[1].clipped_ratio == 0.0


def test_clipping_outside_speech_does_not_count() -> None:
    x = talk(1, [(5_000, 9_000)], -26.0, seconds=10.0)
    x[8000:16000] = np.clip(noise(2, 1.0, 10.0), -1.0, 1.0)
    audio, both = recording(x), [(1_000, 2_000), (5_000, 9_000)]
    assert measure(audio, speaking([(5_000, 9_000)])).channels[0].clipped_ratio == 0.0
    spoken = np.concatenate([audio.pcm[a * 8 : b * 8, 0] for a, b in both])
    expected = runs_at(spoken, (32767, -32768)) / len(spoken)
    assert expected > 0.02
    assert measure(audio, speaking(both)).channels[0].clipped_ratio == pytest.approx(expected, rel=0.001)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real recordings are not here")
@pytest.mark.parametrize("codec", ["PCM_16", "ALAW"])
def test_clean_real_speech_is_not_clipped_and_overdriven_is(codec: str) -> None:
    x, rate = soundfile.read(SHARED / "tencent_8k_19s.wav")
    spans = [(0, len(x) * 1000 // rate)]
    clean = recording(through(0.97 * x / np.abs(x).max(), codec), rate=rate)
    assert measure(clean, speaking(spans)).channels[0].clipped_ratio == 0.0
    limit = float(np.quantile(np.abs(x), 0.997))
    driven = recording(through(0.6 * np.clip(x / limit, -1.0, 1.0), codec), rate=rate)
    assert 0.001 < measure(driven, speaking(spans)).channels[0].clipped_ratio < 0.004


# ---------------------------------------------------------------- pitch


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("hz", [85.0, 120.0, 210.0, 330.0, 440.0])
def test_pitch_of_a_steady_voice(rate: int, hz: float) -> None:
    x = voice(np.full(4 * rate, hz), rate=rate) + noise(1, 4.0, -50.0, rate)
    spans = [(1_000, 3_000)]
    track = measure(recording(only(x, spans, rate), rate=rate), speaking(spans)).channels[0].pitch_hz
    assert np.count_nonzero(track[:10]) == np.count_nonzero(track[30:]) == 0
    voiced = track[10:30][track[10:30] > 0]
    assert len(voiced) >= 18
    assert np.median(voiced) == pytest.approx(hz, rel=0.01)
    assert np.mean(np.abs(voiced / hz - 1.0) < 0.03) >= 0.9


def test_pitch_follows_a_tune() -> None:
    """Up and down an octave and a half in the telephone band with noise 20 dB below; error of the median 10 cents."""
    t = np.arange(8 * 8000) / 8000.0
    pitch = 180.0 * 2.0 ** (0.5 * np.sin(2.0 * np.pi * 0.4 * t))
    x = voice(pitch) + noise(1, 8.0, -45.0)
    track = measure(recording(x), speaking([(0, 8_000)])).channels[0].pitch_hz
    truth = pitch[400::800]
    voiced = track > 0
    assert voiced.mean() > 0.9
    cents = 1200.0 * np.abs(np.log2(track[voiced] / truth[voiced]))
    assert np.median(cents) < 10.0
    assert np.mean(cents > 300.0) < 0.03


def test_noise_has_no_pitch() -> None:
    track = measure(recording(noise(1, 10.0, -25.0)), speaking([(0, 10_000)])).channels[0].pitch_hz
    assert np.count_nonzero(track) <= 2


# ---------------------------------------------------------------- tones and channels


def test_tones_stand_by_channel_and_time() -> None:
    rings = [(0, 700), (4_700, 5_700)]
    there = ringing(rings, -20.0) + talk(1, [(8_000, 15_000)], -25.0)
    here = ringing(rings, -40.0) + talk(2, [(16_000, 20_000)], -25.0)
    both = measure(recording(here, there), speaking([(16_000, 20_000)], [(8_000, 15_000)]))
    assert [(t.kind, t.channel, round(t.span.start_ms, -2)) for t in both.tones] == [
        ("ringback", 0, 0),
        ("ringback", 1, 0),
        ("ringback", 0, 4700),
        ("ringback", 1, 4700),
    ]
    assert [round(t.level_dbov) for t in both.tones] == [-40, -20, -40, -20]
    quiet_side = talk(2, [(16_000, 20_000)], -25.0)
    one = measure(recording(quiet_side, there), speaking([(16_000, 20_000)], [(8_000, 15_000)]))
    assert [t.channel for t in one.tones] == [1, 1]


def same(a: Floats, b: Floats, rate: int = 8000) -> bool:
    result: Acoustics = measure(recording(a, b, rate=rate), speaking(TALK_A, TALK_B))
    return result.same_channels


@pytest.mark.parametrize("gain", [1.0, 0.5, 0.35, 1.8, -1.0])
@pytest.mark.parametrize("delay", [0, 1, -2])
@pytest.mark.parametrize("codec", [None, "ALAW", "ULAW", "IMA_ADPCM"])
def test_one_signal_twice_is_found(gain: float, delay: int, codec: str | None) -> None:
    """A mono mix on both channels, turned up or down, shifted by a sample or two, one of them through a codec."""
    here, there = conversation(-28.0, -34.0)
    mix = here + there
    copy = gain * np.roll(mix, delay)
    assert same(mix, through(copy, codec)[: len(mix)] if codec else copy)


@pytest.mark.parametrize("leak_db", [None, -40.0, -25.0, -15.0, -10.0])
@pytest.mark.parametrize("balance_db", [0.0, 15.0])
def test_crosstalk_is_not_one_signal_twice(leak_db: float | None, balance_db: float) -> None:
    assert not same(*conversation(-25.0, -25.0 - balance_db, leak_db))


def test_one_talker_and_his_echo_are_not_one_signal_twice() -> None:
    a = talk(1, TALK_A, -20.0)
    assert not same(a + noise(2, LENGTH_S, -60.0), 0.1 * np.roll(a, 2) + noise(3, LENGTH_S, -60.0))


def test_a_ringback_in_both_channels_is_not_one_signal_twice() -> None:
    here, there = conversation(-32.0, -32.0)
    rings = ringing([(0, 1_000)], -6.0)
    assert not same(here + rings, there + rings)
    assert not same(rings, rings)


def test_both_talking_at_once_is_not_one_signal_twice() -> None:
    everywhere: Spans = [(0, 21_000)]
    assert not same(talk(1, everywhere, -25.0), talk(2, everywhere, -25.0))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real recordings are not here")
def test_real_speech_twice_and_two_real_speakers() -> None:
    a, rate = soundfile.read(SHARED / "a_1.wav")
    b, _ = soundfile.read(SHARED / "b_1.wav")
    length = min(len(a), len(b))
    assert same(a[:length], 0.7 * through(np.roll(a[:length], 1), "ALAW", rate), rate)
    assert not same(a[:length] + 0.1 * b[:length], b[:length] + 0.1 * a[:length], rate)
