"""音量 · Volume

What is asked
    The agent is heard well: the active speech level of the agent's channel (ITU-T P.56) lies between ``min_dbov`` and ``max_dbov``,
    both included; there is no shouting; the sound is not clipped.

How it is measured
    Level: dBov, 0 = RMS of full scale, over the active speech alone.  Shouting: at least ``surge_s`` of speech that lies ``surge_db``
    above the median level of this agent in this call and above ``surge_min_dbov`` (levels over 400 ms); where the pitch there is
    below ``surge_pitch_ratio`` of the agent's usual one, the loudness is not that of a raised voice and a person must listen.
    Clipping: share of speech samples in runs at the rail, at most ``max_clipped_ratio``.

Why
    Callers must neither strain to hear nor be shouted at.

The line excuses the agent
    Inconclusive instead of FAIL: speech less than ``min_snr_db`` above the noise; a customer's channel outside the same limit (or clipped
    as well): then the line or the recorder sets the level, not the agent.  So are calls with less than ``min_speech_s`` of agent
    speech and values outside a limit by less than ``error_db``.

One channel
    Of a mono recording whose speakers were told apart by their voices the agent's level is that of the time in which nobody else
    speaks; who was taken for whom adds ``MONO_ERROR_DB`` to the error, and the finding says so.

    Where an announcement or somebody else is heard under the agent's label, the level is that of the rest; clipping, which is known of the
    whole alone, is inconclusive there unless the rest cannot hold too much of it.

Not covered
    What the customer hears (the recording's gain stands between); whispering; a receiver held badly for a few words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from qa import accusations
from qa.callfacts import bridged, inconclusive, one, own_activity
from qa.check_examples import Example, Scene, Sound
from qa.checks import Limits
from qa.part_levels import in_part
from qa.types import Call, ChannelAcoustics, Evidence, Finding, Float32Array, Outcome, Role, Span

TITLE = "音量"
TITLE_EN = "Volume"
LIMITS = (Limits("level_dbov", "min_dbov", "max_dbov"),)

SMOOTH_MS = 400
"""Levels of a stretch are means of the power over this long: about two syllables, so that stress is no shout."""

MONO_ERROR_DB = 1.0
"""What a level of a speaker in a mono recording may be off beside the error of the measure: words of the other side counted in."""
MONO = "（单声道录音，按声音区分说话人后测得）"

_SHOWN_MS = 10_000
_BRIDGE_MS = 300


@dataclass(frozen=True)
class Params:
    """Levels in dBov, differences in dB, times in seconds, ratios 0-1 (``surge_pitch_ratio``: of the agent's usual pitch)."""

    min_dbov: float = -35.0
    max_dbov: float = -15.0
    error_db: float = 0.5
    min_speech_s: float = 2.0
    min_snr_db: float = 10.0
    max_clipped_ratio: float = 0.01
    surge_db: float = 8.0
    surge_s: float = 1.0
    surge_min_dbov: float = -20.0
    surge_pitch_ratio: float = 0.9

    def __post_init__(self) -> None:
        if not self.min_dbov < self.max_dbov <= 0:
            raise ValueError(f"应有 min_dbov < max_dbov ≤ 0，现为 {self.min_dbov:g} 和 {self.max_dbov:g}")
        for name in ("error_db", "min_speech_s", "min_snr_db", "surge_pitch_ratio"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} 不能小于 0，现为 {getattr(self, name):g}")
        for name in ("surge_db", "surge_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} 应大于 0，现为 {getattr(self, name):g}")
        if not 0 <= self.max_clipped_ratio <= 1:
            raise ValueError(f"max_clipped_ratio 应在 0–1 之间，现为 {self.max_clipped_ratio:g}")


@dataclass(frozen=True)
class Surge:
    """A loud stretch: how far above the agent's median (dB), its level (dBov), its pitch over the agent's usual one (None: unvoiced)."""

    span: Span
    above_db: float
    level_dbov: float
    pitch_ratio: float | None


def run(call: Call, params: Params) -> Iterator[Finding]:
    """A finding for each fault or doubt, else one PASS.  Values: level_dbov, peak_dbov, clipped_ratio, snr_db."""
    sound = call.speaker_acoustics(Role.AGENT)
    if sound is None:
        yield inconclusive("分不清哪个声道是坐席（单声道录音、两声道相同或通道归属不明），无法判定音量")
        return
    speech = own_activity(call, Role.AGENT)
    total_ms = sum(span.duration_ms for span in speech)
    if sound.active_level_dbov is None or total_ms < params.min_speech_s * 1000:
        yield inconclusive(f"坐席说话不足 {params.min_speech_s:g} 秒（{total_ms / 1000:.1f} 秒），无法判定音量", **_values(sound))
        return
    if sound.snr_db is not None and sound.snr_db < params.min_snr_db:
        message = f"线路噪声大：信噪比 {sound.snr_db:.1f} dB，要求 {params.min_snr_db:g} dB，无法判定音量"
        yield inconclusive(message, **_values(sound))
        return
    findings = [*_level(call, sound, speech, params), *_clipping(call, sound, speech, params), *_surges(call, sound, speech, params)]
    yield from (replace(f, message=f.message + MONO) if call.turns.diarized else f for f in findings)
    if not findings:
        message = f"音量合格：{sound.active_level_dbov:.1f} dBov（规定 {params.min_dbov:g} 至 {params.max_dbov:g}），无喊叫、无削波"
        message += MONO if call.turns.diarized else ""
        yield one(Outcome.PASS, message, _shown(sound, speech, loudest=True), **_values(sound))


def _values(sound: ChannelAcoustics) -> dict[str, float | None]:
    return {
        "level_dbov": sound.active_level_dbov,
        "peak_dbov": sound.peak_dbov,
        "clipped_ratio": sound.clipped_ratio,
        "snr_db": sound.snr_db,
    }


def _level(call: Call, sound: ChannelAcoustics, speech: tuple[Span, ...], params: Params) -> Iterator[Finding]:
    level = sound.active_level_dbov
    assert level is not None
    quiet = level < params.min_dbov
    limit = params.min_dbov if quiet else params.max_dbov
    beyond = limit - level if quiet else level - limit
    if beyond <= 0:
        return
    side = "过小" if quiet else "过大"
    evidence = _shown(sound, speech, loudest=not quiet)
    customer = call.speaker_acoustics(Role.CUSTOMER)
    other = customer.active_level_dbov if customer is not None else None
    figures = f"音量{side}：{level:.1f} dBov，规定 {params.min_dbov:g} 至 {params.max_dbov:g}"
    if beyond < _error_db(call, params):
        yield inconclusive(f"{figures}；只差 {beyond:.1f} dB，在测量误差之内，不作判定", evidence, **_values(sound))
    elif other is not None and (other < limit if quiet else other > limit):
        yield inconclusive(f"{figures}；但客户一方也是 {other:.1f} dBov，可能是线路或录音设备所致", evidence, **_values(sound))
    else:
        yield one(Outcome.FAIL, figures, evidence, **_values(sound))


def _error_db(call: Call, params: Params) -> float:
    return params.error_db + (MONO_ERROR_DB if call.turns.diarized else 0.0)


def _clipping(call: Call, sound: ChannelAcoustics, speech: tuple[Span, ...], params: Params) -> Iterator[Finding]:
    if sound.clipped_ratio <= params.max_clipped_ratio:
        return
    evidence = _shown(sound, speech, loudest=True)
    customer = call.speaker_acoustics(Role.CUSTOMER)
    figures = f"声音削波：{sound.clipped_ratio:.1%} 的语音样点顶满，至多 {params.max_clipped_ratio:.1%}"
    if customer is not None and customer.clipped_ratio > params.max_clipped_ratio:
        yield inconclusive(f"{figures}；但客户一方也削波，可能是线路或录音设备所致", evidence, **_values(sound))
    elif (why := in_part(call, Role.AGENT)) is not None:
        yield inconclusive(f"{figures}；但{why}", evidence, **_values(sound))
    else:
        yield one(Outcome.FAIL, figures, evidence, **_values(sound))


def _surges(call: Call, sound: ChannelAcoustics, speech: tuple[Span, ...], params: Params) -> Iterator[Finding]:
    for surge in find_surges(sound, speech, params):
        pitch = "" if surge.pitch_ratio is None else f"，音高为平时的 {surge.pitch_ratio:.2f} 倍"
        message = f"疑似喊叫：{surge.level_dbov:.1f} dBov，比本人本通中位音量高 {surge.above_db:.1f} dB{pitch}"
        values = {
            **_values(sound),
            "surge_db": round(surge.above_db, 1),
            "surge_dbov": round(surge.level_dbov, 1),
            "pitch_ratio": None if surge.pitch_ratio is None else round(surge.pitch_ratio, 2),
        }
        evidence = Evidence(surge.span, Role.AGENT)
        if surge.above_db < params.surge_db + _error_db(call, params):
            yield inconclusive(f"{message}；在测量误差之内，需人工复核", evidence, **values)
        elif surge.pitch_ratio is not None and surge.pitch_ratio < params.surge_pitch_ratio:
            yield inconclusive(f"{message}；音高没有升高，需人工复核", evidence, **values)
        elif (why := accusations.doubt(call, call.speaker(Role.AGENT) or "", surge.span)) is not None:
            yield inconclusive(f"{message}；{why}，需人工复核", evidence, **values)
        else:
            yield one(Outcome.FAIL, message.removeprefix("疑似"), evidence, **values)


def find_surges(sound: ChannelAcoustics, speech: tuple[Span, ...], params: Params) -> tuple[Surge, ...]:
    """Stretches of at least ``surge_s`` where the smoothed level stands out (dips up to 300 ms do not end a stretch)."""
    active = _active(sound, speech)
    if not active.any():
        return ()
    level = _smoothed(sound, active)
    median = float(np.median(level[active]))
    voiced = active & (sound.pitch_hz > 0)
    usual_hz = float(np.median(sound.pitch_hz[voiced])) if voiced.any() else 0.0
    loud = active & (level >= median + params.surge_db) & (level >= params.surge_min_dbov)
    out = []
    for span in bridged(_runs(loud, sound.frame_ms), _BRIDGE_MS):
        if span.duration_ms < params.surge_s * 1000:
            continue
        part = slice(span.start_ms // sound.frame_ms, span.end_ms // sound.frame_ms)
        mean = _mean_db(sound.level_dbov[part][active[part]])
        pitch = sound.pitch_hz[part][voiced[part]]
        ratio = float(np.median(pitch)) / usual_hz if len(pitch) and usual_hz else None
        out.append(Surge(span, mean - median, mean, ratio))
    return tuple(out)


def _active(sound: ChannelAcoustics, speech: tuple[Span, ...]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask = np.zeros(len(sound.level_dbov), np.bool_)
    for span in speech:
        mask[span.start_ms // sound.frame_ms : -(-span.end_ms // sound.frame_ms)] = True
    return mask


def _smoothed(sound: ChannelAcoustics, active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Float32Array:
    """Level of the power averaged over ``SMOOTH_MS`` of active frames around each frame."""
    kernel = np.ones(SMOOTH_MS // sound.frame_ms // 2 * 2 + 1)
    power = np.where(active, 10.0 ** (sound.level_dbov.astype(np.float64) / 10), 0.0)
    count = np.maximum(1.0, np.convolve(active.astype(np.float64), kernel, mode="same"))
    mean = np.maximum(np.convolve(power, kernel, mode="same") / count, 1e-12)
    return (10 * np.log10(mean)).astype(np.float32)


def _runs(mask: np.ndarray[tuple[int], np.dtype[np.bool_]], frame_ms: int) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [Span(int(a) * frame_ms, int(b) * frame_ms) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _mean_db(levels: Float32Array) -> float:
    return float(10 * np.log10(np.mean(10.0 ** (levels.astype(np.float64) / 10)))) if len(levels) else -100.0


def _shown(sound: ChannelAcoustics, speech: tuple[Span, ...], loudest: bool) -> Evidence:
    """The loudest (quietest) stretch of the agent's speech of at least a second, at most 10 s of it."""
    long = [span for span in speech if span.duration_ms >= 1000] or list(speech)

    def level(span: Span) -> float:
        return _mean_db(sound.level_dbov[span.start_ms // sound.frame_ms : max(1, span.end_ms // sound.frame_ms)])

    best = (max if loudest else min)(long, key=level)
    return Evidence(Span(best.start_ms, min(best.end_ms, best.start_ms + _SHOWN_MS)), Role.AGENT)


_TALK = """
坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。
客户 5-7 我想查话费。
坐席 7.5-12.5 好的，您稍等，话费是三十元。
坐席 13-16 还有别的吗？
"""

EXAMPLES = (
    Example("in the window", Scene(_TALK), Outcome.PASS, None, (("level_dbov", -25.0), ("clipped_ratio", 0.0))),
    Example("at the lower limit", Scene(_TALK, agent=Sound(-35.0)), Outcome.PASS),
    Example("at the upper limit", Scene(_TALK, agent=Sound(-15.0)), Outcome.PASS),
    Example("too quiet", Scene(_TALK, agent=Sound(-39.0)), Outcome.FAIL, (500, 4500), (("level_dbov", -39.0),)),
    Example("too loud", Scene(_TALK, agent=Sound(-11.0)), Outcome.FAIL, (500, 4500), (("level_dbov", -11.0),)),
    Example("clipped", Scene(_TALK, agent=Sound(-16.0, clipped_ratio=0.03)), Outcome.FAIL, (500, 4500), (("clipped_ratio", 0.03),)),
    Example(
        "shouting",
        Scene(_TALK, agent=Sound(louder=((8.0, 10.0, 14.0, 1.4),))),
        Outcome.FAIL,
        (7880, 10120),
        (("pitch_ratio", 1.4),),
    ),
    Example("one stressed word", Scene(_TALK, agent=Sound(louder=((8.0, 8.3, 12.0, 1.2),))), Outcome.PASS),
    Example("a customer who shouts", Scene(_TALK, customer=Sound(louder=((5.0, 7.0, 14.0, 1.4),))), Outcome.PASS),
    Example("loud but with a lower voice", Scene(_TALK, agent=Sound(louder=((8.0, 10.0, 14.0, 0.8),))), Outcome.INCONCLUSIVE),
    Example("too quiet by less than the error", Scene(_TALK, agent=Sound(-35.3)), Outcome.INCONCLUSIVE),
    Example("both sides quiet", Scene(_TALK, agent=Sound(-39.0), customer=Sound(-38.0)), Outcome.INCONCLUSIVE),
    Example("noisy line", Scene(_TALK, agent=Sound(-39.0, noise_dbov=-45.0)), Outcome.INCONCLUSIVE),
    Example("hardly a word", Scene("坐席 0.5-1.5 喂？"), Outcome.INCONCLUSIVE),
    Example("mono, nobody knows who speaks", Scene(_TALK, mono=True), Outcome.INCONCLUSIVE),
    Example("the same mix on both channels", Scene(_TALK, same_channels=True), Outcome.INCONCLUSIVE),
)
