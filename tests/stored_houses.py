"""A small house on disk and stored calls of it, for the tests of versions, closed months, rescoring and trying rules."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from qa import rulebook
from qa.check_examples import Scene
from qa.rescore import judge
from qa.rules.book import RuleBook
from qa.store import Saved, Store
from qa.types import Call

SCRIPT = """
坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。
客户 5-7 我想查话费。
坐席 7.5-12.5 好的，您稍等，话费是三十元。
"""
RINGS = {2: 6.0, 3: 12.0, 5: 21.0}
"""Seconds before the answer by rings."""


def house(folder: Path, *, rings: int = 3, worth: str = "weight = 10", more: str = "", house_id: str = "house", **profile: str) -> RuleBook:
    """A house with a rule for the pickup and one for the volume; ``profile``: further keys, dates as ``2025-06-01``."""
    keys = {"version": '"1"', **profile}
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    folder.mkdir(parents=True, exist_ok=True)
    rules = (
        f'[profile]\nid = "{house_id}"\ntitle = "测试规则"\n{lines}'
        f'[checks.pickup]\nclause = "三声之内接听。"\n{worth}\nmax_rings = {rings}\n'
        f'[checks.volume]\nclause = "音量适中。"\n{worth.replace("warn_first", "# warn_first")}\n{more}'
    )
    (folder / "rules.toml").write_text(rules, "utf-8")
    return rulebook.load(folder)


def call(call_id: str, start: str | None = "2025-05-10T10:00:00.000", agent: str = "8001", rings: int = 5, says: str = SCRIPT) -> Call:
    """A call that rang so often; its recording is nowhere.  ``start`` None: nobody knows when it was."""
    of = Scene(says, wait_s=RINGS[rings], agent_id=agent, start=start)()
    assert of.record is not None
    audio = replace(of.audio, path=f"/nowhere/{call_id}.wav", sha256=hashlib.sha256(call_id.encode()).hexdigest())
    record = replace(of.record, call_id=call_id, customer_number="13812345678", agent_name=f"坐席{agent}")
    return replace(of, audio=audio, record=record if start is not None else replace(record, start=None, answer=None, end=None))


def save(store: Store, book: RuleBook, of: Call) -> Saved:
    """Score and keep, by the version in force, as ``qa score`` does."""
    store.ledger.register(book)
    return store.record(of, judge(of, book, store.earlier()))
