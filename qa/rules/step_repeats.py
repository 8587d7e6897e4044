"""Whether the agent repeats what the customer answered to a step of a script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from qa import any_voice
from qa.callfacts import inconclusive, mean_probability, one
from qa.rules import answers
from qa.rules.conditions import Situation
from qa.rules.model import Who
from qa.rules.step_answers import Answer, window
from qa.rules.step_picks import Picks
from qa.rules.steps import DIGITS, TEXT, Step
from qa.text import normalise
from qa.types import Evidence, Finding, Outcome, Role, Span, Word

_SURE_PROBABILITY = 0.7
"""An answer heard worse than this (mean word probability) proves no fault of the one who repeats it."""
_IN_PART = 0.9  # what some digits in a row are worth: not all of them


def repeats(here: Situation, steps: Sequence[Step], picks: Picks, given: Mapping[str, Answer]) -> Iterator[Finding]:
    """A finding for each answer that was to be repeated and was not, or of which nobody knows."""
    certain = tuple(pick if pick is not None and pick.doubt is None else None for pick in picks)
    for number, (step, pick) in enumerate(zip(steps, picks, strict=True)):
        said = given.get(step.id)
        if not step.read_back or pick is None or said is None or not said.words:
            continue
        finding = _repeated(here, step, said, _place(said, window(here.hearing, picks, number, pick)))
        if finding is not None and finding.outcome is Outcome.FAIL:
            later = _repeated(here, step, said, _place(said, window(here.hearing, certain, number, pick)))
            if pick.doubt is not None or later is None or later.outcome is not Outcome.FAIL:
                finding = inconclusive(f"{finding.message}；但步骤的位置未能确认，需人工复核", *finding.evidence)
        yield from [finding] if finding is not None else []


def _place(said: Answer, whole: Span) -> Span:
    return Span(min(said.words[0].span.start_ms, whole.end_ms), whole.end_ms)


def _repeated(here: Situation, step: Step, said: Answer, place: Span) -> Finding | None:
    """None if the agent repeated the answer."""
    words = tuple(w for voice in here.hearing.voices(Who.AGENT) for w in voice.transcript.within(place))
    shown = Evidence(place, Role.AGENT, "".join(w.text for w in words))
    asked = Evidence(Span(said.words[0].span.start_ms, said.words[-1].span.end_ms), Role.CUSTOMER, said.value or "")
    if said.value is None:
        return inconclusive(f"“{step.title}”的回答没有听清，不能判断有没有跟读", asked)
    by_digits = step.answer == DIGITS
    share = answers.repeats_digits(said.value, words) if by_digits else answers.repeats_words(_text(step, said), words)
    if share == 1.0 or (not by_digits and share >= 0.5):
        return None
    message = f"没有跟读“{step.title}”的回答“{said.value}”"
    sure = mean_probability(said.words) >= _SURE_PROBABILITY
    why = here.hearing.unsure(Who.AGENT, place, accuse=True) if sure else "回答的识别把握低"
    in_part = share >= answers.SAME_DIGITS or answers.repeats_some_digits(said.value, words) if by_digits else share > 0
    if why is None and _said_again(here, step, said, place):
        why = any_voice.BY_VOICE
    if in_part:
        why = "跟读的内容与识别到的回答只有一部分相同"
    if why is not None:
        return inconclusive(f"未能确认跟读“{step.title}”的回答“{said.value}”：{why}，需人工复核", shown, asked)
    return one(Outcome.FAIL, message, shown)


def _said_again(here: Situation, step: Step, said: Answer, place: Span) -> bool:
    """Whether some voice, where voices had to be told apart, said even a part of the answer after it was said once."""
    anybody, text, wanted_digits = here.hearing.anybody, _text(step, said), step.answer == DIGITS
    if anybody is None or said.value is None:
        return False
    half = said.value[: len(said.value) // 2]
    twice = normalise("".join(w.text for w in said.words))
    if half * 2 == said.value if wanted_digits else any(twice.count(word) > 1 for word in answers.main_words(text)):
        return True

    def part(words: Sequence[Word]) -> float:
        if wanted_digits:
            return max(answers.repeats_digits(said.value or "", words), _IN_PART * answers.repeats_some_digits(said.value or "", words))
        return answers.repeats_words(text, words)

    once = next((n for n in range(1, len(said.words)) if part(said.words[:n]) == 1.0), len(said.words))
    rest = Span(said.words[once - 1].span.end_ms, max(said.words[once - 1].span.end_ms, any_voice.near(place).end_ms))
    return any(part(decode.within(rest)) > 0.5 for decode in anybody.decodes)


def _text(step: Step, said: Answer) -> str:
    return said.value if step.answer == TEXT and said.value else normalise("".join(w.text for w in said.words))
