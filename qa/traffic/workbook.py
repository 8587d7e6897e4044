"""The traffic tables as an Excel workbook with charts.

Text is always a text cell, never a formula or a link, whatever it begins with (OWASP, CSV Injection).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from qa.log_scoring import LogResult
from qa.traffic.shown import FINDING_COLUMNS, Cell, Sheet, finding_rows, sheets, unclear_note
from qa.traffic.tables import Traffic

_WIDEST = 60
_MOST_ROWS = 1_000_000
_NAMES = {
    "seats": "一 坐席数",
    "loads": "二 预测与承受",
    "month": "三 上月实际",
    "persons": "三 上月个人",
    "against": "四 实际与预测",
    "persons-against": "五 个人实际与预测",
    "rate-days": "每日接通率",
    "rate-slots": "各时段接通率",
}
# the columns that a sheet's chart shows, the kind of chart, and whether its last row (a sum or a mean) stays out
_CHARTS: dict[str, tuple[str, tuple[str, ...], bool]] = {
    "loads": ("line", ("预测来电", "80% 下限", "80% 上限", "坐席可承受"), False),
    "month": ("column", ("来电", "接通"), True),
    "against": ("line", ("实际", "预测"), True),
    "persons-against": ("column", ("实际", "预测"), True),
    "rate-days": ("line", ("接通率（%）",), False),
    "rate-slots": ("column", ("接通率（%）",), False),
}


def workbook(traffic: Traffic, results: Sequence[LogResult]) -> bytes:
    """The file's content: the findings, then a sheet for each table, with a chart where one helps."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        formats = {
            "head": book.add_format({"bold": True, "bg_color": "#DDE7F0", "valign": "top", "text_wrap": True}),
            "text": book.add_format({"valign": "top"}),
            "note": book.add_format({"italic": True, "font_color": "#4A5768"}),
        }
        found = tuple(finding_rows(results))[:_MOST_ROWS]
        notes = tuple(filter(None, (unclear_note(traffic.unclear),)))
        _write(book, Sheet("findings", "话单检查", FINDING_COLUMNS, frozenset(), found, notes), "话单检查", formats)
        for sheet in sheets(traffic):
            _write(book, sheet, _NAMES[sheet.id], formats)
    return out.getvalue()


def _write(book: Any, sheet: Sheet, name: str, formats: dict[str, Any]) -> None:
    page = book.add_worksheet(name)
    page.write_string(0, 0, sheet.title, formats["head"])
    for number, note in enumerate(sheet.notes, start=1):
        page.write_string(number, 0, note, formats["note"])
    top = len(sheet.notes) + 2
    for column, header in enumerate(sheet.columns):
        page.write_string(top, column, header, formats["head"])
        page.set_column(column, column, _width(sheet, column))
    for line, row in enumerate(sheet.rows, start=top + 1):
        for column, cell in enumerate(row):
            _cell(page, line, column, cell, formats["text"])
    page.freeze_panes(top + 1, 1)
    if sheet.id in _CHARTS and sheet.rows:
        _chart(book, page, sheet, name, top)
    elif sheet.id == "seats" and sheet.rows:
        _seat_chart(book, page, sheet, name, top)


def _cell(page: Any, line: int, column: int, cell: Cell, style: Any) -> None:
    if isinstance(cell, str):
        page.write_string(line, column, cell, style)
    elif cell is not None:
        page.write_number(line, column, cell)


def _width(sheet: Sheet, column: int) -> int:
    """Column width in characters of Latin text; Chinese takes two."""
    texts = [sheet.columns[column], *(str(row[column]) for row in sheet.rows[:200] if row[column] is not None)]
    return min(_WIDEST, 2 + max(sum(1 if c.isascii() else 2 for c in text) for text in texts))


def _chart(book: Any, page: Any, sheet: Sheet, name: str, top: int) -> None:
    kind, columns, summed = _CHARTS[sheet.id]
    last = top + len(sheet.rows) - (1 if summed and len(sheet.rows) > 1 else 0)
    chart = book.add_chart({"type": kind})
    for column in (sheet.columns.index(title) for title in columns):
        cells = [name, top + 1, column, last, column]
        chart.add_series({"name": [name, top, column], "categories": [name, top + 1, 0, last, 0], "values": cells})
    _place(page, chart, sheet, top)


def _seat_chart(book: Any, page: Any, sheet: Sheet, name: str, top: int) -> None:
    """The daily mean of each slot: the last row."""
    line, first, last = top + len(sheet.rows), 2, len(sheet.columns) - 2
    chart = book.add_chart({"type": "column"})
    where = {"categories": [name, top, first, top, last], "values": [name, line, first, line, last]}
    chart.add_series({"name": "日均坐席数", **where})
    _place(page, chart, sheet, top)


def _place(page: Any, chart: Any, sheet: Sheet, top: int) -> None:
    chart.set_title({"name": sheet.title, "name_font": {"size": 12}})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 760, "height": 360})
    page.insert_chart(top, len(sheet.columns) + 1, chart)
