"""The traffic tables as a self-contained page, with charts drawn as SVG; nothing on it is fetched."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from qa import report
from qa.export import mask_text
from qa.log_scoring import LogResult
from qa.outcome_words import OUTCOMES, SEVERITIES
from qa.report_text import OUTCOME_SYMBOL
from qa.rules.book import RuleBook
from qa.traffic.shown import cell_text, sheets, told, unclear_note
from qa.traffic.tables import Traffic

LISTED_FINDINGS = 20
LISTED_ROWS = 10
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 708.0, 14.0, 200.0  # plotting area, viewBox 720 x 236
_WEEKS_SHOWN = 8

Points = Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Line:
    """A line of a chart: SVG paths (a gap ends one), its class, its name in the legend."""

    paths: tuple[str, ...]
    style: str
    name: str


@dataclass(frozen=True)
class Bar:
    """A bar of a chart; ``low`` and ``high``: its interval, None where there is none."""

    x: float
    y: float
    width: float
    height: float
    title: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Chart:
    """A chart in a viewBox of 720 x 236; ``grid`` and ``ticks`` are positions with texts; ``sentence`` says what it shows."""

    title: str
    sentence: str
    grid: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str, str], ...]
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    band: str = ""
    limit: float | None = None


@dataclass(frozen=True)
class ShownFinding:
    outcome: str
    symbol: str
    word: str
    message: str
    rows: tuple[tuple[str, str, str], ...]
    more: int


@dataclass(frozen=True)
class ShownResult:
    title: str
    severity: str
    clause: str
    outcome: str
    symbol: str
    word: str
    findings: tuple[ShownFinding, ...]
    more: int


def page(traffic: Traffic, results: Sequence[LogResult], book: RuleBook, now: datetime.datetime | None = None) -> str:
    """The page (HTML).  ``now`` is shown as the time of making (default: this moment)."""
    made = [
        {
            "id": sheet.id,
            "title": sheet.title,
            "columns": [(name, name in sheet.figures) for name in sheet.columns],
            "rows": [[(cell_text(cell), sheet.columns[n] in sheet.figures) for n, cell in enumerate(row)] for row in sheet.rows],
            "notes": sheet.notes,
        }
        for sheet in sheets(traffic)
    ]
    charts = {"loads": expected_chart(traffic), "seats": seat_chart(traffic), "rate-slots": rate_chart(traffic)}
    return report.render(
        "traffic.html.j2",
        now,
        title=f"话务报表 {traffic.since} 至 {traffic.until}",
        demo=False,
        book=book,
        period=f"{traffic.since} 至 {traffic.until}",
        results=[shown(result) for result in results],
        sheets=made,
        charts={name: chart for name, chart in charts.items() if chart is not None},
        forecast=traffic.how_forecast,
        notes=tuple(filter(None, (unclear_note(traffic.unclear), *traffic.notes))),
    )


def shown(result: LogResult) -> ShownResult:
    """A rule's result with its gravest findings; numbers of customers masked."""
    ordered = told(result)
    findings = tuple(
        ShownFinding(
            outcome=finding.outcome.value,
            symbol=OUTCOME_SYMBOL[finding.outcome],
            word=OUTCOMES[finding.outcome],
            message=mask_text(finding.message),
            rows=tuple(
                ((row.at or "").replace("T", " ")[:19], mask_text(row.text), mask_text(row.source)) for row in finding.rows[:LISTED_ROWS]
            ),
            more=max(0, len(finding.rows) - LISTED_ROWS),
        )
        for finding in ordered[:LISTED_FINDINGS]
    )
    return ShownResult(
        title=result.title,
        severity=SEVERITIES[result.severity],
        clause=result.clause,
        outcome=result.outcome.value,
        symbol=OUTCOME_SYMBOL[result.outcome],
        word=OUTCOMES[result.outcome],
        findings=findings,
        more=max(0, len(ordered) - LISTED_FINDINGS),
    )


# ---------------------------------------------------------------- charts


@dataclass(frozen=True)
class _Frame:
    """Where figures lie: ``first``–``last`` from left to right, 0–``top`` from bottom to top."""

    first: float
    last: float
    top: float

    def x(self, at: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * ((at - self.first) / (self.last - self.first) if self.last > self.first else 0.5), 1)

    def y(self, value: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * min(value, self.top) / self.top, 1)

    def grid(self) -> tuple[tuple[float, str], ...]:
        return tuple((self.y(self.top * n / 4), f"{self.top * n / 4:g}") for n in range(5))

    def paths(self, points: Points) -> tuple[str, ...]:
        """Lines through the points; one that is not known ends a line."""
        runs: list[list[str]] = [[]]
        for at, value in points:
            if value is None:
                runs.append([])
            else:
                runs[-1].append(f"{self.x(at)} {self.y(value)}")
        return tuple("M" + "L".join(run) for run in runs if len(run) > 1)


def _ceiling(values: Sequence[float]) -> float:
    """A round number at or above all values, whose quarters are short to write."""
    highest = max(values, default=1.0) or 1.0
    steps = (4, 8, 20, 40, 80, 200, 400)
    scale = 1.0
    while highest > steps[-1] * scale:
        scale *= 10
    return next(step * scale for step in steps if highest <= step * scale)


def expected_chart(traffic: Traffic) -> Chart | None:
    """The calls of the last weeks, those forecast with their range, and what the seats can bear; None where there is no forecast."""
    if not traffic.loads:
        return None
    past = list(traffic.history)[-7 * _WEEKS_SHOWN :]
    ahead = traffic.loads
    values = [float(count) for _, count in past if count is not None]
    values += [row.high for row in ahead] + [row.bearable for row in ahead if row.bearable is not None]
    days = [day for day, _ in past] + [row.date for row in ahead]
    frame = _Frame(days[0].toordinal(), days[-1].toordinal(), _ceiling(values))
    upper = [f"{frame.x(row.date.toordinal())} {frame.y(row.high)}" for row in ahead]
    lower = [f"{frame.x(row.date.toordinal())} {frame.y(row.low)}" for row in reversed(ahead)]
    lines = (
        Line(frame.paths([(day.toordinal(), count) for day, count in past]), "actual", "实际来电"),
        Line(frame.paths([(row.date.toordinal(), row.expected) for row in ahead]), "forecast", "预测来电（80% 范围）"),
        Line(frame.paths([(row.date.toordinal(), row.bearable) for row in ahead]), "bearable", "坐席可承受"),
    )
    marks = [days[0], past[-1][0], days[-1]]
    ticks = tuple((frame.x(day.toordinal()), f"{day:%m-%d}", anchor) for day, anchor in zip(marks, ("start", "middle", "end"), strict=True))
    sentence = f"{ahead[0].date} 起 {len(ahead)} 天预测来电 {sum(row.expected for row in ahead):.0f} 通。"
    kept = tuple(line for line in lines if line.paths)
    return Chart("每日来电：实际、预测与坐席可承受量", sentence, frame.grid(), ticks, kept, band="M" + "L".join(upper + lower) + "Z")


def seat_chart(traffic: Traffic) -> Chart | None:
    """Mean seats of each slot this month."""
    known = [(name, mean) for name, mean in zip(traffic.slots, traffic.seat_means, strict=True) if mean is not None]
    if not known:
        return None
    frame = _Frame(0, len(known), _ceiling([mean for _, mean in known]))
    bars = tuple(_bar(frame, n, mean, f"{name} 日均 {mean:.1f} 席") for n, (name, mean) in enumerate(known))
    return Chart("本月各时段日均坐席数", traffic.how_seats, frame.grid(), _bar_ticks(frame, [name for name, _ in known]), bars=bars)


def rate_chart(traffic: Traffic) -> Chart | None:
    """The connect rate of each slot with its interval."""
    known = [(row.name, row.asked, row.rate) for row in traffic.hours if row.rate.value is not None]
    if not known:
        return None
    frame = _Frame(0, len(known), 100.0)
    bars = []
    for n, (name, asked, rate) in enumerate(known):
        value, low, high = (100 * (part or 0.0) for part in (rate.value, rate.low, rate.high))
        bar = _bar(frame, n, value, f"{name} 接通率 {value:.1f}%（95% 区间 {low:.1f}–{high:.1f}），{asked} 通")
        bars.append(Bar(bar.x, bar.y, bar.width, bar.height, bar.title, frame.y(low), frame.y(high)))
    sentence = "各时段的接通率（%），细线是 95% 区间（Wilson）。"
    return Chart("各时段接通率", sentence, frame.grid(), _bar_ticks(frame, [name for name, _, _ in known]), bars=tuple(bars))


def _bar(frame: _Frame, n: int, value: float, title: str) -> Bar:
    left, right, top = frame.x(n + 0.15), frame.x(n + 0.85), frame.y(value)
    return Bar(left, top, round(right - left, 1), round(_BOTTOM - top, 1), title)


def _bar_ticks(frame: _Frame, names: Sequence[str]) -> tuple[tuple[float, str, str], ...]:
    """The beginning of a slot under its bar, as many as there is room for."""
    step = max(1, -(-len(names) // 8))
    return tuple((frame.x(n + 0.5), names[n][:5], "middle") for n in range(0, len(names), step))
