# ruff: noqa: F811
"""What is half-typed into any form stays for the same person: over the end of a session and another language, until it is saved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import PASSWORD, House, call_id, house, house_made  # noqa: F401

from qa.review import appeals, reviews

Open = Callable[..., Opened]
CALL = call_id("8001", 2)
FORM = f"/my/calls/{CALL}/appeal?rule=banned_phrases"
WHY = "客户先骂人，我一直在安抚"
TEXT = "document.querySelector('main form textarea[name=text]').value"
KEPT = "Object.keys(sessionStorage).filter(k => k.startsWith('draft'))"


def appealing(opened: Open, house: House, width: int = 1440) -> Opened:
    house.publish(CALL)
    one = opened("agent", FORM, width)
    one.page.fill("main form textarea[name=text]", WHY)
    return one


def end_sessions(house: House) -> None:
    with house.store.db.writing():
        house.store.db.sqlite.execute("delete from sessions")


def log_in(one: Opened, who: str) -> None:
    one.page.fill("input[name=login]", who)
    one.page.fill("input[name=password]", PASSWORD)
    one.page.click("main button.primary")
    one.until("document.body.dataset.account")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_form_survives_the_end_of_a_session(opened: Open, house: House, width: int) -> None:
    one = appealing(opened, house, width)
    end_sessions(house)
    one.page.click("main form button.primary")
    one.until("document.querySelector('input[name=password]')")
    assert one.page.evaluate("document.querySelector('textarea[readonly]').value") and WHY in one.page.content()
    one.shot("session-ended")
    one.complaints.clear()  # the browser tells a 401 of its own accord
    one.well()
    log_in(one, "agent")
    assert one.page.url.endswith(FORM) and one.page.evaluate(TEXT) == WHY
    assert appeals.against(house.store.db, CALL) == (), "nothing is sent by itself"
    one.page.click("main form button.primary")
    one.until("location.pathname.startsWith('/my') && !document.querySelector('main form textarea[name=text]')")
    (filed,) = appeals.against(house.store.db, CALL)
    assert filed.text == WHY and one.page.evaluate(KEPT) == []


def test_a_review_survives_it_too_where_htmx_sends(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{CALL}?team=x")
    one.page.fill("#comment", WHY)
    end_sessions(house)
    one.page.click('article[data-rule="banned_phrases"] button[data-act="confirm"]')
    one.until("location.pathname === '/login'")
    log_in(one, "qa")
    one.until(f"location.pathname === '/review/{CALL}'")
    assert one.page.url.endswith("?team=x") and one.page.evaluate("document.getElementById('comment').value") == WHY
    assert reviews.of_call(house.store.db, CALL) == ()


def test_somebody_else_who_logs_in_finds_nothing(opened: Open, house: House) -> None:
    one = appealing(opened, house)
    end_sessions(house)
    one.page.goto(f"{one.address}{FORM}")
    one.until("location.pathname === '/login'")
    log_in(one, "agent2")
    assert one.page.evaluate(KEPT) == []


def test_another_language_keeps_what_is_typed(opened: Open, house: House) -> None:
    one = appealing(opened, house)
    one.page.select_option("main form select[name=reason]", index=1)
    reason = one.page.evaluate("document.querySelector('main form select[name=reason]').value")
    one.page.click("form[action='/language'] button")
    one.until("document.documentElement.lang === 'en'")
    assert one.page.evaluate(TEXT) == WHY and one.page.evaluate("document.querySelector('main form select[name=reason]').value") == reason


def test_what_is_taken_back_by_hand_or_never_was_typed_is_not_kept(opened: Open, house: House) -> None:
    one = appealing(opened, house)
    assert len(one.page.evaluate(KEPT)) == 1
    one.page.fill("main form textarea[name=text]", "")
    assert one.page.evaluate(KEPT) == []
    one.page.select_option("main form select[name=reason]", index=1)
    assert one.page.evaluate(KEPT) == [], "a choice alone is nothing that was typed"


def test_another_form_of_the_same_kind_is_another_one(opened: Open, house: House) -> None:
    one = appealing(opened, house)
    one.page.goto(f"{one.address}/my/calls/{CALL}/appeal")
    assert one.page.evaluate(TEXT) == ""
    one.page.goto(f"{one.address}{FORM}")
    assert one.page.evaluate(TEXT) == WHY


def test_forms_with_a_password_are_never_kept(opened: Open, house: House) -> None:
    one = opened("admin", "/users/add")
    one.page.fill("input[name=name]", "王芳")
    one.page.fill("input[type=password]", "geheim-und-lang")
    assert one.page.evaluate(KEPT) == [] and "geheim" not in one.page.evaluate("Object.values(sessionStorage).join()")
