"""What is taken away speaks the language of the page that it was asked from; data stays, and so do figures, columns and their order."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from web_furnished import Data, furnish, read
from web_house import Browser, House

from qa.appraisal import files, workbook
from qa.clips import cutting, release
from qa.web import language
from qa.web.pages import hr
from qa.web.sentences import chinese

MONTHS = ("2025-04", "2025-05", "2025-06")
"""Closed after a correction, with fines that wait, with agents of two teams."""


@pytest.fixture
def furnished(house: House, tmp_path: Path) -> House:
    furnish(house, tmp_path)
    return house


def english(house: House, who: str) -> Browser:
    browser = house.client(who)
    browser.client.cookies.set("qa-lang", "en")
    return browser


def untold(house: House, texts: Iterator[str]) -> list[str]:
    """What of the texts is Chinese and no data."""
    data = Data(house.store)
    return sorted({rest for text in texts if chinese(text) and (rest := data.rest(text))})


# ---------------------------------------------------------------- the table of a month

Sheets = dict[str, list[tuple[Any, ...]]]


def sheets(data: bytes) -> Sheets:
    return {sheet.title: list(sheet.values) for sheet in openpyxl.load_workbook(io.BytesIO(data))}


def figures_of(table: Sheets) -> list[list[tuple[Any, ...]]]:
    """Of each sheet the figures where they stand, and how long it is."""
    return [[tuple(cell for cell in row if isinstance(cell, int | float)) for row in rows] for rows in table.values()]


@pytest.mark.parametrize("large", [False, True], ids=["here", "in a process of its own"])
def test_the_workbook_speaks_the_language_of_the_page(furnished: House, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    months = MONTHS if not large else MONTHS[:1]
    monkeypatch.setattr(hr, "MOST_SHOWN", 0 if large else 1000)
    for month in months:
        at = f"/appraisal/xlsx?month={month}"
        told, said = (sheets(browser.get(at).content) for browser in (furnished.client("hr"), english(furnished, "hr")))
        assert list(told) == ["绩效表", "算法", "说明"] and told["绩效表"][0] == files.HEADERS
        assert list(said) == ["Appraisal table", "Arithmetic", "Note"] and said["Appraisal table"][0][:3] == ("Month", "Number", "Name")
        assert untold(furnished, (str(cell) for rows in said.values() for row in rows for cell in row)) == []
        assert figures_of(told) == figures_of(said) and len(told["算法"]) > 4
        assert [[cell is None for cell in row] for row in told["算法"]] == [[cell is None for cell in row] for row in said["Arithmetic"]]


def test_the_process_of_its_own_is_told_the_language(furnished: House) -> None:
    for spoken, name in (("en", "Appraisal table"), ("zh", "绩效表")):
        with language.speaking(spoken):
            data, _table = workbook.apart(furnished.store.path, MONTHS[0], None, None)
        assert next(iter(sheets(data))) == name
    assert language.current() == "zh"


def test_the_csv_speaks_the_language_of_the_page(furnished: House) -> None:
    for month in MONTHS:
        at = f"/appraisal/csv?month={month}"
        both = [browser.get(at).content for browser in (furnished.client("hr"), english(furnished, "hr"))]
        told, said = (list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))) for data in both)
        assert all(data.startswith(b"\xef\xbb\xbf") for data in both) and tuple(told[0]) == files.HEADERS
        assert untold(furnished, (cell for row in said for cell in row)) == []
        assert [len(row) for row in told] == [len(row) for row in said] == [len(files.HEADERS)] * len(told)
        assert told[0] != said[0] and [row[:4] for row in told[1:]] == [row[:4] for row in said[1:]]


# ---------------------------------------------------------------- clips


@pytest.fixture
def released(furnished: House) -> House:
    """Every clip of the playlist may be taken away."""
    store = furnished.store
    for clip_id in (1, 2):
        one = cutting.clip(store, clip_id)
        if release.state(store, one) != release.RELEASED:
            release.decide(store, one.id, one.version.id, "released", "质检小王", heard=True)
    return furnished


def texts_of(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name).decode() for name in file.namelist() if not name.endswith((".ogg", ".wav", ".mp3"))}


def test_the_zip_of_a_playlist_speaks_the_language_of_the_page(released: House) -> None:
    told, said = (texts_of(b.get("/playlists/1/export").content) for b in (released.client("trainer"), english(released, "trainer")))
    assert list(told) == list(said) and '<html lang="zh-CN">' in told["index.html"] and "坐席" in told["index.html"]
    page = read(said["index.html"])
    assert '<html lang="en">' in said["index.html"] and untold(released, iter([text for text, _ in page.texts] + page.attributes)) == []
    assert [text for text, tongue in page.texts if chinese(text) and not tongue.startswith("zh")] == []
    for name in (name for name in said if name.startswith("clips/")):
        assert untold(released, iter(said[name].splitlines())) == [], name
        assert said[name] != told[name]
    assert said["playlist.m3u8"] == told["playlist.m3u8"]


@pytest.mark.parametrize(
    ("kind", "told", "said"),
    [
        ("vtt", "<v 坐席>", "<v Agent>"),
        ("labels", "坐席：", "Agent: "),
        ("textgrid", 'name = "消音"', 'name = "beep"'),
    ],
)
def test_words_of_a_clip_name_speakers_in_the_language_of_the_page(released: House, kind: str, told: str, said: str) -> None:
    at = f"/clips/1/export/{kind}"
    one, other = (browser.get(at).text for browser in (released.client("trainer"), english(released, "trainer")))
    assert told in one and said not in one and said in other and told not in other
    assert untold(released, iter(other.splitlines())) == []
