"""What the numbers of the checks are called by people: title and unit in both languages, and which of them measure rather than demand.

Their allowed range is not written here: it is what the check itself accepts (:mod:`qa.review.rule_limits`).
"""

from __future__ import annotations

from dataclasses import dataclass

CPM, RINGS, TURNS = ("字/分钟", "characters/min"), ("声", "rings"), ("轮", "turns")
S, MS, DBOV, DB, CHARS = ("秒", "s"), ("毫秒", "ms"), ("dBov", "dBov"), ("dB", "dB"), ("字", "characters")
SHARE, DISTANCE, LOG, NONE = ("0–1 的比例", "share, 0–1"), ("每音节，0–1", "per syllable, 0–1"), ("自然对数", "natural logarithm"), ("", "")


@dataclass(frozen=True)
class Parameter:
    """``unit``: Chinese and English.  ``fine``: belongs to how it is measured, not to what the house demands; seldom changed."""

    title: str
    title_en: str
    unit: tuple[str, str] = NONE
    fine: bool = False


_PROBABILITY = Parameter("识别把握至少", "Recognition at least as sure as", SHARE, True)
_ABOUT = Parameter("“约”的余地：超出限值这么多也算通过", "Allowance for “about”: kept if missed by no more than", SHARE)
_PASS = Parameter("读音差距不超过此数算说了", "Said, if the sound is off by at most", DISTANCE, True)
_DOUBT = Parameter("读音差距超过此数算没说", "Not said, if the sound is off by more than", DISTANCE, True)
_UNHEARD = Parameter("没有转写的话音最多占", "Speech without a transcript at most", SHARE, True)

PARAMETERS: dict[str, dict[str, Parameter]] = {
    "speech_rate": {
        "min_cpm": Parameter("语速下限", "Lowest rate", CPM),
        "max_cpm": Parameter("语速上限", "Highest rate", CPM),
        "about": _ABOUT,
        "pause_ms": Parameter("不超过此长的停顿计入说话时间", "Pauses up to this count as speech", MS, True),
        "window_s": Parameter("偏离最大的一段取多长", "Length of the worst stretch", S, True),
        "min_speech_s": Parameter("说话不足此长不判", "Not ruled on below so much speech", S, True),
        "min_chars": Parameter("不足此数不判", "Not ruled on below so many", CHARS, True),
        "error_ratio": Parameter("测量误差", "Error of measurement", SHARE, True),
        "min_probability": _PROBABILITY,
        "max_unheard_ratio": _UNHEARD,
    },
    "volume": {
        "min_dbov": Parameter("音量下限", "Lowest level", DBOV),
        "max_dbov": Parameter("音量上限", "Highest level", DBOV),
        "surge_db": Parameter("比平时响多少算喊", "Shouting: louder than usual by", DB),
        "surge_s": Parameter("响多久算喊", "Shouting: for at least", S),
        "max_clipped_ratio": Parameter("削波最多占", "Clipped at most", SHARE),
        "error_db": Parameter("测量误差", "Error of measurement", DB, True),
        "min_speech_s": Parameter("说话不足此长不判", "Not ruled on below so much speech", S, True),
        "min_snr_db": Parameter("信噪比不足此数不判", "Not ruled on below a signal-to-noise ratio of", DB, True),
        "surge_min_dbov": Parameter("喊的音量至少", "Shouting: at least as loud as", DBOV, True),
        "surge_pitch_ratio": Parameter("喊的音高至少是平时的", "Shouting: pitch at least so much of the usual one", SHARE, True),
    },
    "pickup": {
        "max_rings": Parameter("最多响铃", "Rings at most", RINGS),
        "ring_s": Parameter("一声铃到下一声", "From ring to ring", S, True),
        "error_s": Parameter("时刻的误差", "Error of times", S, True),
    },
    "greeting": {
        "within_s": Parameter("坐席开口后多久之内开始问候", "The greeting begins within", S),
        "turns": Parameter("在坐席开头的几轮话里找", "Looked for in the agent's first", TURNS),
        "pass_distance": _PASS,
        "doubt_distance": _DOUBT,
        "min_probability": _PROBABILITY,
    },
    "closing": {
        "within_s": Parameter("坐席最后一字之前多久之内说", "Said within so long before the agent's last word", S),
        "turns": Parameter("在坐席最后的几轮话里找", "Looked for in the agent's last", TURNS),
        "chance_s": Parameter("客户说完后留给坐席不足此长，不适用", "Not applicable if the customer left the agent less than", S),
        "pass_distance": _PASS,
        "doubt_distance": _DOUBT,
        "min_probability": _PROBABILITY,
    },
    "banned_phrases": {
        "hit_distance": Parameter("读音差距不超过此数算说了", "Said, if the sound is off by at most", DISTANCE, True),
        "suspect_distance": Parameter("读音差距不超过此数算疑似", "Suspected, if the sound is off by at most", DISTANCE, True),
        "min_probability": _PROBABILITY,
        "min_gain": Parameter("作为禁语至少通顺多少", "As a banned phrase likelier by at least", LOG, True),
        "max_boundary_cost": Parameter("词的边界最多差多少", "Word boundaries worse by at most", LOG, True),
        "max_pause_ms": Parameter("词语中间停顿不超过", "Pause inside of a phrase at most", MS, True),
        "max_unheard_ratio": _UNHEARD,
    },
    "measure": {
        "low": Parameter("下限", "Lower limit"),
        "high": Parameter("上限", "Upper limit"),
        "tolerance": Parameter("误差至少按", "Error at least", fine=True),
        "about": _ABOUT,
    },
    "script": {
        "within_s": Parameter("从第一步到最后一步最长", "From the first step to the last at most", S),
        "within_turns": Parameter("从第一步到最后一步最多", "From the first step to the last at most", TURNS),
    },
}
"""By kind of check and key, in the order in which they are shown.  Of kinds that read their tables themselves only these are limits."""
