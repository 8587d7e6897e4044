"""Error rates of the bundled speech model, as the product uses it.

    python models/asr/evaluate.py --model models/asr-demo --json

Sets, all spoken by voices and in sentences that training never heard (tests/test_training_separation.py):
call-centre sentences (eval/callcentre.txt), random dictionary words, 1,000 polite turns (eval/polite.txt), real people
(../shared/realspeech where present).  Everything passes a telephone: 300-3,400 Hz, noise, a codec, 8 kHz.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.signal
import soxr

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1]))

import codecs_8k  # noqa: E402
import corpus  # noqa: E402
import phonetics  # noqa: E402
from espeak import HELD_BACK, SAMPLE_RATE_HZ, Espeak  # noqa: E402

from qa import asr, models, text  # noqa: E402
from qa.types import Span, Word  # noqa: E402

CODECS = ("alaw", "ulaw", "amr", "opus", "mp3", "g726")


@dataclass
class Clip:
    """8 kHz speech through a telephone, its text and the time of each character in milliseconds."""

    pcm: npt.NDArray[np.int16]
    text: str
    marks: list[tuple[float, float]]


def telephone(pcm: npt.NDArray[np.int16], rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """300-3,400 Hz, -30 to -15 dBov, noise 12-30 dB below the speech, one of six codecs."""
    x = soxr.resample(pcm.astype(np.float32) / 32768, SAMPLE_RATE_HZ, 8000)
    band = scipy.signal.butter(6, (300, 3400), "bandpass", fs=8000, output="sos")
    x = scipy.signal.sosfilt(band, x)
    noise = rng.standard_normal(len(x))
    if rng.random() < 0.5:  # pink
        b, a = [0.049922, -0.095993, 0.050612, -0.004408], [1, -2.494956, 2.017265, -0.522189]
        noise = scipy.signal.lfilter(b, a, noise)
    level = np.sqrt(np.mean(x**2))
    x = x + noise * level / np.sqrt(np.mean(noise**2)) * 10 ** (-rng.uniform(12, 30) / 20)
    x = x * 10 ** (rng.uniform(-30, -15) / 20) / level
    return codecs_8k.through((np.clip(x, -1, 1) * 32767).astype(np.int16), str(rng.choice(CODECS)))


def speak(espeak: Espeak, sentence: str, rng: random.Random) -> Clip:
    tokens, _, index = phonetics.spoken_form(sentence)
    spoken = espeak.speak(tokens, rng.choice(HELD_BACK), rng.randint(110, 215), rng.randint(30, 75), rng.randint(30, 80))
    gap = np.zeros(int(0.3 * SAMPLE_RATE_HZ), np.int16)
    pcm = telephone(np.concatenate([gap, spoken.pcm, gap]), np.random.default_rng(rng.randrange(1 << 30)))
    return Clip(pcm, "".join(sentence[i] for i in index), [(300 + a * 1000, 300 + b * 1000) for a, b in spoken.marks_s])


def recognise(recogniser: asr.Recogniser, clips: list[Clip], batch: int = 40) -> Iterator[tuple[Clip, list[Word]]]:
    """Each clip as one window, many windows a batch, through the product's own decoding."""
    for k in range(0, len(clips), batch):
        part = clips[k : k + batch]
        x = np.concatenate([np.pad(c.pcm, (0, -len(c.pcm) % 8)) for c in part]).astype(np.float32) / 32768
        edges = np.concatenate([[0], np.cumsum([len(c.pcm) + -len(c.pcm) % 8 for c in part])]) // 8
        spans = [Span(int(a), int(b)) for a, b in itertools.pairwise(edges)]
        words = asr._decode(recogniser, asr.resampled(x, 8000, True), spans, (), asr.AsrSettings())
        for clip, span in zip(part, spans, strict=True):
            inside = [w for w in words if span.start_ms <= (w.span.start_ms + w.span.end_ms) / 2 < span.end_ms]
            yield (
                clip,
                [
                    Word(w.text, Span(max(0, w.span.start_ms - span.start_ms), max(0, w.span.end_ms - span.start_ms)), w.probability)
                    for w in inside
                ],
            )


def distance(a: list[str] | str, b: list[str] | str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def hanzi(words: list[Word]) -> str:
    return "".join(c for w in words for c in w.text if "\u4e00" <= c <= "\u9fff")


def rates(pairs: list[tuple[Clip, list[Word]]], show: int = 0) -> dict[str, float]:
    """Character and toneless-syllable error rates, and the time error of the characters that were heard right."""
    wrong = syllables_wrong = total = 0
    starts: list[float] = []
    for clip, words in pairs:
        heard = hanzi(words)
        said_s, heard_s = phonetics.toneless(clip.text), phonetics.toneless(heard) if heard else []
        wrong, total = wrong + distance(clip.text, heard), total + len(clip.text)
        syllables_wrong += distance(said_s, heard_s)
        characters = [(c, w.span) for w in words for c in w.text if "\u4e00" <= c <= "\u9fff"]
        if len(characters) == len(clip.marks) == len(clip.text):
            starts += [s.start_ms - m[0] for (c, s), said, m in zip(characters, clip.text, clip.marks, strict=True) if c == said]
        if show and clip.text != heard:
            show -= 1
            print("  said ", clip.text, "\n  heard", heard, file=sys.stderr)
    out = {"sentences": len(pairs), "characters": total, "cer": wrong / max(1, total), "ser_toneless": syllables_wrong / max(1, total)}
    if starts:
        out["start_error_median_ms"] = float(np.median(np.abs(starts)))
        out["start_error_p95_ms"] = float(np.percentile(np.abs(starts), 95))
        out["start_bias_ms"] = float(np.median(starts))
    return out


def invented(pairs: list[tuple[Clip, list[Word]]]) -> list[str]:
    """Banned phrases that the product's own check would call a FAIL, in polite turns."""
    from qa.checks import banned_phrases
    from qa.types import (
        Acoustics,
        AudioInfo,
        Call,
        ChannelAcoustics,
        Edge,
        Outcome,
        Role,
        RoleAssignment,
        Roles,
        SpeakerTurn,
        SpeakerTurns,
        SpeechActivity,
        Transcript,
        Utterance,
    )

    found = []
    for clip, words in pairs:
        if not words:
            continue
        length = len(clip.pcm) // 8
        whole = Span(0, length)
        track = np.zeros(1, np.float32)
        quiet = ChannelAcoustics(-25.0, 0.8, -5.0, 0.0, -60.0, 25.0, 100, track, track)
        edges = tuple(Edge(which, "ch0", whole, tuple(words)) for which in ("opening", "closing"))
        call = Call(
            AudioInfo("turn.wav", "0" * 64, "wav", "pcm_s16le", 8000, 2, length),
            SpeechActivity(((whole,), ()), "given"),
            SpeakerTurns("channel", (SpeakerTurn("ch0", 0, whole),)),
            Transcript("demo@0", True, (Utterance("ch0", 0, whole, tuple(words)),), edges),
            Acoustics((quiet, quiet), ()),
            Roles((RoleAssignment("ch0", Role.AGENT, 1.0, "record"), RoleAssignment("ch1", Role.CUSTOMER, 1.0, "record"))),
        )
        found += [
            f"{clip.text} -> {hanzi(words)}: {f.message}"
            for f in banned_phrases.run(call, banned_phrases.Params())
            if f.outcome is Outcome.FAIL
        ]
    return found


def real_people(recogniser: asr.Recogniser) -> dict[str, float] | None:
    """Error rates on the transcribed clips of real people, or None where the folder is absent."""
    folder = HERE.parents[1].parent / "shared" / "realspeech"
    if not folder.is_dir():
        return None
    from qa.decode import decode

    pairs = []
    for line in (folder / "LIST.tsv").read_text("utf-8").splitlines()[1:]:
        name, topic, *rest = line.split("\t")
        if topic != "zh_speech" or not rest[7]:
            continue
        audio = decode(folder / name)
        x = soxr.resample(audio.channel(0), audio.info.rate_hz, 8000)
        pairs.append(Clip((np.clip(x, -1, 1) * 32767).astype(np.int16), text.simplify(rest[7]), []))
    return rates(list(recognise(recogniser, pairs)), show=20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--sentences", type=int, default=400)
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--polite", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    recogniser = asr.Recogniser(models.locate(args.model))
    rng, espeak = random.Random(args.seed), Espeak()
    report: dict[str, object] = {"model": recogniser.identity}
    lines = (HERE / "eval" / "callcentre.txt").read_text("utf-8").split()
    report["callcentre"] = rates(list(recognise(recogniser, [speak(espeak, s, rng) for s in lines[: args.sentences]])), show=15)
    runs = [corpus.words(rng, 3, 6) for _ in range(args.words)]
    report["dictionary_words"] = rates(list(recognise(recogniser, [speak(espeak, s, rng) for s in runs])), show=5)
    if args.polite:
        lines = (HERE / "eval" / "polite.txt").read_text("utf-8").split()
        polite = list(recognise(recogniser, [speak(espeak, s, rng) for s in lines[: args.polite]]))
        report["polite"] = {**rates(polite), "invented": invented(polite)}
    report["real_people"] = real_people(recogniser)
    print(json.dumps(report, ensure_ascii=False, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
