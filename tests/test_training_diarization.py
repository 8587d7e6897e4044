"""What the steps of the recipe of the diarisation models share: the course of a training, its checkpoints, the bundle's ``config.yaml``."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from qa import model_files

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "models" / "diarization"
sys.path.insert(0, str(RECIPE))


@pytest.fixture
def training() -> Any:
    pytest.importorskip("torch", reason="the extra qa-callcentre[train] is not installed")
    import training as found

    return found


def run_of(training: Any, minutes: float, seconds_a_step: float, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[float]]:
    """The steps of a training whose steps take so long, and the learning rate of each."""
    import torch

    clock = itertools.count(0.0, seconds_a_step)
    monkeypatch.setattr(training.time, "process_time", lambda: next(clock))
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    args = argparse.Namespace(minutes=minutes, rate=2.0)
    found, rates = [], []
    for step in training.steps(itertools.count(), optimiser, args, least=0.1):
        found.append(step)
        rates.append(optimiser.param_groups[0]["lr"])
    return found, rates


def test_a_training_lasts_as_long_as_was_said_and_each_batch_comes_once(training: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = run_of(training, 10, 1.0, monkeypatch)
    assert [s.number for s in found] == list(range(1, 600)) and [s.batch for s in found] == list(range(599))
    assert found[-1].done == pytest.approx(599 / 600)


def test_the_rate_rises_falls_with_the_time_and_keeps_a_rest(training: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found, rates = run_of(training, 100, 1.0, monkeypatch)
    assert rates[0] == pytest.approx(0.02, rel=1e-2) and rates[49] == pytest.approx(1.0, rel=1e-2)
    assert rates[2999] == pytest.approx(2.0 * (1 - found[2999].done)) and rates[-1] == pytest.approx(0.2)


def test_a_checkpoint_is_due_every_three_minutes(training: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (10, 20):  # of the same steps, however long the training is
        found, _ = run_of(training, minutes, 1.0, monkeypatch)
        due = [s.number for s in found if s.keep]
        assert due[0] == 200 and all(number % 25 == 0 for number in due)
        assert all(180 < b - a <= 205 for a, b in itertools.pairwise(due)) and len(due) == (2 if minutes == 10 else 5)


def test_a_checkpoint_is_replaced_whole(training: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    training.keep(tmp_path, {"step": 1})

    def broken(what: object, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(training.torch, "save", broken)
        with pytest.raises(OSError, match="disk full"):
            training.keep(tmp_path, {"step": 2})
    assert torch.load(tmp_path / "last.pt")["step"] == 1
    training.keep(tmp_path, {"step": 3})
    assert torch.load(tmp_path / "last.pt")["step"] == 3 and [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_a_step_of_the_recipe_leaves_what_another_wrote_and_hashes_hold(tmp_path: Path) -> None:
    import config_file

    (tmp_path / "config.yaml").write_text("pipeline: {name: old, params: {a: 1}}\nvoices: {same: 0.4}\n", "utf-8")
    config_file.update(tmp_path, {"pipeline": {"name": "new"}, "sherpa_onnx": {"threshold": 0.5}})
    assert yaml.safe_load((tmp_path / "config.yaml").read_text("utf-8")) == {
        "pipeline": {"name": "new"},
        "voices": {"same": 0.4},
        "sherpa_onnx": {"threshold": 0.5},
    }
    config_file.update(tmp_path, {"voices": {"same": 0.6}})
    assert yaml.safe_load((tmp_path / "config.yaml").read_text("utf-8"))["voices"] == {"same": 0.6}
    assert {check.state for check in model_files.check_files(tmp_path, cached=False)} == {"ok"}
    (tmp_path / "config.yaml").unlink()
    config_file.update(tmp_path, {"pipeline": {"name": "first"}})
    assert yaml.safe_load((tmp_path / "config.yaml").read_text("utf-8")) == {"pipeline": {"name": "first"}}


TELL = "import json, sys, backend; print(json.dumps(backend.config(*json.loads(sys.argv[1]))))"


@pytest.mark.skipif(importlib.util.find_spec("pyannote.audio") is None, reason="the extra qa-callcentre[diarization] is not installed")
def test_every_key_of_the_pipeline_comes_from_the_recipe() -> None:
    """The bundled ``config.yaml`` has the keys that the recipe writes, and perhaps already those of the linking."""
    bundled = yaml.safe_load((ROOT / "models" / "diarization-demo" / "config.yaml").read_text("utf-8"))
    found = [bundled["pipeline"]["params"]["clustering"], bundled["params"]["clustering"], bundled["sherpa_onnx"]["threshold"]]
    command = [sys.executable, "-c", TELL, json.dumps(found)]  # the recipe sets its process up: no network, no warnings
    done = subprocess.run(command, capture_output=True, text=True, cwd=RECIPE, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert {key: bundled[key] for key in made} == made and bundled.keys() - made.keys() <= {"voices"}
