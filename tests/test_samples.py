"""The committed sample calls, the truth about them, and the measures behind the truth against known signals."""

# ruff: noqa: E402 - the folders of the generator must be on the path first
from __future__ import annotations

import csv
import ctypes
import json
import re
import sys
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "recordings_sample"
sys.path.insert(0, str(ROOT / "models" / "asr"))
sys.path.insert(0, str(SAMPLES))

from benchmark_plans import benchmark_plans
from calls import COLUMNS, make
from make_samples import sample_plans
from mixing import decode
from script import CHECKS, CallPlan, parse
from truth_measures import active_level_dbov, rate_cpm, rings_begun, rms_dbov

TRUTH: list[dict[str, Any]] = [json.loads(line) for line in (SAMPLES / "truth.jsonl").read_text("utf-8").splitlines()]
ROWS = list(csv.DictReader((SAMPLES / "calls.csv").open(encoding="utf-8", newline="")))
PLANS = {p.file: p for p in sample_plans()}


def has_espeak() -> bool:
    try:
        ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        return False
    return True


# ---------------------------------------------------------------- the committed files


def test_every_recording_has_its_record_its_truth_and_its_plan() -> None:
    files = sorted(p.name for p in SAMPLES.iterdir() if p.suffix in (".wav", ".mp3", ".opus"))
    assert files == [t["file"] for t in TRUTH] == [r["file"] for r in ROWS] == list(PLANS)
    assert tuple(ROWS[0]) == COLUMNS
    assert sum((SAMPLES / f).stat().st_size for f in files) <= 16 * 1024 * 1024


def test_formats_are_those_of_switches() -> None:
    codecs: Counter[tuple[str, int]] = Counter()
    for truth in TRUTH:
        with av.open(str(SAMPLES / truth["file"])) as file:
            stream = file.streams.audio[0]
            codecs[stream.codec_context.name, stream.channels] += 1
            seconds = sum(f.samples for f in file.decode(stream)) / stream.rate
        assert 15 <= seconds <= 60, truth["file"]
        assert stream.rate in (8000, 48000)
    assert codecs["pcm_s16le", 2] == 1
    assert min(codecs["pcm_alaw", 1], codecs["pcm_mulaw", 1]) >= 2
    assert sum(n for (name, _c), n in codecs.items() if name.startswith("mp3")) == 2
    assert codecs["opus", 2] + codecs["libopus", 2] == 2
    assert min(codecs["pcm_alaw", 2], codecs["pcm_mulaw", 2]) >= 8


def test_records_agree_with_the_recordings() -> None:
    for row, truth in zip(ROWS, TRUTH, strict=True):
        if not row["start"]:
            assert truth["measures"]["rings"] is None
            continue
        start, answer, end = (datetime.fromisoformat(row[k]) for k in ("start", "answer", "end"))
        heard = len(decode((SAMPLES / row["file"]).read_bytes())) / 8000
        expected = (end - start if PLANS[row["file"]].ring_heard else end - answer).total_seconds()
        assert heard == pytest.approx(expected, abs=0.2), row["file"]
        if row["direction"] == "in":
            assert truth["measures"]["rings"] == int((answer - start).total_seconds() // 5) + 1
    assert len({r["agent_id"] for r in ROWS}) >= 5
    assert len({r["team"] for r in ROWS}) == 2
    assert sum(r["agent_channel"] == "1" for r in ROWS) >= 3
    assert sum(r["start"].startswith("2026-10-02") for r in ROWS) == 1


def test_each_check_has_faults_passes_and_near_misses() -> None:
    for check in CHECKS:
        verdicts = Counter(t["verdicts"].get(check) for t in TRUTH)
        assert verdicts["fail"] >= 2 and verdicts["pass"] >= 8 and verdicts["inconclusive"] >= 1, check
        assert any(check in t["near"] and t["verdicts"].get(check) == "pass" for t in TRUTH), check
    assert Counter(t["verdicts"]["pickup"] for t in TRUTH)["not_applicable"] == 1
    assert Counter(t["verdicts"].get("closing") for t in TRUTH)["not_applicable"] == 1
    assert sum(set(t["verdicts"].values()) == {"pass"} for t in TRUTH) >= 5
    assert sum(list(t["verdicts"].values()).count("fail") >= 3 for t in TRUTH) >= 1


def test_faults_stand_where_the_truth_says_fail() -> None:
    for truth in TRUTH:
        failed = {c for c, v in truth["verdicts"].items() if v == "fail"}
        assert failed == {f["check"] for f in truth["faults"]}
        for fault in truth["faults"]:
            assert 0 <= fault["start_ms"] <= fault["end_ms"]
            if fault["check"] == "banned_phrases":
                turn = next(t for t in truth["turns"] if t["start_ms"] <= fault["start_ms"] and fault["end_ms"] <= t["end_ms"])
                assert turn["role"] == "agent" and fault["what"] in turn["text"]


def test_measures_give_the_verdicts_with_room_to_the_limits() -> None:
    for truth in TRUTH:
        rate, level, rings = (truth["measures"][k] for k in ("rate_cpm", "level_dbov", "rings"))
        if truth["verdicts"]["speech_rate"] in ("pass", "fail"):
            assert (140 <= rate <= 200) == (truth["verdicts"]["speech_rate"] == "pass")
            assert 150 <= rate <= 190 or 197 <= rate <= 199 or 141 <= rate <= 143 or rate >= 212 or rate <= 130
        if truth["verdicts"]["volume"] == "pass":
            assert -35 < level < -15
        if truth["verdicts"]["pickup"] in ("pass", "fail"):
            assert (rings <= 3) == (truth["verdicts"]["pickup"] == "pass")


@pytest.mark.parametrize("truth", [t for t in TRUTH if t["measures"]["level_dbov"] is not None], ids=lambda t: t["file"][:2])
def test_speech_lies_where_the_turns_say(truth: dict[str, Any]) -> None:
    """Energy of each channel inside the turns on it (20 ms off their edges) stands far above the energy between them."""
    plan = PLANS[truth["file"]]
    x = decode((SAMPLES / truth["file"]).read_bytes())
    first = round(plan.ring_s * 8000) if plan.ring_heard else 0
    on_agents = {"agent", "announcement", "third_party" if plan.third_side == "A" else ""}
    for channel in range(x.shape[1]):
        one_mix = plan.mono or plan.same
        own = [t for t in truth["turns"] if one_mix or (t["role"] in on_agents) == (channel == plan.agent_channel)]
        spoken = np.zeros(len(x), bool)
        outside = np.ones(len(x), bool)
        outside[: first + 400] = False
        for sound in truth["sounds"]:
            outside[sound["start_ms"] * 8 - 960 : sound["end_ms"] * 8 + 4000] = False
        for turn in own:
            spoken[turn["start_ms"] * 8 + 160 : turn["end_ms"] * 8 - 160] = True
            outside[max(0, turn["start_ms"] * 8 - 960) : turn["end_ms"] * 8 + 960] = False
        inside_dbov, between_dbov = rms_dbov(x[spoken, channel]), rms_dbov(x[outside, channel])
        assert inside_dbov - between_dbov > 20
        if channel == plan.agent_channel or one_mix:
            agent = np.concatenate([x[t["start_ms"] * 8 : t["end_ms"] * 8, channel] for t in own if t["role"] == "agent"])
            # punctuation pauses lie inside the turns: the plain mean is a little below the active level
            assert -2.5 < rms_dbov(agent) - truth["measures"]["level_dbov"] < 0.5


def test_characters_have_their_times_inside_their_turn() -> None:
    turns = [(t["file"], turn) for t in TRUTH for turn in t["turns"]]
    for file, turn in turns:
        marks = turn["characters_ms"]
        assert len(marks) == len(re.findall("[\u4e00-\u9fff]", turn["text"])), file
        assert (marks[0][0], marks[-1][1]) == (turn["start_ms"], turn["end_ms"]), file
        assert all(a < b for a, b in marks) and all(a[0] < b[0] for a, b in pairwise(marks)), file


def test_every_kind_of_voice_and_of_channel_is_there() -> None:
    """Mono calls with and without faults, announcements, music, third parties, stereo files whose channels are not as they should be."""
    facts = Counter(fact["fact"] for t in TRUTH for fact in t.get("channels", ()))
    assert facts == {"same": 1, "swapped": 1, "dead": 1, "leak": 2}
    mono = [t for t in TRUTH if "channels" not in t]
    assert len(mono) >= 6 and [t["file"] for t in mono] == [p.file for p in PLANS.values() if p.mono]
    assert sum("fail" in t["verdicts"].values() for t in mono) >= 2
    roles = Counter(role for t in TRUTH for role in {turn["role"] for turn in t["turns"]})
    assert roles["announcement"] >= 3 and roles["third_party"] >= 2
    assert sum(bool(t["sounds"]) for t in TRUTH) >= 2
    double = [i for t in TRUTH for i in t["interruptions"]]
    assert sum(i["backchannel"] for i in double) >= 2 and any(i["by"] == "agent" and not i["backchannel"] for i in double)


def test_the_channels_are_what_the_truth_says() -> None:
    """The same to the last bit, silent to the last bit, and a leak as loud as stated where its own speaker is silent."""
    by_fact = {fact["fact"]: t for t in TRUTH for fact in t.get("channels", ())}
    x = decode((SAMPLES / by_fact["same"]["file"]).read_bytes())
    assert np.array_equal(x[:, 0], x[:, 1])
    x = decode((SAMPLES / by_fact["dead"]["file"]).read_bytes())
    (dead,) = by_fact["dead"]["channels"]
    assert np.max(np.abs(x[:, dead["channel"]])) < 0.001 < np.max(np.abs(x[:, 1 - dead["channel"]]))
    swapped = by_fact["swapped"]["file"]
    row = next(r for r in ROWS if r["file"] == swapped)
    assert row["agent_channel"] == str(1 - PLANS[swapped].agent_channel)
    truth = by_fact["leak"]
    x = decode((SAMPLES / truth["file"]).read_bytes())
    alone = np.concatenate([x[t["start_ms"] * 8 : t["end_ms"] * 8] for t in truth["turns"] if t["role"] == "customer"])
    a, b = (alone[:, c] - alone[:, c].mean() for c in (PLANS[truth["file"]].agent_channel, 1 - PLANS[truth["file"]].agent_channel))
    assert 20 * np.log10(np.dot(a, b) / np.dot(b, b)) == pytest.approx(truth["channels"][0]["db"], abs=1.0)


# ---------------------------------------------------------------- the generator


@pytest.mark.skipif(not has_espeak(), reason="espeak-ng is not installed")
@pytest.mark.parametrize("file", ["08_banned_agent.wav", "17_four_rings.wav", "28_mono_banned_agent.wav", "33_mono_transfer.wav"])
def test_generator_repeats_the_committed_call(file: str) -> None:
    number = list(PLANS).index(file)
    made = make(PLANS[file])
    assert made.truth == TRUTH[number]
    assert made.row == tuple(ROWS[number].values())
    x, committed = decode(made.data), decode((SAMPLES / file).read_bytes())
    assert x.shape == committed.shape and np.max(np.abs(x - committed)) < 0.02


@pytest.mark.parametrize("seed", [7, 8])
def test_benchmark_has_enough_faults_and_near_misses(seed: int) -> None:
    plans = list(benchmark_plans(600, seed))
    told = [p for p in plans if not p.mono and not p.unheard]
    faults = {
        "greeting": sum(p.greeting != "proper" for p in told),
        "closing": sum(p.closing == "missing" for p in told),
        "speech_rate": sum(not 140 <= p.rate_cpm <= 200 for p in told),
        "banned_phrases": sum(any(x.banned and x.role == "A" for x in p.lines) for p in told),
        "volume": sum(p.clip or any(x.shout for x in p.lines) or not -35 <= p.level_dbov <= -15 for p in told),
        "pickup": sum(p.ring_s > 15 for p in plans if p.direction == "in" and (p.times_recorded or p.ring_heard)),
    }
    near = {c: sum(c in p.near for p in told) for c in CHECKS}
    assert min(faults.values()) >= 150 and min(near.values()) >= 150, (faults, near)
    assert plans == list(benchmark_plans(600, seed))
    assert len({x.text for p in plans for x in p.lines}) > 900


def test_script_marks_and_flags() -> None:
    lines = parse("A: 这我{不清楚}，\nC~: 好。\nA!: 行了！")
    assert [(x.role, x.text, x.overlap, x.shout) for x in lines] == [
        ("A", "这我不清楚，", False, False),
        ("C", "好。", True, False),
        ("A", "行了！", False, True),
    ]
    assert lines[0].banned == ((2, 5),)
    (said, played) = parse("N: 转接中。\nM(2.5): 音乐")
    assert (said.role, played.role, played.seconds) == ("N", "M", 2.5)
    with pytest.raises(ValueError, match="without a length"):
        parse("M: 音乐")
    with pytest.raises(ValueError, match="not a script line"):
        parse("客服: 您好")


def test_answer_at_the_start_of_a_ring_is_refused() -> None:
    plan: CallPlan = PLANS["01_clean_broadband.wav"]
    with pytest.raises(ValueError, match="too near"):
        type(plan)(**{f: getattr(plan, f) for f in plan.__dataclass_fields__} | {"ring_s": 10.2})


# ---------------------------------------------------------------- the measures behind the truth


def test_level_of_a_steady_signal_is_its_rms() -> None:
    """A sine of amplitude 0.1: 20 lg(0.1 / sqrt 2) = -23.01 dBov, active all the time."""
    x = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(80000) / 8000)
    level, activity = active_level_dbov(x, 8000)
    assert level == pytest.approx(-23.01, abs=0.1)
    assert activity == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("wanted", [-40.0, -25.0, -12.0])
def test_level_of_bursts_is_that_of_the_bursts(wanted: float) -> None:
    """Noise 5 s on, 5 s off: active for the 5 s and the hangover of 0.2 s (0.03 s more while the envelope falls)."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal(30 * 8000) * 10 ** (wanted / 20) * (np.arange(30 * 8000) // 40000 % 2 == 0)
    level, activity = active_level_dbov(x, 8000)
    assert level == pytest.approx(wanted - 10 * np.log10(5.3 / 5), abs=0.15)
    assert activity == pytest.approx(0.53, abs=0.015)


def test_silence_has_no_level() -> None:
    assert active_level_dbov(np.zeros(8000), 8000) == (None, 0.0)


def test_rate_counts_inner_pauses_up_to_half_a_second() -> None:
    syllables = [(0.0, 0.25), (0.25, 0.5), (1.0, 1.25), (1.25, 1.5), (2.01, 2.25), (2.25, 2.51)]
    # 0.5 s of pause counts, 0.51 s does not: six characters in 1.5 s and 0.5 s.
    assert rate_cpm(syllables) == pytest.approx(6 / 2.0 * 60)
    assert rate_cpm([]) is None


@pytest.mark.parametrize(("seconds", "rings"), [(0.4, 1), (4.6, 1), (5.4, 2), (10.4, 3), (14.6, 3), (15.4, 4)])
def test_rings_begun_before_the_answer(seconds: float, rings: int) -> None:
    assert rings_begun(seconds) == rings
