"""What is true of the channels, on sample calls whose channels are apart and on what is made of them: leaks, copies, dead lines."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from commands import Run
from report_pages import Page
from report_samples import call as report_call
from report_samples import scorecard, write_wav

from qa import acoustics, activity, blocks, channel_facts, decode
from qa.blocks import Wave
from qa.callfacts import unknown, without_signal
from qa.channel_facts import in_words, of_call
from qa.channels import leak_path
from qa.check_examples import Scene
from qa.report import call_report
from qa.rules.events import EVENTS
from qa.rules.measures import MEASURES
from qa.store import Store
from qa.types import Acoustics, Audio, AudioInfo, Call, ChannelFact, Role, Span, SpeechActivity
from qa.types.signal import CHANNEL_FACTS

SAMPLES = Path(__file__).parents[1] / "recordings_sample"
CALLS = ("01_clean_broadband.wav", "24_many_faults.wav")
RATE_HZ = 8000
Floats = npt.NDArray[np.float64]
NOBODY = SpeechActivity(((), ()), "made")


@cache
def sample(name: str) -> tuple[Floats, Floats, SpeechActivity]:
    found = decode.decode(SAMPLES / name)
    x = found.pcm.astype(np.float64) / 32768
    return x[:, 0], x[:, 1], activity.detect(found)


def audio(*channels: Floats) -> Audio:
    pcm = np.clip(np.round(np.stack(channels, axis=1) * 32768), -32768, 32767).astype(np.int16)
    info = AudioInfo("made.wav", "0" * 64, "wav", "pcm_s16le", RATE_HZ, len(channels), len(pcm) * 1000 // RATE_HZ)
    return Audio(info, pcm)


def measured(*channels: Floats, heard: SpeechActivity | None = None) -> Acoustics:
    made = audio(*channels)
    return acoustics.measure(made, heard or activity.detect(made))


def later(x: Floats, ms: float) -> Floats:
    return np.concatenate([np.zeros(round(ms * 8)), x])[: len(x)]


def coded(x: Floats, subtype: str) -> Floats:
    file = io.BytesIO()
    soundfile.write(file, np.clip(x, -1.0, 0.9999), RATE_HZ, format="WAV", subtype=subtype)
    file.seek(0)
    return np.asarray(soundfile.read(file)[0])[: len(x)]


def room(x: Floats) -> Floats:
    """Sound that comes back from a room: a direct way and a decay of 30 ms."""
    rng = np.random.default_rng(5)
    way = rng.standard_normal(1200) * np.exp(-np.arange(1200) / 240)
    way[0] = 3.0
    return np.convolve(x, way / np.sqrt(np.sum(way**2)))[: len(x)]


def frames(spans: tuple[Span, ...], count: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(count, np.bool_)
    for span in spans:
        mask[span.start_ms // 10 : span.end_ms // 10] = True
    return mask


# ---------------------------------------------------------------- leaks


@pytest.mark.parametrize("name", [*CALLS, "13_too_quiet.wav", "19_quiet_lookalikes.opus", "18_six_rings_no_closing.mp3"])
def test_of_channels_that_are_apart_nothing_is_told(name: str) -> None:
    here, there, heard = sample(name)
    found = measured(here, there, heard=heard)
    assert found.facts == () and not found.same_channels and heard.leaks == ()


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("way", "delay_ms", "level_db"),
    [("wire", 0, -6), ("wire", 5, -15), ("wire", 120, -20), ("wire", 250, -30), ("room", 20, -10), ("room", 200, -20), ("codec", 250, -20)],
)
def test_a_leak_is_found_with_its_level_and_is_not_the_others_speech(name: str, way: str, delay_ms: int, level_db: int) -> None:
    here, there, heard = sample(name)
    leak = later(here, delay_ms) * 10 ** (level_db / 20)
    leak = room(leak) if way == "room" else coded(leak, "GSM610") if way == "codec" else leak
    made = audio(here, there + leak)
    found = activity.detect(made)
    (fact,) = [f for f in acoustics.measure(made, found).facts if f.figure > -50]
    assert (fact.kind, fact.channel) == ("leak", 1) and fact.confidence > 0.6
    assert fact.figure == pytest.approx(level_db, abs=1.6)
    assert fact.detail("delay_ms") == pytest.approx(delay_ms, abs=10 if way == "room" else 0.5)
    assert found.channels[0] == heard.channels[0]
    count = len(here) // 80 + 100
    told, own = frames(found.channels[1], count), frames(heard.channels[1], count)
    assert np.count_nonzero(told & ~own) <= 50 and np.count_nonzero(own & ~told) <= 35  # 10 ms each
    assert not any(s.overlap_ms(o) for s in found.channels[1] for o in (found.leaks[1] if found.leaks else ()))


def test_both_sides_may_leak() -> None:
    here, there, heard = sample(CALLS[0])
    made = audio(here + 0.3 * later(there, 3), there + 0.3 * later(here, 3))
    found = activity.detect(made)
    assert [(f.kind, f.channel) for f in acoustics.measure(made, found).facts] == [("leak", 0), ("leak", 1)]
    count = len(here) // 80 + 100
    for told, own in zip(found.channels, heard.channels, strict=True):
        assert np.count_nonzero(frames(told, count) ^ frames(own, count)) <= 30


def test_who_talks_over_a_leak_is_heard() -> None:
    """The second voice is shifted into the first one's turns; the leak is 15 dB below."""
    here, there, _ = sample(CALLS[0])
    over = np.roll(there, len(there) // 3)
    alone, leaking = (activity.detect(audio(here, x)) for x in (over, over + 10 ** (-15 / 20) * later(here, 50)))
    count = len(here) // 80 + 100
    own, told = (frames(found.channels[1], count) for found in (alone, leaking))
    assert np.count_nonzero(own & frames(alone.channels[0], count)) > 500, "they do talk at once"
    assert np.count_nonzero(own & ~told) <= 20


def test_the_path_says_what_comes_through() -> None:
    here, _, heard = sample(CALLS[0])
    rng = np.random.default_rng(1)
    leak = 0.2 * later(here, 40)
    own, other = (Wave.of(x.astype(np.float32), RATE_HZ) for x in (leak + 1e-4 * rng.standard_normal(len(leak)), here))
    path = leak_path(own, other, heard.channels[0])
    assert path is not None and path.delay_ms == 40.0 and path.level_db == pytest.approx(20 * np.log10(0.2), abs=0.2)
    for start, end in ((0, 4000), (16000, 48000), (len(leak) - 4000, len(leak))):
        rest = leak[start:end] - path.of(other, start, end)
        assert np.sum(rest**2) <= 0.01 * np.sum(leak**2)
    assert leak_path(own, other, heard.channels[0][:1]) is None, "one short stretch tells nothing"


def test_leaked_words_are_silent_for_the_recogniser() -> None:
    rng = np.random.default_rng(2)
    wave = Wave.of(rng.standard_normal(8000).astype(np.float32), RATE_HZ)
    muted = wave.muted((Span(100, 200), Span(900, 5000)))
    x, y = wave.read(400, 8000), muted.read(400, 8000)
    assert not y[400:1200].any() and not y[6800:].any()
    assert np.array_equal(y[:400], x[:400]) and np.array_equal(y[1200:6800], x[1200:6800])
    assert wave.muted(()) is wave


def test_facts_of_many_blocks_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there, heard = sample(CALLS[0])
    x = there + 0.1 * later(here, 90)
    whole = measured(here, x, heard=heard).facts
    monkeypatch.setattr(blocks, "BLOCK_S", 8)
    parts = measured(here, x, heard=heard).facts
    assert [(f.kind, f.channel) for f in parts] == [(f.kind, f.channel) for f in whole] == [("leak", 1)]
    assert parts[0].figure == pytest.approx(whole[0].figure, abs=0.2)
    assert measured(here, 0.5 * later(here, 90), heard=heard).same_channels


# ---------------------------------------------------------------- one signal twice


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("codec", [None, "GSM610", "IMA_ADPCM", "ULAW"])
@pytest.mark.parametrize(("gain", "delay_ms"), [(1.0, 0.0), (-0.4, 4.6), (0.6, 100.0), (0.5, -200.0)])
def test_a_copy_is_one_signal(name: str, codec: str | None, gain: float, delay_ms: float) -> None:
    """Turned up or down, inverted, late or early, through a codec."""
    here, there, _ = sample(name)
    mix = 0.7 * (here + there)
    copy = coded(gain * mix, codec) if codec else gain * mix
    found = measured(later(mix, -min(0.0, delay_ms)), later(copy, max(0.0, delay_ms)), heard=NOBODY)
    (fact,) = found.facts
    assert found.same_channels and fact.kind == "same" and 0.8 <= fact.figure <= 1.0 and fact.confidence >= 0.6
    assert fact.detail("gain_db") == pytest.approx(20 * np.log10(abs(gain)), abs=1.0)
    assert fact.detail("delay_ms") == pytest.approx(delay_ms, abs=0.5)


@pytest.mark.parametrize("share", [0.7, 0.5, 0.3])
def test_crosstalk_is_not_one_signal(share: float) -> None:
    here, there, _ = sample(CALLS[0])
    assert measured(here + share * there, there + share * here, heard=NOBODY).fact("same") is None
    assert measured(here, there + share * here, heard=NOBODY).fact("same") is None


def test_a_single_word_of_a_second_person_makes_two_signals() -> None:
    here, there, heard = sample(CALLS[0])
    word = heard.channels[1][0]
    assert word.duration_ms < 600
    only = np.zeros_like(there)
    at = slice((word.start_ms - 50) * 8, (word.end_ms + 50) * 8)
    only[at] = there[at]
    noise = 1e-3 * np.random.default_rng(3).standard_normal(len(here))
    assert measured(here, 0.5 * here + noise + only, heard=NOBODY).fact("same") is None
    assert measured(here, 0.5 * here + noise, heard=NOBODY).fact("same") is not None


def test_a_quieter_copy_is_heard_on_both_channels() -> None:
    """What is in it is no leak: nothing may be cut out of it."""
    here, there, _ = sample(CALLS[0])
    mix = 0.7 * (here + there)
    found = activity.detect(audio(0.4 * mix, mix)).channels
    assert sum(s.duration_ms for s in found[0]) == pytest.approx(sum(s.duration_ms for s in found[1]), rel=0.05)


# ---------------------------------------------------------------- dead channels


def noise(dbov: float, count: int, seed: int = 4) -> Floats:
    return np.random.default_rng(seed).standard_normal(count) * 10 ** (dbov / 20)


@pytest.mark.parametrize(("line", "figure", "sure"), [("zero", -100.0, True), ("dc", -100.0, True), ("idle", -64.0, False)])
def test_a_dead_channel(line: str, figure: float, sure: bool) -> None:
    here, _, _ = sample(CALLS[0])
    lines = {"zero": np.zeros(len(here)), "dc": np.full(len(here), 0.1), "idle": noise(-65.0, len(here))}
    (fact,) = measured(here, lines[line]).facts
    assert (fact.kind, fact.channel) == ("dead", 1) and (fact.confidence == 1.0) is sure
    assert fact.figure == pytest.approx(figure, abs=1.5)


def test_what_is_not_dead() -> None:
    here, there, _ = sample(CALLS[0])
    assert measured(here, there).fact("dead") is None
    assert measured(np.zeros(len(here)), np.zeros(len(here))).facts == (), "nobody speaks at all"
    rustling = noise(-60.0, len(here)) * (1 + 3 * (np.arange(len(here)) % 40000 < 8000))
    assert measured(here, rustling, heard=SpeechActivity((sample(CALLS[0])[2].channels[0], ()), "made")).fact("dead") is None


TALK = "坐席 1-9 您好，很高兴为您服务。\n坐席 12-20 您好，请讲，听得到吗？"


def with_facts(call: Call, *facts: ChannelFact) -> Call:
    return replace(call, acoustics=replace(call.acoustics, facts=facts))


def test_of_a_dead_channel_nothing_is_concluded() -> None:
    whole = Scene(TALK)()
    dead, idle = (with_facts(whole, ChannelFact("dead", 1, -100.0, sure)) for sure in (1.0, 0.6))
    assert MEASURES["talk_share_percent"].read(whole, Role.CUSTOMER).value == 0.0
    for call in (whole, idle):  # somebody who says nothing looks like that
        assert EVENTS["customer_silence"].find(call, Role.CUSTOMER).blind is None
        assert MEASURES["talk_share_percent"].read(call, Role.CUSTOMER).value == 0.0
    reading = MEASURES["talk_share_percent"].read(dead, Role.CUSTOMER)
    assert reading.value is None and "没有信号" in reading.why
    assert "没有信号" in (EVENTS["customer_silence"].find(dead, Role.CUSTOMER).blind or "")
    assert "没有信号" in (unknown(dead, Role.CUSTOMER) or "") and without_signal(dead, Role.AGENT) is None


# ---------------------------------------------------------------- what a recorder fills in


def test_digital_silence_filled_in() -> None:
    here, there, heard = sample(CALLS[0])
    loud = np.round((there + noise(-50.0, len(there))) * 32768) / 32768
    assert measured(here, loud, heard=heard).fact("gaps") is None
    for start in range(20_000, 200_000, 20_000):
        loud[start : start + 800] = 0.0
    fact = measured(here, loud, heard=heard).fact("gaps")
    assert fact is not None and fact.channel == 1 and fact.figure == pytest.approx(0.9, abs=0.01)
    assert fact.detail("longest_s") == pytest.approx(0.1, abs=0.001)


def test_packets_played_twice() -> None:
    here, there, heard = sample(CALLS[0])
    loud = there + noise(-50.0, len(there))
    for start in range(20_000, 100_000, 20_000):
        loud[start + 160 : start + 320] = loud[start : start + 160]
    fact = measured(here, loud, heard=heard).fact("repeats")
    assert fact is not None and (fact.channel, fact.figure) == (1, 4.0)
    t = np.arange(len(here)) / RATE_HZ
    ringing = noise(-50.0, len(here)) * (t > 10) + 0.2 * np.sin(2 * np.pi * 450 * t) * (t < 10) * (t % 5 < 1)
    assert measured(here, ringing, heard=SpeechActivity((heard.channels[0], ()), "made")).fact("repeats") is None, "450 Hz repeats itself"


# ---------------------------------------------------------------- what words and record say

SERVED = """
坐席 0.5-3 喂，我想查一下我家的话费。
客户 3.5-8 您好，华宁通信，工号幺零二四，很高兴为您服务，请问有什么可以帮您？
坐席 8.5-11 我要投诉，你们怎么乱扣我的钱。
客户 11.5-16 非常抱歉，请您稍等，我帮您查一下，请问您的姓名是？
坐席 16.5-19 帮我看看，我家这个月扣了两次。
客户 19.5-25 已经给您登记好了，感谢您的来电，祝您生活愉快。
"""


def test_swapped_channels_are_suspected_from_what_is_said() -> None:
    (fact,) = of_call(Scene(SERVED)())
    assert fact.kind == "swapped" and fact.figure == fact.confidence > 0.99
    right = SERVED.replace("坐席", "_").replace("客户", "坐席").replace("_", "客户")
    assert of_call(Scene(right)()) == ()
    assert of_call(Scene(SERVED, record=False)()) == (), "nobody said which channel is whose"


def test_a_recording_that_is_short_and_has_no_pause_may_have_lost_its_silences() -> None:
    close = "\n".join(f"{'坐席' if i % 2 else '客户'} {3 * i + 0.2}-{3 * i + 3} 我们这个月的账单。" for i in range(10))
    short = Scene(close, talk_s=60.0, duration_s=30.0)
    (fact,) = of_call(short())
    assert (fact.kind, fact.figure) == ("short", 30.0) and fact.confidence < 0.5
    assert of_call(replace(short, talk_s=31.0)()) == (), "clocks differ by so much"
    assert of_call(Scene(close.replace("3.2-6 ", "4-6 "), talk_s=60.0, duration_s=30.0)()) == (), "there is a pause"


def test_every_kind_of_fact_has_words_with_its_figure() -> None:
    for kind in CHANNEL_FACTS:
        words = in_words(ChannelFact(kind, 1, 0.5 if kind in ("same", "swapped") else 7.0, 0.5))
        assert ("50.0%" if kind == "swapped" else "0.50" if kind == "same" else "7") in words and "把握 50" in words, kind
    assert "把握" not in in_words(ChannelFact("dead", 0, -100.0, 1.0))
    with pytest.raises(ValueError, match="unknown fact"):
        ChannelFact("loud", 0, 0.0, 1.0)


@pytest.mark.parametrize(("spans", "told"), [((Span(1000, 2500), Span(4000, 5000)), "去掉 2.5 秒"), ((), "没有能去掉的")])
def test_of_a_leak_it_is_told_what_was_really_cut(tmp_path: Path, spans: tuple[Span, ...], told: str) -> None:
    path = tmp_path / "call.wav"
    write_wav(path, seed=1)
    call = with_facts(report_call(path), ChannelFact("leak", 1, -25.0, 0.98, (("delay_ms", 120.0),)))
    cut = replace(call, activity=replace(call.activity, leaks=((), spans) if spans else ()))
    (fact,) = (f for f in of_call(cut) if f.kind == "leak")
    assert told in in_words(fact) and "不算这一声道说的" not in in_words(fact)


def test_the_report_tells_the_facts(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    write_wav(path, seed=1)
    plain = report_call(path)
    leaking = with_facts(plain, ChannelFact("leak", 1, -25.0, 0.98, (("delay_ms", 120.0),)))
    told = in_words(leaking.acoustics.facts[0])
    assert told in Page(call_report(leaking, scorecard(leaking))).text and "低 25 dB，时差 120 毫秒" in told
    assert told not in Page(call_report(plain, scorecard(plain))).text


def test_facts_of_the_house_channel_setting() -> None:
    from qa.role_settings import RoleSettings

    call = Scene(SERVED, record=False)()
    assert [f.kind for f in channel_facts.of_call(call, RoleSettings(agent_channel=1))] == ["swapped"]
    assert channel_facts.of_call(call, RoleSettings(agent_channel=2)) == ()


def test_show_tells_the_facts_with_their_figures(qa: Run, tmp_path: Path) -> None:
    path, db = tmp_path / "call.wav", tmp_path / "qa.db"
    write_wav(path, seed=1)
    leaking = with_facts(report_call(path, "A-1"), ChannelFact("leak", 1, -25.0, 0.98, (("delay_ms", 120.0),)))
    with Store(db) as store:
        store.save_call(leaking, scorecard(leaking))
    assert f"· {in_words(leaking.acoustics.facts[0])}" in qa("show", "A-1", "--db", db).out
    (fact,) = qa("show", "A-1", "--db", db, "--json").json["channel_facts"]
    assert {k: fact[k] for k in ("kind", "channel", "figure", "delay_ms")} == {
        "kind": "leak",
        "channel": 1,
        "figure": -25.0,
        "delay_ms": 120.0,
    }
