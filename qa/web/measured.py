"""Counts every answer: by the pattern of its address, never by the address."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.operation.metrics import Figures


class Measured:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self.app, self.figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def send_with(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_with)
        finally:
            self.figures.answered(_route(scope), scope["method"], status, time.perf_counter() - begun)


def _route(scope: Scope) -> str:
    """The pattern that fitted: the app gives every endpoint the pages of its address (``qa.web.app``)."""
    (pages, *_) = getattr(scope.get("endpoint"), "args", None) or ({},)
    return next((page.path for page in pages.values()), "")
