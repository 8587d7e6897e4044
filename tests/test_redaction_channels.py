"""What is beeped where channels and voices are not the same: one signal on both channels, one channel, somebody else on a channel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clip_calls import spoken

from qa.clips.redaction import Beep, redact
from qa.types import AsHeard, Call, Edge, Span, SpeakerTurn, SpeakerTurns, SpeechActivity, Transcript, Word

_LINES = (
    "A:您好请问有什么可以帮您",
    "C:我要查一下这个月的账单明细",
    "A:请说您的手机号",
    "C:幺三八零零幺二三零零",
    "A:好的谢谢您的来电再见",
)


def _speech(call: Call) -> tuple[Span, ...]:
    return tuple(sorted(span for spans in call.activity.channels for span in spans))


def _in_one(call: Call, voices: bool) -> Call:
    """The same as a recording of one channel, heard as nobody's or with the voices told apart."""
    labels = {"ch0": "spk0", "ch1": "spk1"} if voices else dict.fromkeys(("ch0", "ch1"), "mono")
    said = tuple(replace(u, speaker=labels[u.speaker], channel=0) for u in call.transcript.utterances)
    turns = SpeakerTurns("voices@1" if voices else "none", tuple(SpeakerTurn(u.speaker, 0, u.span) for u in said))
    return replace(
        call,
        audio=replace(call.audio, channels=1),
        activity=SpeechActivity((_speech(call),), "made"),
        turns=turns,
        transcript=replace(call.transcript, utterances=said),
        acoustics=replace(call.acoustics, channels=call.acoustics.channels[:1]),
    )


def _twice(call: Call, second: tuple[Span, ...] | None = None) -> Call:
    """A recording of one channel written to both channels of a file; ``second``: speech on the other by the activity detector."""
    (first,) = call.activity.channels
    return replace(
        call,
        audio=replace(call.audio, channels=2),
        activity=SpeechActivity((first, first if second is None else second), "made"),
        acoustics=replace(call.acoustics, channels=call.acoustics.channels * 2, same_channels=True),
    )


def _beeps(call: Call) -> tuple[Beep, ...]:
    return redact(call).beeps


@pytest.mark.parametrize("voices", [False, True])
def test_one_signal_on_both_channels_is_beeped_as_one_channel(voices: bool) -> None:
    one = _in_one(spoken(*_LINES), voices)
    assert _beeps(_twice(one)) == _beeps(one)
    assert redact(_twice(one)).hidden == redact(one).hidden
    (number,) = _beeps(one)
    said = one.transcript.utterances[3].span
    assert number.why == "number" and number.span.start_ms < said.start_ms and said.end_ms < number.span.end_ms


@pytest.mark.parametrize("on", [0, 1])
def test_speech_without_words_on_either_of_two_same_channels_is_beeped(on: int) -> None:
    one = _in_one(spoken(*_LINES), voices=False)
    (speech,) = one.activity.channels
    more = Span(speech[-1].end_ms + 3000, speech[-1].end_ms + 5000)
    one = replace(one, audio=replace(one.audio, duration_ms=more.end_ms + 1000))
    call = _twice(one, (*speech, more)) if on else _twice(replace(one, activity=SpeechActivity(((*speech, more),), "made")), speech)
    assert [b.why for b in _beeps(call) if b.span.overlap_ms(more) == more.duration_ms] == ["unheard"]


def test_a_number_goes_on_over_speech_of_either_of_two_same_channels() -> None:
    one = _in_one(spoken(*_LINES[:4]), voices=False)
    (speech,) = one.activity.channels
    more = Span(speech[-1].end_ms + 100, speech[-1].end_ms + 900)
    call = _twice(one, (*speech, more))
    assert any(b.span.start_ms <= speech[-1].start_ms and b.span.end_ms >= more.end_ms for b in _beeps(call))


def _else_on(call: Call, index: int) -> Call:
    """The call with what one utterance says taken for a third party's, who has a label of their own."""
    before = AsHeard(call.turns, call.transcript, call.acoustics)
    said = tuple(replace(u, speaker="third") if k == index else u for k, u in enumerate(call.transcript.utterances))
    return replace(call, transcript=replace(call.transcript, utterances=said), before=before)


@pytest.mark.parametrize("index", range(len(_LINES)))
def test_who_is_taken_to_speak_on_a_channel_does_not_change_what_is_beeped(index: int) -> None:
    call = spoken(*_LINES)
    assert _beeps(_else_on(call, index)) == _beeps(call)


def test_words_of_a_third_party_are_not_those_of_the_other_channel() -> None:
    """There is speech on the agent's channel of which nothing was recognised; what is said on the customer's is not that."""
    call = spoken("A:好的", "C:" + _LINES[1][2:])
    said = call.transcript.utterances[1].span
    call = replace(call, activity=SpeechActivity(((*call.activity.channels[0], said), ()), "made"))
    assert [b.why for b in _beeps(_else_on(call, 1)) if b.span.overlap_ms(said) == said.duration_ms] == ["unheard"]


def test_digits_of_a_second_decode_are_beeped_wherever_the_roles_leave_it() -> None:
    call = spoken("C:嗯嗯嗯嗯那个你听我说啊", "A:好的")
    words = tuple(Word(c, Span(300 + 200 * k, 500 + 200 * k), 0.9) for k, c in enumerate("幺三八零零幺二三四五六"))
    heard = replace(call, transcript=replace(call.transcript, edges=(Edge("opening", "ch1", Span(0, 3000), words),)))
    apart = _else_on(heard, 0)
    assert _beeps(replace(apart, transcript=replace(apart.transcript, edges=()))) == _beeps(heard) != ()


def test_an_earlier_transcript_counts_with_its_own_second_decode() -> None:
    call = spoken("C:嗯嗯嗯嗯那个你听我说啊", "A:好的")
    words = tuple(Word(c, Span(300 + 200 * k, 500 + 200 * k), 0.9) for k, c in enumerate("幺三八零零幺二三四五六"))
    earlier: Transcript = replace(call.transcript, edges=(Edge("opening", "ch1", Span(0, 3000), words),))
    assert _beeps(call) == () and redact(_else_on(call, 0), (), (earlier,)).beeps == redact(call, (), (earlier,)).beeps != ()
