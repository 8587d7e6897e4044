"""Whether a condition holds in a call: three-valued, with the places that show it and the reason where it is not known.

A condition *hits* where its source is found, in the part of the call that ``where`` names and in the relation that it asks for.  It is
TRUE if there are certainly as many hits as asked, FALSE if there certainly are not, else UNKNOWN.  That something was *not* said is
certain only where the words were heard well, little speech stayed without a transcript, the recording is whole, and, at the ends of
the call, the second decode has it neither (``qa.rules.hearing.Voice.unsure``; the last is not asked where nobody is accused by it).

Everything is judged in one of two directions, as nobody may be accused of a doubt.  Where TRUE would *favour* the agent (what a rule
requires, an excuse), words that sound near enough are believed.  Where it would not (what a rule forbids, what triggers it), only
certain words are.  ``not`` turns the direction round.  So it does with ``each``: an apology is due after each complaint, but a call
with one hold in it is a call with a hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qa import any_voice
from qa.rules import relations, sources
from qa.rules.events import EVENTS
from qa.rules.expression import And, Expression, Name, Not, Titled, Truth
from qa.rules.expression import directed as directed
from qa.rules.expression import only as only
from qa.rules.expression import placeless as placeless
from qa.rules.expression import subjects as subjects
from qa.rules.hearing import ROLES, Hearing, hearing, name
from qa.rules.measures import MEASURES, Reading
from qa.rules.model import Condition, Event, Limit, Regex, Relation, Say, Who, Words
from qa.rules.sources import Hit, Slots
from qa.types import Call, Evidence, Role, Span


@dataclass(frozen=True)
class Found:
    """What became of a condition.

    ``hits`` are the places that count, each with its ``doubt`` in the direction asked for.  ``due`` is where a hit was due.
    ``why`` says why the truth is UNKNOWN; ``blind``, of what is not TRUE, why there may be hits that were not found (Chinese, "" for
    nothing).
    """

    truth: Truth
    hits: tuple[Hit, ...]
    due: Span
    why: str = ""
    blind: str = ""


def evaluate(condition: Condition, call: Call, shared: Mapping[str, Condition], slots: Slots, favour: bool = False) -> Found:
    """The condition in ``call``; ``shared`` holds the conditions that it leans on.  ``favour``: believe what sounds near enough."""
    return Situation(call, shared, slots).found(condition, favour)


class Situation:
    """Conditions by name over one call; those in ``bound`` stand for one hit each: "this silence", "this complaint"."""

    def __init__(
        self, call: Call, known: Mapping[str, Condition], slots: Slots, bound: Mapping[str, Hit] | None = None, wide: bool = False
    ) -> None:
        self.call, self.known, self.slots, self.wide = call, known, slots, wide
        self.bound: Mapping[str, Hit] = bound or {}
        self.hearing: Hearing = hearing(call)

    def bind(self, condition: str, hit: Hit) -> Situation:
        """The same with ``condition`` standing for ``hit`` alone."""
        return Situation(self.call, self.known, self.slots, {**self.bound, condition: hit}, self.wide)

    def widened(self) -> Situation:
        """The same with what the program set apart of the agent's words (``Hearing.apart``): what certainly hits there hits, doubtfully."""
        return Situation(self.call, self.known, self.slots, self.bound, wide=True)

    def missed(self, condition: str, doubt: str) -> Situation:
        """The same for a hit of ``condition`` that may have been missed, somewhere: what certainly lies near it nobody knows."""
        somewhere = Span(0, self.call.audio.duration_ms)
        return self.bind(condition, Hit(somewhere, ROLES[self.known[condition].who], "", "", doubt, doubt))

    # ------------------------------------------------------------ expressions

    def value(self, expression: Expression, favour: bool) -> Truth:
        """Truth of an expression."""
        if isinstance(expression, Name):
            return self.named(expression.name, favour).truth
        if isinstance(expression, Not):
            return Truth(2 - self.value(expression.inner, not favour))
        values = (self.value(part, favour) for part in expression.parts)
        return min(values) if isinstance(expression, And) else max(values)

    def why(self, expression: Expression, favour: bool) -> str:
        """Why the expression is UNKNOWN (Chinese)."""
        reasons = dict.fromkeys(self.named(n, f).why for n, f in self.deciding(expression, favour))
        return "；".join(reason for reason in reasons if reason) or "无法判定"

    def deciding(self, expression: Expression, favour: bool) -> list[tuple[str, bool]]:
        """Names that make the expression what it is, each with its direction: not those of a branch that came out otherwise."""
        if isinstance(expression, Name):
            return [(expression.name, favour)]
        if isinstance(expression, Not):
            return self.deciding(expression.inner, not favour)
        truth = self.value(expression, favour)
        return [item for part in expression.parts if self.value(part, favour) is truth for item in self.deciding(part, favour)]

    def told(self, expression: Expression) -> dict[str, None]:
        """What an expression is about, for people, each once and in order: titles, or what its conditions look for."""
        if isinstance(expression, Name):
            return {wanted(self.known[expression.name], self.call, self.slots): None}
        if isinstance(expression, Not):
            return self.told(expression.inner)
        if isinstance(expression, Titled) and expression.title:
            return {expression.title: None}
        return {text: None for part in expression.parts for text in self.told(part)}

    def named(self, condition: str, favour: bool) -> Found:
        return self.found(self.known[condition], favour)

    # ------------------------------------------------------------ conditions

    def found(self, condition: Condition, favour: bool) -> Found:
        """What became of the condition; kept for the call unless something that it leans on is bound."""
        if condition.id in self.bound:
            hit = self.bound[condition.id]
            return Found(Truth.TRUE if hit.doubt is None else Truth.UNKNOWN, (hit,), hit.span, hit.doubt or "")
        chain = self._chain(condition)
        if any(link.id in self.bound for link in chain):
            return self._found(condition, favour)
        key = ("found", favour, self.wide, id(self.slots), *map(id, chain))
        kept = self.hearing.kept.get(key)
        if kept is None:
            kept = self.hearing.kept[key] = (self._found(condition, favour), chain, self.slots)
        found: Found = kept[0]
        return found

    def _chain(self, condition: Condition) -> list[Condition]:
        chain = [condition]
        while chain[-1].relation is not None:
            chain.append(self.known[chain[-1].relation.other])
        return chain

    def _found(self, condition: Condition, favour: bool) -> Found:
        whole = self.hearing.window(condition.who, condition.where)
        if isinstance(condition.source, Limit):
            return self._measured(condition.source, condition, favour)
        if not isinstance(condition.source, Event) and (reason := self.hearing.silent(condition.who)) is not None:
            return Found(Truth.UNKNOWN, (), whole, reason, reason)
        first = self._judged(condition, favour, whole, ends=False)
        return first if first.truth is Truth.TRUE else self._judged(condition, favour, whole, ends=True)

    def _judged(self, condition: Condition, favour: bool, whole: Span, ends: bool) -> Found:
        """By the transcript alone (then only TRUE is final), or with what the second decodes and near misses add."""
        far = ends and (favour or condition.times[1] is not None)  # a near miss may also be one too many
        found = (*sources.look(condition, self.hearing, self.slots, ends, far), *self._apart(condition))
        windows = {slack: self.hearing.window(condition.who, condition.where, slack) for slack in relations.SLACKS}
        hits = relations.placed(found, lambda hit, slack: relations.begins_in(hit.span, windows[slack]))
        if condition.relation is None:
            return self._counted(condition, hits, whole, ends, favour, None)
        return self._related(condition, condition.relation, hits, whole, ends, favour)

    def _apart(self, condition: Condition) -> list[Hit]:
        if not self.wide or condition.who is not Who.AGENT or isinstance(condition.source, Event):
            return []
        sure = [
            (hit, why)
            for voice, why in self.hearing.apart
            for hit in sources.look_in(voice, condition, self.hearing, self.slots, far=False)
            if hit.against is None
        ]
        return [replace(hit, doubt=why, against=why) for hit, why in sure]

    def _counted(self, condition: Condition, hits: tuple[Hit, ...], due: Span, ends: bool, favour: bool, anchor: Hit | None) -> Found:
        """Hits against ``times``: between those that are certain and all that may be; ``anchor`` is what they stand in relation to.

        What favours the agent accuses by its absence, and by being there too often: what is one too many is judged in the other
        direction than what is there at all.
        """
        least, most = _times(condition)
        directed = hits if favour else tuple(replace(hit, doubt=hit.against, against=hit.doubt) for hit in hits)
        counted = tuple(hit for hit in directed if favour or not hit.far)
        sure, maybe = _number(condition, [h for h in counted if h.doubt is None]), _number(condition, counted)
        if sure >= least and most is None:
            return Found(Truth.TRUE, counted, due)
        if not ends:
            return Found(Truth.UNKNOWN, counted, due)
        blind = self._blind(condition, due, favour) or (self._by_another(condition, anchor, least) if favour else "")
        if most is not None and _number(condition, [h for h in directed if h.against is None]) > most:
            return Found(Truth.FALSE, counted, due, blind=blind)
        if maybe < least and not blind:
            return Found(Truth.FALSE, counted, due)
        if most is not None and sure >= least and _number(condition, directed) <= most:
            blind = self._blind(condition, due, not favour) or ("" if favour else self._by_another(condition, anchor, most + 1))
            if not blind:
                return Found(Truth.TRUE, counted, due)
        doubts = dict.fromkeys(_told(hit) for hit in directed if hit.doubt is not None)
        return Found(Truth.UNKNOWN, counted, due, "；".join([*doubts, *([f"{name(condition.who)}：{blind}"] if blind else [])]), blind)

    def blind(self, condition: str) -> str:
        """Why there may be hits of a condition that were not found (Chinese), "" if there are none."""
        there = self.known[condition]
        if isinstance(there.source, Limit):
            return ""
        if not isinstance(there.source, Event) and (reason := self.hearing.silent(there.who)) is not None:
            return reason
        return self._blind(there, self.hearing.window(there.who, there.where), accuse=False)

    def _blind(self, condition: Condition, due: Span, accuse: bool) -> str:
        if isinstance(condition.source, Event):
            return sources.happened(condition.source.kind, self.hearing, ROLES[condition.who]).blind or ""
        if isinstance(condition.source, Regex):
            reason = sources.overran(condition.source, self.hearing) or (sources.deaf(condition.source) if accuse else None)
            if reason is not None:
                return reason
        return self.hearing.unsure(condition.who, due, accuse) or ""

    # ------------------------------------------------------------ relations

    def occasions(self, relation: Relation) -> tuple[Hit, ...]:
        """The places that something required stands in relation to: none where the other condition does not hold, however often its
        source is found, and doubtful ones where nobody knows whether it holds."""
        return self._anchors(relation, self._other(relation, favour=True))

    def _other(self, relation: Relation, favour: bool) -> Found:
        """What something stands in relation to.  ``each`` place of it makes a demand; else that it is there favours whom the whole
        favours."""
        return self.named(relation.other, favour and relation.which != "each")

    def _anchors(self, relation: Relation, other: Found) -> tuple[Hit, ...]:
        return relations.anchors(_weighed(other).hits, relation, self.hearing)

    def _related(self, condition: Condition, relation: Relation, hits: tuple[Hit, ...], whole: Span, ends: bool, favour: bool) -> Found:
        """``each`` is asked of what favours the agent; what does not is there if it is there once."""
        other = self._other(relation, favour)
        occasions = self._anchors(relation, other)
        if not occasions:
            none = other.truth is Truth.FALSE
            why = "" if none else other.why or "参照的条件无法判定"
            return Found(Truth.FALSE if none else Truth.UNKNOWN, (), whole, why, other.blind)
        parts = [self._occasion(condition, relation, hits, whole, anchor, ends, favour) for anchor in occasions]
        weighed = parts if favour else [_weighed(_doubted(part, anchor)) for part, anchor in zip(parts, occasions, strict=True)]
        kept = relations.surest(hit for part in weighed for hit in part.hits)
        one_will_do = relation.which == "any" or not favour
        demanded = favour and relation.other in self.bound
        truth = relations.decided(relation, occasions, [part.truth for part in parts], favour, demanded)
        decisive = next((part for part in parts if part.truth is truth), parts[0])
        if one_will_do and truth is Truth.FALSE and (blind := other.blind or (self.blind(relation.other) if hits else "")):
            return Found(Truth.UNKNOWN, kept, decisive.due, blind, blind)
        why = decisive.why or next((_told(anchor) for anchor in occasions if truth is Truth.UNKNOWN and anchor.doubt), "")
        found = Found(truth, kept, decisive.due, why, decisive.blind)
        return found if favour else _weighed(found)

    def _occasion(
        self, condition: Condition, relation: Relation, hits: tuple[Hit, ...], whole: Span, anchor: Hit, ends: bool, favour: bool
    ) -> Found:
        places = {slack: relations.region(relation, anchor, self.hearing, slack) for slack in relations.SLACKS}
        inside = relations.placed(hits, lambda hit, slack: relations.lies(hit, relation, anchor, places[slack]))
        place = places[0]
        start = min(max(place.start_ms, whole.start_ms), place.end_ms)
        due = Span(start, max(start, min(place.end_ms, whole.end_ms)))
        return self._counted(condition, inside, due, ends, favour, anchor)

    # ------------------------------------------------------------ whoever said it

    def _by_another(self, condition: Condition, anchor: Hit | None, needed: int) -> str:
        """``by_another`` where the condition is due, a turn more or less: turns are as uncertain as whose they are."""
        if self.hearing.anybody is None:
            return ""
        place = self.hearing.window(condition.who, relations.wider(condition.where))
        if condition.relation is not None and anchor is not None:
            around = relations.region(relations.later(condition.relation), anchor, self.hearing)
            start = max(place.start_ms, around.start_ms)
            place = Span(start, max(start, min(place.end_ms, around.end_ms)))
        return self.by_another(condition, place, needed)

    def by_another(self, condition: Condition, due: Span, needed: int = 1, besides: Sequence[Hit] = ()) -> str:
        """Says so (Chinese) if all that may be the agent's together holds often enough (``needed``) what a speaker is to have left out
        where it was ``due``; "" if not.  ``besides`` are places that stand for something else."""
        anybody = self.hearing.anybody
        theirs = not self.call.turns.diarized and condition.who is not Who.AGENT  # of two channels the agent's alone is looked at
        if anybody is None or theirs or isinstance(condition.source, Limit | Event):
            return ""
        near = any_voice.near(due)
        said = (hit for hit in sources.look_in(anybody, condition, self.hearing, self.slots, far=True) if hit.span.overlap_ms(near))
        left = [hit for hit in said if not any(hit.span.overlap_ms(other.span) for other in besides)]
        return self.hearing.whoever if _number(condition, left) >= needed else ""

    # ------------------------------------------------------------ measures

    def reading(self, measure: str, role: Role) -> Reading:
        """A figure of the call, read once."""
        key = ("measure", measure, role)
        if key not in self.hearing.kept:
            self.hearing.kept[key] = MEASURES[measure].read(self.call, role)
        reading: Reading = self.hearing.kept[key]
        return reading

    def _measured(self, limit: Limit, condition: Condition, favour: bool) -> Found:
        role = ROLES[condition.who] if ROLES[condition.who] is Role.CUSTOMER else Role.AGENT
        measure, reading = MEASURES[limit.measure], self.reading(limit.measure, role)
        if reading.value is None:
            return Found(Truth.UNKNOWN, (), reading.span, reading.why, reading.why)
        shown = f"{measure.title} {measure.shown(reading.value)}"
        beyond, error = outside(reading.value, limit), max(limit.tolerance, reading.error)
        truth = Truth.TRUE if beyond <= (0 if favour else -error) else Truth.FALSE if beyond > (error if favour else 0) else Truth.UNKNOWN
        hit = Hit(reading.span, role, "", shown, title=condition.title)
        why = f"{shown}，与界限相差不到误差 {error:g}" if truth is Truth.UNKNOWN else ""
        return Found(truth, (hit,) if truth is Truth.TRUE else (), reading.span, why)


def outside(value: float, limit: Limit) -> float:
    """By how much ``value`` lies beyond what the limits allow (``about`` included); inside of that the distance to the nearer end as
    a negative number."""
    sides = [limit.low - limit.about * abs(limit.low) - value] if limit.low is not None else []
    return max([*sides, value - limit.high - limit.about * abs(limit.high)] if limit.high is not None else sides)


def wanted(condition: Condition, call: Call, slots: Slots) -> str:
    """What a condition looks for, for people: its title, or “很抱歉”等, 静音, 语速 …"""
    if condition.title:
        return condition.title
    source = condition.source
    if isinstance(source, Say):
        texts = sources.labels(source, call, slots)
        return f"“{texts[0]}”" + ("等" if len(texts) > 1 else "")
    if isinstance(source, Words):
        return f"词表所列的话（共 {len(source.words)} 条）"
    if isinstance(source, Regex):
        return sources.like(source)
    return EVENTS[source.kind].title if isinstance(source, Event) else MEASURES[source.measure].title


def evidence(hit: Hit, call: Call) -> Evidence:
    """A hit as evidence; a moment is shown with the second before it."""
    span = hit.span
    if span.duration_ms == 0:
        end = max(span.end_ms, min(1000, call.audio.duration_ms))
        span = Span(max(0, end - 1000), end)
    return Evidence(span, hit.role, hit.text)


def together(condition: Condition) -> bool:
    """Whether it is not each hit that counts but how many there are."""
    return _times(condition) != (1, None)


def _times(condition: Condition) -> tuple[int, int | None]:
    """Least and most; of wordings of which several are due, as many different ones."""
    source, (least, most) = condition.source, condition.times
    return (max(least, source.at_least), most) if isinstance(source, Say) and source.at_least > 1 else (least, most)


def _number(condition: Condition, hits: Sequence[Hit]) -> int:
    several = isinstance(condition.source, Say) and condition.source.at_least > 1
    return len({hit.variant for hit in hits}) if several else len(hits)


def _doubted(found: Found, anchor: Hit) -> Found:
    """With the doubt of what it stands in relation to."""
    if anchor.doubt is None or found.truth is Truth.FALSE:
        return found
    return replace(found, truth=Truth.UNKNOWN, why=_told(anchor))


def _weighed(found: Found) -> Found:
    """With hits that count no more than the condition itself: none where it is FALSE, doubtful ones where it is UNKNOWN."""
    if found.truth is Truth.UNKNOWN:
        doubt = found.why or "不能断定条件是否成立"
        return replace(found, hits=tuple(replace(hit, doubt=hit.doubt or doubt) for hit in found.hits))
    return found if found.truth is Truth.TRUE else replace(found, hits=())


def _told(hit: Hit) -> str:
    what = f"“{hit.text}”" if hit.text else hit.shown
    return f"第 {hit.span.start_ms / 1000:.1f} 秒{what}：{hit.doubt}"
