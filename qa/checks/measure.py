"""指标规则 · Measure rule

What is asked
    A figure of the call (``measure``, out of ``qa.rules.measures``) lies between ``low`` and ``high``, both included; one of them may be
    left out.

How it is measured
    As the measure's own description says.  Its error is its own or ``tolerance``, whichever is larger: outside a limit by no more than
    that is inconclusive.  ``about`` (约, 左右, 尽量 in a regulation) is the share by which a limit may be missed and is still kept; the
    error counts from there.  A call that has no such figure (the rings of an
    outgoing call) is not applicable; one whose figure cannot be had is inconclusive.

    ``trigger`` (not applicable where it does not hold) and ``excuses`` (what a FAIL becomes where they hold) as in ``phrase``: a bad line
    excuses the volume.

Why
    Regulations name figures; a limit on another one needs no program.

Not covered
    Figures of a part of the call; figures of many calls (averages of a month).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qa.callfacts import one
from qa.check_examples import Example, Scene, Sound
from qa.params import Context
from qa.rules import read_conditions as reading
from qa.rules import verdicts
from qa.rules.conditions import Situation, outside
from qa.rules.expression import Expression, Name
from qa.rules.hearing import ROLES
from qa.rules.measures import MEASURES, Measure, Reading
from qa.rules.model import Condition, Event, Excuse, Limit, Who
from qa.rules.read_named import reachable, read_conditions
from qa.toml_document import Section
from qa.types import Call, Evidence, Finding, Outcome, Role, Span

TITLE = "指标规则"
TITLE_EN = "Measure rule"

PLACES = 20
"""So many places of what a figure counts are shown."""


@dataclass(frozen=True)
class Params:
    """Limits in the measure's own unit, ``None``: open; ``about`` a share of them (0-1).

    By default the agent's pitch is to move by 3 semitones or more.
    """

    measure: str = "pitch_range_st"
    low: float | None = None
    high: float | None = None
    tolerance: float = 0.0
    about: float = 0.0
    who: Who = Who.AGENT
    trigger: Expression | None = None
    excuses: tuple[Excuse, ...] = ()
    conditions: tuple[Condition, ...] = ()
    slots: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ValueError(f"没有指标 {self.measure}（measure）")
        if self.low is None and self.high is None:
            if self.measure != "pitch_range_st":
                raise ValueError("low 和 high 至少写一个")
            object.__setattr__(self, "low", 3.0)
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"应有 low ≤ high，现为 {self.low:g} 和 {self.high:g}")
        if self.tolerance < 0:
            raise ValueError(f"tolerance 不能小于 0，现为 {self.tolerance:g}")
        if not 0 <= self.about < 1:
            raise ValueError(f"about 应不小于 0 且小于 1，现为 {self.about:g}")
        verdicts.validate(self)

    @classmethod
    def read(cls, section: Section, context: Context) -> Params | None:
        """The parameters of a rule's table, or None with the problems noted in its document."""
        document, before = section.document, len(section.document.problems)
        section.allow(*context.hidden)
        known = {**context.conditions, **read_conditions(section, context)}
        limit = reading.read_limit(section, context)
        who = section.optional("who", reading.as_who, Who.AGENT)
        if limit is not None and who is not None:
            reading.check_speaker(section, limit.measure, who)
        trigger = reading.read_expression(section, "trigger", known)
        excuses = reading.read_excuses(section, known)
        section.close()
        if len(document.problems) > before or limit is None or who is None:
            return None
        conditions = reachable((trigger, *(e.expression for e in excuses)), known)
        return cls(**vars(limit), who=who, trigger=trigger, excuses=excuses, conditions=conditions, slots=context.slots)

    @property
    def limit(self) -> Limit:
        return Limit(self.measure, self.low, self.high, self.tolerance, self.about)


def run(call: Call, params: Params) -> Iterator[Finding]:
    """One finding.  Values: the measure by its name, low, high, error."""
    here = verdicts.situation(call, params)
    yield verdicts.untriggered(here, params) or _judged(here, params)


def _judged(here: Situation, params: Params) -> Finding:
    measure, role = MEASURES[params.measure], Role.AGENT if params.who is Who.ANYONE else ROLES[params.who]
    reading = here.reading(params.measure, role)
    if reading.value is None:
        outcome = Outcome.INCONCLUSIVE if reading.applies else Outcome.NOT_APPLICABLE
        told = reading.why if not reading.applies else f"{reading.why}，无法判定{measure.title}"
        return verdicts.excused(here, params, one(outcome, told))
    beyond, error = outside(reading.value, params.limit), max(params.tolerance, reading.error)
    told = f"{measure.title} {measure.shown(reading.value)}（规定{_range(measure, params)}）"
    if beyond <= 0:
        return _finding(Outcome.PASS, f"{told}，合格", reading, measure, params, role, error)
    if beyond <= error:
        message = f"{told}；只差 {measure.shown(beyond)}，在测量误差 {error:g} 之内，不作判定"
        finding = _finding(Outcome.INCONCLUSIVE, message, reading, measure, params, role, error)
        return verdicts.excused(here, params, finding)
    return verdicts.excused(here, params, _finding(Outcome.FAIL, told, reading, measure, params, role, error))


def _range(measure: Measure, params: Params) -> str:
    unit = f" {measure.unit}" if measure.unit else ""
    more = f"，容许 {100 * params.about:g}%" if params.about else ""
    if params.low is not None and params.high is not None:
        return f"{'约' if more else ''} {params.low:g} 至 {params.high:g}{unit}{more}"
    limit = f"不低于{'约' if more else ''} {params.low:g}" if params.low is not None else f"不超过{'约' if more else ''} {params.high:g}"
    return f"{limit}{unit}{more}"


def _finding(outcome: Outcome, message: str, reading: Reading, measure: Measure, params: Params, role: Role, error: float) -> Finding:
    assert reading.value is not None
    value = round(reading.value, max(1, measure.decimals))
    places = reading.places[:PLACES] or (reading.span,)
    spans = (span if span.duration_ms else Span(span.start_ms, span.start_ms + 1) for span in places)
    values = {measure.id: value, "low": params.low, "high": params.high, "error": round(error, 3)}
    return one(outcome, message, *(Evidence(span, role) for span in spans), **values)


_TALK = """
坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。
客户 5-7 我想查话费。
坐席 7.5-12.5 好的，您稍等，话费是三十元。
坐席 13-16 还有别的吗？
"""
_LIVELY = Sound(louder=((0.5, 2.5, 0.0, 1.3), (7.5, 9.5, 0.0, 0.8)))
_NEARLY = Sound(louder=((0.5, 2.5, 0.0, 1.16),))
_LOUD = (("measure", "level_dbov"), ("low", -35.0), ("high", -15.0))
_HELD = (("measure", "longest_silence_s"), ("high", 3.0))
_BAD_LINE = (
    ("excuses", (Excuse(Name("noise"), "inconclusive", "线路噪声大"),)),
    ("conditions", (Condition("noise", Limit("snr_db", high=15.0)),)),
)
_FEW_RINGS = (("measure", "rings"), ("high", 3.0))
_QUIET = Sound(-38.0, noise_dbov=-50.0)
_ONLY_HELD = (("trigger", Name("held")), ("conditions", (Condition("held", Event("silence", 20.0)),)))

EXAMPLES = (
    Example("a lively voice", Scene(_TALK, agent=_LIVELY), Outcome.PASS, (500, 16000), (("pitch_range_st", 8.4), ("low", 3.0))),
    Example("at the limit", Scene(_TALK, agent=Sound(-15.0)), Outcome.PASS, None, (("level_dbov", -15.0),), _LOUD),
    Example("a silence within the limit", Scene(_TALK), Outcome.PASS, None, (("longest_silence_s", 0.5),), _HELD),
    Example("a little less than about so much", Scene(_TALK, agent=_NEARLY), Outcome.PASS, None, (("low", 3.0),), (("about", 0.15),)),
    Example("monotone", Scene(_TALK), Outcome.FAIL, (500, 16000), (("pitch_range_st", 0.0),)),
    Example("too loud", Scene(_TALK, agent=Sound(-11.0)), Outcome.FAIL, (500, 16000), (("level_dbov", -11.0),), _LOUD),
    Example(
        "the silence that was too long",
        Scene(_TALK + "\n坐席 26-28 还在吗？"),
        Outcome.FAIL,
        (16000, 26000),
        (("longest_silence_s", 10.0),),
        _HELD,
    ),
    Example("below the limit by less than the error", Scene(_TALK, agent=_NEARLY), Outcome.INCONCLUSIVE, None, (("pitch_range_st", 2.6),)),
    Example("excused by the line", Scene(_TALK, agent=_QUIET), Outcome.INCONCLUSIVE, None, (), (*_LOUD, *_BAD_LINE)),
    Example("rings of an outgoing call", Scene(_TALK, direction="out"), Outcome.NOT_APPLICABLE, None, (), _FEW_RINGS),
    Example("the trigger did not happen", Scene(_TALK), Outcome.NOT_APPLICABLE, None, (), _ONLY_HELD),
    Example("hardly a word", Scene("坐席 0.5-1.5 喂？"), Outcome.INCONCLUSIVE),
    Example("mono, nobody knows who speaks", Scene(_TALK, mono=True), Outcome.INCONCLUSIVE),
)
