"""An agent who changed team within the month: each lead has the calls in the own team, HR the whole month, and all views say the same."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from stored_houses import call, house, save
from web_house import House, call_id

from qa.appraisal import closing, figures, files, month_table, tables, workbook
from qa.review import appeals, publications, reviews
from qa.store import Store
from qa.web.addresses import address
from qa.web.pages.team import money_text

MONTH, WEB_MONTH = "2025-05", "2025-06"
ONE, TWO = address("/teams/{team}", team="一组"), address("/teams/{team}", team="二组")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """8001 has three calls in 甲 (two breaches), then three in 乙 (one breach); 8002 stays in 甲, 8003 in 乙."""
    made = Store(tmp_path / "qa.db")
    book = house(tmp_path / "house", worth='deduction = 5\nfine = { escalation = [50, 100, 200], period = "month" }')
    for agent, teams in (("8001", "甲甲甲乙乙乙"), ("8002", "甲甲甲甲甲甲"), ("8003", "乙乙乙乙乙乙")):
        for n, team in enumerate(teams):
            of = call(f"{agent}-{n}", f"2025-05-{10 + n}T10:00:00.000", agent, rings=5 if agent == "8001" and n in (0, 1, 3) else 2)
            assert of.record is not None
            save(made, book, replace(of, record=replace(of.record, team=team)))
    return made


def rows(store: Store, team: str | None = None) -> dict[str, month_table.Row]:
    return {row.of.agent_id: row for row in month_table.table(store, MONTH, team, budget_s=None).rows}


def confirm(store: Store) -> None:
    for n in (0, 1, 3):
        reviews.finish(store, f"8001-{n}", "李质检")
    publications.publish(store, [f"8001-{n}" for n in (0, 1, 3)], "李质检")


def test_each_team_has_its_calls_and_the_house_the_whole_month(store: Store) -> None:
    first, second, whole = rows(store, "甲"), rows(store, "乙"), rows(store)
    assert list(first) == ["8001", "8002"] and list(second) == ["8001", "8003"] and set(whole) == {"8001", "8002", "8003"}
    told = [
        (row.of.calls, row.of.elsewhere, row.of.apart, row.of.team, row.pending) for row in (first["8001"], second["8001"], whole["8001"])
    ]
    assert told == [(3, 3, True, "甲", 2), (3, 3, True, "乙", 1), (6, 3, False, "乙", 3)]
    pickups = [{c.check_id: c.failed for c in row.of.checks}["pickup"] for row in (first["8001"], second["8001"], whole["8001"])]
    assert pickups == [2, 1, 3] and first["8001"].lost == 10 and second["8001"].lost == 5
    calls = {n: store.scorecard(f"8001-{n}").percent or 0.0 for n in range(6)}
    assert first["8001"].of.percent.value == pytest.approx(sum(calls[n] for n in (0, 1, 2)) / 3)
    assert second["8001"].of.percent.value == pytest.approx(sum(calls[n] for n in (3, 4, 5)) / 3)
    assert whole["8001"].of.percent.n == 6
    assert not any(row.of.elsewhere or row.of.apart for row in (first["8002"], second["8003"], whole["8002"]))


def test_a_database_that_was_counted_before_counts_such_months_again(store: Store) -> None:
    figures.ensure(store, budget_s=None)
    assert figures.waiting(store) == []
    with store.db.writing():
        tables.teams_apart(store.db.sqlite)
        tables.teams_apart(store.db.sqlite)
    assert figures.waiting(store) == [("8001", MONTH)]


def test_figures_by_team_are_those_of_the_table(store: Store) -> None:
    figures.ensure(store, budget_s=None)
    assert figures.teams(store, MONTH) == ("乙", "甲") and figures.agents(store, MONTH) == 3
    assert [one[1:4] for one in figures.means(store, [MONTH])] == [("乙", 3, 3), ("乙", 6, 6), ("甲", 3, 3), ("甲", 6, 6)]
    assert [one[1:4] for one in figures.means(store, [MONTH], "甲")] == [("甲", 3, 3), ("甲", 6, 6)]
    assert figures.within_team(store, "8001", MONTH, "甲") == rows(store, "甲")["8001"].of
    assert figures.within_team(store, "8002", MONTH, "甲") == rows(store, "甲")["8002"].of
    assert figures.within_team(store, "8002", MONTH, "乙") is None and figures.within_team(store, "8001", MONTH, "丙") is None
    assert figures.of_agent(store, "8001", [MONTH]) == (rows(store)["8001"].of,) and figures.months(store, "甲") == (MONTH,)


def test_money_is_the_whole_months(store: Store) -> None:
    """Repetitions and caps go over the month: a team has what its calls were charged, and no sum."""
    confirm(store)
    whole, first, second = (month_table.arithmetic(store, "8001", MONTH, team) for team in (None, "甲", "乙"))
    assert [cells[5] for cells in whole.fines] == ["50.00", "100.00", "200.00"] and "350.00 元" in whole.sums[-1]
    assert [cells[5] for cells in first.fines] == ["50.00", "100.00"] and [cells[5] for cells in second.fines] == ["200.00"]
    assert first.sums == second.sums == (month_table.MOVED,) and len(first.calls) == 3
    assert month_table.arithmetic(store, "8002", MONTH, "甲") == month_table.arithmetic(store, "8002", MONTH)
    assert rows(store, "甲")["8001"].due is None and rows(store)["8001"].due == whole_due(store)


def whole_due(store: Store) -> object:
    return figures.of_agent(store, "8001", [MONTH])[0].due


def test_a_team_is_counted_anew_with_what_changes_in_its_own_calls(store: Store) -> None:
    figures.ensure(store, budget_s=None)
    reviews.finish(store, "8001-0", "李质检")
    for team in ("甲", "乙"):
        assert figures.waiting(store, [MONTH], team=team) == [("8001", MONTH)]
    assert rows(store, "甲")["8001"].pending == 1 and rows(store, "乙")["8001"].pending == 1
    with store.db.writing():
        store.db.sqlite.execute("update calls set team = '甲' where agent_id = '8001'")
    assert list(rows(store, "乙")) == ["8003"] and not rows(store, "甲")["8001"].of.apart and rows(store, "甲")["8001"].of.calls == 6
    with store.db.writing():
        store.db.sqlite.execute("update calls set team = '丙' where call_id = '8001-2'")
    assert figures.waiting(store, [MONTH], team="丙") == [("8001", MONTH)]  # nothing kept says yet that the agent was there
    assert rows(store, "丙")["8001"].of.calls == 1


def test_each_lead_signs_the_own_calls(store: Store) -> None:
    whole = month_table.table(store, MONTH, budget_s=None)
    assert closing.teams(whole) == ("乙", "甲") and closing.unsigned(store, MONTH, whole) == ("乙", "甲")
    for team in ("甲", "乙"):
        shown = closing.digest(month_table.table(store, MONTH, team, budget_s=None), team)
        assert shown == closing.digest(whole, team)
        closing.sign(store, MONTH, team, f"{team}班长", "", shown)
    assert closing.unsigned(store, MONTH, whole) == ()
    reviews.finish(store, "8001-3", "李质检")
    whole = month_table.table(store, MONTH, budget_s=None)
    assert {one.team: one.holds for one in closing.signoffs(store, MONTH, whole)} == {"甲": True, "乙": False}


def test_appeals_stand_with_the_team_of_their_call(store: Store) -> None:
    publications.publish(store, ["8001-0", "8001-3"], "王质检")
    for name in ("8001-0", "8001-3"):
        appeals.file(store, name, "pickup", "8001", "文字与录音不符", "三声", "李敏")
    assert [rows(store, team)["8001"].appeals.open for team in ("甲", "乙", None)] == [1, 1, 2]


def told(data: bytes) -> dict[str, dict[str, object]]:
    """The rows of a workbook's table by agent."""
    head, *lines = openpyxl.load_workbook(io.BytesIO(data))["绩效表"].values
    return {str(line[1]): dict(zip(map(str, head), line, strict=True)) for line in lines}


def test_the_files_say_what_the_table_says(store: Store) -> None:
    confirm(store)
    figures.ensure(store, budget_s=None)
    for team, calls, says, money in (("甲", 3, "另有其他班组 3 通，不在此行", None), (None, 6, "含其他班组 3 通", 350)):
        data, table = workbook.made(store, MONTH, team, None)
        row = told(data)["8001"]
        assert (row["通话数"], row["班组说明"], row["罚款（元，最高）"], row["罚款说明"]) == (
            calls,
            says,
            money,
            None if money else month_table.MOVED,
        )
        assert told(data)["8002"]["班组说明"] is None
        how = [cells for cells in openpyxl.load_workbook(io.BytesIO(data))["算法"].values if cells[0] == "8001"]
        assert sum(f"÷ {calls} = " in str(cells[-1]) for cells in how) == 1
        plain = list(csv.reader(io.StringIO(files.csv_bytes(table).decode("utf-8-sig"), newline="")))
        cells = next(dict(zip(plain[0], line, strict=True)) for line in plain if line[1] == "8001")
        assert cells["班组说明"] == says and cells["通话数"] == str(calls)
        assert any("换过班组" in text for text in files.notes(table))


# ---------------------------------------------------------------- pages


def text(answer: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer))


@pytest.fixture
def moved(house: House) -> House:
    """8001's last call of the month is in the other team."""
    with house.store.db.writing():
        house.store.db.sqlite.execute("update calls set team = '二组' where call_id = ?", (call_id("8001", 2),))
    return house


@pytest.mark.parametrize(("who", "mean", "elsewhere"), [("lead", "(85 + 65) ÷ 2 = 75.00", 1), ("lead2", "(45) ÷ 1 = 45.00", 2)])
def test_page_print_and_workbook_of_a_lead_are_of_the_own_calls(moved: House, who: str, mean: str, elsewhere: int) -> None:
    lead = moved.client(who)
    page = lead.get(f"/agents/8001?month={WEB_MONTH}")
    assert page.status_code == 200 and mean in page.text
    for path in (f"/agents/8001?month={WEB_MONTH}", *(f"/appraisal{kind}?month={WEB_MONTH}" for kind in ("", "/print"))):
        assert f"另有其他班组 {elsewhere} 通，不在此行" in text(lead.get(path).text), path
    assert text(lead.get(f"/appraisal/print?month={WEB_MONTH}").text).count(mean) == 1
    data = lead.get(f"/appraisal/xlsx?month={WEB_MONTH}").content
    assert told(data)["8001"]["通话数"] == 3 - elsewhere
    assert any(mean in str(cells[-1]) for cells in openpyxl.load_workbook(io.BytesIO(data))["算法"].values)
    assert f"另有其他班组 {elsewhere} 通" in lead.get(f"/appraisal/csv?month={WEB_MONTH}").content.decode("utf-8-sig")
    own = {call_id("8001", n) for n in ((0, 1) if who == "lead" else (2,))}
    assert set(re.findall(r"/calls/(HN-8001-\d)", page.text)) == own


def test_both_leads_find_the_agent_on_their_teams_page_and_hr_the_whole_month(moved: House) -> None:
    for who, path in (("lead", ONE), ("lead2", TWO)):
        assert "8001" in text(moved.client(who).get(f"{path}?month={WEB_MONTH}").text)
    browser = moved.client("hr")
    assert "(85 + 65 + 45) ÷ 3 = 65.00" in browser.get(f"/agents/8001?month={WEB_MONTH}").text
    for kind in ("", "/print"):
        assert "含其他班组 2 通" in text(browser.get(f"/appraisal{kind}?month={WEB_MONTH}").text)
    # a team's table is one and the same, whoever looks
    assert "另有其他班组 1 通，不在此行" in text(browser.get(f"/appraisal?month={WEB_MONTH}&team=一组").text)
    assert "含其他班组" not in browser.get(f"/appraisal?month={WEB_MONTH}&team=一组").text


def test_who_was_never_in_the_team_is_out_of_the_leads_reach(moved: House) -> None:
    assert moved.client("lead").get("/agents/8003").status_code == 404 and moved.client("lead2").get("/agents/8002").status_code == 404


def test_the_money_of_a_part_is_said_to_be_the_whole_months(store: Store) -> None:
    assert money_text(rows(store, "甲")["8001"]) == "待确认"
    confirm(store)
    assert money_text(rows(store, "甲")["8001"]) == month_table.MOVED and money_text(rows(store)["8001"]) == "本人 350.00 元"
    assert money_text(rows(store, "甲")["8001"], fined=False) == "没有罚款规则"
