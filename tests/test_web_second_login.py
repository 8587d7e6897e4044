"""The login's second step, mostly by those who should not get in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from second_steps import OTHER, STEP, csrf, enrolled, first_step, fresh, kept, now, session_of, wrong
from web_house import PASSWORD, House

from qa.database import Database
from qa.people import accounts, passwords, second_factor, sessions, throttle
from qa.people.accounts import UserRole
from qa.store import Store
from qa.web.permissions import ANY, Permission
from qa.web.routes import ROUTES

# ---------------------------------------------------------------- the login's second step


def test_a_password_alone_begins_no_session(house: House) -> None:
    enrolled(house)
    browser, answer = first_step(house, onward="/review")
    assert answer.status_code == 303 and answer.headers["location"] == "/login/code?next=%2Freview"
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if not c.startswith("qa-login=")]
    assert cookie.startswith("qa-waiting=") and "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age=300" in cookie
    assert kept(house) == 0 and "qa-session" not in browser.client.cookies


def test_password_and_code_begin_one(house: House) -> None:
    secret, _codes = enrolled(house)
    browser, answer = first_step(house, onward="/review")
    page = browser.get(answer.headers["location"])
    assert page.status_code == 200 and 'autocomplete="one-time-code"' in page.text and 'name="next" value="/review"' in page.text
    done = browser.post("/login/code", {"code": now(house, secret), "next": "/review"})
    assert done.status_code == 303 and done.headers["location"] == "/review"
    assert browser.get("/review").status_code == 200 and not browser.client.cookies.get("qa-waiting")
    assert house.store.db.rows("select 1 from login_attempts") == [] and not house.store.db.rows("select 1 from pending_logins")
    assert [a for _by, a, _o in house.actions() if a.startswith("login")] == ["login.password", "login"]


def test_between_the_steps_nothing_is_open(house: House) -> None:
    """Every page and every change, with the cookie of the wait alone, and with its token in the place of a session's."""
    enrolled(house)
    browser, _answer = first_step(house)
    for forged in ("", browser.client.cookies["qa-waiting"]):
        if forged:
            browser.client.cookies.set("qa-session", forged)
        for page in ROUTES:
            if page.permission is Permission.PUBLIC or page.scope is not ANY:
                continue
            answer = browser.get(page.path) if page.method == "GET" else browser.post(page.path)
            assert answer.status_code == (303 if page.method == "GET" else 401), page.path
            assert page.method != "GET" or answer.headers["location"].startswith("/login?next="), page.path
    assert kept(house) == 0


def test_the_code_without_a_password_leads_to_the_login(house: House) -> None:
    secret, _codes = enrolled(house)
    browser = fresh(house)
    assert browser.get("/login/code").headers["location"] == "/login"
    assert browser.post("/login/code", {"code": now(house, secret)}).headers["location"] == "/login"
    browser.client.cookies.set("qa-waiting", "planted-by-somebody")
    assert browser.post("/login/code", {"code": now(house, secret)}).headers["location"] == "/login"
    assert kept(house) == 0
    assert second_factor.check(house.store.db, house.users["qa"], now(house, secret), house.clock[0]) == "code"  # it was not even looked at


def test_the_step_is_the_browsers_that_gave_the_password(house: House) -> None:
    secret, _codes = enrolled(house)
    first_step(house)
    assert fresh(house).post("/login/code", {"code": now(house, secret)}).headers["location"] == "/login"


def test_a_wait_of_one_account_is_not_proved_by_the_code_of_another(house: House) -> None:
    enrolled(house)
    theirs, recovery = enrolled(house, "hr")
    browser, _answer = first_step(house)
    for code in (now(house, theirs), recovery[0]):
        assert browser.post("/login/code", {"code": code}).status_code == 403
    assert kept(house) == 0


def test_a_code_that_was_seen_is_no_use(house: House) -> None:
    secret, _codes = enrolled(house)
    first, _answer = first_step(house)
    second, _answer = first_step(house)
    code = now(house, secret)
    assert first.post("/login/code", {"code": code}).status_code == 303
    assert second.post("/login/code", {"code": code}).status_code == 403
    again, _answer = first_step(house)
    assert again.post("/login/code", {"code": code}).status_code == 403


def test_a_spent_wait_begins_no_second_session(house: House) -> None:
    secret, _codes = enrolled(house)
    browser, _answer = first_step(house)
    token = browser.client.cookies["qa-waiting"]
    assert browser.post("/login/code", {"code": now(house, secret)}).status_code == 303
    thief = fresh(house)
    thief.client.cookies.set("qa-waiting", token)
    house.clock[0] += STEP
    assert thief.post("/login/code", {"code": now(house, secret)}).headers["location"] == "/login"


def test_a_new_session_is_begun_and_the_one_before_ends(house: House) -> None:
    """Neither a planted session nor the one of another account outlives the login."""
    secret, _codes = enrolled(house)
    browser, before = fresh(house), house.client("hr")
    token = before.client.cookies["qa-session"]
    browser.client.cookies.set("qa-session", token)
    session = sessions.standing(house.store.db, token, house.clock[0])
    assert session is not None
    browser.csrf = session.csrf
    assert browser.post("/login", {"login": "qa", "password": PASSWORD}).headers["location"].startswith("/login/code")
    assert before.get("/").status_code == 200  # the password alone ends nothing
    done = browser.post("/login/code", {"code": now(house, secret)})
    assert session_of(done) != token and sessions.standing(house.store.db, token, house.clock[0]) is None


def test_codes_cannot_be_guessed(house: House) -> None:
    secret, _codes = enrolled(house)
    browser, _answer = first_step(house)  # the first attempt
    bad = wrong(house, secret)
    assert [browser.post("/login/code", {"code": bad}).status_code for _ in range(6)] == [403] * 4 + [429] * 2
    assert browser.post("/login/code", {"code": now(house, secret)}).status_code == 429
    assert first_step(house)[1].status_code == 429
    house.clock[0] += throttle.WINDOW_S
    browser, _answer = first_step(house)
    assert browser.post("/login/code", {"code": now(house, secret)}).status_code == 303


def test_the_right_password_does_not_make_guessing_cheaper(house: House) -> None:
    """Password, wrong code, password, wrong code …: it would be endless if the password took its failures back."""
    secret, _codes = enrolled(house)
    statuses = []
    for _ in range(4):
        browser, answer = first_step(house)
        statuses.append(answer.status_code)
        if answer.status_code == 303:
            statuses.append(browser.post("/login/code", {"code": wrong(house, secret)}).status_code)
    assert statuses == [303, 403, 303, 403, 303, 429, 429]


def test_from_everywhere_it_is_hopeless_as_well(house: House) -> None:
    secret, _codes = enrolled(house)
    for n in range(throttle.LIMITS[1][2]):
        throttle.failed(house.store.db, "qa", f"10.0.{n}.1", house.clock[0])
    assert first_step(house)[1].status_code == 429
    browser = fresh(house)
    browser.client.cookies.set("qa-waiting", sessions.wait(house.store.db, house.users["qa"], house.clock[0]))
    assert browser.post("/login/code", {"code": now(house, secret)}).status_code == 429


def test_who_has_a_factor_is_told_to_nobody_without_the_password(house: House) -> None:
    enrolled(house)
    answers = [first_step(house, login, "wrong")[1] for login in ("qa", "hr", "nobody")]
    assert {a.status_code for a in answers} == {403}
    assert len({re.sub(r'nonce="[^"]*"|value="[^"]*"', "", a.text) for a in answers}) == 1
    assert not any("qa-waiting" in str(a.headers) for a in answers)


@pytest.mark.parametrize("change", ["disabled", "reset", "role", "taken off"])
def test_what_happens_to_the_account_between_the_steps_counts(house: House, change: str) -> None:
    secret, _codes = enrolled(house)
    browser, _answer = first_step(house)
    db = house.store.db
    if change == "disabled":
        accounts.set_disabled(db, "qa", True, "admin")
    elif change == "reset":
        accounts.set_password(db, "qa", OTHER, "admin", must_change=True, reset=True)
    elif change == "role":
        accounts.set_role(db, "qa", UserRole.HR, "", "", "admin")
    else:
        second_factor.take_off(db, house.users["qa"], "admin")
    answer = browser.post("/login/code", {"code": now(house, secret)})
    assert answer.status_code == (403 if change == "taken off" else 303) and kept(house) == 0
    if change != "taken off":
        assert answer.headers["location"] == "/login"


def test_the_step_is_over_after_five_minutes(house: House) -> None:
    secret, _codes = enrolled(house)
    browser, _answer = first_step(house)
    house.clock[0] += sessions.WAITING_S
    assert browser.get("/login/code").headers["location"] == "/login"
    assert browser.post("/login/code", {"code": now(house, secret)}).headers["location"] == "/login"


def test_the_step_is_asked_for_by_our_own_page(house: House) -> None:
    secret, _codes = enrolled(house)
    browser, _answer = first_step(house)
    form = {"code": now(house, secret)}
    assert browser.post("/login/code", form | {"csrf": ""}).status_code == 403
    assert browser.post("/login/code", form | {"csrf": "x" * 43}).status_code == 403
    assert browser.post("/login/code", form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert kept(house) == 0
    assert browser.post("/login/code", form).status_code == 303


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_second_step_leads_nowhere_else_either(house: House, onward: str) -> None:
    secret, _codes = enrolled(house)
    browser, answer = first_step(house, onward=onward)
    assert answer.headers["location"] == "/login/code?next=%2F"
    assert browser.post("/login/code", {"code": now(house, secret), "next": onward}).headers["location"] == "/"


def test_a_recovery_code_opens_once_and_is_logged(house: House) -> None:
    _secret, codes = enrolled(house)
    browser, _answer = first_step(house)
    assert browser.post("/login/code", {"code": codes[0].upper()}).status_code == 303
    again, _answer = first_step(house)
    assert again.post("/login/code", {"code": codes[0]}).status_code == 403
    (row,) = house.store.db.rows("select details_json from audit_log where action = 'login'")
    assert '"second": "recovery"' in row["details_json"] and '"left": "9"' in row["details_json"]
    assert codes[0] not in str(house.store.db.rows("select * from audit_log"))


def test_behind_https_the_wait_is_tied_to_the_host(house: House) -> None:
    enrolled(house)
    browser = house.anonymous(public_url="https://qa.example.com")
    browser.client.base_url = "https://qa.example.com"
    browser.csrf = csrf(browser.get("/login"))
    answer = browser.post("/login", {"login": "qa", "password": PASSWORD}, headers={"Origin": "https://qa.example.com"})
    (cookie,) = [c for c in answer.headers.get_list("set-cookie") if "qa-waiting=" in c]
    assert cookie.startswith("__Host-qa-waiting=") and "Secure" in cookie and "Path=/" in cookie


def test_a_lost_key_is_told_and_lets_nobody_in_by_a_code(house: House) -> None:
    secret, codes = enrolled(house)
    second_factor.KEY.path(house.db).unlink()
    browser, _answer = first_step(house)
    answer = browser.post("/login/code", {"code": now(house, secret)})
    assert answer.status_code == 409 and "密钥文件不见了" in answer.text and kept(house) == 0
    assert browser.post("/login/code", {"code": codes[0]}).status_code == 303  # which needs no key


# ---------------------------------------------------------------- in the same moment


def meanwhile(house: House, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[[Database], object]) -> None:
    """What the function answers is right; before anybody goes on, ``act`` happens elsewhere, and is done."""
    real = getattr(module, name)

    def told(*given: Any) -> Any:
        answer = real(*given)
        monkeypatch.setattr(module, name, real)
        with Store(house.db) as elsewhere:
            act(elsewhere.db)
        return answer

    monkeypatch.setattr(module, name, told)


def test_who_sets_one_while_the_password_is_looked_at_is_asked_for_a_code(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a session that knows of no code would outlive the setting, which ends all sessions."""
    browser = fresh(house)
    meanwhile(house, monkeypatch, passwords, "matches", lambda db: enrolled(house, db=db))
    answer = browser.post("/login", {"login": "qa", "password": PASSWORD})
    assert answer.headers["location"].startswith("/login/code") and kept(house) == 0


CHANGES: dict[str, Callable[[Database], object]] = {
    "reset": lambda db: accounts.set_password(db, "qa", OTHER, "admin", must_change=True, reset=True),
    "disabled": lambda db: accounts.set_disabled(db, "qa", True, "admin"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_password_that_ends_while_it_is_looked_at_lets_nobody_in(house: House, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    browser = fresh(house)
    meanwhile(house, monkeypatch, passwords, "matches", CHANGES[change])
    assert browser.post("/login", {"login": "qa", "password": PASSWORD}).status_code == 403 and kept(house) == 0


def test_a_wait_that_ends_while_the_code_is_looked_at_lets_nobody_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, _codes = enrolled(house)
    browser, _answer = first_step(house)
    meanwhile(house, monkeypatch, throttle, "attempt", lambda db: accounts.set_role(db, "qa", UserRole.HR, "", "", "admin"))
    answer = browser.post("/login/code", {"code": now(house, secret)})
    assert answer.headers["location"] == "/login" and kept(house) == 0


def test_a_password_given_elsewhere_does_not_make_guessing_codes_cheaper(house: House) -> None:
    """Somebody at a desk left open, who knows the password: five wrong codes, whatever is asked for by the password between them."""
    secret, _codes = enrolled(house)
    house.clock[0] += 60
    browser, _answer = first_step(house)
    browser.csrf = csrf(browser.get("/login/code"))
    assert browser.post("/login/code", {"code": now(house, secret)}).status_code == 303
    browser.csrf = csrf(browser.get("/sessions"))
    answers = []
    for _ in range(10):
        answers.append(browser.post("/second-factor/off", {"password": PASSWORD, "code": wrong(house, secret)}).status_code)
        browser.post("/sessions", {"password": PASSWORD, "which": "none"})
    assert answers[-1] == 429 and answers.count(429) >= 5 and second_factor.of(house.store.db, house.users["qa"].id) is not None
