"""A store of 1,000,000 scored calls for the load test of the web app, through the real schema and in bulk.

    python benchmarks/web_store.py /tmp/big.db [--calls 1000000] [--templates 400] [--agents 1000] [--teams 50] [--months 24]

Some hundred distinct calls (sentences of the benchmark calls, no sound) are judged by a whole house's rule book and kept in the ordinary
way.  Every other call is one of these again, by another agent at another time: its rows are copied with what is its own replaced, and so
are the rows that the search, the review queue and the publications keep of a call.  What was judged (payloads, findings, words of rules)
lies there once, as it does in a house's store where many calls have the same findings.  The months' figures are counted by the program
itself.  Everything is drawn from ``SEED``.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "recordings_sample"))

from benchmark_plans import benchmark_plans  # noqa: E402
from web_work import work  # noqa: E402

from qa import rows, rulebook, serial  # noqa: E402
from qa.appraisal import figures  # noqa: E402
from qa.check_examples import Scene  # noqa: E402
from qa.clips import index  # noqa: E402
from qa.clips.index import Entry  # noqa: E402
from qa.ledger_cards import Snapshot  # noqa: E402
from qa.people import accounts, passwords  # noqa: E402
from qa.people.accounts import User, UserRole  # noqa: E402
from qa.rescore import judge  # noqa: E402
from qa.review import queue  # noqa: E402
from qa.store import Store  # noqa: E402
from qa.types import Call  # noqa: E402

SEED = 6
BOOK = "zhongyi-gas"
PASSWORD = "seven-blue-tapirs-sing"
LAST_DAY = datetime.date(2025, 6, 15)
CHARACTERS_A_SECOND = 4.0
AT_ONCE = 20_000
RARE = {
    0.05: ("客户", "你们再不解决我就要投诉了。"),
    0.04: ("坐席", "这个不归我管，您打别的电话问问吧。"),
    0.1: ("坐席", "非常抱歉给您带来不便，我马上为您登记报修。"),
    0.01: ("客户", "燃气表一直在响，是不是漏气了？"),
}
"""Lines that only so large a share of the distinct calls has: words worth a search."""
PUBLISHED, REVIEWED = 0.9, 0.05
"""Shares of calls; of the last ``FRESH_DAYS`` nothing is published yet."""
FRESH_DAYS = 3


@dataclass(frozen=True)
class House:
    """How large: ``calls`` of ``agents`` in ``teams`` over ``months``, ``templates`` distinct ones."""

    calls: int
    templates: int
    agents: int
    teams: int
    months: int

    def agent(self, number: int) -> tuple[str, str, str]:
        """Number, name and team of an agent."""
        return f"{10_000 + number}", f"坐席{number:04d}", f"{number % self.teams + 1}组"


@dataclass(frozen=True)
class Template:
    """A kept call with its rows: what a copy takes over."""

    call: dict[str, Any]
    recording: dict[str, Any]
    card: dict[str, Any]
    snapshot: Snapshot
    utterances: tuple[dict[str, Any], ...]
    characters: tuple[str, ...]
    entry: Entry
    words: dict[str, str]
    worth: dict[str, Any]


# ---------------------------------------------------------------- distinct calls


def scripted(house: House) -> Iterator[Call]:
    """The distinct calls: what was said in one benchmark call each, at a plausible pace."""
    for number, plan in enumerate(benchmark_plans(house.templates, SEED)):
        chance = random.Random(f"{SEED}/{number}")
        script, at = [], 0.5
        lines = [("坐席" if line.role == "A" else "客户", line.text) for line in plan.lines]
        for share, line in RARE.items():
            if chance.random() < share:
                lines.insert(len(lines) // 2, line)
        for who, text in lines:
            seconds, sure = len(text) / CHARACTERS_A_SECOND * chance.uniform(0.8, 1.3), chance.uniform(0.6, 0.99)
            script.append(f"{who} {at:.2f}-{at + seconds:.2f} @{sure:.2f} {text}")
            at += seconds + chance.choice((0.3, 0.8, 1.5, 4.0))
        agent, name, team = house.agent(number % house.agents)
        made = Scene("\n".join(script), wait_s=chance.choice((4.0, 9.0, 21.0)), agent_id=agent, start=f"{_first_day(house)}T08:00:00.000")()
        assert made.record is not None
        call_id = f"T{number:06d}"
        audio = replace(made.audio, path=f"/recordings/{call_id}.wav", sha256=hashlib.sha256(call_id.encode()).hexdigest())
        record = replace(
            made.record, file=f"{call_id}.wav", call_id=call_id, agent_name=name, team=team, customer_number=f"139{number:08d}"
        )
        yield replace(made, audio=audio, record=record)


def templates(store: Store, house: House) -> list[Template]:
    """Judge and keep the distinct calls, and read their rows again."""
    book = rulebook.load(BOOK)
    store.ledger.register(book)
    made = []
    for call in scripted(house):
        saved = store.record(call, judge(call, book, store.earlier()))
        assert call.record is not None
        made.append(_template(store, call.record.call_id, saved.id))
    return made


def _template(store: Store, call_id: str, scorecard_id: int) -> Template:
    (call,) = store.db.rows("select * from calls where call_id = ?", call_id)
    (recording,) = store.db.rows("select * from recordings where sha256 = ?", call["sha256"])
    (card,) = store.db.rows("select * from scorecards where id = ?", scorecard_id)
    said = store.db.rows("select * from utterances where call_id = ? order by position", call_id)
    characters = tuple(store.db.rows("select characters from utterances_fts where rowid = ?", u["id"])[0]["characters"] for u in said)
    entry, of = index.entry(store, call_id), store.stored_call(call_id)
    assert entry is not None and of is not None
    words = index._words(entry.lines, "")
    snapshot = serial.decode(card["snapshot"], Snapshot)
    return Template(call, recording, card, snapshot, tuple(said), characters, entry, words, queue._worth(store, of))


# ---------------------------------------------------------------- all the others


def _first_day(house: House) -> datetime.date:
    return LAST_DAY - datetime.timedelta(days=30 * house.months)


class Copies:
    """Writes calls in order of time; what must be numbered on is numbered here."""

    def __init__(self, store: Store, house: House, made: list[Template]) -> None:
        self.store, self.house, self.made = store, house, made
        self.chance = random.Random(SEED)
        self.cards, self.utterances = self._last("scorecards", "id"), self._last("utterances", "id")
        self.numbers = self._last("search_calls", "number")
        self.begin = datetime.datetime.combine(_first_day(house), datetime.time(8))
        self.step_s = (LAST_DAY - _first_day(house)).days * 86400 / max(1, house.calls)
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def _last(self, table: str, column: str) -> int:
        return int(self.store.db.rows(f"select coalesce(max({column}), 0) as n from {table}")[0]["n"])

    def write(self, first: int, last: int) -> None:
        """The calls with these numbers, in one transaction."""
        self.rows = {}
        for number in range(first, last):
            self._call(number)
        with self.store.db.writing():
            for table, found in self.rows.items():
                for columns in {tuple(row) for row in found}:
                    sql = f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"
                    self.store.db.sqlite.conn.executemany(sql, (tuple(row.values()) for row in found if tuple(row) == columns))
            self.store.db.sqlite.execute("delete from search_stale")

    def _add(self, table: str, row: dict[str, Any]) -> None:
        self.rows.setdefault(table, []).append(row)

    def _call(self, number: int) -> None:
        of = self.made[self.chance.randrange(len(self.made))]
        call_id, sha256 = f"C{number:07d}", hashlib.sha256(f"call {number}".encode()).hexdigest()
        agent, name, team = self.house.agent(self.chance.randrange(self.house.agents))
        moment = self.begin + datetime.timedelta(seconds=number * self.step_s)
        started = moment.replace(hour=8 + moment.hour // 2).isoformat(timespec="milliseconds")
        own = {"call_id": call_id, "agent_id": agent}
        path, customer = f"/recordings/{call_id}.wav", f"138{number:08d}"
        self._add("recordings", of.recording | {"sha256": sha256})
        told = {"file": path, "sha256": sha256, "agent_name": name, "team": team, "customer_number": customer, "start": started}
        self._add("calls", of.call | own | told | {"answer": None, "end": None, "started": started})
        self.cards += 1
        self._card(of, own, sha256, name, team, customer, started)
        for said, characters in zip(of.utterances, of.characters, strict=True):
            self.utterances += 1
            self._add("utterances", said | {"id": self.utterances, "call_id": call_id})
            self._add("utterances_fts", {"rowid": self.utterances, "characters": characters})
        self._found(of, own, team, started)
        self._worked(of, own, team, started)

    def _card(self, of: Template, own: dict[str, str], sha256: str, name: str, team: str, customer: str, started: str) -> None:
        record = of.snapshot.record
        assert record is not None
        record = replace(
            record,
            **own,
            file=f"{own['call_id']}.wav",
            agent_name=name,
            team=team,
            customer_number=customer,
            start=started,
            answer=None,
            end=None,
        )
        snapshot = serial.encode(replace(of.snapshot, audio=replace(of.snapshot.audio, sha256=sha256), record=record))
        provenance = of.card["provenance_json"].replace(of.recording["sha256"], sha256)
        digest = hashlib.sha256(snapshot).hexdigest()
        made = own | {"id": self.cards, "snapshot": snapshot, "provenance_json": provenance, "digest": digest}
        self._add("scorecards", of.card | made)

    def _found(self, of: Template, own: dict[str, str], team: str, started: str) -> None:
        """What the search keeps of a call (``qa.clips.index.put``)."""
        entry = replace(of.entry, **own, team=team, started=started, scorecard_id=self.cards)
        self.numbers = max(self.numbers + 1, index.first_number(started))
        marks = " ".join(index.marks_of(entry))
        row = {name: getattr(entry, name) for name in Entry.__dataclass_fields__ if name not in ("results", "lines")}
        row |= {
            "number": self.numbers,
            "demo": int(entry.demo),
            "version": index.VERSION,
            "marks": marks,
            "lines": index.packed(entry.lines),
        }
        self._add("search_calls", row)
        self._add("search_words", {"rowid": self.numbers} | of.words | {"marks": marks})

    def _worked(self, of: Template, own: dict[str, str], team: str, started: str) -> None:
        """The review queue, finished reviews, publications."""
        drawn, fresh = self.chance.random(), started >= (LAST_DAY - datetime.timedelta(days=FRESH_DAYS)).isoformat()
        about = {"scorecard_id": self.cards, "made_by": "质检", "created": f"{started}+00:00"}
        if drawn < REVIEWED:
            self._add("reviews", {"call_id": own["call_id"], "comment": ""} | about)
        if drawn < PUBLISHED and not fresh:
            self._add("publications", {"call_id": own["call_id"], "note": ""} | about)
        control = queue.control(own["call_id"])
        reasons = [r for r in rows.from_json(of.worth["reasons_json"], list[str]) if r != "control"] + ["control"] * control
        worth = of.worth["worth"] + queue.WORTH["control"][0] * (control - of.worth["control"])
        state = "done" if drawn < REVIEWED else "open" if reasons else "rest"
        row = of.worth | own | {"team": team, "started": started, "scorecard_id": self.cards, "control": int(control), "worth": worth}
        self._add("review_worth", row | {"state": state, "reasons_json": rows.to_json(reasons)})


def people(store: Store, house: House) -> None:
    """Two of every role, all with ``PASSWORD``: ``agent1`` … ``admin2``."""
    kept = passwords.hashed(PASSWORD)
    for role in UserRole:
        for number in (1, 2):
            agent, name, team = house.agent(number)
            own = {UserRole.AGENT: (agent, team), UserRole.LEAD: ("", team)}.get(role, ("", ""))
            user = User(0, f"{role.value}{number}", name if role is UserRole.AGENT else f"{role.value}{number}", role, *own)
            accounts.add(store.db, user, PASSWORD, "benchmark")
    with store.db.writing():
        store.db.sqlite.execute("update users set password_hash = ?", (kept,))  # the load test logs in often


def make(path: Path, house: House, *, counted: bool = True) -> None:
    """Write the store; tells how far it is."""
    begun = time.monotonic()
    told = lambda what: print(f"{time.monotonic() - begun:7.1f} s  {what}", flush=True)  # noqa: E731
    with Store(path) as store:
        for pragma in ("synchronous = off", "cache_size = -1500000", "temp_store = memory"):
            store.db.sqlite.execute(f"PRAGMA {pragma}")
        people(store, house)
        made = templates(store, house)
        index.refresh(store)
        queue.refresh(store)
        told(f"{len(made)} distinct calls judged")
        copies = Copies(store, house, made)
        for first in range(0, house.calls, AT_ONCE):
            copies.write(first, min(first + AT_ONCE, house.calls))
            told(f"{min(first + AT_ONCE, house.calls)} calls")
        with store.db.writing():
            store.db.insert("review_read", {"id": 1, "scorecard_id": copies.cards}, "or replace")
        for table in ("utterances_fts", "search_words"):
            with store.db.writing():
                store.db.sqlite.execute(f"insert into {table} ({table}) values ('optimize')")
        told("search index joined")
        if counted:
            figures.ensure(store, budget_s=None)
            told("months counted")
        told(work(store))
        store.db.sqlite.execute("analyze")
        store.db.sqlite.execute("PRAGMA wal_checkpoint(truncate)")
    told(f"{path.stat().st_size / 2**30:.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("db", type=Path)
    for name, default in (("calls", 1_000_000), ("templates", 400), ("agents", 1000), ("teams", 50), ("months", 24)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--no-figures", action="store_true", help="leave the months to be counted by the pages")
    given = parser.parse_args()
    if given.db.exists():
        parser.error(f"{given.db} is there already")
    make(given.db, House(given.calls, given.templates, given.agents, given.teams, given.months), counted=not given.no_figures)


if __name__ == "__main__":
    main()
