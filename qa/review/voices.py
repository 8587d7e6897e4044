"""Whose words a person corrected, told by the voices that the recording is divided into now.

Labels of voices mean nothing beyond one division: where the recording is divided anew, a voice is the one that has its time.  Where that is
not clear nobody is given words that may be another's, and who is who is unsure until a person corrects the words again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qa import serial, set_apart
from qa.callfacts import bridged
from qa.ledger_cards import Snapshot
from qa.report_text import clock
from qa.store import Store
from qa.types import Call, Role, RoleAssignment, Span, SpeakerTurns, Transcript

if TYPE_CHECKING:
    from qa.review.text_marks import TextMark

INSIDE = 0.8
"""A voice is one of a new division if so much of its time is that one's, and nobody speaks more in the stretch in question."""
_NAMED = (Role.AGENT, Role.CUSTOMER)


def carried(store: Store, mark: TextMark, call: Call) -> TextMark | None:
    """The correction with the label that its voice has in ``call``, as that was heard; None where it is not clear which one that is, or
    where its words were deleted."""
    label = _label(store, mark, call.as_heard) if not mark.deleted else None
    return replace(mark, speaker=label) if label is not None else None


def doubted(call: Call, lost: Sequence[TextMark]) -> Call:
    """The call with nobody's role known, as corrections of it are ``lost``: nobody knows by now whose words they are."""
    if not lost:
        return call
    heard, known = call.as_heard, call.roles
    places = "、".join(clock(mark.span.start_ms) for mark in sorted(lost, key=lambda mark: mark.span))
    gone = any(mark.deleted for mark in lost)
    why = "已按保存期限删除，不知改成了什么" if gone else "是对以前的说话人区分结果所作，现在分不清是谁说的"
    doubt = f"人工更正的文字（{places}）{why}；请撤回这些更正，再重新更正"
    unknown = (RoleAssignment(a.speaker, Role.UNKNOWN, 0.0, "person") if a.role in _NAMED else a for a in known.assignments)
    others = tuple(one for one in known.stretches if one.role not in _NAMED)
    told = replace(known, assignments=tuple(unknown), stretches=others, doubt=doubt, handed_over_ms=None)
    return set_apart.applied(replace(heard, roles=told))


def _label(store: Store, mark: TextMark, heard: Call) -> str | None:
    now, part = heard.turns, Span(heard.audio.from_ms, heard.audio.duration_ms)
    if now.method == "channel":  # one content has one pair of channels
        return mark.speaker if mark.speaker in ("ch0", "ch1") else None
    then = _division(store, mark)
    if then is None or then.method == "channel":
        return None
    if then == now:
        return mark.speaker
    here = {label: _shared(now.of(label), [mark.span]) for label in now.speakers}
    if not now.diarized:
        return next(iter(here)) if len(here) == 1 else None
    if not then.diarized:  # nobody had told the voices apart: whoever alone speaks there is meant
        speaking = [label for label, ms in here.items() if ms]
        return speaking[0] if len(speaking) == 1 else None
    said = bridged(then.of(mark.speaker), 0)
    most = max(here, key=lambda label: _shared(now.of(label), said), default=None)
    if most is None or _shared(now.of(most), said) < INSIDE * max(1, _shared(said, [part])):
        return None
    return most if here[most] == max(here.values()) else None


def _division(store: Store, mark: TextMark) -> SpeakerTurns | None:
    """The voices that a correction was made on: those of the last scorecard before it that has the words which stood there; None where
    there is none, or they were deleted."""
    sql = "select snapshot from scorecards where call_id = ? and created <= ? order by id desc"
    made = (serial.decode(row["snapshot"], Snapshot) for row in store.db.rows(sql, mark.call_id, mark.created))
    parts = list(dict.fromkeys(one.parts for one in made if one.audio.sha256 == mark.file_sha256))
    digests = {dict(one)["turns"] for one in parts}
    if len(digests) > 1:
        parts = [one for one in parts if _stood_there(store.part(dict(one)["transcript"], Transcript), mark)]
    return store.part(dict(parts[0])["turns"], SpeakerTurns) if parts else None


def _stood_there(transcript: Transcript | None, mark: TextMark) -> bool:
    from qa.review.text_marks import words_in  # which asks this module

    return transcript is not None and tuple(words_in(transcript.utterances, mark.speaker, mark.channel, mark.span)) == mark.before


def _shared(one: Iterable[Span], other: Iterable[Span]) -> int:
    """Time that both have, in ms."""
    spans = bridged(other, 0)
    return sum(a.overlap_ms(b) for a in bridged(one, 0) for b in spans)
