"""First warnings, repetitions and caps: counted once, in the same way for points and for money, and never across two rule books."""

from __future__ import annotations

from pathlib import Path

import pytest
from rude_houses import FINE, WARNS, put, rude_call, rude_house
from rulebook_houses import HEAD, TEMPO, line_of, only, read

from qa import explain
from qa.books import Books
from qa.errors import RuleBookError
from qa.explain import MonthSum
from qa.rules.explain_text import month_sums
from qa.rules.model import Liability
from qa.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def _june(store: Store) -> MonthSum:
    return explain.month(store, "8001", 2025, 6, Books(store), store.marks())


def _warned(sheet: MonthSum) -> tuple[list[int], list[int]]:
    """By call, warnings among its breaches: for points, for money."""
    points = [one.total.lines[0].worth.warned for one in sheet.calls]
    warned = {one.row.call_id: 0 for one in sheet.calls}
    for charge in (charge for rule in sheet.fines.rules for charge in rule.charges):
        warned[charge.found[0].call_id] += charge.warning
    return points, list(warned.values())


# ---------------------------------------------------------------- one unit


@pytest.mark.parametrize(
    ("worth", "per"),
    [
        ('deduction = 2\nper = "occurrence"\nwarn_first = 1\nfine = { amount = 10 }', "occurrence"),
        ('deduction = 2\nwarn_first = 1\nfine = { amount = 10, per = "occurrence" }', "occurrence"),
        ('deduction = 2\nper = "call"\nwarn_first = 1\nfine = { amount = 10 }', "call"),
        ('weight = 2\nwarn_first = 1\nfine = { amount = 10, per = "call" }', "call"),
        ("weight = 2\nwarn_first = 1\nfine = { amount = 10 }", "call"),
        ('veto = "call"\nwarn_first = 1\nfine = { amount = 10 }', "call"),
        ("warn_first = 1\nfine = { amount = 10 }", "occurrence"),
        ('warn_first = 1\nfine = { amount = 10, per = "call" }', "call"),
    ],
)
def test_a_rule_that_warns_first_counts_points_and_money_by_one_unit(tmp_path: Path, worth: str, per: str) -> None:
    (rule,) = read(tmp_path / "house", HEAD + TEMPO + worth + "\n").rules
    assert rule.points is not None and rule.fine is not None
    assert (rule.points.per, rule.fine.per) == (per, per)


def test_units_that_differ_are_a_fault_only_where_the_rule_warns(tmp_path: Path) -> None:
    apart = 'deduction = 2\nper = "occurrence"\n{}fine = {{ amount = 10, per = "call" }}\n'
    (rule,) = read(tmp_path / "a", HEAD + TEMPO + apart.format("")).rules
    assert rule.points is not None and rule.fine is not None and (rule.points.per, rule.fine.per) == ("occurrence", "call")
    text = HEAD + TEMPO + apart.format("warn_first = 1\n")
    at, cause, cure = only(tmp_path / "house", text)
    assert (at, cure) == (line_of(text, "fine ="), "两处的 per 写成一样，或只写一处")
    assert 'per = "occurrence" 计分、按 per = "call" 罚款' in cause


def test_a_call_with_two_breaches_uses_up_one_warning_by_the_call_and_two_by_the_occurrence(tmp_path: Path) -> None:
    for per, warned in (("call", [1, 0]), ("occurrence", [2, 0])):
        with Store(tmp_path / f"{per}.db") as store:
            first = 1 if per == "call" else 2
            book = rude_house(tmp_path / per, f'deduction = 8\nper = "{per}"\nwarn_first = {first}\n{FINE}')
            for number, day in enumerate(("06-02", "06-03")):
                put(store, book, rude_call(f"C{number}", day, times=2))
            points, money = _warned(_june(store))
            assert points == warned and [n > 0 for n in money] == [True, False]


def test_breaches_from_before_the_rule_warned_are_no_warnings_for_points_nor_for_money(store: Store, tmp_path: Path) -> None:
    """From the 15th the rule warns once; the breach of the 5th, which then only cost points, has used the warning up."""
    old = rude_house(tmp_path / "v1", 'deduction = 10\nper = "occurrence"')
    new = rude_house(tmp_path / "v2", WARNS + FINE, version='"2"', effective_from="2025-06-15")
    for book in (old, new):
        store.ledger.register(book)
    for number, day in enumerate(("06-05", "06-20", "06-21")):
        put(store, new, rude_call(f"A{number}", day))
    sheet = _june(store)
    assert _warned(sheet) == ([0, 0, 0], [0, 0, 0])
    assert [one.notes for one in sheet.calls] == [(), (), ()] and sheet.fines.total().low == 100


# ---------------------------------------------------------------- two houses


def test_two_houses_with_one_rule_id_count_apart(store: Store, tmp_path: Path) -> None:
    """Two breaches under x are neither warnings nor repetitions for y, whose cap is its own."""
    table = 'deduction = 10\nper = "occurrence"\n{}fine = {{ escalation = [20, 50, 100]{} }}'
    x = rude_house(tmp_path / "x", table.format("", ", cap = 50"), house_id="hx")
    y = rude_house(tmp_path / "y", table.format("warn_first = 1\n", ""), house_id="hy")
    for call_id, day, book in (("X1", "06-05", x), ("X2", "06-06", x), ("Y1", "06-10", y), ("Y2", "06-11", y)):
        put(store, book, rude_call(call_id, day))
    assert {row.call_id: row.percent for row in store.calls()} == {"X1": 90.0, "X2": 90.0, "Y1": 100.0, "Y2": 90.0}
    sheet = _june(store)
    assert [one.notes for one in sheet.calls] == [()] * 4
    assert [[charge.number for charge in rule.charges] for rule in sheet.fines.rules] == [[1, 2], [None, 1]]
    assert [rule.fine.low for rule in sheet.fines.rules] == [50, 20]


# ---------------------------------------------------------------- one cap


def _capped(store: Store, tmp_path: Path, *fines: str) -> MonthSum:
    """Three breaches under the first version, three from the 15th on."""
    books = [
        rude_house(tmp_path / str(n), f"fine = {{ {fine} }}", version=f'"{n}"', **({"effective_from": "2025-06-15"} if n else {}))
        for n, fine in enumerate(fines)
    ]
    for book in books:
        store.ledger.register(book)
    for day in ("05", "06", "07", "16", "17", "18"):
        put(store, books[-1], rude_call(f"A{day}", f"06-{day}"))
    return _june(store)


@pytest.mark.parametrize(
    ("old", "new", "due"),
    [
        ("cap = 100", "cap = 100, grave = 2", [100, 0]),
        ("cap = 100", "cap = 180", [100, 80]),
        ("cap = 150", "cap = 120", [120, 0]),
        ("cap = 100", "grave = 2", [100, 150]),
        ("grave = 2", "cap = 200", [150, 50]),
    ],
)
def test_a_month_in_which_the_fine_changed_has_one_cap(store: Store, tmp_path: Path, old: str, new: str, due: list[int]) -> None:
    sheet = _capped(store, tmp_path, f"amount = 50, {old}", f"amount = 50, {new}")
    assert [rule.fine.low for rule in sheet.fines.rules] == due and sheet.fines.total().low == sum(due)


def test_the_text_says_whose_cap_it_is_and_shares_follow_what_is_left(store: Store, tmp_path: Path) -> None:
    share = 'liable = [{ role = "leader", share = 0.5 }]'
    sheet = _capped(store, tmp_path, f"amount = 50, cap = 100, {share}", f"amount = 50, cap = 120, {share}")
    told = "\n".join(month_sums(sheet.fines))
    assert "全月只封顶一次：按最后一次违规时的规定 120 元，前面已计 100.00 元），计 20.00 元" in told
    assert sheet.fines.total("leader").low == 60


# ---------------------------------------------------------------- who pays


@pytest.mark.parametrize("role", ["坐席", "本人", "agent", "Agent"])
def test_the_agent_has_several_names_and_is_one(tmp_path: Path, role: str) -> None:
    (rule,) = read(tmp_path / "house", HEAD + TEMPO + f'fine = {{ amount = 20, liable = [{{ role = "{role}", amount = 5 }}] }}\n').rules
    assert rule.fine is not None and rule.fine.liable == (Liability("agent", None, rule.fine.liable[0].amount),)


@pytest.mark.parametrize(("one", "two"), [("班长", "班长"), ("坐席", "agent"), ("leader", "直接领导")])
def test_a_role_that_pays_twice_is_a_fault(tmp_path: Path, one: str, two: str) -> None:
    liable = f'{{ role = "{one}", share = 0.8 }}, {{ role = "{two}", amount = 5 }}'
    text = HEAD + TEMPO + f"fine = {{ amount = 20, liable = [{liable}] }}\n"
    at, cause, _ = only(tmp_path / "house", text)
    assert at == line_of(text, "fine =") and "的 liable 写了两次" in cause and two in cause


def test_keys_are_named_once_where_none_is_near(tmp_path: Path) -> None:
    with pytest.raises(RuleBookError) as caught:
        rude_house(tmp_path / "house", "xyzzy = 1")
    names = caught.value.cure.removeprefix("可用的有：").split("、")
    assert "who" in names and len(names) == len(set(names))
