"""Speak a bank of people: shards of 8 kHz utterances, grouped by person, with the times of the syllables.

    python models/diarization/bank.py --out DATA/bank/train --people 2000 --seed 1
    python models/diarization/bank.py --out DATA/bank/validation --voices validation --people 64 --seed 2
    python models/diarization/bank.py --out DATA/bank/held-back --voices held-back --people 64 --seed 3

A shard is ``NNNNN.audio.npy`` (int16, all utterances end to end) and ``NNNNN.meta.npz``.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from voices import VARIANTS, Person, Utterance, draw, say

sys.path.insert(0, str(Path(__file__).parents[1] / "asr"))

import corpus
from espeak import Espeak

BACKCHANNELS = ("嗯。", "嗯嗯。", "好。", "好的。", "对。", "对对。", "是。", "是的。", "哦。", "行。", "啊？", "喂？", "没有。", "可以。")
FEW_CHARACTERS = 4  # an utterance of so few characters is a backchannel
_PER_SHARD = 50


def utterances(espeak: Espeak, rng: random.Random, texts: Iterator[str], person: Person, sentences: int) -> list[Utterance]:
    """``sentences`` sentences and seven backchannels of ``person``."""
    spoken: list[Utterance] = []
    while len(spoken) < sentences:
        with contextlib.suppress(ValueError):
            text = next(texts)
            if len(text) > FEW_CHARACTERS + 1:
                spoken.append(say(espeak, rng, person, text))
    for text in rng.sample(BACKCHANNELS, 7):
        with contextlib.suppress(ValueError):
            spoken.append(say(espeak, rng, person, text))
    return spoken


def make_shard(path: Path, seed: int, people: int, voices: str, sentences: int) -> float:
    """Write one shard; returns its seconds of speech."""
    rng, espeak = random.Random(seed), Espeak()
    texts = corpus.generate(rng)
    audio, counts, marks, lengths, drawn = [], [], [], [], []
    for _ in range(people):
        person = draw(rng, rng.choice(VARIANTS[voices]))
        spoken = utterances(espeak, rng, texts, person, sentences)
        drawn.append((VARIANTS[voices].index(person.variant), person.pitch, person.pitch_range, person.rate, person.head))
        counts.append(len(spoken))
        for u in spoken:
            audio.append(u.pcm)
            lengths.append((len(u.pcm), len(u.marks)))
            marks += u.marks
    flat = np.concatenate(audio)
    np.savez(
        path.with_suffix(".meta.npz"),
        utterances=np.array(counts),
        lengths=np.array(lengths),
        marks=np.array(marks, np.int32),
        people=np.array(drawn),
        voices=np.array(VARIANTS[voices]),
    )
    np.save(path.with_suffix(".tmp.npy"), flat)
    path.with_suffix(".tmp.npy").rename(path.with_suffix(".audio.npy"))
    return len(flat) / 8000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--sentences", type=int, default=12, help="a person")
    parser.add_argument("--voices", choices=sorted(VARIANTS), default="train")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    seconds, shard, crashes = 0.0, 0, 0
    while shard * _PER_SHARD < args.people:
        size = min(_PER_SHARD, args.people - shard * _PER_SHARD)
        job = (args.out / f"{args.seed:02d}{shard:03d}", args.seed * 100_000 + shard + crashes * 1000, size, args.voices, args.sentences)
        # A process a shard: the C library has been seen to crash, and one shard is all that may be lost.
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            try:
                seconds += pool.submit(make_shard, *job).result()
            except BrokenProcessPool:
                crashes += 1
                continue
        shard += 1
        print(f"{shard * _PER_SHARD} people, {seconds / 3600:.1f} h, {crashes} crashes", flush=True)


if __name__ == "__main__":
    main()
