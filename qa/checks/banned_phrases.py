"""服务禁语 · Banned phrases

What is asked
    The agent says nothing of the word lists in ``words`` (format: ``qa.lexicon``).

How it is found
    In the agent's transcript, by text and by sound (toneless syllables with the distance of ``qa.phonetic``), as a recogniser writes
    homophones.  A false accusation is the worst error here, so a hit is a FAIL only if all of this holds:

    * nothing in the list's exceptions covers it;
    * the text is the phrase; or the sound is within ``hit_distance`` per syllable *and* the phrase makes the sentence at least
      ``min_gain`` (natural logarithm) likelier than what was written (word counts of jieba), so that what was written is no
      sensible Chinese of its own;
    * it begins and ends where words do: jieba's segmentation gets worse by at most ``max_boundary_cost`` (natural logarithm; half of
      that for one and two syllables; not asked of four and more by text);
    * no punctuation or pause of more than ``max_pause_ms`` parts it;
    * the mean probability of its words is at least ``min_probability`` (one syllable: at least 0.8);
    * the guard's second decode, where it covers the place, has it too;
    * nothing speaks for another one who said it (``qa.accusations``): the same words on the other channel, a voice of a mono recording
      that is not one person's; and it is not in what the program took for an announcement's or for somebody else's.

    Phrases of one syllable count by text alone, of two by text or the very syllables with their tones.  What falls short of this
    (up to ``suspect_distance`` per syllable for three syllables and more) but makes much more sense as the phrase (twice
    ``min_gain``; any gain where the words were badly heard), or has four syllables and more that sound the very same without
    making much less sense, is inconclusive (疑似), for a person to hear.  Exceptions with
    punctuation in their midst do not count (我不知道，您问别人).

Why
    Negative, impatient or insulting words are what callers complain about; houses fine them one by one.

Not covered
    What the customer says.  Tone and irony.  A phrase that the agent quotes back to the customer.  Speech that was not transcribed:
    if it is more than ``max_unheard_ratio`` of the agent's speech, no hit is inconclusive instead of PASS.  So it is where nobody knows
    whether the agent or somebody who took over speaks.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from qa import accusations
from qa.callfacts import heard_activity, inconclusive, mean_probability, one, without_agent, words_of
from qa.check_examples import Example, Scene
from qa.lexicon import WILDCARD, WILDCARD_LENGTH, Phrase, WordList, load_word_list
from qa.paths import lexicons_dir
from qa.phonetic import Match, Spoken, boundary_cost, find, gain, same_tones, spoken, wanted_sounds
from qa.rules.hearing import Decode, hearing
from qa.rules.model import Who
from qa.types import Call, Edge, Evidence, Finding, Outcome, Role, Span

TITLE = "服务禁语"
TITLE_EN = "Banned phrases"

_ONE_SYLLABLE_PROBABILITY = 0.8
_EDGE_SLACK_MS = 1500  # the two decodes may place a word this far apart


def _default_list() -> WordList:
    return load_word_list(lexicons_dir() / "default" / "banned.txt")


@dataclass(frozen=True)
class Params:
    """Distances per syllable (0-1), probabilities and ratios 0-1, ``min_gain`` and ``max_boundary_cost`` natural logarithms."""

    words: WordList = field(default_factory=_default_list)
    hit_distance: float = 0.06
    suspect_distance: float = 0.15
    min_probability: float = 0.6
    min_gain: float = 2.3
    max_boundary_cost: float = 2.0
    max_pause_ms: int = 600
    max_unheard_ratio: float = 0.2

    def __post_init__(self) -> None:
        if not self.words.phrases:
            raise ValueError("words 里没有任何词语")
        if not 0 <= self.hit_distance <= self.suspect_distance < 1:
            raise ValueError("应有 0 ≤ hit_distance ≤ suspect_distance < 1")
        for name in ("min_probability", "max_unheard_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} 应在 0–1 之间，现为 {getattr(self, name):g}")
        for name in ("min_gain", "max_boundary_cost", "max_pause_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} 不能小于 0，现为 {getattr(self, name):g}")


@dataclass(frozen=True)
class Hit:
    """A phrase at a place; ``doubt`` says why it is not proven (Chinese), None for a proven one."""

    phrase: Phrase
    match: Match
    heard: Spoken
    doubt: str | None

    @property
    def span(self) -> Span:
        return self.heard.span(self.match.start, self.match.end)

    @property
    def text(self) -> str:
        return self.heard.text[self.match.start : self.match.end]


def run(call: Call, params: Params) -> Iterator[Finding]:
    """A finding for each place (FAIL or inconclusive), else one PASS.  Values: phrase, heard, distance, probability."""
    if (reason := without_agent(call)) is not None:
        yield reason
        return
    edges = [*call.edges(Role.AGENT, "opening"), *call.edges(Role.AGENT, "closing")]
    found = False
    for voice in hearing(call).voices(Who.AGENT):
        for hit in heard_in(voice.transcript, edges, params):
            found = True
            yield _finding(dataclasses.replace(hit, doubt=hit.doubt or voice.another(hit.span)))
    for voice, why in hearing(call).apart:
        for hit in heard_in(voice.transcript, (), params):
            if hit.doubt is None:
                found = True
                yield _finding(dataclasses.replace(hit, doubt=why))
    if not found:
        yield _nothing(call, params)


def _finding(hit: Hit) -> Finding:
    values: dict[str, float | int | str | None] = {
        "phrase": hit.phrase.text,
        "heard": hit.text,
        "distance": round(hit.match.distance, 3),
        "probability": round(hit.heard.probability(hit.match.start, hit.match.end), 3),
    }
    evidence = Evidence(hit.span, Role.AGENT, hit.text)
    at = f"第 {hit.span.start_ms / 1000:.1f} 秒"
    written = "" if hit.match.exact else f"（转写为“{hit.text}”）"
    if hit.doubt is None:
        return one(Outcome.FAIL, f"{at}坐席说了服务禁语“{hit.phrase.text}”{written}", evidence, **values)
    return inconclusive(f"{at}疑似服务禁语“{hit.phrase.text}”{written}：{hit.doubt}，需人工复核", evidence, **values)


def _nothing(call: Call, params: Params) -> Finding:
    words = words_of(call.utterances(Role.AGENT))
    probability, unheard = mean_probability(words), heard_activity(call).ratio
    if unheard > params.max_unheard_ratio:
        return inconclusive(f"坐席有 {unheard:.0%} 的话音没有转写出来，不能断定没有服务禁语")
    if probability < params.min_probability:
        return inconclusive(f"识别把握低（平均概率 {probability:.2f}，要求 {params.min_probability:.2f}），不能断定没有服务禁语")
    if (reason := accusations.unjudged(call, Span(0, call.audio.duration_ms))) is not None:
        return inconclusive(f"{reason}，不能断定没有服务禁语")
    return one(Outcome.PASS, f"没有服务禁语（词表 {len(params.words)} 条）", phrases=len(params.words))


# ---------------------------------------------------------------- finding


def heard_in(decode: Decode, edges: Sequence[Edge], params: Params) -> Iterator[Hit]:
    """``hits`` of all utterances of a decode, in order; phrases that cannot be in one are not looked for in it."""
    wanted: dict[int, list[Phrase]] = {}
    limit = _short_or(params.suspect_distance)
    for phrase in decode.index.likely(params.words, limit):
        numbers = {
            number
            for start, end in decode.stretches(phrase.text, limit(phrase))
            for number in range(decode.piece_of(start), decode.piece_of(end - 1) + 1)
        }
        for number in numbers:
            wanted.setdefault(number, []).append(phrase)
    for number, phrases in sorted(wanted.items()):
        fewer = dataclasses.replace(params, words=WordList(params.words.path, tuple(phrases)))
        yield from hits(decode.pieces[number], edges, fewer)


@functools.cache
def _short_or(distance: float) -> Callable[[Phrase], float]:
    """How near a phrase must sound to be looked at: ``distance``, but short ones must have the very syllables."""
    return lambda phrase: distance if len(wanted_sounds(phrase.text)[0]) > 2 else 0.0


def hits(heard: Spoken, edges: Sequence[Edge], params: Params) -> tuple[Hit, ...]:
    """Proven and suspected phrases in one utterance, in order, one a place: proven before suspected, then the longest."""
    found = [hit for phrase in params.words.phrases for hit in _of_phrase(phrase, heard, edges, params)]
    kept: list[Hit] = []
    for hit in sorted(found, key=lambda h: (h.doubt is not None, -len(h.phrase.text), h.match.distance, h.match.start)):
        if all(hit.match.end <= other.match.start or other.match.end <= hit.match.start for other in kept):
            kept.append(hit)
    return tuple(sorted(kept, key=lambda h: h.match.start))


def _of_phrase(phrase: Phrase, heard: Spoken, edges: Sequence[Edge], params: Params) -> Iterator[Hit]:
    length = len(wanted_sounds(phrase.text)[0])
    matches = find(phrase.text, heard, _short_or(params.suspect_distance)(phrase))
    if not matches:
        return
    excused = [m for exception in phrase.exceptions for m in _places(exception, heard, params) if not _parted(m, heard)]
    for match in matches:
        if any(e.start <= match.start and match.end <= e.end for e in excused):
            continue
        judge = _by_text if match.exact else _by_sound
        verdict = judge(phrase, match, heard, length, params)
        if verdict is not None:
            yield Hit(phrase, match, heard, verdict or _weakness(phrase, match, heard, edges, params))


def _places(exception: str, heard: Spoken, params: Params) -> Sequence[Match]:
    """Where an exception is heard; one with * by text alone."""
    if WILDCARD not in exception:
        return find(exception, heard, params.hit_distance)
    pieces = (re.escape(wanted_sounds(piece)[0]) for piece in exception.split(WILDCARD))
    pattern = f".{{0,{WILDCARD_LENGTH}}}?".join(pieces)
    return [Match(m.start(), m.end(), 0.0, exact=True) for m in re.finditer(pattern, heard.text)]


def _whole_words(phrase: Phrase, match: Match, heard: Spoken, length: int, params: Params) -> bool:
    allowed = params.max_boundary_cost * (0.5 if length <= 2 else 1.0)
    return boundary_cost(phrase.text, match, heard) <= allowed


def _by_text(phrase: Phrase, match: Match, heard: Spoken, length: int, params: Params) -> str | None:
    """ "" if nothing speaks against a hit by text, a doubt, or None if it is none at all."""
    if length > 3 or _whole_words(phrase, match, heard, length, params):
        return ""
    return None if length <= 2 else "可能是别的词语的一部分"


def _by_sound(phrase: Phrase, match: Match, heard: Spoken, length: int, params: Params) -> str | None:
    """The same for a hit by sound: it must make more sense than what was written."""
    if length == 1 or not _whole_words(phrase, match, heard, length, params):
        return None
    better = gain(phrase.text, match, heard)
    probable = heard.probability(match.start, match.end) >= params.min_probability
    if match.distance <= params.hit_distance and better >= params.min_gain:
        if length == 2 and not same_tones(phrase.text, match, heard):
            return "只有两个字，声调不同"
        return ""
    if length > 3 and match.distance == 0 and better > -params.min_gain - 1:
        return "读音完全相同，写法不同"
    if better >= 2 * params.min_gain or (better > 0 and not probable):
        return f"读音相近（距离 {match.distance:.2f}）"
    return None


def _parted(match: Match, heard: Spoken) -> bool:
    return any(match.start < place < match.end for place in heard.breaks)


def _weakness(phrase: Phrase, match: Match, heard: Spoken, edges: Sequence[Edge], params: Params) -> str | None:
    """What speaks against a hit whose words fit."""
    spans = heard.spans[match.start : match.end]
    if _parted(match, heard) or any(b.start_ms - a.end_ms > params.max_pause_ms for a, b in itertools.pairwise(spans)):
        return "中间有停顿或标点"
    probability = heard.probability(match.start, match.end)
    wanted = max(params.min_probability, _ONE_SYLLABLE_PROBABILITY if len(spans) == 1 else 0.0)
    if probability < wanted:
        return f"识别把握低（概率 {probability:.2f}，要求 {wanted:.2f}）"
    if any(not _confirmed(phrase, edge, heard.span(match.start, match.end), params) for edge in edges):
        return "第二次识别没有听到"
    return None


def _confirmed(phrase: Phrase, edge: Edge, span: Span, params: Params) -> bool:
    """False if the second decode covers the place and lacks the phrase."""
    if edge.span.start_ms > span.start_ms or edge.span.end_ms < span.end_ms:
        return True
    start_ms, end_ms = span.start_ms - _EDGE_SLACK_MS, span.end_ms + _EDGE_SLACK_MS
    near = spoken(w for w in edge.words if w.span.end_ms > start_ms and w.span.start_ms < end_ms)
    return bool(find(phrase.text, near, params.suspect_distance))


def _talk(line: str, **more: object) -> Scene:
    script = f"坐席 0.5-3.5 您好，华宁通信，为您服务。\n客户 4-6 我的网断了。\n坐席 20-22 {line}\n坐席 40-42 感谢您的来电，再见。"
    return Scene(script, **more)  # type: ignore[arg-type]


_OF = (("phrase", "不知道"),)

EXAMPLES = (
    Example("polite", _talk("好的，我马上帮您查一下。"), Outcome.PASS),
    Example("a word that holds the phrase", _talk("那是滚动公告，您看一下。"), Outcome.PASS),
    Example("an exception of the list", _talk("您知不知道宽带的账号？"), Outcome.PASS),
    Example("asking the customer", _talk("不知道您明天方便吗？"), Outcome.PASS),
    Example("other words of the same sound", _talk("不会让您白吃这一顿。"), Outcome.PASS),
    Example("said by the customer", Scene("坐席 1-3 您好，请讲。\n客户 4-6 你烦不烦，有完没完！\n坐席 7-9 非常抱歉。"), Outcome.PASS),
    Example("by text", _talk("这个我不知道。"), Outcome.FAIL, (21000, 22000), (*_OF, ("distance", 0.0))),
    Example("by sound, as a recogniser writes it", _talk("这个我不之道。"), Outcome.FAIL, (21000, 22000), (*_OF, ("heard", "不之道"))),
    Example("the very sounds, other sensible words", _talk("师傅几时到我拿知道啊。"), Outcome.INCONCLUSIVE),
    Example("another sound in it", _talk("这事跟我没端系。"), Outcome.INCONCLUSIVE),
    Example("the longest phrase of a place", _talk("那是你自己的事"), Outcome.FAIL, (20000, 22000), (("phrase", "那是你自己的事"),)),
    Example("badly heard", _talk("@0.4 这个我不知道。"), Outcome.INCONCLUSIVE, (21000, 22000)),
    Example("parted by punctuation", _talk("不，知道了。"), Outcome.INCONCLUSIVE),
    Example(
        "the second decode does not hear it",
        Scene("坐席 1-3 这个我不知道。\n客户 4-6 什么？", opening="坐席 1-3 这个我帮您查。"),
        Outcome.INCONCLUSIVE,
        (2000, 3000),
    ),
    Example("much of it not transcribed", Scene("坐席 1-4 您好，请讲。\n坐席 5-9"), Outcome.INCONCLUSIVE),
    Example("mono, nobody knows who speaks", Scene("坐席 1-3 这个我不知道。", mono=True), Outcome.INCONCLUSIVE),
)
