# ruff: noqa: F811
"""A filter whose period is none stands again with all that was typed, and what is wrong beside the field."""

from __future__ import annotations

import html
import re

import pytest
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.people import audit

PAGES = (
    ("qa", "/review", {"state": "done", "agent_id": "8001", "team": "一组"}),
    ("qa", "/publish", {"team": "一组"}),
    ("qa", "/rules/overturned", {}),
    ("admin", "/audit", {"by": "质检小王", "object": "HN-8001-0"}),
)
EARLY, NO_DAY = "结束日期早于开始日期", "请写日期，如 2025-06-01"


@pytest.mark.parametrize(("who", "path", "more"), PAGES, ids=[page[1] for page in PAGES])
@pytest.mark.parametrize(
    ("since", "until", "wrong"),
    [
        ("2025-06-12", "2025-06-11", {"until": EARLY}),
        ("12.6.2025", "", {"since": NO_DAY}),
        ("2025-02-30", "0025-06-11", {"since": NO_DAY, "until": NO_DAY}),
    ],
)
def test_the_form_stands_again(
    house: House, who: str, path: str, more: dict[str, str], since: str, until: str, wrong: dict[str, str]
) -> None:
    answer = house.client(who).get(path, params={**more, "since": since, "until": until})
    page = html.unescape(answer.text)
    assert answer.status_code == 400 and "没有筛选：" in page and f'action="{path}"' in page
    for name, value in {"since": since, "until": until}.items():
        field = re.search(rf'<input id="f-{name}" name="{name}" type="(\w+)" value="([^"]*)"([^>]*)>', page)
        assert field is not None and field[2] == value
        assert (field[1] == "text" and 'aria-invalid="true"' in field[3]) == (name in wrong)
        assert (f'<p class="told" id="f-{name}-bad">✗ {wrong.get(name)}</p>' in page) == (name in wrong)
    for name, value in more.items():
        kept = re.search(rf'name="{name}"[^>]* value="{value}"|name="{name}".*?<option value="{value}" selected', page, re.S)
        assert kept is not None, name
    assert "<table" not in page and "共 0 通" not in page
    assert "没有符合条件" not in page and "没有等待公布" not in page and "没有人工判定" not in page, "nobody has looked"


@pytest.mark.parametrize(("who", "path", "more"), PAGES, ids=[page[1] for page in PAGES])
def test_a_period_that_is_one_is_asked_for(house: House, who: str, path: str, more: dict[str, str]) -> None:
    answer = house.client(who).get(path, params={"since": "2025-06-10", "until": "2025-06-10"})
    assert answer.status_code == 200 and "没有筛选" not in answer.text
    assert re.search(r'name="since" type="date" value="2025-06-10"', answer.text)


def test_the_publish_list_is_of_the_period(house: House) -> None:
    page = house.client("qa").get("/publish", params={"since": "2025-06-11", "until": "2025-06-11"}).text
    assert call_id("8001", 1) in page and call_id("8001", 0) not in page


def test_where_nobody_asks_for_a_period_the_newest_days_stand_in_the_form(house: House) -> None:
    page = house.client("qa").get("/rules/overturned").text
    assert re.search(r'name="since" type="date" value="2025-03-18"', page) and re.search(r'name="until" type="date" value=""', page)


def test_a_search_of_the_log_that_was_none_is_told_in_english_and_read_by_nobody(house: House) -> None:
    browser = house.client("admin")
    browser.client.cookies.set("qa-lang", "en")
    page = browser.get("/audit", params={"since": "2025-06-12", "until": "2025-06-11"}).text
    assert "Nothing was filtered:" in page and "The last day lies before the first" in page
    told = [dict(one.details) for one in audit.entries(house.store.db, limit=50) if one.action == "audit.view"]
    assert [one["rows"] for one in told] == ["0"]
