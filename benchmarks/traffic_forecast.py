"""How far the forecast of calls is off, beside the naive one, on generated histories of several lengths.

    python benchmarks/traffic_forecast.py --seeds 5

Each history ends on 31 March 2025 (Spring Festival and Qingming lie near) and on 30 October 2025 (National Day does); errors are
those of the days held back, one to seven days ahead, exactly as ``qa traffic`` prints them.
"""

from __future__ import annotations

import argparse
import datetime
from statistics import fmean

from qa.traffic import forecast, generator

ENDS = (datetime.date(2025, 3, 31), datetime.date(2025, 10, 30))
LENGTHS = (42, 90, 180, 365)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(1, parser.parse_args().seeds + 1)
    print("| end | days of history | held-back days | MAPE % | naive MAPE % | MAE | naive MAE |\n|---|---|---|---|---|---|---|")
    for end in ENDS:
        for length in LENGTHS:
            found = [one for seed in seeds if (one := _errors(end, length, seed)) is not None]
            percent, naive = fmean(one.mape or 0.0 for one in found), fmean(one.naive_mape or 0.0 for one in found)
            calls, naive_calls = fmean(one.mae for one in found), fmean(one.naive_mae for one in found)
            held = sum(one.n for one in found)
            print(f"| {end} | {length} | {held} | {percent:.1f} | {naive:.1f} | {calls:.1f} | {naive_calls:.1f} |", flush=True)


def _errors(end: datetime.date, length: int, seed: int) -> forecast.Errors | None:
    since = end - datetime.timedelta(length - 1)
    counts = generator.counts(since, end, seed)
    return forecast.errors({since + datetime.timedelta(n): count for n, count in enumerate(counts)})


if __name__ == "__main__":
    main()
