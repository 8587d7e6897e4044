"""Rules tried on stored calls: what would move and flip, how the measures lie, and that nothing is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from report_pages import Page
from stored_houses import SCRIPT, call, house, save

from qa import rulebook, whatif_view
from qa.checks import Limits, as_check, limits_of, registry
from qa.distribution import Asked, Bin, Line, distribution, limits
from qa.errors import NotFoundError
from qa.rules.book import RuleBook
from qa.rules.measures import MEASURES
from qa.store import Store
from qa.types import Outcome, Role
from qa.whatif import what_if

PASS, FAIL = Outcome.PASS, Outcome.FAIL


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two agents: 8001 with five rings, five rings and two, 8002 with two; three rings are allowed."""
    opened, book = Store(tmp_path / "qa.db"), house(tmp_path / "now")
    for day, (call_id, agent, rings) in enumerate((("A1", "8001", 5), ("A2", "8001", 5), ("A3", "8001", 2), ("B1", "8002", 2)), start=1):
        save(opened, book, call(call_id, f"2025-05-0{day}T10:00:00.000", agent, rings))
    return opened


@pytest.fixture
def stern(tmp_path: Path) -> RuleBook:
    """One ring allowed, a rule more, a rule less, and in force only later."""
    house(tmp_path / "stern", rings=1, effective_from="2099-01-01")
    text = (tmp_path / "stern" / "rules.toml").read_text("utf-8").partition("[checks.volume]")[0]
    more = '[checks.polite]\nkind = "phrase"\ntitle = "祝福"\nclause = "祝福客户。"\nweight = 10\nrequire = ["祝您生活愉快"]\n'
    (tmp_path / "stern" / "rules.toml").write_text(text + more, "utf-8")
    return rulebook.load(tmp_path / "stern")


def _digest(store: Store) -> str:
    tables = store._db.sqlite.table_names()  # iterdump cannot write a full-text table without content; its shadow tables are here
    whole = "\n".join(f"{t}{row}" for t in tables if t != "search_words" for row in store._db.rows(f'select * from "{t}"'))
    return hashlib.sha256(whole.encode()).hexdigest()


def test_scores_agents_and_verdicts_move(store: Store, tmp_path: Path) -> None:
    found = what_if(store, house(tmp_path / "mild", rings=5))
    assert (found.calls, found.failed, found.n, found.before, found.after, found.moved) == (4, 0, 4, 75.0, 100.0, 2)
    assert [(m.call_id, m.agent_id, m.before, m.after) for m in found.moves] == [("A1", "8001", 50.0, 100.0), ("A2", "8001", 50.0, 100.0)]
    agents = [(a.agent_id, a.agent_name, a.n, a.before, a.after, a.moved) for a in found.agents]
    assert agents == [("8002", "坐席8002", 1, 100.0, 100.0, 0), ("8001", "坐席8001", 3, pytest.approx(200 / 3), 100.0, 2)]
    assert found.flipped == 2
    assert [(f.call_id, f.rule_id, f.before, f.after) for f in found.flips] == [("A1", "pickup", FAIL, PASS), ("A2", "pickup", FAIL, PASS)]
    assert [(t.rule_id, t.before, t.after, t.calls) for t in found.turns] == [("pickup", FAIL, PASS, 2)]


def test_rules_that_only_one_book_has_are_counted_but_are_no_flips(store: Store, stern: RuleBook) -> None:
    found = what_if(store, stern)
    assert [(t.rule_id, t.before, t.after, t.calls) for t in found.turns] == [
        ("pickup", PASS, FAIL, 2),
        ("polite", None, FAIL, 4),
        ("volume", PASS, None, 4),
    ]
    assert (found.flipped, {flip.rule_id for flip in found.flips}) == (2, {"pickup"})
    assert (found.before, found.after) == (75.0, 0.0)


def test_nothing_is_written_and_a_period_chooses(store: Store, stern: RuleBook) -> None:
    before = _digest(store)
    found = what_if(store, stern, "2025-05-02", "2025-05-03")
    assert (found.calls, found.since, found.until) == (2, "2025-05-02", "2025-05-03")
    assert _digest(store) == before and store.ledger.versions("house")[-1].hash != stern.content_hash


def test_a_score_lost_or_gained_moves_most(store: Store, tmp_path: Path) -> None:
    unmeasured = '[checks.noise]\nkind = "measure"\ntitle = "噪"\nclause = "噪"\nweight = 90\nmeasure = "snr_db"\nlow = 1\nwho = "customer"'
    quiet = SCRIPT.replace("5-7 我", "5-5.5 我")
    save(store, house(tmp_path / "now"), call("Z", "2025-05-09T10:00:00.000", rings=2, says=quiet))
    found = what_if(store, house(tmp_path / "new", more=unmeasured))
    assert (found.moves[0].call_id, found.moves[0].after) == ("Z", None)
    (agent,) = [a for a in found.agents if a.agent_id == "8001"]
    assert (agent.lost, agent.gained, agent.n, agent.moved) == (1, 0, 3, 3)


# ---------------------------------------------------------------- distributions


def test_every_limit_of_a_rule_book_is_found(tmp_path: Path) -> None:
    more = (
        "min_dbov = -40\nmax_dbov = -12\n"
        '[[checks.volume.variants]]\nwhen = { direction = "out" }\nmax_dbov = -10\n'
        '[checks.speech_rate]\nclause = "x"\n'
        '[checks.lively]\nkind = "measure"\ntitle = "语调"\nclause = "x"\nmeasure = "rate_cpm"\nwho = "customer"\nlow = 90\n'
        'trigger = "noisy"\n[conditions.noisy]\nmeasure = "snr_db"\nhigh = 15\n'
    )
    found = limits(house(tmp_path / "a", more=more), "wait_s", 10)
    assert found == (
        Asked("wait_s", Role.AGENT, (Line(10.0, "", ()),)),
        Asked("rings", Role.AGENT, (Line(3.0, "high", ("三声铃响内接听",)),)),
        Asked("level_dbov", Role.AGENT, (Line(-40.0, "low", ("音量",)), Line(-12.0, "high", ("音量",)), Line(-10.0, "high", ("音量",)))),
        Asked("rate_cpm", Role.AGENT, (Line(140.0, "low", ("语速",)), Line(200.0, "high", ("语速",)))),
        Asked("rate_cpm", Role.CUSTOMER, (Line(90.0, "low", ("语调",)),)),
        Asked("snr_db", Role.AGENT, (Line(15.0, "high", ("noisy",)),)),
    )


def test_a_check_says_itself_which_measures_it_limits(tmp_path: Path) -> None:
    """Somebody's own check file needs no edit elsewhere."""

    @dataclass(frozen=True)
    class Params:
        longest_s: float = 30.0

    own: Any = ModuleType("own", "自己的检查")
    own.TITLE, own.TITLE_EN, own.Params, own.EXAMPLES = "时长", "Length", Params, ("x",)
    own.run, own.LIMITS = (lambda call, params: iter(())), (Limits("duration_s", high="longest_s"),)
    (tmp_path / "rules.toml").write_text(
        '[profile]\nid = "a"\ntitle = "a"\nversion = "1"\n[checks.own]\nclause = "x"\nlongest_s = 90\n', "utf-8"
    )
    book = rulebook.load(tmp_path, {"own": as_check(own)})
    assert limits(book) == (Asked("duration_s", Role.AGENT, (Line(90.0, "high", ("时长",)),)),)
    own.LIMITS = (Limits("duration_s", "shortest_s", "longest_s"),)
    with pytest.raises(TypeError, match="LIMITS names no parameter: shortest_s"):
        as_check(own)


def test_every_check_of_the_program_limits_measures_that_there_are() -> None:
    declared = {check_id: limits_of(module) for check_id, module in registry().items() if limits_of(module)}
    assert set(declared) == {"pickup", "speech_rate", "volume"}
    assert {one.measure for found in declared.values() for one in found} <= set(MEASURES)


def test_a_measure_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    book = house(tmp_path / "a")
    with pytest.raises(NotFoundError, match=r"rate_cmp: 没有这个指标。是否想写 rate_cpm"):
        limits(book, "rate_cmp")
    with pytest.raises(NotFoundError, match="哪个指标的限值"):
        limits(book, None, 3.0)


def test_bins_hold_every_value_once_and_limits_count_strictly() -> None:
    values = [139.9, 140.0, 150.0, 200.0, 200.1, 240.0]
    found = distribution(Asked("rate_cpm", Role.AGENT, (Line(140.0, "low", ("a",)), Line(200.0, "high", ("a",)))), values, 2)
    assert [(line.below, line.above) for line in found.lines] == [(1, 4), (3, 2)]
    assert sum(b.n for b in found.bins) == found.values == 6 and found.missing == 2
    assert all(b.n == sum(b.low <= v < b.high for v in values) for b in found.bins)
    assert [(a.high, b.low) for a, b in zip(found.bins, found.bins[1:], strict=False) if a.high != b.low] == []
    assert any(b.low == 140.0 for b in found.bins) and any(b.low == 200.0 for b in found.bins)
    assert (found.p5, found.median, found.p95) == (139.9, 150.0, 240.0)


@pytest.mark.parametrize(
    ("values", "low", "high", "outside"),
    [
        ([3.0] * 5, 3.0, 4.0, (0, 0)),  # all the same
        ([float(v) for v in range(1000)] + [1e6], 0.0, 1000.0, (0, 1)),  # one wild value does not squeeze the others
        ([0.1 * v for v in range(30)], 0.0, 3.0, (0, 0)),
    ],
)
def test_bins_cover_the_bulk(values: list[float], low: float, high: float, outside: tuple[int, int]) -> None:
    found = distribution(Asked("duration_s" if max(values) < 3 else "rings", Role.AGENT, ()), values, 0)
    assert (found.bins[0].low, found.bins[-1].high, found.outside) == (low, high, outside)
    assert sum(b.n for b in found.bins) == len(values) and len(found.bins) <= 24


def test_without_values_there_is_no_histogram() -> None:
    found = distribution(Asked("rings", Role.AGENT, (Line(3.0, "high", ("a",)),)), [], 4)
    assert (found.bins, found.median, found.missing) == ((), None, 4)
    assert whatif_view.figures_text(found) == "没有一通测得出，另有 4 通测不出"
    assert whatif_view.line_text(found.lines[0], found) == "上限 3（a）：高于它的 0 通（—）"


def test_the_stored_calls_are_measured(store: Store, tmp_path: Path) -> None:
    found = {one.measure: one for one in what_if(store, house(tmp_path / "mild", rings=4), None, None, "wait_s", 6).distributions}
    assert (found["rings"].values, found["rings"].bins[0], found["rings"].bins[-1]) == (4, Bin(2.0, 3.0, 2), Bin(5.0, 6.0, 2))
    assert [(line.value, line.below, line.above) for line in found["rings"].lines] == [(4.0, 2, 2)]
    assert [(line.below, line.above) for line in found["wait_s"].lines] == [(0, 2)]
    rows = [(row.label, row.n, row.outside, row.marks) for row in whatif_view.bin_rows(found["rings"])]
    assert rows == [("2", 2, False, ()), ("3", 0, False, ()), ("4", 0, False, ("上限 4",)), ("5", 2, True, ())]


# ---------------------------------------------------------------- views


def test_the_page_is_whole_and_keeps_numbers_to_itself(store: Store, tmp_path: Path) -> None:
    book = house(tmp_path / "mild", rings=5)
    save(store, house(tmp_path / "now"), call("13812345678-<b>", "2025-05-09T10:00:00.000", "8002"))
    found = what_if(store, book)
    html = whatif_view.page(found, now=datetime(2025, 7, 1))
    page = Page(html)
    assert [address for name in ("src", "href") for address in page.values(name) if not address.startswith(("data:", "#"))] == []
    assert "13812345678" not in html and "138****5678-<b>" in page.text and "<b>&" not in html
    assert "平均分 70 → 100（+30，n = 5）" in page.text and "2025-07-01" in page.text
    assert f"house {book.stamp}" in page.text and "上限 5（三声铃响内接听）：高于它的 0 通（0.0%）" in page.text
    assert len(page.all("rect")) == sum(len(one.bins) for one in found.distributions)


def test_json_masks_numbers_too(store: Store, tmp_path: Path) -> None:
    save(store, house(tmp_path / "now"), call("13812345678", "2025-05-09T10:00:00.000", "8002"))
    whole = whatif_view.as_json(what_if(store, house(tmp_path / "mild", rings=5)))
    assert "13812345678" not in str(whole)
    assert [move["call_id"] for move in whole["moves"]] == ["A1", "A2", "138****5678"]
    assert whole["flips"][0] == {"call_id": "A1", "rule_id": "pickup", "title": "三声铃响内接听", "before": "fail", "after": "pass"}


@pytest.mark.parametrize(("change", "text"), [(0.04, "0"), (1.46, "+1.5"), (-0.3, "−0.3"), (-30.0, "−30"), (0.0, "0")])
def test_changes_carry_their_sign(change: float, text: str) -> None:
    assert whatif_view.signed(change) == text
