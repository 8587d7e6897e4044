"""The turns of a call as speech: espeak-ng syllables with their times, pauses set by us, the rate steered to a target."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1] / "models" / "asr"))

import phonetics
from espeak import SAMPLE_RATE_HZ, Espeak
from script import Line
from truth_measures import rate_cpm

# Pauses inside a turn stay clear of the 500 ms at which a pause stops counting as speech time.
PAUSE_MS = {",": (140, 230), ".": (230, 330), "?": (230, 330), "!": (230, 330)}
LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS = 400, 90
_HEAD_S, _TAIL_S = 0.03, 0.06
TURN_APART_S = 1.2  # between turns of one speaker, for the rate alone: any value above 0.5 s


@dataclass(frozen=True)
class SpokenLine:
    """Mono int16 at 22,050 Hz; ``marks_s`` are start and end of each syllable, ``chars`` its character in the text."""

    line: Line
    pcm: npt.NDArray[np.int16]
    marks_s: tuple[tuple[float, float], ...]
    chars: tuple[int, ...]


@dataclass(frozen=True)
class Voice:
    name: str
    pitch: int = 50
    pitch_range: int = 50


class Speaker:
    """One voice at one espeak rate.  The pauses of a line depend on ``seed`` and the line's place, not on the rate."""

    def __init__(self, espeak: Espeak, voice: Voice, seed: str) -> None:
        self._espeak, self._voice, self._seed = espeak, voice, seed

    def speak(self, lines: Sequence[Line], rate: int, stretch: float = 1.0) -> list[SpokenLine]:
        """``lines`` at espeak's ``rate``, the pauses at punctuation ``stretch`` times as long as usual."""
        return [self._line(line, place, rate, stretch) for place, line in enumerate(lines)]

    def _line(self, line: Line, place: int, rate: int, stretch: float) -> SpokenLine:
        tokens, read, chars = phonetics.spoken_form(line.text)
        pitch = min(95, self._voice.pitch + 22) if line.shout else self._voice.pitch
        for attempt in range(6):
            try:
                spoken = self._espeak.speak(tokens, self._voice.name, rate, pitch + attempt, self._voice.pitch_range)
                break
            except ValueError:  # now and then espeak drops a syllable; another pitch mends it
                continue
        else:
            raise ValueError(f"espeak-ng cannot say {line.text!r}")
        rng = random.Random(f"{self._seed}/{place}/{line.text}")
        pauses, syllable = {}, -1
        for token in tokens:
            if token[-1].isdigit():
                syllable += 1
            elif 0 <= syllable < len(read) - 1:
                wanted = rng.randint(*PAUSE_MS[token]) * stretch
                pauses[syllable] = min(LONGEST_PAUSE_MS, max(SHORTEST_PAUSE_MS, wanted)) / 1000
        pcm, marks = with_pauses(spoken.pcm, spoken.marks_s, pauses)
        return SpokenLine(line, pcm, marks, tuple(chars))

    def at_rate(self, lines: Sequence[Line], target_cpm: float) -> list[SpokenLine]:
        """``lines`` so that their rate, turns far apart, is ``target_cpm`` to within 1 %; raises ValueError if it cannot be."""
        low, high = 80, 330
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if turns_rate(self.speak(lines, middle)) < target_cpm else (low, middle)
        best: tuple[float, list[SpokenLine]] = (1e9, [])
        for rate in (low, high, low - 2, high + 2):
            short, long = 0.6, 1.5
            for _ in range(7):
                stretch = (short + long) / 2
                spoken = self.speak(lines, max(80, rate), stretch)
                error = turns_rate(spoken) - target_cpm
                if abs(error) < best[0]:
                    best = (abs(error), spoken)
                short, long = (stretch, long) if error > 0 else (short, stretch)
            if best[0] < 0.25:
                break
        if best[0] > 0.01 * target_cpm:
            raise ValueError(f"voice {self._voice.name} misses {target_cpm} characters a minute by {best[0]:.1f}")
        return best[1]


def turns_rate(spoken: Sequence[SpokenLine]) -> float:
    """Characters a minute of ``spoken`` with the turns too far apart to count as one stretch."""
    marks, offset = [], 0.0
    for s in spoken:
        marks += [(a + offset, b + offset) for a, b in s.marks_s]
        offset = marks[-1][1] + TURN_APART_S
    rate = rate_cpm(marks)
    assert rate is not None
    return rate


def with_pauses(
    pcm: npt.NDArray[np.int16], marks_s: Sequence[tuple[float, float]], pauses: dict[int, float]
) -> tuple[npt.NDArray[np.int16], tuple[tuple[float, float], ...]]:
    """``pcm`` cut to its speech, with the silence after syllable k made ``pauses[k]`` seconds long, and the moved marks."""
    begin = max(0, round((marks_s[0][0] - _HEAD_S) * SAMPLE_RATE_HZ))
    parts, marks, cursor, shift = [], [], begin, -begin / SAMPLE_RATE_HZ
    for k, (start, end) in enumerate(marks_s):
        marks.append((start + shift, end + shift))
        if k in pauses and k + 1 < len(marks_s):
            gap = marks_s[k + 1][0] - end
            middle = round((end + gap / 2) * SAMPLE_RATE_HZ)
            change = round((pauses[k] - gap) * SAMPLE_RATE_HZ)
            if change >= 0:
                parts += [pcm[cursor:middle], np.zeros(change, np.int16)]
                cursor = middle
            else:
                parts.append(pcm[cursor : middle + change // 2])
                cursor = middle + change // 2 - change
            shift += change / SAMPLE_RATE_HZ
    parts.append(pcm[cursor : round((marks_s[-1][1] + _TAIL_S) * SAMPLE_RATE_HZ)])
    return np.concatenate(parts), tuple(marks)


_NOTES_HZ = (392.0, 440.0, 523.25, 587.33, 659.25, 783.99)  # a pentatonic scale
_NOTE_S = 0.4


def music(line: Line) -> SpokenLine:
    """Hold music as long as the line says: plucked notes, a melody made from the line's text."""
    assert line.seconds is not None
    rng = random.Random(line.text)
    t = np.arange(round(line.seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    x = np.zeros(len(t))
    for number in range(int(line.seconds / _NOTE_S)):
        begin, tone = round(number * _NOTE_S * SAMPLE_RATE_HZ), rng.choice(_NOTES_HZ)
        after = t[: len(t) - begin]
        x[begin:] += np.exp(-3 * after) * np.clip(after / 0.008, 0, 1) * sum(np.sin(2 * np.pi * h * tone * after) / h for h in (1, 2, 3))
    pcm = np.round(12000 * x / np.max(np.abs(x))).astype(np.int16)
    return SpokenLine(line, pcm, ((0.0, line.seconds),), (0,))
