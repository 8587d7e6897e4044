"""Cutting clips, grouping words, and the bundled model in the product and in the stock class."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa import activity, asr, decode, models, speakers
from qa.paths import models_dir
from qa.phonetic import syllables
from qa.types import Span, Word

SAMPLES = Path(__file__).parents[1] / "recordings_sample"
SETTINGS = asr.AsrSettings()


def speech_of(gaps: list[tuple[int, int]]) -> list[Span]:
    spans, now = [], 0
    for gap, length in gaps:
        spans.append(Span(now + gap, now + gap + length))
        now += gap + length
    return spans


@settings(derandomize=True)
@given(st.lists(st.tuples(st.integers(30, 4000), st.integers(30, 30_000)), min_size=1, max_size=12), st.integers(0, 3000))
def test_clips_hold_all_speech_once_and_fit_the_window(gaps: list[tuple[int, int]], tail: int) -> None:
    speech = speech_of(gaps)
    total = speech[-1].end_ms + tail
    found = asr.clips(speech, total, SETTINGS)
    assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(found))
    assert all(c.duration_ms <= SETTINGS.clip_ms + 2 * SETTINGS.margin_ms for c in found)
    assert found[0].start_ms >= 0 and found[-1].end_ms <= total
    for span in speech:
        assert sum(span.overlap_ms(c) for c in found) == span.duration_ms


def test_clips_join_short_pauses_and_keep_long_ones() -> None:
    near = asr.clips([Span(1000, 2000), Span(2500, 3000)], 10_000, SETTINGS)
    far = asr.clips([Span(1000, 2000), Span(3500, 4000)], 10_000, SETTINGS)
    assert near == [Span(800, 3200)]
    assert far == [Span(800, 2200), Span(3300, 4200)]


def word(text: str, start: int, end: int, probability: float = 0.9) -> Word:
    return Word(text, Span(start, end), probability)


def test_words_become_utterances_at_pauses_and_lose_the_silence() -> None:
    speech = [Span(0, 1000), Span(2000, 3000)]
    words = [word("您", 0, 400), word("好，", 400, 2000), word("请", 2000, 2500), word("问", 2500, 3300)]
    first, second = asr._utterances(words, "ch0", 0, speech, SETTINGS.pause_ms)
    assert (first.text, first.span) == ("您好，", Span(0, 1000))
    assert (second.text, second.span) == ("请问", Span(2000, 3000))


def test_wideband_audio_reaches_the_demo_model_as_telephone_speech() -> None:
    tone = np.sin(2 * np.pi * 6000 * np.arange(16000) / 16000).astype(np.float32)
    passed = asr.resampled(tone, 16000, telephone=True)
    assert len(passed) == 16000
    assert np.sqrt(np.mean(passed[1000:-1000] ** 2)) < 1e-3
    assert np.array_equal(asr.resampled(tone, 16000, telephone=False), tone)


def test_the_key_of_a_transcript_depends_on_model_settings_and_names() -> None:
    keys = {
        asr.settings_key(i, s, n) for i in ("a@1", "a@2") for s in (SETTINGS, asr.AsrSettings(beam_size=1)) for n in ((), ("华宁通信",))
    }
    assert len(keys) == 8
    assert asr.settings_key("a", SETTINGS, ("x", "y")) == asr.settings_key("a", SETTINGS, ("y", "x"))


@pytest.mark.slow
def test_the_bundled_model_hears_a_sample_call() -> None:
    audio = decode.decode(SAMPLES / "01_clean_broadband.wav")
    heard = activity.detect(audio)
    recogniser = asr.Recogniser(models.locate("demo"), threads=1)
    transcript = asr.transcribe(recogniser, audio, heard, speakers.speakers(audio, heard, False), ())
    heard_sounds, wanted = (" ".join(syllables(t)) for t in ("".join(u.text for u in transcript.of("ch0")), "为您服务"))
    assert transcript.demo and transcript.model.startswith("demo@")
    assert wanted in heard_sounds and "再见" in transcript.of("ch0")[-1].text
    assert {(e.speaker, e.which) for e in transcript.edges} == {(s, w) for s in ("ch0", "ch1") for w in ("opening", "closing")}
    assert all(u.span.end_ms <= audio.info.duration_ms for u in transcript.utterances)


@pytest.mark.slow
def test_the_bundled_model_loads_in_the_stock_class() -> None:
    from faster_whisper import WhisperModel

    audio = decode.decode(SAMPLES / "01_clean_broadband.wav")
    stock = WhisperModel(str(models_dir() / "asr-demo"), device="cpu", compute_type="int8", cpu_threads=1)
    assert stock.model.is_multilingual and stock.feature_extractor.nb_max_frames * 0.02 == 30
    x = asr.resampled(audio.channel(0), audio.info.rate_hz, True)
    speech = activity.detect(audio).channels[0][0]
    piece = x[max(0, speech.start_ms - 200) * 16 : (speech.end_ms + 200) * 16]
    segments, _ = stock.transcribe(piece, language="zh", without_timestamps=True, word_timestamps=True, temperature=0.0)
    text = "".join(w.word for s in segments for w in s.words or ())
    assert "ni hao" in " ".join(syllables(text)).replace("nin", "ni")


# ---------------------------------------------------------------- second decodes


def piece(samples: int, speech: tuple[Span, ...], start_ms: int = 1000) -> asr._Piece:
    return asr._Piece("opening", "ch0", Span(start_ms, start_ms + samples // 16), np.zeros(samples, np.float32), speech)


def test_the_rest_of_a_second_decode_is_heard_only_where_somebody_goes_on_speaking() -> None:
    whole = piece(16 * 10_000, (Span(1000, 3000), Span(8000, 9000)))
    rest = whole.rest([word("您好", 1000, 2900)])
    assert rest is not None and rest.span == Span(2900, 11_000) and len(rest.samples) == 16 * 8100
    assert rest.speech == (Span(2900, 3000), Span(8000, 9000))
    assert whole.rest([word("您好", 1000, 2900), word("再见", 8000, 8700)]) is None  # 300 ms left are no words


def test_pieces_of_several_speakers_are_decoded_at_once_and_keep_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word belongs to the piece that its middle lies in, and gets the time of that piece."""
    pieces = [piece(16 * 2000, (), 5000), piece(16 * 3000, (), 20_000)]
    asked: list[list[Span]] = []

    def decoded(recogniser: object, x: np.ndarray, clips: list[Span], hotwords: object, settings: object) -> list[Word]:
        asked.append(list(clips))
        assert len(x) == 16 * 5000
        return [word("您", 100, 400), word("好", 1900, 2050), word("再", 2100, 2400), word("见", 4800, 5000)]

    monkeypatch.setattr(asr, "_decode", decoded)
    first, second = asr._decode_apart(None, pieces, (), SETTINGS)  # type: ignore[arg-type]
    assert asked == [[Span(0, 2000), Span(2000, 5000)]]
    assert [(w.text, w.span) for w in first] == [("您", Span(5100, 5400)), ("好", Span(6900, 7050))]
    assert [(w.text, w.span) for w in second] == [("再", Span(20_100, 20_400)), ("见", Span(22_800, 23_000))]


def test_a_second_decode_writes_nothing_for_the_silence_behind_the_words() -> None:
    """It used to go on behind the last word in any case, and the bundled model wrote 一一一一 for silence."""
    heard = decode.decode(SAMPLES / "01_clean_broadband.wav")
    found = activity.detect(heard)
    turns = speakers.speakers(heard, found, False)
    transcript = asr.transcribe(asr.Recogniser(models.locate("demo")), heard, found, turns, ("华宁通信",))
    opening = next(e for e in transcript.edges if (e.which, e.speaker) == ("opening", "ch0"))
    assert "".join(w.text for w in opening.words).rstrip("。").endswith("很高兴为您服务")
    assert all("一一一" not in "".join(w.text for w in e.words) for e in transcript.edges)


def test_a_clip_never_ends_behind_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A length rounded up to whole milliseconds did, and faster-whisper stopped with an assertion."""
    asked: list[dict[str, float]] = []

    def transcribe(x: np.ndarray, clip_timestamps: list[dict[str, float]], **_: object) -> tuple[list[object], None]:
        asked.extend(clip_timestamps)
        return [], None

    recogniser = SimpleNamespace(batched=SimpleNamespace(transcribe=transcribe))
    assert asr._decode(recogniser, np.zeros(16_009, np.float32), [Span(0, 500), Span(500, 1001)], (), SETTINGS) == []  # type: ignore[arg-type]
    assert asked[-1]["end"] * 16_000 <= 16_009 and asked[0]["end"] == 0.5


def test_a_word_that_reaches_into_the_piece_before_begins_with_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [piece(16 * 2000 + 7, (), 0), piece(16 * 1000, (), 100)]
    monkeypatch.setattr(asr, "_decode", lambda *_: [word("再见", 1900, 2400)])
    assert [w.span for w in asr._decode_apart(None, pieces, (), SETTINGS)[1]] == [Span(100, 500)]  # type: ignore[arg-type]
