"""Endless training batches cut from synthetic conversations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import conversation
import numpy as np
import numpy.typing as npt
import scipy.signal
import soxr
import torch
from conversation import Conversation
from persons import Bank
from sounds import RATE_HZ, Floats
from torch.utils.data import IterableDataset, get_worker_info

MASK_S = 0.01  # resolution of the truth and of the weights of the embedding's pooling
SEGMENTS_S = 10.0
_POOL = 224
Batch = dict[str, torch.Tensor]


def to_16k(rng: np.random.Generator, x: Floats) -> Floats:
    """8 kHz to 16 kHz by one of several resamplers, sometimes with a little noise above 4 kHz."""
    kind = rng.random()
    if kind < 0.8:
        y = soxr.resample(x, RATE_HZ, 2 * RATE_HZ, "HQ" if kind < 0.6 else "VHQ" if kind < 0.7 else "MQ")
    else:
        y = scipy.signal.resample_poly(x, 2, 1)
    y = np.asarray(y, np.float32)
    if rng.random() < 0.35:
        y = y + rng.standard_normal(len(y), dtype=np.float32) * np.float32(10 ** rng.uniform(-6, -3.3))
    return y


def activity(c: Conversation) -> npt.NDArray[np.bool_]:
    """(people, frames of 10 ms): who speaks."""
    people = c.people()
    active = np.zeros((len(people), round(len(c.pcm) / RATE_HZ / MASK_S)), bool)
    for t in c.turns:
        active[people.index(t.person), round(t.start_s / MASK_S) : round(t.end_s / MASK_S)] = True
    return active


class _Conversations:
    """What both kinds of batch need in a worker: the bank and a generator of numbers of its own."""

    def __init__(self, bank: Path, human: Path | None, seed: int) -> None:
        info = get_worker_info()
        self.rng = np.random.default_rng((seed, info.id if info else 0))
        self.bank = Bank(bank, human)

    def next(self) -> Conversation:
        return conversation.make(self.bank, self.rng, float(self.rng.choice((40.0, 60.0))))


def frame_centres_s(
    frames: int = 589, start_s: float = 0.0, size_s: float = 0.0619375, step_s: float = 0.016875
) -> npt.NDArray[np.float64]:
    """Middle of each frame of PyanNet's output for a chunk of 10 s (its receptive field is fixed by SincNet)."""
    return np.asarray(start_s + size_s / 2 + step_s * np.arange(frames))


def segments(c: Conversation, rng: np.random.Generator) -> Iterator[tuple[Floats, npt.NDArray[np.float32]]]:
    """Chunks of 10 s: audio at 16 kHz and (frames, 3) activity of the three who speak most, two at once; three times through the call."""
    active = activity(c)
    at = np.minimum((frame_centres_s() / MASK_S).astype(int), round(SEGMENTS_S / MASK_S) - 1)
    length = len(c.pcm) / RATE_HZ
    # from different starts: making a call costs as much as learning from it
    for start in (s + k * SEGMENTS_S for s in rng.uniform(0, SEGMENTS_S, 3) for k in range(int((length - s) / SEGMENTS_S))):
        a = round(start * RATE_HZ)
        truth = active[:, np.minimum(round(start / MASK_S) + at, active.shape[1] - 1)].T.astype(np.float32)
        order = np.argsort(-truth.sum(0))[:3]
        truth = np.pad(truth[:, order], ((0, 0), (0, 3 - len(order))))
        truth[truth.sum(1) > 2, 2] = 0
        yield to_16k(rng, c.pcm[a : a + round(SEGMENTS_S * RATE_HZ)]), truth


class Segments(IterableDataset[Batch]):
    """Batches of {audio (n, 1, samples), truth (n, frames, 3)} for the segmentation."""

    def __init__(self, bank: Path, human: Path | None, size: int, seed: int) -> None:
        self.bank, self.human, self.size, self.seed = bank, human, size, seed

    def __iter__(self) -> Iterator[Batch]:
        source = _Conversations(self.bank, self.human, self.seed)
        pool: list[tuple[Floats, npt.NDArray[np.float32]]] = []
        while True:
            while len(pool) < max(_POOL, self.size * 2):
                pool += segments(source.next(), source.rng)
            picked = [pool.pop(int(source.rng.integers(len(pool)))) for _ in range(self.size)]
            yield {
                "audio": torch.from_numpy(np.stack([p[0] for p in picked]))[:, None],
                "truth": torch.from_numpy(np.stack([p[1] for p in picked])),
            }


# One voice alone, joined from its pieces (what sherpa-onnx embeds), and whole stretches of the call with a mask (what pyannote does).
_ALONE_S = (0.8, 1.2, 1.8, 2.6, 4.0)
_WHOLE_S = (5.0, 10.0)
_BATCH_S = 56.0
Example = tuple[Floats, npt.NDArray[np.float32], tuple[int, int]]


def alone(c: Conversation, active: npt.NDArray[np.bool_], rng: np.random.Generator, crops: int = 9) -> Iterator[tuple[float, Example]]:
    """Crops of one person's speech with nobody else's in it, joined."""
    only = active & (active.sum(0) == 1)
    for row, person in zip(only, c.people(), strict=True):
        audio = to_16k(rng, c.pcm[: len(row) * 80].reshape(-1, 80)[row].reshape(-1)) if row.sum() > 100 else np.zeros(0, np.float32)
        for _ in range(crops):
            seconds = float(rng.choice(_ALONE_S))
            n = round(seconds * 2 * RATE_HZ)
            if n <= len(audio):
                at = int(rng.integers(0, len(audio) - n + 1))
                yield seconds, (audio[at : at + n], np.ones((2, round(seconds / MASK_S)), np.float32), (person, -1))


def whole(c: Conversation, active: npt.NDArray[np.bool_], rng: np.random.Generator, windows: int = 6) -> Iterator[tuple[float, Example]]:
    """Stretches of the call with, for up to two people, where each speaks alone."""
    only, people = active & (active.sum(0) == 1), c.people()
    for _ in range(windows):
        seconds = float(rng.choice(_WHOLE_S, p=(0.7, 0.3)))
        n = round(seconds / MASK_S)
        at = int(rng.integers(0, only.shape[1] - n))
        masks = only[:, at : at + n]
        heard = [int(i) for i in rng.permutation(len(people)) if masks[i].sum() * MASK_S > 0.5][:2]
        if heard:
            rows = heard + heard[:1] * (2 - len(heard))
            labels = (people[heard[0]], people[heard[1]] if len(heard) > 1 else -1)
            yield seconds, (to_16k(rng, c.pcm[at * 80 : (at + n) * 80]), masks[rows].astype(np.float32), labels)


class Voices(IterableDataset[Batch]):
    """Batches of {audio (n, 1, samples), weights (n, 2, frames), person (n, 2)} for the embedding; one length a batch.

    ``person`` is a class of the bank, -1 for nobody.
    """

    def __init__(self, bank: Path, human: Path | None, seed: int) -> None:
        self.bank, self.human, self.seed = bank, human, seed

    def __iter__(self) -> Iterator[Batch]:
        source = _Conversations(self.bank, self.human, self.seed)
        buckets: dict[float, list[Example]] = {}
        while True:
            c = source.next()
            active = activity(c)
            for seconds, example in [*alone(c, active, source.rng), *whole(c, active, source.rng)]:
                bucket = buckets.setdefault(seconds, [])
                bucket.append(example)
                size = round(_BATCH_S / seconds)
                if len(bucket) >= 2 * size:
                    picked = [bucket.pop(int(source.rng.integers(len(bucket)))) for _ in range(size)]
                    yield {
                        "audio": torch.from_numpy(np.stack([p[0] for p in picked]))[:, None],
                        "weights": torch.from_numpy(np.stack([p[1] for p in picked])),
                        "person": torch.tensor([[source.bank.classes[i] if i >= 0 else -1 for i in p[2]] for p in picked]),
                    }
