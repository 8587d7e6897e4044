"""Nothing that the samples or an evaluation says was heard in training: sentences, templates, formulas, voices."""

from __future__ import annotations

import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ASR = ROOT / "models" / "asr"
sys.path.insert(0, str(ASR))
sys.path.insert(0, str(ROOT / "recordings_sample"))

MIN_UNIT = 5
_NUMBER = re.compile("[零幺一二两三四五六七八九十百千万]+(?:[块元点][零一二三四五六七八九]?)?")
# What the program slots of corpus.py can write, as character classes.
_PROGRAM = {
    "digits4": "[零幺一二三四五六七八九]{4}",
    "digits6": "[零幺一二三四五六七八九]{6}",
    "digits8": "[零幺一二三四五六七八九]{8}",
    "phone": "[零幺二三四五六七八九，]{11,13}",
    "staffno": "[零幺一二三四五六七八九]{2,5}",
    "order": "[零幺一二三四五六七八九]{6,12}",
    "money": "[零一二三四五六七八九十百千万]+(?:块|元|块钱|块[一二三四五六七八九])",
    "percent": "百分之[零一二三四五六七八九十]+",
    "date": "[一二三四五六七八九十]+月[一二三四五六七八九十]+[号日]",
    "time": "(?:上午|下午|晚上)?[一二三四五六七八九十]+点(?:半|钟|[一二三四五六七八九十]+分)?",
    "count": "[零一二三四五六七八九十百]+",
}


def units(text: str) -> list[str]:
    """Sentence units: cut at every sign that is no hanzi, five hanzi or longer, not a mere number or amount of money."""
    cut = re.split(r"[^\u4e00-\u9fff]+", text)
    return [u for u in cut if len(u) >= MIN_UNIT and not _NUMBER.fullmatch(u)]


def bare(text: str) -> str:
    return "".join(re.findall(r"[\u4e00-\u9fff]", text))


@cache
def training_text() -> str:
    """All written training sentences without punctuation, a line each: a unit may not lie inside a line."""
    return "\n".join(bare(line) for path in sorted((ASR / "texts").glob("*.txt")) for line in path.read_text("utf-8").splitlines())


@cache
def template_patterns() -> tuple[re.Pattern[str], ...]:
    """A pattern for each clause of each template of the training grammar; slots stand for all that they can write."""
    table = tomllib.loads((ASR / "texts" / "grammar.toml").read_text("utf-8"))
    slots = {
        name: "(?:" + "|".join(sorted({re.escape(bare(v)) for v in values}, key=len, reverse=True)) + ")"
        for name, values in table["slots"].items()
    } | {name: f"(?:{p})" for name, p in _PROGRAM.items()}
    out = []
    for template in table["templates"]:
        for clause in re.split(r"[，。？！、；：]", template):
            parts = re.split(r"\{(\w+)\}", clause)
            pattern = "".join(slots[p] if i % 2 else re.escape(p) for i, p in enumerate(parts))
            if pattern:
                out.append(re.compile(pattern))
    return tuple(out)


def collisions(texts: list[str]) -> list[str]:
    """Units of ``texts`` that training may have heard."""
    found = []
    for unit in sorted({u for t in texts for u in units(t)}):
        if unit in training_text() or any(p.fullmatch(unit) for p in template_patterns()):
            found.append(unit)
    return found


@cache
def sample_sentences() -> tuple[str, ...]:
    from make_samples import sample_plans

    return tuple(line.text for plan in sample_plans() for line in plan.lines)


@cache
def house_sentences() -> tuple[str, ...]:
    from make_samples import house_plans

    return tuple(line.text for plans in house_plans().values() for plan in plans for line in plan.lines)


@cache
def benchmark_sentences() -> tuple[str, ...]:
    from benchmark_plans import benchmark_plans

    return tuple({line.text for seed in (1, 7, 8) for plan in benchmark_plans(600, seed) for line in plan.lines})


def evaluation_sentences(name: str) -> list[str]:
    return (ASR / "eval" / name).read_text("utf-8").splitlines()


def test_no_sentence_of_the_samples_is_in_training() -> None:
    assert collisions(list(sample_sentences())) == []


def test_no_sentence_of_the_houses_is_in_training_but_their_regulations_own() -> None:
    """Three formulas that a regulation demands word for word are everyday phrases, which training has too."""
    demanded = {u for path in (ROOT / "lexicons").glob("*/clauses.txt") for u in units(path.read_text("utf-8"))}
    found = collisions(list(house_sentences()))
    assert found == ["感谢您的等待", "请耐心等待", "这是我们应该做的"] and set(found) <= demanded


def test_no_sentence_of_the_benchmark_is_in_training() -> None:
    assert collisions(list(benchmark_sentences())) == []


@pytest.mark.parametrize("path", sorted((ASR / "eval").glob("*.txt")), ids=lambda p: p.name)
def test_no_evaluation_sentence_is_in_training(path: Path) -> None:
    assert collisions(path.read_text("utf-8").splitlines()) == []


def test_the_search_finds_what_is_in_training() -> None:
    """A written sentence, a part of one, and a filled template are each found; a number alone is no sentence."""
    from corpus import grammar, sentences

    written = next(s for s in sentences() if len(units(s)) == 1 and len(units(s)[0]) >= 8)
    assert collisions([written]) == units(written)
    assert collisions([units(written)[0][1:-1]]) == [units(written)[0][1:-1]]
    slots = grammar()[1]
    assert collisions([f"从{bare(slots['province_city'][0])}到{bare(slots['province_city'][1])}要多久？"]) != []
    assert collisions(["一百二十八块", "零幺二三四五"]) == []


def test_samples_and_benchmark_share_formulas_alone() -> None:
    shared = {u for s in sample_sentences() for u in units(s)} & {u for s in benchmark_sentences() for u in units(s)}
    assert shared <= {"很高兴为您服务", "请问有什么可以帮您", "感谢您的来电", "祝您生活愉快", "我是华宁通信", "没有关系的"}


def test_reserved_formulas_are_not_in_training() -> None:
    """The generator of training texts gives none of them, and the templates cannot write one."""
    import random

    from corpus import RESERVED, generate, sentences

    assert not [s for s in sentences() if any(r in s for r in RESERVED)]
    texts = generate(random.Random(5))
    assert not [t for t in (next(texts) for _ in range(3000)) if any(r in t for r in RESERVED)]
    assert "华宁通信" not in training_text()


def test_voices_of_samples_and_evaluation_are_not_in_training() -> None:
    from benchmark_plans import AGENTS, VOICES
    from espeak import HELD_BACK, TRAINING
    from make_samples import house_plans, sample_plans

    plans = [*sample_plans(), *(p for of_house in house_plans().values() for p in of_house)]
    used = {v for p in plans for v in (p.agent.voice, p.customer_voice)} | {a.voice for a in AGENTS} | set(VOICES)
    assert used <= set(HELD_BACK)
    assert not set(HELD_BACK) & set(TRAINING)


def test_evaluation_texts_are_what_they_claim() -> None:
    """400 call-centre sentences; 1,000 different polite turns made by the script, without a banned phrase; known hanzi only."""
    sys.path.insert(0, str(ASR / "eval"))
    from make_polite import BANNED, turns

    calls, polite = evaluation_sentences("callcentre.txt"), evaluation_sentences("polite.txt")
    assert len(calls) == len(set(calls)) == 400
    assert len(polite) == len(set(polite)) == 1000
    assert polite == turns()
    assert not [t for t in polite for b in BANNED if b in t]
    table = tomllib.loads((ASR / "eval" / "polite.toml").read_text("utf-8"))
    assert len({re.sub(r"\{\w+\}", "", t) for t in table["templates"]}) >= 300
    known = set((ASR / "hanzi.txt").read_text("utf-8")) | set("，。？！")
    for sentences, longest in ((calls, 25), (polite, 30)):
        assert all(6 <= len(bare(s)) <= longest for s in sentences)
        assert not {c for s in sentences for c in s} - known
