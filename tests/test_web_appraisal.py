"""The team's page, the appraisal table and month close: who sees what, figures without audio and words, files, signatures."""

from __future__ import annotations

import io
import re
from pathlib import Path

import openpyxl
import pytest
import stored_houses
import web_house
from web_house import House, call_id

from qa import ledger_closing
from qa.appraisal import closing, figures, month_table
from qa.review import verdicts
from qa.review.verdicts import Terms
from qa.types import Outcome
from qa.web.addresses import address
from qa.web.pages import hr

MAY = "2025-05"
TEAM, OTHER = address("/teams/{team}", team="一组"), address("/teams/{team}", team="二组")
WORDS = ("不归我管", "我要投诉", "什么态度")
"""Said in the calls."""


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture
def fined(house: House, tmp_path: Path) -> House:
    """A month that is over: six calls each of two agents in May, with fines for the pickup."""
    book = stored_houses.house(tmp_path / "fined", worth="deduction = 5\nfine = { low = 50, high = 500 }")
    for agent in ("8001", "8003"):
        for n in range(6):
            of = stored_houses.call(f"{agent}-{n}", f"2025-05-{10 + n}T10:00:00.000", agent, rings=5 if n < 2 else 2)
            name, team = web_house.AGENTS[agent]
            assert of.record is not None
            object.__setattr__(of.record, "agent_name", name)
            object.__setattr__(of.record, "team", team)
            stored_houses.save(house.store, book, of)
    return house


def confirm(house: House, *agents: str) -> None:
    for agent in agents or ("8001", "8003"):
        for n in range(2):
            verdicts.confirm(house.store, f"{agent}-{n}", "pickup", Terms("质检小王"))


# ---------------------------------------------------------------- who sees what


def test_a_lead_sees_the_own_team_alone(house: House) -> None:
    lead = house.client("lead")
    assert lead.get("/teams").headers["location"] == TEAM
    page = plain(lead.get(f"{TEAM}?month=2025-06").text)
    assert "李敏" in page and "周平" in page and "陈佳" not in page
    assert lead.get(OTHER).status_code == 404 and lead.get("/agents/8003").status_code == 404
    for path in ("/appraisal", "/appraisal/print"):
        text = plain(lead.get(f"{path}?month=2025-06&team=二组").text)  # what is asked for does not matter
        assert "李敏" in text and "陈佳" not in text and "林雨" not in text
    csv = lead.get("/appraisal/csv?month=2025-06&team=二组").content.decode("utf-8-sig")
    assert "李敏" in csv and "陈佳" not in csv
    book = openpyxl.load_workbook(io.BytesIO(lead.get("/appraisal/xlsx?month=2025-06&team=二组").content))
    cells = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row]
    assert any("李敏" in text for text in cells) and not any("陈佳" in text for text in cells)
    assert lead.get("/months").status_code == 403


def test_hr_sees_figures_of_all_and_neither_audio_nor_words(house: House) -> None:
    house.publish(call_id("8001", 2))
    browser = house.client("hr")
    assert {"一组", "二组"} <= set(plain(browser.get("/teams?month=2025-06").text).split())
    assert "陈佳" in browser.get("/appraisal?month=2025-06").text and "陈佳" not in browser.get("/appraisal?month=2025-06&team=一组").text
    for path in (TEAM, OTHER, "/agents/8001", "/appraisal", "/appraisal/print", "/months"):
        answer = browser.get(f"{path}?month=2025-06")
        assert answer.status_code == 200, path
        assert not any(word in answer.text for word in WORDS) and "/calls/" not in answer.text and "<audio" not in answer.text
        assert web_house.NUMBER not in answer.text
    book = openpyxl.load_workbook(io.BytesIO(browser.get("/appraisal/xlsx?month=2025-06").content))
    cells = [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not any(word in text for text in cells for word in WORDS)
    assert browser.get(f"/calls/{call_id('8001', 2)}").status_code == browser.get(f"/calls/{call_id('8001', 2)}/audio").status_code == 403


def test_those_who_may_hear_a_call_open_it_from_the_agents_month(house: House) -> None:
    for who, there in (("lead", True), ("qa", True), ("hr", False)):
        assert (f"/calls/{call_id('8001', 2)}" in house.client(who).get("/agents/8001?month=2025-06").text) is there


def test_reading_and_exporting_are_logged(house: House) -> None:
    browser = house.client("hr")
    for path in (
        f"{TEAM}?month=2025-06",
        "/agents/8001?month=2025-06",
        *(f"/appraisal{kind}?month=2025-06" for kind in ("", "/print", "/xlsx", "/csv")),
    ):
        assert browser.get(path).status_code == 200
    done = [(action, of) for who, action, of in house.actions() if who == "hr"]
    assert done == [
        ("team.view", "一组"),
        ("agent.view", "8001"),
        ("appraisal.view", "2025-06"),
        ("appraisal.print", "2025-06"),
        ("appraisal.export", "2025-06"),
        ("appraisal.export", "2025-06"),
    ]


@pytest.mark.parametrize("month", ["2025-13", "2025-6", "x", "2025-06-01", "' or 1", "0000-01"])
def test_what_is_no_month_is_refused(house: House, month: str) -> None:
    for path in (TEAM, "/agents/8001", "/appraisal", "/appraisal/csv", "/months", "/teams"):
        assert house.client("hr").get(path, params={"month": month}).status_code == 400


def test_a_month_without_calls_is_an_empty_table(house: House) -> None:
    browser = house.client("hr")
    for path in (TEAM, "/agents/8001", "/appraisal", "/appraisal/print", "/appraisal/csv", "/appraisal/xlsx", "/months"):
        assert browser.get(f"{path}?month=2024-01").status_code == 200, path


# ---------------------------------------------------------------- the figures


def test_too_few_calls_are_said_and_nobody_is_ranked_in_the_noise(fined: House) -> None:
    page = plain(fined.client("hr").get("/appraisal?month=2025-06").text)
    assert page.count("样本太少") >= 4 and "n = " not in page.split("工号")[0]
    page = plain(fined.client("hr").get(f"/appraisal?month={MAY}").text)
    assert page.count("差别在误差以内，不分名次") >= 2


def test_money_waits_until_a_person_has_confirmed(fined: House) -> None:
    browser = fined.client("hr")
    pages = [
        f"/appraisal?month={MAY}",
        f"/appraisal/print?month={MAY}",
        f"/agents/8001?month={MAY}",
        f"{TEAM}?month={MAY}",
        f"/months?month={MAY}",
    ]
    for path in pages:
        text = plain(browser.get(path).text)
        assert "待确认" in text and "100.00" not in text and "1000.00" not in text and "50.00" not in text, path
    confirm(fined)
    text = plain(browser.get(f"/agents/8001?month={MAY}").text)
    assert "100.00–1000.00 元" in text and "(50.00–500.00) + (50.00–500.00)" in text and "没有人确认" not in text
    assert "本人 100.00–1000.00 元" in plain(browser.get(f"/appraisal?month={MAY}").text)


def test_the_arithmetic_of_the_score_is_shown(fined: House) -> None:
    text = plain(fined.client("hr").get(f"/agents/8001?month={MAY}").text)
    percents = [c.percent for c in fined.store.calls("8001") if (c.started or "").startswith(MAY)]
    assert f"本月平均 = ({' + '.join(f'{p:g}' for p in percents)}) ÷ 6" in text and "95% 区间" in text


def test_the_agent_is_told_that_a_fine_waits(fined: House) -> None:
    fined.publish("8001-0")
    agent = fined.client("agent")
    assert "罚款：待确认" in agent.get("/my/calls/8001-0").text
    assert "元" not in plain(agent.get("/my/calls/8001-0").text).replace("公元", "")
    confirm(fined)
    assert "罚款：已由人确认违规" in agent.get("/my/calls/8001-0").text


# ---------------------------------------------------------------- signing and closing


def test_a_lead_signs_the_own_team(fined: House) -> None:
    lead = fined.client("lead")
    page = lead.get(f"{TEAM}?month={MAY}").text
    digest = re.findall(r'name="digest" value="(\w+)"', page)[0]
    form = {"month": MAY, "digest": digest, "note": "核对过"}
    assert lead.post(f"{OTHER}/sign", form).status_code == 404 and fined.client("hr").post(f"{TEAM}/sign", form).status_code == 403
    assert lead.post(f"{TEAM}/sign", form | {"digest": "0" * 32}).status_code == 400
    assert lead.post(f"{TEAM}/sign", form).status_code == 303
    assert ("lead", "month.sign", "一组") in fined.actions()
    assert "已签字" in plain(lead.get(f"{TEAM}?month={MAY}").text)
    table = month_table.table(fined.store, MAY, budget_s=None)
    assert closing.unsigned(fined.store, MAY, table) == ("二组",)
    assert "王班长" in fined.client("hr").get(f"/months?month={MAY}").text
    confirm(fined, "8001")
    assert "签字后数字有变" in plain(lead.get(f"{TEAM}?month={MAY}").text)


def test_hr_closes_the_month_and_approves_what_comes_later(fined: House) -> None:
    browser = fined.client("hr")
    assert MAY in plain(browser.get("/").text)  # a month that is over and open
    form = {"month": MAY, "confirm": MAY, "note": "五月", "accept": "1"}
    answer = browser.post("/months/close", form)
    assert answer.status_code == 400 and "处罚款还没有人确认" in answer.text and not fined.store.ledger.is_closed(MAY)
    confirm(fined)
    for change in ({"confirm": "yes"}, {"accept": ""}, {"confirm": ""}, {"month": "2025-06", "confirm": "2025-06"}):
        assert browser.post("/months/close", form | change).status_code == 400
    assert browser.post("/months/close", form).status_code == 303
    assert ("hr", "month.close", MAY) in fined.actions()
    assert [one.by for one in closing.closed(fined.store)] == ["人事小张"]
    assert "已关账" in plain(browser.get(f"/appraisal?month={MAY}").text) and MAY not in plain(browser.get("/").text)
    assert browser.post("/months/close", form).status_code == 400  # once
    verdicts.overturn(fined.store, "8001-0", "pickup", Outcome.PASS, Terms("质检小王", "听错了", closed_month=True))
    page = plain(browser.get(f"/months?month={MAY}").text)
    assert "待批准的更正" in page and "8001-0" in page
    assert browser.post("/months/adjust", {"month": MAY, "call": "8001-0", "reason": ""}).status_code == 400
    assert browser.post("/months/adjust", {"month": MAY, "reason": "x"}).status_code == 400
    assert browser.post("/months/adjust", {"month": MAY, "call": "8001-0", "reason": "申诉成立"}).status_code == 303
    assert ("hr", "month.adjust", "8001-0") in fined.actions()
    page = plain(browser.get(f"/months?month={MAY}").text)
    assert "申诉成立" in page and "没有待批准的更正" in page
    assert "关账后的更正" in plain(browser.get(f"/agents/8001?month={MAY}").text)


def test_only_hr_closes(fined: House) -> None:
    confirm(fined)
    form = {"month": MAY, "confirm": MAY, "accept": "1"}
    for who in ("agent", "lead", "qa", "trainer", "admin"):
        assert fined.client(who).post("/months/close", form).status_code == 403
        assert fined.client(who).post("/months/adjust", form | {"call": "8001-0", "reason": "x"}).status_code == 403
    assert not fined.store.ledger.is_closed(MAY)


def test_money_of_a_month_closed_by_other_means_still_waits_for_confirmation(fined: House) -> None:
    ledger_closing.close_month(fined.store, MAY, "命令行")
    row = next(row for row in month_table.table(fined.store, MAY, budget_s=None).rows if row.of.agent_id == "8001")
    assert row.due is None
    assert "1000.00" not in fined.client("hr").get(f"/agents/8001?month={MAY}").text


def test_figures_still_to_be_counted_are_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "SHOWN_BUDGET_S", -1.0)
    assert "正在重算" in house.client("hr").get("/appraisal?month=2025-06").text


def test_of_a_large_house_a_team_is_chosen_and_the_files_hold_all(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    figures.ensure(house.store, budget_s=None)
    monkeypatch.setattr(hr, "MOST_SHOWN", 3)
    browser = house.client("hr")
    page = browser.get("/appraisal?month=2025-06").text
    assert "李敏" not in page and "team=%E4%B8%80%E7%BB%84" in page
    assert "李敏" in browser.get("/appraisal?month=2025-06&team=一组").text
    assert browser.get("/appraisal/csv?month=2025-06").content.decode("utf-8-sig").count("\r\n") == 5
    printed = browser.get("/appraisal/print?month=2025-06").text
    assert "李敏" not in printed and "/appraisal/print?month=2025-06&amp;team=%E4%B8%80%E7%BB%84" in printed
    assert "李敏" in browser.get("/appraisal/print?month=2025-06&team=一组").text


def test_the_workbook_of_a_large_house_is_that_of_a_small_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = house.client("hr")

    def cells() -> list[list[object]]:
        book = openpyxl.load_workbook(io.BytesIO(browser.get("/appraisal/xlsx?month=2025-06").content))
        return [[cell.value for row in sheet.iter_rows() for cell in row] for sheet in book]

    small = cells()
    monkeypatch.setattr(hr, "MOST_SHOWN", 3)
    assert cells() == small and "李敏" in small[0]


def test_no_file_is_made_of_figures_still_to_be_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hr, "FILE_BUDGET_S", -1.0)
    browser = house.client("hr")
    for kind in ("xlsx", "csv", "print"):
        answer = browser.get(f"/appraisal/{kind}?month=2025-06")
        assert answer.status_code == 503 and "正在重算" in answer.text


def test_a_closed_month_says_who_closed_it_when_and_without_whose_signature(fined: House) -> None:
    confirm(fined)
    lead, browser = fined.client("lead"), fined.client("hr")
    digest = re.findall(r'name="digest" value="(\w+)"', lead.get(f"{TEAM}?month={MAY}").text)[0]
    assert lead.post(f"{TEAM}/sign", {"month": MAY, "digest": digest, "note": ""}).status_code == 303
    assert "还没有签字：二组" in plain(browser.get(f"/months?month={MAY}").text)
    assert browser.post("/months/close", {"month": MAY, "confirm": MAY, "accept": "1"}).status_code == 303
    told = f"人事小张 于 {closing.closed(fined.store)[0].day} 关账时没有签字：二组"
    page = plain(browser.get(f"/months?month={MAY}").text)
    assert "还没有签字" not in page and told in page and "已签字 王班长" in page
    assert "还没有签字" not in plain(fined.client("lead2").get(f"{OTHER}?month={MAY}").text)
    # who had signed had: what a correction changes later is told beside the signature
    verdicts.overturn(fined.store, "8001-0", "pickup", Outcome.PASS, Terms("质检小王", "听错了", closed_month=True))
    closing.adjust(fined.store, MAY, ["8001-0"], "人事小张", "申诉成立")
    page = plain(browser.get(f"/months?month={MAY}").text)
    assert "签字后数字有变 王班长" in page and told in page and "关账时没有签字：一组" not in page
