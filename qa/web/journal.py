"""What the web app writes to the server's log: structured, and without words, names or numbers of any call.

Of a bug only its kind and the places it went through are written, never its message or a value: both may hold what a customer said.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import PurePath

import structlog

from qa.errors import QaError

log = structlog.get_logger("qa.web")


def configure() -> None:
    """A line of JSON an event, on standard error."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper("iso"), structlog.processors.JSONRenderer()],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # looked up at each line: whoever redirects it gets what follows
        cache_logger_on_first_use=False,
    )


def places(error: BaseException) -> list[str]:
    """Where an error went through, the innermost last: ``store.py:210 call``."""
    return [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]


def bug(route: str, error: BaseException) -> None:
    """A fault of the program; ``route``: the pattern of the address, without its values."""
    log.error("bug", route=route, kind=type(error).__name__, places=places(error))


def denied(route: str, status: int, user_id: int | None) -> None:
    """Somebody was not let in, or asked for what is not theirs; ``user_id`` None: nobody was logged in."""
    if status in (401, 403, 404, 429):
        log.warning("denied", route=route, status=status, user_id=user_id)


def refused(route: str, error: BaseException) -> None:
    """An error that the program raised on purpose and that ended a request."""
    log.warning("refused", route=route, kind=type(error).__name__)


def met(route: str, error: Exception) -> None:
    """Whatever ended a request, or a piece of work in the background (``route``: its name)."""
    (refused if isinstance(error, QaError) else bug)(route, error)
