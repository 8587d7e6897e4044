"""Recordings as they lie about: folders by days, other switches' names, converted and copied files; what is said of those left over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from switch_samples import CHINA, SAMPLES, cdr, put, written

from qa.errors import RecordError
from qa.store import Store
from qa.switch import building, formats
from qa.switch.joins import RecordTable
from qa.switch.rows import Settings

ID = "1714525200.100"
HEAD = "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,accountcode,"
HEAD += "uniqueid,userfield,did,recordingfile,cnum,linkedid,sequence\n"
UUID, LEG_B = "8a5bd35c-1b0e-4c6a-9d4d-2d8a4f3c0a11", "8a5bd35c-1b0e-4c6a-9d4d-2d8a4f3c0b11"


def told(start: str, recording: str, unique: str = ID, seconds: int = 60) -> str:
    """A line of FreePBX's table that names its recording."""
    return (
        f"{start},13800138000,13800138000,8001,d,PJSIP/trunk-00000001,PJSIP/8001-00000002,Dial,,{seconds},{seconds - 5},ANSWERED,3,,"
        f"{unique},,400,{recording},13800138000,{unique},1\n"
    )


Table = Callable[..., RecordTable]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    with Store(tmp_path / "qa.db") as store:

        def make(text: str, settings: Settings = CHINA) -> RecordTable:
            put(store, written(tmp_path, "cdr.csv", text), settings)
            return RecordTable(store)

        yield make


def call_id(found: RecordTable, path: str) -> str | None:
    record = found.for_file(Path(path))
    return record.call_id if record is not None else None


def why(found: RecordTable, path: str) -> str:
    assert found.for_file(Path(path)) is None
    return found.problems[-1].message


# ---------------------------------------------------------------- a name that comes again every day


@pytest.mark.parametrize("folder", ["2024-05-02", "2024/05/02", "20240502", "2024/May/02", "2024-05-02/8001"])
def test_a_bare_name_is_not_that_of_another_day(table: Table, folder: str) -> None:
    found = table(HEAD + told("2024-05-01 09:00:00", "rec_0001.wav"))
    says = why(found, f"/r/{folder}/rec_0001.wav")
    assert "另一天" in says and ID in says and "2024-05-02" in says


@pytest.mark.parametrize(
    "path", ["/r/2024-05-01/rec_0001.wav", "/r/rec_0001.wav", "/r/2024/05/01/8001/rec_0001.wav", "/r/8001/05/02/rec_0001.wav"]
)
def test_a_bare_name_of_its_own_day_or_of_none_is_the_calls(table: Table, path: str) -> None:
    assert call_id(table(HEAD + told("2024-05-01 09:00:00", "rec_0001.wav")), path) == ID


def test_of_a_name_that_every_day_has_the_day_tells_which(table: Table) -> None:
    found = table(HEAD + told("2024-05-01 09:00:00", "rec_0001.wav") + told("2024-05-02 09:00:00", "rec_0001.wav", "1714611600.100"))
    assert call_id(found, "/r/2024-05-01/rec_0001.wav") == ID
    assert call_id(found, "/r/2024-05-02/rec_0001.wav") == "1714611600.100"
    assert "分不清是哪一通" in why(found, "/r/rec_0001.wav")


@pytest.mark.parametrize(("folder", "fits"), [("2024-05-01", True), ("2024-05-02", True), ("2024-05-03", False)])
def test_a_call_over_midnight_is_of_both_days(table: Table, folder: str, fits: bool) -> None:
    found = table(HEAD + told("2024-05-01 23:59:30", "rec_0001.wav"))
    assert (call_id(found, f"/r/{folder}/rec_0001.wav") is not None) is fits


def test_an_absolute_folder_without_a_day_does_not_vouch_for_another_day(table: Table) -> None:
    found = table(HEAD + told("2024-05-01 09:00:00", "/var/spool/rec/rec_0001.wav"))
    assert call_id(found, "/copy/rec_0001.wav") == ID and "另一天" in why(found, "/copy/2024-05-02/rec_0001.wav")


def test_an_id_of_the_house_that_may_come_again_is_of_its_day(table: Table) -> None:
    found = table("通话编号,方向,开始时间,应答时间,客户号码\n0001,呼入,2024-05-01 09:00:00,2024-05-01 09:00:05,13800138000\n")
    assert call_id(found, "/r/2024-05-01/0001.wav") == "0001"
    assert "时刻都不符" in why(found, "/r/2024-05-02/0001.wav")


# ---------------------------------------------------------------- everyday layouts


@pytest.mark.parametrize("stem", [UUID, LEG_B])
def test_freeswitch_names_a_recording_by_the_uuid_of_a_leg(table: Table, stem: str) -> None:
    head = "uuid,bleg_uuid,caller_id_number,destination_number,start_stamp,answer_stamp,bridge_stamp,end_stamp,hangup_cause\n"
    text = (
        f"{UUID},{LEG_B},13800138000,8001,2024-05-01 09:00:00,2024-05-01 09:00:05,2024-05-01 09:00:05,2024-05-01 09:01:00,NORMAL_CLEARING\n"
    )
    found = table(head + text)
    assert call_id(found, f"/archive/2024/May/01/{stem}.wav") == UUID
    assert call_id(found, f"/archive/2024/May/01/{UUID[:-1]}2.wav") is None


def test_freepbx_names_with_the_name_of_the_system(table: Table) -> None:
    name = "q-6000-13800138000-20240501-090000-pbx1-{}.mp3"
    found = table(cdr(uniqueid=f"pbx1-{ID}") + cdr(uniqueid="pbx2-1714525200.7") + cdr(uniqueid="1714525200.8", src="13900139000"))
    assert call_id(found, name.format(ID)) == f"pbx1-{ID}"
    assert "没有与它相符" in why(found, name.format("1714525200.7"))  # another system's
    assert "没有与它相符" in why(found, name.format("1714525200.8"))  # another customer's
    assert call_id(table(cdr(uniqueid="1714525200.9")), name.format("1714525200.9")) == "1714525200.9"


@pytest.mark.parametrize(
    "name", ["rec_0001.mp3", "rec_0001.WAV", "rec_0001 (1).wav", "rec_0001（2）.mp3", "rec_0001 - 副本.wav", "rec_0001.wav.mp3"]
)
def test_a_recording_that_was_converted_or_copied_keeps_its_call(table: Table, name: str) -> None:
    assert call_id(table(HEAD + told("2024-05-01 09:00:00", "rec_0001.wav")), f"/r/2024-05-01/{name}") == ID


@pytest.mark.parametrize("name", ["rec_0001.txt", "rec_0002.mp3", "rec_0001x.wav", "rec_0001 (old).wav"])
def test_another_name_is_another_recording(table: Table, name: str) -> None:
    assert "没有与它相符" in why(table(HEAD + told("2024-05-01 09:00:00", "rec_0001.wav")), name)


def test_yeastars_recordings_converted_to_mp3(table: Table) -> None:
    found = table((SAMPLES / "yeastar_p.csv").read_text("utf-8"))
    assert call_id(found, "/r/20240501/20240501090020-A-13800138000-8001-Inbound.mp3") == "20240501090000A"


def test_a_copy_of_a_recording_that_is_named_by_its_id(table: Table) -> None:
    assert call_id(table(cdr()), f"/r/external-8001-13800138000-20240501-090000-{ID} (1).wav") == ID


def test_beside_the_recording_that_the_record_names_a_converted_one_claims_nothing(table: Table, tmp_path: Path) -> None:
    found = table(HEAD + told("2024-05-01 09:00:00", "rec_0001.wav"))
    for name in ("rec_0001.mp3", "rec_0001.wav"):
        (tmp_path / name).write_bytes(name.encode())
    found.expect([tmp_path / "rec_0001.mp3", tmp_path / "rec_0001.wav"])
    assert call_id(found, str(tmp_path / "rec_0001.wav")) == ID
    assert "话单写的录音是 rec_0001.wav" in why(found, str(tmp_path / "rec_0001.mp3"))


# ---------------------------------------------------------------- what is said of those left over


def test_what_is_left_over_has_a_cause_and_a_cure(table: Table, tmp_path: Path) -> None:
    found = table(
        cdr(uniqueid="1714525200.1") + cdr(src="8001", dst="913900139000", channel="PJSIP/8001-0000002a", to="PJSIP/trunk-0000002b")
    )
    assert "qa records import" in why(found, "x.wav") and "file_pattern" in why(found, "x.wav")
    late = why(found, "external-8001-13800138000-20240501-120000-1714525200.1.wav")
    assert "时刻都不符" in late and "2024-05-01 12:00:00" in late and "2024-05-01 09:00:00" in late and "--tz" in late
    dialled = why(found, f"out-13900139000-8001-20240501-090000-{ID}.wav")
    assert "客户号码是 913900139000" in dialled and "文件名里是 13900139000" in dialled and "outside_prefix" in dialled
    two = [tmp_path / side / "external-8001-13800138000-20240501-090000-1714525200.1.wav" for side in "ab"]
    for number, path in enumerate(two):
        path.parent.mkdir()
        path.write_bytes(b"x" * (number + 1))
    found.expect(two)
    assert "请移走" in why(found, str(two[0]))


def test_several_that_fit_are_named_with_their_times_and_a_cure(table: Table) -> None:
    own = replace(CHINA, file_pattern=r"(?P<date>\d{8})_(?P<time>\d{6})_(?P<customer_number>\d+)\.wav$")
    says = why(table(cdr() + cdr(uniqueid="1714525203.101"), own), "20240501_090001_13800138000.wav")
    assert "有 2 通电话相符" in says and "2024-05-01 09:00:00" in says and "qa records withdraw" in says


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("Master.csv", cdr(), 1),
        ("cdr.csv", HEAD + told("2024-05-01 09:00:00", ""), 2),
        ("y.csv", "Time,Call From,Call To,Talk Duration(s),Status\n2024-05-01 10:00:00,1001,13700137000,55,ANSWERED\n", 2),
        ("own.csv", "通话编号,方向,开始时间\nC1,呼入,2024-05-01 09:00:00\n", 2),
        ("tickets.csv", "工单号,创建时间\nW1,2024-05-01 09:00:00\n", 2),
    ],
)
def test_where_the_zone_is_missing_the_file_and_the_line_are_named(tmp_path: Path, name: str, text: str, line: int) -> None:
    path = written(tmp_path, name, text)
    with Store(tmp_path / "qa.db") as store, pytest.raises(RecordError) as failed:
        put(store, path, Settings())
    assert failed.value.subject == f"{path}:{line}" and "时刻没有写时区" in failed.value.cause and "--tz" in failed.value.cure


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecordError) as failed:
        formats.recognised(written(tmp_path, "cdr.csv", text))
    assert failed.value.cause == "文件是空的"


# ---------------------------------------------------------------- what it costs


def test_what_was_not_found_is_looked_for_again_only_when_rows_change(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = table("".join(cdr(uniqueid=f"17145252{n:02d}.{n}", src=f"1390000{n:04d}") for n in range(10, 40)) + cdr(uniqueid=""))
    built: list[int] = []
    real = building.build

    def counted(rows, roster=()):  # type: ignore[no-untyped-def]
        some = list(rows)
        built.append(len(some))
        return real(some, roster)

    monkeypatch.setattr(building, "build", counted)
    path = "external-8001-13700137000-20240501-090000-1714525299.9.wav"
    assert call_id(found, path) is None and sum(built) == 0  # no row has its number
    built.clear()
    assert call_id(found, path) is None and found.parts_of(Path(path), 1000)[0].record is None and built == []
    put(found._store, written(tmp_path, "late.csv", cdr(uniqueid="1714525299.9", src="13700137000")))
    assert call_id(found, path) == "1714525299.9"
    assert call_id(found, "external-8001-13800138000-20240501-090000-1714525298.1.wav") is not None and max(built) == 1
