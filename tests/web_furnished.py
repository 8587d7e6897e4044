"""The house of ``web_house`` with something on every page, and all addresses of it; what is data there, and what is not."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import stored_houses
import web_house
from web_house import AGENTS, PEOPLE, House, call_id

from qa import rulebook
from qa.appraisal import closing, figures, month_table
from qa.checks import registry
from qa.clips import cutting, index, playlists, release
from qa.clips.cutting import Wish
from qa.ledger_closing import close_month
from qa.people import accounts
from qa.review import appeals, assignments, queue, reviews, rule_editing, sampling, text_marks, verdicts
from qa.review.appeal_states import today
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Evidence, Finding, Outcome, Role, Span
from qa.web.addresses import address
from qa.web.routes import ROUTES, Page
from qa.web.sentences import HAN

A, B, C = (call_id("8001", n) for n in range(3))
EXAMPLES = "EX-"
KEPT = Terms("质检小王", "开头被截断")
TYPED = (
    "开头被截断",
    "不耐烦",
    "我问候了的",
    "听得很清楚",
    "请再听",
    "报修怎么接",
    "新人听听",
    "每周一课",
    "本月无误",
    "看第三句",
    "什么事呀",
    "补录",
)
"""What people of the house wrote: comments, reasons, names of clips."""


def furnish(house: House, folder: Path) -> None:
    """Verdicts, corrections, appeals, a draft of rules, clips, playlists, a closed month and one with fines that wait."""
    store = house.store
    _examples(store)
    _months(store, folder)
    house.publish(A, B, C, *(call_id(agent, n) for agent in ("8002", "8003") for n in range(3)))
    verdicts.overturn(store, call_id("8002", 1), "greeting", Outcome.PASS, KEPT)
    verdicts.confirm(store, C, "banned_phrases", Terms("质检小王"))
    verdicts.overturn(store, C, "speech_rate", Outcome.NOT_APPLICABLE, KEPT)
    verdicts.withdraw(store, C, "speech_rate", KEPT)
    verdicts.add(store, C, "banned_phrases", Evidence(Span(10_500, 12_000), Role.AGENT, ""), Terms("质检小王", "不耐烦"))
    line = store.call(C).transcript.utterances[-1]
    text_marks.correct(store, C, line.speaker, line.span, "什么事呀", KEPT)
    reviews.finish(store, C, "质检小王", "看第三句")
    _appeals(store)
    queue.refresh(store, 1000)
    assignments.assign(store, [call_id("8003", 1)], accounts.by_login(store.db, "qa2").id, "质检小王")
    sampling.draw(store, date(2025, 6, 11), 1, "质检小王")
    draft = rule_editing.begin(store, "default", "质检小王")
    rule_editing.set_limit(store, draft.id, draft.revision, "speech_rate", "max_cpm", "281", "质检小王")
    _clips(store)
    figures.ensure(store, budget_s=None)
    closing.sign(store, "2025-06", "一组", "王班长", "本月无误", closing.digest(month_table.table(store, "2025-06", budget_s=None), "一组"))


def _examples(store: Store) -> None:
    """A call of each check's own examples that nobody can rule."""
    book = rulebook.load("default")
    for check_id, module in registry().items():
        call = next(e.call() for e in module.EXAMPLES if e.outcome is Outcome.INCONCLUSIVE and not e.params)
        name = EXAMPLES + check_id
        record = call.record and replace(
            call.record, call_id=name, agent_id="8001", agent_name="李敏", team="一组", customer_number=web_house.NUMBER
        )
        audio = replace(call.audio, path=f"/nowhere/{name}.wav", sha256=hashlib.sha256(name.encode()).hexdigest())
        stored_houses.save(store, book, replace(call, audio=audio, record=record))


def _months(store: Store, folder: Path) -> None:
    """May with fines that wait, April closed."""
    book = stored_houses.house(folder / "fined", worth="deduction = 5\nfine = { low = 50, high = 500 }")
    for month in ("2025-04", "2025-05"):
        for n in range(3):
            of = stored_houses.call(f"{month}-{n}", f"{month}-{10 + n}T10:00:00.000", "8001", rings=5 if n < 2 else 2)
            assert of.record is not None
            of = replace(of, record=replace(of.record, agent_name="李敏", team="一组"))
            stored_houses.save(store, book, of)
            if month == "2025-04" and n < 2:
                verdicts.confirm(store, of.record.call_id if of.record else "", "pickup", Terms("质检小王"))
    figures.ensure(store, budget_s=None)
    close_month(store, "2025-04", "人事小张", "本月无误")
    verdicts.overturn(store, "2025-04-0", "pickup", Outcome.PASS, replace(KEPT, closed_month=True))


def _appeals(store: Store) -> None:
    """One that waits for the lead, one that was refused and waits for QA."""
    reason = appeals.terms_of(store, store.scorecard(B)).reasons[0]
    appeals.file(store, B, "greeting", "8001", reason, "我问候了的", "李敏", today())
    one = appeals.file(store, call_id("8002", 2), "banned_phrases", "8002", reason, "我问候了的", "周平", today())
    appeals.answer(store, one.id, "lead", "reject", "听得很清楚", "王班长")
    appeals.escalate(store, one.id, "请再听", "周平")


def _clips(store: Store) -> None:
    index.refresh(store)
    made = [cutting.cut(store, B, Wish(Span(6000, 16_500), 0, title="报修怎么接", note="新人听听"), "培训老师") for _ in range(2)]
    release.decide(store, made[0].id, made[0].version.id, "released", "质检小王", heard=True)
    kept = playlists.create(store, "每周一课", "培训老师", "新人听听")
    for clip in made:
        playlists.add(store, kept, clip.id, "新人听听")


def example_findings() -> Iterator[tuple[str, Finding, set[str]]]:
    """Of the examples of every check: check, finding, and all data that it may name."""
    for check_id, module in registry().items():
        for example in module.EXAMPLES:
            call, params = example.call(), module.Params(**dict(example.params))
            data = set(strings(params)) | {u.text for u in call.transcript.utterances}
            yield from ((check_id, finding, data) for finding in module.run(call, params))


# ---------------------------------------------------------------- addresses

QUERIES = {
    "/search": ("?words=投诉", "?check=greeting&outcome=fail", "?words=没说过的"),
    "/rules/{draft}/try": ("?since=2025-06-01&until=2025-06-30",),
    "/search/{card}/cut": ("?start=11500&end=16000&check=greeting&example=bad",),
    "/my": ("?of=2025-06-12", "?period=month&of=2025-06-12", "?of=2024-01-01"),
    "/my/calls/{call_id}/appeal": ("?rule=banned_phrases", ""),
    "/sampling": ("?day=2025-06-11", "?day=2024-01-01"),
    "/briefing/{team}": ("?day=2025-06-12", "?day=2024-01-01"),
    "/review": ("", "?state=done", "?state=rest"),
    **dict.fromkeys(
        ("/teams/{team}", "/agents/{agent_id}", "/teams", "/appraisal", "/appraisal/print", "/months"),
        ("?month=2025-06", "?month=2025-05", "?month=2025-04", "?month=2024-01"),
    ),
}
"""What is asked for besides the address alone."""


def pages(house: House) -> Iterator[tuple[str, str]]:
    """Person and address of every page that may show something to that person; a few more that show why not."""
    objects = _objects(house)
    for page in (one for one in ROUTES if one.method == "GET" and one.plain is None):
        names = re.findall(r"{(\w+)}", page.path)
        for values in itertools.product(*(objects.get(name, ["1"]) for name in names)):
            at = address(page.path, **dict(zip(names, values, strict=True)))
            for who, query in itertools.product(_people(page), QUERIES.get(page.path, ("",))):
                yield who, at + query


def _people(page: Page) -> list[str]:
    """One of each role that may."""
    each = {person.role: login for login, person in reversed(PEOPLE.items())}
    return [login for role, login in each.items() if role in page.permission.roles]


def _objects(house: House) -> dict[str, Iterable[str]]:
    cards = house.store.db.rows("select scorecard_id from search_calls where call_id in (?, ?)", B, C)
    return {
        "call_id": [A, B, C, call_id("8002", 2), "2025-04-0", *(EXAMPLES + check_id for check_id in registry()), "nobody-knows-it"],
        "agent_id": ["8001", "8003"],
        "team": ["一组", "二组"],
        "appeal_id": ["1", "2"],
        "draft": ["1"],
        "card": [str(row["scorecard_id"]) for row in cards],
        "clip_id": ["1", "2"],
        "playlist_id": ["1"],
        "kind": ["webm"],
        "day": ["2025-06-12"],
        "user_id": [str(house.users["agent"].id)],
    }


# ---------------------------------------------------------------- what a page says


@dataclasses.dataclass
class Text(HTMLParser):
    """``texts``: of elements, with the language they are marked in; ``attributes``: those that people are told."""

    told = ("title", "aria-label", "placeholder", "alt", "data-confirm", "data-play", "data-pause", "label", "content")
    plain = ("option", "title", "text")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self.attributes: list[str] = []
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.attributes += [value for name in self.told if (value := given.get(name))]
        if tag not in ("meta", "input", "link", "br", "img", "rect", "path", "circle", "hr", "source"):
            self._open.append((tag, given.get("lang") or (self._open[-1][1] if self._open else "")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, language = self._open[-1] if self._open else ("", "")
        if data.strip() and tag not in ("script", "style", "textarea"):  # what a field holds is data
            if tag in self.plain and not language.startswith("zh"):  # no part of it can be marked
                self.attributes.append(data.strip())
            else:
                self.texts.append((data.strip(), language))


def read(html: str) -> Text:
    parser = Text()
    parser.feed(html)
    return parser


_QUOTED = re.compile("“([^“”]*)”")
_ASIDE = re.compile(r"[^\w]+")
_STRETCH = re.compile(f"[{HAN}](?:[{HAN}，。、？！；]{{2,}})[{HAN}]")
_MASKED = re.compile(r"[×*]+")
LANGUAGE = "中文"
"""On the switch, for those who read it."""
_CHINESE = re.compile(f"[{HAN}]+")


class Data:
    """All data of the house: what people are called, what its rule books say, what was said in its calls, what people wrote."""

    def __init__(self, store: Store) -> None:
        names = {name for pair in AGENTS.values() for name in pair} | {person.name for person in PEOPLE.values()}
        hashes = [row["hash"] for row in store.db.rows("select hash from rule_books")]
        books = {text for one in hashes for text in strings(store.ledger.load(one))}
        results = [result for row in store.db.rows("select call_id from calls") for result in store.scorecard(row["call_id"]).results]
        rules = {text for result in results for text in (result.title, result.clause)}
        bare = {_bare(one) for one in names | books | rules | set(TYPED) | {LANGUAGE}}
        self.names = sorted((one for one in bare if _CHINESE.search(one) and len(one) > 1), key=len, reverse=True)
        calls = [store.call(row["call_id"]) for row in store.db.rows("select call_id from calls")]
        voices = [[u.text for u in call.transcript.utterances if u.channel == channel] for call in calls for channel in (0, 1)]
        orders = [[u.text for u in call.transcript.utterances] for call in calls]
        self.said = "\n".join(_bare("".join(texts)) for texts in voices + orders)

    def spoken(self, text: str) -> bool:
        """Whether it was said in a call; what is masked may have been anything."""
        parts = [part for part in _MASKED.split(text) if _CHINESE.search(part)]
        return bool(parts) and all(_bare(part) in self.said for part in parts)

    def rest(self, text: str) -> str:
        """What of the text is no data; "" where all is."""
        if self.spoken(text):
            return ""
        text = _QUOTED.sub(lambda quoted: " " if self.spoken(quoted[1]) else quoted[0], text)
        text = _bare(_STRETCH.sub(lambda words: "" if self.spoken(words[0]) else words[0], text))
        for name in self.names:
            text = text.replace(name, "")
        return text if _CHINESE.search(text) else ""


def _bare(text: str) -> str:
    return _ASIDE.sub("", text)


def strings(value: Any) -> Iterator[str]:
    """All texts in a value, whatever it is made of."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from strings(getattr(value, field.name))
    elif isinstance(value, dict):
        for pair in value.items():
            yield from strings(pair)
    elif isinstance(value, Iterable):
        for one in value:
            yield from strings(one)
