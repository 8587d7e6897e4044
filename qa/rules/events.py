"""Things that happen in a call without being words: silences, both speaking, interruptions, who hung up.

``EVENTS`` holds them by name, which is the value of ``event`` in a rule book.  Each is a function of the call and of the speaker that the
condition is about; its docstring says what is meant and how it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qa import accusations, omission
from qa import overlap as speaking
from qa.callfacts import NAMES, activity, answered_ms, bridged, gaps, noisy, unknown, voices, without_signal
from qa.checks import volume
from qa.overlap import BACKCHANNELS
from qa.types import Call, Role, Span

__all__ = ["BACKCHANNELS", "ERROR_MS", "EVENTS", "EventKind", "Happened", "Happening"]

ERROR_MS = 200
"""Lengths are known to about this (a word's edge, the grid of the activity): nearer to ``min_s`` or ``max_s`` is a doubt."""


@dataclass(frozen=True)
class Happening:
    """Where it happened; ``doubt`` says why that is not certain (Chinese), None if it is."""

    span: Span
    doubt: str | None = None


@dataclass(frozen=True)
class Happened:
    """All of it in a call; ``blind`` says why there may be more of it (Chinese), None if there cannot."""

    all: tuple[Happening, ...] = ()
    blind: str | None = None


Finder = Callable[[Call, Role], Happened]


@dataclass(frozen=True)
class EventKind:
    """A kind of event: its name in rule books, Chinese title, whether it is a moment without length, what it means."""

    id: str
    title: str
    instant: bool
    find: Finder

    @property
    def meaning(self) -> str:
        return (self.find.__doc__ or "").strip()


EVENTS: dict[str, EventKind] = {}


def _event(title: str, instant: bool = False) -> Callable[[Finder], Finder]:
    def register(find: Finder) -> Finder:
        EVENTS[find.__name__] = EventKind(find.__name__, title, instant, find)
        return find

    return register


# ---------------------------------------------------------------- nobody, somebody, both


@_event("静音")
def silence(call: Call, role: Role) -> Happened:
    """Nobody speaks: no speech on any channel and no transcribed word, from the answer to the end of the recording."""
    del role
    return _quiet(call, voices(call), noisy(call))


@_event("坐席无声")
def agent_silence(call: Call, role: Role) -> Happened:
    """The agent does not speak; the customer may."""
    del role
    return _one_quiet(call, Role.AGENT)


@_event("客户无声")
def customer_silence(call: Call, role: Role) -> Happened:
    """The customer does not speak; the agent may."""
    del role
    return _one_quiet(call, Role.CUSTOMER)


def _one_quiet(call: Call, role: Role) -> Happened:
    if call.speaker(role) is None or (call.acoustics.same_channels and not call.turns.diarized):
        return Happened(blind=unknown(call, role))
    if (dead := without_signal(call, role)) is not None:
        return Happened(blind=dead)
    said = (utterance.span for utterance in call.utterances(role))
    found = _quiet(call, bridged((*activity(call, role), *said), 0), noisy(call))
    if role is not Role.AGENT:
        return found
    return replace(found, all=tuple(replace(one, doubt=one.doubt or accusations.unjudged(call, one.span)) for one in found.all))


def _quiet(call: Call, speech: Sequence[Span], noise: str | None) -> Happened:
    """Noise is taken for speech at times, speech in noise is missed: then neither is certain."""
    whole = Span(min(answered_ms(call), call.audio.duration_ms), call.audio.duration_ms)
    return Happened(tuple(Happening(span, noise) for span in gaps(speech, whole)), noise or omission.cut_short(call))


@_event("同时说话")
def overlap(call: Call, role: Role) -> Happened:
    """Agent and customer speak at the same time (gaps up to 0.2 s bridged); backchannels (as in ``interruption``) do not count."""
    del role
    if (blind := speaking.apart(call)) is not None:
        return Happened(blind=blind)
    doubt = "单声道录音，同时说话只能大致分辨" if call.turns.diarized else _unjudged(call)
    return Happened(tuple(Happening(span, doubt) for span in speaking.double_talk(call)), doubt)


# ---------------------------------------------------------------- cutting in


@_event("打断")
def interruption(call: Call, role: Role) -> Happened:
    """One begins (``who``, the agent unless said otherwise) while the other has spoken for 0.5 s; the other falls silent 0.4 to 2 s
    later; the one goes on for at least 0.5 s more.

    Backchannels (嗯, 好的, 您说 …, a sound without words of less than 1 s) cut nobody off, and nobody who utters one is cut off.  Where
    the other falls silent within 1 s, the sentence may just have ended; where nothing was transcribed, it may have been a cough; where
    both say the same words, one may be the other's echo: all are doubtful.  In one channel whose voices were told apart the edges
    are known to 0.3 s, and what lies nearer to a limit is doubtful.
    """
    return _entering(call, role, gave_up=True)


@_event("插话")
def cut_in(call: Call, role: Role) -> Happened:
    """One begins (``who``, the agent unless said otherwise) while the other has spoken for 0.5 s and both speak for 0.4 s or more, whether
    the other gives up (``interruption``) or not; backchannels and doubts as there."""
    return _entering(call, role, gave_up=False)


def _entering(call: Call, role: Role, gave_up: bool) -> Happened:
    if (blind := speaking.apart(call)) is not None:
        return Happened(blind=blind)
    who = Role.CUSTOMER if role is Role.CUSTOMER else Role.AGENT
    found = (entry for entry in speaking.entries(call, who) if entry.gave_up or not gave_up)
    made = (Happening(entry.span, entry.doubt or _anothers(call, who, entry.said)) for entry in found)
    return Happened(tuple(made), _unjudged(call) if who is Role.AGENT else None)


def _anothers(call: Call, role: Role, span: Span) -> str | None:
    """Why what the agent does may be somebody else's doing (Chinese), None if it is the agent's."""
    speaker = call.speaker(role)
    return accusations.doubt(call, speaker, span) if role is Role.AGENT and speaker is not None else None


def _unjudged(call: Call) -> str | None:
    return accusations.unjudged(call, Span(0, call.audio.duration_ms))


@_event("喊叫")
def shout(call: Call, role: Role) -> Happened:
    """``who`` is much louder than usual in this call for a second or more (limits and doubts as in the check ``volume``)."""
    params = volume.Params()
    sound = call.channel_acoustics(role)
    if (blind := speaking.apart(call)) is not None or sound is None:
        return Happened(blind=blind or f"没有{NAMES[role]}的声道")
    out = []
    for surge in volume.find_surges(sound, activity(call, role), params):
        sure = surge.above_db >= params.surge_db + params.error_db and (surge.pitch_ratio or 1.0) >= params.surge_pitch_ratio
        doubt = _anothers(call, role, surge.span) if sure else f"只高出平时 {surge.above_db:.1f} dB 或音高没有升高"
        out.append(Happening(surge.span, doubt))
    return Happened(tuple(out), _unjudged(call) if role is Role.AGENT else None)


# ---------------------------------------------------------------- beginning and end


@_event("通话开始", instant=True)
def start(call: Call, role: Role) -> Happened:
    """The answer: behind the last ringback tone before the first word, the beginning of the recording where there is none."""
    del role
    at = min(answered_ms(call), call.audio.duration_ms)
    return Happened((Happening(Span(at, at)),))


@_event("通话结束", instant=True)
def end(call: Call, role: Role) -> Happened:
    """The end of the recording; doubtful where the call record says that the call went on."""
    del role
    return Happened((_at_the_end(call),))


@_event("坐席先挂机", instant=True)
def hangup_agent(call: Call, role: Role) -> Happened:
    """The agent hung up first, by the call record."""
    del role
    return _hangup(call, "agent")


@_event("客户先挂机", instant=True)
def hangup_customer(call: Call, role: Role) -> Happened:
    """The customer hung up first, by the call record."""
    del role
    return _hangup(call, "customer")


def _hangup(call: Call, by: str) -> Happened:
    if call.record is None or call.record.hangup_by is None:
        return Happened(blind="没有话单，不知谁先挂机" if call.record is None else "话单没有写明谁先挂机")
    return Happened((_at_the_end(call),) if call.record.hangup_by == by else ())


def _at_the_end(call: Call) -> Happening:
    at = call.audio.duration_ms
    return Happening(Span(at, at), omission.cut_short(call))
