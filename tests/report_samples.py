"""Calls made by hand for the tests of reports and commands: two tones for voices, words with exact times, known findings."""

from __future__ import annotations

import hashlib
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np

from qa.types import (
    Acoustics,
    AudioInfo,
    Call,
    CallRecord,
    ChannelAcoustics,
    CheckResult,
    Evidence,
    Finding,
    Outcome,
    Provenance,
    Role,
    RoleAssignment,
    Roles,
    Scorecard,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    SpeechActivity,
    Tone,
    Transcript,
    Utterance,
    Word,
)

RATE_HZ = 8000
NUMBER = "13812345678"
SCRIPT = (  # channel, start ms, end ms, words
    (0, 2000, 5600, "您好，华宁通信，工号一零二四，很高兴为您服务。"),
    (1, 6200, 9000, "你好，我的宽带从昨天晚上开始就上不去了。"),
    (0, 9600, 12400, "这个不归我管，你自己打别的电话问吧。"),
    (1, 13000, 16200, "什么？我的电话是一三八一二三四五六七八，你给我查一下。"),
    (0, 16800, 20400, "好的，请您稍等，我帮您查询一下，已经为您登记报修。"),
    (1, 21000, 22200, "好吧，谢谢。"),
)
DURATION_MS = 24_000
BANNED = Span(9600, 11000)


def _words(channel: int, start_ms: int, end_ms: int, text: str) -> Utterance:
    edges = np.linspace(start_ms, end_ms, len(text) + 1).astype(int).tolist()
    words = tuple(Word(c, Span(a, b), 0.3 if c == "修" else 0.97) for c, a, b in zip(text, edges[:-1], edges[1:], strict=True))
    return Utterance(f"ch{channel}", channel, Span(start_ms, end_ms), words)


def write_wav(path: Path, seed: int = 0) -> None:
    """Stereo, 16 bits: channel 0 hums at 220 Hz and channel 1 at 330 Hz where the script lets them speak, over faint noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(RATE_HZ * DURATION_MS // 1000) / RATE_HZ
    pcm = rng.normal(0, 12, (len(t), 2))
    for channel, start, end, _ in SCRIPT:
        a, b = start * RATE_HZ // 1000, end * RATE_HZ // 1000
        syllables = np.abs(np.sin(np.pi * 4.5 * t[a:b])) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.6 * t[a:b]))
        pcm[a:b, channel] += 6000 * syllables * np.sin(2 * np.pi * (220 + 110 * channel) * t[a:b])
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(np.clip(pcm, -32768, 32767).astype("<i2").tobytes())


def _channel(path: Path, channel: int) -> ChannelAcoustics:
    with wave.open(str(path)) as source:
        pcm = np.frombuffer(source.readframes(source.getnframes()), "<i2").reshape(-1, 2)[:, channel] / 32768
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160)
    level = (20 * np.log10(np.sqrt((frames**2).mean(axis=1)) + 1e-6)).astype(np.float32)
    return ChannelAcoustics(-21.3, 0.4, -9.0, 0.0, -68.0, 46.0, 20, level, np.zeros(len(level), np.float32))


def call(path: Path, call_id: str = "C-001", agent_id: str = "1024", start: str = "2024-05-06T09:00:00.000") -> Call:
    """The call of ``SCRIPT``; the recording is written to ``path`` if it is not there."""
    if not path.exists():
        write_wav(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    said = tuple(_words(*line) for line in SCRIPT)
    invented = _words(1, 23000, 23900, "字幕由志愿者提供")
    turns = tuple(SpeakerTurn(u.speaker, u.channel, u.span) for u in said)
    activity = SpeechActivity(tuple(tuple(u.span for u in said if u.channel == c) for c in (0, 1)), "test")
    record = CallRecord(path.name, call_id, agent_id, "王芳", "一组", "in", NUMBER, "4001", start, None, None, "customer", 0)
    return Call(
        AudioInfo(str(path), sha256, "wav", "pcm_s16le", RATE_HZ, 2, DURATION_MS, ("文件头的长度与内容不符",)),
        activity,
        SpeakerTurns("channel", turns),
        Transcript("demo@0123456789ab", True, said, dropped=(invented,)),
        Acoustics((_channel(path, 0), _channel(path, 1)), (Tone("ringback", 0, Span(200, 1200), 450.0, -20.0),)),
        Roles((RoleAssignment("ch0", Role.AGENT, 1.0, "record"), RoleAssignment("ch1", Role.CUSTOMER, 1.0, "record"))),
        record,
    )


def results() -> tuple[CheckResult, ...]:
    agent = Role.AGENT
    greeting = Finding(Outcome.PASS, "开头说了标准问候语", (Evidence(Span(2000, 5600), agent, SCRIPT[0][3]),), (("decode", 1),))
    closing = Finding(Outcome.FAIL, "结束前没有说结束语", (Evidence(Span(22400, 24000), agent, "感谢您的来电，再见"),))
    rate = Finding(Outcome.PASS, "语速每分钟 176 字", (Evidence(Span(0, DURATION_MS), agent),), (("rate_cpm", 176.25),))
    banned = Finding(Outcome.FAIL, "说了服务禁语“这个不归我管”", (Evidence(BANNED, agent, "这个不归我管"),), (("phrase", "这个不归我管"),))
    volume = Finding(Outcome.INCONCLUSIVE, "线路噪声太大，音量无法判定", (), (("level_dbov", -21.3), ("snr_db", None)))
    pickup = Finding(Outcome.NOT_APPLICABLE, "呼出电话没有振铃要求")
    return (
        CheckResult("greeting", "标准问候语", "接通后应使用标准问候语。", Outcome.PASS, 20.0, 20.0, (greeting,)),
        CheckResult("closing", "标准结束语", "结束前应使用标准结束语。", Outcome.FAIL, 15.0, 0.0, (closing,)),
        CheckResult("speech_rate", "语速", "每分钟吐字140–200个。", Outcome.PASS, 15.0, 15.0, (rate,)),
        CheckResult("banned_phrases", "服务禁语", "通话中严禁使用服务禁语。", Outcome.FAIL, 25.0, 0.0, (banned,)),
        CheckResult("volume", "音量", "音量适中，以客户听清为宜。", Outcome.INCONCLUSIVE, 10.0, None, (volume,)),
        CheckResult("pickup", "三声铃响内接听", "电话铃响三声之内应接听。", Outcome.NOT_APPLICABLE, 15.0, None, (pickup,)),
    )


def scorecard(of: Call, percent: float | None = 46.67, demo: bool = True) -> Scorecard:
    assert of.record is not None
    models = (("asr", of.transcript.model), ("activity", "test"))
    made = Provenance(of.audio.sha256, models, "default", "1.0+0123456789ab", "0.1.0", demo)
    return Scorecard(of.record.call_id, of.record.agent_id, percent, 0.88, results(), made, ("1 项无法判定，请人工复核：音量",))


def good(card: Scorecard) -> Scorecard:
    """The same call with only what went well."""
    kept = tuple(r for r in card.results if r.outcome is Outcome.PASS)
    return replace(card, percent=100.0, coverage=1.0, results=kept, notes=())
