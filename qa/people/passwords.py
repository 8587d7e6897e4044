"""Passwords: argon2id, and what a new one must be.

Parameters of OWASP's Password Storage Cheat Sheet (19 MiB, 2 passes, 1 lane); a hash made with other ones is made anew at the next login.
"""

from __future__ import annotations

import functools
import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from qa.errors import StoreError

SHORTEST, LONGEST = 10, 128
"""Characters of a password."""
WEAKEST = 3
"""Of zxcvbn's scores (0-4) the least that is taken: a hundred million guesses and more."""
TOO_SHORT, TOO_LONG = "太短，至少要 {n} 个字符", "太长，最多 {n} 个字符"
TOO_WEAK = "太常见或太容易猜到"
_LOOKED_AT = 72
_SHORTEST_WORD = 2
"""Single characters are in every password."""
ABOUT_US = ("qa", "质检", "zhijian", "通话", "tonghua", "坐席", "客服", "kefu", "呼叫中心", "callcenter", "callcentre")
"""What every house's program is about: words as easy to guess as the login."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


def hashed(password: str) -> str:
    """The hash to keep, with its own salt."""
    return _HASHER.hash(password)


@functools.cache
def _nobodys() -> str:
    return hashed(secrets.token_hex(16))


def matches(kept: str | None, password: str) -> bool:
    """Whether the password is the one of ``kept``; for nobody (None) the same work is done, and the answer is False."""
    try:
        _HASHER.verify(kept if kept is not None else _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)


def check(password: str, *about: str) -> None:
    """``about``: words that it must not be made of, beside ``ABOUT_US`` (login, name, words of the house).

    Errors: :class:`StoreError`, saying what is wrong with it.
    """
    if len(password) < SHORTEST:
        raise StoreError("密码", TOO_SHORT.format(n=SHORTEST), "可以用几个不相干的词连起来")
    if len(password) > LONGEST:
        raise StoreError("密码", TOO_LONG.format(n=LONGEST), "请缩短")
    from zxcvbn import zxcvbn  # loads its lists of common passwords

    words = [word for word in (*ABOUT_US, *about) if word]
    rest = password[:_LOOKED_AT].casefold()
    for word in sorted({word.casefold() for word in words if len(word) >= _SHORTEST_WORD}, key=lambda w: (-len(w), w)):
        rest = rest.replace(word, "")  # such words count for nothing: what is left has to be good enough without them
    if any(zxcvbn(text, words)["score"] < WEAKEST for text in (password[:_LOOKED_AT], rest)):
        raise StoreError("密码", TOO_WEAK, "可以用几个不相干的词连起来，不要用名字、日期和键盘顺序")


def one_time() -> str:
    """A password for the first login: sixteen characters that are not mistaken for each other (79 bits)."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))
