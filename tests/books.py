"""Rules, rule books and results in Python, for the tests of scoring: what qa.rulebook reads out of a file."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from qa.rules.book import Rule, RuleBook
from qa.rules.model import Fine, Points, Scoring, SectionSetup, Severity
from qa.types import (
    Acoustics,
    AudioInfo,
    Call,
    CallRecord,
    ChannelAcoustics,
    CheckResult,
    Evidence,
    Finding,
    Outcome,
    Role,
    Roles,
    Span,
    SpeakerTurns,
    SpeechActivity,
    Transcript,
)

PASS, FAIL, NA, OPEN, ERROR = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE, Outcome.ERROR
RECORD = CallRecord(
    "a.wav", "C-1", "8001", "王", "一组", "in", "138", "4001234567", "2024-03-05T09:00:00.000", None, None, None, 0
)  # fmt: skip


@dataclass(frozen=True)
class NoParams:
    pass


@dataclass(frozen=True)
class Check:
    """A check whose run is given: real code of the scorer, no recording needed."""

    run: Callable[[Call, Any], Iterator[Any]]
    TITLE: str = "检查"
    TITLE_EN: str = "Check"
    Params: type[Any] = NoParams
    EXAMPLES: tuple[Any, ...] = ()


def finding(outcome: Outcome, start_ms: int = 100) -> Finding:
    return Finding(outcome, f"结果 {outcome}", (Evidence(Span(start_ms, start_ms + 100), Role.AGENT, "话"),))


def check(*outcomes: Outcome) -> Any:
    return Check(lambda call, params: iter([finding(outcome) for outcome in outcomes]))


def money(amount: str | int, high: str | int | None = None, **changes: Any) -> Fine:
    return Fine(Decimal(amount), Decimal(amount if high is None else high), **changes)


def points(**given: Any) -> Points:
    """``points(weight=20)``: numbers become Decimal."""
    numbers = ("weight", "deduction", "bonus", "most")
    return Points(**{name: Decimal(str(value)) if name in numbers and value is not None else value for name, value in given.items()})


def rule(rule_id: str, worth: Points | None = None, module: Any = None, **changes: Any) -> Rule:
    fields: dict[str, Any] = {"title": f"规则{rule_id}", "clause": f"条款{rule_id}", "params": NoParams(), "kind": "kind"}
    return Rule(rule_id, module=module or check(PASS), points=worth, **fields | changes)


def book(*rules: Rule, mode: str = "percent", **changes: Any) -> RuleBook:
    """A book of rules; ``base``, ``min_coverage``, ``decimals`` and ``sections`` go to its scoring."""
    scoring = {name: changes.pop(name) for name in ("base", "min_coverage", "decimals", "sections") if name in changes}
    scoring |= {name: Decimal(str(scoring[name])) for name in ("base", "min_coverage") if name in scoring}
    return RuleBook("house", "规则", "", "7", "0123456789ab", rules, Scoring(mode=mode, **scoring), **changes)


def section(section_id: str, weight: int | None = None) -> SectionSetup:
    return SectionSetup(section_id, f"部分{section_id}", None if weight is None else Decimal(weight))


def result(of: Rule, outcome: Outcome, times: int = 1) -> CheckResult:
    """What scoring would give for ``of``, found ``times`` times; the figures on it do not enter the sums."""
    shown = 0.0 if outcome in (PASS, FAIL) else None
    found = tuple(finding(outcome, 1000 * (1 + i)) for i in range(times))
    return CheckResult(of.id, of.title, of.clause, outcome, 0.0, shown, found, of.kind, of.section, of.severity.value)


def call(record: CallRecord | None = RECORD, demo: bool = False, notes: tuple[str, ...] = ()) -> Call:
    track = np.zeros(1, np.float32)
    channel = ChannelAcoustics(None, 0.0, -90.0, 0.0, -90.0, None, 10, track, track)
    info = AudioInfo("/x/day1/a.wav", "0123abcd" * 8, "wav", "pcm_s16le", 8000, 2, 1000, notes)
    return Call(
        info,
        SpeechActivity(((), ()), "webrtcvad"),
        SpeakerTurns("channel", (), ("两个声道相同",)),
        Transcript("tiny@ff00", demo, ()),
        Acoustics((channel, channel), ()),
        Roles(()),
        record,
    )


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


ADVISORY = Severity.ADVISORY
