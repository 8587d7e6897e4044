"""Speech with its true times, noise and what is not speech, for benchmarks/activity.py."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
import soxr

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "models" / "asr")]

from espeak import Espeak  # noqa: E402
from phonetics import spoken_form  # noqa: E402

from qa.types import Span  # noqa: E402

Signal = npt.NDArray[np.float64]
RATE_HZ = 8000
NOISES = ("white", "pink", "hum", "babble")


@dataclass(frozen=True)
class Scene:
    """Speech ``x`` in -1..1 and the true stretches of speech."""

    x: Signal
    rate_hz: int
    truth: tuple[Span, ...]


def merge(spans: Sequence[Span], gap_ms: int) -> tuple[Span, ...]:
    """Join spans whose pause is at most ``gap_ms``."""
    out: list[Span] = []
    for s in spans:
        if out and s.start_ms - out[-1].end_ms <= gap_ms:
            out[-1] = Span(out[-1].start_ms, s.end_ms)
        else:
            out.append(s)
    return tuple(out)


def band(x: Signal, rate_from_hz: int, rate_hz: int) -> Signal:
    """At 8 kHz the telephone band 300-3,400 Hz, else all of it; without delay."""
    y = np.asarray(soxr.resample(x, rate_from_hz, rate_hz))
    if rate_hz != RATE_HZ:
        return y
    sos = scipy.signal.butter(4, (300, 3400), "bandpass", fs=rate_hz, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(sos, y))


def speech_scene(espeak: Espeak, texts: Sequence[str], voice: str, seed: int, rate_hz: int = RATE_HZ) -> Scene:
    """Sentences with pauses between, at -26 dBov over the speech."""
    rng = random.Random(seed)
    parts: list[Signal] = [np.zeros(rate_hz)]
    marks: list[Span] = []
    at = rate_hz
    for text in texts:
        try:
            spoken = espeak.speak(spoken_form(text)[0], voice, rng.choice((120, 150, 180, 210)))
        except ValueError:  # a word event that espeak-ng left out: no marks, no use
            continue
        wave = band(spoken.pcm / 32768.0, 22050, rate_hz)
        start_ms = at * 1000 / rate_hz
        marks += [Span(round(start_ms + 1000 * a), round(start_ms + 1000 * b)) for a, b in spoken.marks_s]
        pause = np.zeros(int(rate_hz * rng.choice((0.25, 0.4, 0.6, 0.9, 1.5, 2.5))))
        parts += [wave, pause]
        at += len(wave) + len(pause)
    x = np.concatenate([*parts, np.zeros(rate_hz)])
    truth = merge(marks, 60)
    inside = np.concatenate([x[s.start_ms * rate_hz // 1000 : s.end_ms * rate_hz // 1000] for s in truth])
    return Scene(x * 10 ** (-26 / 20) / np.sqrt(np.mean(inside**2)), rate_hz, truth)


def babble(espeak: Espeak, voices: Sequence[str], texts: Sequence[str], seed: int) -> Signal:
    """Half a minute of several voices at once, at 16 kHz, RMS 1."""
    rng = random.Random(seed)
    total = np.zeros(16000 * 30)
    for voice in voices:
        x = speech_scene(espeak, rng.sample(list(texts), 10), voice, rng.randrange(1 << 30), 16000).x
        total += np.resize(x[16000:-16000], len(total))
    return total / np.sqrt(np.mean(total**2))


def noise(kind: str, samples: int, rate_hz: int, seed: int, voices: Signal) -> Signal:
    """Noise of RMS 1 in the band of the rate."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / rate_hz
    if kind == "white":
        x = rng.standard_normal(samples)
    elif kind == "pink":
        spectrum = np.fft.rfft(rng.standard_normal(samples))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        x = np.fft.irfft(spectrum, samples)
    elif kind == "hum":
        phases = rng.uniform(0, 2 * np.pi, 16)
        x = np.sum([np.sin(2 * np.pi * 50 * k * t + phases[k]) / k for k in range(1, 16)], axis=0)
        x = x + 0.02 * rng.standard_normal(samples)
    else:
        turned = np.roll(voices, int(rng.integers(len(voices))))
        x = np.resize(np.asarray(soxr.resample(turned, 16000, rate_hz)), samples)
    x = band(np.asarray(x, dtype=np.float64), rate_hz, rate_hz)
    return x / np.sqrt(np.mean(x**2))


def music(seed: int, seconds: int = 20) -> Signal:
    """Plucked or held chords of a major scale, half of the seeds with a drum; 8 kHz, RMS 1."""
    rng = np.random.default_rng(seed)
    step, decay = (0.25, 0.4, 0.5, 0.15)[seed % 4], (3, 5, 1, 8)[seed % 4]
    x = np.zeros(seconds * RATE_HZ + RATE_HZ)
    for i in range(int(seconds / step)):
        a, t = int(i * step * RATE_HZ), np.arange(int(RATE_HZ * step * 2)) / RATE_HZ
        for f in 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 3) / 12):
            x[a : a + len(t)] += np.sum([np.sin(2 * np.pi * f * h * t) / h for h in range(1, 6)], axis=0) * np.exp(-decay * t)
        if seed % 2:
            x[a : a + 400] += 3 * rng.standard_normal(400) * np.exp(-np.arange(400) / 100)
    return x / np.std(x)


def without_speech(seed: int, voices: Signal) -> dict[str, Signal]:
    """20 s each of what is not speech, at 8 kHz."""
    n = RATE_HZ * 20
    t = np.arange(n) / RATE_HZ
    tone = np.sin(2 * np.pi * 450 * t)
    out = {f"{k} {db} dBov": noise(k, n, RATE_HZ, seed, voices) * 10 ** (db / 20) for k in NOISES[:3] for db in (-30, -50)}
    out["silence"] = np.zeros(n)
    out["ringback"] = 0.14 * tone * (t % 5 < 1)
    out["busy"] = 0.14 * tone * (t % 0.7 < 0.35)
    for k in range(4):
        out[f"music {k + 1}"] = band(music(4 * seed + k)[:n], RATE_HZ, RATE_HZ) * 10 ** (-24 / 20)
    dtmf = (np.sin(2 * np.pi * 697 * t) + np.sin(2 * np.pi * 1336 * t)) * (t % 0.5 < 0.15)
    clicks = np.zeros(n)
    rng = np.random.default_rng(seed)
    for a in rng.integers(0, n - 400, 40):
        clicks[a : a + 400] += rng.standard_normal(400) * np.exp(-np.arange(400) / 80)
    return out | {"dtmf": 0.1 * dtmf, "clicks": 0.2 * clicks}


def alaw(x: Signal, rate_hz: int) -> Signal:
    """``x`` after A-law (G.711)."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(x, -1, 1), rate_hz, format="WAV", subtype="ALAW")
    file.seek(0)
    return np.asarray(soundfile.read(file)[0])
