"""Pages of the web app in a real browser (Debian's Chromium through Playwright), with a running server.

from web_browser import pytestmark  # noqa: F401

def test_a_page(opened):
    one = opened("qa", "/queue", 360)      # somebody of ``web_house.PEOPLE``, logged in
    one.well()                              # nothing complained, scrolls sideways, is too small or too pale
    one.shot("queue")
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from chromium import ARGUMENTS, CHROMIUM, MARKS, WIDTHS
from web_house import House

from qa.people import sessions
from qa.web.app import create_app
from qa.web.running import _socket
from qa.web.settings import Settings

__all__ = ["WIDTHS", "Opened", "pytestmark"]
pytestmark = MARKS
SHOTS = os.environ.get("QA_SHOTS", "")
"""Where screenshots go; without it none are made."""
CONTRAST = (Path(__file__).parent / "data" / "contrast.js").read_text("utf-8")
SMALLEST = """[...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary, textarea')]
  .filter(e => e.checkVisibility() && !e.matches('.skip, .hidden') && !e.closest('p, td, li.text'))
  .map(e => [e.getBoundingClientRect(), e.outerHTML.slice(0, 90)])
  .map(([box, html]) => [Math.min(box.width, box.height), html]).filter(([n]) => n < 24)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def server(house: House) -> Iterator[str]:
    """The app on the house's store behind a real socket; its address."""
    listening = _socket("127.0.0.1", 0)
    app = create_app(Settings(house.db, workers=3), lambda: house.clock[0])
    running = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[listening])))
    thread.start()
    while not running.started and thread.is_alive():
        threading.Event().wait(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    running.should_exit = True
    thread.join(30)
    listening.close()
    assert not thread.is_alive()


class Opened:
    """A page with everything that it complained of or asked for."""

    def __init__(self, browser: Any, address: str, token: str, path: str, width: int) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800})
        if token:
            self.context.add_cookies([{"name": "qa-session", "value": token, "url": address, "httpOnly": True, "sameSite": "Lax"}])
        self.gone = pytest.importorskip("playwright.sync_api").Error
        self.page, self.address, self.width = self.context.new_page(), address, width
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address + path)

    def until(self, condition: str) -> None:
        """Wait for a condition; Playwright's own waiting needs ``eval``, which the page's policy forbids."""
        for _ in range(200):
            with contextlib.suppress(self.gone):  # a page that is just being left
                if self.page.evaluate(condition):
                    return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came true: {condition}")

    def well(self) -> None:
        """Nothing complained, nothing came from elsewhere, no sideways scrolling, everything large and dark enough."""
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        found = {
            "complaints": self.complaints,
            "from elsewhere": [url for url in self.requests if not url.startswith((self.address, "data:"))],
            "wider than the window": [wide] if wide > self.width else [],
            "too small to press": self.page.evaluate(SMALLEST),  # WCAG 2.2, 2.5.8
            "too pale": self.page.evaluate(CONTRAST),  # WCAG 2.2, 1.4.3
        }
        bad = {what: list(which) for what, which in found.items() if which}
        assert not bad, bad

    def tab_to(self, selector: str, most: int = 60) -> None:
        """Reach an element by the Tab key alone."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"{selector} is not reached by Tab")

    def shot(self, name: str) -> None:
        """A picture of the whole page for somebody to look at."""
        if SHOTS:
            self.page.screenshot(path=str(Path(SHOTS) / f"{name}-{self.width}.png"), full_page=True)


@pytest.fixture
def opened(browser: Any, house: House, server: str) -> Iterator[Callable[..., Opened]]:
    """``opened(who, path, width)``; ``who`` None: nobody is logged in."""
    with contextlib.ExitStack() as stack:

        def make(who: str | None, path: str, width: int = 1440) -> Opened:
            token = sessions.begin(house.store.db, house.users[who], house.clock[0]) if who is not None else ""
            one = Opened(browser, server, token, path, width)
            stack.callback(one.context.close)
            return one

        yield make
