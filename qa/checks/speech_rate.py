"""语速 · Speech rate

What is asked
    The agent speaks between ``min_cpm`` and ``max_cpm`` characters a minute, both included, over the whole call.  ``about`` (约, 左右 in
    a regulation) is the share by which a limit may be missed and is still kept.

How it is measured
    Characters: the agent's transcript as it is read aloud, digits as read, without punctuation, Latin words by letters or syllables
    (``qa.text.countable``).  Time: the activity of the agent's channel with inner pauses up to ``pause_ms`` counted in; longer pauses
    and the customer's time are not.  Signalling tones are not speech.  Speech that the recogniser wrote nothing for, or whose
    text was taken out as invented, is left out of the time, as its characters are unknown; if it is more than
    ``max_unheard_ratio`` of the activity the rate is not ruled on.  The worst stretch, ``window_s`` of speech time whose rate lies
    furthest outside the limits (or from their middle), is shown beside the figure and is not ruled on by itself.

Why
    Too fast cannot be followed, too slow sounds reluctant; the regulations name the figures.

A rate outside of that by less than ``error_ratio`` (the measure's own error) is inconclusive, as are calls with less than
``min_speech_s`` of speech or ``min_chars`` characters and words heard badly (mean probability below ``min_probability``).

Not covered
    Rhythm, pauses for effect, drawling; live agents often exceed 200 by this strict denominator.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from qa.callfacts import bridged, heard_activity, inconclusive, mean_probability, one, without_agent, words_of
from qa.check_examples import Example, Scene
from qa.checks import Limits
from qa.text import countable
from qa.types import Call, Evidence, Finding, Outcome, Role, Span, Word

TITLE = "语速"
TITLE_EN = "Speech rate"
LIMITS = (Limits("rate_cpm", "min_cpm", "max_cpm"),)


@dataclass(frozen=True)
class Params:
    """Limits in characters a minute, both allowed; times in the units of their names; ratios 0-1."""

    min_cpm: float = 140.0
    max_cpm: float = 200.0
    about: float = 0.0
    pause_ms: int = 500
    window_s: float = 10.0
    min_speech_s: float = 5.0
    min_chars: int = 15
    error_ratio: float = 0.03
    min_probability: float = 0.5
    max_unheard_ratio: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.min_cpm < self.max_cpm:
            raise ValueError(f"应有 0 < min_cpm < max_cpm，现为 {self.min_cpm:g} 和 {self.max_cpm:g}")
        if not 0 <= self.about < 1:
            raise ValueError(f"about 应不小于 0 且小于 1，现为 {self.about:g}")
        for name in ("pause_ms", "min_speech_s", "min_chars"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} 不能小于 0，现为 {getattr(self, name):g}")
        if self.window_s <= 0:
            raise ValueError(f"window_s 应大于 0，现为 {self.window_s:g}")
        for name in ("error_ratio", "min_probability", "max_unheard_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} 应在 0–1 之间，现为 {getattr(self, name):g}")


@dataclass(frozen=True)
class Stretch:
    """Part of the call with its rate."""

    span: Span
    cpm: float
    text: str


def run(call: Call, params: Params) -> Iterator[Finding]:
    """One finding.  Values: rate_cpm, chars, speech_s, min_cpm, max_cpm, worst_cpm, unheard_ratio."""
    if (reason := without_agent(call)) is not None:
        yield reason
        return
    words = sorted(words_of(call.utterances(Role.AGENT)), key=lambda word: word.span)
    activity = heard_activity(call)
    speech = bridged(activity.heard, params.pause_ms)
    speech_ms = sum(span.duration_ms for span in speech)
    chars = sum(countable(u.text) for u in call.utterances(Role.AGENT))
    if chars < params.min_chars or speech_ms < params.min_speech_s * 1000:
        yield inconclusive(
            f"坐席说话太少，语速不可靠：{chars} 字、{speech_ms / 1000:.1f} 秒（至少 {params.min_chars} 字、{params.min_speech_s:g} 秒）",
            chars=chars,
            speech_s=round(speech_ms / 1000, 2),
        )
        return
    rate = 60_000 * chars / speech_ms
    worst = _worst(words, speech, params)
    evidence = Evidence(worst.span, Role.AGENT, worst.text)
    doubt = _doubt(rate, mean_probability(words), activity.ratio, params)
    yield _finding(rate, worst, doubt, params, evidence, chars, speech_ms, activity.ratio)


def _finding(
    rate: float, worst: Stretch, doubt: str | None, params: Params, evidence: Evidence, chars: int, speech_ms: int, unheard: float
) -> Finding:
    figures = f"{rate:.0f} 字/分钟（{chars} 字，说话 {speech_ms / 1000:.1f} 秒；规定{_range(params)}）"
    worst_text = f"；偏离最大的一段 {worst.cpm:.0f} 字/分钟"
    side = "过快" if rate > _fastest(params) else "过慢" if rate < _slowest(params) else ""
    if doubt is not None:
        outcome, message = Outcome.INCONCLUSIVE, f"语速 {figures}不能判定：{doubt}"
    elif side:
        outcome, message = Outcome.FAIL, f"语速{side}：{figures}{worst_text}"
    else:
        outcome, message = Outcome.PASS, f"语速合格：{figures}{worst_text}"
    return one(
        outcome,
        message,
        evidence,
        rate_cpm=round(rate, 1),
        chars=chars,
        speech_s=round(speech_ms / 1000, 2),
        min_cpm=params.min_cpm,
        max_cpm=params.max_cpm,
        worst_cpm=round(worst.cpm, 1),
        unheard_ratio=round(unheard, 3),
    )


def _slowest(params: Params) -> float:
    return params.min_cpm * (1 - params.about)


def _fastest(params: Params) -> float:
    return params.max_cpm * (1 + params.about)


def _range(params: Params) -> str:
    limits = f"{params.min_cpm:g}–{params.max_cpm:g}"
    return f"约{limits}，容许 {100 * params.about:g}%" if params.about else f" {limits}"


def _doubt(rate: float, probability: float, unheard: float, params: Params) -> str | None:
    if probability < params.min_probability:
        return f"识别把握低（平均概率 {probability:.2f}，要求 {params.min_probability:.2f}）"
    if unheard > params.max_unheard_ratio:
        return f"有 {unheard:.0%} 的话音没有转写出来（至多 {params.max_unheard_ratio:.0%}）"
    beyond = max(rate / _fastest(params) - 1, 1 - rate / _slowest(params))
    if 0 < beyond <= params.error_ratio:
        return f"超出规定 {beyond:.1%}，在测量误差 {params.error_ratio:.0%} 之内"
    return None


def _worst(words: Sequence[Word], speech: Sequence[Span], params: Params) -> Stretch:
    """The window of speech time furthest outside the limits; the whole call where it is no longer than a window."""
    window_ms = min(params.window_s * 1000, sum(span.duration_ms for span in speech))
    offsets = [0, *accumulate(span.duration_ms for span in speech)]
    middles = [_speech_time((w.span.start_ms + w.span.end_ms) / 2, speech, offsets) for w in words]
    sums = [0, *accumulate(countable(w.text) for w in words)]
    best: tuple[float, int, float, int, int] | None = None
    for middle in middles:
        start = min(middle, offsets[-1] - window_ms)
        first, last = bisect_left(middles, start), bisect_left(middles, start + window_ms)
        if start + window_ms >= offsets[-1]:
            last = len(words)
        cpm = 60_000 * (sums[last] - sums[first]) / window_ms
        off = abs(cpm - (params.min_cpm + params.max_cpm) / 2)
        length_ms = words[last - 1].span.end_ms - words[first].span.start_ms if last > first else 0
        if last > first and (best is None or (off, -length_ms) > best[:2]):
            best = (off, -length_ms, cpm, first, last)
    assert best is not None  # there are words and speech
    _, _, cpm, first, last = best
    part = words[first:last]
    span = Span(min(w.span.start_ms for w in part), max(w.span.end_ms for w in part))
    return Stretch(span, cpm, "".join(w.text for w in part))


def _speech_time(at_ms: float, speech: Sequence[Span], offsets: Sequence[int]) -> float:
    """Milliseconds of speech before ``at_ms``."""
    begun = bisect_right(speech, at_ms, key=lambda span: span.start_ms)
    if begun == 0:
        return 0.0
    last = speech[begun - 1]
    return float(offsets[begun - 1] + min(at_ms, last.end_ms) - last.start_ms)


_THIRTY = "您好华宁通信很高兴为您服务请您稍等我来查询一下您的话费账单"  # 29 characters


def _at(cpm: float, probability: float = 0.95) -> str:
    """Two turns of 29 characters each at exactly ``cpm``, 1 s apart."""
    seconds = 29 * 60 / cpm
    return f"坐席 1-{1 + seconds:.4f} @{probability} {_THIRTY}\n坐席 {2 + seconds:.4f}-{2 + 2 * seconds:.4f} @{probability} {_THIRTY}"


EXAMPLES = (
    Example("in the middle", Scene(_at(174)), Outcome.PASS, None, (("rate_cpm", 174.0), ("chars", 58), ("speech_s", 20.0))),
    Example("at the upper limit", Scene(_at(200)), Outcome.PASS, None, (("rate_cpm", 200.0),)),
    Example("at the lower limit", Scene(_at(140)), Outcome.PASS, None, (("rate_cpm", 140.0),)),
    Example(
        "digits as read",
        Scene("坐席 1.0-6.0 工号10086为您服务，\n坐席 6.3-7.0 好的。"),
        Outcome.PASS,
        (1000, 7000),
        (("chars", 13), ("speech_s", 6.0)),
        (("min_cpm", 120.0), ("min_chars", 10)),
    ),
    Example("too fast", Scene(_at(240)), Outcome.FAIL, (1000, 12000), (("rate_cpm", 240.0),)),
    Example("too slow", Scene(_at(120)), Outcome.FAIL, (1000, 11000), (("rate_cpm", 120.0),)),
    Example("the customer's rate is nobody's fault", Scene(_at(174) + "\n客户 24-26 " + _THIRTY), Outcome.PASS),
    Example("over by less than the error", Scene(_at(204)), Outcome.INCONCLUSIVE, None, (("rate_cpm", 204.0),)),
    Example("over what is about allowed by less than it may be", Scene(_at(208)), Outcome.PASS, None, (), (("about", 0.05),)),
    Example("hardly a word", Scene("坐席 1.0-3.0 您好，请讲。"), Outcome.INCONCLUSIVE),
    Example("badly heard", Scene(_at(240, 0.3)), Outcome.INCONCLUSIVE),
    Example("much of it not transcribed", Scene(_at(240) + "\n坐席 30-33"), Outcome.INCONCLUSIVE),
    Example("mono, nobody knows who speaks", Scene(_at(240), mono=True), Outcome.INCONCLUSIVE),
)
