"""标准问候语 · Standard greeting

What is asked
    The agent opens the call with the house's greeting.  ``patterns`` (incoming) and ``patterns_out`` (outgoing) say how it may go
    (the notation is that of ``qa.patterns``); one pattern is enough.  All its parts that may not be left out must be said, in
    order, in the agent's first ``turns`` turns; the greeting begins within ``within_s`` of the agent's first word, and a slow
    speaker may finish up to 5 s later.  Parts are found by
    sound: present within ``pass_distance`` per syllable, absent beyond ``doubt_distance``, for a person to hear in between.
    If the pattern demands ``{agent_number}`` and the call record has the agent's number, it must be that number.

Why
    The greeting tells callers that they have reached the right house and whom they speak to; most regulations word it exactly.

A FAIL needs two decodes: the transcript and the second decode of the opening seconds must both lack the same part.  Where the
second has the greeting in time the check passes, also where the transcript has it late; where there is none, where words were
heard badly (mean probability below ``min_probability``), where the recording lacks part of the call, where the greeting is late by
less than the error of times (0.2 s), the outcome is inconclusive.

Not covered
    Tone of voice and friendliness.  Time between the answer and the agent's first word (see ``pickup``).  A greeting by the
    customer or by an announcement does not count.  An agent of whom nothing was transcribed is inconclusive, not a FAIL: a
    dead channel looks the same.  A wrong number in an *optional* part is noted, not punished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qa import omission
from qa.callfacts import agent_turns, inconclusive, one, without_agent, words_of
from qa.check_examples import Example, Scene
from qa.patterns import Held, Judgement, agent_number_readings, judge, said_number
from qa.phonetic import Spoken, find, spoken
from qa.rules.events import ERROR_MS
from qa.types import Call, Evidence, Finding, Outcome, Role, Span, Word

TITLE = "标准问候语"
TITLE_EN = "Standard greeting"

_HELLO = "(您好|你好|早上好|早晨好|上午好|中午好|下午好|晚上好|新年好|节日快乐|周末快乐)"
_OFFER = (
    "(为您服务|为你服务|有什么[可以|能|能够](帮您|帮你|帮到|帮助|为您|为你|替您)|(能|可以)(帮|为|替)(您|你)[做|办](什么|点什么|些什么)|有什么需要"
    "|有什么问题|需要[我]什么(帮助|帮忙|服务)|(需要|要|想)(办[理]|咨询)什么|有什么可以效劳)"
)

_FINISH_MS = 5000
_NUMBERED = (("patterns", ("您好，{company}，工号{agent_number}",)),)


@dataclass(frozen=True)
class Params:
    """Patterns, and by when and how well they must be heard.  Distances are per syllable (0-1), see ``qa.phonetic``."""

    patterns: tuple[str, ...] = (
        f"{_HELLO}，{{company}}[，工号{{agent_number}}]，{_OFFER}",
        f"{{company}}，{_HELLO}，{_OFFER}",
    )
    patterns_out: tuple[str, ...] = (f"{_HELLO}，[我是|这里是|这边是]{{company}}[的][工号{{agent_number}}]",)
    slots: tuple[tuple[str, tuple[str, ...]], ...] = (("company", ("华宁通信",)),)
    within_s: float = 10.0
    turns: int = 2
    pass_distance: float = 0.2
    doubt_distance: float = 0.45
    min_probability: float = 0.5

    def __post_init__(self) -> None:
        omission.validate(self)


def run(call: Call, params: Params) -> Iterator[Finding]:
    """One finding.  Values: ``missing`` (parts that were not heard) or ``decode`` (0 transcript, 1 guard), ``said_number``."""
    if (reason := without_agent(call)) is not None:
        yield reason
        return
    turns = agent_turns(call)
    first_ms = turns[0][0].span.start_ms
    limit_ms = first_ms + round(params.within_s * 1000)
    last_ms = turns[params.turns][0].span.start_ms if len(turns) > params.turns else call.audio.duration_ms
    end_ms = min(limit_ms + _FINISH_MS, last_ms)
    decodes = [_until(words_of(u for turn in turns[: params.turns] for u in turn), end_ms)]
    decodes += [_until(edge.words, end_ms) for edge in call.edges(Role.AGENT, "opening")]
    verdict = omission.judged(call, params, [spoken(words) for words in decodes])
    late = verdict.held is Held.PRESENT  # if no decode holds one in time
    if late:
        timely = _begun_by(call, params, decodes, limit_ms)
        if isinstance(timely, Finding):
            yield timely
            return
        verdict = omission.judged(call, params, [spoken(words) for words in timely])
    due = Span(first_ms, max(first_ms, min(limit_ms, call.audio.duration_ms)))
    evidence = Evidence(due, Role.AGENT, spoken(decodes[0]).text)
    missing = omission.quoted(verdict.missing)
    reason_text = omission.doubt(call, verdict, decodes, params, due)
    if reason_text is None and late and isinstance(_begun_by(call, params, decodes, limit_ms + ERROR_MS), Finding):
        reason_text = f"开始得晚，但与 {params.within_s:g} 秒的界限相差不到 {ERROR_MS / 1000:g} 秒"
    if reason_text is not None:
        yield inconclusive(f"未能确认问候语：{reason_text}，需人工复核", evidence, missing=missing)
    else:
        yield _omitted(call, params, evidence, missing, limit_ms)


def _until(words: Sequence[Word], end_ms: int) -> tuple[Word, ...]:
    """Words that begin before ``end_ms``."""
    return tuple(w for w in words if w.span.start_ms < end_ms)


def _begun_by(call: Call, params: Params, decodes: Sequence[Sequence[Word]], limit_ms: int) -> Finding | list[tuple[Word, ...]]:
    """The PASS of a greeting that begins before ``limit_ms``, in whichever decode; else the decodes without the ones that begin later.

    One that is said again later, or is heard in one decode late, must not hide one in time: each decode is judged by each pattern, and
    again without what came too late.
    """
    rest = []
    for number, words in enumerate(decodes):
        cut_ms = limit_ms + _FINISH_MS
        for pattern in omission.patterns(call, params):
            left = tuple(words)
            while (verdict := judge((pattern,), (spoken(left),), params.pass_distance, params.doubt_distance)).held is Held.PRESENT:
                span = verdict.best.span
                assert span is not None  # a pattern that was heard has a place
                if span.start_ms < limit_ms:
                    return _held(call, replace(verdict, decode=number), spoken(left))
                left = _before(left, span.start_ms)
                cut_ms = min(cut_ms, span.start_ms)
        rest.append(_before(words, cut_ms) if cut_ms < limit_ms + _FINISH_MS else tuple(words))
    return rest


def _before(words: Sequence[Word], start_ms: int) -> tuple[Word, ...]:
    """Words that are over by ``start_ms``, the beginning of something in them: always fewer."""
    return tuple(w for w in words if w.span.end_ms <= start_ms)[: len(words) - 1]


def _held(call: Call, verdict: Judgement, heard: Spoken) -> Finding:
    span = verdict.best.span
    assert span is not None  # a pattern that was heard has a place
    message = "问候语符合规范"
    if verdict.decode:
        message += "（首次转写没有，开头的第二次识别听到）"
    said = said_number(heard, "工号")
    agent_id = call.record.agent_id if call.record else ""
    readings = agent_number_readings(agent_id)
    if said is not None and readings and not any(find(reading, heard, 0.3) for reading in readings):
        message += f"；所报工号听作“{said}”，与话单的 {agent_id} 不同，请核对"
    evidence = Evidence(span, Role.AGENT, omission.text_in(heard, span))
    return one(Outcome.PASS, message, evidence, decode=verdict.decode, said_number=said)


def _omitted(call: Call, params: Params, evidence: Evidence, missing: str, limit_ms: int) -> Finding:
    message = f"坐席开口后 {params.within_s:g} 秒内、前 {params.turns} 次发言中没有完整的问候语" + (f"，缺{missing}" if missing else "")
    heard = spoken(w for w in words_of(call.utterances(Role.AGENT)) if w.span.start_ms >= limit_ms)
    later = omission.judged(call, params, [heard])
    if later.held is Held.PRESENT and later.best.span is not None:
        message += f"；到第 {later.best.span.start_ms / 1000:.1f} 秒才说"
        late = Evidence(later.best.span, Role.AGENT, omission.text_in(heard, later.best.span))
        return one(Outcome.FAIL, message, evidence, late, missing=missing)
    return one(Outcome.FAIL, message, evidence, missing=missing)


_GOOD = """
坐席 0.5-4.5 您好，华宁通信，工号1024，很高兴为您服务。
客户 5.0-7.0 我想查一下话费。
坐席 7.5-9.5 好的，请稍等。
"""
_BARE = """
坐席 0.5-1.5 您好，请讲。
客户 2.0-4.0 我想查一下话费。
坐席 4.5-6.5 好的，请稍等。
客户 7.0-8.0 谢谢。
坐席 8.5-12.5 话费是三十元，您还有别的事情吗？
"""
_SECOND = _GOOD.replace("0.5-4.5", "2.2-4.8")

EXAMPLES = (
    Example("as worded", Scene(_GOOD), Outcome.PASS, (500, 4500)),
    Example("homophones of the recogniser", Scene("坐席 0.5-4.5 您好，华林同信，很高兴未您服务。"), Outcome.PASS, (500, 4500)),
    Example("company first", Scene("坐席 0.5-4.1 华宁通信您好，请问有什么可以帮您？"), Outcome.PASS, (500, 4100)),
    Example("another wording of the offer", Scene("坐席 0.5-4.1 您好，华宁通信，我能帮您做点什么？"), Outcome.PASS, (500, 4100)),
    Example("busy, not an offer", Scene(_BARE.replace("您好，请讲", "您好，华宁通信，我帮您看一下")), Outcome.FAIL, (500, 10500)),
    Example("in the second turn", Scene("坐席 0.5-1.0 喂？\n客户 1.2-2.0 喂你好\n" + _SECOND), Outcome.PASS, (2200, 4800)),
    Example("outgoing", Scene("坐席 1.0-4.0 您好，我是华宁通信的工号1024。", direction="out"), Outcome.PASS),
    Example("heard by the guard alone", Scene(_BARE, opening=_GOOD), Outcome.PASS, (500, 4500), (("decode", 1),)),
    Example("no company, no offer", Scene(_BARE), Outcome.FAIL, (500, 10500), (("missing", "“华宁通信”、“为您服务”"),)),
    Example(
        "in the customer's mouth",
        Scene("客户 0.2-3.2 您好，华宁通信，很高兴为您服务，哈哈。\n坐席 3.5-4.5 喂，什么事。\n客户 5.0-12.0 我要报修。"),
        Outcome.FAIL,
        (3500, 12500),
    ),
    Example(
        "too late",
        Scene("坐席 0.5-1.5 喂，哪位。\n坐席 12.0-15.0 您好，华宁通信，为您服务。"),
        Outcome.FAIL,
        (500, 10500),
    ),
    Example(
        "said slowly: begun in time, finished after it",
        Scene("坐席 0.5-11.9 您好华宁通信工号幺零二四很高兴为您服务。"),
        Outcome.PASS,
        (500, 11900),
    ),
    Example("another agent's number", Scene(_GOOD, agent_id="5787"), Outcome.FAIL, (500, 10000), (), _NUMBERED),
    Example("the demanded number", Scene(_GOOD), Outcome.PASS, (500, 3026), (), _NUMBERED),
    Example("a company that sounds alike", Scene("坐席 0.5-4.5 您好，华东通信，很高兴为您服务。"), Outcome.INCONCLUSIVE),
    Example("no second decode", Scene(_BARE, opening=""), Outcome.INCONCLUSIVE, (500, 10500)),
    Example("badly heard", Scene("坐席 0.5-2.5 @0.3 您好，请讲。\n客户 3.0-5.0 喂"), Outcome.INCONCLUSIVE),
    Example("recording cut short", Scene(_BARE, talk_s=20.0), Outcome.INCONCLUSIVE),
    Example("mono, nobody knows who speaks", Scene(_BARE, mono=True), Outcome.INCONCLUSIVE),
    Example("agent not heard at all", Scene("客户 1.0-2.0 喂，有人吗？"), Outcome.INCONCLUSIVE),
)
