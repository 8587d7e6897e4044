# ruff: noqa: F811
"""A session that ends in the middle of a form: the login leads back to it, what was typed is shown, and nothing is sent again by itself."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.review import appeals, reviews
from qa.web import returning
from qa.web.ask import Fields

CALL = call_id("8001", 2)
FORM = f"/my/calls/{CALL}/appeal"
WORDS = "客户先骂人，<我>一直在安抚"
HERE = "http://127.0.0.1"
TEMPLATES = Path(__file__).parent.parent / "qa" / "templates" / "web"


def ended(house: House, who: str = "agent") -> Any:
    """A browser whose session has just ended."""
    browser = house.client(who)
    with house.store.db.writing():
        house.store.db.sqlite.execute("delete from sessions")
    return browser


def shown(page: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(r"<textarea readonly[^>]*>([^<]*)</textarea>", page)]


def led_to(page: str) -> str:
    found = re.search(r'name="next" value="([^"]*)">\s*<div class="field"><label for="f-login"', page)
    assert found is not None
    return html.unescape(found[1])


def test_the_answer_is_the_login_with_the_way_back_and_what_was_typed(house: House) -> None:
    house.publish(CALL)
    came_from = {"Referer": f"{HERE}{FORM}?rule=banned_phrases"}
    sent = {"rule": "banned_phrases", "reason": "其他", "text": WORDS}
    answer = ended(house).post(FORM, sent, headers=came_from)
    assert answer.status_code == 401
    assert "登录已过期" in answer.text and led_to(answer.text) == f"{FORM}?rule=banned_phrases"
    assert shown(answer.text) == ["其他", WORDS] and "<我>" not in answer.text
    assert appeals.against(house.store.db, CALL) == ()
    again = ended(house)
    page = again.post(FORM, sent, headers=came_from)
    token = re.search(r'name="csrf" value="([^"]*)"', page.text)
    assert token is not None
    again.csrf = token[1]
    login = again.post("/login", {"login": "agent", "password": "seven-blue-tapirs-sing", "next": led_to(page.text)})
    assert (login.status_code, login.headers["location"]) == (303, f"{FORM}?rule=banned_phrases")
    assert appeals.against(house.store.db, CALL) == (), "nobody but the person sends it again"


@pytest.mark.parametrize(
    ("path", "told", "back"),
    [
        (
            f"/review/{CALL}/finish",
            f"{HERE}/review/{CALL}?worth=100&team=%E4%B8%80%E7%BB%84",
            f"/review/{CALL}?worth=100&team=%E4%B8%80%E7%BB%84",
        ),
        (f"/review/{CALL}/finish", "", f"/review/{CALL}"),
        (f"/review/{CALL}/finish", f"http://elsewhere.example/review/{CALL}", f"/review/{CALL}"),
        (f"/review/{CALL}/finish", f"{HERE}//elsewhere.example/", f"/review/{CALL}"),
        (f"/review/{CALL}/finish", f"{HERE}/review/{CALL}/verdict", f"/review/{CALL}"),  # an answer to a form: no page of its own
        (f"/review/{CALL}/finish", "http://[", f"/review/{CALL}"),
        (FORM, f"{HERE}/no/such/page", FORM),
    ],
)
def test_the_way_back_is_the_page_of_the_form(house: House, path: str, told: str, back: str) -> None:
    answer = ended(house).post(path, {"comment": WORDS}, headers={"Referer": told} if told else {})
    assert answer.status_code == 401 and led_to(answer.text) == back
    parts = ended(house).post(path, {"comment": WORDS}, headers={"HX-Request": "true"} | ({"HX-Current-URL": told} if told else {}))
    from urllib.parse import parse_qs, urlsplit

    onward = urlsplit(parts.headers["hx-redirect"])
    assert parts.status_code == 401 and onward.path == "/login" and parse_qs(onward.query)["next"] == [back]


def test_nothing_is_shown_to_another_site_nor_of_what_nobody_may_read(house: House) -> None:
    for headers in ({"Origin": "http://elsewhere.example"}, {"Origin": "null"}):
        answer = ended(house).post(FORM, {"text": WORDS}, headers=headers)
        assert answer.status_code == 401 and shown(answer.text) == []
    for name in sorted(returning.SECRET):
        assert shown(ended(house).post("/password", {name: "七只 蓝貘"}).text) == []
    long = ended(house).post(FORM, {"text": "长" * 70_000})
    assert long.status_code == 401 and shown(long.text) == [], "so much is not read of nobody"
    other = ended(house).post(FORM, content=b"\xff\xfe", headers={"Content-Type": "multipart/form-data"})
    assert other.status_code == 401
    assert shown(house.anonymous().post("/review/assign", {"text": WORDS}).text) == [WORDS]


def test_every_field_for_a_secret_is_known_as_one() -> None:
    secret = re.compile(r"one-time-code|current-password|new-password|type=\"password\"")
    found = set()
    for template in TEMPLATES.rglob("*.j2"):
        for field in re.findall(r"<input[^>]*>|web\.field\(.*?\) }}", template.read_text("utf-8")):
            if secret.search(field):
                name = re.search(r'name="(\w+)"', field) or re.match(r'web\.field\("(\w+)"', field)
                assert name is not None, field
                found.add(name[1])
    assert {"password", "own", "new", "code"} <= found <= returning.SECRET


def test_words_are_shown_and_no_ids() -> None:
    form = Fields(
        [
            ("rule", "banned_phrases"),
            ("on", "1.2.3"),
            ("day", "2025-06-01"),
            ("a", "two words"),
            ("b", "语气"),
            ("c", "语气"),
            ("csrf", "语"),
        ]
    )
    assert returning.typed(form) == ("two words", "语气")


def test_a_page_that_is_too_old_shows_what_was_typed_too(house: House) -> None:
    browser = house.client("qa")
    browser.csrf = "of-another-login"
    answer = browser.post(f"/review/{CALL}/finish", {"comment": WORDS})
    assert answer.status_code == 403 and shown(answer.text) == [WORDS] and reviews.of_call(house.store.db, CALL) == ()


def test_in_english_too(house: House) -> None:
    browser = ended(house)
    browser.client.cookies.set("qa-lang", "en")
    answer = browser.post(FORM, {"text": WORDS})
    assert "Your session has ended" in answer.text and "What you wrote; it is not saved yet" in answer.text
