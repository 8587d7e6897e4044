"""A corrected record is one decision: a recording counts once at every moment, whichever side of it waits for a person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from commands import Run
from rude_houses import FINE, WARNS, rude_call, rude_house

from qa import scoring
from qa.errors import StoreError
from qa.ledger_closing import close_month, decide
from qa.rescore import day_of, judge, recount
from qa.review import reviews
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Call


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "t.db")


@pytest.fixture
def fined(tmp_path: Path) -> RuleBook:
    return rude_house(tmp_path / "fined", FINE)


@pytest.fixture
def warned(tmp_path: Path) -> RuleBook:
    return rude_house(tmp_path / "warned", WARNS)


def told(recording: str, call_id: str, day: str, agent: str = "8001") -> Call:
    """A recording as its record tells it."""
    of = rude_call(recording, day, agent=agent)
    assert of.record is not None
    return replace(of, record=replace(of.record, call_id=call_id))


def scored(store: Store, book: RuleBook, of: Call, gives: dict[str, str] | None = None) -> None:
    """As ``qa score`` does; ``gives``: the call of each place by the present records."""
    store.ledger.register(book)
    path, sha256, call_id = Path(of.audio.path), of.audio.sha256, scoring.call_id(of)
    own = [row["call_id"] for row in store.withdrawals.known(path, sha256).same if row["call_id"] != call_id]
    card = judge(of, book, store.earlier(own))
    store.record(of, card, released=lambda row: (gives or {}).get(row["file"], row["call_id"]) != row["call_id"])
    moved = store.withdrawals.settle(path, sha256, [call_id], of.record is not None)
    day = day_of(of.record)
    recount(store, {(card.agent_id, f"{day:%Y-%m}")} | {(one.agent_id, one.month) for one in moved})


def counted(store: Store) -> list[str]:
    return sorted(row.call_id for row in store.calls())


def decisions(store: Store) -> int:
    return len(store.db.rows("select id from withdrawals")) + len(store.db.rows("select id from scorecards"))


CORRECTIONS = [("05-01", "05-01", "2025-05"), ("05-01", "06-01", "2025-05"), ("06-01", "05-01", "2025-05"), ("05-01", "06-01", "both")]


@pytest.mark.parametrize(("was", "now", "closed"), CORRECTIONS)
@pytest.mark.parametrize("asked", ["C5", "C7"])
def test_a_corrected_id_counts_once_before_and_after_either_side_is_accepted(
    store: Store, fined: RuleBook, was: str, now: str, closed: str, asked: str
) -> None:
    scored(store, fined, told("a", "C5", was))
    for month in ("2025-05", "2025-06") if closed == "both" else (closed,):
        close_month(store, month, "主管")
    for _ in range(2):
        scored(store, fined, told("a", "C7", now))
        assert counted(store) == ["C5"]
    before = decisions(store)
    scored(store, fined, told("a", "C7", now))
    assert decisions(store) == before
    withdrawn, made = decide(store, [asked], "主管", "编号更正")
    assert {one.call_id for one in (*withdrawn, *made)} == {"C5", "C7"}
    assert counted(store) == ["C7"]
    scored(store, fined, told("a", "C7", now))
    assert counted(store) == ["C7"] and store.withdrawals.pending("C5") is None
    with pytest.raises(StoreError, match=r"没有待批准|已经有效"):
        decide(store, ["C7"], "主管", "再来")


@pytest.mark.parametrize(("was", "now", "closed"), CORRECTIONS)
def test_a_correction_that_is_taken_back_leaves_nothing_to_decide(store: Store, fined: RuleBook, was: str, now: str, closed: str) -> None:
    scored(store, fined, told("a", "C5", was))
    for month in ("2025-05", "2025-06") if closed == "both" else (closed,):
        close_month(store, month, "主管")
    scored(store, fined, told("a", "C7", now))
    scored(store, fined, told("a", "C5", was))
    assert counted(store) == ["C5"] and store.withdrawals.waiting("2025-05") == ()
    assert sum(month.proposals for month in store.ledger.closed_months()) == 0
    standing = store.withdrawals.standing("C7")
    assert standing is not None and not standing.held
    before = decisions(store)
    scored(store, fined, told("a", "C5", was))
    assert decisions(store) == before


def test_the_fine_is_charged_once_all_the_way(qa: Run, store: Store, fined: RuleBook) -> None:
    scored(store, fined, told("a", "C5", "05-01"))
    close_month(store, "2025-05", "主管")
    scored(store, fined, told("a", "C7", "05-01"))
    done = qa("adjust", "C7", "--by", "主管", "--reason", "编号更正", "--db", "t.db")
    assert done.code == 0 and "一并批准：C5" in done.out and counted(store) == ["C7"]
    sheets = store.ledger.sheets("8001", "2025-05")
    assert [float(sheet.totals[0][1].low) for sheet in (sheets[0], sheets[-1])] == [50, 50]
    assert qa("months", "list", "--db", "t.db", "--json").json[0]["withdrawals"] == 0


def test_the_month_is_accepted_with_both_sides(qa: Run, store: Store, fined: RuleBook) -> None:
    scored(store, fined, told("a", "C6", "06-01"))
    close_month(store, "2025-05", "主管")
    scored(store, fined, told("a", "C5", "05-01"))
    refused = qa("adjust", "--month", "2025-05", "--by", "主管", "--reason", "日期更正", "--db", "t.db")
    assert refused.code == 2 and "没有人确认过的罚款" in refused.err and counted(store) == ["C6"]
    reviews.finish(store, "C5", "质检")  # the fine is new in May: a person answers for it first
    done = qa("adjust", "--month", "2025-05", "--by", "主管", "--reason", "日期更正", "--db", "t.db", "--json")
    assert len(done.json) == 2 and counted(store) == ["C5"]


def test_one_call_alone_is_told_with_what_was_decided_together(qa: Run, store: Store, fined: RuleBook) -> None:
    scored(store, fined, told("a", "C5", "05-01"))
    close_month(store, "2025-05", "主管")
    scored(store, fined, told("a", "C7", "05-01"))
    done = qa("adjust", "C5", "--by", "主管", "--reason", "编号更正", "--db", "t.db", "--json").json
    assert done["withdrawal"]["call_id"] == "C5" and done["together"][0]["adjustment"]["call_id"] == "C7"


def test_a_recording_is_never_its_own_first_warning(store: Store, warned: RuleBook) -> None:
    scored(store, warned, told("a", "C5", "05-01"))
    scored(store, warned, told("b", "D", "05-02"))
    assert {row.call_id: row.percent for row in store.calls()} == {"C5": 100, "D": 90}
    close_month(store, "2025-05", "主管")
    scored(store, warned, told("a", "C7", "05-01"))
    assert [kept.scorecard.percent for kept in store.history("C7")] == [100] and len(store.history("D")) == 1
    decide(store, ["C5"], "主管", "编号更正")
    assert {row.call_id: row.percent for row in store.calls()} == {"C7": 100, "D": 90}


# ---------------------------------------------------------------- an id that goes over to another recording

WRONG, RIGHT = {"a": "C2", "b": "C3"}, {"a": "C1", "b": "C2"}
SWAPPED = {"a": "C2", "b": "C1"}


def table(of: dict[str, str]) -> dict[str, str]:
    return {f"/nowhere/{recording}.wav": call_id for recording, call_id in of.items()}


@pytest.mark.parametrize("wrong", [WRONG, SWAPPED])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_swapped_and_shifted_rows_are_corrected_in_any_order(store: Store, fined: RuleBook, wrong: dict[str, str], order: str) -> None:
    for recordings in (wrong, RIGHT, wrong, RIGHT):
        for recording in order:
            scored(store, fined, told(recording, recordings[recording], "06-01"), table(recordings))
        now = {row.call_id: Path(row.file).stem for row in store.calls()}
        assert now == {call_id: recording for recording, call_id in recordings.items()}
    before = decisions(store)
    for recording in order:
        scored(store, fined, told(recording, RIGHT[recording], "06-01"), table(RIGHT))
    assert decisions(store) == before
    assert len({kept.scorecard.provenance.file_sha256 for kept in store.history("C2")}) == 2


@pytest.mark.parametrize("wrong", [WRONG, SWAPPED])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_in_a_closed_month_they_are_one_decision(store: Store, fined: RuleBook, wrong: dict[str, str], order: str) -> None:
    for recording in order:
        scored(store, fined, told(recording, wrong[recording], "05-01"), table(wrong))
    close_month(store, "2025-05", "主管")
    for _ in range(2):
        for recording in order:
            scored(store, fined, told(recording, RIGHT[recording], "05-01"), table(RIGHT))
        assert counted(store) == sorted(wrong.values())
    before = decisions(store)
    for recording in order:
        scored(store, fined, told(recording, RIGHT[recording], "05-01"), table(RIGHT))
    assert decisions(store) == before
    decide(store, ["C2"], "主管", "两行写反了")
    assert {row.call_id: Path(row.file).stem for row in store.calls()} == {"C1": "a", "C2": "b"}
    assert store.withdrawals.waiting("2025-05") == () and store.ledger.closed_months()[0].proposals == 0


def test_an_id_that_nobody_gave_up_stays_with_its_recording(store: Store, fined: RuleBook) -> None:
    scored(store, fined, told("a", "C1", "06-01"))
    with pytest.raises(StoreError, match="已属于另一个录音"):
        scored(store, fined, told("b", "C1", "06-01"), {"/nowhere/a.wav": "C1"})


@pytest.mark.parametrize("month", ["05-01", "06-01"])
def test_what_was_called_grave_stays_with_the_recording(store: Store, tmp_path: Path, month: str) -> None:
    book = rude_house(tmp_path / "grave", "fine = { amount = 50, grave = [2, 5] }")
    for recording in "ab":
        scored(store, book, told(recording, SWAPPED[recording], month), table(SWAPPED))
    store.mark_grave("C2", "rude", "主管", "当众辱骂")
    close_month(store, "2025-05", "主管")
    for recording in "ab":
        scored(store, book, told(recording, RIGHT[recording], month), table(RIGHT))
    if month == "05-01":
        assert [mark.grave for mark in store.marks("C2")] == [True]
        decide(store, ["C1"], "主管", "两行写反了")
    assert [(mark.grave, mark.by) for mark in store.marks("C2")] == [(True, "主管"), (False, "qa")]
    assert "b.wav" in store.marks("C2")[-1].reason
