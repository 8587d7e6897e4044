"""What the commands that score files share: the call records that they use, and the progress that they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qa.cli_common import diarization_notice, err, error_line, show_traceback

if TYPE_CHECKING:
    from qa.pipeline import FileResult
    from qa.records import Records
    from qa.rules.book import RuleBook
    from qa.store import Store

LISTED_PROBLEMS = 10


def expected_records(calls: tuple[str | None, str], store: Store, files: Sequence[Path], folders: Sequence[Path] = ()) -> Records | None:
    """The records that ``files`` are scored with: those that ``--calls`` (with ``--tz``) names, else those imported into ``store``;
    problems are shown."""
    from qa import records
    from qa.switch import choose

    named, zone = calls
    found = choose.named(named, zone, store) if named is not None else choose.imported(store)
    records.expect(found, files, store.batches.unusable())
    show_table_problems(found, folders)
    return found


def show_table_problems(call_table: Records | None, paths: Sequence[Path], since: int = 0) -> None:
    """The problems of the call records from the ``since``-th on."""
    console = err()
    if call_table is None:
        for path in paths:
            if (path / "calls.csv").is_file():
                console.print(f"提示：{path / 'calls.csv'} 没有用上；要用请加 --calls", style="yellow", markup=False)
        return
    problems = call_table.problems[since:]
    for problem in problems[:LISTED_PROBLEMS]:
        console.print(f"! {problem}", style="yellow", markup=False, soft_wrap=True)
    if len(problems) > LISTED_PROBLEMS:
        console.print(f"! 通话记录表还有 {len(problems) - LISTED_PROBLEMS} 处问题", style="yellow")


def score_with_progress(
    files: Sequence[Path],
    store: Store,
    book: RuleBook,
    call_table: Records | None,
    engines: tuple[str | None, str],
    debug: bool,
    by_day: bool = True,
) -> list[FileResult]:
    """Score all; a failed file is told at once, above the bar.

    ``engines``: of the recognition and of the speakers of one channel.  ``by_day``: by the version of the rules in force on each day.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from qa import models
    from qa.pipeline import score_files

    asr, told = engines
    diarization_notice(told, models.locate(asr).demo)
    columns = (TextColumn("评分"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=err(), transient=True) as bar:
        task = bar.add_task("", total=len(files))

        def done(result: FileResult) -> None:
            bar.update(task, advance=1, description=result.path.name.replace("[", r"\["))
            if result.error is not None:
                bar.console.print(error_line(result.error), soft_wrap=True)
                if debug:
                    show_traceback(bar.console, result.error)

        return score_files(files, store=store, book=book, table=call_table, asr=asr, progress=done, by_day=by_day, diarization=told)
