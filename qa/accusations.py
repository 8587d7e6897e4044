"""Whether what is heard in somebody's voice or on somebody's channel can be held against that one.

Words may be another person's although they carry a speaker's label: the other side leaks into the channel, a voice of a mono recording is
two people's, or the program took the agent's own words for an announcement's or somebody else's.  Who finds a fault asks here before it
is one: banned phrases, conditions and events alike.  A doubt leaves it to a person; what is certain stays certain.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from qa import announcements, voice_doubt
from qa.overlap import alike
from qa.phonetic import syllables
from qa.types import Call, ChannelAcoustics, Role, RoleStretch, Span, Utterance, Word

LEAK = "另一声道同时有相同的话，可能是串音或回声"
LOUDER_DB = 6.0
"""Words so much louder than what is on the other channel at the time, also against what is usual on both, are no leak of it (a leak is
quieter than its source but for the gain of its channel, and so are the channel's own words)."""
NEAR_MS = 500
"""So far beside its source a leak may lie (echoes of 450 ms were met)."""
AROUND_MS = 1000
"""So much before and behind words of which two are too few to know a leak by is looked at with them."""
_FEW = 3


@dataclass(frozen=True)
class Unproven:
    """Words that may be the agent's although the program set them apart: ``why`` (Chinese) says as what."""

    stretch: RoleStretch
    said: tuple[Utterance, ...]
    why: str


def doubt(call: Call, speaker: str, span: Span) -> str | None:
    """Why what ``speaker`` (a label) seems to say at ``span`` may be somebody else's (Chinese), None if nothing speaks for that."""
    return leaked(call, speaker, span) or voice_doubt.another_voice(call, speaker, span)


# ---------------------------------------------------------------- the other channel


def leaked(call: Call, speaker: str, span: Span) -> str | None:
    """Says so (Chinese) where the other channel has the same words within ``NEAR_MS`` and they are not clearly louder here."""
    if call.turns.method != "channel" or not speaker.startswith("ch") or call.audio.channels < 2:
        return None
    channel = int(speaker.removeprefix("ch"))
    said = (call.before.transcript if call.before is not None else call.transcript).utterances
    own = sorted((w for u in said if u.channel == channel for w in u.words), key=lambda w: w.span)
    others = sorted((w for u in said if u.channel != channel for w in u.words), key=lambda w: w.span)
    if not _same(own, others, span) or _louder(call, channel, span):
        return None
    return LEAK


def _same(own: list[Word], others: list[Word], span: Span) -> bool:
    """Whether the other side says what is said at ``span``, or what is said around it while it speaks at the time as well."""
    here, there = _text(own, span), _text(others, _wider(span, NEAR_MS))
    if 0 < len(syllables(here)) < _FEW:
        if f" {' '.join(syllables(here))} " in f" {' '.join(syllables(there))} ":
            return True
    elif alike(here, there):
        return True
    around = _wider(span, AROUND_MS)
    return bool(_text(others, span)) and alike(_text(own, around), _text(others, _wider(around, NEAR_MS)))


def _text(words: Iterable[Word], span: Span) -> str:
    return "".join(w.text for w in words if w.span.overlap_ms(span))


def _wider(span: Span, by_ms: int) -> Span:
    return Span(max(0, span.start_ms - by_ms), span.end_ms + by_ms)


def _louder(call: Call, channel: int, span: Span) -> bool:
    own, other = (call.acoustics.channels[c] for c in (channel, 1 - channel))
    here, there = _level_db(own, span), _level_db(other, span)
    if here is None or there is None or own.active_level_dbov is None or other.active_level_dbov is None:
        return False
    return min(here - there, (here - own.active_level_dbov) - (there - other.active_level_dbov)) >= LOUDER_DB


def _level_db(sound: ChannelAcoustics, span: Span) -> float | None:
    part = sound.level_dbov[span.start_ms // sound.frame_ms : -(-span.end_ms // sound.frame_ms)]
    return float(10 * np.log10(np.mean(10.0 ** (part.astype(np.float64) / 10)))) if len(part) else None


# ---------------------------------------------------------------- what was set apart


def unproven(call: Call) -> tuple[Unproven, ...]:
    """What the program set apart of the agent's own channel or voice as an announcement, or as nobody knows whose.

    Not what the house itself says is played, and not where nobody is known to be the agent.
    """
    agent, heard = call.speaker(Role.AGENT), call.before
    if agent is None or heard is None:
        return ()
    own = {agent, *(one.speaker for one in call.roles.stretches if one.role is Role.AGENT)}
    found = []
    for one in call.roles.stretches:
        known = one.speaker in own or (call.turns.diarized and one.role is Role.UNKNOWN)  # a voice of several people may be the agent too
        if known and one.role in (Role.ANNOUNCEMENT, Role.UNKNOWN) and not announcements.by_house(one):
            played = one.role is Role.ANNOUNCEMENT
            why = f"这段话被当作自动播报（{one.why}），也可能是坐席说的" if played else f"不知是不是坐席说的（{one.why}）"
            said = tuple(part for u in heard.transcript.utterances if u.speaker == one.speaker for part in _inside(u, one.span))
            found.append(Unproven(one, said, why))
    return tuple(found)


def _inside(utterance: Utterance, span: Span) -> Iterator[Utterance]:
    """What of an utterance lies in ``span``: each word where its middle is."""

    def inside(word: Word) -> bool:
        return span.start_ms <= (word.span.start_ms + word.span.end_ms) // 2 < span.end_ms

    for there, group in itertools.groupby(utterance.words, key=inside):
        if there:
            words = tuple(group)
            yield replace(utterance, words=words, span=Span(words[0].span.start_ms, max(w.span.end_ms for w in words)))


def unjudged(call: Call, within: Span) -> str | None:
    """Says so (Chinese) where somebody speaks ``within`` on the agent's side of whom nobody knows whether it is the agent."""
    for one in unproven(call):
        if one.stretch.role is not Role.UNKNOWN or call.before is None:
            continue
        spoken = [*call.before.turns.of(one.stretch.speaker), *(u.span for u in one.said)]
        if any(_both(span, one.stretch.span).overlap_ms(within) for span in spoken if span.overlap_ms(one.stretch.span)):
            return f"第 {one.stretch.span.start_ms / 1000:.1f} 秒起{one.why}"
    return None


def _both(one: Span, other: Span) -> Span:
    return Span(max(one.start_ms, other.start_ms), min(one.end_ms, other.end_ms))
