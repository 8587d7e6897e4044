"""Stored calls judged again: by the version of their day, without recordings, page by page, and nothing lost on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from stored_houses import SCRIPT, call, house, save

from qa import ledger_calls, pipeline, rescore
from qa.cli_rescore import score_lines
from qa.errors import StoreError
from qa.records import Part
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Call, CallRecord, Outcome

DAYS = ("2025-05-10", "2025-05-31", "2025-06-01", "2025-06-20")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


@pytest.fixture
def book(tmp_path: Path) -> RuleBook:
    return house(tmp_path / "old")


@pytest.fixture
def filled(store: Store, book: RuleBook) -> Store:
    """A call with five rings on each of four days, one with two rings, one at an unknown time (no score: nobody knows
    how often it rang)."""
    for day in DAYS:
        save(store, book, call(f"C{day[5:]}", f"{day}T10:00:00.000"))
    save(store, book, call("GOOD", "2025-06-02T10:00:00.000", rings=2))
    save(store, book, call("UNKNOWN", None))
    return store


def _percents(store: Store) -> dict[str, float | None]:
    return {row.call_id: row.percent for row in store.calls()}


def test_the_same_rules_change_nothing(filled: Store, book: RuleBook) -> None:
    before = filled._db.rows("select count(*) as n from scorecards")
    found = rescore.rescore(filled, book)
    assert (found.rescored, found.changed, found.proposed, found.unchanged, found.failed, found.others) == (6, 0, 0, 6, 0, 0)
    assert found.versions == ((book.stamp, 6),) and found.moved == ()
    assert filled._db.rows("select count(*) as n from scorecards") == before


def test_each_day_has_its_version_and_closed_months_only_proposals(filled: Store, book: RuleBook, tmp_path: Path) -> None:
    filled.ledger.close_month("2025-06", "张三")
    until = house(tmp_path / "until", version='"1b"', effective_until="2025-05-30")
    filled.ledger.register(until)
    new = house(tmp_path / "new", rings=5, version='"2"', effective_from="2025-05-31")
    found = rescore.rescore(filled, new)
    assert (found.rescored, found.changed, found.proposed, found.unchanged) == (6, 1, 2, 3)
    assert dict(found.versions) == {until.stamp: 1, new.stamp: 5}
    assert [(m.call_id, m.before, m.after, m.proposed) for m in found.moved] == [
        ("C05-31", 50.0, 100.0, False),
        ("C06-01", 50.0, 100.0, True),
        ("C06-20", 50.0, 100.0, True),
    ]
    percents = {"C05-10": 50.0, "C05-31": 100.0, "C06-01": 50.0, "GOOD": 100.0, "C06-20": 50.0, "UNKNOWN": None}
    assert _percents(filled) == percents
    again = rescore.rescore(filled, new)
    assert (again.changed, again.proposed, again.unchanged) == (0, 2, 4)
    filled.adjust("C06-20", "李四", "按新规则")
    last = rescore.rescore(filled, new)
    assert (last.changed, last.proposed, last.unchanged) == (0, 1, 5)
    assert _percents(filled) == percents | {"C06-20": 100.0}


def test_old_results_stay_and_say_their_version(filled: Store, book: RuleBook, tmp_path: Path) -> None:
    new = house(tmp_path / "new", rings=5)
    rescore.rescore(filled, new)
    history = filled.history("C05-10")
    assert [(kept.scorecard.percent, kept.scorecard.provenance.rule_book_version) for kept in history] == [
        (50.0, book.stamp),
        (100.0, new.stamp),
    ]
    assert filled.call("C05-10") == call("C05-10", "2025-05-10T10:00:00.000")


def test_a_period_chooses_the_calls(filled: Store, tmp_path: Path) -> None:
    found = rescore.rescore(filled, house(tmp_path / "new", rings=5), "2025-05-31", "2025-06-01")
    assert [m.call_id for m in found.moved] == ["C05-31", "C06-01"] and found.rescored == 2
    with pytest.raises(StoreError, match="终点早于起点"):
        rescore.rescore(filled, house(tmp_path / "new"), "2025-06-01", "2025-05-01")


def test_pages_and_batches_miss_nothing_and_repeat_nothing(filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":  # three calls of one moment
        save(filled, house(tmp_path / "old"), call(name, "2025-06-01T10:00:00.000"))
        save(filled, house(tmp_path / "old"), call(f"late {name}", None))
    monkeypatch.setattr(ledger_calls, "PAGE", 2)
    order = [stored.call_id for stored in filled.stored_calls()]
    dated = ["C05-10", "C05-31", "C06-01", "a", "b", "c", "GOOD", "C06-20"]
    assert order == [*dated, "UNKNOWN", "late a", "late b", "late c"]
    assert [stored.call_id for stored in filled.stored_calls(until="2025-06-01")] == dated[:6]
    assert [stored.call_id for stored in filled.stored_calls(since="2025-06-01")] == dated[2:]
    monkeypatch.setattr(rescore, "BATCH", 5)
    told: list[int] = []
    found = rescore.rescore(filled, house(tmp_path / "new", rings=5), progress=told.append)
    assert (found.rescored, found.changed, told) == (12, 7, [5, 10])
    assert set(_percents(filled).values()) == {100.0, None}


def test_a_damaged_call_is_told_and_the_others_go_on(filled: Store, tmp_path: Path) -> None:
    save(filled, house(tmp_path / "old"), call("BROKEN", "2025-05-20T10:00:00.000", says=SCRIPT + "\n客户 13-14 再见。"))
    digests = filled._db.rows("select snapshot from scorecards where call_id = 'BROKEN'")
    others = filled._db.rows("select snapshot from scorecards where call_id <> 'BROKEN'")
    blobs = filled._db.rows("select digest, payload from blobs")
    own = (row for row in blobs if row["digest"].encode() in digests[0]["snapshot"])
    (digest,) = (row["digest"] for row in own if "再".encode() in row["payload"])
    assert all(digest.encode() not in row["snapshot"] for row in others)
    filled._db.sqlite.execute("update blobs set payload = x'00' where digest = ?", (digest,))
    filled._db.sqlite.commit()
    found = rescore.rescore(filled, house(tmp_path / "new", rings=5))
    assert (found.rescored, found.failed, found.changed) == (6, 1, 4)
    assert [(error.subject, "损坏" in error.cause) for error in found.errors] == [("BROKEN", True)]


def test_calls_of_another_house_are_counted(filled: Store, tmp_path: Path) -> None:
    other = house(tmp_path / "other", house_id="other")
    found = rescore.rescore(filled, other)
    assert (found.others, found.rescored, found.versions) == (6, 0, ())
    assert {row.provenance.rule_book for row in filled.calls()} == {"house"}
    found = rescore.rescore(filled, other, all_houses=True)
    assert (found.others, found.changed, found.unchanged) == (6, 0, 6)
    assert {row.provenance.rule_book for row in filled.calls()} == {"other"}


# ---------------------------------------------------------------- warnings first

WARNING = "deduction = 20\nwarn_first = 1"


def _lost(store: Store) -> dict[str, float]:
    """What the pickup cost in each call."""
    return {row.call_id: row.checks[0].weight - (row.checks[0].points or 0.0) for row in store.calls()}


def test_first_warnings_run_through_the_month_and_not_beyond(store: Store, tmp_path: Path) -> None:
    old = house(tmp_path / "old", worth="deduction = 20")
    calls = [
        ("A1", "2025-05-02", "8001"), ("B1", "2025-05-03", "8002"), ("A2", "2025-05-09", "8001"), ("A3", "2025-05-30", "8001"),
        ("A4", "2025-06-01", "8001"), ("A5", "2025-06-02", "8001"),
    ]  # fmt: skip
    for call_id, day, agent in calls:
        save(store, old, call(call_id, f"{day}T10:00:00.000", agent))
    new = house(tmp_path / "new", worth=WARNING)
    rescore.rescore(store, new)
    assert _lost(store) == {"A1": 0.0, "B1": 0.0, "A2": 20.0, "A3": 20.0, "A4": 0.0, "A5": 20.0}


def test_a_period_that_begins_within_a_month_knows_what_came_before(store: Store, tmp_path: Path) -> None:
    new = house(tmp_path / "new", worth=WARNING)
    for call_id, day, rings in (("A1", "02", 2), ("A2", "03", 5), ("A3", "20", 5)):
        save(store, new, call(call_id, f"2025-05-{day}T10:00:00.000", rings=rings))
    assert _lost(store) == {"A1": 0.0, "A2": 0.0, "A3": 20.0}
    found = rescore.rescore(store, new, since="2025-05-10")
    assert (found.rescored, found.changed) == (1, 0)
    mild = house(tmp_path / "mild", worth=WARNING, rings=5)
    rescore.rescore(store, mild, until="2025-05-10")
    assert rescore.rescore(store, new, since="2025-05-10").changed == 1  # the earlier breach is one no more
    assert _lost(store)["A3"] == 0.0


def test_a_late_recording_of_the_month_takes_the_warning_at_the_next_rescore(store: Store, tmp_path: Path) -> None:
    new = house(tmp_path / "new", worth=WARNING)
    save(store, new, call("A2", "2025-05-20T10:00:00.000"))
    save(store, new, call("A1", "2025-05-02T10:00:00.000"))
    assert _lost(store) == {"A1": 0.0, "A2": 0.0}
    assert rescore.rescore(store, new).changed == 1
    assert _lost(store) == {"A1": 0.0, "A2": 20.0}


def test_a_call_keeps_its_number_whatever_its_file_is_called(store: Store, book: RuleBook) -> None:
    of = replace(call("x"), record=None)
    save(store, book, of)
    (stored,) = store.stored_calls()
    store._db.sqlite.execute("update calls set file = '/nowhere/renamed.wav'")
    store._db.sqlite.commit()
    assert stored.call_id.startswith("x@")
    (judged,) = rescore.judge_again(store, lambda day: book)
    assert judged.card is not None and judged.card.call_id == stored.call_id
    pickup = judged.card.result("pickup")
    assert pickup is not None and pickup.outcome is Outcome.INCONCLUSIVE


# ---------------------------------------------------------------- the same for recordings


def test_a_recording_is_scored_by_the_version_of_its_day(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what the recogniser is told: the proper names of that version.  The stages are stood in for; the scorer is the real one."""
    names = '[slots]\ncompany = ["{}"]\n'
    old = house(tmp_path / "old", more=names.format("旧名"), effective_until="2025-05-31")
    new = house(tmp_path / "new", rings=5, more=names.format("新名"), version='"2"', effective_from="2025-06-01")
    store.ledger.register(old)
    store.ledger.close_month("2025-06", "张三")
    told: list[tuple[str, ...]] = []

    class Stages:
        recognised = False

        def __init__(self, path: Path, store: Store, recogniser: object, name: str, hotwords: tuple[str, ...], *_: object, **__: object):
            self.path = path
            told.append(hotwords)

        def call(self, record: CallRecord | None) -> Call:
            return call(self.path.stem, record.start if record else None)

    rows = {name: call(name, f"{day}T10:00:00.000").record for name, day in (("A", "2025-05-31"), ("B", "2025-06-01"))}
    monkeypatch.setattr(pipeline, "Stages", Stages)
    monkeypatch.setattr(pipeline.models, "locate", lambda choice: SimpleNamespace(name="demo", fingerprint="0", demo=True))
    table = SimpleNamespace(for_file=lambda path: rows[path.stem], parts_of=lambda path, duration_ms: (Part(rows[path.stem]),))
    results = pipeline.score_files([Path("A.wav"), Path("B.wav")], store=store, book=new, table=table)  # type: ignore[arg-type]
    assert [result.error for result in results] == [None, None]
    assert told == [("旧名",), ("新名",)]
    found = [(r.scorecard.percent, r.scorecard.provenance.rule_book_version, r.proposed) for r in results if r.scorecard]
    assert found == [(50.0, old.stamp, False), (100.0, new.stamp, True)]
    lines = score_lines(results)
    assert lines[0] == f"所用规则书：house {old.stamp}（1 通）；house {new.stamp}（1 通）"
    assert lines[1].startswith("1 通属于已关账的月份")
    (trial,) = pipeline.score_files([Path("A.wav")], store=store, book=new, table=table, by_day=False)  # type: ignore[arg-type]
    assert trial.scorecard is not None and trial.scorecard.provenance.rule_book_version == new.stamp
