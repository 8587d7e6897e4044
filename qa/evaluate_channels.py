"""What is said of the channels, and who speaks into whose turn, against the truth.  The figures are defined in docs/truth-format.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qa import channel_facts, overlap
from qa.callfacts import NO_SIGNAL_SURE
from qa.truth import FACTS, Truth, TruthChannel
from qa.types import Call, ChannelFact, Role

LEAST_MS = overlap.OVERLAP_MS
"""Who begins nearer to the end of the other only takes the turn a little early, in the truth as in the program."""
_SIDES = (Role.AGENT, Role.CUSTOMER)


@dataclass(frozen=True)
class Found:
    """``true`` in the truth, ``found`` of them by the program, and ``false`` ones that it found besides."""

    true: int = 0
    found: int = 0
    false: int = 0

    def __add__(self, other: Found) -> Found:
        return Found(self.true + other.true, self.found + other.found, self.false + other.false)


@dataclass(frozen=True)
class ChannelEvaluation:
    """``facts`` by kind over the calls whose truth has ``channels``, ``interruptions`` over those whose truth has them and whose two sides
    the program tells apart."""

    facts: tuple[tuple[str, Found], ...] = ()
    interruptions: Found = Found()
    calls: int = 0


def evaluate_channels(calls: Sequence[tuple[Truth, Call]]) -> ChannelEvaluation:
    """Compare the facts of the channels and the interruptions of scored calls with the truth."""
    facts = {kind: Found() for kind in FACTS}
    entries, told = Found(), 0
    for truth, call in calls:
        if truth.channels is not None:
            known = channel_facts.of_call(call.as_heard)
            for kind in FACTS:
                facts[kind] += _facts(kind, truth.channels, known)
        if truth.interruptions is not None and overlap.apart(call) is None:
            entries, told = entries + _interruptions(truth, call), told + 1
    return ChannelEvaluation(tuple(facts.items()), entries, told)


def _facts(kind: str, true: Sequence[TruthChannel], known: Sequence[ChannelFact]) -> Found:
    """``swapped`` is said with the confidence that its figure is; of the others one below certainty is a hint and no fact."""
    sure = {f.channel for f in known if f.kind == kind and (kind == "swapped" or f.confidence >= NO_SIGNAL_SURE)}
    wanted = {t.channel for t in true if t.fact == kind}
    return Found(len(wanted), len(wanted & sure), len(sure - wanted))


def _interruptions(truth: Truth, call: Call) -> Found:
    """Only agent and customer: of others the program says nothing."""
    spoken = [i for i in truth.interruptions or () if i.by in _SIDES and i.into in _SIDES and not i.backchannel]
    due = [i for i in spoken if i.span.duration_ms >= LEAST_MS]
    entries = [entry for role in _SIDES for entry in overlap.entries(call, role)]
    found = sum(any(e.role is i.by and e.span.overlap_ms(i.span) for e in entries) for i in due)
    false = sum(not any(e.role is i.by and e.span.overlap_ms(i.span) for i in spoken) for e in entries)
    return Found(len(due), found, false)
