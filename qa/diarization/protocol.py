"""What an engine is asked and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from qa.blocks import Wave
from qa.types import Float32Array, Span, SpeakerTurn, VoiceLikeness

RATE_HZ = 16_000


@dataclass(frozen=True)
class Diarization:
    """Turns sorted by start; labels ``spk0``, ``spk1`` … in the order in which they first speak.  ``exclusive``: without overlaps.

    ``alike``: how alike their stretches sound, None where the engine makes no prints of them.
    """

    turns: tuple[SpeakerTurn, ...]
    exclusive: tuple[SpeakerTurn, ...]
    alike: VoiceLikeness | None = None


class Diarizer(Protocol):
    """A loaded engine with its model."""

    @property
    def identity(self) -> str:
        """Engine, model and weights, e.g. ``sherpa/diarization-demo@1a2b3c4d5e6f``."""
        ...

    @property
    def demo(self) -> bool:
        """Whether its model is the bundled one, which knows synthetic voices only."""
        ...

    def diarize(self, wave: Wave, speech: Sequence[Span]) -> Diarization:
        """Who speaks when in ``wave`` (any rate), where ``speech`` (sorted, apart) says that anybody does; the same for the same input."""
        ...


@dataclass(frozen=True)
class Voice:
    """A voice that an engine told apart in one block.

    ``spans`` and ``alone`` (sorted, apart; the latter without those in which another voice is heard too) are in ms of the block;
    ``print`` is the unit vector of its sound, None where there was too little of it.  ``foremost``: where this voice is the one to go by
    although another is heard too, as far as the engine tells.
    """

    spans: tuple[Span, ...]
    alone: tuple[Span, ...]
    print: npt.NDArray[np.float32] | None
    foremost: tuple[Span, ...] = ()

    @property
    def weight_ms(self) -> int:
        return sum(span.duration_ms for span in self.alone)


class BlockEngine(Protocol):
    """What an engine does with one block.

    ``surely_apart``: two voices of a block are two persons for certain; else a person may come in several, which the linking joins.
    """

    surely_apart: bool

    def voices(self, x: Float32Array, speech: Sequence[Span]) -> tuple[Voice, ...]:
        """The voices of a block of samples at :data:`RATE_HZ`; ``speech`` (sorted, apart, ms of the block): where anybody speaks in it."""
        ...

    def print_of(self, x: Float32Array) -> npt.NDArray[np.float32] | None:
        """The unit vector of the voice in samples at :data:`RATE_HZ` that hold one voice, None where there are too few to tell."""
        ...
