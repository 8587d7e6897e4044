"""``deploy/outdated.py`` against a package index of our own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "deploy" / "outdated.py"
ASKED: list[tuple[str, str]] = []


def file(name: str, days: float, **more: object) -> dict[str, object]:
    return {"filename": name, "upload-time": (datetime.now(UTC) - timedelta(days=days)).isoformat(), **more}


KNOWN: dict[str, list[dict[str, object]]] = {
    "even": [file("even-1.0.tar.gz", 900), file("even-2.0rc1.tar.gz", 400), file("even-2.0.tar.gz", 300, yanked="broken")],
    "young": [file("young-1.0.tar.gz", 900), file("young-1.1-py3-none-any.whl", 10.5), file("young-1.1.tar.gz", 10.2)],
    "my-late": [file("my_late-1.10.tar.gz", 20), file("my_late-1.9-py3-none-any.whl", 120.5), file("my_late-1.2.tar.gz", 900)],
    "odd": [file("odd.exe", 3), {"filename": "odd-2.0.tar.gz"}, file("odd-1.0.tar.gz", 9)],
}


class Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.strip("/").split("/")[-1]
        ASKED.append((name, self.headers["Accept"]))
        body = json.dumps({"files": KNOWN[name]}).encode() if name in KNOWN else b""
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def told(folder: Path, lines: list[str]) -> tuple[int, list[str], str]:
    (folder / "constraints.txt").write_text("# a line of words\n" + "\n".join(lines) + "\n", "utf-8")
    ASKED.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as index:
        threading.Thread(target=index.serve_forever, daemon=True).start()
        command = [sys.executable, str(PROGRAM), "--constraints", str(folder / "constraints.txt")]
        done = subprocess.run([*command, "--index", f"http://127.0.0.1:{index.server_port}/simple/"], capture_output=True, text=True)
        index.shutdown()
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize(
    "line, status, said",
    [
        ("even==1.0   # MIT", 0, []),
        ("young==1.0", 0, ["young 1.0 -> 1.1, behind for 10 days"]),
        ("My_Late==1.2", 1, ["my-late 1.2 -> 1.10, behind for 120 days (late)"]),  # since the first newer one, by number and not by letters
        ("odd==1.0", 0, []),
    ],
)
def test_what_is_behind_and_since_when(tmp_path: Path, line: str, status: int, said: list[str]) -> None:
    assert told(tmp_path, [line])[:2] == (status, said)
    assert [name for name, accept in ASKED if "json" in accept] == [line.split("==")[0].lower().replace("_", "-")]


def test_an_index_that_does_not_tell_is_no_good_news(tmp_path: Path) -> None:
    status, said, errors = told(tmp_path, ["gone==1.0", "young==1.0"])
    assert status == 2 and len(said) == 1 and "gone" in errors
