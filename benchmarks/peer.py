"""The whole pipeline against bare faster-whisper on the same stereo files: seconds and character error rate, side by side in one run.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/peer.py [FOLDER …] [--asr demo] [--threads 2] [--repeat 3]

Ours is all that `qa score` does with a file: decoding, speech activity, acoustics, recognition with the second decodes of both ends, roles,
checks, points, database.  The peer is what users would write instead: ``decode_audio(split_stereo=True)`` and
``BatchedInferencePipeline.transcribe`` of each channel with its defaults (VAD on), once as it is and once with word times, which every
one of our verdicts rests on.  Model, beam, batch size, compute type and threads are the same.  The stock classes pad each clip to
30 s; ours does not for the bundled small model, which knows clips of 12 s alone: so the peer is also run with such clips, and with our
unpadded class, where only the pipelines differ.
The arms take turns file by file; medians of the repeats are added up.  ``--long MINUTES`` adds calls of that length, made of the samples
(``benchmarks/made_calls.py``).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import made_calls

from qa import asr, models, pipeline, rulebook
from qa.evaluate import ErrorRate, edit_distance, hanzi
from qa.records import CallTable, read_calls
from qa.store import Store
from qa.truth import Truth, read_truth
from qa.types import CallRecord, Role

ROOT = Path(__file__).resolve().parents[1]
Texts = tuple[str, str]
"""What was heard on channel 0 and 1."""


def peer(whisper: object, words: bool, settings: asr.AsrSettings, clip_s: int | None = None) -> Callable[[Path], Texts]:
    """Bare faster-whisper, a channel after the other; ``clip_s``: its ``chunk_length`` (None: its default of 30 s)."""
    import faster_whisper

    batched = faster_whisper.BatchedInferencePipeline(whisper)

    def run(path: Path) -> Texts:
        heard = []
        for channel in faster_whisper.decode_audio(str(path), split_stereo=True):
            segments, _ = batched.transcribe(
                channel,
                language="zh",
                beam_size=settings.beam_size,
                batch_size=settings.batch_size,
                word_timestamps=words,
                chunk_length=clip_s,
            )
            heard.append("".join(segment.text for segment in segments))
        return heard[0], heard[1]

    return run


def ours(scorer_of: Callable[[], pipeline.Scorer]) -> Callable[[Path], Texts]:
    """A fresh database each time, so that nothing is known from before."""

    def run(path: Path) -> Texts:
        result = scorer_of().score(path)
        assert result.call is not None, result.error
        texts = [[u.text for u in result.call.transcript.utterances if u.channel == channel] for channel in (0, 1)]
        return "，".join(texts[0]), "，".join(texts[1])

    return run


def error(said: Texts, heard: Texts) -> ErrorRate:
    """Characters of both channels."""
    rates = (ErrorRate(edit_distance(a, hanzi(b)), len(a)) for a, b in zip(said, heard, strict=True))
    return sum(rates, ErrorRate(0, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / "recordings_sample"])
    parser.add_argument("--asr", default="demo")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--most", type=int, default=1000, help="files of a folder")
    parser.add_argument("--long", type=float, nargs="*", default=[], metavar="MINUTES")
    asked = parser.parse_args()
    located, settings = models.locate(asked.asr), asr.AsrSettings()
    recogniser = asr.Recogniser(located, threads=asked.threads)
    import faster_whisper

    kind = "int8" if located.demo else "default"
    stock = faster_whisper.WhisperModel(str(located.path), compute_type=kind, cpu_threads=asked.threads, local_files_only=True)
    for folder in asked.folders:
        table = read_calls(folder / "calls.csv")
        truths = [truth for truth in read_truth(folder / "truth.jsonl") if truth.turns and _stereo(folder / truth.file)]
        said = [(folder / truth.file, _said(truth, table.for_file(folder / truth.file))) for truth in truths]
        _measured(folder.name, said[: asked.most], table, asked, recogniser, settings, stock)
    with tempfile.TemporaryDirectory() as made:
        for minutes in asked.long:
            path = Path(made) / f"{minutes:g}.wav"
            _measured(f"{minutes:g} min", [(path, made_calls.make(path, 60 * minutes, 1))], None, asked, recogniser, settings, stock)


def _said(truth: Truth, record: CallRecord | None) -> Texts:
    """Hanzi said on both channels; the agent is on the record's channel."""
    agent = record.agent_channel if record is not None and record.agent_channel is not None else 0
    texts = [hanzi("，".join(t.text for t in truth.turns if t.role is role)) for role in (Role.AGENT, Role.CUSTOMER)]
    return (texts[0], texts[1]) if agent == 0 else (texts[1], texts[0])


def _measured(
    name: str,
    files: list[tuple[Path, Texts]],
    table: CallTable | None,
    asked: argparse.Namespace,
    recogniser: asr.Recogniser,
    settings: asr.AsrSettings,
    stock: object,
) -> None:
    book = rulebook.load("default")
    seconds: dict[str, list[list[float]]] = {}
    errors: dict[str, ErrorRate] = {}
    with tempfile.TemporaryDirectory() as scratch:
        count = iter(range(1_000_000))

        def scorer() -> pipeline.Scorer:
            made = pipeline.Scorer(Store(Path(scratch) / f"{next(count)}.db"), book, table, asked.asr)
            made._loaded = recogniser
            return made

        arms = {
            "whole pipeline": ours(scorer),
            "bare faster-whisper": peer(stock, False, settings),
            "bare, word times": peer(stock, True, settings),
            "bare, word times, clips of 12 s": peer(stock, True, settings, settings.clip_ms // 1000),
            "bare, unpadded, word times, clips of 12 s": peer(recogniser.whisper, True, settings, settings.clip_ms // 1000),
        }
        for turn in range(asked.repeat + 1):  # the first warms up and is not counted
            for path, said in files:
                for arm, run in arms.items():
                    prepared = scorer() if arm == "whole pipeline" else None
                    begun = time.perf_counter()
                    heard = ours(lambda made=prepared: made)(path) if prepared else run(path)  # type: ignore[misc]
                    took = time.perf_counter() - begun
                    if turn:
                        seconds.setdefault(arm, [[] for _ in range(asked.repeat)])[turn - 1].append(took)
                    else:
                        errors[arm] = errors.get(arm, ErrorRate(0, 0)) + error(said, heard)
    sums = {arm: sum(statistics.median(column) for column in zip(*runs, strict=True)) for arm, runs in seconds.items()}
    print(f"\n{name}: {len(files)} stereo files, {asked.threads} threads, {asked.repeat} repeats\n")
    print("| arm | s | ours ÷ this | characters wrong |\n|---|---|---|---|")
    for arm, total in sums.items():
        print(f"| {arm} | {total:.2f} | {sums['whole pipeline'] / total:.2f} | {100 * (errors[arm].value or 0):.2f} % |", flush=True)


def _stereo(path: Path) -> bool:
    import av

    with av.open(str(path)) as opened:
        return bool(opened.streams.audio[0].codec_context.layout.nb_channels == 2)


if __name__ == "__main__":
    main()
