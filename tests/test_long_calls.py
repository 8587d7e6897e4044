"""Calls of several hours: found is what each compared with each would find, and the work grows with the call, not with its square."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from clip_calls import spoken

from qa.callfacts import heard_activity
from qa.clips.redaction import redact
from qa.timeline import timeline
from qa.types import Call, Role, Span, SpeechActivity

_DIGITS = "零一二三四五六七八九"


def _some(chance: random.Random, count: int, longest: int = 400) -> list[Span]:
    starts = [chance.randrange(4000) for _ in range(count)]
    return [Span(start, start + chance.randrange(longest)) for start in starts]


@pytest.mark.parametrize("seed", range(20))
def test_a_timeline_gives_what_lies_at_a_place_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    spans = [*_some(chance, 60), *_some(chance, 3, 3000)]
    known = timeline(spans)
    for place in _some(chance, 50):
        there = sorted(s for s in spans if s.start_ms <= place.end_ms and s.end_ms >= place.start_ms)
        assert list(known.at(place.start_ms, place.end_ms)) == there


@pytest.mark.parametrize("seed", range(20))
def test_speech_is_heard_where_an_utterance_covers_it(seed: int) -> None:
    """Millisecond by millisecond: 400 ms around what is transcribed, joined over pauses of twice as much, within one stretch of speech."""
    chance = random.Random(seed)
    call = spoken(*("A:好的请稍等" for _ in range(6)), "C:嗯")
    at, speech = 0, []
    while at < call.audio.duration_ms:
        at += chance.randrange(1, 900)
        speech.append(Span(at, at + chance.randrange(1, 2500)))
        at = speech[-1].end_ms + 1
    call = replace(call, activity=SpeechActivity((tuple(speech), ()), "made"))
    found = heard_activity(call)
    said = [u.span for u in call.utterances(Role.AGENT)]  # 500 ms apart: joined to one
    first, last = said[0].start_ms, said[-1].end_ms
    for span in speech:
        covered = span.overlap_ms(Span(first, last)) > 0
        for ms in range(span.start_ms, span.end_ms, 7):
            heard = covered and first - 400 <= ms < last + 400
            assert heard == any(s.start_ms <= ms < s.end_ms for s in found.heard), (span, ms)
            assert heard != any(s.start_ms <= ms < s.end_ms for s in found.unheard), (span, ms)


def _talk(count: int) -> Call:
    """Every second line says a number; names, houses and questions between."""
    chance = random.Random(count)
    others = ("C:我想问一件事宽带上不去", "A:请问您贵姓", "A:请问您的地址是哪里", "A:您家住南京路二百号三栋五零二室", "C:我姓王叫王小芳")
    lines = (
        "C:我的手机号码是" + "".join(chance.choices(_DIGITS, k=11)) if k % 2 else chance.choice(others)
        for k in range(count)
    )  # fmt: skip
    return spoken(*lines)


def _work(run: Callable[[], object]) -> int:
    """How many functions are called and generators gone on with."""
    count = itertools.count()
    sys.setprofile(lambda frame, event, arg: next(count) if event in ("call", "c_call") else None)
    try:
        run()
    finally:
        sys.setprofile(None)
    return next(count)


@pytest.mark.parametrize("look", [redact, lambda call: heard_activity(call, Role.CUSTOMER)], ids=["redact", "heard_activity"])
def test_the_work_grows_with_the_call_and_not_with_its_square(look: Callable[[Call], object]) -> None:
    short, middle, long = (_talk(lines) for lines in (20, 200, 800))
    look(short)  # what is looked up once
    assert _work(lambda: look(long)) < 5 * _work(lambda: look(middle))
