"""Rules edited in a real browser, at 360 and 1440 px: a limit changed, a phrase added, tried, adopted with a date."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, pytestmark  # noqa: F401
from web_house import House

from qa.review import rule_editing

Open = Callable[..., Opened]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_limit_and_a_phrase_are_changed_tried_and_adopted(house: House, opened: Open, width: int) -> None:
    one = opened("qa", "/rules", width)
    one.shot("rules")
    one.page.locator("form[action='/rules'] button").click()
    one.until("location.pathname === '/rules/1'")
    one.well()
    one.shot("rules-draft")
    field = one.page.locator("#l-speech_rate-max_cpm")
    field.fill("100")
    field.press("Enter")
    one.until("document.querySelector('#l-speech_rate-max_cpm').getAttribute('aria-invalid') === 'true'")
    one.well() if not one.complaints else None  # the answer 400 is told in the console
    one.shot("rules-refused")
    one.complaints.clear()
    field = one.page.locator("#l-speech_rate-max_cpm")
    assert field.input_value() == "100"
    field.fill("210")
    field.press("Enter")
    one.until("document.getElementById('notices').textContent.includes('还写着原来的数字')")
    one.well()
    one.shot("rules-old-text")
    clause = one.page.locator("#t-speech_rate-clause")
    assert clause.is_visible() and "还写着 200" in one.page.locator("#t-speech_rate-clause-bad").inner_text()
    clause.fill("语速适中，每分钟吐字140–210个。")
    one.page.locator("#r-speech_rate .actions button").click()
    one.until("document.getElementById('notices').textContent.includes('限值已保存')")
    one.page.locator("#p-1").fill("你问别人去")
    one.page.locator("#p-1").press("Enter")
    one.until("document.getElementById('notices').textContent.includes('已加入词表')")
    one.well()
    one.shot("rules-changed")
    one.page.locator("#try input[name=since]").fill("2025-06-01")
    one.page.locator("#try button").click()
    one.until("location.pathname === '/rules/1/try'")
    one.well()
    one.shot("rules-tried")
    one.page.locator("#adopt input[name=version]").fill("六月版")
    one.page.locator("#adopt input[name=from]").fill("2025-06-16")
    one.page.locator("#adopt button").click()
    one.until("document.getElementById('notices').textContent.includes('已采用')")
    one.well()
    one.shot("rules-adopted")
    book = house.store.ledger.load(rule_editing.get(house.store.db, 1).adopted)
    assert next(rule.params.max_cpm for rule in book.rules if rule.id == "speech_rate") == 210
