"""Words given to the speakers of one channel."""

from __future__ import annotations

import pytest

from qa.types import Edge, Span, SpeakerTurn, SpeakerTurns, Transcript, Utterance, Word
from qa.wordspeakers import NEAR_MS, assigned, speaker_at


def turns(*rows: tuple[str, int, int]) -> SpeakerTurns:
    found = tuple(SpeakerTurn(who, 0, Span(a, b)) for who, a, b in rows)
    return SpeakerTurns("engine/x@0", found, (), found)


def words(text: str, start: int, each: int = 200) -> tuple[Word, ...]:
    return tuple(Word(c, Span(start + k * each, start + (k + 1) * each), 0.9) for k, c in enumerate(text))


def said(text: str, start: int) -> Utterance:
    own = words(text, start)
    return Utterance("mono", 0, Span(start, own[-1].span.end_ms), own)


TWO = turns(("spk0", 0, 1000), ("spk1", 1000, 2000), ("spk0", 4000, 5000))


def test_an_utterance_is_divided_where_the_speaker_changes() -> None:
    found = assigned(Transcript("m", True, (said("您好请讲我要查话费", 200),)), TWO)
    assert [(u.speaker, u.text, u.span) for u in found.utterances] == [
        ("spk0", "您好请讲", Span(200, 1000)),
        ("spk1", "我要查话费", Span(1000, 2000)),
    ]
    assert "".join(u.text for u in found.utterances) == "您好请讲我要查话费"


@pytest.mark.parametrize(
    ("span", "speaker"),
    [
        (Span(700, 1200), "spk0"),
        (Span(700, 1400), "spk1"),
        (Span(2100, 2300), "spk1"),
        (Span(3700, 3900), "spk0"),
        (Span(2000 + NEAR_MS, 2700), "spk1"),
        (Span(2001 + NEAR_MS, 2700), "mono"),
        (Span(5600, 5800), "mono"),
        (Span(1500, 1500), "spk1"),
        (Span(0, 5000), "spk0"),
    ],
)
def test_a_word_belongs_to_the_turn_that_it_overlaps_most_else_to_a_near_one(span: Span, speaker: str) -> None:
    assert speaker_at(span, TWO.exclusive) == speaker


def test_a_second_decode_becomes_one_for_each_speaker_in_it_with_that_speakers_words() -> None:
    edge = Edge("opening", "mono", Span(0, 3000), words("您好请讲我要查话费", 200))
    found = assigned(Transcript("m", True, (), (edge,)), TWO).edges
    assert [(e.which, e.speaker, e.text, e.span) for e in found] == [
        ("opening", "spk0", "您好请讲", Span(0, 3000)),
        ("opening", "spk1", "我要查话费", Span(0, 3000)),
    ]
    silent = Edge("closing", "mono", Span(4000, 6000), ())
    assert [(e.speaker, e.words) for e in assigned(Transcript("m", True, (), (silent,)), TWO).edges] == [("spk0", ())]


def test_dropped_words_go_to_their_speakers_too() -> None:
    assert [u.speaker for u in assigned(Transcript("m", True, (), (), (said("谢谢", 1200),)), TWO).dropped] == ["spk1"]


@pytest.mark.parametrize("method", ["channel", "none"])
def test_nothing_changes_where_nobody_was_told_apart_by_voice(method: str) -> None:
    transcript = Transcript("m", True, (said("您好", 200),))
    assert assigned(transcript, SpeakerTurns(method, TWO.turns)) is transcript
