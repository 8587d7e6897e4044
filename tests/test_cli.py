"""The command ``qa``: what it prints, its exit status, and how it fails; scoring runs the real bundled model."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from commands import Run
from report_samples import NUMBER, call, good, scorecard, write_wav

from qa import models
from qa.cli import app
from qa.store import Store

SAMPLES = Path(__file__).parents[1] / "recordings_sample"
SHORT = ("01_clean_broadband.wav", "26_nobody_speaks.wav")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A database with three calls of agent 1024 and one of agent 2048."""
    path = tmp_path / "calls.db"
    with Store(path) as store:
        for call_id, agent, percent in (("A-1", "1024", 46.67), ("A-2", "1024", 60.0), ("A-3", "1024", 100.0), ("B-1", "2048", 46.67)):
            recording = tmp_path / f"{call_id}.wav"
            write_wav(recording, seed=sum(call_id.encode()))
            one = call(recording, call_id, agent, f"2024-05-0{call_id[-1]}T09:00:00.000")
            card = scorecard(one, percent)
            store.save_call(one, good(card) if percent == 100 else card)
    return path


# ---------------------------------------------------------------- one call


def test_show_prints_the_transcript_with_the_findings_in_place(qa: Run, db: Path) -> None:
    shown = qa("show", "A-1", "--db", db)
    assert shown.code == 0
    lines = [line.strip() for line in shown.out.splitlines()]
    assert "0:09.6 坐席              这个不归我管，你自己打别的电话问吧。  ✗ 服务禁语" in lines
    assert any(line.startswith("0:22.4 坐席 · 此处未听到") and line.endswith("✗ 标准结束语") for line in lines)
    assert "✗ 不通过  服务禁语  0 / 25 分" in lines
    assert "? 无法判定  音量  不计分" in lines
    assert "条款：通话中严禁使用服务禁语。" in lines
    assert "演示模型" in shown.out and "46.7 分" in shown.out and "default 1.0+0123456789ab" in shown.out
    assert NUMBER not in shown.out and "一三八一二三四五六七八" not in shown.out


def test_show_json_has_scorecard_and_transcript(qa: Run, db: Path) -> None:
    whole = qa("show", "A-1", "--db", db, "--json").json
    assert (whole["call_id"], whole["percent"], whole["demo"]) == ("A-1", 46.67, True)
    assert [c["outcome"] for c in whole["checks"]] == ["pass", "fail", "pass", "fail", "inconclusive", "not_applicable"]
    assert [(u["role"], u["start_ms"]) for u in whole["transcript"]][:2] == [("agent", 2000), ("customer", 6200)]
    assert "一三八****五六七八" in whole["transcript"][3]["text"]


def test_a_call_is_found_by_its_recording_too(qa: Run, db: Path) -> None:
    assert qa("show", "some/where/A-2.wav", "--db", db, "--json").json["call_id"] == "A-2"


def test_an_unknown_call_is_one_line_with_the_nearest_ids(qa: Run, db: Path) -> None:
    failed = qa("show", "A-11", "--db", db)
    assert (failed.code, failed.out) == (2, "")
    assert failed.err.strip().count("\n") == 0
    assert failed.err.startswith("✗ A-11：数据库中没有这通电话。是不是 A-1")


# ---------------------------------------------------------------- agents


def test_agents_lists_every_agent_with_sample_size(qa: Run, db: Path) -> None:
    rows = {a["agent_id"]: a for a in qa("agents", "--db", db, "--json").json["agents"]}
    assert rows.keys() == {"1024", "2048"}
    assert rows["1024"]["calls"] == 3 and rows["1024"]["percent"]["n"] == 3
    assert rows["1024"]["percent"]["value"] == pytest.approx((46.67 + 60 + 100) / 3)
    printed = qa("agents", "--db", db).out
    assert "68.9" in printed and "不足 5 通的坐席不排名" in printed


def test_agent_shows_rates_and_extremes_of_that_agent_only(qa: Run, db: Path) -> None:
    printed = qa("agent", "1024", "--db", db).out
    rows = [line.split() for line in printed.splitlines()]
    assert ["标准问候语", "100%", "44–100", "3", "0", "0", "0"] in rows
    assert ["标准结束语", "0%", "0–66", "2", "0", "0", "0"] in rows
    assert ["音量", "—", "—", "0", "2", "0", "0"] in rows
    assert "A-1" in printed and "A-3" in printed and "B-1" not in printed


def test_agent_over_a_period(qa: Run, db: Path) -> None:
    card = qa("agent", "1024", "--since", "2024-05-02", "--until", "2024-05-02", "--db", db, "--json").json
    assert (card["calls"], card["percent"]["value"]) == (1, 60.0)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("agent", "77"), "没有这位坐席"),
        (("agents", "--since", "gestern"), "不是有效的日期"),
        (("agent", "1024", "--since", "2024-05-03", "--until", "2024-05-02"), "终点早于起点"),
    ],
)
def test_wrong_agents_and_dates_are_usage_errors(qa: Run, db: Path, arguments: tuple[str, ...], cause: str) -> None:
    failed = qa(*arguments, "--db", db)
    assert failed.code == 2 and cause in failed.err and "Traceback" not in failed.err


# ---------------------------------------------------------------- export and reports


def test_export_writes_what_the_suffix_says(qa: Run, db: Path, tmp_path: Path) -> None:
    assert qa("export", "all.json", "--db", db).code == 0
    assert len(json.loads((tmp_path / "all.json").read_text("utf-8"))["calls"]) == 4
    assert qa("export", "one.csv", "--agent", "1024", "--db", db, "--json").json["calls"] == 3
    with (tmp_path / "one.csv").open(encoding="utf-8-sig", newline="") as source:
        assert [row["通话编号"] for row in csv.DictReader(source)] == ["A-1", "A-2", "A-3"]
    assert qa("export", "all.xlsx", "--since", "2024-05-02", "--db", db, "--json").json["calls"] == 2
    assert openpyxl.load_workbook(tmp_path / "all.xlsx")["通话"].max_row == 3
    failed = qa("export", "all.pdf", "--db", db)
    assert failed.code == 2 and "请用 json、csv 或 xlsx" in failed.err


def test_reports_are_written_where_told(qa: Run, db: Path, tmp_path: Path) -> None:
    assert qa("report", "call", "A-1", "-o", "a/call.html", "--db", db).code == 0
    written = qa("report", "agent", "1024", "-o", "agent.html", "--db", db, "--json").json
    assert written == {"file": "agent.html", "bytes": (tmp_path / "agent.html").stat().st_size}
    assert "<title>通话质检报告 A-1</title>" in (tmp_path / "a" / "call.html").read_text("utf-8")
    assert "<title>坐席质检报告 王芳 1024</title>" in (tmp_path / "agent.html").read_text("utf-8")


# ---------------------------------------------------------------- the database option


def test_reading_commands_never_make_a_database(qa: Run, tmp_path: Path) -> None:
    for arguments in (("show", "A-1"), ("agents",), ("agent", "1"), ("export", "x.json"), ("report", "call", "A", "-o", "x.html")):
        failed = qa(*arguments)
        assert failed.code == 2 and "qa.db" in failed.err
    assert not list(tmp_path.iterdir())


def test_the_database_is_qa_db_here_or_the_one_of_the_environment(
    qa: Run, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(db, tmp_path / "qa.db")
    assert qa("show", "B-1", "--json").code == 0
    (tmp_path / "qa.db").unlink()
    monkeypatch.setenv("QA_DB", str(db))
    assert qa("show", "B-1", "--json").code == 0


def _commands(group: Any, before: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = []
    for name, command in group.commands.items():
        whole = (*before, name)
        found += _commands(command, whole) if hasattr(command, "commands") else [(whole, command)]
    return found


def test_every_command_has_the_database_option_and_json() -> None:
    import typer.main

    commands = _commands(typer.main.get_command(app))
    names = {" ".join(name) for name, _ in commands}
    assert names >= {
        "score",
        "show",
        "agents",
        "agent",
        "evaluate",
        "export",
        "report call",
        "models pull",
    }
    for name, command in commands:
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--db", "--json"} <= options, name
        assert any("一" <= c <= "鿿" for c in command.help or ""), f"{name} has no Chinese help"


# ---------------------------------------------------------------- models and rule books


def test_models_list_names_production_and_demo(qa: Run) -> None:
    found = {m["name"]: m for m in qa("models", "list", "--json").json}
    assert [name for name, m in found.items() if m["production"]] == ["large-v3-turbo"]
    assert [name for name, m in found.items() if m["demo"]] == ["demo"]
    assert "large-v3-turbo" in qa("models", "list").out


def test_models_verify_tells_a_changed_file_by_exit_status_1(qa: Run, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_text("{}")
    models.write_hashes(folder)
    assert qa("models", "verify", folder).code == 0
    (folder / "model.bin").write_text("[]")
    failed = qa("models", "verify", folder, "--json")
    assert (failed.code, failed.json["ok"]) == (1, False)
    assert {f["file"]: f["state"] for f in failed.json["files"]}["model.bin"] == "differs"


def test_models_pull_of_an_unknown_name_lists_the_known(qa: Run) -> None:
    failed = qa("models", "pull", "huge")
    assert failed.code == 2 and "large-v3-turbo" in failed.err


def test_rules_check_and_show(qa: Run, tmp_path: Path) -> None:
    assert qa("rules", "check", "default").code == 0
    book = qa("rules", "show", "default", "--json").json
    assert [c["id"] for c in book["checks"]] == ["greeting", "closing", "speech_rate", "banned_phrases", "volume", "pickup"]
    assert sum(c["weight"] for c in book["checks"]) == 100
    assert "每分钟吐字140–200个" in qa("rules", "show", "default").out


def test_a_wrong_rule_book_is_told_line_by_line(qa: Run, tmp_path: Path) -> None:
    wrong = '[profile]\nid = "x"\ntitle = "x"\nversion = "1"\n\n[checks.pickup]\nclause = "x"\nweight = "many"\nmax_ring = 3\n'
    (tmp_path / "rules.toml").write_text(wrong, "utf-8")
    failed = qa("rules", "check", tmp_path)
    lines = failed.err.strip().splitlines()
    assert failed.code == 2 and [line.split("：")[0].rsplit(":", 1)[1] for line in lines] == ["8", "9"]


# ---------------------------------------------------------------- failing


def test_no_arguments_and_help_tell_the_commands(qa: Run) -> None:
    shown = qa("--help")
    assert shown.code == 0 and "给录音评分" in shown.out
    assert qa("nonsense").code == 2
    assert qa("score").code == 2


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("score", "nowhere"), "没有这个文件或文件夹"),
        (("score", "empty"), "没有找到录音文件"),
        (("score", "A-1.wav", "--profile", "nobody"), "没有这个规则书"),
        (("score", "A-1.wav", "--calls", "none.csv"), "通话记录表无法读取"),
        (("score", "A-1.wav", "--asr", "no-such-model"), "no-such-model"),
    ],
)
def test_a_wrong_score_command_is_one_line_and_touches_nothing(
    qa: Run, db: Path, tmp_path: Path, arguments: tuple[str, ...], cause: str
) -> None:
    (tmp_path / "empty").mkdir()
    failed = qa(*arguments)
    assert (failed.code, failed.out) == (2, "")
    assert failed.err.count("✗") == 1 and cause in failed.err and "Traceback" not in failed.err
    assert not (tmp_path / "qa.db").exists()


def test_text_of_a_file_name_is_never_markup(qa: Run, tmp_path: Path) -> None:
    assert "[bold]x[/bold]：" in qa("score", "[bold]x[/bold]").err


def test_a_line_break_or_a_terminal_code_in_a_file_name_is_shown_not_obeyed(qa: Run) -> None:
    failed = qa("score", "a\nb\x1b[31m.wav")
    assert failed.err.count("\n") == 1 and r"a\nb\x1b[31m.wav：" in failed.err


def test_a_bug_is_one_line_and_a_traceback_with_debug_only(qa: Run, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qa.scorecards.overview", lambda calls: 1 / 0)
    quiet = qa("agents", "--db", db)
    assert quiet.code == 70
    assert quiet.err.startswith("✗ ZeroDivisionError: division by zero。") and "Traceback" not in quiet.err
    assert "qa --debug" in quiet.err
    loud = qa("--debug", "agents", "--db", db)
    assert loud.code == 70 and "Traceback" in loud.err


def test_debug_shows_where_an_expected_error_came_from(qa: Run, tmp_path: Path) -> None:
    assert "Traceback" in qa("--debug", "agents").err


def test_the_module_runs(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run([sys.executable, "-m", "qa", "--version"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "qa 0.1.0\n")
