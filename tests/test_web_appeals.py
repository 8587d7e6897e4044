# ruff: noqa: F811
"""Pages of appeals: which of several breaches an answer takes away, who has the form of it, whose appeals one sees; and whose calls the
queue shows."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from web_house import NUMBER, House, call_id, house, house_made  # noqa: F401

from qa import rulebook
from qa.outcome_words import OUTCOMES
from qa.people import accounts
from qa.rescore import judge
from qa.review import appeals, assignments, publications, queue, verdicts, versions
from qa.review.appeal_states import today
from qa.review.verdicts import Terms
from qa.types import Evidence, Outcome, Role, Span

A = call_id("8001", 1)
SPANS = (Span(500, 2000), Span(6500, 9000), Span(16500, 20000))
WHY = "文字与录音不符"


@pytest.fixture
def three(house: House) -> appeals.Appeal:
    """An appeal against three breaches of one rule, supported by the lead."""
    house.clock[0] = time.time()
    for number, span in enumerate(SPANS):
        verdicts.add(house.store, A, "banned_phrases", Evidence(span, Role.AGENT), Terms("培训老师", f"听到第{number}句"))
    house.publish(A)
    one = appeals.file(house.store, A, "banned_phrases", "8001", WHY, "只有一句", "李敏", today())
    return appeals.answer(house.store, one.id, "lead", "support", "请质检听", "王班长", today())


def answer(house: House, one: appeals.Appeal, who: str = "qa", **fields: Any) -> Any:
    given = {"action": "accept", "text": "听了两遍", "outcome": "pass", "on": versions.version(house.store.db, A), **fields}
    return house.client(who).post(f"/appeals/{one.id}", given)


def boxes(page: str) -> list[tuple[str, bool]]:
    return [(value, bool(checked)) for value, checked in re.findall(r'name="accepted" value="(\d+)"( checked)?', page)]


def breaches(house: House) -> int:
    result = publications.shown(house.store, A)[1].result("banned_phrases")
    assert result is not None
    return result.occurrences if result.outcome is Outcome.FAIL else 0


# ---------------------------------------------------------------- right in part


def test_of_several_breaches_each_has_a_box_with_its_second_words_and_clause(house: House, three: appeals.Appeal) -> None:
    page = unescape(house.client("qa").get(f"/appeals/{three.id}").text)
    assert boxes(page) == [("0", True), ("1", True), ("2", True)] and NUMBER not in page
    (form,) = re.findall(r'<fieldset class="places">.*?</fieldset>', page, re.S)
    for clock, said in (("0:00.5", "什么事"), ("0:06.5", "请您报一下电话号码"), ("0:16.5", "已经为您登记报修")):
        assert clock in form and said in form
    clause = house.store.scorecard(A).result("banned_phrases")
    assert clause is not None and clause.clause in form


def test_what_is_ticked_is_taken_away_and_the_agent_reads_which(house: House, three: appeals.Appeal) -> None:
    done = answer(house, three, accepted=["0", "2"])
    assert done.status_code == 303 and breaches(house) == 1
    page = unescape(house.client("agent").get(f"/my/appeals/{three.id}").text)
    assert "部分成立" in page and "听了两遍" in page and "成立的：0:00.5、0:16.5；仍然算的：0:06.5" in page and "继续申诉" in page
    assert "部分成立" in house.client("qa").get(f"/appeals/{three.id}").text
    assert ("qa", "appeal.accept", str(three.id)) in house.actions()


def test_all_ticked_the_whole_deduction_goes(house: House, three: appeals.Appeal) -> None:
    assert answer(house, three, accepted=["0", "1", "2"]).status_code == 303 and breaches(house) == 0
    assert str(appeals.get(house.store.db, three.id).state()) == "申诉成立"


def test_nothing_ticked_is_no_acceptance_and_what_was_typed_stays(house: House, three: appeals.Appeal) -> None:
    refused = answer(house, three)
    assert refused.status_code == 400 and "没有勾选成立的是哪几处" in refused.text and "听了两遍" in refused.text and breaches(house) == 3
    assert boxes(refused.text) == [("0", False), ("1", False), ("2", False)]
    short = answer(house, three, text="", accepted=["1"])
    assert short.status_code == 400 and boxes(short.text) == [("0", False), ("1", True), ("2", False)] and breaches(house) == 3


def test_what_another_decided_meanwhile_is_told_first(house: House, three: appeals.Appeal) -> None:
    seen = versions.version(house.store.db, A)
    verdicts.drop(house.store, A, "banned_phrases", (0, 2), Terms("质检主管", "第二处不是"))
    late = answer(house, three, accepted=["0"], on=seen)
    assert late.status_code == 409 and "质检主管 改了判定" in late.text and breaches(house) == 2
    assert boxes(late.text) == [("0", True), ("1", False)]


def test_one_breach_alone_has_no_boxes(house: House) -> None:
    house.clock[0] = time.time()
    house.publish(A)
    one = appeals.file(house.store, A, "greeting", "8001", WHY, "我问候了", "李敏", today())
    appeals.answer(house.store, one.id, "lead", "support", "是", "王班长", today())
    assert boxes(house.client("qa").get(f"/appeals/{one.id}").text) == []
    assert answer(house, one).status_code == 303


def test_an_appeal_about_a_call_that_counts_no_more_can_be_answered(house: House, three: appeals.Appeal) -> None:
    house.store.withdrawals.by_person([A], False, "质检主管", "重复的录音")
    page = house.client("qa").get(f"/appeals/{three.id}")
    assert page.status_code == 200 and boxes(page.text) == [] and 'name="action"' in page.text and NUMBER not in page.text
    assert answer(house, three).status_code == 303 and str(appeals.get(house.store.db, three.id).state()) == "申诉成立"


# ---------------------------------------------------------------- words


def test_every_instance_has_one_word_for_a_refusal_on_buttons_in_notices_and_in_states(house: House) -> None:
    house.clock[0] = time.time()
    house.publish(A)
    one = appeals.file(house.store, A, "greeting", "8001", WHY, "我问候了", "李敏", today())
    for who, base, level in (("lead", "/team/appeals", "班组长"), ("qa", "/appeals", "质检"), ("qa2", "/appeals", "终审")):
        browser = house.client(who)
        assert '<button class="danger" name="action" value="reject">驳回（维持原判）</button>' in browser.get(f"{base}/{one.id}").text
        done = browser.post(f"{base}/{one.id}", {"action": "reject", "text": "听得很清楚", "on": versions.version(house.store.db, A)})
        page = browser.get(done.headers["location"]).text
        assert "答复已记下：驳回（维持原判）" in page and f"<b>{level} · 驳回（维持原判）</b>" in page and f"{level}驳回，" in page
        own = house.client("agent").get(f"/my/appeals/{one.id}").text
        assert f"{level}驳回，{'维持原判' if level == '终审' else '可继续申诉'}" in own and "不支持" not in page + own
        if level != "终审":
            appeals.escalate(house.store, one.id, "不服", "李敏", today())


def test_the_outcome_of_an_accepted_appeal_is_named_as_everywhere(house: House, three: appeals.Appeal) -> None:
    page = house.client("qa").get(f"/appeals/{three.id}").text
    assert f'<option value="pass">{OUTCOMES[Outcome.PASS]}</option>' in page and "符合" not in page
    assert "符合" not in house.client("qa").get("/rules/overturned").text


# ---------------------------------------------------------------- who answers


def test_only_whoever_has_it_now_sees_the_form_of_an_answer(house: House, three: appeals.Appeal) -> None:
    def forms(who: str, path: str) -> list[str]:
        return sorted(re.findall(r'name="action" value="(\w+)"', house.client(who).get(f"{path}/{three.id}").text))

    assert (forms("lead", "/team/appeals"), forms("qa", "/appeals")) == ([], ["accept", "reject"])
    appeals.answer(house.store, three.id, "qa", "reject", "是", "质检小王", today())
    assert forms("qa", "/appeals") == forms("lead", "/team/appeals") == []
    other = appeals.file(house.store, A, "greeting", "8001", WHY, "我问候了", "李敏", today())
    assert (f"/team/appeals/{other.id}" in house.client("lead").get("/team/appeals").text) is True
    three = other
    assert (forms("lead", "/team/appeals"), forms("qa", "/appeals")) == (["reject", "support"], [])


def test_the_last_instance_is_another_account_whatever_the_names(house: House, three: appeals.Appeal) -> None:
    house.store.db.sqlite.execute("update users set name = '质检小王' where login = 'qa2'")
    assert answer(house, three, action="reject", text="都是").status_code == 303
    appeals.escalate(house.store, three.id, "不服", "李敏", today())
    house.store.db.sqlite.execute("update users set name = '王质检' where login = 'qa'")
    page = house.client("qa").get(f"/appeals/{three.id}").text
    assert "您判过这件事" in page and 'name="action"' not in page
    refused = answer(house, three, action="reject", text="都是")
    assert refused.status_code == 400 and "终审要由没有判过这件事的人来做" in refused.text
    assert "您判过这件事" not in house.client("qa2").get(f"/appeals/{three.id}").text
    assert answer(house, three, "qa2", action="reject", text="都是").status_code == 303


def test_whoever_ruled_on_the_screen_is_not_the_last_instance_under_another_name(house: House, three: appeals.Appeal) -> None:
    ruled = {"rule": "banned_phrases", "action": "confirm", "on": versions.version(house.store.db, A)}
    assert house.client("qa2").post(f"/review/{A}/verdict", ruled).status_code == 303
    assert answer(house, three, action="reject", text="都是").status_code == 303
    appeals.escalate(house.store, three.id, "不服", "李敏", today())
    house.store.db.sqlite.execute("update users set name = '另一个名字' where login = 'qa2'")
    assert answer(house, three, "qa2", action="reject", text="都是").status_code == 400


# ---------------------------------------------------------------- whose


def test_each_agent_sees_the_own_appeals_and_each_lead_those_of_the_team(house: House) -> None:
    house.clock[0] = time.time()
    made = {}
    for who, agent in (("agent", "8001"), ("agent2", "8002"), ("agent3", "8003")):
        house.publish(call_id(agent, 1))
        made[who] = appeals.file(house.store, call_id(agent, 1), "greeting", agent, WHY, "我问候了", who, today()).id

    def listed(who: str, path: str, below: str) -> set[int]:
        return {int(n) for n in re.findall(rf'href="{below}/(\d+)"', house.client(who).get(path).text)}

    assert {who: listed(who, "/my/appeals", "/my/appeals") for who in made} == {who: {number} for who, number in made.items()}
    of_teams = {"lead": {made["agent"], made["agent2"]}, "lead2": {made["agent3"]}}
    assert {who: listed(who, "/team/appeals", "/team/appeals") for who in of_teams} == of_teams
    assert listed("qa", "/appeals", "/appeals") == set(made.values())


def test_the_queue_shows_the_calls_of_whoever_they_were_given_to(house: House) -> None:
    queue.refresh(house.store)
    first, second, *_rest = (row.call_id for row in queue.page(house.store.db, queue.Filter()))
    wang, chief = (accounts.by_login(house.store.db, login) for login in ("qa", "qa2"))
    assignments.assign(house.store, [first], wang.id, "质检主管")
    assignments.assign(house.store, [second], chief.id, "质检主管")

    def shown(account: str, name: str) -> set[str]:
        page = house.client("qa").get("/review", params={"assignee": account}).text
        assert not account or re.search(rf'<option value="{account}" selected>{name}<', page)
        return set(re.findall(r'name="call" value="([^"]+)"', page))

    assert (shown(str(wang.id), "质检小王"), shown(str(chief.id), "质检主管")) == ({first}, {second}) and {first, second} < shown("", "")
    page = house.client("qa").get("/review", params={"assignee": str(wang.id)}).text
    (link,) = set(re.findall(rf'href="(/review/{first}\?[^"]*)"', page))
    assert "assignee=" in link, "the next call is one of the same filter"
    assert "没有符合条件的通话" in house.client("qa").get("/review", params={"assignee": "没有这个人"}).text


# ---------------------------------------------------------------- what holds


def test_a_verdict_on_another_recording_is_past_and_does_not_hold(house: House) -> None:
    before = verdicts.overturn(house.store, A, "greeting", Outcome.PASS, Terms("质检小王", "开头被截断"))

    def greeting() -> tuple[str, str]:
        page = house.client("qa").get(f"/review/{A}").text
        (article,) = re.findall(r'<article class="check rule o-\w+" id="c-greeting".*?</article>', page, re.S)
        _machine, person = article.split('class="person"')
        return article, person

    assert "尚未复核" not in greeting()[1] and "开头被截断" in greeting()[1]
    first, book = house.store.call(A), rulebook.load("default")
    other = replace(first, audio=replace(first.audio, sha256="f" * 64))
    house.store.record(other, judge(other, book, house.store.earlier()), new_recording=True)
    result = house.store.scorecard(A).result("greeting")
    assert result is not None and (result.outcome, result.verdict) == (Outcome.FAIL, 0)
    article, person = greeting()
    assert "尚未复核" in person and "以前的判定（1）" in article and "录音已换成另一份" in article
    house.store.record(first, judge(first, book, house.store.earlier()), new_recording=True)
    result = house.store.scorecard(A).result("greeting")
    assert result is not None and result.verdict == before.verdict.id and "尚未复核" not in greeting()[1]
