"""From a call and a rule book to a scorecard: the checks say what is so, the rule book says what it is worth.

A check that breaks costs nobody a point and stops nothing: its outcome is ERROR, and the call goes to a person.
"""

from __future__ import annotations

import datetime
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from qa import __version__, fingerprint, sightings
from qa.checks import CheckModule
from qa.rules import points, when
from qa.rules.book import Rule, RuleBook, Variant
from qa.rules.expression import Truth
from qa.rules.points import Tally
from qa.types import Call, CheckResult, Finding, Outcome, Provenance, Ruling, Scorecard

DEMO_NOTE = "演示：文字由内置演示模型识别，结果不得用于考核"
DEMO_SPEAKERS_NOTE = "演示：说话人由内置演示模型区分，结果不得用于考核"
_TO_REVIEW = (
    ((Outcome.INCONCLUSIVE, Outcome.ERROR), "{count} 项无法判定，请人工复核：{titles}"),
    ((Outcome.ERROR,), "{count} 项检查程序出错，请报告管理员：{titles}"),
)
_GRAVEST_FIRST = (Outcome.ERROR, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True)
class Judgement:
    """What a rule found in a call, before it is worth anything: ``title`` and ``clause`` are those of the variant that held.

    ``findings`` are empty where the judgement was taken over from row ``kept`` of the store, which has them.
    """

    title: str
    clause: str
    outcome: Outcome
    occurrences: int
    findings: tuple[Finding, ...] = ()
    kept: int | None = None


@dataclass(frozen=True)
class About:
    """What a scorecard says of the call itself: ``started`` is wall clock (UTC+8) of the first ring; ``notes`` are the call's own."""

    call_id: str
    agent_id: str | None
    started: datetime.datetime | None
    file_sha256: str
    models: tuple[tuple[str, str], ...]
    demo: bool
    notes: tuple[str, ...]

    def provenance(self, book: RuleBook) -> Provenance:
        return Provenance(self.file_sha256, self.models, book.id, book.stamp, __version__, self.demo)


def about(call: Call) -> About:
    models = (("asr", call.transcript.model), ("activity", call.activity.method), ("speakers", call.turns.method))
    told = call.record.notes if call.record else ()
    demo = [DEMO_NOTE] * call.transcript.demo or [DEMO_SPEAKERS_NOTE] * call.turns.demo
    doubt = [call.roles.doubt] if call.roles.doubt else []
    notes = (*call.audio.notes, *call.turns.notes, *told, *doubt, *demo)
    agent_id = (call.record.agent_id or None) if call.record else None
    return About(call_id(call), agent_id, when.started(call), call.audio.sha256, models, bool(demo), notes)


def score(call: Call, book: RuleBook, earlier: Mapping[str, int] | None = None, rulings: Mapping[str, Ruling] | None = None) -> Scorecard:
    """Run every rule of ``book`` on ``call`` and count the points.  Never raises for what a check does.

    ``earlier``: by rule id, breaches of the same agent in earlier calls of the calendar month, for rules that warn first; without it the
    call is counted as the agent's first of the month (``qa.rules.points.month`` counts a whole month).  ``rulings``: by rule id, what
    persons ruled of this call; it counts in the place of what the program finds, as far as they had that before the eyes.
    """
    prints = fingerprint.of_book(book)
    valued = [
        _valued(rule, mark, judge(call, rule, book), book, earlier or {}, (rulings or {}).get(rule.id))
        for rule, mark in zip(book.rules, prints, strict=True)
    ]
    of, total = about(call), points.total((points.line(*one) for one in valued), book.scoring)
    return Scorecard(
        call_id=of.call_id,
        agent_id=of.agent_id,
        percent=None if total.percent is None else float(total.percent),
        coverage=float(total.coverage),
        results=tuple(result for _, result, _ in valued),
        provenance=of.provenance(book),
        notes=notes(of, book, total),
    )


def call_id(call: Call) -> str:
    """The call's number in the call record; without one the file's name and 8 digits of its hash, as names recur day by day."""
    if call.record is not None and call.record.call_id:
        return call.record.call_id
    return f"{Path(call.audio.path).stem}@{call.audio.sha256[:8]}"


def combine(outcomes: Iterable[Outcome]) -> Outcome:
    """One outcome of a check that found several things: the gravest of them.

    ERROR before FAIL before INCONCLUSIVE; PASS if anything passed; NOT_APPLICABLE if nothing else was found; ERROR if nothing
    was found at all, since a check must say something.
    """
    found = list(outcomes)  # a handful: quicker than a set of enum members
    return next((outcome for outcome in _GRAVEST_FIRST if outcome in found), Outcome.ERROR)


def judge(call: Call, rule: Rule, book: RuleBook) -> Judgement:
    """What one rule finds.  Never raises for what a check does."""
    asked, findings = _asked(call, rule, book)
    outcome = combine(finding.outcome for finding in findings)
    return Judgement(asked.title, asked.clause, outcome, sum(finding.outcome is outcome for finding in findings), findings)


def _valued(
    rule: Rule, mark: str | None, found: Judgement, book: RuleBook, earlier: Mapping[str, int], ruling: Ruling | None = None
) -> tuple[Rule, CheckResult, points.Worth]:
    machine = _valued(rule, mark, found, book, earlier)[1] if ruling is not None else None
    if ruling is not None:
        ruling = sightings.held(ruling, found.findings, found.outcome)
        found = replace(found, outcome=ruling.outcome, occurrences=ruling.occurrences, findings=ruling.findings)
    worth = points.worth(rule, book.scoring.mode, found.outcome, found.occurrences, earlier.get(rule.id, 0))
    result = CheckResult(
        check_id=rule.id,
        title=found.title,
        clause=found.clause,
        outcome=found.outcome,
        weight=float(worth.worth),
        points=None if worth.kept is None else float(worth.kept),
        findings=found.findings,
        kind=rule.kind,
        section=rule.section,
        severity=rule.severity.value,
        fingerprint=mark or "",
        verdict=ruling.verdict if ruling is not None else 0,
        machine=machine,
        outgrown=ruling is not None and ruling.outgrown,
    )
    return rule, result, worth


def _asked(call: Call, rule: Rule, book: RuleBook) -> tuple[Rule | Variant, tuple[Finding, ...]]:
    """Who asked (the rule or one of its variants) and what was found, with an ERROR at the end if something broke."""
    asked: Rule | Variant = rule
    findings: list[Finding] = []
    try:
        asked, applies = when.choose(rule, call, book)
        if applies is Truth.TRUE:
            _run(call, rule.module, asked.params, findings)
        else:
            outcome = Outcome.NOT_APPLICABLE if applies is Truth.FALSE else Outcome.INCONCLUSIVE
            findings.append(Finding(outcome, when.why_not(rule, call, book)))
    except Exception as error:  # a broken check must not take the call with it, whatever it raises
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        text = f"检查程序出错，本项不计分：{type(error).__name__}: {error}（{where}）"
        findings.append(Finding(Outcome.ERROR, text, values=(("exception", type(error).__name__), ("where", where))))
    return asked, tuple(findings)


def _run(call: Call, module: CheckModule, params: Any, findings: list[Finding]) -> None:
    """What the check finds is added one by one: what it found before it broke is kept."""
    for finding in module.run(call, params):
        if not isinstance(finding, Finding):
            raise TypeError(f"run() yielded {type(finding).__name__}, not a Finding")
        findings.append(finding)
    if not findings:
        raise ValueError("run() yielded no finding")


def notes(of: About, book: RuleBook, total: Tally) -> tuple[str, ...]:
    """What a scorecard says beside its results: of the call, of the day, of what was left open, of the sum."""
    return tuple(dict.fromkeys([*of.notes, *out_of_effect(of.started, book), *of_total(total)]))


def of_total(total: Tally) -> Iterator[str]:
    """What the results and their sum give to say."""
    for outcomes, text in _TO_REVIEW:
        titles = [line.result.title for line in total.lines if line.result.outcome in outcomes]
        if titles:
            yield text.format(count=len(titles), titles="、".join(titles))
    if total.vetoed:
        yield f"一票否决：{'、'.join(total.vetoed)}"
    if total.open_vetoes:
        yield f"一票否决项无法判定，总分以复核为准：{'、'.join(total.open_vetoes)}"
    warned = [line.result.title for line in total.lines if line.worth.warned]
    if warned:
        yield f"首次只警告：{'、'.join(warned)}"
    if total.unscored == "coverage":
        least = share_text(total.scoring.min_coverage)
        yield f"可判定的部分只占 {share_text(total.coverage)}，低于规则书要求的 {least}，不给总分"
    elif total.unscored == "nothing":
        yield "没有一项适用于此通话，不给总分"


def share_text(value: Decimal) -> str:
    """A share (0-1) in percent, cut and not rounded: 59.96 % must not be shown as the 60 % that it misses."""
    tenths = int(value * 1000)
    return f"{tenths // 10}%" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}%"


def out_of_effect(start: datetime.datetime | None, book: RuleBook) -> Iterator[str]:
    """That the rule book was not in force on the day of the call."""
    if start is None:
        return
    if book.effective_from is not None and start.date() < book.effective_from:
        yield f"通话日期 {start.date()} 早于规则书的生效日期 {book.effective_from}"
    if book.effective_until is not None and start.date() > book.effective_until:
        yield f"通话日期 {start.date()} 晚于规则书的失效日期 {book.effective_until}"
