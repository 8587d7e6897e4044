"""Health, figures and logs of the web app, and its stop: nothing of a call or of a person leaves by any of them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_web_access import PRIVATE, asked
from web_house import AGENTS, NUMBER, PEOPLE, SCRIPTS, House, call_id

from qa import __version__
from qa.operation import backup, health, purge
from qa.operation.retention import Retention
from qa.people import audit
from qa.store import Store
from qa.web import journal
from qa.web.routes import ROUTES

OWN = {"call_id": call_id("8001", 0), "agent_id": "8001", "team": "一组"}
PERSONAL = (
    *(NUMBER, NUMBER[3:], *(name for name, _ in AGENTS.values()), *(person.name for person in PEOPLE.values())),
    *(call_id(agent, k) for agent in AGENTS for k in range(3)),
    *(line.split(None, 2)[2][:6] for script in SCRIPTS.values() for line in script.strip().splitlines()),
)
"""What no log and no figure may hold: numbers, names, ids of calls and agents, words that were said."""


def figures(text: str) -> dict[str, float]:
    """Samples by name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[f"{sample.name}{sorted(sample.labels.items())}"] = sample.value
    return found


# ---------------------------------------------------------------- health


def test_alive_and_ready(house: House) -> None:
    browser = house.anonymous()
    for path in ("/healthz", "/healthz/ready"):
        answer = browser.get(path)
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "ok\n", "text/plain; charset=utf-8")


@pytest.mark.parametrize("trouble", ["database", "audit-key", "disk"])
def test_what_is_wrong_is_named_and_nothing_else(house: House, trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = house.anonymous()
    assert browser.get("/healthz/ready").status_code == 200
    audit.record(house.store.db, "a", "b", "c", "d")
    if trouble == "database":
        house.db.rename(house.folder / "elsewhere.db")
    elif trouble == "audit-key":
        audit.key_path(house.store.db).unlink()
    else:
        monkeypatch.setattr(health, "LEAST_FREE", 1 << 62)
    answer = browser.get("/healthz/ready")
    assert (answer.status_code, answer.text) == (503, f"{trouble}\n")
    assert browser.get("/healthz").status_code == 200


# ---------------------------------------------------------------- figures


def test_figures_are_the_administrators(house: House) -> None:
    assert house.anonymous().get("/metrics").status_code == 303
    assert house.client("qa").get("/metrics").status_code == 403
    answer = house.client("admin").get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_figures_count_what_was_answered(house: House) -> None:
    qa = house.client("qa")
    for _ in range(3):
        qa.get(f"/calls/{OWN['call_id']}")
    qa.get("/calls/nobody-knows-it")
    qa.get("/no/such/page")
    house.client("agent").post("/review/assign")
    purge.run(house.store, Retention({"caches": 1}), "me", datetime.now(UTC) + timedelta(days=900))
    found = figures(house.client("admin").get("/metrics").text)
    count = lambda route, method, status: found[f"qa_requests_total{sorted({'route': route, 'method': method, 'status': status}.items())}"]  # noqa: E731
    assert count("/calls/{call_id}", "GET", "200") == 3 and count("/calls/{call_id}", "GET", "404") == 1
    assert count("(none)", "GET", "404") == 1 and count("/review/assign", "POST", "403") == 1
    assert found["qa_request_seconds_count[('route', '/calls/{call_id}')]"] == 4
    assert found["qa_ready[]"] == 1 and found["qa_scorecards[]"] == 12 and found["qa_database_bytes[]"] == house.db.stat().st_size
    assert abs(found["qa_last_purge_timestamp_seconds[]"] - datetime.now(UTC).timestamp()) < 600


def test_labels_come_from_the_program_alone(house: House) -> None:
    """Whatever is asked for and by whom: every label's value is a route, a method, a status, a bucket or the version."""
    for page in PRIVATE:
        for who in ("agent", "qa", "trainer", "hr"):
            asked(house.client(who), page, OWN)
    house.client("qa").client.request("BREW", "/review")
    house.client("qa").get(f"/search?words={NUMBER}")
    text = house.client("admin").get("/metrics").text
    routes = {page.path for page in ROUTES} | {"(none)"}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for name, value in sample.labels.items():
                allowed = {"route": routes, "method": {"GET", "HEAD", "POST", "other"}, "version": {__version__}}.get(name)
                assert value in allowed if allowed is not None else re.fullmatch(r"\d{3}|\d+\.\d+|\+Inf", value), (name, value)
    assert not [word for word in PERSONAL if word in text]


def test_figures_of_a_database_that_is_gone(house: House) -> None:
    app = house.app()
    house.db.unlink()
    assert figures(app.state.figures.text().decode())["qa_ready[]"] == 0


# ---------------------------------------------------------------- logs


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_no_log_holds_anything_of_a_call_or_a_person(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages by all roles, with errors whose messages hold the words and the number of a customer."""
    journal.configure()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"{NUMBER} 我要投诉 {call_id('8001', 0)}")

    for page in PRIVATE:
        for who in PEOPLE:
            asked(house.client(who), page, OWN)
    house.anonymous().get(f"/calls/{call_id('8001', 0)}?q={NUMBER}")
    house.anonymous().client.post("/login", data={"login": "李敏", "password": NUMBER, "csrf": "x"})
    monkeypatch.setattr(Store, "scorecard", broken)
    monkeypatch.setattr(Store, "stored_call", broken)
    monkeypatch.setattr(Store, "load", broken)
    for path in (f"/calls/{call_id('8001', 0)}", f"/review/{call_id('8001', 0)}"):
        assert house.client("qa").get(path).status_code == 500
    out = capsys.readouterr().err
    events = [json.loads(line) for line in out.splitlines()]
    assert {"denied", "bug"} <= {event["event"] for event in events}
    assert not [word for word in PERSONAL if word in out]
    known = {"event", "level", "timestamp", "route", "status", "user_id", "kind", "places"}
    assert set().union(*events) <= known
    assert {event["route"] for event in events} <= {page.path for page in ROUTES}


def test_who_is_not_let_in_is_logged(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    journal.configure()
    house.client("agent").get("/review")
    house.client("lead").get(f"/calls/{call_id('8003', 0)}")
    house.anonymous().get("/review")
    told = [(e["event"], e["route"], e["status"], e["user_id"]) for e in logged(capsys)]
    agent, lead = house.users["agent"].id, house.users["lead"].id
    assert told == [("denied", "/review", 403, agent), ("denied", "/calls/{call_id}", 404, lead), ("denied", "/review", 401, None)]


def test_a_line_of_the_log_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    journal.configure()
    journal.denied('/x\n{"event": "forged"}', 403, None)
    (event,) = logged(capsys)
    assert event["event"] == "denied" and event["timestamp"].endswith(("Z", "+00:00"))


# ---------------------------------------------------------------- start and stop


def started(house: House, *more: str) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "qa", "serve", "--db", str(house.db), "--port", "0", *more]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    assert running.stdout is not None
    return running, int(running.stdout.readline().strip().rstrip("/").rpartition(":")[2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_when_the_app_stops(house: House, number: signal.Signals) -> None:
    running, port = started(house)
    with running, socket.create_connection(("127.0.0.1", port)) as half:
        body = b"lang=en"
        head = f"POST /language HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        head += "Content-Type: application/x-www-form-urlencoded\r\n"
        half.sendall(f"{head}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert b"100 Continue" in half.recv(1000)  # the app waits for the rest of this request
        running.send_signal(number)
        with pytest.raises(OSError):
            while True:  # nobody new is let in any more
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
        half.sendall(body)
        answer = half.recv(100)
        assert answer.startswith(b"HTTP/1.1 403")  # without the token of our own page: answered all the same
        assert running.wait(30) == 0
        assert running.stderr is not None
        assert [json.loads(line)["event"] for line in running.stderr][-1] == "stopped"


def test_figures_on_a_port_of_their_own(house: House) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running, app_port = started(house, "--metrics-port", str(port))
    with running:
        urllib.request.urlopen(f"http://127.0.0.1:{app_port}/login").read()
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        found = figures(text)
        assert found["qa_ready[]"] == 1 and found["qa_requests_total[('method', 'GET'), ('route', '/login'), ('status', '200')]"] == 1
        through_the_app = urllib.request.urlopen(f"http://127.0.0.1:{app_port}/metrics")
        assert "/login" in through_the_app.url  # there they are the administrator's
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


# ---------------------------------------------------------------- the page


def test_the_page_tells_of_purges_and_whether_their_proof_holds(house: House) -> None:
    admin = house.client("admin")
    assert "还没有清理过" in admin.get("/operation").text
    later = datetime.now(UTC) + timedelta(days=400)
    purge.run(house.store, Retention({"transcripts": 365}), "王管理", later)
    shown = admin.get("/operation").text
    assert "王管理" in shown and "通话文字" in shown and "已抹去" in shown and "相符" in shown
    with house.store.db.writing():
        house.store.db.sqlite.execute("drop trigger purged_no_delete")
        house.store.db.sqlite.execute("delete from purged where id = 1")
    assert "不符或中断" in admin.get("/operation").text
    assert ("admin", "operation.view", "") in house.actions()


def test_the_newest_backup_is_on_the_first_page_with_a_warning_after_a_day(house: House, tmp_path: Path) -> None:
    admin, moment = house.client("admin"), lambda: datetime.fromtimestamp(house.clock[0], UTC)
    assert "还没有备份过" in admin.get("/").text and "还没有备份过" in admin.get("/operation").text
    made = backup.backup(house.db, tmp_path / "backups", "王管理", moment())
    for page in ("/", "/operation"):
        shown = admin.get(page).text
        assert all(word in shown for word in (str(made.folder), "王管理", "还没有试过")) and "早于 24 小时" not in shown
    backup.rehearse(made.folder, house.db, "王管理")
    house.clock[0] += 24 * 3600
    shown = house.client("admin").get("/").text
    assert "完好" in shown and "还没有试过" not in shown and "早于 24 小时" not in shown
    found = figures(house.client("admin").get("/metrics").text)
    assert found["qa_last_backup_timestamp_seconds[]"] == house.clock[0] - 24 * 3600
    assert abs(found["qa_last_backup_check_timestamp_seconds[]"] - datetime.now(UTC).timestamp()) < 600
    house.clock[0] += 1
    assert "早于 24 小时" in house.client("admin").get("/").text
    backup.backup(house.db, tmp_path / "backups", "王管理", moment())
    shown = house.client("admin").get("/").text  # the trial was of the one before
    assert "还没有试过" in shown and "早于 24 小时" not in shown
    assert "最近一次备份" not in house.client("qa").get("/").text
