# ruff: noqa: F811
"""What was found after a verdict, as QA and the agent see it in a browser."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from test_review_seen_web import NEW, B, found_since  # noqa: F401
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, house, house_made  # noqa: F401


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("who", "at"), [("qa", f"/review/{B}"), ("agent", f"/my/calls/{B}")])
def test_what_is_open_is_readable_at_both_widths(opened: Callable[..., Opened], found_since: House, who: str, at: str, width: int) -> None:
    found_since.clock[0] = time.time()
    one = opened(who, at, width)
    assert NEW in one.page.content()
    one.well()
    one.shot(f"found-since-{who}")
