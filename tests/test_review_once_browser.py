# ruff: noqa: F811
"""In a browser: a review is not finished again by going back, and a filter that is wrong stands again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.review import queue, reviews

Open = Callable[..., Opened]
CALL = call_id("8001", 2)


@pytest.mark.parametrize("width", WIDTHS)
def test_going_back_finishes_nothing_twice(opened: Open, house: House, width: int) -> None:
    queue.refresh(house.store)
    one = opened("qa", f"/review/{CALL}", width)
    one.page.evaluate("document.querySelector('details.comment').open = true")
    one.page.fill("#comment", "听完了")
    one.page.click("#done button.primary")
    one.until("document.querySelector('#notices .good')")
    one.page.go_back()
    one.until(f"location.pathname === '/review/{CALL}' && document.getElementById('done')")
    one.page.evaluate("document.querySelector('details.comment').open = true")
    one.page.fill("#comment", "还有一句")
    one.page.click("#done button.primary")
    one.until("document.getElementById('refused')")
    assert "复核完成" in one.page.inner_text("#refused") and one.page.input_value("#comment") == "还有一句"
    assert len(reviews.of_call(house.store.db, CALL)) == 1
    one.shot("review-again")
    one.complaints.clear()  # the browser tells a 409 of its own accord
    one.well()
    one.page.check("#done input[name=again]")
    one.page.click("#done button.primary")
    one.until("!document.getElementById('refused') && document.querySelector('#notices .good')")
    assert [review.comment for review in reviews.of_call(house.store.db, CALL)] == ["听完了", "还有一句"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("who", "path"), [("qa", "/review"), ("qa", "/publish"), ("qa", "/rules/overturned"), ("admin", "/audit")])
def test_a_wrong_period_is_told_beside_its_field(opened: Open, house: House, who: str, path: str, width: int) -> None:
    one = opened(who, f"{path}?since=2025-06-12&until=2025-06-11", width)
    assert "结束日期早于开始日期" in one.page.inner_text("#f-until-bad")
    one.shot(f"slip{path.replace('/', '-')}")
    one.complaints.clear()  # the browser tells a 400 of its own accord
    one.well()
