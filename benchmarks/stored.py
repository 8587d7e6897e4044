"""A database of many stored calls, made from the sentences of the benchmark calls without any sound, and rule books to judge them by.

The book is a whole house's (``zhongyi-gas``) with one list more, so that it has over 40 rules and 2,000 phrases.
"""

from __future__ import annotations

import datetime
import hashlib
import random
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "recordings_sample"))

from benchmark_plans import benchmark_plans  # noqa: E402

from qa import rulebook, scoring  # noqa: E402
from qa.check_examples import Scene  # noqa: E402
from qa.rules.book import RuleBook  # noqa: E402
from qa.scoring import call_id  # noqa: E402
from qa.store import Store  # noqa: E402
from qa.types import Call, Scorecard  # noqa: E402

SEED = 42
PHRASES = 2000
CHUNK = 100
AGENTS = 120
FIRST_DAY = datetime.date(2025, 3, 3)
CALLS_A_DAY = 5000
CHARACTERS_A_SECOND = 3.0  # with the pauses inside a turn
_WORD = re.compile(r"[\u4e00-\u9fff]{2,5}")


def phrases(count: int = PHRASES) -> list[str]:
    """Words of jieba's dictionary, two to five characters long, drawn by chance."""
    import jieba

    text = (Path(jieba.__file__).parent / "dict.txt").read_text("utf-8")
    words = [word for word in (line.split(" ")[0] for line in text.splitlines()) if _WORD.fullmatch(word) and len(word) > 2]
    return random.Random(SEED).sample(words, count)


def book(folder: Path, *, weight: int = 12, max_cpm: float = 200.0, more: tuple[str, ...] = ()) -> RuleBook:
    """The rule book, written to ``folder``; the arguments are what a supervisor changes: points, a limit, a phrase more."""
    folder.mkdir(parents=True, exist_ok=True)
    lists = [*phrases(), *more]
    for number in range(4):
        (folder / f"list{number}.txt").write_text("\n".join(lists[number::4]) + "\n", "utf-8")
    rules = [
        '[profile]\nid = "many"\ntitle = "基准规则书"\nversion = "1"\nextends = "zhongyi-gas"\n',
        f"[checks.greeting]\nweight = {weight}\n",
        f"[checks.speech_rate]\nmax_cpm = {max_cpm}\n",
    ]
    rules += [
        f'[checks.words{number}]\nkind = "phrase"\ntitle = "词表 {number}"\nclause = "不得说词表 {number} 里的话。"\n'
        f'section = "attitude"\nweight = 2\nforbid = ["list{number}.txt"]\n'
        for number in range(4)
    ]
    (folder / "rules.toml").write_text("\n".join(rules), "utf-8")
    return rulebook.load(folder)


@cache
def _plans(chunk: int) -> tuple[object, ...]:
    return tuple(benchmark_plans(2 * CHUNK, SEED + chunk))


def call(number: int) -> Call:
    """The call with this number: the turns of two benchmark calls one after the other, at a plausible pace."""
    chance = random.Random(f"{SEED}/{number}")
    plans = _plans(number // CHUNK)[2 * (number % CHUNK) : 2 * (number % CHUNK) + 2]
    script, at = [], 0.5
    for plan in plans:
        for line in plan.lines:  # type: ignore[attr-defined]
            seconds = len(line.text) / CHARACTERS_A_SECOND * chance.uniform(0.8, 1.3)
            who, sure = "坐席" if line.role == "A" else "客户", chance.uniform(0.6, 0.99)
            script.append(f"{who} {at:.2f}-{at + seconds:.2f} @{sure:.2f} {line.text}")
            at += seconds + chance.uniform(0.2, 2.0)
    day = FIRST_DAY + datetime.timedelta(days=number // CALLS_A_DAY)
    start = f"{day}T{chance.randrange(8, 20):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}.000"
    wait_s, agent_id = chance.choice((4.0, 9.0, 12.0, 21.0)), f"{8000 + chance.randrange(AGENTS)}"
    made = Scene("\n".join(script), wait_s=wait_s, agent_id=agent_id, start=start)()
    assert made.record is not None
    audio = replace(made.audio, path=f"/calls/{number:06d}.wav", sha256=hashlib.sha256(f"call {number}".encode()).hexdigest())
    return replace(made, audio=audio, record=replace(made.record, call_id=f"{number:06d}", customer_number=f"139{number:08d}"))


def make(path: Path, folder: Path, count: int, distinct: int, workers: int) -> Iterator[int]:
    """Fill the database at ``path`` with ``count`` calls scored by the book in ``folder``; yields how many are there.

    ``distinct`` of them are different; the others repeat these under ids, agents and days of their own, which spares most of the hours
    that judging all of them for the first time would take.
    """
    rules = book(folder)
    chance = random.Random(SEED)
    distinct = min(count, distinct)
    chunks = range(0, distinct, CHUNK)
    begun = done = 0
    with Store(path) as store, ProcessPoolExecutor(workers) as pool:
        store.ledger.register(rules)
        for scored in pool.map(_scored, [folder] * len(chunks), chunks, [distinct] * len(chunks)):
            for number, (of, card) in enumerate(scored):
                place = begun + number
                for copy in range((place + 1) * count // distinct - place * count // distinct):
                    other = _again(of, copy, chance) if copy else of
                    store.record(other, replace(card, call_id=call_id(other), agent_id=other.record.agent_id if other.record else None))
                    done += 1
            begun += len(scored)
            yield done


def _again(of: Call, copy: int, chance: random.Random) -> Call:
    """The same call by another agent at another time."""
    assert of.record is not None
    day = FIRST_DAY + datetime.timedelta(days=chance.randrange(20))
    start = f"{day}T{chance.randrange(8, 20):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}.000"
    agent_id = f"{8000 + chance.randrange(AGENTS)}"
    record = replace(of.record, call_id=f"{of.record.call_id}-{copy}", agent_id=agent_id, start=start, answer=None, end=None)
    return replace(of, record=record)


@cache
def _book(folder: Path) -> RuleBook:
    return rulebook.load(folder)


def _scored(folder: Path, begin: int, count: int) -> list[tuple[Call, Scorecard]]:
    calls = (call(number) for number in range(begin, min(begin + CHUNK, count)))
    return [(of, scoring.score(of, _book(folder))) for of in calls]
