"""The six checks on many generated calls: other seeds and other sentences than the samples, 150 faults and 150 near misses a check.

    python recordings_sample/make_samples.py --count 600 --seed 11 --out /tmp/calls600
    OMP_WAIT_POLICY=PASSIVE python benchmarks/calls.py /tmp/calls600 --db /tmp/calls600.db [--processes 2]

Scores the folder in several processes (one database each, one thread each), joins the results and prints what `qa evaluate` prints.
A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from qa import asr, models, pipeline, rulebook
from qa.errors import QaError
from qa.evaluate import ScoredCall, evaluate
from qa.evaluate_view import as_json, tables
from qa.records import read_calls
from qa.store import Store
from qa.truth import read_truth


def score(files: list[Path], folder: Path, db: Path, choice: str, profile: str) -> dict[str, ScoredCall | QaError]:
    """Score a share of the files with a recogniser of one thread."""
    found: dict[str, ScoredCall | QaError] = {}
    with Store(db) as store:
        scorer = pipeline.Scorer(store, rulebook.load(profile), read_calls(folder / "calls.csv"), choice)
        scorer._loaded = asr.Recogniser(models.locate(choice), threads=1)
        for file in files:
            result = scorer.score(file)
            if result.error is not None:
                found[file.name] = result.error
            elif result.call is not None and result.scorecard is not None:
                found[file.name] = ScoredCall(result.call, result.scorecard)
    return found


def shares(
    files: list[Path], folder: Path, db: Path, choice: str, profile: str, processes: int
) -> Iterator[dict[str, ScoredCall | QaError]]:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        work = [pool.submit(score, files[k::processes], folder, db.with_suffix(f".{k}.db"), choice, profile) for k in range(processes)]
        for future in work:
            yield future.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--asr", default="demo")
    parser.add_argument("--profile", default="default", help="rule book")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only so many files")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args()
    files = pipeline.collect([args.folder])[: args.limit]
    begun = time.perf_counter()
    scored: dict[str, ScoredCall] = {}
    errors: dict[str, str] = {}
    for part in shares(files, args.folder, args.db, args.asr, args.profile, args.processes):
        scored |= {name: found for name, found in part.items() if isinstance(found, ScoredCall)}
        errors |= {name: str(found) for name, found in part.items() if isinstance(found, QaError)}
    names = {f.name for f in files}
    evaluation = evaluate(scored, [t for t in read_truth(args.folder / "truth.jsonl") if t.file in names], errors)
    console = Console(width=150)
    for table in tables(evaluation):
        console.print(table)
    audio_s = sum(c.call.audio.duration_ms for c in scored.values()) / 1000
    print(f"{len(scored)} calls, {audio_s / 3600:.2f} h of recordings, {time.perf_counter() - begun:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(as_json(evaluation), ensure_ascii=False, indent=1), "utf-8")


if __name__ == "__main__":
    main()
