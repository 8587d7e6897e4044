"""The examples that stand beside the rules of a rule book: run, and compared with what is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from qa.report_text import OUTCOME_TEXT
from qa.rules.book import Rule, RuleBook, RuleExample
from qa.scoring import score
from qa.types import CheckResult, Finding, Outcome


@dataclass(frozen=True)
class Ran:
    """An example and what the rule found in it.

    ``span_ms``: the first evidence of the finding that decides the outcome, None where it has none.  ``failing``: what differs from
    what is due (Chinese), empty where nothing does.
    """

    rule_id: str
    example: RuleExample
    outcome: Outcome
    span_ms: tuple[int, int] | None
    message: str
    failing: str


def run(book: RuleBook) -> Iterator[Ran]:
    """Every example of every rule that the book turns on, in their order.  Each runs its own rule alone."""
    for rule in book.rules:
        for example in rule.examples:
            yield run_one(rule, example, book)


def run_one(rule: Rule, example: RuleExample, book: RuleBook) -> Ran:
    """One example.  What the rule does to it is never raised: a rule that breaks gives the outcome ERROR."""
    (result,) = score(example.call(), replace(book, rules=(rule,))).results
    finding = _deciding(result)
    first = finding.evidence[0].span if finding.evidence else None
    span = (first.start_ms, first.end_ms) if first is not None else None
    return Ran(rule.id, example, result.outcome, span, finding.message, _difference(example, result.outcome, span))


def _deciding(result: CheckResult) -> Finding:
    return next(finding for finding in result.findings if finding.outcome is result.outcome)


def _difference(example: RuleExample, outcome: Outcome, span: tuple[int, int] | None) -> str:
    differs = []
    if outcome is not example.outcome:
        differs.append(f"应为{OUTCOME_TEXT[example.outcome]}，实为{OUTCOME_TEXT[outcome]}")
    if example.span_ms is not None and span != example.span_ms:
        differs.append(f"依据应为 {seconds(example.span_ms)}，实为 {seconds(span)}")
    return "；".join(differs)


def seconds(span_ms: tuple[int, int] | None) -> str:
    """A stretch as it is written in a rule book: ``0.5-4.0``."""
    if span_ms is None:
        return "没有依据"
    return "-".join(f"{ms / 1000:.3f}".rstrip("0").ljust(len(str(ms // 1000)) + 2, "0") for ms in span_ms) + " 秒"
