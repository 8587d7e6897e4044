"""Make the sample calls again, those of the houses, or a benchmark of other calls from another seed.

    python recordings_sample/make_samples.py                                    the committed calls, in place
    python recordings_sample/make_samples.py --houses                           those of four houses, in recordings_houses/
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
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "models" / "asr"))
sys.path.insert(0, str(HERE))

from calls import COLUMNS, Made, make
from script import Agent, CallPlan, Judged, parse

SEED = "samples"
HOUSES = HERE.parent / "recordings_houses"


def _plan(call: dict[str, Any], agent: Agent, call_id: str, number: int, **more: object) -> CallPlan:
    own = {k: tuple(v) if isinstance(v, list) else v for k, v in call.items() if k in {f.name for f in fields(CallPlan)}}
    return CallPlan(
        **own
        | more
        | {
            "agent": agent,
            "customer_voice": call["customer"],
            "seed": SEED,
            "lines": parse(call["script"]) if call["script"] else (),
            "start": datetime.fromisoformat(call["start"]),
            "call_id": call_id,
            "customer_number": f"1390000{1000 + 37 * number:04d}",
        }
    )


def sample_plans() -> Iterator[CallPlan]:
    """The plans of the committed calls, from sample_calls.toml."""
    table = tomllib.loads((HERE / "sample_calls.toml").read_text("utf-8"))
    agents = {a["number"]: Agent(**a) for a in table["agents"]}
    for number, call in enumerate(table["calls"], 1):
        yield _plan(call, agents[call["agent"]], f"HN{call['start'][:10].replace('-', '')}{number:04d}", number)


def house_plans() -> dict[str, list[CallPlan]]:
    """The plans of the houses' calls by house, from house_calls.toml."""
    table = tomllib.loads((HERE / "house_calls.toml").read_text("utf-8"))
    found: dict[str, list[CallPlan]] = {}
    for house, of in table["houses"].items():
        limits = tuple((rule, low, high) for rule, (low, high) in of["limits"].items())
        for number, call in enumerate(of["calls"], 1):
            verdicts = tuple((rule, verdict) for verdict in ("pass", "fail", "not_applicable") for rule in call.get(verdict, ()))
            judged = Judged(verdicts, limits, tuple(map(tuple, call.get("omitted", ()))))
            call_id = f"{house.upper()[:2]}{call['start'][:10].replace('-', '')}{number:04d}"
            found.setdefault(house, []).append(_plan(call, Agent(**call["agent"]), call_id, 100 + number, judged=judged))
    return found


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
    parser.add_argument("--houses", action="store_true", help="make the calls of the houses, a folder each")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.houses:
        for house, of_house in house_plans().items():
            print(write(map(make, of_house), (args.out or HOUSES) / house), "calls in", (args.out or HOUSES) / house)
        return
    out = args.out or HERE
    if args.count is None:
        plans: Iterable[CallPlan] = sample_plans()
    else:
        from benchmark_plans import benchmark_plans

        if out == HERE:
            parser.error("a benchmark needs --out DIR: it does not belong among the samples")
        plans = benchmark_plans(args.count, args.seed)
    print(write(map(make, plans), out), "calls in", out)


if __name__ == "__main__":
    main()
