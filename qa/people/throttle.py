"""How often one may try to log in, and how much one may ask for who is logged in.

Failures to log in are counted by account and by address in the database, whether or not the account exists.  Who is logged in has a
bucket of tokens for each kind of request (:class:`Rate`), in memory: it fills within minutes, as it would by a restart.  Times are seconds
since 1970.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Hashable
from dataclasses import dataclass

from qa.database import Database
from qa.people.accounts import normal

WINDOW_S = 15 * 60
LIMITS = (
    ("login = ? and address = ?", lambda login, address: (login, address), 5),
    ("login = ?", lambda login, address: (login,), 30),  # from everywhere: guessing stays hopeless, and nobody is locked out by one address
    ("address = ?", lambda login, address: (address,), 50),  # a whole house may come from one address
)
"""Failures within the window after which nobody is let in any more, not even with the right password."""


def attempt(db: Database, login: str, address: str, now: float) -> bool:
    """Whether this attempt may be made.  It is counted before the password is looked at, so that many at once are no more than one by one;
    :func:`succeeded` takes it back."""
    with db.writing():
        if refused(db, login, address, now):
            return False
        failed(db, login, address, now)
    return True


def place(address: str) -> str:
    """What counts as one address: of IPv6 the whole /64, in which one machine has as many as it likes."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        return str(known.ipv4_mapped or ipaddress.IPv6Network((int(known) >> 64 << 64, 64)))
    return str(known)


def refused(db: Database, login: str, address: str, now: float) -> bool:
    """Whether this attempt is one too many."""
    for where, params, limit in LIMITS:
        sql = f"select count(*) as n from login_attempts where {where} and at > ?"
        if db.rows(sql, *params(_kept(login), place(address)), now - WINDOW_S)[0]["n"] >= limit:
            return True
    return False


def failed(db: Database, login: str, address: str, now: float) -> None:
    """Count a failure; those that count no more are forgotten."""
    with db.writing():
        db.sqlite.execute("delete from login_attempts where at <= ?", (now - WINDOW_S,))
        db.insert("login_attempts", {"at": now, "login": _kept(login), "address": place(address)})


def succeeded(db: Database, login: str, address: str) -> None:
    """After a login the failures of this account at this address are forgotten."""
    with db.writing():
        db.sqlite.execute("delete from login_attempts where login = ? and address = ?", (_kept(login), place(address)))


def taken_back(db: Database, login: str, address: str, now: float) -> None:
    """The attempt that was counted at ``now`` (:func:`attempt`) was none that failed; what failed before it goes on to count."""
    with db.writing():
        where = "login = ? and address = ? and at = ?"
        sql = f"delete from login_attempts where id = (select max(id) from login_attempts where {where})"
        db.sqlite.execute(sql, (_kept(login), place(address), now))


def _kept(login: str) -> str:
    return normal(login)[:64]


# ---------------------------------------------------------------- who is logged in


@dataclass(frozen=True)
class Rate:
    """``burst`` requests at once, and ``per_s`` a second in the long run."""

    burst: int
    per_s: float


class Buckets:
    """A bucket of tokens for every key; any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, float]] = {}

    def wait(self, key: Hashable, rate: Rate, now: float) -> float:
        """Take a token: 0.0, or the seconds until there is one.  A clock that is put back gives none."""
        with self._lock:
            left, at = self._kept.get(key, (float(rate.burst), now))
            left = min(float(rate.burst), left + max(0.0, now - at) * rate.per_s)
            granted = left >= 1.0
            self._kept[key] = (left - granted, now)
            return 0.0 if granted else (1.0 - left) / rate.per_s
