"""Every command is in the README and in ``qa --help``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from qa.cli import app

ROOT = Path(__file__).parents[1]


def commands(group: Any, before: tuple[str, ...] = ("qa",)) -> list[str]:
    """All commands of a group in full: ``qa score``, ``qa models list`` …"""
    found: list[str] = []
    for name, command in group.commands.items():
        whole = (*before, name)
        found += commands(command, whole) if hasattr(command, "commands") else [" ".join(whole)]
    return found


ALL = commands(typer.main.get_command(app))


def test_there_are_commands() -> None:
    assert {"qa score", "qa show", "qa agents", "qa agent", "qa export", "qa report call", "qa models list"} <= set(ALL)


@pytest.mark.parametrize("command", ALL)
def test_every_command_is_in_the_readme(command: str) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.search(rf"{command}(?![a-z])", readme)


@pytest.mark.parametrize("command", ALL)
def test_every_command_is_in_the_help_of_its_group(command: str) -> None:
    *path, name = command.split()[1:]
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0
    assert any(line.strip("│ ").split()[:1] == [name] for line in shown.output.splitlines())


@pytest.mark.parametrize("command", ALL)
def test_every_command_explains_itself_in_chinese(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split()[1:], "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0
    assert any("一" <= c <= "鿿" for c in shown.output.split("选项")[0])


FOLDERS = ("qa", "models", "lexicons", "recordings_sample", "recordings_houses", "tests", "docs", "benchmarks")
DOCUMENTS = sorted(p for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("models/**/*.md")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    named = re.findall(rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)})/[\w/.-]*\w)(?![\w*<])", text)
    links = [link for link in re.findall(r"\]\(([\w/.-]+)\)", text) if "/" in link or "." in link]
    assert [n for n in named if not (ROOT / n).exists() and "/my-" not in n] == []  # lexicons/my-house is the reader's
    assert [n for n in links if not (document.parent / n).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_document_holds_two_versions_of_a_passage(document: Path) -> None:
    assert re.findall(r"^(?:<{7}|>{7}|={7}$).*", document.read_text("utf-8"), re.MULTILINE) == []
