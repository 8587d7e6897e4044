"""Scored calls without a start are in no month: said wherever a reader could take a month, a team or the house for complete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from commands import Run
from stored_houses import call, house, save
from web_house import House

from qa.appraisal import closing, files, month_table, undated
from qa.review import reviews
from qa.store import Store
from qa.types import Call
from qa.web.addresses import address

TOLD = "通有评分的通话没有开始时间，不属于任何月份"


def of_team(call_id: str, start: str | None, agent: str = "8001", team: str = "一组") -> Call:
    of = call(call_id, start, agent)
    assert of.record is not None
    return replace(of, record=replace(of.record, team=team))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A of May; B, C and D of nobody knows when: B and C of team 一组, of two agents."""
    made = Store(tmp_path / "qa.db")
    book = house(tmp_path / "house")
    save(made, book, of_team("A", "2025-05-10T10:00:00.000"))
    for call_id, agent, team in (("B", "8001", "一组"), ("C", "8002", "一组"), ("D", "8003", "二组")):
        save(made, book, of_team(call_id, None, agent, team))
    return made


def test_they_are_counted_by_agent_team_and_house(store: Store) -> None:
    assert undated.count(store.db) == 3 and undated.count(store.db, team="一组") == 2 and undated.count(store.db, team="三组") == 0
    assert undated.count(store.db, agent_id="8001") == 1 and undated.count(store.db, agent_id="8001", team="二组") == 0
    assert undated.told(0) == "" and undated.told(2).startswith(f"另有 2 {TOLD}") and "qa records import" in undated.told(2)


def test_what_counts_no_more_is_not_counted(store: Store) -> None:
    assert undated.count(store.db) == 3
    store.withdrawals.by_person(["D"], False, "质检", "录错了")
    assert undated.count(store.db) == 2 and undated.count(store.db, team="二组") == 0


def test_of_very_many_it_is_only_told_that_they_are_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert undated.told(undated.MOST + 1).startswith(f"另有超过 {undated.MOST} {TOLD}")
    monkeypatch.setattr(undated, "MOST", 1)
    assert undated.count(store.db) == 2 and undated.told(undated.count(store.db)).startswith(f"另有超过 1 {TOLD}")


def test_a_page_counts_again_only_where_that_is_quick(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert undated.shown(store.db) == 3
    store.withdrawals.by_person(["D"], False, "质检", "录错了")
    assert undated.shown(store.db) == 2
    monkeypatch.setattr(undated, "SLOW_S", -1.0)
    assert undated.shown(store.db) == 2
    store.withdrawals.by_person(["D"], True, "质检", "没有错")
    assert undated.shown(store.db) == 2 and undated.count(store.db) == 3
    assert month_table.table(store, "2025-05", budget_s=None).undated == 3  # whoever closes a month is told the very number
    monkeypatch.setattr(undated, "KEPT_S", -1.0)
    assert undated.shown(store.db) == 3


@pytest.mark.parametrize("of", [{}, {"team": "一组"}, {"agent_id": "8001"}])
def test_no_call_that_has_a_start_is_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch, of: dict[str, str]) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    rows = store.db.rows

    def noted(sql: str, *params: object) -> list[dict[str, object]]:
        asked.append((sql, params))
        return rows(sql, *params)

    monkeypatch.setattr(store.db, "rows", noted)
    undated.count(store.db, **of)
    ((sql, params),) = asked
    plan = [row["detail"] for row in rows(f"explain query plan {sql}", *params)]
    assert any(step.startswith("SEARCH c USING") and "started=?" in step for step in plan), plan
    assert not any(step.startswith("SCAN c") for step in plan), plan


def test_the_table_its_files_and_the_closing_say_so(store: Store) -> None:
    whole, team = (month_table.table(store, "2025-05", name, budget_s=None) for name in (None, "二组"))
    assert (whole.undated, team.undated) == (3, 1)
    assert undated.told(3) in files.notes(whole) and undated.told(1) in files.notes(team)
    assert undated.told(3) in closing.warnings(store, whole)
    nothing = replace(whole, undated=0)
    assert not any(TOLD in text for text in (*files.notes(nothing), *closing.warnings(store, nothing)))


# ---------------------------------------------------------------- commands


def test_the_commands_say_so(store: Store, qa: Run, tmp_path: Path) -> None:
    reviews.finish(store, "A", "质检")
    bounded = qa("agents", "--since", "2025-05-01", "--until", "2025-05-31")
    assert f"另有 3 {TOLD}" in bounded.out
    assert "其中 3 通有评分的通话没有开始时间：计入这里的平均，但不属于任何月份" in qa("agents").out
    one = qa("agent", "8001", "--since", "2025-05-01", "--json").json
    assert one["notes"][-1] == undated.told(1)
    exported = qa("export", "all.json", "--since", "2025-05-01", "--json").json
    assert undated.told(3) in exported["notes"] and qa("export", "all.json", "--json").json["notes"] == []
    assert qa("report", "agent", "8001", "-o", "a.html", "--since", "2025-05-01").code == 0
    assert f"另有 1 {TOLD}" in (tmp_path / "a.html").read_text("utf-8")
    closed = qa("months", "close", "2025-05", "--by", "财务")
    assert closed.code == 0 and f"提示：另有 3 {TOLD}" in closed.err


# ---------------------------------------------------------------- pages


@pytest.fixture
def undated_house(house: House) -> House:
    """Nobody knows any more when the last call of 8001 (team 一组) was."""
    with house.store.db.writing():
        house.store.db.sqlite.execute("update calls set started = null where call_id = 'HN-8001-2'")
    return house


@pytest.mark.parametrize(
    ("who", "path", "said"),
    [
        ("hr", "/appraisal?month=2025-06", True),
        ("hr", "/appraisal?month=2025-06&team=一组", True),
        ("hr", "/appraisal?month=2025-06&team=二组", False),
        ("hr", "/appraisal/print?month=2025-06", True),
        ("hr", "/months?month=2025-05", False),  # no calls in it
        ("hr", "/teams?month=2025-06", True),
        ("lead", address("/teams/{team}", team="一组", query={"month": "2025-06"}), True),
        ("lead2", address("/teams/{team}", team="二组", query={"month": "2025-06"}), False),
        ("lead", "/agents/8001?month=2025-06", True),
        ("lead", "/agents/8002?month=2025-06", False),
    ],
)
def test_the_pages_say_so(undated_house: House, who: str, path: str, said: bool) -> None:
    page = undated_house.client(who).get(path)
    assert page.status_code == 200 and (f"另有 1 {TOLD}" in page.text) is said
    client = undated_house.client(who)
    client.client.cookies.set("qa-lang", "en")
    assert ("1 more scored calls have no start time" in client.get(path).text) is said


def test_a_month_is_closed_only_by_somebody_who_has_read_it(undated_house: House) -> None:
    undated_house.clock[0] += 40 * 86_400
    assert f"另有 1 {TOLD}" in undated_house.client("hr").get("/months?month=2025-06").text


# ---------------------------------------------------------------- nobody's calls

NOBODYS = "通有评分的通话不知道是哪位坐席，不在任何人的数字里，也不计罚款"


@pytest.fixture
def nobodys(store: Store) -> Store:
    """E and F of May and G of June are nobody's, F by team 一组; H, of nobody knows when, is told as that alone."""
    book = house(store.path.parent / "house")
    for call_id, start, team in (
        ("E", "2025-05-11T10:00:00.000", ""),
        ("F", "2025-05-12T10:00:00.000", "一组"),
        ("G", "2025-06-01T00:00:00.000", ""),
        ("H", None, ""),
    ):
        save(store, book, of_team(call_id, start, "", team))
    store.db.sqlite.execute("update calls set agent_id = null where call_id = 'E'")
    store.db.sqlite.conn.commit()
    return store


def test_nobodys_calls_are_counted_by_month_and_team(nobodys: Store) -> None:
    assert [undated.unassigned(nobodys.db, month) for month in ("2025-04", "2025-05", "2025-06")] == [0, 2, 1]
    assert undated.unassigned(nobodys.db, "2025-05", team="一组") == 1 and undated.unassigned(nobodys.db, "2025-05", team="二组") == 0
    assert undated.count(nobodys.db) == 4
    nobodys.withdrawals.by_person(["E"], False, "质检", "录错了")
    assert undated.unassigned(nobodys.db, "2025-05") == 1


def test_the_table_its_files_and_the_closing_tell_nobodys_calls(nobodys: Store) -> None:
    whole, team, other = (month_table.table(nobodys, "2025-05", name, budget_s=None) for name in (None, "一组", "二组"))
    assert (whole.unassigned, team.unassigned, other.unassigned) == (2, 1, 0)
    for table, n in ((whole, 2), (team, 1)):
        told = undated.told_unassigned(n)
        assert f"本月另有 {n} {NOBODYS}" in told and told in files.notes(table) and told in closing.warnings(nobodys, table)
    assert not any(NOBODYS in text for text in files.notes(other))


def test_no_call_that_is_somebodys_is_looked_at(nobodys: Store) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    rows = nobodys.db.rows
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(nobodys.db, "rows", lambda sql, *params: asked.append((sql, params)) or rows(sql, *params))
        undated.unassigned(nobodys.db, "2025-05")
    ((sql, params),) = asked
    plan = [row["detail"] for row in rows(f"explain query plan {sql}", *params)]
    assert not any(step.startswith("SCAN c") for step in plan), plan
    assert sum("agent_id=?" in step and "started>?" in step for step in plan) == 2, plan  # none, and an empty one


def test_the_command_that_closes_a_month_tells_nobodys_calls(nobodys: Store, qa: Run) -> None:
    reviews.finish(nobodys, "A", "质检")
    closed = qa("months", "close", "2025-05", "--by", "财务")
    assert closed.code == 0 and f"提示：本月另有 2 {NOBODYS}" in closed.err


@pytest.mark.parametrize(
    ("who", "path", "said"),
    [
        ("hr", "/appraisal?month=2025-06", True),
        ("hr", "/appraisal?month=2025-05", False),
        ("hr", "/appraisal?month=2025-06&team=二组", False),
        ("hr", "/appraisal/print?month=2025-06", True),
        ("hr", "/teams?month=2025-06", True),
        ("hr", "/months?month=2025-06", True),
        ("lead", address("/teams/{team}", team="一组", query={"month": "2025-06"}), True),
        ("lead2", address("/teams/{team}", team="二组", query={"month": "2025-06"}), False),
    ],
)
def test_the_pages_tell_nobodys_calls(house: House, who: str, path: str, said: bool) -> None:
    with house.store.db.writing():
        house.store.db.sqlite.execute("update calls set agent_id = '' where call_id = 'HN-8001-2'")
    house.clock[0] += 40 * 86_400
    client = house.client(who)
    assert (f"本月另有 1 {NOBODYS}" in client.get(path).text) is said
    client.client.cookies.set("qa-lang", "en")
    page = client.get(path)
    assert page.status_code == 200 and ("1 more scored calls of this month are nobody&#39;s" in page.text) is said
