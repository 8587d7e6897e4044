"""Exports: what other programs read is what the database holds, harmless in a spreadsheet, and without telephone numbers."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
import stored_calls
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_calls import call, scorecard

from qa.errors import StoreError
from qa.export import HEADERS, Table, mask_name, mask_number, mask_text, tables, to_csv, to_json, to_xlsx, write
from qa.store import ScoredCall, Store
from qa.types import Outcome, Scorecard

Scored = list[tuple[ScoredCall, Scorecard]]


@pytest.fixture
def scored(tmp_path: Path) -> Scored:
    """A call scored with the demonstration model, one that was not, and one without record or score."""
    with Store(tmp_path / "qa.db") as store:
        for call_id, demo in (("C1", True), ("C2", False)):
            one = call(call_id, demo=demo, agent_name="=cmd|' /C calc'!A0")
            store.save_call(one, scorecard(one, call_id, 50.0))
        bare = call("C3", with_record=False)
        store.save_call(bare, scorecard(bare, "C3", None, Outcome.INCONCLUSIVE, coverage=0.25))
        return list(store.scored())


def as_dicts(table: Table) -> list[dict[str, object]]:
    return [dict(zip(table.headers, row, strict=True)) for row in table.rows]


# ---------------------------------------------------------------- contents


def test_the_tables_hold_every_call_check_and_piece_of_evidence(scored: Scored) -> None:
    calls, checks, findings = tables(scored)
    assert [len(t.rows) for t in (calls, checks, findings)] == [3, 5, 10]  # each finding has two pieces of evidence
    first, _, bare = as_dicts(calls)
    assert (first["通话编号"], first["得分（%）"], first["覆盖率（%）"], first["时长（秒）"]) == ("C1", 50.0, 100.0, 9.0)
    assert (first["呼叫方向"], first["不通过项"], first["待复核项"], first["备注"]) == ("呼入", "检查k1", "", "注意")
    assert (bare["得分（%）"], bare["覆盖率（%）"], bare["待复核项"], bare["坐席工号"]) == (None, 25.0, "检查k0", "")
    assert [row["结果"] for row in as_dicts(checks)] == ["通过", "不通过", "通过", "不通过", "无法判定"]
    assert [row["得分"] for row in as_dicts(checks)] == [10.0, 0.0, 10.0, 0.0, None]
    assert {(row["部分"], row["级别"], row["次数"]) for row in as_dicts(checks)} == {("", "一般", 1)}
    finding = as_dicts(findings)[0]
    assert (finding["证据开始（秒）"], finding["证据结束（秒）"], finding["证据原话"]) == (0.3, 0.9, "您好")
    assert finding["测量值"] == "rate_cpm=173.393; rings=3; phrase==1+1; limit_ms="


def test_every_row_carries_the_demo_mark_and_what_it_was_made_from(scored: Scored) -> None:
    for table in tables(scored):
        for row in as_dicts(table):
            assert row["演示标记"] == {"C1": "demo", "C2": "", "C3": "demo"}[str(row["通话编号"])]
            assert (row["评分规则"], row["规则版本"], row["程序版本"]) == ("default", "1", "0.1.0")
            assert row["模型"] == "asr=demo@1; activity=webrtcvad" and len(str(row["录音SHA-256"])) == 64
            assert str(row["评分时间"]).endswith("+00:00")


def test_json_holds_the_same_with_the_mark_on_every_level(scored: Scored) -> None:
    data = json.loads(to_json(scored))
    assert data["demo"] is True
    for (row, card), got in zip(scored, data["calls"], strict=True):
        assert (got["call_id"], got["percent"], got["coverage"]) == (row.call_id, card.percent, card.coverage)
        assert got["provenance"]["file_sha256"] == card.provenance.file_sha256
        assert [check["check_id"] for check in got["checks"]] == [result.check_id for result in card]
        for check, result in zip(got["checks"], card, strict=True):
            assert (check["demo"], check["outcome"], check["points"]) == (row.demo, result.outcome.value, result.points)
            assert check["findings"][0]["demo"] is row.demo
            assert check["findings"][0]["values"] == dict(result.findings[0].values)
            assert check["findings"][0]["evidence"][0] == {
                "span": {"start_ms": 300, "end_ms": 900},
                "role": "agent",
                "text": "您好",
            }
    assert json.loads(to_json(scored[1:2]))["demo"] is False
    assert json.loads(to_json([])) == {"demo": False, "calls": []}


# ---------------------------------------------------------------- telephone numbers


def test_no_export_holds_a_customers_number(scored: Scored, tmp_path: Path) -> None:
    with zipfile.ZipFile(write(scored, tmp_path / "out.xlsx")[0]) as book:
        sheets = "".join(book.read(name).decode() for name in book.namelist())
    calls, _, findings = (to_csv(table) for table in tables(scored))
    for text in (to_json(scored), sheets, calls, findings):
        assert stored_calls.record().customer_number not in text
        assert "138****5678" in text


def test_a_number_in_file_name_and_call_id_is_masked(tmp_path: Path) -> None:
    one = call("20240501_13812345678_8001", customer_number="+8613812345678")
    with Store(tmp_path / "qa.db") as store:
        store.save_call(one, scorecard(one, "20240501_13812345678_8001"))
        rows = list(store.scored())
    cells = as_dicts(tables(rows)[0])[0]
    assert (cells["通话编号"], cells["录音文件"]) == ("20240501_138****5678_8001", "/calls/20240501_138****5678_8001.wav")
    assert json.loads(to_json(rows))["calls"][0]["file"] == "/calls/20240501_138****5678_8001.wav"


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("13812345678", "138****5678"),
        ("+86 138-1234-5678", "+86 1**-****-5678"),
        ("075588886666", "075*****6666"),
        ("88886666", "****6666"),
        ("110101199003077758", "110***********7758"),
        ("8001", "**01"),
        ("10", "10"),
        ("", ""),
    ],
)
def test_a_masked_number(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我的电话是一三八，一二三四，五六七八。", "我的电话是一三八，****，五六七八。"),
        ("幺三八 1234 ５６７８", "幺三八 **** ５６７８"),
        ("住八八零零号，工号8001", "住八八零零号，工号8001"),
    ],
)
def test_numbers_said_are_masked(text: str, masked: str) -> None:
    assert mask_text(text, said=True) == masked


def test_figures_and_dates_of_the_program_stay() -> None:
    text = "2024-05-01 语速 140-200 字/分钟，第 12000-18000 毫秒"
    assert mask_text(text) == text
    assert mask_text("复述号码 13812345678 正确") == "复述号码 138****5678 正确"
    assert mask_name("20240501093000_13900001111.wav") == "20240501093000_139****1111.wav"


@settings(derandomize=True, deadline=None)
@given(st.text("一三八，、 说", max_size=12), st.text("0123456789", min_size=11, max_size=11), st.text("的是吗。", max_size=4))
def test_no_said_number_survives(before: str, number: str, after: str) -> None:
    assert number not in mask_text(before + number + after, said=True)


# ---------------------------------------------------------------- spreadsheets


EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1")


def test_csv_text_is_never_a_formula_and_numbers_stay_numbers() -> None:
    table = Table("calls", ("a", "b"), tuple((text, -26.5) for text in EVIL))
    rows = list(csv.reader(io.StringIO(to_csv(table), newline="")))[1:]
    assert [row[0] for row in rows] == ["'" + text for text in EVIL]
    assert {row[1] for row in rows} == {"-26.5"}


def test_csv_comes_back_as_it_went_in() -> None:
    awkward = 'a,"b"\r\nc'
    table = Table("calls", ("文", "数"), ((awkward, 1), ("中文", None)))
    assert list(csv.reader(io.StringIO(to_csv(table), newline=""))) == [["文", "数"], [awkward, "1"], ["中文", ""]]


def test_csv_files_open_in_excel(scored: Scored, tmp_path: Path) -> None:
    written = write(scored, tmp_path / "月报.csv")
    assert [path.name for path in written] == ["月报.csv", "月报-checks.csv", "月报-findings.csv"]
    for path, name in zip(written, HEADERS, strict=True):
        data = path.read_bytes()
        assert data.startswith(b"\xef\xbb\xbf") and not data[3:].startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
        assert tuple(rows[0]) == HEADERS[name]
        assert rows[1][3] == "'=cmd|' /C calc'!A0"


def test_a_workbook_has_three_sheets_of_plain_values(scored: Scored, tmp_path: Path) -> None:
    (path,) = write(scored, tmp_path / "out.XLSX")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["通话", "检查", "发现"]
    for sheet, table in zip(book, tables(scored), strict=True):
        got = [tuple(cell.value for cell in row) for row in sheet.iter_rows()]
        assert got[0] == table.headers
        assert got[1:] == [tuple(None if cell == "" else cell for cell in row) for row in table.rows]
        assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}  # "f" would be a formula
        assert sheet.freeze_panes == "C2"


def test_a_workbook_takes_the_worst_texts_as_texts() -> None:
    long, texts = "长" * 40_000, (*EVIL, "http://example.com", "{=1}", "a\x00b\x07", "")
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx([Table("calls", ("文",), tuple((text,) for text in (*texts, long)))])))
    cells = [row[0] for row in book["通话"].iter_rows(min_row=2)]
    assert [cell.data_type for cell in cells] == ["s"] * (len(texts) - 1) + ["n", "s"]  # an empty cell counts as "n"
    assert [cell.value for cell in cells[:2]] == ["=1+1", "+1"] and all(cell.hyperlink is None for cell in cells)
    assert len(cells[-1].value) == 32_767 and cells[-1].value.endswith("…")


# ---------------------------------------------------------------- files


def test_an_export_without_calls_has_its_headers(tmp_path: Path) -> None:
    for path in write([], tmp_path / "empty.csv"):
        assert len(path.read_text("utf-8-sig").splitlines()) == 1
    assert openpyxl.load_workbook(write([], tmp_path / "empty.xlsx")[0]).sheetnames == ["通话", "检查", "发现"]


def test_an_export_replaces_the_file_and_leaves_nothing_beside_it(scored: Scored, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for _ in range(2):
        assert write(scored, folder / "a.dat", "json") == (folder / "a.dat",)
    assert [path.name for path in folder.iterdir()] == ["a.dat"]
    assert json.loads((folder / "a.dat").read_text("utf-8"))["calls"][0]["call_id"] == "C1"


def test_what_cannot_be_written_is_one_clear_error(scored: Scored, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="不支持的导出格式 'pdf'"):
        write(scored, tmp_path / "a.pdf")
    with pytest.raises(StoreError, match=re.escape(f"{tmp_path / 'no' / 'a.json'}: 无法写入")):
        write(scored, tmp_path / "no" / "a.json")
    (tmp_path / "a.json").mkdir()
    with pytest.raises(StoreError, match="无法写入"):
        write(scored, tmp_path / "a.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "qa.db"]
