"""Words of a recording of one channel given to its speakers: a pure step, so that other turns need no new recognition.

A word belongs to the exclusive turn that it overlaps most, else to the nearest one within :data:`NEAR_MS`; one that lies near none stays
nobody's (``qa.speakers.MONO``), and nothing is concluded from it about anybody.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from qa.speakers import MONO
from qa.types import Edge, Span, SpeakerTurn, SpeakerTurns, Transcript, Utterance, Word

NEAR_MS = 500


def assigned(transcript: Transcript, turns: SpeakerTurns) -> Transcript:
    """The transcript with the speakers of ``turns``; unchanged where nobody told the speakers apart by their voices.

    An utterance is divided where the speaker changes.  A second decode (:class:`Edge`) becomes one for each speaker who speaks in it, with
    that speaker's words.
    """
    if not turns.diarized:
        return transcript
    return replace(
        transcript,
        utterances=_divided(transcript.utterances, turns.exclusive),
        edges=tuple(one for edge in transcript.edges for one in _edges(edge, turns.exclusive)),
        dropped=_divided(transcript.dropped, turns.exclusive),
    )


def speaker_at(span: Span, exclusive: Sequence[SpeakerTurn]) -> str:
    """Whose a word is that lies at ``span``; ``exclusive`` turns are sorted and apart."""
    first = bisect_right(exclusive, span.start_ms, key=lambda t: t.span.end_ms)
    last = bisect_left(exclusive, max(span.end_ms, span.start_ms + 1), lo=first, key=lambda t: t.span.start_ms)
    share: dict[str, int] = {}
    for turn in exclusive[first:last]:
        share[turn.speaker] = share.get(turn.speaker, 0) + turn.span.overlap_ms(Span(span.start_ms, max(span.end_ms, span.start_ms + 1)))
    if share:
        return max(share, key=lambda speaker: share[speaker])
    near = [(span.start_ms - t.span.end_ms, t.speaker) for t in exclusive[max(0, first - 1) : first]]
    near += [(t.span.start_ms - span.end_ms, t.speaker) for t in exclusive[last : last + 1]]
    distance, speaker = min(near, default=(NEAR_MS + 1, MONO), key=lambda pair: pair[0])
    return speaker if distance <= NEAR_MS else MONO


def _divided(utterances: Iterable[Utterance], exclusive: Sequence[SpeakerTurn]) -> tuple[Utterance, ...]:
    out = []
    for one in utterances:
        for speaker, group in itertools.groupby(one.words, key=lambda word: speaker_at(word.span, exclusive)):
            words = tuple(group)
            span = Span(words[0].span.start_ms, max(words[0].span.start_ms, *(word.span.end_ms for word in words)))
            out.append(Utterance(speaker, one.channel, span, words))
    return tuple(sorted(out, key=lambda u: (u.span, u.channel)))


def _edges(edge: Edge, exclusive: Sequence[SpeakerTurn]) -> list[Edge]:
    heard: dict[str, list[Word]] = {}
    for turn in exclusive:
        if turn.span.overlap_ms(edge.span) > 0:
            heard.setdefault(turn.speaker, [])
    for word in edge.words:
        heard.setdefault(speaker_at(word.span, exclusive), []).append(word)
    return [Edge(edge.which, speaker, edge.span, tuple(words)) for speaker, words in heard.items()]
