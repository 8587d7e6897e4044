"""Levels of a channel over a part of its speech, from the frames that were measured: nothing is heard again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from qa.types import ChannelAcoustics, Float32Array, Span


def level_moved(sound: ChannelAcoustics, whole: Sequence[Span], left: Sequence[Span]) -> ChannelAcoustics:
    """A channel's levels over the speech in ``left``, a part of that in ``whole``: moved by as much as the frames of the two differ."""
    before, after = (_mean_db(sound.level_dbov, frames(sound, spans)) for spans in (whole, left))
    active = sound.active_level_dbov
    if active is not None:
        active = active + after - before if before is not None and after is not None else None
    moved = (
        None
        if active is None or sound.active_level_dbov is None or sound.snr_db is None
        else sound.snr_db + active - sound.active_level_dbov
    )
    return replace(sound, active_level_dbov=active, snr_db=moved)


def frames(sound: ChannelAcoustics, spans: Iterable[Span]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which frames of the tracks lie in ``spans``."""
    mask = np.zeros(len(sound.level_dbov), np.bool_)
    for span in spans:
        mask[span.start_ms // sound.frame_ms : -(-span.end_ms // sound.frame_ms)] = True
    return mask


def _mean_db(level: Float32Array, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float | None:
    """Mean power of the frames in dBov; None where there are none."""
    chosen = level[mask].astype(np.float64)
    return float(10 * np.log10(np.mean(10.0 ** (chosen / 10)))) if len(chosen) else None
