"""A day's batch end to end: so many one-minute calls, with one worker and with two.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/workers.py [--calls 60] [--workers 1 2] [--folder /tmp/day] [--asr demo]

The calls are made of the samples (``benchmarks/made_calls.py``), each another file.  Each run is `qa batch run` as a user starts it, on a
database of its own, loading of the model included, on as many cores as it has workers (one worker on two cores would use both by its
threads).  Ratios are those of the first number of workers given.  The last line says how far the machine itself goes: the same
matrix products in so many processes that share nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import made_calls

MINUTE_S = 60.0


def run(folder: Path, db: Path, workers: int, asr: str) -> dict[str, float]:
    """One batch; the report's figures with the seconds of the whole process."""
    command = [sys.executable, "-m", "qa", "batch", "run", str(folder), "--asr", asr, "--workers", str(workers), "--db", str(db), "--json"]
    begun = time.perf_counter()
    cores = sorted(os.sched_getaffinity(0))[:workers]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    seconds = time.perf_counter() - begun
    if done.returncode != 0:
        raise SystemExit(f"{done.stderr}\nexit status {done.returncode}")
    report = json.loads(done.stdout)
    return {"seconds": seconds, "scored": report["scored"], "audio_hours": report["audio_hours"], "mib": db.stat().st_size / 2**20}


def _products(_: int) -> float:
    import numpy as np

    a = np.random.default_rng(0).random((384, 384), np.float32)
    begun = time.perf_counter()
    for _ in range(3000):
        a @ a
    return time.perf_counter() - begun


def machine_limit(first: int, workers: int) -> float:
    """Throughput of ``workers`` processes of one thread that share nothing, divided by that of ``first``."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(_products, range(workers), chunksize=1)
        few, many = (max(pool.map(_products, range(count), chunksize=1)) for count in (first, workers))
    return workers / many / (first / few)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", type=Path, help="where the recordings are made and kept")
    parser.add_argument("--asr", default="demo")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch) / "day"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(asked.calls):
            path = folder / f"{number:04d}.wav"
            if not path.exists():
                made_calls.make(path, MINUTE_S, number)
        print("| workers | calls | s | audio hours an hour | times the first | database MiB |\n|---|---|---|---|---|---|")
        first = 0.0
        for workers in asked.workers:
            found = run(folder, Path(scratch) / f"{workers}.db", workers, asked.asr)
            rate = found["audio_hours"] * 3600 / found["seconds"]
            first = first or rate
            figures = f"{found['scored']:.0f} | {found['seconds']:.1f} | {rate:.0f} | {rate / first:.2f} | {found['mib']:.1f}"
            print(f"| {workers} | {figures} |", flush=True)
        for workers in asked.workers[1:]:
            print(f"{workers} processes that share nothing: {machine_limit(asked.workers[0], workers):.2f} times {asked.workers[0]}")


if __name__ == "__main__":
    main()
