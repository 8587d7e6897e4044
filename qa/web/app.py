"""The web app, built from the table of routes alone: every request passes host, session, permission, CSRF and scope before its handler.

Handlers run in worker threads (``qa/web/stores.py``); the event loop only reads requests and sends answers.
"""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from qa.errors import NotFoundError, QaError
from qa.operation.metrics import Figures
from qa.people import sessions
from qa.store import Store
from qa.web import journal, security
from qa.web.addresses import address, pattern
from qa.web.ask import Ask, Fields
from qa.web.audio import Sounds
from qa.web.heard import Heard
from qa.web.language import LANGUAGES, speaking
from qa.web.language import translated as _
from qa.web.measured import Measured
from qa.web.permissions import Permission, may
from qa.web.refusals import TITLES, Refused
from qa.web.routes import ROUTES, Page
from qa.web.settings import Settings
from qa.web.stores import Stores

LARGEST_BODY = 4 << 20
MOST_FIELDS = 2000


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

    async def answer(self, pages: dict[str, Page], request: Request) -> Response:
        """Every request that has a route."""
        page = pages["GET" if request.method == "HEAD" else request.method]
        if page.plain is not None:
            return page.plain(request)
        try:
            form = await _form(request) if request.method == "POST" else Fields()
        except Refused as refusal:
            problem = refusal
            return await self.stores.run(lambda store: self._refused(store, request, page, problem))
        return await self.stores.run(lambda store: self._answer(store, request, page, form))

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """Addresses that lead nowhere."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        return await self.stores.run(lambda store: self._refused(store, request, _NOWHERE, Refused(status)))

    async def broken(self, request: Request, error: Exception) -> Response:
        """A bug outside the handlers: the log has it, the person does not."""
        journal.bug("", error)
        return await self.stores.run(lambda store: self._refused(store, request, _NOWHERE, Refused(500)))

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

    def _answer(self, store: Store, request: Request, page: Page, form: Fields) -> Response:
        ask = self._ask(store, request, page, form)
        with speaking(ask.lang):
            try:
                return _guarded(ask)
            except Refused as refusal:
                journal.denied(page.path, refusal.status, ask.who.id if ask.who is not None else None)
                return refused(ask, refusal)
            except NotFoundError as error:
                return refused(ask, Refused(404, f"{error.cause}。{error.cure}"))
            except QaError as error:
                journal.refused(page.path, error)
                return refused(ask, Refused(503 if "占用" in error.cause else 409, f"{error.cause}。{error.cure}"))
            except Exception as error:
                journal.bug(page.path, error)
                return refused(ask, Refused(500))

    def _refused(self, store: Store, request: Request, page: Page, refusal: Refused) -> Response:
        ask = self._ask(store, request, page, Fields())
        with speaking(ask.lang):
            return refused(ask, refusal)


def _guarded(ask: Ask) -> Response:
    """The handler's answer, where nothing speaks against it; the order matters: first who, then whether, then on what."""
    page = ask.page
    if not security.known_host(ask.request, ask.settings):
        raise Refused(400, "")
    if page.method != "GET" and not (
        security.own_page(ask.request, ask.settings)
        and security.same(ask.form.raw("csrf") or ask.request.headers.get("x-csrf", ""), ask.csrf)
    ):
        if page.permission is not Permission.PUBLIC and ask.session is None:
            raise Refused(401)
        raise Refused(403, _("这个页面放得太久了，请回到上一页、刷新后再试"))
    if page.permission is not Permission.PUBLIC:
        if ask.session is None:
            raise Refused(401)
        if not may(ask.user, page.permission):
            raise Refused(403)
        if ask.user.must_change and not page.one_time_too:
            return ask.redirect("/password")
        if not page.scope.holds(ask.store, ask.user, ask.params):
            raise Refused(404)
    return page.handler(ask)


def refused(ask: Ask, refusal: Refused) -> Response:
    """The error page; somebody who is not logged in is led to the login instead, and back from there."""
    if refusal.status == 401 and ask.request.method in ("GET", "HEAD") and not ask.htmx:
        return RedirectResponse(address("/login", query={"next": security.inside(ask.here)}), 303)
    title = TITLES.get(refusal.status, TITLES[400])
    answer = ask.render("web/error.html.j2", refusal.status, title=_(title), why=refusal.why, code=refusal.status)
    if refusal.status == 401 and ask.htmx:
        answer.headers["HX-Redirect"] = "/login"
    return answer


async def _form(request: Request) -> Fields:
    """The fields of a form, read before any thread is taken.  Files are refused: nothing here takes any."""
    if int(request.headers.get("content-length") or LARGEST_BODY + 1) > LARGEST_BODY:
        raise Refused(413)
    if request.headers.get("content-type", "").split(";")[0].strip() not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise Refused(400)
    try:
        form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    except (MultiPartException, HTTPException, ClientDisconnect, ValueError):
        raise Refused(400) from None
    return Fields([(name, value) for name, value in form.multi_items() if isinstance(value, str)])
