"""A local server with the hub's layout, and a home with a small demo model."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from qa import models
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

    ``token``: only who sends it is served; "" for a public repository, to which no token may be sent.  ``listed``: anybody is told of a
    gated repository, as by the real hub, and only its files are kept back.  ``refusal``: the status and code of who is not served.
    """

    files: dict[str, bytes]
    repository: str = REPOSITORY
    token: str = ""
    listed: bool = False
    refusal: tuple[int, str] = (401, "GatedRepo")
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
        elif self.headers.get("authorization") != f"Bearer {self.hub.token}" and not (self.hub.listed and path.startswith("/api/")):
            return self.refuse(*self.hub.refusal)
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
