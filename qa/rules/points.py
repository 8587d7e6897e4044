"""From the outcomes of a call's rules to points, with every figure that a clerk needs to do the sum again by hand.

Sums are ``Decimal``, quotients exact fractions; rounding is done once, half up, to the book's decimals.

**Percent** (``mode = "percent"``): a section earns its weight x weights of PASS / weights of PASS and FAIL.  The total is 100 x what
the sections earn / weights of the sections in which something was ruled on, plus bonus points (as percentage points).  A section
whose rules all do not apply, or could not be ruled on, leaves the denominator.  A section without a weight of its own counts with
the weights of its ruled rules, so that headings alone change nothing; rules of no section are counted alike.

**Deduction**: the base, less the deductions of FAIL, plus bonus points; 100 x that / base.  A section's weight is the most that it
loses (扣完为止) and nothing else: it divides nothing, and the weights need not add up to the base.

The total is never below 0 and never above 100: a bonus makes good what was lost elsewhere and no more.  A veto (一票否决) whose rule
FAILs takes the whole section (without points of its own: every rule of it) or sets the total to 0.  An advisory rule is never
counted.  Occurrences that are first warnings cost nothing and veto nothing.

**Coverage** is the weight that was ruled on / the weight that applied, section by section as above; below ``min_coverage`` there is no
total.  In a book without points (``none``) every rule that is not advisory weighs the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Protocol

from qa.errors import RuleBookError
from qa.rules.book import Rule, RuleBook
from qa.rules.model import Points, Scoring, SectionSetup, Severity
from qa.types import CheckResult, Finding, Outcome

RULED = (Outcome.PASS, Outcome.FAIL)
_EXACT = Context(prec=50, rounding=ROUND_HALF_UP)
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Worth:
    """What a rule is worth, and what an outcome did to it.

    ``counts``: ``weight``, ``deduction``, ``bonus`` or "" (not counted).  ``worth``: the weight, or points an occurrence.
    ``points``: weight earned, bonus earned, or what was taken off (0 or negative); None where nothing was ruled.  ``occurrences``:
    breaches that count (of a rule per call: at most 1; 0 unless FAIL), of which ``warned`` are first warnings.  ``met``: times that a
    bonus was earned.  ``capped``: held at ``most``.
    """

    counts: str
    worth: Decimal
    points: Decimal | None
    occurrences: int = 0
    warned: int = 0
    met: int = 0
    capped: bool = False

    @property
    def kept(self) -> Decimal | None:
        """Points as a share of ``worth``: what a scorecard shows beside it."""
        return _EXACT.add(self.worth, self.points) if self.counts == "deduction" and self.points is not None else self.points


class Ruled(Protocol):
    """A rule's result on a call, as far as sums and their explanation ask: see :class:`qa.types.CheckResult`."""

    @property
    def title(self) -> str: ...
    @property
    def clause(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def outgrown(self) -> bool: ...


@dataclass(frozen=True)
class Line:
    """One rule in the sum; ``veto``: ``section`` or ``call`` where its FAIL took that."""

    rule: Rule
    result: Ruled
    worth: Worth
    veto: str | None = None


@dataclass(frozen=True)
class Part:
    """A section in the sum (``setup`` None: the rules of no section).

    ``applied``, ``ruled``: worth of its rules that applied, and that were ruled on.  ``points``: of ``ruled`` earned (percent), or
    taken off (deduction; 0 or negative).  ``weight``: of the section in the whole, 0 where it leaves the denominator.
    """

    setup: SectionSetup | None
    applied: Decimal
    ruled: Decimal
    points: Decimal
    weight: Decimal
    vetoed: bool

    @property
    def earned(self) -> Fraction:
        """Of ``weight`` earned (percent mode)."""
        if not self.ruled:
            return Fraction(0)
        return Fraction(self.weight) * Fraction(self.points) / Fraction(self.ruled)


@dataclass(frozen=True)
class Tally:
    """A call's sum.

    ``exact``: percent before it is held within 0-100 and rounded, None where ``percent`` is None.  ``coverage`` 0-1.  ``bonus``:
    points earned as bonus.
    ``vetoed``: titles of the rules that set the total to 0; ``open_vetoes``: of those that could not be ruled on.
    ``unscored``: why there is no percent: ``""`` (there is), ``mode``, ``coverage`` or ``nothing`` (was ruled).
    """

    scoring: Scoring
    lines: tuple[Line, ...]
    parts: tuple[Part, ...]
    bonus: Decimal
    coverage: Decimal
    percent: Decimal | None
    exact: Fraction | None
    unscored: str = ""
    vetoed: tuple[str, ...] = ()
    open_vetoes: tuple[str, ...] = ()


def worth(rule: Rule, mode: str, outcome: Outcome, found: int, earlier: int = 0) -> Worth:
    """What ``outcome`` of a rule, found ``found`` times in a call, earns or costs.

    ``earlier``: occurrences of the same agent earlier in the calendar month, counted as ``Worth.occurrences`` does.
    """
    points = rule.points
    if points is None or rule.severity is Severity.ADVISORY:
        return Worth("", _ZERO, _ZERO if outcome in RULED else None)
    times, spared = breaches(points, found, earlier)
    broken, warned = (times, spared) if outcome is Outcome.FAIL else (0, 0)
    if mode == "percent" and points.weight is not None:
        earned = points.weight if warned == broken else _ZERO
        return Worth("weight", points.weight, earned if outcome in RULED else None, broken, warned)
    if mode == "deduction" and points.deduction is not None:
        lost, capped = _capped(points.deduction, broken - warned, points.most)
        return Worth("deduction", points.deduction, -lost if outcome in RULED else None, broken, warned, capped=capped)
    if mode != "none" and points.bonus is not None:
        met = times if outcome is Outcome.PASS else 0
        earned, capped = _capped(points.bonus, met, points.most)
        return Worth("bonus", points.bonus, earned if outcome in RULED else None, broken, warned, met, capped)
    return Worth("", _ZERO, _ZERO if outcome in RULED else None, broken, warned)


def breaches(points: Points, found: int, earlier: int) -> tuple[int, int]:
    """How often a rule that was found ``found`` times in a call counts (of a rule per call: at most once), and how many of those are first
    warnings after ``earlier`` in the calendar month, counted in the same way.  The one count for points and money."""
    times = min(found, 1) if points.per == "call" else found
    return times, min(times, max(0, points.warn_first - earlier))


def tally(results: Iterable[CheckResult], book: RuleBook, earlier: Mapping[str, int] | None = None) -> Tally:
    """The sum of a call's results under the book that they were made with.

    ``earlier``: by rule id, occurrences of the same agent in earlier calls of the calendar month, for first warnings; None: nothing is
    known of them and this call is counted as the agent's first.
    Errors: :class:`RuleBookError` for a result whose rule the book does not have.
    """
    return total((_line(result, book, (earlier or {}).get(result.check_id, 0)) for result in results), book.scoring)


def line(rule: Rule, result: Ruled, found: Worth) -> Line:
    """A rule's line, where ``found`` is its :func:`worth` for the outcome of ``result``."""
    breached = result.outcome is Outcome.FAIL and found.warned < max(1, found.occurrences)
    return Line(rule, result, found, _veto(rule) if breached else None)


def total(of: Iterable[Line], scoring: Scoring) -> Tally:
    """The sum of a call's lines."""
    lines = tuple(of)
    parts = _parts(lines, scoring)
    bonus = _sum(one.worth.points or _ZERO for one in lines if one.worth.counts == "bonus")
    vetoed = tuple(one.result.title for one in lines if one.veto == "call")
    covered = _coverage(lines, parts, scoring)
    exact, unscored = _total(parts, bonus, covered, bool(vetoed), scoring)
    return Tally(
        scoring=scoring,
        lines=lines,
        parts=parts,
        bonus=bonus,
        coverage=_EXACT.divide(Decimal(covered.numerator), Decimal(covered.denominator)),
        percent=None if exact is None else half_up(min(max(exact, Fraction(0)), Fraction(100)), scoring.decimals),
        exact=exact,
        unscored=unscored,
        vetoed=vetoed,
        open_vetoes=tuple(one.result.title for one in lines if _veto(one.rule) and one.result.outcome in _OPEN),
    )


def month(calls: Iterable[Sequence[CheckResult]], book: RuleBook) -> tuple[Tally, ...]:
    """Sums of one agent's calls of one calendar month, given in order of time: first warnings run through the month."""
    earlier: dict[str, int] = {}
    tallies = []
    for results in calls:
        tallies.append(tally(results, book, earlier))
        for one in tallies[-1].lines:
            earlier[one.rule.id] = earlier.get(one.rule.id, 0) + one.worth.occurrences
    return tuple(tallies)


def half_up(value: Fraction, decimals: int) -> Decimal:
    """A number of 0 or more rounded to ``decimals`` places, ties up."""
    scaled = value * 10**decimals
    return Decimal((2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)).scaleb(-decimals, _EXACT)


_OPEN = (Outcome.INCONCLUSIVE, Outcome.ERROR)


def _line(result: CheckResult, book: RuleBook, earlier: int) -> Line:
    rule = book.rule(result.check_id)
    if rule is None:
        raise RuleBookError(book.id, f"规则书 {book.stamp} 里没有 {result.check_id}", "请用评分时的规则书，或重新评分")
    return line(rule, result, worth(rule, book.scoring.mode, result.outcome, result.occurrences, earlier))


def _veto(rule: Rule) -> str | None:
    return rule.points.veto if rule.points is not None and rule.severity is not Severity.ADVISORY else None


def _parts(lines: tuple[Line, ...], scoring: Scoring) -> tuple[Part, ...]:
    """The sections that the book has, then the rules of none; without those that have no rule."""
    setups = {setup.id: setup for setup in scoring.sections}
    grouped: dict[str | None, list[Line]] = {section: [] for section in (*setups, None)}
    for line in lines:
        grouped[line.rule.section if line.rule.section in setups else None].append(line)
    make = _loss if scoring.mode == "deduction" else _share
    return tuple(make(setups.get(section or ""), rows) for section, rows in grouped.items() if rows)


def _share(setup: SectionSetup | None, lines: Sequence[Line]) -> Part:
    applied, ruled = _stakes(lines)
    vetoed = any(line.veto == "section" for line in lines)
    earned = _sum(line.worth.points or _ZERO for line in lines if line.worth.counts == "weight")
    weight = ruled if setup is None or setup.weight is None else setup.weight if ruled or vetoed else _ZERO
    return Part(setup, applied, ruled, _ZERO if vetoed else earned, weight, vetoed)


def _loss(setup: SectionSetup | None, lines: Sequence[Line]) -> Part:
    applied, ruled = _stakes(lines)
    vetoed = any(line.veto == "section" for line in lines)
    lost = -_sum(line.worth.points or _ZERO for line in lines if line.worth.counts == "deduction")
    whole = setup.weight if setup is not None else None
    if vetoed:
        lost = whole if whole is not None else max(lost, applied)
    elif whole is not None:
        lost = min(lost, whole)
    return Part(setup, applied, ruled, -lost, whole if whole is not None else ruled, vetoed)


def _stakes(lines: Iterable[Line]) -> tuple[Decimal, Decimal]:
    """Worth of the rules that applied to the call and of those that were ruled on; a bonus is no demand and no stake."""
    demands = [line for line in lines if line.worth.counts in ("weight", "deduction")]
    applied = _sum(line.worth.worth for line in demands if line.result.outcome is not Outcome.NOT_APPLICABLE)
    return applied, _sum(line.worth.worth for line in demands if line.result.outcome in RULED)


def _coverage(lines: tuple[Line, ...], parts: tuple[Part, ...], scoring: Scoring) -> Fraction:
    """1 where nothing applied, as nothing was missed."""
    if scoring.mode == "none":
        outcomes = [line.result.outcome for line in lines if line.rule.severity is not Severity.ADVISORY]
        shares = [(Fraction(1), Fraction(outcome in RULED)) for outcome in outcomes if outcome is not Outcome.NOT_APPLICABLE]
    else:
        shares = [_covered(part, scoring.mode) for part in parts if part.applied]
    whole = sum((weight for weight, _ in shares), Fraction(0))
    return sum((ruled for _, ruled in shares), Fraction(0)) / whole if whole else Fraction(1)


def _covered(part: Part, mode: str) -> tuple[Fraction, Fraction]:
    """Weight of a part in the whole, and how much of it was ruled on."""
    own = part.setup.weight if part.setup is not None and mode == "percent" else None
    weight = Fraction(part.applied if own is None else own)
    return weight, weight * Fraction(part.ruled) / Fraction(part.applied)


def _total(parts: tuple[Part, ...], bonus: Decimal, covered: Fraction, vetoed: bool, scoring: Scoring) -> tuple[Fraction | None, str]:
    """Percent before limits and rounding, or None and why."""
    if scoring.mode == "none":
        return None, "mode"
    if covered < Fraction(scoring.min_coverage):
        return None, "coverage"
    if vetoed:
        return Fraction(0), ""
    if not any(part.ruled or part.vetoed for part in parts):
        return None, "nothing"
    if scoring.mode == "deduction":
        base = Fraction(scoring.base)
        return 100 * (base + sum((Fraction(part.points) for part in parts), Fraction(0)) + Fraction(bonus)) / base, ""
    whole = sum((Fraction(part.weight) for part in parts), Fraction(0))
    earned = sum((part.earned for part in parts), Fraction(0))
    return (100 * earned / whole if whole else Fraction(0)) + Fraction(bonus), ""


def _sum(values: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for value in values:
        total = _EXACT.add(total, value)
    return total


def _capped(each: Decimal, times: int, most: Decimal | None) -> tuple[Decimal, bool]:
    whole = _EXACT.multiply(each, Decimal(times))
    return (most, True) if most is not None and whole > most else (whole, False)
