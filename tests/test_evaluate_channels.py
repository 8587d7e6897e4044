"""Facts of the channels and interruptions against the truth, counted on the fingers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import stored_calls

from qa import channel_facts, overlap
from qa.evaluate_channels import Found, evaluate_channels
from qa.overlap import Entry
from qa.truth import Truth, TruthChannel, TruthInterruption
from qa.types import Call, ChannelFact, Role, Span

AGENT, CUSTOMER = Role.AGENT, Role.CUSTOMER


def heard(*facts: ChannelFact) -> Call:
    call = stored_calls.call()
    return replace(call, acoustics=replace(call.acoustics, facts=facts))


def truth(*channels: TruthChannel) -> Truth:
    return Truth("a.wav", 1, channels=channels)


def test_a_fact_counts_on_its_own_channel_and_only_if_it_is_sure() -> None:
    dead, leak, hint = ChannelFact("dead", 0, -90.0, 1.0), ChannelFact("leak", 1, -25.0, 1.0), ChannelFact("dead", 1, -70.0, 0.3)
    calls = [
        (truth(TruthChannel("dead", 0)), heard(dead, hint)),
        (truth(TruthChannel("leak", 0), TruthChannel("leak", 1)), heard(leak)),
        (truth(), heard(dead)),
        (Truth("b.wav", 2), heard(leak)),
    ]
    facts = dict(evaluate_channels(calls).facts)
    assert facts == {"same": Found(), "swapped": Found(), "dead": Found(1, 1, 1), "leak": Found(2, 1, 0)}


def test_swapped_channels_are_told_by_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_facts, "of_call", lambda call: (ChannelFact("swapped", None, 0.97, 0.97),))
    facts = dict(evaluate_channels([(truth(TruthChannel("swapped")), heard()), (truth(), heard())]).facts)
    assert facts["swapped"] == Found(1, 1, 1)


def entry(role: Role, start: int, end: int) -> Entry:
    return Entry(role, Span(start, end), Span(start, end), Span(0, end), True, "", None)


def test_interruptions_go_by_speaker_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two true ones (the third is short, the fourth a sign of listening) one is found; an entry into a sign of listening is false."""
    spoken = (
        TruthInterruption(AGENT, CUSTOMER, Span(1000, 2000), False),
        TruthInterruption(AGENT, CUSTOMER, Span(5000, 6000), False),
        TruthInterruption(CUSTOMER, AGENT, Span(7000, 7300), False),
        TruthInterruption(CUSTOMER, AGENT, Span(9000, 9800), True),
        TruthInterruption(Role.THIRD_PARTY, AGENT, Span(12000, 13000), False),
    )
    entries = {
        AGENT: (entry(AGENT, 1500, 2500),),
        CUSTOMER: (entry(CUSTOMER, 5200, 5900), entry(CUSTOMER, 7100, 7300), entry(CUSTOMER, 9000, 9800)),
    }
    monkeypatch.setattr(overlap, "entries", lambda call, role: entries[role])
    monkeypatch.setattr(overlap, "apart", lambda call: None)
    call = heard()
    found = evaluate_channels([(Truth("a.wav", 1, interruptions=spoken), call), (Truth("b.wav", 2), call)])
    assert (found.interruptions, found.calls) == (Found(2, 1, 2), 1)
    monkeypatch.setattr(overlap, "apart", lambda call: "分不清")
    assert evaluate_channels([(Truth("a.wav", 1, interruptions=spoken), call)]).calls == 0
