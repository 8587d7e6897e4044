"""标准结束语 · Closing line

What is asked
    The agent ends the call with the house's closing line: thanks and goodbye.  ``patterns`` (incoming) and ``patterns_out``
    (outgoing) say how it may go (notation of ``qa.patterns``); one pattern is enough.  Its demanded parts must be said in order in
    the agent's last ``turns`` turns, within ``within_s`` before the agent's last word.  Parts are found by sound: present within
    ``pass_distance`` per syllable, absent beyond ``doubt_distance``, for a person to hear in between.  Wishes (祝您生活愉快) may
    stand between and are never demanded.

Why
    The last words stay in the caller's mind, and the goodbye says that the call is over before the line goes.

No chance to close
    Where the call record says that the customer hung up, the customer spoke last, and the recording ends less than ``chance_s``
    after the customer's last word, the agent had no chance: not applicable.  The same without ``hangup_by`` in the record is
    inconclusive.  A customer who stays on the line longer than that, or hangs up after the agent's words, gave the chance.

A FAIL needs two decodes: the transcript and the second decode of the closing seconds must both lack the same part; a missing second
decode, badly heard words (mean probability below ``min_probability``) or a recording that is shorter than the call are inconclusive.

Not covered
    Who hung up first, asking for further questions, the survey; an agent of whom nothing was transcribed (inconclusive).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa import omission
from qa.callfacts import agent_turns, inconclusive, one, without_agent, words_of
from qa.check_examples import Example, Scene
from qa.patterns import Held
from qa.phonetic import spoken
from qa.types import Call, Evidence, Finding, Outcome, Role, Span, Word

TITLE = "标准结束语"
TITLE_EN = "Closing line"

_THANKS = "(感谢|谢谢)[您|你][的](来电|致电)"
_THANKS_OUT = "((感谢|谢谢)您[的](接听|配合|支持|参与)|感谢接听|不打扰您了|打扰您了)"
_BYE = "(再见|拜拜|再会)"
_ONE = (("turns", 1),)


@dataclass(frozen=True)
class Params:
    """Patterns, and by when and how well they must be heard.  Distances are per syllable (0-1), see ``qa.phonetic``."""

    patterns: tuple[str, ...] = (f"{_THANKS}，[祝您(生活|工作|节日|周末)愉快]，{_BYE}", f"{_BYE}，{_THANKS}")
    patterns_out: tuple[str, ...] = (f"{_THANKS_OUT}，[祝您(生活|工作|节日|周末)愉快]，{_BYE}", f"{_BYE}，{_THANKS_OUT}")
    slots: tuple[tuple[str, tuple[str, ...]], ...] = ()
    within_s: float = 12.0
    turns: int = 3
    chance_s: float = 2.0
    pass_distance: float = 0.2
    doubt_distance: float = 0.3
    min_probability: float = 0.5

    def __post_init__(self) -> None:
        omission.validate(self)
        if self.chance_s < 0:
            raise ValueError(f"chance_s 不能小于 0，现为 {self.chance_s:g}")


def run(call: Call, params: Params) -> Iterator[Finding]:
    """One finding.  Values: ``missing`` (parts that were not heard) or ``decode`` (0 transcript, 1 guard)."""
    if (reason := without_agent(call)) is not None:
        yield reason
        return
    turns = agent_turns(call)[-params.turns :]
    first_ms, last_ms = turns[0][0].span.start_ms, max(u.span.end_ms for turn in turns for u in turn)
    window_ms = round(params.within_s * 1000)
    decodes = [_within(words_of(u for turn in turns for u in turn), window_ms, first_ms)]
    decodes += [_within(edge.words, window_ms, first_ms) for edge in call.edges(Role.AGENT, "closing")]
    heard = [spoken(words) for words in decodes]
    verdict = omission.judged(call, params, heard)
    if verdict.held is Held.PRESENT and verdict.best.span is not None:
        message = "结束语符合规范" + ("（首次转写没有，结尾的第二次识别听到）" if verdict.decode else "")
        text = omission.text_in(heard[verdict.decode], verdict.best.span)
        yield one(Outcome.PASS, message, Evidence(verdict.best.span, Role.AGENT, text), decode=verdict.decode)
        return
    due = Evidence(Span(max(first_ms, last_ms - window_ms), call.audio.duration_ms), Role.AGENT, heard[0].text)
    missing = omission.quoted(verdict.missing)
    if (excuse := _no_chance(call, params, last_ms, due)) is not None:
        another = omission.on_another_side(call, params, Span(due.span.start_ms, call.audio.duration_ms))
        unsure = inconclusive(f"未能确认结束语：{another}，需人工复核", due, missing=missing)
        yield excuse if another is None or excuse.outcome is not Outcome.NOT_APPLICABLE else unsure
    elif (reason_text := omission.handed_over(call) or omission.doubt(call, verdict, decodes, params, due.span)) is not None:
        yield inconclusive(f"未能确认结束语：{reason_text}，需人工复核", due, missing=missing)
    else:
        message = f"坐席最后 {params.turns} 次发言、最后 {params.within_s:g} 秒内没有完整的结束语，缺{missing}"
        yield one(Outcome.FAIL, message, due, missing=missing)


def _within(words: Sequence[Word], window_ms: int, first_ms: int) -> tuple[Word, ...]:
    """Words that end within the window before the end of the last of them and begin at or after ``first_ms``."""
    if not words:
        return ()
    since = max(words[-1].span.end_ms - window_ms, first_ms)
    return tuple(w for w in words if w.span.start_ms >= since)


def _no_chance(call: Call, params: Params, last_ms: int, due: Evidence) -> Finding | None:
    """The customer spoke last and was gone within ``chance_s``."""
    others = [u.span for u in call.utterances(Role.CUSTOMER)]
    customer_ms = max((span.end_ms for span in others), default=0)
    left_ms = call.audio.duration_ms - customer_ms
    hangup_by = call.record.hangup_by if call.record else None
    if customer_ms <= last_ms or left_ms >= params.chance_s * 1000 or hangup_by == "agent":
        return None
    after = f"客户说完 {left_ms / 1000:.1f} 秒后通话结束"
    evidence = Evidence(Span(min(s.start_ms for s in others if s.end_ms == customer_ms), call.audio.duration_ms), Role.CUSTOMER)
    if hangup_by == "customer":
        return one(Outcome.NOT_APPLICABLE, f"{after}，客户先挂机，坐席没有机会说结束语", evidence)
    return inconclusive(f"{after}，话单没有写明谁先挂机，不能判断坐席有没有机会说结束语", evidence, due)


_TALK = "坐席 0.5-4.0 您好，华宁通信，很高兴为您服务。\n客户 4.5-6.5 我想查一下话费。\n坐席 7.0-9.0 话费一共三十元。\n"
_ROUGH = _TALK + "客户 9.5-10.5 哦，知道了。\n坐席 11.0-12.0 好的，就这样。"

EXAMPLES = (
    Example("as worded", Scene(_TALK + "坐席 9.5-12.3 感谢您的来电，再见。"), Outcome.PASS, (9500, 12300)),
    Example("with a wish", Scene(_TALK + "坐席 9.5-13.5 谢谢您的来电，祝您生活愉快，再见。"), Outcome.PASS, (9500, 13500)),
    Example("homophones of the recogniser", Scene(_TALK + "坐席 9.5-12.3 赶谢宁的来店，在见。"), Outcome.PASS, (9500, 12300)),
    Example(
        "over two turns",
        Scene(_TALK + "坐席 9.5-11.0 感谢您的来电。\n客户 11.2-12.0 好的，再见。\n坐席 12.2-12.8 再见。", hangup_by="customer"),
        Outcome.PASS,
        (9500, 12800),
    ),
    Example(
        "heard by the guard alone",
        Scene(_ROUGH, closing="坐席 11.0-12.4 感谢您的来电，再见。"),
        Outcome.PASS,
        (11000, 12400),
        (("decode", 1),),
    ),
    Example("outgoing", Scene(_TALK + "坐席 9.5-12.3 感谢您的接听，再见。", direction="out"), Outcome.PASS, (9500, 12300)),
    Example("neither thanks nor goodbye", Scene(_ROUGH), Outcome.FAIL, (500, 12500), (("missing", "“感谢您的来电”、“再见”"),)),
    Example("no thanks", Scene(_TALK + "坐席 9.5-11.5 好的，再见。"), Outcome.FAIL, (7000, 12000), (("missing", "“感谢您的来电”"),), _ONE),
    Example(
        "in the customer's mouth",
        Scene(_TALK + "坐席 9.2-10.0 就这样。\n客户 10.5-12.5 感谢您的来电，再见。"),
        Outcome.FAIL,
        (7000, 13000),
        (),
        _ONE,
    ),
    Example(
        "customer hung up but gave the time",
        Scene(_TALK + "客户 9.5-10.5 哦，知道了。", duration_s=13.0, hangup_by="customer"),
        Outcome.FAIL,
        (7000, 13000),
        (),
        _ONE,
    ),
    Example(
        "customer hung up in mid-conversation",
        Scene(_TALK + "客户 9.5-10.5 算了，不说了！", hangup_by="customer"),
        Outcome.NOT_APPLICABLE,
        (9500, 11000),
    ),
    Example("unknown who hung up", Scene(_TALK + "客户 9.5-10.5 哦，知道了。", hangup_by=None), Outcome.INCONCLUSIVE, (9500, 11000)),
    Example("no second decode", Scene(_ROUGH, closing=""), Outcome.INCONCLUSIVE, (500, 12500)),
    Example("the decodes disagree", Scene(_TALK + "坐席 9.5-11.5 感谢您的来电。", closing="坐席 9.5-12 再见。"), Outcome.INCONCLUSIVE),
    Example("recording cut short", Scene(_ROUGH, talk_s=30.0), Outcome.INCONCLUSIVE),
    Example("mono, nobody knows who speaks", Scene(_ROUGH, mono=True), Outcome.INCONCLUSIVE),
)
