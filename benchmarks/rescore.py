"""How long stored calls take to be scored again, and how much memory, whatever was changed in the rule book.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/rescore.py --calls 100000 --folder /somewhere/with/10/GB

Makes the database first (``benchmarks/stored.py``; kept for the next run).  Each change is applied to a copy of it in a process of its own:
the same book again, other points, another limit, a phrase more in a list of 2,000, and (``--cold N``: on the first N calls) everything
judged anew, as after an update of the program.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import stored

from qa import fingerprint, rescore, whatif
from qa.store import Store

CHANGES: dict[str, dict[str, Any]] = {
    "same": {},
    "points": {"weight": 20},
    "limit": {"max_cpm": 190.0},
    "phrase": {"more": ("此语不可说",)},
    "whatif limit": {"max_cpm": 190.0},
    "cold": {},
}


def measure(path: Path, folder: Path, change: str, until: str | None) -> dict[str, Any]:
    """Apply one change to the database at ``path``; called in a process of its own."""
    rules = stored.book(folder, **CHANGES[change])
    if change == "cold":
        fingerprint.program = lambda: "another program"  # type: ignore[assignment]
    with Store(path, create=False) as store:
        begun, cpu = time.perf_counter(), time.process_time()
        if change.startswith("whatif"):
            tried = whatif.what_if(store, rules, until=until)
            counts = {"calls": tried.calls, "changed": tried.moved, "failed": tried.failed}
        else:
            found = rescore.rescore(store, rules, until=until)
            counts = {"calls": found.rescored, "changed": found.changed, "failed": found.failed}
        seconds = time.perf_counter() - begun
        main_s = time.process_time() - cpu
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return counts | {
        "seconds": round(seconds, 1),
        "ms_a_call": round(1000 * seconds / max(1, counts["calls"]), 3),
        "cpu_ms_a_call": round(1000 * (main_s + workers.ru_utime + workers.ru_stime) / max(1, counts["calls"]), 3),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "worker_peak_mib": workers.ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--distinct", type=int, default=23_000, help="so many different calls; the others repeat them")
    parser.add_argument("--folder", type=Path, required=True, help="where the database is made and kept")
    parser.add_argument("--changes", nargs="*", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--cold", type=int, default=5000, help="calls of the cold run")
    parser.add_argument("--run", nargs=2, metavar=("DB", "CHANGE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        days = timedelta(days=max(0, asked.cold // stored.CALLS_A_DAY - 1))
        until = str(stored.FIRST_DAY + days) if asked.run[1] == "cold" else None
        print(json.dumps(measure(Path(asked.run[0]), asked.folder / "book", asked.run[1], until)))
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    made = asked.folder / f"calls{asked.calls}.db"
    if not made.exists():
        _make(made, asked)
    rules = stored.book(asked.folder / "book")
    print(f"{asked.calls} calls, {made.stat().st_size / 2**30:.2f} GiB, {len(rules.rules)} rules, {os.cpu_count()} cores")
    for change in asked.changes:
        copy = asked.folder / "copy.db"
        shutil.copyfile(made, copy)
        command = [sys.executable, __file__, "--folder", str(asked.folder), "--cold", str(asked.cold), "--run", str(copy), change]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(f"{change:14}{done.stdout.strip()}", flush=True)
        for left in asked.folder.glob("copy.db*"):
            left.unlink()


def _make(made: Path, asked: argparse.Namespace) -> None:
    begun, unfinished, told = time.perf_counter(), made.with_suffix(".making"), 0
    for left in asked.folder.glob(f"{unfinished.name}*"):
        left.unlink()
    for done in stored.make(unfinished, asked.folder / "book", asked.calls, asked.distinct, len(os.sched_getaffinity(0))):
        if done // 1000 > told:
            told = done // 1000
            print(f"{done} calls made, {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    unfinished.rename(made)


if __name__ == "__main__":
    main()
