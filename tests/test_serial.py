"""Stage results as bytes: the round trip is exact, and wrong bytes are refused."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
import stored_calls
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qa import serial
from qa.errors import StoreError
from qa.types import (
    Acoustics,
    Audio,
    AudioInfo,
    Call,
    ChannelAcoustics,
    Finding,
    Outcome,
    Role,
    Scorecard,
    Span,
    SpeechActivity,
    Transcript,
    Utterance,
    Word,
)

EXACT = settings(derandomize=True, max_examples=60, deadline=None)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
times = st.integers(0, 2**40)
spans = st.tuples(times, times).map(lambda t: Span(min(t), max(t)))
finite = st.floats(allow_nan=False)
words = st.builds(Word, texts, spans, st.floats(0, 1))
utterances = st.builds(Utterance, texts, st.integers(0, 1), spans, st.lists(words, max_size=4).map(tuple))
scalars = st.one_of(finite, st.integers(-(2**63), 2**63 - 1), texts, st.none())
said = st.lists(utterances, max_size=3).map(tuple)


@st.composite
def channels(draw: st.DrawFn) -> ChannelAcoustics:
    frames = draw(st.integers(0, 30))
    tracks = [draw(hnp.arrays(np.float32, frames)) for _ in range(2)]
    level = draw(st.none() | finite)
    return ChannelAcoustics(level, draw(finite), draw(finite), draw(finite), draw(finite), None, 10, *tracks)


@EXACT
@given(said, texts, st.booleans())
def test_a_transcript_comes_back_equal(lines: tuple[Utterance, ...], model: str, demo: bool) -> None:
    transcript = Transcript(model, demo, lines, (), lines)
    assert serial.decode(serial.encode(transcript), Transcript) == transcript


@EXACT
@given(st.lists(channels(), max_size=2).map(tuple))
def test_acoustics_come_back_with_every_bit_of_their_tracks(measured: tuple[ChannelAcoustics, ...]) -> None:
    back = serial.decode(serial.encode(Acoustics(measured, ())), Acoustics)
    assert back.channels == measured  # the tracks do not take part in ==
    for before, after in zip(measured, back.channels, strict=True):
        for name in ("level_dbov", "pitch_hz"):
            a, b = getattr(before, name), getattr(after, name)
            assert (b.dtype, b.shape, b.tobytes()) == (a.dtype, a.shape, a.tobytes())
            assert not b.flags.writeable


@EXACT
@given(st.lists(st.tuples(texts, scalars), max_size=5).map(tuple))
def test_measured_values_keep_value_and_type(values: tuple[tuple[str, float | int | str | None], ...]) -> None:
    back = serial.decode(serial.encode(Finding(Outcome.PASS, "好", (), values)), Finding).values
    assert back == values
    assert [type(v) for _, v in back] == [type(v) for _, v in values]


@EXACT
@given(hnp.arrays(np.int16, st.tuples(st.integers(0, 40), st.just(2))))
def test_audio_comes_back_in_shape(pcm: np.ndarray) -> None:
    info = AudioInfo("a.wav", "0" * 64, "wav", "pcm_s16le", 8000, 2, 5)
    back = serial.decode(serial.encode(Audio(info, pcm)), Audio)
    assert back.info == info and np.array_equal(back.pcm, pcm) and back.pcm.shape == pcm.shape


@pytest.mark.parametrize("track", [np.arange(12, dtype=">f4")[::3], np.asfortranarray(np.arange(4.0, dtype=np.float32))])
def test_an_array_out_of_order_in_memory_keeps_its_values(track: np.ndarray) -> None:
    one = ChannelAcoustics(None, 0.0, 0.0, 0.0, 0.0, None, 10, track, track)
    back = serial.decode(serial.encode(one), ChannelAcoustics)
    assert back.level_dbov.tolist() == track.tolist() and back.level_dbov.dtype == track.dtype


def test_a_call_and_its_scorecard_come_back_equal() -> None:
    call = stored_calls.call()
    card = stored_calls.scorecard(call)
    assert serial.decode(serial.encode(call), Call) == call
    assert serial.decode(serial.encode(card), Scorecard) == card
    assert serial.decode(serial.encode(call), Call).roles.assignments[0].role is Role.AGENT


def test_not_a_number_and_infinities_stay() -> None:
    values = (("a", math.inf), ("b", -math.inf), ("c", math.nan))
    back = serial.decode(serial.encode(Finding(Outcome.PASS, "好", (), values)), Finding)
    assert back.value("a") == math.inf and back.value("b") == -math.inf and math.isnan(back.value("c"))


def test_a_numpy_scalar_becomes_the_number_it_holds() -> None:
    finding = Finding(Outcome.PASS, "好", (), (("a", np.float32(0.1)), ("b", np.int64(3))))
    assert serial.decode(serial.encode(finding), Finding).values == (("a", float(np.float32(0.1))), ("b", 3))


def test_equal_values_give_equal_bytes() -> None:
    assert serial.encode(stored_calls.call()) == serial.encode(stored_calls.call())
    assert serial.encode(stored_calls.call()) != serial.encode(stored_calls.call(seed=8))


PAYLOAD = serial.encode(SpeechActivity(((Span(0, 30),),), "webrtcvad"))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "版本"),
        (b"\x07" + PAYLOAD[1:], "版本为 7"),
        (PAYLOAD[:-3], "已损坏"),
        (PAYLOAD + b"\x00", "已损坏"),
        (PAYLOAD[:5], "不是 SpeechActivity"),
        (serial.encode(Span(0, 1)), "'Span'"),
        (PAYLOAD.replace(struct.pack("B", 30), struct.pack("B", 0xC0)), "已损坏"),
    ],
)
def test_wrong_bytes_are_refused(data: bytes, cause: str) -> None:
    with pytest.raises(StoreError, match=cause):
        serial.decode(data, SpeechActivity)


def test_a_value_that_breaks_its_own_rules_is_refused() -> None:
    data = serial.encode(Span(5, 9)).replace(b"\x05", b"\x0a")  # 10-9 ms runs backwards
    with pytest.raises(StoreError, match="runs backwards"):
        serial.decode(data, Span)


@pytest.mark.parametrize(("old", "new"), [(b"<f4", b"|O8"), (b"<f4", b"zzz"), (b"<f4", b"<f8")])
def test_a_forged_array_is_refused(old: bytes, new: bytes) -> None:
    channel = ChannelAcoustics(None, 0.0, 0.0, 0.0, 0.0, None, 10, np.zeros(3, np.float32), np.zeros(3, np.float32))
    with pytest.raises(StoreError, match="已损坏"):
        serial.decode(serial.encode(channel).replace(old, new), ChannelAcoustics)


@pytest.mark.parametrize("thing", [object(), {1: object()}, np.array([None]), "\udcff", 2**70])
def test_what_has_no_stored_form_is_refused(thing: object) -> None:
    with pytest.raises(StoreError, match="无法保存"):
        serial.encode((thing,))
