"""The rules of a rule book over the call log: what each finds.  No points: a log rule speaks of the house, of a line or of a day."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qa.clock import known_moment
from qa.logfacts import rows_of, sound, unclear_direction, unknown
from qa.rules.book import LogRule, LogRuleExample, RuleBook
from qa.scoring import combine
from qa.types import Finding, Outcome
from qa.types.log import CallLog, LoggedCall


@dataclass(frozen=True)
class LogResult:
    """What a rule found in the log: ``severity`` and ``clause`` as in the rule book, the gravest outcome of its findings.

    ``unclear``: calls of its days of which nobody knows whether they came in or went out; it was ruled as far as these do not matter.
    """

    rule_id: str
    kind: str
    title: str
    clause: str
    severity: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    unclear: int = 0

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
    unclear = unclear_direction(mine.calls) if mine is not None else ()
    if mine is None:
        findings: tuple[Finding, ...] = (Finding(Outcome.NOT_APPLICABLE, "本条在这段时间没有施行"),)
    else:
        findings = _either_way(mine, rule, unclear) if unclear else _findings(mine, rule)
    return LogResult(rule.id, rule.kind, rule.title, rule.clause, rule.severity.value, _gravest(findings), findings, len(unclear))


def _gravest(findings: Iterable[Finding]) -> Outcome:
    return combine(finding.outcome for finding in findings)


def _either_way(log: CallLog, rule: LogRule, unclear: Sequence[LoggedCall]) -> tuple[Finding, ...]:
    """What the rule finds without the calls of unclear direction, as far as it would find the same had they all come in or all gone out;
    what they may change is inconclusive.
    """
    doubtful = set(map(id, unclear))

    def turned(direction: str | None) -> tuple[Finding, ...]:
        """What the rule finds where these calls are all in, all out, or (None) not there."""
        known = [call for call in log.calls if id(call) not in doubtful]
        more = [dataclasses.replace(call, direction=direction) for call in unclear] if direction else []
        calls = sorted((*known, *more), key=lambda call: (call.start is None, call.start or ""))
        return _findings(dataclasses.replace(log, calls=tuple(calls)), rule)

    others = (turned("in"), turned("out"))
    why = f"{len(unclear)} 通电话分不清呼入还是呼出"
    found = tuple(_unless_turned(finding, others, why) for finding in turned(None))
    if any(_weighs(other, found) for other in others):
        told = unknown(f"{why}，会影响结果，需人工复核", rows_of(unclear), count=len(unclear))
        found = (*(finding for finding in found if finding.outcome not in _CLEAN), told)
    return found


_CLEAN = (Outcome.PASS, Outcome.NOT_APPLICABLE)


def _weighs(other: Sequence[Finding], found: Sequence[Finding]) -> bool:
    """Whether ``other`` is another outcome, or has a fault more; what is in order and what does not apply are one."""
    outcomes = [_gravest(findings) for findings in (other, found)]
    if outcomes[0] is not outcomes[1] and not all(outcome in _CLEAN for outcome in outcomes):
        return True
    return any(one.outcome is Outcome.FAIL and not any(_same_fault(known, one) for known in found) for one in other)


def _unless_turned(finding: Finding, others: Iterable[Iterable[Finding]], why: str) -> Finding:
    """A FAIL as it is where each of ``others`` has it too: of the same thing (the words before the figures), on the same rows at least."""
    if finding.outcome is not Outcome.FAIL or all(any(_same_fault(finding, other) for other in findings) for findings in others):
        return finding
    return dataclasses.replace(finding, outcome=Outcome.INCONCLUSIVE, message=f"{finding.message}；另有 {why}，会影响结果，不作判定")


def _same_fault(one: Finding, other: Finding) -> bool:
    """Whether ``other`` is the fault ``one``, perhaps on more rows."""
    same = one.message.partition("：")[0] == other.message.partition("：")[0]
    return same and other.outcome is Outcome.FAIL and set(one.rows) <= set(other.rows)


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
