"""Make the sample calls again, or a benchmark of other calls from another seed.

    python recordings_sample/make_samples.py                                    the committed calls, in place
    python recordings_sample/make_samples.py --count 600 --seed 7 --out DIR      a benchmark

Needs libespeak-ng 1.51 (Debian: libespeak-ng1); everything else is in the program's own requirements.  Writes the
recordings, calls.csv and truth.jsonl.  The same seed gives the same calls.
"""

# ruff: noqa: E402 - the folders of the generator must be on the path first
from __future__ import annotations

import argparse
import csv
import json
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "models" / "asr"))
sys.path.insert(0, str(HERE))

from calls import COLUMNS, Made, make
from script import Agent, CallPlan, parse

SEED = "samples"


def sample_plans() -> Iterator[CallPlan]:
    """The plans of the committed calls, from sample_calls.toml."""
    table = tomllib.loads((HERE / "sample_calls.toml").read_text("utf-8"))
    agents = {a["number"]: Agent(**a) for a in table["agents"]}
    for number, call in enumerate(table["calls"], 1):
        own = {k: tuple(v) if isinstance(v, list) else v for k, v in call.items() if k in {f.name for f in fields(CallPlan)}}
        yield CallPlan(**own | {
            "agent": agents[call["agent"]], "customer_voice": call["customer"], "seed": SEED,
            "lines": parse(call["script"]) if call["script"] else (), "start": datetime.fromisoformat(call["start"]),
            "call_id": f"HN{call['start'][:10].replace('-', '')}{number:04d}", "customer_number": f"1390000{1000 + 37 * number:04d}",
        })


def write(made: Iterable[Made], out: Path) -> int:
    """Write recordings, calls.csv and truth.jsonl into ``out``; returns the number of calls."""
    out.mkdir(parents=True, exist_ok=True)
    rows, truths = [], []
    for call in made:
        (out / call.file).write_bytes(call.data)
        rows.append(call.row)
        truths.append(json.dumps(call.truth, ensure_ascii=False))
    with (out / "calls.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    (out / "truth.jsonl").write_text("\n".join(truths) + "\n", "utf-8")
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, help="make a benchmark of so many calls (600) instead of the samples")
    parser.add_argument("--seed", type=int, default=1, help="of the benchmark")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    if args.count is None:
        plans: Iterable[CallPlan] = sample_plans()
    else:
        from benchmark_plans import benchmark_plans

        if args.out == HERE:
            parser.error("a benchmark needs --out DIR: it does not belong among the samples")
        plans = benchmark_plans(args.count, args.seed)
    print(write(map(make, plans), args.out), "calls in", args.out)


if __name__ == "__main__":
    main()
