"""Sessions, kept on the server: the browser holds a random token, the database only its hash.

A session ends after ``IDLE_S`` without a request, ``ABSOLUTE_S`` after the login, at the logout, and when the account's password, role or
state changes.  Times are seconds since 1970.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass

from qa.database import Database
from qa.errors import QaError
from qa.people.accounts import User, by_id

IDLE_S = 60 * 60
ABSOLUTE_S = 12 * 60 * 60
SEEN_EVERY_S = 60
"""How exactly the last request is known: a write a minute, not a request."""


@dataclass(frozen=True)
class Session:
    """Who is logged in; ``csrf`` stands in every form; ``notice`` is shown on the next page, once."""

    digest: str
    user: User
    csrf: str
    notice: str


@dataclass(frozen=True)
class Kept:
    """A session as its owner sees it: ``created`` and ``seen`` in seconds since 1970; the hash names it and opens nothing."""

    digest: str
    created: float
    seen: float


def of_user(db: Database, user_id: int, now: float) -> tuple[Kept, ...]:
    """The sessions of an account that stand at ``now``, the last used first."""
    found = db.rows(
        "select digest, created, seen from sessions where user_id = ? and seen > ? and created > ? order by seen desc",
        *(user_id, now - IDLE_S, now - ABSOLUTE_S),
    )
    return tuple(Kept(**row) for row in found)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "backslashreplace")).hexdigest()


def begin(db: Database, user: User, now: float) -> str:
    """A new session, inside a transaction of the caller's or not; returns its token.  Sessions that are over are cleared away."""
    token = secrets.token_urlsafe(32)
    row = {"digest": _digest(token), "user_id": user.id, "csrf": secrets.token_urlsafe(32), "notice": "", "created": now, "seen": now}
    with db.writing():
        db.sqlite.execute("delete from sessions where seen < ? or created < ?", (now - IDLE_S, now - ABSOLUTE_S))
        db.insert("sessions", row)
    return token


def standing(db: Database, token: str, now: float) -> Session | None:
    """The session of a token; None where there is none (any more)."""
    found = db.rows("select * from sessions where digest = ?", _digest(token)) if token else []
    if not found:
        return None
    row = found[0]
    user = by_id(db, row["user_id"])
    if not (now - row["seen"] < IDLE_S and now - row["created"] < ABSOLUTE_S) or user.disabled:
        with suppress(QaError):
            end(db, row["digest"])
        return None
    if now - row["seen"] >= SEEN_EVERY_S:
        with suppress(QaError), db.writing():  # while the database is busy the session goes on and is noted with a later request
            db.sqlite.execute("update sessions set seen = ? where digest = ?", (now, row["digest"]))
    return Session(row["digest"], user, row["csrf"], row["notice"])


def set_notice(db: Database, digest: str, notice: str) -> None:
    """What the next page tells; '' for nothing."""
    with db.writing():
        db.sqlite.execute("update sessions set notice = ? where digest = ?", (notice, digest))


def end(db: Database, digest: str) -> None:
    """The session is over."""
    with db.writing():
        db.sqlite.execute("delete from sessions where digest = ?", (digest,))


def end_all(db: Database, user_id: int) -> None:
    """All sessions of an account are over; inside a transaction of the caller's."""
    db.sqlite.execute("delete from sessions where user_id = ?", (user_id,))
