"""The web app, built from the table of routes alone: every request passes host, session, permission, CSRF and scope before its handler.

Handlers run in worker threads (``qa/web/stores.py``); the event loop only reads requests and sends answers.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from qa.errors import NotFoundError, QaError
from qa.operation.metrics import Figures
from qa.people import sessions
from qa.people.throttle import Buckets
from qa.store import Store
from qa.web import journal, returning, security
from qa.web.addresses import address, pattern
from qa.web.ask import Ask, Fields
from qa.web.audio import Sounds
from qa.web.heard import Heard
from qa.web.language import LANGUAGES, marked, speaking
from qa.web.language import translated as _
from qa.web.measured import Measured
from qa.web.pages import account
from qa.web.permissions import Permission, may
from qa.web.refusals import TITLES, Refused
from qa.web.routes import ROUTES, SMALL, Page
from qa.web.settings import Settings
from qa.web.stores import Stores
from qa.web.wording import told

MOST_FIELDS = 2000
BUSY = "占用"
"""Stands in the cause of an error where another program holds the database."""


def create_app(settings: Settings, clock: Callable[[], float] = time.time) -> Starlette:
    """The app on the store ``settings.db``; ``clock``: seconds since 1970."""
    stores = Stores(settings.db, settings.workers)

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        yield
        stores.close()
        one.sounds.close()

    one = _Running(settings, stores, clock)
    routes = [
        Route(pattern(path), functools.partial(one.answer, {p.method: p for p in ROUTES if p.path == path}), methods=_methods(path))
        for path in dict.fromkeys(p.path for p in ROUTES)
    ]
    handlers = {HTTPException: one.unrouted, Exception: one.broken}
    figures = Figures(settings.db)
    around = [Middleware(Measured, figures=figures), Middleware(security.Headers, settings=settings)]
    app = Starlette(routes=routes, middleware=around, exception_handlers=handlers, lifespan=life)
    app.state.figures = figures
    return app


def _methods(path: str) -> list[str]:
    return [p.method for p in ROUTES if p.path == path]


_NOWHERE = Page("GET", "/", lambda ask: Response(status_code=404), Permission.PUBLIC)


@dataclass
class _Running:
    settings: Settings
    stores: Stores
    clock: Callable[[], float]
    sounds: Sounds = field(default_factory=Sounds)
    heard: Heard = field(default_factory=Heard)
    buckets: Buckets = field(default_factory=Buckets)

    async def answer(self, pages: dict[str, Page], request: Request) -> Response:
        """Every request that has a route."""
        page = pages["GET" if request.method == "HEAD" else request.method]
        if page.plain is not None:
            return page.plain(request)
        try:
            body = b""
            if page.method != "GET":
                known = await self.stores.run(lambda store: self._before_reading(store, request, page))
                if isinstance(known, Response):
                    return known
                body = await (_body if known else _legible)(request, page.largest)
            return await self.stores.run(lambda store: self._answer(store, request, page, body))
        except Refused as refused_:
            problem = refused_
            return await self._run_refused(request, page, problem)
        except Exception as error:
            return self._plain(request, page.path, error)

    async def _run_refused(self, request: Request, page: Page, refusal: Refused) -> Response:
        try:
            return await self.stores.run(lambda store: self._refused(store, request, page, refusal))
        except Exception as error:
            return self._plain(request, page.path, error)

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """Addresses that lead nowhere."""
        return await self._run_refused(request, _NOWHERE, Refused(error.status_code if isinstance(error, HTTPException) else 404))

    async def broken(self, request: Request, error: Exception) -> Response:
        """A bug outside of everything here; this answer does not pass what adds the headers to all others."""
        answer = self._plain(request, "", error)
        security.guard(answer.headers, self.settings, "")
        return answer

    def _plain(self, request: Request, route: str, error: Exception) -> Response:
        """What needs neither database nor template; the log has the error, the person does not."""
        busy = isinstance(error, QaError) and BUSY in error.cause
        journal.met(route, error)
        return PlainTextResponse(f"{TITLES[503 if busy else 500]}\n", 503 if busy else 500)

    # ------------------------------------------------------------ in a worker thread

    def _ask(self, store: Store, request: Request, page: Page, form: Fields) -> Ask:
        now = self.clock()
        token = request.cookies.get(security.cookie_name(self.settings, security.SESSION), "")
        session = sessions.standing(store.db, token, now)
        lang = request.cookies.get(security.cookie_name(self.settings, security.LANGUAGE), "")
        csrf = session.csrf if session else request.cookies.get(security.cookie_name(self.settings, security.LOGIN), "")
        return Ask(
            request,
            self.settings,
            self.sounds,
            self.heard,
            page,
            store,
            session,
            params={name: str(value) for name, value in request.path_params.items()},
            query=Fields(request.query_params.multi_items()),
            form=form,
            lang=lang if lang in LANGUAGES else LANGUAGES[0],
            csrf=csrf,
            nonce=request.state.nonce,
            epoch=now,
        )

    def _before_reading(self, store: Store, request: Request, page: Page) -> Response | bool:
        """Why nothing of the form is read; False where it is only read to be shown again: one of our pages sends it, whose session has
        ended."""
        ask = self._ask(store, request, page, Fields())
        with speaking(ask.lang):
            try:
                _check_sender(ask)
                return True
            except Refused as refusal:
                if refusal.status == 401 and not ask.htmx and security.own_page(request, self.settings):
                    return False
                return self._denied(ask, refusal)

    def _denied(self, ask: Ask, refusal: Refused) -> Response:
        journal.denied(ask.page.path, refusal.status, ask.who.id if ask.who is not None else None)
        return refused(ask, refusal)

    def _answer(self, store: Store, request: Request, page: Page, body: bytes) -> Response:
        ask = self._ask(store, request, page, Fields())
        with speaking(ask.lang):
            try:
                ask.form = _form(body)
                return _guarded(ask, self.buckets)
            except Refused as refusal:
                return self._denied(ask, refusal)
            except NotFoundError as error:
                return refused(ask, Refused(404, told(error)))
            except QaError as error:
                journal.refused(page.path, error)
                return refused(ask, Refused(503 if BUSY in error.cause else 409, told(error)))
            except Exception as error:
                journal.bug(page.path, error)
                return refused(ask, Refused(500))

    def _refused(self, store: Store, request: Request, page: Page, refusal: Refused) -> Response:
        ask = self._ask(store, request, page, Fields())
        with speaking(ask.lang):
            return refused(ask, refusal)


def _guarded(ask: Ask, buckets: Buckets) -> Response:
    """The handler's answer, where nothing speaks against it; the order matters: first who, then whether, then on what.

    A change and its row of the log stand or fall together: where the row cannot be written there is no change.
    """
    page = ask.page
    _check_sender(ask)
    if page.method != "GET" and not security.same(ask.form.raw("csrf") or ask.request.headers.get("x-csrf", ""), ask.csrf):
        raise Refused(403, _(_STALE))
    if page.permission is not Permission.PUBLIC:
        if ask.session is None:
            raise Refused(401)
        _check_rate(ask, buckets)
        if not may(ask.user, page.permission):
            raise Refused(403)
        if (owed := ask.owed) and owed not in page.even_owing:
            return ask.redirect(owed)
        if not all(map(_utf8, ask.params.values())) or not page.scope.holds(ask.store, ask.user, ask.params):
            raise Refused(404)
    if page.method == "GET" or page.own_transaction:
        return page.handler(ask)
    with ask.store.db.writing():
        return page.handler(ask)


def _check_rate(ask: Ask, buckets: Buckets) -> None:
    """Refused (429) where the account asks for too much, whatever browsers it is logged in with (ASVS V2.4.1)."""
    rates = {"all": ask.settings.rate} | ({"costly": ask.settings.costly_rate} if ask.page.costly else {})
    wait_s = max(buckets.wait((ask.user.id, kind), rate, ask.epoch) for kind, rate in rates.items())
    if wait_s:
        seconds = math.ceil(wait_s)
        raise Refused(429, _("请求太多，请 {n} 秒后再试", n=seconds), seconds)


def _utf8(text: str) -> bool:
    """Whether an id of a path is text at all; what is none is nobody's."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


_STALE = marked("这个页面放得太久了，请回到上一页、刷新后再试")


def _check_sender(ask: Ask) -> None:
    """What the headers alone tell: a host of ours, a page of ours, somebody who is logged in."""
    if not security.known_host(ask.request, ask.settings):
        raise Refused(400, "")
    changes, known = ask.page.method != "GET", ask.page.permission is Permission.PUBLIC or ask.session is not None
    if changes and not known:
        raise Refused(401)
    if changes and not security.own_page(ask.request, ask.settings):
        raise Refused(403, _(_STALE))


def refused(ask: Ask, refusal: Refused) -> Response:
    """The error page; somebody who is not logged in is led to the login instead, and back from there.  What was typed into the form that is
    refused is shown: nothing is sent again by itself, but nobody has to type it once more."""
    if refusal.status == 401 and ask.request.method in ("GET", "HEAD") and not ask.htmx:
        return RedirectResponse(address("/login", query={"next": security.inside(ask.here)}), 303)
    typed = returning.typed(ask.form)
    if refusal.status == 401 and not ask.htmx:
        return account.asked_again(ask, returning.onward(ask), typed)
    title = TITLES.get(refusal.status, TITLES[400])
    answer = ask.render("web/error.html.j2", refusal.status, title=_(title), why=refusal.why, code=refusal.status, typed=typed)
    if refusal.status == 401:
        answer.headers["HX-Redirect"] = address("/login", query={"next": returning.onward(ask)})
    if refusal.wait_s:
        answer.headers["Retry-After"] = str(refusal.wait_s)
    return answer


async def _legible(request: Request, largest: int) -> bytes:
    """The body of a form of somebody who is not logged in, as far as it can be read and is small; else nothing of it."""
    try:
        body = await _body(request, min(largest, SMALL))
        _form(body)
    except Refused:
        return b""
    return body


async def _body(request: Request, largest: int) -> bytes:
    """The body of a form, at most ``largest`` bytes of it whatever its headers say.

    Multipart is refused, as no form here sends files; so is any charset but UTF-8: some of Python's decoders take minutes for a few bytes.
    """
    kind = Message()
    kind["content-type"] = request.headers.get("content-type", "")
    charset = kind.get_param("charset", "utf-8")
    if kind.get_content_type() != "application/x-www-form-urlencoded" or str(charset).lower() not in ("utf-8", "utf8"):
        raise Refused(400)
    told = request.headers.get("content-length", "")
    if not (told.isascii() and told.isdigit() and len(told) < 12 and int(told) <= largest):
        raise Refused(413)
    read = bytearray()
    try:
        async for piece in request.stream():
            read += piece
            if len(read) > largest:
                raise Refused(413)
    except ClientDisconnect:
        raise Refused(400) from None
    return bytes(read)


def _form(body: bytes) -> Fields:
    """The fields of a form as browsers send it (``application/x-www-form-urlencoded``, in UTF-8)."""
    try:
        return Fields(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Refused(400) from None
