"""What all commands share: the database option, output, and how errors are shown."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer import rich_utils
from typer.core import TyperGroup

from qa.errors import QaError, RuleBookErrors
from qa.report_text import OUTCOME_SYMBOL, OUTCOME_TEXT
from qa.types import Outcome

EXIT_FAILED = 1
"""Some files (or hashes) failed, the rest is done."""
EXIT_USAGE = 2
"""The command, the configuration or the database is wrong; nothing was done."""
EXIT_BUG = 70

rich_utils.OPTIONS_PANEL_TITLE = "选项 Options"
rich_utils.ARGUMENTS_PANEL_TITLE = "参数 Arguments"
rich_utils.COMMANDS_PANEL_TITLE = "命令 Commands"
rich_utils.ERRORS_PANEL_TITLE = "用法错误 Usage error"

STYLE = {
    Outcome.PASS: "green",
    Outcome.FAIL: "bold red",
    Outcome.NOT_APPLICABLE: "dim",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.ERROR: "magenta",
}

Db = Annotated[Path, typer.Option("--db", envvar="QA_DB", help="数据库文件（SQLite）", show_default="qa.db")]
DB_DEFAULT = Path("qa.db")
Json = Annotated[bool, typer.Option("--json", help="输出 JSON，给其他程序用（machine readable）")]
Since = Annotated[str | None, typer.Option("--since", help="从这一天起（含），如 2024-05-01", metavar="DATE")]
Until = Annotated[str | None, typer.Option("--until", help="到这一天止（含），如 2024-05-31", metavar="DATE")]
CallsOption = Annotated[
    str | None,
    typer.Option("--calls", help="通话记录：calls.csv，或交换机的话单（格式按表头识别，或写 文件:格式）", metavar="FILE[:FORMAT]"),
]
Tz = Annotated[str, typer.Option("--tz", envvar="QA_TZ", help="话单里没写时区的时刻属于哪个时区，如 Asia/Shanghai", metavar="ZONE")]
AsrOption = Annotated[
    str | None,
    typer.Option("--asr", help="语音识别模型：demo（演示）、模型名或文件夹；默认用正式模型", metavar="demo|MODEL|FOLDER"),
]
DiarizationOption = Annotated[
    str,
    typer.Option(
        "--diarization",
        help="单声道录音怎样区分说话人：auto（正式识别配正式模型，演示配随附模型）、sherpa、pyannote、turns、off，可加 :模型名 或 :文件夹",
        metavar="auto|sherpa|pyannote|turns|off[:MODEL|:FOLDER]",
    ),
]


def out() -> Console:
    """Results: standard output; in a pipe 120 columns wide unless COLUMNS says otherwise."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    return Console(highlight=False, width=width)


def err() -> Console:
    """Progress, warnings and errors: standard error, so that results can be piped."""
    return Console(stderr=True, highlight=False)


class QaGroup(TyperGroup):
    """Commands whose :class:`QaError` becomes one clear line and exit status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except QaError as error:
            if ctx.obj is not None and ctx.obj.get("debug"):
                raise
            show_error(error)
            raise typer.Exit(EXIT_USAGE) from error


def error_line(error: QaError) -> Text:
    """Subject, cause and cure in one line, in red and never as markup; a cure that lists choices has a line for each."""
    text = Text("✗ ", style="bold red")
    text.append(_one_line(f"{error.subject}：{error.cause}"), style="red")
    if error.cure:
        # the other lines of a cure stand in, so that none passes for an error of its own
        text.append(
            "。" + "\n".join(_one_line(line) if k == 0 else f"  {_one_line(line.strip())}" for k, line in enumerate(error.cure.split("\n")))
        )
    return text


def _one_line(text: str) -> str:
    """A file name may hold line breaks and terminal codes: they are shown, not obeyed."""
    return "".join(c if c.isprintable() or c == "\u3000" else c.encode("unicode_escape").decode() for c in text)


def show_traceback(console: Console, error: QaError) -> None:
    """Where the bug lies that stopped one file."""
    if error.__cause__ is not None:
        console.print("".join(traceback.format_exception(error.__cause__)), markup=False, soft_wrap=True)


def show_error(error: QaError) -> None:
    """One line; a rule book with several problems has a line for each."""
    console = err()
    for one in error.problems if isinstance(error, RuleBookErrors) else (error,):
        console.print(error_line(one), soft_wrap=True)


def print_json(value: object) -> None:
    """A value of frozen dataclasses as JSON in UTF-8, indented."""
    plain = msgspec.to_builtins(value)
    # a path may hold bytes that are not UTF-8: they are shown as \\udcb2
    typer.echo(json.dumps(plain, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace").decode("utf-8"))


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table with Chinese headers; ``right`` are those that hold figures."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in set(right) else "left", overflow="fold")
    return made


def outcome_text(outcome: Outcome, label: str = "") -> Text:
    """Symbol and word in the outcome's colour."""
    return Text(f"{OUTCOME_SYMBOL[outcome]} {label or OUTCOME_TEXT[outcome]}", style=STYLE[outcome])


def diarization_notice(choice: str, demo: bool) -> None:
    """Say once that nobody tells the speakers of mono recordings apart where that was not asked for; ``demo``: the recogniser is."""
    from qa import diarization, models

    if diarization.locate(choice, demo) is not None or choice == diarization.OFF:
        return
    how = (
        "安装：pip install sherpa-onnx"
        if demo
        else f"请 pip install 'qa-callcentre[diarization]' 并运行 qa models pull {models.production_diarization()}，或用 --diarization 指定"
    )
    text = f"提示：没有可用的说话人区分引擎或模型，单声道录音只做不分说话人的检查，其余无法判定；{how}"
    err().print(text, style="yellow", markup=False, soft_wrap=True)


def demo_line() -> Text:
    return Text(" 演示模型 demo ", style="bold white on purple4").append(
        " 文字由演示模型识别，不得用于考核真实人员", style="not bold default on default"
    )
