"""The second factor: codes of an authenticator app (TOTP, RFC 6238: SHA-1, six digits, steps of 30 s) and recovery codes.

The program has to know the secret to check a code.  It is kept encrypted (AES-256-GCM, bound to its account) with a key in a file beside
the database: a copied database alone gives no codes.  A code is taken once, in its step or the one before or after it; a recovery code is
taken once, and only its hash is kept: it has over 112 bits, so that a plain one will do (ASVS 5.0, V6.5.2).

Times are seconds since 1970.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qa import rows
from qa.database import Database
from qa.errors import ConflictError, StoreError
from qa.people import audit
from qa.people.keys import KeyFile

if TYPE_CHECKING:
    from qa.people.accounts import User

KEY = KeyFile(".second-factor-key", "两步验证的密钥文件", "没有它谁的验证码都核对不了，只能用 qa user reset 取消后重新设置")
STEP_S, DIGITS, AROUND = 30, 6, 1
MOST_WRONG = 100
"""Wrong codes in a row after which none is taken any more (NIST SP 800-63B, 5.2.2): recovery codes are, and a reset begins anew."""
RECOVERY_CODES, _CODE_LENGTH = 10, 24
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
ENROL_S = 10 * 60
"""So long a secret waits for its first code."""
_NONCE = 12
CODE, RECOVERY = "code", "recovery"


@dataclass(frozen=True)
class Factor:
    """Of an account: ``since`` ISO 8601 UTC; ``left``: recovery codes that were not used; ``blocked``: too many wrong codes in a row."""

    id: int
    since: str
    left: int
    blocked: bool


def of(db: Database, user_id: int) -> Factor | None:
    """None where the account has no second factor."""
    found = db.rows("select id, created, wrong from second_factors where user_id = ?", user_id)
    if not found:
        return None
    left = db.rows("select count(*) as n from recovery_codes where user_id = ? and used = ''", user_id)[0]["n"]
    return Factor(found[0]["id"], found[0]["created"], left, found[0]["wrong"] >= MOST_WRONG)


def holders(db: Database) -> frozenset[int]:
    """Ids of the accounts that have one."""
    return frozenset(row["user_id"] for row in db.rows("select user_id from second_factors"))


# ---------------------------------------------------------------- the secret


def _key(db: Database) -> bytes:
    """The key; it is made for the first secret.

    Errors: :class:`StoreError` where it is missing although secrets wait for it.
    """
    if not KEY.path(db.path).exists() and not db.rows("select 1 from second_factors limit 1"):
        return KEY.make(db.path)
    return KEY.read(db.path)


def _sealed(db: Database, user_id: int, secret: str) -> str:
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(nonce + AESGCM(_key(db)).encrypt(nonce, secret.encode(), _owner(user_id))).decode()


def _opened(db: Database, user_id: int, kept: str) -> str:
    """Errors: :class:`StoreError` where the key is missing or another one, or the row was changed or is another account's."""
    key = KEY.read(db.path)
    try:
        data = base64.b64decode(kept, validate=True)
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], _owner(user_id)).decode()
    except (InvalidTag, ValueError) as error:
        cure = "请从备份恢复两步验证的密钥文件，或用 qa user reset 取消这个账号的两步验证"
        raise StoreError(str(KEY.path(db.path)), "两步验证的密钥与数据库里的不符", cure) from error


def _owner(user_id: int) -> bytes:
    """What a secret is bound to: one that was copied to another account does not open."""
    return f"second-factor:{user_id}".encode()


def check_key(db: Database, most: int = -1) -> None:
    """Errors: :class:`StoreError` where the key does not open the secrets that are kept, of these the ``most`` newest (-1: all)."""
    for row in db.rows("select user_id, secret from second_factors order by id desc limit ?", most):
        _opened(db, row["user_id"], row["secret"])


# ---------------------------------------------------------------- to set one


def offer(db: Database, user: User, session: str, now: float) -> str:
    """A new secret (base32) for this session, to be confirmed by :func:`confirm`; the one it had been offered before is forgotten."""
    secret = pyotp.random_base32()
    known = of(db, user.id)
    with db.writing():
        db.sqlite.execute("delete from pending_factors where created <= ?", (now - ENROL_S,))
        row = {"digest": session, "user_id": user.id, "secret": _sealed(db, user.id, secret), "known": known.id if known else 0}
        db.insert("pending_factors", row | {"created": now}, "or replace")
    return secret


def offered(db: Database, user: User, session: str, now: float) -> str:
    """The secret that waits for its first code; '' where there is none (any more)."""
    found = db.rows("select * from pending_factors where digest = ? and user_id = ? and created > ?", session, user.id, now - ENROL_S)
    return _opened(db, user.id, found[0]["secret"]) if found else ""


def confirm(db: Database, user: User, session: str, code: str, now: float) -> tuple[str, ...]:
    """Keep the offered secret if the code is one of it: returns recovery codes, to be shown once; () where the code is wrong.

    Errors: :class:`ConflictError` where another factor was set, or the old one taken off, since this one was offered.
    """
    with db.writing():
        secret = offered(db, user, session, now)
        step = _step(secret, _plain(code), now) if secret else None
        if step is None:
            return ()
        known = of(db, user.id)
        asked = db.rows("select known from pending_factors where digest = ?", session)[0]["known"]
        if asked != (known.id if known else 0):
            raise ConflictError(user.login, "两步验证刚在别处改过", "请重新开始")
        _forget(db, user.id)
        row = {"user_id": user.id, "secret": _sealed(db, user.id, secret), "step": step, "wrong": 0, "created": rows.now_utc()}
        db.insert("second_factors", row)
        audit.record(db, user, "factor.set", "user", str(user.id), {"instead": bool(known)})
        return _new_codes(db, user.id)


def renew_codes(db: Database, user: User) -> tuple[str, ...]:
    """Other recovery codes, to be shown once; the former ones are worth nothing."""
    with db.writing():
        audit.record(db, user, "factor.codes", "user", str(user.id))
        return _new_codes(db, user.id)


def take_off(db: Database, user: User, by: User | str) -> bool:
    """Nobody asks this account for a code any more; whether it had a second factor.  Inside a transaction of the caller's or not."""
    with db.writing():
        if of(db, user.id) is None:
            return False
        _forget(db, user.id)
        audit.record(db, by, "factor.off", "user", str(user.id), {"login": user.login})
    return True


def _forget(db: Database, user_id: int) -> None:
    for table in ("second_factors", "recovery_codes", "pending_factors"):
        db.sqlite.execute(f"delete from {table} where user_id = ?", (user_id,))


def _new_codes(db: Database, user_id: int) -> tuple[str, ...]:
    made = tuple("".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(RECOVERY_CODES))
    db.sqlite.execute("delete from recovery_codes where user_id = ?", (user_id,))
    for code in made:
        db.insert("recovery_codes", {"digest": _digest(user_id, code), "user_id": user_id, "used": ""})
    return tuple("-".join(code[i : i + 4] for i in range(0, _CODE_LENGTH, 4)) for code in made)


# ---------------------------------------------------------------- to check one


def check(db: Database, user: User, typed: str, now: float) -> str:
    """``CODE`` or ``RECOVERY`` where what was typed is right, and then never again; else '' (and a row of the log).

    In one transaction: of two requests with the same code one is let in.
    Errors: :class:`StoreError` where the key is missing or does not fit.
    """
    with db.writing():
        found = db.rows("select * from second_factors where user_id = ?", user.id)
        if not found:
            return ""
        row, plain = found[0], _plain(typed)
        if len(plain) == DIGITS and plain.isdigit():
            step = _step(_opened(db, user.id, row["secret"]), plain, now) if row["wrong"] < MOST_WRONG else None
            if step is not None and step > row["step"]:
                db.sqlite.execute("update second_factors set step = ?, wrong = 0 where id = ?", (step, row["id"]))
                return CODE
            db.sqlite.execute("update second_factors set wrong = wrong + 1 where id = ?", (row["id"],))
        elif _use(db, user.id, plain):
            db.sqlite.execute("update second_factors set wrong = 0 where id = ?", (row["id"],))
            return RECOVERY
        audit.record(db, user, "code.failed", "user", str(user.id))
    return ""


def _use(db: Database, user_id: int, plain: str) -> bool:
    sql = "update recovery_codes set used = ? where digest = ? and user_id = ? and used = ''"
    return bool(db.sqlite.execute(sql, (rows.now_utc(), _digest(user_id, plain), user_id)).rowcount)


def _step(secret: str, plain: str, now: float) -> int | None:
    """The time step whose code it is, of those that are near enough."""
    codes, here = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S), int(now // STEP_S)
    given = plain.encode("utf-8", "backslashreplace")
    near = [
        step for step in range(max(0, here - AROUND), here + AROUND + 1) if hmac.compare_digest(codes.generate_otp(step).encode(), given)
    ]
    return max(near, default=None)


def _plain(typed: str) -> str:
    """As it is compared: width, case, spaces and hyphens make no difference."""
    return "".join(c for c in unicodedata.normalize("NFKC", typed[:200]).casefold() if not c.isspace() and c != "-")


def _digest(user_id: int, plain: str) -> str:
    return hashlib.sha256(f"{user_id}:{plain}".encode("utf-8", "backslashreplace")).hexdigest()
