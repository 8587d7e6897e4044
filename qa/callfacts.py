"""Facts about a call that checks and conditions need: turns, speech that nobody transcribed, silences, parts that are missing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from qa.timeline import timeline
from qa.types import Call, Evidence, Finding, Outcome, Role, Span, Utterance, Word

MIN_SNR_DB = 6.0
"""Below this distance of speech and noise nothing that a recogniser writes can be held against anybody."""

NAMES = {Role.AGENT: "坐席", Role.CUSTOMER: "客户", Role.ANNOUNCEMENT: "自动播报", Role.THIRD_PARTY: "第三方", Role.UNKNOWN: "通话"}
"""How messages call a role; UNKNOWN stands for anybody."""

Value = float | int | str | None


@dataclass(frozen=True)
class Unheard:
    """Speech of a speaker by the activity detector: ``heard_ms`` lies under an utterance, ``unheard`` under none."""

    heard: tuple[Span, ...]
    unheard: tuple[Span, ...]

    @property
    def ratio(self) -> float:
        """Share of the speech that was not transcribed, 0-1."""
        total = _total(self.heard) + _total(self.unheard)
        return _total(self.unheard) / total if total else 0.0


def _total(spans: Iterable[Span]) -> int:
    return sum(span.duration_ms for span in spans)


def one(outcome: Outcome, message: str, *evidence: Evidence, **values: Value) -> Finding:
    """A finding with its values by name, in the order given."""
    return Finding(outcome, message, evidence, tuple(values.items()))


def inconclusive(message: str, *evidence: Evidence, **values: Value) -> Finding:
    return one(Outcome.INCONCLUSIVE, message, *evidence, **values)


def without_agent(call: Call) -> Finding | None:
    """``unknown(call, Role.AGENT)`` as a finding."""
    reason = unknown(call, Role.AGENT)
    return None if reason is None else inconclusive(f"{reason}，无法判定")


def unknown(call: Call, role: Role) -> str | None:
    """Why nothing can be said of the words in ``role`` (Chinese): speaker unknown, drowned in noise, or nothing transcribed."""
    name = NAMES[role]
    if call.speaker(role) is None:
        return f"分不清哪一方是{name}（{call.roles.doubt or '单声道录音或通道归属不明'}）"
    if call.acoustics.same_channels and not call.turns.diarized:
        return "两个声道是同一信号，分不清坐席和客户"
    sound = call.speaker_acoustics(role)
    if sound is not None and sound.snr_db is not None and sound.snr_db < MIN_SNR_DB:
        return f"{name}话音被噪声淹没（信噪比 {sound.snr_db:.1f} dB，要求 {MIN_SNR_DB:g} dB）"
    if (dead := without_signal(call, role)) is not None:
        return dead
    if not call.utterances(role) or (sound is not None and sound.active_level_dbov is None):
        return f"{name}一方没有转写出任何话语（可能未说话，也可能是录音故障）"
    return None


NO_SIGNAL_SURE = 0.9
"""With so much confidence a channel is taken to be dead (``qa.channels``): a steady noise may be that of somebody who says nothing."""


def without_signal(call: Call, role: Role) -> str | None:
    """Says so (Chinese) where the channel of ``role`` holds no signal at all: whether anybody spoke there cannot be known."""
    channel = call.channel_of(role)
    fact = None if channel is None else call.acoustics.fact("dead", channel)
    return f"{NAMES[role]}的声道没有信号，可能是录音故障" if fact is not None and fact.confidence >= NO_SIGNAL_SURE else None


def noisy(call: Call) -> str | None:
    """Why speech and silence cannot be told from each other on some channel (Chinese), None if they can."""
    worst = min((c.snr_db for c in call.acoustics.channels if c.snr_db is not None), default=None)
    if worst is None:
        return "录音里没有话音，分不清是没有人说话还是录音故障"
    return f"线路噪声大（信噪比 {worst:.1f} dB，要求 {MIN_SNR_DB:g} dB）" if worst < MIN_SNR_DB else None


def words_of(utterances: Iterable[Utterance]) -> tuple[Word, ...]:
    return tuple(word for utterance in utterances for word in utterance.words)


def mean_probability(words: Iterable[Word]) -> float:
    """Mean probability of the words, weighted by their characters; 0 for none."""
    pairs = [(word.probability, len(word.text)) for word in words]
    total = sum(count for _, count in pairs)
    return sum(p * count for p, count in pairs) / total if total else 0.0


def agent_turns(call: Call) -> tuple[tuple[Utterance, ...], ...]:
    """The agent's utterances in turns: a turn ends where another speaker's utterance begins before the agent's next one."""
    agent = call.speaker(Role.AGENT)
    return tuple(turn for turn in turns(call) if turn[0].speaker == agent)


def turns(call: Call) -> tuple[tuple[Utterance, ...], ...]:
    """All utterances by their start, in turns: one ends where another speaker's utterance begins."""
    ordered = sorted(call.transcript.utterances, key=lambda u: u.span)
    return tuple(tuple(group) for _, group in itertools.groupby(ordered, key=lambda u: u.speaker))


def agent_activity(call: Call) -> tuple[Span, ...]:
    """``activity(call, Role.AGENT)``."""
    return activity(call, Role.AGENT)


def activity(call: Call, role: Role) -> tuple[Span, ...]:
    """Speech in ``role`` by the activity detector (stereo: of the channel, without what was set apart of it; else the turns), signalling
    tones left out."""
    channel, speaker = call.channel_of(role), call.speaker(role)
    if channel is not None and call.before is None:
        return channel_activity(call, channel)
    spans = call.turns.of(speaker) if speaker is not None else ()
    return _without_tones(spans, (tone.span for tone in call.acoustics.tones if channel in (None, tone.channel)))


def own_activity(call: Call, role: Role) -> tuple[Span, ...]:
    """Speech in ``role`` to be measured as its own: as :func:`activity`, in one channel without the time in which others speak too."""
    speaker = call.speaker(role)
    if speaker is None or not call.turns.diarized:
        return activity(call, role)
    return _without_tones(call.turns.alone(speaker), (tone.span for tone in call.acoustics.tones))


def channel_activity(call: Call, channel: int) -> tuple[Span, ...]:
    """Speech on a channel by the activity detector, signalling tones left out."""
    tones = (tone.span for tone in call.acoustics.tones if tone.channel == channel)
    return _without_tones(call.activity.channels[channel], tones)


def _without_tones(spans: Iterable[Span], tones: Iterable[Span]) -> tuple[Span, ...]:
    heard = tuple(tones)
    return tuple(s for s in spans if 2 * sum(s.overlap_ms(tone) for tone in heard) < max(1, s.duration_ms))


def voices(call: Call) -> tuple[Span, ...]:
    """Whenever anybody speaks, by the activity detector or by a transcribed word: sorted, apart."""
    active = (span for channel in range(len(call.activity.channels)) for span in channel_activity(call, channel))
    return bridged(itertools.chain(active, (u.span for u in call.transcript.utterances)), 0)


def answered_ms(call: Call) -> int:
    """Where the conversation begins: behind the last ringback tone before the first word, else where the recording (or the part) does."""
    first = min((u.span.start_ms for u in call.transcript.utterances), default=call.audio.duration_ms)
    rings = (tone.span.end_ms for tone in call.acoustics.tones if tone.kind == "ringback" and tone.span.end_ms <= first)
    return max(rings, default=call.audio.from_ms)


def gaps(spans: Iterable[Span], within: Span) -> tuple[Span, ...]:
    """What sorted spans that lie apart leave free of ``within``."""
    out, at = [], within.start_ms
    for span in spans:
        end = min(span.start_ms, within.end_ms)
        if end > at:
            out.append(Span(at, end))
        at = max(at, span.end_ms)
    if at < within.end_ms:
        out.append(Span(at, within.end_ms))
    return tuple(out)


_WORD_SLACK_MS = 400  # words may lie this far inside the speech that they belong to


def heard_activity(call: Call, role: Role = Role.AGENT) -> Unheard:
    """Speech in ``role`` with and without a transcript."""
    said = timeline(bridged((utterance.span for utterance in call.utterances(role)), 2 * _WORD_SLACK_MS))
    heard: list[Span] = []
    unheard: list[Span] = []
    for span in activity(call, role):
        at = span.start_ms
        for other in said.at(span.start_ms, span.end_ms):
            start, end = max(at, other.start_ms - _WORD_SLACK_MS), min(span.end_ms, other.end_ms + _WORD_SLACK_MS)
            if span.overlap_ms(other) == 0 or end <= at:
                continue
            unheard += [Span(at, start)] if start > at else []
            heard.append(Span(max(at, start), end))
            at = end
        unheard += [Span(at, span.end_ms)] if at < span.end_ms else []
    return Unheard(tuple(heard), tuple(unheard))


def bridged(spans: Iterable[Span], pause_ms: int) -> tuple[Span, ...]:
    """Sorted spans joined over gaps of at most ``pause_ms``."""
    out: list[Span] = []
    for span in sorted(spans):
        if out and span.start_ms - out[-1].end_ms <= pause_ms:
            out[-1] = Span(out[-1].start_ms, max(out[-1].end_ms, span.end_ms))
        else:
            out.append(span)
    return tuple(out)


def parse_time(text: str | None) -> datetime | None:
    """A time of a call record; None where it is empty or not ISO 8601."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def hour_of(call: Call) -> int | None:
    """Hour (0-23) of the answer, else of the first ring, by the clock of the call record; None where it has no time."""
    moment = (parse_time(call.record.answer) or parse_time(call.record.start)) if call.record else None
    return None if moment is None else moment.hour


def elapsed_ms(earlier: str | None, later: str | None) -> int | None:
    """Milliseconds between two times of a call record, None unless both are there and comparable."""
    a, b = parse_time(earlier), parse_time(later)
    if a is None or b is None or (a.tzinfo is None) != (b.tzinfo is None):
        return None
    return round((b - a).total_seconds() * 1000)


def missing_ms(call: Call) -> int:
    """By how much the recording (or the part) is shorter than the talk of its call record (answer to end); 0 where nothing is known."""
    talk = elapsed_ms(call.record.answer, call.record.end) if call.record else None
    return 0 if talk is None else max(0, talk - (call.audio.duration_ms - call.audio.from_ms))
