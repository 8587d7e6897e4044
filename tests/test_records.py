"""Call records: read as they are written, or listed with their line."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from qa.errors import RecordError
from qa.records import COLUMNS, CallTable, read_calls
from qa.types import CallRecord

HEADER = ",".join(COLUMNS)
ROW = {
    "file": "a.wav", "call_id": "C1", "agent_id": "8001", "agent_name": "李敏", "team": "一组", "direction": "in",
    "customer_number": "013812345678", "line_number": "4001234567", "start": "2024-05-01T09:00:00.000",
    "answer": "2024-05-01T09:00:07.250", "end": "2024-05-01T09:01:00.999", "hangup_by": "customer", "agent_channel": "0",
}  # fmt: skip


def line(**changes: str) -> str:
    return ",".join((ROW | changes).values())


def table(folder: Path, *lines: str, header: str = HEADER, encoding: str = "utf-8", end: str = "\n") -> CallTable:
    path = folder / "calls.csv"
    path.write_bytes(end.join((header, *lines, "")).encode(encoding))
    return read_calls(path)


def problems(found: CallTable) -> list[tuple[int, str]]:
    assert all(p.file == found.path and str(p) == f"{found.path}:{p.line}: {p.message}" for p in found.problems)
    return [(p.line, p.message) for p in found.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_row_becomes_a_record_in_every_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    found = table(tmp_path, line(), "", line(file="b.wav", call_id="C2", hangup_by="", agent_channel="", answer=""),
                  encoding=encoding, end=end)  # fmt: skip
    assert found.problems == ()
    one, two = found.records
    texts = {name: value for name, value in ROW.items() if name != "agent_channel"}
    assert one == CallRecord(**texts, agent_channel=0)  # type: ignore[arg-type]
    assert (two.hangup_by, two.agent_channel, two.answer, two.end) == (None, None, None, ROW["end"])


def test_columns_may_stand_in_any_order_and_with_blanks(tmp_path: Path) -> None:
    found = table(tmp_path, ",".join(f" {ROW[name]} " for name in reversed(COLUMNS)), header=" , ".join(reversed(COLUMNS)))
    assert found.problems == () and found.records[0].agent_name == "李敏" and found.records[0].customer_number == "013812345678"


def test_unknown_and_missing_columns_are_listed(tmp_path: Path) -> None:
    found = table(tmp_path, "a.wav,C1,in,yes", header="file,call_id,direction,vip")
    assert problems(found)[0] == (1, "未知的列 'vip'，已忽略")
    assert {message for _, message in problems(found)[1:]} == {
        f"缺少列 {name}，按空值处理" for name in COLUMNS if name not in ("file", "call_id", "direction")
    }
    (record,) = found.records
    assert (record.agent_id, record.start, record.agent_channel) == ("", None, None)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"file": ""}, "file 为空"),
        ({"call_id": " "}, "call_id 为空"),
        ({"direction": "呼入"}, "direction 应为 in、out，不是 '呼入'"),
        ({"direction": ""}, "direction 应为 in、out，不是 ''"),
        ({"hangup_by": "system"}, "hangup_by 应为 agent、customer、空，不是 'system'"),
        ({"agent_channel": "2"}, "agent_channel 应为 0、1、空，不是 '2'"),
        ({"start": "2024-05-01 9:00"}, "start 应为带毫秒的 ISO 8601"),
        ({"start": "2024-05-01T09:00:00"}, "start 应为带毫秒的 ISO 8601"),
        ({"answer": "2024-02-30T09:00:00.000"}, "answer 应为带毫秒的 ISO 8601"),
        ({"end": "2024-05-01T25:00:00.000"}, "end 应为带毫秒的 ISO 8601"),
        ({"end": "２０２４-05-01T09:00:00.000"}, "end 应为带毫秒的 ISO 8601"),
        ({"answer": "2024-05-01T08:59:59.999"}, "answer 早于 start"),
        ({"answer": "", "end": "2024-05-01T08:59:59.999"}, "end 早于 start"),
        ({"start": "2024-05-01T09:00:00.000Z"}, "有的带时区、有的不带"),
    ],
)
def test_a_bad_value_is_listed_and_the_rest_goes_on(tmp_path: Path, changes: dict[str, str], cause: str) -> None:
    found = table(tmp_path, line(**changes), line(file="b.wav", call_id="C2"))
    ((number, message),) = problems(found)
    assert number == 2 and cause in message and message.endswith("该行未采用")
    assert [record.call_id for record in found.records] == ["C2"]


def test_all_problems_of_a_row_are_listed(tmp_path: Path) -> None:
    found = table(tmp_path, line(direction="x", agent_channel="9", start="yesterday"))
    assert [number for number, _ in problems(found)] == [2, 2, 2] and found.records == ()


@pytest.mark.parametrize("zone", ["", "Z", "+08:00", "-05:30"])
def test_times_keep_their_zone(tmp_path: Path, zone: str) -> None:
    times = {name: ROW[name] + zone for name in ("start", "answer", "end")}
    found = table(tmp_path, line(**times), line(file="b.wav", call_id="C2", start="2024-05-01 09:00:00.000"))
    assert found.problems == ()
    assert found.records[0].start == times["start"]
    assert found.records[1].start == "2024-05-01T09:00:00.000"


def test_line_numbers_hold_after_cells_with_line_breaks(tmp_path: Path) -> None:
    found = table(tmp_path, line(team='"一组\n夜班"'), "", line(direction="x", call_id="C2", file="b.wav"), line() + ",more")
    assert [number for number, _ in problems(found)] == [5, 6]
    assert problems(found)[1][1] == "有 14 个值，列名有 13 个；该行未采用"
    assert found.records[0].team == "一组\n夜班"


def test_a_row_given_twice_counts_once(tmp_path: Path) -> None:
    found = table(tmp_path, line(), line(file="b.wav", call_id="C2"), line())
    assert problems(found) == [(4, "与第 2 行重复，只采用一次")]
    assert [record.call_id for record in found.records] == ["C1", "C2"]


def test_rows_that_contradict_each_other_are_none_of_them_believed(tmp_path: Path) -> None:
    found = table(tmp_path, line(), line(agent_id="8002", call_id="C2"), line(file="c.wav", call_id="C3"), line(file="d.wav", call_id="C3"))
    assert problems(found) == [
        (2, "file 'a.wav' 与第 3 行相同而内容不同；这些行都未采用"),
        (3, "file 'a.wav' 与第 2 行相同而内容不同；这些行都未采用"),
        (4, "call_id 'C3' 与第 5 行相同而内容不同；这些行都未采用"),
        (5, "call_id 'C3' 与第 4 行相同而内容不同；这些行都未采用"),
    ]
    assert found.records == () and found.for_file(tmp_path / "a.wav") is None


def test_a_file_is_found_by_its_place_then_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = table(
        tmp_path,
        line(file="mon/a.wav", call_id="1"),
        line(file="tue\\a.wav", call_id="2"),
        line(file="./b.wav", call_id="3"),
        line(file=str(tmp_path / "abs" / "c.wav"), call_id="4"),
        line(file=unicodedata.normalize("NFD", "é.wav"), call_id="5"),
    )

    def call_id(path: Path) -> str | None:
        record = found.for_file(path)
        return record.call_id if record else None

    assert call_id(tmp_path / "mon" / "a.wav") == "1"
    assert call_id(tmp_path / "tue" / "a.wav") == "2"
    assert call_id(tmp_path / "wed" / "a.wav") is None  # two rows have this name: which is meant nobody knows
    assert call_id(tmp_path / "a.wav") is None
    assert call_id(tmp_path / "b.wav") == "3"
    assert call_id(Path("/elsewhere/b.wav")) == "3"
    assert call_id(tmp_path / "abs" / "c.wav") == "4"
    assert call_id(tmp_path / unicodedata.normalize("NFC", "é.wav")) == "5"
    assert call_id(tmp_path / "none.wav") is None
    monkeypatch.chdir(tmp_path / "..")
    assert call_id(Path(tmp_path.name) / "mon" / "a.wav") == "1"


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "是空的"),
        (b"\r\n \n", "是空的"),
        (b"PK\x03\x04rest", "Excel 工作簿"),
        (b"\xff\xfef\x00i\x00", "UTF-16"),
        (b"file,call_id\x00", "二进制数据"),
        (b"file,\xff\xff\xff", "既不是 UTF-8 也不是 GB18030"),
        (b"file;call_id;direction\na.wav;1;in\n", "缺少列 file、call_id、direction"),
        (b"file,call_id\na.wav,1\n", "缺少列 direction"),
        (b"file,call_id,direction,file\n", "列名重复：file"),
        (b'file,call_id,direction\na.wav,"1,in\n', "不是有效的 CSV"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_clear_error(tmp_path: Path, data: bytes, cause: str) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(data)
    with pytest.raises(RecordError, match=cause) as caught:
        read_calls(path)
    assert caught.value.subject.startswith(str(path)) and caught.value.cure


def test_a_table_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(RecordError, match="无法读取"):
            read_calls(path)


def test_a_table_without_rows_is_empty(tmp_path: Path) -> None:
    assert table(tmp_path) == CallTable(str(tmp_path / "calls.csv"), (), ())
