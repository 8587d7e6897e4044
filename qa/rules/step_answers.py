"""What the customer answered to a step of a script that asks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import dropwhile, groupby

from qa.rules import answers
from qa.rules.events import BACKCHANNELS
from qa.rules.hearing import Hearing
from qa.rules.model import Who
from qa.rules.sources import Hit
from qa.rules.step_picks import SLACK_MS, Picks
from qa.rules.steps import DIGITS, TEXT, Step
from qa.rules.verdicts import CHANCE_MS
from qa.text import normalise
from qa.types import Role, Span, Utterance, Word

ANSWER_MS = 60_000
"""An answer is looked for this long, if the next step does not come before."""

_HUMS = frozenset("嗯啊哦噢呃")


@dataclass(frozen=True)
class Answer:
    """What the customer said to a question: the value for people (None: none, or an open one), with which words (none: silence)."""

    value: str | None
    words: tuple[Word, ...] = ()


def answer(hearing: Hearing, step: Step, mentions: Sequence[Hit], picks: Picks, number: int) -> Answer:
    """The answer to the step ``number``; ``mentions`` are all places where it is asked."""
    pick = picks[number]
    if pick is None:
        return Answer(None)
    words = _words(hearing, Who.CUSTOMER, window(hearing, picks, number, pick))
    if step.answer == DIGITS:
        return Answer(answers.digits(words), words)
    return _first_answer(hearing, step, mentions, _sentence(hearing, pick), _after_hums(hearing, pick, words))


def window(hearing: Hearing, picks: Picks, number: int, pick: Hit) -> Span:
    """From the question to the next step; one that follows in the same breath leaves the customer no room, and is passed over."""
    last, end = pick, hearing.call.audio.duration_ms
    for following in picks[number + 1 :]:
        if following is None:
            continue
        pause = Span(last.span.end_ms, max(last.span.end_ms, following.span.start_ms))
        if pause.duration_ms > CHANCE_MS or _words(hearing, Who.CUSTOMER, pause):
            end = following.span.start_ms
            break
        last = following
    start = max(0, pick.span.end_ms - SLACK_MS)
    return Span(start, max(start, min(end, pick.span.end_ms + ANSWER_MS)))


def _words(hearing: Hearing, who: Who, span: Span) -> tuple[Word, ...]:
    return tuple(w for voice in hearing.voices(who) for w in voice.transcript.within(span))


def _asking(hearing: Hearing, pick: Hit) -> Utterance | None:
    return next((u for u in hearing.call.transcript.utterances if u.span.start_ms < pick.span.end_ms <= u.span.end_ms), None)


def _sentence(hearing: Hearing, pick: Hit) -> str:
    """The question from where it was recognised to the end of its sentence."""
    asking = _asking(hearing, pick)
    if asking is None:
        return pick.text
    text = ""
    for word in asking.words:
        if word.span.start_ms >= pick.span.start_ms:
            text += word.text
            if word.span.end_ms >= pick.span.end_ms and word.text[-1:] in "。？！?!":
                break
    return text


def _after_hums(hearing: Hearing, pick: Hit, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words without the customer's 嗯 while the question is still being asked, if there are others."""
    asking = _asking(hearing, pick)
    end_ms = asking.span.end_ms if asking is not None else 0
    rest = tuple(dropwhile(lambda w: w.span.start_ms < end_ms and set(normalise(w.text)) <= _HUMS, words))
    return rest or words


def _first_answer(hearing: Hearing, step: Step, mentions: Sequence[Hit], asked: str, words: tuple[Word, ...]) -> Answer:
    """The first reply that answers; who asks back (啊？) or says neither is listened to again if the agent asks again."""
    settled = False
    for before, group in groupby(words, key=_agent_before(hearing, words)):
        reply = tuple(group)
        if settled and not _asks_again(before, step, mentions):
            break
        nothing = answers.says_nothing(reply)
        value = answers.plain(reply) if step.answer == TEXT else answers.choice(reply, tuple(step.answer), asked)
        if value is not None and not (nothing and step.answer == TEXT):
            return Answer(value, reply)
        settled = settled or not nothing
    return Answer(None, words)


def _agent_before(hearing: Hearing, words: tuple[Word, ...]) -> Callable[[Word], Utterance | None]:
    """For each word the agent's last utterance, backchannels apart, that began between the first of the words and it; None for none."""
    begin = words[0].span.start_ms if words else 0
    own = (u for u in hearing.call.utterances(Role.AGENT) if u.span.start_ms > begin)
    said = sorted((u for u in own if not set(normalise(u.text)) <= BACKCHANNELS), key=lambda u: u.span)
    starts = [u.span.start_ms for u in said]
    return lambda word: said[number - 1] if (number := bisect_right(starts, word.span.start_ms)) else None


def _asks_again(said: Utterance | None, step: Step, mentions: Sequence[Hit]) -> bool:
    """Whether the agent repeats the question, or names one of the choices."""
    if said is None:
        return False
    choices = [normalise(c) for c in step.answer if len(c) > 1] if isinstance(step.answer, tuple) else []
    return any(hit.span.overlap_ms(said.span) for hit in mentions) or any(c in normalise(said.text) for c in choices)
