"""The second factor in Chromium: setting one and logging in with it, by keyboard alone, at both widths, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pyotp
import pytest
from web_browser import WIDTHS, Opened, pytestmark  # noqa: F401
from web_house import PASSWORD, House

from qa.people import second_factor


def code(house: House, secret: str) -> str:
    return pyotp.TOTP(secret).at(int(house.clock[0]))


def typed(one: Opened, fields: tuple[tuple[str, str], ...]) -> None:
    for selector, text in fields:
        one.tab_to(selector)
        one.page.keyboard.insert_text(text)
    one.page.keyboard.press("Enter")


@pytest.mark.parametrize("width", WIDTHS)
def test_somebody_sets_one_and_logs_in_with_it(house: House, opened: Callable[..., Opened], width: int) -> None:
    one = opened("qa", "/password", width)
    one.tab_to("a[href='/second-factor']")
    one.page.keyboard.press("Enter")
    one.until("location.pathname === '/second-factor' && document.readyState === 'complete'")
    one.well()
    one.shot("second-factor-none")
    typed(one, (("#own-begin", PASSWORD),))
    one.until("document.querySelector('#secret') !== null")
    one.well()
    one.shot("second-factor-qr")
    assert one.page.evaluate("document.querySelector('svg.segno').getBoundingClientRect().width") > 150
    secret = one.page.inner_text("#secret").replace(" ", "")
    typed(one, (("#f-code", code(house, secret)),))
    one.until("document.querySelectorAll('#recovery li').length === 10")
    one.well()
    one.shot("second-factor-codes")
    recovery = one.page.inner_text("#recovery code")
    one.tab_to("main a.button")
    one.page.keyboard.press("Enter")
    one.until("location.pathname === '/' && document.readyState === 'complete'")

    house.clock[0] += 120
    login = opened(None, "/login?next=%2Freview", width)
    typed(login, (("#f-login", "qa"), ("#f-password", PASSWORD)))
    login.until("location.pathname === '/login/code' && document.readyState === 'complete'")
    login.well()
    login.shot("login-code")
    typed(login, (("#f-code", "000000" if code(house, secret) != "000000" else "000001"),))
    login.until("document.body.innerText.includes('验证码不对')")
    assert [text for text in login.complaints if "403" not in text] == []
    login.shot("login-code-wrong")
    typed(login, (("#f-code", code(house, secret)),))
    login.until("location.pathname === '/review' && document.readyState === 'complete'")

    other = opened(None, "/login", width)
    typed(other, (("#f-login", "qa"), ("#f-password", PASSWORD)))
    other.until("location.pathname === '/login/code' && document.readyState === 'complete'")
    other.tab_to("details summary")
    if other.page.evaluate("document.activeElement.closest('header')"):
        other.tab_to("main details summary")
    other.page.keyboard.press("Enter")
    typed(other, (("#f-recovery", recovery),))
    other.until("location.pathname === '/' && document.readyState === 'complete'")
    assert second_factor.of(house.store.db, house.users["qa"].id).left == 9  # type: ignore[union-attr]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("english", [False, True])
def test_the_page_with_one_set(house: House, opened: Callable[..., Opened], width: int, english: bool) -> None:
    then = house.clock[0] - 600
    secret = second_factor.offer(house.store.db, house.users["agent"], "x", then)
    second_factor.confirm(house.store.db, house.users["agent"], "x", pyotp.TOTP(secret).at(int(then)), then)
    one = opened("agent", "/second-factor", width)
    if english:
        one.tab_to("button[lang=en]")
        one.page.keyboard.press("Enter")
        one.until("document.documentElement.lang === 'en'")
    one.well()
    one.shot(f"second-factor-set{'-en' if english else ''}")
    typed(one, (("#own-codes", PASSWORD), ("#code-codes", code(house, secret))))
    one.until("document.querySelectorAll('#recovery li').length === 10")
    one.well()
