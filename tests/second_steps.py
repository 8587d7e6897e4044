"""Both steps of a login, for the tests of the second factor."""

from __future__ import annotations

import re
from typing import Any

import pyotp
from web_house import PASSWORD, Browser, House

from qa.database import Database
from qa.people import second_factor

STEP = second_factor.STEP_S
OTHER = "nine-grey-otters-dance"


def csrf(page: Any) -> str:
    return re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]


def fresh(house: House, **settings: Any) -> Browser:
    """The login page, with its token."""
    browser = house.anonymous(**settings)
    browser.csrf = csrf(browser.get("/login"))
    return browser


def first_step(house: House, login: str = "qa", password: str = PASSWORD, onward: str = "/", **settings: Any) -> tuple[Browser, Any]:
    browser = fresh(house, **settings)
    return browser, browser.post("/login", {"login": login, "password": password, "next": onward})


def enrolled(house: House, login: str = "qa", db: Database | None = None) -> tuple[str, tuple[str, ...]]:
    """The secret and the recovery codes; the code that confirmed is long gone."""
    where, user, then = db or house.store.db, house.users[login], house.clock[0] - 3600
    secret = second_factor.offer(where, user, f"test-{login}", then)
    return secret, second_factor.confirm(where, user, f"test-{login}", pyotp.TOTP(secret).at(int(then)), then)


def now(house: House, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(house.clock[0]) + steps * STEP)


def wrong(house: House, secret: str) -> str:
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in {now(house, secret, k) for k in (-1, 0, 1)})


def session_of(answer: Any) -> str:
    """The session's token that an answer hands out."""
    return re.findall(r"qa-session=([^;]+);", "\n".join(answer.headers.get_list("set-cookie")))[0]


def kept(house: House) -> int:
    return len(house.store.db.rows("select 1 from sessions"))
