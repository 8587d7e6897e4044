"""What health and figures tell of the work in the background and of the keys, and what ``qa serve`` says of it when it starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from second_steps import enrolled
from test_operation import figures, started
from web_house import House

from qa.clips import index
from qa.operation import health
from qa.people import second_factor

# ---------------------------------------------------------------- work in the background

SERVER = """
import sys
from pathlib import Path
from qa.web import running
from qa.web.settings import Settings

def broken(store):
    if not store.path.with_name("mended").exists():
        raise RuntimeError("我的电话是一三八零零零零幺二三四")
    return False

def idle(store):
    return False

if __name__ == "__main__":
    running.KEPT = {"search": broken, "figures": idle}
    running.serve(Settings(Path(sys.argv[1])), "127.0.0.1", 0, "", lambda address: print(address, flush=True))
"""


def ready(address: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"{address}healthz/ready") as answer:
        return answer.status, answer.read().decode()


def test_a_running_server_tells_which_work_in_the_background_is_down(house: House) -> None:
    script = house.folder / "server.py"
    script.write_text(SERVER)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, str(script), str(house.db)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as running:
        assert running.stdout is not None and running.stderr is not None
        address = running.stdout.readline().strip()
        while ready(address) != (200, "search-down\n"):  # people are let in all the same
            threading.Event().wait(0.05)
        house.folder.joinpath("mended").touch()
        while ready(address) != (200, "ok\n"):
            threading.Event().wait(0.05)
        running.send_signal(signal.SIGTERM)
        told = running.stderr.read()
        assert running.wait(30) == 0
    events = [json.loads(line) for line in told.splitlines()]
    assert ("bug", "search") in {(event["event"], event.get("route")) for event in events} and "电话" not in told


def test_the_administrator_and_the_figures_tell_it_too(house: House) -> None:
    app = house.app()
    assert "qa_keeper_up{" not in app.state.figures.text().decode()  # this one has nothing in the background
    app.state.figures.keepers = lambda: {"search": False, "figures": True}
    admin = house.client("admin")
    found = figures(admin.get("/metrics").text)
    assert found["qa_keeper_up[('keeper', 'search')]"] == 0 and found["qa_keeper_up[('keeper', 'figures')]"] == 1
    assert found["qa_ready[]"] == 1
    for path in ("/", "/operation"):
        page = admin.get(path).text
        assert "search-down" in page and "figures-down" not in page


def test_figures_of_calls_that_the_search_does_not_show(house: House) -> None:
    index.refresh(house.store)
    assert figures(house.client("admin").get("/metrics").text)["qa_search_outdated[]"] == 0
    with house.store.db.writing():
        house.store.db.sqlite.execute("update search_calls set version = 0 where team = '二组'")
    assert figures(house.client("admin").get("/metrics").text)["qa_search_outdated[]"] == 6


# ---------------------------------------------------------------- keys


def damaged(house: House, damage: str) -> Path:
    """The key of the second factors, of which one is kept, gone, cut short, or another one."""
    path = second_factor.KEY.path(house.db)
    if damage == "cut short":
        path.write_text(path.read_text()[:20])
    else:
        path.unlink()
    if damage == "another":
        second_factor.KEY.make(house.db)
    return path


@pytest.mark.parametrize(("damage", "cause"), [("gone", "不见了"), ("cut short", "不完整"), ("another", "不符")])
def test_a_key_of_second_factors_that_lets_nobody_in_is_told(house: House, damage: str, cause: str) -> None:
    browser = house.anonymous()
    enrolled(house)
    assert browser.get("/healthz/ready").status_code == 200 and health.found(house.store) == ()
    path = damaged(house, damage)
    answer = browser.get("/healthz/ready")
    assert (answer.status_code, answer.text) == (503, "second-factor-key\n")
    (problem,) = health.found(house.store)
    assert problem.error.subject == str(path) and cause in problem.error.cause and "备份" in problem.error.cure
    assert figures(house.client("admin").get("/metrics").text)["qa_ready[]"] == 0


def test_without_any_second_factor_no_key_is_missed(house: House) -> None:
    assert not second_factor.KEY.path(house.db).exists()
    assert house.anonymous().get("/healthz/ready").status_code == 200


def test_the_server_says_at_its_start_which_key_is_missing_and_what_to_do(house: House) -> None:
    enrolled(house)
    path = damaged(house, "gone")
    running, _port = started(house)
    with running:
        running.send_signal(signal.SIGTERM)
        assert running.stderr is not None
        lines = running.stderr.read().splitlines()
        assert running.wait(30) == 0
    (told,) = [line for line in lines if not line.startswith("{")]
    assert str(path) in told and "两步验证的密钥文件不见了" in told and "请从备份恢复该文件" in told and "qa user reset" in told


def test_backup_and_restore_name_the_keys_that_go_along(house: House, tmp_path: Path) -> None:
    qa = [sys.executable, "-m", "qa"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    enrolled(house)

    def run(*arguments: object) -> str:
        return subprocess.run([*qa, *map(str, arguments)], capture_output=True, text=True, env=env, check=True).stdout

    told = run("backup", "--to", tmp_path / "backups", "--db", house.db)
    assert "qa.db.audit-key" in told and "qa.db.second-factor-key" in told
    (folder,) = (tmp_path / "backups").iterdir()
    told = run("restore", folder, "--db", tmp_path / "new.db")
    assert "new.db.audit-key" in told and "new.db.second-factor-key" in told
