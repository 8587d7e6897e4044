"""Telling speakers apart against the truth: figures counted on the fingers, mixes whose levels are known, engines that are doubles."""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from qa import acoustics, activity, decode, roles, speakers
from qa import evaluate_diarization as measuring
from qa.blocks import Wave
from qa.diarization import Diarization
from qa.evaluate_diarization import (
    CONDITIONS,
    Condition,
    DiarizationEvaluation,
    EngineFigures,
    Mix,
    as_scored,
    evaluate_diarization,
    measure,
    mix,
    mixable,
    mixes,
)
from qa.evaluate_diarization_view import diarization_json, diarization_tables
from qa.evaluate_speakers import SpeakerFigures, alternating, compared, heard_words, one_speaker, role_errors, words
from qa.truth import Truth, TruthTurn, read_truth
from qa.types import (
    Audio,
    AudioInfo,
    Call,
    CallRecord,
    Outcome,
    Role,
    RoleAssignment,
    Roles,
    RoleStretch,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    Transcript,
    Utterance,
    Word,
)

SAMPLES = Path(__file__).parents[1] / "recordings_sample"
AGENT, CUSTOMER, ANNOUNCEMENT, THIRD = Role.AGENT, Role.CUSTOMER, Role.ANNOUNCEMENT, Role.THIRD_PARTY


def said(role: Role, start: int, end: int, text: str = "", speaker: str = "") -> TruthTurn:
    return TruthTurn(role, Span(start, end), text, speaker)


def found(*rows: tuple[str, int, int]) -> Diarization:
    turns = tuple(SpeakerTurn(who, 0, Span(a, b)) for who, a, b in rows)
    return Diarization(turns, turns)


TWO = (said(AGENT, 0, 4000, "一二三四"), said(CUSTOMER, 5000, 7000, "五六"))

# ---------------------------------------------------------------- time


def test_the_truth_itself_has_no_error_whatever_the_labels_are_called() -> None:
    figures = compared(TWO, found(("spk1", 0, 4000), ("spk0", 5000, 7000)), 8000)
    assert (figures.time.value, figures.time_collar.value, figures.words_wrong, figures.words_lost) == (0.0, 0.0, 0, 0)
    assert (figures.time.total_s, figures.words) == (6.0, 6)


def test_time_given_to_the_other_is_confusion_what_is_not_found_missed_what_is_not_there_false() -> None:
    one = compared(TWO, found(("spk0", 0, 4000), ("spk0", 5000, 7000)), 8000).time
    assert (one.confusion_s, one.missed_s, one.false_alarm_s) == (2.0, 0.0, 0.0) and one.value == pytest.approx(2 / 6)
    short = compared(TWO, found(("spk0", 0, 3000), ("spk1", 5000, 7500)), 8000).time
    assert (short.confusion_s, short.missed_s, short.false_alarm_s) == (0.0, 1.0, 0.5)


def test_a_quarter_of_a_second_is_forgiven_on_either_side_of_an_edge_and_no_more() -> None:
    """Edges off by 0.25 s cost nothing with the collar and 0.5 s without; by 0.35 s each, 0.1 s each with it."""
    at = compared(TWO, found(("spk0", 0, 4250), ("spk1", 4750, 7000)), 8000)
    assert at.time.false_alarm_s == pytest.approx(0.5) and at.time_collar.value == 0.0
    beyond = compared(TWO, found(("spk0", 0, 4350), ("spk1", 4650, 7000)), 8000)
    assert beyond.time_collar.false_alarm_s == pytest.approx(0.2)


def test_double_talk_counts_for_both() -> None:
    """Two speakers for a second: a system that hears one of them misses a second."""
    truth = (said(AGENT, 0, 4000), said(CUSTOMER, 3000, 6000))
    figures = compared(truth, found(("spk0", 0, 4000), ("spk1", 4000, 6000)), 6000)
    assert figures.time.total_s == 7.0 and figures.time.missed_s == 1.0


def test_two_of_one_role_are_two_speakers() -> None:
    truth = (said(THIRD, 0, 2000, speaker="师傅"), said(THIRD, 2000, 4000, speaker="老伴"))
    assert compared(truth, found(("spk0", 0, 4000)), 4000).time.confusion_s == 2.0


# ---------------------------------------------------------------- words


def test_words_go_by_the_exclusive_turns_and_those_near_none_are_lost() -> None:
    """Two of six characters lie in the other's turn; with the second turn gone they are lost, not wrong."""
    wrong = compared(TWO, found(("spk0", 0, 2000), ("spk1", 2000, 7000)), 8000)
    assert (wrong.words, wrong.words_wrong, wrong.words_lost) == (6, 2, 0)
    lost = compared(TWO, found(("spk0", 0, 4000)), 8000)
    assert (lost.words, lost.words_wrong, lost.words_lost) == (4, 0, 2)


def test_characters_are_where_the_truth_says_else_shared_out_evenly() -> None:
    assert words(TWO[1]) == (Span(5000, 6000), Span(6000, 7000))
    told = TruthTurn(CUSTOMER, Span(5000, 7000), "五六", "", (Span(5000, 5200), Span(6800, 7000)))
    assert words(told) == told.characters


def test_recognised_words_belong_to_who_spoke_at_that_time() -> None:
    spoken = [("spk0", 100), ("spk0", 2100), ("spk1", 3100), ("spk1", 5100), ("spk1", 9000)]
    heard = Transcript("x@1", True, tuple(
        Utterance(who, 0, Span(at, at + 300), (Word("字", Span(at, at + 300), 0.9),)) for who, at in spoken))  # fmt: skip
    turns = found(("spk0", 0, 3000), ("spk1", 3000, 7000)).turns
    assert heard_words(TWO, turns, heard, 8000) == (4, 1, 1)


# ---------------------------------------------------------------- roles


def named(**given: Role) -> Roles:
    return Roles(tuple(RoleAssignment(who, role, 0.9, "content") for who, role in given.items()))


def test_a_role_is_wrong_where_most_of_the_speech_is_anothers_and_none_ruled_is_none_wrong() -> None:
    turns = found(("spk0", 0, 4000), ("spk1", 5000, 7000)).turns
    assert role_errors(TWO, turns, named(spk0=AGENT, spk1=CUSTOMER)) == (2, 2, 0)
    assert role_errors(TWO, turns, named(spk0=CUSTOMER, spk1=AGENT)) == (2, 2, 2)
    assert role_errors(TWO, turns, named(spk0=Role.UNKNOWN, spk1=AGENT)) == (2, 1, 1)
    assert role_errors(TWO, turns, named()) == (2, 0, 0)


def test_a_stretch_that_is_somebody_elses_is_judged_on_its_own() -> None:
    """An announcement in the agent's voice label: right if it is set apart; else the label is still mostly the agent's."""
    truth = (said(ANNOUNCEMENT, 0, 2000), said(AGENT, 2000, 5000))
    turns = found(("spk0", 0, 5000)).turns
    apart = Roles((RoleAssignment("spk0", AGENT, 0.9, "content"),), (RoleStretch("spk0", Span(0, 2000), ANNOUNCEMENT, "播报"),))
    assert role_errors(truth, turns, apart) == (2, 2, 0)
    mistaken = Roles(apart.assignments, (RoleStretch("spk0", Span(2000, 5000), THIRD, "转接"),))
    assert role_errors(truth, turns, mistaken) == (2, 2, 2)


# ---------------------------------------------------------------- baselines


def test_the_baselines() -> None:
    speech = (Span(0, 1000), Span(1200, 2000), Span(2400, 3000), Span(5000, 6000))
    assert {t.speaker for t in one_speaker(speech).turns} == {"spk0"}
    assert [t.speaker for t in alternating(speech).turns] == ["spk0", "spk0", "spk1", "spk0"], "pauses of 200, 400 and 2,000 ms"
    assert [t.span for t in alternating(speech).turns] == list(speech) and alternating(()).turns == ()


# ---------------------------------------------------------------- mixes


def stereo(left_db: float, right_db: float, seconds: int = 4) -> Audio:
    """Two sines that do not overlap: 500 Hz on the left in the first half, 900 Hz on the right in the second, RMS as given."""
    t = np.arange(8000 * seconds) / 8000
    half = t < seconds / 2
    x = np.stack([
        half * np.sqrt(2) * 10 ** (left_db / 20) * np.sin(2 * np.pi * 500 * t),
        ~half * np.sqrt(2) * 10 ** (right_db / 20) * np.sin(2 * np.pi * 900 * t),
    ], axis=1)  # fmt: skip
    return Audio(AudioInfo("a.wav", "0" * 64, "wav", "pcm_s16le", 8000, 2, seconds * 1000), np.round(x * 32768).astype(np.int16))


def rms_db(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(x, dtype=np.float64))))


@pytest.mark.parametrize("difference", [0, 6, 12])
@pytest.mark.parametrize("quieter", [0, 1])
def test_a_mix_has_one_side_lower_by_so_much(difference: int, quieter: int) -> None:
    x = mix(stereo(-20, -33), (-20.0, -33.0), Condition(difference, None), quieter, 1).channel(0)
    halves = rms_db(x[:16000]), rms_db(x[16000:])
    assert halves[1 - quieter] == pytest.approx(-26, abs=0.1)
    assert halves[quieter] == pytest.approx(-26 - difference, abs=0.1)


@pytest.mark.parametrize("snr", [20, 10])
def test_the_noise_lies_so_far_below_the_louder_side_and_is_the_same_each_time(snr: int) -> None:
    audio, ways = stereo(-20, -33), ((None, 1), (snr, 1), (snr, 1), (snr, 2))
    plain, noisy, again, other = (mix(audio, (-20.0, -33.0), Condition(6, db), 1, seed).channel(0) for db, seed in ways)
    assert rms_db(noisy - plain) == pytest.approx(-26 - snr, abs=0.2)
    assert np.array_equal(noisy, again) and not np.array_equal(noisy, other)


@functools.cache
def sample(name: str) -> tuple[Path, Truth, Call]:
    """A sample call without its words."""
    truth = next(t for t in read_truth(SAMPLES / "truth.jsonl") if t.file == name)
    audio = decode.decode(SAMPLES / name)
    heard = activity.detect(audio)
    sound = acoustics.measure(audio, heard)
    turns = speakers.speakers(audio, heard, sound.same_channels)
    return SAMPLES / name, truth, Call(audio.info, heard, turns, Transcript("x@1", True, ()), sound, Roles(()), None)


def test_what_is_no_stereo_call_of_two_whom_one_can_tell_apart_is_not_mixed() -> None:
    for name in ("21_mono_mix.wav", "25_drowned_in_noise.wav", "35_fake_stereo.wav", "38_dead_channel.wav"):
        _, truth, call = sample(name)
        assert not mixable(truth, call), name
    _, truth, call = sample("10_greeting_by_customer.wav")
    assert mixable(truth, call) and not mixable(Truth(truth.file, 1, truth.verdicts), call)
    drowned = Truth(truth.file, 1, (("a", Outcome.INCONCLUSIVE), ("b", Outcome.INCONCLUSIVE), ("c", Outcome.PASS)), truth.turns)
    assert not mixable(drowned, call)


def test_conditions_are_dealt_in_turn_or_all_met() -> None:
    assert len({c.name for c in CONDITIONS}) == 9
    call = sample("10_greeting_by_customer.wav")
    assert [m.condition for m in mixes([call] * 3, every=False)] == list(CONDITIONS[:3])
    assert [m.condition for m in mixes([call], every=True)] == list(CONDITIONS)


# ---------------------------------------------------------------- engines


class Told:
    """Answers what it was told to, whatever it hears."""

    identity = "told/truth@1"
    demo = True

    def __init__(self, answer: Diarization) -> None:
        self.answer = answer

    def diarize(self, wave: Wave, speech: Sequence[Span]) -> Diarization:
        assert wave.rate_hz == 8000 and speech
        return self.answer


def made() -> Mix:
    return next(mixes([sample("10_greeting_by_customer.wav")], every=False))


def truly(one: Mix) -> Diarization:
    return found(*((t.who, t.span.start_ms, t.span.end_ms) for t in one.truth.turns))


def test_an_engine_that_knows_the_truth_has_no_error_and_the_baselines_have() -> None:
    one = made()
    figures = measure([one], {"told": Told(truly(one)), "one": Told(one_speaker(one.speech.channels[0]))})
    told = figures["told"].mixes
    assert (told.time.value, told.words_wrong, told.words_lost, told.calls) == (0.0, 0, 0, 1)
    assert told.audio_s == pytest.approx(one.audio.info.duration_ms / 1000) and told.labels == 2
    assert figures["one"].mixes.time == figures["one speaker"].mixes.time
    assert (figures["one speaker"].mixes.time.value or 0) > 0.1 and (figures["alternating"].mixes.time.value or 0) > 0
    assert [name for name, _ in figures["told"].conditions] == [one.condition.name]


def test_roles_on_a_mix_do_not_know_the_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record names the agent's channel; a mono recording of the call would not."""
    asked: list[CallRecord | None] = []
    monkeypatch.setattr(roles, "assign", lambda turns, transcript, record, *_: asked.append(record) or Roles(()))
    path, truth, call = sample("10_greeting_by_customer.wav")
    record = CallRecord(path.name, "C1", "8003", "林小雨", "一组", "in", "139", "400", None, None, None, "customer", 0)
    object.__setattr__(call, "record", record)
    try:
        measure(mixes([(path, truth, call)], every=False), {"told": Told(found(("spk0", 0, 5000)))})
    finally:
        object.__setattr__(call, "record", None)
    assert [r.agent_channel for r in asked if r is not None] == [None]


def test_a_mono_recording_is_measured_as_it_was_scored() -> None:
    """Its own turns, its own recognised words, its own roles."""
    _, truth, call = sample("21_mono_mix.wav")
    true = found(*((t.who, t.span.start_ms, t.span.end_ms) for t in truth.turns))
    turns = SpeakerTurns("told/truth@1", true.turns, (), true.exclusive)
    first, second = truth.turns[:2]
    begun = [t.span.start_ms for t in (first, second)]
    heard = tuple(Utterance(first.who, 0, Span(at, at + 100), (Word("字", Span(at, at + 100), 0.9),)) for at in begun)
    wrong = named(agent=AGENT, customer=AGENT)
    figures = as_scored(truth, Call(call.audio, call.activity, turns, Transcript("x@1", True, heard), call.acoustics, wrong, None))
    assert (figures.time.value, figures.words, figures.words_wrong) == (0.0, 2, 1)
    assert (figures.labels, figures.ruled, figures.roles_wrong) == (2, 2, 1)


def test_without_an_engine_the_baselines_are_measured_and_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "engines", lambda choice: {})
    result = evaluate_diarization([sample("10_greeting_by_customer.wav")])
    assert result.engines == () and [name for name, _ in result.baselines] == ["one speaker", "alternating"]
    assert "没有可用的说话人区分引擎" in result.notes[0]


def test_nothing_is_measured_where_it_is_off_where_there_is_nothing_to_mix_or_no_way_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    call = sample("10_greeting_by_customer.wav")
    assert not evaluate_diarization([call], "off") and not evaluate_diarization([])
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name.startswith("pyannote") else find(name, *rest))
    assert "pip install pyannote.metrics" in evaluate_diarization([call]).notes[0]


# ---------------------------------------------------------------- output


def test_json_has_the_agreed_form_and_nothing_is_null_of_something() -> None:
    one = compared(TWO, found(("spk0", 0, 3000), ("spk1", 5000, 7000)), 8000, named(spk0=AGENT, spk1=AGENT))
    mixed = one + SpeakerFigures(audio_s=8.0, cpu_s=0.4, peak_mb=12.0) + SpeakerFigures(peak_mb=3.0)
    whole = DiarizationEvaluation((("sherpa", EngineFigures(mixed, (("0 dB apart, no noise", mixed),), one)),),
                                  (("one speaker", EngineFigures(one)),))  # fmt: skip
    data = json.loads(json.dumps(diarization_json(whole)))
    sherpa = data["diarization"]["sherpa"]
    assert sherpa["der"] == pytest.approx(1 / 6) and (sherpa["role_error"], sherpa["ruled"]) == (0.5, 1.0)
    assert sherpa["x_realtime"] == pytest.approx(20.0) and sherpa["peak_mb"] == 12.0
    assert sherpa["conditions"]["0 dB apart, no noise"]["der"] == sherpa["der"] and sherpa["recordings"]["calls"] == 1
    assert list(data["diarization_baselines"]) == ["one speaker"] and data["diarization_baselines"]["one speaker"]["recordings"] is None
    console = Console(width=200, record=True)
    for table in diarization_tables(whole):
        console.print(table)
    text = console.export_text()
    assert "sherpa" in text and "16.7%" in text and "1/2" in text and "基线：只有一个说话人" in text
    assert diarization_json(None) == {"diarization": {}, "diarization_baselines": {}, "diarization_notes": []}
    assert diarization_tables(None) == []
