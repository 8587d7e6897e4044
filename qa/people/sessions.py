"""Sessions, kept on the server: the browser holds a random token, the database only its hash.

A session ends after ``IDLE_S`` without a request, ``ABSOLUTE_S`` after the login, at the logout, and when the account's password, role or
state changes.  Times are seconds since 1970.

Where an account has a second factor a right password begins no session but a wait for the code (:func:`wait`), of ``WAITING_S`` at most,
for the browser that gave the password; it opens nothing but the page that asks for the code.
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
WAITING_S = 5 * 60
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
        for table in ("sessions", "pending_factors"):
            db.sqlite.execute(f"delete from {table} where digest = ?", (digest,))


def end_all(db: Database, user_id: int) -> None:
    """All sessions of an account are over, and who waits for a code begins again; inside a transaction of the caller's."""
    for table in ("sessions", "pending_logins", "pending_factors"):
        db.sqlite.execute(f"delete from {table} where user_id = ?", (user_id,))


# ---------------------------------------------------------------- between password and code


def wait(db: Database, user: User, now: float) -> str:
    """The password was right, the code is still to come; returns the browser's token.  Waits that are over are cleared away."""
    token = secrets.token_urlsafe(32)
    with db.writing():
        db.sqlite.execute("delete from pending_logins where created <= ?", (now - WAITING_S,))
        db.insert("pending_logins", {"digest": _digest(token), "user_id": user.id, "created": now})
    return token


def waiting(db: Database, token: str, now: float) -> User | None:
    """Who has given the password in this browser; None where nobody has, too long ago, or cannot log in any more."""
    found = db.rows("select * from pending_logins where digest = ?", _digest(token)) if token else []
    if not found or now - found[0]["created"] >= WAITING_S:
        return None
    user = by_id(db, found[0]["user_id"])
    return None if user.disabled else user


def end_wait(db: Database, token: str) -> None:
    """The wait is over."""
    with db.writing():
        db.sqlite.execute("delete from pending_logins where digest = ?", (_digest(token),))
