"""One voice that holds two persons: seen by how alike its stretches sound, and never held against somebody."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from role_calls import ENGINE, record, spoken_call, told_apart

from qa import roles, serial
from qa.blocks import Wave
from qa.diarization.likeness import EVENLY, FIRST, LAST, STRETCH_MS, compared
from qa.diarization.protocol import RATE_HZ
from qa.types import Call, Float32Array, Role, RoleAssignment, Roles, Span, SpeakerTurn, SpeakerTurns, VoiceLikeness
from qa.voice_doubt import TOO_SHORT, UNCOMPARED, another_voice

USUAL = [
    ("spk0", "您好，华宁通信，工号八零零三，很高兴为您服务。"),
    ("spk1", "我家宽带连不上了，你们怎么回事？"),
    ("spk0", "给您登记好了，请您稍等师傅的电话。"),
    ("spk0", "你烦不烦，有完没完。"),
    ("spk1", "我要投诉你们。"),
    ("spk0", "感谢您的来电，再见。"),
]
INSULT = 3


def call_of(persons: dict[int, str] | None = None, lines: list[tuple[str, str]] = USUAL, *, same: float = 0.5) -> Call:
    """The call with its roles; ``persons``: who really speaks, by number of the line."""
    made = spoken_call(lines, record=record())
    return roles.told(replace(made, turns=told_apart(list(made.turns.turns), persons, same)))


def place(call: Call, number: int) -> Span:
    return call.turns.exclusive[number].span


# ---------------------------------------------------------------- one voice, two persons


def test_what_sounds_like_the_words_that_bear_the_role_is_that_ones() -> None:
    call = call_of()
    assert call.speaker(Role.AGENT) == "spk0"
    assert [another_voice(call, turn.speaker, turn.span) for turn in call.turns.exclusive] == [None] * len(USUAL)


@pytest.mark.parametrize("really", ["spk1", "stranger"])
def test_what_sounds_like_somebody_else_is_doubted_and_the_rest_is_not(really: str) -> None:
    call = call_of({INSULT: really}, [*USUAL, *[("spk0", "请您放心，我们会帮您办好，请您留一下联系电话，帮您登记好了。")] * 3])
    assert call.speaker(Role.AGENT) == "spk0"
    doubted = [another_voice(call, "spk0", place(call, n)) is not None for n in (0, 2, INSULT, 5)]
    assert doubted == [False, False, True, False]
    assert "可能是别人说的" in (another_voice(call, "spk0", place(call, INSULT)) or "")


def test_the_voice_is_known_by_the_words_that_bear_the_role_and_not_by_most_of_it() -> None:
    """The agent's words are two of five in that voice: the mean of it is the customer's."""
    lines = [USUAL[0], *[("spk0", "哎呀哎呀哎呀哎呀。")] * 3, USUAL[-1], ("spk1", "我要投诉你们，我家宽带。")]
    call = spoken_call(lines, record=record())
    call = replace(call, turns=told_apart(list(call.turns.turns), dict.fromkeys((1, 2, 3), "spk1")))
    sides = (
        RoleAssignment("spk0", Role.AGENT, 0.99, "content", (), (place(call, 0), place(call, 4))),
        RoleAssignment("spk1", Role.CUSTOMER, 0.99, "content", (), (place(call, 5),)),
    )
    call = replace(call, roles=Roles(sides))
    assert [another_voice(call, "spk0", place(call, n)) is None for n in range(5)] == [True, False, False, False, True]


def test_alike_enough_but_more_alike_to_the_other_is_doubted() -> None:
    spans = tuple(Span(2000 * n, 2000 * n + 2000) for n in range(5))
    owners = ("spk0", "spk0", "spk0", "spk1", "spk1")
    table = np.full((5, 5), 20, np.int8)
    table[:2, :2] = table[3:, 3:] = 90
    table[2, :2], table[2, 3:] = 60, 70
    turns = tuple(SpeakerTurn(who, 0, span) for who, span in zip(owners, spans, strict=True))
    heard = SpeakerTurns(ENGINE, turns, (), turns, alike=VoiceLikeness(spans, tuple(range(5)), table.tobytes(), 0.5))
    base = spoken_call([("spk0", "喂。")])
    sides = tuple(RoleAssignment(who, role, 1.0, "content", (), (at,)) for who, role, at in (
        ("spk0", Role.AGENT, Span(0, 4000)), ("spk1", Role.CUSTOMER, Span(6000, 10_000)),
    ))  # fmt: skip
    call = replace(base, turns=heard, roles=Roles(sides))
    assert another_voice(call, "spk0", spans[1]) is None and "别人的" in (another_voice(call, "spk0", spans[2]) or "")


def test_a_place_is_asked_by_every_stretch_of_it() -> None:
    call = call_of({INSULT: "spk1"}, [*USUAL, *[("spk0", "请您放心，我们会帮您办好，请您留一下联系电话。")] * 3])
    assert another_voice(call, "spk0", Span(place(call, 2).start_ms, place(call, INSULT).end_ms)) is not None


# ---------------------------------------------------------------- what was not compared


def test_without_a_comparison_nothing_is_certain() -> None:
    call = call_of()
    old = replace(call, turns=replace(call.turns, alike=None))
    assert another_voice(old, "spk0", place(call, 0)) == UNCOMPARED


def test_words_outside_of_all_stretches_are_not_certain() -> None:
    call = call_of()
    behind = Span(call.audio.duration_ms, call.audio.duration_ms + 400)
    assert another_voice(call, "spk0", behind) == TOO_SHORT == another_voice(call, "spk0", place(call, 1))


@pytest.mark.parametrize("method", ["channel", "none"])
def test_where_no_voices_were_told_apart_there_is_nothing_to_doubt(method: str) -> None:
    label = "ch" if method == "channel" else "mono"
    call = spoken_call([(f"{label}0" if method == "channel" else label, "喂。")], method)
    assert another_voice(call, call.turns.turns[0].speaker, call.turns.turns[0].span) is None


def test_who_a_person_says_to_be_alone_is_alone() -> None:
    call = call_of({INSULT: "spk1"})
    sides = tuple(replace(a, role=Role.AGENT if a.speaker == "spk0" else Role.CUSTOMER, alone=True) for a in call.roles.assignments)
    assert another_voice(replace(call, roles=Roles(sides)), "spk0", place(call, INSULT)) is None


# ---------------------------------------------------------------- roles


def test_a_voice_that_is_largely_somebody_elses_leaves_the_roles_unsure() -> None:
    mixed = call_of({INSULT: "spk1", 2: "spk1"})
    assert mixed.speaker(Role.AGENT) is None and "spk0" in mixed.roles.doubt and "混了两个人" in mixed.roles.doubt


def test_words_of_the_customer_in_the_agents_voice_leave_the_roles_unsure_unless_they_sound_like_the_agent() -> None:
    lines = [*USUAL, ("spk0", "我家也是这样。")]
    alike, other = call_of(None, lines), call_of({6: "spk1"}, [*lines, *[("spk0", "请您放心，请您留一下联系电话，帮您登记好了。")] * 9])
    assert alike.speaker(Role.AGENT) == "spk0"
    assert other.speaker(Role.AGENT) is None and "我家" in other.roles.doubt
    made = spoken_call(lines, record=record())
    uncompared = roles.told(replace(made, turns=replace(made.turns, alike=None)))
    assert uncompared.speaker(Role.AGENT) is None and "我家" in uncompared.roles.doubt
    assert (
        roles.told(replace(spoken_call(USUAL, record=record()), turns=replace(call_of().turns, alike=None))).speaker(Role.AGENT) == "spk0"
    )


def test_what_was_set_apart_of_a_voice_is_no_other_voice() -> None:
    """The program took the agent's own words for an announcement: the agent goes on to sound like them."""
    lines = [("spk0", "这通来电录音，八零零三号接听。"), *USUAL]
    call = call_of(None, lines)
    assert call.speaker(Role.AGENT) == "spk0" and call.speaker(Role.ANNOUNCEMENT) == "announcement"
    assert another_voice(call, "spk0", place(call, INSULT + 1)) is None


# ---------------------------------------------------------------- how it is found and kept


def level_print(x: Float32Array) -> npt.NDArray[np.float32] | None:
    """Of a loud voice and a soft one, in between what is in between; None of less than half a second."""
    if len(x) < RATE_HZ // 2:
        return None
    loud = float(np.mean(np.abs(x) > 0.5))
    found = np.asarray([loud, 1.0 - loud], np.float32)
    return found / np.float32(np.linalg.norm(found))


def test_somebody_else_within_a_turn_is_another_stretch() -> None:
    x = np.full(12 * RATE_HZ, 0.1, np.float32)
    x[4 * RATE_HZ : 6 * RATE_HZ] = 0.9
    found = compared(
        [SpeakerTurn("spk0", 0, Span(0, 11_700)), SpeakerTurn("spk1", 0, Span(11_700, 12_000))], Wave.of(x, RATE_HZ), level_print, 0.4
    )
    assert found is not None and found.same == 0.4 and len(found.spans) == 6 == len(found.anchors)
    assert all(span.duration_ms <= 1.5 * STRETCH_MS for span in found.spans)
    assert (found.table[0] > 0.9).tolist() == [True, True, False, True, True, True]


def test_nothing_but_how_alike_they_are_is_kept_and_a_long_call_is_compared_with_a_part_of_itself() -> None:
    x = np.full(1500 * RATE_HZ, 0.1, np.float32)
    turns = [SpeakerTurn("spk0", 0, Span(2000 * n, 2000 * n + 1000)) for n in range(750)]
    found = compared(turns, Wave.of(x, RATE_HZ), level_print, 0.5)
    assert found is not None and len(found.spans) == 750 and len(set(found.anchors)) == len(found.anchors) == FIRST + EVENLY + LAST
    assert found.anchors[0] == 0 and found.anchors[-1] == 749 and len(found.cosines) == 750 * len(found.anchors)
    assert compared([], Wave.of(x, RATE_HZ), level_print, 0.5) is None


def test_kept_turns_come_back_and_those_of_an_older_program_too() -> None:
    turns = call_of().turns
    assert turns.alike is not None and serial.decode(serial.encode(turns), SpeakerTurns) == turns
    kept = serial.encode(replace(turns, alike=None))
    name = 2 + kept[1]
    older = {key: value for key, value in msgspec.msgpack.decode(kept[name:]).items() if key != "alike"}
    assert serial.decode(kept[:name] + msgspec.msgpack.encode(older), SpeakerTurns) == replace(turns, alike=None)
