"""What the report page of one agent shows: pass rates, trend, worst and best calls with clips, all calls of the period."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from qa.export import mask_name
from qa.intervals import Estimate
from qa.report_media import cut, opus_uri
from qa.report_privacy import without_numbers
from qa.report_text import LONG_EVIDENCE_MS, OUTCOME_SYMBOL, OUTCOME_TEXT, ROLE_TEXT, clock, percent_text
from qa.scorecards import AgentScorecard, CallScore, CheckRate, Trend
from qa.store import ScoredCall
from qa.types import Audio, Call, Evidence, Outcome, Scorecard, Span

CLIP_MAX_MS = 12_000
CLIP_MARGIN_MS = 400
CLIPS_PER_CALL = 3
_LEFT, _RIGHT, _TOP, _BOTTOM = 34.0, 388.0, 14.0, 168.0  # plotting area of the trend chart, viewBox 400 x 205
_CONTRASTS = {"up": "上升", "down": "下降", "none": "看不出变化（在误差以内）"}

Sounds = Mapping[str, tuple[Call, Scorecard, tuple[Audio | None, str]]]
Link = Callable[[str], str | None]


@dataclass(frozen=True)
class RateRow:
    """Pass rate of a check; ``value``, ``low`` and ``high`` in percent of the bar, None where nothing was ruled."""

    title: str
    text: str
    interval: str
    n: int
    value: float | None
    low: float | None
    high: float | None
    rest: str


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    low: float | None
    high: float | None
    title: str


@dataclass(frozen=True)
class TrendView:
    """A chart in a viewBox of 400 x 205; ``ticks`` are x, text and anchor; ``sentence`` says what the figures allow."""

    dots: tuple[Dot, ...]
    curve: str
    grid: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str, str], ...]
    sentence: str


@dataclass(frozen=True)
class Clip:
    """A few seconds of evidence; ``audio`` is a ``data:`` URI, or None where there is no recording."""

    outcome: str
    symbol: str
    word: str
    title: str
    message: str
    clock: str
    quote: str
    audio: str | None


@dataclass(frozen=True)
class ExtremeView:
    call_id: str
    started: str
    percent: str
    coverage: str
    failed: tuple[str, ...]
    href: str | None
    clips: tuple[Clip, ...]
    problem: str


@dataclass(frozen=True)
class CallRow:
    call_id: str
    started: str
    percent: str
    coverage: str
    href: str | None
    outcomes: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class AgentView:
    rates: tuple[RateRow, ...]
    trend: TrendView
    worst: tuple[ExtremeView, ...]
    best: tuple[ExtremeView, ...]
    calls: tuple[tuple[ScoredCall, CallRow], ...]


def agent_view(agent: AgentScorecard, sounds: Sounds, calls: Sequence[ScoredCall], link: Link) -> AgentView:
    """All figures, words and clips of the page; the caller has made sure that everything is this agent's."""
    return AgentView(
        rates=tuple(_rate(c) for c in agent.checks),
        trend=_trend(agent.trend),
        worst=tuple(_extreme(c, sounds, link, Outcome.FAIL) for c in agent.worst),
        best=tuple(_extreme(c, sounds, link, Outcome.PASS) for c in agent.best),
        calls=tuple((c, call_row(c, link)) for c in calls),
    )


def share_text(estimate: Estimate, scale: float = 100.0) -> str:
    """``83%（95% 区间 61–94）``; the interval only where there is one."""
    if estimate.value is None:
        return "—"
    return f"{scale * estimate.value:.0f}%"


def interval_text(estimate: Estimate, scale: float = 100.0) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{scale * estimate.low:.0f}–{scale * estimate.high:.0f}"


def _rate(check: CheckRate) -> RateRow:
    rest = [(check.inconclusive, "无法判定"), (check.errors, "检查出错"), (check.not_applicable, "不适用")]
    value, low, high = (None if v is None else 100 * v for v in (check.rate.value, check.rate.low, check.rate.high))
    return RateRow(
        title=check.title,
        text=share_text(check.rate),
        interval=interval_text(check.rate),
        n=check.rate.n,
        value=value,
        low=low,
        high=high,
        rest="、".join(f"{word} {n}" for n, word in rest if n),
    )


# ---------------------------------------------------------------- trend


def _trend(trend: Trend) -> TrendView:
    points = [p for p in trend.points if p.percent.value is not None]
    days = [date.fromisoformat(p.first_day).toordinal() for p in points]
    span = max(days) - min(days) if days else 0

    def x(day: int) -> float:
        inner = _RIGHT - _LEFT - 24
        return round(_LEFT + 12 + (inner * (day - min(days)) / span if span else inner / 2), 1)

    def y(percent: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * percent / 100, 1)

    dots = tuple(
        Dot(
            x(day),
            y(p.percent.value or 0.0),
            None if p.percent.low is None else y(p.percent.low),
            None if p.percent.high is None else y(p.percent.high),
            f"{p.label}：{percent_text(p.percent.value)} 分，{p.percent.n} 通",
        )
        for p, day in zip(points, days, strict=True)
    )
    curve = "M" + "L".join(f"{d.x} {d.y}" for d in dots) if len(dots) > 1 else ""
    ticks: list[tuple[float, str, str]] = []
    if dots:
        ticks.append((dots[0].x, points[0].label, "start" if span else "middle"))
    if span:
        ticks.append((dots[-1].x, points[-1].label, "end"))
    return TrendView(dots, curve, tuple((y(v), str(v)) for v in (0, 50, 100)), tuple(ticks), trend_sentence(trend))


def trend_sentence(trend: Trend) -> str:
    """What the figures allow to say of the trend, and no more."""
    if not trend.points:
        return "这段时间没有带日期的得分。"
    slope = trend.slope
    if slope is None or slope.value is None or slope.low is None or slope.high is None:
        return "通话太少，不判断走势。"
    interval = f"95% 区间 {slope.low:+.1f} 至 {slope.high:+.1f}"
    return f"走势：{_CONTRASTS[trend.direction]}。每周 {slope.value:+.1f} 分，{interval}，n = {slope.n}。"


# ---------------------------------------------------------------- calls and clips


def _extreme(score: CallScore, sounds: Sounds, link: Link, outcome: Outcome) -> ExtremeView:
    call_id, clips, problem = mask_name(score.call_id), (), ""  # type: str, tuple[Clip, ...], str
    if score.call_id in sounds:
        call, card, (audio, problem) = sounds[score.call_id]
        call, card = without_numbers(call, card)
        call_id, clips = card.call_id, _clips(card, audio, outcome)
    return ExtremeView(
        call_id=call_id,
        started=moment(score.started),
        percent=percent_text(score.percent),
        coverage=f"{100 * score.coverage:.0f}%",
        failed=score.failed,
        href=link(score.call_id),
        clips=clips,
        problem=problem,
    )


def _clips(card: Scorecard, audio: Audio | None, outcome: Outcome) -> tuple[Clip, ...]:
    """The first evidence of each finding of that outcome; of what went well only short stretches, words that one can copy."""
    clips = []
    for result in card:
        for finding in result.findings:
            if finding.outcome is not outcome or not finding.evidence:
                continue
            evidence = finding.evidence[0]
            if outcome is Outcome.PASS and (evidence.span.duration_ms > LONG_EVIDENCE_MS or not evidence.text):
                continue
            clips.append(_clip(result.title, outcome, finding.message, evidence, audio))
    return tuple(clips[:CLIPS_PER_CALL])


def _clip(title: str, outcome: Outcome, message: str, evidence: Evidence, audio: Audio | None) -> Clip:
    span = Span(evidence.span.start_ms, min(evidence.span.end_ms, evidence.span.start_ms + CLIP_MAX_MS))
    uri = None
    if audio is not None:
        uri = opus_uri(cut(audio.pcm, audio.info.rate_hz, span, margin_ms=CLIP_MARGIN_MS), audio.info.rate_hz)
    return Clip(
        outcome=outcome.value,
        symbol=OUTCOME_SYMBOL[outcome],
        word=OUTCOME_TEXT[outcome],
        title=title,
        message=message,
        clock=f"{clock(span.start_ms)}–{clock(span.end_ms)}",
        quote=f"{ROLE_TEXT[evidence.role]}：“{evidence.text}”" if evidence.text else "",
        audio=uri,
    )


def call_row(call: ScoredCall, link: Link) -> CallRow:
    """A line of a list of calls."""
    return CallRow(
        call_id=mask_name(call.call_id, call.customer_number),
        started=moment(call.started),
        percent=percent_text(call.percent),
        coverage=f"{100 * call.coverage:.0f}%",
        href=link(call.call_id),
        outcomes=tuple((c.outcome.value, OUTCOME_SYMBOL[c.outcome], f"{c.title}：{OUTCOME_TEXT[c.outcome]}") for c in call.checks),
    )


def moment(started: str | None) -> str:
    """Wall clock without seconds: ``2024-05-01 09:00``."""
    return (started or "").replace("T", " ")[:16] or "时间未知"
