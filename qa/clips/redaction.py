"""Personal data taken out of a call: what is masked in its words, and where its sound is beeped.

Errs on the side of hiding.  The time of a word is not sure, and a recogniser drops words: a beep is wider than its words by
``MARGIN_MS``, goes on over speech beside it in which nothing was recognised, and over what was not noticed at all between a question and
its answer; stretches near to each other are one.  It is on every channel, as a number that one side says is heard softly on the other
one's line.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from qa.callfacts import bridged, channel_activity, gaps
from qa.clips import addresses, asked, names, numerals
from qa.clips.heard import Stream, streams
from qa.clips.numerals import ASKED_MS
from qa.timeline import Timeline, timeline
from qa.types import Call, Span, Transcript, Utterance

VERSION = 5
"""Of what is hidden: goes up with every change of the rules, so that what was indexed under older ones is looked at again."""
SOUND_VERSION = VERSION + 1
"""Of what is not to be heard: goes up with ``VERSION``, and by itself (+ 1: keyed digits) where only the sound is concerned."""
HIDDEN = "×"
MARGIN_MS = 250
UNSURE_MARGIN_MS = 400
_UNSURE = 0.5
_ON_MS = 1200  # so far a beep goes on over speech in which nothing was recognised
_NEAR_MS = 200  # speech so near goes on
_JOIN_MS = 500
_TURN_MS = 4000  # what one speaker leaves between two words of one thing said at most
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
        for start, end in self._by_utterance.get(index, ()):
            characters[start:end] = [HIDDEN if c.isalnum() else c for c in characters[start:end]]
        return "".join(characters)

    @cached_property
    def _by_utterance(self) -> Mapping[int, Sequence[tuple[int, int]]]:
        found: dict[int, list[tuple[int, int]]] = {}
        for utterance, start, end in self.hidden:
            found.setdefault(utterance, []).append((start, end))
        return found

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
        beeps = [*beeps, *_found(replace(call.as_heard, transcript=one), known, ())[1]]
    return _texts_beeped(call, Redaction(tuple(sorted(hidden)), joined(beeps)))


def _found(call: Call, known: Sequence[str], earlier: Sequence[Transcript]) -> tuple[set[tuple[int, int, int]], list[Beep]]:
    """What is to be hidden in the words and in the sound."""
    heard = streams(call, earlier)
    sounds = _Sounds(call, heard)
    found = [(*place, NUMBER) for place in numerals.said(heard)]
    found += [(*place, NAME) for place in names.said(heard, known)]
    found += [(*place, ADDRESS) for place in addresses.said(heard)]
    found += [(*place, UNHEARD) for place in asked.said(call, heard)]
    hidden: set[tuple[int, int, int]] = set()
    beeps: list[Beep] = []
    for k, start, end, why in found:
        hidden |= {c.place for c in heard[k].characters[start:end] if c.place is not None}
        beeps += [Beep(_beeped(call, sounds, heard[k], a, b), why) for a, b in _without_silences(heard[k], start, end)]
    shown = timeline(c.span for stream in heard for c in stream.characters if c.place is not None and c.place not in hidden)
    beeps += _between(beeps, asked.ends(call, heard), shown)
    return hidden, beeps + _unheard(sounds, heard, beeps)


def _without_silences(stream: Stream, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Some characters in parts between which their speaker says nothing for so long that others have their turn there."""
    spans = [c.span for c in stream.characters[start:end]]
    edges = [start + k for k, (one, other) in enumerate(itertools.pairwise(spans), 1) if other.start_ms - one.end_ms > _TURN_MS]
    return itertools.pairwise((start, *edges, end))


def _between(beeps: Sequence[Beep], questions: Sequence[int], shown: Timeline[Span]) -> Iterator[Beep]:
    """What lies between a question and the beginning of its answer, or between two parts of a number, with nothing recognised that is
    ``shown``: there may be digits that neither the activity detector nor the recogniser noticed."""
    ends = sorted((*questions, *(beep.span.end_ms for beep in beeps if beep.why == NUMBER)))
    for beep in beeps:
        before = bisect_left(ends, beep.span.start_ms)
        if beep.why != NAME and before and beep.span.start_ms - ends[before - 1] <= numerals.APART_MS:
            gap = Span(ends[before - 1], beep.span.start_ms)
            if not any(word.overlap_ms(gap) for word in shown.at(gap.start_ms, gap.end_ms)):
                yield replace(beep, span=gap)


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


class _Sounds:
    """What is heard at the same place of the recording: speech by the activity detector, and the words that were recognised in it.

    Each channel is a sound of its own, but where both hold the same signal they are one, in which was recognised what was recognised of
    either: speech on the one is the speech that the words of the other are.
    """

    def __init__(self, call: Call, heard: Sequence[Stream]) -> None:
        self._call, self._one = call, call.acoustics.same_channels
        self._of_channel = call.turns.method == "channel"
        channels = range(len(call.activity.channels))
        every: dict[int, list[Span]] = {}
        for channel in channels:
            every.setdefault(self.of(channel), []).extend(channel_activity(call, channel))
        self.speech = {sound: bridged(spans, 0) if self._one else tuple(spans) for sound, spans in every.items()}
        self._speech = {sound: timeline(spans) for sound, spans in self.speech.items()}
        self._heard = heard
        self._edges: dict[tuple[int, str], tuple[list[int], list[int]]] = {}

    def of(self, channel: int) -> int:
        """The sound that a channel holds."""
        return 0 if self._one else channel

    def words(self, sound: int) -> Timeline[Span]:
        """All that was recognised in a sound."""
        return timeline(c.span for s in self._heard if self.of(s.channel) == sound for c in s.characters)

    def speaking(self, stream: Stream, low_ms: int, high_ms: int) -> Iterator[Span]:
        """Speech about a time in the sound of a stream."""
        found = self._speech.get(self.of(stream.channel))
        return found.at(low_ms, high_ms) if found is not None else iter(())

    def beside(self, stream: Stream, span: Span) -> tuple[int, int]:
        """Where the last word of the same speaker before a time ends and the first one behind it begins."""
        starts, ends = self._words_beside(stream)
        before, after = bisect_right(ends, span.start_ms), bisect_left(starts, span.end_ms)
        return ends[before - 1] if before else 0, starts[after] if after < len(starts) else self._call.audio.duration_ms

    def _words_beside(self, stream: Stream) -> tuple[list[int], list[int]]:
        key = self.of(stream.channel), "" if self._of_channel else stream.speaker
        if key not in self._edges:
            own = [s for s in self._heard if (self.of(s.channel), "" if self._of_channel else s.speaker) == key]
            spans = [c.span for s in own for c in s.characters]
            self._edges[key] = sorted(span.start_ms for span in spans), sorted(span.end_ms for span in spans)
        return self._edges[key]


def _beeped(call: Call, sounds: _Sounds, stream: Stream, start: int, end: int) -> Span:
    """The time of some characters, with margins, and on over speech to the next words that were recognised and may be heard."""
    span = stream.span(start, end)
    sure = min(c.probability for c in stream.characters[start:end]) >= _UNSURE
    margin = MARGIN_MS if sure else UNSURE_MARGIN_MS
    before, after = sounds.beside(stream, span)
    low, high = span.start_ms, span.end_ms
    for active in sounds.speaking(stream, low - _ON_MS - _NEAR_MS, high + _ON_MS + _NEAR_MS):
        if active.start_ms < high + _NEAR_MS and active.end_ms > span.end_ms:
            high = max(high, min(active.end_ms, after, span.end_ms + _ON_MS))
        if active.end_ms > low - _NEAR_MS and active.start_ms < span.start_ms:
            low = min(low, max(active.start_ms, before, span.start_ms - _ON_MS))
    return Span(max(0, min(low, span.start_ms - margin)), min(call.audio.duration_ms, max(high, span.end_ms + margin)))


def _unheard(sounds: _Sounds, heard: Sequence[Stream], beeps: Sequence[Beep]) -> list[Beep]:
    """Speech without words, also a little of it beside what is hidden or where a number is expected: nobody knows what is said there."""
    due = timeline(numerals.times_asked(heard, numerals.ASKED, numerals.NOT_ASKED, ASKED_MS))
    hidden = timeline(b.span for b in beeps)
    out = []
    for sound, speech in sounds.speech.items():
        words = sounds.words(sound)
        for active in speech:
            for gap in gaps(words.at(active.start_ms, active.end_ms), active):
                near = Span(max(0, gap.start_ms - 2000), gap.end_ms + 2000)
                beside = any(due.at(gap.start_ms, gap.start_ms)) or any(s.overlap_ms(near) for s in hidden.at(near.start_ms, near.end_ms))
                if gap.duration_ms >= (_WORDLESS_MS if beside else _UNKNOWN_MS):
                    out.append(Beep(Span(max(0, gap.start_ms - 100), gap.end_ms + 100), UNHEARD))
    return out


def _texts_beeped(call: Call, found: Redaction) -> Redaction:
    """With the words masked that fall under a beep for the most part: a caption must not say what is not to be heard."""
    hidden, beeps = set(found.hidden), Timeline(found.beeps, lambda beep: beep.span)
    for index, utterance in enumerate(call.transcript.utterances):
        for (start, end), span in _word_places(utterance):
            over = [beep for beep in beeps.at(span.start_ms, span.end_ms) if beep.span.overlap_ms(span)]
            covered = sum(span.overlap_ms(beep.span) for beep in over)
            if 2 * covered > max(1, span.duration_ms) and any(HIDDEN_REASON in beep.why for beep in over):
                hidden.add((index, start, end))
    return replace(found, hidden=tuple(sorted(hidden)))


HIDDEN_REASON = NUMBER
"""Beeps for these reasons take along the words under them: digits that only one of two decodes wrote stand in captions otherwise."""


def _word_places(utterance: Utterance) -> list[tuple[tuple[int, int], Span]]:
    ends = list(itertools.accumulate(len(w.text) for w in utterance.words))
    return [((end - len(w.text), end), w.span) for end, w in zip(ends, utterance.words, strict=True)]
