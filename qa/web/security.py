"""What guards every answer: headers, cookies, and the check that a change was asked for by our own page.

ASVS 5.0: V3.2-V3.5 (browser security), V7 (sessions).
"""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.web.settings import Settings

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser would send "Origin: null" with our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex",
}


def content_policy(nonce: str) -> str:
    """Nothing from anywhere but here; no script in a page; style in a page only with this answer's ``nonce``."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


def guard(headers: MutableHeaders, settings: Settings, nonce: str) -> None:
    """The headers of every answer, added to its own."""
    headers.update(_FIXED)
    headers["Content-Security-Policy"] = content_policy(nonce)
    headers.setdefault("Cache-Control", "no-store")
    if settings.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"


class Headers:
    """ASGI middleware: a nonce for every request, the security headers on every answer, ``no-store`` unless the answer says otherwise."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = scope.setdefault("state", {})["nonce"] = secrets.token_urlsafe(16)

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                guard(MutableHeaders(scope=message), self.settings, nonce)
            await send(message)

        await self.app(scope, receive, send_with)


# ---------------------------------------------------------------- cookies


SESSION, LOGIN, WAITING, LANGUAGE = "qa-session", "qa-login", "qa-waiting", "qa-lang"
"""Who is logged in; the token of the login's forms; who gave the password and has still to give the code; the language."""


def cookie_name(settings: Settings, name: str) -> str:
    """``__Host-`` ties a cookie to this host and to https; a browser takes it only there."""
    return f"__Host-{name}" if settings.secure else name


def set_cookie(response: Response, settings: Settings, name: str, value: str, max_age_s: int | None = None) -> None:
    """Only for this host, never for scripts, not with requests that other sites make."""
    response.set_cookie(
        cookie_name(settings, name), value, max_age=max_age_s, path="/", secure=settings.secure, httponly=True, samesite="lax"
    )


def drop_cookie(response: Response, settings: Settings, name: str) -> None:
    """Make the browser forget it."""
    response.delete_cookie(cookie_name(settings, name), path="/", secure=settings.secure, httponly=True, samesite="lax")


# ---------------------------------------------------------------- requests


def known_host(request: Request, settings: Settings) -> bool:
    """Whether the request names us as we are named."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    return host in settings.hosts or f"[{host}]" in settings.hosts


def own_page(request: Request, settings: Settings) -> bool:
    """Whether a change was asked for from a page of ours: the browser says so in ``Origin``, which no page can set."""
    return request.headers.get("origin", "") == own_origin(request, settings)


def own_origin(request: Request, settings: Settings) -> str:
    """Scheme, host and port under which our pages stand."""
    return settings.public_url.rstrip("/") or f"{request.url.scheme}://{request.headers.get('host', '')}"


def same(given: str, expected: str) -> bool:
    """Compare secrets without telling by the time how much of them is right."""
    return bool(expected) and hmac.compare_digest(given.encode("utf-8", "backslashreplace"), expected.encode())


def inside(path: str) -> str:
    """The path if it leads to a page of ours, else ``/``: where a form may send one back to."""
    ours = path.startswith("/") and not path.startswith("//") and path.isprintable() and "\\" not in path
    return path if ours else "/"
