"""2,000 seeded corruptions of the sample calls through ``qa batch run``: none stops the batch, hangs or breaks a worker.

    python benchmarks/mutants.py [--count 2000] [--seed 0] [--seconds 6] [--whole]

Stretches of the sample calls, or with ``--whole`` the calls themselves, in every format that the samples have and some more, are torn,
flipped, spliced, given lying headers and zero blocks (``tests/mutants.py``).  Counted is what became of each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import make_audio as make  # noqa: E402
from batch_days import SAMPLES, clip, old  # noqa: E402
from mutants import mutant  # noqa: E402

CODECS = (("mp3", "libmp3lame"), ("ogg", "libopus"), ("flac", "flac"), ("wav", "pcm_alaw"), ("wav", "pcm_mulaw"), ("ipod", "aac"))
CLEAN = {"AudioError", "EmptyAudioError", "NotAudioError", "NoAudioTrackError", "UnsupportedRateError"}
"""Errors by which the decoder refuses a file; any other is a bug, a time-out or a broken worker."""


def sources(seconds: float, whole: bool) -> list[bytes]:
    """What is corrupted."""
    files = sorted(p for p in SAMPLES.iterdir() if p.suffix in (".wav", ".mp3", ".opus"))
    if whole:
        return [path.read_bytes() for path in files]
    names = [path.stem for path in files if path.suffix == ".wav"]
    found = [clip(name, seconds) for name in names]
    for name, (container, codec) in zip(names, CODECS, strict=False):
        samples, rate_hz = soundfile.read(SAMPLES / f"{name}.wav", dtype="int16", always_2d=True)
        voice = np.ascontiguousarray(samples[8 * rate_hz : int((8 + seconds) * rate_hz)])
        found.append(make.encoded(container, codec, voice, rate_hz))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--whole", action="store_true")
    args = parser.parse_args()
    made = sources(args.seconds, args.whole)
    with tempfile.TemporaryDirectory(prefix="qa-mutants-") as name:
        folder = Path(name) / "day"
        folder.mkdir()
        for number in range(args.count):
            (folder / f"{number:05}.wav").write_bytes(mutant(made, args.seed + number))
        old(folder)
        begun = time.monotonic()
        command = [sys.executable, "-m", "qa", "batch", "run", str(folder), "--asr", "demo", "--db", f"{name}/t.db", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=name, check=False)
        took = time.monotonic() - begun
    if done.returncode not in (0, 1):
        print(f"the batch ended with {done.returncode}:", done.stderr[-2000:])
        return 1
    report = json.loads(done.stdout)
    kinds = Counter(problem["kind"] for problem in report["problems"])
    odd = [problem for problem in report["problems"] if problem["kind"] not in CLEAN]
    told = report["scored"] + report["quarantined"]
    print(f"{args.count} mutants of {len(made)} recordings: {report['scored']} scored, {report['quarantined']} in quarantine, {took:.0f} s")
    print(", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    for problem in odd:
        print(f"{problem['file']}: {problem['kind']} {problem['cause']}")
    return int(told != args.count or bool(odd))


if __name__ == "__main__":
    sys.exit(main())
