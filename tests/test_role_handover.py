"""Whether somebody else goes on in the agent's place: the call itself must be put through, and somebody must have had to wait for it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from role_calls import ENGINE, record, spoken_call

from qa import role_marks, roles
from qa.role_settings import RoleSettings
from qa.types import Call, Role, Span

OPENING = [("A", "您好，华宁通信，工号八零零三，很高兴为您服务。"), ("C", "我家宽带连不上了，你们怎么回事？")]
TALK = "我等了三天了天天打电话都没有用师傅说来又不来家里老人小孩都等着用这事情到底归谁管啊"
PUT_THROUGH = "我帮您转接专家，您别挂。"


def call_of(lines: list[tuple[str, str]], method: str = "channel", silent_ms: int = 0) -> Call:
    """``silent_ms``: the pause before the last line, instead of a short one."""
    labels = {"A": "ch0", "C": "ch1"} if method == "channel" else {"A": "spk0", "C": "spk1"}
    call = spoken_call([(labels[who], text) for who, text in [*OPENING, *lines]], method, record(0))
    *kept, last = call.transcript.utterances
    by = silent_ms

    def moved(span: Span) -> Span:
        return Span(span.start_ms + by, span.end_ms + by) if span.start_ms >= last.span.start_ms else span

    late = replace(last, span=moved(last.span), words=tuple(replace(w, span=moved(w.span)) for w in last.words))
    turns = tuple(replace(t, span=moved(t.span)) for t in call.turns.turns)
    return roles.told(
        replace(
            call,
            audio=replace(call.audio, duration_ms=call.audio.duration_ms + by),
            transcript=replace(call.transcript, utterances=(*kept, late)),
            turns=replace(call.turns, turns=turns, exclusive=turns if call.turns.exclusive else (), alike=None),
        )
    )


def last_is_the_agents(call: Call) -> bool:
    return call.transcript.utterances[-1].speaker == call.speaker(Role.AGENT) is not None


@pytest.mark.parametrize("method", ["channel", ENGINE])
def test_while_the_customer_talks_nobody_waits_for_anybody_else(method: str) -> None:
    """The customer's long answer to a word of transferring is no silence: what the agent says then is the agent's."""
    assert len(TALK) * 200 >= roles.PUT_THROUGH_MS
    call = call_of([("A", PUT_THROUGH), ("C", TALK), ("A", "你烦不烦。")], method)
    assert call.roles.handed_over_ms is None and last_is_the_agents(call)


@pytest.mark.parametrize("method", ["channel", ENGINE])
@pytest.mark.parametrize(("silent_ms", "away"), [(roles.PUT_THROUGH_MS, True), (roles.PUT_THROUGH_MS // 2, False)])
def test_after_a_long_time_in_which_nobody_speaks_it_may_be_somebody_else(method: str, silent_ms: int, away: bool) -> None:
    call = call_of([("A", PUT_THROUGH), ("C", "好。"), ("A", "什么事。")], method, silent_ms)
    assert (call.roles.handed_over_ms is not None) is away and last_is_the_agents(call) is not away


@pytest.mark.parametrize(
    "said",
    [
        "我已经把您的情况转给维修部门了。",
        "您的情况我已经转给维修部门了。",
        "我帮您把情况转到后台。",
        "我把投诉转给主管。",
        "工单已经转给他们了。",
        "您的押金转到卡里了。",
    ],
)
def test_a_complaint_or_a_slip_that_is_passed_on_is_no_transfer(said: str) -> None:
    call = call_of([("A", said), ("C", "好。"), ("A", "你烦不烦。")], silent_ms=2 * roles.PUT_THROUGH_MS)
    assert call.roles.handed_over_ms is None and last_is_the_agents(call)


@pytest.mark.parametrize(
    "said",
    [
        "帮您转给专员。",
        "我把电话转过去。",
        "我把您转给维修部。",
        "我帮您把电话转到技术组。",
        "为您转接人工。",
        "您的问题我帮您转接技术组。",
    ],
)
def test_a_call_that_is_put_through_is_one(said: str) -> None:
    call = call_of([("A", said), ("C", "好。"), ("A", "什么事。")], silent_ms=2 * roles.PUT_THROUGH_MS)
    assert call.roles.handed_over_ms is not None and not last_is_the_agents(call)


def test_a_person_who_wants_the_channel_whole_gets_all_of_it() -> None:
    call = call_of([("A", PUT_THROUGH), ("C", "好。"), ("A", "什么事。")], silent_ms=2 * roles.PUT_THROUGH_MS)
    given = {"ch0": Role.AGENT, "ch1": Role.CUSTOMER}
    made = {
        apart: role_marks.applied(call, role_marks.new(call, "C1", given, "张三", "听过了", apart), RoleSettings(), lambda digest: None)
        for apart in (True, False)
    }
    assert made[True].roles.handed_over_ms is not None
    assert made[False].roles.handed_over_ms is None and last_is_the_agents(made[False]) and not made[False].roles.stretches
    assert all(a.span <= b.span for a, b in itertools.pairwise(made[False].turns.turns))
