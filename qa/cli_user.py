"""``qa user``: who may log in to the web app, and as what."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, QaGroup, out, print_json, table
from qa.errors import StoreError

if TYPE_CHECKING:
    from qa.people.accounts import User, UserRole

user_app = typer.Typer(cls=QaGroup, no_args_is_help=True, help="网页的账号：新建、换岗位、重设密码、停用（accounts of the web app）")

Login = Annotated[str, typer.Argument(help="登录名", metavar="LOGIN")]
RoleOption = Annotated[
    str, typer.Option("--role", help="岗位：agent 坐席、lead 班组长、qa 质检、trainer 培训、hr 人事、admin 管理员", metavar="ROLE")
]
AgentOption = Annotated[str, typer.Option("--agent", help="工号（坐席必填）", metavar="NUMBER")]
TeamOption = Annotated[str, typer.Option("--team", help="班组（班组长必填）", metavar="TEAM")]
By = Annotated[str, typer.Option("--by", help="谁做的（姓名），记入审计日志；默认为本机登录名", metavar="NAME")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="从标准输入读密码（一行）；不写则生成一次性密码并显示")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(user_app, name="user")


@user_app.command("add")
def add(
    login: Login,
    role: RoleOption,
    name: Annotated[str, typer.Option("--name", help="姓名", metavar="NAME")] = "",
    agent: AgentOption = "",
    team: TeamOption = "",
    by: By = "",
    password_stdin: Stdin = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """新建账号；显示一次性密码，本人第一次登录时须改掉（add an account）。"""
    from qa.people import accounts, passwords
    from qa.store import Store

    wanted = accounts.User(0, login, name, _role(role), agent, team, must_change=not password_stdin)
    password = _read() if password_stdin else passwords.one_time()
    with Store(db) as store:
        made = accounts.add(store.db, wanted, password, _by(by))
    _tell(made, "已新建", "" if password_stdin else password, as_json)


@user_app.command("role")
def role(
    login: Login, role: RoleOption, agent: AgentOption = "", team: TeamOption = "", by: By = "", db: Db = DB_DEFAULT, as_json: Json = False
) -> None:
    """换岗位、工号或班组；正在使用的网页随即退出（change a role）。"""
    from qa.people import accounts
    from qa.store import Store

    with Store(db, create=False) as store:
        made = accounts.set_role(store.db, login, _role(role), agent, team, _by(by))
    _tell(made, "已更改", "", as_json)


@user_app.command("reset")
def reset(login: Login, by: By = "", password_stdin: Stdin = False, db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """重设密码：显示新的一次性密码；两步验证一并取消，正在使用的网页随即退出（reset a password）。"""
    from qa.people import accounts, passwords
    from qa.store import Store

    password = _read() if password_stdin else passwords.one_time()
    with Store(db, create=False) as store:
        made = accounts.set_password(store.db, login, password, _by(by), must_change=not password_stdin, reset=True)
    _tell(made, "已重设密码", "" if password_stdin else password, as_json)


@user_app.command("disable")
def disable(
    login: Login,
    enable: Annotated[bool, typer.Option("--enable", help="反过来：停用的账号恢复使用")] = False,
    by: By = "",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """停用账号：不能再登录，正在使用的网页随即退出；记录都保留（disable an account）。"""
    from qa.people import accounts
    from qa.store import Store

    with Store(db, create=False) as store:
        made = accounts.set_disabled(store.db, login, not enable, _by(by))
    _tell(made, "已恢复" if enable else "已停用", "", as_json)


@user_app.command("list")
def list_users(db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """列出全部账号（list accounts）。"""
    from qa.people import accounts, second_factor
    from qa.store import Store

    with Store(db, create=False) as store:
        everybody, holders = accounts.everybody(store.db), second_factor.holders(store.db)
    if as_json:
        print_json(everybody)
        return
    made = table("登录名", "姓名", "岗位", "工号", "班组", "状态", "两步验证")
    for user in everybody:
        state = "停用" if user.disabled else "须改密码" if user.must_change else "正常"
        second = "有" if user.id in holders else ""
        made.add_row(user.login, user.name, accounts.ROLE_TITLES[user.role], user.agent_id, user.team, state, second)
    out().print(made)


def _role(text: str) -> UserRole:
    from qa.people.accounts import UserRole

    try:
        return UserRole(text)
    except ValueError:
        raise StoreError(text, "没有这个岗位", f"可用：{'、'.join(UserRole)}") from None


def _by(name: str) -> str:
    """Who runs the command: as told, else as the machine knows them."""
    if name.strip():
        return name.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _read() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _tell(user: User, what: str, password: str, as_json: bool) -> None:
    from qa.people.accounts import ROLE_TITLES

    if as_json:
        print_json({"user": user, "one_time_password": password or None})
        return
    out().print(f"{what}：{user.login}（{ROLE_TITLES[user.role]}）", markup=False, soft_wrap=True)
    if password:
        out().print(f"一次性密码：{password}", markup=False, soft_wrap=True)
        out().print("请当面交给本人；第一次登录时须改掉。", markup=False, soft_wrap=True)
