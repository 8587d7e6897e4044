"""Many calls under one rule book: what is the same from call to call is worked out once.

A judgement that the store has from the same program under the same words is taken over; only the others are made.  Sums are counted once
for each combination of results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from qa import fingerprint, scoring, sightings
from qa.judgements import Result, RuleWords
from qa.rules import points
from qa.rules.book import Rule, RuleBook
from qa.scoring import About
from qa.types import Call, Outcome, Provenance, Ruling

SUMS_KEPT = 20_000
_NONE: Mapping[str, Ruling] = MappingProxyType({})

_Key = tuple[tuple[str, Outcome, int, int], ...]


@dataclass(frozen=True)
class Card:
    """A scorecard as it is filed: fields as of :class:`qa.types.Scorecard`; ``call_notes``: those of ``notes`` that the call gives."""

    call_id: str
    agent_id: str | None
    percent: float | None
    coverage: float
    results: tuple[Result, ...]
    provenance: Provenance
    notes: tuple[str, ...]
    call_notes: tuple[str, ...] | None = field(default=None)

    def result(self, check_id: str) -> Result | None:
        return next((r for r in self.results if r.check_id == check_id), None)


@dataclass(frozen=True)
class _Sum:
    """``worth``: weight and points of each rule; ``notes``: what the results and their sum give to say."""

    percent: float | None
    coverage: float
    worth: tuple[tuple[float, float | None], ...]
    notes: tuple[str, ...]


class Bench:
    """``book`` with what has been worked out for it."""

    def __init__(self, book: RuleBook) -> None:
        book.check_scores()
        self.book = book
        self.prints = fingerprint.of_book(book)
        self._sums: dict[_Key, _Sum] = {}
        self._out_of_effect = book.effective_from is not None or book.effective_until is not None

    def taken_over(self, known: Sequence[Result]) -> list[Result | None]:
        """For each rule its result out of ``known``, earlier results on the very same call; None where it has to be judged."""
        by_rule = {result.rule.check_id: result.own for result in known}
        return [_same(rule, mark, by_rule.get(rule.id)) for rule, mark in zip(self.book.rules, self.prints, strict=True)]

    def judged(self, call: Call, places: Sequence[int]) -> list[Result]:
        """Results, without points, of the rules at ``places`` in the book."""
        return [self._judge(call, self.book.rules[place], self.prints[place]) for place in places]

    def _judge(self, call: Call, rule: Rule, mark: str | None) -> Result:
        found = scoring.judge(call, rule, self.book)
        words = RuleWords(mark or "", rule.id, found.title, found.clause, rule.kind, rule.severity.value, rule.section)
        return Result(words, found.outcome, found.occurrences, 0.0, None, None, found.findings)

    def card(self, of: About, results: Sequence[Result], earlier: Mapping[str, int], rulings: Mapping[str, Ruling] = _NONE) -> Card:
        """The results counted; ``earlier`` and ``rulings`` as of :func:`qa.scoring.score`.  Results that are ruled on have findings."""
        if rulings:
            results = self._ruled(results, rulings, earlier)
        found = self._sum(results, earlier)
        valued = tuple([_valued(r, worth) for r, worth in zip(results, found.worth, strict=True)])
        days = tuple(scoring.out_of_effect(of.started, self.book)) if self._out_of_effect else ()
        notes = tuple(dict.fromkeys((*of.notes, *days, *found.notes)))
        return Card(of.call_id, of.agent_id, found.percent, found.coverage, valued, of.provenance(self.book), notes, of.notes)

    def _ruled(self, results: Sequence[Result], rulings: Mapping[str, Ruling], earlier: Mapping[str, int]) -> list[Result]:
        """The results with what persons ruled in the place of the program's own, which stand beside it with what they would be worth."""
        own = map(_valued, results, self._sum(results, earlier).worth)
        return [ruled(r, rulings[r.check_id]) if r.check_id in rulings else r for r in own]

    def _sum(self, results: Sequence[Result], earlier: Mapping[str, int]) -> _Sum:
        key = tuple([(r.rule.title, r.outcome, r.occurrences, earlier.get(r.rule.check_id, 0)) for r in results])
        found = self._sums.get(key)
        if found is None:
            if len(self._sums) >= SUMS_KEPT:
                self._sums.clear()
            found = self._sums[key] = self._counted(results, earlier)
        return found

    def _counted(self, results: Sequence[Result], earlier: Mapping[str, int]) -> _Sum:
        mode = self.book.scoring.mode
        worths = [
            points.worth(rule, mode, r.outcome, r.occurrences, earlier.get(rule.id, 0))
            for rule, r in zip(self.book.rules, results, strict=True)
        ]
        total = points.total(map(points.line, self.book.rules, results, worths), self.book.scoring)
        return _Sum(
            percent=None if total.percent is None else float(total.percent),
            coverage=float(total.coverage),
            worth=tuple((float(w.worth), None if w.kept is None else float(w.kept)) for w in worths),
            notes=tuple(scoring.of_total(total)),
        )


def _valued(r: Result, worth: tuple[float, float | None]) -> Result:
    if (r.weight, r.points) == worth:
        return r
    return Result(r.rule, r.outcome, r.occurrences, *worth, r.judgement, r.findings, r.verdict, r.machine, r.outgrown)


def ruled(machine: Result, ruling: Ruling) -> Result:
    """A person's ruling, as it holds on them, in the place of the program's own findings; its points are still to be counted.

    Errors: ValueError where these are not at hand (:meth:`qa.judgements.Judgements.filled`).
    """
    if not machine.findings:
        raise ValueError(f"{machine.check_id}: a ruling holds on findings, and these are not at hand")
    now = sightings.held(ruling, machine.findings, machine.outcome)
    return Result(machine.rule, now.outcome, now.occurrences, 0.0, None, None, now.findings, now.verdict, machine, now.outgrown)


def _same(rule: Rule, mark: str | None, old: Result | None) -> Result | None:
    """An old result, if the rule would find the same again; its section or severity may have changed since."""
    if old is None or mark is None or old.rule.fingerprint != mark or old.judgement is None or old.outcome is Outcome.ERROR:
        return None
    if (old.rule.section, old.rule.severity) == (rule.section, rule.severity.value):
        return old
    words = msgspec.structs.replace(old.rule, section=rule.section, severity=rule.severity.value)
    return msgspec.structs.replace(old, rule=words)
