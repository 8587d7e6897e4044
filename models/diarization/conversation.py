"""Synthetic telephone conversations recorded on one channel, with the truth of who speaks when.

A conversation is drawn from a seed: who takes part, how they take turns (gaps, overlaps, interruptions, 嗯 and 好 into
the other's turn), each side's telephone (level, equaliser, noise, codec, leak of the other side), and what else is on the
line (ringback, hold music, announcements, beeps, knocks).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.fft
import sounds
from persons import Bank
from sounds import RATE_HZ, Floats

sys.path.insert(0, str(Path(__file__).parents[1] / "asr"))

import codecs_8k

BRIDGED_S = 0.45  # a shorter pause of a speaker is part of the turn
_LIMIT_DB = 15.0  # between the two sides
Span = tuple[float, float]


@dataclass(frozen=True)
class Turn:
    """Seconds; ``person`` is an index of the bank."""

    start_s: float
    end_s: float
    person: int


@dataclass(frozen=True)
class Conversation:
    """``pcm`` is mono at 8 kHz in -1..1; ``turns`` are ordered and do not overlap for one person."""

    pcm: Floats
    turns: tuple[Turn, ...]

    def people(self) -> tuple[int, ...]:
        return tuple(sorted({t.person for t in self.turns}))


@dataclass
class _Manner:
    """How these people talk with each other."""

    overlap: float
    backchannel: float
    gap_s: float
    stay: float
    pieces: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Manner:
        lively = rng.random() < 0.3
        return cls(
            overlap=rng.uniform(0.2, 0.5) if lively else rng.uniform(0, 0.2),
            backchannel=rng.uniform(0, 0.6),
            gap_s=rng.uniform(0.1, 1.2),
            stay=rng.uniform(0.03, 0.3),
            pieces=int(rng.integers(1, 4)),
        )


@dataclass
class _Stage:
    """The sides of a call while it is laid out: each person's samples and spans of speech."""

    samples: int
    audio: dict[int, Floats] = field(default_factory=dict)
    spans: dict[int, list[Span]] = field(default_factory=dict)

    def add(self, person: int, at_s: float, audio: Floats, first: int, last: int) -> None:
        side = self.audio.setdefault(person, np.zeros(self.samples, np.float32))
        at = round(at_s * RATE_HZ)
        if at >= self.samples:
            return
        side[at : at + len(audio)] += audio[: self.samples - at]
        self.spans.setdefault(person, []).append((at_s + first / RATE_HZ, min(at_s + last / RATE_HZ, self.samples / RATE_HZ)))


def _turn(bank: Bank, rng: np.random.Generator, stage: _Stage, person: int, at_s: float, manner: _Manner) -> float:
    """One to three utterances of ``person`` from ``at_s`` on; returns when they end."""
    if rng.random() < 0.12:
        p = bank.speak(rng, person, short=True)
        stage.add(person, at_s, p.audio, p.first, p.last)
        return at_s + p.last / RATE_HZ
    end, count = at_s, int(rng.integers(1, manner.pieces + 1))
    loud = 10 ** (rng.normal(0, 2) / 20)
    for _ in range(count):
        p = bank.speak(rng, person)
        stage.add(person, end, p.audio * loud, p.first, p.last)
        end += p.last / RATE_HZ + (rng.uniform(0.03, 0.4) if rng.random() < 0.8 else rng.uniform(0.5, 1.5))
    return max(at_s + 0.1, stage.spans[person][-1][1])


def _talk(bank: Bank, rng: np.random.Generator, stage: _Stage, people: list[int], span: Span) -> None:
    """``people`` take turns within ``span``."""
    manner, at, who = _Manner.draw(rng), span[0], int(rng.integers(len(people)))
    others_end = 0.0
    while at < span[1] - 0.5:
        start = max(at, span[0])
        end = _turn(bank, rng, stage, people[who], start, manner)
        if len(people) > 1 and end - start > 1.2 and rng.random() < manner.backchannel:
            listener = people[(who + int(rng.integers(1, len(people)))) % len(people)]
            p = bank.speak(rng, listener, short=True)
            when = max(rng.uniform(start + 0.4, end), others_end)
            stage.add(listener, when, p.audio * 10 ** (rng.uniform(-6, 1) / 20), p.first, p.last)
            others_end = when + p.last / RATE_HZ + 0.05
        stays = len(people) == 1 or rng.random() < manner.stay
        if not stays:
            who = (who + int(rng.integers(1, len(people)))) % len(people)
        if not stays and rng.random() < manner.overlap:
            at = max(start + 0.3, end - float(min(rng.exponential(0.7) + 0.1, 3.0)), others_end)
        else:
            at = max(end, others_end) + (0.5 if stays else 0.0) + float(min(rng.exponential(manner.gap_s), 4.0))
            if rng.random() < 0.04:
                at += rng.uniform(2, 8)


def _tidy(spans: dict[int, list[Span]]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for person, found in spans.items():
        merged: list[list[float]] = []
        for a, b in sorted(found):
            if merged and a - merged[-1][1] < BRIDGED_S:
                merged[-1][1] = max(merged[-1][1], b)
            else:
                merged.append([a, b])
        turns += [Turn(a, b, person) for a, b in merged if b > a]
    return tuple(sorted(turns, key=lambda t: (t.start_s, t.end_s)))


def _filtered(x: Floats, gain: Callable[[int], Floats]) -> Floats:
    size = scipy.fft.next_fast_len(len(x), real=True)
    return np.asarray(scipy.fft.irfft(scipy.fft.rfft(x, size) * gain(size), size)[: len(x)], np.float32)


def _coded(rng: np.random.Generator, x: Floats, share: float) -> Floats:
    """``x`` through a lossy codec with probability ``share``, else through mu-law or 16 bits."""
    peak = float(np.max(np.abs(x))) + 1e-6
    x = x / max(peak, 1.0)
    if rng.random() < share:
        pcm = codecs_8k.through(np.round(x * 32767).astype(np.int16), str(rng.choice(("opus", "mp3", "amr", "g726"))))
        return pcm.astype(np.float32) / 32768
    if rng.random() < 0.6:
        y = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log1p(255)
        y = (np.round(y * 127.5 - 0.5) + 0.5) / 127.5
        return np.asarray(np.sign(y) * np.expm1(np.abs(y) * np.log1p(255)) / 255, np.float32)
    return np.asarray(np.round(x * 32768) / 32768, np.float32)


def _noise(bank: Bank, rng: np.random.Generator, samples: int) -> Floats:
    kind = rng.random()
    if kind < 0.12:  # babble: five or more people at once are nobody's turn
        x = np.zeros(samples, np.float32)
        for _ in range(int(rng.integers(5, 9))):
            person, at = bank.one(rng), 0
            while at < samples:
                p = bank.speak(rng, person)
                x[at : at + len(p.audio)] += p.audio[: samples - at]
                at += len(p.audio)
        return sounds.level(x)
    return sounds.modulated(rng, samples) if kind < 0.3 else sounds.coloured(rng, samples)


def _side(bank: Bank, rng: np.random.Generator, speech: Floats, level_db: float) -> Floats:
    """One telephone: its equaliser, noise below its speech, and sometimes a codec or a gate."""
    x = sounds.level(_filtered(speech, lambda size: sounds.equaliser(rng, size)))
    active = np.abs(speech) > 1e-4
    x *= np.sqrt(max(float(np.mean(active)), 0.02))  # RMS of the speech, not of the pauses, is 1
    if rng.random() < 0.9:
        noise = _noise(bank, rng, len(x)) * 10 ** (-rng.uniform(12, 42) / 20)
        if rng.random() < 0.15:  # voice activity detection in the network: no noise while the side is silent
            hang = int(rng.uniform(0.1, 0.5) * RATE_HZ)
            noise *= np.convolve(active[::80], np.ones(hang // 80), "same").repeat(80)[: len(x)] > 0
        x = x + noise
    if rng.random() < 0.06:
        x = np.clip(x, -1.5, 1.5)
    x = _coded(rng, x * 0.12, 0.07)
    return x * (10 ** (level_db / 20))


def _line(rng: np.random.Generator, samples: int, held: Span | None, talk: Span) -> Floats:
    """What else is heard: ringback before, hold music within, beeps and knocks."""
    x = np.zeros(samples, np.float32)
    begin, end = (round(s * RATE_HZ) for s in talk)
    if begin:
        x[:begin] += sounds.tone(rng, begin) * 10 ** (rng.uniform(-12, 4) / 20)
    if end < samples:
        x[end:] += sounds.tone(rng, samples - end) * 10 ** (rng.uniform(-12, 2) / 20)
    if held:
        a, b = (round(s * RATE_HZ) for s in held)
        x[a:b] += sounds.music(rng, b - a) * 10 ** (rng.uniform(-14, 3) / 20)
    if rng.random() < 0.12:
        x += sounds.beeps(rng, samples) * 10 ** (rng.uniform(-14, 0) / 20)
    if rng.random() < 0.2:
        x += sounds.knocks(rng, samples) * 10 ** (rng.uniform(-16, -2) / 20)
    return x * 0.12


def _cast(bank: Bank, rng: np.random.Generator) -> list[int]:
    kind = rng.random()
    people = [bank.one(rng)]
    near = rng.random() < 0.35
    for _ in range(0 if kind < 0.07 else 2 if kind > 0.9 else 1):
        people.append(bank.other(rng, people, near))
    return people


def make(bank: Bank, rng: np.random.Generator, seconds: float = 60.0) -> Conversation:
    """A conversation of ``seconds``."""
    stage, people = _Stage(round(seconds * RATE_HZ)), _cast(bank, rng)
    talk = (rng.uniform(2, 10) if rng.random() < 0.15 else 0.0, seconds - (rng.uniform(1, 5) if rng.random() < 0.06 else 0.0))
    held: Span | None = None
    announced = rng.random() < 0.12
    if rng.random() < 0.14:
        start = rng.uniform(talk[0], talk[1] - 16)
        held = (start, start + rng.uniform(4, 15))
        _talk(bank, rng, stage, people, (talk[0], held[0]))
        _talk(bank, rng, stage, people, (held[1], talk[1]))
    else:
        start = talk[0]
        if announced:
            held = (start, start + rng.uniform(5, 12))
        _talk(bank, rng, stage, people, (held[1] if held else start, talk[1]))
    if announced and held:  # a recorded voice, over music or silence
        _talk(bank, rng, stage, [bank.other(rng, people, False)], held)
        held = held if rng.random() < 0.5 else None
    return Conversation(_mixed(bank, rng, stage, held, talk), _tidy(stage.spans))


def _mixed(bank: Bank, rng: np.random.Generator, stage: _Stage, held: Span | None, talk: Span) -> Floats:
    """The sides over each other, the line's own sounds, and the recorder."""
    sides = []
    for k, person in enumerate(sorted(stage.audio, key=lambda p: rng.random())):
        sides.append(_side(bank, rng, stage.audio[person], -rng.uniform(0, _LIMIT_DB) * (k > 0) * (rng.random() < 0.8)))
    if len(sides) > 1 and rng.random() < 0.15:
        delay = int(rng.uniform(0.01, 0.3) * RATE_HZ)
        sides.append(np.pad(sides[0], (delay, 0))[: stage.samples] * 10 ** (-rng.uniform(18, 40) / 20))
    x = _line(rng, stage.samples, held, talk)
    for side in sides:
        x += side
    x += sounds.coloured(rng, len(x)) * 0.12 * 10 ** (-rng.uniform(25, 60) / 20)
    x *= 10 ** (rng.uniform(-36, -14) / 20) / (float(np.sqrt(np.mean(x**2))) + 1e-6)
    return _coded(rng, np.clip(x, -1, 1), 0.15)
