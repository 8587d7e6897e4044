"""Recognised speech as streams of characters with times: what is looked through for personal data.

A stream is all that was recognised of one speaker, in order of time; what the recogniser heard a second time (the edges of a call) and what
was taken out as invented are streams of their own: a number that only one decode wrote is a number all the same.  So are earlier
transcripts of the recording: a corrected text changes what is read, never what is heard.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from qa.phonetic import syllables
from qa.speakers import speaker_of_channel
from qa.text import readings
from qa.types import Call, Span, Transcript, Utterance, Word


@dataclass(frozen=True)
class Character:
    """A character as read, with its toneless syllable, the time of its word and the recogniser's probability (0-1).

    ``place``: utterance, first and last character (exclusive) of its text that it is written with; None in a stream that nobody reads.
    ``digits``: how many digits it stands for where it was written as one (8000 is 八千: two each), else 0.  ``pause``: punctuation or
    another utterance comes before it.
    """

    text: str
    sound: str
    span: Span
    probability: float
    place: tuple[int, int, int] | None
    digits: float
    pause: bool


@dataclass(frozen=True)
class Stream:
    """What was recognised of one speaker on one channel; ``text`` has one character for each of ``characters``."""

    speaker: str
    channel: int
    characters: tuple[Character, ...]

    @cached_property
    def text(self) -> str:
        return "".join(c.text for c in self.characters)

    @cached_property
    def sounds(self) -> tuple[str, ...]:
        return tuple(c.sound for c in self.characters)

    @cached_property
    def places(self) -> Mapping[str, Sequence[int]]:
        """Where each syllable was heard, in order."""
        found: dict[str, list[int]] = {}
        for place, sound in enumerate(self.sounds):
            found.setdefault(sound, []).append(place)
        return found

    def span(self, start: int, end: int) -> Span:
        """Time of the characters ``start:end`` (at least one)."""
        part = self.characters[start:end]
        return Span(min(c.span.start_ms for c in part), max(c.span.end_ms for c in part))


def streams(call: Call, earlier: Sequence[Transcript] = ()) -> tuple[Stream, ...]:
    """All that was recognised of the call; first what its transcript shows.  ``earlier``: other transcripts of the same recording."""
    found = list(_said(call.transcript.utterances, shown=True))
    for one in earlier:
        found += _said(one.utterances, shown=False)
    channels = {speaker_of_channel(channel): channel for channel in range(call.audio.channels)}
    for given in (call.as_heard.transcript, *earlier):  # as heard: where roles set a stretch apart they may drop a second decode
        found += [Stream(edge.speaker, channels.get(edge.speaker, 0), tuple(_characters(edge.words, None))) for edge in given.edges]
        found += [Stream(out.speaker, out.channel, tuple(_characters(out.words, None))) for out in given.dropped]
    return tuple(stream for stream in found if stream.characters)


def written(text: str) -> Stream:
    """What a person wrote, to be looked through as what is said is; ``place`` names the utterance 0."""
    words = [Word(character, Span(k, k + 1), 1.0) for k, character in enumerate(text)]
    return Stream("", 0, tuple(_characters(words, 0)))


def _said(utterances: Sequence[Utterance], shown: bool) -> Iterator[Stream]:
    """The utterances of each speaker as a stream; ``shown``: they are what is read."""
    said: dict[tuple[str, int], list[Character]] = {}
    for index, utterance in sorted(enumerate(utterances), key=lambda pair: pair[1].span):
        own = said.setdefault((utterance.speaker, utterance.channel), [])
        own.extend(_characters(utterance.words, index if shown else None))
    for (speaker, channel), characters in said.items():
        yield Stream(speaker, channel, tuple(characters))


def _characters(words: Sequence[Word], index: int | None) -> list[Character]:
    """The words of one utterance; a number's reading has the time of all words that it is written with."""
    written = "".join(word.text for word in words)
    of_word = [word for word in words for _ in word.text]
    kept: list[tuple[str, int, int, float, bool]] = []
    pause = True
    for (start, end), group in itertools.groupby(readings(written), key=lambda r: (r.start, r.end)):
        read = [r.character for r in group]
        if not read[0].isalnum():
            pause = True
            continue
        source = written[start:end]
        share = sum(c.isdigit() for c in source) / len(read)
        for character in read:
            kept.append((character, start, end, share, pause))
            pause = False
    sounds = [s for segment in _segments(kept) for s in syllables(segment)]
    out = []
    for (character, start, end, share, fresh), sound in zip(kept, sounds, strict=True):
        span, probability = _timed(of_word, start, end)
        out.append(Character(character, sound, span, probability, None if index is None else (index, start, end), share, fresh))
    return out


def _segments(kept: Iterable[tuple[str, int, int, float, bool]]) -> list[str]:
    """The text between pauses, so that no pinyin is read over one."""
    out: list[str] = []
    for character, _, _, _, fresh in kept:
        if fresh or not out:
            out.append("")
        out[-1] += character
    return out


def _timed(of_word: Sequence[Word], start: int, end: int) -> tuple[Span, float]:
    """Time of the words that the characters ``start:end`` belong to; a long word is shared among its characters."""
    own = of_word[start:end]
    first, last = own[0], own[-1]
    begin, finish = first.span.start_ms, last.span.end_ms
    if first is last and len(first.text) > end - start:
        offset = start - of_word.index(first)
        step = first.span.duration_ms / len(first.text)
        begin, finish = first.span.start_ms + int(offset * step), first.span.start_ms + int((offset + end - start) * step)
    return Span(begin, max(begin, finish)), min(word.probability for word in own)
