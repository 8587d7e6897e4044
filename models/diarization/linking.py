"""How alike the prints of one voice are (`qa/diarization/linking.py`): found on conversations of voices that no training has heard.

    python models/diarization/linking.py --bank DATA/bank --out models/diarization-demo

Tries the program's own engine of sherpa-onnx with several bounds and writes the best ones into config.yaml below the key `voices`, and
SHA256SUMS anew.  A plateau is broad where the model is good: of bounds that do equally well the middle ones are taken.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import config_file
import numpy as np
import scored

from qa import activity
from qa.blocks import Wave
from qa.diarization.blockwise import Blockwise
from qa.diarization.linking import Likeness
from qa.diarization.protocol import RATE_HZ, Voice
from qa.diarization.sherpa_engine import SherpaEngine
from qa.types import Audio, AudioInfo, Float32Array, Span

WINDOWS = (0.3, 0.4, 0.5, 0.6, 0.7)
SAME = tuple(round(float(x), 2) for x in np.arange(0.2, 0.81, 0.05))
THIRD_BELOW = (0.0, 0.1, 0.2, 0.3, 0.4)
_ALIKE = 0.002  # DER by which two bounds are as good as each other


@dataclass
class Heard:
    """An engine whose answer for one call is known."""

    found: tuple[Voice, ...]
    surely_apart: bool = False

    def voices(self, x: Float32Array, speech: Sequence[Span]) -> tuple[Voice, ...]:
        return self.found

    def print_of(self, x: Float32Array) -> None:
        """Prints are not compared: no bound that is sought here changes with them."""


def speech(call: scored.Call) -> tuple[Span, ...]:
    pcm = np.clip(np.round(call.audio * 32768.0), -32768, 32767).astype(np.int16)[:, None]
    info = AudioInfo(call.name, "0" * 64, "wav", "pcm_s16le", RATE_HZ, 1, len(pcm) * 1000 // RATE_HZ)
    return activity.detect(Audio(info, pcm)).channels[0]


def error_rate(calls: list[scored.Call], talk: list[tuple[Span, ...]], heard: list[tuple[Voice, ...]], likeness: Likeness) -> float:
    answers = []
    for call, spans, voices in zip(calls, talk, heard, strict=True):
        found = Blockwise(Heard(voices), "", likeness, True).diarize(Wave.of(call.audio, RATE_HZ), spans)
        answers.append(scored.annotation(((t.span.start_ms / 1000, t.span.end_ms / 1000, t.speaker) for t in found.turns), call.name))
    return scored.rates(calls, answers, 0.25)["der"]


def best(calls: list[scored.Call], folder: Path) -> Likeness:
    talk, tried = [speech(call) for call in calls], dict[Likeness, float]()
    for window in WINDOWS:
        engine = SherpaEngine(folder, 1, Likeness(same=1.0, third=-1.0, window=window))
        heard = [engine.voices(call.audio, spans) for call, spans in zip(calls, talk, strict=True)]
        for same, below in itertools.product(SAME, THIRD_BELOW):
            likeness = Likeness(same=same, third=round(same - below, 2), window=window)
            tried[likeness] = error_rate(calls, talk, heard, likeness)
        chosen = min((x for x in tried if x.window == window), key=lambda x: tried[x])
        print(f"window {window}: DER {tried[chosen]:.3f} with {chosen}", flush=True)
    least = min(tried.values())
    good = [x for x in tried if tried[x] <= least + _ALIKE]
    middle = [float(np.mean([getattr(x, name) for x in good])) for name in ("same", "third", "window")]
    return min(good, key=lambda x: sum(abs(a - b) for a, b in zip((x.same, x.third, x.window), middle, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--calls", type=int, default=30)
    args = parser.parse_args()
    found = best(scored.synthetic(args.bank / "validation", args.calls, 77), args.out)
    print("best:", found)
    config_file.update(args.out, {"voices": {name: getattr(found, name) for name in ("same", "third", "window")}})


if __name__ == "__main__":
    main()
