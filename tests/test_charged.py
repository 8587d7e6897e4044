"""Repetitions over months: what nobody has confirmed makes nothing dearer, closed or not; later months follow what earlier ones say."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from stored_houses import call, house, save

from qa import ledger_closing
from qa.appraisal import charged, closing, figures, files, light, month_table
from qa.appraisal.light import KnownBooks
from qa.errors import StoreError
from qa.review import publications, reviews, verdicts
from qa.review.verdicts import Terms
from qa.rules.book import RuleBook
from qa.rules.money import Yuan
from qa.store import Store
from qa.types import Outcome
from qa.web.pages.team import money_text

BY = Terms("李质检")
FINE = 'deduction = 5\nfine = { escalation = [50, 100, 200], period = "quarter" }'


@pytest.fixture
def book(tmp_path: Path) -> RuleBook:
    return house(tmp_path / "house", worth=FINE)


@pytest.fixture
def store(tmp_path: Path, book: RuleBook) -> Store:
    """One breach each in April, May and June of one agent, under fines that grow within the quarter."""
    made = Store(tmp_path / "qa.db")
    for call_id, month in (("A", 4), ("M", 5), ("J", 6)):
        save(made, book, call(call_id, f"2025-{month:02d}-20T10:00:00.000", rings=5))
    return made


def yuan(amount: int) -> Yuan:
    return Yuan(Decimal(f"{amount}.00"), Decimal(f"{amount}.00"))


def confirmed_sum(store: Store, month: str) -> Yuan:
    """What persons answer for, counted from the calls."""
    with store.db.reading():
        calls = light.calls(store, "8001", month, f"{month}-99", published=False)
        return charged.fines(store, "8001", month, calls, KnownBooks(store)).due.total()


def row(store: Store, month: str) -> month_table.Row:
    (found,) = month_table.table(store, month, budget_s=None).rows
    return found


def confirm(store: Store, *calls: str) -> None:
    for call_id in calls:
        reviews.finish(store, call_id, "李质检")
    publications.publish(store, calls, "李质检")


def test_an_unconfirmed_breach_of_a_closed_month_makes_no_later_fine_dearer(store: Store) -> None:
    confirm(store, "M")
    assert confirmed_sum(store, "2025-05") == yuan(50)
    ledger_closing.close_month(store, "2025-04", "人事")
    assert confirmed_sum(store, "2025-05") == yuan(50)
    assert row(store, "2025-05").money() == yuan(50)
    told = dict(zip(files.HEADERS, files.cells("2025-05", row(store, "2025-05")), strict=True))
    assert told["罚款（元，最高）"] == 50 and told["罚款说明"] == month_table.BEFORE_IT  # once that is confirmed it is 100
    assert money_text(row(store, "2025-05")) == f"本人 50.00 元；{month_table.BEFORE_IT}"
    with pytest.raises(StoreError, match="有影响它的违规还没有人确认"):
        closing.check_confirmed(store, "2025-05")
    confirm(store, "A")
    assert confirmed_sum(store, "2025-05") == yuan(100) == row(store, "2025-05").money()
    assert money_text(row(store, "2025-05")) == "本人 100.00 元"


def test_a_closed_month_that_rests_on_an_unconfirmed_one_tells_no_sum(store: Store) -> None:
    for month in ("2025-04", "2025-05"):
        ledger_closing.close_month(store, month, "人事")
    confirm(store, "M", "J")
    assert (row(store, "2025-05").due, row(store, "2025-05").pending) == (None, 0)
    assert not any("100" in text for text in month_table.arithmetic(store, "8001", "2025-05").kept)
    assert confirmed_sum(store, "2025-06") == yuan(100)  # after May's; April's is nobody's word
    confirm(store, "A")
    assert row(store, "2025-05").money() == yuan(100) and row(store, "2025-06").money() == yuan(200)
    assert any("本人 100.00 元" in text for text in month_table.arithmetic(store, "8001", "2025-05").kept)


def test_what_was_corrected_after_the_closing_leaves_a_later_closed_month_as_it_was(store: Store) -> None:
    """It went on from what was known then (:mod:`qa.ledger_sheets`); a correction is a person's word, not a breach that waits."""
    confirm(store, "A", "M", "J")
    for month in ("2025-04", "2025-05"):
        ledger_closing.close_month(store, month, "人事")
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, replace(BY, reason="听错了", closed_month=True))
    assert closing.adjust(store, "2025-04", ["A"], "人事", "申诉成立") == 1
    assert row(store, "2025-04").money() == yuan(0) and row(store, "2025-05").money() == yuan(100)
    assert row(store, "2025-06").money() == yuan(100)  # an open month counts with the correction


def test_a_later_month_follows_what_was_confirmed_in_an_earlier_one(store: Store) -> None:
    """The number of breaches stays the same: only who answers for them changes."""
    confirm(store, "M")
    figures.ensure(store, budget_s=None)
    before = figures.of_agent(store, "8001", ["2025-05"])[0]
    confirm(store, "A")
    assert figures.waiting(store, ["2025-05"]) == [("8001", "2025-04")]  # May rests on it
    figures.ensure(store, ["2025-05"], budget_s=None)
    after = figures.of_agent(store, "8001", ["2025-05"])[0]
    assert (before.fines.counted, before.fines.open) == (after.fines.counted, True)
    assert dict(before.due)["agent"] == yuan(50) and dict(after.due)["agent"] == yuan(100) and not after.fines.open


def test_what_waits_for_a_month_is_of_the_agents_and_the_year_that_are_asked_for(store: Store, book: RuleBook) -> None:
    for call_id, agent, start in (("X", "8002", "2025-04-20"), ("Y", "8001", "2024-12-20")):
        save(store, book, call(call_id, f"{start}T10:00:00.000", agent, rings=5))
    figures.ensure(store, budget_s=None)
    for call_id in ("A", "X", "Y"):
        confirm(store, call_id)
    assert figures.waiting(store, ["2025-06"]) == figures.waiting(store, ["2025-06"], agent_id="8001") == [("8001", "2025-04")]
    assert figures.waiting(store, ["2025-06"], agent_id="8002") == [] and len(figures.waiting(store)) == 3
    assert figures.waiting(store, ["2025-06"], team="nobody's") == []
    assert figures.ensure(store, ["2025-06"], budget_s=-1.0) == 1 and len(figures.waiting(store)) == 3  # nothing was counted
