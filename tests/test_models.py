"""Models: which is taken, never silently another; fetched from a local server with the hub's layout; hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from qa import models
from qa.errors import ModelError
from qa.paths import models_dir

REPOSITORY = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
COMMIT = "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"
WEIGHTS = bytes(range(256)) * 2000
SMALL = {
    "config.json": b'{"alignment_heads": []}',
    "preprocessor_config.json": b'{"feature_size": 128}',
    "tokenizer.json": b'{"version": "1.0"}',
    "vocabulary.json": b'["a", "b"]',
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own cache of models and hashes, and a models folder with the real table and a small demo model."""
    for key in ("HF_ENDPOINT", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bundled = tmp_path / "models"
    model_folder(bundled / "asr-demo", b"demo weights")
    shutil.copy(models_dir() / "models.toml", bundled)
    monkeypatch.setattr(models, "models_dir", lambda: bundled)
    return tmp_path


def model_folder(folder: Path, weights: bytes = WEIGHTS) -> Path:
    folder.mkdir(parents=True)
    for name, data in {**SMALL, "model.bin": weights}.items():
        (folder / name).write_bytes(data)
    return folder


# ---------------------------------------------------------------- a hub


@dataclass
class Hub:
    """Files of one repository as a hub serves them; ``spoil`` changes what is sent of a file, ``times`` times.

    ``token``: only who sends it is served; "" for a public repository, to which no token may be sent.
    """

    files: dict[str, bytes]
    repository: str = REPOSITORY
    token: str = ""
    url: str = ""
    commit: str = COMMIT
    spoil: dict[str, bytes] = field(default_factory=dict)
    times: int = 1_000_000
    asked: list[str] = field(default_factory=list)

    def body(self, name: str) -> bytes:
        if name in self.spoil and self.times > 0:
            self.times -= 1
            return self.spoil[name]
        return self.files[name]


class _Handler(BaseHTTPRequestHandler):
    """The calls of huggingface_hub: repository information, list of files, HEAD and GET of a file."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(send_body=False)

    def do_GET(self) -> None:
        self.answer(send_body=True)

    def answer(self, send_body: bool) -> None:
        path = urlsplit(self.path).path
        self.hub.asked.append(f"{self.command} {path}")
        repository = self.hub.repository
        if not self.hub.token:
            assert "authorization" not in self.headers
        elif self.headers.get("authorization") != f"Bearer {self.hub.token}":
            return self.refuse(401, "GatedRepo")
        if path in (f"/api/models/{repository}", f"/api/models/{repository}/revision/main"):
            siblings = [{"rfilename": name} for name in self.hub.files]
            return self.reply(json.dumps({"id": repository, "sha": self.hub.commit, "siblings": siblings}).encode())
        if path.startswith(f"/api/models/{repository}/tree/"):
            return self.reply(json.dumps([self.entry(name) for name in self.hub.files]).encode())
        begin = f"/{repository}/resolve/"
        name = path.removeprefix(begin).partition("/")[2]
        if path.startswith(begin) and name in self.hub.files:
            return self.file(name, send_body)
        return self.refuse(404, "RepoNotFound")

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def entry(self, name: str) -> dict[str, object]:
        data = self.hub.files[name]
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": git_blob(data)}
        if name == "model.bin":
            entry["lfs"] = {"oid": sha256(data), "size": len(data), "pointerSize": 134}
        return entry

    def file(self, name: str, send_body: bool) -> None:
        true = self.hub.files[name]
        etag = sha256(true) if name == "model.bin" else git_blob(true)
        sent = self.hub.body(name) if send_body else b""
        self.send_response(200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("Content-Length", str(len(true)))
        self.end_headers()
        self.wfile.write(sent)
        self.close_connection = send_body and len(sent) < len(true)

    def reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[Hub]:
    served = Hub({**SMALL, "model.bin": WEIGHTS, "README.md": b"# card", "model.safetensors": b"not wanted"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": served}))
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


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
        "assert 'large-v3-turbo' in [m.name for m in models.list_models() if m.path]\n"
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
