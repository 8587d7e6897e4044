"""What was said in one call, ready to be searched by many rules: every wording is looked up once.

The hearing of the last call is kept (``hearing``), and in it whatever conditions find (``Hearing.kept``), since the rules of a book ask
for the same call one after the other.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qa import accusations, any_voice, omission, set_apart
from qa.callfacts import MIN_SNR_DB, NAMES, activity, bridged, channel_activity, gaps, heard_activity, mean_probability, turns, unknown
from qa.phonetic import Match, Spoken, spoken, wanted_sounds
from qa.rules.model import Where, Who
from qa.soundindex import SoundIndex
from qa.types import Call, Edge, Role, Span, Utterance, Word

MIN_PROBABILITY = 0.5
"""Mean word probability below which nothing is missed for certain, where two decodes heard the place."""
MIN_PROBABILITY_ALONE = 0.7
"""The same where one decode heard it: the middle of a call."""
MIN_PROBABILITY_SPARED = 0.6
"""The same where nobody is accused by what is missing (``min_probability`` of the check of banned phrases)."""

_WORD_SLACK_MS = 400
"""Words may lie so far inside the speech that they belong to."""

ROLES = {Who.AGENT: Role.AGENT, Who.CUSTOMER: Role.CUSTOMER, Who.ANNOUNCEMENT: Role.ANNOUNCEMENT, Who.ANYONE: Role.UNKNOWN}


_NOTHING = Spoken("", (), (), (), frozenset())


class Decode:
    """One decode of one speaker: the transcript (``which`` is ""), or the second decode of an end (``opening``, ``closing``).

    ``bounds`` are the character ranges of its utterances (one for a second decode).  ``index`` is what is searched; it may hold other
    decodes too, then this one's characters are there from ``begin`` on.  ``of_anybody``: of all voices in one, whose turns are not known.
    """

    def __init__(self, which: str, span: Span, pieces: Sequence[Sequence[Word]]) -> None:
        self.which, self.span = which, span
        self.words = tuple(word for piece in pieces for word in piece)
        self.pieces = tuple(spoken(piece) for piece in pieces)
        ends = tuple(itertools.accumulate(len(piece.text) for piece in self.pieces))
        self.bounds = tuple(zip((0, *ends[:-1]), ends, strict=True))
        self.heard = _joined(self.pieces)
        self.index, self.begin = SoundIndex(_NOTHING), 0
        self.of_anybody = False

    def search(self, wording: str, max_distance: float) -> tuple[Match, ...]:
        """Places of a wording, in order; one of a single syllable by text alone, as too many sound like it."""
        begin, end = self.begin, self.begin + len(self.heard.text)
        by_text = len(wanted_sounds(wording)[0]) == 1
        return tuple(
            Match(m.start - begin, m.end - begin, m.distance, m.exact)
            for m in self.index.find(wording, max_distance)
            if begin <= m.start and m.end <= end and (m.exact or not by_text)
        )

    def stretches(self, wording: str, max_distance: float) -> tuple[tuple[int, int], ...]:
        """Character ranges outside of which the wording cannot be."""
        begin, end = self.begin, self.begin + len(self.heard.text)
        found = self.index.stretches(wording, max_distance)
        return tuple((max(a, begin) - begin, min(b, end) - begin) for a, b in found if a < end and b > begin)

    def piece_of(self, at: int) -> int:
        """The utterance that the character ``at`` belongs to."""
        return bisect_right(self.bounds, at, key=lambda bound: bound[0]) - 1

    def within(self, span: Span) -> tuple[Word, ...]:
        """Words that begin in ``span``."""
        return tuple(w for w in self.words if span.start_ms <= w.span.start_ms < span.end_ms)


_FENCE = Spoken("\n" * 16, ("\n",) * 16, (Span(0, 0),) * 16, (0.0,) * 16, frozenset())
"""Stands between decodes that are searched as one: no wording is heard over so much that is none of it."""


def _joined(pieces: Sequence[Spoken]) -> Spoken:
    starts = itertools.accumulate((len(piece.text) for piece in pieces), initial=0)
    breaks = (start + place for start, piece in zip(starts, pieces, strict=False) for place in (0, *piece.breaks))
    return Spoken(
        "".join(piece.text for piece in pieces),
        tuple(s for piece in pieces for s in piece.syllables),
        tuple(s for piece in pieces for s in piece.spans),
        tuple(p for piece in pieces for p in piece.probabilities),
        frozenset(breaks) - {0},
    )


class Voice:
    """One speaker of the call, who has spoken at least once, or all voices in one (``any_voice.ANYBODY``)."""

    def __init__(self, call: Call, speaker: str, utterances: tuple[Utterance, ...], edges: tuple[Edge, ...]) -> None:
        self.call, self.speaker, self.utterances, self.edges = call, speaker, utterances, edges
        self.role = call.roles.role_of(speaker)
        self.channel = utterances[0].channel
        self.span = Span(min(u.span.start_ms for u in utterances), max(u.span.end_ms for u in utterances))
        self._reasons: dict[tuple[Span, bool], str | None] = {}

    @functools.cached_property
    def decodes(self) -> tuple[Decode, ...]:
        """The transcript, then the second decodes of both ends, those that heard anything; all searched at once."""
        decodes = [Decode("", Span(0, self.call.audio.duration_ms), [u.words for u in self.utterances])]
        decodes += [Decode(e.which, e.span, [e.words]) for e in self.edges if e.words]
        pieces = [piece for decode in decodes for piece in (decode.heard, _FENCE)]
        index, begin = SoundIndex(_joined(pieces)), 0
        for decode in decodes:
            decode.index, decode.begin, decode.of_anybody = index, begin, self.speaker == any_voice.ANYBODY
            begin += len(decode.heard.text) + len(_FENCE.text)
        return tuple(decodes)

    @property
    def transcript(self) -> Decode:
        return self.decodes[0]

    @property
    def second(self) -> tuple[Decode, ...]:
        return self.decodes[1:]

    def another(self, span: Span) -> str | None:
        """Why what the agent says at ``span`` may be somebody else's (``qa.accusations``), None if it is the agent's.

        The customer's words blame nobody by themselves: of them only leaks are no occasion for anything.
        """
        if self.role is Role.AGENT:
            return accusations.doubt(self.call, self.speaker, span)
        return accusations.leaked(self.call, self.speaker, span) if self.role is Role.CUSTOMER else None

    def text(self, span: Span) -> str:
        """What the transcript has in ``span``."""
        return "".join(w.text for w in self.transcript.within(span))

    @functools.cached_property
    def _parts(self) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
        """Speech with and without a transcript."""
        if self.call.speaker(self.role) != self.speaker:  # mono: nobody's share is known
            return tuple(u.span for u in self.utterances), ()
        parts = heard_activity(self.call, self.role)
        return parts.heard, parts.unheard

    @functools.cached_property
    def _blurred(self) -> tuple[Span, ...]:
        """Utterances whose words say little: as good as not transcribed."""
        return tuple(u.span for u in self.utterances if mean_probability(u.words) < MIN_PROBABILITY)

    def unsure(self, window: Span, accuse: bool) -> str | None:
        """Why words may have been said in ``window`` that are not in the decodes (Chinese), None if they were not.

        Where their absence would ``accuse`` somebody (an omission), a window that holds the speaker's first (last) words needs the
        second decode of the opening (closing), and what only one decode heard must be heard better.
        """
        if (window, accuse) not in self._reasons:
            left = omission.handed_over(self.call) if self._after_hand_over(window, accuse) else None
            self._reasons[window, accuse] = left or self._badly_heard(window, accuse) or self._lost(window) or omission.cut_short(self.call)
        return self._reasons[window, accuse]

    def _after_hand_over(self, window: Span, accuse: bool) -> bool:
        """Whether the agent's omission is to be proven by what was said when another one had taken over."""
        at = self.call.roles.handed_over_ms
        return accuse and self.role is Role.AGENT and at is not None and window.end_ms > at

    def _badly_heard(self, window: Span, accuse: bool) -> str | None:
        said = self.transcript.within(window)
        if not accuse:
            return omission.badly_heard([said], MIN_PROBABILITY_SPARED)
        needed = [which for which, at in (("opening", self.span.start_ms), ("closing", self.span.end_ms)) if _holds(window, at)]
        if any(not self._heard_twice(which) for which in needed):
            return omission.NO_SECOND_DECODE
        once = [w for w in said if not any(e.span.start_ms <= w.span.start_ms < e.span.end_ms for e in self.edges)]
        decodes = [said, *(d.within(window) for d in self.second if d.which in needed)]
        return omission.badly_heard([once], MIN_PROBABILITY_ALONE) or omission.badly_heard(decodes, MIN_PROBABILITY)

    def _heard_twice(self, which: str) -> bool:
        """Whether there is a second decode of that end, and it is not one that heard nothing where the transcript has words."""
        edge = next((e for e in self.edges if e.which == which), None)
        return edge is not None and (bool(edge.words) or not self.transcript.within(edge.span))

    def _lost(self, window: Span) -> str | None:
        """Too much speech in ``window`` without words, or with words that say little."""
        heard, unheard = (sum(s.overlap_ms(window) for s in spans) for spans in self._parts)
        lost = unheard + sum(span.overlap_ms(window) for span in self._blurred)
        return omission.too_much_lost(lost, heard + unheard)


def drowned(call: Call, channel: int) -> str | None:
    """Says so (Chinese) where what is said on ``channel`` is lost in noise, and words heard there prove nothing.  A mono recording has
    one channel, whoever speaks."""
    channels = call.acoustics.channels
    snr = channels[min(channel, len(channels) - 1)].snr_db
    if snr is None or snr >= MIN_SNR_DB:
        return None
    return f"话音被噪声淹没（信噪比 {snr:.1f} dB，要求 {MIN_SNR_DB:g} dB）"


def _holds(window: Span, at: int) -> bool:
    return window.start_ms <= at <= window.end_ms


@dataclass(frozen=True)
class Turn:
    """A turn: from ``start_ms`` of its first word to the next speaker's turn."""

    speaker: str
    start_ms: int


class Hearing:
    """Everything said in ``call``, by speaker, in turns; ``kept`` is what conditions have found so far."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.kept: dict[Hashable, Any] = {}
        self._windows: dict[tuple[Who, Where, int], Span] = {}
        said: dict[str, list[Utterance]] = {}
        for utterance in sorted(call.transcript.utterances, key=lambda u: u.span):
            if utterance.words:
                said.setdefault(utterance.speaker, []).append(utterance)
        edges = call.transcript.edges
        self._voices = {
            speaker: Voice(call, speaker, tuple(utterances), tuple(e for e in edges if e.speaker == speaker))
            for speaker, utterances in said.items()
        }
        self._turns = tuple(Turn(turn[0].speaker, turn[0].span.start_ms) for turn in turns(call))
        self._starts = [turn.start_ms for turn in self._turns]

    # ------------------------------------------------------------ who

    def voices(self, who: Who) -> tuple[Voice, ...]:
        """The speakers that a condition is about."""
        if who is Who.ANYONE:
            return tuple(self._voices.values())
        speaker = self.call.speaker(ROLES[who])
        return (self._voices[speaker],) if speaker is not None and speaker in self._voices else ()

    @functools.cached_property
    def _together(self) -> any_voice.Together | None:
        return any_voice.together(self.call)

    @functools.cached_property
    def anybody(self) -> Voice | None:
        """All that may be the agent's in one voice, where more may be than the agent's words (``qa.any_voice``); else None, and where
        nobody said a word."""
        found = self._together
        return None if found is None or not found.utterances else Voice(self.call, any_voice.ANYBODY, found.utterances, found.edges)

    @property
    def whoever(self) -> str:
        """Why the words of ``anybody`` may be the agent's (Chinese)."""
        return "" if self._together is None else self._together.why

    @functools.cached_property
    def apart(self) -> tuple[tuple[Voice, str], ...]:
        """What the program set apart of the agent's own words, and why nobody knows whose they are (``qa.accusations``)."""
        found = (one for one in accusations.unproven(self.call) if one.said)
        return tuple((Voice(self.call, set_apart.LABELS[one.stretch.role], one.said, ()), one.why) for one in found)

    @functools.cached_property
    def _silent(self) -> dict[Who, str | None]:
        return {who: self._why_silent(who) for who in Who}

    def silent(self, who: Who) -> str | None:
        """Why nothing can be said of the words of ``who`` (Chinese), None if something can."""
        return self._silent[who]

    def _why_silent(self, who: Who) -> str | None:
        if who is Who.ANNOUNCEMENT and self.call.speaker(Role.ANNOUNCEMENT) is None:
            return "自动播报没有与人声分开"
        if who is not Who.ANYONE:
            return unknown(self.call, ROLES[who])
        clear = [c.snr_db for c in self.call.acoustics.channels if c.snr_db is not None and c.snr_db >= MIN_SNR_DB]
        return None if self._voices and clear else "没有转写出任何话语，或话音被噪声淹没"

    # ------------------------------------------------------------ when

    def turn_at(self, at_ms: int) -> int:
        """Number of the turn that runs at ``at_ms``; -1 before the first."""
        return bisect_right(self._starts, at_ms) - 1

    def turn_starts(self, number: int) -> int:
        """Beginning of a turn; of one before the first 0, of one after the last the end of the recording."""
        if number < 0:
            return 0
        return self._starts[number] if number < len(self._starts) else self.call.audio.duration_ms

    def window(self, who: Who, where: Where, slack_ms: int = 0) -> Span:
        """The part of the call that ``where`` means (``_window``), worked out once."""
        key = (who, where, slack_ms)
        kept = self._windows.get(key)
        if kept is None:
            kept = self._windows[key] = self._window(who, where, slack_ms)
        return kept

    def _window(self, who: Who, where: Where, slack_ms: int) -> Span:
        """The part of the call that ``where`` means: first and last turns and seconds are those of ``who``, from the first word (to
        the last).  ``slack_ms`` moves a limit in seconds outwards."""
        length = self.call.audio.duration_ms
        voices = self.voices(who)
        own = [n for n, turn in enumerate(self._turns) if who is Who.ANYONE or any(turn.speaker == v.speaker for v in voices)]
        first = min((v.span.start_ms for v in voices), default=0)
        last = max((v.span.end_ms for v in voices), default=length)
        start, end = 0, length
        if where.first_turns is not None and len(own) > where.first_turns:
            end = min(end, self._starts[own[where.first_turns]])
        if where.first_s is not None:
            end = min(end, max(0, first + round(where.first_s * 1000) + slack_ms))
        if where.last_turns is not None and len(own) >= where.last_turns:
            start = max(start, self._starts[own[-where.last_turns]])
        if where.last_s is not None:
            start = max(start, last - round(where.last_s * 1000) - slack_ms)
        return Span(min(start, end), end)

    def unsure(self, who: Who, window: Span, accuse: bool) -> str | None:
        """Why words of ``who`` may have been missed in ``window`` (Chinese), None if they were not (``Voice.unsure``).

        Where their absence would ``accuse`` somebody and voices had to be told apart, nobody's words may have been missed there.  Of the
        agent's words all are missed that may be another one's to whom the call was handed over.
        """
        reasons = [voice.unsure(window, accuse) for voice in self.voices(who)]
        reasons += [accusations.unjudged(self.call, window)] if who is Who.AGENT else []
        anybody = self.anybody if accuse and self.call.turns.diarized else None
        reasons += [anybody.unsure(any_voice.near(window), accuse)] if anybody is not None else []
        everywhere = who is Who.ANYONE or anybody is not None
        reasons += [self._unheard(channel, window) for channel in self._channels] if everywhere else []
        return next((reason for reason in reasons if reason is not None), None)

    @property
    def _channels(self) -> range:
        """The channels that hold something of their own."""
        return range(1 if self.call.acoustics.same_channels else self.call.audio.channels)

    def _unheard(self, channel: int, window: Span) -> str | None:
        """Why somebody on ``channel``, whoever it is, may have spoken in ``window`` without being understood: what ``anyone`` says is
        known only where what everybody says is."""
        alone = len(self._channels) == 1
        said = [u.span for u in self.call.transcript.utterances if (alone or u.channel == channel) and u.words]
        if not said:
            return f"第 {channel + 1} 声道没有转写出任何话语（可能未说话，也可能是录音故障）"
        if (noise := drowned(self.call, channel)) is not None:
            return noise
        speech = channel_activity(self.call, channel)
        heard = bridged((Span(max(0, s.start_ms - _WORD_SLACK_MS), s.end_ms + _WORD_SLACK_MS) for s in said), 0)
        lost = sum(quiet.overlap_ms(window) for span in speech for quiet in gaps(heard, span))
        whole = sum(span.overlap_ms(window) for span in speech)
        return omission.too_much_lost(lost, whole)

    def speaks(self, who: Who, window: Span) -> bool:
        """Whether ``who`` is active in ``window``, by the activity detector."""
        if who is Who.ANYONE:
            return any(u.span.overlap_ms(window) for u in self.call.transcript.utterances)
        return any(span.overlap_ms(window) for span in activity(self.call, ROLES[who]))

    def text(self, who: Who, window: Span) -> str:
        """What ``who`` says in ``window``, by the transcript."""
        return " ".join(filter(None, (voice.text(window) for voice in self.voices(who))))


_last: Hearing | None = None


def hearing(call: Call) -> Hearing:
    """The hearing of ``call``; that of the last call is kept."""
    global _last
    if _last is None or _last.call is not call:
        _last = Hearing(call)
    return _last


def name(who: Who) -> str:
    """How messages call the speaker."""
    return NAMES[ROLES[who]]


def spans_of(items: Iterable[Span]) -> Span:
    """From the first beginning to the last end of at least one span."""
    there = list(items)
    return Span(min(s.start_ms for s in there), max(s.end_ms for s in there))
