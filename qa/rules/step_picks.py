"""Where the steps of a script were gone through: one hit for each step, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa.rules.sources import Hit
from qa.rules.steps import Step
from qa.types import Span

SLACK_MS = 500
"""Places are known to about this: a step may begin so much before the end of the one before it."""

Picks = tuple[Hit | None, ...]
"""A hit for each step, None where there is none."""

_MISSING, _DOUBTFUL, _LEFT_OUT = 1e6, 1e3, 1.0


def ordered(options: Sequence[Sequence[Hit]], steps: Sequence[Step]) -> Picks:
    """The fewest steps missing, then the fewest doubtful, each as early as it can be; no place stands for two steps."""
    states: list[tuple[float, int, Picks]] = [(0.0, 0, ())]
    for hits, step in zip(options, steps, strict=True):
        fresh: dict[tuple[int, int], tuple[float, int, Picks]] = {}
        for cost, at, picks in states:
            last = _last(picks)
            left_out = (cost + (_LEFT_OUT if step.optional else _MISSING), at, (*picks, None))
            followed = [
                (cost + (_DOUBTFUL if hit.doubt is not None else 0.0), hit.span.end_ms, (*picks, hit))
                for hit in hits
                if last is None or _follows(hit.span, last.span)
            ]
            for state in (left_out, *followed):
                there = _last(state[2])
                key = (state[1], there.span.start_ms if there is not None else -1)
                if key not in fresh or state[0] < fresh[key][0]:
                    fresh[key] = state
        states = list(fresh.values())
    return min(states, key=lambda state: state[:2])[2]


def _last(picks: Picks) -> Hit | None:
    return next((pick for pick in reversed(picks) if pick is not None), None)


def _follows(later: Span, earlier: Span) -> bool:
    return later.start_ms >= earlier.end_ms - SLACK_MS and later.start_ms > earlier.start_ms and later.end_ms > earlier.end_ms


def between(picks: Picks, number: int, duration_ms: int) -> Span:
    """Where a step is due: between the steps before and after it that were found, else from or to the end of the call."""
    before = [pick.span.end_ms for pick in picks[:number] if pick is not None]
    after = [pick.span.start_ms for pick in picks[number + 1 :] if pick is not None]
    start = before[-1] if before else 0
    return Span(start, max(start, after[0] if after else duration_ms))


def runs(options: Sequence[Sequence[Hit]], steps: Sequence[Step]) -> Iterator[tuple[Hit, Hit]]:
    """First and last step of every way through the script that misses no more steps than need be, one for each beginning.

    Steps that may be left out are: what need not be said at all cannot make a script long.
    """
    demanded = [() if step.optional else tuple(hits) for hits, step in zip(options, steps, strict=True)]
    missed = ordered(demanded, steps).count(None)
    begun: list[Sequence[Hit]] = []
    for hits in demanded:
        for hit in hits:
            picks = ordered([*((),) * len(begun), (hit,), *demanded[len(begun) + 1 :]], steps)
            there = [pick for pick in picks if pick is not None]
            if picks.count(None) == missed and len(there) > 1:
                yield there[0], there[-1]
        begun.append(hits)
