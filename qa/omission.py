"""What the checks of demanded wording share: parameters, judging over two decodes, and when an omission is not proven."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from qa import any_voice
from qa.callfacts import heard_activity, hour_of, mean_probability, missing_ms
from qa.patterns import Held, Judgement, Pattern, fill, judge, parse
from qa.phonetic import Spoken, spoken
from qa.types import Call, Span, Word

NO_SECOND_DECODE = "没有第二次识别可以印证"

NEARLY = "单声道录音，规范用语只听清了一部分，其余与规范用语相近而不一致"

MAX_UNHEARD = 0.2
"""Share of the speech without a transcript, or with one that is worth nothing, above which nothing is missed for certain."""
LOST_MS = 3000
"""A recording that lacks more than this of the talk in its call record cannot prove an omission (clocks differ by less)."""


class Script(Protocol):
    """The parameters that a check of demanded wording has."""

    @property
    def patterns(self) -> tuple[str, ...]: ...
    @property
    def patterns_out(self) -> tuple[str, ...]: ...
    @property
    def slots(self) -> tuple[tuple[str, tuple[str, ...]], ...]: ...
    @property
    def within_s(self) -> float: ...
    @property
    def turns(self) -> int: ...
    @property
    def pass_distance(self) -> float: ...
    @property
    def doubt_distance(self) -> float: ...
    @property
    def min_probability(self) -> float: ...


def validate(params: Script) -> None:
    """Raise ValueError, in Chinese and naming the parameter, for a value that makes no sense."""
    if not params.patterns or not params.patterns_out:
        raise ValueError("patterns 和 patterns_out 各至少要有一个句式")
    if params.within_s <= 0:
        raise ValueError(f"within_s 应大于 0，现为 {params.within_s:g}")
    if params.turns < 1:
        raise ValueError(f"turns 应不小于 1，现为 {params.turns}")
    if not 0 <= params.pass_distance <= params.doubt_distance < 1:
        raise ValueError("应有 0 ≤ pass_distance ≤ doubt_distance < 1")
    if not 0 <= params.min_probability <= 1:
        raise ValueError(f"min_probability 应在 0–1 之间，现为 {params.min_probability:g}")
    for name in ("patterns", "patterns_out"):
        for source in getattr(params, name):
            try:
                parse(source, (slot for slot, _ in params.slots))
            except ValueError as error:
                raise ValueError(f"{name}：{error}") from error


def patterns(call: Call, params: Script) -> tuple[Pattern, ...]:
    """The patterns for this call's direction (incoming without a record), filled with the slots and the agent's number."""
    outgoing = call.record is not None and call.record.direction == "out"
    slots = dict(params.slots)
    agent_id = call.record.agent_id if call.record else None
    sources = params.patterns_out if outgoing else params.patterns
    return tuple(fill(parse(source, slots), slots, agent_id, hour_of(call)) for source in sources)


def judged(call: Call, params: Script, decodes: Sequence[Spoken]) -> Judgement:
    """The patterns of this call over independent decodes of the same seconds."""
    return judge(patterns(call, params), decodes, params.pass_distance, params.doubt_distance)


def doubt(call: Call, verdict: Judgement, decodes: Sequence[Sequence[Word]], params: Script, due: Span) -> str | None:
    """Why an omission is not proven (Chinese), or None: the transcript is the first decode, the guard's decodes follow; the words were
    ``due`` there."""
    if verdict.held is Held.DOUBTFUL:
        return "听到的内容与规范用语相近而不一致，或两次识别结果不同"
    if call.turns.diarized and Held.DOUBTFUL in verdict.best.held:  # two voices in one channel: who is half understood is heard badly
        return NEARLY
    if not any(decodes[1:]):
        return NO_SECOND_DECODE
    unheard = badly_heard(decodes, params.min_probability) or lost(call, due)
    return unheard or on_another_side(call, params, due) or cut_short(call)


def on_another_side(call: Call, params: Script, due: Span) -> str | None:
    """Says so (Chinese) if the words were said where they were due, but the program took not all of them for the agent's
    (``qa.any_voice``)."""
    everybody = any_voice.together(call)
    if everybody is None:
        return None
    decodes = [spoken(words) for words in everybody.decodes(any_voice.near(due))]
    return None if judged(call, params, decodes).held is Held.ABSENT else everybody.why


def lost(call: Call, due: Span) -> str | None:
    """Says so (Chinese) if too much of the agent's speech where words were ``due`` has no transcript."""
    speech = heard_activity(call)
    heard_ms, lost_ms = (sum(s.overlap_ms(due) for s in spans) for spans in (speech.heard, speech.unheard))
    return too_much_lost(lost_ms, heard_ms + lost_ms)


def too_much_lost(lost_ms: int, speech_ms: int) -> str | None:
    """Says so (Chinese) if more than ``MAX_UNHEARD`` of the speech was not understood."""
    if lost_ms <= MAX_UNHEARD * speech_ms:
        return None
    return f"有 {min(1.0, lost_ms / max(1, speech_ms)):.0%} 的话音没有转写出来或听不清（至多 {MAX_UNHEARD:.0%}）"


def badly_heard(decodes: Iterable[Sequence[Word]], min_probability: float) -> str | None:
    """Says so (Chinese) if the words of one of the decodes (without words: none) are less probable on the mean than asked for."""
    worst = min((mean_probability(words) for words in decodes if words), default=1.0)
    return f"识别把握低（平均概率 {worst:.2f}，要求 {min_probability:.2f}）" if worst < min_probability else None


def cut_short(call: Call) -> str | None:
    """Says so (Chinese) if the recording lacks so much of the call that it cannot prove an omission."""
    lost = missing_ms(call)
    return f"录音比话单的通话时长短 {lost / 1000:.1f} 秒，可能缺了一段" if lost > LOST_MS else None


def handed_over(call: Call) -> str | None:
    """Says so (Chinese) if somebody else served the customer in the end: what was due there was not this agent's to say."""
    at = call.roles.handed_over_ms
    return None if at is None else f"通话在第 {at / 1000:.1f} 秒转给了别人，之后不是这位坐席"


def text_in(heard: Spoken, span: Span) -> str:
    """The characters heard within ``span``."""
    within = (s.start_ms >= span.start_ms and s.end_ms <= span.end_ms for s in heard.spans)
    return "".join(character for character, inside in zip(heard.text, within, strict=True) if inside)


def quoted(parts: Iterable[str]) -> str:
    return "、".join(f"“{part}”" for part in parts)
