"""What the generic check kinds share: when a rule of theirs applies, what excuses a fault, how a fault is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from qa.callfacts import inconclusive, one
from qa.rules.conditions import Situation, directed, evidence, wanted
from qa.rules.expression import Expression, Truth, names
from qa.rules.hearing import name
from qa.rules.measures import MEASURES
from qa.rules.model import Condition, Event, Excuse, Limit, Say
from qa.rules.sources import Hit, labels
from qa.types import Call, Evidence, Finding, Outcome, Role, Span

CHANCE_MS = 2000
"""Who is hung up on within this time of the other's last word had no chance to say anything more."""

_MOST_MISSING = 5


class Guarded(Protocol):
    """The parameters that every generic kind has."""

    @property
    def trigger(self) -> Expression | None: ...
    @property
    def excuses(self) -> tuple[Excuse, ...]: ...
    @property
    def conditions(self) -> tuple[Condition, ...]: ...
    @property
    def slots(self) -> tuple[tuple[str, tuple[str, ...]], ...]: ...


def validate(params: Guarded, *expressions: Expression | None) -> None:
    """Raise ValueError, in Chinese, for a name that no condition has; ``expressions`` are those beside trigger and excuses."""
    known = {condition.id for condition in params.conditions}
    for expression in (params.trigger, *(excuse.expression for excuse in params.excuses), *expressions):
        for found in names(expression) if expression is not None else ():
            if found not in known:
                raise ValueError(f"条件 {found} 没有定义")
    for condition in params.conditions:
        if condition.relation is not None and condition.relation.other not in known:
            raise ValueError(f"条件 {condition.relation.other} 没有定义")


def situation(call: Call, params: Guarded) -> Situation:
    """The rule's conditions over ``call``."""
    return Situation(call, {condition.id: condition for condition in params.conditions}, params.slots)


def untriggered(here: Situation, params: Guarded) -> Finding | None:
    """Why the rule says nothing of the call: its trigger did not happen, or nobody knows; None if it did."""
    if params.trigger is None:
        return None
    truth = here.value(params.trigger, favour=False)
    if truth is Truth.FALSE:
        told = "、".join(here.told(params.trigger))
        return one(Outcome.NOT_APPLICABLE, f"没有出现本条所针对的情形（{told}）")
    if truth is Truth.UNKNOWN:
        why = here.why(params.trigger, favour=False)
        return inconclusive(f"不能断定有没有出现本条所针对的情形：{why}，需人工复核", *_shown(here, params.trigger))
    return None


def _shown(here: Situation, expression: Expression) -> tuple[Evidence, ...]:
    """The doubtful hits of an expression."""
    found = (hit for name, favour in directed(expression, favour=False) for hit in here.named(name, favour).hits)
    return tuple(evidence(hit, here.call) for hit in dict.fromkeys(found) if hit.doubt is not None)


def excused(here: Situation, params: Guarded, finding: Finding) -> Finding:
    """A FAIL, or what may be one (INCONCLUSIVE), as it is or as the first excuse that holds makes it; other findings unchanged.

    An excuse of which nobody knows whether it holds leaves a FAIL to a person, unless another one certainly does.
    """
    if finding.outcome not in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        return finding
    truths = [(excuse, here.value(excuse.expression, favour=True)) for excuse in params.excuses]
    for excuse in (excuse for excuse, truth in truths if truth is Truth.TRUE):
        return Finding(Outcome(excuse.outcome), f"{finding.message}；但{excuse.reason}", finding.evidence, finding.values)
    open_ones = [excuse for excuse, truth in truths if truth is Truth.UNKNOWN]
    if not open_ones or finding.outcome is not Outcome.FAIL:
        return finding
    told = "；".join(f"不能断定是否“{e.reason}”：{here.why(e.expression, favour=True)}" for e in open_ones)
    return Finding(Outcome.INCONCLUSIVE, f"{finding.message}；{told}，需人工复核", finding.evidence, finding.values)


# ---------------------------------------------------------------- what the program set apart of the agent's words


def hidden(here: Situation, forbid: Expression) -> list[str]:
    """Why something forbidden that was not found may be there all the same: in what may be the agent's words (Chinese)."""
    if not here.hearing.apart or here.value(forbid, favour=False) is not Truth.FALSE:
        return []
    wide = here.widened()
    return [] if wide.value(forbid, favour=False) is Truth.FALSE else [wide.why(forbid, favour=False)]


def kept(here: Situation, require: Expression) -> tuple[Situation, Truth]:
    """Whether what is required holds, and with which words: that something was *not* said must hold with those as well."""
    truth, wide = here.value(require, favour=True), here.widened()
    return (wide, Truth.UNKNOWN) if truth is Truth.TRUE and wide.value(require, favour=True) is not Truth.TRUE else (here, truth)


# ---------------------------------------------------------------- occurrences


def each_once(found: Sequence[tuple[Finding, Sequence[Hit]]]) -> list[Finding]:
    """The same words are one occurrence, also where several conditions find them: the one that is judged hardest."""
    hardest = sorted(found, key=lambda item: _HARDEST.index(item[0].outcome))
    kept: list[tuple[Finding, Sequence[Hit]]] = []
    for finding, hits in hardest:
        if not any(_same_words(hits, others) for _, others in kept):
            kept.append((finding, hits))
    return [finding for finding, hits in found if any(finding is other for other, _ in kept)]


_HARDEST = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE, Outcome.PASS)


def _same_words(hits: Sequence[Hit], others: Sequence[Hit]) -> bool:
    if len(hits) != 1 or len(others) != 1:
        return False
    hit, other = hits[0], others[0]
    return bool(hit.text and other.text and hit.role is other.role and hit.span.overlap_ms(other.span))


# ---------------------------------------------------------------- omissions


def omission(here: Situation, expression: Expression, when: str, occasion: Hit | None) -> Finding:
    """The finding of a required expression that is FALSE; ``when`` begins the sentence, ``occasion`` is what it was due for.

    Told are the conditions that make it so, each by its absence or, behind a *not*, by its presence.
    """
    shown: list[Evidence] = []
    told: list[str] = []
    missing: list[str] = []
    for found, absent in here.deciding(expression, favour=True):
        condition, result = here.known[found], here.named(found, absent)
        what = wanted(condition, here.call, here.slots)
        if absent:
            shown.append(due_evidence(here, condition, result.due))
            told.append(_absent(here, condition, what))
            missing += _missing(here, condition, result.hits)
        else:
            shown += [evidence(hit, here.call) for hit in result.hits] or [due_evidence(here, condition, result.due)]
            told.append(_present(condition, what, result.hits))
    shown += [evidence(occasion, here.call)] if occasion is not None else []
    values: dict[str, str] = {"missing": "、".join(missing[:_MOST_MISSING])} if missing else {}
    return one(Outcome.FAIL, f"{when}{'，'.join(told)}", *shown, **values)


def _present(condition: Condition, what: str, hits: Iterable[Hit]) -> str:
    most = condition.times[1]
    return f"出现了{what}" if most is None else f"{name(condition.who)}说{what}只有 {len(tuple(hits))} 次（至多 {most} 次）"


def _absent(here: Situation, condition: Condition, what: str) -> str:
    source = condition.source
    if isinstance(source, Limit):
        measure = MEASURES[source.measure]
        reading = here.reading(source.measure, Role.CUSTOMER if condition.who.value == "customer" else Role.AGENT)
        shown = f"{measure.title}为 {reading.value:g}" if reading.value is not None else f"{measure.title}不合要求"
        return f"没有{what}（{shown}）" if condition.title else shown
    if isinstance(source, Event):
        return f"没有{what}"
    times = f" {condition.times[0]} 次" if condition.times[0] > 1 else ""
    most = f"（至多 {condition.times[1]} 次）" if condition.times[1] is not None else ""
    return f"{name(condition.who)}没有说{times}{what}{most}"


def _missing(here: Situation, condition: Condition, hits: Iterable[Hit]) -> list[str]:
    if not isinstance(condition.source, Say):
        return []
    there = {hit.variant for hit in hits}
    return [f"“{text}”" for number, text in enumerate(labels(condition.source, here.call, here.slots)) if number not in there]


def due_evidence(here: Situation, condition: Condition, due: Span) -> Evidence:
    """Where something was due, with what was heard there instead; from the first word on, and at least a second of it."""
    call = here.call
    first = min((voice.span.start_ms for voice in here.hearing.voices(condition.who)), default=0)
    start = max(due.start_ms, first) if due.end_ms > first else due.start_ms
    end = max(due.end_ms, min(start + 1000, call.audio.duration_ms))
    span = Span(min(start, max(0, end - 1000)), end)
    roles = {"customer": Role.CUSTOMER, "announcement": Role.ANNOUNCEMENT}
    return Evidence(span, roles.get(condition.who.value, Role.AGENT), here.hearing.text(condition.who, due))


def chance(here: Situation, expression: Expression, finding: Finding) -> Finding:
    """The FAIL of an omission, unless the call ended before the agent could speak (``hung_up_on``).

    Looked at is what was due at the end of the call: in its last seconds or turns, or after something that the agent never spoke after.
    """
    if not all(absent and _at_the_end(here, found) for found, absent in here.deciding(expression, favour=True)):
        return finding
    return hung_up_on(here.call, finding)


def hung_up_on(call: Call, finding: Finding) -> Finding:
    """The FAIL as it is, or what becomes of it where the call ended within ``CHANCE_MS`` of the customer's word, the last one.

    The customer hung up: not applicable; nobody knows who did: inconclusive.
    """
    last_ms = max((u.span.end_ms for u in call.utterances(Role.CUSTOMER)), default=0)
    own_ms = max((u.span.end_ms for u in call.utterances(Role.AGENT)), default=0)
    left_ms = call.audio.duration_ms - last_ms
    hangup_by = call.record.hangup_by if call.record else None
    if last_ms <= own_ms or left_ms >= CHANCE_MS or hangup_by == "agent":
        return finding
    after = f"客户说完 {left_ms / 1000:.1f} 秒后通话结束"
    if hangup_by == "customer":
        return Finding(Outcome.NOT_APPLICABLE, f"{finding.message}；{after}，客户先挂机，坐席没有机会说", finding.evidence, finding.values)
    message = f"{finding.message}；{after}，话单没有写明谁先挂机，不能判断坐席有没有机会说"
    return Finding(Outcome.INCONCLUSIVE, message, finding.evidence, finding.values)


def _at_the_end(here: Situation, found: str) -> bool:
    condition = here.known[found]
    if condition.who.value != "agent" or isinstance(condition.source, Limit | Event):
        return False
    if condition.where.last_s is not None or condition.where.last_turns is not None:
        return True
    due = here.named(found, True).due
    after = condition.relation is not None and condition.relation.order == "after"
    return after and not here.hearing.speaks(condition.who, due)
