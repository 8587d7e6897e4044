"""Call records as they really come: broken off, misread clocks, odd numbers, any encoding, any size."""

from __future__ import annotations

import datetime
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from switch_samples import CHINA, SAMPLES, calls, cdr, read, written

from qa.errors import RecordError
from qa.switch import building, files, formats, times
from qa.switch.numbers import plain
from qa.switch.rows import Fault, Row, RowError, Settings
from qa.types.log import Disposition

# ---------------------------------------------------------------- files


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_in_every_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    path = written(tmp_path, "r.csv", end.join(("工号,姓名", '8001,"李, ""敏"""', "", "8002,王强")), encoding)
    assert list(files.rows(path)) == [(1, ["工号", "姓名"]), (2, ["8001", '李, "敏"']), (4, ["8002", "王强"])]


@pytest.mark.parametrize("data", ["工号".encode("utf-16"), b"\xd0\xcf\x11\xe0rest", b"\x81\xff\xff\xff"])
def test_what_is_no_text_is_said_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(data)
    with pytest.raises(RecordError, match=r"文本|编码|Excel"):
        list(files.rows(path))


def test_a_workbook_is_read_as_a_table(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["工号", "姓名", "入组日期", "时间"])
    book.active.append([8001.0, "李敏", datetime.date(2024, 3, 1), datetime.datetime(2024, 3, 1)])
    book.active.append([None, None, None])
    book.save(tmp_path / "r.xlsx")
    found = list(files.rows(tmp_path / "r.xlsx"))
    assert found == [(1, ["工号", "姓名", "入组日期", "时间"]), (2, ["8001", "李敏", "2024-03-01", "2024-03-01 00:00:00.000"])]
    (tmp_path / "broken.xlsx").write_bytes((tmp_path / "r.xlsx").read_bytes()[:-900])
    with pytest.raises(RecordError, match="无法读取"):
        list(files.rows(tmp_path / "broken.xlsx"))


def test_an_open_quote_costs_its_own_line(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", 'a,"b\n' + "c,d\n" * (files.MOST_LINES + 5))
    found = list(files.rows(path))
    assert isinstance(found[0][1], Fault) and found[0][0] == 1
    assert [cells for _, cells in found[1:]] == [["c", "d"]] * (files.MOST_LINES + 5)
    assert [line for line, _ in found] == list(range(1, files.MOST_LINES + 7))


def test_a_cell_over_several_lines_is_one_cell(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", 'a,"b\nc"\nd,e\n')
    assert list(files.rows(path)) == [(1, ["a", "b\nc"]), (3, ["d", "e"])]


def test_binary_zeros_and_endless_lines_are_faults_of_their_line(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "a,b\n\0\0\0\n" + "x" * (2 * files.LONGEST_LINE + 3) + "\nc,d\n")
    found = list(files.rows(path))
    assert [line for line, _ in found] == [1, 2, 3, 4] and found[3][1] == ["c", "d"]
    assert all(isinstance(found[at][1], Fault) for at in (1, 2))


def test_a_row_that_was_broken_off_is_left_out_and_the_rest_goes_in(tmp_path: Path) -> None:
    path = written(
        tmp_path, "Master.csv", cdr(uniqueid="1714525200.1") + cdr(uniqueid="1714525200.2")[:150] + "\n" + cdr(uniqueid="1714525200.3")
    )
    rows, faults = read(path)
    assert [row.line for row in rows] == [1, 3] and [fault.line for fault in faults] == [2]
    assert str(faults[0]).startswith(f"{path}:2: ") and faults[0].cure


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        with path.open("w") as file:
            file.writelines(cdr(uniqueid=f"1714525200.{n}") for n in range(rows))
        tracemalloc.start()
        assert sum(1 for _ in _stream(path)) == rows
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(3000) < 1.5 * peak(600)


def _stream(path: Path) -> Iterator[Row | Fault]:
    return formats.rows(path, formats.reading(path, "asterisk", None, CHINA))


@given(st.binary(max_size=400))
def test_no_bytes_stop_a_reader(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        for format_ in ("asterisk", "queue_log", "freeswitch", "freeswitch-json", "yeastar", "mapped", "roster"):
            try:
                rows, _ = read(path, format_=format_)
            except RecordError:
                continue
            building.build(row for row in rows if row.kind != "roster")


# ---------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("text", "wall"),
    [
        ("1714525200", "2024-05-01T09:00:00.000"),
        ("1714525200.5", "2024-05-01T09:00:00.500"),
        ("1714525200123", "2024-05-01T09:00:00.123"),
        ("1714525200123456", "2024-05-01T09:00:00.123"),
        ("2024-05-01 09:00:00", "2024-05-01T09:00:00.000"),
        ("2024/5/1 9:00", "2024-05-01T09:00:00.000"),
        ("2024-05-01T01:00:00Z", "2024-05-01T09:00:00.000"),
        ("2024-05-01T09:00:00.25+08:00", "2024-05-01T09:00:00.250"),
    ],
)
def test_times_of_every_spelling(text: str, wall: str) -> None:
    assert times.wall(text, ZoneInfo("Asia/Shanghai")) == wall


@pytest.mark.parametrize(
    "text",
    [
        "171452520",
        "17145252001",
        "0",
        "2024-02-30 09:00:00",
        "昨天",
        "2024-05-01",
        "20240501",
        "-1",
        "9999999999999",
        "1e9",
        "1970-01-01 08:00:00",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RowError):
        times.wall(text, ZoneInfo("Asia/Shanghai"))


def test_a_time_without_a_zone_needs_one_stated() -> None:
    with pytest.raises(RecordError, match="--tz"):
        times.wall("2024-05-01 09:00:00", None)
    assert times.wall("1714525200", None) == "2024-05-01T09:00:00.000"


@pytest.mark.parametrize(("text", "says"), [("2024-03-10 02:30:00", "不存在"), ("2024-11-03 01:30:00", "两种可能")])
def test_a_time_that_summer_time_makes_doubtful_is_refused(text: str, says: str) -> None:
    with pytest.raises(RowError, match=says):
        times.wall(text, ZoneInfo("America/New_York"))
    assert times.wall("2024-07-01 08:00:00", ZoneInfo("America/New_York")) == "2024-07-01T20:00:00.000"


@pytest.mark.parametrize(
    ("text", "value"), [("12", 12), ("12.5", 12.5), ("1:05", 65), ("01:00:05", 3605), ("", None), ("30s", 30), ("12 秒", 12)]
)
def test_durations(text: str, value: float | None) -> None:
    assert times.seconds(text) == value


@pytest.mark.parametrize("text", ["-1", "1:5", "abc", "1e3", "nan"])
def test_negative_durations_and_nonsense_are_refused(text: str) -> None:
    with pytest.raises(RowError):
        times.seconds(text)


# ---------------------------------------------------------------- clocks and ids


@pytest.mark.parametrize(
    "changes",
    [
        {"end": "2024-05-01 08:59:59"},
        {"answer": "2024-05-01 08:59:00"},
        {"answer": "2024-05-01 09:05:00"},
        {"duration": -3},
        {"billsec": "-1"},
        {"disposition": "MAYBE"},
        {"start": "2024-13-01 09:00:00"},
    ],
)
def test_a_clock_that_ran_backwards_leaves_the_row_out(tmp_path: Path, changes: dict[str, str | int]) -> None:
    rows, faults = read(written(tmp_path, "Master.csv", cdr(**changes) + cdr(uniqueid="1714525200.7")), format_="asterisk")
    assert [row.line for row in rows] == [2] and "未采用" in faults[0].cause


def test_a_clock_set_during_the_call_makes_its_ring_unknown(tmp_path: Path) -> None:
    path = written(tmp_path, "Master.csv", cdr(duration=60))
    call = calls(path, settings=Settings(zone=CHINA.zone, machine_first=False))["1714525200.100"]
    assert call.ring is None and any("时钟" in note for note in call.notes) and call.disposition is Disposition.ANSWERED


def test_an_id_that_was_given_twice_is_two_calls_and_is_listed(tmp_path: Path) -> None:
    later = cdr(
        start="2024-05-03 09:00:00", answer="2024-05-03 09:00:05", end="2024-05-03 09:01:00", duration=60, billsec=55, src="13900139000"
    )
    rows, _ = read(written(tmp_path, "Master.csv", cdr() + later))
    built, faults = building.build(rows)
    assert [one.call.call_id for one in built] == ["1714525200.100", "1714525200.100@20240503T090000"]
    assert [one.call.customer_number for one in built] == ["13800138000", "13900139000"]
    assert len(faults) == 1 and "重复编号" in faults[0].cure and faults[0].line == 2


def test_one_id_for_two_channels_at_the_same_time_is_two_calls(tmp_path: Path) -> None:
    other = cdr(channel="PJSIP/trunk-00000099", src="13900139000", dst="8002", to="PJSIP/8002-0000009a", sequence=1)
    built, faults = building.build(read(written(tmp_path, "Master.csv", cdr() + other))[0])
    assert len(built) == 2 and len(faults) == 1 and len({one.call.call_id for one in built}) == 2


def test_a_call_longer_than_a_day_boundary_stays_one(tmp_path: Path) -> None:
    text = cdr(start="2024-05-01 23:58:00", answer="2024-05-01 23:58:05", end="2024-05-02 01:58:00", duration=7200, billsec=7195)
    taken = cdr(start="2024-05-02 01:58:00", answer="2024-05-02 01:58:00", end="2024-05-02 02:10:00", duration=720, billsec=720, sequence=1)
    (call,) = calls(written(tmp_path, "Master.csv", text + taken)).values()
    assert (call.start, call.end) == ("2024-05-01T23:58:00.000", "2024-05-02T02:10:00.000")


def test_a_queue_line_with_words_for_numbers_is_left_out(tmp_path: Path) -> None:
    good = (SAMPLES / "queue_log").read_text("utf-8").splitlines()[3]
    rows, faults = read(written(tmp_path, "queue_log", f"{good}\n{good.replace('|9', '|-9')}\n{good[:20]}\n"))
    assert [row.line for row in rows] == [1] and [fault.line for fault in faults] == [2, 3]


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+86 138 0013 8000", "13800138000"),
        ("0086-138-0013-8000", "13800138000"),
        ("013800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ('"Room 12" <+8613800138000>', "13800138000"),
        ("sip:13800138000@10.0.0.1", "13800138000"),
        ("+86 21 6123 4567", "02161234567"),
        ("(021) 6123-4567", "02161234567"),
        ("+864006600188", "4006600188"),
        ("+1 212 555 0100", "0012125550100"),
        ("8001", "8001"),
        ("anonymous", ""),
        ("Anonymous <anonymous>", ""),
        ("匿名", ""),
        ("s", ""),
        ("", ""),
        ("no number 5", ""),
    ],
)
def test_numbers_come_into_one_spelling(text: str, number: str) -> None:
    assert plain(text) == number
