"""Results for other programs: JSON, CSV and xlsx, each row with the demo mark and with what it was made from.

A customer's telephone number never leaves in full: the number of the call record and every run of digits that could be
one are masked in all text (138****5678).  Cells that a spreadsheet could take for a formula are written as text (OWASP, CSV
Injection).
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from qa.errors import StoreError
from qa.outcome_words import OUTCOMES, SEVERITIES
from qa.store import ScoredCall
from qa.types import CheckResult, Finding, Outcome, Scorecard

Cell = str | float | int | None

_DIRECTIONS = {"in": "呼入", "out": "呼出"}
_CALL = ("演示标记", "通话编号", "坐席工号", "坐席姓名", "班组", "开始时间")
_MADE = ("评分规则", "规则版本", "模型", "程序版本", "录音SHA-256", "评分时间")
HEADERS = {
    "calls": (
        *_CALL,
        "呼叫方向",
        "客户号码",
        "录音文件",
        "时长（秒）",
        "得分（%）",
        "覆盖率（%）",
        "不通过项",
        "待复核项",
        "备注",
        *_MADE,
    ),
    "checks": (*_CALL, "检查项", "检查名称", "条款", "部分", "级别", "结果", "次数", "权重", "得分", *_MADE),
    "findings": (*_CALL, "检查项", "检查名称", "结果", "说明", "证据开始（秒）", "证据结束（秒）", "证据原话", "测量值", *_MADE),
}
WITHDRAWN = "撤回原因"
Reasons = Mapping[str, str]
"""By call id, why a call does not count any more."""
SHEETS = {"calls": "通话", "checks": "检查", "findings": "发现"}
_NUMERALS = "0-9０-９零〇一二三四五六七八九幺"
_DIGIT = re.compile(f"[{_NUMERALS}]")
_SAID = re.compile(rf"{_DIGIT.pattern}(?:[\s\-，,、。.]*{_DIGIT.pattern}){{6,}}")
"""In words said: seven digits, whatever pauses between them."""
_WRITTEN = re.compile(rf"{_DIGIT.pattern}{{7,}}|{_DIGIT.pattern}(?:[ \-]?{_DIGIT.pattern}){{10,}}")
"""In the program's own text, where figures and dates stand too: seven digits in a row, or eleven in groups."""
_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_SHORTEST = 5
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_XLSX_CELL, _XLSX_ROWS = 32_767, 1_048_576


@dataclass(frozen=True)
class Table:
    """One sheet: ``name`` is a key of ``HEADERS``; every row has a cell a header."""

    name: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


# ---------------------------------------------------------------- privacy


def mask_number(number: str) -> str:
    """A number without its middle: of eleven digits or more the first three and the last four stay, of seven or more the
    last four, else the last two.  What is no digit stays."""
    places = [found.start() for found in _DIGIT.finditer(number)]
    head, tail = (3, 4) if len(places) >= 11 else (0, 4) if len(places) >= 7 else (0, 2)
    hidden = set(places[head : max(head, len(places) - tail)])
    return "".join("*" if i in hidden else c for i, c in enumerate(number))


def mask_text(text: str, number: str = "", said: bool = False) -> str:
    """Text in which ``number`` and all that could be a telephone or identity number is masked; ``said``: words of the call."""
    return (_SAID if said else _WRITTEN).sub(lambda found: mask_number(found.group()), _without(number, text))


def mask_name(name: str, number: str = "") -> str:
    """A file name or call id without ``number`` and mobile numbers, which switches like to put there; dates stay."""
    return _MOBILE.sub(lambda found: mask_number(found.group()), _without(number, name))


def _without(number: str, text: str) -> str:
    digits = "".join(c for c in number if c.isdigit())
    for known in (number, digits, digits[-11:]):
        if len(known) >= _SHORTEST:
            text = text.replace(known, mask_number(known))
    return text


# ---------------------------------------------------------------- tables


def tables(scored: Iterable[tuple[ScoredCall, Scorecard]], withdrawn: Reasons | None = None) -> tuple[Table, Table, Table]:
    """The sheets ``calls``, ``checks`` and ``findings`` of scored calls (:meth:`qa.store.Store.scored`).

    A finding with several pieces of evidence has a row for each.  Percents are 0-100, times seconds from the start.  ``withdrawn``: why
    those of the calls that do not count were withdrawn, a column more in every sheet (None: no such column).
    """
    calls: list[tuple[Cell, ...]] = []
    checks: list[tuple[Cell, ...]] = []
    findings: list[tuple[Cell, ...]] = []
    for call, card in scored:
        before, after = _call_cells(call), (*_made_cells(call), *_reason_cells(call, withdrawn))
        calls.append((*before, *_score_cells(call, card), *after))
        for result in card:
            checks.append((*before, *_check_cells(result), *after))
            for finding in result.findings:
                findings += [(*before, result.check_id, result.title, *cells, *after) for cells in _finding_cells(call, finding)]
    return tuple(  # type: ignore[return-value]
        Table(name, (*HEADERS[name], *([WITHDRAWN] if withdrawn is not None else [])), tuple(rows))
        for name, rows in (("calls", calls), ("checks", checks), ("findings", findings))
    )


def _reason_cells(call: ScoredCall, withdrawn: Reasons | None) -> tuple[Cell, ...]:
    """Why a call does not count, "" for one that does; no cell where that is not asked."""
    return () if withdrawn is None else (mask_name(withdrawn.get(call.call_id, ""), call.customer_number),)


def _call_cells(call: ScoredCall) -> tuple[Cell, ...]:
    call_id = mask_name(call.call_id, call.customer_number)
    return ("demo" if call.demo else "", call_id, call.agent_id or "", call.agent_name, call.team, call.start or "")


def _made_cells(call: ScoredCall) -> tuple[Cell, ...]:
    made = call.provenance
    models = "; ".join(f"{name}={model}" for name, model in made.models)
    return (made.rule_book, made.rule_book_version, models, made.program_version, made.file_sha256, call.scored_at)


def _score_cells(call: ScoredCall, card: Scorecard) -> tuple[Cell, ...]:
    failed = "、".join(r.title for r in card if r.outcome is Outcome.FAIL)
    review = "、".join(r.title for r in card if r.outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR))
    return (
        _DIRECTIONS.get(call.direction or "", ""),
        mask_number(call.customer_number),
        mask_name(call.file, call.customer_number),
        call.duration_ms / 1000,
        card.percent,
        card.coverage * 100,
        failed,
        review,
        mask_text("；".join(card.notes), call.customer_number),
    )


def _check_cells(result: CheckResult) -> tuple[Cell, ...]:
    named = (result.check_id, result.title, result.clause, result.section or "", SEVERITIES[result.severity])
    return (*named, OUTCOMES[result.outcome], result.occurrences, result.weight, result.points)


def _finding_cells(call: ScoredCall, finding: Finding) -> list[tuple[Cell, ...]]:
    number = call.customer_number
    found = (OUTCOMES[finding.outcome], mask_text(finding.message, number))
    values = "; ".join(f"{name}={_figure(value, number)}" for name, value in finding.values)
    if not finding.evidence:
        return [(*found, None, None, "", values)]
    return [(*found, e.span.start_ms / 1000, e.span.end_ms / 1000, mask_text(e.text, number, said=True), values) for e in finding.evidence]


def _figure(value: float | int | str | None, number: str) -> str:
    """A measured value in six digits; None is empty."""
    if isinstance(value, str):
        return mask_text(value, number)
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------- JSON


def to_json(scored: Iterable[tuple[ScoredCall, Scorecard]], withdrawn: Reasons | None = None) -> str:
    """All scored calls as JSON (UTF-8, indented): ``{"demo": bool, "calls": [...]}``; keys as in :mod:`qa.types`.

    ``demo`` stands on the whole, and on every call, check and finding.  ``withdrawn`` as of :func:`tables`: a key of every call.
    """
    calls = []
    for call, card in scored:
        reason = [cell or None for cell in _reason_cells(call, withdrawn)]
        calls.append(_json_call(call, card) | ({"withdrawn": reason[0]} if reason else {}))
    whole = {"demo": any(call["demo"] for call in calls), "calls": calls}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()


def _json_call(call: ScoredCall, card: Scorecard) -> dict[str, Any]:
    number = call.customer_number
    return {
        "demo": call.demo,
        "call_id": _call_cells(call)[1],
        "file": mask_name(call.file, call.customer_number),
        "agent_id": call.agent_id,
        "agent_name": call.agent_name,
        "team": call.team,
        "direction": call.direction,
        "customer_number": mask_number(number),
        "start": call.start,
        "duration_ms": call.duration_ms,
        "percent": card.percent,
        "coverage": card.coverage,
        "notes": [mask_text(note, number) for note in card.notes],
        "checks": [_json_check(call, result) for result in card],
        "provenance": msgspec.to_builtins(call.provenance),
        "scored_at": call.scored_at,
    }


def _json_check(call: ScoredCall, result: CheckResult) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(result)
    number = call.customer_number
    for finding in plain["findings"]:
        finding["demo"] = call.demo
        finding["message"] = mask_text(finding["message"], number)
        finding["evidence"] = [e | {"text": mask_text(e["text"], number, said=True)} for e in finding["evidence"]]
        finding["values"] = {n: mask_text(v, number) if isinstance(v, str) else v for n, v in finding["values"]}
    return {"demo": call.demo} | plain


# ---------------------------------------------------------------- CSV and xlsx


def to_csv(table: Table) -> str:
    """A table as CSV (RFC 4180).  Text that begins like a formula gets an apostrophe in front; numbers stay numbers."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(table.headers)
    for row in table.rows:
        writer.writerow(["" if c is None else f"'{c}" if isinstance(c, str) and c.startswith(_FORMULA) else c for c in row])
    return out.getvalue()


def write(
    scored: Iterable[tuple[ScoredCall, Scorecard]], path: Path, kind: str | None = None, withdrawn: Reasons | None = None
) -> tuple[Path, ...]:
    """Write ``json``, ``csv`` or ``xlsx`` (``kind``, else by the suffix of ``path``); returns the files written.

    CSV has a byte order mark for Excel; its calls are in ``path``, checks and findings in ``NAME-checks.csv`` and
    ``NAME-findings.csv`` beside it.  A file appears whole or not at all.  ``withdrawn`` as of :func:`tables`.
    Errors: :class:`StoreError` for an unknown kind or a place that cannot be written.
    """
    kind = (kind or path.suffix.removeprefix(".")).lower()
    if kind == "json":
        contents = {path: to_json(scored, withdrawn).encode()}
    elif kind == "csv":
        named = {"calls": path} | {name: path.with_name(f"{path.stem}-{name}.csv") for name in ("checks", "findings")}
        contents = {named[table.name]: to_csv(table).encode("utf-8-sig") for table in tables(scored, withdrawn)}
    elif kind == "xlsx":
        contents = {path: to_xlsx(tables(scored, withdrawn))}
    else:
        raise StoreError(str(path), f"不支持的导出格式 {kind!r}", "请用 json、csv 或 xlsx")
    for place, data in contents.items():
        write_whole(place, data)
    return tuple(contents)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; Errors: :class:`StoreError` where the place cannot be written."""
    try:
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".qa-export-") as folder:
            half = Path(folder) / path.name
            half.write_bytes(data)
            half.replace(path)
    except OSError as error:
        raise StoreError(str(path), f"无法写入（{error.strerror}）", "请检查文件夹是否存在、是否可写，文件是否正被 Excel 打开") from error


def to_xlsx(sheets: Iterable[Table]) -> bytes:
    """A workbook with a sheet a table; text is always a text cell, never a formula or a link.

    Errors: :class:`StoreError` where a table has more rows than a sheet holds.
    """
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold, wrap = book.add_format({"bold": True, "bg_color": "#DDE7F0"}), book.add_format({"valign": "top"})
        for table in sheets:
            if len(table.rows) >= _XLSX_ROWS:
                raise StoreError(SHEETS[table.name], f"有 {len(table.rows)} 行，超出 Excel 的上限", "请缩短时间段，或导出 CSV")
            sheet = book.add_worksheet(SHEETS[table.name])
            for column, header in enumerate(table.headers):
                sheet.write_string(0, column, header, bold)
                sheet.set_column(column, column, _width(table, column), wrap)
            for index, row in enumerate(table.rows, start=1):
                for column, cell in enumerate(row):
                    if isinstance(cell, str) and cell:
                        sheet.write_string(index, column, cell if len(cell) <= _XLSX_CELL else cell[: _XLSX_CELL - 1] + "…")
                    elif isinstance(cell, int | float):
                        sheet.write_number(index, column, cell)
            sheet.freeze_panes(1, 2)
            sheet.autofilter(0, 0, len(table.rows), len(table.headers) - 1)
    return out.getvalue()


def _width(table: Table, column: int) -> int:
    """Column width in characters of Latin text; Chinese takes two."""
    texts = [table.headers[column], *(str(row[column]) for row in table.rows[:200] if row[column] is not None)]
    return min(48, 2 + max(sum(1 if c.isascii() else 2 for c in text) for text in texts))
