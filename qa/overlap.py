"""Who speaks into whose turn: interruption, cutting in and double talk.

A pure function of the speakers' turns and of the transcript, so that other roles or other turns need no sound.  Only the agent and the
customer are looked at: what an announcement or a third party says has labels of its own.  In a recording of one channel the turns come
from voices told apart (:attr:`SpeakerTurns.diarized`); where they begin and end is known to :data:`MONO_ERROR_MS`, and all that lies so
near to a limit is doubtful.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass

from qa.callfacts import NAMES, activity, bridged, noisy, unknown
from qa.phonetic import syllables
from qa.text import normalise
from qa.types import Call, Role, Span

BACKCHANNELS = frozenset("嗯啊哦噢呃额欸诶唉哎好对是行可以的呀呢吧了没错明白知道您说请讲")
"""Who says nothing but these lets the other go on."""
BACKCHANNEL_MS = 1000
"""A sound without words that is shorter is taken for one."""
PAUSE_MS = 300
"""A shorter pause does not end what somebody says."""
TALKING_MS = 500
"""Who has spoken for less has not taken the word yet: both began together."""
OVERLAP_MS = 400
"""Who begins nearer to the other's end only takes the turn a little early."""
GIVES_UP_MS = 2000
"""Who falls silent so soon gave up; who speaks on for longer did not."""
GOES_ON_MS = 500
"""Who stops sooner behind the other gave way himself."""
MAY_BE_AN_END_MS = 1000
"""Who falls silent sooner may just have come to the end of the sentence."""
MONO_ERROR_MS = 300
"""So far an edge of a turn may lie beside the truth where voices had to be told apart (engines place edges on frames of 17 ms, but cut
where the one voice gets the better of the other; the forgiveness collar of their evaluation is 250 ms)."""
_BOTH_GAP_MS = 200
_MISSED_MS = 200  # where one voice follows another at once, an engine may have given the time in which both speak to one of them
_LONGEST_WORD_MS = 5000
_ECHO_SHARE, _ECHO_LEAST, _ECHO_NEAR_MS = 0.6, 3, 500


@dataclass(frozen=True)
class Entry:
    """``role`` begins to speak while the other one is speaking.

    ``span``: both speak; ``said`` and ``into``: the whole stretch of the one and of the other; ``gave_up``: the other falls silent and the
    one goes on (an interruption); ``text``: what the one says; ``doubt``: why it may be none (Chinese).
    """

    role: Role
    span: Span
    said: Span
    into: Span
    gave_up: bool
    text: str
    doubt: str | None


def apart(call: Call) -> str | None:
    """Why agent and customer cannot be told from each other (Chinese), None if they can."""
    for role in (Role.AGENT, Role.CUSTOMER):
        if call.speaker(role) is None or not (call.turns.diarized or (call.turns.method == "channel" and not call.acoustics.same_channels)):
            return unknown(call, role) or "单声道录音，分不清谁在说话"
    return noisy(call)


def entries(call: Call, role: Role) -> tuple[Entry, ...]:
    """Every time that ``role`` (agent or customer) speaks into the other's turn, in order; backchannels are none.

    Empty where one of the two is not known (:func:`apart` says why).
    """
    if call.speaker(role) is None or call.speaker(_other(role)) is None:
        return ()
    error = MONO_ERROR_MS if call.turns.diarized else 0
    one, other = _Side(call, role), _Side(call, _other(role))
    begins, found = [span.start_ms for span in other.stretches], []
    for said in one.stretches:
        before = bisect_right(begins, said.start_ms - TALKING_MS + error)
        if before and (entry := _entry(one, other, said, other.stretches[before - 1], error)) is not None:
            found.append(entry)
    return tuple(found)


def double_talk(call: Call) -> tuple[Span, ...]:
    """When agent and customer both speak, backchannels left out and gaps of at most 0.2 s bridged; sorted, apart."""
    if call.speaker(Role.AGENT) is None or call.speaker(Role.CUSTOMER) is None:
        return ()
    agent, customer = (_Side(call, role).speech for role in (Role.AGENT, Role.CUSTOMER))
    both, at = [], 0
    for one in agent:
        while at < len(customer) and customer[at].end_ms <= one.start_ms:
            at += 1
        for other in itertools.takewhile(lambda span: span.start_ms < one.end_ms, customer[at:]):  # noqa: B023 - used at once
            both.append(Span(max(one.start_ms, other.start_ms), min(one.end_ms, other.end_ms)))
    return bridged(both, _BOTH_GAP_MS)


def _other(role: Role) -> Role:
    return Role.CUSTOMER if role is Role.AGENT else Role.AGENT


class _Side:
    """What one of the two says: ``stretches`` without a pause, and the ``speech`` that they hold, backchannels left out of both."""

    def __init__(self, call: Call, role: Role) -> None:
        self.role = role
        self._words = sorted((w for u in call.utterances(role) for w in u.words), key=lambda w: w.span)
        self._starts = [w.span.start_ms for w in self._words]
        active = activity(call, role)
        self.stretches = tuple(span for span in bridged(active, PAUSE_MS) if not self._backchannel(span))
        begins, kept = [span.start_ms for span in self.stretches], bridged(active, 0)
        self.speech = tuple(s for s in kept if (k := bisect_right(begins, s.start_ms)) and s.overlap_ms(self.stretches[k - 1]))

    def text(self, span: Span) -> str:
        """The words that lie in ``span``, at least in part."""
        first, last = bisect_left(self._starts, span.start_ms - _LONGEST_WORD_MS), bisect_left(self._starts, span.end_ms)
        return normalise("".join(w.text for w in self._words[first:last] if w.span.overlap_ms(span)))

    def _backchannel(self, span: Span) -> bool:
        text = self.text(span)
        return set(text) <= BACKCHANNELS if text else span.duration_ms < BACKCHANNEL_MS


def _entry(one: _Side, other: _Side, said: Span, into: Span, error: int) -> Entry | None:
    """How ``said`` lies to ``into``, the other's stretch before it, or None if it does not begin in there."""
    talked, both = said.start_ms - into.start_ms, min(said.end_ms, into.end_ms) - said.start_ms
    on = said.end_ms - into.end_ms
    if both < OVERLAP_MS - error - (_MISSED_MS if error else 0):
        return None
    gave_up = on >= GOES_ON_MS - error and both <= GIVES_UP_MS + error
    span = Span(min(said.start_ms, into.end_ms), max(said.start_ms, min(said.end_ms, into.end_ms)))
    near = (talked - TALKING_MS, both - OVERLAP_MS, *((on - GOES_ON_MS, GIVES_UP_MS - both) if gave_up else ()))
    doubt, text = None, one.text(said)
    if not text:
        doubt = f"{NAMES[one.role]}插入的声音没有转写出来"
    elif alike(one.text(span), other.text(Span(max(0, span.start_ms - _ECHO_NEAR_MS), span.end_ms + _ECHO_NEAR_MS))):
        doubt = "两边同时说的话相同，可能是回声或串音"
    elif on > 0 and both < MAY_BE_AN_END_MS + error:
        doubt = f"只重叠 {max(0, both) / 1000:.1f} 秒，对方可能正好说完"
    elif min(near) < error:
        doubt = f"单声道录音，起止时刻约差 {error / 1000:g} 秒"
    return Entry(one.role, span, said, into, gave_up, text, doubt)


def alike(text: str, other: str) -> bool:
    """Whether most of ``text`` (at least three syllables) sounds like what is in ``other``: then one may be the other's echo."""
    mine, there = Counter(syllables(text)), Counter(syllables(other))
    return mine.total() >= _ECHO_LEAST and (mine & there).total() >= _ECHO_SHARE * mine.total()
