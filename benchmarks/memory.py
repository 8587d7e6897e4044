"""Peak memory of a call of 10 minutes, an hour and four hours.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/memory.py [--minutes 10 60 240] [--stages-only] [--asr demo]

Each recording is made by repeating the stereo telephone calls of ``recordings_sample`` (16-bit WAV, 8 kHz) and scored by ``qa score``'s own
code (``qa.pipeline.Scorer``) in a process of its own on one thread; ``--stages-only`` leaves recognition and rules out.  The peak resident
memory is the kernel's (``VmHWM``): anonymous memory and pages of mapped files together.  What the two were at their highest is sampled
20 times a second and given beside it; shared libraries and the model's file are among the pages of files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RATE_HZ = 8000


def make(path: Path, minutes: float) -> None:
    """Write a recording that repeats the sample calls; a piece at a time, so that this process stays small, too."""
    from qa import decode
    from qa.pipeline import collect

    calls = [decode.decode(f) for f in collect([ROOT / "recordings_sample"])]
    calls = [a for a in calls if (a.info.channels, a.info.rate_hz) == (2, RATE_HZ) and a.info.duration_ms > 10_000]
    left, turn = round(minutes * 60 * RATE_HZ), 0
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        while left:
            pcm = calls[turn % len(calls)].pcm[:left]
            out.writeframesraw(np.ascontiguousarray(pcm).tobytes())
            left, turn = left - len(pcm), turn + 1


def _status(*names: str) -> list[float]:
    """Figures of this process in MiB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return [int(lines[name].split()[0]) / 1024 for name in names]


class _Highest(threading.Thread):
    """The most anonymous memory, and the most pages of files, that were seen, in MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.anonymous = self.files = 0.0
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.05):
            anonymous, files, shared = _status("RssAnon", "RssFile", "RssShmem")
            self.anonymous, self.files = max(self.anonymous, anonymous), max(self.files, files + shared)

    def end(self) -> None:
        self._done.set()
        self.join()


def score(path: Path, asr_choice: str, stages_only: bool) -> dict[str, float | str | None]:
    """Score one recording in this process."""
    from qa import models, pipeline, rulebook
    from qa.asr import AsrSettings
    from qa.decode import file_sha256
    from qa.stages import Making
    from qa.store import Store

    highest = _Highest()
    (before,) = _status("VmRSS")
    begun, worked = time.perf_counter(), time.process_time()
    highest.start()
    error: str | None = None
    if stages_only:

        def none(*_: object) -> None:
            return None

        making = Making(path, file_sha256(path), none, none, none)  # type: ignore[arg-type]
        for stage in ("info", "activity", "acoustics", "speakers"):
            making.value(stage)
        duration_ms = making.duration_ms
    else:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder) / "qa.db")
            scorer = pipeline.Scorer(store, rulebook.load("default"), asr_choice=asr_choice, settings=AsrSettings())
            scorer._loaded = pipeline.asr.Recogniser(models.locate(asr_choice), threads=1)
            result = scorer.score(path)
            duration_ms = result.call.audio.duration_ms if result.call is not None else None
            error = str(result.error) if result.error is not None else None
    highest.end()
    (peak,) = _status("VmHWM")
    return {"minutes": (duration_ms or 0) / 60_000, "before_mib": before, "peak_mib": peak, "anonymous_mib": highest.anonymous,
            "files_mib": highest.files, "seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - worked,
            "error": error}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60, 240])
    parser.add_argument("--asr", default="demo")
    parser.add_argument("--stages-only", action="store_true", help="up to speakers: no recognition, no rules")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(score(args.one, args.asr, args.stages_only)))
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    first = 0.0
    print("| recording | peak MiB | × the first | anonymous MiB | files MiB | CPU s | × real time |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for minutes in args.minutes:
            path = Path(folder) / f"call_{minutes:g}.wav"
            make(path, minutes)
            command = [sys.executable, __file__, "--one", str(path), "--asr", args.asr, *(["--stages-only"] if args.stages_only else [])]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True, cwd=ROOT)
            found = json.loads(done.stdout.splitlines()[-1])
            path.unlink()
            if found["error"]:
                sys.exit(found["error"])
            first = first or found["peak_mib"]
            figures = f"{found['peak_mib']:.0f} | {found['peak_mib'] / first:.2f} | {found['anonymous_mib']:.0f} | {found['files_mib']:.0f}"
            print(f"| {minutes:g} min | {figures} | {found['cpu_s']:.0f} | {60 * minutes / found['seconds']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
