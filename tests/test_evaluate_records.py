"""``qa evaluate`` takes the call records that ``qa score`` takes: calls.csv, a switch's own file, imported ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from switch_samples import cdr, written

from qa import cli_evaluate
from qa.pipeline import FileResult
from qa.records import Records

NAME = "external-8001-13800138000-20240501-090000-1714525200.100.wav"
TZ = ("--tz", "Asia/Shanghai")
OWN = "file,call_id,agent_id,direction,start\n{0},own-1,7,in,2024-05-01T09:00:00.000+08:00\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rec"
    made.mkdir()
    (made / NAME).write_bytes(b"RIFF")
    (made / "truth.jsonl").write_text(f'{{"file": "{NAME}", "verdicts": {{"volume": "pass"}}}}\n', "utf-8")
    written(tmp_path, "Master.csv", cdr())
    return made


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None] | None]:
    """Call id and agent of the record that each recording would be scored with; nothing is scored."""
    seen: list[tuple[str, str | None] | None] = []

    def look(files: Sequence[Path], store: object, book: object, table: Records | None, *more: Any, **others: Any) -> list[FileResult]:
        records = [table.for_file(file) if table is not None else None for file in files]
        seen.extend(None if one is None else (one.call_id, one.agent_id) for one in records)
        return []

    monkeypatch.setattr(cli_evaluate, "score_with_progress", look)
    return seen


def test_a_switch_s_file(qa: Run, folder: Path, tmp_path: Path, joined: list[Any]) -> None:
    for calls in (tmp_path / "Master.csv", f"{tmp_path / 'Master.csv'}:asterisk"):
        assert qa("evaluate", folder, "--calls", calls, *TZ, "--json").code == 1  # nothing was scored
    assert joined == [("1714525200.100", "8001")] * 2


def test_imported_records_and_the_table_beside_the_recordings(qa: Run, folder: Path, tmp_path: Path, joined: list[Any]) -> None:
    qa("evaluate", folder)
    assert joined == [None]
    assert qa("records", "import", tmp_path / "Master.csv", *TZ).code == 0
    qa("evaluate", folder)
    (folder / "calls.csv").write_text(OWN.format(NAME), "utf-8")
    qa("evaluate", folder)
    assert joined[1:] == [("1714525200.100", "8001"), ("own-1", "7")]


def test_a_file_of_no_known_format_is_refused_before_anything_is_made(qa: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", "utf-8")
    failed = qa("evaluate", folder, "--calls", tmp_path / "other.csv")
    assert failed.code == 2 and "other.csv" in failed.err and not (tmp_path / "qa.db").exists()
