"""What records tell beside the obvious: rings behind an IVR, times in queues, lines shown, other ids of a call, unclear directions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from commands import Run
from stored_calls import save
from switch_samples import CHINA, SAMPLES, calls, cdr, put, samples, written

from qa.logfacts import gave_up_within, row, unclear_direction, waited_s
from qa.rules.expression import Truth
from qa.store import Store
from qa.switch import log
from qa.switch.from_asterisk import UNKNOWN_RING
from qa.types.log import Disposition, LoggedCall, Person

ID = "1714525200.100"
DAY = date(2024, 5, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


# ---------------------------------------------------------------- a ring group behind an IVR

IVR = cdr(to="", app="BackGround", dst="s", answer="2024-05-01 09:00:01", end="2024-05-01 09:00:30", duration=30, billsec=29)


def dialled(answer: str, **more: str | int) -> str:
    talked = 127 - 30 - (int(answer) - 30)
    told: dict[str, str | int] = {"start": "2024-05-01 09:00:30", "answer": f"2024-05-01 09:00:{answer}", "duration": 97, "billsec": talked}
    return cdr(**(told | {"dst": "600", "sequence": 1} | more))


@pytest.mark.parametrize(
    ("rows", "ring"),
    [
        (IVR + dialled("42"), "09:00:30"),
        (IVR + dialled("30"), None),  # the channel was up before: its answer is not the agent's
        (dialled("42"), None),  # no earlier row: an IVR may have answered this one
        (IVR + dialled("42", app="Queue"), None),
        (IVR.replace("ANSWERED", "NO ANSWER").replace('"2024-05-01 09:00:01"', '""') + dialled("42"), None),
        (IVR.replace("09:00:30", "09:00:50").replace(",30,29,", ",50,49,") + dialled("42"), None),  # still running when it rang
    ],
)
def test_the_ring_of_a_telephone_that_was_dialled_after_an_ivr(tmp_path: Path, rows: str, ring: str | None) -> None:
    call = calls(written(tmp_path, "Master.csv", rows))[ID]
    assert call.ring == (f"2024-05-01T{ring}.000" if ring else None)
    assert (call.agent_id, call.disposition) == ("8001", Disposition.ANSWERED)
    if ring:
        assert (call.greeted, call.answer, call.notes) == ("2024-05-01T09:00:01.000", "2024-05-01T09:00:42.000", ())
        assert call.legs[0].ring == call.ring
    else:
        assert call.legs == () and call.notes == (UNKNOWN_RING,)


# ---------------------------------------------------------------- time in the queue


def test_the_queue_log_tells_the_time_in_the_queue() -> None:
    found = samples("Master.csv", "queue_log")
    assert {call_id[-3:]: call.queued_s for call_id, call in found.items() if call.queued_s is not None} == {
        "110": 38, "140": 39, "200": 45, "210": 60, "220": 10,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("events", "queued_s"),
    [
        (
            "5|6000|NONE|ENTERQUEUE||138|1\n35|6000|NONE|EXITWITHTIMEOUT|1|1|30\n40|6001|NONE|ENTERQUEUE||138|1\n50|6001|PJSIP/8001|CONNECT|10|x|4\n",
            40,
        ),
        ("5|6000|NONE|ENTERQUEUE||138|1\n25|6000|PJSIP/8001|CONNECT\n", 20),
        ("25|6000|PJSIP/8001|CONNECT\n", None),
        ("5|6000|NONE|ENTERQUEUE||138|1\n", None),
    ],
)
def test_times_in_queues_add_up_and_an_open_one_is_not_known(tmp_path: Path, events: str, queued_s: float | None) -> None:
    lines = [f"17145252{int(line.partition('|')[0]):02d}|{ID}|{line.partition('|')[2]}\n" for line in events.splitlines()]
    assert calls(written(tmp_path, "queue_log", "".join(lines)))[ID].queued_s == queued_s


def test_who_gave_up_in_a_queue_behind_an_ivr_waited_only_in_the_queue(tmp_path: Path) -> None:
    ivr = cdr(to="", app="Queue", dst="6000", answer="2024-05-01 09:00:01", end="2024-05-01 09:00:44", duration=44, billsec=43)
    lines = f"1714525240|{ID}|6000|NONE|ENTERQUEUE||13800138000|1\n1714525244|{ID}|6000|NONE|ABANDON|1|1|4\n"
    call = calls(written(tmp_path, "Master.csv", ivr), written(tmp_path, "queue_log", lines))[ID]
    assert (call.disposition, call.queued_s, waited_s(call)) == (Disposition.ABANDONED, 4, 4)
    assert gave_up_within(call, 10) is Truth.TRUE and gave_up_within(replace(call, queued_s=12), 10) is Truth.FALSE


def test_freeswitch_and_own_tables_tell_the_time_in_the_queue(tmp_path: Path) -> None:
    told = json.loads((SAMPLES / "a_leg.cdr.json").read_text("utf-8"))
    for end, queued in (("answered", 22), ("canceled", 22), ("terminated", None)):
        variables = told["variables"] | {"cc_queue_joined_epoch": "1714525203", f"cc_queue_{end}_epoch": "1714525225"}
        (call,) = calls(written(tmp_path, "a.json", json.dumps({"variables": variables}))).values()
        assert call.queued_s == queued
    head = "通话编号,工号,方向,开始时间,应答时间,挂机时间,客户号码,排队时长\n"
    path = written(tmp_path, "o.csv", f"{head}C1,8001,呼入,2024-05-01 09:00:00,2024-05-01 09:00:50,2024-05-01 09:02:00,13800138000,0:31\n")
    assert calls(path)["C1"].queued_s == 31


# ---------------------------------------------------------------- the line that an outgoing call showed


@pytest.mark.parametrize(
    ("shown", "line"),
    [('"02588886666","LINE"', "02588886666"), ('"","4006600188"', "4006600188"), ('"",""', "8001"), ('"","客服"', "8001")],
)
def test_the_line_of_an_outgoing_call_is_the_number_that_it_showed(tmp_path: Path, shown: str, line: str) -> None:
    head = "calldate,src,dst,channel,dstchannel,lastapp,duration,billsec,disposition,uniqueid,linkedid,sequence,start,did,"
    head += "outbound_cnum,outbound_cnam\n"
    out = "2024-05-01 09:00:00,8001,13700137000,PJSIP/8001-0000000a,PJSIP/trunk-0000000b,Dial,60,50,ANSWERED,"
    out += f"{ID},{ID},0,2024-05-01 09:00:00,,{shown}\n"
    into = out.replace("8001,13700137000,PJSIP/8001-0000000a,PJSIP/trunk", "13700137000,8001,PJSIP/trunk-0000000a,PJSIP/8001")
    assert calls(written(tmp_path, "f.csv", head + out))[ID].line_number == line
    assert calls(written(tmp_path, "f.csv", head + into))[ID].line_number == ""


# ---------------------------------------------------------------- FreeSWITCH: a number that was dialled is not who answered

HEADER = "uuid,caller_id_number,destination_number,start_stamp,progress_stamp,answer_stamp,bridge_stamp,end_stamp,hangup_cause{}\n"
LEG = "6f1c2b9e-2222-4f00-9c00-0000000000a1,13800138000,8001,{0}:00,{0}:01,{0}:10,{0}:10,{0}:50,NORMAL_CLEARING{1}\n"


def leg(folder: Path, names: str = "", cells: str = "", **more: object) -> LoggedCall:
    (call,) = calls(written(folder, "fs.csv", HEADER.format(names) + LEG.format("2024-05-01 09:00", cells)), **more).values()  # type: ignore[arg-type]
    return call


def person(number: str, **more: date) -> tuple[Person, ...]:
    return (Person(number, "甲", "一组", "agent", "roster.csv:2", **more),)  # type: ignore[arg-type]


def test_a_dialled_number_is_an_agents_only_where_the_house_says_so(tmp_path: Path) -> None:
    for unknown in (leg(tmp_path), leg(tmp_path, roster=person("8002")), leg(tmp_path, roster=person("8001", until=date(2024, 4, 30)))):
        assert (unknown.agent_id, unknown.legs, unknown.ring, unknown.answer) == ("", (), None, None)
        assert unknown.disposition is Disposition.ANSWERED and any("8001" in note and "不计到任何人" in note for note in unknown.notes)
    for known in (leg(tmp_path, roster=person("8001")), leg(tmp_path, roster=person("8001", since=DAY, until=DAY))):
        assert (known.agent_id, known.ring, known.notes) == ("8001", "2024-05-01T09:00:01.000", ())
    assert leg(tmp_path, settings=replace(CHINA, agents={"8001": "KF-01"})).agent_id == "KF-01"
    assert leg(tmp_path, ",cc_agent", ",8005@default").agent_id == "8005"
    assert leg(tmp_path, ",bridge_channel", ",sofia/internal/8003@10.0.0.1").agent_id == "8003"


def test_a_roster_that_comes_later_tells_it(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "fs.csv", HEADER.format(",recording_file") + LEG.format("2024-05-01 09:00", ",r.wav")))
    assert log.records(store).for_file(Path("r.wav")).agent_id == ""  # type: ignore[union-attr]
    put(store, SAMPLES / "roster.csv")
    assert log.records(store).for_file(Path("r.wav")).agent_id == "8001"  # type: ignore[union-attr]
    assert log.load(store, DAY, DAY).calls[0].agent_id == "8001"


# ---------------------------------------------------------------- calls of unclear direction

YEASTAR = "ID,Time,Call From,Call To,Call Duration(s),Ring Duration(s),Talk Duration(s),Status,Communication Type\n"


def test_calls_of_unclear_direction_are_in_the_log_and_nobodys(store: Store, qa: Run, tmp_path: Path) -> None:
    put(store, written(tmp_path, "y.csv", YEASTAR + "77,2024-05-01 10:00:00,1001,13700137000,60,5,55,ANSWERED,内部通话\n"))
    put(store, written(tmp_path, "Master.csv", cdr() + cdr(uniqueid="1714525200.3", channel="PJSIP/888888-0000002a", dst="4001234567")))
    own = put(
        store,
        written(
            tmp_path, "o.csv", "通话编号,主叫,被叫,开始时间,应答时间\nC9,13800138000,13900139000,2024-05-01 11:00:00,2024-05-01 11:00:05\n"
        ),
    )
    assert (own.wrong, len(own.faults)) == (1, 1) and "分不清呼入还是呼出" in own.faults[0].cause
    found = log.load(store, DAY, DAY)
    unclear = unclear_direction(found.calls)
    assert [(call.call_id, call.direction, call.agent_id, call.legs) for call in unclear] == [
        ("1714525200.3", "", "", ()), ("77", "", "", ()), ("C9", "", "", ()),
    ]  # fmt: skip
    assert len(found.calls) == 4 and all(call.notes and call.start for call in unclear)
    assert unclear[1].customer_number == "13700137000" and unclear[2].customer_number == ""
    assert row(unclear[1]).text.startswith("方向不明，13700137000")
    told = qa("records", "problems")
    assert told.code == 1 and "方向不明 3 通" in told.out and "共 3 处问题" in told.out
    listed = qa("records", "list", "--since", "2024-05-01").out
    assert "4 通电话，其中方向不明 3 通" in listed


def test_a_direction_that_is_told_later_takes_it_off_the_list(store: Store, tmp_path: Path) -> None:
    path = written(
        tmp_path, "o.csv", "通话编号,主叫,被叫,开始时间,应答时间\nC9,13800138000,900900,2024-05-01 11:00:00,2024-05-01 11:00:05\n"
    )
    put(store, path, replace(CHINA, extensions=r"\d{4}"))
    assert len(unclear_direction(log.load(store, DAY, DAY).calls)) == 1
    put(store, path, replace(CHINA, extensions=r"9\d{5}"))
    (call,) = log.load(store, DAY, DAY).calls
    assert call.direction == "in" and unclear_direction((call,)) == () and store.log.faults() == ()


# ---------------------------------------------------------------- other ids of a call


def test_registers_and_scorecards_find_a_call_by_any_of_its_ids(store: Store, tmp_path: Path) -> None:
    for name in ("Master.csv", "queue_log", "a_leg.cdr.json", "b_leg.cdr.json"):
        put(store, SAMPLES / name)
    unique, bridged, leg_b = "1714525831.112", "1714525831.111", "6f1c2b9e-1111-4f00-9c00-0000000000b1"
    text = "".join(f"W{n},2024-05-01 12:00:00,{one}\n" for n, one in enumerate((unique, bridged, leg_b, "other", f"{unique}#2")))
    put(store, written(tmp_path, "t.csv", f"工单号,创建时间,通话编号\n{text}"))
    put(store, written(tmp_path, "c.csv", f"投诉单号,投诉时间,通话编号\nT1,2024-05-01 12:00:00,{leg_b}\n"))
    put(store, written(tmp_path, "s.csv", f"通话编号,满意度,评价时间\n{unique},5,2024-05-01 12:00:00\n"))
    save(store, unique)  # scored before the linked id was known
    found = log.load(store, DAY, DAY)
    call, other = "1714525800.110", "6f1c2b9e-1111-4f00-9c00-0000000000a1"
    assert {call, other} <= {one.call_id for one in found.calls}
    assert [ticket.call_id for ticket in found.tickets] == [call, call, other, "other", call]
    assert [found.complaints[0].call_id, found.surveys[0].call_id] == [other, call]
    assert found.scored == found.recorded == {call}


def test_a_ticket_written_later_is_found_by_another_id(store: Store, tmp_path: Path) -> None:
    put(store, SAMPLES / "Master.csv")
    put(store, written(tmp_path, "t.csv", "工单号,创建时间,通话编号\nW1,2024-04-20 12:00:00,1714525831.112\n"))
    assert [ticket.call_id for ticket in log.load(store, DAY, DAY).tickets] == ["1714525800.110"]


@pytest.mark.parametrize(
    ("number", "at", "which"),
    [
        ("13900139000", "2024-05-03 10:00:00", "@20240501T160001"),
        ("+86 13800138000", "2024-05-03 10:00:00", ""),
        ("", "2024-05-01 12:00:00", ""),
        ("", "2024-05-03 10:00:00", ""),  # neither tells: it keeps what it names
    ],
)
def test_of_an_id_given_twice_number_and_time_tell_the_call(store: Store, tmp_path: Path, number: str, at: str, which: str) -> None:
    later = cdr(
        start="2024-05-01 16:00:01", answer="2024-05-01 16:00:05", end="2024-05-01 16:01:01", duration=60, billsec=56, src="13900139000"
    )
    put(store, written(tmp_path, "m.csv", cdr() + later))
    put(store, written(tmp_path, "t.csv", f"工单号,创建时间,通话编号,客户号码\nW1,{at},{ID},{number}\n"))
    found = log.load(store, DAY, DAY)
    assert len(found.calls) == 2
    assert [ticket.call_id for ticket in found.tickets] == [f"{ID}{which}"]


def test_a_ticket_of_the_other_call_of_an_id_is_not_this_ones(store: Store, tmp_path: Path) -> None:
    """The call of the day before has the id, too, and the ticket."""
    later = cdr(
        start="2024-05-02 09:00:00", answer="2024-05-02 09:00:05", end="2024-05-02 09:01:00", duration=60, billsec=55, src="13900139000"
    )
    put(store, written(tmp_path, "m.csv", cdr() + later))
    put(store, written(tmp_path, "t.csv", f"工单号,创建时间,通话编号,客户号码\nW1,2024-05-02 08:00:00,{ID},13800138000\n"))
    found = log.load(store, date(2024, 5, 2), date(2024, 5, 2))
    assert [call.call_id for call in found.calls] == [f"{ID}@20240502T090000"] and [t.call_id for t in found.tickets] == [ID]
