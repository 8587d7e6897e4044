"""The files in deploy/ fit the program: commands and options exist, nothing runs with more rights than it needs."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer.main
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from qa.cli import app
from qa.operation.retention import KINDS, read

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Sections with the values of each key: systemd's keys may stand several times."""
    found: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return found


def check_command(line: str) -> None:
    """Errors where the program has no such command or option."""
    _program, name, *rest = shlex.split(line)
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {option for param in command.params for option in param.opts}
    assert {word for word in rest if word.startswith("--")} <= known, line


@pytest.mark.parametrize("path", UNITS, ids=lambda p: p.name)
def test_the_units_call_commands_that_exist(path: Path) -> None:
    lines = unit(path)["Service"]["ExecStart"]
    assert lines
    for line in lines:
        check_command(line)


def test_https_without_a_proxy_is_the_same_unit_with_another_command() -> None:
    service = unit(DEPLOY / "qa-web-tls.conf")["Service"]
    empty, line = service["ExecStart"]
    assert empty == "" and {"--tls-cert", "--tls-key"} <= set(line.split())
    check_command(line)
    named = {value.split(":")[0] for value in service["LoadCredential"]}
    assert {word.removeprefix("%d/") for word in line.split() if word.startswith("%d/")} == named
    assert "Environment" not in service and "User" not in service  # all else stays what the unit says


def test_the_web_app_may_do_nothing_but_its_work() -> None:
    service = {key: values[-1] for key, values in unit(DEPLOY / "qa-web.service")["Service"].items()}
    asked = {"NoNewPrivileges": "true", "ProtectSystem": "strict", "ProtectHome": "true", "PrivateTmp": "true", "CapabilityBoundingSet": ""}
    asked |= {"UMask": "0077", "KillSignal": "SIGTERM", "IPAddressDeny": "any", "LimitCORE": "0", "User": "qa"}
    assert service | asked == service
    assert int(service["TimeoutStopSec"]) > 10  # qa.web.running.STOP_S


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for path in (*UNITS, *DEPLOY.glob("*.timer")):
        text = re.sub(r"/opt/qa/bin/qa", "/bin/true", path.read_text("utf-8")).replace("User=qa\n", "").replace("Group=qa\n", "")
        (tmp_path / path.name).write_text(text, "utf-8")
    told = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())], capture_output=True, text=True)
    assert not [line for line in told.stderr.splitlines() if "qa-" in line]


def test_the_timer_has_its_service() -> None:
    parsed = configparser.ConfigParser()
    parsed.read(DEPLOY / "qa-purge.timer")
    assert "OnCalendar" in parsed["Timer"] and (DEPLOY / "qa-purge.service").exists()


def test_the_container_is_not_root_and_its_paths_exist() -> None:
    lines = (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER qa"]
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            assert all((DEPLOY.parent / source).exists() for source in line.split()[1:-1]), line
    (entry,) = [line for line in lines if line.startswith("ENTRYPOINT ")]
    check_command(" ".join(re.findall(r'"([^"]+)"', '"/x" ' + entry)[0:1] + re.findall(r'"([^"]+)"', entry)[1:]))


def test_the_example_of_periods_is_read() -> None:
    assert set(read(DEPLOY / "retention.toml").days) == set(KINDS)


def test_the_inventory_holds_every_library_in_a_version_that_the_program_takes() -> None:
    """``deploy/constraints.txt``: what is installed in a house, by name, version and licence."""
    lines = [line for line in (DEPLOY / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    known = {}
    for line in lines:
        found = re.fullmatch(r"(\S+)==(\S+) +# (\S.*)", line)
        assert found, line
        known[canonicalize_name(found[1])] = found[2]
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in map(Requirement, project["dependencies"]):
        assert requirement.specifier.contains(known[canonicalize_name(requirement.name)]), requirement
    assert len(known) == len(lines) > len(project["dependencies"])  # what these need is there as well
