"""用语规则 · Phrase rule

What is asked
    Whatever a rule book says in the language of conditions (``docs/rule-book.md``): where ``trigger`` holds, ``require`` must hold, or
    ``forbid`` must not.  All three are expressions over named conditions: wordings, lists, regular expressions, events and
    measures, of one speaker, in a part of the call, before, after or around each other.

What is found
    ``require``: one finding for each occasion, where a required condition stands in a relation to another (an apology *after* each
    complaint; several complaints in one turn are one), else one for the call.  Of an *and* each part is asked where it is due; a part
    whose situation never arose is not asked, and where none arose the rule is not applicable.  PASS shows the words; a FAIL shows
    where they were due and, in ``missing``, what would have done.
    ``forbid``: a FAIL for each place where the forbidden condition hits, the other conditions of the expression being looked at for that
    very place (a silence *that was not announced*); a condition that must be there several times is one FAIL with all its places.
    Where nothing is found, a PASS.

    ``trigger`` FALSE: not applicable.  Unknown anywhere where it matters: inconclusive.  What accuses the agent must be certain,
    what excuses needs only sound near enough (``qa.rules.conditions``).  ``excuses`` turn a FAIL into what they say.

No chance
    What was due at the end of the call is not applicable where the customer hung up within 2 s of the customer's own last word, and
    inconclusive where nobody knows who hung up.

Why
    Regulations ask for sentences in situations; a rule for a new one needs no program.

Not covered
    Meaning: another way to say the same that is not among the wordings.  Tone.  Announcements, until they are told apart from people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qa.callfacts import inconclusive, one
from qa.check_examples import Example, Scene
from qa.lexicon import Phrase, WordList
from qa.params import Context, Known
from qa.rules import read_conditions as reading
from qa.rules import verdicts
from qa.rules.conditions import Situation, directed, evidence, only, placeless, subjects, together, wanted
from qa.rules.demands import Demand, demands, situations
from qa.rules.expression import And, Expression, Name, Not, Truth, names
from qa.rules.model import Condition, Event, Excuse, Relation, Say, Where, Who, Words
from qa.rules.read_named import reachable, read_conditions
from qa.rules.sources import Hit
from qa.toml_document import Section, WrongValueError, as_texts
from qa.types import Call, Evidence, Finding, Outcome

TITLE = "用语规则"
TITLE_EN = "Phrase rule"

SHORT = "_"
"""Name of the condition that a short form (``require = ["…"]``) stands for."""


def _polite() -> tuple[Condition, ...]:
    return (Condition("thanks", Say(("(感谢|谢谢)[您]", "麻烦您了"), far=reading.FAR_IN_A_WHOLE_CALL)),)


@dataclass(frozen=True)
class Params:
    """One of ``require`` and ``forbid``; ``conditions`` are all that they, ``trigger`` and ``excuses`` lead to.

    By default the agent is to thank the customer somewhere in the call.
    """

    require: Expression | None = None
    forbid: Expression | None = None
    trigger: Expression | None = None
    excuses: tuple[Excuse, ...] = ()
    conditions: tuple[Condition, ...] = ()
    slots: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        if self.require is None and self.forbid is None and not self.conditions:
            object.__setattr__(self, "require", Name("thanks"))
            object.__setattr__(self, "conditions", _polite())
        if (self.require is None) == (self.forbid is None):
            raise ValueError("require 和 forbid 应写其中一个")
        verdicts.validate(self, self.require, self.forbid)

    @classmethod
    def read(cls, section: Section, context: Context) -> Params | None:
        """The parameters of a rule's table, or None with the problems noted in its document."""
        document, before = section.document, len(section.document.problems)
        section.allow(*context.hidden)
        known = {**context.conditions, **read_conditions(section, context)}
        given = [name for name in ("require", "forbid") if name in section.table]
        if len(given) != 1:
            cause = f"[{section.name}] " + ("同时写了 require 和 forbid" if given else "没有写 require 或 forbid")
            document.problem(section.at, cause, "写其中一个：require 是应有的，forbid 是不许有的")
        found = {name: _demand(section, name, known, context) for name in ("require", "forbid")}
        for key in ("who", "where"):
            section.allow(key)
            if key in section.table and SHORT not in known:
                document.problem((*section.at, key), f"{key} 只用于直接写话语的 require、forbid", "写在条件里")
        trigger = reading.read_expression(section, "trigger", _named(known))
        excuses = reading.read_excuses(section, _named(known))
        section.close()
        if len(document.problems) > before:
            return None
        conditions = reachable((*found.values(), trigger, *(e.expression for e in excuses)), known)
        return cls(found["require"], found["forbid"], trigger, excuses, conditions, context.slots)


def _named(known: dict[str, Known]) -> dict[str, Known]:
    return {name: found for name, found in known.items() if name != SHORT}


def _demand(section: Section, key: str, known: dict[str, Known], context: Context) -> Expression | None:
    """The expression at ``key``; a list of wordings or of list files becomes a condition of its own, added to ``known``."""
    if not isinstance(section.table.get(key), list):
        return reading.read_expression(section, key, _named(known))
    section.allow(key)
    who = section.optional("who", reading.as_who, Who.AGENT)
    where = section.optional("where", reading.as_where, Where())
    known[SHORT] = Condition(SHORT, Say(("无",)))  # stands in where the list has a fault
    source = _short_source(section, key, context)
    if source is None or who is None or where is None:
        return None
    known[SHORT] = Condition(SHORT, source, who, where)
    return Name(SHORT)


def _short_source(section: Section, key: str, context: Context) -> Say | Words | None:
    """Word lists and phrases with exceptions, or wordings: required ones by sound, forbidden ones as strictly as those of a list."""
    items = section.table[key]
    if any(isinstance(item, dict) or (isinstance(item, str) and item.endswith(".txt")) for item in items):
        return reading.read_words(_Renamed(section, key, {"words": items}), context)
    texts = section.optional(key, as_texts, None)
    if texts is None:
        return None
    where = {name: section.table[name] for name in ("where",) if name in section.table}
    if key == "require":
        return reading.read_say(_Renamed(section, key, {"say": list(texts), **where}), context)
    return section.optional(key, _as_phrases, None)


class _Renamed(Section):
    """A table made up from a short form: problems point to the key that it was written with."""

    def __init__(self, section: Section, key: str, table: dict[str, Any]) -> None:
        super().__init__(section.document, section.at, table)
        self._key = key

    def optional(self, name: str, convert: Any, default: Any) -> Any:
        try:
            return convert(self.table[name]) if name in self.table else default
        except WrongValueError as wrong:
            self.document.problem((*self.at, self._key, *wrong.inside), f"{self._key} {wrong.cause}", wrong.cure)
            return None


def _as_phrases(value: Any) -> Words:
    texts = as_texts(value)
    for index, text in enumerate(texts):
        if not all(character.isalnum() for character in text):
            cure = "不许说的话只写字；要用句式，请写成条件：[checks.….conditions.…] 的 say"
            raise WrongValueError(f"的第 {index + 1} 项“{text}”里有空格、标点或句式记号", cure, (index,))
    return Words(WordList("rules.toml", tuple(Phrase(text) for text in texts)))


# ---------------------------------------------------------------- judging


def run(call: Call, params: Params) -> Iterator[Finding]:
    """A finding for each occasion or place.  Values: heard, wanted, distance, probability of words; missing of an omission."""
    here = verdicts.situation(call, params)
    if params.require is not None:
        yield from _required(here, params, params.require)
    elif params.forbid is not None:
        reason = verdicts.untriggered(here, params)
        yield from [reason] if reason is not None else _forbidden(here, params, params.forbid)


# ------------------------------------------------ required


def _required(here: Situation, params: Params, require: Expression) -> Iterator[Finding]:
    asked = [finding for demand in demands(here, require) for finding in _asked(here, params, demand)]
    yield from dict.fromkeys(asked) if asked else [_not_due(here, params, situations(here, require))]


def _asked(here: Situation, params: Params, demand: Demand) -> Iterator[Finding]:
    if demand.near is None:
        yield verdicts.untriggered(here, params) or _demanded(here, params, demand.expression, None)
        return
    other, judged = demand.near.other, list[Finding]()
    occasions = here.occasions(demand.near)
    if not occasions:
        yield _no_occasion(here, params, other)
        return
    for hit in occasions:
        bound = here.bind(other, hit)
        judged.append(verdicts.untriggered(bound, params) or _demanded(bound, params, demand.expression, hit))
    yield from judged
    if all(finding.outcome not in _UNSETTLED for finding in judged) and (blind := here.blind(other)):
        told = wanted(here.known[other], here.call, here.slots)
        missed = inconclusive(f"不能断定没有另外出现本条所针对的情形（{told}）：{blind}，需人工复核")
        reason = verdicts.untriggered(here, params)
        yield from [] if reason is not None else [verdicts.excused(here.missed(other, blind), params, missed)]


_UNSETTLED = (Outcome.FAIL, Outcome.INCONCLUSIVE)
"""Beside one of these it does not matter what else may have been missed."""


def _not_due(here: Situation, params: Params, near: Iterable[str]) -> Finding:
    """What was asked for is about situations none of which arose."""
    told = "、".join(dict.fromkeys(wanted(here.known[other], here.call, here.slots) for other in near))
    reason = verdicts.untriggered(here, params)
    if reason is not None and reason.outcome is Outcome.NOT_APPLICABLE:
        return reason
    return one(Outcome.NOT_APPLICABLE, f"没有出现本条所针对的情形（{told}）")


def _no_occasion(here: Situation, params: Params, other: str) -> Finding:
    """Nobody knows whether the situation arose."""
    found, told = here.named(other, favour=False), wanted(here.known[other], here.call, here.slots)
    reason = verdicts.untriggered(here, params)
    if reason is not None and reason.outcome is Outcome.NOT_APPLICABLE:
        return reason
    return inconclusive(f"不能断定有没有出现本条所针对的情形（{told}）：{found.why or '无法判定'}，需人工复核")


def _demanded(here: Situation, params: Params, require: Expression, occasion: Hit | None) -> Finding:
    when = "" if occasion is None else f"第 {occasion.span.start_ms / 1000:.1f} 秒{_what(occasion)}，"
    here, truth = verdicts.kept(here, require)
    if truth is Truth.TRUE:
        said = (here.named(name, True) for name, positive in directed(require, True) if positive)
        hits = [hit for found in said for hit in found.hits if hit.doubt is None]
        values = _values(hits[0]) if hits else {}
        shown = [evidence(hit, here.call) for hit in hits[:3]]
        return one(Outcome.PASS, f"{when}{_heard(hits) if hits else '合乎要求'}", *shown, **values)
    doubt = None if occasion is None else occasion.doubt
    if truth is Truth.UNKNOWN or doubt is not None:
        places = [here.known[name] for name in names(require)]
        shown = [evidence(occasion, here.call)] if occasion is not None and occasion.doubt is not None else []
        shown += [verdicts.due_evidence(here, condition, here.found(condition, True).due) for condition in places[:1]]
        why = doubt or here.why(require, favour=True)
        finding = inconclusive(f"{when}未能确认：{why}，需人工复核", *shown)
        return verdicts.excused(here, params, finding)
    finding = verdicts.omission(here, require, when, occasion)
    return verdicts.excused(here, params, verdicts.chance(here, require, finding))


def _heard(hits: list[Hit]) -> str:
    told = dict.fromkeys(f"说了“{hit.text}”" if hit.text else f"有{hit.shown}" for hit in hits[:3])
    return f"第 {hits[0].span.start_ms / 1000:.1f} 秒{'、'.join(told)}"


def _what(hit: Hit) -> str:
    return f"“{hit.text}”" if hit.text else hit.shown


# ------------------------------------------------ forbidden


def _forbidden(here: Situation, params: Params, forbid: Expression) -> Iterator[Finding]:
    found: list[tuple[Finding, Sequence[Hit]]] = []
    for name in subjects(forbid):
        branch = only(forbid, name)
        for bound, hits in _places(here, name):
            finding = _occurrence(bound, params, branch, hits)
            found += [(finding, hits)] if finding is not None else []
    absent = [finding for branch in _without_places(here, forbid) if (finding := _lacking(here, params, branch)) is not None]
    findings = [*verdicts.each_once(found), *absent]
    yield from findings
    if all(finding.outcome not in _UNSETTLED for finding in findings):
        last = _none(here, params, forbid)
        yield from [last] if not findings or last.outcome is Outcome.INCONCLUSIVE else []


def _places(here: Situation, name: str) -> Iterator[tuple[Situation, Sequence[Hit]]]:
    """The occurrences of a condition, each with what holds for it; one of which it counts how often it hits is one occurrence."""
    result = here.named(name, favour=False)
    if result.truth is Truth.FALSE or not result.hits:
        return
    if together(here.known[name]):
        sure = [hit for hit in result.hits if hit.doubt is None]
        yield here, sure if result.truth is Truth.TRUE and sure else result.hits
        return
    for hit in result.hits:
        yield here.bind(name, hit), [hit]


def _occurrence(here: Situation, params: Params, forbid: Expression, hits: Sequence[Hit]) -> Finding | None:
    truth = here.value(forbid, favour=False)
    if truth is Truth.FALSE:
        return None
    places = "、".join(dict.fromkeys(f"第 {hit.span.start_ms / 1000:.1f} 秒{_said(hit)}" for hit in hits))
    shown: list[Evidence] = [evidence(hit, here.call) for hit in hits]
    if truth is Truth.UNKNOWN:
        finding = inconclusive(f"疑似：{places}；{here.why(forbid, favour=False)}，需人工复核", *shown, **_values(hits[0]))
        return verdicts.excused(here, params, finding)
    return verdicts.excused(here, params, one(Outcome.FAIL, places, *shown, **_values(hits[0])))


def _said(hit: Hit) -> str:
    if not hit.text:
        seconds = hit.span.duration_ms / 1000
        return f"{hit.shown} {seconds:.1f} 秒" if seconds else hit.shown
    shown = hit.shown if "“" in hit.shown else f"“{hit.shown}”"
    return f"说了{shown}" + ("" if hit.text == hit.shown else f"（转写为“{hit.text}”）")


def _without_places(here: Situation, forbid: Expression) -> list[Expression]:
    """The branches that are to be looked at for the call as a whole: what is forbidden may also be that something is *not* there."""
    rest = placeless(forbid)
    nowhere = [only(forbid, name) for name in subjects(forbid) if not here.named(name, favour=False).hits]
    return [*nowhere, *([rest] if rest is not None else [])]


def _lacking(here: Situation, params: Params, branch: Expression) -> Finding | None:
    """A FAIL where ``branch`` certainly holds though there is no place to show."""
    if here.value(branch, favour=False) is not Truth.TRUE:
        return None
    kept = Not(branch)
    return verdicts.excused(here, params, verdicts.chance(here, kept, verdicts.omission(here, kept, "", None)))


def _none(here: Situation, params: Params, forbid: Expression) -> Finding:
    """No place was found: a PASS if none can have been missed."""
    named = subjects(forbid)
    unknown = [b for b in _without_places(here, forbid) if here.value(b, favour=False) is Truth.UNKNOWN]
    blind = {n: reason for n in named if (reason := here.blind(n))}
    reasons = [*(here.why(branch, favour=False) for branch in unknown), *blind.values(), *verdicts.hidden(here, forbid)]
    for name, reason in blind.items():
        here = here.missed(name, reason)
    if reasons:
        return verdicts.excused(here, params, inconclusive(f"不能断定没有出现：{reasons[0]}"))
    told = here.told(forbid) if not named else dict.fromkeys(wanted(here.known[n], here.call, here.slots) for n in named)
    return one(Outcome.PASS, f"没有出现本条所禁止的（{'、'.join(told)}）")


def _values(hit: Hit) -> dict[str, float | int | str | None]:
    if not hit.text:
        return {"seconds": round(hit.span.duration_ms / 1000, 1)}
    probability = None if hit.probability is None else round(hit.probability, 3)
    return {"wanted": hit.shown, "heard": hit.text, "distance": round(hit.distance, 3), "probability": probability}


_COMPLAINT = Condition("complaint", Words(WordList("", (Phrase("要投诉", ("不是要投诉",)),))), Who.CUSTOMER)
_APOLOGY = Condition("apology", Say(("(很|非常|十分)抱歉", "对不起")), relation=Relation("after", "complaint", within_turns=2))
_APOLOGISE = (("require", Name("apology")), ("conditions", (_COMPLAINT, _APOLOGY)))
_OPEN = "坐席 0.5-3.5 您好，华宁通信，为您服务。\n"
_ANGRY = _OPEN + "客户 4-7 你们太不像话了，我要投诉。\n"
_END = "\n坐席 20-22 感谢您的来电，再见。"


def _replied(line: str, customer: str = "你们太不像话了，我要投诉。", first: str = "您好，请讲。", **more: Any) -> Scene:
    return Scene(f"坐席 0.5-3.5 {first}\n客户 4-7 {customer}\n坐席 7.5-10 {line}{_END}", **more)


_SILENCE = Condition("silence", Event("silence", 8.0))
_ASKED = Condition("asked", Say(("请[您]稍(等|候)",)), relation=Relation("before", "silence", within_s=5.0))
_AGREED = Condition("agreed", Say(("可以等", "没关系"), far=0.3), Who.CUSTOMER, relation=Relation("before", "silence", within_s=5.0))
_HELD = (("forbid", And((Name("silence"), Not(Name("asked"))))), ("conditions", (_SILENCE, _ASKED)))
_EXCUSED = (
    ("forbid", Name("silence")),
    ("excuses", (Excuse(Name("agreed"), "not_applicable", "客户同意等待"),)),
    ("conditions", (_SILENCE, _AGREED)),
)


def _hold(line: str, **more: Any) -> Scene:
    return Scene(f"{_OPEN}客户 4-7 我想查一下话费，我可以等。\n坐席 7.5-9.5 {line}\n坐席 20-22 您的话费是三十元。", **more)


_BYE = Condition("bye", Say(("再见", "拜拜")), where=Where(last_turns=1))
_GOODBYE = (("require", Name("bye")), ("conditions", (_BYE,)))
_CUT = _OPEN + "客户 4-7 那就这样吧，不说了。"
_TWICE = (("forbid", Name("rules")), ("conditions", (Condition("rules", Say(("公司规定",), far=0.3), times=(2, None)),)))

EXAMPLES = (
    Example("thanked somewhere", _replied("好的。"), Outcome.PASS, (20000, 20750)),
    Example("never thanked", Scene(_OPEN + "客户 4-6 知道了。\n坐席 7-9 好的，再见。"), Outcome.FAIL, (500, 9500)),
    Example("apology after the complaint", _replied("非常抱歉，我马上查。"), Outcome.PASS, (7500, 8750), (), _APOLOGISE),
    Example("homophones of the recogniser", _replied("非长报歉，我马上查。"), Outcome.PASS, (7500, 8750), (), _APOLOGISE),
    Example("no apology", _replied("好的，我帮您登记。"), Outcome.FAIL, (7000, 22500), (("missing", "“很抱歉”、“对不起”"),), _APOLOGISE),
    Example("an apology for something else", _replied("好的。", first="对不起，久等了。"), Outcome.FAIL, (7000, 22500), (), _APOLOGISE),
    Example("no complaint", _replied("您请讲。", "我不是要投诉，想问一下。"), Outcome.NOT_APPLICABLE, None, (), _APOLOGISE),
    Example("a complaint badly heard", _replied("您请讲。", "@0.4 我要投诉。"), Outcome.INCONCLUSIVE, None, (), _APOLOGISE),
    Example("what sounds like an apology", _replied("对不动，我帮您登记。"), Outcome.INCONCLUSIVE, None, (), _APOLOGISE),
    Example("much of it not transcribed", _replied("\n坐席 11-19"), Outcome.INCONCLUSIVE, None, (), _APOLOGISE),
    Example("no second decode of the end", _replied("好的，登记了。", closing=""), Outcome.INCONCLUSIVE, None, (), _APOLOGISE),
    Example("a silence that was announced", _hold("好的，请您稍等。"), Outcome.PASS, None, (), _HELD),
    Example("a silence that was not", _hold("哦，话费啊。"), Outcome.FAIL, (9500, 20000), (("seconds", 10.5),), _HELD),
    Example("a silence that the customer agreed to", _hold("哦，话费啊。"), Outcome.NOT_APPLICABLE, (9500, 20000), (), _EXCUSED),
    Example("said once", _replied("这是公司规定。"), Outcome.PASS, None, (), _TWICE),
    Example("said twice", _replied("公司规定，这是公司规定。"), Outcome.FAIL, (7500, 8500), (("wanted", "公司规定"),), _TWICE),
    Example("no goodbye", Scene(_CUT + "\n坐席 8-9 好的。"), Outcome.FAIL, (8000, 9500), (("missing", "“再见”、“拜拜”"),), _GOODBYE),
    Example("customer hung up in mid-conversation", Scene(_CUT, hangup_by="customer"), Outcome.NOT_APPLICABLE, None, (), _GOODBYE),
    Example("unknown who hung up", Scene(_CUT, hangup_by=None), Outcome.INCONCLUSIVE, None, (), _GOODBYE),
    Example("mono, nobody knows who speaks", _replied("好的。", mono=True), Outcome.INCONCLUSIVE),
)
