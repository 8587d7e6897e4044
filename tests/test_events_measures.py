"""Events and measures of small calls whose answers are known."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from qa.check_examples import Scene, Sound
from qa.rules.events import EVENTS, Happened
from qa.rules.measures import MEASURES, Reading
from qa.types import Call, Role, Span

TALK = """
坐席 0.5-3.5 您好，华宁通信。
客户 4.0-6.0 我要查话费。
坐席 6.5-9.5 好的嘛，请您稍等喽。
坐席 20.0-23.0 话费是三十元。
客户 23.5-24.5 好的。
"""


def event(kind: str, scene: Scene | str, role: Role = Role.AGENT) -> Happened:
    return EVENTS[kind].find((Scene(scene) if isinstance(scene, str) else scene)(), role)


def places(happened: Happened) -> list[tuple[int, int]]:
    return [(h.span.start_ms, h.span.end_ms) for h in happened.all]


def measure(name: str, scene: Scene | str | Call, role: Role = Role.AGENT) -> Reading:
    call = scene if isinstance(scene, Call) else (Scene(scene) if isinstance(scene, str) else scene)()
    return MEASURES[name].read(call, role)


# ---------------------------------------------------------------- silences


def test_silences() -> None:
    assert places(event("silence", TALK)) == [
        (0, 500),
        (3500, 4000),
        (6000, 6500),
        (9500, 20000),
        (23000, 23500),
        (24500, 25000),
    ]
    assert places(event("agent_silence", TALK))[1:3] == [(3500, 6500), (9500, 20000)]
    assert places(event("customer_silence", TALK)) == [(0, 4000), (6000, 23500), (24500, 25000)]


def test_silence_begins_at_the_answer() -> None:
    rung = Scene("坐席 8-10 您好。\n客户 10-12 喂。", rings=(0.0, 5.0))
    assert places(event("silence", rung)) == [(6000, 8000), (12000, 12500)]
    assert places(event("start", rung)) == [(6000, 6000)]
    assert places(event("start", TALK)) == [(0, 0)]


def test_words_without_activity_are_no_silence() -> None:
    call = Scene(TALK)()
    deaf = dataclasses.replace(call, activity=dataclasses.replace(call.activity, channels=((), ())))
    assert places(EVENTS["silence"].find(deaf, Role.AGENT)) == places(event("silence", TALK))


@pytest.mark.parametrize("kind", ["silence", "agent_silence", "customer_silence"])
def test_noise_makes_silence_doubtful(kind: str) -> None:
    happened = event(kind, Scene(TALK, agent=Sound(-40.0, noise_dbov=-44.0)))
    assert happened.blind and all(h.doubt for h in happened.all)


def test_recording_without_any_voice_proves_no_silence() -> None:
    happened = event("silence", Scene("", duration_s=10.0))
    assert happened.blind and happened.all[0].doubt


def test_silence_needs_no_speaker_and_that_of_one_does() -> None:
    mono = Scene(TALK, mono=True)
    assert places(event("silence", mono)) == places(event("silence", TALK)) and event("silence", mono).blind is None
    assert event("agent_silence", mono) == Happened(blind=event("agent_silence", mono).blind) and event("agent_silence", mono).blind


# ---------------------------------------------------------------- both


def test_overlap() -> None:
    script = "客户 1-5 我跟您说这个宽带真的不行。\n坐席 3-4 嗯，好的。\n坐席 4.1-6 我帮您查。"
    assert places(event("overlap", script)) == [(3000, 5000)]
    assert event("overlap", Scene(TALK, mono=True)).blind and event("overlap", Scene(script, same_channels=True)).blind


CUT = "客户 1-{0} 我家的宽带从昨天晚上开始一直连不上。\n坐席 {1}-{2} {3}\n客户 12-13 哦。"


@pytest.mark.parametrize(
    ("customer", "agent", "until", "said", "found"),
    [
        (5.0, 3.5, 8.0, "您先听我说，这个不归这里管。", "sure"),
        (5.0, 4.4, 8.0, "您先听我说，这个不归这里管。", "doubtful"),  # the customer may just have ended
        (5.0, 4.7, 8.0, "您先听我说，这个不归这里管。", None),  # taking the turn a little early
        (5.0, 3.5, 8.0, "嗯，好的，是的。", None),  # a backchannel
        (5.0, 3.5, 5.2, "您先听我说。", None),  # gave way
        (9.0, 3.5, 9.8, "您先听我说。", None),  # the customer went on
        (5.0, 1.2, 8.0, "您先听我说。", None),  # both began together
        (5.0, 3.5, 8.0, "", "doubtful"),  # nothing was transcribed
    ],
)
def test_interruption(customer: float, agent: float, until: float, said: str, found: str | None) -> None:
    happened = event("interruption", CUT.format(customer, agent, until, said))
    assert places(happened) == ([] if found is None else [(round(agent * 1000), round(customer * 1000))])
    assert [h.doubt is None for h in happened.all] == ([] if found is None else [found == "sure"])


def test_the_customer_may_interrupt_too() -> None:
    script = "坐席 1-5 这边给您登记一下，师傅会尽快联系您。\n客户 3.5-8 不行，我等不了那么久！\n坐席 9-10 好的。"
    assert places(event("interruption", script, Role.CUSTOMER)) == [(3500, 5000)]
    assert places(event("interruption", script, Role.AGENT)) == []


def test_shout_is_that_of_the_volume_check() -> None:
    loud = Sound(louder=((7.0, 9.0, 14.0, 1.4),))
    (shout,) = event("shout", Scene(TALK, agent=loud)).all
    assert shout.doubt is None and shout.span.overlap_ms(Span(7000, 9000)) == 2000
    assert event("shout", Scene(TALK, agent=loud), Role.CUSTOMER).all == ()
    (lower,) = event("shout", Scene(TALK, agent=Sound(louder=((7.0, 9.0, 14.0, 0.7),)))).all
    assert lower.doubt


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize(("by", "agent", "customer"), [("agent", [(25000, 25000)], []), ("customer", [], [(25000, 25000)]), (None, [], [])])
def test_who_hung_up(by: str | None, agent: list[tuple[int, int]], customer: list[tuple[int, int]]) -> None:
    scene = Scene(TALK, hangup_by=by)
    assert places(event("hangup_agent", scene)) == agent and places(event("hangup_customer", scene)) == customer
    assert (event("hangup_agent", scene).blind is None) == (by is not None)
    assert event("hangup_agent", Scene(TALK, record=False)).blind


def test_end_of_a_cut_recording_is_doubtful() -> None:
    assert event("end", TALK).all[0].doubt is None
    assert event("end", Scene(TALK, talk_s=60.0)).all[0].doubt


def test_every_event_and_measure_says_what_it_means() -> None:
    for kind in (*EVENTS.values(), *MEASURES.values()):
        assert kind.title and kind.meaning.endswith("."), kind.id
    assert [k.id for k in EVENTS.values() if k.instant] == ["start", "end", "hangup_agent", "hangup_customer"]
    assert all(m.error >= 0 and m.error_ratio >= 0 for m in MEASURES.values())


# ---------------------------------------------------------------- measures

_THIRTY = "您好华宁通信很高兴为您服务请您稍等我来查询一下您的话费账单"  # 29 characters
RATED = f"坐席 1-11 {_THIRTY}\n客户 11.5-17.5 {_THIRTY}\n坐席 18-38 {_THIRTY}"


@pytest.mark.parametrize(
    ("name", "role", "value"),
    [
        ("rate_cpm", Role.AGENT, 116.0),
        ("rate_cpm", Role.CUSTOMER, 290.0),
        ("worst_rate_cpm", Role.AGENT, 174.0),
        ("slowest_rate_cpm", Role.AGENT, 90.0),
        ("turns", Role.AGENT, 2.0),
        ("turns", Role.CUSTOMER, 1.0),
        ("talk_share_percent", Role.AGENT, 83.3),
        ("talk_share_percent", Role.CUSTOMER, 16.7),
        ("words_probability", Role.AGENT, 0.95),
        ("unheard_percent", Role.AGENT, 0.0),
        ("level_dbov", Role.AGENT, -25.0),
        ("peak_dbov", Role.AGENT, -15.0),
        ("snr_db", Role.AGENT, 40.0),
        ("noise_dbov", Role.AGENT, -65.0),
        ("clipped_percent", Role.AGENT, 0.0),
        ("pitch_median_hz", Role.AGENT, 200.0),
        ("pitch_range_st", Role.AGENT, 0.0),
        ("longest_silence_s", Role.AGENT, 1.0),
        ("duration_s", Role.AGENT, 38.5),
        ("wait_s", Role.AGENT, 6.0),
        ("rings", Role.AGENT, 2.0),
    ],
)
def test_measure(name: str, role: Role, value: float) -> None:
    reading = measure(name, RATED, role)
    assert reading.value == pytest.approx(value, rel=0.01, abs=0.05)
    assert reading.error == pytest.approx(max(MEASURES[name].error, abs(reading.value) * MEASURES[name].error_ratio))


def test_stretches_of_the_rates() -> None:
    assert measure("worst_rate_cpm", RATED).span == Span(1000, 11000)
    assert measure("slowest_rate_cpm", RATED).span.start_ms >= 18000 and measure("rate_cpm", RATED).span == Span(1000, 38000)


def test_measures_of_the_other_side() -> None:
    scene = Scene(RATED, customer=Sound(-31.0, clipped_ratio=0.02))
    assert measure("level_dbov", scene, Role.CUSTOMER).value == -31.0
    assert measure("clipped_percent", scene, Role.CUSTOMER).value == pytest.approx(2.0)


def test_pitch_range_in_semitones() -> None:
    wide = Scene(RATED, agent=Sound(louder=((1.0, 11.0, 0.0, 0.75), (18.0, 28.0, 0.0, 1.5))))
    assert measure("pitch_range_st", wide).value == pytest.approx(12.0, abs=0.01)
    few = Scene(RATED, agent=Sound(louder=((1.0, 1.3, 0.0, 2.0),)))
    assert measure("pitch_range_st", few).value == pytest.approx(0.0, abs=0.01)  # outside of the percentiles


def test_unvoiced_speech_has_no_pitch() -> None:
    call = Scene(RATED)()
    silent = tuple(dataclasses.replace(c, pitch_hz=np.zeros_like(c.pitch_hz)) for c in call.acoustics.channels)
    mute = dataclasses.replace(call, acoustics=dataclasses.replace(call.acoustics, channels=silent))
    assert measure("pitch_median_hz", mute).value is None


def test_particles_are_words_of_their_own() -> None:
    script = "坐席 1-11 好的嘛，您去网吧看看喽，酒吧也行啊。\n客户 12-13 啊啊啊。"
    assert measure("particles_per_minute", script).value == pytest.approx(60 / 10 * 3)
    assert measure("particles_per_minute", "坐席 1-11 嗯，好的，是的。").value == 0.0


NO_RECORD: dict[str, Any] = {"record": False}


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("rate_cpm", Scene("坐席 1-2 您好。")),
        ("rate_cpm", Scene(RATED.replace("坐席 1-11", "坐席 1-11 @0.1").replace("坐席 18-38", "坐席 18-38 @0.1"))),
        ("rate_cpm", Scene(RATED + "\n坐席 40-50")),
        ("rate_cpm", Scene(RATED, mono=True)),
        ("particles_per_minute", Scene(RATED, mono=True)),
        ("particles_per_minute", Scene("坐席 1-2 您好。")),
        ("level_dbov", Scene("坐席 1-2 您好。")),
        ("level_dbov", Scene(RATED, same_channels=True)),
        ("talk_share_percent", Scene(RATED, mono=True)),
        ("talk_share_percent", Scene("", duration_s=5.0)),
        ("turns", Scene("客户 1-2 喂。")),
        ("words_probability", Scene("客户 1-2 喂。")),
        ("unheard_percent", Scene("客户 1-2 喂。")),
        ("longest_silence_s", Scene("", duration_s=5.0)),
        ("longest_silence_s", Scene(RATED, talk_s=90.0)),
        ("rings", Scene(RATED, **NO_RECORD)),
        ("wait_s", Scene(RATED, **NO_RECORD)),
        ("wait_s", Scene(RATED, wait_s=-3.0)),
    ],
)
def test_what_cannot_be_measured_has_no_value_and_a_reason(name: str, scene: Scene) -> None:
    reading = measure(name, scene)
    assert reading.value is None and reading.why and reading.applies


@pytest.mark.parametrize("name", ["rings", "wait_s"])
def test_outgoing_calls_have_no_wait(name: str) -> None:
    reading = measure(name, Scene(RATED, direction="out"))
    assert reading.value is None and not reading.applies


def test_duration_without_a_record_is_that_of_the_conversation() -> None:
    rung = Scene("坐席 8-10 您好。\n客户 10-12 喂。", rings=(0.0, 5.0), record=False)
    assert measure("duration_s", rung).value == pytest.approx(6.5)
    assert measure("duration_s", Scene(RATED, talk_s=50.0)).value == 50.0


def test_shown_with_its_unit() -> None:
    assert MEASURES["rate_cpm"].shown(173.6) == "174 字/分钟"
    assert MEASURES["words_probability"].shown(0.5) == "0.50"
