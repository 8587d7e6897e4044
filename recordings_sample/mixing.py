"""From spoken turns to the two channels of a telephone recording: turn taking, band, levels, noise, ringback, codec."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
import soxr
from espeak import SAMPLE_RATE_HZ
from scipy.signal import butter, sosfilt, sosfiltfilt
from script import CallPlan
from speaking import SpokenLine
from truth_measures import active_level_dbov, rms_dbov

RATE_HZ = 8000
BAND_HZ = (300.0, 3400.0)
_AGENT_TURNS_APART_S = 0.8  # more than any pause that counts as speech time, with room for error
_PEAK = 0.92  # handsets limit: no sample reaches the rail unless the plan says so
_SHOUT_DB, _MUSIC_DB = 17.0, -5.0
_RING_HZ, _RING_ON_S, _RING_EVERY_S = 450.0, 1.0, 5.0

Float = npt.NDArray[np.float64]
# name: (container, encoder, bit rate in bit/s or None); 8 kHz
CODECS = {
    "pcm": ("wav", "pcm_s16le", None),
    "alaw": ("wav", "pcm_alaw", None),
    "ulaw": ("wav", "pcm_mulaw", None),
    "mp3": ("mp3", "libmp3lame", 32000),
    "opus": ("ogg", "libopus", 32000),
}
SUFFIX = {"pcm": "wav", "alaw": "wav", "ulaw": "wav", "mp3": "mp3", "opus": "opus"}


@dataclass(frozen=True)
class Placed:
    """A turn and the second of the recording at which its samples begin."""

    spoken: SpokenLine
    offset_s: float

    @property
    def marks_s(self) -> tuple[tuple[float, float], ...]:
        return tuple((a + self.offset_s, b + self.offset_s) for a, b in self.spoken.marks_s)


def lay_out(turns: Sequence[SpokenLine], answer_s: float, plan: CallPlan, rng: random.Random) -> tuple[list[Placed], float]:
    """Times of the turns after the answer, and the length of the call in seconds.

    Gaps between speakers are 200-900 ms; an overlap begins 150-350 ms before the other ends; turns of one speaker in a
    row, and the agent's turns in any case, stay further apart than a pause that counts as speech.  A line's own ``seconds`` go before.
    """
    placed: list[Placed] = []
    end, agent_end = answer_s + plan.holds_ms[0] / 1000, -9.0
    for turn in turns:
        line = turn.line
        gap = rng.uniform(0.2, 0.9)
        if placed and placed[-1].spoken.line.role == line.role:
            gap = rng.uniform(0.85, 1.3)
        elif placed and line.overlap:
            gap = -rng.uniform(0.15, 0.35)
        if line.seconds is not None and line.role != "M":
            gap = -line.seconds if line.overlap else line.seconds
        start = end + (gap if placed else 0.0)
        if line.role == "A":
            start = max(start, agent_end + _AGENT_TURNS_APART_S)
        placed.append(Placed(turn, start))
        last = start + turn.marks_s[-1][1]
        end = max(end, last)
        agent_end = last if line.role == "A" else agent_end
    return placed, end + plan.holds_ms[1] / 1000


def _band(x: Float) -> Float:
    sos = butter(6, BAND_HZ, "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(sosfiltfilt(sos, x))


def _limit(x: Float) -> Float:
    """Soft limiter: next to linear below half the peak, never at the rail."""
    return np.asarray(x / (1 + np.abs(x / _PEAK) ** 6) ** (1 / 6))


def _speech(placed: Sequence[Placed], roles: str, samples: int) -> Float:
    """The turns of ``roles`` in the telephone band at 8 kHz, every voice at about the same level; shouts louder, music softer."""
    x = np.zeros(samples)
    for p in placed:
        if p.spoken.line.role not in roles:
            continue
        y = _band(soxr.resample(p.spoken.pcm.astype(np.float64) / 32768, SAMPLE_RATE_HZ, RATE_HZ))
        louder_db = _SHOUT_DB * p.spoken.line.shout + _MUSIC_DB * (p.spoken.line.role == "M")
        y *= 10 ** ((louder_db - 26 - rms_dbov(y)) / 20)
        at = round(p.offset_s * RATE_HZ)
        x[at : at + len(y)] += y[: max(0, samples - at)]
    return x


def _noise(samples: int, level_dbov: float, generator: np.random.Generator) -> Float:
    """Line noise: white with a tilt to the low end, cut to the telephone band."""
    white = generator.standard_normal(samples)
    tilt = sosfilt(butter(1, 900, fs=RATE_HZ, output="sos"), generator.standard_normal(samples))
    x = _band(white + 1.5 * np.asarray(tilt))
    return np.asarray(x * 10 ** ((level_dbov - rms_dbov(x)) / 20))


def _ringback(samples: int, answer_s: float, level_dbov: float) -> Float:
    """450 Hz, 1 s on, 4 s off from the first sample until the answer."""
    t = np.arange(samples) / RATE_HZ
    phase = t % _RING_EVERY_S
    edge = np.clip(np.minimum(phase, _RING_ON_S - phase) / 0.005, 0.0, 1.0)
    gate = np.where((phase < _RING_ON_S) & (t < answer_s), edge, 0.0)
    return np.asarray(gate * np.sqrt(2) * 10 ** (level_dbov / 20) * np.sin(2 * np.pi * _RING_HZ * t))


def _to_level(speech: Float, noise: Float, target_dbov: float, clip: bool) -> tuple[Float, float]:
    """``speech`` over ``noise`` with the active level brought to ``target_dbov`` through limiter or rail, and the gain in dB."""
    if not np.any(speech):
        return noise, 0.0
    gain_db = 0.0
    for _ in range(8):
        y = speech * 10 ** (gain_db / 20)
        y = np.clip(y + noise, -1, 32767 / 32768) if clip else _limit(y + noise)
        level, _activity = active_level_dbov(y, RATE_HZ)
        if level is None or abs(level - target_dbov) < 0.02:
            break
        gain_db += target_dbov - level
    return np.asarray(y), gain_db


def mix(placed: Sequence[Placed], length_s: float, answer_s: float, plan: CallPlan, rng: random.Random) -> tuple[Float, Float]:
    """The finished signal before coding, (samples, 2) or (samples, 1) in -1..1, the agent on ``plan.agent_channel``; and the agent alone
    (samples,), as it sounds in there."""
    samples, first = round(length_s * RATE_HZ), round(answer_s * RATE_HZ)
    generator = np.random.default_rng(rng.getrandbits(63))
    sides, alone = [], np.zeros(samples)
    for role, level, noise_level, clip in (
        ("A", plan.level_dbov, plan.noise_dbov[0], plan.clip),
        ("C", plan.customer_dbov, plan.noise_dbov[1], False),
    ):
        heard = role + ("NM" if role == "A" else "") + ("T" if role == plan.third_side else "")
        speech, noise = _speech(placed, heard, samples), _noise(samples, noise_level, generator)
        gain_db = 0.0
        if plan.unheard:  # speech drowned: the level is that of the words without the noise
            wanted, _activity = active_level_dbov(speech[first:], RATE_HZ)
            x = noise if wanted is None else _limit(speech * 10 ** ((level - wanted) / 20) + noise)
        else:
            # Levels are of the time after the answer: the ringback tone is nobody's speech.
            after, gain_db = _to_level(speech[first:], noise[first:], level, clip)
            x = np.concatenate([noise[:first], after])
        if role == "A":
            alone = _limit(_speech(placed, "A", samples) * 10 ** (gain_db / 20) + noise)
        if plan.ring_heard and (role == "A" or plan.ring_both):
            x = x + _ringback(samples, answer_s, rng.uniform(-24, -16))
        sides.append(np.zeros(samples) if role == plan.dead else x)
    if plan.leak_db is not None:
        sides = [sides[0] + 10 ** (plan.leak_db / 20) * sides[1], sides[1] + 10 ** (plan.leak_db / 20) * sides[0]]
    if plan.mono or plan.same:
        return np.repeat((sides[0] + sides[1])[:, None], 2 if plan.same else 1, axis=1), alone
    return np.stack(sides if plan.agent_channel == 0 else sides[::-1], axis=1), alone


def encode(x: Float, codec: str) -> bytes:
    """``x`` (samples, channels) as a file of ``codec``."""
    container, encoder, bit_rate = CODECS[codec]
    pcm = np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)
    layout = "mono" if pcm.shape[1] == 1 else "stereo"
    out = io.BytesIO()
    options = {"fflags": "+bitexact"}  # no clock and no library version in the file
    with av.open(out, "w", format=container, options=options) as file:
        stream = file.add_stream(encoder, rate=RATE_HZ, layout=layout)
        assert isinstance(stream, av.AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        coder = stream.codec_context
        resampler = av.AudioResampler(format=coder.format or "s16", layout=layout, rate=RATE_HZ, frame_size=coder.frame_size or 1600)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm.reshape(1, -1)), format="s16", layout=layout)
        frame.sample_rate, frame.pts = RATE_HZ, 0
        for converted in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(converted))
        file.mux(stream.encode(None))
    return out.getvalue()


def decode(data: bytes) -> Float:
    """The samples of a file made by ``encode``, (samples, channels) at 8 kHz in -1..1."""
    with av.open(io.BytesIO(data), "r") as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="s16", layout=stream.layout.name, rate=RATE_HZ)
        parts = [f.to_ndarray() for frame in file.decode(stream) for f in resampler.resample(frame)]
        parts += [f.to_ndarray() for f in resampler.resample(None)]
        channels = stream.channels
    return np.concatenate([p.reshape(-1, channels) for p in parts]).astype(np.float64) / 32768


def lag_s(original: Float, heard: Float) -> float:
    """Seconds by which ``heard`` trails ``original`` (codec delay that the decoder did not take out)."""
    a, b = original.sum(axis=1), heard.sum(axis=1)
    size = 1 << (max(len(a), len(b)) + 4096).bit_length()
    product = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    return (int(np.argmax(np.concatenate([product[-800:], product[:1600]]))) - 800) / RATE_HZ
