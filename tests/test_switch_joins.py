"""The call of a recording: by id, by name, by time and numbers; never by a guess.  The parts of several agents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from switch_samples import CHINA, SAMPLES, cdr, put, written

from qa.errors import RecordError
from qa.records import Part, read_calls
from qa.store import Store
from qa.switch import choose, names
from qa.switch.joins import RecordTable
from qa.switch.rows import Settings
from qa.types import Span

ID = "1714525200.100"
NAMED = f"external-8001-13800138000-20240501-090000-{ID}.wav"
Table = Callable[..., RecordTable]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    """Records of lines of ``Master.csv``."""
    stores = []

    def make(*lines: str, settings: Settings = CHINA, also: tuple[Path, ...] = ()) -> RecordTable:
        store = Store(tmp_path / f"{len(stores)}.db")
        stores.append(store)
        if lines:
            put(store, written(tmp_path, f"Master{len(stores)}.csv", "".join(lines)), settings)
        for path in also:
            put(store, path, settings)
        return RecordTable(store)

    yield make
    for store in stores:
        store.close()


def why(found: RecordTable, path: Path | str) -> str:
    assert found.for_file(Path(path)) is None
    return found.problems[-1].message


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "direction", "customer", "agent", "queue"),
    [
        ("out-013800138000-8001-20240501-090000-1714525200.1.wav", "out", "13800138000", "8001", ""),
        ("in-8001-13800138000-20240501-090000-1714525200.1.wav", "in", "13800138000", "8001", ""),
        ("external-8001-+8613800138000-20240501-090000-1714525200.1.wav", "in", "13800138000", "8001", ""),
        ("exten-8001-13800138000-20240501-090000-1714525200.1.wav", "in", "13800138000", "8001", ""),
        ("internal-8001-8002-20240501-090000-1714525200.1.wav", "internal", "", "", ""),
        ("q-6000-13800138000-20240501-090000-1714525200.1.wav", "in", "13800138000", "", "6000"),
        ("rg-600-13800138000-20240501-090000-1714525200.1.wav", "in", "13800138000", "", "600"),
        ("force-13800138000-8001-20240501-090000-1714525200.1.wav", "out", "13800138000", "8001", ""),
        ("q-6000-anonymous-20240501-090000-1714525200.1.wav", "in", "", "", "6000"),
    ],
)
def test_freepbx_names(name: str, direction: str, customer: str, agent: str, queue: str) -> None:
    found = names.read(Path("/rec/2024/05/01") / name, CHINA)
    assert (found.direction, found.customer_number, found.agent_id, found.queue) == (direction, customer, agent, queue)
    assert (found.call_id, found.at) == ("1714525200.1", "2024-05-01T09:00:00.000")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/rec/20240501-090000.wav", "不是 FreePBX 的写法"),
        (f"/rec/2024/05/02/{NAMED}", "与文件夹 2024/05/02 不符"),
        ("/rec/q-6000-138-20240531-250000-1714525200.1.wav", "不存在"),
        ("/rec/now.wav", "不是 FreePBX 的写法"),
    ],
)
def test_a_name_that_does_not_fit_says_nothing(path: str, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        names.read(Path(path), CHINA)


def test_the_houses_own_pattern(table: Table) -> None:
    own = replace(
        CHINA, file_pattern=r"(?P<date>\d{8})_(?P<time>\d{6})_(?P<agent_id>\d+)_(?P<customer_number>\d+)_(?P<direction>\w+)\.wav$"
    )
    found = names.read(Path("20240501_090000_8001_013800138000_IN.wav"), own)
    assert (found.agent_id, found.customer_number, found.direction, found.at) == ("8001", "13800138000", "in", "2024-05-01T09:00:00.000")
    with pytest.raises(RecordError, match="不符"):
        names.read(Path("recording.wav"), own)
    with pytest.raises(RecordError, match="方向"):
        names.read(Path("20240501_090000_8001_013800138000_X.wav"), own)
    assert "不符" in why(table(cdr(), settings=own), NAMED)  # FreePBX's pattern is not tried behind the house's


# ---------------------------------------------------------------- joins


def test_by_unique_id(table: Table) -> None:
    found = table(cdr(), cdr(uniqueid="1714525200.101", src="13900139000"))
    record = found.for_file(Path(f"/rec/2024/05/01/{NAMED}"))
    assert record is not None and (record.call_id, record.customer_number, record.file) == (ID, "13800138000", NAMED)
    assert found.problems == ()


def test_by_the_id_of_a_row_that_is_not_the_first(table: Table) -> None:
    found = table(also=(SAMPLES / "Master.csv", SAMPLES / "queue_log"))
    record = found.for_file(Path("exten-8002-13900139000-20240501-091031-1714525831.112.wav"))
    assert record is not None and record.call_id == "1714525800.110"
    assert (record.start, record.answer, record.end) == (
        "2024-05-01T09:10:31.000", "2024-05-01T09:10:40.000", "2024-05-01T09:14:00.000",
    )  # fmt: skip
    assert (record.hangup_by, record.precision_ms, record.agent_id) == ("customer", 1000, "8002")


def test_of_two_calls_with_one_id_the_time_in_the_name_decides(table: Table) -> None:
    later = cdr(
        start="2024-05-03 09:00:00", answer="2024-05-03 09:00:05", end="2024-05-03 09:01:00", duration=60, billsec=55, src="13900139000"
    )
    found = table(cdr(), later)
    name = f"external-8001-13900139000-20240503-090001-{ID}.wav"
    record = found.for_file(Path(name))
    assert record is not None and record.customer_number == "13900139000"
    assert "时刻都不符" in why(found, f"external-8001-13900139000-20240502-090001-{ID}.wav")


def test_by_the_name_that_the_record_tells(table: Table) -> None:
    found = table(also=(SAMPLES / "yeastar_p.csv",))
    record = found.for_file(Path("20240501090020-A-13800138000-8001-Inbound.wav"))
    assert record is not None and record.call_id == "20240501090000A"


def test_a_name_that_two_calls_tell_is_ambiguous(table: Table, tmp_path: Path) -> None:
    text = (SAMPLES / "yeastar_p.csv").read_text("utf-8")
    again = written(tmp_path, "y.csv", text.replace("20240501090000A", "20240501090000Z").replace("09:00:", "12:00:"))
    found = table(also=(SAMPLES / "yeastar_p.csv", again))
    assert "分不清是哪一通" in why(found, "20240501090020-A-13800138000-8001-Inbound.wav")


OWN = replace(CHINA, file_pattern=r"(?P<date>\d{8})_(?P<time>\d{6})_(?P<customer_number>\d+)\.wav$")


@pytest.mark.parametrize(("time", "joined"), [("085955", True), ("085954", False), ("090100", True), ("090212", True), ("090213", False)])
def test_by_time_and_number_within_the_tolerance(table: Table, time: str, joined: bool) -> None:
    found = table(cdr(), settings=OWN)
    assert (found.for_file(Path(f"20240501_{time}_13800138000.wav")) is not None) is joined
    assert (found.problems == ()) is joined


def test_by_time_and_number_another_number_does_not_fit(table: Table) -> None:
    assert "没有与它相符的话单" in why(table(cdr(), settings=OWN), "20240501_090000_13900139000.wav")


def test_by_time_and_number_two_calls_are_ambiguous(table: Table) -> None:
    near = cdr(uniqueid="1714525203.101", start="2024-05-01 09:00:03", answer="", disposition="NO ANSWER", billsec=0)
    assert "有 2 通电话相符" in why(table(cdr(), near, settings=OWN), "20240501_090001_13800138000.wav")


def test_two_recordings_cannot_be_of_one_call(table: Table) -> None:
    found = table(cdr())
    assert found.for_file(Path(f"/a/{NAMED}")) is not None and found.for_file(Path(f"/a/{NAMED}")) is not None
    assert "两个录音不能同属一通电话" in why(found, f"/b/{NAMED}")
    assert found.for_file(Path(f"/b/{NAMED}")) is None and found.for_file(Path(f"/a/{NAMED}")) is None
    assert len(found.problems) == 2
    expected = table(cdr())
    expected.expect([Path(f"/a/{NAMED}"), Path(f"/b/{NAMED}")])
    assert expected.for_file(Path(f"/a/{NAMED}")) is None and len(expected.problems) == 2


def test_a_name_with_an_id_is_joined_by_time_only_with_a_call_that_has_none(table: Table) -> None:
    assert "没有与它相符的话单" in why(table(cdr(uniqueid="1714525200.9")), NAMED)
    without = table(cdr(uniqueid="")).for_file(Path(NAMED))
    assert without is not None and without.customer_number == "13800138000"


def test_a_record_may_come_after_its_recording(table: Table, tmp_path: Path) -> None:
    found = table(cdr(uniqueid="1714525200.9"))
    assert "没有与它相符的话单" in why(found, NAMED)
    put(found._store, written(tmp_path, "late.csv", cdr()))
    assert found.for_file(Path(NAMED)) is not None and found.problems == ()


def test_a_recording_without_a_record_and_an_inner_call_are_listed(table: Table) -> None:
    found = table(also=(SAMPLES / "Master.csv",))
    assert "没有与它相符的话单（文件名不是 FreePBX 的写法" in why(found, "x.wav")
    assert "内部通话" in why(found, "internal-8002-8001-20240501-101000-1714529400.130.wav")


def test_the_roster_of_the_day_names_the_agent(table: Table) -> None:
    record = table(cdr(), settings=replace(CHINA, machine_first=False), also=(SAMPLES / "roster.csv",)).for_file(Path(NAMED))
    assert record is not None and (record.agent_id, record.agent_name, record.team) == ("8001", "李敏", "二组")


def test_the_agents_channel_is_told_by_that_of_the_caller(table: Table) -> None:
    record = table(cdr(), settings=replace(CHINA, caller_channel=0, recorded_from="answer")).for_file(Path(NAMED))
    assert record is not None and (record.agent_channel, record.recorded_from) == (1, "answer")


def test_where_the_ring_is_not_known_the_call_still_has_its_day(table: Table) -> None:
    record = table(cdr()).for_file(Path(NAMED))
    assert record is not None and record.start is None and record.answer is None and record.notes
    assert record.moment == "2024-05-01T09:02:07.000"


# ---------------------------------------------------------------- several agents


def transferred(**first: str | int) -> tuple[str, str]:
    """8001 from 09:00:10 on, 8003 from 09:02:00 to 09:03:00; nothing answers before them."""
    one = cdr(answer="2024-05-01 09:00:10", end="2024-05-01 09:01:58", duration=118, billsec=108, **first)
    two = cdr(start="2024-05-01 09:02:00", answer="2024-05-01 09:02:00", end="2024-05-01 09:03:00", duration=60, billsec=60, dst="8003",
              to="PJSIP/8003-0000002c", sequence=1)  # fmt: skip
    return one, two


ALONE = replace(CHINA, machine_first=False)


def test_each_agent_has_a_record_and_a_window_counted_back_from_the_end(table: Table) -> None:
    parts = table(*transferred(), settings=ALONE).parts_of(Path(NAMED), 171_000)
    assert [(p.record.call_id, p.record.agent_id, p.window) for p in parts if p.record] == [
        (ID, "8001", Span(0, 109_000)),
        (f"{ID}#2", "8003", Span(111_000, 171_000)),
    ]
    first, second = (part.record for part in parts)
    assert first is not None and second is not None
    assert (first.start, first.answer, first.end) == ("2024-05-01T09:00:00.000", "2024-05-01T09:00:10.000", "2024-05-01T09:01:58.000")
    assert (second.start, second.answer, second.end) == (None, "2024-05-01T09:02:00.000", "2024-05-01T09:03:00.000")


@pytest.mark.parametrize(
    ("recorded_from", "duration_ms", "split"),
    [
        ("answer", 170_000, True),
        ("answer", 174_500, False),
        ("answer", 165_900, False),
        ("ring", 180_000, True),
        ("ring", 170_000, False),
        ("", 160_000, False),
    ],
)
def test_where_length_and_records_disagree_the_recording_belongs_to_nobody(
    table: Table, recorded_from: str, duration_ms: int, split: bool
) -> None:
    found = table(*transferred(), settings=replace(ALONE, recorded_from=recorded_from))
    parts = found.parts_of(Path(NAMED), duration_ms)
    assert (len(parts) == 2) is split
    if not split:
        (part,) = parts
        assert part.window is None and part.record is not None and part.record.agent_id == ""
        assert "无法按时间分开" in part.record.notes[-1] and "无法按时间分开" in found.problems[-1].message


def test_a_recording_of_one_agent_is_one_part(table: Table) -> None:
    found = table(cdr(), settings=ALONE)
    assert found.parts_of(Path(NAMED), 1000) == (Part(found.for_file(Path(NAMED))),)
    assert found.parts_of(Path("unknown.wav"), 1000) == (Part(None),)


# ---------------------------------------------------------------- what --calls names


def test_calls_may_be_a_switchs_file(tmp_path: Path) -> None:
    path = written(tmp_path, "Master.csv", cdr())
    record = choose.named(f"{path}:asterisk", "Asia/Shanghai").for_file(Path(NAMED))
    assert record is not None and record.call_id == ID
    assert choose.named(str(path), "Asia/Shanghai").for_file(Path(NAMED)) == record
    with pytest.raises(RecordError, match="--tz"):
        choose.named(str(path))
    with pytest.raises(RecordError, match="没有格式 'avaya'"):
        choose.named(f"{path}:avaya")
    with pytest.raises(RecordError, match="认不出格式"):
        choose.named(str(written(tmp_path, "x.csv", "a,b\n1,2\n")))


def test_calls_csv_is_read_as_before(tmp_path: Path) -> None:
    path = written(tmp_path, "calls.csv", "\ufefffile,call_id,direction\na.wav,C1,in\n")
    for named in (str(path), f"{path}:calls"):
        assert choose.named(named) == read_calls(path)
    with pytest.raises(RecordError, match="无法读取"):
        choose.named(str(tmp_path / "none.csv"))


def test_imported_records_are_used_where_there_are_any(tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        put(store, SAMPLES / "roster.csv")
        assert choose.imported(store) is None
        put(store, SAMPLES / "Master.csv")
        found = choose.imported(store)
        assert found is not None and found.for_file(Path(NAMED)) is not None
