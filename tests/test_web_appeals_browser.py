# ruff: noqa: F811
"""The page of an appeal that may be right in part, in a real browser: at both widths, answered by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from test_web_appeals import breaches, three  # noqa: F401
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, house, house_made  # noqa: F401

from qa.review import appeals


@pytest.mark.parametrize("width", WIDTHS)
def test_a_part_is_accepted_by_keyboard(opened: Callable[..., Opened], house: House, three: appeals.Appeal, width: int) -> None:
    one = opened("qa", f"/appeals/{three.id}", width)
    one.well()
    one.shot("appeal-parts")
    one.tab_to('[name="text"]')
    one.page.keyboard.type("听了两遍")
    one.tab_to('[name="accepted"][value="1"]')
    one.page.keyboard.press("Space")
    one.tab_to('button[value="accept"]')
    one.page.keyboard.press("Enter")
    one.until("document.querySelector('.steps') && document.querySelector('.steps').textContent.includes('仍然算的：0:06.5')")
    one.well()
    one.shot("appeal-parts-answered")
    assert breaches(house) == 1
    read = opened("agent", f"/my/appeals/{three.id}", width)
    read.well()
    read.shot("appeal-parts-agent")
