"""``qa purge``: delete what is past its period of retention, with proof."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from qa.cli_common import DB_DEFAULT, EXIT_FAILED, Db, Json, out, print_json, table


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("purge")(purge)


def purge(
    retention: Annotated[Path, typer.Option("--retention", help="保存期限的设置（TOML，[retention]）", metavar="FILE")] = Path(
        "retention.toml"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会删多少，什么也不删")] = False,
    rewrite: Annotated[
        bool,
        typer.Option("--rewrite/--no-rewrite", help="最后重写数据库文件（期间别的程序不能写；大库在夜里做）；不重写则文件不变小"),
    ] = True,
    by: Annotated[str, typer.Option("--by", help="谁做的（姓名），记入审计日志；默认为本机登录名", metavar="NAME")] = "",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """按保存期限删除录音、文字、索引、片段和引用的原话，并留下证明；评分和扣分不变（delete what is past its retention, with proof）。"""
    from qa.operation import purge as purging
    from qa.operation.retention import KINDS, read
    from qa.store import Store

    wanted = read(retention)
    with Store(db, create=False) as store:
        now = datetime.now(UTC)
        done = purging.plan(store, wanted, now) if dry_run else purging.run(store, wanted, by.strip() or getpass.getuser(), now, rewrite)
    if as_json:
        print_json(done)
    else:
        shown = table("类别", "早于", "对象", "行或文件", "字节")
        for one in done.sums:
            counted = ("—", "—") if dry_run else (f"{one.count}", f"{one.bytes}")
            shown.add_row(KINDS[one.kind], one.cutoff, f"{one.objects}", *counted)
        out().print(shown)
        out().print(f"暂不删除（申诉未结或申诉期内、罚款待确认、待批准或指定保留）：{done.held} 通", markup=False)
        for one in done.sums:
            for problem in one.problems:
                out().print(f"✗ {KINDS[one.kind]}：{problem}", style="red", markup=False, soft_wrap=True)
        if not dry_run:
            told = "已从数据库文件中抹去" if done.wiped else "有程序在读旧数据，字节还留在日志文件里；请稍后再运行一次"
            out().print(f"清理 {done.number}：{told}；证明 {done.digest}", markup=False, soft_wrap=True)
    if any(one.problems for one in done.sums) or (not dry_run and not done.wiped):
        raise typer.Exit(EXIT_FAILED)
