"""What each of the given packages is worth: the samples judged with and without its work.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/ablation.py [--folder recordings_sample] [--db ablation.db]

faster-whisper: the second decodes of the omission guard taken away.  jieba: phrases by sound without sense and word boundaries, on
the folder and on 1,000 polite turns whose characters are replaced by homophones at random.  librosa: no pitch track.
sqlite-utils: the first run against a second one from the store.  webrtcvad and Silero: benchmarks/activity.md.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from qa import pipeline, rulebook, scoring
from qa.check_examples import Scene
from qa.checks import banned_phrases
from qa.evaluate import ScoredCall, evaluate
from qa.evaluate_view import as_json
from qa.phonetic import syllables
from qa.records import read_calls
from qa.rules.book import RuleBook
from qa.store import Store
from qa.truth import read_truth
from qa.types import Call, Outcome

ROOT = Path(__file__).resolve().parents[1]


def without_edges(call: Call) -> Call:
    return replace(call, transcript=replace(call.transcript, edges=()))


def without_pitch(call: Call) -> Call:
    channels = tuple(replace(c, pitch_hz=np.zeros_like(c.pitch_hz)) for c in call.acoustics.channels)
    return replace(call, acoustics=replace(call.acoustics, channels=channels))


def without_jieba(book: RuleBook) -> RuleBook:
    rules = tuple(
        replace(r, params=replace(r.params, min_gain=0.0, max_boundary_cost=1e9)) if r.kind == "banned_phrases" else r for r in book.rules
    )
    return replace(book, rules=rules)


@cache
def _homophones() -> dict[str, list[str]]:
    by_sound: dict[str, list[str]] = {}
    hanzi = (ROOT / "models" / "asr" / "hanzi.txt").read_text("utf-8").strip()
    for c in hanzi:
        by_sound.setdefault("".join(syllables(c)), []).append(c)
    return by_sound


def misheard(text: str, share: float, rng: random.Random) -> str:
    """``text`` with a share of its characters replaced by others of the same toneless syllable."""
    return "".join(
        rng.choice(_homophones().get("".join(syllables(c)), [c])) if rng.random() < share and "\u4e00" <= c <= "\u9fff" else c for c in text
    )


def accusations(share: float, params: banned_phrases.Params) -> tuple[int, int]:
    """(FAIL, inconclusive) of the phrase check over the polite turns with a share of homophones."""
    rng = random.Random(1)
    failed = doubted = 0
    for line in (ROOT / "models" / "asr" / "eval" / "polite.txt").read_text("utf-8").split():
        call = Scene(f"坐席 0.5-{0.5 + 0.3 * len(line):.1f} {misheard(line, share, rng)}")()
        outcomes = {f.outcome for f in banned_phrases.run(call, params)}
        failed += Outcome.FAIL in outcomes
        doubted += Outcome.INCONCLUSIVE in outcomes
    return failed, doubted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "recordings_sample")
    parser.add_argument("--db", type=Path, default=Path("ablation.db"))
    parser.add_argument("--asr", default="demo")
    args = parser.parse_args()
    files, book, truths = pipeline.collect([args.folder]), rulebook.load("default"), read_truth(args.folder / "truth.jsonl")
    table = read_calls(args.folder / "calls.csv")
    seconds = []
    with Store(args.db) as store:
        for _ in range(2):
            begun = time.perf_counter()
            results = pipeline.score_files(files, store=store, book=book, table=table, asr=args.asr)
            seconds.append(time.perf_counter() - begun)
    calls = {r.path.name: r.call for r in results if r.call is not None}
    print(f"sqlite-utils: first run {seconds[0]:.1f} s, second run from the store {seconds[1]:.2f} s\n")
    same: Callable[[Call], Call] = lambda call: call  # noqa: E731
    variants = (
        ("everything", same, book),
        ("without the second decodes (faster-whisper)", without_edges, book),
        ("without sense and word boundaries (jieba)", same, without_jieba(book)),
        ("without the pitch track (librosa)", without_pitch, book),
    )
    print("| variant | check | precision | recall | ruled | inconclusive |\n|---|---|---|---|---|---|")
    for name, change, rules in variants:
        scored = {f: ScoredCall(change(c), scoring.score(change(c), rules)) for f, c in calls.items()}
        for check_id, row in as_json(evaluate(scored, truths))["checks"].items():
            print(f"| {name} | {check_id} | {row['precision']} | {row['recall']} | {row['ruled']} | {row['inconclusive']} |")
    print("\n| homophones in 1,000 polite turns | jieba | FAIL | inconclusive |\n|---|---|---|---|")
    plain = banned_phrases.Params()
    for share in (0.0, 0.1, 0.3):
        for used, params in (("with", plain), ("without", replace(plain, min_gain=0.0, max_boundary_cost=1e9))):
            failed, doubted = accusations(share, params)
            print(f"| {share:.0%} | {used} | {failed} | {doubted} |", flush=True)


if __name__ == "__main__":
    main()
