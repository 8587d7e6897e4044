"""Records corrected after recordings were moved, ids given again, months closed: every recording counts once, for the call that it is."""

from __future__ import annotations

import os
import random

import pytest
from corrected_days import SILENT, Days, days, put, row

from qa.errors import StoreError, TakenError
from qa.ledger_closing import close_month, decide, decide_month
from qa.withdrawals import Withdrawals

__all__ = ["days"]


def errors(found: list[object]) -> list[object]:
    return [one.error for one in found if one.error is not None]  # type: ignore[attr-defined]


# ---------------------------------------------------------------- whose id it is


def test_an_id_given_again_on_another_day_takes_no_call_away(days: Days) -> None:
    place = put(days.here / "d" / "0001.wav", b"one")
    days.run([row("0001.wav", "1", "8001")])
    put(place, b"two")
    put(days.here / "d" / "0002.wav", b"three")
    found = days.run([row("0001.wav", "2", "8002", "05-02"), row("0002.wav", "1", "8003", "05-02")])
    assert [type(one) for one in errors(found)] == [TakenError]
    assert days.counted() == {"1": "gone", "2": "two"} and [one.agent_id for one in days.store.agents()] == ["8001", "8002"]


def test_a_file_that_is_gone_frees_no_id_by_its_name(days: Days) -> None:
    place = put(days.here / "d" / "0001.wav", b"one")
    days.run([row("0001.wav", "1", "8001")])
    place.unlink()
    put(days.here / "d" / "0002.wav", b"three")
    days.run([row("0001.wav", "2", "8002", "05-02"), row("0002.wav", "1", "8003", "05-02")])
    assert days.counted() == {"1": "gone"}


@pytest.mark.parametrize("how", ["folder", "names"])
@pytest.mark.parametrize("turned", [False, True])
def test_swapped_rows_are_corrected_after_the_files_were_moved(days: Days, how: str, turned: bool) -> None:
    put(days.here / "d" / "a.wav", b"a")
    put(days.here / "d" / "b.wav", b"b")
    days.run([row("a.wav", "C1"), row("b.wav", "C2", "8002", hour=9)])
    folder, names = "d", ("a.wav", "b.wav")
    if how == "folder":
        (days.here / "d").rename(days.here / "arch")
        folder = "arch"
    else:
        names = ("y.wav", "x.wav") if turned else ("x.wav", "y.wav")
        for old, new in zip(("a.wav", "b.wav"), names, strict=True):
            (days.here / "d" / old).rename(days.here / "d" / new)
    hours = (9, 8) if turned else (8, 9)
    now = [row(names[0], "C2", "8002", hour=hours[0]), row(names[1], "C1", hour=hours[1])]
    assert errors(days.run(now, folder)) == [] and days.counted() == {"C1": "b", "C2": "a"}
    before = days.written()
    assert errors(days.run(now, folder)) == [] and days.written() == before


def test_ids_handed_on_in_a_ring_of_renamed_files(days: Days) -> None:
    rng = random.Random(7)
    for name in "abcd":
        put(days.here / "d" / f"{name}.wav", name.encode())
    days.run([row(f"{name}.wav", f"C{name}") for name in "abcd"])
    for name in "abcd":
        (days.here / "d" / f"{name}.wav").rename(days.here / "d" / f"{name}{name}.wav")
    hours = rng.sample(range(8, 12), 4)
    now = [row(f"{one}{one}.wav", f"C{other}", hour=hour) for one, other, hour in zip("abcd", "bcda", hours, strict=True)]
    assert errors(days.run(now)) == [] and days.counted() == {"Cb": "a", "Cc": "b", "Cd": "c", "Ca": "d"}


# ---------------------------------------------------------------- the same recording


def test_a_silent_recording_that_was_renamed_loses_no_call(days: Days) -> None:
    put(days.here / "d" / "a.wav", b"a")
    put(days.here / "d" / "b.wav", SILENT)
    days.run([row("a.wav", "C1"), row("b.wav", "C2")])
    (days.here / "d" / "b.wav").rename(days.here / "d" / "e.wav")
    for _ in range(2):
        assert errors(days.run([row("a.wav", "C2"), row("e.wav", "C3")])) == []
        assert days.counted() == {"C2": "a", "C3": "silence"}


def test_a_silent_recording_renamed_under_a_new_id_counts_once(days: Days) -> None:
    put(days.here / "d" / "b.wav", SILENT)
    days.run([row("b.wav", "C2")])
    (days.here / "d" / "b.wav").rename(days.here / "d" / "e.wav")
    days.run([row("e.wav", "C3")])
    assert days.counted() == {"C3": "silence"}


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_with_a_row_of_its_own_is_a_call_of_its_own_run_after_run(days: Days, link: object) -> None:
    place = put(days.here / "d" / "a.wav", b"a")
    link(place, days.here / "d" / "b.wav")  # type: ignore[operator]
    rows = [row("a.wav", "C1"), row("b.wav", "C2", "8002", hour=9)]
    days.run(rows)
    before = days.written()
    for _ in range(2):
        days.run(rows)
        assert days.counted() == {"C1": "a", "C2": "a"} and days.written() == before


def test_cut_off_before_it_is_settled_nothing_is_kept(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    put(days.here / "d" / "a.wav", b"a")
    days.run([row("a.wav", "C1")])

    class Killed(BaseException):
        pass

    def killed(*of: object, **more: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Withdrawals, "settle", killed)
        with pytest.raises(Killed):
            days.run([row("a.wav", "C2", "8002")])
    assert days.counted() == {"C1": "a"}
    days.run([row("a.wav", "C2", "8002")])
    assert days.counted() == {"C2": "a"}


# ---------------------------------------------------------------- a person decides


def test_what_a_person_took_out_stays_out_until_the_record_or_the_recording_changes(days: Days) -> None:
    put(days.here / "d" / "a.wav", b"a")
    days.run([row("a.wav", "C1")])
    days.store.withdrawals.by_person(["C1"], False, "王强", "录错了")
    (again,) = days.run([row("a.wav", "C1")])
    assert days.counted() == {} and ["照旧不计" in str(one.withdrawal) for one in again.withdrawn] == [True]
    days.run([row("a.wav", "C1", hour=9)])
    assert days.counted() == {"C1": "a"}


# ---------------------------------------------------------------- closed months


def test_a_recording_counts_once_in_a_closed_and_an_open_month(days: Days) -> None:
    put(days.here / "d" / "a.wav", b"a")
    put(days.here / "d" / "b.wav", b"b")
    days.run([row("a.wav", "C1"), row("b.wav", "C2", hour=9)])
    days.close()
    now = [row("a.wav", "C2"), row("b.wav", "C9", day="06-01")]
    for _ in range(2):
        days.run(now)
        assert days.counted() == {"C1": "a", "C2": "b"}
    decide_month(days.store, "2025-05", "李四", "话单更正")
    assert days.counted() == {"C2": "a", "C9": "b"}


def test_what_would_come_into_a_closed_month_is_told_listed_and_decided_there(days: Days) -> None:
    put(days.here / "d" / "a.wav", b"a")
    days.close()
    days.run([row("a.wav", "C1", day="06-01", hour=0)])
    (found,) = days.run([row("a.wav", "C1", day="05-31", hour=23)])
    assert found.proposed and "月份由 2025-06 改为 2025-05" in str(found.withdrawn[0].withdrawal)
    assert [month.proposals for month in days.store.ledger.closed_months()] == [1]
    with pytest.raises(StoreError, match=r"2025-06: 有通话按更正后的记录牵涉已关账的月份.*C1"):
        close_month(days.store, "2025-06", "王")
    _, made = decide_month(days.store, "2025-05", "李四", "跨午夜")
    assert [one.call_id for one in made] == ["C1"] and (days.store.calls()[0].started or "").startswith("2025-05-31")
    assert [month.proposals for month in days.store.ledger.closed_months()] == [0]
    close_month(days.store, "2025-06", "王")


def test_two_that_move_into_a_closed_month_are_one_decision(days: Days) -> None:
    put(days.here / "d" / "a.wav", b"a")
    put(days.here / "d" / "c.wav", b"c")
    days.close()
    days.run([row("a.wav", "C3", day="06-01"), row("c.wav", "C4", day="06-01", hour=9)])
    now = [row("a.wav", "C2", day="05-31", hour=8), row("c.wav", "C3", day="05-31", hour=9)]
    for _ in range(2):
        days.run(now)
        assert days.counted() == {"C3": "a", "C4": "c"}
    before = days.written()
    days.run(now)
    assert days.written() == before
    decide(days.store, ["C2"], "李四", "话单更正")
    assert days.counted() == {"C2": "a", "C3": "c"}


SEEDS = (101, 102, 105, 106, 110, 115, 116, 131, *range(1, 13))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_corrected_in_whatever_order_each_recording_counts_once(days: Days, seed: int) -> None:
    """Three recordings, four ids, two months of which one is closed on the way; each correction is decided before the next."""
    rng, closed = random.Random(seed), False
    for name in "abc":
        put(days.here / "d" / f"{name}.wav", name.encode())
    for _ in range(6):
        ids = rng.sample(["C1", "C2", "C3", "C4"], 3)
        days_of = {one: "05-01" if one in ("C1", "C2") else rng.choice(["05-02", "06-01"]) for one in ids}
        rows = [
            row(f"{name}.wav", one, rng.choice(["8001", "8002"]), days_of[one], rng.randrange(8, 18))
            for name, one in zip("abc", ids, strict=True)
        ]
        assert errors(days.run(rows)) == []
        counted = days.counted()
        assert len(counted.values()) == len(set(counted.values())), f"counted twice: {counted}"
        waiting = [one["call_id"] for one in days.store.db.rows("select call_id from calls") if _waits(days, one["call_id"])]
        if waiting:
            decide(days.store, waiting, "李四", "话单更正")
        wanted = dict(zip(ids, "abc", strict=True))
        assert days.counted() == wanted
        before = days.written()
        assert errors(days.run(rows)) == [] and days.counted() == wanted and days.written() == before
        if not closed and rng.random() < 0.6:
            days.close()
            closed = True


def _waits(days: Days, call_id: str) -> bool:
    return days.store.pending(call_id) is not None or days.store.withdrawals.pending(call_id) is not None
