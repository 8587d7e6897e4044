"""Where one is on the page of a draft after a change: at the form that was sent; a refusal stands beside it."""

# ruff: noqa: F811
from __future__ import annotations

from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, house, house_made  # noqa: F401

from qa.review import rule_editing

Open = Callable[..., Opened]
FOCUSED = "document.activeElement.id"


def fields(house: House, **more: str) -> dict[str, str]:
    (one,) = rule_editing.drafts(house.store.db)
    return {"revision": str(one.revision), **more}


def begun(house: House) -> str:
    answer = house.client("qa").post("/rules", {"book": "default"})
    return str(answer.headers["location"])


def test_after_a_change_one_is_at_the_form_that_was_sent(house: House) -> None:
    client, at = house.client("qa"), begun(house)
    sent = (
        ({"rule": "speech_rate", "key": "max_cpm", "value": "210"}, "#r-speech_rate"),
        ({"list": "banned.txt", "phrase": "你问别人去"}, "?list=banned.txt#add-banned.txt"),
        ({"list": "banned.txt", "text": "你自己打别的电话\n"}, "?list=banned.txt#all-banned.txt"),
    )
    for form, place in sent:
        done = client.post(at, fields(house, **form))
        assert (done.status_code, done.headers["location"]) == (303, at + place)
        assert f'id="{place.partition("#")[2]}" tabindex="-1"' in client.get(done.headers["location"].partition("#")[0]).text
    opened = client.get(f"{at}?list=banned.txt").text.partition('id="list-banned.txt"')[2].partition(">")[0]
    assert " open" in opened
    adopt = fields(house, version="新版", **{"from": "2025-06-20", "old-texts": "1"})
    done = client.post(f"{at}/adopt", adopt)
    assert done.headers["location"] == f"{at}#adopt" and 'id="adopt" tabindex="-1"' in client.get(at).text


def test_a_refusal_stands_beside_the_form_that_it_is_about(house: House) -> None:
    client, at = house.client("qa"), begun(house)
    sent = (
        (at, {"rule": "speech_rate", "key": "max_cpm", "value": "viele"}, "r-speech_rate"),
        (at, {"list": "banned.txt", "phrase": "a b|c"}, "add-banned.txt"),
        (f"{at}/adopt", {"version": "", "from": "2025-06-20"}, "adopt"),
        (at, {"rule": "no_such", "key": "max_cpm", "value": "1"}, ""),
    )
    for to, form, place in sent:
        page = client.post(to, fields(house, **form)).text
        assert page.count('id="refused"') == 1, place
        before = page.partition('id="refused"')[0]
        assert not place or before.rpartition('" tabindex="-1">')[0].rpartition('id="')[2] == place
    page = client.get(at).text
    assert page.count(f'action="{at}#refused"') >= 3 and f'action="{at}/adopt#refused"' in page and 'id="refused"' not in page


@pytest.mark.parametrize("width", WIDTHS)
def test_one_is_where_one_was_with_the_focus_there(house: House, opened: Open, width: int) -> None:
    at = begun(house)
    one = opened("qa", at, width)
    field = one.page.locator("#l-speech_rate-max_cpm")
    field.fill("100")
    field.press("Enter")
    one.until(f"{FOCUSED} === 'refused'")
    one.complaints.clear()
    field = one.page.locator("#l-speech_rate-max_cpm")
    field.fill("190")
    field.press("Enter")
    one.until(f"{FOCUSED} === 'r-speech_rate'")
    one.page.locator("#list-banned\\.txt").evaluate("e => { e.open = true; }")
    one.page.locator("#p-1").fill("你问别人去")
    one.page.locator("#p-1").press("Enter")
    one.until(f"{FOCUSED} === 'add-banned.txt'")
    assert one.page.locator("#p-1").is_visible()
    one.well()
    one.shot("rules-place")


def test_the_first_call_is_reached_before_the_filters(house: House, opened: Open) -> None:
    house.client("qa").get("/review")
    one = opened("qa", "/review", 1440)
    one.page.locator("h1").evaluate("e => { e.tabIndex = -1; e.focus(); }")
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("document.activeElement.matches('main a.button.primary')")
    first = one.page.locator("table a").first.get_attribute("href")
    assert one.page.evaluate("document.activeElement.getAttribute('href')") == first
    one.well()
    one.shot("queue-first")
    one.page.keyboard.press("Enter")
    one.until(f"location.pathname === '{first}'")
