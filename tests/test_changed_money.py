"""Among the corrections of a closed month each says the money of its own decision, and none that of another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_houses import call, house, save

from qa.appraisal import closing, figures
from qa.review import publications, reviews, verdicts
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome

MAY = "2025-05"
QA = Terms("质检小王", "听过", closed_month=True)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A fine of 50 in a closed month: call A was picked up too late; call B of the same agent was not."""
    made = Store(tmp_path / "qa.db")
    book = house(tmp_path / "house", worth="deduction = 10\nfine = { amount = 50, cap = 120 }")
    save(made, book, call("A", rings=5))
    save(made, book, call("B", rings=2))
    reviews.finish(made, "A", "质检小王")
    publications.publish(made, ["A", "B"], "质检小王")
    closing.close(made, MAY, "人事", "", MAY, True)
    return made


def taken_out(store: Store) -> None:
    assert store.withdrawals.by_person(["A"], False, "质检小王", "不是本人的")


def told(store: Store) -> list[str]:
    """What each correction says that the agent's fines were and became, the earliest first."""
    figures.ensure(store, [MAY], budget_s=None)
    found = reversed(closing.changes(store, MAY))
    return ["—" if one.money is None else "→".join(str(dict(of)["agent"].low) for of in one.money) for one in found]


def test_a_refused_withdrawal_has_no_money_whatever_is_approved_later(store: Store) -> None:
    taken_out(store)
    closing.refuse(store, MAY, ["A"], "人事", "话单是对的")
    assert told(store) == ["—"]
    taken_out(store)
    closing.adjust(store, MAY, ["A"], "人事", "同意")
    assert told(store) == ["—", "50.00→0.00"]


def test_nor_where_the_call_is_put_back_and_taken_out_again(store: Store) -> None:
    taken_out(store)
    closing.adjust(store, MAY, ["A"], "人事", "同意")
    store.withdrawals.by_person(["A"], True, "质检小王", "是本人的")
    closing.refuse(store, MAY, ["A"], "人事", "不是")
    store.withdrawals.by_person(["A"], True, "质检小王", "还是本人的")
    closing.adjust(store, MAY, ["A"], "人事", "看过了")
    assert told(store) == ["50.00→0.00", "—", "0.00→50.00"]


def test_a_proposal_that_fell_by_itself_has_none_of_the_correction_after_it(store: Store) -> None:
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, QA)
    verdicts.withdraw(store, "A", "pickup", QA)
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, QA)
    closing.adjust(store, MAY, ["A"], "人事", "同意")
    assert told(store) == ["—", "50.00→0.00"]


def test_a_refused_scorecard_leaves_the_sum_and_the_one_approved_later_moves_it(store: Store) -> None:
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, QA)
    closing.refuse(store, MAY, ["A"], "人事", "没有听清")
    verdicts.overturn(store, "A", "pickup", Outcome.NOT_APPLICABLE, QA)
    closing.adjust(store, MAY, ["A"], "人事", "同意")
    assert told(store) == ["50.00→50.00", "50.00→0.00"]
