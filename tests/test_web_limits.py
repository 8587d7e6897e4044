"""How much somebody who is logged in may ask for."""

from __future__ import annotations

import threading

import pytest
from web_house import House

from qa.people.throttle import Buckets, Rate
from qa.web.routes import ROUTES
from qa.web.settings import COSTLY_RATE, RATE

FEW = {"rate": Rate(6, 1.0), "costly_rate": Rate(2, 0.5)}


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets, rate = Buckets(), Rate(3, 0.5)
    assert [buckets.wait("wang", rate, 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert buckets.wait("li", rate, 100.0) == 0.0  # everybody has their own
    assert buckets.wait("wang", rate, 101.0) == 1.0 and buckets.wait("wang", rate, 102.0) == 0.0
    assert [buckets.wait("wang", rate, 10_000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]  # it never holds more than its burst


def test_a_clock_that_is_put_back_gives_nothing_and_locks_nobody_out() -> None:
    buckets, rate = Buckets(), Rate(1, 1.0)
    assert buckets.wait("wang", rate, 1000.0) == 0.0 and buckets.wait("wang", rate, 10.0) == 1.0
    assert buckets.wait("wang", rate, 11.0) == 0.0


def test_many_threads_get_no_more_than_one() -> None:
    buckets, rate, got = Buckets(), Rate(50, 1.0), []
    threads = [threading.Thread(target=lambda: got.extend(buckets.wait("wang", rate, 1.0) for _ in range(40))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert got.count(0.0) == 50


def test_who_asks_for_too_much_is_told_when_to_come_back(house: House) -> None:
    qa = house.client("qa", **FEW)
    answers = [qa.get("/search") for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "2" and "请求太多，请 2 秒后再试" in answers[2].text
    assert qa.get("/").status_code == 200  # pages go on
    assert house.client("trainer", **FEW).get("/search").status_code == 200  # as do others
    house.clock[0] += 2
    assert qa.get("/search").status_code == 200 and qa.get("/search").status_code == 429


def test_all_that_an_account_asks_for_counts_whatever_browser_and_answer(house: House) -> None:
    here, there = house.client("qa", **FEW), house.client("qa", **FEW)
    asked = [
        here.get("/"),
        there.get("/"),
        here.get("/calls/nobody-knows-it"),
        here.get("/users"),
        there.post("/review/assign"),
        here.get("/"),
    ]
    assert 429 not in [a.status_code for a in asked]
    for browser in (here, there):
        assert browser.get("/").status_code == 429 and browser.post("/review/assign").status_code == 429


def test_what_was_refused_changes_nothing(house: House) -> None:
    hr = house.client("hr", **FEW)
    before = len(house.actions())
    statuses = [hr.get("/appraisal/csv?month=2025-06").status_code for _ in range(5)]
    assert statuses[2:] == [429] * 3 and len(house.actions()) - before <= 2


def test_what_takes_long_or_much_away_is_costly() -> None:
    exports = [page for page in ROUTES if page.path.endswith(("/export", "/export/{kind}", "/xlsx", "/csv", "/print"))]
    assert exports and all(page.costly for page in exports)
    assert {(page.method, page.path) for page in ROUTES if page.costly} >= {
        ("GET", "/search"),
        ("POST", "/search/{card}/cut"),
        ("GET", "/search/{card}/sound"),
        ("POST", "/clips/{clip_id}/edit"),
        ("GET", "/rules/{draft}/try"),
        ("POST", "/audit/verify"),
    }


@pytest.mark.parametrize("rate", [RATE, COSTLY_RATE])
def test_the_limits_of_a_house_leave_room_for_people(rate: Rate) -> None:
    """A request a second for an hour, as the load test asks, and fifty at once."""
    buckets = Buckets()
    assert not any(buckets.wait("wang", rate, float(second)) for second in range(3600))
    assert not any(buckets.wait("wang", rate, 3600.0) for _ in range(50))
