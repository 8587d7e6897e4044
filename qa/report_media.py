"""Sound and waveforms for the HTML reports: Opus in a ``data:`` URI, level tracks as SVG paths."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Sequence

import av
import numpy as np
import soxr

from qa.types import ChannelAcoustics, Int16Array, Span

OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
BITS_PER_CHANNEL = 20_000
WAVE_RANGE_DB = 42.0  # levels this far below the loudest frame of the call are drawn as silence


def opus_bytes(pcm: Int16Array, rate_hz: int) -> bytes:
    """Encode samples as Opus in Ogg (RFC 6716, RFC 7845).

    ``pcm`` is int16 (samples, 1 or 2 channels) at ``rate_hz``.  Rates that Opus does not know, and all above 24 kHz, are
    resampled first; no samples become 20 ms of silence.  20 kbit/s a channel: telephone speech stays transparent and ten
    minutes of stereo are 3 MB.
    """
    target = next((r for r in OPUS_RATES_HZ[:4] if r >= rate_hz), 24000)
    samples = pcm if len(pcm) else np.zeros((rate_hz // 50, pcm.shape[1]), np.int16)  # an empty stream is no file at all
    if target != rate_hz:
        samples = np.asarray(soxr.resample(samples, rate_hz, target), dtype=np.int16)
    layout = "stereo" if samples.shape[1] == 2 else "mono"
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=target, layout=layout)
        stream.bit_rate = BITS_PER_CHANNEL * samples.shape[1]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = target
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def opus_uri(pcm: Int16Array, rate_hz: int) -> str:
    """``opus_bytes`` as a ``data:`` URI that an ``<audio>`` element plays without any other file."""
    return "data:audio/ogg;base64," + base64.b64encode(opus_bytes(pcm, rate_hz)).decode("ascii")


def cut(pcm: Int16Array, rate_hz: int, span: Span, *, margin_ms: int = 0) -> Int16Array:
    """The samples of ``span``, ``margin_ms`` more on each side, clamped to the recording."""
    start = max(0, span.start_ms - margin_ms) * rate_hz // 1000
    return pcm[start : (span.end_ms + margin_ms) * rate_hz // 1000]


def envelopes(channels: Sequence[ChannelAcoustics], duration_ms: int, columns: int = 480) -> list[list[float]]:
    """A bar height (0-1) for each of ``columns`` equal stretches of the call, one list a channel.

    The loudest frame of a stretch counts; heights are linear in decibels over ``WAVE_RANGE_DB`` below the loudest frame of the
    whole call, so that both speakers of one call share one scale.
    """
    tracks = [np.nan_to_num(np.asarray(c.level_dbov, dtype=np.float64), nan=-120.0, neginf=-120.0) for c in channels]
    top = max((float(t.max()) for t in tracks if len(t)), default=-120.0)
    result = []
    for acoustics, track in zip(channels, tracks, strict=True):
        edges = np.linspace(0, duration_ms, columns + 1) / max(1, acoustics.frame_ms)
        heights = []
        for left, right in itertools.pairwise(edges):
            part = track[int(left) : max(int(left) + 1, int(np.ceil(right)))]
            level = float(part.max()) if len(part) else -120.0
            heights.append(round(min(1.0, max(0.0, 1.0 + (level - top) / WAVE_RANGE_DB)), 3))
        result.append(heights)
    return result


def wave_path(heights: Sequence[float], middle: float, half: float) -> str:
    """An SVG path, symmetric about ``y = middle``, with x in 0-1000 and ``half`` the height of a full bar."""
    if not heights:
        return ""
    step = 1000 / len(heights)
    upper = [f"{(i + 0.5) * step:.1f} {middle - max(0.6, h * half):.1f}" for i, h in enumerate(heights)]
    lower = [f"{(i + 0.5) * step:.1f} {middle + max(0.6, h * half):.1f}" for i, h in enumerate(heights)]
    return "M" + "L".join(upper) + "L" + "L".join(reversed(lower)) + "Z"
