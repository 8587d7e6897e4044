"""Figures of a whole call that a rule book may set limits to.

``MEASURES`` holds them by name, which is the value of ``measure`` in a rule book.  Each is a function of the call and of the speaker
(agent or customer) that is meant; where the figure cannot be had, its reading has no value and says why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from qa import overlap
from qa.callfacts import (
    NAMES,
    activity,
    answered_ms,
    bridged,
    elapsed_ms,
    heard_activity,
    mean_probability,
    own_activity,
    unknown,
    without_signal,
    words_of,
)
from qa.callfacts import turns as turns_of
from qa.checks import pickup, speech_rate, volume
from qa.part_levels import in_part
from qa.rules import events
from qa.text import normalise
from qa.text import words as words_in
from qa.types import Call, ChannelAcoustics, Finding, Float32Array, Outcome, Role, RoleAssignment, Roles, Span

PARTICLES = frozenset("喽嘛呢吧啊呀哦噢啦咯哈嘞呗哟呃额欸诶唉哎")
"""Particles and fillers that are counted; 嗯 is not, as regulations want it for a backchannel."""

MIN_SPEECH_MS = 2000
MIN_VOICED_MS = 1000
MIN_PROBABILITY = 0.5
MAX_UNHEARD = 0.1
_MONO_SHARE = 5.0  # per cent of the talk that may be the other's where voices had to be told apart
_MANY_RINGS = 1_000_000  # so many are allowed that nothing is near the limit


@dataclasses.dataclass(frozen=True)
class Reading:
    """A figure with its error (in its own unit) and the stretch of the recording that it stands for.

    ``value`` None: ``why`` (Chinese) says what is missing; ``applies`` is False where the call is none that has such a figure.  ``places``:
    of a figure that counts or adds up, what was counted.
    """

    value: float | None
    span: Span
    error: float = 0.0
    why: str = ""
    applies: bool = True
    places: tuple[Span, ...] = ()


Reader = Callable[[Call, Role], Reading]


@dataclasses.dataclass(frozen=True)
class Measure:
    """A figure: its name in rule books, Chinese title and unit, ``decimals`` that are shown, whether it is one speaker's.

    Its own error is ``error`` (in its unit) or ``error_ratio`` of the value, whichever is larger, and what the reading itself adds.
    """

    id: str
    title: str
    unit: str
    decimals: int
    error: float
    error_ratio: float
    of_speaker: bool
    reader: Reader

    @property
    def meaning(self) -> str:
        return (self.reader.__doc__ or "").strip()

    def read(self, call: Call, role: Role) -> Reading:
        """The figure of ``call``; ``role`` is the agent or the customer (of no matter where the figure is the call's)."""
        reading = self.reader(call, role)
        if reading.value is None:
            return reading
        return dataclasses.replace(reading, error=max(self.error, abs(reading.value) * self.error_ratio) + reading.error)

    def shown(self, value: float) -> str:
        """The value with its unit, for people."""
        return f"{value:.{self.decimals}f} {self.unit}".rstrip()


MEASURES: dict[str, Measure] = {}


def _measure(
    title: str, unit: str, decimals: int = 1, error: float = 0.0, error_ratio: float = 0.0, of_speaker: bool = True
) -> Callable[[Reader], Reader]:
    def register(reader: Reader) -> Reader:
        MEASURES[reader.__name__] = Measure(reader.__name__, title, unit, decimals, error, error_ratio, of_speaker, reader)
        return reader

    return register


def _whole(call: Call) -> Span:
    return Span(call.audio.from_ms, call.audio.duration_ms)


def _of_words(call: Call, role: Role) -> Span:
    """From the first to the last word."""
    spans = [utterance.span for utterance in call.utterances(role)]
    return Span(min(s.start_ms for s in spans), max(s.end_ms for s in spans)) if spans else _whole(call)


def _nothing(call: Call, why: str) -> Reading:
    return Reading(None, _whole(call), why=why)


# ---------------------------------------------------------------- words


def _badly_transcribed(call: Call, role: Role) -> str | None:
    if (why := unknown(call, role)) is not None:
        return why
    probability, unheard = mean_probability(words_of(call.utterances(role))), heard_activity(call, role).ratio
    if probability < MIN_PROBABILITY:
        return f"识别把握低（平均概率 {probability:.2f}，要求 {MIN_PROBABILITY:.2f}）"
    return f"有 {unheard:.0%} 的话音没有转写出来（至多 {MAX_UNHEARD:.0%}）" if unheard > MAX_UNHEARD else None


def _rate(call: Call, role: Role, params: speech_rate.Params) -> Finding | str:
    """What the check of the speech rate finds for ``role``, or why nothing."""
    if (why := _badly_transcribed(call, role)) is not None:
        return why
    finding = next(speech_rate.run(_seen_from(call, role), params))
    least = f"{params.min_chars} 字、{params.min_speech_s:g} 秒"
    return finding if finding.value("rate_cpm") is not None else f"{NAMES[role]}说话太少，语速不可靠（至少 {least}）"


def _seen_from(call: Call, role: Role) -> Call:
    """The call with ``role`` in the agent's place."""
    if role is Role.AGENT:
        return call
    swapped = {role: Role.AGENT, Role.AGENT: role}
    others = (dataclasses.replace(a, role=swapped.get(a.role, a.role)) for a in call.roles.assignments)
    return dataclasses.replace(call, roles=Roles(tuple[RoleAssignment, ...](others)))


_FASTEST = speech_rate.Params(min_cpm=1e-6, max_cpm=2e-6)  # whatever is fastest lies furthest from these limits
_SLOWEST = speech_rate.Params(min_cpm=1e6, max_cpm=2e6)


def _figure(call: Call, role: Role, params: speech_rate.Params, name: str) -> Reading:
    found = _rate(call, role, params)
    if isinstance(found, str):
        return _nothing(call, found)
    value = found.value(name)
    span = found.evidence[0].span if name == "worst_cpm" else _of_words(call, role)
    return Reading(float(value), span) if isinstance(value, int | float) else _nothing(call, "没有语速")


@_measure("语速", "字/分钟", 0, error_ratio=0.03)
def rate_cpm(call: Call, role: Role) -> Reading:
    """Characters a minute over the whole call, as the check ``speech_rate`` counts them."""
    return _figure(call, role, _FASTEST, "rate_cpm")


@_measure("最快一段的语速", "字/分钟", 0, error_ratio=0.1)
def worst_rate_cpm(call: Call, role: Role) -> Reading:
    """Characters a minute in the fastest 10 s of speech."""
    return _figure(call, role, _FASTEST, "worst_cpm")


@_measure("最慢一段的语速", "字/分钟", 0, error_ratio=0.1)
def slowest_rate_cpm(call: Call, role: Role) -> Reading:
    """Characters a minute in the slowest 10 s of speech."""
    return _figure(call, role, _SLOWEST, "worst_cpm")


@_measure("语气词", "个/分钟", 1, error=0.5)
def particles_per_minute(call: Call, role: Role) -> Reading:
    """Particles and fillers (``PARTICLES``) that are words of their own (吧 in 网吧 is none), a minute of transcribed speech."""
    if (why := _badly_transcribed(call, role)) is not None:
        return _nothing(call, why)
    speech_ms = sum(span.duration_ms for span in heard_activity(call, role).heard)
    if speech_ms < MIN_SPEECH_MS:
        return _nothing(call, f"{NAMES[role]}说话不足 {MIN_SPEECH_MS / 1000:g} 秒")
    words = (word for utterance in call.utterances(role) for word in words_in(normalise(utterance.text)))
    count = sum(len(word) for word in words if set(word) <= PARTICLES)
    return Reading(60_000 * count / speech_ms, _of_words(call, role))


@_measure("识别把握", "", 2, error=0.02)
def words_probability(call: Call, role: Role) -> Reading:
    """Mean probability (0-1) that the recogniser gives its words."""
    if (why := unknown(call, role)) is not None:
        return _nothing(call, why)
    return Reading(mean_probability(words_of(call.utterances(role))), _of_words(call, role))


@_measure("未转写的话音", "%", 0, error=2.0)
def unheard_percent(call: Call, role: Role) -> Reading:
    """Share of the speech for which nothing was transcribed."""
    if (why := unknown(call, role)) is not None:
        return _nothing(call, why)
    return Reading(100 * heard_activity(call, role).ratio, _of_words(call, role))


@_measure("发言次数", "次", 0)
def turns(call: Call, role: Role) -> Reading:
    """How often the speaker takes the word: a turn ends where the other begins to speak."""
    if (why := unknown(call, role)) is not None:
        return _nothing(call, why)
    speaker = call.speaker(role)
    return Reading(float(sum(turn[0].speaker == speaker for turn in turns_of(call))), _of_words(call, role))


# ---------------------------------------------------------------- sound


def _sound(
    call: Call, role: Role, figure: Callable[[ChannelAcoustics], float | None], mono_error: float = 0.0, why: str | None = None
) -> Reading:
    """A figure of the speaker's sound, none with a ``why``; ``mono_error``: by how much more it may be off in a mono recording."""
    sound = call.speaker_acoustics(role)
    if sound is None or why:
        return _nothing(call, why or f"分不清哪个声道是{NAMES[role]}（单声道录音、两声道相同或通道归属不明）")
    speech, value = own_activity(call, role), figure(sound)
    total_ms = sum(span.duration_ms for span in speech)
    if value is None or total_ms < MIN_SPEECH_MS:
        return _nothing(call, f"{NAMES[role]}说话不足 {MIN_SPEECH_MS / 1000:g} 秒（{total_ms / 1000:.1f} 秒）")
    return Reading(value, Span(speech[0].start_ms, speech[-1].end_ms), mono_error if call.turns.diarized else 0.0)


@_measure("音量", "dBov", 1, error=0.5)
def level_dbov(call: Call, role: Role) -> Reading:
    """Active speech level (ITU-T P.56) of the speaker's channel."""
    return _sound(call, role, lambda sound: sound.active_level_dbov, volume.MONO_ERROR_DB)


@_measure("最大样点", "dBov", 1, error=0.5)
def peak_dbov(call: Call, role: Role) -> Reading:
    """The largest sample of the speaker's channel."""
    return _sound(call, role, lambda sound: sound.peak_dbov, volume.MONO_ERROR_DB, in_part(call, role))


@_measure("削波", "%", 2, error=0.1)
def clipped_percent(call: Call, role: Role) -> Reading:
    """Share of the speech samples that lie in runs at the rail."""
    found = _sound(call, role, lambda sound: 100 * sound.clipped_ratio)
    return _nothing(call, why) if found.value and (why := in_part(call, role)) else found


@_measure("信噪比", "dB", 1, error=1.0)
def snr_db(call: Call, role: Role) -> Reading:
    """Distance of speech and noise in the speaker's channel."""
    return _sound(call, role, lambda sound: sound.snr_db, volume.MONO_ERROR_DB)


@_measure("噪声", "dBov", 1, error=1.0)
def noise_dbov(call: Call, role: Role) -> Reading:
    """Level between the speech in the speaker's channel."""
    return _sound(call, role, lambda sound: sound.noise_floor_dbov)


@_measure("音高", "Hz", 0, error_ratio=0.03)
def pitch_median_hz(call: Call, role: Role) -> Reading:
    """Median of the pitch over the voiced frames of the speaker's speech."""
    return _pitch(call, role, lambda hz: float(np.median(hz)))


@_measure("音高变化", "半音", 1, error=0.5)
def pitch_range_st(call: Call, role: Role) -> Reading:
    """Semitones between the 5th and the 95th percentile of the pitch over the voiced frames of the speaker's speech."""
    return _pitch(call, role, _range_st)


def _range_st(hz: Float32Array) -> float:
    low, high = np.percentile(hz, (5, 95))
    return float(12 * np.log2(high / low))


def _pitch(call: Call, role: Role, figure: Callable[[Float32Array], float]) -> Reading:
    def measured(sound: ChannelAcoustics) -> float | None:
        voiced = np.zeros(len(sound.pitch_hz), np.bool_)
        for span in own_activity(call, role):
            voiced[span.start_ms // sound.frame_ms : -(-span.end_ms // sound.frame_ms)] = True
        hz = sound.pitch_hz[voiced & (sound.pitch_hz > 0)]
        return figure(hz) if len(hz) * sound.frame_ms >= MIN_VOICED_MS else None

    return _sound(call, role, measured)


# ---------------------------------------------------------------- time


@_measure("通话时长", "秒", 1, error=0.5, of_speaker=False)
def duration_s(call: Call, role: Role) -> Reading:
    """From the answer to the end: by the call record, else by the recording from the last ringback tone on."""
    del role
    talk_ms = elapsed_ms(call.record.answer, call.record.end) if call.record else None
    if talk_ms is None or talk_ms < 0:
        talk_ms = max(0, call.audio.duration_ms - answered_ms(call))
    return Reading(talk_ms / 1000, _whole(call))


@_measure("说话占比", "%", 0, error=2.0)
def talk_share_percent(call: Call, role: Role) -> Reading:
    """Share of the speaker's time of speech in that of both."""
    both = {one: sum(s.duration_ms for s in activity(call, one)) for one in (Role.AGENT, Role.CUSTOMER)}
    known = call.speaker(Role.AGENT) is not None and call.speaker(Role.CUSTOMER) is not None
    if dead := without_signal(call, Role.AGENT) or without_signal(call, Role.CUSTOMER):
        return _nothing(call, dead)
    if not known or (call.acoustics.same_channels and not call.turns.diarized) or not sum(both.values()):
        return _nothing(call, "分不清谁在说话，或没有人说话")
    return Reading(100 * both[role] / sum(both.values()), _whole(call), _MONO_SHARE if call.turns.diarized else 0.0)


@_measure("打断次数", "次", 0)
def interruptions(call: Call, role: Role) -> Reading:
    """How often the speaker interrupts the other (event ``interruption``), the doubtful times included; their number is the error."""
    return _counted(call, events.interruption(call, role))


@_measure("插话次数", "次", 0)
def cut_ins(call: Call, role: Role) -> Reading:
    """How often the speaker speaks into the other's turn (event ``cut_in``), given way to or not; counted as ``interruptions``."""
    return _counted(call, events.cut_in(call, role))


def _counted(call: Call, happened: events.Happened) -> Reading:
    if happened.blind is not None:
        return _nothing(call, happened.blind)
    places, doubtful = tuple(h.span for h in happened.all), sum(h.doubt is not None for h in happened.all)
    return Reading(float(len(places)), _around(call, places), float(doubtful), places=places)


@_measure("同时说话占比", "%", 1, error=1.0, error_ratio=0.1, of_speaker=False)
def double_talk_percent(call: Call, role: Role) -> Reading:
    """Share of the time in which agent and customer both speak (event ``overlap``) in the time in which one of them does."""
    whole_ms = sum(s.duration_ms for s in bridged((*activity(call, Role.AGENT), *activity(call, Role.CUSTOMER)), 0))
    if (why := overlap.apart(call)) is not None or whole_ms < MIN_SPEECH_MS:
        return _nothing(call, why or f"说话不足 {MIN_SPEECH_MS / 1000:g} 秒")
    places, error = overlap.double_talk(call), _MONO_SHARE if call.turns.diarized else 0.0
    return Reading(100 * sum(s.duration_ms for s in places) / whole_ms, _around(call, places), error, places=places)


@_measure("最长的同时说话", "秒", 1, error=events.ERROR_MS / 1000, of_speaker=False)
def longest_double_talk_s(call: Call, role: Role) -> Reading:
    """The longest stretch in which agent and customer both speak (event ``overlap``)."""
    if (why := overlap.apart(call)) is not None:
        return _nothing(call, why)
    longest = max(overlap.double_talk(call), key=lambda span: span.duration_ms, default=Span(0, 0))
    return Reading(longest.duration_ms / 1000, longest, overlap.MONO_ERROR_MS / 1000 if call.turns.diarized else 0.0)


def _around(call: Call, places: Sequence[Span]) -> Span:
    """From the first to the last of the places, the whole call where there are none."""
    return Span(places[0].start_ms, max(place.end_ms for place in places)) if places else _whole(call)


@_measure("最长静音", "秒", 1, error=events.ERROR_MS / 1000, of_speaker=False)
def longest_silence_s(call: Call, role: Role) -> Reading:
    """The longest stretch in which nobody speaks (event ``silence``)."""
    happened = events.silence(call, role)
    if happened.blind is not None:
        return _nothing(call, happened.blind)
    longest = max((h.span for h in happened.all), key=lambda span: span.duration_ms, default=Span(0, 0))
    return Reading(longest.duration_ms / 1000, longest)


@_measure("铃声", "声", 0, of_speaker=False)
def rings(call: Call, role: Role) -> Reading:
    """Rings that began before the answer, as the check ``pickup`` counts them; of incoming calls."""
    del role
    finding = next(pickup.run(call, pickup.Params(max_rings=_MANY_RINGS)))
    value = finding.value("rings")
    if finding.outcome is not Outcome.PASS or not isinstance(value, int):
        return dataclasses.replace(_nothing(call, finding.message), applies=finding.outcome is not Outcome.NOT_APPLICABLE)
    return Reading(float(value), finding.evidence[0].span)


@_measure("接听等待", "秒", 1, error=0.2, of_speaker=False)
def wait_s(call: Call, role: Role) -> Reading:
    """From the first ring to the answer by the call record; of incoming calls."""
    del role
    if call.record is not None and call.record.direction == "out":
        return dataclasses.replace(_nothing(call, "呼出电话，没有接听等待"), applies=False)
    waited = elapsed_ms(call.record.start, call.record.answer) if call.record else None
    if waited is None or waited < 0:
        return _nothing(call, "话单没有可用的振铃和接听时刻")
    assert call.record is not None
    return Reading(waited / 1000, Span(0, min(answered_ms(call), call.audio.duration_ms)), call.record.precision_ms / 1000)
