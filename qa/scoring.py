"""From a call and a rule book to a scorecard: the checks say what is so, the rule book says what it is worth.

A check that breaks costs nobody a point and stops nothing: its outcome is ERROR, and the call goes to a person.
"""

from __future__ import annotations

import datetime
import traceback
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from pathlib import Path

from qa import __version__
from qa.rulebook import CheckSetup, RuleBook
from qa.types import Call, CheckResult, Finding, Outcome, Provenance, Scorecard

RULED = (Outcome.PASS, Outcome.FAIL)
_TO_REVIEW = (
    ((Outcome.INCONCLUSIVE, Outcome.ERROR), "{count} 项未能判定，请人工复核：{titles}"),
    ((Outcome.ERROR,), "{count} 项检查程序出错，请报告管理员：{titles}"),
)
_HUNDREDTH = Decimal("0.01")
_EXACT = Context(prec=50)

Ruled = tuple[Outcome, Decimal]
"""Outcome of a check and its weight (points)."""


def score(call: Call, book: RuleBook) -> Scorecard:
    """Run every check of ``book`` on ``call`` and count the points.  Never raises for what a check does."""
    results = tuple(_result(call, setup) for setup in book.checks)
    ruled = [(result.outcome, setup.weight) for result, setup in zip(results, book.checks, strict=True)]
    covered = coverage(ruled)
    points = percent(ruled, book.deduction_base) if covered >= book.min_coverage else None
    provenance = Provenance(
        file_sha256=call.audio.sha256,
        models=(("asr", call.transcript.model), ("activity", call.activity.method), ("speakers", call.turns.method)),
        rule_book=book.id,
        rule_book_version=book.stamp,
        program_version=__version__,
        demo=call.transcript.demo,
    )
    return Scorecard(
        call_id=call_id(call),
        agent_id=(call.record.agent_id or None) if call.record else None,
        percent=None if points is None else float(points),
        coverage=float(covered),
        results=results,
        provenance=provenance,
        notes=_notes(call, book, results, covered),
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
    found = set(outcomes)
    for outcome in (Outcome.ERROR, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_APPLICABLE):
        if outcome in found:
            return outcome
    return Outcome.ERROR


def coverage(ruled: Iterable[Ruled]) -> Decimal:
    """Share (0-1) of the weight that applied to the call and was ruled on; 1 where nothing applied, as nothing was missed."""
    rows = list(ruled)
    applied = _sum(weight for outcome, weight in rows if outcome is not Outcome.NOT_APPLICABLE)
    if not applied:
        return Decimal(1)
    return _EXACT.divide(_sum(weight for outcome, weight in rows if outcome in RULED), applied)


def percent(ruled: Iterable[Ruled], deduction_base: Decimal | None = None) -> Decimal | None:
    """Points in percent (0-100), rounded half up to two decimals; None where nothing was ruled.

    By weights: 100 x weight of PASS / weight of PASS and FAIL.  By deductions: 100 x (base - deductions of FAIL) / base, not
    below 0.
    """
    rows = [(outcome, weight) for outcome, weight in ruled if outcome in RULED]
    if not rows:
        return None
    lost = _sum(weight for outcome, weight in rows if outcome is Outcome.FAIL)
    whole = deduction_base or _sum(weight for _, weight in rows)
    with localcontext(_EXACT):
        share = 100 * max(whole - lost, Decimal(0)) / whole
        return share.quantize(_HUNDREDTH, rounding=ROUND_HALF_UP)


def _sum(weights: Iterable[Decimal]) -> Decimal:
    with localcontext(_EXACT):
        return sum(weights, Decimal(0))


def _result(call: Call, setup: CheckSetup) -> CheckResult:
    findings = _run(call, setup)
    outcome = combine(finding.outcome for finding in findings)
    weight = float(setup.weight)
    points = {Outcome.PASS: weight, Outcome.FAIL: 0.0}.get(outcome)
    return CheckResult(setup.id, setup.module.TITLE, setup.clause, outcome, weight, points, findings)


def _run(call: Call, setup: CheckSetup) -> tuple[Finding, ...]:
    """What the check found, with an ERROR at the end if it broke."""
    findings: list[Finding] = []
    try:
        for finding in setup.module.run(call, setup.params):
            if not isinstance(finding, Finding):
                raise TypeError(f"run() yielded {type(finding).__name__}, not a Finding")
            findings.append(finding)
        if not findings:
            raise ValueError("run() yielded no finding")
    except Exception as error:  # a broken check must not take the call with it, whatever it raises
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        text = f"检查程序出错，本项不计分：{type(error).__name__}: {error}（{where}）"
        findings.append(Finding(Outcome.ERROR, text, values=(("exception", type(error).__name__), ("where", where))))
    return tuple(findings)


def _notes(call: Call, book: RuleBook, results: tuple[CheckResult, ...], covered: Decimal) -> tuple[str, ...]:
    notes = list(call.audio.notes + call.turns.notes)
    if call.transcript.demo:
        notes.append("演示：文字由内置演示模型识别，结果不得用于考核")
    notes += _before_effect(call, book)
    for outcomes, text in _TO_REVIEW:
        titles = [result.title for result in results if result.outcome in outcomes]
        if titles:
            notes.append(text.format(count=len(titles), titles="、".join(titles)))
    if covered < book.min_coverage:
        least = _share(book.min_coverage)
        notes.append(f"可判定的部分只占 {_share(covered)}，低于规则书要求的 {least}，不给总分")
    elif not any(result.outcome in RULED for result in results):
        notes.append("没有一项适用于此通话，不给总分")
    return tuple(dict.fromkeys(notes))


def _share(value: Decimal) -> str:
    """A share (0-1) in percent, cut and not rounded: 59.96 % must not be shown as the 60 % that it misses."""
    tenths = int(value * 1000)
    return f"{tenths // 10}%" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}%"


def _before_effect(call: Call, book: RuleBook) -> list[str]:
    start = call.record.start if call.record else None
    if start is None or book.effective_from is None:
        return []
    day = datetime.datetime.fromisoformat(start).date()
    return [f"通话日期 {day} 早于规则书的生效日期 {book.effective_from}"] if day < book.effective_from else []
