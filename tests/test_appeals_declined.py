# ruff: noqa: F811
"""An accepted appeal which says that a call is not the agent's, where HR refuses what was proposed of the closed month."""

from __future__ import annotations

import time
from dataclasses import replace

from stored_houses import call, save
from test_appeals_whole import ANSWER, MONTH, SAYS, accepted, at_qa, house_of, store, warned  # noqa: F401

from qa import ledger_closing
from qa.appraisal import closing
from qa.review import appeal_windows, appeals
from qa.review.appeal_states import ACCEPT_OUT, ACCEPT_OWNER, QA
from qa.review.appeals import WHOLE_CALL, Whole
from qa.store import Store


def test_refused_by_hr_it_is_over_and_the_agent_may_appeal_again(store: Store) -> None:
    done = accepted(store, Whole(ACCEPT_OWNER))
    ledger_closing.close_month(store, MONTH, "财务")
    other = call("A", rings=5, says=SAYS, agent="8002")
    save(store, house_of(store), other)
    assert appeals.misattributed(store.db) == (done,) and appeal_windows.approval(store, done) == appeal_windows.OWED
    closing.refuse(store, MONTH, ["A"], "人事", "话单是对的")
    for _ in range(2):
        assert appeal_windows.approval(store, done) == "申诉已成立，人事没有批准更正"
        assert appeals.misattributed(store.db) == () and "归属" not in warned(store) and appeals.window(store, "A", WHOLE_CALL).open
        save(store, house_of(store), other)  # what was refused is not proposed again
    save(store, house_of(store), call("A", rings=5, says=SAYS, agent="8003"))
    assert appeals.misattributed(store.db) == (done,) and not appeals.window(store, "A", WHOLE_CALL).open
    closing.adjust(store, MONTH, ["A"], "人事", "同意")
    assert appeals.misattributed(store.db) == () and appeal_windows.approval(store, done) == "通话归属已更正"


def test_a_proposal_that_fell_by_itself_was_refused_by_nobody(store: Store) -> None:
    done = accepted(store, Whole(ACCEPT_OWNER))
    ledger_closing.close_month(store, MONTH, "财务")
    for agent in ("8002", "8001"):
        save(store, house_of(store), call("A", rings=5, says=SAYS, agent=agent))
    assert store.pending("A") is None and [one.by for one in store.adjustments("A")] == ["qa"]
    assert appeals.misattributed(store.db) == (done,) and appeal_windows.approval(store, done) == appeal_windows.OWED


def test_what_was_refused_before_the_answer_does_not_end_it(store: Store) -> None:
    one = at_qa(store)
    ledger_closing.close_month(store, MONTH, "财务")
    save(store, house_of(store), call("A", rings=5, says=SAYS, agent="8002"))
    closing.refuse(store, MONTH, ["A"], "人事", "话单是对的")
    time.sleep(0.01)  # the log tells milliseconds
    done, _ = appeals.accept(store, one.id, QA, "听了", ANSWER, Whole(ACCEPT_OWNER))
    assert appeals.misattributed(store.db) == (done,) and appeal_windows.approval(store, done) == appeal_windows.OWED


def test_that_it_be_taken_out_instead_is_refused_too(store: Store) -> None:
    done = accepted(store, Whole(ACCEPT_OWNER))
    ledger_closing.close_month(store, MONTH, "财务")
    done = appeals.settle(store, done.id, "话单找不到了", replace(ANSWER, closed_month=True))
    closing.refuse(store, MONTH, ["A"], "人事", "话单是对的")
    assert appeal_windows.approval(store, done) == "申诉已成立，人事没有批准更正"
    assert appeals.misattributed(store.db) == () and appeals.window(store, "A", WHOLE_CALL).open


def test_what_was_refused_and_is_proposed_anew_for_another_agent_waits(store: Store) -> None:
    one = at_qa(store)
    ledger_closing.close_month(store, MONTH, "财务")
    done, _ = appeals.accept(store, one.id, QA, "听了", replace(ANSWER, closed_month=True), Whole(ACCEPT_OUT))
    closing.refuse(store, MONTH, ["A"], "人事", "话单是对的")
    save(store, house_of(store), call("A", rings=5, says=SAYS, agent="8002"))
    assert appeal_windows.approval(store, done) == "申诉已成立，等人事批准" and appeals.window(store, "A", WHOLE_CALL).awaits
    closing.adjust(store, MONTH, ["A"], "人事", "同意")
    assert appeal_windows.approval(store, done) == ""
    save(store, house_of(store), call("A", rings=2, says=SAYS, agent="8002"))
    assert store.pending("A") is not None and appeal_windows.approval(store, done) == ""  # that is between HR and the other agent
