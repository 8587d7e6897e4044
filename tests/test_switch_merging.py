"""A table that ``--calls`` names over what was imported of the same calls: it adds and corrects, and takes nothing away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from switch_samples import CHINA, SAMPLES, cdr, put, written

from qa.records import Part, Records
from qa.store import Store
from qa.switch import choose
from qa.switch.joins import RecordTable

ID = "1714525200.100"
NAMED = Path(f"external-8001-13800138000-20240501-090000-{ID}.wav")
ONE = cdr(answer="2024-05-01 09:00:10", end="2024-05-01 09:01:58", duration=118, billsec=108)
TWO = cdr(start="2024-05-01 09:02:00", answer="2024-05-01 09:02:00", end="2024-05-01 09:03:00", duration=60, billsec=60, dst="8003",
          to="PJSIP/8003-0000002c", sequence=1)  # fmt: skip
STATED = replace(CHINA, machine_first=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


def named(store: Store, folder: Path, text: str, name: str = "half.csv") -> Records:
    return choose.named(str(written(folder, name, text)), "Asia/Shanghai", store)


def agents(parts: tuple[Part, ...]) -> list[tuple[str, str]]:
    return [(part.record.call_id, part.record.agent_id) for part in parts if part.record is not None]


def test_half_of_the_rows_of_a_call_take_no_agent_away(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "all.csv", ONE + TWO), STATED)
    whole = RecordTable(store).parts_of(NAMED, 171_000)
    assert agents(whole) == [(ID, "8001"), (f"{ID}#2", "8003")]
    half = named(store, tmp_path, ONE)
    assert half.parts_of(NAMED, 171_000) == whole and half.problems == ()


def test_what_the_table_tells_more_counts(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "half.csv", ONE), STATED)
    assert agents(named(store, tmp_path, TWO, "more.csv").parts_of(NAMED, 171_000)) == [(ID, "8001"), (f"{ID}#2", "8003")]
    assert len(RecordTable(store).parts_of(NAMED, 171_000)) == 1  # nothing was kept


def test_a_corrected_row_counts_and_keeps_the_calls_name(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "all.csv", ONE), STATED)
    other = {"src": "13900139000", "start": "2024-05-03 09:00:00", "answer": "2024-05-03 09:00:05", "end": "2024-05-03 09:01:00"}
    later = cdr(**other, duration=60, billsec=55)
    put(store, written(tmp_path, "later.csv", later), STATED)
    path = Path(f"external-8001-13900139000-20240503-090001-{ID}.wav")
    (before,) = RecordTable(store).parts_of(path, 55_000)
    found = named(store, tmp_path, later.replace('"8001","ctx"', '"8004","ctx"'))
    (after,) = found.parts_of(path, 55_000)
    assert before.record is not None and after.record is not None
    assert after.record.call_id == before.record.call_id == f"{ID}@20240503T090000"


@pytest.mark.parametrize(
    ("poorer", "lost"),
    [
        (ONE.replace('"2024-05-01 09:01:58",118', '"2024-05-01 09:01:58",200').replace('"Dial"', '"VoiceMail"'), "坐席时段"),
        (ONE.replace('"ANSWERED"', '"NO ANSWER"').replace('"2024-05-01 09:00:10"', '""'), "应答"),
    ],
)
def test_a_poorer_record_of_a_call_does_not_count_and_is_listed(store: Store, tmp_path: Path, poorer: str, lost: str) -> None:
    put(store, written(tmp_path, "all.csv", ONE), STATED)
    whole = RecordTable(store).parts_of(NAMED, 108_000)
    found = named(store, tmp_path, poorer)
    assert found.parts_of(NAMED, 108_000) == whole and agents(whole) == [(ID, "8001")]
    (problem,) = found.problems
    assert problem.file.endswith("half.csv") and problem.line == 1 and ID in problem.message and lost in problem.message


def test_a_table_of_the_houses_own_of_the_same_ids_is_not_a_second_call(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "all.csv", ONE + TWO), STATED)
    whole = RecordTable(store).parts_of(NAMED, 171_000)
    own = "通话编号,工号,方向,开始时间,振铃时间,应答时间,挂机时间,客户号码\n"
    row = f"{ID},8009,呼入,2024-05-01 09:00:00,2024-05-01 09:00:01,2024-05-01 09:00:10,2024-05-01 09:03:00,13800138000\n"
    found = named(store, tmp_path, own + row)
    assert found.parts_of(NAMED, 171_000) == whole and "坐席时段" in found.problems[0].message
    with Store(tmp_path / "other.db") as other:
        put(other, written(tmp_path, "one.csv", ONE), STATED)
        assert agents(named(other, tmp_path, own + row).parts_of(NAMED, 171_000)) == [(ID, "8009")]


def test_calls_that_the_table_does_not_tell_of_are_not_in_it(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "all.csv", ONE + TWO), STATED)
    found = named(store, tmp_path, cdr(uniqueid="1714525200.7"))
    assert found.for_file(NAMED) is None and "没有与它相符" in found.problems[-1].message


def test_the_recording_that_an_imported_row_names_is_still_the_calls(store: Store, tmp_path: Path) -> None:
    text = (SAMPLES / "yeastar_p.csv").read_text("utf-8")
    put(store, SAMPLES / "yeastar_p.csv")
    path = Path("20240501090020-A-13800138000-8001-Inbound.wav")
    assert RecordTable(store).for_file(path) is not None
    assert named(store, tmp_path, text.replace(path.name, "")).for_file(path) == RecordTable(store).for_file(path)


def test_with_nothing_imported_the_table_stands_alone(store: Store, tmp_path: Path) -> None:
    alone = choose.named(str(written(tmp_path, "a.csv", ONE)), "Asia/Shanghai")
    assert alone.for_file(NAMED) == named(store, tmp_path, ONE).for_file(NAMED) is not None
