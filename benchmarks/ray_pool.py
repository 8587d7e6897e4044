"""The workers of a Ray cluster against those of the local pool, at equal cores on the same files: throughput, and memory.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/ray_pool.py [FOLDER …] [--asr demo] [--workers 2] [--repeat 3]

Both arms are whole batches (hashing, stages, rules, a database of its own) with the same number of workers of one thread each; the cluster
is one that is started on this machine.  The arms take turns.  Starting (the cluster, the workers, the model) is told apart from the
throughput once every worker is warm.  Beside other work on the machine the processor time of all processes, Ray's own among them, is the
steadier figure of the two.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARMS = ("local", "ray")
# the program is imported in functions: the worker processes of the local pool import this file before their threads are set


def descendants() -> list[int]:
    """Processes that this one has started, and theirs."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # ended meanwhile
    found = [os.getpid()]
    for pid in found:  # grows while it is gone through
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def processor_s() -> float:
    """Processor time of this process and its descendants."""
    ticks = 0
    for pid in (os.getpid(), *descendants()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def once(arm: str, files: Sequence[Path], asr: str, workers: int, folder: Path) -> tuple[float, ...]:
    """Seconds to start and to score a file with each worker; seconds for all other files, and of processor time; GiB that all hold."""
    from qa import models, pipeline, rulebook
    from qa.batch import start
    from qa.batch.batch import Batch
    from qa.batch.machine import resident_bytes
    from qa.batch.ray_cluster import RayOptions
    from qa.store import Store

    begun = time.perf_counter()
    with Store(folder / f"{arm}-{time.monotonic_ns()}.db") as store:
        scorer = pipeline.Scorer(store, rulebook.load("default"), None, asr)
        choice = start.Choice(workers=workers, ray=RayOptions(address="local") if arm == "ray" else None)
        with closing(start.engine(models.locate(asr), choice)) as engine:
            batch = Batch(scorer, engine, settle_s=0.0)
            batch.run(files[:workers])
            warm, used = time.perf_counter(), processor_s()
            report = batch.run(files[workers:])
            ended, used = time.perf_counter(), processor_s() - used
            assert report.exit_code == 0, report.stopped or report.tally.problems
            held = sum(map(resident_bytes, descendants())) / (1 << 30)
    return warm - begun, ended - warm, used, held


def main() -> None:
    from qa import pipeline

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / "recordings_sample", ROOT / "recordings_houses"])
    parser.add_argument("--asr", default="demo")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    found = pipeline.collect(args.folders)
    files = sorted({path.read_bytes(): path for path in found}.values(), key=lambda path: -path.stat().st_size)
    seen: dict[str, list[tuple[float, ...]]] = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory(prefix="qa-ray-") as folder:
        for _ in range(args.repeat):
            for arm in ARMS:
                seen[arm].append(once(arm, files, args.asr, args.workers, Path(folder)))
                print(f"{arm}: {' '.join(f'{x:.2f}' for x in seen[arm][-1])}", flush=True)
    middle = {arm: [statistics.median(column) for column in zip(*rows, strict=True)] for arm, rows in seen.items()}
    print(f"{len(files)} files, {args.workers} workers of one thread, medians of {args.repeat}")
    for arm, (first, rest, used, held) in middle.items():
        done = f"{len(files) - args.workers} files in {rest:6.1f} s, {used:6.1f} s of processor time"
        print(f"{arm:5} start {first:5.1f} s   {done}   processes hold {held:.2f} GiB")
    by_clock, by_work = (middle["local"][k] / middle["ray"][k] for k in (1, 2))
    print(f"throughput of ray / local: {by_clock:.3f} by the clock, {by_work:.3f} by processor time (aim 0.95)")


if __name__ == "__main__":
    main()
