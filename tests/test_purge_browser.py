"""The pages of a call whose words were deleted, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from test_purge import LATER, OLD, own_recordings
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
