# ruff: noqa: F811
"""The pages of QA: the queue, the review screen and all that can be decided on it, publishing, appeals, and the editing of rules."""

from __future__ import annotations

import datetime
import re
import time
from typing import Any

import pytest
from web_house import NUMBER, House, call_id, house, house_made  # noqa: F401

from qa.clock import HOUSE_ZONE
from qa.errors import StoreError
from qa.people import accounts
from qa.review import appeals, publications, queue, reviews, rule_editing, rulings, text_marks, verdicts, versions
from qa.review.verdicts import Terms
from qa.types import Outcome
from qa.web.pages.review_view import unmasked

A = call_id("8001", 1)
"""The call of 李敏 without a greeting."""
B = call_id("8001", 2)
"""Her call with a banned phrase, which is worth a look."""


def on(house: House, call: str = A) -> dict[str, str]:
    return {"on": versions.version(house.store.db, call)}


def outcome(house: House, rule: str = "greeting", call: str = A) -> Outcome | None:
    found = house.store.scorecard(call).result(rule)
    return found.outcome if found is not None else None


def act(house: House, who: str = "qa", call: str = A, **fields: Any) -> Any:
    return house.client(who).post(f"/review/{call}/verdict", {"rule": "greeting", **on(house, call), **fields})


# ---------------------------------------------------------------- the queue


def test_the_queue_shows_what_is_worth_a_look_and_leads_there(house: House) -> None:
    page = house.client("qa").get("/review").text
    assert f'href="/review/{B}"' in page and NUMBER not in page
    assert "没有符合条件的通话" in house.client("qa").get("/review?team=%E6%B2%A1%E6%9C%89").text
    assert house.client("qa").get("/review?since=x").status_code == 400
    assert house.client("qa").get("/review?since=2025-06-02&until=2025-06-01").status_code == 400
    client, qa2 = house.client("qa"), str(accounts.by_login(house.store.db, "qa2").id)
    assert client.post("/review/assign", {"call": B, "assignee": qa2}).status_code == 303
    assert "已分派 1 通" in client.get("/review").text and [r.call_id for r in queue.page(house.store.db, queue.Filter(assignee=qa2))] == [
        B
    ]
    assert "分派给 质检主管" in client.get(f"/review/{B}").text
    assert "分派给我的" in house.client("qa2").get("/").text and "分派给我的" not in client.get("/").text
    assert client.post("/review/assign", {"assignee": qa2}).status_code == 400
    trainer = str(accounts.by_login(house.store.db, "trainer").id)
    for nobody in ("没有这个人", "质检主管", trainer):
        assert client.post("/review/assign", {"call": A, "assignee": nobody}).status_code == 400


def test_the_plan_of_a_day_is_drawn_and_shown(house: House) -> None:
    client = house.client("qa")
    assert client.post("/sampling", {"day": "2025-06-11", "per_agent": "1"}).status_code == 303
    page = client.get("/sampling?day=2025-06-11").text
    assert page.count('href="/review/HN-') == 4 and "新抽 4 通" in page
    assert client.post("/sampling", {"day": "2025-06-11", "per_agent": "0"}).status_code == 400
    assert ("qa", "review.sample", "2025-06-11") in house.actions()


# ---------------------------------------------------------------- the review screen


def test_the_screen_shows_program_and_person_side_by_side_without_numbers(house: House) -> None:
    page = house.client("qa").get(f"/review/{A}").text
    assert "程序" in page and "尚未复核" in page and NUMBER not in page and "一三八一二三四五六七八" not in page
    assert ("qa", "call.view", A) in house.actions()
    act(house, action="overturn", outcome="pass", reason="开头被截断")
    page = house.client("qa").get(f"/review/{A}").text
    (article,) = re.findall(r'<article class="check rule o-pass" id="c-greeting".*?</article>', page, re.S)
    machine, person = article.split('class="person"')
    assert "o-fail" in machine and "质检小王" in person and "开头被截断" in person


def test_every_verdict_counts_at_once_and_is_logged(house: House) -> None:
    before = house.store.scorecard(A).percent
    answer = act(house, action="overturn", outcome="pass", reason="录音开头被截断", at="1200")
    assert answer.status_code == 303 and answer.headers["location"] == f"/review/{A}?at=1200#c-greeting"
    assert outcome(house) is Outcome.PASS and (house.store.scorecard(A).percent or 0) > (before or 0)
    assert act(house, action="withdraw", reason="").status_code == 303 and outcome(house) is Outcome.FAIL
    assert act(house, action="confirm").status_code == 303
    added = act(house, rule="banned_phrases", action="add", start="0:00.5", end="2", words="什么事", reason="不耐烦")
    assert added.status_code == 303 and outcome(house, "banned_phrases") is Outcome.FAIL
    told = [(v.action, v.by) for v in rulings.of_call(house.store.db, A)]
    assert told == [(action, "质检小王") for action in ("overturn", "withdraw", "confirm", "add")]
    assert [action for by, action, what in house.actions() if what == A] == [
        "review.overturn", "review.withdraw", "review.confirm", "review.add",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"action": "overturn", "outcome": "pass", "reason": ""}, "没有写理由"),
        ({"action": "add", "start": "", "end": "", "reason": "x"}, "没有写在第几秒"),
        ({"action": "add", "start": "abc", "end": "2", "reason": "x"}, "不是录音里的时间"),
        ({"action": "add", "start": "5", "end": "2", "reason": "x"}, "起点要早于终点"),
        ({"action": "add", "start": "5", "end": "9999", "reason": "x"}, "不是录音里的一段"),
        ({"action": "withdraw"}, "无可撤回"),
    ],
)
def test_what_is_refused_is_told_with_what_was_typed_and_changes_nothing(house: House, fields: dict[str, str], told: str) -> None:
    answer = act(house, words="我打了很多字", **fields)
    assert answer.status_code == 400 and told in answer.text
    if "start" in fields:
        assert "我打了很多字" in answer.text
    assert rulings.of_call(house.store.db, A) == ()
    assert act(house, action="explode").status_code == 400 and act(house, rule="none", action="confirm").status_code == 404


def test_of_two_reviewers_the_second_is_told_and_keeps_what_was_typed(house: House) -> None:
    seen = on(house)
    act(house, "qa2", action="confirm")
    answer = house.client("qa").post(
        f"/review/{A}/verdict", {"rule": "greeting", "action": "overturn", "outcome": "pass", "reason": "我听了三遍", **seen}
    )
    assert answer.status_code == 409 and "质检主管 改了判定" in answer.text and "我听了三遍" in answer.text
    assert outcome(house) is Outcome.FAIL
    finished = house.client("qa").post(f"/review/{A}/finish", {"comment": "写了评语", **seen})
    assert finished.status_code == 409 and "写了评语" in finished.text and reviews.of_call(house.store.db, A) == ()


def test_corrected_text_and_roles_rescore_at_once(house: House) -> None:
    client = house.client("qa")
    line = {"speaker": "ch0", "start_ms": "500", "end_ms": "2000", "text": "您好，华宁通信，很高兴为您服务。", "reason": "听了"}
    assert client.post(f"/review/{A}/text", {**line, **on(house)}).status_code == 303 and outcome(house) is Outcome.PASS
    page = client.get(f"/review/{A}").text
    assert "什么事？" in page and "更正过的文字" in page
    (mark,) = text_marks.marks(house.store.db, A)
    assert client.post(f"/review/{A}/text", {"undo": str(mark.id), "reason": "听错了", **on(house)}).status_code == 303
    assert outcome(house) is Outcome.FAIL
    swapped = {"role-ch0": "customer", "role-ch1": "agent", "reason": "声道反了"}
    assert client.post(f"/review/{A}/roles", {**swapped, **on(house)}).status_code == 303
    assert house.store.call(A).roles.role_of("ch0") == "customer"
    assert {"review.text", "review.roles"} <= {action for _by, action, _what in house.actions()}


def test_a_number_behind_its_mask_survives_a_correction(house: House) -> None:
    page = house.client("qa").get(f"/review/{A}").text
    (shown,) = re.findall(r"<textarea[^>]*>(我的电话是[^<]*)</textarea>", page)
    assert "*" in shown and NUMBER not in page
    fields = {"speaker": "ch1", "start_ms": "11500", "end_ms": "16000", "text": shown.replace("我的电话是", "我电话"), "reason": "听了"}
    assert house.client("qa").post(f"/review/{A}/text", {**fields, **on(house)}).status_code == 303
    assert "我电话一三八一二三四五六七八" in "".join(u.text for u in house.store.call(A).transcript.of("ch1"))


def test_masks_that_nobody_can_read_are_refused() -> None:
    assert unmasked("打13812345678吧", "打138****5678吧", "请打138****5678") == "请打13812345678"
    assert unmasked("abc", "abc", "abd") == "abd"
    for given in ("打138*****5678吧", "*", "**8"):
        with pytest.raises(StoreError, match="打码的号码改动过"):
            unmasked("打1381吧", "打1381吧", given)


def test_finished_it_goes_on_to_the_next_and_publishes_where_wanted(house: House) -> None:
    client = house.client("qa")
    client.get("/review")
    first, second = (row.call_id for row in queue.page(house.store.db, queue.Filter())[:2])
    answer = client.post(f"/review/{first}/finish", {"comment": "开头要问好", "publish": "1", **on(house, first)})
    assert answer.status_code == 303 and answer.headers["location"] == f"/review/{second}"
    (done,) = reviews.of_call(house.store.db, first)
    assert (done.by, done.comment) == ("质检小王", "开头要问好") and publications.newest(house.store.db, first) is not None
    assert "开头要问好" in client.get(f"/review/{first}").text
    assert {"review.finish", "call.publish"} <= {a for _by, a, what in house.actions() if what == first}


def test_in_a_closed_month_the_screen_asks_for_consent(house: House) -> None:
    from qa import ledger_closing

    house.clock[0] += 60 * 86400
    house.store.ledger.close_month("2025-06", "财务")
    assert ledger_closing is not None
    fields = {"action": "overturn", "outcome": "pass", "reason": "截断"}
    refused = act(house, **fields)
    assert refused.status_code == 400 and "2025-06 已关账" in refused.text and outcome(house) is Outcome.FAIL
    assert act(house, closed_month="1", **fields).status_code == 303 and outcome(house) is Outcome.FAIL
    page = house.client("qa").get(f"/review/{A}").text
    assert "等待批准的评分" in page and "人工复核：截断" in page


# ---------------------------------------------------------------- publishing


def test_published_the_agent_sees_it_and_retracted_no_longer(house: House) -> None:
    client, agent = house.client("qa"), house.client("agent")
    assert agent.get(f"/calls/{A}").status_code == 404
    assert client.get("/publish").text.count('name="call"') == 12
    assert client.post("/publish", {"call": A}).status_code == 303 and agent.get(f"/calls/{A}").status_code == 200
    assert client.get("/publish").text.count('name="call"') == 11
    assert client.get("/publish").text.count(" checked ") == 0, "what nobody has reviewed is chosen by hand"
    assert client.post("/publish", {"call": A, "listed": [call_id("8001", 0), B], "all": "1"}).status_code == 303
    assert agent.get(f"/calls/{B}").status_code == 200
    assert client.post("/publish", {"call": "nobody-knows-it"}).status_code == 400 and client.post("/publish", {}).status_code == 400
    assert client.post(f"/publish/{A}/retract", {"note": "公布早了"}).status_code == 303 and agent.get(f"/calls/{A}").status_code == 404
    assert [a for _by, a, what in house.actions() if what == A][:2] in (
        ["call.retract", "call.view"],
        ["call.publish", "call.view"],
        ["call.publish", "call.retract"],
    )


# ---------------------------------------------------------------- appeals


@pytest.fixture
def appeal(house: House) -> appeals.Appeal:
    house.publish(A)
    day = house_day(house)
    return appeals.file(house.store, A, "greeting", "8001", "文字与录音不符", "我问候了，13812345678 可以作证", "李敏", day)


def house_day(house: House) -> Any:
    from qa.review.appeal_states import today

    house.clock[0] = time.time()
    return today()


def test_an_appeal_goes_from_the_lead_to_qa_and_changes_the_call(house: House, appeal: appeals.Appeal) -> None:
    lead, client = house.client("lead"), house.client("qa")
    assert f'href="/team/appeals/{appeal.id}"' in lead.get("/team/appeals").text
    page = lead.get(f"/team/appeals/{appeal.id}").text
    assert "我问候了" in page and "13812345678" not in page and "支持并转质检" in page
    assert house.client("lead2").get(f"/team/appeals/{appeal.id}").status_code == 404
    assert house.client("lead2").post(f"/team/appeals/{appeal.id}", {"action": "reject", "text": "x"}).status_code == 404
    assert f'href="/team/appeals/{appeal.id}"' not in house.client("lead2").get("/team/appeals").text
    assert client.post(f"/appeals/{appeal.id}", {"action": "accept", "text": "x", "outcome": "pass"}).status_code == 400
    assert lead.post(f"/team/appeals/{appeal.id}", {"action": "accept", "text": "x"}).status_code == 400
    assert lead.post(f"/team/appeals/{appeal.id}", {"action": "support", "text": "听了，有问候", **on(house)}).status_code == 303
    assert "听了，有问候" in client.get(f"/appeals/{appeal.id}").text
    refused = client.post(f"/appeals/{appeal.id}", {"action": "accept", "text": "", "outcome": "pass", **on(house)})
    assert refused.status_code == 400 and outcome(house) is Outcome.FAIL
    done = client.post(f"/appeals/{appeal.id}", {"action": "accept", "text": "录音开头有问候", "outcome": "pass", **on(house)})
    assert done.status_code == 303 and outcome(house) is Outcome.PASS
    assert publications.shown(house.store, A)[1].result("greeting").outcome is Outcome.PASS  # type: ignore[union-attr]
    assert {"appeal.support", "appeal.accept"} <= {a for _by, a, what in house.actions() if what == str(appeal.id)}


def test_an_appeal_leads_the_queue_and_the_start_pages(house: House, appeal: appeals.Appeal) -> None:
    client, lead = house.client("qa"), house.client("lead")
    client.get("/review")
    assert "待答复的申诉" in lead.get("/").text
    assert queue.count(house.store.db, queue.Filter(reason="appealed")) == 0
    lead.post(f"/team/appeals/{appeal.id}", {"action": "support", "text": "听了，有问候", **on(house)})
    client.get("/review")
    assert queue.page(house.store.db, queue.Filter())[0].call_id == A
    assert "有申诉" in client.get("/review").text and "申诉" in client.get(f"/review/{A}").text
    assert "待复核" in client.get("/").text


# ---------------------------------------------------------------- rules


def test_rules_are_edited_tried_and_adopted(house: House) -> None:
    client, db = house.client("qa"), house.store.db
    assert client.post("/rules", {"book": "default"}).status_code == 303
    (draft,) = rule_editing.drafts(db)
    path = f"/rules/{draft.id}"
    assert "max_cpm" in client.get(path).text
    fields = {"rule": "speech_rate", "key": "max_cpm", "revision": str(draft.revision)}
    assert client.post(path, {**fields, "value": "viele"}).status_code == 400
    assert client.post(path, {**fields, "value": "281"}).status_code == 303
    stale = client.post(path, {**fields, "value": "282"})
    assert stale.status_code == 409 and "改过它" in stale.text
    now = rule_editing.get(db, draft.id)
    words = client.post(path, {"list": "banned.txt", "text": "你自己打别的电话\n你自己打别的电话\n", "revision": str(now.revision)})
    assert words.status_code == 303
    page = client.get(path).text
    assert "有错，不能采用" in page and "重复" in page and "/tmp" not in page
    now = rule_editing.get(db, draft.id)
    adopt = {"version": "新版", "from": "2025-06-20", "revision": str(now.revision), "old-texts": "1"}
    assert client.post(f"{path}/adopt", adopt).status_code == 400
    client.post(path, {"list": "banned.txt", "text": "你自己打别的电话\n", "revision": str(now.revision)})
    tried = client.get(f"{path}/try?since=2025-06-01&until=2025-06-30")
    assert tried.status_code == 200 and "判定的变化" in tried.text
    now = rule_editing.get(db, draft.id)
    assert client.post(f"{path}/adopt", adopt | {"revision": str(now.revision)}).status_code == 303
    assert "新版" in client.get("/rules").text and "已采用" in client.get(path).text
    assert {"rules.begin", "rules.limit", "rules.words", "rules.try", "rules.adopt"} <= {a for _by, a, _what in house.actions()}


def test_how_often_rules_are_overturned_is_shown_with_its_number(house: House) -> None:
    verdicts.overturn(house.store, A, "greeting", Outcome.PASS, Terms("质检小王", "x"))
    page = house.client("qa").get("/rules/overturned").text
    assert "100%" in page and "1 次" in page and "greeting" in page


def test_overturns_are_those_of_the_newest_ninety_days_unless_others_are_asked_for(house: House) -> None:
    verdicts.overturn(house.store, A, "greeting", Outcome.PASS, Terms("质检小王", "x"))
    house.clock[0] = time.time()
    assert "100%" in house.client("qa").get("/rules/overturned").text
    house.clock[0] += 91 * 86400
    page = house.client("qa").get("/rules/overturned").text
    since = datetime.datetime.fromtimestamp(house.clock[0], HOUSE_ZONE).date() - datetime.timedelta(days=89)
    assert "这段时间没有人工判定" in page and re.search(rf'name="since"[^>]*value="{since}"|value="{since}"[^>]*name="since"', page)
    assert "100%" in house.client("qa").get("/rules/overturned?since=&until=").text
    assert "100%" in house.client("qa").get(f"/rules/overturned?since={since - datetime.timedelta(days=5)}").text


def test_a_control_sample_that_is_not_yet_looked_through_has_its_number_and_no_interval(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "control", lambda call: True)
    queue.refresh(house.store)
    reviews.finish(house.store, A, "质检小王")
    page = house.client("qa").get("/rules/overturned?since=&until=")
    assert page.status_code == 200 and re.search(r'0% <span class="soft small">1 次</span>', page.text)
