"""Where in a call the thing is found that a condition looks for: wordings, phrases of lists, regular expressions, events.

Two different proofs are asked for.  What speaks *for* the agent is believed when it sounds near enough.  What speaks *against* the agent
must be certain: the very words (or their sounds where that makes more sense than what was written), heard well, and not gainsaid by the
second decode.  A hit carries both judgements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, pairwise

from qa import omission
from qa.callfacts import hour_of
from qa.checks import banned_phrases
from qa.lexicon import WordList
from qa.patterns import Candidate, Held, Pattern, candidates, fill, parse
from qa.phonetic import Match, Spoken, gain, wanted_sounds
from qa.rules import homophones
from qa.rules.bounded_regex import OVERRUN, Search, search_of
from qa.rules.events import ERROR_MS, EVENTS, Happened
from qa.rules.hearing import ROLES, Decode, Hearing, Voice, drowned
from qa.rules.model import Condition, Event, Regex, Say, Who, Words
from qa.rules.regex_in_words import regex_text
from qa.rules.sound_regex import readable, sound_alike
from qa.types import Call, Role, Span

Slots = tuple[tuple[str, tuple[str, ...]], ...]

REACH_MS = 10_000
"""The parts of one wording follow each other within this time; whatever is said between them does not matter."""
MAX_PAUSE_MS = 2000
"""A longer pause inside a part tears it apart."""
SLACK_MS = 1500
"""The two decodes may place a word this far apart."""

SURE_DISTANCE = 0.06
SURE_PROBABILITY = 0.6
SURE_GAIN = 2.3
"""What must hold of words that speak against somebody: as for a banned phrase (``qa.checks.banned_phrases``)."""
_SURE_LENGTH = 4  # so many right syllables are no chance


@dataclass(frozen=True)
class Hit:
    """A place where the thing was found.

    ``text`` is what was heard there ("" for an event), ``wanted`` what was looked for.  ``doubt`` says why it is not certain, None if it
    is; ``against`` says why it cannot be held against anybody, None if it can.  ``variant`` numbers the wordings of a condition.
    ``title`` is the condition's where ``wanted`` says nothing to people (a regular expression, an event, a measure).
    ``distance`` per syllable (0-1), ``probability`` the mean of the words, None for what has no words.  ``far``: no hit at all, but so
    near to one that it may be one (only where such were asked for).
    """

    span: Span
    role: Role
    text: str
    wanted: str
    doubt: str | None = None
    against: str | None = None
    distance: float = 0.0
    probability: float | None = None
    variant: int = 0
    title: str = ""
    far: bool = False

    @property
    def shown(self) -> str:
        """What was looked for, for people."""
        return self.title or self.wanted

    @property
    def exact(self) -> bool:
        return self.distance == 0.0


def look(condition: Condition, hearing: Hearing, slots: Slots, ends: bool, far: bool) -> tuple[Hit, ...]:
    """All places in the call, in order; ``where`` and the relation are not looked at.

    ``ends``: also what only the second decodes of the ends have.  ``far``: also what sounds near the wording but not near enough.
    """
    return _kept(condition, hearing, slots, ends, far, None)


def look_in(voice: Voice, condition: Condition, hearing: Hearing, slots: Slots, far: bool) -> tuple[Hit, ...]:
    """The same in the words of one voice of the hearing, and in its second decodes."""
    return _kept(condition, hearing, slots, True, far, voice)


def _kept(condition: Condition, hearing: Hearing, slots: Slots, ends: bool, far: bool, voice: Voice | None) -> tuple[Hit, ...]:
    """Looked for once a call; ``voice``: whose words are searched, None: those of the speaker that the condition is about."""
    key = ("look", id(condition), id(slots), ends, far, id(voice))
    kept = hearing.kept.get(key)
    if kept is None:
        voices = hearing.voices(condition.who) if voice is None else (voice,)
        found = sorted(_found(condition, hearing, voices, slots, ends, far), key=lambda hit: hit.span)
        if title := _title(condition):
            found = [replace(hit, title=title) for hit in found]
        kept = hearing.kept[key] = (tuple(found), condition, slots)  # the objects too: an id must not be used again
    hits: tuple[Hit, ...] = kept[0]
    return hits


def _title(condition: Condition) -> str:
    """What people read in place of what was looked for, where that says nothing to them: "" for wordings and phrases of lists."""
    if isinstance(condition.source, Regex):
        return condition.title or like(condition.source)
    return condition.title if isinstance(condition.source, Event) else ""


def like(regex: Regex) -> str:
    """What an expression looks for, for people."""
    return f"合乎{regex_text(regex.pattern)}的话"


def _found(condition: Condition, hearing: Hearing, voices: Iterable[Voice], slots: Slots, ends: bool, far: bool) -> Iterator[Hit]:
    source = condition.source
    if isinstance(source, Event):
        yield from _events(source, hearing, ROLES[condition.who])
    for voice in voices:
        search: Callable[[Decode], Iterable[Hit]]
        if isinstance(source, Say):
            search = partial(_said, source, _filled(source, hearing.call, slots), voice=voice, far=far)
        elif isinstance(source, Words):
            search = partial(_of_lists, source.words, voice=voice)
        elif isinstance(source, Regex):
            search = partial(_matched, source, voice=voice, hearing=hearing, ends=ends, far=far)
        else:
            continue
        noise = drowned(hearing.call, voice.channel)
        for hit in _with_ends(voice, ends, search):
            against = hit.against or noise or (None if condition.who is Who.ANYONE else voice.another(hit.span))
            yield replace(hit, doubt=hit.doubt or noise, against=against)


def _with_ends(voice: Voice, ends: bool, search: Callable[[Decode], Iterable[Hit]]) -> Iterator[Hit]:
    """What the transcript has, and, if asked for, what only a second decode has."""
    first = list(search(voice.transcript))
    yield from first
    for decode in voice.second if ends else ():
        for hit in search(decode):
            if not any(hit.variant == h.variant and abs(hit.span.start_ms - h.span.start_ms) <= SLACK_MS for h in first):
                yield replace(hit, against=hit.against or "只有第二次识别听到")


# ---------------------------------------------------------------- wordings


_parsed: dict[tuple[int, int], tuple[Say, Slots, tuple[Pattern, ...], dict[tuple[str | None, int | None], tuple[Pattern, ...]]]] = {}
_MOST_PARSED = 10_000


def _filled(say: Say, call: Call, slots: Slots) -> tuple[Pattern, ...]:
    """The patterns of this call; parsed once, filled once for each agent and hour."""
    key = (id(say), id(slots))
    if key not in _parsed:
        if len(_parsed) > _MOST_PARSED:
            _parsed.clear()
        names = [name for name, _ in slots]
        _parsed[key] = (say, slots, tuple(parse(text, names) for text in (*say.wordings, *say.permitted)), {})
    _, _, parsed, filled = _parsed[key]
    agent_id = call.record.agent_id if call.record and any("{agent_number}" in p.source for p in parsed) else None
    hour = hour_of(call) if any("{hour_greeting}" in p.source for p in parsed) else None
    if (agent_id, hour) not in filled:
        filled[agent_id, hour] = tuple(fill(pattern, dict(slots), agent_id, hour) for pattern in parsed)
    return filled[agent_id, hour]


def labels(say: Say, call: Call, slots: Slots) -> tuple[str, ...]:
    """What is to be said, as shown to people; permitted wordings are not named."""
    return tuple("，".join(part.label for part in pattern.parts) for pattern in _filled(say, call, slots)[: len(say.wordings)])


def _said(say: Say, filled: Sequence[Pattern], decode: Decode, voice: Voice, far: bool) -> list[Hit]:
    found = [
        hit
        for variant, pattern in enumerate(filled)
        for chain in _chains(pattern, decode, say.near, say.far if far else say.near)
        if (hit := _as_hit(chain, variant, pattern, say, decode, voice, far)) is not None
    ]
    return found if say.at_least > 1 else _apart(found)


def _as_hit(chain: Sequence[Candidate], variant: int, pattern: Pattern, say: Say, decode: Decode, voice: Voice, far: bool) -> Hit | None:
    worst = min(candidate.held for candidate in chain)
    if worst is not Held.PRESENT and not far:
        return None
    heard = decode.heard
    begin, end = chain[0].match.start, max(candidate.match.end for candidate in chain)
    distance = max(candidate.match.distance for candidate in chain)
    span = heard.span(begin, end)
    doubt = None if worst is Held.PRESENT else "听到的内容相近而不一致"
    against = doubt or _uncertain(chain, decode) or _gainsaid(pattern, span, decode, voice, say)
    label = "，".join(part.label for part in pattern.parts)
    text = "，".join(heard.text[c.match.start : c.match.end] for c in chain)
    return Hit(span, voice.role, text, label, doubt, against, distance, heard.probability(begin, end), variant, far=doubt is not None)


def _chains(pattern: Pattern, decode: Decode, near: float, far: float) -> list[tuple[Candidate, ...]]:
    """Ways to hear the parts of a pattern one after the other, apart from each other, the surest first."""
    chains: list[tuple[float, tuple[Candidate, ...]]] = []
    for number, part in enumerate(pattern.parts):
        options = [c for c in candidates(part, decode.heard, decode.search, near, far) if not _torn(c.match, decode.heard)]
        if number == 0:
            chains = [(_cost(option), (option,)) for option in options]
        else:
            chains = [longer for option in options if (longer := _continued(chains, option, decode.heard)) is not None]
        if not chains:
            return []
    kept: list[tuple[Candidate, ...]] = []
    for _, chain in sorted(chains, key=lambda item: (item[0], item[1][0].match.start)):
        begin, end = chain[0].match.start, chain[-1].match.end
        if all(end <= other[0].match.start or other[-1].match.end <= begin for other in kept):
            kept.append(chain)
    return kept


def _continued(
    chains: Sequence[tuple[float, tuple[Candidate, ...]]], option: Candidate, heard: Spoken
) -> tuple[float, tuple[Candidate, ...]] | None:
    """The surest chain that ``option`` can follow, with it; the nearest one of those that are equally sure."""
    start_ms = heard.spans[option.match.start].start_ms
    fitting = [
        (cost, -chain[-1].match.end, chain)
        for cost, chain in chains
        if chain[-1].match.end <= option.match.start and start_ms - heard.spans[chain[-1].match.end - 1].end_ms <= REACH_MS
    ]
    if not fitting:
        return None
    cost, _, chain = min(fitting, key=lambda item: item[:2])
    return cost + _cost(option), (*chain, option)


def _cost(candidate: Candidate) -> float:
    return candidate.match.distance + (0.0 if candidate.held is Held.PRESENT else 10.0)


def _torn(match: Match, heard: Spoken) -> bool:
    return any(b.start_ms - a.end_ms > MAX_PAUSE_MS for a, b in pairwise(heard.spans[match.start : match.end]))


def _apart(hits: Sequence[Hit]) -> list[Hit]:
    """One hit a place: the surest, then the longest."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.doubt is not None, h.against is not None, -len(h.text), h.distance)):
        if all(hit.span.end_ms <= other.span.start_ms or other.span.end_ms <= hit.span.start_ms for other in kept):
            kept.append(hit)
    return kept


def _uncertain(chain: Sequence[Candidate], decode: Decode) -> str | None:
    """What speaks against a wording that sounds near enough."""
    for _, match, wording in chain:
        if match.distance > SURE_DISTANCE:
            return f"读音相近而不相同（距离 {match.distance:.2f}）"
        length = match.end - match.start
        if not match.exact and length < _SURE_LENGTH and _better(wording, match, decode) < SURE_GAIN:
            return "同音的字也讲得通"
        if decode.heard.probability(match.start, match.end) < SURE_PROBABILITY:
            return _unlikely(decode.heard.probability(match.start, match.end))
    return None


def _better(wording: str, match: Match, decode: Decode) -> float:
    """How much likelier the utterance becomes with the wording in it (``qa.phonetic.gain``); 0 for one over two utterances."""
    number = decode.piece_of(match.start)
    begin, end = decode.bounds[number]
    target = wanted_sounds(wording)[0]
    if match.end > end or len(target) != match.end - match.start:
        return 0.0
    return gain(target, Match(match.start - begin, match.end - begin, match.distance, match.exact), decode.pieces[number])


def _gainsaid(pattern: Pattern, span: Span, decode: Decode, voice: Voice, say: Say) -> str | None:
    """A second decode that covers the place without anything like the wording."""
    for other in voice.second if not decode.which else ():
        if _covers(other.span, span):
            chains = (other.heard.span(c[0].match.start, c[-1].match.end) for c in _chains(pattern, other, say.near, say.far))
            if not any(abs(s.start_ms - span.start_ms) <= SLACK_MS for s in chains):
                return "第二次识别没有听到"
    return None


def _covers(whole: Span, part: Span) -> bool:
    return whole.start_ms <= part.start_ms and part.end_ms <= whole.end_ms


# ---------------------------------------------------------------- lists and expressions


def _of_lists(words: WordList, decode: Decode, voice: Voice) -> Iterator[Hit]:
    """As strict as the check of banned phrases."""
    params = banned_phrases.Params(words=words)
    for hit in banned_phrases.heard_in(decode, () if decode.which else voice.edges, params):
        match = hit.match
        probability = hit.heard.probability(match.start, match.end)
        yield Hit(hit.span, voice.role, hit.text, hit.phrase.text, hit.doubt, hit.doubt, match.distance, probability)


def _matched(regex: Regex, decode: Decode, voice: Voice, hearing: Hearing, ends: bool, far: bool) -> Iterator[Hit]:
    """Matches within a turn, in order, as far as the time for the expression lasts, and with ``ends`` those that the recogniser may have
    written in other characters of the same sounds; ``far``: also what sounds like one."""
    turns = _turns(decode, hearing)
    same = tuple(homophones.places(regex, decode, turns, search_of(regex, hearing.kept))) if ends else ()
    for begin, end in same:
        span, doubt = decode.heard.span(begin, end), "读音与要找的话相同，字不同"
        text, probability = decode.heard.text[begin:end], decode.heard.probability(begin, end)
        yield Hit(span, voice.role, text, regex.pattern, doubt, doubt, 0.0, probability)
    taken = [decode.heard.span(begin, end) for begin, end in same]
    found = _written(regex, decode, voice, hearing, far)
    yield from (hit for hit in found if not (hit.far and any(hit.span.overlap_ms(span) for span in taken)))


def _written(regex: Regex, decode: Decode, voice: Voice, hearing: Hearing, far: bool) -> Iterator[Hit]:
    heard, search = decode.heard, search_of(regex, hearing.kept)
    near = sound_alike(regex.pattern, heard) if far else None
    for first, last in _turns(decode, hearing):
        text = heard.text[first:last]
        places = search.places(regex.pattern, text) or ()
        doubtful = search.places(near.pattern, near.text[first:last]) if near is not None else ()
        alike = [(a, b) for a, b in doubtful or () if all(b <= begin or end <= a for begin, end in places)]
        excused = [search.places(unless, text) for unless in regex.unless] if places or alike else []
        for begin, end in (*places, *alike):
            if begin == end or any(a <= begin and end <= b for found in excused for a, b in found or ()):
                continue
            span, probability = heard.span(begin + first, end + first), heard.probability(begin + first, end + first)
            doubt = OVERRUN if None in excused else None if (begin, end) in places else "读音与要找的话相近，字不同"
            against = doubt or (None if probability >= SURE_PROBABILITY else _unlikely(probability))
            against = against or _unheard_again(regex, span, voice, decode, search)
            yield Hit(span, voice.role, text[begin:end], regex.pattern, doubt, against, 0.0, probability, far=(begin, end) not in places)


def _unheard_again(regex: Regex, span: Span, voice: Voice, decode: Decode, search: Search) -> str | None:
    """Why a second decode that covers the place does not bear a match out, None if none speaks against it."""
    for other in voice.second if not decode.which else ():
        if _covers(other.span, span):
            places = search.places(regex.pattern, _near_text(other, span))
            if not places:
                return OVERRUN if places is None else "第二次识别没有听到"
    return None


def overran(regex: Regex, hearing: Hearing) -> str | None:
    """Why something like ``regex`` may have been said that was not found (Chinese): its time in this call was up; None if it was not."""
    return OVERRUN if search_of(regex, hearing.kept).overran else None


def deaf(regex: Regex) -> str | None:
    """Why nobody can say that something like ``regex`` was not said (Chinese), None if that can be known."""
    return None if readable(regex.pattern) else "这个表达式只能按字面查找，转写成同音字的听不出来"


def _unlikely(probability: float) -> str:
    return f"识别把握低（概率 {probability:.2f}，要求 {SURE_PROBABILITY:.2f}）"


def _turns(decode: Decode, hearing: Hearing) -> tuple[tuple[int, int], ...]:
    """Character ranges of the turns, found once a decode; of all voices in one of what was said without a pause."""
    if decode.of_anybody:
        return decode.bounds
    key = ("turns", id(decode))
    if key not in hearing.kept:
        numbers = [hearing.turn_at(span.start_ms) for span in decode.heard.spans]
        groups = (list(group) for _, group in groupby(range(len(numbers)), key=lambda place: numbers[place]))
        hearing.kept[key] = tuple((group[0], group[-1] + 1) for group in groups)
    ranges: tuple[tuple[int, int], ...] = hearing.kept[key]
    return ranges


def _near_text(decode: Decode, span: Span) -> str:
    return omission.text_in(decode.heard, Span(max(0, span.start_ms - SLACK_MS), span.end_ms + SLACK_MS))


# ---------------------------------------------------------------- events


def happened(kind: str, hearing: Hearing, role: Role) -> Happened:
    """All events of a kind, found once a call."""
    key = ("event", kind, role)
    if key not in hearing.kept:
        hearing.kept[key] = EVENTS[kind].find(hearing.call, role)
    found: Happened = hearing.kept[key]
    return found


def _events(event: Event, hearing: Hearing, role: Role) -> Iterator[Hit]:
    kind = EVENTS[event.kind]
    for happening in happened(event.kind, hearing, role).all:
        length_ms = happening.span.duration_ms
        low, high = event.min_s * 1000, float("inf") if event.max_s is None else event.max_s * 1000
        error = 0 if kind.instant else ERROR_MS
        if not low - error <= length_ms <= high + error:
            continue
        close = (event.min_s > 0 and length_ms < low + error) or length_ms > high - error
        doubt = happening.doubt or (f"长 {length_ms / 1000:.1f} 秒，与界限相差不到 {error / 1000:g} 秒" if close else None)
        yield Hit(happening.span, role, "", kind.title, doubt, doubt)
