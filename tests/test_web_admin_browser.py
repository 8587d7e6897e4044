"""The administrators' pages in Chromium: at both widths, by keyboard alone, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, pytestmark  # noqa: F401
from web_house import PASSWORD, House, call_id

from qa.operation import backup
from qa.people import accounts


def busy(house: House) -> None:
    """What a morning leaves in the log."""
    house.client("qa").get(f"/calls/{call_id('8001', 0)}")
    house.client("hr").get("/appraisal")
    accounts.set_disabled(house.store.db, "trainer", True, "admin")
    backup.backup(house.db, house.folder / "backups", "qa-purge.timer")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_are_well(house: House, opened: Callable[..., Opened], width: int) -> None:
    busy(house)
    pages = {
        "users": "/users",
        "user_add": "/users/add",
        "user": f"/users/{house.users['agent'].id}",
        "start": "/",
        "operation": "/operation",
    }
    for name, path in (pages | {"audit": "/audit", "sessions": "/sessions"}).items():
        one = opened("admin", path, width)
        one.well()
        one.shot(name)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_account_is_made_by_keyboard_alone(house: House, opened: Callable[..., Opened], width: int) -> None:
    one = opened("admin", "/users", width)
    one.tab_to("a[href='/users/add']")
    one.page.keyboard.press("Enter")
    one.until("location.pathname === '/users/add' && document.readyState === 'complete'")
    for selector, text in (("#f-login", "sun"), ("#f-name", "孙丽"), ("#f-agent_id", "8005"), ("#own-add", PASSWORD)):
        one.tab_to(selector)
        one.page.keyboard.insert_text(text)
    one.page.keyboard.press("Enter")
    one.until("document.querySelector('#one-time') !== null")
    one.well()
    one.shot("user_made")
    made = accounts.by_login(house.store.db, "sun")
    assert made.must_change and made.agent_id == "8005"


def test_the_log_is_checked_at_a_press(house: House, opened: Callable[..., Opened]) -> None:
    busy(house)
    one = opened("admin", "/audit", 360)
    one.tab_to("form[action='/audit/verify'] button")
    one.page.keyboard.press("Enter")
    one.until("document.body.innerText.includes('行都完好')")
    one.well()
    one.shot("audit_checked")


def test_in_english(house: House, opened: Callable[..., Opened]) -> None:
    busy(house)
    one = opened("admin", "/audit", 1440)
    one.tab_to("button[lang=en]")
    one.page.keyboard.press("Enter")
    one.until("document.documentElement.lang === 'en'")
    one.well()
    one.shot("audit_english")
