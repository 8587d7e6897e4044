"""The administrator's page of the audit log: finding rows, checking the chain, and that reading is written down."""

from __future__ import annotations

import ast
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from web_house import NUMBER, PASSWORD, House, call_id

from qa.people import accounts, audit, audit_search
from qa.people.accounts import User, UserRole
from qa.people.audit_search import Wanted
from qa.web.audit_words import ACTIONS, KINDS

ROOT = Path(__file__).parents[1]
DAY = date(2025, 3, 2)


def fill(house: House, rows: int = 300) -> None:
    """Rows at known times, three hours apart from 2025-03-01 08:00 in China on; the clock is put back once in between."""
    with house.store.db.writing():
        for n in range(rows):
            by, action = ("wang", "li", "zhao")[n % 3], ("call.view", "call.listen", "login", "appraisal.export")[n % 4]
            audit.record(house.store.db, by, action, "call" if n % 4 < 2 else "month", f"C-{n % 7}", {"n": n})
        house.store.db.sqlite.execute("drop trigger audit_log_no_update")
        for n in range(rows):
            hours = 3 * (n - 40 if 50 <= n < 60 else n)
            at = f"{date(2025, 3, 1) + timedelta(days=hours // 24)}T{hours % 24:02}:00:00.000+00:00"
            house.store.db.sqlite.execute("update audit_log set at = ? where id = ?", (at, n + 1))


def plainly(house: House, wanted: Wanted) -> list[int]:
    """The same question without any index: all rows, one by one."""
    found = []
    for row in house.store.db.rows("select * from audit_log"):
        day = str(row["at"])[:10] if row["at"][11:13] < "16" else (date.fromisoformat(row["at"][:10]) + timedelta(days=1)).isoformat()
        fits = (not wanted.by or row["by"] == wanted.by) and (not wanted.action or row["action"] == wanted.action)
        fits &= not wanted.object_id or (row["object_id"] == wanted.object_id and row["object_kind"] in wanted.kinds)
        fits &= (wanted.since is None or day >= wanted.since.isoformat()) and (wanted.until is None or day <= wanted.until.isoformat())
        if fits:
            found.append((row["at"], row["id"]))
    return [number for _at, number in sorted(found, reverse=True)]


QUESTIONS = (
    *(Wanted(), Wanted(by="wang"), Wanted(by="nobody"), Wanted(action="call.listen"), Wanted(by="li", action="login")),
    *(Wanted(kinds=("call",), object_id="C-3"), Wanted("wang", "call.view", ("call", "month"), "C-0"), Wanted(since=DAY, until=DAY)),
    *(
        Wanted(by="zhao", since=DAY),
        Wanted(action="call.view", until=DAY),
        Wanted("li", "login", since=DAY, until=DAY + timedelta(days=20)),
    ),
    Wanted("", "", ("call",), "C-3", DAY, DAY + timedelta(days=9)),
)


@pytest.mark.parametrize("wanted", QUESTIONS, ids=str)
def test_pages_hold_what_fits_and_each_row_once(house: House, wanted: Wanted) -> None:
    fill(house)
    all_of_them, db = plainly(house, wanted), house.store.db
    seen: list[int] = []
    page = audit_search.search(db, wanted, 7)
    assert not page.newer
    while page.entries:
        seen += [one.id for one in page.entries]
        assert page.older == (len(seen) < len(all_of_them))
        back = audit_search.search(db, wanted, 7, after=page.entries[-1].id)
        assert [one.id for one in back.entries] == seen[-8:-1]  # the seven next newer than the last row
        page = audit_search.search(db, wanted, 7, before=page.entries[-1].id)
    assert seen == all_of_them


@pytest.mark.parametrize("wanted", [one for one in QUESTIONS if one != Wanted()], ids=str)
@pytest.mark.parametrize("edge", [None, ("2025-03-04T00:00:00.000+00:00", 30)])
@pytest.mark.parametrize("older", [True, False])
def test_no_question_looks_through_the_whole_log(house: House, wanted: Wanted, edge: tuple[str, int] | None, older: bool) -> None:
    """From an index, in its order: only an object's few rows are sorted."""
    where, params = audit_search._conditions(wanted, edge, older)
    order = "at desc, id desc" if older else "at, id"
    plan = [
        row["detail"]
        for row in house.store.db.rows(f"explain query plan select * from audit_log where {' and '.join(where)} order by {order}", *params)
    ]
    assert plan[0].startswith("SEARCH audit_log USING INDEX"), plan
    if wanted.object_id:
        assert "(object_kind=? AND object_id=?)" in plan[0]
    else:
        assert not any("TEMP B-TREE" in line for line in plan), plan


# ---------------------------------------------------------------- the page


def shown(house: House, query: str = "") -> list[tuple[str, ...]]:
    """Time, who, what, on what."""
    text = house.client("admin").get(f"/audit{query}").text
    rows = re.findall(r'<tr><th scope="row">([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td>', text)
    return [tuple(cell.strip() for cell in row) for row in rows]


def test_the_log_is_searched_by_person_action_object_and_day(house: House) -> None:
    fill(house, 40)
    assert [row[1:] for row in shown(house, "?by=wang&action=call.listen")] == [("wang", "听录音", f"通话 C-{n % 7}") for n in (33, 21, 9)]
    assert {row[0][:10] for row in shown(house, "?since=2025-03-02&until=2025-03-02")} == {"2025-03-02"}
    assert {row[3] for row in shown(house, "?kind=call&object=C-1")} == {"通话 C-1"}
    assert {row[3] for row in shown(house, "?object=C-1")} == {"通话 C-1", "月份 C-1"}
    assert {row[1] for row in shown(house, "?by=管理员")} == {"admin"}  # by name


def test_an_account_without_a_name_hides_nobody_elses_rows(house: House) -> None:
    """Asked for nobody, the page shows everybody."""
    accounts.add(house.store.db, User(0, "nameless", "", UserRole.QA), PASSWORD, "管理员")
    fill(house, 6)
    assert {"wang", "li", "zhao"} <= {row[1] for row in shown(house)}


def test_long_results_go_page_by_page_and_back(house: House) -> None:
    fill(house, 120)
    admin = house.client("admin")
    first = admin.get("/audit?by=wang&until=2025-12-31").text
    assert 'rel="next"' not in first  # forty rows
    first = admin.get("/audit?until=2025-12-31").text
    (onward,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = admin.get(onward.replace("&amp;", "&")).text
    assert "until=2025-12-31" in onward and "before=" in onward
    (back,) = re.findall(r'rel="prev" href="([^"]+)"', second)
    rows = lambda text: re.findall(r"n=(\d+)", text)  # noqa: E731
    assert rows(admin.get(back.replace("&amp;", "&")).text) == rows(first) and not set(rows(first)) & set(rows(second))


def test_reading_the_log_is_written_into_it_without_what_is_not_there_anyway(house: House) -> None:
    admin = house.client("admin")
    admin.get(f"/audit?action=login&object={NUMBER}&by={NUMBER}&since=2025-06-01")
    newest = audit.entries(house.store.db, limit=1)[0]
    assert (newest.by, newest.action, newest.object_kind) == ("admin", "audit.view", "audit")
    assert dict(newest.details) == {"action": "login", "object": "?", "by": "?", "since": "2025-06-01", "rows": "0"}
    house.client("qa").get(f"/calls/{call_id('8001', 0)}")
    admin.get(f"/audit?object={call_id('8001', 0)}")
    assert dict(audit.entries(house.store.db, limit=1)[0].details) == {"object": call_id("8001", 0), "rows": "1"}


def test_no_customers_number_is_shown(house: House) -> None:
    named = f"CC-{NUMBER}-1"
    with house.store.db.writing():
        house.store.db.sqlite.execute("pragma defer_foreign_keys = on")
        row = house.store.db.rows("select * from calls where call_id = ?", call_id("8001", 0))[0]
        house.store.db.insert("calls", row | {"call_id": named, "customer_number": NUMBER})
        audit.record(house.store.db, "qa", "call.view", "call", named)
        audit.record(house.store.db, "qa", "appeal.view", "appeal", "7", {"call": named})
    text = house.client("admin").get("/audit").text
    assert NUMBER not in text and text.count("CC-138****5678-1") == 2


@pytest.mark.parametrize("query", ["?action=x", "?kind=x", "?since=x", "?since=2025-06-02&until=2025-06-01", "?before=x", "?before=-1"])
def test_what_is_no_question_is_refused(house: House, query: str) -> None:
    assert house.client("admin").get(f"/audit{query}").status_code == 400


def test_a_kind_without_an_id_is_told(house: House) -> None:
    assert "请写对象的编号" in house.client("admin").get("/audit?kind=call").text


def test_the_chain_is_checked_and_said_since_when(house: House) -> None:
    admin = house.client("admin")
    assert "还没有在这里核对过" in admin.get("/audit").text
    count = len(house.actions())
    assert admin.post("/audit/verify").headers["location"] == "/audit"
    text = admin.get("/audit").text
    assert f"的 {count} 行都完好" in text and audit.entries(house.store.db, limit=2)[1].action == "audit.verify"
    head = dict(audit.entries(house.store.db, limit=2)[1].details)["head"]
    assert head in text and audit.verify(house.store.db, head).problems == ()
    with house.store.db.writing():
        house.store.db.sqlite.execute("drop trigger audit_log_no_update")
        house.store.db.sqlite.execute("update audit_log set by = 'li' where id = 1")
    admin.post("/audit/verify")
    text = admin.get("/audit").text
    assert "不可信，2 处问题" in text and "第 1 行被改动过" in text


# ---------------------------------------------------------------- its words


def logged() -> set[tuple[str, str]]:
    """Actions (with ``*`` for what is filled in) and kinds of objects, as the program writes them."""
    found = set()
    for file in (ROOT / "qa").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            first = {"audit": 0, "listened": 1, "record": 2}.get(node.func.attr)
            if first is None or len(node.args) < first + 2:
                continue
            action, kind = (_text(node.args[at]) for at in (first, first + 1))
            if action and kind:
                found.add((action, kind))
    return found


def _text(node: Any) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_action_and_every_kind_has_its_words() -> None:
    found = logged()
    assert {("call.view", "call"), ("user.add", "user"), ("backup", "backup"), ("call.listen", "call")} <= found and len(found) > 40
    for action, kind in found:
        pattern = re.compile(re.escape(action).replace(r"\*", r"\w+"))
        assert any(pattern.fullmatch(known) for known in ACTIONS), action
        assert kind in KINDS, kind


def test_what_all_pages_log_has_its_words(house: House) -> None:
    from test_web_access import PRIVATE, asked
    from web_house import PEOPLE

    for page in PRIVATE:
        for who in PEOPLE:
            asked(house.client(who), page, {"call_id": call_id("8001", 0), "agent_id": "8001", "team": "一组", "user_id": "1"})
    assert {action for _by, action, _object in house.actions()} <= set(ACTIONS)
