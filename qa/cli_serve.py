"""``qa serve``: the web app on the store."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, err, out
from qa.errors import StoreError

if TYPE_CHECKING:
    from qa.people.accounts import UserRole
    from qa.web.tls import Checked

PORT = 8000
LOCAL = ("127.0.0.1", "localhost", "::1")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("serve")(serve)


def serve(
    ctx: typer.Context,
    demo: Annotated[bool, typer.Option("--demo", help="演示：用示例录音，每种岗位一个账号，密码显示在这里；只在本机可用")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="端口；0 由系统选", metavar="N")] = PORT,
    host: Annotated[str, typer.Option("--host", help="在哪个地址上接受连接", metavar="ADDRESS")] = "127.0.0.1",
    public_url: Annotated[
        str, typer.Option("--public-url", help="大家在浏览器里输入的网址，如 https://qa.example.com；不写则只供本机使用", metavar="URL")
    ] = "",
    proxy: Annotated[str, typer.Option("--proxy", help="反向代理的地址；来自它的 X-Forwarded-For 才可信", metavar="ADDRESS")] = "",
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65535, help="在本机这个端口给出 Prometheus 指标；0 不给", metavar="N")
    ] = 0,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="证书（PEM）：网页自己用 https，不要反向代理", metavar="FILE")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="证书的私钥（PEM，没有密码）", metavar="FILE")] = None,
    insecure_http: Annotated[
        bool, typer.Option("--insecure-http", help="明知不安全也用 http 给别的机器：密码和录音在网络上是明文")
    ] = False,
    second_factor: Annotated[
        str,
        typer.Option("--second-factor", help="这些岗位登录必须用两步验证，用逗号隔开，如 qa,hr,admin；all 为全部岗位", metavar="ROLES"),
    ] = "",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """启动网页：坐席看成绩、质检复核、培训找片段（web app）；Ctrl-C 停止。"""
    from qa.web import running
    from qa.web.settings import Settings

    _check(host, public_url, demo)
    roles, tls = _roles(second_factor), _tls(tls_cert, tls_key)
    _check_open(host, public_url, tls is not None, insecure_http)
    given = ctx.get_parameter_source("db")
    with ExitStack() as stack:
        if demo:
            from qa.web import demonstration

            if given is not None and given.name == "DEFAULT":
                db = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qa-demo-"))) / "qa.db"
            for login, password, title in demonstration.prepare(db, ctx.obj["debug"]):
                user = {"login": login, "password": password, "title": title}
                _say(json.dumps(user, ensure_ascii=False) if as_json else f"{title}：登录名 {login}，密码 {password}")
        settings = Settings(db, public_url.rstrip("/"), demo, tls=tls is not None, second_factor=roles)
        if insecure_http and not settings.secure:
            _warn("网址不是 https，密码和录音在网络上是明文；请用 --tls-cert 和 --tls-key，或在前面放一个 https 反向代理")
        if tls is not None and tls.soon(datetime.now(UTC)):
            _warn(f"证书到 {tls.until:%Y-%m-%d} 为止，快到期了；换好新的证书后要重新启动")
        _check_people(db)
        told = lambda address: _say(json.dumps({"address": address}) if as_json else f"网页 {address}")  # noqa: E731
        running.serve(settings, host, port, proxy, told, metrics_port, tls.context if tls is not None else None, lambda e: _warn(str(e)))


def _check_people(db: Path) -> None:
    """Nobody makes a database by a slip of ``--db``, and nobody waits before a login that nobody has.

    Errors: :class:`StoreError` where there is no database.
    """
    from qa.people import accounts
    from qa.store import Store

    first = f"qa user add 登录名 --role admin --db {shlex.quote(str(db))}"
    if not db.exists():
        raise StoreError(str(db), "数据库不存在，网页不会自己新建", f"请核对 --db；第一次使用请先建第一个账号（数据库随之新建）：{first}")
    with Store(db, create=False) as store:
        if not accounts.everybody(store.db):
            _warn(f"还没有账号，谁也不能登录；请先新建：{first}")


def _warn(text: str) -> None:
    err().print(f"提示：{text}", style="yellow", markup=False, soft_wrap=True)


def _say(text: str) -> None:
    out().print(text, markup=False, soft_wrap=True)
    sys.stdout.flush()  # whoever reads it through a pipe waits for it


def _check(host: str, public_url: str, demo: bool) -> None:
    """Errors: :class:`StoreError` for what would be unsafe or cannot work."""
    if demo and (host not in LOCAL or public_url):
        raise StoreError(host, "演示只能在本机使用：它的密码人人可见", "请去掉 --host 和 --public-url")
    if host not in LOCAL and not public_url:
        raise StoreError(host, "供别的机器使用时要写明网址", "请加 --public-url https://…")
    parts = urlsplit(public_url)
    if public_url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query):
        raise StoreError(public_url, "不是可用的网址", "请写成 https://主机名，不带路径")


def _tls(cert: Path | None, key: Path | None) -> Checked | None:
    """Errors: :class:`StoreError` where one is missing, or as of :func:`qa.web.tls.checked`."""
    from qa.web import tls

    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise StoreError(str(cert or key), "证书和私钥要一起给", "请同时写 --tls-cert 和 --tls-key")
    return tls.checked(tls.Files(cert, key), datetime.now(UTC))


def _check_open(host: str, public_url: str, tls: bool, insecure_http: bool) -> None:
    """Errors: :class:`StoreError` where other machines would be spoken to in the clear and nobody has said that this is meant."""
    if tls and public_url and not public_url.startswith("https://"):
        raise StoreError(public_url, "用了证书，网址就要是 https", "请写成 --public-url https://…")
    others = host not in LOCAL or (urlsplit(public_url).hostname or LOCAL[0]) not in LOCAL
    if others and not (tls or public_url.startswith("https://") or insecure_http):
        cure = "请用 --tls-cert 和 --tls-key，或在前面放 https 反向代理并写 --public-url https://…；明知不安全也要用，请加 --insecure-http"
        raise StoreError(public_url or host, "给别的机器用而没有 https：密码和录音在网络上是明文", cure)


def _roles(text: str) -> frozenset[UserRole]:
    """Errors: :class:`StoreError` where a role is none."""
    from qa.people.accounts import UserRole

    names = [name for name in (part.strip() for part in text.split(",")) if name]
    if "all" in names:
        return frozenset(UserRole)
    if unknown := sorted(set(names) - set(UserRole)):
        raise StoreError(unknown[0], "没有这个岗位", f"可用：{'、'.join(UserRole)}、all")
    return frozenset(UserRole(name) for name in names)
