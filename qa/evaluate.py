"""How right the program is: verdicts, words, times, levels, rates and rings against a truth file (qa/truth.py).

Every figure is defined in docs/truth-format.md.  In short, for each check, over the calls that the truth gives a verdict:

* recall: of the calls that truly FAIL, the share that the check failed (left open, broken or not scored is not found);
* precision: of the rulings that count as claims - every FAIL, and every ruling of any kind where the truth says that nobody
  could tell - the share that is a FAIL of a call that truly fails;
* ruled share: of the calls that the truth calls measurable (pass, fail, not applicable), the share that the check ruled on.

Lower bounds are one-sided 95 % bounds by Clopper and Pearson (1934, Biometrika 26, 404-413): exact, so never too high.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from pathlib import Path

import numpy as np

from qa.errors import QaError, TruthError
from qa.evaluate_channels import ChannelEvaluation, evaluate_channels
from qa.evaluate_diarization import AUTO, DiarizationEvaluation, evaluate_diarization
from qa.phonetic import syllables
from qa.text import normalise
from qa.truth import TRUTH_FILE, Truth, TruthTurn, read_truth
from qa.types import Call, CheckResult, Outcome, Role, Scorecard, Span

RULINGS = (Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE)
NOT_SCORED = "not_scored"
MEASURES = (("rate_cpm", "speech_rate"), ("level_dbov", "volume"), ("rings", "pickup"))
"""Measure and the check whose findings carry it as a value of the same name."""


@dataclass(frozen=True)
class ScoredCall:
    """A call and its scorecard, as the pipeline made them."""

    call: Call
    card: Scorecard


Scored = ScoredCall | QaError
Scorer = Callable[[Sequence[Path]], Iterable[tuple[Path, Scored]]]
"""Scores recordings; a recording that cannot be scored yields its error."""


@dataclass(frozen=True)
class Share:
    """``part`` of ``whole``; ``value`` and its one-sided 95 % lower bound are 0-1, None of nothing."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def low(self) -> float | None:
        if not self.whole:
            return None
        from scipy.stats import binomtest  # slow to import

        return float(binomtest(self.part, self.whole, alternative="greater").proportion_ci(0.95, method="exact").low)

    def __add__(self, other: Share) -> Share:
        return Share(self.part + other.part, self.whole + other.whole)


@dataclass(frozen=True)
class Miss:
    """One disagreement.  ``kind``: ``false_fail``, ``missed_fail``, ``false_ruling`` (nobody could tell), ``not_ruled``,
    ``other`` (pass for not applicable or the reverse), ``fault_span`` (a true fault without evidence), ``stray_evidence`` (a FAIL
    finding that touches no true fault).  ``expected`` and ``got`` are outcomes, ``not_scored`` or spans; ``message`` is the finding's."""

    file: str
    check: str
    kind: str
    expected: str
    got: str
    message: str


@dataclass(frozen=True)
class CheckFigures:
    """One check over all calls with a verdict; see the head of the module.

    ``ruled`` counts the calls ruled on, ``inconclusive`` those that were not (inconclusive, broken, not scored), ``agreed`` those with
    exactly the true outcome, ``false_rulings`` rulings where the truth is inconclusive.
    """

    precision: Share
    recall: Share
    ruled_share: Share
    ruled: int
    inconclusive: int
    agreed: Share
    false_rulings: int
    fault_spans: Share

    def __add__(self, other: CheckFigures) -> CheckFigures:
        """The figures of both checks together, each call counted once for each."""
        return CheckFigures(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


@dataclass(frozen=True)
class ErrorRate:
    """Edit operations (substitutions, deletions, insertions) and reference length; ``value`` may exceed 1."""

    errors: int
    length: int

    @property
    def value(self) -> float | None:
        return self.errors / self.length if self.length else None

    def __add__(self, other: ErrorRate) -> ErrorRate:
        return ErrorRate(self.errors + other.errors, self.length + other.length)


@dataclass(frozen=True)
class WordFigures:
    """``characters`` and ``syllables`` (toneless) by role and ``total``; ``clear`` leaves out calls with an inconclusive verdict."""

    characters: tuple[tuple[str, ErrorRate], ...]
    syllables: tuple[tuple[str, ErrorRate], ...]
    clear: ErrorRate


@dataclass(frozen=True)
class Errors:
    """Measured less true values; ``missing``: calls whose truth is known and that were not measured."""

    values: tuple[float, ...]
    missing: int = 0

    def summary(self) -> dict[str, float | int | None]:
        """Count, mean, median, 95 % and largest absolute error, in the unit of the values."""
        size = np.abs(self.values)
        some = bool(self.values)
        return {
            "n": len(self.values), "missing": self.missing, "mean": statistics.fmean(self.values) if some else None,
            "median_abs": float(np.median(size)) if some else None, "p95_abs": float(np.percentile(size, 95)) if some else None,
            "max_abs": float(size.max()) if some else None,
        }  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """All figures.

    ``misses`` are in the order of the calls in the truth file, those of a call in the order of the checks.  ``skipped`` are checks of
    the truth that no scorecard holds, ``untold`` those of the scorecards of which the truth says nothing; ``errors`` files that could
    not be scored.
    """

    files: int
    demo: bool
    checks: tuple[tuple[str, CheckFigures], ...]
    misses: tuple[Miss, ...]
    words: WordFigures
    rate_percent: Errors
    level_db: Errors
    rings: Share
    turn_starts_ms: Errors
    turn_ends_ms: Errors
    skipped: tuple[str, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    untold: tuple[str, ...] = ()
    diarization: DiarizationEvaluation | None = None
    channels: ChannelEvaluation = field(default_factory=ChannelEvaluation)

    @property
    def total(self) -> CheckFigures | None:
        """All checks together; None without any."""
        figures = [of for _, of in self.checks]
        return reduce(CheckFigures.__add__, figures) if figures else None


def evaluate_folder(folder: Path, score: Scorer, diarization: str = AUTO) -> Evaluation:
    """Score the recordings that ``folder/truth.jsonl`` names and compare; measure the engines that tell speakers apart (``diarization``).

    Raises TruthError if the truth file is wrong or names a recording that is not there.
    """
    path = folder / TRUTH_FILE
    truths = read_truth(path)
    for truth in truths:
        if not (folder / truth.file).is_file():
            raise TruthError(f"{path}:{truth.line}", f"录音 {truth.file} 不存在", "请补上录音，或删去这一行")
    names = {folder / t.file: t.file for t in truths}
    results = {names[path]: result for path, result in score(list(names))}
    scored = {f: r for f, r in results.items() if isinstance(r, ScoredCall)}
    found = evaluate(scored, truths, {f: str(r) for f, r in results.items() if isinstance(r, QaError)})
    told = [(folder / t.file, t, scored[t.file].call) for t in truths if t.file in scored]
    return replace(found, diarization=evaluate_diarization(told, diarization))


def evaluate(scored: Mapping[str, ScoredCall], truths: Iterable[Truth], errors: Mapping[str, str] | None = None) -> Evaluation:
    """Compare scorecards, by file name as in the truth, with the truth; a call that is not in ``scored`` was not ruled on."""
    truths = tuple(truths)
    pairs = [(t, scored.get(t.file)) for t in truths]
    known = dict.fromkeys(r.check_id for s in scored.values() for r in s.card)
    named = dict.fromkeys(check for t in truths for check, _ in t.verdicts)
    misses: list[Miss] = []
    checks = [(check, _check(check, pairs, misses)) for check in named if check in known or not scored]
    place = {truth.file: number for number, truth in enumerate(truths)}
    misses.sort(key=lambda miss: place[miss.file])
    starts, ends = _turn_errors(pairs)
    reasons = dict(errors or {})
    missing = [(t.file, reasons.get(t.file, "没有评分结果")) for t in truths if t.file not in scored]
    return Evaluation(
        files=len(truths), demo=any(s.card.provenance.demo for s in scored.values()), checks=tuple(checks), misses=tuple(misses),
        words=_words(pairs), rate_percent=_measured(pairs, "rate_cpm", lambda got, true: 100 * (got / true - 1)),
        level_db=_measured(pairs, "level_dbov", lambda got, true: got - true), rings=_rings(pairs), turn_starts_ms=starts,
        turn_ends_ms=ends, skipped=tuple(c for c in named if c not in known and scored), errors=tuple(missing),
        untold=tuple(c for c in known if c not in named), channels=evaluate_channels([(t, s.call) for t, s in pairs if s is not None]),
    )  # fmt: skip


Pairs = Sequence[tuple[Truth, ScoredCall | None]]

# ---------------------------------------------------------------- verdicts


def _check(check: str, pairs: Pairs, misses: list[Miss]) -> CheckFigures:
    rows: list[tuple[Outcome, Outcome | None]] = []
    spans, found = 0, 0
    for truth, scored in pairs:
        true = truth.verdict(check)
        if true is None:
            continue
        result = scored.card.result(check) if scored else None
        got = result.outcome if result else None
        rows.append((true, got))
        if got is not true and not (true is Outcome.INCONCLUSIVE and got not in RULINGS):
            message = _messages(result) if result else "没有评分结果"
            misses.append(Miss(truth.file, check, _kind(true, got), true.value, got.value if got else NOT_SCORED, message))
        if result is not None and true is got is Outcome.FAIL:
            faults = [f for f in truth.faults if f.check == check]
            spans += len(faults)
            found += _evidence(truth, result, misses)
    hits = sum(true is got is Outcome.FAIL for true, got in rows)
    claims = sum(got is Outcome.FAIL or (true is Outcome.INCONCLUSIVE and got in RULINGS) for true, got in rows)
    measurable = [got for true, got in rows if true in RULINGS]
    ruled = sum(got in RULINGS for _, got in rows)
    return CheckFigures(
        Share(hits, claims), Share(hits, sum(true is Outcome.FAIL for true, _ in rows)),
        Share(sum(got in RULINGS for got in measurable), len(measurable)), ruled, len(rows) - ruled,
        Share(sum(true is got for true, got in rows), len(rows)),
        sum(true is Outcome.INCONCLUSIVE and got in RULINGS for true, got in rows), Share(found, spans),
    )  # fmt: skip


def _kind(true: Outcome, got: Outcome | None) -> str:
    if true is Outcome.INCONCLUSIVE:
        return "false_ruling"
    if true is Outcome.FAIL:
        return "missed_fail"
    if got is Outcome.FAIL:
        return "false_fail"
    return "other" if got in RULINGS else "not_ruled"


def _messages(result: CheckResult) -> str:
    """What the findings of the result's outcome say."""
    return "；".join(f.message for f in result.findings if f.outcome is result.outcome) or result.outcome.value


def _touch(a: Span, b: Span) -> bool:
    """They share a moment; one without length counts where it lies."""
    return a.start_ms <= b.end_ms and b.start_ms <= a.end_ms


def _evidence(truth: Truth, result: CheckResult, misses: list[Miss]) -> int:
    """True faults that the evidence of some FAIL finding touches; the others, and findings that touch none, are misses."""
    faults = [f for f in truth.faults if f.check == result.check_id]
    failures = [f for f in result.findings if f.outcome is Outcome.FAIL]
    seen = ", ".join(f"{e.span.start_ms}-{e.span.end_ms}" for f in failures for e in f.evidence)
    found = 0
    for fault in faults:
        if any(_touch(fault.span, e.span) for f in failures for e in f.evidence):
            found += 1
        else:
            where = f"{fault.span.start_ms}-{fault.span.end_ms}"
            misses.append(Miss(truth.file, result.check_id, "fault_span", where, seen, fault.what))
    for failure in failures:
        if faults and not any(_touch(t.span, e.span) for t in faults for e in failure.evidence):
            where = ", ".join(f"{e.span.start_ms}-{e.span.end_ms}" for e in failure.evidence)
            true = ", ".join(f"{t.span.start_ms}-{t.span.end_ms}" for t in faults)
            misses.append(Miss(truth.file, result.check_id, "stray_evidence", true, where, failure.message))
    return found


# ---------------------------------------------------------------- words


def hanzi(text: str) -> str:
    """The Chinese characters of ``text`` as read: simplified, digits as characters, nothing else."""
    return "".join(c for c in normalise(text) if "\u3400" <= c <= "\u9fff")


def edit_distance(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Smallest number of substitutions, deletions and insertions (Levenshtein 1966)."""
    numbers: dict[str, int] = {}
    a, b = (np.array([numbers.setdefault(x, len(numbers)) for x in s], np.int64) for s in (reference, heard))
    steps = np.arange(len(b) + 1)
    row = steps.copy()
    for symbol in a:
        best = np.concatenate([[row[0] + 1], np.minimum(row[1:] + 1, row[:-1] + (b != symbol))])
        row = np.minimum.accumulate(best - steps) + steps  # insertions: each step to the right costs one
    return int(row[-1])


def _words(pairs: Pairs) -> WordFigures:
    """Texts of a role joined in the order of time; a call whose roles nobody knows counts in ``unknown`` as a whole."""
    characters: dict[str, ErrorRate] = {}
    sounds: dict[str, ErrorRate] = {}
    clear = ErrorRate(0, 0)
    for truth, scored in pairs:
        if not truth.turns or scored is None:
            continue
        for role, said, heard in _texts(truth.turns, scored.call):
            rate = ErrorRate(edit_distance(said, heard), len(said))
            spoken = syllables(said)
            for key in (role, "total"):
                characters[key] = characters.get(key, ErrorRate(0, 0)) + rate
                sound = ErrorRate(edit_distance(spoken, syllables(heard)), len(spoken))
                sounds[key] = sounds.get(key, ErrorRate(0, 0)) + sound
            if Outcome.INCONCLUSIVE not in dict(truth.verdicts).values():
                clear += rate
    return WordFigures(tuple(characters.items()), tuple(sounds.items()), clear)


def _texts(turns: Sequence[TruthTurn], call: Call) -> list[tuple[str, str, str]]:
    """(role, what was said, what was heard) in hanzi for every role of the truth or of the call."""
    roles = [r for r in Role if r is not Role.UNKNOWN]
    known = [r for r in roles if call.utterances(r) or any(t.role is r for t in turns)]
    if not any(call.speaker(r) for r in roles):
        heard = sorted(call.transcript.utterances, key=lambda u: u.span)
        return [(Role.UNKNOWN.value, hanzi("，".join(t.text for t in turns)), hanzi("，".join(u.text for u in heard)))]
    return [
        (
            r.value,
            hanzi("，".join(t.text for t in turns if t.role is r)),
            hanzi("，".join(u.text for u in sorted(call.utterances(r), key=lambda u: u.span))),
        )
        for r in known
    ]


# ---------------------------------------------------------------- measures


def _value(scored: ScoredCall | None, measure: str) -> float | None:
    result = scored.card.result(dict(MEASURES)[measure]) if scored else None
    values = [f.value(measure) for f in result.findings] if result else []
    return next((float(v) for v in values if isinstance(v, int | float)), None)


def _measured(pairs: Pairs, measure: str, error: Callable[[float, float], float]) -> Errors:
    true_and_got = [(float(getattr(t, measure)), _value(s, measure)) for t, s in pairs if getattr(t, measure) is not None]
    return Errors(tuple(error(got, true) for true, got in true_and_got if got is not None), sum(got is None for _, got in true_and_got))


def _rings(pairs: Pairs) -> Share:
    """Calls whose rings were counted exactly, of those whose true number is known and that were counted at all."""
    counted = [(t.rings, _value(s, "rings")) for t, s in pairs if t.rings is not None]
    return Share(sum(true == got for true, got in counted), sum(got is not None for _, got in counted))


def _turn_errors(pairs: Pairs) -> tuple[Errors, Errors]:
    """Found less true start and end of each turn of a known role; a turn without any speech found is missing.

    Speech that runs over from the neighbouring turn of the same role has no edge there, and none is counted.
    """
    starts: list[float] = []
    ends: list[float] = []
    missing = 0
    for truth, scored in pairs:
        for role in dict.fromkeys(t.role for t in truth.turns):
            speaker = scored.call.speaker(role) if scored else None
            if scored is None or speaker is None:
                continue
            turns = [t.span for t in truth.turns if t.role is role]
            spans = sorted(scored.call.turns.of(speaker))
            for i, turn in enumerate(turns):
                near = [s for s in spans if s.overlap_ms(turn)]
                if not near:
                    missing += 1
                    continue
                if i == 0 or not near[0].overlap_ms(turns[i - 1]):
                    starts.append(near[0].start_ms - turn.start_ms)
                if i + 1 == len(turns) or not near[-1].overlap_ms(turns[i + 1]):
                    ends.append(near[-1].end_ms - turn.end_ms)
    return Errors(tuple(starts), missing), Errors(tuple(ends), missing)
