"""The pages of a call whose words, or what persons wrote about it, were deleted, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from test_purge import LATER, OLD, own_recordings
from test_purge_remarks import ONLY_OLD, write
from web_browser import WIDTHS, pytestmark  # noqa: F401
from web_house import House

from qa.operation import purge
from qa.operation.retention import Retention


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("who", "path"), [("agent", f"/my/calls/{OLD}"), ("qa", f"/review/{OLD}")])
def test_pages_of_a_call_without_words(house: House, opened: Any, who: str, path: str, width: int) -> None:
    own_recordings(house)
    house.publish(OLD)
    purge.run(house.store, Retention({"transcripts": 365}), "管理员", LATER)
    page = opened(who, path, width)
    page.well()
    page.shot(f"purged-{who}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("who", "path"), [("qa", f"/review/{OLD}"), ("agent", "/my/appeals/{0}"), ("qa", "/appeals/{0}"), ("qa", "/clips/{1}")]
)
def test_pages_of_a_call_without_what_persons_wrote(house: House, opened: Any, who: str, path: str, width: int) -> None:
    made = write(house, OLD)
    purge.run(house.store, ONLY_OLD, "管理员", LATER)
    page = opened(who, path.format(*made), width)
    page.well()
    page.shot(f"remarks-{who}-{path.split('/')[1]}")
