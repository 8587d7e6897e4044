"""Which engine tells the speakers of one channel apart, and the stage that asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa import asr, diarization, speakers
from qa.blocks import Wave
from qa.diarization import choosing
from qa.diarization.settling import LEVEL_MS, settled
from qa.errors import ModelError
from qa.stages import Making, keys
from qa.types import (
    Acoustics,
    Audio,
    AudioInfo,
    ChannelAcoustics,
    Float32Array,
    Span,
    SpeakerTurns,
    SpeechActivity,
    Transcript,
)


def quiet(ms: int, level: float = -60.0) -> Float32Array:
    return np.full(ms // LEVEL_MS + 1, level, np.float32)


# ---------------------------------------------------------------- which engine


def test_off_is_nobody_and_an_unknown_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert diarization.locate("off") is None
    for wrong in ("pyanote", "sherpa:", "", "off:x"):
        with pytest.raises(ModelError, match="没有这个说话人区分引擎"):
            diarization.locate(wrong)


def test_auto_is_nobody_where_no_engine_is_installed_and_an_engine_by_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_installed", lambda engine: False)
    assert diarization.locate("auto") is None and diarization.locate("auto", demo=True) is None
    for engine in ("sherpa", "pyannote"):
        with pytest.raises(ModelError, match="没有安装"):
            diarization.locate(engine)


def test_auto_takes_the_bundled_model_with_the_demonstration_recogniser_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"diarization-demo"}
    monkeypatch.setattr(choosing, "_installed", lambda engine: True)
    monkeypatch.setattr(choosing.models, "is_here", lambda name, files: name in here)
    monkeypatch.setattr(choosing, "_located", lambda engine, model: (engine, model))
    assert diarization.locate("auto", demo=True) == ("turns", "diarization-demo")
    assert diarization.locate("auto") is None
    here.add("community-1")
    assert diarization.locate("auto") == ("pyannote", "community-1")
    assert diarization.locate("auto", demo=True) == ("turns", "diarization-demo")


def test_pyannote_without_its_model_explains_the_gate_and_takes_no_other_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(choosing, "_installed", lambda engine: True)
    with pytest.raises(ModelError) as caught:
        diarization.locate("pyannote")
    assert "qa models pull community-1" in caught.value.cure and "HF_TOKEN" in caught.value.cure and "同意" in caught.value.cure


def test_a_model_for_speech_is_none_for_speakers_and_the_other_way_round() -> None:
    from qa import models

    with pytest.raises(ModelError, match="识别语音"):
        diarization.locate("sherpa:demo")
    with pytest.raises(ModelError, match="区分说话人"):
        models.locate("diarization-demo")


# ---------------------------------------------------------------- the stages


def info(channels: int) -> AudioInfo:
    return AudioInfo("", "0" * 64, "wav", "pcm_s16le", 8000, channels, 10_000)


class Alternating:
    """A speaker for each second, in turns; counts how often it is asked."""

    identity = "alternating/x@0"
    demo = True

    def __init__(self) -> None:
        self.asked = 0

    def diarize(self, wave: Wave, speech: Sequence[Span]) -> diarization.Diarization:
        self.asked += 1
        spans = {k: [Span(s * 1000, s * 1000 + 1000) for s in range(k, 10, 2)] for k in (0, 1)}
        return settled(spans, speech, quiet(10_000))


SPEECH = (Span(0, 10_000),)


def made(channels: int, same: bool, engine: Alternating | None) -> tuple[SpeakerTurns, Transcript, list[SpeakerTurns]]:
    asked: list[SpeakerTurns] = []

    def transcribe(audio: Audio, heard: SpeechActivity, turns: SpeakerTurns) -> Transcript:
        asked.append(turns)
        return Transcript("x", True, ())

    flat = np.zeros(100, np.float32)
    sound = ChannelAcoustics(-25.0, 0.5, -10.0, 0.0, -60.0, 35.0, 100, flat, flat)
    known = {
        "info": info(channels),
        "activity": SpeechActivity((SPEECH,) * channels, "test"),
        "acoustics": Acoustics((sound,) * channels, (), same),
    }
    making = Making(
        Path("x.wav"), "0" * 64, known.get, lambda stage, value: None, transcribe, diarizer=(lambda: engine) if engine else None
    )
    making._audio = Audio(info(channels), np.zeros((80_000, channels), np.int16))
    return making.value("speakers"), making.value("transcript"), asked


@pytest.mark.parametrize(
    ("channels", "same", "method"), [(1, False, "alternating/x@0"), (2, True, "alternating/x@0"), (2, False, "channel")]
)
def test_mono_and_fake_stereo_go_to_the_engine_and_stereo_does_not(channels: int, same: bool, method: str) -> None:
    engine = Alternating()
    turns, _, asked = made(channels, same, engine)
    assert turns.method == method and engine.asked == (method != "channel")
    assert set(turns.speakers) == ({"spk0", "spk1"} if engine.asked else {"ch0", "ch1"})
    assert [t.method for t in asked] == ["none" if engine.asked else "channel"]  # recognised as one speaker whoever speaks when
    assert {s.speaker for s in turns.sounds} == ({"spk0", "spk1"} if engine.asked else set())


def test_without_an_engine_mono_is_nobodys_and_says_so() -> None:
    turns, _, _ = made(1, False, None)
    assert turns.method == "none" and turns.speakers == (speakers.MONO,) and turns.notes == (speakers.MONO_NOTE,)


def test_another_engine_makes_other_turns_but_needs_no_other_recognition() -> None:
    one, two = (keys("demo@1", asr.AsrSettings(), (), diarizer) for diarizer in ("sherpa/a@1", "pyannote/a@2"))
    assert {stage for stage in one if one[stage] != two[stage]} == {"speakers"}


def test_what_the_bundled_model_told_apart_is_marked_as_a_demonstration() -> None:
    from qa import check_examples, scoring

    call = check_examples.Scene("坐席 0.5-4.0 您好", mono=True)()
    real = replace(call, transcript=replace(call.transcript, demo=False))
    assert scoring.about(real).demo is False
    told = replace(real, turns=SpeakerTurns("sherpa/diarization-demo@0", (), demo=True))
    assert scoring.about(told).demo is True and any("说话人由内置演示模型区分" in note for note in scoring.about(told).notes)
