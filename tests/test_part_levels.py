"""Levels of a speaker of whom only a part is heard under the label, and of one who was taken for two voices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_acoustics import TALK_A
from test_speaker_acoustics import mono_call

from qa import part_levels, set_apart
from qa.checks import volume
from qa.rules import measures
from qa.types import Acoustics, Call, Outcome, Role, RoleStretch, Span, SpeakerSound, SpeakerTurn

FIRST = Span(*TALK_A[0])


def announced(call: Call, span: Span = FIRST, label: str = "spk0") -> Call:
    """The call with an announcement where the agent seems to speak."""
    return set_apart.applied(replace(call, roles=replace(call.roles, stretches=(RoleStretch(label, span, Role.ANNOUNCEMENT, "播报"),))))


def test_the_level_of_the_rest_is_that_of_the_rest() -> None:
    """The announcement is 12 dB louder in the track: without it the level is the agent's own, not the mean of both."""
    call = mono_call(-25.0)
    (whole,) = call.acoustics.channels
    track = whole.level_dbov.copy()
    track[part_levels.frames(whole, [FIRST])] += np.float32(12.0)
    left = [span for span in call.turns.alone("spk0") if not span.overlap_ms(FIRST)]
    spoken = [replace(sound, active_level_dbov=-18.0) if sound.speaker == "spk0" else sound for sound in call.turns.sounds]
    loud = replace(whole, level_dbov=track)
    heard = replace(call, turns=replace(call.turns, sounds=tuple(spoken)), acoustics=Acoustics((loud,), ()))
    moved = announced(heard).speaker_acoustics(Role.AGENT)
    by_hand = part_levels.level_moved(replace(loud, active_level_dbov=-18.0), call.turns.alone("spk0"), left)
    assert moved is not None and moved.active_level_dbov == by_hand.active_level_dbov and by_hand.active_level_dbov < -20.0


def test_volume_is_ruled_where_an_announcement_was_taken_for_the_agents_voice() -> None:
    call = announced(mono_call(-25.0))
    assert [f.outcome for f in volume.run(call, volume.Params())] == [Outcome.PASS]
    assert [f.outcome for f in volume.run(announced(mono_call(-42.0)), volume.Params())] == [Outcome.FAIL]
    every = Span(0, call.audio.duration_ms)
    assert {f.outcome for f in volume.run(announced(mono_call(-25.0), every), volume.Params())} == {Outcome.INCONCLUSIVE}


def test_whose_words_are_clipped_is_not_known_of_a_part() -> None:
    call = mono_call(-25.0)
    sounds = tuple(replace(sound, clipped_ratio=0.02) for sound in call.turns.sounds if sound.speaker == "spk0")
    clipped = replace(call, turns=replace(call.turns, sounds=sounds))
    assert [f.outcome for f in volume.run(clipped, volume.Params())] == [Outcome.FAIL]
    (finding,) = volume.run(announced(clipped), volume.Params())
    assert finding.outcome is Outcome.INCONCLUSIVE and "别人的声音" in finding.message
    assert measures.clipped_percent(clipped, Role.AGENT).value == 2.0
    assert measures.clipped_percent(announced(clipped), Role.AGENT).value is None
    assert measures.peak_dbov(announced(call), Role.AGENT).value is None
    assert measures.clipped_percent(announced(call), Role.AGENT).value == 0.0


@pytest.mark.parametrize("elsewhere_dbov", [-60.0, -31.0])
def test_hold_music_is_no_noise_of_the_line(elsewhere_dbov: float) -> None:
    """Music of an announcement sounds until somebody speaks; what sounds elsewhere too is noise."""
    call = mono_call(-25.0)
    (whole,) = call.acoustics.channels
    spoken = call.activity.channels[0]
    at = max(range(len(spoken) - 1), key=lambda n: spoken[n + 1].start_ms - spoken[n].end_ms)
    music = Span(spoken[at].end_ms, spoken[at + 1].start_ms)
    track = np.where(part_levels.frames(whole, spoken), whole.level_dbov, np.float32(elsewhere_dbov)).astype(np.float32)
    track[part_levels.frames(whole, [music])] = -31.0
    noisy = replace(whole, level_dbov=track, noise_floor_dbov=-31.0, snr_db=6.0)
    found = announced(replace(call, acoustics=Acoustics((noisy,), ())), spoken[at], "spk9")
    assert found.acoustics.channels[0].noise_floor_dbov == elsewhere_dbov


# ---------------------------------------------------------------- one who was taken for two


def test_one_speaker_taken_for_two_sounds_like_the_one_he_is() -> None:
    whole = mono_call(-25.0)
    names = {span: "spk2" if n % 2 else "spk0" for n, span in enumerate(TALK_A)}
    parted = tuple(SpeakerTurn(names.get((t.span.start_ms, t.span.end_ms), t.speaker), 0, t.span) for t in whole.turns.turns)
    sounds = (SpeakerSound("spk0", -20.0, 0.1, -3.0, 0.0), SpeakerSound("spk2", -30.0, 0.3, -5.0, 0.1))
    split = replace(whole.turns, turns=parted, sounds=sounds)
    stretch = RoleStretch("spk2", Span(0, whole.audio.duration_ms), Role.AGENT, "同一个人")
    made = set_apart.applied(replace(whole, turns=split, roles=replace(whole.roles, stretches=(stretch,))))
    assert made.turns.of("spk0") == whole.turns.of("spk0") and not made.turns.of("spk2")
    joined = made.turns.sound("spk0")
    assert joined is not None and joined.active_level_dbov == pytest.approx(10 * np.log10((0.1 * 1e-2 + 0.3 * 1e-3) / 0.4), abs=0.02)
    assert (joined.peak_dbov, joined.activity_factor) == (-3.0, 0.4) and joined.clipped_ratio == pytest.approx(0.075)
    assert part_levels.in_part(made, Role.AGENT) is None
