"""Who is the agent: the record decides, then the words, otherwise nobody is guessed."""

from __future__ import annotations

import numpy as np
import pytest

from qa.roles import assign
from qa.speakers import speakers
from qa.types import (
    Audio,
    AudioInfo,
    CallRecord,
    Role,
    Span,
    SpeakerTurns,
    SpeechActivity,
    Transcript,
    Utterance,
    Word,
)

STEREO = SpeakerTurns("channel", ())


def transcript(**said: str) -> Transcript:
    rows = tuple(Utterance(s, int(s[-1]), Span(0, 1000), tuple(Word(c, Span(0, 10), 0.9) for c in text)) for s, text in said.items())
    return Transcript("demo@0", True, rows)


def record(channel: int | None) -> CallRecord:
    return CallRecord("a.wav", "1", "8001", "陈佳", "一组", "in", "", "", None, None, None, None, channel)


@pytest.mark.parametrize("channel", [0, 1])
def test_the_record_decides_even_against_the_words(channel: int) -> None:
    roles = assign(STEREO, transcript(ch0="您好，很高兴为您服务", ch1="你好"), record(channel))
    assert roles.speaker(Role.AGENT) == f"ch{channel}" and roles.speaker(Role.CUSTOMER) == f"ch{1 - channel}"
    assert {a.confidence for a in roles.assignments} == {1.0}


def test_without_a_channel_the_house_phrases_decide() -> None:
    roles = assign(STEREO, transcript(ch0="我要报修，你们工号八零零一呢", ch1="您好，很高兴为您服务。请您稍等"), record(None))
    assert roles.speaker(Role.AGENT) == "ch1"
    assert {a.source for a in roles.assignments} == {"content"}


def test_homophones_of_the_house_phrases_count() -> None:
    assert assign(STEREO, transcript(ch0="为您服雾，请您稍等", ch1="喂"), None).speaker(Role.AGENT) == "ch0"


@pytest.mark.parametrize(
    "said",
    [
        {"ch0": "喂", "ch1": "你好"},
        {"ch0": "请您稍等", "ch1": "喂"},
        {"ch0": "你们工号多少", "ch1": "喂"},
        {"ch0": "为您服务，请您稍等", "ch1": "你们不是说为您服务吗"},
    ],
)
def test_in_doubt_the_roles_stay_unknown(said: dict[str, str]) -> None:
    assert assign(STEREO, transcript(**said), record(None)).speaker(Role.AGENT) is None


def audio(channels: int) -> Audio:
    return Audio(AudioInfo("a.wav", "0" * 64, "wav", "pcm", 8000, channels, 1000), np.zeros((8000, channels), np.int16))


def test_stereo_channels_are_the_speakers() -> None:
    heard = SpeechActivity(((Span(0, 300),), (Span(300, 600),)), "test")
    turns = speakers(audio(2), heard, same_channels=False)
    assert turns.method == "channel"
    assert [(t.speaker, t.span.start_ms) for t in turns.turns] == [("ch0", 0), ("ch1", 300)]


@pytest.mark.parametrize(("channels", "same"), [(1, False), (2, True)])
def test_mono_and_fake_stereo_have_no_speakers_and_no_agent(channels: int, same: bool) -> None:
    heard = SpeechActivity(((Span(0, 300),),) * channels, "test")
    turns = speakers(audio(channels), heard, same)
    assert turns.method == "none" and turns.notes
    assert assign(turns, transcript(ch0="为您服务"), record(0)).speaker(Role.AGENT) is None
