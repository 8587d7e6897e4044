"""Text that a recogniser invents is taken out; what may have been said stays."""

from __future__ import annotations

import pytest

from qa.guard import reason_to_drop
from qa.types import Span, Utterance, Word


def utterance(text: str, probability: float = 0.9, length_ms: int = 3000) -> Utterance:
    step = max(1, length_ms // len(text))
    words = tuple(Word(c, Span(k * step, (k + 1) * step), probability) for k, c in enumerate(text))
    return Utterance("ch0", 0, Span(0, length_ms), words)


SPEECH = (Span(0, 3000),)


@pytest.mark.parametrize(
    "text",
    [
        "字幕由志愿者提供",
        "请不吝点赞订阅转发打赏支持明镜与点点栏目",
        "谢谢大家观看",
        "好的好的好的好的好的好的",
        "，。",
    ],
)
def test_inventions_are_dropped(text: str) -> None:
    assert reason_to_drop(utterance(text), SPEECH) is not None


@pytest.mark.parametrize("text", ["谢谢您的支持", "请您稍等", "好的好的", "我帮您查一下字幕设置", "对对对", "请点一下订阅按钮右边的设置"])
def test_what_callers_say_stays(text: str) -> None:
    assert reason_to_drop(utterance(text), SPEECH) is None


def test_words_on_silence_are_dropped() -> None:
    assert reason_to_drop(utterance("请您稍等一下"), (Span(5000, 6000),)) == "该时段没有语音"


def test_improbable_words_are_dropped() -> None:
    assert reason_to_drop(utterance("请您稍等一下", probability=0.1), SPEECH) == "识别概率过低"


def test_more_characters_than_anyone_can_say_are_dropped() -> None:
    assert reason_to_drop(utterance("请您稍等我马上为您查询一下这个月的话费账单", length_ms=900), (Span(0, 900),)) is not None
