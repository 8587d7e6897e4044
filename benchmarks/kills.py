"""Kills a running batch at 200 seeded moments, resumes it, and compares the database with that of an undisturbed run.

    python benchmarks/kills.py [--kills 200] [--seed 1] [--asr demo]

The program as it is installed, with workers that are started anew and the real recogniser.  A kill ends the whole process group: at a
named place of the program (before and after each stage, inside a transaction, between any two of them), or by the clock.  Each time that a
batch comes to its end before its kill, its database is compared, and the next one begins.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from batch_days import CLIPS, content, day, difference  # noqa: E402
from batch_moments import moments  # noqa: E402

KILLED = -9


def run(recordings: Path, db: Path, asr: str, moment: str | None) -> int:
    """One run of the program; its exit status."""
    command = [sys.executable, str(ROOT / "tests" / "batch_program.py"), "batch", "run", str(recordings), "--db", str(db)]
    command += ["--calls", str(recordings / "calls.csv"), "--asr", asr, "--workers", "2"]
    environment = {**os.environ} | ({"QA_TEST_MOMENT": moment} if moment is not None else {})
    return subprocess.run(command, env=environment, start_new_session=True, capture_output=True, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--asr", default="demo")
    args = parser.parse_args()
    begun, kinds, whole_runs, different, number = time.monotonic(), Counter[str](), 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="qa-kills-") as folder:
        recordings = day(Path(folder) / "day", CLIPS, 4.0)
        undisturbed = Path(folder) / "whole.db"
        run(recordings, undisturbed, args.asr, None)
        whole = content(undisturbed)
        for moment in [*moments(args.seed, args.kills, timers=0.4), None]:
            db = Path(folder) / f"{number}.db"
            ended = run(recordings, db, args.asr, moment)
            if ended == KILLED:
                kinds[" ".join((moment or "").split()[:-1])] += 1
                continue
            whole_runs += 1
            lines = difference(whole, content(db)) if ended == 1 else [f"exit status {ended}"]
            different += bool(lines)
            print("\n".join(f"{moment}: {line}" for line in lines[:5]), end="\n" if lines else "", flush=True)
            number += 1
            if moment is not None and run(recordings, Path(folder) / f"{number}.db", args.asr, moment) == KILLED:
                kinds[" ".join(moment.split()[:-1])] += 1
    print(
        f"{kinds.total()} kills, {whole_runs} batches brought to their end, {different} databases differ; {time.monotonic() - begun:.0f} s"
    )
    for kind, count in sorted(kinds.items()):
        print(f"{count:4} {kind}")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
