"""``qa serve``: the web app on the store."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, err, out
from qa.errors import StoreError
from qa.web.settings import Settings

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
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """启动网页：坐席看成绩、质检复核、培训找片段（web app）；Ctrl-C 停止。"""
    from qa.web import running

    _check(host, public_url, demo)
    given = ctx.get_parameter_source("db")
    with ExitStack() as stack:
        if demo:
            from qa.web import demonstration

            if given is not None and given.name == "DEFAULT":
                db = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qa-demo-"))) / "qa.db"
            for login, password, title in demonstration.prepare(db, ctx.obj["debug"]):
                user = {"login": login, "password": password, "title": title}
                _say(json.dumps(user, ensure_ascii=False) if as_json else f"{title}：登录名 {login}，密码 {password}")
        settings = Settings(db, public_url.rstrip("/"), demo)
        if public_url and not settings.secure:
            err().print("提示：网址不是 https，密码和录音在网络上是明文；请在前面放一个 https 反向代理", style="yellow", markup=False)
        told = lambda address: _say(json.dumps({"address": address}) if as_json else f"网页 {address}")  # noqa: E731
        running.serve(settings, host, port, proxy, told, metrics_port)


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
