"""Plans of benchmark calls: for each check an equal share of faults, of near misses and of plain calls.

The shares are dealt to the calls by chance and apart from each other, so that a call may have several faults.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from script import CHECKS, Agent, CallPlan, parse

HERE = Path(__file__).parent
SHARE = 0.275  # of all calls: faults of a check, and as many near misses (165 of 600)
# Calls about which something cannot be told or does not arise, a share each; at most a few checks are lost in them.
SPECIALS = {"mono": 0.012, "outbound": 0.012, "no_times": 0.012, "cut_off": 0.015, "unheard": 0.008}
VOICES = ("Annie", "Mario", "adam", "caleb", "edward", "f2", "f4", "klatt3", "linda", "m3", "m7", "max", "steph2", "travis")
AGENTS = tuple(
    Agent(number, name, team, voice)
    for number, name, team, voice in (
        ("8102", "曹颖", "一组", "f2"),
        ("8107", "罗斌", "一组", "max"),
        ("8113", "许诺", "一组", "Annie"),
        ("8120", "姜大伟", "二组", "m3"),
        ("8124", "沈月", "二组", "steph2"),
        ("8136", "崔永", "二组", "adam"),
        ("8145", "董洁", "三组", "linda"),
        ("8159", "魏强", "三组", "caleb"),
        ("8168", "谭丽", "三组", "f4"),
        ("8171", "薛刚", "三组", "travis"),
    )
)
CODECS = ("alaw", "ulaw", "alaw", "ulaw", "opus", "mp3", "pcm")
_DIGITS = "零幺二三四五六七八九"


@cache
def table() -> dict[str, Any]:
    return tomllib.loads((HERE / "benchmark.toml").read_text("utf-8"))


def sentences() -> list[str]:
    """Every template of the benchmark, slots and marks left in, for the proof that training never met them."""
    t = table()
    found = [s for value in t.values() if isinstance(value, list) for s in value if isinstance(s, str)]
    return found + [s for topic in t["topics"] for part in topic.values() for s in part]


def benchmark_plans(count: int, seed: int) -> Iterator[CallPlan]:
    """``count`` plans; the same ``seed`` gives the same."""
    rng = random.Random(f"benchmark/{seed}")
    special = _deal_specials(count, rng)
    states = {check: _deal(check, count, special, rng) for check in CHECKS}
    for i in range(count):
        own = random.Random(f"benchmark/{seed}/{i}")
        yield _plan(i, seed, {c: states[c][i] for c in CHECKS}, special[i], own)


def _deal_specials(count: int, rng: random.Random) -> list[str]:
    dealt = [name for name, share in SPECIALS.items() for _ in range(round(share * count))]
    dealt += [""] * (count - len(dealt))
    rng.shuffle(dealt)
    return dealt


def _deal(check: str, count: int, special: list[str], rng: random.Random) -> list[str]:
    """``fail``, ``near`` or ``plain`` for each call; the special calls stay plain in the checks that they lose."""
    lost = {
        "mono": CHECKS[:5],
        "unheard": CHECKS[:5],
        "outbound": ("pickup", "greeting", "closing"),
        "no_times": ("pickup",),
        "cut_off": ("closing", "greeting"),
    }
    free = [i for i in range(count) if check not in lost.get(special[i], ())]
    rng.shuffle(free)
    share = round(SHARE * count)
    states = ["plain"] * count
    for i in free[:share]:
        states[i] = "fail"
    for i in free[share : 2 * share]:
        states[i] = "near"
    return states


class _Words:
    """Sentences of one call: slots filled, none used twice, 工号 of the agent in ``{no}``."""

    def __init__(self, rng: random.Random, agent: Agent) -> None:
        self._rng, self._no = rng, "".join(_DIGITS[int(d)] for d in agent.number)
        self._used: set[str] = set()

    def draw(self, options: list[str]) -> str:
        left = [o for o in options if o not in self._used] or options
        template = self._rng.choice(left)
        self._used.add(template)
        marked = template.replace("{{", "\x01").replace("}}", "\x02")
        text = re.sub(r"\{(\w+)\}", self._slot, marked)
        return text.replace("\x01", "{").replace("\x02", "}")

    def _slot(self, match: re.Match[str]) -> str:
        name = match[1]
        if name == "no":
            return self._no
        options: list[str] = table()["again"] if name == "again" else table()["slots"][name]
        return self._rng.choice(options)


def _script(states: dict[str, str], special: str, words: _Words, rng: random.Random) -> list[str]:
    """Lines of the call in the form that script.parse reads."""
    t = table()
    topic = rng.choice(t["topics"])
    lines = _opening(states["greeting"], special, words, rng)
    body = ["C: " + words.draw(topic["c1"]), "A: " + words.draw(topic["a1"])]
    if states["banned_phrases"] == "fail":
        body += ["C: " + words.draw(topic["c2"]), "A: " + words.draw(t["banned_by_agent"])]
    elif states["banned_phrases"] == "near" and rng.random() < 0.5:
        body += ["C: " + words.draw(t["banned_by_customer"]), "A: " + words.draw(topic["a2"])]
    elif states["banned_phrases"] == "near":
        body += ["C: " + words.draw(topic["c2"]), "A: " + words.draw(t["lookalikes"]) + words.draw(topic["a2"])]
    else:
        body += ["C: " + words.draw(topic["c2"]), "A: " + words.draw(topic["a2"])]
    if rng.random() < 0.25 or special == "cut_off":
        body += ["C: " + words.draw(topic["c2"]), "A: " + words.draw(topic["a1"])]
    if states["volume"] == "shout":
        body.insert(-1, "A!: " + words.draw(t["shouts"]))
        body.insert(-1, "C: " + words.draw(topic["c2"]))
    return lines + body + _ending(states["closing"], special, words, rng)


def _opening(state: str, special: str, words: _Words, rng: random.Random) -> list[str]:
    t = table()
    if special == "outbound":
        return ["C: 喂，哪里打来的？", "A: " + words.draw(["您好，我是华宁通信，工号{no}。"])]
    if state == "fail":
        if rng.random() < 0.25:
            return ["C: " + words.draw(t["customer_greets"]), "A: " + words.draw(t["greetings_missing"])]
        return ["A: " + words.draw(t["greetings_missing"] if rng.random() < 0.6 else t["greetings_incomplete"])]
    if state == "near":
        if rng.random() < 0.5:
            return ["C: " + words.draw(t["customer_first"]), "A: " + words.draw(t["greetings"])]
        return ["A: " + words.draw(t["greetings_near"])]
    return ["A: " + words.draw(t["greetings"])]


def _ending(state: str, special: str, words: _Words, rng: random.Random) -> list[str]:
    t = table()
    if special == "cut_off":
        return ["C: " + words.draw(t["cut_offs"])]
    if special == "outbound":
        return ["A: 感谢您的接听，再见。"]
    if state == "fail":
        return ["C: " + words.draw(t["customer_ends"]), "A: " + words.draw(t["closings_missing"])]
    if state == "near" and rng.random() < 0.5:
        return [
            "A: " + words.draw(t["closings"]),
            "C: " + words.draw(t["customer_again"]),
            "A: " + words.draw(t["again_answers"]),
            "A: " + words.draw(t["closings"]),
        ]
    lines = ["A: " + words.draw(t["closings_near"] if state == "near" else t["closings"])]
    return lines + (["C: " + words.draw(t["customer_ends"])] if rng.random() < 0.4 else [])


def _ring_s(state: str, rng: random.Random) -> float:
    rings = {"fail": rng.choice((4, 4, 4, 5, 5, 6)), "near": 3}.get(state, rng.choice((1, 2)))
    return 5 * (rings - 1) + round(rng.uniform(1.3, 4.5), 3)


def _rate(state: str, rng: random.Random) -> float:
    if state == "fail":
        return rng.choice((rng.uniform(213, 240), rng.uniform(112, 129)))
    if state == "near":
        return rng.choice((rng.uniform(197, 198.9), rng.uniform(141.1, 143)))
    return rng.uniform(152, 188)


def _level(state: str, rng: random.Random) -> float:
    return {
        "quiet": rng.uniform(-42, -38.3),
        "loud": rng.uniform(-11.5, -9),
        "clip": rng.uniform(-11, -8),
        "shout": rng.uniform(-22.5, -20),
        "near": rng.choice((rng.uniform(-34, -32.5), rng.uniform(-17.5, -16.1))),
    }.get(state, rng.uniform(-29, -20))


def _plan(i: int, seed: int, states: dict[str, str], special: str, rng: random.Random) -> CallPlan:
    if states["volume"] == "fail":
        states = states | {"volume": rng.choice(("quiet", "quiet", "loud", "shout", "clip"))}
    agent = rng.choice(AGENTS)
    words = _Words(rng, agent)
    lines = parse("\n".join(_script(states, special, words, rng)))
    first = next(x.text for x in lines if x.role == "A")
    greeting = "proper" if states["greeting"] != "fail" else "incomplete" if "您好" in first or "早上好" in first else "missing"
    codec = "alaw" if special in ("mono", "unheard") else rng.choice(CODECS)
    volume = states["volume"]
    cut_off, closing = special == "cut_off", "missing" if states["closing"] == "fail" else "proper"
    start = datetime(2026, 11, 2, 9, 0, tzinfo=timezone(timedelta(hours=8))) + timedelta(seconds=311 * i + rng.random() * 60)
    suffix = {"mp3": "mp3", "opus": "opus"}.get(codec, "wav")
    plan = CallPlan(
        file=f"b{seed}_{i:04d}.{suffix}",
        call_id=f"B{seed:03d}{i:05d}",
        seed=f"benchmark/{seed}",
        agent=agent,
        customer_voice=rng.choice([v for v in VOICES if v != agent.voice]),
        lines=lines,
        start=start.replace(microsecond=start.microsecond // 1000 * 1000),
        codec=codec,
        mono=special == "mono",
        direction="out" if special == "outbound" else "in",
        customer_number=f"1390000{2000 + i % 8000:04d}",
        ring_s=_ring_s(states["pickup"], rng),
        ring_both=rng.random() < 0.3,
        times_recorded=special != "no_times",
        ring_heard=special not in ("no_times", "outbound", "mono") and rng.random() < 0.3,
        hangup_by="customer" if cut_off or closing == "proper" else rng.choice(("agent", "customer")),
        agent_channel=int(rng.random() < 0.25),
        channel_recorded=special != "mono",
        rate_cpm=_rate(states["speech_rate"], rng),
        level_dbov=_level(volume, rng),
        customer_dbov=rng.uniform(-32, -20),
        noise_dbov=(rng.uniform(-70, -66) if volume in ("quiet", "near") else rng.uniform(-68, -58), rng.uniform(-68, -56)),
        clip=volume == "clip",
        greeting=greeting,
        closing="cut_off" if cut_off else closing,
        unheard=special == "unheard",
        holds_ms=(rng.randint(300, 1100), rng.randint(500, 1500)),
        near=tuple(c for c in CHECKS if states[c] == "near"),
    )
    if special == "unheard":
        return replace(plan, level_dbov=-43.0, customer_dbov=-44.0, noise_dbov=(-31.0, -31.0))
    return plan
