"""Who may open what: every route, every role, other people's objects; nothing is listed by hand but what is foreign to whom."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web_house import AGENTS, FOREIGN, NOWHERE, NUMBER, PEOPLE, REACHES_ALL, Browser, House, call_id

from qa.people import sessions
from qa.report_text import percent_text
from qa.web.addresses import address, decoded, encoded
from qa.web.permissions import ANY, CALL_IN_REACH, Permission, table
from qa.web.routes import ROUTES, Page

PRIVATE = [page for page in ROUTES if page.permission is not Permission.PUBLIC]
CHANGES = [page for page in ROUTES if page.method != "GET"]
REFUSED = (403, 404)


def name(page: Page) -> str:
    return f"{page.method} {page.path}"


def names(page: Page) -> list[str]:
    return re.findall(r"{(\w+)}", page.path)


def at(page: Page, params: dict[str, str]) -> str:
    """The address; a parameter that the scope does not know of is any word."""
    return address(page.path, **{n: params.get(n, NOWHERE.get(n, "1")) for n in names(page)})


def asked(who: Browser, page: Page, params: dict[str, str]) -> Any:
    path = at(page, params)
    return who.get(path) if page.method == "GET" else who.post(path)


def foreign(page: Page, who: str) -> dict[str, str] | None:
    """Parameters of somebody else's object; None where no object is foreign to that person."""
    return None if who in REACHES_ALL.get(page.scope.name, ()) else FOREIGN[page.scope.name](who)


def test_the_table_is_all_there_is(house: House) -> None:
    served = {(method, route.path) for route in house.app().routes for method in route.methods - {"HEAD"}}
    assert served == {(page.method, re.sub(r"{(\w+)}", r"{\1:key}", page.path)) for page in ROUTES}
    assert len({(page.method, page.path) for page in ROUTES}) == len(ROUTES)


def test_only_login_language_and_assets_are_public() -> None:
    public = {"/login", "/login/code", "/language", "/static/{name}", "/healthz", "/healthz/ready"}
    assert {page.path for page in ROUTES if page.permission is Permission.PUBLIC} <= public


@pytest.mark.parametrize("page", PRIVATE, ids=name)
def test_an_object_of_a_path_has_a_scope(page: Page) -> None:
    """Without one anybody with the permission reaches every object."""
    assert (page.scope is ANY) == (not names(page))
    if page.scope is not ANY:
        assert set(FOREIGN[page.scope.name]("agent")) & set(names(page))


@pytest.mark.parametrize("page", PRIVATE, ids=name)
def test_nobody_comes_in_without_login(house: House, page: Page) -> None:
    params = FOREIGN[page.scope.name]("agent") if page.scope is not ANY else {}
    answer = asked(house.anonymous(), page, params)
    if page.method == "GET":
        assert answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize("page", PRIVATE, ids=name)
def test_nobody_comes_in_without_the_permission(house: House, page: Page) -> None:
    for who, person in PEOPLE.items():
        if person.role not in page.permission.roles:
            params = {"call_id": call_id("8001", 0), "agent_id": "8001", "team": "一组"}
            assert asked(house.client(who), page, params).status_code == 403, who


@pytest.mark.parametrize("page", [page for page in PRIVATE if page.scope is not ANY], ids=name)
def test_nobody_reaches_what_is_other_peoples(house: House, page: Page) -> None:
    house.publish(*(call_id(agent, index) for agent in AGENTS for index in range(3)))
    tried = 0
    for who, person in PEOPLE.items():
        if who in ("agent3", "lead2"):
            continue  # to whom the foreign objects belong
        if person.role in page.permission.roles and (params := foreign(page, who)) is not None:
            tried += 1
            assert asked(house.client(who), page, params).status_code in REFUSED, who
    assert tried or REACHES_ALL.get(page.scope.name)


@pytest.mark.parametrize("page", [page for page in PRIVATE if page.scope is not ANY], ids=name)
def test_what_does_not_exist_is_refused_in_the_same_words(house: House, page: Page) -> None:
    for who, person in PEOPLE.items():
        if person.role not in page.permission.roles:
            continue
        browser = house.client(who)
        missing = asked(browser, page, NOWHERE)
        assert missing.status_code == 404, who
        params = foreign(page, who)
        if params is not None and who not in ("agent3", "lead2") and page.scope.name in ("call", "agent", "team"):
            there = asked(browser, page, params)
            assert _words(there.text) == _words(missing.text)


def _words(html: str) -> str:
    """A page without what differs from request to request: its nonce, its address."""
    return re.sub(r'nonce="[^"]*"|name="next" value="[^"]*"', "", html)


@pytest.mark.parametrize("page", CHANGES, ids=name)
def test_no_change_without_the_token_and_from_elsewhere(house: House, page: Page) -> None:
    who = next(login for login, person in PEOPLE.items() if person.role in page.permission.roles)
    browser = house.client(who)
    params = {"call_id": call_id("8001", 0), "agent_id": "8001", "team": "一组"}
    path = at(page, params)
    before = house.actions()
    wrong = (
        {"data": {"csrf": ""}},
        {"data": {"csrf": "x" * 43}},
        {"headers": {"Origin": "https://evil.example"}},
        {"headers": {"Origin": "null"}},
        {"headers": {"Origin": ""}},
        {"headers": {"Origin": "http://127.0.0.1.evil.example"}},
        {"headers": {"Origin": "http://127.0.0.1:8080"}},
    )
    for bad in wrong:
        assert browser.post(path, **bad).status_code == 403, bad
    other = house.client(who)
    assert browser.post(path, {"csrf": other.csrf}).status_code == 403  # the token of another session
    assert house.actions() == before


@pytest.mark.parametrize("page", [page for page in ROUTES if page.method == "GET"], ids=name)
def test_a_page_is_never_kept_and_says_what_it_may_do(house: House, page: Page) -> None:
    answer = asked(house.client("qa"), page, {"call_id": call_id("8001", 0), "agent_id": "8001", "team": "一组", "name": "web.css"})
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'" and policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == policy["connect-src"] == policy["media-src"] == "'self'" and policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "same-origin"
    if page.plain is None:
        assert "no-store" in answer.headers["cache-control"]
    if "text/html" in answer.headers.get("content-type", ""):
        assert not re.search(r"<[^>]*\s(style|on\w+)=", answer.text)
        assert re.findall(r"<script(?![^>]*(?: src=| type=.application/json))", answer.text) == []


def test_agents_see_own_published_calls_only(house: House) -> None:
    own, other = call_id("8001", 0), call_id("8002", 0)
    agent = house.client("agent")
    for path in (f"/calls/{own}", f"/calls/{own}/audio", f"/calls/{other}", f"/calls/{other}/audio"):
        assert agent.get(path).status_code == 404  # a draft
    house.publish(own, other)
    assert agent.get(f"/calls/{own}").status_code == agent.get(f"/calls/{own}/audio").status_code == 200
    assert agent.get(f"/calls/{other}").status_code == agent.get(f"/calls/{other}/audio").status_code == 404


def test_leads_see_their_team_and_qa_all(house: House) -> None:
    for agent, (_, team) in AGENTS.items():
        path = f"/calls/{call_id(agent, 1)}"
        assert house.client("lead").get(path).status_code == (200 if team == "一组" else 404)
        assert house.client("lead2").get(path).status_code == (200 if team == "二组" else 404)
        assert house.client("qa").get(path).status_code == 200


@pytest.mark.parametrize("change", ["team = ''", "team = null", "agent_id = ''", "agent_id = null"])
def test_a_call_of_nobody_known_is_qas_alone(house: House, change: str) -> None:
    house.publish(call_id("8001", 0))
    with house.store.db.writing():
        house.store.db.sqlite.execute(f"update calls set {change} where call_id = ?", (call_id("8001", 0),))
    who = "lead" if change.startswith("team") else "agent"
    assert house.client(who).get(f"/calls/{call_id('8001', 0)}").status_code == 404
    assert house.client("qa").get(f"/calls/{call_id('8001', 0)}").status_code == 200


def test_a_withdrawn_call_is_not_shown(house: House) -> None:
    house.publish(call_id("8001", 0))
    with house.store.db.writing():
        row = {"call_id": call_id("8001", 0), "sha256": "x", "made_by": "me", "reason": "r", "created": "2025", "counts": 0, "proposed": 0}
        house.store.db.insert("withdrawals", row)
    for who in ("agent", "lead", "qa"):
        assert house.client(who).get(f"/calls/{call_id('8001', 0)}").status_code == 404


def test_a_changed_role_holds_at_once(house: House) -> None:
    from qa.people import accounts
    from qa.people.accounts import UserRole

    browser = house.client("qa")
    assert browser.get(f"/calls/{call_id('8001', 0)}").status_code == 200
    accounts.set_role(house.store.db, "qa", UserRole.HR, "", "", "admin")
    assert browser.get(f"/calls/{call_id('8001', 0)}").status_code == 303  # the session is over
    assert house.client("qa").get(f"/calls/{call_id('8001', 0)}").status_code == 403


@pytest.mark.parametrize(
    "value", ["a/b", "..", ".", "../../etc/passwd", "%2e%2e", "a b", "电话 1", "~2f", "a?b#c", "\udcff", "x\ny", "0", "-", "C-1.wav"]
)
def test_any_id_stands_in_an_address_and_comes_back(value: str) -> None:
    assert decoded(encoded(value)) == value
    path = address("/calls/{call_id}", call_id=value)
    assert re.fullmatch(r"/calls/[A-Za-z0-9_.~-]+", path) and path.removeprefix("/calls/").strip(".")


OUTSIDE = (
    *("/calls/..%2f..%2fetc%2fpasswd", "/calls/~2f~2e~2e/audio", "/calls/~zz", "/calls/%00"),
    *("/static/..%2fapp.py", "/static/~2e~2e~2fapp.py", "/static//etc/passwd"),
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_of_a_request_reaches_the_file_system(house: House, path: str) -> None:
    assert house.client("qa").get(path).status_code == 404


def test_a_session_of_before_the_reset_is_over(house: House) -> None:
    token = sessions.begin(house.store.db, house.users["qa"], house.clock[0])
    browser = house.anonymous()
    browser.client.cookies.set("qa-session", token)
    assert browser.get("/").status_code == 200
    house.clock[0] += sessions.IDLE_S
    assert browser.get("/").status_code == 303


def test_the_table_of_permissions_in_the_documentation_is_the_programs() -> None:
    document = (Path(__file__).parents[1] / "docs" / "web.md").read_text("utf-8")
    assert document.split("<!-- permissions -->\n")[1].split("\n<!-- /permissions -->")[0] == table()


def test_the_scope_of_a_call_knows_what_is_published(house: House) -> None:
    params = {"call_id": call_id("8001", 0)}
    assert not CALL_IN_REACH.holds(house.store, house.users["agent"], params)
    house.publish(call_id("8001", 0))
    assert CALL_IN_REACH.holds(house.store, house.users["agent"], params)
    for who in ("agent2", "lead2", "trainer", "hr", "admin"):
        assert not CALL_IN_REACH.holds(house.store, house.users[who], params)


def test_an_agent_sees_what_was_published_and_not_what_was_scored_since(house: House) -> None:
    own = call_id("8001", 0)
    house.publish(own)
    card = house.store.scorecard(own)
    house.store.record(house.store.call(own), replace(card, percent=12.5))
    assert ">12.5</text>" in house.client("qa").get(f"/calls/{own}").text
    seen = house.client("agent").get(f"/calls/{own}").text
    assert ">12.5</text>" not in seen and f">{percent_text(card.percent)}</text>" in seen


def test_no_customers_number_stands_in_a_page(house: House) -> None:
    """Neither as the switch wrote it nor as it was said."""
    text = house.client("qa").get(f"/calls/{call_id('8001', 1)}").text
    assert "138****5678" in text
    for number in (NUMBER, "一三八一二三四五六七八", "12345678", "一二三四五六七八"):
        assert number not in re.sub(r"<[^>]*>", "", text) and number not in text
