# ruff: noqa: F811
"""A long state in English, where words are longer than in Chinese, on a narrow page: it breaks inside its badge, the page stays as wide
as the window."""

from __future__ import annotations

import time
from collections.abc import Callable

from web_browser import Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.review import appeals
from qa.review.appeal_states import today

CALL = call_id("8001", 1)
NARROW = 360


def test_the_state_of_an_appeal_fits_into_a_narrow_page_in_english(opened: Callable[..., Opened], house: House) -> None:
    house.clock[0] = time.time()
    house.publish(CALL)
    one = appeals.file(house.store, CALL, "", "8001", "文字与录音不符", "请再听一遍", "李敏", today())
    for who, path in (("qa", f"/review/{CALL}"), ("qa", f"/appeals/{one.id}"), ("lead", f"/team/appeals/{one.id}"), ("agent", "/")):
        page = opened(who, path, NARROW)
        page.context.add_cookies([{"name": "qa-lang", "value": "en", "url": page.address}])
        page.page.reload()
        page.until("document.documentElement.lang === 'en' && /Wait(ing|s) for/.test(document.body.textContent)")
        page.well()
        page.shot(f"narrow-{who}")
