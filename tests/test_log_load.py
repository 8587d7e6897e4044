"""From imported tables to the verdicts of the log checks: what a table does not tell is no breach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from switch_samples import put, written

from qa.logchecks import registry
from qa.logfacts import gave_up_within, sound, waited_s
from qa.rules.expression import Truth
from qa.rules.model import When
from qa.rules.open_hours import OpenHours
from qa.scoring import combine
from qa.store import Store
from qa.switch import log
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Ticket

HEAD = "calldate,src,dst,dcontext,channel,dstchannel,lastapp,duration,billsec,disposition,uniqueid,did,outbound_cnum,linkedid,sequence\n"
DAY, NEXT = date(2024, 5, 10), date(2024, 5, 11)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


def incoming(n: int, at: str, seconds: int, disposition: str = "ANSWERED") -> str:
    """A call from a trunk to 8001 over the hotline, answered after 10 s; the customer's number ends in ``n``."""
    billed = seconds - 10 if disposition == "ANSWERED" else 0
    channels = f"PJSIP/trunk-{2 * n:08x},PJSIP/8001-{2 * n + 1:08x}"
    ids = f"17145252{n:02d}.{n}"
    return f"{at},1380013{n:04d},8001,ctx,{channels},Dial,{seconds},{billed},{disposition},{ids},4001234567,,{ids},{n}\n"


def verdict(found: CallLog, check_id: str, **params: object) -> tuple[Outcome, list[Finding]]:
    module = registry()[check_id]
    findings = list(module.run(sound(found), module.Params(**params)))
    return combine(each.outcome for each in findings), findings


# ---------------------------------------------------------------- tickets


CALLS = incoming(0, "2024-05-10 09:00:00", 60) + incoming(1, "2024-05-10 09:30:00", 60) + incoming(2, "2024-05-10 23:50:00", 300)
NOTED = "W1,2024-05-10 09:02:00,13800130000,,办理\n"
BY_ID = "W2,,,1714525201.1,没有写时间\n"
AFTER_MIDNIGHT = "W3,2024-05-11 00:05:00,13800130002,,第二天写的\n"
LATER = "W4,2024-05-11 09:00:00,13999999999,,别人的\n"


@pytest.mark.parametrize(
    ("tickets", "outcome", "lacking"),
    [
        (NOTED + BY_ID + AFTER_MIDNIGHT, Outcome.PASS, ()),
        (NOTED + AFTER_MIDNIGHT, Outcome.FAIL, ("1714525201.1",)),
        (NOTED + BY_ID + LATER, Outcome.FAIL, ("1714525202.2",)),
        (NOTED + BY_ID, Outcome.INCONCLUSIVE, ("1714525202.2",)),  # the tickets of the next day may not have been imported
        (NOTED + "W2,,13800130001,,没有写时间\n" + AFTER_MIDNIGHT, Outcome.INCONCLUSIVE, ("1714525201.1",)),
        (BY_ID, Outcome.FAIL, ("1714525200.0",)),  # a register without a single time
        ("W9,2024-05-09 09:00:00,,1714525201.1,钟慢一天\n" + NOTED + AFTER_MIDNIGHT, Outcome.PASS, ()),
    ],
)
def test_the_ticket_of_a_call_is_found_whenever_it_was_written(
    store: Store, tmp_path: Path, tickets: str, outcome: Outcome, lacking: tuple[str, ...]
) -> None:
    put(store, written(tmp_path, "cdr.csv", HEAD + CALLS))
    put(store, written(tmp_path, "t.csv", "工单号,创建时间,客户号码,通话编号,内容\n" + tickets))
    found = log.load(store, DAY, DAY)
    came, findings = verdict(found, "ticket_notes")
    sources = {call.source: call.call_id for call in found.calls}
    deciding = [row for each in findings if each.outcome is came for row in each.rows]
    assert (came, tuple(sources[row.source] for row in deciding)) == (outcome, lacking)


def test_tickets_of_other_calls_are_not_those_of_the_period(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "cdr.csv", HEAD + CALLS))
    put(
        store,
        written(
            tmp_path, "t.csv", "工单号,创建时间,客户号码,通话编号,内容\nW1,2024-05-09 09:00:00,13800130000,x1,前一天\nW2,,,x2,别的电话\n"
        ),
    )
    found = log.load(store, DAY, DAY)
    assert found.tickets == (Ticket("W2", f"{tmp_path / 't.csv'}:3", None, call_id="x2", note="别的电话"),)
    assert "tickets" not in found.sources
    assert verdict(found, "ticket_notes")[0] is Outcome.INCONCLUSIVE


# ---------------------------------------------------------------- what the switch does not tell


def machine(seconds: int) -> str:
    """A caller who listens to an announcement and hangs up: no queue, no telephone rings."""
    channel, ids = "PJSIP/trunk-00000061", "1714525299.99"
    return f"2024-05-10 10:00:00,13800138000,s,ctx,{channel},,BackGround,{seconds},{seconds},ANSWERED,{ids},4001234567,,{ids},99\n"


def test_who_never_left_the_machine_waited_for_nobody(store: Store, tmp_path: Path) -> None:
    put(store, written(tmp_path, "cdr.csv", HEAD + incoming(0, "2024-05-10 09:00:00", 60) + machine(40)))
    found = log.load(store, DAY, DAY)
    gave_up = found.calls[-1]
    assert waited_s(gave_up) is None and gave_up_within(gave_up, 41) is Truth.TRUE and gave_up_within(gave_up, 40) is Truth.UNKNOWN
    came, findings = verdict(found, "unanswered")
    assert came is Outcome.INCONCLUSIVE and [row.source for row in findings[0].rows] == [gave_up.source]
    (rate,) = verdict(found, "connect_rate", by=("period",), min_calls=1)[1]
    assert (rate.outcome, rate.value("calls"), rate.value("answered")) == (Outcome.INCONCLUSIVE, 1, 1)
    (rate,) = verdict(found, "connect_rate", by=("period",), min_calls=1, short_s=60.0)[1]
    assert rate.outcome is Outcome.PASS  # gave up sooner, whatever he was listening to


def test_an_extension_that_dialled_out_is_no_line(store: Store, tmp_path: Path) -> None:
    channels = "PJSIP/8001-00000002,PJSIP/trunk-00000003"
    row = f"2024-05-10 10:10:00,8001,13900139000,ctx,{channels},Dial,60,50,ANSWERED,1714525202.2,,,1714525202.2,2\n"
    put(store, written(tmp_path, "cdr.csv", HEAD + row))
    assert verdict(log.load(store, DAY, DAY), "hotline_outbound")[0] is Outcome.INCONCLUSIVE


def test_the_night_shift_of_friday_ends_on_saturday(store: Store, tmp_path: Path) -> None:
    nights = OpenHours(When(weekdays=(1, 2, 3, 4, 5), hours=((1320, 360),)))
    missed = incoming(0, "2024-05-11 02:00:00", 40, "NO ANSWER") + incoming(1, "2024-05-13 02:00:00", 40, "NO ANSWER")
    put(store, written(tmp_path, "cdr.csv", HEAD + missed))
    assert verdict(log.load(store, NEXT, NEXT), "unanswered", open=nights)[0] is Outcome.FAIL
    monday = date(2024, 5, 13)
    assert verdict(log.load(store, monday, monday), "unanswered", open=nights)[0] is Outcome.NOT_APPLICABLE
