"""What a large store must not make slow: queries read by an index and give what reading all would; counting holds nobody up."""

from __future__ import annotations

import functools
import itertools
import random
import sqlite3
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from stored_houses import call, house, save

from qa import rows
from qa.appraisal import figures
from qa.background import Keeper
from qa.clips import index
from qa.errors import QaError
from qa.rescore import rescore
from qa.review import publications, queue, reviews, tables, verdicts
from qa.review.queue import WORTH, Filter
from qa.review.verdicts import Terms
from qa.rules.money import Yuan
from qa.store import Store
from qa.types import Outcome

MAY, JUNE = "2025-05", "2025-06"
FINE = 'deduction = 5\nfine = { escalation = [50, 100, 200], period = "quarter" }'
BY = Terms("李质检", "听错了")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An agent with two breaches in May and two in June; the fine grows within the quarter."""
    made, book = Store(tmp_path / "qa.db"), house(tmp_path / "house", worth=FINE)
    for month, n in itertools.product((5, 6), range(2)):
        save(made, book, call(f"C{month}{n}", f"2025-0{month}-1{n}T10:00:00.000", rings=5))
    return made


def plan(store: Store, asked: Callable[[], Any]) -> str:
    """How SQLite goes about the queries."""
    told: list[str] = []
    store.db.sqlite.conn.set_trace_callback(told.append)
    asked()
    store.db.sqlite.conn.set_trace_callback(None)
    return "\n".join(row["detail"] for sql in told for row in store.db.rows(f"explain query plan {sql}"))


# ---------------------------------------------------------------- counting beside others


@pytest.mark.parametrize("always", [False, True])
def test_who_writes_while_a_month_is_counted_neither_waits_nor_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch, always: bool) -> None:
    real = figures._row
    names: list[str] = []

    def row(*given: Any) -> dict[str, Any]:
        if always or not names:
            with sqlite3.connect(store.path, timeout=0.0) as other:
                try:
                    other.execute("update calls set agent_name = ? where agent_id = '8001'", (f"名{len(names)}",))
                    names.append(f"名{len(names)}")
                except sqlite3.OperationalError:
                    assert len(names) == figures.TRIES, "only after it changed so often"
        return real(*given)

    monkeypatch.setattr(figures, "_row", row)
    assert figures.ensure(store, [MAY], budget_s=None) == 0
    assert len(names) == (figures.TRIES if always else 1)
    assert figures.of_agent(store, "8001", [MAY])[0].agent_name == names[-1] and figures.waiting(store, [MAY]) == []


def test_a_month_counted_on_what_an_earlier_one_was_is_counted_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """June rests on May; May is counted anew by somebody else while June is being counted for the first time."""
    for n in ("50", "51", "60", "61"):
        reviews.finish(store, f"C{n}", "李质检")
    figures.ensure(store, [MAY], budget_s=None)
    real = figures._row
    done: list[str] = []

    def row(agent_id: str, month: str, *given: Any) -> dict[str, Any]:
        if month == JUNE and not done:
            done.append(month)
            with Store(store.path) as other:
                verdicts.overturn(other, "C50", "pickup", Outcome.PASS, BY)
                figures.ensure(other, [MAY], budget_s=None)
        return real(agent_id, month, *given)

    monkeypatch.setattr(figures, "_row", row)
    figures.ensure(store, [JUNE], budget_s=None)
    (one,) = figures.of_agent(store, "8001", [JUNE])
    assert done and one.due == (("agent", Yuan(Decimal(300), Decimal(300))),)  # the second and the third time, no more the third and fourth


def test_the_background_counts_months_and_indexes_what_comes(store: Store) -> None:
    told: list[QaError] = []
    keeper = Keeper("figures", store.path, figures.keep, told.append, every_s=0.01)
    keeper.start()
    while figures.waiting(store) and keeper.is_alive():
        threading.Event().wait(0.01)
    keeper.stop()
    assert not keeper.is_alive() and told == [] and figures.months(store) == (JUNE, MAY)
    assert [one.calls for one in figures.of_agent(store, "8001", [MAY, JUNE])] == [2, 2]


# ---------------------------------------------------------------- what waits to be published

_BY_READING_ALL = """select c.call_id from calls c join current_scorecards s using (call_id) where c.agent_id <> ''
  and not exists (select 1 from publications p where p.call_id = c.call_id and p.scorecard_id = s.id
    and p.id = (select max(own.id) from publications own where own.call_id = c.call_id)) order by c.started, c.call_id"""


def test_what_waits_to_be_published_is_known_after_whatever_happens(store: Store, tmp_path: Path) -> None:
    def run(sql: str) -> None:
        with store.db.writing():
            store.db.sqlite.execute(sql)

    withdrawn = (
        "insert into withdrawals (call_id, sha256, made_by, reason, created, counts, proposed) values ('C61', 'x', 'a', 'b', '2025', {}, 0)"
    )
    seen = []
    for step in (
        lambda: None,
        lambda: publications.publish(store, ["C50", "C51", "C60"], "李质检"),
        lambda: publications.retract(store, ["C51"], "李质检", "发错了"),
        lambda: verdicts.overturn(store, "C51", "pickup", Outcome.PASS, BY),
        lambda: run(withdrawn.format(0)),
        lambda: rescore(store, house(tmp_path / "house", rings=9, worth=FINE, version='"2"')),
        lambda: publications.publish(store, ["C50"], "李质检"),
        lambda: run("update calls set team = '二组', started = '2025-07-01T10:00:00.000' where call_id = 'C60'"),
        lambda: run("update calls set agent_id = '' where call_id = 'C51'"),
        lambda: run(withdrawn.format(1)),
    ):
        step()
        found = [one.call_id for one in publications.waiting(store.db)]
        assert found == [row["call_id"] for row in store.db.rows(_BY_READING_ALL)]
        seen.append(tuple(found))
    assert len(set(seen)) > 5 and seen[-1] == ("C61", "C60")
    assert [one.call_id for one in publications.waiting(store.db, team="二组")] == ["C60"]
    assert [one.call_id for one in publications.waiting(store.db, "2025-06-01", "2025-06-30")] == ["C61"]


def test_what_waits_is_read_in_order_and_not_sorted(store: Store) -> None:
    for team in (None, "二组"):
        told = plan(store, functools.partial(publications.waiting, store.db, "2025-01-01", None, team))
        assert "SCAN c" not in told and "SCAN u" not in told and "idx_unpublished" in told


# ---------------------------------------------------------------- the queue and the names


@pytest.fixture
def queued(tmp_path: Path) -> Store:
    """Rows of the queue alone, drawn at random."""
    made, chance = Store(tmp_path / "queue.db"), random.Random(6)
    with made.db.writing():
        for n in range(600):
            reasons = tuple(reason for reason in WORTH if chance.random() < 0.2)
            row = {
                "call_id": f"C{n:04d}",
                "scorecard_id": n,
                "state": chance.choice(("open", "done", "rest")),
                "worth": chance.randrange(9),
            }
            row |= {"reasons_json": rows.to_json(reasons), "agent_id": chance.choice("12"), "team": chance.choice("甲乙")}
            row |= {"started": f"2025-05-{chance.randrange(1, 29):02d}T10:00:00.000", "assignee": chance.choice(("", "李质检"))}
            row |= {"assignee_id": 7 if row["assignee"] else 0}
            made.db.insert("review_worth", row | {"control": 0, "sampled": 0})
    return made


@pytest.mark.parametrize("few", [0, 5000])
def test_any_filters_of_the_queue_give_what_reading_all_gives(queued: Store, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(queue, "FEW", few)
    assert tuple(WORTH) == tables.REASONS
    every = [row for state in ("open", "done", "rest") for row in queue.page(queued.db, Filter(state), 0, 1000)]
    every.sort(key=lambda row: row.call_id)
    every.sort(key=lambda row: (row.worth, row.started), reverse=True)
    assert len(every) == 600
    values = ("", "1"), ("", "甲"), ("", "7"), ("", *WORTH), ("", "2025-05-10"), ("", "2025-05-20")
    for agent, team, assignee, reason, since, until in itertools.product(*values):
        wanted = Filter("open", team, agent, assignee, reason, since, until)
        expected = [
            row
            for row in every
            if row.state == "open"
            and (row.agent_id == agent or not agent)
            and (row.team == team or not team)
            and (row.assignee == "李质检" or not assignee)
            and (reason in row.reasons or not reason)
            and row.started >= since
            and (row.started < until + "~" or not until)
        ]
        assert queue.count(queued.db, wanted) == len(expected)
        assert queue.page(queued.db, wanted, 3, 20) == tuple(expected)[3:23]


@pytest.mark.parametrize(
    "wanted", [Filter(), *(Filter(reason=reason) for reason in WORTH), Filter(team="甲", reason="near"), Filter(agent_id="1")]
)
def test_a_page_of_the_queue_is_read_in_order_and_not_sorted(queued: Store, wanted: Filter) -> None:
    told = plan(queued, lambda: queue.page(queued.db, wanted))
    assert "SCAN" not in told and "TEMP B-TREE" not in told
    assert wanted.team or wanted.agent_id or not wanted.reason or f"idx_review_worth_{wanted.reason}" in told


def test_names_of_agents_are_found_without_reading_all_calls(store: Store) -> None:
    with store.db.writing():
        for call_id, name in (("C50", "王芳"), ("C51", "李敏"), ("C60", "王芳"), ("C61", "")):
            store.db.sqlite.execute("update calls set agent_name = ? where call_id = ?", (name, call_id))
    assert sorted(index.known_names(store)) == ["李敏", "王芳"]
    assert "SCAN calls" not in plan(store, lambda: index.known_names(store))
