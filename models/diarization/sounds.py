"""What a telephone carries besides speech: tones, hold music, beeps, knocks and noise.  All at 8 kHz, float32, RMS about 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

RATE_HZ = 8000
Floats = npt.NDArray[np.float32]
# frequency in Hz, seconds on, seconds off: China's ringback and busy tones, then two foreign ringbacks
_TONES = (((450.0,), 1.0, 4.0), ((450.0,), 0.35, 0.35), ((440.0, 480.0), 2.0, 4.0), ((425.0,), 1.0, 4.0))
_SCALE = np.array([0, 2, 4, 7, 9, 12, 14, 16, 19, 21])  # pentatonic, in semitones


def level(x: Floats) -> Floats:
    """``x`` at RMS 1 (silence stays silence)."""
    return np.asarray(x / (np.sqrt(np.mean(x**2)) + 1e-9), np.float32)


def tone(rng: np.random.Generator, samples: int) -> Floats:
    """A ringback or busy tone."""
    frequencies, on_s, off_s = _TONES[int(rng.choice(len(_TONES), p=(0.5, 0.25, 0.125, 0.125)))]
    t = np.arange(samples, dtype=np.float32) / RATE_HZ
    phase = (t + rng.uniform(0, on_s + off_s)) % (on_s + off_s)
    gate = np.clip(np.minimum(phase, on_s - phase) / 0.005, 0, 1)
    return np.asarray(gate * sum(np.sin(2 * np.pi * f * t) for f in frequencies), np.float32)


def beeps(rng: np.random.Generator, samples: int) -> Floats:
    """Short tones: a recorder's beep or keys pressed."""
    x = np.zeros(samples, np.float32)
    for _ in range(int(rng.integers(1, 6))):
        n = int(rng.uniform(0.06, 0.5) * RATE_HZ)
        at = int(rng.integers(0, max(1, samples - n)))
        t = np.arange(min(n, samples - at)) / RATE_HZ
        high = rng.choice((0, 1209, 1336, 1477))
        x[at : at + len(t)] += np.sin(2 * np.pi * rng.uniform(400, 1500) * t) + (np.sin(2 * np.pi * high * t) if high else 0)
    return x


def music(rng: np.random.Generator, samples: int) -> Floats:
    """Hold music: one to three voices of plucked or held notes of a pentatonic scale."""
    x = np.zeros(samples + RATE_HZ, np.float32)
    beat_s, root = rng.uniform(0.15, 0.5), rng.uniform(90, 260)
    for _voice in range(int(rng.integers(1, 4))):
        shift, decay = 2.0 ** rng.integers(0, 3), rng.uniform(0.5, 8)
        partials = rng.uniform(0.1, 1, 6) / np.arange(1, 7) ** rng.uniform(0.3, 1.6)
        at = 0.0
        while at * RATE_HZ < samples:
            length = beat_s * int(rng.choice((1, 1, 2, 4)))
            t = np.arange(int(min(length * 1.2, 1.0) * RATE_HZ), dtype=np.float32) / RATE_HZ
            f = root * shift * 2 ** (_SCALE[int(rng.integers(len(_SCALE)))] / 12)
            note = sum(a * np.sin(2 * np.pi * f * k * t) for k, a in enumerate(partials, 1) if f * k < 3800)
            start = int(at * RATE_HZ)
            end = min(start + len(t), len(x))
            x[start:end] += (note * np.exp(-decay * t) * np.clip(t / 0.01, 0, 1) * np.clip((t[-1] - t) / 0.02, 0, 1))[: end - start]
            at += length
    return level(x[:samples])


def knocks(rng: np.random.Generator, samples: int) -> Floats:
    """Knocks, clicks and breaths: short bursts of filtered noise."""
    x = np.zeros(samples, np.float32)
    for _ in range(int(rng.integers(1, 8))):
        n = int(10 ** rng.uniform(-2.3, -0.4) * RATE_HZ)
        burst = coloured(rng, n) * np.hanning(n + 2)[1:-1].astype(np.float32)
        at = int(rng.integers(0, max(1, samples - n)))
        x[at : at + n] += burst[: samples - at] * 10 ** rng.uniform(-0.7, 0.2)
    return x


def coloured(rng: np.random.Generator, samples: int) -> Floats:
    """White, falling or resonant noise."""
    white = rng.standard_normal(samples, dtype=np.float32)
    kind = rng.integers(0, 3)
    if kind == 0:
        return white
    size = scipy.fft.next_fast_len(samples, real=True)
    spectrum = scipy.fft.rfft(white, size)
    f = np.maximum(np.fft.rfftfreq(size, 1 / RATE_HZ), 20).astype(np.float32)
    if kind == 1:
        spectrum *= (f / 1000) ** -np.float32(rng.uniform(0.3, 1.2))
    else:
        for _ in range(3):
            spectrum *= 1 + 4 * np.exp(-(((f - rng.uniform(100, 3400)) / rng.uniform(50, 400)) ** 2)).astype(np.float32)
    return level(scipy.fft.irfft(spectrum, size)[:samples].astype(np.float32))


def modulated(rng: np.random.Generator, samples: int) -> Floats:
    """Noise whose level comes and goes: traffic, wind, a hall."""
    knots = rng.uniform(-1, 0.3, max(4, samples // (RATE_HZ // 2)))
    gain = 10 ** np.interp(np.linspace(0, len(knots) - 1, samples), np.arange(len(knots)), knots)
    return level(coloured(rng, samples) * gain.astype(np.float32))


def equaliser(rng: np.random.Generator, size: int) -> Floats:
    """Gain at each frequency of an rfft of ``size``: band edges, tilt and three bumps of a telephone set."""
    f = np.fft.rfftfreq(size, 1 / RATE_HZ).astype(np.float32)
    octaves = np.log2(np.maximum(f, 80) / 1000)
    gain_db = rng.uniform(-4, 4) * octaves
    for _ in range(3):
        gain_db += rng.uniform(-6, 6) * np.exp(-(((octaves - rng.uniform(-2, 1.8)) / rng.uniform(0.1, 0.6)) ** 2))
    gain = 10 ** (gain_db / 20)
    if rng.random() < 0.85:
        gain /= (1 + (rng.uniform(120, 380) / np.maximum(f, 1)) ** 8) * (1 + (f / rng.uniform(3000, 3800)) ** 24)
    return np.asarray(gain, np.float32)
