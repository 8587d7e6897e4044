"""Guard against text that a recogniser invents where nobody speaks.

Whisper writes subtitles' credits on silence and repeats itself on noise.  What the guard takes out is kept in the
transcript as dropped, so that a reader can see it.  Sources: openai/whisper discussions 679 and 928 (known phrases),
Koenecke et al., "Careless Whisper" (FAccT 2024).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.types import Span, Utterance

# Credits and appeals of video subtitles: never part of a telephone call.
INVENTED = re.compile(
    "字幕(由|志愿者|制作|提供|by)|不吝.{0,4}(点赞|订阅|转发|打赏)|点赞.{0,3}(订阅|转发)|谢谢(大家)?(观看|收看)|明镜与点点|"
    "(中文字幕|字幕组)|优优独播剧场|本集完|小编字幕"
)
MIN_PROBABILITY = 0.2  # mean of the words; below it the text is noise
MAX_CHARACTERS_A_SECOND = 12.0  # nobody speaks 720 characters a minute
MIN_SPEECH_SHARE = 0.2  # share of the words' time in which the channel holds speech
_LOOP = re.compile(r"(.{2,12}?)\1{3,}")
_HANZI = re.compile(r"[\u4e00-\u9fff0-9A-Za-z]")


def reason_to_drop(utterance: Utterance, speech: Sequence[Span]) -> str | None:
    """Why ``utterance`` was not said (a short Chinese reason), or None if it may have been."""
    text = utterance.text
    letters = len(_HANZI.findall(text))
    if letters == 0:
        return "没有文字"
    if INVENTED.search(text):
        return "识别模型常见的虚构字幕"
    if _LOOP.search(text):
        return "循环重复"
    if sum(w.probability for w in utterance.words) / len(utterance.words) < MIN_PROBABILITY:
        return "识别概率过低"
    spoken = sum(s.overlap_ms(utterance.span) for s in speech)
    if spoken < MIN_SPEECH_SHARE * max(1, utterance.span.duration_ms):
        return "该时段没有语音"
    if letters > MAX_CHARACTERS_A_SECOND * max(0.25, spoken / 1000):
        return "字数超过人的语速"
    return None
