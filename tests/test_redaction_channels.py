"""What is beeped where channels and voices are not the same: one signal on both channels, one channel, somebody else on a channel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clip_calls import spoken

from qa.clips.redaction import HIDDEN, Beep, redact
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


_NONSENSE = "武助在河频像巴巴赫恶度"
_ASKED = ("A:请问您的地址是哪里？", f"C:{_NONSENSE}。", "A:好的，师傅会上门")


def _in_one_utterance(call: Call) -> Call:
    """The first two utterances written as one, as a recogniser does in one channel."""
    first, second, *others = call.transcript.utterances
    whole = replace(first, span=Span(first.span.start_ms, second.span.end_ms), words=(*first.words, *second.words))
    return replace(call, transcript=replace(call.transcript, utterances=(whole, *others)))


@pytest.mark.parametrize("voices", [False, True])
def test_an_answer_in_the_utterance_of_its_question_is_hidden_whole(voices: bool) -> None:
    call = _in_one_utterance(_in_one(spoken(*_ASKED, unsure=_NONSENSE), voices))
    found = redact(call)
    answer = call.transcript.utterances[0].words[len(_ASKED[0]) - 2 :]
    assert found.text(0, call.transcript.utterances[0].text) == f"请问您的地址是哪里？{HIDDEN * len(_NONSENSE)}。"
    assert all(any(w.span.overlap_ms(b.span) == w.span.duration_ms for b in found.beeps) for w in answer[:-1])
    assert found.text(1, "好的，师傅会上门") == "好的，师傅会上门"


def test_an_answer_that_is_taken_for_the_asking_voice_is_hidden_whole() -> None:
    call = _in_one(spoken(_ASKED[0], f"A:{_NONSENSE}", *_ASKED[2:], unsure=_NONSENSE), voices=True)
    assert redact(call).text(1, _NONSENSE) == HIDDEN * len(_NONSENSE)


def test_what_the_asking_side_says_on_a_channel_of_its_own_is_no_answer() -> None:
    own = "那幅务在合平像把这个"
    for lines in ((f"A:请问您的地址是哪里？{own}", "C:你等一等"), ("A:请问您的地址是哪里？", f"A:{own}", "C:你等一等")):
        assert redact(spoken(*lines, unsure=own)).hidden == ()


def test_a_part_of_a_sure_utterance_that_was_badly_recognised_is_hidden() -> None:
    sure = "好的没有问题我就等着你们的人明天早上过来帮我看一看吧谢谢你了再见"
    said = f"{_NONSENSE}，{sure}，{sure}"
    found = redact(spoken(_ASKED[0], f"C:{said}", unsure="武助河频像巴赫恶度"))
    assert found.text(1, said)[: len(_NONSENSE)] == HIDDEN * len(_NONSENSE) and found.text(1, said).endswith(sure)


@pytest.mark.parametrize("greeting", ["您好，华宁通信，工号八零零九", "很高兴为您服务，工号八零零九", "你好，工号八零零九为您服务"])
def test_who_greets_with_a_number_asks_for_none(greeting: str) -> None:
    problem = "武助理你们的箱子闻掉了鱼水往里灌"
    assert HIDDEN not in redact(spoken(f"A:{greeting}", f"C:{problem}", unsure=problem)).text(1, problem)


def _beeped_ms(call: Call, span: Span) -> int:
    return sum(b.span.overlap_ms(span) for b in redact(call).beeps)


@pytest.mark.parametrize("in_one", [False, True])
@pytest.mark.parametrize(("lines", "whole"), [
    (("A:请说您的手机号", "C:幺三八零", "C:零幺二三零零七"), True),
    (("A:请说您的手机号", "C:幺三八零", "C:你先等一等我看看", "C:零幺二三零零七"), False),
])  # fmt: skip
def test_what_nobody_noticed_between_a_question_and_the_parts_of_its_answer_is_beeped(
    lines: tuple[str, ...], whole: bool, in_one: bool
) -> None:
    call = _later(spoken(*lines), 2000)
    call = _in_one(call, voices=False) if in_one else call
    question, first, *_, last = (u.span for u in call.transcript.utterances)
    assert _beeped_ms(call, Span(question.end_ms, first.start_ms)) == first.start_ms - question.end_ms
    assert (_beeped_ms(call, Span(first.end_ms, last.start_ms)) == last.start_ms - first.end_ms) is whole


def test_what_others_say_while_a_speaker_is_silent_is_not_beeped_as_a_part_of_his_name() -> None:
    call = _later(spoken("A:请问您贵姓", "C:我叫陈文博", "A:陈先生您好有什么可以帮到您的吗", "C:我想问一下我的宽带"), 2000)
    question, after = (call.transcript.utterances[k].words for k in (2, 3))
    assert sum(_beeped_ms(call, word.span) for word in question[5:]) == 0
    assert _beeped_ms(call, after[0].span) > 0


def _later(call: Call, pause_ms: int) -> Call:
    """Each utterance begins ``pause_ms`` later after the one before it."""
    said = tuple(
        replace(u, span=_moved(u.span, k * pause_ms), words=tuple(replace(w, span=_moved(w.span, k * pause_ms)) for w in u.words))
        for k, u in enumerate(call.transcript.utterances)
    )
    activity = SpeechActivity(tuple(tuple(u.span for u in said if u.channel == k) for k in (0, 1)), "made")
    audio = replace(call.audio, duration_ms=said[-1].span.end_ms + 1000)
    return replace(call, audio=audio, activity=activity, transcript=replace(call.transcript, utterances=said))


def _moved(span: Span, by_ms: int) -> Span:
    return Span(span.start_ms + by_ms, span.end_ms + by_ms)
