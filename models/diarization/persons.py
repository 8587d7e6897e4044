"""The bank of spoken utterances, by person, memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sounds import Floats

_ALIKE, _APART = 0.3, 0.45  # octaves of pitch and head: the same for the training below, two people in a call above
_SHORT_SYLLABLES = 3  # an utterance of so few syllables is a backchannel
Marks = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """Speech (float32, RMS 1 over its syllables) and where it begins and ends in samples of it."""

    audio: Floats
    first: int
    last: int


class Bank:
    """People of one or more folders; ``human`` ones are drawn with probability ``human_share``."""

    def __init__(self, folder: Path, human: Path | None = None, human_share: float = 0.12) -> None:
        self.sentences: list[list[tuple[int, int, int, Marks]]] = []
        self.backchannels: list[list[tuple[int, int, int, Marks]]] = []
        self._audio: list[npt.NDArray[np.int16]] = []
        traits: list[npt.NDArray[np.float64]] = []
        self._add(folder, traits)
        self.synthetic = len(self.sentences)
        if human:
            self._add(human, traits)
        self.human_share = human_share if human else 0.0
        self.traits = np.array(traits)
        self.classes = self._classes()

    def __len__(self) -> int:
        return len(self.sentences)

    def _add(self, folder: Path, traits: list[npt.NDArray[np.float64]]) -> None:
        for path in sorted(folder.glob("*.audio.npy")):
            meta = np.load(str(path).replace(".audio.npy", ".meta.npz"))
            self._audio.append(np.load(path, mmap_mode="r"))
            at = mark = u = 0
            for count, person in zip(meta["utterances"], meta["people"], strict=True):
                found: tuple[list[tuple[int, int, int, Marks]], list[tuple[int, int, int, Marks]]] = ([], [])
                for samples, syllables in meta["lengths"][u : u + count]:
                    marks = meta["marks"][mark : mark + syllables].astype(np.int64)
                    found[int(syllables <= _SHORT_SYLLABLES)].append((len(self._audio) - 1, at, at + samples, marks))
                    at, mark = at + samples, mark + syllables
                u += count
                self.sentences.append(found[0])
                self.backchannels.append(found[1])
                traits.append(person)

    def one(self, rng: np.random.Generator) -> int:
        if rng.random() < self.human_share:
            return int(rng.integers(self.synthetic, len(self)))
        return int(rng.integers(self.synthetic))

    def other(self, rng: np.random.Generator, people: list[int], near: bool) -> int:
        """A person clearly not one of ``people``; ``near``: the most similar of sixteen (pitch, head) to the first."""
        while True:
            drawn = [self.one(rng) for _ in range(16 if near else 1)]
            drawn.sort(key=lambda p: min(self._apart(p, q) for q in people))
            for p in drawn:
                if all(self._different(p, q) for q in people):
                    return p

    def _apart(self, a: int, b: int) -> float:
        """Octaves of pitch and head between two people (espeak's 100 steps of pitch are about two octaves)."""
        x, y = self.traits[a], self.traits[b]
        return float(abs(x[1] - y[1]) / 50 + 2 * abs(np.log2(x[4] / y[4])))

    def _classes(self) -> npt.NDArray[np.int64]:
        """A class of each person: people with the same voice and nearly the same pitch and head cannot be told apart and share one."""
        found: list[int] = []
        first: list[int] = []
        for p in range(len(self)):
            alike = [k for k, q in enumerate(first) if self._same_voice(p, q) and self._apart(p, q) < _ALIKE]
            found.append(min(alike, key=lambda k: self._apart(p, first[k])) if alike else len(first))
            if not alike:
                first.append(p)
        return np.array(found)

    def _same_voice(self, a: int, b: int) -> bool:
        return bool(self.traits[a, 0] == self.traits[b, 0] and (a < self.synthetic) == (b < self.synthetic))

    def _different(self, a: int, b: int) -> bool:
        return a != b and self._apart(a, b) > (_APART if self._same_voice(a, b) else 0.0)

    def speak(self, rng: np.random.Generator, person: int, short: bool = False) -> Piece:
        """An utterance of ``person``, often cut at syllables so that no sentence can be learnt by heart."""
        table = self.backchannels[person] if short and self.backchannels[person] else self.sentences[person]
        shard, begin, end, marks = table[int(rng.integers(len(table)))]
        a, b = 0, len(marks) - 1
        if not short and rng.random() < 0.5:
            a = int(rng.integers(0, len(marks)))
            b = int(rng.integers(a, len(marks)))
        start = max(0, int(marks[a, 0]) - 120) if a else 0
        stop = min(end - begin, int(marks[b, 1]) + 160) if b < len(marks) - 1 else end - begin
        audio = np.asarray(self._audio[shard][begin + start : begin + stop]).astype(np.float32)
        fade = min(60, len(audio) // 4)
        audio[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
        audio[len(audio) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        first, last = int(marks[a, 0]) - start, min(int(marks[b, 1]) - start, len(audio))
        return Piece(audio / (np.sqrt(np.mean(audio[first:last] ** 2)) + 1.0), first, last)
