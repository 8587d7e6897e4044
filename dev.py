#!/usr/bin/env python3
"""Set up and run the project from a fresh clone.  Needs Python 3.11 and nothing else.

    python3 dev.py demo     set up, score recordings_sample/ and write the reports
    python3 dev.py test     set up, then run all that CI runs: ruff, mypy --strict, tests
    python3 dev.py setup    set up only
    python3 dev.py outdated which libraries of deploy/constraints.txt are behind the package index (run it monthly)

All may be run again at any time: what is there already is not made again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# torch and OpenMP threads of several programs must not spin against each other.
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(*command: str | Path, check: bool = True) -> int:
    """Run a command in the project folder; stop with its exit code if it fails and ``check`` is set."""
    print("+", *command, flush=True)
    code = subprocess.run([str(c) for c in command], cwd=ROOT, env=ENVIRONMENT, check=False).returncode
    if check and code:
        sys.exit(code)
    return code


def make_venv() -> None:
    """Create .venv; on Debian, where the module may be missing, say or do what is needed."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if run(sys.executable, "-m", "venv", VENV, check=False) == 0:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "python3-venv")
        shutil.rmtree(VENV, ignore_errors=True)
        run(sys.executable, "-m", "venv", VENV)
        return
    sys.exit(
        "Python's venv module is missing. Debian/Ubuntu: sudo apt-get install python3-venv, then run this again.\n"
        "缺少 venv 模块: 请先执行 sudo apt-get install python3-venv, 再运行本命令。"
    )


def setup(extra: str = "") -> None:
    """Install the project into .venv, unless exactly that is installed already."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        sys.exit(f"Python 3.11 or 3.12 is needed, this is {sys.version.split()[0]}. 需要 Python 3.11 或 3.12。")
    make_venv()
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
    stamp = VENV / f"installed{extra}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    run(PYTHON, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    run(PYTHON, "-m", "pip", "install", "--quiet", "--editable", f".{extra}")
    stamp.write_text(wanted)


def demo() -> None:
    """Score the sample calls with the bundled demonstration model and show the agents."""
    setup()
    qa = VENV / "bin" / "qa"
    run(
        qa,
        "score",
        "recordings_sample",
        "--calls",
        "recordings_sample/calls.csv",
        "--profile",
        "default",
        "--asr",
        "demo",
        "--db",
        "sample.db",
        "--report",
        "reports",
    )
    run(qa, "agents", "--db", "sample.db")
    print(f"\nReports / 报告: {ROOT / 'reports' / 'index.html'}\nDatabase / 数据库: {ROOT / 'sample.db'}")


def test() -> None:
    """All that CI runs."""
    setup("[dev]")
    run(PYTHON, "-m", "ruff", "format", "--check", ".")
    run(PYTHON, "-m", "ruff", "check", ".")
    run(PYTHON, "-m", "mypy")
    run(PYTHON, "-m", "pytest")


def outdated() -> None:
    """What is to be updated; stops with 1 where something is later than docs/security.md allows."""
    setup()
    run(PYTHON, "deploy/outdated.py")


if __name__ == "__main__":
    tasks = {"demo": demo, "test": test, "setup": setup, "outdated": outdated}
    if len(sys.argv) != 2 or sys.argv[1] not in tasks:
        sys.exit(__doc__)
    tasks[sys.argv[1]]()
