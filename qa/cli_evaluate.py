"""``qa evaluate``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from qa.cli_common import (
    DB_DEFAULT,
    EXIT_FAILED,
    AsrOption,
    Db,
    DiarizationOption,
    Json,
    Tz,
    demo_line,
    out,
    print_json,
)
from qa.cli_scoring import expected_records, score_with_progress, show_table_problems

EvaluatedCalls = Annotated[
    str | None,
    typer.Option("--calls", help="通话记录，同 qa score；默认用 DIR/calls.csv（若有），否则用已导入的", metavar="FILE[:FORMAT]"),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evaluate)


def evaluate(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="有录音和 truth.jsonl 的文件夹", metavar="DIR")],
    calls: EvaluatedCalls = None,
    profile: Annotated[str, typer.Option("--profile", help="规则书的名字或文件夹（rule book）")] = "default",
    asr: AsrOption = None,
    diarization: DiarizationOption = "auto",
    tz: Tz = "",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """与带标注的录音对照：各项查准率、查全率，文字和测量的误差（compare with the truth）。"""
    from qa import evaluate as evaluating
    from qa import evaluate_view, rulebook
    from qa.store import Store
    from qa.switch import choose

    book = rulebook.load_scoring(profile)
    beside = folder / "calls.csv"
    chosen = calls if calls is not None else str(beside) if beside.is_file() else None
    if chosen is not None:
        choose.check(chosen)

    def score_all(paths: Sequence[Path]) -> Iterator[tuple[Path, evaluating.Scored]]:
        with Store(db) as store:
            call_table = expected_records((chosen, tz), store, paths)
            told = len(call_table.problems) if call_table is not None else 0
            for r in score_with_progress(paths, store, book, call_table, (asr, diarization), ctx.obj["debug"], by_day=False):
                if r.error is not None:
                    yield r.path, r.error
                elif r.call is not None and r.scorecard is not None:
                    yield r.path, evaluating.ScoredCall(r.call, r.scorecard)
            show_table_problems(call_table, (), told)  # recordings that no record could be joined with

    found = evaluating.evaluate_folder(folder, score_all, diarization)
    if as_json:
        print_json(evaluate_view.as_json(found))
    else:
        for made in evaluate_view.tables(found):
            out().print(made)
        if found.demo:
            out().print(demo_line())
    if found.errors:
        raise typer.Exit(EXIT_FAILED)
