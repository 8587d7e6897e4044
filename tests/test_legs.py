"""An agent's part of a call, cut out by time: the times stay, the others' words and levels go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_calls import call as stored_call
from stored_calls import record

from qa import legs, pipeline, rulebook, scoring
from qa.callfacts import answered_ms, missing_ms
from qa.records import Part
from qa.rules.measures import MEASURES
from qa.store import Store
from qa.types import (
    Acoustics,
    Call,
    ChannelAcoustics,
    Edge,
    Outcome,
    Role,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    SpeechActivity,
    Tone,
    Transcript,
    Utterance,
    Word,
)

FIRST, SECOND = Span(0, 4000), Span(5000, 9000)


def words(text: str, start_ms: int) -> tuple[Word, ...]:
    return tuple(Word(c, Span(start_ms + 100 * i, start_ms + 100 * (i + 1)), 0.9) for i, c in enumerate(text))


def said(speaker: int, text: str, start_ms: int) -> Utterance:
    return Utterance(f"ch{speaker}", speaker, Span(start_ms, start_ms + 100 * len(text)), words(text, start_ms))


def sound(levels: list[tuple[Span, float]]) -> ChannelAcoustics:
    """A channel of 9 s at the given levels, silent elsewhere; active level as of the mean power of what is spoken."""
    level, pitch = np.full(900, -60.0, np.float32), np.zeros(900, np.float32)
    power = []
    for span, dbov in levels:
        level[span.start_ms // 10 : span.end_ms // 10] = dbov
        pitch[span.start_ms // 10 : span.end_ms // 10] = 200.0
        power += [10 ** (dbov / 10)] * (span.duration_ms // 10)
    active = float(10 * np.log10(np.mean(power)))
    return ChannelAcoustics(active, 0.5, -3.0, 0.0, -60.0, active + 60.0, 10, level, pitch)


def two_agents() -> Call:
    """Channel 0: one agent at -20 dBov until 4 s, another at -40 dBov from 5 s on; channel 1: the customer."""
    one, other = said(0, "您好华宁通信为您服务", 500), said(0, "您好我是专家请讲", 5500)
    customer, late = said(1, "我想查话费", 2500), said(1, "好的谢谢", 8000)
    straddling = said(0, "请您稍等转接专家", 3600)
    agents = [(one.span, -20.0), (straddling.span, -20.0), (other.span, -40.0)]
    base, tone = stored_call(), Tone("ringback", 0, Span(0, 400), 450.0, -20.0)
    return replace(
        base,
        activity=SpeechActivity(((one.span, straddling.span, other.span), (customer.span, late.span)), "m"),
        turns=SpeakerTurns("channel", tuple(SpeakerTurn(u.speaker, u.channel, u.span) for u in (one, customer, straddling, other, late))),
        transcript=Transcript(
            "demo@1",
            True,
            (one, customer, straddling, other, late),
            (Edge("opening", "ch0", Span(0, 2000), one.words), Edge("closing", "ch0", Span(7000, 9000), other.words)),
        ),
        acoustics=Acoustics((sound(agents), sound([(customer.span, -25.0), (late.span, -25.0)])), (tone,)),
    )


def texts(call: Call) -> list[str]:
    return [u.text for u in call.transcript.utterances]


def test_words_belong_to_the_part_in_which_their_middle_lies() -> None:
    call = two_agents()
    assert texts(legs.part(call, 0, 4000)) == ["您好华宁通信为您服务", "我想查话费", "请您稍等"]
    second = legs.part(call, 5000, 9000)
    assert texts(second) == ["您好我是专家请讲", "好的谢谢"]
    assert second.transcript.utterances[0].span == Span(5500, 6300)  # times stay those of the recording
    cut = legs.part(call, 0, 4000).transcript.utterances[2]
    assert cut.span == Span(3600, 4000) and len(cut.words) == 4


def test_activity_turns_and_tones_are_cut() -> None:
    first, second = (legs.part(two_agents(), span.start_ms, span.end_ms) for span in (FIRST, SECOND))
    assert first.activity.channels == ((Span(500, 1500), Span(3600, 4000)), (Span(2500, 3000),))
    assert second.activity.channels == ((Span(5500, 6300),), (Span(8000, 8400),))
    assert [t.span.end_ms for t in first.turns.turns] == [1500, 3000, 4000] and len(second.turns.turns) == 2
    assert len(first.acoustics.tones) == 1 and second.acoustics.tones == ()


def test_edges_belong_to_the_first_and_the_last_part() -> None:
    call = two_agents()
    assert [e.which for e in legs.part(call, 0, 4000).transcript.edges] == ["opening"]
    assert [e.which for e in legs.part(call, 5000, 9000).transcript.edges] == ["closing"]
    assert legs.part(call, 2000, 6000).transcript.edges == ()


def test_each_agents_level_is_their_own() -> None:
    call = two_agents()
    whole = call.acoustics.channels[0].active_level_dbov
    levels = [legs.part(call, s.start_ms, s.end_ms).acoustics.channels[0].active_level_dbov for s in (FIRST, SECOND)]
    assert levels == [pytest.approx(-20.0, abs=0.1), pytest.approx(-40.0, abs=0.1)] and whole == pytest.approx(-21.6, abs=0.3)
    second = legs.part(call, 5000, 9000).acoustics.channels[0]
    assert (second.pitch_hz[:500] == 0).all() and (second.level_dbov[:500] <= -60).all() and len(second.pitch_hz) == 900
    assert second.snr_db == pytest.approx(20.0, abs=0.2)


def test_a_channel_that_is_silent_in_a_part_has_no_level() -> None:
    assert legs.part(two_agents(), 6500, 7800).acoustics.channels[0].active_level_dbov is None


def test_clipping_cannot_be_told_apart_and_is_said_so() -> None:
    call = two_agents()
    assert legs.CLIPPED_NOTE not in legs.part(call, 0, 4000).audio.notes
    channels = (replace(call.acoustics.channels[0], clipped_ratio=0.1), call.acoustics.channels[1])
    clipped = replace(call, acoustics=replace(call.acoustics, channels=channels))
    assert legs.CLIPPED_NOTE in legs.part(clipped, 0, 4000).audio.notes


def test_what_lies_outside_of_a_part_is_no_silence_of_it() -> None:
    silence = MEASURES["longest_silence_s"]
    assert silence.read(legs.part(two_agents(), 5000, 9000), Role.AGENT).value == pytest.approx(1.7, abs=0.05)
    assert answered_ms(legs.part(two_agents(), 5000, 9000)) == 5000


def test_a_part_is_not_cut_short_for_being_a_part() -> None:
    told = replace(record(), answer="2024-05-01T09:00:05.000", end="2024-05-01T09:00:09.000")
    assert missing_ms(replace(legs.part(two_agents(), 5000, 9000), record=told)) == 0
    assert missing_ms(replace(legs.part(two_agents(), 8000, 9000), record=told)) == 3000


def test_a_part_that_is_the_whole_changes_nothing() -> None:
    call = two_agents()
    assert legs.parts(call, (Part(call.record),)) == (call,)
    assert texts(legs.part(call, 0, 9000)) == texts(call) and legs.part(call, 0, 9000).transcript.edges == call.transcript.edges


def test_an_omission_in_the_middle_is_never_proven() -> None:
    """The agent who took over said no greeting of the house, the one who passed on no closing line."""
    call = two_agents()
    told = [replace(record(f"C{n}", "800"), answer=None, end=None, hangup_by=None) for n in (1, 2)]
    parts = (Part(told[0], FIRST), Part(told[1], SECOND))
    found = {}
    for one in legs.parts(call, parts):
        for result in scoring.score(one, rulebook.load("default")):
            found[one.record.call_id if one.record else "", result.kind] = result.outcome
    assert found["C2", "greeting"] is Outcome.INCONCLUSIVE and found["C1", "closing"] is Outcome.INCONCLUSIVE


class _Two:
    """Records of a recording of two agents."""

    problems = ()

    def for_file(self, path: Path) -> object:
        return record("C1", "8001")

    def parts_of(self, path: Path, duration_ms: int) -> tuple[Part, ...]:
        return Part(record("C1", "8001"), FIRST), Part(record("C1#2", "8003"), SECOND)


def test_one_recording_gives_a_scorecard_for_each_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = tmp_path / "C1.wav"
    recording.write_bytes(b"not listened to")
    call = two_agents()
    monkeypatch.setattr(pipeline.Stages, "call", lambda self, told: replace(call, record=told))
    with Store(tmp_path / "qa.db") as store:
        scorer = pipeline.Scorer(store, rulebook.load("default"), _Two(), "demo")  # type: ignore[arg-type]
        result = scorer.score(recording)
        again = scorer.score(recording)
        assert result.error is None and [r.call_id for r in result.all] == ["C1", "C1#2"]
        assert [r.call_id for r in again.all] == ["C1", "C1#2"]
        assert [(row.call_id, row.agent_id, row.duration_ms) for row in store.calls()] == [("C1", "8001", 4000), ("C1#2", "8003", 4000)]
        assert texts(store.call("C1#2")) == ["您好我是专家请讲", "好的谢谢"] and store.call("C1#2").audio.from_ms == 5000
        assert [len(store.history(call_id)) for call_id in ("C1", "C1#2")] == [1, 1]
        assert store._db.rows("select duration_ms from recordings") == [{"duration_ms": 9000}]
