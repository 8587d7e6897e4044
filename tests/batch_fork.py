"""A server that starts the program by forking: a JSON line a run on its standard input, an exit status a line back.

Loading the libraries takes a second or two a process; here they are loaded, and compiled, once.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from pathlib import Path

import batch_moments

import qa.batch.pool
import qa.batch.start
from qa import acoustics, activity, decode, fingerprint
from qa.cli import main


def child(arguments: list[str], moment: str | None, log: str) -> None:
    """The program in a process group of its own, its output in ``log``."""
    os.setpgid(0, 0)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(handle, number)
    batch_moments.without_recogniser()
    if moment is not None:
        batch_moments.install(moment)
    try:
        main(arguments)
    except SystemExit as ended:
        os._exit(int(ended.code or 0))


def serve() -> None:
    warm = decode.decode(Path(sys.argv[1]))
    acoustics.measure(warm, activity.detect(warm))
    fingerprint.program()
    forking = functools.partial(qa.batch.pool.LocalPool, start_method="fork")
    qa.batch.start.LocalPool = forking  # type: ignore[assignment, misc]
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        number = os.fork()
        if number == 0:
            child(asked["arguments"], asked["moment"], asked["log"])
        _, status = os.waitpid(number, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
