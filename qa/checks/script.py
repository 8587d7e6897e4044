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
    second decode lacks it too; so is one out of its order, and a script too long: words that nobody heard may put both right.  What
    sounds a little like a step, digits that agree but for some or were repeated in part, and times over the limit by less than
    their error are inconclusive.  The quickest way through the steps counts, without those that may be left out.
    What the customer has told already (a number for ``digits``, a name, a place, words of the question) need not be asked: such a step
    is inconclusive where it is missing, and done where it is the only number asked for and the agent repeated all of it.
    An answer is the customer's first reply that answers; after asking back (啊？) the next one, after another only where the agent
    asks again.  What the customer leaves open (两三分, 还行吧, 说不好) has no value.

    ``trigger`` and ``excuses`` as in ``phrase``.  Steps still missing when the customer hung up within 2 s of the customer's own last
    word are not applicable.

Why
    Repairs, emergencies and surveys are worth nothing with half of the questions asked, and a number not repeated is a wrong number.

Not covered
    Whether what was told unasked is all that was to be asked.  Corrections (不对，是……): such a number is left open.  Whether an
    answer makes sense.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from qa.callfacts import inconclusive, one, turns
from qa.check_examples import Example, Scene
from qa.params import Context
from qa.rules import read_conditions as reading
from qa.rules import sources, verdicts
from qa.rules.conditions import Situation, evidence, wanted
from qa.rules.events import BACKCHANNELS, ERROR_MS
from qa.rules.expression import Expression, Name
from qa.rules.model import Condition, Excuse, Say, Where, Who
from qa.rules.read_named import reachable, read_conditions
from qa.rules.sources import Hit
from qa.rules.step_answers import Answer, answer
from qa.rules.step_picks import Picks, between, ordered, runs
from qa.rules.step_repeats import repeats
from qa.rules.steps import DIGITS, TEXT, Step, read_step
from qa.rules.unasked import Told, unasked
from qa.text import normalise
from qa.toml_document import Section
from qa.types import Call, Evidence, Finding, Outcome, Role, Span

TITLE = "流程规则"
TITLE_EN = "Script rule"


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
    given = {
        step.id: answer(here.hearing, step, _hits(here, step, wide=False), picks, number)
        for number, step in enumerate(params.steps)
        if step.answer
    }
    told = _told(here, params, picks, given)
    values = {f"answer_{step_id}": said.value for step_id, said in given.items()}
    values |= {f"answer_{step_id}": found.value for step_id, found in told.items() if found.certain}
    faults = [*_steps(here, params, picks, told), *repeats(here, params.steps, picks, given), *_too_long(here, params)]
    for fault in faults:
        finding = verdicts.excused(here, params, fault)
        yield replace(finding, values=(*finding.values, *values.items()))
    if not faults:
        shown = [evidence(pick, call) for pick in picks if pick is not None]
        yield one(Outcome.PASS, f"{len(shown)} 个步骤按顺序完成", *shown, **values)


def _picks(here: Situation, steps: Sequence[Step]) -> Picks:
    """A hit for each step, in their order: from the transcript alone if it has them all, else with near misses and second decodes."""
    first = ordered([_hits(here, step, wide=False) for step in steps], steps)
    if all(pick is not None or step.optional for pick, step in zip(first, steps, strict=True)):
        return first
    return ordered([_hits(here, step, wide=True) for step in steps], steps)


def _condition(step: Step) -> Condition:
    return Condition(f"step:{step.id}", step.say, step.who, Where())


def _hits(here: Situation, step: Step, wide: bool) -> tuple[Hit, ...]:
    key = ("step", id(step))
    condition, _ = here.hearing.kept.setdefault(key, (_condition(step), step))
    return sources.look(condition, here.hearing, here.slots, ends=wide, far=wide)


# ------------------------------------------------ steps


def _told(here: Situation, params: Params, picks: Picks, given: Mapping[str, Answer]) -> dict[str, Told]:
    """What the customer told before it was asked, of the questions that are missing."""
    end_ms, found = here.call.audio.duration_ms, dict[str, Told]()
    for number, (step, pick) in enumerate(zip(params.steps, picks, strict=True)):
        if pick is None and step.answer and not step.optional and step.who is Who.AGENT:
            told = unasked(here.hearing, params.steps, number, given, between(picks, number, end_ms).end_ms)
            found |= {} if told is None else {step.id: told}
    return found


def _steps(here: Situation, params: Params, picks: Picks, told: Mapping[str, Told]) -> Iterator[Finding]:
    for number, (step, pick) in enumerate(zip(params.steps, picks, strict=True)):
        if pick is not None and pick.doubt is not None:
            yield inconclusive(f"步骤“{step.title}”未能确认：“{pick.text}”，{pick.doubt}，需人工复核", evidence(pick, here.call))
        elif pick is None and not step.optional and not (step.id in told and told[step.id].certain):
            finding = _missing(here, params, picks, number)
            yield _told_before(step, told[step.id], finding) if step.id in told and not _elsewhere(here, step, picks) else finding


def _told_before(step: Step, told: Told, missing: Finding) -> Finding:
    message = (
        f"没有问“{step.title}”，但客户在第 {told.span.start_ms / 1000:.1f} 秒可能已经说了（“{told.value}”），不能断定还要不要问，需人工复核"
    )
    shown = Evidence(told.span, Role.CUSTOMER, "".join(word.text for word in told.words))
    return inconclusive(message, shown, *missing.evidence, missing=step.title) if missing.outcome is Outcome.FAIL else missing


def _elsewhere(here: Situation, step: Step, picks: Picks) -> list[Hit]:
    """Where a step was certainly gone through out of its order."""
    return [hit for hit in _hits(here, step, wide=True) if hit.doubt is None and not _taken(hit, picks)]


def _missing(here: Situation, params: Params, picks: Picks, number: int) -> Finding:
    step, due = params.steps[number], between(picks, number, here.call.audio.duration_ms)
    condition = _condition(step)
    elsewhere = _elsewhere(here, step, picks)
    shown = verdicts.due_evidence(here, condition, due)
    seen = [evidence(elsewhere[0], here.call), shown] if elsewhere else [shown]
    windows = [(step, due), *_would_be_due(here, params, picks, number, elsewhere)]
    known = [*elsewhere, *(pick for pick in picks if pick is not None)]
    reasons = (_unsure(here, missed, window, known) for missed, window in windows)
    if (why := next((reason for reason in reasons if reason is not None), None)) is not None:
        return inconclusive(f"步骤“{step.title}”未能确认：{why}，需人工复核", *seen, missing=step.title)
    message = f"缺步骤“{step.title}”（{wanted(condition, here.call, here.slots)}）"
    if elsewhere:
        message = f"步骤“{step.title}”的顺序不对：第 {elsewhere[0].span.start_ms / 1000:.1f} 秒说了“{elsewhere[0].text}”"
    finding = one(Outcome.FAIL, message, *seen, missing=step.title)
    at_the_end = due.end_ms >= here.call.audio.duration_ms and not here.hearing.speaks(step.who, due)
    return verdicts.hung_up_on(here.call, finding) if at_the_end else finding


def _unsure(here: Situation, step: Step, window: Span, known: Sequence[Hit]) -> str | None:
    """Why a step may have been gone through in ``window`` beside the ``known`` places (Chinese), None if it was not."""
    key = ("step", id(step))
    condition, _ = here.hearing.kept.setdefault(key, (_condition(step), step))
    return here.hearing.unsure(step.who, window, accuse=True) or here.by_another(condition, window, besides=known) or None


def _taken(hit: Hit, picks: Picks) -> bool:
    return any(pick is not None and pick.span.overlap_ms(hit.span) for pick in picks)


def _would_be_due(here: Situation, params: Params, picks: Picks, number: int, elsewhere: Sequence[Hit]) -> Iterator[tuple[Step, Span]]:
    """Where words that nobody heard would put a step, said elsewhere, in its order: anywhere in the script, or its neighbours about it."""
    there = [*elsewhere, *(pick for pick in picks if pick is not None)]
    if not elsewhere:
        return
    yield params.steps[number], Span(min(hit.span.start_ms for hit in there), max(hit.span.end_ms for hit in there))
    for hit in elsewhere:
        for other, (step, pick) in enumerate(zip(params.steps, picks, strict=True)):
            if pick is not None and other < number and pick.span.start_ms > hit.span.start_ms:
                yield step, Span(0, hit.span.start_ms)
            elif pick is not None and other > number and pick.span.start_ms < hit.span.start_ms:
                yield step, Span(hit.span.end_ms, max(hit.span.end_ms, here.call.audio.duration_ms))


def _too_long(here: Situation, params: Params) -> Iterator[Finding]:
    """The quickest way through the script counts, whatever was said before it began or again after it."""
    if params.within_s is None and params.within_turns is None:
        return
    heard = [_hits(here, step, wide=True) for step in params.steps]
    sure = list(runs([[hit for hit in hits if hit.doubt is None] for hits in heard], params.steps))
    every = list(runs([[replace(hit, doubt=None) for hit in hits] for hits in heard], params.steps))
    for limit, unit, measure in ((params.within_s, "秒", _seconds), (params.within_turns, "次换人", _turns)):
        if limit is None or not every:
            continue
        spread, least = min(((measure(here, *run), run) for run in sure or every), key=lambda found: found[0][0])
        if sure and spread[0] <= limit:
            continue
        shortest = min(measure(here, *run)[1] for run in every)
        finding = _over(here, params, limit, unit, spread[0], shortest, least, certain=bool(sure))
        yield from [finding] if finding is not None else []


def _over(
    here: Situation, params: Params, limit: float, unit: str, value: float, shortest: float, run: tuple[Hit, Hit], certain: bool
) -> Finding | None:
    """``value``: as the quickest run was heard, ``certain`` if all of it was; ``shortest``: as any may have been, by errors and doubts."""
    first, last = run
    shown = (evidence(last, here.call), evidence(first, here.call))
    message = f"从第一步到最后一步用了 {value:g} {unit}，规定 {limit:g} {unit}之内"
    why = "在误差之内，或有的步骤未能确认" if shortest <= limit or not certain else None
    whole = Span(min(first.span.start_ms, last.span.start_ms), max(first.span.end_ms, last.span.end_ms))
    for step in params.steps:
        why = why or _unsure(here, step, whole, _hits(here, step, wide=True))
    return one(Outcome.FAIL, message, *shown) if why is None else inconclusive(f"{message}；{why}，需人工复核", *shown)


def _seconds(here: Situation, first: Hit, last: Hit) -> tuple[float, float]:
    """Seconds between two steps, and the least that they may be."""
    value = (last.span.start_ms - first.span.end_ms) / 1000
    return value, value - ERROR_MS / 1000


def _turns(here: Situation, first: Hit, last: Hit) -> tuple[float, float]:
    """Changes of speaker between two steps, and without those that only a backchannel makes: it goes in between, and back."""
    value = here.hearing.turn_at(last.span.start_ms) - here.hearing.turn_at(first.span.start_ms)
    inside = (
        turn for turn in turns(here.call) if first.span.end_ms <= turn[0].span.start_ms and turn[-1].span.end_ms <= last.span.start_ms
    )
    hums = sum(set(normalise("".join(u.text for u in turn))) <= BACKCHANNELS for turn in inside)
    return value, value - 2 * hums


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
