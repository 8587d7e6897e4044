"""Fixtures for the tests of the batch: workers that are forked from this process and transcribe by a double."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import batch_moments
import pytest
from batch_days import day
from commands import Ran, Run

import qa.batch.start
from qa.batch.pool import Limits, LocalPool

Batch = Callable[..., Ran]


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers take over what is patched here."""
    monkeypatch.setattr(qa.batch.start, "LocalPool", functools.partial(LocalPool, start_method="fork"))
    monkeypatch.setattr("qa.asr.transcribe", batch_moments.transcribe)
    monkeypatch.setattr("qa.batch.work.recogniser", lambda model, threads: model.fingerprint)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A day of short calls."""
    return day(tmp_path / "day", seconds=1.5)


@pytest.fixture
def batch(qa: Run, forked: None, recordings: Path) -> Batch:
    """``qa batch run`` over the day, or another subcommand, with its call records."""

    def run(*arguments: object, command: tuple[object, ...] | None = None) -> Ran:
        what = ("run", recordings) if command is None else command
        return qa("batch", *what, "--calls", recordings / "calls.csv", "--asr", "demo", "--workers", 2, "--db", "t.db", *arguments)

    return run


def limits(monkeypatch: pytest.MonkeyPatch, **values: float) -> None:
    """Other limits for the workers."""
    monkeypatch.setattr(qa.batch.start, "Limits", functools.partial(Limits, **values))
