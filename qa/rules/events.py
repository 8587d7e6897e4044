"""Things that happen in a call without being words: silences, both speaking, interruptions, who hung up.

``EVENTS`` holds them by name, which is the value of ``event`` in a rule book.  Each is a function of the call and of the speaker that the
condition is about; its docstring says what is meant and how it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from qa import omission
from qa.callfacts import MIN_SNR_DB, NAMES, activity, answered_ms, bridged, gaps, unknown, voices
from qa.checks import volume
from qa.text import normalise
from qa.types import Call, Role, Span

ERROR_MS = 200
"""Lengths are known to about this (a word's edge, the grid of the activity): nearer to ``min_s`` or ``max_s`` is a doubt."""

BACKCHANNELS = frozenset("嗯啊哦噢呃额欸诶唉哎好对是行可以的呀呢吧了没错明白知道您说请讲")
"""Who says nothing but these lets the other go on."""


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
    return _quiet(call, voices(call), _drowned(call))


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
    if call.speaker(role) is None or call.acoustics.same_channels:
        return Happened(blind=unknown(call, role))
    said = (utterance.span for utterance in call.utterances(role))
    return _quiet(call, bridged((*activity(call, role), *said), 0), _drowned(call))


def _quiet(call: Call, speech: Sequence[Span], noise: str | None) -> Happened:
    """Noise is taken for speech at times, speech in noise is missed: then neither is certain."""
    whole = Span(min(answered_ms(call), call.audio.duration_ms), call.audio.duration_ms)
    return Happened(tuple(Happening(span, noise) for span in gaps(speech, whole)), noise or omission.cut_short(call))


def _drowned(call: Call) -> str | None:
    worst = min((c.snr_db for c in call.acoustics.channels if c.snr_db is not None), default=None)
    if worst is None:
        return "录音里没有话音，分不清是没有人说话还是录音故障"
    return f"线路噪声大（信噪比 {worst:.1f} dB，要求 {MIN_SNR_DB:g} dB）" if worst < MIN_SNR_DB else None


@_event("同时说话")
def overlap(call: Call, role: Role) -> Happened:
    """Agent and customer speak at the same time (gaps up to 0.2 s bridged).  An echo of the one in the other's channel looks the same."""
    del role
    if (blind := _apart(call)) is not None:
        return Happened(blind=blind)
    both = (
        Span(max(a.start_ms, b.start_ms), min(a.end_ms, b.end_ms))
        for a in activity(call, Role.AGENT)
        for b in activity(call, Role.CUSTOMER)
        if a.overlap_ms(b)
    )
    return Happened(tuple(Happening(span) for span in bridged(both, _OVERLAP_GAP_MS)))


_OVERLAP_GAP_MS = 200


def _apart(call: Call) -> str | None:
    """Why the two cannot be told from each other, None if they can."""
    for role in (Role.AGENT, Role.CUSTOMER):
        if call.channel_of(role) is None or call.acoustics.same_channels:
            return unknown(call, role) or "单声道录音，分不清谁在说话"
    return _drowned(call)


# ---------------------------------------------------------------- cutting in

_PAUSE_MS = 300  # a shorter pause does not end what somebody says
_TALKING_MS = 500
_OVERLAP_MS = 400
_GIVES_UP_MS = 2000
_GOES_ON_MS = 500
_MAY_BE_AN_END_MS = 1000


@_event("打断")
def interruption(call: Call, role: Role) -> Happened:
    """One begins (``who``, the agent unless said otherwise) while the other has spoken for 0.5 s; the other falls silent 0.4 to 2 s
    later; the one goes on for at least 0.5 s more.

    Backchannels (嗯, 好的, 您说 …) cut nobody off.  Where the other falls silent within 1 s, the sentence may just have
    ended, and where nothing was transcribed, it may have been a cough: both are doubtful.
    """
    if (blind := _apart(call)) is not None:
        return Happened(blind=blind)
    other = Role.AGENT if role is Role.CUSTOMER else Role.CUSTOMER
    one = Role.CUSTOMER if role is Role.CUSTOMER else Role.AGENT
    found = _cuts(bridged(activity(call, one), _PAUSE_MS), bridged(activity(call, other), _PAUSE_MS))
    happenings = (_cut_in(call, one, over, said) for over, said in found)
    return Happened(tuple(h for h in happenings if h is not None))


def _cuts(mine: Sequence[Span], others: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """The time in which both speak and the whole stretch of the one who cuts in."""
    for span in mine:
        for other in others:
            over = Span(span.start_ms, max(span.start_ms, min(span.end_ms, other.end_ms)))
            talking = span.start_ms - other.start_ms >= _TALKING_MS
            if talking and _OVERLAP_MS <= over.duration_ms <= _GIVES_UP_MS and span.end_ms - other.end_ms >= _GOES_ON_MS:
                yield over, span


def _cut_in(call: Call, role: Role, over: Span, said: Span) -> Happening | None:
    words = "".join(w.text for u in call.utterances(role) for w in u.words if w.span.overlap_ms(said))
    text = normalise(words)
    if text and set(text) <= BACKCHANNELS:
        return None
    if not text:
        return Happening(over, f"{NAMES[role]}插入的声音没有转写出来")
    if over.duration_ms < _MAY_BE_AN_END_MS:
        return Happening(over, f"只重叠 {over.duration_ms / 1000:.1f} 秒，对方可能正好说完")
    return Happening(over)


@_event("喊叫")
def shout(call: Call, role: Role) -> Happened:
    """``who`` is much louder than usual in this call for a second or more (limits and doubts as in the check ``volume``)."""
    params = volume.Params()
    sound = call.channel_acoustics(role)
    if (blind := _apart(call)) is not None or sound is None:
        return Happened(blind=blind or f"没有{NAMES[role]}的声道")
    out = []
    for surge in volume.find_surges(sound, activity(call, role), params):
        sure = surge.above_db >= params.surge_db + params.error_db and (surge.pitch_ratio or 1.0) >= params.surge_pitch_ratio
        out.append(Happening(surge.span, None if sure else f"只高出平时 {surge.above_db:.1f} dB 或音高没有升高"))
    return Happened(tuple(out))


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
