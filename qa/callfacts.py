"""Facts about a call that several checks need: turns, speech that nobody transcribed, parts of the recording that are missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from qa.types import Call, Evidence, Finding, Outcome, Role, Span, Utterance, Word

MIN_SNR_DB = 6.0
"""Below this distance of speech and noise nothing that a recogniser writes can be held against anybody."""

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
    """Why nothing can be said of the agent's words: speaker unknown, drowned in noise, or nothing transcribed."""
    if call.speaker(Role.AGENT) is None:
        return inconclusive("分不清哪一方是坐席（单声道录音或通道归属不明），无法判定")
    if call.acoustics.same_channels:
        return inconclusive("两个声道是同一信号，分不清坐席和客户，无法判定")
    sound = call.channel_acoustics(Role.AGENT)
    if sound is not None and sound.snr_db is not None and sound.snr_db < MIN_SNR_DB:
        return inconclusive(f"坐席话音被噪声淹没（信噪比 {sound.snr_db:.1f} dB，要求 {MIN_SNR_DB:g} dB），无法判定")
    if not call.utterances(Role.AGENT) or (sound is not None and sound.active_level_dbov is None):
        return inconclusive("坐席一方没有转写出任何话语（可能未说话，也可能是录音故障），无法判定")
    return None


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
    turns: list[list[Utterance]] = []
    fresh = True
    for utterance in sorted(call.transcript.utterances, key=lambda u: u.span):
        if utterance.speaker != agent:
            fresh = True
            continue
        if fresh:
            turns.append([])
        fresh = False
        turns[-1].append(utterance)
    return tuple(tuple(turn) for turn in turns)


def agent_activity(call: Call) -> tuple[Span, ...]:
    """The agent's speech by the activity detector (stereo: of the channel; else the turns), signalling tones left out."""
    channel, speaker = call.channel_of(Role.AGENT), call.speaker(Role.AGENT)
    if channel is not None:
        spans = call.activity.channels[channel]
        tones = [tone.span for tone in call.acoustics.tones if tone.channel == channel]
    else:
        spans = call.turns.of(speaker) if speaker is not None else ()
        tones = [tone.span for tone in call.acoustics.tones]
    return tuple(s for s in spans if 2 * sum(s.overlap_ms(tone) for tone in tones) < max(1, s.duration_ms))


_WORD_SLACK_MS = 400  # words may lie this far inside the speech that they belong to


def heard_activity(call: Call) -> Unheard:
    """The agent's speech with and without a transcript."""
    said = bridged((utterance.span for utterance in call.utterances(Role.AGENT)), 2 * _WORD_SLACK_MS)
    heard: list[Span] = []
    unheard: list[Span] = []
    for span in agent_activity(call):
        at = span.start_ms
        for other in said:
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


def elapsed_ms(earlier: str | None, later: str | None) -> int | None:
    """Milliseconds between two times of a call record, None unless both are there and comparable."""
    a, b = parse_time(earlier), parse_time(later)
    if a is None or b is None or (a.tzinfo is None) != (b.tzinfo is None):
        return None
    return round((b - a).total_seconds() * 1000)


def missing_ms(call: Call) -> int:
    """By how much the recording is shorter than the talk of its call record (answer to end); 0 where nothing is known."""
    talk = elapsed_ms(call.record.answer, call.record.end) if call.record else None
    return 0 if talk is None else max(0, talk - call.audio.duration_ms)
