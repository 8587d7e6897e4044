"""How alike the stretches of a call sound, so that one voice that holds two persons is seen where it matters (``qa.voice_doubt``).

The prints themselves are thrown away: nothing of anybody's voice is kept, only how alike the parts of one recording are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from qa.blocks import Wave
from qa.diarization.protocol import RATE_HZ
from qa.types import Float32Array, Span, SpeakerTurn, VoiceLikeness

STRETCH_MS = 2000
"""Turns are compared in stretches of about this length: long enough for a print, short enough that a sentence of somebody else is one."""
FIRST, EVENLY, LAST = 96, 96, 64
"""Of a long call so many stretches at the beginning, evenly in between, and at the end are those that all others are compared with: who
is who is mostly said at its ends."""


def compared(
    turns: Iterable[SpeakerTurn], wave: Wave, print_of: Callable[[Float32Array], npt.NDArray[np.float32] | None], same: float
) -> VoiceLikeness | None:
    """The stretches of exclusive ``turns`` of ``wave`` (at :data:`RATE_HZ`) compared by ``print_of``; None where nothing has a print."""
    spans, prints = list[Span](), list[npt.NDArray[np.float32]]()
    for turn in turns:
        for span in _stretches(turn.span):
            found = print_of(wave.read(span.start_ms * RATE_HZ // 1000, span.end_ms * RATE_HZ // 1000))
            if found is not None:
                spans.append(span)
                prints.append(found)
    if not spans:
        return None
    rows = np.stack(prints).astype(np.float64)
    anchors = _anchors(len(spans))
    hundredths = np.rint(100.0 * np.clip(rows @ rows[list(anchors)].T, -1.0, 1.0)).astype(np.int8)
    return VoiceLikeness(tuple(spans), anchors, hundredths.tobytes(), same)


def _stretches(span: Span) -> list[Span]:
    """A turn in equal parts."""
    count = max(1, round(span.duration_ms / STRETCH_MS))
    edges = [span.start_ms + span.duration_ms * k // count for k in range(count + 1)]
    return [Span(a, b) for a, b in itertools.pairwise(edges)]


def _anchors(count: int) -> tuple[int, ...]:
    if count <= FIRST + EVENLY + LAST:
        return tuple(range(count))
    middle = np.linspace(FIRST, count - LAST, EVENLY, endpoint=False).astype(int)
    return (*range(FIRST), *map(int, middle), *range(count - LAST, count))
