"""``qa audit``: the log of who heard, read, exported and changed what."""

from __future__ import annotations

from typing import Annotated

import typer

from qa.cli_common import DB_DEFAULT, EXIT_FAILED, Db, Json, QaGroup, out, print_json

audit_app = typer.Typer(cls=QaGroup, no_args_is_help=True, help="审计日志：谁听过、看过、导出过、改过什么（audit log）")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(audit_app, name="audit")


@audit_app.command("verify")
def verify(
    noted: Annotated[
        str, typer.Option("--noted", help="以前记下的日志头（行数:校验值，至少 8 个字符），核对它还在日志里", metavar="HEAD")
    ] = "",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """核对审计日志：有没有行被改动、删除、添加，数据库的保护还在不在；有问题则退出码 1（verify the chain）。"""
    from qa.people import audit
    from qa.store import Store

    with Store(db, create=False) as store:
        found = audit.verify(store.db, noted)
    if as_json:
        print_json(found)
    else:
        for problem in found.told:
            out().print(f"✗ {problem}", style="red", markup=False, soft_wrap=True)
        verdict = "不可信" if found.told else "完好"
        out().print(f"审计日志 {found.count} 行，{verdict}；日志头 {found.head}", markup=False, soft_wrap=True)
    if found.told:
        raise typer.Exit(EXIT_FAILED)
