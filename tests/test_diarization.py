"""Telling the speakers of one channel apart: what is the same for all engines, without any of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa import diarization
from qa.blocks import BLOCK_S, Wave
from qa.diarization.blockwise import OVERLAP_S, Blockwise
from qa.diarization.linking import Likeness, likeness_of, linked
from qa.diarization.protocol import RATE_HZ, Voice
from qa.diarization.settling import LEVEL_MS, settled
from qa.diarization.turns_engine import TurnsEngine
from qa.errors import ModelError
from qa.types import (
    Float32Array,
    Span,
    SpeakerTurns,
)

LIKENESS = Likeness(same=0.6, third=0.3, least_ms=1500, third_ms=6000)


def voice(direction: Sequence[float], ms: int = 10_000, start: int = 0) -> Voice:
    vector = np.asarray(direction, np.float32)
    span = Span(start, start + ms)
    return Voice((span,), (span,), vector / np.linalg.norm(vector))


# ---------------------------------------------------------------- linking


def test_voices_of_several_blocks_are_joined_by_their_sound() -> None:
    a, b = voice((1, 0, 0.2)), voice((0, 1, 0.2))
    found = linked([[a, b], [b], [b, a]], LIKENESS, surely_apart=True)
    assert found[0][0] == found[2][1] != found[0][1] == found[1][0] == found[2][0]


def test_an_engine_that_is_sure_is_never_overruled_in_a_block() -> None:
    alike = [voice((1, 0, 0)), voice((1, 0.1, 0))]
    assert len(set(linked([alike], LIKENESS, surely_apart=True)[0])) == 2
    assert len(set(linked([alike], LIKENESS, surely_apart=False)[0])) == 1


def test_two_voices_that_differ_stay_two() -> None:
    assert len(set(linked([[voice((1, 0, 0)), voice((0.5, 1, 0))]], LIKENESS, False)[0])) == 2


@pytest.mark.parametrize(("third", "ms", "speakers_"), [((0, 0, 1), 10_000, 3), ((0, 0, 1), 5000, 2), ((0.5, 0, 1), 10_000, 2)])
def test_a_third_speaker_must_be_heard_long_enough_and_be_another_voice(third: tuple[float, ...], ms: int, speakers_: int) -> None:
    found = linked([[voice((1, 0, 0)), voice((0, 1, 0)), voice(third, ms)]], LIKENESS, False)
    assert len(set(found[0])) == speakers_


def test_there_are_never_more_than_three_and_one_odd_second_is_nobody() -> None:
    many = [voice(row) for row in np.eye(6)]
    assert len(set(linked([many], LIKENESS, False)[0])) == 3
    odd = [voice((1, 0, 0)), voice((-0.2, 0.1, 1), 1000)]
    assert len(set(linked([odd], LIKENESS, False)[0])) == 1


def test_a_voice_that_was_heard_for_long_tells_more_of_a_person() -> None:
    """Two short voices to either side of a long one: its mean hardly moves with the first of them, and so takes in the second too."""
    at = [(np.cos(np.radians(d)), np.sin(np.radians(d))) for d in (0, 48, -49)]
    found = linked([[voice(at[0], 20_000), voice(at[1], 1600), voice(at[2], 1600)]], LIKENESS, False)
    assert len(set(found[0])) == 1


def test_a_voice_without_a_print_is_nobody() -> None:
    assert linked([[voice((1, 0)), replace(voice((1, 0)), print=None)]], LIKENESS, False) == [[0, None]]


def test_a_model_says_how_alike_its_voices_are(tmp_path: Path) -> None:
    assert likeness_of(tmp_path) == Likeness()
    config = tmp_path / "config.yaml"
    config.write_text("pipeline:\n  name: x\n", "utf-8")
    assert likeness_of(tmp_path) == Likeness()
    config.write_text("voices:\n  same: 0.7\n  third: 0.1\n", "utf-8")
    assert likeness_of(tmp_path) == Likeness(same=0.7, third=0.1)


NONSENSE = ["voices: {same: 2}", "voices: {third: 0.9}", "voices: {sam: 0.5}", "voices: [1]", "voices: {same: x}", "a: b: c"]


@pytest.mark.parametrize("text", NONSENSE)
def test_a_model_that_says_nonsense_is_an_error_that_names_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    with pytest.raises(ModelError, match=r"config\.yaml"):
        likeness_of(tmp_path)


# ---------------------------------------------------------------- settling


def quiet(ms: int, level: float = -60.0) -> Float32Array:
    return np.full(ms // LEVEL_MS + 1, level, np.float32)


def test_turns_lie_in_the_speech_and_are_named_in_order_of_time() -> None:
    speech = (Span(1000, 3000), Span(3500, 6000))
    found = settled({7: [Span(4000, 9000)], 3: [Span(0, 4000)]}, speech, quiet(9000))
    assert [(t.speaker, t.span) for t in found.turns] == [
        ("spk0", Span(1000, 3000)),
        ("spk0", Span(3500, 4000)),
        ("spk1", Span(4000, 6000)),
    ]
    assert found.exclusive == found.turns


def test_speech_that_the_engine_missed_goes_to_the_nearest_stretch_within_reach() -> None:
    speech = (Span(0, 10_000),)
    found = settled({0: [Span(0, 2000)], 1: [Span(2600, 4000)]}, speech, quiet(10_000))
    assert [(t.speaker, t.span) for t in found.turns] == [("spk0", Span(0, 2300)), ("spk1", Span(2300, 4500))]  # and nobody after that


def test_a_sliver_is_no_turn() -> None:
    found = settled({0: [Span(0, 2000)], 1: [Span(1970, 2000)]}, (Span(0, 2000),), quiet(2000))
    assert [t.speaker for t in found.turns] == ["spk0"]


OVERLAP = {0: [Span(0, 4000)], 1: [Span(3000, 8000)]}
TALK = (Span(0, 8000),)


@pytest.mark.parametrize(("louder_db", "seam"), [(0.0, 4000), (2.0, 4000), (-10.0, 4000), (6.0, 3000)])
def test_where_two_speak_the_louder_one_counts_else_who_began(louder_db: float, seam: int) -> None:
    level = quiet(8000, -30.0)
    level[4000 // LEVEL_MS :] += louder_db  # the second speaker's
    found = settled(OVERLAP, TALK, level)
    assert [t.span for t in found.exclusive] == [Span(0, seam), Span(seam, 8000)]
    assert [t.span for t in found.turns] == [Span(0, 4000), Span(3000, 8000)]


def test_what_the_engine_itself_goes_by_comes_first() -> None:
    found = settled(OVERLAP, TALK, quiet(8000), {0: [Span(0, 3500)], 1: [Span(3500, 8000)]})
    assert [(t.speaker, t.span) for t in found.exclusive] == [("spk0", Span(0, 3500)), ("spk1", Span(3500, 8000))]


spans_ = st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 4000)).map(lambda p: Span(p[0], p[0] + p[1])), max_size=8)


@settings(derandomize=True)
@given(st.dictionaries(st.integers(0, 2), spans_, min_size=1), spans_)
def test_exclusive_turns_cover_what_the_turns_cover_once(heard: dict[int, list[Span]], talk: list[Span]) -> None:
    from qa.diarization.settling import merged

    speech = merged(talk)
    found = settled(heard, speech, quiet(30_000))
    told = SpeakerTurns("engine/x@0", found.turns, (), found.exclusive)  # checks that they are sorted and apart
    assert merged(t.span for t in found.turns) == merged(t.span for t in found.exclusive)
    assert sum(t.span.overlap_ms(s) for t in told.turns for s in speech) == sum(t.span.duration_ms for t in told.turns)
    assert all(any(t.speaker == e.speaker and t.span.overlap_ms(e.span) for t in told.turns) for e in told.exclusive)


# ---------------------------------------------------------------- block by block


class ByLevel:
    """An engine that tells a loud voice from a soft one, by tenths of a second."""

    surely_apart = True

    def __init__(self) -> None:
        self.longest = 0

    def voices(self, x: Float32Array, speech: Sequence[Span]) -> tuple[Voice, ...]:
        self.longest = max(self.longest, len(x))
        level = np.abs(x[: len(x) // 1600 * 1600]).reshape(-1, 1600).max(axis=1)
        out = []
        for low, high, direction in ((0.05, 0.3, (1, 0)), (0.3, 2.0, (0, 1))):
            mask = np.concatenate(([False], (level >= low) & (level < high), [False]))
            edges = np.flatnonzero(mask[1:] != mask[:-1]) * 100
            spans = tuple(Span(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))
            if spans:
                out.append(Voice(spans, spans, np.asarray(direction, np.float32)))
        return tuple(out)

    def print_of(self, x: Float32Array) -> npt.NDArray[np.float32] | None:
        return np.asarray((1, 0) if float(np.abs(x).max(initial=0.0)) < 0.3 else (0, 1), np.float32)


def test_a_long_call_is_heard_in_blocks_and_its_speakers_are_the_same_throughout() -> None:
    """Turns go on over the seams, and no block is longer than a block."""
    total_s, each_s = 2 * BLOCK_S + 300, 7
    x = np.zeros(total_s * 8000, np.float32)
    truth: dict[str, list[Span]] = {"spk0": [], "spk1": []}
    for k in range(total_s // each_s):
        start, length = k * each_s * 1000, (each_s - 1) * 1000
        truth[f"spk{k % 2}"].append(Span(start, start + length))
        x[start * 8 : (start + length) * 8] = (0.5, 0.1)[k % 2] * np.where(np.arange(length * 8) % 8 < 4, 1, -1)
    engine = ByLevel()
    speech = sorted(itertools.chain.from_iterable(truth.values()))
    found = Blockwise(engine, "by-level", LIKENESS, False).diarize(Wave.of(x, 8000), speech)
    told = SpeakerTurns("by-level", found.turns, (), found.exclusive)
    assert engine.longest <= BLOCK_S * RATE_HZ
    for who, spans in truth.items():
        heard = told.of(who)
        assert sum(a.overlap_ms(b) for a in heard for b in spans) >= 0.98 * sum(s.duration_ms for s in spans)
        assert sum(s.duration_ms for s in heard) <= 1.02 * sum(s.duration_ms for s in spans)


class Told:
    """An engine that is told beforehand what to hear, in ms of the recording, from one block after the other."""

    surely_apart = True

    def __init__(self, wave: Wave, *spans: Span) -> None:
        self._starts = iter([start * 1000 // wave.rate_hz for start, _ in wave.blocks(OVERLAP_S)])
        self._spans = spans

    def voices(self, x: Float32Array, speech: Sequence[Span]) -> tuple[Voice, ...]:
        base = next(self._starts)
        out = []
        for k, span in enumerate(self._spans):
            start, end = span.start_ms - base, span.end_ms - base
            if start >= 0 and end <= len(x) // 16:
                own = (Span(start, end),)
                out.append(Voice(own, own, np.eye(2, dtype=np.float32)[k]))
        return tuple(out)

    def print_of(self, x: Float32Array) -> npt.NDArray[np.float32] | None:
        return None


@pytest.mark.parametrize(("levels", "seam_s"), [((0.05, 0.5), 1510), ((0.5, 0.05), 1520)])
def test_the_louder_of_two_is_known_in_a_later_block_too(levels: tuple[float, float], seam_s: int) -> None:
    x = np.zeros(1800 * 16_000, np.float32)
    x[1500 * 16_000 : 1510 * 16_000], x[1520 * 16_000 : 1530 * 16_000] = levels
    wave = Wave.of(x, RATE_HZ)
    speech = tuple(Span(s * 1000, s * 1000 + 1) for s in range(0, 1500, 50))  # every block is heard
    engine = Told(wave, Span(1_500_000, 1_520_000), Span(1_510_000, 1_530_000))
    found = Blockwise(engine, "told", LIKENESS, False).diarize(wave, (*speech, Span(1_500_000, 1_530_000)))
    long = [t.span for t in found.exclusive if t.span.duration_ms > 1000]
    assert long == [Span(1_500_000, seam_s * 1000), Span(seam_s * 1000, 1_530_000)]


def test_a_block_in_which_nobody_speaks_is_not_heard() -> None:
    heard: list[int] = []

    class Counting(ByLevel):
        def voices(self, x: Float32Array, speech: Sequence[Span]) -> tuple[Voice, ...]:
            heard.append(len(x))
            return super().voices(x, speech)

    wave = Wave.of(np.full(4 * BLOCK_S * 8000, 0.5, np.float32), 8000)
    found = Blockwise(Counting(), "x", LIKENESS, False).diarize(
        wave, (Span(1000, 2000), Span(4 * BLOCK_S * 1000 - 2000, 4 * BLOCK_S * 1000))
    )
    assert len(heard) == 2 and len(found.turns) == 2


def test_nothing_is_heard_of_a_recording_in_which_nobody_speaks() -> None:
    found = Blockwise(ByLevel(), "x", LIKENESS, False).diarize(Wave.of(np.ones(8000, np.float32), 8000), ())
    assert found == diarization.Diarization((), ())


# ---------------------------------------------------------------- the simpler arrangement


class PrintOfLevel:
    """A print that says how loud the samples are: between two voices what is in between."""

    def of(self, samples: Float32Array) -> npt.NDArray[np.float32] | None:
        if len(samples) < 300 * 16:
            return None
        share = float(np.clip((np.mean(np.abs(samples)) - 0.1) / 0.4, 0, 1))
        vector = np.array([1 - share, share], np.float32)
        return vector / np.linalg.norm(vector)


def by_turns(levels: Sequence[tuple[int, int, float]], speech: Sequence[Span]) -> diarization.Diarization:
    engine = TurnsEngine.__new__(TurnsEngine)
    engine._prints, engine._likeness = PrintOfLevel(), LIKENESS  # type: ignore[assignment]
    x = np.zeros(16 * max(end for _, end, _ in levels), np.float32)
    for start, end, level in levels:
        x[start * 16 : end * 16] = level
    return Blockwise(engine, "turns", LIKENESS, False).diarize(Wave.of(x, RATE_HZ), speech)


def test_a_change_of_voice_without_a_pause_is_found_to_half_a_second() -> None:
    found = by_turns([(0, 6000, 0.5), (6000, 11_000, 0.1), (12_000, 16_000, 0.5)], (Span(0, 11_000), Span(12_000, 16_000)))
    assert [t.speaker for t in found.turns] == ["spk0", "spk1", "spk0"]
    assert found.turns[0].span.end_ms == pytest.approx(6000, abs=500) and found.turns[2].span == Span(12_000, 16_000)


def test_a_moment_of_another_sound_is_no_change_of_voice() -> None:
    sound = [(0, 6000, 0.5), (6000, 6900, 0.1), (6900, 11_000, 0.5), (12_000, 16_000, 0.1)]
    found = by_turns(sound, (Span(0, 11_000), Span(12_000, 16_000)))
    assert [(t.speaker, t.span) for t in found.turns] == [("spk0", Span(0, 11_000)), ("spk1", Span(12_000, 16_000))]


def test_a_short_answer_between_pauses_is_the_other_voice() -> None:
    speech = (Span(0, 5000), Span(5400, 6000), Span(6400, 12_000), Span(13_000, 16_000))
    found = by_turns([(0, 5000, 0.5), (5400, 6000, 0.1), (6400, 12_000, 0.5), (13_000, 16_000, 0.1)], speech)
    assert [t.speaker for t in found.turns] == ["spk0", "spk1", "spk0", "spk1"] and [t.span for t in found.turns] == list(speech)


def test_one_voice_is_one_speaker_and_a_bit_of_sound_nobody() -> None:
    assert {t.speaker for t in by_turns([(0, 9000, 0.5)], (Span(0, 4000), Span(4500, 9000))).turns} == {"spk0"}
    assert by_turns([(0, 3000, 0.5)], (Span(500, 700),)).turns == ()
