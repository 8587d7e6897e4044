"""Figures and words of the traffic tables as people read them; the same in the terminal, in the workbook and on the page.

Numbers of customers are masked; what is not known is a dash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qa.export import mask_text
from qa.log_scoring import LogResult
from qa.outcome_words import OUTCOMES, SEVERITIES
from qa.traffic.tables import Against, DayRow, SlotRow, Traffic
from qa.types import Finding, Outcome

DASH = "—"
Cell = str | float | int | None


@dataclass(frozen=True)
class Sheet:
    """A table: ``id`` for addresses, ``title``, the names of its columns (``figures`` of them hold numbers), rows, and notes under it."""

    id: str
    title: str
    columns: tuple[str, ...]
    figures: frozenset[str]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def sheets(traffic: Traffic) -> tuple[Sheet, ...]:
    """The five tables and those of the connect rate by day and slot, in order."""
    return (_seats(traffic), _loads(traffic), *_month(traffic), _against(traffic), _persons(traffic), *_rates(traffic))


def _sheet(id_: str, title: str, columns: Sequence[str], figures: Sequence[str], rows: Sequence[Sequence[Cell]], *notes: str) -> Sheet:
    told = tuple(note for note in notes if note)
    return Sheet(id_, title, tuple(columns), frozenset(figures), tuple(map(tuple, rows)), told)


def _round(value: float | None, places: int = 1) -> float | None:
    return None if value is None else round(value, places) + 0.0  # no "-0"


def _seats(traffic: Traffic) -> Sheet:
    starts = f"时段以开始时刻表示，首个为 {traffic.slots[0]}" if traffic.slots else ""
    rows: list[list[Cell]] = [[str(row.date), row.title, *row.seats, _round(row.mean)] for row in traffic.seats]
    rows.append(["日均", "", *(_round(mean) for mean in traffic.seat_means), _round(_mean([row.mean for row in traffic.seats]))])
    whole = all(slot[3:5] == "00" for slot in traffic.slots)
    figures = (*(f"{slot[:2]}时" if whole else slot[:5] for slot in traffic.slots), "平均")
    return _sheet("seats", "表一 本月每日各时段坐席数及日均", ("日期", "星期", *figures), figures, rows, traffic.how_seats, starts)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _loads(traffic: Traffic) -> Sheet:
    figures = ("预测来电", "80% 下限", "80% 上限", "坐席可承受", "负荷（%）")
    rows = [
        (
            *(str(row.date), row.title, round(row.expected), round(row.low), round(row.high)),
            *(None if row.bearable is None else round(row.bearable), _round(row.load_percent)),
            "；".join(filter(None, (*row.full, row.note))),
        )
        for row in traffic.loads
    ]
    notes = (traffic.how_forecast, traffic.how_load, traffic.how_seats, *traffic.notes)
    return _sheet("loads", "表二 每日话务预测与坐席可承受量", ("日期", "星期", *figures, "超负荷的时段与说明"), figures, rows, *notes)


_ASKED = ("来电", "计入接通率", "接通", "接通率（%）")
_UNSURE = "未出自动语音"


def _asked_cells(row: DayRow | SlotRow) -> tuple[Cell, ...]:
    return row.calls, row.asked, row.answered, _percent(row.rate.value)


def _unsure_note(rows: Sequence[DayRow | SlotRow]) -> str:
    if not any(row.unsure for row in rows):
        return ""
    return f"“{_UNSURE}”：听自动语音时挂机，不知是否想找人，不计入接通率；95% 下限按全部算未接通"


def unclear_note(count: int) -> str:
    """What is said of calls whose direction is not clear; "" where there are none."""
    return f"另有 {count} 通电话分不清呼入还是呼出，没有计入" if count else ""


def _month(traffic: Traffic) -> tuple[Sheet, Sheet]:
    days = [(str(row.date), row.title, *_asked_cells(row), row.unsure) for row in traffic.month]
    known = [row for row in traffic.month if row.calls is not None]
    if known:
        calls, asked, answered, unsure = (
            sum(getattr(row, name) or 0 for row in known) for name in ("calls", "asked", "answered", "unsure")
        )
        days.append(("合计", f"{len(known)} 天", calls, asked, answered, _percent(answered / asked if asked else None), unsure))
    persons = [(p.agent_id, p.name, p.answered, p.outgoing, _round(p.talk_h), p.days) for p in traffic.persons]
    missing = len(traffic.month) - len(known)
    figures, own = (*_ASKED, _UNSURE), ("接听", "呼出", "通话（小时）", "有通话的天数")
    note = f"{missing} 天没有话单，不计入合计" if missing else ""
    if not traffic.month:
        note = "没有上月的话单"
    notes = (note, _unsure_note(traffic.month), unclear_note(traffic.unclear_last_month))
    return (
        _sheet("month", f"表三 上月（{traffic.last_month}）实际话务", ("日期", "星期", *figures), figures, days, *notes),
        _sheet("persons", f"表三 上月（{traffic.last_month}）个人实际话务", ("工号", "姓名", *own), own, persons, notes[-1]),
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


_COMPARED = ("实际", "预测", "差", "差（%）")


def _compared(rows: Sequence[Against]) -> Iterator[tuple[Cell, ...]]:
    for row in rows:
        expected = None if row.expected is None else round(row.expected)
        yield row.label, row.title, row.actual, expected, _round(row.difference, 0), _round(row.percent)
    both = [row for row in rows if row.difference is not None]
    if both:
        actual, due = sum(row.actual or 0 for row in both), sum(row.expected or 0 for row in both)
        yield "合计", f"{len(both)} 行", actual, round(due), round(actual - due), _round(100 * (actual - due) / due if due else None)


def _against(traffic: Traffic) -> Sheet:
    rows = list(_compared(traffic.days_against))
    told = [row.percent for row in traffic.days_against if row.percent is not None]
    errors = [abs(row.difference) / row.actual for row in traffic.days_against if row.difference is not None and row.actual]
    note = f"逐日误差 MAPE {100 * sum(errors) / len(errors):.1f}%（{len(errors)} 天）" if told and errors else ""
    made = "预测只用上月第一天以前的话单做出"
    title = f"表四 上月（{traffic.last_month}）实际与预测"
    return _sheet("against", title, ("日期", "星期", *_COMPARED), _COMPARED, rows, made, note, traffic.how_forecast, *traffic.notes)


def _persons(traffic: Traffic) -> Sheet:
    made = "个人预测 = 上月总预测 × 此前 28 天本人接听占来电的比例；此前没有接听的没有预测"
    title = f"表五 上月（{traffic.last_month}）个人实际与预测"
    rows = list(_compared(traffic.persons_against))
    return _sheet("persons-against", title, ("工号", "姓名", *_COMPARED), _COMPARED, rows, made, traffic.how_forecast)


def _rates(traffic: Traffic) -> tuple[Sheet, Sheet]:
    figures = (*_ASKED, "95% 下限", "95% 上限", _UNSURE)

    def cells(row: DayRow | SlotRow) -> tuple[Cell, ...]:
        return *_asked_cells(row), _percent(row.rate.low), _percent(row.rate.high), row.unsure

    by_day = [(str(row.date), row.title, *cells(row)) for row in traffic.period]
    by_slot = [(row.name, *cells(row)) for row in traffic.hours]
    period = f"{traffic.since} 至 {traffic.until}"
    notes = (_unsure_note(traffic.period), unclear_note(traffic.unclear))
    return (
        _sheet("rate-days", f"每日接通率（{period}）", ("日期", "星期", *figures), figures, by_day, *notes),
        _sheet("rate-slots", f"各时段接通率（{period}）", ("时段", *figures), figures, by_slot, *notes),
    )


def cell_text(cell: Cell) -> str:
    """A cell as it is read: whole numbers without a point, a dash for what is not known."""
    if cell is None:
        return DASH
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


# ---------------------------------------------------------------- findings

_ORDER = (Outcome.ERROR, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_APPLICABLE)


def told(result: LogResult) -> tuple[Finding, ...]:
    """The findings of a rule, the gravest first."""
    return tuple(sorted(result.findings, key=lambda finding: _ORDER.index(finding.outcome)))


def finding_rows(results: Sequence[LogResult]) -> Iterator[tuple[Cell, ...]]:
    """A row a finding and row of evidence: rule, severity, outcome, what, source, when, what the row says, clause."""
    for result in results:
        for finding in told(result):
            head = (result.title, SEVERITIES[result.severity], OUTCOMES[finding.outcome], mask_text(finding.message))
            if not finding.rows:
                yield (*head, "", "", "", result.clause)
            for row in finding.rows:
                at = (row.at or "").replace("T", " ")[:19]
                yield (*head, mask_text(row.source), at, mask_text(row.text), result.clause)


FINDING_COLUMNS = ("规则", "程度", "结果", "说明", "依据", "时刻", "依据内容", "条款")
