"""The simpler arrangement: the speech that was found anyway, a print every half second, the prints in two or three groups.

No segmentation model, so nobody is heard to speak at the same time as another.  A stretch of speech goes to the group that its windows are
most like, with a price on each change of speaker (Viterbi), lower where there is a pause.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.cluster.hierarchy

from qa.diarization.linking import Likeness, linked
from qa.diarization.prints import SHORTEST_MS, Prints
from qa.diarization.protocol import RATE_HZ, Voice
from qa.diarization.settling import merged
from qa.types import Float32Array, Span

FILES = ("embedding.onnx",)
WINDOW_MS, HOP_MS = 1500, 500
JOIN_MS = 200
"""A shorter pause is within what one says."""
CHANGE_COST, PAUSE_COST = 0.6, 0.2
"""In cosine: what a change of speaker must win, without a pause before it and with one."""

_Rows = npt.NDArray[np.float64]


class TurnsEngine:
    """A loaded voice print model.  Errors: :class:`ModelError` where it cannot be loaded."""

    surely_apart = False

    def __init__(self, folder: Path, threads: int = 1, likeness: Likeness | None = None) -> None:
        self._prints, self._likeness = Prints(folder / FILES[0], threads), likeness or Likeness()

    def voices(self, x: Float32Array, speech: Sequence[Span]) -> tuple[Voice, ...]:
        """As of the protocol."""
        talk = _joined(speech)
        windows = [window for span in talk for window in _windows(span)]
        found = [self._prints.of(x[w.start_ms * RATE_HZ // 1000 : w.end_ms * RATE_HZ // 1000]) for w in windows]
        pairs = [(window, vector) for window, vector in zip(windows, found, strict=True) if vector is not None]
        if not pairs:
            return ()
        windows, rows = [window for window, _ in pairs], np.stack([vector for _, vector in pairs]).astype(np.float64)
        centres = self._centres(windows, rows)
        path = _path(rows @ centres.T, _costs(windows))
        return tuple(_voice(k, path, windows, rows) for k in sorted(set(path.tolist())))

    def print_of(self, x: Float32Array) -> npt.NDArray[np.float32] | None:
        """As of the protocol."""
        return self._prints.of(x)

    def _centres(self, windows: Sequence[Span], rows: _Rows) -> _Rows:
        """The unit vectors of the speakers of the block."""
        if len(rows) == 1:
            return rows
        tree = scipy.cluster.hierarchy.linkage(rows, method="average", metric="cosine")
        groups = scipy.cluster.hierarchy.fcluster(tree, 1.0 - self._likeness.window, criterion="distance")
        members = [np.flatnonzero(groups == g).tolist() for g in sorted(set(groups.tolist()))]
        voices = []
        for own in members:
            spans = tuple(Span(windows[i].start_ms, windows[i].start_ms + min(HOP_MS, windows[i].duration_ms)) for i in own)
            voices.append(Voice(spans, spans, _unit(rows[own].sum(axis=0)).astype(np.float32)))
        numbers = linked([voices], self._likeness, False)[0]
        return np.stack(
            [
                _unit(np.concatenate([rows[own] for own, n in zip(members, numbers, strict=True) if n == number]).sum(axis=0))
                for number in sorted({n for n in numbers if n is not None})
            ]
        )


def _unit(row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(row / max(float(np.linalg.norm(row)), 1e-12))


def _joined(speech: Sequence[Span]) -> list[Span]:
    """Stretches of speech over short pauses, those that hold too little for a print left out."""
    talk: list[Span] = []
    for span in speech:
        if talk and span.start_ms - talk[-1].end_ms < JOIN_MS:
            talk[-1] = Span(talk[-1].start_ms, span.end_ms)
        else:
            talk.append(span)
    return [span for span in talk if span.duration_ms >= SHORTEST_MS]


def _windows(span: Span) -> list[Span]:
    """Windows over a stretch of speech, the last one at its end."""
    last = max(span.start_ms, span.end_ms - WINDOW_MS)
    starts = [*range(span.start_ms, last, HOP_MS), last]
    return [Span(start, min(span.end_ms, start + WINDOW_MS)) for start in starts]


def _costs(windows: Sequence[Span]) -> list[float]:
    """Of a change of speaker before each window: lower where it begins behind the end of the one before."""
    return [0.0, *(PAUSE_COST if b.start_ms >= a.end_ms else CHANGE_COST for a, b in itertools.pairwise(windows))]


def _path(alike: _Rows, costs: Sequence[float]) -> npt.NDArray[np.int64]:
    """The group of each window: the most alike over all, less the costs of the changes."""
    best, back = alike[0].copy(), np.zeros(alike.shape, np.int64)
    for k in range(1, len(alike)):
        other = int(np.argmax(best))
        change = best[other] - costs[k]
        back[k] = np.where(best >= change, np.arange(len(best)), other)
        best = np.maximum(best, change) + alike[k]
    path = np.zeros(len(alike), np.int64)
    path[-1] = int(np.argmax(best))
    for k in range(len(alike) - 1, 0, -1):
        path[k - 1] = back[k][path[k]]
    return path


def _voice(number: int, path: npt.NDArray[np.int64], windows: Sequence[Span], rows: _Rows) -> Voice:
    """The stretches of a group: between two windows of one stretch of speech the middle of what they share is the seam."""
    own = path == number
    spans = []
    for k, window in enumerate(windows):
        if own[k]:
            before, after = windows[k - 1] if k else None, windows[k + 1] if k + 1 < len(windows) else None
            start = window.start_ms if before is None or before.end_ms <= window.start_ms else (before.end_ms + window.start_ms) // 2
            end = window.end_ms if after is None or after.start_ms >= window.end_ms else (after.start_ms + window.end_ms) // 2
            spans.append(Span(start, max(start, end)))
    heard = tuple(merged(spans))
    return Voice(heard, heard, _unit(rows[own].sum(axis=0)).astype(np.float32))
