"""Models that tell speakers apart: gated ones, a pipeline of several files, pickles."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from commands import Run
from model_hub import Hub, home, hub, model_folder, sha256

from qa import models
from qa.errors import ModelError

__all__ = ["home", "hub"]

# ---------------------------------------------------------------- models that tell speakers apart

PIPELINE = {name: f"of {name}".encode() for name in models.PIPELINE_FILES}
GATED = "pyannote/speaker-diarization-community-1"


@pytest.fixture
def gated(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    hub.files, hub.repository, hub.token = {**PIPELINE, "README.md": b"# card"}, GATED, "hf_secret"
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))
    for key in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(key, raising=False)
    return hub


def test_a_gated_model_without_a_token_is_one_message_that_says_what_to_do(gated: Hub) -> None:
    with pytest.raises(ModelError) as caught:
        models.pull("community-1", gated.url)
    cure = caught.value.cure
    assert f"https://huggingface.co/{GATED}" in cure and "HF_TOKEN" in cure and "同意" in cure and "\n" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "hf_of_somebody_who_has_not_agreed"])
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("refusal", [(401, "GatedRepo"), (403, "GatedRepo"), (401, "RepoNotFound")])
def test_whatever_way_the_hub_refuses_it_is_the_same_one_line(
    gated: Hub, refusal: tuple[int, str], listed: bool, token: str, monkeypatch: pytest.MonkeyPatch, qa: Run
) -> None:
    """Without a token and with one whose owner has not agreed to the terms; of the latter the hub tells about the model all the same."""
    gated.refusal, gated.listed = refusal, listed
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    done = qa("models", "pull", "community-1", "--endpoint", gated.url)
    said = [line for line in (done.out + done.err).splitlines() if line.strip()]
    assert done.code == 2 and len(said) == 1, said
    assert all(part in said[0] for part in (f"https://huggingface.co/{GATED}", "HF_TOKEN", "同意", "qa models pull"))
    assert not token or token not in said[0]


def test_a_gated_model_is_fetched_with_the_token_and_its_folders_are_verified(gated: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", gated.token)
    status = models.pull("community-1", gated.url)
    assert status.path is not None and status.kind == "diarization" and status.gated
    sums = (status.path / "SHA256SUMS").read_text()
    assert f"{sha256(PIPELINE['plda/plda.npz'])}  plda/plda.npz\n" in sums and len(sums.splitlines()) == len(PIPELINE)
    assert models.verify("community-1").ok
    found = models.locate_diarization(None, models.PIPELINE_FILES)
    assert (found.path, found.name, found.demo) == (status.path, "community-1", False)


def test_one_flipped_bit_in_a_folder_of_the_model_is_found(gated: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", gated.token)
    path = models.pull("community-1", gated.url).path
    assert path is not None
    weights = (path / "embedding/pytorch_model.bin").resolve()
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert {f.file for f in models.verify("community-1").files if f.state == "differs"} == {"embedding/pytorch_model.bin"}
    with pytest.raises(ModelError, match="SHA-256 不符"):
        models.locate_diarization("community-1", models.PIPELINE_FILES)


def test_the_hub_is_shut_while_a_pipeline_loads_and_open_again_for_a_pull(gated: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from qa.diarization.pyannote_engine import without_hub

    monkeypatch.setenv("HF_TOKEN", gated.token)
    with without_hub(), without_hub(), pytest.raises(ModelError, match="下载失败"):
        models.pull("community-1", gated.url)
    assert not gated.asked
    with pytest.raises(ZeroDivisionError), without_hub():
        _ = 1 // 0
    assert models.pull("community-1", gated.url).path is not None


def pipeline_folder(folder: Path) -> Path:
    for name, data in PIPELINE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_local_folder_of_a_pipeline_its_fingerprint_and_what_it_lacks(home: Path) -> None:
    folder = pipeline_folder(home / "mine")
    first = models.locate_diarization(str(folder), models.PIPELINE_FILES)
    assert (first.name, first.demo) == ("mine", False)
    (folder / "plda/plda.npz").write_bytes(b"another")
    assert models.locate_diarization(str(folder), models.PIPELINE_FILES).fingerprint != first.fingerprint
    (folder / "plda/plda.npz").unlink()
    with pytest.raises(ModelError, match=r"缺少 plda/plda\.npz"):
        models.locate_diarization(str(folder), models.PIPELINE_FILES)


def test_a_copy_of_the_bundled_pipeline_is_still_the_bundled_one(home: Path) -> None:
    pipeline_folder(home / "models/diarization-demo")
    copy = pipeline_folder(home / "copy")
    assert models.locate_diarization(str(copy), models.PIPELINE_FILES).demo
    (copy / "config.yaml").write_bytes(b"other")
    assert not models.locate_diarization(str(copy), models.PIPELINE_FILES).demo


@pytest.mark.parametrize("change", [None, "segmentation/pytorch_model.bin", "config.yaml"])
def test_a_pickle_whose_hash_is_not_recorded_or_differs_is_not_opened(home: Path, change: str | None) -> None:
    from qa.diarization.pyannote_engine import verified

    folder = pipeline_folder(home / "mine")
    if change is not None:
        models.write_hashes(folder)
        verified(folder)
        (folder / change).write_bytes(b"evil")
    with pytest.raises(ModelError, match="不予加载"):
        verified(folder)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "./a"])
def test_a_record_of_hashes_cannot_name_files_outside_of_its_folder(home: Path, name: str) -> None:
    folder = model_folder(home / "mine")
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(ModelError, match="格式"):
        models.locate(str(folder))


def test_the_list_of_models_names_the_extra_in_full(qa: Run) -> None:
    """Square brackets are no markup."""
    assert "qa-callcentre[diarization]" in "".join(qa("models", "list").out.split())


def test_a_download_that_fails_names_the_option_of_the_kind_of_model(gated: Hub, hub: Hub) -> None:
    for name, option in (("community-1", "--diarization pyannote:文件夹"), ("large-v3-turbo", "--asr 文件夹")):
        with pytest.raises(ModelError) as caught:
            models.pull(name, "http://127.0.0.1:9")
        assert option in caught.value.cure


def test_a_pipeline_without_a_record_of_hashes_is_told_how_to_make_one_that_then_holds(home: Path) -> None:
    """The command that is told is run as it stands; what it records is what both the check and the engine go by."""
    from qa.diarization.pyannote_engine import verified

    for name, ask in (("a", verified), ("b", lambda folder: models.verify(str(folder)))):
        folder = pipeline_folder(home / name)
        (folder / "embedding.onnx").write_bytes(b"for the other engine")
        with pytest.raises(ModelError, match="没有") as caught:
            ask(folder)
        command = re.search(r"sha256sum .* > SHA256SUMS", caught.value.cure)
        assert command is not None
        subprocess.run(["sh", "-c", command[0]], cwd=folder, check=True)
        assert models.verify(str(folder)).ok
        verified(folder)
