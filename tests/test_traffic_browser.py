"""The traffic page in a real browser: it fits a telephone and a desk, and asks for nothing."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest

from qa.rulebook import load
from qa.traffic import generator, tables
from qa.traffic.capacity import TrafficParams
from qa.traffic.days import summarise
from qa.traffic.page import page

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium", path="/usr/bin")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no /usr/bin/chromium")]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    since, until = datetime.date(2025, 1, 1), datetime.date(2025, 3, 20)
    days = summarise(generator.generate(since, until, 5, generator.Scene(calls=60)), 60)
    made = tables.build(days, datetime.date(2025, 3, 1), TrafficParams())
    path = tmp_path_factory.mktemp("traffic") / "t.html"
    path.write_text(page(made, [], load("default")), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_fits_and_fetches_nothing(file: Path, width: int) -> None:
    asked: list[str] = []
    errors: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--headless", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": width, "height": 900})
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(file.as_uri())
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        charts = opened.locator("figure.chart svg")
        assert charts.count() == 3
        assert all((charts.nth(n).bounding_box() or {"height": 0})["height"] > 100 for n in range(3))
        browser.close()
    assert asked == [file.as_uri()] and errors == []
