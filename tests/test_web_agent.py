"""An agent's own pages: published scorecards alone, what they rest on, taking note, appeals, notices."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from web_house import PEOPLE, House, call_id

from qa import rows
from qa.appraisal import acknowledgements, figures, own
from qa.appraisal.periods import Period
from qa.errors import NotFoundError, StoreError
from qa.intervals import wilson
from qa.review import appeals, publications, verdicts
from qa.review.verdicts import Terms
from qa.types import Outcome

GOOD, OMITTED, BANNED = (call_id("8001", n) for n in range(3))
WHY = "文字与录音不符"


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


# ---------------------------------------------------------------- the overview


def test_drafts_are_hidden(house: House) -> None:
    agent = house.client("agent")
    page = agent.get("/my?of=2025-06-12").text
    assert "这段时间没有公布的评分" in page and BANNED not in page and "不归我管" not in page
    for path in (f"/my/calls/{BANNED}", f"/my/calls/{BANNED}/appeal"):
        assert agent.get(path).status_code == 404
    assert agent.post(f"/my/calls/{BANNED}/acknowledge", {"scorecard": 1}).status_code == 404
    house.publish(BANNED)
    page = agent.get("/my?of=2025-06-12").text
    assert BANNED in page and OMITTED not in page and "n = 1" in page
    publications.retract(house.store, [BANNED], "质检小王", "发错了")
    assert BANNED not in agent.get("/my?of=2025-06-12").text and agent.get(f"/my/calls/{BANNED}").status_code == 404


def test_only_own_calls(house: House) -> None:
    house.publish(BANNED, call_id("8002", 2))
    assert call_id("8002", 2) not in house.client("agent").get("/my?of=2025-06-12").text
    for path in ("", "/appeal"):
        assert house.client("agent").get(f"/my/calls/{call_id('8002', 2)}{path}").status_code == 404
    assert house.client("agent").post(f"/my/calls/{call_id('8002', 2)}/appeal", {"rule": "", "reason": WHY, "text": "x"}).status_code == 404


def test_score_with_sample_size_and_interval_by_week_and_month(house: House) -> None:
    house.publish(GOOD, OMITTED, BANNED)
    month = plain(house.client("agent").get("/my?period=month&of=2025-06-12").text)
    assert "2025-06" in month and "平均 65 分" in month and "n = 3，95% 区间 15.3–100.0" in month
    week = plain(house.client("agent").get("/my?period=week&of=2025-06-12").text)
    assert "2025-W24" in week and "n = 3" in week
    assert "这段时间没有公布的评分" in house.client("agent").get("/my?period=week&of=2025-06-02").text
    assert house.client("agent").get("/my?period=year").status_code == 400


def test_what_cost_most_is_first(house: House) -> None:
    house.publish(GOOD, OMITTED, BANNED)
    found = own.overview(house.store, "8001", Period.of("month", date(2025, 6, 1)))
    lost = [(one.check_id, one.lost) for one in found.costs]
    assert lost == sorted(lost, key=lambda pair: -pair[1]) and lost[0] == ("speech_rate", 45.0)
    assert {one.check_id for one in found.costs} == {r.check_id for c in found.calls for r in c.results if r.outcome is Outcome.FAIL}


def test_clips_are_seconds_of_own_published_calls(house: House) -> None:
    house.publish(OMITTED, BANNED)
    found = own.overview(house.store, "8001", Period.of("month", date(2025, 6, 1)))
    clips = own.clips(house.store, found)
    assert len(clips) == 3 and {clip.call.call_id for clip in clips} <= {OMITTED, BANNED}
    assert [clip.result.check_id for clip in clips] == [one.check_id for one in found.costs[:3]]
    page = house.client("agent").get("/my?of=2025-06-12").text
    sounds = re.findall(r'<audio[^>]* src="([^"#]+)#t=([\d.]+),([\d.]+)"', page)
    assert len(sounds) == 3 and all(float(a) < float(b) for _, a, b in sounds)
    assert house.client("agent").get(sounds[0][0]).status_code == 200
    assert ("agent", "results.view", "8001") in house.actions()


def test_a_good_call_has_clips_of_what_went_well(house: House) -> None:
    house.publish(GOOD)
    found = own.overview(house.store, "8001", Period.of("month", date(2025, 6, 1)))
    clips = own.clips(house.store, replace(found, costs=()))
    assert clips and all(clip.result.outcome is Outcome.PASS and clip.evidence.text for clip in clips)


# ---------------------------------------------------------------- beside the past and the team


def month_of(agent: str, passed: int, failed: int) -> figures.AgentMonth:
    check = figures.CheckCount("greeting", "问候", passed, failed)
    fines = figures.KeptFines([], 0, 0, [], [])
    return figures.AgentMonth(agent, "2025-06", "一组", "", 9, 0, 0, wilson(0, 0), 0.0, 1.0, (), rows.to_json([check]), fines)


def test_the_median_of_the_team_is_told_of_enough_agents_alone() -> None:
    four = [month_of(str(n), n, 10 - n) for n in (2, 4, 6, 9)]
    assert own.team_median("greeting", four) == 0.5
    assert own.team_median("greeting", four[:3]) is None  # it would tell what a colleague has
    assert own.team_median("greeting", [*four[:3], month_of("x", 4, 0)]) is None  # too few calls to count
    assert own.team_median("other", four) is None


@pytest.mark.parametrize(
    ("now", "past", "change"),
    [((30, 0), (5, 25), "up"), ((5, 25), (30, 0), "down"), ((3, 0), (0, 3), ""), ((20, 10), (18, 12), ""), ((3, 0), None, "")],
)
def test_a_change_is_said_only_beyond_the_noise(now: tuple[int, int], past: Any, change: str) -> None:
    before = figures.CheckCount("c", "C", *past) if past else None
    assert own._rate(figures.CheckCount("c", "C", *now), before, ()).change == change


def test_the_teams_figures_are_published_ones_alone(house: House) -> None:
    """A median over drafts would tell of them."""
    house.publish(BANNED)
    figures.ensure(house.store, budget_s=None)
    assert [one.agent_id for one in figures.of_month(house.store, "2025-06", published=True)] == ["8001"]
    assert {one.agent_id for one in figures.of_month(house.store, "2025-06")} == {"8001", "8002", "8003", "8004"}


# ---------------------------------------------------------------- a scorecard


def test_a_deduction_shows_what_it_rests_on_and_opens_the_call_there(house: House) -> None:
    house.publish(BANNED)
    page = house.client("agent").get(f"/my/calls/{BANNED}").text
    text = plain(page)
    assert "服务禁语" in text and "这个不归我管" in text and "条款" in text and "识别把握" in text
    version = house.store.scorecard(BANNED).provenance.rule_book_version
    assert version in text and "由程序判定" in text
    opened = re.findall(r'href="(/calls/[^"?]+\?at=(\d+))"', page)
    assert any(7000 <= int(at) < 8500 for _, at in opened), opened
    assert house.client("agent").get(opened[0][0]).status_code == 200
    assert ("agent", "call.view", BANNED) in house.actions()


def test_an_omission_claims_no_confidence(house: House) -> None:
    house.publish(OMITTED)
    assert "识别把握" in house.client("agent").get(f"/my/calls/{OMITTED}").text


def test_customer_numbers_are_masked(house: House) -> None:
    house.publish(OMITTED)
    for path in ("/my?of=2025-06-12", f"/my/calls/{OMITTED}"):
        page = house.client("agent").get(path).text
        assert "13812345678" not in page and "一三八一二三四五六七八" not in page


def test_a_verdict_of_a_person_is_told(house: House) -> None:
    house.publish(BANNED)
    verdicts.confirm(house.store, BANNED, "banned_phrases", Terms("质检小王"))
    assert "由人判定或确认" in house.client("agent").get(f"/my/calls/{BANNED}").text


# ---------------------------------------------------------------- taking note


def test_taking_note_is_append_only_and_of_one_publication(house: House) -> None:
    house.publish(BANNED)
    agent = house.client("agent")
    card = publications.newest(house.store.db, BANNED)
    assert "我已看过" in agent.get(f"/my/calls/{BANNED}").text
    for _ in range(2):
        assert agent.post(f"/my/calls/{BANNED}/acknowledge", {"scorecard": card}).status_code == 303
    made = acknowledgements.of_call(house.store.db, BANNED)
    assert [(one.scorecard_id, one.by) for one in made] == [(card, "李敏")]
    assert "我已看过" not in agent.get(f"/my/calls/{BANNED}").text
    assert ("agent", "call.acknowledge", BANNED) in house.actions()
    for change in ("update acknowledgements set made_by = 'x'", "delete from acknowledgements"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            house.store.db.sqlite.execute(change)
        house.store.db.sqlite.conn.rollback()
    verdicts.overturn(house.store, BANNED, "banned_phrases", Outcome.PASS, Terms("质检小王", "听错了"))
    assert "我已看过" in agent.get(f"/my/calls/{BANNED}").text  # a correction is to be taken note of anew
    assert agent.post(f"/my/calls/{BANNED}/acknowledge", {"scorecard": card}).status_code == 409  # it was another that was seen


def test_nobody_takes_note_for_another(house: House) -> None:
    house.publish(BANNED)
    card = publications.newest(house.store.db, BANNED) or 0
    for agent_id in ("8002", ""):
        with pytest.raises(NotFoundError):
            acknowledgements.acknowledge(house.store, BANNED, agent_id, "周平", card)
    with pytest.raises(StoreError, match="姓名"):
        acknowledgements.acknowledge(house.store, BANNED, "8001", " ", card)


# ---------------------------------------------------------------- appeals


def filed(house: House, **other: str) -> Any:
    form = {"rule": "banned_phrases", "reason": WHY, "text": "我说的是不规管", **other}
    return house.client("agent").post(f"/my/calls/{BANNED}/appeal", form)


def test_an_appeal_from_the_form_to_the_answer(house: House) -> None:
    house.publish(BANNED)
    assert [house.client("agent").get(f"/my{path}").status_code for path in ("?of=2025-06-12", f"/calls/{BANNED}")] == [200, 200]
    form = house.client("agent").get(f"/my/calls/{BANNED}/appeal?rule=banned_phrases").text
    assert all(reason in form for reason in appeals.terms_of(house.store, house.store.scorecard(BANNED)).reasons)
    at = filed(house).headers["location"]
    one = appeals.of_agent(house.store.db, "8001")[0]
    assert (one.rule_id, one.reason, one.by) == ("banned_phrases", WHY, "李敏") and at == f"/my/appeals/{one.id}"
    assert ("agent", "appeal.file", str(one.id)) in house.actions()
    page = plain(house.client("agent").get(at).text)
    assert "待班组长答复" in page and "我说的是不规管" in page and "还没有答复" in page
    appeals.answer(house.store, one.id, "lead", "reject", "听得很清楚", "王班长")
    page = plain(house.client("agent").get(at).text)
    assert "班组长驳回，可继续申诉" in page and "听得很清楚" in page and "继续申诉" in page
    assert house.client("agent").post(at, {"action": "escalate", "text": ""}).status_code == 400
    answer = house.client("agent").post(at, {"action": "escalate", "text": "请再听"})
    assert answer.status_code == 303, plain(answer.text)
    assert "待质检答复" in plain(house.client("agent").get(at).text)
    assert house.client("agent").post(at, {"action": "withdraw"}).status_code == 303
    assert "已撤回" in plain(house.client("agent").get("/my/appeals").text)
    assert house.client("agent").post(at, {"action": "withdraw"}).status_code == 400


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reason": "我不高兴"}, "理由不在规则书所列之中"),
        ({"text": " "}, "没有写说明"),
        ({"rule": "volume"}, "没有扣分"),
        ({"text": "x" * 2001}, "太长"),
    ],
)
def test_appeals_that_are_none(house: House, change: dict[str, str], says: str) -> None:
    house.publish(BANNED)
    answer = filed(house, **change)
    assert answer.status_code == 400 and says in answer.text and appeals.of_agent(house.store.db, "8001") == ()
    if change.get("text") != " " and "text" not in change:
        assert "我说的是不规管" in answer.text or says == "没有扣分"  # nothing typed is lost


def test_after_the_window_no_appeal(house: House) -> None:
    house.publish(BANNED)
    until = appeals.window(house.store, BANNED, "banned_phrases").until
    assert until is not None
    house.clock[0] = (until.toordinal() - date(1970, 1, 1).toordinal()) * 86400.0  # the morning of the last day in China
    assert "对此项申诉" in house.client("agent").get(f"/my/calls/{BANNED}").text
    house.clock[0] += 86400
    assert "对此项申诉" not in house.client("agent").get(f"/my/calls/{BANNED}").text
    answer = filed(house)
    assert answer.status_code == 400 and "申诉期到" in answer.text


def test_others_appeals_are_not_there(house: House) -> None:
    house.publish(BANNED)
    at = filed(house).headers["location"]
    for who in ("agent2", "agent3"):
        assert house.client(who).get(at).status_code == 404
        assert house.client(who).post(at, {"action": "withdraw"}).status_code == 404
    assert house.client("lead").get(at).status_code == 403
    assert "申诉 1" not in house.client("agent2").get("/my/appeals").text


def test_an_appeal_leads_to_no_scorecard_that_is_not_shown(house: House) -> None:
    house.publish(BANNED)
    at, agent = filed(house).headers["location"], house.client("agent")
    link, gone = f'href="/my/calls/{BANNED}"', "这份评分已不再公布，暂时看不到。"
    assert link in agent.get(at).text and gone not in agent.get(at).text
    publications.retract(house.store, [BANNED], "质检小王", "发错了")
    assert link not in agent.get(at).text and gone in agent.get(at).text
    assert agent.get(f"/my/calls/{BANNED}").status_code == 404  # where the link would lead
    house.publish(BANNED)
    assert link in agent.get(at).text and gone not in agent.get(at).text
    house.store.withdrawals.by_person([BANNED], False, "质检主管", "重复的录音")
    assert link not in agent.get(at).text and gone in agent.get(at).text


# ---------------------------------------------------------------- start page


def test_notices_on_the_start_page(house: House) -> None:
    agent = house.client("agent")
    assert "没有新公布的评分" in agent.get("/").text
    house.publish(GOOD, BANNED)
    assert "有 2 份公布的评分等您确认看过" in plain(agent.get("/").text)
    acknowledgements.acknowledge(house.store, GOOD, "8001", "李敏", publications.newest(house.store.db, GOOD) or 0)
    assert "有 1 份公布的评分" in plain(agent.get("/").text)
    filed(house)
    assert "待班组长答复" in plain(agent.get("/").text)
    appeals.answer(house.store, 1, "lead", "reject", "不", "王班长")
    assert "班组长驳回，可继续申诉" in plain(agent.get("/").text)
    assert "等您确认看过" not in house.client("agent2").get("/").text


def test_the_pages_speak_english(house: House) -> None:
    house.publish(BANNED)
    agent = house.client("agent")
    agent.post("/language", {"lang": "en", "next": "/my"})
    for path in ("/my?of=2025-06-12", f"/my/calls/{BANNED}", "/my/appeals", f"/my/calls/{BANNED}/appeal?rule=banned_phrases", "/"):
        assert 'lang="en"' in agent.get(path).text
    assert "What cost most" in agent.get("/my?of=2025-06-12").text


def test_people_of_the_house_match_the_calls() -> None:
    assert PEOPLE["agent"].agent_id == "8001"  # what these tests rest on
