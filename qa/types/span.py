"""Time in a recording, and what every value here checks itself with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view: stage results are shared and must not change."""
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of the recording, ``start_ms`` inclusive to ``end_ms`` exclusive."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        start_ms, end_ms = self.start_ms, self.end_ms  # no call of require: a call holds hundreds of spans
        if not (isinstance(start_ms, int) and isinstance(end_ms, int)):
            raise ValueError("a span is in whole milliseconds")
        if not 0 <= start_ms <= end_ms:
            raise ValueError(f"span {start_ms}-{end_ms} ms runs backwards")

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms

    def overlap_ms(self, other: Span) -> int:
        """Milliseconds that both spans cover."""
        return max(0, min(self.end_ms, other.end_ms) - max(self.start_ms, other.start_ms))
