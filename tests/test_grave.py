"""Breaches that persons call grave: who may say so of what, what it costs, and that it stays on record."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from commands import Run
from stored_houses import call, house, save

from qa import explain
from qa.books import Books
from qa.errors import NotFoundError, QaError, StoreError
from qa.migrations import migrations
from qa.rescore import judge, rescore
from qa.review import reviews
from qa.store import Store

FINE = "fine = { low = 50, high = 500, grave = [2, 5] }"
PLAIN = "fine = { amount = 50 }"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """May of agent 8001 under fines that a grave breach multiplies: A and B were picked up too late, C in time."""
    made = Store(tmp_path / "qa.db")
    for call_id, day, rings in (("A", 10, 5), ("B", 11, 5), ("C", 12, 2)):
        save(made, house(tmp_path / "house", worth=FINE), call(call_id, f"2025-05-{day}T10:00:00.000", rings=rings))
    return made


def _fines(store: Store, agent: str = "8001") -> dict[str, tuple[float, float]]:
    """What each call of May costs, by call."""
    sheet = explain.month(store, agent, 2025, 5, Books(store), store.marks())
    return {c.found[0].call_id: (float(c.cost.low), float(c.cost.high)) for rule in sheet.fines.rules for c in rule.charges}


# ---------------------------------------------------------------- money


def test_a_mark_multiplies_the_fine_of_its_call_until_it_is_taken_back(store: Store) -> None:
    assert _fines(store) == {"A": (50, 500), "B": (50, 500)}
    store.mark_grave("A", "pickup", " 张三 ", " 三分钟不接 ")
    assert _fines(store) == {"A": (100, 2500), "B": (50, 500)}
    store.mark_grave("A", "pickup", "李四", "线路故障", False)
    assert _fines(store) == {"A": (50, 500), "B": (50, 500)}
    store.mark_grave("A", "pickup", "王五", "复核后仍属严重")
    assert _fines(store)["A"] == (100, 2500)
    told = [(m.call_id, m.rule_id, m.by, m.reason, m.grave) for m in store.marks()]
    assert told == [
        ("A", "pickup", "张三", "三分钟不接", True),
        ("A", "pickup", "李四", "线路故障", False),
        ("A", "pickup", "王五", "复核后仍属严重", True),
    ]
    assert all(m.created.endswith("+00:00") for m in store.marks())
    assert (len(store.marks("A")), store.marks("B")) == (3, ())


def test_a_mark_holds_whichever_scorecard_stands_and_can_always_be_taken_back(store: Store, tmp_path: Path) -> None:
    store.mark_grave("A", "pickup", "张三", "三分钟不接")
    mild, strict = house(tmp_path / "mild", rings=5, worth=FINE), house(tmp_path / "house", worth=FINE)
    assert rescore(store, mild).changed == 2 and _fines(store) == {}
    assert rescore(store, strict).changed == 2 and _fines(store)["A"] == (100, 2500)
    rescore(store, mild)
    store.mark_grave("A", "pickup", "张三", "规则改了", False)
    rescore(store, strict)
    assert _fines(store) == {"A": (50, 500), "B": (50, 500)}


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        (("A", "pickup", " ", "慢"), StoreError, "没有写由谁认定。请加 --by"),
        (("A", "pickup", "张三", "\n"), StoreError, "没有写认定的理由。请加 --reason"),
        (("Z", "pickup", "张三", "慢"), NotFoundError, "没有这通电话"),
        (("A", "rude", "张三", "慢"), NotFoundError, "现有的评分里没有这条规则。这通电话违反的规则：pickup（三声铃响内接听）"),
        (("C", "pickup", "张三", "慢"), StoreError, "没有判为违反，不能认定情节严重。这通电话没有违反任何规则"),
        (("B", "pickup", "张三", "又说一次"), StoreError, "已由 李四 于 20.* 认定为情节严重。不需要再次认定；要撤回请加 --withdraw"),
        (("A", "pickup", "张三", "撤", False), StoreError, "现在没有认定为情节严重，无可撤回"),
        (("A", "rude", "张三", "撤", False), StoreError, "现在没有认定为情节严重，无可撤回"),
        (("Z", "pickup", "张三", "撤", False), NotFoundError, "没有这通电话"),
    ],
)
def test_what_cannot_be_called_grave(store: Store, given: tuple[Any, ...], kind: type[QaError], told: str) -> None:
    known = store.mark_grave("B", "pickup", "李四", "客户投诉")
    with pytest.raises(kind, match=told):
        store.mark_grave(*given)
    assert store.marks() == (known,)


@pytest.mark.parametrize("worth", ["deduction = 5", PLAIN])
def test_a_rule_without_multiples_is_never_grave(tmp_path: Path, worth: str) -> None:
    store, book = Store(tmp_path / "qa.db"), house(tmp_path / "house", worth=worth)
    save(store, book, call("A"))
    with pytest.raises(StoreError, match="没有情节严重加倍的罚款"):
        store.mark_grave("A", "pickup", "张三", "慢")
    assert store.marks() == ()


def test_the_book_that_the_call_was_judged_by_decides_and_not_a_later_one(store: Store, tmp_path: Path) -> None:
    save(store, house(tmp_path / "later", worth=PLAIN, version='"2"', effective_from="2025-06-01"), call("J", "2025-06-02T10:00:00.000"))
    store.mark_grave("A", "pickup", "张三", "慢")
    with pytest.raises(StoreError, match="没有情节严重加倍的罚款"):
        store.mark_grave("J", "pickup", "张三", "慢")


def test_without_the_book_nobody_knows_the_multiples(store: Store, tmp_path: Path) -> None:
    other = house(tmp_path / "other", worth=FINE, house_id="other")
    of = call("X", "2025-05-20T10:00:00.000")
    store.record(of, judge(of, other, store.earlier()))  # never registered
    with pytest.raises(StoreError, match="数据库里没有评分时的规则书 other 1"):
        store.mark_grave("X", "pickup", "张三", "慢")


def test_a_scorecard_that_is_only_proposed_is_not_marked(store: Store, tmp_path: Path) -> None:
    store.ledger.close_month("2025-05", "张三")
    save(store, house(tmp_path / "house", worth=FINE), call("D", "2025-05-20T10:00:00.000"))
    with pytest.raises(NotFoundError, match="还没有批准"):
        store.mark_grave("D", "pickup", "张三", "慢", closed_month=True)


def test_a_closed_month_wants_consent_to_mark_and_to_take_back(store: Store) -> None:
    store.ledger.close_month("2025-05", "财务")
    with pytest.raises(StoreError, match="通话在已关账的 2025-05，这会改变该月的罚款。确实要改，请加 --closed-month"):
        store.mark_grave("A", "pickup", "张三", "慢")
    store.mark_grave("A", "pickup", "张三", "慢", closed_month=True)
    assert _fines(store)["A"] == (100, 2500)
    with pytest.raises(StoreError, match="已关账的 2025-05"):
        store.mark_grave("A", "pickup", "张三", "误", False)
    store.mark_grave("A", "pickup", "张三", "误", False, closed_month=True)
    assert _fines(store)["A"] == (50, 500) and len(store.marks()) == 2


def test_marks_are_only_ever_added(store: Store) -> None:
    store.mark_grave("A", "pickup", "张三", "慢")
    for sql in ("update grave_marks set grave = 0", "delete from grave_marks"):
        with pytest.raises(sqlite3.IntegrityError, match="grave_marks is append only"):
            store._db.sqlite.execute(sql)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        store._db.sqlite.execute("insert into grave_marks values (null, 'Z', 'pickup', '张三', '慢', '2025', 1)")
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        store._db.sqlite.execute("insert into grave_marks values (null, 'A', 'pickup', '张三', null, '2025', 1)")
    assert len(store.marks()) == 1


def test_a_database_of_before_has_no_marks_and_takes_them(tmp_path: Path) -> None:
    old = sqlite_utils.Database(tmp_path / "old.db")
    migrations.apply(old, stop_before="m008_grave_marks")
    assert "grave_marks" not in old.table_names()
    old.close()
    with Store(tmp_path / "old.db") as store:
        assert store.marks() == ()
        save(store, house(tmp_path / "house", worth=FINE), call("A"))
        assert store.mark_grave("A", "pickup", "张三", "慢") in store.marks()


# ---------------------------------------------------------------- the command


@pytest.fixture
def qa(qa: Run, store: Store) -> Run:
    store.close()
    return qa


MARK = ("grave", "A", "pickup", "--by", "张三", "--reason", "客户 13812345678 等了三分钟")


def test_the_command_marks_and_every_view_says_so(qa: Run, tmp_path: Path) -> None:
    done = qa(*MARK)
    assert done.code == 0 and "A 已记下：由 张三 认定“三声铃响内接听”情节严重：" in done.out and "罚款从此按规则加倍" in done.out
    said = "由 张三 认定“三声铃响内接听”情节严重：客户 138****5678 等了三分钟"
    assert f" {said}" in qa("show", "A").out and "情节严重" not in qa("show", "B").out
    call_told, month_told = qa("explain", "A"), qa("explain", "8001", "2025-05")
    assert f"{said}；罚款按月另计" in call_told.out and f"{said}；罚款按月另计" in month_told.out
    assert "2500.00" not in month_told.out and "待确认 2 处" in month_told.out  # a mark alone confirms no breach
    with Store(tmp_path / "qa.db") as store:
        for name in "AB":
            reviews.finish(store, name, "质检")
    month_told = qa("explain", "8001", "2025-05")
    assert "2–5 倍 = 100.00–2500.00 元" in month_told.out and "150.00–3000.00 元" in month_told.out
    assert "情节严重" not in qa("explain", "B").out
    for arguments in (("show", "A", "--json"), ("explain", "A", "--json")):
        (mark,) = qa(*arguments).json["grave_marks"]
        assert (mark["rule_id"], mark["by"], mark["reason"], mark["grave"]) == ("pickup", "张三", "客户 138****5678 等了三分钟", True)
    assert [c["grave_marks"] != [] for c in qa("explain", "8001", "2025-05", "--json").json["calls"]] == [True, False, False]


def test_the_command_takes_back_and_the_record_stays(qa: Run) -> None:
    qa(*MARK)
    done = qa("grave", "A", "pickup", "--by", "李四", "--reason", "线路故障", "--withdraw", "--json").json
    assert (done["mark"]["grave"], done["mark"]["by"], done["closed_month"]) == (False, "李四", None)
    shown = qa("show", "A").out
    assert "由 张三 认定“三声铃响内接听”情节严重" in shown and "由 李四 撤回“三声铃响内接听”情节严重的认定：线路故障" in shown
    assert "情节严重" not in qa("explain", "A").out and "情节严重" not in qa("explain", "8001", "2025-05").out


def test_a_mark_without_a_breach_is_shown_as_doing_nothing(qa: Run, tmp_path: Path) -> None:
    qa(*MARK)
    house(tmp_path / "mild", rings=5, worth=FINE)
    assert qa("rescore", "--profile", "mild").code == 0
    assert "现在的评分没有判为违反，不起作用" in qa("explain", "A").out


def test_the_command_asks_for_consent_in_a_closed_month(qa: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        for call in store.calls():
            reviews.finish(store, call.call_id, "质检")
    assert qa("months", "close", "2025-05", "--by", "财务").code == 0
    refused = qa(*MARK)
    assert refused.code == 2 and "--closed-month" in refused.err and refused.out == ""
    done = qa(*MARK, "--closed-month")
    assert done.code == 0 and "2025-05 已关账，该月的罚款随之改变" in done.out


@pytest.mark.parametrize("missing", ["--by", "--reason"])
def test_the_command_wants_name_and_reason(qa: Run, missing: str) -> None:
    at = MARK.index(missing)
    assert qa(*MARK[:at], *MARK[at + 2 :]).code == 2
    assert qa("show", "A", "--json").json["grave_marks"] == []


def test_no_number_of_a_customer_is_in_a_decision(qa: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        save(store, house(tmp_path / "house", worth=FINE), call("20250513-13812345678", "2025-05-13T10:00:00.000"))
    for options in ((), ("--withdraw", "--json")):
        done = qa("grave", "20250513-13812345678", "pickup", "--by", "张三", "--reason", "客户 13812345678 投诉", *options)
        assert done.code == 0 and "20250513-138****5678" in done.out and "13812345678" not in done.out
        for view in (("show", "20250513-13812345678"), ("explain", "20250513-13812345678"), ("explain", "8001", "2025-05")):
            for form in ((), ("--json",)):
                assert "13812345678" not in qa(*view, *form).out
