"""Login, start page, call page and errors in a real browser: widths, keyboard, contrast, sound, no script of others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, pytestmark  # noqa: F401
from web_house import PASSWORD, House, call_id

from qa.people import accounts

Open = Callable[..., Opened]
CALL = f"/calls/{call_id('8001', 2)}"
BANNED_MS = 7500


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("who", ["agent", "lead", "qa", "trainer", "hr", "admin"])
def test_the_start_page_of_every_role(opened: Open, who: str, width: int) -> None:
    one = opened(who, "/", width)
    one.well()
    one.shot(f"start-{who}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("name", "path"), [("password", "/password"), ("call", CALL), ("missing", "/calls/nobody-knows-it")])
def test_pages_for_somebody_logged_in(opened: Open, name: str, path: str, width: int) -> None:
    one = opened("qa", path, width)
    if name == "missing":
        assert one.complaints.pop().startswith("Failed to load resource")  # the browser's own note of the 404
    if name == "call":
        one.until("document.querySelectorAll('.lane.drawn').length === 2")
    one.well()
    assert one.page.evaluate("document.documentElement.lang") == "zh-CN"
    one.shot(name)


@pytest.mark.parametrize("width", WIDTHS)
def test_login_by_keyboard_alone(opened: Open, house: House, width: int) -> None:
    one = opened(None, CALL, width)
    assert "/login?next=" in one.page.url
    one.well()
    one.shot("login")
    one.tab_to("#f-login")
    one.page.keyboard.type("qa")
    one.page.keyboard.press("Tab")
    one.page.keyboard.type("wrong password")
    one.page.keyboard.press("Enter")
    one.until("document.querySelector('.notice.bad') !== null")
    assert one.complaints.pop().startswith("Failed to load resource")  # the browser's own note of the 403
    one.shot("login-wrong")
    one.tab_to("#f-login")
    one.page.keyboard.type("qa")
    one.page.keyboard.press("Tab")
    one.page.keyboard.type(PASSWORD)
    one.page.keyboard.press("Enter")
    one.until("document.querySelector('.player') !== null")
    assert one.page.url.endswith(CALL)
    cookies = {c["name"]: c for c in one.context.cookies()}
    assert cookies["qa-session"]["httpOnly"] and cookies["qa-session"]["sameSite"] == "Lax"


@pytest.mark.parametrize("width", WIDTHS)
def test_english_at_a_press_and_back(opened: Open, width: int) -> None:
    one = opened("qa", CALL, width)
    one.page.get_by_role("button", name="English").click()
    one.until("document.documentElement.lang === 'en'")
    assert one.page.url.endswith(CALL)
    one.well()
    assert one.page.locator("h2").first.inner_text() == "Checks"
    one.shot("call-english")
    one.page.get_by_role("button", name="中文").click()
    one.until("document.documentElement.lang === 'zh-CN'")


def test_a_finding_plays_its_seconds_and_is_logged_as_a_listen(opened: Open, house: House) -> None:
    one = opened("qa", CALL)
    one.page.wait_for_timeout(200)
    assert ("qa", "call.listen", call_id("8001", 2)) not in house.actions()  # reading is not listening
    one.page.locator("#c-banned_phrases .seconds").first.click()
    # the place is set before the sound has come: what is asked for is sound that is there
    one.until(f"(a => a.readyState >= 2 && a.currentTime * 1000 > {BANNED_MS + 200})(document.getElementById('audio'))")
    assert not one.page.evaluate("document.getElementById('audio').paused")
    assert [a for a in house.actions() if a[1] == "call.listen"] == [("qa", "call.listen", call_id("8001", 2))]
    assert one.complaints == []


def test_the_waveform_is_played_and_sought_by_keyboard(opened: Open) -> None:
    one = opened("qa", CALL)
    one.until("document.querySelectorAll('.lane.drawn').length === 2")
    one.tab_to("#wave")
    for key in ("ArrowRight", "ArrowRight", "PageUp"):
        one.page.keyboard.press(key)
    assert one.page.locator("#wave").get_attribute("aria-valuenow") == "12.0"
    one.page.keyboard.press("Enter")
    one.until("document.getElementById('audio').currentTime > 12.1 && !document.getElementById('audio').paused")
    one.page.keyboard.press("Enter")
    one.until("document.getElementById('audio').paused")
    one.page.keyboard.press("Home")
    one.until("document.getElementById('audio').currentTime === 0")


def test_an_address_may_name_the_second(opened: Open) -> None:
    one = opened("qa", f"{CALL}?at=7500")
    assert one.page.locator("#wave").get_attribute("aria-valuenow") == "7.5"
    one.page.locator("#play").click()
    one.until("document.getElementById('audio').currentTime > 7.6")


def test_a_page_without_its_recording_says_so(opened: Open, house: House) -> None:
    with house.store.db.writing():
        house.store.db.sqlite.execute("update calls set file = ? where call_id = ?", (str(house.folder / "gone.wav"), call_id("8001", 2)))
    one = opened("qa", CALL, 360)
    assert "没有录音可放" in one.page.locator(".player").inner_text()
    assert one.page.locator("audio").count() == 0 and one.page.locator("svg path").count() >= 2
    one.well()
    one.shot("call-no-recording")


def test_a_script_in_a_page_does_not_run(opened: Open, house: House) -> None:
    evil = "<script>window.evil = 1</script><img src=x onerror='window.evil = 2'>"
    with house.store.db.writing():
        house.store.db.sqlite.execute("update users set name = ? where login = 'qa'", (evil,))
    one = opened("qa", "/")
    assert evil in one.page.locator("h1").inner_text()
    one.page.evaluate("() => { const s = document.createElement('script'); s.textContent = 'window.evil = 3'; document.body.append(s); }")
    assert one.page.evaluate("window.evil") is None
    assert any("Content Security Policy" in complaint for complaint in one.complaints)


def test_a_one_time_password_is_changed_first(opened: Open, house: House) -> None:
    accounts.set_password(house.store.db, "qa", "first-otter-then-badger", "admin", must_change=True, reset=True)
    one = opened("qa", "/")
    assert one.page.url.endswith("/password")
    for name, text in (("present", "first-otter-then-badger"), ("new", "purple-lamp-rides-home"), ("again", "purple-lamp-rides-home")):
        one.page.locator(f"#f-{name}").fill(text)
    one.shot("password-one-time")
    one.page.get_by_role("button", name="修改", exact=True).click()
    one.until("document.querySelector('.boxes') !== null")
    assert one.complaints == []
