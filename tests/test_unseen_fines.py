# ruff: noqa: F811
"""What an agent pays for what the agent cannot see or appeal against is said wherever the sum stands, and what is new stays to be seen."""

from __future__ import annotations

import csv
import datetime
import io
import re
import time
from dataclasses import replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
import stored_houses
import web_house
from books import money, rule
from commands import Run
from web_house import House, house, house_made  # noqa: F401

from qa.appraisal import closing, figures, month_table, tables, unseen
from qa.appraisal.acknowledgements import NOTED_DAYS
from qa.appraisal.unseen import Unseen
from qa.errors import StoreError
from qa.rescore import rescore
from qa.review import publications, reviews, verdicts
from qa.review.verdicts import Terms
from qa.rules.model import Fine, Liability
from qa.rules.money import Occurrence, Yuan, month
from qa.store import Store
from qa.types import Outcome
from qa.web.addresses import address

MAY = "2025-05"
FINE = "deduction = 10\nfine = { amount = 50, cap = 120, liable = [{ role = 'leader', share = 0.4 }] }"
TOLD = "其中 1 处罚款（本人 50.00 元；直接领导 20.00 元）在未公布的通话里，公布以后才能申诉"


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def put(house: House, folder: Path, calls: int = 3, more: str = "") -> None:
    """Calls of 8001 in May; the first two are picked up too late, each a fine."""
    book = stored_houses.house(folder, worth=FINE, more=more)
    for n in range(calls):
        of = stored_houses.call(f"8001-{n}", f"2025-05-{10 + n}T10:00:00.000", "8001", rings=5 if n < 2 else 2)
        name, team = web_house.AGENTS["8001"]
        assert of.record is not None
        stored_houses.save(house.store, book, replace(of, record=replace(of.record, agent_name=name, team=team)))


@pytest.fixture
def fined(house: House, tmp_path: Path) -> House:
    """Both fines are confirmed; 8001-0 is published, 8001-1 was and is taken back."""
    put(house, tmp_path / "fined")
    for n in range(3):
        reviews.finish(house.store, f"8001-{n}", "质检小王")
    house.clock[0] = time.time()
    house.publish("8001-0", "8001-1", "8001-2")
    publications.retract(house.store, ["8001-1"], "质检小王", "有争议")
    return house


def row(store: Store) -> month_table.Row:
    return next(one for one in month_table.table(store, MAY, budget_s=None).rows if one.of.agent_id == "8001")


# ---------------------------------------------------------------- how much it is


def test_what_is_published_as_it_stands_is_seen(fined: House) -> None:
    assert row(fined.store).of.fines.unseen == ["8001-1"] and row(fined.store).beside == (TOLD,)
    fined.publish("8001-1")
    assert row(fined.store).of.fines.unseen == [] and row(fined.store).beside == ()


def test_where_another_scorecard_is_published_that_has_no_such_breach_it_is_not_seen(fined: House, tmp_path: Path) -> None:
    fined.publish("8001-1")
    stricter = stored_houses.house(tmp_path / "stricter", worth=FINE, rings=1, version='"2"')
    assert rescore(fined.store, stricter).changed
    reviews.finish(fined.store, "8001-2", "质检小王")  # the agent goes on to see that it was in time
    assert row(fined.store).of.fines.unseen == ["8001-2"] and TOLD in row(fined.store).beside
    fined.publish("8001-2")
    assert row(fined.store).of.fines.unseen == []


def call(call_id: str, times: int) -> Any:
    """``times`` so many breaches, and always the same ones (their judgement)."""
    failed = SimpleNamespace(check_id="rude", outcome=Outcome.FAIL if times else Outcome.PASS, occurrences=times, judgement=times)
    return SimpleNamespace(call_id=call_id, results=(failed,))


def hidden(fine: Fine, standing: dict[str, int], shown: dict[str, int]) -> Unseen:
    """Of breaches of one rule, so many a call."""
    of = rule("rude", fine=fine)
    found = [
        Occurrence(of, datetime.datetime(2025, 5, day), call_id, of.title, of.clause, None)
        for day, (call_id, times) in enumerate(standing.items(), 1)
        for _ in range(times)
    ]
    stands, sees = ([call(*one) for one in calls.items()] for calls in (standing, shown))
    return unseen.of(month(found, 2025, 5), stands, sees)


def yuan(low: str, high: str = "") -> Yuan:
    return Yuan(Decimal(low), Decimal(high or low))


LEADER = (Liability("leader", share=Decimal("0.4")), Liability("boss", amount=Decimal(7)))


def test_the_money_is_that_of_these_fines_for_each_who_pays() -> None:
    found = hidden(money(50, 80, liable=LEADER), {"A": 1, "B": 2, "C": 1}, {"A": 1, "C": 0})
    assert found.calls == ("B", "B", "C")
    assert dict(found.due) == {"agent": yuan("150", "240"), "leader": yuan("60", "96"), "boss": yuan("21")}


def test_it_is_never_more_than_the_sum_that_it_is_of() -> None:
    found = hidden(money(50, cap=Decimal(120), liable=LEADER), {"A": 3, "B": 1}, {"B": 1})
    assert dict(found.due)["agent"] == yuan("120") and dict(found.due)["leader"] == yuan("48")


def test_a_call_of_which_fewer_breaches_are_published_than_stand_is_not_seen() -> None:
    fine = money(50)
    assert hidden(fine, {"A": 2}, {"A": 1}).calls == ("A", "A") and hidden(fine, {"A": 2}, {"A": 2}).calls == ()


def test_a_warning_is_no_fine(tmp_path: Path) -> None:
    assert hidden(money(50), {}, {}) == Unseen() and unseen.told(0, ()) == ""


# ---------------------------------------------------------------- where it is said


def test_it_is_said_in_the_table_on_paper_and_in_the_files(fined: House) -> None:
    hr = fined.client("hr")
    for path in (
        f"/appraisal?month={MAY}",
        f"/appraisal/print?month={MAY}",
        address("/teams/{team}", team="一组", query={"month": MAY}),
        f"/agents/8001?month={MAY}",
    ):
        assert TOLD in plain(hr.get(path).text), path
    book = openpyxl.load_workbook(io.BytesIO(hr.get(f"/appraisal/xlsx?month={MAY}").content))
    assert any(TOLD in str(cell) for cells in book["绩效表"].values for cell in cells)
    assert any(TOLD in str(cell) for cells in book["算法"].values for cell in cells)
    lines = list(csv.DictReader(io.StringIO(hr.get(f"/appraisal/csv?month={MAY}").content.decode("utf-8-sig"))))
    assert TOLD in next(one["罚款说明"] for one in lines if one["工号"] == "8001")
    hr.post("/language", {"lang": "en", "next": "/"})
    assert "1 of the fines (own 50.00 yuan; direct superior 20.00 yuan) lie in calls that are not published" in plain(
        hr.get(f"/appraisal?month={MAY}").text
    )


def test_whoever_closes_the_month_is_told_the_agents_and_the_calls_and_ticks_it(fined: House) -> None:
    hr = fined.client("hr")
    told = "1 处罚款在坐席看不到的通话里，公布以后才能申诉：8001（8001-1）"
    page = plain(hr.get(f"/months?month={MAY}").text)
    assert told in page and "也知道有 1 处罚款坐席看不到、不能申诉，仍要关账" in page
    form = {"month": MAY, "confirm": MAY, "note": ""}
    refused = hr.post("/months/close", form)
    assert refused.status_code == 400 and told in plain(refused.text)
    assert hr.post("/months/close", form | {"accept": "1"}).status_code == 303
    own = plain(fined.client("agent").get("/my?period=month&of=2025-05-10").text)
    assert "本人 100.00 元" in own and TOLD in own
    fined.publish("8001-1")
    assert "在未公布的通话里" not in plain(fined.client("agent").get("/my?period=month&of=2025-05-10").text)


def test_no_tick_speaks_of_fines_where_all_are_seen(fined: House) -> None:
    fined.publish("8001-1")
    page = plain(fined.client("hr").get(f"/months?month={MAY}").text)
    assert "我知道以上各项，仍要关账" in page and "坐席看不到" not in page


def test_months_that_were_counted_before_it_was_counted_are_counted_again(fined: House) -> None:
    figures.ensure(fined.store, budget_s=None)
    sql = "update month_figures set fines_json = json_remove(fines_json, '$.unseen', '$.unseen_due')"
    fined.store.db.sqlite.execute(sql)
    assert figures.waiting(fined.store) == []
    tables.unseen_fines(fined.store.db.sqlite)
    assert ("8001", MAY) in figures.waiting(fined.store)
    assert row(fined.store).of.fines.unseen == ["8001-1"]


# ---------------------------------------------------------------- corrections of a closed month


def test_what_a_correction_did_to_the_money_is_said_beside_it_and_in_the_row(fined: House) -> None:
    fined.publish("8001-1")
    closing.close(fined.store, MAY, "人事小张", "", MAY, True)
    hr = fined.client("hr")
    assert "关账后更正过" not in plain(hr.get(f"/appraisal?month={MAY}").text)
    for call_id, outcome in (("8001-0", Outcome.PASS), ("8001-2", Outcome.NOT_APPLICABLE)):
        verdicts.overturn(fined.store, call_id, "pickup", outcome, Terms("质检小王", "听错", closed_month=True))
        closing.adjust(fined.store, MAY, [call_id], "人事小张", f"听过 {call_id}")
    page = plain(hr.get(f"/months?month={MAY}").text).split("关账后的调整")[-1]
    first, second = (
        re.search(rf"(\S+ \S+ 元[^元]*→[^→]*元|\S+ \S+ 元；[^不]*（不变）) 人事小张 听过 {one}", page) for one in ("8001-0", "8001-2")
    )
    assert first is not None and "本人 100.00 元；直接领导 40.00 元 → 本人 50.00 元；直接领导 20.00 元" in page
    assert second is not None and second[1].endswith("（不变）")
    row_told = "本人 50.00 元；直接领导 20.00 元 关账后更正过（关账时 本人 100.00 元；直接领导 40.00 元）"
    assert row_told in plain(hr.get(f"/appraisal?month={MAY}").text)
    lines = list(csv.DictReader(io.StringIO(hr.get(f"/appraisal/csv?month={MAY}").content.decode("utf-8-sig"))))
    assert "关账后更正过（关账时 本人 100.00 元" in next(one["罚款说明"] for one in lines if one["工号"] == "8001")


# ---------------------------------------------------------------- months without calls


def test_a_month_without_calls_cannot_be_closed(fined: House, qa: Run) -> None:
    hr = fined.client("hr")
    for empty in ("2025-02", "1999-12", "2031-01"):
        answer = hr.post("/months/close", {"month": empty, "confirm": empty, "note": "", "accept": "1"})
        assert answer.status_code == 400, empty
    with pytest.raises(StoreError, match="没有通话"):
        closing.close(fined.store, "2025-02", "人事小张", "", "2025-02", True)
    told = qa("months", "close", "2025-02", "--by", "人事小张", "--db", fined.db)
    assert told.code == 2 and "没有通话" in told.err
    assert fined.store.ledger.closed_months() == ()


def test_a_month_whose_calls_are_all_nobodys_can_be_closed(fined: House) -> None:
    fined.store.db.sqlite.execute("update calls set agent_id = '' where started < '2025-06'")
    fined.store.db.sqlite.conn.commit()
    page = plain(fined.client("hr").get(f"/months?month={MAY}").text)
    assert "本月另有 3 通有评分的通话不知道是哪位坐席" in page and "输入月份确认关账" in page
    assert closing.close(fined.store, MAY, "人事小张", "", MAY, True).month == MAY


# ---------------------------------------------------------------- what is new


def notices(house: House) -> str:
    return plain(house.client("agent").get("/").text)


def test_a_notice_counts_from_the_publication_not_from_the_call(house: House) -> None:
    house.clock[0] = time.time()  # years after the call
    house.publish("HN-8001-0")
    assert "有 1 份公布的评分等您确认看过" in notices(house)
    house.clock[0] += (NOTED_DAYS - 1) * 86_400
    assert "有 1 份公布的评分等您确认看过" in notices(house)
    house.clock[0] += 2 * 86_400
    assert "没有新公布的评分" in notices(house)


def test_it_stays_while_there_is_time_to_appeal(house: House, tmp_path: Path) -> None:
    put(house, tmp_path / "long", more="[appeals]\nworkdays = false\nwindow_days = 200\n")
    house.clock[0] = time.time()
    house.publish("8001-0", "HN-8001-0")
    house.clock[0] += 199 * 86_400
    assert "有 1 份公布的评分等您确认看过" in notices(house)
    house.clock[0] += 2 * 86_400
    assert "没有新公布的评分" in notices(house)


def test_what_was_published_last_comes_first(house: House) -> None:
    house.clock[0] = time.time()
    house.publish("HN-8001-2")
    house.publish("HN-8001-0")
    page = house.client("agent").get("/").text
    assert re.findall(r'href="/my/calls/(HN-8001-\d)"', page) == ["HN-8001-0", "HN-8001-2"]
