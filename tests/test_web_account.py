"""Login, logout, language, passwords, cookies and hosts, as a browser meets them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from web_house import PASSWORD, Browser, House

from qa.people import accounts, passwords, sessions, throttle
from qa.web import security

NEW = "purple-lamp-rides-home"


def opened(house: House, **settings: Any) -> Browser:
    """The login page, with its token."""
    browser = house.anonymous(**settings)
    page = browser.get("/login")
    assert page.status_code == 200
    browser.csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
    return browser


def log_in(browser: Browser, login: str = "qa", password: str = PASSWORD, onward: str = "/", **more: Any) -> Any:
    return browser.post("/login", {"login": login, "password": password, "next": onward}, **more)


def test_a_login_begins_a_new_session(house: House) -> None:
    browser = opened(house)
    browser.client.cookies.set("qa-session", "planted-by-somebody")
    answer = log_in(browser, " QA ")
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("qa-session=")]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie and "Domain" not in cookie
    assert "planted-by-somebody" not in cookie
    assert browser.get("/").status_code == 200
    assert house.actions() == [("qa", "login", str(house.users["qa"].id))]


def test_a_second_login_ends_the_first_session(house: House) -> None:
    browser = opened(house)
    log_in(browser)
    first = browser.client.cookies["qa-session"]
    session = sessions.standing(house.store.db, first, house.clock[0])
    assert session is not None
    browser.csrf = session.csrf
    assert log_in(browser, "hr").status_code == 303
    assert sessions.standing(house.store.db, first, house.clock[0]) is None
    assert browser.client.cookies["qa-session"] != first


def test_who_is_not_let_in_reads_the_same_whether_or_not_the_account_exists(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.set_disabled(house.store.db, "hr", True, "admin")
    verified: list[str] = []
    matches = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda kept, password: bool(verified.append(password)) or matches(kept, password))
    answers = []
    for login, password in (("qa", "wrong"), ("nobody", "wrong"), ("hr", PASSWORD), ("", "wrong")):
        answer = log_in(opened(house), login, password)
        assert answer.status_code == 403 and "登录名或密码不对" in answer.text and "qa-session" not in str(answer.headers)
        answers.append(re.sub(r'nonce="[^"]*"|value="[^"]*"', "", answer.text))
    assert len(set(answers)) == 1
    assert len(verified) == 4  # the work that takes the time is done for everybody
    told = [by for by, action, _ in house.actions() if action == "login.failed"]
    assert told == ["qa", "?", "hr", "?"]  # a password typed into the wrong field is not kept


def test_too_many_failures_refuse_the_right_password_too(house: House) -> None:
    for login in ("qa", "nobody"):
        browser = opened(house)
        statuses = [log_in(browser, login, "wrong").status_code for _ in range(6)]
        assert statuses == [403] * 5 + [429]
    assert log_in(opened(house)).status_code == 429
    assert log_in(opened(house), "hr").status_code == 303  # others are not kept out
    house.clock[0] += throttle.WINDOW_S
    assert log_in(opened(house)).status_code == 303


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "/\n/evil"])
def test_a_login_leads_nowhere_else(house: House, onward: str) -> None:
    browser = opened(house)
    assert log_in(browser, onward=onward).headers["location"] == "/"
    assert security.inside(onward) == "/"


def test_a_login_leads_back_to_what_was_asked_for(house: House) -> None:
    browser = opened(house)
    asked = browser.get("/calls/C-1?at=1200").headers["location"]
    assert asked == "/login?next=%2Fcalls%2FC-1%3Fat%3D1200"
    assert 'name="next" value="/calls/C-1?at=1200"' in browser.get(asked).text
    assert log_in(browser, onward="/calls/C-1?at=1200").headers["location"] == "/calls/C-1?at=1200"


def test_a_login_form_of_another_site_is_refused(house: House) -> None:
    browser = opened(house)
    assert browser.post("/login", {"login": "qa", "password": PASSWORD, "csrf": "x"}).status_code == 403
    assert log_in(browser, headers={"Origin": "https://evil.example"}).status_code == 403
    blank = house.anonymous()  # no cookie, no token: two empty words are no token
    assert log_in(blank).status_code == 403


def test_logout_ends_the_session_on_the_server(house: House) -> None:
    browser = house.client("qa")
    token = browser.client.cookies["qa-session"]
    assert browser.post("/logout").headers["location"] == "/login"
    assert sessions.standing(house.store.db, token, house.clock[0]) is None
    assert ("qa", "logout", str(house.users["qa"].id)) in house.actions()


# ---------------------------------------------------------------- password


def change(browser: Browser, present: str = PASSWORD, new: str = NEW, again: str | None = None) -> Any:
    return browser.post("/password", {"present": present, "new": new, "again": new if again is None else again})


def test_a_changed_password_ends_all_other_sessions(house: House) -> None:
    browser, other = house.client("qa"), house.client("qa")
    answer = change(browser)
    assert answer.status_code == 303
    assert browser.get("/").status_code == 200 and other.get("/").status_code == 303
    assert log_in(opened(house), password=PASSWORD).status_code == 403
    assert log_in(opened(house), password=NEW).status_code == 303
    assert ("qa", "user.password", str(house.users["qa"].id)) in house.actions()


REFUSED = {
    "现在的密码不对": {"present": "wrong"},
    "两次输入的新密码不一样": {"again": "another"},
    "新密码和现在的一样": {"new": PASSWORD},
    "太短": {"new": "short"},
    "太长": {"new": "x" * 200},
    "太常见": {"new": "password123"},
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_password_that_is_not_taken(house: House, why: str) -> None:
    answer = change(house.client("qa"), **REFUSED[why])
    assert answer.status_code == 400 and why in answer.text
    assert log_in(opened(house)).status_code == 303


def test_the_present_password_cannot_be_guessed_here_either(house: House) -> None:
    browser = house.client("qa")
    assert [change(browser, present="wrong").status_code for _ in range(6)] == [400] * 5 + [429]
    assert change(browser).status_code == 429


def test_a_one_time_password_opens_nothing_but_its_change(house: House) -> None:
    accounts.set_password(house.store.db, "qa", NEW, "admin", must_change=True, reset=True)
    browser = opened(house)
    assert log_in(browser, password=NEW).headers["location"] == "/password"
    for path in ("/", "/calls/HN-8001-0", "/calls/HN-8001-0/audio"):
        answer = browser.get(path)
        assert answer.status_code == 303 and answer.headers["location"] == "/password"
    page = browser.get("/password").text
    assert "一次性" in page and 'class="nav"' not in page
    browser.csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
    assert change(browser, present=NEW, new=PASSWORD).status_code == 303
    assert browser.get("/").status_code == 200


def test_a_hash_of_older_parameters_is_made_anew_at_login(house: House) -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with house.store.db.writing():
        house.store.db.sqlite.execute("update users set password_hash = ? where login = 'qa'", (old,))
    assert log_in(opened(house)).status_code == 303
    assert not passwords.outdated(accounts.password_hash(house.store.db, "qa")[1] or "")
    assert log_in(opened(house)).status_code == 303


# ---------------------------------------------------------------- hosts, cookies, language, odd requests


def test_behind_https_cookies_are_tied_to_the_host(house: House) -> None:
    settings = {"public_url": "https://qa.example.com"}
    browser = house.anonymous(**settings)
    browser.client.base_url = "https://qa.example.com"
    page = browser.get("/login")
    assert page.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    browser.csrf = re.findall(r'name="csrf" value="([^"]+)"', page.text)[0]
    answer = log_in(browser, headers={"Origin": "https://qa.example.com"})
    assert answer.status_code == 303
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-qa-session=")]
    assert "Secure" in cookie and "HttpOnly" in cookie and "Path=/" in cookie and "Domain" not in cookie
    assert log_in(browser, headers={"Origin": "http://qa.example.com"}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "127.0.0.1@evil.example"])
def test_another_host_name_is_refused(house: House, host: str) -> None:
    assert house.client("qa").get("/", headers={"Host": host}).status_code == 400


def test_the_language_is_kept(house: House) -> None:
    browser = house.client("qa")
    answer = browser.post("/language", {"lang": "en", "next": "/password"})
    assert answer.headers["location"] == "/password"
    assert "Change password" in browser.get("/password").text and '<html lang="en">' in browser.get("/").text
    assert browser.post("/language", {"lang": "xx"}).status_code == 400
    assert browser.post("/language", {"lang": "zh", "next": "//evil.example"}).headers["location"] == "/"


def test_odd_requests_are_refused_in_words(house: House) -> None:
    browser = house.client("qa")
    assert browser.get("/nowhere").status_code == 404 and "没有找到" in browser.get("/nowhere").text
    assert browser.client.put("/password").status_code == 405
    big = {"csrf": browser.csrf, "new": "x" * (5 << 20)}
    assert browser.post("/password", big).status_code == 413
    headers = {"Origin": "http://127.0.0.1"}
    assert browser.client.post("/password", json={"csrf": browser.csrf}, headers=headers).status_code == 400
    files = {"f": ("x.txt", b"x")}
    assert browser.client.post("/password", files=files, data={"csrf": browser.csrf}, headers=headers).status_code == 400
    many = {f"n{i}": "x" for i in range(3000)}
    assert browser.post("/password", many).status_code == 400


def test_a_fault_of_the_program_tells_nothing_of_the_call(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from qa.web import journal
    from qa.web.pages import call

    def broken(*_: object) -> None:
        raise RuntimeError("客户说：我的电话是13812345678")

    journal.configure()
    monkeypatch.setattr(call, "seen", broken)
    answer = house.client("qa").get("/calls/HN-8001-0")
    assert answer.status_code == 500 and "程序出错" in answer.text
    logged = capsys.readouterr().err
    assert '"route": "/calls/{call_id}"' in logged and "RuntimeError" in logged and "broken" in logged
    for text in (answer.text, logged):
        assert "13812345678" not in text and "客户说" not in text and "HN-8001" not in text.replace('value="/calls/HN-8001-0"', "")
