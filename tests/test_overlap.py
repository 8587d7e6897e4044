"""Interruption, cutting in and double talk by turns and words: in stereo, and with a lower confidence in one channel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qa import overlap, set_apart
from qa.check_examples import Scene
from qa.checks import measure as measure_check
from qa.rules.events import EVENTS
from qa.rules.measures import MEASURES
from qa.types import (
    Call,
    Finding,
    Outcome,
    Role,
    RoleAssignment,
    Roles,
    RoleStretch,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    SpeechActivity,
    Transcript,
)

CUT = """
客户 1-{0} 我家的宽带从昨天晚上开始一直连不上。
坐席 {1}-{2} {3}
客户 12-13 哦，那好吧。
"""
SAID = "您先听我说，这个不归这里管。"


def one_channel(call: Call) -> Call:
    """The same call recorded on one channel, the voices told apart by an engine."""
    labels = {"ch0": "spk0", "ch1": "spk1"}
    turns = tuple(SpeakerTurn(labels[t.speaker], 0, t.span) for t in call.turns.turns)
    said = tuple(replace(u, speaker=labels[u.speaker], channel=0) for u in call.transcript.utterances)
    return replace(
        call,
        audio=replace(call.audio, channels=1),
        activity=SpeechActivity((tuple(sorted(overlap.bridged((t.span for t in turns), 0))),), "made"),
        turns=SpeakerTurns("engine", turns),
        transcript=Transcript("example", True, said),
        acoustics=replace(call.acoustics, channels=call.acoustics.channels[:1]),
        roles=Roles(tuple(RoleAssignment(labels[a.speaker], a.role, a.confidence, a.source, alone=True) for a in call.roles.assignments)),
    )


def found(kind: str, call: Call, role: Role = Role.AGENT) -> list[tuple[int, int, bool]]:
    """Where it happened, and whether it is sure."""
    return [(h.span.start_ms, h.span.end_ms, h.doubt is None) for h in EVENTS[kind].find(call, role).all]


def scene(customer: float, agent: float, until: float, said: str = SAID) -> Call:
    return Scene(CUT.format(customer, agent, until, said))()


# ---------------------------------------------------------------- who starts into whose turn


def test_an_entry_says_who_into_what_for_how_long_and_who_gave_up() -> None:
    (entry,) = overlap.entries(scene(5.0, 3.5, 8.0), Role.AGENT)
    assert (entry.role, entry.span, entry.said, entry.into) == (Role.AGENT, Span(3500, 5000), Span(3500, 8000), Span(1000, 5000))
    assert entry.gave_up and entry.doubt is None and entry.text == "您先听我说这个不归这里管"
    assert overlap.entries(scene(5.0, 3.5, 8.0), Role.CUSTOMER) == ()


@pytest.mark.parametrize(
    ("call", "interrupts", "cuts_in"),
    [
        (scene(9.0, 3.5, 6.0), [], [(3500, 6000, True)]),  # the customer goes on
        (scene(9.0, 3.5, 9.8), [], [(3500, 9000, True)]),  # both go on for seconds
        (scene(5.0, 4.4, 8.0), [(4400, 5000, False)], [(4400, 5000, False)]),  # may just have ended
        (scene(5.0, 4.7, 8.0), [], []),  # takes the turn a little early
        (scene(9.0, 3.5, 6.0, "嗯，好的，是的。"), [], []),
        (scene(9.0, 3.5, 4.4, ""), [], []),  # too short for a word
        (scene(9.0, 3.5, 5.0, ""), [], [(3500, 5000, False)]),  # nobody knows what it was
        (scene(9.0, 3.5, 4.4, "等一下！"), [], [(3500, 4400, True)]),  # short, but words
    ],
)
def test_cutting_in_need_not_make_the_other_give_up(call: Call, interrupts: list[object], cuts_in: list[object]) -> None:
    assert found("interruption", call) == interrupts
    assert found("cut_in", call) == cuts_in


def test_nobody_is_cut_off_in_a_backchannel() -> None:
    call = Scene("坐席 1-3 好的好的，嗯，是的。\n客户 2-6 我家的宽带一直连不上。\n坐席 7-8 我看看。")()
    assert found("interruption", call, Role.CUSTOMER) == found("cut_in", call, Role.CUSTOMER) == []
    assert found("overlap", call) == []


def test_the_same_words_at_the_same_time_may_be_an_echo() -> None:
    script = "客户 1-5 我家的宽带从昨天晚上开始一直连不上。\n坐席 3.4-8 晚上开始一直连不上这个不归我们管的呀。"
    assert found("interruption", Scene(script)()) == [(3400, 5000, False)]
    assert "回声" in (EVENTS["interruption"].find(Scene(script)(), Role.AGENT).all[0].doubt or "")
    assert found("interruption", Scene(script.replace("8 晚上开始一直连不上", "8 你先把话听我说完行吗"))()) == [(3400, 5000, True)]


def test_other_roles_need_nothing_but_the_roles() -> None:
    call = scene(5.0, 3.5, 8.0)
    swapped = {Role.AGENT: Role.CUSTOMER, Role.CUSTOMER: Role.AGENT}
    other = replace(call, roles=Roles(tuple(replace(a, role=swapped[a.role]) for a in call.roles.assignments)))
    assert found("interruption", other, Role.CUSTOMER) == found("interruption", call, Role.AGENT) == [(3500, 5000, True)]
    assert found("interruption", other, Role.AGENT) == []


@pytest.mark.parametrize("role", [Role.ANNOUNCEMENT, Role.THIRD_PARTY])
def test_who_is_neither_agent_nor_customer_interrupts_nobody(role: Role) -> None:
    call = scene(9.0, 3.5, 8.0)
    stretch = RoleStretch("ch0", Span(3000, 8500), role, "x")
    apart = set_apart.applied(replace(call, roles=replace(call.roles, stretches=(stretch,))))
    assert found("cut_in", call) and found("overlap", call)
    assert found("cut_in", apart) == found("overlap", apart) == []


# ---------------------------------------------------------------- one channel


@pytest.mark.parametrize(
    ("customer", "agent", "until", "sure"),
    [
        (5.0, 3.5, 8.0, [True]),
        (5.0, 3.8, 8.0, [False]),  # may have ended, by what is known of the edges
        (5.0, 4.7, 8.0, [False]),  # surely not in stereo
        (5.0, 5.05, 8.0, [False]),  # at once: some of it may have been taken for the other's
        (5.0, 5.3, 8.0, []),
        (5.0, 3.5, 5.6, [False]),  # did the agent go on?
        (5.2, 3.0, 8.0, [False]),  # 2.2 s: did the customer give up?
        (6.0, 3.0, 8.0, []),
    ],
)
def test_interruption_in_one_channel_is_unsure_near_every_limit(customer: float, agent: float, until: float, sure: list[bool]) -> None:
    call = one_channel(scene(customer, agent, until))
    assert [s for _, _, s in found("interruption", call)] == sure
    stereo = [s for _, _, s in found("interruption", scene(customer, agent, until))]
    assert len(stereo) <= len(sure)


def test_double_talk_in_one_channel_is_known_roughly() -> None:
    call = scene(5.0, 3.5, 8.0)
    mono = one_channel(call)
    assert EVENTS["overlap"].find(call, Role.AGENT).blind is None and EVENTS["overlap"].find(mono, Role.AGENT).blind
    one, two = (MEASURES["double_talk_percent"].read(c, Role.AGENT) for c in (call, mono))
    assert one.value == two.value == pytest.approx(100 * 1.5 / 8.0) and two.error > one.error
    one, two = (MEASURES["longest_double_talk_s"].read(c, Role.AGENT) for c in (call, mono))
    assert (one.value, one.span) == (1.5, Span(3500, 5000)) and two.error > one.error


def test_without_voices_told_apart_nothing_is_known() -> None:
    for call in (Scene(CUT.format(5, 6, 8, SAID), mono=True)(), Scene(CUT.format(5, 3.5, 8, SAID), same_channels=True)()):
        for kind in ("interruption", "cut_in", "overlap"):
            happened = EVENTS[kind].find(call, Role.AGENT)
            assert happened.blind and not happened.all
        for name in ("interruptions", "cut_ins", "double_talk_percent", "longest_double_talk_s"):
            reading = MEASURES[name].read(call, Role.AGENT)
            assert reading.value is None and reading.why


# ---------------------------------------------------------------- figures

TWO = """
客户 1-5 我家的宽带从昨天晚上开始一直连不上。
坐席 3.5-8 您先听我说，这个不归这里管。
客户 9-13 可是你们昨天说今天会有人来修的。
坐席 {0}-16 那是别的部门说的，跟我没有关系。
客户 17-18 哦。
"""


def verdict(call: Call, high: float) -> Finding:
    return next(measure_check.run(call, measure_check.Params(measure="interruptions", high=high)))


def test_interruptions_are_counted_and_pointed_to() -> None:
    sure, doubtful = Scene(TWO.format(11.5))(), Scene(TWO.format(12.3))()
    one, two = (MEASURES["interruptions"].read(call, Role.AGENT) for call in (sure, doubtful))
    assert (one.value, one.error, one.places) == (2.0, 0.0, (Span(3500, 5000), Span(11500, 13000)))
    assert (two.value, two.error) == (2.0, 1.0)
    assert MEASURES["interruptions"].read(sure, Role.CUSTOMER).value == 0.0
    failed = verdict(sure, 1)
    assert failed.outcome is Outcome.FAIL and [e.span for e in failed.evidence] == list(one.places)
    assert [verdict(doubtful, limit).outcome for limit in (0, 1, 2)] == [Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS]


def test_long_calls_take_time_in_proportion() -> None:
    """Every stretch is looked at beside the one before it, and not beside all others."""
    lines = [f"{'坐席' if i % 2 else '客户'} {2 * i}-{2 * i + 2.5} 我们说说第几个账单。" for i in range(400)]
    call = Scene("\n".join(lines))()
    assert len(overlap.entries(call, Role.AGENT)) == 200 and len(overlap.entries(call, Role.CUSTOMER)) == 199
    assert len(overlap.double_talk(call)) == 399
