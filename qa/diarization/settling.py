"""From what an engine heard to the turns of a call: fitted to the speech that was found, then each moment given to one speaker.

The engine says who, the speech activity when: an engine's stretches reach into pauses, tones and music, and it misses quiet words that the
activity has.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa.diarization.protocol import Diarization
from qa.types import Float32Array, Span, SpeakerTurn

REACH_MS = 500
"""Speech that no voice covers belongs to the speaker whose stretch is so near."""
LOUDER_DB = 3.0
"""Where two speak at once, who is by so much the louder one in this call is the one that is heard."""
LEVEL_MS = 50
_SHORTEST_MS = 60  # of a turn: two steps of the grid of the speech activity


def label(number: int) -> str:
    """Of the speaker who is the ``number``-th to speak, from 0 on."""
    return f"spk{number}"


def settled(
    spans: Mapping[int, Sequence[Span]],
    speech: Sequence[Span],
    level_dbov: Float32Array,
    foremost: Mapping[int, Sequence[Span]] | None = None,
) -> Diarization:
    """Turns of the speakers by number, as heard by an engine, within ``speech`` (sorted, apart).

    ``level_dbov``: the level of each ``LEVEL_MS`` of the recording.  ``foremost``: where two speak at once, whom the engine goes by.
    """
    found = {who: merged(own) for who, own in spans.items()}
    nobody = without(speech, merged(itertools.chain.from_iterable(found.values())))
    for who, more in _given(nobody, found).items():
        found[who] = merged([*found[who], *more])
    inside = {who: [s for s in _within(own, speech) if s.duration_ms >= _SHORTEST_MS] for who, own in found.items()}
    inside = {who: own for who, own in inside.items() if own}
    order = sorted(inside, key=lambda who: (inside[who][0], who))
    named = {label(k): inside[who] for k, who in enumerate(order)}
    told = {label(k): merged((foremost or {}).get(who, ())) for k, who in enumerate(order)}
    turns = sorted((SpeakerTurn(who, 0, span) for who, own in named.items() for span in own), key=lambda t: (t.span, t.speaker))
    return Diarization(tuple(turns), tuple(_exclusive(turns, level_dbov, told)))


def merged(spans: Iterable[Span]) -> list[Span]:
    """Sorted, and joined where they touch or overlap."""
    out: list[Span] = []
    for span in sorted(spans):
        if out and span.start_ms <= out[-1].end_ms:
            out[-1] = Span(out[-1].start_ms, max(out[-1].end_ms, span.end_ms))
        elif span.duration_ms:
            out.append(span)
    return out


def _within(spans: Sequence[Span], limits: Sequence[Span]) -> list[Span]:
    """What of ``spans`` lies in ``limits``; both sorted and apart."""
    out, k = [], 0
    for span in spans:
        while k < len(limits) and limits[k].end_ms <= span.start_ms:
            k += 1
        at = k
        while at < len(limits) and limits[at].start_ms < span.end_ms:
            out.append(Span(max(span.start_ms, limits[at].start_ms), min(span.end_ms, limits[at].end_ms)))
            at += 1
    return out


def without(spans: Sequence[Span], taken: Sequence[Span]) -> tuple[Span, ...]:
    """What of ``spans`` lies outside of ``taken``; both sorted and apart."""
    edges = [0, *(at for span in taken for at in (span.start_ms, span.end_ms)), max((s.end_ms for s in (*spans, *taken)), default=0)]
    return tuple(_within(spans, [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]))


def _given(nobody: Sequence[Span], found: Mapping[int, Sequence[Span]]) -> dict[int, list[Span]]:
    """Speech of nobody, each part of it to the speaker whose stretch lies next to it, up to :data:`REACH_MS` away."""
    ends = sorted((span.end_ms, who) for who, own in found.items() for span in own)
    starts = sorted((span.start_ms, who) for who, own in found.items() for span in own)
    given: dict[int, list[Span]] = {who: [] for who in found}
    at_end, at_start = 0, 0
    for span in nobody:
        while at_end < len(ends) and ends[at_end][0] <= span.start_ms:
            at_end += 1
        while at_start < len(starts) and starts[at_start][0] < span.end_ms:
            at_start += 1
        before = ends[at_end - 1] if at_end else None
        after = starts[at_start] if at_start < len(starts) else None
        middle = span.end_ms if after is None else span.start_ms if before is None else (before[0] + after[0]) // 2
        middle = min(max(middle, span.start_ms), span.end_ms)
        if before is not None:
            given[before[1]].append(Span(span.start_ms, max(span.start_ms, min(middle, before[0] + REACH_MS))))
        if after is not None:
            given[after[1]].append(Span(min(span.end_ms, max(middle, after[0] - REACH_MS)), span.end_ms))
    return given


# ---------------------------------------------------------------- one speaker at a time


@dataclass(frozen=True)
class _Stretch:
    span: Span
    turns: tuple[SpeakerTurn, ...]


def _exclusive(turns: Sequence[SpeakerTurn], level_dbov: Float32Array, told: Mapping[str, Sequence[Span]]) -> list[SpeakerTurn]:
    """Each moment to one speaker: where two speak, to the one whom the engine tells, else to the louder one in this call, else to who began
    first."""
    stretches = _stretches(turns, [at for own in told.values() for span in own for at in (span.start_ms, span.end_ms)])
    loud = _loudness(stretches, level_dbov)
    out: list[SpeakerTurn] = []
    for stretch in stretches:
        who = _foremost(stretch, told, loud)
        if out and out[-1].speaker == who and out[-1].span.end_ms == stretch.span.start_ms:
            out[-1] = SpeakerTurn(who, 0, Span(out[-1].span.start_ms, stretch.span.end_ms))
        else:
            out.append(SpeakerTurn(who, 0, stretch.span))
    return out


def _foremost(stretch: _Stretch, told: Mapping[str, Sequence[Span]], loud: Mapping[str, float]) -> str:
    first = min(stretch.turns, key=lambda t: (t.span.start_ms, t.speaker)).speaker
    if len(stretch.turns) == 1:
        return first
    for turn in stretch.turns:
        own = told.get(turn.speaker, ())
        near = bisect_right(own, stretch.span.start_ms, key=lambda s: s.end_ms)
        if near < len(own) and own[near].overlap_ms(stretch.span) == stretch.span.duration_ms:
            return turn.speaker
    loudest = max((t.speaker for t in stretch.turns), key=lambda s: loud.get(s, -200.0))
    return loudest if loud.get(loudest, -200.0) - loud.get(first, 200.0) >= LOUDER_DB else first


def _stretches(turns: Sequence[SpeakerTurn], more: Iterable[int]) -> list[_Stretch]:
    """The time in which anybody speaks, divided wherever somebody begins or ends, and at ``more``."""
    edges = sorted({at for turn in turns for at in (turn.span.start_ms, turn.span.end_ms)} | set(more))
    out, open_, k = [], list[SpeakerTurn](), 0
    for start, end in itertools.pairwise(edges):
        open_ = [t for t in open_ if t.span.end_ms > start]
        while k < len(turns) and turns[k].span.start_ms <= start:
            open_.append(turns[k])
            k += 1
        if open_:
            out.append(_Stretch(Span(start, end), tuple(open_)))
    return out


def _loudness(stretches: Sequence[_Stretch], level_dbov: Float32Array) -> dict[str, float]:
    """The mean power (dBov) of each speaker where he speaks alone."""
    power: npt.NDArray[np.float64] = 10.0 ** (level_dbov.astype(np.float64) / 10.0)
    parts: dict[str, list[npt.NDArray[np.float64]]] = {}
    for stretch in stretches:
        if len(stretch.turns) == 1:
            frames = slice(stretch.span.start_ms // LEVEL_MS, -(-stretch.span.end_ms // LEVEL_MS))
            parts.setdefault(stretch.turns[0].speaker, []).append(power[frames])
    return {
        who: float(10.0 * np.log10(max(1e-12, float(np.mean(np.concatenate(own)))))) for who, own in parts.items() if sum(map(len, own))
    }
