"""What was said that may be the agent's, whoever it was put down to.

Where voices had to be told apart (``SpeakerTurns.diarized``) a change of speaker is found some tenths of a second beside the truth, and at
times not where it is.  So words that one speaker lacks may have been said all the same, and been put down to another.  In stereo the same
holds for words of the agent's channel that the program took for an announcement's.  Every check of an omission looks here as well: only
what nobody said is missing for certain.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from qa import accusations
from qa.types import Call, Edge, Role, Span, Utterance, Word

BY_VOICE = "单声道录音按声音区分说话人，规范用语可能有一部分记在了别人名下"
BY_MACHINE = "坐席声道有一部分话被当作自动播报，规范用语可能就在其中"
NEAR_MS = 2000
"""So far beside the place where words were due they may be said, where voices were told apart."""
ANYBODY = "anybody"
"""The label of all voices in one."""
_ONE_MS = 1000  # words nearer to each other are one utterance, whoever they were put down to


@dataclass(frozen=True)
class Together:
    """All utterances and second decodes of a call, as if one speaker had said all of it; announcements and third parties too.  ``why``
    (Chinese) says why they may be the agent's."""

    utterances: tuple[Utterance, ...]
    edges: tuple[Edge, ...]
    why: str

    def decodes(self, near: Span) -> list[tuple[Word, ...]]:
        """The words that begin in ``near``: of the transcript, then of every second decode."""
        said = (tuple(word for one in self.utterances for word in one.words), *(edge.words for edge in self.edges))
        return [tuple(w for w in words if near.start_ms <= w.span.start_ms < near.end_ms) for words in said]


def together(call: Call) -> Together | None:
    """Everything that was heard in ``call`` as one speaker's, in stereo on the agent's channel; None where no voices had to be told apart
    and nothing of the channel was set apart."""
    only = None if call.turns.diarized else call.speaker(Role.AGENT)
    if not call.turns.diarized and (only is None or not accusations.unproven(call)):
        return None
    heard = call.as_heard.transcript
    words = sorted((w for u in heard.utterances if only in (None, u.speaker) for w in u.words), key=lambda w: w.span)
    edges: dict[tuple[str, Span], list[Word]] = {}
    for edge in heard.edges:
        if only in (None, edge.speaker):
            edges.setdefault((edge.which, edge.span), []).extend(edge.words)
    made = (Edge(which, ANYBODY, span, tuple(sorted(all_, key=lambda w: w.span))) for (which, span), all_ in edges.items())
    return Together(tuple(_utterances(words)), tuple(made), BY_VOICE if only is None else BY_MACHINE)


def _utterances(words: list[Word]) -> list[Utterance]:
    begins = [0, *(n + 1 for n, (a, b) in enumerate(itertools.pairwise(words)) if b.span.start_ms - a.span.end_ms > _ONE_MS), len(words)]
    parts = [tuple(words[a:b]) for a, b in itertools.pairwise(begins) if a < b]
    spans = (Span(part[0].span.start_ms, max(w.span.end_ms for w in part)) for part in parts)
    return [Utterance(ANYBODY, 0, span, part) for span, part in zip(spans, parts, strict=True)]


def near(due: Span) -> Span:
    """Where words may lie that were said where they were ``due``."""
    return replace(due, start_ms=max(0, due.start_ms - NEAR_MS), end_ms=due.end_ms + NEAR_MS)
