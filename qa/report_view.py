"""What the report page of one call shows: one documented value, made from a Call and its Scorecard alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from qa.channel_facts import in_words, of_call
from qa.report_media import envelopes, wave_path
from qa.report_text import (
    LONG_EVIDENCE_MS,
    OUTCOME_SYMBOL,
    OUTCOME_TEXT,
    ROLE_TEXT,
    SEVERITY,
    clock,
    in_transcript,
    number,
    said_words,
    speaker_text,
    value_rows,
)
from qa.rules.book import RuleBook
from qa.rules.explain_text import points_text
from qa.rules.points import worth
from qa.types import Call, CheckResult, Evidence, Finding, Outcome, Role, Scorecard, Span, Utterance

UNSURE = 0.5  # words that the recogniser held less likely than this are drawn as uncertain
PIN_GAP_PERCENT = 8.5  # pins nearer than this go to the next row: 28 px on the narrowest telephone


@dataclass(frozen=True)
class Seconds:
    """A stretch of evidence: times for the player and for the reader, the words, who said them."""

    anchor: str
    start_ms: int
    end_ms: int
    clock: str
    role: str
    text: str


@dataclass(frozen=True)
class FindingView:
    outcome: str
    message: str
    evidence: tuple[Seconds, ...]
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CheckView:
    """``points`` is a sentence; ``outcome`` the key of the CSS class, ``word`` and ``symbol`` its reading."""

    anchor: str
    check_id: str
    title: str
    clause: str
    outcome: str
    word: str
    symbol: str
    points: str
    findings: tuple[FindingView, ...]


@dataclass(frozen=True)
class Piece:
    """A run of words of a line: ``outcome`` is set where a finding quotes them."""

    text: str
    outcome: str
    unsure: bool
    start_ms: int


@dataclass(frozen=True)
class Chip:
    outcome: str
    symbol: str
    word: str
    title: str
    message: str
    href: str


@dataclass(frozen=True)
class Line:
    """A line of the transcript; ``kind`` is a role, or ``due`` where words were due and nobody spoke."""

    kind: str
    speaker: str
    start_ms: int
    end_ms: int
    clock: str
    pieces: tuple[Piece, ...]
    chips: tuple[Chip, ...]


@dataclass(frozen=True)
class Band:
    """A coloured stretch in the waveform, in thousandths of the call; ``kind`` is ``turn``, ``tone`` or an outcome."""

    kind: str
    x: float
    width: float
    title: str


@dataclass(frozen=True)
class Lane:
    """One channel of the waveform."""

    label: str
    kind: str
    path: str
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Pin:
    """A finding above the waveform: ``left`` in percent of the call, ``row`` from the waveform upwards."""

    left: float
    row: int
    outcome: str
    symbol: str
    title: str
    start_ms: int
    href: str


@dataclass(frozen=True)
class CallView:
    """``channels``: what is known of the channels of the recording, a sentence each (``qa.channel_facts``)."""

    checks: tuple[CheckView, ...]
    counts: tuple[tuple[str, str, str, int], ...]
    lanes: tuple[Lane, ...]
    pins: tuple[Pin, ...]
    pin_rows: int
    lines: tuple[Line, ...]
    dropped: tuple[Line, ...]
    channels: tuple[str, ...]


def checks(card: Scorecard, book: RuleBook | None = None) -> tuple[CheckView, ...]:
    """The results alone, as in :func:`view`."""
    return tuple(_check(result, book) for result in _gravest_first(card))


def _gravest_first(card: Scorecard) -> list[CheckResult]:
    return sorted(card.results, key=lambda r: SEVERITY[r.outcome])


def view(call: Call, card: Scorecard, book: RuleBook | None = None) -> CallView:
    """All figures and words of the page; results that need attention first.

    ``book``: the rule book that the scorecard was made with, which says whether a rule earns, costs or adds points; None: not known.
    """
    results = _gravest_first(card)
    pins = _pins(call, results)
    counted = Counter(r.outcome for r in results)
    counts = tuple((o.value, OUTCOME_SYMBOL[o], OUTCOME_TEXT[o], counted[o]) for o in SEVERITY if counted[o])
    return CallView(
        checks=checks(card, book),
        counts=counts,
        lanes=_lanes(call, results),
        pins=pins,
        pin_rows=max((p.row for p in pins), default=-1) + 1,
        lines=_lines(call, results),
        dropped=tuple(_line(call, u, (), ()) for u in call.transcript.dropped),
        channels=tuple(in_words(fact) for fact in of_call(call, *((book.roles,) if book else ()))),
    )


def _anchor(result: CheckResult, finding: int, evidence: int) -> str:
    return f"e-{result.check_id}-{finding}-{evidence}"


def _points(result: CheckResult, book: RuleBook | None) -> str:
    """As somebody would write it who answers for the score: ``扣 4 分``, ``加 5 分``, ``得 10 分（满分 10 分）``."""
    if result.points is None or not result.weight:
        return "不计分"
    rule = book.rule(result.check_id) if book is not None else None
    if rule is not None and book is not None:
        counts = worth(rule, book.scoring.mode, result.outcome, result.occurrences).counts
        return points_text(counts, Decimal(str(result.weight)), Decimal(str(result.points)))
    if result.points < 0:  # only what is taken off can go below nothing
        return points_text("deduction", Decimal(str(result.weight)), Decimal(str(result.points)))
    return f"{number(float(result.points))} / {number(float(result.weight))} 分"


def _check(result: CheckResult, book: RuleBook | None) -> CheckView:
    return CheckView(
        anchor=f"c-{result.check_id}",
        check_id=result.check_id,
        title=result.title,
        clause=result.clause,
        outcome=result.outcome.value,
        word=OUTCOME_TEXT[result.outcome],
        symbol=OUTCOME_SYMBOL[result.outcome],
        points=_points(result, book),
        findings=tuple(_finding(result, i, f) for i, f in enumerate(result.findings)),
    )


def _finding(result: CheckResult, index: int, finding: Finding) -> FindingView:
    evidence = tuple(
        Seconds(
            _anchor(result, index, i),
            e.span.start_ms,
            e.span.end_ms,
            f"{clock(e.span.start_ms)}–{clock(e.span.end_ms)}",
            ROLE_TEXT[e.role],
            e.text,
        )
        for i, e in enumerate(finding.evidence)
    )
    return FindingView(finding.outcome.value, finding.message, evidence, value_rows(finding.values))


def _all_evidence(results: list[CheckResult]) -> list[tuple[CheckResult, Finding, Evidence, str]]:
    return [
        (result, finding, evidence, _anchor(result, i, j))
        for result in results
        for i, finding in enumerate(result.findings)
        for j, evidence in enumerate(finding.evidence)
    ]


# ---------------------------------------------------------------- waveform


def _pins(call: Call, results: list[CheckResult]) -> tuple[Pin, ...]:
    total = max(1, call.audio.duration_ms)
    found = [
        (e.span.start_ms, r, f, anchor)
        for r, f, e, anchor in _all_evidence(results)
        if in_transcript(f.outcome, e) and f.outcome is not Outcome.NOT_APPLICABLE
    ]
    rows: list[float] = []
    pins = []
    for start, result, finding, anchor in sorted(found, key=lambda p: p[0]):
        left = min(100.0, 100.0 * start / total)
        row = next((i for i, end in enumerate(rows) if left - end >= PIN_GAP_PERCENT), len(rows))
        rows[row : row + 1] = [left]
        title = f"{clock(start)} {result.title}：{OUTCOME_TEXT[finding.outcome]}。{finding.message}"
        pins.append(Pin(round(left, 2), row, finding.outcome.value, OUTCOME_SYMBOL[finding.outcome], title, start, anchor))
    return tuple(pins)


def _lanes(call: Call, results: list[CheckResult]) -> tuple[Lane, ...]:
    total = max(1, call.audio.duration_ms)
    heights = envelopes(call.acoustics.channels, total)
    lanes = []
    for channel, values in enumerate(heights):
        speaker = f"ch{channel}" if len(heights) > 1 else ""
        role = call.roles.role_of(speaker)
        bands = [_band("turn", s.start_ms, s.end_ms, total, "有人说话") for s in call.activity.channels[channel]]
        bands += [
            _band("tone", t.span.start_ms, t.span.end_ms, total, f"信号音 {t.kind}，{t.frequency_hz:.0f} Hz")
            for t in call.acoustics.tones
            if t.channel == channel
        ]
        bands += [
            _band(f.outcome.value, e.span.start_ms, e.span.end_ms, total, f"{r.title}：{OUTCOME_TEXT[f.outcome]}")
            for r, f, e, _ in reversed(_all_evidence(results))  # the gravest last, on top
            if f.outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.ERROR)
            and (e.role is role or len(heights) == 1)
            and e.span.duration_ms <= LONG_EVIDENCE_MS
        ]
        label = speaker_text(call, speaker) if speaker else "单声道"
        lanes.append(Lane(label, role.value, wave_path(values, 32.0, 28.0), tuple(bands)))
    return tuple(lanes)


def _band(kind: str, start_ms: int, end_ms: int, total_ms: int, title: str) -> Band:
    width = max(2.0, 1000 * (end_ms - start_ms) / total_ms)
    return Band(kind, round(1000 * start_ms / total_ms, 1), round(width, 1), f"{clock(start_ms)}–{clock(end_ms)} {title}")


# ---------------------------------------------------------------- transcript


def _lines(call: Call, results: list[CheckResult]) -> tuple[Line, ...]:
    """Utterances by time, each with the findings that touch it; evidence that touches none gets a line of its own."""
    shown = [entry for entry in _all_evidence(results) if in_transcript(entry[1].outcome, entry[2])]
    within = _within(call.transcript.utterances)
    chips: dict[int, list[Chip]] = {}
    quotes: dict[int, dict[int, Outcome]] = {}
    lines = []
    for result, finding, evidence, anchor in shown:
        chip = _chip(result, finding, anchor)
        touched = [
            i
            for i in within(evidence.span)
            if evidence.role is Role.UNKNOWN or call.roles.role_of(call.transcript.utterances[i].speaker) is evidence.role
        ]
        if not touched:
            lines.append(_due_line(evidence, chip))
            continue
        chips.setdefault(touched[0], []).append(chip)
        for i in touched:
            for word in said_words(evidence, call.transcript.utterances[i].words):
                known = quotes.setdefault(i, {}).get(word, Outcome.NOT_APPLICABLE)
                quotes[i][word] = min(known, finding.outcome, key=lambda o: SEVERITY[o])
    for i, utterance in enumerate(call.transcript.utterances):
        lines.append(_line(call, utterance, tuple(chips.get(i, ())), tuple(quotes.get(i, {}).items())))
    return tuple(sorted(lines, key=lambda line: (line.start_ms, line.kind != "due", line.end_ms)))


def _within(said: Sequence[Utterance]) -> Callable[[Span], list[int]]:
    """For a stretch the places of the utterances (sorted by start) that lie in it in part: found by their times, not one by one."""
    starts = [one.span.start_ms for one in said]
    ended = list(accumulate((one.span.end_ms for one in said), max))  # up to each place, when the last one ends
    return lambda span: [
        i for i in range(bisect_right(ended, span.start_ms), bisect_left(starts, span.end_ms)) if said[i].span.overlap_ms(span) > 0
    ]


def _chip(result: CheckResult, finding: Finding, anchor: str) -> Chip:
    outcome = finding.outcome
    return Chip(outcome.value, OUTCOME_SYMBOL[outcome], OUTCOME_TEXT[outcome], result.title, finding.message, anchor)


def _due_line(evidence: Evidence, chip: Chip) -> Line:
    """Where nobody of that role spoke: the words that were due, or what else the finding says of these seconds."""
    start, end = evidence.span.start_ms, evidence.span.end_ms
    speaker = f"{ROLE_TEXT[evidence.role]} · 此处未听到" if evidence.text else "录音"
    piece = Piece(evidence.text or chip.message, "", False, start)
    return Line("due", speaker, start, end, clock(start), (piece,), (chip,))


def _line(call: Call, utterance: Utterance, chips: tuple[Chip, ...], quoted: tuple[tuple[int, Outcome], ...]) -> Line:
    marks = dict(quoted)
    pieces: list[Piece] = []
    for i, word in enumerate(utterance.words):
        outcome = marks[i].value if i in marks else ""
        unsure = word.probability < UNSURE
        last = pieces[-1] if pieces else None
        if last is not None and (last.outcome, last.unsure) == (outcome, unsure):
            pieces[-1] = Piece(last.text + word.text, outcome, unsure, last.start_ms)
        else:
            pieces.append(Piece(word.text, outcome, unsure, word.span.start_ms))
    start, end = utterance.span.start_ms, utterance.span.end_ms
    role = call.roles.role_of(utterance.speaker)
    kind = role.value
    return Line(kind, speaker_text(call, utterance.speaker), start, end, clock(start), tuple(pieces), chips)
