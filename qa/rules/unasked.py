"""What a customer told without being asked: nobody need ask for it again, and nobody can be certain that it was all that was wanted.

Looked at is what the customer said before the question was due, apart from what answers the other questions of the script.  A number of
some length answers a question for digits, a choice by its own words one between choices; what answers a question for a name or a place
is known by how people give it, what answers another open question by its words, or by the agent's repeating it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qa.callfacts import mean_probability
from qa.rules import answers
from qa.rules.hearing import Hearing
from qa.rules.model import Who
from qa.rules.spoken_numbers import SOME_DIGITS
from qa.rules.step_answers import Answer
from qa.rules.steps import DIGITS, TEXT, Step
from qa.text import normalise
from qa.types import Span, Word

Words = tuple[Word, ...]

SURE_PROBABILITY = 0.7
"""Mean word probability (0-1) below which a number that was repeated may still have been another one."""
SURE_DIGITS = 7
"""A number so long (a telephone number) is not said by chance."""

_AMOUNT = re.compile("[零一二两三四五六七八九十百](?:分(?!钟)|颗?星|块|元|度|吨|立?方)")
_KINDS = tuple(
    (re.compile(asked), re.compile(told))
    for asked, told in (
        ("姓|名|称呼|(?:您|你)叫", "姓|名字|(?:我|户主|本人)(?:叫|就?是)|免贵|叫[^我你您他她]{2,3}$"),
        (
            "址|住|小区|位置|几号楼|哪里|什么地方",
            "地址|我?家?[住在](?!线|吗|不在)|小区|家园|花园|[零一幺二两三四五六七八九十百](?:号楼|栋|幢|单元|楼|室|弄|号院?)|[路街巷镇村]",
        ),
    )
)
"""What people ask for, and how it is given: a name, a place."""
_POLITE = frozenset(("请问", "具体", "详细", "哪里", "哪儿", "哪个", "如何", "多少", "方便", "需要", "您家", "是否", "有没有", "麻烦您"))
_PUNCTUATION = "，。？！；：、,.?!;:"


@dataclass(frozen=True)
class Told:
    """``words`` may answer a question that was not asked; ``certain``: the agent repeated them, and they can be nothing else."""

    value: str
    words: Words
    certain: bool = False

    @property
    def span(self) -> Span:
        return Span(self.words[0].span.start_ms, self.words[-1].span.end_ms)


def unasked(hearing: Hearing, steps: Sequence[Step], missing: int, given: Mapping[str, Answer], until_ms: int) -> Told | None:
    """What the customer said before ``until_ms`` that may answer the step ``missing``, which was not asked; None for nothing.

    ``given`` are the answers to all steps that ask, by id (those that were not asked have none).
    """
    step = steps[missing]
    said = [words for words in _utterances(hearing, until_ms) if words]
    if step.answer == DIGITS:
        alone = sum(other.answer == DIGITS and not given[other.id].words for other in steps) == 1
        return _number(hearing, said, {answer.value for answer in given.values()}, alone)
    taken = {clause for answer in given.values() for clause in list(_clauses(answer.words))[:1]}
    left = [clause for words in said for clause in _clauses(words) if clause not in taken]
    return next((Told(text, clause) for clause in left if (text := _fitting(hearing, step, clause)) is not None), None)


def _utterances(hearing: Hearing, until_ms: int) -> Iterator[Words]:
    for voice in hearing.voices(Who.CUSTOMER):
        for utterance in voice.utterances:
            yield tuple(word for word in utterance.words if word.span.start_ms < until_ms)


def _clauses(words: Iterable[Word]) -> Iterator[Words]:
    clause: list[Word] = []
    for word in words:
        clause.append(word)
        if word.text[-1:] in _PUNCTUATION:
            yield tuple(clause)
            clause = []
    if clause:
        yield tuple(clause)


def _number(hearing: Hearing, said: Iterable[Words], taken: set[str | None], alone: bool) -> Told | None:
    """A number that answers no other question; certain if the agent repeated all of it and no other question asks for one (``alone``)."""
    for words in said:
        value = answers.digits(words)
        if value is None or value in taken:
            continue
        amount = _AMOUNT.search(normalise("".join(word.text for word in words))) is not None
        if len(value) >= SOME_DIGITS or amount:
            repeated = answers.repeats_digits(value, _agent_after(hearing, words)) == 1.0
            sure = len(value) >= SURE_DIGITS and mean_probability(words) >= SURE_PROBABILITY
            return Told(value, words, alone and sure and repeated)
    return None


def _agent_after(hearing: Hearing, words: Words) -> Words:
    begin = words[-1].span.start_ms
    return tuple(w for voice in hearing.voices(Who.AGENT) for w in voice.transcript.words if w.span.start_ms >= begin)


def _fitting(hearing: Hearing, step: Step, clause: Words) -> str | None:
    """The clause as an answer to the step, None if it is hardly one."""
    text = answers.plain(clause)
    if text is None or answers.says_nothing(clause):
        return None
    said, asked = normalise("".join(word.text for word in clause)), normalise("".join((step.title, *step.say.wordings)))
    if isinstance(step.answer, tuple) and any(len(c) > 1 and normalise(c) in said for c in step.answer):
        return answers.choice(clause, step.answer) or text
    kinds = [told for question, told in _KINDS if question.search(asked)] if step.answer == TEXT else []
    if kinds:
        return text if any(told.search(said) for told in kinds) else None
    if any(word in said for word in _subject(step)):
        return text
    repeated = step.answer == TEXT and len(text) > 1 and answers.repeats_words(text, _agent_after(hearing, clause)) >= 0.5
    return text if repeated else None


def _subject(step: Step) -> set[str]:
    """The words that a question is about."""
    parts = (part for wording in step.say.wordings for part in re.split(r"[^\w]+", wording) if part)
    return {word for part in parts for word in answers.main_words(part) if len(word) > 1} - _POLITE
