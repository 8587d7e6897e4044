"""The web app under load: eight people of all roles on a real server over HTTP, the time to the last byte of every page.

    python benchmarks/web_store.py /tmp/big.db
    python benchmarks/web_load.py /tmp/big.db [--seconds 60] [--pause 1] [--decisions 0.25] [--json out.json]

Every page of the table of routes that a role may open is asked for with objects of that role's own, drawn from the store by ``SEED``,
so that a new page is measured without a word here.  Downloads and sound are no pages and left out; a page whose objects the store has
none of is listed as not measured.  QA and the team lead also decide (``web_decisions.py``): that writes into the store, and is counted
apart (``POST …``).  Each person asks, waits ``pause`` seconds on average, and asks for something else; the server is a process of its
own, as ``qa serve`` starts it.  Aims: p95 of every page at most 50 ms, of Chinese full-text search at most 100 ms.
"""

from __future__ import annotations

import argparse
import functools
import html
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import web_decisions

from qa.people.accounts import UserRole
from qa.store import Store
from qa.web.addresses import address
from qa.web.routes import ROUTES, Page

SEED = 6
PASSWORD = "seven-blue-tapirs-sing"
PEOPLE = ("agent1", "agent2", "lead1", "qa1", "qa2", "trainer1", "hr1", "admin1")
PAGE_MS, SEARCH_MS = 50.0, 100.0
DRAWN = 200
SEARCH = "/search"
WORDS = ("投诉", "报修", "您好", "漏气", "话费", "不归我管", "稍等", "感谢您的来电", "宽带", "抱歉")
"""Frequent and rare ones; as many again are drawn from what was said (``Objects.searches``)."""
MORE: tuple[dict[str, str], ...] = (
    *({"words": word, "sound": "1"} for word in WORDS[:5]),
    *({"words": word, "speaker": "customer"} for word in WORDS[:3]),
    {"words": "投诉", "team": "7组"},
    {"words": "您好", "since": "2025-06-01"},
    {"words": "报修", "example": "bad"},
)


@dataclass(frozen=True)
class Wish:
    """What is asked for: ``name`` is what it is counted as."""

    name: str
    path: str


@dataclass
class Person:
    """Somebody who is logged in, on a connection of their own."""

    login: str
    server: str
    cookies: dict[str, str] = field(default_factory=dict)
    leads: str = ""

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(self.server).netloc, timeout=60)
        _, page = self.ask("GET", "/login")
        found = re.search(r'name="csrf" value="([^"]+)"', page.decode())
        assert found is not None
        form = {"csrf": html.unescape(found[1]), "login": self.login, "password": PASSWORD, "next": "/"}
        status, _ = self.ask("POST", "/login", urlencode(form))
        if status != 303:
            raise SystemExit(f"{self.login} cannot log in ({status}): was the store made by benchmarks/web_store.py?")

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        """Status and body; ``leads``: where the answer leads.  The connection stays open."""
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), "Origin": self.server.rstrip("/")}
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        data = answer.read()
        self.leads = answer.getheader("Location", "")
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, kept = value.split(";")[0].partition("=")
                self.cookies[key] = kept
        return answer.status, data


# ---------------------------------------------------------------- what may be asked for


class Objects:
    """Things that pages are about, of each person's own, drawn from the store."""

    def __init__(self, store: Store, login: str) -> None:
        (self.user,) = store.db.rows("select * from users where login = ?", login)
        self.store, self.chance = store, random.Random(f"{SEED}/{login}")
        self._known: dict[str, list[str]] = {}
        self.searches = self._searches()

    def _searches(self) -> list[dict[str, str]]:
        """What is searched for: words of any length that somebody said among them."""
        most = self.store.db.rows("select max(id) as n from utterances")[0]["n"]
        numbers = [self.chance.randint(1, most) for _ in range(40)]
        said = self._rows(f"select text from utterances where id in ({', '.join(map(str, numbers))})")
        runs = [run for text in said for run in re.findall(r"[\u4e00-\u9fff]{2,}", text)]
        cuts = [run[at : at + length] for run in runs for length in (2, 3, 4) for at in [self.chance.randrange(max(1, len(run) - length))]]
        return [*({"words": word} for word in (*WORDS, *self.chance.sample(cuts, min(len(cuts), len(WORDS))))), *MORE]

    def draw(self, name: str) -> str | None:
        """One value of a parameter, None where there is none in this person's reach."""
        if name not in self._known:
            made = getattr(self, f"_{name}", None)
            self._known[name] = made() if made is not None else []
        return self.chance.choice(self._known[name]) if self._known[name] else None

    def _rows(self, sql: str, *params: object) -> list[str]:
        return [str(next(iter(row.values()))) for row in self.store.db.rows(sql, *params)]

    def _call_id(self) -> list[str]:
        own = {"agent": ("agent_id = ?", self.user["agent_id"]), "lead": ("team = ?", self.user["team"])}.get(self.user["role"])
        published = "exists (select 1 from publications p where p.call_id = c.call_id)"
        if own:
            return self._rows(f"select call_id from calls c where {own[0]} and {published} order by started desc limit {DRAWN}", own[1])
        return self._rows(f"select call_id from calls c order by started desc limit {DRAWN}")

    def _agent_id(self) -> list[str]:
        if self.user["agent_id"]:
            return [self.user["agent_id"]]
        where, params = ("where team = ?", [self.user["team"]]) if self.user["team"] else ("", [])
        return self._rows(f"select distinct agent_id from (select agent_id from calls {where} order by started desc limit 2000)", *params)

    def _team(self) -> list[str]:
        return [self.user["team"]] if self.user["team"] else self._rows("select distinct team from month_figures where team <> '' limit 50")

    def _card(self) -> list[str]:
        return self._rows(f"select scorecard_id from search_calls order by number desc limit {DRAWN}")

    def _month(self) -> list[str]:
        return self._rows("select distinct month from month_figures order by month desc limit 6")

    def _day(self) -> list[str]:
        return self._rows("select distinct substr(started, 1, 10) from (select started from calls order by started desc limit 2000)")

    def _appeal_id(self) -> list[str]:
        own = {
            "agent": ("agent_id", self.user["agent_id"]),
            "lead": ("(select team from calls c where c.call_id = a.call_id)", self.user["team"]),
        }
        of, value = own.get(self.user["role"], ("''", ""))
        return self._rows(f"select id from appeals a where {of} = ? order by id desc limit {DRAWN}", value)

    def _draft(self) -> list[str]:
        return self._rows("select distinct draft from rule_drafts limit 5")

    def _clip_id(self) -> list[str]:
        return self._rows(f"select id from clips limit {DRAWN}")

    def _playlist_id(self) -> list[str]:
        return self._rows(f"select id from playlists limit {DRAWN}")


def wishes(page: Page, objects: Objects) -> Callable[[], Wish] | None:
    """Draws addresses of a page; None where the store has nothing to show on it."""
    names = re.findall(r"{(\w+)}", page.path)
    if any(objects.draw(name) is None for name in names):
        return None

    def one() -> Wish:
        plain = address(page.path, **{name: objects.draw(name) for name in names})
        if page.path != SEARCH:
            return Wish(page.path, plain)
        return Wish("search", address(SEARCH, query=objects.chance.choice(objects.searches)))

    return one


def pages(user: str) -> list[Page]:
    """What the role may open with its eyes alone."""
    role = UserRole(user)
    ways = [p for p in ROUTES if p.method == "GET" and p.plain is None and role in p.permission.roles]
    return [p for p in ways if not re.search(r"audio|sound|export|/login$|[./](xlsx|csv|zip)$", p.path)]


# ---------------------------------------------------------------- measuring


@dataclass
class Figures:
    """Milliseconds by page, answers other than a page or the way to one, pages that could not be asked for."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: Counter[str] = field(default_factory=Counter)
    unmeasured: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def visit(db: Path, server: str, login: str, until: list[float], pause_s: float, decisions: float, found: Figures) -> None:
    """One person's time on the site; what is asked before ``until[0]`` warms up and is not counted."""
    with Store(db, create=False) as store:
        objects = Objects(store, login)
        drawers = []
        for page in pages(objects.user["role"]):
            drawer = wishes(page, objects)
            if drawer is None:
                found.unmeasured.add(page.path)
            else:
                drawers.append(drawer)
    person, role = Person(login, server), objects.user["role"]
    pause = functools.partial(objects.chance.expovariate, 1 / pause_s)

    def ask(name: str, method: str, path: str, body: str | None) -> tuple[int, bytes, str]:
        begun = time.perf_counter()
        status, data = person.ask(method, path, body)
        took = 1000 * (time.perf_counter() - begun)
        with found.lock:
            if time.monotonic() >= until[0]:
                found.ms[name].append(took)
            if status not in (200, 303):
                found.wrong[f"{status} {name} ({login})"] += 1
        time.sleep(pause())
        return status, data, person.leads

    while time.monotonic() < until[1]:
        decides = role in web_decisions.LISTED and objects.chance.random() < decisions
        if not (decides and web_decisions.decide(role, ask, functools.partial(objects.draw, "call_id"), objects.chance)):
            wish = objects.chance.choice(drawers)()
            ask(wish.name, "GET", wish.path, None)


def share(values: list[float], part: float) -> float:
    """A quantile: the smallest value that so many are not above."""
    return sorted(values)[max(0, -(-len(values) * int(part * 100) // 100) - 1)]


def start(db: Path) -> tuple[subprocess.Popen[str], str]:
    """A server of its own, and its address."""
    command = [sys.executable, "-m", "qa", "serve", "--db", str(db), "--port", "0"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ)
    assert running.stdout is not None
    return running, running.stdout.readline().split()[-1]


def measure(db: Path, seconds: float, warm_s: float, pause_s: float, decisions: float) -> Figures:
    """All people at once."""
    found = Figures()
    running, server = start(db)
    try:
        now = time.monotonic()
        until = [now + warm_s, now + warm_s + seconds]
        people = [threading.Thread(target=visit, args=(db, server, login, until, pause_s, decisions, found)) for login in PEOPLE]
        for one in people:
            one.start()
        for one in people:
            one.join()
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)
    return found


def told(found: Figures) -> dict[str, dict[str, float]]:
    """Prints the figures and returns them."""
    rows = {name: {"n": len(v), "p50": share(v, 0.5), "p95": share(v, 0.95), "max": max(v)} for name, v in sorted(found.ms.items())}
    for title, posts in (("all pages", False), ("all decisions", True)):
        every = [ms for name, values in found.ms.items() if name != "search" and name.startswith("POST ") is posts for ms in values]
        if every:
            rows[title] = {"n": len(every), "p50": share(every, 0.5), "p95": share(every, 0.95), "max": max(every)}
    for name, row in rows.items():
        aim = SEARCH_MS if name == "search" else PAGE_MS
        mark = " " if row["p95"] <= aim else "!"
        print(f"{mark} {name:45} n {row['n']:6.0f}  p50 {row['p50']:8.1f} ms  p95 {row['p95']:8.1f} ms  max {row['max']:8.1f} ms")
    for name, times in found.wrong.items():
        print(f"! {times} × {name}")
    print("not measured (the store has no such objects):", ", ".join(sorted(found.unmeasured)) or "none")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("db", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm", type=float, default=10.0, help="seconds before anything is counted")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two pages of one person, on average")
    parser.add_argument("--decisions", type=float, default=0.25, help="share of what QA and the lead do that writes; 0: nobody writes")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = told(measure(given.db, given.seconds, given.warm, given.pause, given.decisions))
    if given.json is not None:
        given.json.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
