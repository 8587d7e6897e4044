# ruff: noqa: F811
"""What was found after a verdict, on the pages of QA, of the agent and of the queue."""

from __future__ import annotations

import pytest
from commands import Run
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.review import publications, queue, reviews, rulings, text_marks, verdicts, versions
from qa.review.verdicts import Terms
from qa.types import Outcome, Span

B = call_id("8001", 2)
NEW = "当时没有这一处，没有人判定过"


@pytest.fixture
def found_since(house: House) -> House:
    """A person overturned the banned phrase of the call; then somebody else wrote down another one, at another place."""
    store = house.store
    (rule,) = (r.check_id for r in store.scorecard(B) if r.kind == "banned_phrases" and r.outcome is Outcome.FAIL)
    verdicts.overturn(store, B, rule, Outcome.PASS, Terms("质检主管", "客户说的"))
    reviews.finish(store, B, "质检主管")
    publications.publish(store, [B], "质检主管")
    queue.refresh(store)
    assert [one.call_id for one in queue.page(store.db, queue.Filter(state="done"))] == [B]
    text_marks.correct(store, B, "ch0", Span(12500, 15000), "这个不归我管，再见。", Terms("质检小王", "听了"))
    return house


def rule_of(house: House) -> str:
    return next(r.check_id for r in house.store.scorecard(B) if r.outgrown)


def test_the_review_screen_says_it_and_wants_a_reason(found_since: House) -> None:
    house, client = found_since, found_since.client("qa")
    rule, page = rule_of(house), client.get(f"/review/{B}").text
    article = page.partition(f'id="c-{rule}"')[2].partition("</article>")[0]
    assert NEW in article and "程序后来另有发现" in article and 'data-act="confirm"' not in article
    form = {"rule": rule, "on": versions.version(house.store.db, B)}
    assert client.post(f"/review/{B}/verdict", {**form, "action": "confirm"}).status_code == 400
    done = client.post(f"/review/{B}/verdict", {**form, "action": "overturn", "outcome": "inconclusive", "reason": "听不清"})
    assert done.status_code == 303 and [v.by for v in rulings.of_call(house.store.db, B)] == ["质检主管", "质检小王"]
    assert NEW not in client.get(f"/review/{B}").text.partition(f'id="c-{rule}"')[2].partition("</article>")[0].partition("人工</h4>")[2]


def test_the_queue_has_the_call_again_and_the_agent_reads_what_is_open(found_since: House) -> None:
    house = found_since
    assert f'href="/review/{B}"' in house.client("qa").get("/review").text
    (listed,) = [one for one in queue.page(house.store.db, queue.Filter()) if one.call_id == B]
    assert "inconclusive" in listed.reasons
    page = house.client("agent").get(f"/my/calls/{B}").text
    assert NEW in page and "质检主管" not in page
    assert NEW in house.client("qa").get(f"/calls/{B}").text


def test_the_arithmetic_of_the_call_says_it(found_since: House, qa: Run) -> None:
    found_since.store.close()
    assert NEW in qa("explain", B, "--db", str(found_since.store.path)).out.replace("\n", "").replace(" ", "")
