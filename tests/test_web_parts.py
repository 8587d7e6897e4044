"""The parts of the web app that have no page: assets, fields of forms, stores of threads, addresses in templates."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from pathlib import Path

import jinja2
import pytest
from starlette.routing import compile_path
from web_house import House

from qa.errors import StoreError
from qa.web.addresses import address
from qa.web.ask import Fields
from qa.web.assets import assets
from qa.web.navigation import NAVIGATION
from qa.web.refusals import TITLES, Refused
from qa.web.rendering import environment
from qa.web.routes import ROUTES
from qa.web.stores import Stores

ROOT = Path(__file__).parents[1]
VENDOR = ROOT / "qa" / "web" / "static" / "vendor"


@pytest.mark.parametrize("folder", sorted(p.name for p in VENDOR.iterdir()))
def test_what_others_made_is_unchanged_and_has_its_licence(folder: str) -> None:
    told = dict(reversed(line.split()) for line in (VENDOR / folder / "SHA256SUMS").read_text().splitlines())
    there = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (VENDOR / folder).iterdir() if p.name != "SHA256SUMS"}
    assert told == there
    assert any(word in (VENDOR / folder / "LICENSE.txt").read_text() for word in ("Permission", "Redistribution"))
    assert re.search(r"-\d+\.\d+\.\d+$", folder)


def test_assets_are_kept_for_ever_only_under_their_version(house: House) -> None:
    browser = house.anonymous()
    version = assets()["web.js"].version
    kept = browser.get(address("/static/{name}", name="web.js", query={"v": version}))
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-type"] == "text/javascript; charset=utf-8" and kept.content == assets()["web.js"].data
    assert browser.get(address("/static/{name}", name="web.js", query={"v": "old"})).headers["cache-control"] == "no-cache"
    assert browser.get(address("/static/{name}", name="nothing.js")).status_code == 404


def addresses() -> set[tuple[str, str]]:
    """Patterns that templates fill in, and plain paths that they name, each with its template."""
    found = set()
    for file in (ROOT / "qa" / "templates" / "web").rglob("*.j2"):
        source = file.read_text("utf-8")
        for called in environment().parse(source).find_all(jinja2.nodes.Call):
            named = isinstance(called.node, jinja2.nodes.Name) and called.node.name == "address"
            if named and isinstance(called.args[0], jinja2.nodes.Const):
                found.add((file.name, called.args[0].value))
        found |= {(file.name, path) for path in re.findall(r'(?:href|action)="(/[\w/-]*)"', source)}
    return found


def test_every_address_in_a_template_leads_somewhere() -> None:
    known = {page.path for page in ROUTES}
    assert len(addresses()) > 2
    assert sorted((file, path) for file, path in addresses() if path not in known) == []


def test_the_navigation_leads_to_pages_of_the_same_permission() -> None:
    pages = {page.path: page for page in ROUTES if page.method == "GET"}
    assert [(e.path, pages[e.path].permission) for e in NAVIGATION] == [(e.path, e.permission) for e in NAVIGATION]


def test_no_route_hides_another() -> None:
    for index, page in enumerate(ROUTES):
        shown = re.sub(r"{\w+}", "x", page.path)
        for before in ROUTES[:index]:
            if before.path != page.path:
                assert not compile_path(before.path)[0].match(shown), f"{before.path} hides {page.path}"


def test_an_address_wants_exactly_its_parameters() -> None:
    assert (
        address("/calls/{call_id}", call_id="a/b", query={"at": 7, "x": "", "y": None, "z": "一 二"})
        == "/calls/a~2fb?at=7&z=%E4%B8%80+%E4%BA%8C"
    )
    for wrong in ({}, {"call_id": "x", "more": "y"}, {"call_id": ""}):
        with pytest.raises(ValueError):
            address("/calls/{call_id}", **wrong)


# ---------------------------------------------------------------- fields


FIELDS = Fields(
    [
        ("n", " 12 "),
        ("n", "13"),
        ("bad", "1e3"),
        ("minus", "-5"),
        ("day", "2025-06-01"),
        ("empty", ""),
        ("huge", "9" * 30),
        ("wide", "１２"),
    ]
)


def test_fields_as_they_are_asked_for() -> None:
    assert FIELDS.text("n") == "12" and FIELDS.all("n") == ("12", "13") and FIELDS.raw("n") == " 12 " and "n" in FIELDS
    assert FIELDS.text("none", "x") == "x" and FIELDS.all("none") == () and FIELDS.raw("none") == "" and "none" not in FIELDS
    assert FIELDS.integer("n") == 12 and FIELDS.integer("none", 7) == 7 and FIELDS.integer("minus", low=-9) == -5
    assert str(FIELDS.day("day")) == "2025-06-01" and FIELDS.day("empty") is None
    assert FIELDS.one_of("n", ("12",)) == "12" and FIELDS.one_of("none", ("12",), "13") == "13"
    assert FIELDS.pairs()["n"] == " 12 "


WRONG = (
    *(lambda name=name: FIELDS.integer(name) for name in ("bad", "minus", "empty", "none", "huge", "wide", "day")),
    lambda: FIELDS.integer("n", high=11),
    lambda: FIELDS.day("bad"),
    lambda: FIELDS.one_of("n", ("13",)),
)


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_fields_that_are_not_what_they_should_be(index: int) -> None:
    with pytest.raises(Refused) as refused:
        WRONG[index]()
    assert refused.value.status == 400 and refused.value.why


def test_every_status_has_its_words() -> None:
    assert all(any("一" <= c <= "鿿" for c in title) for title in TITLES.values())


# ---------------------------------------------------------------- stores


def test_every_thread_has_a_store_of_its_own_and_all_are_closed(house: House) -> None:
    stores = Stores(house.db, 3)
    together = threading.Barrier(3)
    seen = []

    def work(store: object) -> None:
        together.wait(30)
        seen.append((threading.get_ident(), store))

    async def all_at_once() -> None:
        await asyncio.gather(*(stores.run(work) for _ in range(3)))

    asyncio.run(all_at_once())
    assert len({thread for thread, _ in seen}) == len({id(store) for _, store in seen}) == 3
    stores.close()
    for _, store in seen:
        with pytest.raises(StoreError):
            store.calls()  # type: ignore[attr-defined]


def test_many_ask_at_once(house: House) -> None:
    """Reading and writing (every view is logged) by several threads: no request is lost, and the log is whole."""
    from qa.people import audit

    browsers = [house.client("qa") for _ in range(4)]
    statuses: list[int] = []

    def ask(browser: object) -> None:
        for index in range(5):
            statuses.append(browser.get(f"/calls/HN-800{1 + index % 4}-0").status_code)  # type: ignore[attr-defined]

    threads = [threading.Thread(target=ask, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20
    found = audit.verify(house.store.db)
    assert found.count == 20 and found.problems == ()
