"""Any mixture of rows: calls are made of them without an error, and nobody is given time or rings that the rows do not tell."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from switch_samples import CHINA

from qa.switch import building
from qa.switch.asterisk import BASE, TAILS, _row
from qa.switch.joins import _windows
from qa.switch.queue_log import _row as event
from qa.switch.rows import Row
from qa.types.log import LoggedCall

START = datetime(2024, 5, 1, 9)
seconds = st.integers(0, 600)
CHANNELS = ("PJSIP/trunk-0000000a", "PJSIP/8001-0000000b", "PJSIP/8002-0000000c", "Local/8003@from-queue-0000000d;1",
            "Local/8003@from-queue-0000000d;2", "PJSIP/8003-0000000e", "")  # fmt: skip
EVENTS = ("ENTERQUEUE||13800138000|1", "CONNECT|5|1714525200.9|4", "CONNECT|5|1714525200.9", "RINGNOANSWER|15000", "ABANDON|1|1|9",
          "COMPLETEAGENT|5|9|1", "COMPLETECALLER|5|9|1", "BLINDTRANSFER|8002|ctx|5|9|1", "EXITWITHTIMEOUT|1|1|9")  # fmt: skip


@st.composite
def record(draw: st.DrawFn) -> Row:
    begin = draw(seconds)
    rung, talked = draw(st.integers(0, 60)), draw(st.integers(0, 300))
    start = START + timedelta(seconds=begin)
    told = dict.fromkeys((*BASE, *TAILS[21]), "") | {
        "src": draw(st.sampled_from(("13800138000", "8001", ""))),
        "dst": draw(st.sampled_from(("8001", "6000", "13900139000"))),
        "channel": draw(st.sampled_from(CHANNELS[:-1])),
        "dstchannel": draw(st.sampled_from(CHANNELS)),
        "lastapp": draw(st.sampled_from(("Dial", "Queue", "Playback"))),
        "start": str(start),
        "answer": draw(st.sampled_from((str(start + timedelta(seconds=rung)), ""))),
        "end": str(start + timedelta(seconds=rung + talked)),
        "duration": str(rung + talked),
        "disposition": draw(st.sampled_from(("ANSWERED", "NO ANSWER", "BUSY"))),
        "uniqueid": f"1714525200.{draw(st.integers(1, 3))}",
        "linkedid": draw(st.sampled_from(("1714525200.1", ""))),
    }
    return _row(told, draw(st.integers(1, 99)), CHINA)


@st.composite
def happening(draw: st.DrawFn) -> Row:
    agent = draw(st.sampled_from(("NONE", "Local/8001@from-queue/n", "PJSIP/8002", "Local/8003@from-queue/n")))
    at = 1714525200 + draw(seconds)
    made = event(f"{at}|1714525200.1|6000|{agent}|{draw(st.sampled_from(EVENTS))}", draw(st.integers(1, 99)), CHINA)
    assert made is not None
    return made


def check(call: LoggedCall) -> None:
    assert call.start is not None
    if call.ring is not None:
        assert call.direction != "out" and call.answer is not None and call.ring <= call.answer
    assert (call.answer is None) == (not call.legs)
    assert not call.legs or call.answer == call.legs[0].answer
    for leg in call.legs:
        assert leg.ring is None or leg.ring <= leg.answer
    if call.end is not None and len(call.legs) > 1:
        for duration_ms in (1000, 60_000, 300_000, 600_000):
            windows = _windows(call, duration_ms)
            if windows is not None:
                assert len(windows) == len(call.legs) and windows[0].start_ms == 0 and windows[-1].end_ms == duration_ms
                assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(windows))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(record() | happening(), min_size=1, max_size=9))
def test_any_rows_of_one_call(rows: list[Row]) -> None:
    built, faults = building.build(rows)
    left_open = any("这通电话未采用" in fault.cause for fault in faults)
    assert (sum(len(one.rows) for one in built) == len(rows)) is not left_open
    assert len({one.call.call_id for one in built}) == len(built)
    for one in built:
        check(one.call)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(record() | happening(), min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_makes_no_difference(rows: list[Row], order: object) -> None:
    unique = list({(row.kind, row.key): row for row in rows}.values())
    shuffled = unique[:]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [one.call for one in building.build(unique)[0]] == [one.call for one in building.build(shuffled)[0]]
