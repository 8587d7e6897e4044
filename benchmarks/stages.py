"""Real-time factor and peak memory of each stage on the sample calls.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/stages.py [--asr demo] [--repeat 3]

Each stage runs in a process of its own over all samples, on one thread, so that its peak memory is its own.  The figure
is seconds of work a second of recording (both channels), median of the repeats; loading the model is not counted in it and is
given beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("decode", "activity", "acoustics", "transcript", "checks")


def measure(stage: str, choice: str, repeat: int) -> dict[str, float]:
    """Run one stage over the samples and report; called in a fresh process."""
    from qa import acoustics, activity, asr, decode, models, pipeline, roles, rulebook, scoring, speakers
    from qa.records import read_calls
    from qa.types import Call

    files = pipeline.collect([ROOT / "recordings_sample"])
    audio = [decode.decode(f) for f in files]
    seconds = sum(a.info.duration_ms for a in audio) / 1000
    begun = time.perf_counter()
    work: Callable[[], object]
    if stage == "decode":
        work = lambda: [decode.decode(f) for f in files]  # noqa: E731
    elif stage == "activity":
        work = lambda: [activity.detect(a) for a in audio]  # noqa: E731
    else:
        heard = [activity.detect(a) for a in audio]
        if stage == "acoustics":
            work = lambda: [acoustics.measure(a, h) for a, h in zip(audio, heard, strict=True)]  # noqa: E731
        else:
            recogniser = asr.Recogniser(models.locate(choice), threads=1)
            book = rulebook.load("default")
            measured = [acoustics.measure(a, h) for a, h in zip(audio, heard, strict=True)]
            turns = [speakers.speakers(a, h, m.same_channels) for a, h, m in zip(audio, heard, measured, strict=True)]
            rows = list(zip(audio, heard, turns, strict=True))
            if stage == "transcript":
                work = lambda: [asr.transcribe(recogniser, a, h, t, book.names) for a, h, t in rows]  # noqa: E731
            else:
                said = [asr.transcribe(recogniser, a, h, t, book.names) for a, h, t in rows]
                table = read_calls(ROOT / "recordings_sample" / "calls.csv")
                calls = [
                    Call(a.info, h, t, s, m, roles.assign(t, s, r), r)
                    for (a, h, t), s, m, r in zip(rows, said, measured, [table.for_file(f) for f in files], strict=True)
                ]
                work = lambda: [scoring.score(c, book) for c in calls]  # noqa: E731
    prepared = time.perf_counter() - begun
    work()
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return {
        "audio_s": seconds,
        "seconds": statistics.median(times),
        "real_time_factor": statistics.median(times) / seconds,
        "prepare_s": prepared,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asr", default="demo")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--stage", choices=STAGES, help="this stage only, in this process")
    args = parser.parse_args()
    if args.stage:
        print(json.dumps(measure(args.stage, args.asr, args.repeat)))
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    print("| stage | s a s of audio | times real time | peak MiB |\n|---|---|---|---|")
    for stage in STAGES:
        command = [sys.executable, __file__, "--stage", stage, "--asr", args.asr, "--repeat", str(args.repeat)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=ROOT)
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"| {stage} | {found['real_time_factor']:.4f} | {1 / found['real_time_factor']:.0f} | {found['peak_memory_mib']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
