"""The appraisal table to take away: a workbook for Excel and WPS, and CSV with a byte order mark.

Whatever a cell begins with, it is never a formula: in the workbook text is a text cell marked as such (quote prefix), in CSV an apostrophe
stands before it (OWASP, CSV Injection).  The words are those of the page that was asked (:func:`qa.web.language.current`), Chinese outside
of one; columns and their order are the same in every language.  Titles and clauses of rules stay as the rule book has them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qa.appraisal.month_table import ALIKE, APART, BEFORE_IT, FEW, MOVED, UNLIKE, Arithmetic, Row, Table
from qa.export import Cell, to_csv
from qa.export import Table as Plain
from qa.rules.explain_text import MONTH_HEADERS
from qa.rules.explain_text import yuan as yuan_text
from qa.rules.money import AGENT, ROLE_TITLES
from qa.scorecards import MIN_RANKED
from qa.web.language import between, marked
from qa.web.language import translated as _

STATES = {FEW: "样本太少（不足 {n} 通）", ALIKE: "差别在误差以内，不分名次", UNLIKE: "规则或模型不同，不比较", APART: ""}
WAITS = marked("待确认")
HEADERS = (
    *(
        "月份",
        "工号",
        "姓名",
        "班组",
        "通话数",
        "有分数的通话",
        "覆盖率（%）",
        "平均分",
        "95% 区间下限",
        "95% 区间上限",
        "名次",
        "名次说明",
    ),
    *("失分合计", "罚款（元，最低）", "罚款（元，最高）", "罚款说明", "待确认（处）", "连带（元）"),
    *("申诉未结", "申诉成立", "申诉驳回", "未公布（通）", "演示模型（通）", "班组说明"),
)
_AMOUNTS = ("金额（元，最低）", "金额（元，最高）")
HOW_HEADERS = ("工号", "姓名", "项目", *MONTH_HEADERS[:-2], *_AMOUNTS, MONTH_HEADERS[-1])
"""As on the page, but for the amount: two columns of numbers, to be summed."""
_PERCENT, _MONEY, _WHOLE = "0.0", "0.00", "0"
_FORMATS = {
    "覆盖率（%）": _PERCENT,
    "平均分": _PERCENT,
    "95% 区间下限": _PERCENT,
    "95% 区间上限": _PERCENT,
    "失分合计": _PERCENT,
    "罚款（元，最低）": _MONEY,
    "罚款（元，最高）": _MONEY,
    **dict.fromkeys(_AMOUNTS, _MONEY),
}
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MOST = 32_767
_WIDEST = 48
"""Characters of Latin text in a line of a cell; longer texts are wrapped."""
_LINE_POINTS, _MOST_LINES = 15.0, 27
"""Excel's height of a line, and how many of these a row may have (409 points)."""
_HEAD_LINES = 2
"""Lines in which a header may stand that is longer than what stands below it."""
_KEPT = 3
"""Columns that say whose row it is: they stay in sight, and stand on every page."""
_A4, _READABLE = 9, 200
"""Excel's number of the paper; characters of Latin text that fit beside each other on a page of it, some 8 points high."""


@dataclass(frozen=True)
class Filed:
    """A sheet.  ``headers``: as they stand in ``HEADERS`` and the like; they are written in the language of the page."""

    name: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """The headers as they are written."""
        return _said(self.headers)


def _said(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_, texts))


def place_text(row: Row) -> str:
    """``3–5``, ``2``, or '' without a rank."""
    if row.places is None:
        return ""
    low, high = row.places
    return str(low) if low == high else f"{low}–{high}"


def cells(month: str, row: Row) -> tuple[Cell, ...]:
    """A row of the table, a cell a header."""
    one, own = row.of, row.money()
    beside = between("；").join(f"{_(ROLE_TITLES.get(role, role))} {yuan_text(yuan)}" for role, yuan in row.due or () if role != AGENT)
    return (
        *(month, one.agent_id, one.agent_name, one.team, one.calls, one.percent.n),
        *(None if one.coverage is None else 100 * one.coverage, one.percent.value, one.percent.low, one.percent.high),
        *(place_text(row), _state(row), row.lost),
        *(None if own is None else float(own.low), None if own is None else float(own.high), _note(row), row.pending, beside),
        *(row.appeals.open, row.appeals.accepted, row.appeals.refused, one.unpublished, one.demo, _moved(row)),
    )


def _note(row: Row) -> str:
    """Why there is no sum of fines, where there is none; else what is to be said beside it."""
    one = row.of
    if one.fines.unknown:
        return _("待确认：规则书不全，{n} 通无法计算", n=one.fines.unknown)
    if row.pending:
        return _("待确认：由人确认后才计罚款")
    return between("；").join(map(_, (*([MOVED] if one.apart else [BEFORE_IT] if one.fines.open else []), *row.beside)))


def _moved(row: Row) -> str:
    """That the agent had calls in other teams, too, and whether they are in the figures."""
    if not row.of.elsewhere:
        return ""
    text = marked("另有其他班组 {n} 通，不在此行") if row.of.apart else marked("含其他班组 {n} 通")
    return _(text, n=row.of.elsewhere)


def _state(row: Row) -> str:
    return _(STATES[row.state], n=MIN_RANKED)


def how_rows(row: Row, how: Arithmetic) -> Iterable[tuple[Cell, ...]]:
    """The arithmetic behind a row: the score, each fine, the sums, what waits."""
    who = row.of.agent_id, row.of.agent_name
    blank = ("",) * (len(HOW_HEADERS) - 4)
    yield (*who, _("得分"), *blank, _(how.score))
    for check in row.of.checks:
        if check.lost:
            told = _("{n} 通不通过，共失 {points} 分", n=check.failed, points=f"{check.lost:g}")
            yield (*who, _("失分"), "", "", check.title, "", "", None, None, told)
    for (*cells_of, _yuan, why), cost in zip(how.fines, how.costs, strict=True):
        yield (*who, _("罚款"), *cells_of, float(cost.low), float(cost.high), _(why))
    if how.fines or row.of.apart:
        title = _("已确认的罚款") if row.of.fines.waits else _("罚款合计")
        yield from ((*who, title, *blank, _(text)) for text in (*how.sums, *filter(None, [how.unseen])))
    for time, call, title, clause in how.waits:
        yield (*who, _(WAITS), time, call, title, clause, "", None, None, _("还没有人确认，不计罚款"))
    yield from ((*who, _("关账"), *blank, _(text)) for text in how.kept)


def notes(table: Table) -> tuple[str, ...]:
    """What a reader must know of the whole table (Chinese; :func:`qa.web.language.translated` says it)."""
    told = [
        f"月份 {table.month}" + (f"，班组 {table.team}" if table.team is not None else "，全部班组"),
        f"已关账：{table.closed.by}，{table.closed.day}" if table.closed else "还没有关账，数字还会变",
        "平均分后面是 95% 置信区间（学生 t 分布）；名次用 Tukey-Kramer 检验，差别在误差以内的坐席名次相同或不分名次",
        f"有分数的通话不足 {MIN_RANKED} 通的坐席写“样本太少”，不排名",
        "覆盖率：能判定的检查占适用的检查的比重；无法判定的不算通过，也不算不通过",
        "罚款只计已由人确认的违规（复核或判定）；待确认的不计金额",
    ]
    if any(row.of.elsewhere for row in table.rows):
        told.append("本月换过班组的坐席：班组的表上是在该班组的通话，全部班组的表上是全月；罚款只按全月合计")
    if table.pending:
        told.append(f"待确认的违规 {table.pending} 处")
    if any(row.of.demo for row in table.rows):
        told.append("demo：含演示模型的结果，不能用于考核")
    if table.unpublished:
        told.append(f"未公布给坐席的通话 {table.unpublished} 通，坐席还不能申诉")
    return (*told, *table.left_out)


def to_sheets(table: Table, how: Sequence[tuple[Row, Arithmetic]]) -> tuple[Filed, ...]:
    """The table, the arithmetic, the notes."""
    return (
        Filed(_("绩效表"), HEADERS, tuple(cells(table.month, row) for row in table.rows)),
        Filed(_("算法"), HOW_HEADERS, tuple(line for row, one in how for line in how_rows(row, one))),
        Filed(_("说明"), (marked("说明"),), tuple((_(text),) for text in notes(table))),
    )


def csv_bytes(table: Table) -> bytes:
    """The table as CSV (RFC 4180, UTF-8 with a byte order mark); figures to two decimals."""
    rounded = (tuple(round(cell, 2) if isinstance(cell, float) else cell for cell in cells(table.month, row)) for row in table.rows)
    return to_csv(Plain("calls", _said(HEADERS), tuple(rounded))).encode("utf-8-sig")


def xlsx_bytes(sheets: Sequence[Filed]) -> bytes:
    """The workbook."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        formats = _Formats(book)
        for filed in sheets:
            sheet = book.add_worksheet(filed.name)
            widths = [_width(filed, column) for column in range(len(filed.headers))]
            sheet.set_row(0, _lines(filed.titles, widths) * _LINE_POINTS)
            for column, header in enumerate(filed.titles):
                sheet.write_string(0, column, header, formats.head)
                sheet.set_column(column, column, widths[column])
            for index, row in enumerate(filed.rows, start=1):
                if (lines := _lines(row, widths)) > 1:  # not every office program finds the height of wrapped text by itself
                    sheet.set_row(index, lines * _LINE_POINTS)
                for column, cell in enumerate(row):
                    _write(sheet, index, column, cell, formats, _FORMATS.get(filed.headers[column], _WHOLE))
            _paged(sheet, widths)
    return out.getvalue()


def _paged(sheet: Any, widths: Sequence[int]) -> None:
    """For A4 landscape: as many pages beside each other as keep it readable, each with the header and with who it is."""
    kept = _KEPT if len(widths) > _KEPT else 0
    sheet.freeze_panes(1, kept)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&C&P / &N")
    sheet.repeat_rows(0)
    if kept:
        sheet.repeat_columns(0, kept - 1)
    beside = sum(widths[:kept])
    sheet.fit_to_pages(max(1, math.ceil((sum(widths) - beside) / (_READABLE - beside))), 0)


class _Formats:
    def __init__(self, book: Any) -> None:
        self.head = book.add_format({"bold": True, "bg_color": "#DDE7F0", "text_wrap": True, "valign": "vcenter"})
        self.text = book.add_format({"valign": "top", "text_wrap": True})
        self.quoted = book.add_format({"valign": "top", "text_wrap": True, "quote_prefix": True})
        self.numbers = {kind: book.add_format({"valign": "top", "num_format": kind}) for kind in (_PERCENT, _MONEY, _WHOLE)}


def _write(sheet: Any, row: int, column: int, cell: Cell, formats: _Formats, kind: str) -> None:
    if isinstance(cell, str) and cell:
        plain = cell if len(cell) <= _MOST else cell[: _MOST - 1] + "…"
        sheet.write_string(row, column, plain, formats.quoted if plain.startswith(_RISKY) else formats.text)
    elif isinstance(cell, int | float):
        sheet.write_number(row, column, cell, formats.numbers[kind])


def _width(filed: Filed, column: int) -> int:
    texts = (f"{row[column]:.2f}" if isinstance(row[column], float) else str(row[column] or "") for row in filed.rows[:200])
    head = _long(filed.titles[column])
    return min(_WIDEST, 2 + max((min(head, 4 + -(-head // _HEAD_LINES)), *map(_long, texts))))


def _long(text: str) -> int:
    """In characters of Latin text."""
    return sum(1 if c.isascii() else 2 for c in text)


def _lines(row: Sequence[Cell], widths: Sequence[int]) -> int:
    """Lines of the tallest cell when texts are wrapped: one where it fits; else a line may break a little before its end."""
    most = 1
    for cell, width in zip(row, widths, strict=True):
        if isinstance(cell, str):
            longs = map(_long, cell.split("\n"))
            most = max(most, sum(1 if long <= width - 2 else -(-long // (width - 4)) for long in longs))
    return min(_MOST_LINES, most)
