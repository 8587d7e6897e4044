"""Who speaks when in one channel: every engine that is here, two baselines, made mixes, real speech, and the memory of a long call.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/diarization.py [--engines sherpa,pyannote] [--recognise] [--json FILE]
    OMP_WAIT_POLICY=PASSIVE python benchmarks/diarization.py --hours 2 [--engines sherpa]
    OMP_WAIT_POLICY=PASSIVE python benchmarks/diarization.py --edges [--engines sherpa] [--folder DIR]

Prints tables for RESULTS.md; docs/truth-format.md says what the figures are.  Mixes: each stereo call of ``--folder`` that has a truth, at
0, 6 and 12 dB between the sides, with no noise and with pink noise 20 and 10 dB below the louder one.  The roles follow from the words that
were recognised on the two channels of the call, or with ``--recognise`` on the mix itself.  Real speech (``../shared/realspeech``, where it
is present): two English dialogues with references by hand (RTTM), and Mandarin sentences of two persons set one behind the other; each as
it is and through a telephone (300-3,400 Hz, A-law).  An engine is written as for ``qa score --diarization``.

``--hours``: a mono call so long, made of the samples one behind the other, in a process of its own for each engine: processor time, and by
how much the memory grew while it was heard, beside that of a call of ten minutes.

``--edges``: how far the ends of what a speaker says lie beside the truth, on the mixes (each call under one condition in turn) and on the
mono calls of ``--folder``; nothing is recognised.  It is what ``qa.overlap.MONO_ERROR_MS`` must hold.  What one speaker says is joined over
pauses as ``qa.overlap`` joins it; found and true stretches that overlap each other and no other one are compared, so that a missed pause
or a voice given to the wrong speaker in between counts as ``other`` and not as an error of time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "models" / "asr")]

from activity_scenes import alaw, band  # noqa: E402

from qa import acoustics, activity, asr, blocks, decode, diarization, models, rulebook, speakers  # noqa: E402
from qa import evaluate_diarization as measuring  # noqa: E402
from qa.callfacts import bridged  # noqa: E402
from qa.errors import ModelError  # noqa: E402
from qa.evaluate_speakers import BASELINES, COLLAR_S, SpeakerFigures, _time, compared, words  # noqa: E402
from qa.overlap import MONO_ERROR_MS, PAUSE_MS  # noqa: E402
from qa.records import read_calls  # noqa: E402
from qa.truth import Truth, TruthTurn, read_truth  # noqa: E402
from qa.types import Audio, AudioInfo, Call, Float32Array, Role, Roles, Span, SpeechActivity, Transcript  # noqa: E402

SHARED = ROOT.parent / "shared" / "realspeech"
RATE_HZ = 8000
DIALOGUES = (("pyannote_sample", "pyannote_sample.rttm", "sample"), ("ami_dev00", "ami_debug.development.rttm", "dev00"))
ENDS, BESIDE = ("start", "end"), ("alone", "the other speaks")
PERSONS = ("a_1", "b_1", "b_2", "a_2")  # the letter is the person


# ---------------------------------------------------------------- made mixes


def sample_calls(folder: Path, recogniser: asr.Recogniser | None) -> list[tuple[Path, Truth, Call]]:
    """The calls of ``folder`` with a truth, their words recognised on each channel (None: no words); nothing is stored."""
    names, table, found = rulebook.load("default").names, read_calls(folder / "calls.csv"), []
    for truth in read_truth(folder / "truth.jsonl"):
        audio = decode.decode(folder / truth.file)
        heard = activity.detect(audio)
        sound = acoustics.measure(audio, heard)
        turns = speakers.speakers(audio, heard, sound.same_channels)
        if turns.method == "channel":
            said = Transcript("", True, ()) if recogniser is None else asr.transcribe(recogniser, audio, heard, turns, names)
            call = Call(audio.info, heard, turns, said, sound, Roles(()), table.for_file(folder / truth.file))
            found.append((folder / truth.file, truth, call))
    return found


def recognising(recogniser: asr.Recogniser) -> measuring.Transcribe:
    names = rulebook.load("default").names
    return lambda made: asr.transcribe(recogniser, made.audio, made.speech, speakers.speakers(made.audio, made.speech, False), names)


def conditions_table(found: Mapping[str, measuring.EngineFigures]) -> list[str]:
    times = f"DER | DER, ±{COLLAR_S:g} s forgiven | missed | false | confused"
    rest = "words to the wrong speaker | roles wrong of ruled | speakers ruled | x real time a core | memory, MB"
    lines = [f"| engine | condition | {times} | {rest} |", "|---" * 12 + "|"]
    for name, figures in found.items():
        for where, of in (("all", figures.mixes), *figures.conditions):
            lines.append(row(name, where, of))
    return lines


def row(name: str, where: str, of: SpeakerFigures) -> str:
    data = of.as_json()
    shares = (data[k] for k in ("der", "der_collar", "missed", "false_alarm", "confusion", "word_error"))
    roles = f"{of.roles_wrong}/{of.ruled} | {of.ruled}/{of.labels}" if of.labels else "- | -"
    speed, memory = data["x_realtime"], data["peak_mb"]
    shown = [*("-" if s is None else f"{100 * s:.1f} %" for s in shares), roles]
    return f"| {name} | {where} | " + " | ".join([*shown, _number(speed), _number(memory)]) + " |"


def _number(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.0f}"


# ---------------------------------------------------------------- real speech


@dataclass(frozen=True)
class Dialogue:
    """Samples at ``rate_hz`` in -1..1 and who speaks when."""

    name: str
    x: Float32Array
    rate_hz: int
    turns: tuple[TruthTurn, ...]


def real_dialogues() -> Iterator[Dialogue]:
    """Each as it is and through a telephone; none where the recordings are not here."""
    plain = [*_references(), *_persons()]
    for one in plain:
        yield one
        x = alaw(band(np.asarray(one.x, np.float64), one.rate_hz, RATE_HZ), RATE_HZ)
        yield Dialogue(f"{one.name}, telephone", np.asarray(x, np.float32), RATE_HZ, one.turns)


def _references() -> Iterator[Dialogue]:
    for name, rttm, uri in DIALOGUES:
        if (SHARED / f"{name}.wav").is_file() and (SHARED / rttm).is_file():
            x, rate_hz = soundfile.read(SHARED / f"{name}.wav", dtype="float32")
            fields = (line.split() for line in (SHARED / rttm).read_text("utf-8").splitlines())
            said = ((f[7], float(f[3]), float(f[4])) for f in fields if f[:2] == ["SPEAKER", uri])
            turns = (TruthTurn(Role.CUSTOMER, Span(round(1000 * at), round(1000 * (at + s))), "", who) for who, at, s in said)
            yield Dialogue(name, x, rate_hz, tuple(sorted(turns, key=lambda t: t.span)))


def _persons() -> Iterator[Dialogue]:
    """Sentences of two persons, one of them twice in a row, 0.4 s apart; who speaks when is what activity finds in each sentence alone."""
    files = [SHARED / f"{name}.wav" for name in PERSONS]
    if not all(f.is_file() for f in files):
        return
    parts: list[Float32Array] = []
    turns: list[TruthTurn] = []
    rate = 16_000
    for file in files:
        x, rate_hz = soundfile.read(file, dtype="float32")
        x = np.asarray(soxr.resample(x, rate_hz, rate), np.float32)
        begin_ms = sum(map(len, parts)) * 1000 // rate
        spans = activity.detect(audio_of(x, rate)).channels[0]
        turns += [TruthTurn(Role.CUSTOMER, Span(begin_ms + s.start_ms, begin_ms + s.end_ms), "", file.name[0]) for s in spans]
        parts += [x, np.zeros(2 * rate // 5, np.float32)]
    yield Dialogue("Mandarin sentences of two persons", np.concatenate(parts), rate, tuple(turns))


def audio_of(x: Float32Array, rate_hz: int) -> Audio:
    pcm = np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)[:, None]
    return Audio(AudioInfo("made", "0" * 64, "wav", "pcm_s16le", rate_hz, 1, len(x) * 1000 // rate_hz), pcm)


def real_table(engines: Mapping[str, diarization.Diarizer]) -> list[str]:
    times = f"DER | DER, ±{COLLAR_S:g} s forgiven | missed | false | confused"
    lines = [f"| recording | engine | {times} | x real time a core |", "|---" * 8 + "|"]
    for one in real_dialogues():
        audio = audio_of(one.x, one.rate_hz)
        speech = activity.detect(audio)
        for name, figures in real_figures(one, audio, speech, engines).items():
            data = figures.as_json()
            shares = [data[k] for k in ("der", "der_collar", "missed", "false_alarm", "confusion")]
            shown = " | ".join("-" if s is None else f"{100 * s:.1f} %" for s in shares)
            lines.append(f"| {one.name} | {name} | {shown} | {_number(data['x_realtime'])} |")
    return lines


def real_figures(one: Dialogue, audio: Audio, speech: SpeechActivity, engines: Mapping[str, Any]) -> dict[str, SpeakerFigures]:
    out = {}
    for name, engine in engines.items():
        meter = measuring.Meter()
        found = meter.run(lambda engine=engine: engine.diarize(blocks.channel(audio, 0), speech.channels[0]))  # type: ignore[misc]
        figures = compared(one.turns, found, audio.info.duration_ms)
        out[name] = figures + SpeakerFigures(audio_s=audio.info.duration_ms / 1000, cpu_s=meter.cpu_s)
    for name, baseline in BASELINES.items():
        out[name] = compared(one.turns, baseline(speech.channels[0]), audio.info.duration_ms)
    return out


# ---------------------------------------------------------------- a long call


def long_call(path: Path, seconds: float, folder: Path) -> None:
    """Write 16-bit mono samples at 8 kHz of at least ``seconds``: the stereo samples' channels summed, one call behind the other."""
    calls = [decode.decode(folder / t.file) for t in read_truth(folder / "truth.jsonl")]
    mono = [np.clip(a.pcm.astype(np.int32).sum(axis=1), -32768, 32767).astype("<i2") for a in calls if a.info.rate_hz == RATE_HZ]
    left, turn = round(seconds * RATE_HZ), 0
    with path.open("wb") as out:
        while left > 0:
            x = mono[turn % len(mono)][:left]
            out.write(x.tobytes())
            left, turn = left - len(x), turn + 1


def hear(choice: str, path: Path) -> dict[str, Any]:
    """Memory and time of an engine over a file of samples that is read a stretch at a time; called in a fresh process."""
    located = diarization.locate(choice)
    assert located is not None
    engine = diarization.load(located, threads=1)
    length = path.stat().st_size // 2

    def read(start: int, end: int) -> Float32Array:
        x = np.fromfile(path, "<i2", max(0, min(end, length) - start), offset=2 * start)
        return np.asarray(x / np.float32(32768), np.float32)

    wave = blocks.Wave(read, length, RATE_HZ)
    if wave.one_block:
        wave = blocks.Wave.of(read(0, length), RATE_HZ)
    speech = loud_spans(path)
    meter, begun = measuring.Meter(), time.perf_counter()
    before = measuring.resident_mb()
    found = meter.run(lambda: engine.diarize(wave, speech))
    return {"seconds": length / RATE_HZ, "cpu_s": meter.cpu_s, "wall_s": time.perf_counter() - begun, "before_mb": before,
            "growth_mb": meter.peak_mb, "speakers": len({t.speaker for t in found.turns}), "turns": len(found.turns)}  # fmt: skip


def loud_spans(path: Path) -> tuple[Span, ...]:
    """Stretches of tenths of a second louder than 1 %: as good as speech activity here, and what that needs is not measured with it."""
    loud = []
    with path.open("rb") as file:
        while data := file.read(2 * RATE_HZ // 10):
            loud.append(np.abs(np.frombuffer(data, "<i2").astype(np.int32)).max() > 330)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]])))
    return tuple(Span(100 * int(a), 100 * int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def long_table(choices: Sequence[str], hours: float, folder: Path) -> list[str]:
    lines = ["| engine | call | x real time a core | memory before, MB | growth while it was heard, MB | speakers |", "|---" * 6 + "|"]
    for choice in choices:
        for seconds in (600.0, 3600 * hours):
            with tempfile.TemporaryDirectory() as work:
                path = Path(work) / "call.raw"
                long_call(path, seconds, folder)
                command = [sys.executable, __file__, "--hear", str(path), "--engines", choice]
                told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            memory = f"{_number(told['before_mb'])} | {_number(told['growth_mb'])}"
            speed = told["seconds"] / told["cpu_s"]
            lines.append(f"| {choice} | {told['seconds'] / 60:.0f} min | {speed:.0f} | {memory} | {told['speakers']} |")
    return lines


# ---------------------------------------------------------------- ends of turns


@dataclass
class Ends:
    """Errors in ms (late is positive) by where the end stands, and stretches of the truth that have no stretch of their own."""

    errors: dict[str, list[int]]
    stretches: int = 0
    other: int = 0

    def add(self, truth: Sequence[TruthTurn], found: diarization.Diarization, length_ms: int) -> None:
        _, mapping = _time(truth, found.turns, length_ms, 0.0)
        for who in {t.who for t in truth}:
            true = bridged((w for t in truth if t.who == who for w in words(t)), PAUSE_MS)
            heard = bridged((t.span for t in found.turns if mapping.get(t.speaker) == who), PAUSE_MS)
            others = [w for t in truth if t.who != who for w in words(t)]
            for span in true:
                self.stretches += 1
                mine = [h for h in heard if h.overlap_ms(span)]
                if len(mine) != 1 or sum(1 for t in true if t.overlap_ms(mine[0])) != 1:
                    self.other += 1
                    continue
                for which, error, at in (
                    ("start", mine[0].start_ms - span.start_ms, span.start_ms),
                    ("end", mine[0].end_ms - span.end_ms, span.end_ms),
                ):
                    near = Span(max(0, at - PAUSE_MS), at + PAUSE_MS)
                    self.errors[f"{which}, {'the other speaks' if any(o.overlap_ms(near) for o in others) else 'alone'}"].append(error)

    def rows(self, name: str) -> Iterator[str]:
        for where, errors in (*self.errors.items(), ("all", [e for of in self.errors.values() for e in of])):
            if errors:
                sizes = np.abs(errors)
                within = f"{100 * float(np.mean(sizes <= MONO_ERROR_MS)):.1f} %"
                p50, p95, p99 = (f"{float(p):.0f}" for p in np.percentile(sizes, (50, 95, 99)))
                yield f"| {name} | {where} | {len(errors)} | {float(np.median(errors)):.0f} | {p50} | {p95} | {p99} | {within} |"
        yield f"| {name} | other: {self.other} of {self.stretches} stretches |" + " |" * 6


def ends_table(folder: Path, engines: Mapping[str, diarization.Diarizer]) -> list[str]:
    head = "| engine | where | ends | median, ms | p50 of the size | p95 | p99 | within MONO_ERROR_MS |"
    lines, found = [head, "|---" * 8 + "|"], {name: Ends({f"{w}, {o}": [] for w in ENDS for o in BESIDE}) for name in engines}
    calls = list(sample_calls(folder, None))
    made = [(m.truth, m.audio, m.speech) for m in measuring.mixes(calls, every=False)]
    for truth in read_truth(folder / "truth.jsonl"):
        audio = decode.decode(folder / truth.file)
        if audio.info.channels == 1 and len({t.who for t in truth.turns}) > 1:
            made.append((truth, audio, activity.detect(audio)))
    for truth, audio, speech in made:
        for name, engine in engines.items():
            found[name].add(truth.turns, engine.diarize(blocks.channel(audio, 0), speech.channels[0]), audio.info.duration_ms)
    return lines + [row for name, ends in found.items() for row in ends.rows(name)]


# ---------------------------------------------------------------- the runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", help="with commas between them, default: all that are here with the bundled model")
    parser.add_argument("--folder", type=Path, default=ROOT / "recordings_sample")
    parser.add_argument("--asr", default="demo")
    parser.add_argument("--recognise", action="store_true", help="recognise the mixes themselves, for the roles")
    parser.add_argument("--hours", type=float, help="measure a call so long instead")
    parser.add_argument("--edges", action="store_true", help="measure the ends of turns instead")
    parser.add_argument("--json", type=Path, help="write the figures of the mixes here too")
    parser.add_argument("--hear", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    choices = args.engines.split(",") if args.engines else [*measuring.engines()]
    if not args.engines:  # by name alone pyannote means the production model
        choices = [f"{name}:{models.bundled_diarization()}" for name in choices]
    if args.hear is not None:
        print(json.dumps(hear(choices[0], args.hear)))
        return
    if args.hours is not None:
        print("\n".join(long_table(choices, args.hours, args.folder)))
        return
    try:
        located = {choice: diarization.locate(choice) for choice in choices}
    except ModelError as error:
        parser.error(str(error))
    engines = {choice: diarization.load(found, threads=1) for choice, found in located.items() if found is not None}
    if args.edges:
        print("\n".join(ends_table(args.folder, engines)))
        return
    recogniser = asr.Recogniser(models.locate(args.asr), threads=1)
    calls = sample_calls(args.folder, recogniser)
    how = recognising(recogniser) if args.recognise else measuring.stereo_words
    found = measuring.measure(measuring.mixes(calls, every=True), engines, how)
    print(f"## Mono mixes of {len({t.file for _, t, c in calls if measuring.mixable(t, c)})} calls\n")
    print("\n".join(conditions_table(found)))
    print("\n## Real speech\n\n" + "\n".join(real_table(engines)))
    if args.json:
        figures = {n: {"all": f.mixes.as_json(), **{c: of.as_json() for c, of in f.conditions}} for n, f in found.items()}
        args.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1), "utf-8")


if __name__ == "__main__":
    main()
