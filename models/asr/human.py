"""Recorded words of two people as a shard, to be joined into halting sentences by the training.

    python models/asr/human.py --folder DIR --out DIR

``--folder`` holds the unpacked archives of hugolpz/audio-cmn (CC BY-SA): words by Yue Tan, syllables by Chen Wang.
Silence at both ends is cut; the time of a syllable inside a word is taken as its even share.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import av
import corpus
import numpy as np
import numpy.typing as npt
import phonetics
import synth


def decode_8k(path: Path) -> npt.NDArray[np.int16]:
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=synth.RATE_HZ)
        parts = [f.to_ndarray()[0] for frame in file.decode(audio=0) for f in resampler.resample(frame)]
        parts += [f.to_ndarray()[0] for f in resampler.resample(None)]
    return np.concatenate(parts)


def trim(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Cut frames of 10 ms below -35 dB of the loudest at both ends; level to a peak of half of full scale."""
    n = len(pcm) // 80
    level = np.sqrt(np.mean(pcm[: n * 80].reshape(n, 80).astype(float) ** 2, axis=1))
    loud = np.flatnonzero(level > level.max() * 10 ** (-35 / 20))
    cut = pcm[max(0, loud[0] - 1) * 80 : (loud[-1] + 2) * 80].astype(float)
    return (cut / np.abs(cut).max() * 16384).astype(np.int16)


def collect(folder: Path) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    known = set(corpus.characters())
    words, syllables = [], []
    for path in sorted(folder.rglob("cmn-*.mp3")):
        name = path.stem.removeprefix("cmn-")
        is_word = "\u4e00" <= name[0] <= "\u9fff"
        try:
            read = phonetics.syllables(name)[0] if is_word else [name]
            labels = [phonetics.classes(s) for s in read]
            if is_word and not set(name) <= known:
                continue
            pcm = trim(decode_8k(path))
        except (ValueError, IndexError, av.error.FFmpegError):
            continue
        edges = np.linspace(0, len(pcm), len(labels) + 1).astype(int)
        item = {
            "pcm": pcm,
            "text": name if is_word else "",
            "index": list(range(len(labels))) if is_word else [],
            "classes": labels,
            "marks": list(itertools.pairwise(edges)),
        }
        (words if is_word else syllables).append(item)
    return words, syllables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, items in zip(("words", "syllables"), collect(args.folder), strict=True):
        synth.write_shard(args.out / name, items)
        print(name, len(items))


if __name__ == "__main__":
    main()
