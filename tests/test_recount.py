"""First warnings in order of time, calls under their own rule books, and days on which no rules were in force."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from rude_houses import FINE, WARNS, put, rude_call, rude_house

from qa import ledger_calls, rescore
from qa.cli_rescore import recounted
from qa.errors import StoreError
from qa.ledger_closing import close_month
from qa.pipeline import FileResult
from qa.rules.explain_text import yuan
from qa.store import Store
from qa.whatif import what_if


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def _percents(store: Store) -> dict[str, Any]:
    return {row.call_id: row.percent for row in store.calls()}


@pytest.fixture
def late_first(store: Store, tmp_path: Path) -> Store:
    """Scored in the order of their files: the call of the 10th first, so that both took the warning."""
    book = rude_house(tmp_path / "house", WARNS)
    for call_id, day in (("B", "06-10"), ("A", "06-05")):
        put(store, book, rude_call(call_id, day))
    put(store, book, rude_call("OTHER", "06-11", agent="8002"))
    assert _percents(store) == {"A": 100, "B": 100, "OTHER": 100}
    return store


def test_warnings_go_to_the_first_calls_in_whatever_order_they_were_scored(late_first: Store) -> None:
    done = rescore.recount(late_first, [("8001", "2025-06"), ("8001", "2025-06"), (None, "2025-06"), ("8002", None)])
    assert (done.calls, [(m.call_id, m.before, m.after, m.proposed) for m in done.moved]) == (2, [("B", 100, 90, False)])
    assert _percents(late_first) == {"A": 100, "B": 90, "OTHER": 100}
    assert rescore.recount(late_first, [("8001", "2025-06")]).moved == ()
    with pytest.raises(StoreError, match="六月: 不是月份"):
        rescore.recount(late_first, [("8001", "六月")])


def test_a_recount_judges_nothing_and_keeps_every_version(late_first: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = late_first.scorecard("B")
    late_first.ledger.register(rude_house(tmp_path / "new", "deduction = 50", version='"2"'))
    monkeypatch.setattr(rescore.scoring, "judge", lambda *_: pytest.fail("judged again"))
    rescore.recount(late_first, [("8001", "2025-06")])
    after = late_first.scorecard("B")
    assert after.provenance == before.provenance and after.results[0].findings == before.results[0].findings
    assert after.notes != before.notes  # it says no more that it was only a warning


def test_a_recount_reads_the_agents_own_calls_and_only_where_something_warns_first(
    late_first: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        put(late_first, rude_house(tmp_path / "plain", "deduction = 10", house_id="plain"), rude_call(f"P{n}", "06-12", agent="8003"))
    read: list[str] = []
    real = Store.stored_call
    monkeypatch.setattr(Store, "stored_calls", lambda *_: pytest.fail("the whole house is read"))
    monkeypatch.setattr(Store, "stored_call", lambda store, call_id, *more: (read.append(call_id), real(store, call_id, *more))[1])
    assert (rescore.recount(late_first, [("8003", "2025-06")]).calls, read) == (3, [])
    assert rescore.recount(late_first, [("8003", "2025-06"), ("8001", "2025-06")]).calls == 5 and read == ["A", "B"]


def test_an_agents_month_is_found_by_its_index(late_first: Store) -> None:
    plan = late_first.db.rows(f"explain query plan {ledger_calls._LISTED}", '["8001"]', "2025-06", "2025-07")
    assert any("idx_calls_agent_id_started (agent_id=? AND started>? AND started<?)" in row["detail"] for row in plan)
    assert not any(re.match(r"SCAN (c|s|w|a)\b", row["detail"]) for row in plan)


def test_a_month_is_not_closed_while_a_call_stands_otherwise_than_it_counts(late_first: Store) -> None:
    with pytest.raises(StoreError, match=r"2025-06: .*月初数起）：B。请先运行 qa rescore --since 2025-06-01 --until 2025-06-30"):
        close_month(late_first, "2025-06", "张三")
    rescore.recount(late_first, [("8001", "2025-06")])
    close_month(late_first, "2025-06", "张三")


def test_in_a_closed_month_a_recount_proposes(store: Store, tmp_path: Path) -> None:
    book = rude_house(tmp_path / "house", WARNS)
    put(store, book, rude_call("B", "06-10"))
    close_month(store, "2025-06", "张三")
    assert put(store, book, rude_call("A", "06-05")).proposed
    (moved,) = rescore.recount(store, [("8001", "2025-06")]).moved
    assert (moved.call_id, moved.after, moved.proposed) == ("B", 90, True) and _percents(store) == {"B": 100}
    with pytest.raises(StoreError, match=r"会得 100，而这份评分是 90。请按通话时间先调整 A"):
        store.adjust("B", "李四", "录音补传")
    assert len(store.adjust_month("2025-06", "李四", "录音补传")[1]) == 2 and _percents(store) == {"A": 100, "B": 90}


def test_the_end_of_qa_score_shows_what_counts(late_first: Store) -> None:
    results = [
        FileResult(Path(name), name, late_first.scorecard(name), late_first.call(name), None, False, 0.0) for name in ("A", "B", "OTHER")
    ]
    shown, lines = recounted(late_first, results)
    assert [r.scorecard.percent for r in shown if r.scorecard] == [100, 90, 100]
    assert lines == ("先警告的次数已按通话时间重算：1 通的得分因此改变",)
    assert recounted(late_first, shown) == (shown, ())


# ---------------------------------------------------------------- whose rules


def test_every_call_is_rescored_by_its_own_rule_book(qa: Run, store: Store, tmp_path: Path) -> None:
    for house_id in ("hx", "hy"):
        old = rude_house(tmp_path / f"{house_id}1", "deduction = 10", house_id=house_id)
        put(store, old, rude_call(house_id, "06-05"))
        store.ledger.register(rude_house(tmp_path / f"{house_id}2", f"deduction = {20 if house_id == 'hx' else 30}", house_id=house_id))
    found = qa("rescore", "--json").json
    assert (found["changed"], found["others"], found["rule_book"]) == (2, 0, None)
    assert sorted(name.split()[0] for name in found["versions"]) == ["hx", "hy"]
    assert _percents(store) == {"hx": 80, "hy": 70}
    rude_house(tmp_path / "hx2", "deduction = 40", house_id="hx")
    done = qa("rescore", "--profile", "hx2")
    assert "重评 1 通" in done.out and "另有 1 通是按别的规则书评分的，没有动" in done.out
    assert _percents(store) == {"hx": 60, "hy": 70}
    assert "都改按哪一本" in qa("rescore", "--all-houses").err
    assert "其中 1 通原先按别的规则书评分，现在都按 hx" in qa("rescore", "--profile", "hx2", "--all-houses").out
    assert _percents(store) == {"hx": 60, "hy": 60}


def test_breaches_of_calls_that_are_left_alone_count_for_their_own_house_only(store: Store, tmp_path: Path) -> None:
    x = rude_house(tmp_path / "x", WARNS, house_id="hx")
    put(store, rude_house(tmp_path / "y", WARNS, house_id="hy"), rude_call("Y", "06-04"))
    for call_id, day in (("A", "06-05"), ("B", "06-06")):
        put(store, x, rude_call(call_id, day))
    assert rescore.rescore(store, x).changed == 0 and _percents(store) == {"Y": 100, "A": 100, "B": 90}


def test_a_day_without_rules_is_an_error_of_its_call_and_the_rest_goes_on(qa: Run, store: Store, tmp_path: Path) -> None:
    for call_id, day in (("MAY", "05-20"), ("JUNE", "06-20")):
        put(store, rude_house(tmp_path / "old", "deduction = 10", house_id="other"), rude_call(call_id, day))
    rude_house(tmp_path / "new", "deduction = 20", effective_from="2025-06-01")
    done = qa("rescore", "--profile", "new", "--all-houses")
    assert done.code == 1 and "重评 1 通：结果有变 1，待批准 0，不变 0，不能重评 1" in done.out
    assert "MAY：规则书 house 自 2025-06-01 起施行，这通电话的日期是 2025-05-20，那天没有施行的规则，不评分" in done.err
    assert _percents(store) == {"MAY": 90, "JUNE": 80} and len(store.history("MAY")) == 1


def test_another_content_that_will_judge_is_named_before_anything_is_scored(qa: Run, store: Store, tmp_path: Path) -> None:
    elsewhere = rude_house(tmp_path / "copy", "deduction = 50", title='"抄来的"', version='"9"', effective_from="2024-06-01")
    put(store, elsewhere, rude_call("A", "06-05"))
    rude_house(tmp_path / "own", "deduction = 10", words='"笨蛋"')
    done = qa("rescore", "--profile", "own")
    assert "2024-06-01 起的通话，按 house 的另一份内容评分" in done.err
    assert f"{elsewhere.stamp}“抄来的”，" in done.err and "名称不同，可能是另一本规则书用了同一个 id" in done.err
    assert _percents(store) == {"A": 50}
    assert "另一份内容" not in qa("rescore", "--profile", "own", "--until", "2024-05-31").err


def test_a_copy_of_a_bundled_house_under_its_id_is_warned_of(qa: Run, tmp_path: Path) -> None:
    rude_house(tmp_path / "mine", "deduction = 10", house_id="default")
    assert "id default 是随程序附带的规则书的名字" in qa("rules", "check", "mine").out
    assert "id default 是" in str(qa("rules", "check", "mine", "--json").json["warnings"])
    assert "随程序附带" not in qa("rules", "check", "default").out


# ---------------------------------------------------------------- the same result


def test_how_often_a_rule_was_broken_and_what_it_costs_is_a_change(store: Store, tmp_path: Path) -> None:
    both = '"滚蛋", "笨蛋"'
    put(store, rude_house(tmp_path / "v1", FINE, words=both), rude_call("A", "06-05", then="笨蛋"))
    fewer = rude_house(tmp_path / "v2", FINE, words='"笨蛋"', version='"2"')
    assert [m.call_id for m in rescore.rescore(store, fewer).moved] == ["A"]
    dearer = rude_house(tmp_path / "v3", FINE.replace("50", "80"), words='"笨蛋"', version='"3"')
    assert rescore.rescore(store, dearer).changed == 1
    same = rude_house(tmp_path / "v4", FINE.replace("50", "80"), words='"笨蛋"', version='"4"')
    assert rescore.rescore(store, same).changed == 0


def test_whatif_shows_whose_money_moves(qa: Run, store: Store, tmp_path: Path) -> None:
    """Twice 50 in two calls each; of the two words one is left, at 80-100 with a first warning a month."""
    old = rude_house(tmp_path / "v1", FINE, words='"滚蛋", "笨蛋"')
    for call_id, day in (("A", "06-05"), ("B", "06-06"), ("C", "07-01")):
        put(store, old, rude_call(call_id, day, then="笨蛋"))
    put(store, old, rude_call("D", "06-05", times=0, agent="8002"))
    new = rude_house(tmp_path / "v2", "fine = { low = 80, high = 100 }\nwarn_first = 1", words='"笨蛋"', version='"2"')
    found = what_if(store, new)
    assert (found.moved, found.flipped, found.fines.moved, found.unpriced) == (0, 0, 3, 0)
    money = {a.agent_id: (yuan(a.fines.before), yuan(a.fines.after)) for a in found.agents}
    assert money == {"8001": ("300.00", "80.00–100.00"), "8002": ("0.00", "0.00")}
    done = qa("whatif", "v2", "--html", "page.html")
    assert "罚款有变的 3 通" in done.out and "坐席罚款合计 300.00 元 → 80.00–100.00 元" in done.out
    assert "80.00–100.00" in (tmp_path / "page.html").read_text("utf-8")
    later = what_if(store, new, since="2025-06-06", until="2025-06-30")
    # the warning of June went to A, which lies before the period and stands as it is
    assert [float(x) for x in (later.fines.before.low, later.fines.after.low, later.fines.after.high)] == [200, 180, 200]


def test_money_that_nobody_can_compare_is_counted_as_such(store: Store, tmp_path: Path) -> None:
    of, book = rude_call("A", "06-05"), rude_house(tmp_path / "never", FINE)
    store.record(of, rescore.judge(of, book, store.earlier()))
    found = what_if(store, rude_house(tmp_path / "new", FINE, version='"2"'))
    assert (found.unpriced, found.fines.moved) == (1, 0)
