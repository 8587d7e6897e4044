"""Calls in which numbers, names and addresses are planted, with the time of each of their syllables: for benchmarks/redaction.py."""

# ruff: noqa: E402 - the folders of the generator must be on the path first
from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "recordings_sample"), str(ROOT / "models" / "asr")]

from benchmark_plans import AGENTS, VOICES
from mixing import encode, lay_out, mix
from script import CallPlan, Line
from speaking import Speaker, Voice

SAID = "零幺二三四五六七八九"
ONE = "零一二三四五六七八九"
SURNAMES = "王李张刘陈杨赵黄周吴徐孙朱胡郭何林罗郑梁"
GIVEN = ("小芳", "建国", "丽华", "志强", "晓明", "秀英", "海燕", "文博", "佳怡", "永福")
ROADS = ("人民路", "解放街", "建设大道", "和平巷", "滨江路", "学府路")
TALK = (
    ("宽带昨天晚上开始一直断线，重启也没有用。", "好的，我先帮您查一下线路，请您稍等。"),
    ("上个月账单多扣了三十五块钱，是怎么回事？", "您好，这是上个月一号开通的增值业务，我可以为您退订。"),
    ("我要投诉，等了两个小时都没有人来。", "非常抱歉给您带来不便，我马上为您催办。"),
    ("套餐里的流量一般够用吗，二十四小时都能用？", "这个套餐每个月有三十个吉，超出以后会降速。"),
    ("我想把套餐换成便宜一点的。", "可以的，现在有一款九十九元的套餐，五月一号生效。"),
)
GREETING = "您好，华宁通信，很高兴为您服务，请问有什么可以帮您？"
CLOSING = "请问还有其他可以帮您的吗？感谢您的来电，再见。"
KINDS = ("mobile", "landline", "identity", "card", "order", "room")


@dataclass(frozen=True)
class Planted:
    """A number: its digits (X among them), and for every time that a digit of it is said (ms from the start, place in ``digits``)."""

    kind: str
    digits: str
    said: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class MadeCall:
    """``data``: the recording (telephone WAV); ``names``: stretches (ms) in which a name is said."""

    name: str
    data: bytes
    mono: bool
    planted: Planted
    names: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Piece:
    """A part of a line: the places of the digits that its characters say, None for other characters; ``name``: a customer's name."""

    text: str
    places: tuple[int | None, ...]
    name: bool = False


def plain(text: str) -> Piece:
    return Piece(text, (None,) * len(text))


def digits_of(kind: str, rng: random.Random) -> str:
    some = lambda n: "".join(str(rng.randrange(10)) for _ in range(n))  # noqa: E731
    if kind == "mobile":
        return "1" + rng.choice("3578") + some(9)
    if kind == "landline":
        return rng.choice(("010", "021", "0571", "0755")) + rng.choice("234568") + some(7)
    if kind == "identity":
        day = f"{rng.randint(1955, 2005)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        return some(6).replace("0", "3", 1) + day + some(3) + rng.choice("0123456789X")
    if kind == "card":
        return "62" + some(17)
    return (
        some(rng.randint(8, 12)) if kind == "order" else f"{rng.randint(2, 98)}{rng.randint(1, 9)}{rng.randint(1, 6)}0{rng.randint(1, 9)}"
    )


def spoken(digits: str, at: int, ones: str) -> Piece:
    return Piece("".join("叉" if d == "X" else ones[int(d)] for d in digits), tuple(range(at, at + len(digits))))


def groups(digits: str, rng: random.Random) -> list[tuple[int, str]]:
    """The number as people part it: in threes and fours, in fours, or all at once."""
    sizes = rng.choice(([3, 4, 4, 4, 4], [4, 4, 4, 4, 4], [2, 3, 3, 3, 4, 4], [len(digits)], [6, 4, 4, 4, 4]))
    out, at = [], 0
    for size in [*sizes, 99]:
        if at < len(digits):
            out.append((at, digits[at : at + size]))
            at += size
    return out


def number_lines(kind: str, digits: str, rng: random.Random) -> list[tuple[str, list[Piece]]]:
    """How the number comes up: told at once, in turns with a backchannel, in turns that the agent repeats; or spoken by the agent."""
    if kind == "room":
        return room_lines(digits, rng)
    ones = rng.choice((SAID, SAID, ONE))
    parts = groups(digits, rng)
    asks = {
        "mobile": "请您报一下手机号码。",
        "landline": "您的固定电话是多少？",
        "identity": "请说一下您的身份证号码。",
        "card": "请报一下您的银行卡号。",
        "order": "请提供一下订单编号。",
    }
    style = rng.choice(("asked", "asked", "turns", "echo", "unasked", "agent"))
    lead = {"mobile": "我的电话是", "landline": "电话是", "identity": "身份证是", "card": "卡号", "order": "单号是"}[kind]
    if style == "agent":
        return [("A", [plain("跟您核对一下，您留的是"), *said(parts, ones), plain("，对吗？")]), ("C", [plain("对，没有错。")])]
    if style == "unasked":
        return [("C", [plain(lead), *said(parts, ones), plain("，你记一下。")]), ("A", [plain("好的，已经记录。")])]
    lines: list[tuple[str, list[Piece]]] = [("A", [plain(asks[kind])])]
    if style == "asked":
        lines += [("C", said(parts, ones)), ("A", [plain("好的，我重复一遍，"), *said(parts, SAID), plain("。")]), ("C", [plain("对的。")])]
        return lines
    for at, part in parts:
        lines.append(("C", [spoken(part, at, ones), plain("。")]))
        lines.append(("A", [plain("嗯。")] if style == "turns" else [spoken(part, at, SAID), plain("。")]))
    return lines


def said(parts: Sequence[tuple[int, str]], ones: str) -> list[Piece]:
    out: list[Piece] = []
    for at, part in parts:
        out += [spoken(part, at, ones), plain("，")]
    return out[:-1]


def room_lines(digits: str, rng: random.Random) -> list[tuple[str, list[Piece]]]:
    """An address: road, number, house, room; the last four digits are house and room."""
    street, house, room = digits[:-4], digits[-4], digits[-3:]
    words = [plain(rng.choice(ROADS)), spoken(street, 0, ONE), plain("号"), spoken(house, len(street), ONE), plain("栋")]
    words += [spoken(room, len(street) + 1, ONE), plain("室")]
    return [("A", [plain("请问您的地址是哪里？")]), ("C", [plain("我住在"), *words, plain("。")]), ("A", [plain("好的，师傅会上门。")])]


def script(kind: str, digits: str, rng: random.Random) -> list[tuple[str, list[Piece]]]:
    talk, more = rng.sample(TALK, 2)
    surname, given = rng.choice(SURNAMES), rng.choice(GIVEN)
    named = [plain(rng.choice(("我叫", "我的名字是"))), Piece(surname + given, (None,) * 3, True), plain("。")]
    titled = [Piece(surname, (None,), True), plain(rng.choice(("女士，您好。", "先生，好的。")))]
    lines = [("A", [plain(GREETING)]), ("C", [plain(talk[0])]), ("A", [plain(talk[1] + "请问您贵姓？")]), ("C", named), ("A", titled)]
    lines += number_lines(kind, digits, rng)
    return [*lines, ("C", [plain(more[0])]), ("A", [plain(more[1])]), ("A", [plain(CLOSING)])]


def _make(number: int, seed: int, attempt: int) -> MadeCall:
    from espeak import Espeak

    rng = random.Random(f"redaction/{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    digits = digits_of(kind, rng)
    told = script(kind, digits, rng)
    lines = [Line(role, "".join(p.text for p in pieces)) for role, pieces in told]
    agent, customer_voice = rng.choice(AGENTS), rng.choice(VOICES)
    mono, leak = number % 4 == 3, rng.choice((None, None, -20.0, -32.0))
    plan = CallPlan(f"R{number}.wav", f"R{number}", str(seed), agent, customer_voice, tuple(lines), datetime(2025, 1, 2), mono=mono,
                    codec=rng.choice(("alaw", "ulaw")), leak_db=None if mono else leak)  # fmt: skip
    espeak = Espeak()
    of = {
        "A": Speaker(espeak, Voice(agent.voice, 42 + attempt, 55), f"{seed}/{number}"),
        "C": Speaker(espeak, Voice(customer_voice, rng.randint(35, 60), rng.randint(40, 70)), f"{seed}/{number}"),
    }
    rates = {"A": rng.randint(130, 185), "C": rng.randint(130, 200)}
    spoken_lines = [of[line.role].speak([line], rates[line.role])[0] for line in lines]
    placed, length_s = lay_out(spoken_lines, 0.0, plan, rng)
    data = encode(mix(placed, length_s, 0.0, plan, rng)[0], plan.codec)
    said_at, names = [], []
    for turn, (_, pieces) in zip(placed, told, strict=True):
        places = [place for piece in pieces for place in piece.places]
        named = [piece.name for piece in pieces for _ in piece.text]
        for (start, end), character in zip(turn.marks_s, turn.spoken.chars, strict=True):
            begin, stop = round(start * 1000), round(end * 1000)
            if places[character] is not None:
                said_at.append((begin, stop, int(places[character] or 0)))
            if named[character]:
                names.append((begin, stop))
    return MadeCall(plan.file, data, mono, Planted(kind, digits, tuple(said_at)), tuple(names))


def make(number: int, seed: int) -> MadeCall:
    """One call, in a process of its own: the C library keeps a state and may crash."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["warm"])
    failure: Exception | None = None
    for attempt in range(4):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                return pool.submit(_make, number, seed, attempt).result()
            except (BrokenProcessPool, ValueError) as error:
                failure = error
    raise RuntimeError(f"call {number} cannot be made in four attempts") from failure
