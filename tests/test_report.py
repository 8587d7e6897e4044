"""The HTML reports: what they show, what they must never show, and that their sound is the call's own."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from report_pages import Page, loudest_hz, pcm_of, stored_agents
from report_samples import BANNED, DURATION_MS, NUMBER, SCRIPT, call, results, scorecard, write_wav

from qa import report, report_files, rulebook
from qa.errors import StoreError
from qa.report_text import OWN_WORDS, clock, length, said_words, value_rows
from qa.report_view import view
from qa.types import Evidence, Role, Span, Word
from qa.web.language import speaking, translated
from qa.web.sentences import chinese

NOW = datetime(2024, 5, 7, 8, 0)
STYLE = Path(__file__).parents[1] / "qa" / "templates" / "style.css"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "C-001.wav"


@pytest.fixture
def html(path: Path) -> str:
    one = call(path)
    return report.call_report(one, scorecard(one), now=NOW)


# ---------------------------------------------------------------- words and numbers


@pytest.mark.parametrize(("ms", "text"), [(0, "0:00.0"), (999, "0:00.9"), (62_540, "1:02.5"), (3_600_000, "60:00.0")])
def test_clock_cuts_to_tenths(ms: int, text: str) -> None:
    assert clock(ms) == text


def test_length() -> None:
    assert (length(24_400), length(65_000), length(59_600)) == ("24 秒", "1 分 05 秒", "1 分 00 秒")


def words(text: str, step_ms: int = 100) -> tuple[Word, ...]:
    return tuple(Word(c, Span(i * step_ms, (i + 1) * step_ms), 0.9) for i, c in enumerate(text))


@pytest.mark.parametrize(
    ("span", "quote", "marked"),
    [
        (Span(200, 500), "归我管", "归我管"),
        (Span(100, 700), "归我管", "归我管"),  # the span is wider than the quote
        (Span(200, 500), "这个不归我管", "归我管"),  # a quote that runs over the line's edge
        (Span(200, 500), "您好", ""),  # an omission quotes what was due
        (Span(200, 500), "", ""),
        (Span(0, 20_000), "归我管", ""),  # the whole call is not a place in the text
    ],
)
def test_only_words_that_the_finding_quotes_are_marked(span: Span, quote: str, marked: str) -> None:
    spoken = words("不是归我管，你问吧")
    assert "".join(spoken[i].text for i in said_words(Evidence(span, Role.AGENT, quote), spoken)) == marked


def test_the_view_puts_findings_where_they_belong(path: Path) -> None:
    one = call(path)
    shown = view(one, scorecard(one))
    by_title = {chip.title: line for line in shown.lines for chip in line.chips}
    assert by_title.keys() == {"标准问候语", "标准结束语", "服务禁语"}  # the whole-call PASS stays out of the text
    assert by_title["服务禁语"].start_ms == SCRIPT[2][1]
    assert [p.text for p in by_title["服务禁语"].pieces if p.outcome == "fail"] == ["这个不归我管"]
    assert by_title["标准结束语"].kind == "due"
    assert [line.start_ms for line in shown.lines] == sorted(line.start_ms for line in shown.lines)
    assert [c.outcome for c in shown.checks] == ["fail", "fail", "inconclusive", "pass", "pass", "not_applicable"]
    assert {(o, n) for o, _, _, n in shown.counts} == {("fail", 2), ("inconclusive", 1), ("pass", 2), ("not_applicable", 1)}


def test_pins_stand_at_the_time_of_their_evidence_and_never_on_each_other(path: Path) -> None:
    one = call(path)
    crowd = tuple(replace(r, check_id=f"{r.check_id}-{i}") for i in range(3) for r in results())
    shown = view(one, replace(scorecard(one), results=crowd))
    assert {round(p.left * DURATION_MS / 100, -1) for p in shown.pins} == {2000, 9600, 22400}
    for row in range(shown.pin_rows):
        lefts = sorted(p.left for p in shown.pins if p.row == row)
        assert all(b - a >= 8 for a, b in itertools.pairwise(lefts))
    assert len(shown.pins) == 9


def test_evidence_is_drawn_on_the_lane_of_its_speaker(path: Path) -> None:
    one = call(path)
    agent, customer = view(one, scorecard(one)).lanes
    (banned,) = (b for b in agent.bands if "服务禁语" in b.title)
    assert banned.x == pytest.approx(1000 * BANNED.start_ms / DURATION_MS, abs=0.1)
    assert banned.width == pytest.approx(1000 * BANNED.duration_ms / DURATION_MS, abs=0.1)
    assert {b.kind for b in customer.bands} == {"turn"}
    assert [b.kind for b in agent.bands].count("tone") == 1


# ---------------------------------------------------------------- the page of a call


def test_the_page_says_all_of_the_scorecard(html: str) -> None:
    text = Page(html).text
    for expected in ("C-001", "王芳 1024", "46.7", "88%", "不通过", "无法判定", "不适用", "通过", "0 / 25 分", "不计分"):
        assert expected in text
    for result in results():
        assert result.title in text and result.clause in text
        assert all(finding.message in text for finding in result.findings)
    for expected in ("0:09.6–0:11.0", "1.0+0123456789ab", "demo@0123456789ab", "0.1.0", "文件头的长度与内容不符", "2024-05-07 08:00"):
        assert expected in text
    assert 'lang="zh-CN"' in html


def test_what_is_no_measure_is_told_in_words_not_by_its_number(html: str) -> None:
    (told,) = re.findall(r"<dt>听到于</dt><dd>(.*?)</dd>", html)
    assert told == "第二次识别"
    assert [value_rows((("decode", n),)) for n in (0, 1)] == [(("听到于", "首次转写"),), (("听到于", "第二次识别"),)]
    with speaking("en"):
        assert [translated(word) for word in OWN_WORDS if chinese(translated(word))] == []


def test_with_the_rule_book_points_are_told_in_words(path: Path) -> None:
    one = call(path)
    text = Page(report.call_report(one, scorecard(one), book=rulebook.load("default"), now=NOW)).text
    assert "得 0 分（满分 25 分）" in text and "得 20 分（满分 20 分）" in text
    assert "0 / 25 分" not in text


def test_outcomes_are_told_by_symbol_and_word_not_by_colour_alone(html: str) -> None:
    badges = re.findall(r'class="badge o-(\w+)"><span class="dot"[^>]*>(.)</span>([^<]+)', html)
    assert {(o, s) for o, s, _ in badges} == {("fail", "✗"), ("pass", "✓"), ("inconclusive", "?"), ("not_applicable", "–")}
    assert {w for o, _, w in badges if o == "fail"} == {"不通过", "不通过 2"}


def test_the_sound_in_the_page_is_the_call(html: str) -> None:
    (audio,) = Page(html).all("audio")
    heard = pcm_of(str(audio["src"]))
    assert len(heard) == pytest.approx(48 * DURATION_MS, abs=960)
    for channel_index, start, end, _ in SCRIPT:
        part = heard[48 * start : 48 * end]
        assert loudest_hz(part[:, channel_index], 48000) == pytest.approx(220 + 110 * channel_index, abs=6)
        assert np.abs(part[:, channel_index]).mean() > 20 * np.abs(part[:, 1 - channel_index]).mean()


def test_every_evidence_jumps_to_its_start(html: str) -> None:
    page = Page(html)
    jumps = {b["id"]: b["data-ms"] for b in page.all("button") if str(b.get("id", "")).startswith("e-")}
    expected = {
        f"e-{r.check_id}-{i}-{j}": str(e.span.start_ms)
        for r in results()
        for i, f in enumerate(r.findings)
        for j, e in enumerate(f.evidence)
    }
    assert jumps == expected
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {h.removeprefix("#") for h in page.values("href") if h.startswith("#")} <= set(ids)


def test_nothing_is_fetched_from_outside(html: str, tmp_path: Path) -> None:
    for page in (html, report_files.agent_page(stored_agents(tmp_path), "1024")):
        for address in Page(page).values("src") + Page(page).values("href"):
            assert address.startswith(("data:", "#"))
        assert not re.search(r"https?://|@import|url\(", page)
        (policy,) = (m["content"] for m in Page(page).all("meta") if m.get("http-equiv") == "Content-Security-Policy")
        assert "default-src 'none'" in str(policy) and "unsafe-inline'; script" not in str(policy).split("script-src")[1]


def test_data_is_never_taken_for_html(path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
    one = call(path)
    assert one.record is not None
    one = replace(one, record=replace(one.record, agent_name=evil, team=evil, call_id=evil))
    failing = results()[3]
    finding = replace(failing.findings[0], message=evil, evidence=(Evidence(BANNED, Role.AGENT, evil),), values=((evil, evil),))
    card = replace(scorecard(one), call_id=evil, notes=(evil,), results=(replace(failing, title=evil, clause=evil, findings=(finding,)),))
    page = Page(report.call_report(one, card, now=NOW))
    assert len(page.all("script")) == 1 and not page.all("img")
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.text.count(evil) >= 6


def test_a_customer_number_is_nowhere_in_the_page(path: Path) -> None:
    named = path.with_name(f"{NUMBER}.wav")
    one = call(named, call_id=f"X-{NUMBER}")
    said = results()[3]
    finding = replace(said.findings[0], message=f"号码 {NUMBER}", evidence=(Evidence(Span(13000, 16200), Role.CUSTOMER, SCRIPT[3][3]),))
    card = replace(scorecard(one), results=(replace(said, findings=(finding,)),), notes=(f"{NUMBER} 已登记",))
    html = report.call_report(one, card, now=NOW)
    assert NUMBER not in html and "一三八一二三四五六七八" not in html
    assert "138****5678" in html and "一三八****五六七八" in html
    assert NUMBER not in report.file_name("call", card.call_id, NUMBER)


def test_demo_results_are_marked_and_others_are_not(path: Path) -> None:
    one = call(path)
    assert "演示模型" in Page(report.call_report(one, scorecard(one), now=NOW)).text.split("通话质检报告")[-2]
    plain = Page(report.call_report(one, scorecard(one, demo=False), now=NOW))
    assert "不得用于考核" not in plain.text


def test_without_a_score_the_page_says_so(path: Path) -> None:
    one = call(path)
    html = report.call_report(one, scorecard(one, percent=None), now=NOW)
    assert 'aria-label="得分 不评分"' in html and 'class="value"' not in html


def test_a_missing_recording_leaves_the_times_and_says_why(path: Path) -> None:
    one = call(path)
    path.unlink()
    page = Page(report.call_report(one, scorecard(one), now=NOW))
    assert not page.all("audio") and not page.values("data-ms")
    assert "没有录音可放：文件不存在" in page.text and "0:09.6–0:11.0" in page.text


def test_a_file_that_is_no_longer_the_one_scored_is_not_played(path: Path) -> None:
    one = call(path)
    write_wav(path, seed=99)
    page = Page(report.call_report(one, scorecard(one), now=NOW))
    assert not page.all("audio")
    assert "已不是评分时的录音" in page.text


def test_the_scorecard_of_another_recording_is_refused(path: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "other.wav", seed=5)
    with pytest.raises(StoreError, match="不是同一个文件"):
        report.call_report(call(path), scorecard(call(tmp_path / "other.wav")))


def test_a_mono_call_has_one_lane_and_unknown_speakers(path: Path) -> None:
    one = call(path)
    mono = replace(
        one,
        audio=replace(one.audio, channels=1),
        activity=replace(one.activity, channels=one.activity.channels[:1]),
        turns=replace(one.turns, method="none", turns=()),
        acoustics=replace(one.acoustics, channels=one.acoustics.channels[:1]),
        roles=replace(one.roles, assignments=()),
    )
    shown = view(mono, replace(scorecard(one), results=results()[4:]))
    assert [lane.label for lane in shown.lanes] == ["单声道"]
    assert {line.speaker for line in shown.lines} == {"未知说话人"}


def test_a_doubt_never_hides_a_fail_in_the_waveform(path: Path) -> None:
    one = call(path)
    fail, doubt = results()[3], results()[4]
    wide = replace(doubt.findings[0], evidence=(Evidence(Span(9000, 12000), Role.AGENT),))
    agent, _ = view(one, replace(scorecard(one), results=(replace(doubt, findings=(wide,)), fail))).lanes
    assert [b.kind for b in agent.bands if b.kind not in ("turn", "tone")] == ["inconclusive", "fail"]
