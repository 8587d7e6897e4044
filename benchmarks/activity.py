"""Speech activity: webrtcvad, Silero, energy and their combinations against known speech.

    python benchmarks/activity.py            measure, write benchmarks/activity.md
    python benchmarks/activity.py --fit      fit the weights of qa/activity_weights.py first (training voices only)
    python benchmarks/activity.py --fixture  only write the speech of tests/test_activity.py

Speech comes from espeak-ng with the synthesiser's own syllable marks (one or two sentences, pauses of 0.25 to 2.5 s), at
-26 dBov, in the telephone band and A-law, with white, pink, hum and babble noise (six voices) at 30 to 0 dB below the active
speech; the weights are fitted on voices and noise other than those measured, a third of them wideband.  Two recordings of
real people follow where ``../shared/realspeech`` is present.  Figures, over frames of 10 ms:

* ``miss``: share of speech frames not found; ``false``: share of the other frames called speech;
* ``time``: error of the speech time with pauses up to 500 ms counted in (the denominator of the speech rate), in per cent;
* ``onset``/``offset``: median distance of the found edge from the true one in ms (positive is late), with the share of
  edges within 60 ms;
* ``pauses``: share of the true pauses of 300 ms and more in which a pause was found.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "models" / "asr")]

from activity_scenes import NOISES, RATE_HZ, Scene, Signal, alaw, babble, merge, noise, speech_scene, without_speech  # noqa: E402
from espeak import HELD_BACK, TRAINING, Espeak  # noqa: E402

from qa import activity  # noqa: E402
from qa.types import Audio, AudioInfo, Span  # noqa: E402

Mask = npt.NDArray[np.bool_]
TEXTS = ROOT / "models" / "asr" / "texts"
SHARED = ROOT.parent / "shared" / "realspeech"
WEIGHTS_FILE = ROOT / "qa" / "activity_weights.py"
RESULT_FILE = ROOT / "benchmarks" / "activity.md"
FIXTURE = ROOT / "tests" / "data" / "activity_speech.flac"
COMBINATIONS = (
    ("silero",),
    ("webrtcvad",),
    ("energy",),
    ("silero", "energy"),
    ("webrtcvad", "energy"),
    ("silero", "webrtcvad"),
    activity.GROUPS,
)


# ---------------------------------------------------------------- figures


def frames(spans: Sequence[Span], count: int) -> Mask:
    out = np.zeros(count, bool)
    for s in spans:
        out[round(s.start_ms / 10) : round(s.end_ms / 10)] = True
    return out


@dataclass
class Tally:
    """Counts over scenes; see the head of the file for the figures."""

    speech: int = 0
    missed: int = 0
    other: int = 0
    false: int = 0
    true_ms: int = 0
    found_ms: int = 0
    pauses: int = 0
    seen: int = 0
    onsets: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    def add(self, truth: Sequence[Span], found: Sequence[Span], count: int) -> None:
        t, f = frames(truth, count), frames(found, count)
        self.speech += int(t.sum())
        self.missed += int((t & ~f).sum())
        self.other += int((~t).sum())
        self.false += int((~t & f).sum())
        self.true_ms += sum(s.duration_ms for s in merge(truth, 500))
        self.found_ms += sum(s.duration_ms for s in merge(found, 500))
        for a, b in itertools.pairwise(truth):
            if b.start_ms - a.end_ms >= 300:
                self.pauses += 1
                self.seen += int(not f[a.end_ms // 10 : b.start_ms // 10].all())
        for s in merge(truth, 299):
            near = [g for g in found if g.overlap_ms(s)]
            if near:
                self.onsets.append(near[0].start_ms - s.start_ms)
                self.offsets.append(near[-1].end_ms - s.end_ms)

    def figures(self) -> dict[str, float]:
        on, off = np.array(self.onsets or [9999]), np.array(self.offsets or [9999])
        return {
            "miss %": 100 * self.missed / max(1, self.speech),
            "false %": 100 * self.false / max(1, self.other),
            "time %": 100 * (self.found_ms / max(1, self.true_ms) - 1),
            "onset ms": float(np.median(on)),
            "onset in 60 %": 100 * float(np.mean(np.abs(on) <= 60)),
            "offset ms": float(np.median(off)),
            "offset in 60 %": 100 * float(np.mean(np.abs(off) <= 60)),
            "pauses %": 100 * self.seen / max(1, self.pauses),
        }


# ---------------------------------------------------------------- detectors


@dataclass(frozen=True)
class Heard:
    """What the detectors say of one scene, and the truth."""

    evidence: activity.Evidence
    truth: tuple[Span, ...]

    @property
    def count(self) -> int:
        return len(self.evidence.energy_db)


def hear(x: Signal, rate_hz: int, truth: tuple[Span, ...]) -> Heard:
    pcm = np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)
    wave = (pcm / np.float32(32768)).astype(np.float32)
    return Heard(activity.gather(np.asarray(soxr.resample(wave, rate_hz, activity.RATE_HZ), np.float32)), truth)


def conditions(scenes: Sequence[Scene], voices: Signal, seed: int, snrs: Sequence[int]) -> Iterator[tuple[str, list[Heard]]]:
    """Name of the condition and its scenes; ``snrs`` in dB."""
    yield "clean", [hear(s.x, s.rate_hz, s.truth) for s in scenes]
    yield "A-law", [hear(alaw(s.x, s.rate_hz), s.rate_hz, s.truth) for s in scenes]
    yield "-45 dBov, A-law", [hear(alaw(s.x * 10 ** (-19 / 20), s.rate_hz), s.rate_hz, s.truth) for s in scenes]
    yield "-12 dBov, A-law", [hear(alaw(s.x * 10 ** (14 / 20), s.rate_hz), s.rate_hz, s.truth) for s in scenes]
    for kind in NOISES:
        for snr in snrs:
            gain = 10 ** ((-26 - snr) / 20)
            noisy = [s.x + gain * noise(kind, len(s.x), s.rate_hz, seed + i, voices) for i, s in enumerate(scenes)]
            yield f"{kind} {snr} dB", [hear(alaw(x, s.rate_hz), s.rate_hz, s.truth) for x, s in zip(noisy, scenes, strict=True)]


def chosen(names: Sequence[str], groups: Sequence[str]) -> list[str]:
    """The columns that need no detector but ``groups``."""
    return [n for n in names if all(part in groups for part in n.split(" ")[0].replace("contrast", "energy").split("*"))]


def fit(heard: Sequence[Heard], groups: Sequence[str]) -> tuple[float, dict[str, float]]:
    """Bias and weights of the logistic regression over every third frame (ridge 1 on columns of unit variance)."""
    from sklearn.linear_model import LogisticRegression  # of librosa's dependencies; not needed to run

    rows, labels, names = [], [], []
    for h in heard:
        table = activity.features(h.evidence)
        names = chosen(list(table), groups)
        rows.append(np.stack([table[n] for n in names], 1)[::3])
        labels.append(frames(h.truth, h.count)[::3])
    x, y = np.concatenate(rows), np.concatenate(labels)
    mean, scale = x.mean(0), x.std(0) + 1e-6
    model = LogisticRegression(C=1.0, max_iter=500).fit((x - mean) / scale, y)
    weights = model.coef_[0] / scale
    return float(model.intercept_[0] - weights @ mean), dict(zip(names, weights.tolist(), strict=True))


Detector = Callable[[activity.Evidence], tuple[Span, ...]]


def by_weights(bias: float, weights: Mapping[str, float]) -> Detector:
    def detector(evidence: activity.Evidence) -> tuple[Span, ...]:
        table = activity.features(evidence)
        odds = bias + sum(w * table[n] for n, w in weights.items())
        settings = activity.ActivitySettings()
        if any(n.startswith("silero") for n in weights):
            return activity.spans(activity.decide(np.asarray(odds), evidence, settings), settings.grid_ms)
        return activity.spans(activity.viterbi(np.asarray(odds), settings.switch_cost), settings.grid_ms)

    return detector


def plain_detectors() -> dict[str, Detector]:
    """Each as it comes: webrtcvad's frames by mode; Silero with hysteresis; energy 10 dB above its 10 % level."""
    out: dict[str, Detector] = {f"webrtcvad mode {m}": (lambda e, m=m: activity.spans(e.votes[m - 1], 30)) for m in (1, 2, 3)}
    out["Silero 0.5/0.35"] = lambda e: _hysteresis(e.silero[0], 0.5, 0.35)
    out["energy + 10 dB"] = lambda e: activity.spans(e.energy_db > np.percentile(e.energy_db, 10) + 10, 30)
    return out


def _hysteresis(p: Signal, high: float, low: float) -> tuple[Span, ...]:
    mask = np.zeros(len(p), bool)
    for a, b in activity.runs(p >= low):
        mask[a:b] = p[a:b].max() >= high
    return activity.spans(mask, 30)


# ---------------------------------------------------------------- the runs


def sentences() -> list[str]:
    files = [TEXTS / f"{name}.txt" for name in ("agent", "customer", "everyday")]
    return [line.strip() for file in files for line in file.read_text("utf-8").splitlines()]


def training_set(espeak: Espeak) -> list[Heard]:
    """Training voices; every third scene wideband (16 kHz)."""
    rng = random.Random(11)
    texts = sentences()
    scenes = [
        speech_scene(espeak, rng.sample(texts, 4), v, i, 16000 if i % 3 == 0 else RATE_HZ)
        for i, v in enumerate(rng.sample(list(TRAINING), 15))
    ]
    voices = babble(espeak, rng.sample(list(TRAINING), 6), texts, 12)
    # Babble near the speech is speech: no frame shows whose, and learning against it costs real speech.
    heard = [h for name, group in conditions(scenes, voices, 1000, (30, 20, 10, 5)) if name != "babble 5 dB" for h in group]
    for seed, gain in ((1, 1.0), (3, 0.3), (4, 2.0)):  # tones, music and noise, at three levels
        heard += [hear(alaw(gain * x, RATE_HZ), RATE_HZ, ()) for x in without_speech(seed, voices).values()]
    return heard


def write_weights(bias: float, weights: Mapping[str, float]) -> None:
    head = '"""Weights of the speech activity decision (qa/activity.py), written by benchmarks/activity.py --fit."""'
    lines = [f'    "{name}": {weight:.4f},' for name, weight in weights.items()]
    table = ["WEIGHTS: dict[str, float] = {", *lines, "}"]
    lines = [head, "", "from __future__ import annotations", "", f"BIAS = {bias:.4f}", *table, ""]
    WEIGHTS_FILE.write_text("\n".join(lines), "utf-8")


def measure(espeak: Espeak, detectors: Mapping[str, Detector]) -> str:
    """Markdown tables over held-back voices."""
    rng = random.Random(1)
    texts = sentences()
    scenes = [speech_scene(espeak, rng.sample(texts, 6), v, 100 + i) for i, v in enumerate(HELD_BACK[::2])]
    voices = babble(espeak, HELD_BACK[1::3], texts, 2)
    tallies: dict[str, dict[str, Tally]] = {name: {} for name in detectors}
    for condition, group in conditions(scenes, voices, 1, (30, 20, 10, 5, 0)):
        for name, detector in detectors.items():
            tally = tallies[name].setdefault(condition, Tally())
            for h in group:
                tally.add(h.truth, detector(h.evidence), h.count)
    empty = {k: hear(alaw(x, RATE_HZ), RATE_HZ, ()) for k, x in without_speech(2, voices).items()}
    return "\n".join([*_ablation(tallies, detectors, empty), *_by_condition(tallies[list(detectors)[-1]]), *_real(detectors)])


def _line(condition: str) -> str:
    words = condition.split()
    if words[-1] != "dB" or int(words[-2]) >= 20:
        return "quiet"
    return "babble" if words[0] == "babble" else "noisy"


def _ablation(tallies: Mapping[str, Mapping[str, Tally]], detectors: Mapping[str, Detector], empty: Mapping[str, Heard]) -> list[str]:
    """Three rows a detector: the mean over conditions of absolute figures, and what it calls speech where there is none."""
    columns = ("miss %", "false %", "time %", "onset in 60 %", "offset in 60 %", "pauses %")
    lines = [
        "## Mean over the conditions (absolute values), and speech found where there is none",
        "",
        "quiet: clean, A-law, -45 and -12 dBov, noise 20 dB and more below; noisy: white, pink, hum 10 to 0 dB below;",
        "babble: 10 to 0 dB below; none: share of 20 s each of tones, music, noise, clicks, silence called speech.",
        "",
        "| detector | line | " + " | ".join(columns) + " | none % |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for name, by_condition in tallies.items():
        wrong = 100 * float(np.mean([frames(detectors[name](h.evidence), h.count).mean() for h in empty.values()]))
        for line in ("quiet", "noisy", "babble"):
            f = [t.figures() for c, t in by_condition.items() if _line(c) == line]
            means = " | ".join(f"{float(np.mean([abs(g[k]) for g in f])):.1f}" for k in columns)
            lines.append(f"| {name} | {line} | {means} | {wrong:.1f} |")
    return lines


def _by_condition(tallies: Mapping[str, Tally]) -> list[str]:
    names = list(next(iter(tallies.values())).figures())
    lines = ["", "## The chosen detector, by condition", "", "| condition | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    return lines + [f"| {c} | " + " | ".join(f"{v:.1f}" for v in t.figures().values()) + " |" for c, t in tallies.items()]


def _real(detectors: Mapping[str, Detector]) -> list[str]:
    """Real people: a Mandarin hotline question, and an English telephone dialogue with a reference by hand (RTTM)."""
    mandarin, english = SHARED / "funasr_regression_sample.wav", SHARED / "pyannote_sample.wav"
    if not mandarin.exists():
        return []
    turns = [line.split() for line in english.with_suffix(".rttm").read_text().splitlines()]
    dialogue = merge(sorted(Span(round(1000 * float(t[3])), round(1000 * (float(t[3]) + float(t[4])))) for t in turns), 0)
    lines = ["", "## Real people", "", "| detector | hotline question: spans (ms) | dialogue: miss % | false % |", "|---|---|---|---|"]
    for name, detector in detectors.items():
        x, rate = soundfile.read(mandarin)
        found = ", ".join(f"{s.start_ms}-{s.end_ms}" for s in merge(detector(hear(x, rate, ()).evidence), 200))
        x, rate = soundfile.read(english)
        heard, tally = hear(x, rate, dialogue), Tally()
        tally.add(dialogue, detector(heard.evidence), heard.count)
        lines.append(f"| {name} | {found} | {tally.figures()['miss %']:.1f} | {tally.figures()['false %']:.1f} |")
    return lines


def speed() -> str:
    """Processor seconds for one minute of stereo at 8 kHz."""
    pcm = (3000 * np.random.default_rng(0).standard_normal((RATE_HZ * 60, 2))).astype(np.int16)
    audio = Audio(AudioInfo("x", "0" * 64, "wav", "pcm", RATE_HZ, 2, 60_000), pcm)
    activity.detect(audio)
    start = time.process_time()
    activity.detect(audio)
    return f"\nOne minute of stereo takes {time.process_time() - start:.2f} s of processor time.\n"


def write_fixture(espeak: Espeak) -> None:
    """The speech of tests/test_activity.py: 8 kHz FLAC and the synthesiser's marks."""
    scene = speech_scene(espeak, random.Random(5).sample(sentences(), 4), HELD_BACK[7], 8)
    soundfile.write(FIXTURE, scene.x, scene.rate_hz, subtype="PCM_16")
    marks = {"speech_ms": [[s.start_ms, s.end_ms] for s in scene.truth]}
    FIXTURE.with_suffix(".json").write_text(json.dumps(marks) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="fit and write the weights first")
    parser.add_argument("--fixture", action="store_true", help="only write the speech of the tests")
    arguments = parser.parse_args()
    espeak = Espeak()
    if arguments.fixture:
        write_fixture(espeak)
        return
    heard = training_set(espeak)
    detectors = plain_detectors()
    for groups in COMBINATIONS:
        bias, weights = fit(heard, groups)
        detectors["fitted: " + " + ".join(groups)] = by_weights(bias, weights)
        if groups == activity.GROUPS and arguments.fit:
            write_weights(bias, weights)
    head = "# Speech activity\n\nMade by `python benchmarks/activity.py`, which says what the columns mean.\n\n"
    text = head + measure(espeak, detectors) + "\n" + speed()
    RESULT_FILE.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
