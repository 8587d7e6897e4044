"""What the records do not tell is nobody's: rung telephones, dialled numbers, unknown directions, ids given twice, zones put right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from switch_samples import CHINA, SAMPLES, calls, cdr, put, read, written

from qa.store import Store
from qa.switch import building, log
from qa.switch.joins import NOBODY, RecordTable
from qa.types.log import Disposition, LoggedCall

DAY = "2024-05-01T"
ID = "1714525200.100"
ALONE = replace(CHINA, machine_first=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


def left_open(path: Path) -> str:
    built, faults = building.build(read(path)[0])
    assert built == [] and len(faults) == 1 and (faults[0].file, faults[0].line > 0) == (str(path), True)
    return faults[0].message


# ---------------------------------------------------------------- a telephone that only rang


def test_a_call_that_the_voice_box_took_is_nobodys(store: Store, tmp_path: Path) -> None:
    rang = cdr(answer="", end="2024-05-01 09:00:25", duration=25, billsec=0, disposition="NO ANSWER")
    box = cdr(start="2024-05-01 09:00:25", answer="2024-05-01 09:00:25", end="2024-05-01 09:00:55", duration=30, billsec=30, to="",
              app="VoiceMail", dst="vmu8001", sequence=2)  # fmt: skip
    put(store, written(tmp_path, "Master.csv", rang + box))
    table = RecordTable(store)
    record = table.for_file(Path(f"in-8001-13800138000-20240501-090000-{ID}.wav"))
    assert record is not None and (record.agent_id, record.notes) == ("", (NOBODY,)) and NOBODY in table.problems[-1].message
    assert log.load(store, date(2024, 5, 1), date(2024, 5, 1)).calls[0].agent_id == "8001"  # whose telephone it was, for the log


def test_a_row_that_the_voice_box_answered_is_no_agents_though_it_names_a_telephone(tmp_path: Path) -> None:
    call = calls(written(tmp_path, "Master.csv", cdr(app="VoiceMail")), settings=ALONE)[ID]
    assert (call.disposition, call.legs) == (Disposition.ABANDONED, ())


def leg(uuid: int, **told: str) -> dict[str, dict[str, str]]:
    first = {"uuid": f"{uuid:08d}-0000-4000-8000-000000000000", "direction": "inbound", "caller_id_number": "13800138000",
             "destination_number": "1001", "start_epoch": "1714525200", "progress_epoch": "1714525201", "answer_epoch": "1714525231",
             "bridge_epoch": "1714525231", "end_epoch": "1714525261", "record_name": "fs.wav",
             "hangup_cause": "NORMAL_CLEARING"}  # fmt: skip
    return {"variables": first | told}


def freeswitch(folder: Path, *legs: dict[str, dict[str, str]]) -> LoggedCall:
    (call,) = calls(written(folder, "cdr.json", json.dumps(legs))).values()
    return call


@pytest.mark.parametrize("told", [{"bridge_epoch": "0", "last_app": "voicemail"}, {"bridge_epoch": "", "last_app": "voicemail"}])
def test_freeswitch_a_voice_box_is_nobodys(store: Store, tmp_path: Path, told: dict[str, str]) -> None:
    put(store, written(tmp_path, "cdr.json", json.dumps([leg(1, **told)])), settings=ALONE)
    record = RecordTable(store).for_file(Path("fs.wav"))
    assert record is not None and record.agent_id == ""


def test_yeastar_the_agent_is_the_one_who_answered(tmp_path: Path) -> None:
    head = "ID,Time,Call From,Call To,Call Duration(s),Talk Duration(s),Status,Call Type,Recording File\n"
    rang = "77,2024-05-01 09:00:00,13800138000,1001,20,0,NO ANSWER,Inbound,\n"
    taken = "77,2024-05-01 09:00:20,13800138000,1002,60,50,ANSWERED,Inbound,y77.wav\n"
    assert calls(written(tmp_path, "y.csv", head + rang + taken))["77"].agent_id == "1002"
    both = head + rang.replace("20,0,NO ANSWER", "20,10,ANSWERED") + taken
    assert calls(written(tmp_path, "y.csv", both))["77"].agent_id == ""


# ---------------------------------------------------------------- the number dialled is not who answered


def test_freeswitch_the_first_leg_tells_whom_it_was_bridged_with(tmp_path: Path) -> None:
    to = {"last_app": "bridge", "last_arg": "user/1002@pbx", "dialed_user": "1002", "bridge_channel": "sofia/internal/1002@10.0.0.1"}
    call = freeswitch(tmp_path, leg(1, **to))
    assert (call.agent_id, call.answer, call.ring) == ("1002", f"{DAY}09:00:31.000", None)
    same = freeswitch(tmp_path, leg(1, **{name: value.replace("1002", "1001") for name, value in to.items()}))
    assert (same.agent_id, same.ring) == ("1001", f"{DAY}09:00:01.000")


@pytest.mark.parametrize(
    "told",
    [
        {"last_arg": "user/1001@pbx,user/1002@pbx"},
        {"last_arg": "user/1001@pbx", "bridge_channel": "sofia/internal/1002@10.0.0.1"},
        {"last_arg": "sofia/gateway/gw1/13900139000"},
        {"last_arg": "group/sales@pbx"},
    ],
)
def test_freeswitch_where_it_does_not_tell_nobody_is_taken(tmp_path: Path, told: dict[str, str]) -> None:
    call = freeswitch(tmp_path, leg(1, last_app="bridge", **told))
    assert (call.agent_id, call.legs, call.disposition) == ("", (), Disposition.ANSWERED) and call.notes


# ---------------------------------------------------------------- directions


@pytest.mark.parametrize("agent_first", [True, False])
def test_freeswitch_a_call_that_the_switch_made_to_both_sides_is_outgoing(tmp_path: Path, agent_first: bool) -> None:
    agent = {"destination_number": "1001", "caller_id_number": "4001234567", "direction": "outbound"}
    customer = {**agent, "destination_number": "13800138000", "sip_gateway_name": "gw1", "answer_epoch": "1714525240"}
    first, second = (agent, customer) if agent_first else (customer, agent)
    second |= {"originating_leg_uuid": leg(1)["variables"]["uuid"], "bridge_uuid": leg(1)["variables"]["uuid"], "start_epoch": "1714525205",
               "progress_epoch": "0"}  # fmt: skip
    call = freeswitch(tmp_path, leg(1, **first), leg(2, **second))
    assert (call.direction, call.agent_id, call.customer_number, call.line_number) == ("out", "1001", "13800138000", "4001234567")
    assert (call.answer, call.forwarded_to) == (f"{DAY}09:00:40.000", "")
    assert "哪一段是坐席" in left_open(written(tmp_path, "one.json", json.dumps([leg(1, **customer)])))


def test_yeastar_an_unknown_type_leaves_the_call_open(tmp_path: Path) -> None:
    head = "ID,Time,Call From,Call To,Call Duration(s),Ring Duration(s),Talk Duration(s),Status,Communication Type\n"
    row = "1,2024-05-01 09:00:00,1001,{},60,5,55,ANSWERED,{}\n"
    assert "'内部通话' 不认识" in left_open(written(tmp_path, "y.csv", head + row.format("1002", "内部通话")))
    for to, way in (("1002", "internal"), ("IVR 6200", "internal"), ("13800138000", "out")):
        assert calls(written(tmp_path, "y.csv", head + row.format(to, "")))["1"].direction == way
    assert "双方都不是内线" in left_open(written(tmp_path, "y.csv", head + row.format("13800138000", "").replace("1001", "13900139000")))


def test_a_trunk_with_a_name_like_an_extension_is_left_open(tmp_path: Path) -> None:
    path = written(tmp_path, "Master.csv", cdr(channel="PJSIP/888888-0000002a", dst="4001234567"))
    assert "分不清呼入还是呼出" in left_open(path)
    stated = replace(CHINA, extensions=r"8\d{3}")
    assert calls(path, settings=stated)[ID].direction == "in"
    dialled = cdr(src="8001", channel="PJSIP/8001-0000002a", to="PJSIP/888888-0000002b", dst="13900139000")
    assert "分不清内部还是呼出" in left_open(written(tmp_path, "Master.csv", dialled))


@pytest.mark.parametrize(("dst", "way"), [("10086", "out"), ("13900139000", "out"), ("8002", "internal"), ("*97", "internal")])
def test_a_busy_number_without_a_channel_is_known_by_its_number(tmp_path: Path, dst: str, way: str) -> None:
    row = cdr(src="8001", channel="PJSIP/8001-0000002a", to="", dst=dst, answer="", disposition="BUSY", billsec=0)
    assert calls(written(tmp_path, "Master.csv", row))[ID].direction == way


# ---------------------------------------------------------------- a colleague who was asked


def consultation(end: str = "09:02:00") -> str:
    return cdr(src="8001", channel="PJSIP/8001-00000003", to="PJSIP/8002-00000004", dst="8002", start="2024-05-01 09:01:00",
               answer="2024-05-01 09:01:05", end=f"2024-05-01 {end}", duration=60 if end == "09:02:00" else 30, billsec=25,
               uniqueid="1714525260.3", linkedid=ID, sequence=3)  # fmt: skip


def test_a_consultation_is_no_part_of_the_customers_call(tmp_path: Path) -> None:
    first = cdr(end="2024-05-01 09:02:00", duration=120, billsec=113)
    taken = cdr(start="2024-05-01 09:02:00", answer="2024-05-01 09:02:00", end="2024-05-01 09:03:40", duration=100, billsec=100, dst="8002",
                to="PJSIP/8002-00000004", sequence=5)  # fmt: skip
    call = calls(written(tmp_path, "Master.csv", first + consultation() + taken), settings=ALONE)[ID]
    assert [(part.agent_id, part.answer[11:19], part.ring is None) for part in call.legs] == [
        ("8001", "09:00:07", False),
        ("8002", "09:02:00", True),
    ]
    asked = calls(written(tmp_path, "Master.csv", cdr() + consultation("09:01:30")), settings=ALONE)[ID]
    assert [part.agent_id for part in asked.legs] == ["8001"]
    untold = calls(written(tmp_path, "Master.csv", first + consultation()), settings=ALONE)[ID]
    assert (untold.legs, untold.agent_id) == ((), "")  # who had the customer after that is not told


# ---------------------------------------------------------------- ids, zones and settings


HEAD = "通话编号,方向,客户号码,工号,开始时间,应答时间,挂机时间,录音文件\n"
ROW = "0001,呼入,13800138000,8001,2024-05-01 09:00:00,2024-05-01 09:00:05,2024-05-01 09:01:00,2024-05-01/0001.wav\n"


@pytest.mark.parametrize(("old", "new"), [("13800138000", "13900139000"), ("09:00:00", "08:50:00")])
def test_an_id_of_another_call_is_a_fault_and_no_correction(store: Store, tmp_path: Path, old: str, new: str) -> None:
    both = put(store, written(tmp_path, "a.csv", HEAD + ROW + ROW.replace(old, new)))
    assert (both.rows, both.wrong, both.faults[0].line) == (1, 1, 3) and "已属于另一通电话" in both.faults[0].cause
    assert put(store, written(tmp_path, "b.csv", HEAD + ROW.replace(old, new))).wrong == 1
    assert put(store, written(tmp_path, "c.csv", HEAD + ROW.replace("8001,", "8002,"))).fresh == 1
    (call,) = log.load(store, date(2024, 5, 1), date(2024, 5, 1)).calls
    assert (call.agent_id, call.customer_number, call.start) == ("8002", "13800138000", f"{DAY}09:00:00.000")


def test_two_callers_in_one_second_without_an_id_are_two_calls(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "Master.csv", cdr(uniqueid="") + cdr(uniqueid="", src="13900139000")))
    found = log.load(store, date(2024, 5, 1), date(2024, 5, 1)).calls
    assert sorted(call.customer_number for call in found) == ["13800138000", "13900139000"]


@pytest.mark.parametrize("name", ["Master.csv", "yeastar_p.csv", "yeastar_s_zh.csv", "own"])
def test_a_wrong_zone_is_put_right_by_importing_again(store: Store, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, "own.csv", HEAD + ROW) if name == "own" else SAMPLES / name
    days = date(2024, 4, 29), date(2024, 5, 3)
    put(store, path)
    right = log.load(store, *days).calls
    for zone in ("UTC", "Asia/Tokyo"):
        put(store, path, settings=replace(CHINA, zone=ZoneInfo(zone)))
        wrong = log.load(store, *days).calls
        assert len(wrong) == len(right) and all(a.start != b.start for a, b in zip(right, wrong, strict=True))
    put(store, path)
    assert log.load(store, *days).calls == right
    assert put(store, path).known


def test_an_import_that_states_nothing_takes_no_settings_back(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "a.csv", cdr()), settings=replace(CHINA, file_pattern=r"(?P<call_id>\d+)\.wav", outside_prefix="9"))
    put(store, written(tmp_path, "b.csv", HEAD + ROW))
    assert (store.log.settings().file_pattern, store.log.settings().outside_prefix) == (r"(?P<call_id>\d+)\.wav", "9")
    put(store, written(tmp_path, "c.csv", cdr(uniqueid="1714525200.9")), settings=replace(CHINA, outside_prefix="0"))
    assert store.log.settings().outside_prefix == "0"


# ---------------------------------------------------------------- a recording that its own name contradicts


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (f"q-600-13800138000-20240503-150000-{ID}.wav", "时刻都不符"),
        (f"q-600-13911112222-20240501-090000-{ID}.wav", "客户号码是 13800138000"),
    ],
)
def test_an_id_does_not_join_what_the_name_contradicts(store: Store, tmp_path: Path, name: str, says: str) -> None:
    put(store, written(tmp_path, "Master.csv", cdr()))
    table = RecordTable(store)
    assert table.for_file(Path(name)) is None and says in table.problems[-1].message
    assert table.for_file(Path(f"q-600-13800138000-20240501-090000-{ID}.wav")) is not None


@pytest.mark.parametrize(
    ("told", "path", "joined"),
    [
        ("2024-05-01/", "/rec/2024-05-01/0001.wav", True),
        ("2024-05-01/", "/rec/2024-05-02/0001.wav", False),
        ("/var/spool/2024/05/01/", "/mnt/2024/05/01/0001.wav", True),
        ("/var/spool/2024/05/01/", "/mnt/2024/05/02/0001.wav", False),
        ("/var/spool/monitor/", "/mnt/0001.wav", True),
        ("D:\\rec\\", "/mnt/0001.wav", True),
        ("", "/mnt/0001.wav", True),
    ],
)
def test_a_file_in_another_folder_is_another_recording(store: Store, tmp_path: Path, told: str, path: str, joined: bool) -> None:
    put(store, written(tmp_path, "a.csv", HEAD + ROW.replace("2024-05-01/", told)))
    table = RecordTable(store)
    assert (table.for_file(Path(path)) is not None) is joined
    assert joined or "别的文件夹" in table.problems[-1].message
