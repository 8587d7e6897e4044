"""Commands about models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from qa.cli_common import DB_DEFAULT, EXIT_FAILED, Db, Json, QaGroup, out, print_json, table

if TYPE_CHECKING:
    from qa.models import ModelStatus, VerifyReport

models_app = typer.Typer(cls=QaGroup, no_args_is_help=True, help="语音识别和区分说话人的模型：查看、下载、核对（models）")

_USES = {"asr": "识别", "diarization": "区分说话人"}
_STATES = {"ok": "✓ 一致", "differs": "✗ 内容变了", "missing": "✗ 缺少", "unrecorded": "? 没有记录"}


@models_app.command("list")
def list_(db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """有哪些模型，本机有没有（what is there）。"""
    from qa import models

    found = models.list_models()
    if as_json:
        print_json([_status(s) for s in found])
        return
    made = table("模型", "用途", "本机", "大小", "说明", right=("大小",))
    for s in found:
        told = "，正式（默认）" if s.production else "，演示 demo" if s.demo else ""
        bundled = "，随程序附带" if s.kind == "diarization" and s.repository is None else ""
        use = _USES[s.kind] + told + bundled
        size = f"{s.size_bytes / 2**20:.1f} MiB" if s.size_bytes else ""
        made.add_row(s.name, use, "✓ 有" if s.path else "— 没有", size, Text(s.about))
    out().print(made)


def _status(status: ModelStatus) -> dict[str, object]:
    return {
        "name": status.name,
        "about": status.about,
        "repository": status.repository,
        "kind": status.kind,
        "gated": status.gated,
        "production": status.production,
        "demo": status.demo,
        "path": str(status.path) if status.path else None,
        "size_bytes": status.size_bytes,
    }


@models_app.command()
def pull(
    name: Annotated[str, typer.Argument(help="模型名，见 qa models list", metavar="MODEL")],
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="下载服务器或镜像的地址", metavar="URL")] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """下载一个模型并核对校验值（fetch and verify）。"""
    from qa import models

    status = models.pull(name, endpoint)
    if as_json:
        print_json(_status(status))
    else:
        out().print(f"已下载 {name}：{status.path}", markup=False, soft_wrap=True)


@models_app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="模型名或模型文件夹；不写则核对本机所有模型", metavar="[MODEL|FOLDER]")] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """核对模型文件的 SHA-256（check the hashes）；不一致时退出码为 1。"""
    from qa import models

    names = [name] if name is not None else [s.name for s in models.list_models() if s.path]
    reports = [models.verify(n) for n in names]
    if as_json:
        rows = [_verified(r) for r in reports]
        print_json(rows[0] if name is not None else rows)
    else:
        for report in reports:
            _show_verified(report)
    if not all(r.ok for r in reports):
        raise typer.Exit(EXIT_FAILED)


def _verified(report: VerifyReport) -> dict[str, object]:
    files = [{"file": f.file, "state": f.state, "expected": f.expected, "actual": f.actual} for f in report.files]
    return {"name": report.name, "path": str(report.path), "ok": report.ok, "files": files}


def _show_verified(report: VerifyReport) -> None:
    made = table("文件", "结果")
    for f in report.files:
        made.add_row(Text(f.file), _STATES.get(f.state, f.state))
    out().print(made)
    out().print(f"{report.name}：{'全部一致' if report.ok else '不一致，请重新下载'}", markup=False)
