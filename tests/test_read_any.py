"""Whatever stands where something else should: a rule book with faults is told of, and never crashes the program."""

from __future__ import annotations

import copy
import datetime
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rulebook_houses import REGISTRY, write

from qa.errors import RuleBookError
from qa.rulebook import load

WHOLE = """\
[profile]
id = "house"
title = "规则"
version = "1"
extends = "../parent"
effective_from = 2024-01-01
[scoring]
mode = "percent"
min_coverage = 0.5
[scoring.sections]
voice = { title = "语音", weight = 40 }
[slots]
company = ["华宁通信"]
[holidays]
open_day = { title = "开放日", dates = ["2025-01-02..2025-01-03", 2025-01-05] }
[call_types.complaint]
title = "投诉"
is = "complains"
[conditions.complains]
who = "customer"
regex = "投诉"
unless = ["不投诉"]
[conditions.pause]
event = "silence"
min_s = 8
after = "complains"
within_s = 5
[checks.tempo]
clause = "语速适中。"
severity = "major"
section = "voice"
weight = 3
high_cpm = 180
when = { hours = ["08:00-12:00"], weekdays = [1], lines = ["400*"], call_types = ["complaint"], holidays = ["open_day"] }
fine = { low = 5, high = 50, grave = [2, 5], liable = [{ role = "班长", share = 0.8 }] }
[[checks.tempo.variants]]
when = { direction = "in" }
low_cpm = 130
[[checks.tempo.examples]]
name = "例"
script = "坐席 0.5-4.0 您好。"
outcome = "fail"
span = "0.5-4.0"
call = { start = 2025-01-29T10:00:00, wait_s = 3 }
[checks.ask]
kind = "phrase"
title = "问"
clause = "问。"
section = "voice"
require = "asks or not pause"
[checks.ask.conditions]
asks = { say = ["(您|你)好，{company}"], where = "first 2 turns", times = [1, 2] }
[[not_auditable]]
clause = "着装。"
reason = "看不到"
[[awaiting]]
clause = "回访。"
needs = "话单"
"""
PARENT = WHOLE.replace('extends = "../parent"\n', "").replace('id = "house"', 'id = "parent"')
JUNK: tuple[Any, ...] = (-1, "x", [], {}, ["x"], [{}], {"x": 1}, datetime.date(2024, 1, 1))


def rendered(value: Any) -> str:
    """The value as TOML, tables inline."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}" = {rendered(item)}' for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(rendered, value)) + "]"
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return f'"{value}"' if isinstance(value, str) else str(value)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        yield (*at, name)
        yield from places(item, (*at, name))


def replaced(data: dict[str, Any], at: tuple[Any, ...], value: Any) -> str:
    """The document with another value at one place."""
    data = copy.deepcopy(data)
    inner: Any = data
    for part in at[:-1]:
        inner = inner[part]
    inner[at[-1]] = value
    return "".join(f'"{name}" = {rendered(item)}\n' for name, item in data.items())


@pytest.mark.parametrize("faulty", ["house", "parent"])
def test_anything_anywhere_is_read_or_told_of(tmp_path: Path, faulty: str) -> None:
    house = write(tmp_path / "house", WHOLE if faulty == "house" else WHOLE.partition("[scoring]")[0])
    write(tmp_path / "parent", PARENT)
    assert load(house, REGISTRY).warnings == ()
    data = tomllib.loads(WHOLE if faulty == "house" else PARENT, parse_float=Decimal)
    refused = 0
    for at in places(data):
        for junk in JUNK:
            write(tmp_path / faulty, replaced(data, at, junk))
            try:
                load(house, REGISTRY)
            except RuleBookError as error:
                assert "rules.toml:" in str(error)
                refused += 1
    assert refused > 300
