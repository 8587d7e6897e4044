"""The administrators' pages of accounts: what they change, what they refuse, and what they never keep."""

from __future__ import annotations

import re
from typing import Any

import pytest
from web_house import PASSWORD, House

from qa.errors import StoreError
from qa.people import accounts, audit, sessions, throttle
from qa.people.accounts import User, UserRole

NEW = {"login": "Sun", "name": "孙丽", "role": "agent", "agent_id": "8005", "team": "一组", "own": PASSWORD}


def one_time(answer: Any) -> str:
    (found,) = re.findall(r'<code id="one-time">([^<]+)</code>', answer.text)
    return str(found)


def at(house: House, who: str, what: str = "") -> str:
    return f"/users/{house.users[who].id}{what}"


def everything(house: House) -> bytes:
    return b"".join(path.read_bytes() for path in house.folder.glob("qa.db*"))


def test_a_new_account_has_a_password_that_is_shown_once_and_kept_nowhere(house: House) -> None:
    admin = house.client("admin")
    answer = admin.post("/users/add", NEW)
    password = one_time(answer)
    made = accounts.by_login(house.store.db, "sun")
    assert answer.status_code == 200 and "no-store" in answer.headers["cache-control"]
    assert (made.name, made.role, made.agent_id, made.team, made.must_change) == ("孙丽", UserRole.AGENT, "8005", "一组", True)
    assert password.encode() not in everything(house)
    assert password not in admin.get(f"/users/{made.id}").text and password not in admin.get("/").text
    assert ("admin", "user.add", str(made.id)) in house.actions()


def test_with_a_one_time_password_nothing_opens_but_its_change(house: House) -> None:
    password = one_time(house.client("admin").post("/users/add", NEW))
    browser = house.anonymous()
    browser.csrf = re.findall(r'name="csrf" value="([^"]+)"', browser.get("/login").text)[0]
    answer = browser.post("/login", {"login": "sun", "password": password})
    assert answer.status_code == 303 and answer.headers["location"] == "/password"
    assert browser.get("/my").headers["location"] == "/password"
    assert browser.get("/sessions").headers["location"] == "/password"


WRONG: dict[str, dict[str, str]] = {
    "已有这个登录名": {"login": "QA"},
    "登录名不能用": {"login": "a b"},
    "坐席的账号没有写工号": {"agent_id": " "},
    "班组长的账号没有写班组": {"role": "lead", "team": ""},
    "您的密码不对": {"own": "nine-grey-otters-dance"},
}


@pytest.mark.parametrize("told", WRONG)
def test_what_is_wrong_is_told_beside_what_was_typed(house: House, told: str) -> None:
    before = accounts.everybody(house.store.db)
    answer = house.client("admin").post("/users/add", NEW | WRONG[told])
    assert answer.status_code in (400, 403) and told in answer.text and "孙丽" in answer.text
    assert PASSWORD not in answer.text and accounts.everybody(house.store.db) == before


def test_what_is_no_role_and_what_cannot_be_shown_is_refused(house: House) -> None:
    for wrong in ({"role": "boss"}, {"name": "x" * 65}, {"name": "a\x00b"}):
        assert house.client("admin").post("/users/add", NEW | wrong).status_code == 400
    assert len(accounts.everybody(house.store.db)) == len(house.users)


def test_what_does_not_belong_to_a_role_is_left_out(house: House) -> None:
    admin = house.client("admin")
    assert admin.post(at(house, "agent", "/role"), {"role": "lead", "agent_id": "8001", "team": "二组", "own": PASSWORD}).status_code == 303
    now = accounts.by_login(house.store.db, "agent")
    assert (now.role, now.agent_id, now.team) == (UserRole.LEAD, "", "二组")
    admin.post(at(house, "agent", "/role"), {"role": "hr", "agent_id": "8001", "team": "二组", "own": PASSWORD})
    now = accounts.by_login(house.store.db, "agent")
    assert (now.role, now.agent_id, now.team) == (UserRole.HR, "", "")


def test_a_changed_role_ends_the_sessions_and_is_told(house: House) -> None:
    agent, admin = house.client("agent"), house.client("admin")
    admin.post(at(house, "agent", "/role"), {"role": "qa", "own": PASSWORD})
    assert agent.get("/").status_code == 303
    assert "已更改" in admin.get(at(house, "agent")).text
    newest = audit.entries(house.store.db, kind="user", object_id=str(house.users["agent"].id))
    assert [one.action for one in newest[:2]] == ["user.view", "user.role"]
    assert {"role": "qa", "before_role": "agent", "before_agent_id": "8001"}.items() <= dict(newest[1].details).items()


def test_a_reset_password_is_shown_once_and_ends_the_sessions(house: House) -> None:
    qa = house.client("qa")
    answer = house.client("admin").post(at(house, "qa", "/reset"), {"own": PASSWORD})
    password = one_time(answer)
    assert qa.get("/").status_code == 303 and password.encode() not in everything(house)
    user, kept = accounts.password_hash(house.store.db, "qa")
    assert user is not None and user.must_change and accounts.passwords.matches(kept, password)
    assert ("admin", "user.reset", str(user.id)) in house.actions()


def test_the_own_password_is_not_reset_but_changed(house: House) -> None:
    admin = house.client("admin")
    assert f'action="{at(house, "admin", "/reset")}"' not in admin.get(at(house, "admin")).text
    assert admin.post(at(house, "admin", "/reset"), {"own": PASSWORD}).status_code == 409
    assert accounts.passwords.matches(accounts.password_hash(house.store.db, "admin")[1], PASSWORD)


def test_nobody_logs_in_to_a_disabled_account_until_it_is_enabled(house: House) -> None:
    hr, admin = house.client("hr"), house.client("admin")
    assert admin.post(at(house, "hr", "/state"), {"state": "disabled", "own": PASSWORD}).status_code == 303
    assert hr.get("/").status_code == 303 and accounts.password_hash(house.store.db, "hr") == (None, None)
    assert "已停用" in admin.get("/users?state=disabled").text
    admin.post(at(house, "hr", "/state"), {"state": "active", "own": PASSWORD})
    assert accounts.by_login(house.store.db, "hr") == house.users["hr"]


@pytest.mark.parametrize("what, form", [("/state", {"state": "disabled"}), ("/role", {"role": "qa"})])
def test_the_last_administrator_stays(house: House, what: str, form: dict[str, str]) -> None:
    admin = house.client("admin")
    answer = admin.post(at(house, "admin", what), form | {"own": PASSWORD})
    assert answer.status_code == 409 and "最后一个可用的管理员" in answer.text
    assert accounts.by_login(house.store.db, "admin") == house.users["admin"] and admin.get("/users").status_code == 200
    second = accounts.add(house.store.db, User(0, "second", "", UserRole.ADMIN), "nine-grey-otters-dance", "me")
    assert admin.post(at(house, "admin", what), form | {"own": PASSWORD}).status_code == 303
    with pytest.raises(StoreError, match="最后一个可用的管理员"):  # a disabled one does not count
        accounts.set_disabled(house.store.db, second.login, True, "me")


def test_every_change_asks_for_the_own_password(house: House) -> None:
    admin, before = house.client("admin"), accounts.everybody(house.store.db)
    for what, form in (("/role", {"role": "hr"}), ("/reset", {}), ("/state", {"state": "disabled"})):
        for own in ("", "nine-grey-otters-dance"):
            answer = admin.post(at(house, "qa", what), form | {"own": own})
            assert answer.status_code == 403 and "您的密码不对" in answer.text
            throttle.succeeded(house.store.db, "admin", "testclient")
    assert accounts.everybody(house.store.db) == before
    assert ("admin", "password.failed", str(house.users["admin"].id)) in house.actions()


def test_the_own_password_cannot_be_guessed_there(house: House) -> None:
    admin = house.client("admin")
    for _ in range(5):
        assert admin.post(at(house, "qa", "/reset"), {"own": "wrong"}).status_code == 403
    assert admin.post(at(house, "qa", "/reset"), {"own": PASSWORD}).status_code == 429
    assert not accounts.by_login(house.store.db, "qa").must_change


def test_the_list_is_filtered_and_goes_page_by_page(house: House) -> None:
    admin = house.client("admin")
    shown = lambda query: re.findall(r'<th scope="row"><a href="/users/\d+">([^<]+)</a>', admin.get(f"/users?{query}").text)  # noqa: E731
    assert shown("") == sorted(house.users)
    assert shown("words=8001") == ["agent"] and shown("words=陈佳") == ["agent3"] and shown("words=LEAD") == ["lead", "lead2"]
    assert shown("role=qa") == ["qa", "qa2"] and shown("role=qa&words=主管") == ["qa2"] and shown("words=没有") == []
    for number in range(60):
        with house.store.db.writing():
            row = {"login": f"z{number:02}", "name": "", "role": "qa", "agent_id": "", "team": "", "password_hash": "", "created": ""}
            house.store.db.insert("users", row | {"updated": "", "must_change": 0, "disabled": 0})
    first = admin.get("/users?role=qa").text
    assert "1–50 / 62" in first and "from=50" in first
    assert shown("role=qa&from=50") == [f"z{number}" for number in range(48, 60)]
    assert ("admin", "user.list", "") in house.actions()


# ---------------------------------------------------------------- passwords and sessions


def test_a_password_is_not_made_of_words_of_the_house(house: House) -> None:
    db, weak = house.store.db, "huaning-hnpbx-0412"
    accounts.passwords.check(weak, "x", "y")
    accounts.words_path(db).write_text("huaning\nhnpbx\n", "utf-8")
    with pytest.raises(StoreError, match="太常见或太容易猜到"):
        accounts.set_password(db, "qa", weak, "qa", must_change=False)
    accounts.words_path(db).write_bytes(b"\xff")
    with pytest.raises(StoreError, match="密码禁用词"):
        accounts.set_password(db, "qa", weak, "qa", must_change=False)


def test_teams_and_people_of_the_house_are_no_password(house: House) -> None:
    assert {"一组", "二组", "8001", "trainer"} <= accounts.house_words(house.store.db)
    accounts.passwords.check("trainer-8003-lead2", "x", "y")
    with pytest.raises(StoreError, match="太常见或太容易猜到"):
        accounts.set_password(house.store.db, "qa", "trainer-8003-lead2", "qa", must_change=False)


def test_people_see_where_they_are_logged_in_and_end_it(house: House) -> None:
    here, other, another = house.client("qa"), house.client("qa"), house.client("qa")
    stranger = house.client("hr")
    page = here.get("/sessions").text
    digests = re.findall(r'name="which" value="([0-9a-f]{64})"', page)
    assert len(digests) == 2 and "这里" in page
    assert here.post("/sessions", {"which": digests[0], "password": "wrong"}).status_code == 403
    assert len(sessions.of_user(house.store.db, house.users["qa"].id, house.clock[0])) == 3
    assert here.post("/sessions", {"which": digests[0], "password": PASSWORD}).status_code == 303
    assert sorted(b.get("/").status_code for b in (other, another)) == [200, 303]
    assert here.post("/sessions", {"which": "", "password": PASSWORD}).status_code == 303
    assert [b.get("/").status_code for b in (here, stranger, other, another)] == [200, 200, 303, 303]
    assert ("qa", "session.end", str(house.users["qa"].id)) in house.actions()


def test_nobody_ends_the_sessions_of_somebody_else(house: House) -> None:
    stranger, qa = house.client("hr"), house.client("qa")
    (theirs,) = sessions.of_user(house.store.db, house.users["hr"].id, house.clock[0])
    assert theirs.digest not in qa.get("/sessions").text
    qa.post("/sessions", {"which": theirs.digest, "password": PASSWORD})
    assert stranger.get("/").status_code == 200
