"""Every format of call records: which time is the ring, who answered, who hung up, and what is left open."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from switch_samples import CHINA, SAMPLES, calls, cdr, read, samples, written

from qa.errors import RecordError
from qa.switch import building, formats
from qa.switch.from_asterisk import RANG_BEFORE, SEVERAL, UNKNOWN_RING
from qa.types.log import Disposition, Leg, LoggedCall, Person

DAY = "2024-05-01T"


def clocks(call: LoggedCall) -> tuple[str, ...]:
    """Start, greeting, ring, answer and end of a call on the samples' day."""
    times = (call.start, call.greeted, call.ring, call.answer, call.end)
    return tuple("" if time is None else time.removeprefix(DAY).removesuffix(".000") for time in times)


# ---------------------------------------------------------------- which format


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("Master.csv", "asterisk"),
        ("freepbx.csv", "asterisk"),
        ("queue_log", "queue_log"),
        ("a_leg.cdr.json", "freeswitch-json"),
        ("freeswitch_example.csv", "freeswitch"),
        ("freeswitch_header.csv", "freeswitch"),
        ("yeastar_p.csv", "yeastar"),
        ("yeastar_s_zh.csv", "yeastar"),
        ("roster.csv", "roster"),
        ("complaints.csv", "complaints"),
    ],
)
def test_a_format_is_known_by_its_header_or_its_shape(name: str, format_: str) -> None:
    assert formats.recognised(SAMPLES / name) == format_


@pytest.mark.parametrize("text", ["a,b,c\n1,2,3\n", "", "just words\n", '"x","y"\n', "工号,数量\n1,2\n"])
def test_what_is_not_known_is_an_error_that_lists_what_was_looked_for(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecordError) as failed:
        formats.recognised(written(tmp_path, "some.csv", text))
    assert all(f"{name}：" in failed.value.cure for name in formats.FORMATS)


def test_a_table_that_may_be_two_things_is_an_error(tmp_path: Path) -> None:
    both = written(tmp_path, "both.csv", "满意度,通话编号,工单号,创建时间\n5,C1,W1,2024-05-01 09:00:00\n")
    with pytest.raises(RecordError, match="分不清"):
        formats.recognised(both)
    assert read(both, format_="tickets")[0][0].values["ticket_id"] == "W1"


def test_a_name_that_is_no_format_is_an_error() -> None:
    with pytest.raises(RecordError, match="asterisk"):
        formats.reading(SAMPLES / "Master.csv", "avaya")


# ---------------------------------------------------------------- Asterisk


def test_a_cdr_alone_does_not_say_how_long_the_agent_let_it_ring() -> None:
    call = samples("Master.csv")["1714525200.100"]
    assert (call.direction, call.disposition, call.agent_id, call.customer_number) == ("in", Disposition.ANSWERED, "8001", "13800138000")
    assert clocks(call) == ("09:00:00", "09:00:07", "", "", "09:02:07")
    assert call.legs == () and call.notes == (UNKNOWN_RING,) and call.precision_ms == 1000


def test_where_no_machine_answers_first_the_cdr_has_ring_and_answer() -> None:
    call = samples("Master.csv", settings=replace(CHINA, machine_first=False))["1714525200.100"]
    assert clocks(call) == ("09:00:00", "", "09:00:00", "09:00:07", "09:02:07")
    assert call.legs == (Leg("8001", f"{DAY}09:00:07.000", f"{DAY}09:02:07.000", f"{DAY}09:00:00.000"),) and call.notes == ()


def test_the_queue_log_tells_when_the_agents_telephone_began_to_ring() -> None:
    call = samples("Master.csv", "queue_log")["1714525800.110"]
    assert clocks(call) == ("09:10:00", "09:10:02", "09:10:31", "09:10:40", "09:14:00")
    assert (call.queue, call.agent_id, call.hangup_by, call.customer_number) == ("6000", "8002", "customer", "13900139000")


def test_freepbx_rows_of_an_agents_local_channel_have_the_ring_without_a_queue_log() -> None:
    call = samples("Master.csv")["1714525800.110"]
    assert clocks(call) == ("09:10:00", "09:10:02", "09:10:31", "09:10:40", "09:14:00")
    assert (call.agent_id, call.hangup_by) == ("8002", None)


def test_an_agents_local_channel_that_had_rung_out_before_leaves_the_ring_open(tmp_path: Path) -> None:
    local = {"to": "PJSIP/8002-00000031", "dst": "8002", "linkedid": "1714525200.100"}
    first = cdr(channel="Local/8002@from-queue-0000001b;2", answer="", end="2024-05-01 09:00:15", duration=15, billsec=0,
                disposition="NO ANSWER", uniqueid="1714525200.102", **local)  # fmt: skip
    second = cdr(channel="Local/8002@from-queue-0000001c;2", start="2024-05-01 09:00:20", answer="2024-05-01 09:00:25", duration=107,
                 billsec=102, uniqueid="1714525220.104", **local)  # fmt: skip
    call = calls(written(tmp_path, "Master.csv", first + second))["1714525200.100"]
    assert (call.ring, call.answer, call.notes) == (None, f"{DAY}09:00:25.000", (RANG_BEFORE,))
    assert calls(written(tmp_path, "Master.csv", second))["1714525200.100"].ring == f"{DAY}09:00:20.000"


def test_an_attended_transfer_names_no_number(tmp_path: Path) -> None:
    lines = (SAMPLES / "queue_log").read_text("utf-8").replace("BLINDTRANSFER|8003|from-internal", "ATTENDEDTRANSFER|BRIDGE|2d6b9ac2-0001")
    call = calls(written(tmp_path, "queue_log", lines))["1714532990.200"]
    assert [leg.agent_id for leg in call.legs] == ["8001", ""] and call.forwarded_to == ""


def test_rows_of_one_linked_id_are_one_call() -> None:
    assert sorted(samples("Master.csv", "freepbx.csv", "queue_log")) == [
        "1714525200.100", "1714525800.110", "1714528800.120", "1714529400.130", "1714532400.150", "1714532990.200", "1714533590.210",
        "1714533990.220", "1714579180.140",
    ]  # fmt: skip


def test_an_outgoing_call_is_answered_by_the_customer() -> None:
    call = samples("Master.csv")["1714528800.120"]
    assert (call.direction, call.agent_id, call.customer_number, call.ring) == ("out", "8001", "13700137000", None)
    assert call.legs == (Leg("8001", f"{DAY}10:00:12.000", f"{DAY}10:03:00.000"),)


def test_inner_calls_and_unanswered_ones() -> None:
    found = samples("Master.csv")
    assert found["1714529400.130"].direction == "internal"
    missed = found["1714532400.150"]
    assert (missed.disposition, missed.answer, missed.legs, missed.agent_id) == (Disposition.UNANSWERED, None, (), "8003")


def test_an_anonymous_caller_who_gave_up_in_the_queue_at_midnight() -> None:
    call = samples("Master.csv", "queue_log")["1714579180.140"]
    assert (call.disposition, call.customer_number, call.queue) == (Disposition.ABANDONED, "", "6000")
    assert (call.start, call.end) == ("2024-05-01T23:59:40.000", "2024-05-02T00:00:20.000")


def test_the_queue_log_alone() -> None:
    found = samples("queue_log")
    timeout, finished = found["1714533590.210"], found["1714533990.220"]
    assert (timeout.disposition, timeout.legs) == (Disposition.UNANSWERED, ())
    assert (finished.hangup_by, finished.agent_id, finished.ring, finished.notes) == ("agent", "8002", None, (UNKNOWN_RING,))


def test_a_telephone_that_had_rung_before_is_not_judged_and_a_transfer_belongs_to_nobody_without_a_cdr() -> None:
    call = samples("queue_log")["1714532990.200"]
    assert call.ring is None and call.notes == (RANG_BEFORE,) and call.hangup_by is None and call.end is None
    assert [(leg.agent_id, leg.answer[11:19], leg.end) for leg in call.legs] == [
        ("8001", "11:10:45", f"{DAY}11:12:25.000"),
        ("", "11:12:25", None),
    ]


def test_the_cdr_tells_who_took_a_transferred_call(tmp_path: Path) -> None:
    queue = cdr(uniqueid="1714532990.200", start="2024-05-01 11:09:50", answer="2024-05-01 11:10:00", end="2024-05-01 11:12:25",
                duration=155, billsec=145, app="Queue", to="PJSIP/8001-00000009", src="13500135000")  # fmt: skip
    taken = cdr(uniqueid="1714532990.200", start="2024-05-01 11:12:26", answer="2024-05-01 11:12:26", end="2024-05-01 11:15:00",
                duration=154, billsec=154, dst="8003", to="PJSIP/8003-0000000a", src="13500135000", sequence=1)  # fmt: skip
    call = calls(written(tmp_path, "Master.csv", queue + taken), SAMPLES / "queue_log")["1714532990.200"]
    assert [(leg.agent_id, leg.answer[11:19], (leg.end or "")[11:19]) for leg in call.legs] == [
        ("8001", "11:10:45", "11:12:25"),
        ("8003", "11:12:26", "11:15:00"),
    ]
    assert call.end == f"{DAY}11:15:00.000" and call.hangup_by is None


def test_an_agent_whose_time_nobody_knows_keeps_the_call_from_being_put_down_to_another(tmp_path: Path) -> None:
    """8001 was called directly (when did 8001 answer? an IVR may have been first), then 8003 by a queue."""
    direct = cdr(end="2024-05-01 09:01:00", duration=60, billsec=53)
    queued = cdr(start="2024-05-01 09:01:10", answer="2024-05-01 09:01:15", end="2024-05-01 09:03:00", duration=110, billsec=105,
                 dst="8003", channel="Local/8003@from-queue-0000001c;2", to="PJSIP/8003-00000031", sequence=1, linkedid="1714525200.100",
                 uniqueid="1714525270.102")  # fmt: skip
    call = calls(written(tmp_path, "Master.csv", direct + queued))["1714525200.100"]
    assert (call.agent_id, call.legs, call.notes[0], call.disposition) == ("", (), SEVERAL, Disposition.ANSWERED)
    alone = calls(written(tmp_path, "Master.csv", queued))["1714525200.100"]
    assert (alone.agent_id, alone.ring) == ("8003", f"{DAY}09:01:10.000")


def test_an_agent_whose_caller_stays_for_the_survey_has_not_hung_up(tmp_path: Path) -> None:
    row = cdr(uniqueid="1714533990.220", start="2024-05-01 11:26:30", answer="2024-05-01 11:26:31", end="2024-05-01 11:28:50",
              duration=140, billsec=139, app="Queue", to="PJSIP/8002-00000009")  # fmt: skip
    call = calls(written(tmp_path, "Master.csv", row), SAMPLES / "queue_log")["1714533990.220"]
    assert call.hangup_by is None and call.legs[0].end == f"{DAY}11:28:30.000"


@pytest.mark.parametrize(
    ("channel", "to", "direction"),
    [
        ("SIP/8001-0000002a", "SIP/4001234567-0000002b", "out"),
        ("IAX2/carrier-1234", "SIP/8001-0000002b", "in"),
        ("PJSIP/8001-0000002a", "PJSIP/8002-0000002b", "internal"),
        ("DAHDI/i1/13800138000-1", "PJSIP/8002-0000002b", "in"),
    ],
)
def test_the_direction_is_told_by_the_channels(tmp_path: Path, channel: str, to: str, direction: str) -> None:
    src = "13800138000" if direction == "in" else "8001"
    path = written(tmp_path, "Master.csv", cdr(src=src, channel=channel, to=to, dst="13900139000" if direction == "out" else "8002"))
    assert calls(path)["1714525200.100"].direction == direction


def test_a_call_passed_to_an_outer_number_is_forwarded(tmp_path: Path) -> None:
    path = written(tmp_path, "Master.csv", cdr(to="PJSIP/trunk-0000002c", dst="013900139000"))
    call = calls(path)["1714525200.100"]
    assert (call.disposition, call.forwarded_to, call.legs) == (Disposition.FORWARDED, "13900139000", ())


def test_names_and_extensions_of_the_switch_become_agent_numbers() -> None:
    call = samples("queue_log", settings=replace(CHINA, agents={"8002": "KF-02"}))["1714533990.220"]
    assert call.agent_id == "KF-02"


# ---------------------------------------------------------------- FreeSWITCH


def test_freeswitch_the_ring_is_the_progress_of_the_second_leg_and_zero_is_never() -> None:
    (call,) = samples("a_leg.cdr.json", "b_leg.cdr.json").values()
    assert clocks(call) == ("09:00:00.120", "09:00:01", "09:00:18.300", "09:00:25.400", "09:01:40.760")
    assert (call.agent_id, call.hangup_by, call.queue, call.recording) == ("8001", "customer", "support", "6f1c2b9e.wav")
    assert call.precision_ms == 1 and call.notes == ()


def test_freeswitch_the_first_leg_alone_was_answered_by_somebody_who_is_not_told() -> None:
    (call,) = samples("a_leg.cdr.json").values()
    assert (call.disposition, call.ring, call.answer, call.agent_id, call.notes) == (Disposition.ANSWERED, None, None, "", (UNKNOWN_RING,))


def test_freeswitch_seconds_where_no_microseconds_are_told(tmp_path: Path) -> None:
    told = json.loads((SAMPLES / "a_leg.cdr.json").read_text("utf-8"))
    kept = {name: value for name, value in told["variables"].items() if not name.endswith("_uepoch")}
    path = written(tmp_path, "a.json", json.dumps([{"variables": kept}]))
    (call,) = calls(path).values()
    assert (call.start, call.precision_ms) == (f"{DAY}09:00:00.000", 1000)


def test_freeswitch_lines_of_json_and_a_broken_one(tmp_path: Path) -> None:
    lines = [json.dumps(json.loads((SAMPLES / name).read_text("utf-8"))) for name in ("a_leg.cdr.json", "b_leg.cdr.json")]
    rows, faults = read(written(tmp_path, "cdr.json", "\n".join([lines[0], lines[1][:200], lines[1], "[" * 5000, '{"variables": 3}'])))
    assert [row.line for row in rows] == [1, 3]
    assert [fault.line for fault in faults] == [2, 4, 5]


def test_freeswitch_the_template_of_a_new_installation_has_no_header() -> None:
    found = list(samples("freeswitch_example.csv").values())
    assert [(call.direction, call.disposition) for call in found] == [
        ("in", Disposition.ANSWERED), ("out", Disposition.ANSWERED), ("in", Disposition.UNANSWERED),
    ]  # fmt: skip
    assert found[1].legs == (Leg("8001", f"{DAY}10:00:12.000", f"{DAY}10:03:00.000"),) and found[0].legs == ()


def test_freeswitch_a_header_with_progress_and_bridge_tells_the_ring_unless_a_machine_answered_first() -> None:
    roster = (Person("8001", "甲", "一组", "agent", "roster.csv:2"),)
    direct, greeted = samples("freeswitch_header.csv", roster=roster).values()
    assert clocks(direct) == ("09:00:00", "", "09:00:01", "09:00:10", "09:01:00")
    assert clocks(greeted) == ("10:00:00", "10:00:02", "", "10:00:40", "10:01:00") and greeted.notes == (UNKNOWN_RING,)


def test_freeswitch_a_telephone_that_had_rung_before_leaves_the_ring_open(tmp_path: Path) -> None:
    legs = [json.loads((SAMPLES / name).read_text("utf-8")) for name in ("a_leg.cdr.json", "b_leg.cdr.json", "b_leg.cdr.json")]
    missed = {"uuid": "6f1c2b9e-1111-4f00-9c00-0000000000b0", "answer_uepoch": "0", "start_uepoch": "1714525203000000",
              "progress_uepoch": "1714525203500000", "end_uepoch": "1714525214000000", "hangup_cause": "NO_ANSWER"}  # fmt: skip
    legs[2]["variables"] |= missed
    (call,) = calls(written(tmp_path, "cdr.json", json.dumps(legs))).values()
    assert (call.agent_id, call.ring, call.notes) == ("8001", None, (RANG_BEFORE,))


def test_freeswitch_who_sent_the_bye(tmp_path: Path) -> None:
    legs = [json.loads((SAMPLES / name).read_text("utf-8")) for name in ("a_leg.cdr.json", "b_leg.cdr.json")]
    outcomes = {}
    for a, b in (("recv_bye", "send_bye"), ("send_bye", "recv_bye"), ("recv_bye", "recv_bye"), ("send_bye", "send_bye")):
        legs[0]["variables"]["sip_hangup_disposition"], legs[1]["variables"]["sip_hangup_disposition"] = a, b
        (call,) = calls(written(tmp_path, "cdr.json", json.dumps(legs))).values()
        outcomes[a, b] = call.hangup_by
    assert list(outcomes.values()) == ["customer", "agent", None, None]


# ---------------------------------------------------------------- Yeastar


def test_yeastar_p_series_tells_each_leg_and_its_ring() -> None:
    found = samples("yeastar_p.csv")
    call = found["20240501090000A"]
    assert clocks(call) == ("09:00:00", "09:00:00", "09:00:20", "09:00:30", "09:01:30")
    assert (call.agent_id, call.hangup_by, call.line_number) == ("8001", "customer", "4006600188")
    assert call.recording == "20240501090020-A-13800138000-8001-Inbound.wav"
    assert (found["20240501100000B"].direction, found["20240501100000B"].hangup_by) == ("out", "agent")
    assert found["20240501110000C"].disposition is Disposition.UNANSWERED


def test_yeastar_a_telephone_that_had_rung_before_leaves_the_ring_open(tmp_path: Path) -> None:
    lines = (SAMPLES / "yeastar_p.csv").read_text("utf-8").splitlines()
    missed = lines[2].replace("09:00:20", "09:00:02").replace("70,10,60,ANSWERED", "15,15,0,NO ANSWER")
    call = calls(written(tmp_path, "y.csv", "\n".join((*lines[:2], missed, lines[2]))))["20240501090000A"]
    assert (call.agent_id, call.ring, call.answer, call.notes) == ("8001", None, f"{DAY}09:00:30.000", (RANG_BEFORE,))


def test_yeastar_older_models_tell_no_ring() -> None:
    incoming, outgoing = samples("yeastar_s_zh.csv").values()
    assert (incoming.legs, incoming.ring, incoming.answer, incoming.notes) == ((), None, None, (UNKNOWN_RING,))
    assert incoming.disposition is Disposition.ANSWERED and outgoing.legs[0].answer == f"{DAY}10:00:20.000"
    direct, _ = samples("yeastar_s_zh.csv", settings=replace(CHINA, machine_first=False)).values()
    assert clocks(direct) == ("09:00:00", "", "09:00:00", "09:00:10", "09:01:10")


# ---------------------------------------------------------------- a table of the house's own


def test_a_mapping_explains_any_table() -> None:
    house = formats.read_mapping(SAMPLES / "own.toml")
    rows = list(formats.rows(SAMPLES / "own.csv", formats.reading(SAMPLES / "own.csv", "", house)))
    incoming, outgoing = (built.call for built in building.build(rows)[0])  # type: ignore[arg-type]
    assert clocks(incoming) == ("09:00:00", "", "09:00:05", "09:00:12", "09:02:00")
    assert (incoming.agent_id, incoming.hangup_by, incoming.agent_channel, incoming.recorded_from) == ("8001", "customer", 1, "answer")
    assert (outgoing.customer_number, outgoing.line_number, outgoing.hangup_by, outgoing.agent_channel) == (
        "13700137000", "4006600188", "agent", 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "where", "says"),
    [
        ('time_zone = "Asia/Peking"', 1, "没有这个时区"),
        ('recorded_from = "begin"', 1, "ring、answer"),
        ('extensions = "["', 1, "正则表达式"),
        ("file_pattern = '(?P<when>.*)'", 1, "未知的组名 when"),
        ('agent = { "a" = "b" }', 1, "是否想写 agents？"),
        ('format = "avaya"', None, "可用的有：asterisk"),
        ('[columns]\nagent = "工号"', 2, "是否想写 agent_id？"),
        ('delimiter = ";;"', 1, "一个字符"),
    ],
)
def test_a_wrong_mapping_says_where_and_what(tmp_path: Path, line: str, where: int | None, says: str) -> None:
    path = written(tmp_path, "m.toml", line)
    with pytest.raises(RecordError) as failed:
        formats.read_mapping(path)
    assert says in str(failed.value) and str(failed.value).startswith(f"{path}:{where}:" if where else f"{path}: ")


def test_a_column_that_the_table_does_not_have_is_an_error(tmp_path: Path) -> None:
    mapping = written(tmp_path, "m.toml", 'time_zone = "Asia/Shanghai"\n[columns]\ncall_id = "流水号"\nstart = "时间"\n')
    table = written(tmp_path, "t.csv", "流水,时间\n1,2024-05-01 09:00:00\n")
    with pytest.raises(RecordError, match="流水号"):
        list(formats.rows(table, formats.reading(table, "", formats.read_mapping(mapping))))


def test_a_table_without_a_header_is_read_by_column_numbers(tmp_path: Path) -> None:
    mapping = written(tmp_path, "m.toml", 'time_zone = "UTC"\nheader = false\n[columns]\ncall_id = 1\nstart = 3\ndirection = 2\n')
    table = written(tmp_path, "t.csv", "C1,in,2024-05-01 01:00:00\n")
    (row,) = formats.rows(table, formats.reading(table, "", formats.read_mapping(mapping)))
    assert row.values["start"] == f"{DAY}09:00:00.000"  # type: ignore[union-attr]
