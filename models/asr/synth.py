"""Speak training texts with many voices: shards of 8 kHz speech with the time of every syllable.

    python models/asr/synth.py --out DIR --hours 100 --seed 1

A shard is ``NNNN.audio.npy`` (int16, all utterances end to end) and ``NNNN.meta.npz``.  Utterances come in groups of
four by one speaker, so that training can join sentences of one voice.
"""

from __future__ import annotations

import argparse
import contextlib
import random
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import codecs_8k
import corpus
import numpy as np
import phonetics
import soxr
from espeak import SAMPLE_RATE_HZ, TRAINING, Espeak

RATE_HZ = 8000
GROUP = 4


def speaker(rng: random.Random) -> dict[str, int | str]:
    return {"voice": rng.choice(TRAINING), "rate": rng.randint(95, 245), "pitch": rng.randint(15, 85), "pitch_range": rng.randint(20, 90)}


def utterance(espeak: Espeak, rng: random.Random, text: str, who: dict[str, int | str], codec: str | None) -> dict[str, object]:
    tokens, read, index = phonetics.spoken_form(text)
    spoken = espeak.speak(tokens, **who)  # type: ignore[arg-type]
    pcm = soxr.resample(spoken.pcm, SAMPLE_RATE_HZ, RATE_HZ)
    if codec:
        pcm = codecs_8k.through(pcm, codec)
    return {
        "pcm": pcm,
        "text": text,
        "index": index,
        "classes": [phonetics.classes(s) for s in read],
        "marks": [(round(a * RATE_HZ), round(b * RATE_HZ)) for a, b in spoken.marks_s],
    }


def write_shard(path: Path, items: list[dict[str, object]]) -> None:
    """Flat arrays: ``n_*`` are counts an utterance; ``char_syllable`` is the syllable of a character or -1."""
    chars = sorted({c for u in items for c in str(u["text"])})
    code = {c: i for i, c in enumerate(chars)}
    char_syllable = []
    for u in items:
        at = {c: k for k, c in enumerate(u["index"])}  # type: ignore[var-annotated, arg-type]
        char_syllable += [at.get(i, -1) for i in range(len(str(u["text"])))]
    meta = {
        "chars": np.array(chars),
        "n_samples": np.array([len(u["pcm"]) for u in items]),  # type: ignore[arg-type]
        "n_chars": np.array([len(str(u["text"])) for u in items]),
        "n_syllables": np.array([len(u["marks"]) for u in items]),  # type: ignore[arg-type]
        "text": np.array([code[c] for u in items for c in str(u["text"])], np.int16),
        "char_syllable": np.array(char_syllable, np.int16),
        "marks": np.concatenate([np.array(u["marks"], np.int32).reshape(-1, 2) for u in items]),
        "classes": np.concatenate([np.array(u["classes"], np.int8).reshape(-1, 3) for u in items]),
    }
    np.save(path.with_suffix(".tmp.npy"), np.concatenate([u["pcm"] for u in items]))  # type: ignore[misc]
    np.savez(path.with_suffix(".meta.npz"), **meta)
    path.with_suffix(".tmp.npy").rename(path.with_suffix(".audio.npy"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=100.0)
    parser.add_argument("--shard", type=int, default=2000, help="utterances a shard")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--written", action="store_true", help="prefer hand-written sentences (for the last part of the training)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    hours, shard, crashes = 0.0, 0, 0
    while hours < args.hours:
        seed = args.seed * 100_000 + shard + crashes * 1000
        # A process a shard: the C library has been seen to crash, and one shard is all that may be lost.
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            try:
                seconds = pool.submit(make_shard, args.out / f"{args.seed:02d}{shard:04d}", seed, args.shard, args.written).result()
            except BrokenProcessPool:
                crashes += 1
                continue
        hours += seconds / 3600
        shard += 1
        print(f"shard {shard}: {hours:.1f} h, {crashes} crashes", flush=True)


def make_shard(path: Path, seed: int, size: int, written: bool) -> float:
    """Write one shard; returns its seconds of audio."""
    rng, espeak = random.Random(seed), Espeak()
    texts = corpus.generate(rng, written)
    items: list[dict[str, object]] = []
    while len(items) < size:
        who = speaker(rng)
        codec = rng.choice(("opus", "mp3", "amr", "g726")) if rng.random() < 0.2 else None
        group: list[dict[str, object]] = []
        while len(group) < GROUP:
            with contextlib.suppress(ValueError):
                group.append(utterance(espeak, rng, next(texts), who, codec))
        items += group
    write_shard(path, items)
    return sum(len(u["pcm"]) for u in items) / RATE_HZ  # type: ignore[arg-type, misc]


if __name__ == "__main__":
    main()
