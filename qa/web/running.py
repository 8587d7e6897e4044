"""Running the app: uvicorn, stopped gracefully by Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, start_http_server

from qa.appraisal import figures
from qa.background import Kept, Piece
from qa.clips import keeper
from qa.errors import QaError, StoreError
from qa.operation import health
from qa.people import audit
from qa.store import Store
from qa.web import journal
from qa.web.app import create_app
from qa.web.settings import Settings

LOOPBACK = "127.0.0.1"
STOP_S = 10
"""So long what is being answered may still take when the app stops."""
RUBBISH = 5_000, 20, 50
"""So seldom rubbish is looked for (:func:`gc.set_threshold`): most of what a request makes goes with it without that."""
KEPT: dict[str, Piece] = {"search": keeper.keep, "figures": figures.keep}
"""What is kept up to date while the app runs, whoever writes to the database, in a process beside it."""


def serve(
    settings: Settings,
    host: str,
    port: int,
    proxy: str,
    started: Callable[[str], None],
    metrics_port: int = 0,
    tls: ssl.SSLContext | None = None,
    wrong: Callable[[QaError], None] = lambda error: None,
) -> None:
    """Answer until a signal stops it; ``started`` gets the address.  The head of the audit log is written to the server's log at both ends.

    ``tls``: speak https by it (``settings.tls``).  ``metrics_port``: figures for Prometheus on this machine's loopback alone, on a port
    that no reverse proxy leads to; 0: nowhere.  ``wrong`` is told of what is wrong already (:mod:`qa.operation.health`).

    Errors: :class:`StoreError` where the database cannot be opened or the address cannot be had.
    """
    journal.configure()
    with Store(settings.db, create=False) as store:  # a wrong database is told before anybody connects
        journal.log.info("started", audit_head=audit.head(store.db))
        for problem in health.found(store):
            wrong(problem.error)
    listening = _socket(host, port)
    shown = f"[{host}]" if ":" in host else host
    app = create_app(settings)
    stop_figures = _figures(metrics_port, app.state.figures.registry)
    config = uvicorn.Config(app, **_options(proxy))
    config.load()
    config.ssl = tls
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn takes these places while it runs and sends itself the signal again once it has stopped: that must not kill what is left to do
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}

    async def run() -> None:
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.02)
        if server.started:
            started(settings.public_url or f"{'https' if tls else 'http'}://{shown}:{listening.getsockname()[1]}/")
        await serving

    threading.Thread(target=_warmed, name="warm", daemon=True).start()
    kept = Kept(settings.db, KEPT, journal.configure, journal.met)
    app.state.figures.keepers = kept.states
    kept.start()
    try:
        asyncio.run(run())
    finally:
        kept.stop()
        stop_figures()
        for number, handler in before.items():
            signal.signal(number, handler)
    with Store(settings.db) as store:
        journal.log.info("stopped", audit_head=audit.head(store.db))


def _warmed() -> None:
    """What the first page of its kind would wait for: libraries and dictionaries that are read late, templates."""
    import scipy.stats  # noqa: F401

    from qa.text import words
    from qa.web.rendering import environment

    words("您好")
    for name in environment().list_templates(extensions=["j2"]):
        environment().get_template(name)
    # all this stays for good: to look through it for rubbish took every request 0.2 s now and then
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RUBBISH)


def _figures(port: int, registry: CollectorRegistry) -> Callable[[], None]:
    """Returns what ends it.  Errors: :class:`StoreError` where the port cannot be had."""
    if not port:
        return lambda: None
    try:
        answering, _thread = start_http_server(port, LOOPBACK, registry)
    except OSError as error:
        raise StoreError(f"{LOOPBACK}:{port}", f"不能在这个端口上给出指标（{error.strerror}）", "请换一个 --metrics-port") from error

    def stop() -> None:
        answering.shutdown()
        answering.server_close()

    return stop


def _options(proxy: str) -> dict[str, Any]:
    return {
        "log_config": None,
        "access_log": False,  # addresses hold ids of calls
        "server_header": False,
        "proxy_headers": bool(proxy),
        "forwarded_allow_ips": proxy or None,
        "timeout_graceful_shutdown": STOP_S,
        "timeout_keep_alive": 30,
        "h11_max_incomplete_event_size": 32 << 10,
    }


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol named, asyncio sends what is written at once (TCP_NODELAY); else each page waits 40 ms for an acknowledgement
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise StoreError(f"{host}:{port}", f"不能在这个地址上接受连接（{error.strerror}）", "请换一个 --port 或 --host") from error
    return made
