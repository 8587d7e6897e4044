"""``qa explain``: the arithmetic of a call, or of an agent's month, line by line."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.padding import Padding
from rich.text import Text

from qa.cli_common import DB_DEFAULT, Db, Json, demo_line, out, outcome_text, print_json
from qa.cli_show import mark_text, masked, plain, require_agent, resolve
from qa.clock import house_day
from qa.errors import NotFoundError
from qa.types import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from qa.appraisal.fines import Fines
    from qa.explain import CallSum, MonthSum
    from qa.ledger_sheets import Sheet
    from qa.rules.points import Line
    from qa.store import Store

_CALL_KEYS = ("section", "rule", "clause", "outcome", "evidence", "points", "how")
_MONTH_KEYS = ("time", "call", "rule", "clause", "evidence", "yuan", "how")
_WAIT_KEYS = ("time", "call", "rule", "clause")
"""Names of the cells of ``explain_text`` in JSON."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(explain)


def explain(
    subject: Annotated[str, typer.Argument(help="通话编号或录音文件名；写了月份则是坐席工号", metavar="CALL|AGENT")],
    month: Annotated[str | None, typer.Argument(help="月份，如 2025-06", metavar="[MONTH]")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="评分时的规则书；默认用评分卡上写的那一本", metavar="PROFILE")] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """把一通电话的得分、或一位坐席一个月的得分和罚款逐行算给人看（the arithmetic, line by line）。"""
    from qa import explain as explaining
    from qa.appraisal import charged
    from qa.appraisal.light import KnownBooks
    from qa.books import Books
    from qa.cli_logged import seen
    from qa.store import Store

    with Store(db, create=False) as store:
        books = Books(store, profile)
        if month is None:
            one = explaining.call(store, _call_id(store, subject), books)
            seen(store, "call.view", "call", one.row.call_id, command="explain")
            print_json(_call_json(one)) if as_json else _show_call(out(), one)
            return
        year, number = explaining.parse_month(month)
        if next(explaining.proposed(store, subject), None) is None:  # an agent may have nothing that stands
            require_agent(store, subject)
        with store.db.reading():
            sheet = explaining.month(store, subject, year, number, books, store.marks())
            paid = charged.of_sheet(store, sheet, KnownBooks(store, books))
        seen(store, "agent.view", "agent", subject, month=month, command="explain")
    print_json(_month_json(sheet, paid)) if as_json else _show_month(out(), sheet, paid)


def _call_id(store: Store, subject: str) -> str:
    """As :func:`qa.cli_show.resolve`, also of a call that has only a proposed scorecard."""
    from qa.explain import proposed

    try:
        return resolve(store, subject)
    except NotFoundError:
        waiting = [row.call_id for row in proposed(store) if subject in (row.call_id, Path(row.file).name)]
        if len(waiting) != 1:
            raise
        return waiting[0]


# ---------------------------------------------------------------- a call


def _show_call(console: Console, one: CallSum) -> None:
    from qa.rules.explain_text import call_sums

    _head(console, one)
    order = {setup.title: place for place, setup in enumerate(one.total.scoring.sections)}
    rows = sorted(zip(_masked(one), one.total.lines, strict=True), key=lambda pair: order.get(pair[0][0], len(order)))
    for part, group in itertools.groupby(rows, key=lambda pair: pair[0][0]):
        console.print(Text(f"\n{part or '其他规则'}", style="bold cyan"))
        for row, line in group:
            _row(console, row, line.result.outcome, _marked(one, line), _found(one, line))
    console.print(Text("\n合计", style="bold cyan"))
    for text in call_sums(one.total):
        console.print(Padding(plain(text), (0, 0, 0, 2)))


def _head(console: Console, one: CallSum) -> None:
    from qa.export import mask_name

    number = one.row.customer_number
    start = (one.row.started or "").replace("T", " ")[:16]
    head = Text(mask_name(one.row.call_id, number), style="bold").append(f"  {one.row.agent_id or '坐席未知'}  {start}", style="not bold")
    console.print(head.append(f"  规则 {one.book.id} {one.book.stamp}", style="not bold dim"))
    for note in one.notes:
        console.print(plain(f"! {note}", "yellow"), soft_wrap=True)
    if one.card.provenance.demo:
        console.print(demo_line())


def _masked(one: CallSum) -> tuple[tuple[str, ...], ...]:
    """The rows of the call's arithmetic without the customer's number."""
    from qa.export import mask_text
    from qa.rules.explain_text import call_rows

    return tuple((*row[:6], mask_text(row[6], one.row.customer_number)) for row in call_rows(one.total))


def _marked(one: CallSum, line: Line) -> Iterator[str]:
    """Who called grave what the call breached of a rule, and what comes of it."""
    from qa.export import mask_text

    for mark in one.marks:
        if mark.rule_id == line.rule.id:
            works = "罚款按月另计" if line.result.outcome is Outcome.FAIL else "现在的评分没有判为违反，不起作用"
            yield f"{house_day(mark.created)} {mask_text(mark_text(mark, line.result.title), one.row.customer_number)}；{works}"


def _found(one: CallSum, line: Line) -> tuple[str, ...]:
    """What was found against the agent: why the rule failed, and what a person's verdict does not cover; each message once."""
    from qa.export import mask_text

    told = (Outcome.FAIL, Outcome.INCONCLUSIVE) if line.result.outgrown else (Outcome.FAIL,)
    failed = (finding.message for finding in line.result.findings if finding.outcome in told)
    return tuple(dict.fromkeys(mask_text(text, one.row.customer_number) for text in failed))


def _row(console: Console, row: tuple[str, ...], outcome: Outcome, marked: Iterable[str], found: Iterable[str]) -> None:
    """A rule: outcome, title, points and how; who called it grave; what was found, clause and evidence below, unless it did not apply."""
    _, title, clause, _, evidence, worth, how = row
    line = outcome_text(outcome).append(f"  {title}", style="bold not dim").append(f"  {worth}  ", style="not bold cyan")
    console.print(line.append(how, style="not bold"), soft_wrap=True)
    for text in marked:
        console.print(Padding(plain(text, "yellow"), (0, 0, 0, 4)))
    if outcome is Outcome.NOT_APPLICABLE:
        return
    for text in found:
        console.print(Padding(plain(f"查到：{text}"), (0, 0, 0, 4)))
    console.print(Padding(plain(f"条款：{'；'.join(clause.strip().splitlines())}", "dim"), (0, 0, 0, 4)))
    if evidence:
        console.print(Padding(plain(f"证据：{evidence}", "dim"), (0, 0, 0, 4)))


def _call_json(one: CallSum) -> dict[str, Any]:
    from qa.export import mask_name
    from qa.rules.explain_text import call_sums

    made = one.card.provenance
    return {
        "call_id": mask_name(one.row.call_id, one.row.customer_number),
        "agent_id": one.row.agent_id,
        "start": one.row.started,
        "rule_book": made.rule_book,
        "rule_book_version": made.rule_book_version,
        "counted_with": one.book.stamp,
        "demo": made.demo,
        "stored_percent": one.card.percent,
        "percent": None if one.total.percent is None else float(one.total.percent),
        "rules": [row | {"found": _found(one, x)} for row, x in zip(_named(_CALL_KEYS, _masked(one)), one.total.lines, strict=True)],
        "grave_marks": [masked(mark, one.row.customer_number) for mark in one.marks],
        "sums": call_sums(one.total),
        "notes": one.notes,
    }


def _named(keys: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(keys, row, strict=True)) for row in rows]


# ---------------------------------------------------------------- a month


def _notes(sheet: MonthSum, paid: Fines) -> tuple[str, ...]:
    """What is to be said of the month; no sum of a closed month that no person answers for (yet)."""
    if not paid.waits or not sheet.kept:
        return sheet.notes
    closed = f"本月已关账（{sheet.kept[0].by}，{house_day(sheet.kept[0].created)}），其中有没有人确认过的违规，罚款待确认"
    return (closed, *(note for note in sheet.notes if note not in sheet.sums))


def _waits(sheet: MonthSum, paid: Fines) -> tuple[tuple[str, str, str, str], ...]:
    """Time, call, rule and clause of what waits for confirmation."""
    from qa.export import mask_name

    numbers = {one.row.call_id: one.row.customer_number for one in sheet.calls}
    return tuple((f"{o.at:%Y-%m-%d %H:%M}", mask_name(o.call_id, numbers[o.call_id]), o.title, o.clause) for o in paid.pending)


def _show_month(console: Console, sheet: MonthSum, paid: Fines) -> None:
    from qa.appraisal.month_table import BEFORE_IT
    from qa.explain import mean_text
    from qa.rules.explain_text import call_sums, month_rows, month_sums

    console.print(Text(f"坐席 {sheet.agent_id}  {sheet.year} 年 {sheet.month} 月  {len(sheet.calls)} 通电话", style="bold"))
    for note in _notes(sheet, paid):
        console.print(plain(f"! {note}", "yellow"))
    for one in (*sheet.calls, *sheet.proposed):
        console.print()
        _head(console, one)
        rows = zip(_masked(one), one.total.lines, strict=True)
        for row, line in rows:
            if line.result.outcome is Outcome.FAIL:
                _row(console, row, line.result.outcome, _marked(one, line), _found(one, line))
        console.print(Padding(plain(call_sums(one.total)[-1]), (0, 0, 0, 2)))
    console.print(Text("\n得分", style="bold cyan"))
    console.print(Padding(plain(mean_text(sheet)), (0, 0, 0, 2)))
    console.print(Text("\n罚款（已由人确认的违规）" if paid.waits else "\n罚款", style="bold cyan"))
    for time, call, title, clause, evidence, yuan, how in month_rows(paid.due):
        console.print(
            Text(f"  {time}  {call}  ").append(title, style="bold").append(f"  {yuan} 元  ", style="cyan").append(how), soft_wrap=True
        )
        console.print(Padding(plain(f"条款：{'；'.join(clause.strip().splitlines())}；证据：{evidence}", "dim"), (0, 0, 0, 4)))
    for text in month_sums(paid.due):
        console.print(Padding(plain(text), (0, 0, 0, 2)))
    if paid.waits:
        waits = f"待确认 {len(paid.pending)} 处：没有人确认以前，不计罚款" if paid.pending else BEFORE_IT
        console.print(Padding(plain(waits, "yellow"), (0, 0, 0, 2)))
    for time, call, title, clause in _waits(sheet, paid):
        console.print(Text(f"  {time}  {call}  ").append(title, style="bold").append("  待确认", style="yellow"), soft_wrap=True)
        console.print(Padding(plain(f"条款：{'；'.join(clause.strip().splitlines())}", "dim"), (0, 0, 0, 4)))


def _month_json(sheet: MonthSum, paid: Fines) -> dict[str, Any]:
    from qa.explain import mean_text
    from qa.rules.explain_text import month_rows, month_sums

    return {
        "agent_id": sheet.agent_id,
        "month": f"{sheet.year}-{sheet.month:02d}",
        "calls": [_call_json(one) for one in sheet.calls],
        "proposed": [_call_json(one) for one in sheet.proposed],
        "mean": None if sheet.mean is None else float(sheet.mean),
        "mean_sum": mean_text(sheet),
        "fines": _named(_MONTH_KEYS, month_rows(paid.due)),
        "fine_sums": None if paid.waits else month_sums(paid.due),
        "fine_sums_so_far": month_sums(paid.due) if paid.waits else None,
        "fines_waiting": paid.waits,
        "waiting": _named(_WAIT_KEYS, _waits(sheet, paid)),
        "kept": [_kept_json(one, paid) for one in sheet.kept],
        "notes": _notes(sheet, paid),
    }


def _kept_json(kept: Sheet, paid: Fines) -> dict[str, Any]:
    """What was kept of a closed month, at its closing or after a correction; no sums (None) where any of it waits for confirmation."""
    totals = None if paid.waits else {role: {"low": str(amount.low), "high": str(amount.high)} for role, amount in kept.totals}
    return {"by": kept.by, "created": kept.created, "why": kept.why, "totals": totals}
