"""The command ``qa``: from a folder of recorded calls to scorecards.

Exit status: 0 done, 1 some files failed and the rest is done, 2 wrong usage or configuration, 70 a bug.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa import (
    __version__,
    cli_adjust,
    cli_audit,
    cli_backup,
    cli_batch,
    cli_evaluate,
    cli_explain,
    cli_models,
    cli_purge,
    cli_records,
    cli_rescore,
    cli_review,
    cli_roles,
    cli_rules,
    cli_serve,
    cli_show,
    cli_traffic,
    cli_user,
    cli_voiceprint,
)
from qa.cli_common import (
    DB_DEFAULT,
    EXIT_BUG,
    EXIT_FAILED,
    AsrOption,
    CallsOption,
    Db,
    DiarizationOption,
    Json,
    QaGroup,
    Since,
    Tz,
    Until,
    demo_line,
    err,
    error_line,
    out,
    print_json,
    table,
)
from qa.cli_logged import seen
from qa.cli_scoring import expected_records, score_with_progress, show_table_problems
from qa.errors import AudioError
from qa.report_text import percent_text
from qa.types import Outcome, Scorecard

if TYPE_CHECKING:
    from qa.pipeline import FileResult
    from qa.store import Store

LISTED_CALLS = 40


app = typer.Typer(
    name="qa",
    cls=QaGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="呼叫中心录音质检：录音 → 转写 → 按规则书评分 → 坐席评分卡（Mandarin call-centre QA）",
)
report_app = typer.Typer(cls=QaGroup, no_args_is_help=True, help="生成独立的网页报告（self-contained HTML）")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qa {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="程序出错时显示完整的调用栈（traceback）")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="显示版本")] = False,
) -> None:
    ctx.obj = {"debug": debug}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a bug is one line, and its traceback only with ``--debug``."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=argv, prog_name="qa")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if "--debug" in argv:
            traceback.print_exc()
        else:
            hint = "这是程序错误；请用 qa --debug … 重新运行，并把输出交给开发者"
            err().print(f"✗ {type(error).__name__}: {error}。{hint}", style="red", markup=False, soft_wrap=True)
        sys.exit(EXIT_BUG)


# ---------------------------------------------------------------- score


@app.command()
def score(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="录音文件或文件夹", metavar="DIR|FILE…")],
    calls: CallsOption = None,
    profile: Annotated[str, typer.Option("--profile", help="规则书的名字或文件夹（rule book）")] = "default",
    asr: AsrOption = None,
    diarization: DiarizationOption = "auto",
    tz: Tz = "",
    report: Annotated[Path | None, typer.Option("--report", help="把每通电话、每位坐席的网页报告写到这个文件夹")] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """给录音评分：转写、检查、按规则书算分，存入数据库（score recordings）。"""
    from qa import models, rulebook
    from qa.batch.found import search
    from qa.store import Store
    from qa.switch import choose

    # all that can be wrong with the command itself is said before the first file is touched
    if not any(path.exists() for path in paths):
        raise AudioError("、".join(map(str, paths)), "没有这个文件或文件夹", "请检查路径")
    book = rulebook.load_scoring(profile)
    if calls is not None:
        choose.check(calls)
    found = search(paths)
    files = list(found.files)
    if not files and not found.missed:
        raise AudioError("、".join(map(str, paths)), "没有找到录音文件", "请检查路径和文件后缀")
    for _, error in found.missed:
        err().print(error_line(error), soft_wrap=True)
    models.locate(asr)
    with Store(db) as store:
        call_table = expected_records((calls, tz), store, files, paths)
        told = len(call_table.problems) if call_table is not None else 0
        cli_rescore.show_other_contents(store, book)
        results = score_with_progress(files, store, book, call_table, (asr, diarization), ctx.obj["debug"])
        show_table_problems(call_table, (), told)  # recordings that no record could be joined with
        results, counted = cli_rescore.recounted(store, [part for result in results for part in result.all])
        if report is not None:
            _write_reports(store, results, report)
    if as_json:
        print_json([_result_row(r) for r in results])
    else:
        _show_summary(results, db, report)
        for line in counted:
            out().print(line, markup=False, soft_wrap=True)
    if found.missed or any(r.error for r in results):
        raise typer.Exit(EXIT_FAILED)


def _result_row(result: FileResult) -> dict[str, object]:
    card, error = result.scorecard, result.error
    row: dict[str, object] = {"file": str(result.path), "call_id": result.call_id, "reused": result.reused}
    row["seconds"] = round(result.seconds, 3)
    if card is not None:
        row |= {"agent_id": card.agent_id, "percent": card.percent, "coverage": card.coverage, "demo": card.provenance.demo}
        row["outcomes"] = {r.check_id: r.outcome.value for r in card}
        row |= {"rule_book": card.provenance.rule_book, "rule_book_version": card.provenance.rule_book_version}
        row["proposed"] = result.proposed
    row["error"] = {"subject": error.subject, "cause": error.cause, "cure": error.cure} if error is not None else None
    return row


def _show_summary(results: Sequence[FileResult], db: Path, report: Path | None) -> None:
    console = out()
    cards = [r.scorecard for r in results if r.scorecard is not None]
    if 0 < len(cards) <= LISTED_CALLS:
        console.print(_calls_table(cards))
    failed = sum(r.error is not None for r in results)
    reused = sum(r.reused for r in results)
    unscored = sum(c.percent is None for c in cards)
    parts = [f"共 {len({r.path for r in results})} 个文件", f"评分 {len(cards)}（其中沿用已有转写 {reused}）", f"失败 {failed}"]
    if unscored:
        parts.append(f"覆盖率不足而不评分 {unscored}")
    console.print("，".join(parts) + f"；用时 {sum(r.seconds for r in results):.1f} 秒")
    for line in cli_rescore.score_lines(results):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"数据库 {db}" + (f"；报告 {report / 'index.html'}" if report else ""), markup=False, soft_wrap=True)
    if any(c.provenance.demo for c in cards):
        console.print(demo_line())


def _calls_table(cards: Sequence[Scorecard]) -> object:
    made = table("通话", "坐席", "得分", "覆盖率", "不通过", "无法判定", right=("得分", "覆盖率"))
    for card in cards:
        failed = "、".join(r.title for r in card if r.outcome is Outcome.FAIL)
        unsure = "、".join(r.title for r in card if r.outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR))
        cells = (card.call_id, card.agent_id or "", percent_text(card.percent), f"{100 * card.coverage:.0f}%")
        made.add_row(*(cli_show.plain(c) for c in cells), cli_show.plain(failed, "red"), cli_show.plain(unsure, "yellow"))
    return made


# ---------------------------------------------------------------- reports


def _write_reports(store: Store, results: Sequence[FileResult], folder: Path) -> None:
    from qa import report_files

    standing = {call.call_id: call.agent_id for call in store.calls()}  # what is only proposed has no page
    scored = [r.call_id for r in results if r.call_id in standing]
    seen(store, "calls.export", "calls", str(len(scored)), file=folder, command="score --report")
    agents = sorted({agent for call_id in scored if (agent := standing[call_id])})
    with err().status("写报告 …"):
        report_files.write_folder(store, scored, agents, folder)


@report_app.command("call")
def report_call(
    call: Annotated[str, typer.Argument(help="通话编号或录音文件名", metavar="CALL")],
    output: Annotated[Path, typer.Option("-o", "--output", help="要写的网页文件", metavar="FILE.html")],
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """一通电话的网页报告：放录音、看文字、逐项依据（report of one call）。"""
    from qa import report, report_files
    from qa.store import Store

    with Store(db, create=False) as store:
        call_id = cli_show.resolve(store, call)
        page = report_files.call_page(store, call_id)
        seen(store, "call.export", "call", call_id, file=output, command="report call")
        report.write(output, page)
    _written(output, as_json)


@report_app.command("agent")
def report_agent(
    number: Annotated[str, typer.Argument(help="坐席工号", metavar="NUMBER")],
    output: Annotated[Path, typer.Option("-o", "--output", help="要写的网页文件", metavar="FILE.html")],
    since: Since = None,
    until: Until = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """一位坐席一段时间的网页报告：通过率、走势、好坏通话（report of one agent）。"""
    from qa import report, report_files
    from qa.store import Store

    with Store(db, create=False) as store:
        cli_show.require_agent(store, number)
        page = report_files.agent_page(store, number, since, until)
        seen(store, "agent.export", "agent", number, file=output, since=since or "", until=until or "", command="report agent")
        report.write(output, page)
    _written(output, as_json)


def _written(path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path), "bytes": path.stat().st_size})
    else:
        out().print(f"已写出 {path}（{path.stat().st_size / 1024:.0f} KiB）", markup=False, soft_wrap=True)


# ---------------------------------------------------------------- export


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="要写的文件，后缀定格式：json、csv、xlsx", metavar="PATH")],
    agent: Annotated[str | None, typer.Option("--agent", help="只要这位坐席", metavar="NUMBER")] = None,
    since: Since = None,
    until: Until = None,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="连同已撤回、不计入的通话，并写明原因")] = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """导出评分、检查结果和依据；客户号码一律打码（export to JSON, CSV or Excel）。"""
    from qa import export as exporting
    from qa.appraisal import undated
    from qa.store import Store

    with Store(db, create=False) as store:
        if agent is not None and not (withdrawn and store.calls(agent, withdrawn=True)):
            cli_show.require_agent(store, agent)
        scored = list(store.scored(agent, since, until))
        taken = list(store.scored(agent, since, until, withdrawn=True)) if withdrawn else []
        reasons = {row.call_id: str(store.withdrawals.standing(row.call_id) or "") for row, _ in taken} if withdrawn else None
        told = {"agent": agent or "", "since": since or "", "until": until or "", "withdrawn": len(taken), "command": "export"}
        seen(store, "calls.export", "calls", str(len(scored)), file=path, **told)
        files = exporting.write([*scored, *taken], path, withdrawn=reasons)
        left_out = undated.notes(store.db, agent, True) if since or until else ()
        notes = (*left_out, *cli_show.withdrawn_notes(store.withdrawals.all(agent, since, until)))
    if as_json:
        counts = {"calls": len(scored), **({"withdrawn": len(taken)} if withdrawn else {})}
        print_json({**counts, "files": [str(f) for f in files], "notes": notes})
    else:
        for note in notes:
            out().print(f"· {note}", style="yellow", markup=False, soft_wrap=True)
        more = f"，另有已撤回的 {len(taken)} 通" if withdrawn else ""
        out().print(f"已导出 {len(scored)} 通电话{more}：{'、'.join(map(str, files))}", markup=False, soft_wrap=True)


cli_evaluate.register(app)
cli_show.register(app)
cli_rescore.register(app)
cli_adjust.register(app)
cli_review.register(app)
cli_roles.register(app)
cli_voiceprint.register(app)
app.add_typer(report_app, name="report")
app.add_typer(cli_models.models_app, name="models")
app.add_typer(cli_rules.rules_app, name="rules")
cli_explain.register(app)
cli_batch.register(app)
cli_records.register(app)
cli_traffic.register(app)
cli_serve.register(app)
cli_user.register(app)
cli_audit.register(app)
cli_purge.register(app)
cli_backup.register(app)
