"""Recorded words of two people as persons of the bank: words joined into halting sentences, each person at several sizes of head.

    python models/diarization/human_bank.py --shards DATA/humanshards --out DATA/bank/human

``--shards`` is what `models/asr/human.py` writes.  Words are by Yue Tan, syllables by Chen Wang (hugolpz/audio-cmn, CC BY-SA).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

RATE_HZ = 8000
_HEADS = {"words": 2.0 ** np.linspace(-0.5, 0.3, 9), "syllables": 2.0 ** np.linspace(-0.35, 0.45, 8)}
_SENTENCES, _BACKCHANNELS = 40, 12
Shard = tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]
Spoken = tuple[npt.NDArray[np.int16], list[tuple[int, int]]]


def _sentence(rng: np.random.Generator, shard: Shard, head: float, words: int) -> Spoken:
    """``words`` joined with little or no pause; a mark a word."""
    audio, start = shard
    parts: list[npt.NDArray[np.int16]] = []
    marks: list[tuple[int, int]] = []
    length = 0
    for _ in range(words):
        i = int(rng.integers(len(start) - 1))
        pcm = soxr.resample(audio[start[i] : start[i + 1]], RATE_HZ * head * rng.uniform(0.98, 1.02), RATE_HZ)
        gap = int(rng.uniform(0, 0.06 if rng.random() < 0.85 else 0.35) * RATE_HZ)
        parts += [pcm, np.zeros(gap, np.int16)]
        marks.append((length, length + len(pcm)))
        length += len(pcm) + gap
    return np.concatenate(parts), marks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(4)
    spoken: list[Spoken] = []
    people: list[tuple[float, ...]] = []
    for who, (name, heads) in enumerate(_HEADS.items()):
        meta = np.load(args.shards / f"{name}.meta.npz")
        shard = np.load(args.shards / f"{name}.audio.npy"), np.concatenate([[0], np.cumsum(meta["n_samples"])])
        for head in heads:
            counts = [int(rng.integers(4, 14)) for _ in range(_SENTENCES)] + [int(rng.integers(1, 3)) for _ in range(_BACKCHANNELS)]
            spoken += [_sentence(rng, shard, float(head), n) for n in counts]
            people.append((who, 50, 50, 160, float(head)))
    lengths = [(len(pcm), len(marks)) for pcm, marks in spoken]
    np.savez(
        args.out / "human.meta.npz",
        utterances=np.full(len(people), _SENTENCES + _BACKCHANNELS),
        lengths=np.array(lengths),
        marks=np.array([m for _, marks in spoken for m in marks], np.int32),
        people=np.array(people),
        voices=np.array(list(_HEADS)),
    )
    np.save(args.out / "human.audio.npy", np.concatenate([pcm for pcm, _ in spoken]))
    print(len(people), "people", sum(n for n, _ in lengths) / RATE_HZ / 3600, "h")


if __name__ == "__main__":
    main()
