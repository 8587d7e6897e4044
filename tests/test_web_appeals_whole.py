# ruff: noqa: F811
"""The pages of appeals: what follows from one about the whole call, what stands by now, whose turn it is, and how much may be written."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from web_browser import WIDTHS, Opened, browser, opened, server  # noqa: F401
from web_browser import pytestmark as in_browser
from web_house import NUMBER, House, call_id, house, house_made  # noqa: F401

from qa import rulebook
from qa.clock import HOUSE_ZONE
from qa.rescore import judge
from qa.review import appeals, publications, verdicts, versions
from qa.review.appeal_states import today
from qa.review.rulings import of_call
from qa.review.verdicts import Terms
from qa.types import Evidence, Outcome, Role, Span

A = call_id("8001", 1)
WHY = "文字与录音不符"
LATER = Evidence(Span(6500, 9000), Role.AGENT)


@pytest.fixture
def whole(house: House) -> appeals.Appeal:
    """An appeal about the whole call, supported by the lead; the call has breaches of two rules, one of them twice."""
    house.clock[0] = time.time()
    for number, span in enumerate((Span(500, 2000), LATER.span)):
        verdicts.add(house.store, A, "banned_phrases", Evidence(span, Role.AGENT), Terms("培训老师", f"听到第{number}句"))
    house.publish(A)
    one = appeals.file(house.store, A, "", "8001", WHY, f"不是我的电话 {NUMBER}", "李敏", today())
    return appeals.answer(house.store, one.id, "lead", "support", "当天请假", "王班长", today())


@pytest.fixture
def ruled(house: House) -> appeals.Appeal:
    """An appeal against one rule, with the lead."""
    house.clock[0] = time.time()
    house.publish(A)
    return appeals.file(house.store, A, "greeting", "8001", WHY, "我问候了", "李敏", today())


def on(house: House) -> dict[str, str]:
    return {"on": versions.version(house.store.db, A)}


def answer(house: House, one: appeals.Appeal, who: str = "qa", base: str = "/appeals", **fields: Any) -> Any:
    return house.client(who).post(f"{base}/{one.id}", {"action": "accept", "text": "听了两遍", **on(house), **fields})


def plain(page: str) -> str:
    (main,) = re.findall(r"<main.*?</main>", page, re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main)))


def later(house: House, days: int) -> datetime.date:
    house.clock[0] = time.time() + 86400 * days
    return datetime.datetime.fromtimestamp(house.clock[0], HOUSE_ZONE).date()


# ---------------------------------------------------------------- what follows for the whole call


def test_what_follows_has_to_be_chosen_and_nothing_typed_is_lost(house: House, whole: appeals.Appeal) -> None:
    page = house.client("qa").get(f"/appeals/{whole.id}").text
    assert re.findall(r'name="follows" value="(\w+)"( checked)?', page) == [("accept_out", ""), ("accept", ""), ("accept_owner", "")]
    boxes = re.findall(r'name="accepted" value="([^"]+)"( checked)?', page)
    assert [value for value, _ in boxes] == ["greeting:0", "speech_rate:0", "banned_phrases:0", "banned_phrases:1"]
    assert not any(checked for _, checked in boxes)
    assert NUMBER not in page and "0:06.5" in page
    refused = answer(house, whole)
    assert refused.status_code == 400 and "没有写明申诉成立以后怎么办" in refused.text and "听了两遍" in refused.text
    both = answer(house, whole, follows="accept_out", accepted=["greeting:0"])
    assert both.status_code == 400 and "请只留一样" in both.text and 'value="accept_out" checked' in both.text
    assert 'value="greeting:0" checked' in both.text and 'value="banned_phrases:0" checked' not in both.text
    none = answer(house, whole, follows="accept")
    assert none.status_code == 400 and "没有勾选不再算的是哪几处" in none.text
    assert appeals.get(house.store.db, whole.id).state(today()).status == "waiting"


def test_out_of_the_appraisal_the_agent_reads_so(house: House, whole: appeals.Appeal) -> None:
    assert answer(house, whole, follows="accept_out").status_code == 303
    agent = house.client("agent")
    assert "申诉成立：本通不计入考核" in agent.get(f"/my/appeals/{whole.id}").text and agent.get(f"/my/calls/{A}").status_code == 404
    assert house.store.withdrawals.standing(A) is not None and 'id="owed"' not in house.client("qa").get("/appeals").text
    assert ("qa", "appeal.accept", str(whole.id)) in house.actions()


def test_breaches_of_several_rules_fall_and_the_agent_reads_which(house: House, whole: appeals.Appeal) -> None:
    ticked = {"accepted": ["greeting:0", "banned_phrases:1"], "outcome-greeting": "not_applicable", "outcome-banned_phrases": "pass"}
    assert answer(house, whole, follows="accept", **ticked).status_code == 303
    card = publications.shown(house.store, A)[1]
    greeting, banned = card.result("greeting"), card.result("banned_phrases")
    assert greeting is not None and greeting.outcome is Outcome.NOT_APPLICABLE
    assert banned is not None and (banned.outcome, banned.occurrences) == (Outcome.FAIL, 1)
    page = plain(house.client("agent").get(f"/my/appeals/{whole.id}").text)
    assert "部分成立" in page and f"{banned.title} 0:06.5；仍然算的：" in page and f"{banned.title} 0:00.5）" in page and "继续申诉" in page


def test_another_agents_call_is_listed_until_it_is_put_right(house: House, whole: appeals.Appeal) -> None:
    assert answer(house, whole, follows="accept_owner").status_code == 303
    qa, agent = house.client("qa"), house.client("agent")
    assert "通话归属待更正（1）" in qa.get("/appeals").text and "通话归属待更正" in qa.get("/").text
    assert "通话归属还没有更正" in house.client("hr").get("/months?month=2025-06").text
    assert "通话归属还没有更正，更正以前得分和罚款仍按原来的计" in agent.get(f"/my/appeals/{whole.id}").text
    assert "申诉已成立，通话归属待更正" in agent.get(f"/my/calls/{A}").text
    lead = house.client("lead")
    assert 'value="settle"' not in lead.get(f"/team/appeals/{whole.id}").text
    assert lead.post(f"/team/appeals/{whole.id}", {"action": "settle", "text": "算了", **on(house)}).status_code == 400
    assert 'value="settle"' in qa.get(f"/appeals/{whole.id}").text
    assert answer(house, whole, action="settle", text="话单找不到了").status_code == 303
    assert "通话归属待更正" not in qa.get("/appeals").text + qa.get("/").text and house.store.withdrawals.standing(A) is not None
    page = agent.get(f"/my/appeals/{whole.id}").text
    assert "申诉成立：本通不计入考核" in page and "话单找不到了" in page and "还没有更正" not in page


def moved(house: House) -> None:
    """By the corrected records the call is another agent's, and QA has published that."""
    was = house.store.call(A)
    assert was.record is not None
    now = replace(was, record=replace(was.record, agent_id="8002", agent_name="周平"))
    house.store.record(now, judge(now, rulebook.load("default"), house.store.earlier()))
    house.publish(A)


def test_of_a_call_that_is_another_agents_by_now_nothing_is_offered_but_to_say_so(house: House, whole: appeals.Appeal) -> None:
    moved(house)
    page = house.client("qa").get(f"/appeals/{whole.id}").text
    assert "这通电话不再算这位坐席的" in page and 'value="reject"' not in page
    assert re.findall(r'name="follows" value="(\w+)"( checked)?', page) == [("accept_owner", " checked")]
    assert 'name="accepted"' not in page and 'name="outcome' not in page
    for fields in ({"follows": "accept_out"}, {"follows": "accept", "accepted": ["greeting:0"], "outcome-greeting": "pass"}):
        refused = answer(house, whole, **fields)
        assert (
            refused.status_code == 400 and "这通电话不再算这位坐席的。请答复通话归属已更正" in refused.text and "听了两遍" in refused.text
        )
    assert house.store.withdrawals.standing(A) is None and A in {row.call_id for row in house.store.calls("8002")}
    assert answer(house, whole, follows="accept_owner").status_code == 303
    read = house.client("agent").get(f"/my/appeals/{whole.id}").text
    assert "通话归属已更正" in read and "还没有更正" not in read and "0:06.5" not in read


def test_nor_are_its_breaches_in_an_appeal_against_a_rule(house: House) -> None:
    house.clock[0] = time.time()
    for span in (Span(500, 2000), LATER.span):
        verdicts.add(house.store, A, "banned_phrases", Evidence(span, Role.AGENT), Terms("培训老师", "听到"))
    house.publish(A)
    one = appeals.file(house.store, A, "banned_phrases", "8001", WHY, "不是我", "李敏", today())
    one = appeals.answer(house.store, one.id, "lead", "support", "当天请假", "王班长", today())
    assert 'name="accepted"' in house.client("qa").get(f"/appeals/{one.id}").text
    before = len(of_call(house.store.db, A))
    moved(house)
    assert 'name="accepted"' not in house.client("qa").get(f"/appeals/{one.id}").text
    assert answer(house, one, outcome="pass").status_code == 303
    assert len(of_call(house.store.db, A)) == before and "0:06.5" not in appeals.get(house.store.db, one.id).steps[-1].text


# ---------------------------------------------------------------- what stands by now


def test_the_page_shows_what_stands_beside_what_was_published(house: House, ruled: appeals.Appeal) -> None:
    lead = house.client("lead")
    page = lead.get(f"/team/appeals/{ruled.id}").text
    assert "现在的结果" not in page and 'value="reject"' in page
    verdicts.overturn(house.store, A, "greeting", Outcome.PASS, Terms("质检主管", "听错了"))
    page = lead.get(f"/team/appeals/{ruled.id}").text
    assert "公布的结果" in page and "现在的结果" in page and "没有可以维持的原判：质检主管 于" in page and 'value="reject"' not in page
    assert 'value="support"' in page
    appeals.answer(house.store, ruled.id, "lead", "support", "是", "王班长", today())
    qa = house.client("qa")
    page = qa.get(f"/appeals/{ruled.id}").text
    assert 'value="reject"' not in page and '<option value="pass" selected>' in page
    upheld = answer(house, ruled, action="reject")
    assert upheld.status_code == 400 and "没有可以维持的原判" in upheld.text
    assert answer(house, ruled, outcome="pass").status_code == 303
    read = plain(house.client("agent").get(f"/my/appeals/{ruled.id}").text)
    assert "申诉成立" in read and "听了两遍（质检主管 于" in read and "驳回" not in read


def test_a_refusal_of_what_somebody_changed_meanwhile_is_not_kept(house: House, whole: appeals.Appeal) -> None:
    seen = on(house)
    verdicts.drop(house.store, A, "banned_phrases", (0,), Terms("质检主管", "第二处不是"))
    late = answer(house, whole, action="reject", **seen)
    assert late.status_code == 409 and "质检主管 改了判定" in late.text and "听了两遍" in late.text and "现在的结果" in late.text
    assert answer(house, whole, action="reject").status_code == 303


# ---------------------------------------------------------------- whose turn it is


def test_a_late_lead_is_told_whose_it_is_and_keeps_the_text(house: House, ruled: appeals.Appeal) -> None:
    due = ruled.state(today()).due
    assert due is not None
    day = later(house, (due - today()).days + 1)
    late = house.client("lead").post(f"/team/appeals/{ruled.id}", {"action": "support", "text": "迟到的答复", **on(house)})
    said = plain(late.text)
    assert (
        late.status_code == 400 and "现在不由班组长答复：待质检答复" in said and "迟到的答复" in said and 'name="action"' not in late.text
    )
    for who, path in (("agent", "/my/appeals"), ("qa", "/appeals"), ("lead", "/team/appeals")):
        page = plain(house.client(who).get(f"{path}/{ruled.id}").text)
        assert "班组长" in page and "到期未答复" in page and f"期限 {due} 已过，自动转质检" in page and "还没有答复" not in page, (who, day)


def test_so_is_qa_before_its_turn(house: House, ruled: appeals.Appeal) -> None:
    early = answer(house, ruled, outcome="pass", text="先答了")
    said = plain(early.text)
    assert early.status_code == 400 and "现在不由质检答复：待班组长答复" in said and "先答了" in said


def test_an_agent_who_goes_on_too_late_or_too_long_keeps_the_text(house: House, ruled: appeals.Appeal) -> None:
    now = appeals.answer(house.store, ruled.id, "lead", "reject", "是", "王班长", today()).state(today())
    long = house.client("agent").post(f"/my/appeals/{ruled.id}", {"action": "escalate", "text": "不" * 2001})
    assert long.status_code == 400 and "写了 2001 字" in long.text and "不" * 2001 in long.text
    assert now.due is not None
    later(house, (now.due - today()).days + 1)
    for fields in ({"action": "escalate", "text": "不服，请再听"}, {"action": "withdraw"}):
        late = house.client("agent").post(f"/my/appeals/{ruled.id}", fields)
        assert late.status_code == 400 and "班组长驳回，维持原判" in late.text and 'role="alert"' in late.text
        assert fields.get("text", "") in late.text and 'value="escalate"' not in late.text


def test_the_agents_steps_stand_under_the_agents_name(house: House, ruled: appeals.Appeal) -> None:
    appeals.answer(house.store, ruled.id, "lead", "reject", "是", "王班长", today())
    house.client("agent").post(f"/my/appeals/{ruled.id}", {"action": "escalate", "text": "不服"})
    page = plain(house.client("qa").get(f"/appeals/{ruled.id}").text)
    assert "坐席 · 继续申诉 李敏" in page and "班组长 · 继续申诉" not in page
    own = plain(house.client("agent").get(f"/my/appeals/{ruled.id}").text)
    assert "坐席 继续申诉 李敏" in own


# ---------------------------------------------------------------- refused in the agent's form


def filed(house: House, **fields: str) -> Any:
    return house.client("agent").post(f"/my/calls/{A}/appeal", {"rule": "greeting", "reason": WHY, "text": "我问候了", **fields})


def test_a_second_appeal_leads_to_the_first(house: House, ruled: appeals.Appeal) -> None:
    again = filed(house, text="再说一次")
    link = f'<a href="/my/appeals/{ruled.id}">'
    assert again.status_code == 400 and again.text.count("已经申诉，正在处理") == 1 and link in again.text and "再说一次" in again.text
    assert link in house.client("agent").get(f"/my/calls/{A}").text


def test_what_is_no_breach_is_named_by_its_title_and_refused_once(house: House) -> None:
    house.clock[0] = time.time()
    house.publish(A)
    result = publications.shown(house.store, A)[1].result("banned_phrases")
    assert result is not None and result.outcome is Outcome.PASS
    for rule, title in (("banned_phrases", result.title), ("no_such_rule", "公布的评分里没有的项目")):
        page = filed(house, rule=rule).text
        assert page.count("这一项没有扣分或罚款") == 1 and f"<b>{title}</b>" in page and f"<b>{rule}</b>" not in page


def test_how_much_may_be_written_is_told_and_too_much_is_not_cut(house: House, whole: appeals.Appeal) -> None:
    form = house.client("agent").get(f"/my/calls/{A}/appeal?rule=greeting").text
    assert f"最多 {appeals.LONGEST} 字" in form and "maxlength" not in form and 'data-counted="已写 {n} 字，最多 2000 字"' in form
    long = filed(house, text="字" * 2001)
    assert (
        long.status_code == 400 and "写了 2001 字" in long.text and "字" * 2001 in long.text and "已写 2001 字，最多 2000 字" in long.text
    )
    lines = "一行\r\n" * 500  # a browser sends two characters for each end of a line
    assert filed(house, text=lines + "字" * 500).status_code == 303
    answered = answer(house, whole, follows="accept_out", text="字" * 2001)
    assert answered.status_code == 400 and "字" * 2001 in answered.text and 'value="accept_out" checked' in answered.text


def test_all_of_it_is_said_in_english(house: House, whole: appeals.Appeal) -> None:
    qa, agent = house.client("qa"), house.client("agent")
    for one in (qa, agent):
        one.post("/language", {"lang": "en", "next": "/"})
    refused = qa.post(f"/appeals/{whole.id}", {"action": "accept", "text": "x", "follows": "accept", **on(house)}).text
    assert "it was not ticked which breaches count no more" in refused.lower()
    assert qa.post(f"/appeals/{whole.id}", {"action": "accept", "text": "x", "follows": "accept_owner", **on(house)}).status_code == 303
    for page in (qa.get("/appeals").text, agent.get(f"/my/appeals/{whole.id}").text):
        for said in ("归属", "申诉成立", "考核"):
            assert said not in page


# ---------------------------------------------------------------- in a browser


class TestBrowser:
    pytestmark = in_browser

    @pytest.mark.parametrize("width", WIDTHS)
    def test_the_form_and_what_came_of_it(self, opened: Callable[..., Opened], house: House, whole: appeals.Appeal, width: int) -> None:
        one = opened("qa", f"/appeals/{whole.id}", width)
        one.well()
        one.tab_to('[name="text"]')
        one.page.keyboard.type("听了两遍")
        assert one.page.locator("#f-text-most").inner_text() == "已写 4 字，最多 2000 字"
        one.tab_to('[name="follows"]')
        one.page.keyboard.press("Space")
        one.shot("appeal-whole")
        one.page.click('[name="follows"][value="accept_owner"]')
        one.page.click('button[value="accept"]')
        one.until("document.querySelector('[value=settle]')")
        one.well()
        one.shot("appeal-whole-owed")
        listed = opened("qa", "/appeals", width)
        listed.well()
        listed.shot("appeals-owed")
        read = opened("agent", f"/my/appeals/{whole.id}", width)
        read.well()
        read.shot("appeal-whole-agent")
