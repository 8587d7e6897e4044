# ruff: noqa: F811
"""Two who review at once: what one is at, or has been given, the other does not come to as the next call; and nothing is lost by that."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.people import accounts
from qa.review import assignments, looking, queue, versions
from qa.review.queue import Filter


def order(house: House) -> list[str]:
    queue.refresh(house.store)
    return [row.call_id for row in queue.page(house.store.db, Filter())]


def ident(house: House, login: str) -> int:
    return house.users[login].id


def finish(house: House, who: str, call: str, **query: str) -> str:
    """Where one comes to who finishes a call."""
    form = {"comment": "", "on": versions.version(house.store.db, call)}
    answer = house.client(who).post(f"/review/{call}/finish", form, params=query)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def opened(house: House, who: str, call: str) -> str:
    answer = house.client(who).get(f"/review/{call}")
    assert answer.status_code == 200
    return unescape(answer.text)


def test_two_who_finish_come_to_two_calls_even_before_either_has_opened_one(house: House) -> None:
    calls = order(house)
    opened(house, "qa", calls[0])
    opened(house, "qa2", calls[1])
    assert finish(house, "qa", calls[0]) == f"/review/{calls[2]}"
    assert finish(house, "qa2", calls[1]) == f"/review/{calls[3]}"


def test_the_queue_and_the_screen_say_who_is_at_it_and_it_may_be_opened_all_the_same(house: House) -> None:
    calls = order(house)
    opened(house, "qa2", calls[0])
    page = unescape(house.client("qa").get("/review").text)
    row = re.findall(rf'<tr>(?:(?!</tr>).)*value="{calls[0]}".*?</tr>', page)[0]
    assert "质检主管 正在看" in row and page.count("正在看") == 1
    (start,) = re.findall(r'<a class="button primary" href="/review/([^"?]+)', page)
    assert start == calls[1]
    assert "质检主管 正在看" in opened(house, "qa", calls[0])
    mine = unescape(house.client("qa2").get("/review").text)
    assert "质检小王 正在看" in mine and "质检主管 正在看" not in mine


def test_it_ends_with_the_finished_review_with_the_log_out_and_by_itself(house: House) -> None:
    db, me = house.store.db, ident(house, "qa")
    calls = order(house)
    opened(house, "qa2", calls[0])
    assert list(looking.others(db, me)) == [calls[0]] and looking.others(db, ident(house, "qa2")) == {}
    finish(house, "qa2", calls[0])
    assert calls[0] not in looking.others(db, me) and len(looking.others(db, me)) == 1, "the call that one was led to"
    house.client("qa2").post("/logout")
    assert looking.others(db, me) == {}
    opened(house, "qa2", calls[3])
    soon, late = (datetime.now(UTC) + looking.LEASE + timedelta(seconds=s) for s in (-30, 30))
    assert list(looking.others(db, me, soon)) == [calls[3]] and looking.others(db, me, late) == {}


def test_only_the_review_screen_of_reviewers_counts(house: House) -> None:
    house.publish(call_id("8001", 0))
    for who, path in (("lead", "/calls/"), ("qa2", "/calls/"), ("agent", "/my/calls/")):
        assert house.client(who).get(path + call_id("8001", 0)).status_code == 200
    assert looking.others(house.store.db, ident(house, "qa")) == {}


def test_what_another_one_has_is_passed_over_unless_it_is_asked_for_or_nobody_has_it_any_more(house: House) -> None:
    calls, db, me, chief = order(house), house.store.db, ident(house, "qa"), ident(house, "qa2")
    assignments.assign(house.store, calls[1:3], chief, "质检主管")
    assert queue.following(db, Filter(), calls[0], None, me) == calls[3]
    assert queue.following(db, Filter(), calls[0], None, chief) == calls[1]
    assert queue.following(db, Filter(assignee=str(chief)), calls[1], None, me) == calls[2]
    assert queue.following(db, Filter(), calls[0], None, me, passed=calls[3:]) is None
    accounts.set_disabled(db, house.users["qa2"].login, True, "admin")
    assert queue.following(db, Filter(), calls[0], None, me) == calls[1]


def test_where_only_others_calls_are_left_it_is_said_and_they_stay_in_the_queue(house: House) -> None:
    calls = order(house)
    assignments.assign(house.store, calls[2:], ident(house, "qa2"), "质检主管")
    opened(house, "qa2", calls[1])
    browser = house.client("qa")
    form = {"comment": "", "on": versions.version(house.store.db, calls[0])}
    answer = browser.post(f"/review/{calls[0]}/finish", form)
    assert answer.headers["location"] == "/review"
    page = unescape(browser.get("/review").text)
    assert "剩下的有人正在看，或已分派给别人" in page and all(f'value="{one}"' in page for one in calls[1:])
    assert "从第一通开始" not in page


@pytest.mark.parametrize("act", ["verdict", "roles"])
def test_who_decides_something_is_still_at_it(house: House, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, db = order(house), house.store.db
    opened(house, "qa2", calls[0])
    before = looking.others(db, ident(house, "qa"))[calls[0]].at
    on = versions.version(db, calls[0])
    form = {"verdict": {"rule": "greeting", "action": "confirm"}, "roles": {"role-ch0": "agent", "reason": "听了"}}[act]
    assert house.client("qa2").post(f"/review/{calls[0]}/{act}", form | {"on": on}).status_code == 303
    assert looking.others(db, ident(house, "qa"))[calls[0]].at >= before
