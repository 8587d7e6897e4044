"""Diarisation error rates of both engines: synthetic calls of voices held back, mono mixes of the samples, real recordings.

python models/diarization/evaluate.py --model models/diarization-demo --bank DATA/bank [--real ../shared/realspeech]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import engines
import scored
import torch
from pyannote.core import Annotation

ROOT = Path(__file__).parents[2]


def one_speaker(call: scored.Call) -> Annotation:
    """The baseline that gives the first speaker all speech, its bounds known."""
    return scored.annotation([(a, b, "one") for a, b, _ in call.truth], call.name)


def alternating(call: scored.Call) -> Annotation:
    """The baseline that changes the speaker at every pause, the pauses known."""
    spans: list[list[float]] = []
    for a, b, _ in sorted(call.truth):
        if spans and a <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], b)
        else:
            spans.append([a, b])
    return scored.annotation([(a, b, str(k % 2)) for k, (a, b) in enumerate(spans)], call.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "diarization-demo")
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--calls", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sets = {
        "synthetic, voices held back": scored.synthetic(args.bank / "held-back", args.calls, 21),
        "samples, mono mixes": scored.samples(ROOT / "recordings_sample"),
    }
    if args.real:
        sets["pyannote_sample"] = [scored.real(args.real / "pyannote_sample.wav", args.real / "pyannote_sample.rttm")]
        sets["ami_dev00"] = [scored.real(args.real / "ami_dev00.wav", args.real / "ami_debug.development.rttm")]
    tried: dict[str, engines.Engine] = {
        "pyannote": engines.pyannote(args.model),
        "pyannote, 2 known": engines.pyannote(args.model, 2),
        "sherpa-onnx": engines.sherpa(args.model),
        "sherpa-onnx, 2 known": engines.sherpa(args.model, speakers=2),
        "one speaker": one_speaker,
        "alternating": alternating,
    }
    for title, calls in sets.items():
        seconds = sum(c.seconds for c in calls)
        print(f"\n{title}: {len(calls)} calls, {seconds / 60:.1f} min")
        print("| engine | DER, collar 0.25 s | DER, collar 0 | missed | false | confused | x real time |\n|---|---|---|---|---|---|---|")
        for name, engine in tried.items():
            begun = time.process_time()
            heard = [engine(c) for c in calls]
            speed = seconds / max(1e-3, time.process_time() - begun)
            loose, strict = scored.rates(calls, heard, 0.25), scored.rates(calls, heard, 0.0)
            shown = " | ".join(f"{100 * v:.1f} %" for v in (loose["der"], *strict.values()))
            print(f"| {name} | {shown} | {speed:.0f} |", flush=True)


if __name__ == "__main__":
    main()
