"""流程规则 · Script rule

What is asked
    The ``steps`` are gone through in their order: each has wordings (``say``, as in the language of conditions) of a speaker (``who``).
    Optional steps (可) may be left out.  A step with ``answer`` is a question: what the customer says next is taken as ``digits``, as
    ``text`` or as one of a list of choices, into the value ``answer_<id>``.  With ``read_back`` the agent must repeat the answer (its
    digits, or its main words) before the next step.  ``within_s`` and ``within_turns`` limit the time from the first step to the last.

What is found
    One finding for each fault: a step that is missing (it was due between its neighbours), that comes out of its order, an answer
    that was not repeated, a script that takes too long.  Without a fault one PASS.  All carry the answers.
    Steps are found by sound, and a missing one is only believed where the words were heard well and, at the ends of the call, the
    second decode lacks it too; what sounds a little like a step, or digits that agree but for some, is inconclusive.

    ``trigger`` and ``excuses`` as in ``phrase``.  Steps still missing when the customer hung up within 2 s of the customer's own last
    word are not applicable.

Why
    Repairs, emergencies and surveys are worth nothing with half of the questions asked, and a number not repeated is a wrong number.

Not covered
    Questions answered before they were asked.  Corrections (不对，是……): the digits of both are taken.  Whether an answer makes sense.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qa.callfacts import inconclusive, mean_probability, one
from qa.check_examples import Example, Scene
from qa.params import Context
from qa.rules import answers, sources, verdicts
from qa.rules import read_conditions as reading
from qa.rules.conditions import Situation, evidence, wanted
from qa.rules.events import BACKCHANNELS
from qa.rules.expression import Expression, Name
from qa.rules.model import Condition, Excuse, Say, Where, Who
from qa.rules.read_named import reachable, read_conditions
from qa.rules.sources import Hit
from qa.rules.steps import DIGITS, TEXT, Step, read_step
from qa.text import normalise
from qa.toml_document import Section
from qa.types import Call, Evidence, Finding, Outcome, Role, Span, Word

TITLE = "流程规则"
TITLE_EN = "Script rule"

_ANSWER_MS = 60_000
"""An answer is looked for this long, if the next step does not come before."""
_SURE_PROBABILITY = 0.7
"""An answer heard worse than this (mean word probability) proves no fault of the one who repeats it."""
_SLACK_MS = 500
_MISSING, _DOUBTFUL, _LEFT_OUT = 1e6, 1e3, 1.0


def _ask(step_id: str, title: str, wordings: tuple[str, ...], answer: str, read_back: bool = True) -> Step:
    return Step(step_id, title, Say(wordings, far=reading.FAR_IN_A_WHOLE_CALL), answer=answer, read_back=read_back)


_REPAIR = (
    _ask("address", "问地址", ("(您|你)的[具体|详细](地址|住址)", "(您|你)家住哪"), TEXT),
    _ask("name", "问姓名", ("(您|你)的(姓名|名字)", "(您|你)贵姓", "怎么称呼(您|你)"), TEXT, read_back=False),
    _ask("phone", "问电话", ("[联系]电话(是多少|号码)", "留[一]下[您的|你的|联系]电话", "(您|你)的[联系](电话|号码)"), DIGITS),
)


@dataclass(frozen=True)
class Params:
    """Steps in their order; by default those of a report of a repair: address, name, telephone."""

    steps: tuple[Step, ...] = _REPAIR
    within_s: float | None = None
    within_turns: int | None = None
    trigger: Expression | None = None
    excuses: tuple[Excuse, ...] = ()
    conditions: tuple[Condition, ...] = ()
    slots: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        if not self.steps or all(step.optional for step in self.steps):
            raise ValueError("steps 里至少要有一个必须的步骤")
        ids = [step.id for step in self.steps]
        if len(set(ids)) < len(ids):
            raise ValueError("steps 里有两个步骤的 id 相同")
        for name in ("within_s", "within_turns"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} 应大于 0，现为 {value:g}")
        verdicts.validate(self)

    @classmethod
    def read(cls, section: Section, context: Context) -> Params | None:
        """The parameters of a rule's table, or None with the problems noted in its document."""
        document, before = section.document, len(section.document.problems)
        section.allow(*context.hidden)
        known = {**context.conditions, **read_conditions(section, context)}
        steps = [read_step(row, context) for row in section.tables_at("steps")]
        if not steps:
            document.problem(section.at, f"[{section.name}] 没有步骤", f"写上 [[{section.name}.steps]]")
        within_s = section.optional("within_s", reading.as_seconds, None)
        within_turns = section.optional("within_turns", reading.as_count, None)
        trigger = reading.read_expression(section, "trigger", known)
        excuses = reading.read_excuses(section, known)
        section.close()
        if len(document.problems) > before:
            return None
        conditions = reachable((trigger, *(e.expression for e in excuses)), known)
        whole = tuple(step for step in steps if step is not None)
        try:
            return cls(whole, within_s, within_turns, trigger, excuses, conditions, context.slots)
        except ValueError as error:
            document.problem(section.at, f"[{section.name}] 不可用：{error}", "请修改步骤")
            return None


# ---------------------------------------------------------------- judging


@dataclass(frozen=True)
class _Answer:
    """What the customer said to a question: the value for people, where, with which words; None where nothing was said."""

    value: str | None
    words: tuple[Word, ...] = ()


def run(call: Call, params: Params) -> Iterator[Finding]:
    """A finding for each fault, else one.  Values: answer_<step>, missing."""
    here = verdicts.situation(call, params)
    if (reason := verdicts.untriggered(here, params)) is not None:
        yield reason
        return
    for who in dict.fromkeys(step.who for step in params.steps):
        if (why := here.hearing.silent(who)) is not None:
            yield inconclusive(f"{why}，无法判定")
            return
    picks = _picks(here, params.steps)
    given = {step.id: _answer(here, params, picks, number) for number, step in enumerate(params.steps) if step.answer}
    values = {f"answer_{step_id}": answer.value for step_id, answer in given.items()}
    faults = [*_steps(here, params, picks), *_repeats(here, params, picks, given), *_too_long(here, params, picks)]
    for fault in faults:
        finding = verdicts.excused(here, params, fault)
        yield replace(finding, values=(*finding.values, *values.items()))
    if not faults:
        shown = [evidence(pick, call) for pick in picks if pick is not None]
        yield one(Outcome.PASS, f"{len(shown)} 个步骤按顺序完成", *shown, **values)


Picks = tuple[Hit | None, ...]


def _picks(here: Situation, steps: Sequence[Step]) -> Picks:
    """A hit for each step, in their order: from the transcript alone if it has them all, else with near misses and second decodes."""
    first = _ordered([_hits(here, step, wide=False) for step in steps], steps)
    if all(pick is not None or step.optional for pick, step in zip(first, steps, strict=True)):
        return first
    return _ordered([_hits(here, step, wide=True) for step in steps], steps)


def _condition(step: Step) -> Condition:
    return Condition(f"step:{step.id}", step.say, step.who, Where())


def _hits(here: Situation, step: Step, wide: bool) -> tuple[Hit, ...]:
    key = ("step", id(step))
    condition, _ = here.hearing.kept.setdefault(key, (_condition(step), step))
    return sources.look(condition, here.hearing, here.slots, ends=wide, far=wide)


def _ordered(options: Sequence[Sequence[Hit]], steps: Sequence[Step]) -> Picks:
    """The fewest steps missing, then the fewest doubtful, each as early as it can be."""
    states: list[tuple[float, int, Picks]] = [(0.0, 0, ())]
    for hits, step in zip(options, steps, strict=True):
        fresh: dict[int, tuple[float, int, Picks]] = {}
        for cost, at, picks in states:
            left_out = (cost + (_LEFT_OUT if step.optional else _MISSING), at, (*picks, None))
            followed = [
                (cost + (_DOUBTFUL if hit.doubt is not None else 0.0), hit.span.end_ms, (*picks, hit))
                for hit in hits
                if hit.span.start_ms >= at - _SLACK_MS
            ]
            for state in (left_out, *followed):
                if state[1] not in fresh or state[0] < fresh[state[1]][0]:
                    fresh[state[1]] = state
        states = list(fresh.values())
    return min(states, key=lambda state: state[:2])[2]


# ------------------------------------------------ steps


def _between(here: Situation, picks: Picks, number: int) -> Span:
    """Where a step is due: between the steps before and after it that were found."""
    before = [pick.span.end_ms for pick in picks[:number] if pick is not None]
    after = [pick.span.start_ms for pick in picks[number + 1 :] if pick is not None]
    start = before[-1] if before else 0
    return Span(start, max(start, after[0] if after else here.call.audio.duration_ms))


def _steps(here: Situation, params: Params, picks: Picks) -> Iterator[Finding]:
    for number, (step, pick) in enumerate(zip(params.steps, picks, strict=True)):
        if pick is not None and pick.doubt is not None:
            yield inconclusive(f"步骤“{step.title}”未能确认：“{pick.text}”，{pick.doubt}，需人工复核", evidence(pick, here.call))
        elif pick is None and not step.optional:
            yield _missing(here, step, _between(here, picks, number))


def _missing(here: Situation, step: Step, due: Span) -> Finding:
    condition = _condition(step)
    elsewhere = [hit for hit in _hits(here, step, wide=True) if hit.doubt is None]
    shown = verdicts.due_evidence(here, condition, due)
    text = wanted(condition, here.call, here.slots)
    if elsewhere:
        message = f"步骤“{step.title}”的顺序不对：第 {elsewhere[0].span.start_ms / 1000:.1f} 秒说了“{elsewhere[0].text}”"
        return one(Outcome.FAIL, message, evidence(elsewhere[0], here.call), shown, missing=step.title)
    if (why := here.hearing.unsure(step.who, due, accuse=True)) is not None:
        return inconclusive(f"步骤“{step.title}”未能确认：{why}，需人工复核", shown, missing=step.title)
    finding = one(Outcome.FAIL, f"缺步骤“{step.title}”（{text}）", shown, missing=step.title)
    at_the_end = due.end_ms >= here.call.audio.duration_ms and not here.hearing.speaks(step.who, due)
    return verdicts.hung_up_on(here.call, finding) if at_the_end else finding


def _too_long(here: Situation, params: Params, picks: Picks) -> Iterator[Finding]:
    there = [pick for pick in picks if pick is not None]
    if len(there) < 2:
        return
    first, last = there[0], there[-1]
    seconds = (last.span.start_ms - first.span.end_ms) / 1000
    turns = here.hearing.turn_at(last.span.start_ms) - here.hearing.turn_at(first.span.start_ms)
    for value, limit, unit in ((seconds, params.within_s, "秒"), (turns, params.within_turns, "次换人")):
        if limit is not None and value > limit:
            message = f"从第一步到最后一步用了 {value:g} {unit}，规定 {limit:g} {unit}之内"
            yield one(Outcome.FAIL, message, evidence(last, here.call), evidence(first, here.call))


# ------------------------------------------------ answers


def _answer(here: Situation, params: Params, picks: Picks, number: int) -> _Answer:
    step, pick = params.steps[number], picks[number]
    if pick is None:
        return _Answer(None)
    window = _after(here, picks, number, pick)
    words = tuple(w for voice in here.hearing.voices(Who.CUSTOMER) for w in voice.transcript.within(window))
    if step.answer == DIGITS:
        return _Answer(answers.digits(words), words)
    words = _first_reply(here, words)
    value = answers.plain(words) if step.answer == TEXT else answers.choice(words, tuple(step.answer))
    return _Answer(value, words)


def _after(here: Situation, picks: Picks, number: int, pick: Hit) -> Span:
    """From the question to the next step."""
    end = min(_between(here, (*picks[: number + 1], *picks[number + 1 :]), number).end_ms, pick.span.end_ms + _ANSWER_MS)
    start = max(0, pick.span.end_ms - _SLACK_MS)
    return Span(start, max(start, end))


def _first_reply(here: Situation, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words until the agent says more than a backchannel."""
    if not words:
        return ()
    begin = words[0].span.start_ms
    for utterance in here.call.utterances(Role.AGENT):
        if utterance.span.start_ms > begin and not set(normalise(utterance.text)) <= BACKCHANNELS:
            return tuple(w for w in words if w.span.start_ms < utterance.span.start_ms)
    return words


def _repeats(here: Situation, params: Params, picks: Picks, given: dict[str, _Answer]) -> Iterator[Finding]:
    for number, (step, pick) in enumerate(zip(params.steps, picks, strict=True)):
        answer = given.get(step.id)
        if not step.read_back or pick is None or answer is None or not answer.words:
            continue
        window = _after(here, picks, number, pick)
        place = Span(min(answer.words[0].span.start_ms, window.end_ms), window.end_ms)
        finding = _repeated(here, step, answer, place)
        yield from [finding] if finding is not None else []


def _repeated(here: Situation, step: Step, answer: _Answer, place: Span) -> Finding | None:
    """None if the agent repeated the answer."""
    words = tuple(w for voice in here.hearing.voices(Who.AGENT) for w in voice.transcript.within(place))
    shown = Evidence(place, Role.AGENT, "".join(w.text for w in words))
    asked = Evidence(Span(answer.words[0].span.start_ms, answer.words[-1].span.end_ms), Role.CUSTOMER, answer.value or "")
    if answer.value is None:
        return inconclusive(f"“{step.title}”的回答没有听清，不能判断有没有跟读", asked)
    by_digits = step.answer == DIGITS
    share = answers.repeats_digits(answer.value, words) if by_digits else answers.repeats_words(_text(step, answer), words)
    if share == 1.0 or (not by_digits and share >= 0.5):
        return None
    message = f"没有跟读“{step.title}”的回答“{answer.value}”"
    sure = mean_probability(answer.words) >= _SURE_PROBABILITY
    why = here.hearing.unsure(Who.AGENT, place, accuse=True) if sure else "回答的识别把握低"
    if (by_digits and share >= answers.SAME_DIGITS) or (not by_digits and share > 0):
        why = "跟读的内容与识别到的回答只有一部分相同"
    if why is not None:
        return inconclusive(f"未能确认跟读“{step.title}”的回答“{answer.value}”：{why}，需人工复核", shown, asked)
    return one(Outcome.FAIL, message, shown)


def _text(step: Step, answer: _Answer) -> str:
    return answer.value if step.answer == TEXT and answer.value else normalise("".join(w.text for w in answer.words))


_ASKED = """
坐席 0.5-3.5 您好，请问您的具体地址？
客户 4-7 我住和平路十二号。
坐席 7.5-9.5 和平路十二号，对吗？
客户 10-10.5 对。
坐席 11-12.5 请问您贵姓？
客户 13-14 我姓王。
坐席 14.5-16.5 请留一下联系电话。
客户 17-21 幺三八零零幺二三四五六。
"""
_NUMBER = "坐席 21.5-25.5 您的电话是幺三八零零幺二三四五六。\n"
_BYE = "坐席 26-28 好的，维修人员会尽快联系您。"
_ANSWERS = (("answer_address", "和平路十二号"), ("answer_name", "王"), ("answer_phone", "13800123456"))
_SATISFIED = Step("satisfied", "问态度", Say(("(态度|服务)(怎么样|如何|满意吗)",), far=0.3), answer=("满意", "普通", "不满意"))
_SCORE = Step("score", "请打分", Say(("打[个]分",), far=0.3), answer=DIGITS)
_SURVEY = (("steps", (_SATISFIED, _SCORE)),)
_FREE = (*_SURVEY, ("trigger", Name("free")), ("conditions", (Condition("free", Say(("方便",), far=0.3), Who.CUSTOMER),)))

EXAMPLES = (
    Example("all asked, the number repeated", Scene(_ASKED + _NUMBER + _BYE), Outcome.PASS, (1700, 3500), _ANSWERS),
    Example(
        "a survey with its answers",
        Scene("坐席 0.5-3 请问维修工的态度怎么样？\n客户 4-5 不满意。\n坐席 6-9 请您给我们的服务打个分。\n客户 10-11 我看一下，三分吧。"),
        Outcome.PASS,
        None,
        (("answer_satisfied", "不满意"), ("answer_score", "3")),
        _SURVEY,
    ),
    Example("the number not repeated", Scene(_ASKED + _BYE), Outcome.FAIL, (17000, 28500), (("answer_phone", "13800123456"),)),
    Example(
        "the address never asked",
        Scene("坐席 0.5-3.5 您好，请讲。\n" + _ASKED[_ASKED.index("坐席 11") :] + _NUMBER + _BYE),
        Outcome.FAIL,
        (500, 11600),
        (("missing", "问地址"), ("answer_address", None)),
    ),
    Example(
        "the name asked after the number",
        Scene(_ASKED.replace("请问您贵姓", "您稍等一下") + _NUMBER + "坐席 26-28 请问您贵姓？\n客户 28.2-29 姓王。"),
        Outcome.FAIL,
        (26800, 28000),
    ),
    Example("one digit differs", Scene(_ASKED + _NUMBER.replace("三四五六", "七四五六") + _BYE), Outcome.INCONCLUSIVE),
    Example("a question badly heard", Scene(_ASKED.replace("您的具体地址", "您的体己第几") + _NUMBER + _BYE), Outcome.INCONCLUSIVE),
    Example(
        "the customer is not free",
        Scene("坐席 0.5-3 您现在有空吗？\n客户 4-6 现在在开会。\n坐席 7-9 好的，再见。"),
        Outcome.NOT_APPLICABLE,
        None,
        (),
        _FREE,
    ),
    Example("mono, nobody knows who speaks", Scene(_ASKED + _BYE, mono=True), Outcome.INCONCLUSIVE),
)
