"""The reports in a real browser (Debian's Chromium through Playwright): playing, keyboard, widths, no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stored_houses
from chromium import ARGUMENTS, CHROMIUM, MARKS, WIDTHS
from report_samples import BANNED, SCRIPT, call, good, scorecard, write_wav

from qa import report, report_files, whatif_view
from qa.store import Store
from qa.whatif import what_if

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of three calls of one agent, and the index."""
    folder = tmp_path_factory.mktemp("reports")
    with Store(folder / "qa.db") as store:
        for number, percent in enumerate((46.67, 60.0, 100.0)):
            recording = folder / f"C-{number}.wav"
            write_wav(recording, seed=number)
            one = call(recording, f"C-{number}", start=f"2024-05-0{number + 1}T09:00:00.000")
            card = scorecard(one, percent)
            store.save_call(one, good(card) if number == 2 else card)
        report_files.write_folder(store, [f"C-{n}" for n in range(3)], ["1024"], folder)
    for recording in folder.glob("*.wav"):
        recording.unlink()  # the page must not need it
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Opened:
    """A page with everything that it complained of or asked for."""

    def __init__(self, browser: Any, file: Path, width: int = 1440) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def now_ms(self) -> float:
        return float(self.page.evaluate("document.getElementById('audio').currentTime")) * 1000

    def until(self, condition: str) -> None:
        """Wait for a condition; Playwright's own waiting needs ``eval``, which the page's policy forbids."""
        for _ in range(200):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never came true: {condition}")

    def hold_still(self) -> None:
        """Let a jump set the position but not play on, so that the position can be compared."""
        self.until("document.getElementById('audio').readyState >= 1")
        self.page.evaluate("HTMLMediaElement.prototype.play = function () { window.played = true; return Promise.resolve(); }")


@pytest.fixture
def opened(browser: Any, folder: Path) -> Iterator[Opened]:
    one = Opened(browser, folder / "call-C-0.html")
    yield one
    one.context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["call-C-0.html", "agent-1024.html", "index.html"])
def test_no_page_complains_scrolls_sideways_or_asks_the_network(browser: Any, folder: Path, name: str, width: int) -> None:
    one = Opened(browser, folder / name, width)
    assert one.page.evaluate("document.documentElement.scrollWidth") == width
    assert not one.complaints
    assert all(url.startswith(("file:", "data:")) for url in one.requests)
    assert one.page.evaluate("document.documentElement.lang") == "zh-CN"
    one.context.close()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a stricter rule book would change, with ids as long as switches make them and several limits in one bin."""
    folder = tmp_path_factory.mktemp("trial")
    rates = '[checks.speech_rate]\nclause = "语速"\n{limits}'
    more = '[checks.polite]\nkind = "phrase"\ntitle = "挂断之前应主动询问是否还有其他需要"\nclause = "x"\nforbid = ["三十元"]\n'
    with Store(folder / "qa.db") as store:
        for number in range(6):
            of = stored_houses.call(f"20250602-13812345678-800{number}-morning-shift", f"2025-06-0{number + 1}T10:00:00.000", "800123", 2)
            stored_houses.save(store, stored_houses.house(folder / "now", more=rates.format(limits="") + more), of)
        changed = rates.format(limits="min_cpm = 100\nmax_cpm = 130\n") + more.replace("三十元", "一万元")
        slow = '[checks.slow]\nkind = "speech_rate"\ntitle = "夜间语速（夜班坐席）"\nclause = "x"\nmin_cpm = 101\nmax_cpm = 131\n'
        book = stored_houses.house(folder / "new", rings=2, more="max_dbov = -12\n" + changed + slow)
        page = whatif_view.page(what_if(store, book, None, None, "wait_s", 10))
    (folder / "trial.html").write_text(page, "utf-8")
    return folder / "trial.html"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_trial_of_rules_can_be_read_at_every_width(browser: Any, trial: Path, width: int) -> None:
    one = Opened(browser, trial, width)
    assert one.page.evaluate("document.documentElement.scrollWidth") == width
    assert not one.complaints and all(url.startswith(("file:", "data:")) for url in one.requests)
    sizes = "[...document.querySelectorAll('.bins span')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert min(one.page.evaluate(sizes)) >= 12
    heights = one.page.evaluate("[...document.querySelectorAll('.bins svg')].map(e => e.getBoundingClientRect().height)")
    assert heights and set(heights) == {17}
    # names and figures stand in one line, whatever must be scrolled for that
    split = "[...document.querySelectorAll('[aria-labelledby=h-agents] td')].map(e => e.clientHeight)"
    assert max(one.page.evaluate(split)) < 45
    one.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_to_press_is_at_least_24_pixels(browser: Any, folder: Path, width: int) -> None:
    one = Opened(browser, folder / "call-C-0.html", width)
    sizes = one.page.evaluate(
        "[...document.querySelectorAll('button, select')].map(b => b.getBoundingClientRect()).map(r => Math.min(r.width, r.height))"
    )
    assert len(sizes) > 15 and min(sizes) >= 24  # WCAG 2.2, 2.5.8
    one.context.close()


def test_a_finding_jumps_to_its_seconds_and_plays(opened: Opened) -> None:
    opened.page.locator("#c-banned_phrases .seconds").click()
    opened.until(f"document.getElementById('audio').currentTime * 1000 > {BANNED.start_ms + 200}")
    opened.page.locator("#play").click()
    assert opened.page.evaluate("document.getElementById('audio').paused")
    assert opened.page.locator(".line.now").get_attribute("data-start") == str(BANNED.start_ms)
    assert not opened.complaints


def test_lines_words_and_pins_jump_exactly(opened: Opened) -> None:
    opened.hold_still()
    jumps = {
        f".line[data-start='{SCRIPT[3][1]}'] .by button": SCRIPT[3][1],
        f".line[data-start='{SCRIPT[4][1]}'] .said": SCRIPT[4][1],
        "mark.o-fail": BANNED.start_ms,
        ".pin.o-pass": SCRIPT[0][1],
    }
    for selector, start_ms in jumps.items():
        opened.page.locator(selector).first.click()
        assert opened.now_ms() == pytest.approx(start_ms, abs=1), selector
    assert opened.page.evaluate("window.played")


def test_next_and_previous_walk_through_the_findings(opened: Opened) -> None:
    opened.hold_still()
    walked = []
    for button in ("next", "next", "next", "next", "previous"):
        opened.page.locator(f"#{button}").click()
        walked.append(round(opened.now_ms()))
    assert walked == [2000, 9600, 22400, 22400, 9600]


def test_the_wave_is_a_slider_for_mouse_and_keyboard(opened: Opened) -> None:
    opened.hold_still()
    box = opened.page.locator("#wave").bounding_box()
    opened.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert opened.now_ms() == pytest.approx(12_000, abs=40)
    opened.page.locator("#wave").focus()
    opened.page.keyboard.press("ArrowRight")
    assert opened.now_ms() == pytest.approx(13_000, abs=40)
    opened.page.keyboard.press("Home")
    assert opened.now_ms() == 0
    assert opened.page.locator("#wave").get_attribute("aria-valuenow") == "0.0"


def test_evidence_is_reached_and_played_by_keyboard_alone(opened: Opened) -> None:
    opened.hold_still()
    for _ in range(40):
        opened.page.keyboard.press("Tab")
        if opened.page.evaluate("document.activeElement.id") == "e-banned_phrases-0-0":
            break
    outline = opened.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    opened.page.keyboard.press("Enter")
    assert opened.now_ms() == pytest.approx(BANNED.start_ms, abs=1)
    assert outline == "3px"


def test_a_chip_leads_from_the_words_to_the_check(opened: Opened) -> None:
    opened.page.locator(".line .chip.o-fail").first.click()
    assert opened.page.url.endswith("#e-banned_phrases-0-0")
    below = "document.getElementById('e-banned_phrases-0-0').getBoundingClientRect().top >= "
    below += "document.querySelector('.player').getBoundingClientRect().bottom"
    opened.page.wait_for_function(below)  # not hidden under the player, once it has scrolled there


def test_clips_of_an_agent_play_one_at_a_time(browser: Any, folder: Path) -> None:
    one = Opened(browser, folder / "agent-1024.html")
    assert one.page.locator("audio").count() >= 2
    one.page.evaluate("document.querySelectorAll('audio')[0].play()")
    one.until("document.querySelectorAll('audio')[0].currentTime > 0.1")
    one.page.evaluate("document.querySelectorAll('audio')[1].play()")
    one.until("document.querySelectorAll('audio')[1].currentTime > 0.1")
    assert one.page.evaluate("document.querySelectorAll('audio')[0].paused")
    assert not one.complaints
    one.context.close()


def test_selecting_words_to_copy_does_not_play(opened: Opened) -> None:
    opened.hold_still()
    opened.page.locator(f".line[data-start='{SCRIPT[1][1]}'] .said").dblclick()
    assert opened.page.evaluate("String(getSelection()).length") > 0
    at = opened.now_ms()
    opened.page.locator("h1").click()  # ends the selection
    assert opened.now_ms() == at == SCRIPT[1][1]  # the first of the two clicks, while nothing was selected


def test_the_printed_page_has_no_player_controls(opened: Opened) -> None:
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("#controls").is_visible()
    assert opened.page.locator("#c-banned_phrases").is_visible()


def test_an_injected_script_does_not_run(browser: Any, folder: Path) -> None:
    page = (folder / "call-C-0.html").read_text("utf-8").replace("</main>", "<script>window.evil = 1</script></main>")
    report.write(folder / "evil.html", page)
    one = Opened(browser, folder / "evil.html")
    assert one.page.evaluate("window.evil") is None
    assert any("Content Security Policy" in complaint for complaint in one.complaints)
    one.context.close()
