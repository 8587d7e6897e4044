"""A call keeps its id: whatever is imported later, of an id that the switch gave twice, in whatever order, corrected or withdrawn."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from stored_calls import save
from switch_samples import CHINA, cdr, put, read, written

from qa.store import Store
from qa.switch import building, log
from qa.switch.joins import RecordTable

ID = "1714525200.100"
A = cdr()
B = cdr(start="2024-05-03 09:00:00", answer="2024-05-03 09:00:05", end="2024-05-03 09:01:00", duration=60, billsec=55, src="13900139000")
OF_A, OF_B = "13800138000", "13900139000"
ALL = date(2024, 4, 1), date(2024, 6, 1)
TIMED = {OF_A: f"{ID}@20240501T090000", OF_B: f"{ID}@20240503T090000"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


def ids(store: Store, since: date = ALL[0], until: date = ALL[1]) -> dict[str, str]:
    return {call.customer_number: call.call_id for call in log.load(store, since, until).calls}


def test_the_call_that_came_first_keeps_its_id_though_an_earlier_one_comes_later(store: Store, tmp_path: Path) -> None:
    a, b = written(tmp_path, "a.csv", A), written(tmp_path, "b.csv", B)
    put(store, b)
    assert ids(store) == {OF_B: ID}
    save(store, ID)  # scored as what it is called
    put(store, a)
    want = {OF_B: ID, OF_A: TIMED[OF_A]}
    assert ids(store) == want
    for path in (a, b, written(tmp_path, "both.csv", A + B), written(tmp_path, "turned.csv", B + A)):
        put(store, path)
        assert ids(store) == want
    scored = {call.customer_number for call in log.load(store, *ALL).calls if call.call_id in log.load(store, *ALL).scored}
    assert scored == {OF_B}, "the scorecard is the call's that it was made for"


def test_in_the_other_order_nothing_moves_either(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "a.csv", A))
    put(store, written(tmp_path, "b.csv", B))
    assert ids(store) == {OF_A: ID, OF_B: TIMED[OF_B]}


@pytest.mark.parametrize("text", [A + B, B + A])
def test_of_two_calls_in_one_file_the_order_of_the_rows_makes_no_difference(store: Store, tmp_path: Path, text: str) -> None:
    put(store, written(tmp_path, "both.csv", text))
    assert ids(store) == {OF_A: ID, OF_B: TIMED[OF_B]}


@pytest.mark.parametrize("first", [A, B])
def test_a_call_is_called_the_same_whatever_days_are_looked_at(store: Store, tmp_path: Path, first: str) -> None:
    put(store, written(tmp_path, "1.csv", first))
    put(store, written(tmp_path, "2.csv", A + B))
    whole = ids(store)
    assert len(set(whole.values())) == 2
    assert ids(store, date(2024, 5, 1), date(2024, 5, 1)) == {OF_A: whole[OF_A]}
    assert ids(store, date(2024, 5, 3), date(2024, 5, 3)) == {OF_B: whole[OF_B]}
    table = RecordTable(store)
    for number, day in ((OF_A, "20240501"), (OF_B, "20240503")):
        record = table.for_file(Path(f"external-8001-{number}-{day}-090005-{ID}.wav"))
        assert record is not None and record.call_id == whole[number]


def test_a_correction_moves_no_id(store: Store, tmp_path: Path) -> None:
    """The first call's time is put right and lies behind the other's now: both are called as before."""
    tokyo = replace(CHINA, zone=ZoneInfo("Pacific/Kiritimati"))  # 6 hours too early
    path = written(tmp_path, "b.csv", B)
    put(store, path, tokyo)
    put(store, written(tmp_path, "a.csv", A))
    before = ids(store)
    assert before == {OF_B: ID, OF_A: TIMED[OF_A]}
    put(store, path)
    assert ids(store) == before


def test_three_calls_of_one_second_have_three_names(tmp_path: Path) -> None:
    others = [cdr(channel=f"PJSIP/trunk-0000009{n}", src=f"1390013900{n}", to="PJSIP/8002-0000009a", dst="8002") for n in (1, 2)]
    names = set()
    for lines in itertools.permutations((A, *others)):
        built, faults = building.build(read(written(tmp_path, "Master.csv", "".join(lines)))[0])
        assert len({one.call.call_id for one in built}) == 3 and len(faults) == 2
        names.add(tuple(sorted((one.call.customer_number, one.call.call_id) for one in built)))
    assert len(names) == 1
