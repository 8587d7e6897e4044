"""``qa batch``: the day's recordings in one command that a cron job can run.

Exit status: 0 all scored, 1 some files failed or are in quarantine or left, 2 wrong usage or configuration, 3 stopped before the end
(signal, full disk, lost database or share), 4 another batch runs on this database.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa import cli_batch_status
from qa.cli_common import (
    DB_DEFAULT,
    EXIT_FAILED,
    AsrOption,
    CallsOption,
    Db,
    DiarizationOption,
    Json,
    QaGroup,
    Tz,
    demo_line,
    diarization_notice,
    err,
    error_line,
    out,
    print_json,
    show_error,
    show_traceback,
)
from qa.cli_engine import Address, Cpus, Engine, Factor, Gpus, Memory, Workers, choice
from qa.errors import AudioError, BatchError, BusyError, DatabaseError

if TYPE_CHECKING:
    from qa.batch.batch import Batch, Missed, Stop
    from qa.batch.report import Fate, Report, Tally
    from qa.batch.start import Choice
    from qa.pipeline import FileResult
    from qa.records import Records
    from qa.store import Store

BUSY_TIMEOUT_S = 60.0
"""So long a batch waits for another program's transaction."""
LISTED = 20
LINE_S = 60.0
"""Where nobody looks (cron), a line of progress at most so often."""
_FATES = {"quarantined": "隔离", "skipped": "已在隔离中", "left": "留待下次", "failed": "失败"}

batch_app = typer.Typer(cls=QaGroup, no_args_is_help=True, help="整天录音的批处理：断点续作、隔离坏文件（the day's batch）")

Profile = Annotated[str, typer.Option("--profile", help="规则书的名字或文件夹（rule book）")]
ReportJson = Annotated[Path | None, typer.Option("--report-json", help="把运行报告写成 JSON 文件", metavar="FILE")]


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    batch_app.command("status")(cli_batch_status.status)
    app.add_typer(batch_app, name="batch")


# ---------------------------------------------------------------- a run


@batch_app.command("run")
def run(
    ctx: typer.Context,
    paths: Annotated[list[str], typer.Argument(help="一天的录音文件夹（或文件），或对象存储的地址（s3://桶/文件夹）", metavar="DAY_DIR…")],
    calls: CallsOption = None,
    tz: Tz = "",
    profile: Profile = "default",
    asr: AsrOption = None,
    diarization: DiarizationOption = "auto",
    workers: Workers = None,
    timeout_factor: Factor = None,
    memory_limit: Memory = None,
    engine: Engine = "local",
    address: Address = None,
    ray_cpus: Cpus = None,
    ray_gpus: Gpus = None,
    report_json: ReportJson = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """给整天的录音评分，每个录音恰好一次；可随时中断，重跑会接着做（score a day's folder）。

    退出码：0 全部评分；1 有文件失败、隔离或留待下次；2 用法或配置错误；3 中途停止；4 另一个批处理正在运行。
    """
    from qa import places
    from qa.batch.found import search

    _check_report(report_json)
    named = places.present(paths)
    found = search(named)
    if not found.files and not found.missed:
        raise AudioError("、".join(paths), "没有找到录音文件", "请检查路径和文件后缀")
    for folder in found.empty:
        err().print(f"! {folder}：文件夹里没有录音", style="yellow", markup=False, soft_wrap=True)
    workers_at = choice(engine, (address, ray_cpus, ray_gpus), workers, timeout_factor, memory_limit)
    with _batch(db, (calls, tz), profile, (asr, diarization), workers_at, named) as batch:
        report = _run(batch, found.files, ctx.obj["debug"], found.missed)
    _finish(report, db, report_json, as_json)


@batch_app.command("retry")
def retry(
    ctx: typer.Context,
    files: Annotated[list[str] | None, typer.Argument(help="只重试这些文件；默认所有被隔离的", metavar="[FILE]…")] = None,
    calls: CallsOption = None,
    tz: Tz = "",
    profile: Profile = "default",
    asr: AsrOption = None,
    diarization: DiarizationOption = "auto",
    workers: Workers = None,
    timeout_factor: Factor = None,
    memory_limit: Memory = None,
    engine: Engine = "local",
    address: Address = None,
    ray_cpus: Cpus = None,
    ray_gpus: Gpus = None,
    report_json: ReportJson = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """重试被隔离的录音；通话记录表和规则书要与原来一样给出（try quarantined files again）。"""
    from dataclasses import replace

    from qa.batch.batch import to_retry
    from qa.places import place

    _check_report(report_json)
    workers_at = choice(engine, (address, ray_cpus, ray_gpus), workers, timeout_factor, memory_limit)
    with _batch(db, (calls, tz), profile, (asr, diarization), workers_at, (), create=False) as batch:
        with _ends_at_once():
            chosen, said = to_retry(batch.scorer.store.batches, [place(file) for file in files or ()])
        for one in said:
            show_error(one)
        report = _run(replace(batch, retry=True), chosen, ctx.obj["debug"])
    _finish(report, db, report_json, as_json)


@batch_app.command("watch")
def watch(
    ctx: typer.Context,
    folders: Annotated[list[str], typer.Argument(help="录音系统写入的文件夹，或对象存储的地址", metavar="DIR…")],
    calls: CallsOption = None,
    tz: Tz = "",
    profile: Profile = "default",
    asr: AsrOption = None,
    diarization: DiarizationOption = "auto",
    workers: Workers = None,
    timeout_factor: Factor = None,
    memory_limit: Memory = None,
    engine: Engine = "local",
    address: Address = None,
    ray_cpus: Cpus = None,
    ray_gpus: Gpus = None,
    settle: Annotated[float, typer.Option("--settle", min=0.1, help="文件多少秒没有变化才算写完")] = 30.0,
    every: Annotated[float, typer.Option("--every", min=0.1, help="每隔多少秒看一次")] = 10.0,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """守着文件夹，录音一写完就评分；用 Ctrl-C 或 SIGTERM 停止（score files as they are finished）。"""
    from qa.batch.watch import Watch
    from qa.places import place
    from qa.switch import choose

    watched = [place(folder) for folder in folders]
    missing = [str(folder) for folder in watched if not folder.is_dir()]
    if missing:
        raise AudioError("、".join(missing), "没有这个文件夹", "请检查路径")
    workers_at = choice(engine, (address, ray_cpus, ray_gpus), workers, timeout_factor, memory_limit)
    with _batch(db, (calls, tz), profile, (asr, diarization), workers_at, watched, lock=False) as batch:
        table_path = choose.split(calls)[0] if calls is not None else None
        store = batch.scorer.store
        watching = Watch(batch, db, watched, settle, every, show_error, table_path, lambda: _records((calls, tz), store))
        err().print(f"守着 {'、'.join(folders)}；按 Ctrl-C 停止", markup=False, soft_wrap=True)
        shown = _Progress(0, ctx.obj["debug"], bar=False)
        line = lambda report: print(json.dumps(report.as_json(), ensure_ascii=False), flush=True)  # noqa: E731
        code = watching.go(shown.through, line if as_json else lambda report: _summary(report, db))
    err().print("已停止")
    raise typer.Exit(code)


@contextmanager
def _batch(
    db: Path,
    calls: tuple[str | None, str],
    profile: str,
    engines: tuple[str | None, str],
    workers_at: Choice,
    folders: Sequence[Path],
    *,
    lock: bool = True,
    create: bool = True,
) -> Iterator[Batch]:
    """All that a run needs, checked before the first file is touched; workers are ended with it."""
    from qa import models, rulebook
    from qa.batch import plan
    from qa.batch.batch import Batch
    from qa.batch.lock import one_batch
    from qa.batch.start import engine as start
    from qa.pipeline import Scorer
    from qa.store import Store

    book = rulebook.load_scoring(profile)
    _records(calls, None)
    asr, diarization = engines
    located = models.locate(asr)
    diarization_notice(diarization, located.demo)
    with ExitStack() as stack:
        with _ends_at_once():
            store = stack.enter_context(Store(db, create=create, busy_timeout_s=BUSY_TIMEOUT_S))
            if lock:
                stack.enter_context(one_batch(db))
            scorer = Scorer(store, book, _records(calls, store), asr, diarization_choice=diarization)
        engine = stack.enter_context(closing(start(located, workers_at, scorer.diarizer_at)))
        told = scorer.diarizer_at.identity if scorer.diarizer_at else "none"
        settings = {"model": scorer.identity, "diarization": told, "workers": engine.workers, "threads": list(engine.shape.threads)}
        settings |= {"timeout_factor": engine.limits.factor, "memory_limit_mib": engine.limits.memory_bytes >> 20}
        whole = [folder for folder in folders if folder.is_dir()]
        made = Batch(scorer, engine, whole, settle_s=plan.SETTLE_S, settings=settings)
        stack.enter_context(_stopped_by_signals(made.stop))
        yield made


@contextmanager
def _ends_at_once() -> Iterator[None]:
    """What stands in the way before the first file, as an exit status of its own."""
    from qa.batch.report import EXIT_BUSY, EXIT_STOPPED

    try:
        yield
    except (BusyError, DatabaseError) as error:
        show_error(error)
        raise typer.Exit(EXIT_BUSY if isinstance(error, BusyError) else EXIT_STOPPED) from error


def _records(calls: tuple[str | None, str], store: Store | None) -> Records | None:
    """The records that ``--calls`` names (with the time zone of ``--tz``), else those that were imported into ``store``."""
    from qa.switch import choose

    named, zone = calls
    if named is None:
        return choose.imported(store) if store is not None else None
    if store is None:  # what the house has stated is not known yet: only whether there is such a table
        choose.check(named)
        return None
    found = choose.named(named, zone, store)
    _show_problems(found, 0)
    return found


def _show_problems(found: Records, since: int) -> None:
    """Problems of the call records from the ``since``-th on."""
    problems = found.problems[since:]
    for problem in problems[:LISTED]:
        err().print(f"! {problem}", style="yellow", markup=False, soft_wrap=True)
    if len(problems) > LISTED:
        err().print(f"! 通话记录还有 {len(problems) - LISTED} 处问题", style="yellow")


@contextmanager
def _stopped_by_signals(stop: Stop) -> Iterator[None]:
    """The first signal asks for the end of the run, a second one ends the program."""

    def asked(number: int, frame: object) -> None:
        stop.ask(f"收到停止信号 {signal.Signals(number).name}")
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)

    before = {one: signal.signal(one, asked) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


# ---------------------------------------------------------------- what is shown


class _Progress:
    """A bar by bytes with what failed above it; without a terminal a line now and then."""

    def __init__(self, size: int, debug: bool, bar: bool = True) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        self.console, self._debug, self._begun = err(), debug, time.monotonic()
        self._told = self._begun
        columns = (TextColumn("批处理"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=self.console, transient=True, disable=not (bar and self.console.is_terminal))
        self._task = self._bar.add_task("", total=max(1, size))

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *of: object) -> None:
        self._bar.stop()

    def through(self, result: FileResult, fate: Fate, tally: Tally) -> None:
        """A file is through."""
        if result.error is not None and fate != "skipped":
            line = error_line(result.error)
            line.append(f"（{_FATES[fate]}）", style="yellow")
            self.console.print(line, soft_wrap=True)
            if self._debug:
                show_traceback(self.console, result.error)
        seconds = time.monotonic() - self._begun
        figures = tally.figures(seconds)
        text = f"{tally.through}/{tally.files}，失败 {tally.unscored}，每小时处理录音 {figures['audio_hours_per_hour']} 小时"
        self._bar.update(self._task, completed=tally.bytes_done, total=max(1, tally.bytes_all), description=text)
        if not self.console.is_terminal and time.monotonic() - self._told > LINE_S:
            self._told = time.monotonic()
            left_s = seconds * (tally.bytes_all - tally.bytes_done) / max(1, tally.bytes_done)
            self.console.print(f"{text}，约剩 {left_s / 60:.0f} 分钟", markup=False, soft_wrap=True)


def _run(batch: Batch, files: Sequence[Path], debug: bool, missed: Sequence[Missed] = ()) -> Report:
    from qa.records import expect

    records = batch.scorer.table
    told = len(records.problems) if records is not None else 0
    expect(records, files, batch.scorer.store.batches.unusable())
    with _Progress(0, debug) as progress:
        report = batch.run(files, progress.through, missed)
    if records is not None:
        _show_problems(records, told)  # recordings that no record could be joined with
    return report


def _check_report(report_json: Path | None) -> None:
    """Errors: :class:`BatchError` where the report could not be written at the end."""
    if report_json is None:
        return
    target = report_json if report_json.exists() else report_json.parent
    if report_json.is_dir() or not (report_json.exists() or target.is_dir()) or not os.access(target, os.W_OK):
        cause = "是文件夹" if report_json.is_dir() else "没有写权限" if target.exists() else "没有这个文件夹"
        raise BatchError(str(report_json), f"运行报告写不到这里（{cause}）", "请先建好文件夹，或换一个地方；什么都没有做")


def _finish(report: Report, db: Path, report_json: Path | None, as_json: bool) -> None:
    code = report.exit_code
    if report_json is not None:
        try:
            report_json.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")
        except OSError as error:
            code = code or EXIT_FAILED
            show_error(
                BatchError(str(report_json), f"运行报告写不了（{error.strerror}）", "评分已保存；报告可用 qa batch status --json 查看")
            )
    if as_json:
        print_json(report.as_json())
    else:
        _summary(report, db)
    if report.stopped is not None:
        show_error(report.stopped)
    raise typer.Exit(code)


def _summary(report: Report, db: Path) -> None:
    console, tally = out(), report.tally
    figures = tally.figures(report.seconds)
    parts = [f"共 {tally.files} 个文件", f"评分 {figures['scored']}（其中沿用已有转写 {figures['reused']}）"]
    parts += [f"{name} {tally.counts[fate]}" for fate, name in _FATES.items() if tally.counts[fate]]
    if tally.counts["proposed"]:
        parts.append(f"属于已关账月份、待批准 {tally.counts['proposed']}")
    if tally.through < tally.files:
        parts.append(f"未处理 {tally.files - tally.through}")
    rate = f"录音 {figures['audio_hours']:.2f} 小时，每小时处理 {figures['audio_hours_per_hour']} 小时"
    console.print("，".join(parts) + f"；{rate}；用时 {report.seconds:.1f} 秒", markup=False, soft_wrap=True)
    if tally.without_record:
        names = "、".join(p.name for p in tally.without_record[:LISTED])
        more = " 等" if len(tally.without_record) > LISTED else ""
        console.print(f"没有通话记录 {len(tally.without_record)} 个：{names}{more}", markup=False, soft_wrap=True)
    for one in tally.withdrawn[:LISTED]:
        console.print(f"通话 {one['call_id']} {one['what']}", markup=False, soft_wrap=True)
    if len(tally.withdrawn) > LISTED:
        console.print(f"另有 {len(tally.withdrawn) - LISTED} 通（见报告的 withdrawn）", markup=False, soft_wrap=True)
    console.print(f"数据库 {db}", markup=False, soft_wrap=True)
    if tally.demo:
        console.print(demo_line())
