"""A recording a block at a time, so that the memory that it takes does not grow with its length.

A recording of up to :data:`BLOCK_S` is one block, and what is computed of it is computed of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qa.types import Audio, Float32Array, Span

BLOCK_S = 600
"""At most so many seconds are held as floating-point samples at once."""
GRID_S = 4
"""Blocks begin on multiples of it: there begin whole samples of any rate, whole frames of every stage and whole windows of Silero."""
_CONTEXT_S = 1  # that a filter or a resampler hears on either side: many times what they remember


class Wave:
    """One channel at ``rate_hz`` that is read a stretch at a time; ``length`` in samples, at most one more than can be read."""

    def __init__(self, read: Callable[[int, int], Float32Array], length: int, rate_hz: int) -> None:
        self._read, self.length, self.rate_hz = read, length, rate_hz

    @classmethod
    def of(cls, x: Float32Array, rate_hz: int) -> Wave:
        """Samples that are there already."""
        return cls(lambda start, end: x[start:end], len(x), rate_hz)

    def read(self, start: int, end: int) -> Float32Array:
        """Samples ``start`` to ``end``, both not negative, as far as there are any."""
        return self._read(start, end)

    @property
    def one_block(self) -> bool:
        return self.length <= BLOCK_S * self.rate_hz

    def blocks(self, overlap_s: int = 0) -> list[tuple[int, int]]:
        """First and one past the last sample of each block; a block and the next one share ``overlap_s`` seconds."""
        if self.one_block:
            return [(0, self.length)]
        alone_s = -(-self.length // self.rate_hz) - overlap_s
        count = -(-alone_s // max(GRID_S, BLOCK_S - overlap_s - GRID_S))
        step_s = -(-alone_s // (count * GRID_S)) * GRID_S  # blocks of one length: no stub at the end that holds too little to judge by
        starts = range(0, alone_s, step_s)
        return [(s * self.rate_hz, min(self.length, (s + step_s + overlap_s) * self.rate_hz)) for s in starts]

    def muted(self, spans: Sequence[Span]) -> Wave:
        """The same with silence in ``spans``."""
        if not spans:
            return self

        def read(start: int, end: int) -> Float32Array:
            x = self.read(start, end).copy()
            for span in spans:
                x[max(0, span.start_ms * self.rate_hz // 1000 - start) : max(0, span.end_ms * self.rate_hz // 1000 - start)] = 0
            return x

        return Wave.of(read(0, self.length), self.rate_hz) if self.one_block else Wave(read, self.length, self.rate_hz)

    def through(self, convert: Callable[[Float32Array], Float32Array], rate_hz: int) -> Wave:
        """What ``convert`` (a resampler or a filter whose memory is less than a second) makes of the samples, at ``rate_hz``."""
        if self.one_block:
            return Wave.of(convert(self.read(0, self.length)), rate_hz)

        def read(start: int, end: int) -> Float32Array:
            first = max(0, start // rate_hz - _CONTEXT_S) // GRID_S * GRID_S
            last = -(-end // rate_hz) + _CONTEXT_S
            found = convert(self.read(first * self.rate_hz, last * self.rate_hz))
            return found[start - first * rate_hz : end - first * rate_hz]

        return Wave(read, -(-self.length * rate_hz // self.rate_hz), rate_hz)


def channel(audio: Audio, index: int, offset: float = 0.0) -> Wave:
    """A channel at its native rate, less ``offset`` (of -1..1)."""

    def read(start: int, end: int) -> Float32Array:
        x = audio.channel(index, start, end)
        return x if offset == 0.0 else (x - np.float32(offset)).astype(np.float32)

    wave = Wave(read, len(audio.pcm), audio.info.rate_hz)
    return Wave.of(read(0, wave.length), wave.rate_hz) if wave.one_block else wave
