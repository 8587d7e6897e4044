"""From files to scorecards: bad files apart, nothing heard twice, no socket opened."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qa import pipeline, rulebook
from qa.errors import AudioError
from qa.paths import lexicons_dir
from qa.records import read_calls
from qa.store import Store
from qa.types import Outcome

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "recordings_sample"
pytestmark = pytest.mark.slow


def test_folders_are_searched_and_files_taken_by_name(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    for name in ("day/b.wav", "day/a.mp3", "day/.hidden.wav", "day/notes.txt", "odd.bin"):
        (tmp_path / name).touch()
    found = pipeline.collect([tmp_path / "day", tmp_path / "odd.bin", tmp_path / "day"])
    assert [p.name for p in found] == ["a.mp3", "b.wav", "odd.bin"]


def test_a_bad_file_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.wav", SAMPLES / "17_four_rings.wav"
    bad.write_text("not a recording")
    with Store(tmp_path / "t.db") as store:
        results = pipeline.score_files(
            [bad, good], store=store, book=rulebook.load("default"), table=read_calls(SAMPLES / "calls.csv"), asr="demo"
        )
    assert isinstance(results[0].error, AudioError) and "bad.wav" in str(results[0].error)
    card = results[1].scorecard
    assert card is not None and card.provenance.demo
    pickup = card.result("pickup")
    assert pickup is not None and pickup.outcome is Outcome.FAIL


def test_a_second_run_and_a_changed_rule_book_hear_nothing_again(tmp_path: Path) -> None:
    file, table = SAMPLES / "17_four_rings.wav", read_calls(SAMPLES / "calls.csv")
    lenient = tmp_path / "lenient"
    shutil.copytree(lexicons_dir() / "default", lenient)
    rules = (lenient / "rules.toml").read_text("utf-8")
    (lenient / "rules.toml").write_text(rules.replace("max_rings = 3", "max_rings = 9"), "utf-8")
    with Store(tmp_path / "t.db") as store:
        runs = [
            pipeline.score_files([file], store=store, book=rulebook.load(book), table=table, asr="demo")[0]
            for book in ("default", "default", lenient)
        ]
        history = store.history(runs[0].call_id or "")
    assert [r.reused for r in runs] == [False, True, True]
    assert runs[0].call == runs[1].call
    outcomes = [r.scorecard.result("pickup").outcome for r in runs if r.scorecard]  # type: ignore[union-attr]
    assert outcomes == [Outcome.FAIL, Outcome.FAIL, Outcome.PASS]
    assert len(history) == 2  # the same verdict twice is one row, another rule book stands beside it


SCORE = """
import socket, sys
def refuse(event, args):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo"):
        raise SystemExit(f"network: {event} {args}")
sys.addaudithook(refuse)
from qa.cli import main
main(sys.argv[1:])
"""


def test_scoring_opens_no_socket(tmp_path: Path) -> None:
    """In a network namespace without interfaces where the kernel lets us make one, and under an audit hook everywhere."""
    namespace = ["unshare", "-rn"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        namespace = []
    command = [
        *namespace,
        sys.executable,
        "-c",
        SCORE,
        "score",
        str(SAMPLES / "17_four_rings.wav"),
        "--calls",
        str(SAMPLES / "calls.csv"),
        "--asr",
        "demo",
        "--db",
        str(tmp_path / "t.db"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_installed_wheel_scores_from_another_folder(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)],
        check=True,
        capture_output=True,
    )
    wheel = next((tmp_path / "dist").glob("*.whl"))
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], check=True)
    shutil.copy(SAMPLES / "17_four_rings.wav", tmp_path / "call.wav")
    code = "import sys, qa; sys.stderr.write(qa.__file__); from qa.cli import main; main(sys.argv[1:])"
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    scored = subprocess.run(
        [sys.executable, "-c", code, "score", "call.wav", "--asr", "demo", "--db", "t.db"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert scored.returncode == 0, scored.stdout + scored.stderr
    assert str(site) in scored.stderr
    shown = subprocess.run(
        [sys.executable, "-m", "qa", "agents", "--json", "--db", "t.db"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(shown.stdout)
