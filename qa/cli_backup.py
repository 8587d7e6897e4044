"""``qa backup`` and ``qa restore``: the database and the keys beside it, while the web app goes on."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, out, print_json
from qa.clock import house_minute

By = Annotated[str, typer.Option("--by", help="谁做的（姓名），记入审计日志；默认为本机登录名", metavar="NAME")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    to: Annotated[Path, typer.Option("--to", help="放备份的文件夹；每次在里面新建 qa-日期 一个", metavar="FOLDER")],
    keep: Annotated[int, typer.Option("--keep", min=0, help="只留最新的几份；0 全留", metavar="N")] = 0,
    check: Annotated[bool, typer.Option("--check", help="写好后试恢复一次（需要同样大的空间），证明它能用")] = False,
    by: By = "",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """备份数据库和它的密钥；网页不用停，写好后核对，记入审计日志（online backup, verified）。"""
    from qa.operation import backup as backups

    who = by.strip() or getpass.getuser()
    made = backups.backup(db, to, who, keep=keep)
    if check:
        backups.rehearse(made.folder, db, who)
    if as_json:
        print_json(backups.as_json(made))
        return
    out().print(
        f"已备份到 {made.folder}：{made.calls} 通电话，{made.bytes} 字节，审计日志头 {made.audit_head}", markup=False, soft_wrap=True
    )
    _tell_keys("连同密钥文件", backups.keys_in(made, Path(backups.DATABASE)))
    if check:
        out().print("已试恢复：完好", markup=False)


def restore(
    folder: Annotated[Path, typer.Argument(help="qa backup 生成的 qa-日期 文件夹", metavar="FOLDER")],
    check: Annotated[bool, typer.Option("--check", help="只试恢复：在 --db 旁边恢复一份、核对、删去，结果记入 --db 的审计日志")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="原来的数据库改名留下，用备份代替")] = False,
    by: By = "",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """用备份恢复数据库；先停网页（restore a backup; stop the web app first）。"""
    from qa.operation import backup as backups

    who = by.strip() or getpass.getuser()
    found = backups.rehearse(folder, db, who) if check else backups.restore(folder, db, who, replace=replace)
    if as_json:
        print_json(backups.as_json(found))
        return
    if check:
        out().print(f"备份完好：{house_minute(found.created)}，{found.calls} 通电话", markup=False, soft_wrap=True)
        return
    told = f"已恢复到 {db}：{house_minute(found.created)} 的备份，{found.calls} 通电话。所有人需重新登录。"
    out().print(told, markup=False, soft_wrap=True)
    _tell_keys("一并恢复的密钥文件", backups.keys_in(found, db))
    out().print("备份之后按保存期限删除过的内容又回来了：请马上运行 qa purge。", style="yellow", markup=False, soft_wrap=True)


def _tell_keys(what: str, names: tuple[str, ...]) -> None:
    """Without them nobody could check the audit log, nor log in with a second factor."""
    if names:
        out().print(f"{what}：{'、'.join(names)}", markup=False, soft_wrap=True)
