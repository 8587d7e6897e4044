"""A switch that writes whole seconds: what lies within a second of a limit is not ruled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qa.check_examples import Scene
from qa.checks import pickup
from qa.rules.measures import MEASURES
from qa.scoring import about
from qa.types import CallRecord, Outcome, Role

SCRIPT = "坐席 0.5-3.5 您好，华宁通信。\n客户 4-6 我想查话费。"


@pytest.mark.parametrize(
    ("wait_s", "precision_ms", "outcome"),
    [
        (14.0, 1000, Outcome.PASS),
        (15.0, 1000, Outcome.INCONCLUSIVE),
        (16.0, 1000, Outcome.INCONCLUSIVE),
        (17.0, 1000, Outcome.FAIL),
        (15.0, 0, Outcome.PASS),
        (16.0, 0, Outcome.FAIL),
    ],
)
def test_pickup_near_the_limit(wait_s: float, precision_ms: int, outcome: Outcome) -> None:
    call = Scene(SCRIPT, wait_s=wait_s)()
    assert call.record is not None
    (finding,) = pickup.run(replace(call, record=replace(call.record, precision_ms=precision_ms)), pickup.Params())
    assert finding.outcome is outcome


def test_tones_in_a_recording_that_begins_with_the_answer_are_not_this_calls_ring() -> None:
    call = Scene("坐席 12.5-15.5 您好，华宁通信。\n客户 16-18 我想查话费。", wait_s=6.0, rings=(0.0, 5.0, 10.0))()
    assert call.record is not None
    (finding,) = pickup.run(call, pickup.Params())
    assert finding.outcome is Outcome.INCONCLUSIVE  # two rings by the record, three by the tones
    (finding,) = pickup.run(replace(call, record=replace(call.record, recorded_from="answer")), pickup.Params())
    assert (finding.outcome, finding.value("rings"), finding.value("rings_audio")) == (Outcome.PASS, 2, None)


def test_the_wait_is_as_exact_as_the_switchs_clock() -> None:
    call = Scene(SCRIPT, wait_s=6.0)()
    assert call.record is not None
    coarse = replace(call, record=replace(call.record, precision_ms=1000))
    assert [MEASURES["wait_s"].read(one, Role.AGENT).error for one in (call, coarse)] == [0.2, 1.2]


def test_what_the_records_leave_open_is_told_with_the_score() -> None:
    call = Scene(SCRIPT, wait_s=6.0)()
    assert call.record is not None
    assert "话单不全" in about(replace(call, record=replace(call.record, notes=("话单不全",)))).notes


def test_a_call_has_its_day_where_only_its_end_is_known() -> None:
    call = Scene(SCRIPT, wait_s=6.0)()
    assert call.record is not None and call.record.answer is not None
    told: CallRecord = replace(call.record, start=None)
    assert told.moment == told.answer and replace(told, answer=None).moment == told.end
    assert replace(told, answer=None, end=None).moment is None
