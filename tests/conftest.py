"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Ran, Run
from web_browser import browser, opened, server  # noqa: F401  (fixtures)
from web_house import house, house_made  # noqa: F401  (fixtures)

from qa.cli import main


@pytest.fixture
def qa(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in an empty folder and in 200 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("QA_DB", raising=False)

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        printed = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), printed.out, printed.err)

    return run
