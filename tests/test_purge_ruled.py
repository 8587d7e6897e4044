"""A person may still rule on a call whose words were deleted."""

from __future__ import annotations

import re

from test_purge_shown import OLD, REVIEW, fined, purged  # noqa: F401
from web_house import House

from qa.review import appeals, verdicts
from qa.review.verdicts import Terms
from qa.types import Evidence, Outcome, Role, Span


def test_what_nobody_can_tell_any_more_costs_nothing(purged: House) -> None:  # noqa: F811
    browser = purged.client("qa")
    on = re.search(r'name="on" value="([^"]+)"', browser.get(REVIEW).text)
    assert on is not None
    asked = {"on": on[1], "rule": "banned_phrases", "action": "overturn", "outcome": "inconclusive", "reason": "录音里听不清"}
    assert browser.post(f"{REVIEW}/verdict", asked).status_code == 303
    result = purged.store.scorecard(OLD).result("banned_phrases")
    assert result is not None and result.outcome is Outcome.INCONCLUSIVE
    assert browser.get(REVIEW).status_code == 200


def test_each_verdict_is_possible(purged: House) -> None:  # noqa: F811
    store, terms = purged.store, Terms("质检小王", "按录音")
    verdicts.confirm(store, OLD, "banned_phrases", terms)
    verdicts.add(store, OLD, "banned_phrases", Evidence(Span(12_500, 15_000), Role.AGENT), terms)
    verdicts.drop(store, OLD, "banned_phrases", [0], terms)
    verdicts.withdraw(store, OLD, "banned_phrases", terms)
    assert [v.action for v in verdicts.of_call(store.db, OLD)] == ["confirm", "add", "drop", "withdraw"]


def test_an_appeal_of_it_is_shown_and_answered(purged: House) -> None:  # noqa: F811
    store = purged.store
    reason = appeals.terms_of(store, store.scorecard(OLD)).reasons[0]
    made = appeals.file(store, OLD, "banned_phrases", "8001", reason, "我没有说", "李敏")
    appeals.answer(store, made.id, "lead", "support", "听过录音", "王班长")
    for who, path in (("qa", f"/appeals/{made.id}"), ("lead", f"/team/appeals/{made.id}")):
        assert purged.client(who).get(path).status_code == 200
    appeals.accept(store, made.id, "qa", "听过录音", Terms("质检小王"), appeals.Decision(Outcome.PASS))
    result = store.scorecard(OLD).result("banned_phrases")
    assert result is not None and result.outcome is Outcome.PASS
