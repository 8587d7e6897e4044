"""``qa records``: call records and registers into the database, what is there, and what is wrong with it.

Exit status: 0 done, 1 some rows were left out (they are listed, the rest is in), 2 wrong usage or a file that cannot be read at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qa.cli_common import DB_DEFAULT, EXIT_FAILED, Db, Json, QaGroup, Since, Tz, Until, err, error_line, out, print_json, table
from qa.errors import QaError, RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qa.records import Problem
    from qa.store import Store
    from qa.switch.formats import Reading
    from qa.switch.importing import Imported
    from qa.types.log import LoggedCall

LISTED = 20
records_app = typer.Typer(
    cls=QaGroup, no_args_is_help=True, help="交换机话单、花名册、投诉、满意度、工单的导入（call records and registers）"
)
_DISPOSITIONS = {
    "answered": "已接", "abandoned": "客户放弃", "unanswered": "无人接听", "forwarded": "转出", "busy": "忙", "failed": "失败",
}  # fmt: skip
_DIRECTIONS = {"in": "呼入", "out": "呼出", "internal": "内部", "": "方向不明"}


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    from qa import cli_withdraw

    cli_withdraw.register(records_app)
    app.add_typer(records_app, name="records")


# ---------------------------------------------------------------- import


@records_app.command("import")
def import_(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="话单或登记表文件；文件夹取其中的 .json 话单", metavar="FILE…")],
    format_: Annotated[str, typer.Option("--format", help="文件格式；不写则按表头识别，认不出即报错", metavar="FORMAT")] = "",
    mapping: Annotated[Path | None, typer.Option("--mapping", help="映射文件（列名、取值、时区）", metavar="M.toml")] = None,
    tz: Tz = "",
    recorded_from: Annotated[str, typer.Option("--recorded-from", help="录音从哪一刻开始", metavar="ring|answer")] = "",
    restore: Annotated[bool, typer.Option("--restore", help="文件里已撤回的行恢复采用（见 qa records withdraw）")] = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """导入话单和登记表；同样的行再导入一次什么也不变，改正过的行取代旧行，两者都保留（import）。"""
    from qa.store import Store
    from qa.switch import formats, importing, times
    from qa.switch.rows import Settings

    if recorded_from not in ("", "ring", "answer"):
        raise RecordError("--recorded-from", f"应为 ring 或 answer，不是 {recorded_from!r}", "从振铃起录写 ring，接通才录写 answer")
    settings = Settings(zone=times.zone(tz) if tz else None, recorded_from=recorded_from)
    house = formats.read_mapping(mapping) if mapping is not None else None
    files = importing.collect(paths)
    # what can be wrong with a file as a whole is said before the first is imported
    readings = [(path, formats.reading(path, format_, house, settings)) for path in files]
    with Store(db) as store:
        results, errors = _import(store, readings, restore)
    if as_json:
        print_json({"files": [_imported(result) for result in results], "errors": [_error(error) for error in errors]})
    else:
        _show_imported(results, errors, db, restore)
    if errors or any(result.wrong for result in results):
        raise typer.Exit(2 if errors and not results else EXIT_FAILED)


def _import(store: Store, readings: Sequence[tuple[Path, Reading]], restore: bool) -> tuple[list[Imported], list[QaError]]:
    """Import one after the other; a file that cannot be read stops none of the others."""
    from rich.progress import Progress, TextColumn

    from qa.cli_logged import changed
    from qa.rows import now_utc
    from qa.switch import importing
    from qa.switch.withdrawn import Decision

    again = Decision(False, "qa", "qa records import --restore", now_utc()) if restore else None
    results: list[Imported] = []
    errors: list[QaError] = []
    with Progress(TextColumn("导入 {task.description}"), console=err(), transient=True) as bar:
        task = bar.add_task("")
        for path, how in readings:

            def told(rows: int, name: str = path.name) -> None:
                bar.update(task, description=f"{name} {rows} 行".replace("[", r"\["))

            try:
                changed(store, "", "records.import", "records", path.name, restore=restore)
                results.append(importing.import_file(store, path, how, told, again))
            except RecordError as error:
                errors.append(error)
    return results, errors


def _imported(result: Imported) -> dict[str, Any]:
    row: dict[str, Any] = {"file": result.file, "format": result.format, "rows": result.rows, "fresh": result.fresh}
    row |= {"withdrawn": result.withdrawn}
    return row | {"wrong": result.wrong, "known": result.known, "problems": [vars(fault) for fault in result.faults]}


def _error(error: QaError) -> dict[str, str]:
    return {"subject": error.subject, "cause": error.cause, "cure": error.cure}


def _show_imported(results: Sequence[Imported], errors: Sequence[QaError], db: Path, restored: bool) -> None:
    console = err()
    for error in errors:
        console.print(error_line(error), soft_wrap=True)
    faults = [fault for result in results for fault in result.faults]
    for fault in faults[:LISTED]:
        console.print(f"! {fault}", style="yellow", markup=False, soft_wrap=True)
    wrong = sum(result.wrong for result in results)
    if wrong > LISTED:
        console.print(f"! 还有 {wrong - LISTED} 行有问题，见 qa records problems", style="yellow")
    figures = ("读取", "新增或更正", "未采用")
    made = table("文件", "格式", *figures, right=figures)
    for result in results[:LISTED]:
        counts = ("已导入过", "", "") if result.known else tuple(str(n) for n in (result.rows, result.fresh, result.wrong))
        made.add_row(_plain(result.file), result.format, *counts)
    out().print(made)
    total = f"共 {len(results)} 个文件，{sum(r.rows for r in results)} 行，新增或更正 {sum(r.fresh for r in results)} 行，未采用 {wrong} 行"
    out().print(f"{total}；数据库 {db}", markup=False, soft_wrap=True)
    if taken_out := sum(result.withdrawn for result in results):
        told = "已恢复采用" if restored else "先前已撤回，仍不采用；要恢复请加 --restore"
        out().print(f"其中 {taken_out} 行{told}", style="yellow")


def _plain(text: str) -> Any:
    from qa import cli_show

    return cli_show.plain(text)


# ---------------------------------------------------------------- list


@records_app.command("list")
def list_(
    since: Since = None,
    until: Until = None,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="只列已撤回的（qa records withdraw），附理由")] = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """已导入的通话：一通一行（calls that were imported）；不写日期则取最近一天。已撤回的要加 --withdrawn 才列出。"""
    from qa.store import Store

    with Store(db, create=False) as store:
        first, last = _period(store, since, until, withdrawn)
        found = _listed(store, first, last, withdrawn) if first is not None else []
    if as_json:
        print_json([_call(call) | ({"withdrawn": why} if withdrawn else {}) for call, why in found])
        return
    made = table(
        "通话", "方向", "开始", "坐席", "客户", "结果", "振铃", "应答", "结束", "挂机", "来源", *(["撤回的理由"] if withdrawn else [])
    )
    for call, why in found:
        made.add_row(*(_plain(cell) for cell in (*_cells(call), *([why] if withdrawn else []))))
    out().print(made)
    period = f"{first} 至 {last}" if first != last else f"{first}"
    none = "没有已撤回的通话" if withdrawn else "没有通话；请先用 qa records import 导入，或换一段日期"
    unclear = sum(not call.direction for call, _ in found)
    out().print((f"{period}：{len(found)} 通电话" + (f"，其中方向不明 {unclear} 通，不计入任何统计" if unclear else "")) if found else none)


def _listed(store: Store, first: Any, last: Any, withdrawn: bool) -> list[tuple[LoggedCall, str]]:
    """Calls of the period, each with the reason why it was withdrawn, "" where it was not."""
    from qa.switch import log

    return list(log.withdrawn(store, first, last)) if withdrawn else [(call, "") for call in log.calls(store, first, last)[0]]


def _period(store: Store, since: str | None, until: str | None, withdrawn: bool) -> tuple[Any, Any]:
    """Days of the period; the last day that has calls where none is given."""
    from datetime import date

    from qa.rows import period
    from qa.switch.rows import CALL_KINDS

    period(since, until)  # says what is wrong with it
    first, last = store.log.span(CALL_KINDS, out=withdrawn)
    if first is None or last is None:
        return None, None
    if since is None and until is None:
        return date.fromisoformat(last[:10]), date.fromisoformat(last[:10])
    return date.fromisoformat((since or first)[:10]), date.fromisoformat((until or last)[:10])


def _call(call: LoggedCall) -> dict[str, Any]:
    return {name: value for name, value in vars(call).items() if name != "legs"} | {"legs": [vars(leg) for leg in call.legs]}


def _cells(call: LoggedCall) -> tuple[str, ...]:
    def clock(time: str | None) -> str:
        return time[11:19] if time else "—"

    agents = " → ".join(dict.fromkeys(leg.agent_id or "不明" for leg in call.legs)) or call.agent_id
    hung_up = {"agent": "坐席", "customer": "客户", None: "—"}[call.hangup_by]
    number = call.customer_number
    masked = f"{number[:3]}****{number[-4:]}" if len(number) >= 8 else number
    start = (call.start or "—").replace("T", " ")[:19]
    times = (clock(call.ring), clock(call.answer), clock(call.end))
    return (call.call_id, _DIRECTIONS[call.direction], start, agents, masked, _DISPOSITIONS[call.disposition], *times, hung_up, call.source)


# ---------------------------------------------------------------- problems


@records_app.command("problems")
def problems(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="录音文件或文件夹：还列出找不到话单、分不清的录音", metavar="DIR|FILE…")
    ] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """哪些行没有采用、哪些编号重复、哪些录音与话单对不上（what is wrong）；没有问题时退出码为 0，否则为 1。"""
    from qa.store import Store

    with Store(db, create=False) as store:
        found, unclear = _problems(store, paths or [])
    if as_json:
        print_json([{"file": p.file, "line": p.line or None, "problem": p.message} for p in found])
    else:
        for problem in found:
            out().print(f"! {problem}", markup=False, soft_wrap=True)
        if unclear:
            out().print(f"方向不明 {unclear} 通：分不清呼入还是呼出，不计入话务表、话单检查和任何人")
        out().print(f"共 {len(found)} 处问题" if found else "没有问题")
    if found:
        raise typer.Exit(EXIT_FAILED)


def _problems(store: Store, paths: Sequence[Path]) -> tuple[list[Problem], int]:
    """What is wrong, and how many calls are of unclear direction."""
    from qa import pipeline
    from qa.records import Problem
    from qa.switch import building, log

    records = log.records(store)
    _, faults = building.build(store.log.whole("", "~"), log.roster(store))
    records.expect(pipeline.collect(paths))
    told = {(problem.file, problem.line) for problem in records.problems}  # a table of the house's own was told at its import
    more = [Problem(fault.file, fault.line, fault.message) for fault in faults if (fault.file, fault.line) not in told]
    return [*records.problems, *more], len(building.open_calls(faults))
