"""Findings, results under a rule book, scorecards."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from qa.types.call import Role
from qa.types.span import Span, require


class Outcome(enum.StrEnum):
    """Only PASS and FAIL earn or lose points; NOT_APPLICABLE leaves the denominator; the others lower coverage."""

    PASS = "pass"
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True)
class Evidence:
    """Seconds of the recording that a finding rests on, and the words said there (or what was due there)."""

    span: Span
    role: Role
    text: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table that a finding of the call log rests on.

    ``source``: ``file:line``.  ``at``: when it happened, ISO 8601 wall clock of the house, None where the row does not tell.  ``text``:
    what the row says (Chinese).
    """

    source: str
    at: str | None
    text: str


@dataclass(frozen=True)
class Finding:
    """A fact that a check found: no points.  ``values`` are measured figures by name, units in the name.

    Evidence is ``evidence`` (seconds of a recording) or ``rows`` (rows of the call log); a FAIL without either cannot be constructed.
    """

    outcome: Outcome
    message: str
    evidence: tuple[Evidence, ...] = ()
    values: tuple[tuple[str, float | int | str | None], ...] = ()
    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        require(self.outcome is not Outcome.FAIL or bool(self.evidence) or bool(self.rows), "a FAIL needs evidence")
        require(bool(self.message), "a finding says what was found")

    def value(self, name: str) -> float | int | str | None:
        return dict(self.values).get(name)


@dataclass(frozen=True)
class CheckResult:
    """A rule's findings under a rule book.

    ``check_id`` is the rule's id, ``kind`` the id of the check that ran ("" in a result of an older program: the same).
    ``weight``: what the rule is worth (weight, deduction or bonus), 0 where it is not counted.  ``points`` of it are kept or earned,
    None unless PASS or FAIL; below 0 where several occurrences cost more than one.  ``section`` of the score sheet, None if
    it has none.  ``severity``: ``advisory`` (shown, never counted), ``minor``, ``major`` or ``critical``.  ``fingerprint`` of what
    judged (``qa.fingerprint``), "" where that is not known.  ``verdict``: the number of the person's verdict that decided
    (``qa.review.verdicts``), 0 where the program did; then ``machine`` is what the program found, for the eye alone.  ``outgrown``: it
    does not cover all of the call as it is by now (``qa.sightings``): other places, or other words at the same one.
    """

    check_id: str
    title: str
    clause: str
    outcome: Outcome
    weight: float
    points: float | None
    findings: tuple[Finding, ...]
    kind: str = ""
    section: str | None = None
    severity: str = "minor"
    fingerprint: str = field(default="", compare=False)
    verdict: int = 0
    machine: CheckResult | None = None
    outgrown: bool = False

    def __post_init__(self) -> None:
        ruled = self.outcome in (Outcome.PASS, Outcome.FAIL)
        require(ruled == (self.points is not None), "points are for PASS and FAIL alone")
        require(self.severity in ("advisory", "minor", "major", "critical"), f"unknown severity {self.severity!r}")

    @property
    def occurrences(self) -> int:
        """How often what decided the outcome was found: of a FAIL the breaches, of a PASS the times that it was met."""
        return sum(finding.outcome is self.outcome for finding in self.findings)

    @property
    def settled(self) -> bool:
        """Whether a person has ruled on all that was found, as it is by now."""
        return self.verdict != 0 and not self.outgrown


@dataclass(frozen=True)
class Ruling:
    """What a person ruled on a rule in a call, in the place of what the program finds; ``verdict``: the number of that verdict.

    ``day`` of the house, ``2025-06-01``.  ``seen``: what the person had before the eyes.  ``changed``: what of that, and of ``findings``,
    quotes words that do not stand there any more (``qa.review.words``), each with the same place as it reads by now.  ``left``: places that
    the person left open.  ``outgrown``: as of :class:`CheckResult`.
    """

    verdict: int
    outcome: Outcome
    findings: tuple[Finding, ...]
    day: str = ""
    seen: tuple[Finding, ...] = ()
    changed: tuple[tuple[Finding, Finding], ...] = ()
    left: tuple[Finding, ...] = ()
    outgrown: bool = False

    def __post_init__(self) -> None:
        require(any(finding.outcome is self.outcome for finding in self.findings), "a ruling has a finding of its outcome")

    @property
    def occurrences(self) -> int:
        """As of :class:`CheckResult`."""
        return sum(finding.outcome is self.outcome for finding in self.findings)


@dataclass(frozen=True)
class Provenance:
    """What a scorecard was made from and with; ``demo`` is true if the bundled demonstration model was used."""

    file_sha256: str
    models: tuple[tuple[str, str], ...]
    rule_book: str
    rule_book_version: str
    program_version: str
    demo: bool


@dataclass(frozen=True)
class Scorecard:
    """Results of one call: ``percent`` is None below ``min_coverage`` or where nothing was ruled."""

    call_id: str
    agent_id: str | None
    percent: float | None
    coverage: float
    results: tuple[CheckResult, ...]
    provenance: Provenance
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.percent is None or 0.0 <= self.percent <= 100.0, "percent is 0-100 or None")
        require(0.0 <= self.coverage <= 1.0, "coverage is 0-1")

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self.results)

    def result(self, check_id: str) -> CheckResult | None:
        return next((r for r in self.results if r.check_id == check_id), None)
