"""Houses that count rude words, for the tests of warnings, money, closed months and versions: each call says how often what was said."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from qa import rulebook
from qa.check_examples import Scene
from qa.rescore import day_of, judge
from qa.rules.book import RuleBook
from qa.store import Saved, Store
from qa.types import Call

FINE = "fine = { amount = 50 }"
WARNS = 'deduction = 10\nper = "occurrence"\nwarn_first = 1\n'


def rude_house(folder: Path, worth: str, *, words: str = '"滚蛋"', house_id: str = "house", **profile: str) -> RuleBook:
    """One rule, ``rude``, over ``words``; ``profile``: further keys, dates as ``2025-06-01``."""
    keys = "".join(f"{key} = {value}\n" for key, value in {"title": '"骂人"', "version": '"1"', **profile}.items())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.toml").write_text(
        f'[profile]\nid = "{house_id}"\n{keys}[checks.rude]\nkind = "phrase"\ntitle = "不骂人"\nclause = "不得骂人。"\n'
        f"forbid = [{words}]\n{worth}\n",
        "utf-8",
    )
    return rulebook.load(folder)


def rude_call(call_id: str, day: str, times: int = 1, word: str = "滚蛋", agent: str = "8001", then: str = "") -> Call:
    """A call of 2025 on ``MM-DD`` in which the agent said ``word`` so often, and ``then`` once."""
    said = [word] * times + [then] * bool(then)
    times = len(said)
    says = "坐席 0.5-4.0 您好，华宁通信，很高兴为您服务。\n客户 5-7 我想查话费。\n"
    says += "".join(f"坐席 {10 + 10 * i}-{12 + 10 * i} 你给我{said[i]}。\n客户 {13 + 10 * i}-{14 + 10 * i} 什么。\n" for i in range(times))
    says += f"坐席 {12 + 10 * times}-{14 + 10 * times} 再见。"
    of = Scene(says, agent_id=agent, start=f"2025-{day}T10:00:00.000")()
    assert of.record is not None
    audio = replace(of.audio, path=f"/nowhere/{call_id}.wav", sha256=hashlib.sha256(call_id.encode()).hexdigest())
    return replace(of, audio=audio, record=replace(of.record, call_id=call_id, customer_number="13812345678"))


def put(store: Store, book: RuleBook, of: Call) -> Saved:
    """Score and keep by the version in force on the call's day, as ``qa score`` does."""
    store.ledger.register(book)
    return store.record(of, judge(of, store.ledger.in_force(book, day_of(of.record)), store.earlier()))
