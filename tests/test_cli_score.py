"""``qa score`` and ``qa evaluate`` on the real bundled model: what they print, their exit status, and how they fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import Run

from qa import models
from qa.errors import ModelError

SAMPLES = Path(__file__).parents[1] / "recordings_sample"
SHORT = ("01_clean_broadband.wav", "26_nobody_speaks.wav")


def have_demo_model() -> bool:
    try:
        models.locate("demo")
    except ModelError:
        return False
    return (SAMPLES / "calls.csv").is_file()


needs_model = pytest.mark.skipif(not have_demo_model(), reason="the bundled model or the samples are not here")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Two sample calls, the whole call record, and a text file that calls itself a recording."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    for name in (*SHORT, "calls.csv"):
        shutil.copy(SAMPLES / name, folder)
    (folder / "99_text.wav").write_text("这不是录音", "utf-8")
    return folder


@needs_model
@pytest.mark.slow
def test_one_bad_file_is_one_line_and_the_rest_goes_on(qa: Run, inbox: Path, tmp_path: Path) -> None:
    scored = qa("score", inbox, "--calls", inbox / "calls.csv", "--asr", "demo", "--report", "out")
    assert scored.code == 1
    (line,) = [line for line in scored.err.splitlines() if "✗" in line]
    assert "99_text.wav：不是音频文件" in line
    assert "共 3 个文件，评分 2（其中沿用已有转写 0），失败 1" in scored.out and "演示模型" in scored.out
    assert len(list((tmp_path / "out").glob("call-*.html"))) == 2
    assert (tmp_path / "out" / "index.html").is_file()
    (inbox / "99_text.wav").unlink()
    again = qa("score", inbox, "--calls", inbox / "calls.csv", "--asr", "demo", "--json")
    assert again.code == 0
    assert [(Path(r["file"]).name, r["reused"], r["demo"], r["error"]) for r in again.json] == [(n, True, True, None) for n in SHORT]
    assert {r["call_id"] for r in again.json} == {json.loads(qa("show", n, "--json").out)["call_id"] for n in SHORT}


@needs_model
@pytest.mark.slow
def test_an_unused_call_record_is_mentioned(qa: Run, inbox: Path) -> None:
    (inbox / SHORT[0]).unlink()
    (inbox / "99_text.wav").unlink()
    scored = qa("score", inbox, "--asr", "demo")
    assert scored.code == 0 and "没有用上；要用请加 --calls" in scored.err


@needs_model
@pytest.mark.slow
def test_evaluate_compares_with_the_truth_and_counts_what_could_not_be_scored(qa: Run, inbox: Path) -> None:
    truths = [json.loads(line) for line in (SAMPLES / "truth.jsonl").read_text("utf-8").splitlines()]
    kept = [t for t in truths if t["file"] in SHORT] + [{"file": "99_text.wav", "verdicts": {"volume": "fail"}}]
    (inbox / "truth.jsonl").write_text("\n".join(json.dumps(t) for t in kept), "utf-8")
    found = qa("evaluate", inbox, "--asr", "demo", "--json")
    assert found.code == 1
    assert (found.json["files"], found.json["demo"]) == (3, True)
    volume = found.json["checks"]["volume"]
    assert (volume["ruled"] + volume["inconclusive"], volume["recall"]) == (3, 0.0)  # the text file is a FAIL not found
    assert found.json["measures"]["level_db"]["max_abs"] <= 0.3
    assert [e["file"] for e in found.json["errors"]] == ["99_text.wav"]
    printed = qa("evaluate", inbox, "--asr", "demo")
    assert "greeting" in printed.out and "演示模型" in printed.out


def test_evaluate_without_a_truth_file_is_a_usage_error(qa: Run, tmp_path: Path) -> None:
    failed = qa("evaluate", tmp_path)
    assert failed.code == 2 and "truth.jsonl" in failed.err


@needs_model
def test_a_bug_in_one_file_stops_that_file_only_and_debug_says_where(qa: Run, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SHORT:
        (inbox / name).unlink()
    monkeypatch.setattr("qa.pipeline.Stages.call", lambda *_: 1 / 0)
    quiet = qa("score", inbox, "--asr", "demo")
    assert quiet.code == 1 and "99_text.wav：程序内部错误 ZeroDivisionError" in quiet.err and "Traceback" not in quiet.err
    assert "Traceback" in qa("--debug", "score", inbox, "--asr", "demo").err


@needs_model
def test_models_verify_without_a_name_checks_all_that_are_here(qa: Run) -> None:
    here = [m["name"] for m in qa("models", "list", "--json").json if m["path"]]
    found = qa("models", "verify", "--json")
    assert found.code == 0 and [m["name"] for m in found.json] == here and all(m["ok"] for m in found.json)
