"""How well planted numbers are taken out of a call: synthetic calls, beeped, and the beeped sound transcribed again.

    python benchmarks/redaction.py --count 600            prints the tables for RESULTS.md (six kinds of numbers in turn)

A number counts as found if no two digits of it that follow each other are left in the open by the truth (a digit is covered if at least
``COVERED`` of its syllable is under a beep), if at most one of its digits is left in all, and if what the recogniser makes of the beeped
recording holds no three digits of it in a row.  Over-beep: the share of the syllables that are neither number nor name nor address but
lie under a beep.
"""

# ruff: noqa: E402 - the folders of the generator must be on the path first
from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from redaction_calls import MadeCall, make

from qa import activity, asr, decode, models, roles, speakers, wordspeakers
from qa.acoustics import measure
from qa.clips.beeping import beeped
from qa.clips.heard import streams
from qa.clips.redaction import redact
from qa.types import Audio, Call, Roles, Span

COVERED = 0.8
LEFT_IN_A_ROW = 3
_VALUE = {c: str(n) for n, c in enumerate("零一二三四五六七八九")} | {"〇": "0", "幺": "1", "两": "2", "叉": "X"}


@dataclass(frozen=True)
class Judged:
    """``left``: digits said in the open; ``again``: the longest part of the number that is heard in the beeped recording."""

    call: MadeCall
    left: int
    left_in_a_row: int
    again: str
    unsafe_names: int
    over_ms: int
    other_ms: int
    heard: str
    shown: str

    @property
    def found(self) -> bool:
        return self.left <= 1 and self.left_in_a_row < 2 and len(self.again) < LEFT_IN_A_ROW


def heard(audio: Audio, recogniser: asr.Recogniser) -> Call:
    """The call as the program hears it."""
    speech = activity.detect(audio)
    acoustics = measure(audio, speech)
    turns = speakers.speakers(audio, speech, acoustics.same_channels)
    transcript = wordspeakers.assigned(asr.transcribe(recogniser, audio, speech, turns, ()), turns)
    return roles.told(Call(audio.info, speech, turns, transcript, acoustics, Roles(())))


def decoded(data: bytes) -> Audio:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "call.wav"
        path.write_bytes(data)
        return decode.decode(path)


def judge(made: MadeCall, recogniser: asr.Recogniser) -> Judged:
    audio = decoded(made.data)
    call = heard(audio, recogniser)
    redaction = redact(call)
    spans = [beep.span for beep in redaction.beeps]
    again = heard(replace(audio, pcm=beeped(audio.pcm, audio.info.rate_hz, spans)), recogniser)
    open_ = [place for start, end, place in sorted(made.planted.said) if _covered(start, end, spans) < COVERED]
    sensitive = [Span(a, b) for a, b, *_ in (*made.planted.said, *made.names)]
    speech = [s for channel in call.activity.channels for s in channel]
    other = _length(speech) - _common(speech, sensitive)
    over = _common(spans, speech) - _common(spans, sensitive)
    return Judged(
        made,
        len(set(open_)),
        _in_a_row(open_),
        max((_longest(made.planted.digits, run) for s in streams(again) for run in _runs(s.text)), key=len, default=""),
        sum(_covered(a, b, spans) < COVERED for a, b in made.names),
        max(0, over),
        max(1, other),
        " / ".join(u.text for u in call.transcript.utterances),
        " / ".join(redaction.text(i, u.text) for i, u in enumerate(call.transcript.utterances)),
    )


def _grid(spans: Sequence[Span]) -> set[int]:
    return {k for s in spans for k in range(s.start_ms // 10, s.end_ms // 10)}


def _length(spans: Sequence[Span]) -> int:
    return 10 * len(_grid(spans))


def _common(one: Sequence[Span], other: Sequence[Span]) -> int:
    return 10 * len(_grid(one) & _grid(other))


def _covered(start: int, end: int, spans: Sequence[Span]) -> float:
    own = Span(start, max(end, start + 1))
    return sum(own.overlap_ms(s) for s in spans) / own.duration_ms


def _in_a_row(places: Sequence[int]) -> int:
    best = run = 0
    for k, place in enumerate(places):
        run = run + 1 if k and place == places[k - 1] + 1 else 1
        best = max(best, run)
    return best


def _runs(text: str) -> list[str]:
    """Digits that are heard one right after the other."""
    return "".join(_VALUE.get(c, " ") for c in text).split()


def _longest(digits: str, text: str) -> str:
    parts = (digits[a:b] for a in range(len(digits)) for b in range(a + 2, len(digits) + 1))
    return max((p for p in parts if p in text), key=len, default="")


def table(judged: Sequence[Judged]) -> str:
    lines = ["| kind | numbers | not recoverable | recall | digits left open | names left | over-beep |", "|---|---|---|---|---|---|---|"]
    for kind in (*dict.fromkeys(j.call.planted.kind for j in judged), "all"):
        own = [j for j in judged if kind in ("all", j.call.planted.kind)]
        good, digits = sum(j.found for j in own), sum(len(j.call.planted.said) for j in own)
        left, names = sum(j.left for j in own), f"{sum(j.unsafe_names for j in own)} of {sum(len(j.call.names) for j in own)}"
        over = 100 * sum(j.over_ms for j in own) / sum(j.other_ms for j in own)
        lines.append(f"| {kind} | {len(own)} | {good} | {good / len(own):.3f} | {left} of {digits} | {names} | {over:.1f} % |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="words of the calls whose number is left")
    parser.add_argument("--only", type=int, nargs="*", help="these calls only")
    args = parser.parse_args()
    random.seed(args.seed)
    recogniser, begun = asr.Recogniser(models.locate("demo"), threads=1), time.monotonic()
    judged = []
    for number in args.only if args.only is not None else range(args.count):
        judged.append(judge(make(number, args.seed), recogniser))
        last = judged[-1]
        if args.show and (not last.found or last.unsafe_names or args.only):
            print(f"{last.call.name} {last.call.planted.kind} {last.call.planted.digits}: left {last.left}, in a row {last.left_in_a_row},"
                  f" again {last.again!r}, names {last.unsafe_names}, over {last.over_ms}\n  {last.heard}\n  {last.shown}")  # fmt: skip
    print(table(judged))
    print(f"\n{time.monotonic() - begun:.0f} s, recogniser {recogniser.identity}, one thread")


if __name__ == "__main__":
    main()
