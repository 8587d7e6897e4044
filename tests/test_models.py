"""Models: which is taken, never silently another; fetched from a local server with the hub's layout; hashes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from model_hub import COMMIT, REPOSITORY, SMALL, WEIGHTS, Hub, home, hub, model_folder, sha256

from qa import models
from qa.errors import ModelError
from qa.paths import models_dir

__all__ = ["home", "hub"]

# ---------------------------------------------------------------- locate


def test_production_that_is_not_here_is_one_clear_error_and_never_the_demo_model() -> None:
    for choice in (None, "large-v3-turbo"):
        with pytest.raises(ModelError) as caught:
            models.locate(choice)
        assert caught.value.subject == "模型 large-v3-turbo"
        assert caught.value.cause == "还没有下载到本机"
        for words in ("qa models pull large-v3-turbo", "--asr 文件夹", "--asr demo"):
            assert words in caught.value.cure


def test_demo_is_found_and_marked(home: Path) -> None:
    found = models.locate("demo")
    assert (found.path, found.name, found.demo) == (home / "models/asr-demo", "demo", True)
    assert found.fingerprint == sha256(b"demo weights")[:12]


def test_demo_stays_demo_as_a_folder_and_as_a_copy(home: Path) -> None:
    assert models.locate(str(home / "models/asr-demo")).demo
    copy = shutil.copytree(home / "models/asr-demo", home / "my-production-model")
    found = models.locate(str(copy))
    assert (found.name, found.demo) == ("my-production-model", True)


def test_own_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model_folder(home / "whisper-zh")
    found = models.locate(str(folder))
    assert (found.path, found.name, found.demo, found.fingerprint) == (folder, "whisper-zh", False, sha256(WEIGHTS)[:12])
    monkeypatch.chdir(home)
    assert models.locate("./whisper-zh").name == models.locate("whisper-zh").name == "whisper-zh"


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_incomplete_folder(home: Path, name: str) -> None:
    folder = model_folder(home / "m")
    (folder / name).unlink()
    with pytest.raises(ModelError, match="缺少 " + name.replace(".json", "") if name.startswith("voc") else f"缺少 {name}"):
        models.locate(str(folder))


def test_unknown_name_and_file_for_a_folder(home: Path) -> None:
    with pytest.raises(ModelError, match=r"既不是已知的模型名.*large-v3-turbo"):
        models.locate("large-v9")
    with pytest.raises(ModelError, match="不是文件夹"):
        models.locate(str(home / "models/models.toml"))


def test_changed_file_with_a_recorded_hash_is_refused(home: Path) -> None:
    folder = model_folder(home / "m")
    models.write_hashes(folder)
    assert models.locate(str(folder)).fingerprint == sha256(WEIGHTS)[:12]
    (folder / "tokenizer.json").write_bytes(b"{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json 内容与记录的 SHA-256 不符"):
        models.locate(str(folder))


def test_fingerprint_follows_the_weights_through_the_cache(home: Path) -> None:
    folder = model_folder(home / "m", b"one")
    assert models.locate(str(folder)).fingerprint == sha256(b"one")[:12]
    (folder / "model.bin").write_bytes(b"three")
    assert models.locate(str(folder)).fingerprint == sha256(b"three")[:12]
    kept = json.loads((home / "cache/qa-callcentre/model-hashes.json").read_text())
    assert [v for k, v in kept.items() if k.startswith(f"{folder}/model.bin:")] == [sha256(b"three")]
    (home / "cache/qa-callcentre/model-hashes.json").write_text("{broken")
    assert models.locate(str(folder)).fingerprint == sha256(b"three")[:12]


def test_locate_and_list_open_no_socket(hub: Hub, home: Path) -> None:
    """In a fresh process an audit hook ends the program at the first connection or name look-up."""
    models.pull("large-v3-turbo", hub.url)
    code = (
        "import os, sys\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'socket.sendto'): os._exit(9)\n"
        "sys.addaudithook(hook)\n"
        "from qa import models\n"
        "assert models.locate(None).name == 'large-v3-turbo'\n"
        "try: models.locate('small')\n"
        "except models.ModelError: print('missing')\n"
        "assert sorted(m.name for m in models.list_models() if m.path) == ['demo', 'diarization-demo', 'large-v3-turbo']\n"
        "if len(sys.argv) > 1:\n"
        "    import socket; socket.create_connection(('127.0.0.1', 9))\n"
    )
    root = Path(__file__).parents[1]
    quiet = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (quiet.returncode, quiet.stdout) == (0, "missing\n"), quiet.stderr
    loud = subprocess.run([sys.executable, "-c", code, "connect"], cwd=root, capture_output=True, check=False)
    assert loud.returncode == 9  # the hook does see connections


# ---------------------------------------------------------------- list, pull, verify


def test_list_shows_what_is_here(hub: Hub, home: Path) -> None:
    before = {m.name: m for m in models.list_models()}
    assert before["large-v3-turbo"].production and before["large-v3-turbo"].path is None
    assert before["large-v3-turbo"].repository == REPOSITORY
    assert before["demo"].demo and before["demo"].path == home / "models/asr-demo" and not before["demo"].production
    pulled = models.pull("large-v3-turbo", hub.url)
    assert pulled in models.list_models()
    assert pulled.size_bytes == len(WEIGHTS) + sum(map(len, SMALL.values()))


def test_table_names_the_repositories_of_faster_whisper() -> None:
    from faster_whisper.utils import _MODELS

    for status in models.list_models():
        if status.kind == "asr":
            assert status.repository == (None if status.demo else _MODELS[status.name])


def test_pull_fetches_what_is_needed_and_records_hashes(hub: Hub, home: Path) -> None:
    status = models.pull("large-v3-turbo", hub.url)
    assert status.path is not None and status.path.is_relative_to(home / "hub") and status.path.name == COMMIT
    assert sorted(p.name for p in status.path.iterdir()) == sorted([*SMALL, "model.bin", "SHA256SUMS"])
    assert not any("safetensors" in call or "README" in call for call in hub.asked)
    sums = (status.path / "SHA256SUMS").read_text()
    assert f"{sha256(WEIGHTS)}  model.bin\n" in sums and len(sums.splitlines()) == 5
    found = models.locate(None)
    assert (found.path, found.name, found.demo, found.fingerprint) == (status.path, "large-v3-turbo", False, sha256(WEIGHTS)[:12])
    assert models.verify("large-v3-turbo").ok


def test_endpoint_of_the_environment(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert models.pull("large-v3-turbo").path is not None
    assert hub.asked


def test_verify_finds_one_flipped_bit_and_pull_mends_it(hub: Hub) -> None:
    path = models.pull("large-v3-turbo", hub.url).path
    assert path is not None
    weights = (path / "model.bin").resolve()
    data = bytearray(weights.read_bytes())
    data[1234] ^= 1
    weights.write_bytes(data)
    report = models.verify("large-v3-turbo")
    assert not report.ok
    assert {f.file: f.state for f in report.files if f.state != "ok"} == {"model.bin": "differs"}
    differing = next(f for f in report.files if f.file == "model.bin")
    assert (differing.expected, differing.actual) == (sha256(WEIGHTS), sha256(bytes(data)))
    with pytest.raises(ModelError, match=r"qa models pull large-v3-turbo"):
        models.locate(None)
    models.pull("large-v3-turbo", hub.url)
    assert models.verify("large-v3-turbo").ok and models.locate(None).fingerprint == sha256(WEIGHTS)[:12]


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json"])
def test_corrupted_download_is_fetched_once_more(hub: Hub, name: str) -> None:
    hub.spoil, hub.times = {name: b"X" * len(hub.files[name])}, 1
    models.pull("large-v3-turbo", hub.url)
    assert models.verify("large-v3-turbo").ok
    assert sum(call.startswith("GET") and call.endswith(name) for call in hub.asked) == 2


def test_download_that_stays_corrupted_is_refused_and_not_kept(hub: Hub) -> None:
    hub.spoil = {"model.bin": b"X" * len(WEIGHTS)}
    with pytest.raises(ModelError, match=r"model\.bin 与服务器公布的校验值不符"):
        models.pull("large-v3-turbo", hub.url)
    with pytest.raises(ModelError):
        models.locate(None)
    hub.spoil = {}
    models.pull("large-v3-turbo", hub.url)
    assert models.verify("large-v3-turbo").ok


def test_truncated_download_is_refused_and_can_be_repeated(hub: Hub) -> None:
    hub.spoil = {"tokenizer.json": SMALL["tokenizer.json"][:5]}
    with pytest.raises(ModelError, match="下载失败"):
        models.pull("large-v3-turbo", hub.url)
    with pytest.raises(ModelError):
        models.locate(None)
    hub.spoil = {}
    models.pull("large-v3-turbo", hub.url)
    assert models.verify("large-v3-turbo").ok


def test_repository_without_a_needed_file(hub: Hub) -> None:
    del hub.files["tokenizer.json"]
    with pytest.raises(ModelError, match=r"缺少 tokenizer\.json"):
        models.pull("large-v3-turbo", hub.url)


def test_hub_that_cannot_be_reached_or_does_not_know_the_model(hub: Hub) -> None:
    with pytest.raises(ModelError, match=r"从 http://127\.0\.0\.1:9 下载失败.*镜像"):
        models.pull("large-v3-turbo", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="下载失败"):
        models.pull("small", hub.url)
    for name, words in {"demo": "不需要下载", "large-v9": "没有这个名字"}.items():
        with pytest.raises(ModelError, match=words):
            models.pull(name, hub.url)


def test_verify_of_folders(home: Path) -> None:
    folder = model_folder(home / "m")
    with pytest.raises(ModelError, match="没有 SHA256SUMS"):
        models.verify(str(folder))
    models.write_hashes(folder)
    assert models.verify(str(folder)).ok
    (folder / "config.json").unlink()
    (folder / "vocabulary.txt").write_bytes(b"new")
    states = {f.file: f.state for f in models.verify(str(folder)).files if f.state != "ok"}
    assert states == {"config.json": "missing", "vocabulary.txt": "unrecorded"}
    (folder / "SHA256SUMS").write_text("nonsense\n")
    with pytest.raises(ModelError, match=r"SHA256SUMS:1.*sha256sum 的格式"):
        models.verify(str(folder))


def test_record_is_read_by_sha256sum(home: Path) -> None:
    folder = model_folder(home / "m")
    models.write_hashes(folder)
    command = shutil.which("sha256sum")
    if command is None:
        pytest.skip("GNU sha256sum is not here")
    done = subprocess.run([command, "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("OK") == 5


def test_broken_table(home: Path) -> None:
    (home / "models/models.toml").write_text('production = "none"\ndemo = "demo"\n[models.demo]\nfolder = "asr-demo"\n')
    with pytest.raises(ModelError, match=r"models\.toml"):
        models.list_models()


@pytest.mark.skipif(not (models_dir() / "asr-demo").is_dir(), reason="the bundled model is not built yet")
def test_bundled_model_keeps_its_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "models_dir", models_dir)
    assert models.verify("demo").ok
