"""Personal data taken out of a call: what is masked in its words, and where its sound is beeped.

Errs on the side of hiding.  The time of a word is not sure, and a recogniser drops words: a beep is wider than its words by
``MARGIN_MS``, goes on over speech beside it in which nothing was recognised, and stretches near to each other are one.  It is on every
channel, as a number that one side says is heard softly on the other one's line.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from qa.callfacts import channel_activity
from qa.clips import addresses, names, numerals
from qa.clips.asked import doubtful_answers, doubtful_echoes
from qa.clips.heard import Stream, streams
from qa.clips.numerals import ASKED_MS
from qa.types import Call, Span, Transcript, Utterance

VERSION = 4
"""Of what is hidden: goes up with every change of the rules, so that what was indexed under older ones is looked at again."""
SOUND_VERSION = VERSION + 1
"""Of what is not to be heard: goes up with ``VERSION``, and by itself (+ 1: keyed digits) where only the sound is concerned."""
HIDDEN = "×"
MARGIN_MS = 250
UNSURE_MARGIN_MS = 400
_UNSURE = 0.5
_ON_MS = 1200  # so far a beep goes on over speech in which nothing was recognised
_JOIN_MS = 500
_WORDLESS_MS = 400  # a shorter stretch without words is a breath or the edge of a word
_UNKNOWN_MS = 1500  # so much speech without any words may be anything, wherever it is
NUMBER, NAME, ADDRESS, UNHEARD, KEYED = "number", "name", "address", "unheard", "keyed"


@dataclass(frozen=True)
class Beep:
    """A stretch that must not be heard, and why (``number``, ``name``, ``address``, ``unheard``, ``keyed``, ``person``; several by +)."""

    span: Span
    why: str


@dataclass(frozen=True)
class Redaction:
    """What is hidden in a call: by utterance, characters ``(utterance, first, last)`` of its text; stretches of its sound, apart."""

    hidden: tuple[tuple[int, int, int], ...]
    beeps: tuple[Beep, ...]

    def text(self, index: int, text: str) -> str:
        """The text of the utterance ``index``, as long as before."""
        characters = list(text)
        for utterance, start, end in self.hidden:
            if utterance == index:
                characters[start:end] = [HIDDEN if c.isalnum() else c for c in characters[start:end]]
        return "".join(characters)

    def with_beeps(self, more: Iterable[Beep]) -> Redaction:
        """With further stretches: those that a person added, keyed digits."""
        return replace(self, beeps=joined((*self.beeps, *more)))


def redact(call: Call, known_names: Sequence[str] = (), earlier: Sequence[Transcript] = ()) -> Redaction:
    """Names, telephone, identity and card numbers and addresses of a call.

    ``known_names``: of the house's agents, hidden by sound beside that of the call's record.  ``earlier``: all other transcripts of the
    recording (:func:`qa.clips.earlier.transcripts`): what any of them would hide is not heard.
    """
    known = (*known_names, *([call.record.agent_name] if call.record and call.record.agent_name else []))
    hidden, beeps = _found(call, known, earlier)
    for one in earlier:
        beeps = [*beeps, *_found(replace(call, transcript=one), known, ())[1]]
    return _texts_beeped(call, Redaction(tuple(sorted(hidden)), joined(beeps)))


def _found(call: Call, known: Sequence[str], earlier: Sequence[Transcript]) -> tuple[set[tuple[int, int, int]], list[Beep]]:
    """What is to be hidden in the words and in the sound."""
    heard = streams(call, earlier)
    found = [(*place, NUMBER) for place in numerals.said(heard)]
    found += [(*place, NAME) for place in names.said(heard, known)]
    found += [(*place, ADDRESS) for place in addresses.said(heard)]
    hidden: set[tuple[int, int, int]] = set()
    beeps: list[Beep] = []
    for k, start, end, why in found:
        part = heard[k].characters[start:end]
        hidden |= {c.place for c in part if c.place is not None}
        beeps.append(Beep(_beeped(call, heard, heard[k], start, end), why))
    for index in {*doubtful_answers(call), *doubtful_echoes(call)}:
        answer = call.transcript.utterances[index]
        hidden.add((index, 0, len(answer.text)))
        edges = answer.span.start_ms - UNSURE_MARGIN_MS, answer.span.end_ms + UNSURE_MARGIN_MS
        beeps.append(Beep(Span(max(0, edges[0]), min(call.audio.duration_ms, edges[1])), UNHEARD))
    return hidden, beeps + _unheard(call, heard, beeps)


def joined(beeps: Iterable[Beep]) -> tuple[Beep, ...]:
    """Stretches near to each other as one; sorted, apart."""
    out: list[Beep] = []
    for beep in sorted(beeps, key=lambda b: b.span):
        if out and beep.span.start_ms - out[-1].span.end_ms <= _JOIN_MS:
            whys = dict.fromkeys((*out[-1].why.split("+"), *beep.why.split("+")))
            out[-1] = Beep(Span(out[-1].span.start_ms, max(out[-1].span.end_ms, beep.span.end_ms)), "+".join(whys))
        else:
            out.append(beep)
    return tuple(out)


def _channel(call: Call, stream: Stream) -> int:
    return int(stream.speaker[2:]) if stream.speaker in ("ch0", "ch1") and len(call.activity.channels) > 1 else 0


def _beeped(call: Call, heard: Sequence[Stream], stream: Stream, start: int, end: int) -> Span:
    """The time of some characters, with margins, and on over speech to the next words that were recognised and may be heard."""
    span = stream.span(start, end)
    sure = min(c.probability for c in stream.characters[start:end]) >= _UNSURE
    margin = MARGIN_MS if sure else UNSURE_MARGIN_MS
    own = [s for s in heard if s.speaker == stream.speaker]
    before = max((c.span.end_ms for s in own for c in s.characters if c.span.end_ms <= span.start_ms), default=0)
    after = min((c.span.start_ms for s in own for c in s.characters if c.span.start_ms >= span.end_ms), default=call.audio.duration_ms)
    low, high = span.start_ms, span.end_ms
    for active in channel_activity(call, _channel(call, stream)):
        if active.start_ms < high + 200 and active.end_ms > span.end_ms:
            high = max(high, min(active.end_ms, after, span.end_ms + _ON_MS))
        if active.end_ms > low - 200 and active.start_ms < span.start_ms:
            low = min(low, max(active.start_ms, before, span.start_ms - _ON_MS))
    return Span(max(0, min(low, span.start_ms - margin)), min(call.audio.duration_ms, max(high, span.end_ms + margin)))


def _unheard(call: Call, heard: Sequence[Stream], beeps: Sequence[Beep]) -> list[Beep]:
    """Speech without words, also a little of it beside what is hidden or where a number is expected: nobody knows what is said there."""
    asked = numerals.times_asked(heard, numerals.ASKED, numerals.NOT_ASKED, ASKED_MS)
    out = []
    for channel in range(len(call.activity.channels)):
        words = [c.span for s in heard if _channel(call, s) == channel for c in s.characters]
        for active in channel_activity(call, channel):
            for gap in _without(active, words):
                near = Span(max(0, gap.start_ms - 2000), gap.end_ms + 2000)
                expected = any(s.start_ms <= gap.start_ms <= s.end_ms for s in asked)
                beside = expected or any(b.span.overlap_ms(near) for b in beeps)
                if gap.duration_ms >= (_WORDLESS_MS if beside else _UNKNOWN_MS):
                    out.append(Beep(Span(max(0, gap.start_ms - 100), gap.end_ms + 100), UNHEARD))
    return out


def _without(span: Span, others: Iterable[Span]) -> list[Span]:
    """What of ``span`` none of the others covers."""
    edges, at = [], span.start_ms
    for other in sorted(o for o in others if o.end_ms > span.start_ms and o.start_ms < span.end_ms):
        if other.start_ms > at:
            edges.append(Span(at, other.start_ms))
        at = max(at, other.end_ms)
    return [*edges, *([Span(at, span.end_ms)] if at < span.end_ms else [])]


def _texts_beeped(call: Call, found: Redaction) -> Redaction:
    """With the words masked that fall under a beep for the most part: a caption must not say what is not to be heard."""
    hidden = set(found.hidden)
    for index, utterance in enumerate(call.transcript.utterances):
        for (start, end), span in _word_places(utterance):
            covered = sum(span.overlap_ms(beep.span) for beep in found.beeps)
            if 2 * covered > max(1, span.duration_ms) and any(
                HIDDEN_REASON in beep.why for beep in found.beeps if beep.span.overlap_ms(span)
            ):
                hidden.add((index, start, end))
    return replace(found, hidden=tuple(sorted(hidden)))


HIDDEN_REASON = NUMBER
"""Beeps for these reasons take along the words under them: digits that only one of two decodes wrote stand in captions otherwise."""


def _word_places(utterance: Utterance) -> list[tuple[tuple[int, int], Span]]:
    ends = list(itertools.accumulate(len(w.text) for w in utterance.words))
    return [((end - len(w.text), end), w.span) for end, w in zip(ends, utterance.words, strict=True)]
