"""What a speaker of a mono recording sounds like, and the checks that go by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from test_acoustics import TALK_A, TALK_B, conversation, recording, speaking

from qa import acoustics
from qa.callfacts import own_activity
from qa.checks import volume
from qa.rules import measures
from qa.types import (
    Call,
    Outcome,
    Role,
    RoleAssignment,
    Roles,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    Transcript,
    Utterance,
    Word,
)


def told(a: Iterable[tuple[int, int]], b: Iterable[tuple[int, int]]) -> SpeakerTurns:
    rows = sorted([(Span(*s), "spk0") for s in a] + [(Span(*s), "spk1") for s in b])
    return SpeakerTurns("engine/x@0", tuple(SpeakerTurn(who, 0, span) for span, who in rows))


def mono_call(agent_dbov: float, customer_dbov: float = -25.0, same_channels: bool = False, agent: str = "spk0") -> Call:
    a, b = conversation(agent_dbov, customer_dbov)
    audio = recording(a + b)
    heard = speaking(sorted(TALK_A + TALK_B))
    turns = told(TALK_A, TALK_B)
    measured = replace(acoustics.measure(audio, heard), same_channels=same_channels)
    turns = replace(turns, sounds=acoustics.of_speakers(audio, turns, measured.tones))
    customer = "spk1" if agent == "spk0" else "spk0"
    roles = Roles((RoleAssignment(agent, Role.AGENT, 0.9, "content"), RoleAssignment(customer, Role.CUSTOMER, 0.9, "content")))
    word = (Word("好", Span(2000, 2300), 0.9),)
    said = tuple(Utterance(who, 0, word[0].span, word) for who in ("spk0", "spk1"))
    return Call(audio.info, heard, turns, Transcript("x", True, said), measured, roles)


def stereo_levels(agent_dbov: float, customer_dbov: float) -> tuple[float | None, ...]:
    audio = recording(*conversation(agent_dbov, customer_dbov))
    return tuple(c.active_level_dbov for c in acoustics.measure(audio, speaking(TALK_A, TALK_B)).channels)


@pytest.mark.parametrize(("a", "b"), [(-22.0, -30.0), (-40.0, -20.0)])
def test_each_speakers_level_is_that_of_his_own_channel(a: float, b: float) -> None:
    """Before, a mono recording had one level for both: some dB off either of them."""
    call = mono_call(a, b)
    found = [call.speaker_acoustics(role) for role in (Role.AGENT, Role.CUSTOMER)]
    for sound, wanted in zip(found, stereo_levels(a, b), strict=True):
        assert sound is not None and sound.active_level_dbov == pytest.approx(wanted, abs=0.3)
        assert sound.peak_dbov == pytest.approx(sound.active_level_dbov + 12.5, abs=2.5)  # noise: not the louder one's
        assert sound.snr_db == pytest.approx(sound.active_level_dbov - sound.noise_floor_dbov)


def test_the_time_in_which_both_speak_is_nobodys_own() -> None:
    turns = told([(0, 5000), (8000, 9000)], [(4000, 7000), (8200, 8400)])
    assert turns.alone("spk0") == (Span(0, 4000), Span(8000, 8200), Span(8400, 9000))
    assert turns.alone("spk1") == (Span(5000, 7000),)
    assert turns.alone("spk9") == ()


def test_shouting_over_the_other_does_not_raise_a_level() -> None:
    a, b = conversation(-30.0, -30.0)
    loud = 0.5 * np.random.default_rng(9).standard_normal(len(a))
    mixed = a + b
    mixed[5_100 * 8 : 6_100 * 8] += loud[:8_000]  # while the second one speaks
    turns = told([*TALK_A, (5_100, 6_100)], TALK_B)
    found = {s.speaker: s for s in acoustics.of_speakers(recording(mixed), turns, ())}
    assert all(sound.active_level_dbov == pytest.approx(-30.0, abs=0.7) for sound in found.values())


@pytest.mark.parametrize("same_channels", [False, True])
def test_volume_judges_the_agent_of_a_diarised_recording_and_says_how(same_channels: bool) -> None:
    loud = list(volume.run(mono_call(-8.0, same_channels=same_channels), volume.Params()))
    assert any(f.outcome is Outcome.FAIL and "音量过大" in f.message for f in loud)
    good = list(volume.run(mono_call(-25.0, same_channels=same_channels), volume.Params()))
    assert [f.outcome for f in good] == [Outcome.PASS]
    assert all("单声道" in f.message for f in (*loud, *good))


@pytest.mark.parametrize(("agent_dbov", "outcome"), [(-36.0, Outcome.INCONCLUSIVE), (-38.0, Outcome.FAIL)])
def test_a_mono_level_may_be_off_by_more_than_a_channels(agent_dbov: float, outcome: Outcome) -> None:
    """1 dB outside the limit of -35: a channel's level would be a FAIL."""
    call = mono_call(agent_dbov, -25.0)
    level = call.speaker_acoustics(Role.AGENT).active_level_dbov  # type: ignore[union-attr]
    assert level == pytest.approx(agent_dbov, abs=0.4)
    assert [f.outcome for f in volume.run(call, volume.Params())] == [outcome]


def test_the_agents_own_level_is_judged_and_not_the_customers() -> None:
    swapped = mono_call(-38.0, -25.0, agent="spk1")
    assert [f.outcome for f in volume.run(swapped, volume.Params())] == [Outcome.PASS]


def test_measures_of_a_speaker_know_their_error_in_mono() -> None:
    call = mono_call(-30.0, -22.0)
    level, share = (measures.MEASURES[name].read(call, Role.AGENT) for name in ("level_dbov", "talk_share_percent"))
    assert level.value == pytest.approx(-30.0, abs=0.6) and level.error == 0.5 + volume.MONO_ERROR_DB
    talk = [sum(b - a for a, b in spans) for spans in (TALK_A, TALK_B)]
    assert share.value == pytest.approx(100 * talk[0] / sum(talk), abs=0.1) and share.error > 2.0
    assert own_activity(call, Role.AGENT) == tuple(Span(a, b) for a, b in TALK_A)


@pytest.mark.parametrize("strip", ["roles", "sounds", "turns"])
def test_what_is_not_known_is_inconclusive(strip: str) -> None:
    call = mono_call(-8.0)
    if strip == "roles":
        call = replace(call, roles=Roles(tuple(replace(a, role=Role.UNKNOWN) for a in call.roles.assignments)))
    elif strip == "sounds":
        call = replace(call, turns=replace(call.turns, sounds=()))
    else:
        call = replace(call, turns=SpeakerTurns("none", call.turns.turns))
    assert [f.outcome for f in volume.run(call, volume.Params())] == [Outcome.INCONCLUSIVE]
    assert measures.MEASURES["level_dbov"].read(call, Role.AGENT).value is None
