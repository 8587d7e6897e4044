"""Stretches of a recording made inaudible: replaced by a tone on every channel, so that nothing is left under it to be filtered out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qa.types import Int16Array, Span

TONE_HZ = 1000.0
TONE_DBOV = -26.0
"""Level of the tone, RMS against a full-scale square wave: about that of telephone speech."""
_EDGE_MS = 8


def beeped(pcm: Int16Array, rate_hz: int, spans: Iterable[Span]) -> Int16Array:
    """A copy of ``pcm`` (samples, channels) at ``rate_hz`` with a tone in place of ``spans`` (ms) on all channels.

    The tone fades in and out inside of its stretch: no sample of what was there is kept.
    """
    out = pcm.copy()
    for span in spans:
        start, end = span.start_ms * rate_hz // 1000, min(len(out), -(-span.end_ms * rate_hz // 1000))
        if start < end:
            out[start:end] = _tone(end - start, rate_hz)[:, None]
    return out


def _tone(samples: int, rate_hz: int) -> Int16Array:
    t = np.arange(samples)
    edge = max(1, min(samples // 2, _EDGE_MS * rate_hz // 1000))
    gate = np.clip(np.minimum(t + 1, samples - t) / edge, 0.0, 1.0)
    peak = 32767.0 * 10 ** ((TONE_DBOV + 3.01) / 20)
    return np.asarray(np.round(peak * gate * np.sin(2 * np.pi * TONE_HZ * t / rate_hz)), dtype=np.int16)
