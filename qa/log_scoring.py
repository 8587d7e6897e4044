"""The rules of a rule book over the call log: what each finds.  No points: a log rule speaks of the house, of a line or of a day."""

from __future__ import annotations

import dataclasses
import traceback
from dataclasses import dataclass

from qa.clock import known_moment
from qa.logfacts import sound
from qa.rules.book import LogRule, LogRuleExample, RuleBook
from qa.scoring import combine
from qa.types import Finding, Outcome
from qa.types.log import CallLog


@dataclass(frozen=True)
class LogResult:
    """What a rule found in the log: ``severity`` and ``clause`` as in the rule book, the gravest outcome of its findings."""

    rule_id: str
    kind: str
    title: str
    clause: str
    severity: str
    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def occurrences(self) -> int:
        """Findings of the deciding outcome."""
        return sum(finding.outcome is self.outcome for finding in self.findings)


def run(log: CallLog, book: RuleBook) -> tuple[LogResult, ...]:
    """Every log rule of the book, in its order.  Never raises for what a check does: one that breaks is an ERROR."""
    told = sound(log)
    return tuple(run_one(told, rule) for rule in book.log_rules)


def run_one(log: CallLog, rule: LogRule) -> LogResult:
    """One rule over the days on which it is in force."""
    mine = _in_force(log, rule)
    if mine is None:
        findings: tuple[Finding, ...] = (Finding(Outcome.NOT_APPLICABLE, "本条在这段时间没有施行"),)
    else:
        findings = _findings(mine, rule)
    outcome = combine(finding.outcome for finding in findings)
    return LogResult(rule.id, rule.kind, rule.title, rule.clause, rule.severity.value, outcome, findings)


def _findings(log: CallLog, rule: LogRule) -> tuple[Finding, ...]:
    try:
        return tuple(rule.module.run(log, rule.params)) or (Finding(Outcome.ERROR, "检查没有给出任何结果"),)
    except Exception as error:  # a check that breaks must not take the others with it
        where = traceback.extract_tb(error.__traceback__)[-1]
        return (Finding(Outcome.ERROR, f"检查出错：{type(error).__name__}: {error}（{where.name}，第 {where.lineno} 行）"),)


def _in_force(log: CallLog, rule: LogRule) -> CallLog | None:
    """The log of the days on which the rule holds; None where that is none of them."""
    since = max(log.since, rule.effective_from or log.since)
    until = min(log.until, rule.effective_until or log.until)
    if since > until:
        return None
    if (since, until) == (log.since, log.until):
        return log
    calls = tuple(c for c in log.calls if (at := known_moment(c.start)) is None or since <= at.date() <= until)
    complaints = tuple(c for c in log.complaints if (at := known_moment(c.opened)) is None or since <= at.date() <= until)
    return dataclasses.replace(log, since=since, until=until, calls=calls, complaints=complaints)


# ---------------------------------------------------------------- examples of a rule book


@dataclass(frozen=True)
class LogRan:
    """An example of a log rule and what came: ``failing`` (Chinese) says what differs, empty where nothing does."""

    rule_id: str
    example: LogRuleExample
    outcome: Outcome
    rows: tuple[int, ...]
    message: str
    failing: str


def run_examples(book: RuleBook) -> tuple[LogRan, ...]:
    """Every example beside a log rule; each runs its own rule alone, whatever the dates on which it is in force."""
    return tuple(_ran(rule, example) for rule in book.log_rules for example in rule.examples)


def _ran(rule: LogRule, example: LogRuleExample) -> LogRan:
    due = example.log
    always = dataclasses.replace(rule, effective_from=None, effective_until=None)
    result = run_one(sound(due.log()), always)
    finding = next(f for f in result.findings if f.outcome is result.outcome)
    rows = lines_of(finding)
    differs = []
    if result.outcome is not due.outcome:
        differs.append(f"应为 {due.outcome.value}，实为 {result.outcome.value}")
    if due.rows and set(due.rows) != set(rows):
        differs.append(f"依据应为第 {_numbers(due.rows)} 行，实为第 {_numbers(rows)} 行")
    return LogRan(rule.id, example, result.outcome, rows, finding.message, "；".join(differs))


def lines_of(finding: Finding) -> tuple[int, ...]:
    """Lines of the example's script that a finding rests on."""
    sources = (row.source.rpartition(":")[2] for row in finding.rows)
    return tuple(sorted({int(line) for line in sources if line.isdigit()}))


def _numbers(lines: tuple[int, ...]) -> str:
    return "、".join(map(str, sorted(set(lines)))) or "（无）"
