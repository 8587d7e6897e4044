"""Whether words that a mono recording's voice said may be another person's: by how alike the stretches of the call sound.

An engine that tells voices apart now and then takes two persons for one.  Then the words of the one are put down to the other, and nothing
in the words says so.  So what a person is to be blamed for must sound like the words by which that person is known: those that bear the
role (``RoleAssignment.bearing``), or where none do, like the rest of the voice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qa.set_apart import LABELS
from qa.types import Call, Span, SpeakerTurns

UNCOMPARED = "单声道录音按声音区分说话人，这里没有与本人别处的声音核对过，可能是别人说的"
TOO_SHORT = "单声道录音按声音区分说话人，这里太短，声音核对不了，可能是别人说的"
INSIDE_MS = 300
"""A stretch of which so much is meant is asked; of a shorter place the one that holds most of it."""


def another_voice(call: Call, speaker: str, span: Span) -> str | None:
    """Why the words at ``span`` may be another person's although they are put down to ``speaker`` (Chinese).

    None: every stretch there is as alike to the words that bear the speaker's role as one person is to himself, and less so to any other
    voice; always None where the channel is the speaker, and where a person has said that nobody else is heard under the label.
    """
    if not call.turns.diarized or any(a.alone for a in call.roles.assignments if a.speaker == speaker):
        return None
    if call.turns.alike is None:
        return UNCOMPARED
    return Voices(call.turns, {a.speaker: a.bearing for a in call.roles.assignments}).doubt(speaker, span)


class Voices:
    """The voices of a diarised recording whose stretches were compared; ``bearing``: the places by which each label is known."""

    def __init__(self, turns: SpeakerTurns, bearing: Mapping[str, Sequence[Span]]) -> None:
        found = turns.alike
        if found is None:
            raise ValueError("the stretches of the turns were not compared")
        self.same, self._spans, self._table = found.same, found.spans, found.table
        self._column = {number: column for column, number in enumerate(found.anchors)}
        self._owners = _owners(found.spans, turns)
        labels = dict.fromkeys(turns.speakers)
        self._own = {label: [n for n, who in enumerate(self._owners) if who == label and n in self._column] for label in labels}
        self._known = {
            label: [n for n in own if any(_holds(self._spans[n], place) for place in bearing.get(label, ()))]
            for label, own in self._own.items()
        }

    def doubt(self, speaker: str, span: Span) -> str | None:
        """As of :func:`another_voice`."""
        rows = self._at(speaker, span)
        if not rows:
            return TOO_SHORT
        for row in rows:
            own, nearest = self._likeness(row, speaker), self._nearest(row, speaker)
            if own is None:
                return UNCOMPARED
            if own < self.same or own <= nearest:
                wanted = f"{self.same:.2f}" if own < self.same else f"高于别人的 {nearest:.2f}"
                return f"单声道录音按声音区分说话人，这里的声音与本人别处的话不够像（相似度 {own:.2f}，要求{wanted}），可能是别人说的"
        return None

    def surely(self, speaker: str, span: Span) -> bool:
        """Whether what is said at ``span`` is the speaker's own beyond doubt: nearer to one voice than to what is just alike enough."""
        own = [self._likeness(row, speaker) for row in self._at(speaker, span)]
        return self.doubt(speaker, span) is None and all(one is not None and one >= (1 + self.same) / 2 for one in own)

    def strange_ms(self, speaker: str) -> tuple[int, int]:
        """For how long the voice sounds like somebody else than its bearer, and how long it was compared: less than half as alike to the
        bearer as one person is to himself, or more alike to another voice."""
        strange = total = 0
        for row, who in enumerate(self._owners):
            if who != speaker:
                continue
            own = self._likeness(row, speaker)
            if own is not None:
                total += self._spans[row].duration_ms
                strange += self._spans[row].duration_ms if own < self.same / 2 or own < self._nearest(row, speaker) else 0
        return strange, total

    def _at(self, speaker: str, span: Span) -> list[int]:
        """The speaker's stretches that hold what is said at ``span``."""
        own = [(self._spans[n].overlap_ms(span), n) for n, who in enumerate(self._owners) if who == speaker]
        most, best = max(own, default=(0, -1))
        inside = [n for shared, n in own if shared >= INSIDE_MS]
        return inside or ([best] if 2 * most >= span.duration_ms and most else [])

    def _nearest(self, row: int, speaker: str) -> float:
        """How alike a stretch is to the other voice that it is most alike to; -1 where there is no other.

        What was set apart of a voice is none: it may be the speaker's own after all.
        """
        others = (self._likeness(row, label) for label in self._own if label not in (speaker, *LABELS.values()))
        return max((one for one in others if one is not None), default=-1.0)

    def _likeness(self, row: int, label: str) -> float | None:
        """Cosine of a stretch and the mean of the other ones by which the label is known, else of all its others; None: there are none."""
        known, own = ([n for n in found.get(label, ()) if n != row] for found in (self._known, self._own))
        others = known or own
        if not others:
            return None
        columns = [self._column[n] for n in others]
        length = float(np.sqrt(max(1e-6, float(self._table[np.ix_(others, columns)].mean()))))
        return min(1.0, float(self._table[row, columns].mean()) / length)


def _holds(stretch: Span, place: Span) -> bool:
    return stretch.overlap_ms(place) >= min(INSIDE_MS, place.duration_ms)


def _owners(spans: Sequence[Span], turns: SpeakerTurns) -> list[str]:
    """Whose each stretch is: the label with most of it, "" for nobody's."""
    owners, first = [], 0
    for span in spans:
        while first < len(turns.exclusive) and turns.exclusive[first].span.end_ms <= span.start_ms:
            first += 1
        shares: dict[str, int] = {}
        for turn in turns.exclusive[first:]:
            if turn.span.start_ms >= span.end_ms:
                break
            shares[turn.speaker] = shares.get(turn.speaker, 0) + turn.span.overlap_ms(span)
        owners.append(max(shares, key=lambda who: shares[who], default=""))
    return owners
