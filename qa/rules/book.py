"""The rule book as a whole: what reading gives (``qa.rulebook.load``) and scoring takes."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from qa.checks import CheckModule
from qa.errors import RuleBookError
from qa.log_examples import LogExample
from qa.logchecks import LogCheckModule
from qa.role_settings import RoleSettings
from qa.rules.appeal_terms import AppealTerms
from qa.rules.archive import Archive
from qa.rules.expression import Expression
from qa.rules.model import Condition, Fine, Holiday, Points, Scoring, Severity, When
from qa.traffic.capacity import TrafficParams
from qa.types import Call, Outcome

Slots = tuple[tuple[str, tuple[str, ...]], ...]
"""Texts by name, in the order of the rule book: ``(("company", ("华宁通信",)),)``."""

NAME_SLOTS = ("company", "product", "agent")
"""Slots that hold proper names, and so may be told to the recogniser."""


@dataclass(frozen=True)
class RuleExample:
    """A call written beside a rule, and what the rule must find; ``subject`` is its ``file:line``."""

    name: str
    call: Callable[[], Call]
    outcome: Outcome
    span_ms: tuple[int, int] | None
    subject: str


@dataclass(frozen=True)
class Variant:
    """What replaces a rule's parameters, title and clause where ``when`` holds."""

    when: When
    params: Any
    title: str
    clause: str


@dataclass(frozen=True)
class Rule:
    """A rule that the book turns on; ``kind`` is the id of the check that runs it with ``params``.

    ``points`` and ``fine`` are None where the rule is worth none.  ``effective_from`` and ``effective_until`` are inclusive.
    ``inherited``: id of the book that it comes from unchanged, None if it is this book's own.  ``subject``: ``file:line``.
    """

    id: str
    kind: str
    module: CheckModule
    params: Any
    title: str
    clause: str
    severity: Severity = Severity.MINOR
    when: When = field(default_factory=When)
    variants: tuple[Variant, ...] = ()
    section: str | None = None
    points: Points | None = None
    fine: Fine | None = None
    not_covers: str = ""
    effective_from: datetime.date | None = None
    effective_until: datetime.date | None = None
    examples: tuple[RuleExample, ...] = ()
    inherited: str | None = None
    subject: str = ""


@dataclass(frozen=True)
class LogRuleExample:
    """A small log written beside a rule of the call log, and what the rule must find; ``subject`` is its ``file:line``."""

    log: LogExample
    subject: str


@dataclass(frozen=True)
class LogRule:
    """A rule over the call log (``[log_checks.<id>]``); fields as in :class:`Rule`.  It has no points: it speaks of the house."""

    id: str
    kind: str
    module: LogCheckModule
    params: Any
    title: str
    clause: str
    severity: Severity = Severity.MINOR
    not_covers: str = ""
    effective_from: datetime.date | None = None
    effective_until: datetime.date | None = None
    examples: tuple[LogRuleExample, ...] = ()
    inherited: str | None = None
    subject: str = ""


@dataclass(frozen=True)
class CallType:
    """A kind of call (投诉, 报修 …), by an expression over the book's conditions."""

    id: str
    title: str
    expression: Expression


@dataclass(frozen=True)
class Unchecked:
    """A clause that no rule checks: ``why`` nothing can show it (not auditable), or which check kind it awaits."""

    clause: str
    why: str


@dataclass(frozen=True)
class RuleBook:
    """A validated rule book.

    ``log_rules`` are those over the call log, ``traffic`` is how the traffic tables reckon, ``roles`` what helps to tell who is who,
    ``appeals`` until when and why its agents may appeal.
    ``content_hash``: first 12 hexadecimal digits of the SHA-256 over its files, those that it extends, and the word lists in use.
    ``clauses``: the regulation's clauses (``clauses.txt``), empty where the folder has none.  ``warnings``: what is odd but not wrong
    (Chinese, each with ``file:line``): unused lists and conditions, rules that can never hold.  ``archive``: the texts that it was read
    from, None for one that was not read from files.
    """

    id: str
    title: str
    title_en: str
    version: str
    content_hash: str
    rules: tuple[Rule, ...]
    scoring: Scoring = field(default_factory=Scoring)
    slots: Slots = ()
    conditions: tuple[Condition, ...] = ()
    call_types: tuple[CallType, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    not_auditable: tuple[Unchecked, ...] = ()
    awaiting: tuple[Unchecked, ...] = ()
    log_rules: tuple[LogRule, ...] = ()
    traffic: TrafficParams = field(default_factory=TrafficParams)
    roles: RoleSettings = field(default_factory=RoleSettings)
    appeals: AppealTerms = field(default_factory=AppealTerms)
    clauses: tuple[str, ...] = ()
    effective_from: datetime.date | None = None
    effective_until: datetime.date | None = None
    warnings: tuple[str, ...] = ()
    archive: Archive | None = field(default=None, compare=False, repr=False)

    @property
    def stamp(self) -> str:
        """``version+hash``: differs whenever the rules or a word list differ, also where the version was forgotten."""
        return f"{self.version}+{self.content_hash}"

    @property
    def names(self) -> tuple[str, ...]:
        """Proper names out of the slots, fit as hotwords: never a phrase that a check requires or forbids."""
        named = (text for name, texts in self.slots if name in NAME_SLOTS for text in texts)
        return tuple(dict.fromkeys(named))

    def check_scores(self) -> None:
        """Errors: :class:`RuleBookError` where there is nothing to score a recording by: rules of the call log (``log_rules``) alone."""
        if self.log_rules and not self.rules:
            cause = "只有话单规则（[log_checks]），没有给录音评分的规则（[checks]）"
            raise RuleBookError(f"规则书 {self.id}", cause, "查话单请用 qa traffic；要给录音评分，请补上 [checks] 或换一本规则书")

    def rule(self, rule_id: str) -> Rule | None:
        return self._by_id.get(rule_id)

    @cached_property
    def _by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}
