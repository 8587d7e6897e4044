"""The index finds exactly what ``qa.phonetic.find`` finds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.phonetic import Spoken, find, spoken, syllables
from qa.soundindex import SoundIndex
from qa.types import Span, Word

# Syllables that are confused, homophones, a heteronym (行), letters: what the classes of sounds must not lose.
CHARACTERS = "您宁好号抱报歉欠请情稍少等灯对不起其谢些投头诉速行长重a3b"


def heard(text: str) -> Spoken:
    return spoken([Word(c, Span(100 * i, 100 * i + 100), 0.9) for i, c in enumerate(text)])


@settings(max_examples=300, deadline=None)
@given(
    st.text(CHARACTERS, min_size=0, max_size=40),
    st.text(CHARACTERS, min_size=1, max_size=9),
    st.sampled_from((0.0, 0.06, 0.15, 0.2, 0.3, 0.45, 0.8)),
)
def test_same_as_plain_search(text: str, wording: str, distance: float) -> None:
    there = heard(text)
    assert SoundIndex(there).find(wording, distance) == find(wording, there, distance)


@pytest.mark.parametrize("distance", [0.15, 0.3, 0.45])
def test_same_in_a_long_text_with_slips(distance: float) -> None:
    chance = random.Random(5)
    wordings = ["请您稍等我帮您查询一下", "对不起", "感谢您的耐心等待", "我要投诉", "您好"]
    text = ""
    for _ in range(60):
        said = list(chance.choice(wordings))
        for _ in range(chance.choice([0, 1, 1, 2])):
            place = chance.randrange(len(said))
            said[place : place + chance.choice([0, 1, 1])] = [chance.choice(CHARACTERS)]
        text += "".join(said) + "".join(chance.choices(CHARACTERS, k=5))
    index, there = SoundIndex(heard(text)), heard(text)
    for wording in wordings:
        assert index.find(wording, distance) == find(wording, there, distance)
        assert len(index.find(wording, distance)) >= 3


def test_stretches_hold_every_match_and_are_mostly_none() -> None:
    there = heard("坐席说请您稍等" + "风" * 200 + "请宁烧灯")
    index = SoundIndex(there)
    stretches = index.stretches("请您稍等", 0.3)
    for match in find("请您稍等", there, 0.3):
        assert any(start <= match.start and match.end <= end for start, end in stretches)
    assert sum(end - start for start, end in stretches) < 20
    assert index.stretches("投诉电话", 0.3) == ()


def test_a_wording_too_long_for_the_index_is_found_all_the_same() -> None:
    long = "感谢您的耐心等待" * 9
    assert SoundIndex(heard("嗯" + long)).find(long, 0.1) == find(long, heard("嗯" + long), 0.1)
    assert len(syllables(long)) == 72
