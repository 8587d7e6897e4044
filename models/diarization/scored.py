"""Sets of calls with the truth of who speaks when, and the error rates of an engine on them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import conversation
import nets
import numpy as np
import soundfile
import soxr
from persons import Bank
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from sounds import RATE_HZ, Floats

sys.path.insert(0, str(Path(__file__).parents[2] / "recordings_sample"))

import mixing

Spoken = tuple[float, float, str]


@dataclass(frozen=True)
class Call:
    """``audio`` is mono at 16 kHz; ``truth`` holds (start, end, speaker) in seconds."""

    name: str
    audio: Floats
    truth: tuple[Spoken, ...]

    @property
    def seconds(self) -> float:
        return len(self.audio) / nets.SAMPLE_RATE_HZ


def upsampled(x: Floats) -> Floats:
    return np.asarray(soxr.resample(x, RATE_HZ, nets.SAMPLE_RATE_HZ), np.float32)


def synthetic(folder: Path, count: int, seed: int, seconds: float = 90.0) -> list[Call]:
    """Conversations of the people of a bank."""
    bank, rng, calls = Bank(folder), np.random.default_rng(seed), []
    for k in range(count):
        c = conversation.make(bank, rng, seconds)
        calls.append(Call(f"synthetic{k}", upsampled(c.pcm), tuple((t.start_s, t.end_s, str(t.person)) for t in c.turns)))
    return calls


def samples(folder: Path) -> list[Call]:
    """The sample calls with both channels summed; calls in which nobody speaks or nobody can tell are left out."""
    calls = []
    for line in (folder / "truth.jsonl").read_text("utf-8").splitlines():
        truth = json.loads(line)
        if len(truth["turns"]) > 1 and "drowned" not in truth["file"]:
            x = mixing.decode((folder / truth["file"]).read_bytes()).sum(axis=1).astype(np.float32)
            turns = tuple((t["start_ms"] / 1000, t["end_ms"] / 1000, str(t["role"])) for t in truth["turns"])
            calls.append(Call(truth["file"], upsampled(x), turns))
    return calls


def real(wav: Path, rttm: Path) -> Call:
    """A recording of real people with its RTTM; cut to the telephone band as a call would be."""
    x, rate = soundfile.read(wav, dtype="float32")
    rows = [line.split() for line in rttm.read_text("utf-8").splitlines()]
    name = wav.stem.split("_")[-1]
    turns = tuple((float(r[3]), float(r[3]) + float(r[4]), r[7]) for r in rows if r[1] == name)
    return Call(wav.stem, upsampled(soxr.resample(x, rate, RATE_HZ).astype(np.float32)), turns)


def annotation(spoken: Iterable[Spoken], name: str) -> Annotation:
    found = Annotation(uri=name)
    for k, (start, end, who) in enumerate(spoken):
        found[Segment(start, end), k] = who
    return found


def rates(calls: Sequence[Call], heard: Sequence[Annotation], collar_s: float) -> dict[str, float]:
    """Diarisation error rate of all calls together and its parts; ``collar_s`` is forgiven on either side of a boundary."""
    metric = DiarizationErrorRate(collar=2 * collar_s)
    for call, answer in zip(calls, heard, strict=True):
        metric(annotation(call.truth, call.name), answer, uem=Timeline([Segment(0, call.seconds)]))
    total = metric[:]
    return {"der": abs(metric), **{part: total[part] / total["total"] for part in ("missed detection", "false alarm", "confusion")}}
