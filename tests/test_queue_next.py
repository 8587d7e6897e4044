"""Which call comes after the one that was finished: each once, in the order of the queue, whatever appeals are under way."""

# ruff: noqa: F811
from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from stored_houses import call, house, save
from test_review_work import BY, FINE, fill, store  # noqa: F401
from web_house import House, call_id, house_made  # noqa: F401
from web_house import house as web  # noqa: F401

from qa.review import appeals, publications, queue, reviews, sampling, verdicts, versions
from qa.review.queue import Filter
from qa.store import Store
from qa.types import Outcome


def appealed(store: Store, call_id: str, supported: bool = True) -> int:
    """An appeal of the call's agent, which waits for QA, or for the team lead."""
    publications.publish(store, [call_id], "李质检")
    agent = store.stored_call(call_id).agent_id  # type: ignore[union-attr]
    one = appeals.file(store, call_id, "pickup", str(agent), "其他", "三声就接了", "张坐席")
    if supported:
        appeals.answer(store, one.id, "lead", "support", "请质检听", "陈")
    return one.id


def house_of(store: Store, folder: Path, calls: int) -> list[str]:
    """Calls with a fine that waits; the queue's order is the newest first."""
    book = house(folder / "house", worth=FINE)
    names = [f"C{k:02d}" for k in range(calls)]
    for k, name in enumerate(names):
        save(store, book, call(name, f"2025-05-{1 + k:02d}T10:00:00.000", agent=("8001", "8002")[k % 2], rings=5))
    return names


def finished(store: Store, first: str, times: int) -> list[str]:
    """The calls that somebody comes to who begins with ``first`` and finishes each."""
    at: str | None = first
    seen: list[str] = []
    while at is not None and len(seen) < times:
        seen.append(at)
        worth = queue.worth(store.db, Filter(), at)
        reviews.finish(store, at, "李质检")
        after = queue.following(store.db, Filter(), at, worth)
        queue.update(store, at)
        at = after
    return seen


@pytest.mark.parametrize("begin", [0, 1, 2, 9])
def test_twenty_finishes_come_to_twenty_calls_with_several_appeals_under_way(store: Store, tmp_path: Path, begin: int) -> None:
    names = house_of(store, tmp_path, 20)
    for name in names[3], names[8], names[15]:
        appealed(store, name)
    queue.refresh(store)
    order = [row.call_id for row in queue.page(store.db, Filter())]
    assert order[:3] == [names[15], names[8], names[3]] and len(order) == 20
    assert finished(store, order[begin], 40) == order[begin:] + order[:begin]
    assert {row.call_id for row in queue.page(store.db, Filter())} == set(order[:3]), "an appeal wants an answer and not a look"


def test_what_an_agent_says_after_the_look_is_looked_at(store: Store, tmp_path: Path) -> None:
    names = house_of(store, tmp_path, 2)
    one = appealed(store, names[0])
    queue.refresh(store)
    assert finished(store, names[0], 9) == names
    assert queue.following(store.db, Filter(), names[1], None) is None
    appeals.answer(store, one, "qa", "reject", "听了，三声以后才接", "王质检")
    appeals.escalate(store, one, "请再听", "张坐席")
    queue.refresh(store)
    assert queue.following(store.db, Filter(), names[1], None) == names[0]


def test_an_appeal_that_waits_for_the_lead_or_the_agent_puts_no_call_before_qa(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, worth=FINE)
    one = appealed(store, "C0", supported=False)
    queue.refresh(store)
    reviews.finish(store, "C0", "李质检")
    queue.update(store, "C0")
    assert (queue.refresh(store), queue.page(store.db, Filter(state="done"))[0].call_id) == (0, "C0")
    appeals.answer(store, one, "lead", "support", "请质检听", "陈")
    queue.refresh(store)
    assert next((row.call_id, row.reasons) for row in queue.page(store.db, Filter())) == ("C0", ("appealed",))
    appeals.answer(store, one, "qa", "reject", "三声以后才接", "王质检")
    queue.refresh(store)
    assert "C0" not in {row.call_id for row in queue.page(store.db, Filter())}


def test_a_verdict_on_the_way_changes_nothing_of_what_comes_next(store: Store, tmp_path: Path) -> None:
    names = house_of(store, tmp_path, 3)
    queue.refresh(store)
    order = [row.call_id for row in queue.page(store.db, Filter())]
    worth = queue.worth(store.db, Filter(), order[1])
    verdicts.overturn(store, order[1], "pickup", Outcome.PASS, BY)
    queue.update(store, order[1])
    assert queue.following(store.db, Filter(), order[1], worth) == order[2] and len(names) == 3


def test_who_reads_what_is_done_goes_through_it_once(store: Store, tmp_path: Path) -> None:
    for name in (names := house_of(store, tmp_path, 3)):
        reviews.finish(store, name, "李质检")
    queue.refresh(store)
    done = Filter(state="done")
    order = [row.call_id for row in queue.page(store.db, done)]
    assert sorted(order) == names
    assert [queue.following(store.db, done, one, queue.worth(store.db, done, one)) for one in order] == [*order[1:], None]


def test_next_is_read_in_the_order_of_an_index(store: Store, tmp_path: Path) -> None:
    house_of(store, tmp_path, 2)
    queue.refresh(store)
    asked: list[str] = []
    rows = store.db.rows
    store.db.rows = lambda sql, *given: asked.append(sql) or rows(sql, *given)  # type: ignore[method-assign, func-returns-value]
    assert queue.following(store.db, Filter(), "C00", queue.worth(store.db, Filter(), "C00")) == "C01"
    ranges = [sql for sql in asked if "order by worth desc" in sql]
    for sql in ranges:
        plan = [row[3] for row in store.db.sqlite.execute(f"explain query plan {sql}", [0] * sql.count("?"))]
        assert ranges and not any("SCAN" in line or "TEMP B-TREE" in line for line in plan)
        assert any("worth" in line for line in plan), "found where it begins, and not read from the top"


def test_the_screen_keeps_its_place_in_the_queue_until_the_call_is_finished(web: House) -> None:
    client, store = web.client("qa"), web.store
    (found,) = store.db.rows("select started from calls where call_id = ?", call_id("8001", 1))
    sampling.draw(store, datetime.date.fromisoformat(found["started"][:10]), 5, "质检小王")
    queue.refresh(store)
    order = [row.call_id for row in queue.page(store.db, Filter())]
    assert len(order) >= 2
    first = order[0]
    worth = queue.worth(store.db, Filter(), first)
    page = client.get(f"/review/{first}").text
    assert f"/finish?worth={worth}#refused" in page
    rule = page.partition('data-rule="')[2].partition('"')[0]
    form = {"rule": rule, "action": "overturn", "outcome": "not_applicable", "reason": "听了", "on": versions.version(store.db, first)}
    decided = client.post(f"/review/{first}/verdict?worth={worth}", form)
    assert decided.headers["location"].startswith(f"/review/{first}?worth={worth}")
    done = client.post(f"/review/{first}/finish?worth={worth}", {"on": versions.version(store.db, first)})
    assert done.headers["location"] == f"/review/{order[1]}"
