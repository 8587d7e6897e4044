"""Voices joined to the speakers of a call: by the sound of each, over all blocks at once.

The closest two are joined first, as long as they are as alike as one person is to himself (``Likeness.same``); a group sounds like the mean
of its members, weighted by how long each is heard alone.  A telephone call has two sides: a third speaker must be clearly another voice
(``Likeness.third``) and be heard for a while, and there are never more than three.

How alike is alike depends on the model: its ``config.yaml``, which is that of a pipeline of pyannote.audio, may say so below the key
``voices`` (the fields of :class:`Likeness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from qa.diarization.protocol import Voice
from qa.errors import ModelError

MOST_SPEAKERS = 3
CONFIG_FILE = "config.yaml"
_KEY = "voices"


@dataclass(frozen=True)
class Likeness:
    """Cosines (-1 to 1) of a model's voice prints.

    ``same``: two voices at least so alike are one person.  ``third``: a third speaker is less like the other two than this.
    ``least_ms``: who is heard alone for less is nobody of his own; ``third_ms``: the same of a third speaker.  ``window``: windows of the
    segmentation (some seconds of a voice) at least so alike are one voice to an engine that leaves the rest to the linking.
    """

    same: float = 0.5
    third: float = 0.3
    least_ms: int = 1500
    third_ms: int = 6000
    window: float = 0.5

    def __post_init__(self) -> None:
        if not -1 <= self.third <= self.same <= 1 or not -1 <= self.window <= 1:
            raise ValueError("third must not exceed same, and cosines lie between -1 and 1")
        if not 0 <= self.least_ms <= self.third_ms:
            raise ValueError("least_ms must not be negative nor exceed third_ms")


def likeness_of(folder: Path) -> Likeness:
    """What the model in ``folder`` says of its prints, else what suits most.  Errors: :class:`ModelError` where the file cannot be read."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        return Likeness()
    try:
        told = (yaml.safe_load(path.read_text("utf-8")) or {}).get(_KEY) or {}
        unknown = told.keys() - {field.name for field in fields(Likeness)}
        if unknown:
            raise ValueError(f"不认识 {'、'.join(sorted(map(str, unknown)))}")
        return Likeness(**told)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ModelError(str(path), f"读不了（{error}）", "请重新安装程序，或改正这个文件") from error


@dataclass
class _Group:
    members: list[tuple[int, int]]
    total: npt.NDArray[np.float64]
    weight_ms: int
    blocks: set[int] = field(default_factory=set)


def linked(blocks: Sequence[Sequence[Voice]], likeness: Likeness, surely_apart: bool) -> list[list[int | None]]:
    """For each voice of each block the number of its speaker, from 0 on in no order; None for one that has no print to go by."""
    groups = [
        _Group([(b, v)], voice.print.astype(np.float64) * max(1, voice.weight_ms), voice.weight_ms, {b})
        for b, voices in enumerate(blocks)
        for v, voice in enumerate(voices)
        if voice.print is not None
    ]
    groups = _joined(groups, likeness, surely_apart)
    out: list[list[int | None]] = [[None] * len(voices) for voices in blocks]
    for number, group in enumerate(groups):
        for b, v in group.members:
            out[b][v] = number
    return out


def _joined(groups: list[_Group], likeness: Likeness, surely_apart: bool) -> list[_Group]:
    while len(groups) > 1:
        alike = _alike(groups)
        free = alike.copy()
        if surely_apart:
            for i, a in enumerate(groups):
                for j, b in enumerate(groups):
                    free[i, j] = -2.0 if a.blocks & b.blocks else free[i, j]
        i, j = _best(free)
        if free[i, j] < likeness.same:
            i, j = _too_many(groups, alike, likeness)
            if i == j:
                return groups
        groups = _with(groups, i, j)
    return groups


def _too_many(groups: list[_Group], alike: npt.NDArray[np.float64], likeness: Likeness) -> tuple[int, int]:
    """The pair to be joined although it is not one voice, (0, 0) if all may stay.

    Who is hardly heard goes to the nearest; the least of three or more must be another voice, heard for long enough.
    """
    least = min(range(len(groups)), key=lambda k: groups[k].weight_ms)
    nearest = int(np.argmax(alike[least]))
    if groups[least].weight_ms < likeness.least_ms:
        return least, nearest
    if len(groups) > 2 and groups[least].weight_ms < likeness.third_ms:
        return least, nearest
    i, j = _best(alike)
    if len(groups) > MOST_SPEAKERS or (len(groups) > 2 and alike[i, j] >= likeness.third):
        return i, j
    return 0, 0


def _alike(groups: list[_Group]) -> npt.NDArray[np.float64]:
    """Cosines of all pairs; -2 of a group with itself."""
    rows = np.stack([group.total / max(float(np.linalg.norm(group.total)), 1e-12) for group in groups])
    alike = np.asarray(rows @ rows.T)
    np.fill_diagonal(alike, -2.0)
    return alike


def _best(alike: npt.NDArray[np.float64]) -> tuple[int, int]:
    i, j = divmod(int(np.argmax(alike)), len(alike))
    return i, j


def _with(groups: list[_Group], i: int, j: int) -> list[_Group]:
    """The groups with ``i`` and ``j`` joined."""
    a, b = groups[i], groups[j]
    made = _Group(a.members + b.members, a.total + b.total, a.weight_ms + b.weight_ms, a.blocks | b.blocks)
    return [group for k, group in enumerate(groups) if k not in (i, j)] + [made]
