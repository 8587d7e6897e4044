"""The page of the second factor, and roles that must have one."""

from __future__ import annotations

import re
from typing import Any

from second_steps import OTHER, csrf, enrolled, first_step, now, session_of, wrong
from web_house import PASSWORD, Browser, House

from qa.people import accounts, second_factor, sessions, throttle
from qa.people.accounts import UserRole
from qa.web.permissions import ANY, Permission
from qa.web.routes import ROUTES

# ---------------------------------------------------------------- the own page


def begun(browser: Browser, password: str = PASSWORD, **more: str) -> str:
    """The secret that the page offers."""
    page = browser.post("/second-factor/begin", {"password": password, **more})
    assert page.status_code == 200, page.text
    assert "<svg" in page.text and "no-store" in page.headers["cache-control"]
    return re.findall(r'id="secret">([^<]+)<', page.text)[0].replace(" ", "")


def recovery(page: Any) -> list[str]:
    return re.findall(r"<li><code>([a-z0-9-]+)</code>", page.text)


def test_somebody_sets_one(house: House) -> None:
    browser, other = house.client("qa"), house.client("qa")
    before = browser.client.cookies["qa-session"]
    secret = begun(browser)
    page = browser.post("/second-factor/confirm", {"code": now(house, secret)})
    codes = recovery(page)
    assert page.status_code == 200 and len(codes) == 10
    assert other.get("/").status_code == 303  # begun with the password alone
    assert session_of(page) != before and sessions.standing(house.store.db, before, house.clock[0]) is None
    browser.client.cookies.clear()
    browser.client.cookies.set("qa-session", session_of(page))
    browser.csrf = csrf(page)  # the page belongs to the new session already
    shown = browser.get("/second-factor")
    assert "已设置" in shown.text and secret not in shown.text and codes[0] not in shown.text
    assert browser.post("/second-factor/codes", {"password": PASSWORD, "code": codes[0]}).status_code == 200
    assert ("qa", "factor.set", str(house.users["qa"].id)) in house.actions()
    assert first_step(house)[1].headers["location"].startswith("/login/code")


def test_neither_secret_nor_codes_are_kept_anywhere_readable(house: House) -> None:
    browser = house.client("qa")
    secret = begun(browser)
    codes = recovery(browser.post("/second-factor/confirm", {"code": now(house, secret)}))
    files = b"".join(path.read_bytes() for path in house.folder.glob("qa.db*"))
    for text in (secret, *codes):
        assert text.encode() not in files


def test_a_desk_left_open_is_not_enough(house: House) -> None:
    browser = house.client("qa")
    assert browser.post("/second-factor/begin", {"password": "wrong"}).status_code == 403
    assert not house.store.db.rows("select 1 from pending_factors")
    secret, codes = enrolled(house)
    for path in ("begin", "codes", "off"):
        for form in ({"password": PASSWORD}, {"password": PASSWORD, "code": wrong(house, secret)}, {"password": "wrong", "code": codes[0]}):
            answer = browser.post(f"/second-factor/{path}", form)
            assert answer.status_code == 403 and "密码或验证码不对" in answer.text
            throttle.succeeded(house.store.db, "qa", "testclient")
    assert second_factor.of(house.store.db, house.users["qa"].id).left == 10  # type: ignore[union-attr]  # with a wrong password none is spent


def test_codes_cannot_be_guessed_there_either(house: House) -> None:
    secret, _codes = enrolled(house)
    browser = house.client("qa")
    form = {"password": PASSWORD, "code": wrong(house, secret)}
    assert [browser.post("/second-factor/off", form).status_code for _ in range(6)] == [403] * 5 + [429]


def test_a_wrong_first_code_sets_nothing_and_shows_the_same_secret(house: House) -> None:
    browser = house.client("qa")
    secret = begun(browser)
    answer = browser.post("/second-factor/confirm", {"code": wrong(house, secret)})
    assert answer.status_code == 403 and re.findall(r'id="secret">([^<]+)<', answer.text)[0].replace(" ", "") == secret
    assert second_factor.of(house.store.db, house.users["qa"].id) is None
    assert len(recovery(browser.post("/second-factor/confirm", {"code": now(house, secret)}))) == 10


def test_two_who_set_one_at_once(house: House) -> None:
    here, there = house.client("qa"), house.client("qa")
    first, second = begun(here), begun(there)
    assert first != second
    assert here.post("/second-factor/confirm", {"code": now(house, second)}).status_code == 403
    assert here.post("/second-factor/confirm", {"code": now(house, first)}).status_code == 200
    assert there.post("/second-factor/confirm", {"code": now(house, second)}).status_code == 401
    assert second_factor.check(house.store.db, house.users["qa"], now(house, first, 1), house.clock[0]) == "code"


def test_what_nobody_began_is_not_confirmed(house: House) -> None:
    browser = house.client("qa")
    assert browser.post("/second-factor/confirm", {"code": "000000"}).status_code == 409
    secret = begun(browser)
    house.clock[0] += second_factor.ENROL_S
    assert browser.post("/second-factor/confirm", {"code": now(house, secret)}).status_code == 409


def test_another_phone(house: House) -> None:
    _old, codes = enrolled(house)
    browser = house.client("qa")
    secret = begun(browser, code=codes[0])
    assert len(recovery(browser.post("/second-factor/confirm", {"code": now(house, secret)}))) == 10
    assert second_factor.check(house.store.db, house.users["qa"], codes[1], house.clock[0]) == ""


def test_new_recovery_codes(house: House) -> None:
    secret, former = enrolled(house)
    page = house.client("qa").post("/second-factor/codes", {"password": PASSWORD, "code": now(house, secret)})
    assert len(set(recovery(page)) - set(former)) == 10
    assert second_factor.check(house.store.db, house.users["qa"], former[0], house.clock[0]) == ""
    assert ("qa", "factor.codes", str(house.users["qa"].id)) in house.actions()


def test_somebody_takes_it_off(house: House) -> None:
    secret, _codes = enrolled(house)
    browser, other = house.client("qa"), house.client("qa")
    answer = browser.post("/second-factor/off", {"password": PASSWORD, "code": now(house, secret)})
    assert answer.status_code == 303 and "已取消两步验证" in browser.get("/second-factor").text
    assert other.get("/").status_code == 303
    assert first_step(house)[1].headers["location"] == "/"
    assert ("qa", "factor.off", str(house.users["qa"].id)) in house.actions()


def test_without_one_there_is_nothing_to_take_off(house: House) -> None:
    browser = house.client("qa")
    for path in ("codes", "off"):
        assert browser.post(f"/second-factor/{path}", {"password": PASSWORD, "code": ""}).status_code == 409


def test_a_reset_by_an_administrator_takes_it_off(house: House) -> None:
    enrolled(house)
    admin = house.client("admin")
    path = f"/users/{house.users['qa'].id}"
    assert "已设置" in admin.get(path).text
    page = admin.post(f"{path}/reset", {"own": PASSWORD})
    password = re.findall(r'id="one-time">([^<]+)<', page.text)[0]
    assert "没有设置" in admin.get(path).text
    assert first_step(house, password=password)[1].headers["location"] == "/password"
    assert ("admin", "factor.off", str(house.users["qa"].id)) in house.actions()


def test_the_answer_to_a_form_leads_back_to_a_page_in_the_other_language(house: House) -> None:
    browser = house.client("qa")
    page = browser.post("/second-factor/begin", {"password": PASSWORD})
    assert 'name="next" value="/second-factor"' in page.text


# ---------------------------------------------------------------- roles that must have one

MUST: dict[str, Any] = {"second_factor": frozenset({UserRole.QA, UserRole.ADMIN})}


def test_who_must_have_one_can_do_nothing_before(house: House) -> None:
    browser, answer = first_step(house, onward="/review", **MUST)
    browser.csrf = csrf(browser.get("/second-factor"))
    for page in ROUTES:
        if page.permission is Permission.PUBLIC or page.scope is not ANY or page.path.startswith(("/second-factor", "/logout")):
            continue
        if UserRole.QA not in page.permission.roles:
            continue
        answer = browser.get(page.path) if page.method == "GET" else browser.post(page.path)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/second-factor"), page.path
    shown = browser.get("/second-factor")
    assert "请先设置" in shown.text and 'class="nav"' not in shown.text
    assert not [a for _by, a, _o in house.actions() if a not in ("login",)]
    secret = begun(browser)
    page = browser.post("/second-factor/confirm", {"code": now(house, secret)})
    assert len(recovery(page)) == 10 and browser.get("/review").status_code == 200


def test_a_session_from_before_is_led_there_as_well(house: House) -> None:
    assert house.client("qa", **MUST).get("/review").headers["location"] == "/second-factor"
    assert house.client("hr", **MUST).get("/").status_code == 200


def test_who_must_have_one_cannot_take_it_off(house: House) -> None:
    secret, _codes = enrolled(house)
    browser = house.client("qa", **MUST)
    assert "/second-factor/off" not in browser.get("/second-factor").text
    assert browser.post("/second-factor/off", {"password": PASSWORD, "code": now(house, secret)}).status_code == 409
    assert second_factor.of(house.store.db, house.users["qa"].id) is not None


def test_a_one_time_password_comes_first(house: House) -> None:
    accounts.set_password(house.store.db, "qa", OTHER, "admin", must_change=True, reset=True)
    browser, answer = first_step(house, password=OTHER, **MUST)
    assert answer.headers["location"] == "/password" and browser.get("/second-factor").headers["location"] == "/password"
    browser.csrf = csrf(browser.get("/password"))
    assert browser.post("/password", {"present": OTHER, "new": PASSWORD, "again": PASSWORD}).status_code == 303
    assert browser.get("/").headers["location"] == "/second-factor" and browser.get("/password").headers["location"] == "/second-factor"


def test_a_reset_leads_to_setting_it_again(house: House) -> None:
    enrolled(house)
    accounts.set_password(house.store.db, "qa", OTHER, "admin", must_change=False, reset=True)
    browser, _answer = first_step(house, password=OTHER, **MUST)
    assert browser.get("/").headers["location"] == "/second-factor"
