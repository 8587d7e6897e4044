"""Words, symbols and number formats that the reports and the terminal share (Chinese)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from qa.outcome_words import OUTCOMES
from qa.types import Call, Evidence, Outcome, Role, Word

OUTCOME_TEXT = OUTCOMES
# A shape beside the colour: about one man in twelve does not tell red from green.
OUTCOME_SYMBOL = {
    Outcome.PASS: "✓",
    Outcome.FAIL: "✗",
    Outcome.NOT_APPLICABLE: "–",
    Outcome.INCONCLUSIVE: "?",
    Outcome.ERROR: "!",
}
SEVERITY = {Outcome.FAIL: 0, Outcome.ERROR: 1, Outcome.INCONCLUSIVE: 2, Outcome.PASS: 3, Outcome.NOT_APPLICABLE: 4}
ROLE_TEXT = {
    Role.AGENT: "坐席",
    Role.CUSTOMER: "客户",
    Role.ANNOUNCEMENT: "自动播报",
    Role.THIRD_PARTY: "第三方",
    Role.MIXED: "几个人",
    Role.UNKNOWN: "未知说话人",
}
VALUE_TEXT = {
    "rate_cpm": "语速（字/分）",
    "worst_cpm": "最偏的一段（字/分）",
    "min_cpm": "下限（字/分）",
    "max_cpm": "上限（字/分）",
    "chars": "字数",
    "speech_s": "说话时间（秒）",
    "unheard_ratio": "未转写出的话音占比",
    "min_probability": "识别把握（最低）",
    "missing": "缺少",
    "decode": "听到于",
    "said_number": "所报工号",
    "phrase": "用语",
    "phrases": "词表条数",
    "level_dbov": "有效语音电平（dBov）",
    "snr_db": "信噪比（dB）",
    "peak_dbov": "峰值（dBov）",
    "clipped_ratio": "削波占比",
    "rings": "铃响（声）",
    "rings_record": "话单铃响（声）",
    "rings_audio": "录音铃响（声）",
    "wait_s": "等待（秒）",
    "heard": "听作",
    "distance": "读音差",
    "probability": "识别把握",
}
"""Labels of measured values; any other is shown by its own name."""
VALUE_WORDS: Mapping[str, Mapping[object, str]] = {"decode": {0: "首次转写", 1: "第二次识别"}}
"""What the figures of a measured value stand for, where they are no measure: nobody is shown a bare 0 or 1 for them."""
UNMEASURED = "未测得"
OWN_WORDS = frozenset((UNMEASURED, *(word for words in VALUE_WORDS.values() for word in words.values())))
"""Measured values that are words of ours; all others are figures, or words that were heard."""
_SHOWN_IF_KNOWN = {"said_number"}
LONG_EVIDENCE_MS = 15_000  # longer stretches speak of the whole call, not of words in it
_NOT_WORD = re.compile(r"[\W_]+")


def clock(ms: int) -> str:
    """Milliseconds as minutes, seconds and tenths: ``1:02.5``."""
    tenths = ms // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def length(ms: int) -> str:
    """A duration in words: ``1 分 05 秒``."""
    seconds = round(ms / 1000)
    return f"{seconds // 60} 分 {seconds % 60:02d} 秒" if seconds >= 60 else f"{seconds} 秒"


def number(value: float | int | str | None) -> str:
    """A measured value without digits that nobody measured."""
    if value is None:
        return UNMEASURED
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.1f}".removesuffix(".0")
    return str(value)


def value_rows(values: tuple[tuple[str, float | int | str | None], ...]) -> tuple[tuple[str, str], ...]:
    """Measured values with their labels."""
    known = [(name, value) for name, value in values if value is not None or name not in _SHOWN_IF_KNOWN]
    return tuple((VALUE_TEXT.get(name, name), VALUE_WORDS.get(name, {}).get(value) or number(value)) for name, value in known)


def percent_text(percent: float | None) -> str:
    return "不评分" if percent is None else f"{percent:.1f}".removesuffix(".0")


def speaker_text(call: Call, speaker: str) -> str:
    """How a speaker is called: by role, or by channel where the role is not known."""
    role = call.roles.role_of(speaker)
    if role is not Role.UNKNOWN:
        return ROLE_TEXT[role]
    if call.turns.diarized and speaker.startswith("spk"):
        return f"说话人 {speaker.removeprefix('spk')}"
    return f"声道 {speaker.removeprefix('ch')}" if call.turns.method == "channel" and speaker.startswith("ch") else ROLE_TEXT[role]


def bare(text: str) -> str:
    """Text without punctuation and spaces."""
    return _NOT_WORD.sub("", text).lower()


def said_words(evidence: Evidence, words: tuple[Word, ...]) -> tuple[int, ...]:
    """Indices of the words that the evidence quotes.

    Empty where the stretch is long, or where its text is not what was said there (the evidence of an omission quotes the words
    that were due).
    """
    if not bare(evidence.text) or evidence.span.duration_ms > LONG_EVIDENCE_MS:
        return ()
    hits = [i for i, w in enumerate(words) if w.span.overlap_ms(evidence.span) > 0]
    owners = [i for i in hits for _ in bare(words[i].text)]
    said, quoted = bare("".join(words[i].text for i in hits)), bare(evidence.text)
    if said and said in quoted:
        return tuple(hits)
    at = said.find(quoted)
    return tuple(range(owners[at], owners[at + len(quoted) - 1] + 1)) if at >= 0 else ()


def in_transcript(outcome: Outcome, evidence: Evidence) -> bool:
    """Whether a finding belongs beside the words: all that need attention, and short stretches that passed."""
    if outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.ERROR):
        return True
    return outcome is Outcome.PASS and evidence.span.duration_ms <= LONG_EVIDENCE_MS
