# ruff: noqa: F811
"""Which scorecard the agent sees is told where another one is shown; a review is finished once, and a second time only by intention."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
import stored_houses
from web_house import House, house, house_made  # noqa: F401

from qa.errors import ConflictError
from qa.ledger_closing import close_month
from qa.rescore import rescore
from qa.review import appeals, publications, queue, reviews, verdicts, versions
from qa.review.appeal_states import LEAD
from qa.review.queue import Filter
from qa.review.verdicts import Terms
from qa.types import Outcome

CALL = "C0"
TICK, AGAIN = 'name="publish"', 'name="again"'


@pytest.fixture
def scored(house: House, tmp_path: Path) -> House:
    """A call of 8001 in May that rang five times: 0 of 10 for the pickup."""
    stored_houses.save(house.store, stored_houses.house(tmp_path / "rules"), stored_houses.call(CALL))
    with house.store.db.writing():
        house.store.db.sqlite.execute("update calls set team = '一组' where call_id = ?", (CALL,))
    return house


def milder(house: House, tmp_path: Path) -> None:
    """The rules change, and the call is scored anew."""
    rescore(house.store, stored_houses.house(tmp_path / "rules", rings=9, version='"2"', effective_from="2025-05-01"))


def shown(house: House, path: str = f"/review/{CALL}", who: str = "qa") -> str:
    answer = house.client(who).get(path)
    assert answer.status_code == 200
    return html.unescape(answer.text)


def finish(house: House, who: str = "qa", **form: str) -> Any:
    on = versions.version(house.store.db, CALL)
    return house.client(who).post(f"/review/{CALL}/finish", {"on": on, **form})


# ---------------------------------------------------------------- what is published


def test_the_screen_tells_what_the_agent_sees_and_offers_to_publish_what_is_shown(scored: House, tmp_path: Path) -> None:
    page = shown(scored)
    assert "尚未公布" in page and TICK in page
    scored.publish(CALL)
    page = shown(scored)
    assert "已公布" in page and "公布的是另一份" not in page and TICK not in page
    before = scored.store.scorecard(CALL).percent
    milder(scored, tmp_path)
    assert scored.store.scorecard(CALL).percent == 100.0 and before is not None and before < 100
    page = shown(scored)
    assert f"公布的是另一份（{before:g} 分）" in page and TICK in page and ">已公布<" not in page
    for who in ("qa", "lead"):
        assert f"公布的是另一份（{before:g} 分），坐席看不到这一份。" in shown(scored, f"/calls/{CALL}", who)
    assert finish(scored, publish="1").status_code == 303
    assert publications.shown(scored.store, CALL)[1].percent == 100.0
    page = shown(scored)
    assert ">已公布<" in page and TICK not in page
    assert "坐席看不到这一份" not in shown(scored, f"/calls/{CALL}")


def test_a_proposal_is_not_what_is_published_and_what_stands_can_be_published(scored: House, tmp_path: Path) -> None:
    reviews.finish(scored.store, CALL, "质检小王")
    close_month(scored.store, "2025-05", "人事小张")
    before = scored.store.scorecard(CALL).percent
    verdicts.overturn(scored.store, CALL, "pickup", Outcome.PASS, Terms("质检小王", "数错了", closed_month=True))
    assert scored.store.pending(CALL) is not None
    page = shown(scored)
    assert "尚未公布" in page and f"同时公布现行的评分（{before:g} 分）给坐席" in page
    assert finish(scored, publish="1").status_code == 303
    assert publications.shown(scored.store, CALL)[1].percent == before
    page = shown(scored)
    assert f"公布的是另一份（{before:g} 分）" in page and TICK not in page, "nothing but the approval publishes a proposal"


def test_in_english_too(scored: House, tmp_path: Path) -> None:
    scored.publish(CALL)
    milder(scored, tmp_path)
    browser = scored.client("qa")
    browser.client.cookies.set("qa-lang", "en")
    assert "Another score is published (" in browser.get(f"/review/{CALL}").text
    assert "the agent does not see this one" in browser.get(f"/calls/{CALL}").text


# ---------------------------------------------------------------- finished once


def test_a_review_is_not_finished_a_second_time_by_the_way(scored: House) -> None:
    on = versions.version(scored.store.db, CALL)
    form = {"on": on, "comment": "第一次"}
    assert scored.client("qa").post(f"/review/{CALL}/finish", form).status_code == 303
    for who, comment in (("qa", "又点了一次"), ("qa2", "我也看了")):  # by Back, and by somebody who had it open too
        answer = scored.client(who).post(f"/review/{CALL}/finish", {"on": on, "comment": comment, "publish": "1"})
        assert answer.status_code == 409
        page = html.unescape(answer.text)
        assert re.search(r'id="refused"[^>]*>已由 质检小王 于 [-\d]+ [\d:]+ 复核完成', page) and AGAIN in page
        assert re.search(rf'name="comment"[^>]*>{comment}</textarea>', page) and re.search(r'name="publish"[^>]* checked', page)
    assert [one.comment for one in reviews.of_call(scored.store.db, CALL)] == ["第一次"]
    assert publications.newest(scored.store.db, CALL) is None, "nothing of what was refused is done"


def test_another_person_reviews_once_more_by_intention(scored: House) -> None:
    assert AGAIN not in shown(scored)
    finish(scored)
    assert "已由 质检小王 于 " in shown(scored, who="qa2") and AGAIN in shown(scored, who="qa2")
    assert finish(scored, "qa2", again="1", comment="主管复听").status_code == 303
    assert [one.by for one in reviews.of_call(scored.store.db, CALL)] == ["质检小王", "质检主管"]


def test_what_came_after_a_review_is_reviewed_without_more_ado(scored: House, tmp_path: Path) -> None:
    store = scored.store
    reviews.finish(store, CALL, "质检小王")
    with pytest.raises(ConflictError, match="复核完成"):
        reviews.finish(store, CALL, "质检主管", on=versions.version(store.db, CALL))
    verdicts.confirm(store, CALL, "pickup", Terms("质检小王"))
    assert reviews.finished(store, CALL) is None
    reviews.finish(store, CALL, "质检小王")
    assert reviews.finished(store, CALL) == reviews.of_call(store.db, CALL)[-1]
    milder(scored, tmp_path)
    assert reviews.finished(store, CALL) is None


def test_a_call_that_an_appeal_brings_back_is_finished_anew(scored: House) -> None:
    store = scored.store
    scored.publish(CALL)
    reviews.finish(store, CALL, "质检小王")
    one = appeals.file(store, CALL, "pickup", "8001", "其他", "三声就接了", "张坐席")
    assert reviews.finished(store, CALL) is not None, "it waits for the lead, nobody of QA is asked"
    appeals.answer(store, one.id, LEAD, "support", "请质检听", "王班长")
    queue.refresh(store)
    assert reviews.finished(store, CALL) is None and queue.following(store.db, Filter(), "") == CALL
    reviews.finish(store, CALL, "质检小王")
    assert reviews.finished(store, CALL) is not None and queue.following(store.db, Filter(), "") != CALL
