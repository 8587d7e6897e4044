"""Synthetic people: a voice variant of espeak-ng, a pitch, a liveliness, a speed and a size of head.

The size of the head is made by resampling: it moves formants and pitch together, and the pitch and speed asked of the
synthesiser are chosen with it.  Voices of the samples and of every evaluation (`espeak.HELD_BACK`) are never used in
training; a few of the others (`VALIDATION`) are kept for choosing thresholds.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

sys.path.insert(0, str(Path(__file__).parents[1] / "asr"))

import phonetics
from espeak import HELD_BACK, SAMPLE_RATE_HZ, TRAINING, Espeak

RATE_HZ = 8000
VALIDATION = ("belinda", "edward2", "f3", "gustave", "klatt5", "m1", "quincy", "sandro")
VARIANTS = {"train": tuple(v for v in TRAINING if v not in VALIDATION), "validation": VALIDATION, "held-back": HELD_BACK}


@dataclass(frozen=True)
class Person:
    """One synthetic speaker; ``rate`` is espeak's words a minute as heard, ``head`` multiplies every frequency."""

    variant: str
    pitch: int
    pitch_range: int
    rate: int
    head: float


@dataclass(frozen=True)
class Utterance:
    """Mono ``pcm`` (int16, 8 kHz) and start and end of each syllable in samples."""

    pcm: npt.NDArray[np.int16]
    marks: tuple[tuple[int, int], ...]


def draw(rng: random.Random, variant: str) -> Person:
    """A person with ``variant``; head sizes +-16 % beyond what the variants differ by themselves."""
    return Person(variant, rng.randint(12, 88), rng.randint(20, 90), rng.randint(115, 220), 2 ** rng.uniform(-0.23, 0.23))


def say(espeak: Espeak, rng: random.Random, person: Person, text: str) -> Utterance:
    """``text`` as ``person`` says it this time: pitch, liveliness and speed vary within a person, now and then a lot.

    Raises ValueError if espeak-ng drops a syllable.
    """
    tokens, _read, _index = phonetics.spoken_form(text)
    excited = rng.random() < 0.08
    pitch = person.pitch + rng.randint(-5, 5) + (18 if excited else 0)
    rate = person.rate * rng.uniform(0.87, 1.13) / person.head
    spoken = espeak.speak(
        tokens,
        person.variant,
        round(min(max(rate, 80), 300)),
        min(max(pitch, 0), 99),
        min(max(person.pitch_range + rng.randint(-10, 10), 0), 99),
    )
    pcm = soxr.resample(spoken.pcm, SAMPLE_RATE_HZ * person.head, RATE_HZ)
    scale = RATE_HZ / person.head
    marks = tuple((round(a * scale), min(round(b * scale), len(pcm))) for a, b in spoken.marks_s)
    first, last = max(0, marks[0][0] - 160), min(len(pcm), marks[-1][1] + 400)
    return Utterance(pcm[first:last], tuple((a - first, b - first) for a, b in marks))
