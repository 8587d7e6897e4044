"""The report of one agent, the folder of reports, the sound inside the pages, and the contrast of their colours."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest
from report_pages import Page, loudest_hz, pcm_of, stored_agents
from report_samples import BANNED

from qa import report, report_files
from qa.errors import StoreError
from qa.report_media import cut, envelopes, opus_bytes, wave_path
from qa.scorecards import agent_scorecard
from qa.store import Store
from qa.types import ChannelAcoustics, Outcome, Span

STYLE = Path(__file__).parents[1] / "qa" / "templates" / "style.css"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return stored_agents(tmp_path)


# ---------------------------------------------------------------- sound and waveform


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100])
def test_opus_keeps_length_channels_and_times(rate_hz: int) -> None:
    t = np.arange(3 * rate_hz) / rate_hz
    pcm = np.zeros((len(t), 2))
    pcm[rate_hz:, 0] = 8000 * np.sin(2 * np.pi * 440 * t[rate_hz:])
    pcm[2 * rate_hz :, 1] = 8000 * np.sin(2 * np.pi * 1000 * t[2 * rate_hz :])
    heard = pcm_of("," + base64.b64encode(opus_bytes(pcm.astype(np.int16), rate_hz)).decode())
    assert len(heard) == pytest.approx(3 * 48000, abs=960)
    for channel, (second, hz) in enumerate(((1, 440), (2, 1000))):
        tone = heard[second * 48000 + 4800 :, channel]
        assert loudest_hz(tone, 48000) == pytest.approx(hz, abs=2)
        loud = np.flatnonzero(np.abs(heard[:, channel]) > 0.5 * np.abs(heard[:, channel]).max())
        assert loud[0] / 48000 == pytest.approx(second, abs=0.015)


def test_opus_of_no_samples_is_20_ms_of_silence() -> None:
    heard = pcm_of("," + base64.b64encode(opus_bytes(np.zeros((0, 2), np.int16), 8000)).decode())
    assert 960 <= len(heard) <= 1920 and heard.shape[1] == 2 and np.abs(heard).max() < 2


def test_cut_takes_the_samples_of_the_span_and_stays_inside() -> None:
    pcm = np.arange(8000, dtype=np.int16).reshape(-1, 1)
    assert cut(pcm, 8000, Span(100, 200)).ravel().tolist() == list(range(800, 1600))
    assert cut(pcm, 8000, Span(0, 1000), margin_ms=400).shape == (8000, 1)
    assert cut(pcm, 8000, Span(500, 600), margin_ms=10).ravel()[[0, -1]].tolist() == [3920, 4879]


def channel(levels: list[float]) -> ChannelAcoustics:
    track = np.array(levels, np.float32)
    return ChannelAcoustics(-20.0, 0.5, -3.0, 0.0, -60.0, 40.0, 10, track, np.zeros(len(levels), np.float32))


def test_envelopes_are_linear_in_decibels_on_one_scale_for_both_speakers() -> None:
    # 42 dB are drawn: the loudest frame is 1, 21 dB less one half, 42 dB and silence 0
    one, two = envelopes([channel([-10, -10, -31, -31]), channel([-52, -120, float("-inf"), float("nan")])], 40, columns=4)
    assert one == pytest.approx([1.0, 1.0, 0.5, 0.5])
    assert two == pytest.approx([0.0, 0.0, 0.0, 0.0])


def test_a_call_longer_than_its_level_track_ends_in_silence() -> None:
    (heights,) = envelopes([channel([-10, -10])], 40, columns=4)
    assert heights == pytest.approx([1.0, 1.0, 0.0, 0.0])


def test_the_wave_is_symmetric_about_its_middle() -> None:
    points = [tuple(map(float, p.split())) for p in wave_path([0.0, 0.5, 1.0], 32, 28).strip("MZ").split("L")]
    above, below = points[:3], points[3:][::-1]
    assert [x for x, _ in above] == [x for x, _ in below] == pytest.approx([166.7, 500.0, 833.3])
    assert [64 - y for _, y in above] == pytest.approx([y for _, y in below])
    assert above[2][1] == pytest.approx(4.0)
    assert wave_path([], 32, 28) == ""


# ---------------------------------------------------------------- the page of an agent


def test_the_agent_page_shows_rates_with_sample_size_and_interval(store: Store) -> None:
    page = Page(report_files.agent_page(store, "1024"))
    # 3 of 3 and 0 of 2: Wilson's intervals 0.4385-1 and 0-0.6576
    bars = {str(s["aria-label"]) for s in page.all("svg") if str(s.get("aria-label", "")).startswith("通过率")}
    assert "通过率 100%，95% 区间 44–100，n = 3" in bars
    assert "通过率 0%，95% 区间 0–66，n = 2" in bars
    assert "没有可判定的通话" in page.text  # volume was never ruled on
    assert "A-7" in page.text and "46.7" in page.text


def test_clips_are_the_seconds_of_the_evidence(store: Store) -> None:
    page = Page(report_files.agent_page(store, "1024"))
    clips = {str(a["aria-label"]): pcm_of(str(a["src"])) for a in page.all("audio")}
    banned = clips["A-7 服务禁语 0:09.6–0:11.0"]
    assert len(banned) / 48 == pytest.approx(BANNED.duration_ms + 2 * 400, abs=25)
    assert loudest_hz(banned[48 * 500 : 48 * 1600, 0], 48000) == pytest.approx(220, abs=6)
    assert any(label.startswith("A-6 标准问候语") for label in clips)


def test_an_agent_page_holds_nothing_of_another_agent(store: Store) -> None:
    assert "B-1" not in report_files.agent_page(store, "1024")
    card = agent_scorecard(store.calls("1024"), "1024")
    with pytest.raises(StoreError, match=r"B-1.*不是坐席 1024 的通话"):
        report.agent_report(card, [(store.call("B-1"), store.scorecard("B-1"))])
    with pytest.raises(StoreError, match="B-1"):
        report.agent_report(card, [], store.calls())


def test_the_trend_is_drawn_to_scale(store: Store) -> None:
    html = report_files.agent_page(store, "1024")
    dots = [(float(x), float(y)) for x, y in re.findall(r'class="point" cx="([\d.]+)" cy="([\d.]+)"', html)]
    xs, ys = [x for x, _ in dots], [y for _, y in dots]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)  # three days in a row
    assert [(168 - y) / (168 - 14) * 100 for y in ys] == pytest.approx([100, 46.67, 60], abs=0.1)


def test_an_agent_without_calls_in_the_period_has_an_empty_page(store: Store) -> None:
    text = Page(report_files.agent_page(store, "1024", "2030-01-01", "2030-01-31")).text
    assert "这段时间没有通话" in text and "不评分" in text


# ---------------------------------------------------------------- files


def test_a_folder_of_reports_links_its_own_pages_only(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    index = report_files.write_folder(store, ["A-6", "A-7", "B-1"], ["1024", "2048"], folder)
    names = {"index.html", "call-A-6.html", "call-A-7.html", "call-B-1.html", "agent-1024.html", "agent-2048.html"}
    assert {p.name for p in folder.iterdir()} == names
    assert {h for h in Page(index.read_text("utf-8")).values("href") if h.endswith(".html")} == names - {"index.html"}
    agent = Page((folder / "agent-1024.html").read_text("utf-8"))
    assert {h for h in agent.values("href") if h.endswith(".html")} == {"call-A-6.html", "call-A-7.html"}


@pytest.mark.parametrize("evil", ["../../etc/passwd", "a/b", "C:\\x", "..", "名字 空格", "x" * 300, ""])
def test_file_names_stay_in_their_folder_and_differ(evil: str, tmp_path: Path) -> None:
    name = report.file_name("call", evil)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert len(name.encode()) < 255 and not re.search(r"[\s/\\:]", name)
    assert name != report.file_name("call", evil + "!")


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="无法写入"):
        report.write(tmp_path / "file" / "x.html", "")


# ---------------------------------------------------------------- style


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_text_is_at_least_4_5() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", STYLE.read_text("utf-8")))
    pairs = [(o.value, f"{o.value}-soft") for o in Outcome] + [(o.value, "paper") for o in Outcome]
    pairs += [("ink", "paper"), ("soft", "paper"), ("soft", "ground"), ("accent", "paper"), ("accent", "accent-soft")]
    pairs += [("agent", "agent-soft"), ("customer", "customer-soft"), ("soft", "agent-soft"), ("soft", "customer-soft")]
    low = {(a, b): round(contrast(colours[a], colours[b]), 2) for a, b in pairs if contrast(colours[a], colours[b]) < 4.5}
    assert not low
