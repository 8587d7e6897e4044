"""Whether the words that a person ruled on still stand where they stood: corrected, or recognised anew, they may be others.

Nobody has ruled on words that came there later, and a ruling on words that are not there any more is none that counts unseen
(:func:`qa.sightings.held`).  Words that were deleted (``qa purge``) cannot be compared: what a person said of them goes on to hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from qa import serial, set_apart
from qa.database import Database
from qa.text import normalise
from qa.types import (
    Acoustics,
    AudioInfo,
    Call,
    CallRecord,
    Evidence,
    Finding,
    Role,
    Roles,
    Span,
    SpeakerTurns,
    SpeechActivity,
    Transcript,
)

NOTHING = "—"
"""Quoted where nobody in the role says anything by now: a ruling on that is none on words that come there later."""
EDGE_MS = 300
"""So far beyond its stretch a word may lie by now: words move a little when they are transcribed anew."""


class Heard(Protocol):
    """A call, or what a scorecard was judged on."""

    @property
    def audio(self) -> AudioInfo: ...
    @property
    def record(self) -> CallRecord | None: ...
    @property
    def roles(self) -> Roles: ...


class JudgedOn(Heard, Protocol):
    """What a scorecard was judged on: small values, and digests of large ones by name (``qa.ledger_cards.Snapshot``)."""

    @property
    def parts(self) -> tuple[tuple[str, str], ...]: ...


def said(call: Call, span: Span, role: Role) -> str:
    """What somebody in ``role`` says in a stretch, as transcribed."""
    own = [u for u in call.transcript.utterances if call.roles.role_of(u.speaker) is role]
    return "".join(word.text for u in own for word in u.words if word.span.overlap_ms(span) > 0)


class Words:
    """The words of a call, read once, and only where they are asked for."""

    def __init__(self, db: Database, of: Call | JudgedOn) -> None:
        self._db, self._of = db, of

    def same_as(self, other: Words) -> bool:
        """Whether both are the very same words of the same speakers."""
        return self._stamp == other._stamp

    def at(self, span: Span, role: Role) -> str | None:
        """What somebody in ``role`` says in a stretch; None where nobody can read that any more."""
        return None if self._call is None else said(self._call, span, role)

    @cached_property
    def _stamp(self) -> tuple[str, Roles]:
        of = self._of
        if isinstance(of, Call):
            return hashlib.sha256(serial.encode(of.as_heard.transcript)).hexdigest(), of.roles
        return dict(of.parts).get("transcript", ""), of.roles

    @cached_property
    def _call(self) -> Call | None:
        """The call with its words alone."""
        of = self._of
        if isinstance(of, Call):
            return of
        found = self._db.rows("select payload from blobs where digest = ?", self._stamp[0])
        if not found:
            return None
        words = serial.decode(bytes(found[0]["payload"]), Transcript)
        empty = SpeechActivity((), "none"), SpeakerTurns("none", ())
        return set_apart.applied(Call(of.audio, *empty, words, Acoustics((), ()), of.roles, of.record))


def gone(findings: Iterable[Finding], then: Words, now: Words, by_person: Container[Finding] = ()) -> tuple[Finding, ...]:
    """Of findings that were ruled on when the words were ``then`` those that quote words which do not stand there ``now``.

    Those ``by_person`` rest on what somebody heard, for a reason of their own, and not on how it was transcribed: they are gone only where
    nobody in that role speaks there by now, or other words stand there than those that the person wrote down.
    """
    if then.same_as(now):
        return ()
    return tuple(
        one
        for one in findings
        if any(not (_stands(each, then, now) or (one in by_person and _heard(each, then, now))) for each in one.evidence if each.text)
    )


def standing(findings: Iterable[Finding], then: Words, now: Words) -> tuple[Finding, ...]:
    """The others."""
    every = tuple(findings)
    lost = gone(every, then, now)
    return tuple(one for one in every if one not in lost) if lost else every


def as_now(finding: Finding, now: Words) -> Finding:
    """A finding with the words that stand at its places by now."""
    told = tuple(replace(one, text=now.at(one.span, one.role) or NOTHING) if one.text else one for one in finding.evidence)
    return replace(finding, evidence=told)


def _heard(quoted: Evidence, then: Words, now: Words) -> bool:
    """Whether the words quoted were the transcript's and not a person's, and whoever spoke there still does."""
    before, by_now = then.at(_around(quoted), quoted.role), now.at(quoted.span, quoted.role)
    return before is None or by_now is None or (normalise(quoted.text) in normalise(before) and bool(normalise(by_now)))


def _around(quoted: Evidence) -> Span:
    return Span(max(0, quoted.span.start_ms - EDGE_MS), quoted.span.end_ms + EDGE_MS)


def _stands(quoted: Evidence, then: Words, now: Words) -> bool:
    here = now.at(_around(quoted), quoted.role)
    if here is None:
        return True
    present = normalise(here)
    if (own := normalise(quoted.text)) and own in present:
        return True
    before = then.at(quoted.span, quoted.role)
    if before is None:
        return True
    if known := normalise(before):
        return known in present
    return not normalise(now.at(quoted.span, quoted.role) or "")
