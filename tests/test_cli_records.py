"""``qa records`` and the records that ``qa score`` uses: what they print, their exit status, and how they fail."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from commands import Run
from switch_samples import SAMPLES, cdr, written

from qa import models
from qa.errors import ModelError
from qa.switch import importing

RECORDINGS = Path(__file__).parents[1] / "recordings_sample"
TZ = ("--tz", "Asia/Shanghai")


def have_demo_model() -> bool:
    try:
        models.locate("demo")
    except ModelError:
        return False
    return True


needs_model = pytest.mark.skipif(not have_demo_model(), reason="the bundled model is not here")


def test_import_says_what_went_in_and_what_did_not(qa: Run, tmp_path: Path) -> None:
    path = written(tmp_path, "Master.csv", cdr() + cdr(uniqueid="1714525200.5", duration=-4) + "half,a,row\n")
    done = qa("records", "import", path, SAMPLES / "queue_log", *TZ)
    assert done.code == 1
    assert f"! {path}:2: " in done.err and f"! {path}:3: " in done.err
    assert "共 2 个文件，16 行，新增或更正 16 行，未采用 2 行" in done.out
    again = qa("records", "import", SAMPLES / "queue_log", *TZ, "--json")
    assert again.code == 0 and again.json["files"][0] | {"file": ""} == {
        "file": "", "format": "queue_log", "rows": 0, "fresh": 0, "wrong": 0, "withdrawn": 0, "known": True, "problems": [],
    }  # fmt: skip


def test_list_shows_calls_with_their_agents_and_hides_numbers(qa: Run) -> None:
    qa("records", "import", SAMPLES / "Master.csv", SAMPLES / "queue_log", *TZ)
    listed = qa("records", "list", "--since", "2024-05-01", "--until", "2024-05-01")
    assert listed.code == 0 and "9 通电话" in listed.out
    (line,) = [line for line in listed.out.splitlines() if line.startswith("1714532990.200")]
    assert "8001 → 不明" in line and "135****5000" in line and "13500135000" not in listed.out
    found = qa("records", "list", "--since", "2024-05-01", "--json").json
    call = next(c for c in found if c["call_id"] == "1714525800.110")
    assert (call["ring"], call["legs"][0]["agent_id"], call["hangup_by"]) == ("2024-05-01T09:10:31.000", "8002", "customer")
    assert qa("records", "list", "--since", "2030-01-01", "--json").json == []


def test_problems_lists_rows_ids_and_recordings(qa: Run, tmp_path: Path) -> None:
    later = cdr(
        start="2024-05-03 09:00:00", answer="2024-05-03 09:00:05", end="2024-05-03 09:01:00", duration=60, billsec=55, src="13900139000"
    )
    qa("records", "import", written(tmp_path, "Master.csv", cdr() + later + "half\n"), *TZ)
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "x.wav").touch()
    found = qa("records", "problems", tmp_path / "rec", "--json")
    assert found.code == 1
    assert [p["line"] for p in found.json] == [3, None, 2]
    assert "没有与它相符的话单" in found.json[1]["problem"] and "重复编号" in found.json[2]["problem"]


def test_no_problems(qa: Run) -> None:
    qa("records", "import", SAMPLES / "queue_log")
    found = qa("records", "problems")
    assert (found.code, found.out.strip()) == (0, "没有问题")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((SAMPLES / "Master.csv",), "--tz"),
        ((SAMPLES / "Master.csv", "--tz", "China"), "没有这个时区"),
        ((SAMPLES / "Master.csv", *TZ, "--recorded-from", "begin"), "ring 或 answer"),
        ((SAMPLES / "README.md",), "认不出格式"),
        ((SAMPLES / "none.csv",), "无法读取"),
        ((SAMPLES / "Master.csv", "--format", "avaya"), "可用的有"),
        ((SAMPLES / "own.csv", "--mapping", SAMPLES / "README.md"), "格式错误"),
    ],
)
def test_what_cannot_be_read_at_all_is_a_usage_error(qa: Run, arguments: tuple[object, ...], says: str) -> None:
    failed = qa("records", "import", *arguments)
    assert failed.code == 2 and says in failed.err and "Traceback" not in failed.err


def test_a_folder_stands_for_its_json_files(qa: Run, tmp_path: Path) -> None:
    (tmp_path / "json").mkdir()
    for name in ("a_leg.cdr.json", "b_leg.cdr.json"):
        shutil.copy(SAMPLES / name, tmp_path / "json")
    assert [f["rows"] for f in qa("records", "import", tmp_path / "json", "--json").json["files"]] == [1, 1]
    (tmp_path / "empty").mkdir()
    assert qa("records", "import", tmp_path / "empty").code == 2
    assert importing.collect([tmp_path / "json"]) == sorted((tmp_path / "json").iterdir())


def test_a_file_without_its_zone_stops_none_of_the_others(qa: Run, tmp_path: Path) -> None:
    done = qa("records", "import", SAMPLES / "Master.csv", SAMPLES / "queue_log", "--json")
    assert done.code == 1
    assert [f["format"] for f in done.json["files"]] == ["queue_log"] and "--tz" in done.json["errors"][0]["cure"]


# ---------------------------------------------------------------- what qa score does with them


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A sample call under the name that FreePBX gives it, and the switch's row of it."""
    with (RECORDINGS / "calls.csv").open(encoding="utf-8-sig") as file:
        told = next(row for row in csv.DictReader(file) if row["file"].startswith("26_"))
    clock = {name: told[name].replace("T", " ")[:19] for name in ("start", "answer", "end")}
    seconds = [int(clock[name][11:13]) * 3600 + int(clock[name][14:16]) * 60 + int(clock[name][17:19]) for name in clock]
    written(
        tmp_path,
        "Master.csv",
        cdr(**clock, duration=seconds[2] - seconds[0], billsec=seconds[2] - seconds[1], uniqueid="1790000000.77"),
    )
    name = f"external-8001-13800138000-{clock['start'][:10].replace('-', '')}-{clock['start'][11:].replace(':', '')}-1790000000.77.wav"
    (tmp_path / "rec").mkdir()
    shutil.copy(RECORDINGS / told["file"], tmp_path / "rec" / name)
    return tmp_path / "rec" / name


@needs_model
@pytest.mark.slow
def test_score_uses_the_imported_records_or_those_that_calls_names(qa: Run, recording: Path, tmp_path: Path) -> None:
    alone = qa("score", recording, "--asr", "demo", "--db", "alone.db", "--json")
    assert alone.json[0]["agent_id"] is None
    named = qa("score", recording, "--asr", "demo", "--db", "named.db", "--calls", f"{tmp_path / 'Master.csv'}:asterisk", *TZ, "--json")
    assert (named.json[0]["call_id"], named.json[0]["agent_id"]) == ("1790000000.77", "8001")
    assert qa("records", "import", tmp_path / "Master.csv", *TZ, "--recorded-from", "answer").code == 0
    imported = qa("score", recording, "--asr", "demo", "--json")
    assert (imported.json[0]["call_id"], imported.json[0]["outcomes"]["pickup"]) == ("1790000000.77", "inconclusive")
    shutil.copy(recording, recording.with_name("other.wav"))
    unknown = qa("score", recording.with_name("other.wav"), "--asr", "demo")
    assert "other.wav: 没有与它相符的话单" in unknown.err


def test_score_names_a_format_that_it_cannot_read_before_anything_is_made(qa: Run, recording: Path, tmp_path: Path) -> None:
    failed = qa("score", recording, "--asr", "demo", "--calls", recording)
    assert failed.code == 2 and not (tmp_path / "qa.db").exists()
