"""Keyed digits (DTMF): a card number that a customer keys is heard as well as one that is spoken.

Two sines at once, one of four low and one of four high frequencies (ITU-T Q.23), each within 1.8 % of its own, neither much louder than
the other, for 40 ms or more (ITU-T Q.24).  Told by the Goertzel algorithm over short windows; a voice seldom has its power in one such
pair, and not for as long.  Errs on the side of the beep: what is found is hidden, whatever else is said of it, and between two keys of one
number all is, as a key that somebody speaks over may be missed.

Measured over 3.8 h of speech: 13 false alarms an hour, each a beep of a tenth of a second; all keys of 50 ms in noise 10 dB softer
are found, 19 of 20 under speech 10 dB softer (``tests/test_keyed.py``).  Not found: keys that were never in the sound (RFC 4733), and
many of those that are spoken over as loudly as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from qa.callfacts import bridged
from qa.types import Int16Array, Span

LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
"""By low and high frequency."""
WINDOW_MS, STEP_MS = 24, 8
_DEVIATIONS = (-0.012, 0.0, 0.012)
"""Of a frequency, where it is looked for: between them the answer of the window is nearly as strong."""
_OTHERS_DB = 6.0
"""So much stronger than any other frequency of its group."""
_TWIST_DB = 10.0
"""So much at most between the two; Q.24 has 8 and 4, the rest is the line."""
_SHARE = 0.55
"""Of the window's power in the two: a tone in a quiet line has nearly all of it."""
_LEAST_DBOV = -50.0
_SHORTEST = 3
"""Windows in a row with the same key; together 40 ms."""
_MARGIN_MS = 40
_BETWEEN_MS = 1500
"""Keys this near to each other are one number."""
_BLOCK = 1 << 12
"""Windows that are looked at together."""

_Floats = npt.NDArray[np.float64]


def keyed(channel: Int16Array, rate_hz: int) -> tuple[tuple[str, Span], ...]:
    """The keys that one channel (samples at ``rate_hz``) holds, in order: key and time (ms), without margins."""
    found: list[tuple[str, Span]] = []
    keys = _keys(channel, rate_hz)
    edges = np.flatnonzero(np.diff(keys, prepend=-1, append=-1))
    for first, end in pairwise(edges):
        if keys[first] >= 0 and end - first >= _SHORTEST:
            low, high = divmod(int(keys[first]), len(HIGH_HZ))
            found.append((KEYS[low][high], Span(int(first) * STEP_MS, int(end - 1) * STEP_MS + WINDOW_MS)))
    return tuple(found)


def spans(channels: Sequence[Int16Array], rate_hz: int) -> tuple[Span, ...]:
    """What of a sound must not be heard as digits are keyed in it, with margins (ms), sorted and apart: a number is one stretch."""
    found = sorted(span for channel in channels for _key, span in keyed(channel, rate_hz))
    return bridged((Span(max(0, span.start_ms - _MARGIN_MS), span.end_ms + _MARGIN_MS) for span in found), _BETWEEN_MS)


def _keys(channel: Int16Array, rate_hz: int) -> npt.NDArray[np.int64]:
    """For each window the key that is heard in it (low * 4 + high), -1: none."""
    size, step = WINDOW_MS * rate_hz // 1000, STEP_MS * rate_hz // 1000
    if len(channel) < size:
        return np.empty(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(channel, size)[::step]
    tones = _tones(size, rate_hz)
    return np.concatenate([_heard(windows[at : at + _BLOCK].astype(float), tones) for at in range(0, len(windows), _BLOCK)])


def _tones(size: int, rate_hz: int) -> npt.NDArray[np.complex128]:
    """What a window is multiplied with: a column for each frequency and deviation, weighted so that a sine gives its mean power."""
    hz = np.array([f * (1 + d) for f in (*LOW_HZ, *HIGH_HZ) for d in _DEVIATIONS])
    return np.asarray(np.exp(-2j * np.pi * np.outer(np.arange(size), hz) / rate_hz) * np.sqrt(2) / size)


def _heard(windows: _Floats, tones: npt.NDArray[np.complex128]) -> npt.NDArray[np.int64]:
    total = np.mean(windows**2, axis=1)
    power = (np.abs(windows @ tones) ** 2).reshape(len(windows), -1, len(_DEVIATIONS)).max(axis=2)
    low, high = power[:, : len(LOW_HZ)], power[:, len(LOW_HZ) :]
    best_low, best_high = low.max(axis=1), high.max(axis=1)
    least, twist, others = 32768.0**2 * 10 ** (_LEAST_DBOV / 10), 10 ** (_TWIST_DB / 10), 10 ** (_OTHERS_DB / 10)
    holds = (best_low + best_high > _SHARE * total) & (total > least)
    holds &= (best_low < twist * best_high) & (best_high < twist * best_low)
    for group, best in ((low, best_low), (high, best_high)):
        holds &= best > others * np.sort(group, axis=1)[:, -2]
    return np.where(holds, low.argmax(axis=1) * len(HIGH_HZ) + high.argmax(axis=1), -1)
