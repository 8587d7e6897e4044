"""Recordings that lie in other folders than their rows tell, and several that claim one call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from switch_samples import cdr, put, written

from qa.claims import Claims
from qa.records import COLUMNS, CallTable, expect, read_calls
from qa.store import Store
from qa.switch.joins import RecordTable

NAMED = "external-8001-13800138000-20240501-090000-1714525200.100.wav"
HEADER = ",".join(COLUMNS) + "\n"


def own(folder: Path, *rows: tuple[str, str, int], name: str = "calls.csv") -> CallTable:
    """A table of rows (file, call id, day of May 2024)."""
    lines = (f"{file},{call_id},8001,,,in,,,2024-05-{day:02d}T09:00:00.000,,,,\n" for file, call_id, day in rows)
    return read_calls(written(folder, name, HEADER + "".join(lines)))


def sound(path: Path, content: bytes = b"one") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def call_id(table: CallTable | RecordTable, path: Path) -> str | None:
    record = table.for_file(path)
    return record.call_id if record is not None else None


# ---------------------------------------------------------------- calls.csv: whose folder, whose day


def test_a_row_of_another_days_folder_is_not_taken_by_its_bare_name(tmp_path: Path) -> None:
    one, two = sound(tmp_path / "2024-05-01" / "0001.wav"), sound(tmp_path / "2024-05-02" / "0001.wav", b"two")
    table = own(tmp_path, ("2024-05-02/0001.wav", "C2", 2))
    table.expect([one, two])
    assert (call_id(table, one), call_id(table, two)) == (None, "C2")
    (problem,) = table.problems
    assert problem.file == str(one) and "2024-05-02/0001.wav（C2）" in problem.message


def test_a_row_with_a_folder_holds_wherever_that_folder_was_moved(tmp_path: Path) -> None:
    table = own(tmp_path, ("2024-05-02/0001.wav", "C2", 2), ("2024-05-03/0001.wav", "C3", 3))
    assert call_id(table, Path("/elsewhere/2024-05-02/0001.wav")) == "C2"
    assert call_id(table, Path("/elsewhere/2024-05-04/0001.wav")) is None


def test_a_bare_name_is_not_taken_where_the_rows_own_recording_lies_at_its_place(tmp_path: Path) -> None:
    table = own(tmp_path, ("a.wav", "C1", 1))
    assert call_id(table, sound(tmp_path / "other" / "a.wav", b"two")) == "C1"
    sound(tmp_path / "a.wav")
    assert call_id(table, tmp_path / "other" / "a.wav") is None and call_id(table, tmp_path / "a.wav") == "C1"
    assert call_id(table, sound(tmp_path / "抽检" / "a.wav")) == "C1"  # a copy of it


@pytest.mark.parametrize(
    ("folder", "told"),
    [("2024-05-02", None), ("20240502", None), ("2024/05/02", None), ("2024/May/02", None), ("2024/05/01", "C1"), ("x", "C1")],
)
def test_a_bare_name_in_a_folder_of_another_day_is_not_taken(tmp_path: Path, folder: str, told: str | None) -> None:
    table = own(tmp_path, ("0001.wav", "C1", 1))
    assert call_id(table, sound(tmp_path / folder / "0001.wav")) == told


def test_of_two_contents_that_claim_a_row_neither_gets_it(tmp_path: Path) -> None:
    one, two = sound(tmp_path / "a" / "0001.wav"), sound(tmp_path / "b" / "0001.wav", b"two")
    table = own(tmp_path, ("0001.wav", "C1", 1))
    expect(table, [one, two])
    assert (call_id(table, one), call_id(table, two)) == (None, None)
    assert [problem.file for problem in table.problems] == [str(one), str(two)]
    assert all("两个录音不能同属一通电话" in problem.message for problem in table.problems)
    expect(table, [one, two])
    assert len(table.problems) == 2  # told once
    assert table == own(tmp_path, ("0001.wav", "C1", 1))


# ---------------------------------------------------------------- one content is one claim

Make = Callable[[Path, Path], None]


def copied(path: Path, there: Path) -> None:
    sound(there, path.read_bytes())


def linked(path: Path, there: Path) -> None:
    there.parent.mkdir(parents=True)
    there.symlink_to(path)


def emptied(path: Path, there: Path) -> None:
    sound(there, b"")


@pytest.mark.parametrize(("make", "shares"), [(copied, True), (linked, True), (emptied, False)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_copy_a_link_and_an_empty_twin_take_nothing_away(tmp_path: Path, make: Make, shares: bool, turned: bool) -> None:
    one, two = sound(tmp_path / "2024" / "05" / "01" / NAMED), tmp_path / "抽检" / NAMED
    make(one, two)
    with Store(tmp_path / "qa.db") as store:
        put(store, written(tmp_path, "Master.csv", cdr()))
        switch, table = RecordTable(store), own(tmp_path, (NAMED, "C1", 1))
        for records, wanted in ((switch, "1714525200.100"), (table, "C1")):
            expect(records, [two, one] if turned else [one, two])
            assert call_id(records, one) == wanted
            assert call_id(records, two) == (wanted if shares else None)
        assert [problem.file for problem in switch.problems] == ([] if shares else [str(two)])


def test_another_content_of_the_same_length_takes_it_from_both(tmp_path: Path) -> None:
    one, two = sound(tmp_path / "a" / NAMED), sound(tmp_path / "b" / NAMED, b"two")
    with Store(tmp_path / "qa.db") as store:
        put(store, written(tmp_path, "Master.csv", cdr()))
        table = RecordTable(store)
        expect(table, [one, two])
        assert (call_id(table, one), call_id(table, two)) == (None, None)
        assert [problem.file for problem in table.problems] == [str(one), str(two)]


def test_what_the_run_calls_unusable_does_not_claim(tmp_path: Path) -> None:
    good, broken = sound(tmp_path / NAMED), sound(tmp_path / NAMED.replace(".wav", ".mp3"), b"broken")
    with Store(tmp_path / "qa.db") as store:
        put(store, written(tmp_path, "Master.csv", cdr()))
        table = RecordTable(store)
        expect(table, [broken, good], lambda path: path == broken)
        assert (call_id(table, good), call_id(table, broken)) == ("1714525200.100", None)


def test_a_recording_that_was_moved_is_one_recording(tmp_path: Path) -> None:
    claims, old, new = Claims(), sound(tmp_path / "in" / "a.wav"), tmp_path / "a.wav"
    claims.add("C1", old)
    old.rename(new)
    claims.add("C1", new)
    assert claims.rivals("C1", new) == ()


def test_a_weak_claim_gives_way_to_a_strong_one(tmp_path: Path) -> None:
    claims, weak, strong = Claims(), sound(tmp_path / "a.mp3"), sound(tmp_path / "a.wav", b"two")
    claims.add("C1", weak, strong=False)
    assert claims.rivals("C1", weak) == ()
    claims.add("C1", strong)
    assert (claims.rivals("C1", weak), claims.rivals("C1", strong)) == ((strong,), ())
