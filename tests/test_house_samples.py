"""The sample calls of the houses: files, truth and scripts agree, and under its own rule book no house's call is ruled wrongly."""

# ruff: noqa: E402 - the folders of the generator must be on the path first
from __future__ import annotations

import csv
import ctypes
import json
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "recordings_houses"
sys.path.insert(0, str(ROOT / "models" / "asr"))
sys.path.insert(0, str(ROOT / "recordings_sample"))

from calls import COLUMNS, make
from make_samples import house_plans
from mixing import decode
from script import CallPlan, parse

from qa import rulebook
from qa.cli import main

PLANS = house_plans()
TABLE: dict[str, Any] = tomllib.loads((ROOT / "recordings_sample" / "house_calls.toml").read_text("utf-8"))["houses"]
HOUSES = tuple(PLANS)
CALLS = [(house, plan) for house, plans in PLANS.items() for plan in plans]


def truths(house: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / house / "truth.jsonl").read_text("utf-8").splitlines()]


def truth_of(house: str, plan: CallPlan) -> dict[str, Any]:
    return next(t for t in truths(house) if t["file"] == plan.file)


def has_espeak() -> bool:
    try:
        ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        return False
    return True


# ---------------------------------------------------------------- the committed files


def test_every_house_has_calls_that_keep_its_rules_and_calls_that_break_them() -> None:
    assert set(HOUSES) == set(rulebook.profiles()) - {"default"}
    for house in HOUSES:
        failed = [list(t["verdicts"].values()).count("fail") for t in truths(house)]
        assert failed.count(0) >= 1 and max(failed) >= 2, house


@pytest.mark.parametrize("house", HOUSES)
def test_every_recording_has_its_record_its_truth_and_its_plan(house: str) -> None:
    rows = list(csv.DictReader((FOLDER / house / "calls.csv").open(encoding="utf-8", newline="")))
    files = sorted(p.name for p in (FOLDER / house).iterdir() if p.suffix in (".wav", ".mp3", ".opus"))
    assert files == [t["file"] for t in truths(house)] == [r["file"] for r in rows] == [p.file for p in PLANS[house]]
    assert tuple(rows[0]) == COLUMNS


def test_the_recordings_stay_small() -> None:
    assert sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()) <= 3 * 1024 * 1024


@pytest.mark.parametrize("house", HOUSES)
def test_the_truth_knows_every_rule_of_the_house_once(house: str) -> None:
    """A rule without a truth is named in house_calls.toml with the reason."""
    rules = {rule.id for rule in rulebook.load(house).rules}
    unjudged = TABLE[house].get("unjudged", {})
    assert all(unjudged.values()) and set(unjudged) <= rules
    for call, truth in zip(TABLE[house]["calls"], truths(house), strict=True):
        written = Counter(rule for verdict in ("pass", "fail", "not_applicable") for rule in call.get(verdict, ()))
        assert not [rule for rule, times in written.items() if times > 1 or rule in TABLE[house]["limits"]], call["file"]
        assert set(truth["verdicts"]) == rules - set(unjudged), call["file"]


@pytest.mark.parametrize(("house", "plan"), CALLS, ids=lambda v: v if isinstance(v, str) else v.file[:2])
def test_every_fault_has_its_place(house: str, plan: CallPlan) -> None:
    truth = truth_of(house, plan)
    failed = {rule for rule, verdict in truth["verdicts"].items() if verdict == "fail"}
    assert failed == {fault["check"] for fault in truth["faults"]}
    length_ms = len(decode((FOLDER / house / plan.file).read_bytes())) / 8
    assert all(0 <= f["start_ms"] < f["end_ms"] <= length_ms + 50 for f in truth["faults"])
    assert [t["text"] for t in truth["turns"]] == [line.text for line in plan.lines]


# ---------------------------------------------------------------- the generator


@pytest.mark.skipif(not has_espeak(), reason="espeak-ng is not installed")
def test_generator_repeats_a_committed_call() -> None:
    house, plan = next((h, p) for h, p in CALLS if p.file.startswith("05_"))
    made = make(plan)
    assert made.truth == truth_of(house, plan)
    x, committed = decode(made.data), decode((FOLDER / house / plan.file).read_bytes())
    assert x.shape == committed.shape and np.max(np.abs(x - committed)) < 0.02


def test_marks_name_their_rules_and_lines_their_silence() -> None:
    told, cut = parse("A(9.5): 这{我不管}，{shirk,blame:你找别人}去。\nC~(1.6): 等一下")
    assert told.text == "这我不管，你找别人去。" and (told.seconds, told.overlap) == (9.5, False)
    assert told.marked == (("banned_phrases", 1, 4), ("shirk", 5, 9), ("blame", 5, 9)) and told.banned == ((1, 4),)
    assert (cut.seconds, cut.overlap) == (1.6, True)
    with pytest.raises(ValueError, match="without its end"):
        parse("A: 这{我不管")


def test_silence_and_overlap_are_as_long_as_the_script_says() -> None:
    """The searched-for seconds of 03 and the words that 02 cuts into, from the ends of the turns around them."""
    waited, cut_in = (truth_of("national-400", PLANS["national-400"][n])["turns"] for n in (2, 1))
    assert waited[3]["start_ms"] - waited[2]["end_ms"] == pytest.approx(66_000, abs=60)
    assert cut_in[1]["end_ms"] - cut_in[2]["start_ms"] == pytest.approx(1_600, abs=60)


# ---------------------------------------------------------------- the program under the houses' rule books


@cache
def evaluated(house: str, folder: Path) -> dict[str, Any]:
    """What `qa evaluate` prints for the house's calls."""
    command = ["evaluate", str(FOLDER / house), "--profile", house, "--asr", "demo", "--db", str(folder / "h.db"), "--json"]
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("qa.cli_evaluate.print_json", lambda value: written.append(json.dumps(value, ensure_ascii=False)))
        with pytest.raises(SystemExit) as stopped:
            main(command)
    assert not stopped.value.code
    found: dict[str, Any] = json.loads(written[0])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("houses")


@pytest.mark.slow
@pytest.mark.parametrize("house", HOUSES)
def test_verdicts_are_the_truth_or_left_to_a_person(house: str, folder: Path) -> None:
    found = evaluated(house, folder)
    wrong = [m for m in found["misses"] if m["got"] != "inconclusive"]
    assert wrong == []
    assert found["total"]["precision"] == 1.0 and found["errors"] == [] and found["skipped"] == []
    assert found["untold"] == list(TABLE[house].get("unjudged", {}))


@pytest.mark.slow
@pytest.mark.parametrize("house", HOUSES)
def test_most_is_ruled_and_most_breaches_are_found_in_their_place(house: str, folder: Path) -> None:
    """Who leaves all of it to a person is never wrong either: four fifths must be ruled, and of the faults found none lies elsewhere."""
    total = evaluated(house, folder)["total"]
    assert total["ruled_share"] >= 0.8 and total["recall"] >= 0.8
    assert total["fault_spans"] == 1.0
