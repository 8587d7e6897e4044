"""``qa traffic``: what the rules of the call log find, and the five traffic tables with their forecast."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from qa.cli_common import DB_DEFAULT, Db, Json, Since, Until, out, outcome_text, print_json, table
from qa.types import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qa.log_scoring import LogResult
    from qa.rules.book import RuleBook
    from qa.traffic.tables import Traffic
    from qa.types.log import CallLog

LISTED = 8
"""Findings of a rule in the terminal, and ``LISTED_ROWS`` rows of each breach."""
LISTED_ROWS = 3
HISTORY_DAYS = 400
"""Days before the period that the forecast and the tables look back on."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(traffic)


def traffic(
    profile: Annotated[str, typer.Option("--profile", help="规则书的名字或文件夹（rule book）")] = "default",
    since: Since = None,
    until: Until = None,
    seats: Annotated[Path | None, typer.Option("--seats", help="排班表（日期、时段、坐席数；CSV 或 xlsx）", metavar="FILE")] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="写成 Excel 文件，带图表", metavar="FILE.xlsx")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="写成独立的网页，带图表", metavar="FILE.html")] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """话单检查和话务五表：坐席、预测、实际、对比；默认到最近有话单的一天，从当月一日起（traffic tables and forecast）。"""
    from qa import export, report, rulebook
    from qa.store import Store
    from qa.traffic.seats import read_plan

    book = rulebook.load(profile)
    plan = read_plan(seats) if seats is not None else None
    with Store(db, create=False) as store:
        log, found = _figures(store, book, since, until, plan)
    results = _findings(log, book)
    if xlsx is not None:
        from qa.traffic.workbook import workbook

        export.write_whole(xlsx, workbook(found, results))
    if html is not None:
        from qa.traffic.page import page

        report.write(html, page(found, results, book))
    if as_json:
        print_json(_json(found, results, book))
    else:
        _show(found, results, book)
        for path in (xlsx, html):
            if path is not None:
                out().print(f"已写出 {path}", markup=False, soft_wrap=True)


def _figures(store: Any, book: RuleBook, since: str | None, until: str | None, plan: Any) -> tuple[CallLog, Traffic]:
    """The log of the period, and the tables over it and the history before."""
    from qa.switch import log as imported
    from qa.traffic import tables
    from qa.traffic.days import summaries
    from qa.types.log import CallLog

    first, last, begin = _period(store, since, until)
    log = imported.load(store, first, last)
    names = {person.agent_id: person.name for person in log.roster}

    def calls(low: datetime.date, high: datetime.date) -> CallLog:
        return CallLog(low, high, imported.calls(store, low, high)[0], as_of=log.as_of)

    days = summaries(calls, begin, last, book.traffic.slot_min)
    return log, tables.build(days, first, book.traffic, names, plan)


def _period(store: Any, since: str | None, until: str | None) -> tuple[datetime.date, datetime.date, datetime.date]:
    """First and last day of the period, and the day from which there is history."""
    from qa.errors import TrafficError
    from qa.switch.rows import CALL_KINDS

    low, high = store.log.span(CALL_KINDS)
    if not low or not high:
        raise TrafficError("话单", "数据库里没有话单", "请先用 qa records import 导入交换机的话单")
    last = _day(until, "--until") if until else datetime.date.fromisoformat(high[:10])
    first = _day(since, "--since") if since else last.replace(day=1)
    if first > last:
        raise TrafficError("--since", f"{first} 晚于 {last}", "前面写较早的日期")
    oldest = max(datetime.date.fromisoformat(low[:10]), first - datetime.timedelta(HISTORY_DAYS))
    return first, last, min(first, oldest)


def _day(text: str, option: str) -> datetime.date:
    from qa.errors import TrafficError

    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise TrafficError(option, f"{text!r} 不是日期", "写成 2025-03-31") from error


def _findings(log: CallLog, book: RuleBook) -> tuple[LogResult, ...]:
    from qa.log_scoring import run

    return run(log, book)


# ---------------------------------------------------------------- output


def _json(found: Traffic, results: Sequence[LogResult], book: RuleBook) -> dict[str, Any]:
    import msgspec

    from qa.export import mask_text

    plain: list[dict[str, Any]] = msgspec.to_builtins(list(results))
    for result in plain:
        for finding in result["findings"]:
            finding.pop("evidence")
            finding["message"] = mask_text(finding["message"])
            finding["values"] = {name: mask_text(v) if isinstance(v, str) else v for name, v in finding["values"]}
            for row in finding["rows"]:
                row["text"], row["source"] = mask_text(row["text"]), mask_text(row["source"])
    return {"rule_book": book.id, "rule_book_version": book.stamp, "findings": plain, "traffic": found}


def _show(found: Traffic, results: Sequence[LogResult], book: RuleBook) -> None:
    from qa.traffic.shown import cell_text, sheets, unclear_note

    console = out()
    console.print(Text(f"话务 {found.since} 至 {found.until}，规则书 {book.id} {book.stamp}", style="bold"), soft_wrap=True)
    for result in results:
        _show_result(result)
    if not results:
        console.print(Text("规则书没有话单规则（[log_checks]）", style="dim"))
    if note := unclear_note(found.unclear):
        console.print(Text(f"! {note}；见 qa records problems", style="yellow"), soft_wrap=True)
    for sheet in sheets(found):
        console.print(Text(f"\n{sheet.title}", style="bold cyan"))
        made = table(*sheet.columns, right=sheet.figures)
        for row in sheet.rows:
            made.add_row(*(Text(cell_text(cell)) for cell in row))
        console.print(made if sheet.rows else Text("没有数据", style="dim"))
        for note in sheet.notes:
            console.print(Text(note, style="dim"), soft_wrap=True)


def _show_result(result: LogResult) -> None:
    from qa.export import mask_text
    from qa.traffic.shown import told

    console = out()
    unclear = f"（{result.unclear} 通方向不明）" if result.unclear else ""
    console.print(outcome_text(result.outcome).append(f" {result.title}{unclear}", style="bold default"), soft_wrap=True)
    ordered = told(result)
    for finding in ordered[:LISTED]:
        console.print(Text("  ").append_text(outcome_text(finding.outcome)).append(f"：{mask_text(finding.message)}"), soft_wrap=True)
        for row in finding.rows[:LISTED_ROWS] if finding.outcome is Outcome.FAIL else ():
            at = (row.at or "时刻不明").replace("T", " ")[:19]
            console.print(Text(f"    {at} {mask_text(row.text)}（{mask_text(row.source)}）", style="dim"), soft_wrap=True)
    if len(ordered) > LISTED:
        console.print(Text(f"  另有 {len(ordered) - LISTED} 项，见 --json、--xlsx 或 --html", style="dim"), soft_wrap=True)
