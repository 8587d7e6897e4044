"""Keyed digits (DTMF) in a sound: found among noise and speech, beeped in a clip, and how often speech is taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from clip_calls import kept, spoken

from qa import decode
from qa.clips import cutting, keyed, sounds
from qa.clips.cutting import Wish
from qa.store import Store
from qa.types import Call, Int16Array, Span

ALL = "123A456B789C*0#D"
NUMBER = "6225880137714#"
REAL = Path(__file__).parents[2] / "shared" / "realspeech"
NO_SPEECH = ("baresip", "LIST")
FALSE_ALARMS_AN_HOUR = 60
"""Allowed over a few minutes of real speech; 13 an hour were measured over 3.8 hours."""
Floats = npt.NDArray[np.float64]


def tone(key: str, ms: int, rate_hz: int, twist_db: float = 0.0, off: tuple[float, float] = (0.0, 0.0), level: float = 3000.0) -> Floats:
    """A key as Q.23 has it; ``twist_db``: the high one louder; ``off``: share by which low and high frequency are off."""
    row = next(k for k, keys in enumerate(keyed.KEYS) if key in keys)
    low, high = keyed.LOW_HZ[row] * (1 + off[0]), keyed.HIGH_HZ[keyed.KEYS[row].index(key)] * (1 + off[1])
    t = np.arange(ms * rate_hz // 1000) / rate_hz
    return level * (np.sin(2 * np.pi * low * t) + 10 ** (twist_db / 20) * np.sin(2 * np.pi * high * t))


def voice(samples: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Like a vowel: harmonics of a wandering pitch under two formants, in syllables."""
    t = np.arange(samples) / rate_hz
    pitch = rng.uniform(100, 240) * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(1, 3) * t + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    formants = rng.uniform(300, 800), rng.uniform(900, 2300)
    out = np.zeros(samples)
    for n in range(1, 24):
        hz = n * pitch
        out += sum(np.exp(-(((hz - f) / 120) ** 2)) for f in formants) * np.sin(n * phase) + 0.05 * np.sin(n * phase) / n
    return np.asarray(out * np.abs(np.sin(np.pi * 4 * t + rng.uniform(0, 3))))


def mixed(sound: Floats, other: Floats, db: float, power: float) -> Floats:
    """``other`` added, ``db`` against ``power``."""
    return sound + other * np.sqrt(power * 10 ** (db / 10) / np.mean(other**2))


def whole(sound: Floats) -> Int16Array:
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.parametrize(("noise_db", "voice_db"), [(None, None), (-15.0, None), (-10.0, None), (-15.0, -10.0)])
def test_every_key_is_found(rate_hz: int, noise_db: float | None, voice_db: float | None) -> None:
    """50 ms long, 1.5 % off, 6 dB of twist: what a receiver of Q.24 has to take; in noise all, and 19 of 20 while somebody speaks."""
    rng, missed, wrong = np.random.default_rng(7), [], []
    for key in ALL * 10:
        at = int(rng.integers(60, 120))
        sound = np.zeros(rate_hz // 2)
        made = tone(key, 50, rate_hz, rng.uniform(-6, 4), (rng.uniform(-0.015, 0.015), rng.uniform(-0.015, 0.015)))
        start = at * rate_hz // 1000
        sound[start : start + len(made)] = made
        power = float(np.mean(made**2))
        if noise_db is not None:
            sound = mixed(sound, rng.normal(0, 1, len(sound)), noise_db, power)
        if voice_db is not None:
            sound = mixed(sound, voice(len(sound), rate_hz, rng), voice_db, power)
        covered = any(s.start_ms <= at and s.end_ms >= at + 50 for s in keyed.spans([whole(sound)], rate_hz))
        missed += [] if covered else [key]
        wrong += [found for found, _ in keyed.keyed(whole(sound), rate_hz) if found != key]
    assert len(missed) <= (0 if voice_db is None else 8)
    assert wrong == [] or voice_db is not None


def test_a_keyed_number_is_one_stretch_also_where_one_of_its_keys_is_lost() -> None:
    sound = np.zeros(8000 * 6)
    for k, key in enumerate(NUMBER):
        if k != 5:
            sound[8000 + 2400 * k : 8000 + 2400 * k + 640] = tone(key, 80, 8000)
    assert "".join(key for key, _ in keyed.keyed(whole(sound), 8000)) == NUMBER[:5] + NUMBER[6:]
    (one,) = keyed.spans([whole(sound)], 8000)
    assert one.start_ms <= 1000 and one.end_ms >= 1000 + 300 * (len(NUMBER) - 1) + 80 and one.duration_ms < 4200


def test_one_frequency_another_pair_and_silence_are_no_keys() -> None:
    t = np.arange(16_000) / 8000
    pairs = ((450,), (697,), (1209,), (440, 480), (480, 620), (350, 440), (697, 770), (1000,))
    for hz in pairs:
        assert keyed.keyed(whole(sum((4000 * np.sin(2 * np.pi * f * t) for f in hz), np.zeros(16_000))), 8000) == ()
    assert keyed.keyed(np.zeros(16_000, np.int16), 8000) == () and keyed.keyed(np.zeros(3, np.int16), 8000) == ()
    assert keyed.keyed(whole(np.random.default_rng(1).normal(0, 3000, 80_000)), 8000) == ()


@pytest.mark.skipif(not REAL.is_dir(), reason="no recordings of real speech here")
def test_speech_is_seldom_taken_for_a_key() -> None:
    found, seconds = 0, 0.0
    for file in sorted(REAL.iterdir()):
        if file.suffix in (".wav", ".mp3", ".flac", ".opus") and not file.name.startswith(NO_SPEECH):
            audio = decode.decode(file)
            for channel in range(audio.info.channels):
                found += len(keyed.keyed(audio.samples(channel), audio.info.rate_hz))
                seconds += audio.info.duration_ms / 1000
    assert seconds > 200 and found * 3600 / seconds < FALSE_ALARMS_AN_HOUR


# ---------------------------------------------------------------- in a clip


def with_keys(of: Call, folder: Path, at_ms: int) -> Call:
    """The call with a recording in which the customer keys a number from ``at_ms`` on; a faint copy is on the agent's line."""
    import hashlib

    import soundfile

    pcm = np.random.default_rng(3).normal(0, 20, (8 * of.audio.duration_ms, 2))
    for k, key in enumerate(NUMBER):
        start = 8 * (at_ms + 250 * k)
        made = tone(key, 90, 8000)
        pcm[start : start + len(made)] += made[:, None] * (0.03, 1.0)
    path = folder / "keyed.wav"
    soundfile.write(path, whole(pcm), 8000)
    return replace(of, audio=replace(of.audio, path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    call = spoken("A:您好很高兴为您服务请在按键上输入卡号", "C:好的我这就按", "A:收到了谢谢您的配合再见再见再见再见再见")
    with Store(tmp_path / "qa.db") as opened:
        kept(opened, with_keys(call, tmp_path, 5000))
        yield opened


def test_what_a_customer_keys_is_not_in_a_clip(store: Store) -> None:
    made = cutting.cut(store, "C1", Wish(Span(4000, 10_000), margin_ms=0), "老师").version
    assert any("keyed" in b.why for b in made.beeps)
    pcm, rate_hz = sounds.samples(cutting.sound(store, made))
    assert [keyed.keyed(pcm[:, k], rate_hz) for k in (0, 1)] == [(), ()]
    start, end = ((5000 - 4000) * rate_hz // 1000, (5000 + 250 * 13 + 90 - 4000) * rate_hz // 1000)
    assert np.array_equal(pcm[start:end, 0], pcm[start:end, 1]) and np.abs(pcm[start:end]).max() > 1000  # the tone, on both


def test_a_key_that_the_edge_cuts_is_beeped_and_other_stretches_are_whole(store: Store) -> None:
    edge = cutting.cut(store, "C1", Wish(Span(5060, 7000), margin_ms=0), "老师").version
    assert edge.beeps[0].span.start_ms == 0 and "keyed" in edge.beeps[0].why
    assert not any("keyed" in b.why for b in cutting.cut(store, "C1", Wish(Span(300, 4500), margin_ms=0), "老师").version.beeps)
