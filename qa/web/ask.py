"""What a handler gets and how it answers.

A handler is a plain function ``(ask: Ask) -> Response``, run in a worker thread with a store of its own; permission, scope and CSRF have
been checked before it (``qa/web/app.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from qa.clock import HOUSE_ZONE
from qa.errors import ConflictError, DatabaseError, NotFoundError, QaError, StoreError
from qa.people import audit, second_factor, sessions
from qa.people.accounts import User
from qa.people.sessions import Session
from qa.store import Store
from qa.web import rendering
from qa.web.audio import Sounds
from qa.web.heard import Heard
from qa.web.language import translated
from qa.web.permissions import Permission, may
from qa.web.refusals import Refused
from qa.web.settings import Settings
from qa.web.wording import told

if TYPE_CHECKING:
    from qa.web.routes import Page


YEARS = range(2000, 2101)
"""Years of which a page may be asked for; outside of them no call was ever made, and a day more or less may be none."""


def plain_day(text: str) -> date | None:
    """``2025-06-01``, written so and no other way, of the years ``YEARS``; None for anything else."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text and found.year in YEARS else None


class Fields:
    """Values of a query or a form; what is asked for as a number or a date and is none is refused (400)."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)

    def __contains__(self, name: str) -> bool:
        return any(n == name for n, _ in self._pairs)

    def all(self, name: str) -> tuple[str, ...]:
        """All values of a name, stripped."""
        return tuple(value.strip() for n, value in self._pairs if n == name)

    def text(self, name: str, default: str = "") -> str:
        """The first value, stripped."""
        return next(iter(self.all(name)), default)

    def raw(self, name: str) -> str:
        """The first value as it came (a password)."""
        return next((value for n, value in self._pairs if n == name), "")

    def integer(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**53) -> int:
        """A whole number; refused outside ``low`` to ``high``, or where it is missing and has no default."""
        text = self.text(name)
        if not text and default is not None:
            return default
        if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit() or len(text) > 17 or not low <= int(text) <= high:
            raise Refused(400, translated("“{name}”应是 {low} 到 {high} 的整数", name=name, low=low, high=high))
        return int(text)

    def day(self, name: str) -> date | None:
        """A date ``2025-06-01`` of the years ``YEARS``; None where there is none."""
        text = self.text(name)
        if not text:
            return None
        found = plain_day(text)
        if found is None:
            raise Refused(400, translated("“{name}”应是日期，如 2025-06-01", name=name))
        return found

    def one_of(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of the choices; any other is refused."""
        text = self.text(name, default if default is not None else "")
        if text not in choices and text != default:
            raise Refused(400, translated("“{name}”不在可选的范围内", name=name))
        return text

    def everything(self) -> tuple[tuple[str, str], ...]:
        """All names with their values as they came, in order."""
        return self._pairs

    def pairs(self) -> dict[str, str]:
        """The first value of each name."""
        return dict(reversed(self._pairs))


@dataclass(frozen=True)
class Problem:
    """Why a change was refused."""

    error: QaError

    @property
    def text(self) -> str:
        """Cause and cure."""
        return told(self.error)

    @property
    def status(self) -> int:
        """The HTTP status: 404 what is not there, 409 somebody else was first, else 400."""
        return 404 if isinstance(self.error, NotFoundError) else 409 if isinstance(self.error, ConflictError) else 400


@dataclass
class Ask:
    """One request.  ``sounds``, ``heard``: recordings to hear and who heard them; ``params``: parameters
    of the path, decoded; ``nonce``: of this answer's style; ``epoch``: now, seconds since 1970."""

    request: Request
    settings: Settings
    sounds: Sounds
    heard: Heard
    page: Page
    store: Store
    session: Session | None
    params: Mapping[str, str]
    query: Fields
    form: Fields
    lang: str
    csrf: str
    nonce: str
    epoch: float

    @property
    def user(self) -> User:
        """Who asks.  Refused (401) on public pages where nobody is logged in."""
        if self.session is None:
            raise Refused(401)
        return self.session.user

    @property
    def who(self) -> User | None:
        """Who asks, None where nobody is logged in."""
        return self.session.user if self.session is not None else None

    @property
    def owed(self) -> str:
        """The page that the person has to deal with before anything else: a one-time password, a second factor that the role must have;
        '' where there is none."""
        if self.who is None:
            return ""
        if self.who.must_change:
            return "/password"
        wanted = self.who.role in self.settings.second_factor and second_factor.of(self.store.db, self.who.id) is None
        return "/second-factor" if wanted else ""

    @property
    def now(self) -> datetime:
        """This moment, with its zone (UTC)."""
        return datetime.fromtimestamp(self.epoch, UTC)

    @property
    def today(self) -> date:
        """The day on the house's calendar."""
        return self.now.astimezone(HOUSE_ZONE).date()

    @property
    def client_address(self) -> str:
        return self.request.client.host if self.request.client is not None else ""

    @property
    def htmx(self) -> bool:
        """Whether htmx asks, which wants a part of a page; without script the whole page is asked for."""
        return self.request.headers.get("hx-request") == "true"

    @cached_property
    def here(self) -> str:
        """Path and query of this request."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    def may(self, permission: Permission) -> bool:
        """Whether the person holds a further permission (for what a page shows)."""
        return self.who is not None and may(self.user, permission)

    def audit(self, action: str, kind: str, object_id: str, **details: object) -> None:
        """Write what the person does to the log; inside a transaction of the handler's it is part of that.

        Errors: :class:`DatabaseError` where the log cannot be written, whatever is asked.
        """
        try:
            audit.record(self.store.db, self.user, action, kind, object_id, details)
        except StoreError as error:
            raise DatabaseError(error.subject, error.cause, error.cure) from error

    def listened(self, what: Hashable, action: str, kind: str, object_id: str, **details: object) -> None:
        """Log that the person hears ``what``, once for the many requests of one listening.

        Logged first and marked after it: while the log cannot be written no sound goes out, however often it is asked for.
        """
        if self.heard.anew((self.user.id, what), self.epoch):
            self.audit(action, kind, object_id, **details)
            self.heard.mark((self.user.id, what), self.epoch)

    def attempt(self, act: Callable[[], Response], refused: Callable[[Problem], Response]) -> Response:
        """The answer of ``act``: a change with its rows of the log and all that it brings about, in one transaction.

        Where any of that is refused nothing of it is kept, and ``refused`` answers instead: the form, with what was typed and why.
        Errors: :class:`DatabaseError` where the database itself fails; a form helps against nothing then.
        """
        return self.attempt_ready(lambda: act, refused)

    def attempt_ready(self, ready: Callable[[], Callable[[], Response]], refused: Callable[[Problem], Response]) -> Response:
        """As :meth:`attempt` of what ``ready`` returns; it does the long part, while others may write where the page has
        ``own_transaction``."""
        try:
            act = ready()
            with self.store.db.writing():
                return act()
        except DatabaseError:
            raise
        except QaError as error:
            return refused(Problem(error))

    # ------------------------------------------------------------ answers

    def render(self, template: str, status: int = 200, /, **values: object) -> Response:
        """A page of ``qa/templates`` (``web/…``), or a part of one."""
        return HTMLResponse(rendering.page(self, template, status, **values), status)

    def redirect(self, address: str, notice: str = "") -> Response:
        """To another page after a change (303); ``notice`` is shown there, once."""
        if notice and self.session is not None:
            sessions.set_notice(self.store.db, self.session.digest, notice)
        return RedirectResponse(address, 303)

    def download(self, data: bytes, name: str, media_type: str) -> Response:
        """A file to keep.  ``name`` is ASCII without quotes."""
        if not name.isascii() or not name.isprintable() or set(name) & set('"\\/;'):
            raise ValueError(f"not a plain file name: {name!r}")
        return Response(data, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def take_notice(self) -> str:
        """What the last change had to tell; it is told once."""
        if self.session is None or not self.session.notice:
            return ""
        with suppress(QaError):  # the database is busy: rather told twice than no page
            sessions.set_notice(self.store.db, self.session.digest, "")
        return self.session.notice
