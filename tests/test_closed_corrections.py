# ruff: noqa: F811
"""Corrections of closed months: nobody is charged by one for what no person confirmed, HR sees what waits, and so does the agent whose
appeal was accepted."""

from __future__ import annotations

import datetime
import re
import time
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import stored_houses
import web_house
from commands import Run
from rude_houses import put, rude_call, rude_house
from web_house import House, house, house_made  # noqa: F401

from qa.appraisal import closing, correcting, month_table
from qa.errors import StoreError
from qa.ledger_closing import close_month
from qa.review import appeals, publications, reviews, verdicts
from qa.review.appeal_states import QA, today
from qa.review.appeal_windows import DECLINED
from qa.review.appeals import Decision
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome

JUNE, MAY = "2025-06", "2025-05"
FINE = "deduction = 10\nfine = { amount = 50 }"
AWAITED = "申诉已成立，等人事批准"


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


# ---------------------------------------------------------------- what no person has confirmed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """June is closed with one confirmed breach of 8001; by a longer list of words a second one is found in another call."""
    made = Store(tmp_path / "qa.db")
    book = rude_house(tmp_path / "v1", FINE)
    put(made, book, rude_call("A", "06-10"))
    put(made, book, rude_call("B", "06-11", word="走开"))
    put(made, book, rude_call("C", "06-12", agent="8002", word="请稍等"))
    reviews.finish(made, "A", "质检")
    closing.check_confirmed(made, JUNE)
    close_month(made, JUNE, "人事")
    rescored = rude_house(tmp_path / "v2", FINE, words='"滚蛋", "走开"', version='"2"', effective_until="2025-06-30")
    assert put(made, rescored, rude_call("B", "06-11", word="走开")).proposed
    return made


def due(store: Store, agent_id: str = "8001") -> float | None:
    row = next(row for row in month_table.table(store, JUNE, budget_s=None).rows if row.of.agent_id == agent_id)
    money = row.money()
    return None if money is None else float(money.low)


def test_a_correction_that_brings_in_an_unconfirmed_fine_is_not_approved(store: Store) -> None:
    with pytest.raises(StoreError, match=r"没有人确认过的罚款：B 不骂人.*请先由人确认") as refused:
        closing.adjust(store, JUNE, ["B"], "人事", "更正文字")
    assert refused.value.subject == JUNE and store.pending("B") is not None and store.adjustments("B") == ()
    assert due(store) == 50 and len(store.ledger.sheets("8001", JUNE)) == 1  # what was kept stays told


def test_once_a_person_has_confirmed_it_the_money_changes_by_the_approval_alone(store: Store) -> None:
    verdicts.confirm(store, "B", "rude", Terms("质检", closed_month=True))
    assert due(store) == 50
    assert closing.adjust(store, JUNE, ["B"], "人事", "更正文字") == 1
    assert due(store) == 100 and [float(one.totals[0][1].low) for one in store.ledger.sheets("8001", JUNE)] == [50, 100]


def test_a_confirmation_taken_back_before_the_approval_counts(store: Store) -> None:
    verdicts.confirm(store, "B", "rude", Terms("质检", closed_month=True))
    decide = closing.adjusting(store, JUNE, ["B"], "人事", "更正文字")
    verdicts.withdraw(store, "B", "rude", Terms("质检", "点错了", closed_month=True))
    with pytest.raises(StoreError, match=r"又变了|没有人确认过"):
        decide()
    assert due(store) == 50


def test_what_waits_already_hinders_no_other_correction(tmp_path: Path) -> None:
    """A month that was closed over an unconfirmed fine, in a way that asks for none."""
    store = Store(tmp_path / "qa.db")
    book = rude_house(tmp_path / "v1", FINE)
    for call_id, day in (("A", "06-10"), ("B", "06-11")):
        put(store, book, rude_call(call_id, day))
    close_month(store, JUNE, "人事")
    verdicts.overturn(store, "A", "rude", Outcome.PASS, Terms("质检", "听错", closed_month=True))
    assert closing.adjust(store, JUNE, ["A"], "人事", "听过") == 1


def test_a_call_that_comes_into_a_closed_month_brings_nothing_unconfirmed(store: Store, tmp_path: Path) -> None:
    assert put(store, rude_house(tmp_path / "v1", FINE), rude_call("N", "06-20", agent="8009")).proposed
    with pytest.raises(StoreError, match="没有人确认过的罚款：N 不骂人"):
        closing.adjust(store, JUNE, ["N"], "人事", "录音补传")
    assert store.ledger.sheets("8009", JUNE) == ()


@pytest.mark.parametrize("arguments", [("B",), ("--month", JUNE)])
def test_the_command_approves_nothing_unconfirmed_either(qa: Run, store: Store, arguments: tuple[str, ...]) -> None:
    asked = ("adjust", *arguments, "--by", "人事", "--reason", "更正文字")
    refused = qa(*asked)
    assert refused.code == 2 and "没有人确认过的罚款：B 不骂人" in refused.err and "先由人确认" in refused.err
    assert store.adjustments("B") == ()
    verdicts.confirm(store, "B", "rude", Terms("质检", closed_month=True))
    assert qa(*asked).code == 0 and due(store) == 100


def test_a_refusal_asks_for_no_confirmation(store: Store) -> None:
    assert closing.refuse(store, JUNE, ["B"], "人事", "不改") == 1
    assert store.pending("B") is None and due(store) == 50 and closing.proposals(store, JUNE) == ()
    with pytest.raises(StoreError, match="没有待批准的评分"):
        closing.refuse(store, JUNE, ["B"], "人事", "不改")


def test_a_late_call_cannot_be_refused_since_nothing_stands(store: Store, tmp_path: Path) -> None:
    put(store, rude_house(tmp_path / "v1", FINE), rude_call("N", "06-20", agent="8009"))
    with pytest.raises(StoreError, match="没有可维持的"):
        closing.refuse(store, JUNE, ["B", "N"], "人事", "不改")
    assert store.pending("B") is not None  # all or nothing


# ---------------------------------------------------------------- the money beside each


def reckoned(store: Store, call_id: str) -> tuple[Any, Any, tuple[str, ...]]:
    found = {one.call_id: one for one in closing.proposals(store, JUNE)}[call_id]
    made = correcting.outlooks(store, JUNE, [(found.agent_id, call_id, found.scorecard_id)])[call_id]
    money = [None if totals is None else sum(float(yuan.low) for _role, yuan in totals) for totals in (made.before, made.after)]
    return money[0], money[1], made.waits


def test_the_money_is_told_before_it_is_approved(store: Store) -> None:
    assert reckoned(store, "B") == (50, None, ("不骂人",))
    verdicts.confirm(store, "B", "rude", Terms("质检", closed_month=True))
    verdicts.overturn(store, "A", "rude", Outcome.PASS, Terms("质检", "听错", closed_month=True))
    assert reckoned(store, "B") == (50, 100, ()) and reckoned(store, "A") == (50, 0, ())
    closing.adjust(store, JUNE, ["A"], "人事", "听过")
    assert due(store) == 0 and reckoned(store, "B") == (0, 50, ())


def test_of_a_call_that_becomes_anothers_no_single_sum_is_told(store: Store, tmp_path: Path) -> None:
    put(store, rude_house(tmp_path / "v1", FINE), rude_call("A", "06-10", agent="8002"))
    (one,) = (found for found in closing.proposals(store, JUNE) if found.call_id == "A")
    assert correcting.outlooks(store, JUNE, [(one.agent_id, "A", one.scorecard_id)]) == {}


def test_of_calls_that_are_one_decision_no_single_sum_is_told(store: Store, tmp_path: Path) -> None:
    """A's recording is told as A2 by its record: A would go, A2 come."""
    of = rude_call("A", "06-10")
    assert of.record is not None
    of = replace(of, record=replace(of.record, call_id="A2"))
    put(store, rude_house(tmp_path / "v1", FINE), of)
    store.withdrawals.settle(Path(of.audio.path), of.audio.sha256, ["A2"], True)
    found = {one.call_id: one for one in closing.proposals(store, JUNE)}
    assert {"A", "A2"} <= set(found) and found["A"].withdrawal and not found["A"].scorecard_id
    assert correcting.outlooks(store, JUNE, [("8001", "A2", found["A2"].scorecard_id)]) == {}
    with pytest.raises(StoreError, match="没有人确认过的罚款：A2 不骂人"):
        closing.adjust(store, JUNE, ["A"], "人事", "编号更正")
    reviews.finish(store, "A2", "质检")
    assert closing.adjust(store, JUNE, ["A"], "人事", "编号更正") == 2 and due(store) == 50


# ---------------------------------------------------------------- HR's pages


@pytest.fixture
def closed(house: House, tmp_path: Path) -> House:
    """May is closed: two confirmed pickups of 8001 that cost points and money, published to the agent."""
    book = stored_houses.house(tmp_path / "fined", worth=FINE, more="[appeals]\nworkdays = false\n")
    for n in range(3):
        of = stored_houses.call(f"8001-{n}", f"2025-05-{10 + n}T10:00:00.000", "8001", rings=5 if n < 2 else 2)
        name, team = web_house.AGENTS["8001"]
        assert of.record is not None
        record = replace(of.record, agent_name=name, team=team)
        stored_houses.save(house.store, book, replace(of, record=record))
    for n in range(2):
        verdicts.confirm(house.store, f"8001-{n}", "pickup", Terms("质检小王"))
    house.clock[0] = time.time()
    house.publish("8001-0", "8001-1")
    closing.close(house.store, MAY, "人事小张", "", MAY, True)
    return house


def accepted(house: House, call_id: str = "8001-0") -> appeals.Appeal:
    one = appeals.file(house.store, call_id, "pickup", "8001", "文字与录音不符", "三声就接了", "李敏", today())
    appeals.answer(house.store, one.id, "lead", "support", "听了", "王班长", today())
    done, given = appeals.accept(house.store, one.id, QA, "算多了", Terms("质检小王", closed_month=True), Decision(Outcome.PASS))
    assert given is not None and given.saved.proposed
    return done


def test_hr_is_told_on_the_start_page_and_on_the_list_what_waits_in_which_closed_month(closed: House) -> None:
    browser = closed.client("hr")
    assert "待批准" not in plain(browser.get("/").text)
    accepted(closed)
    told = "2025-05 更正 1 份待批准"
    page = browser.get("/").text
    assert told in plain(page) and 'href="/months?month=2025-05#h-waiting"' in page
    listed = plain(browser.get("/months?month=2025-06").text)
    assert "更正 1 份待批准" in listed.split("已关账的月份")[-1]
    closed.store.withdrawals.by_person(["8001-2"], False, "质检主管", "重复的录音")
    assert "更正 1 份待批准 撤回 1 通待批准" in plain(browser.get("/").text)
    form = {"month": MAY, "call": ["8001-0", "8001-2"], "reason": "同意"}
    assert browser.post("/months/adjust", form).status_code == 303
    assert "待批准" not in plain(browser.get("/").text) and closed.store.withdrawals.standing("8001-2") is not None


def test_hr_sees_the_money_before_approving_and_may_refuse(closed: House) -> None:
    accepted(closed)
    browser = closed.client("hr")
    page = plain(browser.get(f"/months?month={MAY}").text)
    assert "本人 100.00 元 → 本人 50.00 元" in page
    (chosen,) = re.findall(r'name="call" value="(8001-0:\d+)"', browser.get(f"/months?month={MAY}").text)
    form = {"month": MAY, "call": chosen, "reason": "录音清楚", "action": "refuse"}
    assert browser.post("/months/adjust", form | {"reason": ""}).status_code == 400
    assert browser.post("/months/adjust", form).status_code == 303
    assert closed.store.pending("8001-0") is None and publications.shown(closed.store, "8001-0")[1].percent == 90
    assert ("hr", "month.adjust", "8001-0") in closed.actions()
    assert "没有待批准的更正" in plain(browser.get(f"/months?month={MAY}").text)
    assert browser.post("/months/adjust", form).status_code in (400, 409)
    at = closed.client("agent").get("/my/appeals/1").text
    assert DECLINED in plain(at) and "等人事批准" not in plain(at)


def test_hr_is_told_which_fines_are_to_be_confirmed_first(closed: House) -> None:
    of = stored_houses.call("8001-9", "2025-05-20T10:00:00.000", "8001", rings=5)
    stored_houses.save(closed.store, closed.store.ledger.load(_hash(closed.store)), of)
    browser = closed.client("hr")
    page = plain(browser.get(f"/months?month={MAY}").text)
    assert re.search(r"先由人确认：[^（]+（现在 本人 100.00 元）", page)
    answer = browser.post("/months/adjust", {"month": MAY, "call": "8001-9", "reason": "补传"})
    assert answer.status_code == 400 and "先由人确认" in plain(answer.text) and closed.store.adjustments("8001-9") == ()
    assert "100.00" in plain(browser.get(f"/appraisal?month={MAY}").text)


def _hash(store: Store) -> str:
    (row,) = store.db.rows("select rule_book_version from scorecards where call_id = '8001-0' order by id limit 1")
    return str(row["rule_book_version"]).rpartition("+")[2]


# ---------------------------------------------------------------- the agent's pages


def test_while_the_correction_waits_the_agent_is_told_so_and_cannot_appeal_again(closed: House) -> None:
    one = accepted(closed)
    agent, card = closed.client("agent"), "/my/calls/8001-0"
    page = plain(agent.get(card).text)
    assert AWAITED in page and "对此项申诉" not in page
    assert "罚款：已由人确认违规" not in page and "罚款：批准更正以前仍计" in page
    assert "得分和罚款仍按原来的计" in page
    for path in (f"/my/appeals/{one.id}", "/my/appeals", "/"):
        assert AWAITED in plain(agent.get(path).text), path
    again = agent.post(f"{card}/appeal", {"rule": "pickup", "reason": "文字与录音不符", "text": "还是不对"})
    assert again.status_code == 400 and AWAITED in plain(again.text) and len(appeals.of_agent(closed.store.db, "8001")) == 1
    assert "对此项申诉" in plain(agent.get("/my/calls/8001-1").text)  # another call's deduction is nothing to it
    closing.adjust(closed.store, MAY, ["8001-0"], "人事小张", "申诉成立")
    assert AWAITED not in plain(agent.get(card).text) and AWAITED not in plain(agent.get(f"/my/appeals/{one.id}").text)
    assert publications.shown(closed.store, "8001-0")[1].percent == 100


def test_a_correction_by_somebody_else_does_not_rest_on_the_appeal(closed: House) -> None:
    one = accepted(closed)
    verdicts.overturn(closed.store, "8001-0", "pickup", Outcome.NOT_APPLICABLE, Terms("质检小王", "另有原因", closed_month=True))
    assert AWAITED not in plain(closed.client("agent").get(f"/my/appeals/{one.id}").text)
    assert appeals.window(closed.store, "8001-0", "pickup").open


def test_what_is_refused_may_be_appealed_against_again(closed: House) -> None:
    accepted(closed)
    assert appeals.window(closed.store, "8001-0", "pickup").awaits
    closing.refuse(closed.store, MAY, ["8001-0"], "人事小张", "不改")
    now = appeals.window(closed.store, "8001-0", "pickup")
    assert now.open and not now.awaits
    assert not appeals.window(closed.store, "8001-0", "pickup", today() + datetime.timedelta(days=400)).open


def test_these_pages_speak_english(closed: House) -> None:
    accepted(closed)
    agent, hr = closed.client("agent"), closed.client("hr")
    for browser in (agent, hr):
        browser.post("/language", {"lang": "en", "next": "/"})
    assert "HR has to approve the correction" in plain(agent.get("/my/calls/8001-0").text)
    assert "corrections to approve: 1" in plain(hr.get("/").text)


def test_one_more_breach_of_a_kind_that_waits_already_is_refused_too(tmp_path: Path) -> None:
    """In a month that was closed over a breach that nobody had confirmed: what comes by a correction is counted, not only named."""
    each = 'deduction = 10\nper = "occurrence"\nfine = { amount = 50 }'
    made = Store(tmp_path / "qa.db")
    put(made, rude_house(tmp_path / "v1", each), rude_call("B", "06-11", then="走开"))
    close_month(made, JUNE, "人事")
    more = rude_house(tmp_path / "v2", each, words='"滚蛋", "走开"', version='"2"', effective_until="2025-06-30")
    assert put(made, more, rude_call("B", "06-11", then="走开")).proposed
    with pytest.raises(StoreError, match="先由人确认"):
        closing.adjust(made, JUNE, ["B"], "人事", "更正")
