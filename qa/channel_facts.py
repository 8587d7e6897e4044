"""All that is known of the channels of a call: what the sound says (``qa.channels``, stored), and what follows from words and call record.

None of it is a verdict; what it means for the checks they decide themselves (``qa.callfacts``, ``qa.roles``).
"""

from __future__ import annotations

from dataclasses import replace

from qa import omission, roles
from qa.callfacts import NO_SIGNAL_SURE, gaps, missing_ms, voices
from qa.role_settings import SUREST, RoleSettings, confidence_text
from qa.types import Call, ChannelFact, Span

TALK_MS = 20_000
"""In less talk the lack of pauses says nothing."""
PAUSE_MS = 450
"""In 20 s of talk there is a longer pause (in each of the 36 stereo calls in ``recordings_sample`` and ``recordings_houses`` one of 0.51 s
or more): a recording without one may have lost its silences."""
_SHORT_CONFIDENCE = 0.3
_DEFAULT = RoleSettings()


def of_call(call: Call, settings: RoleSettings = _DEFAULT) -> tuple[ChannelFact, ...]:
    """The facts of ``call``; ``settings``: what the house says about who is who."""
    found = (_swapped(call, settings), *(_with_cut(fact, call) for fact in call.acoustics.facts), _short(call))
    return tuple(fact for fact in found if fact is not None)


def _with_cut(fact: ChannelFact, call: Call) -> ChannelFact:
    """A leak with the seconds that were cut out of the channel for it (``cut_s``)."""
    if fact.kind != "leak" or fact.channel is None:
        return fact
    leaks = call.activity.leaks[fact.channel] if call.activity.leaks else ()
    cut_ms = sum(span.duration_ms for span in leaks)
    return replace(fact, details=(*fact.details, ("cut_s", round(cut_ms / 1000, 1))))


def _swapped(call: Call, settings: RoleSettings) -> ChannelFact | None:
    against = roles.contradiction(call.turns, call.transcript, call.record, settings)
    if against is None:
        return None
    confidence = min(SUREST, round(against.confidence, 3))
    return ChannelFact("swapped", None, confidence, confidence)


def _short(call: Call) -> ChannelFact | None:
    """A recording that is shorter than its call by the record, and has hardly a pause."""
    lost, heard = missing_ms(call), voices(call)
    whole = Span(call.audio.from_ms, call.audio.duration_ms)
    if lost <= omission.LOST_MS or whole.duration_ms < TALK_MS or not heard:
        return None
    longest = max((pause.duration_ms for pause in gaps(heard, whole)), default=0)
    if longest > PAUSE_MS:
        return None
    return ChannelFact("short", None, round(lost / 1000, 1), _SHORT_CONFIDENCE, (("longest_pause_s", round(longest / 1000, 2)),))


def in_words(fact: ChannelFact) -> str:
    """The fact with its figures, for people (Chinese)."""
    told = _told(fact)
    return told if fact.confidence >= NO_SIGNAL_SURE else f"{told}（把握 {confidence_text(fact.confidence)}）"


def _told(fact: ChannelFact) -> str:
    name, figures = f"第 {(fact.channel or 0) + 1} 声道", dict(fact.details)
    delay = f"{abs(figures.get('delay_ms', 0.0)):g} 毫秒"
    if fact.kind == "same":
        return f"两个声道是同一信号（相关 {fact.figure:.2f}，音量差 {figures.get('gain_db', 0.0):g} dB，时差 {delay}），按单声道处理"
    if fact.kind == "swapped":
        return f"从说的话看，两个声道与所写的坐席声道相反（把握 {confidence_text(fact.confidence, 1)}），请人工听辨"
    if fact.kind == "dead":
        heard = "没有信号" if fact.confidence >= NO_SIGNAL_SURE else f"只有不变的底噪（起伏 {figures.get('spread_db', 0.0):g} dB）"
        return f"{name}{heard}，最高 {fact.figure:g} dBov，另一方一直在说话：可能是录音故障"
    if fact.kind == "leak":
        cut_s = figures.get("cut_s", 0.0)
        cut = f"已从这一声道去掉 {cut_s:g} 秒" if cut_s else "没有能去掉的"
        rest = "没去掉而与另一声道相同的话，不作为违规的依据"
        return f"{name}里听得到另一方（串音或回声，低 {-fact.figure:g} dB，时差 {delay}）：{cut}；{rest}"
    if fact.kind == "gaps":
        longest = figures.get("longest_s", 0.0)
        return f"{name}被填入数字静音共 {fact.figure:g} 秒（最长 {longest:g} 秒）：可能丢了数据包，或录音时省去了静音"
    if fact.kind == "repeats":
        return f"{name}有 {fact.figure:.0f} 处重复的数据包"
    pause = figures.get("longest_pause_s", 0.0)
    return f"录音比话单的通话时长短 {fact.figure:g} 秒，而最长的停顿只有 {pause:g} 秒：录音时可能省去了静音"
